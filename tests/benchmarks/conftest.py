"""How peers are compared: the same work in the same run, taking turns, as a ratio of medians."""

import gc
import statistics
import time
from collections.abc import Callable

import pytest


@pytest.fixture
def compare(benchmark, capsys):
    """`compare(ours, peer_name, peer)`: run both in turns and print how many times faster ours is.

    The garbage collector is on, as it is for users, and starts each run with a clean slate.
    """

    def seconds(work: Callable[[], object]) -> float:
        gc.collect()
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def run(ours: Callable[[], object], name: str, peer: Callable[[], object], rounds: int = 9) -> float:
        ours(), peer()
        pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        mine, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs))
        with capsys.disabled():
            print(f"\n    {ratio:.1f} times as fast as {name}: {mine:.3g} ms against {theirs:.4g} ms")
        benchmark.extra_info[f"times as fast as {name}"] = ratio
        benchmark.pedantic(ours, rounds=3)
        return ratio

    return run
