r"""How a `Symbol` is written: as plain text with few parentheses, or in LaTeX.

One class decides what stands where and what needs parentheses; its two heirs know the signs.

>>> from autograd_engine.explanations.symbols import Name
>>> s, w = Name("s"), Name("w")
>>> text(w * s * (1 - s)), latex(-w / (s + 1) ** 2)
('w·s(1-s)', '-\\frac{w}{(s+1)^{2}}')
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar, final

from autograd_engine import primitives
from autograd_engine.explanations.symbols import Call, Mention, Name, Number, Product, Relation, Sum, Symbol
from autograd_engine.primitives import PRIMITIVES

# How tightly an expression binds: a looser one needs parentheses inside a tighter one.
SUM, NEGATION, PRODUCT, POWER, ATOM = range(1, 6)
MOST_OPERANDS = 8  # of a sum or a product; of a longer one the middle is left out

T = TypeVar("T")

_LEVELS = {"add": SUM, "sub": SUM, "sum": SUM, "neg": NEGATION, "mul": PRODUCT, "prod": PRODUCT, "pow": POWER}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def text(x: Symbol, least: int = 0) -> str:
    """The expression as one line of plain text, in parentheses if it binds less tightly than `least`."""
    return _TEXT(x, least)


def latex(x: Symbol, least: int = 0) -> str:
    """The expression in LaTeX, for math mode, in parentheses if it binds less tightly than `least`."""
    return _LATEX(x, least)


def shortened(items: Sequence[T], most: int) -> tuple[Sequence[T], int, Sequence[T]]:
    """The first items, how many are left out, and the last one: all, 0 and none where there are at most `most`."""
    if len(items) <= most:
        return items, 0, ()
    return items[: most - 2], len(items) - most + 1, items[-1:]


def plain_number(x: float, digits: int) -> str:
    """A number with `digits` significant digits; a whole number below a million with all of them, -0 with its sign."""
    return f"{x:.0f}" if x.is_integer() and abs(x) < 1e6 else f"{x:.{digits}g}"


def rewritten(x: Symbol) -> Symbol:
    """What is written for a symbol: a row that stands for an expression of others as that expression."""
    if isinstance(x, Mention):
        return rewritten(x.named())
    if not isinstance(x, Call):
        return x
    name, args = x.op.name, x.args
    if name == "identity" or (name in ("sum", "prod") and len(args) == 1):
        return rewritten(args[0])
    if name in ("sum", "prod", "dot") and not args:
        return Number(1.0 if name == "prod" else 0.0)
    if name == "dot":
        half = len(args) // 2
        products = tuple(Call(primitives.mul, pair) for pair in zip(args[:half], args[half:]))
        return Call(PRIMITIVES["sum"], products) if half > 1 else products[0]
    if name == "where" and isinstance(args[0], Number):  # what was chosen when the graph was built
        return rewritten(args[1] if args[0].value else args[2])
    return _STANDS_FOR[name](*args) if name in _STANDS_FOR else x


_STANDS_FOR: dict[str, Callable[..., Symbol]] = {
    "square": lambda x: Call(primitives.pow, (x, Number(2.0))),
    "reciprocal": lambda x: Call(primitives.div, (Number(1.0), x)),
    "exp2": lambda x: Call(primitives.pow, (Number(2.0), x)),
    "xlogy": lambda x, y: Call(primitives.mul, (x, Call(primitives.log, (y,)))),
}


class _Notation(ABC):
    """What stands where."""

    levels: ClassVar[dict[str, int]]
    dots: ClassVar[str]
    relations: ClassVar[dict[str, str]]

    def __call__(self, x: Symbol, least: int = 0) -> str:
        """The expression, in parentheses if it binds less tightly than `least`."""
        x = rewritten(x)
        return (
            self.parentheses(self.written(x, tight=isinstance(x, Call))) if self.level(x) < least else self.written(x)
        )

    def level(self, x: Symbol) -> int:
        if isinstance(x, Number):
            return NEGATION if self.number(x).startswith("-") else ATOM
        if isinstance(x, Product):
            return PRODUCT
        if isinstance(x, Sum):
            return SUM
        return self.levels.get(x.op.name, ATOM) if isinstance(x, Call) else ATOM

    def written(self, x: Symbol, tight: bool = False) -> str:
        if isinstance(x, Number):
            return self.number(x)
        if isinstance(x, Name):
            return self.name(x)
        if isinstance(x, Relation):
            return f"[{self.condition(x)}]"
        if isinstance(x, Product):
            return self.product(x.factors, wide=True)
        if isinstance(x, Sum):
            return self.sum([(1, term) for term in x.terms], whole=True)
        assert isinstance(x, Call)
        return self.call(x, tight)

    def call(self, x: Call, tight: bool) -> str:
        name, args = x.op.name, x.args
        if name in ("add", "sub"):
            return self.sum([(1, args[0]), (1 if name == "add" else -1, args[1])], tight)
        if name == "sum":
            return self.sum([(1, arg) for arg in args], tight)
        if name == "neg":
            return "-" + self(args[0], PRODUCT)
        if name in ("mul", "prod"):
            return self.product(args)
        if name == "div":
            return self.fraction(*args)
        if name == "pow":
            return self.power(*args)
        return self.function(x)

    def sum(self, terms: Sequence[tuple[int, Symbol]], tight: bool = False, whole: bool = False) -> str:
        space = "" if tight else " "
        first, left_out, last = (terms, 0, ()) if whole else shortened(terms, MOST_OPERANDS)
        line = ""
        for i, (sign, term) in enumerate([*first, *last]):
            # The first term, and the right side of a plus, need no parentheses of their own around a sum.
            part = self(term, NEGATION if i and sign < 0 else SUM)
            if part.startswith("-") and self.level(rewritten(term)) > SUM:
                sign, part = -sign, part[1:]
            if left_out and i == len(first):
                line += f"{space}+{space}{self.dots}"
            line += (f"{space}{'+' if sign > 0 else '-'}{space}" if i else "-" if sign < 0 else "") + part
        return line

    def product(self, factors: Sequence[Symbol], wide: bool = False) -> str:
        first, left_out, last = (factors, 0, ()) if wide else shortened(factors, MOST_OPERANDS)
        line = ""
        for i, factor in enumerate([*first, *last]):
            if left_out and i == len(first):
                line += self.times(wide) + self.dots
            part = self(factor, PRODUCT if i else NEGATION)
            if i and part.startswith("-"):  # such as -x/y, which binds as tightly as x/y
                part = self.parentheses(part)
            bracket = part.startswith(("(", r"\left(")) and not part.startswith("(-")
            beside = bracket and not wide and i > 0 and self.is_name(line)
            line += ("" if not i or beside else self.times(wide or part[0].isdigit())) + part
        return line

    def condition(self, x: Symbol) -> str:
        if not isinstance(x, Relation):
            return f"{self(x)} {self.relations['!=']} 0"
        if x.sign in ("and", "or"):
            sides = [f"({self.condition(side)})" for side in (x.left, x.right)]
        else:
            sides = [self(x.left), self(x.right)]
        return f" {self.relations[x.sign]} ".join(sides)

    @abstractmethod
    def number(self, x: Number) -> str: ...
    @abstractmethod
    def name(self, x: Name) -> str: ...
    @abstractmethod
    def is_name(self, written: str) -> bool: ...
    @abstractmethod
    def times(self, wide: bool) -> str: ...
    @abstractmethod
    def parentheses(self, written: str) -> str: ...
    @abstractmethod
    def fraction(self, above: Symbol, below: Symbol) -> str: ...
    @abstractmethod
    def power(self, base: Symbol, exponent: Symbol) -> str: ...
    @abstractmethod
    def function(self, x: Call) -> str: ...


@final
class _Text(_Notation):
    levels: ClassVar[dict[str, int]] = {**_LEVELS, "div": PRODUCT}
    dots = "…"
    relations: ClassVar[dict[str, str]] = {
        **{"<=": "≤", ">=": "≥", "==": "=", "!=": "≠", "<": "<", ">": ">"},
        **{"and": "and", "or": "or"},
    }
    around: ClassVar[dict[str, str]] = {"abs": "||", "floor": "⌊⌋", "ceil": "⌈⌉"}

    def number(self, x: Number) -> str:
        return plain_number(x.value, x.digits)

    def name(self, x: Name) -> str:
        return x.text

    def is_name(self, written: str) -> bool:
        """Whether what was written last is a name (or a bracket): s(1-s), but 2·(1-s) and x/y·(1-s)."""
        last = written.rpartition("·")[2]
        return not (last.replace(".", "").isdigit() or {"/", "^"} & {*last})

    def times(self, wide: bool) -> str:
        return " · " if wide else "·"

    def parentheses(self, written: str) -> str:
        return f"({written})"

    def fraction(self, above: Symbol, below: Symbol) -> str:
        return f"{self(above, NEGATION)}/{self(below, POWER)}"

    def power(self, base: Symbol, exponent: Symbol) -> str:
        if isinstance(exponent, Number) and exponent.value.is_integer() and abs(exponent.value) < 1e6:
            return self(base, ATOM) + self.number(exponent).translate(_SUPERSCRIPTS)
        return f"{self(base, ATOM)}^{self(exponent, ATOM)}"

    def function(self, x: Call) -> str:
        written = ", ".join(self(arg) for arg in x.args)
        if x.op.name == "where":
            condition = self.condition(x.args[0]) if isinstance(x.args[0], Relation) else self(x.args[0])
            return f"where({condition}, {self(x.args[1])}, {self(x.args[2])})"
        if x.op.name in self.around:
            return written.join(self.around[x.op.name])
        return f"{x.op.symbol if x.op.symbol.isalpha() else x.op.name}({written})"


@final
class _Latex(_Notation):
    levels: ClassVar[dict[str, int]] = {**_LEVELS, "div": POWER, "exp": POWER}
    dots = r"\cdots"
    relations: ClassVar[dict[str, str]] = {
        **{"<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne", "<": r"\lt", ">": r"\gt"},
        **{"and": r"\wedge", "or": r"\vee"},
    }
    around: ClassVar[dict[str, tuple[str, str]]] = {
        "abs": (r"\left|", r"\right|"),
        "floor": (r"\left\lfloor ", r" \right\rfloor"),
        "ceil": (r"\left\lceil ", r" \right\rceil"),
        "sqrt": (r"\sqrt{", "}"),
        "cbrt": (r"\sqrt[3]{", "}"),
        "exp": ("e^{", "}"),
    }
    # The functions that LaTeX itself knows by name.
    commands = frozenset({"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"})

    def number(self, x: Number) -> str:
        number = plain_number(x.value, x.digits)
        if number in ("inf", "-inf"):
            return number.replace("inf", r"\infty")
        if number == "nan":
            return r"\mathrm{nan}"
        digits, e, exponent = number.partition("e")
        return rf"{digits} \times 10^{{{int(exponent)}}}" if e else number

    def name(self, x: Name) -> str:
        return x.latex or x.text

    def is_name(self, written: str) -> bool:
        """Factors side by side are multiplied."""
        return True

    def times(self, wide: bool) -> str:
        return r" \cdot " if wide else r" \, "

    def parentheses(self, written: str) -> str:
        return rf"\left({written}\right)" if r"\frac" in written else f"({written})"

    def fraction(self, above: Symbol, below: Symbol) -> str:
        part = self(above)
        sign, part = ("-", part[1:]) if part.startswith("-") and self.level(rewritten(above)) > SUM else ("", part)
        return rf"{sign}\frac{{{part}}}{{{self(below)}}}"

    def power(self, base: Symbol, exponent: Symbol) -> str:
        return f"{self(base, ATOM)}^{{{self(exponent)}}}"

    def function(self, x: Call) -> str:
        if x.op.name == "where":
            condition, then, otherwise = self.condition(x.args[0]), self(x.args[1]), self(x.args[2])
            return rf"\begin{{cases}} {then} & {condition} \\ {otherwise} & \text{{else}} \end{{cases}}"
        written = ", ".join(self(arg) for arg in x.args)
        if x.op.name in self.around:
            return written.join(self.around[x.op.name])
        return f"{x.op.latex or self.named(x.op.name)}({written})"

    def named(self, function: str) -> str:
        escaped = function.replace("_", r"\_")
        return rf"\{function}" if function in self.commands else rf"\operatorname{{{escaped}}}"


_TEXT, _LATEX = _Text(), _Latex()
