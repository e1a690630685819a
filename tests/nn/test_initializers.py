"""Laws of initialisers: the variance that their papers ask for, drawn from a seed alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn import (
    MLP,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Neuron,
    Sequential,
    constant,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)

DRAWN = [kaiming_normal, kaiming_uniform, lecun_normal, lecun_uniform, xavier_normal, xavier_uniform]


def model() -> Sequential:
    return Sequential(Conv2d(1, 2, 2, seed=1), BatchNorm(2), Flatten(), Linear(2, 3, seed=1))


@pytest.mark.parametrize("shape", [(60, 400), (40, 10, 6, 5)])
@pytest.mark.parametrize("initializer", DRAWN, ids=lambda f: f.__name__)
def test_the_variance_is_that_of_the_papers(initializer: Any, shape: tuple[int, ...]) -> None:
    weights = initializer(shape, np.random.default_rng(0))
    positions = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * positions, shape[0] * positions
    rule, kind = initializer.__name__.split("_")
    variance = {"lecun": 1 / fan_in, "kaiming": 2 / fan_in, "xavier": 2 / (fan_in + fan_out)}[rule]
    assert weights.shape == shape
    assert weights.mean() == pytest.approx(0.0, abs=0.03 * math.sqrt(variance))
    assert weights.var() == pytest.approx(variance, rel=0.04)
    if kind == "uniform":
        bound = math.sqrt(3 * variance)
        assert 0.999 * bound < abs(weights).max() <= bound


@pytest.mark.parametrize("name", ["kaiming_uniform", "xavier_uniform", "kaiming_normal", "xavier_normal"])
def test_the_scale_is_that_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    [initializer] = [f for f in DRAWN if f.__name__ == name]
    tensor = torch.empty(40, 30, 3, 4)
    options = {"nonlinearity": "relu"} if name.startswith("kaiming") else {}
    getattr(torch.nn.init, f"{name}_")(tensor, generator=torch.Generator().manual_seed(0), **options)
    assert initializer(tuple(tensor.shape), np.random.default_rng(0)).std() == pytest.approx(
        tensor.std().item(), rel=0.03
    )


@pytest.mark.parametrize("initializer", DRAWN, ids=lambda f: f.__name__)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_a_seed_fixes_every_bit(initializer: Any, seed: int) -> None:
    first, second, other = model(), model(), model()
    first.initialize(initializer, seed)
    second.initialize(initializer, np.random.default_rng(seed))
    other.initialize(initializer, seed + 1)
    data = [[p.data for p in drawn.parameters()] for drawn in (first, second, other)]
    assert data[0] == data[1] != data[2]


def test_tensors_of_one_dimension_stay_as_they_are() -> None:
    drawn = model()
    drawn.load_arrays({name: np.full(array.shape, 7.0) for name, array in drawn.arrays().items()})
    drawn.initialize(xavier_normal)
    assert [name for name, array in drawn.arrays().items() if (array != 7.0).any()] == ["0.weight", "3.weight"]


def test_weights_of_all_layers_are_drawn_from_one_stream() -> None:
    drawn = MLP(3, [3, 3])
    drawn.initialize(lecun_normal, seed=4)
    arrays, draws = drawn.arrays(), np.random.default_rng(4)
    for name in ("0.weight", "2.weight"):
        assert arrays[name].tolist() == lecun_normal((3, 3), draws).tolist()


@pytest.mark.parametrize(("initializer", "number"), [(zeros, 0.0), (constant(0.25), 0.25)])
def test_a_constant_is_everywhere(initializer: Any, number: float) -> None:
    drawn = MLP(2, [3])
    drawn.initialize(initializer)
    assert (drawn.arrays()["0.weight"] == number).all()


def test_an_initialiser_of_the_user_is_checked() -> None:
    drawn = MLP(2, [3])
    before = drawn.arrays()["0.weight"].tolist()
    with pytest.raises(ValueError, match=r"0.weight has shape \(2, 3\), the model expects \(3, 2\)"):
        drawn.initialize(lambda shape, draws: np.zeros(shape[::-1]))
    assert drawn.arrays()["0.weight"].tolist() == before


def test_there_must_be_something_to_draw() -> None:
    with pytest.raises(ValueError, match="the Neuron has no weight of two or more dimensions"):
        Neuron(2).initialize(kaiming_normal)
    with pytest.raises(ValueError, match=r"two or more dimensions \(outputs, inputs, ...\), got \(3,\)"):
        kaiming_normal((3,), np.random.default_rng(0))
    for shape in ((0, 0), (0, 3), (3, 0), (3, 2, 0)):
        with pytest.raises(ValueError, match="each size of an initialised weight must be at least 1, got 0"):
            kaiming_normal(shape, np.random.default_rng(0))
    with pytest.raises(TypeError, match="seed must be an int or a NumPy Generator, got None"):
        MLP(2, [3]).initialize(kaiming_normal, seed=None)  # type: ignore[arg-type]
