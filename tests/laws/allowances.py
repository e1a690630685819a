"""What a value or a slope may be off: `BAR`, and on top of it what cannot be had, by row.

These stand apart from `rows` because they ask the judge, which in turn reads the rows. All are absolute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mpmath import mp, mpf

from autograd_engine import Value
from autograd_engine.primitives import Primitive
from tests.laws.judge import NORMAL, exact_slope, unit
from tests.laws.rows import Inputs

BAR = 4.0  # units in the last place


def bar_of(larger: Any, number: Any) -> float:
    """The bar in units of a larger number, such as a term that cancels, beyond that in units of the number itself."""
    return BAR * max(0.0, unit(larger) - unit(number))


def _sum_value(inputs: Inputs, value: Any) -> Any:
    return sum(abs(mpf(x)) for x in inputs) * len(inputs) * 2.0**-53


def _dot_value(inputs: Inputs, value: Any) -> Any:
    half = len(inputs) // 2
    return sum(abs(mpf(x) * mpf(y)) for x, y in zip(inputs[:half], inputs[half:])) * half * 2.0**-52


def _logaddexp_value(inputs: Inputs, value: Any) -> Any:
    # A difference is rounded, but not near a zero.
    difference = -math.fabs(inputs[0] - inputs[1])
    if difference < -800 or 2.01 * abs(value) < abs(max(inputs)):
        return 0
    return math.ulp(difference) / 2 * exact_slope("logaddexp", (difference, 0.0), 0)


def _logsumexp_value(inputs: Inputs, value: Any) -> Any:
    # What rounding the differences from the largest costs; where the value crosses zero, the largest input counts.
    shifts = [x - max(inputs) for x in inputs]
    rounding = sum(math.ulp(x) / 2 * mp.exp(x) for x in shifts if x > -800)
    return rounding + bar_of(max(inputs), value)


def _logsumexp_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    # Each exponent is a difference that is rounded.
    with mp.workprec(400):
        return (
            sum(math.ulp(float(x - value)) * (1 if k == i else mp.exp(x - value)) for k, x in enumerate(inputs)) * slope
        )


def _digamma_value(inputs: Inputs, value: Any) -> Any:
    return bar_of(math.log(10.0 + math.fabs(inputs[0])), value)


def _lgamma_value(inputs: Inputs, value: Any) -> Any:
    return bar_of(mp.loggamma(1 - mpf(inputs[0])), value) if inputs[0] < 0 else 0


def _largest_of_betaln(inputs: Inputs, value: Any) -> Any:
    low, high = sorted(map(mpf, inputs))
    return max(abs(x) for x in (value, mp.loggamma(low), *map(mp.loggamma, (high, low + high) if high < 10 else ())))


def _betaln_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    """Of the difference of two digammas. Where it cancels, a series with an error of 1e-10 takes over."""
    return min(2 * bar_of(math.log(10.0 + inputs[0] + inputs[1]), slope), 1e-10 * abs(slope))


def _beta_value(inputs: Inputs, value: Any) -> Any:
    """What the error of its logarithm costs."""
    return value * BAR * unit(_largest_of_betaln(inputs, mp.log(value)))


def _beta_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    rest = _betaln_slope(inputs, i, value, slope / value)
    return abs(slope / value) * _beta_value(inputs, value) + value * rest


def _bessel_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    """Of the difference of the two functions, and of that and a quotient."""
    size = abs(mpf(inputs[0]))
    return bar_of(max(abs(value), 0.5 if size < 1 else 0) if size <= 8 else abs(value) / size, slope)


def _is_low(inputs: Inputs) -> bool:
    """Whether the lower function is computed, not the upper one."""
    *shapes, x = inputs
    return x * (shapes[1] + 1) <= (1 - x) * (shapes[0] + 1) if shapes[1:] else x <= shapes[0] + 1


def _exponent(inputs: Inputs, number: Any) -> Any:
    """What rounding the terms of an exponent costs, with the logarithm of the result for their size."""
    *shapes, x = inputs
    terms = abs(mp.log(abs(number)))
    if shapes[1:] and min(shapes) < 7.5:
        terms += shapes[0] * abs(mp.log(x)) + shapes[1] * abs(mp.log1p(-mpf(x)))
    return 2.0**-51 * abs(number) * (4 + terms)


def _incomplete_value(inputs: Inputs, value: Any) -> Any:
    """What the exponent costs, and where the value is 1 minus another, the bar of 1."""
    return 2 * _exponent(inputs, value) + bar_of(1.0, value) if value else 0


def _incomplete_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    """The same of a slope; by a shape, its terms are about as large as the value that is computed."""
    part = value if _is_low(inputs) else 1 - value
    terms = 2 * bar_of(part, slope) if i < len(inputs) - 1 else 0
    return 2 * _exponent(inputs, slope) + terms if slope else 0


def _height(inputs: Inputs) -> Any:
    """How high the waves of a Bessel function are."""
    return min(mpf(1), 1 / mp.sqrt(abs(mpf(inputs[0])) or 1))


def _wave(inputs: Inputs, number: Any) -> Any:
    return bar_of(min(_height(inputs) * 0.7, abs(mpf(inputs[0])) / 2), number)


def _product_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    """Of x g(x), whose slope is g + x g'."""
    if not inputs[0]:
        return 0
    one = value / mpf(inputs[0])
    return bar_of(max(abs(one), abs(slope - one)), slope)


def _quotient_slope(inputs: Inputs, i: int, value: Any, slope: Any) -> Any:
    """Of g(x) / x, whose slope is g' / x - g / x²."""
    if not inputs[0]:
        return 0
    one = value / mpf(inputs[0])
    return bar_of(max(abs(one), abs(slope + one)), slope)


# Where terms cancel, each of them counts.
OF_VALUES: dict[str, Callable[[Inputs, Any], Any]] = {
    "sum": _sum_value,
    "dot": _dot_value,
    "logaddexp": _logaddexp_value,
    "logsumexp": _logsumexp_value,
    "digamma": _digamma_value,
    "lgamma": _lgamma_value,
    "j0": lambda inputs, value: bar_of(0.7 * _height(inputs), value),
    "j1": _wave,
    "betaln": lambda inputs, value: bar_of(_largest_of_betaln(inputs, value), value),
    "beta": _beta_value,
    "gammainc": _incomplete_value,
    "gammaincc": _incomplete_value,
    "betainc": _incomplete_value,
}
OF_SLOPES: dict[str, Callable[[Inputs, int, Any, Any], Any]] = {
    "logsumexp": _logsumexp_slope,
    "entr": lambda inputs, i, value, slope: bar_of(1.0, slope),
    "silu": _product_slope,
    "gelu": _product_slope,
    "sinc": _quotient_slope,
    "betaln": _betaln_slope,
    "j0": lambda inputs, i, value, slope: _wave(inputs, slope),
    "j1": lambda inputs, i, value, slope: bar_of(0.7 * _height(inputs), slope),
    "i0e": _bessel_slope,
    "i1e": _bessel_slope,
    "beta": _beta_slope,
    "gammainc": _incomplete_slope,
    "gammaincc": lambda inputs, i, value, slope: _incomplete_slope(inputs, i, 1 - value, slope),
    "betainc": _incomplete_slope,
    "lgamma": lambda inputs, i, value, slope: _digamma_value(inputs, slope),
}
# The input that multiplies a power, an exponential or erfc, which may be too small for a normal double.
OF_A_TINY_FACTOR = {"pow": 1, "elu": 1, "gelu": 0}


def _lost_digits(op: Primitive, inputs: Sequence[float], exactly: Any) -> Any:
    """The error of a factor too small for a normal double, whose digits cannot be had back."""
    if op.name in OF_A_TINY_FACTOR:
        times = abs(mpf(inputs[OF_A_TINY_FACTOR[op.name]]))
        return times * mpf(5e-324) if abs(exactly) < times * NORMAL else 0
    return 0


def value_allowance(op: Primitive, inputs: Inputs, value: Any) -> Any:
    """What the value may be off on top of the bar."""
    own = OF_VALUES[op.name](inputs, value) if op.name in OF_VALUES and not mp.isnan(value) else 0
    return own + _lost_digits(op, inputs, value)


def slope_allowance(op: Primitive, inputs: Inputs, i: int, partial: float, value: Any, slope: Any) -> Any:
    """What the derivative `partial` with respect to the i-th input may be off on top of the bar.

    A value too small for a normal double has lost digits; what the last of them does to the partial is allowed.
    """
    allowance = _lost_digits(op, inputs, slope)
    if value and abs(value) < NORMAL and math.isfinite(partial):
        out = op(*inputs)
        moved = op.partials(Value(math.nextafter(out, 1.0)), *map(Value, inputs))[i]
        allowance += abs(float(getattr(moved, "data", moved)) - partial)
    return allowance + (
        OF_SLOPES[op.name](inputs, i, value, slope) if op.name in OF_SLOPES and not mp.isnan(slope) else 0
    )
