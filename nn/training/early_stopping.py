"""Early stopping: keep the best state of a model while it trains, and decide when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nn.checks import Array
from nn.modules import Module


class BestState:
    """The state (parameters and buffers) of `model` after the epoch whose validation loss was the lowest so far.

    A loss of nan or inf is never the lowest. `epoch` counts from 1 and is None until there is such an epoch.
    """

    def __init__(self, model: Module, patience: int) -> None:
        self.model, self.patience = model, patience
        self.epoch: int | None = None
        self._lowest = math.inf
        self.state = model.arrays()

    def note(self, losses: Sequence[float]) -> bool:
        """Look at the losses of all epochs so far; return whether the patience is exhausted."""
        if losses[-1] < self._lowest:
            self._lowest, self.epoch, self.state = losses[-1], len(losses), self.model.arrays()
        return len(losses) - (self.epoch or 0) >= self.patience

    def take_over(self, losses: Sequence[float], epoch: int, state: Mapping[str, Array]) -> None:
        """Go on from a training whose best epoch, with that state, is known. Raises ValueError if it does not fit."""
        now = self.model.arrays()
        self.model.load_arrays(state)  # which checks it
        self.model.load_arrays(now)
        self._lowest, self.epoch, self.state = losses[epoch - 1], epoch, dict(state)

    def restore(self) -> None:
        """Give the model its best state back, if there is one."""
        if self.epoch is not None:
            self.model.load_arrays(self.state)
