"""to_ctypes and to_scipy: a compiled function as a C function, which others call without Python."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from typing import Any

from autograd_engine.bridges.function import Bridge
from autograd_engine.compiler.llvm.entry import Entry, c_function
from autograd_engine.compiler.program.program import SHARED
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.installed import imported
from autograd_engine.runs import name_of, parameters_of

_NUMBERS = ctypes.POINTER(ctypes.c_double)


def to_ctypes(f: Callable[..., Any], count: int | None = None) -> Any:
    """The function `f` of numbers, or `jit(f, ...)`, as a C function: a function pointer of ctypes.

    Of a function that returns one number it is `double (double, ...)`, with as many parameters as f has without
    default, or `count`. Of one that returns several, nested in lists, tuples, dicts and arrays, it is
    `void (const double *inputs, double *outputs)`, all numbers side by side; the two must not overlap.

    Numba calls it from functions that it compiles (an array `x` is passed as `x.ctypes`), and any C library that takes
    a callback does. It takes no lock of Python's, and several threads may call it at once. The code lives as long as
    the object that is returned: keep that.

    Arrays that `f` reads from outside are part of it. Where an index is out of range and where memory is short, which
    are errors of `jit(f)`, the results are nan, and a loop does not end at Ctrl-C.

    Raises TypeError if `f` is not a function, if it cannot be told how many numbers it takes, and if it returns
    anything but numbers; ValueError if `count` is negative or `f` has static arguments; TraceError as jit does.

    >>> from autograd_engine import value_and_grad
    >>> area = to_ctypes(lambda x, y: x * y)
    >>> area(2.0, 3.0)
    6.0
    >>> import numpy as np
    >>> slopes = to_ctypes(value_and_grad(lambda x, y: x * y, (0, 1)), 2)
    >>> point, found = np.array([2.0, 3.0]), np.empty(3)
    >>> slopes(np.ctypeslib.as_ctypes(point), np.ctypeslib.as_ctypes(found)), found
    (None, array([6., 3., 2.]))
    """
    entry, count, results = _entry("to_ctypes", f, count)
    if results is None:
        return c_function(entry, "of_numbers", ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * count))
    return c_function(entry, "evaluate", ctypes.CFUNCTYPE(None, _NUMBERS, _NUMBERS))


def to_scipy(f: Callable[..., Any], count: int | None = None) -> Any:
    """The function `f` of numbers, or `jit(f, ...)`, that returns one number as a `scipy.LowLevelCallable`.

    `scipy.integrate.quad`, `dblquad`, `tplquad` and `nquad` call it without Python; the `args` of these are further
    numbers that f takes. How many it takes and what is said of errors is as for `to_ctypes`. For another number of
    arguments the result is nan. SciPy's object keeps the code alive.

    Raises ImportError where there is no SciPy, TypeError if `f` does not return one number, and what `to_ctypes` does.

    >>> from autograd_engine import exp, grad
    >>> from scipy.integrate import quad
    >>> density = lambda x, scale: exp(-x * x / scale)
    >>> round(quad(to_scipy(density), -8.0, 8.0, args=(2.0,))[0], 9)  # the square root of 2π
    2.506628275
    >>> round(quad(to_scipy(grad(density, 1), 2), -8.0, 8.0, args=(2.0,))[0], 9)  # and its slope
    0.626657069
    """
    low_level = imported("to_scipy", "scipy", "train").LowLevelCallable
    entry, _, results = _entry("to_scipy", f, count)
    if results is not None:
        raise TypeError(f"to_scipy() needs a function that returns one number, but {name_of(f)}() returns {results}")
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, _NUMBERS)
    return low_level(c_function(entry, "of_array", prototype))


def _entry(caller: str, f: Callable[..., Any], count: int | None) -> tuple[Entry, int, str | None]:
    """The C functions of f, how many numbers it takes, and what it returns if it is not one number."""
    jitted = Bridge(caller, f).jitted
    name = name_of(f)
    if count is None:
        parameters = parameters_of(jitted.function)
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if not positional or any(p.kind is p.VAR_POSITIONAL for p in parameters):
            raise TypeError(f"{caller}() cannot tell how many numbers {name}() takes; give count")
        count = sum(p.default is inspect.Parameter.empty for p in positional)
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"{caller}(): count must be a whole number of at least 0, got {count!r}")
    traced = TracedFunction(jitted.function, (0.0,) * count, {}, jitted.exact)
    if any(batch != SHARED for batch in traced.rows):
        raise TypeError(f"{caller}() needs a function that returns numbers, but {name}() returns what vmap does")
    if not traced.rows:
        raise TypeError(f"{caller}() needs a function that returns a number, but {name}() returns none")
    one = traced.structure.kind is None
    return Entry(traced.program, traced, jitted.exact), count, None if one else f"{len(traced.rows)} in a container"
