"""The network of the playground as functions of arrays: what a training step and a picture need, and nothing else.

The functions take all parameters in one array (p,), in the order of `MLP.parameters()`, the inputs X (n, d) and
the targets y (n,). `engine_of` makes them for a network.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler import jit
from autograd_engine.derivatives import grad
from autograd_engine.mapping import vmap
from autograd_engine.primitives import dot, mean
from nn.checks import Array
from nn.losses import binary_cross_entropy_with_logits, l1_penalty, l2_penalty, squared_error
from nn.modules import resolve_activation
from nn.perceptrons import MLP
from nn.playground.layout import LayerLayout, layout

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "classification": binary_cross_entropy_with_logits,
    "regression": squared_error,
}
PENALTIES: dict[str, Callable[[Any], Any]] = {"l1": l1_penalty, "l2": l2_penalty}


@dataclass(frozen=True)
class Network:
    """Everything that determines the functions of a network: its widths, and what it is trained for."""

    n_in: int
    widths: tuple[int, ...]
    activation: str
    problem: str
    penalty: str

    def model(self, seed: int = 0) -> MLP:
        """The network as a module."""
        return MLP(self.n_in, self.widths, self.activation, seed)

    @property
    def layers(self) -> list[LayerLayout]:
        """Where the parameters of each layer are."""
        return layout((self.n_in, *self.widths))

    def tensors(self, parameters: Any) -> list[tuple[list[Any], Any]]:
        """The rows of the weight matrix and the biases of each layer, as parts of an array of all parameters."""
        return [
            (
                [parameters[i : i + layer.inputs] for i in range(layer.start, layer.bias, layer.inputs)],
                parameters[layer.bias : layer.end],
            )
            for layer in self.layers
        ]

    def is_weight(self) -> npt.NDArray[np.bool_]:
        """For each parameter whether it is a weight and not a bias: the penalty is on weights only."""
        mask = np.ones(self.layers[-1].end, dtype=bool)
        for _, biases in self.tensors(mask):
            biases[:] = False
        return mask

    def loss(self, output: Any, target: Any) -> Any:
        """The loss of one sample, whose target is from -1 to 1; only its sign counts for classification."""
        return LOSSES[self.problem](output, target)

    def targets(self, y: Array) -> Array:
        """The targets as the loss takes them: 0 and 1 for classification."""
        return (y > 0).astype(np.float64) if self.problem == "classification" else y

    def right(self, outputs: Array, targets: Array) -> npt.NDArray[np.bool_]:
        """For each sample whether it is classified correctly; for regression whether its sign is right."""
        right: npt.NDArray[np.bool_] = (outputs > 0) == (targets > 0)
        return right

    def shown(self, outputs: Array) -> Array:
        """The outputs from -1 to 1, for a picture: of a logit it is twice its probability minus 1."""
        return np.tanh(outputs / 2) if self.problem == "classification" else outputs


@dataclass(frozen=True)
class Engine:
    """The functions of one network.

    `gradient(parameters, X, y, rate)` is the gradient (p,) of the mean loss plus `rate` times the penalty;
    `losses(parameters, X, y)` is the loss of each sample, (n,), without the penalty; `outputs(parameters, X)` is the
    output of the network for each row of X, (n,), and `activations(parameters, X)` that of every neuron, (neurons, n),
    layer by layer.
    """

    network: Network
    gradient: Callable[[Array, Array, Array, float], Array]
    losses: Callable[[Array, Array, Array], Array]
    outputs: Callable[[Array, Array], Array]
    activations: Callable[[Array, Array], Array]

    def mean_loss(self, parameters: Array, X: Array, y: Array) -> float:
        """The mean of `losses`, whether finite or not."""
        with np.errstate(all="ignore"):
            return float(self.losses(parameters, X, y).mean())


def neurons(network: Network, parameters: Any, inputs: Sequence[Any]) -> list[Any]:
    """The output of every neuron for one sample, layer by layer, of numbers of any kind."""
    activation, outputs, found = resolve_activation(network.activation), list(inputs), []
    layers = network.tensors(parameters)
    for i, (rows, biases) in enumerate(layers):
        outputs = [dot(row, outputs) + bias for row, bias in zip(rows, biases)]
        if activation is not None and i < len(layers) - 1:
            outputs = [activation(z) for z in outputs]
        found += outputs
    return found


def compiled_engine(network: Network) -> Engine:
    """The functions as native code. Compiling takes about 0.2 s; each is compiled when it is first called."""
    weights = np.flatnonzero(network.is_weight()).tolist()

    def loss(parameters: Any, inputs: Any, target: Any) -> Any:
        return network.loss(neurons(network, parameters, inputs)[-1], target)

    losses = vmap(loss, in_axes=(None, 0, 0))

    def objective(parameters: Any, X: Any, y: Any, rate: Any) -> Any:
        value = mean(losses(parameters, X, y))
        if network.penalty == "none":
            return value
        return value + rate * PENALTIES[network.penalty]([parameters[i] for i in weights])

    def mapped(f: Callable[[Any, Any], Any]) -> Any:
        return jit(vmap(f, in_axes=(None, 0)), threads=1)

    activations = mapped(lambda parameters, x: neurons(network, parameters, x))
    return Engine(
        network,
        jit(grad(objective), threads=1),
        jit(losses, threads=1),
        mapped(lambda parameters, x: neurons(network, parameters, x)[-1]),
        lambda parameters, X: np.stack(activations(parameters, X)),
    )


_making = threading.Lock()


def engine_of(network: Network) -> Engine:
    """The engine of a network, shared by all pages."""
    with _making:  # two pages that ask for the same one compile it once
        return _made_lately(network)


_made_lately = functools.lru_cache(maxsize=16)(compiled_engine)
