"""The incomplete gamma functions, and their derivatives of every order by both inputs, each a row of a family.

With F = x**a exp(-x) / Γ(a + 1), one step of the recurrence and the substitution t = x exp(-u) or x exp(u) give

    P(a, x)     = F (1 + x ∫ exp(-(a + 1 - x) u - x (exp(-u) - 1 + u)) du)   for x <= a + 1,
    1 - P(a, x) = F a ∫ exp(-(x - a) u - x (exp(u) - 1 - u)) du              for x > a + 1,

over all u > 0. Nothing cancels, and the integrands fall from 1 on, so the same Gauss-Legendre formula serves for all of
them. A derivative by a multiplies the integrand by a polynomial in log(t), with the derivatives of log Γ(a + 1) in its
coefficients.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from autograd_engine.primitives.arithmetic import abs, div, minimum, polynomial, square, undefined, where
from autograd_engine.primitives.exponentials import exp, expm1, log, log1p, pow, sqrt
from autograd_engine.primitives.gamma import digamma_rest, gamma_from_1, polygamma, stirling_rest
from autograd_engine.primitives.primitive import Primitive, family, row
from autograd_engine.primitives.trigonometry import hypot

# The Gauss-Legendre formula of 32 points between -1 and 1: the positive points and half their weights.
_POINTS = [
    *(0.04830766568773832, 0.1444719615827965, 0.23928736225213706, 0.33186860228212767, 0.42135127613063533),
    *(0.5068999089322294, 0.5877157572407623, 0.6630442669302152, 0.7321821187402897, 0.7944837959679424),
    *(0.84936761373257, 0.8963211557660521, 0.9349060759377397, 0.9647622555875064, 0.9856115115452684),
    0.9972638618494816,
]
_WEIGHTS = [
    *(0.0482700442573639, 0.04781936003963743, 0.04692219954040228, 0.045586939347881945, 0.043826046502201906),
    *(0.041655962113473374, 0.039096947893535156, 0.03617289705442425, 0.032911111388180925, 0.029342046739267772),
    *(0.025499029631188087, 0.02141794901111334, 0.017136931456510716, 0.01269603265463103, 0.008137197365452835),
    0.003509305004735048,
]
# The same between 0 and 1 after u = v (1 + v) / 2, which puts more points near 0.
_FORMULA = [
    (0.5 * v * (1.0 + v), weight * (0.5 + v))
    for point, weight in zip(_POINTS, _WEIGHTS)
    for v in (0.5 * (1.0 - point), 0.5 * (1.0 + point))
]
FALL = 42.0  # the integrals end where the integrand is exp(-42)
_EXP = [1 / math.factorial(k + 2) for k in range(11)]
_LOG1P = [2 / (2 * k + 3) for k in range(16)]
SQRT_2PI = math.sqrt(2 * math.pi)


def exp_rest(z: Any) -> Any:
    """exp(z) - 1 - z."""
    near = where(abs(z) < 0.25, z, 0.0)
    return where(abs(z) < 0.25, square(near) * polynomial(near, _EXP), expm1(z) - z)


def log1p_rest(v: Any, log_of: Any) -> Any:
    """v - log1p(v), where `log_of` is log1p(v)."""
    near = where(abs(v) < 0.5, v, 0.0)
    r = near / (2.0 + near)
    return where(abs(v) < 0.5, r * (near - square(r) * polynomial(square(r), _LOG1P)), v - log_of)


def integral(f: Callable[[Any], Any], start: Any, exponent: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """The integral of f(u) exp(-exponent(u)) over u > 0, for an exponent that is convex, and 0 at 0.

    From `start`, Newton's method leads to where it is 42.
    """
    end = start
    for _ in range(3):
        end = end - div(exponent(end) - FALL, slope(end))
    total: Any = 0.0
    for point, weight in _FORMULA:
        u = end * point
        total = total + weight * f(u) * exp(-exponent(u))
    return end * total


def fall(rate: Any, variance: Any, growth: Any) -> Any:
    """About where an exponent of this slope and curvature at 0 is 42, at most where growth * (exp(u) - 1 - u) is."""
    least = rate - FALL / 3.0  # by Bernstein's inequality
    slow = 2.0 * FALL / (least + hypot(least, 2.0 * math.sqrt(FALL) * sqrt(rate / 3.0 + 0.5 * variance)))
    return minimum(slow, log1p(FALL / growth + math.sqrt(2.0 * FALL) / sqrt(growth)))


Series = list[list[Any]]


def exponential_series(cumulant: Callable[[int, int], Any], j: int, k: int) -> Series:
    """The coefficients of g**p h**q, up to p = j and q = k, of the exponential of the sum of cumulant(p, q) g**p h**q /
    (p! q!) over all terms of order 2 and more."""
    scaled = {
        (p, q): cumulant(p, q) * (1 / (math.factorial(p) * math.factorial(q)))
        for p in range(j + 1)
        for q in range(k + 1)
        if p + q > 1
    }
    series: Series = [[0.0] * (k + 1) for _ in range(j + 1)]
    series[0][0] = 1.0
    for p in range(j + 1):
        for q in range(1 if p == 0 else 0, k + 1):
            total: Any = 0.0
            for (i, m), term in scaled.items():
                order, of = (i, p) if p else (m, q)
                if order and i <= p and m <= q:
                    total = total + (order / of) * term * series[p - i][q - m]
            series[p][q] = total
    return series


def times(series: Series, by: Series) -> Series:
    """The product of two power series, to the order of the first; the second may be shorter."""
    return [
        [
            sum_of(
                [
                    by[i][m] * series[p - i][q - m]
                    for i in range(min(p + 1, len(by)))
                    for m in range(min(q + 1, len(by[i])))
                ]
            )
            for q in range(len(series[0]))
        ]
        for p in range(len(series))
    ]


def sum_of(terms: Sequence[Any]) -> Any:
    """Their sum, from left to right."""
    return functools.reduce(operator.add, terms)


def derivative(series: Series, y: Any, z: Any) -> Any:
    """The derivative, of the order to which it goes, of the product of a series and exp(y g + z h)."""
    j, k = len(series) - 1, len(series[0]) - 1
    order = math.factorial(j) * math.factorial(k)
    return polynomial(
        y,
        [
            polynomial(
                z, [series[j - p][k - q] * (order / (math.factorial(p) * math.factorial(q))) for q in range(k + 1)]
            )
            for p in range(j + 1)
        ],
    )


def _factor(a: Any, x: Any, less: Any) -> Any:
    """F, for a below 7.5 over x**less."""
    few = a < 7.5
    small = pow(minimum(x, 1e3), minimum(a, 7.5) - less) * exp(-x) / gamma_from_1(where(few, a, 0.0) + 1.0)
    large = where(few, 7.5, a)
    deviance = large * log1p_rest((x - large) / large, log(x / large))
    return where(few, small, exp(-deviance - stirling_rest(large)) / (SQRT_2PI * sqrt(large)))


def log_of_ratio(x: Any, a: Any) -> Any:
    """log(x) - digamma(a + 1), the derivative of log(F) by a."""
    y = a + 11.0
    change = (x - y) / y
    near = abs(change) < 0.5
    return where(near, log1p(where(near, change, 0.0)), log(x) - log(y)) + digamma_steps(a, y)


def digamma_steps(a: Any, y: Any) -> Any:
    """log(y) - digamma(a + 1), where y is a + 11."""
    return digamma_rest(y) + sum_of([1.0 / (a + float(k)) for k in range(10, 0, -1)])


def _series(a: Any, m: int) -> tuple[Series, Series]:
    """The power series in the change of a, but for exp(y g), of t**a / Γ(a + 1) and t**a / Γ(a), over the former."""
    plain = exponential_series(lambda p, q: -polygamma(p - 1, a + 1.0), m, 0)
    return plain, times(plain, [[a], [1.0]])


def _incomplete(m: int, a: Any, x: Any) -> tuple[Any, Any]:
    """Whether x <= a + 1, and the derivative by a of order m of P where that holds, else of 1 - P."""
    low = x <= a + 1.0
    rate, side = where(low, a + 1.0 - x, x - a), where(low, -1.0, 1.0)
    plain, shifted = _series(a, m)
    chosen = [[where(low, p, q)] for (p,), (q,) in zip(plain, shifted)]
    y = log_of_ratio(x, a) if m else 0.0
    part = integral(
        lambda u: derivative(chosen, y + side * u, 0.0),
        fall(rate, x, where(low, 1.0, x)),
        lambda u: rate * u + x * exp_rest(side * u),
        lambda u: rate + x * abs(expm1(side * u)),
    )
    return low, _factor(a, x, 0.0) * where(low, derivative(plain, y, 0.0) + x * part, part)


def _inside(a: Any, x: Any, at_zero: Any, at_infinity: Any, inside: Callable[[Any, Any], Any]) -> Any:
    """inside(a, x) for a and x from 0 on, with the values at the two ends of x."""
    good = (a >= 0) & (x >= 0)
    found = inside(where(good, minimum(a, 1e308), 1.0), where(good, minimum(x, 1e308), 1.0))
    found = where(x == 0, where(a > 0, at_zero, undefined(a, x)), where(x == inf, at_infinity, found))
    found = where(a == inf, where(x < inf, at_zero, undefined(a, x)), found)
    return where(good, found, undefined(a, x))


def _lower(a: Any, x: Any) -> Any:
    low, part = _incomplete(0, a, x)
    return where(a == 0, 1.0, where(low, part, 1.0 - part))


def _upper(a: Any, x: Any) -> Any:
    low, part = _incomplete(0, a, x)
    return where(a == 0, 0.0, where(low, 1.0 - part, part))


def _by_a_row(m: int) -> Primitive:
    if m == 0:
        return gammainc

    def inside(a: Any, x: Any) -> Any:
        low, part = _incomplete(m, a, x)
        return where(low, part, -part)

    return row(
        f"gammainc_by_a{m}",
        lambda a, x: _inside(a, x, 0.0, 0.0, inside),
        lambda out, a, x: (_by_a(m + 1)(a, x), _density(m)(a, x)),
        f"The derivative of gammainc by a of order {m}.",
        latex=rf"\partial_a^{{{m}}} \operatorname{{gammainc}}",
        composite=True,
    )


def _density_row(m: int) -> Primitive:
    pole = -inf if m % 2 else inf

    def inside(a: Any, x: Any) -> Any:
        shape = derivative(_series(a, m)[1], log_of_ratio(x, a) if m else 0.0, 0.0)
        steep = a < 1.0  # then a power of x may overflow where the density does not
        factor = _factor(a, x, where(steep, 0.5, 1.0))
        return where(factor == 0, 0.0, factor * div(shape, where(steep, sqrt(x), where(a < 7.5, 1.0, x))))

    def forward(a: Any, x: Any) -> Any:
        return _inside(a, x, where(a > 1, 0.0, where(a == 1, pole if m else 1.0, pole)), 0.0, inside)

    def partials(out: Any, a: Any, x: Any) -> tuple[Any, Any]:
        lower = div(float(m), x) * _density(m - 1)(a, x) if m else 0.0
        return _density(m + 1)(a, x), (div(a - 1.0, x) - 1.0) * out + lower

    doc = f"The derivative by a of order {m} of x**(a - 1) * exp(-x) / Γ(a)."
    return row(f"gamma_density{m}", forward, partials, doc, latex=rf"\partial_a^{{{m}}} p", composite=True)


_by_a = family("gammainc_by_a", _by_a_row, last=20)
_density = family("gamma_density", _density_row, last=20)
gammainc_by_a = _by_a(1)

gammainc = row(
    "gammainc",
    lambda a, x: _inside(a, x, 0.0, 1.0, _lower),
    lambda out, a, x: (_by_a(1)(a, x), _density(0)(a, x)),
    "The regularized lower incomplete gamma function: the distribution function of a gamma variable of shape a.",
    ("gammainc_by_a(a, x)", "x**(a - 1) * exp(-x - lgamma(a))"),
    composite=True,
)
gammaincc = row(
    "gammaincc",
    lambda a, x: _inside(a, x, 1.0, 0.0, _upper),
    lambda out, a, x: (-_by_a(1)(a, x), -_density(0)(a, x)),
    "1 - gammainc(a, x), accurate where it is small.",
    ("-gammainc_by_a(a, x)", "-(x**(a - 1)) * exp(-x - lgamma(a))"),
    composite=True,
)
