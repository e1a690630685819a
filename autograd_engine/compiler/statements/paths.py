"""The reverse sweep along each path of a function with branches, for the bits of the uncompiled one.

What a number is used for three times gives it three parts of its cotangent, and which two are added first depends on
the graph. Uncompiled, that is the graph of the path that was taken. Here the conditions are decided one after the other
until no choice is left in the graph; each path is swept, and `where` takes the cotangents of the one that was taken.
What paths have in common is computed once, since the simplifier keeps once what occurs twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_engine import graph
from autograd_engine.compiler.statements.conditions import Decided, compared_in
from autograd_engine.compiler.trace.traced import Condition, Operation, context
from autograd_engine.primitives import Primitive, where
from autograd_engine.runs import Trace, any_edges, carried

_MOST = 30_000
"""How many nodes all paths may have together. Beyond, one sweep goes through all of them, and sums may differ."""


class _View:
    """A node on a path: its arguments are those of the path, and it has none where it is an input."""

    __slots__ = ("arguments", "node", "op")

    def __init__(self, node: Any, op: Any, arguments: tuple[Any, ...]) -> None:
        self.node, self.op, self.arguments = node, op, arguments


class _TooManyPathsError(Exception):
    """There are more paths than are worth it."""


class Paths:
    """The paths through what some outputs were computed from: a tree of conditions, with the graph of each path."""

    def __init__(self, trace: Trace) -> None:
        self.inputs, self.left = set(trace.inputs), _MOST
        self.outputs = trace.outputs
        views: dict[Any, Any] = {}
        for node in trace.order:
            arguments = () if node in self.inputs else tuple([views.get(x, 0.0) for x in node.arguments])
            views[node] = _View(node, None if node in self.inputs else node.op, arguments)
        self.tree = self._tree(list(views.values()), [views.get(x, 0.0) for x in self.outputs], {})

    def _tree(self, order: Sequence[_View], outputs: Sequence[Any], decided: dict[Any, bool]) -> Any:
        """The paths where the conditions `decided` hold or do not."""
        self.left -= len(order)
        if self.left < 0:
            raise _TooManyPathsError
        decide, views = Decided(decided), dict[Any, Any]()
        undecided: dict[Any, Condition] = {}
        for old in order:
            arguments = [views.get(x, 0.0) for x in old.arguments]
            holds = decide(old.node.arguments[0]) if old.node in context.choices else None
            if isinstance(holds, bool):
                views[old] = arguments[1 if holds else 2]
            else:
                views[old] = new = _View(old.node, old.op, tuple(arguments))
                if holds is not None:
                    undecided[new] = holds
        outputs = [views.get(x, 0.0) for x in outputs]
        order = graph.topological_order([x for x in outputs if isinstance(x, _View)])
        condition = next((undecided[view] for view in reversed(order) if view in undecided), None)
        if condition is None:
            return order, dict(zip(self.outputs, outputs))
        if condition.batch not in (None, context.batch):  # it differs from sample to sample, and the result does not
            raise _TooManyPathsError
        key = compared_in(condition)
        return condition, *[self._tree(order, outputs, {**decided, key: holds}) for holds in (True, False)]

    def swept(self, tree: Any, seeds: dict[Any, Any]) -> dict[Any, Any]:
        """The cotangents of the inputs."""
        if isinstance(tree[0], Condition):
            condition, *sides = tree
            a, b = (self.swept(side, seeds) for side in sides)
            return {x: where(condition, a.get(x, 0.0), b.get(x, 0.0)) for x in {**a, **b}}
        order, outputs = tree
        of_views: dict[Any, Any] = {}
        for node, seed in seeds.items():
            if isinstance(view := outputs.get(node), _View):
                of_views[view] = of_views[view] + seed if view in of_views else seed
        cotangents = graph.reverse_sweep(
            order, of_views, lambda view: zip(view.arguments, [partial for _, partial in any_edges(view.node)])
        )
        return {view.node: cotangent for view, cotangent in cotangents.items() if view.node in self.inputs}


def reverse_sweep(trace: Trace, seeds: dict[Any, Any]) -> dict[Any, Any]:
    """`graph.reverse_sweep` of a trace in which some nodes were chosen by branches."""
    # What a loop or a function of the user's own computes is not on one path.
    plain = all(node.op.__class__ in (Primitive, Operation) for node in trace.order)
    if plain and not context.choices.isdisjoint(trace.order):
        try:
            paths = Paths(trace)
        except _TooManyPathsError:
            pass
        else:
            return paths.swept(paths.tree, seeds)
    return carried(graph.reverse_sweep, trace.order, seeds, as_nodes=True)
