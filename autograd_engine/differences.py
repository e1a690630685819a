"""Slopes by finite differences, with error bounds that are measured, not chosen.

A function is evaluated at x ± h on a ladder of steps h, from the size of x down to its last bits. Each rung gives
a difference quotient, extrapolated to h = 0 (Richardson, in Ridders' table), with two errors: truncation, estimated
from how fast the rungs converge, and rounding, the rounding error of f divided by h. The narrowest interval that no
smaller step contradicts wins. Left and right of the point are measured separately.

Source: C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Adv. Eng. Software 4 (1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf, isfinite, nan
from typing import NamedTuple

import numpy as np

Outputs = Callable[[Sequence[float]], Sequence[float]]

_RATIO = 4  # from rung to rung
_RUNGS = 26  # so that the last step is 2**-50 of the first
_COLUMNS = 4  # of the extrapolation table
_REACH = 4**4  # how much wider than the best step of a side a step across the point may be
_FIRST = (5**0.5 + 1) / 4  # the first step, as a share of a power of two


def differences(
    outputs: Outputs, point: Sequence[float], j: int, rounding: Sequence[float]
) -> list[tuple[float, float, float, str]]:
    """For each output, its slope with respect to number j of the point: lowest, highest, error, note.

    `rounding` is the rounding error of each output, nan where it is unknown.
    """
    nothing = [nan] * len(rounding)

    def at(x: float) -> Sequence[float]:
        if not isfinite(x):
            return nothing
        try:
            return outputs([*point[:j], x, *point[j + 1 :]])
        except Exception:  # outside the domain, which f may guard with an assertion or an index
            return nothing

    x = point[j]
    with np.errstate(all="ignore"):
        here = at(x)
        # x + h is rounded; the step actually taken is its difference from x.
        ladders = [
            (
                [(x - h - x, at(x - h)) for h in ladder],
                [(x + h - x, at(x + h)) for h in ladder],
                [_middle(x, x - h, x + h) for h in ladder],
            )
            for ladder in _ladders(x)
        ]
    slopes = []
    for i, error in enumerate(rounding):
        own = [
            _Ladder([(t, g[i]) for t, g in left], [(t, g[i]) for t, g in right], middles)
            for left, right, middles in ladders
        ]
        if error != error:
            error = max(_scatter(own[-1].left), _scatter(own[-1].right))
        slopes.append(_slope_between(here[i], own, error))
    return slopes


def _ladders(x: float) -> list[list[float]]:
    """Ladders of steps, large to small: one from the larger of 1 and |x|, as a function may vary on either scale, and
    one from |x| itself if that is much smaller (and has enough rungs).

    The steps are not powers of two: steps with few bits would lead from a whole number only to other whole numbers,
    and nothing would be seen of a function of period 1 in between.
    """
    tops = [max(1.0, abs(x))] + ([abs(x)] if 0 < abs(x) < _RATIO**-5 else [])
    shift = _RATIO.bit_length() - 1
    ladders = [[math.ldexp(_FIRST, min(math.frexp(top)[1], 1023) - shift * k) for k in range(_RUNGS)] for top in tops]
    ladders = [[h for h in ladder if x - h < x < x + h] for ladder in ladders]
    return [ladder for ladder in ladders if len(ladder) > _RUNGS // 2]


def _middle(x: float, left: float, right: float) -> float:
    """The middle of two points minus x, without rounding: -x itself if x ± h round to ±h."""
    return math.fsum([left, -x, right, -x]) / 2


Samples = Sequence[tuple[float, float]]  # a signed step t and f at x + t, steps from large to small


class _Ladder(NamedTuple):
    """f left and right of the point, and how far beyond the point the middle of each pair lies."""

    left: Samples
    right: Samples
    middles: Sequence[float]


class _Quotient(NamedTuple):
    """The difference quotient at a step, and how far the rounding of f may put it off."""

    step: float
    slope: float
    rounding: float


class _Estimate(NamedTuple):
    """A slope extrapolated to step 0, its error, and the part of the error that is due to rounding. `quotient` is the
    difference quotient at the step; `spread` is how far it, or the previous one, is from the slope."""

    step: float
    slope: float
    error: float
    rounding: float
    quotient: float
    spread: float


class _Side(NamedTuple):
    """The slope on one side of the point and the step at which it was found; `jumps` if f at the point is not the
    limit from that side."""

    low: float
    high: float
    error: float = 0.0
    step: float = 0.0
    jumps: bool = False


def _slope_between(here: float, ladders: Sequence[_Ladder], rounding: float) -> tuple[float, float, float, str]:
    """Lowest and highest slope, error and note, from f at the point (`here`) and to its left and right."""
    both = [_one_side(here, list(side), rounding) for side in list(zip(*ladders))[:2]]
    sides = [side for side in both if side]
    size = max((abs(g) for ladder in ladders for side in ladder[:2] for _, g in side if isfinite(g)), default=0.0)
    if not sides or any((side.low, side.high) == (-inf, inf) for side in sides) or 0 < size < 16 * rounding:
        return -inf, inf, 0.0, "not judged"  # no slope is visible, or f is little more than rounding errors
    low, high = min(side.low for side in sides), max(side.high for side in sides)
    error = max(side.error for side in sides)
    if any(side.jumps for side in sides):
        return low, high, error, "jump"
    if len(sides) == 1:
        return low, high, error, "one side"
    if isfinite(high - low) and high - low <= sides[0].error + sides[1].error:
        reach = _REACH * max(side.step for side in sides)
        estimates = [e for ladder in ladders for e in _extrapolated(_central(here, ladder, rounding), 2)]
        central = _narrowest([e for e in estimates if e.step <= reach])
        if central and central.error <= error:
            return central.slope, central.slope, central.error, ""
    return low, high, error, "kink" if low < high else ""


def _central(here: float, ladder: _Ladder, rounding: float) -> list[_Quotient]:
    """Difference quotients across the point, corrected by the curvature: a quotient gives the slope in the middle of
    its step, which is not exactly the point."""
    quotients = []
    for (back, a), (t, b), middle in zip(*ladder):
        width = t - back
        curvature = 2 * ((b - here) / t - (a - here) / back) / width
        slope = (b - a) / width - (curvature * middle if middle else 0.0)
        error = (rounding + _ulp(a, b)) / t
        quotients.append(_Quotient(width / 2, slope, error * (1 + 4 * abs(middle) / t)))
    return quotients


def _sided(samples: Samples, rounding: float) -> list[_Quotient]:
    """Difference quotients from rung to rung. They leave out f at the point, so a jump there does not disturb them."""
    return [
        _Quotient(abs(t + far) / 2, (g - wide) / (t - far), (rounding + _ulp(wide, g)) / abs(t))
        for (far, wide), (t, g) in pairwise(samples)
    ]


def _one_side(here: float, ladders: Sequence[Samples], rounding: float) -> _Side | None:
    """The slope on one side of the point; None if f is nan there."""
    step, beside = ladders[-1][-1]
    if beside != beside:
        return None
    if not isfinite(beside):
        slope = (beside - here) / step
        return _Side(slope, slope) if slope == slope else _Side(-inf, inf)
    table = [_sided(samples, rounding) for samples in ladders]
    last = table[-1]
    end = last[-1].slope
    if abs(end) == inf and all(q.slope == end for q in last[-8:]):
        return _Side(end, end)  # the slope overflows, f does not
    if growth := _growth(last):
        return _Side(last[-1].slope, inf) if growth > 0 else _Side(-inf, last[-1].slope)
    best = _narrowest([e for quotients in table for e in _extrapolated(quotients, 1)])
    if best is None or _unresolved(last):
        return _Side(-inf, inf)
    gaps = [abs(g - here) for _, g in ladders[-1][-5:]]
    line = 2 * (abs(best.slope) + best.error) * abs(step) + 8 * (rounding + _ulp(here, beside))
    return _Side(best.slope, best.slope, best.error, best.step, jumps=gaps[-1] > max(line, gaps[0] / 2))


def _unresolved(quotients: Sequence[_Quotient]) -> bool:
    """Whether f changes faster than the last bits of x can resolve, like sin at 1e30: the quotients never come closer
    together until all is rounding. The last three moves count, since a single one may be small by chance."""
    moves = [(abs(new.slope - old.slope), 4 * new.rounding) for old, new in pairwise(quotients)]
    visible = [k for k, (move, rounding) in enumerate(moves) if move > rounding]
    if not visible:
        return False
    latest = max(moves[k][0] for k in visible[-3:])
    return latest >= max(moves[k][0] for k in visible) / 2 and all(r > latest / 2 for _, r in moves[visible[-1] + 1 :])


def _ulp(a: float, b: float) -> float:
    return math.ulp(max(abs(a), abs(b)))


def _scatter(samples: Samples) -> float:
    """The rounding error of f on one side, estimated from its values: how far f departs from a straight line over the
    smaller half of the steps, where curvature matters less than rounding."""
    fine = _sided(samples[len(samples) // 2 :], 0.0)
    moves = [
        abs(new.slope - old.slope) * abs(t) for (old, new), (t, _) in zip(pairwise(fine), samples[-len(fine) + 1 :])
    ]
    return max((move for move in moves if isfinite(move)), default=0.0)


def _extrapolated(quotients: Sequence[_Quotient], order: int) -> list[_Estimate]:
    """The best estimate of each rung, where the error of a quotient is a series in powers of step**order.

    Column j of the table is the polynomial through j + 1 rungs, evaluated at step 0 (Neville). It uses the actual
    steps: the last are only a few units in the last place of x, so their ratio is not fixed.
    """
    best: list[_Estimate] = []
    row: list[float] = []
    moves: list[float] = []
    steps: list[float] = []
    for step, quotient, rounding in quotients:
        if not isfinite(quotient):
            row, moves, steps = [], [], []
            continue
        above, row = row, [quotient]
        for entry, wider in zip(above[: _COLUMNS - 1], reversed(steps)):
            row.append(row[-1] + (row[-1] - entry) / ((wider / step) ** order - 1))
        steps.append(step)
        previous, moves = moves, [abs(new - old) for new, old in zip(row, above)]
        rounding *= 2
        errors = [_error(move, before, rounding) for move, before in zip(moves, previous)]
        if errors:
            error, slope = min((error, slope) for error, slope in zip(errors, row))
            spread = max(abs(quotient - slope), abs(above[0] - slope))
            best.append(_Estimate(step, slope, error, rounding, quotient, spread))
    best = _resolved(best)
    return [e._replace(error=_with_hindsight(e, best[k + 1 : k + 7])) for k, e in enumerate(best)]


def _resolved(estimates: Sequence[_Estimate]) -> list[_Estimate]:
    """The estimates from which, rounding aside, finer quotients stray no farther than those of their own step.

    The others are wrong however well they agree: to all digits on the flat parts beside a peak that is narrower than
    all large steps.
    """
    kept: list[_Estimate] = []
    lowest, highest = inf, -inf
    for e in reversed(estimates):
        stray = e.spread + e.error
        if highest <= e.slope + stray and lowest >= e.slope - stray:
            kept.append(e)
        lowest, highest = min(lowest, e.quotient + e.rounding), max(highest, e.quotient - e.rounding)
    return kept[::-1]


def _with_hindsight(estimate: _Estimate, finer: Sequence[_Estimate]) -> float:
    """The error of an estimate in the light of the next rungs. A small error may be luck: if a finer estimate differs
    by more than its own rounding error, the error grows to cover it, rounding included."""
    apart = [(abs(estimate.slope - e.slope), e.rounding) for e in finer]
    return max([estimate.error, *[gap + noise for gap, noise in apart if gap > noise]])


def _error(move: float, before: float, rounding: float) -> float:
    """The error of a table entry that moved by `move` from the rung above, which had moved by `before`.

    If the moves keep shrinking by the factor q, then q + q**2 + ... times the last one is still to come.
    """
    if move <= rounding:
        return rounding + move
    q = move / before if before else inf
    return rounding + move * max(1.0, q / (1 - q)) if q < 0.95 else inf


def _narrowest(estimates: Sequence[_Estimate]) -> _Estimate | None:
    """Of the estimates that no smaller step contradicts, the one with the smallest error; None if there is none."""
    lowest, highest, best = -inf, inf, None
    for e in sorted(estimates):
        if e.slope + e.error >= lowest and e.slope - e.error <= highest and (best is None or e.error < best.error):
            best = e
        lowest, highest = max(lowest, e.slope - e.error), min(highest, e.slope + e.error)
    return best if best and isfinite(best.error) else None


def _growth(quotients: Sequence[_Quotient]) -> int:
    """1 or -1 if the quotients grow or fall without bound as the steps shrink: the last moves larger than rounding
    have one sign and do not become smaller. Otherwise 0."""
    pairs = [(new.slope - old.slope, 2 * new.rounding) for old, new in pairwise(quotients)]
    moves = [move for move, rounding in pairs if not abs(move) <= rounding][-8:]
    if len(moves) < 8 or not all(isfinite(move) for move in moves):
        return 0
    steady = all(b / a >= 0.95 for a, b in pairwise(moves))
    return int(math.copysign(1, moves[0])) if steady else 0
