"""A straight line of a program as lines of LLVM IR, and the loops in it.

A loop stands where it is executed, in the same function. What is carried from round to round is in registers; what is
kept of every round goes to a buffer of the loop, which grows with the rounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.layout import PYTHON, RAISED, STOPPED
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import NO_CODE
from autograd_engine.compiler.program.program import OF_BODY, STACKS, Loop, Program, whole_rounds

INTERRUPTED, OUT_OF_MEMORY = 1, 2
"""What STOPPED says after a signal handler has raised an exception, and where a buffer could not grow."""

POLLED = 1 << 17
"""Instructions after which a loop asks whether it should stop: less than a millisecond."""

ROOM = f"""\
define internal ptr @room(ptr %cell, i64 %bytes, ptr %context) {{
%size_at = getelementptr i64, ptr %cell, i64 1
%size = load i64, ptr %size_at
%buffer = load ptr, ptr %cell
%enough = icmp uge i64 %size, %bytes
br i1 %enough, label %there, label %grow
there:
ret ptr %buffer
grow:
%twice = mul i64 %size, 2
%much = icmp ugt i64 %twice, %bytes
%larger = select i1 %much, i64 %twice, i64 %bytes
%grown = call ptr @realloc(ptr %buffer, i64 %larger)
%none = icmp eq ptr %grown, null
br i1 %none, label %failed, label %done
done:
store ptr %grown, ptr %cell
store i64 %larger, ptr %size_at
ret ptr %grown
failed:
%stopped = getelementptr i64, ptr %context, i64 {STOPPED}
store i64 {OUT_OF_MEMORY}, ptr %stopped
ret ptr null
}}"""
"""The buffer in a cell, an address and a size in bytes, with room for so many bytes."""


ASK = f"""\
define internal i1 @ask(ptr %context) {{
%ensure_at = getelementptr i64, ptr %context, i64 {PYTHON}
%check_at = getelementptr i64, ptr %context, i64 {PYTHON + 1}
%fetch_at = getelementptr i64, ptr %context, i64 {PYTHON + 2}
%release_at = getelementptr i64, ptr %context, i64 {PYTHON + 3}
%ensure = load ptr, ptr %ensure_at
%check = load ptr, ptr %check_at
%fetch = load ptr, ptr %fetch_at
%release = load ptr, ptr %release_at
%stopped_at = getelementptr i64, ptr %context, i64 {STOPPED}
%type = getelementptr i64, ptr %context, i64 {RAISED}
%value = getelementptr i64, ptr %context, i64 {RAISED + 1}
%traceback = getelementptr i64, ptr %context, i64 {RAISED + 2}
%state = call i32 %ensure()
%result = call i32 %check()
%fine = icmp eq i32 %result, 0
br i1 %fine, label %done, label %raised
raised:
call void %fetch(ptr %type, ptr %value, ptr %traceback)
store i64 {INTERRUPTED}, ptr %stopped_at
br label %done
done:
call void %release(i32 %state)
%stopped = load i64, ptr %stopped_at
%stops = icmp ne i64 %stopped, 0
ret i1 %stops
}}"""
"""Whether loops should end, after Python's signal handlers have run."""


@dataclass
class Memory:
    """Where a stack lies: the address, how many doubles from entry to entry, how many to the first.

    It is `wide` if it has an entry for each sample of a block.
    """

    address: str
    record: int
    offset: int
    wide: bool


class Function(Protocol):
    """What a straight line needs of the function in which it stands."""

    label: str

    def number(self) -> int:
        """A number that no other loop of the function has."""

    def cell(self, program: Program, i: int) -> str:
        """The address of the cell of the buffer of an instruction."""

    def splat(self, kind: str, scalar: str) -> str:
        """A scalar in all lanes."""


class Straight(ABC):
    """The lines of a straight line of instructions.

    What an instruction computes has a name for each vector of a block; what is shared has the same for all.
    """

    def __init__(self, program: Program, builder: Builder, vectors: range, wide: bool) -> None:
        self.program, self.builder, self.vectors, self.wide = program, builder, vectors, wide
        self.width = builder.width
        self.unit = self.width * len(vectors) if wide else 1
        self.names: dict[int, list[str]] = {}

    @property
    @abstractmethod
    def function(self) -> Function:
        """The function in which the line stands."""

    @abstractmethod
    def read(self, x: int) -> list[str]:
        """The names of a number from outside of the line."""

    @abstractmethod
    def differs(self, x: int) -> bool:
        """Whether an operand may differ from sample to sample."""

    def stack(self, x: int) -> Memory:
        """Where a stack lies."""
        operation, operands, _ = self.program.instructions[x]
        loop, place = (x, 0) if operation == "table" else (operands[0], self._whole(operands[1]))
        record = 1 if operation == "table" else self.program.loops[loop].kept
        cell = self.function.cell(self.program, loop)
        return Memory(self.builder.emit(f"load ptr, ptr {cell}"), record, place, self.wide)

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack."""
        return x >= 0 and self.program.instructions[x].operation in STACKS

    def operand(self, x: int) -> list[str]:
        """The names of an operand, which may first have to be read."""
        if x < 0:
            return [self.builder.constant(self.program.constants[-1 - x])] * len(self.vectors)
        names = self.names.get(x)
        if names is None:
            names = self.names[x] = self.read(x)
        return names

    def compute(self, i: int) -> list[str]:
        """Append the lines of an instruction. Returns its names."""
        operation, operands, _ = self.program.instructions[i]
        if operation == "loop":
            self._loop(i, self.program.loops[i])
            return []
        if operation == "result":
            return self.names[i]
        if operation == "table":
            self._table(i, operands)
            return []
        if operation == "entry":
            return self.entry(self.stack(operands[0]), str(self._whole(operands[1])))
        of_vectors = zip(*[self.operand(x) for x in operands])
        return [lowered(self.builder, operation, of_vector) for of_vector in of_vectors]

    def entry(self, stack: Memory, index: str) -> list[str]:
        """An entry of a stack."""
        if stack.wide:
            addresses = self._addresses(stack, index)
            return [self.builder.emit(f"load {self.builder.type}, ptr {address}, align 8") for address in addresses]
        at = self.builder.emit(f"mul i64 {index}, {stack.record}")
        at = self.builder.emit(f"add i64 {at}, {stack.offset}")
        address = self.builder.emit(f"getelementptr double, ptr {stack.address}, i64 {at}")
        number = self.builder.emit(f"load double, ptr {address}, align 8")
        return [self.function.splat("double", number)] * len(self.vectors)

    def _addresses(self, stack: Memory, index: str) -> list[str]:
        """The addresses of an entry of a stack of this line, one for each vector."""
        row = self.builder.emit(f"mul i64 {index}, {stack.record * self.unit}")
        first = [stack.offset * self.unit + v * self.width for v in self.vectors]
        indices = [self.builder.emit(f"add i64 {row}, {offset}") for offset in first]
        return [self.builder.emit(f"getelementptr double, ptr {stack.address}, i64 {at}") for at in indices]

    def _keep(self, stack: Memory, index: str, names: list[str]) -> None:
        for address, name in zip(self._addresses(stack, index), names):
            self.builder.lines.append(f"store {self.builder.type} {name}, ptr {address}, align 8")

    def _whole(self, x: int) -> int:
        """A constant operand that is a whole number."""
        return int(self.program.constants[-1 - x])

    def _room(self, i: int, entries: str, record: int) -> str:
        """The address of the buffer of an instruction, with room for so many entries."""
        b = self.builder
        b.declarations |= {ROOM, "declare ptr @realloc(ptr, i64)"}
        b.symbols.add("realloc")
        size = b.emit(f"mul i64 {entries}, {8 * record * self.unit}")
        return b.emit(f"call ptr @room(ptr {self.function.cell(self.program, i)}, i64 {size}, ptr %context)")

    def _table(self, i: int, numbers: tuple[int, ...]) -> None:
        """Store given numbers as a stack."""
        b, label = self.builder, f"T{self.function.number()}"
        names = [self.operand(x) for x in numbers]
        address = self._room(i, str(len(numbers)), 1)
        missing = b.emit(f"icmp eq ptr {address}, null")
        b.lines += [f"br i1 {missing}, label %{label}, label %{label}.fill", f"{label}.fill:"]
        for place, of_number in enumerate(names):
            self._keep(Memory(address, 1, 0, self.wide), str(place), of_number)
        b.lines += [f"br label %{label}", f"{label}:"]
        self.function.label = label

    def _loop(self, i: int, loop: Loop) -> None:
        """All rounds of a loop."""
        b, function, vectors = self.builder, self.function, self.vectors
        name = f"L{function.number()}"
        count, *others = self.program.instructions[i].operands
        starts, others = [self.operand(x) for x in others[: loop.carries]], others[loop.carries :]
        rounds = Rounds(self, loop, name, others[: loop.stacks], others[loop.stacks :])
        masked = self.wide and (not loop.counted or self.differs(count))
        counts = self.operand(count)
        at = b.emit(f"getelementptr i64, ptr %context, i64 {STOPPED}")
        runs = b.emit(f"icmp eq i64 {b.emit(f'load i64, ptr {at}')}, 0")
        end, buffer, begins = "", "", []
        if loop.counted:
            largest = self._largest(count, counts, masked)
            end = b.emit(f"select i1 {runs}, i64 {largest}, i64 0")
            if loop.kept:  # with room for a known number of rounds even if there are none: the line may read entries
                buffer = self._room(i, largest if count < 0 else end, loop.kept)
                end = b.emit(f"select i1 {b.emit(f'icmp eq ptr {buffer}, null')}, i64 0, i64 {end}")
        else:
            may = function.splat("i1", runs)
            begins = [b.emit(f"and {b.bits} {lowered(b, 'as_bits', [x])}, {may}") for x in counts]
        before = function.label
        b.lines += [f"br label %{name}", f"{name}:"]
        head, phis = len(b.lines), [f"%{name}.j = phi i64 [ 0, %{before} ], [ %{name}.next, %{name}.end ]"]

        def phi(kind: str, result: str, start: str, following: str) -> None:
            phis.append(f"{result} = phi {kind} [ {start}, %{before} ], [ {following}, %{name}.end ]")

        goes = [f"%{name}.go{v}" for v in vectors]
        more = b.emit(f"icmp slt i64 %{name}.j, {end}") if loop.counted else self._any(goes)
        b.lines += [f"br i1 {more}, label %{name}.ask, label %{name}.done", f"{name}.ask:"]
        every = 1 << max(POLLED // max(len(loop.body), 1), 1).bit_length()
        turn = b.emit(f"and i64 %{name}.j, {every - 1}")
        asks = b.emit(f"icmp eq i64 {turn}, {every - 1}")
        b.lines += [f"br i1 {asks}, label %{name}.poll, label %{name}.body", f"{name}.poll:"]
        b.declarations.add(ASK)
        stops = b.emit("call i1 @ask(ptr %context)")
        b.lines += [f"br i1 {stops}, label %{name}.done, label %{name}.body", f"{name}.body:"]
        rounds.index = f"%{name}.j"
        if loop.backwards:
            rounds.index = b.emit(f"sub i64 {b.emit(f'sub i64 {end}, 1')}, %{name}.j")
        masks = goes
        if masked and loop.counted:
            index = rounds.number()
            masks = [b.emit(f"fcmp olt {b.type} {x}, {n}") for x, n in zip(index, counts)]
        function.label = f"{name}.body"
        rounds.all()
        outputs = [rounds.operand(x) for x in loop.body.outputs]
        continues, following, kept = [], outputs[: loop.carries], outputs[loop.carries :]
        if not loop.counted:
            continues, following, kept = outputs[0], outputs[1 : 1 + loop.carries], outputs[1 + loop.carries :]
        if kept:
            if not loop.counted:
                buffer = self._room(i, b.emit(f"add i64 %{name}.j, 1"), loop.kept)
                missing = b.emit(f"icmp eq ptr {buffer}, null")
                b.lines += [f"br i1 {missing}, label %{name}.done, label %{name}.keep", f"{name}.keep:"]
            for place, names in enumerate(kept):
                self._keep(Memory(buffer, loop.kept, place, self.wide), rounds.index, names)
        for k, (start, names) in enumerate(zip(starts, following)):
            for v in vectors:
                carry = rounds.carry(k)[v]
                after = self._select(masks[v], names[v], carry) if masked else names[v]
                phi(b.type, carry, start[v], after)
        if not loop.counted:
            zero, done = b.constant(0.0), b.emit(f"add i64 %{name}.j, 1")
            passed = function.splat("double", b.emit(f"sitofp i64 {done} to double"))
            for v in vectors:
                x = continues[v]
                x = lowered(b, "as_bits", [x]) if x[0] != "%" else x
                phi(b.bits, goes[v], begins[v], b.emit(f"and {b.bits} {x}, {goes[v]}") if masked else x)
                phi(b.type, f"%{name}.n{v}", zero, self._select(goes[v], passed, f"%{name}.n{v}"))
        b.lines[head:head] = phis
        b.lines += [f"br label %{name}.end", f"{name}.end:", f"%{name}.next = add i64 %{name}.j, 1"]
        b.lines += [f"br label %{name}", f"{name}.done:"]
        function.label = f"{name}.done"
        for result in range(i + 1, len(self.program.instructions)):
            operation, operands, _ = self.program.instructions[result]
            if operation not in ("result", "stack"):
                break
            if operation == "result":
                place = self._whole(operands[1])
                self.names[result] = [f"%{name}.n{v}" for v in vectors] if place < 0 else rounds.carry(place)

    def _largest(self, count: int, counts: list[str], masked: bool) -> str:
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

    def _any(self, conditions: list[str]) -> str:
        """Whether a condition holds in any lane."""
        if not self.wide:
            return conditions[0]
        b, kind = self.builder, f"i{self.width}"
        bits = [b.emit(f"bitcast {b.bits} {x} to {kind}") for x in conditions]
        some = bits[0]
        for other in bits[1:]:
            some = b.emit(f"or {kind} {some}, {other}")
        return b.emit(f"icmp ne {kind} {some}, 0")

    def _select(self, condition: str, x: str, y: str) -> str:
        b = self.builder
        return b.emit(f"select {b.bits} {condition}, {b.type} {x}, {b.type} {y}")


class Rounds(Straight):
    """The body of a loop. `index` is the number of the round."""

    def __init__(self, outer: Straight, loop: Loop, name: str, stacks: Sequence[int], captured: Sequence[int]) -> None:
        super().__init__(loop.body, outer.builder, outer.vectors, outer.wide)
        self._outer, self._name, self._captured = outer, name, captured
        self._stacks = [outer.stack(x) for x in stacks]
        self._from_outside = [outer.stack(x) if outer.is_stack(x) else outer.operand(x) for x in captured]
        self.index = ""

    @property
    def function(self) -> Function:
        """The function in which the loop stands."""
        return self._outer.function

    def all(self) -> None:
        """The lines of all instructions."""
        for i, (operation, _, _) in enumerate(self.program.instructions):
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

    def stack(self, x: int) -> Memory:
        """Where a stack lies, of this body or of the line around the loop."""
        operation, operands, _ = self.program.instructions[x]
        if operation != "captured":
            return super().stack(x)
        memory = self._from_outside[operands[0]]
        assert isinstance(memory, Memory)
        return memory

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack, of this body or of the line around the loop."""
        operation, operands, _ = self.program.instructions[x] if x >= 0 else ("", (), 0)
        if operation == "captured":
            return isinstance(self._from_outside[operands[0]], Memory)
        return super().is_stack(x)

    def differs(self, x: int) -> bool:
        """Whether an operand may differ from sample to sample; all but constants of the body are assumed to."""
        operation, operands, _ = self.program.instructions[x] if x >= 0 else ("", (), 0)
        return x >= 0 and (operation != "captured" or self._outer.differs(self._captured[operands[0]]))
