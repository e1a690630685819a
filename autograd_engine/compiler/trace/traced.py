"""Tracing: running a function once on symbols, which record what is done with them.

A `Traced` stands for a number that is not known yet. Like a Value it has the operation it came from and the
arguments of the call, so the sweeps can carry derivatives through it. It has no data: what the function does with it
can be done later, with any numbers. Composite primitives are recorded whole, for their derivatives, together with
their `expansion` into basic operations, for computing.

Under `vmap` a node belongs to a `Batch`: it stands for one number per sample. Where a shared number meets those of
a batch, a node `broadcast` is inserted, so that the chain rule knows where to add up over the batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from autograd_engine import primitives
from autograd_engine.compiler.trace.errors import (
    _TOO_LATE,
    TraceError,
    branch,
    can_be_left,
    no_argument,
    two_batches,
    user_line,
)
from autograd_engine.control_flow import recorder
from autograd_engine.mapping import mapper
from autograd_engine.number import INSTEAD_OF_MATH, Arithmetic
from autograd_engine.primitives import Primitive, as_float
from autograd_engine.runs import variable
from autograd_engine.value import Value

T = TypeVar("T", bound="Traced")


class Operation:
    """An operation of traces that is not a primitive. It has a `name` and `partials`, as a primitive does.

    Without `partials`, no derivative goes through it; see `constant_node`.
    """

    composite = False
    is_linear = False

    def __init__(self, name: str, partials: Callable[..., Sequence[Any]] | None = None) -> None:
        self.name, self.partials = name, partials or (lambda out: ())


CONDITIONS = {name: Operation(name) for name in ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor")}
DETACHED = Operation("identity")
PRODUCT = Operation("product0", lambda out, x, y: (y, x))  # in the chain rule, with the strong zero
BROADCAST = Operation("broadcast", lambda out, x: (_Broadcast(out.batch),))
BATCH_SUM = Operation("batch_sum", lambda out, x: (_Summed(x.batch),))
BROADCAST.is_linear = BATCH_SUM.is_linear = True


class Batch:
    """The samples of a vmap. `size` is how many there are while tracing; unless `fixed`, a kernel takes any number."""

    def __init__(self, size: int) -> None:
        self.size, self.fixed = size, False
        self.trace = context.trace
        self.broadcasts: dict[Traced, Traced] = {}

    def broadcast(self, x: Any) -> Any:
        """A shared number as a number of every sample."""
        if x.__class__ is float:
            return Traced(BROADCAST, (x,), self)
        if x.batch is self:
            return x
        if x.batch is not None:
            raise TraceError(two_batches(x.batch, self))
        if x not in self.broadcasts:
            with recording(home(x)):
                self.broadcasts[x] = type(x)(BROADCAST, (x,), self)
        return self.broadcasts[x]

    def sum(self, x: Any) -> Any:
        """The sum of a number over the samples."""
        return Traced(BATCH_SUM, (self.broadcast(x),), None)

    def count(self) -> Any:
        """How many samples there are."""
        return Traced.leaf("size", self)


class _Broadcast:
    """The local derivative of a broadcast: it broadcasts tangents, and adds cotangents up over the batch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def push(self, tangent: Any) -> Any:
        return self.batch.broadcast(tangent)

    def pull(self, cotangent: Any) -> Any:
        return self.batch.sum(cotangent)


class _Summed:
    """The local derivative of a sum over the batch: it adds up tangents, and broadcasts cotangents."""

    def __init__(self, batch: Batch) -> None:
        self.push, self.pull = batch.sum, batch.broadcast


LONG = 10_000
"""Nodes. A function that records more is traced again, with those of its for loops as loops that can be."""


class TooLongError(BaseException):
    """A function has recorded many nodes. Not an Exception, which the function might catch."""


class UnlikeRoundsError(BaseException):
    """The rounds of a loop differ by more than the variables that it changes, such as random numbers; or what a loop
    keeps is changed in place.

    Since they have been drawn, the function is traced again from its beginning, without loops.
    """


class Context(threading.local):
    """What is being traced in this thread: all nodes in the order in which they were made, and the current batch.

    The body of a loop has nodes of its own; those of what is around it, from the outermost, are `outer`.
    """

    nodes: list[Traced] | None = None
    outer: tuple[list[Traced], ...] = ()
    batch: Batch | None = None
    trace: object = None  # a new object for every trace
    straight: float = inf  # rounds: a loop of up to as many becomes straight code
    is_exact: bool = False  # whether derivatives must have the bits of the uncompiled function
    is_limited: bool = False  # whether the trace is given up when it is LONG
    together: bool = False  # whether a LARGE array of an argument is samples; see arrays.py
    cut: Callable[..., Any] | None = None  # what pulls a loop that keeps little; see segments.py
    refused: TraceError | None = None  # the first error of the trace that the function may have caught
    conditions: tuple[tuple[Condition, bool], ...] = ()  # of the branches around what is running, and their sides
    again: set[Traced]  # the nodes of which a loop back keeps nothing
    choices: set[Traced]  # the nodes of `where` that stand for a branch
    sites: list[Any]  # where an index is checked at a call; see items.py
    words: dict[Any, float]  # the numbers of the plain things that branches choose; see words.py
    tables: dict[Any, tuple[Any, Any]]  # the stacks that were made of given numbers, with these
    repeated: tuple[Any, ...] = ()  # the loops around that statements have become
    memories: Mapping[int, Any] = MappingProxyType({})  # by id, the lists and arrays that these carry
    twins: Mapping[int, Any] = MappingProxyType({})  # by id, the containers that may be one another; see twins.py
    unsettled: list[Any]  # the choices between containers that are not among them yet
    roots: dict[int, Any]  # by id, what containers that may be one another were made of
    kept: tuple[Any, ...] = ()  # what the statements around keep of the variables, to give it back
    views: dict[int, Any]  # by id, the views of arrays that were picked, for as long as they are used; see views.py


context = Context()


def refusal(message: str, of_a_branch: bool = False) -> TraceError:
    """An error to raise. It is raised again at the end of the trace, in case the function catches it."""
    error = TraceError(message)
    error.of_a_branch = of_a_branch
    context.refused = context.refused or error
    return error


def cannot(message: str) -> TraceError:
    """An error for what samples do not allow. Where it is a large array that was taken for samples, the function is
    traced otherwise, even if it catches the error."""
    return refusal(message) if context.together else TraceError(message)


def check_trace(trace: object) -> None:
    """Raise TraceError unless `trace`, in which an array was made, is the one that is running."""
    if context.trace is None:
        raise TraceError(_TOO_LATE)
    if trace is not context.trace:
        raise TraceError(
            f"{user_line()} uses an array of another compiled function, or of an earlier call; give it to the function "
            "as an argument instead of keeping it elsewhere"
        )


@contextmanager
def tracing(
    vmap: Callable[..., Any], loops: Any, straight: float, is_limited: bool, is_exact: bool, together: bool
) -> Iterator[list[Traced]]:
    """Collect the nodes that are made in the block. There `vmap` maps functions over samples, `loops` records loops."""
    before = vars(context).copy()
    vars(context).clear()  # of this thread: what is not set here has its default again
    context.nodes, context.trace = [], object()
    context.straight, context.is_limited, context.is_exact, context.together = straight, is_limited, is_exact, together
    context.again, context.choices, context.sites, context.tables = set(), set(), [], {}
    context.unsettled, context.roots, context.views, context.words = [], {}, {}, {}
    made = variable.set(lambda number: Traced(primitives.identity, (as_float(number),), context.batch))
    mapped = mapper.set(vmap)
    recorded = recorder.set(loops)
    try:
        yield context.nodes
    finally:
        recorder.reset(recorded)
        mapper.reset(mapped)
        variable.reset(made)
        vars(context).clear()
        vars(context).update(before)


@contextmanager
def recording(nodes: list[Traced]) -> Iterator[None]:
    """Add the nodes that are made in the block to `nodes`."""
    before, context.nodes = context.nodes, nodes
    try:
        yield
    finally:
        context.nodes = before


def is_among(nodes: Sequence[Traced], x: Traced) -> bool:
    """Whether a node is one of `nodes`, in which each has its index."""
    return x.index < len(nodes) and nodes[x.index] is x


def blocks() -> Sequence[list[Traced]]:
    """The nodes of the body that is being traced, and of what is around it, from the innermost."""
    return (context.nodes or [], *reversed(context.outer))


def home(x: Traced) -> list[Traced]:
    """The nodes among which x is: those of the body that is being traced, or of what is around it."""
    here = context.nodes or []
    return here if is_among(here, x) else next((nodes for nodes in blocks() if is_among(nodes, x)), here)


@contextmanager
def inside(batch: Batch | None) -> Iterator[None]:
    """Make all nodes that are made in the block belong to `batch`."""
    before, context.batch = context.batch, batch
    try:
        yield
    finally:
        context.batch = before


class Traced(Arithmetic):
    """A number that is unknown while a function is traced."""

    __slots__ = ("__weakref__", "arguments", "batch", "expansion", "index", "op")

    def __init__(self, op: Any, arguments: tuple[Any, ...], batch: Batch | None) -> None:
        self.op, self.arguments, self.batch = op, arguments, batch
        self.expansion: Any = None
        nodes = context.nodes
        if nodes is None:
            raise TraceError(_TOO_LATE)
        self.index = index = len(nodes)
        if index >= LONG and context.is_limited and can_be_left():
            raise TooLongError
        nodes.append(self)

    @classmethod
    def leaf(cls: type[T], kind: str, *source: Any, batch: Batch | None = None) -> T:
        """A number from outside: a "scalar", "element" or "sample" of the arguments, or the "size" of a batch."""
        if not context.outer:
            return cls(None, (kind, *source), batch)
        with recording(context.outer[0]):  # it is the same in every round of a loop
            return cls(None, (kind, *source), batch)

    @staticmethod
    def record(op: Primitive, *args: Any) -> Any:
        """The node of `op` called with `args`."""
        try:
            arguments = tuple([x if x.__class__ is Traced or x.__class__ is float else _argument(x) for x in args])
        except TraceError:
            raise
        except TypeError as error:
            for x in args:
                if apply := getattr(x, "apply_primitive", None):  # what consists of numbers
                    return apply(op, *args)
            raise TypeError(f"{op.name}(): {error}") from None
        return _record(op, arguments)

    def sibling(self, op: Any, result: Any, args: Sequence[Any]) -> Traced:
        """The node of another operation with `args`, those of this node, whose `result` is known."""
        node = Traced(op, self.arguments, self.batch)
        node.expansion = result
        return node

    @property
    def is_at_hand(self) -> bool:
        """Whether it was made in the body that is being traced, or in what is around it, so that it can be used."""
        return any(is_among(nodes, self) for nodes in blocks())

    def edges(self) -> Any:
        """Pairs of an argument and the local derivative with respect to it, for the sweeps."""
        return zip(self.arguments, self.op.partials(self, *self.arguments))

    def pull(self, other: Any) -> Any:
        """The product with another factor of the chain rule."""
        if other.__class__ is float and other == other and other not in (0.0, inf, -inf):
            return _record(primitives.mul, (other, self))
        return _record(PRODUCT, (other, self))

    push = pull

    def operand(self, other: Any) -> Any:
        """`other` as a Traced number or a float, or NotImplemented if it is not a number."""
        if other.__class__ is Traced or other.__class__ is float:
            return other
        try:
            return _argument(other)
        except TraceError:
            raise
        except TypeError:
            return NotImplemented

    def compare(self, name: str, other: Any) -> Any:
        """The comparison as a Condition."""
        other = self.operand(other)
        return other if other is NotImplemented else constant_node(Condition, CONDITIONS[name], (self, other))

    def __copy__(self) -> Traced:
        return self  # immutable, and the trace would not know a copy

    def __deepcopy__(self, memo: Any) -> Traced:
        return self

    def __bool__(self) -> bool:
        raise refusal(branch("a number that is known only when the compiled function is called"), True)

    def __float__(self) -> float:
        raise TraceError(
            f"{user_line()} asks for the float of a number that is not known while tracing; {INSTEAD_OF_MATH}, and "
            "pass what must be a float as a constant"
        )

    def __int__(self) -> int:
        raise refusal(
            f"{user_line()} asks for the float of a number that is not known while tracing, to make it a whole number; "
            "a count must not be an argument of the compiled function: close over it",
            of_a_branch=True,
        )

    __index__ = __int__

    def __format__(self, spec: str) -> str:
        if spec:
            raise TraceError(f"{user_line()} formats a number that is not known while tracing; do so with the result")
        return repr(self)

    def __getattr__(self, name: str) -> Any:
        if name in _OF_VALUES:
            raise TraceError(
                f"{user_line()} uses .{name} of a number that is not known while tracing; derivatives are taken by "
                "grad, value_and_grad, ... inside a compiled function"
            )
        raise AttributeError(f"a number that is traced has no attribute {name!r}")

    def detach(self) -> Traced:
        """The same number, through which no derivative goes."""
        return constant_node(Traced, DETACHED, (self,))

    def __repr__(self) -> str:
        return f"<traced {self.op.name if self.op else self.arguments[0]}>"


def _connective(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Condition, other: Any) -> Any:
        if not isinstance(other, (Condition, bool, np.bool_)):
            return NotImplemented
        kind = other.__class__ if self.is_truth and isinstance(other, Condition) else self.__class__
        return constant_node(kind, CONDITIONS[name], (self, _argument(other)))

    return method


class Condition(Traced):
    """A comparison of unknown numbers, for `where` and for & | ^. Elsewhere it counts as 0 or 1."""

    __slots__ = ()
    is_truth = True  # as NumPy's bools are, which + and * do not count
    __float__ = Traced.__int__  # Python's float() becomes one that takes it
    __and__ = __rand__ = _connective("and")
    __or__ = __ror__ = _connective("or")
    __xor__ = __rxor__ = _connective("xor")

    def __invert__(self) -> Any:
        return self ^ True

    def __bool__(self) -> bool:
        raise refusal(branch("a comparison of numbers that are known only when the compiled function is called"), True)


_OF_VALUES = frozenset(name for name in dir(Value) if name[0] != "_" and name not in dir(Traced))


def _argument(x: Any) -> Any:
    """x as an argument of an operation: a Traced number or a float. Raises TraceError for a Value."""
    if isinstance(x, Traced):
        return x
    if isinstance(x, Value):
        raise no_argument(x, f"{user_line()} uses {x!r}, which is not an argument of the compiled function")
    return as_float(x)


def _together(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], Batch | None]:
    """The arguments of an operation, broadcast to one batch, and that batch (None if all are shared)."""
    batch = context.batch
    if batch is None:
        for x in arguments:
            if x.__class__ is not float and x.batch is not None:
                if batch is not None and x.batch is not batch:
                    raise TraceError(two_batches(x.batch, batch))
                batch = x.batch
        if batch is None:
            return arguments, None
    return tuple([x if x.__class__ is float else batch.broadcast(x) for x in arguments]), batch


def _record(op: Any, arguments: tuple[Any, ...]) -> Any:
    arguments, batch = _together(arguments)
    if op.composite:
        expansion = op.forward(*arguments)
        node = Traced(op, arguments, batch)
        node.expansion = expansion
        return node
    return Traced(op, arguments, batch)


def constant_node(kind: type[T], op: Operation, operands: tuple[Any, ...]) -> T:
    """The node of an operation that no derivative goes through. Its expansion is what it is computed from.

    It has no arguments: where it stands, a graph of Values has a float, and the sweeps must visit both graphs in the
    same order.
    """
    operands, batch = _together(operands)
    node = kind(op, (), batch)
    node.expansion = operands
    return node


def recorded_again(kind: type[Traced], op: Any, arguments: tuple[Any, ...]) -> Any:
    """A node like another one, of this type and operation, computed from other numbers."""
    is_constant = op is DETACHED or issubclass(kind, Condition)
    return constant_node(kind, op, arguments) if is_constant else _record(op, arguments)
