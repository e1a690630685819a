"""The table of forms: which operator of ONNX each unit of nn is, for writing it and for reading it.

How to read this file: `FORMS`, at the end, is the table. A form says how the attributes and tensors of a unit are
written, and how a unit is made of them. Where there is no such operator, or where ONNX Runtime does not compute it in
float64, the form has a `body`, which writes the nodes that do; it goes into the file as a function of that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograd_engine.primitives import Primitive
from nn.checks import Array
from nn.convolution import AvgPool1d, AvgPool2d, Conv1d, Conv2d, Linear, MaxPool1d, MaxPool2d
from nn.modules import Module
from nn.onnx_bodies import Attributes, convolution, final_state, means, neuron, perceptron, recurrent_layers
from nn.onnx_operators import DEFAULTS, DOMAIN, OPERATORS, row_of
from nn.perceptrons import Layer, Neuron
from nn.recurrent import GRU, LSTM, RNN, FinalState
from nn.units import Activation, BatchNorm, Dropout, Flatten, Perceptron, Softmax

Shape: TypeAlias = "tuple[int | None, ...]"
"""The shape of a sample; None stands for any size."""

Body: TypeAlias = Callable[..., Sequence[str]]


@dataclass(frozen=True)
class Form:
    """What a unit is in ONNX.

    `attributes` and `tensors` are those of the operator, from a unit. `read` makes the unit, from the tensors and a
    dict of the attributes, of which it takes out those that it knows. `body` writes the nodes that compute it, from the
    attributes and the names of the inputs and tensors, and returns the names of the outputs. `standard` says that it is
    an operator of ONNX and not only a function of ours. `accepts` is the shape of a sample, None where that is free,
    and `returns` gives the shapes of what becomes of one.
    """

    operator: str
    read: Callable[[Attributes, list[Array]], Module]
    attributes: Callable[[Any], Attributes] = lambda unit: {}
    tensors: Callable[[Any], dict[str, Array]] = lambda unit: unit.arrays()
    body: Body | None = None
    standard: bool = True
    accepts: Callable[[Any], Shape | None] = lambda unit: None
    returns: Callable[[Any, Shape], list[Shape]] = lambda unit, shape: [shape]

    @property
    def domain(self) -> str:
        """Where the operator is from."""
        return "" if self.standard else DOMAIN


def _loaded(unit: Module, tensors: Sequence[Array]) -> Module:
    """The unit with these tensors as its state, in order."""
    names = list(unit.arrays())
    if len(names) != len(tensors):
        raise ValueError(f"it needs the tensors {', '.join(names)}, but the file has {len(tensors)}")
    unit.load_arrays(dict(zip(names, tensors)))
    return unit


def _name(activation: Primitive | None) -> str:
    return activation.name if activation else "linear"


def _taken(attributes: Attributes, name: str, dimensions: int, default: int) -> Any:
    """An attribute with one whole number for each dimension."""
    return tuple(attributes.pop(name, (default,) * dimensions))


def _only(attributes: Attributes, **allowed: Any) -> None:
    """Take out attributes that may have one value alone. Raises ValueError for another."""
    for name, value in allowed.items():
        found = attributes.pop(name, value)
        if found != value:
            raise ValueError(f"its {name} is {found!r:.60}, but here it can only be {value!r}")


# weighted sums


def _read_gemm(attributes: Attributes, tensors: list[Array]) -> Module:
    _only(attributes, transA=0)
    alpha, beta = attributes.pop("alpha", 1.0), attributes.pop("beta", 1.0)
    weight = alpha * (tensors[0] if attributes.pop("transB", 0) else tensors[0].T)
    return linear(weight, *[beta * bias for bias in tensors[1:]])


def linear(weight: Array, bias: Array | None = None) -> Module:
    """A Linear with this weight, (out, in), and bias; ONNX lets one number be the bias of all."""
    if weight.ndim != 2:
        raise ValueError(f"its weight has the shape {weight.shape}, and not two dimensions")
    n_out, n_in = weight.shape
    biases = [] if bias is None else [np.broadcast_to(bias, (1, n_out)).ravel()]
    return _loaded(Linear(n_in, n_out, bias is not None), [weight, *biases])


# windows


def _windows(unit: Any) -> Attributes:
    return {"kernel_shape": unit.kernel_size, "strides": unit.stride, "pads": unit.padding * 2}


def _read_window(attributes: Attributes, dimensions: int) -> tuple[Any, Any, Any]:
    """Kernel size, stride and padding."""
    if attributes.get("auto_pad") == "VALID":
        attributes["auto_pad"] = "NOTSET"
    _only(attributes, auto_pad="NOTSET", dilations=[1] * dimensions, ceil_mode=0)
    pads = _taken(attributes, "pads", 2 * dimensions, 0)
    if pads[:dimensions] != pads[dimensions:]:
        raise ValueError(f"its padding is {pads}, and not the same at both ends")
    kernel = attributes.pop("kernel_shape", None)
    return kernel, _taken(attributes, "strides", dimensions, 1), pads[:dimensions]


def _class(classes: Sequence[Any], dimensions: int) -> Any:
    if not 1 <= dimensions <= len(classes):
        raise ValueError(f"it has {dimensions} dimensions; there are units of one and two")
    return classes[dimensions - 1]


def _read_convolution(attributes: Attributes, tensors: list[Array]) -> Module:
    cls = _class((Conv1d, Conv2d), tensors[0].ndim - 2)
    _only(attributes, group=1)
    _, stride, padding = _read_window(attributes, cls.dimensions)
    n_out, n_in, *kernel = tensors[0].shape
    return _loaded(cls(n_in, n_out, tuple(kernel), stride, padding, bias=len(tensors) > 1), tensors)


def _reader_of_pooling(*classes: type[Module]) -> Callable[[Attributes, list[Array]], Module]:
    def read(attributes: Attributes, tensors: list[Array]) -> Module:
        cls = _class(classes, len(attributes["kernel_shape"]))
        _only(attributes, storage_order=0)
        counted = attributes.pop("count_include_pad", 0)
        if cls.__base__ is AvgPool1d.__base__ and any(attributes.get("pads", ())) and not counted:
            raise ValueError("it leaves the padding out of its means, and AvgPool here counts it as zeros")
        unit: Module = cls(*map(tuple, _read_window(attributes, cls.dimensions)))
        return unit

    return read


def _slid(unit: Any, shape: Shape) -> list[Shape]:
    sizes = [
        None if n is None else (n + 2 * p - k) // s + 1
        for n, p, k, s in zip(shape[1:], unit.padding, unit.kernel_size, unit.stride)
    ]
    return [(getattr(unit, "out_channels", shape[0]), *sizes)]


def _channels(unit: Any) -> Shape:
    return (getattr(unit, "in_channels", None), *[None] * unit.dimensions)


# normalisation and noise


def shortest(number: float) -> float:
    """A number of an attribute, which is a float32, as it was probably written: 1e-5 and not 9.99999974737875e-06."""
    return float(str(np.float32(number)))


def _normalisation(unit: BatchNorm) -> dict[str, Array]:
    arrays = {"weight": np.ones(unit.num_features), "bias": np.zeros(unit.num_features)} | unit.arrays()
    del arrays["num_batches_tracked"]
    # What rounding to a float32 takes from eps is given to the variance.
    arrays["running_var"] += unit.eps - float(np.float32(unit.eps))
    return arrays


def _read_normalisation(attributes: Attributes, tensors: list[Array]) -> Module:
    _only(attributes, training_mode=0)
    attributes.pop("momentum", None)  # of a training
    written = attributes.pop("epsilon", 1e-5)
    eps = shortest(written)
    weight, bias, mean, variance = tensors
    variance = variance + (float(np.float32(written)) - eps)
    unit = BatchNorm(len(weight), eps)
    return _loaded(unit, [weight, bias, mean, variance, np.array(0.0)])


def _read_dropout(attributes: Attributes, tensors: list[Array]) -> Module:
    attributes.pop("seed", None)
    if any(tensor.any() for tensor in tensors[1:]):
        raise ValueError("it is in training mode")
    return Dropout(shortest(float(tensors[0])) if tensors else shortest(attributes.pop("ratio", 0.5)))


def _read_softmax(attributes: Attributes, tensors: list[Array]) -> Module:
    if attributes.get("axis") == 1:  # the last one, too: a sample is a list
        attributes["axis"] = -1
    _only(attributes, axis=-1)
    return Softmax()


def _read_flatten(attributes: Attributes, tensors: list[Array]) -> Module:
    _only(attributes, axis=1)
    return Flatten()


# sequences


def _recurrent(cls: type[Any]) -> Form:
    def attributes(unit: Any) -> Attributes:
        sizes = {"num_layers": unit.num_layers, "bias": int(unit.bias), "bidirectional": int(unit.bidirectional)}
        return sizes | ({"nonlinearity": _name(unit.nonlinearity)} if cls is RNN else {})

    def read(attributes: Attributes, tensors: list[Array]) -> Module:
        hidden, n_in = tensors[1].shape[1], tensors[0].shape[1]
        settings = {name: attributes.pop(name) for name in list(attributes)}
        for name in ("bias", "bidirectional"):
            settings[name] = bool(settings[name])
        if settings["num_layers"] > len(tensors):
            raise ValueError(f"it has {settings['num_layers']} layers, but {len(tensors)} tensors")
        return _loaded(cls(n_in, hidden, **settings), tensors)

    def returns(unit: Any, shape: Shape) -> list[Shape]:
        directions = 1 + unit.bidirectional
        states: Shape = (directions * unit.num_layers, unit.hidden_size)
        return [(shape[0], directions * unit.hidden_size), *[states] * unit.states]

    return Form(
        operator=cls.__name__,
        read=read,
        attributes=attributes,
        body=lambda nodes, attributes, x, *tensors: recurrent_layers(cls, nodes, attributes, x, tensors),
        standard=False,
        accepts=lambda unit: (None, unit.input_size),
        returns=returns,
    )


def _numbers(unit: Any) -> Shape:
    return (unit.arrays()["weight"].shape[-1],)


def _of_weights(unit: Any, shape: Shape) -> list[Shape]:
    return [unit.arrays()["weight"].shape[:-1]]


def _flat(unit: Any, shape: Shape) -> list[Shape]:
    return [(None if None in shape else math.prod(n or 0 for n in shape),)]


def _activation(operator: str, standard: bool, op: Primitive | None) -> Form:
    """The form of the activation by a row of the table; None is the identity."""

    def read(attributes: Attributes, tensors: list[Array]) -> Module:
        if "alpha" in attributes:
            attributes["alpha"] = shortest(attributes["alpha"])
        _only(attributes, **DEFAULTS.get(operator, {}))
        return Activation(op)

    body: Body = lambda nodes, attributes, x: [nodes.apply(op, x)]  # noqa: E731
    return Form(operator, read, tensors=lambda unit: {}, body=body, standard=standard)


def form_of(unit: Module) -> Form | None:
    """The form of a unit, None if it has none."""
    if type(unit) is Activation:
        name = unit.activation.name if unit.activation else "identity"
        return _activation(OPERATORS.get(name, name), name in OPERATORS, unit.activation)
    return FORMS.get(type(unit))


def form_named(domain: str, operator: str) -> Form | None:
    """The form that is an operator, None if there is none."""
    for form in FORMS.values():
        # An operator that had to be composed is a function with the same name, attributes and tensors.
        if form.operator == operator and domain in (form.domain, DOMAIN):
            return form
    op = row_of(domain, operator)
    return None if op is None else _activation(operator, not domain, op)


_GEMM = Form("Gemm", _read_gemm, lambda unit: {"transB": 1}, accepts=_numbers, returns=_of_weights)
_CONVOLUTION = Form("Conv", _read_convolution, _windows, body=convolution, accepts=_channels, returns=_slid)
_LARGEST = Form("MaxPool", _reader_of_pooling(MaxPool1d, MaxPool2d), _windows, accepts=_channels, returns=_slid)
_MEANS = Form(
    "AveragePool",
    _reader_of_pooling(AvgPool1d, AvgPool2d),
    lambda unit: _windows(unit) | {"count_include_pad": 1},
    body=means,
    accepts=_channels,
    returns=_slid,
)

FORMS: dict[type[Module], Form] = {
    Linear: _GEMM,
    Layer: _GEMM,  # an Activation follows
    Neuron: Form(
        "Neuron",
        lambda attributes, tensors: _loaded(Neuron(len(tensors[0]), attributes.pop("activation")), tensors),
        lambda unit: {"activation": _name(unit.activation)},
        body=neuron,
        standard=False,
        accepts=_numbers,
        returns=_of_weights,
    ),
    Perceptron: Form(
        "Perceptron",
        lambda attributes, tensors: _loaded(Perceptron(*tensors[0].shape[::-1]), tensors),
        body=perceptron,
        standard=False,
        accepts=_numbers,
        returns=_of_weights,
    ),
    Conv1d: _CONVOLUTION,
    Conv2d: _CONVOLUTION,
    MaxPool1d: _LARGEST,
    MaxPool2d: _LARGEST,
    AvgPool1d: _MEANS,
    AvgPool2d: _MEANS,
    BatchNorm: Form("BatchNormalization", _read_normalisation, lambda unit: {"epsilon": unit.eps}, _normalisation),
    Dropout: Form("Dropout", _read_dropout, tensors=lambda unit: {"ratio": np.array(unit.p)}),
    Softmax: Form("Softmax", _read_softmax, accepts=lambda unit: (None,)),
    Flatten: Form("Flatten", _read_flatten, returns=_flat),
    RNN: _recurrent(RNN),
    LSTM: _recurrent(LSTM),
    GRU: _recurrent(GRU),
    FinalState: Form(
        "FinalState",
        lambda attributes, tensors: FinalState(),
        body=final_state,
        standard=False,
        returns=lambda unit, shape: [shape[1:]],
    ),
}
"""The form of each unit; of an Activation, `form_of` makes it."""
