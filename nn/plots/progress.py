"""A training as it went on: losses, learning rates compared, deltas."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from nn.plots.style import (
    COLOURS,
    INK,
    MARKERS,
    Picture,
    add_legend,
    add_lines_across,
    add_title,
    label_axes,
    line_style,
    literal,
    logarithmic_where_it_helps,
    new_figure,
    styled,
)


def loss_curve(
    histories: Mapping[str, Sequence[float]], *, title: str = "Loss during training", unit: str = "mean per sample"
) -> Figure:
    """The losses after each epoch, a line for each name in `histories`.

    The axis of the loss is logarithmic where the losses are positive and span a factor of 20 or more.
    """
    figure, axes = new_figure(title, 6.4, 4.0)
    everything: list[float] = []
    for k, (name, losses) in enumerate(histories.items()):
        everything += [loss for loss in losses if np.isfinite(loss)]
        axes.plot(
            np.arange(1, len(losses) + 1),
            losses,
            **line_style(k),
            marker=MARKERS[k % len(MARKERS)] if len(losses) < 10 else None,
            markersize=5,
            label=literal(name),
        )
    logarithmic_where_it_helps(axes, everything)
    label_axes(axes, "epoch", f"loss ({unit})")
    axes.set_xticks(_epochs(max(map(len, histories.values()), default=1)))
    add_lines_across(axes)
    add_legend(figure, axes)
    return figure


def learning_rates(
    objectives: Mapping[float | str, Sequence[float]], *, name: str = "L", title: str = "Learning rates compared"
) -> Figure:
    """The objective over the iterations, from iteration 0 on, a line for each learning rate.

    A key is a rate, or what to call a variable one. Too large a rate makes the objective grow without end: the
    picture ends at ten times the highest start, and such a line leaves it. The axis is logarithmic where no
    objective is negative and they span a factor of 20 or more; it then ends six decades below the highest start.
    """
    figure, axes = new_figure(title, 6.4, 4.0)
    highest = max((values[0] for values in objectives.values() if len(values)), default=1.0)
    inside: list[float] = []
    for k, (rate, values) in enumerate(objectives.items()):
        # A line to infinity is not drawn at all, one to a point far outside is.
        line = np.minimum(np.asarray(values, dtype=np.float64), 1e4 * highest)
        inside += line[line <= 10 * highest].tolist()
        axes.plot(
            line,
            **line_style(k),
            marker=MARKERS[k % len(MARKERS)] if len(line) <= 25 else None,
            markersize=4,
            label=literal(rate if isinstance(rate, str) else f"{rate:g}"),
        )
        if (line > 10 * highest).any():
            axes.set_ylim(top=10 * highest)
    if min(inside, default=-1.0) >= 0:
        shown = [max(value, 1e-6 * highest) for value in inside]
        axes.set_ylim(bottom=min(shown) / 2 if logarithmic_where_it_helps(axes, shown) else 0.0)
    label_axes(axes, "iteration", f"objective {literal(name)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    add_lines_across(axes)
    add_legend(figure, axes, "learning rate α")
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
        styled(axes, literal(name), size=10)
        axes.hist(numbers, bins=edges, color=COLOURS[k % len(COLOURS)], edgecolor="white", linewidth=0.4)
        note = f"standard deviation {numbers.std():.2g}, n = {len(numbers)}"
        axes.text(1, 1.04, note, ha="right", va="bottom", transform=axes.transAxes, fontsize=9, color=INK)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    add_title(figure, title)
    figure.supylabel("number of deltas", color=INK, fontsize=10)
    panels[-1].set_xlabel("delta = dC/dz", color=INK)
    return figure


def _epochs(last: int) -> list[int]:
    """Ticks from epoch 1 on: all epochs if they are few, else multiples of a round number."""
    if last <= 10:
        return list(range(1, last + 1))
    steps = (digit * 10**power for power in itertools.count() for digit in (1, 2, 5))
    step = next(step for step in steps if step >= 5 and last <= 8 * step)
    return [1, *range(step, last + 1, step)]
