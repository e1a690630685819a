"""Losses: plain functions of numbers, floats or Values, for one sample.

Where predictions and targets may be sequences, they are equally long lists, tuples or one-dimensional arrays.
In a compiled step numbers are symbols, whose ranges cannot be checked; `fit` has checked the targets before.

>>> squared_error(0.5, 1.0), hinge_loss(0.25, -1)
(0.125, 1.25)
>>> binary_cross_entropy(0.0, 0.0), binary_cross_entropy_with_logits(0.0, 1.0)
(0.0, 0.6931471805599453)
>>> cross_entropy([2.0, 2.0], 1)
0.6931471805599453
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, TypeAlias

from autograd_engine.primitives import as_float, dot, exp, log, log1p, maximum, relu, softplus, sum, where, xlogy
from nn.checks import as_constant, as_number, at_least_0, is_symbol, of_kind

Number: TypeAlias = Any
"""A float or whatever a float can be made of, or a Value. The result is a Value if an argument is."""


def squared_error(prediction: Number | Iterable[Number], target: Number | Iterable[Number]) -> Number:
    """½ (prediction - target)², or ½ Σ (prediction - target)² over two sequences of one length.

    The factor ½ makes the gradient prediction - target; PyTorch's MSELoss has none, see `mean_squared_error`.
    Raises ValueError if the lengths differ, TypeError if only one of the two is a sequence.

    >>> from autograd_engine import grad
    >>> squared_error([3.0, 1.0], [1.0, 1.0]), grad(squared_error)([3.0, 1.0], [1.0, 1.0])
    (2.0, [2.0, 0.0])
    """
    differences = _differences("squared_error", prediction, target)
    return 0.5 * dot(differences, differences)


def mean_squared_error(predictions: Number | Iterable[Number], targets: Number | Iterable[Number]) -> Number:
    """The mean of (prediction - target)² over two sequences of one length, or of the one pair of numbers.

    As PyTorch's `mse_loss`; the gradient is 2 (prediction - target) / n. Raises ValueError if the lengths differ
    or are 0, TypeError if only one of the two is a sequence.

    >>> predictions, targets = [3.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]
    >>> mean_squared_error(predictions, targets), squared_error(predictions, targets)
    (1.0, 2.0)
    """
    differences = _some_differences("mean_squared_error", predictions, targets)
    return dot(differences, differences) / len(differences)


def l1_loss(predictions: Number | Iterable[Number], targets: Number | Iterable[Number]) -> Number:
    """The mean of |prediction - target| over two sequences of one length, or of the one pair of numbers.

    As PyTorch's `l1_loss`; the slope at 0 is 0. Errors as for `mean_squared_error`.

    >>> l1_loss([0.5, 2.0], [1.0, 0.0])
    1.25
    """
    differences = _some_differences("l1_loss", predictions, targets)
    return sum([abs(x) for x in differences]) / len(differences)


def huber_loss(
    predictions: Number | Iterable[Number], targets: Number | Iterable[Number], delta: float = 1.0
) -> Number:
    """The mean of ½ d² where |d| <= delta, else of delta (|d| - ½ delta), with d = prediction - target.

    So an outlier pulls no harder than with `delta`. As PyTorch's `huber_loss`; from Huber, "Robust Estimation of a
    Location Parameter", 1964. For `fit` with another delta write `functools.partial(huber_loss, delta=0.1)`. Raises
    ValueError unless delta is above 0 and finite; other errors as for `mean_squared_error`.

    >>> huber_loss([0.5, 3.0], [1.0, 0.0])
    1.3125
    """
    if not at_least_0("huber_loss(): delta", delta):
        raise ValueError("huber_loss(): delta must be above 0, got 0")
    differences = _some_differences("huber_loss", predictions, targets)
    return sum([_huber(x, delta) for x in differences]) / len(differences)


def binary_cross_entropy(probability: Number, target: Number) -> Number:
    """-target ln probability - (1 - target) ln(1 - probability), with 0 ln 0 = 0.

    Takes two numbers from 0 to 1 and raises ValueError for others. Probabilities 0 and 1 are allowed: the
    loss is then exactly 0 or inf, where PyTorch cuts it off at 100. The slope with respect to the probability p is
    (p - target) / (p (1 - p)).

    >>> binary_cross_entropy(0.0, 0), binary_cross_entropy(0.0, 1)
    (0.0, inf)
    """
    _check_range("binary_cross_entropy", "target", target)
    _check_range(
        "binary_cross_entropy", "probability", probability, "; for a logit use binary_cross_entropy_with_logits()"
    )
    # 1 - probability is exact from ½ on. Below, it loses the digits of a small one, and log1p(-probability) is finite.
    otherwise = where(probability >= 0.5, xlogy(1 - target, 1 - probability), (1 - target) * log1p(0 - probability))
    # 0 - x, since -x would be -0.0 where the loss is 0.
    return 0 - (xlogy(target, probability) + otherwise)


def binary_cross_entropy_with_logits(logit: Number, target: Number) -> Number:
    """The binary cross-entropy of the probability sigmoid(logit), for any finite logit.

    Written target softplus(-logit) + (1 - target) softplus(logit), which overflows nowhere and whose value and
    gradient keep their digits where the prediction is confidently right. The slope with respect to the logit is
    sigmoid(logit) - target. Raises ValueError unless the target is from 0 to 1.

    >>> from autograd_engine import sigmoid
    >>> f"{binary_cross_entropy_with_logits(50.0, 1):.2g}", binary_cross_entropy(sigmoid(50.0), 1)
    ('1.9e-22', 0.0)
    >>> binary_cross_entropy_with_logits(1000.0, 0)
    1000.0
    """
    _check_range("binary_cross_entropy_with_logits", "target", target)
    logit = as_number(logit)
    return dot([target, 1 - target], [softplus(-logit), softplus(logit)])


def cross_entropy(logits: Iterable[Number], target: Number) -> Number:
    """-ln softmax(logits)[target] for a sequence of logits, one for each class, and the index of the right class.

    As PyTorch's `cross_entropy`; the gradient is softmax(logits) - onehot(target). The largest logit is
    subtracted first, so that nothing overflows. The target may be a float as long as it is whole. Raises
    ValueError if it is no class index, TypeError if the logits are not a sequence.

    It takes what the last, linear layer returns, and not probabilities.

    >>> from autograd_engine import grad
    >>> cross_entropy([1000.0, 0.0], 1), grad(cross_entropy)([0.0, 0.0], 1)
    (1000.0, [0.5, -0.5])
    """
    numbers = _sequence(logits)
    if numbers is None:
        raise TypeError(
            f"cross_entropy() needs a sequence of logits, one for each class, got {_kind(logits)}; "
            "for a single logit use binary_cross_entropy_with_logits()"
        )
    index = target if is_symbol(target) else as_float(target)
    if not is_symbol(index) and index not in range(len(numbers)):
        raise ValueError(f"cross_entropy(): target {target!r} is not a class index of {len(numbers)} logits")
    # The shift cancels, so it is a constant and takes no part in the derivative.
    shift = functools.reduce(maximum, map(as_constant, numbers))
    shifted = [x - shift for x in numbers]
    return log(sum(map(exp, shifted))) - _picked(shifted, index)


def hinge_loss(score: Number, target: Number) -> Number:
    """max(0, 1 - target score) for a target of -1 or 1, with slope 0 at the kink.

    Raises ValueError for any other target, so classes 0 and 1 have to be recoded. A score that is right by a margin of
    1 costs nothing and moves nothing:

    >>> from autograd_engine import grad
    >>> [(hinge_loss(score, 1), grad(hinge_loss)(score, 1)) for score in (-1.0, 0.5, 3.0)]
    [(2.0, -1.0), (0.5, -1.0), (0.0, 0.0)]
    """
    if not is_symbol(target) and as_constant(target) not in (-1.0, 1.0):
        raise ValueError(f"hinge_loss(): target must be -1 or 1, got {as_constant(target)!r}")
    return relu(1 - target * as_number(score))


def l1_penalty(parameters: Iterable[Number]) -> Number:
    """The sum of the absolute values of the parameters; the slopes are ±1 and, at 0, 0.

    So a parameter is pulled to 0 as hard when it is near as when it is far: many end there.

    >>> l1_penalty([3.0, -4.0])
    7.0
    """
    return sum([abs(parameter) for parameter in of_kind("parameters", parameters, Iterable)])


def l2_penalty(parameters: Iterable[Number]) -> Number:
    """The sum of the squares of the parameters, as one node, without a factor of ½: the slope of each is twice it.

    So `weight_decay=d` of `SGD` is `penalty=lambda model: d / 2 * l2_penalty(model.parameters())` of `fit`.

    >>> l2_penalty([3.0, 4.0])
    25.0
    """
    values = list(of_kind("parameters", parameters, Iterable))
    return dot(values, values)


def _huber(x: Number, delta: float) -> Number:
    size = abs(x)
    return where(size <= delta, 0.5 * x * x, delta * (size - 0.5 * delta))


def _some_differences(loss: str, predictions: Any, targets: Any) -> list[Any]:
    """The differences of which a mean is taken."""
    differences = _differences(loss, predictions, targets)
    if not differences:
        raise ValueError(f"{loss}() needs at least one prediction, got none")
    return differences


def _differences(loss: str, predictions: Any, targets: Any) -> list[Any]:
    p, t = _sequence(predictions), _sequence(targets)
    if p is None and t is None:
        return [as_number(predictions) - as_number(targets)]
    if p is None or t is None:
        got = f"{_kind(predictions)} and {_kind(targets)}"
        raise TypeError(f"{loss}() needs two numbers or two sequences of one length, got {got}")
    if len(p) != len(t):
        raise ValueError(
            f"{loss}() needs as many targets as predictions, got {len(p)} predictions and {len(t)} targets"
        )
    return [as_number(x) - as_number(y) for x, y in zip(p, t)]


def _sequence(numbers: Any) -> list[Any] | None:
    """The numbers of a sequence as a list, None for a single number."""
    return list(numbers) if isinstance(numbers, Iterable) and not isinstance(numbers, str) else None


def _check_range(loss: str, name: str, number: Any, hint: str = "") -> None:
    if is_symbol(number):
        return
    data = as_constant(number)
    if data < 0 or data > 1:  # which nan is not: it goes through
        raise ValueError(f"{loss}(): {name} must be from 0 to 1, got {data!r}{hint}")


def _picked(numbers: list[Any], index: Any) -> Any:
    """The number at an index, which may be a symbol."""
    if not is_symbol(index):
        return numbers[int(index)]
    return functools.reduce(lambda picked, i: where(index == i, numbers[i], picked), range(1, len(numbers)), numbers[0])


def _kind(argument: Any) -> str:
    numbers = _sequence(argument)
    return f"a single {type(argument).__name__}" if numbers is None else f"a sequence of {len(numbers)}"
