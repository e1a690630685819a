"""What all pictures have in common: colours, the title and the axes, names as they are given, and the legend."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image

from autograd_engine.primitives import as_text

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = "os^DvP*X"
INK, FAINT = "#222222", "#d8d8d8"
DOTS: dict[str, Any] = {"s": 22, "edgecolor": "white", "linewidth": 0.6}  # of samples
LETTER = 0.075  # inches that a letter of a name is wide
SHORT = 16  # letters of the longest name that needs no wider figure
LINE = 22  # letters after which a long name wraps

# Low is dark. The lightness rises evenly, so that it reads in grey too.
HEIGHTS = LinearSegmentedColormap.from_list(
    "heights", ["#0b2545", "#13538a", "#3d8fb8", "#8cc5c9", "#d7ecd9", "#fbf7e6"]
)
SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[0], "#ffffff", COLOURS[1]])
BLUES = LinearSegmentedColormap.from_list("blues", ["#f7f7f7", COLOURS[0]])


class Picture(Figure):
    """A matplotlib Figure that a notebook shows as it is, without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        """The picture in 255 colours, which no eye can tell from the original, at a third of its size."""
        full, small = io.BytesIO(), io.BytesIO()
        self.savefig(full, format="png")
        Image.open(full).convert("RGB").quantize(255).save(small, format="png", optimize=True)
        return small.getvalue()


def new_figure(title: str, width: float, height: float, pad: float = 9.6) -> tuple[Figure, Axes]:
    """An empty figure of that size in inches, with axes under a title that may take three lines."""
    figure = Picture(figsize=(width, height), dpi=150, layout="constrained")
    as_text("title", title)
    # The lines end above the axes, not in the legend beside them.
    title = textwrap.fill(title, int((width - 1.8) / (1.4 * LETTER)), max_lines=3, placeholder="…")
    return figure, styled(figure.add_subplot(), title, pad=pad)


def styled(axes: Axes, title: str, size: float = 12, pad: float = 8) -> Axes:
    """The axes with a title on the left and nothing above or to the right of them."""
    axes.set_title(title, loc="left", fontsize=size, fontweight="bold", color=INK, pad=pad)
    axes.tick_params(color=FAINT, labelcolor=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    return axes


def add_title(figure: Figure, title: str, x: float = 0.01) -> None:
    """A title for a figure of several axes."""
    figure.suptitle(as_text("title", title), x=x, ha="left", fontsize=12, fontweight="bold", color=INK)


def label_axes(axes: Axes, x: str, y: str) -> None:
    """What the axes show, with units if there are any."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)


def add_lines_across(axes: Axes) -> None:
    """Faint horizontal lines behind the data."""
    axes.grid(axis="y", which="major", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def line_style(k: int, *, marked: bool) -> dict[str, Any]:
    """The look of line number k, different from its neighbours' without colours too; `marked` shows its points."""
    marker, dashes = MARKERS[k % len(MARKERS)] if marked else None, ("-", "--", "-.", ":")[k % 4]
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": dashes, "linewidth": 2, "marker": marker}


def logarithmic_where_it_helps(axes: Axes, numbers: Sequence[float]) -> bool:
    """Make the vertical axis logarithmic if the numbers are positive and span a factor of 20; return whether."""
    if not numbers or min(numbers) <= 0 or max(numbers) < 20 * min(numbers):
        return False
    few_decades = max(numbers) < 1e4 * min(numbers)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    return True


def add_legend(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """A legend beside the axes, where it covers no data. Long names wrap, and wide ones widen the figure."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [in_lines(label) for label in labels]
    figure.set_figwidth(figure.get_figwidth() + LETTER * max(0, longest_line(labels) - SHORT))
    small = {"fontsize": 9, "title_fontsize": 9, "labelcolor": INK}
    figure.legend(handles, labels, title=title, loc="outside right upper", frameon=False, **small)


def in_lines(name: str) -> str:
    """A long name broken between words."""
    return textwrap.fill(name, LINE, break_long_words=False, break_on_hyphens=False)


def longest_line(names: Sequence[str]) -> int:
    """How many letters the longest line has."""
    return max((len(line) for name in names for line in name.splitlines()), default=0)


def literal(name: str) -> str:
    """A name that matplotlib shows literally: no formula between $, not hidden for an underscore, cut if very long."""
    as_text("a name in a picture", name)
    short = name if len(name) <= 40 else name[:39] + "…"
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")
