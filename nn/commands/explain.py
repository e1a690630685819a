"""The command `explain`: a formula's value, its gradients, and how each of them comes about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from autograd_engine.draw import to_svg
from autograd_engine.explanations.explain import explain as derivation
from autograd_engine.expressions import parse
from autograd_engine.value import Value
from nn.commands.assignments import assigned
from nn.commands.options import RESULTS, CommandError

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
    formula: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *point: str,
    options: ExplainOptions | None = None,
) -> None:
    """Derive a formula by each of its variables: the chain rule in symbols, with the numbers under them.

    Parameters
    ----------
    formula
        Such as "exp(x*y) + sin(x)": numbers, variables, operators, and functions such as exp and sin.
    point
        Where: a number for each variable, such as x=1.5 y=pi/2.
    """
    options = options or ExplainOptions()
    expression = parse(formula)
    leaves = {name: Value(x, name) for name, x in assigned(expression, point, what="value", to="derive").items()}
    out = expression(**leaves)
    if not isinstance(out, Value):
        raise CommandError(f"the formula {expression.text!r} is a comparison, which has no derivative")
    if out.op:
        out.label = "out" if "out" not in leaves else "result"
    out.backward()
    # As wide as the text needs: a narrow terminal wraps its lines, and no digit is cut off.
    console = Console(highlight=False, markup=False, soft_wrap=True, width=1000)
    table = Table(box=None, pad_edge=False)
    for column in ("", "value", f"d {out.label}/d"):
        table.add_column(column, justify="left" if not column else "right")
    for node in dict.fromkeys([*leaves.values(), out]):
        table.add_row(node.label, f"{node.data:.10g}", f"{node.grad:.10g}")
    console.print(f"{out.label} = {expression.text}\n")
    console.print(table)
    for leaf in leaves.values():
        console.print(f"\n{derivation(out, leaf)}")
    if options.svg is not None or options.html is not None:
        console.print()
    if options.svg is not None:
        to_svg(out, options.svg, limit=MOST_DRAWN)
        console.print(f"Written: {options.svg}")
    if options.html is not None:
        from autograd_engine import to_html  # here, because only this needs it

        to_html(out, options.html)
        console.print(f"Written: {options.html}")
