"""The playground without a browser: what can be set, what is trained, what is answered, who is let in."""

import http.client
import itertools
import json
import math
import re
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from autograd_engine.primitives import identity
from nn.command_line.main import main
from nn.datasets import DataError
from nn.json_text import to_json
from nn.modules import ACTIVATIONS, resolve_activation
from nn.optimizers import OPTIMIZERS
from nn.playground import frames, server, session
from nn.playground.data import EXTENT, FEATURES, GENERATED, MOST_POINTS, features, generate, pasted, split
from nn.playground.engine import PENALTIES, Engine, Network, engine_of
from nn.playground.frames import NEURON_SIDE, OUTPUT_SIDE
from nn.playground.inspection import Selection, inspect, run_sample
from nn.playground.kinds import SettingsError
from nn.playground.landscape import SIDE, landscape
from nn.playground.script import script
from nn.playground.session import LARGEST_MESSAGE, Session, welcome
from nn.playground.settings import MOST_LAYERS, Settings, ranges
from nn.playground.training import LONGEST_TRAIL, Trail, Training
from tests.browser import SECONDS
from tests.nn.playground.playground_server import serving

SMALL = Settings(hidden=(3,), samples=40)


def sent(session, type, **arguments):
    """The answers to a message: objects, and frames taken apart."""
    answers = session.answer(json.dumps({"type": type, **arguments}))
    return [taken_apart(answer) if isinstance(answer, bytes) else answer for answer in answers]


def taken_apart(frame):
    header, _, rest = frame.partition(b"\n")
    assert (len(header) + 1) % 8 == 0
    found, start = json.loads(header), 0
    for name, kind, shape in found.pop("arrays"):
        array = np.frombuffer(rest, dtype=kind, count=math.prod(shape), offset=start).reshape(shape)
        found[name] = array
        start += array.nbytes
    assert start == len(rest)
    return found


def error_of(answers):
    [answer] = answers
    assert answer["type"] == "error"
    assert "\n" not in answer["message"]
    return answer["message"]


# settings

numbers = st.floats(-1, 1).map(lambda x: float(f"{x:g}"))
points = st.lists(st.tuples(numbers, numbers, numbers), max_size=20).map(tuple)
any_settings = st.builds(
    Settings,
    problem=st.sampled_from(["classification", "regression"]),
    data=st.sampled_from([*GENERATED, "own"]),
    samples=st.integers(10, 60),
    noise=st.floats(0, 0.5),
    train=st.floats(0.1, 0.9),
    seed=st.integers(0, 999_999),
    points=points,
    features=st.lists(st.sampled_from(FEATURES), min_size=1, max_size=4),
    hidden=st.lists(st.integers(1, 4), max_size=3),
    activation=st.sampled_from(ACTIVATIONS),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    lr=st.floats(1e-6, 1),
    penalty=st.sampled_from(["none", "l1", "l2"]),
    rate=st.floats(0, 10),
    batch=st.integers(1, 50),
)


@given(any_settings, st.data())
def test_settings_survive_the_url_and_json(chosen, data):
    n = chosen.n_parameters
    weights = data.draw(st.one_of(st.just(()), st.lists(st.floats(-1e6, 1e6), min_size=n, max_size=n)))
    chosen = chosen.changed({"weights": weights})
    assert Settings.from_query(chosen.query()) == chosen
    again = Settings().changed(json.loads(json.dumps(chosen.as_json())))
    assert again == chosen.changed({"weights": ()})


def test_the_defaults_need_no_query():
    assert Settings().query() == ""
    assert Settings.from_query("") == Settings()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("colour=red", "there is no setting 'colour'"),
        ("data=mars", "data must be one of circle, xor"),
        ("noise=2", "noise must be a number from 0 to 0.5, got 2"),
        ("noise=much", "noise must be a number from 0 to 0.5, got 'much'"),
        ("noise=nan", "noise must be a number"),
        ("lr=1e999", "lr must be a number from 1e-06 to 100, got inf"),
        ("batch=2.5", "batch must be a whole number from 1 to 500, got 2.5"),
        ("hidden=9", "hidden: each width must be a whole number from 1 to 8, got 9"),
        ("hidden=1,1,1,1,1,1,1", "hidden must be a list of at most 6 widths"),
        ("features=", "features must be a list of at least one of x1"),
        ("features=x3", "features must be a list of at least one of x1"),
        ("points=1,2", "points: point 0 must be x1 and x2 from -6 to 6 and a target from -1 to 1"),
        ("points=1,7,0", "points: point 0"),
        ("weights=AAAA", "weights must be a list of finite numbers"),
        ("weights=%F0", "weights must be a list of finite numbers"),
        ("weights=AAAAAAAAAAA=", "weights must be 51 numbers for this network, got 1"),
        ("seed=1" + "0" * 60_000, "the link is too long"),
    ],
)
def test_what_is_not_possible_in_a_url_is_said_in_one_sentence(query, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        Settings.from_query(query)


@pytest.mark.parametrize("wrong", [True, None, "1", [[]], {}, 10**400, -1, 0.5])
@pytest.mark.parametrize("name", ["samples", "hidden", "points", "features", "data", "weights"])
def test_a_setting_of_a_wrong_type_is_refused(name, wrong):
    with pytest.raises(SettingsError, match=name):
        Settings().changed({name: wrong})


def test_too_much_is_refused():
    with pytest.raises(SettingsError, match=f"at most {MOST_POINTS} points"):
        Settings(points=((0, 0, 1),) * (MOST_POINTS + 1))
    with pytest.raises(SettingsError, match=f"at most {MOST_LAYERS} widths"):
        Settings(hidden=(1,) * (MOST_LAYERS + 1))


def test_weights_go_where_the_network_changes_and_stay_elsewhere():
    chosen = Settings(hidden=(), weights=(1.0, 2.0, 3.0))
    assert chosen.changed({"lr": 0.5}).weights == (1.0, 2.0, 3.0)
    assert chosen.changed({"hidden": [2]}).weights == ()


def test_the_page_is_told_what_is_possible():
    assert ranges()["noise"] == {"low": 0, "high": 0.5}
    assert ranges()["activation"]["options"] == ACTIVATIONS
    assert welcome()["previews"].keys() == set(GENERATED)
    json.loads(to_json(welcome()))


# data


@pytest.mark.parametrize("name", GENERATED)
def test_points_are_where_the_page_shows_them_and_the_same_again(name):
    X, y = generate(name, samples=200, noise=0.0, seed=3)
    again = generate(name, samples=200, noise=0.0, seed=3)
    assert X.shape == (200, 2)
    assert np.abs(X).max() <= EXTENT
    assert np.abs(y).max() <= 1
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert 0.3 < np.mean(y > 0) < 0.7 or name == "hills"


@pytest.mark.parametrize("name", GENERATED)
def test_noise_moves_the_points_and_leaves_the_targets(name):
    (X, y), (noisy, targets) = (generate(name, samples=400, noise=noise, seed=0) for noise in (0.0, 0.2))
    np.testing.assert_array_equal(y, targets)
    assert np.std(noisy - X) == pytest.approx(0.4, rel=0.1)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(DataError, match="there is no data set 'mars'; choose one of circle"):
        generate("mars", samples=10, noise=0.0, seed=0)


@given(st.integers(1, 60), st.floats(0.1, 0.9), st.integers(0, 5))
def test_a_split_has_every_row_once(n, train, seed):
    kept, held_out = split(n, train, seed)
    assert sorted([*kept, *held_out]) == list(range(n))
    assert len(kept) == max(round(train * n), 1)


def test_features_are_what_they_are_called():
    X = np.array([[0.5, -2.0]])
    expected = [0.5, -2.0, 0.25, 4.0, -1.0, math.sin(0.5), math.sin(-2.0)]
    np.testing.assert_allclose(features(X, FEATURES), [expected])


def test_pasted_points_of_two_classes():
    assert pasted("a;b;kind\n1;2;yes\n-3;0.5;no\n").points == ((1.0, 2.0, 1.0), (-3.0, 0.5, -1.0))


def test_pasted_numbers_are_scaled_into_the_square():
    found = np.array(pasted("a,b,price\n0,0,10.5\n100,1,20.5\n200,2,30.5\n").points)
    np.testing.assert_allclose(found, [[-5, 0, -1], [0, 1, 0], [5, 2, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the pasted CSV: the file is empty"),
        ("a,b,c", "the pasted CSV: there are no rows"),
        ("1,2,3\n4,5,6", "row 1 holds numbers only"),
        ("a,b\n1,2", "must have three columns, x1, x2 and the target; it has 2"),
        ("a,b,c,d\n1,2,3,4", "it has 4"),
        ("a,b,c\n1,x,yes", "row 2, column 'b': 'x' is not a number"),
        ("a,b,c\n1,1e999,yes", "row 2, column 'b'"),
        ("a,b,c\n1,2,x\n1,2,y\n1,2,z", "3 classes in column 'c'; two can be told apart"),
        ("a,b,c\n" + "1,2,x\n1,2,y\n" * 251, "502 rows; at most 500"),
        ("<img src=x onerror=alert(1)>,b,c\n1,2", "row 2 has 2 cells, but the header has 3"),
        ("\ud800,b\n1,2,3", "row 2 has 3 cells"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused_in_one_sentence(text, message):
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        pasted(text)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet='0123456789.,;eE-+\n\t"ab\x00é', max_size=80))
def test_any_pasted_text_is_points_or_a_sentence(text):
    answers = sent(Session(), "paste", text="a,b,c\n" + text)
    if answers[0]["type"] == "error":
        assert "the pasted CSV" in error_of(answers)
    else:
        assert answers[0]["settings"]["data"] == "own"


# engine


def eager_engine(network):
    """The functions without a compiler: Values for the gradient, primitives on floats for the rest."""
    model = network.model()
    values = model.parameters()
    weights = [value for value, is_weight in zip(values, network.is_weight()) if is_weight]
    activation = resolve_activation(network.activation)
    activate = np.frompyfunc(activation or identity, 1, 1)
    judge = np.frompyfunc(network.loss, 2, 1)

    def gradient(parameters, X, y, rate):
        for value, number in zip(values, parameters.tolist()):
            value.data, value.grad = number, 0.0
        for x, target in zip(X.tolist(), y.tolist()):
            network.loss(model(x)[0], target).backward(1.0 / len(X))
        if network.penalty != "none":
            (rate * PENALTIES[network.penalty](weights)).backward()
        return np.array([value.grad for value in values])

    def activations(parameters, X):
        outputs, found = X.T, []
        layers = network.tensors(parameters)
        with np.errstate(all="ignore"):
            for i, (rows, biases) in enumerate(layers):
                outputs = np.stack(rows) @ outputs + biases[:, None]
                if i < len(layers) - 1:
                    outputs = activate(outputs).astype(np.float64)
                found.append(outputs)
        return np.concatenate(found)

    def outputs(parameters, X):
        return activations(parameters, X)[-1]

    def losses(parameters, X, y):
        with np.errstate(all="ignore"):
            return np.asarray(judge(outputs(parameters, X), y), dtype=np.float64)

    return Engine(network, gradient, losses, outputs, activations)


@pytest.mark.parametrize("problem", ["classification", "regression"])
@pytest.mark.parametrize("penalty", ["none", "l1", "l2"])
@pytest.mark.parametrize("activation", ["tanh", "softplus", "linear"])
@pytest.mark.parametrize("make", [eager_engine, engine_of], ids=["eager", "as used"])
def test_the_gradient_is_that_of_the_losses(problem, penalty, activation, make):
    network = Network(2, (3, 1), activation, problem, penalty)
    engine = make(network)
    draws = np.random.default_rng(0)
    X, y = draws.normal(size=(4, 2)), draws.uniform(-1, 1, 4)
    targets, parameters, rate = network.targets(y), draws.normal(size=13), 0.1
    mask = network.is_weight()

    def objective(flat):
        power = {"none": np.zeros_like, "l1": np.abs, "l2": np.square}[penalty]
        return engine.losses(flat, X, targets).mean() + rate * power(flat[mask]).sum()

    h = 1e-5
    steps = h * np.eye(13)
    expected = [(objective(parameters + step) - objective(parameters - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(engine.gradient(parameters, X, targets, rate), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_the_engine_computes_what_the_module_does(activation, problem):
    network = Network(2, (4, 3, 1), activation, problem, "none")
    model = network.model(seed=5)
    parameters = np.array([value.data for value in model.parameters()])
    X = np.random.default_rng(1).normal(size=(7, 2))
    y = network.targets(np.random.default_rng(2).uniform(-1, 1, 7))
    eager = eager_engine(network)
    for engine in (eager, engine_of(network)):
        np.testing.assert_allclose(engine.losses(parameters, X, y), eager.losses(parameters, X, y), rtol=1e-12)
        found = engine.activations(parameters, X)
        assert found.shape == (8, 7)
        np.testing.assert_allclose(engine.outputs(parameters, X), found[-1], rtol=1e-12)
        np.testing.assert_allclose(found[-1], [model(x)[0].data for x in X], rtol=1e-12)


def test_engines_are_shared():
    network = Network(2, (1,), "tanh", "regression", "none")
    assert engine_of(network) is engine_of(network)


def test_parameters_are_in_the_order_of_the_module():
    network = Network(2, (3, 1), "tanh", "regression", "none")
    parameters = np.arange(13.0)
    model = Training(Settings(hidden=(3,), weights=tuple(parameters))).loaded_model()
    for (rows, biases), layer in zip(network.tensors(parameters), model.layers):
        assert [list(row) for row in rows] == [[w.data for w in neuron.weight] for neuron in layer.neurons]
        assert list(biases) == [neuron.bias.data for neuron in layer.neurons]
    assert network.is_weight().sum() == 9


# training


def test_it_learns_the_moons():
    training = Training(Settings(optimizer="adam", lr=0.03, hidden=(4,), samples=100, batch=10))
    for _ in range(300):
        training.step()
    figures = training.figures()
    assert figures.train_accuracy >= 0.95
    assert figures.train_loss < 0.2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_goes_down_and_shows_its_memory(optimizer):
    training = Training(SMALL.changed({"optimizer": optimizer, "batch": 500}))
    before = training.figures().train_loss
    for _ in range(5):
        training.step()
    assert training.figures().train_loss < before
    assert bool(training.optimizer_state()) == (optimizer != "sgd")
    for array in training.optimizer_state().values():
        assert array.shape == training.parameters.shape


def test_settings_of_the_descent_change_without_a_restart():
    training = Training(SMALL)
    training.step()
    parameters = training.parameters
    training.change(SMALL.changed({"lr": 0.5}))
    assert training.optimizer.lr == 0.5
    training.change(SMALL.changed({"optimizer": "adam", "penalty": "l2"}))
    assert training.parameters is parameters
    assert type(training.optimizer).__name__ == "Adam"
    training.step()
    assert training.optimizer.steps == 1


def test_the_order_of_the_points_is_the_same_again():
    runs = [Training(SMALL) for _ in range(2)]
    for training in runs:
        for _ in range(7):
            training.step()
    np.testing.assert_array_equal(*[training.parameters for training in runs])


def test_epochs_count_how_often_each_point_was_seen():
    training = Training(SMALL.changed({"samples": 50, "batch": 10}))  # 25 to train with: 3 batches
    for _ in range(6):
        training.step()
    assert training.epoch == 2.0


def test_a_trail_stays_short_and_even():
    trail = Trail()
    for i in range(10 * LONGEST_TRAIL):
        trail.note(np.array([float(i)]))
    points = np.ravel(trail.points)
    assert len(points) <= LONGEST_TRAIL
    assert points[0] == 0
    assert len(set(np.diff(points))) == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_last_change_is_what_the_last_step_did(optimizer):
    training = Training(SMALL.changed({"optimizer": optimizer}))
    assert not training.last_change().any()
    for _ in range(3):
        before = training.parameters
        training.step()
    np.testing.assert_array_equal(training.last_change(), training.parameters - before)
    if optimizer == "sgd":
        np.testing.assert_allclose(training.last_change(), -SMALL.lr * training.gradient, atol=1e-15)
    change = training.last_change()
    training.set_parameter(0, 5.0)  # by hand: that was no step
    np.testing.assert_array_equal(training.last_change(), change)
    frame = taken_apart(frames.frame(training))
    np.testing.assert_array_equal(frame["change"], change)
    np.testing.assert_array_equal(frame["gradient"], training.gradient)


def test_nothing_to_train_with_is_said():
    training = Training(Settings(data="own"))
    assert np.isnan(training.figures()).all()
    assert training.epoch == 0
    with pytest.raises(SettingsError, match="there are no points to train with"):
        training.step()


def test_a_single_own_point_can_be_learnt():
    training = Training(Settings(data="own", points=((1, 2, 1),), hidden=()))
    before = training.figures()
    training.step()
    assert training.figures().train_loss < before.train_loss
    assert math.isnan(before.test_loss)


# inside


@pytest.mark.parametrize("selection", [Selection(0, 2), Selection(0, 2, 1), Selection(1, 0), Selection(1, 0, 3)])
def test_an_inspection_shows_the_gradient_that_trains(selection):
    training = Training(SMALL)
    found = inspect(training, selection, sample=4)
    X, y = training.train.inputs[4:5], training.train.targets[4:5]
    gradient = training.engine.gradient(training.parameters, X, y, 0.0)
    for parameter in found["parameters"]:
        assert parameter["gradient"] == pytest.approx(gradient[parameter["index"]], rel=1e-12)
        assert parameter["value"] == training.parameters[parameter["index"]]
        assert parameter["gradient"] == pytest.approx(parameter["input"] * found["delta"], rel=1e-12)
    assert found["loss"] == pytest.approx(training.engine.losses(training.parameters, X, y)[0], rel=1e-12)
    assert found["svg"].startswith("<svg")
    assert found["name"] in found["svg"]
    assert f"d loss/d {found['name']} = " in found["rule"]
    assert [len(layer) for layer in found["deltas"]] == [3, 1]


def test_the_chain_rule_ends_in_the_gradient():
    training = Training(SMALL)
    found = inspect(training, Selection(0, 0, 0), sample=0)
    last = re.search(r"= \S+ · \S+\s+= (\S+)\n", found["rule"])
    assert float(last[1]) == pytest.approx(found["gradient"], rel=1e-3)


def test_the_chain_rule_of_a_neuron_goes_on_to_its_delta():
    found = inspect(Training(SMALL), Selection(0, 1), sample=0)
    names = re.findall(r"^d (\S+)/d (\S+) = d loss/d (\S+) · d (\S+)/d (\S+)$", found["rule"], re.MULTILINE)
    assert names == [
        ("loss", "a1[2]", "output", "output", "a1[2]"),
        ("loss", "z1[2]", "a1[2]", "a1[2]", "z1[2]"),
    ]
    numbers = [float(number) for number in re.findall(r"^ += \S+ · \S+\s+= (\S+)$", found["rule"], re.MULTILINE)]
    assert numbers[:2] == pytest.approx([found["gradient"], found["delta"]], rel=1e-3)
    assert "d a1[2]/d z1[2] = 1 - a1[2]²" in found["rule"]
    found = inspect(Training(SMALL.changed({"activation": "linear"})), Selection(0, 1), sample=0)
    assert "z1[2]" not in found["rule"]  # the sum is the output itself


def test_deltas_are_the_recursion_of_backpropagation():
    training = Training(SMALL)
    run = run_sample(training, 0)
    [output] = run.sums[1]
    for z, a, weight in zip(run.sums[0], run.outputs[0], run.model.layers[1].neurons[0].weight):
        assert z.grad == pytest.approx((1 - a.data**2) * weight.data * output.grad)


def test_names_count_from_one():
    assert Training(Settings(hidden=(2,))).names() == [
        *("w1[1,1]", "w1[1,2]", "w1[2,1]", "w1[2,2]", "b1[1]", "b1[2]"),
        *("w2[1,1]", "w2[1,2]", "b2[1]"),
    ]


def test_a_landscape_is_the_loss_over_two_weights():
    training = Training(SMALL)
    for _ in range(3):
        training.step()
    found = landscape(training, 0, 4)
    assert found.losses.shape == (SIDE, SIDE)
    assert found.trail.shape == (5, 2)
    (x0, x1), (y0, y1) = found.first, found.second
    parameters = training.parameters.copy()
    parameters[[0, 4]] = x1, y0
    expected = training.engine.losses(parameters, training.train.inputs, training.train.targets).mean()
    assert found.losses[0, -1] == pytest.approx(expected)
    assert (found.trail.min(axis=0) >= (x0, y0)).all()
    assert (found.trail.max(axis=0) <= (x1, y1)).all()


@pytest.mark.parametrize(
    "chosen",
    [
        Settings(hidden=(3,), samples=60, noise=0.05, features=("x1", "x2", "sin(x1)"), optimizer="nesterov", lr=0.1),
        Settings(hidden=(2, 2), samples=60, data="plane", problem="regression", penalty="l2", activation="relu"),
        Settings(data="own", points=((1, 2, 1), (-1, 0, -1), (0.5, 0.5, 1)), hidden=(), penalty="l1", optimizer="adam"),
    ],
    ids=["moons", "plane", "own"],
)
def test_the_script_runs_and_finds_the_same_losses(chosen, tmp_path):
    training = Training(chosen)
    for _ in range(5):
        training.step()
    file = tmp_path / "playground.py"
    file.write_text(script(training), encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    losses = [float(x) for x in re.findall(r"loss ([\d.]+),", done.stdout)]
    figures = training.figures()
    assert losses[:2] == pytest.approx([figures.train_loss, figures.test_loss], abs=1e-6)
    assert "after 10 more epochs" in done.stdout


def test_the_script_survives_weights_that_are_not_finite(tmp_path):
    training = Training(Settings(hidden=()))
    training.set_parameter(0, math.inf)
    training.set_parameter(1, math.nan)
    assert "from numpy import inf, nan" in script(training)
    compile(script(training), "playground.py", "exec")


# session


def test_open_answers_with_everything_a_page_shows():
    about, state, frame = sent(Session(), "open", query="hidden=3&samples=40")
    assert about["settings"]["hidden"] == (3,)
    assert len(about["train"]) == len(about["test"]) == 20
    assert len(about["names"]) == len(frame["weights"]) == 13
    assert state == {"type": "state", "playing": False, "query": "samples=40&hidden=3"}
    assert frame["maps"].shape == (4, NEURON_SIDE, NEURON_SIDE)
    assert frame["output"].shape == (OUTPUT_SIDE, OUTPUT_SIDE)
    assert frame["steps"] == 0


def test_a_link_that_is_not_possible_opens_the_usual_page_and_says_so():
    about, _, _, error = sent(Session(), "open", query="data=mars&hidden=9")
    assert about["settings"] == Settings().as_json()
    assert "data must be one of" in error_of([error])


def test_heat_maps_are_the_right_way_up():
    """x1 grows to the right, x2 upwards, and full colour is the class of the point."""
    weights = Settings(hidden=(), weights=(9.0, 0.0, 0.0)).query(), Settings(hidden=(), weights=(0.0, 9.0, 0.0)).query()
    (*_, right), (*_, up) = (sent(Session(), "open", query=query) for query in weights)
    assert right["output"][0, 0] == right["output"][-1, 0] == -127
    assert right["output"][0, -1] == 127
    assert up["output"][0, 0] == 127
    assert up["output"][-1, 0] == -127


def test_a_step_is_a_step_of_the_training():
    session = Session()
    sent(session, "open", query=SMALL.query())
    training = Training(SMALL)
    training.step()
    _, frame = sent(session, "step")
    assert frame["steps"] == 1
    np.testing.assert_array_equal(frame["weights"], training.parameters)
    assert frame["figures"] == pytest.approx(training.figures())
    *_, frame = sent(session, "reset")
    np.testing.assert_array_equal(frame["weights"], Training(SMALL).parameters)


@pytest.fixture
def clock(monkeypatch):
    """A clock of sessions on which 1/1024 s passes between two looks."""
    looks = itertools.count()
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: next(looks) / 1024))


@pytest.mark.usefixtures("clock")
def test_play_trains_and_pause_ends_it():
    session = Session()
    sent(session, "open", query=SMALL.query())
    [state] = sent(session, "play", speed=0)
    assert state["playing"]
    assert session.playing
    [frame] = session.advance(1 / 16)
    assert taken_apart(frame)["steps"] == 63
    state, _ = sent(session, "pause")
    assert not state["playing"]


@pytest.mark.usefixtures("clock")
def test_the_speed_is_kept():
    session = Session()
    sent(session, "open", query=SMALL.query())
    sent(session, "play", speed=100)
    session._since -= 0.1  # as if a tenth of a second had passed
    session.advance(10.0)
    assert session.training.steps == 10


@pytest.mark.usefixtures("clock")
def test_a_training_that_explodes_stops_and_says_so():
    session = Session()
    sent(session, "open", query="problem=regression&lr=100&hidden=4,4&activation=linear&samples=40")
    sent(session, "play", speed=0)
    for _ in range(200):
        frame, *rest = session.advance(0.02)
        if rest:
            break
    state, error = rest
    assert not state["playing"]
    assert "no longer finite" in error["message"]
    assert not session.playing
    taken_apart(frame)
    [inspection] = sent(session, "inspect", layer=0, neuron=0, input=None, sample=0)
    json.loads(to_json(inspection))


def test_descent_settings_go_on_and_others_begin_anew():
    session = Session()
    sent(session, "open", query=SMALL.query())
    sent(session, "step")
    *_, frame = sent(session, "change", changes={"lr": 0.1, "optimizer": "adam"})
    assert frame["steps"] == 1
    *_, frame = sent(session, "change", changes={"noise": 0.2})
    assert frame["steps"] == 0


def test_a_weight_can_be_set():
    session = Session()
    sent(session, "open", query=SMALL.query())
    assert taken_apart(session.frame())["fresh"]
    [frame] = sent(session, "set", index=3, number=1.25)
    assert frame["weights"][3] == 1.25
    assert not frame["fresh"]


def test_pasted_points_are_used():
    session = Session()
    about, state, _ = sent(session, "paste", text="a,b,c\n1,2,yes\n2,1,no\n")
    assert about["settings"]["data"] == "own"
    assert len(about["train"]) == 1
    assert "points=1%2C2%2C1+2%2C1%2C-1" in state["query"]


def test_the_last_point_may_be_taken_away_while_it_trains():
    session = Session()
    sent(session, "change", changes={"data": "own", "points": [[0, 0, 1]]})
    sent(session, "play", speed=0)
    _, state, _ = sent(session, "change", changes={"points": []})
    assert not state["playing"]
    assert "no points" in error_of(sent(session, "play", speed=0))
    assert "no points" in error_of(sent(session, "inspect", layer=0, neuron=0, input=None, sample=0))


def test_inspection_landscape_and_script_are_answered():
    session = Session()
    sent(session, "open", query=SMALL.query())
    [found] = sent(session, "inspect", layer=1, neuron=0, input=2, sample=1)
    assert found["name"] == "w2[1,3]"
    [found] = sent(session, "landscape", first=0, second=1)
    assert len(found["losses"]) == SIDE
    [found] = sent(session, "script")
    assert found["name"] == "playground.py"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the message is not JSON"),
        ("[" * 5000, "the message is not JSON"),
        ("1" * 5000, "the message is not JSON"),
        ("[]", "the message must be a JSON object"),
        ("{}", "must have a type, one of open, change"),
        ('{"type": "advance", "seconds": 1000}', "must have a type"),
        ('{"type": "__init__"}', "must have a type"),
        ('{"type": ["open"]}', "must have a type"),
        ('{"type": "open"}', "open takes query, got nothing"),
        ('{"type": "pause", "now": 1}', "pause takes nothing, got now"),
        (r'{"type": "pause", "\ud800": 1}', "pause takes nothing, got \ud800"),
        ('{"type": "open", "query": 1}', "query must be a text"),
        ('{"type": "paste", "text": 1}', "text must be a text"),
        ('{"type": "change", "changes": []}', "changes must be an object"),
        ('{"type": "play", "speed": 7}', "speed must be one of 1, 10"),
        ('{"type": "play", "speed": [0]}', "speed must be one of 1, 10"),
        ('{"type": "set", "index": 51, "number": 1}', "index must be a whole number from 0 to 50, got 51"),
        ('{"type": "set", "index": true, "number": 1}', "index must be a whole number"),
        ('{"type": "set", "index": 0, "number": NaN}', "number must be a number from -1e+06 to 1e+06, got nan"),
        ('{"type": "inspect", "layer": 3, "neuron": 0, "input": null, "sample": 0}', "layer must be"),
        ('{"type": "inspect", "layer": 0, "neuron": 0, "input": 3, "sample": 0}', "input must be"),
        ('{"type": "inspect", "layer": 0, "neuron": 0, "input": 2, "sample": 200}', "sample must be"),
        ('{"type": "landscape", "first": 1, "second": 1}', "two different"),
        ('{"type": "formula", "layer": 0, "neuron": 0, "rival": true}', "true only where there is a second network"),
        ('{"type": "formula", "layer": 0, "neuron": 9, "rival": false}', "neuron must be"),
        ('{"type": "open", "query": "' + "x" * LARGEST_MESSAGE + '"}', "the message is too long"),
    ],
)
def test_a_message_that_makes_no_sense_is_answered_with_one_sentence(text, message):
    session = Session()
    before = session.settings
    assert message in error_of(session.answer(text))
    assert session.settings == before


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(10**400)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
ARGUMENTS = {
    "open": ["query"],
    "change": ["changes"],
    "paste": ["text"],
    "play": ["speed"],
    "set": ["index", "number"],
    "inspect": ["layer", "neuron", "input", "sample"],
    "landscape": ["first", "second"],
    "flow": ["sample"],
    "formula": ["layer", "neuron", "rival"],
}
messages = st.one_of(
    st.text(max_size=30),
    json_values.map(json.dumps),
    st.sampled_from(list(ARGUMENTS))
    .flatmap(lambda name: st.fixed_dictionaries({"type": st.just(name), **dict.fromkeys(ARGUMENTS[name], json_values)}))
    .map(json.dumps),
    st.dictionaries(st.sampled_from(list(Settings().as_json())), json_values, max_size=3).map(
        lambda changes: json.dumps({"type": "change", "changes": changes})
    ),
)


@given(st.lists(messages, max_size=6))
@settings(max_examples=40)
def test_no_message_can_harm_a_session(texts):
    session = Session()
    session.answer('{"type": "open", "query": "hidden=&samples=10"}')
    for text in texts:
        for answer in session.answer(text):
            if isinstance(answer, dict):
                json.loads(to_json(answer))
    # It still works.
    assert [answer["type"] for answer in sent(session, "open", query=SMALL.query())[:2]] == ["settings", "state"]
    assert sent(session, "step")[1]["steps"] == 1


# server


def opened(port):
    """A WebSocket to a session, from the page itself."""
    origin = f"http://127.0.0.1:{port}"
    return connect(f"ws://127.0.0.1:{port}/session", origin=origin, max_size=None, open_timeout=SECONDS)


def received(websocket, type):
    """The next message of this type; frames before it are passed over, and shown."""
    while True:
        message = websocket.recv(timeout=SECONDS)
        if isinstance(message, bytes):
            websocket.send(server.SHOWN)
        elif (found := json.loads(message))["type"] == type:
            return found


def response(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("GET", path, skip_host=True)
    for name, text in {"Host": f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name.replace("_", "-"), text)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode() if answer.status != 101 else ""
    connection.close()
    return answer, text


def test_the_page_and_its_parts_are_served(port):
    answer, text = response(port, "/")
    assert answer.status == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    parts = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert "main.js" in parts
    for part in [*parts, "network.js"]:
        assert response(port, f"/{part}")[0].status == 200
    assert response(port, "/../server.py")[0].status == 404


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://evil.example"}]
)
def test_other_hosts_and_origins_are_refused(port, headers):
    answer, text = response(port, "/", **headers)
    assert answer.status == 403
    assert "this computer only" in text


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
    ],
)
def test_a_websocket_of_another_site_is_refused(port, headers):
    if "Host" in headers:
        headers = {**headers, "Origin": f"http://127.0.0.1:{port}"}
    assert response(port, "/session", **UPGRADE, **headers)[0].status == 403


def test_localhost_is_the_same(port):
    names = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert response(port, "/session", **UPGRADE, **names)[0].status == 101


def test_two_pages_have_sessions_of_their_own(port):
    with opened(port) as one, opened(port) as other:
        for websocket, query in ((one, "hidden=2"), (other, "hidden=5")):
            websocket.send(json.dumps({"type": "open", "query": query}))
        assert received(one, "settings")["settings"]["hidden"] == [2]
        assert received(other, "settings")["settings"]["hidden"] == [5]
        received(other, "state")
        one.send('{"type": "play", "speed": 0}')
        while not received(one, "state")["playing"]:
            pass
        other.send('{"type": "step"}')
        assert not received(other, "state")["playing"]


def test_a_page_gets_as_many_frames_as_it_shows(port):
    with opened(port) as websocket:

        def kinds(n):
            """The next messages: a frame, or the type of another."""
            for _ in range(n):
                message = websocket.recv(timeout=SECONDS)
                yield "frame" if isinstance(message, bytes) else json.loads(message)["type"]

        websocket.send('{"type": "play", "speed": 0}')
        assert list(kinds(2)) == ["welcome", "state"]
        due = server.FRAMES_AHEAD
        for _ in range(3):
            assert list(kinds(due)) == ["frame"] * due
            for _ in range(10):  # a page that is to send a frame does so before it reads a message
                websocket.send('{"type": "script"}')
                assert list(kinds(1)) == ["script"]
            websocket.send(server.SHOWN)
            due = 1


def test_the_threads_of_a_page_end_with_it():
    with serving() as port:
        before = set(threading.enumerate())
        with ExitStack() as pages:
            for _ in range(4):
                websocket = pages.enter_context(opened(port))
                websocket.send('{"type": "step"}')
                received(websocket, "state")
            working = set(threading.enumerate()) - before
        for thread in working:
            thread.join(SECONDS)
        assert not any(thread.is_alive() for thread in working)


def test_one_thread_reads_the_files_of_all_pages():
    def workers():
        return {thread for thread in threading.enumerate() if thread.name.startswith("AnyIO")}

    before = workers()
    with serving() as port:
        asking = [threading.Thread(target=response, args=(port, "/")) for _ in range(20)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert len(workers() - before) == 1


def connections_of(monkeypatch):
    """A list to which the server adds each new connection."""
    found = []
    made = server.Requests.connection_made

    def noted(connection, transport):
        found.append(connection)
        made(connection, transport)

    monkeypatch.setattr(server.Requests, "connection_made", noted)
    return found


HALF = [
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
]


@pytest.mark.parametrize("begun", [b"", *HALF])
def test_a_request_that_does_not_come_whole_ends_its_connection(monkeypatch, begun):
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.01)
    with (
        serving() as port,
        socket.create_connection((server.HOST, port), timeout=SECONDS) as connection,
        suppress(ConnectionError),  # it may have ended before it was written to
    ):
        connection.sendall(begun)
        while connection.recv(1 << 16):
            pass


@pytest.mark.parametrize("begun", HALF)
def test_so_does_a_later_one(port, monkeypatch, begun):
    connections = connections_of(monkeypatch)
    client = http.client.HTTPConnection(server.HOST, port, timeout=SECONDS)
    client.request("GET", "/")
    assert client.getresponse().read()
    connections[0].timeout_keep_alive = 0.01
    client.sock.sendall(begun)
    while client.sock.recv(1 << 16):
        pass
    client.close()


def test_a_page_is_not_bound_to_the_time_of_a_request(port, monkeypatch):
    connections = connections_of(monkeypatch)
    with opened(port) as websocket:
        received(websocket, "welcome")
    [connection] = connections
    assert connection.timeout_keep_alive_task is None


@given(st.lists(st.one_of(st.binary(max_size=40), messages), max_size=5))
@settings(max_examples=20)
def test_no_message_can_harm_the_server(port, rubbish):
    with opened(port) as websocket:
        for message in rubbish:
            websocket.send(message)
        websocket.send('{"type": "no such thing"}')
        while "no such thing" not in received(websocket, "error")["message"]:
            pass


def test_a_huge_message_is_answered_and_a_monstrous_one_only_ends_its_page(port):
    with opened(port) as websocket:
        websocket.send("x" * (server.LARGEST_FRAME // 2))
        assert "too long" in received(websocket, "error")["message"]
        with pytest.raises(ConnectionClosedError) as caught:
            websocket.send("x" * (2 * server.LARGEST_FRAME))
            received(websocket, "nothing")
        # The server hangs up as soon as it knows the length; the reason may be lost while the rest is still being sent.
        assert caught.value.rcvd is None or caught.value.rcvd.code == 1009
    with opened(port) as websocket:
        assert received(websocket, "welcome")


def test_a_fault_is_said_and_the_page_lives_on(port, monkeypatch, caplog):
    def broken(training):
        raise ZeroDivisionError("oh")

    with opened(port) as websocket:
        monkeypatch.setattr("nn.playground.session.script", broken)
        websocket.send('{"type": "script"}')
        assert received(websocket, "error")["message"] == "a fault in the program: ZeroDivisionError: oh"
        monkeypatch.undo()
        websocket.send('{"type": "script"}')
        assert received(websocket, "script")
    assert "a page of the playground met a fault" in caplog.text


def test_so_many_pages_and_no_more(monkeypatch):
    monkeypatch.setattr(server, "MOST_PAGES", 1)
    with serving() as port, opened(port) as one:
        assert received(one, "welcome")
        with opened(port) as other:
            assert "close one" in received(other, "full")["message"]


# command


def test_the_port_may_be_taken_or_wrong(capsys):
    with server.listen(0) as listener:
        port = listener.getsockname()[1]
        assert main(["playground", "--no-browser", "--port", str(port)]) == 2
    assert main(["playground", "--port", "70000"]) == 2
    taken, wrong = capsys.readouterr().err.splitlines()
    assert taken == f"autograd-engine: --port {port}: Address already in use; choose another, or 0 for any free one"
    assert "a port is a number up to 65535" in wrong


def test_the_command_opens_the_page_and_ends_with_ctrl_c(capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def interrupted(listener):
        assert listener.getsockname()[0] == "127.0.0.1"
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", interrupted)
    assert main(["playground", "--port", "0"]) == 0
    [address] = opened
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    assert address in capsys.readouterr().out


def test_a_missing_package_is_named_with_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "nn.playground.server")
    monkeypatch.delattr("nn.playground.server")
    assert main(["playground", "--no-browser"]) == 2
    assert capsys.readouterr().err == (
        "autograd-engine: the package uvicorn is missing; "
        f"in the clone of the repository run: {sys.executable} -m pip install '.[playground]'\n"
    )
