"""Reductions: rows of any number of inputs whose formulas are those of all inputs together.

So the formulas hold for a list as well as for the samples that a compiler goes through in a loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from autograd_engine.primitives.arithmetic import div, flat, maximum, minimum, where
from autograd_engine.primitives.primitive import Primitive, row
from autograd_engine.primitives.sums import check_sequence, sum_row


class Listed(tuple[Any, ...]):
    """The inputs of a reduction, one by one."""

    def each(self, f: Callable[[Any], Any]) -> Listed:
        """`f` of each."""
        return Listed(map(f, self))

    def total(self) -> Any:
        """The sum of all."""
        return sum_row(*self)

    def extreme(self, choose: Callable[[Any, Any], Any], neutral: float) -> Any:
        """The one that is left after choosing between two at a time; of none, `neutral`, which is never chosen."""
        return functools.reduce(choose, self) if self else neutral


REDUCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {}
"""The value and the slopes of each reduction, as functions of its inputs."""


def reduction(
    name: str,
    value: Callable[[Any], Any],
    slopes: Callable[[Any, Any], Any],
    doc: str,
    derivative: str,
    symbol: str = "",
    latex: str = "",
) -> Primitive:
    """A row of any number of inputs: its value(x), and slopes(out, x), of all inputs x, which are `Listed` or alike."""
    REDUCTIONS[name] = value, slopes
    return row(
        name,
        lambda *x: value(Listed(x)),
        lambda out, *x: slopes(out, Listed(x)),
        doc,
        derivative,
        symbol=symbol,
        latex=latex,
        composite=True,
    )


def of_sequence(op: Primitive, values: Iterable[Any]) -> Any:
    """A reduction of a sequence, or of what vmap returns to a compiler."""
    if reduced := getattr(values, "reduced", None):
        return reduced(op.name)
    check_sequence(op.name, values)
    return op(*values)


def _share_of_ties(out: Any, x: Any) -> Any:
    """The slopes of the largest, or smallest, of numbers: those that are equal to it share 1 equally."""
    share = div(1.0, x.each(lambda number: where(number == out, 1.0, 0.0)).total())
    return x.each(lambda number: where(number == out, share, flat(out)))


_amax_row = reduction(
    "amax",
    lambda x: x.extreme(maximum, -inf),
    _share_of_ties,
    "The largest of all inputs; a tie shares the gradient equally.",
    "x == out",
    "max",
    r"\\max",
)
_amin_row = reduction(
    "amin",
    lambda x: x.extreme(minimum, inf),
    _share_of_ties,
    "The smallest of all inputs; a tie shares the gradient equally.",
    "x == out",
    "min",
    r"\\min",
)


def amax(values: Iterable[Any]) -> Any:
    """The largest of a sequence as one node, -inf of an empty one; numbers that are equally large share the slope.

    >>> from autograd_engine import grad
    >>> amax([1.0, 3.0, 2.0]), grad(amax)([2.0, 1.0, 2.0])
    (3.0, [0.5, 0.0, 0.5])
    """
    return of_sequence(_amax_row, values)


def amin(values: Iterable[Any]) -> Any:
    """The smallest of a sequence as one node, inf of an empty one; numbers that are equally small share the slope.

    >>> amin([1.0, 3.0, 2.0])
    1.0
    """
    return of_sequence(_amin_row, values)
