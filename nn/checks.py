"""What arguments are checked by: numbers and symbols, settings, seeds, and the data of a training.

Each function returns what it has checked in its usual form, or raises TypeError or ValueError with a message that
names the argument.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autograd_engine.primitives import as_float
from autograd_engine.value import Value

Array: TypeAlias = npt.NDArray[np.float64]
FilePath: TypeAlias = "str | PathLike[str]"
Seed: TypeAlias = "int | np.random.Generator"

# numbers, Values and the symbols that stand for Values in a compiled step


def as_number(x: Any) -> Any:
    """A Value or a symbol as it is, any other number as a float. Raises TypeError for what is not a number."""
    return x if x.__class__ is float or hasattr(x, "record") else as_float(x)


def is_symbol(x: Any) -> bool:
    """Whether x stands for a number that is not known yet, while a compiler traces what is done with it."""
    return x.__class__ is not Value and x.__class__ is not float and hasattr(x, "record") and hasattr(x, "pull")


def is_variable(x: Any) -> bool:
    """Whether x is a Value or a symbol that stands for one."""
    return x.__class__ is Value or is_symbol(x)


def as_constant(x: Any) -> Any:
    """The number that x holds, without its derivatives: a float, or a symbol if x is one."""
    if x.__class__ is Value:
        return x.data
    return x.detach() if is_symbol(x) else as_float(x)


# settings


def of_kind(name: str, thing: Any, kind: Any) -> Any:
    """A thing of that class, or of a subclass."""
    if not isinstance(thing, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(f"{name} must be {article} {kind.__name__}, got {thing!r:.60}")
    return thing


def at_least_0(name: str, number: Any) -> float:
    """A finite number of at least 0, as a float."""
    try:
        value = as_float(number)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {number!r:.60}") from None
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return value


def whole_number(name: str, number: Any, at_least: int = 1) -> int:
    """A whole number of at least `at_least`, as an int."""
    try:
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {number!r:.60}") from None
    if whole < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {whole}")
    return whole


def generator(seed: Seed) -> np.random.Generator:
    """A NumPy Generator from a seed, a non-negative int; a Generator is returned as it is.

    None is refused, so that whatever is drawn can be drawn again.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an int or a NumPy Generator, got {seed!r:.60}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    return np.random.default_rng(seed)


# the data of a training


def listed(table: Any, name: str) -> list[Any]:
    """A sequence or an array as a list."""
    if hasattr(table, "__array__"):  # NumPy's, or a table of pandas, which would iterate over its header
        table = np.asarray(table).tolist()
    if not isinstance(table, Iterable) or isinstance(table, str):
        raise TypeError(f"{name} must be a sequence, got {table!r:.60}")
    return list(table)


def finite_number(number: Any, where: str) -> float:
    """A finite number as a float; an int stays an int, so that it can be an index."""
    try:
        data = number if isinstance(number, int) else as_float(number)
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from None
    if not math.isfinite(data):
        raise ValueError(f"{where} is {data}; only finite numbers can be trained on")
    return data


def finite_table(rows: list[Any], name: str) -> list[list[float]]:
    """Rows of finite numbers, all as long as the first."""
    table = [listed(row, f"{name}: row {i}") for i, row in enumerate(rows)]
    for i, row in enumerate(table):
        if len(row) != len(table[0]):
            raise ValueError(f"{name} is ragged: row {i} has {len(row)} numbers, row 0 has {len(table[0])}")
    return [
        [finite_number(x, f"{name}: row {i}, column {j}") for j, x in enumerate(row)] for i, row in enumerate(table)
    ]


def finite_inputs(rows: list[Any], name: str) -> list[Any]:
    """Rows of finite floats: lists, or nested lists if a sample has several dimensions."""
    try:
        array = np.asarray(rows)
    except ValueError:  # ragged; `finite_table` has a better message for that
        array = np.empty(0)
    finite = array.dtype.kind in "fiub" and bool(np.isfinite(array).all())
    if array.dtype.kind not in "fiub" or array.ndim < 2 or (array.ndim == 2 and not finite):
        return [[float(x) for x in row] for row in finite_table(rows, name)]
    for row, *position in np.argwhere(~np.isfinite(array))[:1].tolist():
        where = f"{name}: row {row}, position {tuple(position)}"
        raise ValueError(f"{where} is {array[(row, *position)]}; only finite numbers can be trained on")
    nested: list[Any] = array.astype(np.float64).tolist()
    return nested
