"""The data of a training, checked before it starts: whether the model accepts the rows and the loss the targets."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, TypeAlias

from autograd_engine.primitives import as_float
from autograd_engine.value import Value
from nn.checks import finite_inputs, finite_number, finite_table, listed, of_kind
from nn.modules import Module

Loss: TypeAlias = Callable[[Any, Any], Any]
"""A loss of the outputs and the target of one sample."""


class Sample(NamedTuple):
    """One row of the data with its target: a number, or a list where y has several columns."""

    inputs: list[Any]
    target: Any


def digest(samples: Iterable[Any]) -> str:
    """A checksum of data, bit for bit."""
    return hashlib.sha256(repr([tuple(sample) for sample in samples]).encode()).hexdigest()


class Alone:
    """A training in one process, which has all samples. `Spread` is the same for several processes.

    `kind` is "" for the samples to train on, and "validation " for those to judge by.
    """

    is_alone = is_first = True
    compiled_steps: Callable[..., Any] | None = None
    """What makes its steps if not EpochSteps."""

    def together(self) -> AbstractContextManager[None]:
        """Around what every process does: where it fails in one, it fails in all."""
        return nullcontext()

    def decided(self, verdict: bool) -> bool:
        """What the first process decided."""
        return verdict

    def own(self, kind: str, X: Any, y: Any, batch_size: int | None = None) -> tuple[Any, Any, str]:
        """The rows of X and y that are this process's, and what is said before their names in a message."""
        return X, y, kind

    def count(self, kind: str, samples: Sequence[Sample]) -> int:
        """How many samples there are in all, where these are this process's."""
        return len(samples)

    def data(self, samples: Sequence[Sample], held_out: Sequence[Sample]) -> dict[str, str | None]:
        """What a checkpoint says of the samples of all processes."""
        return {"comm": None, "data": digest(samples), "validation data": digest(held_out)}


def checked_samples(model: Module, X: Any, y: Any, loss: Loss, prefix: str = "") -> list[Sample]:
    """The rows and their targets, after checking that the model accepts a row and the loss every target."""
    of_kind("model", model, Module)
    of_kind("loss", loss, Callable)
    rows, targets = listed(X, f"{prefix}X"), listed(y, f"{prefix}y")
    if len(rows) != len(targets):
        raise ValueError(f"{prefix}X has {len(rows)} rows, but {prefix}y has {len(targets)} targets")
    if not rows:
        raise ValueError(f"{prefix}X and {prefix}y are empty; training needs at least one row")
    with _too_large(f"{prefix}X"):
        inputs = finite_inputs(rows, f"{prefix}X")
    with _too_large(f"{prefix}y"):
        targets = _finite_targets(targets, f"{prefix}y")
    # One pass of the model is enough to try all targets: which row they belong to does not matter.
    with mode(model, training=False):
        outputs = single(model(inputs[0]))
    for i, target in _distinct(targets):
        try:
            judged = loss(outputs, target)
            judged if isinstance(judged, Value) else as_float(judged)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"the loss does not take row {i} of {prefix}y: {error}") from error
    return [Sample(*pair) for pair in zip(inputs, targets)]


def _finite_targets(targets: list[Any], name: str) -> list[Any]:
    """The targets as numbers, or as lists of several numbers."""
    if not isinstance(targets[0], Iterable) or isinstance(targets[0], str):
        return [finite_number(target, f"{name}: row {i}") for i, target in enumerate(targets)]
    table = finite_table(targets, name)
    if not table[0]:
        raise ValueError(f"{name}: row 0 is empty; a target is a number or a list of numbers")
    return table if len(table[0]) > 1 else [target for [target] in table]


@contextmanager
def _too_large(name: str) -> Iterator[None]:
    """Raises ValueError, with `name`, if a whole number is too large for a float."""
    try:
        yield
    except OverflowError:
        raise ValueError(f"{name} holds a whole number that is too large for a float") from None


def try_smallest_batch(model: Module, inputs: list[Any]) -> None:
    """Run a copy of the model on the smallest batch there will be, so that it is refused before anything changes."""
    with mode(model, training=True):
        if model.needs_batch:
            copy.deepcopy(model).forward_batch(inputs)


def single(outputs: Any) -> Any:
    """What a model returned, without the list if there is only one output."""
    return outputs[0] if isinstance(outputs, Sequence) and len(outputs) == 1 else outputs


@contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """Sets training or inference mode, and afterwards restores the mode of each module."""
    before = {module: module.training for module in model.named_modules().values()}
    model.train(training)
    try:
        yield
    finally:
        for module, own in before.items():
            module.training = own


def _distinct(targets: list[Any]) -> list[tuple[int, Any]]:
    """Each different target with the first row that has it."""
    first: dict[Any, tuple[int, Any]] = {}
    for i, target in enumerate(targets):
        first.setdefault((type(target), tuple(target) if isinstance(target, list) else target), (i, target))
    return list(first.values())
