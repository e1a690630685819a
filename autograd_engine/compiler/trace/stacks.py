"""Stacks: numbers of all rounds of a loop, or of all entries of an array, in memory; and their derivatives.

An entry can be picked, replaced or added to at an index that is known only at a call. In the body of a loop a stack
that is carried is changed where it lies: each change gives a new Stack, which stands for the same memory from then on,
and what was before is not asked for any more. Elsewhere a change is made in a copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Batch, Operation, Traced, context, is_among
from autograd_engine.primitives import where
from autograd_engine.structure import leaves_of

LONG_TABLE = 16
"""Entries. The cotangents of a longer table are added up in memory, not one by one; its constants are copied as one."""


class Stack(Traced):
    """One number of every round of a loop, or one number of every entry of an array, in memory."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """The number of entries. Raises TraceError if it is not known while tracing."""
        stack = self
        while stack.op in (PUT, ADD_AT):  # as many as before
            stack = stack.arguments[1]
        if stack.op is None:
            return int(stack.arguments[-1])
        size = stack.op.entries(*stack.arguments)
        if size is None:
            raise TraceError(f"{user_line()} picks from an array whose length is not known while tracing")
        return int(size)


class Entries:
    """Tangents or cotangents of the entries of a stack: a sum of stacks, of numbers for single entries, of numbers
    `added` at indices that are known only at a call, and of what loops `sum` up, from zeros or from what there is."""

    def __init__(
        self,
        stacks: Sequence[Stack] = (),
        points: dict[int, Any] | None = None,
        added: Sequence[tuple[Any, Any]] = (),
        sums: Sequence[Any] = (),
    ) -> None:
        self.stacks, self.points, self.added, self.sums = tuple(stacks), points or {}, tuple(added), tuple(sums)

    def __add__(self, other: Entries) -> Entries:
        points = merged(self.points, other.points)
        return Entries(self.stacks + other.stacks, points, self.added + other.added, self.sums + other.sums)

    def _end_sums(self, may_join: bool = False) -> None:
        """Take the sums of loops as stacks; with `may_join` they begin with what there is, where they can."""
        for x in self.sums:
            whole = x.joined(self.stacks[0]) if may_join and len(self.stacks) == 1 else None
            self.stacks = (*self.stacks, x.alone()) if whole is None else (whole,)
        self.sums = ()

    def entry(self, i: int, batch: Batch | None) -> Any:
        """The number for entry i of a stack of this batch, None where there is none."""
        self._end_sums()
        numbers = [entry(stack, i) for stack in self.stacks]
        numbers += [self.points[i]] if i in self.points else []
        numbers += [where(index == float(i), x, 0.0) for index, x in self.added]
        return total_of([_summed(x, batch) for x in numbers])

    def at(self, index: Any, size: int) -> Any:
        """The number for the entry at an index, of a stack of this size."""
        self._end_sums()
        numbers: list[Any] = [picked(stack, index) for stack in self.stacks]
        if self.points:
            points = [self.points.get(i, 0.0) for i in range(size)]
            numbers.append(picked(table(points, first_batch(points) or context.batch), index))
        return total_of([*numbers, *[where(index == other, x, 0.0) for other, x in self.added]])

    def stack(self, size: int, batch: Batch | None) -> Stack:
        """All of it as one stack for one of this size and batch. From then on that is what it consists of."""
        self._end_sums(may_join=True)
        if self._is_one() and (batch is not None or self.stacks[0].batch is None):
            return self.stacks[0]
        if batch is None and first_batch([*self.stacks, *[x for _, x in self.added]]):  # sums over samples
            total = table([0.0 if x is None else x for i in range(size) for x in [self.entry(i, batch)]], batch)
        else:
            others = sorted(self.stacks, key=_changes_in_place)
            total = others.pop() if others and _changes_in_place(others[-1]) else zeros(size, batch)
            for stack in others:
                total = Stack(ADD_ALL, (stack, total, float(size)), batch)
            points = {i: _summed(x, batch) for i, x in self.points.items()}
            if len(points) > max(LONG_TABLE, size // 4):
                points_of_all = table([points.get(i, 0.0) for i in range(size)], batch)
                total = Stack(ADD_ALL, (points_of_all, total, float(size)), batch)
                points = {}
            for i, x in points.items():
                total = added_at(total, float(i), x)
            for index, x in self.added:
                total = added_at(total, index, x)
        self.stacks, self.points, self.added = (total,), {}, ()
        return total

    def _is_one(self) -> bool:
        return len(self.stacks) == 1 and not self.points and not self.added


class Entry(Operation):
    """The operation that takes entry i of a stack, and its local derivative."""

    def __init__(self, i: int, batch: Batch | None) -> None:
        super().__init__("entry", lambda out, stack: (self,))
        self.i, self.batch = i, batch

    def pull(self, cotangent: Any) -> Entries:
        """The cotangent of the entry as one of the stack."""
        return Entries(points={self.i: cotangent})

    def push(self, tangents: Entries) -> Any:
        """The tangent of the entry."""
        return tangents.entry(self.i, self.batch)


class _InTable:
    """The local derivative of a table of this size with respect to its entry i."""

    def __init__(self, i: int, size: int, batch: Batch | None) -> None:
        self.i, self.size, self.batch = i, size, batch

    def pull(self, cotangents: Entries) -> Any:
        if self.size > LONG_TABLE and not cotangents.points:
            cotangents.stack(self.size, self.batch)  # added up as a whole
        return cotangents.entry(self.i, self.batch)

    def push(self, tangent: Any) -> Entries:
        return Entries(points={self.i: tangent})


class _Picked:
    """The local derivative of a number that was picked with respect to the stack."""

    def __init__(self, stack: Stack, index: Any) -> None:
        self.stack, self.index = stack, index

    def pull(self, cotangent: Any) -> Entries:
        return Entries(added=[(self.index, cotangent)])

    def push(self, tangents: Entries) -> Any:
        return tangents.at(self.index, self.stack.size)


class _Placed:
    """The local derivative of a stack with respect to the number that an entry of it was set to, or increased by."""

    def __init__(self, stack: Stack, index: Any) -> None:
        self.stack, self.index = stack, index

    def pull(self, cotangents: Entries) -> Any:
        return picked(cotangents.stack(self.stack.size, self.stack.batch), self.index)

    def push(self, tangent: Any) -> Entries:
        return Entries(added=[(self.index, tangent)])


class _Others:
    """The local derivative of a stack with respect to the one in which an entry was set: that of all other entries."""

    def __init__(self, stack: Stack, index: Any) -> None:
        self.stack, self.index = stack, index

    def pull(self, entries: Entries) -> Entries:
        return Entries([put(entries.stack(self.stack.size, self.stack.batch), self.index, 0.0)])

    push = pull


class _Same:
    """The local derivative of a stack with respect to the one in which entries were increased."""

    def pull(self, entries: Entries) -> Entries:
        return entries

    push = pull


class _Copied:
    """The local derivative of a stack with respect to one whose entries were added to it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def pull(self, entries: Entries) -> Entries:
        size, batch = self.stack.size, self.stack.batch
        return Entries([Stack(ADD_ALL, (entries.stack(size, batch), zeros(size, batch), float(size)), batch)])

    push = pull


class _OfStack(Operation):
    """An operation that makes a stack. `entries` says how many entries it has, from the operation's arguments."""

    def __init__(self, name: str, partials: Any, entries: Any) -> None:
        super().__init__(name, partials)
        self.entries = entries


TABLE = _OfStack(
    "table",
    lambda out, *numbers: [_InTable(i, len(numbers), out.batch) for i in range(len(numbers))],
    lambda *numbers: len(numbers),
)
"""The stack of given numbers."""
ZEROS = _OfStack("zeros", None, lambda size: size)
"""A stack of zeros, as many as its operand says."""
PUT = Operation("put", lambda out, x, stack, index: (_Placed(stack, index), _Others(stack, index)))
"""The stack with x at an index."""
ADD_AT = Operation("add_at", lambda out, x, stack, index: (_Placed(stack, index), _Same()))
"""The stack with x added to the entry at an index."""
ADD_ALL = _OfStack(
    "add_all", lambda out, other, stack, size: (_Copied(other), _Same()), lambda *arguments: arguments[-1]
)
"""The stack with the entries of another added to its own."""
PICK = Operation("pick", lambda out, stack, index: (_Picked(stack, index),))
"""The entry at an index."""
CHANGES = (PUT, ADD_AT, ADD_ALL)
"""What changes a stack that a loop carries where it lies."""


def table(numbers: Sequence[Any], batch: Batch | None) -> Stack:
    """A stack of given numbers: the same for the same numbers, so that its entries are read and differentiated once."""
    numbers = tuple([in_batch(x, batch) for x in numbers])
    key = batch, *[x if x.__class__ is float else id(x) for x in numbers]
    known = context.tables.get(key)
    if known is not None and known[0].is_at_hand:
        return known[0]  # type: ignore[no-any-return]
    stack = Stack(TABLE, numbers, batch)
    context.tables[key] = stack, numbers  # kept, so that no other number has the id of one
    return stack


def zeros(size: int, batch: Batch | None) -> Stack:
    """A stack of zeros."""
    return Stack(ZEROS, (float(size),), batch)


def entry(stack: Stack, i: int) -> Traced:
    """Entry i of a stack."""
    return Traced(Entry(i, stack.batch), (stack,), stack.batch)


def picked(stack: Stack, index: Any) -> Any:
    """The entry of a stack at a whole number."""
    if index.__class__ is float:
        return entry(stack, int(index))
    return Traced(PICK, (stack, index), stack.batch or context.batch or index.batch)


def is_computed(x: Stack) -> bool:
    """Whether a stack depends on numbers: it is no array of an argument, and no zeros."""
    return x.op is not ZEROS and (x.op is not None or x.arguments[0] != "array")


def put(stack: Stack, index: Any, x: Any) -> Stack:
    """A stack with another number at an index."""
    return Stack(PUT, (in_batch(x, stack.batch), stack, index), stack.batch)


def added_at(stack: Stack, index: Any, x: Any) -> Stack:
    """A stack with a number added to its entry at an index."""
    return Stack(ADD_AT, (in_batch(x, stack.batch), stack, index), stack.batch)


def _changes_in_place(stack: Stack) -> bool:
    """Whether a stack is, in the body of a loop, one that it carries, or what has become of it."""
    if not context.outer or not is_among(context.nodes or (), stack):
        return False
    if stack.op is None:
        return bool(stack.arguments[0] == "carry")
    start = stack.op.start(*stack.arguments) if stack.op.name == "result" else None
    return stack.op in CHANGES or (start is not None and _changes_in_place(start))


def batch_of(*numbers: Any) -> Batch | None:
    """The batch of a loop that begins with these numbers: that of the vmap around it, or else that of one of them."""
    if context.batch is not None:
        return context.batch
    of_leaf = (x.flat if isinstance(x, np.ndarray) and x.dtype == object else [x] for x in leaves_of(numbers))
    return first_batch(itertools.chain.from_iterable(of_leaf))


def in_batch(x: Any, batch: Batch | None) -> Any:
    """A number as one of a batch, if there is any; a plain number, such as one of NumPy's, as a float.

    Raises TraceError for a number of a batch where there is none.
    """
    if not isinstance(x, Traced):
        return float(x)
    if batch is None and x.batch is not None:
        raise TraceError(f"{user_line()}: a loop that all samples share reads numbers of each of them")
    return x if batch is None else batch.broadcast(x)


def _summed(x: Any, batch: Batch | None) -> Any:
    """A cotangent for what belongs to a batch, or to none: that of all samples together."""
    return x.batch.sum(x) if isinstance(x, Traced) and batch is None and x.batch is not None else x


def first_batch(numbers: Iterable[Any]) -> Batch | None:
    """The batch of the first of some numbers that has one."""
    return next((x.batch for x in numbers if isinstance(x, Traced) and x.batch is not None), None)


def merged(some: dict[Any, Any], others: dict[Any, Any]) -> dict[Any, Any]:
    """Both dicts, with the sum where both have a number."""
    both = dict(some)
    for key, number in others.items():
        both[key] = both[key] + number if key in both else number
    return both


def total_of(numbers: Sequence[Any]) -> Any:
    """The sum of numbers, None if there are none."""
    total = None
    for x in numbers:
        total = x if total is None else total + x
    return total
