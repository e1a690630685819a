"""A gradient that went wrong, followed up to what it came back from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from autograd_engine.diagnosis import causes
from autograd_engine.diagnosis.as_python import python_text, short_number
from autograd_engine.diagnosis.trials import kind_of
from autograd_engine.diagnosis.value_paths import REACH, shortest_path
from autograd_engine.value import Value, edges


class Use(NamedTuple):
    """That a node is an argument of `child`, and the local derivative with respect to it."""

    child: Value
    place: int
    partial: float


def uses_of(value: Value, order: Sequence[Value]) -> dict[Value, list[Use]] | None:
    """How `value`, and what was computed from it, is used within a graph; None where it is not part of it."""
    uses: dict[Value, list[Use]] = {}
    for node in order:
        if node is value:
            uses[node] = []
        elif not uses.keys().isdisjoint(node.parents):
            uses[node] = []
            for i, (x, partial) in enumerate(edges(node)):
                if x in uses:
                    uses[x].append(Use(node, i, partial))
    return uses or None


class Sweep(NamedTuple):
    """A reverse sweep that is over, to be looked at: how nodes are used, and the cotangents that they got."""

    uses: dict[Value, list[Use]]
    cotangents: dict[Value, float]
    bound: float

    def gradient(self, node: Value) -> float:
        """The cotangent of a node, 0.0 where nothing has arrived."""
        return self.cotangents.get(node, 0.0)

    def contribution(self, use: Use) -> float:
        """What a use adds to the gradient: zero times anything is zero."""
        cotangent = self.gradient(use.child)
        return cotangent * use.partial if cotangent and use.partial else 0.0

    def climb(self, start: Value, kind: str) -> tuple[list[Value], Use | None]:
        """The shortest path of nodes with a gradient of this kind, and the use of the last one that made it so.

        No use is to blame where it arose as the sum of several contributions, or was the seed.
        """
        blamed: Use | None = None

        def further(node: Value) -> list[Value]:
            nonlocal blamed
            blamed, children = None, []
            for use in self.uses[node]:
                if kind_of(self.contribution(use), self.bound) == kind:
                    if kind_of(self.gradient(use.child), self.bound) != kind:
                        blamed = use
                        return []
                    children.append(use.child)
            return children

        return shortest_path([start], further), blamed

    def cause(self, node: Value, use: Use | None, kind: str) -> str:
        """What makes the gradient of a node so: the use that is to blame, or that contributions meet."""
        if use is not None:
            cotangent = self.gradient(use.child)
            sentence = causes.of_slope(use.child, node, use.place, use.partial, cotangent, kind)
            return sentence + self.growth(use, kind)
        contributions = [self.contribution(use) for use in self.uses[node]]
        if not contributions:
            return f"backward() began with {short_number(self.gradient(node))}"
        total = short_number(self.gradient(node))
        return f"{len(contributions)} paths meet at {python_text(node)} and add up to {total}"

    def growth(self, use: Use, kind: str) -> str:
        """That no single step is to blame, where the gradient has grown or faded in many."""
        if kind not in ("huge", "vanishing"):
            return ""
        extreme, steps = 0.0, 0
        here: Use | None = use
        while here is not None:
            steps += 1
            extreme = max(extreme, abs(math.log(abs(here.partial))) if here.partial else math.inf)
            here = max(self.uses[here.child], key=lambda u: abs(self.contribution(u)), default=None)
        if extreme > math.log(self.bound) / 2:
            return ""
        return f"; no single step is to blame, it has come through {steps} of them"

    def above(self, node: Value) -> list[Value]:
        """The nodes a few steps nearer to the output."""
        found: dict[Value, None] = {}
        layer = [node]
        for _ in range(REACH):
            layer = [use.child for x in layer for use in self.uses.get(x, ())[:REACH] if use.child not in found][:REACH]
            found.update(dict.fromkeys(layer))
        return list(found)
