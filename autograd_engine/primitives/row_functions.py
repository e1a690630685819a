"""The two functions of a row, as they are given: what they take, and what they must return."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from autograd_engine.primitives.plain import as_float


def inputs_of(partials: Callable[..., Sequence[Any]]) -> tuple[Sequence[str], int | None]:
    """The names of the inputs, which follow `out`, and their number: None for any number of inputs."""
    if isinstance(partials, FunctionType) and not hasattr(partials, "__wrapped__"):
        code = partials.__code__
        if not code.co_kwonlyargcount and not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            names = code.co_varnames[1 : code.co_argcount]
            return names, len(names)  # in a tenth of the time that `inspect` takes, once per row of every import
    inputs = list(inspect.signature(partials).parameters.values())[1:]
    return [i.name for i in inputs], None if any(i.kind is i.VAR_POSITIONAL for i in inputs) else len(inputs)


def module_of(function: Callable[..., Any]) -> tuple[Any, ...] | None:
    """The module that defines a function, by its name and file; None if the function is not written in Python."""
    names = getattr(function, "__globals__", None)
    return None if names is None else (names.get("__name__"), names.get("__file__"))


def checked_forward(name: str, forward: Callable[..., float]) -> Callable[..., float]:
    """`forward` with a TypeError for a result that is neither a real number nor one that is being recorded."""

    @functools.wraps(forward)
    def checked(*inputs: Any) -> Any:
        out = forward(*inputs)
        return out if out.__class__ is float or hasattr(out, "record") else as_float(out, f"{name}()")

    return checked


def checked_partials(name: str, partials: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
    """`partials` with a ValueError for a result that is not a tuple of one number per input."""

    @functools.wraps(partials)
    def checked(out: Any, *inputs: Any) -> Sequence[Any]:
        found = partials(out, *inputs)
        if not isinstance(found, (tuple, list)) or len(found) != len(inputs):
            raise ValueError(
                f"the partials of {name} must be a tuple of {len(inputs)}, a local derivative for each input; "
                f"got {found!r:.60}"
            )
        if any(isinstance(partial, complex) for partial in found):
            raise ArithmeticError(f"a local derivative of {name} is complex")  # as for 1 / 0, Values give nan
        return found

    return checked
