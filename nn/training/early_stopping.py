"""Early stopping: keep the best state of a model while it trains, and decide when to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nn.modules import Module


class BestState:
    """The state (parameters and buffers) of `model` after the epoch whose validation loss was the lowest so far.

    A loss of nan or inf is never the lowest. `epoch` counts from 1 and is None until there is such an epoch.
    """

    def __init__(self, model: Module, patience: int) -> None:
        self.model, self.patience = model, patience
        self.epoch: int | None = None
        self._lowest = math.inf
        self._state = model.arrays()

    def note(self, losses: Sequence[float]) -> bool:
        """Look at the losses of all epochs so far; return whether the patience is exhausted."""
        if losses[-1] < self._lowest:
            self._lowest, self.epoch, self._state = losses[-1], len(losses), self.model.arrays()
        return len(losses) - (self.epoch or 0) >= self.patience

    def restore(self) -> None:
        """Give the model its best state back, if there is one."""
        if self.epoch is not None:
            self.model.load_arrays(self._state)
