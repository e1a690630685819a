"""Items of arrays at an index that is not known while tracing: `a[i]`, `a[i - 1, k]`.

The number of a round of a loop is known well enough to read an array step by step. Any other index is a number like
others; at a call it is checked that it is whole and within the array, and an error names the user's line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_engine import primitives
from autograd_engine.compiler.trace.arrays import ArgumentArray, is_unknown
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.indices import Index
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.masks import is_mask, masked
from autograd_engine.compiler.trace.stacks import Entry, Stack, first_batch, picked, table, zeros
from autograd_engine.compiler.trace.traced import (
    Batch,
    Condition,
    Operation,
    Traced,
    blocks,
    constant_node,
    context,
    home,
    is_among,
    recording,
)
from autograd_engine.control_flow import recorder
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import where

NUMBERS = (Traced, float, int, np.integer, np.floating, np.bool_)
"""What a stack can be made of."""
CHECKED = Operation("checked")
"""A whole number from 0 on and below a size, of an index that may count from the end."""


@dataclass(frozen=True)
class Site:
    """Where an index is used: the user's line, and the axis and its size."""

    line: str
    axis: int
    size: int

    def error(self, index: float) -> Exception:
        """The error for an index that is out of range."""
        if index != index or index != int(index):
            return IndexError(f"{self.line}: an index must be a whole number, got {index!r}")
        return IndexError(
            f"{self.line}: index {int(index)} is out of bounds for axis {self.axis} with size {self.size}"
        )


@dataclass(frozen=True)
class SliceSite(Site):
    """Where a slice of a known length is used."""

    length: int

    def error(self, index: float) -> IndexError:
        """The error for a slice that uncompiled code would cut short."""
        return IndexError(
            f"{self.line}: a slice of {self.length} entries does not lie within axis {self.axis} with size "
            f"{self.size}, and compiled code cannot cut it short"
        )


@dataclass(frozen=True)
class NoneSite(Site):
    """Where the largest or the smallest of some numbers is taken, of which there may be none."""

    def error(self, index: float) -> ValueError:
        """The error where there is none."""
        return ValueError(f"{self.line}: there is no largest or smallest number where no condition holds")


def some(count: Any) -> Any:
    """That a count is not 0: a condition, which is checked at a call."""
    return checked(where(count > 0.0, 0.0, 1.0), 1, site=NoneSite(user_line(), 0, 1)) == 0.0


def item(array: Any, parts: tuple[Any, ...]) -> Any:
    """`array[parts]`, where one or more of the parts are numbers that are not known while tracing."""
    unknown = [k for k, part in enumerate(parts) if is_unknown(part)]
    if is_mask(parts):
        return masked(array, parts[0])
    if len(parts) == 1 and isinstance(parts[0], slice) and _length(parts[0], array.shape[0]) is None:
        return masked(array, _within(parts[0], array.shape[0]))
    if any(isinstance(x, Condition) for k in unknown for x in np.asarray(parts[k], dtype=object).ravel().tolist()):
        raise TraceError(
            f"{user_line()} picks numbers by conditions that are not known while tracing; write where(condition, x, "
            "0.0) instead of x[condition]"
        )
    if any(part is Ellipsis or part is None for part in parts[: unknown[-1]]):
        raise TraceError(f"{user_line()} picks numbers by one that is not known while tracing, after ... or None")
    if len(parts) > len(array.shape):
        raise IndexError(f"too many indices: the array has {len(array.shape)} axes, got {len(parts)} indices")
    several = [k for k in unknown if not isinstance(parts[k], (Traced, slice))]
    if several:
        return _of_several(array, parts, several)
    [axis, *others] = unknown
    index = parts[axis]
    if not others and isinstance(index, Index) and _is_within(index, array.shape[axis]):
        return _of_round(array, parts, axis, index)
    windows = {k: _window(parts[k], array.shape[k], k) for k in unknown}
    return _picked(array, parts, windows)


@dataclass(frozen=True)
class _Window:
    """Where an unknown part of an index begins: `index`, of `count` many, and what it is at the beginning."""

    index: Any
    first: Any
    count: int


def _window(part: Any, size: int, axis: int) -> _Window:
    if not isinstance(part, slice):
        return _Window(checked(part, size, axis), 0, size)
    length = _length(part, size)
    if length is None:
        raise TraceError(
            f"{user_line()} picks a slice whose length is known only when the compiled function is called; write its "
            "end as its beginning and a number, a[k:k + 3]"
        )
    site = SliceSite(user_line(), axis, size, length)
    if length > size:
        raise site.error(0.0)
    start, count = part.start, size - length + 1
    if not isinstance(start, Traced):  # the end is unknown, and only one fits
        start = float(start or 0)
    if not (isinstance(start, Index) and _is_within(start, count)):
        within = (start >= float(-size)) & (start < float(-length))
        start = where(within, start + float(size), where(start < 0.0, float(size), start))
        start = checked(start, count, axis, site)
    return _Window(start, slice(0, length), count)


def _length(part: slice, size: int) -> int | None:
    """The length of a slice if it is known although its beginning is not."""
    if part.step not in (None, 1):
        raise TraceError(f"{user_line()} picks a slice with a step at a place that is not known while tracing")
    (base, first), (other, last) = _apart(part.start), _apart(part.stop)
    return max(last - first, 0) if base is not None and _are_the_same(base, other) else None


def _apart(x: Any) -> tuple[Any, int]:
    """A whole number that is not known as another one, and what is added to it; None and a number if it is known."""
    added = 0.0
    while isinstance(x, Traced) and x.op in (primitives.add, primitives.sub):
        a, b = x.arguments
        if b.__class__ is float:
            x, added = a, added + (b if x.op is primitives.add else -b)
        elif a.__class__ is float and x.op is primitives.add:
            x, added = b, added + a
        else:
            break
    return (x, int(added)) if isinstance(x, Traced) else (None, 0)


def _are_the_same(x: Any, y: Any, depth: int = 4) -> bool:
    """Whether two numbers were computed alike."""
    if x is y or not (isinstance(x, Traced) and isinstance(y, Traced)):
        return x is y or (x.__class__ is y.__class__ is float and x == y)
    alike = x.op is not None and x.op is y.op and depth > 0 and len(x.arguments) == len(y.arguments) > 0
    return alike and all(_are_the_same(a, b, depth - 1) for a, b in zip(x.arguments, y.arguments))


def _within(part: slice, size: int) -> Any:
    """Where a slice lies in an axis of this size, as conditions: as Python has it, however far it reaches."""
    ends = [0 if part.start is None else part.start, size if part.stop is None else part.stop]
    start, stop = (where(x < 0, x + size, x) if isinstance(x, Traced) else x + size * (x < 0) for x in ends)
    everywhere = [(start <= float(i)) & (stop > float(i)) for i in range(size)]
    return np.fromiter(everywhere, dtype=object, count=size)


def checked(index: Any, size: int, axis: int = 0, site: Site | None = None) -> Any:
    """An index of an axis of this size, as a whole number from 0 on. It is checked at a call."""
    if isinstance(index, Index) and _is_within(index, size):
        return index
    if isinstance(index, Traced) and index.op is CHECKED and index.expansion[1] <= size:
        return index
    if not size:
        raise IndexError(f"{user_line()}: index into an axis of size 0")
    site = site or Site(user_line(), axis, size)
    if site not in context.sites:
        context.sites.append(site)
    number = float(context.sites.index(site))
    return constant_node(Traced, CHECKED, (index, float(size), number, holding_here()))


def holding_here() -> Any:
    """Whether all branches around are taken: a condition, or 1.0 where there are none."""
    holds: Any = 1.0
    for condition, side in context.conditions:
        one = condition if side else ~condition
        holds = one if holds.__class__ is float else holds & one
    return holds


def _is_within(index: Index, size: int) -> bool:
    """Whether it is known that the number of a round can be used as an index without a check."""
    ends = index.ends()
    return ends is not None and ends[0] >= 0 and ends[1] < size


def _of_several(array: Any, parts: tuple[Any, ...], several: list[int]) -> Any:
    """The items for arrays of indices."""
    keys, shape = _each(parts, several)
    items = [np.asarray(_item(array, key)) for key in keys]
    of_item = items[0].shape if items else np.empty(array.shape)[(*[0] * len(several), *parts[len(several) :])].shape
    return number_array([x for one in items for x in one.ravel().tolist()], (*shape, *of_item))


def _each(parts: tuple[Any, ...], several: list[int]) -> tuple[list[tuple[Any, ...]], tuple[int, ...]]:
    """An index for each entry of arrays of indices, which come first among the parts, and their shape."""
    count = len(several)
    if several != list(range(count)) or any(isinstance(part, np.ndarray) for part in parts[count:]):
        raise TraceError(
            f"{user_line()} picks numbers by an array that is not known while tracing, after another part of the "
            "index; move that axis to the front"
        )
    indices = np.broadcast_arrays(*[np.asarray(part, dtype=object) for part in parts[:count]])
    keys = zip(*[index.ravel().tolist() for index in indices])
    return [(*key, *parts[count:]) for key in keys], indices[0].shape


def _item(array: Any, parts: tuple[Any, ...]) -> Any:
    return item(array, parts) if any(map(is_unknown, parts)) else array[parts]


def _of_round(array: Any, parts: tuple[Any, ...], axis: int, index: Index) -> Any:
    """The part of an array that the number of a round picks."""
    loop, rounds = index.loop, index.first + index.step * np.arange(index.loop.most or 0)

    def at(k: int) -> Any:
        """The key in round k."""
        return (*parts[:axis], index.first + index.step * k, *parts[axis + 1 :])

    if _is_of_symbols(array):
        rows = np.moveaxis(array, axis, 0)[rounds][(slice(None), *parts[:axis], *parts[axis + 1 :])]
        columns = rows.reshape(len(rounds), -1).T.tolist()
        with recording(loop.around):
            stacks = [table(column, loop.batch) for column in columns]
        return entry_of(loop, number_array(stacks, rows.shape[1:]))
    known = array_of(array)
    places = np.arange(np.prod(known.shape, dtype=int)).reshape(known.shape)
    first = np.asarray(places[at(0)])
    record = int((np.asarray(places[at(1)]) - first).flat[0]) if first.size and (loop.most or 0) > 1 else 0
    stacks = [in_memory(known, int(offset), record, loop.most or 0) for offset in first.ravel()]
    return entry_of(loop, number_array(stacks, first.shape))


def _picked(array: Any, parts: tuple[Any, ...], windows: dict[int, _Window]) -> Any:
    """The part of an array at unknown places of single axes."""
    first, steps = _places(tuple(array.shape), parts, windows)
    index: Any = 0.0
    if len(windows) == 1:  # a stack for each number, with an entry for each index
        [(axis, window)] = windows.items()
        index, record, size = window.index, steps[axis], window.count
    else:
        index = _total(windows, steps)
        record, size = 1, 1 + sum((window.count - 1) * steps[k] for k, window in windows.items())
    if _is_of_symbols(array):
        flat = array.ravel().tolist()
        stacks = [table_of([flat[int(offset) + record * i] for i in range(size)]) for offset in first.ravel()]
    else:
        known = array_of(array)
        stacks = [in_memory(known, int(offset), record, size) for offset in first.ravel()]
    numbers = number_array([picked(stack, index) for stack in stacks], first.shape)
    return numbers if first.ndim else numbers[()]


def places(shape: tuple[int, ...], parts: tuple[Any, ...]) -> Any:
    """The places, in row-major order, of the items `parts` of an array, as an array of numbers."""
    unknown = [k for k, part in enumerate(parts) if is_unknown(part)]
    if several := [k for k in unknown if not isinstance(parts[k], (Traced, slice))]:
        keys, shape_of_all = _each(parts, several)
        found = [places(shape, key) for key in keys]
        numbers = [x for one in found for x in one.ravel().tolist()]
        of_item = found[0].shape if found else ()
        return np.fromiter(numbers, dtype=object, count=len(numbers)).reshape((*shape_of_all, *of_item))
    windows = {k: _window(parts[k], shape[k], k) for k in unknown}
    first, steps = _places(shape, parts, windows)
    index = _total(windows, steps) if windows else 0.0
    numbers = [index + float(offset) if offset else index for offset in first.ravel().tolist()]
    return np.fromiter(numbers, dtype=object, count=len(numbers)).reshape(first.shape)


def _places(shape: tuple[int, ...], parts: tuple[Any, ...], windows: dict[int, _Window]) -> tuple[Any, dict[int, int]]:
    """The places where all windows are at the beginning, and by how much each index moves them."""
    everywhere = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    known = tuple([windows[k].first if k in windows else part for k, part in enumerate(parts)])
    return np.asarray(everywhere[known]), {k: int(np.prod(shape[k + 1 :], dtype=int)) for k in windows}


def _total(windows: dict[int, _Window], steps: dict[int, int]) -> Any:
    total: Any = None
    for k, window in windows.items():
        moved = window.index * float(steps[k]) if steps[k] != 1 else window.index
        total = moved if total is None else total + moved
    return total


def table_of(numbers: list[Any]) -> Stack:
    """A stack of given numbers, as far out of loops as all of them are known.

    It is one that is there, if they are its, and it is of no loop, where it may have become another one since.
    """
    symbols = [x for x in numbers if isinstance(x, Traced)]
    if not symbols and not any(numbers):
        with recording(blocks()[-1]):
            return zeros(len(numbers), None)
    if len(symbols) == len(numbers) and all(isinstance(x.op, Entry) for x in symbols):
        [of, *others] = {x.arguments[0] for x in symbols}
        places = [x.op.i for x in symbols]
        if not others and is_among(blocks()[-1], of) and places == [*range(of.size)]:
            return of  # type: ignore[no-any-return]
    homes = {id(home(x)) for x in symbols}
    block = next((nodes for nodes in blocks() if id(nodes) in homes), blocks()[-1])
    with recording(block):
        return table(numbers, first_batch(symbols) or (context.batch if block is context.nodes else None))


def _is_of_symbols(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == object


def stacks_of(array: Any, batch: Batch | None) -> Any:
    """The stacks of the entries of an array, one for each number of an entry, as an array, for a loop in a batch."""
    array = array if isinstance(array, ArgumentArray) else np.asarray(array)
    if _is_of_symbols(array):
        rest = array.reshape(len(array), -1)
        stacks = [table(rest[:, k].tolist(), batch) for k in range(rest.shape[1])]
        return number_array(stacks, array.shape[1:])
    known = array_of(array)
    size = int(np.prod(known.shape[1:], dtype=int))
    return number_array([in_memory(known, k, size, len(array)) for k in range(size)], known.shape[1:])


def array_of(array: Any) -> ArgumentArray:
    """An array of numbers that are known at a call, as one that the compiled function has in memory."""
    known: ArgumentArray = array if isinstance(array, ArgumentArray) else recorder.get().arrays.constant(array)
    return known


def in_memory(array: ArgumentArray, first: int, record: int, size: int) -> Stack:
    """The stack of `size` numbers `first`, `first + record`, ... of an array, in row-major order."""
    return Stack.leaf("array", recorder.get().arrays.place(array.number), first, record, size)


def entry_of(loop: Loop, stacks: Any) -> Any:
    """The entry of an array for a round, in the body of a loop."""
    numbers = number_array([loop.read(stack) for stack in stacks.ravel().tolist()], stacks.shape)
    return numbers if stacks.ndim else numbers[()]
