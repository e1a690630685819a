"""Tables: lists of lists of numbers, all rows of one length, as programs keep matrices in them.

In a loop that stays one, `table[i]` with an unknown i is a `Row`: it stands for the list at that place, whichever it
is, so what is read from it is read from the table then, and what is set is set in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from autograd_engine.compiler.trace.arrays import is_unknown
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.items import NUMBERS, array_of, checked, item, places
from autograd_engine.compiler.trace.traced import Condition, Traced, context, refusal
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import where
from autograd_engine.structure import apart


class Row(Sequence[Any]):
    """The row of a table at a place that is not known: `place` holds the indices, `sizes` is the shape of the table."""

    def __init__(self, table: list[Any], place: tuple[Any, ...], sizes: tuple[int, ...]) -> None:
        self.table, self.place, self.sizes = table, place, sizes
        self._order = _order(table)

    def __getitem__(self, key: Any) -> Any:
        return part_of(*whole(self, (key,)), self.sizes)

    def __len__(self) -> int:
        return self.sizes[len(self.place)]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __add__(self, other: Any) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: Any) -> list[Any]:
        return [*other, *self]

    def copy(self) -> list[Any]:
        """The items, as `list.copy` has it."""
        return [*self]

    def __parts__(self) -> Any:
        """What a result or a NumPy array is made of."""
        return list, (), list, [*self]

    def __getattr__(self, name: str) -> NoReturn:
        if not hasattr(list, name):
            raise AttributeError(f"'list' object has no attribute {name!r}")
        raise refusal(
            f"{user_line()}: a loop that is compiled can read and set the items of table[i], but it calls .{name}()"
        )

    def check(self) -> None:
        """Raise TraceError if rows have been exchanged since it was picked."""
        now = _order(self.table)
        if now is not self._order and self._order is not None:
            raise refusal(
                f"{user_line()} uses a row of a list of lists that was picked before rows were exchanged; pick it again"
            )

    def chosen(self, other: Row, condition: Condition) -> Row | None:
        """This row where a condition holds, elsewhere another one; None if they are of different tables."""
        if other.table is not self.table or len(other.place) != len(self.place):
            return None
        return Row(self.table, tuple([where(condition, i, k) for i, k in zip(self.place, other.place)]), self.sizes)


def holds_row(x: Any) -> bool:
    """Whether x is such a row, or has one in it."""
    return isinstance(x, Row) or any(map(holds_row, (apart(x) or ((),))[-1]))


def row_of(a: Any) -> Row | None:
    """A list as the row of a table, if it is one that a loop carries."""
    row = a if isinstance(a, Row) else context.memories.get(id(a))
    return row if isinstance(row, Row) else None


def whole(a: Any, parts: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """What `a[parts]` is a part of: the table, if `a` is a row of one."""
    row = row_of(a)
    if row is None:
        return a, parts
    row.check()
    return row.table, (*row.place, *parts)


class Exchanged(list[Any]):
    """The numbers of a row that changes its place with another one."""


def exchanged(a: Any, i: Any, k: Any) -> tuple[Any, Any] | None:
    """`a[i], a[k]` of a table, as the value of `a[k], a[i]`; None if it is no table that a loop carries."""
    loop = carrier(a)
    if loop is None or not isinstance(a, list) or len(shape := table_shape(a, (i,)) or shape_of(a)) < 2:
        return None
    for repeated in context.repeated:
        if repeated.found(a):
            repeated.exchanged.add(id(a))
    if (memory := context.memories.get(id(a))) is None:
        loop.wanted[id(a)] = a  # and carried in another attempt
        return Exchanged(), Exchanged()
    numbers = [Exchanged(memory.numbers(places(shape, (at,)))) for at in (i, k)]
    memory.order = object()
    return numbers[0], numbers[1]


def _order(table: Any) -> Any:
    """What stands for the order of the rows of a table that a loop carries; None elsewhere."""
    return getattr(context.memories.get(id(table)), "order", None)


def shape_of(a: Any) -> tuple[int, ...]:
    """The length of a list of numbers, those of a table and its rows; () for other things, and if a row may be another
    list too."""
    lists: dict[int, Any] = {}
    shape = _shape(a, lists)
    return shape if len(shape) == 1 or context.twins.keys().isdisjoint(lists) else ()


def _shape(a: Any, lists: dict[int, Any]) -> tuple[int, ...]:
    """The lengths, with all lists by their ids. A list that stands in two places makes it no table."""
    if type(a) is not list or not a or id(a) in lists:
        return ()
    lists[id(a)] = a
    if isinstance(a[0], NUMBERS):
        return (len(a),) if all(isinstance(x, NUMBERS) for x in a) else ()
    of_row, *others = {_shape(row, lists) for row in a}
    return (len(a), *of_row) if of_row and not others else ()


def table_shape(a: Any, parts: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of a table if `a[parts]` is to be looked up in it as a whole, else ()."""
    if not isinstance(a, list):
        return ()
    if memory := context.memories.get(id(a)):
        shape: tuple[int, ...] = memory.shape
    else:
        is_index = isinstance(parts[0], Traced) and not isinstance(parts[0], Condition)
        in_loop = is_index and any(repeated.found(a) for repeated in context.repeated)
        shape = shape_of(a) if in_loop else ()
    return shape if len(shape) > 1 else ()


def part_of(table: list[Any], parts: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """The rows of a table, a row, or what is in one."""
    unknown, memory = any(map(is_unknown, parts)), context.memories.get(id(table))
    if len(parts) < len(shape):
        if not unknown and isinstance(parts[-1], slice):
            rows = range(shape[len(parts) - 1])[parts[-1]]
            return [part_of(table, (*parts[:-1], k), shape) for k in rows]
        if not unknown and (memory is None or not memory.exchanges):
            return item_at(table, parts)
        if any(isinstance(i, slice) for i in parts):
            raise refusal(f"{user_line()} picks rows of a list of lists by a slice that is known only at a call")
        return Row(
            table, tuple([checked(i, shape[k], k) if isinstance(i, Traced) else i for k, i in enumerate(parts)]), shape
        )
    if memory is not None:
        return memory.read(parts)
    if not unknown:
        return item_at(table, parts)
    if not context.memories.keys().isdisjoint([id(row) for row in rows_of(table)]):
        carrier(table).wanted[id(table)] = table  # and carried in another attempt
        return checked(parts[0], shape[0])
    found = item(_array(table, shape), parts)
    return found.tolist() if isinstance(found, np.ndarray) else found


def rows_of(table: Any) -> Iterator[list[Any]]:
    """The lists in a table, also those in them."""
    for row in table if isinstance(table, list) else ():
        if isinstance(row, list):
            yield row
            yield from rows_of(row)


def numbers_of(a: Any) -> Iterator[Any]:
    """The numbers in a list, a table or an array, in row-major order."""
    if isinstance(a, np.ndarray):
        yield from a.ravel().tolist()
    else:
        for x in a:
            yield from numbers_of(x) if isinstance(x, list) else (x,)


def carrier(a: Any) -> Any:
    """The innermost loop that can carry a list or an array, since it was there before; None if there is none."""
    return next((repeated for repeated in reversed(context.repeated) if repeated.found(a)), None)


def item_at(table: Any, parts: tuple[Any, ...]) -> Any:
    """`table[i][k]`, where the indices are known."""
    for i in parts:
        table = table[i]
    return table


def _array(table: list[Any], shape: tuple[int, ...]) -> Any:
    """The numbers of a table as an array. One that is the same as before is one array in the compiled function."""
    numbers = [*numbers_of(table)]
    if any(isinstance(x, Traced) for x in numbers):
        return number_array(numbers, shape)
    array = np.array(numbers, dtype=float).reshape(shape)
    key = shape, array.tobytes()
    if key not in context.tables:
        context.tables[key] = array_of(array), array
    return context.tables[key][0]
