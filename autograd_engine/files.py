"""Files are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike
from pathlib import Path


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Write `content` to the file `path`: all of it, or nothing and what was there stays.

    Raises OSError. What is there and is not a plain file, such as /dev/stdout, is written to directly.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    final = Path(os.path.realpath(path))  # a symbolic link stays one
    sibling = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        sibling.write_bytes(content)
        os.replace(sibling, final)
    except BaseException as error:
        with suppress(OSError):  # it may never have been made, and `error` says why
            sibling.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the caller knows
            del error.filename2  # None would be printed: '... -> None'
        raise
