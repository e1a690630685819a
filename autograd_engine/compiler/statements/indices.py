"""Indices that are not known while tracing: `a[i]`, `a[i - 1]`, `a[2 * i, k]`, and what else may look one up."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from autograd_engine.compiler.statements import twins
from autograd_engine.compiler.statements.cases import by_case, by_word
from autograd_engine.compiler.statements.conditions import Unread
from autograd_engine.compiler.statements.contents import check_iterator, content, is_the_same
from autograd_engine.compiler.statements.iterables import Live, are_doubles
from autograd_engine.compiler.statements.tables import exchanged, part_of, row_of, table_shape, whole
from autograd_engine.compiler.statements.views import View, is_array, view_of
from autograd_engine.compiler.trace.arrays import ArgumentArray, is_unknown
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.items import NUMBERS, checked
from autograd_engine.compiler.trace.items import item as pick
from autograd_engine.compiler.trace.masks import is_mask
from autograd_engine.compiler.trace.traced import Traced, context, refusal
from autograd_engine.number_arrays import compared_like


def item(a: Any, key: Any) -> Any:
    """`a[key]`."""
    return by_word(lambda of: by_case(lambda at: _item(of, at), key), a)


def _item(a: Any, key: Any) -> Any:
    a, parts = part_of_whole(a, parts_of(key))
    if shape := table_shape(a, parts):
        return part_of(a, parts, shape)
    memory = context.memories.get(id(a))
    if memory is not None and not is_mask(parts):
        return _part(a, parts, memory.read(parts))
    if any(map(is_unknown, parts)):
        array = _array(read(a))
        if array is not None:
            found = _part(a, parts, compared_like(pick(array, parts), a))
            is_list = isinstance(a, (list, tuple)) and isinstance(found, np.ndarray)
            return type(a)(found.tolist()) if is_list else found
        if isinstance(a, (list, tuple)) and a and isinstance(key, Traced):
            return twins.one_of(a, checked(key, len(a)))
    return a[key]


def exchange(a: Any, i: Any, k: Any) -> tuple[Any, Any]:
    """`a[i], a[k]` in `a[k], a[i] = a[i], a[k]`."""
    return exchanged(a, i, k) or (item(a, i), item(a, k))


def parts_of(key: Any) -> tuple[Any, ...]:
    """The parts of an index, with arrays for lists of numbers that are not known."""
    if type(key) not in (tuple, list):
        return (key,)
    parts = key if type(key) is tuple else (key,)
    if any(isinstance(part, list) and any(isinstance(x, Traced) for x in part) for part in parts):
        return tuple([np.array(part, dtype=object) if isinstance(part, list) else part for part in parts])
    return parts


def part_of_whole(a: Any, parts: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """What `a[parts]` is a part of: the table or the array, if `a` is a row of one, or another view that was picked."""
    view = view_of(a)
    return whole(a, parts) if view is None else view.within(parts) or (a, parts)


def _part(a: Any, parts: tuple[Any, ...], found: Any) -> Any:
    """What was found at `a[parts]`: where NumPy gives a view, an array that changes with `a`, and `a` with it."""
    is_of_view = isinstance(found, np.ndarray) and isinstance(a, np.ndarray) and a.dtype == object
    if is_of_view and not any(map(is_array, parts)):
        View(found, [a], parts, [content(a)])
    return found


def _renew(view: View, found: Any) -> None:
    """Pick a view again after its array has changed; in another branch or loop than before, let nobody read it as a
    whole."""
    [array, *others] = view.arrays
    memory, (nodes, conditions) = context.memories.get(id(array)), view.place
    new: Any = Unread.new("a part of an array, such as its row i, cannot be read after a branch or a loop changed it")
    if view.key is not None and not others and nodes is context.nodes and conditions is context.conditions:
        new = memory.read(view.key) if memory else pick(array, view.key)
    found.flags.writeable = True
    found[...] = new
    found.flags.writeable = False


def renew_views(a: Any = None) -> None:
    """Renew the views of arrays that have changed, or share memory with the array `a` that has."""
    if not context.views:
        return
    context.views = {key: view for key, view in context.views.items() if view.found() is not None}
    for view in context.views.values():
        if a is not None:
            has_changed = any(np.may_share_memory(array, a) for array in view.arrays)
        else:
            has_changed = any(not is_the_same(x, content(x), before) for x, before in zip(view.arrays, view.contents))
        if has_changed:
            _renew(view, view.found())
            view.contents = [content(array) for array in view.arrays]


def read(a: Any) -> Any:
    """What is in a list or an array, all of it, if a loop carries it."""
    if (row := row_of(a)) is not None:
        return row.copy()
    memory = context.memories.get(id(a))
    return a if memory is None else item(a, slice(None))


def live(a: Any) -> Any:
    """A list or an array to run over; what a loop carries, as it is in each round."""
    is_carried = row_of(a) is not None or id(a) in context.memories
    return Live(a, functools.partial(item, a)) if is_carried else a


def contained(x: Any, container: Any) -> Any:
    """`x in container`."""
    container = read(container)
    check_iterator(container)
    check_key(container, x)
    return by_case(lambda pair: operator.contains(*pair), (container, x))


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
    if len(args) == 1:
        return by_word(lambda x: int if isinstance(x, Index) else type(x), args[0])
    return type(*args)


def is_instance(x: Any, kinds: Any) -> Any:
    """`isinstance`."""
    return by_word(lambda x: isinstance(0 if isinstance(x, Index) else x, kinds), x)


def _array(a: Any) -> Any:
    """What is indexed, as an array; None if it does not hold numbers."""
    if isinstance(a, ArgumentArray) or (isinstance(a, np.ndarray) and are_doubles(a)):
        return a
    if isinstance(a, (list, tuple)) and all(isinstance(x, NUMBERS) for x in a):
        plain = not any(isinstance(x, Traced) for x in a)
        return np.array(a, dtype=float if plain else object)
    return None
