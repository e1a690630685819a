"""The loops of adjoints.c, compiled for this machine when they are needed."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest


def library(folder):
    """The functions of adjoints.c."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc on this machine")
    made = Path(folder) / "adjoints.so"
    source = Path(__file__).with_name("adjoints.c")
    subprocess.run(
        [compiler, "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(made), "-lm"], check=True
    )
    return ctypes.CDLL(str(made))


def called(function, numbers, way, gradient, *others):
    """A function of nothing: the value and the gradient of a function of adjoints.c."""
    function.restype = ctypes.c_double
    arguments = [ctypes.c_double(x) for x in numbers]
    room, slopes = np.empty(way), np.empty(gradient)

    def call():
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (room, slopes)]
        return function(*arguments, *others, *pointers), slopes.tolist()

    return call
