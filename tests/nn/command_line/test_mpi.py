"""`mpiexec -n 4 autograd-engine train`: the files of one process, one sentence for every end, and the way on."""

import sys

import pytest

from nn.command_line import ranks
from nn.command_line.main import main
from tests.mpi import ROOT, needs_mpi, on_ranks
from tests.nn.command_line.program import ENTRY, RUN

TRAIN = ["train", ROOT / "tests" / "data" / "flowers.csv", "--epochs", "6", "--batch-size", "50", "--hidden", "4"]
TRAIN += ["--target", "species", "--checkpoint-every", "2"]
# In the fifth epoch, rank 1 does what is in `fate`.
DISTURBED = """
import os, signal
import nn.command_line.ranks as ranks
import nn.command_line.train as command
from nn.training.history import History
command.figures = command.drawings = lambda *args: {}
ranks._PATIENCE = %s
read_csv = command.datasets.read_csv
def read(*args):
    open(f"read by {ranks.rank()}", "w").close()
    return read_csv(*args)
command.datasets.read_csv = read
add_epoch, fate = History.add_epoch, lambda: %s
def disturbed(self, *args):
    add_epoch(self, *args)
    if len(self.loss) == 5 and ranks.rank() == 1:
        fate()
History.add_epoch = disturbed
"""


def train(n, folder, *options, fate="None", arguments=TRAIN):
    patience = 300.0 if fate == "None" else 0.5  # for the others to come, who may be slow, or will never
    return on_ranks(n, "-c", DISTURBED % (patience, fate) + ENTRY + RUN, *arguments, *options, cwd=folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = train(1, folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, (folder / "runs/flowers/model.safetensors").read_bytes()


@needs_mpi
def test_the_first_process_prints_and_writes_what_one_process_does(tmp_path, undisturbed):
    done = train(4, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    text, model = undisturbed
    apart = "Trained for"
    assert done.stdout.partition(apart)[0] == text.partition(apart)[0]
    assert done.stdout.count(apart) == 1
    assert (tmp_path / "runs/flowers/model.safetensors").read_bytes() == model
    assert [path.name for path in tmp_path.glob("read by *")] == ["read by 0"]


@needs_mpi
@pytest.mark.parametrize("fate", ["os.kill(os.getpid(), signal.SIGKILL)", "bytearray(2**62)"], ids=["kill", "memory"])
def test_a_process_that_dies_ends_all_and_any_number_goes_on(tmp_path, undisturbed, fate):
    dead = train(2, tmp_path, fate=fate)
    assert dead.returncode != 0
    ours = [line for line in dead.stderr.splitlines() if line.startswith("autograd-engine: ")]
    assert ours == (["autograd-engine: rank 1 failed, which ends all: MemoryError"] if "bytearray" in fate else [])
    assert "Traceback" not in dead.stderr
    assert [path.name for path in (tmp_path / "runs/flowers").iterdir()] == ["checkpoint.safetensors"]
    resumed = train(3, tmp_path, "--resume", "runs/flowers/checkpoint.safetensors")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert (tmp_path / "runs/flowers/model.safetensors").read_bytes() == undisturbed[1]


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.csv"], "missing.csv: No such file or directory"),
        ([*TRAIN, "--no-jit"], "--no-jit: what several processes train is always compiled"),
        ([*TRAIN, "--out", "here/there", "--resume", "here"], "here: Is a directory"),
        (
            [*TRAIN, "--optimizer", "sgd", "--lr", "1e200", "--activation", "relu"],
            "the training diverged, parameters became inf or nan: lower --lr, which was 1e+200",
        ),
    ],
)
def test_a_mistake_is_said_once(tmp_path, arguments, message):
    (tmp_path / "here").mkdir()
    done = train(2, tmp_path, arguments=arguments)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "autograd-engine" in line] == [f"autograd-engine: {message}"]


def test_without_mpi4py_one_sentence_names_the_extra(monkeypatch, capsys):
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main(["train", "iris"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("autograd-engine: the package mpi4py is missing; ")
    assert error.endswith("'.[mpi]'\n")
    assert error.count("\n") == 1


def test_only_the_first_process_speaks(monkeypatch, capsys):
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "3")
    assert ranks.rank() == 3
    assert main(["train", "--nonsense"]) == 2
    assert capsys.readouterr().err == ""
