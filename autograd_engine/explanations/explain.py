"""explain: how a derivative comes about, in symbols and numbers, on the user's own graph.

>>> from autograd_engine import Value, exp, sin, tanh
>>> x, y = Value(1.5, "x"), Value(0.5, "y")
>>> print(explain(exp(x * y) + sin(x), x))
d out/d x = exp(x·y) · y + cos(x)
          = 2.117 · 0.5 + 0.07074
          = 1.0585 + 0.070737
          = 1.129
>>> print(explain(tanh))
tanh(x): The hyperbolic tangent.
∂tanh(x)/∂x = 1 - tanh(x)²
computed as
  ∂tanh(x)/∂x = 4·exp(2·where(x < 0, x, -x))/(1+exp(2·where(x < 0, x, -x)))²
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args, overload

from autograd_engine import primitives
from autograd_engine.explanations.chain_rule import Form, Path, Term, derive
from autograd_engine.explanations.names import Names, named, reading_order
from autograd_engine.explanations.notation import latex, shortened, text
from autograd_engine.explanations.statements import Line, Readable, Sentence, Statement, derivative, displayed
from autograd_engine.explanations.symbols import Call, Symbol, computed_partials, symbolic_partials
from autograd_engine.explanations.wording import Wording
from autograd_engine.primitives import PRIMITIVES, Primitive, as_float
from autograd_engine.value import Value

READABLE = 100  # longer ways to compute a derivative are not shown
MOST_INPUTS = 12  # that are listed to choose from


@dataclass(frozen=True, eq=False)
class Explanation(Readable):
    """The chain rule of d(out)/d(wrt). `str()` is plain text, `markdown` has formulas, a notebook shows those.

    `number` is the derivative, times the seed. `terms` is what it is made of: see chain_rule.py.
    """

    out: Value
    wrt: Value
    form: Form
    number: float
    terms: tuple[Term, ...]
    heading: tuple[Sentence, ...] = field(repr=False)
    statements: tuple[Line, ...] = field(repr=False)
    notes: tuple[Sentence, ...] = field(repr=False)
    definitions: tuple[Line, ...] = field(repr=False)

    @property
    def paths(self) -> tuple[Path, ...]:
        """What the derivative with respect to `wrt` is the sum of: the paths from nodes whose derivative is known."""
        return self.terms[-1].paths

    @property
    def text(self) -> str:
        """The derivation as plain text."""
        lines = [line.text for line in (*self.heading, *self.statements, *self.notes)]
        if self.definitions:
            lines += ["where", *("  " + line.text.replace("\n", "\n  ") for line in self.definitions)]
        return "\n".join(lines)

    @property
    def markdown(self) -> str:
        """The derivation in Markdown with LaTeX."""
        parts = [line.markdown for line in self.heading]
        parts += [displayed(self.statements), *(note.markdown for note in self.notes)]
        if self.definitions:
            parts += ["where", displayed(self.definitions)]
        return "\n\n".join(parts)


@dataclass(frozen=True)
class Rule(Readable):
    """The rule of a primitive, from its row: the derivative for each input, as in a textbook and as computed."""

    op: Primitive
    call: Symbol
    partials: tuple[Statement, ...]
    computed: tuple[Statement, ...]

    @property
    def text(self) -> str:
        """The rule as plain text."""
        lines = [f"{text(self.call)}: {self.op.doc}", *(partial.text for partial in self.partials)]
        if self.computed:
            lines += ["computed as", *(f"  {partial.text}" for partial in self.computed)]
        return "\n".join(lines)

    @property
    def markdown(self) -> str:
        """The rule in Markdown with LaTeX."""
        parts = [f"${latex(self.call)}$: {self.op.doc}", displayed(self.partials)]
        if self.computed:
            parts += ["computed as", displayed(self.computed)]
        return "\n\n".join(parts)


@overload
def explain(out: Primitive) -> Rule: ...
@overload
def explain(
    out: Value,
    wrt: Value,
    *,
    form: Form | None = None,
    seed: float | None = None,
    names: Mapping[str, Value] | None = None,
    digits: int = 4,
    full: bool = False,
) -> Explanation: ...
def explain(
    out: Value | Primitive,
    wrt: Value | None = None,
    *,
    form: Form | None = None,
    seed: float | None = None,
    names: Mapping[str, Value] | None = None,
    digits: int = 4,
    full: bool = False,
) -> Explanation | Rule:
    """The chain rule of d(out)/d(wrt) on this very graph; of a primitive, its rule.

    Each factor is a local derivative, written with the labels of the nodes and with its number. `form` says how
    the paths from `wrt` to `out` are put together: "paths" is their sum, one product each; "states" a recursion
    by node, d out/d node, as in "dE/dh_j = Σ dE/dh_i f'(z_i) w_ij"; "deltas" the recursion of backpropagation over
    pre-activations, δ_j = h'(z_j) Σ w_kj δ_k. Without it, "paths" where they are few and "deltas" where not: the
    time is in proportion to the graph, never to the number of paths. Nodes of one form are folded.

    `seed` is a derivative dL/d(out) that comes in from above, where `out` is part of something larger. `names`
    calls nodes by other names than their labels, such as `names=model.named_parameters()`. Numbers are shown with
    `digits` significant digits, and more where the result would not come out as printed otherwise; constants in
    formulas have six or `digits`, whichever is more.

    It is written as on a blackboard: signs in front, constants that cancel left out, equal paths together, such as
    4·a³ for a·a·a·a, p - y for softmax with cross-entropy, long lists cut. With `full=True` every factor of every path
    stands there by itself.

    Raises TypeError, which lists the inputs where wrt is missing, unless out and wrt are Values, and ValueError for
    another form or fewer than one digit.

    >>> x, w = Value(0.25, label="x"), Value(2.0, label="w")
    >>> print(explain((w * x).sigmoid() * x, x))
    d out/d x = σ(w·x) + x · σ(w·x)(1-σ(w·x)) · w
              = 0.6225 + 0.25 · 0.235 · 2
              = 0.6225 + 0.1175
              = 0.74
    """
    if wrt is None and (op := _row(out)):
        return _rule(op)
    if not isinstance(out, Value):
        raise TypeError(f"explain() takes a Value as out, got {type(out).__name__}: {out!r:.60}")
    if wrt is None:
        raise TypeError(f"explain(out, wrt) takes one node as wrt, such as an input of out: {_inputs(out, names)}")
    if not isinstance(wrt, Value):
        raise TypeError(f"explain() takes a Value as wrt, got {type(wrt).__name__}: {wrt!r:.60}")
    if form not in (None, *get_args(Form)):
        raise ValueError(f"form is one of {', '.join(get_args(Form))}, got {form!r}")
    if digits < 1:
        raise ValueError(f"digits is at least 1, got {digits}")
    known = Names(reading_order([out, wrt]), names, digits)
    known.name(out, "out")
    derivation = derive(out, wrt, 1.0 if seed is None else as_float(seed), form, known, full)
    wording = Wording(out, wrt, derivation, known, seed, digits, full)
    statements = tuple(wording.statements())
    return Explanation(
        out,
        wrt,
        derivation.form,
        derivation.terms[-1].number,
        derivation.terms,
        wording.heading,
        statements,
        wording.notes,
        tuple(wording.definitions()),
    )


def _inputs(out: Value, names: Mapping[str, Value] | None) -> str:
    """The leaves of a graph by name, some of them where they are many."""
    order = reading_order([out])
    known = Names(order, names)
    known.name(out, "out")
    first, left_out, last = shortened([known.name(node).text for node in order if node.op is None], MOST_INPUTS)
    return ", ".join([*first, *([f"… ({left_out:,} more) …"] if left_out else []), *last])


def _row(thing: object) -> Primitive | None:
    """The row of a primitive, or of one of the functions that take sequences."""
    if isinstance(thing, Primitive):
        return thing
    return PRIMITIVES[thing.__name__] if thing in (primitives.sum, primitives.prod, primitives.dot) else None


def _rule(op: Primitive) -> Rule:
    inputs = list(inspect.signature(op).parameters)
    if op.arity is None:
        inputs = ["x1", "x2", "y1", "y2"] if op.name == "dot" else ["x1", "x2", "x3"]
    symbols = list(map(named, inputs))
    call = Call(op, tuple(symbols))

    def statements(partials: tuple[Symbol, ...]) -> tuple[Statement, ...]:
        return tuple(Statement(derivative(call, x, local=True), (partial,)) for x, partial in zip(symbols, partials))

    textbook = statements(symbolic_partials(op, call, symbols))
    computed = statements(computed_partials(op, call, symbols))
    different = zip(textbook, computed)
    return Rule(op, call, textbook, tuple(b for a, b in different if a.text != b.text and len(b.text) <= READABLE))
