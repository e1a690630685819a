"""Formulas as MathML, which browsers draw by themselves: no script is loaded from anywhere."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

# What docutils does not know of LaTeX: sizes (brackets grow by themselves), one of the dots, and digits without braces.
_OTHERWISE = {r"\\[Bb]igg?(?![a-z])": "", r"\\dots(?![a-z])": r"\\ldots", r"(\\[td]?frac)(\d)(\d)": r"\1{\2}{\3}"}

# TeX has a thin space around a function, unless brackets follow.
_SPACED = re.compile(
    r"(</m(?:i|n|sub|sup|subsup)>|\)</mo>)(?=\s*<mi\b[^>]*>\w\w+</mi>\s*<mo>&ApplyFunction;)"
    r"|(<mo>&ApplyFunction;</mo>)(?!\s*<m(?:o|row)\b)"
)


def formula(tex: str, *, block: bool = False) -> str:
    """The MathML of a formula in LaTeX."""
    for pattern, instead in _OTHERWISE.items():
        tex = re.sub(pattern, instead, tex)
    return _SPACED.sub(r'\1\2<mspace width="0.167em"/>', tex2mathml(tex, as_block=block))


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(formula(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{formula(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer of formulas `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
