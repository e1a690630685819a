"""Words: plain things, such as a str, None or a member of an Enum, of which only a call can tell which one it is.

Every plain thing that a branch chooses has a number, the same one in the whole trace; that number is what the compiled
function computes and carries from round to round. A result becomes the thing again when the caller gets it.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Condition, context, refusal
from autograd_engine.primitives import where
from autograd_engine.structure import Structure, apart, flatten, map_leaves


class Word:
    """One of the things `options`, by their numbers: the one whose number is `code`.

    `sides` is the condition and the two numbers that it was chosen between, where these are known.
    """

    def __init__(
        self, options: dict[float, Any], code: Any, sides: tuple[Condition, float, float] | None = None
    ) -> None:
        self.options, self.code, self.sides = options, code, sides

    def __parts__(self) -> Any:
        """What a loop carries and what the caller gets is made of: the number."""
        things = tuple([(type(x), x) for x in self.options.values()])
        return Word, things, functools.partial(_restored, self.options), [self.code]

    def widened(self, other: Word) -> Word:
        """The same thing, as one of the options of another one too."""
        options = self.options | other.options
        return self if len(options) == len(self.options) else Word(dict(sorted(options.items())), self.code, self.sides)

    def chosen(self, other: Word, condition: Condition) -> Word:
        """This where the condition holds, elsewhere the other."""
        a, b = self.code, other.code
        if a is b or (a.__class__ is b.__class__ is float and a == b):
            return self.widened(other)
        code = where(condition, a, b)
        context.choices.add(code)
        sides = (condition, a, b) if a.__class__ is b.__class__ is float else None
        return Word(self.widened(other).options, code, sides)

    def is_among(self, codes: Collection[float]) -> Any:
        """Whether it is one of those with these numbers: a bool, or a condition."""
        others = self.options.keys() - codes
        if len(others) == len(self.options) or not others:
            return not others
        if self.code.__class__ is float:
            return self.code in codes
        if self.sides:
            condition, a, b = self.sides
            return (a in codes) if (a in codes) == (b in codes) else condition if a in codes else ~condition
        few = sorted(others if len(others) < len(codes) else self.options.keys() & codes)
        result = functools.reduce(lambda x, y: x | y, [self.code == k for k in few])
        return ~result if len(others) < len(codes) else result

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, Word):
            pairs = [self.is_among([k]) & other.is_among([k]) for k in self.options.keys() & other.options.keys()]
            return functools.reduce(lambda x, y: x | y, pairs, False)
        return self.is_among([k for k, x in self.options.items() if x == other])

    def __ne__(self, other: Any) -> Any:
        same = self == other
        return ~same if isinstance(same, Condition) else not same

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        values = [getattr(x, name) for x in self.options.values()]
        found = dict(zip(self.options, values))
        if all(map(is_plain, values)):
            words = [word(x) for x in values]
            options = functools.reduce(Word.widened, words).options
            return Word(options, self._number({k: x.code for k, x in zip(found, words)}))
        if all(isinstance(x, bool) for x in values):
            return self.is_among([k for k, x in found.items() if x])
        if all(isinstance(x, (int, float)) for x in values):
            return self._number(found)
        raise self._unlike(f".{name}")

    def _number(self, numbers: dict[float, Any]) -> Any:
        """The number that goes with the thing."""
        (_, found), *others = numbers.items()
        for code, number in others:
            found = where(self.is_among([code]), float(number), found)
        return found

    def _unlike(self, use: str) -> TraceError:
        return refusal(
            f"{user_line()} takes {use} of {self!r}, and which one it is, is known only when the compiled function is "
            "called; compare it by ==, or look it up in a dict of numbers"
        )

    def __repr__(self) -> str:
        return f"one of {', '.join(map(repr, self.options.values()))}"

    def __hash__(self) -> int:
        raise self._unlike("the hash")

    def __bool__(self) -> bool:
        raise self._unlike("the truth")

    def __format__(self, specification: str) -> str:
        raise self._unlike("the text")

    def __iter__(self) -> Any:
        raise self._unlike("the items")

    def __add__(self, other: Any) -> Any:
        raise self._unlike("the sum")

    __radd__ = __add__


def is_plain(x: Any) -> bool:
    """Whether x is a thing that a word can be; members of an IntEnum are numbers."""
    return x is None or isinstance(x, (str, bytes)) or (isinstance(x, Enum) and not isinstance(x, (int, float)))


def word(x: Any) -> Word:
    """A plain thing, a bool or a condition as a word."""
    if isinstance(x, Word):
        return x
    if isinstance(x, Condition):
        return word(True).chosen(word(False), x)
    x = bool(x) if isinstance(x, np.bool_) else x
    code = context.words.setdefault((type(x), x), float(len(context.words)))
    return Word({code: x}, code)


def flat_result(result: Any) -> tuple[list[Any], Structure]:
    """The numbers in what a function returned, those of words among them, and the structure that holds them."""
    return flatten(map_leaves(lambda leaf: word(leaf) if is_plain(leaf) else leaf, result, keep=True))


def words(a: Any, b: Any) -> tuple[Word, Word] | None:
    """Two things as words, of which at least one is no bool; None if they are something else."""
    if not any(isinstance(x, Word) or is_plain(x) for x in (a, b)):
        return None
    if not all(isinstance(x, (Word, bool, np.bool_, Condition)) or is_plain(x) for x in (a, b)):
        return None
    return word(a), word(b)


def with_words(x: Any) -> Any:
    """x, or a tuple with x in it, with a word for each plain thing."""
    return _mapped(lambda leaf: word(leaf) if is_plain(leaf) else leaf, x)


def widened(x: Any, other: Any) -> Any:
    """x, or what is in a tuple, as one of the words that stand in its place in another one too."""
    if pair := words(x, other):
        wider = pair[0].widened(pair[1])
        return x if wider is x else wider
    if isinstance(x, tuple) and type(x) is type(other) and len(x) == len(other):
        return _mapped(widened, x, other)
    return x


def _mapped(f: Any, x: Any, *others: Any) -> Any:
    if not isinstance(x, tuple):
        return f(x, *others)
    parts = [f(*some) if others else _mapped(f, *some) for some in zip(x, *others)]
    found = apart(x)
    assert found
    return x if all(a is b for a, b in zip(parts, x)) else found[2](parts)


def _restored(options: dict[float, Any], parts: Sequence[Any]) -> Any:
    """The word of a number, which is the thing itself for the caller."""
    [code] = parts
    if isinstance(code, float):
        return options[code]
    if type(code) is np.ndarray and code.dtype == float:
        things = np.empty(code.size, dtype=object)
        things[:] = [options[x] for x in code.ravel().tolist()]
        return things.reshape(code.shape)
    return Word(options, code)
