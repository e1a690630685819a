"""Ctrl-C only where it does no harm, and a progress bar."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import TypeAlias

Check: TypeAlias = Callable[[], None]

HUGE = 1e6


def ctrl_c_between_samples() -> AbstractContextManager[Check]:
    """Gives a function that raises KeyboardInterrupt if Ctrl-C was pressed; a second Ctrl-C raises it at once.

    A foreign handler is left alone, and in other threads Ctrl-C is never heard.
    """
    return _deferred_ctrl_c(patient=False)


@contextmanager
def ctrl_c_after_imports() -> Iterator[None]:
    """Defers Ctrl-C to the end: an import in C code would print the KeyboardInterrupt or turn it into ImportError.

    A foreign handler is left alone.
    """
    with _deferred_ctrl_c(patient=True) as check:
        yield
    check()


@contextmanager
def _deferred_ctrl_c(*, patient: bool) -> Iterator[Check]:
    """See `ctrl_c_between_samples`; a second Ctrl-C waits, too, if `patient`."""
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


@contextmanager
def progress_bar(steps: int, wanted: bool | None) -> Iterator[Callable[..., None]]:
    """Gives a function to be called after each step, with the epoch, the loss and perhaps the accuracy."""
    if wanted is None:
        wanted = sys.stderr.isatty() and find_spec("rich") is not None
    if not wanted:
        yield lambda *figures: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        raise ImportError("progress=True needs rich: pip install 'autograd-engine[train]'") from None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=steps)

        def show(epoch: int, *means: float) -> None:
            figures = [f"{name} {decimal(mean, 4)}" for name, mean in zip(("loss", "accuracy"), means)]
            bar.update(task, advance=1, description="  ".join([f"epoch {epoch}", *figures]))

        yield show


def decimal(number: float, digits: int) -> str:
    """A number with that many decimals, or a short form if it is huge, as the loss of a diverging training."""
    return f"{number:.{digits}f}" if abs(number) < HUGE else f"{number:.4g}"
