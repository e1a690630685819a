"""The usual mistakes with the chain rule, and the numbers that they lead to."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import math
from collections.abc import Iterator, Sequence

from autograd_engine import primitives
from autograd_engine.explanations.chain_rule import Factor, Path
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.statements import derivative
from autograd_engine.explanations.symbols import PI, Symbol, symbol, textbook
from autograd_engine.expressions import Expression, parse
from autograd_engine.primitives import Primitive
from autograd_engine.value import Value

TOLERANCE = 5e-3
EXACT = 1e-9
MOST_SLIPS = 8  # of one formula: with a long one almost any number would be a usual mistake

Mistake = tuple[str, float]

# What can be said of a number that no usual mistake leads to.
REASONS = {
    "finite": "the answer is a finite number",
    "rounded": "rounded too early: three significant digits are asked for",
    "close": "close, but not to three significant digits",
    "sign": "the sign is wrong, and so is the size",
    "large": "too large in size; a hint says how to begin",
    "small": "too small in size; a hint says how to begin",
}


def matters(wrong: float, right: float) -> bool:
    """Whether a number gives a mistake away: it is one, and not the right one."""
    return math.isfinite(wrong) and not close(wrong, right)


def close(x: float, y: float) -> bool:
    """Whether two numbers agree to three significant digits."""
    return math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-9)


def reason(wrong: float, right: float, usual: Sequence[Mistake]) -> str:
    """What a wrong number shows: a usual mistake, or one of the REASONS."""
    if not math.isfinite(wrong):
        return REASONS["finite"]
    for tolerance in (EXACT, TOLERANCE):
        if named := next((what for what, x in usual if math.isclose(wrong, x, rel_tol=tolerance, abs_tol=1e-9)), ""):
            return named
        if any(math.isclose(wrong, float(f"{right:.{digits}g}"), rel_tol=EXACT) for digits in (1, 2)):
            return REASONS["rounded"]
    if math.isclose(wrong, right, rel_tol=10 * TOLERANCE):
        return REASONS["close"]
    if wrong * right < 0:
        return REASONS["sign"]
    return REASONS["large" if abs(wrong) > abs(right) else "small"]


def of_factor(factor: Factor) -> Iterator[Mistake]:
    """What goes wrong with one local derivative."""
    yield from _slopes_elsewhere(factor)
    yield "the sign is wrong", -factor.number
    yield of_value(factor.names.name(factor.child).text, factor.child.data)
    yield from _other_slopes(factor)
    yield f"{text(sign(factor))} is turned upside down", 1 / factor.number if factor.number else math.nan
    yield of_value(factor.names.name(factor.parent).text, factor.parent.data)
    yield from _other_formulas(factor)


def of_value(name: str, number: float) -> Mistake:
    """The result itself in place of its derivative."""
    return f"this is the value of {name}, not its derivative", number


def of_product(factors: Sequence[Factor], number: float) -> Iterator[Mistake]:
    """What goes wrong with a product of local derivatives."""
    yield "the sign is wrong", -number
    for factor in factors:
        for what, wrong in _slopes_elsewhere(factor):
            yield what, _exchanged(number, factor.number, wrong)
        if len(factors) > 1:
            yield f"the factor {text(sign(factor))} is missing", _exchanged(number, factor.number, 1.0)
    if len(factors) > 1:
        yield "the factors of a path are multiplied, not added up", math.fsum(factor.number for factor in factors)
    for slopes in (_other_slopes, _other_formulas):
        for factor in factors:
            for what, wrong in slopes(factor):
                yield what, _exchanged(number, factor.number, wrong)


def of_sum(paths: Sequence[Path], number: float) -> Iterator[Mistake]:
    """What goes wrong with a sum over several paths; the last one is that which backward() comes to last."""
    last = paths[-1].number
    yield "the paths are overwritten instead of accumulated: only the last one counts", last
    for i, path in enumerate(paths):
        yield f"path {i + 1} is forgotten", number - path.number
        yield f"the sign of path {i + 1} is wrong", number - 2 * path.number
    yield "the sign is wrong", -number
    for slopes in (_slopes_elsewhere, _other_slopes, _other_formulas):
        for factor in dict.fromkeys(factor for path in paths for factor in path.factors):
            for what, wrong in slopes(factor):
                parts = [
                    _exchanged(path.number, factor.number, wrong) if factor in path.factors else path.number
                    for path in paths
                ]
                yield what, sum(parts)  # may be inf - inf
    yield "the paths are added up, not multiplied", math.prod(path.number for path in paths)


def _slopes_elsewhere(factor: Factor) -> Iterator[Mistake]:
    for number in _at_wrong_argument(factor):
        yield f"{text(sign(factor))} is taken at the wrong argument", number


def _other_slopes(factor: Factor) -> Iterator[Mistake]:
    """A power without its rule, an angle in degrees, and the derivative with respect to another argument."""
    op, child, slope = factor.child.op, factor.child, text(sign(factor))
    if op in (primitives.sin, primitives.cos, primitives.tan):
        angle = Value(math.radians(child.operands[0]))
        yield f"the calculator takes {slope} in degrees, not in radians", op(angle).local_derivatives()[0]
    if op is primitives.square or (op is primitives.pow and len(child.parents) == 1 and child.arguments[1] != 0):
        exponent = 2.0 if op is primitives.square else child.operands[1]
        yield f"{slope}: the exponent stays the same, and does not become 1 less", exponent * child.data
        yield f"{slope}: the exponent comes to the front as a factor", factor.number / exponent
    for parent, other in zip(child.parents, child.local_derivatives()):
        if parent is not factor.parent:
            by = derivative(factor.names.name(child), factor.names.name(parent), local=True)
            yield f"this has {text(by)} in the place of {slope}", other


def _other_formulas(factor: Factor) -> Iterator[Mistake]:
    """The derivative of another activation, and the formula with a slip in it."""
    op, child, slope = factor.child.op, factor.child, text(sign(factor))
    for other_op in _CONFUSED:
        if op in _CONFUSED and op is not other_op:
            what = f"{slope}: this is the derivative of {other_op.name}, not of {op.name}"
            yield what, other_op(Value(child.operands[0])).local_derivatives()[0]
            yield what, float(textbook(other_op)[0](out=child.data))
    if op and op.arity:
        args = [factor.names.symbol(x) for x in child.arguments]
        signs = dict(zip(inspect.signature(op).parameters, args), out=factor.names.symbol(child), π=PI)
        numbers = dict(zip(signs, child.operands), out=child.data, π=math.pi)
        for formula in _slips(op)[factor.position]:
            written = symbol(formula(**{name: signs[name] for name in formula.names}))
            yield f"{slope} is not {text(written)}", float(formula(**{name: numbers[name] for name in formula.names}))


@functools.cache
def _slips(op: Primitive) -> tuple[tuple[Expression, ...], ...]:
    """The textbook's formula of each local derivative with one thing wrong in it, in every way: a square that is
    forgotten, an exchanged plus and minus, a term or a factor left out, a function not taken."""
    found = []
    for right in textbook(op):
        trees = list(_with_a_slip(ast.parse(right.text, mode="eval").body))
        wrong = [parse(ast.unparse(tree)) for tree in trees] if len(trees) <= MOST_SLIPS else []
        found.append(tuple(formula for formula in wrong if formula.names))
    return tuple(found) or ((),) * (op.arity or 0)


def _with_a_slip(tree: ast.expr) -> Iterator[ast.expr]:
    instead: list[ast.expr] = []
    match tree:
        case ast.BinOp(left, ast.Pow(), _):
            instead = [left]
        case ast.BinOp(left, ast.Add() | ast.Sub() as sign, right):
            other = ast.Sub() if isinstance(sign, ast.Add) else ast.Add()
            instead = [left, right, ast.BinOp(left, other, right)]
        case ast.BinOp(left, ast.Mult() | ast.Div(), right):
            instead = [left, right]
        case ast.Call(_, [argument]):
            instead = [argument]
    yield from instead
    for field, part in ast.iter_fields(tree):
        for i, inner in enumerate(part if isinstance(part, list) else [part]):
            if not isinstance(inner, ast.expr) or field == "func":
                continue
            for wrong in _with_a_slip(inner):
                whole = copy.copy(tree)
                setattr(whole, field, [*part[:i], wrong, *part[i + 1 :]] if isinstance(part, list) else wrong)
                yield whole


_CONFUSED = (primitives.sigmoid, primitives.tanh)


def _at_wrong_argument(factor: Factor) -> Iterator[float]:
    """The slope of a function of one number with its value and its argument confused, in either direction."""
    op, child = factor.child.op, factor.child
    if op is None or len(child.operands) != 1 or child.op in (primitives.neg, primitives.identity):
        return
    yield op(Value(child.data)).local_derivatives()[0]
    [argument] = inspect.signature(op).parameters
    [x] = child.operands
    for formula in textbook(op):
        if "out" in formula.names:
            known = {"out": x, argument: x, PI.text: math.pi}
            yield float(formula(**{name: known[name] for name in formula.names}))


def _exchanged(number: float, factor: float, wrong: float) -> float:
    return number / factor * wrong if factor else math.nan


def sign(factor: Factor) -> Symbol:
    """∂child/∂parent, or the factor itself where that could be another one too."""
    names = factor.names
    local = derivative(names.name(factor.child), names.name(factor.parent), local=True)
    return local if has_a_sign(factor) else factor.symbol


def has_a_sign(factor: Factor) -> bool:
    """Whether ∂child/∂parent can only be this factor: there are two for x·x."""
    return sum(x is factor.parent for x in factor.child.arguments) == 1
