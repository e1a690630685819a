"""Weighted sums and windows: Linear, convolution and pooling, for one sample of shape (channels, positions...).

How to read this file: `_windows` handles kernel size, stride and padding in any number of dimensions: it lists
for each output the indices of its inputs. `_Sliding` reads a sample and lays the windows over it. A convolution makes
one `dot` and one `add` of a window and a channel's weights, a pooling the largest number or the mean. Linear is
the convolution without positions to slide over.

Names, shapes and arguments are PyTorch's, for one sample instead of a batch. Samples are nested lists or arrays of
numbers and Values; outputs are nested lists.

>>> image = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
>>> MaxPool2d(2, stride=1)(image)
[[[5.0, 6.0], [8.0, 9.0]]]
>>> AvgPool2d(3)(image)
[[[5.0]]]
>>> Conv2d(1, 4, kernel_size=3, padding=1)
Conv2d(1 -> 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), 40 parameters)
"""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autograd_engine.primitives import maximum, sum
from autograd_engine.rows import Rows
from nn.checks import Seed, generator, whole_number
from nn.grids import grid, parameters, read
from nn.initializers import lecun_normal
from nn.modules import Module, parameter_count

Size: TypeAlias = "int | Sequence[int]"
"""A whole number for all dimensions, or one for each."""

Windows: TypeAlias = "list[list[int]]"
"""For each output the indices of its inputs within a channel, -1 for padding."""

_AXES = ((), ("L",), ("H", "W"))


class _Sliding(Module):
    """A unit that computes each of its outputs from a window of its inputs."""

    dimensions: ClassVar[int]
    _channels: int | str = "C"

    def __init__(self, kernel_size: Size, stride: Size, padding: Size) -> None:
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self._sizes("stride", stride)
        self.padding = self._sizes("padding", padding, at_least=0)

    def __call__(self, inputs: Iterable[Any], /) -> list[Any]:
        """The outputs for one sample, a nested list. Raises ValueError for a sample of another shape."""
        sample = read(inputs, type(self).__name__, (self._channels, *_AXES[self.dimensions]))
        size = sample.shape[1:]
        if any(n + 2 * p < k for n, p, k in zip(size, self.padding, self.kernel_size)):
            raise ValueError(
                f"{type(self).__name__}: a kernel of size {self.kernel_size} does not fit into an input of shape "
                f"{sample.shape} with padding {self.padding}"
            )
        shape, windows = _windows(size, self.kernel_size, self.stride, self.padding)
        outputs = self._outputs(sample.reshape(len(sample), math.prod(size)).tolist(), windows)
        self._pre_activations = grid(outputs, (-1, *shape))
        nested: list[Any] = self._pre_activations.tolist()
        return nested

    @abstractmethod
    def _outputs(self, channels: list[list[Any]], windows: Windows) -> list[Any]:
        """The outputs, channel by channel, from the inputs of each channel."""

    def _sizes(self, name: str, size: Any, at_least: int = 1) -> tuple[int, ...]:
        name = f"{type(self).__name__}: {name}"
        if not isinstance(size, Sequence):
            return (whole_number(name, size, at_least),) * self.dimensions
        if len(size) != self.dimensions:
            raise ValueError(f"{name} must be a whole number or {self.dimensions} of them, got {size!r:.60}")
        return tuple(whole_number(name, n, at_least) for n in size)

    def _described(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class WeightedSums(_Sliding):
    """Output channel o at each position: `dot(weight[o], the window in all channels) + bias[o]`."""

    def __init__(
        self, n_in: int, n_out: int, kernel_size: Size, stride: Size, padding: Size, bias: bool, seed: Seed
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self._channels, self._n_out = n_in, n_out
        self.weight = parameters(lecun_normal((n_out, n_in, *self.kernel_size), generator(seed)), "w")
        self.bias = parameters(np.zeros(n_out), "b") if bias else None

    def _outputs(self, channels: list[list[Any]], windows: Windows) -> list[Any]:
        for channel in channels:
            channel.append(0.0)  # where the index of padding, -1, points
        gathered = [tuple([channel[i] for channel in channels for i in window]) for window in windows]
        kernels = self.weight
        for _ in range(self.dimensions):  # chained, since NumPy takes long to inspect each Value
            kernels = [list(chain.from_iterable(kernel)) for kernel in kernels]
        rows = Rows([tuple(kernel) for kernel in kernels])
        by_kernel = zip(*[rows.dots(window) for window in gathered])
        if self.bias is None:
            return list(chain.from_iterable(by_kernel))
        return [z + b for zs, b in zip(by_kernel, self.bias) for z in zs]

    def __repr__(self) -> str:
        window = f"{self._described()}, " if self.dimensions else ""
        return f"{type(self).__name__}({self._channels} -> {self._n_out}, {window}{parameter_count(self)})"


class Linear(WeightedSums):
    """`weight · inputs + bias`: a `Layer` without activation, with PyTorch's name and arguments.

    `weight` is (out_features, in_features); `bias` is (out_features,) and starts at 0, or None with
    `bias=False`. What activation follows is not known here, so the weights are drawn from `seed` by
    `lecun_normal`; for others see `initialize`.

    Called with `in_features` numbers it returns a list of `out_features`. Raises ValueError for any other shape.

    >>> unit = Linear(2, 1)
    >>> unit.load_arrays({"weight": [[2.0, -1.0]], "bias": [0.5]})
    >>> unit([3.0, 4.0])[0].data
    2.5
    """

    dimensions = 0

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, seed: Seed = 0) -> None:
        name = type(self).__name__
        self.in_features = whole_number(f"{name}: in_features", in_features)
        self.out_features = whole_number(f"{name}: out_features", out_features)
        super().__init__(self.in_features, self.out_features, (), (), (), bias, seed)


class _Convolution(WeightedSums):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        bias: bool = True,
        *,
        seed: Seed = 0,
    ) -> None:
        name = type(self).__name__
        self.in_channels = whole_number(f"{name}: in_channels", in_channels)
        self.out_channels = whole_number(f"{name}: out_channels", out_channels)
        super().__init__(self.in_channels, self.out_channels, kernel_size, stride, padding, bias, seed)


class Conv1d(_Convolution):
    """Cross-correlation of a sample (in_channels, L) with `weight` (out_channels, in_channels, kernel_size).

    The output is (out_channels, floor((L + 2 padding - kernel_size) / stride) + 1); `padding` zeros are put at both
    ends. `bias` and the start of the weights are as for `Linear`. Raises ValueError if the sample has another
    shape or is shorter than the kernel.

    The kernel is not reversed, as it is in mathematics: [-1, 1] takes differences.

    >>> unit = Conv1d(1, 1, kernel_size=2)
    >>> unit.load_arrays({"weight": [[[-1.0, 1.0]]], "bias": [0.0]})
    >>> [[y.data for y in channel] for channel in unit([[1.0, 4.0, 9.0, 16.0]])]
    [[3.0, 5.0, 7.0]]
    """

    dimensions = 1


class Conv2d(_Convolution):
    """Cross-correlation of a sample (in_channels, H, W) with `weight` (out_channels, in_channels, height, width).

    The output is (out_channels, H', W') with H' = floor((H + 2 padding - kernel_size) / stride) + 1 and W' likewise.
    `kernel_size`, `stride` and `padding` are a number for both or a pair (vertical, horizontal). All else is as for
    `Conv1d`. A sample of one channel is (1, H, W), and not (H, W):

    >>> unit = Conv2d(1, 8, kernel_size=3, stride=2, padding=1)
    >>> np.shape(unit(np.zeros((1, 8, 6))))
    (8, 4, 3)
    >>> unit(np.zeros((8, 6)))
    Traceback (most recent call last):
    ...
    ValueError: Conv2d expects input of shape (1, H, W), got (8, 6)
    """

    dimensions = 2


class _Pooling(_Sliding):
    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride, padding)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size)):
            raise ValueError(
                f"{type(self).__name__}: padding must be at most half the kernel size, "
                f"got padding {self.padding} for {self.kernel_size}"
            )

    def _outputs(self, channels: list[list[Any]], windows: Windows) -> list[Any]:
        inner = [[i for i in window if i >= 0] for window in windows]
        return [self._pooled([channel[i] for i in window]) for channel in channels for window in inner]

    @abstractmethod
    def _pooled(self, window: list[Any]) -> Any:
        """One output, from the inputs in its window without the padding."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._described()})"


class _MaxPooling(_Pooling):
    def _pooled(self, window: list[Any]) -> Any:
        return _largest(window)


class _AvgPooling(_Pooling):
    def _pooled(self, window: list[Any]) -> Any:
        return sum(window) / math.prod(self.kernel_size)


class MaxPool1d(_MaxPooling):
    """The largest number in each window of a sample (C, L), channel by channel.

    The output is (C, floor((L + 2 padding - kernel_size) / stride) + 1). `stride` is `kernel_size` if it is not
    given. Padding never wins; nan always does.

    The gradient goes to the largest number. Where several are equally large they share it, by halves in a
    tournament of pairs: if all of 2, 4, 8 ... numbers are equal each gets the same, in other cases those with fewer
    rounds to win get more. The shares add up to 1. (PyTorch gives everything to the first of them.)

    Raises ValueError if `padding` is more than half of `kernel_size`, and for a sample of another shape or
    smaller than the kernel.

    >>> from autograd_engine import Value
    >>> tied = [Value(2.0), Value(2.0)]
    >>> [[largest]] = MaxPool1d(2)([tied])
    >>> largest.backward()
    >>> [x.grad for x in tied]
    [0.5, 0.5]
    """

    dimensions = 1


class MaxPool2d(_MaxPooling):
    """The largest number in each window of a sample (C, H, W), channel by channel.

    `kernel_size`, `stride` and `padding` are a number for both dimensions or a pair (vertical, horizontal). All else
    is as for `MaxPool1d`. What is left over at the lower and right edge is in no window:

    >>> MaxPool2d((1, 2))([[[1.0, 2.0, 9.0], [3.0, 4.0, 9.0]]])
    [[[2.0], [4.0]]]
    """

    dimensions = 2


class AvgPool1d(_AvgPooling):
    """The mean of the numbers in each window of a sample (C, L), channel by channel.

    Each number has the slope 1 / kernel_size. Padding counts as 0, as it does by default in PyTorch, so the outer
    windows here are (0, 4) and (6, 0). All else is as for `MaxPool1d`.

    >>> AvgPool1d(2, padding=1)([[4.0, 6.0]])
    [[2.0, 3.0]]
    """

    dimensions = 1


class AvgPool2d(_AvgPooling):
    """The mean of the numbers in each window of a sample (C, H, W), channel by channel.

    Padding counts as 0, as it does by default in PyTorch. All else is as for `MaxPool2d`. A window as large as the
    sample makes one number of each channel:

    >>> AvgPool2d(2)([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 1.0]]])
    [[[3.0]], [[0.25]]]
    """

    dimensions = 2


def _largest(numbers: list[Any]) -> Any:
    """By a tournament, in which ties of all are shared equally, and which makes a shallower graph than a chain."""
    if len(numbers) == 1:
        return numbers[0]
    half = len(numbers) // 2
    return maximum(_largest(numbers[:half]), _largest(numbers[half:]))


@functools.lru_cache(maxsize=256)
def _windows(
    size: tuple[int, ...], kernel_size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
) -> tuple[tuple[int, ...], Windows]:
    """The shape of the outputs, and the windows of all of them, over a channel of the given size."""
    if not size:
        return (), [[0]]  # for which NumPy has no windows
    indices = np.pad(np.arange(math.prod(size)).reshape(size), [(p, p) for p in padding], constant_values=-1)
    windows = sliding_window_view(indices, kernel_size)[tuple(slice(None, None, step) for step in stride)]
    shape = windows.shape[: len(size)]
    return shape, windows.reshape(math.prod(shape), math.prod(kernel_size)).tolist()
