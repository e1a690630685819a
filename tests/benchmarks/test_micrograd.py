"""The demo of micrograd, 100 moons through 2-16-16-1 with hinge loss and L2, forward and backward once."""

import builtins
import random

import pytest

from autograd_engine import Value, dot, relu, sum
from autograd_engine.graph import topological_order
from nn import MLP

micrograd_nn = pytest.importorskip("micrograd.nn")
micrograd_engine = pytest.importorskip("micrograd.engine")


@pytest.fixture(scope="module")
def moons():
    from sklearn.datasets import make_moons

    X, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    return X.tolist(), (2 * y - 1).tolist()


@pytest.fixture(scope="module")
def micrograd_step(moons):
    """The loss function of micrograd's demo notebook, and its backward pass."""
    X, y = moons
    random.seed(1337)
    model = micrograd_nn.MLP(2, [16, 16, 1])

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

    compare(step, "micrograd", micrograd_step)


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
    compare(step, "micrograd", micrograd_step)
