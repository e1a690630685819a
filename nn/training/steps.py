"""The steps of a training on Values, sample by sample: the reference for a compiled step.

Unless the model needs a whole batch, the graph of a sample is freed before the next one is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autograd_engine.graph import topological_order
from autograd_engine.primitives import sum
from autograd_engine.runs import float_of, user_function
from autograd_engine.structure import flatten
from autograd_engine.value import Value
from nn.checks import as_number
from nn.extras import Check
from nn.modules import Module
from nn.optimizer import Optimizer
from nn.training.clipping import clip_gradients
from nn.training.samples import Loss, Sample, single

Accuracy: TypeAlias = Callable[[Any, Any], float]
Penalty: TypeAlias = Callable[[Any], Any]

Indices: TypeAlias = "range | npt.NDArray[np.int64]"
"""Which samples: drawn indices, or the range of all."""


@dataclass(frozen=True)
class Task:
    """What is to be trained, with what, and how: the arguments of `fit`."""

    model: Module
    samples: Sequence[Sample]
    held_out: Sequence[Sample]
    batch_size: int
    loss: Loss
    optimizer: Optimizer
    accuracy: Accuracy | None = None
    penalty: Penalty | None = None
    clip_norm: float | None = None
    clip_value: float | None = None

    @property
    def smallest_batch(self) -> Sequence[Sample]:
        """As many samples as the smallest batch of an epoch has."""
        return self.samples[: (len(self.samples) - 1) % self.batch_size + 1]

    @property
    def clips(self) -> bool:
        """Whether the gradients are clipped."""
        return self.clip_norm is not None or self.clip_value is not None

    def penalty_of(self, model: Module) -> Any:
        """The penalty of the model or of its copy. Raises TypeError if it is not a number."""
        assert self.penalty is not None
        penalty = user_function.get()(self.penalty)(model)
        try:
            return as_number(penalty)
        except TypeError:
            raise TypeError(f"penalty(model) must return a number or a Value, got {penalty!r:.60}") from None


class Figures:
    """The mean loss and, if it is measured, the mean accuracy of the samples judged so far."""

    def __init__(self, with_accuracy: bool) -> None:
        self.with_accuracy, self.judged, self.loss, self.accuracy = with_accuracy, 0, 0.0, 0.0

    def add(self, n: int, loss: float, accuracy: float) -> None:
        """Add n samples with the sums of their losses and accuracies."""
        self.judged += n
        self.loss += loss
        self.accuracy += accuracy

    def means(self) -> tuple[float, ...]:
        """The means: (loss,) or (loss, accuracy)."""
        loss = self.loss / self.judged
        return (loss, self.accuracy / self.judged) if self.with_accuracy else (loss,)


class Steps:
    """Steps of a training; `check` raises KeyboardInterrupt after Ctrl-C. What only compiled ones do, is nothing."""

    def __init__(self, task: Task, check: Check) -> None:
        self.task, self.check = task, check

    def epochs(
        self, span: range, draw: Callable[[], Indices], show: Callable[..., None], ahead: bool
    ) -> Iterator[list[Figures]]:
        """Train in the epochs of these numbers, each in an order that is drawn; the figures of those just finished.

        That is one epoch at a time, and more only where they may go `ahead`: where nobody looks at the model or at the
        history between them. `show` shows the progress.
        """
        for epoch in span:
            order, figures = draw(), Figures(self.task.accuracy is not None)
            for batch in self.batches(order):
                self.step(batch, figures)
                show(epoch, *figures.means())
            yield [figures]

    def batches(self, order: Indices) -> list[Indices]:
        """The batches of an epoch."""
        size = self.task.batch_size
        return [order[start : start + size] for start in range(0, len(order), size)]

    def step(self, indices: Indices, figures: Figures) -> None:
        """Train on the batch of the samples at `indices`."""

    def validate(self, figures: Figures) -> None:
        """Judge the validation samples. The model is in inference mode."""

    def current(self) -> bool:
        """Whether the model, the loss and the penalty still compute what these steps do."""
        return True

    def read(self) -> None:
        """Take over the state of the model, which a callback may have changed."""

    def write(self) -> None:
        """Write the state back to the model."""


class Judge:
    """Judges samples on Values, and adds the results to figures."""

    def __init__(self, model: Module, loss: Loss, accuracy: Accuracy | None, check: Check) -> None:
        self.model, self.loss, self.accuracy, self.check = model, loss, accuracy, check

    def sample(self, sample: Sample, figures: Figures) -> Any:
        """The loss of one sample. Ctrl-C is heard before it."""
        self.check()
        return self.outputs(self.model(sample.inputs), sample.target, figures)

    def batch(self, batch: Sequence[Sample], figures: Figures) -> Any:
        """The sum of the losses of samples that go through the model at once."""
        self.check()
        outputs = self.model.forward_batch([sample.inputs for sample in batch])
        return sum([self.outputs(*pair, figures) for pair in zip(outputs, [sample.target for sample in batch])])

    def outputs(self, outputs: Any, target: Any, figures: Figures) -> Any:
        """The loss of what the model returned for a sample."""
        outputs = single(outputs)
        loss = self.loss(outputs, target)
        accuracy = 0.0 if self.accuracy is None else float(self.accuracy(outputs, target))
        figures.add(1, float_of(loss), accuracy)
        return loss


class _Watch:
    """Checks that a loss or a penalty depends on the parameters; otherwise it would silently train nothing.

    A constant 0 is allowed, since a loss with a margin may well be 0.
    """

    def __init__(self, what: str, task: Task) -> None:
        self.what, self.parameters = what, {*task.model.parameters(), *task.optimizer.parameters}
        self.proven, self.constant = False, False

    def note(self, result: Any) -> None:
        """Take note of another loss or penalty."""
        if isinstance(result, Value) and not self.parameters.isdisjoint(topological_order([result])):
            self.proven = True
        elif float_of(result) != 0.0:
            self.constant = True

    def check(self) -> None:
        """Raise ValueError if nothing noted so far depends on the parameters."""
        if self.constant and not self.proven:
            raise ValueError(trains_nothing(self.what))


def trains_nothing(what: str) -> str:
    """What is wrong with a loss or a penalty that does not depend on the parameters."""
    return (
        f"the {what} does not depend on the parameters of the model, so it trains nothing; compute it from the Values "
        "themselves, not from their .data"
    )


class ValueSteps(Steps):
    """Steps on Values. The state stays in the model, and nothing is fixed."""

    def __init__(self, task: Task, check: Check) -> None:
        super().__init__(task, check)
        self._judge = Judge(task.model, self._loss, task.accuracy, check)
        self._loss_watch, self._penalty_watch = _Watch("loss", task), _Watch("penalty", task)

    def step(self, indices: Indices, figures: Figures) -> None:
        """See `Steps`. It uses the mean of the samples' gradients. Raises ValueError if nothing is trained."""
        task, batch = self.task, [self.task.samples[i] for i in indices]
        task.optimizer.zero_grad()
        if task.model.needs_batch:
            _backward(self._judge.batch(batch, figures), 1.0 / len(batch))
        else:
            for sample in batch:
                _backward(self._judge.sample(sample, figures), 1.0 / len(batch))
        self._loss_watch.check()
        if task.penalty is not None:
            penalty = task.penalty_of(task.model)
            if not self._penalty_watch.proven:
                self._penalty_watch.note(penalty)
                self._penalty_watch.check()
            _backward(penalty)
        if task.clips:
            clip_gradients(task.optimizer.parameters, task.clip_norm, task.clip_value)
        task.optimizer.step()

    def _loss(self, outputs: Any, target: Any) -> Any:
        loss = self.task.loss(outputs, target)
        if not self._loss_watch.proven and any(isinstance(x, Value) for x in flatten(outputs)[0]):
            self._loss_watch.note(loss)
        return loss

    def validate(self, figures: Figures) -> None:
        """See `Steps`."""
        for sample in self.task.held_out:
            self._judge.sample(sample, figures)


def _backward(loss: Any, seed: float = 1.0) -> None:
    if isinstance(loss, Value):  # otherwise it is a constant
        loss.backward(seed)
