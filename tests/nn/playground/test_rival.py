"""Two networks of the playground on the same points: they begin and step together, and share one chart."""

import numpy as np
import pytest

from nn.playground.session import Session
from nn.playground.settings import Settings
from nn.playground.training import Training
from tests.nn.playground.test_playground import SMALL, sent

BOTH = SMALL.changed({"rival": "yes", "rival_optimizer": "momentum", "rival_lr": 0.1})


def test_both_see_the_same_points_in_the_same_order_and_differ_in_what_is_named():
    session = Session()
    *_, frame = sent(session, "open", query=BOTH.query())
    np.testing.assert_array_equal(frame["weights"], frame["rival_weights"])
    alone = Training(SMALL.changed({"optimizer": "momentum", "lr": 0.1}))
    for _ in range(3):
        _, frame = sent(session, "step")
        alone.step()
    np.testing.assert_array_equal(frame["rival_weights"], alone.parameters)
    assert frame["rival_figures"] == pytest.approx(alone.figures())
    assert not np.array_equal(frame["weights"], frame["rival_weights"])
    *_, frame = sent(session, "change", changes={"rival_lr": 0.3, "rival_optimizer": "adam"})
    assert frame["steps"] == 3  # they go on
    assert session.rival.optimizer.lr == 0.3
    *_, frame = sent(session, "change", changes={"rival_init": 2})
    assert frame["steps"] == 0
    assert not np.array_equal(frame["weights"], frame["rival_weights"])
    *_, frame = sent(session, "change", changes={"rival": "no"})
    assert "rival_weights" not in frame


def test_other_first_weights_leave_the_points_as_they_are():
    one, other = Training(SMALL), Training(SMALL.changed({"init": 3}))
    np.testing.assert_array_equal(one.train.X, other.train.X)
    assert not np.array_equal(one.parameters, other.parameters)


def test_a_rival_that_explodes_stops_both():
    session = Session()
    query = "problem=regression&hidden=4,4&activation=linear&samples=40&rival=yes&rival_optimizer=sgd&rival_lr=100"
    sent(session, "open", query=query)
    sent(session, "play", speed=0)
    for _ in range(200):
        _, *rest = session.advance(0.02)
        if rest:
            break
    assert not session.playing
    assert "no longer finite" in rest[1]["message"]


def test_two_networks_side_by_side(window, port):
    one = window().open(port, "hidden=3&samples=60")
    page = one.page
    assert not page.locator("#rival-network").is_visible()
    page.get_by_role("button", name="Compare two").click()
    page.get_by_role("heading", name="Second network", exact=True).wait_for()
    one.until("document.querySelectorAll('#rival-network .neuron').length === 4")
    page.get_by_label("Its learning rate").select_option("0.3")
    one.until("location.hash.includes('rival_lr=0.3')")
    one.until("document.querySelector('#rival-train-loss').textContent !== ''")
    assert one.text("#train-loss") == one.text("#rival-train-loss")  # they begin with the same weights
    page.get_by_role("button", name="Step", exact=True).click()
    one.until(
        "document.querySelector('#rival-train-loss').textContent !== document.querySelector('#train-loss').textContent"
    )
    boxes = [page.locator(f"#{name}").bounding_box() for name in ("network", "rival-network")]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    page.locator('#rival-network [data-key="neuron 0 1"]').hover()
    assert one.text("#rival-output-title") == "a₁,₂: layer 1, neuron 2"
    one.until("document.querySelector('#rival-hovered math') !== null")
    assert one.formulas("#rival-hovered")[0].startswith("a_1,2=tanh(")
    other = window()
    other.page.goto(page.evaluate("location.href"))
    other.until("document.querySelector('#rival-train-loss').textContent !== ''")
    assert other.page.get_by_label("Its optimiser").input_value() == "adam"
    page.get_by_role("button", name="Compare two").click()
    page.get_by_role("heading", name="Second network", exact=True).wait_for(state="hidden")
    one.until("!location.hash.includes('rival=yes')")


def test_the_settings_of_a_rival_are_settings():
    chosen = Settings(rival="yes", rival_init=4, rival_lr=0.3, lr=0.1)
    assert Settings.from_query(chosen.query()) == chosen
    assert (chosen.of_rival().lr, chosen.of_rival().init, chosen.of_rival().rival) == (0.3, 4, "no")
