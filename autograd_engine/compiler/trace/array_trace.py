"""Which arrays a trace has, which of their axes are mapped, and `vmap` while tracing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray, BatchArray, object_array
from autograd_engine.compiler.trace.traced import Batch, Traced, cannot, context, inside
from autograd_engine.compiler.trace.words import flat_result
from autograd_engine.control_flow import recorder
from autograd_engine.mapping import loop, map_arrays
from autograd_engine.primitives import as_float
from autograd_engine.structure import flatten, leaves_of, map_leaves


class ConstantArray(ArgumentArray):
    """An array of plain numbers that a traced function maps although it is not an argument."""

    def __init__(self, trace: ArrayTrace, number: int, array: Any) -> None:
        self.plain = np.array(array, dtype=float, order="C")
        self.array = array
        super().__init__(trace, number, np.shape(array))


class ArrayTrace:
    """The arrays of one trace, and which of their axes are mapped."""

    def __init__(self) -> None:
        self.batches: dict[int, Batch] = {}
        self.views: list[tuple[int, int, int]] = []  # which array is mapped along which axis, of which length
        self.arguments: list[ArgumentArray] = []
        self.constants: list[Any] = []  # mapped arrays that are not arguments

    def argument(self, shape: tuple[int, ...], of_truths: bool) -> ArgumentArray:
        """Add an array argument. All arguments come before the first constant."""
        self.arguments.append(ArgumentArray(self, len(self.arguments), shape, of_truths))
        return self.arguments[-1]

    def place(self, number: int) -> int:
        """The place of an array among all, the constants after the arguments."""
        return number if number >= 0 else len(self.arguments) - 1 - number

    def batch(self, size: int) -> Batch:
        """The batch of `size` samples: arrays of one length are mapped together."""
        return self.batches.setdefault(size, Batch(size))

    def view(self, number: int, axis: int, size: int) -> int:
        """Add a mapped axis, and return its number."""
        self.views.append((number, axis, size))
        return len(self.views) - 1

    def vmap(self, f: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None], samples: int) -> Any:
        """`autograd_engine.vmap` while tracing: run `f` once, on the numbers of one sample."""
        computed, loops = [] if context.batch is not None else self._computed(args, axes), recorder.get()
        gathered = {id(array): loops and loops.gathered(array, axis) for array, axis in computed}
        if context.batch is not None or None in gathered.values():  # a vmap inside a vmap, or of computed arrays
            in_loop = loops.vmap(f, args, axes, samples) if loops and context.batch is not None else NotImplemented
            return loop(f, args, axes, samples) if in_loop is NotImplemented else in_loop
        batch = self.batch(samples)

        def of_sample(array: Any, axis: int) -> Any:
            if id(array) in gathered:
                with inside(batch):
                    return gathered[id(array)]()[()]
            if not isinstance(array, (ArgumentArray, BatchArray)):
                array = self.constant(array)
                batch.fixed = True
            part = array.samples(axis % array.ndim)
            return part[()] if part.ndim == 0 else part

        sample = map_arrays(of_sample, args, axes)
        with inside(batch):
            shared = [_shared(arg, batch) if axis is None else arg for arg, axis in zip(sample, axes)]
            leaves, structure = flat_result(f(*shared))
            leaves = [batch.broadcast(_result(leaf)) for leaf in leaves]
        return structure.filled(leaves, lambda numbers, shape: BatchArray(batch, object_array(numbers, shape)))

    @staticmethod
    def _computed(args: Sequence[Any], axes: Sequence[int | None]) -> list[tuple[Any, int]]:
        """The arrays that are mapped, and along which axis, with numbers computed by the function, not by vmap."""
        mapped = [(x, axis) for arg, axis in zip(args, axes) if axis is not None for x in leaves_of(arg, lists=False)]
        known = (ArgumentArray, BatchArray)
        return [(x, axis) for x, axis in mapped if not isinstance(x, known) and np.asarray(x).dtype == object]

    def constant(self, array: Any) -> Any:
        """An array of plain numbers that is not an argument of the compiled function."""
        for known in self.constants:
            # The array may have been filled anew since. Compare bits, since -0.0 is not 0.0 and a NaN equals itself.
            if known.array is array and known.plain.tobytes() == np.array(array, dtype=float).tobytes():
                return known
        self.constants.append(ConstantArray(self, -1 - len(self.constants), array))
        return self.constants[-1]


def _shared(argument: Any, batch: Batch) -> Any:
    """An argument that all samples share, as each sample sees it."""
    if context.together:  # an array that stays one in the samples too
        return map_leaves(
            lambda leaf: leaf if isinstance(leaf, ArgumentArray) else _shared_numbers(leaf, batch), argument
        )
    return _shared_numbers(argument, batch)


def _shared_numbers(argument: Any, batch: Batch) -> Any:
    leaves, structure = flatten(argument)
    if any(isinstance(leaf, BatchArray) for leaf in leaves):
        raise cannot("the result of a vmap can be an argument of another one only where in_axes maps it")
    return structure([batch.broadcast(leaf) if isinstance(leaf, Traced) else leaf for leaf in leaves])


def _result(x: Any) -> Any:
    """A number that a mapped function returned for a sample."""
    if isinstance(x, BatchArray):
        raise cannot("a function that vmap maps returned the result of another vmap; return its sum or mean")
    return x if isinstance(x, Traced) else as_float(x)
