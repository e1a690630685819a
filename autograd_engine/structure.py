"""Nested lists, tuples, dicts and arrays of numbers, taken apart into a flat list and put together again.

>>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
>>> leaves
[1.0, 2.0, 3.0]
>>> structure([x * 10 for x in leaves])
{'w': [10.0, 20.0], 'b': 30.0}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_engine.number_arrays import number_array


@dataclass(frozen=True)
class Structure:
    """What is left of nested data without its numbers; called with as many numbers, it puts them in again.

    `kind` is the type of the container, None for a single number; `keys` are the keys of a dict or the shape
    of an array; `size` counts the numbers. Two structures are equal where the same calls fit both.
    """

    kind: type[Any] | None
    keys: tuple[Any, ...]
    children: tuple[Structure, ...]
    size: int

    @property
    def has_arrays(self) -> bool:
        """Whether there is an array in it."""
        return self.kind is np.ndarray or any(child.has_arrays for child in self.children)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The nested data with these numbers; arrays become float arrays, or object arrays of Values."""
        if len(leaves) != self.size:
            raise ValueError(f"this structure holds {self.size} numbers, got {len(leaves)}")
        if self.kind is None:
            return leaves[0]
        if self.kind is np.ndarray:
            return number_array(leaves, self.keys)
        return self.container([child(part) for child, part in self.split(leaves)])

    def split(self, sequence: Any) -> Iterator[tuple[Structure, Any]]:
        """Each child with its slice of a sequence that has one entry per number."""
        start = 0
        for child in self.children:
            yield child, sequence[start : start + child.size]
            start += child.size

    def container(self, parts: list[Any]) -> Any:
        """The list, tuple or dict of this structure with `parts` in the places of its children."""
        kind: Any = self.kind
        if kind is dict:
            return dict(zip(self.keys, parts))
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The numbers in nested lists, tuples (named ones too), dicts and arrays, and the structure that held them.

    Whatever is none of these containers counts as a number; it is for the caller to check.
    """
    if getattr(tree, "ndim", 0) and hasattr(tree, "__array__"):  # of NumPy, or what becomes one
        tree = np.asarray(tree)
    if isinstance(tree, np.ndarray):
        return tree.ravel().tolist(), Structure(np.ndarray, tree.shape, (), tree.size)
    if isinstance(tree, dict):
        kind: type[Any] = dict
        keys, parts = tuple(tree), list(tree.values())
    elif isinstance(tree, (list, tuple)):
        kind, keys, parts = type(tree), (), list(tree)
    else:
        return [tree], Structure(None, (), (), 1)
    flat = [flatten(part) for part in parts]
    leaves = [leaf for part, _ in flat for leaf in part]
    return leaves, Structure(kind, keys, tuple(structure for _, structure in flat), len(leaves))
