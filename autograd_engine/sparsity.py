"""Which derivatives can be other than zero, by structure alone, and sparse matrices of such a pattern.

An output *depends on* an input where a path leads from one to the other. Two inputs *interact* where an operation
that is not linear combines what was computed from them: where a local derivative with respect to one operand changes
with the other (Walther, Computing sparse Hessians with automatic differentiation, ACM TOMS 34, 2008). Neither depends
on the numbers, so a pattern is the same at every point. Entries that happen to be zero are stored.

>>> from autograd_engine.value import Value
>>> x = [Value(2.0), Value(0.0), Value(5.0)]
>>> interacting(x[0] * x[1] + 3 * x[2], x)
[[1], [0], []]
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import product
from typing import Any

import numpy as np

from autograd_engine.calls import Output
from autograd_engine.graph import topological_order
from autograd_engine.number import Operators
from autograd_engine.primitives import where
from autograd_engine.runs import between

sparse_recorder: ContextVar[Any] = ContextVar("sparse_recorder", default=None)
"""What takes sparse derivatives instead: a compiler that traces the function sets it."""


def interacting(output: Any, inputs: Sequence[Any]) -> list[list[int]]:
    """For each input the indices, in ascending order, of those with which it interacts in `output`."""
    columns = {x: column for column, x in enumerate(inputs)}
    order = between(inputs, topological_order([output], stop=columns)) if hasattr(output, "record") else []
    known = set(order)
    pairs = {
        (node.arguments[i], node.arguments[j])
        for node in order
        if node not in columns
        for i, j in _pairs(node.op, len(node.arguments))
        if known.issuperset((node.arguments[i], node.arguments[j]))
    }
    wanted = {x for pair in pairs for x in pair}
    for node in reversed(order):
        if node in wanted and node not in columns:
            wanted.update(node.arguments)
    support: dict[Any, frozenset[int]] = {}  # the columns that a node depends on
    for node in order:
        if node in columns:
            support[node] = frozenset([columns[node]])
        elif node in wanted:
            parts = {support[x] for x in node.arguments if x in known}
            support[node] = next(iter(parts)) if len(parts) == 1 else frozenset().union(*parts)
    rows: list[set[int]] = [set() for _ in inputs]
    for some, others in {(support[x], support[y]) for x, y in pairs}:
        for i in some:
            rows[i] |= others
        for i in others:
            rows[i] |= some
    return [sorted(row) for row in rows]


class _Mark(Operators):
    """Stands for a number in a formula; `of` says which operands it depends on."""

    __slots__ = ("of",)

    def __init__(self, of: frozenset[int]) -> None:
        self.of = of

    @staticmethod
    def record(op: Any, *args: Any) -> _Mark:
        """What an operation makes of marks depends on what they depend on."""
        if op is where and args[0] is _NO_NAN:
            return args[1] if isinstance(args[1], _Mark) else _Mark(frozenset())
        return _Mark(frozenset().union(*[x.of for x in args if isinstance(x, _Mark)]))

    def compare(self, name: str, other: Any) -> _Mark:
        """A comparison is constant but for its jumps; one with itself asks for a nan, which changes no pattern."""
        return _NO_NAN if other is self else _Mark(frozenset())

    def __and__(self, other: Any) -> _Mark:
        return _Mark(frozenset())

    __or__ = __xor__ = __and__


_NO_NAN = _Mark(frozenset())


@functools.lru_cache(maxsize=1024)
def _pairs(op: Any, count: int) -> frozenset[tuple[int, int]]:
    """The pairs of operands that interact in an operation called with `count` of them."""
    if getattr(op, "is_linear", False):
        return frozenset()
    marks = [_Mark(frozenset([i])) for i in range(count)]
    found, known = set(), False
    with suppress(Exception):  # of a rule that needs numbers
        slopes = [] if op.__class__ is Output else op.partials(_Mark(frozenset(range(count))), *marks)
        known = len(slopes) == count and all(isinstance(x, (_Mark, int, float)) for x in slopes)
        for i, slope in enumerate(slopes):
            if isinstance(slope, _Mark):
                found |= {(min(i, j), max(i, j)) for j in slope.of}
    return frozenset(found if known else product(range(count), range(count)))


class Layout:
    """The pattern of a sparse matrix. `matrix(data)` is a scipy.sparse.csr_array whose index arrays are shared.

    They cannot be written to: what changes the pattern of one matrix, such as `eliminate_zeros`, would change all.
    Raises ImportError without SciPy.
    """

    def __init__(self, caller: str, rows: Any, columns: Any, shape: tuple[int, int]) -> None:
        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise ImportError(
                f"{caller}(sparse=True) needs SciPy: pip install scipy, or the extra 'train' of autograd-engine"
            ) from None
        rows, columns = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        self.order = np.lexsort((columns, rows))
        kind = np.int32 if max(len(rows), *shape) < 2**31 else np.int64
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
        self._empty = csr_array((np.zeros(len(rows)), columns[self.order].astype(kind), ends.astype(kind)), shape)
        self._empty.has_canonical_format = True
        self._empty.indices.flags.writeable = self._empty.indptr.flags.writeable = False

    def matrix(self, data: Any) -> Any:
        """The matrix with these numbers, which are in the order of its rows, and there of its columns."""
        made = copy.copy(self._empty)
        made.data = data
        return made


def matrix_of(caller: str, rows: Iterable[dict[int, float]], columns: int) -> Any:
    """The csr_array with these numbers, a dict by columns for each row."""
    rows = list(rows)
    of_row = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    layout = Layout(caller, of_row, [j for row in rows for j in row], (len(rows), columns))
    return layout.matrix(np.array([x for row in rows for x in row.values()], dtype=float)[layout.order])


@contextmanager
def unrolled(caller: str) -> Iterator[Any]:
    """Around a run that is differentiated: what records its sparse derivatives, None where nothing is compiled."""
    compiled = sparse_recorder.get()
    if compiled is None:
        yield None
    else:
        with compiled.unrolled(caller):
            yield compiled
