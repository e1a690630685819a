"""The results of a loop, and their local derivatives: what the chain rule sees of it.

The cotangents of its results, and the tangents of its arguments, come to the loop in a bundle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.stacks import Stack, merged
from autograd_engine.compiler.trace.traced import Operation, Traced, context, is_among

ROUNDS = "rounds"
"""The result of a loop that says how many rounds it made."""


class Result(Operation):
    """The operation that takes a result of a loop, and its local derivative.

    `key` is the number of what is carried, a node of the body for the stack of its numbers, or ROUNDS. It is composite
    if it need not be computed, since it is kept: the expansion of its node.
    """

    def __init__(self, key: Any, composite: bool = False) -> None:
        super().__init__("result", lambda out, loop: (self,))
        self.key, self.composite = key, composite

    def entries(self, loop: Traced) -> int | None:
        """How many entries the result has, a stack; None if that is not known."""
        most: int | None = loop.op.most if isinstance(self.key, Traced) else loop.op.carries[self.key].size
        return most

    def start(self, loop: Traced) -> Stack | None:
        """The stack that a loop began with, where the result is what it leaves of it."""
        start: Stack | None = loop.op.starts[self.key] if isinstance(self.key, int) and not self.composite else None
        return start

    def pull(self, cotangent: Any) -> Cotangents:
        """The cotangent of the result, in a bundle."""
        return Cotangents({self.key: cotangent})

    def push(self, tangents: Tangents) -> Any:
        """The tangent of the result."""
        return tangents.of_result(self.key)


def room_of(stack: Stack) -> int:
    """How many entries a stack has at most. Raises TraceError if that is not known while tracing."""
    is_kept = isinstance(stack.op, Result) and isinstance(stack.op.key, Traced)
    bound: int | None = stack.arguments[0].op.bound if is_kept else None
    return stack.size if bound is None else bound


class Argument:
    """The local derivative of a loop with respect to one of its arguments."""

    def __init__(self, node: Traced, argument: int) -> None:
        self.node, self.argument = node, argument

    def pull(self, cotangents: Cotangents) -> Any:
        """The cotangent of the argument."""
        return cotangents.of_arguments(self.node)[self.argument]

    def push(self, tangent: Any) -> Tangents:
        """The tangent of the argument, in a bundle."""
        return Tangents(self.node, {self.argument: tangent})


class Sum:
    """What a loop adds up in a stack that it carries: from zeros, or from another stack, which then needs no adding."""

    def __init__(self, loop: Any, place: int) -> None:
        self.loop, self.place, self.total = loop, place, loop.starts[place]
        self.result: Stack = loop.result(place)
        self.may_change = True

    def alone(self) -> Stack:
        """The sum from zeros."""
        start, self.may_change = self.loop.starts[self.place], False
        if start is not self.total:  # it was joined with another before
            return Sum(self.loop.again({start: self.total}).op, self.place).result
        return self.result

    def joined(self, total: Stack) -> Stack | None:
        """The sum from a total that was there before the loop; None if that cannot be."""
        node, nodes = self.loop.node, context.nodes or ()
        is_before = is_among(nodes, node) and is_among(nodes, total) and total.index < node.index
        if not self.may_change or not is_before or total.batch is not self.loop.batch:
            return None
        self.may_change, self.loop.starts[self.place] = False, total
        node.arguments = (*self.loop.starts, *self.loop.outside, *self.loop.reads)
        return self.result


class Cotangents:
    """The cotangents of the results of a loop."""

    def __init__(self, of: dict[Any, Any]) -> None:
        self.of = of
        self._pulled: list[Any] | None = None

    def __add__(self, other: Cotangents) -> Cotangents:
        return Cotangents(merged(self.of, other.of))

    def of_arguments(self, node: Traced) -> list[Any]:
        """The cotangents of the arguments of the loop."""
        if self._pulled is None:
            self._pulled = node.op.pulled(self.of)
        return self._pulled


class Tangents:
    """The tangents of the arguments of a loop; of its results, once one of them is asked for."""

    def __init__(self, node: Traced, of: dict[int, Any]) -> None:
        self.node, self.of = node, of
        self._pushed: Callable[[Any], Any] | None = None

    def __add__(self, other: Tangents) -> Tangents:
        return Tangents(self.node, merged(self.of, other.of))

    def of_result(self, key: Any) -> Any:
        """The tangent of a result."""
        if self._pushed is None:
            self._pushed = self.node.op.pushed(self.of)
        return self._pushed(key)


def next_order(orders: int) -> int:
    """The order of the derivative of a loop in segments that adds up in arrays, from that of the loop; 0 of another.

    Raises TraceError for a third derivative, since what the segments add up in place would be read too late.
    """
    if orders > 2:
        raise TraceError(
            "a third derivative goes through a loop that reads an array at an index and would keep more than "
            "jit(memory=...) allows; allow more bytes there"
        )
    return orders and orders + 1
