"""A scalar program of the kind that users write: a pendulum with drag, Euler steps, gradient by four numbers."""

import pytest

from autograd_engine import sin, value_and_grad

STEPS = 400


def pendulum(angle, speed, drag, length, sin=sin):
    """The angle after STEPS steps of 0.01 s; about seven operations a step."""
    for _ in range(STEPS):
        speed = speed - 0.01 * (9.81 / length * sin(angle) + drag * speed)
        angle = angle + 0.01 * speed
    return angle


POINT = (1.0, 0.0, 0.3, 2.0)


def test_pendulum_against_pytorch(compare):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)

    def theirs():
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in POINT]
        pendulum(*leaves, sin=torch.sin).backward()
        return [float(leaf.grad) for leaf in leaves]

    ours = value_and_grad(pendulum, argnums=(0, 1, 2, 3))
    assert ours(*POINT)[1] == pytest.approx(theirs(), rel=1e-12)
    compare(lambda: ours(*POINT), "PyTorch on scalars", theirs)


def test_pendulum_against_autograd(compare):
    autograd = pytest.importorskip("autograd")
    numpy = pytest.importorskip("autograd.numpy")
    theirs = autograd.grad(lambda x: pendulum(*x, sin=numpy.sin))
    point = numpy.array(POINT)

    ours = value_and_grad(pendulum, argnums=(0, 1, 2, 3))
    assert ours(*POINT)[1] == pytest.approx(list(theirs(point)), rel=1e-12)
    compare(lambda: ours(*POINT), "autograd (HIPS)", lambda: theirs(point))
