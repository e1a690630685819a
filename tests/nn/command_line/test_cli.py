import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn import datasets, saving
from nn.command_line import entry, networks, report, results, train
from nn.command_line import main as cli
from nn.command_line.main import main
from nn.command_line.options import DescentOptions
from nn.command_line.predictor import Predictor
from nn.datasets import Standardisation
from nn.optimizers import OPTIMIZERS
from nn.perceptrons import MLP
from nn.playground import server
from nn.training.fit import evaluate
from nn.training.history import History
from tests.nn.command_line.program import ENTRY, PROGRAM, RUN

FEW = ["--epochs", "2", "--hidden", "3"]


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, text):
    Path(name).write_text(text)
    return str(name)


def classes_csv(name="data.csv", rows=24):
    lines = [f"{i % 7},{i % 5},{'abc'[i % 3]}" for i in range(rows)]
    return write(name, "\n".join(["width,height,kind", *lines]))


def numbers_csv():
    rows = [f"{x},{x * x / 7},{2 * x + 0.5}" for x in range(20)]
    return write("numbers.csv", "\n".join(["a,b,price (EUR)", *rows]))


def refused(capsys, arguments, *parts):
    """The command ends with exit code 2 and one line on stderr that has all `parts`; nothing else is there."""
    before = sorted(Path().rglob("*"))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("autograd-engine: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    for part in parts:
        assert part in err
    assert out == ""
    assert sorted(Path().rglob("*")) == before


@pytest.fixture
def no_pictures(monkeypatch):
    """Training alone, where the pictures are not what is tested: they take most of the time."""
    monkeypatch.setattr(train, "figures", lambda *_: {})
    monkeypatch.setattr(train, "drawings", lambda *_: {})


@pytest.fixture
def few_digits(monkeypatch):
    """The data set digits with 40 images."""
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name: load(name).take(np.arange(40)))


# train


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("iris", "confusion_matrix.png"),
        ("breast_cancer", "confusion_matrix.png"),
        ("xor", "decision_boundary.png"),
    ],
)
def test_train_writes_and_names_every_file(capsys, name, picture):
    assert main(["train", name, "--epochs", "1", "--hidden", "2"]) == 0
    out = capsys.readouterr().out
    files = {"model.safetensors", "metrics.json", "loss.png", "neuron.svg", "sample.svg", picture}
    assert {path.name for path in Path("runs", name).iterdir()} == files
    for file in files:
        assert f"runs/{name}/{file}" in out
    for word in ("train", "test", "loss", "accuracy", "%"):
        assert word in out
    classes = datasets.load(name).class_names
    titles = [f"The loss of the first test sample, {datasets.load(name).target_name} = {c}<" for c in classes]
    assert sum(title in Path("runs", name, "sample.svg").read_text() for title in titles) == 1
    for file in files:
        start = Path("runs", name, file).read_bytes()[:8]
        assert start.startswith({".png": b"\x89PNG", ".svg": b"<svg"}.get(Path(file).suffix, b""))


def test_iris_with_defaults_is_learned(capsys, no_pictures):
    assert main(["train", "iris", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    _, test = datasets.split(datasets.load("iris"), 0)
    predictor = Predictor.load("runs/iris/model.safetensors")
    assert (predictor.classes(test.X) == test.y).mean() >= 0.95


def test_the_seed_decides_everything():
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["train", classes_csv(), *FEW, "--seed", seed, "--out", name, "--quiet"]) == 0
    a, b, c = ({path.name: path.read_bytes() for path in Path(name).iterdir()} for name in "abc")
    assert a == b
    assert a["model.safetensors"] != c["model.safetensors"]


def test_options_reach_the_training(no_pictures):
    options = "--hidden 5,4 --activation relu --optimizer sgd --lr 0.001 --epochs 1 --out deep/er --quiet"
    assert main(f"train iris {options}".split(" ")) == 0
    model = Predictor.load("deep/er/model.safetensors").model
    assert (model.widths, model.activation.name) == ((5, 4, 3), "relu")
    assert main(["train", "iris", "--hidden", "none", "--epochs", "1", "--out", "linear", "--quiet"]) == 0
    assert Predictor.load("linear/model.safetensors").model.widths == (3,)


def test_a_large_network_is_drawn_in_part(monkeypatch):
    monkeypatch.setattr(train, "figures", lambda *_: {})
    assert main(["train", classes_csv(), "--hidden", "15,15", "--epochs", "1", "--quiet"]) == 0
    assert "more" in Path("runs/data/sample.svg").read_text()


def test_of_a_neuron_with_many_inputs_a_few_are_drawn(monkeypatch, few_digits):
    monkeypatch.setattr(train, "figures", lambda *_: {})
    assert main(["train", "digits", "--hidden", "64", "--epochs", "1", "--quiet"]) == 0
    svg = Path("runs/digits/neuron.svg").read_text()
    assert svg.count("parameter: ") == 2 * (9 + 1)  # the weights and the bias, each with a title and a tooltip
    assert "left out: 110 of 128 arguments" in svg


def test_a_graph_that_is_always_too_large_is_its_output(monkeypatch):
    monkeypatch.setattr(report, "MOST_NODES", 1)
    monkeypatch.setattr(train, "figures", lambda *_: {})
    assert main(["train", classes_csv(), *FEW, "--quiet"]) == 0
    assert "output" in Path("runs/data/neuron.svg").read_text()


@pytest.mark.parametrize(("file", "last"), [("neuron.svg", "output"), ("sample.svg", "loss")])
def test_the_gradients_in_a_drawing_are_those_of_its_own_output(monkeypatch, file, last):
    monkeypatch.setattr(train, "figures", lambda *_: {})
    assert main(["train", classes_csv(), *FEW, "--quiet"]) == 0
    svg = Path("runs/data", file).read_text()
    nodes = re.findall(
        r"<!-- n(\d+) -->\s.*\s<title>(\w+): Value\(data=\S+, grad=([^,)]*)(?:.*label=&#39;(.*)&#39;)?", svg
    )
    edges = re.findall(r"<!-- n(\d+)-&gt;n(\d+) -->\s.*\s<title>local derivative: (.*)</title>", svg)
    gradients = {int(node): float(gradient) for node, _, gradient, _ in nodes}
    assert max(nodes, key=lambda node: int(node[0]))[3] == last  # a node has a higher number than its parents
    expected = dict.fromkeys(sorted(gradients), 0.0) | {max(gradients): 1.0}
    for node in reversed(expected):
        for parent, child, derivative in edges:
            if int(child) == node:
                expected[int(parent)] += expected[node] * float(derivative)
    assert gradients == pytest.approx(expected, rel=1e-12)
    assert any(kind == "parameter" and gradients[int(node)] for node, kind, *_ in nodes)


def test_train_on_a_csv_file(capsys, no_pictures):
    path = classes_csv()
    assert main(["train", path, *FEW]) == 0
    assert "24 samples" in capsys.readouterr().out


def test_texts_and_missing_cells_are_used_and_remembered(capsys, no_pictures):
    path = classes_csv()
    options = ["--target", "height", "--task", "regression", *FEW, "--out", "out"]
    assert main(["train", path, *options]) == 0
    assert "column 'kind' holds texts: a feature, 0 or 1, for each of a, b, c\n" in capsys.readouterr().out
    model = "out/model.safetensors"
    row = "row 3, column 'width': the cell is empty; --missing drop leaves the row out, and --missing mean takes"
    holed = write("holed.csv", "kind,width\na,1\nb,\nc,3\n")
    refused(capsys, ["predict", model, holed], row)
    refused(
        capsys, ["predict", model, write("new.csv", "width,kind\n1,d\n")], "row 2, column 'kind': 'd' is a text that"
    )
    mean = Predictor.load(model).input_scale.mean[0]
    answers = []
    for content, *option in (
        (f"kind,width\na,1\nb,{float(mean)!r}\nc,3\n",),
        (Path(holed).read_text(), "--missing", "mean"),
        (Path(holed).read_text(), "--missing", "drop"),
    ):
        assert main(["predict", model, write("use.csv", content), *option]) == 0
        answers.append((shown := capsys.readouterr()).out.splitlines())
        dropped = "autograd-engine: use.csv: left out: 1 row with missing cells\n"
        assert shown.err == (dropped if "drop" in option else "")
    assert answers[0] == answers[1]
    assert answers[2] == [answers[0][i] for i in (0, 1, 3)]
    write(path, Path(path).read_text().replace("\n3,3,", "\n,3,"))
    refused(
        capsys, ["train", path, *options], "row 5, column 'width': the cell is empty; --missing drop", "--ignore width"
    )
    assert main(["train", path, *options, "--missing", "mean"]) == 0
    assert "\n1 sample has missing cells, filled in with the mean" in capsys.readouterr().out
    assert main(["train", path, *options, "--missing", "drop"]) == 0
    assert "\nleft out: 1 row with missing cells\n" in (out := capsys.readouterr().out)
    assert ": 23 samples" in out
    write(path, Path(path).read_text() + "\nNA,,a\n4,n/a,b\n")  # without a target
    for missing, line in (("mean", "2 rows without"), ("drop", "1 row with missing cells, 2 rows without")):
        assert main(["train", path, *options, "--missing", missing]) == 0
        assert f"\nleft out: {line} a target\n" in capsys.readouterr().out


def test_a_data_set_is_predicted_by_its_name(capsys, no_pictures):
    assert main(["train", "xor", *FEW, "--quiet", "--out", "out"]) == 0
    assert main(["predict", "out/model.safetensors", "xor"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1001
    refused(capsys, ["predict", "out/model.safetensors", "moon"], "there is no data set or file 'moon'; did you mean")
    refused(capsys, ["predict", "out/model.safetensors", "xor", "--missing", "drop"], "--missing is for CSV files")


def test_regression(capsys):
    path = numbers_csv()
    assert main(["train", path, "--epochs", "200", "--hidden", "none"]) == 0
    out = capsys.readouterr().out
    assert "R²" in out
    assert {path.name for path in Path("runs/numbers").iterdir()} >= {"prediction.png", "loss.png"}
    assert main(["predict", "runs/numbers/model.safetensors", path]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for x, row in enumerate(rows):
        assert float(row["price (EUR)"]) == pytest.approx(2 * x + 0.5, abs=1.5)


def test_ctrl_c_keeps_what_was_learned(capsys, monkeypatch, no_pictures):
    fit = train.fit

    def interrupted(*args, **options):
        def callback(history):
            if len(history.loss) == 2:
                signal.raise_signal(signal.SIGINT)

        return fit(*args, **options, callback=callback)

    monkeypatch.setattr(train, "fit", interrupted)
    assert main(["train", "iris", "--hidden", "3", "--epochs", "9"]) == 130
    assert "Interrupted after 2 of 9 epochs; what was learned so far is kept" in capsys.readouterr().out
    assert Predictor.load("runs/iris/model.safetensors").class_names == ("setosa", "versicolor", "virginica")


def test_ctrl_c_elsewhere_is_one_line(capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "load", interrupt)
    monkeypatch.setattr(sys, "argv", ["autograd-engine", "train", "iris"])
    assert entry.main() == 130
    assert capsys.readouterr().err == "autograd-engine: interrupted\n"


def test_a_training_that_diverges_writes_nothing(capsys):
    arguments = ["--optimizer", "sgd", "--lr", "1e200", "--activation", "relu", "--out", ".", "--quiet"]
    refused(capsys, ["train", classes_csv(), *FEW, *arguments], "diverged", "lower --lr")


@pytest.mark.parametrize(("before", "out"), [("", "a/b/c"), ("a", "a/b/c"), ("a/b", "a/b")])
def test_a_training_that_diverges_leaves_no_directory_that_it_made(before, out):
    Path(before).mkdir(parents=True, exist_ok=True)
    arguments = ["--optimizer", "sgd", "--lr", "1e200", "--activation", "relu", "--out", out, "--quiet"]
    there = sorted(Path().rglob("*"))
    assert main(["train", classes_csv(), *FEW, *arguments]) == 2
    assert sorted(Path().rglob("*")) == sorted([*there, Path("data.csv")])


def test_a_disk_that_is_full_takes_no_model_along(capsys, monkeypatch):
    monkeypatch.setattr(train, "drawings", lambda *_: {})

    def full(path, content):
        raise OSError(28, "No space left on device", path.name)

    monkeypatch.setattr(results, "write_atomically", full)
    assert main(["train", classes_csv(), *FEW, "--out", "out"]) == 2
    out, err = capsys.readouterr()
    assert err == "autograd-engine: metrics.json: No space left on device\n"
    assert "out/model.safetensors" in out
    assert Predictor.load("out/model.safetensors").target_name == "kind"


def test_pictures_of_an_earlier_model_go(monkeypatch):
    monkeypatch.setattr(train, "drawings", lambda *_: {})
    Path("out").mkdir()
    write("out/kernels.png", "one's own")
    write("out/notes.txt", "one's own")
    assert main(["train", classes_csv(), *FEW, "--out", "out", "--quiet"]) == 0
    assert Path("out/kernels.png").exists()  # without a model, nothing in the directory is an earlier result
    assert main(["train", numbers_csv(), *FEW, "--out", "out", "--quiet"]) == 0
    expected = {"model.safetensors", "metrics.json", "loss.png", "prediction.png", "notes.txt"}
    assert {path.name for path in Path("out").iterdir()} == expected


def test_every_picture_is_known_as_one():
    """Otherwise it would stay beside a later model."""
    assert main(["train", classes_csv(), *FEW, "--out", "a", "--quiet"]) == 0
    assert main(["train", numbers_csv(), *FEW, "--out", "b", "--quiet"]) == 0
    written = {path.name for path in Path().glob("[ab]/*")}
    assert written <= {results.MODEL, results.METRICS, *results.PICTURES}


@pytest.mark.parametrize(
    ("data", "options", "merits", "held_out"),
    [
        (classes_csv, [], {"loss", "accuracy"}, "test"),
        (lambda: classes_csv(rows=60), ["--early-stopping", "2"], {"loss", "accuracy"}, "validation"),
        (numbers_csv, [], {"loss", "r_squared", "root_mean_squared_error"}, "test"),
    ],
)
def test_what_was_measured_is_there_as_numbers(no_pictures, monkeypatch, data, options, merits, held_out):
    seen = captured(monkeypatch)
    assert main(["train", data(), *FEW, *options, "--out", "out", "--quiet"]) == 0
    measured = json.loads(Path("out/metrics.json").read_text())
    history = seen["history"]
    assert measured["epochs"]["train"]["loss"] == history.loss
    assert measured["epochs"][held_out]["loss"] == history.validation_loss
    assert measured["epochs"][held_out].get("accuracy", []) == history.validation_accuracy
    assert {"train", held_out, "test"} == measured["final"].keys()
    assert all(set(part) == merits for part in measured["final"].values())
    assert (measured["best_epoch"], measured["interrupted"]) == (history.best_epoch, False)


def test_what_is_not_finite_is_null():
    history = History(loss=[1.0, float("inf")])
    measured = json.loads(results.metrics(history, "test", {"test": {"r_squared": float("nan")}}))
    assert measured["epochs"] == {"train": {"loss": [1.0, None]}, "test": {}}
    assert measured["final"] == {"test": {"r_squared": None}}


def test_a_narrow_terminal_cuts_no_digit_and_a_huge_number_is_short(capsys, monkeypatch, no_pictures):
    monkeypatch.setenv("COLUMNS", "24")
    assert main(["train", numbers_csv(), "--epochs", "2", "--hidden", "none", "--lr", "1e60"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert re.search(r"^test +\d\.\d+e\+\d+ +-\d\.\d+e\+\d+ +\d\.\d+e\+\d+$", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) < 100


def test_columns_can_be_ignored_in_training_and_then_in_use(capsys, no_pictures):
    rows = [f"r{i},{i % 7},{i % 5},Ada,{'abc'[i % 3]}" for i in range(24)]
    path = write("people.csv", "\n".join(["id,width,height,first name,kind", *rows]))
    options = [*FEW, "--out", "out", "--quiet"]
    refused(capsys, ["train", path, *options], "row 2, column 'id': 'r0' is not a number; --ignore id leaves")
    ignored = ["--ignore", "id"]
    refused(capsys, ["train", *ignored, path, *options], "column 'first name'", "; --ignore 'first name' leaves")
    assert main(["train", *ignored, path, "--ignore", "first name", *options]) == 0
    assert Predictor.load("out/model.safetensors").feature_names == ("width", "height")
    assert main(["predict", "out/model.safetensors", path]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 25


def test_a_mistyped_target_is_named(capsys):
    path = write("typo.csv", Path(numbers_csv()).read_text().replace(",8.5", ",8.5x"))
    refused(capsys, ["train", path], "row 6, column 'price (EUR)': '8.5x' is not a number", "--task classification")
    refused(capsys, ["train", path, "--task", "regression"], "row 6, column 'price (EUR)': '8.5x' is not a number\n")


def test_the_test_part_has_the_fraction_that_is_asked_for(capsys, no_pictures):
    path = classes_csv(rows=60)
    assert main(["train", path, *FEW, "--test-fraction", "0.5", "--out", "out"]) == 0
    assert "30 to train, 30 to test" in capsys.readouterr().out
    resume = ["train", path, "--resume", "out/model.safetensors", "--epochs", "1", "--out", "again"]
    assert main(resume) == 0
    assert "30 to train, 30 to test" in capsys.readouterr().out
    refused(capsys, [*resume, "--test-fraction", "0.3"], "was trained with 0.5")


def test_without_graphviz_all_else_is_there(capsys, monkeypatch):
    def fail(*_):
        raise RuntimeError("drawing needs Graphviz")

    monkeypatch.setattr(train, "drawings", fail)
    assert main(["train", classes_csv(), *FEW, "--quiet"]) == 0
    assert capsys.readouterr().err == "autograd-engine: drawing needs Graphviz\n"
    assert {path.suffix for path in Path("runs/data").iterdir()} == {".png", ".safetensors", ".json"}


def test_graphviz_has_its_say_before_the_results(capsys, monkeypatch):
    def talk(*_):
        print("a warning about fonts")
        return {"neuron.svg": b"<svg></svg>"}

    monkeypatch.setattr(train, "figures", lambda *_: {})
    monkeypatch.setattr(train, "drawings", talk)
    assert main(["train", classes_csv(), *FEW]) == 0
    before, _, results = capsys.readouterr().out.partition("a warning about fonts\n")
    assert "accuracy" not in before
    assert [line.split()[0] for line in results.splitlines() if line][:4] == ["loss", "train", "test", "Trained"]


def test_names_that_mean_something_elsewhere_are_shown_as_they_are(capsys):
    """To matplotlib $ begins a formula, to rich [ a style, to SVG < a tag."""
    rows = [f"{i % 7},{i % 5},{['$x$', '<b>&', '[red]', '_z'][i % 4]}" for i in range(40)]
    path = write("[bold]$\\x$.csv", "\n".join(["$\\frac$,_<i>,k", *rows]))
    assert main(["train", path, *FEW]) == 0
    assert "runs/[bold]$\\x$/loss.png" in capsys.readouterr().out


# train: how it goes down


def captured(monkeypatch):
    """What the next training was called with and what it returned, once it has ended."""
    seen = {}

    def spy(model, X, y, loss, optimizer, **options):
        seen.update(options, model=model, X=X, loss_function=loss, optimizer=optimizer)
        seen["history"] = fit(model, X, y, loss, optimizer, **options)
        return seen["history"]

    fit = train.fit
    monkeypatch.setattr(train, "fit", spy)
    return seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name, no_pictures, monkeypatch):
    seen = captured(monkeypatch)
    assert main(["train", numbers_csv(), "--hidden", "none", "--optimizer", name, "--epochs", "15", "--quiet"]) == 0
    assert seen["history"].loss[-1] < 0.2 * seen["history"].loss[0]


RATES = st.floats(1e-6, 10)


@settings(max_examples=50)
@given(
    schedule=st.sampled_from(["constant", "step", "exponential", "cosine"]),
    steps=st.integers(4, 60),
    lr=RATES,
    part=st.none() | st.floats(0.01, 1),
    warm_up=st.integers(0, 3),
)
def test_a_schedule_goes_from_lr_to_final_lr_after_the_warm_up(schedule, steps, lr, part, warm_up):
    final = None if part is None or schedule == "constant" else part * lr
    rate = DescentOptions(schedule=schedule, final_lr=final).rate(steps, lr, warm_up)
    rates = [rate(step) if callable(rate) else rate for step in range(steps)]
    assert rates[:warm_up] == pytest.approx([lr * (k + 1) / (warm_up + 1) for k in range(warm_up)])
    falling = rates[warm_up:]
    assert falling[0] == pytest.approx(lr)
    assert all(a >= b * (1 - 1e-9) for a, b in pairwise(falling))
    if schedule == "constant":
        assert falling[-1] == lr
    elif len(falling) > 4:
        assert falling[-1] == pytest.approx(lr / 100 if final is None else final)


def test_schedule_and_warm_up_are_counted_in_epochs(capsys, no_pictures, monkeypatch):
    seen = captured(monkeypatch)
    options = ["--schedule", "exponential", "--lr", "0.08", "--final-lr", "0.01", "--warm-up", "2", "--epochs", "5"]
    assert main(["train", classes_csv(rows=60), "--batch-size", "20", *options]) == 0
    optimizer = seen["optimizer"]
    assert optimizer.steps == 5 * 3  # 42 samples to train
    optimizer.steps -= 1
    assert optimizer.lr == pytest.approx(0.01)
    optimizer.steps = 2 * 3
    assert optimizer.lr == pytest.approx(0.08)
    assert "adam, learning rate 0.08 to 0.01 (exponential), 5 epochs" in capsys.readouterr().out


def test_early_stopping_keeps_the_best_epoch(capsys, no_pictures, monkeypatch):
    seen = captured(monkeypatch)
    options = ["--hidden", "8", "--lr", "0.5", "--epochs", "60", "--early-stopping", "3"]
    assert main(["train", classes_csv(rows=80), *options]) == 0
    history, (X, y) = seen["history"], seen["validation"]
    seen_epochs, best = len(history.loss), int(np.argmin(history.validation_loss)) + 1
    assert seen_epochs == best + 3 < 60
    found, _ = evaluate(seen["model"], X, y, seen["loss_function"])  # uncompiled, which rounds otherwise
    assert found == pytest.approx(min(history.validation_loss), rel=1e-13)
    out = capsys.readouterr().out
    assert "44 to train, 12 to validate, 24 to test" in out
    assert f"Stopped early after {seen_epochs} of 60 epochs" in out
    assert f"The weights are those of epoch {best}" in out
    assert ["validation" in line for line in out.splitlines()].count(True) == 2
    saved = Predictor.load("runs/data/model.safetensors").model.arrays()
    assert all((array == saved[name]).all() for name, array in seen["model"].arrays().items())


# train --resume


def test_resume_goes_on_where_the_model_was(model, no_pictures, monkeypatch):
    seen = captured(monkeypatch)
    before = Predictor.load(model)
    arguments = ["train", "data.csv", "--resume", model, "--lr", "1e-12", "--epochs", "1", "--seed", "5", "--quiet"]
    assert main(arguments) == 0
    after = Predictor.load("runs/data/model.safetensors")
    for name, array in after.model.arrays().items():
        assert array == pytest.approx(before.model.arrays()[name], abs=1e-9)
        assert (array != before.model.arrays()[name]).any()
    assert (after.input_scale.mean == before.input_scale.mean).all()
    # The test part is the one of the first training, although the seed is another.
    _, test = datasets.split(datasets.read_csv("data.csv"), seed=0)
    assert (seen["validation"][0] == before.inputs(test.X)).all()
    assert after.split_seed == 0
    assert main(["train", "data.csv", "--resume", model, *FEW, "--model", "mlp", "--activation", "tanh"]) == 0


KILLED = """
import os, signal
replace = os.replace
def killed(source, target):
    replace(source, target)
    if target.name == "checkpoint.safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
@pytest.mark.parametrize("options", [[], ["--schedule", "cosine", "--early-stopping", "2", "--optimizer", "momentum"]])
def test_a_killed_training_goes_on_from_its_checkpoint(capsys, no_pictures, options):
    arguments = ["train", classes_csv(), "--epochs", "9", "--hidden", "3", "--checkpoint-every", "4", *options]
    assert main([*arguments, "--out", "whole", "--quiet"]) == 0
    killed = subprocess.run([sys.executable, "-c", KILLED + ENTRY + RUN, *arguments, "--quiet"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in Path("runs/data").iterdir()] == ["checkpoint.safetensors"]
    assert main([*arguments, "--resume", "runs/data/checkpoint.safetensors", "--quiet"]) == 0
    whole, resumed = (Path(folder, "model.safetensors").read_bytes() for folder in ("whole", "runs/data"))
    assert whole == resumed
    figures = [json.loads(Path(folder, "metrics.json").read_text()) for folder in ("whole", "runs/data")]
    assert figures[0] == figures[1]


def test_a_checkpoint_of_another_training_is_refused(capsys, no_pictures):
    arguments = ["train", classes_csv(), "--epochs", "2", "--hidden", "3"]
    assert main([*arguments, "--checkpoint-every", "1", "--out", "whole", "--quiet"]) == 0
    resume = [*arguments, "--resume", "whole/checkpoint.safetensors"]
    path = "whole/checkpoint.safetensors: the checkpoint is of a training "
    for options, part in ((["--lr", "7"], "whose lr is [0.03], and not [7.0]"), (["--seed", "3"], "on other data")):
        assert main([*resume, *options]) == 2
        err = capsys.readouterr().err
        assert path + part in err
        assert err.count("\n") == 1


def test_resume_refuses_what_does_not_fit(capsys, model):
    def refuse(data, options, *parts):
        refused(capsys, ["train", data, "--resume", model, *options], "model.safetensors: the model ", *parts)

    refuse("data.csv", ["--hidden", "4"], "MLP(2 -> 3 tanh -> 3", "the options ask for MLP(2 -> 4 tanh -> 3")
    refuse("data.csv", ["--activation", "relu", *FEW], "3 tanh", "3 relu")
    refuse("xor", [], "has the features 'width', 'height', but xor has 'x1', 'x2'")
    refuse(write("t.csv", Path("data.csv").read_text().replace("kind", "sort")), [], "target 'kind'", "'sort'")
    refuse(write("c.csv", Path("data.csv").read_text().replace("a\n", "d\n")), [], "'a', 'b', 'c'", "'b', 'c', 'd'")
    refuse(
        write("n.csv", re.sub("[abc]$", "0.5", Path("data.csv").read_text(), flags=re.MULTILINE)), [], "n.csv has none"
    )
    refused(capsys, ["train", "data.csv", "--resume", "none"], "none: No such file or directory")
    refused(capsys, ["train", "data.csv", "--resume", "data.csv"], "data.csv: not a model file")


def test_resume_warns_where_the_test_part_was_learned(capsys, model, no_pictures):
    def resumed(data, before, out):
        assert main(["train", data, "--resume", before, "--epochs", "1", "--out", out, "--quiet"]) == 0
        return capsys.readouterr().err

    header, *rows = Path("data.csv").read_text().splitlines()
    same, more = write("same.csv", "\n".join([header, *rows])), write("more.csv", "\n".join([header, *rows, rows[0]]))
    reordered = write("reordered.csv", "\n".join([header, *rows[::-1]]))
    assert resumed(same, model, "a") == ""
    for other in (more, reordered):
        warning = resumed(other, "a/model.safetensors", "b")
        assert warning.startswith("autograd-engine: a/model.safetensors: the model was not trained on these very rows")
        assert other in warning
    # What has learned from two tables has no test part in either.
    for data in (same, more, reordered):
        assert "looks too good" in resumed(data, "b/model.safetensors", "c")


# train --model conv


@pytest.fixture
def conv(few_digits):
    options = ["--model", "conv", "--channels", "2", "--hidden", "5", "--epochs", "1", "--out", "conv", "--quiet"]
    assert main(["train", "digits", *options]) == 0
    return Predictor.load("conv/model.safetensors")


def test_a_convolutional_network_is_trained_saved_resumed_and_used(capsys, conv, monkeypatch):
    names = [type(conv.model[i]).__name__ for i in range(len(conv.model))]
    assert names == ["Conv2d", "Activation", "MaxPool2d", "Flatten", "Linear", "Activation", "Linear"]
    files = {path.name for path in Path("conv").iterdir()}
    pictures = {"loss.png", "confusion_matrix.png", "kernels.png", "neuron.svg", "sample.svg"}
    assert files == {*pictures, "model.safetensors", "metrics.json"}
    assert "pixel_3_3" in Path("conv/neuron.svg").read_text()

    digits = datasets.load("digits")
    rows = [",".join([*map(repr, row), "?"]) for row in digits.X[:5].tolist()]
    path = write("digits.csv", "\n".join([",".join([*digits.feature_names, "class"]), *rows]))
    assert main(["predict", "conv/model.safetensors", path]) == 0
    answers = [row["class"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert answers == [conv.class_names[k] for k in conv.classes(digits.X[:5])]

    seen = captured(monkeypatch)
    resume = ["train", "digits", "--resume", "conv/model.safetensors", "--batch-size", "9"]
    monkeypatch.setattr(train, "figures", lambda *_: {})
    monkeypatch.setattr(train, "drawings", lambda *_: {})
    monkeypatch.setattr(networks, "_RECIPES", {("digits", "conv"): networks.Recipe((5,), 1)})
    assert main([*resume, "--quiet"]) == 0
    pixels = conv.input_scale.invert(seen["X"].reshape(-1, 64))
    assert seen["X"].shape[1:] == (1, 8, 8)
    assert pixels == pytest.approx(datasets.split(digits, 0)[0].X)
    refused(capsys, [*resume, "--channels", "3"], "the model is Sequential( 0: Conv2d(1 -> 2,", "Conv2d(1 -> 3,")
    refused(capsys, [*resume, "--model", "mlp"], "the options ask for MLP(64 ->")


# minimize


def minimized(capsys, *arguments, code=0):
    """The rows of the table as dicts of floats, and the lines below it."""
    assert main(["minimize", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    table, _, end = out.partition("\n\n")
    header, *rows = table.splitlines()
    names = header.replace("learning rate", "rate").split()
    return [dict(zip(names, map(float, row.split()))) for row in rows], end.splitlines()


def test_minimize_prints_the_path_and_the_minimum(capsys):
    rows, (reason, minimum) = minimized(capsys, "(x-5)**2", "x=0")
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 5, 10, 20, 50, 83]
    for row in rows:
        assert row["value"] == pytest.approx((row["x"] - 5) ** 2, abs=1e-6)
        assert row["‖gradient‖"] == pytest.approx(2 * abs(row["x"] - 5), rel=1e-2, abs=1e-6)
    assert reason == "Converged after 83 steps, lr · ‖gradient‖ = 9.05e-09 <= 1e-08."
    assert minimum.startswith("Minimum: (x-5)**2 = ")
    assert float(minimum.rpartition("x = ")[2]) == pytest.approx(5, abs=1e-6)


def test_a_short_path_is_shown_whole(capsys):
    rows, _ = minimized(capsys, "-cos(x) + 2*y**2", "y=1e-1", "x=-pi/4", "--lr", "0.25", "--tolerance", "1e-2")
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert (rows[0]["x"], rows[0]["y"]) == (pytest.approx(-np.pi / 4), 0.1)
    assert all(row["rate"] == 0.25 for row in rows[:-1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_minimize_with_every_optimizer(capsys, name):
    arguments = ["--optimizer", name, "--lr", "0.2", "--tolerance", "1e-3", "--schedule", "cosine", "--warm-up", "3"]
    rows, (_, last) = minimized(capsys, "(x-1)**2 + y**2", "x=0", "y=1", "--steps", "200", *arguments)
    assert "Minimum: " in last
    assert rows[-1]["value"] < 0.1


def test_a_line_search_chooses_the_rate(capsys):
    rows, (_, minimum) = minimized(capsys, "100*x**2", "x=3", "--line-search")
    assert rows[0]["rate"] < 0.01
    assert float(minimum.rpartition("x = ")[2]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "reason", "end"),
    [
        (["x**2", "x=1", "--lr", "1.1"], "Diverged: f(x) rose from 1 to", "Last point"),
        (["exp(x**2)", "x=3"], "Diverged in 1 step: f(x) is inf", "Last point"),
        (["log(x)", "x=-1"], "Diverged in 0 steps: f(x) is nan, ‖gradient‖ is nan; start elsewhere.", "Last point"),
        (["x**2", "x=1", "--steps", "3"], "allow more --steps", "Last point: x**2 = 0.262144 at x = 0.512"),
        (["x**2", "x=1", "--steps", "0"], "Not converged after 0 steps", "Last point: x**2 = 1 at x = 1"),
        (["(x-5)**2", "x=0", "--lr", "1e-9"], "is not small; raise --lr, or lower --tolerance.", "Last point"),
        (["log(x)", "x=1"], "Diverged in 6 steps: f(x) is nan", "Last point"),
        (["log(x)", "x=0.1", "--lr", "1"], "seems to have no minimum there, start elsewhere.", "Last point"),
        (["log(x)", "x=1", "--optimizer", "adam"], "seems to have no minimum there", "Last point"),
        (["log(x)", "x=1", "--line-search"], "seems to have no minimum there", "Last point"),
        (["log(x)", "x=1", "--line-search", "--lr", "0.1"], "seems to have no minimum there", "Last point"),
        (["-exp(x)", "x=1"], "seems to have no minimum there, start elsewhere.", "Last point"),
        (["x*log(x)", "x=1", "--lr", "2"], "f(x) is nan, ‖gradient‖ is nan; lower --lr.", "Last point"),
        (["x**2 - y**2", "x=1", "y=0"], "; but the formula curves downwards there in some direction,", "Last point"),
        (
            ["x*y", "x=0", "y=0"],
            "; but the formula curves downwards there",
            "Saddle point or maximum: x*y = 0 at x = 0, y = 0",
        ),
        (["cos(x)", "x=0"], "Converged after 0 steps", "Saddle point or maximum: cos(x) = 1 at x = 0"),
    ],
)
def test_a_descent_without_a_minimum_ends_in_1(capsys, arguments, reason, end):
    _, lines = minimized(capsys, *arguments, code=1)
    assert reason in lines[0]
    assert lines[1].startswith(end)


@pytest.mark.parametrize("formula", ["x**3", "0*x", "(x - y)**2"])
def test_what_is_flat_is_called_so(capsys, formula):
    _, lines = minimized(capsys, formula, *["x=0", "y=0"][: 1 + ("y" in formula)])
    assert lines[1].startswith("Stationary point, flat in some direction: ")


def test_where_there_is_no_curvature_nothing_is_said_about_it(capsys):
    _, lines = minimized(capsys, "x**1.5", "x=0")
    assert lines[1] == "Stationary point, not smooth: x**1.5 = 0 at x = 0"


@pytest.mark.parametrize(
    ("arguments", "suffix"),
    [
        (["(x-5)**2", "x=0"], ".png"),
        (["(x-5)**2", "x=0", "--lr", "1.1"], ".png"),
        (["log(x)**2 + y**2", "x=0.1", "y=0"], ".png"),
        (["x**2 + y**2 + z**2", "x=1", "y=1", "z=1"], ".svg"),
        (["0*x", "x=1"], ".svg"),
    ],
)
def test_the_picture_of_a_path(capsys, arguments, suffix):
    files = [Path(name + suffix) for name in "ab"]
    for file in files:
        assert main(["minimize", *arguments, "--out", str(file)]) in (0, 1)
        assert f"Written: {file}" in capsys.readouterr().out
    content = files[0].read_bytes()
    assert content == files[1].read_bytes()
    assert content.startswith({".png": b"\x89PNG", ".svg": b"<?xml"}[suffix])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["FORMULA"]),
        (["x**2"], ["no start value for x", "x=0"]),
        (["x*y", "x=1"], ["no start value for y"]),
        (["x**2", "y=1"], ["no variable 'y'", "it has x"]),
        (["x**2", "x"], ["'x' is no start value; write it as x=0"]),
        (["x**2", "x=1", "x=2"], ["x has two start values"]),
        (["x**2", "x="], ["x=: '' is not a finite number"]),
        (["x**2", "x=one"], ["x=one: 'one' is not a finite number"]),
        (["x**2", "x=1/0"], ["x=1/0: '1/0' is not a finite number"]),
        (["x**2", "x=nan"], ["'nan' is not a finite number"]),
        (["3 + 4"], ["'3 + 4' has no variable"]),
        (["x > 1", "x=0"], ["'x > 1' is a comparison"]),
        (["(x-5", "x=0"], ["'(x-5' is not complete"]),
        (["open(x)", "x=0"], ["'open' is not a function"]),
        (["x.real", "x=0"], ["an attribute"]),
        (["x^2", "x=0"], ["a power is written **"]),
        (["x**2", "x=0", "--optimizer", "newton"], ["--optimizer", "adam"]),
        (["x**2", "x=0", "--lr", "-1"], ["--lr"]),
        (["x**2", "x=0", "--steps", "1.5"], ["--steps"]),
        (["x**2", "x=0", "--tolerance", "0"], ["--tolerance"]),
        (["x**2", "x=0", "--final-lr", "1"], ["--final-lr is for a --schedule"]),
        (["x**2", "x=0", "--warm-up", "1000"], ["--warm-up takes the whole descent"]),
        (["x**2", "x=0", "--line-search", "--optimizer", "adam"], ["--line-search"]),
        (["x**2", "x=0", "--line-search", "--schedule", "cosine"], ["--line-search"]),
        (["x**2", "x=0", "--out", "path.jpg"], ["--out path.jpg", ".png or .svg"]),
        (["x**2", "x=0", "--colour"], ["--colour"]),
    ],
)
def test_minimize_refuses(capsys, arguments, parts):
    refused(capsys, ["minimize", *arguments], *parts)


def test_a_picture_that_cannot_be_written_is_one_line(capsys):
    assert main(["minimize", "x**2", "x=1", "--out", "no/where.svg"]) == 2
    assert capsys.readouterr().err == "autograd-engine: no/where.svg: No such file or directory\n"


# predict


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "figures", lambda *_: {})
        patch.setattr(train, "drawings", lambda *_: {})
        assert main(["train", classes_csv(directory / "data.csv"), *FEW, "--out", str(directory), "--quiet"]) == 0
    return (directory / "model.safetensors").read_bytes()


@pytest.fixture
def model(trained):
    """The name of a model file that was trained on data.csv, which is there too."""
    classes_csv()
    Path("model.safetensors").write_bytes(trained)
    return "model.safetensors"


def test_predict_finds_columns_by_name(capsys, model):
    assert main(["predict", model, "data.csv"]) == 0
    expected = capsys.readouterr().out
    header, *rows = csv.reader(io.StringIO(expected))
    assert header == ["kind", "probability"]
    assert len(rows) == 24
    assert {kind for kind, _ in rows} <= set("abc")
    assert all(1 / 3 <= float(probability) <= 1 for _, probability in rows)
    swapped = ["extra;height;width", *(f"?;{i % 5};{i % 7}" for i in range(24))]
    assert main(["predict", model, write("swapped.csv", "\n".join(swapped))]) == 0
    assert capsys.readouterr().out == expected
    assert main(["predict", model, "data.csv", "--out", "answers.csv"]) == 0
    assert Path("answers.csv").read_text() == expected
    assert capsys.readouterr().out == ""


def test_predict_agrees_with_the_model_in_memory(model, capsys):
    predictor = Predictor.load(model)
    X = datasets.read_columns("data.csv", predictor.feature_names)
    probabilities = predictor.probabilities(X)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(X)))
    main(["predict", model, "data.csv"])
    answers = [row["kind"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert answers == [predictor.class_names[k] for k in predictor.classes(X)]


def test_predict_gives_the_probability_of_each_class(model, capsys):
    predictor = Predictor.load(model)
    assert main(["predict", model, "data.csv", "--probabilities"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["kind", "probability", *(f"probability of {name}" for name in "abc")]
    table = [[float(row[f"probability of {name}"]) for name in "abc"] for row in rows]
    expected = predictor.probabilities(datasets.read_columns("data.csv", predictor.feature_names))
    assert np.array(table) == pytest.approx(expected, abs=1e-6)
    assert all(row["probability"] == row[f"probability of {row['kind']}"] for row in rows)


def test_a_number_has_no_probabilities(capsys, no_pictures):
    assert main(["train", numbers_csv(), *FEW, "--quiet"]) == 0
    arguments = ["predict", "runs/numbers/model.safetensors", "numbers.csv", "--probabilities"]
    refused(capsys, arguments, "--probabilities", "predicts the number 'price (EUR)'")


def test_one_output_is_the_logit_of_the_second_class():
    model = MLP(1, [1])
    model.load_arrays({"0.weight": [[1.0]], "0.bias": [0.0]})
    as_it_is = Standardisation(np.zeros(1), np.ones(1))
    predictor = Predictor(model, as_it_is, None, ("x",), "y", ("no", "yes"))
    X = np.array([[np.log(3)], [0.0], [-1e9]])
    assert predictor.probabilities(X) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5], [1, 0]]))
    assert predictor.classes(X).tolist() == [1, 0, 0]


def test_predict_refuses(capsys, model):
    refused(capsys, ["predict", model, write("w.csv", "width,kind\n1,a\n")], "w.csv: there is no column 'height'")
    refused(capsys, ["predict", model, write("x.csv", "width,height\n1,a\n")], "x.csv: row 2, column 'height': 'a'")
    refused(capsys, ["predict", "none", "data.csv"], "none: No such file or directory")
    refused(capsys, ["predict", ".", "data.csv"], ".: Is a directory")
    refused(capsys, ["predict", "data.csv", "data.csv"], "data.csv: not a model file")
    refused(capsys, ["predict", model, "data.csv", "--out", "no/where.csv"], "no/where.csv: No such file")
    refused(capsys, ["predict", model, "data.csv", "--out", "data.csv/x"], "data.csv/x: Not a directory")
    Path("cut").write_bytes(Path(model).read_bytes()[:-1])
    refused(capsys, ["predict", "cut", "data.csv"], "cut: not a model file, or a damaged one")


INFINITY, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "change",
    [
        {"feature_names": ["width"]},
        {"class_names": ["a", "b"]},
        {"class_names": []},
        {"class_names": ["a"]},
        {"target_scale": {"mean": [0.0], "scale": [1.0]}},
        {"input_scale": 1},
        {"input_scale": {"mean": [0.0, NAN], "scale": [1.0, 1.0]}},
        {"input_scale": {"mean": [0.0, 0.0], "scale": [1.0, 0.0]}},
        {"input_scale": {"mean": [0.0, 0.0], "scale": [1.0, INFINITY]}},
        {"image_shape": [1, 2]},
        {"image_shape": 3},
        {"split_seed": -1},
        {"split_seed": INFINITY},
        {"test_fraction": 1.0},
    ],
)
def test_a_network_that_does_not_fit_what_surrounds_it_is_refused(capsys, model, change, monkeypatch):
    network, metadata = saving.load_with_metadata(model)
    dumps = json.dumps  # of a crafted file, with nan and inf
    monkeypatch.setattr(json, "dumps", lambda x, **options: dumps(x, **options | {"allow_nan": True}))
    saving.save(network, "crafted", metadata | change)
    refused(capsys, ["predict", "crafted", "data.csv"], "crafted: what is said about the data does not fit the network")


def test_a_network_with_parameters_that_are_no_numbers_is_refused(capsys, model):
    network, metadata = saving.load_with_metadata(model)
    next(iter(network.parameters())).data = NAN
    saving.save(network, "crafted", metadata)
    refused(capsys, ["predict", "crafted", "data.csv"], "crafted: ", "not ", "finite")


def test_a_network_without_what_surrounds_it_is_refused(capsys, model):
    saving.save(Predictor.load(model).model, "alone", {"target_name": "kind"})
    refused(capsys, ["predict", "alone", "data.csv"], "alone: a network alone")


# What a user can get wrong


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["none.csv"], ["none.csv: No such file or directory"]),
        (["./none"], ["./none: No such file or directory"]),
        (["."], [".: Is a directory"]),
        (["irsi"], ["'irsi'", "did you mean 'iris'"]),
        (["iris", "--target", "x"], ["--target, --task, --ignore and --missing are for CSV files"]),
        (["data.csv", "--target", "x"], ["data.csv: there is no column 'x'"]),
        (["data.csv", "--task", "regression"], ["data.csv: row 2, column 'kind': 'a' is not a number"]),
        (["data.csv", "--task", "sorting"], ["--task"]),
        (["iris", "--hidden", "16,x"], ["--hidden", "16,x"]),
        (["iris", "--hidden", "0"], ["--hidden"]),
        (["iris", "--hidden", ""], ["--hidden"]),
        (["iris", "--lr", "0"], ["--lr"]),
        (["iris", "--lr", "nan"], ["--lr"]),
        (["iris", "--lr", "inf"], ["--lr"]),
        (["iris", "--lr", "fast"], ["--lr", "fast"]),
        (["iris", "--epochs", "0"], ["--epochs"]),
        (["iris", "--epochs", "1.5"], ["--epochs"]),
        (["iris", "--batch-size", "-1"], ["--batch-size"]),
        (["iris", "--seed", "-1"], ["--seed"]),
        (["iris", "--activation", "step"], ["--activation", "tanh"]),
        (["iris", "--optimizer", "lbfgs"], ["--optimizer", "adam"]),
        (["iris", "--model", "conv"], ["--model conv is for images", "digits", "iris holds none"]),
        (["data.csv", "--model", "conv"], ["--model conv is for images", "data.csv holds none"]),
        (["iris", "--model", "rnn"], ["--model", "conv"]),
        (["iris", "--channels", "3"], ["--channels is for --model conv"]),
        (["iris", "--schedule", "linear"], ["--schedule", "cosine"]),
        (["iris", "--final-lr", "0.1"], ["--final-lr is for a --schedule"]),
        (["iris", "--final-lr", "0", "--schedule", "step"], ["--final-lr"]),
        (["iris", "--warm-up", "20"], ["--warm-up takes the whole descent"]),
        (["iris", "--early-stopping", "0"], ["--early-stopping"]),
        (["few.csv", "--early-stopping", "1"], ["few.csv: class 'a'", "--early-stopping holds out a validation"]),
        (["iris", "--test-fraction", "1"], ["--test-fraction"]),
        (["iris", "--test-fraction", "nan"], ["--test-fraction"]),
        (["iris", "--ignore", "class"], ["--target, --task, --ignore and --missing are for CSV files"]),
        (["data.csv", "--ignore", "x"], ["data.csv: there is no column 'x'"]),
        (["iris", "--colour", "red"], ["--colour"]),
        (["iris", "--out", "data.csv"], ["data.csv: File exists"]),
        (["iris", "--out", "data.csv/x"], ["data.csv/x: Not a directory"]),
        ([], ["DATA"]),
        (["iris", "digits"], ["digits"]),
    ],
)
def test_train_refuses(capsys, arguments, parts):
    classes_csv()
    classes_csv("few.csv", rows=6)
    refused(capsys, ["train", *arguments], *parts)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "the file is empty"),
        ("a,b\n", "no rows below the header"),
        ("a,b\n1,x\n?,y\n", "row 3, column 'a'"),
        ("a,b\n1,x\nnan,y\n", "row 3, column 'a'"),
        ("a,b\n1,x\n2,x\n", "one class only"),
        ("a,b\n1,x\n2,y\n", "too few rows"),
        ("5,3.5,setosa\n4,3,setosa\n", "it must be a header"),
        ("a,b\n1,x\n2\n", "row 3 has 1 cells"),
        ("a,a\n1,x\n", "2 columns have the name 'a'"),
    ],
)
def test_a_bad_csv_file_is_refused(capsys, content, part):
    refused(capsys, ["train", write("bad\nname.csv", content)], "bad name.csv: ", part)


def test_a_directory_that_cannot_be_written_is_refused_before_training(capsys, monkeypatch):
    def fail(dir):
        raise PermissionError(13, "Permission denied", f"{dir}/tmp123")

    monkeypatch.setattr(results.tempfile, "TemporaryFile", fail)
    Path("locked").mkdir()
    refused(capsys, ["train", classes_csv(), "--out", "locked"], "locked: Permission denied")


def test_an_unknown_command_is_refused(capsys):
    refused(capsys, ["tran", "iris"], 'Did you mean "train"')


EXTRAS = ["matplotlib", "PIL", "safetensors", "scipy", "sklearn", "starlette", "uvicorn", "websockets"]


def without_extras(*arguments):
    """What the command does in an installation without any extra."""
    program = f"{ENTRY}\nsys.modules.update(dict.fromkeys({EXTRAS})){RUN}"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["playground", "--help"],
        ["explain", "x*y", "x=1", "y=2", "--svg", "graph.svg", "--html", "graph.html"],
        ["exercises", "chain"],
        ["minimize", "(x-5)**2", "x=0"],
    ],
)
def test_what_works_without_extras(arguments):
    done = without_extras(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["train", "iris"], "safetensors", "train"),
        (["predict", "model.safetensors", "data.csv"], "safetensors", "train"),
        (["minimize", "(x-5)**2", "x=0", "--out", "path.png"], "matplotlib", "train"),
        (["playground", "--no-browser"], "uvicorn", "playground"),
    ],
)
def test_a_missing_extra_is_named_with_the_way_to_install_it(arguments, package, extra):
    Path("model.safetensors").touch()
    done = without_extras(*arguments)
    way = f"in the clone of the repository run: {sys.executable} -m pip install '.[{extra}]'"
    line = f"autograd-engine: the package {package} is missing; {way}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.parametrize("name", ["iris", "moons"])
def test_a_data_set_names_the_extra_that_it_needs(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"the package sklearn is missing.*pip install '\.\[train\]'"):
        datasets.load(name)


def test_plots_name_the_extra_that_they_need():
    program = "import sys; sys.modules['matplotlib'] = None; import nn.plots"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    way = f"in the clone of the repository run: {sys.executable} -m pip install '.[train]'"
    assert f"the package matplotlib is missing; {way}\n" in done.stderr


def test_a_module_of_our_own_that_is_missing_is_a_bug(monkeypatch):
    monkeypatch.setitem(sys.modules, "nn.command_line.descent_picture", None)
    with pytest.raises(ModuleNotFoundError, match=r"nn\.command_line\.descent_picture"):
        main(["minimize", "x**2", "x=1", "--out", "path.png"])


# The terminal


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["train", "predict", "minimize"]),
        (["--help"], ["train", "predict", "minimize"]),
        (
            ["train", "--help"],
            [
                "Network",
                "Descent",
                *(f"--{name}" for name in ("target", "model", "hidden", "epochs", "lr", "seed", "out", "batch-size")),
                *("--schedule", "--early-stopping", "--resume", "cosine", "nesterov", "adagrad"),
                *("--ignore COLUMN", "--test-fraction"),
            ],
        ),
        (["minimize", "--help"], ["FORMULA START...", "x=0", "--line-search", "--tolerance", "--out", "rmsprop"]),
        (["predict", "--help"], ["MODEL", "DATA", "--out", "--probabilities"]),
        (["--version"], ["autograd-engine 0."]),
    ],
)
def test_help_and_version(capsys, arguments, words):
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for word in words:
        assert word in out


def test_the_examples_in_the_help_work(capsys, monkeypatch, no_pictures):
    monkeypatch.setattr(server, "listen", lambda port, listen=server.listen: listen(0))
    monkeypatch.setattr(server, "serve", lambda listener: None)
    monkeypatch.setattr("webbrowser.open", lambda address: None)
    Path("tests").symlink_to(Path(__file__).parents[2])
    for command in "", "train", "predict", "minimize", "explain", "exercises", "playground":
        assert main([*command.split(), "--help"]) == 0
        examples = re.findall(r"^ autograd-engine (.+)$", capsys.readouterr().out, re.MULTILINE)
        assert examples
        for example in examples:
            assert main(shlex.split(example)) == 0, example
            assert capsys.readouterr().err == ""


COMPLETE = """
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_autograd_engine
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a bash for Windows has other paths")
def test_a_shell_completes_commands_options_and_choices(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["--install-completion", "--shell", "bash"]) == 0
    script = re.findall(r'\. "(.+)"', (tmp_path / ".bashrc").read_text())[0]
    for typed, completions in {
        "ex": ["explain", "exercises"],
        "exercises chain --bl": ["--blanks"],
        "exercises c": ["cost", "chain"],
        "exercises chain x": ["xor"],
        "p": ["predict", "playground"],
        "train --se": ["--seed"],
        "train iris --model ": ["mlp", "conv"],
        "--inst": ["--install-completion"],
    }.items():
        words = ["bash", "-c", COMPLETE, "bash", script, "autograd-engine", *typed.split(" ")]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.split() == completions


def test_help_is_written_at_once(monkeypatch):
    written = []

    class Stream(io.StringIO):
        def write(self, text):
            return written.append(text)

    monkeypatch.setattr(sys, "stdout", Stream())
    assert main(["train", "--help"]) == 0
    [text] = written
    assert "--epochs" in text


def test_the_flowers_in_the_repository_are_learned_and_predicted(capsys, no_pictures):
    data = Path(__file__).parents[2] / "data"
    model = "runs/flowers/model.safetensors"
    assert main(["train", str(data / "flowers.csv"), "--target", "species", "--epochs", "20", "--hidden", "16"]) == 0
    assert model in capsys.readouterr().out
    assert main(["predict", model, str(data / "new-flowers.csv")]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["species", "probability"]
    assert [row[0] for row in rows] == ["setosa", "versicolor", "virginica"]


def test_the_entry_point():
    done = subprocess.run([*PROGRAM, "train", "nothing.csv"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "autograd-engine: nothing.csv: No such file or directory\n"


@pytest.mark.parametrize("arguments", [["predict", "model.safetensors", "data.csv"], ["explain", "x*y", "x=1", "y=2"]])
def test_a_reader_that_goes_away_is_no_error(model, arguments):
    read, pipe = os.pipe()
    os.close(read)
    done = subprocess.run([*PROGRAM, *arguments], stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (cli.NOBODY_READS, "")


def test_a_reader_of_one_line_of_the_help_ends_nothing():
    with subprocess.Popen([*PROGRAM, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")
