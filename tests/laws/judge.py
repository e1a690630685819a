"""The judge of accuracy: values and slopes of every row in mpmath, with as many digits as it takes.

`exact_slope` differentiates the exact value of a row by a difference quotient in hundreds of digits, so no derivative
is ever written down a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mpmath import mp, mpf

from autograd_engine.number import Operators
from autograd_engine.primitives import Primitive
from tests.laws.rows import ROWS

BITS = 400  # beyond what the magnitudes of the inputs take
NORMAL = 2.0**-1022


def _bits(smallest: Any, largest: Any) -> int:
    """The precision that holds both numbers in one sum."""
    return int(BITS + mp.mag(largest) - mp.mag(smallest))


def _sizes(inputs: Sequence[float]) -> list[Any]:
    return [mpf(1)] + [abs(mpf(x)) for x in inputs if x]


def _real(name: str, inputs: Sequence[Any]) -> Any:
    """The value at mpfs: nan where it is not a real number, None at a pole."""
    try:
        number = ROWS[name].exact(*inputs)
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
    """The derivative with respect to the i-th input as an mpf: nan where the value is, None at kinks, poles and ends.

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


class Exact(Operators):
    """A number that operators and primitives compute in mpmath."""

    def __init__(self, number: Any) -> None:
        self.number = number

    @staticmethod
    def record(op: Primitive, *args: Any) -> Exact:
        """The value of a row at Exacts and floats."""
        return Exact(ROWS[op.name].exact(*[x.number if isinstance(x, Exact) else mpf(x) for x in args]))


def exact_program(f: Callable[..., Any], inputs: Sequence[float]) -> list[Any]:
    """The value of a function of numbers and its derivative with respect to each, as mpfs: the slopes as difference
    quotients over a step so small that what they neglect is far below a float's precision."""
    with mp.workprec(BITS + 100):
        at, step = list(map(mpf, inputs)), mp.ldexp(1, -150)

        def value(*xs: Any) -> Any:
            result = f(*map(Exact, xs))
            return result.number if isinstance(result, Exact) else mpf(result)

        def slope(i: int) -> Any:
            before, after = (value(*at[:i], at[i] + shift, *at[i + 1 :]) for shift in (-step, step))
            return (after - before) / (2 * step)

        return [value(*at), *map(slope, range(len(at)))]


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
