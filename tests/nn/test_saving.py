import copy
import json
import os
import pickle
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_engine import Value, sigmoid, tanh, to_svg
from autograd_engine.files import write_atomically
from nn import saving, tensor_files
from nn.perceptrons import MLP, Neuron
from nn.saving import load, load_with_metadata, save
from nn.tensor_files import ModelFileError

METADATA = {"names": ["α", 'b"\n'], "mean": [0.1, 1e-300, -1 / 3], "nothing": None}


def model(activation="tanh"):
    return MLP(3, [4, 2], activation, seed=7)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save(model(), path, METADATA)
    return path.read_bytes()


def test_every_module_of_nn_can_be_in_a_file():
    public = {x for x in vars(nn).values() if isinstance(x, type) and issubclass(x, nn.Module)}
    assert set(saving._CLASSES.values()) == public - {nn.Module}


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_what_is_loaded_is_what_was_saved_bit_for_bit(tmp_path, activation):
    path = tmp_path / "model.safetensors"
    save(model(activation), path, METADATA)
    loaded, metadata = load_with_metadata(path)
    assert metadata == METADATA
    assert [x.data for x in loaded([0.1, 0.2, 0.3])] == [x.data for x in model(activation)([0.1, 0.2, 0.3])]
    for name, array in model(activation).arrays().items():
        assert loaded.arrays()[name].tobytes() == array.tobytes()


def test_the_same_model_gives_the_same_bytes(tmp_path, content):
    save(model(), tmp_path / "again", METADATA)
    assert (tmp_path / "again").read_bytes() == content


def test_arrays_are_what_torch_expects(content):
    shapes = {name: array.shape for name, array in safetensors.numpy.load(content).items()}
    assert shapes == {"0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4), "2.bias": (2,)}


@given(st.data())
def test_any_damage_is_noticed(tmp_path_factory, content, data):
    damaged = bytearray(content)
    if data.draw(st.booleans(), "truncate"):
        del damaged[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        damaged[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(damaged)
    try:
        loaded, metadata = load_with_metadata(path)
    except ModelFileError:
        pass
    else:  # a bit that means nothing, such as a space that became a tab
        assert metadata == METADATA
        assert all((array == model().arrays()[name]).all() for name, array in loaded.arrays().items())


@given(st.binary(max_size=200) | st.binary(max_size=50).map(lambda body: struct.pack("<Q", len(body)) + body))
def test_any_bytes_are_refused(tmp_path_factory, foreign):
    path = tmp_path_factory.getbasetemp() / "foreign.safetensors"
    path.write_bytes(foreign)
    with pytest.raises(ModelFileError):
        load(path)


def _written(path, description, **arrays):
    """A file that is right in form, with a right checksum where it can have one."""
    if isinstance(description, dict):
        description = description | {"sha256": tensor_files.digest(description, arrays)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata={tensor_files.KEYS["model"]: json.dumps(description)}))
    return path


def test_foreign_and_newer_files_are_named_as_such(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(1)}))
    with pytest.raises(ModelFileError, match="a safetensors file, but not a model of autograd-engine"):
        load(path)
    header = b'{"__metadata__": null}'
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ModelFileError, match="a safetensors file, but not a model of autograd-engine"):
        load(path)
    with pytest.raises(ModelFileError, match="a model in format 2; this version of autograd-engine reads 1"):
        load(_written(path, {"format": 2}))
    with pytest.raises(ModelFileError, match="a model in format None"):
        load(_written(path, []))


@pytest.mark.parametrize("depth", [*range(900, 1000), 100_000])
def test_however_deeply_a_file_is_nested_it_is_refused(tmp_path, depth):
    text = f'{{"format": 1, "architecture": {"[" * depth}{"]" * depth}}}'
    (tmp_path / "file").write_bytes(
        safetensors.numpy.save({"a": np.zeros(1)}, metadata={tensor_files.KEYS["model"]: text})
    )
    with pytest.raises(ModelFileError):
        load(tmp_path / "file")


@pytest.mark.parametrize(
    "architecture",
    [
        None,
        {},
        {"class": "MLP", "arguments": [1, [1], "nope"], "keywords": {}},
        {"class": "MLP", "arguments": [2, [1]], "keywords": {}},
        {"class": "MLP", "arguments": [1, [1]], "keywords": {"depth": 3}},
        {"class": "MLP", "arguments": [1, [1]]},
        {"class": "Module", "arguments": [], "keywords": {}},
        {"class": "SGD", "arguments": [[]], "keywords": {}},
        {"class": "__builtins__", "arguments": [], "keywords": {}},
        {"class": ["MLP"], "arguments": [], "keywords": {}},
        7,
    ],
)
def test_an_architecture_that_does_not_fit_is_refused(tmp_path, architecture):
    description = {"format": 1, "architecture": architecture, "metadata": {}}
    arrays = {"0.weight": np.zeros((1, 1)), "0.bias": np.zeros(1)}
    with pytest.raises(ModelFileError, match="cannot be rebuilt"):
        load(_written(tmp_path / "file", description, **arrays))


@pytest.mark.parametrize("place", ["arguments", "keywords"])
@pytest.mark.parametrize("unit", ["Linear", "Activation", "BatchNorm"])
def test_a_file_of_too_many_modules_is_refused_before_one_is_made(tmp_path, monkeypatch, unit, place):
    made = []
    monkeypatch.setattr(saving, "_rebuilt", lambda *arguments: made.append(arguments))
    units = [{"class": unit, "arguments": [1, 1], "keywords": {}}] * 32_000
    given = {"arguments": [], "keywords": {}} | {place: units if place == "arguments" else {"units": units}}
    description = {"format": 1, "architecture": {"class": "Sequential"} | given}
    with pytest.raises(ModelFileError, match="it has 32001 modules; a model file holds at most 10000"):
        load(_written(tmp_path / "file", description | {"metadata": {}}))
    assert not made


def test_what_could_not_be_loaded_again_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "MOST_MODULES", 2)
    save(nn.Sequential(nn.Flatten()), tmp_path / "file")
    with pytest.raises(TypeError, match="it has 3 modules; a model file holds at most 2"):
        save(nn.Sequential(nn.Flatten(), nn.Flatten()), tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("inside", [False, True], ids=["itself", "as an argument"])
def test_a_file_names_classes_of_modules_and_nothing_else(tmp_path, monkeypatch, inside):
    others = vars(nn).keys() - saving._CLASSES.keys()
    assert {"load", "save", "Module", "SGD", "fit"} <= others
    for name in others:
        monkeypatch.setattr(nn, name, lambda *args, name=name, **keywords: pytest.fail(f"{name} was called"))
    for name in [*others, "eval", "exec", "nn.MLP", "mlp"]:
        architecture = {"class": name, "arguments": [], "keywords": {}}
        if inside:
            architecture = {"class": "Sequential", "arguments": [architecture], "keywords": {}}
        file = _written(tmp_path / "file", {"format": 1, "architecture": architecture, "metadata": {}})
        with pytest.raises(ModelFileError, match=rf"cannot be rebuilt \('{name}'\)$"):
            load(file)


def test_metadata_that_json_cannot_hold_exactly_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError):
        save(model(), tmp_path / "file", {"mean": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "model must be a Module, got None"),
        ((MLP,), "model must be a Module, got <class"),
        ((model(), 3), "metadata must be a Mapping, got 3"),
    ],
)
def test_what_is_no_model_is_refused_and_nothing_is_written(tmp_path, arguments, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        save(arguments[0], tmp_path / "file", *arguments[1:])
    assert list(tmp_path.iterdir()) == []


# Architectures


def _convolutional():
    draws = np.random.default_rng(3)
    return nn.Sequential(
        nn.Conv2d(1, 2, kernel_size=(3, 2), padding=1, seed=draws),
        nn.BatchNorm(2, momentum=None),
        nn.Activation(tanh),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(p=0.25, seed=11),
        nn.Sequential(nn.Layer(np.int64(8), 3, activation=None, seed=draws), nn.Linear(3, 2, bias=False)),
    )


IMAGE = np.arange(16.0).reshape(1, 4, 4) / 7


def test_any_modules_of_nn_come_back_with_their_statistics(tmp_path):
    made = _convolutional()
    made.forward_batch([IMAGE, -IMAGE])
    save(made, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert repr(loaded) == repr(made)
    assert list(loaded.state_dict()) == list(made.state_dict())
    for name, array in made.state_dict().items():
        assert loaded.state_dict()[name].tobytes() == array.tobytes()
        assert loaded.state_dict()[name].shape == array.shape
    outputs = [[x.data for x in model.eval()(IMAGE)] for model in (made, loaded)]
    assert outputs[0] == outputs[1]


def test_a_copy_and_what_was_loaded_can_be_saved_again(tmp_path):
    save(_convolutional(), tmp_path / "first")
    save(load(tmp_path / "first"), tmp_path / "second")
    save(copy.deepcopy(pickle.loads(pickle.dumps(load(tmp_path / "first")))), tmp_path / "third")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes() == (tmp_path / "third").read_bytes()


def changed(model, path, to):
    *way, last = path.split(".")
    owner = model
    for name in way:
        owner = owner[int(name)] if name.isdigit() else getattr(owner, name)
    if last.isdigit():
        owner[int(last)] = to
    else:
        setattr(owner, last, to)
    return model


def saved_and_loaded(made, tmp_path):
    save(made, tmp_path / "model")
    return load(tmp_path / "model")


def test_a_module_that_occurs_twice_stays_one(tmp_path):
    layer, drop = nn.Linear(2, 2), nn.Dropout(0.25, seed=3)
    block = nn.Sequential(layer, drop)
    made = nn.Sequential(block, nn.Activation("tanh"), layer, drop, block, MLP(2, [2, 1]))
    loaded = saved_and_loaded(made, tmp_path)
    assert list(loaded.state_dict()) == list(made.state_dict())
    assert len(loaded.parameters()) == len(made.parameters()) == 15
    assert loaded[0][0] is loaded[2] is loaded[4][0]
    assert loaded[0][1] is loaded[3] is loaded[4][1]
    assert [x.data for x in loaded([0.5, -1.0])] == [x.data for x in made([0.5, -1.0])]


@pytest.mark.parametrize(
    "made",
    [
        changed(nn.Dropout(0.5), "p", 0.0),
        changed(Neuron(2, "tanh"), "activation", sigmoid),
        changed(nn.Activation("tanh"), "activation", None),
        changed(nn.BatchNorm(2), "momentum", None),
        changed(nn.Linear(2, 2), "bias", None),
        changed(nn.MaxPool2d(2), "stride", (1, 2)),
        MLP(2, (n for n in [3, 1])),
        nn.Conv1d(1, 2, 3, 2, 1, False),
        nn.Perceptron(2, 2),
    ],
    ids=repr,
)
def test_what_was_changed_after_it_was_made_is_in_the_file(tmp_path, made):
    loaded = saved_and_loaded(nn.Sequential(made), tmp_path)[0]
    assert repr(loaded) == repr(made)
    for name, setting in vars(made).items():
        if isinstance(setting, (int, float, tuple, type(None), type(tanh))) and name[0] != "_" and name != "weight":
            assert getattr(loaded, name) == setting, name


def test_a_list_of_widths_belongs_to_who_gave_it(tmp_path):
    widths = [3, 1]
    made = MLP(2, widths)
    widths.append(5)
    assert saved_and_loaded(made, tmp_path).widths == (3, 1)


def test_dropout_draws_again_what_its_seed_gives(tmp_path):
    made = nn.Dropout(seed=11)
    assert saved_and_loaded(made, tmp_path)([1.0] * 20) == nn.Dropout(seed=11)([1.0] * 20)


LARGE = {"class": "Neuron", "arguments": [10**9], "keywords": {}}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MLP", [1, [10**9, 1]]),
        ("MLP", [1, ["a" * 9, 10**9]]),
        ("Layer", [1, 10**9]),
        ("Linear", [10**6, 10**6]),
        ("Linear", ["a", 10**12]),
        ("Conv2d", [1, 1, 10**5]),
        ("Conv2d", [1, 1, [10**5, 10**5]]),
        ("BatchNorm", [10**9]),
        ("RNN", [1, 10**5]),
        ("LSTM", [10**9, 1]),
        ("GRU", [1, 1, 10**9]),
        ("GRU", [1, 1, "a"]),
        ("Sequential", [LARGE]),
        ("Sequential", [{"class": "MaxPool1d", "arguments": [1], "keywords": {"stride": LARGE}}]),
    ],
)
def test_a_file_does_not_make_us_build_more_than_it_holds(tmp_path, name, arguments):
    architecture = {"class": name, "arguments": arguments, "keywords": {}}
    file = _written(tmp_path / "file", {"format": 1, "architecture": architecture, "metadata": {}}, weight=np.zeros(9))
    with pytest.raises(
        ModelFileError, match=r"cannot be rebuilt \(it(s sizes| would have \d+ weights, but the file holds 9)"
    ):
        load(file)


class Foreign(nn.Module):
    def __init__(self):
        self.weight = Value(1.0)

    def __call__(self, inputs):
        return [self.weight * x for x in inputs]


def tied_weights():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            Foreign,
            r"^only modules of nn can be rebuilt from a file, not .*\.test_saving\.Foreign; save its state_dict\(\)$",
        ),
        (type("MLP", (Foreign,), {}), r"^only modules of nn can be rebuilt from a file, not .*\.MLP; save"),
        (lambda: nn.Sequential(Foreign()), "^Sequential cannot be described in a file: only modules of nn"),
        (
            lambda: changed(MLP(2, [3, 1]), "layers.0.activation", tanh),
            r"^MLP cannot .* file: 0.activation is <.* tanh>",
        ),
        (
            lambda: changed(nn.Linear(2, 1), "in_features", 3),
            r"in a file: weight has the shape \(1, 2\), and would have",
        ),
        (
            lambda: changed(MLP(2, [3, 1]), "layers.1", nn.Linear(3, 1)),
            "in a file: 2 is a Linear, which it was not made",
        ),
        (lambda: changed(nn.Dropout(), "p", np.float32(0.5)), "^Dropout cannot be described in a file: .*float32"),
        (lambda: changed(nn.Linear(2, 1), "gain", np.ones(2)), r"gain has the shape \(2,\), and would have None in"),
        (tied_weights, "^Sequential .* in a file: its modules share parameters, which the file would not say"),
    ],
)
def test_what_cannot_be_rebuilt_is_not_written(tmp_path, make, message):
    with pytest.raises(TypeError, match=message):
        save(make(), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_the_state_is_the_arrays_under_the_names_of_pytorch(tmp_path):
    first, second = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
    second.load_state_dict(first.state_dict())
    assert all((array == second.arrays()[name]).all() for name, array in first.arrays().items())


def test_a_file_loads_straight_into_torch(tmp_path):
    torch = pytest.importorskip("torch")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    made = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm(2), nn.Activation("relu"), nn.Flatten(), nn.Linear(8, 3))
    made.forward_batch([IMAGE, -IMAGE, IMAGE + 1])
    save(made.eval(), tmp_path / "model")
    layers = [torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.Flatten()]
    twin = torch.nn.Sequential(*layers, torch.nn.Linear(8, 3)).double().eval()
    twin.load_state_dict(safetensors_torch.load_file(tmp_path / "model"))
    theirs = twin(torch.from_numpy(IMAGE)[None])[0].tolist()
    assert [x.data for x in made(IMAGE)] == pytest.approx(theirs, rel=1e-12)


def test_without_safetensors_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda: save(model(), tmp_path / "file"), lambda: load(tmp_path / "file")):
        with pytest.raises(ImportError, match=r"^the package safetensors is missing; .*pip install '\.\[train\]'$"):
            call()


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


@pytest.mark.parametrize("call", [lambda x: save(model(), x), load, lambda x: to_svg(Value(1.0), x)])
def test_what_is_no_path_is_refused(call):
    with pytest.raises(TypeError, match=r"^path must be a str or a Path, got 5$"):
        call(5)


# write_atomically


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device", "somewhere")

    for step in ("os.replace", "os.fsync"):
        monkeypatch.setattr(step, fail)
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_atomically(path, b"new")
        assert caught.value.filename == str(path)
        monkeypatch.setattr(step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_whole_however_many_write_it_at_once(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([k]) * (1 + 700 * k) for k in range(40)]
    seen = set()

    def save(k):
        write_atomically(path, contents[k % 40])
        seen.add(path.read_bytes())

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(save, range(400)))
    assert seen <= set(contents)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="files have no modes here")
@pytest.mark.parametrize("umask", [0, 0o027, 0o777])
def test_others_may_do_with_a_file_what_open_would_let_them(tmp_path, umask):
    old, new, plain, private = [tmp_path / name for name in ("old", "new", "plain", "private")]
    old.touch()
    old.chmod(0o604)
    before = os.umask(umask)
    try:
        write_atomically(old, b"x")
        write_atomically(new, b"x")
        plain.touch()
        write_atomically(private, b"x", private=True)
    finally:
        os.umask(before)
    assert new.stat().st_mode == plain.stat().st_mode
    assert [path.stat().st_mode & 0o777 for path in (old, private)] == [0o604, 0o600]


def test_a_link_that_waits_at_the_name_of_the_temporary_file_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("os.urandom", bytes)  # somebody has guessed the name
    victim = tmp_path / "victim"
    (tmp_path / f".{bytes(8).hex()}.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "file", b"x")
    assert not victim.exists()


def test_a_symbolic_link_stays_one_and_a_device_is_not_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"x"
    write_atomically("/dev/null", b"x")
    with open("/dev/null", "rb") as null:
        assert null.read() == b""
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"x")
