"""The reference: every public name with its signature and its docstring, on the page of the module that defines it."""

import inspect
import re
import sys
from collections import defaultdict
from importlib import import_module
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx

from autograd_engine.primitives import Primitive
from pages.contents import write_page

PUBLIC = ["autograd_engine", "autograd_engine.linalg", "nn", "nn.datasets", "nn.plots"]
# A name is on the page of the longest of these that its module begins with.
PAGES = {
    "autograd_engine": "Numbers",
    "autograd_engine.primitives": "Functions of numbers",
    "autograd_engine.softmax": "Functions of numbers",
    "autograd_engine.derivatives": "Derivatives",
    "autograd_engine.mapping": "Derivatives",
    "autograd_engine.constants": "Derivatives",
    "autograd_engine.check": "Derivatives",
    "autograd_engine.control_flow": "Branches, loops, equations",
    "autograd_engine.custom": "Branches, loops, equations",
    "autograd_engine.implicit": "Branches, loops, equations",
    "autograd_engine.linalg": "Linear algebra",
    "autograd_engine.explanations": "Explanations",
    "autograd_engine.interactive": "Explanations",
    "autograd_engine.diagnosis": "Diagnosis",
    "autograd_engine.compiler": "Native code and C",
    "nn": "Networks",
    "nn.losses": "Losses",
    "nn.initializers": "Networks",
    "nn.optimizer": "Optimisers",
    "nn.optimizers": "Optimisers",
    "nn.schedules": "Optimisers",
    "nn.training": "Training",
    "nn.saving": "Training",
    "nn.minimize": "Minimising",
    "nn.least_squares": "Minimising",
    "nn.csv_tables": "Data",
    "nn.datasets": "Data",
    "nn.plots": "Plots",
}


def public_names(package: ModuleType) -> list[str]:
    """What a package is documented to export: `__all__`, or what it defines itself."""
    here = [name for name, thing in vars(package).items() if getattr(thing, "__module__", None) == package.__name__]
    return [name for name in getattr(package, "__all__", here) if not name.startswith("_")]


def _module_of(package: ModuleType, thing: Any) -> str:
    if isinstance(thing, Primitive):
        return f"{Primitive.__module__}.{thing.name}"
    module = getattr(thing, "__module__", "")
    return module if module.startswith(("autograd_engine.", "nn.")) else package.__name__


def _page_of(module: str) -> str:
    while module not in PAGES:
        module = module.rpartition(".")[0]
    return PAGES[module]


def _markdown(text: str) -> str:
    """A docstring as Markdown: its examples become blocks of code, a formula of a derivative a line of code."""
    text = re.sub(r"^(>>> .*\n?(?:.+\n?)*)", r"```pycon\n\1\n```\n", text, flags=re.MULTILINE)
    text = re.sub(r"^(∂out/∂.+)$", r"`\1`\\", text, flags=re.MULTILINE).rstrip("\\")
    return text.replace("\n\n```", "\n```") if text.endswith("```") else text


def _signature(thing: Any) -> str:
    try:
        return str(inspect.signature(thing)).replace("'", '"')
    except (TypeError, ValueError):
        return ""


def _entry(kind: str, heading: str, module: str, body: str, fence: str = "`````") -> str:
    return f"{fence}{{py:{kind}}} {heading}\n:module: {module}\n\n{body}\n{fence}\n"


def _members(name: str, cls: type, package: str) -> str:
    """The methods and properties that a class has a docstring for."""
    parts = []
    for member, thing in vars(cls).items():
        function = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
        doc = inspect.getdoc(thing)
        if member.startswith("_") or not doc:
            continue
        if isinstance(thing, property):
            parts.append(_entry("property", f"{name}.{member}", package, _markdown(doc), "````"))
        elif inspect.isfunction(function) and function.__doc__:
            signature = re.sub(r"^\((self|cls)(, )?", "(", _signature(function))
            parts.append(_entry("method", f"{name}.{member}{signature}", package, _markdown(doc), "````"))
    return "\n".join(parts)


def _documented(name: str, thing: Any, package: str) -> str:
    if isinstance(thing, Primitive) and name != thing.name:
        return _entry("function", f"{name}{_signature(thing)}", package, f"Another name of `{thing.name}`.")
    if not callable(thing):
        return _entry("data", name, package, _after(package, name))
    doc = _markdown(inspect.getdoc(thing) or "")
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, BaseException) else "class"
        bases = [base.__name__ for base in thing.__bases__ if base is not object and not base.__name__.startswith("_")]
        head = f"Is a {', '.join(f'`{base}`' for base in bases)}.\n\n" if bases else ""
        signature = "" if kind == "exception" else _signature(thing)
        return _entry(kind, name + signature, package, f"{head}{doc}\n\n{_members(name, thing, package)}")
    return _entry("function", name + _signature(thing), package, doc)


def _after(package: str, name: str) -> str:
    thing = getattr(sys.modules[package], name)
    return f"`{thing!r}`" if isinstance(thing, (tuple, str)) else f"A {type(thing).__name__} of {len(thing)}."


def pages() -> dict[str, str]:
    """The text of each page by its title."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for package_name in PUBLIC:
        package = import_module(package_name)
        for name in sorted(public_names(package), key=str.lower):
            thing = getattr(package, name)
            page = _page_of(_module_of(package, thing))
            found[page][package_name].append(_documented(name, thing, package_name))
    return {
        page: "\n".join(_section(package, entries) for package, entries in packages.items())
        for page, packages in found.items()
    }


def _section(package: str, entries: list[str]) -> str:
    return f"From `{package}`:\n\n" + "\n".join(entries)


def _write(app: Sphinx) -> None:
    made = pages()
    for title in dict.fromkeys(PAGES.values()):
        if title in made:
            write_page(app, title, made[title])


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the others are read."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
