"""Several processes of `train`, started by mpiexec: which one this is, and how all of them end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from nn.command_line.options import CommandError
from nn.extras import extra

_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")  # of MPICH and its kin, of Open MPI, and of Slurm
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
        since, end = time.monotonic(), comm.Ibarrier()
        while not end.Test():
            time.sleep(_PAUSE)
            if time.monotonic() - since > _PATIENCE:
                what = f"{type(error).__name__}: {error}".rstrip(": ")
                print(f"autograd-engine: rank {rank()} failed, which ends all: {what}", file=sys.stderr, flush=True)
                time.sleep(_TO_BE_READ)
                comm.Abort(1)
        if isinstance(error, RankError):
            raise CommandError(str(error)) from None
        raise
    end = comm.Ibarrier()
    while not end.Test():
        time.sleep(_PAUSE)


def together(comm: Any) -> AbstractContextManager[None]:
    """Around what every process does for itself: where it fails in one, it fails in all."""
    if comm is None:
        return nullcontext()
    from autograd_engine.ranks import Ranks

    return Ranks("train", comm).together()
