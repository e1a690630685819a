"""The command `autograd-engine`: what the shell sees of it.

The commands themselves are in `commands.py`, which is imported late, because it needs the extra `train`.

Any mistake of the user's ends in one line on stderr and exit code 2. As in a shell, Ctrl-C ends in 130, and 141
means that whoever read stdout has gone away.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from nn.command_line.terminal import INTERRUPTED, show_what_can_be_shown

USAGE_ERROR, NOBODY_READS = 2, 141
INTERRUPTED_LINE = "autograd-engine: interrupted\n"
EXTRAS = {
    "train": ("cyclopts", "matplotlib", "rich", "safetensors", "sklearn"),
    "playground": ("anyio", "starlette", "uvicorn", "websockets"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `autograd-engine` with these arguments (default: those of the process) and return the exit code."""
    # A SIGINT that is ignored, as in a background job of a shell script, stays so.
    if arguments is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    show_what_can_be_shown(sys.stdout)
    show_what_can_be_shown(sys.stderr)
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as error:
        return _missing(error)
    except BrokenPipeError:
        # Whatever Python still flushes at exit goes nowhere, without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        sys.stderr.write(INTERRUPTED_LINE)
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    from nn.command_line.commands import USER_ERRORS, run  # here, because it needs the extra

    if signal.getsignal(signal.SIGINT) is _leave:  # from here on there may be something to clean up
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run(arguments)
    except USER_ERRORS as error:
        return _refuse(str(error))


def _leave(signum: int, frame: object) -> None:
    """End the process at once: an exception may pass through C code, which prints it or makes it an ImportError."""
    os.write(2, INTERRUPTED_LINE.encode())
    os._exit(INTERRUPTED)


def _refuse(reason: str) -> int:
    print("autograd-engine:", " ".join(reason.splitlines()), file=sys.stderr)
    return USAGE_ERROR


def _missing(error: ModuleNotFoundError) -> int:
    name = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if name in packages:
            return _refuse(f"the package {name} is missing; install it with: pip install 'autograd-engine[{extra}]'")
    raise error
