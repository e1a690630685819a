"""The command `explain`: a formula's value, its gradients, and how each of them comes about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from autograd_engine.draw import to_svg
from autograd_engine.explanations.explain import explain as derivation
from autograd_engine.expressions import parse
from autograd_engine.files import write_atomically
from autograd_engine.value import Value
from nn.command_line.assignments import assigned, computed
from nn.command_line.options import RESULTS, CommandError
from nn.command_line.output import check_ending, console, table

MOST_DRAWN = 2000


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """The options of `explain`."""

    svg: Annotated[Path | None, RESULTS] = None
    """File for a picture of the graph."""
    html: Annotated[Path | None, RESULTS] = None
    """File for a page with the graph, to be opened in a browser: change a number, and all others follow."""


def explain(
    formula: Annotated[str, Parameter(allow_leading_hyphen=True)], /, *point: str, options: ExplainOptions | None = None
) -> None:
    """Differentiate a formula in each of its variables: the chain rule in symbols, with the numbers under them.

    Parameters
    ----------
    formula
        Such as "exp(x*y) + sin(x)": numbers, variables, operators, and functions such as exp and sin.
    point
        Where: a number for each variable, such as x=1.5 y=pi/2.
    """
    options = options or ExplainOptions()
    check_ending("--svg", options.svg, (".svg",))
    check_ending("--html", options.html, (".html", ".htm"))
    expression = parse(formula)
    leaves = {name: Value(x, name) for name, x in assigned(expression, point, what="value", to="differentiate").items()}
    out = computed(expression, leaves)
    if out.op:
        out.label = "out" if "out" not in leaves else "result"
    out.backward()
    files = _files(out, options)  # first, so that what cannot be drawn is known before anything is printed
    screen = console()
    screen.print(f"{out.label} = {expression.text}\n")
    nodes = dict.fromkeys([*leaves.values(), out])
    rows = [(node.label, f"{node.data:.10g}", f"{node.grad:.10g}") for node in nodes]
    screen.print(table(("", "value", f"d {out.label}/d"), rows))
    for leaf in leaves.values():
        screen.print(f"\n{derivation(out, leaf)}")
    if files:
        screen.print()
    for path, text in files.items():
        write_atomically(path, text.encode())
        screen.print(f"Written: {path}")


def _files(out: Value, options: ExplainOptions) -> dict[Path, str]:
    """The picture and the page that are asked for. Raises CommandError if the picture cannot be drawn."""
    files = {}
    if options.svg is not None:
        try:
            files[options.svg] = to_svg(out, limit=MOST_DRAWN)
        except ValueError:
            many = f"the graph has more than {MOST_DRAWN} nodes, too many for a picture; --html folds it"
            raise CommandError(f"--svg {options.svg}: {many}") from None
        except RuntimeError as error:  # there is no Graphviz
            raise CommandError(f"--svg {options.svg}: {error}") from None
    if options.html is not None:
        from autograd_engine import to_html  # here, because only this needs it

        files[options.html] = to_html(out)
    return files
