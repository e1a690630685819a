"""The beta function and its logarithm."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from autograd_engine.primitives.arithmetic import div, maximum, minimum, undefined, where
from autograd_engine.primitives.exponentials import exp, log, log1p
from autograd_engine.primitives.gamma import HALF_LOG_2PI, digamma, log_gamma_of_positive, stirling_rest, trigamma
from autograd_engine.primitives.primitive import row


def _betaln(a: Any, b: Any) -> Any:
    low, high = minimum(a, b), maximum(a, b)
    large = where(high < 10, 10.0, high)
    # log Γ(high) - log Γ(low + high), whose large terms cancel
    rest = stirling_rest(large) - stirling_rest(low + large)
    ratio = (low + large - 0.5) * log1p(div(low, large)) - rest
    one_is_small = log_gamma_of_positive(low) - low * (log(large) - 1.0) - ratio
    also = where(low < 10, 10.0, low)
    both_are_large = also * log(div(also, large)) - 0.5 * log(also) + (HALF_LOG_2PI + stirling_rest(also)) - ratio
    far = where(low < 10, one_is_small, both_are_large)
    near = log_gamma_of_positive(low) + (log_gamma_of_positive(high) - log_gamma_of_positive(low + high))
    inside = where(high == inf, where(low > 0, -inf, nan), where(high < 10, near, far))
    return where(low == 0, where(high < inf, inf, nan), where(low < 0, undefined(a, b), inside))


def _slope_of_beta(x: Any, other: Any, out: Any, out_by_other: Any) -> Any:
    """out * (digamma(x) - digamma(x + other)), given `out` and out * other."""
    total, positive = x + other, x + 0.0
    tiny = -div(div(out_by_other, total), positive)  # where digamma is -1 / x, but for a constant
    small = -out_by_other * trigamma(x + 0.5 * other)  # where the difference cancels
    slope = where(other < 1e-5 * x, small, out * (digamma(positive) - digamma(total)))
    inside = (minimum(x, other) >= 0) & (total > 0) & (total < inf)
    return where(inside, where(total < 1e-30, tiny, slope), undefined(x, other))


betaln = row(
    "betaln",
    _betaln,
    lambda out, a, b: (_slope_of_beta(a, b, 1.0, b), _slope_of_beta(b, a, 1.0, a)),
    "The logarithm of beta.",
    ("digamma(a) - digamma(a + b)", "digamma(b) - digamma(a + b)"),
    composite=True,
)


def _beta_partials(out: Any, a: Any, b: Any) -> tuple[Any, Any]:
    by_a, by_b = where(out == inf, 1.0, out * a), where(out == inf, 1.0, out * b)  # 1 is the limit where it overflows
    return _slope_of_beta(a, b, out, by_b), _slope_of_beta(b, a, out, by_a)


beta = row(
    "beta",
    lambda a, b: exp(betaln(a, b)),
    _beta_partials,
    "Γ(a) Γ(b) / Γ(a + b), of numbers that are not negative.",
    ("out * (digamma(a) - digamma(a + b))", "out * (digamma(b) - digamma(a + b))"),
    symbol="B",
    latex=r"\mathrm{B}",
    composite=True,
)
