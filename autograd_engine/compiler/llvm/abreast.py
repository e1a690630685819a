"""Loops whose rounds do not need each other, as many rounds at a time as a vector has lanes.

Such a round computes from its number, from what lies outside, and from entries of stacks at its number plus a constant;
it changes such entries, keeps numbers, and adds to sums. An entry that a round changes may be read by others as long as
they come in the same order when each line is done for all rounds of a vector before the next line. The sums of the
lanes are added up at the end. What is left of the rounds is done in some lanes of a vector where the others can be
masked, else one by one. So are all rounds where an index would be out of range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.calls import has_lanes
from autograd_engine.compiler.llvm.helpers import ask
from autograd_engine.compiler.llvm.lanes import lanes_reduced
from autograd_engine.compiler.llvm.lower import LOWERINGS, lowered
from autograd_engine.compiler.llvm.stacks import Memory
from autograd_engine.compiler.llvm.vector_math import Lanes, Two, log2_of_base, power
from autograd_engine.compiler.program.program import CHANGES, CONDITIONS, FROM_OUTSIDE, Instruction, Loop

_AT_INDEX = frozenset({"pick", "put", "add_at"})
"""What reads or changes an entry of a stack, its last operand but one, at an index, its last."""
_SUMMED = {"add": (0, 1), "sub": (0,), "fma": (2,), "fnma": (2,)}
"""What adds something to a sum, and which of its operands the sum may be."""
_OF_ROUND = LOWERINGS.keys() | _AT_INDEX | {"carry", "read", "index", "captured", "checked"}
MOST = 100
"""Entries of stacks that a round reads or changes. All pairs of them are looked at."""


@dataclass
class Independent:
    """A loop whose rounds do not need each other: `shifts` are the numbers that are that of the round plus a constant.

    With more rounds than `most` some index is out of range.
    """

    shifts: dict[int, int] = field(default_factory=dict)
    most: int = 2**63 - 1


def independent(loop: Loop, lanes: int) -> Independent | None:
    """What is known of a loop whose rounds do not need each other, or None for any other."""
    body = loop.body
    operations = {operation for operation, _, _ in body.instructions}
    if not loop.counted or loop.copies or lanes == 1 or not operations <= _OF_ROUND:
        return None
    kept = body.outputs[loop.carries : loop.carries + loop.kept]
    if any(x >= 0 and body.instructions[x].operation in CONDITIONS for x in kept):
        return None
    found = Independent()
    if not _find_shifts(loop, found) or not _are_sums(loop):
        return None
    entries = list(_entries(loop, found))
    if len(entries) > MOST:
        return None
    for k, (before, stack, first) in enumerate(entries):
        if first is None:
            return None
        for after, other, second in entries[k + 1 :]:
            if other != stack or second is None or {before, after} in ({"pick"}, {"add_at"}):
                continue
            rounds_before = first - second if loop.backwards else second - first
            if 0 < rounds_before < lanes:  # what the second line did so long ago, the first one must see
                return None
    return found


def _find_shifts(loop: Loop, found: Independent) -> bool:
    """Whether all that is checked is the number of the round plus a constant that is not negative."""
    body = loop.body
    for i, (operation, operands, _) in enumerate(body.instructions):
        x, y, *_ = *operands, 0, 0
        if operation == "index":
            found.shifts[i] = 0
        elif operation in ("add", "sub"):
            number, constant = (y, x) if operation == "add" and x < 0 else (x, y)
            if number in found.shifts and constant < 0:
                step = body.constants[-1 - constant] * (1 if operation == "add" else -1)
                if step == step // 1 and abs(step) < 2**31:
                    found.shifts[i] = found.shifts[number] + int(step)
        elif operation == "checked":
            if found.shifts.get(x, -1) < 0:
                return False
            found.shifts[i] = found.shifts[x]
            found.most = min(found.most, int(body.constants[-1 - y]) - found.shifts[x])
    return True


def _entries(loop: Loop, found: Independent) -> Iterator[tuple[str, int, int | None]]:
    """The entries that lines read or change, in order: by which operation, of which stack, and at which shift."""
    instructions = loop.body.instructions
    for operation, operands, _ in instructions:
        if operation in _AT_INDEX:
            stack = _unchanged(instructions, operands[-2])
            lies_outside = instructions[stack].operation in ("carry", "captured")
            yield operation, stack, found.shifts.get(operands[-1]) if lies_outside else None


def _unchanged(instructions: Sequence[Instruction], stack: int) -> int:
    """The stack that another one is after changes in place."""
    while instructions[stack].operation in CHANGES:
        stack = instructions[stack].operands[1]
    return stack


def _are_sums(loop: Loop) -> bool:
    """Whether all numbers that are carried are sums, of which nothing else is made, and all stacks stay themselves."""
    body = loop.body
    numbers = set[int]()  # what is computed from numbers that are carried
    for i, (operation, operands, _) in enumerate(body.instructions):
        if operation == "carry":
            if operands[0] not in loop.memories:
                numbers.add(i)
        elif operation not in FROM_OUTSIDE and not numbers.isdisjoint(operands):
            numbers.add(i)
    for k, x in enumerate(body.outputs[: loop.carries]):
        while x >= 0 and body.instructions[x].operation != "carry":
            operation, operands, _ = body.instructions[x]
            if k in loop.memories:
                x = operands[1] if operation in CHANGES else -1
                continue
            before = [place for place, y in enumerate(operands) if y in numbers]
            if len(before) != 1 or before[0] not in _SUMMED.get(operation, ()) or body.uses[x] != 1:
                return False
            x = operands[before[0]]
        if x < 0 or body.instructions[x].operands[0] != k or (k not in loop.memories and body.uses[x] != 1):
            return False
    return True


class Abreast:
    """The lines of a loop for as many rounds at a time as `builder` has lanes; `single` is what writes single numbers.

    `stacks`, `outside` and `memories` are what the body gets; what it keeps of a round goes to `kept`.
    """

    def __init__(
        self,
        loop: Loop,
        found: Independent,
        name: str,
        builder: Builder,
        single: Builder,
        stacks: Sequence[Memory],
        outside: Sequence[list[str] | Memory],
        memories: dict[int, Memory],
        kept: Sequence[Memory],
    ) -> None:
        self.loop, self.found, self.name = loop, found, name
        self.builder, self.single, self.width = builder, single, builder.width
        self.stacks, self.outside, self.memories, self.kept = stacks, outside, memories, kept
        touched = [*stacks, *[x for x in outside if isinstance(x, Memory)], *memories.values(), *kept]
        self.masks = self.width >= 8 and all(x.record == 1 for x in touched)  # by AVX-512, which does it for nothing
        self.valid = ""  # which lanes stand for a round, if not all
        self.base = ""  # the smallest number of the rounds of a vector
        self.label = f"{name}.on"  # of the block of lines that is being written
        self.names: dict[int, str] = {}
        self.bases: dict[int, tuple[str, Two]] = {}  # of powers, by `_prepare_powers`

    def all(self, end: str, starts: dict[int, list[str]], before: str, every: int) -> tuple[str, dict[int, list[str]]]:
        """The loop over the rounds below `end`, from a block of lines on. Returns the first round that is left, and
        what is carried into it; the block of lines is `name`.left then."""
        s, b, name, body = self.single, self.builder, self.name, self.loop.body
        fits = s.emit(f"icmp sle i64 {end}, {self.found.most}")
        in_vectors = end if self.masks else s.emit(f"and i64 {end}, {-self.width}")
        whole = s.emit(f"select i1 {fits}, i64 {in_vectors}, i64 0")
        for i, (operation, operands, _) in enumerate(body.instructions):
            if operation == "captured" and isinstance(names := self.outside[operands[0]], list):
                self.names[i] = b.splat("double", names[0])
        if has_lanes(b):
            self._prepare_powers()
        s.lines += [f"br label %{name}.rounds", f"{name}.rounds:"]
        head = len(s.lines)
        more = s.emit(f"icmp slt i64 %{name}.first, {whole}")
        s.lines += [f"br i1 {more}, label %{name}.ask, label %{name}.left", f"{name}.ask:"]
        ask(s, name, f"%{name}.first", (every - 1) * self.width, "on", "left")
        self.base = f"%{name}.first"
        if self.loop.backwards:
            self.base = s.emit(f"sub i64 {s.emit(f'sub i64 {end}, {self.width}')}, %{name}.first")
        if self.masks:
            self._find_valid(end)
        for i, (operation, operands, _) in enumerate(body.instructions):
            if i not in self.names and (line := self._line(operation, operands)):
                self.names[i] = line
        outputs, carries = body.outputs, self.loop.carries
        for x, memory in zip(outputs[carries:], self.kept):
            self._store(self._operand(x), memory)
        phis = [f"%{name}.first = phi i64 [ 0, %{before} ], [ %{name}.after, %{self.label} ]"]
        zero = b.constant(0.0)
        for k in starts:
            total, after = f"%{name}.s{k}", self._operand(outputs[k])
            if self.masks:
                after = b.emit(f"select {b.bits} {self.valid}, {b.type} {after}, {b.type} {total}")
            phis.append(f"{total} = phi {b.type} [ {zero}, %{before} ], [ {after}, %{self.label} ]")
        s.lines[head:head] = phis
        s.lines += [f"%{name}.after = add i64 %{name}.first, {self.width}", f"br label %{name}.rounds"]
        s.lines += [f"{name}.left:"]
        left = s.emit(f"phi i64 [ {whole}, %{name}.rounds ], [ {end}, %{name}.poll ]")
        totals = {}
        for k, [start] in starts.items():
            total = lanes_reduced(s, "add", self.width, f"%{name}.s{k}")
            totals[k] = [s.emit(f"fadd double {start}, {total}")]
        return left, totals

    def _operand(self, x: int) -> str:
        return self.names[x] if x >= 0 else self.builder.constant(self.loop.body.constants[-1 - x])

    def _line(self, operation: str, operands: tuple[int, ...]) -> str:
        """Append the lines of an instruction. Returns the name of its vector, if it has one."""
        b = self.builder
        if operation in _AT_INDEX:
            memory, shift = self._memory(operands[-2]), self.found.shifts[operands[-1]]
            if operation == "pick":
                return self._load(memory, shift)
            number = self._operand(operands[0])
            if operation == "add_at":
                number = lowered(b, "add", [self._load(memory, shift), number])
            self._store(number, memory, shift)
            return ""
        if operation == "carry":
            return f"%{self.name}.s{operands[0]}" if operands[0] not in self.memories else ""
        if operation == "captured":
            return ""
        if operation == "index":
            lanes = ", ".join([f"double {float(lane)}" for lane in range(self.width)])
            first = b.splat("double", self.single.emit(f"sitofp i64 {self.base} to double"))
            return b.emit(f"fadd {b.type} {first}, <{lanes}>")
        if operation == "read":
            return self._load(self.stacks[operands[0]], 0)
        if operation == "pow" and operands[0] in self.bases:
            return self._power(*operands)
        if operation == "checked":  # all are in range
            return self._operand(operands[0])
        return lowered(b, operation, list(map(self._operand, operands)))

    def _prepare_powers(self) -> None:
        """The logarithms of what is the base of powers in all rounds, and whether it is none with rules of its own."""
        s, b, body = self.single, self.builder, self.loop.body
        bases = {operands[0] for operation, operands, _ in body.instructions if operation == "pow"}
        for x in sorted(x for x in bases if x < 0 or x in self.names):
            base = s.emit(f"extractelement {b.type} {self._operand(x)}, i64 0")
            usual = s.emit(f"fcmp one double {base}, {s.constant(1.0)}")
            for test in (f"ogt double {base}, {s.constant(0.0)}", f"olt double {base}, {s.constant(inf)}"):
                usual = s.emit(f"and i1 {usual}, {s.emit(f'fcmp {test}')}")
            high, low = [Lanes(b, b.splat("double", x.name)) for x in log2_of_base(Lanes(s, base))]
            self.bases[x] = usual, (high, low)

    def _power(self, x: int, exponent: int) -> str:
        """A power of a base that has been prepared."""
        b, y, (usual, log2) = self.builder, self._operand(exponent), self.bases[x]
        name, before = f"{self.name}.p{len(b.lines)}", self.label
        usually = power(Lanes(b, y), log2).name
        b.lines += [f"br i1 {usual}, label %{name}, label %{name}.special", f"{name}.special:"]
        specially = lowered(b, "pow", [self._operand(x), y])
        b.lines += [f"br label %{name}", f"{name}:"]
        self.label = name
        return b.emit(f"phi {b.type} [ {usually}, %{before} ], [ {specially}, %{name}.special ]")

    def _memory(self, x: int) -> Memory:
        """Where a stack lies."""
        instructions = self.loop.body.instructions
        operation, operands, _ = instructions[_unchanged(instructions, x)]
        memory = self.memories[operands[0]] if operation == "carry" else self.outside[operands[0]]
        assert isinstance(memory, Memory)
        return memory

    def _find_valid(self, end: str) -> None:
        """Which lanes stand for a round: in the last vector some do not."""
        b, kind = self.builder, f"<{self.width} x i64>"
        lanes = ", ".join([f"i64 {lane}" for lane in range(self.width)])
        rounds = b.emit(f"add {kind} {b.splat('i64', self.base)}, <{lanes}>")
        test = f"sge {kind} {rounds}, zeroinitializer"
        if not self.loop.backwards:
            test = f"slt {kind} {rounds}, {b.splat('i64', end)}"
        self.valid = b.emit(f"icmp {test}")

    def _addresses(self, memory: Memory, shift: int) -> list[str]:
        """The addresses of the entries of all rounds of a vector; if they lie side by side, that of the first."""
        s = self.single
        at = s.emit(f"add i64 {self.base}, {shift}")
        at = s.emit(f"add i64 {s.emit(f'mul i64 {at}, {memory.record}')}, {memory.offset}")
        first = s.emit(f"getelementptr double, ptr {memory.address}, i64 {at}")
        if memory.record == 1:
            return [first]
        steps = [lane * memory.record for lane in range(self.width)]
        return [s.emit(f"getelementptr double, ptr {first}, i64 {step}") for step in steps]

    def _load(self, memory: Memory, shift: int) -> str:
        b, addresses = self.builder, self._addresses(memory, shift)
        if self.masks:
            function = f"{b.type} @llvm.masked.load.v{self.width}f64.p0"
            b.declarations.add(f"declare {function}(ptr, i32, {b.bits}, {b.type})")
            valid = f"{b.bits} {self.valid}, {b.type} zeroinitializer"
            return b.emit(f"call {function}(ptr {addresses[0]}, i32 8, {valid})")
        if len(addresses) == 1:
            return b.emit(f"load {b.type}, ptr {addresses[0]}, align 8")
        vector = "poison"
        for lane, address in enumerate(addresses):
            number = self.single.emit(f"load double, ptr {address}, align 8")
            vector = b.emit(f"insertelement {b.type} {vector}, double {number}, i64 {lane}")
        return vector

    def _store(self, vector: str, memory: Memory, shift: int = 0) -> None:
        b, addresses = self.builder, self._addresses(memory, shift)
        if self.masks:
            function = f"void @llvm.masked.store.v{self.width}f64.p0"
            b.declarations.add(f"declare {function}({b.type}, ptr, i32, {b.bits})")
            b.lines.append(f"call {function}({b.type} {vector}, ptr {addresses[0]}, i32 8, {b.bits} {self.valid})")
            return
        if len(addresses) == 1:
            b.lines.append(f"store {b.type} {vector}, ptr {addresses[0]}, align 8")
            return
        for lane, address in enumerate(addresses):
            number = self.single.emit(f"extractelement {b.type} {vector}, i64 {lane}")
            b.lines.append(f"store double {number}, ptr {address}, align 8")
