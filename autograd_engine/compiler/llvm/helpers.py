"""Functions in LLVM IR that loops and stacks call, and what they tell the caller of a kernel."""

from __future__ import annotations

from autograd_engine.compiler.llvm.builder import Builder
from autograd_engine.compiler.llvm.layout import FAULT, LEFT, PYTHON, RAISED, STOPPED

INTERRUPTED, OUT_OF_MEMORY, OUT_OF_RANGE, OVER_THE_LIMIT = 1, 2, 3, 4
"""What STOPPED says after a signal handler has raised an exception, where a buffer could not grow, where an index was
out of range, and where a buffer was not to grow."""

ROOM = f"""\
define internal void @stop(ptr %context, i64 %reason) {{
%stopped_at = getelementptr i64, ptr %context, i64 {STOPPED}
%stopped = load i64, ptr %stopped_at
%first = icmp eq i64 %stopped, 0
%one = select i1 %first, i64 %reason, i64 %stopped
store i64 %one, ptr %stopped_at
ret void
}}
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
%left_at = getelementptr i64, ptr %context, i64 {LEFT}
%left = load i64, ptr %left_at
%more = sub i64 %larger, %size
%still = sub i64 %left, %more
store i64 %still, ptr %left_at
%over = icmp slt i64 %still, 0
br i1 %over, label %limit, label %within
limit:
call void @stop(ptr %context, i64 {OVER_THE_LIMIT})
br label %within
within:
%grown = call ptr @realloc(ptr %buffer, i64 %larger)
%none = icmp eq ptr %grown, null
br i1 %none, label %failed, label %done
done:
store ptr %grown, ptr %cell
store i64 %larger, ptr %size_at
ret ptr %grown
failed:
call void @stop(ptr %context, i64 {OUT_OF_MEMORY})
ret ptr null
}}"""
"""The buffer in a cell, an address and a size in bytes, with room for so many bytes. It grows beyond the
limit too, since what follows may read from it before loops end."""


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


def copy_doubles(b: Builder, source: str, target: str, doubles: int | str) -> None:
    """Copy so many doubles from one address to another, the same or so far away that they do not overlap."""
    b.declarations.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    size = b.emit(f"mul i64 {doubles}, 8")
    b.lines.append(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")


def clear_doubles(b: Builder, target: str, doubles: int | str) -> None:
    """Make so many doubles from an address on 0."""
    b.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    size = b.emit(f"mul i64 {doubles}, 8")
    b.lines.append(f"call void @llvm.memset.p0.i64(ptr {target}, i8 0, i64 {size}, i1 false)")


def ask(b: Builder, name: str, number: str, bits: int, go_on: str, end: str) -> None:
    """Begin a round of the loop `name`: go on with it, or end where the caller says so, who is asked in those rounds in
    whose number all of these bits are set."""
    turn = b.emit(f"and i64 {number}, {bits}")
    asks = b.emit(f"icmp eq i64 {turn}, {bits}")
    b.lines += [f"br i1 {asks}, label %{name}.poll, label %{name}.{go_on}", f"{name}.poll:"]
    b.declarations.add(ASK)
    stops = b.emit("call i1 @ask(ptr %context)")
    b.lines += [f"br i1 {stops}, label %{name}.{end}, label %{name}.{go_on}", f"{name}.{go_on}:"]


FAULTY = f"""\
define internal void @faulty(ptr %context, i64 %site, double %index) noinline cold {{
%stopped_at = getelementptr i64, ptr %context, i64 {STOPPED}
%stopped = load i64, ptr %stopped_at
%first = icmp eq i64 %stopped, 0
br i1 %first, label %note, label %done
note:
store i64 {OUT_OF_RANGE}, ptr %stopped_at
%site_at = getelementptr i64, ptr %context, i64 {FAULT}
store i64 %site, ptr %site_at
%index_at = getelementptr i64, ptr %context, i64 {FAULT + 1}
store double %index, ptr %index_at
br label %done
done:
ret void
}}"""
"""Notes the first index that is out of range."""
