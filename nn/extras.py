"""Imports of what only an extra of the package brings along, and when Ctrl-C may interrupt."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

Check: TypeAlias = Callable[[], None]


class MissingExtraError(ModuleNotFoundError):
    """A package that an extra brings along is not installed. The message is one line that says how to install it."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports of what the extra of that name brings: raises MissingExtraError where it is not there.

    Ctrl-C is deferred to the end: an import in C code would print the KeyboardInterrupt or turn it into ImportError.
    """
    with deferred_ctrl_c(patient=True) as check:
        try:
            yield
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if isinstance(error, MissingExtraError) or package in ("autograd_engine", "nn"):
                raise
            # Of the environment that lacks the package: the pip on the PATH, if there is one, may be another's.
            way = f"in the clone of the repository run: {sys.executable} -m pip install '.[{name}]'"
            raise MissingExtraError(f"the package {package} is missing; {way}", name=error.name) from None
    check()


@contextmanager
def deferred_ctrl_c(*, patient: bool) -> Iterator[Check]:
    """Gives a function that raises KeyboardInterrupt if Ctrl-C was pressed; a second one raises it at once, or waits,
    too, if `patient`. A foreign handler is left alone, and in other threads Ctrl-C is never heard."""
    pressed = False

    def note(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed and not patient:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
