"""What units, losses and training take as a number: floats, Values, and the symbols of a compiled step."""

from __future__ import annotations

from typing import Any

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
