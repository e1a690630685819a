"""Data sets as arrays with names: five that need no download, and any CSV file with a header.

>>> xor = load("xor")
>>> xor.X.shape, xor.feature_names, xor.class_names
((1000, 2), ('x1', 'x2'), ('0', '1'))
>>> train, test = split(xor, seed=0)
>>> len(train.X), len(test.X)
(700, 300)
"""

from __future__ import annotations

import difflib
import hashlib
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nn.checks import Array, FilePath
from nn.csv_tables import (
    GROUPED,
    MISSING,
    MOST_KINDS,
    Missing,
    Table,
    category,
    fault_of,
    feature_name,
    index_of,
    looks_like_a_number,
    no_header,
    rows_of,
)
from nn.csv_tables import CellError as CellError
from nn.csv_tables import DataError as DataError
from nn.extras import extra

Task = Literal["auto", "classification", "regression"]

TEST_FRACTION = 0.3


@dataclass(frozen=True)
class Dataset:
    """Samples with their targets.

    `X` has shape (samples, features). For classification `y` holds indices into `class_names`; for
    regression it holds numbers and `class_names` is empty. `name` is the name of the set or its file. Where the
    samples are images, `image_shape` is their (height, width), and the features are their pixels, row by row.
    `categories` are the texts of each column of texts, which has a feature "column=text", 0 or 1, for each of them.
    `dropped` rows of the file are left out because a cell is missing, and `without_target` because the target is.
    """

    name: str
    X: Array
    y: NDArray[np.int64] | Array
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: int = 0
    without_target: int = 0

    def columns(self, names: Sequence[str]) -> Array:
        """The features of these names, in this order. Raises DataError if there is one that the data set lacks."""
        return self.X[:, [index_of(self.name, self.feature_names, name) for name in names]]

    def fingerprint(self) -> str:
        """A text that is the same for the same samples in the same order only."""
        digest = hashlib.sha256(repr((self.X.shape, self.class_names)).encode())
        for table in (self.X, self.y):
            digest.update(np.ascontiguousarray(table).tobytes())
        return digest.hexdigest()

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """The data set of these rows only, in this order."""
        return replace(self, X=self.X[rows], y=self.y[rows])


def n_outputs(class_names: Sequence[str]) -> int:
    """How many outputs a network has for these classes: one for two classes or a number, else one for each class."""
    return len(class_names) if len(class_names) > 2 else 1


@dataclass(frozen=True)
class Standardisation:
    """Maps each column to mean 0 and standard deviation 1, as measured on some rows, to be used on others too.

    >>> Standardisation.of(np.array([[1.0, 7.0], [3.0, 7.0]]))(np.array([[5.0, 8.0]]))
    array([[3., 1.]])
    """

    mean: Array
    scale: Array

    @classmethod
    def of(cls, X: Array) -> Standardisation:
        """Measure the columns of `X`, nan apart. A column that is constant is only shifted: its scale is 1."""
        known = np.ma.masked_invalid(X) if np.isnan(X).any() else X
        mean, deviation, range_ = (np.ma.filled(f(known, axis=0), 0.0) for f in (np.mean, np.std, np.ptp))
        return cls(mean, np.where((range_ > 0) & (deviation > 0), deviation, 1.0))

    def __call__(self, X: Array) -> Array:
        """`X` in standard units."""
        return (X - self.mean) / self.scale

    def invert(self, Z: Array) -> Array:
        """`Z`, given in standard units, in the original units."""
        return Z * self.scale + self.mean


def load(name: str) -> Dataset:
    """The data set of this name, one of `NAMES`; always the same samples in the same order.

    `moons` and `xor` are drawn with Gaussian noise of standard deviation 0.1.
    Raises DataError for any other name, with the closest one.
    """
    if name not in _LOADERS:
        close = difflib.get_close_matches(name.lower(), NAMES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise DataError(f"there is no data set or file {name!r}; {hint}the data sets are {', '.join(NAMES)}")
    return _LOADERS[name](name)


def _bundled(name: str) -> Dataset:
    with extra("train"):
        import sklearn.datasets  # here, because it takes more than a second

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    classes = tuple(map(str, bunch.target_names))
    features = tuple(map(str, bunch.feature_names))
    image_shape = bunch.images.shape[1:] if "images" in bunch else None
    y = bunch.target.astype(np.int64)
    return Dataset(name, bunch.data.astype(np.float64), y, features, "class", classes, image_shape)


def _moons(name: str) -> Dataset:
    with extra("train"):
        from sklearn.datasets import make_moons  # here, because it takes more than a second

    X, y = make_moons(400, noise=0.1, random_state=0)
    return Dataset(name, X, y.astype(np.int64), ("x1", "x2"), "moon", ("upper", "lower"))


def _xor(name: str) -> Dataset:
    generator = np.random.default_rng(0)
    corners = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (250, 1))
    X = corners + generator.normal(scale=0.1, size=corners.shape)
    return Dataset(name, X, np.logical_xor(*corners.T).astype(np.int64), ("x1", "x2"), "x1 xor x2", ("0", "1"))


_LOADERS: dict[str, Callable[[str], Dataset]] = {
    "iris": _bundled,
    "breast_cancer": _bundled,
    "digits": _bundled,
    "moons": _moons,
    "xor": _xor,
}
NAMES = tuple(_LOADERS)


def split(dataset: Dataset, seed: int, test_fraction: float = TEST_FRACTION) -> tuple[Dataset, Dataset]:
    """A training and a held-out part, drawn at random; stratified: each class has its share in both.

    Raises DataError if a class, or a data set for regression, has too few rows to be in both parts.
    """
    generator = np.random.default_rng(seed)
    if dataset.class_names:
        if len(dataset.class_names) < 2:
            raise DataError(
                f"{dataset.name}: column {dataset.target_name!r} has one class only, {dataset.class_names[0]!r}; "
                "at least two are needed"
            )
        groups = [np.flatnonzero(dataset.y == k) for k in range(len(dataset.class_names))]
        least = 1
    else:
        groups = [np.arange(len(dataset.y))]
        least = 2  # the R² of a single row does not exist
    train, test = [], []
    for k, rows in enumerate(groups):
        if len(rows) < 2 * least:
            who = f"class {dataset.class_names[k]!r} of column {dataset.target_name!r}" if dataset.class_names else "it"
            raise DataError(
                f"{dataset.name}: {who} has too few rows to hold out a part of them: {len(rows)}, at least "
                f"{2 * least} are needed"
            )
        rows = generator.permutation(rows)
        held_out = min(max(round(test_fraction * len(rows)), least), len(rows) - least)
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    return dataset.take(np.sort(np.concatenate(train))), dataset.take(np.sort(np.concatenate(test)))


def is_file(data: str) -> bool:
    """Whether `data` is meant to be a file, and not one of `NAMES` or a misspelling of it."""
    return data not in NAMES and bool(Path(data).suffix or Path(data).name != data or Path(data).exists())


def read_csv(
    path: FilePath,
    target: str | None = None,
    task: Task = "auto",
    ignore: Sequence[str] = (),
    missing: Missing | None = None,
) -> Dataset:
    """The data set in a CSV file: a header with column names, then a row for each sample.

    The column `target` (default: the last) holds the classes, texts or numbers, or the numbers to be
    predicted. With the task "auto" it is regression if the column holds numbers, unless they are few
    different whole numbers (at most 20, each twice on average): those are classes. The columns `ignore` may hold
    anything.

    The other columns hold numbers, or texts if these are more than half of the cells, of at most 20 kinds, and each
    occurs twice on average; such a column becomes `categories`. A cell that is empty, nan, NA, N/A or null is missing.
    With `missing` "drop" its row is left out; with "mean" it becomes nan, to be filled in with the mean of the rows
    that are trained on. Either way a row without a target is left out.

    The file is UTF-8, with or without byte-order mark, with any line ends and with cells in double quotes
    where needed. The cells are separated by whichever of `,` `;` tab `|` is most frequent in the header.

    Raises DataError that names file, row and column (rows are counted as in a spreadsheet: the header is
    row 1), CellError if it is one cell that is wrong, and OSError if the file cannot be read.
    """
    rows = rows_of(path)
    _, header = next(rows)
    column, features = _chosen(path, header, target, ignore)
    cells: list[str] = []
    row_numbers, table, dropped, without_target = array("q"), Table(path, header, features), 0, 0
    for row, texts in rows:
        text = texts[column].strip()
        if missing and text.lower() in MISSING:
            without_target += 1
            continue
        table.add(row, texts)
        if task == "regression" or text.lower() in ("", "nan"):
            _number(path, header, column, row, texts)
        cells.append(sys.intern(text))  # class names come again and again
        row_numbers.append(row)
    if not cells:
        raise DataError(f"{path}: there are no rows below the header" + (" that have a target" if missing else ""))
    name = header[column]
    if name in cells and all(fault_of(header[i]) is None for i in features):
        raise no_header(path, name)
    if task == "auto" and (k := _typo(cells)) is not None:
        where = f"{path}: row {row_numbers[k]}, column {name!r}"
        but = "" if looks_like_a_number(cells[k]) else ", but most cells of this column are"
        raise CellError(f"{where}: {fault_of(cells[k])}{but}", name, may_be_class=True)
    X, names, categories = table.encoded(table.categories(), missing)
    if missing == "drop":
        kept = np.isfinite(X.sum(axis=1))
        dropped = len(X) - int(kept.sum())
        X, cells = X[kept], [cell for cell, whole in zip(cells, kept.tolist()) if whole]
        if not cells:
            raise DataError(f"{path}: every row has a missing cell")
    y, classes = _targets(cells, task)
    return Dataset(str(path), X, y, names, name, classes, None, categories, dropped, without_target)


def _chosen(path: FilePath, header: list[str], target: str | None, ignore: Sequence[str]) -> tuple[int, list[int]]:
    """The indices of the target and of the features in the header."""
    ignored = {index_of(path, header, name) for name in ignore}
    kept = [i for i in range(len(header)) if i not in ignored]
    if len(kept) < 2:
        which = " that is not ignored" if ignored else ""
        found = f"one column only{which}, {header[kept[0]]!r}" if kept else f"no column{which}"
        raise DataError(f"{path}: the header has {found}; a feature and a target are needed")
    column = kept[-1] if target is None else index_of(path, header, target)
    if column in ignored:
        raise DataError(f"{path}: column {target!r} is the target, so it cannot be ignored")
    return column, [i for i in kept if i != column]


def read_columns(
    path: FilePath,
    names: Sequence[str],
    categories: Mapping[str, tuple[str, ...]] | None = None,
    missing: Missing | None = None,
) -> Array:
    """The features `names` in a CSV file, in this order, as an array (rows, names); other columns are ignored.

    The file, the features of `categories`, what is done if cells are `missing` and the errors are those of `read_csv`,
    except that a header without rows gives no rows.
    """
    categories = categories or {}
    column_of = {feature_name(name, text): name for name, texts in categories.items() for text in texts}
    rows = rows_of(path)
    _, header = next(rows)
    columns = [index_of(path, header, name) for name in dict.fromkeys(column_of.get(name, name) for name in names)]
    table = Table(path, header, columns)
    for row, texts in rows:
        table.add(row, texts)
    X = table.encoded(categories, missing)[0]
    return X[~np.isnan(X).any(axis=1)] if missing == "drop" else X


def _number(path: FilePath, header: list[str], column: int, row: int, texts: list[str]) -> None:
    """Raise CellError unless a cell of the target holds a number."""
    if fault := fault_of(texts[column]):
        is_missing = texts[column].strip().lower() in MISSING
        where = f"{path}: row {row}, column {header[column]!r}"
        raise CellError(f"{where}: {fault}", header[column], is_missing=is_missing)


def _typo(cells: list[str]) -> int | None:
    """The first cell that is not a number in a column of numbers to be predicted, None if there is none."""
    faults = [k for k, text in enumerate(cells) if fault_of(text)]
    for k in faults:
        if GROUPED.fullmatch(cells[k]):
            return k
    if not faults or len(faults) > len(cells) / 2:
        return None
    numbers = np.delete(np.array(cells, dtype=object), faults).astype(np.float64)
    return None if _are_classes(numbers) else faults[0]


def _are_classes(numbers: Array) -> bool:
    """Whether numbers look like the names of classes: few and whole."""
    levels = np.unique(numbers)
    few = len(levels) <= min(MOST_KINDS, len(numbers) / 2)
    return few and bool((levels == np.floor(levels)).all())


def _targets(cells: list[str], task: Task) -> tuple[NDArray[np.int64] | Array, tuple[str, ...]]:
    """The targets `y` and the names of the classes; no names for regression."""
    if any(fault_of(text) for text in cells):
        names, indices = np.unique(np.array(cells, dtype=object), return_inverse=True)
        return indices.astype(np.int64), tuple(names)
    numbers = np.array(cells, dtype=np.float64)
    if task == "regression" or (task == "auto" and not _are_classes(numbers)):
        return numbers, ()
    levels, indices = np.unique(numbers, return_inverse=True)
    return indices.astype(np.int64), tuple(map(category, levels))
