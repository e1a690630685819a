"""Program -> Program: constants, neutral elements, common subexpressions, dead code, fused multiply-adds.

Instructions are simplified as they are emitted, and what is emitted twice is kept once. The exact mode does only what
keeps every bit (NaNs count as equal). The default mode also contracts x*y + z to one rounding, and returns x for
x + 0.0, which differs only in the sign of a zero.

The default mode also leaves out the strong zero of the chain rule. Without it a result is either the same or NaN, as
long as no condition depends on a product of the chain rule; where one does, the strong zero stays. So if the results
of such a program hold a NaN, the caller runs the program with all strong zeros (`guarded`) instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from autograd_engine.compiler.program.bodies import Body
from autograd_engine.compiler.program.program import (
    CONDITIONS,
    FROM_OUTSIDE,
    OF_LOOP,
    REDUCTIONS,
    SHARED,
    STACKS,
    Instruction,
    Loop,
)
from autograd_engine.compiler.program.regions import readers
from autograd_engine.compiler.program.rules import RULES, Infinities, bits_of, counting
from autograd_engine.primitives import PRIMITIVES

_TWINS = {"sin": "cos", "cos": "sin"}
_CONNECTIVES = frozenset({"and", "or", "xor", "not"})
_COMMUTATIVE = frozenset({"add", "mul", "product0", "and", "or", "xor", "eq", "ne"})


class Simplifier:
    """Takes instructions one after another; `emit` returns the operand that stands for the result."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self.operations: list[str] = []
        self.operands: list[tuple[int, ...]] = []
        self.batches: list[int] = []
        self.constants: list[float] = []
        self._known: dict[Any, int] = {}
        self._conditions: set[int] = set()  # the instructions whose result is a condition
        self.infinities = Infinities()
        self._stacks: set[int] = set()  # those from outside that stand for a stack
        self.of_stacks: set[int] = set()  # what loops keep of stacks: in every round one
        self.loops: dict[int, Body] = {}

    def constant(self, x: float) -> int:
        """The operand of a constant, a negative number. Looked up by bits, since 0.0 == -0.0 and nan != nan."""
        key = bits_of(x)
        operand = self._known.get(key)
        if operand is None:
            self.constants.append(x)
            operand = self._known[key] = -len(self.constants)
        return operand

    def leaf(self, kind: str, source: tuple[int, ...], batch: int, is_stack: bool = False) -> int:
        """An instruction that reads a number from outside, or stands for a stack there."""
        operand = self.instruction(kind, source, batch)
        if is_stack:
            self._stacks.add(operand)
        return operand

    def over_samples(self, operation: str, x: int, size: Callable[[], int]) -> int:
        """The sum of x over the samples of a batch, whose number `size` returns, or the largest or smallest."""
        x = self.as_number(x)
        if self._batch(x) == SHARED:
            return self.emit("mul", (x, size())) if operation == "batch_sum" else x
        return self.instruction(operation, (x,), SHARED)

    def emit(self, operation: str, operands: tuple[int, ...]) -> int:
        """The operand that stands for an operation on other operands."""
        if operation in _CONNECTIVES:
            operands = tuple([self.as_condition(x) for x in operands])
        elif operation == "where":
            operands = (self.as_condition(operands[0]), self.as_number(operands[1]), self.as_number(operands[2]))
        elif operation == "checked":
            index, size, site, condition = operands
            index, condition = self.as_number(index), self.as_condition(condition)
            site = self._known.setdefault(("checked", index, size, condition), site)  # the first that would complain
            operands = index, size, site, condition
        elif not self._conditions.isdisjoint(operands):
            operands = tuple([self.as_number(x) for x in operands])
        rule = RULES.get(operation)
        if rule is not None:
            result: int | None = rule(self, *operands)
            if result is not None:
                return result
        elif operands and max(operands) < 0:
            return self.constant(float(PRIMITIVES[operation].forward(*map(self.value, operands))))
        if operation in _COMMUTATIVE and operands[0] > operands[1]:
            operands = operands[::-1]
        return self.instruction(operation, operands)

    def loop(self, operands: tuple[int, ...], body: Body, batch: int | None) -> int:
        """A loop. No two of them are taken for the same."""
        operand = self.apart("loop", operands, batch)
        self.loops[operand] = body
        return operand

    def apart(self, operation: str, operands: tuple[int, ...], batch: int | None = None) -> int:
        """An operation of which no two are taken for the same."""
        self._known.pop((operation, operands), None)
        return self.instruction(operation, operands, batch)

    def of_loop(self, operation: str, loop: int, place: int, batch: int | None) -> int:
        """A result or a stack of a loop."""
        return self.instruction(operation, (loop, self.constant(float(place))), batch)

    def table(self, numbers: list[int]) -> int:
        """A stack of given numbers: an array where it lies, if these are elements of one."""
        sources = [self.operands[x] for x in numbers if self.is_a(x, "element")]
        if len(sources) == len(numbers) > 1:
            (array, first), (_, second) = sources[:2]
            record = second - first
            if record > 0 and sources == [(array, first + i * record) for i in range(len(numbers))]:
                return self.leaf("array", (array, first, record), SHARED)
        return self.instruction("table", tuple(numbers))

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack, not a number."""
        return x >= 0 and (self.operations[x] in STACKS or x in self._stacks)

    def numbered(self, kind: str, outputs: list[int]) -> list[int]:
        """The instructions of a kind that outputs depend on, which are numbered anew."""
        uses = self.uses(outputs)
        used = [i for i, operation in enumerate(self.operations) if operation == kind and uses[i]]
        for number, i in enumerate(used):
            self.operands[i] = (number,)
        return used

    def as_number(self, x: int) -> int:
        """A condition as 1.0 or 0.0."""
        return self.instruction("as_number", (x,)) if x in self._conditions else x

    def output(self, x: int) -> int:
        """The operand to return for x: a number, and in the default mode x for x + 0.0."""
        x = self.as_number(x)
        if not self.exact and self.is_a(x, "add"):
            for a, b in (self.operands[x], self.operands[x][::-1]):
                if a < 0 and self.value(a) == 0:
                    return b
        return x

    def finished(
        self, outputs: list[int], guarded: bool, flags: bytearray | None = None
    ) -> tuple[list[Instruction], list[int], dict[int, Loop]]:
        """The instructions that `outputs` depend on, renumbered; the outputs, and after them the numbers that are nan
        where guards were missed; and the loops among the instructions."""
        emitted = self.operations, self.operands
        self.operations, self.operands = list(self.operations), list(self.operands)
        try:
            if not guarded:
                outputs = self._leave_out_guards(outputs, flags)
            if not self.exact:
                self._contract(outputs)
            return self._in_order(outputs, guarded)
        finally:
            self.operations, self.operands = emitted

    def _in_order(self, outputs: list[int], guarded: bool) -> tuple[list[Instruction], list[int], dict[int, Loop]]:
        order = self._order(outputs)
        if self.loops:
            order = self._with_results(order)
        moved = dict(zip(order, range(len(order))))
        moved_operands = [
            self.operands[i]
            if self.operations[i] in FROM_OUTSIDE
            else tuple([x if x < 0 else moved[x] for x in self.operands[i]])
            for i in order
        ]
        rows = zip([self.operations[i] for i in order], moved_operands, [self.batches[i] for i in order])
        loops = {moved[i]: body.finished(guarded) for i, body in self.loops.items() if i in moved}
        return list(map(Instruction._make, rows)), [x if x < 0 else moved[x] for x in outputs], loops

    def _with_results(self, order: list[int]) -> list[int]:
        """The order with the results of each loop next to it, which they are computed with."""
        results: dict[int, list[int]] = {i: [] for i in order if self.operations[i] == "loop"}
        for i in order:
            if self.operations[i] in OF_LOOP:
                results[self.operands[i][0]].append(i)
        rest = [i for i in order if self.operations[i] not in OF_LOOP]
        return [x for i in rest for x in (i, *results.get(i, ()))]

    def _order(self, outputs: list[int]) -> list[int]:
        """The instructions that the outputs depend on, each after its operands."""
        uses = self.uses(outputs)
        if max(self.batches, default=SHARED) == SHARED:
            return self._with_twins(uses)
        order: list[int] = []
        done = bytearray(len(uses))
        read_before = readers(self.operations, self.operands)
        stack = [x for x in reversed(outputs) if x >= 0]
        while stack:
            i = stack.pop()
            if i < 0:
                order.append(-1 - i)
            elif not done[i]:
                done[i] = 1
                stack.append(-1 - i)
                if self.operations[i] not in FROM_OUTSIDE:
                    stack += [x for x in reversed(self.operands[i]) if x >= 0 and not done[x]]
                    stack += [x for x in read_before.get(i, ()) if uses[x] and not done[x]]
        return order

    def _with_twins(self, uses: list[int]) -> list[int]:
        """The used instructions in the order of emission, except that sine and cosine of a number stand together.

        A program often waits for its sine. Computed there, the cosine, which a derivative needs much later, is free.
        """
        order: list[int] = []
        placed = bytearray(len(uses))
        for i, used in enumerate(uses):
            if used and not placed[i]:
                order.append(i)
                twin = self._known.get((_TWINS.get(self.operations[i]), self.operands[i]), i)
                if twin > i and uses[twin]:
                    order.append(twin)
                    placed[twin] = 1
        return order

    def uses(self, outputs: list[int]) -> list[int]:
        """How often each instruction is used by what the outputs depend on."""
        uses = [0] * len(self.operations)
        for x in outputs:
            if x >= 0:
                uses[x] += 1
        for i in range(len(uses) - 1, -1, -1):
            if uses[i] and self.operations[i] not in FROM_OUTSIDE:
                for x in self.operands[i]:
                    if x >= 0:
                        uses[x] += 1
        return uses

    def _contract(self, outputs: list[int]) -> None:
        """Compute x*y + z with one rounding, if nothing else needs x*y."""
        uses = self.uses(outputs)
        for i, operation in enumerate(self.operations):
            if not uses[i] or operation not in ("add", "sub", "batch_sum"):
                continue
            if operation == "batch_sum":
                [x] = self.operands[i]
                if self._single_product(x, uses, self.batches[x]):
                    self.operands[i] = self.operands[x]
                continue
            a, b = self.operands[i]
            if self._single_product(b, uses, self.batches[i]):
                self.operations[i] = "fma" if operation == "add" else "fnma"
                self.operands[i] = (*self.operands[b], a)
            elif self._single_product(a, uses, self.batches[i]):
                self.operations[i] = "fma" if operation == "add" else "fms"
                self.operands[i] = (*self.operands[a], b)

    def _single_product(self, x: int, uses: list[int], batch: int) -> bool:
        return x >= 0 and self.operations[x] == "mul" and uses[x] == 1 and self.batches[x] == batch

    @property
    def has_guards(self) -> bool:
        """Whether `finished` leaves anything out of the program unless it is `guarded`."""
        return (
            "product0" in self.operations
            or bool(self._waiting_slopes())
            or any(body.simplifier.has_guards for body in self.loops.values())
        )

    def _waiting_slopes(self) -> dict[int, int]:
        """The slopes that wait for a sum over samples only to be nan where a result of it is, such as those of a mean,
        each with what it is otherwise."""
        instead: dict[int, int] = {}
        if REDUCTIONS.keys().isdisjoint(self.operations):
            return instead
        wheres = [i for i, operation in enumerate(self.operations) if operation == "where"]
        guards = {i for i in wheres if self.batches[i] == SHARED and self._is_guarded_by(*self.operands[i])}
        waits = set[int]()
        for i in self._up_to(guards):
            if self.operations[i] in REDUCTIONS or not waits.isdisjoint(self.operands[i]):
                waits.add(i)
                if i in guards:
                    slope = instead.get(self.operands[i][1], self.operands[i][1])
                    if slope not in waits:
                        instead[i] = slope
                        waits.remove(i)
        return instead

    def _is_guarded_by(self, condition: int, slope: int, out: int) -> bool:
        """Whether a choice makes a slope nan where the result of an operation is."""
        compares = self.is_a(condition, "eq") and self.operands[condition] == (out, out)
        return compares and self.operations[out] not in REDUCTIONS.keys() | OF_LOOP

    def _up_to(self, ends: Collection[int]) -> list[int]:
        """What instructions are computed from, and these, in order; of what is reduced over samples, the result."""
        found, stack = set[int](), [*ends]
        while stack:
            i = stack.pop()
            if i >= 0 and i not in found and self.operations[i] not in FROM_OUTSIDE:
                found.add(i)
                stack += () if self.operations[i] in REDUCTIONS else self.operands[i]
        return sorted(found)

    def _leave_out_guards(self, outputs: list[int], flags: bytearray | None) -> list[int]:
        """Use the plain product in the chain rule where no condition depends on it, and slopes that wait for a result
        without looking at it. Returns the outputs, which may have become other operands, and then these results, in
        which the caller looks for nan."""
        instead = self._waiting_slopes()
        if instead:
            watched = dict.fromkeys([self.operands[i][2] for i in instead])
            for i, (operation, operands) in enumerate(zip(self.operations, self.operands)):
                if operation not in FROM_OUTSIDE and not instead.keys().isdisjoint(operands):
                    self.operands[i] = tuple([instead.get(x, x) for x in operands])
            outputs = [*[instead.get(x, x) for x in outputs], *watched]
        decisive = self.decisive(outputs) if flags is None else flags
        for i, operation in enumerate(self.operations):
            if operation == "product0" and not decisive[i]:
                self.operations[i], self.operands[i] = self._plain_product(*self.operands[i])
        return outputs

    def decisive(self, outputs: Sequence[int], roots: Sequence[int] = ()) -> bytearray:
        """A flag for each instruction: whether a condition on which outputs depend, or one of the roots, depends on it.

        Slopes of means count as they are without their guards.
        """
        flags, needed = bytearray(len(self.operations)), bytearray(len(self.operations))
        waiting = self._waiting_slopes()
        for x in outputs:
            if x >= 0:
                needed[x] = 1
        for i in range(len(needed) - 1, -1, -1):
            if needed[i] and self.operations[i] not in FROM_OUTSIDE:
                for x in self.operands[i][1:2] if i in waiting else self.operands[i]:
                    if x >= 0:
                        needed[x] = 1
        for x in roots:
            if x >= 0:
                flags[x] = 1
        results: dict[int, set[tuple[str, int]]] = {i: set() for i in self.loops}
        for i in range(len(flags) - 1, -1, -1):
            operation = self.operations[i]
            if not needed[i]:
                continue
            if operation == "loop":
                on_the_way: Sequence[int] = self.loops[i].decisive(self.operands[i], results[i])
            elif not flags[i] and operation not in CONDITIONS and operation != "checked":
                continue
            elif operation in OF_LOOP:
                loop, place = self.operands[i]
                results[loop].add((operation, int(self.value(place))))
                continue
            else:
                on_the_way = () if operation in FROM_OUTSIDE else self.operands[i]
            for x in on_the_way:
                if x >= 0:
                    flags[x] = 1
        return flags

    def _plain_product(self, x: int, y: int) -> tuple[str, tuple[int, ...]]:
        """The operation and the operands to use for x * y."""
        for a, b in ((x, y), (y, x)):
            if self.is_a(b, "sign") and self.is_a(self.operands[b][0], "relu"):
                out = self.operands[b][0]  # 0 or nan where it is not above 0, as is the slope
                return "where", (self._known["gt", (out, self.constant(0.0))], a, out)
        for a, b in ((x, y), (y, x)):
            if self.infinities.spoil(self, b, a):
                return "mul", (a, counting(self, b, a))
        return "mul", (x, y)

    def instruction(self, operation: str, operands: tuple[int, ...], batch: int | None = None) -> int:
        """The operand of an operation to which no rules apply; its batch is that of the operands if none is given."""
        key = (operation, operands)
        operand = self._known.get(key)
        if operand is None:
            if batch is None:
                batch = SHARED
                for x in operands:
                    if x >= 0 and self.batches[x] > batch:
                        batch = self.batches[x]
            operand = self._known[key] = len(self.operations)
            self.operations.append(operation)
            self.operands.append(operands)
            self.batches.append(batch)
            if operation in CONDITIONS:
                self._conditions.add(operand)
            if not self.exact:
                self.infinities.note(self, operand, operation, operands)
        return operand

    def as_condition(self, x: int) -> int:
        """A number as a condition: whether it is not 0."""
        if x < 0:
            return self.constant(float(self.value(x) != 0))
        return x if x in self._conditions else self.instruction("as_bits", (x,))

    def value(self, x: int) -> float:
        """The number of a constant operand."""
        return self.constants[-1 - x]

    def _batch(self, x: int) -> int:
        return SHARED if x < 0 else self.batches[x]

    def is_a(self, x: int, operation: str) -> bool:
        """Whether an operand is the result of this operation."""
        return x >= 0 and self.operations[x] == operation
