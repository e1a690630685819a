"""What is reduced over the samples of a batch: sums, means, extremes and the reductions of the table.

A reduction has one formula for its value and one for its slopes, whether its inputs are listed or samples. Here `each`
is done with the number that stands for all samples, and a sum or an extreme is one node, which a kernel finds in its
loop over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.traced import BATCH_SUM, Batch, Operation, Traced, cannot, check_trace, inside
from autograd_engine.number_arrays import apply_ufunc, number_array
from autograd_engine.primitives import maximum, minimum
from autograd_engine.primitives.reductions import REDUCTIONS
from autograd_engine.primitives.sums import sum as total

_EXTREMES = {maximum: Operation("batch_max"), minimum: Operation("batch_min")}
OVER_SAMPLES = frozenset({BATCH_SUM, *_EXTREMES.values()})
"""The operations that make one number of those of all samples."""


class OfSamples:
    """Inputs of a reduction: some numbers of each sample."""

    def __init__(self, batch: Batch, numbers: Sequence[Any]) -> None:
        self.batch, self.numbers = batch, numbers

    def each(self, f: Callable[[Any], Any]) -> OfSamples:
        """`f` of each."""
        return OfSamples(self.batch, list(map(f, self.numbers)))

    def total(self) -> Any:
        """The sum of all."""
        return self.batch.sum(self.numbers[0] if len(self.numbers) == 1 else total(self.numbers))

    def extreme(self, choose: Any, neutral: float) -> Any:
        """The one that is left after choosing between two at a time."""
        first, *others = self.numbers
        for number in others:
            first = choose(first, number)
        return Traced(_EXTREMES[choose], (self.batch.broadcast(first),), None)


class _Share:
    """A local derivative of a reduction: a number of each sample."""

    def __init__(self, batch: Batch, slope: Any) -> None:
        self.batch, self.slope = batch, batch.broadcast(slope)

    def pull(self, cotangent: Any) -> Any:
        return self.slope.pull(cotangent)

    def push(self, tangent: Any) -> Any:
        return self.batch.sum(self.slope.push(tangent))


class _Reduction(Operation):
    """A reduction of the table over the samples of a batch."""

    composite = True

    def __init__(self, name: str, batch: Batch) -> None:
        self.value, slopes = REDUCTIONS[name]
        super().__init__(
            name, lambda out, *x: [_Share(batch, slope) for slope in slopes(out, OfSamples(batch, x)).numbers]
        )


def reduced(name: str, batch: Batch, numbers: Sequence[Any]) -> Traced:
    """A reduction of the table of some numbers of each sample."""
    op, numbers = _Reduction(name, batch), tuple(map(batch.broadcast, numbers))
    expansion = op.value(OfSamples(batch, numbers))
    node = Traced(op, numbers, None)
    node.expansion = expansion
    return node


class Reducible:
    """The reductions of an array whose first axis runs over the samples of a `batch`; `of_sample` is one of them."""

    def __init__(self, batch: Batch, of_sample: Any) -> None:
        self.batch, self._numbers = batch, np.asarray(of_sample, dtype=object)

    @property
    def of_sample(self) -> Any:
        """The numbers of one sample. Raises TraceError if the array is left over from an earlier trace."""
        check_trace(self.batch.trace)
        return self._numbers

    @property
    def ndim(self) -> int:
        """The number of axes, including that of the samples."""
        return 1 + int(self._numbers.ndim)

    def total(self) -> tuple[Any, Any]:
        """The sum over the samples, each a single number, and how many samples there are."""
        number = self._single("sum() and mean() take", "methods .sum(axis=0) and .mean(axis=0)")
        return self.batch.sum(number), self.batch.count()

    def reduced(self, name: str) -> Any:
        """A reduction of the table over the samples, each a single number."""
        return reduced(name, self.batch, [self._single(f"{name}() takes", "function for each column")])

    def _single(self, takes: str, instead: str) -> Any:
        if self.of_sample.ndim:
            raise cannot(
                f"{takes} one number of each sample, got arrays of shape {self.of_sample.shape}; use the {instead}"
            )
        return self.of_sample[()]

    def sum(self, axis: Any = None, *, keepdims: bool = False, **others: Any) -> Any:
        """The sum over the samples (axis 0), over axes of each sample, or over everything (None)."""
        _refuse(others, "sum")
        axes = self._axes(axis)
        within = tuple([i - 1 for i in axes if i])
        if 0 not in axes:
            with inside(self.batch):
                return type(self)(self.batch, self.of_sample.sum(axis=within, keepdims=keepdims))
        numbers = self.of_sample
        sums = number_array([self.batch.sum(x) for x in numbers.flat], numbers.shape)
        if within:
            sums = sums.sum(axis=within, keepdims=keepdims)
        if keepdims:
            return sums[np.newaxis]
        return sums[()] if isinstance(sums, np.ndarray) else sums

    def mean(self, axis: Any = None, *, keepdims: bool = False, **others: Any) -> Any:
        """The mean over the samples (axis 0), over axes of each sample, or over everything (None)."""
        _refuse(others, "mean")
        axes = self._axes(axis)
        each = float(math.prod(self._numbers.shape[i - 1] for i in axes if i))
        count = self.batch.count() * each if 0 in axes else each
        return self.sum(axis, keepdims=keepdims) / count

    def max(self, axis: Any = None, *, keepdims: bool = False, **others: Any) -> Any:
        """The largest over the samples (axis 0), over axes of each sample, or over everything (None)."""
        _refuse(others, "max")
        return self._extreme("amax", np.maximum, axis, keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False, **others: Any) -> Any:
        """The smallest over the samples (axis 0), over axes of each sample, or over everything (None)."""
        _refuse(others, "min")
        return self._extreme("amin", np.minimum, axis, keepdims)

    def _extreme(self, name: str, ufunc: np.ufunc, axis: Any, keepdims: bool) -> Any:
        axes = self._axes(axis)
        within = tuple([i - 1 for i in axes if i])
        if 0 not in axes:
            with inside(self.batch):
                numbers = apply_ufunc(ufunc, "reduce", self.of_sample, axis=within, keepdims=keepdims)
                return type(self)(self.batch, numbers)
        numbers = np.moveaxis(self.of_sample, within, range(-len(within), 0))
        shape = numbers.shape[: numbers.ndim - len(within)]
        rows = numbers.reshape(math.prod(shape), -1).tolist()
        found = number_array([reduced(name, self.batch, row) for row in rows], shape)
        return np.expand_dims(found, axes) if keepdims else found[()]

    def _axes(self, axis: Any) -> list[int]:
        """The axes that an argument `axis` stands for. Raises NumPy's own error if there is no such axis."""
        if axis is None:
            return list(range(self.ndim))
        np.zeros((1,) * self.ndim).sum(axis=axis)
        return [i % self.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]


def _refuse(others: dict[str, Any], method: str) -> None:
    """Raise TraceError if a reduction gets arguments that it does not take."""
    for name in others:
        raise cannot(f"{user_line()}: {method}() of the result of vmap takes axis and keepdims only, not {name}")
