"""A scalar program of the kind that users write: a pendulum with drag, Euler steps, gradient in four numbers."""

import statistics
import time

import pytest

from autograd_engine import jit, sin, value_and_grad
from tests.benchmarks.peers import scalar_programs

STEPS = 400
POINT = (1.0, 0.0, 0.3, 2.0)


def pendulum(sin, steps=STEPS):
    """A function of angle, speed, drag and length: the angle after steps of 0.01 s, about seven operations each."""

    def program(angle, speed, drag, length):
        for _ in range(steps):
            speed = speed - 0.01 * (9.81 / length * sin(angle) + drag * speed)
            angle = angle + 0.01 * speed
        return angle

    return program


def differentiated(steps=STEPS):
    return value_and_grad(pendulum(sin, steps), argnums=(0, 1, 2, 3))


def assert_agree(result, other):
    value, gradient = result
    other_value, other_gradient = other
    assert value == pytest.approx(float(other_value), rel=1e-9)
    assert gradient == pytest.approx(list(other_gradient), rel=1e-9)


def test_pendulum_against_pytorch(compare):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    program = pendulum(torch.sin)

    def theirs():
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in POINT]
        value = program(*leaves)
        value.backward()
        return value.item(), [float(leaf.grad) for leaf in leaves]

    ours = differentiated()
    assert_agree(ours(*POINT), theirs())
    compare(lambda: ours(*POINT), "PyTorch on scalars", theirs)


def test_pendulum_against_autograd(compare):
    autograd = pytest.importorskip("autograd")
    numpy = pytest.importorskip("autograd.numpy")
    program = pendulum(numpy.sin)
    theirs = autograd.value_and_grad(lambda x: program(*x))
    point = numpy.array(POINT)

    ours = differentiated()
    assert_agree(ours(*POINT), theirs(point))
    compare(lambda: ours(*POINT), "autograd (HIPS)", lambda: theirs(point))


@pytest.mark.parametrize("steps", [400, 1600])
def test_compiled_against_casadi(compare, steps):
    theirs = scalar_programs.casadi(lambda sin: pendulum(sin, steps), POINT)
    ours = jit(differentiated(steps))
    assert_agree(ours(*POINT), theirs())
    compare(lambda: ours(*POINT), f"CasADi's virtual machine, {steps} steps", theirs, bar=2)


@pytest.mark.parametrize("steps", [400, 1600])
def test_compiled_against_heyoka(compare, steps):
    theirs = scalar_programs.heyoka(lambda sin: pendulum(sin, steps), POINT)
    ours = jit(differentiated(steps))
    assert_agree(ours(*POINT), theirs())
    compare(lambda: ours(*POINT), f"heyoka, {steps} steps", theirs)


@pytest.mark.parametrize("steps", [400, 1600])
def test_first_call_against_heyoka(compare, no_cache, steps):
    def ours():
        return jit(differentiated(steps))(*POINT)

    def theirs():
        return scalar_programs.heyoka(lambda sin: pendulum(sin, steps), POINT)()

    assert_agree(jit(differentiated(100))(*POINT), differentiated(100)(*POINT))  # what is imported late is imported
    name = f"heyoka, {steps} steps, first call"
    compare(ours, name, theirs, bar=5, rounds=3 if steps == STEPS else 1, first_call=True)


def test_first_call_of_large_graphs(benchmark, show, no_cache):
    def first_call(steps):
        f = jit(differentiated(steps))
        start = time.process_time()
        f(*POINT)
        return time.process_time() - start

    first_call(100)
    small = statistics.median(first_call(100) for _ in range(5))
    large = benchmark.pedantic(first_call, args=(6400,), rounds=1)
    show("first call at 6,400 steps, in s", large, bar="20")
    show("cost of a step at 6,400 steps over that at 100", large / 6400 / (small / 100), bar="1.5")
