"""A value that went wrong, followed down to what it was computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from autograd_engine.diagnosis.as_python import python_text, short_number
from autograd_engine.diagnosis.trials import kind_of
from autograd_engine.value import Value

REACH = 6  # how far from a place that matters the root of a pattern is looked for


class Step(NamedTuple):
    """A node on the path: its data when it was used, and the gradient there, None on a path through values."""

    node: Value
    number: float
    gradient: float | None

    def __str__(self) -> str:
        gradient = "" if self.gradient is None else f"   gradient {short_number(self.gradient)}"
        return f"{python_text(self.node, top=True)} = {short_number(self.number)}{gradient}"


def value_path(value: Value, number: float, bound: float) -> tuple[list[Step], list[Value]]:
    """The steps down to where the number goes wrong, and the nodes near its turns, where patterns may begin."""
    kind = kind_of(number, bound)
    path = _descend([(value, number)], kind, bound)
    anchors = nearest(path)
    if kind in ("nan", "zero"):
        end = path[-1].node
        infinite = [(x, y) for x, y in _decisive_operands(end) if math.isinf(y)]
        if infinite:
            more = _descend(infinite, "inf", bound)
            if more[-1].node.op is not None:  # else the inf was handed in, and what to look at is what was made of it
                path += more
                anchors = nearest(path) + anchors
    return path, anchors


def nearest(path: Sequence[Step]) -> list[Value]:
    """The last nodes of a path, the last one first."""
    return [step.node for step in path[: -REACH - 1 : -1]]


def _descend(starts: Iterable[tuple[Value, float]], kind: str, bound: float) -> list[Step]:
    """The shortest path through numbers of this kind to one that was not made of such numbers."""
    numbers = dict(starts)

    def suspects(node: Value) -> list[Value]:
        found = _suspects(node, kind, bound)
        for x, number in found:
            numbers.setdefault(x, number)
        return [x for x, _ in found]

    return [Step(x, numbers[x], None) for x in shortest_path(list(numbers), suspects)]


def shortest_path(starts: Iterable[Value], further: Callable[[Value], Iterable[Value]]) -> list[Value]:
    """The nodes from a start to the nearest from which it goes no further."""
    from_where: dict[Value, Value | None] = dict.fromkeys(starts)
    queue = list(from_where)
    for node in queue:
        following = further(node)
        if not following:
            break
        for x in following:
            if x not in from_where:
                from_where[x] = node
                queue.append(x)
    path = [node]
    while (before := from_where[path[-1]]) is not None:
        path.append(before)
    return path[::-1]


def _decisive_operands(node: Value) -> list[tuple[Value, float]]:
    """The parents whose numbers made the node what it is, with those numbers: not the branch that `where` left out."""
    pairs = list(zip(node.arguments, node.operands))
    if node.op is not None and node.op.name == "where":
        pairs = [pairs[1] if pairs[0][1] else pairs[2]]
    elif node.op is not None and node.op.name in ("maximum", "minimum", "clip", "amax", "amin"):
        pairs = [(x, y) for x, y in pairs if y == node.data or y != y]
    return [(x, y) for x, y in pairs if x.__class__ is Value]


def _suspects(node: Value, kind: str, bound: float) -> list[tuple[Value, float]]:
    """The operands that are of this kind, where that is why the node is."""
    if kind == "zero" and node.op is not None:
        if node.op.name in ("add", "sub", "sum", "dot") and any(node.operands):
            return []
        if node.op.name == "div" and node.operands[0]:
            return []
    return [(x, number) for x, number in _decisive_operands(node) if kind_of(number, bound) == kind]


def first_bad_operand(node: Value) -> tuple[Value, float] | None:
    """The first parent whose number, inf or nan, is a reason for what the node is."""
    return next(((x, y) for x, y in _decisive_operands(node) if not math.isfinite(y)), None)
