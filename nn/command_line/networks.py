"""The networks that `train` builds, and the defaults that work well for each data set."""

from __future__ import annotations

from dataclasses import dataclass

from nn.checks import generator
from nn.convolution import Conv2d, Linear, MaxPool2d
from nn.datasets import Dataset, n_outputs
from nn.modules import Module
from nn.perceptrons import MLP
from nn.units import Activation, Flatten, Sequential


@dataclass(frozen=True)
class Recipe:
    """How large a network, and how long and in what batches to train it."""

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int = 16


_RECIPES = {
    ("iris", "mlp"): Recipe((16,), 20),
    ("breast_cancer", "mlp"): Recipe((16,), 10),
    ("digits", "mlp"): Recipe((32,), 20, 32),
    ("digits", "conv"): Recipe((), 3),
    ("moons", "mlp"): Recipe((16,), 30),
    ("xor", "mlp"): Recipe((8,), 10),
}
KERNEL, POOL = 3, 2


def recipe(dataset: Dataset, model: str) -> Recipe:
    """The recipe for a data set; for an unknown one as many epochs as take about a minute."""
    return _RECIPES.get((dataset.name, model)) or Recipe((16, 16), min(max(20_000 // len(dataset.X), 5), 100))


def perceptron(dataset: Dataset, hidden: tuple[int, ...], activation: str, seed: int) -> MLP:
    """A multi-layer perceptron with layers of the given widths between the features and the outputs."""
    return MLP(dataset.X.shape[1], (*hidden, n_outputs(dataset.class_names)), activation, seed)


def convolutional(dataset: Dataset, channels: int, hidden: tuple[int, ...], activation: str, seed: int) -> Sequential:
    """One convolution and one pooling of images, whose outputs go to layers of the given widths and the outputs."""
    assert dataset.image_shape is not None, "a convolutional network is for images"
    draws = generator(seed)
    height, width = ((side - KERNEL + 1) // POOL for side in dataset.image_shape)
    n_in, layers = channels * height * width, list[Module]()
    for n_out in hidden:
        layers += [Linear(n_in, n_out, seed=draws), Activation(activation)]
        n_in = n_out
    return Sequential(
        Conv2d(1, channels, KERNEL, seed=draws),
        Activation(activation),
        MaxPool2d(POOL),
        Flatten(),
        *layers,
        Linear(n_in, n_outputs(dataset.class_names), seed=draws),
    )
