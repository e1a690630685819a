"""Training: `fit` changes a model's parameters until its outputs are near the targets.

How to read this file: `fit` is the loop over epochs and batches; `_add_gradients` is what happens in one
batch, sample by sample where it can be, so that no graph is larger than a sample's. The rest checks the data
before training starts, draws the progress bar and makes Ctrl-C harmless.

>>> from nn import MLP, SGD, squared_error
>>> model = MLP(1, [1], seed=0)
>>> history = fit(model, [[0.0], [1.0]], [1.0, 3.0], squared_error, SGD(model.parameters(), lr=0.5), epochs=200)
>>> round(model([2.0])[0].data, 6)
5.0
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from autograd_engine.primitives import as_float, sum
from autograd_engine.value import Value
from nn.clipping import clip_gradients
from nn.early_stopping import BestState
from nn.modules import Module, Seed, generator, whole_number
from nn.optimizers import Optimizer
from nn.settings import at_least_0
from nn.tables import finite_inputs, finite_number, finite_table, listed
from nn.terminal import Check, ctrl_c_between_samples, progress_bar

Loss: TypeAlias = Callable[[Any, Any], Any]
Accuracy: TypeAlias = Callable[[Any, Any], float]
Penalty: TypeAlias = Callable[[Any], Any]
Means: TypeAlias = "tuple[float, ...]"


@dataclass
class History:
    """What `fit` saw: one number for each finished epoch in each list that was asked for, the others are empty.

    `loss` and `accuracy` are means over the epoch's samples, each seen with the parameters of that moment;
    the validation figures are taken at the end of the epoch. `seconds` is the time since the start,
    `interrupted` says that Ctrl-C ended the training, and `stopped_early` that early stopping did. With early
    stopping, `best_epoch`, counted from 1, is the epoch whose parameters the model was left with.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False
    stopped_early: bool = False
    best_epoch: int | None = None

    def _add_epoch(self, trained: Means, validated: Means, seconds: float) -> None:
        for figures, number in zip((self.loss, self.accuracy), trained):
            figures.append(number)
        for figures, number in zip((self.validation_loss, self.validation_accuracy), validated):
            figures.append(number)
        self.seconds = seconds


class Sample(NamedTuple):
    """One row of the data with its target: a number, or a list where y has several columns."""

    inputs: list[Any]
    target: Any


def fit(
    model: Module,
    X: Any,
    y: Any,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Any, Any] | None = None,
    early_stopping: int | None = None,
    penalty: Penalty | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accuracy: Accuracy | None = None,
    seed: Seed = 0,
    progress: bool | None = None,
    callback: Callable[[History], object] | None = None,
) -> History:
    """Train `model` on the rows of X (n, d) and the targets y (n,) or (n, k); return the history.

    A row may also have a shape of its own, as an image has: X (n, channels, height, width).

    `loss(outputs, target)` and `accuracy(outputs, target)` judge one sample. Where the model has one output
    they get that output itself, so `binary_cross_entropy_with_logits` and its like can be passed as they
    are; where it has several they get the list. Likewise the target is a number where y is (n,) or (n, 1),
    else a list.

    Each step goes down the gradient of the mean loss of a batch of `batch_size` samples, in an order drawn
    anew from `seed` for each epoch; the default is one batch of all, in the order given. `validation` is
    another (X, y), judged after each epoch. `callback(history)` is called after each epoch.

    `early_stopping` is a patience: the training ends when so many epochs have passed without a new lowest validation
    loss. However it ends then, the model is left with the parameters of its best epoch.

    `penalty(model)`, such as `0.01 * l2_penalty(model.parameters())`, is added to the mean loss of each batch for
    the gradient; the figures of the history are without it. With `clip_norm` or `clip_value` the gradients of each
    step are clipped, see `clip_gradients`. A learning rate that changes from step to step is the optimizer's: its
    `lr` may be a schedule.

    The model is in training mode for the steps and in inference mode for the validation and the callback;
    afterwards each of its modules is in the mode it was in before. Where the model has statistics over the batch
    (`needs_batch`), a batch goes through it at once. `model.deltas()` then are those of the last sample or batch
    that went through the model, with respect to the batch's mean loss; of a validation sample they are 0.

    `progress` shows a bar with loss, accuracy and time left: True, False, or None for only on a terminal.
    Ctrl-C, or a KeyboardInterrupt from the callback, ends the training between two samples, never within an
    update, and the history up to there is returned. A second Ctrl-C does not wait for the sample's end.

    A loss that becomes inf or nan is not an error: it stands in the history.

    Raises ValueError or TypeError, before anything is changed, where X and y differ in length, are ragged,
    empty, or not of finite numbers, where a row does not fit the model or a target the loss, where the last batch
    is too small for the model's statistics, where early stopping has no validation data to judge by, and where the
    optimizer holds none of the model's parameters; ImportError where `progress` is True and rich is not installed.
    """
    if set(optimizer.parameters).isdisjoint(model.parameters()):
        raise ValueError("the optimizer holds none of the model's parameters; make it with model.parameters()")
    samples = _samples(model, X, y, loss)
    held_out = [] if validation is None else _samples(model, *_pair(validation), loss, prefix="validation ")
    epochs = whole_number("epochs", epochs, at_least=0)
    batch_size = len(samples) if batch_size is None else whole_number("batch_size", batch_size, at_least=1)
    batches = -(-len(samples) // batch_size)
    draws = generator(seed)
    for name, bound in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if bound is not None:
            at_least_0(name, bound)
    best = None
    if early_stopping is not None:
        if not held_out:
            raise ValueError("early_stopping judges by the validation loss, so fit() needs validation=(X, y)")
        best = BestState(model, whole_number("early_stopping", early_stopping))
    _try_smallest_batch(model, [sample.inputs for sample in samples[: (len(samples) - 1) % batch_size + 1]])

    history, started = History(), time.perf_counter()
    with (
        _mode(model, training=True),
        ctrl_c_between_samples() as check,
        progress_bar(epochs * batches, progress) as show,
    ):
        try:
            for epoch in range(1, epochs + 1):
                order = range(len(samples)) if batches == 1 else draws.permutation(len(samples)).tolist()
                judge = _Judge(model, loss, accuracy, check)
                for start in range(0, len(samples), batch_size):
                    batch = [samples[i] for i in order[start : start + batch_size]]
                    optimizer.zero_grad()
                    _add_gradients(judge, batch)
                    if penalty is not None:
                        _backward(penalty(model))
                    if clip_norm is not None or clip_value is not None:
                        clip_gradients(optimizer.parameters, clip_norm, clip_value)
                    optimizer.step()
                    show(epoch, *judge.means())
                with _mode(model, training=False):
                    validated = _Judge(model, loss, accuracy, check).judge_all(held_out) if held_out else ()
                    history._add_epoch(judge.means(), validated, time.perf_counter() - started)
                    history.stopped_early = best is not None and best.note(history.validation_loss)
                    if callback is not None:
                        callback(history)
                check()
                if history.stopped_early:
                    break
        except KeyboardInterrupt:
            history.interrupted = True
    if best is not None:
        best.restore()
        history.best_epoch = best.epoch
    history.seconds = time.perf_counter() - started
    return history


def evaluate(model: Module, X: Any, y: Any, loss: Loss, accuracy: Accuracy | None = None) -> tuple[float, float | None]:
    """The mean loss and the mean accuracy (None if it is not asked for) of `model`, in inference mode, on X and y.

    Arguments and errors as for `fit`; no parameter and no gradient changes.
    """
    judge = _Judge(model, loss, accuracy, check=lambda: None)
    with _mode(model, training=False):
        mean_loss, *mean_accuracy = judge.judge_all(_samples(model, X, y, loss))
    return mean_loss, mean_accuracy[0] if mean_accuracy else None


def accuracy(outputs: Any, target: float) -> float:
    """1.0 where a sample is classified rightly, else 0.0: to be passed to `fit` and `evaluate`.

    Of several outputs (logits, say) the largest must be the one at the index `target`. A single output must be
    above 0 where the target is above 0, and nowhere else: a logit for the targets 0 and 1, a score for -1 and 1.

    >>> accuracy([0.1, 2.5, -1.0], 1), accuracy(-0.3, 1), accuracy(-0.3, -1)
    (1.0, 0.0, 1.0)
    """
    if isinstance(outputs, Sequence):
        return float(max(range(len(outputs)), key=outputs.__getitem__) == target)
    return float((outputs > 0) == (target > 0))


class _Judge:
    """Runs the model on one sample after the other, and keeps the means of loss and accuracy."""

    def __init__(self, model: Module, loss: Loss, accuracy: Accuracy | None, check: Check) -> None:
        self.model, self.loss, self.accuracy, self.check = model, loss, accuracy, check
        self.judged, self.total_loss, self.total_accuracy = 0, 0.0, 0.0

    def __call__(self, sample: Sample) -> Any:
        """The loss of one more sample. A good moment for Ctrl-C comes first."""
        self.check()
        return self._judge(self.model(sample.inputs), sample.target)

    def judge_batch(self, batch: list[Sample]) -> Any:
        """The sum of the losses of samples that go through the model at once."""
        self.check()
        outputs = self.model.forward_batch([sample.inputs for sample in batch])
        return sum([self._judge(*pair) for pair in zip(outputs, [sample.target for sample in batch])])

    def _judge(self, outputs: Any, target: Any) -> Any:
        outputs = _single(outputs)
        loss = self.loss(outputs, target)
        self.judged += 1
        self.total_loss += loss.data if isinstance(loss, Value) else as_float(loss)
        if self.accuracy is not None:
            self.total_accuracy += float(self.accuracy(outputs, target))
        return loss

    def judge_all(self, samples: Iterable[Sample]) -> Means:
        for sample in samples:
            self(sample)
        return self.means()

    def means(self) -> Means:
        """The mean loss so far and, where it is asked for, the mean accuracy."""
        loss = self.total_loss / self.judged
        return (loss,) if self.accuracy is None else (loss, self.total_accuracy / self.judged)


def _add_gradients(judge: _Judge, batch: list[Sample]) -> None:
    """Add the gradient of the batch's mean loss to the gradients of the parameters.

    It is the mean of the samples' gradients, so each sample's graph can go before the next one is made, unless the
    samples of a batch depend on one another.
    """
    for loss in [judge.judge_batch(batch)] if judge.model.needs_batch else map(judge, batch):
        _backward(loss, 1.0 / len(batch))


def _backward(loss: Any, seed: float = 1.0) -> None:
    if isinstance(loss, Value):  # else it is constant there
        loss.backward(seed)


def _single(outputs: Any) -> Any:
    """What a model returned, without the list where there is but one output."""
    return outputs[0] if isinstance(outputs, Sequence) and len(outputs) == 1 else outputs


@contextmanager
def _mode(model: Module, training: bool) -> Iterator[None]:
    """Sets training or inference mode, and afterwards each module's own mode again."""
    before = {module: module.training for module in model.named_modules().values()}
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


# --- the data, checked ----------------------------------------------------------------------------------------


def _samples(model: Module, X: Any, y: Any, loss: Loss, prefix: str = "") -> list[Sample]:
    """The rows and their targets, once it is known that the model takes the former and the loss the latter."""
    rows, targets = listed(X, f"{prefix}X"), listed(y, f"{prefix}y")
    if len(rows) != len(targets):
        raise ValueError(f"{prefix}X has {len(rows)} rows, but {prefix}y has {len(targets)} targets")
    if not rows:
        raise ValueError(f"{prefix}X and {prefix}y are empty; training needs at least one row")
    inputs = finite_inputs(rows, f"{prefix}X")
    if isinstance(targets[0], Iterable) and not isinstance(targets[0], str):
        table = finite_table(targets, f"{prefix}y")
        targets = table if len(table[0]) > 1 else [target for [target] in table]
    else:
        targets = [finite_number(target, f"{prefix}y: row {i}") for i, target in enumerate(targets)]
    # Which row is judged does not matter to a target, so that one pass of the model is enough.
    with _mode(model, training=False):
        outputs = _single(model(inputs[0]))
    for i, target in enumerate(targets):
        try:
            judged = loss(outputs, target)
            judged if isinstance(judged, Value) else as_float(judged)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"the loss does not take row {i} of {prefix}y: {error}") from error
    return [Sample(*pair) for pair in zip(inputs, targets)]


def _try_smallest_batch(model: Module, inputs: list[Any]) -> None:
    """A copy of the model takes the smallest batch there will be, so that what is wrong with it is known before."""
    with _mode(model, training=True):
        if model.needs_batch:
            copy.deepcopy(model).forward_batch(inputs)


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(f"validation must be a pair (X, y), got {validation!r:.60}")
    return validation[0], validation[1]
