"""Where in the user's program a node was made. `debug()` has it noted; `why` asks for it.

The notes are kept beside the nodes, so that a node pays nothing for what is off nearly always, and a note goes
with its node. They are found by identity: Values compare by their data, which would mix up equal numbers.
"""

from __future__ import annotations

import functools
import linecache
import os
import sys
import weakref
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from autograd_engine.graph import forward_sweep, reverse_sweep
from autograd_engine.value import Value, partials

F = TypeVar("F", bound=Any)

# Frames of these folders are not the user's: the two packages, and NumPy, which computes with Values in arrays.
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NOT_THE_USERS = tuple(
    folder + os.sep
    for folder in (_PACKAGE, os.path.join(os.path.dirname(_PACKAGE), "nn"), os.path.dirname(np.__file__))
)
# What is computed in here may legitimately be inf or nan: rules have branches that are not taken, and the sweep drops
# zero times inf.
_ASIDE = {f.__code__ for f in (reverse_sweep, forward_sweep, partials)}


class Location(NamedTuple):
    """A line of a program: the file, the number of the line, the function around it, and its text."""

    file: str
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        inside = "" if self.function == "<module>" else f", in {self.function}"
        return f"{self.file}:{self.line}{inside}" + (f": {self.code}" if self.code else "")


class _Note(weakref.ref[Value]):
    """The location of one node, which takes it along when it dies."""

    __slots__ = ("key", "location")

    key: int
    location: Location | None


_notes: dict[int, _Note] = {}


def location(node: Value) -> Location | None:
    """Where the node was made; None where nothing was noted."""
    note = _notes.get(id(node))
    return note.location if note is not None else None


def note(node: Value) -> bool:
    """Note the line of the user's program that makes this node just now.

    Returns whether it was the user who computed it, and not a sweep or a derivative rule on its own behalf.
    """
    entry = _Note(node, _forget)
    entry.key = id(node)
    entry.location, by_user = _users_line(sys._getframe(1))
    _notes[entry.key] = entry
    return by_user


def start_afresh() -> None:
    """Forget the texts of lines: files may have been edited since they were read."""
    _line.cache_clear()
    linecache.checkcache()


def computed_aside(function: F) -> F:
    """Mark a function of ours that computes with Values of its own, which may legitimately be inf or nan."""
    _ASIDE.add(function.__code__)
    return function


def _forget(entry: _Note) -> None:
    _notes.pop(entry.key, None)


def _users_line(frame: FrameType | None) -> tuple[Location | None, bool]:
    by_user = True
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        by_user = by_user and frame.f_code not in _ASIDE
        frame = frame.f_back
    if frame is None:
        return None, by_user
    return _line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name), by_user


@functools.lru_cache(maxsize=4096)
def _line(file: str, line: int, function: str) -> Location:
    return Location(file, line, function, linecache.getline(file, line).strip())
