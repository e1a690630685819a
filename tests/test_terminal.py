"""Ctrl-C at any moment."""

import signal
import subprocess
import sys
import time

import pytest

import autograd_engine_start
from nn.terminal import ctrl_c_after_imports

PROGRAM = [sys.executable, "-c", "import autograd_engine_start as s, sys; print(flush=True); sys.exit(s.main())"]


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_during_the_start_is_one_line(seconds, tmp_path):
    arguments = ["train", "digits", "--out", str(tmp_path / "out")]
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (autograd_engine_start.INTERRUPTED, autograd_engine_start.MESSAGE)


def test_ctrl_c_does_not_reach_an_import():
    imported = False
    with pytest.raises(KeyboardInterrupt), ctrl_c_after_imports():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        imported = True
    assert imported
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
