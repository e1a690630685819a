r"""The LaTeX of the explanations as MathML, which a browser sets without a script or a font from elsewhere.

Only what notation.py, names.py and statements.py write is understood; no LaTeX comes from outside.

>>> inline(r"\frac{x}{2}")
'<math><mfrac><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></mfrac></math>'
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TOKENS = re.compile(r"\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_NAMES = (
    "alpha α beta β gamma γ delta δ epsilon ϵ zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ "
    "sigma σ tau τ phi ϕ chi χ psi ψ omega ω Gamma Γ Phi Φ partial ∂ infty ∞"
)
_LETTERS = dict(zip(_NAMES.split()[::2], _NAMES.split()[1::2]))
_SIGNS = {
    **{"cdot": "·", "times": "×", "le": "≤", "ge": "≥", "lt": "<", "gt": ">", "ne": "≠", "approx": "≈"},
    **{"wedge": "∧", "vee": "∨", "cdots": "⋯", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉"},
}
_WORDS = {"text": "mtext", "mathit": "mi", "mathrm": "mi", "operatorname": "mi"}
_SPACES = {"\\quad": '<mspace width="1em"/>', "\\ ": '<mspace width="0.5em"/>'}
# What a page with formulas needs in its style sheet. These fonts know how high an exponent stands and how far down an
# index goes; what Chromium takes for "math" may not, and then they do not become smaller by themselves either.
STYLE = """
math {
  font-family: "Cambria Math", "STIX Two Math", "Latin Modern Math", "DejaVu Math TeX Gyre", "Noto Sans Math", math;
  font-size: 1.1em;
}
mi.italic { font-style: italic; }
mtext { white-space: nowrap; }
mtable.aligned mtd { padding: 0.35em 0.1em; text-align: left; }
mtable.aligned mtd:first-child { text-align: right; }
mtable.cases mtd { padding: 0.25em 0.8em 0.25em 0; text-align: left; }
.blank { border: 1.5px solid; border-radius: 4px; padding: 0.1em 0.5em; }
msub > :not(:first-child), msup > :not(:first-child), msubsup > :not(:first-child) { font-size: 0.75em; }
div.formula { overflow-x: auto; overflow-y: hidden; margin: 0.6em 0; }
"""

_MINUS = "<mo>−</mo>"
_ENDS = {"}", "&", "\\\\", "\\right", "\\end"}


def inline(latex: str) -> str:
    """A formula within a line."""
    return f"<math>{_Reader(latex).row()}</math>"


def displayed(latex: str) -> str:
    """A formula on a line of its own."""
    return f'<math display="block">{_Reader(latex).row()}</math>'


def page(markdown: str) -> str:
    """A text in Markdown with formulas, as explanations have it, as HTML: paragraphs, with formulas as MathML."""
    parts = []
    for part in re.split(r"\n\n+", markdown):
        if part.startswith("$$"):
            parts.append(f'<div class="formula">{displayed(part.strip("$").strip())}</div>')
        else:
            parts.append(f"<p>{line(part)}</p>")
    return "\n".join(parts)


def line(markdown: str) -> str:
    """The same of a line within a paragraph."""
    pieces = enumerate(re.split(r"\$([^$]*)\$|\*\*(.+?)\*\*", markdown))
    kinds = (_words, lambda text: inline(text) if text else "", _strong)
    return "".join(kinds[i % 3](piece) for i, piece in pieces)


def _words(text: str | None) -> str:
    return re.sub(r"(?<= )-(?=[ \d])", "−", html.escape(text or ""))


def _strong(text: str | None) -> str:
    return f"<b>{html.escape(text)}</b>" if text else ""


class _Reader:
    """Reads LaTeX from left to right; what is read is gone."""

    def __init__(self, latex: str) -> None:
        self.tokens = _TOKENS.findall(latex)[::-1]

    def row(self) -> str:
        """Everything up to where the group, the cell or the environment ends."""
        return "".join(self._items())

    def _items(self) -> Iterator[str]:
        last = ""
        while self.tokens and self.tokens[-1] not in _ENDS:
            if self.tokens[-1] in ("^", "_"):
                last = self._with_scripts(last)
                continue
            item = self._item()
            if not item:  # a space
                continue
            yield last
            if item == _MINUS and (not last or (last.startswith("<mo") and not last.endswith((">)</mo>", ">]</mo>")))):
                item = '<mo form="prefix">−</mo>'
            last = item
        yield last

    def _with_scripts(self, base: str) -> str:
        scripts = {}
        while self.tokens and self.tokens[-1] in ("^", "_"):
            sign = self.tokens.pop()
            scripts[sign] = f"<mrow>{self._argument()}</mrow>"
        name = {"^": "msup", "_": "msub", "^_": "msubsup"}["".join(sorted(scripts, key="^_".index))]
        return f"<{name}>{base or '<mrow></mrow>'}{scripts.get('_', '')}{scripts.get('^', '')}</{name}>"

    def _item(self) -> str:
        token = self.tokens.pop()
        if token == "{":
            return f"<mrow>{self._rest_of_group()}</mrow>"
        if token[0] == "\\" and len(token) > 1:
            return self._command(token)
        if token.isspace():
            return ""
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{html.escape(token)}</mi>"
        if token in "()[]":
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{html.escape(token.replace('-', '−').replace(chr(39), '′'))}</mo>"

    def _command(self, token: str) -> str:
        name = token[1:]
        if name in ("frac", "tfrac"):
            return f"<mfrac><mrow>{self._argument()}</mrow><mrow>{self._argument()}</mrow></mfrac>"
        if name == "sqrt":
            index = self._until("]")[1:] if self.tokens[-1] == "[" else ""
            inside = f"<mrow>{self._argument()}</mrow>"
            return f"<mroot>{inside}<mn>{index}</mn></mroot>" if index else f"<msqrt>{inside}</msqrt>"
        if name in _WORDS:
            self.tokens.pop()
            words = re.sub(r"\\(.)", r"\1", self._until("}"))
            style = {"mathit": ' class="italic"', "mathrm": ' mathvariant="normal"'}.get(name, "")
            # The d of a derivative keeps away from a word.
            space = '<mspace width="0.15em"/>' if words == "d" and self.tokens[-2:] == ["\\mathit", " "] else ""
            return f"<{_WORDS[name]}{style}>{html.escape(words)}</{_WORDS[name]}>{space}"
        if name == "boxed":
            return f'<mrow class="blank">{self._argument()}</mrow>'
        if name == "underset":
            below = self._argument()
            return f"<munder><mrow>{self._argument()}</mrow><mrow>{below}</mrow></munder>"
        if name == "left":
            start, inside = self._delimiter(), self.row()
            self.tokens.pop()
            return f"<mrow>{start}{inside}{self._delimiter()}</mrow>"
        if name == "begin":
            return self._table()
        if token in _SPACES:
            return _SPACES[token]
        if token == "\\,":
            return '<mo>\N{INVISIBLE TIMES}</mo><mspace width="0.2em"/>'
        if name in _SIGNS:
            return f"<mo>{html.escape(_SIGNS[name])}</mo>"
        return f"<mi>{_LETTERS.get(name, html.escape(name))}</mi>"

    def _delimiter(self) -> str:
        """What grows with what stands in it."""
        return self._item().replace(' stretchy="false"', "")

    def _table(self) -> str:
        self.tokens.pop()
        kind = self._until("}")
        rows: list[list[str]] = [[self.row()]]
        while (token := self.tokens.pop()) != "\\end":
            if token == "&":
                rows[-1].append(self.row())
            else:
                rows.append([self.row()])
        self.tokens.pop()
        self._until("}")
        cells = ("".join(f"<mtd><mrow>{cell}</mrow></mtd>" for cell in row) for row in rows)
        table = f'<mtable displaystyle="true" class="{kind}">{"".join(f"<mtr>{row}</mtr>" for row in cells)}</mtable>'
        return f"<mrow><mo>{{</mo>{table}</mrow>" if kind == "cases" else table

    def _argument(self) -> str:
        while self.tokens[-1].isspace():
            self.tokens.pop()
        if self.tokens[-1] != "{":
            return self._item()
        self.tokens.pop()
        return self._rest_of_group()

    def _rest_of_group(self) -> str:
        inside = self.row()
        self.tokens.pop()
        return inside

    def _until(self, end: str) -> str:
        """The text up to that token, which is gone too."""
        found = ""
        while (token := self.tokens.pop()) != end:
            found += token
        return found
