"""What a kernel and its caller agree on: the memory, the order of the addresses, the size of a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CHUNKS = 64
"""The most chunks that the samples of a batch are divided into, each summed by itself."""
SMALLEST_CHUNK = 1024
NAN_FOUND = 5
"""The entry of the context that says whether a NaN was found."""
NEXT_CHUNK = 6
"""The entry with the number of the next chunk, which the threads take one after the other."""
STOPPED = 7
"""The entry that says that loops should end: 1 if the caller wants it, 2 if there is no memory left, 3 if an index is
out of range, 4 if their buffers would grow by more than is LEFT."""
PYTHON = 8
"""The first of the entries with the addresses of the functions of Python's C API that long loops call: those that
PYTHON_FUNCTIONS names."""
PYTHON_FUNCTIONS = ("PyGILState_Ensure", "PyErr_CheckSignals", "PyErr_Fetch", "PyGILState_Release")
RAISED = PYTHON + len(PYTHON_FUNCTIONS)
"""The first of three entries for an exception that a signal handler raised during a loop: type, value, traceback."""
FAULT = RAISED + 3
"""The first of two entries for an index that is out of range: the number of its place in the function, and the index
itself, a double."""
LEFT = FAULT + 2
"""The entry that says by how many bytes the buffers of loops may still grow."""
FIRST = LEFT + 1
"""The first entry that depends on the program."""


@dataclass
class Loop:
    """One loop over the samples of a batch, and how many REDUCTIONS of each kind it makes; its functions are
    chunks_<name> and finish_<name>."""

    name: str
    batch: int
    reductions: dict[str, int] = field(default_factory=dict)

    @property
    def sums(self) -> int:
        """How many sums and other reductions it makes."""
        return sum(self.reductions.values())


@dataclass
class Stage:
    """A function for shared code, and the loops over samples and around them that follow it."""

    function: str
    loops: list[Loop | Rounds] = field(default_factory=list)


@dataclass
class Rounds:
    """A loop around samples: `begin`, then, as long as number `goes` of the shared memory is not 0, its stages and the
    function next_<name>."""

    name: str
    begin: Stage
    stages: list[Stage]
    goes: int


@dataclass
class Layout:
    """What the caller of a kernel has to bring along.

    `context` is a table of 64-bit integers: the addresses of the scalars, of the outputs, of `shared` doubles, the
    first of which are `watched` for NaN, of the `memory` of the first thread and of the `partials`; whether a NaN was
    found; the number of the next chunk; whether loops should end early; what these need of Python; which index was out
    of range; by how much buffers may grow; for each array its address; for each mapped axis the address of the array
    and the distances in bytes from sample to sample and from number to number; for each batch the number of samples,
    the address of its `rows` (outputs), arrays in C order one after the other, and that of its `kept` numbers, the same
    number of all samples side by side, both with room for the padded number of samples; for each of the `buffers` of
    loops in shared code its address and its size. The buffers of loops in a loop over samples stand at the end of each
    thread's memory.
    """

    width: int
    vectors: int
    arrays: int
    views: int
    batches: int
    outputs: int = 0
    shared: int = 0
    watched: int = 0
    memory: int = 0
    rows: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    sums: int = 0
    exact: bool = False
    quick: bool = False
    seeks_nan: bool = False
    buffers: int = 0
    thread_buffers: int = 0

    def slot(self) -> int:
        """Another number in the shared memory."""
        self.shared += 1
        return self.shared - 1

    def row(self, batch: int) -> int:
        """Another row of kept numbers of a batch."""
        self.kept[batch] += 1
        return self.kept[batch] - 1

    def array(self, i: int) -> int:
        """The entry of an array in the context."""
        return FIRST + i

    def view(self, i: int) -> int:
        """The first entry of a mapped axis in the context."""
        return FIRST + self.arrays + 3 * i

    def batch(self, i: int) -> int:
        """The first entry of a batch in the context."""
        return FIRST + self.arrays + 3 * self.views + 3 * i

    def buffer(self, i: int) -> int:
        """The first entry of a buffer in the context: its address, and its size in bytes."""
        return self.batch(self.batches) + 2 * i

    def thread_buffer(self, i: int) -> int:
        """The same for a buffer of which each thread has its own, in its memory."""
        return self.memory + 2 * i

    @property
    def context(self) -> int:
        """The length of the context."""
        return self.buffer(self.buffers)

    @property
    def partials(self) -> int:
        """How many doubles the sums of the chunks of a loop take."""
        return CHUNKS * self.sums

    def functions(self, stages: Sequence[Stage]) -> dict[str, int]:
        """The functions that execute stages, and how many parameters each has."""
        found: dict[str, int] = {}
        for stage in stages:
            found[stage.function] = 1
            for loop in stage.loops:
                if isinstance(loop, Loop):
                    found |= {f"chunks_{loop.name}": 3, f"finish_{loop.name}": 2}
                else:
                    found |= self.functions([loop.begin, *loop.stages]) | {f"next_{loop.name}": 1}
        return found

    def padded(self, samples: int) -> int:
        """The number of samples, as a multiple of a block."""
        return -(-samples // self.block) * self.block

    @property
    def block(self) -> int:
        """How many samples go through the body of a loop at once."""
        return self.width * self.vectors

    def chunk(self, samples: int) -> int:
        """How many samples a chunk has. It depends on their number alone, so that threads do not change a sum."""
        if self.exact:
            return max(samples, 1)
        return max(SMALLEST_CHUNK, self.padded(-(-samples // CHUNKS)))
