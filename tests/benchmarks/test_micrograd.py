"""The demo of micrograd, 100 moons through 2-16-16-1 with hinge loss and L2, forward and backward once."""

import builtins
import random

import numpy as np
import pytest

from autograd_engine import Value, dot, jit, mean, relu, sum, value_and_grad, vmap
from autograd_engine.graph import topological_order
from nn import MLP

micrograd_nn = pytest.importorskip("micrograd.nn")
micrograd_engine = pytest.importorskip("micrograd.engine")


@pytest.fixture(scope="module")
def moons():
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    return X.tolist(), (2 * y - 1).tolist()


def new_micrograd_model():
    random.seed(1337)
    return micrograd_nn.MLP(2, [16, 16, 1])


@pytest.fixture
def micrograd_model():
    return new_micrograd_model()


@pytest.fixture
def micrograd_step(moons, micrograd_model):
    """The loss function of micrograd's demo notebook, and its backward pass."""
    X, y = moons
    model = micrograd_model

    def step():
        inputs = [list(map(micrograd_engine.Value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -target * score).relu() for target, score in zip(y, scores)]
        data_loss = builtins.sum(losses) * (1.0 / len(losses))
        loss = data_loss + 1e-4 * builtins.sum(p * p for p in model.parameters())
        loss.backward()
        return loss.data

    return step


def test_demo(compare, moons, micrograd_step):
    X, y = moons
    model = MLP(2, [16, 16, 1], seed=1337)
    parameters = model.parameters()

    def step():
        scores = [model(row)[0] for row in X]
        losses = [relu(1 - target * score) for target, score in zip(y, scores)]
        loss = sum(losses) / len(losses) + 1e-4 * dot(parameters, parameters)
        loss.backward()
        return loss.data

    compare(step, "micrograd, with units of nn", micrograd_step)


def test_demo_node_by_node(compare, moons, micrograd_step):
    X, y = moons
    model = MLP(2, [16, 16, 1], seed=1337)
    parameters = model.parameters()

    def forward(row):
        for layer in model.layers:
            outputs = []
            for neuron in layer.neurons:
                z = neuron.bias
                for w, x in zip(neuron.weight, row):
                    z = z + w * x
                outputs.append(z.relu() if layer is not model.layers[-1] else z)
            row = outputs
        return row[0]

    def step():
        losses = [(1 + -target * forward(row)).relu() for target, row in zip(y, X)]
        data_loss = builtins.sum(losses) * (1.0 / len(losses))
        loss = data_loss + 1e-4 * builtins.sum(p * p for p in parameters)
        loss.backward()
        return loss

    assert len(topological_order([step()])) > 60_000
    assert isinstance(step(), Value)
    compare(step, "micrograd, node by node", micrograd_step)


STEPS = 100


def learning_rate(k):
    return 1.0 - 0.9 * k / STEPS


def compiled():
    """The demo's loss written for one sample and compiled for a batch: its value and gradient."""

    def hinge(layers, x, target):
        *hidden, (weight, bias) = layers
        for weights, biases in hidden:
            x = [relu(dot(row, x) + b) for row, b in zip(weights, biases)]
        return relu(1 - target * (dot(weight[0], x) + bias[0]))

    def loss(layers, X, y):
        parameters = np.concatenate([np.ravel(array) for layer in layers for array in layer])
        return mean(vmap(hinge, in_axes=(None, 0, 0))(layers, X, y)) + 1e-4 * dot(parameters, parameters)

    return jit(value_and_grad(loss))


def copied(model):
    """Layers as pairs of arrays (weight, bias) with micrograd's parameters."""
    return [
        (np.array([[w.data for w in n.w] for n in layer.neurons]), np.array([float(n.b.data) for n in layer.neurons]))
        for layer in model.layers
    ]


def test_compiled_step(compare, moons, micrograd_model, micrograd_step):
    X, y = map(np.array, moons)
    layers, step = copied(micrograd_model), compiled()
    assert step(layers, X, y)[0] == pytest.approx(micrograd_step(), rel=1e-12)
    compare(lambda: step(layers, X, y), "micrograd, a compiled step", micrograd_step, bar=10_000, rounds=3)


def test_whole_demo_compiled(compare, moons, micrograd_model, micrograd_step, no_cache):
    """100 steps of gradient descent; micrograd does four of them, and is taken to need 25 times as long for all."""
    X, y = map(np.array, moons)
    descended = []

    def ours():
        layers, step, losses = copied(new_micrograd_model()), compiled(), []
        for k in range(STEPS):
            value, gradient = step(layers, X, y)
            losses.append(value)
            for layer, slopes in zip(layers, gradient):
                for array, slope in zip(layer, slopes):
                    array -= learning_rate(k) * slope
        descended[:] = losses

    def theirs():
        losses = []
        for k in range(STEPS // 25):
            micrograd_model.zero_grad()
            losses.append(micrograd_step())
            for p in micrograd_model.parameters():
                p.data -= learning_rate(k) * p.grad
        return losses

    ours()
    assert descended[: STEPS // 25] == pytest.approx(theirs(), rel=1e-9)
    assert descended[-1] < 0.1
    compare(ours, "micrograd, the whole demo compiled", theirs, bar=100, rounds=3, first_call=True, scale=25)
