"""Handwritten digits through 64-32-10, batches of 32: from nothing to 97 % on unseen digits, compilation included."""

import numpy as np
import pytest

from nn import MLP, Adam, cross_entropy, fit
from tests.benchmarks.peers import tensors

EPOCHS = 30
LEARNING_RATE, BATCH = 0.01, 32


@pytest.fixture(scope="module")
def digits():
    """1,437 digits to learn from and 360 to be judged by, brightness from 0 to 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X, unseen_X, y, unseen_y = train_test_split(X / 16, y, test_size=360, random_state=0, stratify=y)
    return X, y, unseen_X, unseen_y


def test_digits_against_pytorch(compare, show, no_cache, digits):
    X, y, unseen_X, unseen_y = digits
    torch = tensors.torch()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def ours():
        model = MLP(64, [32, 10], seed=0)
        optimizer = Adam(model.parameters(), lr=LEARNING_RATE)
        fit(model, X, y, cross_entropy, optimizer, epochs=EPOCHS, batch_size=BATCH, progress=False)
        return model

    def theirs():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(inputs)).split(BATCH):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
                optimizer.step()
        return model

    arrays = ours().arrays()
    hidden = np.maximum(unseen_X @ arrays["0.weight"].T + arrays["0.bias"], 0)
    right = np.argmax(hidden @ arrays["2.weight"].T + arrays["2.bias"], axis=1) == unseen_y
    show("accuracy on unseen digits, %", 100 * right.mean(), bar="97")
    network = theirs()
    with torch.no_grad():
        right = network(torch.from_numpy(unseen_X)).argmax(1).numpy() == unseen_y
    show("that of PyTorch's network, %", 100 * right.mean())
    compare(ours, f"PyTorch, {EPOCHS} epochs", theirs, bar=1, rounds=3, first_call=True)
