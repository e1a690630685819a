"""The table once more, by the same names, as the tests see it: what a row is exactly, and where it is special.

A row has its exact value in mpmath, with as many digits as it takes; the inputs at which finite differences resolve its
derivatives; the points at which rules of thumb end, with what every back end must give there; and the inputs at which
the last digits are hardest to get right. No derivative is written down a second time, except at special points.

The rules behind those: values follow C99 / IEEE 754 and nothing raises; nan in means nan out; ties split equally; at a
convex kink the derivative is the minimum-norm subgradient; where there is none, it is nan.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from math import inf, nan, pi
from typing import Any

from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd_engine.primitives import PRIMITIVES, pow, sqrt, where

Inputs = tuple[float, ...]

REALS = st.floats(-3.0, 3.0)
POSITIVE = st.floats(0.2, 5.0)
NONZERO = POSITIVE | POSITIVE.map(lambda x: -x)
INSIDE_ONE = st.floats(-0.8, 0.8)
TANGENT = st.floats(-1.2, 1.2)
ABOVE_ONE = st.floats(1.2, 6.0)
BETWEEN_INTEGERS = st.builds(lambda n, rest: n + rest, st.integers(-4, 4), st.floats(0.1, 0.4) | st.floats(0.6, 0.9))
SPREAD = st.lists(BETWEEN_INTEGERS, min_size=1, max_size=5, unique_by=math.floor).map(tuple)
APART = st.builds(lambda x, gap: (x, x + gap), REALS, NONZERO)
CLIPPED = st.builds(lambda low, share: (low + 2 * share, low, low + 2), REALS, BETWEEN_INTEGERS)
QUOTIENT = st.builds(lambda y, times: (y * times, y), NONZERO, BETWEEN_INTEGERS)


@dataclasses.dataclass(frozen=True)
class SpecialPoint:
    """A function, its arguments, the value and the derivative with respect to each argument; `...` leaves one open.

    Numbers with few digits are meant to those digits (`digits`); all others are exact. `second` is the second
    derivative with respect to the only argument.
    """

    text: str
    function: Callable[..., Any]
    inputs: Inputs
    value: Any
    slopes: tuple[Any, ...]
    second: Any = ...
    digits: float = 0.0

    def __repr__(self) -> str:
        return f"{self.text} at {self.inputs}"


# A special point of the row with a given name.
Point = Callable[[str], SpecialPoint]


@dataclasses.dataclass(frozen=True)
class Row:
    """What the tests know of one row; `domain` is None where all numbers between -3 and 3 will do."""

    exact: Callable[..., Any]
    domain: st.SearchStrategy[Inputs] | None = None
    points: tuple[Point, ...] = ()
    nasty: tuple[Inputs, ...] = ()


def special_points() -> list[SpecialPoint]:
    """The special points of all rows."""
    return [point(name) for name, row in ROWS.items() for point in row.points]


def _at(*inputs: float, value: Any = ..., slopes: Any = ..., second: Any = ..., digits: float = 0.0) -> Point:
    """The row at these inputs. One slope stands for all."""
    each = slopes if isinstance(slopes, tuple) else (slopes,) * len(inputs)
    return lambda name: SpecialPoint(name, PRIMITIVES[name], inputs, value, each, second, digits)


def _nowhere(*inputs: float) -> Point:
    """Neither a value nor a slope."""
    return _at(*inputs, value=nan, slopes=nan)


def _power(exponent: float, x: float, value: Any, slope: Any, second: Any = ...) -> Point:
    """The row `pow` with an exponent that is no input."""
    return lambda name: SpecialPoint(f"x ** {exponent}", lambda x: pow(x, exponent), (x,), value, (slope,), second)


def _guarded_root(x: float) -> Point:
    guarded = SpecialPoint("where(x > 0, sqrt(x), 0)", lambda x: where(x > 0, sqrt(x), 0.0), (x,), 0.0, (0.0,))
    return lambda name: guarded


def _trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _arctan2(y: Any, x: Any) -> Any:
    if y == 0 and x <= 0:
        raise ZeroDivisionError("on the cut the sign of a zero decides, which an mpf does not have")
    return mp.atan2(y, x)


def _erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 40 else 1 - mp.sign(x)  # what is left is below 1e-690


def _log_ndtr(x: Any) -> Any:
    if x > -10000:
        return mp.log1p(-_erfc(x / mp.sqrt(2)) / 2) if x > 0 else mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)
    series, term, k = mpf(0), mpf(1), 0
    while abs(term) > mp.eps / 4:
        series, k = series + term, k + 1
        term *= -(2 * k - 1) / x**2
    return -x * x / 2 - mp.log(-x * mp.sqrt(2 * mp.pi)) + mp.log(series)


def _ndtri(p: Any) -> Any:
    """By Newton's method on the logarithm, which is concave: from the left it climbs to the root."""
    if not 0 < p < 1:
        return mp.nan if p < 0 or p > 1 else mp.inf
    if p >= 0.5:
        return -_ndtri(1 - p) if p > 0.5 else mpf(0)
    x, prec, bits = -mp.sqrt(-2 * mp.log(p)) - 1, mp.prec, 100
    while bits < 2 * prec:  # few steps in all digits: the first ones need no more than they find
        with mp.workprec(min(bits, prec)):
            step = mpf(1)
            while abs(step) > mp.ldexp(1, 30 - mp.prec):
                share = mp.erfc(-x / mp.sqrt(2)) / 2
                step = mp.log(share / p) * share / mp.npdf(x)
                x -= step
        bits *= 2
    return x


def _dot(*inputs: Any) -> Any:
    half = len(inputs) // 2
    return mp.fdot(inputs[:half], inputs[half:])


def _logaddexp(x: Any, y: Any) -> Any:
    return max(x, y) + (mp.log1p(mp.exp(-abs(x - y))) if abs(x - y) < 2000 else 0)


def _entr(x: Any) -> Any:
    if x < 0:
        raise ValueError("-inf below 0")
    return -x * mp.log(x) if x else mpf(0)


def _logit(x: Any) -> Any:
    return mp.log(x / (1 - x)) if 0 < x < 1 else mp.nan if x < 0 or x > 1 else mp.inf


def _logsumexp(*inputs: Any) -> Any:
    return max(inputs) + mp.log(mp.fsum(mp.exp(x - max(inputs)) for x in inputs if x - max(inputs) > -2000))


def _betaln(a: Any, b: Any) -> Any:
    if a < 0 or b < 0:
        return mp.nan
    if not a * b:
        raise ZeroDivisionError("inf where the other is above 0")
    with mp.workprec(mp.prec + max(0, mp.mag(a + b))):  # large terms cancel
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def _gammainc(a: Any, x: Any, upper: bool = False) -> Any:
    if a < 0 or x < 0:
        return mp.nan
    if min(a, x) < 1e-15 or max(a, x) > 2000:
        raise ValueError("the limits are special points, and a series takes too long there")
    with mp.workprec(mp.prec + (int(1.5 * x) + 80) * upper):  # which may be as small as exp(-x)
        total, term, n = mpf(0), mpf(1), 0
        while term > mp.eps * total:
            total, n = total + term, n + 1
            term *= x / (a + n)
        lower = mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1)) * total
        return 1 - lower if upper else lower


def _betainc(a: Any, b: Any, x: Any) -> Any:
    if min(a, b) < 0 or not 0 <= x <= 1:
        return mp.nan
    if min(a, b, x, 1 - x) < 1e-15 or max(a, b) > 2000:
        raise ValueError("the limits are special points, and a series takes too long there")
    if x * (b + 1) > (1 - x) * (a + 1):
        return 1 - _betainc(b, a, 1 - x)
    logs = a * mp.log(x) + b * mp.log1p(-x) - _betaln(a, b)
    return mp.exp(logs) / a * mp.hyp2f1(a + b, 1, a + 1, x)


def _without_growth(order: int, x: Any) -> Any:
    size, sign = abs(x), mp.sign(x) ** order
    if size < 5000:
        return sign * mp.besseli(order, size) * mp.exp(-size)
    total, term, k = mpf(0), mpf(1), 0
    while abs(term) > mp.eps / 4:
        total, k = total + term, k + 1
        term *= ((2 * k - 1) ** 2 - 4 * order) / (8 * k * size)
    return sign * total / mp.sqrt(2 * mp.pi * size)


_STEP = (_at(0.0, value=0.0, slopes=0.0), _at(1.0, value=1.0, slopes=0.0), _nowhere(nan))
_LOG = tuple(_at(x, value=-inf, slopes=inf) for x in (0.0, -0.0))

ROWS: dict[str, Row] = {
    "identity": Row(lambda x: x),
    "add": Row(lambda x, y: x + y, points=(_at(inf, -inf, value=nan, slopes=1.0),)),
    "sub": Row(lambda x, y: x - y, points=(_at(inf, inf, value=nan, slopes=(1.0, -1.0)),)),
    "mul": Row(lambda x, y: x * y, points=(_at(0.0, inf, value=nan),)),
    "div": Row(
        lambda x, y: x / y,
        st.tuples(REALS, NONZERO),
        points=(
            _at(1.0, 0.0, value=inf, slopes=(..., -inf)),
            _at(1.0, inf, value=0.0),
            _nowhere(0.0, 0.0),
            _at(1e-300, 1e-200, value=1e-100, slopes=(..., -1e100), digits=1e-15),
        ),
    ),
    "neg": Row(lambda x: -x),
    "reciprocal": Row(lambda x: 1 / x, st.tuples(NONZERO)),
    "square": Row(lambda x: x * x),
    "abs": Row(
        abs,
        st.tuples(NONZERO),
        points=(_at(0.0, value=0.0, slopes=0.0), _at(-0.0, value=0.0, slopes=0.0), _nowhere(nan)),
    ),
    "sign": Row(mp.sign, st.tuples(NONZERO), points=_STEP),
    "copysign": Row(lambda x, y: abs(x) * y / abs(y), st.tuples(NONZERO, NONZERO)),
    "where": Row(
        lambda condition, x, y: x if condition else y,
        st.tuples(st.sampled_from([0.0, 1.0]), REALS, REALS),
        points=(_guarded_root(-1.0), _guarded_root(0.0)),
    ),
    "maximum": Row(max, APART, points=(_at(3.0, 3.0, value=3.0, slopes=0.5), _nowhere(nan, 1.0), _nowhere(1.0, nan))),
    "minimum": Row(min, APART, points=(_at(3.0, 3.0, value=3.0, slopes=0.5), _nowhere(nan, 1.0), _nowhere(1.0, nan))),
    "clip": Row(
        lambda x, low, high: min(max(x, low), high),
        CLIPPED,
        points=(
            _at(-1.0, -1.0, 1.0, value=-1.0, slopes=(0.5, 0.5, 0.0)),
            _at(1.0, -1.0, 1.0, value=1.0, slopes=(0.5, 0.0, 0.5)),
        ),
    ),
    "heaviside": Row(
        lambda x, at_zero: at_zero if x == 0 else mpf(x > 0),
        st.tuples(NONZERO, REALS),
        points=(_at(0.0, 0.5, value=0.5, slopes=(0.0, 1.0)),),
    ),
    "floor": Row(mp.floor, st.tuples(BETWEEN_INTEGERS), points=_STEP),
    "ceil": Row(mp.ceil, st.tuples(BETWEEN_INTEGERS), points=_STEP),
    "round": Row(
        mp.nint,
        st.tuples(BETWEEN_INTEGERS),
        points=(
            *_STEP,
            _at(0.5, value=0.0, slopes=0.0),
            _at(1.5, value=2.0, slopes=0.0),
            _at(-0.4, value=-0.0, slopes=0.0),
        ),
    ),
    "trunc": Row(
        _trunc,
        st.tuples(BETWEEN_INTEGERS),
        points=(
            *_STEP,
            _at(-1.6, value=-1.0, slopes=0.0),
            _at(-0.4, value=-0.0, slopes=0.0),
            _at(-inf, value=-inf, slopes=0.0),
        ),
    ),
    "fmod": Row(lambda x, y: x - y * _trunc(x / y), QUOTIENT, nasty=((math.nextafter(0.3, 0.0), 0.1), (1e300, 0.7))),
    "mod": Row(lambda x, y: x - y * mp.floor(x / y), QUOTIENT, nasty=((math.nextafter(0.3, 0.0), 0.1), (1e300, 0.7))),
    "floordiv": Row(lambda x, y: mp.floor(x / y), QUOTIENT),
    "exp": Row(mp.exp, points=(_at(710.0, value=inf, slopes=inf),)),
    "exp2": Row(lambda x: mp.power(2, x)),
    "expm1": Row(lambda x: mp.exp(x) - 1),
    "log": Row(mp.log, st.tuples(POSITIVE), points=(*_LOG, _nowhere(-1.0), _nowhere(nan))),
    "log2": Row(lambda x: mp.log(x) / mp.ln2, st.tuples(POSITIVE), points=_LOG),
    "log10": Row(lambda x: mp.log(x) / mp.ln10, st.tuples(POSITIVE), points=_LOG),
    "log1p": Row(
        mp.log1p,
        st.tuples(st.floats(-0.8, 5.0)),
        points=(_at(-1.0, value=-inf, slopes=inf), _nowhere(-2.0), _nowhere(nan)),
    ),
    "sqrt": Row(
        mp.sqrt,
        st.tuples(POSITIVE),
        points=(
            _at(0.0, value=0.0, slopes=inf),
            _at(-0.0, value=-0.0, slopes=inf),
            _nowhere(-1.0),
            _nowhere(nan),
        ),
    ),
    "cbrt": Row(lambda x: mp.sign(x) * mp.cbrt(abs(x)), st.tuples(NONZERO), nasty=((0.7906,), (3.5e-310,), (1.3e87,))),
    "xlogy": Row(
        lambda x, y: x * mp.log(y) if x else mpf(0),
        st.tuples(REALS, POSITIVE),
        points=(_at(0.0, 0.0, value=0.0, slopes=(-inf, 0.0)),),
    ),
    "entr": Row(
        _entr,
        st.tuples(POSITIVE),
        points=(
            _at(0.0, value=0.0, slopes=inf),
            _at(-0.0, value=0.0, slopes=inf),
            _at(-1.0, value=-inf, slopes=nan),
            _at(inf, value=-inf, slopes=-inf),
            _nowhere(nan),
        ),
        nasty=((0.36787944117144233,),),
    ),
    "pow": Row(
        mp.power,
        st.tuples(POSITIVE, REALS),
        points=(
            _power(0, 0.0, 1.0, 0.0),
            _power(0.0, 0.0, 1.0, 0.0),
            _power(1.0, 0.0, 0.0, 1.0, second=0.0),
            _power(2.0, 0.0, 0.0, 0.0, second=2.0),
            _power(0.5, 0.0, 0.0, inf),
            _power(1.5, 0.0, 0.0, 0.0),
            _power(-1, 0.0, inf, -inf),
            _power(-2, 0.0, inf, -inf),
            _power(3, -2.0, -8.0, 12.0),
            _at(0.0, 0.0, value=1.0, slopes=0.0),
            _at(0.0, 2.0, value=0.0, slopes=0.0),
            _at(0.0, 0.5, value=0.0, slopes=(inf, 0.0)),
            _at(0.0, -1.0, value=inf, slopes=-inf),
            _at(-2.0, 3.0, value=-8.0, slopes=(12.0, nan)),
            _nowhere(-2.0, 0.5),
            _at(-2.0, 0.0, value=1.0, slopes=(0.0, nan)),
            _at(-2.0, -2000.0, value=0.0, slopes=(..., nan)),
            _at(1.0, nan, value=1.0, slopes=(nan, 0.0)),
            _at(nan, 0.0, value=1.0, slopes=(0.0, nan)),
            _at(2.0, 2000.0, value=inf),
        ),
        nasty=((1e300, 0.1), (5e-324, 1e-20), (0.6, -511.7), (1.0000001, -1e9), (-3.0, 2.0**53 + 2)),
    ),
    "sin": Row(mp.sin, nasty=((3.141592653589793,),)),
    "cos": Row(mp.cos),
    "tan": Row(mp.tan, st.tuples(TANGENT)),
    "arcsin": Row(
        mp.asin, st.tuples(INSIDE_ONE), points=(_at(1.0, value=pi / 2, slopes=inf), _nowhere(2.0), _nowhere(nan))
    ),
    "arccos": Row(
        mp.acos,
        st.tuples(INSIDE_ONE),
        points=(_at(1.0, value=0.0, slopes=-inf), _at(-1.0, value=pi, slopes=-inf)),
    ),
    "arctan": Row(mp.atan),
    "arctan2": Row(
        _arctan2,
        st.tuples(NONZERO, NONZERO),
        points=(
            _at(0.0, 0.0, value=0.0, slopes=nan),
            _at(0.0, -1.0, value=pi, slopes=(-1.0, -0.0)),
            _at(-0.0, -1.0, value=-pi, slopes=(-1.0, -0.0)),
            _at(1e-200, 1e-200, value=pi / 4, slopes=(5e199, -5e199), digits=1e-15),
            _at(1e200, 1e200, value=pi / 4, slopes=(5e-201, -5e-201), digits=1e-15),
        ),
        nasty=((2.15e-321, -7e-5), (1.0, 1e-200), (1e200, 3e200)),
    ),
    "hypot": Row(
        lambda x, y: mp.sqrt(x * x + y * y),
        st.tuples(NONZERO, NONZERO),
        points=(
            _at(0.0, 0.0, value=0.0, slopes=0.0),
            _at(inf, 1.0, value=inf, slopes=(1.0, 0.0)),
            *[_at(x, y, value=inf, slopes=nan) for x in (inf, -inf) for y in (inf, -inf)],
            _at(1e200, 1e200, slopes=0.7071, digits=1e-4),
            _at(1e-200, 1e-200, slopes=0.7071, digits=1e-4),
        ),
    ),
    "sinh": Row(mp.sinh),
    "cosh": Row(mp.cosh),
    "tanh": Row(
        mp.tanh,
        points=(_nowhere(nan), _at(18.0, slopes=9.278e-16, digits=1e-3), _at(20.0, slopes=1.699e-17, digits=1e-3)),
    ),
    "arcsinh": Row(mp.asinh, points=(_at(1e200, slopes=1e-200, digits=1e-15),)),
    "arccosh": Row(
        mp.acosh,
        st.tuples(ABOVE_ONE),
        points=(
            _at(1.0, value=0.0, slopes=inf),
            _at(1e200, slopes=1e-200, digits=1e-15),
            _at(1.0000000001, slopes=70710.67519157, digits=1e-13),
        ),
    ),
    "arctanh": Row(
        mp.atanh, st.tuples(INSIDE_ONE), points=(_at(1.0, value=inf, slopes=inf), _nowhere(2.0), _nowhere(nan))
    ),
    "erf": Row(lambda x: mp.erf(x) if abs(x) < 40 else mp.sign(x)),
    "erfc": Row(_erfc, nasty=((0.46875,), (0.84375,), (1.25,), (2.857,), (5.9,))),
    "ndtr": Row(
        lambda x: _erfc(-x / mp.sqrt(2)) / 2,
        points=(_at(0.0, value=0.5), _at(-inf, value=0.0, slopes=0.0), _at(inf, value=1.0, slopes=0.0), _nowhere(nan)),
        nasty=((-37.5,), (-8.3,), (-30.609447357108714,)),
    ),
    "log_ndtr": Row(
        _log_ndtr,
        points=(
            _at(-inf, value=-inf, slopes=inf),
            _at(inf, value=-0.0, slopes=0.0),
            _at(-1e200, value=-inf, slopes=1e200),
            _at(20.0, value=-2.7536241186062337e-89, slopes=5.520948362159764e-88, digits=1e-15),
            _nowhere(nan),
        ),
        nasty=(
            (-12.0,),
            (math.nextafter(-12.0, -inf),),
            (-1.0,),
            (-0.8312223374798846,),
            (-1.5695586381471702,),
            (8.3,),
        ),
    ),
    "ndtri": Row(
        _ndtri,
        st.tuples(st.floats(0.1, 0.9)),
        points=(
            _at(0.5, value=0.0, second=0.0),
            _at(0.0, value=-inf, slopes=inf),
            _at(1.0, value=inf, slopes=inf),
            *[_nowhere(x) for x in (-0.1, 1.1, inf, -inf, nan)],
        ),
        nasty=((0.075,), (0.925,), (1e-30,), (1e-309,), (3.9597695e-316,), (5e-324,), (5.2e-34,), (0.9486,)),
    ),
    "erfinv": Row(
        lambda y: _ndtri((1 + y) / 2) / mp.sqrt(2),
        st.tuples(INSIDE_ONE),
        points=(
            _at(0.0, value=0.0, slopes=math.sqrt(pi) / 2, second=0.0, digits=2e-16),
            _at(-1.0, value=-inf, slopes=inf),
            _at(1.0, value=inf, slopes=inf),
            *[_nowhere(x) for x in (-1.1, 1.1, inf, -inf, nan)],
        ),
        nasty=((0.85,), (-0.85,), (-0.48398347261050434,), (0.9997928628245479,)),
    ),
    "erfcinv": Row(
        lambda y: -_ndtri(y / 2) / mp.sqrt(2),
        st.tuples(st.floats(0.2, 1.8)),
        points=(
            _at(1.0, value=0.0, slopes=-math.sqrt(pi) / 2, second=0.0, digits=2e-16),
            _at(0.0, value=inf, slopes=-inf),
            _at(2.0, value=-inf, slopes=-inf),
            *[_nowhere(x) for x in (-0.1, 2.1, inf, -inf, nan)],
        ),
        nasty=((0.15,), (1.85,), (1e-300,), (7.919539e-316,), (5e-324,), (1.2539476059191755e-116,), (1.4518,)),
    ),
    # The slope vanishes; a series takes over; the argument of the sine is nearly a multiple of pi.
    "sinc": Row(
        mp.sincpi,
        nasty=((1.4302966531242027,), (0.49999999999999994,), (0.5000000000000001,), (2.459024018,), (1e15 + 0.5,)),
    ),
    "relu": Row(lambda x: max(x, mpf(0)), st.tuples(NONZERO), points=(_at(0.0, value=0.0, slopes=0.0), _nowhere(nan))),
    "leaky_relu": Row(
        lambda x, negative_slope: x if x > 0 else negative_slope * x,
        st.tuples(NONZERO, REALS),
        points=(
            _at(0.0, 0.01, value=0.0, slopes=(0.01, ...)),
            _at(0.0, 0.3, value=0.0, slopes=(0.3, ...)),
            _at(0.0, -0.5, value=-0.0, slopes=(0.0, ...)),
            _at(-2.0, -0.5, value=1.0, slopes=(-0.5, ...)),
        ),
    ),
    "elu": Row(
        lambda x, alpha: x if x > 0 else alpha * (mp.exp(x) - 1),
        st.tuples(NONZERO, REALS),
        points=(_at(0.0, 1.0, value=0.0, slopes=(1.0, ...)),),
    ),
    "sigmoid": Row(
        lambda x: 1 / (1 + mp.exp(-x)),
        points=(
            _at(40.0, slopes=4.248e-18, digits=1e-3),
            _at(-40.0, slopes=4.248e-18, digits=1e-3),
            _at(-800.0, value=0.0, slopes=0.0),
        ),
    ),
    "logit": Row(
        _logit,
        st.tuples(st.floats(0.1, 0.9)),
        points=(
            _at(0.0, value=-inf, slopes=inf),
            _at(-0.0, value=-inf, slopes=inf),
            _at(0.5, value=0.0, slopes=4.0, second=0.0),
            _at(1.0, value=inf, slopes=inf),
            *[_nowhere(x) for x in (-1.0, 1.5, inf, -inf, nan)],
        ),
        nasty=((0.3,), (0.7,), (0.29999999999999993,), (0.7000000000000001,)),
    ),
    "softplus": Row(
        lambda x: mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x)),
        points=(_at(25.0, value=25.0000000000139, slopes=0.9999999999861, digits=1e-13),),
    ),
    "logaddexp": Row(
        _logaddexp,
        points=(_at(-inf, -inf, value=-inf, slopes=0.5), _at(inf, inf, value=inf, slopes=0.5)),
        nasty=(
            *((-0.6931, -0.6932), (-1.6888252876262282, -0.2047977924182267), (1.7e-11, -18.45)),
            *((137.49391043209494, -436.43768883623744), (1e308, -1e308)),
        ),
    ),
    "logsumexp": Row(
        _logsumexp,
        points=(
            _at(3.0, value=3.0, slopes=1.0),
            _at(-inf, -inf, -inf, -inf, value=-inf, slopes=0.25),
            _at(inf, inf, 1.0, value=inf, slopes=(0.5, 0.5, 0.0)),
            _at(-inf, 1.0, value=1.0, slopes=(0.0, 1.0)),
            _at(0.0, -50.0, value=1.9287498479639178e-22, slopes=(1.0, 1.9287498479639178e-22), digits=4e-16),
            _nowhere(1.0, nan, inf),
        ),
        nasty=((0.0, -0.6931, -40.0), (1e300, -1e300), (1e16, 1e16 + 2, 3.0), (-1.1, -1.0986, -1.0987)),
    ),
    "softsign": Row(lambda x: x / (1 + abs(x)), st.tuples(NONZERO)),
    "silu": Row(lambda x: x / (1 + mp.exp(-x)), nasty=((-1.2784645427610738,), (-1.334,))),
    "gelu": Row(
        lambda x: x * _erfc(-x / mp.sqrt(2)) / 2, nasty=((-0.7517915246935645,), (-0.7188,), (-8.3,), (-37.15,))
    ),
    "digamma": Row(
        mp.digamma,
        st.tuples(POSITIVE),
        points=(
            _at(0.0, value=-inf, slopes=inf),
            _at(-0.0, value=inf, slopes=inf),
            _at(inf, value=inf, slopes=0.0),
            *[_nowhere(x) for x in (-1.0, -2.0, -1e300, -inf, nan)],
        ),
        nasty=((1.4616321449683622,), (-0.50408300826445537,), (-1e15 - 0.5,), (1e-310,)),
    ),
    "lgamma": Row(
        lambda x: mp.re(mp.loggamma(x)),  # log |Γ(x)|
        st.tuples(POSITIVE),
        points=(
            _at(0.0, value=inf, slopes=-inf),
            _at(-0.0, value=inf, slopes=inf),
            _at(1.0, value=0.0, slopes=-0.57721566490153286, digits=4e-15),
            _at(2.0, value=0.0, slopes=0.42278433509846714, digits=4e-15),
            _at(-1.0, value=inf, slopes=nan),
            _at(-1e300, value=inf, slopes=nan),
            _at(inf, value=inf, slopes=inf),
            _at(-inf, value=inf, slopes=nan),
            _nowhere(nan),
        ),
        nasty=(
            *((-2.4570247382208006,), (-3.9552942848585979,), (2.5,), (8.5,)),
            *((-1e-20,), (-3.5e-310,), (-1e15 - 0.5,)),
        ),
    ),
    "betaln": Row(
        _betaln,
        st.tuples(POSITIVE, POSITIVE),
        points=(
            _at(1.0, 1.0, value=0.0, slopes=-1.0, digits=4e-15),
            _at(0.0, 2.0, value=inf, slopes=(-inf, 0.0)),
            _at(-0.0, 2.0, value=inf, slopes=(-inf, 0.0)),
            _at(inf, inf, value=-inf),
            *[_nowhere(*x) for x in ((-0.5, 2.0), (inf, 0.0), (1.0, nan))],
        ),
        nasty=(
            (10.0, 10.0),
            (9.999, 10.0),
            (1e-9, 1e9),
            (5.54282877408943, 0.4315680569005),
            (13.39, 9.48),
            (1e-6, 2.0),
        ),
    ),
    "beta": Row(
        lambda a, b: mp.exp(_betaln(a, b)),
        st.tuples(POSITIVE, POSITIVE),
        points=(
            _at(2.0, 3.0, value=1 / 12, digits=4e-15),
            _at(0.0, 2.0, value=inf, slopes=(-inf, -0.64493406684822644), digits=4e-15),
            _at(inf, 1.0, value=0.0),
            _nowhere(2.0, -0.5),
        ),
        nasty=((10.0, 10.0), (0.5, 0.5), (100.0, 200.0), (1e-9, 1e9), (1e-20, 0.5), (5e-324, 0.5), (1e-5, 1.1)),
    ),
    "gammainc": Row(
        _gammainc,
        st.tuples(POSITIVE, POSITIVE),
        points=(
            _at(2.0, 0.0, value=0.0, slopes=0.0),
            _at(1.0, 0.0, value=0.0, slopes=(0.0, 1.0)),
            _at(0.5, 0.0, value=0.0, slopes=(0.0, inf)),
            _at(0.0, 0.5, value=1.0, slopes=(-0.5597735947761608, 0.0), digits=1e-15),
            _at(2.0, inf, value=1.0, slopes=0.0),
            _at(inf, 2.0, value=0.0, slopes=0.0),
            _at(1e10, 1e10, value=0.5000013298076013, slopes=..., digits=1e-15),
            _at(1e300, 1e300, value=0.5, slopes=(-3.989422804014327e-151, 3.989422804014327e-151), digits=1e-15),
            _at(2.0, 1e300, value=1.0, slopes=0.0),
            *[_nowhere(*x) for x in ((0.0, 0.0), (-1.0, 2.0), (2.0, -1.0), (inf, inf), (nan, 1.0), (1.0, nan))],
        ),
        nasty=((7.5, 8.5), (7.4999, 3.0), (1e-3, 1e-3), (1.0, 2.0), (1.0, 2.0001), (1000.0, 1100.0), (1000.0, 800.0)),
    ),
    "gammaincc": Row(
        lambda a, x: _gammainc(a, x, upper=True),
        st.tuples(POSITIVE, POSITIVE),
        points=(
            _at(2.0, 0.0, value=1.0, slopes=0.0),
            _at(0.5, 0.0, value=1.0, slopes=(0.0, -inf)),
            _at(0.0, 0.5, value=0.0, slopes=(0.5597735947761608, 0.0), digits=1e-15),
            _at(2.0, inf, value=0.0, slopes=0.0),
            _at(inf, 2.0, value=1.0, slopes=0.0),
            *[_nowhere(*x) for x in ((0.0, 0.0), (-1.0, 2.0), (2.0, -1.0), (inf, inf), (nan, 1.0), (1.0, nan))],
        ),
        nasty=((7.5, 8.5), (7.4999, 30.0), (1e-3, 2.0), (1e-3, 700.0), (1.0, 2.0001), (1000.0, 1100.0)),
    ),
    "betainc": Row(
        _betainc,
        st.tuples(POSITIVE, POSITIVE, st.floats(0.1, 0.9)),
        points=(
            _at(2.0, 3.0, 0.0, value=0.0, slopes=0.0),
            _at(1.0, 3.0, 0.0, value=0.0, slopes=(0.0, 0.0, 3.0)),
            _at(0.5, 3.0, 0.0, value=0.0, slopes=(0.0, 0.0, inf)),
            _at(3.0, 2.0, 1.0, value=1.0, slopes=0.0),
            _at(3.0, 1.0, 1.0, value=1.0, slopes=(0.0, 0.0, 3.0)),
            _at(0.0, 1.0, 0.5, value=1.0, slopes=(-math.log(2.0), 0.0, 0.0), digits=1e-15),
            _at(1.0, 0.0, 0.5, value=0.0, slopes=(0.0, math.log(2.0), 0.0), digits=1e-15),
            _at(2.0, inf, 0.5, value=1.0, slopes=0.0),
            _at(inf, 2.0, 0.5, value=0.0, slopes=0.0),
            _at(1e200, 1e200, 0.5, value=0.5, slopes=..., digits=1e-15),
            _at(2.0, 1e300, 1e-300, value=1 - 2 / math.e, slopes=..., digits=1e-12),
            *[_nowhere(*x) for x in ((0.0, 0.0, 0.5), (inf, inf, 0.5), (-1.0, 2.0, 0.5), (2.0, 2.0, 1.5))],
            *[_nowhere(*x) for x in ((2.0, 2.0, -0.5), (nan, 2.0, 0.5), (2.0, nan, 0.5), (2.0, 2.0, nan))],
            _at(0.0, 2.0, 0.0, value=nan, slopes=...),
            _at(2.0, 0.0, 1.0, value=nan, slopes=...),
        ),
        nasty=(
            *((0.5, 0.5, 0.5), (7.5, 7.5, 0.5), (7.4999, 200.0, 0.03), (1e-3, 2.0, 1e-3), (2.0, 1e-3, 0.999)),
            *((1000.0, 500.0, 0.66), (1000.0, 500.0, 0.7), (1000.0, 1.5, 0.9995)),
        ),
    ),
    "i0e": Row(
        lambda x: _without_growth(0, x),
        st.tuples(NONZERO),
        points=(_at(0.0, value=1.0, slopes=0.0), _at(-inf, value=0.0, slopes=0.0), _nowhere(nan)),
        nasty=((8.0,), (8.000000000000002,), (6.157162555760708,), (7.4,)),
    ),
    "i1e": Row(
        lambda x: _without_growth(1, x),
        st.tuples(NONZERO),
        points=(_at(0.0, value=0.0, slopes=0.5), _at(inf, value=0.0, slopes=0.0), _nowhere(nan)),
        nasty=((8.0,), (8.000000000000002,), (-1.5445868047606464,), (21.51799969911534,)),
    ),
    "j0": Row(
        lambda x: mp.besselj(0, x),
        points=(_at(0.0, value=1.0, slopes=0.0, second=-0.5), _at(inf, value=0.0, slopes=0.0), _nowhere(nan)),
        nasty=((1.0,), (5.0,), (5.000000000000001,), (2.404825557695773,), (5.520078110286311,), (14.930917708487787,)),
    ),
    "j1": Row(
        lambda x: mp.besselj(1, x),
        points=(_at(0.0, value=0.0, slopes=0.5, second=0.0), _at(-inf, value=-0.0, slopes=0.0), _nowhere(nan)),
        nasty=((1.0,), (5.0,), (5.000000000000001,), (3.8317059702075125,), (7.015586669815619,), (1.841183781340659,)),
    ),
    "amax": Row(
        lambda *xs: max(xs),
        SPREAD,
        points=(
            _at(3.0, 3.0, 1.0, value=3.0, slopes=(0.5, 0.5, 0.0)),
            _at(3.0, 3.0, 3.0, 3.0, value=3.0, slopes=0.25),
            _at(-inf, -inf, value=-inf, slopes=0.5),
            _at(0.0, -0.0, value=-0.0, slopes=0.5),
            _nowhere(1.0, nan, inf),
        ),
    ),
    "amin": Row(
        lambda *xs: min(xs),
        SPREAD,
        points=(
            _at(3.0, 3.0, 4.0, value=3.0, slopes=(0.5, 0.5, 0.0)),
            _at(inf, inf, inf, inf, value=inf, slopes=0.25),
            _at(-0.0, 0.0, value=0.0, slopes=0.5),
            _nowhere(nan, 1.0, -inf),
        ),
    ),
    "sum": Row(lambda *xs: mp.fsum(xs)),
    "prod": Row(lambda *xs: mp.fprod(xs)),
    "dot": Row(_dot),
}
