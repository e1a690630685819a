"""The numbers on the edges of a drawing, moved off the lines that run through them.

Graphviz keeps a number off boxes and other numbers, but not off the curves of other edges.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

MOST = 300  # numbers of a drawing; in a larger one hardly a place is free
WIDTH, ABOVE, BELOW = 6.0, 7.0, 1.0  # of a digit, and how far it reaches from the line it stands on, at 10 points
ASIDE, UP = 32, 15  # how far a number may go, the shortest way first
WAYS = [(x, y) for x in range(-ASIDE, ASIDE + 1, 4) for y in range(-UP, UP + 1, 3)]
WAYS.sort(key=lambda way: way[0] ** 2 + way[1] ** 2)
SIDES = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]  # of a point of its edge, where all else is taken
PLACES, GAP, REACH = 80, 1.5, 90  # along the edge; how far from it; and with the width of a number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rectangles = NDArray[np.float64]  # a row for each: left, top, right, bottom


def clear_numbers(svg: str, colour: str) -> str:
    """The drawing of Graphviz with the numbers of that colour at the nearest places that are free."""
    import html

    numbers = re.compile(rf'x="([-\d.]+)" y="([-\d.]+)"([^>]*fill="{colour}">([^<]*)</text>)')
    found = numbers.findall(svg)
    if not 0 < len(found) <= MOST:
        return svg
    paths = list(re.finditer(r'<path fill="none"[^>]* d="([^"]+)"', svg))
    curves = [_points(path[1]) for path in paths]
    starts = [path.start() for path in paths]
    own = [curves[bisect(starts, number.start()) - 1] for number in numbers.finditer(svg)]
    lines, boxes = np.concatenate(curves), _boxes(svg)
    places = np.array([_around(float(x), float(y), len(html.unescape(text).strip())) for x, y, _, text in found])
    moves = []
    for i, place in enumerate(places):
        reach = np.vstack([place.reshape(2, 2), own[i]])
        near = lines[_inside(lines, np.concatenate([reach.min(axis=0) - REACH, reach.max(axis=0) + REACH]))]
        others = np.concatenate([boxes, np.delete(places, i, axis=0)])
        ways = itertools.chain(WAYS, _beside(own[i], place)) if _inside(near, place).any() else WAYS[:1]
        tried = ((way, place + (*way, *way)) for way in ways)
        free = (way for way, there in tried if not _over(others, there) and not _inside(near, there).any())
        moves.append(next(free, WAYS[0]))
        places[i] += (*moves[i], *moves[i])
    left = iter(moves)

    def moved(number: re.Match[str]) -> str:
        (dx, dy), (x, y, rest) = next(left), number.groups()[:3]
        return f'x="{float(x) + dx:.2f}" y="{float(y) + dy:.2f}"{rest}' if dx or dy else number[0]

    return numbers.sub(moved, svg)


def _around(x: float, y: float, digits: int) -> tuple[float, float, float, float]:
    half = WIDTH / 2 * digits
    return x - half, y - ABOVE, x + half, y + BELOW


def _beside(curve: NDArray[np.float64], place: NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    """The ways of a number to the places along its edge, the shortest first."""
    centre, half = (place[:2] + place[2:]) / 2, (place[2:] - place[:2]) / 2
    points = curve[:: 1 + len(curve) // PLACES]
    ways = np.concatenate([points + (half + GAP) * side - centre for side in SIDES])
    yield from map(tuple, ways[np.argsort((ways**2).sum(axis=1))])


def _points(path: str) -> NDArray[np.float64]:
    """Points of a path of cubic curves, so near to each other that no number fits between them."""
    corners = np.array(re.findall(r"([-\d.]+),([-\d.]+)", path), dtype=float)
    curves = []
    for k in range(0, len(corners) - 3, 3):
        part = corners[k : k + 4]
        t = np.linspace(0, 1, 2 + int(np.hypot(*np.diff(part, axis=0).T).sum() / 2))[:, None]
        curves.append(np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]) @ part)
    return np.concatenate(curves)


def _boxes(svg: str) -> Rectangles:
    """What is filled: boxes, ellipses and arrowheads, but not the paper, which is the first."""
    found = []
    for shape in re.findall(r'<(?:polygon|path|ellipse) fill="(?!none)[^>]*>', svg)[1:]:
        if round := re.search(r'cx="(.+?)" cy="(.+?)" rx="(.+?)" ry="(.+?)"', shape):
            x, y, wide, high = map(float, round.groups())
            found.append((x - wide, y - high, x + wide, y + high))
        else:
            corners = np.array(re.findall(r"([-\d.]+),([-\d.]+)", shape), dtype=float)
            found.append((*corners.min(axis=0), *corners.max(axis=0)))
    return np.array(found)


def _inside(points: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points are in a place, or so near that a line from one to the next may cut a corner of it."""
    (left, top, right, bottom), (x, y) = place + (-1, -1, 1, 1), points.T
    return (x > left) & (x < right) & (y > top) & (y < bottom)  # type: ignore[no-any-return]


def _over(others: Rectangles, place: NDArray[np.float64]) -> bool:
    return bool(((others[:, :2] < place[2:]) & (place[:2] < others[:, 2:])).all(axis=1).any())
