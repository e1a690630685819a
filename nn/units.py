"""Units around the weighted sums: Sequential, activations, Flatten, Dropout, BatchNorm and the threshold Perceptron.

Names, arguments and results are PyTorch's. A module takes one sample; BatchNorm in training mode, and whatever
contains it, takes a batch, a list of samples, through `forward_batch`. `fit` chooses the right one.

>>> from nn import Conv2d, Linear, MaxPool2d
>>> model = Sequential(Conv2d(1, 2, 3), BatchNorm(2), Activation("relu"), MaxPool2d(2), Flatten(), Linear(8, 3))
>>> image = [[[float(x * y) for x in range(6)] for y in range(6)]]
>>> [len(outputs) for outputs in model.forward_batch([image, image])]
[3, 3]
>>> len(model.eval()(image))
3
>>> {name: delta.shape for name, delta in model.deltas().items()}
{'0': (2, 4, 4), '1': (2, 4, 4), '3': (2, 2, 2), '5': (3,)}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

import numpy as np

from autograd_engine.primitives import Primitive, as_float, div, dot, heaviside, sqrt, sum, where
from autograd_engine.runs import user_function
from autograd_engine.softmax import softmax
from autograd_engine.structure import flatten
from nn.checks import Seed, as_constant, at_least_0, generator, is_symbol, whole_number
from nn.convolution import WeightedSums
from nn.grids import Grid, grid, parameters, read
from nn.modules import Module, Part, parameter_count, resolve_activation


class Sequential(Module):
    """Modules one after the other, each fed with the outputs of the one before.

    The tensors are named by the module's index, `0.weight`, as in PyTorch. `model[0]` is the first module, and
    `model[:2]` a Sequential of the first two: the same modules, not copies. Modules made with the same seed start
    with the same draws: give each its own, or all of them one NumPy Generator.

    Raises TypeError if one of `modules` is not a Module but, say, a function. Nothing else is checked before the first
    call, in which a module raises whatever it raises for inputs that do not fit.

    >>> from nn import Linear
    >>> model = Sequential(Linear(2, 3, seed=0), Activation("relu"), Linear(3, 1, seed=1))
    >>> list(model.tensors()), model[1]
    (['0.weight', '0.bias', '2.weight', '2.bias'], Activation(relu))
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential takes modules, got {module!r:.60} at index {i}; "
                    "an activation function is one as Activation('relu')"
                )
        self._modules = modules

    def __call__(self, inputs: Any, /) -> Any:
        """The outputs of the last module for one sample."""
        for module in self._modules:
            inputs = user_function.get()(module)(inputs)
        return inputs

    def forward_batch(self, batch: Iterable[Any]) -> list[Any]:
        """The outputs of the last module for each sample; every module sees the whole batch."""
        self._forget()
        batch = list(batch)
        for module in self._modules:
            batch = module.forward_batch(batch)
        return batch

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        return Sequential(*self._modules[index]) if isinstance(index, slice) else self._modules[index]

    def __len__(self) -> int:
        return len(self._modules)

    def _parts(self) -> Iterator[tuple[str, Part]]:
        for i, module in enumerate(self._modules):
            yield str(i), module

    def __repr__(self) -> str:
        lines = [f"  {i}: " + repr(module).replace("\n", "\n  ") for i, module in enumerate(self._modules)]
        return "\n".join(["Sequential(", *lines, f"  {parameter_count(self)}", ")"])


class Activation(Module):
    """An activation function of every number in a sample of any shape, such as `Activation("relu")`.

    `activation` is a name (see `ACTIVATIONS`), a primitive of one number, or None for none. PyTorch has a class for
    each of them. Raises ValueError for an unknown name and for a primitive of more numbers, TypeError for anything
    else.

    >>> Activation("relu")([[-1.0, 2.0], [3.0, -4.0]])
    [[0.0, 2.0], [3.0, 0.0]]
    """

    def __init__(self, activation: str | Primitive | None) -> None:
        self.activation = resolve_activation(activation)

    def __call__(self, inputs: Any, /) -> Any:
        """The sample with every number activated, in the structure that it has."""
        if self.activation is None:
            return inputs
        numbers, structure = flatten(inputs)
        return structure([self.activation(x) for x in numbers])

    def __repr__(self) -> str:
        return f"Activation({self.activation.name if self.activation else 'linear'})"


class Softmax(Module):
    """The softmax of a list of numbers: exp(xᵢ) / (exp(x₁) + exp(x₂) + …), which makes probabilities of scores.

    In a training, `cross_entropy` takes the scores themselves, which is more accurate. Raises ValueError for a sample
    that is not a list of numbers.

    >>> Softmax()([2.0, 2.0])
    [0.5, 0.5]
    """

    def __call__(self, inputs: Any, /) -> list[Any]:
        """The probabilities, as many as there are numbers."""
        outputs: list[Any] = softmax(read(inputs, "Softmax", ("n",)).tolist())
        return outputs

    def __repr__(self) -> str:
        return "Softmax()"


class Flatten(Module):
    """A sample of any shape as a plain list, in row-major order: between a convolution and a `Linear`.

    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """

    def __call__(self, inputs: Any, /) -> list[Any]:
        """The numbers of the sample."""
        return flatten(inputs)[0]

    def __repr__(self) -> str:
        return "Flatten()"


class Dropout(Module):
    """Replaces each number of a sample by 0 with probability p, and divides the others by 1 - p, in training mode.

    So the expectation stays the same, and in inference mode nothing is done. Srivastava, Hinton, Krizhevsky,
    Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

    The draws come from `seed`, an int or a NumPy Generator, and go on from call to call. A dropped number is the
    constant 0, whatever it was, and no gradient reaches it. Raises ValueError unless p is from 0 to 1.

    A module begins in training mode, so call `eval()` before you use what was trained (`fit` does so for the
    validation, `evaluate` too):

    >>> unit = Dropout(0.2, seed=1)
    >>> unit([1.0, 1.0, 1.0]), unit([1.0, 1.0, 1.0])
    ([1.25, 1.25, 0.0], [1.25, 1.25, 1.25])
    >>> unit.eval()([1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, *, seed: Seed = 0) -> None:
        self.p = as_float(p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"Dropout: p must be a probability from 0 to 1, got {self.p}")
        self.seed, self._draws = seed, generator(seed)

    def __call__(self, inputs: Any, /) -> Any:
        """The sample with some numbers dropped, in the structure that it has."""
        if not self.training:
            return inputs
        numbers, structure = flatten(inputs)
        draws = self._draws.random(len(numbers)).tolist()
        return structure([self._dropped(x, draw) for x, draw in zip(numbers, draws)])

    def _dropped(self, x: Any, draw: Any) -> Any:
        if is_symbol(draw):  # in a compiled step
            return where(draw >= self.p, div(x, 1 - self.p), 0.0)
        return x / (1 - self.p) if draw >= self.p else 0.0

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"


class BatchNorm(Module):
    """Normalises each channel over a batch: (x - mean) / sqrt(variance + eps) · weight + bias.

    Ioffe and Szegedy, "Batch Normalization", 2015. It is PyTorch's BatchNorm1d, 2d and 3d in one: samples are
    (num_features,) or (num_features, positions...), and a channel is normalised over all samples and positions.

    In training mode the mean and the (biased) variance are the batch's, the gradient goes through them, and each
    batch moves `running_mean` and `running_var` towards its own mean and unbiased variance by the share `momentum`;
    None stands for the mean over all batches so far. In inference mode the running statistics are used, and
    samples do not depend on one another.

    `weight` and `bias`, both (num_features,), start at 1 and 0 and are None with `affine=False`. The running
    statistics and `num_batches_tracked` are buffers.

    Raises TypeError or ValueError if `num_features` is not a whole number of at least 1. A call, which is for one
    sample, raises RuntimeError in training mode: there `forward_batch` takes them all.

    >>> unit = BatchNorm(1, eps=0.0, momentum=None)
    >>> [[y.data for y in sample] for sample in unit.forward_batch([[1.0], [3.0]])]
    [[-1.0], [1.0]]
    >>> unit.running_mean, unit.running_var  # by the unbiased variance, 2 and not 1
    (array([2.]), array([2.]))
    >>> unit.eval()([2.0])[0].data
    0.0
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        self.num_features = whole_number("BatchNorm: num_features", num_features)
        self.eps = at_least_0("BatchNorm: eps", eps)
        self.momentum = None if momentum is None else at_least_0("BatchNorm: momentum", momentum)
        if self.momentum is not None and self.momentum > 1:
            raise ValueError(f"BatchNorm: momentum must be a share from 0 to 1 or None, got {self.momentum}")
        self.affine = bool(affine)
        self.weight = parameters(np.ones(num_features), "w") if affine else None
        self.bias = parameters(np.zeros(num_features), "b") if affine else None
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.num_batches_tracked = np.array(0.0)

    @property
    def needs_batch(self) -> bool:
        """Whether it is in training mode."""
        return self.training

    def __call__(self, inputs: Any, /) -> Any:
        """The sample normalised by the running statistics. Raises RuntimeError in training mode."""
        if self.training:
            raise RuntimeError(
                "BatchNorm in training mode needs a whole batch: call the model's forward_batch(samples), "
                "or eval() first"
            )
        normalised = self._normalised([inputs])[0]
        self._pre_activations = normalised
        outputs: list[Any] = normalised.tolist()
        return outputs

    def forward_batch(self, batch: Iterable[Any]) -> list[Any]:
        """The samples normalised by the batch's statistics in training mode, else by the running ones.

        Raises ValueError if a sample has the wrong shape or not that of the first one, and in training
        mode if a channel has only one number in the batch, and so no variance.
        """
        self._pre_activations = self._normalised(list(batch))
        outputs: list[Any] = self._pre_activations.tolist()
        return outputs

    def _normalised(self, batch: list[Any]) -> Grid:
        """The outputs, (batch, num_features, positions...)."""
        samples = [read(sample, "BatchNorm", (self.num_features, "...")) for sample in batch]
        shapes = list(dict.fromkeys(sample.shape for sample in samples))
        if len(shapes) != 1:
            raise ValueError(f"BatchNorm expects a batch of samples of one shape, got the shapes {shapes}")
        by_channel = np.stack(samples, axis=1)
        channels = by_channel.reshape(self.num_features, -1).tolist()
        # In a compiled step there is one sample, whose numbers stand for those of a whole batch.
        everyone = next((x.batch for x in samples[0].ravel().tolist() if is_symbol(x) and x.batch), None)
        if self.training:
            if len(channels[0]) < 2 and everyone is None:
                raise ValueError(
                    "BatchNorm in training mode needs more than one number in each channel, got a single one"
                )
            self.num_batches_tracked += 1
        outputs = [y for c, xs in enumerate(channels) for y in self._channel(c, xs, everyone)]
        return np.moveaxis(grid(outputs, by_channel.shape), 1, 0)

    def _channel(self, c: int, xs: list[Any], everyone: Any) -> list[Any]:
        """The outputs of channel c for its numbers in the whole batch, which is `everyone` in a compiled step."""
        if self.training:
            n = len(xs) if everyone is None else len(xs) * everyone.count()
            mean = _total(sum(xs), everyone) / n
            centred = [x - mean for x in xs]
            variance = _total(dot(centred, centred), everyone) / n
            self._track(c, as_constant(mean), as_constant(variance), n)
        else:
            mean, variance = self.running_mean.item(c), self.running_var.item(c)
            centred = [x - mean for x in xs]
        deviation = sqrt(variance + self.eps)
        if self.weight is None or self.bias is None:
            return [div(x, deviation) for x in centred]
        scale = self.weight[c] / deviation
        return [x * scale + self.bias[c] for x in centred]

    def _track(self, c: int, mean: Any, variance: Any, n: Any) -> None:
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        unbiased = variance * n / (n - 1)
        self.running_mean[c] = (1 - share) * self.running_mean[c] + share * mean
        self.running_var[c] = (1 - share) * self.running_var[c] + share * unbiased

    def __repr__(self) -> str:
        return f"BatchNorm({self.num_features}, eps={self.eps}, momentum={self.momentum}, {parameter_count(self)})"


class Perceptron(WeightedSums):
    """Rosenblatt's unit with a threshold: 1 where w · x + b is above 0, else 0 (nan at nan), `n_out` of them.

    The threshold is flat wherever it has a derivative, so the gradient is 0 and gradient descent learns nothing:
    the reason why networks have smooth activations. `weight` (n_out, n_in) and `bias` (n_out,) are those of a
    `Linear`, to be set by hand or loaded.

    >>> both = Perceptron(2)
    >>> both.load_arrays({"weight": [[1.0, 1.0]], "bias": [-1.5]})
    >>> [both([x, y])[0].data for x in (0, 1) for y in (0, 1)]
    [0.0, 0.0, 0.0, 1.0]
    """

    dimensions = 0

    def __init__(self, n_in: int, n_out: int = 1, *, seed: Seed = 0) -> None:
        self.n_in, self.n_out = whole_number("Perceptron: n_in", n_in), whole_number("Perceptron: n_out", n_out)
        super().__init__(self.n_in, self.n_out, (), (), (), True, seed)

    def __call__(self, inputs: Iterable[Any], /) -> list[Any]:
        """A list of `n_out` zeros and ones. Raises ValueError unless there are `n_in` inputs."""
        return [heaviside(z, 0.0) for z in super().__call__(inputs)]


def _total(number: Any, everyone: Any) -> Any:
    """The number summed over the batch: in a compiled step it stands for one of each sample, else it is the sum."""
    return number if everyone is None else everyone.sum(number)
