import contextlib
import doctest

import numpy as np
import pytest

import nn
from autograd_engine import Value
from nn import onnx_files, saving
from nn.modules import ACTIVATIONS
from nn.onnx_files import from_onnx, to_onnx
from nn.tensor_files import ModelFileError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

BOUND = {"float64": 1e-12, "float32": 1e-6}


def trained(model, seed=0):
    """The model in inference mode with a state such as a training leaves: no tensor is constant."""
    draws = np.random.default_rng(seed)
    arrays = {
        name: draws.uniform(0.5, 1.5, array.shape) if "var" in name else array + draws.normal(0, 0.3, array.shape)
        for name, array in model.arrays().items()
    }
    model.load_arrays(arrays)
    return model.eval()


def data(x):
    """Nested lists with the numbers in place of Values."""
    if isinstance(x, (list, tuple)):
        return [data(item) for item in x]
    return x.data if isinstance(x, Value) else x


def computed(model, batch):
    """The outputs of a model for a batch, as a list of arrays."""
    results = [model(sample.tolist()) for sample in batch]
    if isinstance(results[0], tuple):
        outputs, states = zip(*results)
        parts = [outputs, *(zip(*states) if isinstance(states[0], tuple) else [states])]
    else:
        parts = [results]
    return [np.array(data(list(part))) for part in parts]


def run(path, batch):
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    dtype = {"tensor(double)": np.float64, "tensor(float)": np.float32}[session.get_inputs()[0].type]
    return session.run(None, {session.get_inputs()[0].name: batch.astype(dtype)})


def in_float32(model):
    model.load_arrays({name: array.astype(np.float32) for name, array in model.arrays().items()})
    return model


S = nn.Sequential
UNITS = {
    "Linear": (lambda: nn.Linear(3, 2), (3,)),
    "Linear without bias": (lambda: nn.Linear(3, 2, bias=False), (3,)),
    "Layer": (lambda: nn.Layer(3, 4, "tanh"), (3,)),
    "MLP": (lambda: nn.MLP(3, [5, 4, 2], "gelu"), (3,)),
    "Neuron": (lambda: nn.Neuron(3, "sigmoid"), (3,)),
    "Perceptron": (lambda: nn.Perceptron(3, 4), (3,)),
    "Conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 9)),
    "Conv1d in windows": (lambda: nn.Conv1d(1, 1, 4, bias=False), (1, 8)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, (3, 2), stride=(1, 3), padding=(2, 0)), (2, 5, 8)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, 2, 1), (2, 8)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 5, 4)),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, 2, 1), (2, 8)),
    "AvgPool2d": (lambda: nn.AvgPool2d((2, 3), 1, (1, 0)), (2, 5, 4)),
    "BatchNorm": (lambda: S(nn.BatchNorm(3), nn.Linear(3, 1)), (3,)),
    "BatchNorm of images": (lambda: S(nn.Conv2d(1, 2, 2), nn.BatchNorm(2, eps=0.3, affine=False)), (1, 4, 4)),
    "Dropout": (lambda: S(nn.Dropout(0.3), nn.Linear(3, 1)), (3,)),
    "Flatten": (lambda: S(nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(6, 1)), (1, 4)),
    "Softmax": (lambda: S(nn.Linear(3, 4), nn.Softmax()), (3,)),
    "Activation": (lambda: S(nn.Activation("tanh"), nn.Linear(3, 1)), (3,)),
    "Sequential": (lambda: S(nn.Linear(3, 2), S(nn.Activation("elu"), S()), nn.Linear(2, 2)), (3,)),
    "RNN": (lambda: nn.RNN(2, 3), (4, 2)),
    "RNN of a wave": (lambda: nn.RNN(2, 3, 2, nonlinearity="sin", bias=False, bidirectional=True), (4, 2)),
    "LSTM": (lambda: nn.LSTM(2, 3, num_layers=2), (4, 2)),
    "LSTM both ways": (lambda: nn.LSTM(2, 3, num_layers=2, bidirectional=True), (4, 2)),
    "GRU": (lambda: nn.GRU(2, 3, bidirectional=True), (4, 2)),
    "FinalState": (lambda: S(nn.GRU(2, 3, 2, bidirectional=True), nn.FinalState(), nn.Linear(6, 1)), (4, 2)),
    "FinalState of an LSTM": (lambda: S(nn.LSTM(2, 3, 2), nn.FinalState()), (4, 2)),
}


def test_every_class_of_nn_is_here():
    assert {name.partition(" ")[0] for name in UNITS} == set(saving._CLASSES)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("name", UNITS)
def test_onnx_runtime_computes_what_the_unit_computes(tmp_path, name, dtype):
    make, shape = UNITS[name]
    model, path = trained(make()), tmp_path / "model.onnx"
    to_onnx(model, path, dtype)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for n in (1, 3):
        batch = np.random.default_rng(n).normal(0, 1, (n, *shape))
        expected, found = computed(model, batch), run(path, batch)
        assert [x.shape for x in found] == [x.shape for x in expected]
        for x, y in zip(expected, found):
            np.testing.assert_allclose(y, x, rtol=BOUND[dtype], atol=BOUND[dtype])


@pytest.mark.parametrize("name", UNITS)
def test_what_is_read_is_what_was_written(tmp_path, name):
    make, shape = UNITS[name]
    model, path = trained(make()), tmp_path / "model.onnx"
    batch = np.random.default_rng(5).normal(0, 1, (2, *shape))
    for dtype in BOUND:
        to_onnx(model, path, dtype)
        again = from_onnx(path)
        for x, y in zip(computed(model, batch), computed(again, batch)):
            np.testing.assert_allclose(
                y, x, **{"float64": {"rtol": 1e-14, "atol": 1e-15}, "float32": {"atol": 1e-6}}[dtype]
            )
        to_onnx(again, tmp_path / "again.onnx", dtype, input_shape=shape)
        for x, y in zip(run(path, batch), run(tmp_path / "again.onnx", batch)):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("name", [*ACTIVATIONS, "sin", "exp", "tan", "erf", "ndtr", "expm1", "log1p", "square", "erfc"])
def test_activations(tmp_path, name, dtype):
    model, path = nn.Activation(name), tmp_path / "model.onnx"
    to_onnx(model, path, dtype, input_shape=(2, None))
    points = np.concatenate([np.linspace(-6, 6, 401), [-700, -30, -1e-8, 0, 1e-300, 1e-8, 30, 80]])
    if name in ("exp", "expm1", "log1p", "tan", "square"):
        points = points[np.abs(points) < 1.4] / 1.5
    points = points.astype(np.float32).astype(np.float64)
    [[found]] = run(path, np.array([[points, points]]))
    expected = np.array([data(model(points.tolist()))] * 2)
    np.testing.assert_allclose(found, expected, rtol=BOUND[dtype], atol=BOUND[dtype])
    assert data(from_onnx(path)(points.tolist())) == data(model(points.tolist()))


def test_the_example_in_the_documentation_of_to_onnx():
    [test] = doctest.DocTestFinder(recurse=False).find(to_onnx, globs={"to_onnx": to_onnx, "from_onnx": from_onnx})
    for example in test.examples:
        example.options.clear()  # it is skipped where onnx is not installed
    assert doctest.DocTestRunner(verbose=False).run(test) == (0, len(test.examples))


def test_sizes_that_may_vary_are_free(tmp_path):
    model, path = trained(S(nn.Conv1d(2, 3, 2), nn.Activation("relu"), nn.LSTM(4, 2)), seed=1), tmp_path / "model.onnx"
    to_onnx(model[:2], path)
    for n, length in ((1, 2), (5, 9)):
        batch = np.random.default_rng(n).normal(size=(n, 2, length))
        np.testing.assert_allclose(run(path, batch)[0], computed(model[:2], batch)[0], rtol=0, atol=1e-12)
    [shape] = [value.type.tensor_type.shape.dim for value in onnx.load(path).graph.input]
    assert [size.dim_param or size.dim_value for size in shape] == ["N", 2, 0]


def test_the_state_of_a_training_does_not_matter(tmp_path):
    model = trained(S(nn.Linear(2, 3), nn.BatchNorm(3), nn.Dropout(0.5)))
    to_onnx(model, tmp_path / "eval.onnx")
    to_onnx(model.train(), tmp_path / "train.onnx")
    assert (tmp_path / "train.onnx").read_bytes() == (tmp_path / "eval.onnx").read_bytes()
    assert not from_onnx(tmp_path / "train.onnx").training


def test_a_standard_operator_is_used_where_onnx_runtime_has_it(tmp_path):
    model = S(nn.Conv2d(1, 2, 2), nn.Activation("elu"), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 1))
    for dtype, domain in (("float32", ""), ("float64", "autograd_engine")):
        to_onnx(model, tmp_path / "model.onnx", dtype)
        nodes = [(node.op_type, node.domain) for node in onnx.load(tmp_path / "model.onnx").graph.node]
        assert nodes == [("Conv", domain), ("Elu", domain), ("AveragePool", domain), ("Flatten", ""), ("Gemm", "")]


class Doubled(nn.Linear):
    def __call__(self, inputs, /):
        return [2 * y for y in super().__call__(inputs)]


def too_large():
    model = nn.Linear(1, 1)
    model.load_arrays({"weight": [[1e300]], "bias": [0.0]})
    return model


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lambda: S(nn.Linear(1, 1), Doubled(1, 1)), {}, TypeError, "Doubled has no form in ONNX"),
        (lambda: nn.Activation("cbrt"), {"input_shape": [1]}, TypeError, "cbrt has no form in ONNX"),
        (lambda: nn.Layer(1, 1, "arcsin"), {}, TypeError, "arcsin has no form in ONNX that .* computes in float64"),
        (lambda: S(nn.RNN(1, 2), nn.Flatten()), {}, TypeError, "Flatten 1 has no form .* a FinalState follows"),
        (lambda: S(nn.Linear(1, 2), nn.FinalState()), {}, TypeError, "FinalState 1 has no form in ONNX"),
        (lambda: S(nn.Linear(1, 2), nn.Linear(3, 1)), {}, ValueError, r"Linear 1 takes \(3,\), but gets \(2,\)"),
        (lambda: S(nn.Flatten(), nn.Linear(4, 1)), {}, ValueError, "give input_shape, such as"),
        (lambda: nn.Linear(1, 1), {"input_shape": (0,)}, ValueError, "each size of input_shape must be at least 1"),
        (lambda: nn.Linear(1, 1), {"dtype": "float16"}, ValueError, "dtype must be 'float64' or 'float32'"),
        (too_large, {"dtype": "float32"}, ValueError, "^weight has numbers that are too large for a float32"),
        (lambda: 5, {}, TypeError, "model must be a Module, got 5"),
    ],
)
def test_what_has_no_form_is_refused_by_name_and_nothing_is_written(tmp_path, make, options, error, message):
    with pytest.raises(error, match=message):
        to_onnx(make(), tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


# --- files of other programs --------------------------------------------------------------------------------------

DRAWS = np.random.default_rng(11)


def written(path, nodes, shape, *, opset=17, outputs=("y",), **tensors):
    """A file of the nodes (operator, inputs, output, attributes), from x to y, as other programs write them."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    made = [helper.make_node(op, ins.split(), out.split(), **attributes) for op, ins, out, attributes in nodes]
    infos = (
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(y, kind, None) for y in outputs],
    )
    constants = [
        onnx.numpy_helper.from_array(np.asarray(x, dtype=np.float32 if np.asarray(x).dtype.kind == "f" else None), name)
        for name, x in tensors.items()
    ]
    graph = helper.make_graph(made, "other", *infos, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())


W, B, KERNEL = DRAWS.normal(size=(3, 4)), DRAWS.normal(size=4), DRAWS.normal(size=(2, 1, 3, 3))
CHANNELS = {name: DRAWS.uniform(0.5, 1.5, 2) for name in ("scale", "shift", "mean", "var")}
WINDOW = {"kernel_shape": [2, 2], "strides": [2, 2]}


@pytest.mark.parametrize(
    ("nodes", "shape", "tensors"),
    [
        ([("MatMul", "x W", "s", {}), ("Add", "s B", "z", {}), ("Tanh", "z", "y", {})], ["N", 3], {"W": W, "B": B}),
        ([("MatMul", "x W", "s", {}), ("Add", "B s", "z", {}), ("Softmax", "z", "y", {})], [2, 3], {"W": W, "B": B}),
        ([("Gemm", "x W c", "y", {"alpha": 0.5, "beta": 3.0})], ["N", 3], {"W": W, "c": np.array(0.25)}),
        ([("Transpose", "W", "V", {"perm": [1, 0]}), ("Gemm", "x V B", "y", {"transB": 1})], [5, 3], {"W": W, "B": B}),
        ([("MatMul", "x W", "z", {}), ("Sigmoid", "z", "s", {}), ("Mul", "z s", "y", {})], ["N", 3], {"W": W}),
        (
            [("Conv", "x K", "z", {"pads": [1, 1, 1, 1]}), ("BatchNormalization", "z scale shift mean var", "y", {})],
            ["N", 1, 4, 5],
            {"K": KERNEL, **CHANNELS},
        ),
        (
            [
                ("MaxPool", "x", "m", WINDOW),
                ("AveragePool", "m", "a", WINDOW),
                ("Shape", "x", "all", {}),
                ("Gather", "all zero", "n", {"axis": 0}),
                ("Unsqueeze", "n axes", "rows", {}),
                ("Concat", "rows rest", "sizes", {"axis": 0}),
                ("Reshape", "a sizes", "y", {}),
            ],
            ["N", 1, 4, 8],
            {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])},
        ),
        ([("Dropout", "x", "d mask", {}), ("LeakyRelu", "d", "y", {"alpha": 0.01})], ["N", 3], {}),
        ([("Reshape", "x sizes", "z", {}), ("Identity", "z", "y", {})], [2, 3, 2], {"sizes": np.array([2, 6])}),
    ],
)
def test_files_of_other_programs(tmp_path, nodes, shape, tensors):
    path = tmp_path / "model.onnx"
    written(path, nodes, shape, **tensors)
    batch = DRAWS.normal(size=[2 if n == "N" else n for n in shape])
    np.testing.assert_allclose(computed(from_onnx(path), batch)[0], run(path, batch)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "tensors", "message"),
    [
        ([("Hardmax", "x", "y", {})], {}, "the operator Hardmax: no unit of nn computes it"),
        ([("Add", "x B", "y", {})], {"B": B}, "the operator Add: no unit of nn computes it"),
        (
            [("Relu", "x", "z", {}), ("Add", "x z", "y", {})],
            {},
            "the operator Add does not take the outputs of the node",
        ),
        ([("LeakyRelu", "x", "y", {"alpha": 0.2})], {}, "LeakyRelu: its alpha is 0.2, but here it can only be 0.01"),
        ([("Conv", "x K", "y", {"group": 2})], {"K": KERNEL}, "the operator Conv: its group is 2"),
        ([("Conv", "x K", "y", {"pads": [0, 1, 1, 1]})], {"K": KERNEL}, "not the same at both ends"),
        ([("Conv", "x K", "y", {})], {"K": np.ones((1, 1, 1, 1, 1))}, "it has 3 dimensions; there are units of one"),
        ([("MaxPool", "x", "y", WINDOW | {"ceil_mode": 1})], {}, "the operator MaxPool: its ceil_mode is 1"),
        ([("AveragePool", "x", "y", WINDOW | {"pads": [1] * 4})], {}, "it leaves the padding out of its means"),
        ([("Relu", "x", "y", {"slope": 1})], {}, "the operator Relu has the attribute slope, which no unit has"),
        ([("Reshape", "x sizes", "y", {})], {"sizes": np.array([1, 2, 3])}, "the operator Reshape: it makes the shape"),
        ([("Range", "B B B", "z", {}), ("Relu", "x", "y", {})], {"B": B}, "the operator Range of constants"),
        ([("Gemm", "x B", "y", {})], {"B": B}, r"its weight has the shape \(4,\), and not two dimensions"),
        ([("Relu", "x", "z", {})], {}, "its outputs are y, and not those of the last node"),
        ([("Gemm", "x W", "y", {})] * 0, {}, "it has 0 nodes"),
    ],
)
def test_what_is_no_chain_of_units_is_refused_by_name(tmp_path, nodes, tensors, message):
    written(tmp_path / "model.onnx", nodes, ["N", 3], **tensors)
    with pytest.raises(ModelFileError, match=message) as error:
        from_onnx(tmp_path / "model.onnx")
    assert "\n" not in str(error.value)


def test_operators_of_another_version_are_refused(tmp_path):
    written(tmp_path / "model.onnx", [("Relu", "x", "y", {})], [1], opset=6)
    with pytest.raises(ModelFileError, match="its operators are of version 6; versions 7 to"):
        from_onnx(tmp_path / "model.onnx")
    to_onnx(nn.Neuron(1), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    model.opset_import[1].version = 2
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFileError, match="written by a newer version of autograd-engine"):
        from_onnx(tmp_path / "model.onnx")


# --- files that are not to be trusted -----------------------------------------------------------------------------


def test_nothing_outside_of_the_file_is_read(tmp_path):
    to_onnx(nn.Linear(2, 3), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.save(model, tmp_path / "two.onnx", save_as_external_data=True, size_threshold=0)
    for name in [path.name for path in tmp_path.iterdir() if path.suffix != ".onnx"]:
        (tmp_path / name).unlink()
    with pytest.raises(ModelFileError, match="weight is in another file, and nothing outside of a file is read"):
        from_onnx(tmp_path / "two.onnx")


def test_large_and_odd_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ModelFileError, match="not a plain file"):
        from_onnx(tmp_path)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ModelFileError, match="not an ONNX file, or a damaged one"):
        from_onnx(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(ModelFileError, match="it has 0 nodes"):
        from_onnx(tmp_path / "empty")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(onnx_files.MOST_BYTES + 1)
    with pytest.raises(ModelFileError, match="larger than 200 MB, the most that is read"):
        from_onnx(tmp_path / "large")
    to_onnx(S(*[nn.Linear(2, 2)] * 2), tmp_path / "model.onnx")
    monkeypatch.setattr(onnx_files, "MOST_WEIGHTS", 11)  # weights may be in the file once and be used often
    with pytest.raises(ModelFileError, match="it has more than 11 weights"):
        from_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["LSTM", "BatchNorm of images", "Dropout"])
def test_a_damaged_file_is_a_model_or_refused(tmp_path, name):
    model, path = UNITS[name][0](), tmp_path / "model.onnx"
    to_onnx(model, path)
    content = path.read_bytes()
    draws = np.random.default_rng(3)
    for position in draws.integers(len(content), size=300):
        damaged = bytearray(content)
        damaged[position] ^= 1 << draws.integers(8)
        path.write_bytes(damaged if position % 3 else content[:position])
        with contextlib.suppress(ModelFileError):
            from_onnx(path)
