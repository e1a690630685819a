"""Numbers for the variables of a formula, as on a command line: x=0 y=-pi/2."""

import math
from collections.abc import Mapping, Sequence

from autograd_engine.expressions import Expression, ExpressionError, parse
from autograd_engine.value import Value
from nn.command_line.options import CommandError


def assigned(expression: Expression, assignments: Sequence[str], *, what: str, to: str) -> dict[str, float]:
    """The number of each variable, in the order of the formula.

    Raises CommandError if there is no variable, one has no number or two, or a name is unknown; the message calls
    such a number `what`, and what is done with the formula `to`.
    """
    texts = _texts(expression, assignments, what, to)
    return {name: _evaluated(name, text) for name, text in texts.items()}


def choices(expression: Expression, assignments: Sequence[str], *, what: str, to: str) -> dict[str, list[float]]:
    """The same where each variable has numbers to choose from, with commas between them, as in x=0,pi/2,pi."""
    texts = _texts(expression, assignments, what, to)
    return {name: [_evaluated(name, text) for text in several.split(",")] for name, several in texts.items()}


def _texts(expression: Expression, assignments: Sequence[str], what: str, to: str) -> dict[str, str]:
    if not expression.names:
        raise CommandError(f"the formula {expression.text!r} has no variable, so there is nothing to {to}")
    found: dict[str, str] = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise CommandError(f"{assignment!r} is no {what}; write it as {expression.names[0]}=0")
        if name not in expression.names:
            raise CommandError(f"the formula has no variable {name!r}; it has {', '.join(expression.names)}")
        if name in found:
            raise CommandError(f"{name} has two {what}s")
        found[name] = text
    missing = [name for name in expression.names if name not in found]
    if missing:
        examples = " ".join(f"{name}=0" for name in missing)
        raise CommandError(f"no {what} for {', '.join(missing)}; add one, such as {examples}")
    return {name: found[name] for name in expression.names}


def computed(expression: Expression, leaves: Mapping[str, Value]) -> Value:
    """The formula at the leaves. Raises CommandError if it has no derivative."""
    out = expression(**leaves)
    if not isinstance(out, Value):
        raise CommandError(f"the formula {expression.text!r} is a comparison, which has no derivative")
    return out


def _evaluated(name: str, text: str) -> float:
    """The number in the text, which may be a formula such as pi/2."""
    try:
        number = parse(text)
        value = math.nan if number.names else float(number())
    except ExpressionError:
        value = math.nan
    if not math.isfinite(value):
        raise CommandError(f"{name}={text}: {text!r} is not a finite number")
    return value
