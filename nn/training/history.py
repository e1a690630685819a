"""The history of a training: what `fit` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class History:
    """What `fit` saw: one number for each finished epoch in each list that was asked for, the others are empty.

    `loss` and `accuracy` are means over the epoch's samples, each seen with the parameters of that moment;
    the validation figures are taken at the end of the epoch. `seconds` is the time since the start,
    `interrupted` says that Ctrl-C ended the training, and `stopped_early` that early stopping or `stop` did. With early
    stopping, `best_epoch`, counted from 1, is the epoch whose parameters the model was left with. `jit` says whether
    the training was compiled, to its end, and `jit_reason` why it was not.

    The loss of an epoch of one batch is therefore that before its step, the first one that of the untrained model:

    >>> from nn import MLP, SGD, evaluate, fit, squared_error
    >>> model = MLP(1, [1], seed=0)
    >>> before, _ = evaluate(model, [[1.0]], [2.0], squared_error)
    >>> history = fit(model, [[1.0]], [2.0], squared_error, SGD(model.parameters(), lr=0.1), epochs=3)
    >>> history.loss[0] == before, len(history.loss), history.jit_reason
    (True, 3, 'there are fewer than 2000 samples in all epochs together')
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False
    stopped_early: bool = False
    best_epoch: int | None = None
    jit: bool = False
    jit_reason: str = ""

    def add_epoch(self, trained: Sequence[float], validated: Sequence[float], seconds: float) -> None:
        """Add the figures of another epoch."""
        for figures, number in zip((self.loss, self.accuracy), trained):
            figures.append(number)
        for figures, number in zip((self.validation_loss, self.validation_accuracy), validated):
            figures.append(number)
        self.seconds = seconds
