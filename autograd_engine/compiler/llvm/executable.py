"""A program as native code, with the memory it works in.

Calls from several threads do not disturb each other: each has a workspace of its own. Large batches are split over
threads, since the native code runs without Python's lock.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from autograd_engine.compiler.llvm import native
from autograd_engine.compiler.llvm.helpers import INTERRUPTED, OUT_OF_MEMORY, OUT_OF_RANGE, OVER_THE_LIMIT
from autograd_engine.compiler.llvm.host import width
from autograd_engine.compiler.llvm.layout import (
    FAULT,
    FIRST,
    LEFT,
    NAN_FOUND,
    NEXT_CHUNK,
    PYTHON_FUNCTIONS,
    RAISED,
    STOPPED,
    Loop,
    Rounds,
    Stage,
)
from autograd_engine.compiler.llvm.modules import emit
from autograd_engine.compiler.program.program import Program
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.compiler.trace.blocks import Gathered

WORTH_THREADS = 4_000_000
"""Instructions times samples: a few hundred microseconds."""


class KeepsTooMuchError(Exception):
    """The loops of a kernel want more memory than they are to have."""


class Executable:
    """Native code for a program, for the arguments and results of a traced function.

    Where its loops want more than `memory` bytes, a run raises KeepsTooMuchError.
    """

    def __init__(
        self, program: Program, traced: TracedFunction, exact: bool, threads: int | None, memory: int = 2**63 - 1
    ) -> None:
        self.program, self.arrays, self.scalars = program, traced.arrays, traced.scalars
        arguments, constants = self.arrays.arguments, self.arrays.constants
        sizes = list(self.arrays.batches)
        self.code = emit(
            program,
            arrays=len(arguments) + len(constants),
            views=len(self.arrays.views),
            batches=len(sizes),
            width=width(),
            exact=exact,
            leaves=traced.leaves,
        )
        self.layout = self.code.layout
        functions = {"run": 1, "outputs": 1} | self.layout.functions(self.layout.stages)
        library = native.linked(self.code.modules, functions)
        self.code_bytes = library.size
        self._functions = {name: library.function(name, count) for name, count in functions.items()}
        self.everything = self._functions["run"]
        self.address: int = library.addresses["run"]
        self._threads, self.memory = threads or _cores(), memory
        self._length = len(program)
        self.pool: list[Workspace] = []
        # Of the arrays, the arguments and then the constants: which are read as a whole, and which along an axis.
        self.constants = [constant.plain for constant in constants]
        self.gathered = [(k, constant.source) for k, constant in enumerate(constants) if isinstance(constant, Gathered)]
        self.whole = [i for i, array in enumerate(arguments) if array.shape_seen]
        self.sites = traced.sites
        self.may_stop = bool(program.loops or traced.sites)
        self.views = []
        for i, (number, axis, size) in enumerate(self.arrays.views):
            at = self.arrays.place(number)
            others = [other for other in range([*arguments, *constants][at].ndim) if other != axis]
            self.views.append((self.layout.view(i), at, (axis, *others), sizes.index(size)))

    def run(self, scalars: Sequence[float], arrays: Sequence[Any]) -> Workspace:
        """Compute everything; the results lie in the workspace until it is given back."""
        try:
            work = self.pool.pop()
        except IndexError:  # asked beforehand, a pool may be empty by then: another call took the last one
            work = Workspace(self)
        if scalars:
            work.scalars[:] = scalars
        if arrays:
            work.copy(arrays)
        large = False
        if self.views:
            work.map(arrays)
            large = self._threads > 1 and max(work.samples) * self._length > WORTH_THREADS
        if large and threading.main_thread().is_alive():  # after its end, as in atexit, no thread takes anything
            self._run_in_threads(work)
        else:
            self.everything(work.address)
        if self.may_stop:
            self.check(work)
        return work

    def check(self, work: Workspace) -> None:
        """Raise what ended a call early: what a signal handler raised, MemoryError, or IndexError."""
        if not (reason := work.context[STOPPED]):
            return
        work.context[STOPPED] = 0
        if reason == OVER_THE_LIMIT:  # the workspace is not needed any more
            raise KeepsTooMuchError
        if reason == OUT_OF_MEMORY:
            error: BaseException = MemoryError(
                "there is not enough memory for what the derivative of a loop keeps of every round"
            )
        elif reason == OUT_OF_RANGE:
            error = self.sites[work.context[FAULT]].error(work.fault.value)
        else:
            error = _raised(work.context)
        self.give_back(work)
        raise error

    def give_back(self, work: Workspace) -> None:
        """Let another call have the workspace."""
        self.pool.append(work)

    def llvm(self) -> str:
        """The LLVM IR."""
        return "\n".join(self.code.modules)

    def assembly(self) -> str:
        """The assembly language of this machine."""
        return native.assembly(self.code.modules)

    def _run_in_threads(self, work: Workspace) -> None:
        """What `run` does, the chunks of each loop distributed over threads."""
        work.context[NAN_FOUND] = 0
        self._run_stages(work, self.layout.stages)
        self._functions["outputs"](work.address)

    def _run_stages(self, work: Workspace, stages: Sequence[Stage]) -> None:
        functions = self._functions
        for stage in stages:
            functions[stage.function](work.address)
            for loop in stage.loops:
                if isinstance(loop, Rounds):
                    self._run_stages(work, [loop.begin])
                    while work.shared[loop.goes]:
                        self._run_stages(work, loop.stages)
                        functions[f"next_{loop.name}"](work.address)
                    continue
                work.context[NEXT_CHUNK] = 0
                threads = range(min(self._threads, work.chunks(loop)))
                others = [_threads(os.getpid()).submit(self._take, work, loop, thread) for thread in threads[1:]]
                try:
                    self._take(work, loop, 0)
                    for other in others:
                        other.result()
                except BaseException:  # of a signal handler, while this thread waited
                    work.context[STOPPED] = INTERRUPTED
                    raise
                functions[f"finish_{loop.name}"](work.address, work.partials)

    def _take(self, work: Workspace, loop: Loop, thread: int) -> None:
        """Compute chunks of a loop as long as there are any. Until then the workspace cannot go."""
        self._functions[f"chunks_{loop.name}"](work.address, work.memory_of(thread), work.partials)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of this process (a forked one needs its own)."""
    return ThreadPoolExecutor(os.cpu_count() or 1, "autograd-engine")


# The address of an array's numbers is the first field of its C struct, a part of NumPy's binary interface; array.ctypes
# takes ten times as long to tell it.
_DATA = object.__basicsize__
_address = ctypes.c_int64.from_address

_PYTHON = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in PYTHON_FUNCTIONS]


def _raised(context: Any) -> BaseException:
    """What a signal handler raised while a loop ran."""
    entries: list[Any] = [
        ctypes.cast(address, ctypes.py_object).value if address else None for address in context[RAISED : RAISED + 3]
    ]
    for entry, address in zip(entries, context[RAISED : RAISED + 3]):
        if address:
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(entry))
    context[RAISED : RAISED + 3] = [0, 0, 0]
    kind, value, _ = entries
    return value if isinstance(value, BaseException) else kind() if value is None else kind(value)


_C = ctypes.CDLL(None if os.name == "posix" else "ucrtbase")
_C.free.argtypes, _C.free.restype = [ctypes.c_void_p], None


def _free_buffers(cells: Sequence[Any], memory: Any) -> None:
    """Free the buffers of loops, whose addresses and sizes lie in `memory`."""
    for cell in cells:
        _C.free(cell[0])


class Workspace:
    """The memory of one call: `numbers`, also as the array `outputs`, the `rows` and the `samples` of each batch."""

    def __init__(self, executable: Executable) -> None:
        layout = self.layout = executable.layout
        self.executable = executable
        self.context = (ctypes.c_int64 * layout.context)()
        self.address = ctypes.addressof(self.context)
        self.scalars: Any = (ctypes.c_double * executable.scalars)()
        self.numbers: Any = (ctypes.c_double * layout.outputs)()
        self.outputs: Any = np.asarray(self.numbers)
        self.samples = [0] * layout.batches
        self.rows: list[Any] = [None] * layout.batches
        self._batches_with_rows = [(batch, count) for batch, count in enumerate(layout.rows) if count]
        self.shared = np.empty(layout.shared)
        self._partials = np.empty(layout.partials)
        self._memory: dict[int, tuple[Any, int]] = {}
        cells = [self.address + 8 * layout.buffer(i) for i in range(layout.buffers)]
        self._buffers = [(ctypes.c_int64 * 2).from_address(cell) for cell in cells]
        weakref.finalize(self, _free_buffers, self._buffers, [self.context, self._memory])
        self.partials = self._partials.ctypes.data
        self.context[:FIRST] = [
            ctypes.addressof(self.scalars),
            ctypes.addressof(self.numbers),
            self.shared.ctypes.data,
            self.memory_of(0),
            self.partials,
            0,
            0,
            0,
            *_PYTHON,
            *[0] * (FIRST - RAISED),
        ]
        self.context[LEFT] = executable.memory
        self.fault = ctypes.c_double.from_address(self.address + 8 * (FAULT + 1))
        self._whole: list[tuple[int, Any]] = []
        for i in executable.whole:
            room = np.empty(executable.arrays.arguments[i].shape_to_map)
            self._whole.append((i, room))
            self.context[layout.array(i)] = room.ctypes.data
        self._constants = list(executable.constants)
        self._gathered: list[tuple[Any, Any, Any]] = []  # where from, at which places, where to
        rooms = {("element", i): room.ravel() for i, room in self._whole} | {("scalar",): np.asarray(self.scalars)}
        for k, source in executable.gathered:
            self._constants[k] = np.empty(executable.constants[k].shape)
            self._gathered.append((rooms[source], executable.constants[k], self._constants[k]))
        for i, constant in enumerate(self._constants, len(executable.arrays.arguments)):
            self.context[layout.array(i)] = constant.ctypes.data
        self._mapped: list[Any] = [None] * layout.views  # address, shape and strides of each view's array
        self._copies: dict[int, Any] = {}  # of the views whose samples do not lie in one piece
        self._kept: dict[int, Any] = {}

    def memory_of(self, thread: int) -> int:
        """The address of the memory of one thread, at the beginning of a cache line."""
        if thread not in self._memory:
            layout = self.layout
            memory = np.zeros(layout.memory + 2 * layout.thread_buffers + 8)
            start = -(-memory.ctypes.data // 64) * 64
            self._memory[thread] = memory, start
            cells = [start + 8 * layout.thread_buffer(i) for i in range(layout.thread_buffers)]
            self._buffers += [(ctypes.c_int64 * 2).from_address(cell) for cell in cells]
        return self._memory[thread][1]

    def room(self, number: int) -> Any:
        """The array from which the kernel reads an argument as a whole."""
        return dict(self._whole)[number]

    def chunks(self, loop: Loop) -> int:
        """How many chunks the samples of a loop are."""
        samples = self.samples[loop.batch]
        return -(-samples // self.layout.chunk(samples))

    def copy(self, arrays: Sequence[Any]) -> None:
        """Copy in the arrays that are read as a whole."""
        for number, room in self._whole:
            room[...] = arrays[number]

    def map(self, arrays: Sequence[Any]) -> None:
        """Write the addresses of the arrays that are mapped into the context, and make room for rows."""
        context, layout, mapped = self.context, self.layout, self._mapped
        if self._constants:
            arrays = [*arrays, *self._constants]
            for source, places, room in self._gathered:
                source.take(places, out=room, mode="clip")  # which needs no copy of the room, as "raise" does
        for i, (at, number, order, batch) in enumerate(self.executable.views):
            array = arrays[number]
            # Not the array itself: it can be resized, and is not to be kept alive.
            memory = _address(id(array) + _DATA).value, array.shape, array.strides
            if memory == mapped[i]:
                if i in self._copies:  # the caller may have written new numbers into the array
                    self._copies[i][...] = array.transpose(order)
                continue
            mapped[i] = memory
            self.samples[batch] = array.shape[order[0]]
            array = array.transpose(order)
            self._copies.pop(i, None)
            if array.ndim > 2 and not array[:1].flags.c_contiguous:
                array = self._copies[i] = array.copy(order="C")
            context[at] = array.ctypes.data
            context[at + 1] = array.strides[0]
            # Samples of several axes lie in one piece; the stride of an axis of length 1 may then be anything.
            context[at + 2] = array.strides[1] if array.ndim == 2 else array.itemsize
            context[layout.batch(batch)] = self.samples[batch]
            if layout.kept[batch]:
                kept = self._kept[batch] = np.empty(layout.kept[batch] * layout.padded(self.samples[batch]))
                context[layout.batch(batch) + 2] = kept.ctypes.data
        for batch, count in self._batches_with_rows:
            self.rows[batch] = None  # those of the call before, whose memory is at hand if nobody has them any more
            rows = self.rows[batch] = np.empty((count, layout.padded(self.samples[batch])))
            context[layout.batch(batch) + 1] = rows.ctypes.data
