"""A kernel as C functions that need no Python: any thread may call them, at once with others, and hold no lock.

Where `Executable` lends a workspace to a call, each call of these has its own, on the stack or, where it is large, by
malloc. It begins as a copy of a context with all that is the same in every call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from autograd_engine.compiler.llvm import native
from autograd_engine.compiler.llvm.executable import Executable, Workspace
from autograd_engine.compiler.llvm.layout import NAN_FOUND, PYTHON, PYTHON_FUNCTIONS, STOPPED, Layout
from autograd_engine.compiler.program.program import Program
from autograd_engine.compiler.program.traced_function import TracedFunction

ON_STACK = 2048
"""Bytes. More than a page of the stack would have to be asked for."""
RUN, CONTEXT, GUARDED = range(3)
"""What the entries of the table say that lies beside the functions: the addresses of the kernel, of the context that is
copied, and of the same function of the program with all strong zeros, 0 where that is this one."""


class Entry:
    """The functions of a traced function of numbers that returns numbers, and the memory that they read.

    `evaluate(const double *inputs, double *outputs)` returns nothing. Of a function that returns one number there are
    also `of_numbers(double, ...)` and `of_array(int count, const double *inputs)`, which return it, or nan for another
    count. Where a loop cannot get the memory that it needs, and where an index is out of range, results are nan.
    """

    def __init__(self, program: Program, traced: TracedFunction, exact: bool) -> None:
        guarded = program.guarded
        self._guarded = None if guarded is None else Entry(guarded(), traced, exact)
        self._executable = executable = Executable(program, traced, exact, 1)
        self._work = work = Workspace(executable)
        work.map([])
        names = ["evaluate", "of_numbers", "of_array"] if executable.layout.outputs == 1 else ["evaluate"]
        samples = [executable.layout.padded(count) for count in work.samples]
        text = _module(executable.layout, executable.scalars, samples, names)
        self._library = native.linked([text], ["table", "nothing", *names])
        addresses = self._library.addresses
        # A loop asks nobody whether to end: signals wait until the caller is Python again.
        work.context[PYTHON : PYTHON + len(PYTHON_FUNCTIONS)] = [addresses["nothing"]] * len(PYTHON_FUNCTIONS)
        table = (ctypes.c_int64 * 3).from_address(addresses["table"])
        table[RUN] = ctypes.cast(executable.everything, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
        table[CONTEXT] = work.address
        table[GUARDED] = 0 if self._guarded is None else self._guarded.address("evaluate")

    def address(self, name: str) -> int:
        """The address of a function, valid as long as this object lives."""
        address: int = self._library.addresses[name]
        return address


def _module(layout: Layout, count: int, samples: Sequence[int], names: Sequence[str]) -> str:
    """The functions for a kernel of `count` numbers, its batches of so many samples, as LLVM IR."""
    parts = ["@table = global [3 x i64] zeroinitializer", "define i32 @nothing() {\nret i32 0\n}", *_DECLARATIONS]
    parts.append(_evaluate(layout, samples))
    if "of_numbers" in names:
        stores = [
            f"%to{i} = getelementptr double, ptr %inputs, i64 {i}\nstore double %x{i}, ptr %to{i}" for i in range(count)
        ]
        parameters = ", ".join(f"double %x{i}" for i in range(count))
        parts.append(f"""\
define double @of_numbers({parameters}) {{
%inputs = alloca [{max(count, 1)} x double]
%outputs = alloca double
{chr(10).join(stores)}
call void @evaluate(ptr %inputs, ptr %outputs)
%result = load double, ptr %outputs
ret double %result
}}""")
        parts.append(f"""\
define double @of_array(i32 %count, ptr %inputs) {{
%outputs = alloca double
%right = icmp eq i32 %count, {count}
br i1 %right, label %run, label %wrong
run:
call void @evaluate(ptr %inputs, ptr %outputs)
%result = load double, ptr %outputs
ret double %result
wrong:
ret double {_NAN}
}}""")
    return "\n".join(parts) + "\n"


_NAN = "0x7ff8000000000000"
_DECLARATIONS = (
    "declare ptr @malloc(i64)",
    "declare void @free(ptr)",
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
)


def _evaluate(layout: Layout, samples: Sequence[int]) -> str:
    """`evaluate`: the memory of a call is made, and given back."""
    size = 0

    def room(doubles: int) -> int:
        """Where so many doubles lie, at the beginning of a cache line."""
        nonlocal size
        place, size = size, -(-(size + 8 * doubles) // 64) * 64
        return place

    context = room(layout.context)
    places = {2: room(layout.shared), 3: room(layout.memory + 2 * layout.thread_buffers), 4: room(layout.partials)}
    memory = places[3]
    for batch, kept in enumerate(layout.kept):
        if kept:
            places[layout.batch(batch) + 2] = room(kept * samples[batch])
    cells = [context + 8 * layout.buffer(i) for i in range(layout.buffers)]
    cells += [memory + 8 * layout.thread_buffer(i) for i in range(layout.thread_buffers)]
    lines: list[str] = []

    def at(offset: int) -> str:
        lines.append(f"%at{len(lines)} = getelementptr i8, ptr %block, i64 {offset}")
        return f"%at{len(lines) - 1}"

    def store(kind: str, value: str, offset: int) -> None:
        place = at(offset)
        lines.append(f"store {kind} {value}, ptr {place}")

    def load(kind: str, name: str, offset: int) -> None:
        place = at(offset)
        lines.append(f"%{name} = load {kind}, ptr {place}")

    on_stack = size <= ON_STACK
    if on_stack:
        lines.append(f"%block = alloca [{size} x i8], align 64")
    else:
        lines += [
            f"%got = call ptr @malloc(i64 {size + 63})",
            "%none = icmp eq ptr %got, null",
            "br i1 %none, label %failed, label %there",
            "there:",
            "%number = ptrtoint ptr %got to i64",
            "%more = add i64 %number, 63",
            "%aligned = and i64 %more, -64",
            "%block = inttoptr i64 %aligned to ptr",
        ]
    lines += [
        "%template_at = getelementptr i64, ptr @table, i64 1",
        "%template = load ptr, ptr %template_at",
        f"call void @llvm.memcpy.p0.p0.i64(ptr %block, ptr %template, i64 {8 * layout.context}, i1 false)",
    ]
    for entry, argument in enumerate(("%inputs", "%outputs")):
        store("ptr", argument, context + 8 * entry)
    for entry, place in places.items():
        store("ptr", at(place), context + 8 * entry)
    for cell in cells:
        store("ptr", "null", cell)
        store("i64", "0", cell + 8)
    lines += ["%run = load ptr, ptr @table", "call void %run(ptr %block)"]
    load("i64", "stopped", context + 8 * STOPPED)
    load("i64", "nan_found", context + 8 * NAN_FOUND)
    for i, cell in enumerate(cells):
        load("ptr", f"buffer{i}", cell)
        lines.append(f"call void @free(ptr %buffer{i})")
    if not on_stack:
        lines.append("call void @free(ptr %got)")
    return f"""\
define void @evaluate(ptr %inputs, ptr %outputs) {{
{chr(10).join(lines)}
%fine = icmp eq i64 %stopped, 0
br i1 %fine, label %finished, label %failed
finished:
%guarded_at = getelementptr i64, ptr @table, i64 2
%guarded = load ptr, ptr %guarded_at
%there_is_one = icmp ne ptr %guarded, null
%is_nan = icmp ne i64 %nan_found, 0
%again = and i1 %is_nan, %there_is_one
br i1 %again, label %run_again, label %done
run_again:
call void %guarded(ptr %inputs, ptr %outputs)
ret void
done:
ret void
failed:
br label %next
next:
%k = phi i64 [ 0, %failed ], [ %k_next, %one ]
%left = icmp slt i64 %k, {layout.outputs}
br i1 %left, label %one, label %done
one:
%to = getelementptr double, ptr %outputs, i64 %k
store double {_NAN}, ptr %to
%k_next = add i64 %k, 1
br label %next
}}"""


def c_function(entry: Entry, name: str, prototype: Any) -> Any:
    """A function of an entry as one of ctypes, which keeps the entry alive."""
    function = prototype(entry.address(name))
    function.entry = entry
    return function
