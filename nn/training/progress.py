"""Ctrl-C only where it does no harm, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from nn.extras import Check, deferred_ctrl_c

HUGE = 1e6


def ctrl_c_between_samples() -> AbstractContextManager[Check]:
    """Gives a function that raises KeyboardInterrupt if Ctrl-C was pressed; a second Ctrl-C raises it at once.

    A foreign handler is left alone, and in other threads Ctrl-C is never heard.
    """
    return deferred_ctrl_c(patient=False)


@contextmanager
def progress_bar(steps: int, wanted: bool | None, done: int = 0) -> Iterator[Callable[..., None]]:
    """Gives a function to be called after each step that is not yet `done`, or after several, with the epoch, the loss
    and perhaps the accuracy."""
    if wanted is None:
        wanted = sys.stderr.isatty()
    if not wanted:
        yield lambda *figures, **others: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=steps, completed=done)

        def show(epoch: int, *means: float, steps: int = 1) -> None:
            figures = [f"{name} {decimal(mean, 4)}" for name, mean in zip(("loss", "accuracy"), means)]
            bar.update(task, advance=steps, description="  ".join([f"epoch {epoch}", *figures]))

        yield show


def decimal(number: float, digits: int) -> str:
    """A number with that many decimals, or a short form if it is huge, as the loss of a diverging training."""
    return f"{number:.{digits}f}" if abs(number) < HUGE else f"{number:.4g}"
