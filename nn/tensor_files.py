"""Files of arrays, exact in the safetensors format, with a description as JSON and a checksum over both.

Reading a file never executes anything that is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_engine.files import as_path, write_atomically
from nn.checks import Array, FilePath
from nn.extras import extra

Arrays = Mapping[str, Array]

FORMAT = 1
KEYS = {"model": "autograd_engine", "checkpoint": "autograd_engine_checkpoint"}
"""Under which key of a file's metadata the description of each kind of file stands."""


class ModelFileError(ValueError):
    """A file that is not a whole model or checkpoint of a known format, or one that does not fit.

    The message is one line that names the file.
    """


def write_tensors(path: FilePath, kind: str, description: Mapping[str, Any], arrays: Arrays) -> None:
    """Write arrays and what is said about them to the file `path`, or nothing; an existing file is replaced atomically.

    Raises OSError if the file cannot be written, TypeError if the description holds what JSON cannot, ValueError if
    that is nan or inf; ImportError without safetensors.
    """
    safetensors = _safetensors()
    arrays = {name: np.asarray(array, dtype=np.float64, order="C") for name, array in arrays.items()}
    description = {"format": FORMAT, **description}
    text = json.dumps(description | {"sha256": digest(description, arrays)}, allow_nan=False)
    write_atomically(path, safetensors.numpy.save(arrays, metadata={KEYS[kind]: text}))


def read_tensors(path: FilePath, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `write_tensors` has written to the file `path`: the description, and the arrays.

    Raises ModelFileError if the file is none of that kind, or of a newer version, or has changed since; OSError if it
    cannot be read; ImportError without safetensors.
    """
    safetensors = _safetensors()
    content = as_path(path).read_bytes()
    try:
        tensors = safetensors.deserialize(content)
        header = _header(content)
    except (safetensors.SafetensorError, ValueError) as error:
        raise ModelFileError(f"{path}: not a {kind} file, or a damaged one ({error})") from None
    arrays = {
        name: np.frombuffer(tensor["data"], dtype="<f8").reshape(tensor["shape"])
        for name, tensor in tensors
        if tensor["dtype"] == "F64"
    }
    try:
        description = json.loads(header["__metadata__"][KEYS[kind]])
        sound = isinstance(description, dict) and description.pop("sha256", None) == digest(description, arrays)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ModelFileError(f"{path}: a safetensors file, but not a {kind} of autograd-engine") from None
    version = description.get("format") if isinstance(description, dict) else None
    if version != FORMAT:
        raise ModelFileError(f"{path}: a {kind} in format {version!r}; this version of autograd-engine reads {FORMAT}")
    if not sound:
        raise ModelFileError(f"{path}: the {kind} is damaged: its checksum is wrong")
    return description, arrays


def is_checkpoint(path: FilePath) -> bool:
    """Whether the file `path` says that it is a checkpoint. Raises OSError if it cannot be read."""
    try:
        return KEYS["checkpoint"] in _header(as_path(path).read_bytes())["__metadata__"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def digest(description: Mapping[str, Any], arrays: Arrays) -> str:
    """A checksum of everything that is in a file."""
    found = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.shape}".encode())
        found.update(array.astype("<f8").tobytes())
    return found.hexdigest()


def _header(content: bytes) -> Any:
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


def _safetensors() -> Any:
    with extra("train"):
        import safetensors.numpy
    return safetensors
