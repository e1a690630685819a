"""A part of a graph as the Python that a user would type: `sqrt(x * x)`, with labels for names.

Only the top of a graph is written; what lies deeper is "…".
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from autograd_engine.primitives import Primitive
from autograd_engine.value import Value

DEPTH = 3
MOST_ARGUMENTS = 4  # of dot, sum and the like

_INFIX: dict[str, ast.operator] = {
    "add": ast.Add(),
    "sub": ast.Sub(),
    "mul": ast.Mult(),
    "div": ast.Div(),
    "floordiv": ast.FloorDiv(),
    "mod": ast.Mod(),
    "pow": ast.Pow(),
}


def python_text(x: Value | float, depth: int = DEPTH, top: bool = False) -> str:
    """The node as Python, `depth` operations deep. A labelled node is its label; at the `top` its operation.

    >>> x = Value(0.5, "x")
    >>> python_text((1 - x) * x.exp())
    '(1.0 - x) * exp(x)'
    """
    return ast.unparse(_syntax(x, depth, top))


def numeric_text(node: Value) -> str:
    """The operation of a node with the numbers that it was called with: `0.0 * inf`."""
    assert node.op is not None
    operands = node.operands
    return ast.unparse(_operation(node.op, [_number(y) for y in _shown(node.op, operands)], len(operands)))


def with_names(formula: str, nodes: Mapping[str, Value | float]) -> str:
    """A formula with nodes in place of its variables, in parentheses where that is needed.

    >>> x, y = Value(1.0, "x"), Value(2.0, "y")
    >>> with_names("2 * a ** b", {"a": x + y, "b": y})
    '2 * (x + y) ** y'
    """
    return ast.unparse(_Substitution(nodes).visit(ast.parse(formula, mode="eval")))


def short_number(number: float) -> str:
    """A number with six digits, as Python writes it: 0.0, 1e-200, nan."""
    text = f"{number:.6g}"
    return text if any(sign in text for sign in ".en") else text + ".0"


class _Substitution(ast.NodeTransformer):
    def __init__(self, nodes: Mapping[str, Value | float]) -> None:
        self.nodes = nodes

    def visit_Name(self, name: ast.Name) -> ast.expr:
        return _syntax(self.nodes[name.id], DEPTH, top=False) if name.id in self.nodes else name


def _syntax(x: Any, depth: int, top: bool) -> ast.expr:
    if x.__class__ is not Value:
        return _number(x)
    if x.label and not (top and x.op):
        return ast.Name(x.label)
    if x.op is None:
        return _number(x.data)
    if not depth:
        return ast.Name("…")
    arguments = x.arguments
    shown = [_syntax(y, depth - 1, top=False) for y in _shown(x.op, arguments)]
    return _operation(x.op, shown, len(arguments))


def _shown(op: Primitive, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments that are written: of a row that takes any number, the first of them."""
    if op.name == "dot":
        half = len(arguments) // 2
        return arguments[:half][:MOST_ARGUMENTS] + arguments[half:][:MOST_ARGUMENTS]
    return arguments if op.arity else arguments[:MOST_ARGUMENTS]


def _operation(op: Primitive, shown: list[ast.expr], count: int) -> ast.expr:
    """A call of `count` arguments of which these are shown."""
    name = op.name
    if name in _INFIX:
        return ast.BinOp(shown[0], _INFIX[name], shown[1])
    if name == "neg":
        return ast.UnaryOp(ast.USub(), shown[0])
    if name == "identity":
        return shown[0]
    if name == "dot":
        half = len(shown) // 2
        shown = [_list(shown[:half], count // 2), _list(shown[half:], count // 2)]
    elif op.arity is None:
        shown = [_list(shown, count)]
    return ast.Call(ast.Name(name), shown, [])


def _list(shown: list[ast.expr], count: int) -> ast.expr:
    if any(not isinstance(x, ast.Name) or x.id != "…" for x in shown):
        return ast.List([*shown, ast.Name("…")] if len(shown) < count else shown)
    return ast.List([ast.Name("…")] if shown else [])


def _number(number: float) -> ast.expr:
    """A name and not a constant, which would be written with 17 digits and inf as 1e309; -2 as an operation, for
    the parentheses of (-2) ** y."""
    negative = math.copysign(1.0, number) < 0 and number == number
    size = ast.Name(short_number(-number if negative else number))
    return ast.UnaryOp(ast.USub(), size) if negative else size
