"""The steps of a training, compiled: a batch's gradients and figures of merit in one call of native code.

How to read this file: `CompiledSteps` keeps the parameters in one array, and all else that belongs to the model's
state (buffers, frozen parameters) in another; a step is a kernel of these two and of a batch. The kernel comes from
running the model, or rather its `_Twin`: a copy with symbols in the places of those numbers. So a unit computes, and
changes its buffers, as it always does. There is one sample in that run, whose numbers stand for every sample's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler.arrays import BatchArray
from autograd_engine.compiler.jit import jit
from autograd_engine.compiler.tracing import TraceError
from autograd_engine.derivatives import value_and_grad
from autograd_engine.mapping import vmap
from autograd_engine.primitives import mean
from autograd_engine.structure import flatten
from autograd_engine.value import Value
from nn.accuracy import accuracies, accuracy
from nn.clipping import clipped_gradients
from nn.grids import grid
from nn.modules import Module
from nn.numbers import number
from nn.random_inputs import RandomInputs, nothing_else_drawn
from nn.samples import Sample, mode, single
from nn.steps import Figures, Places, Task
from nn.terminal import Check

Array: TypeAlias = npt.NDArray[np.float64]


class CompiledSteps:
    """Steps of native code; between `read` and `write` the model's state is kept here.

    They are compiled at once. Raises TraceError, or whatever the model or the loss raises, where they do what only
    numbers can do, and then nothing has changed.
    """

    def __init__(
        self, task: Task, samples: Sequence[Sample], batch_size: int, held_out: Sequence[Sample], check: Check
    ) -> None:
        self.task, self.check = task, check
        self._state = _State(task)
        self._trained, self._others = self._state.read()
        self._gradients: Array | None = None
        smallest = samples[: (len(samples) - 1) % batch_size + 1]

        def objective(trained: Any, others: Any, batch: Any) -> Any:
            twin, loss, outputs = self._training.run(trained, others, batch)
            aim = loss if task.penalty is None else loss + task.penalty(twin.model)
            return aim, (loss, twin.buffers(), outputs)

        def judge(trained: Any, others: Any, batch: Any) -> Any:
            twin, loss, outputs = self._validation.run(trained, others, batch)
            twin.check_that_nothing_changed()
            return loss, outputs

        self._step = jit(value_and_grad(objective, has_aux=True))
        with nothing_else_drawn():
            self._training = _Judging(task, self._state, samples, smallest)
            self._step.stats(self._trained, self._others, self._training.example(batch_size))
        if held_out:
            with mode(task.model, training=False), nothing_else_drawn():
                self._validation = _Judging(task, self._state, held_out, held_out[:1])
                self._validate = jit(judge)
                self._validate.stats(self._trained, self._others, self._validation.example(len(held_out)))

    def step(self, places: Places, figures: Figures) -> None:
        """See `Steps`."""
        self.check()
        batch = self._training.batch(places)
        (_, (loss, buffers, outputs)), gradients = self._step(self._trained, self._others, batch)
        if self.task.clips:
            gradients, _ = clipped_gradients(gradients, self.task.clip_norm, self.task.clip_value)
        new = self.task.optimizer.update(self._trained, gradients)
        if len(buffers):
            self._others[-len(buffers) :] = buffers
        self._trained, self._gradients = new, gradients
        self._training.add(figures, places, loss, outputs)

    def validate(self, figures: Figures) -> None:
        """See `Steps`."""
        places = range(len(self._validation.samples))
        batch = self._validation.batch(places)
        self._validation.add(figures, places, *self._validate(self._trained, self._others, batch))

    def read(self) -> None:
        """See `Steps`."""
        self._trained, self._others = self._state.read()

    def write(self) -> None:
        """See `Steps`. The parameters get the gradients of the last step; deltas there are none."""
        self._state.write(self._trained, self._others, self._gradients)
        self.task.model._forget()


class _State:
    """Where the numbers of a model's state are: in the parameters that are trained, and in the others."""

    def __init__(self, task: Task) -> None:
        self.model, self.trained = task.model, task.optimizer.parameters
        known = set(self.trained)
        self.frozen = [parameter for parameter in task.model.parameters() if parameter not in known]
        self.buffers = list(task.model.buffers().values())

    def read(self) -> tuple[Array, Array]:
        """The numbers of the trained parameters, and the others: frozen parameters, then buffers."""
        frozen = np.array([parameter.data for parameter in self.frozen])
        others = np.concatenate([frozen, *[buffer.ravel() for buffer in self.buffers]])
        return np.array([parameter.data for parameter in self.trained]), others

    def write(self, trained: Array, others: Array, gradients: Array | None) -> None:
        """Put the numbers back, all but the frozen ones, which do not change."""
        for parameter, data in zip(self.trained, trained.tolist()):
            parameter.data = data
        if gradients is not None:
            for parameter, gradient in zip(self.trained, gradients.tolist()):
                parameter.grad = gradient
        start = len(self.frozen)
        for buffer in self.buffers:
            buffer[...] = others[start : start + buffer.size].reshape(buffer.shape)
            start += buffer.size


class _Twin:
    """A copy of a model whose numbers are symbols: those given, and those of its Generators' `stand_ins`."""

    def __init__(self, state: _State, trained: Sequence[Any], others: Sequence[Any], stand_ins: dict[int, Any]) -> None:
        memo: dict[int, Any] = dict(stand_ins)
        memo |= {id(parameter): x for parameter, x in zip([*state.trained, *state.frozen], [*trained, *others])}
        start = len(state.frozen)
        self._buffers = []
        for buffer in state.buffers:
            self._buffers.append(grid(others[start : start + buffer.size], buffer.shape))
            memo[id(buffer)] = self._buffers[-1]
            start += buffer.size
        self._original, self._before = state.model, self._in_buffers()
        self.model: Module = copy.deepcopy(state.model, memo)

    def buffers(self) -> Any:
        """The buffers as they are now, in one array. Raises TraceError where a unit has changed something else."""
        twins = self.model.named_modules()
        for name, module in self._original.named_modules().items():
            for attribute, before in vars(module).items():
                now = vars(twins[name])[attribute]
                if self._is_other(before, now):
                    raise TraceError(
                        f"{type(module).__name__} sets its attribute {attribute!r} when it is called, which a compiled "
                        "step would not do; keep what changes in an array, and write into it"
                    )
        return grid(self._in_buffers())

    def check_that_nothing_changed(self) -> None:
        """Raises TraceError unless the buffers are as they were."""
        if any(now is not before for now, before in zip(self.buffers(), self._before)):
            raise TraceError("the model changes its buffers in inference mode, which is not compiled")

    def _in_buffers(self) -> list[Any]:
        return [x for buffer in self._buffers for x in buffer.ravel().tolist()]

    def _is_other(self, before: Any, now: Any) -> bool:
        """Whether an attribute is another number or text than it was, or a buffer another array."""
        if isinstance(before, np.ndarray) and before.dtype == np.float64:
            return all(now is not buffer for buffer in self._buffers)
        return isinstance(before, (bool, int, float, str)) and now is not before and now != before


class _Judging:
    """How the model, in the mode that it is in now, judges samples; `smallest` is a batch that it takes."""

    def __init__(self, task: Task, state: _State, samples: Sequence[Sample], smallest: Sequence[Sample]) -> None:
        self.task, self.state, self.samples = task, state, samples
        self._inputs = np.array([sample.inputs for sample in samples], dtype=np.float64)
        self._targets = np.array([sample.target for sample in samples], dtype=np.float64)
        self._random = RandomInputs(task.model, [sample.inputs for sample in smallest])
        self._outputs: Any = None  # the structure of a sample's
        self._rooms: dict[int, tuple[Array, Array]] = {}

    def run(self, trained: Any, others: Any, batch: Any) -> tuple[_Twin, Any, list[Any]]:
        """On symbols: the twin, the mean loss of the batch, and each output of all samples, if they are asked for."""
        arrays = vmap(lambda sample: sample)(batch)
        everyone = arrays[0].batch
        inputs, target, *draws = [array.of_sample.tolist() for array in arrays]
        twin = _Twin(
            self.state,
            np.asarray(trained).tolist(),
            np.asarray(others).tolist(),
            self._random.stand_ins(draws[0] if draws else []),
        )
        model = twin.model
        outputs = single(model.forward_batch([inputs])[0] if model.needs_batch else model(inputs))
        loss = mean(_of_everyone(self.task.loss(outputs, target), everyone))
        if self.task.accuracy is None:
            return twin, loss, []
        numbers, self._outputs = flatten(outputs)
        return twin, loss, [_of_everyone(x, everyone) for x in numbers]

    def example(self, samples: int) -> tuple[Array, ...]:
        """A batch of that many samples, or of all there are, without drawing."""
        inputs, targets = self._inputs[:samples], self._targets[:samples]
        random = [np.zeros((len(inputs), self._random.size))] if self._random.size else []
        return (inputs, targets, *random)

    def batch(self, places: Places) -> tuple[Array, ...]:
        """The batch of the samples at `places`, with what is drawn for them."""
        inputs, targets = self._inputs, self._targets
        if not isinstance(places, range):  # which is all of them
            inputs, targets = self._taken(places)
        return (inputs, targets, self._random.draw(len(inputs))) if self._random.size else (inputs, targets)

    def _taken(self, places: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        """The inputs and targets of some samples; for batches of one size in the same arrays, which a kernel knows."""
        n = len(places)
        if n not in self._rooms:
            self._rooms[n] = np.empty_like(self._inputs[:n]), np.empty_like(self._targets[:n])
        inputs, targets = self._rooms[n]
        self._inputs.take(places, axis=0, out=inputs, mode="clip")
        self._targets.take(places, axis=0, out=targets, mode="clip")
        return inputs, targets

    def add(self, figures: Figures, places: Places, loss: float, outputs: Sequence[Array]) -> None:
        """Add to the figures what a kernel has found."""
        judge, right = self.task.accuracy, 0.0
        if judge is accuracy and self._targets.ndim == 1 and all(part.kind is None for part in self._outputs.children):
            targets = self._targets if isinstance(places, range) else self._targets[places]
            right = float(accuracies(outputs, targets).sum())
        elif judge is not None:
            for i, numbers in zip(places, zip(*[column.tolist() for column in outputs])):
                right += float(judge(self._outputs(list(map(Value, numbers))), self.samples[i].target))
        figures.add(len(places), len(places) * loss, right)


def _of_everyone(x: Any, everyone: Any) -> BatchArray:
    """What the model or the loss returned for the one sample, as the array of what all samples get."""
    if isinstance(x, Value):
        raise TraceError(
            f"the model or the loss returned {x!r}, which is computed from Values that the model does not hold"
        )
    return BatchArray(everyone, everyone.broadcast(number(x)))
