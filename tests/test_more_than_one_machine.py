"""The programs on the page about more than one machine run, and print what it says."""

import re
import subprocess
import sys

import numpy as np
import pytest

from autograd_engine import exp, jit, mean, vmap
from tests.mpi import ROOT, needs_mpi, on_ranks

PAGE = (ROOT / "docs" / "more-than-one-machine.md").read_text(encoding="utf-8")
PROGRAMS = dict(zip(re.findall(r"This is `(\w+)\.py`", PAGE), re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))


@needs_mpi
@pytest.mark.parametrize("name", ["line", "circle"])
def test_programs_for_mpi_print_the_same_for_any_number_of_ranks(tmp_path, name):
    file = tmp_path / f"{name}.py"
    file.write_text(PROGRAMS[name], encoding="utf-8")
    lines = set()
    for n in (1, 3):
        done = on_ranks(n, "-m", "mpi4py", file)
        assert (done.returncode, done.stderr) == (0, "")
        lines.add(done.stdout)
    [line] = lines
    if name == "line":
        slope, offset, _ = eval(line.partition(" ")[2])
        assert abs(slope - 2.0) < 0.1
        assert abs(offset - 1.0) < 0.1
    else:
        assert float(line.split()[1]) < 0.3


def test_the_program_for_dask_prints_the_mean_slope(tmp_path):
    pytest.importorskip("dask.distributed")
    file = tmp_path / "partitions.py"
    file.write_text(PROGRAMS["partitions"], encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, encoding="utf-8", check=True, timeout=300)
    X = np.linspace(-1.0, 1.0, 100_001)
    energy = jit(lambda x: mean(vmap(lambda x: exp(-x * x) * x if x > 0 else x * x)(x)))
    step = 1e-6
    assert float(done.stdout) == pytest.approx((energy(X + step) - energy(X - step)) / (2 * step), abs=1e-4)


def test_every_program_of_the_page_is_run():
    assert list(PROGRAMS) == ["line", "circle", "partitions"]


def test_a_worker_compiles_once(tmp_path):
    pytest.importorskip("dask.distributed")
    file = tmp_path / "counting.py"
    file.write_text(COUNTING, encoding="utf-8")
    arguments = [sys.executable, file, tmp_path / "runs"]
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", check=True, timeout=300)
    workers, runs, total = done.stdout.split()
    assert int(workers) == int(runs) <= 2
    assert float(total) == sum(range(1000))


COUNTING = """
import os
import sys
from pathlib import Path
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster
from autograd_engine import jit, vmap

def main():
    folder = sys.argv[1]
    def note(x):
        file = Path(folder, str(os.getpid()))
        file.parent.mkdir(exist_ok=True)
        with open(file, "a") as lines:
            lines.write("run")
        return 1.0 * x
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        X = da.from_array(np.arange(1000.0), chunks=50)
        f = jit(vmap(note))
        total = [float(X.map_blocks(f, dtype=float).sum().compute()) for _ in range(2)][-1]
        notes = [file.read_text() for file in Path(folder).iterdir()]
        print(len(notes), sum(map(len, notes)) // len("run"), total)

if __name__ == "__main__":
    main()
"""
