"""Exponentials, logarithms, roots and powers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np

from autograd_engine.primitives.arithmetic import abs, div, polynomial, square, undefined, where
from autograd_engine.primitives.plain import c99
from autograd_engine.primitives.primitive import Primitive, row

LN2, LOG2E, LOG10E = math.log(2), math.log2(math.e), math.log10(math.e)
exp = row("exp", c99(math.exp), lambda out, x: (out,), "e to the power of x.", "out", saturates=True)
exp2 = row(
    "exp2",
    c99(getattr(math, "exp2", functools.partial(math.pow, 2.0))),  # math has it since Python 3.11
    lambda out, x: (out * LN2,),
    "2 to the power of x.",
    "out * log(2)",
    symbol="2ˣ",
)
expm1 = row("expm1", c99(math.expm1), lambda out, x: (exp(x),), "exp(x) - 1, accurate near 0.", "exp(x)")


def _logarithm(
    name: str, function: Callable[[float], float], unit: float, doc: str, derivative: str, symbol: str, latex: str
) -> Primitive:
    """The row of a logarithm with slope `unit` / x. For negative numbers it is nan, and so is the slope."""

    def partials(out: Any, x: Any) -> tuple[Any]:
        return (where(x >= 0, unit / (x + 0.0), undefined(x)),)  # x + 0.0 turns -0.0 into 0.0, where the slope is +inf

    return row(name, c99(function, {0.0: -inf}), partials, doc, derivative, symbol=symbol, latex=latex)


log = _logarithm("log", math.log, 1.0, "The natural logarithm.", "1 / x", "ln", r"\ln")
log2 = _logarithm("log2", math.log2, LOG2E, "The logarithm to base 2.", "1 / (x * log(2))", "log₂", r"\log_2")
log10 = _logarithm("log10", math.log10, LOG10E, "The logarithm to base 10.", "1 / (x * log(10))", "log₁₀", r"\log_{10}")
log1p = row(
    "log1p",
    c99(math.log1p, {-1.0: -inf}),
    lambda out, x: (where(x >= -1, 1 / (1 + x), undefined(x)),),
    "log(1 + x), accurate near 0.",
    "1 / (1 + x)",
)
sqrt = row("sqrt", c99(math.sqrt), lambda out, x: (0.5 / (out + 0.0),), "The square root.", "1 / (2 * out)", symbol="√")


def _cbrt_partials(out: Any, x: Any) -> tuple[Any]:
    # C libraries compute cbrt to about 4 units in the last place, an error that squaring would double. x / out**3
    # tells how far off it is.
    share = where((x == 0) | (abs(x) == inf), 1.0, div(div(x, out), out * out))
    return ((5 - 2 * share) / 3 / (3 * (out * out)),)


cbrt = row(
    "cbrt",
    c99(getattr(math, "cbrt", lambda x: float(np.cbrt(x)))),  # math has it since Python 3.11
    _cbrt_partials,
    "The cube root, of negative numbers too.",
    "1 / (3 * out**2)",
    symbol="∛",
)


def _xlogy_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    return log(y), where((x == 0) & (y <= 0), 0.0, where(y < 0, out, x / (y + 0.0)))


xlogy = row(
    "xlogy",
    lambda x, y: where((x == 0) & (y == y), 0.0, x * log(y)),
    _xlogy_partials,
    "x * log(y), and 0 where x is 0.",
    ("log(y)", "x / y"),
    symbol="x ln y",
    composite=True,
)

entr = row(
    "entr",
    lambda x: where(x == 0, 0.0, where(x < 0, -inf, -x * log(x))),
    lambda out, x: (-log(x) - 1.0,),
    "-x * log(x), a term of an entropy: 0 at 0, and -inf below.",
    "-log(x) - 1",
    composite=True,
)


def _pow(x: float, y: float) -> float:
    odd = math.fmod(y, 2) in (-1, 1) if math.isfinite(y) else False
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0 and odd else inf
    except ValueError:  # a negative number to a fractional power, or zero to a negative one
        return nan if x else math.copysign(inf, x) if odd else inf


def _pow_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    # For y from 1/2 to 2**53, y - 1 is exact. Elsewhere its rounding would cost hundreds of units in the last place or
    # make an odd exponent even, and x**(y - 1) may overflow although y times it does not: y * out / x is better there.
    by_division = ((y < 0.5) | (y > 2.0**53)) & (x != 0) & (abs(x) != inf)
    slope = where(by_division, div(y * out, x), y * pow(x, y - 1))
    return (
        where((y == 0) & ((x == 0) | (x != x)), 0.0, slope),
        where((x == 0) & (y >= 0), 0.0, where(x < 0, undefined(x, y), xlogy(out, x))),
    )


pow = row(
    "pow",
    _pow,
    _pow_partials,
    "x ** y by C99's pow: nan, never complex, where x < 0.",
    ("y * x**(y - 1)", "out * log(x)"),
    symbol="xʸ",
)


# The power series of (exp(z) - 1 - z) / z² in z, and of (log(1 + v) - 2r) / r³ in r² with r = v / (2 + v).
_EXP = [1 / math.factorial(k + 2) for k in range(11)]
_LOG1P = [2 / (2 * k + 3) for k in range(16)]


def exp_rest(z: Any) -> Any:
    """exp(z) - 1 - z."""
    near = where(abs(z) < 0.25, z, 0.0)
    return where(abs(z) < 0.25, square(near) * polynomial(near, _EXP), expm1(z) - z)


def log1p_rest(v: Any, log_of: Any) -> Any:
    """v - log1p(v), where `log_of` is log1p(v)."""
    near = where(abs(v) < 0.5, v, 0.0)
    r = near / (2.0 + near)
    return where(abs(v) < 0.5, r * (near - square(r) * polynomial(square(r), _LOG1P)), v - log_of)
