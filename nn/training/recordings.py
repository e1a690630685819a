"""Recordings of runs on symbols, to tell whether one run computes the same as another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autograd_engine.calls import Output
from autograd_engine.compiler.trace.loops import Loop
from autograd_engine.compiler.trace.results import Result
from autograd_engine.compiler.trace.stacks import Entry
from autograd_engine.compiler.trace.traced import Traced
from autograd_engine.control_flow import recorder

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
    digits of a constant. Equal computations in the same order have equal rows. The body of a loop stands before it.
    """
    names: dict[Any, Any] = {leaf: f"leaf {i}" for i, leaf in enumerate(leaves)}
    rows: Rows = []

    def operand(x: Any) -> Any:
        return names[x] if isinstance(x, Traced) else x.hex() if x.__class__ is float else x

    stack: list[tuple[Any, bool]] = [(x, False) for x in reversed(numbers)]
    loops = 0
    while stack:
        node, is_ready = stack.pop()
        if not isinstance(node, Traced) or node in names:
            continue
        needed = _needed(node)
        if not is_ready:
            if isinstance(node.op, Loop):
                own = [*node.op.carries, *node.op.reads.values(), node.op.rounds]
                names |= {x: f"number {i} of a round of loop {loops}" for i, x in enumerate(own) if x is not None}
                loops += 1
            stack += [(node, True), *[(x, False) for x in reversed(needed)]]
        else:
            names[node] = len(rows)
            rows.append((*_operation(node), *map(operand, needed)))
    return [*rows, tuple(map(operand, numbers))]


def _needed(node: Traced) -> list[Any]:
    """What a node is computed from: its arguments, and what no derivative goes to."""
    op: Any = node.op
    if op is None:
        return []
    others = [] if op.composite else [*(node.expansion or ())]
    if isinstance(op, Loop):
        kept = [key for key in op.results if isinstance(key, Traced)]
        others += [op.count, op.begins, op.continues, *op.following, *kept]
    elif isinstance(op, Result):
        others.append(op.key)
    return [*node.arguments, *others]


def _operation(node: Traced) -> tuple[Any, ...]:
    """What tells the operation of a node from others, whatever its operands are."""
    op: Any = node.op
    if op is None:
        kind, *source = node.arguments
        if kind != "array":  # besides the leaves, what comes from outside is the number of samples
            return (kind,)
        place, *entries = source
        arrays = recorder.get().arrays
        return (kind, arrays.constants[place - len(arrays.arguments)].plain.tobytes(), *entries)
    if op.__class__ is Output:  # made anew for each call, so it is told by what it computes
        return tuple(written([node.expansion], node.arguments))
    if isinstance(op, Loop):
        return "loop", op.backwards, len(op.carries), len(op.reads)
    return (op.i,) if isinstance(op, Entry) else (op.name,) if isinstance(op, Result) else (op,)


def depends(numbers: Sequence[Any], leaves: Sequence[Any]) -> bool:
    """Whether one of `numbers`, traced ones and floats, is computed from one of `leaves`."""
    wanted, seen, stack = set(leaves), set[Any](), [*numbers]
    while stack:
        node = stack.pop()
        if node in wanted:
            return True
        if node.__class__ is not float and node.op is not None and node not in seen:
            seen.add(node)
            stack += node.arguments
    return False
