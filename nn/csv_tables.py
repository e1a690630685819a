"""The rows of a CSV file, and its columns as features: numbers as they are, texts as a 0 or 1 for each kind."""

from __future__ import annotations

import csv
import re
import shlex
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np

from nn.checks import Array, FilePath

Missing = Literal["drop", "mean"]

LARGEST = 1e150  # the square of a larger number may overflow, so it would have no variance
MOST_KINDS = 20
MISSING = {"", "nan", "na", "n/a", "null"}
GROUPED = re.compile(r"([+-]?\d{1,3})([,.'’ \u00a0\u202f])(\d{3}(?:\2\d{3})*)(?:((?!\2)[.,])(\d+))?")


class DataError(ValueError):
    """A data set that cannot be used. The message is one line that names the file and, in it, row and column."""


class CellError(DataError):
    """A cell of a CSV file that should be a number and is not, or a class that looks like a mistyped number."""

    def __init__(
        self,
        message: str,
        column: str,
        *,
        may_be_class: bool = False,
        is_feature: bool = False,
        is_missing: bool = False,
    ) -> None:
        super().__init__(message)
        self.column, self.may_be_class, self.is_feature, self.is_missing = column, may_be_class, is_feature, is_missing


def feature_name(column: str, text: str) -> str:
    """The name of the feature that is 1 where a column of texts holds this text."""
    return f"{column}={text}"


def category(number: float) -> str:
    """A number as a text, the same for 1 and 1.0."""
    return repr(float(number)).removesuffix(".0")


class Table:
    """The cells of some columns: numbers, or nan for what is none, with the texts of those cells apart."""

    def __init__(self, path: FilePath, header: list[str], columns: list[int]) -> None:
        self.path, self.header, self.columns = path, header, columns
        self.row_numbers, self.numbers = array("q"), array("d")
        self.texts: dict[int, dict[int, str]] = {}  # column, index of the row

    def add(self, row: int, texts: list[str]) -> None:
        """Add a row of the file."""
        for i in self.columns:
            if fault_of(texts[i]) is None:
                self.numbers.append(float(texts[i]))
                continue
            text = texts[i].strip()
            if text == self.header[i] and any(fault_of(name) is None for name in self.header):
                raise no_header(self.path, text)
            self.numbers.append(np.nan)
            self.texts.setdefault(i, {})[len(self.row_numbers)] = sys.intern(text)
        self.row_numbers.append(row)

    def categories(self) -> dict[str, tuple[str, ...]]:
        """The texts of each column that holds texts: more of them than numbers, and few different ones."""
        found = {}
        for j, i in enumerate(self.columns):
            texts = [text for text in self.texts.get(i, {}).values() if text.lower() not in MISSING]
            numbers = self._column(j)
            numbers = numbers[~np.isnan(numbers)]
            if len(texts) > len(numbers) and not any(map(looks_like_a_number, texts)):
                kinds = {*texts, *map(category, numbers)}
                if 2 <= len(kinds) <= min(MOST_KINDS, (len(texts) + len(numbers)) / 2):
                    found[self.header[i]] = tuple(sorted(kinds))
        return found

    def encoded(
        self, categories: Mapping[str, tuple[str, ...]], missing: Missing | None
    ) -> tuple[Array, tuple[str, ...], Mapping[str, tuple[str, ...]]]:
        """The features with their names, nan where a cell is missing, and the categories that they were made with."""
        wrong: list[tuple[int, int, CellError]] = []
        features: dict[str, Array] = {}
        for j, i in enumerate(self.columns):
            name, numbers, texts = self.header[i], self._column(j), self.texts.get(i, {})
            kinds = categories.get(name)
            known = {k: text for k, text in texts.items() if text.lower() not in MISSING}
            if kinds is not None:
                cells = {k: category(x) for k, x in enumerate(numbers) if x == x} | known
                bad = [k for k, cell in cells.items() if cell not in kinds]
            else:
                cells, bad = {}, list(known)
            bad += [k for k in texts if k not in known] if missing is None else []
            if bad:
                wrong.append((min(bad), j, self._error(name, min(bad), cells or texts, kinds)))
            elif len(texts) == len(numbers) > 0 and not known:
                raise CellError(f"{self.path}: all cells of column {name!r} are missing", name, is_feature=True)
            if kinds is None:
                columns = {name: numbers}
            else:
                texts_or_none = [cells.get(k) for k in range(len(numbers))]
                columns = {
                    feature_name(name, kind): np.array(
                        [np.nan if cell is None else float(cell == kind) for cell in texts_or_none]
                    )
                    for kind in kinds
                }
            for feature in columns.keys() & features.keys():
                raise DataError(f"{self.path}: two features would have the name {feature!r}; rename a column")
            features |= columns
        if wrong:
            raise min(wrong)[-1]
        X = np.stack(list(features.values()), axis=1) if features else np.empty((len(self.row_numbers), 0))
        return np.ascontiguousarray(X), tuple(features), categories

    def _column(self, j: int) -> Array:
        return np.asarray(self.numbers).reshape(-1, len(self.columns))[:, j]

    def _error(self, name: str, k: int, cells: Mapping[int, str], kinds: Sequence[str] | None) -> CellError:
        where = f"{self.path}: row {self.row_numbers[k]}, column {name!r}"
        text = cells.get(k, "")
        is_missing = text.lower() in MISSING
        fault = fault_of(text)
        if kinds is not None and not is_missing:
            fault = f"{text!r:.60} is a text that the model was not trained with; it knows {', '.join(kinds)}"
        return CellError(f"{where}: {fault}", name, is_feature=True, is_missing=is_missing)


def rows_of(path: FilePath) -> Iterator[tuple[int, list[str]]]:
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
            encoding = "utf-16" if row == 1 and byte in (0xFE, 0xFF) else "latin1"
            convert = f"iconv -f {encoding} -t utf-8 {shlex.quote(str(path))} > utf8.csv"
            where = f"{path}: row {row}, column {column}"
            raise DataError(
                f"{where}: byte 0x{byte:02x} is not UTF-8 text; save the file as UTF-8, or convert it: {convert}"
            )


def _check_header(path: FilePath, row: int, header: list[str]) -> None:
    for i, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"{path}: row {row}, column {i}: the column has no name")
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"{path}: row {row}: {count} columns have the name {name!r}")
    if all(fault_of(name) is None for name in header):
        raise DataError(f"{path}: row {row} holds numbers only; the first row must be a header that names the columns")


def no_header(path: FilePath, name: str) -> DataError:
    """The error for a first row that is a sample: its cell `name` occurs in that column below too."""
    return DataError(
        f"{path}: the first row holds numbers and {name!r}, as rows below it do; "
        "it must be a header that names the columns"
    )


def index_of(path: FilePath, header: Sequence[str], name: str) -> int:
    """Where a column stands in the header. Raises DataError if it is not there."""
    if name not in header:
        shown = ", ".join(map(repr, header[:20])) + (", ..." if len(header) > 20 else "")
        raise DataError(f"{path}: there is no column {name!r}; the columns are {shown}")
    return header.index(name)


def fault_of(text: str) -> str | None:
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
    if grouped := GROUPED.fullmatch(text):
        whole, separator, groups, _, decimals = grouped.groups()
        digits = whole + groups.replace(separator, "")
        if decimals:
            digits += f".{decimals}"
        elif separator == "," and "," not in groups:
            digits += f", or if the comma is a decimal one as {whole}.{groups}"
        return f"{shown} is not a number with its separators; write it as {digits}"
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"{shown} is not a number; write it with a decimal point"
    if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text, re.IGNORECASE) and text.count(".") < 2:
        return f"{shown} is too large; the limit is {LARGEST:g}"
    return f"{shown} is not a number"


def looks_like_a_number(text: str) -> bool:
    """Whether a text is a number that is written wrongly or too large."""
    fault = fault_of(text)
    return fault is not None and not fault.endswith(" is not a number")
