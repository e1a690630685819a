"""How sparse derivatives are recorded while a function is traced.

The function is run without loops or batches, as one graph of numbers, and each output has a row: the derivatives with
respect to the inputs that it was computed from, by a sweep over its own part of the graph. Many outputs were computed
alike, from other inputs: the defects of a trajectory at each of its points, say. Such outputs become a batch. Their
formula is recorded and differentiated once, and its inputs are gathered from the arguments (`Gathered`). No colouring
is needed to share sweeps, since each of them visits only what is not zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import ArgumentArray, ArrayTrace, BatchArray
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.recorder import Recorder
from autograd_engine.compiler.trace.traced import (
    CONDITIONS,
    DETACHED,
    PRODUCT,
    Batch,
    Traced,
    context,
    inside,
    recorded_again,
)
from autograd_engine.control_flow import recorder
from autograd_engine.copying import depends_on_a_variable
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.mapping import loop, mapper
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import Primitive, identity
from autograd_engine.runs import Run, between, carried
from autograd_engine.sparsity import Layout, sparse_recorder

ALIKE = 8
"""Outputs. So many that were computed alike become a batch."""

_NONE = np.zeros(0, dtype=np.int64)


@contextmanager
def recording_sparse(arrays: ArrayTrace) -> Iterator[None]:
    """Record the sparse derivatives that are taken in the block."""
    token = sparse_recorder.set(SparseRecorder(arrays))
    try:
        yield
    finally:
        sparse_recorder.reset(token)


class _Unrolled(Recorder):
    """Leaves loops of a known length to Python."""

    def scan(self, *args: Any) -> Any:
        return NotImplemented

    def fori_loop(self, lower: Any, upper: Any, body: Any, init: Any) -> Any:
        known = not isinstance(upper - lower, Traced)
        return NotImplemented if known else super().fori_loop(lower, upper, body, init)


class SparseRecorder:
    """Records the sparse derivatives of one trace; see `sparsity.sparse_recorder`."""

    def __init__(self, arrays: ArrayTrace) -> None:
        self.arrays = arrays
        self.gathered: dict[Any, Gathered] = {}

    @contextmanager
    def unrolled(self, caller: str) -> Iterator[None]:
        """Run what is differentiated as one graph of single numbers, without loops and batches."""
        if context.batch is not None or context.outer:
            raise TraceError(f"{user_line()}: {caller}(sparse=True) cannot be taken inside a vmap or a loop")
        rolls, context.rolls = context.rolls, False
        limited, context.is_limited = context.is_limited, False
        mapped, recorded = mapper.set(loop), recorder.set(_Unrolled(self.arrays))
        try:
            yield
        finally:
            recorder.reset(recorded)
            mapper.reset(mapped)
            context.rolls, context.is_limited = rolls, limited

    def matrix(
        self, caller: str, run: Run, outputs: Sequence[Any], pattern: Sequence[Sequence[int]] | None = None
    ) -> SparseArray:
        """The derivatives of the outputs by the inputs of a run. With the pattern of a Hessian, those below the
        diagonal and on it are computed, and stand for the others too."""
        if any(map(depends_on_a_variable, [*run.inputs, *outputs])):
            raise TypeError(f"{caller}(sparse=True) is a matrix of floats, which cannot be differentiated again")
        return _Matrix(self.arrays, self.gathered, run.inputs, outputs, pattern).recorded(caller)


class SparseArray:
    """A sparse matrix of numbers that are unknown while tracing. It can be returned."""

    def __init__(self, parts: list[Any], constants: Any, source: Any, layout: Layout) -> None:
        self._parts, self._constants, self._source, self._layout = parts, constants, source, layout

    def apart(self) -> Any:
        """Its kind, the arrays of numbers in it, and what makes a csr_array of such arrays."""
        return SparseArray, (id(self),), self._of, self._parts

    def _of(self, parts: Sequence[Any]) -> Any:
        shared, *batches = parts
        numbers = np.concatenate([self._constants, shared, *[batch.T.ravel() for batch in batches]])
        return self._layout.matrix(numbers.take(self._source))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(
            f"{user_line()} uses .{name} of a sparse derivative, which a compiled function can only return; jvp, vjp "
            "and hvp give products with it"
        )


class Gathered(ArgumentArray):
    """Numbers of an argument, picked anew at each call: a row for each number of a sample, a column for each sample."""

    array = None

    def __init__(self, trace: ArrayTrace, source: tuple[Any, ...], batch: Batch) -> None:
        super().__init__(trace, -1 - len(trace.constants), ())
        trace.constants.append(self)
        self.source, self.ndim = source, 2
        self._view, self._batch = trace.view(self.number, 1, batch.size), batch
        self._leaves: dict[bytes, Traced] = {}

    @property
    def plain(self) -> Any:
        """Where the numbers are in the source: an array (rows, samples)."""
        return np.array([np.frombuffer(places, dtype=np.int64) for places in self._leaves])

    def leaf(self, places: Any) -> Traced:
        """The number that the samples have at these places."""
        key = places.tobytes()
        if key not in self._leaves:
            self._leaves[key] = Traced.leaf("sample", self._view, len(self._leaves), batch=self._batch)
        return self._leaves[key]


def _operands(node: Traced) -> tuple[Any, ...]:
    """What a node is computed from, also where no derivative goes."""
    return node.arguments or node.expansion or () if node.op is not None else ()


class _Matrix:
    """The entries of one sparse matrix while it is recorded."""

    def __init__(
        self,
        arrays: ArrayTrace,
        gathered: dict[Any, Gathered],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        pattern: Any,
    ) -> None:
        self.arrays, self.gathered = arrays, gathered
        self.inputs, self.outputs, self.pattern = inputs, outputs, pattern
        self.columns = {x: column for column, x in enumerate(inputs)}
        self.depends: set[Any] = set(inputs)
        uses: Counter[Any] = Counter()
        for node in context.nodes or []:
            operands = [x for x in _operands(node) if x.__class__ is not float]
            if self.depends.isdisjoint(operands):
                uses.update(operands)
            else:
                self.depends.add(node)
                uses.update(x for x in operands if x not in self.depends)
        # What was computed from other arguments once for many, and not for each.
        self.for_many = {x for x, count in uses.items() if count >= ALIKE}
        self.constants: dict[float, int] = {}
        self.shared: list[Any] = []
        self.of_batch: dict[Batch, list[Any]] = {}
        # Of blocks of entries: rows, columns, where the numbers are from, and their places there.
        self.entries: list[tuple[Any, Any, Any, Any]] = []

    def recorded(self, caller: str) -> SparseArray:
        """Record the derivatives."""
        alike: dict[Any, list[tuple[int, list[Any]]]] = {}
        for i, output in enumerate(self.outputs):
            if isinstance(output, Traced) and output in self.depends:
                key, slots = self._formula(output)
                alike.setdefault(key or i, []).append((i, slots))
        for key, members in alike.items():
            if len(members) < ALIKE or not isinstance(key, tuple) or not self._batch(key[0], members):
                for i, _ in members:
                    self._row(i)
        return self._assembled(caller)

    def _formula(self, output: Traced) -> tuple[Any, list[Any]]:
        """The operations that an output is made by, the same for outputs that are computed alike, and what from."""
        refs: dict[Any, int] = {}
        steps: list[Any] = []
        slots: list[Any] = []
        kinds: list[Any] = []
        stack: list[Any] = [output]
        columns = self.columns
        while stack:
            node = stack.pop()
            if node is None:
                node = stack.pop()
                step = [node.__class__, node.op]
                for x in _operands(node):
                    if x.__class__ is float:
                        kinds.append(float)
                        slots.append(x)
                        step.append(-len(slots))
                    else:
                        step.append(refs[x])
                refs[node] = len(steps)
                steps.append(tuple(step))
            elif node not in refs:
                if node in columns or node.op is None or node in self.for_many:
                    slots.append(node)
                    refs[node] = -len(slots)
                    kinds.append(Traced if node in columns else None if node.op is None else node)
                    continue
                op = node.op
                if not (isinstance(op, Primitive) or op is PRODUCT or op is DETACHED or op.name in CONDITIONS):
                    return None, []
                refs[node] = 0
                stack += (node, None)
                stack += [x for x in _operands(node)[::-1] if x.__class__ is not float and x not in refs]
        return ((tuple(steps), len(steps)), tuple(kinds)), slots

    def _row(self, i: int) -> None:
        """Record the derivatives of one output."""
        output, columns = self.outputs[i], self.columns
        order = [x for x in topological_order([output], stop=columns) if x in self.depends]
        slopes = carried(reverse_sweep, order, {output: 1.0}, as_nodes=True)
        for x in order:
            if (j := columns.get(x)) is not None and self._is_wanted(i, j):
                slope = slopes.get(x, 0.0)
                if slope.__class__ is float:
                    self._add([i], [j], float, [self._constant(slope)])
                else:
                    self._add([i], [j], Traced, [len(self.shared)])
                    self.shared.append(slope)

    def _is_wanted(self, i: Any, j: Any) -> Any:
        return self.pattern is None or j <= i

    def _batch(self, formula: Any, members: Sequence[tuple[int, list[Any]]]) -> bool:
        """Record the derivatives of outputs that are computed alike; false where their inputs cannot be gathered."""
        batch = self.arrays.batch(len(members))
        rows = np.array([i for i, _ in members])
        with inside(batch):
            numbers: list[Any] = []
            variables: dict[Any, Any] = {}
            for places in zip(*[slots for _, slots in members]):
                number = self._of_samples(places, batch)
                if number is None:
                    return False
                if places[0] in self.columns:
                    number = Traced(identity, (number,), batch)
                    variables[number] = np.array([self.columns[x] for x in places])
                numbers.append(number)
            steps: list[Any] = []
            for kind, op, *refs in formula[0]:
                arguments = tuple([steps[ref] if ref >= 0 else numbers[-1 - ref] for ref in refs])
                steps.append(recorded_again(kind, op, arguments))
            output = (steps or numbers)[-1]
            order = between(list(variables), topological_order([output], stop=variables))
            slopes = carried(reverse_sweep, order, {output: 1.0}, as_nodes=True)
        batch.fixed = True
        for x in order:
            if x in variables:
                self._column(rows, variables[x], slopes.get(x, 0.0), batch)
        return True

    def _column(self, rows: Any, columns: Any, slope: Any, batch: Batch) -> None:
        """Add the derivatives of many outputs, each with respect to an input."""
        wanted = np.flatnonzero(np.broadcast_to(self._is_wanted(rows, columns), rows.shape))
        if not len(wanted):
            return
        if slope.__class__ is float:
            self._add(rows[wanted], columns[wanted], float, np.full(len(wanted), self._constant(slope)))
            return
        found = self.of_batch.setdefault(batch, [])
        self._add(rows[wanted], columns[wanted], batch, len(found) * batch.size + wanted)
        found.append(batch.broadcast(slope))

    def _of_samples(self, numbers: Sequence[Any], batch: Batch) -> Any:
        """A number of each sample as one of the batch, None if it cannot be."""
        first = numbers[0]
        if first.__class__ is float:
            column = np.array(numbers)
            if len({*column.view(np.int64).tolist()}) == 1:
                return first
            return self.arrays.constant(column).samples(0)[()]
        if all(x is first for x in numbers):
            return batch.broadcast(first)
        leaves = [x.arguments[0] if x in self.columns else x for x in numbers]
        if any(x.__class__ is float or x.op is not None or x.arguments[0] not in ("element", "scalar") for x in leaves):
            return None
        [source, *others] = {x.arguments[:-1] for x in leaves}
        if others:
            return None
        if (source, batch) not in self.gathered:
            self.gathered[source, batch] = Gathered(self.arrays, source, batch)
        return self.gathered[source, batch].leaf(np.array([x.arguments[-1] for x in leaves], dtype=np.int64))

    def _constant(self, x: float) -> int:
        return self.constants.setdefault(x, len(self.constants))

    def _add(self, rows: Any, columns: Any, source: Any, places: Any) -> None:
        self.entries.append((rows, columns, source, places))

    def _assembled(self, caller: str) -> SparseArray:
        """The matrix of all entries."""
        if self.pattern is not None:
            self._mirror()
        batches = list(self.of_batch)
        starts: dict[Any, int] = {float: 0}
        start = len(self.constants)
        for source, size in [(Traced, len(self.shared)), *[(b, b.size * len(self.of_batch[b])) for b in batches]]:
            starts[source] = start
            start += size
        rows, columns = self._joined(0), self._joined(1)
        layout = Layout(caller, rows, columns, (len(self.outputs), len(self.inputs)))
        source = np.concatenate([_NONE, *[starts[source] + np.asarray(places) for *_, source, places in self.entries]])
        parts = [BatchArray(b, number_array(self.of_batch[b], (len(self.of_batch[b]),))) for b in batches]
        shared = number_array(self.shared, (len(self.shared),))
        return SparseArray([shared, *parts], np.array(list(self.constants), dtype=float), source[layout.order], layout)

    def _joined(self, part: int) -> Any:
        return np.concatenate([_NONE, *[entry[part] for entry in self.entries]]).astype(np.int64)

    def _mirror(self) -> None:
        """Add what stands above the diagonal, and zeros for the rest of the pattern."""
        for rows, columns, source, places in list(self.entries):
            above = np.flatnonzero(np.asarray(rows) != np.asarray(columns))
            if len(above):
                self._add(np.asarray(columns)[above], np.asarray(rows)[above], source, np.asarray(places)[above])
        size = len(self.inputs)
        wanted = np.array([i * size + j for i, row in enumerate(self.pattern) for j in row], dtype=np.int64)
        missing = np.setdiff1d(wanted, self._joined(0) * size + self._joined(1))
        if len(missing):
            self._add(missing // size, missing % size, float, np.full(len(missing), self._constant(0.0)))
