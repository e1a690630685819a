"""The compiler: functions of numbers become native code, derivatives included. It knows no calculus.

In reading order, which is also a function's way through the packages: `jit` looks at the arguments of a call
(arguments.py). For a new structure of arguments, `trace` runs the function once on symbols, and `program` turns what
they recorded into a simplified program. `llvm` turns that into native code, which kernel.py calls with the numbers of
each call. `c` writes the same program as a C99 file instead.
"""

from autograd_engine.compiler.c.export import to_c
from autograd_engine.compiler.jit import Jitted, constant, jit
from autograd_engine.compiler.trace.errors import TraceError

__all__ = ["Jitted", "TraceError", "constant", "jit", "to_c"]
