"""The shares of exponentials in their sum, and the logarithms of these shares."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import PRIMITIVES, logsumexp, maximum, where


def softmax(values: Iterable[Any]) -> Any:
    """exp(xᵢ) / (exp(x₁) + exp(x₂) + …) for each number of a sequence, without overflow.

    Returns a list, or for a one-dimensional array an array. Numbers that are infinite share the sum among them.

    >>> softmax([1000.0, 1000.0, -1000.0])
    [0.5, 0.5, 0.0]
    """
    numbers = _numbers("softmax", values)
    return _like(values, PRIMITIVES["logsumexp"].partials(logsumexp(numbers), *numbers))


def log_softmax(values: Iterable[Any]) -> Any:
    """The logarithms of `softmax`, accurate where a share is nearly 0 or nearly 1.

    >>> log_softmax([0.0, -1000.0]), log_softmax([0.0, -40.0])[0]
    ([0.0, -1000.0], -4.248354255291589e-18)
    """
    numbers = _numbers("log_softmax", values)
    largest = functools.reduce(maximum, numbers, -inf)
    # As a function of the numbers, the largest cancels in slopes where 1 minus a share near 1 would lose its digits.
    shifted = [where((x == largest) & (abs(largest) == inf), 0.0, x - largest) for x in numbers]
    total = logsumexp(shifted)
    return _like(values, [x - total for x in shifted])


def _numbers(caller: str, values: Any) -> list[Any]:
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"{caller}() needs a sequence of numbers, got {type(values).__name__}: {values!r:.60}")
    if getattr(values, "ndim", 1) != 1:
        raise ValueError(f"{caller}() needs one row of numbers, got an array of shape {values.shape}; call it per row")  # type: ignore[attr-defined]
    return list(values)


def _like(values: Any, numbers: Sequence[Any]) -> Any:
    return number_array(numbers, (len(numbers),)) if hasattr(values, "__array_ufunc__") else list(numbers)
