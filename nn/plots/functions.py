"""Functions: a cost of one or two variables with the paths of descents on it, and activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from autograd_engine.derivatives import grad
from autograd_engine.primitives import Primitive, identity
from nn.checks import Array
from nn.modules import ACTIVATIONS, resolve_activation
from nn.plots import style

PATH_COLOURS = ("#E69F00", "#CC79A7", "#F0E442", "#56B4E9")  # those that stand out from the heights


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
    figure = style.Picture(figsize=(6.4, 5.0), dpi=150)
    axes: Any = figure.add_axes((-0.02, 0.02, 1.0, 0.93), projection="3d", computed_zorder=False)
    style.add_title(figure, title, x=0.02)
    axes.view_init(*view)
    axes.set_box_aspect((1, 1, 0.75), zoom=0.9)
    every_point = {"rcount": resolution, "ccount": resolution, "linewidth": 0, "antialiased": False}
    axes.plot_surface(*np.meshgrid(xs, ys), heights, cmap=style.HEIGHTS, zorder=1, **every_point)
    floor = heights.min() - 0.25 * np.ptp(heights)
    axes.contour(xs, ys, heights, levels=14, zdir="z", offset=floor, cmap=style.HEIGHTS, linewidths=0.8, zorder=0)
    points = np.asarray(path, dtype=np.float64).reshape(-1, 2)
    if len(points):
        lift = 0.012 * np.ptp(heights)  # the line lies on the surface, not half in it
        line = np.column_stack([points, [float(cost(x, y)) + lift for x, y in points.tolist()]])
        colour, ends = style.COLOURS[1], {"linestyle": "", "marker": "o", "markeredgewidth": 1.5, "zorder": 3}
        axes.plot(*line.T, color=colour, linewidth=2.2, zorder=2, label="path of the descent")
        axes.plot(*line[:1].T, color="white", markeredgecolor=colour, markersize=7, label="start", **ends)
        axes.plot(*line[-1:].T, color=colour, markeredgecolor="white", markersize=9, label="end", **ends)
        style.add_legend(figure, axes)
    axes.set_zlim(floor, heights.max())
    for axis, name in zip((axes.xaxis, axes.yaxis, axes.zaxis), names):
        axis.set_label_text(style.literal(name), color=style.INK)
        axis.set_pane_color("#ffffff00")
        axis.line.set_color(style.FAINT)
        axis.set_major_locator(MaxNLocator(5))
    axes.tick_params(color=style.FAINT, labelcolor=style.INK, labelsize=8)
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
    figure, axes = style.new_figure(title, 6.8, 4.8)
    scale: dict[str, Any] = {"levels": 24}
    known = heights[np.isfinite(heights)]
    if logarithmic is None:
        logarithmic = known.size > 0 and known.min() >= 0 and np.median(known) < 0.1 * known.max()
    if logarithmic:
        lowest, highest = max(known.min(), 1e-5 * known.max()), known.max()
        heights = np.maximum(heights, lowest)
        scale = {"levels": np.geomspace(lowest, highest * (1 + 1e-12), 25), "norm": LogNorm()}
    image = axes.contourf(xs, ys, heights, cmap=style.HEIGHTS, **scale)
    axes.contour(image, levels=np.asarray(image.levels)[::2], colors="white", linewidths=0.5, alpha=0.6)
    for k, (name, path) in enumerate((paths or {}).items()):
        points = np.asarray(path, dtype=np.float64).reshape(-1, 2)
        colour, outlined = PATH_COLOURS[k % len(PATH_COLOURS)], [withStroke(linewidth=3.4, foreground=style.INK)]
        axes.plot(*points.T, color=colour, linewidth=2, path_effects=outlined, label=style.literal(name), zorder=3)
        ends: dict[str, Any] = {"marker": "o", "markersize": 9, "zorder": 4}
        axes.plot(*points[:1].T, color="white", markeredgecolor=style.INK, **ends)
        axes.plot(*points[-1:].T, color=colour, markeredgecolor=style.INK, **ends)
    if paths:
        for fill, end in ("white", "start"), (PATH_COLOURS[0] if len(paths) == 1 else style.FAINT, "end"):
            axes.plot([], [], color=fill, linestyle="", markeredgecolor=style.INK, label=end, **ends)
    crosses = np.asarray(minima, dtype=np.float64).reshape(-1, 2)
    if len(crosses):
        look: dict[str, Any] = {"color": "white", "marker": "X", "markeredgecolor": style.INK, "linestyle": ""}
        axes.plot(*crosses.T, label="local minimum", markersize=10, zorder=5, **look)
    axes.set(xlim=xlim, ylim=ylim)
    style.label_axes(axes, style.literal(names[0]), style.literal(names[1]))
    bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    bar.set_label(style.literal(names[2]), color=style.INK)
    bar.outline.set_visible(False)
    if logarithmic:
        bar.ax.yaxis.set_major_locator(LogLocator())
        bar.ax.yaxis.set_major_formatter("{x:g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(color=style.FAINT, labelcolor=style.INK, labelsize=8)
    if axes.get_legend_handles_labels()[1]:
        style.add_legend(figure, axes)
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
    figure, axes = style.new_figure(title, 6.4, 4.0)
    xs = np.linspace(*xlim, resolution)
    curve = [float(cost(x)) for x in xs.tolist()]
    axes.plot(xs, curve, color=style.COLOURS[0], linewidth=2, label=style.literal(names[1]))
    points = np.asarray(path, dtype=np.float64).ravel()
    if len(points):
        heights = np.array([float(cost(x)) for x in points.tolist()])
        colour = style.COLOURS[1]
        ends: dict[str, Any] = {"linestyle": "", "marker": "o", "markeredgecolor": colour, "markersize": 8}
        axes.plot(points, heights, color=colour, linewidth=1, marker="o", markersize=4, label="path of the descent")
        axes.plot(points[:1], heights[:1], color="white", label="start", **ends)
        axes.plot(points[-1:], heights[-1:], color=colour, label="end", **ends)
    axes.set_xlim(xlim)
    style.label_axes(axes, style.literal(names[0]), style.literal(names[1]))
    style.add_lines_across(axes)
    style.add_legend(figure, axes)
    return figure


def activation_functions(
    activations: Sequence[str | Primitive] = ACTIVATIONS, *, xlim: tuple[float, float] = (-4.0, 4.0)
) -> Figure:
    """Each activation h(z) with its derivative h'(z), which the engine computes, in a small picture of its own."""
    columns = min(len(activations), 5)
    rows = -(-len(activations) // columns)
    figure = style.Picture(figsize=(1.2 + 2.1 * columns, 0.9 + 2.0 * rows), dpi=150, layout="constrained")
    zs = np.linspace(*xlim, 201)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(activations) :]:
        axes.remove()
    for axes, activation in zip(panels.flat, activations):
        op = resolve_activation(activation) or identity
        name = activation if isinstance(activation, str) else op.name
        style.styled(axes, name, size=10)
        axes.axhline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        numbers, slopes = (list(map(f, zs.tolist())) for f in (op, grad(op)))
        axes.plot(zs, numbers, color=style.COLOURS[0], linewidth=2, label="h(z)")
        axes.plot(zs, slopes, color=style.COLOURS[1], linestyle="--", linewidth=1.8, label="h'(z)")
        axes.set(xlim=xlim, ylim=(-1.5, 2.5))
    style.add_title(figure, "Activation functions and their derivatives")
    figure.supxlabel("pre-activation z", color=style.INK, fontsize=10)
    figure.supylabel("h(z) and h'(z)", color=style.INK, fontsize=10)
    style.add_legend(figure, panels[0, 0])
    return figure


def _grid(
    cost: Callable[[float, float], float], xlim: tuple[float, float], ylim: tuple[float, float], resolution: int
) -> tuple[Array, Array, Array]:
    """The coordinates of a grid and the cost at each of its points, a row for each y."""
    xs, ys = np.linspace(*xlim, resolution), np.linspace(*ylim, resolution)
    return xs, ys, np.array([[float(cost(x, y)) for x in xs.tolist()] for y in ys.tolist()])
