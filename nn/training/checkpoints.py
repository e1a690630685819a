"""Checkpoints: the state of a training in a file, from which it goes on as if it had never ended.

A file holds what changes from epoch to epoch: the model, the optimiser, the Generators, the history and the best state
of early stopping. What does not, such as the data and the loss, is given again, and the file says what it was, as a
digest or in words.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import numpy as np

from autograd_engine.files import as_path
from nn.checks import FilePath, whole_number
from nn.tensor_files import ModelFileError, read_tensors, write_tensors
from nn.training.early_stopping import BestState
from nn.training.history import History
from nn.training.random_sources import random_state, set_random_state, sources
from nn.training.steps import Task

_NAMES = {"_rates": "lr", "_sizes": "size of the optimizer's groups"}
_FIGURES = ("loss", "accuracy", "validation_loss", "validation_accuracy")


class Checkpoint:
    """The state of the training `task`, whose order of the samples is drawn from `draws`, and the file for it.

    It is to be written to `path`, if that is not None, after each multiple of `every` epochs. Raises OSError if it
    cannot be, so that this is known before the training. `data` says which samples are trained and judged.
    """

    def __init__(
        self,
        task: Task,
        history: History,
        draws: np.random.Generator,
        best: BestState | None,
        path: FilePath | None,
        every: int,
        data: dict[str, str | None],
    ) -> None:
        self.task, self.history, self.best = task, history, best
        self.path, self.every = path, whole_number("checkpoint_every", every)
        if path is not None:
            _check_writable(path)
        self._sources = sources([draws, task.model, task.loss, task.penalty, task.accuracy])
        self._settings = _settings(task, best, data)

    def write(self, epoch: int, is_last: bool, compiled_after: int) -> None:
        """Write the state after an epoch, whole or not at all, if it is to be. Raises OSError.

        After the epoch `compiled_after` the steps were compiled for the last time.
        """
        if self.path is None or not (is_last or epoch % self.every == 0):
            return
        optimizer, history, best = self.task.optimizer, self.history, self.best
        state = optimizer.state_dict()
        arrays = {f"model.{name}": array for name, array in self.task.model.arrays().items()}
        arrays["parameters"] = np.array([parameter.data for parameter in optimizer.parameters])
        arrays |= {f"optimizer.{name}": x for name, x in state.items() if isinstance(x, np.ndarray)}
        arrays |= {f"history.{name}": np.array(getattr(history, name), dtype=np.float64) for name in _FIGURES}
        if best is not None and best.epoch is not None:
            arrays |= {f"best.{name}": array for name, array in best.state.items()}
        description = {
            "settings": self._settings,
            "steps": optimizer.steps,
            "seconds": history.seconds,
            "stopped_early": history.stopped_early,
            "best_epoch": best and best.epoch,
            "jit": history.jit,
            "jit_reason": history.jit_reason,
            "compiled_after": compiled_after,
            "random": [random_state(source) for source in self._sources],
        }
        write_tensors(self.path, "checkpoint", description, arrays)

    def read(self, path: FilePath, jit: bool | None) -> tuple[bool, int]:
        """Take over the state in the file `path`, or nothing.

        Returns whether the training was compiled, and after which epoch it was last. Raises ModelFileError if the file
        is no checkpoint, or one of another training, or if `jit` wants it otherwise; OSError if it cannot be read.
        """
        description, arrays = read_tensors(path, "checkpoint")
        then = {"settings": {}, "jit": None} | description
        for name, now in self._settings.items():
            if (was := then["settings"].get(name)) != now:
                raise ModelFileError(f"{path}: {_difference(name, was, now)}")
        if jit is not None and jit != then["jit"]:
            raise ModelFileError(f"{path}: {_difference('jit', then['jit'], jit)}")
        before = self.task.model.arrays(), self.task.optimizer.state_dict(), list(map(random_state, self._sources))
        numbers = [parameter.data for parameter in self.task.optimizer.parameters]
        try:
            return self._take_over(description, arrays)
        except Exception as error:  # a user-defined model or optimiser can refuse a state in any way
            self.task.model.load_arrays(before[0])
            self._set(numbers, before[1], before[2])
            raise ModelFileError(f"{path}: the checkpoint does not fit the training ({error})") from None

    def _take_over(self, description: dict[str, Any], arrays: dict[str, Any]) -> tuple[bool, int]:
        parts: dict[str, dict[str, Any]] = {"model": {}, "optimizer": {"steps": description["steps"]}, "best": {}}
        parts |= {"history": {}, "parameters": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = array
        self.task.model.load_arrays(parts["model"])
        self._set(parts["parameters"][""].tolist(), parts["optimizer"], description["random"])
        for name in _FIGURES:
            getattr(self.history, name)[:] = parts["history"][name].tolist()
        self.history.seconds = float(description["seconds"])
        self.history.stopped_early = bool(description["stopped_early"])
        self.history.jit_reason = str(description["jit_reason"])
        if self.best is not None and description["best_epoch"] is not None:
            self.best.take_over(self.history.validation_loss, description["best_epoch"], parts["best"])
        return bool(description["jit"]), int(description["compiled_after"])

    def _set(self, parameters: list[float], optimizer: dict[str, Any], random: list[Any]) -> None:
        """Set what is not the model's. Raises an error of any kind if it does not fit."""
        self.task.optimizer.load_state_dict(optimizer)
        for parameter, number in zip(self.task.optimizer.parameters, parameters, strict=True):
            parameter.data = number
        for source, state in zip(self._sources, random, strict=True):
            set_random_state(source, state)


def _check_writable(path: FilePath) -> None:
    """Raise OSError if no file can be written beside `path`."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=as_path(path, "checkpoint").parent):
            pass
    except OSError as error:
        error.filename = str(path)
        raise


def _settings(task: Task, best: BestState | None, data: dict[str, str | None]) -> dict[str, Any]:
    """What a training must have in common with that of a checkpoint, in words and numbers."""
    optimizer = task.optimizer
    changing = {"parameters", "steps", *optimizer.remembers}
    return {
        "model": _written(task.model),
        **data,
        "loss": _written(task.loss),
        "optimizer": type(optimizer).__name__,
        **{_NAMES.get(name, name): _written(x) for name, x in vars(optimizer).items() if name not in changing},
        "penalty": _written(task.penalty),
        "accuracy": _written(task.accuracy),
        "batch_size": task.batch_size,
        "early_stopping": best and best.patience,
        "clip_norm": _written(task.clip_norm),
        "clip_value": _written(task.clip_value),
    }


def _written(setting: Any) -> Any:
    """A setting as JSON; functions and other things by their repr, without where they lie in memory."""
    if isinstance(setting, np.ndarray):
        setting = setting.tolist()
    if isinstance(setting, (list, tuple)):
        return list(map(_written, setting))
    if setting is None or isinstance(setting, (bool, int, str)) or (isinstance(setting, float) and isfinite(setting)):
        return setting
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(setting).split()))


def _difference(name: str, was: Any, now: Any) -> str:
    if name.endswith("data"):
        return f"the checkpoint is of a training on other {name}"
    return f"the checkpoint is of a training whose {name} is {was!r:.200}, and not {now!r:.200}"
