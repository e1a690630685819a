"""Derivatives beside what they are compared with, in tables, under the names of the numbers they are taken by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from autograd_engine.runs import parameters_of, positional
from autograd_engine.structure import leaves_with_paths

ROWS = 20  # the most rows of a table, so that a report fits on a screen


@dataclass(frozen=True)
class Slope:
    """One derivative and its finite difference.

    `by` names the input (two for a second derivative), `at` is its number, and `found` is the derivative under test.
    Finite differences put the slope between `low` and `high`, which differ at a kink, give or take `tolerance`.
    `note` marks special cases: "kink", "jump", "one side", "not judged"; otherwise it is empty.
    """

    by: str
    at: float
    found: float
    low: float
    high: float
    tolerance: float
    note: str = ""

    @property
    def difference(self) -> float:
        """The distance from `found` to the range from `low` to `high`; 0 inside it."""
        if self.low <= self.found <= self.high:
            return 0.0
        return min(abs(self.found - self.low), abs(self.found - self.high)) if self.found == self.found else nan

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance. NaN agrees only at a jump or where no slope was found."""
        if self.found != self.found:
            return self.note in ("jump", "not judged")
        return self.low - self.tolerance <= self.found <= self.high + self.tolerance

    def row(self) -> tuple[str, ...]:
        """The cells of a table: wrt, at, found, finite difference, tolerance, difference, note."""
        low, high = self.low + 0.0, self.high + 0.0  # not -0
        expected = f"{low:.12g}" if low == high else f"{low:.6g} to {high:.6g}"
        note = self.note if self.agrees else f"WRONG {self.note}".rstrip()
        small = (f"{self.tolerance:.1e}", f"{self.difference:.1e}")
        return (self.by, f"{self.at:.6g}", f"{self.found:.12g}", expected, *small, note)


def table(slopes: Sequence[Slope], rows: int = ROWS) -> list[str]:
    """Aligned lines, one per slope, the wrong ones first, at most `rows` of them."""
    ordered = sorted(slopes, key=lambda slope: slope.agrees)
    heads = ("wrt", "at", "found", "finite difference", "tolerance", "difference", "")
    cells = [heads, *[slope.row() for slope in ordered[:rows]]]
    lines = aligned(cells)
    if rest := ordered[rows:]:
        lines.append(f"... and {len(rest)} more, {len([s for s in rest if not s.agrees])} of them wrong")
    return lines


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, from the cells of its rows."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def argument_names(f: Callable[..., Any], point: Sequence[Any]) -> list[str]:
    """The names of f's parameters, or x1, x2, ... for those that Python cannot tell."""
    named = [p.name for p in positional(parameters_of(f))]
    return (named + [f"x{i + 1}" for i in range(len(named), len(point))])[: len(point)]


def number_names(arguments: Sequence[str], point: Sequence[Any]) -> list[str]:
    """What to call each number of the point: w[0], w['bias'][2], ..."""
    return [
        f"{path}{list(index)}" if index else path
        for name, argument in zip(arguments, point)
        for path, leaf in leaves_with_paths(argument, name)
        for index in np.ndindex(getattr(leaf, "shape", ()))
    ]
