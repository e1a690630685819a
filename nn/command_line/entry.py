"""The entry point of the command `autograd-engine`: Ctrl-C ends it without a traceback at any moment.

An installation has this file outside of the packages, as `autograd_engine_command`: importing the packages takes a
while, during which the user may press Ctrl-C, too.
"""

import os
import signal
import sys

INTERRUPTED = 128 + signal.SIGINT  # the exit code, as in a shell
INTERRUPTED_LINE = "autograd-engine: interrupted\n"


def main() -> int:
    """Import the command and run it with the arguments of the process. Returns the exit code."""
    # A SIGINT that is ignored, as in a background job of a shell script, stays so.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, _leave)
    from nn.command_line.main import main

    try:
        if heard:  # from here on there may be something to clean up
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write(INTERRUPTED_LINE)
        return INTERRUPTED


def _leave(signum: int, frame: object) -> None:
    """End the process at once: an exception may pass through C code, which prints it or makes it an ImportError."""
    os.write(2, INTERRUPTED_LINE.encode())
    os._exit(INTERRUPTED)
