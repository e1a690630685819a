"""The arrays that a traced function sees: its array arguments, and what vmap returns.

To the function both look like NumPy arrays. Their numbers are made when they are first asked for. An argument that is
only ever passed to vmap never reveals its length, so one kernel takes any number of samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.reductions import Reducible
from autograd_engine.compiler.trace.traced import Batch, Traced, cannot, check_trace, context, inside
from autograd_engine.constants import stop_gradient
from autograd_engine.control_flow import recorder
from autograd_engine.mapping import loop, map_arrays, vmap
from autograd_engine.number_arrays import WHERE, apply_ufunc, number_array
from autograd_engine.primitives import as_float, identity
from autograd_engine.structure import flatten, leaves_of, map_leaves

LARGE = 16
"""Entries along the first axis. A larger array may be traced as samples, all of which are treated alike."""


class ArgumentArray(NDArrayOperatorsMixin):
    """An array argument of the traced function; `number` counts the arrays among the arguments.

    The numbers in one `of_truths`, bools, are conditions, so that it can be a mask.
    """

    def __init__(self, trace: ArrayTrace, number: int, shape: tuple[int, ...], of_truths: bool = False) -> None:
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
        return number_array([x != 0.0 for x in leaves] if self.of_truths else leaves, shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        axes = max([getattr(x, "ndim", 0) for x in inputs])
        inputs = tuple([x.together() if isinstance(x, ArgumentArray) and x.ndim == axes else x for x in inputs])
        for x in inputs:
            if isinstance(x, BatchArray):
                return x.__array_ufunc__(ufunc, method, *inputs, **keywords)
        return _elementwise(ufunc, method, map(_plain, inputs), keywords)

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


class ConstantArray(ArgumentArray):
    """An array of plain numbers that a traced function maps although it is not an argument."""

    def __init__(self, trace: ArrayTrace, number: int, array: Any) -> None:
        self.plain = np.array(array, dtype=float)
        self.array = array
        super().__init__(trace, number, np.shape(array))


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
        return BatchArray(self.batch, _array(own, self._numbers.shape))

    def stacked(self, arrays: Sequence[BatchArray], shape: tuple[int, ...]) -> BatchArray:
        """Arrays of the same shape and batch as one array, with further axes of the given `shape` at the end."""
        numbers = np.stack([array.of_sample for array in arrays], axis=-1)
        return BatchArray(self.batch, numbers.reshape(self._numbers.shape + shape))

    def variables(self) -> BatchArray:
        """The same numbers as nodes of their own, to differentiate with respect to."""
        return BatchArray(self.batch, _array([x.record(identity, x) for x in self.of_sample.flat], self._numbers.shape))

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
        with inside(self.batch):
            results = _elementwise(ufunc, method, map(self._of_sample, inputs), keywords)
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
            leaves, structure = flatten(f(*shared))
            leaves = [batch.broadcast(_result(leaf)) for leaf in leaves]
        return structure.filled(leaves, lambda numbers, shape: BatchArray(batch, _array(numbers, shape)))

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


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))


def _array(leaves: Sequence[Any], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(leaves), dtype=object)
    array[:] = leaves
    return array.reshape(shape)


_METHODS = {np.sum: "sum", np.mean: "mean", np.max: "max", np.amax: "max", np.min: "min", np.amin: "min"}
"""The functions of NumPy's that reduce the result of a vmap, with its methods."""
_IN_PLACE = "an array of a compiled function cannot be changed in place; make a new one"


def _elementwise(ufunc: np.ufunc, method: str, inputs: Iterable[Any], keywords: dict[str, Any]) -> Any:
    """Apply a NumPy function to arrays of symbols, by its row of the table if it has one."""
    if keywords.get("out") is not None:
        raise TraceError(_IN_PLACE)
    return apply_ufunc(ufunc, method, *inputs, **keywords)


def is_unknown(part: Any) -> bool:
    """Whether a part of an index is a number, a slice or an array of them, that is not known while tracing."""
    if isinstance(part, slice):
        return isinstance(part.start, Traced) or isinstance(part.stop, Traced)
    is_array = isinstance(part, ArgumentArray) or (isinstance(part, np.ndarray) and part.dtype == object)
    return isinstance(part, Traced) or is_array


def _plain(x: Any) -> Any:
    """ArgumentArrays, alone or nested in lists, as object arrays; np.asarray would make plain arrays of them."""
    return map_leaves(lambda leaf: leaf.__array__() if isinstance(leaf, ArgumentArray) else leaf, x)
