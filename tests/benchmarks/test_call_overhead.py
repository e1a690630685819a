"""What a call costs when there is almost nothing to compute: three Python floats in, a value and gradients out."""

import pytest

from autograd_engine import jit, sin, value_and_grad
from tests.benchmarks.peers import tensors

POINT = (1.5, 2.0, 3.0)


def function(sin):
    return lambda x, y, z: sin(x * y) + z / (1 + x * x)


@pytest.mark.parametrize(("argnums", "name"), [(0, "one gradient"), ((0, 1, 2), "three gradients")])
def test_overhead_of_a_call(compare, argnums, name):
    jax = tensors.jax()
    ours = jit(value_and_grad(function(sin), argnums=argnums))
    theirs = jax.jit(jax.value_and_grad(function(jax.numpy.sin), argnums=argnums))

    value, gradients = ours(*POINT)
    other_value, other_gradients = theirs(*POINT)
    assert value == pytest.approx(float(other_value))
    assert gradients == pytest.approx(jax.tree.map(float, other_gradients))
    # JAX returns before the result is there, and arrays instead of floats: both are given to it.
    compare(lambda: ours(*POINT), f"jax.jit, {name}", lambda: theirs(*POINT), bar=2)
