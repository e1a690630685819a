"""How commands print, and what files of theirs are called."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from nn.command_line.options import CommandError


class _Console(Console):
    """A console that leaves a reader of stdout who goes away to `nn.command_line.main`."""

    def on_broken_pipe(self) -> None:
        raise  # the BrokenPipeError that is being handled, which would else become an exit code of 1


def console(*, quiet: bool = False) -> Console:
    """The console of a command: as wide as its tables need, so that a narrow terminal wraps lines and cuts no digit."""
    return _Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True, width=1000)


def warn(message: object) -> None:
    """Say something that does not end the command, in one line on stderr."""
    print("autograd-engine:", message, file=sys.stderr)


def check_ending(option: str, path: Path | None, endings: tuple[str, ...]) -> None:
    """Raise CommandError where the name of the file that an option writes does not end as its content asks for."""
    if path is not None and path.suffix.lower() not in endings:
        raise CommandError(f"{option} {path}: the name of this file ends in {' or '.join(endings)}")
