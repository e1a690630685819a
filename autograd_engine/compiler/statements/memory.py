"""Lists and arrays that are changed at an index.

While a loop that does so is recorded, their numbers are a stack that it carries: `a[i]` picks from it, and `a[i] = x`
puts a number there. In a straight line, where an index is not known, each entry becomes a choice.
"""

from __future__ import annotations

import copy
import itertools
import operator
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.cases import cases
from autograd_engine.compiler.statements.conditions import Unread
from autograd_engine.compiler.statements.indices import item, part_of_whole, parts_of, read, renew_views
from autograd_engine.compiler.statements.tables import (
    Exchanged,
    Row,
    carrier,
    item_at,
    numbers_of,
    row_of,
    rows_of,
    shape_of,
)
from autograd_engine.compiler.statements.twins import same_as, spread, where_same
from autograd_engine.compiler.statements.views import view_of
from autograd_engine.compiler.trace.arrays import is_unknown
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.items import NUMBERS, holding_here, places, table_of
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.masks import is_mask, masked
from autograd_engine.compiler.trace.stacks import Stack, entry, picked, put
from autograd_engine.compiler.trace.traced import context, refusal
from autograd_engine.compiler.trace.words import Word, is_plain
from autograd_engine.number_arrays import compared_like, number_array
from autograd_engine.primitives import where

_AS_A_WHOLE = "a loop that is compiled can read and set the items of a list that it changes, but not use it as a whole"


def target(a: Any) -> Any:
    """What stands for `a` in `a[i] = x`."""
    if context.trace is None:  # a function that was kept beyond its trace
        return a
    is_of_numbers = isinstance(a, (list, Row)) or (isinstance(a, np.ndarray) and a.dtype == object)
    return _Target(a) if is_of_numbers or isinstance(a, dict) or (context.twins and isinstance(a, np.ndarray)) else a


class _Target:
    """A list or an array of numbers, of which an item is set."""

    def __init__(self, a: Any, spreads: bool = True) -> None:
        self.a, self.spreads = a, spreads

    def __getitem__(self, key: Any) -> Any:
        found = item(self.a, key)
        return found if view_of(found) is None else found.copy()  # to be changed, as `a[i] *= 2` does, and set

    def __setitem__(self, key: Any, x: Any) -> None:
        if isinstance(self.a, dict):
            for of_case, same in cases(key):
                self._set_item(of_case, where_same(same, x, item(self.a, of_case)) if same is not True else x)
        else:
            self._set_item(key, x)

    def _set_item(self, key: Any, x: Any) -> None:
        a, parts = part_of_whole(self.a, parts_of(key))
        key = key if a is self.a else parts
        if isinstance(a, list) and isinstance(parts[0], np.ndarray):
            raise TypeError("list indices must be integers or slices, not list")
        if isinstance(a, np.ndarray) and not a.flags.writeable:
            raise refusal(
                f"{user_line()} changes a part of an array that was picked before; change the array itself, by "
                "a[i, j] = x"
            )
        self._set(a, key, parts, x)
        if isinstance(a, np.ndarray):
            renew_views(a)

    def _set(self, a: Any, key: Any, parts: tuple[Any, ...], x: Any) -> None:
        if is_mask(parts):
            key, parts, x = slice(None), (slice(None),), masked(read(a), parts[0]).replaced(x)
        is_known = not any(map(is_unknown, parts))
        memory = context.memories.get(id(a))
        if memory is None and (is_known or isinstance(a, dict)):
            a[key] = x
            spread()
            return
        loop = carrier(a)
        if memory is not None and (loop is None or memory.repeated is loop):
            memory.write(parts, x)
        elif loop is not None:
            loop.wanted[id(a)] = a  # and carried in another attempt
        else:
            _choose(a, parts, x)
            spread()
            return
        for other, same in same_as(a) if self.spreads else ():
            _Target(other, spreads=False)[key] = where_same(same, x, item(other, key))

    def __delitem__(self, key: Any) -> None:
        del self.a[key]
        spread()


class Memory:
    """The numbers of a list or an array while a loop is recorded that carries them.

    Meanwhile the list or array holds what no statement can use.
    """

    def __init__(self, a: Any, repeated: Any, loop: Loop) -> None:
        self.a, self.repeated = a, repeated
        self.shape = shape_of(a) if isinstance(a, list) else a.shape
        self.around: Memory | None = context.memories.get(id(a))
        if self.around is None:
            numbers = [*numbers_of(a)]
            if not self.shape or not all(isinstance(x, NUMBERS) for x in numbers):
                raise self._refusal("it holds more than numbers before; fill it with numbers there, as [0.0] * n does")
            start = table_of(numbers)
        else:
            start = self.around.stack
        carry = loop.carry(start)
        assert isinstance(carry, Stack)
        self.stack = carry
        self._unread = Unread.several(self.stack.size, _AS_A_WHOLE)
        self._rows = [*rows_of(a)]
        self.exchanges = id(a) in repeated.exchanged
        self.order = object() if self.around is None or self.exchanges else self.around.order
        _fill(a, self._unread)

    def rows(self) -> dict[int, Row]:
        """The rows of a table, by their ids; none where they are exchanged, since a list does not stay in its place."""
        axes = len(self.shape) if isinstance(self.a, list) and not self.exchanges else 0
        places = [place for n in range(1, axes) for place in np.ndindex(self.shape[:n])]
        return {id(item_at(self.a, place)): Row(self.a, place, self.shape) for place in places}

    def read(self, parts: tuple[Any, ...]) -> Any:
        """`a[parts]`."""
        at = places(self.shape, parts)
        numbers = self.numbers(at)
        if not at.ndim:
            return numbers[0]
        return numbers if isinstance(self.a, list) else compared_like(number_array(numbers, at.shape), self.a)

    def numbers(self, places: Any) -> list[Any]:
        """The numbers at these places."""
        return [picked(self.stack, index) for index in places.ravel().tolist()]

    def write(self, parts: tuple[Any, ...], x: Any) -> None:
        """`a[parts] = x`."""
        at = places(self.shape, parts)
        if isinstance(x, Word) or is_plain(x):
            raise self._refusal("a word becomes one of its items; keep a number for each word there")
        if isinstance(x, Exchanged):
            x = number_array(x, at.shape)
        is_row = isinstance(x, (list, Row)) and isinstance(self.a, list) and len(parts) < len(self.shape)
        if is_row and (row_of(x) is not None or carrier(x) is not None):
            raise self._refusal("a list that is there already becomes a row of it; put a copy there, row[:]")
        if isinstance(self.a, list) and (shape_of(x) if is_row else np.shape(x)) != at.shape:
            raise self._refusal("its length changes")
        holds = holding_here()
        for index, number in zip(at.ravel().tolist(), np.broadcast_to(np.asarray(x, dtype=object), at.shape).flat):
            if holds.__class__ is not float:
                number = where(holds, number, picked(self.stack, index))
            self.stack = put(self.stack, index, number)
        if is_row:
            _fill(x, Unread.several(at.size, "a list that a loop made a row of a table can be read there only"))

    def end(self) -> Stack:
        """The numbers at the end of a round. Raises TraceError if the list or array was changed in other ways."""
        now, before = [*rows_of(self.a), *numbers_of(self.a)], [*self._rows, *self._unread]
        if len(now) != len(before) or any(map(operator.is_not, now, before)):
            raise self._refusal("it is changed as a whole; write a = a + x for a += x")
        return self.stack

    def leave(self, result: Any) -> None:
        """Give the list or array its numbers after the loop."""
        if self.around is None and isinstance(self.a, list):
            for repeated in context.repeated:
                if repeated.found(self.a):
                    repeated.wanted[id(self.a)] = self.a
        if self.around is not None:
            [*_, loop] = context.repeated
            if self.around.repeated is loop:
                self.around.stack = result
                self.around.order = object() if self.exchanges else self.around.order
            else:
                loop.wanted[id(self.a)] = self.a  # and carried in another attempt
            return
        _fill(self.a, [entry(result, i) for i in range(result.size)])
        if self.exchanges:  # which list is where only a call knows
            before = [*self.a]
            self.a[:] = copy.deepcopy(before)
            for row in before:
                _fill(row, Unread.several(len([*numbers_of(row)]), "a row of a list of lists has another place now"))

    def _refusal(self, why: str) -> TraceError:
        return refusal(
            f"{user_line()}: a loop that is compiled can change the items of a {type(self.a).__name__}, but {why}"
        )


def _choose(a: Any, parts: tuple[Any, ...], x: Any) -> None:
    """`a[parts] = x`, as a choice for each entry."""
    items = list(a) if isinstance(a, list) else a.ravel().tolist()
    at = places((len(a),) if isinstance(a, list) else a.shape, parts)
    is_one = isinstance(a, list) and not at.ndim
    new = [x] if is_one else np.broadcast_to(np.asarray(x, dtype=object), at.shape).flat
    for index, number in zip(at.ravel().tolist(), new):
        if index.__class__ is float:
            items[int(index)] = number
        else:
            items = [_chosen(index == float(i), number, before) for i, before in enumerate(items)]
    if isinstance(a, list):
        a[:] = items
    else:
        _fill(a, items)


def _chosen(condition: Any, item: Any, before: Any) -> Any:
    is_number = isinstance(item, NUMBERS) and isinstance(before, NUMBERS)
    return where(condition, item, before) if is_number else where_same(condition, item, before)


def _fill(a: Any, numbers: list[Any]) -> None:
    if isinstance(a, list):
        rest = iter(numbers)
        for row in [*rows_of(a)] or [a]:
            if not isinstance(row[0], list):
                row[:] = itertools.islice(rest, len(row))
    else:
        a[...] = np.fromiter(numbers, dtype=object, count=len(numbers)).reshape(a.shape)
