"""Lists, indices and branches in loops, as users write them, with derivatives, beside JAX."""

import functools

import numpy as np

from autograd_engine import exp, jit, mean, sin, sqrt, value_and_grad, vmap
from tests.autograd_engine.compiler.test_indices import looked_up
from tests.autograd_engine.compiler.test_programs import american_put
from tests.benchmarks.test_loops import agree, jax_with_doubles

PUT = (100.0, 105.0, 0.3, 0.05, 1.0)
KNOTS = np.sort(np.random.default_rng(0).uniform(0.0, 10.0, 200))
HEIGHTS = np.sin(KNOTS)
QUERIES = np.random.default_rng(1).uniform(KNOTS[0], KNOTS[-1], 10_000)
NORMALS = np.random.default_rng(2).normal(size=(10_000, 50, 2))
HESTON = (100.0, 0.04, 1.5, 0.04, 0.6, -0.7, 0.02)
CONTROLS = np.sin(np.arange(10_000) * 1e-2)


def heston_path(spot, v0, kappa, theta, xi, rho, rate, normals, strike=100.0, barrier=88.0, years=1.0):
    dt = years / len(normals)
    s, v = spot, v0
    for z in normals:
        positive = max(v, 0.0)
        w = rho * z[0] + sqrt(1 - rho * rho) * z[1]
        s = s * exp((rate - 0.5 * positive) * dt + sqrt(positive * dt) * z[0])
        v = v + kappa * (theta - positive) * dt + xi * sqrt(positive * dt) * w
        if s < barrier:
            return 0.0
    return exp(-rate * years) * max(s - strike, 0.0)


def heston(*parameters):
    return mean(vmap(lambda normals: heston_path(*parameters, normals))(NORMALS))


def swing(controls):
    angle, speed, cost = 1.0, 0.0, 0.0
    for u in controls:
        speed += 1e-3 * (min(max(u, -0.9), 0.9) - sin(angle) - 0.1 * speed)
        angle += 1e-3 * speed
        cost += 1e-3 * (angle**2 + 0.01 * u**2)
    return cost


def test_american_put_against_jax(compare):
    jax = jax_with_doubles()
    jnp = jax.numpy

    def scanned(spot, strike, vol, rate, years, steps=200):
        dt = years / steps
        up = jnp.exp(vol * jnp.sqrt(dt))
        p = (jnp.exp(rate * dt) - 1 / up) / (up - 1 / up)
        j = jnp.arange(steps + 1)

        def back(v, i):
            hold = jnp.exp(-rate * dt) * (p * jnp.roll(v, -1) + (1 - p) * v)
            return jnp.maximum(hold, strike - spot * up ** (2 * j - i)), None

        v = jnp.maximum(strike - spot * up ** (2 * j - steps), 0.0)
        return jax.lax.scan(back, v, jnp.arange(steps - 1, -1, -1))[0][0]

    theirs = jax.jit(jax.value_and_grad(scanned, tuple(range(5))))
    ours = jit(value_and_grad(functools.partial(american_put, steps=200), tuple(range(5))))
    agree(ours(*PUT), theirs(*PUT))
    name = "JAX's scan, American put, 200 steps"
    compare(lambda: ours(*PUT), name, lambda: jax.block_until_ready(theirs(*PUT)), bar=10)


def test_look_up_against_jax(compare):
    jax = jax_with_doubles()
    theirs = jax.jit(jax.vmap(jax.value_and_grad(lambda x: jax.numpy.interp(x, KNOTS, HEIGHTS))))
    ours = jit(vmap(value_and_grad(functools.partial(looked_up, KNOTS, HEIGHTS))))
    agree(ours(QUERIES), theirs(QUERIES))
    name = "jnp.interp, 10,000 queries in 200 knots"
    compare(lambda: ours(QUERIES), name, lambda: jax.block_until_ready(theirs(QUERIES)), bar=1)


def test_heston_against_jax(compare):
    jax = jax_with_doubles()
    jnp = jax.numpy

    def path(spot, v0, kappa, theta, xi, rho, rate, normals):
        dt = 1.0 / len(normals)

        def step(state, z):
            s, v, alive = state
            positive = jnp.maximum(v, 0.0)
            root = jnp.where(positive > 0, jnp.sqrt(jnp.where(positive > 0, positive, 1.0) * dt), 0.0)
            w = rho * z[0] + jnp.sqrt(1 - rho * rho) * z[1]
            s = s * jnp.exp((rate - 0.5 * positive) * dt + root * z[0])
            return (s, v + kappa * (theta - positive) * dt + xi * root * w, alive & (s >= 88.0)), None

        s, _, alive = jax.lax.scan(step, (spot, v0, True), normals)[0]
        return jnp.where(alive, jnp.exp(-rate) * jnp.maximum(s - 100.0, 0.0), 0.0)

    theirs = jax.jit(jax.value_and_grad(lambda *p: jax.vmap(lambda z: path(*p, z))(NORMALS).mean(), tuple(range(7))))
    ours = jit(value_and_grad(heston, tuple(range(7))))
    agree(ours(*HESTON), theirs(*HESTON))
    name = "JAX's scan, Heston with a barrier, 10,000 paths x 50, 7 Greeks"
    compare(lambda: ours(*HESTON), name, lambda: jax.block_until_ready(theirs(*HESTON)), bar=8, rounds=3)


def test_control_against_jax(compare):
    jax = jax_with_doubles()
    jnp = jax.numpy

    def scanned(controls):
        def step(state, u):
            angle, speed, cost = state
            speed = speed + 1e-3 * (jnp.minimum(jnp.maximum(u, -0.9), 0.9) - jnp.sin(angle) - 0.1 * speed)
            angle = angle + 1e-3 * speed
            return (angle, speed, cost + 1e-3 * (angle**2 + 0.01 * u**2)), None

        return jax.lax.scan(step, (1.0, 0.0, 0.0), controls)[0][2]

    theirs = jax.jit(jax.value_and_grad(scanned))
    ours = jit(value_and_grad(swing))
    agree(ours(CONTROLS), theirs(CONTROLS))
    name = "JAX's scan, control of a pendulum, 10,000 gradients"
    compare(lambda: ours(CONTROLS), name, lambda: jax.block_until_ready(theirs(CONTROLS)), bar=1)
