"""vmap: a function of one sample becomes a function of many.

Here it is a loop, whose numbers follow IEEE 754 as compiled ones do: 1/x is inf at 0. Inside a compiled function it is
not: there the samples go through the lanes of the machine, and `sum` and `mean` over them are part of the kernel.

>>> vmap(lambda w, x: w * x, in_axes=(None, 0))(2.0, np.array([1.0, 2.0, 3.0]))
array([2., 4., 6.])
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from numbers import Real
from typing import Any

import numpy as np

from autograd_engine.arguments import check_function, float_arguments, received
from autograd_engine.copying import FunctionOf
from autograd_engine.number import ieee
from autograd_engine.number_arrays import NumberArray, number_array
from autograd_engine.runs import user_function
from autograd_engine.structure import Structure, flatten, float_array, leaves_with_paths, map_leaves

mapper: ContextVar[Callable[..., Any] | None] = ContextVar("mapper", default=None)
"""What maps instead of `loop`, called like it: a compiler that traces the function sets it."""


def vmap(f: Callable[..., Any], in_axes: int | Sequence[int | None] | None = 0) -> Callable[..., Any]:
    """A function that calls `f` for each sample and stacks what it returns.

    `in_axes` says for each argument along which axis of it the samples lie, None where all samples share it; one
    int or None goes for all. A mapped argument is an array or nested lists of numbers, or a tuple or dict of
    those. The samples are the first axis of the results: a number becomes an array (samples,), an array of shape
    S one of shape (samples, *S); lists, tuples and dicts stay what they are.

    Arguments by keyword are shared by all samples.

    Raises ValueError where in_axes does not fit the arguments, where nothing is mapped, and where mapped arguments
    differ in length; TypeError where in_axes holds anything else than axes.

    >>> vmap(lambda x, y: {"sum": x.sum(), "both": x * y})(np.ones((2, 3)), np.array([5.0, 7.0]))
    {'sum': array([3., 3.]), 'both': array([[5., 5., 5.],
           [7., 7., 7.]])}
    """

    return FunctionOf(_mapped, f, in_axes)


def _mapped(f: Callable[..., Any], in_axes: Any, /, *args: Any, **keywords: Any) -> Any:
    check_function("vmap", f)
    axes = _axes(in_axes, len(args))
    given, named = float_arguments("vmap", args, keywords)
    arrays = [
        (name, array, axis)
        for i, (arg, axis) in enumerate(zip(given, axes))
        if axis is not None
        for name, array in leaves_with_paths(arg, f"argument {i}", lists=False)
    ]
    samples = common_length("vmap", arrays)
    if samples is None:
        raise ValueError(f"in_axes is {in_axes}, so no argument is mapped; give at least one of them an axis")
    if not samples:
        raise ValueError("vmap() needs at least one sample, got arrays of length 0")

    of_sample = user_function.get()(f)

    def by_position(*sample: Any) -> Any:
        return of_sample(*sample[: len(args)], **dict(zip(named, sample[len(args) :])))

    everything, of_everything = (*given, *named.values()), (*axes, *[None] * len(keywords))
    return (mapper.get() or loop)(by_position if keywords else of_sample, everything, of_everything, samples)


def _axes(in_axes: Any, count: int) -> tuple[int | None, ...]:
    """The axis of each of n arguments."""
    axes = tuple(in_axes) if isinstance(in_axes, Sequence) else (in_axes,) * count
    for axis in axes:
        if axis is not None and not isinstance(axis, (int, np.integer)):
            raise TypeError(
                f"vmap(): in_axes must be an int or None, or one of them for each argument, got {axis!r}; all arrays "
                "in a tuple or dict are mapped along the same axis"
            )
    if len(axes) != count:
        raise ValueError(f"in_axes has {len(axes)} entries, but the function was called with {count} arguments")
    return axes


def loop(f: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None], samples: int) -> Any:
    """vmap as a loop over n samples."""
    shared = [map_leaves(ieee, arg, keep=True) if axis is None else arg for arg, axis in zip(args, axes)]
    mapped = map_arrays(along, shared, axes)

    def sample(i: int) -> list[Any]:
        return map_arrays(lambda array, axis: ieee(array[i]), mapped, axes)

    with np.errstate(all="ignore"):  # nan and inf are results
        results = [flatten(f(*sample(i))) for i in range(samples)]
    structure = results[0][1]
    if any(other != structure for _, other in results):
        raise ValueError("vmap() needs a function that returns the same structure and shapes for every sample")
    return stacked([leaves for leaves, _ in results], structure)


def map_arrays(g: Callable[..., Any], args: Sequence[Any], axes: Sequence[int | None]) -> list[Any]:
    """The arguments, with `g(array, axis=axis)` for each array that is mapped."""
    return [
        arg if axis is None else map_leaves(functools.partial(g, axis=axis), arg, lists=False)
        for arg, axis in zip(args, axes)
    ]


def stacked(rows: Sequence[Sequence[Any]], structure: Structure) -> Any:
    """The numbers of many samples, a row each, as the structure of one with the samples as first axis of its arrays."""

    def array(columns: Any, shape: tuple[int, ...]) -> Any:
        own = slice(columns.start, columns.stop)
        numbers = [float(x) if isinstance(x, (Real, np.bool_)) else x for row in rows for x in row[own]]
        return number_array(numbers, (len(rows), *shape))

    return structure.filled(range(structure.size), array)


def along(array: Any, axis: int = 0) -> Any:
    """The samples of an array, to be indexed."""
    moved = np.moveaxis(received(array) if isinstance(array, np.ndarray) else float_array(np.array(array)), axis, 0)
    if moved.ndim == 1:
        return moved.tolist()
    return moved.view(NumberArray) if moved.dtype == object else moved


def common_length(caller: str, arrays: Iterable[tuple[str, Any, int]]) -> int | None:
    """How many samples arrays have, each given with its name and axis; None if there are no arrays.

    Raises ValueError where they differ, and where an array has no such axis.
    """
    lengths: dict[int, str] = {}
    for name, array, axis in arrays:
        shape = array.shape_to_map if hasattr(array, "shape_to_map") else np.shape(array)
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"{caller}(): {name} should be mapped over axis {axis}, but has an array of shape {shape}")
        lengths.setdefault(int(shape[axis]), name)
    if len(lengths) > 1:
        (one, name), (other, of_other) = list(lengths.items())[:2]
        raise ValueError(f"{caller}(): {name} has {one} samples, but {of_other} has {other}")
    return next(iter(lengths), None)
