"""Functions written in C++ by hand, compiled for this machine when they are needed."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FLAGS = ("-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-std=c++17", "-shared", "-fPIC")


def library(name, folder, *macros):
    """The file NAME.cpp beside this one as a library, compiled into a folder."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ on this machine")
    path = Path(folder) / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.cpp")
    subprocess.run([compiler, *FLAGS, *macros, str(source), "-o", str(path), "-lm"], check=True)
    return ctypes.CDLL(str(path))


def pointers(*arrays):
    """The addresses of the numbers of arrays, for a call."""
    return [ctypes.c_void_p(array.ctypes.data) for array in arrays]


def bundle(cameras, points, weights, features, folder):
    """A function of nothing: new arrays with the reprojection errors and their derivatives."""
    function = library("bundle", folder).errors_and_jacobian
    n = len(weights)

    def call():
        errors, by_camera, by_point, by_weight = (np.empty(shape) for shape in ((n, 2), (n, 2, 11), (n, 2, 3), (n, 2)))
        results = errors, by_camera, by_point, by_weight
        function(*pointers(cameras, points, weights, features), n, *pointers(*results))
        return errors, (by_camera, by_point, by_weight)

    return call


def hand(pose, offsets, base, weights, observed, folder):
    """A function of nothing: new arrays with the residuals of a hand's skin, and their Jacobian."""
    function = library("hand", folder).residuals_and_jacobian

    def call():
        n = len(base)
        residuals, jacobian = np.empty((n, 3)), np.empty((n, 3, len(pose)))
        function(*pointers(pose, offsets, base, weights, observed), n, *pointers(residuals, jacobian))
        return residuals, jacobian

    return call


def lstm(main, extra, sequence, folder):
    """A function of nothing: the loss of a recurrent network, and new arrays with its gradient."""
    function = library("lstm", folder).value_and_gradient
    function.restype = ctypes.c_double

    def call():
        gradient = np.empty_like(main), np.empty_like(extra)
        loss = function(*pointers(main, extra, sequence), len(sequence) - 1, *pointers(*gradient))
        return loss, gradient

    return call
