"""One LLVM lowering per operation that takes a few instructions: from its name to lines of IR. No calculus.

How to read this file: `INSTRUCTIONS` is the table. A lowering takes a `Builder` and the names of its operands,
appends lines to the builder and returns the name of the result. Look at `_where` and `_larger` first.

No optimiser runs on what is written here, so each row is already as short as it gets, and says by the order
of its operands which machine instruction it wants: `select (x > y), x, y` is one `max` instruction, which
gives its second operand where either is NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.host import host_features

Lowering = Callable[..., str]


def _is_finite(operand: str) -> bool:
    """Whether an operand is a constant, and neither an infinity nor a NaN."""
    return operand[0] != "%" and "0x7ff" not in operand and "0xfff" not in operand


# --- one instruction each -------------------------------------------------------------------------------


def _instruction(opcode: str) -> Lowering:
    return lambda b, x, y: b.emit(f"{opcode} {b.type} {x}, {y}")


def _comparison(predicate: str) -> Lowering:
    return lambda b, x, y: b.emit(f"fcmp {predicate} {b.type} {x}, {y}")


def _logic(opcode: str) -> Lowering:
    return lambda b, x, y: b.emit(f"{opcode} {b.bits} {x}, {y}")


@functools.cache
def _signature(intrinsic: str, arity: int, width: int) -> tuple[str, str]:
    """The beginning of a call of an intrinsic, and its declaration."""
    kind, suffix = ("double", "f64") if width == 1 else (f"<{width} x double>", f"v{width}f64")
    function = f"{kind} @llvm.{intrinsic}.{suffix}("
    return f"call {function}{kind} ", f"declare {function}{', '.join([kind] * arity)})"


def _intrinsic(name: str, arity: int = 1) -> Lowering:
    """A call of an intrinsic that is one machine instruction."""

    def lowering(b: Builder, *operands: str) -> str:
        call, declaration = _signature(name, arity, b.width)
        b.declarations.add(declaration)
        return b.emit(f"{call}{b.separator.join(operands)})")

    return lowering


_FMA, _FMULADD = _intrinsic("fma", 3), _intrinsic("fmuladd", 3)


def _fma(b: Builder, x: str, y: str, z: str) -> str:
    # Without the instruction for it `fma` would be a slow call of the C library; `fmuladd` rounds twice there.
    return (_FMA if b.exact or "fma" in host_features() else _FMULADD)(b, x, y, z)


def _neg(b: Builder, x: str) -> str:
    return b.emit(f"fneg {b.type} {x}")


def _not(b: Builder, x: str) -> str:
    return b.emit(f"xor {b.bits} {x}, {'true' if b.width == 1 else 'splat (i1 true)'}")


def _where(b: Builder, condition: str, x: str, y: str) -> str:
    return b.emit(f"select {b.bits} {condition}, {b.type} {x}, {b.type} {y}")


# --- a few instructions each ----------------------------------------------------------------------------


def _larger(predicate: str) -> Lowering:
    """maximum or minimum: x where it wins or is NaN, else y."""

    def lowering(b: Builder, x: str, y: str) -> str:
        if _is_finite(y) and not _is_finite(x) and not (b.exact and y in (b.constant(0.0), b.constant(-0.0))):
            x, y = y, x  # so that a NaN comes second; only a tie of two zeros tells the difference
        wins = b.emit(f"fcmp {predicate} {b.type} {x}, {y}")
        winner = _where(b, wins, x, y)  # one machine instruction with the line before
        if _is_finite(x):
            return winner
        return _where(b, b.emit(f"fcmp uno {b.type} {x}, {x}"), x, winner)

    return lowering


def _relu(b: Builder, x: str) -> str:
    zero = b.constant(0.0)
    if b.exact:
        return _where(b, b.emit(f"fcmp ugt {b.type} {x}, {zero}"), x, zero)
    return _where(b, b.emit(f"fcmp ogt {b.type} {zero}, {x}"), zero, x)  # one machine instruction; keeps -0.0


def _sign(b: Builder, x: str) -> str:
    zero = b.constant(0.0)
    capped = _where(b, b.emit(f"fcmp ogt {b.type} {x}, {zero}"), b.constant(1.0), x)
    sign = _where(b, b.emit(f"fcmp olt {b.type} {capped}, {zero}"), b.constant(-1.0), capped)
    return b.emit(f"fadd {b.type} {sign}, {zero}") if b.exact else sign  # which makes -0.0 to 0.0


def _copysign(b: Builder, x: str, y: str) -> str:
    signed = _intrinsic("copysign", 2)(b, x, y)
    return signed if _is_finite(y) else _where(b, b.emit(f"fcmp uno {b.type} {y}, {y}"), y, signed)


def _product0(b: Builder, x: str, y: str) -> str:
    """x * y, but zero where either is zero: -0.0 when exact, since adding that changes no bit of a sum."""
    zero = b.constant(0.0)
    product = b.emit(f"fmul {b.type} {x}, {y}")
    x_counts = b.emit(f"fcmp une {b.type} {x}, {zero}")
    y_counts = b.emit(f"fcmp une {b.type} {y}, {zero}")
    return _where(b, b.emit(f"and {b.bits} {x_counts}, {y_counts}"), product, b.constant(-0.0) if b.exact else zero)


INSTRUCTIONS: dict[str, Lowering] = {
    "identity": lambda b, x: x,
    "add": _instruction("fadd"),
    "sub": _instruction("fsub"),
    "mul": _instruction("fmul"),
    "div": _instruction("fdiv"),
    "neg": _neg,
    "fma": _fma,
    "fms": lambda b, x, y, z: _fma(b, x, y, _neg(b, z)),  # the signs become part of the machine instruction
    "fnma": lambda b, x, y, z: _fma(b, _neg(b, x), y, z),
    "product0": _product0,
    "abs": _intrinsic("fabs"),
    "sign": _sign,
    "copysign": _copysign,
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "round": _intrinsic("rint"),
    "sqrt": _intrinsic("sqrt"),
    "lt": _comparison("olt"),
    "le": _comparison("ole"),
    "gt": _comparison("ogt"),
    "ge": _comparison("oge"),
    "eq": _comparison("oeq"),
    "ne": _comparison("une"),
    "and": _logic("and"),
    "or": _logic("or"),
    "xor": _logic("xor"),
    "not": _not,
    "where": _where,
    "as_number": lambda b, x: _where(b, x, b.constant(1.0), b.constant(0.0)),
    "as_bits": lambda b, x: b.emit(f"fcmp une {b.type} {x}, {b.constant(0.0)}"),
    "maximum": _larger("ogt"),
    "minimum": _larger("olt"),
    "relu": _relu,
}
