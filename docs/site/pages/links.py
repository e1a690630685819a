"""Links: from a public name in the text to its entry in the reference, and a check that every link leads somewhere."""

import builtins
import functools
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

from pages.reference import PUBLIC, public_names

_ADDRESS = re.compile(r'<(\w+)\b[^<>]*?\s(?:href|src)="([^"]*)"')
_ANCHOR = re.compile(r'<\w+\b[^<>]*?\sid="([^"]*)"')


@functools.cache
def _packages() -> dict[str, str]:
    """The package of each public name that can mean one thing only."""
    found = [(name, package) for package in PUBLIC for name in public_names(import_module(package))]
    count = Counter(name for name, _ in found)
    return {name: package for name, package in found if count[name] == 1 and not hasattr(builtins, name)}


def _around(node: nodes.Node) -> Iterator[nodes.Node]:
    while node := node.parent:
        yield node


def _named_by(entry: addnodes.desc) -> Iterator[str]:
    """The name that an entry of the reference describes, and those of its parameters and attributes."""
    for name in entry.findall(addnodes.desc_name):
        yield name.astext()
    for parameter in entry.findall(addnodes.desc_parameter):
        yield from (name.astext() for name in list(parameter.findall(addnodes.desc_sig_name))[:1])
    if entry["objtype"] == "class":
        yield from dir(getattr(import_module(entry[0]["module"]), entry[0]["fullname"]))


def _link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Let code that is a public name lead to its entry."""
    for code in list(doctree.findall(nodes.literal)):
        name = code.astext().removesuffix("()")
        if package := _packages().get(name):
            around = list(_around(code))
            linked = any(isinstance(node, (nodes.title, nodes.reference, addnodes.pending_xref)) for node in around)
            if linked or any(name in _named_by(node) for node in around if isinstance(node, addnodes.desc)):
                continue
            link = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=f"{package}.{name}", refwarn=True)
            code.replace_self(link)
            link += code


def faults(folder: Path) -> Iterator[str]:
    """The links in a folder of pages that lead nowhere, and what the pages load from elsewhere."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.resolve().rglob("*.html"))}
    anchors = {path: {unescape(name) for name in _ANCHOR.findall(text)} for path, text in texts.items()}
    for path, text in texts.items():
        where = path.relative_to(folder.resolve()).as_posix()
        for tag, address in sorted(set(_ADDRESS.findall(text))):
            if re.match(r"[a-z]+:", address):
                if tag != "a" and not address.startswith("data:"):
                    yield f"{where} loads {address}"
                continue
            file, _, anchor = unquote(unescape(address)).partition("#")
            goal = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not goal.exists() or (anchor and anchor not in anchors.get(goal, ())):
                yield f"{where}: the link to {address} leads nowhere"


def _check(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.format == "html":
        for fault in faults(app.outdir):
            logging.getLogger(__name__).warning("%s", fault)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the links to names when pages are read, and the check when all are written."""
    app.connect("doctree-read", _link_names, priority=1)
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
