"""Data sets as arrays with names: five that need no download, and any CSV file with a header.

>>> xor = load("xor")
>>> xor.X.shape, xor.feature_names, xor.class_names
((1000, 2), ('x1', 'x2'), ('0', '1'))
>>> train, test = split(xor, seed=0)
>>> len(train.X), len(test.X)
(700, 300)
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import re
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nn.checks import Array, FilePath
from nn.extras import extra

Task = Literal["auto", "classification", "regression"]

LARGEST = 1e150  # the square of a larger number may overflow, so it would have no variance
MOST_WHOLE_NUMBER_CLASSES = 20
TEST_FRACTION = 0.3


class DataError(ValueError):
    """A data set that cannot be used. The message is one line that names the file and, in it, row and column."""


class CellError(DataError):
    """A cell of a CSV file that should be a number and is not, or a class that looks like a mistyped number."""

    def __init__(self, message: str, column: str, *, may_be_class: bool = False, is_feature: bool = False) -> None:
        super().__init__(message)
        self.column, self.may_be_class, self.is_feature = column, may_be_class, is_feature


@dataclass(frozen=True)
class Dataset:
    """Samples with their targets.

    `X` has shape (samples, features). For classification `y` holds indices into `class_names`; for
    regression it holds numbers and `class_names` is empty. `name` is the name of the set or its file. Where the
    samples are images, `image_shape` is their (height, width), and the features are their pixels, row by row.
    """

    name: str
    X: Array
    y: NDArray[np.int64] | Array
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None

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
        """Measure the columns of `X`. A column that is constant is only shifted: its scale is 1."""
        deviation = X.std(axis=0)
        return cls(X.mean(axis=0), np.where((np.ptp(X, axis=0) > 0) & (deviation > 0), deviation, 1.0))

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


def read_csv(path: FilePath, target: str | None = None, task: Task = "auto", ignore: Sequence[str] = ()) -> Dataset:
    """The data set in a CSV file: a header with column names, then a row of numbers for each sample.

    The column `target` (default: the last) holds the classes, texts or numbers, or the numbers to be
    predicted. With the task "auto" it is regression if the column holds numbers, unless they are few
    different whole numbers (at most 20, each twice on average): those are classes. The columns `ignore` may hold
    anything.

    The file is UTF-8, with or without byte-order mark, with any line ends and with cells in double quotes
    where needed. The cells are separated by whichever of `,` `;` tab `|` is most frequent in the header.

    Raises DataError that names file, row and column (rows are counted as in a spreadsheet: the header is
    row 1), CellError if it is one cell that is wrong, and OSError if the file cannot be read.
    """
    rows = _rows(path)
    _, header = next(rows)
    column, features = _chosen(path, header, target, ignore)
    cells: list[str] = []
    row_numbers, numbers = array("q"), array("d")
    for row, texts in rows:
        numbers.extend(_numbers(path, header, features, row, texts, are_features=True))
        text = texts[column].strip()
        if task == "regression" or text.lower() in ("", "nan"):
            _numbers(path, header, [column], row, texts)
        cells.append(sys.intern(text))  # class names come again and again
        row_numbers.append(row)
    if not cells:
        raise DataError(f"{path}: there are no rows below the header")
    name = header[column]
    if name in cells and all(_fault(header[i]) is None for i in features):
        raise _no_header(path, name)
    if task == "auto" and (k := _typo(cells)) is not None:
        where = f"{path}: row {row_numbers[k]}, column {name!r}"
        raise CellError(f"{where}: {_fault(cells[k])}, but most cells of this column are", name, may_be_class=True)
    y, classes = _targets(cells, task)
    X = np.array(numbers).reshape(len(cells), len(features))
    return Dataset(str(path), X, y, tuple(header[i] for i in features), name, classes)


def _chosen(path: FilePath, header: list[str], target: str | None, ignore: Sequence[str]) -> tuple[int, list[int]]:
    """The indices of the target and of the features in the header."""
    ignored = {_index(path, header, name) for name in ignore}
    kept = [i for i in range(len(header)) if i not in ignored]
    if len(kept) < 2:
        which = " that is not ignored" if ignored else ""
        found = f"one column only{which}, {header[kept[0]]!r}" if kept else f"no column{which}"
        raise DataError(f"{path}: the header has {found}; a feature and a target are needed")
    column = kept[-1] if target is None else _index(path, header, target)
    if column in ignored:
        raise DataError(f"{path}: column {target!r} is the target, so it cannot be ignored")
    return column, [i for i in kept if i != column]


def read_columns(path: FilePath, names: Sequence[str]) -> Array:
    """The columns `names` of a CSV file, in this order, as an array (rows, names); others are ignored.

    The file and the errors are those of `read_csv`, except that a header without rows gives no rows.
    """
    rows = _rows(path)
    _, header = next(rows)
    columns = [_index(path, header, name) for name in names]
    numbers = array("d")
    for row, texts in rows:
        numbers.extend(_numbers(path, header, columns, row, texts))
    return np.array(numbers, dtype=np.float64).reshape(-1, len(names))


def _rows(path: FilePath) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its number; the first is a valid header, the others are as long."""
    header: list[str] | None = None
    row = 0
    # An invalid byte becomes a surrogate, so that a message can name it with its row.
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        try:
            first: list[str] = []  # the lines up to the header, which shows what the separator is
            for line in file:
                first.append(line)
                if line.strip():
                    break
            # A quote may hide separators, so what is quoted does not count.
            unquoted = re.sub(r'"[^"]*"?', "", "".join(first))
            separator = max(",;\t|", key=unquoted.count)
            for row, cells in enumerate(csv.reader(chain(first, file), delimiter=separator, strict=True), start=1):
                if not cells or (len(cells) == 1 and not cells[0].strip() and (header is None or len(header) > 1)):
                    continue
                _check_text(path, row, header, cells)
                if header is None:
                    header = cells = [cell.strip() for cell in cells]
                    _check_header(path, row, header)
                elif len(cells) != len(header):
                    raise DataError(f"{path}: row {row} has {len(cells)} cells, but the header has {len(header)}")
                yield row, cells
        except csv.Error as error:
            raise DataError(f"{path}: after row {row}: not a CSV file ({error})") from None
    if header is None:
        raise DataError(f"{path}: the file is empty")


def _check_text(path: FilePath, row: int, header: list[str] | None, cells: list[str]) -> None:
    for i, cell in enumerate(cells):
        if not cell.isascii() and (surrogate := re.search("[\udc80-\udcff]", cell)):
            column = repr(header[i]) if header is not None and i < len(header) else i + 1
            byte = ord(surrogate[0]) - 0xDC00
            raise DataError(f"{path}: row {row}, column {column}: byte 0x{byte:02x} is not UTF-8 text")


def _check_header(path: FilePath, row: int, header: list[str]) -> None:
    for i, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"{path}: row {row}, column {i}: the column has no name")
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"{path}: row {row}: {count} columns have the name {name!r}")
    if all(_fault(name) is None for name in header):
        raise DataError(f"{path}: row {row} holds numbers only; the first row must be a header that names the columns")


def _no_header(path: FilePath, name: str) -> DataError:
    """The error for a first row that is a sample: its cell `name` occurs in that column below too."""
    return DataError(
        f"{path}: the first row holds numbers and {name!r}, as rows below it do; "
        "it must be a header that names the columns"
    )


def _index(path: FilePath, header: Sequence[str], name: str) -> int:
    if name not in header:
        shown = ", ".join(map(repr, header[:20])) + (", ..." if len(header) > 20 else "")
        raise DataError(f"{path}: there is no column {name!r}; the columns are {shown}")
    return header.index(name)


def _numbers(
    path: FilePath, header: list[str], columns: list[int], row: int, texts: list[str], *, are_features: bool = False
) -> list[float]:
    for i in columns:
        if fault := _fault(texts[i]):
            if texts[i].strip() == header[i] and any(_fault(name) is None for name in header):
                raise _no_header(path, header[i])
            where = f"{path}: row {row}, column {header[i]!r}"
            raise CellError(f"{where}: {fault}", header[i], is_feature=are_features)
    return [float(texts[i]) for i in columns]


def _fault(text: str) -> str | None:
    """What is wrong with `text` as a number, None if nothing is."""
    try:
        if -LARGEST <= float(text) <= LARGEST and "_" not in text:
            return None
    except ValueError:
        pass
    text = text.strip()
    if not text:
        return "the cell is empty"
    shown = repr(text if len(text) <= 40 else text[:40] + "...")
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return f"{shown} is not a finite number"
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"{shown} is not a number; write it with a decimal point"
    if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text, re.IGNORECASE) and text.count(".") < 2:
        return f"{shown} is too large; the limit is {LARGEST:g}"
    return f"{shown} is not a number"


def _typo(cells: list[str]) -> int | None:
    """The first cell that is no number in a column whose other cells are numbers to be predicted, None without one."""
    faults = [k for k, text in enumerate(cells) if _fault(text)]
    if not faults or len(faults) > len(cells) / 2:
        return None
    numbers = np.delete(np.array(cells, dtype=object), faults).astype(np.float64)
    return None if _are_classes(numbers) else faults[0]


def _are_classes(numbers: Array) -> bool:
    """Whether numbers look like the names of classes: few and whole."""
    levels = np.unique(numbers)
    few = len(levels) <= min(MOST_WHOLE_NUMBER_CLASSES, len(numbers) / 2)
    return few and bool((levels == np.floor(levels)).all())


def _targets(cells: list[str], task: Task) -> tuple[NDArray[np.int64] | Array, tuple[str, ...]]:
    """The targets `y` and the names of the classes; no names for regression."""
    if any(_fault(text) for text in cells):
        names, indices = np.unique(np.array(cells, dtype=object), return_inverse=True)
        return indices.astype(np.int64), tuple(names)
    numbers = np.array(cells, dtype=np.float64)
    if task == "regression" or (task == "auto" and not _are_classes(numbers)):
        return numbers, ()
    levels, indices = np.unique(numbers, return_inverse=True)
    return indices.astype(np.int64), tuple(repr(float(level)).removesuffix(".0") for level in levels)
