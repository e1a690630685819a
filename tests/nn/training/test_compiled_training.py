"""Laws of compiled training: it gives what training on Values gives, and says where it cannot."""

from __future__ import annotations

import itertools
import random
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from autograd_engine import Value, custom_derivative, exp, fori_loop, scan, tanh, where, while_loop
from autograd_engine import sum as total
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.traced import Traced
from nn import (
    ACTIVATIONS,
    GRU,
    LSTM,
    MLP,
    RNN,
    SGD,
    Activation,
    Adagrad,
    Adam,
    AdamW,
    AvgPool1d,
    AvgPool2d,
    BatchNorm,
    Conv1d,
    Conv2d,
    Dropout,
    FinalState,
    Flatten,
    History,
    Layer,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Module,
    Neuron,
    Perceptron,
    RMSprop,
    Sequential,
    accuracy,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_annealing,
    cross_entropy,
    fit,
    hinge_loss,
    huber_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
    squared_error,
)
from nn.training.accuracy import accuracies
from nn.training.compiled import CompiledSteps
from nn.training.fit import WORTH_COMPILING

Optimize = Callable[[Any], Any]
RNG = np.random.default_rng(7)
X = RNG.normal(size=(11, 3))
POSITIVE = (X[:, 0] * X[:, 1] > 0).astype(float)
CLASSES = RNG.integers(0, 3, 11)


def gradient_descent(parameters: Any) -> SGD:
    return SGD(parameters, lr=0.1)


def small(seed: int = 1) -> MLP:
    return MLP(3, [4, 1], "tanh", seed)


def trained(
    build: Callable[[], Module], inputs: Any, y: Any, loss: Any, optimize: Optimize, jit: bool | None, **options: Any
) -> tuple[Module, History]:
    model = build()
    settings = {"epochs": 3, "batch_size": 4} | options
    return model, fit(model, inputs, y, loss, optimize(model.parameters()), jit=jit, **settings)


def close(numbers: Any) -> Any:
    return pytest.approx(numbers, rel=1e-9, abs=1e-12)


def check_alike(
    build: Callable[[], Module],
    inputs: Any = X,
    y: Any = POSITIVE,
    loss: Any = squared_error,
    optimize: Optimize = gradient_descent,
    **options: Any,
) -> History:
    """Both ways give the same history, parameters, buffers and gradients; returns the compiled one's history."""
    (compiled, found), (model, expected) = (
        trained(build, inputs, y, loss, optimize, jit, **options) for jit in (True, False)
    )
    assert (found.jit, expected.jit) == (True, False)
    for figures in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        assert getattr(found, figures) == close(getattr(expected, figures)), figures
    assert (found.stopped_early, found.best_epoch) == (expected.stopped_early, expected.best_epoch)
    arrays = model.arrays()
    for name, array in compiled.arrays().items():
        assert array == close(arrays[name]), name
    if optimize is gradient_descent:  # without which there may be parameters whose gradients nobody sets to zero
        assert [p.grad for p in compiled.parameters()] == close([p.grad for p in model.parameters()])
    return found


# --- every unit, loss and optimiser -------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    check_alike(lambda: MLP(3, [2, 1], activation, seed=2), epochs=2)


LINE, IMAGE = (2, 5), (1, 4, 5)


@pytest.mark.parametrize(
    ("shape", "build"),
    [
        ((3,), lambda: Neuron(3, "tanh", seed=1)),
        ((3,), lambda: Layer(3, 1, "sigmoid", seed=1)),
        ((3,), lambda: Sequential(Linear(3, 2, bias=False, seed=1), Activation("gelu"), Linear(2, 1, seed=2))),
        ((3,), lambda: Sequential(Linear(3, 2, seed=1), Perceptron(2, 2, seed=2), Linear(2, 1, seed=3))),
        (LINE, lambda: Sequential(Conv1d(2, 2, 3, padding=1, seed=1), MaxPool1d(3, 2, 1), Flatten(), Linear(6, 1))),
        (LINE, lambda: Sequential(Conv1d(2, 1, 2, bias=False, seed=1), AvgPool1d(2), Flatten(), Linear(2, 1, seed=2))),
        (IMAGE, lambda: Sequential(Conv2d(1, 2, (2, 3), seed=1), MaxPool2d((2, 3), 1), Flatten(), Linear(4, 1))),
        (IMAGE, lambda: Sequential(AvgPool2d(2), Flatten(), Linear(4, 1, seed=2))),
        ((18, 2), lambda: Sequential(RNN(2, 2, num_layers=2, seed=1), FinalState(), Linear(2, 1, seed=2))),
        ((18, 2), lambda: Sequential(LSTM(2, 1, bidirectional=True, seed=1), FinalState(), Linear(2, 1, seed=2))),
        ((4, 2), lambda: Sequential(GRU(2, 2, bias=False, seed=1), FinalState(), Linear(2, 1, seed=2))),
    ],
)
def test_every_unit(shape: tuple[int, ...], build: Callable[[], Module]) -> None:
    check_alike(build, np.random.default_rng(3).normal(size=(11, *shape)))


def probability(model: Module) -> Sequential:
    return Sequential(model, Activation("sigmoid"))


@pytest.mark.parametrize(
    ("loss", "y", "build"),
    [
        (squared_error, X[:, :2], lambda: MLP(3, [2], seed=1)),
        (mean_squared_error, X, lambda: MLP(3, [3], seed=1)),
        (binary_cross_entropy, POSITIVE, lambda: probability(small())),
        (binary_cross_entropy_with_logits, POSITIVE / 2, small),
        (cross_entropy, CLASSES, lambda: MLP(3, [3], seed=1)),
        (hinge_loss, 2 * POSITIVE - 1, small),
        (lambda output, target: 0.0 * output + 3.0, POSITIVE, small),
        (l1_loss, X[:, :2], lambda: MLP(3, [2], seed=1)),
        (partial(huber_loss, delta=0.5), X[:, :2], lambda: MLP(3, [2], seed=1)),
        (lambda output, target: exp(-output), POSITIVE, small),
    ],
)
def test_every_loss(loss: Any, y: Any, build: Callable[[], Module]) -> None:
    check_alike(build, X, y, loss)


@pytest.mark.parametrize(
    "optimize",
    [
        partial(SGD, lr=cosine_annealing(0.3, 9)),
        partial(SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        partial(Adagrad, lr=0.1, lr_decay=0.1),
        partial(RMSprop, lr=0.01, momentum=0.5, centered=True),
        partial(Adam, lr=0.01, amsgrad=True),
        partial(AdamW, lr=0.01),
        lambda parameters: SGD([{"params": parameters[:3], "lr": 0.2}, {"params": parameters[3:]}], lr=0.1),
        lambda parameters: SGD(parameters[2:5], lr=0.5),
        lambda parameters: SGD([*parameters, Value(5.0)], lr=0.5, weight_decay=0.1),
    ],
    ids=["schedule", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "groups", "frozen parameters", "others too"],
)
def test_every_optimizer(optimize: Optimize) -> None:
    check_alike(small, optimize=optimize)


@pytest.mark.parametrize("batch_size", [1, 3, 11, 50, None])
def test_every_batch_size(batch_size: int | None) -> None:
    check_alike(small, batch_size=batch_size)


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.05},
        {"clip_value": 0.01},
        {"penalty": lambda model: 0.1 * l2_penalty(model.parameters())},
        {"penalty": lambda model: 0.1 * l1_penalty(model.named_parameters().values())},
        {"penalty": lambda model: 0.0},
    ],
)
def test_clipping_and_penalties(options: dict[str, Any]) -> None:
    check_alike(small, **options)


def test_validation_accuracy_and_early_stopping() -> None:
    def larger_than_a_half(outputs: Any, target: Any) -> float:
        assert isinstance(target, int)
        return max(output.data for output in outputs) > 0.5

    def build() -> MLP:
        return MLP(3, [3], seed=1)

    options: dict[str, Any] = {"loss": cross_entropy, "validation": (X[:3], CLASSES[:3]), "epochs": 6}
    check_alike(build, X, CLASSES, accuracy=accuracy, **options)
    check_alike(build, X, CLASSES, accuracy=larger_than_a_half, **options)
    fast = partial(SGD, lr=20.0)
    assert check_alike(build, X, CLASSES, early_stopping=1, optimize=fast, **options).stopped_early


def test_accuracies_is_accuracy_of_each_sample() -> None:
    rows = list(itertools.product([-1.0, 0.0, 2.0, np.nan, np.inf], repeat=2))
    for target in (-1.0, 0.0, 1.0):
        targets = np.full(len(rows), target)
        both = accuracies(list(np.array(rows).T), targets)
        assert both.tolist() == [accuracy(list(row), target) for row in rows]
        assert accuracies([np.array(rows)[:, 0]], targets).tolist() == [accuracy(a, target) for a, _ in rows]


# --- what a unit keeps, and what it draws -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}])
def test_batch_statistics(options: dict[str, Any]) -> None:
    def build() -> Sequential:
        return Sequential(Linear(3, 2, bias=False, seed=1), BatchNorm(2, **options), Linear(2, 1, seed=2))

    check_alike(build, validation=(X[:2], POSITIVE[:2]))


def test_statistics_over_positions_and_of_a_constant_channel() -> None:
    class WithOne(Module):
        def __call__(self, inputs: Any) -> Any:
            return [*inputs, [1.0] * len(inputs[0])]

    def build() -> Sequential:
        return Sequential(WithOne(), BatchNorm(3), Flatten(), Linear(15, 1, seed=2))

    inputs = np.random.default_rng(3).normal(size=(9, *LINE))
    check_alike(build, inputs, POSITIVE[:9], batch_size=4)  # the last batch is a single sample


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_dropout_draws_what_it_draws_on_values(normalised: bool, shared: bool) -> None:
    def build() -> Sequential:
        first = np.random.default_rng(1)
        second = first if shared else np.random.default_rng(2)
        between: list[Module] = [BatchNorm(4)] if normalised else []
        return Sequential(
            Dropout(0.2, seed=first), Linear(3, 4, seed=1), *between, Dropout(0.5, seed=second), Linear(4, 1, seed=2)
        )

    check_alike(build, optimize=partial(SGD, lr=0.01))


def test_a_generator_in_a_list_is_found_and_asked_for_single_numbers_and_tables() -> None:
    class Noise(Module):
        def __init__(self) -> None:
            self.scale = Value(0.5)
            self.sources = {"one": [np.random.default_rng(5)]}
            self.draw = self.sources["one"][0].random

        def __call__(self, inputs: Any) -> Any:
            [source] = self.sources["one"]
            table = source.random((len(inputs), 2))
            return [x + self.scale * (a - b) * self.draw() for x, (a, b) in zip(inputs, table.tolist())]

    check_alike(lambda: Sequential(Noise(), Linear(3, 1, seed=1)), validation=(X[:3], POSITIVE[:3]))


def test_draws_that_go_from_sample_to_sample_in_a_batch_are_refused() -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.drop = Dropout(0.5)

        def __call__(self, inputs: Any) -> Any:
            return [*self.drop(inputs), *self.drop(inputs[:2])]

    with pytest.raises(TraceError, match="does not draw as many random numbers for every sample"):
        trained(lambda: Sequential(Twice(), BatchNorm(5)), X, X[:, 0], lambda *_: 0.0, gradient_descent, True)


class Keeping(Module):
    """Hands its inputs on, scaled, after something else was done."""

    def __init__(self, does: Callable[[Any, Any], Any]) -> None:
        self.scale, self.seen, self.calls = Value(1.0), np.zeros(1), 0
        self.private = np.random.default_rng(0)
        self.counts: dict[str, Any] = {"calls": 0, "list": [], "random": random.Random(5)}
        self.normal = self.private.normal
        self._does, self._table = does, np.ones(2)

    def __call__(self, inputs: Any) -> Any:
        self._does(self, inputs)
        return [self.scale * x for x in inputs]


def count(module: Any, inputs: Any) -> None:
    module.calls += 1


def replace(module: Any, inputs: Any) -> None:
    module.seen = module.seen + 1


def write_in_inference(module: Any, inputs: Any) -> None:
    if not module.training:
        module.seen[0] = module.seen[0] + 1.0


def count_in_a_dict(module: Any, inputs: Any) -> None:
    module.counts["calls"] += 1


def keep_in_a_list(module: Any, inputs: Any) -> None:
    module.counts["list"].append(0)


def draw_otherwise(module: Any, inputs: Any) -> None:
    module.private.normal()


def draw_by_a_bound_method(module: Any, inputs: Any) -> None:
    module.normal()


PYTHONS = random.Random(3)

REFUSED: list[tuple[Callable[[Any, Any], Any], str]] = [
    (count, "Keeping sets its attribute 'calls' when it is called"),
    (replace, "Keeping sets its attribute 'seen' when it is called"),
    (count_in_a_dict, "Keeping sets its attribute 'counts' when it is called"),
    (keep_in_a_list, "Keeping sets its attribute 'counts' when it is called"),
    (draw_by_a_bound_method, r"a Generator's normal\(\) cannot be compiled; draw with random\(size\)"),
    (lambda module, inputs: module.counts["random"].random(), "the model, .* draws random numbers on its own"),
    (lambda module, inputs: PYTHONS.random(), "the model, the loss or the penalty draws random numbers on its own"),
    (write_in_inference, "changes its buffers in inference mode"),
    (draw_otherwise, r"a Generator's normal\(\) cannot be compiled; draw with random\(size\)"),
    (lambda module, inputs: random.random(), "draws global random numbers"),
    (lambda module, inputs: np.random.rand(), "draws global random numbers"),
    (lambda module, inputs: list(filter(None, inputs)), "branches on a number"),
]


@pytest.mark.parametrize(("does", "message"), REFUSED)
def test_what_cannot_be_compiled_is_refused_or_done_on_values(does: Callable[[Any, Any], Any], message: str) -> None:
    def build() -> Sequential:
        return Sequential(Keeping(does), Linear(3, 1, seed=1))

    options: dict[str, Any] = {"epochs": -(-WORTH_COMPILING // 11), "validation": (X[:1], POSITIVE[:1])}
    with pytest.raises(TraceError, match=message):
        trained(build, X, POSITIVE, squared_error, gradient_descent, True, **options)
    models, histories = [], []
    for jit in (None, False):
        random.seed(1)
        np.random.seed(1)
        PYTHONS.seed(1)
        model, history = trained(build, X, POSITIVE, squared_error, gradient_descent, jit, **options | {"epochs": 190})
        models.append({name: array.tolist() for name, array in model.arrays().items()})
        histories.append(history)
    assert models[0] == models[1]
    assert histories[0].loss == histories[1].loss
    assert not histories[0].jit
    assert histories[0].jit_reason.startswith("TraceError: ")


def noisy_losses() -> dict[str, Callable[[], Any]]:
    """For each way to come by random numbers a function that makes a loss with them, always the same ones."""

    def closing_over_a_generator() -> Any:
        draws = np.random.default_rng(3)
        return lambda output, target: squared_error(output + 0.1 * draws.normal(), target)

    def closing_over_a_bound_method() -> Any:
        normal = np.random.default_rng(3).normal
        return lambda output, target: squared_error(output + 0.1 * normal(), target)

    def with_a_default() -> Any:
        def loss(output: Any, target: Any, draws: Any = random.Random(3)) -> Any:  # noqa: B008
            return squared_error(output + 0.1 * draws.random(), target)

        return loss

    def naming_a_global() -> Any:
        PYTHONS.seed(3)
        return lambda output, target: squared_error(output + 0.1 * next(PYTHONS.random() for _ in range(1)), target)

    def partly_applied() -> Any:
        return partial(
            lambda draws, output, target: squared_error(output + draws.rand(), target), np.random.RandomState(3)
        )

    def of_an_object() -> Any:
        class Noisy:
            def __init__(self) -> None:
                self.sources = [{"one": np.random.default_rng(3)}]

            def __call__(self, output: Any, target: Any) -> Any:
                return squared_error(output + 0.1 * self.sources[0]["one"].normal(), target)

        return Noisy()

    return {make.__name__: make for make in vars().copy().values()}


@pytest.mark.parametrize("make", noisy_losses().values(), ids=noisy_losses())
def test_a_loss_that_draws_by_itself_is_refused_or_done_on_values(make: Callable[[], Any]) -> None:
    with pytest.raises(TraceError, match="the loss computes something else each time it is run"):
        trained(small, X, POSITIVE, make(), gradient_descent, True)
    (_, default), (_, expected) = (
        trained(small, X, POSITIVE, make(), gradient_descent, jit, epochs=190) for jit in (None, False)
    )
    assert default.loss == expected.loss
    assert default.jit_reason.startswith("TraceError: the loss computes something else each time it is run")


def test_a_loss_with_a_derivative_of_its_own_is_compiled() -> None:
    numbers = itertools.count()

    def loss_with(factor: Callable[[], float]) -> Any:
        def loss(output: Any, target: Any) -> Any:
            square = custom_derivative(lambda x: factor() * x * x, lambda cotangent, out, x: cotangent * 2 * x)
            return square(output - target)

        return loss

    (model, compiled), (expected, _) = (
        trained(small, X, POSITIVE, loss_with(lambda: 1.0), gradient_descent, jit) for jit in (True, False)
    )
    assert compiled.jit_reason == ""
    assert [x.data for x in model.parameters()] == pytest.approx([x.data for x in expected.parameters()], rel=1e-9)
    with pytest.raises(TraceError, match="the loss computes something else each time it is run"):
        trained(small, X, POSITIVE, loss_with(lambda: 1.0 + next(numbers)), gradient_descent, True)


def carried_from_a_sample(w: Any, x: Any) -> Any:
    return fori_loop(0, 20, lambda i, h: tanh(w * h + 1), x)


def used_from_outside(w: Any, x: Any) -> Any:
    return fori_loop(0, 20, lambda i, h: tanh(w * h + x), 0.0)


def read_by_a_scan(w: Any, x: Any) -> Any:
    return scan(lambda h, row: (tanh(w * h + row), None), 0.0, [x * i for i in range(20)])[0]


def as_long_as_the_sample_says(w: Any, x: Any) -> Any:
    return while_loop(lambda h: h < 3, lambda h: h + w * w + 0.2, x)


def as_long_as_the_weight_says(w: Any, x: Any) -> Any:
    return x * while_loop(lambda h: h < 3, lambda h: h + w * w + 0.2, w)


def a_statement(w: Any, x: Any) -> Any:
    while x < 3:
        x = x + w * w + 0.2
    return x


def many_rounds(w: Any, x: Any) -> Any:
    for _ in range(3400):
        x = tanh(w * x + 1)
    return x


LOOPS = [
    carried_from_a_sample,
    used_from_outside,
    read_by_a_scan,
    as_long_as_the_sample_says,
    as_long_as_the_weight_says,
    a_statement,
    many_rounds,
]


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_of_a_model_train_as_on_values(loop: Callable[[Any, Any], Any]) -> None:
    class Looping(Module):
        def __init__(self) -> None:
            self.w = Value(0.3)

        def __call__(self, inputs: Any) -> Any:
            return [loop(self.w, inputs[0])]

    check_alike(Looping, X[:3], POSITIVE[:3], batch_size=2, epochs=2)


@pytest.mark.parametrize("what", ["model", "loss", "penalty"])
def test_what_computes_something_else_each_time_is_refused(what: str) -> None:
    numbers = itertools.count()

    def weight(of: str) -> float:
        return 1.0 + next(numbers) if of == what else 1.0

    class Scaling(Module):
        def __call__(self, inputs: Any) -> Any:
            return [weight("model") * x for x in inputs]

    def loss(output: Any, target: Any) -> Any:
        return weight("loss") * squared_error(output, target)

    def penalty(model: Module) -> Any:
        return weight("penalty") * l2_penalty(model.parameters())

    def build() -> Sequential:
        return Sequential(Scaling(), small())

    options: dict[str, Any] = {"penalty": penalty, "accuracy": accuracy}
    with pytest.raises(TraceError, match=f"^the {what} computes something else each time it is run"):
        trained(build, X, POSITIVE, loss, gradient_descent, True, **options)
    history = trained(build, X, POSITIVE, loss, gradient_descent, None, epochs=190, **options)[1]
    assert history.jit_reason.startswith(f"TraceError: the {what} computes something else")


class Weighted:
    """A loss with a weight, and half of it above a threshold."""

    def __init__(self) -> None:
        self.weight, self.threshold = 1.0, 0.1

    def __call__(self, output: Any, target: Any) -> Any:
        return self.weight * squared_error(output, target) * where(output > self.threshold, 0.5, 1.0)


class Looped:
    """A loss that adds up shares of itself, and grows in every round of another loop."""

    def __init__(self) -> None:
        self.shares, self.rounds = np.full(20, 0.05), 20

    def __call__(self, output: Any, target: Any) -> Any:
        error = squared_error(output, target)
        total, _ = scan(lambda sum, share: (sum + share * error, None), 0.0, self.shares)
        return total * fori_loop(0, self.rounds, lambda i, x: x * 1.01, 1.0)


def lower_dropout(model: Any, loss: Any) -> None:
    model[1].p = 0.1


def raise_momentum(model: Any, loss: Any) -> None:
    model[2].momentum = 0.9


def draw_from_another_generator(model: Any, loss: Any) -> None:
    model[1]._draws = np.random.default_rng(9)


def weigh_the_loss(model: Any, loss: Any) -> None:
    loss.weight = 0.01


def move_the_threshold(model: Any, loss: Any) -> None:
    loss.threshold = 0.5


def change_what_a_loop_reads(model: Any, loss: Any) -> None:
    loss.shares[7] = 2.0


def change_the_rounds_of_a_loop(model: Any, loss: Any) -> None:
    loss.rounds = 30


def replace_a_parameter(model: Any, loss: Any) -> None:
    model[0].bias[0] = Value(3.0)


def replace_a_buffer(model: Any, loss: Any) -> None:
    model[2].running_mean = np.ones(4)


CHANGES = [
    lower_dropout,
    raise_momentum,
    draw_from_another_generator,
    weigh_the_loss,
    move_the_threshold,
    change_what_a_loop_reads,
    change_the_rounds_of_a_loop,
    replace_a_parameter,
    replace_a_buffer,
]


def trained_with_a_change(
    change: Callable[[Any, Any], None] | None, epoch: int, epochs: int, jit: bool | None
) -> tuple[Module, History]:
    model = Sequential(Linear(3, 4, seed=1), Dropout(0.5, seed=2), BatchNorm(4), Linear(4, 1, seed=3))
    loss = Looped() if change in (change_what_a_loop_reads, change_the_rounds_of_a_loop) else Weighted()

    def callback(history: History) -> None:
        if change is not None and len(history.loss) == epoch:
            change(model, loss)

    options: dict[str, Any] = {"epochs": epochs, "batch_size": 4, "callback": callback, "jit": jit}
    optimizer = gradient_descent(model.parameters())
    return model, fit(model, X, POSITIVE, loss, optimizer, validation=(X[:3], POSITIVE[:3]), **options)


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_callback_changes_is_compiled_anew(change: Callable[[Any, Any], None]) -> None:
    (model, found), (other, expected) = (trained_with_a_change(change, 2, 5, jit) for jit in (True, False))
    assert found.jit
    assert found.loss == close(expected.loss)
    assert found.validation_loss == close(expected.validation_loss)
    for name, array in model.arrays().items():
        assert array == close(other.arrays()[name]), name
    unchanged = trained_with_a_change(None, 2, 5, False)[1]
    assert (unchanged.loss, unchanged.validation_loss) != (expected.loss, expected.validation_loss)


@pytest.mark.parametrize(("epoch", "compiled"), [(2, False), (182, True)])
def test_the_default_compiles_anew_where_it_pays(epoch: int, compiled: bool) -> None:
    (_, found), (_, expected) = (trained_with_a_change(weigh_the_loss, epoch, 185, jit) for jit in (None, False))
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    assert found.jit is compiled
    reason = "the callback changed what is computed before 2000 samples had been trained with it"
    assert found.jit_reason == ("" if compiled else reason)


def test_a_callback_that_changes_nothing_of_it_has_nothing_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    init = CompiledSteps.__init__
    monkeypatch.setattr(CompiledSteps, "__init__", lambda self, *args: [made.append(self), init(self, *args)][1])

    def lower(model: Any, loss: Any) -> None:
        loss.seen = "nothing that is computed with"
        model[0].bias[0].data = 0.5

    assert trained_with_a_change(lower, 2, 5, True)[1].jit
    assert len(made) == 1


def test_what_cannot_be_compiled_after_a_callback_is_an_error_or_done_on_values() -> None:
    def branch(model: Any, loss: Any) -> None:
        loss.weight = PYTHONS  # which is no number

    with pytest.raises(TypeError):
        trained_with_a_change(branch, 2, 5, True)

    def draw(model: Any, loss: Any) -> None:
        class Drawn:
            def __mul__(self, other: Any) -> Any:
                return np.random.rand() * other

        loss.weight = Drawn()

    with pytest.raises(TraceError, match="draws global random numbers"):
        trained_with_a_change(draw, 2, 5, True)
    history = trained_with_a_change(draw, 182, 185, None)[1]
    assert history.jit_reason.startswith("TraceError: the model, the loss or the penalty draws global random numbers")
    assert len(history.loss) == 185


def test_parameters_in_object_arrays_and_dicts_are_compiled() -> None:
    class Mixed(Module):
        def __init__(self) -> None:
            self.w = np.array([Value(1.0), Value(2.0), Value(-1.0)])
            self.b = {"offset": Value(0.5)}

        def __call__(self, inputs: Any) -> Any:
            return [np.dot(self.w, inputs) + self.b["offset"]]

    check_alike(Mixed)
    model = trained(Mixed, X, POSITIVE, squared_error, gradient_descent, True)[0]
    assert [p.data for p in model.parameters()] != [p.data for p in Mixed().parameters()]


def test_statistics_of_a_module_that_occurs_twice() -> None:
    def build() -> Sequential:
        norm = BatchNorm(3)
        return Sequential(norm, Activation("tanh"), norm, Linear(3, 1, seed=2))

    check_alike(build, validation=(X[:2], POSITIVE[:2]))


def test_buffers_of_a_unit_of_somebody_s_own_are_updated() -> None:
    class Steps(Module):
        def __init__(self) -> None:
            self.scale, self.steps = Value(1.0), np.zeros(2)

        @property
        def needs_batch(self) -> bool:
            return self.training

        def __call__(self, inputs: Any) -> Any:
            return [self.scale * x for x in inputs]

        def forward_batch(self, batch: Any) -> list[Any]:
            self.steps += 1.0
            return [[self.scale * x / self.steps[0] for x in inputs] for inputs in batch]

    check_alike(Steps, X, X)


# --- when it is done, and what is left --------------------------------------------------------------------------------


def test_the_default_compiles_what_is_worth_it() -> None:
    few = trained(small, X, POSITIVE, squared_error, gradient_descent, None, epochs=1)[1]
    assert not few.jit
    assert few.jit_reason == "there are fewer than 2000 samples in all epochs together"
    many = trained(small, X, POSITIVE, squared_error, gradient_descent, None, epochs=190)[1]
    assert many.jit
    assert many.jit_reason == ""


def test_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    with pytest.raises(ImportError, match="jit=True needs llvmlite: pip install llvmlite"):
        trained(small, X, POSITIVE, squared_error, gradient_descent, True)
    history = trained(small, X, POSITIVE, squared_error, gradient_descent, None, epochs=190)[1]
    assert history.jit_reason == "ImportError: jit=True needs llvmlite: pip install llvmlite"
    assert len(history.loss) == 190


def test_a_loss_or_a_penalty_with_values_of_its_own_is_done_on_them() -> None:
    model = small()
    with pytest.raises(
        TraceError, match=r"the loss returned Value\(data=.* computed from Values that the model does not"
    ):
        trained(lambda: model, X, POSITIVE, lambda *_: 2 * model.layers[0].neurons[0].bias, gradient_descent, True)
    with pytest.raises(
        TraceError, match=r"the penalty returned Value.*; use the model that the penalty is called with"
    ):
        penalty = lambda _: l2_penalty(model.parameters())  # noqa: E731
        trained(lambda: model, X, POSITIVE, squared_error, gradient_descent, True, penalty=penalty)
    check_alike(small, loss=lambda *_: 0)


def test_training_twice_gives_the_same_bits() -> None:
    (one, first), (other, second) = (
        trained(small, X, POSITIVE, squared_error, gradient_descent, True) for _ in range(2)
    )
    assert first.loss == second.loss
    assert [p.data for p in one.parameters()] == [p.data for p in other.parameters()]


def test_there_are_no_deltas_and_the_mode_is_as_it_was() -> None:
    model = small()
    model.layers[0].eval()
    fit(model, X, POSITIVE, squared_error, gradient_descent(model.parameters()), epochs=1, jit=True)
    assert (model.training, model.layers[0].training) == (True, False)
    with pytest.raises(RuntimeError, match="no deltas before the first call"):
        model.deltas()


def test_the_callback_sees_the_parameters_and_may_change_them() -> None:
    def run(jit: bool) -> tuple[list[list[float]], list[float]]:
        model, seen = small(), []

        def callback(history: History) -> None:
            assert not model.training
            seen.append([p.data for p in model.parameters()])
            for p in model.parameters():
                p.data = 0.5 * p.data

        optimizer = gradient_descent(model.parameters()[:-1])
        fit(model, X, POSITIVE, squared_error, optimizer, epochs=3, jit=jit, callback=callback)
        return seen, [p.data for p in model.parameters()]

    (seen, last), (expected, end) = run(True), run(False)
    assert seen == [close(parameters) for parameters in expected]
    assert last == close(end)


@pytest.fixture
def ctrl_c_raises() -> Iterator[None]:
    """Python's own handler, also where the tests run in the background and SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupting(SGD):
    """Gradient descent during whose third step something happens."""

    def __init__(self, parameters: Any, happens: Callable[[], None]) -> None:
        super().__init__(parameters, lr=0.1)
        self._happens = happens

    def rule(self, parameters: Any, gradients: Any, lr: Any) -> Any:
        if self.steps == 2:
            self._happens()
        return super().rule(parameters, gradients, lr)


def parameters_after(steps: int) -> list[float]:
    model = small()
    fit(model, X, POSITIVE, squared_error, gradient_descent(model.parameters()), epochs=steps, jit=True)
    return [p.data for p in model.parameters()]


def fail() -> None:
    raise ZeroDivisionError


@pytest.mark.usefixtures("ctrl_c_raises")
def test_ctrl_c_and_errors_leave_the_parameters_of_the_last_whole_step() -> None:
    model = small()
    optimizer = Interrupting(model.parameters(), lambda: signal.raise_signal(signal.SIGINT))
    history = fit(model, X, POSITIVE, squared_error, optimizer, epochs=9, jit=True)
    assert history.interrupted
    assert len(history.loss) == 3
    assert [p.data for p in model.parameters()] == parameters_after(3)

    model = small()
    with pytest.raises(ZeroDivisionError):
        fit(model, X, POSITIVE, squared_error, Interrupting(model.parameters(), fail), epochs=9, jit=True)
    assert [p.data for p in model.parameters()] == parameters_after(2)


def test_a_loss_that_diverges_stands_in_the_history() -> None:
    model, history = trained(small, X, POSITIVE, squared_error, partial(SGD, lr=1e160), True, epochs=2)
    assert history.jit
    assert not np.isfinite(history.loss).any()
    assert not np.isfinite([p.data for p in model.parameters()]).all()


class Hinges(Module):
    """Python's statements on numbers, in a model."""

    def __init__(self) -> None:
        self.slope = Value(0.5)

    def __call__(self, inputs: Any, /) -> Any:
        return [x if x > 0 else self.slope * x for x in inputs]


def robust(outputs: Any, target: Any) -> Any:
    error = outputs - target
    if -0.5 < error < 0.5:
        return error * error / 2
    return 0.5 * abs(error) - 0.125


def large_weights(model: Any) -> Any:
    return 0.01 * total(max(abs(weight) - 0.1, 0.0) for weight in model.parameters())


@pytest.mark.parametrize("batched", [False, True])
def test_statements_of_the_user_compile(batched: bool) -> None:
    def build() -> Module:
        layers = [Linear(3, 4, seed=1), Hinges(), *[BatchNorm(4)] * batched, Dropout(0.3, seed=2), Linear(4, 1, seed=3)]
        return Sequential(*layers)

    check_alike(build, loss=robust, penalty=large_weights, validation=(X[:5], POSITIVE[:5]), epochs=4)


def test_a_run_on_symbols_that_will_be_too_long_ends_early():
    X = np.random.default_rng(0).normal(size=(20, 40))
    for hidden, runs in ((8, 2), (37, 3), (64, 2)):  # one that is just too long runs once in vain, a longer one never
        model, on_symbols = MLP(40, [hidden, 3], seed=0), []

        def loss(outputs, target, seen=on_symbols):
            seen.append(isinstance(outputs[0], Traced))
            return cross_entropy(outputs, target)

        fit(model, X, np.arange(20) % 3, loss, SGD(model.parameters(), lr=0.1), batch_size=5, jit=True, progress=False)
        assert sum(on_symbols) == runs
