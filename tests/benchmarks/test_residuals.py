"""Residuals of many observations and their Jacobians, written to arrays in C order as by hand."""

import numpy as np
import pytest

from autograd_engine import cos, dot, jacobian, jit, sin, sqrt, vmap
from tests.benchmarks.peers import cpp


def rotated(r, x):
    """The vector x, turned around r by an angle of |r|, after Rodrigues."""
    angle = sqrt(dot(r, r))
    axis = [c / angle for c in r]
    across = [axis[1] * x[2] - axis[2] * x[1], axis[2] * x[0] - axis[0] * x[2], axis[0] * x[1] - axis[1] * x[0]]
    along = dot(axis, x) * (1 - cos(angle))
    return [x[i] * cos(angle) + across[i] * sin(angle) + axis[i] * along for i in range(3)]


def reprojection(camera, point, weight, feature):
    """How far from the feature that was seen the camera shows the point."""
    x, y, z = rotated(camera[:3], [point[i] - camera[3 + i] for i in range(3)])
    flat = [x / z, y / z]
    radius = dot(flat, flat)
    scale = 1 + camera[9] * radius + camera[10] * radius**2
    return np.array([weight * (camera[6] * scale * flat[i] + camera[7 + i] - feature[i]) for i in range(2)])


def with_jacobian(camera, point, weight, feature):
    derivatives = jacobian(reprojection, argnums=(0, 1, 2))(camera, point, weight, feature)
    return reprojection(camera, point, weight, feature), derivatives


def observations(n):
    draws = np.random.default_rng(0)
    cameras = np.tile([0.1, 0.2, -0.1, 0, 0, -8, 500, 320, 240, 0.01, 0.001], (n, 1)) * draws.uniform(0.9, 1.1, (n, 11))
    return cameras, draws.normal(size=(n, 3)), draws.uniform(0.5, 1, n), draws.uniform(100, 400, (n, 2))


@pytest.mark.parametrize("n", [1_000, 30_000])
def test_bundle_adjustment_against_cpp(compare, tmp_path, n):
    arguments = observations(n)
    ours, theirs = jit(vmap(with_jacobian), threads=1), cpp.bundle(*arguments, tmp_path)
    for mine, other in zip(flat(ours(*arguments)), flat(theirs())):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)
    compare(lambda: ours(*arguments), f"C++ with vectors, bundle adjustment, {n:,} observations", theirs, bar=1 / 1.3)


def flat(result):
    """The arrays in nested tuples, in order."""
    return [array for part in result for array in flat(part)] if isinstance(result, tuple) else [result]


FINGERS, JOINTS = 5, 3
PARAMETERS = 6 + FINGERS * (JOINTS + 1)
OFFSETS = np.random.default_rng(1).normal(size=(FINGERS, JOINTS, 3))
"""From each joint of a finger to the next one."""


def composed(a, b):
    """The affine map a(b(x)); each is three rows of four numbers."""
    return [[dot(row[:3], [b[k][j] for k in range(3)]) + (row[3] if j == 3 else 0.0) for j in range(4)] for row in a]


def around_x(angle, offset):
    s, c = sin(angle), cos(angle)
    return [[1.0, 0.0, 0.0, offset[0]], [0.0, c, -s, offset[1]], [0.0, s, c, offset[2]]]


def around_z(angle):
    s, c = sin(angle), cos(angle)
    return [[c, -s, 0.0, 0.0], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]


def bones(pose):
    """The affine maps of three bones in each finger, in the frame of the palm; the first bends and spreads."""
    found = []
    for finger in range(FINGERS):
        angles = pose[6 + 4 * finger : 10 + 4 * finger]
        bone = composed(around_x(angles[0], OFFSETS[finger, 0]), around_z(angles[JOINTS]))
        found.append(bone)
        for joint in range(1, JOINTS):
            bone = composed(bone, around_x(angles[joint], OFFSETS[finger, joint]))
            found.append(bone)
    return found


def hand(pose, base, weights, observed):
    """How far each point of the skin is from where it was observed; each moves with several bones, and the palm."""
    maps = bones(pose)
    columns = [rotated(pose[:3], [float(i == j) for i in range(3)]) for j in range(3)]  # of the palm's rotation

    def residual(base, weights, observed):
        moved = [base, *[[dot(row[:3], base) + row[3] for row in bone] for bone in maps]]
        skin = [dot(weights, [x[i] for x in moved]) for i in range(3)]
        return np.array([dot(skin, [c[i] for c in columns]) + pose[3 + i] - observed[i] for i in range(3)])

    return vmap(residual)(base, weights, observed)


def test_hand_tracking_against_cpp(compare, tmp_path):
    draws, n = np.random.default_rng(0), 17_067
    pose, base, observed = draws.normal(size=PARAMETERS), draws.normal(size=(n, 3)), draws.normal(size=(n, 3))
    weights = draws.dirichlet(np.ones(1 + FINGERS * JOINTS), n)
    ours = jit(lambda pose, *of_points: (hand(pose, *of_points), jacobian(hand)(pose, *of_points)), threads=1)
    theirs = cpp.hand(pose, OFFSETS, base, weights, observed, tmp_path)
    for mine, other in zip(ours(pose, base, weights, observed), theirs()):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    name = f"C++ with vectors, hand tracking, {3 * n:,} residuals"
    compare(lambda: ours(pose, base, weights, observed), name, theirs, bar=1 / 1.3)
