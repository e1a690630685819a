"""Choosing between what two branches leave behind, by a condition that is not known while tracing."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray, BatchArray
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import BROADCAST, CONDITIONS, Condition, Traced, context, inside, refusal
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import where
from autograd_engine.structure import apart


class Undefined:
    """Stands for a variable that has no value; `where` says on which side of which line, if it has one elsewhere."""

    def __init__(self, name: str, where: str = "") -> None:
        self.symbol_name, self.where = name, where

    def read(self) -> Any:
        """Raise what reading the variable raises."""
        if not self.where:
            raise UnboundLocalError(f"cannot access local variable {self.symbol_name!r}: it has no value")
        raise refusal(
            f"{user_line()} reads {self.symbol_name}, which has a value only on one side of the branch at {self.where};"
            f" give {self.symbol_name} a value on the other side too, or before the branch"
        )


class NothingReturned:
    """Stands for the result of a function that has not returned yet."""


def truth(x: Any) -> Any:
    """Whether x counts as true: a bool, or a Condition if that is not known yet."""
    if _is_array(x) and x.size == 1:  # of more numbers NumPy refuses to tell
        x = np.asarray(x).item()
    if isinstance(x, Condition):
        return x
    return x != 0.0 if isinstance(x, Traced) else bool(x)


def known(condition: Condition, x: Any, holds: bool) -> Any:
    """x, or the bool that it is where `condition` holds or does not hold."""
    if not isinstance(x, Condition):
        return x
    (one, negated), (other, other_negated) = without_not(condition), without_not(x)
    return holds ^ negated ^ other_negated if comparison_of(one) == comparison_of(other) else x


Changes = dict[int, tuple[Any, Any]]
"""What is in the containers that a side has changed: pairs of container and content, by the id of the container."""


class Choice:
    """What one side has left behind where the condition holds, what the other has elsewhere."""

    def __init__(self, condition: Condition, of_a: Changes, of_b: Changes) -> None:
        self.condition, self._of_a, self._of_b = condition, of_a, of_b

    def __call__(self, a: Any, b: Any, name: str) -> Any:
        """The choice between two things, leaf by leaf. Raises TraceError, about `name`, if they do not fit."""
        if a is b:
            return a
        a, b = _after(a, self._of_a), _after(b, self._of_b)
        if isinstance(a, NothingReturned) or isinstance(b, NothingReturned):  # another variable says which
            return b if isinstance(a, NothingReturned) else a
        if isinstance(a, Undefined) or isinstance(b, Undefined):
            of_both = isinstance(a, Undefined) and isinstance(b, Undefined)
            return Undefined(name, (a.where or b.where) if of_both else user_line())
        condition = self.condition
        if isinstance(a, (bool, np.bool_, Condition)) and isinstance(b, (bool, np.bool_, Condition)):
            return _of_conditions(condition, known(condition, a, True), known(condition, b, False))
        if _is_number(a) and _is_number(b):
            return a if _are_the_same(a, b) else self._where(a, b)
        if isinstance(a, BatchArray) and isinstance(b, BatchArray) and a.fits(b):
            with inside(a.batch):
                pairs = zip(a.of_sample.flat, b.of_sample.flat)
                return a.with_numbers(iter([self(x, y, name) for x, y in pairs]))
        if _is_array(a) and _is_array(b):
            return self._of_arrays(np.asarray(a), np.asarray(b), name)
        of_a, of_b = apart(a), apart(b)
        if of_a and of_b and type(a) is type(b):
            return self._of_containers(of_a, of_b, name)
        if type(a) is type(b) and not _is_array(a) and a == b:
            return a
        raise _misfit(name, _described(a), _described(b))

    def _where(self, a: Any, b: Any) -> Any:
        chosen = where(self.condition, a, b)
        context.choices.add(chosen)
        return chosen

    def _of_arrays(self, a: Any, b: Any, name: str) -> Any:
        if a.shape != b.shape:
            raise _misfit(name, f"an array of shape {a.shape}", f"one of shape {b.shape}")
        if a.dtype == b.dtype != object and a.tobytes() == b.tobytes():
            return a
        return number_array([self(x, y, name) for x, y in zip(a.ravel(), b.ravel())], a.shape)

    def _of_containers(self, a: Any, b: Any, name: str) -> Any:
        kind, keys, container, parts = a
        if len(parts) != len(b[-1]):
            raise _misfit(name, f"a {kind.__name__} of {len(parts)}", f"one of {len(b[-1])}")
        if keys != b[1]:
            raise _misfit(name, f"a {kind.__name__} with the keys {list(keys)}", f"one with {list(b[1])}")
        return container([self(x, y, name) for x, y in zip(parts, b[-1])])


def _after(x: Any, changes: Changes) -> Any:
    """A container as a side has left it: what it holds now is what it held before."""
    if id(x) in changes:
        return changes[id(x)][1]
    own = getattr(x, "__dict__", None)
    if id(own) not in changes or isinstance(x, type):
        return x
    new = object.__new__(type(x))
    new.__dict__.update(changes[id(own)][1])
    return new


def _of_conditions(condition: Condition, a: Any, b: Any) -> Any:
    if isinstance(a, Condition) and isinstance(b, Condition):
        return (condition & a) | (~condition & b)
    if isinstance(a, Condition):
        return ~condition | a if b else condition & a
    if isinstance(b, Condition):
        return condition | b if a else ~condition & b
    return bool(a) if a == b else condition if a else ~condition


def _misfit(name: str, one: str, other: str) -> TraceError:
    return refusal(
        f"{user_line()} depends on numbers that are known only when the compiled function is called, and leaves {name} "
        f"as {one} where it holds and as {other} elsewhere; let both sides leave numbers in the same structure"
    )


def _described(x: Any) -> str:
    return repr(x) if isinstance(x, (str, bool, type(None))) else f"a {type(x).__name__}"


def _is_number(x: Any) -> bool:
    return isinstance(x, (Traced, float, int, np.number, np.bool_)) and not isinstance(x, complex)


def _is_array(x: Any) -> bool:
    return isinstance(x, (np.ndarray, ArgumentArray))


def _are_the_same(a: Any, b: Any) -> bool:
    plain = not isinstance(a, Traced) and not isinstance(b, Traced)
    return plain and type(a) is type(b) and repr(a) == repr(b)  # which tells 0.0 from -0.0, and knows a nan


def without_not(condition: Any) -> tuple[Any, bool]:
    """The condition that another one is, broadcast or negated, and whether it is negated."""
    negated = False
    while condition.__class__ is not float:
        if condition.op is BROADCAST:
            condition = condition.arguments[0]
        elif condition.op is CONDITIONS["xor"] and _is_true(condition.expansion[1]):
            condition, negated = condition.expansion[0], not negated
        else:
            break
    return condition, negated


def comparison_of(condition: Condition) -> Any:
    """What a condition compares, equal for two that compare the same."""
    operands = [x.arguments[0] if isinstance(x, Traced) and x.op is BROADCAST else x for x in condition.expansion]
    return (condition.op, *[x if x.__class__ is float else id(x) for x in operands])


def _is_true(x: Any) -> bool:
    return x.__class__ is float and x == 1.0
