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

from nn.checks import Array, of_kind, whole_number

Shape: TypeAlias = "tuple[int, ...]"
Initializer: TypeAlias = Callable[[Shape, np.random.Generator], Array]


def lecun_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 1 / fan_in: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    Then a sum of fan_in weighted inputs of variance 1 has variance 1. For units without a rectifier; `Neuron` and
    `Linear` start so. Raises ValueError for a shape of fewer than two dimensions or with a size below 1, as all here do
    but `constant` and `zeros`.

    >>> weights = lecun_normal((500, 100), np.random.default_rng(0))
    >>> print(f"{100 * weights.var():.2f}")
    1.00
    """
    return _normal(1.0 / _fans(shape)[0], shape, draws)


def lecun_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 1 / fan_in, so between ±√(3 / fan_in); see `lecun_normal`.

    >>> weights = lecun_uniform((500, 12), np.random.default_rng(0))
    >>> print(f"{weights.min():.2f}, {weights.max():.2f}")
    -0.50, 0.50
    """
    return _uniform(1.0 / _fans(shape)[0], shape, draws)


def kaiming_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 2 / fan_in, for relu and its like, which halve the signal.

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015; also called He initialisation.

    Through 20 layers of relu a signal keeps its size. With a variance of 1 / fan_in each of them would halve its
    square, and 2^-20 would be left of that.

    >>> draws = np.random.default_rng(0)
    >>> signal = draws.standard_normal(500)
    >>> for _ in range(20):
    ...     signal = np.maximum(kaiming_normal((500, 500), draws) @ signal, 0.0)
    >>> bool(0.1 < np.mean(signal**2) < 10)
    True
    """
    return _normal(2.0 / _fans(shape)[0], shape, draws)


def kaiming_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 2 / fan_in, so between ±√(6 / fan_in); see `kaiming_normal`.

    In a convolution the positions of the kernel count as inputs, too; here fan_in is 6 · 3 · 3.

    >>> weights = kaiming_uniform((64, 6, 3, 3), np.random.default_rng(0))
    >>> print(f"{weights.max():.3f}, {(6 / (6 * 3 * 3)) ** 0.5:.3f}")
    0.333, 0.333
    """
    return _uniform(2.0 / _fans(shape)[0], shape, draws)


def xavier_normal(shape: Shape, draws: np.random.Generator) -> Array:
    """Normal with variance 2 / (fan_in + fan_out), for tanh and its like.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010; also
    called Glorot initialisation. It is half-way between keeping the signal's size, 1 / fan_in, and the gradient's,
    1 / fan_out.

    >>> weights = xavier_normal((300, 100), np.random.default_rng(0))
    >>> print(f"{(300 + 100) * weights.var():.1f}")
    2.0
    """
    return _normal(2.0 / sum(_fans(shape)), shape, draws)


def xavier_uniform(shape: Shape, draws: np.random.Generator) -> Array:
    """Uniform with variance 2 / (fan_in + fan_out), so between ±√(6 / (fan_in + fan_out)); see `xavier_normal`.

    >>> weights = xavier_uniform((16, 8), np.random.default_rng(0))
    >>> print(f"{weights.min():.1f}, {weights.max():.1f}")
    -0.5, 0.5
    """
    return _uniform(2.0 / sum(_fans(shape)), shape, draws)


def constant(number: float) -> Initializer:
    """The initialiser that sets every weight to `number`.

    Units of one layer that start alike stay alike: for experiments, and for networks of a single unit.
    (`autograd_engine.constant` is something else: it fixes a number in a compiled function.)

    >>> from nn import MLP
    >>> model = MLP(1, [2, 1], "tanh")
    >>> model.initialize(constant(0.5))
    >>> model([1.0])[0].backward()
    >>> upper, lower = model.layers[0].neurons
    >>> upper.weight[0].grad == lower.weight[0].grad
    True
    """
    return lambda shape, draws: np.full(shape, float(number))


def zeros(shape: Shape, draws: np.random.Generator) -> Array:
    """Every weight 0, see `constant`.

    A network of several layers of tanh or relu learns nothing from there: of all its parameters only the last bias has
    a gradient.

    >>> from nn import MLP
    >>> model = MLP(1, [2, 1], "tanh")
    >>> model.initialize(zeros)
    >>> model([1.0])[0].backward()
    >>> [name for name, parameter in model.named_parameters().items() if parameter.grad]
    ['2.bias[0]']
    """
    return constant(0.0)(shape, draws)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(of_kind("shape", shape, tuple)) < 2:
        raise ValueError(f"an initialiser needs a weight of two or more dimensions (outputs, inputs, ...), got {shape}")
    n_out, n_in, *kernel = (whole_number("each size of an initialised weight", size) for size in shape)
    return n_in * math.prod(kernel), n_out * math.prod(kernel)


def _normal(variance: float, shape: Shape, draws: np.random.Generator) -> Array:
    weights: Array = np.sqrt(variance) * draws.standard_normal(shape)
    return weights


def _uniform(variance: float, shape: Shape, draws: np.random.Generator) -> Array:
    bound = np.sqrt(3.0 * variance)
    return draws.uniform(-bound, bound, shape)
