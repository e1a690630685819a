"""The reference: every public name with its signature and its docstring, on the page of its theme."""

import inspect
import re
from collections import defaultdict
from importlib import import_module
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

from autograd_engine.primitives import Primitive
from pages.contents import write_page

PUBLIC = [
    *("autograd_engine", "autograd_engine.linalg", "autograd_engine.testing", "autograd_engine.bridges"),
    *("nn", "nn.datasets", "nn.plots", "nn.sklearn"),
]
# A name is on the page of the longest of these that its module begins with.
THEMES = {
    "autograd_engine.value": "Numbers",
    "autograd_engine.complex_numbers": "Numbers",
    "autograd_engine.primitives": "Functions of numbers",
    "autograd_engine.softmax": "Functions of numbers",
    "autograd_engine.derivatives": "Derivatives",
    "autograd_engine.mapping": "Derivatives",
    "autograd_engine.constants": "Derivatives",
    "autograd_engine.series": "Derivatives",
    "autograd_engine.nlp": "Derivatives",
    "autograd_engine.control_flow": "Branches, loops, equations",
    "autograd_engine.custom": "Branches, loops, equations",
    "autograd_engine.implicit": "Branches, loops, equations",
    "autograd_engine.linalg": "Linear algebra",
    "autograd_engine.check": "Checks",
    "autograd_engine.roundings": "Checks",
    "autograd_engine.testing": "Checks",
    "autograd_engine.draw": "Pictures and explanations",
    "autograd_engine.explanations": "Pictures and explanations",
    "autograd_engine.interactive": "Pictures and explanations",
    "autograd_engine.diagnosis": "Diagnosis",
    "autograd_engine.compiler": "Native code and C",
    "autograd_engine.bridges": "Other frameworks",
    "autograd_engine.ranks": "More than one machine",
    "nn": "Networks",
    "nn.losses": "Losses",
    "nn.optimizer": "Optimisers",
    "nn.optimizers": "Optimisers",
    "nn.schedules": "Optimisers",
    "nn.training": "Training and files",
    "nn.saving": "Training and files",
    "nn.tensor_files": "Training and files",
    "nn.onnx_files": "Training and files",
    "nn.minimize": "Minimising",
    "nn.least_squares": "Minimising",
    "nn.datasets": "Data sets",
    "nn.csv_tables": "Data sets",
    "nn.plots": "Plots",
    "nn.sklearn": "Estimators for scikit-learn",
}


def public_names(package: ModuleType) -> list[str]:
    """What a package exports: `__all__` and the functions named like builtins, or else what it defines itself."""
    here = [name for name, thing in vars(package).items() if getattr(thing, "__module__", None) == package.__name__]
    rows = [name for name, thing in vars(package).items() if isinstance(thing, Primitive)]
    return sorted({name for name in [*getattr(package, "__all__", here), *rows] if name[0] != "_"}, key=str.lower)


def _theme(package: ModuleType, thing: Any) -> str:
    module = getattr(thing, "__module__", "")
    if isinstance(thing, Primitive):
        module = Primitive.__module__
    elif not module.startswith(("autograd_engine.", "nn.")):
        module = package.__name__
    name = module
    while name not in THEMES:
        name = name.rpartition(".")[0]
        if not name:
            raise LookupError(f"{module} has public names, but no page of the reference: give it a line of THEMES")
    return THEMES[name]


def _import(skip: re.Match[str]) -> str:
    """What a reader writes where the example of a docstring is skipped without a package."""
    package, name = skip.groups()
    return f"from {package} import {name}" if package else f"import {name}"


def _markdown(thing: Any) -> str:
    """A docstring as Markdown: examples become blocks of code, formulas of derivatives lines of code."""
    text = re.sub(r'import pytest; \w+ = .*importorskip\("(?:(\w+)\.)?(\w+)".*', _import, inspect.getdoc(thing) or "")
    text = re.sub(r"^(>>> (?:.+\n?)*)", r"```pycon\n\1\n```\n", text, flags=re.MULTILINE)
    text = re.sub(r"^(∂out/∂.+)$", r"`\1`\\", text, flags=re.MULTILINE).rstrip("\\")
    return re.sub(r"\n+```$", "\n```", text, flags=re.MULTILINE)


def _signature(thing: Any, *, bound: bool = False) -> str:
    """The signature, without what calls do not show: `self`, or that a class returns nothing."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    parameters = list(signature.parameters.values())[bound:]
    text = stringify_signature(
        signature.replace(parameters=parameters),
        show_return_annotation=not inspect.isclass(thing),
        unqualified_typehints=True,
    )
    return text.replace("~", "")


def _entry(kind: str, heading: str, package: str, body: str, *, depth: int = 0) -> str:
    fence = "`" * (5 - depth)
    return f"{fence}{{py:{kind}}} {heading}\n:module: {package}\n\n{body}\n{fence}\n"


def _members(name: str, cls: type, package: str) -> str:
    """The methods and properties that a class has a docstring for."""
    parts = []
    for member, thing in vars(cls).items():
        function = getattr(thing, "__func__", thing)  # of a class method
        if member.startswith("_") or not (getattr(function, "__doc__", "")):
            continue
        if isinstance(thing, property):
            parts.append(_entry("property", f"{name}.{member}", package, _markdown(thing), depth=1))
        elif inspect.isfunction(function):
            heading = f"{name}.{member}{_signature(function, bound=not isinstance(thing, staticmethod))}"
            parts.append(_entry("method", heading, package, _markdown(thing), depth=1))
    return "\n".join(parts)


def _described(name: str, thing: Any, package: str) -> str:
    """The entry of a public name."""
    if isinstance(thing, Primitive) and name != thing.name:
        return _entry("function", name + _signature(thing), package, f"Another name of `{thing.name}`.")
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, BaseException) else "class"
        bases = [f"`{base.__name__}`" for base in thing.__bases__ if base is not object and base.__name__[0] != "_"]
        head = f"Is a {', '.join(bases)}.\n\n" if bases else ""
        signature = "" if kind == "exception" else _signature(thing)
        return _entry(kind, name + signature, package, f"{head}{_markdown(thing)}\n\n{_members(name, thing, package)}")
    if callable(thing):
        return _entry("function", name + _signature(thing), package, _markdown(thing))
    shown = ", ".join(f"`{item!r}`" for item in thing) if isinstance(thing, (tuple, dict)) else f"`{thing!r}`"
    return _entry("data", name, package, shown)


def pages() -> dict[str, str]:
    """The text of each page by its theme."""
    found: dict[str, dict[str, list[str]]] = {theme: defaultdict(list) for theme in THEMES.values()}
    for package in map(import_module, PUBLIC):
        for name in public_names(package):
            thing = getattr(package, name)
            found[_theme(package, thing)][package.__name__].append(_described(name, thing, package.__name__))
    return {
        theme: "\n".join(f"From `{package}`:\n\n" + "\n".join(entries) for package, entries in packages.items())
        for theme, packages in found.items()
    }


def _write(app: Sphinx) -> None:
    for theme, text in pages().items():
        write_page(app, theme, text, "Reference: ")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the others are read."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
