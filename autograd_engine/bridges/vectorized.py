"""vectorized: a compiled function of numbers that takes arrays as NumPy's functions do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.bridges.function import Bridge
from autograd_engine.runs import name_of
from autograd_engine.structure import float_array


def vectorized(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f` of numbers, or `jit(f, ...)`, on arrays of any shapes that NumPy can broadcast.

    Its results, nested in lists, tuples, dicts and dataclasses, are arrays of the common shape, followed by the axes of
    what f returns for one set of numbers. It is `jit(vmap(f))` after broadcasting, and is compiled once for each choice
    of arguments that are one number: `vectorized(value_and_grad(f))` has all derivatives in one pass.

    Raises TypeError if `f` is no function, ValueError if it has static arguments. A call raises ValueError where the
    shapes do not fit, TypeError where an argument is no array of real numbers, and what a call of `jit(f)` does.

    >>> from autograd_engine import grad, hypot
    >>> x, y = np.array([[3.0], [5.0]]), np.array([4.0, 12.0])
    >>> vectorized(hypot)(x, y)
    array([[ 5.        , 12.36931688],
           [ 6.40312424, 13.        ]])
    >>> vectorized(grad(hypot))(3.0, y).round(6)
    array([0.6     , 0.242536])
    """
    return _Vectorized("vectorized", f)


class _Vectorized(Bridge):
    def __call__(self, *args: Any) -> Any:
        arrays = [_array(x, f"{name_of(self.jitted.function)}(): argument {i}") for i, x in enumerate(args)]
        function, _ = self.function((0.0,) * len(arrays), {})
        return function.over_leading_axes(arrays, [0] * len(arrays))


def _array(x: Any, name: str) -> Any:
    try:
        array = float_array(x if isinstance(x, np.ndarray) else np.asarray(x))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: {error}") from None
    if array.dtype != np.float64:
        raise TypeError(f"{name}: expected an array of real numbers, got dtype {array.dtype}")
    return array
