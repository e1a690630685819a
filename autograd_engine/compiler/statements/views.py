"""Views: parts of arrays at an index that is not known while tracing, such as `row = a[i]`.

As in NumPy, what is set in a view is set in the array, and what is read from it is what the array holds then.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.traced import Condition, Traced, context
from autograd_engine.primitives import where

Parts = tuple[Any, ...]


class View:
    """An array `found` that is `arrays[0][key]`. Where the key is None, it is that or something else of `arrays`, and
    can only be read.

    `contents` is what the arrays hold. NumPy cannot write into `found`, so every change goes through the array.
    """

    def __init__(self, found: Any, arrays: list[Any], key: Parts | None, contents: list[Any]) -> None:
        self.found, self.arrays, self.key, self.contents = weakref.ref(found), arrays, key, contents
        self.place = context.nodes, context.conditions
        found.flags.writeable = False
        context.views[id(found)] = self

    def within(self, parts: Parts) -> tuple[Any, Parts] | None:
        """The array, and what `parts` of the view are of it; None where indices and whole axes do not say it."""
        if self.key is None or any(part is None or part is Ellipsis or is_array(part) for part in (*self.key, *parts)):
            return None
        rest, key = [*parts], []
        for part in self.key:
            if isinstance(part, slice) and not _is_whole(part):
                return None
            key.append(rest.pop(0) if isinstance(part, slice) and rest else part)
        return self.arrays[0], (*key, *rest)

    def chosen(self, other: View, condition: Condition) -> Parts | None:
        """The key of this view where a condition holds, elsewhere of another one; None if there is no such key."""
        if self.arrays[0] is not other.arrays[0] or len(self.key or ()) != len(other.key or ()):
            return None
        key = []
        for x, y in zip(self.key or (), other.key or ()):
            if not (_is_index(x) and _is_index(y)) and not (_is_whole(x) and _is_whole(y)):
                return None
            key.append(where(condition, x, y) if _is_index(x) else x)
        return tuple(key) or None


def view_of(a: Any) -> View | None:
    """An array as a view that was picked, if it is one."""
    if context.trace is None or not isinstance(a, np.ndarray):
        return None
    view: View | None = context.views.get(id(a))
    return view if view is not None and view.found() is a else None


def is_array(part: Any) -> bool:
    """Whether a part of an index is an array, for which NumPy makes a copy."""
    return isinstance(part, (list, np.ndarray, ArgumentArray))


def _is_index(part: Any) -> bool:
    return isinstance(part, (int, float, np.integer, Traced))


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part.start is part.stop is part.step is None
