"""The command `autograd-engine` from its first moment: Ctrl-C is one line also while the packages are imported.

This module belongs to no package, because to import one of `nn` is to import NumPy first, which takes as long as a
hasty user does.
"""

import sys

INTERRUPTED = 130
MESSAGE = "autograd-engine: interrupted\n"

try:
    import os
    import signal
except KeyboardInterrupt:
    sys.stderr.write(MESSAGE)
    sys.exit(INTERRUPTED)


def main() -> int:
    """Run `autograd-engine` with the arguments of the process and return the exit code."""
    # A SIGINT that is ignored, as in a background job of a shell script, stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    from nn import cli

    code = cli.main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; only Python's own tidying up is left
    return code


def leave(signum: int, frame: object) -> None:
    """End the process at once: an exception would pass C code, which makes an ImportError of it, or prints it."""
    os.write(2, MESSAGE.encode())
    os._exit(INTERRUPTED)
