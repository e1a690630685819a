"""Laws of optimisers: PyTorch's numbers, the textbook's bits, and errors that say what was wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd_engine import Value, tanh
from nn import MLP, SGD, Adam, Optimizer, clip_gradients

Make = Callable[[list[Value]], Optimizer]
START = (-1.2, 1.0, 0.5)
X = Value(1.0)


def problem(a: Any, b: Any, c: Any, tanh: Callable[[Any], Any] = tanh) -> Any:
    """A bent valley with a saddle, on which all gradients depend on all parameters."""
    return (1 - a) ** 2 + 5 * (b - a * a) ** 2 + tanh(c * a) + 0.1 * c * c


def minimised(make: Callable[[list[Value]], Any], steps: int = 100) -> list[float]:
    parameters = [Value(x) for x in START]
    optimizer = make(parameters)
    for _ in range(steps):
        optimizer.zero_grad()
        problem(*parameters).backward()
        optimizer.step()
    return [p.data for p in parameters]


# 100 steps on `problem` from START, computed with PyTorch 2.13 in double precision.
PYTORCH: list[tuple[str, dict[str, Any], list[float]]] = [
    ("SGD", {"lr": 0.01}, [0.08123273336251666, 0.015620953662689419, 0.7752002468400266]),
    ("SGD", {"lr": 0.01, "momentum": 0.9}, [1.127569210856278, 1.2700555496094226, -1.2996177110866531]),
    ("SGD", {"lr": 0.01, "weight_decay": 0.1}, [0.14272222607304758, 0.01489534401480414, 0.6880845101968358]),
    (
        "SGD",
        {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.05},
        [1.0068489463275507, 0.9993678416765109, -1.075953875179927],
    ),
    (
        "SGD",
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01},
        [1.0161537265589677, 1.0130797158564275, -1.1175276726670356],
    ),
    ("SGD", {"lr": 0.01, "dampening": 0.5}, [0.08123273336251666, 0.015620953662689419, 0.7752002468400266]),
    (
        "SGD",
        {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        [1.1171380410098761, 1.2470597776099022, -1.270856731691025],
    ),
    ("Adagrad", {"lr": 0.1}, [-0.28089967274510663, 0.11090618165519714, 1.3766937625684619]),
    (
        "Adagrad",
        {"lr": 0.2, "lr_decay": 0.01, "weight_decay": 0.05, "initial_accumulator_value": 0.3, "eps": 1e-6},
        [0.07120021124232918, 0.002441445551181296, 0.672988891200653],
    ),
    ("RMSprop", {"lr": 0.01}, [-0.15912120360583729, 0.041950899185263936, 1.2884703019332904]),
    (
        "RMSprop",
        {"lr": 0.005, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
        [0.5587243006889115, 0.2717017244924008, 0.006215325315462763],
    ),
    ("Adam", {"lr": 0.05}, [0.5927085114239261, 0.2894359960248337, -0.7710441541026766]),
    (
        "Adam",
        {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.1},
        [-0.23818229516093667, 0.08152934880906143, 1.113353730548574],
    ),
    ("Adam", {"lr": 0.05, "amsgrad": True}, [0.5918456470252029, 0.2882767132941197, -0.769940521678923]),
    (
        "Adam",
        {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True},
        [0.6703547601174753, 0.3958770795514212, -1.0914073721968796],
    ),
    ("AdamW", {"lr": 0.05}, [0.6030789568889279, 0.30219825749171775, -0.8142455744144309]),
    (
        "AdamW",
        {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True},
        [0.7029344660216461, 0.4508847787272498, -1.217920813864798],
    ),
]

# The same where the first parameter has settings of its own.
PYTORCH_GROUPS: list[tuple[str, dict[str, Any], dict[str, Any], list[float]]] = [
    (
        "SGD",
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.02, "momentum": 0.0, "weight_decay": 0.1},
        [0.860879435762912, 0.7294300319277687, -1.1672293184852662],
    ),
    (
        "SGD",
        {"lr": 0.01, "dampening": 0.5, "momentum": 0.9},
        {"momentum": 0.0},
        [0.1951041747191224, 0.030770950019717587, 0.8736283863415805],
    ),
    (
        "Adagrad",
        {"lr": 0.1},
        {"lr": 0.2, "eps": 0.5},
        [0.12690775151436695, 0.010706831236526505, 0.9608366064773389],
    ),
    (
        "RMSprop",
        {"lr": 0.01},
        {"alpha": 0.5, "momentum": 0.3},
        [0.1799323215226097, 0.022789822794367455, 0.9292525632784892],
    ),
    (
        "Adam",
        {"lr": 0.05},
        {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-4},
        [-0.35654934759859336, 0.13623388061999553, 1.499417062818502],
    ),
    ("AdamW", {"lr": 0.05}, {"weight_decay": 0.3}, [0.5972315819212202, 0.3071824427357793, -1.0282075285116428]),
]


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=nn.cosine_annealing(0.1, 12), momentum=0.9, dampening=0.5, nesterov=False),
        lambda p: SGD([{"params": p[:3], "momentum": 0.0}, {"params": p[3:]}], lr=0.1, momentum=0.9),
        lambda p: nn.Adagrad(p, lr_decay=0.1),
        lambda p: nn.RMSprop(p, momentum=0.5, centered=True),
        lambda p: Adam(p, lr=nn.exponential_decay(0.1, 0.9), amsgrad=True),
        lambda p: nn.AdamW(p, lr=0.01),
    ],
)
def test_ten_epochs_are_five_and_five_more_after_saving_to_the_bit(
    make: Callable[[list[Value]], Optimizer], jit: bool, tmp_path: Any
) -> None:
    rows, targets = np.random.default_rng(0).normal(size=(6, 2)), [0, 1, 1, 0, 1, 0]

    def train(model: MLP, optimizer: Optimizer, epochs: int) -> list[list[float]]:
        nn.fit(model, rows, targets, nn.squared_error, optimizer, epochs=epochs, jit=jit)
        return [array.tolist() for array in model.arrays().values()]

    def fresh() -> tuple[MLP, Optimizer]:
        model = MLP(2, [3, 1], "tanh", seed=1)
        return model, make(model.parameters())

    expected = train(*fresh(), 10)
    model, optimizer = fresh()
    train(model, optimizer, 5)
    np.savez(tmp_path / "model.npz", **model.state_dict())
    np.savez(tmp_path / "optimizer.npz", **optimizer.state_dict())
    model, optimizer = fresh()
    with np.load(tmp_path / "model.npz") as arrays:
        model.load_state_dict(arrays)
    with np.load(tmp_path / "optimizer.npz") as arrays:
        optimizer.load_state_dict(arrays)
    assert optimizer.steps == 5
    assert train(model, optimizer, 5) == expected


def test_a_state_is_a_copy() -> None:
    x = Value(1.0)
    optimizer = Adam([x])
    x.grad = 1.0
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state) == ["steps", "mean", "mean_square", "largest"]
    state["mean"][:] = 7.0
    assert optimizer.state_dict()["mean"] == pytest.approx([0.1])
    optimizer.load_state_dict(state)
    state["mean"][:] = 8.0
    assert optimizer.state_dict()["mean"].tolist() == [7.0]


def test_a_state_from_before_the_first_step_forgets_the_velocity() -> None:
    x = Value(1.0)
    optimizer = SGD([x], momentum=0.9)
    start = optimizer.state_dict()
    assert start == {"steps": 0}
    x.grad = 1.0
    optimizer.step()
    optimizer.load_state_dict(start)
    assert optimizer.state_dict() == start


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mean": None}, ValueError, "^the state does not fit the Adam: mean is missing$"),
        ({"steps": None}, ValueError, "^the state does not fit the Adam: steps is missing$"),
        ({"velocity": [0.0]}, ValueError, "^the state does not fit the Adam: velocity is not part of it$"),
        ({"steps": 1.5}, TypeError, "^Adam: steps must be a whole number, got 1.5$"),
        ({"steps": -1}, ValueError, "^Adam: steps must be at least 0, got -1$"),
        ({"mean": [0.0]}, ValueError, r"^Adam: mean must be 2 real numbers, one .*, got float64 of shape \(1,\)$"),
        ({"largest": ["a", "b"]}, ValueError, "^Adam: largest must be 2 real numbers, one for each parameter, got <U1"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, Any], error: type, message: str) -> None:
    optimizer = Adam([Value(1.0), Value(2.0)])
    state = {name: value + 1 for name, value in optimizer.state_dict().items()} | change
    with pytest.raises(error, match=message):
        optimizer.load_state_dict({name: value for name, value in state.items() if value is not None})
    assert optimizer.steps == 0
    assert all(not array.any() for name, array in optimizer.state_dict().items() if name != "steps")


def grouped(parameters: list[Any], own: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"params": parameters[:1], **own}, {"params": parameters[1:]}]


@pytest.mark.parametrize(("name", "options", "expected"), PYTORCH)
def test_a_hundred_steps_end_where_pytorch_ends(name: str, options: dict[str, Any], expected: list[float]) -> None:
    assert minimised(lambda p: getattr(nn, name)(p, **options)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "options", "own", "expected"), PYTORCH_GROUPS)
def test_groups_end_where_pytorch_ends(
    name: str, options: dict[str, Any], own: dict[str, Any], expected: list[float]
) -> None:
    assert minimised(lambda p: getattr(nn, name)(grouped(p, own), **options)) == pytest.approx(expected, rel=1e-12)


RATES = st.floats(1e-4, 0.02)
DECAYS = st.sampled_from([0.0, 0.01, 0.5])
MOMENTA = st.sampled_from([0.0, 0.5, 0.95])
BETAS = st.tuples(st.floats(0, 0.95), st.floats(0.5, 0.999))
EPS = st.sampled_from([1e-8, 1e-3])
ADAM = {"lr": RATES, "betas": BETAS, "eps": EPS, "weight_decay": DECAYS, "amsgrad": st.booleans()}
OPTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "SGD": {
        "lr": RATES,
        "momentum": MOMENTA,
        "dampening": st.sampled_from([0.0, 0.5]),
        "weight_decay": DECAYS,
        "nesterov": st.booleans(),
    },
    "Adagrad": {
        "lr": RATES,
        "lr_decay": DECAYS,
        "weight_decay": DECAYS,
        "initial_accumulator_value": DECAYS,
        "eps": EPS,
    },
    "RMSprop": {
        "lr": RATES,
        "alpha": st.floats(0.3, 0.99),
        "eps": EPS,
        "weight_decay": DECAYS,
        "momentum": MOMENTA,
        "centered": st.booleans(),
    },
    "Adam": {**ADAM, "decoupled_weight_decay": st.booleans()},
    "AdamW": ADAM,
}


GRADIENTS = np.random.default_rng(0).normal(size=(100, len(START)))


@pytest.mark.parametrize("name", OPTIONS)
@settings(max_examples=20)
@given(data=st.data())
def test_any_settings_give_what_pytorch_gives(name: str, data: st.DataObject) -> None:
    """On gradients that do not depend on where one is: a descent that jumps to and fro makes rounding grow."""
    torch = pytest.importorskip("torch")
    options = data.draw(st.fixed_dictionaries(OPTIONS[name]))
    own = data.draw(st.fixed_dictionaries({}, optional=OPTIONS[name]))
    own = {key: x for key, x in own.items() if not isinstance(x, bool) and key != "initial_accumulator_value"}
    if options.get("nesterov"):
        options |= {"momentum": 0.9, "dampening": 0.0}
        own = {}

    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in START]
    theirs = getattr(torch.optim, name)(grouped(tensors, own), foreach=False, **options)
    ours = getattr(nn, name)(grouped([Value(x) for x in START], own), **options)
    parameters = np.array(START)
    for gradients in GRADIENTS:
        for tensor, gradient in zip(tensors, gradients):
            tensor.grad = torch.tensor(gradient)
        theirs.step()
        parameters = ours.update(parameters, gradients)
    assert parameters == pytest.approx([tensor.item() for tensor in tensors], rel=1e-12, abs=1e-13)


@given(st.floats(1e-6, 1.0), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_weight_decay_1_is_the_textbook_rule_to_the_bit(alpha: float, b: float, delta: float) -> None:
    parameter = Value(b)
    parameter.grad = delta
    SGD([parameter], lr=alpha, weight_decay=1.0).step()
    assert parameter.data == (1 - alpha) * b - alpha * delta


@given(st.floats(1e-6, 10.0), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_plain_descent_is_x_minus_alpha_gradient_to_the_bit(alpha: float, x: float, gradient: float) -> None:
    parameter = Value(x)
    parameter.grad = gradient
    SGD([parameter], lr=alpha).step()
    assert parameter.data == x - alpha * gradient


@given(st.floats(1e-6, 1.0), st.floats(-1e6, 1e6).filter(lambda g: abs(g) > 1e-3))
def test_the_first_step_of_adam_has_the_length_of_the_learning_rate(lr: float, gradient: float) -> None:
    parameter = Value(0.0)
    parameter.grad = gradient
    Adam([parameter], lr=lr).step()
    assert parameter.data == pytest.approx(-math.copysign(lr, gradient), rel=1e-4)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9, 0.0, 0.1), lambda p: Adam(p, 0.1)])
def test_the_learning_rate_can_change_between_steps(make: Make) -> None:
    parameter = Value(1.0)
    optimizer = make([parameter])
    parameter.grad = 1.0
    optimizer.lr = 0
    optimizer.step()
    assert parameter.data == 1.0
    optimizer.lr = 0.5
    optimizer.step()
    assert parameter.data != 1.0


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9, 0.0, 0.1), lambda p: Adam(p, 0.1)])
@pytest.mark.parametrize("gradient", [math.nan, math.inf, 1e308])
def test_a_gradient_that_is_not_finite_goes_its_way_and_harms_no_other(make: Make, gradient: float) -> None:
    healthy, sick = Value(1.0), Value(1.0)
    optimizer = make([healthy, sick])
    for _ in range(3):
        healthy.grad, sick.grad = 0.5, gradient
        optimizer.step()
    assert 0 < healthy.data < 1
    assert sick.data != 1.0 or gradient == 1e308


def test_step_leaves_gradients_and_zero_grad_forgets_them() -> None:
    x = Value(1.0)
    optimizer = SGD([x], lr=0.1)
    (x * x).backward()
    optimizer.step()
    assert x.grad == 2.0
    optimizer.zero_grad()
    assert x.grad == 0.0


def test_parameters_may_come_from_an_iterator() -> None:
    optimizer = SGD((Value(x) for x in START), lr=0.1)
    assert [p.data for p in optimizer.parameters] == list(START)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD(Value(1.0), lr=0.1), TypeError, "^SGD needs a list of parameters, got a single Value$"),
        (lambda: SGD(None), TypeError, "^parameters must be an Iterable, got None$"),  # type: ignore[arg-type]
        (lambda: clip_gradients(None), TypeError, "^parameters must be an Iterable, got None$"),  # type: ignore[arg-type]
        (lambda: SGD([X, Value(1.0), X], lr=0.1), ValueError, "^SGD was given a parameter twice$"),
        (lambda: SGD([{"params": [X]}, {"params": [X]}]), ValueError, "^SGD was given a parameter twice$"),
        (lambda: SGD([{"params": []}]), ValueError, "^SGD needs at least one parameter, got none$"),
        (lambda: SGD([{"params": [X]}, Value(1.0)]), ValueError, r'^group 1 must be a dict with "params", got Value'),
        (lambda: SGD([{"lr": 0.1}]), ValueError, r'^group 0 must be a dict with "params", got {'),
        (lambda: SGD([{"params": [X], "lr": -1}]), ValueError, "^lr must be finite and at least 0, got -1"),
        (
            lambda: SGD([{"params": [X], "beta": 1}]),
            ValueError,
            "^a group sets 'beta'; it can set lr, momentum, dampening, weight_decay$",
        ),
        (lambda: SGD([X], nesterov=True), ValueError, "^nesterov needs a momentum above 0 and a dampening of 0$"),
        (lambda: SGD([X], 0.1, 0.9, 0.1, nesterov=True), ValueError, "^nesterov needs a momentum above 0"),
        (lambda: nn.Adagrad([X], initial_accumulator_value=-1), ValueError, "^initial_accumulator_value must be"),
        (lambda: SGD([], lr=0.1), ValueError, "^SGD needs at least one parameter, got none$"),
        (lambda: Adam([Value(1.0), 2.0]), TypeError, "^parameter 1 must be a Value, got float$"),
        (lambda: SGD([Value(1.0) * 2], lr=0.1), ValueError, "^parameter 0 is the result of mul; only leaves"),
        (lambda: SGD([Value(1.0)], lr=-0.1), ValueError, "^lr must be finite and at least 0, got -0.1$"),
        (lambda: SGD([Value(1.0)], lr=math.nan), ValueError, "^lr must be finite and at least 0, got nan$"),
        (lambda: SGD([Value(1.0)], lr="0.1"), TypeError, "^lr must be a number, got '0.1'$"),
        (lambda: SGD([Value(1.0)], lr=0.1, momentum=-1), ValueError, "^momentum must be finite and at least 0"),
        (lambda: SGD([Value(1.0)], 0.1, weight_decay=-1), ValueError, "^weight_decay must be finite and at least 0"),
        (lambda: Adam([Value(1.0)], eps=math.inf), ValueError, "^eps must be finite and at least 0, got inf$"),
        (lambda: Adam([Value(1.0)], betas=(0.9, 1.0)), ValueError, r"^betas must be two numbers .* got \(0.9, 1.0\)$"),
        (lambda: Adam([Value(1.0)], betas=(0.9,)), ValueError, "^betas must be two numbers from 0 to below 1"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_wrong_learning_rate_is_refused_later_too() -> None:
    optimizer = SGD([Value(1.0)], lr=0.1)
    with pytest.raises(ValueError, match="lr must be finite and at least 0, got -1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.1


def test_repr_shows_the_settings() -> None:
    sgd = "SGD(lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False)"
    assert repr(SGD([Value(1.0)], lr=0.1, momentum=0.9)) == sgd
    groups = [{"params": [Value(1.0)], "lr": 0.2, "eps": 0.5}, {"params": [Value(2.0)]}]
    assert repr(nn.Adagrad(groups)).startswith("Adagrad(lr=per group, lr_decay=0.0, weight_decay=0.0, eps=per group")


def test_a_rule_of_the_user_is_one_method() -> None:
    class SignDescent(Optimizer):
        def rule(self, parameters: Any, gradients: Any, lr: Any) -> Any:
            return parameters - lr * np.sign(gradients)

    x = Value(3.0)
    optimizer = SignDescent([x], lr=0.25)
    (x * x).backward()
    optimizer.step()
    assert x.data == 2.75


@given(st.floats(-10, 10).filter(bool), st.floats(0.1, 0.99))
def test_a_centred_rmsprop_survives_a_gradient_that_does_not_change(gradient: float, alpha: float) -> None:
    optimizer = nn.RMSprop([X], alpha=alpha, centered=True)
    x = np.array([1.0])
    for _ in range(200):
        x = optimizer.update(x, np.array([gradient]))
    assert np.isfinite(x).all()


# --- groups ---------------------------------------------------------------------------------------------------


def test_a_group_has_its_own_settings_and_the_rest_from_the_optimizer() -> None:
    x, y, z = Value(1.0), Value(1.0), Value(1.0)
    optimizer = SGD([{"params": [x, y], "lr": 0.5}, {"params": (v for v in [z]), "weight_decay": 1.0}], lr=0.1)
    assert optimizer.parameters == [x, y, z]
    assert optimizer.lr.tolist() == [0.5, 0.5, 0.1]
    for parameter in (x, y, z):
        parameter.grad = 1.0
    optimizer.step()
    assert [x.data, y.data, z.data] == [0.5, 0.5, (1 - 0.1) * 1.0 - 0.1]
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25


def test_weights_alone_can_decay() -> None:
    model = MLP(2, [3, 1], seed=0)
    named = model.named_parameters()
    weights = [parameter for name, parameter in named.items() if "weight" in name]
    biases = [parameter for name, parameter in named.items() if "bias" in name]
    for bias in biases:
        bias.data = 1.0
    before = [weight.data for weight in weights]
    SGD([{"params": weights, "weight_decay": 0.5}, {"params": biases}], lr=0.1).step()
    assert [weight.data for weight in weights] == pytest.approx([0.95 * x for x in before], rel=1e-15)
    assert [bias.data for bias in biases] == [1.0] * 4


# --- schedules ------------------------------------------------------------------------------------------------


def test_a_schedule_gives_the_learning_rate_of_each_step_and_is_asked_once() -> None:
    asked: list[int] = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 1.0 / (1 + step)

    x = Value(0.0)
    x.grad = -1.0
    optimizer = SGD([x], lr=schedule)
    for _ in range(4):
        optimizer.step()
    assert asked == [0, 1, 2, 3]
    assert x.data == pytest.approx(1 + 1 / 2 + 1 / 3 + 1 / 4, rel=1e-15)
    assert optimizer.lr == 0.2


def test_groups_may_have_schedules_of_their_own() -> None:
    groups = [{"params": [Value(0.0)], "lr": lambda step: step}, {"params": [Value(0.0)]}]
    optimizer = SGD(groups, lr=0.5)
    assert optimizer.lr.tolist() == [0.0, 0.5]
    optimizer.step()
    assert optimizer.lr.tolist() == [1.0, 0.5]


def test_a_schedule_that_goes_below_0_is_refused_in_that_step() -> None:
    x = Value(1.0)
    optimizer = SGD([x], lr=lambda step: 1.0 - step)
    x.grad = 0.5
    optimizer.step()
    optimizer.step()
    with pytest.raises(ValueError, match=r"^lr must be finite and at least 0, got -1\.0$"):
        optimizer.step()
    assert x.data == 0.5


# --- clipping -------------------------------------------------------------------------------------------------


def with_gradients(gradients: list[float]) -> list[Value]:
    parameters = [Value(0.0) for _ in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return parameters


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_clipping_by_norm_keeps_the_direction_and_the_bound(gradients: list[float], bound: float) -> None:
    parameters = with_gradients(gradients)
    norm = clip_gradients(parameters, clip_norm=bound)
    assert norm == pytest.approx(math.hypot(*gradients), rel=1e-12)
    factor = min(1.0, bound / (norm + 1e-6))
    assert [p.grad for p in parameters] == pytest.approx([factor * g for g in gradients], rel=1e-12)
    assert math.hypot(*[p.grad for p in parameters]) <= bound * (1 + 1e-12)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=5), st.floats(0, 10))
def test_clipping_by_value_cuts_each_gradient(gradients: list[float], bound: float) -> None:
    parameters = with_gradients(gradients)
    clip_gradients(parameters, clip_value=bound)
    assert [p.grad for p in parameters] == [max(-bound, min(bound, g)) for g in gradients]


@pytest.mark.parametrize("gradients", [[3.0, -40.0], [0.1, 0.2], [0.0, 0.0], [1e300, 1.0], [math.nan, 1.0]])
def test_clipping_is_pytorchs(gradients: list[float]) -> None:
    torch = pytest.importorskip("torch")
    for clip_norm, clip_value in ((2.0, None), (None, 0.15), (2.0, 0.15)):
        tensors = [torch.zeros((), dtype=torch.float64) for _ in gradients]
        for tensor, gradient in zip(tensors, gradients):
            tensor.grad = torch.tensor(gradient, dtype=torch.float64)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(tensors, clip_value)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(tensors, clip_norm)
        parameters = with_gradients(gradients)
        clip_gradients(parameters, clip_norm, clip_value)
        theirs = [tensor.grad.item() for tensor in tensors]
        assert [p.grad for p in parameters] == pytest.approx(theirs, rel=1e-15, nan_ok=True)


def test_without_a_bound_nothing_is_clipped() -> None:
    assert clip_gradients([], clip_norm=1.0, clip_value=1.0) == 0.0
    parameters = with_gradients([3.0, -4.0])
    assert clip_gradients(parameters) == 5.0
    assert [p.grad for p in parameters] == [3.0, -4.0]


@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_a_wrong_bound_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be finite and at least 0, got -1.0$"):
        clip_gradients(with_gradients([1.0]), **{name: -1.0})
