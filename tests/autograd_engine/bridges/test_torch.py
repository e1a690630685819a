"""to_torch: PyTorch computes and differentiates what the engine does, to the bit."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings

from autograd_engine import Value, grad, hessian, jit, sin, value_and_grad, vmap
from autograd_engine.bridges import to_torch
from tests.autograd_engine.bridges.numbers import PARAMETERS, SAMPLES, bits, loss
from tests.laws.strategies import expressions, points

torch = pytest.importorskip("torch")


def tensors(*numbers, requires_grad=True):
    return [torch.tensor(x, dtype=torch.float64, requires_grad=requires_grad) for x in numbers]


@settings(max_examples=12)
@given(expressions(max_steps=6), points())
def test_random_programs_have_our_bits(program, point):
    inputs = tensors(*point)
    out = to_torch(jit(program, exact=True))(*inputs)
    slopes = torch.autograd.grad(out, inputs, create_graph=True, materialize_grads=True)
    value, ours = value_and_grad(program, (0, 1))(*map(Value, point))
    assert bits(out.item()) == bits(float(value.data))
    # torch adds no sign to a zero slope, and neither does grad
    assert bits([x.item() for x in slopes]) == bits([float(getattr(x, "data", x)) for x in ours])
    for i, slope in enumerate(slopes):
        again = torch.autograd.grad(slope, inputs, retain_graph=True, materialize_grads=True)
        second = jit(grad(grad(program, i), (0, 1)), exact=True)(*point)
        assert bits([x.item() for x in again]) == bits(second)


def test_nested_arguments_and_batches():
    w, b = tensors(*PARAMETERS.values())
    X = torch.tensor(SAMPLES)
    out = to_torch(loss)({"w": w, "b": b}, X)
    out.backward()
    value, slopes = jit(value_and_grad(loss))(PARAMETERS, SAMPLES)
    assert out.item() == value
    assert bits(w.grad) == bits(slopes["w"])
    assert b.grad.item() == slopes["b"]
    assert X.grad is None  # of samples that need no gradient, none is compiled


def test_gradcheck():
    def f(x, y):
        if x > y:
            return {"a": x * sin(y), "b": np.array([x, x * y])}
        return {"a": y, "b": np.array([y * y, x])}

    for point in [(1.0, 0.5), (0.5, 1.0)]:
        flat = lambda *xs: tuple(to_torch(f)(*xs).values())  # noqa: E731
        assert torch.autograd.gradcheck(flat, tensors(*point))
        assert torch.autograd.gradgradcheck(flat, tensors(*point))


def test_hessian():
    X = SAMPLES[:50]
    p = torch.tensor([0.5, -1.0], dtype=torch.float64)
    f = to_torch(lambda p: loss({"w": p, "b": 0.25}, X))
    ours = hessian(lambda p: loss({"w": p, "b": 0.25}, X))(p.numpy())
    np.testing.assert_allclose(torch.autograd.functional.hessian(f, p), ours, rtol=1e-13)
    np.testing.assert_allclose(torch.func.jacrev(torch.func.jacrev(f))(p), ours, rtol=1e-13)


def test_vmap_and_grad_of_torch():
    f = jit(lambda x, y: sin(x * y) * x, exact=True)
    x, y = torch.linspace(-1, 1, 20, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    mapped = torch.vmap(to_torch(f), in_dims=(0, None))(x, y)
    assert bits(mapped) == bits([f(a, 0.7) for a in x.tolist()])
    slopes = torch.vmap(torch.func.grad(to_torch(f)), in_dims=(0, None))(x, y)
    assert bits(slopes) == bits([jit(grad(f.function), exact=True)(a, 0.7) for a in x.tolist()])


def test_memory_is_shared_where_it_can_be():
    X = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
    f = to_torch(lambda X: vmap(lambda x: x.sum())(X))
    np.testing.assert_array_equal(f(X.T), X.sum(axis=0))  # of any strides
    X += 1
    np.testing.assert_array_equal(f(X.T), X.sum(axis=0))


def test_a_result_outlives_the_next_call():
    f = to_torch(lambda x: np.array([x, 2 * x]))
    first = f(*tensors(1.0))
    f(*tensors(5.0))
    assert first.tolist() == [1.0, 2.0]


def test_several_threads():
    f, found = to_torch(lambda x: sin(x) * x), {}

    def run(k):
        for _ in range(50):
            (x,) = tensors(float(k))
            f(x).backward()
            found.setdefault(k, set()).add(x.grad.item())

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slope = jit(grad(lambda x: sin(x) * x))
    assert found == {k: {slope(float(k))} for k in range(4)}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (torch.tensor(1.0), r"f\(\): argument 0\['a'\] must be a dense tensor of float64 on the CPU, got a strided"),
        (torch.tensor(1, dtype=torch.int64), r"tensor of int64 on cpu$"),
        (torch.zeros(2, dtype=torch.float64).to_sparse(), r"got a sparse_coo tensor of float64"),
        (torch.zeros(2, dtype=torch.float64, device="meta"), r"float64 on meta$"),
        ("text", "'text'|str"),
    ],
)
def test_what_is_refused(argument, message):
    def f(x):
        return x["a"]

    with pytest.raises(TypeError, match=message) as error:
        to_torch(f)({"a": argument})
    assert "\n" not in str(error.value)


def test_what_is_no_function():
    with pytest.raises(TypeError, match=r"to_torch\(\) needs a function, got int"):
        to_torch(1)
    with pytest.raises(ValueError, match=r"static arguments, but jit\(f\) has n; fix them with functools.partial"):

        def f(x, n):
            return x * n

        to_torch(jit(f, static_argnames="n"))
