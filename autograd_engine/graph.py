"""Topological order and the two sweeps: the chain rule, for every type of number.

A node has a primitive `op` and the `arguments` it was called with: nodes, and floats for constants. A leaf
has neither (`op` is None).

The sweeps are generic in the number type. `edges(node)` gives each argument of a node with the local
derivative by it: floats to get floats, or nodes to get a graph that can be differentiated again.
`Value.backward` has a faster copy for floats alone, in `backward.py`, which is held to the bits of this one.

In the chain rule zero times anything is zero (the *strong zero*): a branch that does not matter cannot
spoil the one that does by an inf or a nan of its own. A number that is not a float knows for itself when it is
zero: it has the methods `pull` (reverse) and `push` (forward), which return the product with another number, or
None where nothing arrives. It need have no truth value and no comparisons.
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
        if cotangent is None or node.op is None:  # type: ignore[attr-defined]
            continue
        plain = cotangent.__class__ is float
        if plain and not cotangent:
            continue
        for parent, partial in edges(node):
            before = received(parent, outside)
            if before is outside:
                continue
            if plain and partial.__class__ is float:
                if not partial:
                    continue
                contribution = cotangent * partial
            else:
                contribution = _product(cotangent, partial, "pull")
                if contribution is None:
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
            contribution = _product(tangent, partial, "push")
            if contribution is None:
                continue
            tangents[node] = tangents[node] + contribution if node in tangents else contribution
    return tangents


def _product(number: Any, partial: Any, carry: str) -> Any:
    """A cotangent or tangent times a local derivative; None, nothing, where one of them is a plain zero."""
    if partial.__class__ is not float and hasattr(partial, carry):
        return None if number.__class__ is float and not number else getattr(partial, carry)(number)
    if not partial:  # a float, or an int in a row of somebody's own
        return None
    if number.__class__ is not float:
        return getattr(number, carry)(partial)
    return number * partial if number else None
