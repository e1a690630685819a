"""Constants: numbers through which no derivative flows, in whatever data they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.structure import flatten, map_leaves


def stop_gradient(x: Any) -> Any:
    """The same numbers as constants, as far as derivatives of every order go.

    `x` is a number, an array, or nested lists, tuples and dicts of them, eagerly or in a compiled function. What is
    no number stays what it is.

    >>> from autograd_engine import grad
    >>> grad(lambda x: stop_gradient(x) * x)(2.0), stop_gradient(2.0)
    (2.0, 2.0)
    """
    return map_numbers(lambda x: x.detach() if hasattr(type(x), "detach") else x, x)


def map_numbers(f: Callable[[Any], Any], tree: Any) -> Any:
    """Nested data with `f` of each thing in it; what does not change stays the same object.

    Arrays of floats have nothing that a derivative flows through, and are left alone.
    """

    def mapped(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype == object:
            leaves, structure = flatten(leaf)
            return structure([map_numbers(f, x) for x in leaves])
        return f(leaf)

    return map_leaves(mapped, tree, keep=True)
