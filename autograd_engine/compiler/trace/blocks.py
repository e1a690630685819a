"""What vmap returns in a function whose sparse derivatives are recorded: blocks of numbers that stay a batch.

Such a block is part of a result as it is, and then costs one formula, however many samples there are. Where the
function does more with it than to flatten and concatenate, it becomes an array of single numbers, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.array_trace import ArrayTrace
from autograd_engine.compiler.trace.arrays import ArgumentArray, BatchArray, LateArray
from autograd_engine.compiler.trace.traced import Batch, Traced, check_trace, inside
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import identity


class Gathered(ArgumentArray):
    """Numbers of an argument, picked anew at each call: a row for each number of a sample, a column for each sample."""

    array = None

    def __init__(self, trace: ArrayTrace, source: tuple[Any, ...], batch: Batch) -> None:
        super().__init__(trace, -1 - len(trace.constants), ())
        trace.constants.append(self)
        self.source, self.ndim = source, 2
        self._view, self._batch = trace.view(self.number, 1, batch.size), batch
        self._leaves: dict[bytes, Traced] = {}

    @property
    def plain(self) -> Any:
        """Where the numbers are in the source: an array (rows, samples)."""
        return np.array([np.frombuffer(places, dtype=np.int64) for places in self._leaves])

    def leaf(self, places: Any) -> Traced:
        """The number that the samples have at these places."""
        key = places.tobytes()
        if key not in self._leaves:
            self._leaves[key] = Traced.leaf("sample", self._view, len(self._leaves), batch=self._batch)
        return self._leaves[key]


class Gathering:
    """What is gathered in one trace."""

    def __init__(self, arrays: ArrayTrace) -> None:
        self.arrays = arrays
        self._gathered: dict[Any, Gathered] = {}

    def of_samples(self, numbers: Sequence[Any], batch: Batch) -> Any:
        """A number of each sample as one of the batch, None if it cannot be. Inputs of a run stand for their points."""
        first = numbers[0]
        if {*map(type, numbers)} == {float}:
            column = np.array(numbers)
            same = len({*column.view(np.int64).tolist()}) == 1
            return first if same else self.arrays.constant(column).samples(0)[()]
        leaves = [x.arguments[0] if x.__class__ is Traced and x.op is identity else x for x in numbers]
        if any(x.__class__ is not Traced or x.op is not None or x.arguments[0] not in _AT_HAND for x in leaves):
            return None
        [source, *others] = {x.arguments[:-1] for x in leaves}
        if others:
            return None
        if (source, batch) not in self._gathered:
            self._gathered[source, batch] = Gathered(self.arrays, source, batch)
        return self._gathered[source, batch].leaf(np.array([x.arguments[-1] for x in leaves], dtype=np.int64))


_AT_HAND = ("element", "scalar")


class Block:
    """An array that a vmap returned: `numbers` of one sample, made of `gathered` numbers, each with those of all
    samples that it stands for; `single` gives the numbers of all samples, one by one."""

    def __init__(
        self, batch: Batch, numbers: Sequence[Traced], gathered: dict[Traced, list[Any]], single: Callable[[], Any]
    ) -> None:
        self.batch, self.numbers, self.gathered, self._single = batch, numbers, gathered, single

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return self.batch.size * len(self.numbers)

    def single(self) -> list[Any]:
        """The numbers of all samples."""
        check_trace(self.batch.trace)
        with inside(None):
            found: list[Any] = self._single()
        return found


class BlockArray(LateArray):
    """An array whose numbers, one after another, are those of its parts: blocks, and lists of single numbers."""

    def __init__(self, parts: Sequence[Any], shape: tuple[int, ...]) -> None:
        self.parts, self.shape, self.ndim = parts, shape, len(shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape, dtype=int))

    def ravel(self) -> BlockArray:
        """The same numbers as an array of one axis."""
        return BlockArray(self.parts, (self.size,))

    flatten = ravel

    def reshape(self, *shape: Any) -> Any:
        """The same numbers in another shape."""
        return self.ravel() if shape in [(-1,), ((-1,),), (self.size,), ((self.size,),)] else self[()].reshape(*shape)

    def one_by_one(self) -> list[Any]:  # noqa: D102
        return [x for part in self.parts for x in (part.single() if isinstance(part, Block) else part)]

    @property
    def _samples(self) -> Any:
        """The array as what vmap returns elsewhere, if the samples share all that is not data: then a derivative of a
        sum over them is a sum. Else the single numbers."""
        part = self.parts[0]
        if len(self.parts) == 1 and isinstance(part, Block) and not part.gathered and self.shape[0] == part.batch.size:
            return BatchArray(part.batch, number_array(part.numbers, self.shape[1:]))
        return self.__array__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._samples if name in _OVER_SAMPLES else self.__array__(), name)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return getattr(ufunc, method)(*map(_single, inputs), **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if function in _OF_SHAPE and len(args) == 1 and not keywords:
            return getattr(args[0], function.__name__)
        if function.__name__ in _OVER_SAMPLES and isinstance(args[0], BlockArray):
            return function(args[0]._samples, *args[1:], **keywords)
        if function is np.ravel and len(args) == 1 and not keywords:
            return args[0].ravel()
        if function in (np.concatenate, np.hstack) and len(args) == 1 and not keywords:
            arrays = [x if isinstance(x, BlockArray) else np.asarray(x) for x in args[0]]
            if all(x.ndim == 1 for x in arrays):
                parts = [x.parts if isinstance(x, BlockArray) else [x.tolist()] for x in arrays]
                return BlockArray([part for of_one in parts for part in of_one], (sum(map(len, arrays)),))
        return function(*map(_single, args), **{name: _single(x) for name, x in keywords.items()})


_OF_SHAPE = (np.ndim, np.shape, np.size)
_OVER_SAMPLES = ("sum", "mean", "total")


def _single(x: Any) -> Any:
    """Blocks, also in a list or tuple, as arrays of single numbers."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_single, x))
    return x.__array__() if isinstance(x, BlockArray) else x
