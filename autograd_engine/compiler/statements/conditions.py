"""Conditions that are not known while tracing, and what can be said about them nevertheless.

A condition is a comparison, or built of others by & | ^. Of two that compare the same, one says what the other is; and
on one side of a branch, its condition is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import BROADCAST, CONDITIONS, Condition, Traced, context, recording, refusal
from autograd_engine.compiler.trace.words import Word

_MOST = 100
"""How many cases of comparisons are tried before it is given up to say something about a condition."""


class Unread(Traced):
    """Stands for a number that must not be used, such as each item of a list that the rounds of a loop append to."""

    __slots__ = ()

    @staticmethod
    def new(why: str = "a loop that is compiled cannot read a list that its rounds append to") -> Unread:
        """One that is in no program; the error where it is used says why it must not be."""
        [unread] = Unread.several(1, why)
        return unread

    @staticmethod
    def several(count: int, why: str) -> list[Unread]:
        """As many."""
        with recording([]):
            return [Unread(None, ("unread", why), context.batch) for _ in range(count)]

    @staticmethod
    def check(x: Any) -> None:
        """Raise TraceError if x is a list of them, whose length differs from round to round."""
        if isinstance(x, list) and x and isinstance(x[0], Unread):
            raise x[0].error()

    def error(self) -> TraceError:
        """The error to raise where it is used."""
        return refusal(f"{user_line()}: {self.arguments[1]}")


def truth(x: Any) -> Any:
    """Whether x counts as true: a bool, or a Condition if that is not known yet."""
    Unread.check(x)
    if isinstance(x, (np.ndarray, ArgumentArray)) and x.size == 1:  # of more numbers NumPy refuses to tell
        x = np.asarray(x).item()
    if isinstance(x, Condition):
        return x
    if isinstance(x, Word):
        return x.is_among([code for code, thing in x.options.items() if thing])
    return x != 0.0 if isinstance(x, Traced) else bool(x)


def known(condition: Condition, x: Any, holds: bool) -> Any:
    """x, or the bool that it is where `condition` holds or does not hold."""
    if not isinstance(x, Condition):
        return x
    (one, negated), (other, other_negated) = without_not(condition), without_not(x)
    return holds ^ negated ^ other_negated if compared_in(one) == compared_in(other) else x


def chosen(condition: Condition, a: Any, b: Any) -> Any:
    """a where the condition holds, else b, each a bool or a condition."""
    a, b = known(condition, a, True), known(condition, b, False)
    if isinstance(a, Condition) and isinstance(b, Condition):
        return (condition & a) | (~condition & b)
    if isinstance(a, Condition):
        return ~condition | a if b else condition & a
    if isinstance(b, Condition):
        return condition | b if a else ~condition & b
    return bool(a) if a == b else condition if a else ~condition


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


def compared_in(condition: Condition) -> Any:
    """What a condition compares, equal for two that compare the same."""
    if condition.expansion is None:  # from outside, or from the round before
        return id(condition)
    operands = [x.arguments[0] if isinstance(x, Traced) and x.op is BROADCAST else x for x in condition.expansion]
    return (condition.op, *[x if x.__class__ is float else id(x) for x in operands])


def _is_true(x: Any) -> bool:
    return x.__class__ is float and x == 1.0


class Decided:
    """What is known of conditions when some comparisons are `decided`, by the key `compared_in`."""

    def __init__(self, decided: dict[Any, bool]) -> None:
        self.comparisons = decided
        self._found: dict[int, Any] = {}  # by the id of a condition, since one may be in many others

    def __call__(self, condition: Condition) -> Any:
        """Whether a condition holds; or a comparison in it that has to be decided first."""
        base, negated = without_not(condition)
        stack = [base]  # instead of recursion: a loop makes long conditions
        while stack:
            x = stack[-1]
            if x.op not in _CONNECTIVES:
                self._found[id(x)] = self.comparisons.get(compared_in(x), x)
            elif (missing := self._combine(x)) is not None:
                stack.append(missing)
                continue
            stack.pop()
        return _not(self._found[id(base)]) if negated else self._found[id(base)]

    def _combine(self, x: Condition) -> Any:
        """Find out about a condition from its operands; or return one of which nothing has been found out yet."""
        sides = []
        settles = x.op is CONDITIONS["or"]  # the side that decides alone
        for operand in x.expansion:
            y, negated = without_not(operand)
            if y.__class__ is not float and id(y) not in self._found:
                return y
            side = bool(y) if y.__class__ is float else self._found[id(y)]
            sides.append(_not(side) if negated else side)
            if sides[-1] is settles and x.op is not CONDITIONS["xor"]:
                self._found[id(x)] = settles
                return None
        a, b = sides
        unknown = next((side for side in sides if not isinstance(side, bool)), None)
        if unknown is None:
            unknown = a ^ b if x.op is CONDITIONS["xor"] else not settles
        self._found[id(x)] = unknown
        return None


_CONNECTIVES = {CONDITIONS[name] for name in ("and", "or", "xor")}


def _not(found: Any) -> Any:
    return not found if isinstance(found, bool) else found


@contextmanager
def holding(condition: Condition, holds: bool) -> Iterator[None]:
    """Make it known in the block that the condition holds, or that it does not."""
    before, context.conditions = context.conditions, (*context.conditions, (condition, holds))
    try:
        yield
    finally:
        context.conditions = before


def is_certain(x: Any) -> bool:
    """Whether x, a bool or a condition, holds wherever the conditions around it do. False where it is hard to say."""
    return bool(x) if not isinstance(x, Condition) else _is_certain(x, _certain_comparisons(), [_MOST])


def is_possible(comparisons: dict[Any, bool]) -> bool:
    """Whether single comparisons, by the key `compared_in`, may be so where the conditions around hold."""
    decide = Decided({**_certain_comparisons(), **comparisons})
    return not any(decide(condition) is (not holds) for condition, holds in context.conditions)


def _certain_comparisons() -> dict[Any, bool]:
    """What the conditions around say of single comparisons."""
    decided: dict[Any, bool] = {}
    stack: list[tuple[Any, bool]] = list(context.conditions)
    while stack:
        condition, holds = stack.pop()
        base, negated = without_not(condition)
        holds ^= negated
        if base.__class__ is float:
            continue
        if base.op is CONDITIONS["and" if holds else "or"]:
            stack += [(operand, holds) for operand in base.expansion]
        elif base.op not in _CONNECTIVES:
            decided[compared_in(base)] = holds
    return decided


def _is_certain(x: Condition, decided: dict[Any, bool], left: list[int]) -> bool:
    left[0] -= 1
    decide = Decided(decided)
    undecided = decide(x)
    if undecided is True:
        return True
    for condition, holds in context.conditions:
        around = decide(condition)
        if around is (not holds):
            return True
        if not isinstance(around, bool) and undecided is False:
            undecided = around
    if undecided is False or left[0] < 0:
        return False
    key = compared_in(undecided)
    return all(_is_certain(x, {**decided, key: holds}, left) for holds in (True, False))
