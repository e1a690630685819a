"""What was learned: decision boundaries, confusion, predictions against the truth, and the images of kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.ndimage import zoom

from nn.checks import Array
from nn.plots import style

SMOOTHER = 5  # times as many points are drawn each way as were computed


def decision_boundary(
    predict: Callable[[Array], ArrayLike],
    X: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str],
    feature_names: Sequence[str] = ("x1", "x2"),
    title: str = "Decision boundary",
    resolution: int = 60,
) -> Figure:
    """The samples `X`, shape (n, 2), with classes `y` over the regions that `predict` gives to each class.

    `predict` maps points (m, 2) to the probabilities of the classes (m, classes). A region is the paler the
    less sure the prediction, the line is where the most probable class changes, and samples in the wrong
    region have a ring.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    xs, ys = np.linspace(low - margin, high + margin, resolution).T
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    answers = np.asarray(predict(grid), dtype=np.float64).reshape(resolution, resolution, -1)
    # A network is slow to ask, and the logarithms of its answers are smooth: splines between them make a smooth line.
    logarithms = zoom(np.log(np.fmax(answers, 1e-12)), (SMOOTHER, SMOOTHER, 1), order=3, mode="nearest")
    xs, ys = np.linspace(low - margin, high + margin, SMOOTHER * resolution).T
    winner = logarithms.argmax(axis=-1)
    palette = np.array([to_rgb(style.COLOURS[k % len(style.COLOURS)]) for k in range(len(class_names))])
    chance = 1 / len(class_names)
    sureness = (zoom(answers.max(axis=-1), SMOOTHER, order=1)[..., np.newaxis] - chance) / (1 - chance)
    strength = 0.08 + 0.32 * np.clip(sureness, 0, 1)

    figure, axes = style.new_figure(title, 6.4, 5.0)
    pixels, extent = 1 - strength * (1 - palette[winner]), (xs[0], xs[-1], ys[0], ys[-1])
    axes.imshow(pixels, extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    for k in range(len(class_names)):
        rest = np.delete(logarithms, k, axis=-1).max(axis=-1)
        difference = logarithms[..., k] - rest
        if difference.min() < 0 < difference.max():
            axes.contour(xs, ys, difference, levels=[0.0], colors=style.INK, linewidths=1.2)
    right = np.asarray(predict(X), dtype=np.float64).argmax(axis=-1) == y
    for k, name in enumerate(class_names):
        marker = style.MARKERS[k % len(style.MARKERS)]
        axes.scatter(*X[y == k].T, **style.DOTS, color=palette[k], marker=marker, label=style.literal(name))
    if not right.all():
        ring: dict[str, Any] = {"s": 90, "facecolor": "none", "edgecolor": style.INK, "linewidth": 1.2}
        axes.scatter(*X[~right].T, **ring, label=f"wrong ({(~right).sum()})")
    style.label_axes(axes, style.literal(feature_names[0]), style.literal(feature_names[1]))
    style.add_legend(figure, axes)
    return figure


def confusion_matrix(
    true: ArrayLike, predicted: ArrayLike, *, class_names: Sequence[str], title: str = "Confusion matrix"
) -> Figure:
    """How many samples of each true class (row) were predicted as each class (column).

    `true` and `predicted` hold indices into `class_names`. The colour is the share of the row, so that
    classes of different size compare.
    """
    n, names = len(class_names), [style.in_lines(style.literal(name)) for name in class_names]
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = min(max(3.6, 0.55 * n + 1.2), 14.0)
    beside = style.LETTER * style.longest_line(names)
    slanted = beside * n > 0.9 * side
    figure, axes = style.new_figure(title, side + 0.8 + beside, side + 0.9 + 0.7 * beside * slanted, pad=24)
    axes.imshow(share, cmap=style.BLUES, vmin=0, vmax=1)
    size = float(np.clip(160 / max(n, 1), 5, 13))
    for i, j in np.ndindex(n, n):
        if counts[i, j] or n <= 12:
            colour = "white" if share[i, j] > 0.75 else style.INK if counts[i, j] else "#a0a0a0"
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(np.arange(n), names)
    axes.set_yticks(np.arange(n), names)
    if slanted:
        axes.tick_params(axis="x", rotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks(np.arange(n - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    style.label_axes(axes, "predicted class", "true class")
    note = f"{np.trace(counts)} of {counts.sum()} right"
    axes.text(0, 1.02, note, ha="left", va="bottom", transform=axes.transAxes, fontsize=10, color=style.INK)
    return figure


def predicted_against_true(
    true: ArrayLike, predicted: ArrayLike, *, name: str = "target", title: str = "Prediction against truth"
) -> Figure:
    """Each sample's predicted number over its true one; on the line they are equal."""
    true, predicted = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    figure, axes = style.new_figure(title, 5.4, 5.0)
    both = np.concatenate([true, predicted])
    ends = [both.min(), both.max()]
    axes.plot(ends, ends, color=style.INK, linewidth=1, linestyle="--", label="prediction = truth")
    axes.scatter(true, predicted, **style.DOTS, color=style.COLOURS[0], label="sample")
    style.label_axes(axes, f"true {style.literal(name)}", f"predicted {style.literal(name)}")
    axes.grid(color=style.FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    style.add_legend(figure, axes)
    return figure


def images(
    pixels: ArrayLike, captions: Sequence[str] = (), *, title: str = "Images", columns: int = 8, signed: bool = False
) -> Figure:
    """Small grey images, `pixels` of shape (n, height, width), side by side with their captions.

    Black is the largest number of an image, white the smallest. `signed` colours all of them on one scale instead:
    white is 0, blue negative, orange positive, which suits the kernels of a convolution.
    """
    pixels = np.asarray(pixels, dtype=np.float64)
    columns = min(columns, max(len(pixels), 1))
    rows = max(-(-len(pixels) // columns), 1)
    figure = style.Picture(figsize=(0.3 + 0.95 * columns, 0.6 + 1.15 * rows), dpi=150, layout="constrained")
    style.add_title(figure, title)
    reach = np.abs(pixels).max(initial=0.0) or 1.0
    shades = {"cmap": style.SIGNED, "vmin": -reach, "vmax": reach} if signed else {"cmap": "Greys"}
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(style.FAINT)
        if i < len(pixels):
            axes.imshow(pixels[i], **shades)
        else:
            axes.remove()
        if i < len(captions):
            axes.set_title(style.literal(captions[i]), fontsize=9, color=style.INK, pad=3)
    return figure
