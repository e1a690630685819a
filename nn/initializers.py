"""Initialisers: where the weights of a network start.

An initialiser is called with the shape of a weight tensor and a seeded NumPy Generator and returns an array of
that shape. A unit of `shape[0]` outputs has fan_in = shape[1] · shape[2] · ... inputs, and each of its inputs goes
to fan_out = shape[0] · shape[2] · ... outputs, as PyTorch counts them. What the rules below fix is the variance:
a signal is to keep its size on its way through the layers, forwards (fan_in) or backwards (fan_out).

>>> import numpy as np
>>> from nn import MLP, xavier_uniform
>>> xavier_uniform((2, 3), np.random.default_rng(0)).shape
(2, 3)
>>> model = MLP(2, [8, 1], "tanh")
>>> model.initialize(xavier_uniform, seed=1)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = "tuple[int, ...]"
Initializer: TypeAlias = Callable[[Shape, np.random.Generator], Array]


def lecun_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 1 / fan_in: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998."""
    return _normal(1.0 / _fans(shape)[0], shape, draws)


def lecun_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 1 / fan_in, see `lecun_normal`."""
    return _uniform(1.0 / _fans(shape)[0], shape, draws)


def kaiming_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 2 / fan_in, for relu and its like, which halve the signal.

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015; also called He initialisation.
    """
    return _normal(2.0 / _fans(shape)[0], shape, draws)


def kaiming_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 2 / fan_in, see `kaiming_normal`."""
    return _uniform(2.0 / _fans(shape)[0], shape, draws)


def xavier_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 2 / (fan_in + fan_out), for tanh and its like.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010; also
    called Glorot initialisation.
    """
    return _normal(2.0 / sum(_fans(shape)), shape, draws)


def xavier_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 2 / (fan_in + fan_out), see `xavier_normal`."""
    return _uniform(2.0 / sum(_fans(shape)), shape, draws)


def constant(number: float) -> Initializer:
    """The initialiser that sets every weight to `number`.

    Units of one layer that start alike stay alike: for experiments, and for networks of a single unit.
    """
    return lambda shape, draws: np.full(shape, float(number))


def zeros(shape: Shape, draws: np.random.Generator) -> Array:
    """Every weight 0, see `constant`."""
    return constant(0.0)(shape, draws)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"an initialiser needs a weight of two or more dimensions (outputs, inputs, ...), got {shape}")
    n_out, n_in, *kernel = shape
    return n_in * math.prod(kernel), n_out * math.prod(kernel)


def _normal(variance: float, shape: Shape, draws: np.random.Generator) -> Array:
    weights: Array = np.sqrt(variance) * draws.standard_normal(shape)
    return weights


def _uniform(variance: float, shape: Shape, draws: np.random.Generator) -> Array:
    bound = np.sqrt(3.0 * variance)
    return draws.uniform(-bound, bound, shape)
