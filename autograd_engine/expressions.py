"""Formulas as text, such as "exp(x*y) + sin(x)", without `eval`: the syntax tree is walked against a whitelist.

Allowed are numbers, names, the operators `+ - * / // % **`, comparisons, the functions of the table by their
names, and the constants pi, e, inf and nan. Everything else is refused by name. What a blackboard has instead, `2x`,
`2·x`, `sin x`, `x²` and `|x|`, is read where it can mean one thing only.

>>> f = parse("(x - 5)**2 + y")
>>> f.names
('x', 'y')
>>> f(x=3.0, y=1.0)
5.0
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from autograd_engine import primitives
from autograd_engine.primitives import PRIMITIVES, Primitive

MOST_CHARACTERS = 10_000

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: thing for name, thing in vars(primitives).items() if isinstance(thing, Primitive) and name[0] != "_"},
    # One argument each, instead of the sequences that they take in Python.
    **{name: PRIMITIVES[name] for name in ("sum", "prod", "logsumexp", "amax", "amin")},
    "max": primitives.maximum,
    "min": primitives.minimum,
    "ln": primitives.log,
}

# Operators are the rows themselves, so that floats follow IEEE 754 here as Values do: 1 / 0 is inf.
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    **{ast.Add: primitives.add, ast.Sub: primitives.sub, ast.Mult: primitives.mul, ast.Div: primitives.div},
    **{ast.FloorDiv: primitives.floordiv, ast.Mod: primitives.mod, ast.Pow: primitives.pow},
    **{ast.USub: primitives.neg, ast.UAdd: lambda x: x},
    **{ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge},
    **{ast.Eq: operator.eq, ast.NotEq: operator.ne},
}

_HINTS: dict[type[ast.AST], str] = {
    ast.IfExp: "if ... else; write where(condition, a, b)",
    ast.BoolOp: "and/or; nest where(condition, a, b)",
    ast.Attribute: "an attribute (a dot)",
    ast.Subscript: "an index",
    ast.Lambda: "lambda",
    ast.BitXor: "^; a power is written **",
    ast.BitOr: "|; the absolute value is written abs(x)",
    ast.Starred: "*arguments",
    ast.NamedExpr: ":=",
}


class ExpressionError(ValueError):
    """A formula that is not understood. The message says what is wrong, in one line."""


@dataclass(frozen=True)
class Expression:
    """A formula: its text, the names of its variables in order of appearance, and a call that computes it."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def __call__(self, /, **numbers: Any) -> Any:
        """The value at numbers or Values, one for each of `names`. Raises TypeError for missing or unknown names."""
        if numbers.keys() != set(self.names):
            raise TypeError(
                f"the formula has the variables {', '.join(self.names)}; got {', '.join(numbers) or 'none'}"
            )
        return _evaluate(self._tree, numbers)


def parse(text: str) -> Expression:
    """The formula in `text`. Raises ExpressionError for what is not on the whitelist."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"the formula has {len(text)} characters, more than {MOST_CHARACTERS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's, of what is refused below
            tree = ast.parse(_from_the_blackboard(text.strip()), mode="eval").body
        names = tuple(dict.fromkeys(_variables(tree)))
        _evaluate(tree, dict.fromkeys(names, 1.0))  # finds a wrong number of arguments and too deep a nesting
    except SyntaxError as error:
        place = f" at character {error.offset}" if error.offset else ""
        raise ExpressionError(f"the formula {_short(text)} is not complete or not correct{place}") from None
    except (RecursionError, MemoryError):
        raise ExpressionError("the formula is nested too deeply") from None
    except ExpressionError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise ExpressionError(f"in the formula {_short(text)}: {error}") from None
    return Expression(text, names, tree)


_SIGNS = str.maketrans("·×÷−", "**/-")
_POWER = re.compile(r"(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?=\s*([\w(]))?")
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_SIZE = re.compile(r"(?:(?<![\w)|])|(?<=\d))\|([^|]+)\|")
_NUMBER = r"(?<![\w.])(?!0[xob])(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_FUNCTION = rf"(?<![^\W\d])({'|'.join(FUNCTIONS)})[ \t]+"
_APPLIED = re.compile(rf"{_FUNCTION}([^\W\d]\w*|{_NUMBER})(?=\s*(?:[-+,)<>=!]|$))", re.IGNORECASE)
_UNAPPLIED = re.compile(rf"{_FUNCTION}[\w.]")
_FACTOR = re.compile(rf"(?:(\*\*|[/%])\s*)?({_NUMBER})\s*([^\W\d]\w*|\()?", re.IGNORECASE)


def _from_the_blackboard(text: str) -> str:
    """A formula with the signs that Python wants. Raises ExpressionError for what can be read in two ways."""
    plain = text.translate(_SIGNS)
    plain = _POWER.sub(lambda power: f"**{power[1].translate(_DIGITS)}{'*' if power[2] else ''}", plain)
    plain = _APPLIED.sub(r"\1(\2)", _SIZE.sub(r"abs(\1)", plain))
    if unapplied := _UNAPPLIED.search(plain):
        raise ExpressionError(f"in the formula {_short(text)} write {unapplied[1]}(...), with parentheses")

    def product(factor: re.Match[str]) -> str:
        before, number, other = factor.groups()
        if not other or keyword.iskeyword(other) or other in ("j", "J"):
            return factor[0]
        if before:
            both = f"{number}*{other}" + "...)" * (other == "(")
            raise ExpressionError(
                f"in the formula {_short(text)} write {both}, and what belongs together in parentheses"
            )
        return f"{number}*{other}"

    return _FACTOR.sub(product, plain)


def _variables(node: ast.AST) -> Iterator[str]:
    """The names of the variables in a tree; raises ExpressionError for a node that is not allowed."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise ExpressionError(f"a formula cannot hold {_short(repr(node.value))}, only numbers")
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            raise ExpressionError(f"{node.id} is a function; call it as {node.id}(...)")
        if node.id.startswith("__"):
            raise ExpressionError(f"a formula cannot hold the name {node.id}")
        if node.id not in CONSTANTS:
            yield node.id
    elif isinstance(node, (ast.BinOp, ast.UnaryOp)) and type(node.op) in _OPERATORS:
        for operand in (node.left, node.right) if isinstance(node, ast.BinOp) else (node.operand,):
            yield from _variables(operand)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
        yield from _variables(node.left)
        yield from _variables(node.comparators[0])
    elif isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            name = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else "that"
            close = difflib.get_close_matches(name, FUNCTIONS, n=4)
            meant = f"did you mean {' or '.join(close)}?" if close else "there are exp, log, sin, sqrt, abs and others"
            raise ExpressionError(f"{_short(name)} is not a function of a formula; {meant}")
        if node.keywords:
            raise ExpressionError(f"{node.func.id}() takes no named arguments in a formula")
        for argument in node.args:
            yield from _variables(argument)
    else:
        culprit = getattr(node, "op", node)
        kind = type(culprit if type(culprit) in _HINTS else node)
        raise ExpressionError(f"a formula cannot hold {_HINTS.get(kind) or _short(ast.unparse(node))}")


def _evaluate(node: Any, numbers: dict[str, Any]) -> Any:
    """The value of a tree that `_variables` has let through."""
    if isinstance(node, ast.Constant):
        return primitives.as_float(node.value)
    if isinstance(node, ast.Name):
        return CONSTANTS[node.id] if node.id in CONSTANTS else numbers[node.id]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, numbers), _evaluate(node.right, numbers))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_evaluate(node.operand, numbers))
    if isinstance(node, ast.Compare):
        return _OPERATORS[type(node.ops[0])](_evaluate(node.left, numbers), _evaluate(node.comparators[0], numbers))
    return FUNCTIONS[node.func.id](*[_evaluate(argument, numbers) for argument in node.args])


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
