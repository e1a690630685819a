"""Compiled steps, many in one call: where networks are small, calling a step from Python takes longer than the step.

How to read this file: `EpochSteps` takes the batches of an epoch, or of several where nobody looks at the model between
them, in portions; `_Descent` is one call of native code for a portion. A round of it does what `CompiledSteps.step`
does: it gathers a batch, runs the kernel of a step, which is the same machine code, and then a kernel of the
optimizer's rule, which is compiled by a run of it on symbols and rounds as NumPy does. So the numbers are the same to
the bit. A portion takes a moment only, after which Ctrl-C is heard and the progress is shown; the state then is that at
the end of a step.
"""

from __future__ import annotations

import copy
import ctypes
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler.jit import jit
from autograd_engine.compiler.kernel import Kernel
from autograd_engine.compiler.llvm.executable import WORTH_THREADS, Workspace
from autograd_engine.compiler.llvm.layout import Layout
from autograd_engine.compiler.llvm.turns import Turns
from autograd_engine.compiler.trace.arrays import BatchArray
from autograd_engine.compiler.trace.errors import TraceError
from nn.checks import Array
from nn.training.accuracy import accuracies
from nn.training.clipping import clipped_gradients
from nn.training.compiled import CompiledSteps
from nn.training.steps import Figures, Indices, Task

WORTH_TOGETHER = 1000
"""How many steps save about as much time as compiling the rule of the optimizer takes."""
FEW = 4
"""How many steps take about as long in one call as one by one."""
MOST_RULES = 4
"""How often the settings of the optimizer may change and its rule be compiled anew."""
BRIEFLY = 0.01
"""Seconds. Portions become larger as long as they take less, and smaller where they take several times as long."""


class EpochSteps(CompiledSteps):
    """Compiled steps that go many at a time where that pays, and one by one where Python has a part in them."""

    def epochs(
        self, span: range, draw: Callable[[], Indices], show: Callable[..., None], ahead: bool
    ) -> Iterator[list[Figures]]:
        """See `Steps`."""
        n = len(self.task.samples)
        batches = -(-n // self.task.batch_size)
        pays = len(span) * batches >= WORTH_TOGETHER and (ahead or batches > FEW)
        descent = self._descent() if pays else None
        if descent is None:
            yield from super().epochs(span, draw, show, ahead)
            return
        numbers = iter(span)
        while group := list(islice(numbers, max(1, descent.portion // batches) if ahead else 1)):
            left = deque((epoch, batch) for epoch in group for batch in self.batches(draw()))
            figures = Figures(self.task.accuracy is not None)
            while left:
                done = self._some(descent, [batch for _, batch in islice(left, descent.portion)])
                finished = []
                for sums in done:
                    epoch, batch = left.popleft()
                    figures.add(len(batch), *sums)
                    last = figures
                    if figures.judged == n:
                        finished.append(figures)
                        figures = Figures(self.task.accuracy is not None)
                show(epoch, *last.means(), steps=len(done))
                if finished:
                    yield finished

    def _descent(self) -> _Descent | None:
        """What does the steps in native code; None if Python has a part in them, or takes no time to speak of."""
        size = self.task.batch_size
        sizes = {min(size, len(self.task.samples)), len(self.task.smallest_batch)}
        first, *others = [self._step.kernel(self._trained, self._others, self._training.example(k)) for k in sizes]
        executable = first.executable
        if (
            type(self.task.optimizer).__module__ != "nn.optimizers"  # but user-defined
            or not self.task.optimizer.is_uniform
            or self._training.draws
            or not self._training.counts
            or any(other is not first for other in others)
            or len(executable.views) != 2
            or executable.gathered
            or max(sizes) * len(first.program) > WORTH_THREADS
        ):
            return None
        return _Descent(self.task, first, self._training.inputs, self._training.targets)

    def _some(self, descent: _Descent, batches: Sequence[Indices]) -> list[tuple[float, float]]:
        """The first of these steps, as many as go at once; the sums of losses and of accuracies of each."""
        self.check()
        done, self._trained, self._others, gradients = descent(batches, self._trained, self._others)
        descent.check()
        if done:
            self._gradients = gradients
            return done
        figures = Figures(self.task.accuracy is not None)
        self.step(batches[0], figures)
        return [(figures.loss, figures.accuracy)]


class _Descent:
    """Steps of a training in native code, with the memory that they work in; `portion` is how many go at once."""

    def __init__(self, task: Task, kernel: Kernel, inputs: Array, targets: Array) -> None:
        self.portion = 1
        self._task, self._data, self._executable = task, (inputs, targets), kernel.executable
        self._batch = [array[: task.batch_size].copy() for array in self._data]
        self._work = Workspace(self._executable)
        self._work.map([None, None, *self._batch])
        self._trained, self._others = self._work.room(0), self._work.room(1)
        buffers = len(self._work.outputs) - 2 - len(self._trained)  # what comes first is what is minimised
        _, self._loss, self._buffers, self._gradients = np.split(self._work.outputs, [1, 2, 2 + buffers])
        self._rules: dict[Any, _Rule | None] = {}
        self._goes = True

    def __call__(
        self, batches: Sequence[Indices], trained: Array, others: Array
    ) -> tuple[list[tuple[float, float]], Array, Array, Array]:
        """Do the first of these steps, as many as go at once, from this state of the model and that of the optimizer.

        Returns the sums of losses and of accuracies of each, the new state, and the gradients of the last one.
        """
        rule = self._rule() if self._goes else None
        settings = np.empty(0) if rule is None else rule.settings(len(batches))
        if rule is None or not len(settings):
            return [], trained, others, self._gradients
        started = time.perf_counter()
        self._trained[...], self._others[...] = trained, others
        batches = batches[: len(settings)]
        order = np.concatenate([np.arange(len(x)) if isinstance(x, range) else x for x in batches], dtype=np.int64)
        sizes = np.array([len(batch) for batch in batches], dtype=np.int64)
        losses, outputs = np.empty(len(sizes)), _Outputs(self._executable.layout, sizes)
        turns, batch = Turns(), self._work.address + 8 * self._executable.layout.batch(0)
        turns.copy(address(sizes), batch, 1, 1)
        for source, target in zip(self._data, self._batch):
            turns.gather(address(source), address(target), source[0].size, address(order))
        turns.copy(address(outputs.addresses), batch + 8, 1, 1)
        turns.run(self._executable, self._work)
        rule.turn(turns, settings)
        turns.copy(address(self._loss), address(losses), 1, 0, 1)
        last = self._others[len(self._others) - len(self._buffers) :]
        turns.copy(address(self._buffers), address(last), len(self._buffers))
        done = turns(sizes)
        right = outputs.right(self._data[1][order[: sizes[:done].sum()]], done)
        self._adapt(done, len(sizes), time.perf_counter() - started)
        found = list(zip((sizes * losses).tolist(), right))
        return found, self._trained.copy(), self._others.copy(), rule.finish(done)

    def _rule(self) -> _Rule | None:
        """The optimizer's rule with its settings as they are now; None if it is to make a step in Python first."""
        optimizer = self._task.optimizer
        changing = {"parameters", "steps", "_rates", *optimizer.remembers}
        known = [(name, x) for name, x in vars(optimizer).items() if name not in changing]
        key = repr([*known, *[getattr(optimizer, name) is None for name in optimizer.remembers]])
        if key not in self._rules:
            if len(self._rules) == MOST_RULES:
                return None
            try:
                self._rules[key] = _Rule(self._task, self._trained, self._gradients)
            except TraceError:
                self._rules[key] = None
        return self._rules[key]

    def _adapt(self, done: int, steps: int, seconds: float) -> None:
        """Choose how many steps are next, after as many that took so long."""
        self._goes = done == steps
        if seconds < BRIEFLY and 2 * steps > self.portion:
            self.portion *= 2
        elif seconds > 4 * BRIEFLY:
            self.portion = max(self.portion // 2, 1)

    def check(self) -> None:
        """Raise what a signal handler raised meanwhile."""
        self._executable.check(self._work)


class _Outputs:
    """Room for what the model returns in some steps, where that is to be judged."""

    def __init__(self, layout: Layout, sizes: npt.NDArray[np.int64]) -> None:
        self._rows, self._sizes = layout.rows[0], sizes
        blocks = self._rows * np.array([layout.padded(size) for size in sizes])
        self._ends = np.cumsum(blocks)
        self._numbers = np.empty(self._ends[-1])
        self.addresses = address(self._numbers) + 8 * (self._ends - blocks)

    def right(self, targets: Array, done: int) -> list[float]:
        """How many samples of each of the steps that are done were classified correctly; 0 if nobody asks."""
        if not self._rows or not done:
            return [0.0] * done
        sizes = self._sizes[:done]
        blocks = [block.reshape(self._rows, -1) for block in np.split(self._numbers, self._ends)[:done]]
        columns = [np.concatenate([block[i, :n] for block, n in zip(blocks, sizes)]) for i in range(self._rows)]
        right: list[float] = np.add.reduceat(accuracies(columns, targets), np.cumsum(sizes) - sizes).tolist()
        return right


class _Rule:
    """The rule of the optimizer, after clipping, as a kernel: it reads parameters and gradients where they are."""

    def __init__(self, task: Task, parameters: Array, gradients: Array) -> None:
        self._optimizer = optimizer = task.optimizer
        self._parameters = parameters
        self._names = [name for name in optimizer.remembers if getattr(optimizer, name) is not None]
        self._kept = [np.empty(len(parameters)) for _ in self._names]

        def step(parameters: Any, gradients: Any, kept: list[Any], lr: Any, steps: Any) -> Any:
            parameters, gradients, *kept = map(BatchArray.mapped, [parameters, gradients, *kept])
            own = copy.copy(optimizer)
            vars(own).update(zip(self._names, kept), steps=steps)
            gradients, _ = clipped_gradients(gradients, task.clip_norm, task.clip_value)
            new = own.rule(parameters, gradients, lr)
            if any(getattr(own, name) is not None for name in {*optimizer.remembers} - {*self._names}):
                raise TraceError("the rule begins to remember something")
            return new, [getattr(own, name) for name in self._names], gradients

        kernel = jit(step, exact=True, threads=1).kernel(parameters, gradients, self._kept, 0.0, 0.0)
        self._executable = kernel.executable
        self._work = Workspace(self._executable)
        self._work.map([parameters, gradients, *self._kept])

    def settings(self, steps: int) -> Array:
        """The learning rates of the next steps and their numbers, up to the first whose learning rate is refused."""
        numbers, rates = self._optimizer.steps + np.arange(steps), list[float]()
        with suppress(Exception):  # of any kind, which a step in Python raises when its turn comes
            rates.extend(map(self._optimizer.lr_of, numbers.tolist()))
        return np.stack([rates, numbers[: len(rates)]], axis=1)

    def turn(self, turns: Turns, settings: Array) -> None:
        """Add what is done in each step to a round."""
        for name, kept in zip(self._names, self._kept):
            kept[...] = getattr(self._optimizer, name)
        turns.copy(address(settings), ctypes.addressof(self._work.scalars), 2, 2)
        turns.run(self._executable, self._work)
        for new, old in zip(self._work.rows[0], [self._parameters, *self._kept]):
            turns.copy(address(new), address(old), len(old))

    def finish(self, done: int) -> Array:
        """Take over what the optimizer remembers after so many steps; return the gradients of the last, clipped."""
        self._optimizer.steps += done
        for name, kept in zip(self._names, self._kept):
            setattr(self._optimizer, name, kept.copy())
        gradients: Array = self._work.rows[0][-1, : len(self._parameters)].copy()
        return gradients


def address(array: npt.NDArray[Any]) -> int:
    """Where the numbers of an array lie."""
    where: int = array.ctypes.data
    return where
