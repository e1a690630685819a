"""The judge of accuracy: every primitive once more, in mpmath, with as many digits as it takes.

`EXACT` has one expression per primitive, of values only. `exact_slope` differentiates such an expression
by a difference quotient in hundreds of digits, so no derivative is ever written down a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mpmath import mp, mpf

BITS = 400  # beyond what the magnitudes of the inputs take
NORMAL = 2.0**-1022


def _trunc(x: Any) -> Any:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _fmod(x: Any, y: Any) -> Any:
    return x - y * _trunc(x / y)


def _mod(x: Any, y: Any) -> Any:
    return x - y * mp.floor(x / y)


def _arctan2(y: Any, x: Any) -> Any:
    if y == 0 and x <= 0:
        raise ZeroDivisionError("on the cut the sign of a zero decides, which an mpf does not have")
    return mp.atan2(y, x)


def _erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 40 else 1 - mp.sign(x)  # what is left is below 1e-690


def _lgamma(x: Any) -> Any:
    """log |Γ(x)|, whose real part is all that mpmath's is asked for."""
    return mp.re(mp.loggamma(x))


def _dot(*inputs: Any) -> Any:
    half = len(inputs) // 2
    return mp.fdot(inputs[:half], inputs[half:])


EXACT: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "pow": mp.power,
    "abs": abs,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "round": mp.nint,
    "trunc": _trunc,
    "fmod": _fmod,
    "mod": _mod,
    "floordiv": lambda x, y: mp.floor(x / y),
    "sum": lambda *xs: mp.fsum(xs),
    "prod": lambda *xs: mp.fprod(xs),
    "dot": _dot,
    "exp": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "expm1": lambda x: mp.exp(x) - 1,
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.ln2,
    "log10": lambda x: mp.log(x) / mp.ln10,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "logaddexp": lambda x, y: max(x, y) + (mp.log1p(mp.exp(-abs(x - y))) if abs(x - y) < 2000 else 0),
    "xlogy": lambda x, y: x * mp.log(y) if x else mpf(0),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": _arctan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "copysign": lambda x, y: abs(x) * y / abs(y),
    "where": lambda condition, x, y: x if condition else y,
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "heaviside": lambda x, at_zero: at_zero if x == 0 else mpf(x > 0),
    "erf": lambda x: mp.erf(x) if abs(x) < 40 else mp.sign(x),
    "erfc": _erfc,
    "sinc": mp.sincpi,
    "digamma": mp.digamma,
    "lgamma": _lgamma,
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x, negative_slope: x if x > 0 else negative_slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * (mp.exp(x) - 1),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * _erfc(-x / mp.sqrt(2)) / 2,
}


def _bits(smallest: Any, largest: Any) -> int:
    """The precision that holds both numbers in one sum."""
    return int(BITS + mp.mag(largest) - mp.mag(smallest))


def _sizes(inputs: Sequence[float]) -> list[Any]:
    return [mpf(1)] + [abs(mpf(x)) for x in inputs if x]


def _real(name: str, inputs: Sequence[Any]) -> Any:
    """The value at mpfs: nan where it is not a real number, None at a pole."""
    try:
        number = EXACT[name](*inputs)
    except (ValueError, ZeroDivisionError):
        return None
    if not isinstance(number, mpf):
        return mpf("nan")
    return None if mp.isinf(number) else number


def exact(name: str, inputs: Sequence[float]) -> Any:
    """The value of a primitive at finite floats as an mpf: nan where it is not a real number, None at a pole."""
    sizes = _sizes(inputs)
    with mp.workprec(_bits(min(sizes), max(sizes))):
        return _real(name, list(map(mpf, inputs)))


def exact_slope(name: str, inputs: Sequence[float], i: int) -> Any:
    """The derivative by the i-th input as an mpf: nan where the value is, None at kinks, poles and ends of the domain.

    A difference quotient over a step so small that what it neglects is far below a float's precision, with
    the precision doubled until what cancels leaves 100 bits. The step to the right is twice the one to the
    left, so that a jump has two slopes too.
    """
    sizes = _sizes(inputs)
    scale = min(sizes)
    if name in ("fmod", "mod", "floordiv"):
        scale *= scale / max(sizes)  # they jump about when y moves by y * y / x
    step = mp.ldexp(scale, -120)
    bits = _bits(step, max(sizes))
    while True:
        with mp.workprec(bits):
            at = list(map(mpf, inputs))
            before, here, after = (
                _real(name, [*at[:i], at[i] + shift, *at[i + 1 :]]) for shift in (-step, 0, 2 * step)
            )
            if here is not None and mp.isnan(here):
                return here
            if any(value is None or mp.isnan(value) for value in (before, here, after)):
                return None
            left, right = (here - before) / step, (after - here) / (2 * step)
            slope = (2 * left + right) / 3
            error = mp.ldexp(max(abs(before), abs(after)) / step, 10 - bits)
            if error < mp.ldexp(abs(slope), -100) or abs(slope) + error < mp.ldexp(1, -1200):
                bend = abs(right - left)
                if bend > mp.ldexp(max(abs(left), abs(right)), -40) and bend > 2**-60:
                    return None
                return slope if abs(slope) > bend else mpf(0)  # at the extremum of an even function
        bits *= 2


def unit(number: Any) -> float:
    """The unit in the last place of the float nearest to an mpf; of the largest float beyond the range."""
    nearest = float(number)
    return math.ulp(nearest) if math.isfinite(nearest) else math.ulp(1.7976931348623157e308)


def ulps(found: float, expected: Any, allowed: Any = 0) -> float:
    """How many units in the last place `found` is off, beyond an absolute allowance. An overflow counts as 2**1024."""
    if mp.isnan(expected) or math.isnan(found):
        return 0.0 if mp.isnan(expected) and math.isnan(found) else math.inf
    with mp.workprec(2400):
        there = mp.sign(mpf(found)) * mp.ldexp(1, 1024) if math.isinf(found) else mpf(found)
        if abs(expected) > mp.ldexp(1, 1024) and math.isinf(found):
            expected = mp.sign(expected) * mp.ldexp(1, 1024)
        return float(max(0, abs(there - expected) - allowed) / unit(expected))
