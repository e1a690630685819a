"""What a bridge says of a wrong argument, and that its functions go to other processes."""

import copy
import pickle

import numpy as np
import pytest

from autograd_engine import jit, sin
from autograd_engine.bridges import to_jax, to_torch, vectorized

PACKAGES = {to_torch: "torch", to_jax: "jax", vectorized: "numpy"}
WRONG = [
    ("text", "got str: 'text'"),
    (None, "got NoneType: None"),
    (1j, "got complex: 1j"),
    ({1, 2}, "got set: {1, 2}"),
    (np.array(["text"]), "got dtype <U4"),
    (np.array([1j]), "got dtype complex128"),
    (np.ma.masked_array([1.0], [True]), "got a MaskedArray"),
]


def spring(x, stiffness=2.0):
    return sin(stiffness * x)


def of_parts(parts, scale=1.0):
    return parts["x"] * scale


@pytest.fixture(params=PACKAGES, ids=lambda bridge: bridge.__name__)
def bridge(request):
    pytest.importorskip(PACKAGES[request.param])
    return request.param


@pytest.mark.parametrize(("argument", "message"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.parametrize("bridge", [to_torch, to_jax], indirect=True, ids=lambda bridge: bridge.__name__)
def test_a_wrong_argument_is_named(bridge, argument, message):
    f = bridge(of_parts)
    for args, keywords, path in [
        ((argument,), {}, "argument 0"),
        (({"x": 1.0}, argument), {}, "argument 1"),
        (({"x": 1.0},), {"scale": argument}, "scale"),
        *([] if argument is None else [(({"x": [1.0, argument]},), {}, "argument 0['x'][1]")]),
    ]:
        with pytest.raises(TypeError) as error:
            f(*args, **keywords)
        assert str(error.value).startswith(f"of_parts(): {path}: expected ")
        assert str(error.value).endswith(message) or f"{message}; " in str(error.value)


def test_complex_arrays_of_jax_are_refused():
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=r"^spring\(\): argument 0: expected an array of real .* got dtype complex64$"):
        to_jax(spring)(jax.numpy.array([1j]))


@pytest.mark.parametrize("f", [spring, jit(spring, exact=True)], ids=["plain", "compiled"])
def test_it_is_pickled_as_its_function_is(bridge, f):
    there = pickle.loads(pickle.dumps(bridge(f)))
    assert float(there(0.5, 3.0)) == pytest.approx(np.sin(1.5), rel=1e-6)
    assert there.jitted.exact == (f is not spring)
    assert there.__name__ == "spring"
    assert float(copy.deepcopy(there)(0.5)) == float(there(0.5))


@vectorized
def decorated(x):
    return 2.0 * x


def test_a_decorated_function_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(decorated)) is decorated


RUNS = []


def counted(x):
    RUNS.append(x)
    return x * x


def test_what_a_process_receives_again_is_compiled_once(bridge):
    sent = [pickle.dumps(bridge(jit(counted))), pickle.dumps(jit(counted))]
    for bytes_sent in sent:
        RUNS.clear()
        assert {float(pickle.loads(bytes_sent)(x)) for x in (2.0, 3.0)} == {4.0, 9.0}
        assert float(pickle.loads(pickle.dumps(pickle.loads(bytes_sent)))(2.0)) == 4.0
        assert len(RUNS) == 1
    assert float(copy.deepcopy(pickle.loads(sent[1]))(2.0)) == 4.0
    assert len(RUNS) == 2
