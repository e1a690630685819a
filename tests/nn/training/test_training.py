"""Laws of training: the batch's gradient, determinism, the data's errors, Ctrl-C."""

from __future__ import annotations

import itertools
import math
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import Value
from autograd_engine import sum as node_sum
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    History,
    Module,
    Optimizer,
    Sequential,
    accuracy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    evaluate,
    fit,
    hinge_loss,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
    squared_error,
)
from nn.training.progress import decimal

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
XOR = [0, 1, 1, 0]


def data(model: Module) -> list[float]:
    return [p.data for p in model.parameters()]


def xor_model(seed: int = 1) -> MLP:
    return MLP(2, [4, 1], "tanh", seed)


def fit_xor(model: MLP, loss: Callable[[Any, Any], Any] = binary_cross_entropy_with_logits, **options: Any) -> History:
    return fit(model, CORNERS, XOR, loss, SGD(model.parameters(), lr=0.5), **options)


class Recorder(Optimizer):
    """Does not move, but remembers the gradients of every step."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.0)
        self.seen: list[list[float]] = []

    def rule(self, parameters: Any, gradients: Any, lr: Any) -> Any:
        self.seen.append(gradients.tolist())
        return parameters


# --- what is learned ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("widths", "loss", "y"),
    [
        ([6, 1], binary_cross_entropy_with_logits, XOR),
        ([6, 1], hinge_loss, [-1, 1, 1, -1]),
        ([6, 2], cross_entropy, XOR),
    ],
)
def test_a_network_learns_xor(widths: list[int], loss: Callable[..., Any], y: list[int]) -> None:
    model = MLP(2, widths, "tanh", seed=3)
    history = fit(model, CORNERS, y, loss, Adam(model.parameters(), lr=0.1), epochs=60, accuracy=accuracy)
    assert history.accuracy[-1] == 1.0
    assert history.loss[-1] < 0.1 < history.loss[0]
    assert evaluate(model, CORNERS, y, loss, accuracy)[1] == 1.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 2))
def test_a_step_follows_the_gradient_of_the_batch_mean(seed: int, n: int, n_out: int) -> None:
    draws = np.random.default_rng(seed)
    X, y = draws.normal(size=(n, 3)), draws.normal(size=(n, n_out))
    model = MLP(3, [2, n_out], "tanh", seed)
    recorder = Recorder(model.parameters())
    history = fit(model, X, y, squared_error, recorder, epochs=1)

    mean = node_sum([squared_error(model(row), target) for row, target in zip(X, y)]) / n
    model.zero_grad()
    mean.backward()
    assert recorder.seen[0] == pytest.approx([p.grad for p in model.parameters()], rel=1e-10, abs=1e-13)
    assert history.loss == [pytest.approx(mean.data, rel=1e-12)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 100))
def test_batches_share_out_the_epoch(n: int, batch_size: int, seed: int) -> None:
    seen: list[float] = []

    def loss(output: Value, target: float) -> Value:
        seen.append(target)
        return output * target

    model = MLP(1, [1])
    recorder = Recorder(model.parameters())
    y = [float(i) for i in range(n)]
    fit(model, [[1.0]] * n, y, loss, recorder, epochs=2, batch_size=batch_size, seed=seed)
    checked, first, second = seen[:n], seen[n : 2 * n], seen[2 * n :]
    assert checked == sorted(first) == sorted(second) == y
    assert len(recorder.seen) == 2 * math.ceil(n / batch_size)
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    means = [sum(first[start : start + batch_size]) / min(batch_size, n - start) for start in range(0, n, batch_size)]
    assert [gradients[-1] for gradients in recorder.seen[: len(sizes)]] == pytest.approx(means, rel=1e-12)


def test_the_order_changes_from_epoch_to_epoch_and_with_the_seed() -> None:
    def order(seed: Any) -> list[float]:
        seen: list[float] = []

        def loss(output: Value, target: float) -> Value:
            seen.append(target)
            return output

        model = MLP(1, [1])
        fit(model, [[1.0]] * 20, list(range(20)), loss, SGD(model.parameters(), 0.0), epochs=2, batch_size=7, seed=seed)
        return seen[20:]

    assert order(0) == order(0) == order(np.random.default_rng(0))
    assert order(0) != order(1)
    assert order(0)[:20] != order(0)[20:]


def test_training_twice_gives_the_same_bits() -> None:
    first, second = xor_model(), xor_model()
    losses = [fit_xor(model, epochs=10, batch_size=3, seed=5).loss for model in (first, second)]
    assert losses[0] == losses[1]
    assert data(first) == data(second)


def test_full_batches_are_plain_gradient_descent() -> None:
    model, by_hand = xor_model(), xor_model()
    history = fit_xor(model, epochs=5)
    for _ in range(5):
        by_hand.zero_grad()
        for row, target in zip(CORNERS, XOR):
            binary_cross_entropy_with_logits(by_hand(row)[0], target).backward(1 / 4)
        for p in by_hand.parameters():
            p.data -= 0.5 * p.grad
    assert data(model) == data(by_hand)
    assert len(history.loss) == 5


def test_a_loss_gets_what_the_documentation_says() -> None:
    seen: list[tuple[Any, Any]] = []

    def loss(outputs: Any, target: Any) -> Any:
        seen.append((outputs, target))
        return mean_squared_error(outputs, target) if isinstance(outputs, list) else outputs * 1.0

    for n_out, y in ((1, [1.5]), (1, [[1.5]]), (1, np.array([2])), (2, [[1.0, 2.0]]), (1, [[1.0, 2.0]])):
        model = MLP(1, [n_out])
        fit(model, [[1.0]], y, loss, SGD(model.parameters(), 0.1), epochs=0)
    assert [type(outputs) for outputs, _ in seen] == [Value, Value, Value, list, Value]
    assert [target for _, target in seen] == [1.5, 1.5, 2, [1.0, 2.0], [1.0, 2.0]]
    assert type(seen[2][1]) is int


def test_a_module_that_returns_a_value_and_a_loss_that_is_constant_somewhere() -> None:
    class Scale(Module):
        def __init__(self) -> None:
            self.factor = Value(1.0)

        def __call__(self, inputs: Sequence[Any]) -> Value:
            return self.factor * inputs[0]

    def loss(output: Value, target: float) -> Any:
        return 0.0 if output >= target else target - output

    model = Scale()
    history = fit(model, [[1.0], [1.0]], [0.5, 3.0], loss, SGD(model.parameters(), lr=1.0), epochs=1)
    assert history.loss == [1.0]
    assert model.factor.data == 1.5


def test_numpy_and_lists_and_whole_numbers_train_alike() -> None:
    models = [xor_model() for _ in range(3)]
    tables: list[tuple[Any, Any]] = [
        (CORNERS, XOR),
        (np.array(CORNERS), np.array(XOR, dtype=float)),
        ([(0, 0), (0, 1), (True, 0), (1, np.int64(1))], iter(XOR)),
    ]
    for model, (X, y) in zip(models, tables):
        fit(model, X, y, binary_cross_entropy_with_logits, SGD(model.parameters(), lr=0.5), epochs=3)
    assert data(models[0]) == data(models[1]) == data(models[2])


# --- the history ----------------------------------------------------------------------------------------------


def test_history_has_what_was_asked_for() -> None:
    plain = fit_xor(xor_model(), epochs=3)
    assert (len(plain.loss), plain.accuracy, plain.validation_loss, plain.validation_accuracy) == (3, [], [], [])
    model = xor_model()
    full = fit_xor(model, epochs=3, accuracy=accuracy, validation=(CORNERS[:2], XOR[:2]))
    assert full.loss == plain.loss
    assert [len(full.accuracy), len(full.validation_loss), len(full.validation_accuracy)] == [3, 3, 3]
    expected = evaluate(model, CORNERS[:2], XOR[:2], binary_cross_entropy_with_logits, accuracy)
    assert (full.validation_loss[-1], full.validation_accuracy[-1]) == expected
    assert full.seconds > 0
    assert not full.interrupted


def test_evaluate_changes_nothing() -> None:
    model = xor_model()
    before = data(model)
    loss, right = evaluate(model, CORNERS, XOR, binary_cross_entropy_with_logits)
    assert loss > 0
    assert right is None
    assert data(model) == before
    assert not any(p.grad for p in model.parameters())


def test_no_epochs_change_nothing() -> None:
    model = xor_model()
    assert fit_xor(model, epochs=0).loss == []
    assert data(model) == data(xor_model())


def test_a_loss_that_is_nan_stands_in_the_history() -> None:
    model = MLP(1, [1], seed=0)
    history = fit(model, [[1e200]], [0.0], squared_error, SGD(model.parameters(), lr=1e300), epochs=3)
    assert len(history.loss) == 3
    assert not math.isfinite(history.loss[-1])


def test_the_callback_sees_the_history_after_each_epoch() -> None:
    lengths: list[int] = []
    fit_xor(xor_model(), epochs=3, callback=lambda history: lengths.append(len(history.loss)))
    assert lengths == [1, 2, 3]


@pytest.mark.parametrize(
    ("outputs", "target", "right"),
    [
        ([0.1, 2.5, -1.0], 1, 1.0),
        ([0.1, 2.5, -1.0], 1.0, 1.0),
        (np.array([0.1, 2.5, -1.0]), 1, 1.0),
        (np.array([Value(3.0), Value(2.5)]), 1, 0.0),
        (np.array(-0.3), 1, 0.0),
        ([Value(3.0), Value(2.5)], 1, 0.0),
        ([Value(3.0), Value(2.5)], 0, 1.0),
        (Value(0.3), 1, 1.0),
        (Value(0.3), -1, 0.0),
        (-0.3, 0, 1.0),
        (-0.3, 1, 0.0),
    ],
)
def test_accuracy_judges_one_sample(outputs: Any, target: float, right: float) -> None:
    assert accuracy(outputs, target) == right


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0342, "0.0342"),
        (999_999.0, "999999.0000"),
        (-999_999.5, "-999999.5000"),
        (1e6, "1e+06"),
        (-1e6, "-1e+06"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_from_a_million_on_are_short(number: float, text: str) -> None:
    assert decimal(number, 4) == text


def test_the_accuracy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^accuracy\(\) needs at least one output, got none$"):
        accuracy([], 0)
    for wrong in ((None, 1), (0.5, None)):
        with pytest.raises(TypeError, match=r"^expected a real number"):
            accuracy(*wrong)  # type: ignore[arg-type]


# --- schedules, clipping, penalties ----------------------------------------------------------------------------


def test_a_schedule_counts_the_batches() -> None:
    steps: list[int] = []

    def schedule(step: int) -> float:
        steps.append(step)
        return 0.1 / (1 + step)

    model = xor_model()
    fit(model, CORNERS, XOR, squared_error, SGD(model.parameters(), lr=schedule), epochs=3, batch_size=2)
    assert steps == [0, 1, 2, 3, 4, 5]


def gradients_of_one_step(**options: Any) -> list[float]:
    model = xor_model()
    recorder = Recorder(model.parameters())
    fit(model, CORNERS, XOR, squared_error, recorder, epochs=1, **options)
    return recorder.seen[0]


def test_gradients_are_clipped_before_the_step() -> None:
    plain = gradients_of_one_step()
    norm = math.hypot(*plain)
    clipped = gradients_of_one_step(clip_norm=norm / 2)
    assert clipped == pytest.approx([g * (norm / 2) / (norm + 1e-6) for g in plain], rel=1e-12)
    bound = max(map(abs, plain)) / 2
    assert gradients_of_one_step(clip_value=bound) == [max(-bound, min(bound, g)) for g in plain]
    assert gradients_of_one_step(clip_norm=2 * norm) == plain


@pytest.mark.parametrize("jit", [None, False, True])
@pytest.mark.parametrize("epochs", [1, 600])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"penalty": lambda model: None}, TypeError, r"^penalty\(model\) must return a number or a Value, got None$"),
        ({"penalty": lambda model: model.parameters()}, TypeError, r"^penalty\(model\) must return .* got \["),
        (
            {"penalty": lambda model: 3.0},
            ValueError,
            "^the penalty does not depend on the parameters of the model, so it",
        ),
        (
            {"loss": lambda output, target: 0.5 + 0.0 * target},
            ValueError,
            "^the loss does not depend on the parameters",
        ),
    ],
)
def test_what_trains_nothing_is_refused(
    options: dict[str, Any], error: type, message: str, epochs: int, jit: bool | None
) -> None:
    model = xor_model()
    with pytest.raises(error, match=message):
        fit_xor(model, epochs=epochs, jit=jit, **options)
    assert data(model) == data(xor_model())


@pytest.mark.parametrize("detached", [lambda o, t: (o.data - t) ** 2, lambda o, t: squared_error(Value(o.data), t)])
def test_a_loss_of_the_data_alone_is_refused(detached: Callable[[Any, Any], Any]) -> None:
    for epochs in (1, 600):
        with pytest.raises(
            ValueError, match=r"^the loss does not depend .* the Values themselves, not from their \.data$"
        ):
            fit_xor(xor_model(), detached, epochs=epochs)
    normalised = Sequential(xor_model(), BatchNorm(1))
    with pytest.raises(ValueError, match=r"^the loss does not depend on"):
        fit(normalised, CORNERS, XOR, detached, SGD(normalised.parameters()), epochs=1)


def test_a_loss_may_be_a_plain_number_here_and_there() -> None:
    def with_margin(output: Any, target: Any) -> Any:
        return max(0.0, 1 - target * output)

    y = [-1, 1, 1, -1]
    far = xor_model()
    for p in far.layers[-1].parameters()[:-1]:
        p.data = 0.0
    far.layers[-1].parameters()[-1].data = 2.0  # it says 2 to all: the first batch is right already
    order = [1, 2, 0, 3]
    history = fit(
        far,
        [CORNERS[i] for i in order],
        [y[i] for i in order],
        with_margin,
        SGD(far.parameters(), lr=0.1),
        epochs=3,
        batch_size=1,
    )
    assert history.loss[-1] < history.loss[0]
    dropping = Sequential(xor_model(), Dropout(0.9))
    fit(dropping, CORNERS, XOR, squared_error, SGD(dropping.parameters(), lr=0.1), epochs=3, batch_size=1)


def test_a_penalty_adds_its_gradient_once_a_batch_and_is_not_in_the_loss() -> None:
    plain, start = gradients_of_one_step(), data(xor_model())
    with_l2 = gradients_of_one_step(penalty=lambda model: 0.5 * l2_penalty(model.parameters()))
    assert with_l2 == pytest.approx([g + p for g, p in zip(plain, start)], rel=1e-12)
    with_l1 = gradients_of_one_step(penalty=lambda model: 0.5 * l1_penalty(model.parameters()))
    assert with_l1 == pytest.approx([g + 0.5 * np.sign(p) for g, p in zip(plain, start)], rel=1e-12)
    assert gradients_of_one_step(penalty=lambda model: 0.0) == plain
    options: dict[str, Any] = {"epochs": 1, "penalty": lambda model: l2_penalty(model.parameters())}
    assert fit_xor(xor_model(), **options).loss == fit_xor(xor_model(), epochs=1).loss


def test_an_l2_penalty_of_half_the_decay_is_weight_decay() -> None:
    decayed, penalised = xor_model(), xor_model()
    optimizer = SGD(decayed.parameters(), lr=0.1, weight_decay=0.2)
    fit(decayed, CORNERS, XOR, squared_error, optimizer, epochs=20)
    optimizer = SGD(penalised.parameters(), lr=0.1)
    penalty = lambda model: 0.1 * l2_penalty(model.parameters())  # noqa: E731
    fit(penalised, CORNERS, XOR, squared_error, optimizer, epochs=20, penalty=penalty)
    assert data(decayed) == pytest.approx(data(penalised), rel=1e-10)


# --- early stopping ---------------------------------------------------------------------------------------------


class Level(Module):
    """One number, which a `Walk` sets epoch by epoch; its loss is that number."""

    def __init__(self) -> None:
        self.level = Value(9.0)

    def __call__(self, inputs: Sequence[Any]) -> Value:
        return self.level * 1.0


class Walk(Optimizer):
    """Goes through given numbers, one a step."""

    def __init__(self, parameters: Any, levels: list[float]) -> None:
        super().__init__(parameters, lr=0.0)
        self.levels = levels

    def rule(self, parameters: Any, gradients: Any, lr: Any) -> Any:
        return np.array([self.levels[self.steps]])


def walk(levels: list[float], **options: Any) -> tuple[Level, History]:
    model = Level()
    data = ([[0.0]], [0.0])
    history = fit(
        model,
        *data,
        lambda output, target: output * 1.0,
        Walk(model.parameters(), levels),
        epochs=len(levels),
        validation=data,
        **options,
    )
    return model, history


LEVELS = st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, math.nan, math.inf]), min_size=1, max_size=12)


@given(LEVELS, st.integers(1, 4))
def test_training_ends_when_patience_does_and_the_best_is_restored(levels: list[float], patience: int) -> None:
    model, history = walk(levels, early_stopping=patience)
    seen = history.validation_loss
    assert seen == pytest.approx(levels[: len(seen)], nan_ok=True)
    finite = [level for level in seen if math.isfinite(level)]
    best = seen.index(min(finite)) + 1 if finite else None
    assert history.best_epoch == best
    assert model.level.data == pytest.approx(seen[(best or len(seen)) - 1], nan_ok=True)
    assert history.stopped_early == (len(seen) - (best or 0) >= patience)
    assert history.stopped_early or len(seen) == len(levels)
    without_last = walk(levels[: len(seen) - 1], early_stopping=patience)[1] if len(seen) > 1 else None
    assert without_last is None or not without_last.stopped_early


@pytest.mark.parametrize("jit", [False, True])
def test_stop_ends_the_training_where_it_is_true(jit: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr("nn.training.compiled.CompiledSteps.current", lambda self: pytest.fail("asked in vain"))

    def stop(history: History) -> bool:
        looked.append(len(history.loss))
        return history.loss[-1] < history.loss[0] / 2

    def losses(epochs: int, **options: Any) -> History:
        model = MLP(1, [1], seed=0)
        return fit(
            model, [[0.0], [1.0]], [1.0, 3.0], squared_error, SGD(model.parameters(), lr=0.1), epochs=epochs, **options
        )

    history, whole = losses(50, stop=stop, jit=jit), losses(50, jit=jit)
    ended = next(i for i, loss in enumerate(whole.loss) if loss < whole.loss[0] / 2) + 1
    assert (history.loss, looked) == (whole.loss[:ended], list(range(1, ended + 1)))
    assert (history.stopped_early, history.interrupted, whole.stopped_early) == (True, False, False)


def test_without_early_stopping_the_last_parameters_stay() -> None:
    model, history = walk([3.0, 1.0, 2.0])
    assert (model.level.data, history.stopped_early, history.best_epoch) == (2.0, False, None)


def test_the_best_is_restored_after_ctrl_c_too() -> None:
    def stop(history: History) -> None:
        if len(history.loss) == 3:
            raise KeyboardInterrupt

    model, history = walk([3.0, 1.0, 2.0, 0.5], early_stopping=5, callback=stop)
    assert (model.level.data, history.interrupted, history.best_epoch) == (1.0, True, 2)


def test_statistics_are_restored_with_the_parameters() -> None:
    model = Sequential(BatchNorm(2), MLP(2, [1], seed=0))
    states: list[dict[str, Any]] = []
    history = fit(
        model,
        CORNERS,
        XOR,
        squared_error,
        SGD(model.parameters(), lr=lambda step: 0.1 if step < 3 else 5.0),
        epochs=8,
        validation=(CORNERS, XOR),
        early_stopping=2,
        callback=lambda history: states.append(model.arrays()),
    )
    assert history.stopped_early
    assert history.best_epoch is not None
    best = states[history.best_epoch - 1]
    assert all((array == best[name]).all() for name, array in model.arrays().items())
    assert not all((array == states[-1][name]).all() for name, array in model.arrays().items())


# --- errors before training starts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (CORNERS, [0, 1, 1], ValueError, "^X has 4 rows, but y has 3 targets$"),
        ([], [], ValueError, "^X and y are empty"),
        ([[0.0, 1.0], [1.0]], [0, 1], ValueError, "^X is ragged: row 1 has 1 numbers, row 0 has 2$"),
        ([[0.0, 1.0], [1.0, math.nan]], [0, 1], ValueError, "^X: row 1, column 1 is nan; only finite"),
        ([[0.0, 1.0], [math.inf, 1.0]], [0, 1], ValueError, "^X: row 1, column 0 is inf"),
        (CORNERS, [0, 1, math.nan, 0], ValueError, "^y: row 2 is nan"),
        ([[10**400, 0]], [0], ValueError, "^X holds a whole number that is too large for a float$"),
        ([[0, 0]], [10**400], ValueError, "^y holds a whole number that is too large for a float$"),
        (CORNERS, [[], [], [], []], ValueError, "^y: row 0 is empty; a target is a number or a list of numbers$"),
        (CORNERS, [[0], [1], [1, 0], [0]], ValueError, "^y is ragged: row 2 has 2 numbers, row 0 has 1$"),
        (CORNERS, [[0], [1], 1, [0]], TypeError, "^y: row 2 must be a sequence, got 1$"),
        (CORNERS, [0, 1, "1", 0], TypeError, "^y: row 2: expected a real number .* got str: '1'"),
        (CORNERS, ["a", "b", "b", "a"], TypeError, "^y: row 0: expected a real number .* got str: 'a'"),
        ([["0", "1"]], [0], TypeError, "^X: row 0, column 0: expected a real number"),
        ([0.0, 1.0], [0, 1], TypeError, "^X: row 0 must be a sequence, got 0.0$"),
        (3, [0], TypeError, "^X must be a sequence, got 3$"),
        (np.array(3.0), [0], TypeError, "^X must be a sequence, got 3.0$"),
        (CORNERS, "0110", TypeError, "^y must be a sequence, got '0110'$"),
        ([[1.0, 2.0, 3.0]], [0], ValueError, "^MLP expects 2 inputs, got 3$"),
        (CORNERS, [0, 1, 7, 0], ValueError, "^the loss does not take row 2 of y: .*target must be from 0 to 1, got 7"),
    ],
)
def test_bad_data_is_refused_before_anything_changes(X: Any, y: Any, error: type, message: str) -> None:
    model = xor_model()
    optimizer = SGD(model.parameters(), lr=0.5)
    with pytest.raises(error, match=message):
        fit(model, X, y, binary_cross_entropy_with_logits, optimizer, epochs=1)
    assert data(model) == data(xor_model())


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (CORNERS, [0, 1, 1], "^validation X has 4 rows, but validation y has 3 targets$"),
        ([[0.0, math.nan]], [0], "^validation X: row 0, column 1 is nan"),
        (CORNERS, [0, 1, 7, 0], "^the loss does not take row 2 of validation y: "),
    ],
)
def test_bad_validation_data_is_refused_before_anything_changes(X: Any, y: Any, message: str) -> None:
    model = xor_model()
    with pytest.raises(ValueError, match=message):
        fit_xor(model, epochs=1, validation=(X, y))
    assert data(model) == data(xor_model())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "^epochs must be at least 0, got -1$"),
        ({"epochs": 1.5}, TypeError, "^epochs must be a whole number, got 1.5$"),
        ({"batch_size": 0}, ValueError, "^batch_size must be at least 1, got 0$"),
        (
            {"early_stopping": 5},
            ValueError,
            r"^early_stopping judges by the validation loss, so fit\(\) needs validation=",
        ),
        (
            {"early_stopping": 0, "validation": (CORNERS, XOR)},
            ValueError,
            "^early_stopping must be at least 1, got 0$",
        ),
        ({"clip_norm": -1}, ValueError, "^clip_norm must be finite and at least 0, got -1"),
        ({"clip_value": "a"}, TypeError, "^clip_value must be a number, got 'a'$"),
        ({"accuracy": 3}, TypeError, "^accuracy must be a Callable, got 3$"),
        ({"penalty": 3}, TypeError, "^penalty must be a Callable, got 3$"),
        ({"callback": 3}, TypeError, "^callback must be a Callable, got 3$"),
        ({"stop": 3}, TypeError, "^stop must be a Callable, got 3$"),
        ({"loss": None}, TypeError, "^loss must be a Callable, got None$"),
        ({"seed": None}, TypeError, "^seed must be an int or a NumPy Generator, got None$"),
        ({"validation": CORNERS}, TypeError, r"^validation must be a pair \(X, y\), got \[\["),
        ({"loss": cross_entropy}, ValueError, "row 0 of y: .*needs a sequence of logits"),
        ({"loss": lambda output, target: None}, ValueError, "row 0 of y: expected a real number .* got NoneType"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: type, message: str) -> None:
    model = xor_model()
    with pytest.raises(error, match=message):
        fit_xor(model, **options)
    assert data(model) == data(xor_model())


@pytest.mark.parametrize("model", [None, MLP])
def test_only_a_model_is_trained_and_judged(model: Any) -> None:
    sgd = SGD(xor_model().parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"^model must be a Module, got"):
        fit(model, CORNERS, XOR, hinge_loss, sgd)
    with pytest.raises(TypeError, match=r"^model must be a Module, got"):
        evaluate(model, CORNERS, XOR, hinge_loss)
    with pytest.raises(TypeError, match=r"^optimizer must be an Optimizer, got None$"):
        fit(xor_model(), CORNERS, XOR, hinge_loss, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^accuracy must be a Callable, got 3$"):
        evaluate(xor_model(), CORNERS, XOR, hinge_loss, 3)  # type: ignore[arg-type]


def test_a_target_of_the_wrong_width_names_both_lengths() -> None:
    model = MLP(1, [2])
    with pytest.raises(ValueError, match=r"row 0 of y: .*got 2 predictions and 3 targets"):
        fit(model, [[1.0]], [[1.0, 2.0, 3.0]], squared_error, SGD(model.parameters(), 0.1))


def test_the_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the optimizer holds none of the model's parameters"):
        fit(xor_model(), CORNERS, XOR, hinge_loss, SGD(xor_model().parameters(), lr=0.1))


# --- Ctrl-C -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def ctrl_c_raises() -> Iterator[None]:
    """Python's own handler, also where the tests run in the background and SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pressing(call: int, times: int = 1, ended: list[int] | None = None) -> Callable[[Any, Any], Any]:
    """A loss during whose n-th call someone presses Ctrl-C; calls 1 and 2 check the two targets."""
    calls = itertools.count(1)

    def loss(output: Value, target: float) -> Any:
        n = next(calls)
        for _ in range(times if n == call else 0):
            signal.raise_signal(signal.SIGINT)
        if ended is not None:
            ended.append(n)
        return binary_cross_entropy_with_logits(output, target)

    return loss


@pytest.mark.parametrize(("call", "epochs"), [(3, 0), (6, 1), (7, 1), (12, 2), (14, 3)])
def test_ctrl_c_returns_what_there_is_and_never_half_an_update(call: int, epochs: int) -> None:
    model, expected = xor_model(), xor_model()
    history = fit_xor(model, pressing(call), epochs=1000, jit=False)
    whole = fit_xor(expected, epochs=epochs)
    assert history.interrupted
    assert history.loss == whole.loss
    assert data(model) == data(expected)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_last_sample_is_not_lost() -> None:
    assert fit_xor(xor_model(), pressing(6), epochs=1).interrupted


def test_ctrl_c_is_heard_during_validation() -> None:
    history = fit_xor(xor_model(), pressing(9), epochs=3, validation=(CORNERS, XOR))
    assert (history.interrupted, history.loss) == (True, [])


@pytest.mark.parametrize(("times", "waits"), [(1, True), (2, False)])
def test_a_second_ctrl_c_does_not_wait_for_the_end_of_the_sample(times: int, waits: bool) -> None:
    ends: list[int] = []
    assert fit_xor(xor_model(), pressing(4, times, ends), epochs=5).interrupted
    assert len(ends) == (4 if waits else 3)


def test_a_keyboard_interrupt_of_the_callback_ends_training() -> None:
    def stop(history: History) -> None:
        if len(history.loss) == 2:
            raise KeyboardInterrupt

    history = fit_xor(xor_model(), epochs=10, callback=stop)
    assert (history.interrupted, len(history.loss)) == (True, 2)


def test_a_handler_of_someone_else_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda signum, frame: heard.append(signum))
    try:
        assert not fit_xor(xor_model(), pressing(6), epochs=2).interrupted
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_training_works_in_any_thread() -> None:
    histories: list[History] = []
    thread = threading.Thread(target=lambda: histories.append(fit_xor(xor_model(), epochs=2)))
    thread.start()
    thread.join()
    assert len(histories[0].loss) == 2


def test_other_errors_are_not_swallowed() -> None:
    def fail(history: History) -> None:
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        fit_xor(xor_model(), callback=fail)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# --- the terminal -------------------------------------------------------------------------------------------------


def test_progress_shows_loss_and_accuracy_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    history = fit_xor(xor_model(), epochs=4, accuracy=accuracy, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"epoch 4  loss {history.loss[-1]:.4f}  accuracy {history.accuracy[-1]:.4f}" in " ".join(err.split("\n"))
    assert "100 %" in err


@pytest.mark.parametrize("progress", [None, False])
def test_without_a_terminal_nothing_is_printed(progress: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    fit_xor(xor_model(), epochs=2, progress=progress)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("terminal", "shown"), [(True, True), (False, False)])
def test_by_default_a_terminal_decides(
    terminal: bool, shown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    fit_xor(xor_model(), epochs=2)
    assert ("epoch 2" in capsys.readouterr().err) is shown


def test_importing_nn_imports_none_of_the_extras() -> None:
    taking_an_array = "from numpy import ones; from autograd_engine import grad; grad(lambda v: v[0])(ones(2))"
    code = f"import nn, sys; {taking_an_array}; print([name for name in sys.argv[1:] if name in sys.modules])"
    extras = ["matplotlib", "rich", "sklearn", "safetensors", "cyclopts", "scipy", "pandas", "numpy.ma"]
    result = subprocess.run([sys.executable, "-c", code, *extras], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
