"""A derivation put into words: which statements, in which order, and what is left out of a long one."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Sequence
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
from autograd_engine.value import Value

MOST_FACTORS, MOST_TERMS, MOST_GROUPS, MOST_DEFINITIONS, MOST_NOTES = 9, 8, 24, 12, 8
CANCELLED = Sentence("paths cancel before they meet what is not finite, and zero times anything is zero")
SUMS = frozenset(("add", "sub", "sum", "dot"))  # what a neuron's pre-activation is the result of


@dataclass(frozen=True)
class Wording:
    """Writes the statements of one derivation. `seed` is None where the derivative is that of `out` itself."""

    out: Value
    wrt: Value
    derivation: Derivation
    names: Names
    seed: float | None
    digits: int
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
        first, left_out, last = shortened(list(self.said.values()), MOST_NOTES)
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
        first, left_out, rest = shortened(groups(keyed), MOST_GROUPS)
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
        while place < len(made_up) and len(lines) < MOST_DEFINITIONS:
            fresh = [node for node in made_up[place:] if node is not self.out]
            place = len(made_up)
            for group in groups((_shape(node), node) for node in fresh):
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
        common = _shortened_factors(term.common)
        first, left_out, last = shortened(term.paths, MOST_TERMS)
        paths = [*first, *last]

        def combined(of_path: list[Symbol], of_common: list[Symbol]) -> Symbol:
            if left_out:
                of_path.insert(len(first), _left_out(left_out))
            return self._ordered([total(of_path), *of_common]) if of_common else total(of_path)

        symbols = combined([self._symbols(path) for path in paths], _without_ones(_symbol(f) for f in common))
        numbers = combined([self._numbers(path) for path in paths], self._factors(common))
        rights = [symbols, numbers]
        for path in paths:
            factors = (*path.factors, *term.common)
            self._say(factors, [self._cotangent(path), *(factor.number for factor in factors)])
        if len(term.paths) > 1:
            share = functools.reduce(times, [factor.number for factor in term.common], 1.0)
            if term.number == term.number and any(path.number * share != path.number * share for path in paths):
                self.said.setdefault(CANCELLED.words, CANCELLED)
            sums: list[Symbol] = [self._number(path.number) for path in paths]
            rights.append(combined(sums, [self._number(share)] if term.common else []))
        return _written(calculation(self._sign(term.node), rights, result))

    def _say(self, factors: Sequence[Factor], numbers: Sequence[float]) -> None:
        for note in notes(factors, numbers, self.digits):
            self.said.setdefault(note.text, note)

    def _symbols(self, path: Path) -> Symbol:
        source = [] if path.source is self.out and self.seed is None else [self._source(path.source)]
        return self._ordered([*source, *_without_ones(_symbol(factor) for factor in _shortened_factors(path.factors))])

    def _numbers(self, path: Path) -> Symbol:
        """The numbers that stand under the symbols."""
        source = [] if path.source is self.out and self.seed is None else [self._number(self._cotangent(path))]
        return self._ordered([*source, *self._factors(_shortened_factors(path.factors))])

    def _factors(self, factors: Iterable[Factor | Name]) -> list[Symbol]:
        return [
            factor if isinstance(factor, Name) else self._number(factor.number)
            for factor in factors
            if isinstance(factor, Name) or not is_number(factor.symbol, 1)
        ]

    def _ordered(self, factors: Sequence[Symbol]) -> Symbol:
        """From `out` to the node; a delta is written the other way round, as in h'(z) · w · δ."""
        if self.derivation.form == "deltas":
            factors = factors[::-1]
        return product(factors) if factors else Number(1.0)

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


def _symbol(factor: Factor | Name) -> Symbol:
    return factor if isinstance(factor, Name) else factor.symbol


def _without_ones(symbols: Iterable[Symbol]) -> list[Symbol]:
    """A factor that is 1 whatever the numbers are, as of a sum, says nothing."""
    return [symbol for symbol in symbols if not is_number(symbol, 1)]


def _shortened_factors(factors: tuple[Factor, ...]) -> list[Factor | Name]:
    first, left_out, last = shortened(factors, MOST_FACTORS)
    return [*first, _left_out(left_out), *last] if left_out else list(first)


def _left_out(count: int) -> Name:
    return Name(f"… ({count:,} more) …", rf"\underset{{{count}\ \text{{more}}}}{{\cdots}}")


def _shape(node: Value) -> Hashable:
    """What two definitions of one form have in common."""
    if node.op is None:
        return None
    return node.op.name, tuple(x.op.name if isinstance(x, Value) and x.op else None for x in node.arguments)
