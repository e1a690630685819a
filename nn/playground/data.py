"""The points of the playground: where they come from, how they are split, and what the network sees of them.

A point is (x1, x2) in a square from -EXTENT to EXTENT with a target from -1 to 1; for classification the sign of
the target is the class.

>>> X, y = generate("circle", samples=100, noise=0.0, seed=0)
>>> X.shape, sorted(set(y.tolist()))
((100, 2), [-1.0, 1.0])
>>> features(X[:1], ["x1", "x1·x2"]).shape
(1, 2)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nn.checks import Array
from nn.datasets import DataError, read_csv

EXTENT = 6.0
RADIUS = 5.0
NOISE_UNIT = 2.0  # the standard deviation of the noise 1
MOST_POINTS = 500
DECIMALS = 3  # of the coordinates of own points


def _circle(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    radius = np.where(y > 0, draws.uniform(0, 0.5 * RADIUS, n), draws.uniform(0.7 * RADIUS, RADIUS, n))
    angle = draws.uniform(0, 2 * np.pi, n)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), y


def _xor(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    X = draws.uniform(-RADIUS, RADIUS, (n, 2))
    X += 0.3 * np.sign(X)  # a gap along the axes
    return X, np.sign(X[:, 0] * X[:, 1])


def _gauss(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    return 2.0 * y[:, None] + draws.normal(scale=0.7, size=(n, 2)), y


def _spiral(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    along = draws.uniform(0.05, 1.0, n)
    angle = 3.5 * np.pi * along + np.where(y > 0, 0.0, np.pi)
    return RADIUS * along[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1), y


def _moons(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    angle = draws.uniform(0, np.pi, n)
    arc = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    return 3.0 * y[:, None] * arc, y  # the second moon is the first one, turned by half a turn


def _plane(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    X = draws.uniform(-RADIUS, RADIUS, (n, 2))
    return X, X.sum(axis=1) / (2 * RADIUS)


def _hills(n: int, draws: np.random.Generator) -> tuple[Array, Array]:
    X = draws.uniform(-RADIUS, RADIUS, (n, 2))
    summits = np.array([[-4, 2.5], [0, 2.5], [4, 2.5], [-4, -2.5], [0, -2.5], [4, -2.5]])
    heights = np.array([1, -1, 1, -1, 1, -1])
    distances = np.linalg.norm(X[:, None] - summits, axis=2)
    return X, (heights * np.clip(1 - distances / 2.5, 0, 1)).sum(axis=1)


_GENERATORS: dict[str, Callable[[int, np.random.Generator], tuple[Array, Array]]] = {
    **{"circle": _circle, "xor": _xor, "gauss": _gauss, "spiral": _spiral, "moons": _moons},
    **{"plane": _plane, "hills": _hills},  # for regression
}
GENERATED = tuple(_GENERATORS)
_FEATURES: dict[str, Callable[[Array, Array], Array]] = {
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1²": lambda x1, x2: x1**2,
    "x2²": lambda x1, x2: x2**2,
    "x1·x2": lambda x1, x2: x1 * x2,
    "sin(x1)": lambda x1, x2: np.sin(x1),
    "sin(x2)": lambda x1, x2: np.sin(x2),
}
FEATURES = tuple(_FEATURES)


def generate(name: str, *, samples: int, noise: float, seed: int) -> tuple[Array, Array]:
    """Points X (samples, 2) and targets y (samples,) of the data set `name`, one of `GENERATED`.

    The noise is Gaussian, with a standard deviation of 2 `noise`, and moves the points; the targets stay. The same
    arguments give the same points. Raises DataError for an unknown name.
    """
    if name not in _GENERATORS:
        raise DataError(f"there is no data set {name!r}; choose one of {', '.join(GENERATED)}")
    draws = np.random.default_rng(seed)
    X, y = _GENERATORS[name](samples, draws)
    return X + noise * NOISE_UNIT * draws.standard_normal(X.shape), y


def features(X: Array, names: Sequence[str]) -> Array:
    """What the network sees of the points X (n, 2): a column for each of `names`, which are among `FEATURES`."""
    return np.stack([_FEATURES[name](X[:, 0], X[:, 1]) for name in names], axis=1)


def split(n: int, train: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows of `n` to train with, a share `train` of them drawn at random, and those to test with.

    At least one row is trained with; there may be none to test with.
    """
    order = np.random.default_rng(seed).permutation(n)
    kept = max(round(train * n), 1)
    return order[:kept], order[kept:]


def pasted(text: str) -> tuple[tuple[float, float, float], ...]:
    """The points in a pasted CSV text: a header, then rows of x1, x2 and the target.

    The target holds two classes or numbers; numbers are shifted and scaled to reach from -1 to 1, and a column of
    coordinates that leaves the square likewise to fit into it. Raises DataError that names the row and the column.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pasted"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            data = read_csv(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), "the pasted CSV")) from None
    if data.categories:
        raise DataError(f"the pasted CSV must hold numbers; column {next(iter(data.categories))!r} holds texts")
    if data.X.shape[1] != 2:
        raise DataError(f"the pasted CSV must have three columns, x1, x2 and the target; it has {data.X.shape[1] + 1}")
    if len(data.X) > MOST_POINTS:
        raise DataError(f"the pasted CSV has {len(data.X)} rows; at most {MOST_POINTS} fit on the page")
    if len(data.class_names) > 2:
        raise DataError(
            f"the pasted CSV has {len(data.class_names)} classes in column {data.target_name!r}; two can be told apart"
        )
    X = np.stack([x if np.abs(x).max() <= EXTENT else _spread(x) * RADIUS for x in data.X.T], axis=1)
    y = _spread(data.y.astype(np.float64))
    rows = np.round(np.column_stack([X, y]), DECIMALS) + 0.0  # no -0.0
    return tuple((float(x1), float(x2), float(target)) for x1, x2, target in rows)


def _spread(numbers: Array) -> Array:
    """The numbers, shifted and scaled to reach from -1 to 1; or all 0 if they are all the same."""
    low, high = numbers.min(), numbers.max()
    return np.zeros_like(numbers) if low == high else 2 * ((numbers - low) / (high - low)) - 1
