"""The command `autograd-engine` as a process of its own, without an installation."""

import sys
from pathlib import Path

import nn

ENTRY = (Path(nn.__file__).parent / "command_line" / "entry.py").read_text(encoding="utf-8")
RUN = "\nsys.exit(main())"
PROGRAM = [sys.executable, "-c", ENTRY + RUN]
