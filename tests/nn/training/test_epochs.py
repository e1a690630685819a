"""Laws of many steps in one call: to the bit they do what the same steps do one by one."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_engine import scan
from autograd_engine.compiler.llvm.turns import Turns
from nn import (
    MLP,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    Dropout,
    History,
    Linear,
    Module,
    Optimizer,
    RMSprop,
    Sequential,
    accuracy,
    binary_cross_entropy_with_logits,
    cosine_annealing,
    cross_entropy,
    exponential_decay,
    fit,
    in_sequence,
    l2_penalty,
    linear_warm_up,
    squared_error,
    step_decay,
)
from nn.training import epochs

RNG = np.random.default_rng(3)
X = RNG.normal(size=(23, 2))
Y = (X[:, 0] * X[:, 1] > 0) * 1.0
CLASSES = RNG.integers(0, 3, 23)
Optimize = Callable[[Any], Optimizer]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each call did."""
    done: list[int] = []
    call = Turns.__call__

    def counted(self: Turns, sizes: Any) -> int:
        done.append(call(self, sizes))
        return done[-1]

    monkeypatch.setattr(Turns, "__call__", counted)
    return done


def trained(
    optimize: Optimize = lambda parameters: Adam(parameters, lr=0.01),
    build: Callable[[], Module] = lambda: MLP(2, [2, 1], "tanh", seed=1),
    together: bool = True,
    **options: Any,
) -> tuple[list[bytes], History, Optimizer]:
    """All the bits that a training leaves behind, its history, and its optimizer."""
    model = build()
    optimizer = optimize(model.parameters())
    settings: dict[str, Any] = {"X": X, "y": Y, "loss": squared_error, "batch_size": 4, "epochs": 3, "jit": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epochs, "WORTH_TOGETHER", 0 if together else 10**9)
        history = fit(model, optimizer=optimizer, **settings | options)
    numbers = [*model.arrays().values(), *optimizer.state_dict().values(), [p.grad for p in model.parameters()]]
    figures = [history.loss, history.accuracy, history.validation_loss, history.validation_accuracy]
    return [np.asarray(x).tobytes() for x in (*numbers, *figures)], history, optimizer


def check_same_bits(**options: Any) -> History:
    """Both ways leave the same bits behind; returns the history."""
    (found, history, _), (expected, other, _) = (trained(together=together, **options) for together in (True, False))
    assert found == expected
    assert (history.jit, history.stopped_early, history.best_epoch) == (True, other.stopped_early, other.best_epoch)
    return history


# --- the same bits ------------------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "decay": partial(SGD, weight_decay=0.1),
    "momentum": partial(SGD, momentum=0.9, dampening=0.5),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adagrad": partial(Adagrad, lr_decay=0.1, initial_accumulator_value=0.1),
    "rmsprop": partial(RMSprop, momentum=0.5, weight_decay=0.1),
    "centered": partial(RMSprop, centered=True),
    "adam": partial(Adam, weight_decay=0.1),
    "amsgrad": partial(Adam, amsgrad=True),
    "adamw": AdamW,
}
SCHEDULES = {
    "none": 0.05,
    "steps": step_decay(0.05, 5, 0.5),
    "cosine": cosine_annealing(0.05, 18),
    "sequence": in_sequence([linear_warm_up(0.05), exponential_decay(0.05, 0.9)], [5]),
}
CLIPPING: list[dict[str, Any]] = [
    {},
    {"clip_norm": 0.1},
    {"clip_norm": 0.1, "clip_value": 0.05},
    {"clip_value": 0.0},
]


@pytest.mark.parametrize("clipping", CLIPPING, ids=repr)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_with_every_schedule_and_clipping(rounds: list[int], name: str, clipping: Any) -> None:
    for schedule in SCHEDULES.values():
        check_same_bits(optimize=partial(OPTIMIZERS[name], lr=schedule), build=lambda: MLP(2, [1], seed=1), **clipping)
    assert sum(rounds) >= len(SCHEDULES) * 17  # of 18 steps the first may begin what the rule remembers


@pytest.mark.parametrize("batch_size", [1, 3, 22, 23, None])
@pytest.mark.parametrize("measured", [{}, {"accuracy": accuracy}])
def test_every_batch_size(rounds: list[int], batch_size: int | None, measured: Any) -> None:
    """The last batch of an epoch is a smaller one."""
    check_same_bits(batch_size=batch_size, epochs=7, **measured)
    check_same_bits(batch_size=batch_size, epochs=5, stop=lambda history: len(history.loss) == 3, **measured)
    assert rounds


def with_statistics() -> Module:
    return Sequential(Linear(2, 3, seed=1), BatchNorm(3), Linear(3, 1, seed=2))


class Remembering(Module):
    """A sum over a sequence, in a loop."""

    def __init__(self) -> None:
        self.weights = Linear(1, 1, seed=1)

    def __call__(self, inputs: Any, /) -> Any:
        return scan(lambda state, x: (self.weights([state + x])[0], None), 0.0, inputs)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"build": lambda: MLP(2, [3], seed=1), "y": CLASSES, "loss": cross_entropy, "accuracy": accuracy},
        {"build": lambda: MLP(2, [2], seed=1), "y": X},
        {"build": with_statistics, "validation": (X[:3], Y[:3]), "early_stopping": 1},
        {"penalty": lambda model: 0.1 * l2_penalty(model.parameters())},
        {"optimize": lambda parameters: SGD(parameters[2:5], lr=0.5)},
        {"loss": binary_cross_entropy_with_logits, "validation": (X[:3], Y[:3]), "accuracy": accuracy},
        {"build": Remembering, "X": np.cumsum(np.ones((23, 40)), axis=1) / 40, "optimize": partial(SGD, lr=0.01)},
    ],
    ids=["classes", "several outputs", "statistics", "penalty", "frozen parameters", "validation", "loop"],
)
def test_every_kind_of_training(rounds: list[int], options: Any) -> None:
    check_same_bits(**{"epochs": 6} | options)
    assert sum(rounds) > 5


def test_a_loss_that_diverges_goes_on_step_by_step(rounds: list[int]) -> None:
    history = check_same_bits(optimize=partial(SGD, lr=1e100), epochs=9)
    assert not np.isfinite(history.loss[-1])


def test_a_checkpoint_goes_on_with_the_same_bits(tmp_path: Path, rounds: list[int]) -> None:
    optimize = partial(SGD, lr=cosine_annealing(0.1, 90), momentum=0.9)
    expected, _, _ = trained(optimize, together=False, epochs=15, clip_norm=0.1)
    trained(optimize, epochs=9, clip_norm=0.1, checkpoint=tmp_path / "checkpoint")
    found, _, _ = trained(optimize, epochs=15, clip_norm=0.1, resume=tmp_path / "checkpoint")
    assert found == expected
    assert sum(rounds) == 15 * 6 - 1


# --- what a callback changes ----------------------------------------------------------------------------------------


def momentum(optimizer: Any, model: Any) -> None:
    optimizer.momentum += 0.1


def rate(optimizer: Any, model: Any) -> None:
    optimizer.lr *= 0.5


def parameter(optimizer: Any, model: Any) -> None:
    model.parameters()[0].data += 1.0


def nothing_remembered(optimizer: Any, model: Any) -> None:
    optimizer.load_state_dict({"steps": 0})


@pytest.mark.parametrize("change", [momentum, rate, parameter, nothing_remembered])
def test_a_callback_may_change_everything(rounds: list[int], change: Callable[[Any, Any], None]) -> None:
    def bits(together: bool) -> Any:
        model = MLP(2, [2, 1], "tanh", seed=1)
        optimizer = SGD(model.parameters(), lr=0.1)
        seen: list[Any] = []

        def callback(history: History) -> None:
            seen.append([p.data for p in model.parameters()])
            change(optimizer, model)

        found, _, _ = trained(
            lambda _: optimizer, lambda: model, together=together, epochs=7, callback=callback, batch_size=3
        )
        return found, seen

    assert bits(True) == bits(False)
    assert sum(rounds) > 7


# --- where Python has a part in the steps ---------------------------------------------------------------------------


class Own(SGD):
    """A rule of somebody's own, which may do anything."""


def share(outputs: Any, target: Any) -> float:
    return 0.1 if outputs.data > target else 0.3


@pytest.mark.parametrize(
    "options",
    [
        {"optimize": lambda parameters: SGD([{"params": parameters[:3], "lr": 0.2}, {"params": parameters[3:]}])},
        {"optimize": Own},
        {"build": lambda: Sequential(Linear(2, 4, seed=1), Dropout(0.5, seed=2), Linear(4, 1, seed=3))},
        {"accuracy": share},
        {"batch_size": 8, "callback": lambda history: None},
    ],
    ids=["groups", "own rule", "random draws", "own accuracy", "few steps between two looks"],
)
def test_other_steps_are_done_one_by_one(rounds: list[int], options: Any) -> None:
    check_same_bits(**options)
    assert not rounds


def test_few_steps_are_done_one_by_one_and_many_together(rounds: list[int]) -> None:
    optimizer = SGD(MLP(2, [1]).parameters())
    for length, together in ((epochs.WORTH_TOGETHER - 1, False), (epochs.WORTH_TOGETHER, True)):
        model = MLP(2, [1])
        optimizer = SGD(model.parameters())
        fit(model, X, Y, squared_error, optimizer, epochs=length)
        assert bool(rounds) is together
        assert optimizer.steps == length


def test_a_learning_rate_is_refused_when_its_step_comes() -> None:
    def bits(together: bool) -> Any:
        model = MLP(2, [2, 1], "tanh", seed=1)
        optimizer = Adam(model.parameters(), lr=lambda step: 0.1 if step < 11 else -1.0)
        with pytest.raises(ValueError, match=r"^lr must be finite and at least 0, got -1\.0$"):
            trained(lambda _: optimizer, lambda: model, together=together)
        return optimizer.steps, [p.data for p in model.parameters()]

    assert bits(True) == bits(False)


# --- Ctrl-C and progress --------------------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c_raises() -> Iterator[None]:
    """Python's own handler, also where the tests run in the background and SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_raises")
@pytest.mark.parametrize("batch_size", [None, 4])
def test_ctrl_c_leaves_the_state_after_a_step_and_all_finished_epochs(batch_size: int | None) -> None:
    def interrupting(step: int) -> float:
        if step == 41:
            signal.raise_signal(signal.SIGINT)
        return 0.1

    batches = 1 if batch_size is None else 6
    options: dict[str, Any] = {"epochs": 99, "batch_size": batch_size}
    model, other = MLP(2, [2, 1], "tanh", seed=1), MLP(2, [2, 1], "tanh", seed=1)
    _, history, optimizer = trained(lambda p: SGD(p, lr=interrupting), lambda: model, **options)
    assert history.interrupted
    assert 41 < optimizer.steps < 99 * batches
    assert len(history.loss) == optimizer.steps // batches
    left = itertools.count()

    class Ends(SGD):
        def rule(self, parameters: Any, gradients: Any, lr: Any) -> Any:
            if next(left) == optimizer.steps:
                raise KeyboardInterrupt
            return super().rule(parameters, gradients, lr)

    trained(lambda p: Ends(p, lr=0.1), lambda: other, **options)
    assert [p.data for p in model.parameters()] == [p.data for p in other.parameters()]


def test_the_progress_counts_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.progress import Progress

    advanced: list[int] = []
    monkeypatch.setattr(Progress, "update", lambda self, task, advance, description: advanced.append(advance))
    trained(epochs=9, progress=True)
    assert sum(advanced) == 9 * 6
    assert len(advanced) < 9 * 6
