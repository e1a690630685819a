"""The numbers of a model's state, and a copy of the model that has symbols instead of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import TraceError
from nn.checks import Array
from nn.grids import grid
from nn.modules import LAST_CALL, Module
from nn.training.random_draws import RandomDraws
from nn.training.steps import Task


class State:
    """A model's state in three parts: trained parameters, frozen parameters, and buffers."""

    def __init__(self, task: Task) -> None:
        self.model, self.trained = task.model, task.optimizer.parameters
        known = set(self.trained)
        self.frozen = [parameter for parameter in task.model.parameters() if parameter not in known]
        self.buffers = list({id(buffer): buffer for buffer in task.model.buffers().values()}.values())

    def read(self) -> tuple[Array, Array]:
        """The numbers of the trained parameters, and all others: frozen parameters, then buffers."""
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


class SymbolicCopy:
    """A copy of a model with symbols for the numbers of its state, and for those that it draws by `random`."""

    def __init__(
        self, state: State, trained: Sequence[Any], others: Sequence[Any], random: RandomDraws, drawn: Sequence[Any]
    ) -> None:
        self._stand_ins, memo = random.stand_ins(drawn)
        memo |= {id(parameter): x for parameter, x in zip([*state.trained, *state.frozen], [*trained, *others])}
        self._start = others[len(state.frozen) :]
        self._buffers = {id(buffer): grid([0.0] * buffer.size, buffer.shape) for buffer in state.buffers}
        self._original = state.model
        self.model: Module = copy.deepcopy(state.model, memo | self._buffers)

    def restart(self) -> None:
        """Set the buffers and the Generators back to how a step begins."""
        start = 0
        for buffer in self._buffers.values():
            buffer[...] = grid(self._start[start : start + buffer.size], buffer.shape)
            start += buffer.size
        for stand_in in self._stand_ins:
            stand_in.restart()

    def buffers(self, training: bool) -> list[Any]:
        """The numbers of the buffers as they are now.

        Raises TraceError if a unit has changed anything else, or the buffers in inference mode.
        """
        copies = self.model.named_modules()
        for name, module in self._original.named_modules().items():
            for attribute, before in vars(module).items():
                if attribute not in LAST_CALL and self._is_other(before, vars(copies[name])[attribute]):
                    raise TraceError(
                        f"{type(module).__name__} sets its attribute {attribute!r} when it is called, which a compiled "
                        "step would not do; keep what changes in an array, and write into it"
                    )
        numbers = [x for buffer in self._buffers.values() for x in buffer.ravel().tolist()]
        if not training and any(now is not before for now, before in zip(numbers, self._start)):
            raise TraceError("the model changes its buffers in inference mode, which is not compiled")
        return numbers

    def _is_other(self, before: Any, now: Any) -> bool:
        """Whether an attribute, or a part of it, is another number or text than before, or a buffer another array."""
        if id(before) in self._buffers:
            return now is not self._buffers[id(before)]
        if isinstance(before, np.ndarray) and isinstance(now, np.ndarray):
            before, now = before.tolist(), now.tolist()
        elif isinstance(before, dict) and isinstance(now, dict):
            before, now = [*before.items()], [*now.items()]
        if isinstance(before, (list, tuple)) and isinstance(now, (list, tuple)):
            return len(before) != len(now) or any(map(self._is_other, before, now))
        return isinstance(before, (bool, int, float, str)) and now is not before and now != before
