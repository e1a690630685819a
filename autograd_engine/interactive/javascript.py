"""Rows of the table as JavaScript: `forward` and `partials` run on symbols that write down what is done to them.

A basic row has its one line in `BASIC`; what JavaScript's `Math` lacks is in `special.js`, and comes along where it is
called. Everything else is generated: the forward function of a composite row and the local derivatives of every row
come from running the row itself, so there is no second copy of any rule.

>>> print(emit([("mul", 2)]))
forward["mul"] = (x0, x1) => x0 * x1;
partials["mul"] = (out, x0, x1) => {
  return [x1, x0];
};
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import Any

from autograd_engine.number import Operators
from autograd_engine.primitives import PRIMITIVES, Primitive, as_float

__all__ = ["BASIC", "emit", "file_text", "key", "literal"]

# The infix operators of JavaScript are IEEE 754's.
OPERATORS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}"}

_OF_MATH = ("abs", "floor", "ceil", "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt")
_ANGLES = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
_INVERSES = ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")
_OWN = ("pow", "sign", "sum", "prod", "dot", "copysign", "where", "maximum", "minimum", "erf", "erfc")

# The forward function of each basic row. Functions without "Math" are those of special.js.
BASIC = {
    **{name: f"Math.{name}" for name in (*_OF_MATH, *_ANGLES)},
    **{f"arc{name}": f"Math.a{name}" for name in _INVERSES},
    **{name: name for name in _OWN},
    "identity": "(x0) => x0",
    "add": "(x0, x1) => x0 + x1",
    "sub": "(x0, x1) => x0 - x1",
    "mul": "(x0, x1) => x0 * x1",
    "div": "(x0, x1) => x0 / x1",
    "neg": "(x0) => -x0",
    "round": "roundToEven",
    "fmod": "(x0, x1) => x0 % x1",
    "exp2": "(x0) => Math.pow(2, x0)",
    "relu": "(x0) => (x0 > 0 || x0 !== x0 ? x0 : 0)",
}


def key(op: Primitive, inputs: int) -> str:
    """The name of a row in the emitted tables: a row of any number of inputs has an entry for each number."""
    return op.name if op.arity is not None else f"{op.name}/{inputs}"


def literal(data: Any) -> str:
    """A JavaScript literal of strings, finite floats, lists and dicts that is harmless inside a script element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # ASCII only, so no U+2028 either
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def emit(rows: Iterable[tuple[str, int]]) -> str:
    """JavaScript that enters rows into the tables `forward` and `partials`, and what they are written with.

    Each row is given as its name and its number of inputs. `forward[key](...inputs)` is the value,
    `partials[key](out, ...inputs)` the list of local derivatives.

    Raises ValueError for a row that has no JavaScript form: one that is neither in the library's table of basic
    rows nor written with other primitives.
    """
    lines: list[str] = []
    asked_for = dict.fromkeys(rows)
    waiting, done = list(asked_for)[::-1], set()
    while waiting:
        name, inputs = row = waiting.pop()
        if row in done:
            continue
        done.add(row)
        try:
            op = PRIMITIVES[name]
        except KeyError:
            raise ValueError(f"{name} is not in the table of primitives and cannot be written as JavaScript") from None
        entry, names = literal(key(op, inputs)), [f"x{i}" for i in range(inputs)]
        if name in BASIC:
            lines.append(f"forward[{entry}] = {BASIC[name]};")
        else:
            code, used = _function(op, op.forward, names)
            lines.append(f"forward[{entry}] = {code};")
            waiting += used
        if row in asked_for:
            code, used = _function(op, op.partials, ["out", *names])
            lines.append(f"partials[{entry}] = {code};")
            waiting += used
    return "\n".join([*_helpers("\n".join(lines)), *lines])


def file_text(name: str) -> str:
    """The text of a file in the folder of this module."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _helpers(code: str) -> list[str]:
    """The paragraphs of special.js that this code needs."""
    needed: list[str] = []
    words = _words(code)
    _, *paragraphs = file_text("special.js").rstrip().split("\n\n")
    for paragraph in reversed(paragraphs):
        statements = re.sub("//.*", "", paragraph)
        [name] = re.findall(r"^(?:const|function) (\w+)", statements, re.MULTILINE)
        if name in words:
            words |= _words(statements)
            needed.insert(0, paragraph)
    return needed


def _words(code: str) -> set[str]:
    """The names in this code, without Math.pow and the key "pow"."""
    return set(re.findall(r'(?<![\w."])\w+', code))


class _Body:
    """The statements of a function that is being written, and the rows that they call."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # of expressions: one that occurs twice is computed once
        self.used: dict[tuple[str, int], None] = {}

    def let(self, template: str, *operands: Any) -> _Symbol:
        expression = template.format(*map(_text, operands))
        return _Symbol(self.names.setdefault(expression, f"t{len(self.names)}"), self)


_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "===", "ne": "!=="}


class _Symbol(Operators):
    """A number, or a truth value, of the function that is being written."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: _Body) -> None:
        self.name, self.body = name, body

    def record(self, op: Primitive, *args: Any) -> _Symbol:
        """The result of a row."""
        if op.name in OPERATORS:
            return self.body.let(OPERATORS[op.name], *args)
        self.body.used[op.name, len(args)] = None
        entry = literal(key(op, len(args))).replace("{", "{{").replace("}", "}}")
        return self.body.let(f"forward[{entry}]({', '.join(['{}'] * len(args))})", *args)

    def compare(self, name: str, other: Any) -> _Symbol:
        """The comparison as an expression."""
        return self.body.let(f"{{}} {_COMPARISONS[name]} {{}}", self, other)

    def __and__(self, other: Any) -> _Symbol:
        return self.body.let("{} && {}", self, other)

    def __or__(self, other: Any) -> _Symbol:
        return self.body.let("{} || {}", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a symbol is neither true nor false; choose with where(condition, x, y)")


def _text(x: Any) -> str:
    """A symbol or a number as JavaScript."""
    if isinstance(x, _Symbol):
        return x.name
    return repr(as_float(x)).replace("inf", "Infinity").replace("nan", "NaN")


def _function(
    op: Primitive, rule: Callable[..., Any], parameters: Sequence[str]
) -> tuple[str, Iterable[tuple[str, int]]]:
    """A rule of a row as an arrow function, and the rows that it calls."""
    body = _Body()
    try:
        result = rule(*[_Symbol(name, body) for name in parameters])
        value = f"[{', '.join(map(_text, result))}]" if isinstance(result, (tuple, list)) else _text(result)
    except Exception as error:
        raise ValueError(
            f"the primitive {op.name!r} cannot be written as JavaScript; write its forward and its partials with "
            f"other primitives only ({error})"
        ) from error
    statements = [f"  const {name} = {expression};" for expression, name in body.names.items()]
    return "\n".join([f"({', '.join(parameters)}) => {{", *statements, f"  return {value};", "}"]), body.used
