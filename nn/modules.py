"""Modules: functions with parameters, from a list of numbers to a list of numbers.

How to read this file: a `Module` finds the parameters, buffers and modules in its attributes (`_parts`) and gives
them names (`_state`); everything else follows from that. The modules themselves are in `perceptrons.py`,
`convolution.py` and `units.py`.

>>> from nn import MLP
>>> model = MLP(2, [3, 1], activation="tanh", seed=0)
>>> model
MLP(2 -> 3 tanh -> 1, 13 parameters)
>>> [output] = model([0.5, -1.0])
>>> output.backward()
>>> model.deltas()["2"]
array([1.])
>>> {name: array.shape for name, array in model.arrays().items()}
{'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from autograd_engine.primitives import PRIMITIVES, Primitive
from autograd_engine.rows import Rows
from autograd_engine.runs import user_function
from autograd_engine.value import Value
from nn.checks import Array, Seed, generator, is_variable
from nn.initializers import Initializer

Tensor: TypeAlias = "Value | Sequence[Tensor]"
"""A Value, or a list (of lists ...) of Values in which all lists of one level are equally long."""

Part: TypeAlias = "Module | Tensor | Array"

M = TypeVar("M", bound="Module")


ACTIVATIONS = tuple(
    dict.fromkeys(["relu", "tanh", *[op.name for op in PRIMITIVES.values() if op.activation], "linear"])
)
"""The names of the usual activation functions; any other primitive of one number does as well."""

LAST_CALL = ("_pre_activations", "_rows")
"""The attributes in which a module keeps parts of its last call."""


class Module(ABC):
    """Something with parameters, called with a list of numbers.

    A subclass defines `__call__` and keeps its parameters in attributes: Values, Modules, or lists, tuples,
    dicts and object arrays of them, nested at any depth. They are named as PyTorch names them, `weight`,
    `layers.0.weight`. Attributes that are NumPy arrays of float64 are buffers: they belong to the model's state
    and its files, but are not trained. Arrays of shorter or longer floats are refused (TypeError), those of whole
    numbers, booleans and text are constants. Attributes whose name begins with an underscore are private and hold
    neither.

    A module begins in training mode (`training` is True), see `train` and `eval`.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...
    ...     def __call__(self, inputs):
    ...         return [self.slope * x + self.offset for x in inputs]
    >>> Line()
    Line(slope, offset, 2 parameters)
    >>> list(Line().named_parameters())
    ['slope', 'offset']
    """

    training = True
    _pre_activations: Any = None  # of the last call: a Value, or lists or arrays of them
    _rows: Rows | None = None  # of weights, in the last call

    @abstractmethod
    def __call__(self, inputs: Iterable[Any], /) -> Any:
        """The outputs for one sample."""

    def forward_batch(self, batch: Iterable[Any]) -> list[Any]:
        """The outputs for each sample of a batch; a module with statistics over the batch overrides it.

        See `needs_batch`. Without such statistics it is the same as calling the module with each sample in turn.
        """
        self._forget()
        kept: dict[Module, list[Any]] = {module: [] for module in self.named_modules().values()}
        outputs = []
        for sample in batch:
            outputs.append(user_function.get()(self)(sample))
            for module, of_samples in kept.items():
                if module._pre_activations is not None:
                    of_samples.append(module._pre_activations)
        for module, of_samples in kept.items():
            module._pre_activations = of_samples or None
        return outputs

    @property
    def needs_batch(self) -> bool:
        """Whether the samples of a batch depend on one another, so that only `forward_batch` can be called.

        So they do in training mode if a BatchNorm is part of the module.
        """
        return any(part.needs_batch for _, part in self._parts() if isinstance(part, Module))

    def train(self: M, mode: bool = True) -> M:
        """Set training mode, in which Dropout drops and BatchNorm takes the batch's statistics; returns self."""
        for module in self.named_modules().values():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Set inference mode: `train(False)`."""
        return self.train(False)

    def named_modules(self) -> dict[str, Module]:
        """The module itself, by the name "", and all modules in it, by names like `0` or `layers.1`."""
        found: dict[str, Module] = {"": self}
        for name, part in self._parts():
            if isinstance(part, Module):
                found |= {
                    f"{name}.{inner}" if inner else name: module for inner, module in part.named_modules().items()
                }
        return found

    def deltas(self) -> dict[str, Array]:
        """dC/dz of the pre-activations z of each unit in the model's last call, as backward() has left them.

        By the names of `named_modules()`. A unit's pre-activation is what goes into its activation function:
        weighted sums, (units,), or (channels, positions...) of a convolution, a pooling or a BatchNorm. In place of
        those of a recurrent unit, which has activations inside, stand its outputs, (L, hidden_size). After
        `forward_batch` the samples come first: (batch, units). Before backward() all are 0.

        For this, a module holds the pre-activations, and so the graph that led to them, until it is called again;
        of a module that occurs twice in one call they are those of the last occurrence. Copies and files of a
        module do not have them. A layer of plain numbers, such as a pooling of the data, has no derivatives and
        is left out. Raises RuntimeError before the first call.

        The recursion of backpropagation, delta_j = h'(z_j) sum over k of w_kj delta_k:

        >>> from nn import MLP
        >>> model = MLP(1, [2, 1], "sigmoid", seed=0)
        >>> model([1.0])[0].backward()
        >>> deltas, w = model.deltas(), model.arrays()["2.weight"]
        >>> a = np.array([output.data for output in model.layers[0]([1.0])])
        >>> np.allclose(deltas["0"], a * (1 - a) * (w.T @ deltas["2"]))
        True
        """
        kept = {name: module._pre_activations for name, module in self.named_modules().items()}
        arrays = {name: np.array(values, dtype=object) for name, values in kept.items() if values is not None}
        if not arrays:
            raise RuntimeError(
                f"there are no deltas before the first call: call the {type(self).__name__}, then backward()"
            )
        return {
            name: np.array([getattr(z, "grad", np.nan) for z in array.flat]).reshape(array.shape)
            for name, array in arrays.items()
            if any(isinstance(z, Value) for z in array.flat)
        }

    def tensors(self) -> dict[str, Tensor]:
        """The parameters grouped into tensors by name, in the order in which the attributes were set.

        Raises ValueError if a list of Values is ragged or mixes Values with something else.
        """
        return {name: part for name, part in self._state().items() if not isinstance(part, np.ndarray)}

    def buffers(self) -> dict[str, Array]:
        """The arrays that belong to the model's state but are not trained, by name; not copies."""
        return {name: part for name, part in self._state().items() if isinstance(part, np.ndarray)}

    def named_parameters(self) -> dict[str, Value]:
        """Every parameter once, by a name like `0.weight[3, 2]`: tensor, then position."""
        named: dict[Value, str] = {}
        for name, tensor in self.tensors().items():
            for position, value in zip(np.ndindex(_shape(tensor, name)), _flat(tensor)):
                named.setdefault(value, name + (f"[{', '.join(map(str, position))}]" if position else ""))
        return {name: value for value, name in named.items()}

    def parameters(self) -> list[Value]:
        """Every parameter once, tensor by tensor, in row-major order."""
        return list(dict.fromkeys(value for tensor in self.tensors().values() for value in _flat(tensor)))

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def arrays(self) -> dict[str, Array]:
        """A copy of the state, one float64 array for each of `tensors()` and for each buffer."""
        return {name: np.array(_data(part)).reshape(_shape(part, name)) for name, part in self._state().items()}

    def load_arrays(self, arrays: Mapping[str, npt.ArrayLike]) -> None:
        """Set the parameters' data and the buffers from `arrays`, which has the names and shapes of `arrays()`.

        All or nothing: raises ValueError, and changes nothing, if a name is missing, unknown, or stands for
        another shape, or if an array is not of real numbers.
        """
        state = self._state()
        problems = [f"{name} is missing" for name in state if name not in arrays]
        problems += [f"{name} is not a tensor of this model" for name in arrays if name not in state]
        if problems:
            raise ValueError(f"the arrays do not fit the {type(self).__name__}: {'; '.join(problems)}")
        new: list[tuple[Tensor | Array, Array]] = []
        for name, part in state.items():
            array = np.asarray(arrays[name])
            if array.dtype.kind not in "fiu":
                raise ValueError(f"{name} must be an array of real numbers, got dtype {array.dtype}")
            if array.shape != (shape := _shape(part, name)):
                raise ValueError(f"{name} has shape {array.shape}, the model expects {shape}")
            new.append((part, array.astype(np.float64)))
        for part, array in new:
            if isinstance(part, np.ndarray):
                part[...] = array
            else:
                for parameter, number in zip(_flat(part), array.ravel().tolist()):
                    parameter.data = number

    # PyTorch's names of the two.
    state_dict = arrays
    load_state_dict = load_arrays

    def initialize(self, initializer: Initializer, seed: Seed = 0) -> None:
        """Draw every tensor of two or more dimensions anew, in order, and leave all others as they are, biases too.

        `initializer(shape, generator)` returns an array: see `nn.initializers`. Raises ValueError if there is
        no such tensor, or where an array has another shape or is not of real numbers.
        """
        draws = generator(seed)
        shapes = {name: _shape(tensor, name) for name, tensor in self.tensors().items()}
        drawn = {name: initializer(shape, draws) for name, shape in shapes.items() if len(shape) > 1}
        if not drawn:
            raise ValueError(f"the {type(self).__name__} has no weight of two or more dimensions to be initialised")
        self.load_arrays(self.arrays() | drawn)

    def _parts(self) -> Iterator[tuple[str, Part]]:
        """The Modules, the tensors of Values and the buffers in the attributes, by name. May be overridden."""
        for name, attribute in vars(self).items():
            if not name.startswith("_"):
                yield from _parts_in(name, attribute)

    def _state(self) -> dict[str, Tensor | Array]:
        """The tensors and the buffers of this module and of those in it."""
        found: dict[str, Tensor | Array] = {}
        for name, part in self._parts():
            leaves: dict[str, Any] = {name: part}
            if isinstance(part, Module):
                leaves = {f"{name}.{inner}": leaf for inner, leaf in part._state().items()}
            if twice := found.keys() & leaves.keys():
                raise ValueError(f"two tensors of the {type(self).__name__} have the name {min(twice)}")
            found |= leaves
        return found

    def _forget(self) -> None:
        """Release the graph of the last call."""
        for module in self.named_modules().values():
            module._pre_activations = None

    def _dots(self, rows: Sequence[tuple[Any, ...]], inputs: tuple[Any, ...]) -> list[Any]:
        """`dot(row, inputs)` of each row of weights, which are the same tuples in call after call."""
        kept = self._rows
        if kept is None or len(kept.rows) != len(rows) or not all(map(operator.is_, kept.rows, rows)):
            self._rows = kept = Rows(rows)
        return kept.dots(inputs)

    def __getstate__(self) -> dict[str, Any]:
        return {name: attribute for name, attribute in vars(self).items() if name not in LAST_CALL}

    def __repr__(self) -> str:
        shapes = [name + "".join(f"[{n}]" for n in _shape(tensor, name)) for name, tensor in self.tensors().items()]
        return f"{type(self).__name__}({', '.join([*shapes, parameter_count(self)])})"


def resolve_activation(activation: str | Primitive | None) -> Primitive | None:
    """The primitive of an activation given by name or as itself; None for None, "linear" and "identity".

    Raises ValueError for an unknown name or a primitive that does not take one number, TypeError for
    anything else.
    """
    if activation is None or activation == "linear":
        return None
    op = PRIMITIVES.get(activation) if isinstance(activation, str) else activation
    if op is None:
        raise ValueError(f"unknown activation {activation!r}; choose one of {', '.join(ACTIVATIONS)}")
    if not isinstance(op, Primitive):
        raise TypeError(f"activation must be a name, a primitive or None, got {activation!r:.60}")
    try:
        op(0.0)
        takes_one = op.arity is not None
    except TypeError:
        takes_one = False
    if not takes_one:
        raise ValueError(f"activation must be a primitive of one number, which {op.name} is not")
    return None if op.name == "identity" else op


def _parts_in(name: str, attribute: Any) -> Iterator[tuple[str, Part]]:
    """An attribute with its name if it is a part, or the parts in it if it is a container of them."""
    if isinstance(attribute, np.ndarray) and attribute.dtype == object:
        attribute = attribute.tolist()
    if isinstance(attribute, Module) or _is_buffer(name, attribute) or is_variable(attribute):
        yield name, attribute
    elif isinstance(attribute, dict):
        for key, item in attribute.items():
            yield from _parts_in(f"{name}.{key}", item)
    elif isinstance(attribute, (list, tuple)):
        if any(map(is_variable, _flat(attribute))):
            _shape(attribute, name)  # refuses what is not a tensor
            yield name, attribute
        else:
            for i, item in enumerate(attribute):
                yield from _parts_in(f"{name}.{i}", item)


def _is_buffer(name: str, attribute: Any) -> bool:
    """Whether it is an array of float64. Raises TypeError for other floats, which would silently be lost."""
    if not isinstance(attribute, np.ndarray) or attribute.dtype.kind not in "fc":
        return False
    if attribute.dtype != np.float64:
        raise TypeError(
            f"{name} is an array of {attribute.dtype}, but a buffer must be one of float64; a constant that is not "
            "part of the state belongs into a private attribute"
        )
    return True


def _data(part: Tensor | Array) -> Any:
    return part if isinstance(part, np.ndarray) else [value.data for value in _flat(part)]


def _flat(tensor: Any) -> Iterator[Any]:
    if isinstance(tensor, (list, tuple)):
        for item in tensor:
            yield from _flat(item)
    else:
        yield tensor


def _shape(tensor: Any, name: str) -> tuple[int, ...]:
    if is_variable(tensor):
        return ()
    if isinstance(tensor, np.ndarray):
        return tuple(map(int, tensor.shape))
    if not isinstance(tensor, (list, tuple)):
        raise ValueError(f"{name} mixes Values with {type(tensor).__name__}; keep its parameters apart")
    shapes = {_shape(item, name) for item in tensor}
    if len(shapes) > 1:
        raise ValueError(f"{name} is ragged: its lists of Values have the shapes {sorted(shapes)}")
    return (len(tensor), *next(iter(shapes), ()))


def parameter_count(module: Module) -> str:
    """For a repr: "1 parameter", "13 parameters"."""
    n = len(module.parameters())
    return f"{n} parameter" if n == 1 else f"{n} parameters"
