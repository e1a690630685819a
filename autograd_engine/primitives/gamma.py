"""The logarithm of the gamma function and its derivatives: a family of rows, each the slope of the one before."""

from __future__ import annotations

import functools
import math
import operator
from math import inf, nan, pi
from typing import Any

from autograd_engine.primitives.arithmetic import abs, div, polynomial, square, where
from autograd_engine.primitives.exponentials import exp, log, log1p, pow
from autograd_engine.primitives.primitive import Primitive, family, row
from autograd_engine.primitives.special import cos_pi, sin_pi

# For Stirling's series: the Bernoulli numbers B₂, B₄ … B₂₀.
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330]
_LOG_GAMMA = [b / ((2 * k + 1) * (2 * k + 2)) for k, b in enumerate(_BERNOULLI[:9])]
_DIGAMMA = [b / (2 * k + 2) for k, b in enumerate(_BERNOULLI)]
# log Γ(2 + z) / z: 1 minus Euler's constant, then (-1)^k (ζ(k) - 1) / k for k = 2, 3 …
_AT_TWO = [
    *(0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986),
    *(0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939),
    *(9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06),
    *(4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07),
    *(2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08),
    *(1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09),
    5.731367241678862e-10,
]
HALF_LOG_2PI, _LOG_PI = 0.5 * math.log(2 * pi), math.log(pi)
_SHIFT = 10  # from x + 10 on, the terms above are enough for the series of the derivatives


def stirling_rest(x: Any) -> Any:
    """What Stirling's series adds to (x - 1/2) log(x) - x + log(2 pi) / 2, for x from 8.5 on."""
    return div(polynomial(square(div(1.0, x)), _LOG_GAMMA), x)


def _near_two(x: Any) -> tuple[Any, Any, Any]:
    """p, r and log(Γ(r)) with Γ(x) = p Γ(r), for x from 0 to 8.5. Where r < 1/2, log(Γ(r + 1)) takes its place."""
    # Factors move x into the range from 1.5 to 2.5. There z and log1p(z) keep the zeros at 1 and 2 exact.
    product, rest = 1.0, x
    for _ in range(6):
        above = rest > 2.5
        rest = where(above, rest - 1.0, rest)
        product = product * where(above, rest, 1.0)
    small = rest < 1.5
    z = where(rest < 0.5, rest, where(small, rest - 1.0, rest - 2.0))
    return product, rest, z * polynomial(z, _AT_TWO) - where(small, log1p(z), 0.0)


def log_gamma_of_positive(x: Any) -> Any:
    """log Γ(x) for x from 0 on."""
    large = where(x < 8.5, 8.5, x)
    stirling = (large - 0.5) * (log(large) - 1.0) + (HALF_LOG_2PI - 0.5) + stirling_rest(large)
    product, rest, near = _near_two(where(x < 8.5, x, 2.0))
    return where(x < 8.5, near - where(rest < 0.5, log(rest), 0.0) + log(product), where(x == inf, inf, stirling))


def gamma_from_1(x: Any) -> Any:
    """Γ(x) for x from 1 to 8.5."""
    product, _, near = _near_two(x)
    return product * exp(near)


def _log_gamma(x: Any) -> Any:
    sine = abs(sin_pi(where(abs(x) == inf, 0.0, x)))
    # Γ(x) Γ(1 - x) = pi / sin(pi x)
    reflected = where(sine == 0, inf, (_LOG_PI - log(sine)) - log_gamma_of_positive(1.0 - x))
    return where(x < -1e-20, reflected, log_gamma_of_positive(abs(x)))


def digamma_rest(x: Any) -> Any:
    """log(x) - digamma(x), for x from 10 on."""
    inverse = div(1.0, x)
    return 0.5 * inverse + square(inverse) * polynomial(square(inverse), _DIGAMMA)


def digamma_steps(a: Any, y: Any) -> Any:
    """log(y) - digamma(a + 1), where y is a + 11."""
    return digamma_rest(y) + functools.reduce(operator.add, [1.0 / (a + float(k)) for k in range(10, 0, -1)])


def _digamma_of_positive(x: Any) -> Any:
    y = x + float(_SHIFT)
    steps: Any = 0.0
    for k in range(_SHIFT - 1, -1, -1):
        steps = steps + div(1.0, x + float(k) if k else x)
    return log(y) - digamma_rest(y) - steps


def _cotangent_of_pi(x: Any) -> Any:
    """cot(pi x), nan at the integers."""
    sine = sin_pi(x)
    return where(sine == 0, nan, div(cos_pi(x), sine))


def _digamma(x: Any) -> Any:
    reflected = _digamma_of_positive(1.0 - x) - pi * _cotangent_of_pi(x)
    return where(x < 0, reflected, _digamma_of_positive(x))


def _polygamma_of_positive(m: int, x: Any, sign: float) -> Any:
    """The derivative of order m >= 1 of digamma, by the Euler-Maclaurin formula."""
    shift = float(_SHIFT + m)
    few = x < shift  # too small for the terms of the series: steps of 1 lead up to where they are enough
    y = where(few, x + shift, x)
    inverse = div(1.0, y)
    # B₂ⱼ / (2j)! · (m + 1) … (m + 2j - 1)
    series = [b * math.prod(range(m + 1, m + 2 * j)) / math.factorial(2 * j) for j, b in enumerate(_BERNOULLI, 1)]
    total = pow(y, float(-m)) * (1 / m + inverse * (0.5 + inverse * polynomial(square(inverse), series)))
    for k in range(_SHIFT + m - 1, -1, -1):
        total = total + where(few, pow(x + float(k) if k else x, float(-m - 1)), 0.0)
    return sign * float(math.factorial(m)) * total


def _cotangent_derivative(m: int) -> list[int]:
    """The derivative of order m of cot(t) as a polynomial in cot(t), by d cot / dt = -(1 + cot²)."""
    c = [0, 1]
    for _ in range(m):
        slope = [k * a for k, a in enumerate(c)][1:]
        c = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    return c


def _polygamma_row(m: int) -> Primitive:
    if m == 0:
        return digamma
    sign = 1.0 if m % 2 else -1.0
    powers = [float(a) for a in _cotangent_derivative(m)[(m + 1) % 2 :: 2]]

    def forward(x: Any) -> Any:
        cotangent = _cotangent_of_pi(x)
        turn = polynomial(square(cotangent), powers) * pi ** (m + 1)
        reflected = _polygamma_of_positive(m, 1.0 - x, -1.0) - (turn if m % 2 else turn * cotangent)
        return where(x < 0, reflected, _polygamma_of_positive(m, x, sign))

    doc = f"The derivative of digamma of order {m}."
    latex = rf"\psi^{{({m})}}"
    return row(f"polygamma{m}", forward, lambda out, x: (polygamma(m + 1, x),), doc, latex=latex, composite=True)


def polygamma(m: int, x: Any) -> Any:
    """The m-th derivative of digamma at x, that is, the derivative of order m + 1 of the logarithm of gamma.

    Raises ValueError unless m is an int from 0 to 100.

    >>> polygamma(1, 1.0), polygamma(0, 1.0) == digamma(1.0)
    (1.6449340668482264, True)
    """
    return _polygamma(m)(x)


_polygamma = family("polygamma", _polygamma_row, last=100)  # much higher, coefficients would overflow


digamma = row(
    "digamma",
    _digamma,
    lambda out, x: (polygamma(1, x),),
    "The derivative of lgamma.",
    "trigamma(x)",
    symbol="ψ",
    latex=r"\psi",
    composite=True,
)
lgamma = row(
    "lgamma", _log_gamma, lambda out, x: (digamma(x),), "The logarithm of |Γ(x)|.", "digamma(x)", composite=True
)
trigamma = _polygamma(1)
