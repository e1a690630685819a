"""Recordings of runs on symbols, to tell whether one run computes the same as another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autograd_engine.calls import Output
from autograd_engine.graph import topological_order

Rows: TypeAlias = "list[tuple[Any, ...]]"


@dataclass
class Run:
    """The symbols that one sample has led to: outputs and new buffers of the model, the loss, and the penalty."""

    outputs: list[Any]
    buffers: list[Any]
    loss: Any
    penalty: Any
    leaves: Sequence[Any]

    def written(self) -> dict[str, Rows]:
        """How they are computed, part by part."""
        parts = {"model": [*self.outputs, *self.buffers], "loss": [self.loss], "penalty": [self.penalty]}
        return {what: written(numbers, self.leaves) for what, numbers in parts.items()}

    def program(self) -> Rows:
        """How all of them are computed."""
        return written([*self.outputs, *self.buffers, self.loss, self.penalty], self.leaves)


def written(numbers: Sequence[Any], leaves: Sequence[Any]) -> Rows:
    """How `numbers`, traced ones and floats, are computed from `leaves`, traced ones.

    There is a row for each operation, and a last one for the numbers. An operand is the index of its row, or the
    digits of a constant. Equal computations in the same order have equal rows.
    """
    names: dict[int, Any] = {id(leaf): f"leaf {i}" for i, leaf in enumerate(leaves)}
    rows: Rows = []

    def operand(x: Any) -> Any:
        return x.hex() if x.__class__ is float else names[id(x)]

    for node in _nodes(numbers, leaves):
        if id(node) not in names:
            names[id(node)] = len(rows)
            # Besides the leaves, only the number of samples comes from outside.
            if node.op is None:
                rows.append(("samples",))
            elif node.op.__class__ is Output:  # made anew for each call, so it is told by what it computes
                rows.append((*written([node.expansion], node.arguments), *map(operand, node.arguments)))
            else:
                rows.append((node.op, *map(operand, node.arguments)))
    return [*rows, tuple(map(operand, numbers))]


def depends(numbers: Sequence[Any], leaves: Sequence[Any]) -> bool:
    """Whether one of `numbers`, traced ones and floats, is computed from one of `leaves`."""
    return not set(leaves).isdisjoint(_nodes(numbers, leaves))


def _nodes(numbers: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
    return topological_order([x for x in numbers if x.__class__ is not float], stop=set(leaves))
