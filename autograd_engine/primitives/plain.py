"""Plain numbers and text: what counts as either, and functions of `math` for every float, as C99 has them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np

_KNOWN = frozenset({int, bool})  # surely numbers: asking the abstract class would take 0.2 µs


def as_float(number: Any, where: str = "") -> float:
    """The float of a real number: float, int, bool, Fraction or NumPy scalar.

    Raises TypeError for anything else (str, None, complex, arrays, Values) and OverflowError for an int
    that no float can hold. `where` begins the message of an error and says whose number it was.
    """
    if number.__class__ is float:
        return number
    at = f"{where}: " if where else ""
    if number.__class__ in _KNOWN or isinstance(number, (numbers.Real, np.bool_)):
        try:
            return float(number)  # type: ignore[arg-type]
        except OverflowError:
            raise OverflowError(f"{at}expected a number that fits a float, got an int beyond 1.8e308") from None
    kind = type(number)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    raise TypeError(f"{at}expected a real number (int, float or NumPy scalar), got {name}: {number!r:.60}")


def as_text(what: str, text: Any) -> str:
    """A str that a file can hold. The sentence of the TypeError or ValueError begins with `what` it is."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, got {type(text).__name__}: {text!r:.60}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character, a lone surrogate, which no file can: {text!r:.60}") from None
    return text


def c99(function: Callable[[float], float], poles: dict[float, float] | None = None) -> Callable[[float], float]:
    """A function of `math` that returns C99's inf or nan where Python raises; `poles` maps poles to their values."""

    def forward(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return poles.get(x, nan) if poles else nan
        except OverflowError:
            return math.copysign(inf, x) if function is math.sinh else inf

    return forward


def to_integer(function: Callable[[float], int]) -> Callable[[float], float]:
    """Python's floor, ceil or round for every float: inf and nan are returned unchanged, a zero keeps its sign."""
    return lambda x: math.copysign(float(function(x)), x) if math.isfinite(x) else x
