"""How sparse derivatives are recorded while a function is traced.

The function is run without loops, as one graph of numbers, and each output has a row: the derivatives with respect to
the inputs that it was computed from, by a sweep over its own part of the graph. Many outputs were computed alike, from
other inputs: the defects of a trajectory at each of its points, say. Such outputs become a batch. Their formula is
recorded and differentiated once, and its inputs are gathered from the arguments. What a vmap returned is a batch from
the beginning (blocks.py). No colouring is needed to share sweeps, since each of them visits only what is not zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.array_trace import ArrayTrace
from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.blocks import Block, BlockArray, Gathering
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.matrices import ALIKE, Matrix, Numbers, SparseArray
from autograd_engine.compiler.trace.recorder import Recorder
from autograd_engine.compiler.trace.traced import (
    Traced,
    context,
    inside,
)
from autograd_engine.mapping import loop, map_arrays, mapper
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import as_float
from autograd_engine.runs import Run
from autograd_engine.sparsity import sparse_recorder
from autograd_engine.structure import flatten


@contextmanager
def recording_sparse(arrays: ArrayTrace) -> Iterator[None]:
    """Record the sparse derivatives that are taken in the block."""
    token = sparse_recorder.set(SparseRecorder(arrays))
    try:
        yield
    finally:
        sparse_recorder.reset(token)


class SparseRecorder:
    """Records the sparse derivatives of one trace; see `sparsity.sparse_recorder`."""

    def __init__(self, arrays: ArrayTrace) -> None:
        self.arrays, self.gathering = arrays, Gathering(arrays)

    @contextmanager
    def unrolled(self, caller: str) -> Iterator[None]:
        """Run what is differentiated as one graph of single numbers and blocks, without loops."""
        if context.batch is not None or context.outer:
            raise TraceError(f"{user_line()}: {caller}(sparse=True) cannot be taken inside a vmap or a loop")
        limited, context.is_limited = context.is_limited, False
        mapped = mapper.set(self._vmap)
        try:
            with Recorder(self.arrays).unrolled():
                yield
        finally:
            mapper.reset(mapped)
            context.is_limited = limited

    def jacobian(self, caller: str, run: Run) -> SparseArray:
        """The derivatives of what a run returned with respect to its inputs."""
        matrix = Matrix(self.gathering, run.inputs)
        matrix.add_all(caller, run.output)
        return matrix.recorded(caller)

    def hessian(self, run: Run, gradient: Sequence[Any], pattern: Sequence[Sequence[int]]) -> SparseArray:
        """The derivatives of a gradient. Those on and below the diagonal are computed, and stand for the others too."""
        matrix = Matrix(self.gathering, run.inputs, pattern)
        matrix.add(gradient)
        return matrix.recorded("hessian")

    def numbers(self, output: Any) -> SparseArray:
        """The numbers in what a function returned, as an array."""
        numbers = Numbers(self.gathering, ())
        numbers.add_all("jit", output)
        return numbers.recorded("jit")

    def _vmap(self, f: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None], samples: int) -> Any:
        """`autograd_engine.vmap`: `f` for one sample whose numbers are gathered, as blocks."""
        single = functools.partial(loop, f, args, axes, samples)
        if context.batch is not None or samples < ALIKE:
            return single()
        batch, gathered = self.arrays.batch(samples), dict[Traced, list[Any]]()
        sampled: list[Any] = []

        def of_sample(array: Any, axis: int) -> Any:
            if isinstance(array, ArgumentArray):
                part = array.samples(axis % array.ndim)
            else:
                moved = np.moveaxis(np.asarray(array), axis, 0)
                numbers = []
                for column in moved.reshape(samples, -1).T.tolist():
                    column = [x if isinstance(x, Traced) else as_float(x) for x in column]
                    number = self.gathering.of_samples(column, batch)
                    if number is None:
                        raise _NotAtHandError
                    if isinstance(number, Traced):
                        gathered[number] = column
                    numbers.append(number)
                part = number_array(numbers, moved.shape[1:])
            sampled.extend(x for x in part.flat if isinstance(x, Traced))
            return part[()] if part.ndim == 0 else part

        try:
            sample = map_arrays(of_sample, args, axes)
        except _NotAtHandError:
            return single()
        if not sampled:
            return single()
        batch.fixed = True
        with inside(batch):
            leaves, structure = flatten(f(*sample))
            leaves = [batch.broadcast(x if isinstance(x, Traced) else as_float(x)) for x in leaves]
        everything = functools.cache(lambda: flatten(single())[0])

        def block(places: Any, shape: tuple[int, ...]) -> BlockArray:
            start, stop = samples * places.start, samples * places.stop
            numbers = leaves[places.start : places.stop]
            return BlockArray([Block(batch, numbers, gathered, lambda: everything()[start:stop])], (samples, *shape))

        return structure.filled(range(structure.size), block)


class _NotAtHandError(Exception):
    """The numbers of the samples cannot be gathered from the arguments."""
