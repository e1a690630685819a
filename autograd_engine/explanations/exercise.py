"""exercise: a derivation with some of its numbers left blank, and what a wrong answer shows.

>>> from autograd_engine import Value
>>> t = Value(3.0, "t")
>>> g = t**2 + t**3
>>> g.label = "g"
>>> print(task := exercise(g, t, blanks=1))
Given
  t = 3
  v1 = t² = 9
  v2 = t³ = 27
  g = v1 + v2 = 36
find (A)
  path 1 = ∂g/∂v1 · ∂v1/∂t
         = 1 · 2·t
         = 1 · 6
         = 6
  path 2 = ∂g/∂v2 · ∂v2/∂t
         = 1 · 3·t²
         = 1 · 27
         = 27
  d g/d t = 6 + 27 = (A)
>>> print(task.check({"A": 27}))
(A) 27: wrong: the paths are overwritten instead of accumulated: only the last one counts
0 of 1 right
>>> print(task.check({"A": "2*t + 3*t**2"}))
(A) 2*t + 3*t**2: right
1 of 1 right
>>> task.hint("A"), task.hint("A", 3)
('Add up what comes over all paths', '(A) = 6 + 27')
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from autograd_engine.explanations.chain_rule import Factor, Path, Term, derive
from autograd_engine.explanations.mistakes import close, reason
from autograd_engine.explanations.names import Names, reading_order
from autograd_engine.explanations.notation import text
from autograd_engine.explanations.statements import Readable, Statement, displayed
from autograd_engine.explanations.symbols import Number
from autograd_engine.explanations.tasks import DIGITS, Blank, Task
from autograd_engine.expressions import ExpressionError, parse
from autograd_engine.primitives import as_float
from autograd_engine.value import Value

MOST_NODES = 100

COMMA = "the comma is read as a decimal point"
THOUSANDS = "is this comma one of thousands or of decimals? Leave it out, or write a point"
TUPLE = "write 0.5 with a point; 0,5 is two numbers"

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Mark:
    """The grade of one answer: `remark` names the mistake, where it is a usual one."""

    blank: str
    answer: str
    right: bool
    remark: str

    def __str__(self) -> str:
        verdict = "right" if self.right else "wrong"
        return f"({self.blank}) {self.answer}: {verdict}" + (f": {self.remark}" if self.remark else "")


@dataclass(frozen=True)
class Grade:
    """The marks of all blanks. True where all are right."""

    marks: tuple[Mark, ...]

    @property
    def right(self) -> int:
        """How many are right."""
        return sum(mark.right for mark in self.marks)

    def __bool__(self) -> bool:
        return self.right == len(self.marks)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.marks), f"{self.right} of {len(self.marks)} right"])


@dataclass(frozen=True)
class Exercise(Readable):
    """A derivation with blanks, as plain data that JSON can hold: see `exercise`.

    `text` and `markdown` are the task, `values` the numbers that a formula in an answer may name, and `solution` is
    the derivation without blanks, in Markdown.
    """

    text: str
    markdown: str
    blanks: tuple[Blank, ...]
    values: Mapping[str, float] = field(repr=False)
    solution: str = field(default="", repr=False)

    def check(self, answers: Mapping[str, Any]) -> Grade:
        """Grade the answers by the names of the blanks: numbers, or formulas such as "s2*(1-s2)".

        Three significant digits are enough, and a decimal comma is read as a point. A blank without an answer (missing,
        None or "") is not right. Raises ValueError for a name that no blank has.
        """
        self._check_names(answers.keys())
        return Grade(tuple(self._mark(blank, answers.get(blank.name)) for blank in self.blanks))

    def hint(self, blank: str, step: int = 1) -> str:
        """How to find a number: the first step says what to do, the next ones with which expressions and numbers.

        After the last hint it stays the last. Raises ValueError for a name that no blank has.
        """
        self._check_names({blank})
        [hints] = [one.hints for one in self.blanks if one.name == blank]
        return hints[max(0, min(step, len(hints)) - 1)] if hints else "There is no hint for this one."

    def to_json(self) -> str:
        """The exercise with its answers, for `Exercise.from_json`. The same exercise gives the same text."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, content: str | bytes) -> Exercise:
        """The exercise that `to_json` wrote. Raises ValueError for any other text."""
        try:
            read = json.loads(content)
            blanks = tuple(
                Blank(
                    str(blank["name"]),
                    str(blank["asks_for"]),
                    as_float(blank["answer"]),
                    tuple((str(what), as_float(number)) for what, number in blank["mistakes"]),
                    tuple(map(str, blank.get("hints", ()))),
                    str(blank.get("markdown", "")),
                    tuple(map(str, blank.get("hints_markdown", ()))),
                )
                for blank in read["blanks"]
            )
            values = {str(name): as_float(number) for name, number in read["values"].items()}
            return cls(str(read["text"]), str(read["markdown"]), blanks, values, str(read.get("solution", "")))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"this is not an exercise in JSON: {error!r:.80}") from None

    def to_cells(self) -> list[dict[str, Any]]:
        """Two cells of a notebook (format 4): the task, and code in which to fill in the answers and check them."""
        answers = "".join(f'    "{blank.name}": None,  # {blank.asks_for}\n' for blank in self.blanks)
        packed = base64.b64encode(zlib.compress(self.to_json().encode(), 9)).decode()  # nobody reads answers in it
        code = (
            "import base64, zlib\n"
            "from autograd_engine import Exercise\n\n"
            f'task = Exercise.from_json(zlib.decompress(base64.b64decode("{packed}")))\n'
            f"print(task.check({{\n{answers}}}))\n"
            f'# print(task.hint("{self.blanks[0].name}"))  # what to do; with 2 and 3 it says more'
        )
        return [
            {"cell_type": "markdown", "metadata": {}, "source": self.markdown},
            {"cell_type": "code", "metadata": {}, "source": code, "outputs": [], "execution_count": None},
        ]

    def _check_names(self, names: Iterable[Any]) -> None:
        if unknown := set(names) - {blank.name for blank in self.blanks}:
            known = ", ".join(blank.name for blank in self.blanks)
            raise ValueError(f"there is no blank {', '.join(sorted(map(str, unknown)))}; the blanks are {known}")

    def _mark(self, blank: Blank, answer: Any) -> Mark:
        if answer is None or answer == "":
            return Mark(blank.name, "no answer", False, "")
        try:
            number = self._number(answer)
        except (TypeError, ValueError, OverflowError) as error:
            return Mark(blank.name, f"{answer!s:.60}", False, str(error))
        if close(number, blank.answer):
            return Mark(blank.name, str(answer), True, COMMA if _has_comma(answer) else "")
        return Mark(blank.name, str(answer), False, reason(number, blank.answer, blank.mistakes))

    def _number(self, answer: Any) -> float:
        if isinstance(answer, tuple):
            raise ValueError(TUPLE)
        if not isinstance(answer, str):
            return as_float(answer)
        if _has_comma(answer):
            if _THOUSANDS.fullmatch(answer.strip()):
                raise ValueError(THOUSANDS)
            answer = answer.replace(",", ".")
        expression = parse(answer)
        missing = [name for name in expression.names if name not in self.values]
        if missing:
            raise ExpressionError(f"nothing is called {', '.join(missing)} here; there are {', '.join(self.values)}")
        return as_float(expression(**{name: self.values[name] for name in expression.names}))


def exercise(
    out: Value, wrt: Value, *, blanks: int | None = None, seed: int = 0, names: Mapping[str, Value] | None = None
) -> Exercise:
    """The derivation of d(out)/d(wrt) with some of its numbers left blank.

    The derivative itself is always one of the blanks; the others are local derivatives, products along a path
    and derivatives with respect to nodes in between, drawn by `seed`: the same graph and seed give the same exercise.
    `blanks` is how many, three if it is not given; a short derivation has fewer. `names` calls nodes by other names
    than their labels.

    Raises ValueError where out does not depend on wrt, where the derivation has a number that is not finite or one
    that its formula does not give, as at a tie, or where it is too long to be written down; TypeError unless
    out and wrt are Values.

    >>> x, w = Value(3.0, label="x"), Value(2.0, label="w")
    >>> task = exercise(w * x * x, w, blanks=1)
    >>> print(task)
    Given
      w = 2
      x = 3
      v1 = w·x = 6
      out = v1·x = 18
    find (A)
      d out/d w = ∂out/∂v1 · ∂v1/∂w
                = x · x
                = 3 · 3
                = (A)
    >>> print(task.check({"A": 9}))
    (A) 9: right
    1 of 1 right
    """
    for argument, value in (("out", out), ("wrt", wrt)):
        if not isinstance(value, Value):
            raise TypeError(f"exercise() takes a Value as {argument}, got {type(value).__name__}: {value!r:.60}")
    if isinstance(blanks, bool) or not isinstance(blanks, int | None) or (blanks is not None and blanks < 1):
        raise ValueError(f"blanks is a number of at least 1, got {blanks!r}")
    order = reading_order([out])
    if len(order) > MOST_NODES:
        raise ValueError(f"the graph has {len(order)} nodes, more than {MOST_NODES}: take a smaller one")
    known = Names(order, names)
    known.name(out, "out")
    for node in order:
        known.name(node)
    terms = derive(out, wrt, 1.0, None, known).terms
    if not any(path.factors for path in terms[-1].paths):
        raise ValueError("there is nothing to differentiate: out was not computed from wrt")
    if not all(math.isfinite(step.number) for term in terms for step in _steps(term)):
        raise ValueError("an exercise needs finite numbers, and in this derivation there are others")
    factors = [step for term in terms for step in _steps(term) if isinstance(step, Factor)]
    if special := [factor for factor in factors if factor.special]:
        raise ValueError(f"take another point: at this one {text(special[0].rule[0])} does not give the derivative")
    task = Task(out, terms, known, blanks, seed)
    given = [_given(node, known) for node in order]
    values = {name: node.data for node in order if (name := known.name(node).text).isidentifier()}
    blank = tuple(task.blanks.values())
    return Exercise(task.text(given), task.markdown(given), blank, values, displayed(task.solved()))


def _has_comma(answer: Any) -> bool:
    return isinstance(answer, str) and any(x.fullmatch(answer.strip()) for x in (_DECIMAL_COMMA, _THOUSANDS))


def _steps(term: Term) -> Iterator[Factor | Path | Term]:
    """Everything in a term that has a number."""
    yield term
    yield from term.common
    for path in term.paths:
        yield path
        yield from path.factors


def _given(node: Value, names: Names) -> Statement:
    expression = (names.expression(node),) if node.op else ()
    return Statement(names.name(node), (*expression, Number(node.data, DIGITS)), on_one_line=True)
