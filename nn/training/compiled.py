"""The steps of a training, compiled: a batch's gradients and figures of merit in one call of native code.

How to read this file: `CompiledSteps` keeps the parameters in one array, and the rest of the model's state
(buffers, frozen parameters) in another; a step is a kernel of these two and a batch. The kernel comes from
running a `SymbolicCopy` of the model, which has symbols for those numbers, so that a unit computes and changes its
buffers as it always does. That run is on one sample, whose numbers stand for every sample's.

The copy runs twice, and again after each callback, and what it computes is compared (`recordings.py`): a model or a
loss that computes something else each time cannot have a kernel, and one that a callback has changed needs a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler.jit import jit
from autograd_engine.compiler.program.traced_function import TracedFunction
from autograd_engine.compiler.trace.arrays import BatchArray
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.traced import LONG, TooLongError, context
from autograd_engine.derivatives import value_and_grad
from autograd_engine.mapping import vmap
from autograd_engine.primitives import mean
from autograd_engine.runs import user_function
from autograd_engine.structure import flatten
from autograd_engine.value import Value
from nn.checks import Array, as_number
from nn.extras import Check
from nn.grids import grid
from nn.training.accuracy import accuracies, accuracy
from nn.training.clipping import clipped_gradients
from nn.training.random_draws import RandomDraws
from nn.training.random_sources import nothing_else_drawn
from nn.training.recordings import Rows, Run, depends
from nn.training.samples import Sample, mode, single
from nn.training.steps import Figures, Indices, Steps, Task, trains_nothing
from nn.training.symbolic_copy import State, SymbolicCopy


class CompiledSteps(Steps):
    """Steps of native code, compiled when they are made; between `read` and `write` the model's state is kept here.

    Raises TraceError, or whatever the model or the loss raises, if they do what only numbers can do; then nothing has
    changed.
    """

    def __init__(self, task: Task, check: Check) -> None:
        super().__init__(task, check)
        self._state = State(task)
        self._trained, self._others = self._state.read()
        self._gradients: Array | None = None
        with nothing_else_drawn(*self._traced()):
            self._training = Judging(task, self._state, task.samples, task.smallest_batch)
            self._step = jit(value_and_grad(self._training.run, has_aux=True))
            self._step.stats(self._trained, self._others, self._training.example(task.batch_size))
        self._judgings = [self._training]
        if task.held_out:
            with mode(task.model, training=False), nothing_else_drawn(*self._traced()):
                self._validation = Judging(task, self._state, task.held_out, task.held_out[:1])
                self._validate = jit(self._validation.judge)
                self._validate.stats(self._trained, self._others, self._validation.example(len(task.held_out)))
            self._judgings.append(self._validation)

    def step(self, indices: Indices, figures: Figures) -> None:
        """See `Steps`."""
        gradients, buffers = self.gradients(indices, figures)
        if self.task.clips:
            with np.errstate(all="ignore"):  # inf and nan pass
                gradients, _ = clipped_gradients(gradients, self.task.clip_norm, self.task.clip_value)
        new = self.task.optimizer.update(self._trained, gradients)
        if len(buffers):
            self._others[-len(buffers) :] = buffers
        self._trained, self._gradients = new, gradients

    def gradients(self, indices: Indices, figures: Figures) -> tuple[Array, Array]:
        """The gradients of the batch of the samples at `indices`, and the new buffers."""
        self.check()
        batch = self._training.batch(indices, self._training.draw(len(indices)))
        (_, (loss, buffers, outputs)), gradients = self._step(self._trained, self._others, batch)
        self._training.add(figures, indices, loss, outputs)
        return gradients, buffers

    def validate(self, figures: Figures) -> None:
        """See `Steps`."""
        indices = range(len(self._validation.samples))
        batch = self._validation.batch(indices, self._validation.draw(len(indices)))
        self._validation.add(figures, indices, *self._validate(self._trained, self._others, batch))

    def current(self) -> bool:
        """See `Steps`. It takes a run on symbols to tell, which is about as slow as two samples on Values."""
        try:
            for judging in self._judgings:
                with mode(self.task.model, judging.training), nothing_else_drawn(*self._traced()):
                    if not judging.computes_the_same(self._trained, self._others):
                        return False
        except Exception:  # of any kind: it no longer even runs on symbols
            return False
        return True

    def _traced(self) -> tuple[Any, ...]:
        """What is run on symbols."""
        return self.task.model, self.task.loss, self.task.penalty

    def read(self) -> None:
        """See `Steps`."""
        self._trained, self._others = self._state.read()

    def write(self) -> None:
        """See `Steps`. The parameters get the gradients of the last step; there are no deltas."""
        self._state.write(self._trained, self._others, self._gradients)
        self.task.model._forget()


class Judging:
    """How the model, in its present mode, judges samples; `smallest` is a batch that it accepts."""

    def __init__(self, task: Task, state: State, samples: Sequence[Sample], smallest: Sequence[Sample]) -> None:
        self.task, self.state, self.samples, self.training = task, state, samples, task.model.training
        self.inputs = np.array([sample.inputs for sample in samples], dtype=np.float64)
        self.targets = np.array([sample.target for sample in samples], dtype=np.float64)
        self._random = RandomDraws(task.model, [sample.inputs for sample in smallest])
        self._outputs: Any = None  # the structure of a sample's
        self._program: Rows = []
        self._reused: dict[int, tuple[Array, Array]] = {}

    def run(self, trained: Any, others: Any, batch: Any) -> tuple[Any, tuple[Any, Any, list[Any]]]:
        """On symbols: what is to be minimised; the mean loss of the batch, the new buffers and each output.

        The outputs are those of all samples, and empty unless accuracy is measured. Raises TraceError if a second run
        computes something else, which a kernel cannot, and ValueError if nothing is trained.
        """
        self._give_up_early(3)  # each parameter is used, which adds up over the samples in the derivative
        symbolic, everyone, once = self._prepared(trained, others, batch)
        with nothing_else_drawn(symbolic.model):
            run = once()
            self._give_up_early(2)  # the derivative records as much again
            again = once()
        self._program = run.program()
        if again.program() != self._program:
            ours, theirs = run.written(), again.written()
            what = next(what for what in ours if ours[what] != theirs[what])
            raise TraceError(
                f"the {what} computes something else each time it is run, as where it draws random numbers or counts, "
                "which would be the same in every compiled step; let a unit draw from a NumPy Generator in one of its "
                "attributes, with its random(size)"
            )
        self._check_that_it_trains(run)
        loss = mean(_of_everyone(run.loss, everyone))
        aim = loss if self.task.penalty is None else loss + run.penalty
        outputs = [] if self.task.accuracy is None else [_of_everyone(x, everyone) for x in run.outputs]
        return aim, (loss, grid(run.buffers), outputs)

    def _give_up_early(self, times: int) -> None:
        """Raise TooLongError where so many times what is recorded already is too long."""
        if self.training and context.is_limited and times * len(context.nodes or ()) >= LONG:
            raise TooLongError

    def judge(self, trained: Any, others: Any, batch: Any) -> tuple[Any, list[Any]]:
        """On symbols: the mean loss of the batch and each output."""
        _, (loss, _, outputs) = self.run(trained, others, batch)
        return loss, outputs

    def computes_the_same(self, trained: Array, others: Array) -> bool:
        """Whether a run on symbols computes what the kernel does."""
        found: list[Rows] = []

        def once(*args: Any) -> float:
            found.append(self._prepared(*args)[-1]().program())
            return 0.0

        TracedFunction(once, (trained, others, self.example(2)), {}, exact=False)
        return found == [self._program]

    def _prepared(self, trained: Any, others: Any, batch: Any) -> tuple[SymbolicCopy, Any, Callable[[], Run]]:
        """The symbolic copy, the batch of all samples, and what runs the copy once, on the sample for them all."""
        arrays = vmap(lambda sample: sample)(batch)
        trained, others = np.asarray(trained).tolist(), np.asarray(others).tolist()
        inputs, target, *draws = [array.of_sample.tolist() for array in arrays]
        leaves = [*trained, *others, *flatten([inputs, target, draws])[0]]
        symbolic = SymbolicCopy(self.state, trained, others, self._random, draws[0] if draws else [])

        def once() -> Run:
            symbolic.restart()
            model, penalty = symbolic.model, 0.0
            called = user_function.get()
            outputs = single(model.forward_batch([inputs])[0] if model.needs_batch else called(model)(inputs))
            loss = called(self.task.loss)(outputs, target)
            if self.training and self.task.penalty is not None:
                penalty = self.task.penalty_of(model)
            numbers, self._outputs = flatten(outputs)
            known = [_known("model", x) for x in numbers]
            buffers = symbolic.buffers(self.training)
            return Run(known, buffers, _known("loss", loss), _known("penalty", penalty), leaves)

        return symbolic, arrays[0].batch, once

    def _check_that_it_trains(self, run: Run) -> None:
        parameters = run.leaves[: len(self.state.trained) + len(self.state.frozen)]
        if not self.training or not depends(run.outputs, parameters):
            return
        for what, aim in (("loss", run.loss), ("penalty", run.penalty)):
            if not depends([aim], parameters) and not (aim.__class__ is float and aim == 0.0):
                raise ValueError(trains_nothing(what))

    def example(self, samples: int) -> tuple[Array, ...]:
        """A batch of n samples, or of all if there are fewer, with zeros instead of draws."""
        inputs, targets = self.inputs[:samples], self.targets[:samples]
        random = [np.zeros((len(inputs), self._random.size))] if self._random.size else []
        return (inputs, targets, *random)

    def draw(self, samples: int) -> list[Array]:
        """What is drawn for a batch of that number of samples."""
        return [self._random.draw(samples)] if self._random.size else []

    def batch(self, indices: Indices, drawn: Sequence[Array]) -> tuple[Array, ...]:
        """The batch of the samples at `indices`, with what was drawn for them."""
        if isinstance(indices, range):
            own = slice(indices.start, indices.stop)
            return (self.inputs[own], self.targets[own], *drawn)
        return (*self._taken(indices), *drawn)

    def _taken(self, indices: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        """The inputs and targets of some samples; batches of one size reuse the same arrays, which a kernel knows."""
        n = len(indices)
        if n not in self._reused:
            self._reused[n] = np.empty_like(self.inputs[:n]), np.empty_like(self.targets[:n])
        inputs, targets = self._reused[n]
        self.inputs.take(indices, axis=0, out=inputs, mode="clip")
        self.targets.take(indices, axis=0, out=targets, mode="clip")
        return inputs, targets

    def add(self, figures: Figures, indices: Indices, loss: float, outputs: Sequence[Array]) -> None:
        """Add the results of a kernel to the figures."""
        judge, right = self.task.accuracy, 0.0
        if judge is not None and self.counts:
            own = slice(indices.start, indices.stop) if isinstance(indices, range) else indices
            right = float(accuracies(outputs, self.targets[own]).sum())
        elif judge is not None:
            for i, numbers in zip(indices, zip(*[column.tolist() for column in outputs])):
                right += float(judge(self._outputs(list(map(Value, numbers))), self.samples[i].target))
        figures.add(len(indices), len(indices) * loss, right)

    @property
    def counts(self) -> bool:
        """Whether what is measured, if anything, is how many samples are classified correctly, by `accuracies`."""
        of_numbers = self.targets.ndim == 1 and all(part.kind is None for part in self._outputs.children)
        return self.task.accuracy is None or (self.task.accuracy is accuracy and of_numbers)

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn for the samples."""
        return self._random.size > 0


def _known(what: str, x: Any) -> Any:
    """A number that the model, the loss or the penalty returned, traced or a float."""
    if isinstance(x, Value):
        raise TraceError(
            f"the {what} returned {x!r}, which is computed from Values that the model does not hold"
            + ("; use the model that the penalty is called with" if what == "penalty" else "")
        )
    return as_number(x)


def _of_everyone(x: Any, everyone: Any) -> BatchArray:
    """A number of the one sample, as the array of what all samples get."""
    return BatchArray(everyone, everyone.broadcast(x))
