"""The benchmarks run, and write their figures as a page of the documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_run_writes_its_figures_as_a_page(tmp_path):
    path = tmp_path / "runs" / "benchmarks.md"
    command = [sys.executable, "-m", "pytest", "tests/benchmarks/test_loops.py", "-n", "0", "-k", "first and Kalman"]
    command += ["--benchmark-enable", "--table", str(path)]
    # A worker of these tests is none of that run.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    [printed] = re.findall(r"first call of Kalman filter, in s: (\S+) \(bar 0\.7\)", done.stdout)
    head, section = path.read_text(encoding="utf-8").split("\n## ")
    assert head.startswith("# Benchmarks\n")
    assert section.startswith("Loops of thousands of rounds")
    assert f"| first call of Kalman filter, in s | {printed} |  | 0.7 |" in section
