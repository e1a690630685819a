"""A straight line of a program as lines of LLVM IR, and the loops in it.

A loop stands where it is executed, in the same function. What is carried from round to round is in registers; what is
kept of every round goes to a buffer of the loop, which grows with the rounds.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Sequence

from autograd_engine.compiler.llvm.abreast import Abreast, Independent, independent
from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.calls import has_lanes
from autograd_engine.compiler.llvm.helpers import ask
from autograd_engine.compiler.llvm.lanes import Lanes
from autograd_engine.compiler.llvm.layout import STOPPED
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import NO_CODE
from autograd_engine.compiler.llvm.packs import Pack, Place, packing, side_by_side
from autograd_engine.compiler.llvm.stacks import Function, Memory, Operands, Stacks
from autograd_engine.compiler.program.choices import Sides, apart, sides
from autograd_engine.compiler.program.program import OF_BODY, OF_LOOP, Loop, Program, whole_rounds

POLLED = 1 << 17
"""Instructions after which a loop asks whether it should stop: less than a millisecond."""


class Straight(Stacks):
    """The lines of a straight line of instructions."""

    _sides: Sides

    def __init__(self, program: Program, builder: Builder, vectors: range, wide: bool) -> None:
        super().__init__(program, builder, vectors, wide)
        self.lanes = Lanes(self)
        self.special |= {
            "loop": self._loop,
            "result": lambda i, operands: self.names[i],
            "entry": lambda i, operands: self.entry(self.stack(operands[0]), str(self.whole(operands[1]))),
        }

    def operand(self, x: int) -> list[str]:
        """The names of an operand, which may first have to be read."""
        if x < 0:
            return [self.builder.constant(self.program.constants[-1 - x])] * len(self.vectors)
        names = self.names.get(x)
        if names is None:
            names = self.names[x] = [self.lanes.lane(x)] if x in self.lanes.packs else self.read(x)
        return names

    @abstractmethod
    def instruction(self, i: int) -> None:
        """Append the lines of an instruction, and keep its names."""

    def all(self, line: Sequence[int]) -> None:
        """The lines of instructions. What only one side of a choice needs stands where the choice is made."""
        self._sides = sides(self.program, line)
        elsewhere = apart(self._sides)
        for i in line:
            if i not in elsewhere:
                self.instruction(i)

    def compute(self, i: int) -> list[str]:
        """Append the lines of an instruction. Returns its names."""
        operation, operands, _ = self.program.instructions[i]
        if i in self._sides:
            return self._choice(operands, self._sides[i])
        if special := self.special.get(operation):
            return special(i, operands)
        names, builder = self.names, self.builder
        of_vectors = zip(*[names.get(x) or self.operand(x) for x in operands])
        return [lowered(builder, operation, of_vector) for of_vector in of_vectors]

    def _choice(self, operands: Sequence[int], of_sides: tuple[list[int], list[int]]) -> list[str]:
        """A choice whose sides are computed only where they are needed: where some lane chooses them."""
        b, function = self.builder, self.function
        conditions = [lowered(b, "as_bits", [x]) if x[0] != "%" else x for x in self.operand(operands[0])]
        name = f"C{function.number()}"
        others = "true" if self.width == 1 else "splat (i1 true)"
        found = []
        for number, (x, line) in enumerate(zip(operands[1:], of_sides)):
            if not line:
                found.append(self.operand(x))
                continue
            chosen = [b.emit(f"xor {b.bits} {c}, {others}") for c in conditions] if number else conditions
            before, known = function.label, set(self.names)
            b.lines += [
                f"br i1 {self.any(chosen)}, label %{name}.{number}, label %{name}.{number}.end",
                f"{name}.{number}:",
            ]
            function.label = f"{name}.{number}"
            for i in line:
                self.instruction(i)
            names = self.operand(x)
            b.lines += [f"br label %{name}.{number}.end", f"{name}.{number}.end:"]
            found.append([b.emit(f"phi {b.type} [ {x}, %{function.label} ], [ poison, %{before} ]") for x in names])
            function.label = f"{name}.{number}.end"
            for x in self.names.keys() - known:  # what has a name there has none here
                del self.names[x]
        return [self.select(*of_lane) for of_lane in zip(conditions, *found)]

    def _loop(self, i: int, operands: Operands) -> list[str]:
        """All rounds of a loop, and the names of what is taken of it."""
        results = self._results(i)
        rounds = Rounds(self, i, self.program.loops[i])
        rounds.all_rounds(counting=-1 in results.values())
        for result, place in results.items():
            self.names[result] = rounds.passed() if place < 0 else rounds.left(place)
        return []

    def _results(self, loop: int) -> dict[int, int]:
        """What is taken of a loop, and the place of each among what is carried; -1 stands for the number of rounds."""
        found: dict[int, int] = {}
        for x in range(loop + 1, len(self.program.instructions)):
            operation, operands, _ = self.program.instructions[x]
            if operation not in OF_LOOP:
                break
            if operation == "result":
                found[x] = self.whole(operands[1])
        return found

    def largest(self, count: int, counts: list[str], masked: bool) -> str:
        """How many rounds there are, at most if it differs from sample to sample."""
        b = self.builder
        if count < 0:
            return str(whole_rounds(self.program.constants[-1 - count]))
        number = counts[0]
        if masked:
            function = f"@llvm.vector.reduce.fmax.v{self.width}f64"
            b.declarations |= {
                f"declare double {function}({b.type})",
                "declare double @llvm.maxnum.f64(double, double)",
            }
            number, *others = [b.emit(f"call double {function}({b.type} {x})") for x in counts]
            for other in others:
                number = b.emit(f"call double @llvm.maxnum.f64(double {number}, double {other})")
        elif self.wide:
            number = b.emit(f"extractelement {b.type} {number}, i64 0")
        b.declarations |= {"declare i64 @llvm.fptosi.sat.i64.f64(double)", "declare i64 @llvm.smax.i64(i64, i64)"}
        b.declarations.add("declare double @llvm.ceil.f64(double)")
        number = b.emit(f"call double @llvm.ceil.f64(double {number})")  # a round for what is left, as where masked
        whole = b.emit(f"call i64 @llvm.fptosi.sat.i64.f64(double {number})")
        return b.emit(f"call i64 @llvm.smax.i64(i64 {whole}, i64 0)")


class Rounds(Straight):
    """Loop `loop` of the line `outer`, where it is instruction `at`. `index` is the number of the round."""

    def __init__(self, outer: Straight, at: int, loop: Loop) -> None:
        super().__init__(loop.body, outer.builder, outer.vectors, outer.wide)
        self._outer, self._at, self._of, self._name = outer, at, loop, f"L{outer.function.number()}"
        self._count, *others = outer.program.instructions[at].operands
        self._memories = {k: outer.copied(others[k], at, k, n) for k, n in loop.memories.items()}
        self._begins_with = others[: loop.carries]
        self._starts = {k: outer.operand(x) for k, x in enumerate(self._begins_with) if k not in self._memories}
        others = others[loop.carries :]
        self._read, self._captured = others[: loop.stacks], others[loop.stacks :]
        self._stacks = [outer.stack(x) for x in self._read]
        self._from_outside = [outer.stack(x) if outer.is_stack(x) else outer.operand(x) for x in self._captured]
        self._differs: dict[int, bool] = {}
        self._masked = self.wide and (not loop.counted or outer.differs(self._count))
        self._counts = outer.operand(self._count)
        self._goes = [f"%{self._name}.go{v}" for v in self.vectors]
        self._phis: list[tuple[str, str, str, str]] = []
        self._vectors: dict[Pack, str] = {}
        self.index = f"%{self._name}.j"
        self._sides = sides(loop.body, range(len(loop.body.instructions)))
        lanes = 1 if self.wide else self.function.lanes_of_a_vector()
        self._independent = None if self.wide or self.builder.exact else independent(loop, lanes)
        lanes = 1 if self._independent else lanes
        self._packing = packing(loop, self._sides, lanes, has_lanes(self.builder), self._place)
        places = [(loop.kept, at) for at in self._packing.offsets]
        if self._independent and loop.bound is not None:  # all rounds of each number side by side, for vectors
            places = [(1, loop.bound * k) for k in range(loop.kept)]
        self._kept_at = self.function.places[id(loop)] = places

    def _place(self, k: int) -> Place | None:
        """Where a number that the body reads lies, if that can be told."""
        operation, operands, _ = self._outer.program.instructions[self._read[k]]
        if operation == "array":
            array, offset, record = operands
            return (array, record), offset
        if operation == "stack" and not self._stacks[k].of_stacks:
            return (operands[0],), self._stacks[k].offset
        return None

    def all_rounds(self, counting: bool) -> None:
        """The lines of all rounds; with `counting`, also those that count them."""
        b, name, function = self.builder, self._name, self.function
        begins, end, buffer = self._bounds()
        self._bring()
        every = 1 << max(POLLED // max(len(self.program), 1), 1).bit_length()
        first = self._abreast(self._independent, end, buffer, every) if self._independent else "0"
        before = function.label
        b.lines += [f"br label %{name}", f"{name}:"]
        head = len(b.lines)
        masks = self._ask(end, every)
        self._round(masks, begins, buffer, counting)
        phis = [("i64", f"%{name}.j", first, f"%{name}.next"), *self._phis]
        b.lines[head:head] = [
            f"{result} = phi {kind} [ {start}, %{before} ], [ {following}, %{name}.end ]"
            for kind, result, start, following in phis
        ]
        b.lines += [f"br label %{name}.end", f"{name}.end:", f"%{name}.next = add i64 %{name}.j, 1"]
        b.lines += [f"br label %{name}", f"{name}.done:"]
        function.label = f"{name}.done"

    def _bounds(self) -> tuple[list[str], str, str]:
        """Whether there is a first round, or how many there are, and the buffer of what they keep."""
        b, loop = self.builder, self._of
        at = b.emit(f"getelementptr i64, ptr %context, i64 {STOPPED}")
        runs = b.emit(f"icmp eq i64 {b.emit(f'load i64, ptr {at}')}, 0")
        if not loop.counted:
            may = self.function.splat("i1", runs)
            return [b.emit(f"and {b.bits} {lowered(b, 'as_bits', [x])}, {may}") for x in self._counts], "", ""
        largest = self._outer.largest(self._count, self._counts, self._masked)
        end = b.emit(f"select i1 {runs}, i64 {largest}, i64 0")
        if not loop.kept:
            return [], end, ""
        # with room for all that the line may read, even if there are no rounds
        buffer = self._outer.room(self._at, end if loop.bound is None else str(loop.bound), loop.kept)
        return [], b.emit(f"select i1 {b.emit(f'icmp eq ptr {buffer}, null')}, i64 0, i64 {end}"), buffer

    def _bring(self) -> None:
        """Make vectors of numbers from outside, before the loop, and name those that are carried."""
        for k, pack in enumerate(self._packing.carried):
            self.lanes.define(pack, f"%{self._name}.p{k}")
        for xs in itertools.chain(*self._packing.operands.values()):
            if len({*xs}) > 1 and self._are(xs, "captured"):
                of_outer = [self._captured[self._number(x)] for x in xs]
                self.lanes.names[xs] = self._outer.lanes.vector(tuple(of_outer))
        for pack in self._packing.carried:
            places = [self._number(x) for x in pack]
            self._vectors[pack] = self._outer.lanes.vector(tuple([self._begins_with[k] for k in places]))
            for k in places:
                del self._starts[k]

    def _abreast(self, found: Independent, end: str, buffer: str, every: int) -> str:
        """The lines that do many rounds at a time. Returns the first round that is left, which begins with the rest."""
        name, b, loop, function = f"{self._name}w", self.builder, self._of, self.function
        wide, of_body = b.wider(function.lanes_of_a_vector()), (self._stacks, self._from_outside, self._memories)
        kept = [Memory(buffer, *at, wide=False) for at in self._kept_at]
        lines = Abreast(loop, found, name, wide, b, *of_body, kept)
        first, self._starts = lines.all(end, self._starts, function.label, every)
        function.label = f"{name}.left"
        return first

    def _ask(self, end: str, every: int) -> list[str]:
        """The lines that ask whether there is another round. Returns the lanes that have one, as the phis take them."""
        b, name, loop = self.builder, self._name, self._of
        more = b.emit(f"icmp slt i64 %{name}.j, {end}") if loop.counted else self.any(self._goes)
        b.lines += [f"br i1 {more}, label %{name}.ask, label %{name}.done", f"{name}.ask:"]
        ask(b, name, f"%{name}.j", every - 1, "body", "done")
        if loop.backwards:
            self.index = b.emit(f"sub i64 {b.emit(f'sub i64 {end}, 1')}, %{name}.j")
        masks = self._goes
        if self._masked and loop.counted:
            masks = [b.emit(f"fcmp olt {b.type} {x}, {n}") for x, n in zip(self.number(), self._counts)]
        self.masks = self._outer.masks
        if self._masked:
            self.masks = [b.emit(f"and {b.bits} {x}, {y}") for x, y in zip(masks, self.masks)] or masks
        self.function.label = f"{name}.body"
        return masks

    def _round(self, masks: list[str], begins: list[str], buffer: str, counting: bool) -> None:
        """The lines of a round: the body, what it keeps, and what is carried into the next."""
        b, loop, outputs = self.builder, self._of, self.program.outputs
        copies = list(enumerate(outputs[len(outputs) - len(loop.copies) :]))
        early = [(k, x) for k, x in copies if self.program.instructions[x].operation == "carry"]
        self._keep_copies(early)
        self._everything()
        continues = [] if loop.counted else self.operand(outputs[0])
        ends = outputs[not loop.counted :]
        following = {k: self.operand(ends[k]) for k in self._starts}
        for pack, first in self._vectors.items():
            last = self.lanes.vector(tuple([ends[self._number(x)] for x in pack]))
            self._phi(self.lanes.builder(len(pack)).type, self.lanes.names[pack], first, last)
        if kept := ends[loop.carries : loop.carries + loop.kept]:
            self._keep_all(kept, buffer)
        for k, start in self._starts.items():
            for v, carry in zip(self.vectors, self.carry(k)):
                after = following[k][v]
                self._phi(b.type, carry, start[v], self.select(masks[v], after, carry) if self._masked else after)
        if not loop.counted:
            self._go_on(begins, continues, counting)
        self._keep_copies([pair for pair in copies if pair not in early])
        for k, n in loop.memories.items():
            left = self.stack(ends[k])
            if left is not self._memories[k]:
                self.copy(left, self._memories[k], n)

    def _phi(self, kind: str, result: str, first: str, following: str) -> None:
        """What is `first` in the first round, and in others what is `following` in the one before."""
        self._phis.append((kind, result, first, following))

    def _go_on(self, begins: list[str], continues: list[str], counting: bool) -> None:
        """Whether there is another round, in each lane, and how many there were."""
        b, goes = self.builder, self._goes
        for v in self.vectors:
            x = continues[v]
            x = lowered(b, "as_bits", [x]) if x[0] != "%" else x
            self._phi(b.bits, goes[v], begins[v], b.emit(f"and {b.bits} {x}, {goes[v]}") if self._masked else x)
        if counting:
            done = b.emit(f"add i64 %{self._name}.j, 1")
            count = self.function.splat("double", b.emit(f"sitofp i64 {done} to double"))
            for v, passed in zip(self.vectors, self.passed()):
                self._phi(b.type, passed, b.constant(0.0), self.select(goes[v], count, passed))

    def passed(self) -> list[str]:
        """The names of the number of rounds that there were."""
        return [f"%{self._name}.n{v}" for v in self.vectors]

    def _keep_copies(self, copies: Sequence[tuple[int, int]]) -> None:
        """Keep what some stacks hold in a round."""
        b, loop = self.builder, self._of
        for k, x in copies:
            size = loop.copies[k]
            entries = b.emit(f"mul i64 {b.emit(f'add i64 {self.index}, 1')}, {size}")
            address = self._outer.room(self._at, entries, 1, loop.carries + loop.kept + k)
            target = self.stack_of(Memory(address, size, 0, self.wide), self.index)
            self.copy(self.stack(x), target, size, address)

    def _are(self, xs: Pack, operation: str) -> bool:
        return all(x >= 0 and self.program.instructions[x].operation == operation for x in xs)

    def _everything(self) -> None:
        """The lines of the body."""
        elsewhere = apart(self._sides)
        for step in self._packing.steps:
            if isinstance(step, tuple):
                operands = self._packing.operands[step]
                for xs in operands:
                    if xs not in self.lanes.names and side_by_side(self.program, xs, self._place):
                        [address] = self.addresses(self._stacks[self._number(xs[0])], self.index)
                        self.lanes.names[xs] = self.lanes.load(len(xs), address)
                self.lanes.compute(step, operands)
            elif step not in elsewhere:
                self.instruction(step)

    def _keep_all(self, kept: Sequence[int], buffer: str) -> None:
        """Store what is kept of a round: the numbers of a pack at once."""
        b, name = self.builder, self._name
        if not self._of.counted:
            buffer = self._outer.room(self._at, b.emit(f"add i64 %{name}.j, 1"), len(kept))
            missing = b.emit(f"icmp eq ptr {buffer}, null")
            b.lines += [f"br i1 {missing}, label %{name}.done, label %{name}.keep", f"{name}.keep:"]
            self.function.label = f"{name}.keep"
        for places in self._packing.stores:
            xs, memory = tuple([kept[k] for k in places]), Memory(buffer, *self._kept_at[places[0]], self.wide)
            if len(xs) > 1:
                self.lanes.store(xs, self.addresses(memory, self.index)[0])
            else:
                self.keep(memory, self.index, self.operand(xs[0]))

    def left(self, k: int) -> list[str]:
        """The names of a number that is carried, after the last round."""
        for pack in self._packing.carried:
            for x in pack:
                if self._number(x) == k:
                    return [self.lanes.lane(x)]
        return self.carry(k)

    def _number(self, x: int) -> int:
        """Which of what the body gets a number is."""
        return self.program.instructions[x].operands[0]

    @property
    def function(self) -> Function:
        """The function in which the loop stands."""
        return self._outer.function

    def instruction(self, i: int) -> None:
        """Append the lines of an instruction, and keep its names."""
        operation = self.program.instructions[i].operation
        if operation not in NO_CODE and operation not in OF_BODY:
            self.names[i] = self.compute(i)

    def carry(self, k: int) -> list[str]:
        """The names of a number that is carried, at the beginning of a round and after the last."""
        return [f"%{self._name}.c{k}.{v}" for v in self.vectors]

    def number(self) -> list[str]:
        """The number of the round as a double."""
        number = self.builder.emit(f"sitofp i64 {self.index} to double")
        return [self.function.splat("double", number)] * len(self.vectors)

    def read(self, x: int) -> list[str]:
        """The names of what the body gets."""
        operation, operands, _ = self.program.instructions[x]
        if operation == "carry":
            return self.carry(operands[0])
        if operation == "index":
            return self.number()
        if operation == "read":
            return self.entry(self._stacks[operands[0]], self.index)
        names = self._from_outside[operands[0]]
        assert isinstance(names, list)
        return names

    def lies(self, x: int) -> Memory:
        """Where a stack lies, of this body or of the line around the loop."""
        operation, operands, _ = self.program.instructions[x]
        if operation == "carry":
            return self._memories[operands[0]]
        if operation == "read":
            return self.stack_of(self._stacks[operands[0]], self.index)
        if operation != "captured":
            return super().lies(x)
        memory = self._from_outside[operands[0]]
        assert isinstance(memory, Memory)
        return memory

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack, of this body or of the line around the loop."""
        operation, operands, _ = self.program.instructions[x] if x >= 0 else ("", (), 0)
        if operation == "captured":
            return isinstance(self._from_outside[operands[0]], Memory)
        if operation == "carry":
            return operands[0] in self._memories
        if operation == "read":
            return self._stacks[operands[0]].of_stacks
        return super().is_stack(x)

    def differs(self, x: int) -> bool:
        """Whether an operand may differ from sample to sample; what is carried, read or picked is assumed to."""
        if x < 0:
            return False
        operation, operands, _ = self.program.instructions[x]
        if operation == "captured":
            return self._outer.differs(self._captured[operands[0]])
        if operation in _MAY_DIFFER:
            return True
        if x not in self._differs:
            self._differs[x] = operation != "index" and any(map(self.differs, operands))
        return self._differs[x]

    def at(self, x: int) -> str:
        """A whole number that does not differ from sample to sample, as an i64."""
        is_index = x >= 0 and self.program.instructions[x].operation == "index"
        return self.index if is_index else super().at(x)


_MAY_DIFFER = frozenset({"carry", "read", "pick", "entry", "loop", *OF_LOOP})
