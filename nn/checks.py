"""The settings of an optimiser, checked: parameter groups, learning rates and the other numbers of its rule."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from autograd_engine.primitives import as_float
from autograd_engine.value import Value


def number(x: Any) -> Any:
    """A Value or a symbol as it is, anything else as a float. Raises TypeError where it is no number."""
    return x if x.__class__ is float or hasattr(x, "record") else as_float(x)


def is_symbol(x: Any) -> bool:
    """Whether x stands for a number that is not known yet, while a compiler traces what is done with it."""
    return x.__class__ is not Value and x.__class__ is not float and hasattr(x, "record") and hasattr(x, "pull")


def is_variable(x: Any) -> bool:
    """Whether x is a Value, or the symbol in the place of one."""
    return x.__class__ is Value or is_symbol(x)


def as_constant(x: Any) -> Any:
    """The number of x, for what has no derivative by it: a float, or of a symbol a symbol."""
    if x.__class__ is Value:
        return x.data
    return x.detach() if is_symbol(x) else as_float(x)


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


Seed: TypeAlias = "int | np.random.Generator"


def generator(seed: Seed) -> np.random.Generator:
    """A NumPy Generator from a seed, a non-negative int; a Generator is returned as it is.

    Raises TypeError or ValueError for any other seed, None included: what is drawn here can be drawn again.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an int or a NumPy Generator, got {seed!r:.60}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    return np.random.default_rng(seed)


def whole_number(name: str, number: Any, at_least: int = 1) -> int:
    """`number` as an int. Raises TypeError unless it is a whole number, ValueError where it is too small."""
    try:
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {number!r:.60}") from None
    if whole < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {whole}")
    return whole


Schedule: TypeAlias = Callable[[int], float]
"""The learning rate of a step by its number; the first step is number 0."""

Parameters: TypeAlias = "Iterable[Value] | Iterable[Mapping[str, Any]]"
"""Leaf Values, or groups of them: `[{"params": values, "lr": 0.1}, {"params": others}]`."""


def parameter_groups(parameters: Parameters, who: str) -> list[dict[str, Any]]:
    """The parameters as groups, dicts with a list of "params" and perhaps settings; one group where they are not."""
    if isinstance(parameters, Value):
        raise TypeError(f"{who} needs a list of parameters, got a single Value")
    given: list[Any] = list(parameters)
    if not any(isinstance(item, Mapping) for item in given):
        return [{"params": given}]
    for i, group in enumerate(given):
        if not isinstance(group, Mapping) or "params" not in group:
            raise ValueError(f'group {i} must be a dict with "params", got {group!r:.60}')
    return [{**group, "params": list(group["params"])} for group in given]


def check_parameters(parameters: list[Any], who: str) -> None:
    """Raise TypeError or ValueError unless these are leaf Values, each given once, at least one."""
    if not parameters:
        raise ValueError(f"{who} needs at least one parameter, got none")
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Value):
            raise TypeError(f"parameter {i} must be a Value, got {type(parameter).__name__}")
        if parameter.op is not None:
            raise ValueError(f"parameter {i} is the result of {parameter.op.name}; only leaves can be trained")
    if len(set(parameters)) < len(parameters):
        raise ValueError(f"{who} was given a parameter twice")


def learning_rate(lr: Any) -> float | Schedule:
    """A schedule as it is, anything else as a number of at least 0."""
    return lr if callable(lr) else at_least_0("lr", lr)


def setting(name: str, number: Any) -> Any:
    """A setting in its range: the pair of betas, or a number."""
    if name != "betas":
        return at_least_0(name, number)
    if len(number) != 2 or not all(0 <= as_float(beta) < 1 for beta in number):
        raise ValueError(f"betas must be two numbers from 0 to below 1, got {number!r}")
    return float(number[0]), float(number[1])


def at_least_0(name: str, number: Any) -> float:
    """The number as a float. Raises TypeError where it is none, ValueError unless it is finite and at least 0."""
    try:
        value = as_float(number)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {number!r:.60}") from None
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return value
