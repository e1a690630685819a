"""The figures of a run of the benchmarks as a page of the documentation."""

import math
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


BUSY = 0.5
"""The load average of a machine at rest is below that."""


def load() -> float:
    """How many processes have wanted a core in the last minute; nan where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


def _setting(load: float) -> str:
    """Where, and under what conditions: the processor, Python, the version of every peer, and the load before."""
    peers = []
    for name in PEERS:
        with suppress(PackageNotFoundError):
            peers.append(f"{name} {version(name)}")
    others = "a machine at rest"
    if load >= BUSY:
        others = (
            f"a machine with a load of {load:.1f} when it began: ratios are of times that "
            "a process had for itself, and both sides lost some to caches and clocks that they shared"
        )
    return (
        f"{platform.system()}, {os.cpu_count()} cores of the kind {get_host_cpu_name()}, Python "
        f"{platform.python_version()}, {', '.join(peers)}; {others}"
    )


def page(figures: Iterable[Figure], load: float) -> str:
    """The Markdown of the page, a section for each file of benchmarks, where `load` was that before the run."""
    parts = [
        "# Benchmarks",
        "Read what one run of the benchmarks printed: each figure, and the bar that it is meant to reach.",
        "`pytest tests/benchmarks -n 0 --benchmark-enable --table docs/benchmarks.md` writes this page. "
        "[The comparison](comparison.md) says how the work is measured, and what several machines gave. This run: "
        f"{_setting(load)}.",
    ]
    sections: dict[str, list[Figure]] = {}
    for figure in figures:
        sections.setdefault(figure.title, []).append(figure)
    for title, rows in sections.items():
        lines = [f"| {row.what} | {row.figure} | {row.times} | {row.bar} |" for row in rows]
        parts += [f"## {title}", "\n".join(["| | result | times | bar |", "|---|---|---|---|", *lines])]
    return "\n\n".join(parts) + "\n"
