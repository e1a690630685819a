"""Products with matrices in loops over samples: as loops, with the bits of straight code."""

import numpy as np
import pytest

from autograd_engine import dot, exp, jit, mean, relu, tanh, value_and_grad, vmap
from autograd_engine import sum as total
from autograd_engine.compiler.llvm import modules
from autograd_engine.compiler.llvm.products import products_of
from tests.nested import numbers

DRAWS = np.random.default_rng(0)
W = {"first": DRAWS.normal(size=(13, 9)) / 3, "bias": DRAWS.normal(size=13), "second": DRAWS.normal(size=(10, 13)) / 3}
X, Y = DRAWS.normal(size=(150, 9)), DRAWS.normal(size=150)
MODELS = []


def model(products, sums, w=None):
    """A function of weights and a sample, in whose value and gradient so many loops are found."""

    def keep(f):
        MODELS.append(pytest.param(f, products, sums, W if w is None else w, id=f.__name__))
        return f

    return keep


@model(products=3, sums=2)
def two_layers(w, x):
    hidden = [relu(dot(row, x) + b) for row, b in zip(w["first"], w["bias"])]
    return total([tanh(dot(row, hidden)) for row in w["second"]])


@model(products=3, sums=2)
def layers_without_anything_between(w, x):
    hidden = [dot(row, x) for row in w["first"]]
    return total([dot(row, hidden) ** 2 for row in w["second"]])


@model(products=3, sums=2, w={name: array.tolist() for name, array in W.items()})
def weights_in_lists(w, x):
    return two_layers(w, x)


@model(products=3, sums=2, w={name: array.T.copy() for name, array in W.items()})
def columns_of_weights(w, x):
    hidden = [tanh(dot(w["first"][:, j], x) + w["bias"][j]) for j in range(13)]
    return total([tanh(dot(w["second"][:, j], hidden)) for j in range(10)])


@model(products=3, sums=2)
def products_in_a_matrix(w, x):
    return total(np.tanh(w["second"] @ np.tanh(w["first"] @ x + w["bias"])))


@model(products=2, sums=0)  # the gradient of a weight is one sum, over both uses
def a_layer_that_is_used_twice(w, x):
    square = w["first"][:9]
    return total([tanh(dot(row, [tanh(dot(row, x)) for row in square])) for row in square])


@model(products=1, sums=1)  # all rows of the first matrix are one product, wherever they are used
def two_heads(w, x):
    left = [relu(dot(row, x)) for row in w["first"][:5]]
    right = [exp(-dot(row, x)) for row in w["first"][5:]]
    return total(left) * total(right) + dot(w["second"][0], [*left, *right]) + total(x * dot(w["first"][2], x))


@model(products=1, sums=1)
def numbers_that_are_computed_in_another_order(w, x):
    backwards = [x[k] * x[0] for k in range(8, -1, -1)]
    return total([tanh(dot(row, backwards)) for row in w["first"]])


@model(products=3, sums=1)  # all outputs have the same slope, which is one number in the product on the way back
def outputs_that_are_added_up(w, x):
    hidden = [tanh(dot(row, x)) for row in w["first"]]
    return total([dot(row, hidden) for row in w["second"]])


def step(f, **options):
    def loss(w, X, y):
        return mean(vmap(lambda x, y: (f(w, x) - y) ** 2)(X, y))

    return jit(value_and_grad(loss), **options)


@pytest.mark.parametrize(("f", "products", "sums", "w"), MODELS)
def test_loops_have_the_bits_of_straight_code(f, products, sums, w, monkeypatch):
    found, lengths = [], []
    for limit, vectors in ((0, 1), (0, 2), (10**6, 2)):
        monkeypatch.setattr(modules, "FROM", limit)
        monkeypatch.setattr(modules, "SMALL", 0 if vectors == 1 else 10**6)
        compiled = step(f)
        found.append([numbers(compiled(w, X[:samples], Y[:samples])) for samples in (1, 37, 150)])
        lengths.append(compiled.llvm().count("fma"))
    *loops, straight = found
    for of_vectors in loops:
        for numbers_of_loops, numbers_of_straight in zip(of_vectors, straight):
            np.testing.assert_array_equal(numbers_of_loops, numbers_of_straight)
    of_lines = products_of(compiled.kernel(w, X, Y).program)
    assert [(len(x.products), len(x.sums)) for x in of_lines.values()] == [(products, sums)]
    assert lengths[0] < lengths[1] < lengths[2]


def test_small_networks_stay_straight_code():
    assert "loop0" not in step(two_layers).llvm(W, X, Y)


def test_exact_kernels_stay_straight_code(monkeypatch):
    monkeypatch.setattr(modules, "FROM", 0)
    assert "loop0" not in step(two_layers, exact=True).llvm(W, X, Y)
