"""A graph as a page to play with: one HTML file without a server, a network or Graphviz.

The file holds the graph and the same program as JavaScript (`javascript.py`): change a leaf, and all values and
gradients follow. `engine.js` has the chain rule, `folding.js` chooses what of a large graph is shown, `layout.js`
places the nodes, and `explanation.js` puts a node into words, with the signs of `text.js`. These only have functions.
The page itself is `state.js`, what it knows; `picture.js`, `panel.js` and `view.js`, what one sees of that; and
`page.js`, what one can do. The pieces are joined into one function, and so share their names.

What comes from outside, such as labels, is data and never markup: it lies in the page as JSON and reaches the
screen as text. Besides, the page's policy lets the browser run the one script and the one style sheet whose
hashes it names, and load nothing at all.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import math
import os
from collections.abc import Mapping
from string import Template
from typing import Any

from autograd_engine.draw import CONSTANT, DERIVATIVE, GRADIENT, GREY, INK, KINDS, NUMBER_FONT, TEXT_FONT, kind_of
from autograd_engine.explanations import mathml
from autograd_engine.explanations.explain import explain
from autograd_engine.explanations.names import Names, reading_order
from autograd_engine.explanations.statements import displayed
from autograd_engine.files import write_atomically
from autograd_engine.graph import topological_order
from autograd_engine.interactive.javascript import emit, file_text, key, literal
from autograd_engine.labels import Values, parameters_and_labels
from autograd_engine.primitives import Primitive
from autograd_engine.value import Value

__all__ = ["to_html"]

# Pieces of one program, in the order in which they stand in the page.
SCRIPTS = ("engine", "folding", "layout", "text", "explanation", "state", "picture", "panel", "view", "page")


def to_html(
    value: Value,
    path: str | os.PathLike[str] | None = None,
    *,
    parameters: Values | Mapping[str, Value] = (),
    names: Mapping[str, Value] | None = None,
) -> str:
    """The graph of `value` as the text of an interactive HTML page; also written to `path`.

    The page needs nothing but a browser. It pans and zooms, shows local derivatives where one points and the
    chain rule of a node in words where one clicks, steps through the backward pass, and computes everything
    anew when the data of a leaf is edited. Above 300 nodes parts of the graph are folded and open at a click.
    `parameters` are the Values to draw as parameters; all other leaves are inputs. Where they come by name, as from
    `model.named_parameters()`, and where `names` has more nodes by name, these names replace labels.

    The numbers are those of the leaves as they are now and of one backward pass with seed 1, whatever `.grad`
    has added up so far. What Python decided while the graph was built stays decided: a condition such as `x > 0`
    of two numbers is a constant of the graph, and does not change when x is edited; `relu`, `maximum` and the other
    primitives do.

    >>> x = Value(2.0, label="x")
    >>> page = to_html(x * x + 1)
    >>> page.count("<script"), "src=" in page
    (2, False)

    Raises TypeError where `value` is not a Value, ValueError where the graph has a primitive of your own that is
    not written with other primitives, and OSError where the file cannot be written.
    """
    if not isinstance(value, Value):
        raise TypeError(f"value is a Value, got {type(value).__name__}: {value!r:.60}")
    known, labels = parameters_and_labels(parameters, names)
    nodes = _nodes(value, known, labels)
    rows = {(node.op, len(node.arguments)): None for node in topological_order([value]) if node.op}
    script = _script(emit((op.name, inputs) for op, inputs in rows))
    style = _palette() + mathml.STYLE + file_text("style.css")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    page = Template(file_text("page.html")).substitute(
        title=html.escape(f"{value.label or 'computation graph'} = {value.data:.6g}"),
        policy=policy,
        style=style,
        script=script,
        rules="\n".join(_rule(op, key(op, inputs)) for op, inputs in rows),
        data=literal({"nodes": nodes, "rows": {key(op, inputs): _row(op) for op, inputs in rows}}),
    )
    if path is not None:
        write_atomically(path, page.encode())
    return page


def _nodes(output: Value, parameters: set[Value], labels: dict[Value, str]) -> list[dict[str, Any]]:
    """The nodes of a graph, each after its arguments, each constant as a node of its own."""
    order = topological_order([output])
    names = Names(reading_order([output]), {label: value for value, label in labels.items()})
    names.name(output, "out")
    places: dict[Value, int] = {}
    nodes: list[dict[str, Any]] = []
    for value in order:
        node: dict[str, Any] = {"kind": kind_of(value, parameters, {output}), "name": names.name(value).text}
        if label := labels.get(value, value.label):
            node["label"] = label
        if value.op is None:
            node["data"] = _number(value.data)
        else:
            node |= {"op": key(value.op, len(value.arguments)), "args": []}
            for x in value.arguments:
                if isinstance(x, Value):
                    node["args"].append(places[x])
                else:
                    node["args"].append(len(nodes))
                    nodes.append({"kind": "constant", "name": "", "data": _number(x)})
        places[value] = len(nodes)
        nodes.append(node)
    return nodes


def _number(x: float) -> float | str:
    """What JSON can hold of a float: the ones that are not finite go by name."""
    return x if math.isfinite(x) else str(x)


@functools.cache
def _row(op: Primitive) -> dict[str, str]:
    called = op.symbol if op.symbol.isalpha() else op.name  # as the rule calls it: ln
    return {"name": op.name, "called": called, "symbol": op.symbol, "rule": explain(op).text}


@functools.cache
def _rule(op: Primitive, row: str) -> str:
    """The derivatives of a row as a textbook has them, for the page to copy."""
    partials = displayed(explain(op).partials).strip("$\n")
    return f'<template data-rule="{html.escape(row)}">{mathml.displayed(partials)}</template>'


def _script(rows: str) -> str:
    engine, *others = (file_text(f"{name}.js") for name in SCRIPTS)
    return "\n".join(["(() => {", '"use strict";', engine, rows, *others, "})();"])


def _palette() -> str:
    """The colours and fonts of `draw` as variables of the style sheet."""
    colours = {"ink": INK, "grey": GREY, "gradient": GRADIENT, "derivative": DERIVATIVE}
    colours |= {"faint": CONSTANT["color"], "line": "#d0d7de", "paper": CONSTANT["fillcolor"]}
    colours |= {"text-font": TEXT_FONT, "number-font": NUMBER_FONT}
    for kind, style in KINDS.items():
        colours |= {f"{kind}-fill": style["fillcolor"], f"{kind}-line": style["color"]}
    return "".join([":root {", *(f" --{name}: {value};" for name, value in colours.items()), " }\n"])


def _hash(text: str) -> str:
    """The source expression of a Content-Security-Policy that lets this very text through."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
