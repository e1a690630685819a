"""Laws of units: agreement with PyTorch, finite differences, modes, deltas, and errors that show shapes."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import Value, check_gradients, dot, tanh
from autograd_engine import sum as node_sum
from autograd_engine.graph import topological_order
from nn import (
    MLP,
    SGD,
    Activation,
    AvgPool1d,
    AvgPool2d,
    BatchNorm,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Module,
    Neuron,
    Perceptron,
    Sequential,
    Softmax,
    accuracy,
    cross_entropy,
    evaluate,
    fit,
    kaiming_normal,
    mean_squared_error,
    squared_error,
)

Arrays = dict[str, Any]

# What PyTorch 2.13 computes in float64 for the units of FIXED: for each of them what `ours` returns.
STORED = Path(__file__).with_name("pytorch_units.json")

# Inputs are Values; what comes in and out of a model has the batch in front.


def waves(shape: tuple[int, ...], start: float) -> Any:
    """Numbers from -1 to 1 without ties, the same everywhere."""
    return np.sin(start + np.arange(math.prod(shape))).reshape(shape)


def leaves(numbers: Any) -> Any:
    """The same array with a Value for each number."""
    return np.vectorize(Value, otypes=[object])(numbers)


def gradients(values: Any) -> Any:
    return np.vectorize(lambda value: value.grad, otypes=[float])(np.array(values, dtype=object))


def data(values: Any) -> Any:
    number = lambda x: x.data if isinstance(x, Value) else x  # noqa: E731
    return np.vectorize(number, otypes=[float])(np.array(values, dtype=object))


def flat(nested: Any) -> list[Any]:
    return list(np.array(nested, dtype=object).flat)


def ours(model: Module, batch: Any) -> Arrays:
    """All that a forward and a backward pass over a batch leave behind."""
    inputs = leaves(batch)
    outputs = model.forward_batch(inputs)
    dot(flat(outputs), flat(waves(data(outputs).shape, 0.5))).backward()
    found = {"outputs": data(outputs), "inputs": gradients(inputs)}
    found |= {f"gradient of {name}": gradients(tensor) for name, tensor in model.tensors().items()}
    found |= {name: model.arrays()[name] for name in model.buffers()}
    return found | {f"delta {name}": delta for name, delta in model.deltas().items()}


def theirs(twin: Any, arrays: Arrays, batch: Any) -> Arrays:
    """The same by PyTorch, whose module gets the same state."""
    import torch

    twin = twin.double()
    twin.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    kept: dict[str, Any] = {}
    for name, module in twin.named_modules():
        module.register_forward_hook(lambda _, __, output, name=name: kept.setdefault(name, output).retain_grad())
    inputs = torch.tensor(batch, dtype=torch.float64, requires_grad=True)
    outputs = twin(inputs)
    (outputs * torch.from_numpy(waves(tuple(outputs.shape), 0.5))).sum().backward()
    found: Arrays = {"outputs": outputs.detach().numpy(), "inputs": gradient(inputs)}
    found |= {f"gradient of {name}": gradient(tensor) for name, tensor in twin.named_parameters()}
    found |= {name: buffer.numpy() for name, buffer in twin.named_buffers()}
    return found | {f"delta {name}": gradient(output) for name, output in kept.items()}


def gradient(tensor: Any) -> Any:
    return tensor.grad.numpy()


def assert_agree(found: Arrays, expected: Arrays) -> None:
    """To 1e-12 of the largest number of each array."""
    for name, array in found.items():
        reference = np.asarray(expected[name])
        assert array.shape == reference.shape, name
        scale = max(1.0, np.abs(reference).max(initial=0.0))
        np.testing.assert_allclose(array, reference, rtol=1e-12, atol=1e-12 * scale, err_msg=name)


# --- PyTorch ------------------------------------------------------------------------------------------------------


def network() -> Module:
    return Sequential(
        Conv2d(2, 3, (3, 2), stride=(2, 1), padding=1),
        BatchNorm(3),
        Activation("tanh"),
        MaxPool2d(2, padding=1),
        AvgPool2d((1, 2)),
        Flatten(),
        Linear(6, 2),
    )


def network_of(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=1),
        nn.BatchNorm2d(3),
        nn.Tanh(),
        nn.MaxPool2d(2, padding=1),
        nn.AvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(6, 2),
    )


# The unit, its twin, and the shape of a batch.
FIXED: dict[str, tuple[Callable[[], Module], Callable[[Any], Any], tuple[int, ...]]] = {
    "linear": (lambda: Linear(3, 2), lambda torch: torch.nn.Linear(3, 2), (2, 3)),
    "conv1d": (
        lambda: Conv1d(2, 2, 3, stride=2, padding=1),
        lambda torch: torch.nn.Conv1d(2, 2, 3, stride=2, padding=1),
        (1, 2, 6),
    ),
    "conv2d": (
        lambda: Conv2d(2, 2, (2, 3), stride=(1, 2), padding=(0, 1)),
        lambda torch: torch.nn.Conv2d(2, 2, (2, 3), stride=(1, 2), padding=(0, 1)),
        (1, 2, 3, 4),
    ),
    "conv2d without bias": (
        lambda: Conv2d(1, 2, 2, bias=False),
        lambda torch: torch.nn.Conv2d(1, 2, 2, bias=False),
        (1, 1, 3, 3),
    ),
    "max_pool1d": (lambda: MaxPool1d(3, 2, 1), lambda torch: torch.nn.MaxPool1d(3, 2, 1), (1, 2, 6)),
    "max_pool2d": (lambda: MaxPool2d(2), lambda torch: torch.nn.MaxPool2d(2), (1, 1, 5, 4)),
    "avg_pool1d": (lambda: AvgPool1d(3, 2, 1), lambda torch: torch.nn.AvgPool1d(3, 2, 1), (1, 2, 6)),
    "avg_pool2d": (lambda: AvgPool2d(2, 1, 1), lambda torch: torch.nn.AvgPool2d(2, 1, 1), (1, 1, 2, 3)),
    "batch_norm": (lambda: BatchNorm(2), lambda torch: torch.nn.BatchNorm1d(2), (4, 2)),
    "batch_norm of images": (lambda: BatchNorm(2), lambda torch: torch.nn.BatchNorm2d(2), (2, 2, 2, 2)),
    "batch_norm in inference mode": (
        lambda: BatchNorm(2).eval(),
        lambda torch: torch.nn.BatchNorm1d(2).eval(),
        (2, 2, 3),
    ),
    "network": (network, network_of, (3, 2, 4, 4)),
}


def state(model: Module) -> Arrays:
    """Numbers to load that are all different; variances are positive, and no batch has been seen."""
    arrays = {name: waves(array.shape, i + 1.0) for i, (name, array) in enumerate(model.arrays().items())}
    changes = {"running_var": lambda array: abs(array) + 0.5, "num_batches_tracked": np.zeros_like}
    return {name: changes.get(name.split(".")[-1], np.array)(array) for name, array in arrays.items()}


def fixed(name: str) -> tuple[Module, Arrays, Any]:
    make, _, shape = FIXED[name]
    model = make()
    model.load_arrays(state(model))
    return model, model.arrays(), waves(shape, 2.0)


@pytest.mark.parametrize("name", FIXED)
def test_units_agree_with_the_stored_numbers_of_pytorch(name: str) -> None:
    model, _, batch = fixed(name)
    assert_agree(ours(model, batch), json.loads(STORED.read_text())[name])


@pytest.mark.parametrize("name", FIXED)
def test_the_stored_numbers_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    _, arrays, batch = fixed(name)
    stored = {key: np.array(numbers) for key, numbers in json.loads(STORED.read_text())[name].items()}
    assert_agree(stored, theirs(FIXED[name][1](torch), arrays, batch))


def sizes(dimensions: int, low: int, high: int) -> st.SearchStrategy[Any]:
    """An int, or one for each dimension."""
    one = st.integers(low, high)
    return one | st.tuples(*[one] * dimensions)


def each(size: Any, dimensions: int) -> tuple[int, ...]:
    return size if isinstance(size, tuple) else (size,) * dimensions


@st.composite
def windows(draw: Any, pooling: bool) -> tuple[int, Any, Any, Any, tuple[int, ...]]:
    """Dimensions, kernel size, stride, padding, and positions onto which the kernel fits."""
    dimensions = draw(st.integers(1, 2))
    kernel, stride = draw(sizes(dimensions, 1, 3)), draw(sizes(dimensions, 1, 3))
    padding = draw(sizes(dimensions, 0, min(each(kernel, dimensions)) // 2 if pooling else 2))
    room = zip(each(kernel, dimensions), each(padding, dimensions))
    return dimensions, kernel, stride, padding, tuple(max(1, k - 2 * p) + draw(st.integers(0, 3)) for k, p in room)


SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40)
@given(windows(pooling=False), st.integers(1, 3), st.integers(1, 3), st.booleans(), SEEDS)
def test_convolutions_agree_with_pytorch(window: Any, n_in: int, n_out: int, bias: bool, seed: int) -> None:
    torch = pytest.importorskip("torch")
    dimensions, kernel, stride, padding, positions = window
    model = (Conv1d, Conv2d)[dimensions - 1](n_in, n_out, kernel, stride, padding, bias, seed=seed)
    twin = (torch.nn.Conv1d, torch.nn.Conv2d)[dimensions - 1](n_in, n_out, kernel, stride, padding, bias=bias)
    batch = np.random.default_rng(seed).normal(size=(2, n_in, *positions))
    assert_agree(ours(model, batch), theirs(twin, model.arrays(), batch))


@settings(max_examples=40)
@given(windows(pooling=True), st.integers(1, 3), st.booleans(), SEEDS)
def test_poolings_agree_with_pytorch(window: Any, channels: int, largest: bool, seed: int) -> None:
    torch = pytest.importorskip("torch")
    dimensions, kernel, stride, padding, positions = window
    kinds = ("MaxPool1d", "MaxPool2d") if largest else ("AvgPool1d", "AvgPool2d")
    unit = {"MaxPool1d": MaxPool1d, "MaxPool2d": MaxPool2d, "AvgPool1d": AvgPool1d, "AvgPool2d": AvgPool2d}
    model = unit[kinds[dimensions - 1]](kernel, stride, padding)
    twin = getattr(torch.nn, kinds[dimensions - 1])(kernel, stride, padding)
    batch = np.random.default_rng(seed).normal(size=(2, channels, *positions))
    assert_agree(ours(model, batch), theirs(twin, {}, batch))


@settings(max_examples=15)
@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.integers(1, 3),
    st.integers(3, 5),
    st.none() | st.floats(0.0, 1.0),
    st.sampled_from([1e-5, 0.1]),
    st.booleans(),
    SEEDS,
)
def test_batch_norm_agrees_with_pytorch(
    positions: list[int], features: int, n: int, momentum: float | None, eps: float, affine: bool, seed: int
) -> None:
    torch = pytest.importorskip("torch")
    draws = np.random.default_rng(seed)
    model = BatchNorm(features, eps, momentum, affine)
    kind = torch.nn.BatchNorm2d if len(positions) == 2 else torch.nn.BatchNorm1d
    twin = kind(features, eps, momentum, affine)
    model.load_arrays({name: abs(draws.normal(size=array.shape)) for name, array in model.arrays().items()})
    model.num_batches_tracked[...] = 0
    for training in (True, True, False):  # the second time with statistics that have moved
        arrays, batch = model.arrays(), draws.normal(size=(n, features, *positions))
        model.zero_grad()
        twin.zero_grad()
        assert_agree(ours(model.train(training), batch), theirs(twin.train(training), arrays, batch))


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(1, 4), st.booleans(), SEEDS)
def test_linear_agrees_with_pytorch(n_in: int, n_out: int, bias: bool, seed: int) -> None:
    torch = pytest.importorskip("torch")
    model = Linear(n_in, n_out, bias, seed=seed)
    batch = np.random.default_rng(seed).normal(size=(2, n_in))
    assert_agree(ours(model, batch), theirs(torch.nn.Linear(n_in, n_out, bias), model.arrays(), batch))


def test_a_whole_training_agrees_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    model, twin = network(), network_of(torch).double()
    model.initialize(kaiming_normal, seed=1)
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in model.arrays().items()})
    X, y = waves((6, 2, 4, 4), 0.0), waves((6, 2), 1.0)
    fit(model, X, y, mean_squared_error, SGD(model.parameters(), lr=0.1), epochs=5)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(twin(torch.from_numpy(X)), torch.from_numpy(y)).backward()
        optimizer.step()
    arrays = {name: tensor.numpy() for name, tensor in twin.state_dict().items()}
    assert list(model.arrays()) == list(arrays)
    assert_agree(model.arrays(), arrays)


# --- derivatives and structure of the graph -----------------------------------------------------------------------


SINGLE = [name for name in FIXED if name != "network"]


@pytest.mark.parametrize("name", SINGLE)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    """Also of the parameters, for which plain numbers take the place of the Values."""
    model, arrays, batch = fixed(name)
    tensors = {key: arrays[key].tolist() for key in model.tensors()}

    def f(batch: Any, parameters: dict[str, Any]) -> Any:
        for key, tensor in parameters.items():
            setattr(model, key, tensor)
        outputs = flat(model.forward_batch(batch))
        return dot(outputs, flat(waves((len(outputs),), 0.5)))

    check_gradients(f, batch.tolist(), tensors)


@given(windows(pooling=False), st.integers(1, 2), st.integers(1, 2))
@settings(max_examples=15)
def test_a_convolution_is_a_dot_and_an_add_for_each_output(window: Any, n_in: int, n_out: int) -> None:
    dimensions, kernel, stride, padding, positions = window
    model = (Conv1d, Conv2d)[dimensions - 1](n_in, n_out, kernel, stride, padding)
    outputs = flat(model(leaves(waves((n_in, *positions), 1.0))))
    ops = [node.op.name for node in topological_order(outputs) if node.op]
    assert sorted(ops) == ["add"] * len(outputs) + ["dot"] * len(outputs)


def test_linear_is_a_layer_without_activation() -> None:
    layer, linear = Layer(3, 2, None, seed=4), Linear(3, 2, seed=4)
    assert linear.arrays()["weight"].tolist() == layer.arrays()["weight"].tolist()
    assert data(linear([1.0, 2.0, 3.0])).tolist() == data(layer([1.0, 2.0, 3.0])).tolist()


@pytest.mark.parametrize(("n", "shares"), [(2, [0.5] * 2), (4, [0.25] * 4), (3, [0.5, 0.25, 0.25])])
def test_ties_share_the_gradient_of_a_pooling(n: int, shares: list[float]) -> None:
    tied = [Value(1.0) for _ in range(n)]
    [[largest]] = MaxPool1d(n)([tied])
    largest.backward()
    assert [x.grad for x in tied] == shares


@pytest.mark.parametrize("place", range(4))
def test_nan_wins_every_pooling(place: int) -> None:
    numbers = [1.0, 2.0, 3.0, 4.0]
    numbers[place] = math.nan
    assert math.isnan(MaxPool1d(4)([numbers])[0][0])
    assert math.isnan(AvgPool1d(4)([numbers])[0][0])


def test_padding_never_wins_a_pooling() -> None:
    assert MaxPool1d(3, padding=1)([[-5.0, -7.0]]) == [[-5.0]]
    assert MaxPool1d(2, 2, 1)([[-math.inf, -7.0]]) == [[-math.inf, -7.0]]


def test_samples_are_nested_lists_or_arrays_of_numbers_and_values() -> None:
    model, image = Conv2d(1, 1, 2), [[[1, 2.0], [np.float64(3.0), 4]]]
    expected = data(model(image))
    assert expected.shape == (1, 1, 1)
    assert isinstance(model(image), list)
    for sample in (np.array(image), np.array(image, dtype=int), leaves(np.array(image)), tuple(image)):
        assert data(model(sample)).tolist() == expected.tolist()


# --- the other units ----------------------------------------------------------------------------------------------


@given(st.sampled_from(["relu", "tanh", "linear", tanh, None]), st.integers(1, 3))
def test_an_activation_keeps_the_structure(activation: Any, n: int) -> None:
    image = [[[Value(x) for x in row] for row in channel] for channel in waves((2, n, 3), 0.0)]
    activated = Activation(activation)(image)
    assert np.shape(np.array(activated, dtype=object)) == (2, n, 3)
    function = Neuron(1, activation).activation
    assert data(activated).tolist() == (np.vectorize(function)(data(image)) if function else data(image)).tolist()


def test_flatten_is_row_major() -> None:
    assert Flatten()([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_dropout_keeps_the_expectation() -> None:
    sample = [Value(1.0) for _ in range(20000)]
    dropped = Dropout(0.3, seed=5)(sample)
    node_sum(dropped).backward()
    assert [x.grad for x in sample] == data(dropped).tolist()  # no gradient reaches what was dropped
    assert set(data(dropped)) == {0.0, 1 / 0.7}
    assert np.mean(data(dropped)) == pytest.approx(1.0, abs=0.02)


@given(st.floats(0.0, 1.0), SEEDS)
@settings(max_examples=20)
def test_dropout_is_drawn_from_its_seed_and_goes_on(p: float, seed: int) -> None:
    sample = [[1.0, 2.0], [3.0, 4.0]] * 20
    first, second = Dropout(p, seed=seed), Dropout(p, seed=np.random.default_rng(seed))
    assert [first(sample), first(sample)] == [second(sample), second(sample)]
    assert first.eval()(sample) is sample


def test_dropout_draws_anew_for_each_sample() -> None:
    [first, second] = Dropout(0.5, seed=0).forward_batch([[1.0] * 50] * 2)
    assert first != second


def test_dropout_of_all_or_none() -> None:
    assert Dropout(0.0)([1.0, math.nan])[0] == 1.0
    assert Dropout(1.0)([1.0, math.nan]) == [0.0, 0.0]


@given(st.integers(2, 6), st.integers(1, 3), SEEDS)
@settings(max_examples=20)
def test_batch_norm_makes_mean_0_and_variance_1(n: int, features: int, seed: int) -> None:
    batch = np.random.default_rng(seed).normal(3.0, 2.0, size=(n, features, 4))
    model = BatchNorm(features, eps=0.0, momentum=None)
    outputs = data(model.forward_batch(batch))
    assert outputs.mean(axis=(0, 2)) == pytest.approx(np.zeros(features), abs=1e-9)
    assert outputs.var(axis=(0, 2)) == pytest.approx(np.ones(features))
    assert model.running_mean == pytest.approx(batch.mean(axis=(0, 2)))
    assert model.running_var == pytest.approx(batch.var(axis=(0, 2), ddof=1))
    assert model.num_batches_tracked == 1


def test_batch_norm_without_parameters_takes_plain_numbers() -> None:
    model = BatchNorm(1, affine=False)
    assert model.parameters() == []
    [[low], [high]] = model.forward_batch([[1.0], [3.0]])
    assert -low == high == pytest.approx(1.0, abs=1e-5)
    assert isinstance(model.eval()([1.0])[0], float)


def test_batch_norm_in_inference_mode_treats_samples_alone() -> None:
    model = BatchNorm(2)
    model.forward_batch(waves((3, 2, 2), 0.0))
    before, batch = model.eval().arrays(), waves((3, 2, 2), 5.0)
    together = data(model.forward_batch(batch))
    assert together.tolist() == [data(model(sample)).tolist() for sample in batch]
    assert all((model.arrays()[name] == array).all() for name, array in before.items())


@pytest.mark.parametrize(("x", "y"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_two_layers_of_thresholds_compute_xor(x: int, y: int) -> None:
    model = Sequential(Perceptron(2, 2), Perceptron(2))
    model[0].load_arrays({"weight": [[1.0, -1.0], [-1.0, 1.0]], "bias": [-0.5, -0.5]})
    model[1].load_arrays({"weight": [[1.0, 1.0]], "bias": [-0.5]})
    [output] = model([x, y])
    output.backward()
    assert output.data == (x != y)
    assert not any(p.grad for p in model.parameters())


@pytest.mark.parametrize(("z", "fires"), [(-1.0, 0.0), (0.0, 0.0), (5e-324, 1.0), (math.nan, math.nan)])
def test_a_perceptron_fires_above_0(z: float, fires: float) -> None:
    model = Perceptron(1)
    model.load_arrays({"weight": [[1.0]], "bias": [0.0]})
    assert model([z])[0].data == pytest.approx(fires, abs=0, nan_ok=True)


# --- modes and batches --------------------------------------------------------------------------------------------


class Residual(Module):
    """A module of the user's with modules in lists."""

    def __init__(self, inner: Module) -> None:
        self.branches = [inner, Linear(2, 2, seed=1)]

    def __call__(self, inputs: Any) -> Any:
        return [x + y for x, y in zip(self.branches[0](inputs), self.branches[1](inputs))]


def test_modes_reach_every_module() -> None:
    model = Sequential(Residual(Sequential(Linear(2, 2), Dropout())), BatchNorm(2))
    modules = model.named_modules()
    assert list(modules) == ["", "0", "0.branches.0", "0.branches.0.0", "0.branches.0.1", "0.branches.1", "1"]
    assert all(module.training for module in modules.values())
    assert model.eval() is model
    assert not any(module.training for module in modules.values())
    assert model.train() is model
    assert all(module.training for module in modules.values())


def test_a_batch_is_needed_where_samples_depend_on_one_another() -> None:
    model = Sequential(Residual(BatchNorm(2)))
    assert model.needs_batch
    assert not model.eval().needs_batch
    assert not Sequential(Residual(Linear(2, 2))).needs_batch
    assert len(model([1.0, 2.0])) == 2
    with pytest.raises(
        RuntimeError, match=r"needs a whole batch: call the model's forward_batch\(samples\), or eval\(\)"
    ):
        model.train()([1.0, 2.0])


def test_a_slice_of_a_sequential_is_one_of_the_same_modules() -> None:
    net = Sequential(Linear(2, 3), Activation("tanh"), Linear(3, 1))
    head = net[:2]
    assert isinstance(head, Sequential)
    assert [*head] == [net[0], net[1]]
    assert [x.data for x in net[2:](head([0.5, -1.0]))] == [x.data for x in net([0.5, -1.0])]
    assert list(net[-1:].state_dict()) == ["0.weight", "0.bias"]
    assert net[0].parameters()[0] is head.parameters()[0]
    assert len(net[5:]) == 0


@pytest.mark.parametrize("model", [MLP(2, [3, 2], "tanh"), Residual(Linear(2, 2)), Sequential()], ids=repr)
def test_a_batch_is_sample_after_sample(model: Module) -> None:
    batch = waves((4, 2), 0.0).tolist()
    assert [data(outputs).tolist() for outputs in model.forward_batch(iter(batch))] == [
        data(model(sample)).tolist() for sample in batch
    ]
    assert model.forward_batch([]) == []


def test_fit_trains_a_convolutional_network_and_leaves_its_modes_alone() -> None:
    draws = np.random.default_rng(0)
    y = np.arange(12) % 2
    X = 0.3 * draws.normal(size=(12, 1, 4, 4)) + y[:, None, None, None] * np.eye(4)
    model = Sequential(
        Conv2d(1, 2, 2, seed=1), BatchNorm(2), Activation("relu"), MaxPool2d(3), Flatten(), Dropout(0.1), Linear(2, 2)
    )
    model[1].eval()
    seen = []

    def look(history: Any) -> None:
        model(X[0])  # in inference mode
        seen.append(len(history.loss))

    optimizer = SGD(model.parameters(), lr=0.3, momentum=0.9)
    options: dict[str, Any] = {"epochs": 15, "batch_size": 4, "accuracy": accuracy, "callback": look}
    history = fit(model, X, y, cross_entropy, optimizer, validation=(X, y), **options)
    assert history.validation_accuracy[-1] == 1.0
    assert len(seen) == 15
    assert (model.training, model[1].training) == (True, False)
    assert model[1].num_batches_tracked == 45
    assert evaluate(model, X, y, cross_entropy)[0] == history.validation_loss[-1]


def test_fit_refuses_a_batch_of_one_before_it_changes_anything() -> None:
    model = Sequential(Linear(1, 2), BatchNorm(2))
    before = model.arrays()
    with pytest.raises(ValueError, match="more than one number in each channel"):
        fit(model, [[1.0], [2.0], [3.0]], [[0, 0]] * 3, squared_error, SGD(model.parameters(), lr=1.0), batch_size=2)
    assert all((model.arrays()[name] == array).all() for name, array in before.items())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            [[[1.0, 2.0]], [[1.0, math.nan]]],
            r"^X: row 1, position \(0, 1\) is nan; only finite numbers can be trained on$",
        ),
        ([[[1.0, 2.0]], [[1.0]]], "^X: row 0, column 0: expected a real number"),
    ],
)
def test_wrong_images_are_refused_before_training(X: Any, message: str) -> None:
    model = Sequential(Flatten(), Linear(2, 1))
    with pytest.raises((ValueError, TypeError), match=message):
        fit(model, X, [0.0, 1.0], squared_error, SGD(model.parameters(), lr=1.0))


# --- deltas -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 3), st.lists(st.integers(1, 4), min_size=2, max_size=3), SEEDS)
@settings(max_examples=30)
def test_deltas_follow_the_recursion_of_backpropagation(n_in: int, widths: list[int], seed: int) -> None:
    """delta = (a - y) h'(z) of the squared error at the output, delta_j = h'(z_j) sum of w_kj delta_k before."""
    draws = np.random.default_rng(seed)
    model = MLP(n_in, widths, "tanh", seed)
    x, y = draws.normal(size=n_in), draws.normal(size=widths[-1])
    outputs = model(x)
    squared_error(outputs, y).backward()
    deltas = list(model.deltas().values())
    weights = [array for name, array in model.arrays().items() if name.endswith("weight")]
    assert list(model.deltas()) == [str(2 * i) for i in range(len(widths))]
    assert deltas[-1] == pytest.approx(data(outputs) - y)
    activated = x
    for layer, delta, weight, after in zip(model.layers, deltas, weights[1:], deltas[1:]):
        activated = data(layer(activated))
        assert delta == pytest.approx((1 - activated**2) * (weight.T @ after))


@pytest.mark.parametrize("name", SINGLE)
def test_deltas_have_the_shape_of_the_outputs_and_add_up_to_the_gradient_of_the_bias(name: str) -> None:
    model, _, batch = fixed(name)
    found = ours(model, batch)
    delta = found["delta "]
    assert delta.shape == found["outputs"].shape
    if "gradient of bias" in found:
        axes = tuple(axis for axis in range(delta.ndim) if axis != 1)
        assert delta.sum(axis=axes) == pytest.approx(found["gradient of bias"])


def test_a_neuron_and_a_sequence_have_deltas() -> None:
    neuron = Neuron(1, "relu")
    neuron.weight[0].data = -1.0
    neuron([2.0]).backward()
    assert neuron.deltas()[""].tolist() == 0.0
    model = Sequential(Residual(MLP(2, [3, 2])), Activation("tanh"))
    node_sum(model([1.0, 2.0])).backward()
    assert {name: delta.shape for name, delta in model.deltas().items()} == {
        "0.branches.0.0": (3,),
        "0.branches.0.2": (2,),
        "0.branches.1": (2,),
    }


def test_deltas_of_a_batch_have_the_samples_in_front() -> None:
    model, batch = Sequential(Residual(MLP(2, [3, 2], "tanh"))), waves((4, 2), 0.0)
    outputs = model.forward_batch(batch)
    node_sum(flat(outputs)).backward()
    of_batch = model.deltas()
    for i, sample in enumerate(batch):
        node_sum(model(sample)).backward()
        for name, delta in model.deltas().items():
            assert of_batch[name][i].tolist() == delta.tolist()


def test_deltas_are_of_the_last_call() -> None:
    model = Linear(1, 1)
    first = model([1.0])[0]
    second = model([2.0])[0]
    (3 * first).backward()
    assert model.deltas()[""].tolist() == [0.0]
    (5 * second).backward()
    assert model.deltas()[""].tolist() == [5.0]


def test_a_unit_that_nothing_depends_on_has_the_delta_0() -> None:
    model = Sequential(Conv1d(1, 1, 1), MaxPool1d(2))
    node_sum(model([[1.0, 2.0, 3.0]])[0]).backward()
    assert model.deltas()["0"][0, 2] == 0.0
    assert model.deltas()["0"].sum() == 1.0


def test_there_are_no_deltas_of_plain_numbers() -> None:
    model = Sequential(AvgPool1d(2), Flatten(), Linear(1, 1))
    model([[1.0, 2.0]])[0].backward()
    assert list(model.deltas()) == ["2"]
    model = AvgPool1d(1)
    node_sum(model([[1.0, Value(2.0)]])[0]).backward()
    assert model.deltas()[""][0] == pytest.approx([math.nan, 1.0], nan_ok=True)


def test_deltas_before_the_first_call_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="there are no deltas before the first call: call the MLP, then backward"):
        MLP(1, [1]).deltas()


def test_a_model_holds_no_graph_but_that_of_its_last_call() -> None:
    for model in (MLP(2, [3, 1], "tanh"), Sequential(Linear(2, 3), Activation("tanh"), BatchNorm(3), Linear(3, 1))):
        gc.collect()
        gc.disable()
        try:
            outputs = [model.forward_batch(waves((2, 2), i))[0][0] for i in range(3)]
            nodes = [[weakref.ref(node) for node in topological_order([output]) if node.op] for output in outputs]
            outputs.clear()
            assert [any(node() is not None for node in of_call) for of_call in nodes] == [False, False, True]
        finally:
            gc.enable()


@pytest.mark.parametrize("model", [MLP(2, [2, 1]), Sequential(Linear(2, 1))], ids=["MLP", "Sequential"])
def test_a_batch_is_forgotten_before_the_next_one_is_made(model: Module) -> None:
    nodes = [weakref.ref(outputs[0]) for outputs in model.forward_batch([[1.0, 2.0]] * 2)]

    def batch() -> Iterator[list[float]]:
        assert [node() for node in nodes] == [None, None]
        yield [3.0, 4.0]

    model.forward_batch(batch())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_come_without_the_last_call(copied: Callable[[Module], Module]) -> None:
    model = Sequential(Linear(2, 3), Activation("tanh"), Dropout(0.5), BatchNorm(3), Linear(3, 1)).eval()
    expected = model([1.0, 2.0])[0].data
    twin = copied(model)
    with pytest.raises(RuntimeError, match="no deltas before the first call"):
        twin.deltas()
    assert twin([1.0, 2.0])[0].data == expected
    assert not twin.training
    assert list(model.deltas()) == ["0", "3", "4"]


# --- the state ----------------------------------------------------------------------------------------------------


def test_buffers_belong_to_the_state_but_not_to_the_parameters() -> None:
    model = network()
    assert list(model.buffers()) == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert len(model.parameters()) == len(model.named_parameters()) == 3 * 12 + 3 + 3 + 3 + 12 + 2
    arrays = {name: array + 1.0 for name, array in model.arrays().items()}
    model.load_arrays(arrays)
    assert {name: array.tolist() for name, array in model.arrays().items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    model.arrays()["1.running_mean"][:] = 7.0
    assert (model[1].running_mean == 1.0).all()


def test_all_of_the_state_or_nothing_is_loaded() -> None:
    model = network()
    before = model.arrays()
    arrays = {name: array + 1.0 for name, array in before.items()} | {"6.bias": np.zeros(3)}
    with pytest.raises(ValueError, match=r"6\.bias has shape \(3,\), the model expects \(2,\)"):
        model.load_arrays(arrays)
    with pytest.raises(ValueError, match=r"1\.running_var is missing"):
        model.load_arrays({name: array for name, array in before.items() if name != "1.running_var"})
    assert all((model.arrays()[name] == array).all() for name, array in before.items())


def test_the_seed_fixes_every_bit() -> None:
    def bits(seed: Any) -> list[float]:
        return [p.data for p in Conv2d(2, 3, 2, seed=seed).parameters()]

    assert bits(1) == bits(np.random.default_rng(1)) != bits(2)


def test_reprs_show_shapes() -> None:
    assert repr(Sequential(Conv1d(1, 2, 3), Sequential(Linear(2, 1), Dropout()), BatchNorm(2))) == (
        "Sequential(\n"
        "  0: Conv1d(1 -> 2, kernel_size=(3,), stride=(1,), padding=(0,), 8 parameters)\n"
        "  1: Sequential(\n"
        "    0: Linear(2 -> 1, 3 parameters)\n"
        "    1: Dropout(p=0.5)\n"
        "    3 parameters\n"
        "  )\n"
        "  2: BatchNorm(2, eps=1e-05, momentum=0.1, 4 parameters)\n"
        "  15 parameters\n"
        ")"
    )
    assert repr(MaxPool2d((2, 1))) == "MaxPool2d(kernel_size=(2, 1), stride=(2, 1), padding=(0, 0))"
    assert repr(Activation("relu")) == "Activation(relu)"
    assert repr(Activation(None)) == "Activation(linear)"
    assert repr(Perceptron(2)) == "Perceptron(2 -> 1, 3 parameters)"
    assert repr(Flatten()) == "Flatten()"
    assert repr(Softmax()) == "Softmax()"
    assert len(Sequential(Flatten(), Flatten())) == 2


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sample", "message"),
    [
        (Linear(3, 1), [1.0, 2.0], r"Linear expects input of shape (3,), got (2,)"),
        (Linear(1, 1), 1.0, "Linear expects input of shape (1,), got ()"),
        (Perceptron(2), [[1.0, 2.0]], "Perceptron expects input of shape (2,), got (1, 2)"),
        (Conv1d(1, 1, 2), [1.0, 2.0], "Conv1d expects input of shape (1, L), got (2,)"),
        (Conv2d(3, 1, 2), np.zeros((1, 8, 8)), "Conv2d expects input of shape (3, H, W), got (1, 8, 8)"),
        (Conv2d(1, 1, 2), [[[1.0, 2.0], [3.0]]], "Conv2d expects input of shape (1, H, W), got a ragged list"),
        (
            Conv1d(2, 1, 1),
            [[np.zeros((2, 2))], [np.zeros((2, 3))]],
            "Conv1d expects input of shape (2, L), got a ragged list",
        ),
        (Conv2d(1, 1, 1), np.zeros((1, 0, 2)), "Conv2d expects input of shape (1, H, W), got (1, 0, 2)"),
        (MaxPool2d(2), np.zeros((8, 8)), "MaxPool2d expects input of shape (C, H, W), got (8, 8)"),
        (AvgPool1d(2), [], "AvgPool1d expects input of shape (C, L), got (0,)"),
        (Softmax(), [[1.0]], "Softmax expects input of shape (n,), got (1, 1)"),
        (BatchNorm(2).eval(), np.zeros((1, 2)), "BatchNorm expects input of shape (2, ...), got (1, 2)"),
        (
            Conv2d(1, 1, (3, 2)),
            np.zeros((1, 2, 2)),
            "Conv2d: a kernel of size (3, 2) does not fit into an input of shape (1, 2, 2) with padding (0, 0)",
        ),
    ],
)
def test_wrong_shapes_are_errors_that_show_the_expected_and_the_found(model: Module, sample: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        model(sample)
    assert str(error.value) == message


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^Conv1d expects numbers: expected a real number .* got str: 'a'$"):
        Conv1d(1, 1, 1)([["a"]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Linear(0, 1), ValueError, "Linear: in_features must be at least 1, got 0"),
        (lambda: Linear(1, 1.5), TypeError, "Linear: out_features must be a whole number, got 1.5"),
        (lambda: Conv1d(0, 1, 1), ValueError, "Conv1d: in_channels must be at least 1, got 0"),
        (lambda: Conv2d(1, 0, 1), ValueError, "Conv2d: out_channels must be at least 1, got 0"),
        (lambda: Conv2d(1, 1, 0), ValueError, "Conv2d: kernel_size must be at least 1, got 0"),
        (lambda: Conv2d(1, 1, 1, (1, 2, 3)), ValueError, r"Conv2d: stride must be a whole number or 2 of them"),
        (lambda: Conv1d(1, 1, 1, padding=-1), ValueError, "Conv1d: padding must be at least 0, got -1"),
        (lambda: Conv2d(1, 1, 1, padding="same"), ValueError, "Conv2d: padding must be a whole number or 2 of them"),
        (lambda: MaxPool1d(3, padding=2), ValueError, r"padding must be at most half .*got padding \(2,\) for \(3,\)"),
        (lambda: Dropout(1.5), ValueError, "Dropout: p must be a probability from 0 to 1, got 1.5"),
        (lambda: Dropout(seed=None), TypeError, "seed must be an int"),
        (lambda: BatchNorm(0), ValueError, "BatchNorm: num_features must be at least 1, got 0"),
        (lambda: BatchNorm(1, eps=-1), ValueError, "^BatchNorm: eps must be finite and at least 0, got -1.0$"),
        (lambda: BatchNorm(1, eps="a"), TypeError, "^BatchNorm: eps must be a number, got 'a'$"),
        (
            lambda: BatchNorm(1, momentum=2),
            ValueError,
            "^BatchNorm: momentum must be a share from 0 to 1 or None, got 2",
        ),
        (
            lambda: BatchNorm(1, momentum=np.nan),
            ValueError,
            "^BatchNorm: momentum must be finite and at least 0, got nan",
        ),
        (lambda: Perceptron(0), ValueError, "Perceptron: n_in must be at least 1, got 0"),
        (lambda: Activation("rellu"), ValueError, "unknown activation 'rellu'"),
        (lambda: Sequential(Flatten(), tanh), TypeError, r"got <primitive tanh> at index 1; .*Activation\('relu'\)"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([[1.0, 2.0]], "more than one number in each channel, got a single one"),
        ([[1.0, 2.0], [[1.0], [2.0]]], r"a batch of samples of one shape, got the shapes \[\(2,\), \(2, 1\)\]"),
        ([], "a batch of samples of one shape, got the shapes"),
    ],
)
def test_wrong_batches_are_refused_and_change_nothing(batch: Any, message: str) -> None:
    model = BatchNorm(2)
    with pytest.raises(ValueError, match=message):
        model.forward_batch(batch)
    assert model.num_batches_tracked == 0
