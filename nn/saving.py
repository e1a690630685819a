"""Models as files: the parameters as exact floats in the safetensors format, everything else as JSON beside them.

How to read this file: `save` and `load` are about the file, whose form is in tensor_files.py; `_described` and
`_rebuilt` are about the architecture, which is the name of a class of `nn` and the arguments to call it with.

The arrays have the names and shapes of an equivalent `torch.nn.Sequential` ("0.weight" is (out, in)), so
`torch.nn.Module.load_state_dict` takes them. Reading a file never executes anything that is in it.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_engine.primitives import Primitive
from autograd_engine.structure import flatten
from nn.checks import FilePath, of_kind
from nn.convolution import AvgPool1d, AvgPool2d, Conv1d, Conv2d, Linear, MaxPool1d, MaxPool2d
from nn.modules import Module
from nn.perceptrons import MLP, Layer, Neuron
from nn.recurrent import GRU, LSTM, RNN, FinalState
from nn.tensor_files import ModelFileError, read_tensors, write_tensors
from nn.units import Activation, BatchNorm, Dropout, Flatten, Perceptron, Sequential, Softmax

_CLASSES: dict[str, type[Module]] = {
    cls.__name__: cls
    for cls in (
        *(Neuron, Layer, MLP, Linear, Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d),
        *(Sequential, Activation, Softmax, Flatten, Dropout, BatchNorm, Perceptron, RNN, LSTM, GRU, FinalState),
    )
}
"""What a file may be made of."""

MOST_MODULES = 10_000  # what a file can make us build, weights apart
_SAME_AS = "same_as"  # the key of a module that has been described before
_SIZES = (
    *("n_in", "n_out", "in_features", "out_features", "in_channels", "out_channels", "num_features"),
    *("input_size", "hidden_size", "num_layers"),
)
_SETTINGS = (bool, int, float, str, tuple, Primitive, type(None))


def save(model: Module, path: FilePath, metadata: Mapping[str, Any] | None = None) -> None:
    """Write `model`, and with it `metadata` (anything that JSON can hold), to the file `path`, or nothing.

    The file holds the arrays of `state_dict()` and the arguments that would make the model as it is now, seeds that
    are Generators excepted. So the model is one of the classes of `nn`, or a Sequential of them, in which a module may
    occur more than once; for a user-defined class, save the `state_dict()`.

    JSON holds a float by its shortest decimal form, which reads back as the same float. An existing
    file is replaced atomically; if writing fails, it stays as it was.
    Raises OSError if the file cannot be written, TypeError if the architecture cannot be described (what
    would be loaded is compared with the model before anything is written) or `metadata` holds what JSON cannot,
    ValueError if that is nan or inf; ImportError without safetensors.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from nn import MLP
    >>> model = MLP(2, [3, 1], seed=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "model.safetensors")
    ...     again = load(Path(folder) / "model.safetensors")
    >>> again, again([1.0, 2.0])[0].data == model([1.0, 2.0])[0].data
    (MLP(2 -> 3 relu -> 1, 13 parameters), True)
    """
    of_kind("model", model, Module)
    metadata = {} if metadata is None else dict(of_kind("metadata", metadata, Mapping))
    architecture = _described(model, {})
    _check_modules(architecture)
    for difference in _differences(model, _rebuilt(architecture, [])):
        raise TypeError(f"{type(model).__name__} cannot be described in a file: {difference}")
    write_tensors(path, "model", {"architecture": architecture, "metadata": metadata}, model.state_dict())


def load(path: FilePath) -> Module:
    """The model in the file `path`, in training mode like any new one; for an example see `save`.

    (Data sets are loaded by `nn.datasets.load`.) Nothing in the file is executed. The file has neither the
    optimiser's state nor the mode: call `eval()` if there is Dropout or BatchNorm.

    Raises ModelFileError, a ValueError, if the file was not written by `save`, or by a newer version, or has changed
    since; OSError if it cannot be read; ImportError without safetensors.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path: FilePath) -> tuple[Module, dict[str, Any]]:
    """The model in the file `path` and the metadata that were saved with it.

    Raises ModelFileError if the file was not written by `save`, or was written by a newer version, or has
    changed since (there is a checksum over all of it); OSError if it cannot be read; ImportError without
    safetensors.
    """
    description, arrays = read_tensors(path, "model")
    try:
        _check_modules(description["architecture"])
        declared, stored = _declared(description["architecture"]), sum(array.size for array in arrays.values())
        if declared > stored:
            raise ValueError(f"it would have {declared} weights, but the file holds {stored} numbers")
        model = _rebuilt(description["architecture"], [])
        model.load_state_dict(arrays)
        return model, dict(description["metadata"])
    except Exception as error:  # a class can refuse wrong arguments in any way
        raise ModelFileError(f"{path}: the model cannot be rebuilt ({error})") from None


def _described(module: Module, seen: dict[Module, int]) -> dict[str, Any]:
    """The architecture of a module as JSON, or its number if it is among those `seen` before.

    Raises TypeError if it has none.
    """
    if module in seen:
        return {_SAME_AS: seen[module]}
    cls = type(module)
    if _CLASSES.get(cls.__name__) is not cls:
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise TypeError(f"only modules of nn can be rebuilt from a file, not {name}; save its state_dict()")
    try:
        description = {"class": cls.__name__} | _arguments(module, seen)
    except TypeError as error:
        raise TypeError(f"{cls.__name__} cannot be described in a file: {error}") from None
    if not isinstance(module, Sequential):  # which has nothing but its modules
        seen[module] = len(seen)
    return description


def _arguments(module: Module, seen: dict[Module, int]) -> dict[str, Any]:
    """The arguments that would make the module as it is: a unit keeps each in the attribute of the same name."""
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(module)).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments = [_plain(part, seen) for _, part in module._parts()]
        elif name == "bias" and not isinstance(vars(module)[name], bool):  # True asks for it, and it is a tensor
            keywords[name] = vars(module)[name] is not None
        elif hasattr(module, name) and not isinstance(getattr(module, name), np.random.Generator):
            keywords[name] = _plain(getattr(module, name), seen)
    return {"arguments": arguments, "keywords": keywords}


def _plain(argument: Any, seen: dict[Module, int]) -> Any:
    """An argument as JSON."""
    if isinstance(argument, Module):
        return _described(argument, seen)
    if isinstance(argument, Primitive):
        return argument.name
    if isinstance(argument, (list, tuple, np.ndarray)):
        return [_plain(x, seen) for x in argument]
    if argument is None or isinstance(argument, (bool, str, float)):
        return argument
    return operator.index(argument)


def _rebuilt(description: Any, made: list[Module]) -> Any:
    """The module or argument described; `made` are the modules rebuilt so far."""
    if isinstance(description, list):
        return [_rebuilt(x, made) for x in description]
    if not isinstance(description, dict):
        return description
    if _SAME_AS in description:
        return made[description[_SAME_AS]]
    arguments = _rebuilt(description["arguments"], made)
    keywords = {name: _rebuilt(x, made) for name, x in description["keywords"].items()}
    module = _CLASSES[description["class"]](*arguments, **keywords)
    if not isinstance(module, Sequential):
        made.append(module)
    return module


def _check_modules(architecture: Any) -> None:
    """Raises TypeError if more modules are described than a file may hold."""

    def modules(description: Any) -> int:
        if isinstance(description, list):
            return sum(map(modules, description))
        if not isinstance(description, dict):
            return 0
        return 1 + modules([description.get("arguments"), *description.get("keywords", {}).values()])

    if (found := modules(architecture)) > MOST_MODULES:
        raise TypeError(f"it has {found} modules; a model file holds at most {MOST_MODULES}")


def _declared(description: Any) -> int:
    """How many weights the described modules have at least, so that no file makes us build more than it holds."""
    if isinstance(description, list):
        return sum(map(_declared, description))
    if not isinstance(description, dict) or _SAME_AS in description:
        return 0
    cls: Any = _CLASSES[description["class"]]
    given = inspect.signature(cls).bind(*description["arguments"], **description["keywords"])
    given.apply_defaults()
    sizes = [given.arguments[name] for name in _SIZES if name in given.arguments]
    widths = given.arguments.get("widths", [])
    kernel = given.arguments["kernel_size"] if "in_channels" in given.arguments else []
    kernel = kernel if isinstance(kernel, list) else [kernel] * cls.dimensions
    if not all(isinstance(size, int) for size in [*sizes, *widths, *kernel]):
        raise TypeError("its sizes must be whole numbers")
    own = sum(a * b for a, b in pairwise([*sizes, *widths])) if widths else math.prod([*sizes, *kernel])
    if "hidden_size" in given.arguments:  # of a recurrent unit, whose layers read at least as many numbers as they make
        n_in, n_out, layers = sizes
        own = n_out * (n_in + layers * n_out)
    return (own if sizes else 0) + _declared([description["arguments"], *description["keywords"].values()])


def _differences(model: Module, made: Module) -> Iterator[str]:
    """How the model made from a description differs from the one described."""
    rebuilt = made.named_modules()
    for name, module in model.named_modules().items():
        if name not in rebuilt or type(rebuilt[name]) is not type(module):
            yield f"{name} is a {type(module).__name__}, which it was not made with"
            return
        for attribute, would_be in vars(rebuilt[name]).items():
            now = getattr(module, attribute, None)
            if attribute[0] == "_" or attribute == "training" or isinstance(now, np.random.Generator):
                continue
            if isinstance(would_be, _SETTINGS) and not (isinstance(now, _SETTINGS) and now == would_be):
                yield f"{f'{name}.{attribute}'.lstrip('.')} is {now!r:.60}, and would be {would_be!r:.60} in the file"
    shapes, would_be = ({name: array.shape for name, array in m.arrays().items()} for m in (model, made))
    for name in shapes | would_be:
        if shapes.get(name) != would_be.get(name):
            yield f"{name} has the shape {shapes.get(name)}, and would have {would_be.get(name)} in the file"
    if _sharing(model) != _sharing(made):
        yield "its modules share parameters, which the file would not say; share whole modules instead"


def _sharing(model: Module) -> list[int]:
    """For each occurrence of a parameter, in order, the index of its first one."""
    occurrences = flatten(list(model.tensors().values()))[0]
    first: dict[Any, int] = {}
    return [first.setdefault(parameter, i) for i, parameter in enumerate(occurrences)]
