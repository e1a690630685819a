"""Topological order and the two sweeps: the chain rule, for every type of number.

A node has a primitive `op`, None for a leaf, and the `arguments` it was called with: nodes, and floats for constants.
`edges(node)` pairs each argument with the local derivative with respect to it: floats to compute floats, or nodes to
build a graph that can be differentiated again. backward.py has a faster copy for floats, with the same bits.

In the chain rule zero times anything is zero (the *strong zero*), so an inf or nan in a branch that does not matter
cannot spoil the branch that does. Only floats are tested for zero here. Other numbers have methods `pull` (reverse) and
`push` (forward), which return the product with another number, or None where nothing arrives.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

Node = TypeVar("Node")
Edges = Callable[[Any], Iterable[tuple[Any, Any]]]


def topological_order(outputs: Iterable[Node], stop: Collection[Node] = ()) -> list[Node]:
    """`outputs` and the nodes that they were computed from, each after its parents; nodes of `stop` count as leaves.

    The order depends on the graph alone, so that two runs add up gradients in the same order and get the same bits.
    """
    order: list[Node] = []
    seen: set[Any] = set()
    stack: list[Any] = list(outputs)[::-1]  # instead of recursion: a graph may be a million nodes deep
    while stack:
        node = stack.pop()
        if node is None:  # all parents of the node below this mark are listed
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            if node.op is None or node in stop:
                order.append(node)
                continue
            stack.append(node)
            stack.append(None)
            arguments = node.arguments
            if seen.issuperset(arguments):  # common for a layer's weights and inputs, and faster than a loop
                continue
            for x in arguments:
                if x not in seen and x.__class__ is not float:
                    if x.op is None:  # a leaf need not go through the stack
                        seen.add(x)
                        order.append(x)
                    else:
                        stack.append(x)
    return order


def reverse_sweep(order: Sequence[Node], seeds: dict[Node, Any], edges: Edges) -> dict[Node, Any]:
    """Carry the cotangents `seeds` back through `order`, and return the cotangent of every node that they reach: a
    parent receives its child's times the local derivative, and contributions over several paths add up."""
    cotangents: dict[Node, Any] = dict.fromkeys(order)  # None: nothing has arrived
    cotangents.update(seeds)
    received, outside = cotangents.get, object()
    for node in reversed(order):
        cotangent = cotangents[node]
        plain = cotangent.__class__ is float
        if cotangent is None or node.op is None or (plain and not cotangent):  # type: ignore[attr-defined]
            continue
        for parent, partial in edges(node):
            before = received(parent, outside)
            if before is outside:
                continue
            quick = plain and partial.__class__ is float
            contribution = (cotangent * partial if partial else None) if quick else product(cotangent, partial, "pull")
            if contribution is not None:
                cotangents[parent] = contribution if before is None else before + contribution
    return {node: cotangent for node, cotangent in cotangents.items() if cotangent is not None}


def forward_sweep(order: Sequence[Node], seeds: dict[Node, Any], edges: Edges) -> dict[Node, Any]:
    """Carry the tangents `seeds` forward through `order`, and return the tangent of every node that they reach."""
    tangents = dict(seeds)
    for node in order:
        for parent, partial in () if node.op is None or node in seeds else edges(node):  # type: ignore[attr-defined]
            contribution = product(tangents.get(parent, 0.0), partial, "push")
            if contribution is not None:
                tangents[node] = tangents[node] + contribution if node in tangents else contribution
    return tangents


def product(number: Any, partial: Any, carry: str) -> Any:
    """A cotangent or tangent times a local derivative, or None where either is a plain zero."""
    if partial.__class__ is not float and hasattr(partial, carry):
        return None if number.__class__ is float and not number else getattr(partial, carry)(number)
    if number.__class__ is not float and partial:  # a float, or an int in a user-defined row
        return getattr(number, carry)(partial)
    return number * partial if partial and number else None
