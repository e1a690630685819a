"""Laws of schedules: PyTorch's learning rates, and what each schedule promises."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import Value
from nn import SGD, cosine_annealing, exponential_decay, in_sequence, linear_warm_up, step_decay

Schedule = Callable[[int], float]
STEPS = st.integers(0, 10_000)
RATES = st.floats(1e-6, 10.0)

# The name of PyTorch's scheduler, its options, ours, and PyTorch 2.13's rates of the steps 0, 1, 7, 20 and 33.
PYTORCH: list[tuple[str, dict[str, Any], Schedule, list[float]]] = [
    ("StepLR", {"step_size": 6, "gamma": 0.5}, step_decay(0.2, 6, 0.5), [0.2, 0.2, 0.1, 0.025, 0.00625]),
    ("StepLR", {"step_size": 30}, step_decay(0.2, 30), [0.2, 0.2, 0.2, 0.2, 0.02]),
    (
        "ExponentialLR",
        {"gamma": 0.9},
        exponential_decay(0.2, 0.9),
        [0.2, 0.18000000000000002, 0.09565938000000004, 0.02431533091811388, 0.0061806308765265305],
    ),
    (
        "CosineAnnealingLR",
        {"T_max": 20},
        cosine_annealing(0.2, 20),
        [0.2, 0.1987688340595138, 0.1453990499739547, 0.0, 0.1453990499739546],
    ),
    (
        "CosineAnnealingLR",
        {"T_max": 9, "eta_min": 0.01},
        cosine_annealing(0.2, 9, 0.01),
        [0.2, 0.19427079897466132, 0.0322257779036971, 0.177774222096303, 0.15250000000000066],
    ),
    ("LinearLR", {}, linear_warm_up(0.2), [0.06666666666666667, 0.09333333333333334, 0.2, 0.2, 0.2]),
    (
        "LinearLR",
        {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 25},
        linear_warm_up(0.2, 0.1, 0.7, 25),
        [0.020000000000000004, 0.024800000000000006, 0.05360000000000001, 0.11599999999999998, 0.13999999999999999],
    ),
]
SEEN = (0, 1, 7, 20, 33)


def theirs(make: Callable[[Any, Any], Any], steps: int = 34) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR uses what PyTorch itself deprecates
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


@pytest.mark.parametrize(("name", "options", "schedule", "expected"), PYTORCH)
def test_rates_are_pytorchs(name: str, options: dict[str, Any], schedule: Schedule, expected: list[float]) -> None:
    assert [schedule(step) for step in SEEN] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("name", "options", "schedule", "expected"), PYTORCH)
def test_rates_are_those_of_the_pytorch_that_is_installed(
    name: str, options: dict[str, Any], schedule: Schedule, expected: list[float]
) -> None:
    rates = theirs(lambda module, optimizer: getattr(module, name)(optimizer, **options))
    assert [schedule(step) for step in range(34)] == pytest.approx(rates, rel=1e-12, abs=1e-15)


def test_a_sequence_is_pytorchs() -> None:
    def make(module: Any, optimizer: Any) -> Any:
        parts = [
            module.LinearLR(optimizer, 0.1, total_iters=5),
            module.CosineAnnealingLR(optimizer, 12),
            module.ExponentialLR(optimizer, 0.8),
        ]
        return module.SequentialLR(optimizer, parts, milestones=[5, 17])

    ours = in_sequence(
        [linear_warm_up(0.2, 0.1, total_iters=5), cosine_annealing(0.2, 12), exponential_decay(0.2, 0.8)], [5, 17]
    )
    assert [ours(step) for step in range(34)] == pytest.approx(theirs(make), rel=1e-12, abs=1e-15)


@given(RATES, st.integers(1, 100), st.floats(0.0, 1.0), STEPS)
def test_step_decay_is_constant_between_its_steps(lr: float, step_size: int, gamma: float, step: int) -> None:
    schedule = step_decay(lr, step_size, gamma)
    assert schedule(0) == lr
    assert schedule(step) == schedule(step // step_size * step_size)
    assert schedule(step + step_size) == pytest.approx(gamma * schedule(step), rel=1e-9, abs=1e-300)


@given(RATES, st.integers(1, 1000), st.floats(0.0, 1.0), STEPS)
def test_cosine_stays_between_its_ends_and_comes_back(lr: float, T_max: int, share: float, step: int) -> None:
    eta_min = share * lr
    schedule = cosine_annealing(lr, T_max, eta_min)
    assert schedule(0) == pytest.approx(lr, rel=1e-12)
    assert schedule(T_max) == eta_min
    assert eta_min * (1 - 1e-12) <= schedule(step) <= lr * (1 + 1e-12)
    assert schedule(step + 2 * T_max) == pytest.approx(schedule(step), rel=1e-6, abs=1e-9)


@given(RATES, st.floats(0.0, 1.0), st.floats(0.0, 2.0), st.integers(1, 100), STEPS)
def test_a_warm_up_is_straight_and_then_stays(lr: float, start: float, end: float, total: int, step: int) -> None:
    schedule = linear_warm_up(lr, start, end, total)
    assert schedule(0) == pytest.approx(lr * start, rel=1e-12)
    assert schedule(total + step) == schedule(total) == pytest.approx(lr * end, rel=1e-12, abs=1e-15)
    if 1 <= step < total:
        middle = (schedule(step - 1) + schedule(step + 1)) / 2
        assert schedule(step) == pytest.approx(middle, rel=1e-9)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.integers(0, 250))
def test_in_a_sequence_each_schedule_counts_from_its_milestone(lengths: list[int], step: int) -> None:
    starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    schedule = in_sequence([lambda k, i=i: 1000 * i + k for i in range(len(starts))], starts[1:])
    i = max(i for i, start in enumerate(starts) if start <= step)
    assert schedule(step) == 1000 * i + step - starts[i]


def test_one_schedule_is_a_sequence() -> None:
    assert in_sequence([step_decay(0.3, 2)], [])(1) == 0.3


def every_schedule() -> list[Schedule]:
    parts = [step_decay(0.2, 3), exponential_decay(0.2, 0.9), cosine_annealing(0.2, 9, 0.01), linear_warm_up(0.2)]
    return [*parts, in_sequence(parts, [2, 5, 11])]


@pytest.mark.parametrize("schedule", every_schedule(), ids=repr)
def test_a_schedule_can_be_pickled_and_shows_how_it_was_made(schedule: Schedule) -> None:
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule == eval(repr(schedule))
    assert [again(step) for step in range(34)] == [schedule(step) for step in range(34)]


def test_an_optimizer_with_a_schedule_goes_on_after_pickling() -> None:
    x = Value(0.0)
    optimizer = pickle.loads(pickle.dumps(SGD([x], lr=in_sequence([linear_warm_up(0.1), step_decay(0.1, 4)], [5]))))
    optimizer.steps = 9
    assert optimizer.lr == 0.1 * 0.1


def test_the_repr_is_the_call() -> None:
    assert repr(exponential_decay(0.2, 0.9)) == "step_decay(lr=0.2, step_size=1, gamma=0.9)"


def test_a_schedule_is_a_learning_rate() -> None:
    x = Value(0.0)
    optimizer = SGD([x], lr=exponential_decay(1.0, 0.5))
    x.grad = -1.0
    for _ in range(3):
        optimizer.step()
    assert x.data == 1.75


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: step_decay(-1.0, 5), ValueError, "^lr must be finite and at least 0, got -1.0$"),
        (lambda: step_decay(0.1, 0), ValueError, "^step_size must be at least 1, got 0$"),
        (lambda: exponential_decay(0.1, math.nan), ValueError, "^gamma must be finite and at least 0, got nan$"),
        (lambda: cosine_annealing(0.1, 2.5), TypeError, "^T_max must be a whole number, got 2.5$"),
        (lambda: cosine_annealing(0.1, 5, -0.1), ValueError, "^eta_min must be finite and at least 0"),
        (lambda: linear_warm_up(0.1, total_iters=0), ValueError, "^total_iters must be at least 1, got 0$"),
        (lambda: linear_warm_up(0.1, "a"), TypeError, "^start_factor must be a number, got 'a'$"),
        (lambda: in_sequence([step_decay(0.1, 1)], [3]), ValueError, r"^1 schedules need one milestone fewer.*\[3\]$"),
        (lambda: in_sequence([], []), ValueError, "^0 schedules need one milestone fewer"),
        (lambda: in_sequence([step_decay(0.1, 1)] * 3, [3, 3]), ValueError, "^3 schedules .* increasing order"),
        (lambda: in_sequence([step_decay(0.1, 1)] * 2, [0]), ValueError, "^each milestone must be at least 1, got 0$"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
