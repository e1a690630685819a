"""Calls of functions: of the C library lane by lane, of glibc's vector versions, of `vector_math`.

`library` and `own` make lowerings, rows of `lower.LOWERINGS`. What is called lane by lane, and what is of our
own, becomes a helper function of the module, so that a call is one line however many lanes there are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.host import host_features, llvm
from autograd_engine.compiler.llvm.vector_math import LARGEST_ANGLE, VECTOR_MATH, Lanes

__all__ = ["c_library", "has_lanes", "in_lanes", "library", "own", "some_lane"]

GUARDED = ("sin", "cos")  # whose large arguments are left to the C library


def _call(b: Builder, function: str, operands: Sequence[str]) -> str:
    return b.emit(f"call {b.type} @{function}({b.type} {b.separator.join(operands)})")


@functools.cache
def _per_lane(function: str, arity: int, width: int) -> str:
    """A helper that calls a C function on every lane."""
    vector = f"<{width} x double>"
    names = "xy"[:arity]
    lines = [f"define internal {vector} @{function}.{width}({', '.join(f'{vector} %{x}' for x in names)}) {{"]
    for i in range(width):
        lines += [f"%{x}{i} = extractelement {vector} %{x}, i32 {i}" for x in names]
        lines.append(f"%c{i} = call double @{function}({', '.join(f'double %{x}{i}' for x in names)})")
        lines.append(f"%r{i} = insertelement {vector} {f'%r{i - 1}' if i else 'poison'}, double %c{i}, i32 {i}")
    return "\n".join([*lines, f"ret {vector} %r{width - 1}", "}"])


def c_library(b: Builder, function: str, operands: Sequence[str]) -> str:
    """A call of a function of the C library for every lane."""
    b.symbols.add(function)
    b.declarations.add(f"declare double @{function}({', '.join(['double'] * len(operands))})")
    if b.width == 1:
        return _call(b, function, operands)
    b.declarations.add(_per_lane(function, len(operands), b.width))
    return _call(b, f"{function}.{b.width}", operands)


@functools.cache
def _vector_symbol(function: str, arity: int, width: int) -> str:
    """The name of glibc's vector version of a function, empty where this machine has none."""
    letter, feature = {2: ("b", "sse2"), 4: ("d", "avx2"), 8: ("e", "avx512f")}.get(width, ("", ""))
    if feature not in host_features():
        return ""
    symbol = f"_ZGV{letter}N{width}{'v' * arity}_{function}"
    with llvm() as binding:
        return symbol if binding.address_of_symbol(symbol) else ""


def library(function: str) -> Callable[..., str]:
    """A function of the C library: its vector version where there is one and exactness is not asked for."""

    def lowering(b: Builder, *operands: str) -> str:
        if not b.exact and (symbol := _vector_symbol(function, len(operands), b.width)):
            b.symbols.add(symbol)
            b.declarations.add(f"declare {b.type} @{symbol}({', '.join([b.type] * len(operands))})")
            return _call(b, symbol, operands)
        return c_library(b, function, operands)

    return lowering


def own(name: str, *, scalar: bool, vector: bool = True) -> Callable[[Builder, str], str]:
    """A function of `vector_math`, which the C library has too.

    `scalar` says that it is the faster one for a single number, `vector` that it is faster than glibc's vector
    version.
    """
    of_library = library(name)

    def lowering(b: Builder, x: str) -> str:
        if b.exact or (b.width == 1 and not scalar) or "fma" not in host_features():
            return of_library(b, x)
        if not vector and _vector_symbol(name, 1, b.width):
            return of_library(b, x)
        return in_lanes(b, name, x)

    return lowering


def some_lane(b: Builder, condition: str) -> str:
    """Whether a condition holds in some lane, as an i1."""
    if b.width == 1:
        return condition
    return b.emit(f"icmp ne i{b.width} {b.emit(f'bitcast {b.bits} {condition} to i{b.width}')}, 0")


def has_lanes(b: Builder) -> bool:
    """Whether functions of `vector_math` may stand for those of the C library."""
    return not b.exact and "fma" in host_features()


def in_lanes(b: Builder, name: str, x: str) -> str:
    """A function of `vector_math`."""
    text, declarations, symbols = _helper(name, b.width)
    b.declarations.add(text)
    b.declarations |= declarations
    b.symbols |= symbols
    return b.emit(f"call {b.type} @{name}.own.{b.width}({b.type} {x})")


@functools.cache
def _helper(name: str, width: int) -> tuple[str, frozenset[str], frozenset[str]]:
    """A function of `vector_math` as a function of the module, and the declarations and symbols it needs."""
    b = Builder(width, exact=False)
    x, kind = Lanes(b, "%x"), b.type
    if name in GUARDED:
        large = some_lane(b, (abs(x) > LARGEST_ANGLE).name)
        b.lines += [f"br i1 {large}, label %rare, label %usual", "usual:"]
        b.lines.append(f"ret {kind} {VECTOR_MATH[name](x).name}")
        b.lines.append("rare:")
        b.lines.append(f"ret {kind} {c_library(b, name, ['%x'])}")
    else:
        b.lines.append(f"ret {kind} {VECTOR_MATH[name](x).name}")
    text = "\n".join([f"define internal {kind} @{name}.own.{width}({b.type} %x) {{", *b.lines, "}"])
    return text, frozenset(b.declarations), frozenset(b.symbols)
