"""Formulas as MathML, which browsers draw by themselves: no script is loaded from anywhere."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

# Sizes that docutils does not know. Brackets grow by themselves.
_SIZES = re.compile(r"\\[Bb]igg?(?![a-z])")


def _formula(node: Any, *, block: bool = False) -> str:
    return str(tex2mathml(_SIZES.sub("", node.astext()), as_block=block))


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(_formula(node))
    raise nodes.SkipNode


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{_formula(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer of formulas `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
