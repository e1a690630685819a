"""Errors about what cannot be traced. They name the line of the user's code."""

from __future__ import annotations

import dis
import functools
import linecache
import os
import re
import sys
import traceback
import weakref
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from autograd_engine.copying import depends_on_a_variable
from autograd_engine.number import Operators
from autograd_engine.primitives import add

_PACKAGE = Path(__file__).resolve().parents[2]
_NOT_THE_USERS = (
    str(_PACKAGE) + os.sep,
    os.path.dirname(os.path.abspath(np.__file__)) + os.sep,
)
_LIBRARIES = (
    *_NOT_THE_USERS,
    str(_PACKAGE.parent / "nn") + os.sep,
    os.path.dirname(os.path.abspath(os.__file__)) + os.sep,
    "<frozen ",
)
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")

NOT_REWRITTEN: weakref.WeakKeyDictionary[CodeType, dict[str, str]] = weakref.WeakKeyDictionary()
"""Why a function cannot be rewritten, by code and file, to be said where a statement asks for an unknown number."""


_TOO_LATE = (
    "a number of a compiled function was used after its tracing; return it from the function instead of keeping it "
    "elsewhere"
)


class TraceError(TypeError):
    """The function does something with its arguments that cannot be compiled."""

    of_a_branch = False  # whether Python asked for the truth of a number that is not known while tracing


class OuterVariableError(TraceError):
    """The function uses a number that depends on the variable of an enclosing derivative."""


def no_argument(x: Any, fault: str) -> TraceError:
    """The error for using a Value from outside a compiled function; `fault` says how it was used."""
    if depends_on_a_variable(x):
        return OuterVariableError(f"{fault}; it depends on the variable of a derivative around the compiled function")
    return TraceError(f"{fault}; pass it as an argument, or write constant(value) if its present data is meant")


@functools.lru_cache(maxsize=1000)
def is_of_user(file: str) -> bool:
    """Whether code in this file is the user's: not of this library, of Python, or installed."""
    return not file.startswith(_LIBRARIES) and not _INSTALLED.search(file)


def _user_frame() -> Any:
    """The innermost frame outside this package and NumPy: a line of the user's code."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        frame = frame.f_back
    return frame


_OPERATORS = {f.__code__ for f in (Operators.__mul__, Operators.__rmul__, Operators.__pow__)}  # two are of all others


def can_be_left() -> bool:
    """Whether what is running may be ended by an exception: not everywhere in NumPy's products of object arrays.

    Where a number raises, `np.dot` and others go on, and `a @ b` frees some results twice unless it is an addition.
    """
    frame: Any = sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_code in _OPERATORS and frame.f_back.f_code not in _OPERATORS:
            operator = _operator_at(frame.f_back.f_code, frame.f_back.f_lasti)
            if not operator or (operator == "@" and frame.f_locals.get("op") is not add):
                return False
        frame = frame.f_back
    return True


@functools.lru_cache(maxsize=100)
def _operator_at(code: CodeType, at: int) -> str:
    """The operator that this instruction calls, if it is one."""
    instruction = next((x for x in dis.get_instructions(code) if x.offset == at), None)
    if instruction is None or not instruction.opname.startswith(("BINARY_", "INPLACE_")):
        return ""
    return "@" if "MATRIX" in instruction.opname or "@" in instruction.argrepr else "another"  # until 3.10, and since


def user_line() -> str:
    """The line of the user's code that is running, for an error message: file, number and text."""
    frame = _user_frame()
    return _line(frame.f_code.co_filename, frame.f_lineno)


def line_of(error: BaseException) -> str:
    """The line of the user's code, as far inside as there is any, that raised an error."""
    lines = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    return _line(*([line for line in lines if not line[0].startswith(_NOT_THE_USERS)] or lines)[-1])


def _line(file: str, number: int) -> str:
    text = linecache.getline(file, number).strip()
    return f"{file}:{number}" + (f" ({text})" if text else "")


_OF_ARRAYS = {
    "clip": ("clip", "np.array([clip(t, low, high) for t in x])"),
    **dict.fromkeys(("maximum", "fmax"), ("maximum", "np.array([maximum(s, t) for s, t in zip(x, y)])")),
    **dict.fromkeys(("minimum", "fmin"), ("minimum", "np.array([minimum(s, t) for s, t in zip(x, y)])")),
    **dict.fromkeys(("max", "amax"), ("amax", "amax(x)")),
    **dict.fromkeys(("min", "amin"), ("amin", "amin(x)")),
}
"""Functions and methods of NumPy's that decide by comparing, and what to write with one of ours instead."""


def branch(what: str) -> str:
    """The message for a branch of the user's code on `what`, with a rewrite that fits the words of the line."""
    frame = _user_frame()
    words = re.findall(r"[\w.]+", linecache.getline(frame.f_code.co_filename, frame.f_lineno))
    if any(word.endswith(("nonzero", "argwhere")) for word in words):
        instead = "where(condition, x, 0.0) instead of indices, of which only a call knows how many there are"
    elif called := [word for word in words if "." in word and word.rpartition(".")[2] in _OF_ARRAYS]:
        own, call = _OF_ARRAYS[called[0].rpartition(".")[2]]
        instead = f"{call}, with {own} of autograd_engine, instead of {called[0]}, or x.copy() instead of np.array(x)"
    elif any(word.startswith(("np.", "numpy.")) for word in words):
        instead = "np.frompyfunc(maximum, 2, 1) or the like, with a function of autograd_engine, instead of NumPy's, "
        instead += "or x.copy() instead of np.array(x)"
    elif any(word.endswith(".index") for word in words):
        instead = "min(range(len(a)), key=lambda i: a[i]) or the like instead of a.index(x)"
    elif "max" in words or "min" in words:
        instead = "maximum(a, b) or minimum(a, b) instead of max and min"
    elif any(word.endswith(".sort") for word in words):
        instead = "sorted(numbers) instead of numbers.sort()"
    elif "sorted" in words or "sort" in words:
        instead = "minimum(a, b) and maximum(a, b) for two numbers, or sort before the call"
    elif "for" in words and "if" in words:
        instead = "a for statement with an if in it instead of the comprehension"
    elif "in" in words:
        instead = "(x == a) | (x == b) instead of in"
    elif "and" in words or "or" in words or "not" in words:
        instead = "(a > 0) & (b > 0), |, and == False instead of and, or, not"
    elif "while" in words:
        instead = "a loop over a fixed range with where(condition, new, old) in it"
    else:
        instead = "where(condition, a, b) instead of the branch; both are computed, and only the chosen one counts"
    reasons = NOT_REWRITTEN.get(frame.f_code, {})
    why = reasons.get(frame.f_code.co_filename, "so the choice would be the same for every later call")
    return f"{user_line()} branches on {what}, {why}; write {instead}"


def two_batches(one: Any, other: Any) -> str:
    """What is wrong where the samples of two batches meet."""
    return (
        f"{user_line()} combines the samples of two batches, of {one.size} and {other.size}; reduce one of them first, "
        "by sum or mean"
    )
