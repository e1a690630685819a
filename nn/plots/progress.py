"""A training as it went on: losses, learning rates compared, deltas."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from nn.plots import style


def loss_curve(
    histories: Mapping[str, Sequence[float]], *, title: str = "Loss during training", unit: str = "mean per sample"
) -> Figure:
    """The losses after each epoch, a line for each name in `histories`.

    The axis of the loss is logarithmic where the losses are positive and span a factor of 20 or more.
    """
    figure, axes = style.new_figure(title, 6.4, 4.0)
    everything: list[float] = []
    for k, (name, losses) in enumerate(histories.items()):
        everything += [loss for loss in losses if np.isfinite(loss)]
        epochs, look = np.arange(1, len(losses) + 1), style.line_style(k, marked=len(losses) < 10)
        axes.plot(epochs, losses, **look, markersize=5, label=style.literal(name))
    style.logarithmic_where_it_helps(axes, everything)
    style.label_axes(axes, "epoch", f"loss ({unit})")
    axes.set_xticks(_epochs(max(map(len, histories.values()), default=1)))
    style.add_lines_across(axes)
    style.add_legend(figure, axes)
    return figure


def learning_rates(
    objectives: Mapping[float | str, Sequence[float]], *, name: str = "L", title: str = "Learning rates compared"
) -> Figure:
    """The objective over the iterations, from iteration 0 on, a line for each learning rate.

    A key is a rate, or what to call a variable one. Too large a rate makes the objective grow without end: the
    picture ends at ten times the highest start, and such a line leaves it. The axis is logarithmic where no
    objective is negative and they span a factor of 20 or more; it then ends six decades below the highest start.
    """
    figure, axes = style.new_figure(title, 6.4, 4.0)
    highest = max((values[0] for values in objectives.values() if len(values)), default=1.0)
    inside: list[float] = []
    for k, (rate, values) in enumerate(objectives.items()):
        # A line to infinity is not drawn at all, one to a point far outside is.
        line = np.minimum(np.asarray(values, dtype=np.float64), 1e4 * highest)
        inside += line[line <= 10 * highest].tolist()
        label = style.literal(rate if isinstance(rate, str) else f"{rate:g}")
        axes.plot(line, **style.line_style(k, marked=len(line) <= 25), markersize=4, label=label)
        if (line > 10 * highest).any():
            axes.set_ylim(top=10 * highest)
    if min(inside, default=-1.0) >= 0:
        shown = [max(value, 1e-6 * highest) for value in inside]
        axes.set_ylim(bottom=min(shown) / 2 if style.logarithmic_where_it_helps(axes, shown) else 0.0)
    style.label_axes(axes, "iteration", f"objective {style.literal(name)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style.add_lines_across(axes)
    style.add_legend(figure, axes, "learning rate α")
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
    figure = style.Picture(figsize=(6.4, 0.9 + 1.25 * len(layers)), dpi=150, layout="constrained")
    panels = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for k, (axes, (name, numbers)) in enumerate(zip(panels, layers.items())):
        style.styled(axes, style.literal(name), size=10)
        axes.hist(numbers, bins=edges, color=style.COLOURS[k % len(style.COLOURS)], edgecolor="white", linewidth=0.4)
        note = f"standard deviation {numbers.std():.2g}, n = {len(numbers)}"
        axes.text(1, 1.04, note, ha="right", va="bottom", transform=axes.transAxes, fontsize=9, color=style.INK)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    style.add_title(figure, title)
    figure.supylabel("number of deltas", color=style.INK, fontsize=10)
    panels[-1].set_xlabel("delta = dC/dz", color=style.INK)
    return figure


def _epochs(last: int) -> list[int]:
    """Ticks from epoch 1 on: all epochs if they are few, else multiples of a round number."""
    if last <= 10:
        return list(range(1, last + 1))
    steps = (digit * 10**power for power in itertools.count() for digit in (1, 2, 5))
    step = next(step for step in steps if step >= 5 and last <= 8 * step)
    return [1, *range(step, last + 1, step)]
