"""One LLVM lowering per basic operation: the few instructions of `instructions`, and calls of functions.

Two modes. Exact: the bits of the row's `forward`, which means IEEE operations as they stand, and one call of
the C library per lane where Python calls it. Otherwise: vector mathematics within 8 units in the last place,
and the sign of a zero may differ.

>>> b = Builder(8, exact=True)
>>> lowered(b, "add", ["%x", b.constant(1.0)])
'%1'
>>> b.lines
['%1 = fadd <8 x double> %x, splat (double 0x3ff0000000000000)']
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from autograd_engine.compiler.library import C_LIBRARY
from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.calls import c_library, library, own
from autograd_engine.compiler.llvm.instructions import INSTRUCTIONS, Lowering
from autograd_engine.compiler.trace.errors import TraceError

_EXP2 = library("exp2")


def _exp2(b: Builder, x: str) -> str:
    if b.exact and not hasattr(math, "exp2"):  # before Python 3.11 the row is a power of 2
        return c_library(b, "pow", [b.constant(2.0), x])
    return _EXP2(b, x)


LOWERINGS: dict[str, Lowering] = {
    **INSTRUCTIONS,
    **{name: library(function) for name, function in C_LIBRARY.items()},
    "exp": own("exp", scalar=False),
    "exp2": _exp2,
    "expm1": own("expm1", scalar=False),
    "log": own("log", scalar=False),
    "sin": own("sin", scalar=True, vector=False),
    "cos": own("cos", scalar=True, vector=False),
    "tanh": own("tanh", scalar=True),
}


def lowered(b: Builder, name: str, operands: Sequence[str]) -> str:
    """Append the lines of an operation; return the name of its result."""
    lowering = LOWERINGS.get(name)
    if lowering is None:
        raise TraceError(
            f"jit cannot compile the primitive {name}: write it with composite=True, or add a lowering to "
            "LOWERINGS in autograd_engine.compiler.llvm.lower"
        )
    return lowering(b, *operands)
