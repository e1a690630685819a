"""Grids: NumPy arrays of numbers and Values, in which units read a sample and make their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autograd_engine.value import Value
from nn.checks import Array, as_number

Grid: TypeAlias = npt.NDArray[np.object_]


def grid(numbers: Sequence[Any], shape: Sequence[int] = (-1,)) -> Grid:
    """The numbers in an array of the given shape, in row-major order."""
    array = np.empty(len(numbers), dtype=object)
    array[:] = numbers
    return array.reshape(shape)


def read(inputs: Any, who: str, expected: Sequence[int | str], what: str = "input") -> Grid:
    """One sample, nested lists or an array of numbers, as a grid of floats and Values.

    `expected` is its shape, in which a letter stands for any whole number of at least 1 and "..." at the end for any
    further dimensions. Raises ValueError, which begins with `who` and names `what` was given, for another shape, and
    TypeError if something is not a number.
    """
    try:
        sample = np.array(inputs, dtype=object)
        ragged = any(isinstance(x, (list, tuple, np.ndarray)) for x in sample.flat)
    except ValueError:  # so ragged that NumPy has no array for it
        sample, ragged = grid([]), True
    check_shape("a ragged list" if ragged else sample.shape, who, expected, what)
    try:
        numbers = [x if x.__class__ is Value or x.__class__ is float else as_number(x) for x in sample.ravel().tolist()]
    except TypeError as error:
        raise TypeError(f"{who} expects numbers: {error}") from None
    return grid(numbers, sample.shape)


def check_shape(shape: Any, who: str, expected: Sequence[int | str], what: str = "input") -> None:
    """Raise the ValueError of `read` for a shape that is not `expected`, or for words in its place."""
    if isinstance(shape, str) or not _fits(shape, expected):
        raise ValueError(f"{who} expects {what} of shape {_written(expected)}, got {shape}")


def parameters(array: Array, label: str) -> Any:
    """Nested lists of Values that start at the numbers of `array`, each labelled with its position."""
    labels = [f"{label}{list(position)}" for position in np.ndindex(array.shape)]
    return grid([Value(x, name) for x, name in zip(array.ravel().tolist(), labels)], array.shape).tolist()


def _fits(shape: tuple[int, ...], expected: Sequence[int | str]) -> bool:
    sizes = [size for size in expected if size != "..."]
    as_many = len(shape) == len(sizes) or (len(shape) > len(sizes) and "..." in expected)
    return as_many and 0 not in shape and all(size in (n, str(size)) for n, size in zip(shape, sizes))


def _written(expected: Sequence[int | str]) -> str:
    """As Python writes a shape, but the letters without quotes."""
    return f"({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
