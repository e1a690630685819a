"""Laws of recurrent units: agreement with PyTorch, with themselves compiled and in parts, and errors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_engine import Value, check_gradients, dot, jit, value_and_grad, vmap
from autograd_engine.structure import flatten, map_leaves
from nn import GRU, LSTM, RNN, FinalState, Linear, Module, Sequential, load, save
from nn.recurrent import _Recurrent

Arrays = dict[str, Any]
UNITS: list[Any] = [RNN, LSTM, GRU]

# What PyTorch 2.13 computes in float64 for the units of FIXED: for each of them what `ours` returns.
STORED = Path(__file__).with_name("pytorch_recurrent.json")


def waves(shape: tuple[int, ...], start: float) -> Any:
    """Numbers from -1 to 1 without ties, the same everywhere."""
    return np.sin(start + np.arange(math.prod(shape))).reshape(shape)


def leaves(numbers: Any) -> Any:
    """The same array with a Value for each number."""
    return np.vectorize(Value, otypes=[object])(numbers)


def data(values: Any) -> Any:
    number = lambda x: x.data if isinstance(x, Value) else x  # noqa: E731
    return np.vectorize(number, otypes=[float])(np.array(values, dtype=object))


def gradients(values: Any) -> Any:
    return np.vectorize(lambda value: value.grad, otypes=[float])(np.array(values, dtype=object))


def flat(nested: Any) -> list[Any]:
    return list(np.array(nested, dtype=object).flat)


def parts(states: Any) -> list[Any]:
    """The states as a list: of h, or of h and c."""
    return list(states) if isinstance(states, tuple) else [states]


def first_states(unit: Any, numbers: Any = np.asarray) -> Any:
    """States to begin with, all different."""
    shape = (unit.num_layers * (1 + unit.bidirectional), unit.hidden_size)
    states = [numbers(waves(shape, 3.0 + i)) for i in range(unit.states)]
    return states[0] if len(states) == 1 else tuple(states)


def ours(unit: Any, sequence: Any) -> Arrays:
    """All that a forward and a backward pass leave behind."""
    inputs, hx = leaves(sequence), first_states(unit, leaves)
    outputs, states = unit(inputs, hx)
    ends = [*flat(outputs), *[x for part in parts(states) for x in flat(part)]]
    dot(ends, flat(waves((len(ends),), 0.5))).backward()
    found = {"outputs": data(outputs), "inputs": gradients(inputs)}
    found |= {f"state {i}": data(part) for i, part in enumerate(parts(states))}
    found |= {f"gradient of first state {i}": gradients(part) for i, part in enumerate(parts(hx))}
    return found | {f"gradient of {name}": gradients(tensor) for name, tensor in unit.tensors().items()}


def theirs(twin: Any, unit: Any, sequence: Any) -> Arrays:
    """The same by PyTorch, whose module gets the same state."""
    import torch

    def leaf(numbers: Any) -> Any:
        return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)

    twin = twin.double()
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in unit.arrays().items()})
    inputs, hx = leaf(sequence), first_states(unit, leaf)
    outputs, states = twin(inputs, hx)
    ends = torch.cat([outputs.flatten(), *[part.flatten() for part in parts(states)]])
    (ends * torch.from_numpy(waves((len(ends),), 0.5))).sum().backward()
    found = {"outputs": outputs.detach().numpy(), "inputs": inputs.grad.numpy()}
    found |= {f"state {i}": part.detach().numpy() for i, part in enumerate(parts(states))}
    found |= {f"gradient of first state {i}": part.grad.numpy() for i, part in enumerate(parts(hx))}
    return found | {f"gradient of {name}": tensor.grad.numpy() for name, tensor in twin.named_parameters()}


def assert_agree(found: Arrays, expected: Arrays) -> None:
    """To 1e-12 of the largest number of each array."""
    assert found.keys() == expected.keys()
    for name in found:
        reference = np.asarray(expected[name])
        assert found[name].shape == reference.shape, name
        scale = max(1.0, np.abs(reference).max(initial=0.0))
        np.testing.assert_allclose(found[name], reference, rtol=1e-12, atol=1e-12 * scale, err_msg=name)


# --- PyTorch ------------------------------------------------------------------------------------------------------

FIXED: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("RNN", {}),
    "rnn of two layers": ("RNN", {"num_layers": 2, "nonlinearity": "relu", "bias": False}),
    "lstm": ("LSTM", {}),
    "lstm in both directions": ("LSTM", {"num_layers": 2, "bidirectional": True}),
    "gru": ("GRU", {"num_layers": 2}),
    "gru in both directions": ("GRU", {"bidirectional": True}),
}


def fixed(name: str) -> tuple[Any, Any]:
    kind, options = FIXED[name]
    unit = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}[kind](2, 2, **options)
    unit.load_arrays({name: waves(array.shape, i + 1.0) for i, (name, array) in enumerate(unit.arrays().items())})
    return unit, waves((3, 2), 2.0)


@pytest.mark.parametrize("name", FIXED)
def test_units_agree_with_the_stored_numbers_of_pytorch(name: str) -> None:
    assert_agree(ours(*fixed(name)), json.loads(STORED.read_text())[name])


@pytest.mark.parametrize("name", FIXED)
def test_the_stored_numbers_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    kind, options = FIXED[name]
    stored = {key: np.array(numbers) for key, numbers in json.loads(STORED.read_text())[name].items()}
    assert_agree(stored, theirs(getattr(torch.nn, kind)(2, 2, **options), *fixed(name)))


@settings(max_examples=30)
@given(
    st.sampled_from(UNITS),
    st.tuples(*[st.integers(1, 3)] * 3),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_units_agree_with_pytorch(
    kind: Any, sizes: tuple[int, int, int], length: int, bias: bool, bidirectional: bool, seed: int
) -> None:
    torch = pytest.importorskip("torch")
    unit = kind(*sizes, bias=bias, bidirectional=bidirectional, seed=seed)
    twin = getattr(torch.nn, kind.__name__)(*sizes, bias=bias, bidirectional=bidirectional)
    assert list(unit.arrays()) == list(twin.state_dict())
    sequence = np.random.default_rng(seed).normal(size=(length, sizes[0]))
    assert_agree(ours(unit, sequence), theirs(twin, unit, sequence))


@pytest.mark.parametrize("kind", UNITS)
def test_weights_start_where_those_of_pytorch_do(kind: Any) -> None:
    numbers = np.concatenate([array.ravel() for array in kind(3, 25, num_layers=2, seed=1).arrays().values()])
    assert -0.2 < numbers.min() < -0.199
    assert 0.199 < numbers.max() < 0.2
    assert abs(numbers.mean()) < 0.005
    again = kind(3, 25, num_layers=2, seed=np.random.default_rng(1)).parameters()
    assert [x.data for x in again] == numbers.tolist()


# --- the same in other ways ---------------------------------------------------------------------------------------


def function_of(unit: Any) -> Callable[..., Any]:
    """A number from a unit, as a function of its tensors, a sequence and the first states."""

    def f(tensors: Any, sequence: Any, hx: Any) -> Any:
        for name, tensor in tensors.items():
            setattr(unit, name, tensor if isinstance(tensor, list) else tensor.tolist())
        outputs, states = unit(sequence, hx)
        ends = [*flat(outputs), *[x for part in parts(states) for x in flat(part)]]
        return dot(ends, waves((len(ends),), 0.5).tolist())

    return f


@pytest.mark.parametrize("kind", UNITS)
def test_gradients_agree_with_finite_differences(kind: Any) -> None:
    """On plain numbers in place of the Values."""
    unit = kind(1, 1, seed=1)
    tensors = {name: array.tolist() for name, array in unit.arrays().items()}
    check_gradients(function_of(unit), tensors, waves((2, 1), 2.0), first_states(unit))


@pytest.mark.parametrize("length", [5, 20])
@pytest.mark.parametrize("name", FIXED)
def test_compiled_it_is_the_same(name: str, length: int) -> None:
    """Bit for bit with `exact`, but for the gradients of a loop, which are added up in another order."""
    unit, _ = fixed(name)
    arguments: Any = unit.arrays(), waves((length, 2), 2.0), first_states(unit)
    f = value_and_grad(function_of(unit), argnums=(0, 1, 2))
    value, slopes = flatten(f(*arguments))[0][0], flatten(f(*arguments))[0][1:]
    sequences = np.stack([arguments[1] * k for k in (0.5, 1.0, 2.0)])
    of_samples = jit(vmap(f, in_axes=(None, 0, None)), exact=True)(arguments[0], sequences, arguments[2])
    for found in (jit(f, exact=True)(*arguments), map_leaves(lambda array: array[1], of_samples)):
        numbers = flatten(found)[0]
        assert numbers[0] == value
        assert numbers[1:] == (slopes if length == 5 else pytest.approx(slopes, rel=1e-12, abs=1e-13))


@pytest.mark.parametrize("kind", UNITS)
def test_compiled_it_is_one_loop_however_long_the_sequence_is(kind: Any) -> None:
    model = Sequential(kind(1, 2, num_layers=3), FinalState())

    def f(tensors: Any, sequence: Any) -> Any:
        for name, tensor in tensors.items():
            setattr(model[0], name, tensor.tolist())
        return model(sequence)[0]

    arrays = model[0].arrays()

    def lines(length: int) -> list[str]:
        return str(jit(f).program(arrays, waves((length, 1), 1.0))).split("\n")

    short, long = lines(20), lines(80)
    assert len(short) == len(long)
    assert sum("= loop, " in line for line in short) == 1


@pytest.mark.parametrize("kind", UNITS)
def test_a_sequence_may_be_taken_in_parts(kind: Any) -> None:
    unit, sequence = kind(2, 3, num_layers=2, seed=1), waves((7, 2), 0.0)
    outputs, states = unit(sequence)
    first, between = unit(sequence[:3])
    second, after = unit(sequence[3:].tolist(), hx=between)
    assert data([*first, *second]).tolist() == data(outputs).tolist()
    assert data(parts(after)).tolist() == data(parts(states)).tolist()


@pytest.mark.parametrize("kind", UNITS)
def test_the_final_state_is_that_of_each_direction(kind: Any) -> None:
    for layers in (1, 2):
        unit = kind(2, 3, layers)
        pair = unit(waves((4, 2), 0.0))
        assert FinalState()(pair) == pair[0][-1]
        unit = kind(2, 3, layers, bidirectional=True)
        pair = unit(waves((4, 2), 0.0))
        assert FinalState()(pair) == [*pair[0][-1][:3], *pair[0][0][3:]]


def test_deltas_are_those_of_the_outputs() -> None:
    model = Sequential(GRU(1, 3, seed=1), FinalState(), Linear(3, 1, seed=2))
    model([[1.0], [2.0]])[0].backward()
    deltas = model.deltas()
    assert deltas["0"].shape == (2, 3)
    assert deltas["0"][1].tolist() == model.arrays()["2.weight"][0].tolist()


@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bias": False}, {"bidirectional": True}])
def test_what_is_loaded_is_what_was_saved(kind: Any, options: dict[str, Any], tmp_path: Path) -> None:
    n_out = 3 * (1 + options.get("bidirectional", False))
    model = Sequential(kind(2, 3, seed=5, **options), FinalState(), Linear(n_out, 1))
    save(model, tmp_path / "model")
    loaded: Any = load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    sequence = waves((3, 2), 0.0)
    assert loaded(sequence)[0].data == model(sequence)[0].data


def test_reprs_show_sizes() -> None:
    assert repr(RNN(2, 3)) == "RNN(2 -> 3 tanh, 21 parameters)"
    assert repr(RNN(2, 3, nonlinearity=None)) == "RNN(2 -> 3, 21 parameters)"
    assert repr(LSTM(2, 3, 2, bias=False)) == "LSTM(2 -> 3, num_layers=2, 132 parameters)"
    assert repr(GRU(2, 3, bidirectional=True)) == "GRU(2 -> 3, bidirectional=True, 126 parameters)"
    assert repr(FinalState()) == "FinalState()"


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RNN(0, 1), ValueError, "^RNN: input_size must be at least 1, got 0$"),
        (lambda: LSTM(1, 1.5), TypeError, r"^LSTM: hidden_size must be a whole number, got 1\.5$"),
        (lambda: GRU(1, 1, 0), ValueError, "^GRU: num_layers must be at least 1, got 0$"),
        (lambda: RNN(1, 1, nonlinearity="rellu"), ValueError, "^unknown activation 'rellu'"),
        (lambda: RNN(2, 1)([1.0, 2.0]), ValueError, r"^RNN expects input of shape \(L, 2\), got \(2,\)$"),
        (lambda: RNN(2, 1)([[1.0], [2.0]]), ValueError, r"^RNN expects input of shape \(L, 2\), got \(2, 1\)$"),
        (lambda: jit(RNN(2, 1))(np.ones((9, 3))), ValueError, r"^RNN expects input of shape \(L, 2\), got \(9, 3\)$"),
        (lambda: RNN(1, 1)([]), ValueError, r"^RNN expects input of shape \(L, 1\), got \(0,\)$"),
        (lambda: RNN(1, 1)([["a"]]), TypeError, "^RNN expects numbers: expected a real number"),
        (
            lambda: GRU(1, 3, 2)([[1.0]], np.zeros((1, 3))),
            ValueError,
            r"^GRU expects hx of shape \(2, 3\), got \(1, 3\)$",
        ),
        (
            lambda: LSTM(1, 3)([[1.0]], np.zeros((1, 3))),
            ValueError,
            r"^LSTM expects hx, the states before the first row, as a pair \(h_0, c_0\), got array",
        ),
        (
            lambda: LSTM(1, 3)([[1.0]], (np.zeros((1, 3)), np.zeros((1, 2)))),
            ValueError,
            r"^LSTM expects c_0 of shape \(1, 3\), got \(1, 2\)$",
        ),
        (
            lambda: FinalState()([1.0]),
            TypeError,
            "^FinalState expects the pair that a recurrent unit .*, got list$",
        ),
    ],
)
def test_what_is_wrong_is_an_error_that_names_it(call: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_every_recurrent_unit_is_tested() -> None:
    assert set(UNITS) == set(_Recurrent.__subclasses__())
    assert all(issubclass(kind, Module) for kind in UNITS)
