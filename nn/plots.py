"""Pictures of training, of cost functions and of what was learned. Each function returns a matplotlib figure.

A figure stands for itself: it needs no display, leaves the state of `matplotlib.pyplot` alone and shows itself in a
notebook; save it with `savefig`. The colours are those of Okabe and Ito, which also people who are colour-blind can
tell apart.

>>> loss_curve({"train": [0.9, 0.4, 0.2], "test": [0.8, 0.5, 0.3]}).axes[0].get_xlabel()
'epoch'
"""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.ndimage import zoom

from autograd_engine.derivatives import grad
from autograd_engine.primitives import Primitive, identity
from nn.modules import ACTIVATIONS, resolve_activation

Array = NDArray[np.float64]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = "os^DvP*X"
PATH_COLOURS = ("#E69F00", "#CC79A7", "#F0E442", "#56B4E9")  # those that stand out from the heights
INK, FAINT = "#222222", "#d8d8d8"
SMOOTHER = 5  # times as many points are drawn each way as were computed
LETTER = 0.075  # inches that a letter of a name is wide
SHORT = 16  # letters of the longest name for which a figure is wide enough
LINE = 22  # letters of a name in one line, where names may be long


class Picture(Figure):
    """A matplotlib Figure that a notebook shows as it is, without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        """The picture in 255 colours, which no eye tells from all of them, and a third of their size."""
        full, small = io.BytesIO(), io.BytesIO()
        self.savefig(full, format="png")
        Image.open(full).convert("RGB").quantize(255).save(small, format="png", optimize=True)
        return small.getvalue()


def loss_curve(
    histories: Mapping[str, Sequence[float]], *, title: str = "Loss during training", unit: str = "mean per sample"
) -> Figure:
    """The losses after each epoch, a line for each name in `histories`.

    The axis of the loss is logarithmic where the losses are positive and span a factor of 20 or more.
    """
    figure, axes = _figure(title, 6.4, 4.0)
    everything: list[float] = []
    for k, (name, losses) in enumerate(histories.items()):
        everything += [loss for loss in losses if np.isfinite(loss)]
        axes.plot(
            np.arange(1, len(losses) + 1),
            losses,
            color=COLOURS[k % len(COLOURS)],
            linestyle=("-", "--", "-.", ":")[k % 4],
            linewidth=2,
            marker=MARKERS[k % len(MARKERS)] if len(losses) < 10 else None,
            markersize=5,
            label=_plain(name),
        )
    _logarithmic_where_it_helps(axes, everything)
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel(f"loss ({unit})", color=INK)
    axes.set_xticks(_epochs(max(map(len, histories.values()), default=1)))
    axes.grid(axis="y", which="major", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return figure


def _epochs(last: int) -> list[int]:
    """Ticks from epoch 1 on: all epochs where they are few, or else multiples of a round number."""
    if last <= 10:
        return list(range(1, last + 1))
    steps = (digit * 10**power for power in itertools.count() for digit in (1, 2, 5))
    step = next(step for step in steps if step >= 5 and last <= 8 * step)
    return [1, *range(step, last + 1, step)]


def learning_rates(
    objectives: Mapping[float | str, Sequence[float]], *, name: str = "L", title: str = "Learning rates compared"
) -> Figure:
    """The objective over the iterations, from iteration 0 on, a line for each learning rate.

    A key is a rate, or what to call a variable one. Too large a rate makes the objective grow without end: the
    picture ends at ten times the highest start, and such a line leaves it. The axis is logarithmic where no
    objective is negative and they span a factor of 20 or more; it then ends six decades below the highest start.
    """
    figure, axes = _figure(title, 6.4, 4.0)
    highest = max((values[0] for values in objectives.values() if len(values)), default=1.0)
    inside: list[float] = []
    for k, (rate, values) in enumerate(objectives.items()):
        # A line to infinity is not drawn at all, one to a point far outside is.
        line = np.minimum(np.asarray(values, dtype=np.float64), 1e4 * highest)
        inside += line[line <= 10 * highest].tolist()
        axes.plot(
            line,
            color=COLOURS[k % len(COLOURS)],
            linestyle=("-", "--", "-.", ":")[k % 4],
            linewidth=2,
            marker=MARKERS[k % len(MARKERS)] if len(line) <= 25 else None,
            markersize=4,
            label=_plain(rate if isinstance(rate, str) else f"{rate:g}"),
        )
        if (line > 10 * highest).any():
            axes.set_ylim(top=10 * highest)
    if min(inside, default=-1.0) >= 0:
        shown = [max(value, 1e-6 * highest) for value in inside]
        axes.set_ylim(bottom=min(shown) / 2 if _logarithmic_where_it_helps(axes, shown) else 0.0)
    axes.set_xlabel("iteration", color=INK)
    axes.set_ylabel(f"objective {_plain(name)}", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", which="major", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    _legend(figure, axes, "learning rate α")
    return figure


def cost_surface(
    cost: Callable[[float, float], float],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    path: ArrayLike = (),
    names: tuple[str, str, str] = ("w1", "w2", "C"),
    title: str = "Cost surface",
    view: tuple[float, float] = (32.0, -60.0),
    resolution: int = 50,
) -> Figure:
    """The surface cost(x, y) in three dimensions, with the points of `path`, shape (n, 2), rolling down on it.

    `names` are those of x, y and the cost, with their units if they have any. `view` is the angle above the
    horizon and the angle around the vertical axis, in degrees.
    """
    xs, ys, heights = _grid(cost, xlim, ylim, resolution)
    figure = Picture(figsize=(6.4, 5.0), dpi=150)
    axes: Any = figure.add_axes((-0.02, 0.02, 1.0, 0.93), projection="3d", computed_zorder=False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold", color=INK)
    axes.view_init(*view)
    axes.set_box_aspect((1, 1, 0.75), zoom=0.9)
    axes.plot_surface(
        *np.meshgrid(xs, ys),
        heights,
        cmap=_HEIGHTS,
        rcount=resolution,
        ccount=resolution,
        linewidth=0,
        antialiased=False,
        zorder=1,
    )
    floor = heights.min() - 0.25 * np.ptp(heights)
    axes.contour(xs, ys, heights, levels=14, zdir="z", offset=floor, cmap=_HEIGHTS, linewidths=0.8, zorder=0)
    points = np.asarray(path, dtype=np.float64).reshape(-1, 2)
    if len(points):
        lift = 0.012 * np.ptp(heights)  # the line lies on the surface, not half in it
        line = np.column_stack([points, [float(cost(x, y)) + lift for x, y in points.tolist()]])
        colour, ends = COLOURS[1], {"linestyle": "", "marker": "o", "markeredgewidth": 1.5, "zorder": 3}
        axes.plot(*line.T, color=colour, linewidth=2.2, zorder=2, label="path of the descent")
        axes.plot(*line[:1].T, color="white", markeredgecolor=colour, markersize=7, label="start", **ends)
        axes.plot(*line[-1:].T, color=colour, markeredgecolor="white", markersize=9, label="end", **ends)
        _legend(figure, axes)
    axes.set_zlim(floor, heights.max())
    for axis, name in zip((axes.xaxis, axes.yaxis, axes.zaxis), names):
        axis.set_label_text(_plain(name), color=INK)
        axis.set_pane_color("#ffffff00")
        axis.line.set_color(FAINT)
        axis.set_major_locator(MaxNLocator(5))
    axes.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
    return figure


def heat_map(
    cost: Callable[[float, float], float],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    paths: Mapping[str, ArrayLike] | None = None,
    minima: ArrayLike = (),
    names: tuple[str, str, str] = ("x1", "x2", "L"),
    title: str = "Heat map of the objective",
    logarithmic: bool | None = False,
    resolution: int = 120,
) -> Figure:
    """cost(x, y) as colours with lines of equal height, the named `paths`, shapes (n, 2), and the local `minima`.

    The dark places are low. A path begins at a white dot and ends at one of its own colour; the minima, shape
    (m, 2), are crosses. `logarithmic` spaces the lines by factors, down to a hundred thousandth of the highest: for
    a cost that comes down to 0. None means where no cost is negative and most of the map would be one dark colour
    otherwise. `names` are those of x, y and the cost, with their units if they have any.
    """
    xs, ys, heights = _grid(cost, xlim, ylim, resolution)
    figure, axes = _figure(title, 6.8, 4.8)
    scale: dict[str, Any] = {"levels": 24}
    known = heights[np.isfinite(heights)]
    if logarithmic is None:
        logarithmic = known.size > 0 and known.min() >= 0 and np.median(known) < 0.1 * known.max()
    if logarithmic:
        lowest, highest = max(known.min(), 1e-5 * known.max()), known.max()
        heights = np.maximum(heights, lowest)
        scale = {"levels": np.geomspace(lowest, highest * (1 + 1e-12), 25), "norm": LogNorm()}
    image = axes.contourf(xs, ys, heights, cmap=_HEIGHTS, **scale)
    axes.contour(image, levels=np.asarray(image.levels)[::2], colors="white", linewidths=0.5, alpha=0.6)
    for k, (name, path) in enumerate((paths or {}).items()):
        points = np.asarray(path, dtype=np.float64).reshape(-1, 2)
        colour, outlined = PATH_COLOURS[k % len(PATH_COLOURS)], [withStroke(linewidth=3.4, foreground=INK)]
        axes.plot(*points.T, color=colour, linewidth=2, path_effects=outlined, label=_plain(name), zorder=3)
        ends: dict[str, Any] = {"marker": "o", "markersize": 9, "zorder": 4}
        axes.plot(*points[:1].T, color="white", markeredgecolor=INK, **ends)
        axes.plot(*points[-1:].T, color=colour, markeredgecolor=INK, **ends)
    if paths:
        for fill, end in ("white", "start"), (PATH_COLOURS[0] if len(paths) == 1 else FAINT, "end"):
            axes.plot([], [], color=fill, linestyle="", markeredgecolor=INK, label=end, **ends)
    crosses = np.asarray(minima, dtype=np.float64).reshape(-1, 2)
    if len(crosses):
        style: dict[str, Any] = {
            "color": "white",
            "marker": "X",
            "markersize": 10,
            "markeredgecolor": INK,
            "linestyle": "",
        }
        axes.plot(*crosses.T, label="local minimum", zorder=5, **style)
    axes.set(xlim=xlim, ylim=ylim)
    axes.set_xlabel(_plain(names[0]), color=INK)
    axes.set_ylabel(_plain(names[1]), color=INK)
    bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    bar.set_label(_plain(names[2]), color=INK)
    bar.outline.set_visible(False)
    if logarithmic:
        bar.ax.yaxis.set_major_locator(LogLocator())
        bar.ax.yaxis.set_major_formatter("{x:g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
    if axes.get_legend_handles_labels()[1]:
        _legend(figure, axes)
    return figure


def descent_curve(
    cost: Callable[[float], float],
    xlim: tuple[float, float],
    *,
    path: ArrayLike = (),
    names: tuple[str, str] = ("x", "L"),
    title: str = "Path of the descent",
    resolution: int = 400,
) -> Figure:
    """The curve cost(x) of one variable, with the points of `path`, shape (n,), jumping on it from dot to dot.

    The path begins at a white dot. `names` are those of x and the cost, with their units if they have any.
    """
    figure, axes = _figure(title, 6.4, 4.0)
    xs = np.linspace(*xlim, resolution)
    axes.plot(xs, [float(cost(x)) for x in xs.tolist()], color=COLOURS[0], linewidth=2, label=_plain(names[1]))
    points = np.asarray(path, dtype=np.float64).ravel()
    if len(points):
        heights = np.array([float(cost(x)) for x in points.tolist()])
        colour = COLOURS[1]
        style: dict[str, Any] = {"linestyle": "", "marker": "o", "markeredgecolor": colour}
        axes.plot(points, heights, color=colour, linewidth=1, marker="o", markersize=4, label="path of the descent")
        axes.plot(points[:1], heights[:1], color="white", markersize=8, label="start", **style)
        axes.plot(points[-1:], heights[-1:], color=colour, markersize=8, label="end", **style)
    axes.set_xlim(xlim)
    axes.set_xlabel(_plain(names[0]), color=INK)
    axes.set_ylabel(_plain(names[1]), color=INK)
    axes.grid(axis="y", which="major", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return figure


def activation_functions(
    activations: Sequence[str | Primitive] = ACTIVATIONS, *, xlim: tuple[float, float] = (-4.0, 4.0)
) -> Figure:
    """Each activation h(z) with its derivative h'(z), which the engine computes, in a small picture of its own."""
    columns = min(len(activations), 5)
    rows = -(-len(activations) // columns)
    figure = Picture(figsize=(1.2 + 2.1 * columns, 0.9 + 2.0 * rows), dpi=150, layout="constrained")
    zs = np.linspace(*xlim, 201)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(activations) :]:
        axes.remove()
    for axes, activation in zip(panels.flat, activations):
        op = resolve_activation(activation) or identity
        name = activation if isinstance(activation, str) else op.name
        _styled(axes, name, size=10)
        axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
        axes.plot(zs, [op(z) for z in zs.tolist()], color=COLOURS[0], linewidth=2, label="h(z)")
        slope = grad(op)
        axes.plot(zs, [slope(z) for z in zs.tolist()], color=COLOURS[1], linestyle="--", linewidth=1.8, label="h'(z)")
        axes.set(xlim=xlim, ylim=(-1.5, 2.5))
    figure.suptitle(
        "Activation functions and their derivatives", x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK
    )
    figure.supxlabel("pre-activation z", color=INK, fontsize=10)
    figure.supylabel("h(z) and h'(z)", color=INK, fontsize=10)
    _legend(figure, panels[0, 0])
    return figure


def delta_histograms(deltas: Mapping[str, ArrayLike], *, title: str = "Deltas of each layer", bins: int = 40) -> Figure:
    """How the deltas dC/dz of each layer are distributed: one histogram below the other, on one axis.

    `deltas` are the numbers of each layer, an array of any shape. Note the spread of each layer: where it shrinks
    from the output to the input, the gradients vanish, where it grows, they explode.
    """
    layers = {name: np.asarray(numbers, dtype=np.float64).ravel() for name, numbers in deltas.items()}
    everything = np.concatenate([*layers.values(), [0.0]])
    reach = np.abs(everything[np.isfinite(everything)]).max() or 1.0
    edges = np.linspace(-reach, reach, bins + 1)
    figure = Picture(figsize=(6.4, 0.9 + 1.25 * len(layers)), dpi=150, layout="constrained")
    panels = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for k, (axes, (name, numbers)) in enumerate(zip(panels, layers.items())):
        _styled(axes, _plain(name), size=10)
        axes.hist(numbers, bins=edges, color=COLOURS[k % len(COLOURS)], edgecolor="white", linewidth=0.4)
        note = f"standard deviation {numbers.std():.2g}, n = {len(numbers)}"
        axes.text(1, 1.04, note, ha="right", va="bottom", transform=axes.transAxes, fontsize=9, color=INK)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    figure.supylabel("number of deltas", color=INK, fontsize=10)
    panels[-1].set_xlabel("delta = dC/dz", color=INK)
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
    figure = Picture(figsize=(0.3 + 0.95 * columns, 0.6 + 1.15 * rows), dpi=150, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    reach = np.abs(pixels).max(initial=0.0) or 1.0
    shades = {"cmap": _SIGNED, "vmin": -reach, "vmax": reach} if signed else {"cmap": "Greys"}
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(FAINT)
        if i < len(pixels):
            axes.imshow(pixels[i], **shades)
        else:
            axes.remove()
        if i < len(captions):
            axes.set_title(_plain(captions[i]), fontsize=9, color=INK, pad=3)
    return figure


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
    palette = np.array([to_rgb(COLOURS[k % len(COLOURS)]) for k in range(len(class_names))])
    chance = 1 / len(class_names)
    sureness = (zoom(answers.max(axis=-1), SMOOTHER, order=1)[..., np.newaxis] - chance) / (1 - chance)
    strength = 0.08 + 0.32 * np.clip(sureness, 0, 1)

    figure, axes = _figure(title, 6.4, 5.0)
    axes.imshow(
        1 - strength * (1 - palette[winner]),
        extent=(xs[0], xs[-1], ys[0], ys[-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    for k in range(len(class_names)):
        rest = np.delete(logarithms, k, axis=-1).max(axis=-1)
        difference = logarithms[..., k] - rest
        if difference.min() < 0 < difference.max():
            axes.contour(xs, ys, difference, levels=[0.0], colors=INK, linewidths=1.2)
    right = np.asarray(predict(X), dtype=np.float64).argmax(axis=-1) == y
    for k, name in enumerate(class_names):
        mine = y == k
        axes.scatter(
            X[mine, 0],
            X[mine, 1],
            s=22,
            color=palette[k],
            marker=MARKERS[k % len(MARKERS)],
            edgecolor="white",
            linewidth=0.6,
            label=_plain(name),
        )
    if not right.all():
        axes.scatter(
            X[~right, 0],
            X[~right, 1],
            s=90,
            facecolor="none",
            edgecolor=INK,
            linewidth=1.2,
            label=f"wrong ({(~right).sum()})",
        )
    axes.set_xlabel(_plain(feature_names[0]), color=INK)
    axes.set_ylabel(_plain(feature_names[1]), color=INK)
    _legend(figure, axes)
    return figure


def confusion_matrix(
    true: ArrayLike, predicted: ArrayLike, *, class_names: Sequence[str], title: str = "Confusion matrix"
) -> Figure:
    """How many samples of each true class (row) were predicted as each class (column).

    `true` and `predicted` hold indices into `class_names`. The colour is the share of the row, so that
    classes of different size compare.
    """
    n, names = len(class_names), [_in_lines(_plain(name)) for name in class_names]
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = min(max(3.6, 0.55 * n + 1.2), 14.0)
    beside = LETTER * _width(names)
    slanted = beside * n > 0.9 * side
    figure, axes = _figure(title, side + 0.8 + beside, side + 0.9 + 0.7 * beside * slanted, pad=24)
    axes.imshow(share, cmap=_BLUES, vmin=0, vmax=1)
    size = float(np.clip(160 / max(n, 1), 5, 13))
    for i, j in np.ndindex(n, n):
        if counts[i, j] or n <= 12:
            colour = "white" if share[i, j] > 0.75 else INK if counts[i, j] else "#a0a0a0"
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
    axes.set_xlabel("predicted class", color=INK)
    axes.set_ylabel("true class", color=INK)
    note = f"{np.trace(counts)} of {counts.sum()} right"
    axes.text(0, 1.02, note, ha="left", va="bottom", transform=axes.transAxes, fontsize=10, color=INK)
    return figure


def predicted_against_true(
    true: ArrayLike, predicted: ArrayLike, *, name: str = "target", title: str = "Prediction against truth"
) -> Figure:
    """Each sample's predicted number over its true one; on the line they are equal."""
    true, predicted = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    figure, axes = _figure(title, 5.4, 5.0)
    both = np.concatenate([true, predicted])
    ends = [both.min(), both.max()]
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle="--", label="prediction = truth")
    axes.scatter(true, predicted, s=22, color=COLOURS[0], edgecolor="white", linewidth=0.6, label="sample")
    axes.set_xlabel(f"true {_plain(name)}", color=INK)
    axes.set_ylabel(f"predicted {_plain(name)}", color=INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return figure


def _figure(title: str, width: float, height: float, pad: float = 9.6) -> tuple[Figure, Axes]:
    figure = Picture(figsize=(width, height), dpi=150, layout="constrained")
    # Its lines end above the axes, and not in the legend beside them.
    title = textwrap.fill(title, int((width - 1.8) / (1.4 * LETTER)), max_lines=3, placeholder="…")
    return figure, _styled(figure.add_subplot(), title, pad=pad)


def _styled(axes: Axes, title: str, size: float = 12, pad: float = 8) -> Axes:
    axes.set_title(title, loc="left", fontsize=size, fontweight="bold", color=INK, pad=pad)
    axes.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    return axes


def _grid(
    cost: Callable[[float, float], float], xlim: tuple[float, float], ylim: tuple[float, float], resolution: int
) -> tuple[Array, Array, Array]:
    """The coordinates of a grid and the cost at each of its points, a row for each y."""
    xs, ys = np.linspace(*xlim, resolution), np.linspace(*ylim, resolution)
    return xs, ys, np.array([[float(cost(x, y)) for x in xs.tolist()] for y in ys.tolist()])


def _logarithmic_where_it_helps(axes: Axes, numbers: Sequence[float]) -> bool:
    """Whether the vertical axis became logarithmic: the numbers are positive and span a factor of 20 or more."""
    if not numbers or min(numbers) <= 0 or max(numbers) < 20 * min(numbers):
        return False
    few_decades = max(numbers) < 1e4 * min(numbers)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    return True


def _legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Beside the axes, where it covers no data. Long names take a second line, and wide ones widen the figure."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [_in_lines(label) for label in labels]
    figure.set_figwidth(figure.get_figwidth() + LETTER * max(0, _width(labels) - SHORT))
    figure.legend(
        handles,
        labels,
        title=title,
        loc="outside right upper",
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        labelcolor=INK,
    )


def _in_lines(name: str) -> str:
    return textwrap.fill(name, LINE, break_long_words=False, break_on_hyphens=False)


def _width(names: Sequence[str]) -> int:
    """The letters of the longest line."""
    return max((len(line) for name in names for line in name.splitlines()), default=0)


def _plain(name: str) -> str:
    """A name as matplotlib shows it literally: no formula in $, not hidden for an underscore, and not endless."""
    short = name if len(name) <= 40 else name[:39] + "…"
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


# Low is dark. The lightness rises evenly, so that it reads in grey too.
_HEIGHTS = LinearSegmentedColormap.from_list(
    "heights", ["#0b2545", "#13538a", "#3d8fb8", "#8cc5c9", "#d7ecd9", "#fbf7e6"]
)
_SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[0], "#ffffff", COLOURS[1]])
_BLUES = LinearSegmentedColormap.from_list("blues", ["#f7f7f7", COLOURS[0]])
