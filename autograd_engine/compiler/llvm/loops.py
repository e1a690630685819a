"""The functions around the parts, in LLVM IR: loops over samples, sums over chunks, and `run`, which calls all.

They are the same for every program but for names and numbers, so they are texts with gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from autograd_engine.compiler.llvm.body import REDUCE
from autograd_engine.compiler.llvm.layout import CHUNKS, NAN_FOUND, NEXT_CHUNK, SMALLEST_CHUNK, Layout, Loop
from autograd_engine.compiler.llvm.memory import TILE

SHARED_PARAMETERS = "ptr %context"
BODY_PARAMETERS = "ptr %context, ptr %memory, i64 %from, i64 %to"
LOOP_PARAMETERS = "ptr %context, ptr %memory, ptr %partial, i64 %start, i64 %end"
FINISH_PARAMETERS = "ptr %context, ptr %partials"
RUN_PARAMETERS = "ptr %context, ptr %memory, ptr %partials"


@dataclass
class Function:
    """A function without result: its name with parameters, its lines, and what these need declared."""

    signature: str
    text: str
    declarations: set[str] = field(default_factory=set)

    @property
    def declaration(self) -> str:
        """The line by which another module knows the function."""
        return f"declare void @{self.signature}"

    def __str__(self) -> str:
        # The stack is aligned so that vectors that do not fit the registers do not straddle cache lines there.
        return f"define void @{self.signature} alignstack(64) {{\n{self.text}\nret void\n}}"


def calls(signature: str, called: list[str]) -> Function:
    """A function that calls others, whose parameters it has."""
    lines = "\n".join(f"call void @{other}" for other in called)
    return Function(signature, lines, {f"declare void @{other}" for other in called})


def loop(loop: Loop, layout: Layout) -> Function:
    """The samples from %start to %end, tile by tile; at the end the sum of each lane's sums goes to %partial.

    In the exact mode a sum is one number, to which the body adds the samples in order.
    """
    body, tile, width = f"body_{loop.name}({BODY_PARAMETERS})", TILE * layout.block, layout.width
    declarations = {"declare i64 @llvm.smin.i64(i64, i64)", f"declare void @{body}"}
    if layout.exact:
        nothing, kind, reduced = "-0.0", "double", "%lanes"
        reduction = ""
    else:
        nothing, kind, reduced = "0.0", f"<{width} x double>", "%sum"
        reduction = f"%sum = call reassoc double @{REDUCE}.v{width}f64(double -0.0, {kind} %lanes)"
        declarations.add(f"declare double @{REDUCE}.v{width}f64(double, {kind})")
    text = f"""\
entry:
br label %clear
clear:
%k = phi i64 [ 0, %entry ], [ %k_next, %clear_one ]
%more_to_clear = icmp slt i64 %k, {loop.sums * width}
br i1 %more_to_clear, label %clear_one, label %tiles
clear_one:
%cleared = getelementptr double, ptr %memory, i64 %k
store double {nothing}, ptr %cleared
%k_next = add i64 %k, 1
br label %clear
tiles:
%from = phi i64 [ %start, %clear ], [ %after, %tile ]
%more_tiles = icmp slt i64 %from, %end
br i1 %more_tiles, label %tile, label %sums
tile:
%after = add i64 %from, {tile}
%to = call i64 @llvm.smin.i64(i64 %after, i64 %end)
call void @{body}
br label %tiles
sums:
%s = phi i64 [ 0, %tiles ], [ %s_next, %sum_one ]
%more_sums = icmp slt i64 %s, {loop.sums}
br i1 %more_sums, label %sum_one, label %done
sum_one:
%from_lanes = getelementptr {kind}, ptr %memory, i64 %s
%lanes = load {kind}, ptr %from_lanes, align 8
{reduction}
%to_partial = getelementptr double, ptr %partial, i64 %s
store double {reduced}, ptr %to_partial
%s_next = add i64 %s, 1
br label %sums
done:"""
    return Function(f"loop_{loop.name}({LOOP_PARAMETERS})", text, declarations)


def finish(loop: Loop, layout: Layout, first_slot: int) -> Function:
    """The sums over all chunks, added in the order of the chunks, into the shared memory from `first_slot` on."""
    text = f"""\
entry:
{_chunk_size(loop, layout)}
%rounded_n = add i64 %n, %size
%one_less = sub i64 %rounded_n, 1
%chunks = sdiv i64 %one_less, %size
%shared_at = getelementptr i64, ptr %context, i64 2
%shared = load ptr, ptr %shared_at
br label %sums
sums:
%s = phi i64 [ 0, %entry ], [ %s_next, %store ]
%more_sums = icmp slt i64 %s, {loop.sums}
br i1 %more_sums, label %chunks_of_sum, label %done
chunks_of_sum:
%c = phi i64 [ 0, %sums ], [ %c_next, %chunk ]
%total = phi double [ 0.0, %sums ], [ %new_total, %chunk ]
%more_chunks = icmp slt i64 %c, %chunks
br i1 %more_chunks, label %chunk, label %store
chunk:
%row = mul i64 %c, {loop.sums}
%place = add i64 %row, %s
%from = getelementptr double, ptr %partials, i64 %place
%part = load double, ptr %from
%is_first = icmp eq i64 %c, 0
%added = fadd double %total, %part
%new_total = select i1 %is_first, double %part, double %added
%c_next = add i64 %c, 1
br label %chunks_of_sum
store:
%slot = add i64 %s, {first_slot}
%to = getelementptr double, ptr %shared, i64 %slot
store double %total, ptr %to
%s_next = add i64 %s, 1
br label %sums
done:"""
    return Function(f"finish_{loop.name}({FINISH_PARAMETERS})", text, set(_EXTREMES))


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


def outputs(layout: Layout) -> list[Function]:
    """`outputs` stores the outputs that are left and, where it matters, whether something that is looked at is NaN."""
    called = [f"last({SHARED_PARAMETERS})"]
    if not layout.seeks_nan:
        return [calls(f"outputs({SHARED_PARAMETERS})", called)]
    clear = f"""\
%flag = getelementptr i64, ptr %context, i64 {NAN_FOUND}
store i64 0, ptr %flag"""
    functions = [_find_nan("in_outputs", f"%count = add i64 0, {layout.outputs}", 1)]
    if layout.watched:
        functions.append(_find_nan("in_shared", f"%count = add i64 0, {layout.watched}", 2))
    for batch, rows in enumerate(layout.rows):
        if rows:
            at = layout.batch(batch)
            count = f"""\
%n_at = getelementptr i64, ptr %context, i64 {at}
%n = load i64, ptr %n_at
%rounded = add i64 %n, {layout.block - 1}
%padded = and i64 %rounded, {-layout.block}
%count = mul i64 %padded, {rows}"""
            functions.append(_find_nan(f"in_rows_{batch}", count, at + 1))
    called += [function.signature for function in functions]
    lines = "\n".join([clear, *[f"call void @{other}" for other in called]])
    return [
        *functions,
        Function(f"outputs({SHARED_PARAMETERS})", lines, {f"declare void @{other}" for other in called}),
    ]


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


def run(layout: Layout) -> Function:
    """Everything, in one thread."""
    lines = [
        "%memory_at = getelementptr i64, ptr %context, i64 3",
        "%memory = load ptr, ptr %memory_at",
        "%partials_at = getelementptr i64, ptr %context, i64 4",
        "%partials = load ptr, ptr %partials_at",
        f"%next_at = getelementptr i64, ptr %context, i64 {NEXT_CHUNK}",
    ]
    declarations = set()

    def call(signature: str) -> None:
        lines.append(f"call void @{signature}")
        declarations.add(f"declare void @{signature}")

    for stage, of_stage in enumerate(layout.stages):
        call(f"stage_{stage}({SHARED_PARAMETERS})")
        for loop in of_stage:
            lines.append("store i64 0, ptr %next_at")
            call(f"chunks_{loop.name}({RUN_PARAMETERS})")
            call(f"finish_{loop.name}({FINISH_PARAMETERS})")
    call(f"outputs({SHARED_PARAMETERS})")
    return Function(f"run({SHARED_PARAMETERS})", "\n".join(lines), declarations)
