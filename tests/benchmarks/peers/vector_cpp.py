"""The network in C++ with vectors, compiled for this machine when it is needed."""

import ctypes

import numpy as np

from tests.benchmarks.peers.cpp import library, pointers

BLOCK_VECTORS = 2
"""Measured: with 1 a third slower, with 4 no faster."""


def mlp(activation, layers, X, y, folder, bare):
    """A function of nothing: mean squared error and its gradient.

    `bare` is the C++ call alone: parameters packed, pointers ready, the gradient one array, always the same. Else it
    takes NumPy arrays and returns new ones in layers, as a Python wrapper of the C++ function would.
    """
    macros = (f"-DACTIVATION={('relu', 'tanh').index(activation)}", f"-DBLOCK_VECTORS={BLOCK_VECTORS}")
    function = library("mlp", folder, *macros).value_and_gradient
    function.restype = ctypes.c_double

    def call(parameters, X, y, gradient):
        return (*pointers(parameters, X, y), len(y), *pointers(gradient))

    def packed():
        return np.concatenate([array.ravel() for layer in layers for array in layer])

    def wrapped():
        parameters = packed()
        gradient = np.empty_like(parameters)
        value = function(*call(parameters, X, y, gradient))
        parts, start = [], 0
        for weight, bias in layers:
            middle, stop = start + weight.size, start + weight.size + bias.size
            parts.append((gradient[start:middle].reshape(weight.shape), gradient[middle:stop]))
            start = stop
        return value, parts

    if not bare:
        return wrapped
    parameters = packed()
    gradient = np.empty_like(parameters)
    arguments = call(parameters, X, y, gradient)

    def step(keep_alive=(parameters, X, y)):
        return function(*arguments), gradient

    return step
