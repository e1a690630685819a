"""The compiler: functions of numbers become native code, derivatives included. It knows no calculus."""

from autograd_engine.compiler.c.export import to_c
from autograd_engine.compiler.jit import Jitted, constant, jit
from autograd_engine.compiler.trace.errors import TraceError

__all__ = ["Jitted", "TraceError", "constant", "jit", "to_c"]
