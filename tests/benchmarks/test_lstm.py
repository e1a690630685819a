"""A recurrent network of two layers on a text of 1,024 letters: its loss and the gradient through all steps."""

import numpy as np
import pytest

from autograd_engine import exp, jit, log, scan, sigmoid, sum, tanh, value_and_grad
from tests.benchmarks.peers import cpp

LAYERS, UNITS, STEPS = 2, 14, 1024


def unit(w, x, hidden, cell):
    """A unit of a layer, with weights and biases of its forget, in, out and change gates: what it holds afterwards."""
    forget, out = sigmoid(x * w[0] + w[4]), sigmoid(x * w[2] + w[6])
    cell = cell * forget + sigmoid(hidden * w[1] + w[5]) * tanh(hidden * w[3] + w[7])
    return out * tanh(cell), cell


def loss(main, extra, sequence):
    """The mean cross-entropy of the next letter. `main` is (layers, 8, units), `extra` (3, units)."""

    def step(layers, letters):
        letter, following = letters
        x, after = [letter[k] * extra[0][k] for k in range(UNITS)], []
        for weights, (hidden, cell) in zip(main, layers):
            new = [unit(weights[:, k], x[k], hidden[k], cell[k]) for k in range(UNITS)]
            x = [hidden for hidden, _ in new]
            after.append((x, [cell for _, cell in new]))
        scores = [x[k] * extra[1][k] + extra[2][k] for k in range(UNITS)]
        norm = log(sum([exp(score) for score in scores]))
        return after, sum([following[k] * (norm - scores[k]) for k in range(UNITS)])

    zeros = [0.0] * UNITS
    _, losses = scan(step, [(zeros, zeros)] * LAYERS, (sequence[:-1], sequence[1:]))
    return sum(losses) / STEPS


def test_lstm_against_cpp(compare, tmp_path):
    draws = np.random.default_rng(0)
    main, extra = draws.normal(size=(LAYERS, 8, UNITS)), draws.normal(size=(3, UNITS))
    arguments = main, extra, np.eye(UNITS)[draws.integers(0, UNITS, STEPS + 1)]
    ours, theirs = jit(value_and_grad(loss, argnums=(0, 1))), cpp.lstm(*arguments, tmp_path)
    (value, gradient), (other_value, other_gradient) = ours(*arguments), theirs()
    assert value == pytest.approx(other_value, rel=1e-12)
    for mine, other in zip(gradient, other_gradient):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)
    compare(lambda: ours(*arguments), f"C++ with vectors, LSTM, {STEPS:,} steps", theirs, bar=1 / 1.3)
