"""The C compiler of this machine. Tests that need one are marked `needs_compiler` and skipped where there is none."""

import shutil
import subprocess

import pytest

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler: the system has no program named cc")
STRICT = ["-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def cc(folder, text, *options):
    """The text, compiled with all warnings as errors; the path of what came of it."""
    source, result = folder / "file.c", folder / "file"
    source.write_text(text)
    done = subprocess.run(
        [COMPILER, *STRICT, *options, str(source), "-lm", "-o", str(result)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[:3000]
    return result
