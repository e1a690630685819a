"""The results of a kernel, put into the structure in which the function returned them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.simplify import SHARED
from autograd_engine.compiler.traced_function import Leaf
from autograd_engine.structure import Structure

Assembler = Callable[[Any, Sequence[Any], Sequence[int]], Any]


def assembler(structure: Structure, leaves: Sequence[Leaf], plain: bool) -> Assembler:
    """What puts the outputs, the rows and the numbers of samples of a call into the structure of the result.

    The outputs are a list where they are `plain` numbers throughout, else an array.
    """
    kind: Any = structure.kind
    start = leaves[0].place if leaves else 0
    stop = start + len(leaves)
    if kind is np.ndarray:
        return lambda outputs, rows, samples: outputs[start:stop].reshape(structure.keys)
    if kind is None and leaves[0].batch != SHARED:
        return functools.partial(_batch_array, leaves[0], int(np.prod(leaves[0].shape, dtype=int)))
    if kind is None:
        return lambda outputs, rows, samples: outputs[start] if plain else outputs.item(start)
    if plain and kind in (list, tuple) and all(child.kind is None for child in structure.children):
        return lambda outputs, rows, samples: kind(outputs[start:stop])
    parts = [assembler(child, part, plain) for child, part in structure.split(leaves)]
    if kind is tuple:
        return lambda outputs, rows, samples: tuple([part(outputs, rows, samples) for part in parts])
    return lambda outputs, rows, samples: structure.container([part(outputs, rows, samples) for part in parts])


def _batch_array(leaf: Leaf, size: int, outputs: Any, rows: Sequence[Any], samples: Sequence[int]) -> Any:
    """The array (samples, *shape) in the rows of a batch."""
    array = rows[leaf.batch][leaf.place : leaf.place + size, : samples[leaf.batch]]
    return np.moveaxis(array.reshape(*leaf.shape, -1), -1, 0) if leaf.shape else array[0]
