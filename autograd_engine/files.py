"""Files are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike
from pathlib import Path


def write_atomically(path: str | PathLike[str], content: bytes, private: bool = False) -> None:
    """Write `content` to the file `path`: all of it, or nothing and what was there stays.

    Who may read and write it is as `open` would have it. What is there and is not a plain file, such as /dev/stdout, is
    written to directly. Raises OSError.

    A `private` file is for caches: only its user may read it, it replaces what is there, a link too, and nobody waits
    until the disk has it.
    """
    path = Path(path)
    if not private and path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    final = path if private else Path(os.path.realpath(path))  # a symbolic link stays one
    part = final.with_name(f".{os.urandom(8).hex()}.part")  # nobody can guess it, so nobody else writes there
    try:
        mode = 0o600 if private else final.stat().st_mode & 0o777 if final.exists() else None
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o666 if mode is None else mode)) as file:
            if mode is not None and hasattr(os, "fchmod"):
                with suppress(OSError):  # some file systems have no modes
                    os.fchmod(file.fileno(), mode)  # whatever the umask took away
            file.write(content)
            if not private:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, final)
    except BaseException as error:
        with suppress(OSError):  # it may never have been made, and `error` says why
            part.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that the caller knows
            del error.filename2  # None would be printed: '... -> None'
        raise
