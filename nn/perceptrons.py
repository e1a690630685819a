"""Neurons, layers and multi-layer perceptrons of scalar Values.

A `Neuron` is `activation(dot(weight, inputs) + bias)`, three nodes of a graph. A `Layer` is a list of neurons that see
the same inputs, and an `MLP` a list of layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd_engine.primitives import Primitive
from autograd_engine.value import Value, record_unary
from nn.checks import Seed, as_number, generator, whole_number
from nn.initializers import kaiming_normal, lecun_normal
from nn.modules import Module, Part, parameter_count, resolve_activation

_RECTIFIERS = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu"})


class Neuron(Module):
    """One unit: `activation(dot(weight, inputs) + bias)`.

    `weight` is a tuple of `n_in` Values, `bias` a Value that starts at 0. `activation` is a name (see
    `ACTIVATIONS`), a primitive of one number, or None for none.

    The weights are drawn from a normal distribution whose variance depends on the number of inputs: 2 / n_in
    for the rectifiers relu, leaky_relu, elu, gelu and silu (He, Zhang, Ren and Sun, "Delving Deep into
    Rectifiers", 2015), else 1 / n_in (LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998). `seed` is
    an int or a NumPy Generator to draw from; the same seed gives the same weights. The attribute
    `activation` is the primitive, None where there is none.

    Raises TypeError if `n_in` is not a whole number, or `activation` or `seed` is something else;
    ValueError if `n_in` is below 1, the seed negative, the activation's name unknown, or the primitive takes
    more than one number. A call raises ValueError unless there are `n_in` inputs, TypeError if one is not a number.

    >>> neuron = Neuron(2, activation="tanh", seed=1)
    >>> neuron
    Neuron(2 -> 1 tanh, 3 parameters)
    >>> output = neuron([1.0, 0.5])
    >>> output.op.name
    'tanh'
    """

    def __init__(self, n_in: int, activation: str | Primitive | None = "relu", seed: Seed = 0) -> None:
        self.n_in = whole_number("Neuron: n_in", n_in)
        self.activation = resolve_activation(activation)
        rectifies = self.activation is not None and self.activation.name in _RECTIFIERS
        initializer = kaiming_normal if rectifies else lecun_normal
        [weights] = initializer((1, self.n_in), generator(seed)).tolist()
        self.weight = tuple([Value(w, f"w{i}") for i, w in enumerate(weights)])
        self.bias = Value(0.0, "b")

    def __call__(self, inputs: Iterable[Any], /) -> Value:
        """The output for `n_in` inputs. Raises as the class says."""
        [z] = _weighted_sums(self, [self], _checked_inputs(inputs, self.n_in, "Neuron"))
        self._pre_activations = z
        [output] = _activated(self.activation, [z])
        return output  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Neuron({self.n_in} -> {_described(1, self.activation)}, {parameter_count(self)})"


class Layer(Module):
    """`n_out` neurons that see the same `n_in` inputs: outputs = activation(weight · inputs + bias).

    As tensors it is `weight` (n_out, n_in) and `bias` (n_out,), which is what PyTorch's Linear has; the neurons are
    in `neurons`. Called, it returns a list of `n_out` outputs, also where `n_out` is 1. Arguments and errors are those
    of `Neuron`; `n_out`, too, must be a whole number of at least 1.

    Layers with one seed draw the same numbers. To have them differ, hand one Generator to all of them:

    >>> draws = np.random.default_rng(0)
    >>> hidden, output = Layer(2, 3, "tanh", draws), Layer(3, 1, None, draws)
    >>> len(hidden([1.0, -1.0])), len(output(hidden([1.0, -1.0])))
    (3, 1)
    """

    def __init__(self, n_in: int, n_out: int, activation: str | Primitive | None = "relu", seed: Seed = 0) -> None:
        self.n_in, self.n_out = whole_number("Layer: n_in", n_in), whole_number("Layer: n_out", n_out)
        self.activation = resolve_activation(activation)
        draws = generator(seed)
        self.neurons = [Neuron(self.n_in, self.activation, draws) for _ in range(self.n_out)]

    def __call__(self, inputs: Iterable[Any], /) -> list[Value]:
        """A list of `n_out` outputs, also where `n_out` is 1. Raises ValueError unless there are `n_in` inputs."""
        self._pre_activations = zs = _weighted_sums(self, self.neurons, _checked_inputs(inputs, self.n_in, "Layer"))
        return _activated(self.activation, zs)

    def _parts(self) -> Iterator[tuple[str, Part]]:
        yield "weight", [neuron.weight for neuron in self.neurons]
        yield "bias", [neuron.bias for neuron in self.neurons]

    def __repr__(self) -> str:
        return f"Layer({self.n_in} -> {_described(self.n_out, self.activation)}, {parameter_count(self)})"


class MLP(Module):
    """A multi-layer perceptron: layers of the given widths, `activation` in all but the last, which is linear.

    `widths` has the number of outputs last. Called with `n_in` numbers, it returns a list of `widths[-1]` outputs,
    also where that is 1. To the last layer the loss applies an activation, as `binary_cross_entropy_with_logits`
    does, or you do.

    The tensors are named as in the `torch.nn.Sequential` of the same network, in which the
    activations are numbered too: the layers are 0, 2, 4 and so on.

    `seed` is an int or a NumPy Generator; all weights are drawn from it in order. `activation` and what is raised
    for it, for `seed` and in a call are as for `Neuron`. Raises TypeError if `widths` is not a list or holds anything
    but whole numbers, ValueError if it is empty or one of them is below 1.

    >>> model = MLP(2, [4, 3], activation="tanh")
    >>> {name: array.shape for name, array in model.arrays().items()}
    {'0.weight': (4, 2), '0.bias': (4,), '2.weight': (3, 4), '2.bias': (3,)}
    >>> [output.op.name for output in model([0.5, -1.0])]  # sums: no tanh after the last layer
    ['add', 'add', 'add']
    """

    def __init__(
        self, n_in: int, widths: Iterable[int], activation: str | Primitive | None = "relu", seed: Seed = 0
    ) -> None:
        self.n_in = whole_number("MLP: n_in", n_in)
        if not isinstance(widths, Iterable):
            raise TypeError(f"MLP: widths must be a list of widths such as [16, 1], got {widths!r:.60}")
        self.widths = tuple(whole_number("MLP: each width", width) for width in widths)
        if not self.widths:
            raise ValueError("MLP: widths is empty, but a network has at least one layer")
        self.activation = resolve_activation(activation)
        draws = generator(seed)
        last = len(self.widths) - 1
        self.layers = [
            Layer(n_in, n_out, self.activation if i < last else None, draws)
            for i, (n_in, n_out) in enumerate(zip((self.n_in, *self.widths), self.widths))
        ]

    def __call__(self, inputs: Iterable[Any], /) -> list[Value]:
        """The list of outputs, `widths[-1]` of them. Raises ValueError unless there are `n_in` inputs."""
        outputs: Any = _checked_inputs(inputs, self.n_in, "MLP")
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs  # type: ignore[no-any-return]

    def _parts(self) -> Iterator[tuple[str, Part]]:
        for i, layer in enumerate(self.layers):
            yield str(2 * i), layer

    def __repr__(self) -> str:
        layers = [_described(layer.n_out, layer.activation) for layer in self.layers]
        return f"MLP({' -> '.join([str(self.n_in), *layers])}, {parameter_count(self)})"


def _checked_inputs(inputs: Any, n_in: int, who: str) -> tuple[Any, ...]:
    """The inputs as floats and Values, `n_in` of them."""
    if isinstance(inputs, np.ndarray):
        if inputs.ndim != 1:
            raise ValueError(f"{who} expects a list of {n_in} inputs, got an array of shape {inputs.shape}")
        inputs = inputs.tolist()
    try:
        numbers = tuple([x if x.__class__ is Value or x.__class__ is float else as_number(x) for x in inputs])
    except TypeError as error:
        raise TypeError(f"{who} expects a list of {n_in} numbers: {error}") from None
    if len(numbers) != n_in:
        raise ValueError(f"{who} expects {n_in} inputs, got {len(numbers)}")
    return numbers


def _weighted_sums(module: Module, neurons: Sequence[Neuron], inputs: tuple[Any, ...]) -> list[Any]:
    """`dot(weight, inputs) + bias` of each of a module's neurons."""
    dots = module._dots([tuple(neuron.weight) for neuron in neurons], inputs)
    return [z + neuron.bias for z, neuron in zip(dots, neurons)]


def _activated(activation: Primitive | None, zs: list[Any]) -> list[Any]:
    """A new list of the activation of each of `zs`."""
    if activation is None:
        return list(zs)
    if activation.arity == 1 and zs[0].__class__ is Value:  # the same as the call below, in half the time
        return [record_unary(activation, z) for z in zs]
    return [activation(z) for z in zs]


def _described(n_out: int, activation: Primitive | None) -> str:
    return str(n_out) if activation is None else f"{n_out} {activation.name}"
