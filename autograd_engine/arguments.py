"""The arguments of a function as it receives them: numbers are 64-bit floats, compiled or not.

An array of whole numbers or bools is one of floats wherever it is computed with, so that nothing wraps around, and
still the index or mask that it is wherever something is picked by it (`WholeNumbers`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_engine.number import Float
from autograd_engine.number_arrays import NumberArray
from autograd_engine.structure import float_array, float_arrays


class WholeNumbers(NumberArray):
    """An array of whole numbers or bools that belongs to the caller: an index or a mask to NumPy's brackets, truths
    to & | ^ and ~, floats to everything else.

    As a subclass of NumberArray it is asked first where both are arguments of a function.
    """

    @property
    def dtype(self) -> Any:
        """That of floats, for arrays that are made like this one."""
        return np.dtype(float)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(isinstance(x, WholeNumbers) for x in keywords.get("out", ())):
            raise TypeError(_IN_PLACE)
        if ufunc in _OF_TRUTHS and all(np.asarray(x).dtype == bool for x in inputs):
            return received(getattr(ufunc, method)(*_plain(inputs), **keywords))
        numbers = _plain(inputs, float)
        if method in ("at", "reduceat"):  # the second input holds indices
            numbers = (numbers[0], _plain(inputs[1]), *numbers[2:])
        return getattr(ufunc, method)(*numbers, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if function in _OF_INDICES:
            return float_arrays(function(*_plain(args), **_plain(keywords)), function.__name__, received)
        return function(*_plain(args, float), **_plain(keywords, float))

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return part if isinstance(part, np.ndarray) else Float(part)

    def __setitem__(self, key: Any, number: Any) -> None:
        raise TypeError(_IN_PLACE)

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def tolist(self) -> Any:
        """Nested lists of floats that are indices too."""
        return [x.tolist() if isinstance(x, WholeNumbers) else x for x in self] if self.ndim else Float(self.item())

    @property
    def flat(self) -> Any:
        """The same numbers along one axis."""
        return self.ravel()

    def __deepcopy__(self, memo: Any = None) -> Any:
        return received(np.array(self))

    __copy__ = __deepcopy__

    def __repr__(self) -> str:
        return repr(_plain(self, float))

    def __str__(self) -> str:
        return str(_plain(self, float))


for _name in ("astype", "copy", "dot", "flatten", "round", "trace"):  # those without a ufunc

    def _of_floats(self: Any, *args: Any, name: str = _name, **keywords: Any) -> Any:
        return getattr(_plain(self, float), name)(*_plain(args, float), **keywords)

    setattr(WholeNumbers, _name, _of_floats)


_IN_PLACE = (
    "an array of whole numbers that a function was given cannot be changed in place; change a copy, x.astype(float)"
)
_OF_TRUTHS = {np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor}
_PICKING = {np.take, np.take_along_axis, np.put_along_axis, np.delete, np.insert, np.repeat, np.split, np.bincount}
_OF_PLACES = {np.ix_, np.ravel_multi_index, np.unravel_index, np.array_split}
_ARRANGING = {np.shape, np.ndim, np.size, np.ravel, np.reshape, np.squeeze, np.moveaxis, np.transpose}
_OF_INDICES = _PICKING | _OF_PLACES | _ARRANGING


def _plain(x: Any, dtype: Any = None) -> Any:
    """Arrays of whole numbers as plain ones, of another dtype if one is given; in lists, tuples and keywords too."""
    if isinstance(x, dict):
        return {name: _plain(part, dtype) for name, part in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)([_plain(part, dtype) for part in x])
    return np.asarray(x, dtype) if isinstance(x, WholeNumbers) else x


def check_function(caller: str, f: Any) -> None:
    """Raise TypeError, which names `caller`, if f cannot be called."""
    if not callable(f):
        raise TypeError(f"{caller}() needs a function, got {type(f).__name__}")


def received(x: Any) -> Any:
    """A number or an array as a function receives it; anything else as it is."""
    if isinstance(x, WholeNumbers):
        return x
    if type(x) is np.ndarray and x.dtype.kind in "iub" and np.can_cast(x.dtype, np.int64):
        whole = (x if x.dtype == bool else x.astype(np.int64, copy=False)).view(WholeNumbers)
        whole.flags.writeable = False
        return whole
    return float_array(x)


def float_arguments(
    caller: str, args: Sequence[Any], keywords: dict[str, Any] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call of `caller`, as its function receives them.

    Raises TypeError, which begins with the caller and the path, where there is a masked array or a matrix.
    """
    arrays = functools.partial(float_arrays, convert=received)
    return (
        [x if x.__class__ is float else arrays(x, f"{caller}(): argument {i}") for i, x in enumerate(args)],
        {name: arrays(x, f"{caller}(): {name}") for name, x in keywords.items()} if keywords else {},
    )
