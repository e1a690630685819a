"""steps: the backward pass, one node at a time.

>>> from autograd_engine import Value
>>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
>>> q = x + y
>>> q.label = "q"
>>> print(steps(q * z))
1. out = q·z. Coming in: 1
     q gets 1 · z = 1 · (-4) = -4
     z gets 1 · q = 1 · 3 = 3
2. q = x + y. Coming in: -4
     x gets -4 · 1 = -4
     y gets -4 · 1 = -4
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from autograd_engine.explanations.chain_rule import Factor
from autograd_engine.explanations.names import Names, reading_order
from autograd_engine.explanations.notation import latex, shortened, text
from autograd_engine.explanations.statements import Sentence, notes, wrapped
from autograd_engine.explanations.symbols import Number, Product, Symbol, times
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.primitives import as_float
from autograd_engine.value import Value, edges

MOST_STEPS = 60  # of a listing; of a longer one the middle is left out
DIGITS = 4


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a step adds to one parent: cotangent times local derivative. `total` is what the parent has then."""

    factor: Factor
    number: float
    total: float

    @property
    def parent(self) -> Value:
        """The Value that receives it."""
        return self.factor.parent

    @property
    def local_derivative(self) -> float:
        """∂node/∂parent."""
        return self.factor.number


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the backward pass: its `cotangent` d(out)/d(node) is complete and goes on to its parents."""

    number: int
    node: Value
    cotangent: float
    contributions: tuple[Contribution, ...]
    names: Names = field(repr=False)

    @property
    def name(self) -> str:
        """What the node is called in the text: its label, or a name made up."""
        return self.names.name(self.node).text

    @property
    def text(self) -> str:
        """The step in words, with a line for each parent."""
        left, right = f"{self.number}. {self.name} = ", text(self.names.expression(self.node))
        lines = [wrapped(f"{left}{right}. Coming in: {text(_number(self.cotangent))}", len(left))]
        if not self.contributions:
            lines.append("     nothing goes on, since zero times anything is zero")
        for contribution, (to, calculation, total) in zip(self.contributions, self._columns()):
            so_far = f", together {text(total)}" if contribution.total != contribution.number else ""
            line = " = ".join(dict.fromkeys(map(text, calculation)))
            lines.append(f"     {text(to)} gets {line}{so_far}")
        lines += [f"     {note.text}" for note in self._notes()]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text

    def _notes(self) -> Iterator[Sentence]:
        for contribution in self.contributions:
            yield from notes([contribution.factor], [self.cotangent, contribution.local_derivative], DIGITS)

    def _columns(self) -> Iterator[tuple[Symbol, tuple[Symbol, ...], Symbol]]:
        """For each contribution the parent, symbols and numbers of the product, and the total."""
        cotangent = _number(self.cotangent)
        for contribution in self.contributions:
            symbol, local = contribution.factor.symbol, _number(contribution.local_derivative)
            calculation = Product((cotangent, symbol)), Product((cotangent, local)), _number(contribution.number)
            yield self.names.name(contribution.parent), calculation, _number(contribution.total)

    def _rows(self) -> list[str]:
        """The step as rows of a Markdown table."""
        name, expression = latex(self.names.name(self.node)), latex(self.names.expression(self.node))
        start = f"| {self.number} | ${name} = {expression}$ | {text(_number(self.cotangent))} |"
        rows = [
            f" ${latex(to)}$ | ${latex(calculation[0])}$ | {text(calculation[2])} | {text(total)} |"
            for to, calculation, total in self._columns()
        ]
        return [start + rows[0], *(f"| | | |{row}" for row in rows[1:])] if rows else [start + " | | | |"]


@dataclass(frozen=True, eq=False)
class Steps(Sequence[Step]):
    """The steps of one backward pass, in order: a sequence of `Step`s. A notebook shows a table."""

    steps: tuple[Step, ...]

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> Steps: ...
    def __getitem__(self, place: int | slice) -> Step | Steps:
        return Steps(self.steps[place]) if isinstance(place, slice) else self.steps[place]

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        first, left_out, last = shortened(self.steps, MOST_STEPS)
        between = [f"… {left_out:,} more steps …"] if left_out else []
        return "\n".join([*map(str, first), *between, *map(str, last)])

    @property
    def markdown(self) -> str:
        """The steps as a table in Markdown with LaTeX."""
        first, left_out, last = shortened(self.steps, MOST_STEPS)
        between = [f"| … | {left_out:,} more | | | | | |"] if left_out else []
        head = ["| step | node | coming in | to | contribution | | in total |", "|-:|:-|-:|:-|:-|-:|-:|"]
        rows = (
            [row for step in first for row in step._rows()] + between + [row for step in last for row in step._rows()]
        )
        said = dict.fromkeys(note.markdown for step in [*first, *last] for note in step._notes())
        return "\n\n".join(["\n".join(head + rows), *said])

    def _repr_markdown_(self) -> str:
        return self.markdown


def steps(out: Value, seed: float = 1.0, *, names: Mapping[str, Value] | None = None) -> Steps:
    """What `out.backward(seed)` does, step by step, without doing it: no `.grad` changes.

    A step for each result that a gradient reaches, from `out` on: the node, the cotangent that has come in, and for
    each parent the local derivative, the contribution and what the parent has received so far. The last total
    of a leaf is what backward() adds to its `.grad`. `names` calls nodes by other names than their labels.

    Raises TypeError unless `out` is a Value and `seed` a number.

    >>> x, w = Value(3.0, label="x"), Value(2.0, label="w")
    >>> for step in steps(w * x + w):
    ...     print(step)
    1. out = w·x + w. Coming in: 1
         v1 gets 1 · 1 = 1
         w gets 1 · 1 = 1
    2. v1 = w·x. Coming in: 1
         w gets 1 · x = 1 · 3 = 3, together 4
         x gets 1 · w = 1 · 2 = 2
    """
    if not isinstance(out, Value):
        raise TypeError(f"steps() takes a Value, got {type(out).__name__}: {out!r:.60}")
    order = topological_order([out])
    known = Names(reading_order([out]), names)
    known.name(out, "out")
    cotangents = reverse_sweep(order, {out: as_float(seed)}, edges)
    totals: dict[Value, float] = {}
    found: list[Step] = []
    for node in reversed(order):
        if node.op is None or node not in cotangents:
            continue
        contributions: list[Contribution] = []
        if cotangent := cotangents[node]:
            for position, (parent, partial) in enumerate(edges(node)):
                if isinstance(parent, Value):
                    number = times(cotangent, float(partial))
                    if partial:  # a zero adds nothing, not even to -0.0
                        totals[parent] = totals[parent] + number if parent in totals else number
                    factor = Factor(node, parent, position, float(partial), known)
                    contributions.append(Contribution(factor, number, totals.get(parent, 0.0)))
        found.append(Step(len(found) + 1, node, cotangent, tuple(contributions), known))
    return Steps(tuple(found))


def _number(x: float) -> Number:
    return Number(x, DIGITS)
