"""What is done with words, by cases: with each thing that a word may be, and then a choice between the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from autograd_engine.compiler.statements.choice import Choice
from autograd_engine.compiler.statements.conditions import compared_in, is_possible, without_not
from autograd_engine.compiler.statements.twins import settle
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import Condition, refusal
from autograd_engine.compiler.trace.words import Word


def by_case(f: Callable[[Any], Any], x: Any) -> Any:
    """`f(x)`, where x may be a word, or a tuple with words in it. Raises TraceError where f fails for one of them."""
    word = _first_word(x)
    if word is None:
        return f(x)
    results = {}
    for code, thing in _possible(word).items():
        try:
            results[code] = by_case(f, _replaced(x, word, thing))
        except TraceError:
            raise
        except Exception as error:
            raise refusal(
                f"{user_line()} raises {type(error).__name__} ({error}) where a word, {word!r}, is {thing!r}; compiled "
                "code raises nothing, so let it do something for each of them"
            ) from error
    if all(isinstance(result, bool) for result in results.values()):
        return word.is_among([code for code, result in results.items() if result])
    (_, found), *others = results.items()
    for code, result in others:
        found = Choice(word.is_among([code]), {}, {})(result, found, "what a word leads to")
    settle()
    return found


def by_word(f: Callable[[Any], Any], x: Any) -> Any:
    """`f(x)`, where x may be a word; what does not look into a tuple need not look for words there."""
    return by_case(f, x) if isinstance(x, Word) else f(x)


def cases(x: Any) -> Iterator[tuple[Any, Any]]:
    """What x may be, by the words in it, and where it is that: True, or a condition."""
    word = _first_word(x)
    if word is None:
        yield x, True
        return
    for code, thing in _possible(word).items():
        is_it = word.is_among([code])
        for of_case, others in cases(_replaced(x, word, thing)):
            yield of_case, others if is_it is True else is_it if others is True else is_it & others


def _possible(word: Word) -> dict[float, Any]:
    """What a word may be, where the conditions around hold; anything where they never do."""
    return {code: thing for code, thing in word.options.items() if _may_be(word, code)} or word.options


def _may_be(word: Word, code: float) -> bool:
    """Whether a word may be the thing with that number, where the conditions around hold."""
    comparisons = {}
    for other in word.options:
        is_other = word.is_among([other])
        if isinstance(is_other, Condition):
            compared, negated = without_not(is_other)
            comparisons[compared_in(compared)] = (other == code) ^ negated
    return word.is_among([code]) is not False and is_possible(comparisons)


def _first_word(x: Any) -> Word | None:
    if isinstance(x, Word):
        return x
    return next(filter(lambda found: found is not None, map(_first_word, x)), None) if type(x) is tuple else None


def _replaced(x: Any, word: Word, thing: Any) -> Any:
    """A tuple with a thing in place of a word."""
    if type(x) is tuple:
        return tuple([_replaced(part, word, thing) for part in x])
    return thing if x is word else x
