"""A derivation put into words: which statements, in which order, and what is left out of a long one."""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from autograd_engine.explanations.chain_rule import ACTIVATIONS, Derivation, Factor, Path, Term
from autograd_engine.explanations.names import Names
from autograd_engine.explanations.notation import latex, shortened
from autograd_engine.explanations.statements import (
    Folded,
    Line,
    Sentence,
    Statement,
    calculation,
    derivative,
    groups,
    notes,
    product,
    shown,
    total,
)
from autograd_engine.explanations.symbols import Name, Number, Symbol, is_number, times
from autograd_engine.explanations.tidy import Part, gathered, part, tidied
from autograd_engine.value import Value

MOST_FACTORS, MOST_TERMS, MOST_GROUPS, MOST_DEFINITIONS, MOST_NOTES = 9, 8, 24, 12, 8
CANCELLED = Sentence("paths cancel before they meet what is not finite, and zero times anything is zero")
SUMS = frozenset(("add", "sub", "sum", "dot"))  # what a neuron's pre-activation is the result of


@dataclass(frozen=True)
class Wording:
    """Writes the statements of one derivation. `seed` is None where the derivative is that of `out` itself.

    With `full`, nothing is left out, folded or put together.
    """

    out: Value
    wrt: Value
    derivation: Derivation
    names: Names
    seed: float | None
    digits: int
    full: bool = False
    said: dict[str, Sentence] = field(default_factory=dict)

    @property
    def heading(self) -> tuple[Sentence, ...]:
        """What the signs of a recursion mean."""
        if self.derivation.form != "deltas" or len(self.derivation.terms) == 1:
            return ()
        symbols = Name("δ(v)", r"\delta_v"), derivative(self.top, Name("v", "v"))
        return (Sentence("By recursion, with {} = {}:", symbols),)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """What has to be said besides, of what the statements show."""
        if not self.derivation.terms[-1].paths:
            return (Sentence("because out was not computed from it"),)
        first, left_out, last = shortened(list(self.said.values()), self._most(MOST_NOTES))
        more = [Sentence(f"and {left_out:,} more such numbers")] if left_out else []
        return (*first, *more, *last)

    @property
    def top(self) -> Name:
        """What is differentiated: `out`, or something after it that `seed` comes from."""
        return self.names.name(self.out, "out") if self.seed is None else Name("L")

    def statements(self) -> list[Line]:
        """One for each term, with nodes of the same form folded."""
        *inner, last = self.derivation.terms
        shapes = {term.node: _operations(term) for term in inner}
        keyed = (
            ((shapes[term.node], frozenset(shapes.get(path.source) for path in term.paths)), term) for term in inner
        )
        lines: list[Line] = []
        first, left_out, rest = shortened(
            [[term] for term in inner] if self.full else groups(keyed), self._most(MOST_GROUPS)
        )
        for i, group in enumerate([*first, *rest]):
            if left_out and i == len(first):
                lines.append(Folded(left_out, "nodes, of other forms", ()))
            lines.append(self._statement(group[0]))
            if len(group) > 1:
                neurons = all(map(_is_neuron, group))
                examples = tuple(
                    Statement(self._sign(term.node), (self._number(term.number),)) for term in shown(group)
                )
                lines.append(Folded(len(group) - 1, "such neurons" if neurons else "such nodes", examples))
        return [*lines, self._statement(last)]

    def definitions(self) -> list[Line]:
        """What the names stand for that were made up when the statements were written."""
        lines: list[Line] = []
        made_up, place = self.names.made_up, 0
        while place < len(made_up) and len(lines) < self._most(MOST_DEFINITIONS):
            fresh = [node for node in made_up[place:] if node is not self.out]
            place = len(made_up)
            alike = [[node] for node in fresh] if self.full else groups((_shape(node), node) for node in fresh)
            for group in alike:
                lines.append(self._definition(group[0]))
                if len(group) > 1:
                    values = tuple(Statement(self.names.name(v), (self._number(v.data),)) for v in shown(group))
                    lines.append(Folded(len(group) - 1, "such values", values))
        return lines

    def _definition(self, node: Value) -> Line:
        expression = (self.names.expression(node),) if node.op else ()
        return _written(Statement(self.names.name(node), (*expression, self._number(node.data)), on_one_line=True))

    def _statement(self, term: Term) -> Line:
        result = self._number(term.number)
        if not term.paths:
            return _written(Statement(self._sign(term.node), (result,)))
        common = self._product(self._factors(term.common))
        together = [(path, None) for path in term.paths] if self.full else gathered(term.paths, self.names)
        first, left_out, last = shortened(together, self._most(MOST_TERMS))
        products = [(path, self._parts(path, parts)) for path, parts in (*first, *last)]
        if not self.full and not left_out:  # what is 0 whatever the numbers are adds nothing
            products = [x for x in products if not any(is_number(of.symbol, 0) for of in x[1])] or products[:1]

        def combined(of_path: list[Symbol], of_common: list[Symbol]) -> Symbol:
            if left_out:
                of_path.insert(len(first), _left_out(left_out))
            whole = [total(of_path)]
            return product([*of_common, *whole] if self.derivation.form == "deltas" else [*whole, *of_common])

        rights = [
            combined([product(map(side, parts)) for _, parts in products], [side(x) for x in common])
            for side in (operator.attrgetter("symbol"), self._shown)
        ]
        for path in term.paths if len(term.paths) <= self._most(MOST_TERMS) else (path for path, _ in products):
            factors = (*path.factors, *term.common)
            self._say(factors, [self._cotangent(path), *(factor.number for factor in factors)])
        if len(products) > 1:
            paths = [path for path, _ in products]
            share = functools.reduce(times, [factor.number for factor in term.common], 1.0)
            if term.number == term.number and math.isnan(sum(path.number * share for path in paths)):
                self.said.setdefault(CANCELLED.words, CANCELLED)
            numbers = [path.number for path in paths]
            if not self.full and not left_out and any(numbers):
                numbers = [x for x in numbers if x]
            rights.append(combined(list(map(self._number, numbers)), [self._number(share)] if common else []))
        return _written(calculation(self._sign(term.node), rights, result))

    def _say(self, factors: Sequence[Factor], numbers: Sequence[float]) -> None:
        for note in notes(factors, numbers, self.digits):
            self.said.setdefault(note.text, note)

    def _parts(self, path: Path, parts: list[Part] | None) -> list[Part]:
        """The product of a path, or of those parts in place of its factors."""
        parts = self._factors(path.factors) if parts is None else parts
        if path.source is not self.out or self.seed is not None:
            parts = [Part(self._source(path.source), self._cotangent(path)), *parts]
        return self._product(parts) or [Part(Number(1.0), 1.0)]

    def _product(self, parts: list[Part]) -> list[Part]:
        """From `out` to the node, and tidied; a delta is written the other way round, as in h'(z) · w · δ."""
        if self.derivation.form == "deltas":
            parts = parts[::-1]
        return parts if self.full else tidied(parts)

    def _factors(self, factors: Sequence[Factor]) -> list[Part]:
        first, left_out, last = shortened(factors, self._most(MOST_FACTORS))
        between = [Part(_left_out(left_out), math.nan, fixed=True)] if left_out else []
        return [*map(part, first), *between, *map(part, last)]

    def _shown(self, x: Part) -> Symbol:
        """What stands under a symbol."""
        return x.symbol if x.fixed and isinstance(x.symbol, Name) and x.number != x.number else self._number(x.number)

    def _most(self, count: int) -> int:
        return sys.maxsize if self.full else count

    def _cotangent(self, path: Path) -> float:
        if path.source is self.out:
            return self.seed if self.seed is not None else 1.0
        return next(term.number for term in self.derivation.terms if term.node is path.source)

    def _source(self, node: Value) -> Symbol:
        if node is self.out:
            name = self.names.name(node, "out")
            return Name(f"d{self.top.text}/d{name.text}", derivative(self.top, name).latex)
        sign = self._sign(node)
        return sign if self.derivation.form == "deltas" else Name(f"({sign.text})", sign.latex)

    def _sign(self, node: Value) -> Name:
        """d out/d node, or δ(node)."""
        name = self.names.name(node)
        if self.derivation.form == "deltas" and node is not self.wrt:
            return Name(f"δ({name.text})", rf"\delta_{{{latex(name)}}}")
        return derivative(self.top, name)

    def _number(self, x: float) -> Number:
        return Number(x, self.digits)


def _is_neuron(term: Term) -> bool:
    """Whether the node is a weighted sum that goes into an activation."""
    after = (*(term.paths[0].factors if term.paths else ()), *term.common)
    op = after[-1].child.op if after else None
    return bool(op and op.name in ACTIVATIONS and term.node.op and term.node.op.name in SUMS)


def _written(line: Line) -> Line:
    """The line, written once: names are made up in the order in which they are read."""
    assert line.text
    return line


def _operations(term: Term) -> Hashable:
    """What two terms have in common that only differ in names and numbers."""
    chains = [term.common, *(path.factors for path in term.paths)]
    first, *others = [tuple(factor.child.op.name for factor in chain) for chain in chains]  # type: ignore[union-attr]
    return first, tuple(sorted(others))


def _left_out(count: int) -> Name:
    return Name(f"… ({count:,} more) …", rf"\underset{{{count}\ \text{{more}}}}{{\cdots}}")


def _shape(node: Value) -> Hashable:
    """What two definitions of one form have in common."""
    if node.op is None:
        return None
    return node.op.name, tuple(x.op.name if isinstance(x, Value) and x.op else None for x in node.arguments)
