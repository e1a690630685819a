"""to_jax: a compiled function in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.bridges.function import Bridge, Function, without_leaves
from autograd_engine.installed import imported
from autograd_engine.structure import leaves_of


def to_jax(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f`, or `jit(f, ...)`, for arrays of JAX: compiled here, differentiated there, on the CPU.

    `f` takes and returns numbers and arrays, nested in lists, tuples, dicts and dataclasses; the result takes and
    returns arrays of JAX instead. It computes with 64 bits; arrays have what JAX is set to, 32 bits unless
    `jax.config.update("jax_enable_x64", True)` was called.

    In a function that JAX compiles it is a call back to Python (`jax.pure_callback`). `jax.grad` and `jax.vjp` compute
    the pullback, compiled when it is first needed, to every order; `jax.vmap` compiles `vmap(f)`. Forward mode
    (`jax.jvp`, `jax.jacfwd`, and so `jax.hessian`) is refused by JAX: write `jax.jacrev(jax.jacrev(f))`.

    Raises ImportError where there is no JAX, TypeError if `f` is not a function, ValueError if it has static arguments.
    A call raises what a call of `jit(f)` does.

    >>> import pytest; jax = pytest.importorskip("jax")
    >>> from autograd_engine import sin
    >>> round(float(jax.grad(to_jax(lambda x: x * sin(x)))(0.5)), 4)
    0.9182
    """
    return _OfArrays("to_jax", f)


class _OfArrays(Bridge):
    def __init__(self, caller: str, f: Callable[..., Any]) -> None:
        self.jax = imported(caller, "jax", "frameworks")
        super().__init__(caller, f)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        function, leaves = self.function(args, keywords)
        leaves = [self.jax.numpy.asarray(leaf, _real(self.jax)) for leaf in leaves]
        structure = without_leaves(_blank(function, leaves))
        return structure(_differentiable(self.jax, function)(*leaves))

    def fault(self, path: str, x: Any) -> str:
        if not isinstance(x, self.jax.Array):  # traced ones are of this class too
            return super().fault(path, x)
        return "" if x.dtype.kind in "biuf" else f"{path}: expected an array of real numbers, got dtype {x.dtype}"


def _real(jax: Any) -> Any:
    """The type of JAX's floats, of 32 or 64 bits."""
    return jax.dtypes.canonicalize_dtype(np.float64)


def _blank(function: Function, leaves: Any) -> Any:
    """A result of the right structure and shapes for arrays like these."""
    return function.jitted.blank(*[np.empty(np.shape(leaf)) for leaf in leaves])


def _differentiable(jax: Any, function: Function) -> Callable[..., tuple[Any, ...]]:
    """The function of JAX's arrays, which JAX differentiates with respect to those that it asks for."""
    if "jax" in function.forms:
        return function.forms["jax"]  # type: ignore[no-any-return]

    def call(*leaves: Any) -> Any:
        ranks = [leaf.ndim for leaf in leaves]
        shapes = [jax.ShapeDtypeStruct(np.shape(x), _real(jax)) for x in leaves_of(_blank(function, leaves))]

        def run(*given: Any) -> Any:
            arrays = [np.asarray(x, np.float64) for x in given]
            return tuple([np.asarray(x, _real(jax)) for x in leaves_of(function.over_leading_axes(arrays, ranks))])

        return jax.pure_callback(run, tuple(shapes), *leaves, vmap_method="expand_dims")

    def forward(*leaves: Any) -> Any:
        values = tuple([leaf.value for leaf in leaves])
        # What is no array stays as it is on the way to `backward` where it is part of the structure: () or None.
        return differentiable(*values), (values, tuple([() if leaf.perturbed else None for leaf in leaves]))

    def backward(kept: Any, cotangents: Any) -> Any:
        values, perturbed = kept
        wrt = tuple([i for i, mark in enumerate(perturbed) if mark is not None])
        given = [
            jax.numpy.zeros(x.shape, x.dtype) if isinstance(x, jax.custom_derivatives.SymbolicZero) else x
            for x in cotangents
        ]
        found = _differentiable(jax, function.pullback(len(values), wrt))(*values, *given)
        slopes = dict(zip(wrt, found))
        return tuple([slopes.get(i) for i in range(len(values))])

    differentiable = jax.custom_vjp(call)
    differentiable.defvjp(forward, backward, symbolic_zeros=True)
    return function.forms.setdefault("jax", differentiable)  # type: ignore[no-any-return]
