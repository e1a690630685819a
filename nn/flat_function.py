"""A function of nested numbers in the form that linear algebra and SciPy need: one array in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.derivatives import jacobian, value_and_grad
from autograd_engine.primitives import as_float
from autograd_engine.runs import float_of
from autograd_engine.structure import flatten, float_arrays
from autograd_engine.value import Value
from nn.checks import Array, of_kind


class FlatFunction:
    """`f`, a function of something like `x0` (a number, or nested lists, tuples, dicts or arrays), on arrays.

    `start` is x0 as an array of shape (n,); `unflatten` goes back. Raises TypeError if x0 does not consist of
    numbers, ValueError if there is none in it.
    """

    def __init__(self, f: Callable[[Any], Any], x0: Any) -> None:
        of_kind("the function", f, Callable)
        leaves, self._structure = flatten(float_arrays(x0, "x0"))
        if not leaves:
            raise ValueError("x0 holds no number")
        try:
            self.start = np.array([as_float(leaf) for leaf in leaves])
        except TypeError as error:
            raise TypeError(f"x0: {error}") from None
        self._f = f
        self._value_and_grad = value_and_grad(f)
        self._jacobian = jacobian(lambda numbers: flatten(f(self._structure(numbers)))[0])

    def unflatten(self, x: Array) -> Any:
        """The numbers of an array (n,) in the structure of x0."""
        return self._structure(x.tolist())

    def value(self, x: Array) -> float:
        """f at x, where f returns one number."""
        return float_of(self._on_values(x))

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """f at x, where f returns one number, and its gradient (n,)."""
        value, gradient = self._value_and_grad(self.unflatten(x))
        # A slope is a Value where f uses Values of its own besides x.
        return float_of(value), np.array([float_of(slope) for slope in flatten(gradient)[0]])

    def values(self, x: Array) -> Array:
        """All numbers that f returns at x, (m,)."""
        return np.array([float_of(number) for number in flatten(self._on_values(x))[0]])

    def jacobian(self, x: Array) -> Array:
        """The derivatives of `values` at x, (m, n)."""
        rows = [[float_of(slope) for slope in row] for row in self._jacobian(x.tolist())]
        return np.array(rows).reshape(-1, len(self.start))

    def returns_one_number(self) -> bool:
        """Whether f returns a number, and not a structure of numbers."""
        return flatten(self._on_values(self.start))[1].kind is None

    def _on_values(self, x: Array) -> Any:
        """What f returns at x: Values, which are inf or nan where operators on floats raise or turn complex."""
        return self._f(self._structure(list(map(Value, x.tolist()))))


class CompiledFunction(FlatFunction):
    """The same of a function that returns several numbers: its values and its Jacobian are compiled."""

    def __init__(self, f: Callable[[Any], Any], x0: Any) -> None:
        super().__init__(f, x0)
        from autograd_engine.compiler.jit import jit

        def numbers(x: Any) -> Any:
            return flatten(f(self._structure(x)))[0]  # where f returns what vmap does, an array counts as one

        self._compiled, self._compiled_jacobian = jit(numbers), jit(jacobian(numbers))

    def values(self, x: Array) -> Array:
        """See `FlatFunction`."""
        return np.concatenate([np.ravel(number) for number in self._compiled(x.tolist())])

    def jacobian(self, x: Array) -> Array:
        """See `FlatFunction`."""
        rows = self._compiled_jacobian(x.tolist())
        return np.concatenate([np.stack([np.ravel(slope) for slope in row], axis=1) for row in rows])
