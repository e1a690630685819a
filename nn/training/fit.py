"""Training: `fit` changes a model's parameters until its outputs are near the targets.

How to read this file: `fit` checks its arguments, and `_Training` is the loop over epochs. A step on Values is in
`steps.py`, a native one in `compiled.py`, many at once in `epochs.py`; the data are checked in `samples.py`, and Ctrl-C
and the progress bar are in `progress.py`.

>>> from nn import MLP, SGD, squared_error
>>> model = MLP(1, [1], seed=0)
>>> history = fit(model, [[0.0], [1.0]], [1.0, 3.0], squared_error, SGD(model.parameters(), lr=0.5), epochs=200)
>>> round(model([2.0])[0].data, 6)
5.0
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from nn.checks import FilePath, Seed, at_least_0, generator, of_kind, whole_number
from nn.modules import Module
from nn.optimizer import Optimizer
from nn.training.checkpoints import Checkpoint
from nn.training.early_stopping import BestState
from nn.training.history import History
from nn.training.progress import ctrl_c_between_samples, progress_bar
from nn.training.samples import Alone, Loss, Sample, checked_samples, mode, try_smallest_batch
from nn.training.steps import Accuracy, Figures, Indices, Judge, Penalty, Steps, Task, ValueSteps

WORTH_COMPILING = 2000
"""How many samples, over all epochs, take about as long on Values as compiling their step does."""

_CHANGED_TOO_SOON = f"the callback changed what is computed before {WORTH_COMPILING} samples had been trained with it"


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
    stop: Callable[[History], object] | None = None,
    jit: bool | None = None,
    checkpoint: FilePath | None = None,
    checkpoint_every: int = 1,
    resume: FilePath | None = None,
    comm: Any = None,
) -> History:
    """Train `model` on the rows of X (n, d) and the targets y (n,) or (n, k); return the history.

    A row may also have a shape of its own, as an image has: X (n, channels, height, width).

    `loss(outputs, target)` and `accuracy(outputs, target)` judge one sample. Where the model has one output
    they get that output itself, so `binary_cross_entropy_with_logits` and its like can be passed as they
    are; where it has several they get the list. Likewise the target is a number where y is (n,) or (n, 1),
    else a list.

    Each step goes down the gradient of the mean loss of a batch of `batch_size` samples, in an order drawn
    anew from `seed` for each epoch; the default is one batch of all, in the order given. `validation` is
    another (X, y), judged after each epoch. `callback(history)` is called after each epoch, and then `stop(history)`,
    which ends the training where it is true; it may only look, and so costs next to nothing.

    `early_stopping` is a patience: the training ends when that many epochs have passed without a new lowest validation
    loss. However it ends then, the model is left with the parameters of its best epoch.

    `penalty(model)`, such as `0.01 * l2_penalty(model.parameters())`, is added to the mean loss of each batch for
    the gradient; the figures of the history are without it. With `clip_norm` or `clip_value` the gradients of each
    step are clipped, see `clip_gradients`. A learning rate that changes from step to step is the optimizer's: its
    `lr` may be a schedule.

    The model is in training mode for the steps and in inference mode for the validation and the callback;
    afterwards each of its modules is in the mode it was in before. Where the model has statistics over the batch
    (`needs_batch`), a batch goes through it at once.

    With `jit` the steps and the validation are compiled: the model, the loss and the penalty are run once, on symbols,
    and from then on native code does the same to all samples. Up to rounding the results are the same. It raises
    TraceError if one of them does what cannot be compiled, such as an `assert` on numbers, or does not do the same when
    it is run again; what they do besides computing is done only when they are run on symbols. Random numbers must come
    from a NumPy Generator in an attribute of a unit, by its `random(size)`. The callback may change what is computed (a
    rate of Dropout, a weight of the loss), which is then compiled anew; such changes by anything else while the
    training goes on, a schedule or another thread, are not seen. Parameters and buffers get their new numbers for the
    callback, for early stopping and at the end.
    Without `jit` everything is done on Values, sample by sample, and `model.deltas()` then are those of the last sample
    or batch that went through the model, with respect to the batch's mean loss; of a validation sample they are 0.
    Where there are at least 1,000 steps and nothing of Python has a part in them, many of them are one call, with the
    bits of as many calls; what a schedule says is then asked for some steps ahead.
    None, the default, compiles if that is possible and there are enough samples for it to pay, 2,000 in all epochs
    together, and as many again before it is compiled anew. The history says what was done.

    `progress` shows a bar with loss, accuracy and time left: True, False, or None for only on a terminal.
    Ctrl-C, or a KeyboardInterrupt from the callback, ends the training between two samples (if it is compiled, between
    two steps, some hundredths of a second later where many go at once), never within an update, and the history of all
    finished epochs is returned. A second Ctrl-C does not wait.

    `checkpoint` names a file that is written, whole or not at all, after every `checkpoint_every` epochs and after the
    last: with the model, the state of the optimizer and of the NumPy Generators, the history and the best epoch. A
    training that has ended in whatever way, even killed, goes on from such a file with `resume`: call `fit` as before,
    with a model and an optimizer made as before. On the same machine it ends with the bits of one that was never
    interrupted. Only `epochs` may be another. What a callback has changed besides the model is for it to change again.

    `comm`, a communicator of mpi4py such as `MPI.COMM_WORLD`, spreads the samples over processes that all make the same
    call, with all of X and y (which may be memory-mapped: each reads its share). Their steps, always compiled, have the
    bits of any other number of processes, and so has a training that goes on with another one. The first process writes
    the checkpoints, shows the progress and asks `stop`; all call the callback. A batch of n samples is work for n / 8
    processes at most. It makes no sense of statistics over a batch.

    A loss that becomes inf or nan is not an error: it stands in the history.

    Raises ValueError or TypeError, before anything is changed, if X and y differ in length, are ragged,
    empty, or not of finite numbers, if a row does not fit the model or a target the loss, if the last batch is too
    small for the model's statistics, if early stopping has no validation data to judge by, or if the optimizer holds
    none of the model's parameters; in the first step if the penalty is not a number, or if the loss or the penalty,
    unless it is 0, does not depend on the parameters; ImportError if `jit` is True and llvmlite
    is not installed, or `checkpoint` or `resume` given without safetensors; OSError if such a file cannot be written or
    read, ModelFileError if it is no checkpoint, or one of another model, data or options. With `comm` also ValueError
    if `jit` is False or the model needs batches, and RankError if another process has raised an error.

    The points lie on 2 x + 1; the penalty on the slope makes a flatter line of them:

    >>> from nn import MLP, SGD, l2_penalty, squared_error
    >>> model = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
    >>> half_slope_squared = lambda model: 0.5 * l2_penalty(model.layers[0].neurons[0].weight)
    >>> optimizer = SGD(model.parameters(), lr=0.1)
    >>> history = fit(model, X, y, squared_error, optimizer, epochs=500, penalty=half_slope_squared)
    >>> [round(parameter.data, 4) for parameter in model.parameters()], history.jit
    ([1.1111, 2.3333], True)
    """
    ranks = Alone()
    if comm is not None:
        from nn.training.spread import Spread  # which imports the compiler

        ranks = Spread(comm)
    with ranks.together():
        for name, thing, kind in (("model", model, Module), ("optimizer", optimizer, Optimizer)):
            of_kind(name, thing, kind)
        for name, function in (("accuracy", accuracy), ("penalty", penalty), ("callback", callback), ("stop", stop)):
            if function is not None:
                of_kind(name, function, Callable)
        if set(optimizer.parameters).isdisjoint(model.parameters()):
            raise ValueError("the optimizer holds none of the model's parameters; make it with model.parameters()")
        if comm is not None and (jit is False or model.needs_batch):
            why = "jit is False" if jit is False else "the model has statistics over the batch"
            raise ValueError(f"fit() with comm compiles the sums over the samples of a rank, but {why}")
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, at_least=1)
        X, y, words = ranks.own("", X, y, batch_size)
        samples, held_out = checked_samples(model, X, y, loss, words), list[Sample]()
        if validation is not None:
            X, y, words = ranks.own("validation ", *_pair(validation))
            held_out = checked_samples(model, X, y, loss, words)
    data = ranks.data(samples, held_out) if checkpoint is not None or resume is not None else None
    with ranks.together():
        epochs = whole_number("epochs", epochs, at_least=0)
        n = ranks.count("", samples)
        batch_size = batch_size or n
        draws = generator(seed)
        for name, bound in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if bound is not None:
                at_least_0(name, bound)
        best = None
        if early_stopping is not None:
            if not held_out:
                raise ValueError("early_stopping judges by the validation loss, so fit() needs validation=(X, y)")
            best = BestState(model, whole_number("early_stopping", early_stopping))
        task = Task(model, samples, held_out, batch_size, loss, optimizer, accuracy, penalty, clip_norm, clip_value)
        try_smallest_batch(model, [sample.inputs for sample in task.smallest_batch])
        training = _Training(task, ranks, n, draws, best, callback, stop, jit)
        if data is not None:
            path = checkpoint if ranks.is_first else None
            training.saved = Checkpoint(task, training.history, draws, best, path, checkpoint_every, data)
            if resume is not None:
                training.jit, training.compiled_after = training.saved.read(resume, jit)
        if comm is not None:
            training.jit = True
    training.run(epochs, progress)
    return training.history


@dataclass
class _Training:
    """A training under way: the steps as they are made now, and what is done after each epoch."""

    task: Task
    ranks: Alone
    n: int  # samples, of all ranks
    draws: np.random.Generator
    best: BestState | None
    callback: Callable[[History], object] | None
    stop: Callable[[History], object] | None
    jit: bool | None
    history: History = field(default_factory=History)
    saved: Checkpoint | None = None
    compiled_after: int = 0  # that epoch

    def run(self, epochs: int, progress: bool | None) -> None:
        """Train until there are that many epochs, or it is stopped."""
        task, history, batches = self.task, self.history, -(-self.n // self.task.batch_size)
        self.started = time.perf_counter() - history.seconds
        with mode(task.model, training=True), ctrl_c_between_samples() as self.check:
            self.steps: Steps = ValueSteps(task, self.check)
            try:
                if self.jit is None and epochs * self.n < WORTH_COMPILING:
                    history.jit_reason = f"there are fewer than {WORTH_COMPILING} samples in all epochs together"
                elif self.jit is not False:
                    self._compile()
                wanted = progress if self.ranks.is_first else False
                with progress_bar(epochs * batches, wanted, len(history.loss) * batches) as show:
                    self._train(epochs, show)
            except KeyboardInterrupt:
                history.interrupted = True
            finally:
                self.steps.write()
        if self.best is not None:
            self.best.restore()
            history.best_epoch = self.best.epoch
        history.seconds = time.perf_counter() - self.started

    def _train(self, epochs: int, show: Callable[..., None]) -> None:
        history, epoch = self.history, len(self.history.loss)
        trained = self._finished(range(epoch + 1, epochs + 1), show)
        while epoch < epochs and not history.stopped_early:
            finished = next(trained)
            epoch += len(finished)
            self._judge(finished)
            if self.saved is not None:
                with self.ranks.together():
                    self.saved.write(epoch, history.stopped_early or epoch == epochs, self.compiled_after)
            if self.ranks.is_alone:  # else all ranks hear of it in the next step
                self.check()
            history.stopped_early |= self.stop is not None and self.ranks.decided(bool(self.stop(history)))
            going_on = epoch < epochs and not history.stopped_early
            if self.callback is not None and going_on and not self.steps.current():
                self._begin_anew(epoch)
                trained = self._finished(range(epoch + 1, epochs + 1), show)

    def _finished(self, span: range, show: Callable[..., None]) -> Iterator[list[Figures]]:
        """The figures of the epochs of these numbers, as the present steps finish them."""
        ahead = not (self.task.held_out or self.callback or self.stop or self.saved)
        return self.steps.epochs(span, self._draw, show, ahead)

    def _draw(self) -> Indices:
        """The order of the samples in an epoch."""
        return range(self.n) if self.n <= self.task.batch_size else self.draws.permutation(self.n)

    def _judge(self, finished: Sequence[Figures]) -> None:
        """Add the figures of epochs to the history, with those of the validation samples, and call back."""
        history, steps, held_out = self.history, self.steps, self.task.held_out
        if self.best is not None or self.callback is not None or self.saved is not None:
            steps.write()
        with mode(self.task.model, training=False):
            validated = Figures(self.task.accuracy is not None)
            if held_out:
                steps.validate(validated)
            seconds = time.perf_counter() - self.started
            for figures in finished:
                history.add_epoch(figures.means(), validated.means() if held_out else (), seconds)
            history.stopped_early = self.best is not None and self.best.note(history.validation_loss)
            if self.callback is not None:
                try:
                    self.callback(history)
                finally:
                    steps.read()

    def _begin_anew(self, epoch: int) -> None:
        """Go on with other steps, since what is computed is no longer what it was."""
        self.steps, self.history.jit = ValueSteps(self.task, self.check), False
        if self.jit or (epoch - self.compiled_after) * self.n >= WORTH_COMPILING:
            self._compile()
            self.compiled_after = epoch
        else:
            self.history.jit_reason = _CHANGED_TOO_SOON

    def _compile(self) -> None:
        """Go on with compiled steps. If they cannot be made: an error if `jit` is True, else the history says why."""
        try:
            if find_spec("llvmlite") is None:
                raise ImportError("jit=True needs llvmlite: pip install llvmlite")
            from nn.training.epochs import EpochSteps  # which imports the compiler

            with self.ranks.together():
                self.steps = (self.ranks.compiled_steps or EpochSteps)(self.task, self.check)
        except Exception as error:  # of any kind: user-defined units and losses may not work on symbols
            if self.jit:
                raise
            self.history.jit_reason = f"{type(error).__name__}: {error}"
        else:
            self.history.jit = True


def evaluate(model: Module, X: Any, y: Any, loss: Loss, accuracy: Accuracy | None = None) -> tuple[float, float | None]:
    """The mean loss and the mean accuracy (None if it is not asked for) of `model`, in inference mode, on X and y.

    Arguments and errors as for `fit`; no parameter and no gradient changes. It runs on Values, uncompiled.

    >>> from nn import Dropout, Linear, Sequential, squared_error
    >>> model = Sequential(Linear(1, 1), Dropout(0.5))
    >>> model.load_arrays({"0.weight": [[2.0]], "0.bias": [1.0]})
    >>> evaluate(model, [[0.0], [1.0]], [1.0, 4.0], squared_error), model.training  # nothing is dropped
    ((0.25, None), True)
    """
    of_kind("model", model, Module)
    if accuracy is not None:
        of_kind("accuracy", accuracy, Callable)
    judge, figures = Judge(model, loss, accuracy, check=lambda: None), Figures(accuracy is not None)
    with mode(model, training=False):
        for sample in checked_samples(model, X, y, loss):
            judge.sample(sample, figures)
    mean_loss, *mean_accuracy = figures.means()
    return mean_loss, mean_accuracy[0] if mean_accuracy else None


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(f"validation must be a pair (X, y), got {validation!r:.60}")
    return validation[0], validation[1]
