"""Paths of files, and writing a file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def as_path(path: Any, name: str = "path") -> Path:
    """The path of a file, the argument `name`, as a Path. Raises TypeError for what is no path."""
    from pathlib import Path  # here, because it takes 3 ms to import

    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"{name} must be a str or a Path, got {path!r:.60}") from None


def write_atomically(path: str | PathLike[str], content: bytes, private: bool = False) -> None:
    """Write `content` to the file `path`. If that fails, whatever was there before is left untouched.

    Permissions are those that `open` would give. If `path` exists and is not a plain file (/dev/stdout, say), it
    is written to directly. Raises OSError, and TypeError for what is no path.

    A `private` file is for caches: only its owner may read it, it replaces even a symbolic link, and the call does not
    wait until the data is on the disk.
    """
    path = as_path(path)
    if not private and path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    final = path if private else as_path(os.path.realpath(path))  # keeps a symbolic link
    part = final.with_name(f".{os.urandom(8).hex()}.part")  # cannot be guessed, so nobody else writes there
    try:
        mode = 0o600 if private else final.stat().st_mode & 0o777 if final.exists() else None
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o666 if mode is None else mode)) as file:
            if mode is not None and hasattr(os, "fchmod"):
                with suppress(OSError):  # some file systems have no permissions
                    os.fchmod(file.fileno(), mode)  # undoes the umask, which `os.open` applied
            file.write(content)
            if not private:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, final)
    except BaseException as error:
        with suppress(OSError):  # it may not exist, and `error` says why
            part.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the caller gave
            del error.filename2  # as None it would be printed: '... -> None'
        raise
