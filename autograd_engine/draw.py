"""A graph as a picture: graphviz DOT and SVG, with values, gradients and local derivatives.

`draw` describes the picture of the nodes that graph_parts.py selects, and `to_svg` lays it out. A box shows the label,
`data` and `grad` of a Value and, for a result, the symbol of its operation. The number on an edge is the local
derivative ∂child/∂parent: the chain rule multiplies these numbers along each path to the output, and adds up the
products.

The kinds of node differ in shape too: inputs are rectangles, parameters have a folded corner, results have rounded
corners, outputs a thick border, constants are ellipses, and "…" stands for what was left out.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from autograd_engine.clear_numbers import clear_numbers
from autograd_engine.files import write_atomically
from autograd_engine.graph_parts import Part, check_size, first_terms, in_pairs, selected
from autograd_engine.labels import Values, as_values, elided, parameters_and_labels
from autograd_engine.value import Value

if TYPE_CHECKING:  # it takes a while to import, so it waits for a drawing, as does all that runs Graphviz
    import graphviz

__all__ = ["draw", "to_svg"]

Direction = Literal["LR", "TB"]

# The text is set by the viewer, the box is sized here, by the widest of the fonts.
TEXT_FONT = "Helvetica,Arial,sans-serif"
NUMBER_FONT = "Menlo,Consolas,DejaVu Sans Mono,Courier New,monospace"
MEASURED = {TEXT_FONT: "DejaVu Sans", NUMBER_FONT: "Courier New"}

INK, GREY, GRADIENT, DERIVATIVE = "#1f2328", "#656d76", "#a33b00", "#00609c"
EMPHASIS = {"penwidth": "2.4"}

GRAPH = {"bgcolor": "white", "pad": "0.2", "nodesep": "0.22", "ranksep": "0.6", "charset": "UTF-8"}
GRAPH |= {"nslimit": "2", "nslimit1": "2"}  # halves the time for a tangle of 500 nodes; a tidy graph looks the same
NODE = {"fontname": TEXT_FONT, "fontsize": "11", "fontcolor": INK, "margin": "0", "height": "0", "width": "0"}
EDGE = {"color": GREY, "penwidth": "0.8", "arrowsize": "0.55", "weight": "4"}  # straighter than the side edges
EDGE |= {"fontname": NUMBER_FONT, "fontsize": "10", "fontcolor": DERIVATIVE}
SIDE_EDGE = {"style": "dashed", "color": "#9aa2ab", "weight": "1"}

# The hues are darkened from Okabe and Ito's palette, which the colour-blind can tell apart. `ordering` keeps the
# arguments of an operation in order.
ROUND = {"shape": "box", "style": "rounded,filled", "ordering": "in"}
KINDS = {
    "input": {"shape": "box", "style": "filled", "fillcolor": "#e3f0fa", "color": "#00609c"},
    "parameter": {"shape": "note", "style": "filled", "fillcolor": "#fbe3c0", "color": "#a35200"},
    "result": ROUND | {"fillcolor": "#f6f7f8", "color": GREY},
    "output": ROUND | EMPHASIS | {"fillcolor": "#d5efe3", "color": "#00714f"},
}
CONSTANT = {
    "shape": "ellipse",
    "style": "filled",
    "fillcolor": "white",
    "color": "#9aa2ab",
    "fontname": NUMBER_FONT,
    "margin": "0.06,0.03",
}
LEFT_OUT = {"shape": "plaintext", "fontcolor": GREY, "margin": "0.05,0.02"}

PAGE, SCREENS = 555, 1110  # points in the width of a page, about 740 pixels, and in the height of two screens
READABLE = 0.8  # a drawing stays readable down to this fraction of its size
MANY = 4  # the edges into a node with more arguments than this meet in one point
ROOM = 9  # minimum characters for the number on an edge into that point: lines ran through shorter ones


def draw(
    value_or_values: Values,
    *,
    parameters: Values | Mapping[str, Value] = (),
    names: Mapping[str, Value] | None = None,
    direction: Direction | None = None,
    depth: int | None = None,
    terms: int | None = None,
    around: Value | None = None,
    limit: int = 500,
    title: str = "",
) -> graphviz.Digraph:
    """The graph from which one or several Values were computed; a notebook shows it as a picture.

    `parameters` are the Values to draw as parameters; all other leaves are inputs. `names` replaces the labels of
    nodes; a mapping such as `parameters=model.named_parameters()` does both. The graph runs from left to right ("LR")
    or from top to bottom ("TB"); without a direction from left to right, and in a notebook from top to bottom where it
    would otherwise be too wide for a page.

    `depth=n` draws the nodes at most n edges before the outputs. `terms=n` draws only the first n terms of a longer
    sum, product or dot product. `around=node` draws the nodes at most `depth` (by default 2) edges before and after
    that node. An ellipsis stands for omitted arguments or children of a node; the constants of an operation are drawn
    if its parents are. `title` is written above the picture.

    The same graph always gives the same DOT text. The methods `render` and `view` of the result need the program
    `dot`; `to_svg` and notebooks do not.

    >>> a = Value(3.0, label="a")
    >>> picture = draw(a * a)
    >>> picture.source.count("n0 -> n1")  # both uses of a
    2

    Raises ValueError if there would be more than `limit` nodes, constants included, or if `around` is not in the
    graph, TypeError if anything to draw is not a Value, and RuntimeError if the package graphviz is not installed.
    """
    if direction not in (None, "LR", "TB"):
        raise ValueError(f"direction is 'LR' (left to right) or 'TB' (top to bottom), got {direction!r}")
    outputs = dict.fromkeys(as_values(value_or_values, "value_or_values"))
    if not outputs:
        raise ValueError("there is nothing to draw: value_or_values is empty")
    known_parameters, labels = parameters_and_labels(parameters, names)
    part = selected(list(outputs), depth, terms, around)
    check_size(part, limit)

    def drawn(direction: Direction) -> Any:
        picture = _picture_class()(
            "computation graph", graph_attr=GRAPH | {"rankdir": direction}, node_attr=NODE, edge_attr=EDGE
        )
        if title:
            picture.attr(
                label=f"<{_escaped(title, 200)}>",
                labelloc="t",
                labeljust="l",
                fontname=TEXT_FONT,
                fontsize="13",
                fontcolor=INK,
            )
        ids = {node: f"n{i}" for i, node in enumerate(part.nodes)}
        for node, id in ids.items():
            kind = kind_of(node, known_parameters, outputs)
            style = KINDS[kind] | (EMPHASIS if node is around else {})
            box, tooltip = _box(node, labels.get(node, node.label)), _escaped(f"{kind}: {node!r}", 200)
            picture.node(id, box, tooltip=tooltip, **style)
            _add_edges(picture, node, ids, part, direction)
        return picture

    picture = drawn(direction or "LR")
    if direction is None:
        picture.upright = drawn("TB")
    return picture


def to_svg(value_or_values: Values, path: str | os.PathLike[str] | None = None, **options: Any) -> str:
    """The picture of `draw(value_or_values, **options)` as the text of an SVG element; also written to `path`.

    The file is written whole or not at all. Pointing at a node shows its repr. The layout is computed by
    the package graphviz-pure, so that the same graph gives the same picture everywhere; only where that package is
    missing, the program `dot` is used.

    Raises RuntimeError if neither is installed, OSError if the file cannot be written, and what `draw` raises.

    >>> x = Value(3.0, label="x")
    >>> to_svg(x * x).startswith("<svg ")
    True
    """
    svg = _layout(draw(value_or_values, **{"direction": "LR"} | options))
    if path is not None:
        write_atomically(path, svg.encode())
    return svg


def kind_of(node: Value, parameters: Collection[Value], outputs: Collection[Value]) -> str:
    """Which of the KINDS a node is drawn as. Both collections are sets or dicts: a list would compare the data."""
    if node in parameters:
        return "parameter"
    if node in outputs:
        return "output"
    return "input" if node.op is None else "result"


def _add_edges(picture: graphviz.Digraph, node: Value, ids: dict[Value, str], part: Part, direction: Direction) -> None:
    """Draw the edges from the arguments of `node`, its constants, and the ellipses for what is left out."""
    # The label is above its edge, or to the right of it, where it needs a space in between.
    entrance, room = ("w", "") if direction == "LR" else ("n", " ")
    id, arguments = ids[node], _arguments(node)
    head = {"headport": entrance} if len(arguments) > MANY else {}
    constants_drawn = len(first_terms(node, arguments, part.terms)) if node in part.expanded else 0
    left_out = 0
    for i, (argument, derivative) in enumerate(arguments):
        if isinstance(argument, Value) and argument in ids:
            tooltip = f"local derivative: {derivative!r}"
            label = f" {_number(derivative)} ".center(ROOM) if head else room + _number(derivative)
            picture.edge(ids[argument], id, label=label, tooltip=tooltip, **head)
        elif isinstance(argument, float) and i < constants_drawn:
            constant, tooltip = f"{id}_constant{i}", f"constant: {argument!r}"
            picture.node(constant, _number(argument), tooltip=tooltip, **CONSTANT)
            picture.edge(constant, id, tooltip=tooltip, **head, **SIDE_EDGE)
        else:
            left_out += 1
    if left_out:
        tooltip = f"left out: {left_out} of {len(arguments)} arguments"
        picture.node(f"{id}_before", f"… {left_out} more", tooltip=tooltip, **LEFT_OUT)
        picture.edge(f"{id}_before", id, tooltip=tooltip, **head, **SIDE_EDGE)
    if children := part.children_left_out.get(node):
        tooltip = f"left out: {children} of the results computed from this one"
        picture.node(f"{id}_behind", f"… {children} more", tooltip=tooltip, **LEFT_OUT)
        picture.edge(id, f"{id}_behind", tooltip=tooltip, **SIDE_EDGE)


def _arguments(node: Value) -> Sequence[tuple[Any, float]]:
    """The arguments of a node, each with its local derivative (nan for a constant, which has none)."""
    derivatives = iter(node.local_derivatives())
    return in_pairs(node, [(x, next(derivatives) if isinstance(x, Value) else float("nan")) for x in node.arguments])


def _box(node: Value, label: str) -> str:
    """The HTML-like label of a node: symbol | label over numbers."""
    label = _escaped(label, 40)
    rows = f'<TR><TD COLSPAN="2" ALIGN="LEFT"><B>{label}</B></TD></TR>' if label else ""
    for name, number, color in ("data", node.data, INK), ("grad", node.grad, GRADIENT):
        rows += (
            f'<TR><TD ALIGN="LEFT"><FONT POINT-SIZE="9" COLOR="{GREY}">{name} </FONT></TD>'
            f'<TD ALIGN="RIGHT"><FONT FACE="{NUMBER_FONT}" COLOR="{color}">{_number(number)}</FONT></TD></TR>'
        )
    symbol = ""
    if node.op:
        text = _escaped(node.op.symbol, 20)
        symbol = f'<TD CELLPADDING="6"><FONT POINT-SIZE="{18 if len(text) <= 2 else 12}">{text}</FONT></TD><VR/>'
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{}">'.format
    return f"<{table(5)}<TR>{symbol}<TD>{table(1)}{rows}</TABLE></TD></TR></TABLE>>"


def _number(number: float) -> str:
    return f"{number:.6g}"


def _escaped(text: object, most: int) -> str:
    """At most `most` characters of `text`, on one line, escaped for DOT, its HTML-like labels and XML."""
    import html

    line = elided(" ".join(str(text).split()), most)
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return html.escape(line).replace("\\", r"\\")


@functools.cache
def _picture_class() -> type[graphviz.Digraph]:
    try:
        import graphviz
    except ImportError:
        raise RuntimeError("drawing needs the package graphviz: pip install graphviz") from None

    class Picture(graphviz.Digraph):  # type: ignore[misc]  # graphviz has no annotations
        """A Digraph that a notebook shows without the program `dot`."""

        upright: Picture | None = None  # the same from top to bottom, if that may be shown instead

        def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
            return {"image/svg+xml": _for_page(self)}

        def __repr__(self) -> str:
            return "<the picture of a graph>"  # a notebook keeps it, and would keep an address in the memory

    return Picture


def _layout(picture: graphviz.Digraph) -> str:
    """The picture as an SVG element: without the XML prolog, so that it can be put into a page as it is."""
    import subprocess

    source = picture.source
    for font, measured in MEASURED.items():
        source = source.replace(f'"{font}"', f'"{measured}"')
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # of a console, on Windows
    done = subprocess.run(
        [_graphviz(), "-Tsvg"], input=source, capture_output=True, encoding="utf-8", creationflags=no_window
    )
    if done.returncode:
        raise RuntimeError(f"Graphviz cannot draw this: {done.stderr.strip()[-200:]}")
    svg = clear_numbers(done.stdout[done.stdout.index("<svg") :].replace("&#45;", "-"), DERIVATIVE)
    for font, measured in MEASURED.items():
        svg = svg.replace(f'font-family="{measured}"', f'font-family="{font}"')
    # Graphviz titles a node by its name, n0; the tooltip says more.
    return re.sub(r'<title>[^<]*</title>(\s*<g id="a_[^"]*"><a xlink:title="([^"]*)">)', r"<title>\2</title>\1", svg)


def _graphviz() -> str:
    """The program that lays out: that of the package graphviz-pure, whose drawings are the same everywhere, or else
    `dot`. Raises RuntimeError where there is neither."""
    import shutil
    from importlib.metadata import PackageNotFoundError, files

    programs = ["graphviz-pure", "dot"]
    with suppress(PackageNotFoundError):  # of an environment that is not activated, its programs are not on the PATH
        programs[:0] = [str(file.locate()) for file in files("graphviz-pure") or () if file.stem == "graphviz-pure"]
    for program in filter(None, map(shutil.which, programs)):
        return program
    raise RuntimeError(
        "drawing needs Graphviz: pip install graphviz-pure, or install the program dot "
        "(apt install graphviz, brew install graphviz, or https://graphviz.org/download)"
    )


def _for_page(picture: Any) -> str:
    """The SVG element of a drawing for a notebook: no wider than the page, unless it would then be illegible.

    One that would be is drawn from top to bottom if it is legible then and does not take screens to scroll. Elsewhere a
    drawing keeps its natural size: a browser can then enlarge a file that is viewed alone, and the policy of a page may
    forbid inline styles like this one.
    """
    svg = _layout(picture)
    if picture.upright and READABLE * _size(svg)[0] > PAGE:
        upright = _layout(picture.upright)
        width, height = _size(upright)
        if READABLE * width <= PAGE and height <= SCREENS:
            svg = upright
    least = READABLE * _size(svg)[0]
    return svg.replace("<svg ", f'<svg style="max-width:100%;min-width:{least:.0f}pt;height:auto" ', 1)


def _size(svg: str) -> tuple[float, float]:
    """The width and the height of a drawing, in points."""
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    return float(width), float(height)


def _for_notebooks(value: Value) -> str | None:
    """The graph of a Value as a picture. None, so that the repr is shown, if it cannot be drawn: it has more than 200
    nodes, too many for a page, or Graphviz is missing."""
    try:
        return _for_page(draw(value, limit=200))
    except (ValueError, RuntimeError):
        return None


Value._repr_svg_ = _for_notebooks
