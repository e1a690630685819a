"""How peers are compared: the same work in the same run on one core, taking turns, as a ratio of medians.

A bar is what we mean to reach. It is printed beside the ratio; timing never fails a test, wrong results do.
With `--table FILE` all figures are also written as a page of the documentation.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.table import Figure, load, page

ENOUGH = 0.02
"""Seconds that one measurement takes at least: short work is repeated."""


DEFAULT_THRESHOLD = gc.get_threshold()
"""Python's own: how much garbage may gather before it is collected. The tests change it once all files are read."""

FIGURES = pytest.StashKey[list[Figure]]()
LOAD = pytest.StashKey[float]()


def pytest_addoption(parser):
    parser.addoption("--table", type=Path, help="the Markdown file to write the figures to")


def pytest_configure(config):
    config.stash[FIGURES], config.stash[LOAD] = [], load()


def pytest_sessionfinish(session):
    if (path := session.config.getoption("table")) and session.config.stash[FIGURES]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(session.config.stash[FIGURES], session.config.stash[LOAD]), encoding="utf-8")


@pytest.fixture
def note(request, capsys):
    """`note(line, what, figure, times="", bar="")`: print the line, and keep the figure for the table."""
    title = request.module.__doc__.partition("\n")[0].rstrip(".")

    def keep(line: str, what: str, figure: str, times: str = "", bar: str = "") -> None:
        with capsys.disabled():
            print(f"\n    {line}" + (f" (bar {bar})" if bar else ""))
        figures = request.config.stash[FIGURES]
        assert (title, what) not in {(other.title, other.what) for other in figures}, f"two figures are called {what!r}"
        figures.append(Figure(title, what, figure, times, bar))

    return keep


@pytest.fixture(scope="session", autouse=True)
def peers_use_one_thread():
    """Thread pools that would only take turns on one core cost their owners time; peers are imported after this."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@pytest.fixture(autouse=True)
def garbage_is_collected_as_for_users():
    """The other tests let it wait, which would be a present to peers that make much of it."""
    threshold = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(*DEFAULT_THRESHOLD)
    yield
    gc.set_threshold(*threshold)


@pytest.fixture(autouse=True)
def one_core():
    """Keep the process on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.fixture
def two_cores(one_core):
    """Take back the one core that a benchmark otherwise has."""
    if (os.cpu_count() or 1) < 2 or not hasattr(os, "sched_setaffinity"):
        pytest.skip("needs two cores, and a system that lets a process choose them")
    os.sched_setaffinity(0, range(os.cpu_count()))
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this process may use only one core")


@pytest.fixture
def no_cache(monkeypatch):
    """Each first call compiles: no kernel is taken from the disk."""
    monkeypatch.setenv("AUTOGRAD_ENGINE_CACHE", "")


@pytest.fixture
def show(benchmark, note):
    """`show(what, figure, bar="", times="")`: print a figure, such as `6,400 steps ready, in s: 12.3 (bar 20)`."""

    def line(what: str, figure: float, bar: str = "", times: str = "") -> None:
        note(f"{what}: {figure:.3g}" + (f", {times}" if times else ""), what, f"{figure:.3g}", times, bar)
        benchmark.extra_info[what] = figure

    return line


@pytest.fixture
def compare(benchmark, note):
    """`compare(ours, peer_name, peer)`: run both in turns and print how many times faster ours is.

    The garbage collector is on, as it is for users, and starts each run with a clean slate. Both sides run once
    before that, unless the first call is what is to be measured: `first_call=True`. `scale` says how many times the
    peer has to do its work to have done ours. The clock is the time of the process, which on one core is that on the
    wall less what neighbours on a shared machine take; where several cores work it must be `time.perf_counter`.
    """

    def measure(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
        gc.collect()
        start = clock()
        for _ in range(repeats):
            work()
        return (clock() - start) / repeats

    def run(
        ours: Callable[[], object],
        name: str,
        peer: Callable[[], object],
        *,
        bar: float | None = None,
        rounds: int = 9,
        first_call: bool = False,
        scale: float = 1,
        clock: Callable[[], float] = time.process_time,
    ) -> float:
        repeats = [1, 1]
        if not first_call:
            ours(), peer()
            repeats = [round(ENOUGH / measure(work, 1, clock)) or 1 for work in (ours, peer)]
        pairs = [(measure(ours, repeats[0], clock), scale * measure(peer, repeats[1], clock)) for _ in range(rounds)]
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        mine, theirs = (_readable(statistics.median(column)) for column in zip(*pairs))
        wanted = "" if bar is None else f"{bar:.3g}x"
        times = f"{mine} against {theirs}"
        faster = f"{ratio:.3g} times as fast"
        note(f"{faster} as {name}: {times}", f"against {name}", faster, times, wanted)
        benchmark.extra_info[f"times as fast as {name}"] = ratio
        benchmark.pedantic(ours, rounds=min(rounds, 3))
        return ratio

    return run


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
