"""Random numbers of a compiled step: counted in a rehearsal, drawn anew for every step, and passed to it as inputs.

A unit draws from a NumPy Generator in one of its attributes. A stand-in replaces the Generator: in the rehearsal one
that counts, in the compiled step one that gives symbols.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_engine.compiler.trace.errors import TraceError
from nn.checks import Array
from nn.grids import grid
from nn.modules import Module
from nn.training.random_sources import reached


class RandomDraws:
    """The random numbers that `model`, in its present mode, draws for each sample.

    `samples` are the inputs of a batch that the model accepts. Raises TraceError if a Generator is asked for anything
    but `random(size)`, or not equally often for every sample.
    """

    def __init__(self, model: Module, samples: Sequence[Any]) -> None:
        parts = reached(model)
        self.generators = [part for part in parts if isinstance(part, np.random.Generator)]
        self._methods = [x for x in parts if isinstance(getattr(x, "__self__", None), np.random.Generator)]
        calls = self._rehearse(model, samples) if self.generators else []
        # Each block is drawn at once: the index of its generator, and how many numbers a sample needs. If the model
        # needs a batch, a unit draws for all samples before the next unit does; otherwise sample follows sample.
        self._blocks = calls
        if not model.needs_batch:
            totals = [sum(n for of, n in calls if of == i) for i in range(len(self.generators))]
            self._blocks = [(i, total) for i, total in enumerate(totals) if total]

    @property
    def size(self) -> int:
        """How many numbers a sample needs."""
        return sum(n for _, n in self._blocks)

    def draw(self, samples: int) -> Array:
        """The numbers of the next samples, (samples, n)."""
        return np.concatenate([self.generators[i].random((samples, n)) for i, n in self._blocks], axis=1)

    def stand_ins(self, symbols: Sequence[Any]) -> tuple[list[Given], dict[int, Any]]:
        """A stand-in for each Generator, where `symbols` are the numbers of one sample, and a memo for deepcopy."""
        given: list[list[Any]] = [[] for _ in self.generators]
        start = 0
        for i, n in self._blocks:
            given[i] += symbols[start : start + n]
            start += n
        stand_ins = list(map(Given, given))
        return stand_ins, self._memo(stand_ins)

    def _memo(self, stand_ins: Sequence[_StandIn]) -> dict[int, Any]:
        """What a copy of the model has instead of each Generator, and of each of its methods that is kept, by id."""
        memo: dict[int, Any] = {id(generator): stand_in for generator, stand_in in zip(self.generators, stand_ins)}
        for method in self._methods:  # a copy of which would run the Generator's code on a stand-in
            memo[id(method)] = memo[id(method.__self__)].method(method.__name__)
        return memo

    def _rehearse(self, model: Module, samples: Sequence[Any]) -> list[tuple[int, int]]:
        """The calls for one sample: the index of the generator, and how many numbers it is asked for."""
        calls: list[tuple[int, int]] = []
        counting = [_Counting(i, calls) for i in range(len(self.generators))]
        rehearsing = copy.deepcopy(model, self._memo(counting))
        if not model.needs_batch:
            rehearsing(samples[0])
            return calls
        rehearsing.forward_batch(samples)
        of_one = calls[:: len(samples)]
        if calls != [call for call in of_one for _ in samples]:
            raise TraceError("the model does not draw as many random numbers for every sample")
        return of_one


class _StandIn(ABC):
    """Replaces a Generator."""

    def random(self, size: Any = None) -> Any:
        """Uniform numbers from 0 to 1, in an array of that size, or one for None."""
        shape = () if size is None else tuple(size) if isinstance(size, Sequence) else (size,)
        numbers = grid(self._take(int(np.prod(shape, dtype=int))), shape)
        return numbers if shape else numbers.item()

    @abstractmethod
    def _take(self, n: int) -> list[Any]:
        """The next n numbers."""

    def method(self, name: str) -> Callable[..., Any]:
        """What replaces that method of the Generator."""
        return self.random if name == "random" else lambda *args, **keywords: getattr(self, name)

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


class Given(_StandIn):
    """One that gives the numbers of one sample."""

    def __init__(self, numbers: list[Any]) -> None:
        self.numbers, self.taken = numbers, 0

    def restart(self) -> None:
        """Give the same numbers again."""
        self.taken = 0

    def _take(self, n: int) -> list[Any]:
        self.taken += n
        return self.numbers[self.taken - n : self.taken]
