"""The special points: what every back end must give where rules of thumb end. Literal data, one row per point.

A row has a function, its arguments, the value and the derivative by each argument; `...` says that the table
leaves it open. Numbers with few digits are meant to those digits (`digits`); all others are exact.

The rules behind the table: values follow C99 / IEEE 754 and nothing raises; nan in means nan out; ties split
equally; at a convex kink the derivative is the minimum-norm subgradient; where there is none, it is nan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import inf, nan, pi
from typing import Any

from autograd_engine.primitives import (
    abs,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan2,
    atanh,
    ceil,
    clip,
    digamma,
    div,
    elu,
    exp,
    floor,
    heaviside,
    hypot,
    leaky_relu,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mul,
    pow,
    relu,
    round,
    sigmoid,
    sign,
    softplus,
    sqrt,
    sub,
    tanh,
    trunc,
    where,
    xlogy,
)


@dataclasses.dataclass(frozen=True)
class SpecialPoint:
    """One row: `slopes` has one entry per argument; `second` is the second derivative by the only argument."""

    text: str
    function: Callable[..., Any]
    inputs: tuple[float, ...]
    value: Any
    slopes: tuple[Any, ...]
    second: Any = ...
    digits: float = 0.0

    def __repr__(self) -> str:
        return f"{self.text} at {self.inputs}"


def _row(function: Any, inputs: tuple[float, ...], value: Any, *slopes: Any, **more: Any) -> SpecialPoint:
    return SpecialPoint(function.__name__, function, inputs, value, slopes or (...,) * len(inputs), **more)


def _power(exponent: float, x: float, value: Any, slope: Any, **more: Any) -> SpecialPoint:
    return SpecialPoint(f"x ** {exponent}", lambda x: pow(x, exponent), (x,), value, (slope,), **more)


def _guarded_root(x: float) -> SpecialPoint:
    return SpecialPoint("where(x > 0, sqrt(x), 0)", lambda x: where(x > 0, sqrt(x), 0.0), (x,), 0.0, (0.0,))


def _is_not_a_number(function: Any, *inputs: float) -> SpecialPoint:
    return _row(function, inputs, nan, *[nan] * len(inputs))


SPECIAL_POINTS = [
    _row(sqrt, (0.0,), 0.0, inf),
    _row(sqrt, (-0.0,), -0.0, inf),
    *[_is_not_a_number(f, x) for f, x in [(sqrt, -1.0), (log, -1.0), (log1p, -2.0), (asin, 2.0), (atanh, 2.0)]],
    *[
        _is_not_a_number(f, nan)
        for f in (sqrt, log, log1p, asin, atanh, abs, sign, floor, ceil, round, trunc, relu, tanh)
    ],
    _row(abs, (0.0,), 0.0, 0.0),
    _row(abs, (-0.0,), 0.0, 0.0),
    *[_row(f, (0.0,), 0.0, 0.0) for f in (sign, floor, ceil, round, trunc)],
    *[_row(f, (1.0,), 1.0, 0.0) for f in (sign, floor, ceil, round, trunc)],
    _row(round, (0.5,), 0.0, 0.0),
    _row(round, (1.5,), 2.0, 0.0),
    _row(round, (-0.4,), -0.0, 0.0),
    _row(trunc, (-1.6,), -1.0, 0.0),
    _row(trunc, (-0.4,), -0.0, 0.0),
    _row(trunc, (-inf,), -inf, 0.0),
    _row(relu, (0.0,), 0.0, 0.0),
    _row(maximum, (3.0, 3.0), 3.0, 0.5, 0.5),
    _row(minimum, (3.0, 3.0), 3.0, 0.5, 0.5),
    *[_is_not_a_number(f, *xy) for f in (maximum, minimum) for xy in [(nan, 1.0), (1.0, nan)]],
    _row(clip, (-1.0, -1.0, 1.0), -1.0, 0.5, 0.5, 0.0),
    _row(clip, (1.0, -1.0, 1.0), 1.0, 0.5, 0.0, 0.5),
    _row(leaky_relu, (0.0, 0.01), 0.0, 0.01, ...),
    _row(leaky_relu, (0.0, 0.3), 0.0, 0.3, ...),
    _row(leaky_relu, (0.0, -0.5), -0.0, 0.0, ...),
    _row(leaky_relu, (-2.0, -0.5), 1.0, -0.5, ...),
    _row(elu, (0.0, 1.0), 0.0, 1.0, ...),
    *[_row(f, (x,), -inf, inf) for f in (log, log2, log10) for x in (0.0, -0.0)],
    _row(log1p, (-1.0,), -inf, inf),
    _power(0, 0.0, 1.0, 0.0),
    _power(0.0, 0.0, 1.0, 0.0),
    _power(1.0, 0.0, 0.0, 1.0, second=0.0),
    _power(2.0, 0.0, 0.0, 0.0, second=2.0),
    _power(0.5, 0.0, 0.0, inf),
    _power(1.5, 0.0, 0.0, 0.0),
    _power(-1, 0.0, inf, -inf),
    _power(-2, 0.0, inf, -inf),
    _power(3, -2.0, -8.0, 12.0),
    _row(pow, (0.0, 0.0), 1.0, 0.0, 0.0),
    _row(pow, (0.0, 2.0), 0.0, 0.0, 0.0),
    _row(pow, (0.0, 0.5), 0.0, inf, 0.0),
    _row(pow, (0.0, -1.0), inf, -inf, -inf),
    _row(pow, (-2.0, 3.0), -8.0, 12.0, nan),
    _row(pow, (-2.0, 0.5), nan, nan, nan),
    _row(pow, (-2.0, 0.0), 1.0, 0.0, nan),
    _row(pow, (-2.0, -2000.0), 0.0, ..., nan),
    _row(pow, (1.0, nan), 1.0, nan, 0.0),
    _row(pow, (nan, 0.0), 1.0, 0.0, nan),
    _row(pow, (2.0, 2000.0), inf, ..., ...),
    _row(exp, (710.0,), inf, inf),
    _row(tanh, (18.0,), ..., 9.278e-16, digits=1e-3),
    _row(tanh, (20.0,), ..., 1.699e-17, digits=1e-3),
    _row(sigmoid, (40.0,), ..., 4.248e-18, digits=1e-3),
    _row(sigmoid, (-40.0,), ..., 4.248e-18, digits=1e-3),
    _row(sigmoid, (-800.0,), 0.0, 0.0),
    _row(softplus, (25.0,), 25.0000000000139, 0.9999999999861, digits=1e-13),
    _row(asin, (1.0,), pi / 2, inf),
    _row(acos, (1.0,), 0.0, -inf),
    _row(acos, (-1.0,), pi, -inf),
    _row(acosh, (1.0,), 0.0, inf),
    _row(atanh, (1.0,), inf, inf),
    _row(asinh, (1e200,), ..., 1e-200, digits=1e-15),
    _row(acosh, (1e200,), ..., 1e-200, digits=1e-15),
    _row(acosh, (1.0000000001,), ..., 70710.67519157, digits=1e-13),
    _row(atan2, (0.0, 0.0), 0.0, nan, nan),
    _row(atan2, (0.0, -1.0), pi, -1.0, -0.0),
    _row(atan2, (-0.0, -1.0), -pi, -1.0, -0.0),
    _row(atan2, (1e-200, 1e-200), pi / 4, 5e199, -5e199, digits=1e-15),
    _row(atan2, (1e200, 1e200), pi / 4, 5e-201, -5e-201, digits=1e-15),
    _row(hypot, (0.0, 0.0), 0.0, 0.0, 0.0),
    _row(hypot, (inf, 1.0), inf, 1.0, 0.0),
    _row(hypot, (1e200, 1e200), ..., 0.7071, 0.7071, digits=1e-4),
    _row(hypot, (1e-200, 1e-200), ..., 0.7071, 0.7071, digits=1e-4),
    _row(div, (1.0, 0.0), inf, ..., -inf),
    _row(div, (1.0, inf), 0.0, ..., ...),
    _row(div, (0.0, 0.0), nan, nan, nan),
    _row(sub, (inf, inf), nan, 1.0, -1.0),
    _row(add, (inf, -inf), nan, 1.0, 1.0),
    _row(mul, (0.0, inf), nan, ..., ...),
    _row(div, (1e-300, 1e-200), 1e-100, ..., -1e100, digits=1e-15),
    _row(logaddexp, (-inf, -inf), -inf, 0.5, 0.5),
    _row(logaddexp, (inf, inf), inf, 0.5, 0.5),
    _row(xlogy, (0.0, 0.0), 0.0, -inf, 0.0),
    _row(heaviside, (0.0, 0.5), 0.5, 0.0, 1.0),
    _row(lgamma, (0.0,), inf, -inf),
    _row(lgamma, (-0.0,), inf, inf),
    _row(lgamma, (1.0,), 0.0, -0.57721566490153286, digits=4e-15),
    _row(lgamma, (2.0,), 0.0, 0.42278433509846714, digits=4e-15),
    _row(lgamma, (-1.0,), inf, nan),
    _row(lgamma, (-1e300,), inf, nan),
    _row(lgamma, (inf,), inf, inf),
    _row(lgamma, (-inf,), inf, nan),
    _row(digamma, (0.0,), -inf, inf),
    _row(digamma, (-0.0,), inf, inf),
    _row(digamma, (inf,), inf, 0.0),
    *[_is_not_a_number(digamma, x) for x in (-1.0, -2.0, -1e300, -inf, nan)],
    _is_not_a_number(lgamma, nan),
    _guarded_root(-1.0),
    _guarded_root(0.0),
]
