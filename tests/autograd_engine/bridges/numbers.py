"""What the tests of bridges share."""

import numpy as np

from autograd_engine import mean, tanh, vmap


def bits(numbers):
    """What is equal where two lists of numbers are, to the sign of zero and to nan."""
    return np.asarray(numbers, dtype=np.float64).tobytes()


def loss(parameters, X):
    """The mean over samples of a function of nested parameters."""
    return mean(vmap(lambda x: tanh(parameters["w"] @ x + parameters["b"]) ** 2)(X))


PARAMETERS = {"w": np.array([0.5, -1.0]), "b": 0.25}
SAMPLES = np.random.default_rng(1).normal(size=(3000, 2))
