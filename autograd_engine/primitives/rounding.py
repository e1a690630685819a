"""Rounding, and division with a remainder."""

from __future__ import annotations

import math
from math import nan
from typing import Any

from autograd_engine.primitives.arithmetic import abs, copysign, div, flat, where
from autograd_engine.primitives.plain import to_integer
from autograd_engine.primitives.primitive import Primitive, row

floor = row(
    "floor", to_integer(math.floor), lambda out, x: (flat(out),), "The largest integer not above x.", "0", symbol="⌊x⌋"
)
ceil = row(
    "ceil", to_integer(math.ceil), lambda out, x: (flat(out),), "The smallest integer not below x.", "0", symbol="⌈x⌉"
)
round: Primitive = row(
    "round", to_integer(round), lambda out, x: (flat(out),), "The nearest integer, the even one at a tie.", "0"
)
trunc = row(
    "trunc",
    lambda x: copysign(floor(abs(x)), x),
    lambda out, x: (flat(out),),
    "x without its decimals: the nearest integer towards 0.",
    "0",
    composite=True,
)


def _fmod(x: float, y: float) -> float:
    try:
        return math.fmod(x, y)
    except ValueError:
        return nan


fmod = row(
    "fmod",
    _fmod,
    lambda out, x, y: (1.0 + flat(out), -round((x - out) / y)),  # x / y itself may round up to an integer
    "The remainder of x / y with the sign of x.",
    ("1", "(out - x) / y"),
)


def _floordiv(x: Any, y: Any) -> Any:
    if y.__class__ is float and y >= 1 and math.frexp(y)[0] == 0.5:  # a power of two: x / y is exact, or next to 0
        whole = floor(div(x, y))
        return where(x - x == 0, where(whole * y > x, whole - 1.0, whole), nan)
    # As Python's own float division does it: the quotient of an exact multiple, then the nearest integer.
    remainder = fmod(x, y)
    borrow = where((remainder != 0) & ((remainder < 0) != (y < 0)), 1.0, 0.0)
    quotient = div(x - remainder, y) - borrow
    whole = floor(quotient)
    nearest = where(quotient - whole > 0.5, whole + 1.0, whole)
    return where(y == 0, div(x, y), where(quotient == 0, copysign(0.0, div(x, y)), nearest))


floordiv = row(
    "floordiv",
    _floordiv,
    lambda out, x, y: (flat(out), flat(out)),
    "x // y as in Python; x / y where y is 0.",
    ("0", "0"),
    symbol="⌊÷⌋",
    composite=True,
)


def _mod(x: Any, y: Any) -> Any:
    remainder = fmod(x, y)
    moved = where((remainder < 0) != (y < 0), remainder + y, remainder)
    return where(remainder == 0, copysign(0.0, y), moved)


mod = row(
    "mod",
    _mod,
    lambda out, x, y: (1.0 + flat(out), flat(out) - floordiv(x, y)),
    "x % y as in Python, with the sign of y; nan where y is 0.",
    ("1", "-floor(x / y)"),
    composite=True,
)
