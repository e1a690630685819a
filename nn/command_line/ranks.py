"""Several processes of `train`, started by mpiexec: which one this is, and how all of them end."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from nn.command_line.options import CommandError
from nn.extras import extra

_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")  # of MPICH and its kin, of Open MPI, and of Slurm
_Shared = TypeVar("_Shared")
_Own = TypeVar("_Own")
_PATIENCE = 10.0
_PAUSE = 0.02
_TO_BE_READ = 1.0  # mpiexec passes on what processes print, but not what it has not read when it ends them


def rank() -> int:
    """The number of this process among those that mpiexec has started; 0 if it was not started so."""
    return next((int(os.environ[name]) for name in _VARIABLES if name in os.environ), 0)


@contextmanager
def all_processes() -> Iterator[Any]:
    """Around what every process does: gives their communicator, None if mpiexec has not started this one.

    All of them leave it together, those that have nothing to do asleep. Where one fails and the others do not know of
    it, it ends them.
    """
    if not any(name in os.environ for name in _VARIABLES):
        yield None
        return
    with extra("mpi"):
        import mpi4py  # noqa: F401 - where it is missing, that is said as for other extras
    from autograd_engine.ranks import RankError, world

    try:
        comm = world("train")
    except ImportError as error:
        raise CommandError(str(error)) from None
    try:
        yield comm
    except BaseException as error:
        if not _wait(comm, _PATIENCE):
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            print(f"autograd-engine: rank {rank()} failed, which ends all: {what}", file=sys.stderr, flush=True)
            time.sleep(_TO_BE_READ)
            comm.Abort(1)
            _wait(comm)  # until mpiexec ends this process
        if isinstance(error, RankError):
            raise CommandError(str(error)) from None
        raise
    _wait(comm)


def _wait(comm: Any, seconds: float = math.inf) -> bool:
    """Sleep until all processes are here. False if they are not within `seconds`."""
    end, until = comm.Ibarrier(), time.monotonic() + seconds
    while not end.Test():
        time.sleep(_PAUSE)
        if time.monotonic() > until:
            return False
    return True


def first_does(comm: Any, work: Callable[[], tuple[_Shared, _Own]]) -> tuple[_Shared, _Own | None]:
    """What `work` returns on the first process: a part for all, and a part that stays there. The others sleep."""
    if comm is None:
        return work()
    shared, own = None, None
    with together(comm):
        try:
            if rank() == 0:
                shared, own = work()
        finally:
            _wait(comm)
    return comm.bcast(shared), own


def together(comm: Any) -> AbstractContextManager[None]:
    """Around what every process does for itself: where it fails in one, it fails in all."""
    if comm is None:
        return nullcontext()
    from autograd_engine.ranks import Ranks

    return Ranks("train", comm).together()
