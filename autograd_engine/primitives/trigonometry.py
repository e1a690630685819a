"""Trigonometric and hyperbolic functions, their inverses, and the length of a vector."""

from __future__ import annotations

import math
from math import inf
from typing import Any

from autograd_engine.primitives.arithmetic import abs, div, maximum, minimum, minus_abs, sign, square, undefined, where
from autograd_engine.primitives.exponentials import exp, sqrt
from autograd_engine.primitives.plain import c99
from autograd_engine.primitives.primitive import Primitive, row

sin = row("sin", c99(math.sin), lambda out, x: (cos(x),), "The sine of x in radians.", "cos(x)")
cos: Primitive = row("cos", c99(math.cos), lambda out, x: (-sin(x),), "The cosine of x in radians.", "-sin(x)")
tan = row("tan", c99(math.tan), lambda out, x: (1 + out * out,), "The tangent of x in radians.", "1 + out**2")
# 1 - x*x is written (1 - x) * (1 + x): the difference is exact where it is small.
arcsin = row(
    "arcsin", c99(math.asin), lambda out, x: (1 / sqrt((1 - x) * (1 + x)),), "The inverse of sin.", "1 / sqrt(1 - x**2)"
)
arccos = row(
    "arccos",
    c99(math.acos),
    lambda out, x: (-1 / sqrt((1 - x) * (1 + x)),),
    "The inverse of cos.",
    "-1 / sqrt(1 - x**2)",
)
arctan = row(
    "arctan",
    c99(math.atan),
    lambda out, x: (where(abs(x) < 1e8, 1 / (1 + x * x), div(div(1.0, x), x)),),  # x * x would overflow
    "The inverse of tan.",
    "1 / (1 + x**2)",
    saturates=True,
)


def _arctan2_partials(out: Any, y: Any, x: Any) -> tuple[Any, Any]:
    # Scaled only where squares would overflow or underflow, since x / scale may round to a subnormal number.
    larger = maximum(abs(x), abs(y))
    scale = where((larger > 1e-150) & (larger < 1e150), 1.0, larger)
    a, b = x / scale, y / scale
    squares = a * a + b * b
    return tuple(where(larger == inf, 0.0, slope / squares / scale) for slope in (a, -b))


arctan2 = row(
    "arctan2",
    math.atan2,
    _arctan2_partials,
    "The angle of the point (x, y), called as arctan2(y, x).",
    ("x / (x**2 + y**2)", "-y / (x**2 + y**2)"),
)


def _hypot(x: Any, y: Any) -> Any:
    larger, smaller = maximum(abs(x), abs(y)), minimum(abs(x), abs(y))
    ratio = div(smaller, larger)
    return where((larger == 0) | (larger == inf), larger, larger * sqrt(1 + ratio * ratio))


def _hypot_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    scale = maximum(abs(x), abs(y))
    a, b = x / scale, y / scale
    length = sqrt(a * a + b * b)

    def share(x: Any, y: Any, along: Any) -> Any:
        at_infinity = where(abs(x) == abs(y), undefined(x, y), where(abs(x) == inf, sign(x), 0.0))
        return where(scale == 0, 0.0, where(scale == inf, at_infinity, along / length))

    return share(x, y, a), share(y, x, b)


hypot = row(
    "hypot",
    _hypot,
    _hypot_partials,
    "sqrt(x*x + y*y), without overflow; slopes 0 at the origin.",
    ("x / out", "y / out"),
    composite=True,
)
sinh = row("sinh", c99(math.sinh), lambda out, x: (cosh(x),), "The hyperbolic sine.", "cosh(x)")
cosh: Primitive = row("cosh", c99(math.cosh), lambda out, x: (sinh(x),), "The hyperbolic cosine.", "sinh(x)")


def _tanh_partials(out: Any, x: Any) -> tuple[Any]:
    # 1 - out**2 would be 4 % off at x = 18 and 0 at x = 20.
    e = exp(2 * minus_abs(x))
    return (4 * e / square(1 + e),)


tanh = row(
    "tanh", c99(math.tanh), _tanh_partials, "The hyperbolic tangent.", "1 - out**2", saturates=True, activation=True
)
arcsinh = row(
    "arcsinh", c99(math.asinh), lambda out, x: (1 / hypot(1.0, x),), "The inverse of sinh.", "1 / sqrt(x**2 + 1)"
)
arccosh = row(
    "arccosh",
    c99(math.acosh),
    lambda out, x: (1 / (sqrt(x - 1) * sqrt(x + 1)),),
    "The inverse of cosh.",
    "1 / sqrt(x**2 - 1)",
)
arctanh = row(
    "arctanh",
    c99(math.atanh, {1.0: inf, -1.0: -inf}),
    lambda out, x: (where(abs(x) <= 1, 1 / ((1 - x) * (1 + x)), undefined(x)),),
    "The inverse of tanh.",
    "1 / (1 - x**2)",
)
# The short names of `math`.
asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh
