"""Where each parameter of a network is in the array of all of them: the order of `MLP.parameters()`.

>>> [(layer.start, layer.bias, layer.end) for layer in layout((2, 3, 1))]
[(0, 6, 9), (9, 12, 13)]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class LayerLayout(NamedTuple):
    """The weights of a layer begin at `start`, a row of `inputs` for each neuron; its biases follow."""

    start: int
    inputs: int
    neurons: int

    @property
    def bias(self) -> int:
        """The index of the first bias."""
        return self.start + self.inputs * self.neurons

    @property
    def end(self) -> int:
        """The index after the last bias."""
        return self.bias + self.neurons


def layout(sizes: Sequence[int]) -> list[LayerLayout]:
    """The layers of a network with that many inputs and then neurons per layer."""
    layers: list[LayerLayout] = []
    for inputs, neurons in pairwise(sizes):
        layers.append(LayerLayout(layers[-1].end if layers else 0, inputs, neurons))
    return layers
