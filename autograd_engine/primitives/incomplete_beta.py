"""The incomplete beta function, and its derivatives of every order in all inputs, each a row of a family.

As for the incomplete gamma functions: with F = x**a (1 - x)**b Γ(a + b + 1) / (Γ(a + 1) Γ(b + 1)) and n = a + b + 1,
where x is at most about the mean, one step of the recurrence and the substitution logit(t) = logit(x) - u give

    I(x; a, b) = F b (1 / (a + b) + x ∫ exp(-(a + 1) u - n log(1 - x + x exp(-u))) du)

over all u > 0. Elsewhere 1 - I is the same with a and b, x and 1 - x exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

from autograd_engine.primitives.arithmetic import abs, clip, div, maximum, minimum, undefined, where
from autograd_engine.primitives.beta_functions import betaln
from autograd_engine.primitives.exponentials import exp, exp_rest, expm1, log, log1p, log1p_rest, sqrt
from autograd_engine.primitives.gamma import digamma_steps, polygamma, stirling_rest
from autograd_engine.primitives.power_series import Series, derivative, exponential_series, reciprocal_of_sum, times
from autograd_engine.primitives.primitive import Primitive, family, row
from autograd_engine.primitives.quadrature import fall, integral
from autograd_engine.primitives.special import SQRT_2PI


def _factor(a: Any, b: Any, x: Any, less: float) -> Any:
    """F, or for `less` of 1 F / (x (1 - x))."""
    few = minimum(a, b) < 7.5
    p, q = where(few, a, 1.0), where(few, b, 1.0)
    logs = (p - less) * log(x) + (q - less) * log1p(-x)
    small = exp(logs - betaln.forward(p + 1.0, q + 1.0)) / (p + q + 1.0)
    p, q = where(few, 7.5, a), where(few, 7.5, b)
    gap, total = x * q - (1.0 - x) * p, p + q
    deviance = p * log1p_rest(gap / p, log(x * (total / p))) + q * log1p_rest(-gap / q, log((1.0 - x) * (total / q)))
    rest = stirling_rest(total) - stirling_rest(p) - stirling_rest(q)
    large = exp(rest - deviance) * (sqrt(total / p) / (SQRT_2PI * sqrt(q)))
    return where(few, small, where(large == 0, 0.0, div(large, x * (1.0 - x))) if less else large)


def _logs(a: Any, b: Any, x: Any) -> tuple[Any, Any]:
    """The derivatives of log(F) with respect to a and to b."""
    n = a + b
    top = digamma_steps(n, n + 11.0)

    def of_one(c: Any, share: Any, log_of: Any) -> Any:
        ratio = (n + 11.0) / (c + 11.0)
        near = abs(share * ratio - 1.0) < 0.5
        both = where(near, log(where(near, share * ratio, 1.0)), log_of + log(ratio))
        return both + (digamma_steps(c, c + 11.0) - top)

    return of_one(a, x, log(x)), of_one(b, 1.0 - x, log1p(-x))


def _series(a: Any, b: Any, j: int, k: int) -> Series:
    """The power series of Γ(a + b + 1) / (Γ(a + 1) Γ(b + 1)) over itself in the changes of a and b, from order 2 on."""

    def cumulant(p: int, q: int) -> Any:
        both = polygamma(p + q - 1, a + b + 1.0)
        return both if p and q else both - polygamma(p + q - 1, (a if p else b) + 1.0)

    return exponential_series(cumulant, j, k)


def _incomplete(j: int, k: int, a: Any, b: Any, x: Any) -> tuple[Any, Any]:
    """Whether x is low, and the derivative of I in a and b, of orders j and k, where it is, else that of 1 - I."""
    low = x * (b + 1.0) <= (1.0 - x) * (a + 1.0)
    p, q = where(low, a, b), where(low, b, a)
    share, other = where(low, x, 1.0 - x), where(low, 1.0 - x, x)
    n, rate = a + b + 1.0, (p + 1.0) * other - q * share
    small, side = minimum(share, other), where(share < 0.5, -1.0, 1.0)

    def rest(u: Any) -> Any:
        """log(other + share * exp(-u)) + share * u."""
        change = small * expm1(side * u)
        return small * exp_rest(side * u) - log1p_rest(change, log1p(change))

    def slope(u: Any) -> Any:
        return rate - n * share * other * (expm1(-u) / (other + share * exp(-u)))

    # The factor b or a, and the series with and without 1 / (a + b)
    first = [[where(low, b, a)] + [where(low, 1.0, 0.0)] * (k > 0)] + [[where(low, 0.0, 1.0)]] * (j > 0)
    series = times(_series(a, b, j, k), first)
    y, z = _logs(a, b, x) if j + k else (0.0, 0.0)

    def moments(u: Any) -> Any:
        whole = rest(u) - share * u if j + k else 0.0
        own, its = -u - whole, -whole
        return derivative(series, y + where(low, own, its), z + where(low, its, own))

    part = integral(moments, fall(rate, n * share * other, n * small), lambda u: rate * u + n * rest(u), slope)
    ends = derivative(times(reciprocal_of_sum(a + b, j, k), series), y, z)
    return low, _factor(a, b, x, 0.0) * (ends + share * part)


def _inside(
    a: Any, b: Any, x: Any, ends: tuple[Any, Any], limits: tuple[Any, Any], inside: Callable[[Any, Any, Any], Any]
) -> Any:
    """inside(a, b, x) for a and b from 0 on and x from 0 to 1, with the values at the two ends of x, and the limits for
    infinite a and b between them."""
    good = (minimum(a, b) >= 0) & (x >= 0) & (x <= 1) & (maximum(a, b) > 0) & (minimum(a, b) < inf)
    middle = good & (x > 0) & (x < 1)

    def tamed(c: Any) -> Any:
        return where(middle, where(c == 0, 0.0, clip(c, 1e-290, 1e305)), 1.0)

    found = inside(tamed(a), tamed(b), where(middle, x, 0.5))
    found = where(a == inf, limits[0], where(b == inf, limits[1], found))
    at_zero = where((a == 0) | (b == inf), nan, ends[0])
    at_one = where((b == 0) | (a == inf), nan, ends[1])
    return where(good, where(x == 0, at_zero, where(x == 1, at_one, found)), undefined(a + b + x))


def _value(a: Any, b: Any, x: Any) -> Any:
    low, part = _incomplete(0, 0, a, b, x)
    return where(a == 0, 1.0, where(b == 0, 0.0, where(low, part, 1.0 - part)))


# The orders by a and b of the rows of both families, by their numbers.
_ORDERS = [(order - k, k) for order in range(14) for k in range(order + 1)]
_NUMBERS = {orders: m for m, orders in enumerate(_ORDERS)}
_LAST = _NUMBERS[0, 12]


def _slope(j: int, k: int) -> Primitive:
    return _slopes(_NUMBERS[j, k])


def _density(j: int, k: int) -> Primitive:
    return _densities(_NUMBERS[j, k])


def _partials(j: int, k: int) -> Callable[..., tuple[Any, Any, Any]]:
    return lambda out, a, b, x: (_slope(j + 1, k)(a, b, x), _slope(j, k + 1)(a, b, x), _density(j, k)(a, b, x))


def _slope_row(m: int) -> Primitive:
    if m == 0:
        return betainc
    j, k = _ORDERS[m]

    def inside(a: Any, b: Any, x: Any) -> Any:
        low, part = _incomplete(j, k, a, b, x)
        return where(low, part, -part)

    return row(
        f"betainc_by{m}",
        lambda a, b, x: _inside(a, b, x, (0.0, 0.0), (0.0, 0.0), inside),
        _partials(j, k),
        f"The derivative of betainc with respect to a of order {j} and to b of order {k}.",
        latex=rf"\partial_a^{{{j}}} \partial_b^{{{k}}} \operatorname{{betainc}}",
        composite=True,
    )


def _density_row(m: int) -> Primitive:
    j, k = _ORDERS[m]

    def inside(a: Any, b: Any, x: Any) -> Any:
        y, z = _logs(a, b, x) if m else (0.0, 0.0)
        series = times(times(reciprocal_of_sum(a + b, j, k), [[a]] + [[1.0]] * (j > 0)), [[b] + [1.0] * (k > 0)])
        shape = derivative(times(series, _series(a, b, j, k)), y, z)
        return where(shape == 0, 0.0, _factor(a, b, x, 1.0) * shape)

    def end(first: Any, second: Any) -> Any:
        edge = where(first == 1, nan if m else second, nan if m else inf)
        return where(first > 1, 0.0, edge)

    def partials(out: Any, a: Any, b: Any, x: Any) -> tuple[Any, Any, Any]:
        by_x = (div(a - 1.0, x) - div(b - 1.0, 1.0 - x)) * out
        if j:
            by_x = by_x + div(float(j), x) * _density(j - 1, k)(a, b, x)
        if k:
            by_x = by_x - div(float(k), 1.0 - x) * _density(j, k - 1)(a, b, x)
        return _density(j + 1, k)(a, b, x), _density(j, k + 1)(a, b, x), by_x

    return row(
        f"beta_density{m}",
        lambda a, b, x: _inside(a, b, x, (end(a, b), end(b, a)), (0.0, 0.0), inside),
        partials,
        f"The derivative of order {j} in a and of order {k} in b of x**(a - 1) * (1 - x)**(b - 1) / B(a, b).",
        latex=rf"\partial_a^{{{j}}} \partial_b^{{{k}}} p",
        composite=True,
    )


_slopes = family("betainc_by", _slope_row, _LAST)
_densities = family("beta_density", _density_row, _LAST)
betainc_by_a, betainc_by_b = _slope(1, 0), _slope(0, 1)

betainc = row(
    "betainc",
    lambda a, b, x: _inside(a, b, x, (0.0, 1.0), (0.0, 1.0), _value),
    _partials(0, 0),
    "The regularized incomplete beta function: the distribution function of a beta variable of shapes a and b.",
    ("betainc_by_a(a, b, x)", "betainc_by_b(a, b, x)", "x**(a - 1) * (1 - x)**(b - 1) / beta(a, b)"),
    composite=True,
)
