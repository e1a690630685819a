"""What is alike in the body of a loop is computed in vectors, with the bits of one number after the other."""

import random

import numpy as np
import pytest

from autograd_engine import (
    exp,
    fori_loop,
    grad,
    jit,
    log,
    maximum,
    scan,
    sigmoid,
    sin,
    sqrt,
    tanh,
    value_and_grad,
    where,
    while_loop,
)
from autograd_engine.compiler.llvm import executable, packs
from autograd_engine.compiler.llvm.body import Body
from autograd_engine.compiler.llvm.calls import own
from autograd_engine.compiler.llvm.host import width
from autograd_engine.compiler.llvm.lower import LOWERINGS
from autograd_engine.compiler.llvm.vector_math import VECTOR_MATH
from autograd_engine.structure import leaves_of
from tests.nested import numbers

FUNCTIONS = ["tanh", "sin", "sqrt", "exp", "sigmoid", "log"]
LANES = [lanes for lanes in (2, 4, 8) if lanes <= width()]


@pytest.fixture
def without_packs(monkeypatch):
    """`without_packs(f, *args)`: f(*args), in a kernel that computes one number after the other."""

    def run(f, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(Body, "lanes_of_a_vector", lambda self: 1)
            return f(*arguments)

    return run


class Drawn:
    """A random recurrent network of units, most of which do the same."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.units = self.random.choice([2, 3, 5, 7, 8, 9, 14, 16, 19])
        self.parts = [self.formula(self.random.randint(2, 4)) for _ in range(self.random.randint(1, 3))]
        self.odd = self.random.choice([None, None, self.random.randrange(self.units)])
        self.shift = self.random.choice([0, 0, 1, 3])
        self.sums = self.random.random() < 0.7
        self.by_unit = self.random.random() < 0.5
        self.reverse = self.random.random() < 0.3

    def formula(self, depth):
        """A function of a unit's numbers: state, input, weights and what is the same for all."""
        if depth == 0 or self.random.random() < 0.15:
            place = self.random.choice(["h", "x", "w", "v", "s", "c"])
            constant = self.random.choice([0.5, -1.25, 2.0])
            return lambda of: of[place] if place != "c" else constant
        name = self.random.choice(["+", "+", "-", "*", "*", "/", "max", "where", "abs", "k", *FUNCTIONS])
        a, b, c = (self.formula(depth - 1) for _ in range(3))
        return {
            "+": lambda of: a(of) + b(of),
            "-": lambda of: a(of) - b(of),
            "*": lambda of: a(of) * b(of),
            "/": lambda of: a(of) / (2.0 + b(of) * b(of)),
            "max": lambda of: maximum(a(of), b(of)),
            "where": lambda of: where(a(of) < b(of), c(of), b(of)),
            "abs": lambda of: abs(a(of)) * 0.5,
            "k": lambda of: a(of) * of["k"] + b(of),
            "tanh": lambda of: tanh(a(of)),
            "sin": lambda of: sin(a(of)),
            "sqrt": lambda of: sqrt(1.0 + a(of) * a(of)),
            "exp": lambda of: exp(-abs(a(of))),
            "sigmoid": lambda of: sigmoid(a(of)),
            "log": lambda of: log(1.0 + b(of) * b(of)),
        }[name]

    def step(self, w, states, x):
        states = list(zip(*states)) if self.by_unit else states
        shared = w[2][0] * states[0][0]
        after = []
        for part, formula in enumerate(self.parts):
            new = []
            for u in range(self.units):
                h = states[part][(u + self.shift) % self.units]
                of = {"h": h, "x": x[u], "w": w[0][u], "v": w[1][u], "s": shared, "k": 0.25 * u - 1.0}
                new.append(formula(of) * 0.5 + (0.125 * h if u == self.odd else h * 0.25))
            if self.sums:
                shared = shared * 0.1 + sum(new[1:], new[0]) * 0.01
            after.append(new)
        after = [list(unit) for unit in zip(*after)] if self.by_unit else after
        return after, (shared, after[0][0], after[-1][-1])

    def loss(self, w, xs):
        zeros = [[0.1 * u - 0.2 for u in range(self.units)] for _ in self.parts]
        zeros = [list(unit) for unit in zip(*zeros)] if self.by_unit else zeros
        states, (a, b, c) = scan(lambda states, x: self.step(w, states, x), zeros, xs, reverse=self.reverse)
        return sum([x for part in states for x in part]) + np.sum(a * b) + np.sum(c)

    def arguments(self, steps=20):
        draws = np.random.default_rng(self.units)
        return draws.normal(size=(3, self.units)), draws.normal(size=(steps, self.units))


@pytest.fixture
def our_functions(monkeypatch):
    """Functions of single numbers are our own too, in the default mode."""
    for name in VECTOR_MATH:
        monkeypatch.setitem(LOWERINGS, name, own(name, scalar=True))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_packs_change_no_bit(seed, exact, without_packs, our_functions, monkeypatch):
    monkeypatch.setattr(executable, "width", lambda: LANES[seed % len(LANES)])
    drawn = Drawn(seed)
    for f in (drawn.loss, value_and_grad(drawn.loss, argnums=(0, 1))):
        want = without_packs(jit(f, exact=exact), *drawn.arguments())
        np.testing.assert_array_equal(numbers(jit(f, exact=exact)(*drawn.arguments())), numbers(want))


def searched(a, n):
    """Each number comes to rest, in as many rounds as that takes all of them, or n rounds."""

    def goes(state):
        i, x, _ = state
        return (i < n) & (abs(x[0] - 1.0) > 1e-12)

    def onward(state):
        i, x, y = state
        return i + 1, [sqrt(number) for number in x], [other + tanh(number) for number, other in zip(x, y)]

    return while_loop(goes, onward, (0.0, list(a), [0.0] * len(a)))[1:]


def written(a, n):
    """A list that the loop changes, beside numbers that are alike."""
    v, x = [0.25 * number for number in a], list(a)

    def onward(i, state):
        v, x = state
        v[i % 9] = v[(i + 4) % 9] * 0.5 + x[3]
        return v, [number * 0.5 + exp(-(number**2)) + 0.1 * v[(2 * i) % 9] for number in x]

    return fori_loop(0, n, onward, (v, x))


def nested(a, n):
    """Numbers that are alike in a loop and in one inside of it, which reads what another has kept."""

    def inner(i, state):
        return [0.5 * x + 0.25 * sin(x) + 0.01 * i for x in state]

    def outer(i, state):
        return [x - 0.1 * y for x, y in zip(fori_loop(0, i, inner, state), state)]

    return fori_loop(0, n, outer, list(a))


A = np.linspace(0.5, 2.5, 9)


@pytest.mark.parametrize("n", [0.0, 1.0, 2.0, 17.0, 40.0])
@pytest.mark.parametrize("f", [searched, written, nested])
def test_whatever_else_is_in_the_loop(f, n, without_packs, our_functions):
    def total(a, n):
        return sum(leaves_of(f(a, n)))

    for of in (f, grad(total)):
        want = without_packs(jit(of), A, n)
        np.testing.assert_array_equal(numbers(jit(of)(A, n)), numbers(want))
        np.testing.assert_allclose(numbers(want), numbers(of(A, int(n))), rtol=1e-12, atol=1e-13)
    assert f"<{LANES[-1]} x double>" in jit(f).llvm(A, n)
    assert " x double>" not in without_packs(lambda: jit(f).llvm(A, n))


def test_the_longest_bodies_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(packs, "LONGEST", 10)
    assert " x double>" not in jit(searched).llvm(A, 17.0)


def test_the_first_index_out_of_range_is_named():
    def f(a, n):
        x, y = list(a), 0.0
        for i in range(n):
            y = y + a[i] + a[2 * i] + x[0]
            x = [number * 0.5 + exp(-number) for number in x]
        return y

    with pytest.raises(IndexError, match="10 is out of"):
        jit(f)(A, 8.0)
