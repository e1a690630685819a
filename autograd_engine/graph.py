"""Topological order and the two sweeps: the chain rule exists here, once.

A node has a primitive `op` and the `arguments` it was called with: nodes, and floats for constants. A leaf
has neither (`op` is None).

The sweeps are generic in the number type. `edges(node)` gives each argument of a node with the local
derivative by it: floats to get floats (`Value.backward`), or nodes to get a graph that can be differentiated
again.

In the chain rule zero times anything is zero (the *strong zero*): a branch that does not matter cannot
spoil the one that does by an inf or a nan of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

Node = TypeVar("Node")
Edges = Callable[[Any], Iterable[tuple[Any, Any]]]


def topological_order(outputs: Iterable[Node], stop: Collection[Node] = ()) -> list[Node]:
    """The nodes that `outputs` were computed from, each behind its parents, outputs included.

    Nodes in `stop` are listed but not looked behind. The order depends on the graph alone, so that two runs
    add up gradients in the same order and get the same bits. Not recursive: depth does not matter.
    """
    order: list[Node] = []
    seen: set[Any] = set()
    stack: list[Any] = list(outputs)[::-1]
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
            if seen.issuperset(arguments):  # often so for the weights and inputs of a layer, and faster to see at once
                continue
            for x in arguments:
                if x not in seen and x.__class__ is not float:
                    if x.op is None:  # a leaf needs no detour over the stack
                        seen.add(x)
                        order.append(x)
                    else:
                        stack.append(x)
    return order


def reverse_sweep(order: Sequence[Node], seeds: dict[Node, Any], edges: Edges) -> dict[Node, Any]:
    """Carry the cotangents `seeds` of some nodes back through `order`; return the cotangent of every node reached.

    The chain rule: each parent receives the cotangent of its child times the local derivative, and what it
    receives over several paths adds up. What lies outside of `order` receives nothing.
    """
    cotangents: dict[Node, Any] = dict.fromkeys(order)  # None: nothing has arrived
    cotangents.update(seeds)
    received, outside = cotangents.get, object()
    for node in reversed(order):
        cotangent = cotangents[node]
        if cotangent is None or (not cotangent and cotangent.__class__ is float) or node.op is None:  # type: ignore[attr-defined]
            continue
        zero = not cotangent
        for parent, partial in edges(node):
            before = received(parent, outside)
            if before is outside or (not partial and partial.__class__ is float):
                continue
            contribution = cotangent * partial
            if (zero or not partial) and contribution != contribution:  # 0 times inf, of nodes
                continue
            cotangents[parent] = contribution if before is None else before + contribution
    return {node: cotangent for node, cotangent in cotangents.items() if cotangent is not None}


def forward_sweep(order: Sequence[Node], seeds: dict[Node, Any], edges: Edges) -> dict[Node, Any]:
    """Carry the tangents `seeds` of some nodes forward through `order`; return the tangent of every node reached."""
    tangents = dict(seeds)
    for node in order:
        if node.op is None or node in seeds:  # type: ignore[attr-defined]
            continue
        for parent, partial in edges(node):
            tangent = tangents.get(parent, 0.0)
            if any(not factor and factor.__class__ is float for factor in (tangent, partial)):
                continue
            contribution = tangent * partial
            if (not tangent or not partial) and contribution != contribution:
                continue
            tangents[node] = tangents[node] + contribution if node in tangents else contribution
    return tangents
