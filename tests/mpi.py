"""Programs on several ranks of MPI, started as a user does."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The wheels of MPI libraries put it beside Python.
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
needs_mpi = pytest.mark.skipif(not MPIEXEC or not find_spec("mpi4py"), reason="needs mpi4py and an MPI library")
# Open MPI starts no more ranks than there are cores, and none as root, unless it is told to.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def on_ranks(n, *arguments, cwd=ROOT):
    """Run Python with these arguments on n ranks, and return the finished process."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path}
    command = [MPIEXEC, "-n", str(n), sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=cwd, timeout=900)
