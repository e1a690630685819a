"""Ctrl-C at any moment, and terminals that cannot show every sign."""

import io
import signal
import subprocess
import sys

import pytest

from nn.command_line.entry import INTERRUPTED, INTERRUPTED_LINE
from nn.command_line.terminal import show_what_can_be_shown
from nn.extras import extra
from tests.nn.command_line.program import ENTRY, PROGRAM, RUN


@pytest.mark.parametrize(
    ("function", "printed"),
    [
        *((name, INTERRUPTED_LINE) for name in ("run", "split", "fit")),
        ("step", ""),  # what was learned is kept
        *((name, INTERRUPTED_LINE) for name in ("save", "figures", "metrics")),
    ],
)
def test_ctrl_c_is_no_traceback_whenever_it_comes(function, printed, tmp_path):
    program = f"""{ENTRY}

def interrupt(frame, event, argument):
    if frame.f_code.co_name == {function!r} and frame.f_globals["__name__"].startswith("nn."):
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)

sys.setprofile(interrupt){RUN}
"""
    arguments = ["train", "xor", "--epochs", "2", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (INTERRUPTED, printed)


@pytest.mark.parametrize(
    "module",
    ["nn", "numpy", "numpy._core._multiarray_umath", "autograd_engine.value", "cyclopts", "nn.command_line.commands"],
)
def test_ctrl_c_while_the_command_is_imported_is_one_line(module):
    program = f"""{ENTRY}

class Interrupt:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt){RUN}
"""
    done = subprocess.run([sys.executable, "-c", program, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", INTERRUPTED_LINE)


def test_ctrl_c_does_not_reach_an_import():
    imported = False
    with pytest.raises(KeyboardInterrupt), extra("train"):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        imported = True
    assert imported
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("utf-8", "‖g‖² · δ", "‖g‖² · δ"),
        ("cp1252", "‖g‖² · x⁻¹²", "||g||² · x^-¹²"),
        ("ascii", "R² ≤ 2·x⁻¹²/y₁ − Σδ … é", "R^2 <= 2*x^-12/y1 - sumdelta ... e"),
        ("ascii", "² 中", "^2 ?"),
    ],
)
def test_signs_that_a_stream_does_not_have_are_written_in_ascii(encoding, text, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show_what_can_be_shown(stream)
    stream.write(text)
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == shown


@pytest.mark.parametrize("arguments", [["minimize", "(x-5)**2", "x=0"], ["explain", "x**2 * y", "x=1", "y=2"]])
def test_a_terminal_without_unicode_is_no_error(arguments, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
