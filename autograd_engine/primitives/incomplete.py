"""The incomplete gamma functions, and their derivatives of every order in both inputs, each a row of a family.

With F = x**a exp(-x) / Γ(a + 1), one step of the recurrence and the substitution t = x exp(-u) or x exp(u) give

    P(a, x)     = F (1 + x ∫ exp(-(a + 1 - x) u - x (exp(-u) - 1 + u)) du)   for x <= a + 1,
    1 - P(a, x) = F a ∫ exp(-(x - a) u - x (exp(u) - 1 - u)) du              for x > a + 1,

over all u > 0. Nothing cancels, and the integrands fall from 1 on, so the same Gauss-Legendre formula serves for all of
them. A derivative with respect to a multiplies the integrand by a polynomial in log(t), with the derivatives of
log Γ(a + 1) in its coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from autograd_engine.primitives.arithmetic import abs, div, minimum, undefined, where
from autograd_engine.primitives.exponentials import exp, exp_rest, expm1, log, log1p, log1p_rest, pow, sqrt
from autograd_engine.primitives.gamma import digamma_steps, gamma_from_1, polygamma, stirling_rest
from autograd_engine.primitives.power_series import Series, derivative, exponential_series, times
from autograd_engine.primitives.primitive import Primitive, family, row
from autograd_engine.primitives.quadrature import fall, integral
from autograd_engine.primitives.special import SQRT_2PI


def _factor(a: Any, x: Any, less: Any) -> Any:
    """F, for a below 7.5 over x**less."""
    few = a < 7.5
    small = pow(minimum(x, 1e3), minimum(a, 7.5) - less) * exp(-x) / gamma_from_1(where(few, a, 0.0) + 1.0)
    large = where(few, 7.5, a)
    deviance = large * log1p_rest((x - large) / large, log(x / large))
    return where(few, small, exp(-deviance - stirling_rest(large)) / (SQRT_2PI * sqrt(large)))


def log_of_ratio(x: Any, a: Any) -> Any:
    """log(x) - digamma(a + 1), the derivative of log(F) with respect to a."""
    y = a + 11.0
    change = (x - y) / y
    near = abs(change) < 0.5
    return where(near, log1p(where(near, change, 0.0)), log(x) - log(y)) + digamma_steps(a, y)


def _series(a: Any, m: int) -> tuple[Series, Series]:
    """The power series in the change of a, but for exp(y g), of t**a / Γ(a + 1) and t**a / Γ(a), over the former."""
    plain = exponential_series(lambda p, q: -polygamma(p - 1, a + 1.0), m, 0)
    return plain, times(plain, [[a], [1.0]])


def _incomplete(m: int, a: Any, x: Any) -> tuple[Any, Any]:
    """Whether x <= a + 1, and the derivative with respect to a of order m of P where that holds, else of 1 - P."""
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
        f"The derivative of gammainc with respect to a of order {m}.",
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

    doc = f"The derivative with respect to a of order {m} of x**(a - 1) * exp(-x) / Γ(a)."
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
