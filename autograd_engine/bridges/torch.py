"""to_torch: a compiled function in PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.bridges.function import Bridge, Function, without_leaves
from autograd_engine.installed import imported
from autograd_engine.runs import name_of
from autograd_engine.structure import Structure, leaves_of, leaves_with_paths


def to_torch(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f`, or `jit(f, ...)`, for tensors of PyTorch: compiled here, differentiated there.

    `f` takes and returns numbers and arrays, nested in lists, tuples, dicts and dataclasses. In place of a number the
    result takes a tensor without axes, in place of an array any other; all of float64, on the CPU. Their memory is read
    where it lies, and results are not copied either. Numbers and NumPy arrays are constants.

    `backward()` and `torch.autograd.grad` compute the pullback, compiled when it is first needed, with
    `create_graph=True` too, to every order; so do `torch.func.grad` and `vjp`. `torch.vmap` compiles `vmap(f)`.

    Raises ImportError where there is no PyTorch, TypeError if `f` is no function, ValueError if it has static
    arguments. A call raises TypeError for other tensors, and what a call of `jit(f)` does.

    >>> import pytest; torch = pytest.importorskip("torch")
    >>> from autograd_engine import sin
    >>> x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y = to_torch(lambda x: x * sin(x))(x)
    >>> y.backward()
    >>> round(x.grad.item(), 6)
    0.918217
    """
    torch = imported("to_torch", "torch", "frameworks")
    bridge = Bridge("to_torch", f)
    apply = _applied(torch)

    @functools.wraps(bridge.jitted.function)
    def of_tensors(*args: Any, **keywords: Any) -> Any:
        function, leaves = bridge.function(args, keywords)
        for leaf in leaves:
            if isinstance(leaf, torch.Tensor) and not _fits(torch, leaf):
                raise TypeError(_complaint(torch, name_of(f), args, keywords))
        structures: list[Any] = []
        results = apply(function, structures.append, *leaves)
        return structures[-1](results)

    return of_tensors


def _forget(structure: Structure) -> None:
    """Of what PyTorch calls itself: it wants a tuple."""


def _fits(torch: Any, tensor: Any) -> bool:
    return bool(tensor.dtype == torch.float64 and tensor.device.type == "cpu" and tensor.layout == torch.strided)


def _complaint(torch: Any, name: str, args: Sequence[Any], keywords: dict[str, Any]) -> str:
    arguments = [(f"argument {i}", x) for i, x in enumerate(args)] + list(keywords.items())
    for where, argument in arguments:
        for path, leaf in leaves_with_paths(argument, where):
            if isinstance(leaf, torch.Tensor) and not _fits(torch, leaf):
                kind = f"{str(leaf.layout).removeprefix('torch.')} tensor of {str(leaf.dtype).removeprefix('torch.')}"
                expected = "a dense tensor of float64 on the CPU"
                return f"{name}(): {path} must be {expected}, got a {kind} on {leaf.device}"
    raise AssertionError


@functools.cache
def _applied(torch: Any) -> Callable[..., tuple[Any, ...]]:
    """Calls a Function with a function that is told the structure of the result, and with tensors and constants."""

    def own(x: Any) -> Any:
        return x.detach().numpy() if isinstance(x, torch.Tensor) else x

    class Applied(torch.autograd.Function):  # type: ignore[misc]
        """A node of PyTorch's graph."""

        @staticmethod
        def forward(function: Function, note: Callable[[Structure], None], *inputs: Any) -> Any:
            result = function.jitted(*map(own, inputs))
            note(without_leaves(result))
            return tuple([torch.from_numpy(np.asarray(x)) for x in leaves_of(result)])

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.function, _, *arguments = inputs
            ctx.constants = [None if isinstance(x, torch.Tensor) else x for x in arguments]
            ctx.save_for_backward(*[x for x in arguments if isinstance(x, torch.Tensor)])

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            saved = iter(ctx.saved_tensors)
            inputs = [next(saved) if x is None else x for x in ctx.constants]
            wrt = tuple([i for i, needed in enumerate(ctx.needs_input_grad[2:]) if needed])
            found = Applied.apply(ctx.function.pullback(len(inputs), wrt), _forget, *inputs, *cotangents)
            slopes = dict(zip(wrt, found))
            return None, None, *[slopes.get(i) for i in range(len(inputs))]

        @staticmethod
        def vmap(info: Any, axes: Any, function: Function, note: Any, *inputs: Any) -> Any:
            first = [x if axis is None else x.movedim(axis, 0) for x, axis in zip(inputs, axes[2:])]
            mapped = function.mapped(tuple([None if axis is None else 0 for axis in axes[2:]]))
            results = Applied.apply(mapped, note, *first)
            return results, (0,) * len(results)

    return Applied.apply  # type: ignore[no-any-return]
