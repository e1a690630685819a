"""Sums and products of any number of inputs, taken from left to right, which fixes the bits of the result."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from autograd_engine.primitives.arithmetic import div
from autograd_engine.primitives.primitive import row


def _sum(*inputs: float) -> float:
    # Not the builtin sum, whose floating-point result changed in Python 3.12.
    return functools.reduce(operator.add, inputs) if inputs else 0.0


def _prod(*inputs: float) -> float:
    return functools.reduce(operator.mul, inputs) if inputs else 1.0


def _prod_partials(out: Any, *inputs: Any) -> list[Any]:
    """For each input the product of the others, without division, so that zeros need no special case."""
    before, after = [1.0], [1.0]
    for x, y in zip(inputs[:-1], inputs[:0:-1]):
        before.append(before[-1] * x)
        after.append(after[-1] * y)
    return [x * y for x, y in zip(before, reversed(after))]


def dot_of_floats(xs: Sequence[float], ys: Sequence[float]) -> float:
    """x₁y₁ + … + xₙyₙ of floats, added from left to right; 0 if there are none."""
    total = -0.0  # adding this changes no number, not even -0.0
    for x, y in zip(xs, ys):
        total += x * y
    return total if xs else 0.0


def _dot(*inputs: float) -> float:
    half = len(inputs) // 2
    return dot_of_floats(inputs[:half], inputs[half:])


def _dot_partials(out: Any, *inputs: Any) -> Sequence[Any]:
    half = len(inputs) // 2
    return inputs[half:] + inputs[:half]


sum_row = row("sum", _sum, lambda out, *xs: (1.0,) * len(xs), "The sum of all inputs, left to right.", symbol="Σ")
_prod_row = row("prod", _prod, _prod_partials, "The product of all inputs, left to right.", symbol="Π")
_dot_row = row("dot", _dot, _dot_partials, "x₁y₁ + … + xₙyₙ of x₁ … xₙ, y₁ … yₙ, left to right.", symbol="·")


def check_sequence(caller: str, *sequences: Any) -> None:
    """Raise TypeError unless each argument is a sequence."""
    for numbers in sequences:
        if not isinstance(numbers, Iterable):
            raise TypeError(f"{caller}() needs a sequence of numbers, got {type(numbers).__name__}: {numbers!r:.60}")


def sum(values: Iterable[Any]) -> Any:
    """The sum of a sequence as one node, added from left to right; 0 for an empty one.

    The bits are the same in all versions of Python, unlike those of the builtin, which changed in 3.12.

    >>> sum([0.1] * 10)
    0.9999999999999999
    """
    if total := getattr(values, "total", None):  # what vmap returns to a compiler
        return total()[0]
    try:
        return sum_row(*values)
    except TypeError:
        check_sequence("sum", values)
        raise


def mean(values: Iterable[Any]) -> Any:
    """The sum of a sequence divided by its length; the slope with respect to each of n numbers is 1/n.

    Raises ValueError for an empty sequence.

    >>> mean([1, 2, 6])
    3.0
    """
    if total := getattr(values, "total", None):
        return div(*total())
    check_sequence("mean", values)
    values = tuple(values)
    if not values:
        raise ValueError("mean() needs at least one number, got an empty sequence")
    return sum_row(*values) / len(values)


def prod(values: Iterable[Any]) -> Any:
    """The product of a sequence as one node, multiplied from left to right; 1 for an empty one.

    The slope with respect to a number is the product of all others. It is computed without division, so a 0 among
    them does no harm:

    >>> from autograd_engine import grad
    >>> grad(prod)([2.0, 0.0, 5.0])
    [0.0, 10.0, 0.0]
    """
    check_sequence("prod", values)
    return _prod_row(*values)


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """x₁y₁ + x₂y₂ + … as one node, added from left to right. Its slope is yᵢ with respect to xᵢ, and vice versa.

    Raises ValueError if the lengths differ.

    >>> dot([1, 2, 3], [4, 5, 6])
    32.0
    """
    try:
        xs, ys = tuple(xs), tuple(ys)
    except TypeError:
        check_sequence("dot", xs, ys)
        raise
    if len(xs) != len(ys):
        raise ValueError(f"dot() needs two sequences of one length, got {len(xs)} and {len(ys)} numbers")
    return _dot_row(*xs, *ys)
