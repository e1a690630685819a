"""A kernel: a function compiled for arguments of one structure.

It takes the numbers in the arguments as flat lists, and puts the results into the structure that the function
returned. If a result is NaN and the program left out strong zeros, the program with all of them is compiled and run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_engine.compiler.llvm.executable import Executable, Workspace
from autograd_engine.compiler.llvm.layout import NAN_FOUND
from autograd_engine.compiler.program.listing import Names, listing
from autograd_engine.compiler.program.program import SHARED, Program
from autograd_engine.compiler.program.traced_function import Leaf, TracedFunction
from autograd_engine.structure import Structure

Assembler = Callable[[Any, Sequence[Any], Sequence[int]], Any]


def assembler(structure: Structure, leaves: Sequence[Leaf], plain: bool) -> Assembler:
    """A function that puts the outputs, the rows and the sample counts of a call into the structure of the result.

    The outputs are a list if all of them are `plain` numbers, else an array.
    """
    kind: Any = structure.kind
    start = leaves[0].place if leaves else 0
    stop = start + len(leaves)
    if kind is np.ndarray and len(structure.keys) == 1:
        return lambda outputs, rows, samples: outputs[start:stop]
    if kind is np.ndarray:
        return lambda outputs, rows, samples: outputs[start:stop].reshape(structure.keys)
    if kind is None and leaves[0].batch != SHARED:
        return _batch_array(leaves[0])
    if kind is None:
        return lambda outputs, rows, samples: outputs[start] if plain else outputs.item(start)
    if plain and kind in (list, tuple) and all(child.kind is None for child in structure.children):
        return lambda outputs, rows, samples: kind(outputs[start:stop])
    parts = [assembler(child, part, plain) for child, part in structure.split(leaves)]
    if kind is list:
        return lambda outputs, rows, samples: [part(outputs, rows, samples) for part in parts]
    if kind is tuple:
        return lambda outputs, rows, samples: tuple([part(outputs, rows, samples) for part in parts])
    return lambda outputs, rows, samples: structure.container([part(outputs, rows, samples) for part in parts])


def _batch_array(leaf: Leaf) -> Assembler:
    """What takes the array (samples, *shape) from the rows of a batch."""
    batch, start, stop, shape = leaf.batch, leaf.place, leaf.place + leaf.size, (-1, *leaf.shape)
    return lambda outputs, rows, samples: rows[batch][start:stop].reshape(shape)[: samples[batch]]


@dataclass(frozen=True)
class Stats:
    """Nodes recorded, instructions left after simplifying, bytes of machine code, and the seconds that this took."""

    recorded: int
    instructions: int
    code_bytes: int
    trace_seconds: float
    compile_seconds: float


class Kernel:
    """The compiled function for arguments of one structure; called with their scalars and arrays."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        structure: Any,
        exact: bool,
        threads: int | None,
        names: Sequence[tuple[str, Any]],
        memory: int | None,
        in_segments: bool,
    ) -> None:
        start = time.perf_counter()
        self._traced = traced = TracedFunction(f, args, keywords, exact, in_segments)
        self.structure, self._exact, self._threads = structure, exact, threads
        self.program: Program = traced.program
        self._names = Names.of(names, traced.arrays)
        # If all results are plain numbers, they need not go through arrays.
        self._plain = all(leaf.batch == SHARED for leaf in traced.leaves) and not traced.structure.has_arrays
        self._results = assembler(traced.structure, traced.leaves, self._plain)
        traced_at = time.perf_counter()
        self._memory = 2**63 - 1 if memory is None or in_segments else memory
        self.executable = Executable(self.program, traced, exact, threads, self._memory)
        self._guarded: Executable | None = None
        self.stats = Stats(
            self.program.recorded,
            len(self.program),
            self.executable.code_bytes,
            traced_at - start,
            time.perf_counter() - traced_at,
        )

    def fits(self, structure: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether this kernel can take arguments of this structure and these shapes."""
        arrays = self._traced.arrays
        if structure != self.structure or len(shapes) != len(arrays.arguments):
            return False
        lengths: dict[int, int] = {}
        for array, shape in zip(arrays.arguments, shapes):
            traced = array.shape_to_map
            if array.shape_seen or len(shape) != len(traced):
                if shape != traced:
                    return False
                continue
            for axis, (length, before) in enumerate(zip(shape, traced)):
                # If vmap was given another axis too, this one is part of the shape of the samples there.
                free = length and array.mapped_axes == {axis} and not arrays.batches[before].fixed
                if length != before and not free:
                    return False
                if free and lengths.setdefault(before, length) != length:
                    return False
        return True

    def __call__(self, scalars: Sequence[float], arrays: Sequence[Any]) -> Any:
        """The result for these numbers and arrays. Raises KeepsTooMuchError where loops want more than `memory` bytes,
        unless they are `in_segments` already."""
        work = self.executable.run(scalars, arrays)
        if work.context[NAN_FOUND]:
            self.executable.give_back(work)
            if self._guarded is None:
                assert self.program.guarded is not None
                self._guarded = Executable(
                    self.program.guarded(), self._traced, self._exact, self._threads, self._memory
                )
            executable = self._guarded
            work = executable.run(scalars, arrays)
        else:
            executable = self.executable
        outputs = work.numbers[:] if self._plain else work.outputs.copy()
        result = self._results(outputs, work.rows, work.samples)
        executable.give_back(work)
        return result

    def blank(self, arrays: Sequence[Any]) -> Any:
        """A result for these arrays, of its structure and shapes, with any numbers: nothing is computed."""
        work = Workspace(self.executable)
        work.map(arrays)
        return self._results(work.numbers[:] if self._plain else work.outputs, work.rows, work.samples)

    def of_numbers(self, numbers: Sequence[float]) -> Any:
        """Call the kernel with plain numbers only, which takes a third less time."""
        executable = self.executable
        try:
            work = executable.pool.pop() if self._plain else None
        except IndexError:
            work = None
        if work is None:
            return self(numbers, ())
        work.scalars[:] = numbers
        executable.everything(work.address)
        if executable.may_stop:
            executable.check(work)
        if work.context[NAN_FOUND]:
            executable.give_back(work)
            return self(numbers, ())
        result = self._results(work.numbers[:], (), ())
        executable.pool.append(work)
        return result

    def listing(self) -> str:
        """The program as text, with the names of the arguments."""
        return listing(self.program, self._names)

    def llvm(self) -> str:
        """The LLVM IR."""
        return self.executable.llvm()

    def assembly(self) -> str:
        """The assembly language of this machine."""
        return self.executable.assembly()
