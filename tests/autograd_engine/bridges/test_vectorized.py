"""vectorized: arrays broadcast as NumPy's functions broadcast them, number by number what jit computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import jit, sin, value_and_grad
from autograd_engine.bridges import vectorized
from tests.autograd_engine.bridges.numbers import bits

F = jit(lambda x, y, z: {"f": sin(x * y) / z, "both": np.array([x, y * z])}, exact=True)
SHAPES = [(), (1,), (4,), (1, 1), (3, 1), (3, 4), (2, 1, 4), (0,), (3, 0)]


@settings(max_examples=40)
@given(st.lists(st.sampled_from(SHAPES), min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_it_broadcasts(shapes, random):
    arrays = [np.array([random.uniform(-2, 2) for _ in range(int(np.prod(s)))]).reshape(s) for s in shapes]
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError:
        with pytest.raises(ValueError, match="shape"):
            vectorized(F)(*arrays)
        return
    found = vectorized(F)(*arrays)
    shape = together[0].shape
    assert np.shape(found["f"]) == shape
    assert np.shape(found["both"]) == (*shape, 2)
    expected = [F(*map(float, numbers)) for numbers in zip(*[x.ravel() for x in together])]
    assert bits(np.ravel(found["f"])) == bits([one["f"] for one in expected])
    assert bits(np.reshape(found["both"], (-1, 2))) == bits(np.reshape([one["both"] for one in expected], (-1, 2)))


def test_all_derivatives_in_one_pass():
    f = lambda x, y: x * sin(y)  # noqa: E731
    x, y = np.linspace(-1, 1, 5)[:, None], np.linspace(0, 1, 7)
    value, slopes = vectorized(value_and_grad(f, (0, 1)))(x, y)
    np.testing.assert_allclose(value, x * np.sin(y), rtol=1e-14)
    np.testing.assert_allclose(slopes[0], np.broadcast_to(np.sin(y), (5, 7)), rtol=1e-14)
    np.testing.assert_allclose(slopes[1], x * np.cos(y), rtol=1e-14)


@pytest.mark.parametrize("x", ["text", [1j], [[1], [2, 3]], None, np.ma.array([1.0], mask=[True])])
def test_what_is_no_array_of_numbers(x):
    with pytest.raises(TypeError, match=r"^sin\(\): argument 0: "):
        vectorized(sin)(x)
