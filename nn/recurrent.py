"""Recurrent units: RNN, LSTM and GRU, from the rows of a sequence to the rows of their outputs and the last states.

How to read this file: a cell is what one layer does with one row in one direction. The three units differ in `_next`,
the new state of a cell; `_run` takes cells through the rows as a `scan`, so that a compiled unit is a loop.

Names, arguments, shapes and results are PyTorch's, for one sequence instead of a batch of them. The next number of a
wave from the eight before:

>>> from nn import SGD, Linear, Sequential, fit, mean_squared_error
>>> wave = [math.sin(0.7 * t) for t in range(28)]
>>> X, y = [[[z] for z in wave[i : i + 8]] for i in range(20)], wave[8:]
>>> model = Sequential(GRU(1, 4, seed=1), FinalState(), Linear(4, 1, seed=2))
>>> history = fit(model, X, y, mean_squared_error, SGD(model.parameters(), lr=0.2, momentum=0.9), epochs=100)
>>> history.loss[-1] < 0.01 * history.loss[0]
True
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from autograd_engine.control_flow import scan
from autograd_engine.primitives import Primitive, sigmoid, tanh
from autograd_engine.rows import Rows
from nn.checks import Seed, generator, whole_number
from nn.grids import Grid, check_shape, grid, parameters, read
from nn.modules import Module, parameter_count, resolve_activation

State: TypeAlias = "tuple[list[Any], ...]"
"""What a cell carries from row to row: its outputs and, in an LSTM, its memory."""

Sums: TypeAlias = "list[list[Any]]"
"""Weighted sums: for each gate a list of `hidden_size`."""

Cell: TypeAlias = Callable[[list[Any], State], State]


class _Recurrent(Module):
    gates: ClassVar[int]  # how many weighted sums of the inputs a cell makes for each output
    states: ClassVar[int] = 1  # how many numbers it carries for each output

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        seed: Seed = 0,
    ) -> None:
        who = type(self).__name__
        self.input_size = whole_number(f"{who}: input_size", input_size)
        self.hidden_size = whole_number(f"{who}: hidden_size", hidden_size)
        self.num_layers = whole_number(f"{who}: num_layers", num_layers)
        self.bias, self.bidirectional = bool(bias), bool(bidirectional)
        draws, bound, rows = generator(seed), 1 / math.sqrt(self.hidden_size), self.gates * self.hidden_size
        for layer, names in enumerate(self._names()):
            n_in = len(names) * self.hidden_size if layer else self.input_size
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, n_in), "weight_hh": (rows, self.hidden_size)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {}
            for name in names:
                for tensor, shape in shapes.items():
                    label = f"{tensor[0]}{tensor[-3:]}_{name}"  # w_ih_l0
                    setattr(self, f"{tensor}_{name}", parameters(draws.uniform(-bound, bound, shape), label))

    def _names(self) -> list[list[str]]:
        """How the names of each cell's tensors end, layer by layer."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return [[f"l{layer}{direction}" for direction in directions] for layer in range(self.num_layers)]

    def __call__(self, inputs: Any, /, hx: Any = None) -> tuple[list[Any], Any]:
        """The outputs for a sequence, and the states after it, beginning with the states `hx`; see the class.

        Raises ValueError for a sequence or states of another shape, TypeError if something is not a number.
        """
        who, shape, names = type(self).__name__, ("L", self.input_size), self._names()
        rows = inputs
        if hasattr(inputs, "shape_to_map"):  # an array that is traced: a loop reads it where it lies
            check_shape(inputs.shape, who, shape)
        else:
            rows = read(inputs, who, shape)
        first = self._first(hx, len(names) * len(names[0]))
        if self.bidirectional:
            last: list[State] = []
            for layer, pair in enumerate(names):
                sides = [
                    _run(rows, [self._cell(name)], [first[2 * layer + i]], reverse=bool(i))
                    for i, name in enumerate(pair)
                ]
                last += [state for [state], _ in sides]
                rows = np.concatenate([outputs for _, outputs in sides], axis=1)
        else:
            last, rows = _run(rows, [self._cell(name) for [name] in names], first)
        self._pre_activations = rows
        outputs: list[Any] = rows.tolist()
        states = tuple([list(part) for part in zip(*last)])
        return outputs, states if self.states > 1 else states[0]

    def _first(self, hx: Any, cells: int) -> list[State]:
        """The state of each cell before the first row."""
        who, shape = type(self).__name__, (cells, self.hidden_size)
        names = ("hx",) if self.states == 1 else ("h_0", "c_0")
        if hx is None:
            hx = (np.zeros(shape),) * self.states
        elif self.states == 1:
            hx = (hx,)
        elif not isinstance(hx, (tuple, list)) or len(hx) != self.states:
            raise ValueError(f"{who} expects hx, the states before the first row, as a pair (h_0, c_0), got {hx!r:.60}")
        return list(zip(*[read(part, who, shape, name).tolist() for part, name in zip(hx, names)]))

    def _cell(self, name: str) -> Cell:
        """The cell whose tensors have names that end so."""
        from_inputs, from_state = self._sums("ih", name), self._sums("hh", name)
        return lambda x, state: self._next(from_inputs(x), from_state(state[0]), *state)

    def _sums(self, kind: str, name: str) -> Callable[[list[Any]], Sums]:
        """What makes `weight · numbers + bias` of numbers."""
        rows = Rows([tuple(row) for row in getattr(self, f"weight_{kind}_{name}")])
        bias, n = getattr(self, f"bias_{kind}_{name}") if self.bias else None, self.hidden_size

        def sums(numbers: list[Any]) -> Sums:
            zs = rows.dots(tuple(numbers))
            zs = zs if bias is None else _added(zs, bias)
            return [zs[i : i + n] for i in range(0, len(zs), n)]

        return sums

    @abstractmethod
    def _next(self, from_inputs: Sums, from_state: Sums, *state: list[Any]) -> State:
        """The new state of a cell from the old one and the weighted sums of the inputs and of the old outputs."""

    def __repr__(self) -> str:
        settings = [f"{self.input_size} -> {self.hidden_size}{self._described()}"]
        settings += [f"num_layers={self.num_layers}"] * (self.num_layers > 1)
        settings += ["bidirectional=True"] * self.bidirectional
        return f"{type(self).__name__}({', '.join([*settings, parameter_count(self)])})"

    def _described(self) -> str:
        """What a repr says after the sizes."""
        return ""


class RNN(_Recurrent):
    """Elman's recurrent layer: h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh) for one row x after the other.

    Elman, "Finding Structure in Time", 1990. `nonlinearity` is a name (see `ACTIVATIONS`), a primitive of one number,
    or None for none.

    A sample is a sequence (L, input_size), of any length L. Called with it, the unit returns a pair: the outputs (L,
    hidden_size), which are the h of all rows, and the h after the last row (num_layers, hidden_size). A second argument
    `hx`, shaped like that, is the h before the first row, else it is 0. So a long sequence can be taken in parts.

    Each of the `num_layers` layers reads the outputs of the one before it. With `bidirectional` a layer has a second
    half that reads the rows from the last to the first: the outputs are (L, 2 hidden_size), those of both halves side
    by side, and of the states there are two for each layer.

    The tensors are `weight_ih_l0` (hidden_size, input_size), `weight_hh_l0` (hidden_size, hidden_size), `bias_ih_l0`
    and `bias_hh_l0` (hidden_size,), or no biases with `bias=False`; l1, l2 ... for the further layers, and
    `weight_ih_l0_reverse` and so on for the other direction. All are drawn from `seed`, uniformly between
    ±1/√hidden_size. In `deltas()` stand those of the outputs.

    Raises TypeError or ValueError if a size is not a whole number of at least 1, or for an unknown nonlinearity; in a
    call if the shape is another.

    Here h' is h/2 + x:

    >>> unit = RNN(1, 1, nonlinearity=None, bias=False)
    >>> unit.load_arrays({"weight_ih_l0": [[1.0]], "weight_hh_l0": [[0.5]]})
    >>> outputs, h = unit([[4.0], [0.0], [1.0]])
    >>> [y.data for [y] in outputs], h[0][0].data
    ([4.0, 2.0, 2.0], 2.0)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: str | Primitive | None = "tanh",
        bias: bool = True,
        bidirectional: bool = False,
        seed: Seed = 0,
    ) -> None:
        self.nonlinearity = resolve_activation(nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, bias=bias, bidirectional=bidirectional, seed=seed)

    def _next(self, from_inputs: Sums, from_state: Sums, *state: list[Any]) -> State:
        zs = _added(from_inputs[0], from_state[0])
        return (zs if self.nonlinearity is None else list(map(self.nonlinearity, zs)),)

    def _described(self) -> str:
        return f" {self.nonlinearity.name}" if self.nonlinearity else ""


class LSTM(_Recurrent):
    """Long short-term memory: a recurrent layer with a memory c, which gates protect from forgetting.

    Hochreiter and Schmidhuber, 1997, with the forget gate of Gers, Schmidhuber and Cummins, "Learning to Forget", 2000.
    With z = W_ih x + b_ih + W_hh h + b_hh for each of the gates i, f, g and o, in this order in the tensors,

    c' = sigmoid(f) c + sigmoid(i) tanh(g) and h' = sigmoid(o) tanh(c').

    The tensors of each layer have 4 hidden_size rows, and a state is a pair (h, c) of the shape that `RNN` has for h,
    as a result and as `hx`. All else is as for `RNN`.

    >>> outputs, (h, c) = LSTM(2, 3)([[1.0, 2.0], [3.0, 4.0]])
    >>> np.shape(outputs), np.shape(h), np.shape(c), outputs[-1] == h[0]
    ((2, 3), (1, 3), (1, 3), True)
    """

    gates, states = 4, 2

    def _next(self, from_inputs: Sums, from_state: Sums, *state: list[Any]) -> State:
        gates = zip(*map(_added, from_inputs, from_state), state[1])
        memory, opened = [], []
        for i, f, g, o, c in gates:
            memory.append(sigmoid(f) * c + sigmoid(i) * tanh(g))
            opened.append(sigmoid(o) * tanh(memory[-1]))
        return opened, memory


class GRU(_Recurrent):
    """Gated recurrent unit: a recurrent layer that takes over a part of its new state and keeps the rest of the old.

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014. With a = W_ih x + b_ih and b = W_hh h
    + b_hh for each of r, z and n, in this order in the tensors,

    r = sigmoid(a_r + b_r), z = sigmoid(a_z + b_z), n = tanh(a_n + r b_n) and h' = (1 - z) n + z h.

    The tensors of each layer have 3 hidden_size rows. All else is as for `RNN`.

    >>> outputs, h = GRU(2, 3, num_layers=2, bidirectional=True)([[1.0, 2.0], [3.0, 4.0]])
    >>> np.shape(outputs), np.shape(h)
    ((2, 6), (4, 3))
    """

    gates = 3

    def _next(self, from_inputs: Sums, from_state: Sums, *state: list[Any]) -> State:
        outputs = []
        for a_r, a_z, a_n, b_r, b_z, b_n, h in zip(*from_inputs, *from_state, *state):
            r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
            outputs.append((1.0 - z) * tanh(a_n + r * b_n) + z * h)
        return (outputs,)


class FinalState(Module):
    """The final outputs of a recurrent unit, for what follows it in a Sequential: one list for the whole sequence.

    Of the pair that the unit returns it takes the h after the last row, of the last layer: (hidden_size,), or
    (2 hidden_size,) where the unit is bidirectional, the h of each direction after its own last row. Raises TypeError
    for anything but such a pair.

    >>> from nn import Sequential
    >>> model = Sequential(LSTM(1, 3, bidirectional=True), FinalState())
    >>> len(model([[1.0], [2.0]]))
    6
    """

    def __call__(self, inputs: Any, /) -> list[Any]:
        """The outputs of one sequence."""
        if not isinstance(inputs, tuple) or len(inputs) != 2:
            raise TypeError(f"FinalState expects the pair that a recurrent unit returns, got {type(inputs).__name__}")
        outputs, states = inputs
        h = states[0] if isinstance(states, tuple) else states
        directions = len(outputs[0]) // len(h[0])
        return [x for cell in h[-directions:] for x in cell]

    def __repr__(self) -> str:
        return "FinalState()"


def _run(rows: Grid, cells: Sequence[Cell], states: Any, reverse: bool = False) -> tuple[Any, Any]:
    """Take cells, each fed with the outputs of the one before, through the rows: the last states, and all outputs."""

    def step(states: list[State], row: Grid) -> tuple[list[State], Grid]:
        numbers, new = row.tolist(), []
        for cell, state in zip(cells, states):
            new.append(cell(numbers, state))
            numbers = new[-1][0]
        return new, grid(numbers)

    last, outputs = scan(step, list(states), rows, reverse=reverse)
    return last, outputs


def _added(xs: Sequence[Any], ys: Sequence[Any]) -> list[Any]:
    return [x + y for x, y in zip(xs, ys)]
