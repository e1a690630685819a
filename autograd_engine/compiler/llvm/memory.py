"""Where the results of a program's instructions are kept.

Shared instructions are scalar code, those of a batch the body of a loop over its samples. Every straight line of the
program is cut into parts, each a function; what is needed beyond its part lies in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from autograd_engine.compiler.llvm.layout import Layout
from autograd_engine.compiler.llvm.order import LATENCY, TOGETHER, interleaved, tiles
from autograd_engine.compiler.llvm.products import Product, Products, Sums, in_turns
from autograd_engine.compiler.llvm.rows import Row, rows_of
from autograd_engine.compiler.program.program import (
    FROM_OUTSIDE,
    IN_BUFFERS,
    OF_LOOP,
    REDUCTIONS,
    SHARED,
    STACKS,
    Program,
)
from autograd_engine.compiler.program.regions import Line, cut, lines, parts
from autograd_engine.compiler.program.traced_function import Leaf
from autograd_engine.forks import Lazy

TILE = 4
"""Blocks of samples that go through one part before the next part begins, while its code is at hand."""

ROWS = 16
"""Rows of outputs that one function stores, at most."""

COPIED = 16
"""Outputs. As many that lie side by side elsewhere, or more, are copied as a whole."""

NO_CODE = FROM_OUTSIDE - {"sample"} | {"stack", "memory"} | REDUCTIONS.keys()
"""What has a value in the shared code without an instruction of its own: it is read where it is needed."""


@dataclass(eq=False)
class Part:
    """What becomes one function: instructions, and rows of outputs that are stored after them; or a `loop`."""

    instructions: list[int]
    rows: list[Row]
    loop: Product | Sums | None = None

    @property
    def results(self) -> list[int]:
        """The instructions whose results are known after it."""
        return self.loop.results if isinstance(self.loop, Product) else self.instructions


@dataclass(eq=False)
class Section:
    """The shared code of a stage or the body of a loop, in parts, and the memory that it needs for itself.

    `sums` numbers the sums of a loop, and whatever else it reduces its samples to, those of a kind side by side,
    `slots` what crosses from part to part of it; `rows` are the outputs of samples that are stored here. With `tiled`
    sums stay in registers over the blocks of a tile, as many as there are registers for. What the `products` compute
    is no instruction of the section, but for the first of the results.
    """

    stage: int
    batch: int
    program: Program
    instructions: dict[int, None] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    tiled: bool = False
    products: Products = field(default_factory=Products)

    @Lazy
    def parts(self) -> list[Part]:
        """What becomes one function each."""
        of_instructions = self._lines or ([] if self.batch == SHARED else [Part([], [])])
        of_rows = [self.rows[k : k + ROWS] for k in range(0, len(self.rows), ROWS)]
        if len(of_instructions) == len(of_rows) == 1:
            return [Part(of_instructions[0].instructions, of_rows[0])]
        return [*of_instructions, *[Part([], rows) for rows in of_rows]]

    @property
    def _lines(self) -> list[Part]:
        """The instructions, cut into lines, and the loops between and after them.

        A loop over samples that has stacks is not cut, since a part goes through several blocks before the next begins,
        and there is one buffer for a block.
        """
        operations = [self.program.instructions[i].operation for i in self.instructions]
        if self.batch != SHARED and not STACKS.isdisjoint(operations):
            return [Part(list(self.instructions), [])]
        of_first = {product.results[0]: product for product in self.products.products}
        found: list[Part] = []
        for product, line in itertools.groupby([i for i in self.instructions if i not in self.sums], of_first.get):
            cuts = parts(self.program, [*line]) if product is None else [[]]
            found += [Part(part, [], product) for part in cuts]
        groups = tiles(self.program, [i for i in self.sums if i in self.instructions])
        if not self.tiled:  # sums of the same numbers still follow one another, which saves the compiler much time
            groups = cut([*itertools.chain(*groups)])
        if len(groups) == 1 and found and found[-1].loop is None:
            found[-1].instructions += groups.pop()
        return [*found, *[Part(group, []) for group in groups], *[Part([], [], sums) for sums in self.products.sums]]

    @Lazy
    def in_registers(self) -> set[int]:
        """The sums that stay in registers."""
        of_parts = [self.sums.keys() & part.instructions for part in self.parts] if self.tiled else []
        return set().union(*[sums for sums in of_parts if len(sums) <= TOGETHER])


class Plan:
    """The division of a program; what it needs of memory is written into `layout`.

    `stages` are the sections in the order in which they are executed, of each stage the shared code first. `outputs`
    are the indices of the shared operands among the outputs. `kept` numbers what crosses from loop to loop,
    `shared_slots` what crosses from shared code to other sections, and the sums. `rounds` are the plans of the bodies
    of loops around samples, whose results have such memory from the beginning; the names of functions begin with
    `name`.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        leaves: Sequence[Leaf] = (),
        products: Mapping[tuple[int, int], Products] = MappingProxyType({}),
        name: str = "",
        outer: Plan | None = None,
    ) -> None:
        self.program, self.layout, self.products, self.name = program, layout, products, name
        # Of all plans together: the numbers of buffers, and where what loops keep lies in their records.
        self.buffers: dict[bool, dict[tuple[int, int, int], int]] = {} if outer is None else outer.buffers
        self.places: dict[int, Sequence[tuple[int, int]]] = {} if outer is None else outer.places
        self.shared_slots: dict[int, int] = {}
        self.kept: dict[int, int] = {}
        self.rounds: list[RoundPlan] = []
        self.left: set[int] = set()  # what loops around samples leave behind
        for x in program.watched:  # the first of the shared memory
            self.keep(x)
        layout.watched += len(program.watched)
        self._find_copies(leaves)
        self._divide()
        self._assign_outputs(leaves)
        self._assign_slots()
        for stage in self.stages:
            layout.sums = max([layout.sums, *[len(section.sums) for section in stage]])

    def _find_copies(self, leaves: Sequence[Leaf]) -> None:
        """Outputs that are entries of a stack, one after the other, are copied as a whole: `copies` has the stack, its
        first entry, how many there are, and the index of the first output."""
        program = self.program
        self.copies: list[tuple[int, int, int, int]] = []
        self.copied: set[int] = set()
        run: list[int] = []
        place = 0

        def end() -> None:
            if len(run) >= COPIED:
                stack, first = self._entry(run[0])
                self.copies.append((stack, first, len(run), place - len(run)))
                self.copied.update(run)
            run.clear()

        for [x] in [of for leaf, of in _of_leaves(program, leaves) if leaf.batch == SHARED]:
            is_entry = x >= 0 and program.instructions[x].operation == "entry" and program.uses[x] == 1
            if not is_entry or (run and self._entry(x) != (self._entry(run[-1])[0], self._entry(run[-1])[1] + 1)):
                end()
            if is_entry:
                run.append(x)
            place += 1
        end()

    def _entry(self, i: int) -> tuple[int, int]:
        """The stack and the place of an entry."""
        stack, place = self.program.instructions[i].operands
        return stack, int(self.program.constants[-1 - place])

    def _divide(self) -> None:
        """A section for each straight line of the program."""
        program, instructions = self.program, self.program.instructions
        self.stages: list[list[Section]] = []
        self.ready = [0] * len(instructions)  # the stage from which on each is known
        for line in lines(program.body):
            if line.rounds:
                self._section(line.stage + 1, SHARED)  # for what it leaves
                self.rounds.append(RoundPlan(self, line.stage, line.instructions[0]))
                continue
            section = self._section(line.stage, line.batch)
            kinds = list(REDUCTIONS)
            of_a_kind = sorted(line.sums, key=lambda i: kinds.index(instructions[i].operation))
            section.sums = {i: k for k, i in enumerate(of_a_kind)}
            for i in of_a_kind:  # which lie side by side
                self.keep(i)
            for i in self._in_order(section, line):
                if i in self.copied:
                    continue
                if line.batch != SHARED:
                    samples = [x for x in instructions[i].operands if x >= 0 and instructions[x].operation == "sample"]
                    section.instructions.update(dict.fromkeys(samples))  # read where first needed, in each loop anew
                section.instructions[i] = None
            for i in line.instructions:
                self.ready[i] = line.stage + (i in section.sums)

    def _in_order(self, section: Section, line: Line) -> Sequence[int]:
        """The instructions of a line in the order in which they are computed; of a product, the first result."""
        if line.batch == SHARED:
            return line.instructions
        program, latency = self.program, LATENCY // self.layout.vectors
        products = self.products.get((line.stage, line.batch))
        if products is None:
            return interleaved(program, line.instructions, latency)
        section.products, section.slots = products, products.slots
        samples = [x for x in products.slots if program.instructions[x].operation == "sample"]
        section.instructions.update(dict.fromkeys(samples))
        found: list[int] = []
        for turn in in_turns(program, line.instructions, products):
            found += turn.results[:1] if isinstance(turn, Product) else interleaved(program, turn, latency)
        return found

    def _section(self, stage: int, batch: int) -> Section:
        """The section of a stage with the shared code or the loop over a batch."""
        while len(self.stages) <= stage + (batch != SHARED):  # what a loop finds is used in the next stage
            self.stages.append([Section(len(self.stages), SHARED, self.program)])
        for section in self.stages[stage]:
            if section.batch == batch:
                return section
        section = Section(stage, batch, self.program, tiled=not (self.layout.exact or self.layout.quick))
        self.stages[stage].append(section)
        return section

    def _assign_outputs(self, leaves: Sequence[Leaf]) -> None:
        """Where each output is stored: the indices of shared operands, the rows of those of a batch."""
        self.outputs: dict[int, list[int]] = {}
        for leaf, operands in _of_leaves(self.program, leaves):
            if leaf.batch == SHARED:
                [x] = operands
                if x not in self.copied:
                    self.outputs.setdefault(x, []).append(self.layout.outputs)
                self.layout.outputs += 1
            else:
                section = self._section(max([0, *[self.ready[x] for x in operands if x >= 0]]), leaf.batch)
                section.rows += rows_of(operands, leaf.place, self.layout.width)
                self.layout.rows[leaf.batch] += leaf.size

    def _assign_slots(self) -> None:
        """Give memory to what is needed beyond the part where it is computed."""
        layout = self.layout
        operations, operands, batches = zip(*self.program.instructions) if self.program.instructions else ((), (), ())
        sections = list(itertools.chain(*self.stages))
        home: dict[int, tuple[Section, Part]] = {}  # of what is not a sample, which has one in every loop
        for section in sections:
            for part in section.parts:
                home.update(dict.fromkeys(part.results, (section, part)))
        for section in sections:
            slots, samples = section.slots, dict[int, Part]()
            for part in section.parts:
                samples.update({i: part for i in part.instructions if operations[i] == "sample"})
                used = [operands[i] for i in part.instructions if operations[i] != "sample"]
                for of_one in [*used, *[row.operands for row in part.rows]]:
                    for x in of_one:
                        if x >= 0 and operations[x] == "captured":
                            self.keep(x)
                        if x < 0 or operations[x] in NO_CODE or operations[x] in IN_BUFFERS or x in self.left:
                            continue
                        if operations[x] == "sample":
                            if samples.get(x, part) is not part:
                                slots.setdefault(x, len(slots))
                            continue
                        where, of = home[x]
                        if of is part:
                            continue
                        if batches[x] != SHARED and where is section:
                            slots.setdefault(x, len(slots))
                        else:
                            self.keep(x)
        of_sections = [layout.width * len(x.sums) + TILE * layout.block * len(x.slots) for x in sections]
        layout.memory = max([layout.memory, *of_sections])

    def source(self, x: int) -> tuple[Plan, int]:
        """The plan in which an operand is computed, and which of its operands it is."""
        return self, x

    def place(self, x: int) -> tuple[str, int] | None:
        """Where a shared number lies: after which base, and how many doubles after it."""
        operation, operands, _ = self.program.instructions[x] if x >= 0 else ("", (), SHARED)
        if operation == "scalar":
            return "%scalars", operands[0]
        if operation == "element":
            return str(self.layout.array(operands[0])), operands[1]
        return ("%shared", self.shared_slots[x]) if x in self.shared_slots else None

    def stores(self) -> tuple[list[tuple[int, int]], list[tuple[str, int, int, int]]]:
        """What is stored in the outputs without being computed there: operands, each with the index of an output, and
        of numbers that lie as the outputs do, one after the other, the first's place, how many, and the first output.
        """
        instructions, one_by_one, together = self.program.instructions, list[tuple[int, int]](), []
        without_code = [x for x in self.outputs if x < 0 or instructions[x].operation in NO_CODE or x in self.left]
        pairs = sorted([(to, x) for x in without_code for to in self.outputs[x]])

        def run(number: int, to: int, x: int) -> tuple[Any, ...]:
            """The same for all that lie in one run, the first of them being the place of output 0."""
            base, index = self.place(x) or (None, 0)
            return base, index - to, to - number

        for (base, first, _), group in itertools.groupby(enumerate(pairs), lambda pair: run(pair[0], *pair[1])):
            found = [pair for _, pair in group]
            if base is None or len(found) < COPIED:
                one_by_one += [(x, to) for to, x in found]
            else:
                together.append((base, first + found[0][0], len(found), found[0][0]))
        return one_by_one, together

    def keep(self, x: int) -> None:
        """Give memory to what is needed beyond the function where it is computed."""
        plan, x = self.source(x)
        if x < 0 or plan.program.instructions[x].operation in _IN_PLACE:
            return
        batch = plan.program.instructions[x].batch
        if batch == SHARED and x not in plan.shared_slots:
            plan.shared_slots[x] = self.layout.slot()
        elif batch != SHARED and x not in plan.kept:
            plan.kept[x] = self.layout.row(batch)


_IN_PLACE = FROM_OUTSIDE | IN_BUFFERS
"""What is read where it is, wherever it is needed."""


def _of_leaves(program: Program, leaves: Sequence[Leaf]) -> Iterator[tuple[Leaf, list[int]]]:
    """The leaves of the result, each with its outputs."""
    outputs = iter(program.outputs)
    return ((leaf, list(itertools.islice(outputs, leaf.size))) for leaf in leaves)


class RoundPlan(Plan):
    """The division of the body of a loop around samples, which is instruction `number` of the plan `outer`.

    `slots` has the memory of each number that is carried, `rows` of each of a batch, with that batch; a round ends
    with setting them. Of the numbers of the loop itself, `done` counts the rounds before this one, `index` is its
    number, `most` how many there are, `goes` whether this one is executed, and `work` what was done since the last
    look at the caller.
    """

    def __init__(self, outer: Plan, stage: int, number: int) -> None:
        self.outer, self.stage, self.number = outer, stage, number
        self.loop = loop = outer.program.loops[number]
        layout = outer.layout
        self.done, self.most, self.goes, self.work = [layout.slot() for _ in range(4)]
        self.index = layout.slot() if loop.backwards else self.done
        self.rows = {k: (batch, layout.row(batch)) for k, batch in loop.rows.items()}
        others = [k for k in range(loop.carries) if k not in loop.rows and k not in loop.memories]
        self.slots = {k: layout.slot() for k in others}
        super().__init__(loop.body, layout, name=f"{outer.name}r{number}_", outer=outer)
        self.places[id(loop)] = [(loop.kept, k) for k in range(loop.kept)]
        for x in outer.program.instructions[number].operands[: 1 + loop.carries]:
            outer.keep(x)
        for x in loop.body.outputs:
            self.keep(x)

    def _assign_outputs(self, leaves: Sequence[Leaf]) -> None:
        """What the body gets, and what its loop leaves, have memory."""
        self.outputs = {}
        for x, (operation, operands, _) in enumerate(self.program.instructions):
            if operation == "index":
                self.shared_slots[x] = self.index
            elif operation == "carry":
                self._lies(self, x, operands[0])
        instructions = self.outer.program.instructions
        for x in range(self.number + 1, len(instructions)):
            if instructions[x].operation not in OF_LOOP:
                break
            self.outer.left.add(x)
            self.outer.ready[x] = self.stage + 1
            if instructions[x].operation == "result":
                self._lies(self.outer, x, int(self.outer.program.constants[-1 - instructions[x].operands[1]]))

    def _lies(self, plan: Plan, x: int, place: int) -> None:
        """An operand of a plan is the carry in a place, or -1 for the number of rounds."""
        if place in self.rows:
            plan.kept[x] = self.rows[place][1]
        elif place in self.slots or place < 0:
            plan.shared_slots[x] = self.done if place < 0 else self.slots[place]

    def source(self, x: int) -> tuple[Plan, int]:
        """The plan in which an operand is computed, and which of its operands it is."""
        if x >= 0 and self.program.instructions[x].operation == "captured":
            [place] = self.program.instructions[x].operands
            before = 1 + self.loop.carries + self.loop.stacks
            return self.outer.source(self.outer.program.instructions[self.number].operands[before + place])
        return self, x

    def reads_stacks(self, x: int) -> bool:
        """Whether a number that the body reads is a stack: one of a stack of stacks."""
        [place] = self.program.instructions[x].operands
        plan, stack = self.outer.source(self.stack(place))
        operation, operands, _ = plan.program.instructions[stack]
        if operation != "stack":
            return False
        return int(plan.program.constants[-1 - operands[1]]) >= plan.program.loops[operands[0]].kept

    def stack(self, place: int) -> int:
        """The operand of the outer plan that is the stack which the body reads in a place."""
        return self.outer.program.instructions[self.number].operands[1 + self.loop.carries + place]
