"""A small network trained by fit: 2-16-16-1 on 200 points by Adam, thousands of steps, made ready included."""

import numpy as np
import pytest

from nn import MLP, Adam, fit, squared_error
from nn.training import epochs
from tests.benchmarks.peers import tensors

STEPS, RATE = 7000, 0.01
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 2))
Y = np.where(X[:, 0] * X[:, 1] > 0, 1.0, -1.0)


@pytest.fixture(params=[8, 32, 200], ids=lambda size: f"batches of {size}")
def size(request):
    return request.param


def trained(size):
    model = MLP(2, [16, 16, 1], seed=0)
    count = STEPS // -(-len(X) // size)
    optimizer = Adam(model.parameters(), lr=RATE)
    history = fit(model, X, Y, squared_error, optimizer, epochs=count, batch_size=size, progress=False)
    return history.loss


def test_against_steps_called_from_python(compare, size):
    def theirs():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(epochs, "WORTH_TOGETHER", float("inf"))
            return trained(size)

    assert trained(size) == theirs()
    compare(lambda: trained(size), f"the same steps called from Python, batches of {size}", theirs, bar=2, rounds=3)


def test_against_pytorch(compare, size):
    torch = tensors.torch()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(Y)

    def theirs():
        torch.manual_seed(0)
        linear, relu = torch.nn.Linear, torch.nn.ReLU
        model = torch.nn.Sequential(linear(2, 16), relu(), linear(16, 16), relu(), linear(16, 1)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        for _ in range(STEPS // -(-len(X) // size)):
            for rows in torch.randperm(len(X)).split(size):
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(model(inputs[rows])[:, 0], targets[rows]).backward()
                optimizer.step()

    compare(lambda: trained(size), f"PyTorch, batches of {size}", theirs, bar=10, rounds=3)
