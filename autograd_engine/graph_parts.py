"""Which part of a graph is drawn: all of it, what is near the outputs, or what is near a node."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from autograd_engine.graph import topological_order
from autograd_engine.primitives import PRIMITIVES
from autograd_engine.value import Value

T = TypeVar("T")


class Part(NamedTuple):
    """The part of a graph that is drawn: the nodes, each after its parents; those of them (`expanded`) whose constants
    are drawn; how many children of a node are left out; and how many terms of a node are drawn, None for all."""

    nodes: list[Value]
    expanded: set[Value]
    children_left_out: dict[Value, int]
    terms: int | None


def selected(outputs: list[Value], depth: int | None, terms: int | None, around: Value | None) -> Part:
    """The part of the graph of `outputs` that these arguments of `draw` select.

    Raises ValueError or TypeError for one that selects nothing.
    """
    if depth is not None and (not isinstance(depth, int) or depth < 0):
        raise ValueError(f"depth is a number of edges, 0 or more, got {depth!r}")
    if terms is not None and (not isinstance(terms, int) or terms < 1):
        raise ValueError(f"terms is a number of at least 1, got {terms!r}")
    if around is not None:
        return _neighbourhood(outputs, around, 2 if depth is None else depth, terms)
    if depth is None and terms is None:
        nodes = topological_order(outputs)
        return Part(nodes, set(nodes), {}, None)
    distances = _distances_before(outputs, depth, terms)
    expanded = {node for node, distance in distances.items() if depth is None or distance < depth}
    order = topological_order(outputs, distances.keys() - expanded)
    return Part([node for node in order if node in distances], expanded, {}, terms)


def _neighbourhood(outputs: list[Value], around: Value, depth: int, terms: int | None) -> Part:
    if not isinstance(around, Value):
        raise TypeError(f"around is a Value, got {type(around).__name__}: {around!r:.60}")
    order = topological_order(outputs)
    if around not in set(order):  # a list would compare the data
        raise ValueError(f"around is not a node of the graph: {around!r:.200}")
    before = _distances_before([around], depth, terms)
    after = {around: 0}
    for node in order:
        distance = min((after[parent] for parent in node.parents if parent in after), default=depth)
        if distance < depth:
            after[node] = distance + 1
    nodes = [node for node in order if node in before or node in after]
    drawn = set(nodes)
    left_out: dict[Value, int] = {}
    for node in order:
        if node not in drawn:
            for parent in drawn.intersection(node.parents):
                left_out[parent] = left_out.get(parent, 0) + 1
    return Part(nodes, {node for node in nodes if before.get(node, 0) < depth}, left_out, terms)


def _distances_before(nodes: list[Value], depth: int | None, terms: int | None) -> dict[Value, int]:
    """For each ancestor at most `depth` edges before one of `nodes`, the number of edges to the nearest of them."""
    distances = dict.fromkeys(nodes, 0)
    front = nodes
    for distance in itertools.count(1) if depth is None else range(1, depth + 1):
        arguments = (x for node in front for x in first_terms(node, in_pairs(node, node.arguments), terms))
        front = list(dict.fromkeys(x for x in arguments if isinstance(x, Value) and x not in distances))
        if not front:
            break
        distances.update(dict.fromkeys(front, distance))
    return distances


def check_size(part: Part, limit: int) -> None:
    """Refuse a part with more nodes than `limit`, before any work is done on it."""
    values = len(part.nodes)
    constants = sum(
        isinstance(x, float)
        for node in part.expanded
        for x in first_terms(node, in_pairs(node, node.arguments), part.terms)
    )
    if values + constants > limit:
        raise ValueError(
            f"the drawing would have {values + constants} nodes ({values} Values and {constants} constants), more than "
            f"limit={limit}; narrow it with depth=3 (that many edges before the output), around=node (its "
            "neighbourhood) or terms=8 (of each longer sum), or raise limit="
        )


def in_pairs(node: Value, arguments: Sequence[T]) -> Sequence[T]:
    """`arguments`, for a dot product in the order x₁, y₁, x₂, y₂, …, so that factors stand together."""
    if node.op is not PRIMITIVES["dot"]:
        return arguments
    half = len(arguments) // 2
    return [argument for pair in zip(arguments[:half], arguments[half:]) for argument in pair]


def first_terms(node: Value, arguments: Sequence[T], terms: int | None) -> Sequence[T]:
    """Those of the `arguments`, in pairs, that belong to the first terms; all, if the node is no sum or product."""
    if terms is None or node.op is None or node.op.arity is not None:
        return arguments
    return arguments[: 2 * terms if node.op is PRIMITIVES["dot"] else terms]
