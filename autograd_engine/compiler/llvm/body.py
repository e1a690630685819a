"""One part of a program as the lines of a function in LLVM IR."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.helpers import copy_doubles
from autograd_engine.compiler.llvm.lanes import lanes_reduced
from autograd_engine.compiler.llvm.layout import NAN_FOUND
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import Plan, RoundPlan, Section
from autograd_engine.compiler.llvm.rows import Row, in_memory
from autograd_engine.compiler.llvm.stacks import Memory
from autograd_engine.compiler.llvm.straight import Straight
from autograd_engine.compiler.program.program import CONDITIONS, REDUCTIONS, SHARED, STACKS, Program


class Body(Straight):
    """The lines of one function: a straight line of scalars, or of vectors in a loop over the blocks of a tile."""

    def __init__(self, plan: Plan, section: Section, width: int) -> None:
        self.plan, self.layout, self.places = plan, plan.layout, plan.places
        self.section = section
        builder = Builder(width, self.layout.exact)
        vectors = range(1 if width == 1 else self.layout.vectors)
        super().__init__(plan.program, builder, vectors, wide=section.batch != SHARED)
        self.once = Builder(width, self.layout.exact, "once")  # what is the same for all blocks
        self.first = Builder(width, self.layout.exact, "first")  # what a block begins with
        self.nan = ""  # whether a block has stored one
        self.totals: dict[int, str] = {}  # the sums in registers, at the end of a block
        self.label = "0" if width == 1 else "block"  # that of the lines that are being written
        self._known: dict[str, str] = {}
        self._loops = 0

    @property
    def lines(self) -> list[str]:
        """All lines."""
        straight = [*self.once.lines, *self.first.lines, *self.builder.lines]
        if self.width == 1:
            return straight
        kind = self.builder.type
        starts, phis, stores = list[str](), list[str](), list[str]()
        for k, total in self.totals.items():
            starts.append(f"%total{k}.at = getelementptr double, ptr %memory, i64 {k * self.width}")
            starts.append(f"%total{k}.start = load {kind}, ptr %total{k}.at, align 8")
            phis.append(f"%total{k} = phi {kind} [ %total{k}.start, %0 ], [ {total}, %{self.label} ]")
            stores.append(f"store {kind} {total}, ptr %total{k}.at, align 8")
        if self.nan:
            phis.append(f"%nan = phi i1 [ false, %0 ], [ %nan_now, %{self.label} ]")
            stores.append(f"%nan_at = getelementptr i64, ptr %context, i64 {NAN_FOUND}")
            stores.append("%nan_bit = zext i1 %nan_now to i64")
            stores.append("atomicrmw or ptr %nan_at, i64 %nan_bit monotonic")  # other threads may find one too
        return [
            *self.once.lines,
            *starts,
            f"%slots0 = getelementptr double, ptr %memory, i64 {len(self.section.sums) * self.width}",
            "br label %block",
            "block:",
            f"%index = phi i64 [ %from, %0 ], [ %next, %{self.label} ]",
            f"%slots = phi ptr [ %slots0, %0 ], [ %slots1, %{self.label} ]",
            *phis,
            *self.first.lines,
            *self.builder.lines,
            *([f"%nan_now = or i1 %nan, {self.nan}"] if self.nan else []),
            f"%next = add i64 %index, {self.layout.block}",
            f"%slots1 = getelementptr double, ptr %slots, i64 {len(self.section.slots) * self.layout.block}",
            "%continues = icmp slt i64 %next, %to",
            "br i1 %continues, label %block, label %done",
            "done:",
            *stores,
        ]

    def instruction(self, i: int) -> None:
        """Compute instruction i, and store it where it is needed later."""
        operation, operands, _ = self.program.instructions[i]
        if operation in ("stack", "memory"):
            return
        if operation == "sample":
            names = [self._gather(operands[0], operands[1], v) for v in self.vectors]
        elif operation in REDUCTIONS:
            self._reduce(operation, i, operands)
            return
        else:
            names = self.compute(i)
        self.names[i] = names
        self._store_results(i, operation, names)

    @property
    def function(self) -> Body:
        """The function is this body."""
        return self

    def number(self) -> int:
        """A number that no other loop of the function has."""
        self._loops += 1
        return self._loops

    def lanes_of_a_vector(self) -> int:
        """How many numbers a vector holds."""
        return self.layout.width

    def cell(self, program: Program, i: int, place: int = -1) -> str:
        """The address of the cell of an instruction's buffer: of the call, or of the thread that has this block."""
        wide = self.wide and (program is not self.program or program.instructions[i].batch != SHARED)
        buffers = self.plan.buffers.setdefault(wide, {})
        number = buffers.setdefault((id(program), i, place), len(buffers))
        if wide:
            self.layout.thread_buffers = len(buffers)
            at = f"getelementptr double, ptr %memory, i64 {self.layout.thread_buffer(number)}"
        else:
            self.layout.buffers = len(buffers)
            at = f"getelementptr i64, ptr %context, i64 {self.layout.buffer(number)}"
        name = f"%cell{number}" + ("w" if wide else "")
        if name not in self._known:
            self.once.lines.append(f"{name} = {at}")
            self._known[name] = name
        return name

    def splat(self, kind: str, scalar: str) -> str:
        """A scalar in all lanes."""
        return self.builder.splat(kind, scalar)

    def of(self, plan: Plan) -> Body:
        """What reads what belongs to another plan, in the same function."""
        if plan is self.plan:
            return self
        other = copy.copy(self)
        other.plan, other.program, other.names = plan, plan.program, {}
        return other

    def lies(self, x: int) -> Memory:
        """Where a stack or an array lies."""
        plan, source = self.plan.source(x)
        if plan is not self.plan:
            return self.of(plan).stack(source)
        operation, operands, batch = self.program.instructions[x]
        if operation == "array":
            array, offset, record = operands
            return Memory(self._pointer(str(self.layout.array(array))), record, offset, wide=False)
        if isinstance(plan, RoundPlan):
            if operation == "carry":
                return self.of(plan.outer).carried(plan.number, operands[0])
            if operation == "read":
                return self.stack_of(self.of(plan.outer).stack(plan.stack(operands[0])), self.round())
        memory = super().lies(x)
        memory.wide = batch != SHARED
        return memory

    def is_stack(self, x: int) -> bool:
        """Whether an operand is a stack."""
        plan, x = self.plan.source(x)
        operation, operands, _ = plan.program.instructions[x] if x >= 0 else ("", (), 0)
        if isinstance(plan, RoundPlan) and operation in ("carry", "read"):
            return plan.loop.memories.get(operands[0]) is not None if operation == "carry" else plan.reads_stacks(x)
        return operation in STACKS

    def carried(self, i: int, place: int) -> Memory:
        """Where a stack lies that loop i around samples carries in a place."""
        start = self.program.instructions[i].operands[1 + place]
        if self.is_left(start, i):
            return self.stack(start)
        cell = self.cell(self.program, i, place)
        return Memory(self.builder.emit(f"load ptr, ptr {cell}"), 1, 0, wide=False)

    def round(self) -> str:
        """The number of the round, as an i64, of the loop around samples whose body this is."""
        assert isinstance(self.plan, RoundPlan)
        number = self.shared_number(self.plan.index)
        return self.builder.emit(f"fptosi double {number} to i64")

    def shared_number(self, slot: int) -> str:
        """A number in the shared memory."""
        return self.builder.emit(f"load double, ptr {self.address('%shared', slot)}, align 8")

    def differs(self, x: int) -> bool:
        """Whether an operand may differ from sample to sample."""
        return x >= 0 and self.program.instructions[x].batch != SHARED

    def store_rows(self, rows: Sequence[Row]) -> None:
        """Store outputs of samples, sample by sample, so that memory is written from front to back."""
        b, batch = self.builder, self.section.batch
        nan: list[str] = []
        stores: list[tuple[int, int, str]] = []
        bases: dict[int, str] = {}
        for row in rows:
            if row.start not in bases:
                before = b.emit(f"mul i64 {self.padded(batch)}, {row.start}")
                before = b.emit(f"add i64 {before}, {b.emit(f'mul i64 %index, {row.size}')}")
                outputs = self._pointer(str(self.layout.batch(batch) + 1))
                bases[row.start] = b.emit(f"getelementptr double, ptr {outputs}, i64 {before}")
            step = row.size if len(row.operands) == self.width else self.width
            for v, names in enumerate(zip(*map(self._as_numbers, row.operands))):
                first = v * self.width * row.size + row.first
                stores += [(row.start, first + k * step, name) for k, name in enumerate(in_memory(b, names))]
                if self.layout.seeks_nan:
                    for x, y in zip(names[::2], names[1::2] + names[-1:]):
                        found = b.emit(f"fcmp uno {b.type} {x}, {y}")
                        nan = [b.emit(f"or {b.bits} {found}, {x}") for x in nan] or [found]
        for array, place, name in sorted(stores):
            self.store(name, b.emit(f"getelementptr double, ptr {bases[array]}, i64 {place}"))
        self.nan = self.any(nan) if nan else ""

    def _as_numbers(self, x: int) -> list[str]:
        """An operand as numbers, also if it is a condition."""
        plan, source = self.plan.source(x)
        is_condition = source >= 0 and plan.program.instructions[source].operation in CONDITIONS
        return [lowered(self.builder, "as_number", [name]) if is_condition else name for name in self.operand(x)]

    def copy_to_outputs(self, stack: int, start: int, count: int, to: int) -> None:
        """Copy entries of a stack to the outputs."""
        memory = self.stack(stack)
        target = self.address("%outputs", to)
        with self.each(self.entries(memory.address, count)) as j:
            [number] = self.entry(memory, self.builder.emit(f"add i64 {j}, {start}"))
            self.store(number, self.builder.emit(f"getelementptr double, ptr {target}, i64 {j}"))

    def copy_memory(self, base: str, index: int, count: int, to: int) -> None:
        """Copy numbers that lie in the shared memory or in an argument to the outputs."""
        copy_doubles(self.builder, self.address(base, index), self.address("%outputs", to), count)

    def store(self, name: str, address: str) -> None:
        """Store a number at an address."""
        self.builder.lines.append(f"store {self.builder.type} {name}, ptr {address}, align 8")

    def address(self, base: str, index: int) -> str:
        """The address of the double with this index after a base.

        Code for vectors is bound by its length, and an instruction is three bytes shorter where its address is
        within 128 numbers of a register. So there is a register for each 256, which the compiler must not see
        through (an empty piece of assembly), or it would take the distances from the first.
        """
        pointer = self._pointer(base)
        if self.width > 1:
            unit = self.width if base in ("%memory", "%slots") else 1
            middle = (index // unit // 256 * 256 + 128) * unit
            near = f"{pointer}_{middle}"
            if near not in self._known:
                (self.first if base == "%slots" else self.once).lines += [
                    f"{near}a = getelementptr double, ptr {pointer}, i64 {middle}",
                    f'{near} = call ptr asm "", "=r,0"(ptr {near}a)',
                ]
                self._known[near] = near
            pointer, index = near, index - middle
        return self.builder.emit(f"getelementptr double, ptr {pointer}, i64 {index}") if index else pointer

    def _pointer(self, base: str) -> str:
        """The address in the context that goes by a name like %outputs, or by the number of its entry."""
        if base in ("%memory", "%slots"):
            return base
        if base not in self._known:
            entry = {"%scalars": 0, "%outputs": 1, "%shared": 2}.get(base)
            name = f"%at{base}" if entry is None else base
            entry = int(base) if entry is None else entry
            self.once.lines += [
                f"{name}p = getelementptr i64, ptr %context, i64 {entry}",
                f"{name} = load ptr, ptr {name}p",
            ]
            self._known[base] = name
        return self._known[base]

    def _entry(self, entry: int) -> str:
        """An entry of the context."""
        name = f"%n{entry}"
        if name not in self._known:
            self.once.lines += [
                f"{name}p = getelementptr i64, ptr %context, i64 {entry}",
                f"{name} = load i64, ptr {name}p",
            ]
            self._known[name] = name
        return name

    def read(self, x: int) -> list[str]:
        """The names of what was computed elsewhere, which is read."""
        plan, x = self.plan.source(x)
        builder = self.builder
        if x < 0:
            return [builder.constant(plan.program.constants[-1 - x])] * len(self.vectors)
        operation, operands, batch = plan.program.instructions[x]
        crosses = self.section.slots if plan is self.plan else {}
        if operation == "read":
            assert isinstance(plan, RoundPlan)
            stack, round_ = plan.stack(operands[0]), self.of(plan).round()
            if batch == SHARED:
                return self.entry(self.of(plan.outer).stack(stack), round_)
            kept_by, stack = plan.outer.source(stack)
            loop, place = kept_by.program.instructions[stack].operands
            there = self.of(kept_by)
            return [self._load(address) for address in there.of_round(loop, there.whole(place), round_)]
        if operation == "sample" and x not in crosses:
            return [self._gather(operands[0], operands[1], v) for v in self.vectors]
        if batch != SHARED:
            addresses = [self._slot(x, v) if x in crosses else self.row(plan.kept[x], v) for v in self.vectors]
            loaded = [self._load(address) for address in addresses]
        else:
            if operation == "size":
                count = self._entry(self.layout.batch(operands[0]))
                return [self.builder.splat("double", builder.emit(f"sitofp i64 {count} to double"))] * len(self.vectors)
            where = plan.place(x)
            assert where is not None
            scalar = builder.emit(f"load double, ptr {self.address(*where)}, align 8")
            loaded = [self.builder.splat("double", scalar)] * len(self.vectors)
        return [lowered(builder, "as_bits", [x]) for x in loaded] if operation in CONDITIONS else loaded

    def _load(self, address: str) -> str:
        return self.builder.emit(f"load {self.builder.type}, ptr {address}, align 8")

    def _store_results(self, i: int, operation: str, names: list[str]) -> None:
        """Store instruction i wherever it will be read."""
        plan, section = self.plan, self.section
        is_shared = section.batch == SHARED
        here, there = (plan.shared_slots, plan.outputs) if is_shared else (section.slots, plan.kept)
        if i not in here and i not in there:
            return
        for v, name in enumerate(names):
            if is_shared:
                targets = [("%shared", here[i])] if i in here else []
                targets += [("%outputs", index) for index in plan.outputs.get(i, ())]
                addresses = [self.address(*target) for target in targets]
            else:
                addresses = [self._slot(i, v)] if i in here else []
                addresses += [self.row(plan.kept[i], v)] if i in there else []
            number = lowered(self.builder, "as_number", [name]) if operation in CONDITIONS else name
            for address in addresses:
                self.store(number, address)

    def _slot(self, x: int, v: int) -> str:
        return self.address("%slots", self.layout.block * self.section.slots[x] + self.width * v)

    def row(self, row: int, v: int) -> str:
        """The address of vector v in a row of the numbers that are kept of the batch."""
        at = self.layout.batch(self.section.batch)
        start = self.builder.emit(f"mul i64 {self.padded(self.section.batch)}, {row}")
        index = self.builder.emit(f"add i64 {start}, {self._index(v)}")
        return self.builder.emit(f"getelementptr double, ptr {self._pointer(str(at + 2))}, i64 {index}")

    def padded(self, batch: int) -> str:
        """The number of samples of a batch, as a multiple of a block."""
        name, block = f"%padded{batch}", self.layout.block
        if name not in self._known:
            n = self._entry(self.layout.batch(batch))
            self.once.lines += [f"{name}n = add i64 {n}, {block - 1}", f"{name} = and i64 {name}n, {-block}"]
            self._known[name] = name
        return name

    def of_round(self, i: int, place: int, index: str) -> list[str]:
        """The addresses of what loop i around samples keeps in a place of the samples of a block, in a round."""
        b, cell = self.builder, self.cell(self.program, i, self.program.loops[i].carries + place)
        row = b.emit(f"mul i64 {index}, {self.padded(self.section.batch)}")
        base = b.emit(f"getelementptr double, ptr {b.emit(f'load ptr, ptr {cell}')}, i64 {row}")
        return [b.emit(f"getelementptr double, ptr {base}, i64 {self._index(v)}") for v in self.vectors]

    def _index(self, v: int) -> str:
        """The number of the first sample in vector v."""
        if v and f"index{v}" not in self._known:
            self._known[f"index{v}"] = self.first.emit(f"add i64 %index, {v * self.width}")
        return self._known[f"index{v}"] if v else "%index"

    def _samples(self, v: int) -> str:
        """The numbers of the samples in the lanes of vector v; after the last one it is repeated."""
        name = f"samples{v}"
        if name not in self._known:
            builder, width = self.first, self.width
            integers, lanes = f"<{width} x i64>", ", ".join(f"i64 {lane}" for lane in range(width))
            number = builder.emit(f"add {integers} {builder.splat('i64', self._index(v))}, <{lanes}>")
            last = builder.splat("i64", builder.emit("sub i64 %to, 1"))
            inside = builder.emit(f"icmp slt {integers} {number}, {last}")
            self._known[name] = builder.emit(f"select <{width} x i1> {inside}, {integers} {number}, {integers} {last}")
        return self._known[name]

    def _valid(self, v: int) -> str:
        """Which lanes of vector v hold a sample."""
        name = f"valid{v}"
        if name not in self._known:
            builder, integers = self.first, f"<{self.width} x i64>"
            lanes = ", ".join(f"i64 {lane}" for lane in range(self.width))
            left = builder.splat("i64", builder.emit(f"sub i64 %to, {self._index(v)}"))
            self._known[name] = builder.emit(f"icmp slt {integers} <{lanes}>, {left}")
        return self._known[name]

    def _gather(self, view: int, index: int, v: int) -> str:
        """Number `index` of each of the samples in vector v."""
        builder, width = self.builder, self.width
        at = self.layout.view(view)
        base, integers = self._pointer(str(at)), f"<{width} x i64>"
        offsets = f"offsets{view}.{v}"
        if offsets not in self._known:
            samples, between = self._samples(v), self.first.splat("i64", self._entry(at + 1))
            self._known[offsets] = self.first.emit(f"mul {integers} {samples}, {between}")
        if index:
            step = builder.emit(f"mul i64 {self._entry(at + 2)}, {index}")
            base = builder.emit(f"getelementptr i8, ptr {base}, i64 {step}")
        return self.gathered(builder.emit(f"getelementptr i8, ptr {base}, {integers} {self._known[offsets]}"))

    def _reduce(self, operation: str, i: int, operands: tuple[int, ...]) -> None:
        """Add x, or x*y, of the samples to a sum; or make x part of another reduction."""
        builder, (row, neutral), index = self.builder, REDUCTIONS[operation], self.section.sums[i]
        if self.layout.exact:
            address = self.address("%memory", index)
            before = builder.emit(f"load double, ptr {address}, align 8")
            masked = self.select(self._valid(0), self.operand(operands[0])[0], builder.constant(neutral))
            scalars = Builder(1, True, f"sum{index}_")
            after = lanes_reduced(scalars, row, self.width, masked, before)
            builder.lines += [*scalars.lines, f"store double {after}, ptr {address}, align 8"]
            builder.declarations |= scalars.declarations
            return
        in_register = i in self.section.in_registers
        address = "" if in_register else self.address("%memory", index * self.width)
        total = f"%total{index}" if in_register else self._load(address)
        for v in self.vectors:
            numbers = [self.operand(x)[v] for x in operands]
            name = lowered(builder, "fma", [*numbers, total]) if len(operands) == 2 else ""
            name = name or lowered(builder, row, [total, *numbers])
            total = self.select(self._valid(v), name, total)  # lanes without a sample add nothing
        if in_register:
            self.totals[index] = total
        else:
            self.store(total, address)
