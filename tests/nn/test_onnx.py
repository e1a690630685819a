import numpy as np
import pytest

import nn
from autograd_engine import Value
from nn import saving
from nn.modules import ACTIVATIONS
from nn.onnx_files import from_onnx, to_onnx

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
