"""Sums over samples that are spread over the processes of MPI, its ranks, with the same bits for any number of them.

The samples are cut into blocks, by their number alone, and each rank has consecutive ones. What is computed of a block
does not depend on its rank, and the sums of blocks are added in pairs, and these in pairs, as in a tournament. A rank
adds up the whole branches that it has; all ranks are told these sums and add the rest, each for itself. So nothing is
left to MPI but to carry numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.arguments import check_function
from autograd_engine.compiler.jit import Jitted, Options
from autograd_engine.derivatives import value_and_grad
from autograd_engine.installed import imported
from autograd_engine.mapping import vmap
from autograd_engine.primitives import sum as sum_of
from autograd_engine.runs import name_of, user_function
from autograd_engine.structure import Structure, flatten, float_array

BLOCKS = 128
"""The most blocks there are, and so the most ranks that can share the work."""
SMALLEST = 8
"""What is summed at once gives no smaller blocks."""

_FAILED, _STOPPED = 1.0, 2.0


class RankError(RuntimeError):
    """Another rank failed. The message says which, and why."""


def distributed(f: Callable[..., Any], comm: Any = None, *, reduction: str = "mean") -> Distributed:
    """The mean over samples of `f(parameters, *sample)` with its gradient, the samples being spread over ranks of MPI.

    Each rank calls what is returned with the same parameters, nested as they like, and with its own samples: arrays
    whose first axis they are. It is told `(value, gradient)` of all samples, the gradient in the structure of the
    parameters. Of n samples, a rank has those in the slice `.share(n)`. A call compiles the sum over a block of samples
    with its gradient, once, and exchanges a few of these sums (`Allgatherv`). The result has the same bits for any
    number of ranks on machines of one kind, one rank included.

    `comm` is a communicator of mpi4py, by default `MPI.COMM_WORLD`. `reduction` is "mean" or "sum". A rank computes in
    one thread, unless f is `jit(f, threads=n)`; of `jit(f, exact=True)` the sums of blocks have the bits of Values.

    Raises ImportError where mpi4py or an MPI library is missing, TypeError if f is no function. A call raises what a
    call of jit does on the rank where it happens, and RankError on the others; ValueError on all of them where a rank
    has not its share.

    >>> import pytest; MPI = pytest.importorskip("mpi4py.MPI", exc_type=(ImportError, RuntimeError))
    >>> loss = distributed(lambda w, x, y: (w * x - y) ** 2, MPI.COMM_WORLD)
    >>> X, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 4.0, 6.0, 8.0])
    >>> mine = loss.share(len(X))
    >>> loss(1.5, X[mine], y[mine])
    (1.875, -7.5)
    """
    check_function("distributed", f)
    if reduction not in ("mean", "sum"):
        raise ValueError(f'distributed(): reduction must be "mean" or "sum", got {reduction!r}')
    return Distributed(f, Ranks("distributed", comm), reduction == "mean")


class Distributed:
    """What `distributed` returns."""

    def __init__(self, f: Callable[..., Any], ranks: Ranks, mean: bool) -> None:
        jitted = f if isinstance(f, Jitted) else Jitted(f, Options(threads=1))
        self.ranks, self._name, self._mean = ranks, name_of(jitted.function), mean

        def of_block(parameters: Any, *samples: Any) -> Any:
            of_sample = user_function.get()(jitted.function)

            def total(parameters: Any) -> Any:
                return sum_of(vmap(lambda *sample: of_sample(parameters, *sample))(*samples))

            value, gradient = value_and_grad(total)(parameters)
            return np.array([value, *flatten(gradient)[0]])

        self._of_block = Jitted(of_block, jitted.options._replace(static=()))

    def share(self, samples: int) -> slice:
        """Which of that number of samples are this rank's."""
        return Share(samples, self.ranks).mine

    def __call__(self, parameters: Any, *samples: Any) -> tuple[float, Any]:
        """The value of all samples and its gradient, where these are the rank's own."""
        structure = flatten(parameters)[1]
        arrays, failed = list[Any](), None
        try:
            arrays = self._arrays(samples)
        except Exception as error:
            failed = error
        share = self._share(len(arrays[0]) if arrays else -1, structure.size, failed)
        first = share.mine.start

        def of_block(block: slice) -> Any:
            own = slice(block.start - first, block.stop - first)
            return self._of_block(parameters, *[array[own] for array in arrays])

        total = self.ranks.total(share, 1 + structure.size, of_block)
        if self._mean:
            total /= share.samples
        return float(total[0]), _in(structure, total[1:])

    def _arrays(self, samples: Sequence[Any]) -> list[Any]:
        arrays = []
        for i, array in enumerate(samples, 1):
            try:
                array = float_array(np.asarray(array))
                fault = f"dtype {array.dtype}" if array.dtype != np.float64 else "" if array.ndim else "one number"
            except (TypeError, ValueError) as error:
                fault = str(error)
            if fault:
                raise TypeError(f"{self._name}(): argument {i}: expected an array of real numbers, got {fault}")
            arrays.append(array)
        lengths = [str(len(array)) for array in arrays]
        if len(set(lengths)) != 1:
            got = ", ".join(lengths) or "none"
            raise ValueError(f"{self._name}(): expected arrays of as many samples each, got {got}")
        return arrays

    def _share(self, samples: int, parameters: int, failed: Exception | None) -> Share:
        """The rank's share of all samples, if each rank has its own and none has failed."""
        here, everywhere = np.array([samples, parameters]), np.empty((self.ranks.size, 2), dtype=int)
        self.ranks.comm.Allgather(here, everywhere)
        if (everywhere[:, 0] < 0).any():
            self.ranks.agree(failed)
        share = Share(int(everywhere[:, 0].sum()), self.ranks)
        for rank, (own, size) in enumerate(everywhere.tolist()):
            if size != everywhere[0, 1]:
                raise ValueError(f"{self._name}(): rank {rank} has {size} parameters, rank 0 has {everywhere[0, 1]}")
            if own != share.of(rank):
                raise ValueError(
                    f"{self._name}(): rank {rank} has {own} of {share.samples} samples, but its share is "
                    f"{share.of(rank)}; give each rank those in the slice .share({share.samples})"
                )
        if not share.samples:
            raise ValueError(f"{self._name}() needs at least one sample, got none on any rank")
        return share


def _in(structure: Structure, numbers: npt.NDArray[np.float64]) -> Any:
    return structure.filled(numbers, lambda own, shape: own.reshape(shape) if shape else own.item())


class Ranks:
    """The ranks of a communicator of mpi4py, by default all."""

    def __init__(self, caller: str, comm: Any = None) -> None:
        self.comm = comm or world(caller)
        self.rank, self.size = int(self.comm.Get_rank()), int(self.comm.Get_size())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Around what every rank does: where it fails on one, that one's error is raised, and RankError on others."""
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            failed = error
        self.agree(failed)

    def agree(self, failed: Exception | None) -> None:
        """Raise an error of this rank, or RankError for that of another one."""
        errors = self.comm.allgather(failed and (str(failed) or type(failed).__name__))
        if failed is not None:
            raise failed
        for rank, message in enumerate(errors):
            if message is not None:
                raise RankError(f"rank {rank}: {message}")

    def total(
        self, share: Share, width: int, of_block: Callable[[slice], Any], stop: bool = False
    ) -> npt.NDArray[np.float64]:
        """The sum of `of_block`, an array of `width` numbers, over the blocks of all ranks, each given as a slice.

        Raises KeyboardInterrupt on all ranks where `stop` is true on one, and errors as `agree` does.
        """
        failed: Exception | None = None
        branches = [list(share.branches(rank)) for rank in range(self.size)]
        sent = np.zeros(1 + len(branches[self.rank]) * width)
        try:
            for row, (low, high) in zip(sent[1:].reshape(-1, width), branches[self.rank]):
                row[:] = _added(low, high, lambda low, high: of_block(share.block(low)) if high == low + 1 else None)
            sent[0] = _STOPPED if stop else 0.0
        except Exception as error:
            failed, sent[0] = error, _FAILED
        counts = [1 + len(of_rank) * width for of_rank in branches]
        received = np.empty(np.sum(counts))
        self.comm.Allgatherv(sent, [received, counts])
        parts = np.split(received, np.cumsum(counts)[:-1])
        states = [part[0] for part in parts]
        if _FAILED in states:
            self.agree(failed)
        if _STOPPED in states:
            raise KeyboardInterrupt
        known = {
            branch: row
            for of_rank, part in zip(branches, parts)
            for branch, row in zip(of_rank, part[1:].reshape(-1, width))
        }
        return _added(0, share.blocks, lambda *branch: known.get(branch))


class Share:
    """How `samples` in their order are cut into blocks, and which of these each rank has.

    There are as many blocks as suit sums over `at_once` samples, by default all.
    """

    def __init__(self, samples: int, ranks: Ranks, at_once: int | None = None) -> None:
        self.samples, self.rank = samples, ranks.rank
        most = min(BLOCKS, -(-min(samples, at_once or samples) // SMALLEST)) or 1
        self.size = -(-samples // most) or 1
        self.blocks = -(-samples // self.size)
        self._bounds = [self.blocks * rank // ranks.size for rank in range(ranks.size + 1)]

    @property
    def mine(self) -> slice:
        """The samples of this rank."""
        first, last = self._bounds[self.rank : self.rank + 2]
        return slice(min(first * self.size, self.samples), min(last * self.size, self.samples))

    def of(self, rank: int) -> int:
        """How many samples a rank has."""
        first, last = [min(bound * self.size, self.samples) for bound in self._bounds[rank : rank + 2]]
        return last - first

    def block(self, block: int) -> slice:
        """The samples of a block."""
        return slice(block * self.size, min((block + 1) * self.size, self.samples))

    def branches(self, rank: int) -> Iterator[tuple[int, int]]:
        """The largest branches of the tree over all blocks that a rank has, each from its first to after its last."""
        return _within(0, self.blocks, *self._bounds[rank : rank + 2])


def _within(low: int, high: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    if first <= low and high <= last:
        yield low, high
    elif low < last and first < high:
        middle = (low + high) // 2
        yield from _within(low, middle, first, last)
        yield from _within(middle, high, first, last)


def _added(low: int, high: int, known: Callable[[int, int], Any]) -> npt.NDArray[np.float64]:
    """The sum over the blocks from `low` to before `high`: a branch that is known, or the sum of its two branches."""
    found: npt.NDArray[np.float64] | None = known(low, high)
    if found is not None:
        return found
    middle = (low + high) // 2
    return _added(low, middle, known) + _added(middle, high, known)


def world(caller: str) -> Any:
    """All ranks: `MPI.COMM_WORLD`. Raises ImportError where mpi4py or an MPI library is missing."""
    imported(caller, "mpi4py", "mpi")
    try:
        return import_module("mpi4py.MPI").COMM_WORLD
    except RuntimeError:
        message = f"{caller}() needs an MPI library: pip install mpich (the extra mpi brings it)"
        raise ImportError(message) from None
