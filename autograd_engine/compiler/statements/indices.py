"""Indices that are not known while tracing: `a[i]`, `a[i - 1]`, `a[2 * i, k]`, and what else may look one up."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.conditions import Unread
from autograd_engine.compiler.statements.iterables import are_doubles
from autograd_engine.compiler.trace.arrays import ArgumentArray, is_unknown
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.items import NUMBERS
from autograd_engine.compiler.trace.items import item as pick
from autograd_engine.compiler.trace.traced import Traced, context, refusal


def item(a: Any, key: Any) -> Any:
    """`a[key]`."""
    parts = key if type(key) is tuple else (key,)
    memory = context.memories.get(id(a))
    if memory is not None:
        return _part(a, parts, memory.read(parts))
    if any(map(is_unknown, parts)):
        array = _array(a)
        if array is not None:
            return _part(a, parts, pick(array, parts))
    return a[key]


def _part(a: Any, parts: tuple[Any, ...], found: Any) -> Any:
    """What was found at `a[parts]`: where NumPy gives a view, an array that can be read until `a` changes."""
    is_view = isinstance(found, np.ndarray) and isinstance(a, np.ndarray) and a.dtype == object
    if is_view and not any(isinstance(part, (list, np.ndarray, ArgumentArray)) for part in parts):
        found.flags.writeable = False
        context.parts.append((weakref.ref(found), a))
    return found


def spoil_parts(a: Any) -> None:
    """Let nobody read what was picked of an array that changes."""
    for reference, array in context.parts:
        part = reference()
        if part is not None and np.may_share_memory(array, a):
            part.flags.writeable = True
            part[...] = Unread.new("a part of an array, such as its row i, cannot be read after the array has changed")
            part.flags.writeable = False


def read(a: Any) -> Any:
    """What is in a list or an array, all of it, if a loop carries it."""
    memory = context.memories.get(id(a))
    return a if memory is None else memory.read((slice(None),))


def contained(x: Any, container: Any) -> Any:
    """`x in container`."""
    container = read(container)
    check_key(container, x)
    return x in container


def check_key(container: Any, key: Any) -> None:
    """Raise TraceError if a number of a round is looked up in a dict or a set, where it would never be found."""
    parts = key if type(key) is tuple else (key,)
    if context.outer and isinstance(container, _HASHED) and any(isinstance(x, Traced) for x in parts):
        raise refusal(
            f"{user_line()} looks up a number that changes from round to round in a {type(container).__name__}; in a "
            "loop that is compiled it can only be compared, or be an index of an array"
        )


_HASHED = (dict, set, frozenset)


def kind(*args: Any) -> Any:
    """`type`."""
    return int if len(args) == 1 and isinstance(args[0], Index) else type(*args)


def is_instance(x: Any, kinds: Any) -> bool:
    """`isinstance`."""
    return isinstance(0 if isinstance(x, Index) else x, kinds)


def _array(a: Any) -> Any:
    """What is indexed, as an array; None if it does not hold numbers."""
    if isinstance(a, ArgumentArray) or (isinstance(a, np.ndarray) and are_doubles(a)):
        return a
    if isinstance(a, (list, tuple)) and all(isinstance(x, NUMBERS) for x in a):
        plain = not any(isinstance(x, Traced) for x in a)
        return np.array(a, dtype=float if plain else object)
    return None
