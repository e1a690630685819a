"""to_jax: JAX computes and differentiates what the engine does, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings

from autograd_engine import Value, grad, hessian, jit, sin, value_and_grad
from autograd_engine.bridges import to_jax
from tests.autograd_engine.bridges.numbers import PARAMETERS, SAMPLES, bits, loss
from tests.laws.strategies import expressions, points

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True, scope="module")
def _64_bits():
    with jax.enable_x64(True):
        yield


@settings(max_examples=8)
@given(expressions(max_steps=6), points())
def test_random_programs_have_our_bits(program, point):
    f = to_jax(jit(program, exact=True))
    value, ours = value_and_grad(program, (0, 1))(*map(Value, point))
    found, slopes = jax.value_and_grad(f, (0, 1))(*point)
    assert bits(found) == bits(float(value.data))
    assert bits(slopes) == bits([float(getattr(x, "data", x)) for x in ours])
    for i in (0, 1):
        again = jax.grad(jax.grad(f, i), (0, 1))(*point)
        assert bits(again) == bits(jit(grad(grad(program, i), (0, 1)), exact=True)(*point))


@pytest.mark.parametrize("compiled", [False, True])
def test_nested_arguments_and_batches(compiled):
    f = jax.value_and_grad(to_jax(loss))
    value, slopes = (jax.jit(f) if compiled else f)(PARAMETERS, SAMPLES)
    ours = jit(value_and_grad(loss))(PARAMETERS, SAMPLES)
    assert value == ours[0]
    assert bits(slopes["w"]) == bits(ours[1]["w"])
    assert slopes["b"] == ours[1]["b"]


def test_hessian():
    f = lambda w: loss({"w": w, "b": 0.25}, SAMPLES[:50])  # noqa: E731
    found = jax.jit(jax.jacrev(jax.jacrev(to_jax(f))))(PARAMETERS["w"])
    np.testing.assert_allclose(found, hessian(f)(PARAMETERS["w"]), rtol=1e-13)


def branches(x, y):
    if x > y:
        return {"a": x * sin(y), "b": np.array([x, x * y])}
    return {"a": y, "b": np.array([y * y, x])}


@pytest.mark.parametrize("x", [0.5, 1.5])
def test_nested_results(x):
    found = jax.jacrev(to_jax(branches), (0, 1))(x, 1.0)
    h = 1e-6
    for name, slopes in found.items():
        below, above = branches(x - h, 1.0)[name], branches(x + h, 1.0)[name]
        np.testing.assert_allclose(slopes[0], (above - below) / (2 * h), atol=1e-9)


def test_vmap():
    f = jit(lambda x, y: sin(x * y) * x, exact=True)
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 1, 3)
    ours = np.array([[f(a, b) for b in y] for a in x])
    inner = jax.vmap(to_jax(f), in_axes=(None, 0))
    assert bits(inner(0.5, y)) == bits([f(0.5, b) for b in y])
    assert bits(jax.jit(jax.vmap(inner, in_axes=(0, None)))(x, y)) == bits(ours)
    assert bits(jax.vmap(jax.vmap(to_jax(f)))(*map(np.ascontiguousarray, np.broadcast_arrays(x[:, None], y)))) == bits(
        ours
    )
    slopes = [jit(grad(f.function), exact=True)(a, 0.5) for a in x]
    assert bits(jax.vmap(jax.grad(to_jax(f)), in_axes=(0, None))(x, 0.5)) == bits(slopes)
    assert bits(jax.vmap(to_jax(f))(x[:1], y[:1])) == bits([ours[0, 0]])  # a single sample


def test_vmap_over_arrays():
    f = to_jax(loss)
    many = {"w": np.stack([PARAMETERS["w"]] * 4), "b": np.arange(4.0)}
    found = jax.vmap(f, in_axes=(0, None))(many, SAMPLES[:20])
    np.testing.assert_allclose(found, [f({**PARAMETERS, "b": b}, SAMPLES[:20]) for b in range(4)], rtol=1e-14)


def test_32_bits():
    with jax.enable_x64(False):
        found, slope = jax.value_and_grad(to_jax(lambda x: x * sin(x)))(0.5)
    assert found.dtype == slope.dtype == np.float32
    assert found == np.float32(0.5 * np.sin(0.5))


def test_forward_mode_is_refused():
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(to_jax(sin), (1.0,), (1.0,))


def test_what_cannot_be_compiled_is_our_error():
    def f(x):
        return float(x)

    with pytest.raises(TypeError, match=r"test_jax.py:\d+ \(return float\(x\)\) asks for the float"):
        to_jax(f)(1.0)
