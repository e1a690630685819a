"""Models as ONNX files, which other programs run, and as units of nn again.

How to read this file: `to_onnx` writes the units one after the other, each as the node that its form says, `from_onnx`
reads such a chain. The forms are in onnx_forms.py. Reading a file never executes anything that is in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_engine.files import as_path, write_atomically
from autograd_engine.primitives import PRIMITIVES
from nn.checks import Array, FilePath, of_kind, whole_number
from nn.convolution import Linear
from nn.modules import Module
from nn.onnx_forms import Form, Shape, form_named, form_of, linear
from nn.onnx_operators import DOMAIN, IR_VERSION, OPSET, Nodes, onnx_package, rounded
from nn.perceptrons import MLP, Layer
from nn.recurrent import FinalState
from nn.tensor_files import ModelFileError
from nn.units import Activation, Flatten, Sequential

MOST_BYTES = 200_000_000  # of a file
MOST_NODES = 10_000
MOST_WEIGHTS = 10_000_000  # which take a gigabyte or two as Values
OLDEST = 7  # the first version of the standard operators in which they mean what they mean here


def to_onnx(
    model: Module, path: FilePath, dtype: str = "float64", *, input_shape: Sequence[int | None] | None = None
) -> None:
    """Write `model`, as it is in inference mode, to the ONNX file `path`, or nothing.

    The file computes the outputs of a batch of any size: its input is (N, shape of a sample). `dtype` is "float64" or
    "float32", the precision of the weights and of the calculation. With the input in it, ONNX Runtime gives what the
    model gives, to 1e-12 or 1e-6 of the size of the numbers in between.

    The shape of a sample follows from the units, with None for sizes that may vary. Where it does not, since a model
    begins with a Flatten, say, `input_shape` gives it. A recurrent unit at the end has its states as further outputs.

    Units are operators of ONNX where there is one that ONNX Runtime computes in that precision; others are functions in
    the file, which are composed of operators. So are activations: any that consists of what ONNX has.

    Raises TypeError if a unit has no form in ONNX, such as a module of your own, ValueError if `dtype` or `input_shape`
    is something else, if the units do not fit together, or if a weight is too large for a float32; OSError if the file
    cannot be written, ImportError without onnx.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from nn import MLP
    >>> model = MLP(2, [3, 1], "tanh", seed=7)
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     to_onnx(model, Path(folder) / "model.onnx")
    ...     again = from_onnx(Path(folder) / "model.onnx")
    >>> again  # doctest: +SKIP
    Sequential(
      0: Linear(2 -> 3, 9 parameters)
      1: Activation(tanh)
      2: Linear(3 -> 1, 4 parameters)
      13 parameters
    )
    """
    of_kind("model", model, Module)
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r:.60}")
    units = list(_units(model, ""))
    write_atomically(path, _Writer(np.dtype(dtype)).written(units, _input_shape(units, input_shape)))


def from_onnx(path: FilePath) -> Sequential:
    """The model in the ONNX file `path` as a Sequential of units, in inference mode.

    It reads what `to_onnx` has written, and files of other programs if they are a chain of operators that are units
    here: Gemm, MatMul and Add of weights, Conv, MaxPool, AveragePool, BatchNormalization, Dropout, Flatten, a Reshape
    to rows, and activations. A `Layer` or an `MLP` comes back as its Linear units and activations; what weights are
    shared is not kept. Weights in float32 become the same floats.

    Nothing in the file is executed, and nothing outside of it is read. Raises ModelFileError, a ValueError, if it is no
    ONNX file, if it has an operator that is no unit here, which is named, or weights in another file, or is larger than
    200 MB or makes more than 10,000,000 weights; OSError if it cannot be read, ImportError without onnx.
    """
    onnx = onnx_package()
    content = _content(path)
    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # of protobuf, which has many
        raise ModelFileError(f"{path}: not an ONNX file, or a damaged one") from None
    try:
        return Sequential(*_Reader(onnx, model).modules()).eval()
    except Exception as error:  # a class can refuse wrong arguments in any way
        message = " ".join(str(error).split())
        raise ModelFileError(f"{path}: the model cannot be read ({message:.300})") from None


# writing


def _units(module: Module, name: str) -> Iterator[tuple[str, Module]]:
    """The units that are called one after the other, with the names of the modules."""
    if type(module) in (Sequential, MLP):
        for i, part in module._parts():
            if isinstance(part, Module):
                yield from _units(part, f"{name}{i}.")
        return
    yield name, module
    if type(module) is Layer and module.activation:
        yield name, Activation(module.activation)


def _form(unit: Module) -> Form:
    form = form_of(unit)
    if form is None:
        raise TypeError(f"{type(unit).__name__} has no form in ONNX; units of nn have one")
    return form


def _input_shape(units: list[tuple[str, Module]], given: Sequence[int | None] | None) -> Shape:
    """The shape of a sample."""
    if given is not None:
        sizes = list(given) if isinstance(given, (tuple, list)) else [given]
        return tuple(n if n is None else whole_number("to_onnx: each size of input_shape", n) for n in sizes)
    for _, unit in units:
        form = _form(unit)
        if (shape := form.accepts(unit)) is not None:
            return shape
        if form.returns(unit, (2, 3)) != [(2, 3)]:
            break
    raise ValueError("the units do not say what shape a sample has: give input_shape, such as input_shape=(3, None)")


class _Writer:
    """Writes the units as nodes of a graph, and functions for those that are composed."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.graph = Nodes(dtype, "value")
        self.onnx, self.dtype = self.graph.onnx, dtype
        self.initializers: dict[str, Any] = {}
        self.functions: dict[str, Any] = {}

    def written(self, units: list[tuple[str, Module]], shape: Shape) -> bytes:
        helper = self.onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        inputs, values, shapes = [helper.make_tensor_value_info("input", kind, ["N", *shape])], ["input"], [shape]
        for name, unit in units or [("", Activation(None))]:
            form = _form(unit)
            if (len(values) > 1) != isinstance(unit, FinalState):
                raise TypeError(
                    f"{type(unit).__name__} {name[:-1]} has no form in ONNX after what comes before it: a FinalState "
                    "follows a recurrent unit, and nothing else"
                )
            expected = form.accepts(unit) or shapes[0]
            if len(expected) != len(shapes[0]) or any(a and b and a != b for a, b in zip(expected, shapes[0])):
                raise ValueError(f"{type(unit).__name__} {name[:-1]} takes {expected}, but gets {shapes[0]}")
            values = self._node(name, unit, form, values, outputs=len(form.returns(unit, shapes[0])))
            shapes = form.returns(unit, shapes[0])
        outputs = ["output", "h", "c"][: len(values)]
        self.graph.nodes[-1].output[:] = outputs
        infos = [helper.make_tensor_value_info(name, kind, ["N", *sizes]) for name, sizes in zip(outputs, shapes)]
        graph = helper.make_graph(self.graph.nodes, "model", inputs, infos, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", OPSET)] + [helper.make_opsetid(DOMAIN, 1)] * bool(self.functions)
        model = helper.make_model(
            graph,
            functions=list(self.functions.values()),
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="autograd-engine",
        )
        self.onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _node(self, name: str, unit: Module, form: Form, values: list[str], outputs: int) -> list[str]:
        tensors = [self._tensor(f"{name}{key}", array) for key, array in form.tensors(unit).items()]
        attributes = form.attributes(unit)
        settings: dict[str, Any] = {"domain": ""}
        if not form.standard or not self.graph.has(form.operator):
            described = f"{form.operator}, {len(tensors)} tensors, {attributes}"
            if described not in self.functions:
                self.functions[described] = self._function(form, attributes, len(values) + len(tensors))
            settings = {"domain": DOMAIN, "overload": self.functions[described].overload}
        made = self.graph(form.operator, *values, *tensors, outputs=outputs, **settings, **attributes)
        self.graph.nodes[-1].name = f"{name}{form.operator}"
        return [made] if outputs == 1 else list(made)

    def _function(self, form: Form, attributes: dict[str, Any], n: int) -> Any:
        assert form.body is not None, form.operator
        nodes, inputs = Nodes(self.dtype), [f"input{i}" for i in range(n)]
        outputs = form.body(nodes, attributes, *inputs)
        variant = f"variant{len(self.functions)}"
        return nodes.function(form.operator, variant, inputs, outputs, attributes=list(attributes))

    def _tensor(self, name: str, array: Array) -> str:
        written = rounded(array, self.dtype)
        if not np.array_equal(np.isfinite(written), np.isfinite(array)):
            raise ValueError(f"{name} has numbers that are too large for a float32; write it with dtype='float64'")
        while name in self.initializers and not np.array_equal(self.initializers[name][1], written):
            name += "_"
        self.initializers[name] = self.onnx.numpy_helper.from_array(written, name)
        return name


# reading

_SAME_SIZE = np.zeros(1, dtype=np.int64)  # stands for the shape of the values, of which only the first size is known


def _content(path: FilePath) -> bytes:
    path = as_path(path)
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path}: not a plain file")
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ModelFileError(f"{path}: larger than {MOST_BYTES // 1_000_000} MB, the most that is read")
    return content


class _Reader:
    """Reads the nodes of a graph, each of which takes what the one before it gives, as modules."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self.onnx, self.graph = onnx, model.graph
        versions = {_domain(opset): opset.version for opset in model.opset_import}
        newest = onnx.defs.onnx_opset_version()
        if not 0 < len(self.graph.node) <= MOST_NODES:
            raise ValueError(f"it has {len(self.graph.node)} nodes; a model has 1 to {MOST_NODES}")
        if not OLDEST <= versions.get("", newest) <= newest:
            raise ValueError(f"its operators are of version {versions['']}; versions {OLDEST} to {newest} can be read")
        if versions.get(DOMAIN, 1) != 1:
            raise ValueError("it was written by a newer version of autograd-engine")
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self.weights = 0
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            raise ValueError(f"it has {len(inputs)} inputs; a model has one")
        sizes = inputs[0].type.tensor_type.shape.dim
        self.batch = sizes[0].dim_value if sizes else 0  # 0 if it is free
        self.before, self.values = [""], [inputs[0].name]
        self.seen = set(self.values)
        self.found: list[Module] = []

    def modules(self) -> list[Module]:
        """The modules of all nodes."""
        for node in self.graph.node:
            self._read(node)
        if (outputs := [value.name for value in self.graph.output]) != self.values:
            raise ValueError(f"its outputs are {', '.join(outputs)}, and not those of the last node")
        return self.found

    def _read(self, node: Any) -> None:
        """Add the module that a node is, or make a constant of it."""
        attributes = {a.name: self._attribute(a) for a in node.attribute}
        inputs = [name for name in node.input if name]
        if node.op_type == "Shape" and self.seen.issuperset(inputs):
            self.constants[node.output[0]] = _SAME_SIZE
            return
        if all(name in self.constants for name in inputs):
            self.constants[node.output[0]] = self._constant(node, inputs, attributes)
            return
        n, domain = len(self.values), _domain(node)
        who = f"the operator {domain}{'.' if domain else ''}{node.op_type}"
        if node.op_type == "Mul" and sorted(inputs) == sorted(self.before + self.values) and self._is("sigmoid"):
            self.found[-1], self.values = Activation("silu"), [node.output[0]]
            return
        if node.op_type == "Add" and inputs[1:] == self.values:
            inputs.reverse()
        if inputs[:n] != self.values or not all(name in self.constants for name in inputs[n:]):
            raise ValueError(
                f"{who} does not take the outputs of the node before it and weights, so it is no part of a chain"
            )
        tensors = [self._array(name) for name in inputs[n:]]
        self.weights += sum(tensor.size for tensor in tensors)
        if self.weights > MOST_WEIGHTS:
            raise ValueError(f"it has more than {MOST_WEIGHTS} weights")
        try:
            self._add(domain, node.op_type, attributes, tensors)
        except Exception as error:
            raise ValueError(f"{who}: {error}") from None
        if attributes:
            raise ValueError(f"{who} has the attribute {min(attributes)}, which no unit has")
        self.before, self.values = self.values, list(node.output) if domain == DOMAIN else [node.output[0]]
        self.seen.update(self.values)

    def _add(self, domain: str, operator: str, attributes: dict[str, Any], tensors: list[Array]) -> None:
        last = self.found[-1] if self.found else None
        if operator == "MatMul" and len(tensors) == 1:
            self.found.append(linear(tensors[0].T))
        elif operator == "Add" and len(tensors) == 1 and type(last) is Linear and last.bias is None:
            self.found[-1] = linear(last.arrays()["weight"], tensors[0])
        elif operator == "Reshape":
            sizes = tensors[0].tolist()
            copied = 0 if not attributes.pop("allowzero", 0) else -1
            if len(sizes) != 2 or sizes[0] not in (copied, -1, self.batch):
                raise ValueError(
                    f"it makes the shape {sizes}, and there is only Flatten, which keeps the samples apart"
                )
            self.found.append(Flatten())
        elif form := form_named(domain, operator):
            self.found.append(form.read(attributes, tensors))
        else:
            raise ValueError("no unit of nn computes it")

    def _constant(self, node: Any, inputs: list[str], attributes: dict[str, Any]) -> Any:
        """What a node makes of constants: a tensor, or an array."""
        if node.op_type == "Constant":
            [value] = attributes.values()
            return value
        if node.op_type == "Identity":
            return self.constants[inputs[0]]
        arrays: list[Any] = [self._array(name) for name in inputs]
        if node.op_type == "Transpose":
            return arrays[0].transpose(attributes.get("perm"))
        # What `x.view(x.size(0), -1)` is in PyTorch: Reshape takes 0 for "as it is".
        if node.op_type == "Gather" and arrays[0] is _SAME_SIZE and not arrays[1].any():
            return np.zeros_like(arrays[1])
        if node.op_type == "Unsqueeze" and arrays[0].ndim == 0:
            return arrays[0].reshape(1)
        if node.op_type == "Concat" and all(array.shape == (1,) for array in arrays):
            return np.concatenate(arrays)
        raise ValueError(f"the operator {node.op_type} of constants cannot be read")

    def _attribute(self, attribute: Any) -> Any:
        value = self.onnx.helper.get_attribute_value(attribute)
        return value.decode() if isinstance(value, bytes) else list(value) if isinstance(value, Sequence) else value

    def _array(self, name: str) -> Array:
        """The numbers of a constant, as floats if they are floats."""
        found = self.constants[name]
        if isinstance(found, self.onnx.TensorProto):
            if found.data_location == found.EXTERNAL or found.external_data:
                raise ValueError(
                    f"{name} is in another file, and nothing outside of a file is read; torch.onnx.export writes one "
                    "file with external_data=False"
                )
            if math.prod(found.dims) > MOST_WEIGHTS:
                raise ValueError(f"{name} has more than {MOST_WEIGHTS} numbers")
            found = self.onnx.numpy_helper.to_array(found)
        array = np.asarray(found)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} is not an array of numbers")
        self.constants[name] = array if array.dtype.kind != "f" else array.astype(np.float64, copy=False)
        numbers: Array = self.constants[name]
        return numbers

    def _is(self, activation: str) -> bool:
        last = self.found[-1] if self.found else None
        return isinstance(last, Activation) and last.activation is PRIMITIVES[activation]


def _domain(named: Any) -> str:
    """The domain of a node or a set of operators: that of the standard ones has two names."""
    return "" if named.domain == "ai.onnx" else str(named.domain)
