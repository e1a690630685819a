"""What Python's statements become in a rewritten function.

Where a condition is a plain bool, each operator does what the statement does. Where it is a `Condition`, both sides run
and `choose` takes, number by number, what the side that counts has left behind.

The names and arguments of the functions for statements are those that malt's converters write into a function.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from math import inf
from types import TracebackType
from typing import Any

from autograd_engine.compiler.statements import indices, iterables, repeat, twins
from autograd_engine.compiler.statements.cases import by_case, by_word
from autograd_engine.compiler.statements.choice import Choice, NothingReturned, Undefined
from autograd_engine.compiler.statements.conditions import Unread, holding, is_certain, known, truth
from autograd_engine.compiler.statements.contents import Contents, check_iterator
from autograd_engine.compiler.statements.indices import contained as contained
from autograd_engine.compiler.statements.indices import exchange as exchange
from autograd_engine.compiler.statements.indices import item as item
from autograd_engine.compiler.statements.memory import target as target
from autograd_engine.compiler.statements.views import view_of
from autograd_engine.compiler.trace.errors import TraceError, line_of, user_line
from autograd_engine.compiler.trace.traced import Condition, context, refusal
from autograd_engine.number_arrays import COMPARISONS, viewed

UndefinedReturnValue = NothingReturned  # the name that malt writes
UNKNOWN = "numbers that are known only when the compiled function is called"
_MANY = 10_000


def if_stmt(
    test: Any,
    body: Callable[[], None],
    orelse: Callable[[], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
    outputs: int,
) -> None:
    """`if test: body() else: orelse()`, where both change the variables `names`; the first `outputs` are read later."""
    condition = truth(test)
    if not isinstance(condition, Condition):
        (body if condition else orelse)()
        return
    before = get_state()

    def side(run: Callable[[], None], holds: bool) -> Sequence[Any]:
        set_state(tuple([known(condition, x, holds) for x in before]))
        run()
        return get_state()[:outputs]

    after = _cond(condition, (body, orelse), side, names, before)
    set_state((*after, *before[outputs:]))
    del after
    twins.settle(before)


def _cond(
    condition: Condition,
    sides: tuple[Callable[[], Any], Callable[[], Any]],
    run: Callable[[Callable[[], Any], bool], Sequence[Any]],
    names: Sequence[str],
    before: Sequence[Any] = (),
) -> tuple[Any, ...]:
    """Both sides of a branch, run by `run`, and the choice between what they give and what they change in place.

    The variables are `before`, for the time after the first side.
    """
    contents = Contents(sides, names)
    results, changes, after = [], [], []
    around = context.twins, context.kept
    context.kept = *context.kept, before, contents.containers
    for side, holds in zip(sides, (True, False)):
        try:
            with holding(condition, holds):
                results.append(run(side, holds))
                context.kept = *context.kept, results[-1]
                twins.spread()
        except TraceError:
            raise
        except RecursionError:
            raise refusal(
                f"{user_line()} ends a recursion by {UNKNOWN}; write a for over a fixed range with a break in it"
            ) from None
        except Exception as error:
            raise refusal(
                f"{line_of(error)} raises {type(error).__name__} ({error}) on one side of the branch at {user_line()}, "
                f"which depends on {UNKNOWN}; compiled code raises nothing, so give a number there, such as nan, and "
                "check it after the call"
            ) from error
        finally:
            changes.append(contents.taken())
            after.append(context.twins)
            context.twins = around[0]
            twins.note()
    context.twins, context.kept = twins.united(around[0], *after), around[1]
    choose = Choice(condition, *changes)
    chosen = tuple([choose(a, b, name) for name, a, b in zip(names, *results)])
    contents.put(choose, *changes)
    twins.note()
    return chosen


def _value(condition: Condition, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() if condition else b()`."""
    [value] = _cond(condition, (a, b), lambda side, holds: (known(condition, side(), holds),), ("the expression",))
    twins.settle()
    return value


def if_exp(test: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() if test else b()`."""
    condition = truth(test)
    if isinstance(condition, Condition):
        return _value(condition, a, b)
    return a() if condition else b()


def and_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() and b()`."""
    return _and(a(), b)


def _and(first: Any, b: Callable[[], Any]) -> Any:
    condition = truth(first)
    if isinstance(condition, Condition):
        return _value(condition, b, lambda: first)
    return b() if condition else first


def or_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() or b()`."""
    first = a()
    condition = truth(first)
    if isinstance(condition, Condition):
        return _value(condition, lambda: first, b)
    return first if condition else b()


def not_(x: Any) -> Any:
    """`not x`."""
    condition = truth(x)
    return ~condition if isinstance(condition, Condition) else not condition


def compare(name: str, a: Any, b: Any) -> Any:
    """`a < b` or the like, by the name of NumPy's function, which would ask arrays of objects for the truth."""
    return by_case(lambda pair: COMPARISONS[name](*[viewed(indices.read(x)) for x in pair]), (a, b))


def same(a: Any, b: Any) -> Any:
    """`a is b`."""
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Condition) and isinstance(y, bool):
            return x if y else ~x
    return by_word(lambda x: by_word(lambda y: x is y, b), a) if a is not b else True


def chain(left: Any, *links: tuple[Callable[[Any, Any], Any], Callable[[], Any]]) -> Any:
    """`left < b() < c()`, with each operand computed once, and none after a comparison that does not hold."""
    (compare, operand), *others = links
    right = operand()
    result = compare(left, right)
    return _and(result, functools.partial(chain, right, *others)) if others else result


def for_stmt(
    iterable: Iterable[Any],
    goes_on: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
    options: dict[str, Any],
) -> None:
    """`for x in iterable: body(x)`, as long as `goes_on()` says that no `break` or `return` has ended it."""
    check_iterator(iterable)
    iterable = indices.live(iterable)
    if _stays_a_loop(iterable, 0, goes_on, body, get_state, set_state, names):
        return
    Unread.check(iterable)
    condition = True if goes_on is None else truth(goes_on())
    unknown = 0
    if condition is False:
        return
    for k, x in enumerate(iterable):
        if isinstance(condition, Condition):
            unknown += not hasattr(iterable, "__len__")  # it may be endless
            if unknown > _MANY:
                raise refusal(
                    f"{user_line()} repeats {_MANY:,} times, and its end depends on {UNKNOWN}; write a for over "
                    "a shorter range"
                )
            if_stmt(condition, functools.partial(body, x), _pass, get_state, set_state, names, len(names))
        else:
            body(x)
        condition = True if goes_on is None else truth(goes_on())
        if condition is False:
            return
        # The others may be alike where the first one is not, in which a variable, a key or an attribute gets a number.
        if k == 0 and _stays_a_loop(iterable, 1, goes_on, body, get_state, set_state, names):
            return
    if isinstance(condition, Condition) and isinstance(iterable, iterables.Items):
        iterable.leave(ended=False)


def _stays_a_loop(
    iterable: Any, first: int, goes_on: Any, body: Any, get_state: Any, set_state: Any, names: Sequence[str]
) -> bool:
    """Record a for, without its `first` rounds, as a loop, if its length is not known, or the function is long and the
    loop has many rounds."""
    unknown = isinstance(iterable, iterables.UnknownRange)
    if not unknown and context.straight == inf:
        return False
    rounds = iterables.rounds_of(iterable, first)
    if rounds is None or not (unknown or (rounds.length or 0) > context.straight):
        return False
    loop = functools.partial(repeat.for_loop, rounds, goes_on, body, get_state, set_state, names)
    if unknown:
        loop()
    elif not _recorded(loop, get_state, set_state):
        return False
    if isinstance(iterable, iterables.Items):
        iterable.leave(ended=goes_on is None)
    return True


def _recorded(loop: Callable[[], None], get_state: Any, set_state: Any) -> bool:
    """Record a loop. Returns False, and changes nothing, where it cannot be one: a straight line may do."""
    before, refused = get_state(), context.refused
    try:
        loop()
    except Exception:
        set_state(before)
        context.refused = refused
        return False
    return True


def _pass() -> None:
    """The other side of a round that may not be run."""


def while_stmt(
    test: Callable[[], Any],
    body: Callable[[], None],
    get_state: Callable[[], Sequence[Any]],
    set_state: Callable[[Sequence[Any]], None],
    names: Sequence[str],
    options: dict[str, Any],
) -> None:
    """`while test(): body()`, as a loop that is recorded as soon as the condition is not known."""
    rounds = 0
    while (condition := truth(test())) is not False:
        if isinstance(condition, Condition):
            repeat.while_loop(test, condition, body, get_state, set_state, names)
            return
        rounds += 1
        if rounds == context.straight:
            loop = functools.partial(repeat.while_loop, test, 1.0, body, get_state, set_state, names)
            if _recorded(loop, get_state, set_state):
                return
        body()


def assert_stmt(test: Any, message: Callable[[], Sequence[Any]]) -> None:
    """`assert test, message`."""
    condition = truth(test)
    if isinstance(condition, Condition):
        raise refusal(
            f"{user_line()} asserts something of {UNKNOWN}; compiled code raises nothing, so check the arguments "
            "before the call, or the result after it"
        )
    if not condition:
        raise AssertionError(*message())


def augmented(name: str, a: Any, x: Any) -> Any:
    """`a += x` or the like, by the name of the function in the module operator: the a after it."""
    change = getattr(operator, name)
    if view_of(a) is None:
        return change(a, x)
    part = target(a)
    part[:] = change(part[:], x)
    return a


def taken(x: Any) -> Any:
    """What a statement takes items from."""
    check_iterator(x)
    return x


def changed() -> None:
    """Let what depends on lists and arrays, that may have been changed as a whole, change with them."""
    indices.renew_views()
    twins.spread()


def caught() -> BaseException | None:
    """The exception that an `except` is about."""
    return sys.exc_info()[1]


def ld(x: Any) -> Any:
    """The value of a variable, which may be undefined."""
    return x.read() if isinstance(x, Undefined) else x


class FunctionScope:
    """The body of a rewritten function."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __enter__(self) -> FunctionScope:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        pass

    def ret(self, result: Any, returned: Any) -> Any:
        """What the function returns; `returned` says whether a `return` was reached."""
        if isinstance(returned, Condition) and not is_certain(returned):
            raise refusal(
                f"{user_line()}: whether {self._function}() returns a result or None depends on {UNKNOWN}; let it "
                "return numbers in every case"
            )
        twins.spread()
        return None if isinstance(result, NothingReturned) else result
