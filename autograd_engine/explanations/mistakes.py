"""The usual mistakes with the chain rule, and the numbers that they lead to."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence

from autograd_engine import primitives
from autograd_engine.explanations.chain_rule import Factor, Path
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.statements import derivative
from autograd_engine.explanations.symbols import PI, Symbol, textbook
from autograd_engine.value import Value

TOLERANCE = 5e-3

Mistake = tuple[str, float]

# What can be said of a number that no usual mistake leads to.
REASONS = {
    "finite": "the answer is a finite number",
    "rounded": "rounded too early: three significant digits are asked for",
    "close": "close, but not to three significant digits",
    "sign": "the sign is wrong, and so is the size",
    "large": "too large in size, and not by a usual mistake",
    "small": "too small in size, and not by a usual mistake",
}


def matters(wrong: float, right: float) -> bool:
    """Whether a number gives a mistake away: it is one, and not the right one."""
    return math.isfinite(wrong) and not close(wrong, right)


def close(x: float, y: float) -> bool:
    """Whether two numbers agree to three significant digits."""
    return math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-9)


def reason(wrong: float, right: float) -> str:
    """One of the REASONS."""
    if not math.isfinite(wrong):
        return REASONS["finite"]
    if any(math.isclose(wrong, float(f"{right:.{digits}g}"), rel_tol=1e-9) for digits in (1, 2)):
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


def of_value(name: str, number: float) -> Mistake:
    """The result itself in the place of its derivative."""
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
    for factor in factors:
        for what, wrong in _other_slopes(factor):
            yield what, _exchanged(number, factor.number, wrong)


def of_sum(paths: Sequence[Path], number: float) -> Iterator[Mistake]:
    """What goes wrong with a sum over several paths; the last one is that which backward() comes to last."""
    last = paths[-1].number
    yield "the paths are overwritten instead of accumulated: only the last one counts", last
    for i, path in enumerate(paths):
        yield f"path {i + 1} is forgotten", number - path.number
        yield f"the sign of path {i + 1} is wrong", number - 2 * path.number
    yield "the sign is wrong", -number
    for slopes in (_slopes_elsewhere, _other_slopes):
        for factor in dict.fromkeys(factor for path in paths for factor in path.factors):
            for what, wrong in slopes(factor):
                parts = (
                    _exchanged(path.number, factor.number, wrong) if factor in path.factors else path.number
                    for path in paths
                )
                yield what, math.fsum(parts)
    yield "the paths are added up, not multiplied", math.prod(path.number for path in paths)


def _slopes_elsewhere(factor: Factor) -> Iterator[Mistake]:
    for number in _at_wrong_argument(factor):
        yield f"{text(sign(factor))} is taken at the wrong argument", number


def _other_slopes(factor: Factor) -> Iterator[Mistake]:
    """A power without its rule, an angle in degrees, and the derivative by another argument."""
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
