"""The command `autograd-engine`: what the shell sees of it, once it has been imported.

Any mistake of the user's ends in one line on stderr and exit code 2. As in a shell, Ctrl-C ends in 130, and 141
means that whoever read stdout has gone away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from nn.command_line.commands import USER_ERRORS, run
from nn.command_line.output import warn
from nn.command_line.terminal import show_what_can_be_shown

USAGE_ERROR, NOBODY_READS = 2, 141


def main(arguments: Sequence[str]) -> int:
    """Run `autograd-engine` with these arguments and return the exit code."""
    show_what_can_be_shown(sys.stdout)
    show_what_can_be_shown(sys.stderr)
    try:
        return run(arguments)
    except USER_ERRORS as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # Whatever Python still flushes at exit goes nowhere, without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _refuse(reason: str) -> int:
    warn(" ".join(reason.splitlines()))
    return USAGE_ERROR
