"""Rows of numbers from whoever has them, checked: what is wrong is named with its row and column."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_engine.primitives import as_float


def finite_inputs(rows: list[Any], name: str) -> list[Any]:
    """The rows of X as lists of floats, or nested lists where they have several dimensions."""
    try:
        array = np.asarray(rows)
    except ValueError:  # ragged, which `finite_table` says better
        array = np.empty(0)
    finite = array.dtype.kind in "fiub" and bool(np.isfinite(array).all())
    if array.dtype.kind not in "fiub" or array.ndim < 2 or (array.ndim == 2 and not finite):
        return [[float(x) for x in row] for row in finite_table(rows, name)]
    for place in np.argwhere(~np.isfinite(array))[:1].tolist():
        where = f"{name}: row {place[0]}, place {tuple(place[1:])}"
        raise ValueError(f"{where} is {array[tuple(place)]}; only finite numbers can be trained on")
    nested: list[Any] = array.astype(np.float64).tolist()
    return nested


def listed(table: Any, name: str) -> list[Any]:
    """A sequence or an array as a list. Raises TypeError, with `name`, for anything else."""
    if hasattr(table, "__array__"):  # of NumPy, pandas and others; a table of pandas iterates over its header
        table = np.asarray(table).tolist()
    if not isinstance(table, Iterable) or isinstance(table, str):
        raise TypeError(f"{name} must be a sequence, got {table!r:.60}")
    return list(table)


def finite_table(rows: list[Any], name: str) -> list[list[float]]:
    """Rows of finite numbers, all as long as the first."""
    table = [listed(row, f"{name}: row {i}") for i, row in enumerate(rows)]
    for i, row in enumerate(table):
        if len(row) != len(table[0]):
            raise ValueError(f"{name} is ragged: row {i} has {len(row)} numbers, row 0 has {len(table[0])}")
    return [
        [finite_number(x, f"{name}: row {i}, column {j}") for j, x in enumerate(row)] for i, row in enumerate(table)
    ]


def finite_number(number: Any, where: str) -> float:
    """A finite float; an int stays one, so that it can be an index."""
    try:
        data = number if isinstance(number, int) else as_float(number)
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from None
    if not math.isfinite(data):
        raise ValueError(f"{where} is {data}; only finite numbers can be trained on")
    return data
