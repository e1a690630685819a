"""Kernels that take turns, many rounds in one call: each round copies numbers, and runs kernels on what was copied.

It is one function for all, which reads from a table what is to be done, so it is compiled once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler.llvm import native
from autograd_engine.compiler.llvm.executable import Executable, Workspace
from autograd_engine.compiler.llvm.layout import NAN_FOUND, STOPPED

_COPY, _GATHER, _RUN = range(3)
_DONE, _ROUNDS, _SIZES, _MOVES, _FIRST = range(5)
"""The entries of the table: how many rounds are done and how many there are, the address of their sizes, how many moves
a round has, and the first of the moves, each of `_ENTRIES`."""
_ENTRIES = 6


class Turns:
    """The moves of a round, in order. All of them are given addresses, whose memory the caller keeps."""

    def __init__(self) -> None:
        self._moves: list[tuple[int, ...]] = []

    def copy(self, source: int, target: int, doubles: int, source_step: int = 0, target_step: int = 0) -> None:
        """Copy so many doubles; in each further round from and to addresses so many doubles later."""
        self._moves.append((_COPY, source, target, 8 * doubles, 8 * source_step, 8 * target_step))

    def gather(self, source: int, target: int, doubles: int, order: int) -> None:
        """Copy rows of so many doubles. Which they are stands at `order`, 64-bit integers, as many a round as is its
        size, one round's after the other's."""
        self._moves.append((_GATHER, source, target, 8 * doubles, order, 0))

    def run(self, executable: Executable, work: Workspace) -> None:
        """Run a kernel in one thread. Where it finds a NaN that may be wrong, or stops early, the round is the last."""
        self._moves.append((_RUN, executable.address, work.address, 0, 0, 0))

    def __call__(self, sizes: npt.NDArray[np.int64]) -> int:
        """Do as many rounds as there are sizes; return how many were finished."""
        header = [0, len(sizes), sizes.ctypes.data, len(self._moves)]
        table = np.array([*header, *[entry for move in self._moves for entry in move]], dtype=np.int64)
        _function()(table.ctypes.data)
        return int(table[_DONE])


@functools.cache
def _function() -> Callable[..., None]:
    return native.linked([_TEXT], ["turns"]).function("turns", 1)


def _loads(start: str, entries: dict[str, tuple[str, int]]) -> str:
    """Loads of entries of what begins at `start`, each with its type and its place."""
    lines: list[str] = []
    for name, (kind, place) in entries.items():
        lines += [f"%{name}_at = getelementptr i64, ptr {start}, i64 {place}", f"%{name} = load {kind}, ptr %{name}_at"]
    return "\n".join(lines)


_TEXT = f"""\
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define void @turns(ptr %table) {{
entry:
{_loads("%table", {"rounds": ("i64", _ROUNDS), "sizes": ("ptr", _SIZES), "moves": ("i64", _MOVES)})}
br label %round
round:
%r = phi i64 [ 0, %entry ], [ %r_next, %finished ]
%more = icmp slt i64 %r, %rounds
br i1 %more, label %begin, label %end
begin:
%size_at = getelementptr i64, ptr %sizes, i64 %r
%size = load i64, ptr %size_at
br label %next
next:
%m = phi i64 [ 0, %begin ], [ %m_next, %moved ]
%left = icmp slt i64 %m, %moves
br i1 %left, label %move, label %finished
move:
%m_next = add i64 %m, 1
%before = mul i64 %m, {_ENTRIES}
%place = add i64 %before, {_FIRST}
%at = getelementptr i64, ptr %table, i64 %place
{_loads("%at", {"kind": ("i64", 0), "source": ("ptr", 1), "target": ("ptr", 2), "bytes": ("i64", 3)})}
{_loads("%at", {"a": ("i64", 4), "b": ("i64", 5)})}
switch i64 %kind, label %copy [ i64 {_GATHER}, label %gather i64 {_RUN}, label %run ]
copy:
call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %source, i64 %bytes, i1 false)
%source_next = getelementptr i8, ptr %source, i64 %a
%target_next = getelementptr i8, ptr %target, i64 %b
store ptr %source_next, ptr %source_at
store ptr %target_next, ptr %target_at
br label %moved
gather:
%order = inttoptr i64 %a to ptr
%order_next = getelementptr i64, ptr %order, i64 %size
store ptr %order_next, ptr %a_at
br label %row
row:
%k = phi i64 [ 0, %gather ], [ %k_next, %one ]
%rows_left = icmp slt i64 %k, %size
br i1 %rows_left, label %one, label %moved
one:
%k_next = add i64 %k, 1
%index_at = getelementptr i64, ptr %order, i64 %k
%index = load i64, ptr %index_at
%from_bytes = mul i64 %index, %bytes
%to_bytes = mul i64 %k, %bytes
%from = getelementptr i8, ptr %source, i64 %from_bytes
%to = getelementptr i8, ptr %target, i64 %to_bytes
call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
br label %row
run:
call void %source(ptr %target)
{_loads("%target", {"nan_found": ("i64", NAN_FOUND), "stopped": ("i64", STOPPED)})}
%reasons = or i64 %nan_found, %stopped
%fine = icmp eq i64 %reasons, 0
br i1 %fine, label %moved, label %end
moved:
br label %next
finished:
%r_next = add i64 %r, 1
store i64 %r_next, ptr %table
br label %round
end:
ret void
}}
"""
