"""Samples that are gathered in the kernel: `vmap(f)(X[indices])` where the indices are known only at a call.

What is picked from arrays in memory by one formula for all samples becomes a batch, whose samples pick for themselves;
`position` is the number of a sample. Anything else is mapped sample by sample.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.items import CHECKED
from autograd_engine.compiler.trace.stacks import PICK, Stack, picked
from autograd_engine.compiler.trace.traced import Traced, constant_node
from autograd_engine.number_arrays import number_array

OfSample = Callable[[Any], Any]
"""A number of a sample, from its position."""


def gathered(array: Any, axis: int) -> OfSample | None:
    """What gives one sample of a computed array along an axis; None if samples are not picked by one formula."""
    rows = np.moveaxis(np.asarray(array), axis, 0)
    columns = [_column(numbers) for numbers in rows.reshape(len(rows), -1).T.tolist()]
    found = [column for column in columns if column is not None]
    if not found or len(found) < len(columns):
        return None
    return lambda position: number_array([column(position) for column in found], rows.shape[1:])


def _column(numbers: Sequence[Any]) -> OfSample | None:
    """One number of all samples."""
    first = numbers[0]
    if all(x is first for x in numbers):
        return lambda position: first
    if not all(isinstance(x, Traced) for x in numbers):
        return None
    if all(x.op is PICK for x in numbers):
        index = _column([x.arguments[1] for x in numbers])
        return None if index is None else _picked([x.arguments[0] for x in numbers], index)
    if all(x.op is CHECKED for x in numbers):
        index, others = _column([x.expansion[0] for x in numbers]), {x.expansion[1:] for x in numbers}
        if index is None or len(others) > 1:
            return None
        return lambda position: constant_node(Traced, CHECKED, (index(position), *first.expansion[1:]))
    if all(x.op is None and x.arguments[0] == "read" for x in numbers):
        loops, stacks = zip(*[x.arguments[1:] for x in numbers])
        return _picked(stacks, lambda position: loops[0].index()) if len({*loops}) == 1 else None
    return None


def _picked(stacks: Sequence[Stack], index: OfSample) -> OfSample | None:
    """The entry at an index of arrays in memory that lie at equal distances."""
    if any(stack.op is not None or stack.arguments[0] != "array" for stack in stacks):
        return None
    places, firsts, records, sizes = zip(*[stack.arguments[1:] for stack in stacks])
    steps = {after - before for before, after in itertools.pairwise(firsts)}
    if len({*places}) > 1 or len({*records}) > 1 or len(steps) > 1:
        return None
    [step], start, record = steps, firsts[0], records[0]
    if not step:
        return lambda position: picked(stacks[0], index(position))
    low = min(firsts)
    size = max(firsts) - low + record * (max(sizes) - 1) + 1

    def of_sample(position: Any) -> Any:
        whole = Stack.leaf("array", places[0], low, 1, size)
        return picked(whole, index(position) * record + (start - low) + position * float(step))

    return of_sample
