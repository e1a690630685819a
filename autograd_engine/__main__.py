"""`python -m autograd_engine` is the command `autograd-engine`."""

import sys

from nn.command_line.entry import main

if __name__ == "__main__":
    sys.exit(main())
