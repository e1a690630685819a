"""`python -m autograd_engine` is the command `autograd-engine`."""

import sys

from autograd_engine_command import main

if __name__ == "__main__":
    sys.exit(main())
