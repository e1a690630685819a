"""How commands print, and how the files that they write may be named."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nn.command_line.options import CommandError
from nn.command_line.ranks import rank


class LenientConsole(Console):
    """A console that leaves a broken pipe to `nn.command_line.main`, which knows the exit code."""

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError pass, which rich would turn into exit code 1."""
        raise


def console(*, quiet: bool = False) -> Console:
    """The console of a command: so wide that a narrow terminal wraps the lines of a table instead of cutting digits."""
    return LenientConsole(quiet=quiet, highlight=False, markup=False, soft_wrap=True, width=1000)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A table without lines. Its columns are justified to the right, but one without a name to the left."""
    found = Table(box=None, pad_edge=False)
    for column in columns:
        found.add_column(column, justify="right" if column else "left")
    for row in rows:
        found.add_row(*row)
    return found


def warn(message: object) -> None:
    """Print a warning, in one line on stderr, by the first process; the command goes on."""
    if rank() == 0:
        print("autograd-engine:", message, file=sys.stderr)


def left_out(dropped: int, without_target: int = 0) -> list[str]:
    """A line that says how many rows of a file are not used and why, or none."""
    reasons = ((dropped, "with missing cells"), (without_target, "without a target"))
    rows = [f"{count} {'row' if count == 1 else 'rows'} {why}" for count, why in reasons if count]
    return [f"left out: {', '.join(rows)}"] if rows else []


def check_ending(option: str, path: Path | None, endings: tuple[str, ...]) -> None:
    """Raise CommandError unless the name of the file that an option writes has one of these endings."""
    if path is not None and path.suffix.lower() not in endings:
        raise CommandError(f"{option} {path}: the name of this file ends in {' or '.join(endings)}")
