"""The error functions of the normal distribution, and sine over its argument."""

from __future__ import annotations

import math
from math import inf, pi
from typing import Any

from autograd_engine.primitives.arithmetic import abs, clip, div, polynomial, square, where
from autograd_engine.primitives.exponentials import exp, expm1
from autograd_engine.primitives.primitive import row
from autograd_engine.primitives.rounding import floor, round
from autograd_engine.primitives.trigonometry import cos, sin

SQRT1_2, TWO_OVER_SQRT_PI = math.sqrt(0.5), 2 / math.sqrt(pi)
SQRT_2PI, ONE_OVER_SQRT_2PI = math.sqrt(2 * pi), 1 / math.sqrt(2 * pi)


def gaussian(x: Any, scale: float) -> Any:
    """exp(-scale * x*x) for a scale of 1 or 1/2. Rounding x*x would cost up to 700 units in the last place, so x is
    split into its 25 leading bits, whose square is exact, and the rest."""
    x = clip(x, -40.0, 40.0)  # beyond, the result is 0
    high = round(x * 2.0**20) * 2.0**-20
    near = exp(-scale * high * high)
    return near + near * expm1(scale * (high - x) * (high + x))


erf = row(
    "erf",
    math.erf,
    lambda out, x: (TWO_OVER_SQRT_PI * gaussian(x, 1.0),),
    "The error function.",
    "2 / sqrt(π) * exp(-(x**2))",
    saturates=True,
)
erfc = row(
    "erfc",
    math.erfc,
    lambda out, x: (-TWO_OVER_SQRT_PI * gaussian(x, 1.0),),
    "1 - erf(x), accurate where x is large.",
    "-2 / sqrt(π) * exp(-(x**2))",
    saturates=True,
)


def _from_integer(x: Any) -> tuple[Any, Any]:
    """x minus the nearest integer n, and (-1)**n: sin(pi x) and cos(pi x) depend on nothing else."""
    n = round(x)
    return x - n, 1.0 - 2.0 * (n - 2.0 * floor(0.5 * n))


def sin_pi(x: Any) -> Any:
    """sin(pi x), exactly zero at the integers."""
    rest, parity = _from_integer(x)
    return parity * sin(pi * rest)


def cos_pi(x: Any) -> Any:
    """cos(pi x), exactly zero half way between the integers."""
    rest, parity = _from_integer(x)
    return parity * where(abs(rest) < 0.25, cos(pi * rest), sin(pi * (0.5 - abs(rest))))


# sinc'(x) / x is pi² times a power series in z = (pi x)²: the sum over k >= 1 of (-1)^k 2k z^(k-1) / (2k+1)!
_SINC_SERIES = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 14)]


def _sinc_partials(out: Any, x: Any) -> tuple[Any]:
    near = where(abs(x) < 0.5, x, 0.0)
    z = square(pi * near)
    slope = where(abs(x) < 0.5, near * polynomial(z, _SINC_SERIES) * pi**2, div(cos_pi(x) - out, x))
    return (where(abs(x) == inf, 0.0, slope),)


sinc = row(
    "sinc",
    lambda x: where(x == 0, 1.0, where(abs(x) == inf, 0.0, div(sin_pi(x), pi * x))),
    _sinc_partials,
    "sin(pi x) / (pi x), and 1 at 0.",
    "(cos(π * x) - out) / x",
    composite=True,
)
