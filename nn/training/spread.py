"""A training whose samples are spread over ranks of MPI: what each rank has of them, and its steps.

Every rank keeps the whole model, draws the same random numbers and makes the same steps, each by the gradient of a
whole batch, to which it contributes what its own samples in the batch add; see `autograd_engine.ranks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.ranks import Ranks, Share
from nn.checks import Array, listed
from nn.extras import Check
from nn.training.compiled import CompiledSteps, Judging
from nn.training.samples import Alone, Sample, digest
from nn.training.steps import Figures, Indices, Task


class Scattered:
    """Rows that the first rank has, None elsewhere. All ranks ask at the same time, each for a slice of its own."""

    def __init__(self, comm: Any, rows: Any) -> None:
        self._comm, self._rows = comm, rows
        self._length: int = comm.bcast(None if rows is None else len(rows))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, own: slice) -> Any:
        asked = self._comm.gather(own)
        if self._rows is None:
            return self._comm.recv()
        for rank, other in enumerate(asked[1:], 1):
            self._comm.send(self._rows[other], rank)
        return self._rows[own]


class Spread(Alone):
    """The ranks of a communicator, and what each has of the samples."""

    is_alone = False

    def __init__(self, comm: Any) -> None:
        self.ranks = Ranks("fit", comm)
        self.is_first = self.ranks.rank == 0
        self.shares: dict[str, Share] = {}

    def compiled_steps(self, task: Task, check: Check) -> SpreadSteps:
        """See `Alone`."""
        return SpreadSteps(task, check, self)

    def together(self) -> AbstractContextManager[None]:
        """See `Alone`."""
        return self.ranks.together()

    def decided(self, verdict: bool) -> bool:
        """See `Alone`."""
        return bool(self.ranks.comm.bcast(verdict))

    def own(self, kind: str, X: Any, y: Any, batch_size: int | None = None) -> tuple[Any, Any, str]:
        """See `Alone`. A rank that has none gets the first row, to compile its steps with."""
        X, y = [_rows(x, name) for name, x in (("X", X), ("y", y))]
        share = self.shares[kind] = Share(len(X), self.ranks, batch_size)
        if len(X) != len(y):
            return X, y, kind
        own = share.mine if share.of(self.ranks.rank) else slice(1)
        return X[own], y[own], f"rank {self.ranks.rank}'s share of {kind}" if self.ranks.size > 1 else kind

    def count(self, kind: str, samples: Sequence[Sample]) -> int:
        """See `Alone`."""
        return self.shares[kind].samples

    def data(self, samples: Sequence[Sample], held_out: Sequence[Sample]) -> dict[str, str | None]:
        """See `Alone`. It does not depend on how many ranks there are."""
        digests = []
        for kind, own in (("", samples), ("validation ", held_out)):
            share = self.shares.get(kind)
            blocks = []
            if share is not None:
                starts = range(0, share.of(self.ranks.rank), share.size)
                blocks = [digest(own[start : start + share.size]) for start in starts]
            digests.append(digest([[block] for of_rank in self.ranks.comm.allgather(blocks) for block in of_rank]))
        return {"comm": "given", "data": digests[0], "validation data": digests[1]}


def _rows(x: Any, name: str) -> Any:
    if isinstance(x, Scattered):
        return x
    return np.asarray(x) if hasattr(x, "__array__") else listed(x, name)


class SpreadSteps(CompiledSteps):
    """Steps of native code to which every rank contributes. Errors are as for CompiledSteps, and those of the ranks."""

    def __init__(self, task: Task, check: Check, spread: Spread) -> None:
        super().__init__(task, check)
        self._spread = spread

    def gradients(self, indices: Indices, figures: Figures) -> tuple[Array, Array]:
        """See `CompiledSteps`. Ctrl-C on one rank ends the training on all."""
        try:
            self.check()
            stop = False
        except KeyboardInterrupt:
            stop = True

        def compute(batch: Any) -> tuple[float, Any, Array]:
            (_, (loss, buffers, outputs)), gradients = self._step(self._trained, self._others, batch)
            if len(buffers) and (buffers != self._others[-len(buffers) :]).any():
                raise ValueError("the model changes its buffers by the samples of a step, which ranks do not share")
            return loss, outputs, gradients

        total = self._total("", self._training, indices, len(self._trained), compute, figures, stop)
        return total / len(indices), self._others[:0]

    def validate(self, figures: Figures) -> None:
        """See `Steps`."""

        def compute(batch: Any) -> tuple[float, Any, Array]:
            return *self._validate(self._trained, self._others, batch), self._others[:0]

        everything = range(self._spread.shares["validation "].samples)
        self._total("validation ", self._validation, everything, 0, compute, figures)

    def _total(
        self,
        kind: str,
        judging: Judging,
        indices: Indices,
        width: int,
        compute: Callable[[Any], tuple[float, Any, Array]],
        figures: Figures,
        stop: bool = False,
    ) -> Array:
        """The sum of what `compute` returns at last, `width` numbers each for the mean of a batch, over samples."""
        share = self._spread.shares[kind]
        drawn = judging.draw(len(indices))
        members = _Members(share, indices)

        def of_block(block: slice) -> Array:
            own, places = members.of(block)
            n, judged = len(own), Figures(figures.with_accuracy)
            if not n:
                return np.zeros(2 + width)
            loss, outputs, numbers = compute(judging.batch(own, [x[places] for x in drawn]))
            judging.add(judged, own, loss, outputs)
            return np.concatenate([[judged.loss, judged.accuracy], n * numbers])

        loss, accuracy, *_ = total = self._spread.ranks.total(share, 2 + width, of_block, stop)
        figures.add(len(indices), float(loss), float(accuracy))
        return total[2:]


class _Members:
    """Which samples of a batch are in which block: their indices among the rank's own, and their places."""

    def __init__(self, share: Share, indices: Indices) -> None:
        self._share, self._indices = share, indices
        if not isinstance(indices, range):  # which is all samples
            blocks = (indices // share.size).astype(np.uint8)  # small numbers are sorted fastest
            self._order = np.argsort(blocks, kind="stable")
            self._bounds = np.searchsorted(blocks[self._order], np.arange(share.blocks + 1))

    def of(self, block: slice) -> tuple[Indices, slice | npt.NDArray[np.int64]]:
        """Those in a block."""
        first = self._share.mine.start
        if isinstance(self._indices, range):
            return range(block.start - first, block.stop - first), block
        number = block.start // self._share.size
        places = self._order[self._bounds[number] : self._bounds[number + 1]]
        return self._indices[places] - first, places
