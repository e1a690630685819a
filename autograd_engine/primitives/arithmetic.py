"""Arithmetic, choices and signs."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from math import inf, nan
from typing import Any

from autograd_engine.primitives.primitive import Primitive, row

identity = row("identity", lambda x: x, lambda out, x: (1.0,), "x itself, as a node of its own.", symbol="=")
add = row("add", operator.add, lambda out, x, y: (1.0, 1.0), "x + y.", symbol="+")
sub = row("sub", operator.sub, lambda out, x, y: (1.0, -1.0), "x - y.", symbol="−")
mul = row("mul", operator.mul, lambda out, x, y: (y, x), "x * y.", symbol="×")
neg = row("neg", operator.neg, lambda out, x: (-1.0,), "-x.", symbol="−")
where: Primitive = row(
    "where",
    lambda condition, x, y: x if condition else y,
    lambda out, condition, x, y: (0.0, where(condition, 1.0, 0.0), where(condition, 0.0, 1.0)),
    "x where the condition holds, else y; the branch that is not chosen gets gradient 0, never nan.",
    ("0", "condition != 0", "condition == 0"),
)


def flat(out: Any) -> Any:
    """The slope of a step function with the value `out`: 0, or nan if `out` is; so are all further derivatives."""
    return where(out == out, 0.0, out)


def undefined(x: Any, y: Any = 0.0) -> Any:
    """nan with derivatives with respect to x and y that are nan too. A plain nan is a constant, with derivatives 0."""
    return nan if x.__class__ is float is y.__class__ else nan / (x + y)


def _div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


div: Primitive = row(
    "div",
    _div,
    lambda out, x, y: (where(out == out, div(1.0, y), out), -out / y),  # div, since y may be a plain 0.0
    "x / y; x / 0 is inf and 0 / 0 is nan.",
    ("1 / y", "-x / y**2"),
    symbol="÷",
)
reciprocal = row(
    "reciprocal",
    lambda x: div(1.0, x),
    lambda out, x: (-(out * out),),
    "1 / x.",
    "-1 / x**2",
    symbol="1/x",
    composite=True,
)
square = row("square", lambda x: x * x, lambda out, x: (2 * x,), "x * x.", "2 * x", symbol="x²", composite=True)
sign = row(
    "sign", lambda x: float((x > 0) - (x < 0)) if x == x else nan, lambda out, x: (flat(out),), "-1, 0 or 1.", "0"
)
abs = row("abs", operator.abs, lambda out, x: (sign(x),), "|x|, with slope 0 at 0.", "sign(x)", symbol="|x|")


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """c₀ + c₁ x + c₂ x² + …, by Horner's rule."""
    return functools.reduce(lambda total, coefficient: total * x + coefficient, reversed(coefficients))


def minus_abs(x: Any) -> Any:
    """-|x| with slope -1 at 0. Even functions written with it, unlike with `abs`, keep all their derivatives there."""
    return where(x < 0, x, -x)


copysign: Primitive = row(
    "copysign",
    lambda x, y: math.copysign(x, y) if y == y else nan,
    lambda out, x, y: (sign(x) * sign(copysign(1.0, y)) + flat(out), flat(out)),
    "|x| with the sign of y.",
    ("sign(x) * sign(y)", "0"),
)


def above(x: Any, y: Any, out: Any) -> Any:
    """The slope of maximum(x, y) with respect to x: 1, 0, or one half at a tie; nan, as `out` is, if x or y is nan."""
    return where(x > y, 1.0, where(x < y, 0.0, where(x == y, 0.5, out)))


maximum = row(
    "maximum",
    lambda x, y: x if x > y or x != x else y,
    lambda out, x, y: (above(x, y, out), above(y, x, out)),
    "The larger of x and y; a tie shares the gradient equally.",
    ("x > y", "y > x"),
    symbol="max",
    latex=r"\max",
)
minimum = row(
    "minimum",
    lambda x, y: x if x < y or x != x else y,
    lambda out, x, y: (above(y, x, out), above(x, y, out)),
    "The smaller of x and y; a tie shares the gradient equally.",
    ("x < y", "y < x"),
    symbol="min",
    latex=r"\min",
)


def _clip_partials(out: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    raised = maximum(x, low)
    below, step = above(high, raised, out), flat(out)
    return above(x, low, out) * below + step, above(low, x, out) * below + step, above(raised, high, out)


clip = row(
    "clip",
    lambda x, low, high: minimum(maximum(x, low), high),
    _clip_partials,
    "x, but at least `low` and at most `high`.",
    ("(low < x) * (x < high)", "x < low", "x > high"),
    composite=True,
)
heaviside = row(
    "heaviside",
    lambda x, at_zero: where(x == 0, at_zero, where(x > 0, 1.0, where(x < 0, 0.0, nan))),
    lambda out, x, at_zero: (where(x == x, 0.0, out), where(x == 0, 1.0, where(x == x, 0.0, out))),
    "0 below zero, 1 above, `at_zero` at zero.",
    ("0", "x == 0"),
    composite=True,
)
