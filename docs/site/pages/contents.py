"""The side bar: the pages that `docs/README.md` lists, by its headings, and the pages made from the code."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

GENERATED = "reference"  # the folder beside the pages; git ignores it
_made: dict[str, str] = {}


def write_page(app: Sphinx, title: str, text: str, kind: str = "") -> None:
    """Write a page that is made from the code, unless it is there already as it should be."""
    name = f"{GENERATED}/" + re.sub(r"\W+", "-", title.lower())
    _made[name] = title
    path, text = Path(app.srcdir, "docs", f"{name}.md"), f"# {kind}{title}\n\n{text}"
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _remove_others(app: Sphinx) -> None:
    """Pages that earlier builds made under another title go."""
    for path in Path(app.srcdir, "docs", GENERATED).glob("*.md"):
        if f"{GENERATED}/{path.stem}" not in _made:
            path.unlink()


def _tree(pages: Iterable[str], caption: str = "") -> str:
    return "\n".join(["```{toctree}", ":hidden:", ":glob:", f":caption: {caption}" * bool(caption), *pages, "```\n"])


def _add_trees(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        first, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
        parts = [first]
        for section in sections:
            heading, listed = section.partition("\n")[0], re.findall(r"\]\(([^)#]+\.md)\)", section)
            parts.append(f"## {section.rstrip()}\n\n{_tree(listed, heading)}\n")
        links = "".join(f"* [{title}]({name}.md)\n" for name, title in _made.items())
        pages = [f"{title} <{name}>" for name, title in _made.items()]
        parts.insert(-1, f"## Reference\n\n{links}\n{_tree(pages, 'Reference')}\n")
        source[0] = "".join(parts)
    elif page == "docs/notebooks":
        source[0] += "\n\n" + _tree(["/notebooks/tour", "/notebooks/lecture_*", "/notebooks/*"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the tables of contents when the pages are read."""
    app.connect("builder-inited", _remove_others, priority=900)  # after the pages are written
    app.connect("source-read", _add_trees)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
