"""Taking a gradient that the user computed apart, in the order of the numbers of its point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from autograd_engine.structure import Structure


def slopes_like(structure: Structure, given: Any, arguments: Sequence[str]) -> list[Any]:
    """The numbers of a gradient, in the order of the point's. For a single argument it need not be a tuple of one."""
    if len(arguments) == 1:
        with suppress(ValueError):
            return _in_order(structure, given, "the point", arguments)
        given = (given,)
    return _in_order(structure, given, "the point", arguments)


def _in_order(structure: Structure, given: Any, name: str, names: Sequence[str] = ()) -> list[Any]:
    """The numbers in `given`, in the order of `structure`. `names` names the parts if their keys do not."""
    if structure.kind is None:
        if _is_sequence(given) or isinstance(given, dict):
            raise ValueError(_misfit("one number", given, name))
        return [given]
    keys, children = _parts(structure)
    if structure.kind is dict:
        if not isinstance(given, dict) or given.keys() != set(keys):
            raise ValueError(_misfit(f"a dict with the keys {', '.join(map(repr, keys))}", given, name))
        parts = [given[key] for key in keys]
    elif structure.kind is type(None):
        if given is not None:
            raise ValueError(_misfit("None", given, name))
        parts = []
    elif structure.kind is not np.ndarray and structure.keys:
        if type(given) is not structure.kind:
            raise ValueError(_misfit(f"a {structure.kind.__name__}", given, name))
        parts = [getattr(given, key) for key in keys]
        names = names or [f"{name}.{key}" for key in keys]
    elif not _is_sequence(given) or len(given) != len(children):
        raise ValueError(_misfit(f"a list, tuple or array of {len(children)}", given, name))
    else:
        parts = list(given)
    names = names or [f"{name}[{key!r}]" for key in keys]
    return [x for child, part, place in zip(children, parts, names) for x in _in_order(child, part, place)]


def _parts(structure: Structure) -> tuple[Sequence[Any], Sequence[Structure]]:
    """The keys or indices of the parts of a structure, and the parts; those of an array are its rows."""
    if structure.kind is not np.ndarray:
        return structure.keys or range(len(structure.children)), structure.children
    length, *rest = structure.keys
    row = Structure(np.ndarray if rest else None, tuple(rest), (), math.prod(rest))
    return range(length), [row] * length


def _is_sequence(given: Any) -> bool:
    return isinstance(given, (list, tuple)) or (hasattr(given, "ndim") and given.ndim > 0)


def _misfit(expected: str, given: Any, name: str) -> str:
    got = type(given).__name__
    if isinstance(given, dict):
        got += f" with the keys {', '.join(map(repr, given))}"
    elif _is_sequence(given):
        got += f" of {len(given)}"
    return f"gradient() must return the structure of the point: for {name} {expected}, got {got}"
