"""Random numbers of a compiled step: found out in a rehearsal, drawn for every step anew, given to it as inputs.

A unit that draws does so from a NumPy Generator in one of its attributes. In the rehearsal and in the compiled step
a stand-in takes the place of the Generator: one that counts, one that gives symbols.
"""

from __future__ import annotations

import copy
import pickle
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autograd_engine.compiler.tracing import TraceError
from nn.grids import grid
from nn.modules import Module

Array: TypeAlias = npt.NDArray[np.float64]


class RandomInputs:
    """The random numbers that `model`, in its present mode, draws for each sample.

    `samples` are the inputs of a batch that the model takes. Raises TraceError where a Generator is asked for other
    things than `random(size)`, or not as often for every sample.
    """

    def __init__(self, model: Module, samples: Sequence[Any]) -> None:
        self.generators = _generators(model)
        calls = self._rehearse(model, samples) if self.generators else []
        # What is drawn at once: from which generator, by its place, and how many numbers for a sample. Where the model
        # needs a batch, a unit draws for all samples before the next one does; else a sample is followed by a sample.
        self._blocks = calls
        if not model.needs_batch:
            totals = [sum(n for of, n in calls if of == i) for i in range(len(self.generators))]
            self._blocks = [(i, total) for i, total in enumerate(totals) if total]

    @property
    def size(self) -> int:
        """How many there are for a sample."""
        return sum(n for _, n in self._blocks)

    def draw(self, samples: int) -> Array:
        """The numbers of the next samples, (samples, n)."""
        return np.concatenate([self.generators[i].random((samples, n)) for i, n in self._blocks], axis=1)

    def stand_ins(self, symbols: Sequence[Any]) -> dict[int, Any]:
        """By the id of each Generator what takes its place, where `symbols` are the numbers of one sample."""
        given: list[list[Any]] = [[] for _ in self.generators]
        start = 0
        for i, n in self._blocks:
            given[i] += symbols[start : start + n]
            start += n
        return {id(generator): _Given(numbers) for generator, numbers in zip(self.generators, given)}

    def _rehearse(self, model: Module, samples: Sequence[Any]) -> list[tuple[int, int]]:
        """The calls for one sample: which generator is asked for how many numbers."""
        calls: list[tuple[int, int]] = []
        memo: dict[int, Any] = {id(generator): _Counting(i, calls) for i, generator in enumerate(self.generators)}
        rehearsing = copy.deepcopy(model, memo)
        if not model.needs_batch:
            rehearsing(samples[0])
            return calls
        rehearsing.forward_batch(samples)
        of_one = calls[:: len(samples)]
        if calls != [call for call in of_one for _ in samples]:
            raise TraceError("the model does not draw as many random numbers for every sample")
        return of_one


class _StandIn(ABC):
    """In the place of a Generator."""

    def random(self, size: Any = None) -> Any:
        """Uniform numbers from 0 to 1, in an array of that size, or one for None."""
        shape = () if size is None else tuple(size) if isinstance(size, Sequence) else (size,)
        numbers = grid(self._take(int(np.prod(shape, dtype=int))), shape)
        return numbers if shape else numbers.item()

    @abstractmethod
    def _take(self, n: int) -> list[Any]:
        """The next n numbers."""

    def __getattr__(self, name: str) -> Any:
        if not hasattr(np.random.Generator, name):
            raise AttributeError(name)
        raise TraceError(f"a Generator's {name}() cannot be compiled; draw with random(size)")


class _Counting(_StandIn):
    def __init__(self, generator: int, calls: list[tuple[int, int]]) -> None:
        self.generator, self.calls = generator, calls

    def _take(self, n: int) -> list[Any]:
        self.calls.append((self.generator, n))
        return [0.5] * n


class _Given(_StandIn):
    def __init__(self, numbers: list[Any]) -> None:
        self.numbers = iter(numbers)

    def _take(self, n: int) -> list[Any]:
        return [next(self.numbers) for _ in range(n)]


@contextmanager
def nothing_else_drawn() -> Iterator[None]:
    """Raises TraceError, and undoes it, where somebody draws from NumPy's or Python's global random numbers."""
    numpys, pythons = np.random.get_state(), random.getstate()
    try:
        yield
        drawn = pickle.dumps(np.random.get_state()) != pickle.dumps(numpys) or random.getstate() != pythons
    finally:
        np.random.set_state(numpys)
        random.setstate(pythons)
    if drawn:
        raise TraceError(
            "the model or the loss draws global random numbers, which would be the same in every compiled step; keep a "
            "NumPy Generator in an attribute of the unit, and draw with its random(size)"
        )


def _generators(model: Module) -> list[np.random.Generator]:
    """Every Generator in the attributes of the model and of what is in them, once."""
    found: dict[int, np.random.Generator] = {}
    seen: set[int] = set()
    stack: list[Any] = [model]
    while stack:
        thing = stack.pop()
        if isinstance(thing, np.random.Generator):
            found[id(thing)] = thing
        elif isinstance(thing, (Module, list, tuple, dict)) and id(thing) not in seen:
            seen.add(id(thing))
            parts = vars(thing) if isinstance(thing, Module) else thing
            stack += parts.values() if isinstance(parts, dict) else parts
    return list(found.values())
