"""Loops around samples under jit, equal to the uncompiled loops: values bit for bit, derivatives of every order."""

import subprocess

import numpy as np
import pytest

from autograd_engine import (
    cond,
    exp,
    fori_loop,
    grad,
    hessian,
    jit,
    jvp,
    mean,
    scan,
    sin,
    sqrt,
    tanh,
    to_c,
    value_and_grad,
    vmap,
    while_loop,
)
from tests.c_compiler import cc, needs_compiler
from tests.nested import numbers

GENERATOR = np.random.default_rng(0)
X, Y = GENERATOR.normal(size=(21, 2)), GENERATOR.normal(size=21)
Z = GENERATOR.normal(size=9)
W = np.array([0.3, -0.2, 0.1])


def error(w, x, y):
    return (tanh(w[0] * x[0] + w[1] * x[1]) + w[2] - y) ** 2


def loss(w, X, Y):
    return mean(vmap(lambda x, y: error(w, x, y))(X, Y))


def descent(w, X, Y, Z):
    return fori_loop(0, 20, lambda i, w: w - 0.1 * np.array(grad(loss)(w, X, Y)), w)


def momentum(w, X, Y, Z):
    def step(state, i):
        w, v = state
        value, slope = value_and_grad(loss)(w, X, Y)
        v = 0.9 * v + np.array(slope)
        return (w - 0.1 * v, v), value * i

    (w, v), losses = scan(step, (w, np.zeros(3)), np.arange(17.0))
    return [*w, sum(losses), losses[3]]


def until_flat(w, X, Y, Z):
    def steep(state):
        w, slope, n = state
        return (sum(slope * slope) > 0.01) & (n < 25)

    def step(state):
        w, slope, n = state
        new = w - 0.2 * slope
        return new, np.array(grad(loss)(new, X, Y)), n + 1

    return while_loop(steep, step, (w, np.array(grad(loss)(w, X, Y)), 0.0))


def of_two_batches(w, X, Y, Z):
    def step(i, w):
        total = vmap(lambda z: exp(-z * w[0]))(Z).sum()
        shift = vmap(lambda x, y: sin(x[0] * total + w[1]) * y)(X, Y).mean()
        return np.array([w[1] * 0.5 + shift, w[0] * 0.9 - 0.1 * shift, w[2] + total * 0.01])

    return fori_loop(0, 18, step, w)


def of_features(w, X, Y, Z):
    features = vmap(lambda x: exp(x[0] * w[2]))(X)

    def step(i, s):
        return s * 0.9 + 0.1 * vmap(lambda f, y: sin(f * s * w[0]) * y + f)(features, Y).mean()

    return fori_loop(0, 20, step, w[1])


def nested(w, X, Y, Z):
    def epoch(k, w):
        w = fori_loop(0, 17, lambda i, w: w - 0.05 * np.array(grad(loss)(w, X, Y)) - 0.001 * i, w)
        return w * (1 - 0.01 * k) + 0.01 * vmap(lambda z: sin(z * w[0]))(Z).sum()

    return fori_loop(0, 18, epoch, w)


def with_loops_of_each_sample(w, X, Y, Z):
    def of_sample(x, y):
        return fori_loop(0, 17, lambda i, h: tanh(h * w[0] + x[0] * w[1] + 0.01 * i), y)

    return fori_loop(0, 17, lambda i, s: s * 0.5 + vmap(of_sample)(X, Y).mean(), w[2])


def with_shared_loops(w, X, Y, Z):
    def step(i, s):
        s = fori_loop(0, 17, lambda j, t: sin(t * w[0] + 0.1 * i) * 0.9, s)
        return s + vmap(lambda z: exp(-s * z * z))(Z).mean() * w[1]

    return fori_loop(0, 17, step, w[2])


def of_an_array(w, X, Y, Z):
    rates = np.linspace(0.1, 0.2, 20)
    return fori_loop(0, 20, lambda i, w: w - rates[i] * np.array(grad(loss)(w, X, Y)) * Y[i], w)


def backwards(w, X, Y, Z):
    return scan(lambda c, r: (c * r[0] + vmap(lambda z: sin(z * c) * w[0])(Z).sum() * r[1], c), w[1], X, reverse=True)


def particles(w, X, Y, Z):
    def step(i, state):
        place, middle = state
        place = vmap(lambda p: p + 0.1 * tanh(w[0] * (middle - p)) + 0.01 * w[1] * sin(p))(place)
        return place, place.mean()

    place, middle = fori_loop(0, 19, step, (vmap(lambda z: z * w[2])(Z), 0.5))
    return middle + (place * place).sum()


def swapped(w, X, Y, Z):
    def step(i, state):
        a, b, s = state
        return b, a, s * 0.9 + 0.1 * vmap(lambda z: tanh(z * a))(Z).sum() * w[2]

    return fori_loop(0, 17, step, (w[0], w[1], 0.0))


def nothing_of_samples_is_left(w, X, Y, Z):
    return fori_loop(0, 20, lambda i, s: s * 0.9 + vmap(lambda z: w[0] + 0 * z * z)(Z).sum() * 0.1, w[1])


def branches(w, X, Y, Z):
    def step(i, s):
        total = vmap(lambda z: sqrt(z * z + s * s + 1.0))(Z).mean()
        return cond(total > 1.5, lambda s: s * 0.5 + total * w[0], lambda s: s + w[1], s)

    return fori_loop(0, 20, step, w[2])


PROGRAMS = [
    descent,
    momentum,
    until_flat,
    of_two_batches,
    of_features,
    nested,
    with_loops_of_each_sample,
    with_shared_loops,
    of_an_array,
    backwards,
    particles,
    swapped,
    nothing_of_samples_is_left,
    branches,
]
