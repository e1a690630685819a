"""The task of an exercise: a derivation line by line, some of whose numbers are blanks."""

from __future__ import annotations

import copy
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from autograd_engine.explanations import mistakes
from autograd_engine.explanations.chain_rule import Factor, Path, Term
from autograd_engine.explanations.names import Names
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.statements import (
    Sentence,
    Statement,
    calculation,
    derivative,
    displayed,
    product,
    total,
)
from autograd_engine.explanations.symbols import Name, Number, Symbol, is_number, times
from autograd_engine.value import Value

DIGITS = 4
MOST_UNASKED = 3  # blanks where no number is given

Slot = Factor | Path | Term
Quantity = frozenset[tuple[tuple[str, str], int]]


@dataclass(frozen=True)
class Blank:
    """A number to be found. `mistakes` are the numbers that usual mistakes lead to, each with what it shows; `hints`
    say more and more of how to find it. `markdown` and `hints_markdown` are the same words with formulas in LaTeX."""

    name: str
    asks_for: str
    answer: float = field(repr=False)  # or a repr would give it away
    mistakes: tuple[mistakes.Mistake, ...] = field(repr=False)
    hints: tuple[str, ...] = field(default=(), repr=False)
    markdown: str = field(default="", repr=False)
    hints_markdown: tuple[str, ...] = field(default=(), repr=False)


class Task:
    """The lines of a derivation; of the numbers in it `blanks` many are left blank, drawn by `seed`.

    The last term's is always one of them. What is blank is blank wherever it occurs, and no line gives it away: where
    all else of a product is shown, so is not what comes out. Where there are fewer, it is all numbers; without
    `blanks`, some.
    """

    def __init__(self, out: Value, terms: Sequence[Term], names: Names, blanks: int | None, seed: int) -> None:
        self.out, self.names = out, names
        self.terms = [_multiplied_out(term) for term in terms]
        self.numbers = {term.node: term for term in self.terms}
        self.slots: dict[Quantity, Slot] = {}
        for slot in self._slots():
            self.slots.setdefault(self._quantity(slot), slot)
        last = self.terms[-1]
        self.slots[self._quantity(last)] = last
        others = [quantity for quantity, slot in self.slots.items() if slot is not last]
        chosen = [*self._drawn(others, (blanks or MOST_UNASKED) - 1, seed), self._quantity(last)]
        self.blanks = {key: self._blank(self.slots[key], _letters(place)) for place, key in enumerate(chosen)}
        hints = {key: self._hints(self.slots[key], blank.name) for key, blank in self.blanks.items()}
        for key, blank in self.blanks.items():
            texts, formulas = (tuple(getattr(hint, form) for hint in hints[key]) for form in ("text", "markdown"))
            self.blanks[key] = replace(blank, hints=texts, hints_markdown=formulas)

    def text(self, given: Sequence[Statement]) -> str:
        """The task as plain text, after what is given."""
        asked = ", ".join(f"({blank.name})" for blank in self.blanks.values())
        lines = ["Given", *(line.text for line in given), f"find {asked}", *(line.text for line in self.lines())]
        return "\n".join(line if line in (lines[0], f"find {asked}") else _indented(line) for line in lines)

    def markdown(self, given: Sequence[Statement]) -> str:
        """The task in Markdown with LaTeX, after what is given."""
        asked = ", ".join(f"**{blank.name}**" for blank in self.blanks.values())
        return "\n\n".join(["Given", displayed(given), f"find {asked}", displayed(self.lines())])

    def solved(self) -> list[Statement]:
        """The derivation without blanks."""
        whole = copy.copy(self)
        whole.blanks = {}
        return list(whole.lines())

    def lines(self) -> Iterator[Statement]:
        """The derivation, term by term, path by path."""
        for term in self.terms:
            sign = derivative(self.names.name(self.out), self.names.name(term.node))
            if len(term.paths) == 1:
                yield calculation(sign, self._product(term.paths[0], sign), self._shown(term, term.number))
                continue
            for i, path in enumerate(term.paths):
                left = Name(f"path {i + 1}", rf"\text{{path {i + 1}}}")
                yield calculation(left, self._product(path, left), self._shown(path, path.number))
            sums = total(self._shown(path, path.number) for path in term.paths)
            yield calculation(sign, [sums], self._shown(term, term.number))

    def _drawn(self, others: Sequence[Quantity], most: int, seed: int) -> list[Quantity]:
        """So many numbers beside the last one, or fewer: none can be had by undoing a multiplication or an addition."""
        first = random.Random(seed).sample(range(len(others)), min(most, len(others)))
        waiting = [others[place] for place in dict.fromkeys([*first, *range(len(others))])]
        equations, asked = list(self._equations()), {self._quantity(self.terms[-1])}
        while len(asked) <= most:
            found = next((x for x in waiting if not _gives_away(equations, {*asked, x})), None)
            if found is None:
                break
            waiting.remove(found)
            asked.add(found)
        return [x for x in others if x in asked]

    def _equations(self) -> Iterator[tuple[set[Quantity], Quantity]]:
        """The numbers that are multiplied or added, and what comes out."""
        for term in self.terms:
            for path in term.paths:
                members = {self._quantity(x) for x in path.factors if not is_number(x.symbol, 1)}
                if path.source is not self.out:
                    members.add(self._quantity(self.numbers[path.source]))
                yield members, self._quantity(path if len(term.paths) > 1 else term)
            if len(term.paths) > 1:
                yield {self._quantity(path) for path in term.paths}, self._quantity(term)

    def _slots(self) -> Iterator[Slot]:
        """Every number that can be asked for, some of them more than once."""
        for term in self.terms:
            for path in term.paths:
                factors = [factor for factor in path.factors if not is_number(factor.symbol, 1)]
                if len(factors) > 1 or path.source is not self.out:
                    yield from filter(mistakes.has_a_sign, factors)
                if len(term.paths) > 1 and not all(isinstance(factor.symbol, Number) for factor in factors):
                    yield path
            yield term

    def _quantity(self, slot: Slot) -> Quantity:
        """What is the same wherever a number occurs: its factors, apart from those that are 1."""
        if isinstance(slot, Term):
            if len(slot.paths) > 1:
                return frozenset({((self.names.name(slot.node).text, ""), 1)})
            [slot] = slot.paths
        count = Counter[tuple[str, str]]()
        if isinstance(slot, Path) and slot.source is not self.out:
            count[self.names.name(slot.source).text, ""] += 1
        for factor in slot.factors if isinstance(slot, Path) else [slot]:
            if not is_number(factor.symbol, 1):
                count[self.names.name(factor.child).text, factor.text] += 1
        return frozenset(count.items())

    def _blank(self, slot: Slot, name: str) -> Blank:
        if isinstance(slot, Factor):
            found = mistakes.of_factor(slot)
        elif isinstance(slot, Path):
            found = mistakes.of_product(slot.factors, slot.number)
        else:
            [first, *others] = slot.paths
            found = chain(
                mistakes.of_sum(slot.paths, slot.number) if others else mistakes.of_product(first.factors, slot.number),
                [mistakes.of_value(self.names.name(self.out).text, self.out.data)],
            )
        elsewhere = ((f"this is {self._asks_for(other).text}", other.number) for other in self.slots.values())
        reasons: dict[float, str] = {}
        for what, number in chain(found, elsewhere):
            if mistakes.matters(number, slot.number):
                reasons.setdefault(number, what)
        asked = self._asks_for(slot)
        known = tuple((what, x) for x, what in reasons.items())
        return Blank(name, asked.text, slot.number, known, markdown=asked.markdown)

    def _asks_for(self, slot: Slot) -> Sentence:
        if isinstance(slot, Factor):
            return Sentence("{}", (mistakes.sign(slot),))
        if isinstance(slot, Term):
            return Sentence("{}", (self._of(slot),))
        [(term, i)] = [(term, i) for term in self.terms for i, path in enumerate(term.paths) if path is slot]
        return Sentence(f"path {i + 1} of {{}}", (self._of(term),))

    def _hints(self, slot: Slot, name: str) -> list[Sentence]:
        """What to do, then with which expressions, then with which numbers."""
        blank, equation = _box(name), "{} = {}"
        if isinstance(slot, Factor):
            child, parent = (self.names.name(node) for node in (slot.child, slot.parent))
            whole = (child, self.names.expression(slot.child), parent)
            hints = [Sentence("Differentiate {} = {} with respect to {}", whole)]
            return hints if isinstance(slot.symbol, Number) else [*hints, Sentence(equation, (blank, slot.symbol))]
        if isinstance(slot, Term) and len(slot.paths) > 1:
            paths = Sentence(f"path {' + path '.join(map(str, range(1, len(slot.paths) + 1)))}")
            sums = total(self._shown(path, path.number) for path in slot.paths)
            return [Sentence("Add up what comes over all paths"), paths, Sentence(equation, (blank, sums))]
        path = slot.paths[0] if isinstance(slot, Term) else slot
        lines = {text(line): line for line in self._product(path, Name("path"))}
        useful = [line for words, line in lines.items() if re.search(r"[ /]|[^\W\d]", words) and words != blank.text]
        first = Sentence("Multiply the local derivatives along the path")
        return [first, *(Sentence(equation, (blank, line)) for line in useful)]

    def _of(self, term: Term) -> Name:
        return derivative(self.names.name(self.out), self.names.name(term.node))

    def _product(self, path: Path, left: Name) -> list[Symbol]:
        """A path as signs, as expressions and as numbers."""
        signs = list(map(mistakes.sign, path.factors))
        symbols = [self._shown(factor, factor.number, factor.symbol) for factor in path.factors]
        numbers = [self._shown(factor, factor.number) for factor in path.factors]
        if path.source is not self.out:
            source = self.numbers[path.source]
            sign = derivative(self.names.name(self.out), self.names.name(path.source))
            signs.insert(0, sign)
            symbols.insert(0, self._shown(source, source.number, sign))
            numbers.insert(0, self._shown(source, source.number))
        lines = [product(signs), product(symbols), product(numbers)]
        return lines[1:] if len(signs) == 1 and left.text.startswith("d ") else lines

    def _shown(self, slot: Slot, number: float, symbol: Symbol | None = None) -> Symbol:
        blank = self.blanks.get(key := self._quantity(slot))
        # What a path or a term is made of is shown, or nobody could tell what to compute.
        if blank and (symbol is None or isinstance(symbol, Number) or isinstance(self.slots[key], Factor)):
            return _box(blank.name)
        return Number(number, DIGITS) if symbol is None else symbol


def _multiplied_out(term: Term) -> Term:
    """The term with the shared factors on each path."""

    def path(of: Path) -> Path:
        number = of.number
        for factor in term.common:
            number = times(number, factor.number)
        return Path(of.source, (*of.factors, *term.common), number)

    return replace(term, common=(), paths=tuple(map(path, term.paths)))


def _gives_away(equations: Sequence[tuple[set[Quantity], Quantity]], asked: set[Quantity]) -> bool:
    """Whether some equation has one number that is asked for among those which lead to one that is shown."""
    return any(result not in asked and len(members & asked) == 1 for members, result in equations)


def _box(name: str) -> Name:
    """A blank as it stands in a derivation."""
    return Name(f"({name})", rf"\boxed{{{name}}}")


def _letters(place: int) -> str:
    """A, B … Z, AA, AB …."""
    ahead, letter = divmod(place, 26)
    return (_letters(ahead - 1) if ahead else "") + chr(ord("A") + letter)


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")
