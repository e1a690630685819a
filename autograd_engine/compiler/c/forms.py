"""One C form per basic operation: from its name to a C99 expression. No calculus.

`FORMS` is the table: {0}, {1}, {2} stand for the operands, each a name or a literal. What takes more than an
expression is a function in `HELPERS`; @ stands for the prefix that distinguishes names in different files. Each form
gives the bits of the row's `forward` if the C compiler follows IEEE 754 (Annex F of the standard).

>>> FORMS["fma"].format("x", "y", "z"), literal(0.5), literal(-0.1)
('fma(x, y, z)', '0.5', '(-0x1.999999999999ap-4 /* 0.1 */)')
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from autograd_engine.compiler.apart import APART, inputs_of, parts
from autograd_engine.compiler.library import C_LIBRARY
from autograd_engine.compiler.program.program import CONDITIONS
from autograd_engine.primitives import PRIMITIVES

__all__ = ["CONDITIONS", "FORMS", "helpers", "literal"]

_LIBRARY: dict[str, str] = {}


def _call(function: str, arity: int = 1) -> str:
    return f"{function}({', '.join(f'{{{i}}}' for i in range(arity))})"


def _library(function: str, arity: int = 1) -> str:
    """A call of a function that the C library rounds in its own way; see `_THROUGH_POINTERS`."""
    _LIBRARY[function] = f"static double (*const volatile @{function})({', '.join(['double'] * arity)}) = {function};"
    return _call(f"@{function}", arity)


FORMS: dict[str, str] = {
    "identity": "{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "fma": "fma({0}, {1}, {2})",
    "fms": "fma({0}, {1}, -{2})",
    "fnma": "fma(-{0}, {1}, {2})",
    "product0": _call("@product0", 2),
    "abs": _call("fabs"),
    "sign": _call("@sign"),
    "copysign": _call("@copysign", 2),
    "floor": _call("floor"),
    "ceil": _call("ceil"),
    "round": _call("nearbyint"),  # to even at a tie
    "sqrt": _call("sqrt"),
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "and": "{0} && {1}",
    "or": "{0} || {1}",
    "xor": "{0} != {1}",
    "not": "!{0}",
    "where": "{0} ? {1} : {2}",
    "as_number": "{0} ? 1.0 : 0.0",
    "as_bits": "{0} != 0.0",
    "maximum": _call("@maximum", 2),
    "minimum": _call("@minimum", 2),
    "relu": _call("@relu"),
    **{name: _library(function, PRIMITIVES[name].arity or 1) for name, function in C_LIBRARY.items()},
    "fmod": _call("fmod", 2),  # exact, so a compiler that evaluates it gets the same bits
    **{name: _call(f"@{name}", len(inputs_of(name))) for name in APART},
    **({} if hasattr(math, "exp2") else {"exp2": "@pow(2.0, {0})"}),  # as the row computes it
}

HELPERS: dict[str, str] = {
    "room": """\
/* Makes room for so many numbers in a buffer of what a loop keeps of every round. */
static void @room(double **buffer, size_t *room, size_t needed) {
    if (needed <= *room) return;
    const size_t size = needed > 2 * *room ? needed : 2 * *room;
    double *const larger = realloc(*buffer, size * sizeof(double));
    if (!larger) abort();
    *buffer = larger;
    *room = size;
}
""",
    "checked": """\
/* A whole number from 0 on, of an index that may count from the end. If it is out of range: NaN where the index counts,
 * which makes the results NaN, else 0. */
static double @checked(double index, double size, int counts) {
    if (!(index >= -size && index < size) || index != trunc(index)) return counts ? NAN : 0.0;
    return index < 0.0 ? index + size : index;
}
""",
    "product0": """\
/* x * y in the chain rule: a zero stays zero, whatever the other factor is. */
static double @product0(double x, double y) {
    return x != 0.0 && y != 0.0 ? x * y : -0.0;
}
""",
    "sign": """\
static double @sign(double x) {
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x == 0.0 ? 0.0 : x;
}
""",
    "copysign": """\
static double @copysign(double x, double y) {
    return y == y ? copysign(x, y) : y;
}
""",
    "maximum": """\
static double @maximum(double x, double y) {
    return x > y || x != x ? x : y;
}
""",
    "minimum": """\
static double @minimum(double x, double y) {
    return x < y || x != x ? x : y;
}
""",
    "relu": """\
static double @relu(double x) {
    return x > 0.0 || x != x ? x : 0.0;
}
""",
}

_THROUGH_POINTERS = """\
/* Called through pointers, since a compiler that simplifies pow(x, 2.0) or exp(1.0) may differ from the C library in
 * the last bit. */"""


def helpers(code: Iterable[str]) -> list[str]:
    """The definitions that these lines of C need."""
    code = "\n".join(code)
    apart = [_apart(name) for name in APART if f"@{name}(" in code]
    code += "\n".join(apart)
    own = [*[text for name, text in HELPERS.items() if f"@{name}(" in code], *apart]
    code += "\n".join(own)
    library = [text for name, text in _LIBRARY.items() if f"@{name}(" in code]
    return [*([_THROUGH_POINTERS, *library, ""] if library else []), *own]


@functools.cache
def _apart(name: str) -> str:
    """A row that stands apart, as a function."""
    lines: list[str] = []

    def write(operation: str, operands: Sequence[Any]) -> str:
        kind, result = "int" if operation in CONDITIONS else "double", f"t{len(lines)}"
        texts = [literal(x) if x.__class__ is float else x for x in operands]
        lines.append(f"const {kind} {result} = {FORMS[operation].format(*texts)};")
        return result

    inputs = inputs_of(name)
    written = parts(name, inputs, write)
    lines.append(f"if ({next(written)}) return {inputs[0]};")
    lines.append(f"return {next(written)};")
    head = f"static double @{name}({', '.join(f'double {x}' for x in inputs)}) {{"
    return "\n".join([head, *[f"    {line}" for line in lines], "}", ""])


def literal(x: float) -> str:
    """A C literal with the bits of x (any NaN for a NaN): decimal if that is short and exact, else hexadecimal."""
    if math.isnan(x):
        return "NAN"
    size = abs(x)
    if math.isinf(x):
        text = "INFINITY"
    elif len(repr(size)) <= 10 and "e" not in repr(size) and Decimal(repr(size)) == Decimal(size):
        text = repr(size)
    else:
        text = f"{size.hex()} /* {size!r} */"
    return f"(-{text})" if math.copysign(1.0, x) < 0 else text
