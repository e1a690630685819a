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

import functools
import math
from collections.abc import Sequence
from typing import Any

from autograd_engine.compiler.apart import APART, inputs_of, parts
from autograd_engine.compiler.library import C_LIBRARY
from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.calls import c_library, library, own, some_lane
from autograd_engine.compiler.llvm.host import host_features
from autograd_engine.compiler.llvm.instructions import INSTRUCTIONS, Lowering
from autograd_engine.compiler.trace.errors import TraceError

_EXP2 = library("exp2")


def _exp2(b: Builder, x: str) -> str:
    if b.exact and not hasattr(math, "exp2"):  # before Python 3.11 the row is a power of 2
        return c_library(b, "pow", [b.constant(2.0), x])
    return _EXP2(b, x)


@functools.cache
def _function(name: str, width: int) -> Builder:
    """What holds a row that stands apart as a function, among its declarations."""
    b = Builder(width, exact=True)

    def write(operation: str, operands: Sequence[Any]) -> str:
        return lowered(b, operation, [b.constant(x) if x.__class__ is float else x for x in operands])

    inputs = [f"%{x}" for x in inputs_of(name)]
    written = parts(name, inputs, write, "fma" in host_features())
    usual = next(written)
    some = some_lane(b, lowered(b, "not", [usual]))
    b.lines += [f"br i1 {some}, label %rare, label %usual", "usual:", f"ret {b.type} {inputs[0]}", "rare:"]
    b.lines.append(f"ret {b.type} {lowered(b, 'where', [usual, inputs[0], next(written)])}")
    head = f"define internal {b.type} @{name}.{width}({', '.join(f'{b.type} {x}' for x in inputs)}) {{"
    b.declarations.add("\n".join([head, *b.lines, "}"]))
    return b


def _apart(name: str) -> Lowering:
    """A row that stands apart: a call of its function, to the same bits in both modes."""

    def lowering(b: Builder, *operands: str) -> str:
        function = _function(name, b.width)
        b.declarations |= function.declarations
        b.symbols |= function.symbols
        return b.emit(f"call {b.type} @{name}.{b.width}({b.type} {b.separator.join(operands)})")

    return lowering


LOWERINGS: dict[str, Lowering] = {
    **INSTRUCTIONS,
    **{name: library(function) for name, function in C_LIBRARY.items()},
    **{name: _apart(name) for name in APART},
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
