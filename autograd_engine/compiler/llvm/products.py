"""Products with matrices in a loop over samples: found in its straight line, and written as loops.

A layer of a network is recorded number by number. What its units compute is a chain of multiply-adds for each, along a
row of the weights, and the gradient is a sum over the samples for each weight. As straight code, large layers take long
to compile, and longer to execute than they need to, since the processor reads every instruction from memory. The loops
do the same operations in the same order, so each number has the same bits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from autograd_engine.compiler.program.program import IN_BUFFERS, SHARED, Program
from autograd_engine.compiler.program.regions import Line, lines

FROM = 3000
"""Instructions. What is shorter is faster as straight code."""
LEAST = 4
"""Rows and columns of a matrix, at least."""
WORTH = 64
"""Entries of a matrix, at least."""


class Places(NamedTuple):
    """Numbers that lie at equal distances in memory: where the first one does, and how far it is to the next."""

    first: int
    step: int


@dataclass(eq=False)
class Product:
    """A matrix times a vector: a chain of multiply-adds for each of its `results`, over the `numbers`.

    The matrix is part of the argument that `source` reads, a scalar or an element of an array: `first` is the place of
    its first entry there, `by_row` the distance to the same entry of the next row, `by_number` that to the next entry.
    """

    results: list[int]
    numbers: tuple[int, ...]
    source: tuple[str, tuple[int, ...]]
    first: int
    by_row: int
    by_number: int


@dataclass(eq=False)
class Sums:
    """The sums over the samples of the products of each of `rows` with each of `columns`.

    Of the sums of the loop, those of a row have consecutive numbers, the rows themselves lie at equal distances.
    """

    rows: list[int]
    columns: tuple[int, ...]
    places: Places


@dataclass(eq=False)
class Products:
    """What becomes loops in the loop over a batch: `inside` are the instructions that are in one of them, all but the
    results of products. `slots` has memory for vectors, whose numbers lie at equal distances there."""

    products: list[Product] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    slots: dict[int, int] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)

    def place(self, *vectors: Sequence[int]) -> bool:
        """Give places to the numbers of vectors. False where some have one already, and these do not fit."""
        before = len(self.slots)
        for numbers in vectors:
            if self.slots.keys().isdisjoint(numbers):
                for x in numbers:
                    self.slots.setdefault(x, len(self.slots))  # a number that comes again keeps its place
            if not self.slots.keys() >= {*numbers} or evenly([self.slots[x] for x in numbers]) is None:
                while len(self.slots) > before:
                    self.slots.popitem()
                return False
        return True

    def lie(self, numbers: Sequence[int]) -> Places:
        """Where the numbers of a vector lie that has places."""
        places = evenly([self.slots[x] for x in numbers])
        assert places is not None
        return places


def evenly(places: Sequence[int]) -> Places | None:
    """Where the first of some places is, and how far it is from each to the next; None if that differs."""
    step = places[1] - places[0]
    return Places(places[0], step) if all(y - x == step for x, y in itertools.pairwise(places)) else None


def products_of(program: Program) -> dict[tuple[int, int], Products]:
    """What becomes loops in the loops over samples, each by its stage and its batch."""
    of_batches = [line for line in lines(program.body) if line.batch != SHARED]
    return {(line.stage, line.batch): _found(program, line) for line in of_batches}


def _found(program: Program, line: Line) -> Products:
    found = Products()
    operations = {program.instructions[i].operation for i in line.instructions}
    if not operations.isdisjoint(_IN_ORDER):
        return found
    here = {*line.instructions}
    for product, inside in _products(program, line, here):
        if found.place(product.numbers, product.results):
            found.products.append(product)
            found.inside |= inside
    for sums, inside in _sums(program, line, here):
        if found.place(sums.rows, sums.columns):
            found.sums.append(sums)
            found.inside |= inside
    return found


_IN_ORDER = IN_BUFFERS | {"checked"}
"""What changes memory, or may end the call: a line with that is left as it is."""


@dataclass(eq=False)
class _Chain:
    """A multiply-add for each of the `numbers`, with entries of the argument that `source` reads."""

    source: tuple[str, tuple[int, ...]]
    lines: list[int]
    numbers: list[int]
    entries: list[int]


def _products(program: Program, line: Line, here: set[int]) -> Iterator[tuple[Product, set[int]]]:
    """The products in a line, each with the instructions that are in it, all but the results."""
    groups: dict[Any, list[tuple[int, _Chain]]] = {}
    instructions = program.instructions
    found = [chain for chain in _chains(program, line, here) if len(chain.entries) >= LEAST]
    used = Counter(itertools.chain.from_iterable(instructions[i].operands for i in line.instructions if found))
    for chain in found:
        entries = evenly(chain.entries)
        if entries is not None and used[chain.lines[-1]] == program.uses[chain.lines[-1]]:
            groups.setdefault((*chain.numbers, chain.source, entries.step), []).append((entries.first, chain))
    for (*_, by_number), chains in groups.items():
        chains.sort(key=lambda pair: pair[0])
        firsts = [first for first, _ in chains]
        for start, end in _even(firsts):
            rows = [chain for _, chain in chains[start:end]]
            numbers = rows[0].numbers
            if len(rows) * len(numbers) >= WORTH:
                results = [chain.lines[-1] for chain in rows]
                by_row = firsts[start + 1] - firsts[start]
                product = Product(results, tuple(numbers), rows[0].source, firsts[start], by_row, by_number)
                yield product, {i for chain in rows for i in chain.lines[:-1]}


def _even(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of at least LEAST places at equal distances, none of which overlap."""
    start = 0
    for k in range(2, len(places) + 1):
        if k == len(places) or places[k] - places[k - 1] != places[start + 1] - places[start]:
            if k - start >= LEAST:
                yield start, k
                start = k
            elif k - start > 1:
                start = k - 1


def _chains(program: Program, line: Line, here: set[int]) -> list[_Chain]:
    """The chains of multiply-adds in a line; nothing else uses what they have on the way."""
    found: dict[int, _Chain] = {}  # by the last line so far
    instructions, uses = program.instructions, program.uses
    for i in line.instructions:
        operation, operands, batch = instructions[i]
        if operation not in ("mul", "fma"):
            continue
        for entry, number in (operands[:2], operands[1::-1]):
            if entry < 0 or number < 0 or instructions[entry].operation not in _ENTRIES:
                continue
            if number not in here and instructions[number][::2] != ("sample", batch):
                continue
            kind, place, _ = instructions[entry]
            before = found.get(operands[2]) if operation == "fma" else _Chain((kind, place[:-1]), [], [], [])
            if before is not None and before.source == (kind, place[:-1]):
                if before.lines:
                    if uses[before.lines[-1]] > 1:
                        break
                    del found[before.lines[-1]]
                before.lines.append(i)
                before.numbers.append(number)
                before.entries.append(place[-1])
                found[i] = before
            break
    return [*found.values()]


_ENTRIES = frozenset({"scalar", "element"})
"""Numbers that lie side by side in the arguments; the last of their operands is the place."""


def _sums(program: Program, line: Line, here: set[int]) -> Iterator[tuple[Sums, set[int]]]:
    """The sums in a line that are those of a matrix, each with the instructions."""
    instructions = program.instructions
    sums = [i for i in line.sums if instructions[i].operation == "batch_sum"]  # the first of what is reduced
    rows: list[tuple[int, int, tuple[int, ...]]] = []  # the first sum of each, what is in all of its products, the rest
    common: set[int] = set()
    pairs: list[tuple[int, ...]] = []

    def end(number: int) -> None:
        if len(pairs) >= LEAST and len(common) == 1:
            [row] = common
            rows.append((number - len(pairs), row, tuple([y if x == row else x for x, y in pairs])))

    for number, i in enumerate(sums):
        operands = instructions[i].operands
        pair = operands if len({*operands}) == 2 and all(_is_here(program, x, here) for x in operands) else ()
        if common.isdisjoint(pair):
            end(number)
            pairs, common = [], {*pair}
        common = common.intersection(pair)
        if pair:
            pairs.append(pair)
    end(len(sums))
    for columns, group in itertools.groupby(rows, key=lambda row: row[2]):
        of_columns = [*group]
        for start, stop in _even([first for first, _, _ in of_columns]):
            firsts = [first for first, _, _ in of_columns[start:stop]]
            if len(columns) * len(firsts) >= WORTH:
                places = Places(firsts[0], firsts[1] - firsts[0])
                inside = {sums[first + k] for first in firsts for k in range(len(columns))}
                yield Sums([row for _, row, _ in of_columns[start:stop]], columns, places), inside


def _is_here(program: Program, x: int, here: set[int]) -> bool:
    """Whether an operand is a number of a sample that is known in the loop: computed or read there."""
    return x in here or (x >= 0 and program.instructions[x].operation == "sample")


def in_turns(program: Program, line: Sequence[int], products: Products) -> list[list[int] | Product]:
    """A line without what is in products, and these where they can be computed: after what they need, in as few
    stretches as possible."""
    of_result = {i: product for product in products.products for i in product.results}
    turns: dict[int, int] = {}  # after how many products, one waiting for the other, a number is known
    stretches: dict[int, list[int]] = {0: []}
    begun: dict[int, list[Product]] = {}
    for i in line:
        if i in products.inside:
            continue
        product = of_result.get(i)
        needed = program.instructions[i].operands if product is None else product.numbers
        turns[i] = turn = max([0, *[turns[x] for x in needed if x in turns]]) + (product is not None)
        if product is None:
            stretches.setdefault(turn, []).append(i)
        elif product not in begun.setdefault(turn, []):
            begun[turn].append(product)
    found: list[list[int] | Product] = []
    for turn in range(1 + max(turns.values(), default=0)):
        found += [*begun.get(turn, ()), stretches.get(turn, [])]
    return found
