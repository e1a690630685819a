"""The settings of an optimiser, checked: parameter groups, learning rates and the other numbers of its rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from autograd_engine.primitives import as_float
from autograd_engine.value import Value

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
