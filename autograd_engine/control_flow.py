"""Branches and loops as functions: cond, switch, while_loop, fori_loop and scan, named and ordered as in JAX.

Here they are Python's own `if`, `while` and `for`. The numbers on the way are recorded like any others, so derivatives
of every order go through them.

>>> from autograd_engine.derivatives import grad
>>> grad(lambda x: fori_loop(0, 3, lambda i, power: power * x, 1.0))(2.0)
12.0
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd_engine.arguments import float_arguments, received
from autograd_engine.mapping import along, common_length, stacked
from autograd_engine.number import Float
from autograd_engine.runs import is_node, is_of_batch, number_of
from autograd_engine.structure import Structure, flatten, float_arrays, leaves_with_paths, map_leaves, numbers_like
from autograd_engine.value import Value

recorder: ContextVar[Any] = ContextVar("recorder", default=None)
"""What records loops and branches instead of running them: a compiler that traces the function sets it.

It has the methods `cond(pred, if_true, if_false, operands)`, `while_loop(cond, body, init)`, `fori_loop(lower, upper,
body, init)` and `scan(step, init, xs, length, reverse)`, called with arguments that have been checked. What returns
NotImplemented is run here. `checkpoint(f, args, keywords)` calls f and keeps little for derivatives; `closed(inputs,
outputs)` makes what has been recorded since `inputs` a function of them; `with rolling() as loops`, `loops(f)` is the
function f with each for of many rounds as a loop. `with unrolled()` leaves loops to Python whose length is known.
"""


def cond(pred: Any, if_true: Callable[..., Any], if_false: Callable[..., Any], *operands: Any) -> Any:
    """`if_true(*operands)` if `pred` holds, else `if_false(*operands)`; the other function is not called.

    `pred` is a bool or a number, which holds unless it is 0. Raises TypeError for anything else.

    >>> cond(2.0 > 1.0, lambda x: x + 1, lambda x: -x, 5.0)
    6.0
    """
    _check_functions("cond", if_true=if_true, if_false=if_false)
    operands = tuple(float_arguments("cond", operands)[0])
    holds = number_of("cond", "pred", pred)
    if is_node(holds):
        if (recording := recorder.get()) is not None:
            result = recording.cond(holds, if_true, if_false, operands)
            if result is not NotImplemented:
                return result
        holds = bool(holds)
    return if_true(*operands) if holds else if_false(*operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index below the first branch means the first, one beyond the last the last.

    Raises TypeError unless `index` is a number and the branches are functions, ValueError if there are none.

    >>> switch(1, [lambda x: x, lambda x: x**2, lambda x: x**3], 5.0)
    25.0
    """
    if not isinstance(branches, Sequence):
        raise TypeError(f"switch(): branches must be a list of functions, got {type(branches).__name__}")
    _check_functions("switch", **{f"branch {i}": branch for i, branch in enumerate(branches)})
    if not branches:
        raise ValueError("switch() needs at least one branch")
    index = number_of("switch", "index", index)

    def among(first: int, last: int) -> Callable[..., Any]:
        if first == last:
            return branches[first]
        middle = (first + last + 1) // 2
        below, above = among(first, middle - 1), among(middle, last)
        return lambda *operands: cond(index < middle, below, above, *operands)

    return among(0, len(branches) - 1)(*float_arguments("switch", operands)[0])


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """The state after `while cond(state): state = body(state)`, beginning with `init`.

    The state is a number, an array, or nested lists, tuples and dicts of them; its whole numbers become floats. Raises
    TypeError unless `body` returns the structure and shapes of `init`, and `cond` a bool or a number.

    >>> while_loop(lambda x: x < 100, lambda x: x * 2, 3)
    192.0
    """
    _check_functions("while_loop", cond=cond, body=body)
    state = _State("while_loop", init)
    if (recording := recorder.get()) is not None:
        result = recording.while_loop(cond, body, state.value)
        if result is not NotImplemented:
            return result
    while number_of("while_loop", "what cond returned", cond(state.value)):
        state.become(body(state.value))
    return state.value


def fori_loop(lower: Any, upper: Any, body: Callable[[int, Any], Any], init: Any) -> Any:
    """The state after `for i in range(lower, upper): state = body(i, state)`, beginning with `init`.

    The state is as in `while_loop`; `i` is an int. Raises TypeError or ValueError unless both bounds are whole numbers,
    TypeError unless `body` returns the structure and shapes of `init`.

    >>> fori_loop(1, 5, lambda i, product: product * i, 1)
    24.0
    """
    _check_functions("fori_loop", body=body)
    state = _State("fori_loop", init)
    lower, upper = _bound("lower", lower), _bound("upper", upper)
    if (recording := recorder.get()) is not None:
        result = recording.fori_loop(lower, upper, body, state.value)
        if result is not NotImplemented:
            return result
    for i in range(int(lower), int(upper)):
        state.become(body(i, state.value))
    return state.value


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: Any = None, reverse: bool = False
) -> Any:
    """The pair `(carry, ys)` after `for x in xs: carry, y = step(carry, x)`, beginning with `init` as the carry.

    `xs` is an array or nested lists of numbers, or a tuple or dict of those, all of one length; `x` has an entry of
    each. Without `xs`, `length` says how many rounds there are, and `x` is None. The carry is like the state of
    `while_loop`. `ys` holds what the steps returned with it: numbers become an array (rounds,), arrays of shape S one
    of shape (rounds, *S); lists, tuples and dicts of them stay what they are. With `reverse` the last round comes
    first, and `ys[i]` belongs to `xs[i]` all the same. Where there are no rounds, `step` is called once, with zeros for
    `x`, for the structure of `ys` alone.

    Raises TypeError unless `step` returns a pair, the first part structured like `init`, the second alike in every
    round; ValueError where lengths differ or there are none.

    >>> scan(lambda total, x: (total + x, total), 0, [1.0, 2.0, 3.0])
    (6.0, array([0., 1., 3.]))
    """
    _check_functions("scan", step=step)
    state = _State("scan", init)
    xs = float_arrays(xs, "scan(): xs", received)
    arrays = [] if xs is None else leaves_with_paths(xs, "xs", lists=False)
    found = common_length("scan", [(name, array, 0) for name, array in arrays])
    rounds = found if length is None else _length(length)
    if rounds is None:
        raise ValueError("scan() needs xs or length, to know how many rounds there are")
    if found not in (None, rounds):
        raise ValueError(f"scan(): length is {rounds}, but xs has {found} entries")
    if (recording := recorder.get()) is not None:
        result = recording.scan(step, state.value, float_arrays(xs, "xs"), rounds, bool(reverse))
        if result is not NotImplemented:
            return result
    mapped = None if xs is None else map_leaves(along, xs, lists=False)
    rows: list[list[Any]] = []
    of_y: Structure | None = None
    for i in reversed(range(rounds)) if reverse else range(rounds):
        x = None if xs is None else map_leaves(operator.itemgetter(i), mapped, lists=False)
        carry, y = pair(step(state.value, x))
        state.become(carry)
        of_y = of_y or apart_from_none(y)[1]
        rows.append(numbers_of_round("scan", "y", of_y, y))
    if of_y is None:
        x = None if xs is None else map_leaves(_zeros, mapped, lists=False)
        with np.errstate(all="ignore"):
            of_y = apart_from_none(pair(step(state.value, x))[1])[1]
    return state.value, stacked(rows[::-1] if reverse else rows, of_y)


class _State:
    """What goes from round to round of a loop, with its structure, which stays."""

    def __init__(self, caller: str, init: Any) -> None:
        self.caller = caller
        leaves, self.structure = apart_from_none(float_arrays(init, f"{caller}(): init"))
        self.value = self.structure([_number(caller, "init", leaf) for leaf in leaves])

    def become(self, given: Any) -> None:
        """Take what a round returned. Raises TypeError unless it is structured as before."""
        self.value = self.structure(numbers_of_round(self.caller, "the state", self.structure, given))


def numbers_of_round(caller: str, name: str, structure: Structure, given: Any) -> list[Any]:
    """The numbers that a round of a loop returned, in the order of `structure`.

    Raises TypeError unless they have that structure; it begins with the caller and the `name` of what was returned, and
    says where it differs.
    """
    try:
        leaves = numbers_like(structure, given, name)
    except ValueError as error:
        raise TypeError(f"{caller}(): {name} must keep its structure from round to round: {error}") from None
    return [_number(caller, "what a round returned", leaf) for leaf in leaves]


def apart_from_none(tree: Any) -> tuple[list[Any], Structure]:
    """`flatten`, to which None alone is nested data without numbers, as it is inside of a container."""
    leaves, structure = flatten((tree,))
    return leaves, structure.children[0]


def pair(returned: Any) -> Any:
    """What a step of scan returned. Raises TypeError unless it is a pair."""
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        of = f" of {len(returned)}" if isinstance(returned, (tuple, list)) else ""
        raise TypeError(f"scan(): step must return a pair (carry, y), got {type(returned).__name__}{of}")
    return returned


def _number(caller: str, what: str, x: Any) -> Any:
    """A number of the state."""
    return x if x.__class__ in _NUMBERS or is_of_batch(x) else number_of(caller, what, x)


_NUMBERS = frozenset({float, Float, Value})


def _bound(name: str, bound: Any) -> Any:
    """A bound of a loop: an int, or a number that a compiler traces."""
    bound = bound if isinstance(bound, int) else number_of("fori_loop", name, bound)
    return bound if is_node(bound) and bound.__class__ is not Value else whole(f"fori_loop(): {name}", bound)


def _length(length: Any) -> int:
    rounds = whole("scan(): length", number_of("scan", "length", length))
    if rounds < 0:
        raise ValueError(f"scan(): length must not be negative, got {rounds}")
    return rounds


def whole(name: str, number: Any) -> int:
    """A number as an int. Raises ValueError, which begins with its `name`, unless it is a whole one."""
    number = number.data if number.__class__ is Value else number
    if isinstance(number, float) and not number.is_integer():
        raise ValueError(f"{name} must be a whole number, got {number!r}")
    return int(number)


def _zeros(samples: Any) -> Any:
    """A sample of zeros, like those of an array without samples."""
    return Float(0.0) if isinstance(samples, list) else np.zeros(samples.shape[1:])


def _check_functions(caller: str, **functions: Any) -> None:
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"{caller}(): {name} must be a function, got {type(function).__name__}")
