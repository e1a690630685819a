"""Forks: a child has only the thread that forked, so what another one had locked would stay locked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def new_lock() -> threading.RLock:
    """A lock for as long as the process lives. A fork waits until no other thread has it."""
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


class Lazy(Generic[T]):
    """An attribute that is computed when first asked for, without the lock of `functools.cached_property`."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> T:
        computed = instance.__dict__[self.name] = self.compute(instance)
        return computed
