"""The entries of one sparse matrix while it is recorded, and which outputs are computed alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.arrays import BatchArray
from autograd_engine.compiler.trace.blocks import Block, BlockArray, Gathering
from autograd_engine.compiler.trace.errors import TraceError, user_line
from autograd_engine.compiler.trace.traced import (
    BROADCAST,
    CONDITIONS,
    DETACHED,
    PRODUCT,
    Batch,
    Condition,
    Traced,
    context,
    inside,
    recorded_again,
)
from autograd_engine.copying import depends_on_a_variable
from autograd_engine.graph import reverse_sweep, topological_order
from autograd_engine.number_arrays import number_array
from autograd_engine.primitives import Primitive, mul, where
from autograd_engine.runs import between, carried, number_of
from autograd_engine.sparsity import Layout
from autograd_engine.structure import flatten, leaves_of

ALIKE = 8
"""Outputs. So many that were computed alike become a batch."""
_CONSTANTS, _SHARED = "constants", "shared"
_NONE = np.zeros(0, dtype=np.int64)


class SparseArray:
    """A sparse matrix of numbers that are unknown while tracing. It can be returned.

    `runs` are the parts of its data: which of the sources they are from (None: all of them, one after another), the
    places there, and where they begin and end. `made` makes the matrix of the data.
    """

    def __init__(self, sources: list[Any], constants: Any, runs: Any, made: Callable[[Any], Any]) -> None:
        self._sources, self._constants, self._runs, self._made = sources, constants, runs, made

    def __parts__(self) -> Any:
        """Its kind, the arrays of numbers in it, and what makes a csr_array of such arrays."""
        return SparseArray, (id(self),), self._of, self._sources

    def _of(self, parts: Sequence[Any]) -> Any:
        shared, *batches = parts
        sources = [self._constants, shared, *[batch.T.ravel() for batch in batches]]
        data = np.empty(self._runs[-1][-1] if self._runs else 0)
        for source, places, start, stop in self._runs:
            numbers = np.concatenate(sources) if source is None else sources[source]
            numbers.take(places, out=data[start:stop], mode="clip")  # which needs no copy, as "raise" does
        return self._made(data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(
            f"{user_line()} uses .{name} of a sparse derivative, which a compiled function can only return; jvp, vjp "
            "and hvp give products with it"
        )


def _operands(node: Traced) -> tuple[Any, ...]:
    """What a node is computed from, also where no derivative goes."""
    return node.arguments or node.expansion or () if node.op is not None else ()


def _asks_for_nan(node: Traced) -> bool:
    """Whether a node is `where(x == x, slope, x)`."""
    condition, _, x = node.arguments
    return (
        isinstance(condition, Condition)
        and condition.op is CONDITIONS["eq"]
        and all(y is x for y in condition.expansion)
    )


def _result(steps: Any, numbers: Sequence[Any]) -> Any:
    """What the steps of a formula make of numbers, recorded again."""
    made: list[Any] = []
    for kind, op, *refs in steps:
        made.append(recorded_again(kind, op, tuple([made[r] if r >= 0 else numbers[-1 - r] for r in refs])))
    return (made or numbers)[-1]


class Matrix:
    """The entries of one sparse matrix while it is recorded."""

    def __init__(self, gathering: Gathering, inputs: Sequence[Any], pattern: Any = None) -> None:
        self.gathering, self.inputs, self.pattern = gathering, inputs, pattern
        self.columns = {x: column for column, x in enumerate(inputs)}
        self.rows = 0
        self.outputs: list[tuple[int, Any]] = []
        self.constants: dict[str, tuple[int, float]] = {}
        self.shared: list[Any] = []
        self.of_batch: dict[Batch, list[Any]] = {}
        # Of groups of entries: rows, columns, where the numbers are from, and their places there.
        self.entries: list[tuple[Any, Any, Any, Any]] = []
        self.depends: set[Any] = set(inputs)
        self.uses: Counter[Any] = Counter()
        # What stands for a node in formulas: for a number times 1, of which the chain rule makes long chains, the
        # number; in a gradient, for a slope that is nan where a value is nan, the slope without that.
        self.same: dict[Any, Any] = {}
        self.seen = 0

    def _look(self) -> None:
        """Note which of the nodes made meanwhile depend on the inputs, and how often others are used."""
        nodes = context.nodes or []
        for node in nodes[self.seen :]:
            if node.op is None or node in self.depends:
                continue
            operands = [x for x in _operands(node) if x.__class__ is not float]
            if self.depends.isdisjoint(operands):
                self.uses.update(operands)
            else:
                self.depends.add(node)
                self.uses.update(x for x in operands if x not in self.depends)
            if node.op is mul and len(operands) == 1 and any(x.__class__ is float and x == 1.0 for x in node.arguments):
                self.same[node] = self.same.get(operands[0], operands[0])
            elif node.op is where and self.pattern is not None and _asks_for_nan(node):
                self.same[node] = self.same.get(node.arguments[1], node.arguments[1])
        self.seen = len(nodes)

    def add_all(self, caller: str, output: Any) -> None:
        """Add rows for the numbers in what a function returned."""
        for leaf in leaves_of(output):
            for part in leaf.parts if isinstance(leaf, BlockArray) else [flatten(leaf)[0]]:
                if not isinstance(part, Block):
                    self.add([number_of(caller, "what the function returned", x) for x in part])
                elif not self.add_block(part):
                    self.add(part.single())

    def add(self, outputs: Sequence[Any]) -> None:
        """Add rows for single numbers."""
        self.outputs += enumerate(outputs, self.rows)
        self.rows += len(outputs)

    def add_block(self, block: Block) -> bool:
        """Add rows for the numbers of a block; false if they have to be added one by one."""
        self._look()
        variables: dict[Traced, Any] = {}
        for number, given in block.gathered.items():
            found = [self.columns.get(x) for x in given]
            if None not in found:
                variables[number] = np.array(found)
            elif any(j is not None for j in found):
                return False
        broadcasts = set(block.batch.broadcasts.values())
        for x in topological_order(block.numbers, stop=broadcasts.union(variables)):
            if x.op is BROADCAST and x.arguments[0] in self.depends:
                if x.arguments[0] not in self.columns:
                    return False
                variables[x] = np.full(block.batch.size, self.columns[x.arguments[0]])
        if len(variables) > 1:
            columns = np.sort(list(variables.values()), axis=0)
            if (columns[1:] == columns[:-1]).any():  # an input twice
                return False
        for k, number in enumerate(block.numbers):
            rows = self.rows + k + len(block.numbers) * np.arange(block.batch.size)
            self._batch(rows, number, variables, block.batch)
        self.rows += block.size
        return True

    def recorded(self, caller: str) -> SparseArray:
        """Record the derivatives."""
        if any(map(depends_on_a_variable, [*self.inputs, *[x for _, x in self.outputs if isinstance(x, Traced)]])):
            raise TypeError(f"{caller}(sparse=True) is a matrix of floats, which cannot be differentiated again")
        self._look()
        # What was computed from other arguments once for many, and not for each.
        self.for_many = {x for x, count in self.uses.items() if count >= ALIKE}
        alike: dict[Any, list[Any]] = {}
        for i, output in self.outputs:
            if self._has_row(output):
                known = not isinstance(self.same.get(output, output), Traced)
                formula, slots = (None, []) if known else self._formula(output)
                alike.setdefault(formula or i, []).append((i, output, slots))
        for formula, members in alike.items():
            if len(members) < ALIKE or not isinstance(formula, tuple) or not self._again(formula[0], members):
                for i, output, slots in members:
                    again = self.pattern is not None and isinstance(formula, tuple)
                    self._row(i, _result(formula[0], slots) if again else output)
        return self._assembled(caller)

    def _has_row(self, output: Any) -> bool:
        """Whether an output has a row of entries."""
        return isinstance(output, Traced) and output in self.depends

    def _formula(self, output: Traced) -> tuple[Any, list[Any]]:
        """The operations that an output is made by, the same for outputs that are computed alike, and what from."""
        refs: dict[Any, int] = {}
        steps: list[Any] = []
        slots: list[Any] = []
        kinds: list[Any] = []
        same, columns = self.same, self.columns
        output = same.get(output, output)
        stack: list[Any] = [output]
        while stack:
            node = stack.pop()
            if node is None:
                node = stack.pop()
                step = [node.__class__, node.op]
                for x in _operands(node):
                    x = same.get(x, x)
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
                operands = [same.get(x, x) for x in reversed(_operands(node))]
                stack += [x for x in operands if x.__class__ is not float and x not in refs]
        return (tuple(steps), tuple(kinds)), slots

    def _row(self, i: int, output: Traced) -> None:
        """Record the derivatives of one output."""
        columns = self.columns
        order = topological_order([output], stop=columns)
        order = between([x for x in order if x in columns], order)
        slopes = carried(reverse_sweep, order, {output: 1.0}, as_nodes=True)
        for x in order:
            if (j := columns.get(x)) is not None and self._is_wanted(i, j):
                slope = slopes.get(x, 0.0)
                if slope.__class__ is float:
                    self._add([i], [j], _CONSTANTS, [self._constant(slope)])
                else:
                    self._add([i], [j], _SHARED, [len(self.shared)])
                    self.shared.append(slope)

    def _is_wanted(self, i: Any, j: Any) -> Any:
        return self.pattern is None or j <= i

    def _again(self, steps: Any, members: Sequence[Any]) -> bool:
        """Record the formula of outputs that are computed alike; false where their inputs cannot be gathered."""
        batch = self.gathering.arrays.batch(len(members))
        batch.fixed = True
        with inside(batch):
            numbers: list[Any] = []
            variables: dict[Any, Any] = {}
            for places in zip(*[slots for *_, slots in members]):
                first = places[0]
                same = first.__class__ is not float and all(x is first for x in places)
                number = batch.broadcast(first) if same else self.gathering.of_samples(places, batch)
                if number is None:
                    return False
                if first in self.columns:
                    variables[number] = np.array([self.columns[x] for x in places])
                numbers.append(number)
            if not any(isinstance(x, Traced) and x.op is None for x in numbers):  # the same numbers for all
                return False
            output = _result(steps, numbers)
        self._batch(np.array([i for i, *_ in members]), output, variables, batch)
        return True

    def _batch(self, rows: Any, output: Traced, variables: dict[Traced, Any], batch: Batch) -> None:
        """Record the derivatives of an output of every sample."""
        order = between(list(variables), topological_order([output], stop=variables))
        with inside(batch):
            slopes = carried(reverse_sweep, order, {output: 1.0}, as_nodes=True)
            for x in order:
                if x in variables:
                    columns, found = variables[x], self.of_batch.setdefault(batch, [])
                    wanted = np.flatnonzero(np.broadcast_to(self._is_wanted(rows, columns), rows.shape))
                    if len(wanted):
                        self._add(rows[wanted], columns[wanted], batch, len(found) * batch.size + wanted)
                        found.append(batch.broadcast(slopes.get(x, 0.0)))

    def _constant(self, x: float) -> int:
        return self.constants.setdefault(x.hex(), (len(self.constants), x))[0]

    def _add(self, rows: Any, columns: Any, source: Any, places: Any) -> None:
        self.entries.append((rows, columns, source, places))

    def _assembled(self, caller: str) -> SparseArray:
        """The matrix of all entries."""
        if self.pattern is not None:
            self._mirror()
        order, made = self._order(caller)
        batches = list(self.of_batch)
        kinds: list[Any] = [_CONSTANTS, _SHARED, *batches]
        sizes = [len(self.constants), len(self.shared), *[b.size * len(self.of_batch[b]) for b in batches]]
        source = np.concatenate([_NONE, *[np.full(len(e[0]), kinds.index(e[2])) for e in self.entries]])[order]
        places = self._joined(3)[order]
        ends = [*(np.flatnonzero(np.diff(source)) + 1).tolist(), len(source)] if len(source) else []
        runs: list[Any] = [(int(source[i]), places[i:j], i, j) for i, j in zip([0, *ends], ends)]
        if len(runs) > len(kinds):
            runs = [(None, places + np.concatenate([[0], np.cumsum(sizes)])[source], 0, len(source))]
        parts = [number_array(numbers, (len(numbers),)) for numbers in [self.shared, *self.of_batch.values()]]
        sources = [parts[0], *[BatchArray(batch, part) for batch, part in zip(batches, parts[1:])]]
        return SparseArray(sources, np.array([x for _, x in self.constants.values()]), runs, made)

    def _order(self, caller: str) -> tuple[Any, Callable[[Any], Any]]:
        """In which order the entries lie in an array of them, and what is made of that array."""
        layout = Layout(caller, self._joined(0), self._joined(1), (self.rows, len(self.inputs)))
        return layout.order, layout.matrix

    def _joined(self, part: int) -> Any:
        return np.concatenate([_NONE, *[entry[part] for entry in self.entries]]).astype(np.int64)

    def _mirror(self) -> None:
        """Add what stands above the diagonal, and zeros for the rest of the pattern; nothing else stays."""
        for rows, columns, source, places in list(self.entries):
            above = np.flatnonzero(np.asarray(rows) != np.asarray(columns))
            if len(above):
                self._add(np.asarray(columns)[above], np.asarray(rows)[above], source, np.asarray(places)[above])
        size = len(self.inputs)
        wanted = np.array([i * size + j for i, row in enumerate(self.pattern) for j in row], dtype=np.int64)
        for k, (rows, columns, source, places) in enumerate(self.entries):
            inside = np.isin(np.asarray(rows) * size + np.asarray(columns), wanted)
            self.entries[k] = np.asarray(rows)[inside], np.asarray(columns)[inside], source, np.asarray(places)[inside]
        missing = np.setdiff1d(wanted, self._joined(0) * size + self._joined(1))
        if len(missing):
            self._add(missing // size, missing % size, _CONSTANTS, np.full(len(missing), self._constant(0.0)))


class Numbers(Matrix):
    """The outputs themselves, while they are recorded."""

    def _has_row(self, output: Any) -> bool:
        return True

    def _row(self, i: int, output: Any) -> None:
        self._add([i], [0], _SHARED, [len(self.shared)])
        self.shared.append(output)

    def _batch(self, rows: Any, output: Traced, variables: dict[Traced, Any], batch: Batch) -> None:
        found = self.of_batch.setdefault(batch, [])
        self._add(rows, np.zeros_like(rows), batch, len(found) * batch.size + np.arange(batch.size))
        found.append(output)

    def _order(self, caller: str) -> tuple[Any, Callable[[Any], Any]]:
        return np.argsort(self._joined(0), kind="stable"), lambda data: data
