"""Stacks of numbers in memory, in the lines of LLVM IR of a program: made, read, changed.

In a loop over samples a stack is `wide` if it has an entry for each sample of a block. An index that is the same for
all of them then stands for a piece of memory; one that differs, for a place in each lane.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Protocol

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.helpers import FAULTY, ROOM, clear_doubles, copy_doubles
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.program.program import CHANGES, STACKS, Program
from autograd_engine.compiler.trace.stacks import LONG_TABLE

Operands = tuple[int, ...]


@dataclass
class Memory:
    """Where a stack lies: the address, how many doubles from entry to entry, how many to the first.

    It is `wide` if it has an entry for each sample of a block. A stack of stacks has them one after the other.
    """

    address: str
    record: int
    offset: int
    wide: bool
    of_stacks: bool = False


class Function(Protocol):
    """What a straight line needs of the function in which it stands."""

    label: str
    places: dict[int, Sequence[tuple[int, int]]]
    """How far what loops keep of a round is from the next round's, and where the first is, by id of the loop."""

    def number(self) -> int:
        """A number that no other loop of the function has."""

    def lanes_of_a_vector(self) -> int:
        """How many numbers a vector holds."""

    def cell(self, program: Program, i: int, place: int = -1) -> str:
        """The address of the cell of the buffer of an instruction, or of its carry in a place."""

    def splat(self, kind: str, scalar: str) -> str:
        """A scalar in all lanes."""


class Stacks(ABC):
    """What a straight line of instructions does with stacks.

    What an instruction computes has a name for each vector of a block; what is shared has the same for all.
    """

    def __init__(self, program: Program, builder: Builder, vectors: range, wide: bool) -> None:
        self.program, self.builder, self.vectors, self.wide = program, builder, vectors, wide
        self.width = builder.width
        self.unit = self.width * len(vectors) if wide else 1
        self.names: dict[int, list[str]] = {}
        self.masks: list[str] = []  # the lanes for which the line counts, if not for all
        self.special: dict[str, Callable[[int, Operands], list[str]]] = {  # what has not one lowering for a vector
            "table": self._table,
            "zeros": self._zeros,
            "pick": self._pick,
            "checked": self._checked,
            "put": self._changed,
            "add_at": self._changed,
            "add_all": self._added,
        }

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

    @abstractmethod
    def operand(self, x: int) -> list[str]:
        """The names of an operand."""

    def stack(self, x: int) -> Memory:
        """Where a stack lies."""
        return self.lies(self.root(x))

    def lies(self, x: int) -> Memory:
        """Where a stack lies that has not become what it is by changes."""
        operation, operands, _ = self.program.instructions[x]
        record, offset, cell = 1, 0, ""
        if operation == "stack":
            loop, offset = self.program.loops[operands[0]], self.whole(operands[1])
            record = loop.kept
            if offset >= record:
                cell = self.function.cell(self.program, operands[0], loop.carries + offset)
                address = self.builder.emit(f"load ptr, ptr {cell}")
                return Memory(address, loop.copies[offset - record], 0, self.wide, of_stacks=True)
            record, offset = self.function.places[id(loop)][offset]
            cell = self.function.cell(self.program, operands[0])
        elif operation == "memory":
            cell = self.function.cell(self.program, operands[0], self.whole(operands[1]))
        else:
            cell = self.function.cell(self.program, x)
        return Memory(self.builder.emit(f"load ptr, ptr {cell}"), record, offset, self.wide)

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack."""
        return x >= 0 and self.program.instructions[x].operation in STACKS

    def entry(self, stack: Memory, index: str) -> list[str]:
        """An entry of a stack."""
        if stack.wide:
            return self._loaded(self.addresses(stack, index))
        at = self.builder.emit(f"mul i64 {index}, {stack.record}")
        at = self.builder.emit(f"add i64 {at}, {stack.offset}")
        address = self.builder.emit(f"getelementptr double, ptr {stack.address}, i64 {at}")
        number = self.builder.emit(f"load double, ptr {address}, align 8")
        return [self.function.splat("double", number)] * len(self.vectors)

    def _loaded(self, addresses: list[str]) -> list[str]:
        return [self.builder.emit(f"load {self.builder.type}, ptr {address}, align 8") for address in addresses]

    def addresses(self, stack: Memory, index: str) -> list[str]:
        """The addresses of an entry of a stack of this line, one for each vector."""
        row = self.builder.emit(f"mul i64 {index}, {stack.record * self.unit}")
        first = [stack.offset * self.unit + v * self.width for v in self.vectors]
        indices = [self.builder.emit(f"add i64 {row}, {offset}") for offset in first]
        return [self.builder.emit(f"getelementptr double, ptr {stack.address}, i64 {at}") for at in indices]

    def at(self, x: int) -> str:
        """A whole number that does not differ from sample to sample, as an i64."""
        if x < 0:
            return str(self.whole(x))
        [name, *_], b = self.operand(x), self.builder
        if self.width > 1:
            name = b.emit(f"extractelement {b.type} {name}, i64 0")
        return b.emit(f"fptosi double {name} to i64")

    def gathered(self, addresses: str) -> str:
        """The numbers at the addresses in the lanes of a vector."""
        b, width = self.builder, self.width
        if width == 1:
            return b.emit(f"load double, ptr {addresses}, align 8")
        if width >= 4:
            function, pointers = f"@llvm.masked.gather.v{width}f64.v{width}p0", f"<{width} x ptr>"
            b.declarations.add(f"declare {b.type} {function}({pointers}, i32, {b.bits}, {b.type})")
            all_lanes = f"{b.bits} splat (i1 true), {b.type} poison"
            return b.emit(f"call {b.type} {function}({pointers} {addresses}, i32 8, {all_lanes})")
        gathered = "poison"
        for lane in range(width):
            pointer = b.emit(f"extractelement <{width} x ptr> {addresses}, i64 {lane}")
            number = b.emit(f"load double, ptr {pointer}, align 8")
            gathered = b.emit(f"insertelement {b.type} {gathered}, double {number}, i64 {lane}")
        return gathered

    def keep(self, stack: Memory, index: str, names: list[str]) -> None:
        """Store an entry of a stack of this line."""
        for address, name in zip(self.addresses(stack, index), names):
            self.builder.lines.append(f"store {self.builder.type} {name}, ptr {address}, align 8")

    def whole(self, x: int) -> int:
        """A constant operand that is a whole number."""
        return int(self.program.constants[-1 - x])

    def room(self, i: int, entries: str, record: int, place: int = -1) -> str:
        """The address of the buffer of an instruction, or of its carry in a place, with room for so many entries."""
        b = self.builder
        b.declarations |= {ROOM, "declare ptr @realloc(ptr, i64)"}
        b.symbols.add("realloc")
        size = b.emit(f"mul i64 {entries}, {8 * record * self.unit}")
        return b.emit(f"call ptr @room(ptr {self.function.cell(self.program, i, place)}, i64 {size}, ptr %context)")

    def _table(self, i: int, numbers: Operands) -> list[str]:
        """Store given numbers as a stack."""
        b, label = self.builder, f"T{self.function.number()}"
        computed = self._computed(numbers)
        names = [self.operand(numbers[place]) for place in computed]
        target = Memory(self.room(i, str(len(numbers)), 1), 1, 0, self.wide)
        missing = b.emit(f"icmp eq ptr {target.address}, null")
        b.lines += [f"br i1 {missing}, label %{label}, label %{label}.fill", f"{label}.fill:"]
        self.function.label = f"{label}.fill"
        if len(computed) < len(numbers):
            constants = Memory(self._constants(numbers), 1, 0, wide=False)
            with self.each(str(len(numbers))) as j:
                self.keep(target, j, self.entry(constants, j))
        for place, of_number in zip(computed, names):
            self.keep(target, str(place), of_number)
        b.lines += [f"br label %{label}", f"{label}:"]
        self.function.label = label
        return []

    def _computed(self, numbers: Operands) -> Sequence[int]:
        """The places of a table that are stored one by one: of a long one, those of numbers that are no constants."""
        places = range(len(numbers))
        return places if len(numbers) <= LONG_TABLE else [place for place in places if numbers[place] >= 0]

    def _constants(self, numbers: Operands) -> str:
        """The address of the constants of a table, 0 in the places of its other numbers."""
        scalar = Builder(1, self.builder.exact).constant
        texts = [scalar(self.program.constants[-1 - x] if x < 0 else 0.0) for x in numbers]
        text = ", ".join([f"double {x}" for x in texts])
        name = f"@table_{sha256(text.encode()).hexdigest()}"
        self.builder.declarations.add(f"{name} = private unnamed_addr constant [{len(texts)} x double] [{text}]")
        return name

    def _zeros(self, i: int, operands: Operands) -> list[str]:
        address, size = self.room(i, str(self.whole(operands[0])), 1), self.whole(operands[0]) * self.unit
        if not self._is_for_a_copy(i):
            clear_doubles(self.builder, address, self.entries(address, size))
        return []

    def _is_for_a_copy(self, x: int) -> bool:
        """Whether x is zeros, and all that is done with them is to add a stack as long to them, in all lanes."""
        (zeros, size, batch), user = self.program.instructions[x], self.program.last_uses.get(x, -1)
        if zeros != "zeros" or self.program.uses[x] != 1 or user < 0:
            return False
        if self.masks or self.builder.exact:  # since 0.0 and -0.0 are 0.0
            return False
        operation, operands, batch_of_sum = self.program.instructions[user]
        return operation == "add_all" and operands[1:] == (x, *size) and batch_of_sum == batch

    def copied(self, x: int, i: int, place: int, size: int) -> Memory:
        """The memory with which a loop begins for a carry: that of a stack which nothing needs later, or a copy."""
        if self.is_left(x, i):
            return self.stack(x)
        source, target = self.stack(x), Memory(self.room(i, str(size), 1, place), 1, 0, self.wide)
        self.copy(source, target, size)
        return target

    def stack_of(self, stacks: Memory, index: str) -> Memory:
        """One of the stacks in a stack of stacks."""
        b, unit = self.builder, self.unit if stacks.wide else 1
        at = b.emit(f"mul i64 {index}, {stacks.record * unit}")
        return Memory(b.emit(f"getelementptr double, ptr {stacks.address}, i64 {at}"), 1, 0, stacks.wide)

    def copy(self, source: Memory, target: Memory, size: int, buffer: str = "") -> None:
        """Copy a stack, in the lanes that count, if there was memory for both."""
        entries = self.entries(source.address, self.entries(buffer or target.address, size))
        if source.wide == target.wide and source.record == target.record == 1 and not self.masks:
            b, unit = self.builder, self.unit if source.wide else 1
            places = [f"ptr {x.address}, i64 {x.offset * unit}" for x in (target, source)]
            to, start = [b.emit(f"getelementptr double, {place}") for place in places]
            copy_doubles(b, start, to, b.emit(f"mul i64 {entries}, {unit}"))
            return
        with self.each(entries) as j:
            names = self.entry(source, j)
            self.keep(target, j, self._where_it_counts(names, lambda: self.entry(target, j)))

    def is_left(self, x: int, i: int) -> bool:
        """Whether instruction i may change the stack x where it lies, since nothing needs what was before."""
        return self._is_last(x, i) and self._is_own(self.root(x))

    def root(self, x: int) -> int:
        """The stack that has become the stack x by changes where it lies."""
        operation, operands, _ = self.program.instructions[x]
        while operation in CHANGES:
            x = operands[1]
            operation, operands, _ = self.program.instructions[x]
        if operation == "memory" and self._is_last(start := self._start(operands), operands[0]):
            root = self.root(start)  # once: loops that follow each other would double the work with each
            return root if self._is_own(root) else x
        return x

    def _is_last(self, x: int, i: int) -> bool:
        """Whether instruction i is the last that needs the stack x, once and for the same samples."""
        program, instructions = self.program, self.program.instructions
        is_last = program.last_uses[x] == i and instructions[i].operands.count(x) == 1
        return is_last and x not in program.outputs and instructions[x].batch == instructions[i].batch

    def _is_own(self, root: int) -> bool:
        return self.program.instructions[root].operation in ("carry", "zeros", "table", "memory")

    def _start(self, memory: Operands) -> int:
        """The stack with which a loop began that has left this memory."""
        loop, place = memory
        return self.program.instructions[loop].operands[1 + self.whole(place)]

    def entries(self, buffer: str, size: int | str) -> str:
        """How many entries of a stack can be written: none if there was no memory for it."""
        b = self.builder
        return b.emit(f"select i1 {b.emit(f'icmp eq ptr {buffer}, null')}, i64 0, i64 {size}")

    @contextmanager
    def each(self, count: str) -> Iterator[str]:
        """Do what is written in the block for the numbers below a count."""
        lines, name = self.builder.lines, f"E{self.function.number()}"
        lines += [
            f"br label %{name}",
            f"{name}:",
            f"%{name}.j = phi i64 [ 0, %{self.function.label} ], [ %{name}.next, %{name}.body ]",
            f"%{name}.more = icmp slt i64 %{name}.j, {count}",
            f"br i1 %{name}.more, label %{name}.body, label %{name}.done",
            f"{name}.body:",
        ]
        yield f"%{name}.j"
        lines += [f"%{name}.next = add i64 %{name}.j, 1", f"br label %{name}", f"{name}.done:"]
        self.function.label = f"{name}.done"

    def _where_it_counts(self, names: list[str], before: Callable[[], list[str]]) -> list[str]:
        """The names in the lanes that count; in others what was before."""
        return [self.select(*three) for three in zip(self.masks, names, before())] if self.masks else names

    def _pick(self, i: int, operands: Operands) -> list[str]:
        stack, index = operands
        memory = self.stack(stack)
        if not self.differs(index):
            return self.entry(memory, self.at(index))
        return list(map(self.gathered, self._places(memory, index)))

    def _places(self, memory: Memory, index: int) -> list[str]:
        """The addresses of an entry that differs from lane to lane, as a vector for each vector of a block."""
        b, width = self.builder, self.width
        integers, places = f"<{width} x i64>", []
        for v, name in enumerate(self.operand(index)):
            if width == 1:
                at = b.emit(f"fptosi double {name} to i64")
                integers = "i64"
            else:
                short = b.emit(f"fptosi {b.type} {name} to <{width} x i32>")
                at = b.emit(f"sext <{width} x i32> {short} to {integers}")
            record, offset = memory.record, memory.offset
            if memory.wide:
                record, offset = record * self.unit, offset * self.unit + v * width
            if record != 1:
                at = b.emit(f"mul {integers} {at}, {self._all('i64', record)}")
            lanes = [offset + (lane if memory.wide else 0) for lane in range(width)]
            if any(lanes):
                numbers = f"<{', '.join(f'i64 {lane}' for lane in lanes)}>" if width > 1 else str(lanes[0])
                at = b.emit(f"add {integers} {at}, {numbers}")
            places.append(b.emit(f"getelementptr double, ptr {memory.address}, {integers} {at}"))
        return places

    def _all(self, kind: str, number: int) -> str:
        return str(number) if self.width == 1 else f"splat ({kind} {number})"

    def _changed(self, i: int, operands: Operands) -> list[str]:
        """Put a number at an index, or add it there."""
        x, stack, index = operands
        memory, names, b = self.stack(stack), self.operand(x), self.builder
        adds = self.program.instructions[i].operation == "add_at"
        differs = self.differs(index)
        at = "" if differs else self.at(index)
        places = self._places(memory, index) if differs else self.addresses(memory, at)
        before = list(map(self.gathered, places)) if differs else self._loaded(places)
        if adds:
            names = [lowered(b, "add", pair) for pair in zip(before, names)]
        names = self._where_it_counts(names, lambda: before)
        for place, name in zip(places, names):
            if differs and self.width > 1:
                function, pointers = f"@llvm.masked.scatter.v{self.width}f64.v{self.width}p0", f"<{self.width} x ptr>"
                b.declarations.add(f"declare void {function}({b.type}, {pointers}, i32, {b.bits})")
                every = f"{b.bits} splat (i1 true)"
                b.lines.append(f"call void {function}({b.type} {name}, {pointers} {place}, i32 8, {every})")
            else:
                b.lines.append(f"store {b.type} {name}, ptr {place}, align 8")
        return []

    def _added(self, i: int, operands: Operands) -> list[str]:
        """Add a stack to another."""
        other, stack = map(self.stack, operands[:2])
        if self._is_for_a_copy(operands[1]):
            self.copy(other, stack, self.whole(operands[2]))
            return []
        with self.each(self.entries(stack.address, self.whole(operands[2]))) as j:
            before = self.entry(stack, j)
            names = [lowered(self.builder, "add", pair) for pair in zip(before, self.entry(other, j))]
            self.keep(stack, j, self._where_it_counts(names, lambda: before))
        return []

    def _checked(self, i: int, operands: Operands) -> list[str]:
        """A whole number below a size, of an index that may count from the end; 0 if it is out of range."""
        x, size, site, condition = operands
        b, n = self.builder, self.program.constants[-1 - size]
        names, bad = [], []
        holds = self.operand(condition) if condition >= 0 else []
        b.declarations.add(f"declare {b.type} @llvm.trunc.{_suffix(self.width)}({b.type})")
        for v, name in enumerate(self.operand(x)):
            good = b.emit(f"fcmp oge {b.type} {name}, {b.constant(-n)}")
            tests = [f"olt {b.type} {name}, {b.constant(n)}"]
            if x not in self.program.whole:
                whole = b.emit(f"call {b.type} @llvm.trunc.{_suffix(self.width)}({b.type} {name})")
                tests.append(f"oeq {b.type} {name}, {whole}")
            for test in tests:
                good = b.emit(f"and {b.bits} {good}, {b.emit(f'fcmp {test}')}")
            from_end = b.emit(f"fadd {b.type} {name}, {b.constant(n)}")
            negative = b.emit(f"fcmp olt {b.type} {name}, {b.constant(0.0)}")
            names.append(self.select(good, self.select(negative, from_end, name), b.constant(0.0)))
            fault = b.emit(f"xor {b.bits} {good}, {'true' if self.width == 1 else 'splat (i1 true)'}")
            for mask in (holds, self.masks):
                fault = b.emit(f"and {b.bits} {fault}, {mask[v]}") if mask else fault
            bad.append(fault)
        label = f"F{self.function.number()}"
        b.lines += [f"br i1 {self.any(bad)}, label %{label}, label %{label}.on", f"{label}:"]
        worst = [self.select(fault, name, b.constant(-inf)) for fault, name in zip(bad, self.operand(x))]
        if self.wide:
            function = f"@llvm.vector.reduce.fmax.v{self.width}f64"
            b.declarations |= {
                f"declare double {function}({b.type})",
                "declare double @llvm.maxnum.f64(double, double)",
            }
            worst = [b.emit(f"call double {function}({b.type} {name})") for name in worst]
        number = worst[0]
        for other in worst[1:] if self.wide else ():
            number = b.emit(f"call double @llvm.maxnum.f64(double {number}, double {other})")
        b.declarations.add(FAULTY)
        b.lines += [
            f"call void @faulty(ptr %context, i64 {self.whole(site)}, double {number})",
            f"br label %{label}.on",
            f"{label}.on:",
        ]
        self.function.label = f"{label}.on"
        return names

    def any(self, conditions: list[str]) -> str:
        """Whether a condition holds in any lane."""
        if not self.wide:
            return conditions[0]
        b, kind = self.builder, f"i{self.width}"
        bits = [b.emit(f"bitcast {b.bits} {x} to {kind}") for x in conditions]
        some = bits[0]
        for other in bits[1:]:
            some = b.emit(f"or {kind} {some}, {other}")
        return b.emit(f"icmp ne {kind} {some}, 0")

    def select(self, condition: str, x: str, y: str) -> str:
        """x in the lanes where a condition holds, y in the others."""
        b = self.builder
        return b.emit(f"select {b.bits} {condition}, {b.type} {x}, {b.type} {y}")


def _suffix(width: int) -> str:
    return "f64" if width == 1 else f"v{width}f64"
