"""The figures of a run of the benchmarks as a page of the documentation."""

import datetime
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from llvmlite.binding import get_host_cpu_name

PEERS = ("autograd", "casadi", "heyoka", "jax", "micrograd", "numba", "torch")


class Figure(NamedTuple):
    """A line of the table: in which file, what, the figure, what it is a ratio of, and what is meant to be reached."""

    title: str
    what: str
    figure: str
    times: str = ""
    bar: str = ""


def _setting() -> str:
    """When and where: the processor, Python, and the version of every peer that is there."""
    peers = []
    for name in PEERS:
        with suppress(PackageNotFoundError):
            peers.append(f"{name} {version(name)}")
    return (
        f"{datetime.date.today():%d %B %Y}, {platform.system()}, {os.cpu_count()} cores of the kind "
        f"{get_host_cpu_name()}, Python {platform.python_version()}, {', '.join(peers)}"
    )


def page(figures: Iterable[Figure]) -> str:
    """The Markdown of the page, a section for each file of benchmarks."""
    parts = [
        "# Benchmarks",
        "Read what one run of the benchmarks printed: each figure, and the bar that it is meant to reach.",
        "`pytest tests/benchmarks -n 0 --benchmark-enable --table docs/benchmarks.md` writes this page. "
        "[The comparison](comparison.md) says how the work is measured, and what several machines gave. This run: "
        f"{_setting()}.",
    ]
    sections: dict[str, list[Figure]] = {}
    for figure in figures:
        sections.setdefault(figure.title, []).append(figure)
    for title, rows in sections.items():
        lines = [f"| {row.what} | {row.figure} | {row.times} | {row.bar} |" for row in rows]
        parts += [f"## {title}", "\n".join(["| | result | times | bar |", "|---|---|---|---|", *lines])]
    return "\n\n".join(parts) + "\n"
