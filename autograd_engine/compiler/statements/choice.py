"""Choosing between what two branches leave behind, by a condition that is not known while tracing."""

from __future__ import annotations

import copy
import re
import reprlib
from collections import UserDict, UserList, deque
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from autograd_engine.compiler.statements.conditions import chosen, is_certain
from autograd_engine.compiler.statements.contents import Changes, content, fill
from autograd_engine.compiler.statements.tables import Row, row_of
from autograd_engine.compiler.statements.views import View, view_of
from autograd_engine.compiler.trace.arrays import ArgumentArray, BatchArray
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Condition, Traced, UnlikeRoundsError, context, inside, refusal
from autograd_engine.compiler.trace.words import Word, words
from autograd_engine.number_arrays import compared_like, number_array
from autograd_engine.primitives import where
from autograd_engine.runs import is_node
from autograd_engine.structure import apart

_COMPARED_BY_ITEMS = (deque, UserDict, UserList, SimpleNamespace)
"""Classes whose `==` would ask for the truth of numbers that are not known."""


class Undefined:
    """Stands for a variable that has no value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self) -> Any:
        """Raise what reading the variable raises."""
        raise UnboundLocalError(f"cannot access local variable {self.name!r}: it has no value")


class Partly(Undefined):
    """Stands for a variable that has a value only where a condition holds, since the branch at `line`."""

    def __init__(self, name: str, value: Any, defined: Any, line: str) -> None:
        self.name, self.value, self.defined, self.line = name, value, defined, line

    def read(self) -> Any:
        """The value. Raises TraceError where it is not certain that there is one."""
        if is_certain(self.defined):
            return self.value
        if re.search(r":\d+ \((while|for) ", self.line):
            raise refusal(
                f"{user_line()} reads {self.name}, to which the loop at {self.line} need not give a value, as far as "
                f"can be told; give {self.name} one before the loop"
            )
        raise refusal(
            f"{user_line()} reads {self.name}, which has a value only on one side of the branch at {self.line}; give "
            f"{self.name} a value on the other side too, or before the branch"
        )


class InSomeRounds(Undefined):
    """Stands for a variable that gets a value in some rounds of a loop, if any."""

    def __init__(self, name: str, known: bool) -> None:
        self.name, self.known = name, known

    def read(self) -> Any:
        """Raise what has the function traced without loops, or TraceError if the number of rounds is not known."""
        if self.known:
            raise UnlikeRoundsError
        raise refusal(
            f"{user_line()} reads {self.name}, which has a value only if a round of a loop gives it one; give "
            f"{self.name} a value before the loop"
        )


class NothingReturned:
    """Stands for the result of a function that has not returned yet."""


class Choice:
    """What one side has left behind where the condition holds, what the other has elsewhere."""

    def __init__(self, condition: Condition, of_a: Changes, of_b: Changes) -> None:
        self.condition, self._of_a, self._of_b = condition, of_a, of_b
        self._made: dict[tuple[int, int], tuple[Any, Any, Any]] = {}

    def __call__(self, a: Any, b: Any, name: str) -> Any:
        """The choice between two things, leaf by leaf. Raises TraceError, about `name`, if they do not fit."""
        if a is b:
            return a
        if a.__class__ is b.__class__ is Traced:
            return self._where(a, b)
        key = id(a), id(b)
        if key in self._made:  # two names of one thing stay names of one thing
            return self._made[key][0]
        made = self._of(_after(a, self._of_a), _after(b, self._of_b), name)
        if is_container(made):
            self._made[key] = made, a, b
            if view_of(made) is None:
                context.unsettled.append((self.condition, made, a, b))
        return made

    def _of(self, a: Any, b: Any, name: str) -> Any:
        if isinstance(a, NothingReturned) or isinstance(b, NothingReturned):  # another variable says which
            return b if isinstance(a, NothingReturned) else a
        if isinstance(a, Undefined) or isinstance(b, Undefined):
            return self._of_undefined(a, b, name)
        if isinstance(a, (bool, np.bool_, Condition)) and isinstance(b, (bool, np.bool_, Condition)):
            return chosen(self.condition, a, b)
        if pair := words(a, b):
            return a if type(a) is type(b) and a is not pair[0] and a == b else pair[0].chosen(pair[1], self.condition)
        if _is_number(a) and _is_number(b):
            return a if _are_the_same(a, b) else self._where(a, b)
        if isinstance(a, BatchArray) and isinstance(b, BatchArray) and a.fits(b):
            with inside(a.batch):
                pairs = zip(a.of_sample.flat, b.of_sample.flat)
                return a.with_numbers(iter([self(x, y, name) for x, y in pairs]))
        if _is_array(a) and _is_array(b):
            made = self._of_arrays(np.asanyarray(a), np.asanyarray(b), name)
            self._note_views(made, (a, b))
            return made
        if isinstance(a, Row) or isinstance(b, Row):
            return self._of_rows(row_of(a), row_of(b), name)
        of_a, of_b = apart(a), apart(b)
        if of_a and of_b and type(a) is type(b):
            return self._of_containers(of_a, of_b, name)
        if type(a) is type(b) and not _is_array(a) and not isinstance(a, _COMPARED_BY_ITEMS) and a == b:
            return a
        one, other = _described(a), _described(b)
        if (a is None or b is None) and (_is_number(a) or _is_number(b)):
            raise _misfit(name, one, other, "start with a number, such as nan, and keep in a bool whether it is set")
        raise _misfit(name, one, other if one != other else f"another{other.removeprefix('a')}")

    def _of_undefined(self, a: Any, b: Any, name: str) -> Any:
        """The choice between two variables, of which one has no value, or not everywhere."""
        (value_a, of_a), (value_b, of_b) = _value_of(a), _value_of(b)
        if of_a is of_b is False:
            return a
        value = value_b if of_a is False else value_a if of_b is False else self(value_a, value_b, name)
        everywhere = chosen(self.condition, of_a, of_b)
        line = next((x.line for x in (a, b) if isinstance(x, Partly)), None) or user_line()
        return Partly(name, value, everywhere, line)

    def _where(self, a: Any, b: Any) -> Any:
        number = where(self.condition, exact_number(a), exact_number(b))
        context.choices.add(number)
        return number

    def _of_arrays(self, a: Any, b: Any, name: str) -> Any:
        if a.shape != b.shape:
            raise _misfit(name, f"an array of shape {a.shape}", f"one of shape {b.shape}")
        if a.dtype == b.dtype != object and a.tobytes() == b.tobytes():
            return a.copy()
        numbers = [self(x, y, name) for x, y in zip(a.flat, b.flat)]
        return compared_like(number_array(numbers, a.shape), a, b)

    def _note_views(self, made: Any, chosen: tuple[Any, Any]) -> None:
        """Let the choice between two arrays be a view, if one of them is."""
        views = [view_of(x) for x in chosen]
        if any(views):
            key = views[0].chosen(views[1], self.condition) if views[0] and views[1] else None
            arrays = [array for x, view in zip(chosen, views) for array in (view.arrays if view else [np.asarray(x)])]
            arrays = arrays if key is None else arrays[:1]
            View(made, arrays, key, [content(array) for array in arrays])

    def _of_rows(self, a: Row | None, b: Row | None, name: str) -> Row:
        row = None if a is None or b is None else a.chosen(b, self.condition)
        if row is None:
            raise _misfit(name, "a row of one list of lists", "one of another")
        return row

    def _of_containers(self, a: Any, b: Any, name: str) -> Any:
        kind, keys, container, parts = a
        if kind is dict and (missing := {*keys} ^ {*b[1]}):
            key = min(missing, key=repr)
            pair = ("with", "without") if key in keys else ("without", "with")
            advice = f"give {key!r} a value on the other side too, or before the branch"
            raise _misfit(name, f"a dict {pair[0]} {key!r}", f"one {pair[1]} it", advice)
        if len(parts) != len(b[-1]):
            raise _misfit(name, f"a {kind.__name__} of {len(parts)}", f"one of {len(b[-1])}")
        if keys != b[1]:
            raise _misfit(name, f"a {kind.__name__} with the keys {list(keys)}", f"one with {list(b[1])}")
        return container([self(x, y, name) for x, y in zip(parts, b[-1])])


def exact_number(x: Any) -> Any:
    """The number x. Raises TraceError if it is a whole number that a double does not hold."""
    if type(x) is int and abs(x) > 2**53 and (x.bit_length() > 1000 or int(float(x)) != x):
        raise refusal(
            f"{user_line()} leaves a whole number of {len(str(x))} digits, and those that a branch or a loop chooses "
            "between are doubles in compiled code, exact up to 2**53"
        )
    return x


def is_container(x: Any) -> bool:
    """Whether x can be changed in place."""
    return isinstance(x, (list, dict, set, np.ndarray)) or hasattr(type(x), "__dataclass_fields__")


def _after(x: Any, changes: Changes) -> Any:
    """A container as a side has left it: what it holds now is what it held before."""
    own = getattr(x, "__dict__", None)
    if isinstance(x, (type, ModuleType, FunctionType)) or changes.keys().isdisjoint((id(x), id(own))):
        return x
    if isinstance(x, (list, dict, set, np.ndarray)):
        return changes[id(x)][1]
    new = copy.copy(x)
    for part, key in ((new, id(x)), (getattr(new, "__dict__", None), id(own))):
        if key in changes:
            fill(part, changes[key][1])
    return new


def _value_of(x: Any) -> tuple[Any, Any]:
    """The value of a variable, and whether it has one."""
    if isinstance(x, Partly):
        return x.value, x.defined
    return (None, False) if isinstance(x, Undefined) else (x, True)


def _misfit(
    name: str, one: str, other: str, advice: str = "let both sides leave numbers in the same structure"
) -> TraceError:
    if name.startswith("retval_"):  # malt's variable
        name = "the result"
    return refusal(
        f"{user_line()} depends on numbers that are known only when the compiled function is called, and leaves {name} "
        f"as {one} where it holds and as {other} elsewhere; {advice}"
    )


def _described(x: Any) -> str:
    if isinstance(x, (str, bool, type(None), Word)):
        return repr(x)
    if isinstance(x, (set, bytearray)):
        return reprlib.repr(x)
    return "a number" if _is_number(x) else f"a {type(x).__name__}"


def _is_number(x: Any) -> bool:
    return isinstance(x, (float, int, np.number, np.bool_)) or is_node(x)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, ArgumentArray))


def _are_the_same(a: Any, b: Any) -> bool:
    plain = not isinstance(a, Traced) and not isinstance(b, Traced)
    return plain and type(a) is type(b) and repr(a) == repr(b)  # which tells 0.0 from -0.0, and knows a nan
