"""A reader of what is printed. It computes with the text alone and knows nothing of what the text was made from."""

import math
import re

import autograd_engine
from autograd_engine import PRIMITIVES, Value

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
SIGNS = str.maketrans({"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "·": "*", "^": "**", "½": "0.5"})
RELATIONS = {"≤": "<=", "≥": ">=", "≠": "!=", " = ": " == ", "[": "holds(", "]": ")"}
FUNCTIONS = {
    **{op.symbol if op.symbol.isalpha() else op.name: op for op in PRIMITIVES.values()},
    **{f"{stem}{m}": PRIMITIVES[f"{stem}{m}"] for stem in PRIMITIVES.families for m in range(1, 5)},
    **{"max": autograd_engine.maximum, "min": autograd_engine.minimum, "where": autograd_engine.where},
    **{"Number": Value, "holds": lambda condition: Value(float(bool(condition)))},
}
CONSTANTS = {"π": math.pi, "inf": math.inf, "nan": math.nan}


def evaluated(written, numbers):
    """The value of an expression as it is printed: powers are raised, and what stands beside each other multiplied."""
    names = {name: Value(number) for name, number in {**CONSTANTS, **numbers}.items()}
    python = _with_brackets_for_bars(written)
    for sign, meaning in RELATIONS.items():
        python = python.replace(sign, meaning)
    python = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: f"^({power[0].translate(SUPERSCRIPTS)})", python)
    python = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[-+]\d+)?)", r"Number(\1)", python.translate(SIGNS)).replace(
        ")(", ")*("
    )
    python = re.sub(r"([^\W\d]\w*)\(", lambda found: f"{found[1]}*(" if found[1] in names else found[0], python)
    result = eval(python, FUNCTIONS, names)
    return result.data if isinstance(result, Value) else float(result)


def _with_brackets_for_bars(written):
    """|x| as abs(x): a bar opens where no operand has ended before it."""
    python, *rest = written.split("|")
    for part in rest:
        opens = python.rstrip()[-1:] in ("", *"([,·+-/^<>=≤≥≠⌊⌈")
        python += ("abs(" if opens else ")") + part
    return python


def chained(written, numbers, strong_zero=False):
    """The value of a sum of products of a chain rule, in which zero may win against anything."""
    total = None
    written = _with_brackets_for_bars(written)
    for sign, term in _split(" + " + written, (" + ", " - ")):
        product = 1.0
        for _, factor in _split(" · " + term, (" · ",)):
            whole = factor.startswith("(") and factor.endswith(")") and not _split(factor[1:-1], (")",))
            number = chained(factor[1:-1], numbers, strong_zero) if whole else evaluated(factor, numbers)
            product = 0.0 if strong_zero and not (product and number) else product * number
        product = product if sign == " + " else -product
        total = product if total is None else total + product
    return total


def _split(written, signs):
    """The parts before which one of these signs stands outside of all brackets, each with its sign."""
    parts, depth, start = [], 0, 0
    for found in re.finditer("|".join(map(re.escape, (*signs, *"()[]"))), written):
        if depth == 0 and found[0] in signs:
            if parts:
                parts[-1][1] = written[start : found.start()]
            parts.append([found[0], ""])
            start = found.end()
        else:
            depth += (found[0] in "([") - (found[0] in ")]")
    if parts:
        parts[-1][1] = written[start:]
    return parts


def statements(written):
    """The statements of a derivation: what stands left, and each right side with its sign, = or ≈."""
    lines = []
    for line in written.splitlines():
        if (re.match(r" +(?![=≈ ]|and \d)", line) and lines) or re.match(r" +[=≈] ", line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    for line in lines:
        left, *_ = re.split(" [=≈] ", line, maxsplit=1)
        rights = _split(line[len(left) :], (" = ", " ≈ "))
        if rights:
            yield left.strip(), [(sign.strip(), right) for sign, right in rights]
