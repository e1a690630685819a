"""Results of samples, written where they belong: into arrays in C order, a sample after the other.

A vector holds the same number of several samples, but what lies side by side in memory are the numbers of one sample.
So vectors are transposed before they are stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd_engine.compiler.llvm.builder import Builder


class Row(NamedTuple):
    """Numbers of a sample that are stored together: those from `first` on of an array that has `size` numbers of each
    sample, and lies after arrays that have `start` numbers of each sample."""

    start: int
    size: int
    first: int
    operands: tuple[int, ...]


def rows_of(operands: Sequence[int], start: int, width: int) -> list[Row]:
    """The numbers of an array, `width` at a time. The last ones may overlap those before them."""
    size = len(operands)
    firsts = [*range(0, size - width, width), max(size - width, 0)]
    return [Row(start, size, first, tuple(operands[first : first + width])) for first in firsts]


def in_memory(builder: Builder, names: Sequence[str]) -> list[str]:
    """Vectors with the numbers of the first sample, then of the next one, and so on. `names` has a vector of each
    number, at most as many as the vectors have lanes."""
    width, count = builder.width, len(names)
    if count == width:
        return _transposed(builder, names)
    found = []
    for start in range(0, count * width, width):
        lanes = [divmod(k, count) for k in range(start, start + width)]
        vector = names[0]
        for n in range(1, count):  # number n joins those that are in place

            def lane(k: int, sample: int, number: int, n: int = n) -> int:
                return -1 if number > n else width + sample if number == n else sample if n == 1 else k

            mask = [lane(k, *at) for k, at in enumerate(lanes)]
            vector = _shuffled(builder, vector, names[n], mask)
        found.append(vector)
    return found


def _transposed(builder: Builder, names: Sequence[str]) -> list[str]:
    """A square of numbers transposed: in each step, one bit of the number of the vector changes places with one of the
    number of the lane."""
    width, found = builder.width, list(names)
    lanes = range(width)
    for bit in [1 << k for k in range(int(math.log2(width)))]:
        for i in [i for i in lanes if not i & bit]:
            x, y = found[i], found[i | bit]
            found[i] = _shuffled(builder, x, y, [width + k - bit if k & bit else k for k in lanes])
            found[i | bit] = _shuffled(builder, x, y, [width + k if k & bit else k + bit for k in lanes])
    return found


def _shuffled(builder: Builder, x: str, y: str, lanes: Iterable[int]) -> str:
    """Lanes of x, and after them those of y, in another order; -1 for any."""
    mask = ", ".join(f"i32 {lane}" if lane >= 0 else "i32 poison" for lane in lanes)
    return builder.emit(f"shufflevector {builder.type} {x}, {builder.type} {y}, <{builder.width} x i32> <{mask}>")
