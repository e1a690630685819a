"""The functions around the parts, in LLVM IR: loops over samples, sums over chunks, and `run`, which calls all.

They are the same for every program but for names and numbers, so they are texts with gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.lanes import lanes_reduced
from autograd_engine.compiler.llvm.layout import (
    CHUNKS,
    NAN_FOUND,
    NEXT_CHUNK,
    SMALLEST_CHUNK,
    Layout,
    Loop,
    Rounds,
    Stage,
)
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import TILE
from autograd_engine.compiler.program.program import REDUCTIONS

SHARED_PARAMETERS = "ptr %context"
BODY_PARAMETERS = "ptr %context, ptr %memory, i64 %from, i64 %to"
LOOP_PARAMETERS = "ptr %context, ptr %memory, ptr %partial, i64 %start, i64 %end"
FINISH_PARAMETERS = "ptr %context, ptr %partials"
RUN_PARAMETERS = "ptr %context, ptr %memory, ptr %partials"


@dataclass
class Function:
    """A function without result: its name with parameters, its lines, and what these need declared.

    One with `inner_loops` is short, and takes much time: it is compiled with all care.
    """

    signature: str
    text: str
    declarations: set[str] = field(default_factory=set)
    inner_loops: bool = False

    @property
    def declaration(self) -> str:
        """The line by which another module knows the function."""
        return f"declare void @{self.signature}"

    def definition(self, attributes: str) -> str:
        """The function, with these attributes."""
        # The stack is aligned so that vectors that do not fit the registers do not straddle cache lines there.
        return f"define void @{self.signature} {attributes}alignstack(64) {{\n{self.text}\nret void\n}}"


def calls(signature: str, called: list[str]) -> Function:
    """A function that calls others, whose parameters it has."""
    lines = "\n".join(f"call void @{other}" for other in called)
    return Function(signature, lines, {f"declare void @{other}" for other in called})


@dataclass
class _Kind:
    """The sums of a loop, or other REDUCTIONS of one kind: which of all they are, and how two become one."""

    number: int
    row: str
    neutral: float
    first: int
    end: int


def _kinds(loop: Loop) -> list[_Kind]:
    """The kinds of reductions of a loop."""
    found: list[_Kind] = []
    for operation, count in loop.reductions.items():
        first = found[-1].end if found else 0
        end = first + count
        found.append(_Kind(len(found), *REDUCTIONS[operation], first, end))
    return found


def loop(loop: Loop, layout: Layout) -> Function:
    """The samples from %start to %end, tile by tile; at the end the sum of each lane's sums goes to %partial.

    In the exact mode a sum is one number, to which the body adds the samples in order.
    """
    body, tile = f"body_{loop.name}({BODY_PARAMETERS})", TILE * layout.block
    declarations = {"declare i64 @llvm.smin.i64(i64, i64)", f"declare void @{body}"}
    kinds = _kinds(loop)
    type_ = "double" if layout.exact else f"<{layout.width} x double>"
    lines = ["entry:", f"br label %{'clear0' if kinds else 'tiles'}"]
    for kind in kinds:
        n = kind.number
        before, after = f"clear{n - 1}" if n else "entry", f"clear{n + 1}" if kind is not kinds[-1] else "tiles"
        builder = Builder(1 if layout.exact else layout.width, layout.exact)
        neutral = builder.constant(0.0 if kind.neutral == 0 and not layout.exact else kind.neutral)
        lines.append(f"""\
clear{n}:
%k{n} = phi i64 [ {kind.first}, %{before} ], [ %k_next{n}, %clear_one{n} ]
%more_to_clear{n} = icmp slt i64 %k{n}, {kind.end}
br i1 %more_to_clear{n}, label %clear_one{n}, label %{after}
clear_one{n}:
%cleared{n} = getelementptr {type_}, ptr %memory, i64 %k{n}
store {type_} {neutral}, ptr %cleared{n}, align 8
%k_next{n} = add i64 %k{n}, 1
br label %clear{n}""")
    lines.append(f"""\
tiles:
%from = phi i64 [ %start, %{f"clear{kinds[-1].number}" if kinds else "entry"} ], [ %after, %tile ]
%more_tiles = icmp slt i64 %from, %end
br i1 %more_tiles, label %tile, label %{"sums0" if kinds else "done"}
tile:
%after = add i64 %from, {tile}
%to = call i64 @llvm.smin.i64(i64 %after, i64 %end)
call void @{body}
br label %tiles""")
    for kind in kinds:
        n = kind.number
        before, after = f"sums{n - 1}" if n else "tiles", f"sums{n + 1}" if kind is not kinds[-1] else "done"
        builder = Builder(1, layout.exact, f"of{n}_")
        reduced = f"%lanes{n}" if layout.exact else lanes_reduced(builder, kind.row, layout.width, f"%lanes{n}")
        declarations |= builder.declarations
        lines += [
            f"""\
sums{n}:
%s{n} = phi i64 [ {kind.first}, %{before} ], [ %s_next{n}, %sum_one{n} ]
%more_sums{n} = icmp slt i64 %s{n}, {kind.end}
br i1 %more_sums{n}, label %sum_one{n}, label %{after}
sum_one{n}:
%from_lanes{n} = getelementptr {type_}, ptr %memory, i64 %s{n}
%lanes{n} = load {type_}, ptr %from_lanes{n}, align 8""",
            *builder.lines,
            f"""\
%to_partial{n} = getelementptr double, ptr %partial, i64 %s{n}
store double {reduced}, ptr %to_partial{n}
%s_next{n} = add i64 %s{n}, 1
br label %sums{n}""",
        ]
    return Function(f"loop_{loop.name}({LOOP_PARAMETERS})", "\n".join([*lines, "done:"]), declarations)


def finish(loop: Loop, layout: Layout, first_slot: int) -> Function:
    """The sums over all chunks, added in the order of the chunks, into the shared memory from `first_slot` on."""
    signature, kinds = f"finish_{loop.name}({FINISH_PARAMETERS})", _kinds(loop)
    if not kinds:
        return calls(signature, [])
    lines = [
        f"""\
entry:
{_chunk_size(loop, layout)}
%rounded_n = add i64 %n, %size
%one_less = sub i64 %rounded_n, 1
%chunks = sdiv i64 %one_less, %size
%shared_at = getelementptr i64, ptr %context, i64 2
%shared = load ptr, ptr %shared_at
%totals = getelementptr double, ptr %shared, i64 {first_slot}
call void @llvm.memcpy.p0.p0.i64(ptr %totals, ptr %partials, i64 {8 * loop.sums}, i1 false)
br label %sums0"""
    ]
    for kind in kinds:
        n = kind.number
        before, after = f"sums{n - 1}" if n else "entry", f"sums{n + 1}" if kind is not kinds[-1] else "done"
        builder = Builder(1, layout.exact, f"of{n}_")
        both = lowered(builder, kind.row, [f"%total{n}", f"%part{n}"])
        lines += [
            f"""\
sums{n}:
%c{n} = phi i64 [ 1, %{before} ], [ %c_next{n}, %one{n} ]
%more_chunks{n} = icmp slt i64 %c{n}, %chunks
br i1 %more_chunks{n}, label %chunk{n}, label %{after}
chunk{n}:
%c_next{n} = add i64 %c{n}, 1
%row{n} = mul i64 %c{n}, {loop.sums}
%parts{n} = getelementptr double, ptr %partials, i64 %row{n}
br label %one{n}
one{n}:
%s{n} = phi i64 [ {kind.first}, %chunk{n} ], [ %s_next{n}, %one{n} ]
%total_at{n} = getelementptr double, ptr %totals, i64 %s{n}
%part_at{n} = getelementptr double, ptr %parts{n}, i64 %s{n}
%total{n} = load double, ptr %total_at{n}
%part{n} = load double, ptr %part_at{n}""",
            *builder.lines,
            f"""\
store double {both}, ptr %total_at{n}
%s_next{n} = add i64 %s{n}, 1
%more_sums{n} = icmp slt i64 %s_next{n}, {kind.end}
br i1 %more_sums{n}, label %one{n}, label %sums{n}""",
        ]
    declarations = {*_EXTREMES, "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"}
    return Function(signature, "\n".join([*lines, "done:"]), declarations)


def chunks(loop: Loop, layout: Layout) -> Function:
    """One chunk of a loop after the other, as long as there are any that no other thread has taken."""
    called = f"loop_{loop.name}({LOOP_PARAMETERS})"
    text = f"""\
entry:
{_chunk_size(loop, layout)}
%next_at = getelementptr i64, ptr %context, i64 {NEXT_CHUNK}
br label %take
take:
%chunk_number = atomicrmw add ptr %next_at, i64 1 monotonic
%start = mul i64 %chunk_number, %size
%more = icmp slt i64 %start, %n
br i1 %more, label %chunk, label %done
chunk:
%stop = add i64 %start, %size
%end = call i64 @llvm.smin.i64(i64 %stop, i64 %n)
%place = mul i64 %chunk_number, {loop.sums}
%partial = getelementptr double, ptr %partials, i64 %place
call void @{called}
br label %take
done:"""
    return Function(f"chunks_{loop.name}({RUN_PARAMETERS})", text, {f"declare void @{called}", *_EXTREMES})


_EXTREMES = ("declare i64 @llvm.smin.i64(i64, i64)", "declare i64 @llvm.smax.i64(i64, i64)")


def _chunk_size(loop: Loop, layout: Layout) -> str:
    """The lines for %n, the number of samples, and %size, that of a chunk: `Layout.chunk`."""
    n = f"""\
%n_at = getelementptr i64, ptr %context, i64 {layout.batch(loop.batch)}
%n = load i64, ptr %n_at
"""
    if layout.exact:
        return n + "%size = call i64 @llvm.smax.i64(i64 %n, i64 1)"
    return f"""\
{n}%rounded = add i64 %n, {CHUNKS - 1}
%share = sdiv i64 %rounded, {CHUNKS}
%rounded_share = add i64 %share, {layout.block - 1}
%blocks = and i64 %rounded_share, {-layout.block}
%size = call i64 @llvm.smax.i64(i64 %blocks, i64 {SMALLEST_CHUNK})"""


def outputs(layout: Layout, stores: Sequence[str]) -> list[Function]:
    """`outputs` calls the `stores` of what is left and, where it matters, says whether something looked at is NaN."""
    functions: list[Function] = []
    if layout.seeks_nan:
        functions.append(_find_nan("in_outputs", f"%count = add i64 0, {layout.outputs}", 1))
        if layout.watched:
            functions.append(_find_nan("in_shared", f"%count = add i64 0, {layout.watched}", 2))
    called = [*stores, *[function.signature for function in functions]]
    return [*functions, calls(f"outputs({SHARED_PARAMETERS})", called)]


def _find_nan(name: str, count: str, entry: int) -> Function:
    """Sets the flag where one of %count doubles is NaN, at the address in an entry of the context."""
    text = f"""\
entry:
{count}
%numbers_at = getelementptr i64, ptr %context, i64 {entry}
%numbers = load ptr, ptr %numbers_at
br label %look
look:
%k = phi i64 [ 0, %entry ], [ %k_next, %one ]
%found = phi i1 [ false, %entry ], [ %found_now, %one ]
%more = icmp slt i64 %k, %count
br i1 %more, label %one, label %done
one:
%number_at = getelementptr double, ptr %numbers, i64 %k
%number = load double, ptr %number_at
%is_nan = fcmp uno double %number, %number
%found_now = or i1 %found, %is_nan
%k_next = add i64 %k, 1
br label %look
done:
%flag_at = getelementptr i64, ptr %context, i64 {NAN_FOUND}
%flag = load i64, ptr %flag_at
%here = zext i1 %found to i64
%flag_now = or i64 %flag, %here
store i64 %flag_now, ptr %flag_at"""
    return Function(f"nan_{name}({SHARED_PARAMETERS})", text)


_AT_HAND = (
    "%memory_at = getelementptr i64, ptr %context, i64 3",
    "%memory = load ptr, ptr %memory_at",
    "%partials_at = getelementptr i64, ptr %context, i64 4",
    "%partials = load ptr, ptr %partials_at",
    f"%next_at = getelementptr i64, ptr %context, i64 {NEXT_CHUNK}",
)


def _of_stages(stages: Sequence[Stage]) -> list[str]:
    """The lines that execute stages in one thread."""
    lines = []
    for stage in stages:
        lines.append(f"call void @{stage.function}({SHARED_PARAMETERS})")
        for loop in stage.loops:
            if isinstance(loop, Rounds):
                lines.append(f"call void @rounds_{loop.name}({SHARED_PARAMETERS})")
                continue
            lines.append("store i64 0, ptr %next_at")
            lines.append(f"call void @chunks_{loop.name}({RUN_PARAMETERS})")
            lines.append(f"call void @finish_{loop.name}({FINISH_PARAMETERS})")
    return lines


def _calling(signature: str, lines: list[str]) -> Function:
    """A function that calls others, and what these need declared."""
    called = {f"declare void @{line.removeprefix('call void @')}" for line in lines if line.startswith("call void @")}
    return Function(signature, "\n".join(lines), called)


def rounds(rounds: Rounds) -> Function:
    """A loop around samples, in one thread."""
    lines = [
        "entry:",
        *_AT_HAND,
        "%shared_at = getelementptr i64, ptr %context, i64 2",
        "%shared = load ptr, ptr %shared_at",
        f"%goes_at = getelementptr double, ptr %shared, i64 {rounds.goes}",
        *_of_stages([rounds.begin]),
        "br label %ask",
        "ask:",
        "%goes = load double, ptr %goes_at",
        "%more = fcmp une double %goes, 0.0",
        "br i1 %more, label %round, label %done",
        "round:",
        *_of_stages(rounds.stages),
        f"call void @next_{rounds.name}({SHARED_PARAMETERS})",
        "br label %ask",
        "done:",
    ]
    return _calling(f"rounds_{rounds.name}({SHARED_PARAMETERS})", lines)


def run(layout: Layout) -> Function:
    """Everything, in one thread."""
    clear = [f"%nan_at = getelementptr i64, ptr %context, i64 {NAN_FOUND}", "store i64 0, ptr %nan_at"]
    last = f"call void @outputs({SHARED_PARAMETERS})"
    return _calling(f"run({SHARED_PARAMETERS})", [*clear, *_AT_HAND, *_of_stages(layout.stages), last])
