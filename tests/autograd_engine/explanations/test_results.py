"""Losses whose derivative everyone knows are recognised, however they are written, and nothing else is."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    dot,
    exp,
    explain,
    gradient,
    log,
    log1p,
    log_softmax,
    logsumexp,
    sigmoid,
    softmax,
    softplus,
)
from autograd_engine import sum as sum_values
from nn import MLP, binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy
from tests.autograd_engine.explanations.reader import chained, evaluated, statements

SOFTMAX = {
    "cross_entropy": lambda z, k: cross_entropy(z, k),
    "softmax": lambda z, k: -log(softmax(z)[k]),
    "log_softmax": lambda z, k: -log_softmax(z)[k],
    "logsumexp": lambda z, k: logsumexp(z) - z[k],
    "by hand": lambda z, k: -log(exp(z[k]) / (exp(z[0]) + exp(z[1]) + exp(z[2]))),
    "shifted by hand": lambda z, k: log(sum_values([exp(x - z[0].data) for x in z])) - (z[k] - z[0].data),
    "of logits": lambda z, k: logsumexp(z) - dot([float(i == k) for i in range(3)], z),
    "over the classes": lambda z, k: sum_values([-(i == k) * log(p) for i, p in enumerate(softmax(z))]),
    "with targets": lambda z, k: -sum_values([Value(i == k, f"y{i}") * log(p) for i, p in enumerate(softmax(z))]),
}
LOGISTIC = {
    "bce": lambda z, y: binary_cross_entropy(sigmoid(z), y),
    "bce with logits": lambda z, y: binary_cross_entropy_with_logits(z, y),
    "by hand": lambda z, y: -(y * log(sigmoid(z)) + (1 - y) * log(1 - sigmoid(z))),
    "log1p": lambda z, y: -(y * log(sigmoid(z)) + (1 - y) * log1p(-sigmoid(z))),
    "softplus": lambda z, y: softplus(z) - y * z,
}
numbers = st.floats(-1.5, 1.5).map(lambda x: round(x, 3))


def is_true(explanation, leaves):
    """Whether each line, read back, has the number that stands at its end."""
    top, _, below = explanation.text.partition("\nwhere\n")
    known = {leaf.label: leaf.data for leaf in leaves}
    definitions = dict(statements("\n".join(line.removeprefix("  ") for line in below.splitlines())))
    known |= {left: evaluated(rights[-1][1], {}) for left, rights in definitions.items()}
    lines = [*definitions.items(), next(statements(top))]
    return all(
        math.isclose(chained(right, known), evaluated(rights[-1][1], {}), rel_tol=1e-9, abs_tol=1e-12)
        for _, rights in lines
        for _, right in rights
    )


@pytest.mark.parametrize("loss", SOFTMAX.values(), ids=SOFTMAX)
@given(at=st.tuples(numbers, numbers, numbers), k=st.integers(0, 2))
def test_softmax_with_cross_entropy(loss, at, k):
    z = [Value(x, f"z{i}") for i, x in enumerate(at)]
    out = loss(z, k)
    for i, logit in enumerate(z):
        explanation = explain(out, logit, digits=17)
        assert re.match(rf"d out/d z{i} = p{i}( - y{i}| - 1)?( = |\n)", explanation.text)
        assert "\nsoftmax with cross-entropy: p - y" in explanation.text
        assert explanation.number == gradient(out, [logit])[0]
        assert is_true(explanation, [*z, *(Value(j == k, f"y{j}") for j in range(3))])


@pytest.mark.parametrize("loss", LOGISTIC.values(), ids=LOGISTIC)
@given(at=st.tuples(numbers, numbers, numbers), y=st.sampled_from([0.0, 0.25, 1.0]))
def test_the_logistic_with_cross_entropy(loss, at, y):
    leaves = w, x, b, t = [Value(number, name) for number, name in zip((*at, y), "wxbt")]
    for target in (y, t):
        out = loss(w * x + b, target)
        explanation = explain(out, w, digits=17)
        assert "\nthe logistic with cross-entropy: p - y" in explanation.text or target == 0.0
        assert explanation.number == gradient(out, [w])[0]
        assert is_true(explanation, leaves)


def test_as_a_teacher_writes_it():
    z = [Value(x, f"z{i}") for i, x in enumerate((1.0, 2.0, -1.0))]
    assert str(explain(cross_entropy(z, 1), z[1])).splitlines() == [
        "d out/d z1 = p1 - 1 = -0.2946",
        "softmax with cross-entropy: p - y",
        "where",
        "  p1 = exp(z1 - lse) = 0.7054",
        "  lse = logsumexp(z0, z1, z2) = 2.349",
    ]
    w, x, b, t = (Value(number, name) for number, name in zip((0.7, 1.5, -0.2, 1.0), "wxbt"))
    p = sigmoid(w * x + b)
    p.label = "p"
    assert str(explain(-(t * log(p) + (1 - t) * log(1 - p)), w)).splitlines() == [
        "d out/d w = (p-t) · x",
        "          = -0.2994 · 1.5",
        "          = -0.4491",
        "the logistic with cross-entropy: p - y",
    ]
    model = MLP(2, [3, 3], "tanh", seed=0)
    names = model.named_parameters()
    loss = cross_entropy(model([Value(0.5, "x1"), Value(-1.0, "x2")]), 1)
    text = str(explain(loss, names["0.weight[0, 0]"], names=names))
    assert "(p1-1) · 2.weight[1, 0] · (1-v3²) · x1" in text
    assert "p - y" not in str(explain(loss, names["0.weight[0, 0]"], names=names, full=True))


@pytest.mark.parametrize(
    "f",
    [
        lambda z, y: -2 * log(softmax(z)[0]) + z[1] * z[0],  # not with the weight 1
        lambda z, y: log(exp(z[0]) + 2 * exp(z[1])) - z[0],  # not a softmax
        lambda z, y: logsumexp(z[:2]) - z[2],  # of another logit
        lambda z, y: exp(z[0]) / (exp(z[0]) + exp(z[1])),  # no logarithm
    ],
)
def test_what_only_looks_like_it_is_not(f):
    z = [Value(0.5, f"z{i}") for i in range(3)]
    out = f(z, Value(1.0, "y"))
    for leaf in z:
        explanation = explain(out, leaf)
        assert explanation.number == gradient(out, [leaf])[0]
        assert "p - y" not in explanation.text


def test_by_the_target_and_by_the_probability_it_is_the_chain_rule():
    z, t = Value(0.3, "z"), Value(0.8, "t")
    p = sigmoid(z)
    p.label = "p"
    loss = -(t * log(p) + (1 - t) * log(1 - p))
    for wrt in (t, p):
        assert "p - y" not in explain(loss, wrt).text
        assert explain(loss, wrt).number == gradient(loss, [wrt])[0]
