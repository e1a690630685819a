"""to_torch: a compiled function in PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_engine.bridges.function import Bridge, Function, without_leaves
from autograd_engine.installed import imported
from autograd_engine.structure import Structure, leaves_of


def to_torch(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function `f`, or `jit(f, ...)`, for tensors of PyTorch: compiled here, differentiated there.

    `f` takes and returns numbers and arrays, nested in lists, tuples, dicts and dataclasses. In place of a number the
    result takes a tensor without axes, in place of an array any other; all of float64, on the CPU. Their memory is read
    where it lies, and results are not copied either. Numbers and NumPy arrays are constants.

    `backward()` and `torch.autograd.grad` compute the pullback, compiled when it is first needed, with
    `create_graph=True` too, to every order; so do `torch.func.grad` and `vjp`. `torch.vmap` compiles `vmap(f)`.

    Raises ImportError where there is no PyTorch, TypeError if `f` is not a function, ValueError if it has static
    arguments. A call raises TypeError for other tensors, and what a call of `jit(f)` does.

    >>> import pytest; torch = pytest.importorskip("torch")
    >>> from autograd_engine import sin
    >>> x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y = to_torch(lambda x: x * sin(x))(x)
    >>> y.backward()
    >>> round(x.grad.item(), 6)
    0.918217
    """
    return _OfTensors("to_torch", f)


class _OfTensors(Bridge):
    def __init__(self, caller: str, f: Callable[..., Any]) -> None:
        self.torch = imported(caller, "torch", "frameworks")
        super().__init__(caller, f)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        function, leaves = self.function(args, keywords)
        structures: list[Any] = []
        results = _applied(self.torch)(function, structures.append, *leaves)
        return structures[-1](results)

    def fault(self, path: str, x: Any) -> str:
        torch = self.torch
        if not isinstance(x, torch.Tensor):
            return super().fault(path, x)
        if x.dtype == torch.float64 and x.device.type == "cpu" and x.layout == torch.strided:
            return ""
        kind = f"{str(x.layout).removeprefix('torch.')} tensor of {str(x.dtype).removeprefix('torch.')}"
        return f"{path} must be a dense tensor of float64 on the CPU, got a {kind} on {x.device}"


def _forget(structure: Structure) -> None:
    """Of what PyTorch calls itself: it wants a tuple."""


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
