"""The numbers in nested data, for comparing results."""

import numpy as np

from autograd_engine.structure import leaves_of


def numbers(result):
    """All numbers in nested data, one after the other, as an array."""
    return np.concatenate([np.ravel(leaf) for leaf in leaves_of(result)])
