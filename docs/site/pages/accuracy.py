"""Two tables made from what the tests know of the primitives: their special points, and how exact they are."""

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sphinx.application import Sphinx

from autograd_engine.primitives import PRIMITIVES
from pages.contents import write_page
from tests.laws.allowances import BAR, slope_allowance, value_allowance
from tests.laws.judge import exact, exact_slope, ulps
from tests.laws.rows import REALS, ROWS, special_points

POINTS = 15


def _number(x: Any) -> str:
    return "–" if x is ... else f"`{x!r}`"


def special() -> str:
    """The table of special points, a line for each."""
    lines = [
        "What every back end gives where rules of thumb end: uncompiled, compiled, in C and in pages. A dash is",
        "left open. The tests walk this table; nan in means nan out, ties split equally, and a convex kink has its",
        "minimum-norm subgradient.\n",
        "| function | at | value | derivative with respect to each input | second derivative |",
        "|---|---|---|---|---|",
    ]
    for point in special_points():
        at, slopes = (", ".join(map(_number, numbers)) for numbers in (point.inputs, point.slopes))
        second = "" if point.second is ... else _number(point.second)
        lines.append(f"| `{point.text}` | {at} | {_number(point.value)} | {slopes} | {second} |")
    return "\n".join(lines) + "\n"


def _inputs(name: str) -> list[tuple[float, ...]]:
    """Points of a row: those where digits are hardest to get, and others that are the same in every build."""
    op, row = PRIMITIVES[name], ROWS[name]
    found = list(row.nasty)

    @settings(max_examples=POINTS, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    @given(row.domain if row.domain is not None else st.tuples(*[REALS] * (op.arity or 4)))
    def collect(inputs: tuple[float, ...]) -> None:
        found.append(inputs)

    collect()
    return found


def _errors(name: str) -> str:
    """The cells of a row: how far off values and local derivatives are, and whether the tests allow for more."""
    op, values, partials, allowed = PRIMITIVES[name], [0.0], [0.0], False
    for inputs in _inputs(name):
        value = exact(name, inputs)
        if value is None:
            continue
        out = op(*inputs)
        more = value_allowance(op, inputs, value)
        values.append(ulps(out, value, more))
        allowed |= bool(more)
        for i, partial in enumerate(op.partials(out, *inputs)):
            slope = exact_slope(name, inputs, i)
            if slope is not None:
                more = slope_allowance(op, inputs, i, partial, value, slope)
                partials.append(ulps(partial, slope, more))
                allowed |= bool(more)
    return f"{max(values):.2f} | {max(partials):.2f} | {'yes' if allowed else ''}"


def accuracy() -> str:
    """The table of errors, a line for each row."""
    lines = [
        "How far values and local derivatives are from the exact ones, in units in the last place: the largest error",
        f"at {POINTS} points and those where digits are hardest to get, when this site was built. The exact ones are",
        f"mpmath's. The tests look at many more points, over the whole range of doubles, and accept at most {BAR:g}.",
        "Where terms cancel they allow for that at some points, and this table leaves out as much.\n",
        "| primitive | value | local derivatives | allowed for |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{name}` | {_errors(name)} |" for name in ROWS if name in PRIMITIVES]
    return "\n".join(lines) + "\n"


def _write(app: Sphinx) -> None:
    write_page(app, "Special points", special())
    write_page(app, "Accuracy of each primitive", accuracy())


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before the others are read."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
