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

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nn.checks import Array
from nn.datasets import DataError, read_csv

EXTENT = 6.0
RADIUS = 5.0
NOISE_UNIT = 2.0  # the standard deviation of the noise 1
MOST_POINTS = 500
DECIMALS = 3  # of the coordinates of own points
LONGEST_NAME = 24
DIGITS = 6  # of an offset and a factor


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


class Pasted(NamedTuple):
    """Points (x1, x2, target) from elsewhere, and what they were there.

    `columns` are the names of the three. `classes` are the names of the targets -1 and 1, none if the target is a
    number. `scales` are an offset and a factor for each column: what was in it is offset + factor · what is shown.
    """

    points: tuple[tuple[float, float, float], ...]
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    scales: tuple[float, ...]


def feature_labels(columns: Sequence[str]) -> dict[str, str]:
    """What each of `FEATURES` is called where x1 and x2 have the names `columns`, if any.

    >>> feature_labels(("width", "height", "kind"))["sin(x2)"]
    'sin(height)'
    >>> feature_labels(("size in m", "price", "kind"))["x1²"]
    '(size in m)²'
    """
    names = dict(zip(("x1", "x2"), columns))
    whole = {x: name if re.fullmatch(r"\w+", name) else f"({name})" for x, name in names.items()}  # in a product

    def label(feature: str) -> str:
        written = names if feature in names or "(" in feature else whole
        return re.sub("x[12]", lambda found: written.get(found[0], found[0]), feature)

    return {feature: label(feature) for feature in FEATURES}


def pasted(text: str) -> Pasted:
    """What is in a pasted CSV text: a header, then rows of x1, x2 and the target.

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
    y = data.y.astype(np.float64)
    scales = [(0.0, 1.0) if np.abs(x).max() <= EXTENT else _scale(x, RADIUS) for x in data.X.T] + [_scale(y, 1.0)]
    table = np.column_stack([data.X, y])
    rows = (
        np.round([(row - offset) / factor for row, (offset, factor) in zip(table.T, scales)], DECIMALS) + 0.0
    )  # no -0.0
    classes = data.class_names if len(data.class_names) != 1 else (data.class_names[0], f"not {data.class_names[0]}")
    names = (*data.feature_names, data.target_name)
    return Pasted(
        tuple((float(x1), float(x2), float(target)) for x1, x2, target in rows.T),
        tuple(_short(name) or f"column {i}" for i, name in enumerate(names, start=1)),
        tuple(_short(name) or "none" for name in classes),
        tuple(float(f"{number:.{DIGITS}g}") for scale in scales for number in scale),
    )


def _scale(numbers: Array, reach: float) -> tuple[float, float]:
    """The offset and the factor for numbers that are to reach from -reach to reach."""
    low, high = float(numbers.min()), float(numbers.max())
    return low / 2 + high / 2, (high / 2 - low / 2) / reach or 1.0


def _short(name: str) -> str:
    """A name in one line that is not too long for a page."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
