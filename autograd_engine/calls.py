"""Calls: functions whose derivatives are not those of the operations that they consist of.

A call has inputs and results. Each result is a node of its own, a function of all the inputs, with an `Output` for its
operation. How cotangents of the results become cotangents of the inputs is for the call to say (`pull`), and takes the
same time for all results as for one. So a sweep sees another node between the results and the inputs of a call, its hub
(`with_calls`). What is carried to a hub is a `Bundle`: a number for each result on the way back, for each input on the
way forward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from autograd_engine.graph import Edges, product
from autograd_engine.primitives import PRIMITIVES, Primitive


class Call:
    """One call of a function of several numbers that returns several.

    `run(inputs)` gives its results. `pull(call, inputs, cotangents)` gives a cotangent for each input, and `push(call,
    inputs, tangents)` a tangent for each result; without it, a pull for each result takes its place. All of them take
    plain numbers to plain numbers, and nodes to nodes; series only if the call `has_series`. A pull that used other
    Values than the inputs sets `pull_closes_over`: its plain numbers do not tell how they depend on those.
    """

    has_series = True
    pull_closes_over = False

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Any]], Sequence[Any]],
        pull: Callable[[Call, Sequence[Any], Sequence[Any]], Sequence[Any]],
        push: Callable[[Call, Sequence[Any], Sequence[Any]], Sequence[Any]] | None = None,
    ) -> None:
        self.name, self.run, self.pull = name, run, pull
        self.push = push or _pushed_by_pulls
        self.latest: tuple[Sequence[Any], Sequence[Any]] = (None,), ()

    def numbers(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """What `run` returns for these inputs; it is not run again for those of the latest time."""
        known, results = self.latest
        if not all(map(_same, inputs, known)):
            results = self.run(inputs)
            self.latest = inputs, results
        return results

    def results(self, inputs: Sequence[Any]) -> list[Any]:
        """The results as nodes, or as plain numbers if all inputs are plain. It has run before, so they are known."""
        first = next((x for x in inputs if not isinstance(x, float)), None)
        if first is None:
            return list(self.numbers(inputs))
        _calls.add(self)
        count = len(self.latest[1])
        if not count:
            return []
        node = first.record(Output(self, 0, count), *inputs)  # which runs it again if these are others
        others = enumerate(self.latest[1][1:], 1)
        return [node, *[node.sibling(Output(self, i, count), result, inputs) for i, result in others]]


class Output(Primitive):
    """The operation that gives one of `count` results of a call. It has no row in the table."""

    def __init__(self, call: Call, position: int, count: int) -> None:
        self.call, self.position, self.count = call, position, count
        self.symbol = self.__name__ = call.name
        self.name = f"{call.name}_" if call.name in PRIMITIVES else call.name  # rows are told by their names
        self.doc, self.derivative = f"Result {position} of {call.name}.", ()
        self.composite, self.arity = True, None

    def forward(self, *inputs: Any) -> Any:
        """The result."""
        return self.call.numbers(inputs)[self.position]

    def partials(self, out: Any, *inputs: Any) -> Any:
        """Its derivative with respect to each input."""
        return self.call.pull(self.call, inputs, _unit(self.position, self.count))

    def __reduce__(self) -> Any:
        return Output, (self.call, self.position, self.count)


_calls: WeakSet[Call] = WeakSet()


def has_calls(order: Sequence[Any]) -> bool:
    """Whether there are results of calls among the nodes."""
    return bool(_calls) and any(node.op.__class__ is Output for node in order)


def pulls_close_over(order: Sequence[Any]) -> bool:
    """Whether a pull of a call among the nodes has used other Values than its inputs."""
    return bool(_calls) and any(node.op.__class__ is Output and node.op.call.pull_closes_over for node in order)


def with_calls(
    order: Sequence[Any], edges: Edges, inputs: Callable[[Any], Sequence[Any]]
) -> tuple[Sequence[Any], Edges]:
    """A topological order with the hubs of its calls, and its edges.

    `edges` are those without hubs; `inputs(node)` are the numbers that a node was called with, of the type of which the
    derivatives are to be.
    """
    if not has_calls(order):
        return order, edges
    hubs: dict[Call, _Hub] = {}
    nodes: list[Any] = []
    for node in order:
        if node.op.__class__ is Output and node.op.call not in hubs:
            hubs[node.op.call] = hub = _Hub(node.op, node.arguments, inputs(node))
            nodes.append(hub)
        nodes.append(node)

    def with_hubs(node: Any) -> Any:
        if node.__class__ is _Hub:
            return zip(node.arguments, [_Input(node, i) for i in range(len(node.arguments))])
        if node.op.__class__ is Output:
            return ((hubs[node.op.call], _Result(hubs[node.op.call], node.op.position)),)
        return edges(node)

    return nodes, with_hubs


class _Hub:
    """A call as a node, for one sweep."""

    op = "call"

    def __init__(self, output: Output, arguments: Sequence[Any], inputs: Sequence[Any]) -> None:
        self.call, self.results = output.call, output.count
        self.arguments, self.inputs = arguments, inputs


class Bundle:
    """The numbers that a sweep has carried to a hub."""

    def __init__(self, hub: _Hub, position: int, number: Any) -> None:
        self.hub, self.parts = hub, {position: number}
        self.carried: Sequence[Any] | None = None

    def __add__(self, other: Bundle) -> Bundle:
        for position, number in other.parts.items():
            self.parts[position] = self.parts[position] + number if position in self.parts else number
        return self

    def through(self, carry: Callable[..., Sequence[Any]], count: int) -> Sequence[Any]:
        """What the numbers become on the other side of the hub."""
        if self.carried is None:
            numbers = [self.parts.get(i, 0.0) for i in range(count)]
            self.carried = carry(self.hub.call, self.hub.inputs, numbers)
        return self.carried


class _Result:
    """The edge from a result to the hub."""

    def __init__(self, hub: _Hub, position: int) -> None:
        self.hub, self.position = hub, position

    def pull(self, cotangent: Any) -> Bundle:
        return Bundle(self.hub, self.position, cotangent)

    def push(self, tangents: Bundle) -> Any:
        return _unless_zero(tangents.through(self.hub.call.push, len(self.hub.inputs))[self.position])


class _Input:
    """The edge from the hub to an input."""

    def __init__(self, hub: _Hub, position: int) -> None:
        self.hub, self.position = hub, position

    def pull(self, cotangents: Bundle) -> Any:
        return _unless_zero(cotangents.through(self.hub.call.pull, self.hub.results)[self.position])

    def push(self, tangent: Any) -> Bundle:
        return Bundle(self.hub, self.position, tangent)


def _unless_zero(x: Any) -> Any:
    return None if x.__class__ is float and not x else x


def _unit(position: int, count: int) -> list[float]:
    return [float(i == position) for i in range(count)]


def _pushed_by_pulls(call: Call, inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """The tangent of each result, from the local derivatives that pulls of one result at a time give."""
    count = len(call.latest[1])
    rows = [call.pull(call, inputs, _unit(i, count)) for i in range(count)]
    terms = [[product(tangent, partial, "push") for tangent, partial in zip(tangents, row)] for row in rows]
    return [sum([term for term in row if term is not None], 0.0) for row in terms]


def _same(x: Any, y: Any) -> bool:
    return x is y or (isinstance(x, float) and isinstance(y, float) and x == y)
