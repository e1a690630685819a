"""The text of a C file around its functions: the comment that says what is where, declarations, the self-test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import inf
from operator import itemgetter
from typing import Any

import numpy as np

from autograd_engine.compiler.c.forms import helpers, literal
from autograd_engine.compiler.c.functions import HEADS
from autograd_engine.structure import leaves_with_paths

__all__ = ["Entry", "array", "c_file", "entries"]

Entry = tuple[str, int, tuple[int, ...]]
"""A name, how many numbers it stands for, and their shape: () for a single number."""


def entries(name: str, tree: Any) -> Iterator[Entry]:
    """The numbers and arrays in nested data, with their names.

    >>> list(entries("p", {"w": np.zeros((2, 3)), "b": [1.0]}))
    [("p['w']", 6, (2, 3)), ("p['b'][0]", 1, ())]
    """
    for path, leaf in leaves_with_paths(tree, name):
        yield path, np.size(leaf), np.shape(leaf)


def c_file(
    prefix: str,
    inputs: Sequence[Entry],
    results: Sequence[Entry],
    code: Sequence[str],
    points: Sequence[Sequence[float]],
    expected: dict[str, Sequence[Sequence[float]]],
) -> str:
    """The text of the file. `expected` has the results at `points` of each function that the file offers."""
    parts = list(expected)
    outputs = len(expected[parts[-1]][0])
    body = [
        "",
        *[f"{HEADS[part]};" for part in parts],
        "",
        f"enum {{ @inputs = {len(points[0])}, @outputs = {outputs} }};",
        "",
        *helpers(code),
        *code,
        "",
        *_self_test(points, expected),
    ]
    comment = _comment(prefix, inputs, results, parts)
    heap = any("@room(" in line for line in code)
    before = [line.replace("<stddef.h>", "<stddef.h>\n#include <stdlib.h>") if heap else line for line in _BEFORE]
    return "\n".join([*comment, *before, *[line.replace("@", f"{prefix}_") for line in body], ""])


_BEFORE = """
#include <math.h>
#include <stddef.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: infinities, NaNs and the order of additions count"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
""".splitlines()


def array(name: str, numbers: Sequence[float]) -> list[str]:
    """The definition of a constant array."""
    return [f"static const double {name}[{len(numbers)}] = {{", *[f"    {literal(x)}," for x in numbers], "};"]


def _comment(prefix: str, inputs: Sequence[Entry], results: Sequence[Entry], parts: Sequence[str]) -> list[str]:
    lines = [
        f"{prefix}, written by autograd_engine.to_c.",
        "",
        *[f"    {HEADS[part].replace('@', f'{prefix}_')};" for part in parts],
        "",
        *_table("inputs", inputs),
        "",
        *(_table("outputs", results) if parts == ["evaluate"] else [_GRADIENT]),
        "",
        "C99 and the C library are all it needs (-lm). Arrays go row by row; what is written to must not overlap the",
        "inputs. Self-test: cc -std=c99 -O2 -ffp-contract=off -DSELF_TEST THIS_FILE -lm && ./a.out",
    ]
    return ["/*", *[f" * {_harmless(line)}".rstrip() for line in lines], " */"]


_GRADIENT = "Both return the value. gradient[k] receives its derivative with respect to inputs[k]."


def _table(array: str, entries: Sequence[Entry]) -> list[str]:
    """Lines of the comment that say what each element of `array` is."""
    places, names, start = list[str](), list[str](), 0
    for name, size, shape in filter(itemgetter(1), entries):
        places.append(f"{array}[{start}]" if not shape else f"{array}[{start}..{start + size - 1}]")
        names.append(name + (f", {' x '.join(map(str, shape))}" if shape else ""))
        start += size
    width = max(map(len, places))
    return [f"{place:{width}}  {name}" for place, name in zip(places, names)]


def _harmless(line: str) -> str:
    """A line of text without anything that begins or ends a comment."""
    line = line.encode("ascii", "backslashreplace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", line).replace("*/", "* /").replace("/*", "/ *")


def _self_test(points: Sequence[Sequence[float]], expected: dict[str, Sequence[Sequence[float]]]) -> list[str]:
    """A program that compares the functions with stored cases."""
    body = [f"        {line}" for part in expected for line in _COMPARISONS[part]]
    return [
        "#ifdef SELF_TEST",
        *_INCLUDES,
        "",
        *_rows("points", "@inputs", points),
        *[line for part, rows in expected.items() for line in _rows(f"right_{part}", _COLUMNS[part], rows)],
        "",
        *_DIFFERS,
        "",
        "int main(void) {",
        "    static double found[@outputs];",
        f"    for (size_t c = 0; c < {len(points)}; c++) {{",
        *body,
        "    }",
        f'    puts("OK: {len(points)} cases");',
        "    return 0;",
        "}",
        "#endif",
    ]


_COLUMNS = {"value": "1", "value_and_gradient": "@outputs", "evaluate": "@outputs"}
"""How many numbers each function returns, as an expression in C."""

_COMPARISONS = {
    "value": ["if (differs(c, 0, @value(points[c]), right_value[c][0])) return 1;"],
    "value_and_gradient": [
        "found[0] = @value_and_gradient(points[c], found + 1);",
        "for (size_t k = 0; k < @outputs; k++)",
        "    if (differs(c, k, found[k], right_value_and_gradient[c][k])) return 1;",
    ],
    "evaluate": [
        "@evaluate(points[c], found);",
        "for (size_t k = 0; k < @outputs; k++)",
        "    if (differs(c, k, found[k], right_evaluate[c][k])) return 1;",
    ],
}
"""How the self-test checks the result of each function for case c."""


def _rows(name: str, columns: str, rows: Sequence[Sequence[float]]) -> list[str]:
    """The definition of a constant array of arrays."""
    lines = [f"static const double {name}[{len(rows)}][{columns}] = {{"]
    for row in rows:
        lines += ["    {", *[f"        {_exactly(x)}," for x in row], "    },"]
    return [*lines, "};"]


def _exactly(x: float) -> str:
    return literal(x) if x != x or x in (inf, -inf) else x.hex()


_INCLUDES = """\
#include <stdio.h>
#include <string.h>

#ifndef TOLERANCE
#define TOLERANCE 0.0 /* relative */
#endif
""".splitlines()

_DIFFERS = """\
static int differs(size_t c, size_t k, double found, double right) {
    if (memcmp(&found, &right, sizeof found) == 0 || (found != found && right != right)) return 0;
    if (TOLERANCE > 0.0 && isfinite(right) && fabs(found - right) <= TOLERANCE * fabs(right)) return 0;
    printf("case %d, number %d of the result: found %a, expected %a\\n", (int)c, (int)k, found, right);
    return 1;
}
""".splitlines()
