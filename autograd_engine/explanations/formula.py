"""formula: the expression that a Value is the result of.

>>> from autograd_engine import Value, exp, sin
>>> x, y = Value(1.5, "x"), Value(0.5, "y")
>>> print(formula(exp(x * y) + (x + y) * sin(x)))
exp(x·y) + (x+y)·sin(x)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from autograd_engine.explanations.names import Names, called, reading_order
from autograd_engine.explanations.notation import latex, shortened, text
from autograd_engine.explanations.statements import Folded, Line, Readable, Statement, displayed, wrapped
from autograd_engine.explanations.symbols import Number, Symbol
from autograd_engine.graph import topological_order
from autograd_engine.value import Value

LONGEST = 24  # operations in one expression
SHARED = 2  # operations that are named once instead of being written at each use
MOST_DEFINITIONS = 20


@dataclass(frozen=True, eq=False)
class Formula(Readable):
    """An expression: `str()` is plain text, `latex` for math mode, `markdown` what a notebook shows.

    `definitions` say what the names stand for that parts of it were given, because they occur more than once or
    it would be too long.
    """

    value: Value
    expression: Symbol = field(repr=False)
    definitions: tuple[Line, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """The expression, and under it what its names stand for."""
        lines = [wrapped(text(self.expression), 0)]
        if self.definitions:
            lines += ["where", *("  " + line.text.replace("\n", "\n  ") for line in self.definitions)]
        return "\n".join(lines)

    @property
    def latex(self) -> str:
        """The expression alone."""
        return latex(self.expression)

    @property
    def markdown(self) -> str:
        """The expression, and under it what its names stand for, in Markdown with LaTeX."""
        parts = [f"$$\n{self.latex}\n$$"]
        if self.definitions:
            parts += ["where", displayed(self.definitions)]
        return "\n\n".join(parts)


def formula(value: Value, *, expand: bool = True, names: Mapping[str, Value] | None = None) -> Formula:
    """The expression of a Value in the labels of its leaves, with as few parentheses as it takes.

    With `expand=False` labelled results stay names too, and are defined under the expression. `names` calls nodes
    by other names than their labels, and these stay names in any case. What occurs twice is named once, and so is
    what is too long: the time is in proportion to the graph. Raises TypeError unless `value` is a Value.

    >>> q = Value(2.0, "x") + Value(3.0, "y")
    >>> q.label = "q"
    >>> print(formula(q * Value(4.0, "z")))
    (x+y)·z
    >>> print(formula(q * Value(4.0, "z"), expand=False))
    q·z
    where
      q = x + y = 5
    """
    if not isinstance(value, Value):
        raise TypeError(f"formula() takes a Value, got {type(value).__name__}: {value!r:.60}")
    order = topological_order([value])
    known = Names(reading_order([value]), names)
    kept = set((names or {}).values()) if expand else {node for node in order if node in known}
    named = _named(order, kept)
    named.discard(value)

    def mention(x: object) -> Symbol:
        if not isinstance(x, Value):
            return Number(x)  # type: ignore[arg-type]  # an argument is a Value or a float
        return known.name(x) if x.op is None or x in named else expression(x)

    def expression(node: Value) -> Symbol:
        return called(node, tuple(map(mention, node.arguments))) if node.op else known.name(node)

    def definition(node: Value) -> Statement:
        return Statement(known.name(node), (expression(node), Number(node.data, 4)), on_one_line=True)

    whole = expression(value)
    first, left_out, last = shortened([node for node in order if node in named], MOST_DEFINITIONS)
    lines: list[Line] = list(map(definition, first))
    if left_out:
        lines.append(Folded(left_out, "definitions", ()))
    return Formula(value, whole, (*lines, *map(definition, last)))


def _named(order: list[Value], kept: set[Value]) -> set[Value]:
    """The results that stand as names: those that are kept, are shared or would be too long."""
    uses = Counter(parent for node in order for parent in node.parents)
    named: set[Value] = set()
    sizes: dict[Value, int] = {}
    for node in order:
        size = 1 + sum(sizes[parent] for parent in node.parents) if node.op else 0
        if node.op and (node in kept or size > LONGEST or (uses[node] > 1 and size >= SHARED)):
            named.add(node)
            size = 0
        sizes[node] = size
    return named
