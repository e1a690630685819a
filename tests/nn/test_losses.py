"""Laws of losses: mpmath judges values and slopes, finite differences the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from autograd_engine import Value, sigmoid
from nn import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mean_squared_error,
    squared_error,
)

NUMBERS = st.floats(-5.0, 5.0)
PROBABILITIES = st.floats(0.0, 1.0)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5).map(lambda pairs: [list(x) for x in zip(*pairs)])
ROWS = st.lists(NUMBERS, min_size=1, max_size=6)


def gradient(loss: Callable[..., Any], point: list[float]) -> list[float]:
    leaves = [Value(x) for x in point]
    loss(leaves).backward()
    return [leaf.grad for leaf in leaves]


def slopes(loss: Callable[..., Any], point: list[float], step: float = 1e-5) -> list[float]:
    def moved(i: int, by: float) -> Any:
        return loss([x + by * (i == j) for j, x in enumerate(point)])

    return [(moved(i, step) - moved(i, -step)) / (2 * step) for i in range(len(point))]


@pytest.mark.parametrize("loss", [squared_error, mean_squared_error])
@given(pairs=PAIRS)
def test_gradients_of_squared_errors_match_finite_differences(loss: Callable[..., Any], pairs: Any) -> None:
    predictions, targets = pairs
    expected = slopes(lambda p: loss(p, targets), predictions)
    assert gradient(lambda p: loss(p, targets), predictions) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@given(PAIRS)
def test_squared_error_is_half_the_squared_distance(pairs: Any) -> None:
    distance = math.dist(*pairs)
    assert squared_error(*pairs) == pytest.approx(0.5 * distance**2, rel=1e-12)
    assert mean_squared_error(*pairs) == pytest.approx(distance**2 / len(pairs[0]), rel=1e-12)


@given(PAIRS, st.floats(0.1, 10.0))
def test_huber_is_squares_near_and_absolute_values_far_away(pairs: Any, delta: float) -> None:
    n = len(pairs[0])
    near, far = 1.01 * max(map(abs, map(float.__sub__, *pairs))) + 1e-9, 1e-9
    assert huber_loss(*pairs, near) == pytest.approx(mean_squared_error(*pairs) / 2, rel=1e-12)
    assert huber_loss(*pairs, far) / far == pytest.approx(l1_loss(*pairs), rel=1e-6, abs=1e-6)
    assert l1_loss(*pairs) == pytest.approx(math.fsum(abs(p - t) for p, t in zip(*pairs)) / n, rel=1e-12)
    found = gradient(lambda p: huber_loss(p, pairs[1], delta), pairs[0])
    expected = [max(-delta, min(delta, p - t)) / n for p, t in zip(*pairs)]
    assert found == pytest.approx(expected, rel=1e-12)
    signs = gradient(lambda p: l1_loss(p, pairs[1]), pairs[0])
    assert signs == [((p > t) - (p < t)) / n for p, t in zip(*pairs)]


def test_huber_does_not_overflow() -> None:
    assert huber_loss(1e200, 0.0) == 1e200
    assert gradient(lambda p: huber_loss(p[0], 0.0), [1e200]) == [1.0]
    assert gradient(lambda p: huber_loss(p[0], 0.0), [-math.inf]) == [-1.0]


@pytest.mark.parametrize("delta", [0.0, -1.0, math.inf, math.nan, "a"])
def test_a_delta_is_above_0(delta: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^huber_loss\(\): delta must be"):
        huber_loss(1.0, 0.0, delta)


@given(NUMBERS, NUMBERS)
def test_a_number_is_a_sequence_of_one(prediction: float, target: float) -> None:
    for loss in (squared_error, mean_squared_error, l1_loss, huber_loss):
        assert loss(prediction, target) == loss([prediction], [target]) == loss((prediction,), np.array([target]))


# --- binary cross-entropy -------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1 - 1e-3), PROBABILITIES)
def test_gradient_of_binary_cross_entropy_matches_finite_differences(probability: float, target: float) -> None:
    def loss(p: Any) -> Any:
        return binary_cross_entropy(p[0], target)

    expected = slopes(loss, [probability], 1e-7)
    assert gradient(loss, [probability]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(
    st.floats(0.0, 1.0, exclude_min=True, exclude_max=True) | st.integers(1, 320).map(lambda n: 10.0**-n),
    st.sampled_from([0.0, 1.0]),
)
def test_binary_cross_entropy_keeps_the_digits_of_every_probability(probability: float, target: float) -> None:
    p = Value(probability)
    loss = binary_cross_entropy(p, target)
    loss.backward()
    with mp.workprec(2400):
        right = mpf(probability) if target else 1 - mpf(probability)
        slope = (-1 if target else 1) / right
        assert loss.data == pytest.approx(float(-mp.log(right)), rel=1e-15)
        assert p.grad == pytest.approx(float(slope), rel=1e-15)


@pytest.mark.parametrize(("certain", "wrong"), [(0.0, 1.0), (1.0, 0.0)])
def test_certainty_costs_nothing_or_everything(certain: float, wrong: float) -> None:
    probability = Value(certain)
    loss = binary_cross_entropy(probability, certain)
    assert math.copysign(1.0, loss.data) == 1.0
    assert loss.data == 0.0
    loss.backward()
    inwards = 1e-7 if certain == 0 else -1e-7
    slope = binary_cross_entropy(certain + inwards, certain) / inwards
    assert probability.grad == pytest.approx(slope, rel=1e-6)
    assert binary_cross_entropy(certain, wrong) == math.inf


@given(st.floats(-8.0, 8.0), PROBABILITIES)
def test_from_logits_is_the_cross_entropy_of_the_sigmoid(logit: float, target: float) -> None:
    x, z = Value(logit), Value(logit)
    direct, composed = binary_cross_entropy_with_logits(x, target), binary_cross_entropy(sigmoid(z), target)
    direct.backward()
    composed.backward()
    assert direct.data == pytest.approx(composed.data, rel=1e-9, abs=1e-12)
    assert x.grad == pytest.approx(z.grad, rel=1e-9, abs=1e-12)


@given(st.floats(-700.0, 700.0), st.sampled_from([0.0, 1.0]))
def test_from_logits_keeps_its_digits_far_out(logit: float, target: float) -> None:
    x = Value(logit)
    loss = binary_cross_entropy_with_logits(x, target)
    loss.backward()
    with mp.workprec(2400):
        exact = mp.log1p(mp.exp(mpf(logit) * (1 - 2 * int(target))))
        slope = mp.sign(1 - 2 * int(target)) * (1 - mp.exp(-exact))
        assert loss.data == pytest.approx(float(exact), rel=1e-14)
        assert x.grad == pytest.approx(float(slope), rel=1e-14)


@pytest.mark.parametrize("logit", [1e308, -1e308])
def test_from_logits_never_overflows(logit: float) -> None:
    x = Value(logit)
    loss = binary_cross_entropy_with_logits(x, float(logit < 0))
    loss.backward()
    assert loss.data == 1e308
    assert x.grad == math.copysign(1.0, logit)


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
@pytest.mark.parametrize("target", [-1, 2.0, math.inf])
def test_binary_targets_are_from_0_to_1(loss: Callable[..., Any], target: float) -> None:
    with pytest.raises(ValueError, match=rf"^{loss.__name__}\(\): target must be from 0 to 1, got {float(target)}$"):
        loss(Value(0.5), target)


def test_a_logit_is_no_probability() -> None:
    with pytest.raises(ValueError, match=r"probability must be from 0 to 1, got 1.5; for a logit use"):
        binary_cross_entropy(Value(1.5), 1)


def test_nan_stays_nan() -> None:
    assert math.isnan(binary_cross_entropy(math.nan, 1.0))
    assert math.isnan(binary_cross_entropy_with_logits(math.nan, 1.0))
    assert math.isnan(cross_entropy([math.nan, 0.0], 0))
    assert math.isnan(cross_entropy([0.0, math.nan], 0))
    assert math.isnan(hinge_loss(math.nan, 1))


# --- softmax cross-entropy ------------------------------------------------------------------------------------


@given(ROWS, st.data())
def test_gradient_of_cross_entropy_matches_finite_differences(logits: list[float], data: Any) -> None:
    target = data.draw(st.integers(0, len(logits) - 1))
    expected = slopes(lambda z: cross_entropy(z, target), logits)
    assert gradient(lambda z: cross_entropy(z, target), logits) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.data())
def test_cross_entropy_is_minus_the_logarithm_of_the_softmax(logits: list[float], data: Any) -> None:
    target = data.draw(st.integers(0, len(logits) - 1))
    with mp.workprec(4000):
        powers = [mp.exp(mpf(x)) for x in logits]
        exact = float(-mp.log(powers[target] / mp.fsum(powers)))
        softmax = [float(power / mp.fsum(powers)) for power in powers]
    assert cross_entropy(logits, target) == pytest.approx(exact, rel=1e-14, abs=1e-14)
    found = gradient(lambda z: cross_entropy(z, target), logits)
    onehot = [float(i == target) for i in range(len(logits))]
    assert found == pytest.approx([p - t for p, t in zip(softmax, onehot)], rel=1e-12, abs=1e-14)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.integers(-1000, 1000), st.data())
def test_cross_entropy_does_not_change_with_a_shift(logits: list[int], shift: int, data: Any) -> None:
    target = data.draw(st.integers(0, len(logits) - 1))
    assert cross_entropy(logits, target) == cross_entropy([x + shift for x in logits], target)
    assert math.fsum(gradient(lambda z: cross_entropy(z, target), logits)) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("logits", "target", "loss"), [([1e308, -1e308], 0, 0.0), ([-math.inf, 2.0], 1, 0.0)])
def test_cross_entropy_never_overflows(logits: list[float], target: int, loss: float) -> None:
    assert cross_entropy(logits, target) == loss
    assert gradient(lambda z: cross_entropy(z, target), logits) == [0.0, 0.0]


def test_cross_entropy_takes_any_whole_number_as_target() -> None:
    values = {cross_entropy((0.5, 1.0, 2.0), target) for target in (2, 2.0, np.int64(2), np.float32(2))}
    assert len(values) == 1


@pytest.mark.parametrize("target", [3, -1, 0.5, math.nan])
def test_a_target_that_is_no_class_is_refused(target: Any) -> None:
    with pytest.raises(ValueError, match=r"^cross_entropy\(\): target .* is not a class index of 3 logits"):
        cross_entropy([1.0, 2.0, 3.0], target)


def test_cross_entropy_of_nothing_and_of_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="target 0 is not a class index of 0 logits"):
        cross_entropy([], 0)
    with pytest.raises(TypeError, match=r"needs a sequence of logits.* got a single Value; for a single logit use"):
        cross_entropy(Value(1.0), 0)
    with pytest.raises(TypeError, match="expected a real number"):
        cross_entropy([1.0, 2.0], "1")


# --- hinge and penalty ----------------------------------------------------------------------------------------


@given(NUMBERS, st.sampled_from([-1, 1]))
def test_hinge_loss_is_zero_from_the_margin_on_and_rises_with_slope_1(score: float, target: int) -> None:
    margin = target * score
    assert hinge_loss(score, target) == max(0.0, 1 - margin)
    if abs(margin - 1) > 1e-3:
        expected = slopes(lambda s: hinge_loss(s[0], target), [score])
        assert gradient(lambda s: hinge_loss(s[0], target), [score]) == pytest.approx(expected, abs=1e-8)
    assert gradient(lambda s: hinge_loss(s[0], target), [float(target)]) == [0.0]


@pytest.mark.parametrize("target", [0, 0.5, 2, math.nan])
def test_hinge_targets_are_minus_1_and_1(target: float) -> None:
    with pytest.raises(ValueError, match=rf"^hinge_loss\(\): target must be -1 or 1, got {float(target)}$"):
        hinge_loss(Value(0.5), target)


@given(st.lists(NUMBERS, max_size=6))
def test_l2_penalty_is_the_sum_of_squares(parameters: list[float]) -> None:
    assert l2_penalty(parameters) == pytest.approx(math.fsum(p * p for p in parameters), rel=1e-12)
    expected = slopes(l2_penalty, parameters)
    assert (gradient(l2_penalty, parameters) if parameters else []) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@given(st.lists(NUMBERS.filter(lambda x: not 0 < abs(x) < 1e-3), max_size=6))
def test_l1_penalty_is_the_sum_of_absolute_values(parameters: list[float]) -> None:
    assert l1_penalty(parameters) == pytest.approx(math.fsum(map(abs, parameters)), rel=1e-12)
    expected = slopes(l1_penalty, parameters)  # the central difference at 0 is 0, as the slope is
    assert (gradient(l1_penalty, parameters) if parameters else []) == pytest.approx(expected, rel=1e-6, abs=1e-7)


# --- all of them ----------------------------------------------------------------------------------------------

CASES: list[tuple[Callable[..., Any], Any, Any]] = [
    (squared_error, [0.5, 2.0], [1.0, -1.0]),
    (mean_squared_error, [0.5, 2.0], [1.0, -1.0]),
    (l1_loss, [0.5, 2.0], [1.0, -1.0]),
    (huber_loss, [0.5, 2.0], [1.0, -1.0]),
    (binary_cross_entropy, 0.25, 1.0),
    (binary_cross_entropy_with_logits, -1.5, 0.0),
    (cross_entropy, [0.5, 2.0, -1.0], 1),
    (hinge_loss, 0.5, -1),
]


@pytest.mark.parametrize(("loss", "prediction", "target"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_floats_give_the_float_that_values_give(loss: Callable[..., Any], prediction: Any, target: Any) -> None:
    values = [Value(x) for x in prediction] if isinstance(prediction, list) else Value(prediction)
    number, node = loss(prediction, target), loss(values, target)
    assert type(number) is float
    assert number == node.data


@pytest.mark.parametrize("loss", [squared_error, mean_squared_error, l1_loss, huber_loss])
def test_lengths_must_agree(loss: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="as many targets as predictions, got 2 predictions and 3 targets"):
        loss([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="two numbers or two sequences of one length, got a sequence of 1 and a single"):
        loss([Value(1.0)], 1.0)
    with pytest.raises(TypeError, match="got a single Value and a sequence of 2"):
        loss(Value(1.0), [1.0, 2.0])


@pytest.mark.parametrize(("loss", "prediction", "target"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_what_is_no_number_is_refused(loss: Callable[..., Any], prediction: Any, target: Any) -> None:
    nothing = [None] * len(prediction) if isinstance(prediction, list) else None
    for wrong in ((nothing, target), (prediction, [None] if isinstance(target, list) else None), (None, None)):
        with pytest.raises((TypeError, ValueError), match=r"expected a real number|\(\) needs "):
            loss(*wrong)


@pytest.mark.parametrize("penalty", [l1_penalty, l2_penalty])
def test_a_penalty_of_no_list_is_refused(penalty: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"^parameters must be an Iterable, got None$"):
        penalty(None)


def test_the_mean_of_nothing_is_refused() -> None:
    for loss in (mean_squared_error, l1_loss, huber_loss):
        with pytest.raises(ValueError, match=rf"^{loss.__name__}\(\) needs at least one prediction, got none$"):
            loss([], [])
    assert squared_error([], []) == 0.0


# Computed with PyTorch 2.13 in double precision: loss, then gradient.
PYTORCH: list[tuple[Callable[..., Any], list[float], float, list[float]]] = [
    (
        lambda z: cross_entropy(z, 2),
        [1.5, -0.25, 3.0, 40.0],
        37.0,
        [1.9039802832864523e-17, 3.3086216207858244e-18, -0.9999999999999999, 1.0],
    ),
    (lambda z: mean_squared_error(z, [1.0, 2.0, -3.0]), [1.5, -0.25, 3.0], 13.770833333333334, [1 / 3, -1.5, 4.0]),
    (lambda z: binary_cross_entropy_with_logits(z[0], 0.3), [-1.7], 0.6777860293862659, [-0.1455347349164653]),
    (lambda z: binary_cross_entropy(z[0], 0.3), [0.65], 0.8641103619768107, [1.5384615384615388]),
]


@pytest.mark.parametrize(("loss", "point", "value", "slope"), PYTORCH)
def test_losses_are_those_of_pytorch(
    loss: Callable[..., Any], point: list[float], value: float, slope: list[float]
) -> None:
    assert loss(point) == pytest.approx(value, rel=1e-14)
    assert gradient(loss, point) == pytest.approx(slope, rel=1e-12)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
@settings(deadline=None)  # importing PyTorch takes seconds
@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6), st.data())
def test_losses_agree_with_pytorch_anywhere(logits: list[float], data: Any) -> None:
    import torch
    from torch.nn import functional

    target = data.draw(st.integers(0, len(logits) - 1))
    share = data.draw(PROBABILITIES)
    theirs = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    ours = [Value(x) for x in logits]
    binary = functional.binary_cross_entropy_with_logits(theirs[0], torch.tensor(share, dtype=torch.float64))
    zeros, delta = torch.zeros(len(logits), dtype=torch.float64), data.draw(st.floats(0.1, 20.0))
    means = functional.l1_loss(theirs, zeros) + functional.huber_loss(theirs, zeros, delta=delta)
    both = functional.cross_entropy(theirs[None], torch.tensor([target])) + binary + means
    both.backward()
    total = cross_entropy(ours, target) + binary_cross_entropy_with_logits(ours[0], share)
    total += l1_loss(ours, zeros.tolist()) + huber_loss(ours, zeros.tolist(), delta)
    total.backward()
    assert theirs.grad is not None
    assert total.data == pytest.approx(both.item(), rel=1e-12, abs=1e-14)
    assert [x.grad for x in ours] == pytest.approx(theirs.grad.tolist(), rel=1e-12, abs=1e-14)
