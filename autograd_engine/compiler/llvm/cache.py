"""Object code on disk, which will be executed: nobody but the user may have written it.

The folder is AUTOGRAD_ENGINE_CACHE (default: the user's cache folder; "" for none). An entry begins with a signature of
its name and the rest, by a random key that lies beside it: what is damaged, or signed by another key, is none. What
other users could have written is ignored, with one warning. A cache that cannot be used is none.
"""

from __future__ import annotations

import functools
import hmac
import os
import stat
import threading
import warnings
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from autograd_engine.files import write_atomically

MOST_ENTRIES = 1000
_warned = threading.Event()


def read(name: str) -> list[bytes] | None:
    """The objects of an entry, None where there is none that is sound."""
    try:
        folder, key = _opened()
        entry = _content(folder / f"{name}.kernel")
    except (OSError, RuntimeError):  # the latter where nobody knows the user's home, as in some containers
        return None
    signature, data = entry[:32], entry[32:]
    if not hmac.compare_digest(signature, _signature(key, name, data)):
        return None
    objects = []
    while data:
        size = int.from_bytes(data[:8], "little")
        objects.append(data[8 : 8 + size])
        data = data[8 + size :]
    return objects


def write(name: str, objects: Iterable[bytes]) -> None:
    """Keep an entry, where it can be kept."""
    data = b"".join(len(image).to_bytes(8, "little") + image for image in objects)
    try:
        folder, key = _opened()
        write_atomically(folder / f"{name}.kernel", _signature(key, name, data) + data, private=True)
        entries = [entry for entry in os.listdir(folder) if entry.endswith(".kernel")]
        if len(entries) > MOST_ENTRIES:  # a tenth at once, since to find the oldest takes as long as to compile
            for old in sorted(map(folder.joinpath, entries), key=os.path.getmtime)[: -MOST_ENTRIES * 9 // 10]:
                old.unlink(missing_ok=True)
    except (OSError, RuntimeError):
        return


def _signature(key: bytes, name: str, data: bytes) -> bytes:
    return hmac.digest(key, name.encode() + data, "sha256")


def _opened() -> tuple[Path, bytes]:
    """The folder and its key. Raises OSError or RuntimeError where there is no folder that can be used."""
    folder = _named()
    for missing in reversed([*takewhile(lambda path: not path.exists(), (folder, *folder.parents))]):
        with suppress(FileExistsError):  # another process was faster
            missing.mkdir(0o700)
            missing.chmod(0o700)  # whatever the umask took away
    real = _reached(folder)
    _check(real)
    path = real / "key"
    if not path.exists() or len(key := _content(path)) != 32:
        # Where two processes do so, the later key is that of both: it is read again for every entry.
        write_atomically(path, os.urandom(32), private=True)
        key = _content(path)
    return real, key


@functools.cache
def _reached(folder: Path) -> Path:
    """The folder without links, if nobody else may change the way to it. Once for a process: it takes a while."""
    real = folder.resolve()
    for place in {folder, *folder.parents, *real.parents}:
        _check(place, on_the_way=True)
    return real


def _named() -> Path:
    """The folder of the cache, which need not be there."""
    folder = os.environ.get("AUTOGRAD_ENGINE_CACHE")
    if folder:
        return Path(folder).expanduser().absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".cache"
    if folder == "" or not base.is_absolute():
        raise FileNotFoundError
    return base / "autograd_engine"


def _content(path: Path) -> bytes:
    _check(path)
    return path.read_bytes()


def _check(path: Path, on_the_way: bool = False) -> None:
    """Raise PermissionError, and warn the first time, where other users could have written this file or folder.

    On the way to it are links and folders whose names only the user or the administrator may change.
    """
    if not hasattr(os, "geteuid"):
        return
    status = path.lstat()
    others = stat.S_IWGRP | stat.S_IWOTH
    if on_the_way and (status.st_mode & stat.S_ISVTX or stat.S_ISLNK(status.st_mode)):
        others = 0  # among the files in a sticky folder everybody can change only their own
    elif on_the_way and status.st_gid == os.getegid():
        others = stat.S_IWOTH  # often a group of one
    if status.st_uid != os.geteuid() and not (on_the_way and status.st_uid == 0):
        fault = "belongs to another user"
    elif stat.S_ISLNK(status.st_mode) and not on_the_way:
        fault = "is a symbolic link"
    elif status.st_mode & others:
        fault = "can be changed by other users"
    else:
        return
    if not _warned.is_set():
        _warned.set()
        text = f"compiled functions are not read from the cache, since {path} {fault}"
        with suppress(Warning):  # as an error it would stop the computation
            warnings.warn(f"{text}; AUTOGRAD_ENGINE_CACHE names another folder", RuntimeWarning, stacklevel=2)
    raise PermissionError
