"""The arrays that a traced function sees: its array arguments, and what vmap returns.

To the function both look like NumPy arrays. Their numbers are made when they are first asked for. An argument that is
only ever passed to vmap never reveals its length, so one kernel takes any number of samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.reductions import Reducible
from autograd_engine.compiler.trace.traced import (
    CONDITIONS,
    Condition,
    Traced,
    cannot,
    check_trace,
    constant_node,
    context,
    inside,
)
from autograd_engine.constants import stop_gradient
from autograd_engine.control_flow import recorder
from autograd_engine.mapping import vmap
from autograd_engine.number_arrays import WHERE, apply_ufunc, number_array
from autograd_engine.primitives import identity
from autograd_engine.structure import map_leaves

LARGE = 16
"""Entries along the first axis. A larger array may be traced as samples, all of which are treated alike."""


class Given(Condition):
    """A bool of an argument: one for masks and for & | ^, which give such bools again, a float to everything else."""

    __slots__ = ()
    is_truth = False


class ArgumentArray(NDArrayOperatorsMixin):
    """An array argument of the traced function; `number` counts the arrays among those of its `trace`, an ArrayTrace.

    The numbers in one `of_truths`, bools, are conditions, so that it can be a mask.
    """

    def __init__(self, trace: Any, number: int, shape: tuple[int, ...], of_truths: bool = False) -> None:
        self._trace, self.number, self._shape, self.of_truths = trace, number, shape, of_truths
        self._made_in = context.trace
        self.ndim = len(shape)
        self.shape_seen = False
        self._elements: Any = None
        self._mapped: dict[int, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape. A kernel whose function has asked for it accepts no other."""
        self.shape_seen = True
        return self._shape

    @property
    def shape_to_map(self) -> tuple[int, ...]:
        """The shape, for vmap, to which the length of the mapped axis does not matter."""
        return self._shape

    @property
    def mapped_axes(self) -> frozenset[int]:
        """The axes that vmap has mapped."""
        return frozenset(self._mapped)

    def samples(self, axis: int) -> Any:
        """One sample along `axis`: an array of numbers, 0-dimensional if it is a single one."""
        check_trace(self._made_in)
        if axis not in self._mapped:
            batch = self._trace.batch(self._shape[axis])
            rest = self._shape[:axis] + self._shape[axis + 1 :]
            view = self._trace.view(self.number, axis, self._shape[axis])
            leaves = [Traced.leaf("sample", view, i, batch=batch) for i in range(_size(rest))]
            self._mapped[axis] = self._array(leaves, rest)
        return self._mapped[axis]

    @property
    def is_large(self) -> bool:
        """Whether it has enough entries for it to be better traced as samples."""
        return self.ndim > 0 and self._shape[0] >= LARGE

    def together(self) -> ArgumentArray | BatchArray:
        """The array as samples along the first axis, where a trace wants that of LARGE ones; else itself."""
        if context.together and self.is_large and context.batch is None:
            return BatchArray(self._trace.batch(self._shape[0]), self.samples(0))
        return self

    @property
    def _numbers(self) -> Any:
        """The array as samples, or else of single numbers."""
        together = self.together()
        return self.__array__() if together is self else together

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        check_trace(self._made_in)
        if self._elements is None:
            self.shape_seen = True
            leaves = [Traced.leaf("element", self.number, i) for i in range(_size(self._shape))]
            self._elements = self._array(leaves, self._shape)
            self._elements.flags.writeable = False  # an argument belongs to the caller
        return self._elements.copy() if copy else self._elements

    def _array(self, leaves: list[Any], shape: tuple[int, ...]) -> Any:
        if self.of_truths:
            leaves = [constant_node(Given, CONDITIONS["ne"], (x, 0.0)) for x in leaves]
        return number_array(leaves, shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        axes = max([getattr(x, "ndim", 0) for x in inputs])
        inputs = tuple([x.together() if isinstance(x, ArgumentArray) and x.ndim == axes else x for x in inputs])
        for x in inputs:
            if isinstance(x, BatchArray):
                return x.__array_ufunc__(ufunc, method, *inputs, **keywords)
        if not all(isinstance(x, np.ndarray) for x in keywords.get("out", ())):
            raise TraceError(_IN_PLACE)
        return apply_ufunc(ufunc, method, *map(_plain, inputs), **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        args = tuple([x.together() if isinstance(x, ArgumentArray) else x for x in args])
        for x in args:
            if isinstance(x, BatchArray):
                return x.__array_function__(function, types, args, keywords)
        return function(*map(_plain, args), **{name: _plain(x) for name, x in keywords.items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._numbers, name)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if any(map(is_unknown, parts)):
            return recorder.get().item(self, parts)
        return self._numbers[key]

    def __setitem__(self, key: Any, number: Any) -> None:
        raise TraceError(_IN_PLACE)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self.__array__())

    def __copy__(self) -> Any:
        return self.__array__(copy=True)  # the copy is writable; it holds the same numbers

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__array__(copy=True)

    def __repr__(self) -> str:
        return f"<array argument of shape {self._shape}>"


class LateArray(NDArrayOperatorsMixin):
    """What vmap returns where its numbers are made one by one only if something needs them so."""

    shape: tuple[int, ...]
    one_by_one: Callable[[], list[Any]]  # gives the numbers, in C order
    _array: Any = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._array is None:
            self._array = number_array(self.one_by_one(), self.shape)
        return self._array.copy() if copy else self._array

    def __getitem__(self, key: Any) -> Any:
        return self.__array__()[key]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.__array__())

    def __bool__(self) -> bool:
        return bool(self.__array__())


class BatchArray(Reducible, NDArrayOperatorsMixin):
    """What vmap returns: an array whose first axis runs over the samples. `of_sample` has the numbers of one sample.

    It supports NumPy's arithmetic and functions, element by element, `sum`, `mean`, `max` and `min` over the samples,
    and vmap. Its samples cannot be picked one by one.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape. A kernel whose function has asked for it accepts no other number of samples."""
        self.batch.fixed = True
        return (self.batch.size, *self._numbers.shape)

    @property
    def shape_to_map(self) -> tuple[int, ...]:
        """The shape, for vmap, to which the number of samples does not matter."""
        return (self.batch.size, *self._numbers.shape)

    def samples(self, axis: int) -> Any:
        """One sample: an array of numbers, 0-dimensional if it is a single one. Raises TraceError unless axis is 0."""
        if axis % self.ndim:
            raise cannot(f"what vmap has returned can be mapped again over axis 0 only, got axis {axis}")
        return self.of_sample

    def with_numbers(self, numbers: Iterator[Any]) -> BatchArray:
        """An array of the same shape whose sample takes its numbers from the iterator `numbers`."""
        own = [self.batch.broadcast(x) for x in itertools.islice(numbers, self._numbers.size)]
        return BatchArray(self.batch, object_array(own, self._numbers.shape))

    def stacked(self, arrays: Sequence[BatchArray], shape: tuple[int, ...]) -> BatchArray:
        """Arrays of the same shape and batch as one array, with further axes of the given `shape` at the end."""
        numbers = np.stack([array.of_sample for array in arrays], axis=-1)
        return BatchArray(self.batch, numbers.reshape(self._numbers.shape + shape))

    def variables(self) -> BatchArray:
        """The same numbers as nodes of their own, to differentiate with respect to."""
        return BatchArray(
            self.batch, object_array([x.record(identity, x) for x in self.of_sample.flat], self._numbers.shape)
        )

    def fits(self, other: Any) -> bool:
        """Whether `other` is the result of a vmap over the same samples and has the same shape."""
        return isinstance(other, BatchArray) and (other.batch, other._numbers.shape) == (
            self.batch,
            self._numbers.shape,
        )

    @staticmethod
    def mapped(x: Any) -> Any:
        """An array as the result of a vmap, where its numbers are known or those of an argument; else `x` as it is."""
        return x if isinstance(x, BatchArray) or not getattr(x, "ndim", 0) else vmap(lambda sample: sample)(x)

    def detach(self) -> BatchArray:
        """The same numbers, through which no derivative goes."""
        with inside(self.batch):
            return BatchArray(self.batch, stop_gradient(self.of_sample))

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if first is not Ellipsis and not (isinstance(first, slice) and first == slice(None)):
            raise cannot(
                f"{user_line()}: the samples of a vmap cannot be picked one by one while tracing; index as [:, i], or "
                "write np.array([f(x) for x in xs]) instead of vmap(f)(xs)"
            )
        picked = self.of_sample[(Ellipsis, *rest) if first is Ellipsis else tuple(rest)]
        return BatchArray(self.batch, picked)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._next_sample, None)  # NumPy would hide an error raised here

    def _next_sample(self) -> Any:
        check_trace(self.batch.trace)
        raise cannot(
            f"{user_line()}: the samples of a vmap cannot be iterated over while tracing; use sum, mean, amax or vmap, "
            "or write [f(x) for x in xs] instead of vmap(f)(xs)"
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise cannot("the result of vmap has no truth value while tracing; use np.where")

    def __getattr__(self, name: str) -> Any:
        if hasattr(np.ndarray, name) and not name.startswith("__"):
            raise cannot(
                f"the result of vmap has no .{name} while tracing; it has sum, mean, max and min, arithmetic "
                "and NumPy's functions of numbers, and can be mapped again"
            )
        raise AttributeError(name)

    def __copy__(self) -> BatchArray:
        return self  # immutable, and the trace would not know the batch of a copy

    def __deepcopy__(self, memo: Any) -> BatchArray:
        return self

    def __repr__(self) -> str:
        return "<result of vmap; use its sum or mean, or vmap(grad(f))>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__":
            raise cannot(f"the result of vmap has no {ufunc.__name__}.{method}; use .sum() or .max()")
        if ufunc.signature is not None:
            return self._product(ufunc, *inputs)
        if given := [name for name in ("out", "where") if name in keywords]:
            raise cannot(f"the result of vmap cannot be computed with {given[0]}=; use np.where, and make a new one")
        with inside(self.batch):
            results = apply_ufunc(ufunc, method, *map(self._of_sample, inputs), **keywords)
        if isinstance(results, tuple):
            return tuple([BatchArray(self.batch, result) for result in results])
        return BatchArray(self.batch, results)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if function is np.where and len(args) == 3:
            return self.__array_ufunc__(WHERE, "__call__", *args)
        if function in (np.ndim, np.shape):
            return getattr(args[0], function.__name__)
        if function is np.dot and len(args) == 2:
            return self._product(np.matmul, *args)
        if function not in _METHODS or not isinstance(args[0], BatchArray):
            raise cannot(f"numpy.{function.__name__} does not take the result of vmap while tracing; use vmap again")
        return getattr(args[0], _METHODS[function])(*args[1:], **keywords)

    def _product(self, ufunc: np.ufunc, x: Any, y: Any) -> Any:
        """x @ y with the same y for all samples; for two vectors of the samples, the sum of their products."""
        of_y = y.ndim if isinstance(y, (ArgumentArray, BatchArray)) else np.ndim(y)
        both = isinstance(y, BatchArray) and not self.ndim == of_y == 1
        if ufunc is not np.matmul or x is not self or both or of_y > 2:
            raise cannot("of products of matrices, the result of vmap can be the left factor only; use vmap again")
        if self.ndim == of_y == 1:
            return (self * y).sum()
        if self.ndim == 1:
            raise cannot(f"{user_line()}: one number of each sample cannot be multiplied with a matrix; use vmap again")
        with inside(self.batch):
            return BatchArray(self.batch, self.of_sample @ self._the_same_for_all(y))

    def _the_same_for_all(self, x: Any) -> Any:
        """An operand as an array. Raises TraceError if it holds numbers of a single sample, to combine with all."""
        x = np.asarray(x)
        if x.dtype == object and any(getattr(number, "batch", None) is self.batch for number in x.flat):
            raise cannot(
                f"{user_line()}: the result of a vmap meets a number of a single sample; pass that result to the "
                "function with in_axes=0 for its sample, or reduce it first, by sum or mean"
            )
        return x

    def _of_sample(self, x: Any) -> Any:
        """The part of an operand that belongs to one sample."""
        if isinstance(x, BatchArray):
            if x.batch is not self.batch or x.ndim != self.ndim:
                raise cannot("the results of vmap do not fit together: they differ in their batch or their axes")
            return x.of_sample
        if isinstance(x, ArgumentArray) and len(x._shape) == self.ndim and x._shape[0] == self.batch.size:
            return x.samples(0)
        x = self._the_same_for_all(x)
        if x.ndim < self.ndim:
            return x
        if x.ndim == self.ndim and x.shape[0] == 1:
            return x[0]
        shape = ", ".join(["samples", *map(str, self._numbers.shape)])
        raise cannot(
            f"{user_line()}: an array of shape {x.shape} does not fit the result of vmap, of shape ({shape}); only an "
            "argument of the compiled function can have an entry for each sample"
        )


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))


def object_array(leaves: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Numbers, known or not, in an array of the given shape."""
    array = np.empty(len(leaves), dtype=object)
    array[:] = leaves
    return array.reshape(shape)


_METHODS = {np.sum: "sum", np.mean: "mean", np.max: "max", np.amax: "max", np.min: "min", np.amin: "min"}
"""The functions of NumPy's that reduce the result of a vmap, with its methods."""
_IN_PLACE = "an array of a compiled function cannot be changed in place; make a new one"


def is_unknown(part: Any) -> bool:
    """Whether a part of an index is a number, a slice or an array of them, that is not known while tracing."""
    if isinstance(part, slice):
        return isinstance(part.start, Traced) or isinstance(part.stop, Traced)
    is_array = isinstance(part, ArgumentArray) or (isinstance(part, np.ndarray) and part.dtype == object)
    return isinstance(part, Traced) or is_array


def _plain(x: Any) -> Any:
    """ArgumentArrays, alone or nested in lists, as object arrays; np.asarray would make plain arrays of them."""
    return map_leaves(lambda leaf: leaf.__array__() if isinstance(leaf, ArgumentArray) else leaf, x)
