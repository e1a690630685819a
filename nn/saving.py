"""Models as files: the parameters as exact floats in the safetensors format, all else as JSON beside them.

How to read this file: `save` and `load` are about the file; `_described` and `_rebuilt` are about the architecture,
which is the name of a class of `nn` and the arguments that it was called with.

The arrays have the names and shapes of an equivalent `torch.nn.Sequential` ("0.weight" is (out, in)), so
`torch.nn.Module.load_state_dict` takes them. Reading a file never executes anything that is in it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import operator
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_engine.files import write_atomically
from autograd_engine.primitives import Primitive
from nn.modules import Module

Arrays = Mapping[str, NDArray[np.float64]]

FORMAT = 1
_KEY = "autograd_engine"


class ModelFileError(ValueError):
    """A file that is not a whole model of a known format. The message is one line that names the file."""


def save(model: Module, path: str | PathLike[str], metadata: Mapping[str, Any] | None = None) -> None:
    """Write `model`, and with it `metadata` (anything that JSON can hold), to the file `path`, or nothing.

    The file holds the arrays of `state_dict()` and the arguments that the model was made with, seeds that are
    Generators excepted. So the model is one of the classes of `nn`, or a Sequential of them; of a class of your own,
    save the `state_dict()`.

    JSON holds a float by its shortest decimal form, which reads back as the same float. A file that is
    there already is replaced at one moment; until then, and where writing fails, it is as it was.
    Raises OSError where the file cannot be written, TypeError where the architecture cannot be described or
    `metadata` holds what JSON cannot, ValueError where that is nan or inf; ImportError without safetensors.
    """
    safetensors = _safetensors()
    arrays = {name: np.asarray(array, dtype=np.float64, order="C") for name, array in model.state_dict().items()}
    description = {"format": FORMAT, "architecture": _described(model), "metadata": dict(metadata or {})}
    text = json.dumps(description | {"sha256": _digest(description, arrays)}, allow_nan=False)
    write_atomically(path, safetensors.numpy.save(arrays, metadata={_KEY: text}))


def load(path: str | PathLike[str]) -> Module:
    """The model in the file `path`, in training mode like any new one. Raises what `load_with_metadata` raises."""
    return load_with_metadata(path)[0]


def load_with_metadata(path: str | PathLike[str]) -> tuple[Module, dict[str, Any]]:
    """The model in the file `path` and the metadata that were saved with it.

    Raises ModelFileError where the file was not written by `save`, or by a newer one, or where it has
    changed since (there is a checksum over all of it); OSError where it cannot be read; ImportError without
    safetensors.
    """
    safetensors = _safetensors()
    content = Path(path).read_bytes()
    try:
        tensors = safetensors.deserialize(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (safetensors.SafetensorError, ValueError) as error:
        raise ModelFileError(f"{path}: not a model file, or a damaged one ({error})") from None
    try:
        description = json.loads(header["__metadata__"][_KEY])
    except (KeyError, ValueError, RecursionError):
        raise ModelFileError(f"{path}: a safetensors file, but not a model of autograd-engine") from None
    version = description.get("format") if isinstance(description, dict) else None
    if version != FORMAT:
        raise ModelFileError(f"{path}: a model in format {version!r}; this version of autograd-engine reads {FORMAT}")
    arrays = {
        name: np.frombuffer(tensor["data"], dtype="<f8").reshape(tensor["shape"])
        for name, tensor in tensors
        if tensor["dtype"] == "F64"
    }
    if description.pop("sha256", None) != _digest(description, arrays):
        raise ModelFileError(f"{path}: the model is damaged: its checksum is wrong")
    try:
        model = _rebuilt(description["architecture"])
        model.load_state_dict(arrays)
        return model, dict(description["metadata"])
    except Exception as error:  # a class can refuse wrong arguments in any way
        raise ModelFileError(f"{path}: the model cannot be rebuilt ({error})") from None


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("model files need safetensors: pip install 'autograd-engine[train]'") from None
    return safetensors


def _classes() -> dict[str, type[Module]]:
    """What a file may be made of, by name."""
    import nn  # which imports this module

    return {name: x for name, x in vars(nn).items() if isinstance(x, type) and issubclass(x, Module)}


def _described(module: Module) -> dict[str, Any]:
    """The architecture of a module as JSON. Raises TypeError where it has none."""
    cls = type(module)
    if _classes().get(cls.__name__) is not cls:
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise TypeError(f"only modules of nn can be rebuilt from a file, not {name}; save its state_dict()")
    args, keywords = module._arguments
    call = inspect.signature(cls.__init__).bind(module, *args, **keywords)
    for name, argument in list(call.arguments.items()):
        if isinstance(argument, np.random.Generator):
            del call.arguments[name]
    try:
        return {
            "class": cls.__name__,
            "arguments": [_plain(x) for x in call.args[1:]],
            "keywords": {name: _plain(x) for name, x in call.kwargs.items()},
        }
    except TypeError as error:
        raise TypeError(f"{cls.__name__} cannot be described in a file: {error}") from None


def _plain(argument: Any) -> Any:
    """An argument as JSON."""
    if isinstance(argument, Module):
        return _described(argument)
    if isinstance(argument, Primitive):
        return argument.name
    if isinstance(argument, (list, tuple, np.ndarray)):
        return [_plain(x) for x in argument]
    if argument is None or isinstance(argument, (bool, str, float)):
        return argument
    return operator.index(argument)


def _rebuilt(description: Any) -> Any:
    """The module, or the argument of one, that `_described` and `_plain` have described."""
    if isinstance(description, list):
        return [_rebuilt(x) for x in description]
    if not isinstance(description, dict):
        return description
    keywords = {name: _rebuilt(x) for name, x in description["keywords"].items()}
    return _classes()[description["class"]](*_rebuilt(description["arguments"]), **keywords)


def _digest(description: Mapping[str, Any], arrays: Arrays) -> str:
    """A checksum of everything that is in the file."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.shape}".encode())
        digest.update(array.astype("<f8").tobytes())
    return digest.hexdigest()
