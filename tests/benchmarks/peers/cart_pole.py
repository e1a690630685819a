"""Swing-up of a cart-pole by direct collocation with the trapezoidal rule (Kelly, SIAM Review 59, 2017), for any tool.

A point is (position, angle, their speeds, force); a trajectory has N + 1 of them.
"""

from itertools import pairwise

import numpy as np
import pytest

CART, POLE, LENGTH, GRAVITY = 1.0, 0.3, 0.5, 9.81
BETWEEN = 0.01  # seconds between points


def slopes(sin, cos, point):
    """The derivatives of the four states with respect to time."""
    _, angle, speed, turning, force = point
    s, c = sin(angle), cos(angle)
    mass = CART + POLE * (1 - c * c)
    pull = LENGTH * POLE * s * turning**2
    return [
        speed,
        turning,
        (pull + force + POLE * GRAVITY * c * s) / mass,
        -(pull * c + force * c + (CART + POLE) * GRAVITY * s) / (LENGTH * mass),
    ]


def defect(sin, cos, before, after):
    """What is left of the trapezoidal rule between two points."""
    pairs = zip(before, after, slopes(sin, cos, before), slopes(sin, cos, after))
    return [y - x - BETWEEN / 2 * (by_x + by_y) for x, y, by_x, by_y in pairs]


def casadi_functions(n):
    """The constraints of n + 1 points: their Jacobian and the Hessian of the Lagrangian, as functions of a vector."""
    casadi = pytest.importorskip("casadi")
    z, multipliers = casadi.SX.sym("z", 5 * (n + 1)), casadi.SX.sym("multipliers", 4 * n)
    points = [[z[5 * k + i] for i in range(5)] for k in range(n + 1)]
    constraints = casadi.vertcat(*[x for a, b in pairwise(points) for x in defect(casadi.sin, casadi.cos, a, b)])
    hessian, _ = casadi.hessian(casadi.dot(multipliers, constraints), z)
    return (
        casadi.Function("J", [z], [casadi.jacobian(constraints, z)]),
        casadi.Function("H", [z, multipliers], [hessian]),
    )


def buffered(function, *args):
    """A call of a CasADi function on memory of its own, without copies; it returns the array of the stored results."""
    buffer, call = function.buffer()
    arguments, entries = [np.array(x) for x in args], np.empty(function.nnz_out(0))
    for i, argument in enumerate(arguments):
        buffer.set_arg(i, memoryview(argument))
    buffer.set_res(0, memoryview(entries))

    def step(keep_alive=(function, buffer, arguments)):
        call()
        return entries

    return step
