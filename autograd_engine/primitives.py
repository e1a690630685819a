"""The table: every operation, its forward function and its local derivatives.

How to read this file: a `Primitive` is one row. Look at `mul` and `sqrt` first, then at `tanh`, whose
derivative is written for accuracy. `forward` computes floats by C99 / IEEE 754 and never raises:
`exp(1000)` is inf, `1 / 0` is inf, `log(-1)` is nan. `partials(out, *inputs)` gives d(out)/d(input), one
per input, in operators and other primitives only; so the same text runs on floats (backward), on Values
(higher orders) and on whatever else knows `record`.

Calling a primitive on plain numbers evaluates it. The first argument that is not a number takes the call
over, through its method `record`; so this file needs to know nothing of Values.

The rules for special points: ties split equally, a convex kink has its minimum-norm subgradient, a flat
function has slope 0, NaN in means NaN out, and a NaN value never has a finite slope that would hide it.

A *basic* row's forward is one IEEE operation or one call of the C library. A *composite* row's forward is
written with basic primitives, so that a compiler needs no lowering of its own for it.

>>> tanh(0.5), maximum(2, 3), 1 - sigmoid(-800.0)
(0.46211715726000974, 3.0, 1.0)
>>> tanh.partials(tanh(20.0), 20.0)
(1.6993417021166355e-17,)
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import operator
from collections.abc import Callable, Iterable, Sequence
from math import inf, nan, pi
from types import MethodType
from typing import Any, ClassVar

import numpy as np

__all__ = ["PRIMITIVES", "Primitive", "as_float", "dot_of_floats"]

LN2, LOG2E, LOG10E = math.log(2), math.log2(math.e), math.log10(math.e)
SQRT1_2, TWO_OVER_SQRT_PI, ONE_OVER_SQRT_2PI = math.sqrt(0.5), 2 / math.sqrt(pi), 1 / math.sqrt(2 * pi)


_KNOWN = frozenset({int, bool})  # to be numbers, without asking an abstract class, which takes 0.2 µs


def as_float(number: Any, where: str = "") -> float:
    """The float of a real number: float, int, bool, Fraction or NumPy scalar.

    Raises TypeError for anything else (str, None, complex, arrays, Values) and OverflowError for an int
    that no float can hold. The sentence of an error begins with `where`, which says whose number it was.
    """
    if number.__class__ is float:
        return number
    at = f"{where}: " if where else ""
    if number.__class__ in _KNOWN or isinstance(number, (numbers.Real, np.bool_)):
        try:
            return float(number)  # type: ignore[arg-type]
        except OverflowError:
            raise OverflowError(f"{at}expected a number that fits a float, got an int beyond 1.8e308") from None
    kind = type(number)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    raise TypeError(f"{at}expected a real number (int, float or NumPy scalar), got {name}: {number!r:.60}")


PRIMITIVES: dict[str, Primitive] = {}
_PLAIN = frozenset({float, bool})
_MISSING = object()


class Primitive:
    """One row of the table: an operation with its local derivatives.

    `name` is unique; `symbol` is what drawings show; `forward(*inputs)` returns a float and never raises;
    `partials(out, *inputs)` returns d(out)/d(input) for each input; `composite` says that `forward` is
    written with other primitives. Where `partials` is written for accuracy, and where people look it up,
    `derivative` says how a textbook writes it: for each input a formula of the inputs' names, `out` and π. Nothing
    computes with it. `doc` is one line; with the derivative under it, it is what `help` shows. Creating a row adds it
    to `PRIMITIVES`.

    `forward` gets floats; `partials` gets floats, Values or symbols, and must not branch on them with `if`.

    Raises ValueError where the name is taken. A call raises TypeError for another number of inputs than `partials`
    takes, and for an input that is no number.

    >>> cube = Primitive("cube", "x³", lambda x: x * x * x, lambda out, x: (3 * x * x,), "x to the power of 3.")
    >>> from autograd_engine import grad
    >>> cube(2), grad(cube)(2), grad(grad(cube))(2)
    (8.0, 12.0, 12.0)
    >>> del PRIMITIVES["cube"]
    """

    checks_results: ClassVar[bool] = (
        False  # from the end of this file on: the rows in it are held to their word by tests
    )

    def __init__(
        self,
        name: str,
        symbol: str,
        forward: Callable[..., float],
        partials: Callable[..., Sequence[Any]],
        doc: str,
        *,
        composite: bool = False,
        derivative: str | tuple[str, ...] = (),
    ) -> None:
        if name in PRIMITIVES:
            raise ValueError(f"there is a primitive named {name!r} already; choose another name")
        self.name, self.symbol, self.composite = name, symbol, composite
        self.derivative = (derivative,) if isinstance(derivative, str) else derivative
        self.doc = doc
        self.__name__ = name
        # What a call takes is what `partials` takes after `out`; None stands for any number of inputs.
        inputs = [i.replace(annotation=i.empty) for i in inspect.signature(partials).parameters.values()][1:]
        self.forward = _checked_forward(name, forward) if self.checks_results else forward
        self.partials = _checked_partials(name, partials) if self.checks_results else partials
        self.arity = None if any(i.kind is i.VAR_POSITIONAL for i in inputs) else len(inputs)
        self._inputs = self.__signature__ = inspect.Signature(inputs)
        rules = "".join(f"\nd out/d {x.name} = {formula}" for x, formula in zip(inputs, self.derivative))
        self.__doc__ = f"{doc}\n{rules}" if rules else doc
        PRIMITIVES[name] = self

    def __call__(self, x: Any = _MISSING, y: Any = _MISSING, z: Any = _MISSING, /, *more: Any, **keywords: Any) -> Any:
        """The value at numbers; a recorded node where an argument is a Value."""
        # As rules call other rows: the rest of this function does the same, in up to twice the time.
        arity = self.arity
        if arity == 1:
            if y is _MISSING and not keywords:
                if x.__class__ is float:
                    return self.forward(x)
                if record := getattr(x, "record", None):
                    return record(self, x)
        elif arity == 2:
            if x.__class__ is float and y.__class__ is float and z is _MISSING and not keywords:
                return self.forward(x, y)
        elif (
            arity == 3
            and x.__class__ in _PLAIN  # the condition of `where`
            and y.__class__ is float
            and z.__class__ is float
            and not more
            and not keywords
        ):
            return self.forward(x, y, z)
        args = tuple([arg for arg in (x, y, z, *more) if arg is not _MISSING])
        if keywords or (len(args) != self.arity and self.arity is not None):
            args = self._bind(args, keywords)
        plain = True
        for arg in args:
            if arg.__class__ not in _PLAIN:
                if record := getattr(arg, "record", None):
                    return record(self, *args)
                plain = False
        if plain:
            return float(self.forward(*args))
        return float(self.forward(*[as_float(x, f"{self.name}()") for x in args]))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a class attribute a primitive is a method: `Value.tanh = tanh` gives `v.tanh()`."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        return _named, (self.name,)

    def _bind(self, args: Sequence[Any], keywords: dict[str, Any]) -> tuple[Any, ...]:
        try:
            bound = self._inputs.bind(*args, **keywords)
        except TypeError:
            takes, given = f"{self.name}{self._inputs}", len(args) + len(keywords)
            raise TypeError(f"{takes} was called with {given} arguments") from None
        bound.apply_defaults()
        return bound.args


def _checked_forward(name: str, forward: Callable[..., float]) -> Callable[..., float]:
    """`forward`, whose result is a float or a number that is being recorded, or a TypeError says what it is."""

    @functools.wraps(forward)
    def checked(*inputs: Any) -> Any:
        out = forward(*inputs)
        return out if out.__class__ is float or hasattr(out, "record") else as_float(out, f"{name}()")

    return checked


def _checked_partials(name: str, partials: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
    """`partials`, whose result is one real number per input."""

    @functools.wraps(partials)
    def checked(out: Any, *inputs: Any) -> Sequence[Any]:
        found = partials(out, *inputs)
        if not isinstance(found, (tuple, list)) or len(found) != len(inputs):
            raise ValueError(
                f"the partials of {name} must be a tuple of {len(inputs)}, a local derivative for each input; "
                f"got {found!r:.60}"
            )
        if any(isinstance(partial, complex) for partial in found):
            raise ArithmeticError(f"a local derivative of {name} is complex")  # as 1 / 0: Values give nan there
        return found

    return checked


def _named(name: str) -> Primitive:
    """The row of that name, for unpickling."""
    if name not in PRIMITIVES:
        raise LookupError(f"no primitive is named {name!r}; import the module that defines it first")
    return PRIMITIVES[name]


def _c99(function: Callable[[float], float], poles: dict[float, float] | None = None) -> Callable[[float], float]:
    """A function of `math` with C99's inf and nan where Python raises."""

    def forward(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return poles.get(x, nan) if poles else nan
        except OverflowError:
            return math.copysign(inf, x) if function is math.sinh else inf

    return forward


def _minus_abs(x: Any) -> Any:
    """-|x| whose slope at 0 is -1. Even functions written with it keep all their derivatives at 0, which
    the slope 0 of `abs` would lose."""
    return where(x < 0, x, -x)


def _flat(x: Any) -> Any:
    """The slope of a step function: 0, and nan at nan."""
    return where(x == x, 0.0, nan)


def _above(x: Any, y: Any) -> Any:
    """The share of x in maximum(x, y): 1, 0, or one half at a tie."""
    return where(x > y, 1.0, where(x < y, 0.0, where(x == y, 0.5, nan)))


def _by_sign(x: Any, positive: Any, otherwise: Any) -> Any:
    """`positive` where x > 0, `otherwise` where x <= 0, nan at nan."""
    return where(x > 0, positive, where(x <= 0, otherwise, nan))


# Rows that others mention before they are defined.
div: Primitive
where: Primitive
sign: Primitive
round: Primitive
floordiv: Primitive
cos: Primitive
cosh: Primitive
hypot: Primitive
copysign: Primitive

# --- arithmetic ---------------------------------------------------------------------------------------

identity = Primitive("identity", "=", lambda x: x, lambda out, x: (1.0,), "x itself, as a node of its own.")
add = Primitive("add", "+", operator.add, lambda out, x, y: (1.0, 1.0), "x + y.")
sub = Primitive("sub", "−", operator.sub, lambda out, x, y: (1.0, -1.0), "x - y.")
mul = Primitive("mul", "×", operator.mul, lambda out, x, y: (y, x), "x * y.")


def _div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


div = Primitive(
    "div",
    "÷",
    _div,
    lambda out, x, y: (where(out == out, div(1.0, y), nan), -out / y),  # div, since y may be a plain 0.0
    "x / y; x / 0 is inf and 0 / 0 is nan.",
    derivative=("1 / y", "-x / y**2"),
)
neg = Primitive("neg", "−", operator.neg, lambda out, x: (-1.0,), "-x.")
reciprocal = Primitive(
    "reciprocal",
    "1/x",
    lambda x: div(1.0, x),
    lambda out, x: (-(out * out),),
    "1 / x.",
    composite=True,
    derivative="-1 / x**2",
)
square = Primitive(
    "square", "x²", lambda x: x * x, lambda out, x: (2 * x,), "x * x.", composite=True, derivative="2 * x"
)


def _pow(x: float, y: float) -> float:
    odd = math.fmod(y, 2) in (-1, 1) if math.isfinite(y) else False
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0 and odd else inf
    except ValueError:  # a negative number to a fraction, or zero to a negative number
        return nan if x else math.copysign(inf, x) if odd else inf


def _pow_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    # From 1/2 to 2**53 y - 1 is exact. Elsewhere its rounding would cost hundreds of units in the last place or
    # make an odd exponent even, and x**(y - 1) may overflow where y times it does not: out / x is better there.
    by_division = ((y < 0.5) | (y > 2.0**53)) & (x != 0) & (abs(x) != inf)
    slope = where(by_division, div(y * out, x), y * pow(x, y - 1))
    return (
        where((y == 0) & ((x == 0) | (x != x)), 0.0, slope),
        where((x == 0) & (y >= 0), 0.0, where(x < 0, nan, xlogy(out, x))),
    )


pow = Primitive(
    "pow",
    "xʸ",
    _pow,
    _pow_partials,
    "x ** y by C99's pow: nan, never complex, where x < 0.",
    derivative=("y * x**(y - 1)", "out * log(x)"),
)
abs = Primitive("abs", "|x|", operator.abs, lambda out, x: (sign(x),), "|x|, with slope 0 at 0.", derivative="sign(x)")
sign = Primitive(
    "sign",
    "sign",
    lambda x: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else nan,
    lambda out, x: (_flat(x),),
    "-1, 0 or 1.",
    derivative="0",
)


def _to_integer(function: Callable[[float], int]) -> Callable[[float], float]:
    """floor, ceil or round of `math` on every float: inf and nan stay, the sign of a zero is kept."""
    return lambda x: math.copysign(float(function(x)), x) if math.isfinite(x) else x


floor = Primitive(
    "floor",
    "⌊x⌋",
    _to_integer(math.floor),
    lambda out, x: (_flat(x),),
    "The largest integer not above x.",
    derivative="0",
)
ceil = Primitive(
    "ceil",
    "⌈x⌉",
    _to_integer(math.ceil),
    lambda out, x: (_flat(x),),
    "The smallest integer not below x.",
    derivative="0",
)
round = Primitive(
    "round",
    "round",
    _to_integer(round),
    lambda out, x: (_flat(x),),
    "The nearest integer, the even one at a tie.",
    derivative="0",
)
trunc = Primitive(
    "trunc",
    "trunc",
    lambda x: copysign(floor(abs(x)), x),
    lambda out, x: (_flat(x),),
    "x without its decimals: the nearest integer towards 0.",
    composite=True,
    derivative="0",
)


def _fmod(x: float, y: float) -> float:
    try:
        return math.fmod(x, y)
    except ValueError:
        return nan


fmod = Primitive(
    "fmod",
    "fmod",
    _fmod,
    lambda out, x, y: (1.0 + _flat(out), -round((x - out) / y)),  # x / y itself may round up to an integer
    "The remainder of x / y with the sign of x.",
    derivative=("1", "(out - x) / y"),
)


def _mod(x: Any, y: Any) -> Any:
    remainder = fmod(x, y)
    moved = where((remainder < 0) != (y < 0), remainder + y, remainder)
    return where(remainder == 0, copysign(0.0, y), moved)


def _floordiv(x: Any, y: Any) -> Any:
    # The steps of Python's own float division: the quotient of an exact multiple, then the nearest integer.
    remainder = fmod(x, y)
    borrow = where((remainder != 0) & ((remainder < 0) != (y < 0)), 1.0, 0.0)
    quotient = div(x - remainder, y) - borrow
    whole = floor(quotient)
    nearest = where(quotient - whole > 0.5, whole + 1.0, whole)
    return where(y == 0, div(x, y), where(quotient == 0, copysign(0.0, div(x, y)), nearest))


mod = Primitive(
    "mod",
    "mod",
    _mod,
    lambda out, x, y: (1.0 + _flat(out), -floordiv(x, y)),
    "x % y as Python has it: with the sign of y; nan where y is 0.",
    composite=True,
    derivative=("1", "-floor(x / y)"),
)
floordiv = Primitive(
    "floordiv",
    "⌊÷⌋",
    _floordiv,
    lambda out, x, y: (_flat(out), _flat(out)),
    "x // y as Python has it; x / y where y is 0.",
    composite=True,
    derivative=("0", "0"),
)

# --- any number of inputs: summed and multiplied from left to right, so that the bits are fixed -----------


def _sum(*inputs: float) -> float:
    # Not the builtin sum, whose floating-point result changed in Python 3.12.
    return functools.reduce(operator.add, inputs) if inputs else 0.0


def _prod(*inputs: float) -> float:
    return functools.reduce(operator.mul, inputs) if inputs else 1.0


def _prod_partials(out: Any, *inputs: Any) -> list[Any]:
    """The product of the others, without dividing, so that zeros are no exception."""
    before, after = [1.0], [1.0]
    for x, y in zip(inputs[:-1], inputs[:0:-1]):
        before.append(before[-1] * x)
        after.append(after[-1] * y)
    return [x * y for x, y in zip(before, reversed(after))]


def dot_of_floats(xs: Sequence[float], ys: Sequence[float]) -> float:
    """x₁y₁ + … + xₙyₙ of floats, added from left to right; 0 where there are none."""
    total = -0.0  # what changes no number when it is added, not even -0.0
    for x, y in zip(xs, ys):
        total += x * y
    return total if xs else 0.0


def _dot(*inputs: float) -> float:
    half = len(inputs) // 2
    return dot_of_floats(inputs[:half], inputs[half:])


def _dot_partials(out: Any, *inputs: Any) -> Sequence[Any]:
    half = len(inputs) // 2
    return inputs[half:] + inputs[:half]


_sum_row = Primitive("sum", "Σ", _sum, lambda out, *xs: (1.0,) * len(xs), "The sum of all inputs, left to right.")
_prod_row = Primitive("prod", "Π", _prod, _prod_partials, "The product of all inputs, left to right.")
_dot_row = Primitive("dot", "·", _dot, _dot_partials, "x₁y₁ + … + xₙyₙ of x₁ … xₙ, y₁ … yₙ, left to right.")


def sum(values: Iterable[Any]) -> Any:
    """The sum of a sequence as one node, added from left to right; 0 for an empty one.

    So the bits are the same in all versions of Python, which cannot be said of the builtin since 3.12.

    >>> sum([0.1] * 10)
    0.9999999999999999
    """
    if total := getattr(values, "total", None):  # what vmap returns to a compiler
        return total()[0]
    return _sum_row(*values)


def mean(values: Iterable[Any]) -> Any:
    """The sum of a sequence divided by its length; each of n numbers has the slope 1/n.

    Raises ValueError for an empty one.

    >>> mean([1, 2, 6])
    3.0
    """
    if total := getattr(values, "total", None):
        return div(*total())
    values = tuple(values)
    if not values:
        raise ValueError("mean() needs at least one number, got an empty sequence")
    return _sum_row(*values) / len(values)


def prod(values: Iterable[Any]) -> Any:
    """The product of a sequence as one node, multiplied from left to right; 1 for an empty one.

    The slope by a number is the product of all others. It is not computed by dividing, so a 0 among them is no
    exception:

    >>> from autograd_engine import grad
    >>> grad(prod)([2.0, 0.0, 5.0])
    [0.0, 10.0, 0.0]
    """
    return _prod_row(*values)


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """x₁y₁ + x₂y₂ + … as one node, added from left to right; its slope by xᵢ is yᵢ, and by yᵢ it is xᵢ.

    Raises ValueError where the lengths differ.

    >>> dot([1, 2, 3], [4, 5, 6])
    32.0
    """
    xs, ys = tuple(xs), tuple(ys)
    if len(xs) != len(ys):
        raise ValueError(f"dot() needs two sequences of one length, got {len(xs)} and {len(ys)} numbers")
    return _dot_row(*xs, *ys)


# --- exponentials and logarithms -------------------------------------------------------------------------

exp = Primitive("exp", "exp", _c99(math.exp), lambda out, x: (out,), "e to the power of x.", derivative="out")
exp2 = Primitive(
    "exp2",
    "2ˣ",
    _c99(getattr(math, "exp2", functools.partial(math.pow, 2.0))),  # math has it since Python 3.11
    lambda out, x: (out * LN2,),
    "2 to the power of x.",
    derivative="out * log(2)",
)
expm1 = Primitive(
    "expm1", "expm1", _c99(math.expm1), lambda out, x: (exp(x),), "exp(x) - 1, accurate near 0.", derivative="exp(x)"
)

# A logarithm of a negative number is nan and so is its slope. x + 0.0 makes -0.0 to 0.0: the slope there is +inf.
log = Primitive(
    "log",
    "ln",
    _c99(math.log, {0.0: -inf}),
    lambda out, x: (where(x >= 0, 1 / (x + 0.0), nan),),
    "The natural logarithm.",
    derivative="1 / x",
)
log2 = Primitive(
    "log2",
    "log₂",
    _c99(math.log2, {0.0: -inf}),
    lambda out, x: (where(x >= 0, LOG2E / (x + 0.0), nan),),
    "The logarithm to base 2.",
    derivative="1 / (x * log(2))",
)
log10 = Primitive(
    "log10",
    "log₁₀",
    _c99(math.log10, {0.0: -inf}),
    lambda out, x: (where(x >= 0, LOG10E / (x + 0.0), nan),),
    "The logarithm to base 10.",
    derivative="1 / (x * log(10))",
)
log1p = Primitive(
    "log1p",
    "log1p",
    _c99(math.log1p, {-1.0: -inf}),
    lambda out, x: (where(x >= -1, 1 / (1 + x), nan),),
    "log(1 + x), accurate near 0.",
    derivative="1 / (1 + x)",
)
sqrt = Primitive(
    "sqrt", "√", _c99(math.sqrt), lambda out, x: (0.5 / (out + 0.0),), "The square root.", derivative="1 / (2 * out)"
)


def _cbrt_partials(out: Any, x: Any) -> tuple[Any]:
    # C libraries give cbrt to some 4 units in the last place, which squaring would double. The share of x in
    # out**3 says how far off it is.
    share = where((x == 0) | (abs(x) == inf), 1.0, div(div(x, out), out * out))
    return ((5 - 2 * share) / 3 / (3 * (out * out)),)


cbrt = Primitive(
    "cbrt",
    "∛",
    _c99(getattr(math, "cbrt", lambda x: float(np.cbrt(x)))),  # math has it since Python 3.11
    _cbrt_partials,
    "The cube root, of negative numbers too.",
    derivative="1 / (3 * out**2)",
)


def _logaddexp(x: Any, y: Any) -> Any:
    return where(x == y, x + LN2, maximum(x, y) + log1p(exp(-abs(x - y))))


def _logaddexp_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    both_infinite = (x == y) & (abs(x) == inf)
    return where(both_infinite, 0.5, sigmoid(x - y)), where(both_infinite, 0.5, sigmoid(y - x))


logaddexp = Primitive(
    "logaddexp",
    "logaddexp",
    _logaddexp,
    _logaddexp_partials,
    "log(exp(x) + exp(y)), without overflow.",
    composite=True,
    derivative=("exp(x - out)", "exp(y - out)"),
)


def _xlogy_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    return log(y), where((x == 0) & (y <= 0), 0.0, where(y < 0, nan, x / (y + 0.0)))


xlogy = Primitive(
    "xlogy",
    "x ln y",
    lambda x, y: where((x == 0) & (y == y), 0.0, x * log(y)),
    _xlogy_partials,
    "x * log(y), and 0 where x is 0.",
    composite=True,
    derivative=("log(y)", "x / y"),
)

# --- trigonometric and hyperbolic functions -----------------------------------------------------------------

sin = Primitive(
    "sin", "sin", _c99(math.sin), lambda out, x: (cos(x),), "The sine of x in radians.", derivative="cos(x)"
)
cos = Primitive(
    "cos", "cos", _c99(math.cos), lambda out, x: (-sin(x),), "The cosine of x in radians.", derivative="-sin(x)"
)
tan = Primitive(
    "tan",
    "tan",
    _c99(math.tan),
    lambda out, x: (1 + out * out,),
    "The tangent of x in radians.",
    derivative="1 + out**2",
)

# 1 - x*x is written (1 - x) * (1 + x): the difference is exact where it is small.
arcsin = Primitive(
    "arcsin",
    "arcsin",
    _c99(math.asin),
    lambda out, x: (1 / sqrt((1 - x) * (1 + x)),),
    "The inverse of sin.",
    derivative="1 / sqrt(1 - x**2)",
)
arccos = Primitive(
    "arccos",
    "arccos",
    _c99(math.acos),
    lambda out, x: (-1 / sqrt((1 - x) * (1 + x)),),
    "The inverse of cos.",
    derivative="-1 / sqrt(1 - x**2)",
)
arctan = Primitive(
    "arctan",
    "arctan",
    _c99(math.atan),
    lambda out, x: (where(abs(x) < 1e8, 1 / (1 + x * x), div(div(1.0, x), x)),),  # x * x would overflow
    "The inverse of tan.",
    derivative="1 / (1 + x**2)",
)


def _arctan2_partials(out: Any, y: Any, x: Any) -> tuple[Any, Any]:
    # Scaled only where squares would leave the range: x / scale may round among the subnormal numbers.
    larger = maximum(abs(x), abs(y))
    scale = where((larger > 1e-150) & (larger < 1e150), 1.0, larger)
    a, b = x / scale, y / scale
    squares = a * a + b * b
    return tuple(where(larger == inf, 0.0, slope / squares / scale) for slope in (a, -b))


arctan2 = Primitive(
    "arctan2",
    "arctan2",
    math.atan2,
    _arctan2_partials,
    "The angle of the point (x, y), called as arctan2(y, x).",
    derivative=("x / (x**2 + y**2)", "-y / (x**2 + y**2)"),
)
sinh = Primitive(
    "sinh", "sinh", _c99(math.sinh), lambda out, x: (cosh(x),), "The hyperbolic sine.", derivative="cosh(x)"
)
cosh = Primitive(
    "cosh", "cosh", _c99(math.cosh), lambda out, x: (sinh(x),), "The hyperbolic cosine.", derivative="sinh(x)"
)


def _tanh_partials(out: Any, x: Any) -> tuple[Any]:
    # 1 - out**2 would be 4 % off at x = 18 and 0 at x = 20.
    e = exp(2 * _minus_abs(x))
    return (4 * e / square(1 + e),)


tanh = Primitive("tanh", "tanh", _c99(math.tanh), _tanh_partials, "The hyperbolic tangent.", derivative="1 - out**2")
arcsinh = Primitive(
    "arcsinh",
    "arcsinh",
    _c99(math.asinh),
    lambda out, x: (1 / hypot(1.0, x),),
    "The inverse of sinh.",
    derivative="1 / sqrt(x**2 + 1)",
)
arccosh = Primitive(
    "arccosh",
    "arccosh",
    _c99(math.acosh),
    lambda out, x: (1 / (sqrt(x - 1) * sqrt(x + 1)),),
    "The inverse of cosh.",
    derivative="1 / sqrt(x**2 - 1)",
)
arctanh = Primitive(
    "arctanh",
    "arctanh",
    _c99(math.atanh, {1.0: inf, -1.0: -inf}),
    lambda out, x: (where(abs(x) <= 1, 1 / ((1 - x) * (1 + x)), nan),),
    "The inverse of tanh.",
    derivative="1 / (1 - x**2)",
)


def _hypot(x: Any, y: Any) -> Any:
    larger, smaller = maximum(abs(x), abs(y)), minimum(abs(x), abs(y))
    ratio = div(smaller, larger)
    return where((larger == 0) | (larger == inf), larger, larger * sqrt(1 + ratio * ratio))


def _hypot_partials(out: Any, x: Any, y: Any) -> tuple[Any, Any]:
    scale = maximum(abs(x), abs(y))
    a, b = x / scale, y / scale
    length = sqrt(a * a + b * b)

    def share(x: Any, y: Any, along: Any) -> Any:
        at_infinity = where(abs(x) == abs(y), nan, where(abs(x) == inf, sign(x), 0.0))
        return where(scale == 0, 0.0, where(scale == inf, at_infinity, along / length))

    return share(x, y, a), share(y, x, b)


hypot = Primitive(
    "hypot",
    "hypot",
    _hypot,
    _hypot_partials,
    "sqrt(x*x + y*y), without overflow; slopes 0 at the origin.",
    composite=True,
    derivative=("x / out", "y / out"),
)
copysign = Primitive(
    "copysign",
    "copysign",
    lambda x, y: math.copysign(x, y) if y == y else nan,
    lambda out, x, y: (sign(x) * sign(copysign(1.0, y)), _flat(out)),
    "|x| with the sign of y.",
    derivative=("sign(x) * sign(y)", "0"),
)

# --- comparisons and choices --------------------------------------------------------------------------------

where = Primitive(
    "where",
    "where",
    lambda condition, x, y: x if condition else y,
    lambda out, condition, x, y: (0.0, where(condition, 1.0, 0.0), where(condition, 0.0, 1.0)),
    "x where the condition holds, else y; what is not chosen gets gradient 0, never nan.",
    derivative=("0", "condition != 0", "condition == 0"),
)
maximum = Primitive(
    "maximum",
    "max",
    lambda x, y: x if x > y or x != x else y,
    lambda out, x, y: (_above(x, y), _above(y, x)),
    "The larger of x and y; a tie shares the gradient equally.",
    derivative=("x > y", "y > x"),
)
minimum = Primitive(
    "minimum",
    "min",
    lambda x, y: x if x < y or x != x else y,
    lambda out, x, y: (_above(y, x), _above(x, y)),
    "The smaller of x and y; a tie shares the gradient equally.",
    derivative=("x < y", "y < x"),
)


def _clip_partials(out: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    raised = maximum(x, low)
    below = _above(high, raised)
    return _above(x, low) * below, _above(low, x) * below, _above(raised, high)


clip = Primitive(
    "clip",
    "clip",
    lambda x, low, high: minimum(maximum(x, low), high),
    _clip_partials,
    "x, but at least `low` and at most `high`.",
    composite=True,
    derivative=("(low < x) * (x < high)", "x < low", "x > high"),
)
heaviside = Primitive(
    "heaviside",
    "heaviside",
    lambda x, at_zero: where(x == 0, at_zero, where(x > 0, 1.0, where(x < 0, 0.0, nan))),
    lambda out, x, at_zero: (_flat(x), where(x == 0, 1.0, _flat(x))),
    "0 below zero, 1 above, `at_zero` at zero.",
    composite=True,
    derivative=("0", "x == 0"),
)

# --- the normal distribution, and sine over its argument --------------------------------------------------------


def _gaussian(x: Any, scale: float) -> Any:
    """exp(-scale * x*x) for a scale of 1 or 1/2. x is split into 25 leading bits, whose square is exact, and
    the rest: rounding x*x would cost up to 700 units in the last place."""
    x = clip(x, -40.0, 40.0)  # beyond, the result is 0
    high = round(x * 2.0**20) * 2.0**-20
    near = exp(-scale * high * high)
    return near + near * expm1(scale * (high - x) * (high + x))


erf = Primitive(
    "erf",
    "erf",
    math.erf,
    lambda out, x: (TWO_OVER_SQRT_PI * _gaussian(x, 1.0),),
    "The error function.",
    derivative="2 / sqrt(π) * exp(-(x**2))",
)
erfc = Primitive(
    "erfc",
    "erfc",
    math.erfc,
    lambda out, x: (-TWO_OVER_SQRT_PI * _gaussian(x, 1.0),),
    "1 - erf(x), accurate where x is large.",
    derivative="-2 / sqrt(π) * exp(-(x**2))",
)


def _from_integer(x: Any) -> tuple[Any, Any]:
    """x minus the nearest integer n, and (-1)**n: what sin(pi x) and cos(pi x) depend on."""
    n = round(x)
    return x - n, 1.0 - 2.0 * (n - 2.0 * floor(0.5 * n))


def _sin_pi(x: Any) -> Any:
    rest, parity = _from_integer(x)
    return parity * sin(pi * rest)


def _cos_pi(x: Any) -> Any:
    rest, parity = _from_integer(x)
    return parity * where(abs(rest) < 0.25, cos(pi * rest), sin(pi * (0.5 - abs(rest))))


# sinc'(x) / x is pi² times a power series in z = (pi x)²: the sum over k >= 1 of (-1)^k 2k z^(k-1) / (2k+1)!
_SINC_SERIES = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(13, 0, -1)]


def _sinc_partials(out: Any, x: Any) -> tuple[Any]:
    near = where(abs(x) < 0.5, x, 0.0)
    z = square(pi * near)
    series = functools.reduce(lambda total, coefficient: total * z + coefficient, _SINC_SERIES)
    slope = where(abs(x) < 0.5, near * series * pi**2, div(_cos_pi(x) - out, x))
    return (where(abs(x) == inf, 0.0, slope),)


sinc = Primitive(
    "sinc",
    "sinc",
    lambda x: where(x == 0, 1.0, where(abs(x) == inf, 0.0, div(_sin_pi(x), pi * x))),
    _sinc_partials,
    "sin(pi x) / (pi x), and 1 at 0.",
    composite=True,
    derivative="(cos(π * x) - out) / x",
)

# --- activation functions ------------------------------------------------------------------------------------

relu = Primitive(
    "relu",
    "relu",
    lambda x: x if x > 0 or x != x else 0.0,
    lambda out, x: (sign(out),),
    "x where x > 0, else 0.",
    derivative="x > 0",
)
leaky_relu = Primitive(
    "leaky_relu",
    "leaky_relu",
    lambda x, negative_slope: where(x > 0, x, negative_slope * x),
    lambda out, x, negative_slope=0.01: (
        # Below 0 the slope may be negative: then 0 lies between the two at the kink.
        _by_sign(x, 1.0, where((x == 0) & (negative_slope < 0), 0.0, negative_slope)),
        _by_sign(x, 0.0, x),
    ),
    "x where x > 0, else negative_slope * x.",
    composite=True,
    derivative=("where(x > 0, 1, negative_slope)", "where(x > 0, 0, x)"),
)
elu = Primitive(
    "elu",
    "elu",
    lambda x, alpha: where(x > 0, x, alpha * expm1(x)),
    lambda out, x, alpha=1.0: (_by_sign(x, 1.0, alpha * exp(x)), _by_sign(x, 0.0, expm1(x))),
    "x where x > 0, else alpha * (exp(x) - 1).",
    composite=True,
    derivative=("where(x > 0, 1, alpha * exp(x))", "where(x > 0, 0, exp(x) - 1)"),
)


def _sigmoid(x: Any) -> Any:
    e = exp(_minus_abs(x))
    return where(x >= 0, 1.0, e) / (1.0 + e)


def _sigmoid_partials(out: Any, x: Any) -> tuple[Any]:
    e = exp(_minus_abs(x))
    return (e / square(1 + e),)


sigmoid = Primitive(
    "sigmoid",
    "σ",
    _sigmoid,
    _sigmoid_partials,
    "1 / (1 + exp(-x)), the logistic.",
    composite=True,
    derivative="out * (1 - out)",
)
softplus = Primitive(
    "softplus",
    "softplus",
    lambda x: maximum(x, 0.0) + log1p(exp(_minus_abs(x))),
    lambda out, x: (sigmoid(x),),
    "log(1 + exp(x)), without overflow.",
    composite=True,
    derivative="sigmoid(x)",
)


def _softsign(x: Any) -> Any:
    x = clip(x, -1e300, 1e300)  # so that inf gives 1
    return x / (1.0 + abs(x))


softsign = Primitive(
    "softsign",
    "softsign",
    _softsign,
    lambda out, x: (square(1 / (1 + abs(x))),),
    "x / (1 + |x|).",
    composite=True,
    derivative="1 / (1 + abs(x)) ** 2",
)


def _silu(x: Any) -> Any:
    x = maximum(x, -1e4)  # so that -inf gives -0
    h = exp(0.5 * _minus_abs(x))  # the root of exp(-|x|), which is far from underflow
    return where(x >= 0, x, x * h * h) / (1.0 + h * h)


def _silu_partials(out: Any, x: Any) -> tuple[Any]:
    x = clip(x, -1e4, 1e4)
    e, h = exp(_minus_abs(x)), exp(0.5 * _minus_abs(x))
    negative = where(x < -40, h * (1 + x) * h, e * (1 + x / (1 + e)) / (1 + e))  # below -40 1 + e is 1
    return (where(x >= 0, (1 + x * e / (1 + e)) / (1 + e), negative),)


silu = Primitive(
    "silu",
    "silu",
    _silu,
    _silu_partials,
    "x * sigmoid(x), also called swish.",
    composite=True,
    derivative="out + sigmoid(x) * (1 - out)",
)


# The root of 1/2 as a number of 26 bits and the rest, for an exact product with 26 bits of x.
_ROOT_HIGH = math.floor(2**26 * SQRT1_2) / 2**26
_ROOT_LOW = (0.5 - _ROOT_HIGH**2) / (SQRT1_2 + _ROOT_HIGH)


def _normal_cdf(x: Any) -> Any:
    """The normal distribution function of |x| <= 40: erfc(z) / 2 at z = -x / sqrt(2).

    Rounding z costs up to 1400 units in the last place in the tail, so the result is corrected for it, to first
    order: -erfc'(z) / erfc(z) is close to z + sqrt(z*z + 4/pi) (Abramowitz and Stegun 7.1.13).
    """
    z = -SQRT1_2 * x
    high = round(x * 2.0**20) * 2.0**-20
    excess = (_ROOT_HIGH * high + z) + _ROOT_HIGH * (x - high) + _ROOT_LOW * x  # of the rounded z over the exact one
    return 0.5 * (1 + excess * (z + sqrt(z * z + 4 / pi))) * erfc(z)


def _gelu_partials(out: Any, x: Any) -> tuple[Any]:
    x = clip(x, -40.0, 40.0)  # beyond, the slope is 0 or 1
    return (_normal_cdf(x) + x * (ONE_OVER_SQRT_2PI * _gaussian(x, 0.5)),)


gelu = Primitive(
    "gelu",
    "gelu",
    lambda x: maximum(x, -1e4) * _normal_cdf(clip(x, -40.0, 40.0)),  # -1e4, so that -inf gives -0
    _gelu_partials,
    "x times the normal distribution function (the exact form, not the tanh one).",
    composite=True,
    derivative="(1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * π)",
)

# --- the short names of `math` -------------------------------------------------------------------------------

asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh

Primitive.checks_results = True  # of rows that somebody else adds to the table
