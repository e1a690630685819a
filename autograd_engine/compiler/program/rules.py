"""How each operation simplifies, given its operands.

A rule returns the operand that stands for the result, or None if it knows nothing better than the operation.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from math import frexp, isfinite, isnan
from typing import Protocol

from autograd_engine.primitives import PRIMITIVES


class Emitter(Protocol):
    """What rules get from the simplifier. An operand is the number of an instruction or, if negative, of a constant."""

    exact: bool
    operands: list[tuple[int, ...]]
    infinities: Infinities

    def constant(self, x: float) -> int:
        """The operand of a constant."""

    def value(self, x: int) -> float:
        """The number of a constant operand."""

    def emit(self, operation: str, operands: tuple[int, ...]) -> int:
        """The operand that stands for an operation on other operands."""

    def is_a(self, x: int, operation: str) -> bool:
        """Whether an operand is the result of this operation."""

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack, not a number."""


_COMPARISONS = {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")}


def bits_of(x: float) -> bytes:
    """The bits of x, which unlike == tell 0.0 from -0.0, and one NaN from another."""
    return struct.pack("d", x)


_ZERO, _MINUS_ZERO = bits_of(0.0), bits_of(-0.0)


def _add(s: Emitter, x: int, y: int) -> int | None:
    if x < 0 and y < 0:
        return s.constant(s.value(x) + s.value(y))
    for a, b in ((x, y), (y, x)):
        if b < 0 and bits_of(s.value(b)) == _MINUS_ZERO:
            return a
        if s.is_a(b, "neg"):
            return s.emit("sub", (a, s.operands[b][0]))
    return None


def _sub(s: Emitter, x: int, y: int) -> int | None:
    if x < 0 and y < 0:
        return s.constant(s.value(x) - s.value(y))
    if y < 0 and bits_of(s.value(y)) == _ZERO:
        return x
    if x < 0 and bits_of(s.value(x)) == _MINUS_ZERO:
        return s.emit("neg", (y,))
    return s.emit("add", (x, s.operands[y][0])) if s.is_a(y, "neg") else None


def _mul(s: Emitter, x: int, y: int) -> int | None:
    if x < 0 and y < 0:
        return s.constant(s.value(x) * s.value(y))
    for a, b in ((x, y), (y, x)):
        if b < 0 and s.value(b) == 1:
            return a
        if b < 0 and s.value(b) == -1:
            return s.emit("neg", (a,))
        if b < 0 and s.is_a(a, "neg"):
            return s.emit("mul", (s.operands[a][0], s.constant(-s.value(b))))
    if s.is_a(x, "neg") and s.is_a(y, "neg"):
        return s.emit("mul", (s.operands[x][0], s.operands[y][0]))
    return None


def _product0(s: Emitter, x: int, y: int) -> int | None:
    """The product of the chain rule. The sign of a zero does not matter here: a cotangent of 0 goes no further."""
    for a, b in ((x, y), (y, x)):
        if b < 0 and isfinite(s.value(b)) and s.value(b) != 0:
            return s.emit("mul", (a, b))
        if b < 0 and s.value(b) == 0:
            return b
        if b < 0 and isnan(s.value(b)):  # a choice: the plain product would be nan even where it does not matter
            return s.emit("where", (s.emit("ne", (a, s.constant(0.0))), b, s.constant(-0.0)))
        if s.is_a(b, "where"):
            condition, *choices = s.operands[b]
            if any(c < 0 and s.value(c) == 0 for c in choices) and max(choices) < 0:
                return s.emit("where", (condition, *[s.emit("product0", (a, c)) for c in choices]))
        if s.is_a(b, "sign") and s.is_a(s.operands[b][0], "relu"):
            s.emit("gt", (s.operands[b][0], s.constant(0.0)))  # for `_plain_product`
        elif s.infinities.spoil(s, b, a):
            counting(s, b, a)  # for `_plain_product`
    return None


_CAN_END = frozenset({"where", "div", "pow"})
"""Operations whose result can be one of the `ends` of Infinities whatever its operands are."""


@dataclass
class Infinities:
    """What is known of the instructions of a program, so that the strong zero can stay where it is needed often.

    `ends` are slopes of functions, such as sqrt or log, that end where their slope is infinite; `passed_on` is what is
    computed from these by the chain rule; `choices` are numbers that a condition makes 0.
    """

    ends: set[int] = field(default_factory=set)
    passed_on: set[int] = field(default_factory=set)
    choices: set[int] = field(default_factory=set)

    def note(self, s: Emitter, i: int, operation: str, operands: tuple[int, ...]) -> None:
        """Note what instruction i is."""
        if not self.ends and operation not in _CAN_END:
            return  # there is nothing yet to pass on
        if operation == "where":
            numbers = operands[1:]
            if any(x < 0 and s.value(x) == 0 for x in numbers) or not self.choices.isdisjoint(numbers):
                self.choices.add(i)
            if any(x < 0 and isnan(s.value(x)) for x in numbers):  # nan beyond the end
                self.ends.add(i)
        elif operation == "div":
            parts = s.operands[operands[1]] if s.is_a(operands[1], "add") else operands[1:]
            if any(s.is_a(x, "sqrt") for x in parts):
                self.ends.add(i)
        elif operation == "pow" and not (operands[1] < 0 and s.value(operands[1]) > 0):
            self.ends.add(i)
        if operation == "product0" and not self.ends.isdisjoint(operands):
            self.passed_on.add(i)
        elif operation in ("product0", "mul", "add", "sub", "neg", "where"):
            if operation in ("mul", "where") and not self.ends.isdisjoint(operands):
                self.ends.add(i)
            if not self.passed_on.isdisjoint(operands):
                self.passed_on.add(i)

    def spoil(self, s: Emitter, x: int, factor: int) -> bool:
        """Whether x may well be infinite or nan where a factor of it is 0."""
        is_choice = factor in self.choices or (factor < 0 and s.value(factor) == 0)
        return x in self.ends or (x in self.passed_on and is_choice)


def counting(s: Emitter, x: int, factor: int) -> int:
    """x, but 0 where a factor of it is 0."""
    return s.emit("where", (s.emit("ne", (factor, s.constant(0.0))), x, s.constant(0.0)))


def _div(s: Emitter, x: int, y: int) -> int | None:
    if x < 0 and y < 0:
        return s.constant(PRIMITIVES["div"].forward(s.value(x), s.value(y)))
    if x < 0 and isnan(s.value(x)):
        return x
    if y < 0:
        divisor = s.value(y)
        if divisor == 1:
            return x
        if _is_power_of_two(divisor):
            return s.emit("mul", (x, s.constant(1 / divisor)))
    return None


def _is_power_of_two(x: float) -> bool:
    mantissa, exponent = frexp(abs(x))
    return mantissa == 0.5 and -1000 < exponent < 1000


def _fmod(s: Emitter, x: int, y: int) -> int | None:
    """By a power of two no digit of quotient and product is lost, so they give the remainder without a call."""
    if x < 0 and y < 0:
        return s.constant(PRIMITIVES["fmod"].forward(s.value(x), s.value(y)))
    if y >= 0 or abs(s.value(y)) < 1 or not _is_power_of_two(s.value(y)):
        return None
    divisor, size = abs(s.value(y)), s.emit("abs", (x,))
    whole = s.emit("floor", (s.emit("mul", (size, s.constant(1 / divisor))),))
    rest = s.emit("sub", (size, s.emit("mul", (whole, s.constant(divisor)))))
    return s.emit("copysign", (rest, x))


def _neg(s: Emitter, x: int) -> int | None:
    if x < 0:
        return s.constant(-s.value(x))
    return s.operands[x][0] if s.is_a(x, "neg") else None


def _pow(s: Emitter, x: int, y: int) -> int | None:
    if x < 0 and y < 0:
        return s.constant(PRIMITIVES["pow"].forward(s.value(x), s.value(y)))
    if y >= 0:
        return None
    exponent = s.value(y)
    if exponent == 1:
        return x
    if exponent == 0:
        return s.constant(1.0)
    if s.exact:
        return None
    powers: dict[float, Callable[[], int]] = {
        2.0: lambda: s.emit("mul", (x, x)),
        3.0: lambda: s.emit("mul", (x, s.emit("mul", (x, x)))),
        -1.0: lambda: s.emit("div", (s.constant(1.0), x)),
    }
    return powers[exponent]() if exponent in powers else None


def _where(s: Emitter, condition: int, x: int, y: int) -> int | None:
    if condition < 0:
        return x if s.value(condition) else y
    return x if x == y else None


def _comparison(name: str) -> Callable[[Emitter, int, int], int | None]:
    compare = _COMPARISONS[name]

    def rule(s: Emitter, x: int, y: int) -> int | None:
        if x < 0 and y < 0:
            return s.constant(float(compare(s.value(x), s.value(y))))
        return None

    return rule


def _and(s: Emitter, x: int, y: int) -> int | None:
    for a, b in ((x, y), (y, x)):
        if b < 0:
            return a if s.value(b) else b
    return x if x == y else None


def _or(s: Emitter, x: int, y: int) -> int | None:
    for a, b in ((x, y), (y, x)):
        if b < 0:
            return b if s.value(b) else a
    return x if x == y else None


def _xor(s: Emitter, x: int, y: int) -> int | None:
    for a, b in ((x, y), (y, x)):
        if b < 0:
            return s.emit("not", (a,)) if s.value(b) else a
    return s.constant(0.0) if x == y else None


def _not(s: Emitter, x: int) -> int | None:
    if x < 0:
        return s.constant(float(not s.value(x)))
    return s.operands[x][0] if s.is_a(x, "not") else None


def _identity(s: Emitter, x: int) -> int:
    return x


def _chain(operation: str, empty: float) -> Callable[..., int]:
    def rule(s: Emitter, *inputs: int) -> int:
        if not inputs:
            return s.constant(empty)
        total = inputs[0]
        for x in inputs[1:]:
            total = s.emit(operation, (total, x))
        return total

    return rule


def _dot(s: Emitter, *inputs: int) -> int:
    if not inputs:
        return s.constant(0.0)
    half = len(inputs) // 2
    total = s.constant(-0.0)
    for x, y in zip(inputs[:half], inputs[half:]):
        total = s.emit("add", (s.emit("mul", (x, y)), total))
    return total


def _checked(s: Emitter, index: int, size: int, site: int, condition: int) -> int | None:
    if index >= 0:
        return None
    x, n = s.value(index), s.value(size)
    return s.constant(x + n if x < 0 else x) if -n <= x < n and x == int(x) else None


def _pick(s: Emitter, stack: int, index: int) -> int | None:
    if not s.is_stack(stack):  # all entries are the same number
        return stack
    return s.operands[stack][int(s.value(index))] if index < 0 and s.is_a(stack, "table") else None


RULES: dict[str, Callable[..., int | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "product0": _product0,
    "div": _div,
    "fmod": _fmod,
    "neg": _neg,
    "pow": _pow,
    "where": _where,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "not": _not,
    "identity": _identity,
    "checked": _checked,
    "pick": _pick,
    "sum": _chain("add", 0.0),
    "prod": _chain("mul", 1.0),
    "dot": _dot,
    **{name: _comparison(name) for name in _COMPARISONS},
}
