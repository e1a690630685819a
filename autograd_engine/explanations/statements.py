"""Lines of a derivation: left = expression = numbers = result, as text and in LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import groupby
from math import isfinite, prod
from typing import TYPE_CHECKING, TypeVar

from autograd_engine.explanations.chain_rule import Factor, KnownFactor
from autograd_engine.explanations.notation import ATOM, latex, text
from autograd_engine.explanations.symbols import HALF, Name, Number, Product, Sum, Symbol, evaluate

BREAK = "\N{ZERO WIDTH SPACE}"
LONGEST = 4000  # characters of a formula; MathJax takes 5 kB
WIDTH = 110  # of a line of text
MOST_DIGITS = 17  # of a float; more do not change it
MUCH = 7  # more digits than this, added or in a result, may be those that floats round
LIKE_THE_FIRST = 3  # from this many items of one form on, they are folded into one

Item = TypeVar("Item")


class Readable:
    """What is printed as its `text`, and shown by a notebook as its `markdown`: fields or properties of a subclass."""

    if TYPE_CHECKING:

        @property
        def text(self) -> str: ...  # noqa: D102
        @property
        def markdown(self) -> str: ...  # noqa: D102

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.markdown


@dataclass(frozen=True)
class Statement:
    """`left` and what it is equal to: first the expression, then its numbers. With `on_one_line`, if it fits.

    `rounded` says that the last of them is not what the printed numbers give, with however many digits.
    """

    left: Symbol
    rights: tuple[Symbol, ...]
    on_one_line: bool = False
    rounded: bool = field(default=False, repr=False)

    @property
    def text(self) -> str:
        """Each right side under the one before, or all of them on one line where there are two and they fit."""
        left = text(self.left)
        rights = _without_repetition(text(right) for right in self.rights)
        signs = ["="] * (len(rights) - 1) + ["≈" if self.rounded else "="]
        line = " ".join([left, *(f"{sign} {right}" for sign, right in zip(signs, rights))])
        if (len(rights) < 3 or self.on_one_line) and len(line) <= WIDTH:
            return line
        margin, start = " " * len(left), len(left) + len(" = ")
        sums = {text(right): right.terms for right in self.rights if isinstance(right, Sum)}
        lines = []
        for i, (sign, right) in enumerate(zip(signs, rights)):
            first, *others = _one_by_one(sums[right]) if start + len(right) > WIDTH and right in sums else [right]
            lines.append(wrapped(f"{margin if i else left} {sign} {first}", start))
            lines += [wrapped(" " * start + other, start + len("+ ")) for other in others]
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """The lines of an `aligned` environment."""
        rights = _without_repetition(map(_in_lines, self.rights))
        if self.on_one_line:
            return f"{latex(self.left)} &= {' = '.join(rights)}"
        lines = [f" &= {right}" for right in rights]
        if self.rounded:
            lines[-1] = rf" &\approx {rights[-1]}"
        return latex(self.left) + r" \\ ".join(lines)

    @property
    def inline(self) -> str:
        """Formulas within a line of Markdown, which may be broken between them: at equals signs and between terms."""
        parts = [latex(self.left)]
        for right in self.rights:
            first, *others = _one_by_one(right.terms, latex) if isinstance(right, Sum) else [latex(right)]
            parts += [f"= {first}", *others]
        return BREAK.join([f"${parts[0]}$", *(f"${{}} {part}$" for part in parts[1:])])


def _in_lines(right: Symbol) -> str:
    """A right side in LaTeX, a long sum with one term in each line."""
    if isinstance(right, Sum) and len(text(right)) > WIDTH / 2:
        return r" \\ &\quad ".join(_one_by_one(right.terms, latex))
    return latex(right)


def _one_by_one(terms: Iterable[Symbol], written: Callable[[Symbol], str] = text) -> list[str]:
    """The terms of a sum, each with its sign in front."""
    first, *others = (written(Sum((term,))) for term in terms)
    return [first, *(f"- {term[1:]}" if term.startswith("-") else f"+ {term}" for term in others)]


def calculation(left: Symbol, rights: Sequence[Symbol], result: Symbol) -> Statement:
    """The statement in which all numbers have enough digits to give the result as it is printed."""
    calculations = [_adding_up(right, result) for right in rights]
    shown = [right for right, _ in calculations]
    return Statement(left, (*shown, result), rounded=not all(adds_up for _, adds_up in calculations))


def _adding_up(right: Symbol, result: Symbol) -> tuple[Symbol, bool]:
    """`right` with enough digits, and whether there are enough; as it is where not, or where it is no calculation."""
    for more in range(MOST_DIGITS):
        shown = _with_numbers(right, partial(_longer, more))
        try:
            number = evaluate(_with_numbers(shown, lambda x: Number(float(text(x)))), {})
        except KeyError:  # a name has no number
            return right, True
        if not isinstance(result, Number) or number == result.value or text(result) in _printed(number, result):
            return shown, more < MUCH or _is_exact(shown, result)
    return right, False


def _is_exact(shown: Symbol, result: Symbol) -> bool:
    """Whether it adds up in decimal numbers, too: floats hide what a difference of almost equal ones has lost."""
    if not isinstance(result, Number) or result.digits > MUCH:
        return True
    try:
        return text(result) in _printed(float(_decimal(shown)), result)
    except (ValueError, OverflowError):  # inf or nan
        return True


def _decimal(x: Symbol) -> Fraction:
    """The value of a sum or product of the numbers as they are printed."""
    if isinstance(x, Product):
        return prod(map(_decimal, x.factors), start=Fraction(1))
    if isinstance(x, Sum):
        return sum(map(_decimal, x.terms), start=Fraction(0))
    return Fraction(text(x) if isinstance(x, Number) else evaluate(x, {}))


def _longer(more: int, x: Number) -> Number:
    return Number(x.value, min(x.digits + more, MOST_DIGITS))


def _printed(number: float, like: Number) -> set[str]:
    """A number with as many digits as another one: half of the last digit may be rounded up or down."""
    whole = len(f"{abs(like.value):.0f}") if like.value.is_integer() else 0
    return {text(Number(number * (1 + share), max(like.digits, whole))) for share in (-1e-12, 0, 1e-12)}


def _with_numbers(x: Symbol, change: Callable[[Number], Number]) -> Symbol:
    """The sum or product with other numbers in it."""
    if isinstance(x, Number):
        return change(x)
    if isinstance(x, Product):
        return Product(tuple(_with_numbers(factor, change) for factor in x.factors))
    return Sum(tuple(_with_numbers(term, change) for term in x.terms)) if isinstance(x, Sum) else x


@dataclass(frozen=True)
class Folded:
    """So many more: `what` they are, such as nodes like the one before, with some of them as examples."""

    count: int
    what: str
    examples: tuple[Statement, ...]

    @property
    def text(self) -> str:
        """One line."""
        listed = [example.text for example in self.examples]
        if self.count > len(listed) > 0:
            listed.insert(-1, "…")
        return f"  and {self.count:,} more {self.what}" + (f": {', '.join(listed)}" if listed else "")

    @property
    def latex(self) -> str:
        """One line of an `aligned` environment."""
        return rf"&\ \text{{and {self.count:,} more {self.what}}}"


Line = Statement | Folded


@dataclass(frozen=True)
class Sentence:
    """Words, with a {} for each of the symbols."""

    words: str
    symbols: tuple[Symbol, ...] = ()

    @property
    def text(self) -> str:
        """As plain text."""
        return self.words.format(*map(text, self.symbols))

    @property
    def markdown(self) -> str:
        """In Markdown with LaTeX."""
        return self.words.format(*(f"${latex(x)}$" for x in self.symbols))


def notes(factors: Sequence[Factor], numbers: Sequence[float], digits: int) -> Iterator[Sentence]:
    """What has to be said of a product of these factors, and these numbers, for it to be true."""
    for factor in factors:
        if isinstance(factor, KnownFactor):
            yield Sentence(factor.words)
        elif factor.special:
            rule, value = factor.rule
            instead = "" if isinstance(rule, Number) else ", which would be {} here"
            shared = ": at a tie each side has half of the slope" if factor.symbol is HALF else ""
            symbols = factor.symbol if shared else Number(factor.number, digits), rule, Number(value, digits)
            yield Sentence("{} takes the place of {}" + instead + shared, symbols)
    if 0.0 in numbers and not all(map(isfinite, numbers)):
        yield Sentence("zero times anything is zero here, inf and nan included")


def displayed(lines: Iterable[Line]) -> str:
    """Lines as a formula on lines of its own, in Markdown; as several where MathJax would find one too long."""
    bodies: list[str] = []
    for line in lines:
        longer = f"{bodies[-1]} \\\\\n{line.latex}" if bodies else line.latex
        bodies[-1:] = [longer] if len(longer) <= LONGEST else [*bodies[-1:], line.latex]
    return "\n\n".join(f"$$\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n$$" for body in bodies or [""])


def derivative(top: Symbol, by: Symbol, *, local: bool = False) -> Name:
    """The sign d top/d by, over all paths; of one operation alone, its local derivative, ∂top/∂by."""
    d, latex_d = ("∂", r"\partial") if local else ("d ", r"\mathrm{d}")
    return Name(
        f"{d}{text(top, ATOM)}/{d}{text(by)}",
        rf"\frac{{{latex_d} {latex(top, ATOM)}}}{{{latex_d} {latex(by)}}}",
    )


def product(factors: Iterable[Symbol]) -> Symbol:
    """A Product, or its only factor."""
    factors = tuple(factors)
    return factors[0] if len(factors) == 1 else Product(factors)


def total(terms: Iterable[Symbol]) -> Symbol:
    """A Sum, or its only term."""
    terms = tuple(terms)
    return terms[0] if len(terms) == 1 else Sum(terms)


def wrapped(line: str, start: int) -> str:
    """A formula on lines that are not too long, if that can be done: the next ones begin in the column `start`.

    A line ends before a sign that binds as loosely as possible in its second half. What stands in parentheses goes on
    in the column where it began.
    """
    done: list[str] = []
    columns = [start]  # where what is inside of each open parenthesis begins
    while len(line) > WIDTH:
        places = _breaks(line, columns)
        if not places:
            break
        looseness = {place: (len(inside), line[place + 1] == "·", -place) for place, inside in places.items()}
        place = min([place for place in places if place > WIDTH / 2] or places, key=looseness.__getitem__)
        columns = places[place]
        done.append(line[:place])
        line = " " * columns[-1] + line[place + 1 :]
    return "\n".join([*done, line])


def _breaks(line: str, columns: Sequence[int]) -> dict[int, list[int]]:
    """The places of the blanks before a sign, with the columns where the parentheses that are open there began."""
    found: dict[int, list[int]] = {}
    inside, quoted = list(columns), False
    for place in range(columns[-1], WIDTH):
        character = line[place]
        quoted = (quoted or character == "‹") and character != "›"
        if quoted:
            continue
        if character == "(":
            inside.append(place + 1)
        elif character == ")" and len(inside) > 1:
            inside.pop()
        elif line[place : place + 3] in (" + ", " - ", " · ") and place > columns[-1]:
            found[place] = list(inside)
    return found


def groups(items: Iterable[tuple[Hashable, Item]]) -> list[list[Item]]:
    """The items of the same key together if they are many enough to be folded; else one by one, in their order."""
    found: dict[Hashable, list[Item]] = {}
    for key, item in items:
        found.setdefault(key, []).append(item)
    return [
        part
        for group in found.values()
        for part in ([group] if len(group) >= LIKE_THE_FIRST else [[item] for item in group])
    ]


def shown(group: Sequence[Item]) -> Sequence[Item]:
    """Of the items that are folded after the first, those that are named: two and the last."""
    return [*group[1:3], *group[3:][-1:]]


def _without_repetition(parts: Iterable[str]) -> list[str]:
    return [part for part, _ in groupby(parts)]
