"""What happens at a node, in words and numbers: "sqrt(-1.0): the square root of a negative number"."""

from __future__ import annotations

import math
from collections.abc import Callable

from autograd_engine.diagnosis.as_python import numeric_text, python_text, short_number
from autograd_engine.value import Value

# Why there is no value, with the operations of which that is said.
_NO_VALUE = {
    "the square root of a negative number": ("sqrt",),
    "the logarithm of a negative number": ("log", "log2", "log10", "log1p", "xlogy"),
    "it is defined from -1 to 1": ("arcsin", "arccos", "arctanh"),
    "it is defined from 1 on": ("arccosh",),
    "a negative number to a fractional power": ("pow",),
    "a quotient of two zeros or of two infinities": ("div",),
    "zero times an infinity": ("mul", "prod"),
    "infinities of opposite signs": ("add", "sum"),
    "the difference of two infinities": ("sub",),
    "zero times an infinity, or infinities of opposite signs": ("dot",),
    "it has no limit at infinity": ("sin", "cos", "tan"),
    "a remainder of division by 0": ("fmod", "mod"),
}
_SUMS = frozenset({"add", "sub", "sum"})
_STEPS = frozenset({"floor", "ceil", "round", "trunc", "sign", "heaviside", "floordiv"})


def of_value(node: Value, number: float, kind: str, bound: float) -> str:
    """Why a node is a number of this kind, although its operands are not, or are legitimately so."""
    if node.op is None:
        changed = (
            ""
            if node.data == number or number != number != node.data != node.data
            else (f" when it was used; it is {short_number(node.data)} now")
        )
        return f"{python_text(node)} is {short_number(number)} itself{changed}"
    return f"{numeric_text(node)}; {_AT[kind](node, bound)}"


def of_slope(child: Value, node: Value, index: int, partial: float, cotangent: float, kind: str) -> str:
    """Why the gradient of `node` is of this kind, which is not that of its `child`."""
    among = f" with respect to {python_text(node)}" if len(child.arguments) > 1 else ""
    slope = f"the slope of {python_text(child, top=True)}{among} is {short_number(partial)}"
    reason = _flat(child, index) if kind in ("zero", "vanishing") and not partial else ""
    if kind == "zero" and partial:
        reason = f"times the {short_number(cotangent)} from there it is below the smallest float"
    elif kind == "zero" and not math.isfinite(cotangent):
        reason = f"{reason}; in the chain rule 0 times {short_number(cotangent)} is 0"
    elif kind == "vanishing":
        reason = _flat(child, index) if abs(partial) < 1e-3 else f"times the {short_number(cotangent)} from there"
    elif kind in ("inf", "huge") and cotangent != 1:
        reason = f"times the {short_number(cotangent)} from there"
    return f"{slope} at {numeric_text(child)}" + (f": {reason}" if reason else "")


def _nan(node: Value, bound: float) -> str:
    assert node.op is not None
    if any(x != x for x in node.operands):
        return "a nan was handed in"
    return next((why for why, names in _NO_VALUE.items() if node.op.name in names), "it has no value there")


def _inf(node: Value, bound: float) -> str:
    assert node.op is not None
    name, operands = node.op.name, node.operands
    if any(map(math.isinf, operands)):
        return "an inf was handed in"
    if (name in ("div", "floordiv") and not operands[1]) or (name == "reciprocal" and not operands[0]):
        return "division by 0"
    if name in ("log", "log2", "log10", "log1p", "xlogy"):
        return "the logarithm of 0"
    if name == "pow" and not operands[0]:
        return "0 to a negative power"
    if name in ("lgamma", "digamma"):
        return "a pole of the gamma function"
    return "its end of the domain" if name == "arctanh" else "beyond 1.8e308, the largest float"


def _zero(node: Value, bound: float) -> str:
    assert node.op is not None
    name, operands = node.op.name, node.operands
    half = len(operands) // 2
    if (
        any(x * y for x, y in zip(operands[:half], operands[half:]))
        if name == "dot"
        else name in _SUMS and any(operands)
    ):
        return "the terms cancel"
    if name == "div" and math.isinf(operands[1]):
        return "division by an infinity"
    if name in ("mul", "prod", "div", "dot") and 0.0 not in operands[: 1 if name == "div" else None]:
        return "below 4.9e-324, the smallest float"
    if name == "relu":
        return "relu of a number that is not positive"
    if name in ("exp", "exp2", "sigmoid", "erfc", "square", "pow") and all(operands):
        return "below 4.9e-324, the smallest float"
    return "that is its value there"


_AT: dict[str, Callable[[Value, float], str]] = {
    **{"nan": _nan, "inf": _inf, "zero": _zero},
    "huge": lambda node, bound: f"the first number beyond {bound:g}",
    "vanishing": lambda node, bound: f"the first number below {1 / bound:g}",
}


def _flat(child: Value, index: int) -> str:
    """Why nothing, or next to nothing, comes through an argument."""
    assert child.op is not None
    name, operands = child.op.name, child.operands
    if name == "where":
        return "the condition has no gradient" if not index else "the other branch was taken"
    if name == "relu":
        return "relu lets nothing through where its argument is not positive"
    if name in ("maximum", "minimum", "clip", "amax", "amin"):
        return "another argument was chosen"
    if name in _STEPS:
        return "a step function is flat"
    if child.op.saturates:
        return "saturated"
    if name in ("mul", "prod", "dot"):
        return "the other factor is 0" if 0.0 in operands else "the other factor is small"
    if not any(operands):
        return "it is flat there"
    return "an infinity was handed in" if any(map(math.isinf, operands)) else "it is flat there"
