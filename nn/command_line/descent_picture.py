"""The picture of a descent: on a curve, on a heat map, or for more variables as a line over the steps."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

import numpy as np
from matplotlib import rc_context

from autograd_engine.expressions import Expression
from nn.minimize import Descent
from nn.plots import Array, descent_curve, heat_map, learning_rates

FORMATS = (".png", ".svg")
MOST_DIVERGED = 10  # points drawn of a diverging path, whose later ones would dwarf them


def picture(expression: Expression, descent: Descent, format: str) -> bytes:
    """The path of `descent` on `expression`, as a file in one of `FORMATS`; the same path gives the same bytes."""
    content = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "autograd-engine"}):
        warnings.simplefilter("ignore")  # of characters missing in the font, and of a constant formula
        figure = _figure(expression, descent)
        figure.savefig(content, format=format[1:], metadata={"Date": None} if format == ".svg" else None)
    return content.getvalue()


def _figure(expression: Expression, descent: Descent) -> Any:
    names, title = tuple(descent.x), f"Descent on {expression.text}"
    if len(names) > 2:
        rate = descent.lrs[0] if len(set(descent.lrs)) == 1 else "varying"
        return learning_rates({rate: descent.values}, name="f", title=title)
    points = np.array([list(point.values()) for point in descent.points])
    if descent.reason == "diverged":
        points = points[:MOST_DIVERGED]
        title += f", first {len(points)} points"
    limits = _limits(points)

    def height(*numbers: float) -> float:
        value = float(expression(**dict(zip(names, numbers))))
        return value if math.isfinite(value) else math.nan

    if len(names) == 1:
        return descent_curve(height, limits[0], path=points[:, 0], names=(names[0], "f"), title=title)
    labels = (names[0], names[1], "f")
    return heat_map(height, *limits, paths={"path": points}, names=labels, title=title, logarithmic=None)


def _limits(points: Array) -> list[tuple[float, float]]:
    """For each variable a range with all points in it, some margin, and not too narrow beside the others."""
    low, high = points.min(axis=0), points.max(axis=0)
    spans = high - low
    spans = np.maximum(spans, (spans.max() or 1.0) / 2)
    middles = (low + high) / 2
    return [(float(middle - 0.7 * span), float(middle + 0.7 * span)) for middle, span in zip(middles, spans)]
