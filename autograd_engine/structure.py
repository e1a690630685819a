"""Nested lists, tuples, dicts, dataclasses and arrays of numbers: taken apart, put together again, and walked.

None in one of these containers is kept as it is, and so is the class of each. A dataclass is its fields: an instance
with other ones is made without a call of `__init__`, so that no check there refuses a derivative.

>>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
>>> leaves
[1.0, 2.0, 3.0]
>>> structure([x * 10 for x in leaves])
{'w': [10.0, 20.0], 'b': 30.0}
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from operator import is_
from typing import Any

import numpy as np

from autograd_engine.number_arrays import number_array


@dataclass(frozen=True)
class Structure:
    """What is left of nested data without its numbers; called with as many numbers, it puts them in again.

    `kind` is the type of the container, None for a single number; `keys` are the keys of a dict, the
    fields of a dataclass or the shape of an array; `size` counts the numbers; `container` makes the container of what
    is in the places of its children. Two structures are equal where the same calls fit both.
    """

    kind: type[Any] | None
    keys: tuple[Any, ...]
    children: tuple[Structure, ...]
    size: int
    container: Callable[[Sequence[Any]], Any] = field(default=list, compare=False, repr=False)

    @property
    def has_arrays(self) -> bool:
        """Whether there is an array in it."""
        return self.kind is np.ndarray or any(child.has_arrays for child in self.children)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The nested data with these numbers; arrays become float arrays, or object arrays of Values."""
        if len(leaves) != self.size:
            raise ValueError(f"this structure holds {self.size} numbers, got {len(leaves)}")
        if self.kind is None:
            return leaves[0]
        if self.kind is np.ndarray:
            return number_array(leaves, self.keys)
        return self.container([child(part) for child, part in self.split(leaves)])

    def filled(self, sequence: Any, part: Callable[[Any, tuple[Any, ...]], Any]) -> Any:
        """The containers, with `part(its slice of the sequence, its shape)` in place of each number and array."""
        if self.kind is None or self.kind is np.ndarray:
            return part(sequence, self.keys)
        return self.container([child.filled(own, part) for child, own in self.split(sequence)])

    def split(self, sequence: Any) -> Iterator[tuple[Structure, Any]]:
        """Each child with its slice of a sequence that has one entry per number."""
        start = 0
        for child in self.children:
            yield child, sequence[start : start + child.size]
            start += child.size


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The numbers in nested lists, tuples, dicts, dataclasses and arrays, and the structure that held them.

    Whatever is none of these containers counts as a number; it is for the caller to check.
    """
    if found := apart(tree):
        kind, keys, container, parts = found
        flat = [([], _NONE) if part is None else flatten(part) for part in parts]
        leaves = [leaf for part, _ in flat for leaf in part]
        return leaves, Structure(kind, keys, tuple([structure for _, structure in flat]), len(leaves), container)
    if getattr(tree, "ndim", 0) and hasattr(tree, "__array__"):  # of NumPy, or what becomes one
        tree = np.asarray(tree)
    if isinstance(tree, np.ndarray):
        return float_array(tree).ravel().tolist(), Structure(np.ndarray, tree.shape, (), tree.size)
    return [tree], _NUMBER


_NUMBER = Structure(None, (), (), 1)
_NONE = Structure(type(None), (), (), 0, lambda parts: None)


def map_leaves(function: Callable[[Any], Any], tree: Any, *, lists: bool = True, keep: bool = False) -> Any:
    """New nested data with `function(leaf)` for each leaf: each array, and whatever is no container.

    Without `lists` a list is a leaf too, as an array of its numbers, and a tuple of a user-defined class becomes a
    plain one. With `keep` a container in which nothing changes is the same object as before.

    >>> map_leaves(str, {"w": [1, 2], "b": (3,)})
    {'w': ['1', '2'], 'b': ('3',)}
    """
    found = apart(tree, lists)
    if found is None:
        return function(tree)
    _, _, container, parts = found
    mapped = [None if part is None else map_leaves(function, part, lists=lists, keep=keep) for part in parts]
    return tree if keep and all(map(is_, mapped, parts)) else container(mapped)


def float_arrays(tree: Any, name: str, convert: Callable[[Any], Any] | None = None) -> Any:
    """Nested data with `convert(leaf)`, else `float_array(leaf)`, for each leaf.

    What holds nothing to convert stays the same object. Raises TypeError, which begins with `name` and the path, where
    there is a masked array or a matrix.
    """
    convert = convert or float_array
    try:
        return map_leaves(convert, tree, keep=True)
    except TypeError:
        for path, leaf in leaves_with_paths(tree, name):
            try:
                convert(leaf)
            except TypeError as error:
                raise TypeError(f"{path}: {error}") from None
        raise


def float_array(x: Any) -> Any:
    """A real array as one of 64-bit floats, a NumPy scalar as Python's; anything else as it is.

    So their arithmetic neither wraps nor rounds earlier.
    """
    if not isinstance(x, np.ndarray):
        return x.item() if isinstance(x, np.generic) and not isinstance(x, float) else x
    if x.__class__ is not np.ndarray:  # only then, since np.ma is imported when it is first named, in 20 ms
        if isinstance(x, np.ma.MaskedArray):
            raise TypeError(
                "expected a plain array, got a MaskedArray; give .filled(0.0) of it, and its mask as weights"
            )
        if isinstance(x, np.matrix):
            raise TypeError("expected a plain array, got a matrix; give np.asarray of it, and write @ for its products")
    return x.astype(np.float64, copy=False) if x.dtype.kind in "biuf" else x


def leaves_of(tree: Any, *, lists: bool = True) -> Iterator[Any]:
    """The leaves of `map_leaves`, one after the other."""
    found = apart(tree, lists)
    if found is None:
        yield tree
    else:
        for part in found[-1]:
            if part is not None:
                yield from leaves_of(part, lists=lists)


def leaves_with_paths(
    tree: Any, path: str = "", *, lists: bool = True, fields: bool = False
) -> Iterator[tuple[str, Any]]:
    """The same leaves, each with the path that leads to it, written as in Python.

    With `fields` the parts of a named tuple go by their names, as those of a dataclass do, else by their indices.

    >>> list(leaves_with_paths({"w": [1, 2], "b": 3}, "p"))
    [("p['w'][0]", 1), ("p['w'][1]", 2), ("p['b']", 3)]
    """
    found = apart(tree, lists)
    if found is None:
        yield path, tree
        return
    kind, keys, _, parts = found
    names = keys if kind is not dict and keys else fields and getattr(kind, "_fields", None)
    steps = [f".{name}" for name in names] if names else [f"[{key!r}]" for key in keys or range(len(parts))]
    for step, part in zip(steps, parts):
        if part is not None:
            yield from leaves_with_paths(part, path + step, lists=lists, fields=fields)


def numbers_like(structure: Structure, given: Any, name: str, names: Sequence[str] = ()) -> list[Any]:
    """The numbers in `given`, in the order of `structure`; `names` names the parts if their keys do not.

    A list, a tuple and an array may stand for one another, and a dict may have its keys in another order. Where `given`
    differs otherwise, the ValueError says so: "for `name`['key'] one number, got a list of 2".
    """
    leaves, found = flatten(given)
    if found == structure:
        return leaves
    if structure.kind is None:
        if _is_sequence(given) or isinstance(given, dict):
            raise ValueError(_misfit("one number", given, name))
        return [given]
    keys, children = _parts(structure)
    if structure.kind is dict:
        if not isinstance(given, dict) or given.keys() != set(keys):
            raise ValueError(_misfit(f"a dict with the keys {', '.join(map(repr, keys))}", given, name))
        parts = [given[key] for key in keys]
    elif structure.kind is type(None):
        if given is not None:
            raise ValueError(_misfit("None", given, name))
        parts = []
    elif structure.kind is not np.ndarray and structure.keys:
        if type(given) is not structure.kind:
            raise ValueError(_misfit(f"a {structure.kind.__name__}", given, name))
        parts = [getattr(given, key) for key in keys]
        names = names or [f"{name}.{key}" for key in keys]
    elif not _is_sequence(given) or len(given) != len(children):
        raise ValueError(_misfit(f"a list, tuple or array of {len(children)}", given, name))
    else:
        parts = list(given)
    names = names or [f"{name}[{key!r}]" for key in keys]
    return [x for child, part, place in zip(children, parts, names) for x in numbers_like(child, part, place)]


def _parts(structure: Structure) -> tuple[Sequence[Any], Sequence[Structure]]:
    """The keys or indices of the parts of a structure, and the parts; those of an array are its rows."""
    if structure.kind is not np.ndarray:
        return structure.keys or range(len(structure.children)), structure.children
    length, *rest = structure.keys
    row = Structure(np.ndarray if rest else None, tuple(rest), (), math.prod(rest))
    return range(length), [row] * length


def _is_sequence(given: Any) -> bool:
    return isinstance(given, (list, tuple)) or (hasattr(given, "ndim") and given.ndim > 0)


def _misfit(expected: str, given: Any, name: str) -> str:
    got = type(given).__name__
    if isinstance(given, dict):
        got += f" with the keys {', '.join(map(repr, given))}"
    elif _is_sequence(given):
        got += f" of {len(given)}"
    return f"for {name} {expected}, got {got}"


_Apart = tuple[type[Any], tuple[Any, ...], Callable[[Sequence[Any]], Any], Sequence[Any]]


def apart(tree: Any, lists: bool = True) -> _Apart | None:
    """The kind, the keys and the parts of a container, and what makes one like it of other parts; None for a leaf."""
    kind: Any = type(tree)
    if kind is float:
        return None
    if isinstance(tree, dict):
        keys = tuple(tree)
        empty = functools.partial(kind, tree.default_factory) if isinstance(tree, defaultdict) else kind
        return dict, keys, functools.partial(_dict, kind, empty, keys), list(tree.values())
    if isinstance(tree, tuple) or (lists and isinstance(tree, list)):
        kind = kind if lists or hasattr(kind, "_fields") else tuple
        return kind, (), functools.partial(_sequence, kind), tree
    if hasattr(kind, "__parts__"):
        return tree.__parts__()  # type: ignore[no-any-return]
    if hasattr(kind, "__dataclass_fields__") and not (hasattr(kind, "record") or hasattr(kind, "__array__")):
        keys = tuple([of_class.name for of_class in fields_of(kind)])
        return kind, keys, functools.partial(_instance, kind, keys), [getattr(tree, key) for key in keys]
    return None


def _sequence(kind: Any, parts: Sequence[Any]) -> Any:
    if hasattr(kind, "_fields"):
        return kind(*parts)
    try:
        return kind(parts)
    except Exception as error:
        raise TypeError(
            f"a {kind.__name__} cannot be made of a list of its parts; give a list, a tuple or a NamedTuple"
        ) from error


def _dict(kind: type[Any], empty: Callable[[], Any], keys: Sequence[Any], parts: Sequence[Any]) -> Any:
    if kind is dict:
        return dict(zip(keys, parts))
    try:
        made = empty()
        for key, part in zip(keys, parts):
            made[key] = part
        return made
    except Exception as error:
        raise TypeError(f"a {kind.__name__} cannot be made empty and then given its items; give a dict") from error


def _instance(kind: type[Any], keys: Sequence[str], parts: Sequence[Any]) -> Any:
    made = object.__new__(kind)
    for key, part in zip(keys, parts):
        object.__setattr__(made, key, part)  # which a frozen one lets happen
    return made
