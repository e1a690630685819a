"""A network 2-16-16-1: mean squared error and its gradient in 337 parameters, summed over the samples in the kernel."""

import numpy as np
import pytest

from autograd_engine import dot, jit, mean, relu, tanh, value_and_grad, vmap
from tests.benchmarks.peers import tensors, vector_cpp

ACTIVATIONS = {"relu": relu, "tanh": tanh}
BARS = {
    ("relu", 96): {"JAX": 2, "PyTorch": 6, "C++": 1 / 1.5},
    ("relu", 10_000): {"JAX": 2, "PyTorch": 2, "C++": 1 / 1.5},
    ("tanh", 96): {"JAX": 1},
    ("tanh", 10_000): {"JAX": 1},
}


def problem(n):
    """Layers as pairs (weight, bias), X (n, 2) and y (n,)."""
    draws = np.random.default_rng(0)
    sizes = ((16, 2), (16, 16), (1, 16))
    layers = [(draws.normal(size=size) / 2, draws.normal(size=size[0]) / 2) for size in sizes]
    return layers, draws.normal(size=(n, 2)), draws.normal(size=n)


def compiled_step(activation, **options):
    """The network as one writes it for one sample, compiled for a batch of them."""
    nonlinear = ACTIVATIONS[activation]

    def loss(layers, x, y):
        *hidden, (weight, bias) = layers
        for weights, biases in hidden:
            x = [nonlinear(dot(row, x) + b) for row, b in zip(weights, biases)]
        return (dot(weight[0], x) + bias[0] - y) ** 2

    return jit(value_and_grad(lambda layers, X, y: mean(vmap(loss, in_axes=(None, 0, 0))(layers, X, y))), **options)


@pytest.fixture(params=BARS, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    activation, n = request.param
    layers, X, y = problem(n)
    step = compiled_step(activation)
    return f"{activation}, {n:,} samples", activation, (layers, X, y), lambda: step(layers, X, y), BARS[request.param]


@pytest.mark.parametrize("arrays", ["NumPy arrays", "device arrays"])
def test_against_jax(compare, case, arrays):
    name, activation, arguments, ours, bars = case
    theirs = tensors.jax_mlp(activation, *arguments, on_device=arrays == "device arrays")
    assert_agree(ours, theirs)
    compare(ours, f"JAX with {arrays}, {name}", theirs, bar=bars["JAX"] if arrays == "NumPy arrays" else None)


def test_against_pytorch(compare, case):
    name, activation, arguments, ours, bars = case
    theirs = tensors.torch_mlp(activation, *arguments)
    assert_agree(ours, theirs)
    compare(ours, f"PyTorch, {name}", theirs, bar=bars.get("PyTorch"))


@pytest.mark.parametrize("called", ["with NumPy arrays", "with pointers"])
def test_against_vector_cpp(compare, case, tmp_path, called):
    name, activation, arguments, ours, bars = case
    theirs = vector_cpp.mlp(activation, *arguments, tmp_path, bare=called == "with pointers")
    assert_agree(ours, theirs)
    compare(ours, f"vector C++ called {called}, {name}", theirs, bar=bars.get("C++"))


def assert_agree(ours, theirs):
    value, layers = ours()
    other_value, other_layers = theirs()
    assert value == pytest.approx(float(other_value), rel=1e-10)
    np.testing.assert_allclose(flat(layers), flat(other_layers), rtol=1e-8, atol=1e-12)


def flat(tree):
    """All numbers of nested lists and tuples of arrays, in order."""
    return np.concatenate([flat(part) for part in tree]) if isinstance(tree, (list, tuple)) else np.ravel(tree)
