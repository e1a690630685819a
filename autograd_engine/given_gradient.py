"""Taking a gradient that the user computed apart, in the order of the numbers of its point."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from autograd_engine.structure import Structure, numbers_like


def slopes_like(structure: Structure, given: Any, arguments: Sequence[str]) -> list[Any]:
    """The numbers of a gradient, in the order of the point's. For a single argument it need not be a tuple of one."""
    if len(arguments) == 1:
        with suppress(ValueError):
            return numbers_like(structure, given, "the point", arguments)
        given = (given,)
    try:
        return numbers_like(structure, given, "the point", arguments)
    except ValueError as error:
        raise ValueError(f"gradient() must return the structure of the point: {error}") from None
