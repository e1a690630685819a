"""Activation functions of neural networks, and the logarithm of a sum of exponentials."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from math import inf
from typing import Any

from autograd_engine.primitives.arithmetic import abs, clip, div, maximum, minus_abs, sign, square, undefined, where
from autograd_engine.primitives.exponentials import exp, expm1, log, log1p
from autograd_engine.primitives.normal import ndtr, normal_density
from autograd_engine.primitives.primitive import row
from autograd_engine.primitives.reductions import of_sequence, reduction
from autograd_engine.primitives.trigonometry import arctanh

_activation = functools.partial(row, composite=True, saturates=True, activation=True)


def _by_sign(out: Any, x: Any, positive: Any, otherwise: Any) -> Any:
    """`positive` where x > 0, `otherwise` where x <= 0, `out` where x is nan."""
    return where(x > 0, positive, where(x <= 0, otherwise, out))


relu = row(
    "relu",
    lambda x: x if x > 0 or x != x else 0.0,
    lambda out, x: (sign(out),),
    "x where x > 0, else 0.",
    "x > 0",
    activation=True,
)


def _sigmoid(x: Any) -> Any:
    e = exp(minus_abs(x))
    return where(x >= 0, 1.0, e) / (1.0 + e)


def _sigmoid_partials(out: Any, x: Any) -> tuple[Any]:
    e = exp(minus_abs(x))
    return (e / square(1 + e),)


sigmoid = _activation(
    "sigmoid",
    _sigmoid,
    _sigmoid_partials,
    "1 / (1 + exp(-x)), the logistic.",
    "out * (1 - out)",
    symbol="σ",
    latex=r"\sigma",
)
expit = sigmoid  # SciPy's name


def _logit(x: Any) -> Any:
    # Near 1/2 the quotient loses the digits of a small logarithm; 2 * x - 1 is exact there.
    return where(abs(x - 0.5) < 0.2, 2.0 * arctanh(2.0 * x - 1.0), log(div(x, 1.0 - x)))


logit = row(
    "logit",
    _logit,
    lambda out, x: (where((x >= 0) & (x <= 1), div(1.0, (x + 0.0) * (1.0 - x)), undefined(x)),),
    "log(x / (1 - x)), the inverse of sigmoid.",
    "1 / (x * (1 - x))",
    composite=True,
)
leaky_relu = row(
    "leaky_relu",
    lambda x, negative_slope: where(x > 0, x, negative_slope * x),
    lambda out, x, negative_slope=0.01: (
        # A negative slope below 0 makes the kink convex with 0 between its two slopes.
        _by_sign(out, x, 1.0, where((x == 0) & (negative_slope < 0), 0.0, negative_slope)),
        _by_sign(out, x, 0.0, x),
    ),
    "x where x > 0, else negative_slope * x.",
    ("where(x > 0, 1, negative_slope)", "where(x > 0, 0, x)"),
    composite=True,
    activation=True,
)
elu = _activation(
    "elu",
    lambda x, alpha: where(x > 0, x, alpha * expm1(x)),
    lambda out, x, alpha=1.0: (_by_sign(out, x, 1.0, alpha * exp(x)), _by_sign(out, x, 0.0, expm1(x))),
    "x where x > 0, else alpha * (exp(x) - 1).",
    ("where(x > 0, 1, alpha * exp(x))", "where(x > 0, 0, exp(x) - 1)"),
)


def _gelu_partials(out: Any, x: Any) -> tuple[Any]:
    x = clip(x, -40.0, 40.0)  # beyond, the slope is 0 or 1
    return (ndtr(x) + x * normal_density(x),)


gelu = _activation(
    "gelu",
    lambda x: maximum(x, -1e4) * ndtr(x),  # -1e4, so that -inf gives -0
    _gelu_partials,
    "x times the normal distribution function (the exact form, not the tanh one).",
    "(1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * π)",
)


def _silu(x: Any) -> Any:
    x = maximum(x, -1e4)  # so that -inf gives -0
    h = exp(0.5 * minus_abs(x))  # the root of exp(-|x|) does not underflow where that does
    return where(x >= 0, x, x * h * h) / (1.0 + h * h)


def _silu_partials(out: Any, x: Any) -> tuple[Any]:
    x = clip(x, -1e4, 1e4)
    e, h = exp(minus_abs(x)), exp(0.5 * minus_abs(x))
    negative = where(x < -40, h * (1 + x) * h, e * (1 + x / (1 + e)) / (1 + e))  # below -40 1 + e is 1
    return (where(x >= 0, (1 + x * e / (1 + e)) / (1 + e), negative),)


silu = _activation("silu", _silu, _silu_partials, "x * sigmoid(x), also called swish.", "out + sigmoid(x) * (1 - out)")
softplus = _activation(
    "softplus",
    lambda x: maximum(x, 0.0) + log1p(exp(minus_abs(x))),
    lambda out, x: (sigmoid(x),),
    "log(1 + exp(x)), without overflow.",
    "sigmoid(x)",
)


def _softsign(x: Any) -> Any:
    x = clip(x, -1e300, 1e300)  # so that inf gives 1
    return x / (1.0 + abs(x))


softsign = _activation(
    "softsign", _softsign, lambda out, x: (square(1 / (1 + abs(x))),), "x / (1 + |x|).", "1 / (1 + abs(x)) ** 2"
)


def _logsumexp(x: Any) -> Any:
    largest = x.extreme(maximum, -inf)
    # Without the largest, so that log1p sees what the others add to it, however small.
    others = x.each(lambda number: where(number == largest, 0.0, exp(number - largest))).total()
    ties = x.each(lambda number: where(number == largest, 1.0, 0.0)).total()
    return largest + log1p(others + (ties - 1.0))


def _logsumexp_slopes(out: Any, x: Any) -> Any:
    infinite = abs(out) == inf
    powers = x.each(lambda number: where(infinite, where(number == out, 1.0, 0.0), exp(number - out)))
    total = powers.total()  # 1, but for the rounding of `out`
    return powers.each(lambda power: div(power, total))


_logsumexp_row = reduction(
    "logsumexp", _logsumexp, _logsumexp_slopes, "log(exp(x₁) + … + exp(xₙ)), without overflow.", "exp(x - out)"
)


def logsumexp(values: Iterable[Any]) -> Any:
    """log(exp(x₁) + exp(x₂) + …) of a sequence as one node, without overflow; -inf for an empty one.

    The slope with respect to a number is its share in the sum, as `softmax` gives it.

    >>> logsumexp([1000.0, 1000.0]), logsumexp([0.0, -50.0])
    (1000.6931471805599, 1.9287498479639178e-22)
    """
    return of_sequence(_logsumexp_row, values)
