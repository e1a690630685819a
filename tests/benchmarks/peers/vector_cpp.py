"""The network in C++ with vectors, compiled for this machine when it is needed."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FLAGS = ("-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-std=c++17", "-shared", "-fPIC")
BLOCK_VECTORS = 2
"""Measured: with 1 a third slower, with 4 no faster."""


def mlp(activation, layers, X, y, folder, bare):
    """A function of nothing: mean squared error and its gradient.

    `bare` is the C++ call alone: parameters packed, pointers ready, the gradient one array, always the same. Else it
    takes NumPy arrays and returns new ones in layers, as a Python wrapper of the C++ function would.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ on this machine")
    library = Path(folder) / f"mlp_{activation}.so"
    macros = (f"-DACTIVATION={('relu', 'tanh').index(activation)}", f"-DBLOCK_VECTORS={BLOCK_VECTORS}")
    source = Path(__file__).with_name("mlp.cpp")
    subprocess.run([compiler, *FLAGS, *macros, str(source), "-o", str(library), "-lm"], check=True)

    function = ctypes.CDLL(str(library)).value_and_gradient
    function.restype = ctypes.c_double

    def call(parameters, X, y, gradient):
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (parameters, X, y, gradient)]
        return (*pointers[:3], len(y), pointers[3])

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
