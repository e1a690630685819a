"""The files of the repository that pages name: their source, coloured, so that a link to one stays on the site."""

import functools
import inspect
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from posixpath import relpath
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[3]
FOLDERS = ("autograd_engine", "nn", "tests")
LANGUAGES = {".py": "python", ".js": "javascript", ".css": "css", ".html": "html", ".c": "c", ".csv": "text"}


@functools.cache
def _tree() -> dict[Path, set[Path]]:
    """The folders that have pages, with the files and folders in each."""
    tree = defaultdict(set)
    for path in (path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in LANGUAGES):
        for inner, outer in zip([path, *path.parents], path.parents):
            if outer == ROOT:
                break
            tree[outer].add(inner)
    return tree


@functools.cache
def _shown() -> set[Path]:
    """The files and folders that have pages; an environment in the clone, such as `.venv`, has none."""
    return set(_tree()).union(*_tree().values())


def _page(path: Path) -> str:
    """The name of the page of a file or a folder."""
    return f"source/{path.relative_to(ROOT).as_posix()}" + "/index" * path.is_dir()


def _lead_to_pages(app: Sphinx, doctree: nodes.document) -> None:
    """Let the links to files and folders lead to their pages."""
    here = Path(app.env.docname).parent
    for kind in (addnodes.download_reference, addnodes.pending_xref):
        for link in list(doctree.findall(kind)):
            target = (ROOT / here / link.get("reftarget", "")).resolve()
            if target in _shown():
                address = f"{relpath(_page(target), here.as_posix())}.html"
                link.replace_self(nodes.reference("", "", *link.children, internal=True, refuri=address))


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file, and one for each folder with what is in it."""
    for folder, inside in _tree().items():
        items = ""
        for path in sorted(inside):
            items += f'<li><a href="{relpath(_page(path), _page(folder) + "/..")}.html">{path.name}</a></li>'
            if path.suffix in LANGUAGES:
                text, language = path.read_text(encoding="utf-8"), LANGUAGES[path.suffix]
                # `force`: a lexer that does not know the newest syntax colours what it knows
                yield _source(
                    path,
                    app.builder.highlighter.highlight_block(
                        text, language, force=True, linenos="inline", lineanchors="line"
                    ),
                )
        yield _source(folder, f"<ul>{items}</ul>")


def _source(path: Path, body: str) -> tuple[str, dict[str, Any], str]:
    heading = f"<h1><code>{path.relative_to(ROOT).as_posix()}</code></h1>"
    return _page(path), {"title": path.name, "body": f'{heading}<div class="source">{body}</div>'}, "page.html"


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where the source of a documented name is, seen from a page of the reference."""
    thing: Any = import_module(info["module"])
    for name in info["fullname"].split("."):
        thing = getattr(thing, name, None)
    try:
        function = inspect.unwrap(thing.fget if isinstance(thing, property) else thing)
        path, line = Path(inspect.getsourcefile(function) or ""), inspect.getsourcelines(function)[1]
    except TypeError:
        return None
    return f"../../{_page(path)}.html#line-{line}" if path in _shown() else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the pages of the files and the links to them."""
    app.connect("doctree-read", _lead_to_pages, priority=1)
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
