"""Indices that depend on the round of a loop: `a[i]`, `a[i - 1]`, `a[2 * i, k]`, read from memory in every round."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_engine.compiler.statements.iterables import are_doubles
from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.errors import INSTEAD_OF_PICKING, user_line
from autograd_engine.compiler.trace.loops import Index
from autograd_engine.compiler.trace.recorder import array_of, entry_of, in_memory
from autograd_engine.compiler.trace.stacks import table
from autograd_engine.compiler.trace.traced import Traced, context, recording, refusal
from autograd_engine.number_arrays import number_array


def item(a: Any, key: Any) -> Any:
    """`a[key]`."""
    parts = key if type(key) is tuple else (key,)
    if any(isinstance(part, Traced) for part in parts):
        array = _array(a)
        if array is not None:
            return _of_round(array, parts)
    return a[key]


def contained(x: Any, container: Any) -> Any:
    """`x in container`."""
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
    if isinstance(a, (list, tuple)) and all(isinstance(x, (Traced, float, int)) for x in a):
        plain = not any(isinstance(x, Traced) for x in a)
        return np.array(a, dtype=float if plain else object)
    return None


def _of_round(array: Any, parts: tuple[Any, ...]) -> Any:
    """The part of an array that an index of a loop picks in a round."""
    [axis, *others] = [k for k, part in enumerate(parts) if isinstance(part, Traced)]
    index = parts[axis]
    ends = index.ends() if isinstance(index, Index) and not others else None
    if ends is None or Ellipsis in parts[:axis] or None in parts[:axis]:
        raise refusal(
            f"{user_line()} picks numbers by one that is not known while tracing; in `for i in range(n)` with a fixed "
            f"n, a[i + k] works; elsewhere {INSTEAD_OF_PICKING}"
        )
    low, high = ends
    if low < 0 or high >= array.shape[axis]:
        raise refusal(
            f"{user_line()}: the index runs from {low} to {high} in a loop that is compiled, but the axis has "
            f"{array.shape[axis]} entries, and what counts from the end must be written so"
        )
    loop = index.loop

    def at(k: int) -> Any:
        """The key in round k."""
        return (*parts[:axis], index.first + index.step * k, *parts[axis + 1 :])

    if isinstance(array, np.ndarray) and array.dtype == object:
        rows = [np.asarray(array[at(k)]) for k in range(loop.most or 0)]
        with recording(loop.around):
            stacks = [table([row.flat[i] for row in rows], loop.batch) for i in range(rows[0].size)]
        return entry_of(loop, number_array(stacks, rows[0].shape))
    known = array_of(array)
    places = np.arange(np.prod(known.shape, dtype=int)).reshape(known.shape)
    first = np.asarray(places[at(0)])
    record = int((np.asarray(places[at(1)]) - first).flat[0]) if first.size and (loop.most or 0) > 1 else 0
    stacks = [in_memory(known, int(offset), record) for offset in first.ravel()]
    return entry_of(loop, number_array(stacks, first.shape))
