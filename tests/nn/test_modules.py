"""Laws of modules: derivatives, determinism, names, and errors that say what was wrong."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_engine import Primitive, Value, leaky_relu, tanh
from autograd_engine import sum as node_sum
from autograd_engine.graph import topological_order
from autograd_engine.primitives import PRIMITIVES, identity
from nn import ACTIVATIONS, MLP, Layer, Module, Neuron

WIDTHS = st.lists(st.integers(1, 4), min_size=1, max_size=3)
SEEDS = st.integers(0, 2**32)
NUMBERS = st.floats(-2.0, 2.0)


def slope(f: Callable[[], float], leaf: Value, step: float = 1e-5) -> float:
    """The central difference of f in a leaf's data."""
    at = leaf.data
    leaf.data = at + step
    above = f()
    leaf.data = at - step
    below = f()
    leaf.data = at
    return (above - below) / (2 * step)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), WIDTHS, st.sampled_from(ACTIVATIONS), SEEDS, st.data())
def test_gradient_of_a_model_equals_finite_differences(
    n_in: int, widths: list[int], activation: str, seed: int, data: Any
) -> None:
    model = MLP(n_in, widths, activation, seed)
    inputs = [Value(data.draw(NUMBERS)) for _ in range(n_in)]
    factors = [1.0 + i for i in range(widths[-1])]

    def loss() -> Value:
        return node_sum([factor * output for factor, output in zip(factors, model(inputs))])

    result = loss()
    kinked = [node for node in topological_order([result]) if node.op is model.activation is not None]
    assume(all(abs(node.parents[0].data) > 1e-3 for node in kinked))
    result.backward()
    for leaf in [*inputs, *model.parameters()]:
        assert leaf.grad == pytest.approx(slope(lambda: loss().data, leaf), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_neuron_is_one_dot_one_add_one_activation(activation: str) -> None:
    neuron = Neuron(3, activation, seed=1)
    output = neuron([1.0, 2.0, 3.0])
    ops = [node.op.name for node in topological_order([output]) if node.op]
    assert ops == ["dot", "add"] + ([] if activation == "linear" else [activation])
    z = math.fsum(w.data * x for w, x in zip(neuron.weight, [1.0, 2.0, 3.0]))
    expected = z if neuron.activation is None else neuron.activation(z)
    assert output.data == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 4), WIDTHS)
def test_outputs_are_a_list_of_values_for_every_width(n_in: int, widths: list[int]) -> None:
    outputs = MLP(n_in, widths)([0.5] * n_in)
    assert type(outputs) is list
    assert [type(output) for output in outputs] == [Value] * widths[-1]
    assert len(Layer(n_in, widths[0])([0.5] * n_in)) == widths[0]


def test_hidden_layers_are_activated_and_the_last_is_linear() -> None:
    model = MLP(2, [3, 4, 1], "tanh")
    assert [layer.activation for layer in model.layers] == [tanh, tanh, None]


@given(st.lists(NUMBERS, min_size=2, max_size=2))
def test_all_kinds_of_input_give_the_same_bits(row: list[float]) -> None:
    model = MLP(2, [3, 1], "silu")
    [expected] = model(row)
    for inputs in (tuple(row), np.array(row), [np.float64(x) for x in row], [Value(x) for x in row], iter(row)):
        assert model(inputs)[0].data == expected.data


def test_inputs_may_be_whole_numbers_and_values_at_once() -> None:
    x = Value(3.0)
    [output] = Layer(2, 1, "linear", seed=4)([1, x])
    output.backward()
    assert x.grad == Layer(2, 1, "linear", seed=4).neurons[0].weight[1].data


@pytest.mark.parametrize("module", [Neuron(4), Layer(4, 2), MLP(4, [2, 1])], ids=lambda m: type(m).__name__)
def test_wrong_inputs_are_errors_that_name_what_was_expected(module: Module) -> None:
    who = type(module).__name__
    with pytest.raises(ValueError, match=f"^{who} expects 4 inputs, got 3$"):
        module([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=f"^{who} expects 4 inputs, got 0$"):
        module([])
    with pytest.raises(ValueError, match=rf"^{who} expects a list of 4 inputs, got an array of shape \(1, 4\)$"):
        module(np.zeros((1, 4)))
    with pytest.raises(TypeError, match=f"^{who} expects a list of 4 numbers: "):
        module(1.0)
    with pytest.raises(TypeError, match=f"^{who} expects a list of 4 numbers: .*str"):
        module("1234")


@pytest.mark.parametrize("inputs", [[math.nan, 0.0], [math.inf, 0.0], [1e300, -1e300]])
def test_special_numbers_pass_through(inputs: list[float]) -> None:
    [output] = MLP(2, [2, 1], "softplus")(inputs)
    output.backward()
    assert isinstance(output.data, float)


# --- initialisation -------------------------------------------------------------------------------------------


@given(st.integers(1, 4), WIDTHS, SEEDS)
def test_a_seed_fixes_every_bit(n_in: int, widths: list[int], seed: int) -> None:
    first, second = MLP(n_in, widths, seed=seed), MLP(n_in, widths, seed=np.random.default_rng(seed))
    assert [p.data for p in first.parameters()] == [p.data for p in second.parameters()]
    assert [p.data for p in MLP(n_in, widths, seed=seed + 1).parameters()] != [p.data for p in first.parameters()]


def test_one_generator_gives_two_models_different_weights() -> None:
    draws = np.random.default_rng(0)
    assert Neuron(3, seed=draws).weight[0].data != Neuron(3, seed=draws).weight[0].data


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_initialisation_keeps_the_scale_of_the_signal(activation: str) -> None:
    arrays = Layer(400, 100, activation, seed=3).arrays()
    gain = 2.0 if activation in {"relu", "leaky_relu", "elu", "gelu", "silu"} else 1.0
    assert arrays["weight"].mean() == pytest.approx(0, abs=2e-3)
    assert arrays["weight"].std() == pytest.approx(math.sqrt(gain / 400), rel=0.02)
    assert not arrays["bias"].any()


@pytest.mark.parametrize(("given", "expected"), [(None, None), ("linear", None), ("identity", None), (identity, None)])
def test_no_activation_has_several_names(given: Any, expected: Any) -> None:
    assert Neuron(1, given).activation is expected


def test_activations_are_offered_in_a_fixed_order() -> None:
    usual = ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "softsign", "linear")
    assert usual == ACTIVATIONS


def test_an_activation_is_a_name_or_any_primitive_of_one_number() -> None:
    assert Neuron(1, leaky_relu).activation is Neuron(1, "leaky_relu").activation is leaky_relu
    assert Neuron(1, "sin").activation is PRIMITIVES["sin"]


@pytest.mark.parametrize("activation", ["hypot", "sum", PRIMITIVES["where"]])
def test_a_primitive_of_several_numbers_is_no_activation(activation: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a primitive of one number, which .* is not"):
        MLP(1, [1], activation)


def test_unknown_activations_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown activation 'rellu'; choose one of relu, tanh"):
        MLP(1, [1], "rellu")
    with pytest.raises(TypeError, match="activation must be a name, a primitive or None"):
        MLP(1, [1], math.tanh)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MLP(0, [1]), ValueError, "MLP: n_in must be at least 1, got 0"),
        (lambda: MLP(2.0, [1]), TypeError, "MLP: n_in must be a whole number, got 2.0"),
        (lambda: MLP(2, []), ValueError, "widths is empty"),
        (lambda: MLP(2, 3), TypeError, r"widths must be a list of widths such as \[16, 1\], got 3"),
        (lambda: MLP(2, [3, -1]), ValueError, "each width must be at least 1, got -1"),
        (lambda: Layer(2, 0), ValueError, "Layer: n_out must be at least 1, got 0"),
        (lambda: Neuron("2"), TypeError, "Neuron: n_in must be a whole number, got '2'"),
        (lambda: Neuron(2, seed=None), TypeError, "seed must be an int or a NumPy Generator, got None"),
        (lambda: Neuron(2, seed=True), TypeError, "seed must be an int or a NumPy Generator, got True"),
        (lambda: Neuron(2, seed=-1), ValueError, "seed must not be negative, got -1"),
    ],
)
def test_wrong_sizes_and_seeds_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# --- parameters by name ---------------------------------------------------------------------------------------


class Line(Module):
    def __init__(self) -> None:
        self.slope, self.offset = Value(2.0), Value(1.0)
        self._last = Value(0.0)

    def __call__(self, inputs: Any) -> list[Value]:
        return [self.slope * x + self.offset for x in inputs]


class Composite(Module):
    def __init__(self) -> None:
        self.lines = [Line(), Line()]
        self.kernel = (((Value(1.0), Value(2.0)),), ((Value(3.0), Value(4.0)),))
        self.head = Layer(2, 1)
        self.sizes = [1, 2]
        self.name = "composite"

    def __call__(self, inputs: Any) -> Any:
        return self.head([line(inputs)[0] for line in self.lines])


def test_parameters_are_found_in_attributes() -> None:
    model = Composite()
    assert {name: array.shape for name, array in model.arrays().items()} == {
        "lines.0.slope": (),
        "lines.0.offset": (),
        "lines.1.slope": (),
        "lines.1.offset": (),
        "kernel": (2, 1, 2),
        "head.weight": (1, 2),
        "head.bias": (1,),
    }
    assert model.named_parameters()["kernel[1, 0, 0]"].data == 3.0
    assert model.named_parameters()["lines.1.slope"] is model.lines[1].slope
    assert repr(model.lines[0]) == "Line(slope, offset, 2 parameters)"


@given(st.integers(1, 4), WIDTHS)
def test_names_arrays_and_parameters_agree(n_in: int, widths: list[int]) -> None:
    model = MLP(n_in, widths)
    named, arrays = model.named_parameters(), model.arrays()
    assert list(map(id, named.values())) == list(map(id, model.parameters()))
    assert [p.data for p in model.parameters()] == [x for array in arrays.values() for x in array.ravel()]
    for i, n_out in enumerate(widths):
        weight = arrays[f"{2 * i}.weight"]
        assert weight.shape == (n_out, [n_in, *widths][i])
        assert weight.dtype == np.float64
        assert arrays[f"{2 * i}.bias"].shape == (n_out,)
        last = named[f"{2 * i}.weight[{n_out - 1}, {weight.shape[1] - 1}]"]
        assert last is model.layers[i].neurons[-1].weight[-1]
        assert last.label == f"w{weight.shape[1] - 1}"


def test_a_shared_parameter_counts_once() -> None:
    model = Composite()
    model.lines[1] = model.lines[0]
    assert len(model.parameters()) == len(model.named_parameters()) == 2 + 4 + 3
    model.load_arrays(model.arrays())


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ([[Value(1.0)], [Value(1.0), Value(2.0)]], r"^bad is ragged: its lists of Values have the shapes"),
        ([Value(1.0), 2.0], "^bad mixes Values with float"),
        ([Value(1.0), [Value(2.0)]], "^bad is ragged"),
    ],
)
def test_what_is_no_tensor_is_refused(attribute: Any, message: str) -> None:
    model = Line()
    model.bad = attribute
    with pytest.raises(ValueError, match=message):
        model.arrays()


def test_parameters_are_found_in_dicts_and_object_arrays() -> None:
    model = Line()
    named = Value(5.0)
    model.w = np.array([[Value(1.0), Value(2.0)]])
    model.heads = {"left": named, 2: [Value(3.0)], "deeper": {"unit": Neuron(1), "scale": np.ones(2)}}
    model.units = np.array([Neuron(1), Neuron(2)])
    shapes = {name: array.shape for name, array in model.arrays().items() if name not in Line().arrays()}
    assert shapes == {
        "w": (1, 2),
        "heads.left": (),
        "heads.2": (1,),
        "heads.deeper.unit.weight": (1,),
        "heads.deeper.unit.bias": (),
        "heads.deeper.scale": (2,),
        "units.0.weight": (1,),
        "units.0.bias": (),
        "units.1.weight": (2,),
        "units.1.bias": (),
    }
    assert model.named_parameters()["w[0, 1]"] is model.w[0, 1]
    arrays = model.arrays()
    model.load_arrays(arrays | {"w": np.array([[7.0, 8.0]]), "heads.left": 9.0})
    assert (model.w[0, 1].data, named.data) == (8.0, 9.0)


def test_two_tensors_of_one_name_are_refused() -> None:
    model = Line()
    model.both = {1: Value(1.0), "1": Value(2.0)}
    with pytest.raises(ValueError, match=r"^two tensors of the Line have the name both\.1$"):
        model.parameters()


@pytest.mark.parametrize("dtype", ["float32", "float16", "complex128"])
def test_arrays_of_other_floats_are_refused(dtype: str) -> None:
    model = Line()
    model.scale = np.ones(2, dtype)
    with pytest.raises(TypeError, match=f"^scale is an array of {dtype}, but a buffer must be one of float64; a const"):
        model.parameters()


def test_arrays_of_anything_else_are_constants() -> None:
    model = Line()
    model.places, model.mask, model.words = np.arange(2), np.array([True]), np.array(["a"])
    assert list(model.arrays()) == list(Line().arrays())


@given(st.integers(1, 3), WIDTHS, SEEDS)
def test_arrays_loaded_into_another_model_make_it_the_same(n_in: int, widths: list[int], seed: int) -> None:
    model, other = MLP(n_in, widths, seed=seed), MLP(n_in, widths, seed=seed + 1)
    other.load_arrays(model.arrays())
    assert [p.data for p in model.parameters()] == [p.data for p in other.parameters()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.bias": None}, "do not fit the MLP: 0.bias is missing"),
        ({"1.bias": np.zeros(1)}, "1.bias is not a tensor of this model"),
        ({"2.weight": np.zeros((3, 1))}, r"2.weight has shape \(3, 1\), the model expects \(1, 3\)"),
        ({"2.bias": np.array(["x"])}, "2.bias must be an array of real numbers, got dtype"),
        ({"2.bias": np.array([1j])}, "2.bias must be an array of real numbers, got dtype complex128"),
    ],
)
def test_arrays_are_loaded_all_or_none(change: dict[str, Any], message: str) -> None:
    model = MLP(2, [3, 1])
    before = [p.data for p in model.parameters()]
    arrays = {name: array + 1 for name, array in model.arrays().items()} | change
    with pytest.raises(ValueError, match=message):
        model.load_arrays({name: array for name, array in arrays.items() if array is not None})
    assert [p.data for p in model.parameters()] == before


def test_arrays_are_copies() -> None:
    model = MLP(1, [1])
    model.arrays()["0.weight"][:] = 7
    assert model.parameters()[0].data != 7


def test_a_layer_sees_the_weights_that_were_put_in_place_of_others() -> None:
    layer = Layer(1, 2, "linear", seed=0)
    layer([1.0])
    old = layer.neurons[0].weight[0]
    layer.neurons[0].weight = (Value(old.data),)  # equal, but another one
    layer([1.0])[0].backward()
    assert (old.grad, layer.neurons[0].weight[0].grad) == (0.0, 1.0)
    layer.neurons[1].weight = [Value(7.0)]  # type: ignore[assignment]
    layer.neurons[1].weight[0] = Value(8.0)  # type: ignore[index]
    assert layer([1.0])[1].data == 8.0
    layer.neurons.pop()
    assert len(layer([1.0])) == 1


def test_zero_grad_forgets_the_gradients() -> None:
    model = MLP(2, [2, 1], "tanh")
    model([1.0, 2.0])[0].backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_a_copy_of_a_model_is_independent() -> None:
    model = MLP(2, [2, 1], "tanh")
    twin = copy.deepcopy(model)
    assert twin([1.0, 2.0])[0].data == model([1.0, 2.0])[0].data
    twin([1.0, 2.0])[0].backward()
    assert not any(p.grad for p in model.parameters())


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Neuron(1, None), "Neuron(1 -> 1, 2 parameters)"),
        (Layer(2, 3, "gelu"), "Layer(2 -> 3 gelu, 9 parameters)"),
        (MLP(4, [16, 16, 3]), "MLP(4 -> 16 relu -> 16 relu -> 3, 403 parameters)"),
    ],
)
def test_repr_shows_the_shape(module: Module, text: str) -> None:
    assert repr(module) == text


def test_a_primitive_of_the_user_can_be_the_activation() -> None:
    try:
        bump = Primitive("bump_for_test", "bump", lambda x: x * x, lambda out, x: (2 * x,), "x squared.")
        assert Neuron(1, bump)([2.0]).op is bump
    finally:
        PRIMITIVES.pop("bump_for_test", None)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_arrays_load_straight_into_pytorch() -> None:
    import torch
    from torch import nn

    model = MLP(3, [5, 4, 2], "tanh", seed=1)
    twin = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in model.arrays().items()})
    row = [0.5, -1.0, 2.0]
    outputs = twin(torch.tensor(row, dtype=torch.float64))
    assert [output.data for output in model(row)] == pytest.approx(outputs.tolist(), rel=1e-13)
    node_sum(model(row)).backward()
    outputs.sum().backward()
    gradients = torch.cat([p.grad.ravel() for p in twin.parameters() if p.grad is not None])
    assert [p.grad for p in model.parameters()] == pytest.approx(gradients.tolist(), rel=1e-12)
