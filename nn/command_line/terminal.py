"""What a terminal can show: text in its encoding."""

from __future__ import annotations

import codecs
import io
import unicodedata

IN_ASCII = "autograd_engine.in_ascii"  # the name under which codecs know `_in_ascii`
SUPERSCRIPTS = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SPELLED = {
    **{"·": "*", "×": "*", "÷": "/", "−": "-", "⁻": "-", "√": "sqrt", "Σ": "sum", "‖": "||"},
    **{"≤": "<=", "≥": ">=", "≠": "!="},
}


def show_what_can_be_shown(stream: object) -> None:
    """Make a stream spell characters that its encoding lacks in ASCII, such as ^2, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=IN_ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object
    return "".join(_spelled(text[i], text[i - 1 : i]) for i in range(error.start, error.end)), error.end


def _spelled(sign: str, before: str) -> str:
    """A character in ASCII. A superscript opens an exponent unless the character `before` is one too."""
    caret = "^" if sign in SUPERSCRIPTS and before not in SUPERSCRIPTS else ""
    _, greek, letter = unicodedata.name(sign, "").partition("GREEK SMALL LETTER ")
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return caret + (SPELLED.get(sign) or (letter.lower() if greek else plain) or "?")


codecs.register_error(IN_ASCII, _in_ascii)
