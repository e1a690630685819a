"""*Play backward* in the playground: one point's way through the network and back, in numbers and as it is shown."""

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nn.modules import ACTIVATIONS
from nn.playground.inspection import flow
from nn.playground.settings import Settings
from nn.playground.training import Training
from nn.playground.words import neuron_formula, steps_of


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_the_deltas_times_the_inputs_are_the_gradient_that_trains(activation, problem):
    training = Training(Settings(hidden=(3, 2), samples=40, activation=activation, problem=problem))
    found = flow(training, 4)
    X, y = training.train.inputs[4:5], training.train.targets[4:5]
    expected = training.engine.gradient(training.parameters, X, y, 0.0)
    sources = [found["inputs"], *found["outputs"]]
    gradient = [
        np.concatenate([np.outer(deltas, inputs).ravel(), deltas]) for deltas, inputs in zip(found["deltas"], sources)
    ]
    np.testing.assert_allclose(np.concatenate(gradient), expected, rtol=1e-9, atol=1e-12)
    for deltas, gradients, slopes in zip(found["deltas"], found["gradients"], found["slopes"]):
        np.testing.assert_allclose(deltas, np.multiply(gradients, slopes), rtol=1e-12)
    assert found["loss"] == pytest.approx(training.engine.losses(training.parameters, X, y)[0])
    words = [step["words"] for step in steps_of(found, training.settings)["steps"]]
    formulas = [neuron_formula(training.settings, found["parameters"], *place) for place in [(0, 0), (1, 1), (2, 0)]]
    for html in [*words, *formulas]:
        ElementTree.fromstring(f"<body>{html}</body>")


def value(text):
    """What a side of a printed equation is worth."""
    plain = text.replace("−", "-").replace("·", "*").replace("½", "0.5")
    return eval(plain, {"tanh": math.tanh, "σ": lambda x: 1 / (1 + math.exp(-x))})


NUMBERS_ONLY = re.compile(r"[−+·()\d.e ]+|(?:tanh|σ)\([−\d.e]+\)")


def equations(text):
    """The sides of each chain of equations between numbers."""
    for line in text.split("\n"):
        sides = [side for side in line.split(" = ") if NUMBERS_ONLY.fullmatch(side.strip())]
        yield from itertools.pairwise(sides)


def go(one, step):
    """Goes to a step by hand, where it stays: otherwise it plays on, however slow the machine is."""
    one.page.locator("#flow-at").fill(str(step))


def begin(one):
    one.page.get_by_role("button", name="Play backward").click()
    one.page.get_by_role("button", name="Next step").wait_for()
    go(one, 0)


@pytest.mark.parametrize("query", ["hidden=3,2&samples=60", "hidden=6&samples=60&data=plane&problem=regression"])
def test_every_product_and_sum_that_is_shown_is_right(window, port, query):
    one = window().open(port, query)
    begin(one)
    shown = []
    for step in range(int(one.page.locator("#flow-at").get_attribute("max")) + 1):
        go(one, step)
        labels = one.page.locator(".product").all_text_contents()
        lines = one.formulas("#flow-words")
        texts = [*labels, *(line.replace("=", " = ") for line in lines)]
        shown.append((one.page.locator(".edge.lit").count(), "\n".join(lines)))
        assert len(labels) == shown[-1][0]
        for left, right in (pair for text in texts for pair in equations(text)):
            assert value(left) == pytest.approx(value(right), rel=0.02, abs=0.006), (left, right)
    network = Settings.from_query(query)
    neurons = sum(network.hidden) + 1
    # In, each neuron forwards, the loss, each delta but that of the loss, the weights of each neuron, done.
    assert len(shown) == 1 + neurons + 1 + (neurons - 1) + neurons + 1
    words = "\n".join(text for _, text in shown)
    by = ("d output", "da_1,1", "dz_1,2", "db_1,1")
    for name in ("z_1,1", "a_1,2", *(f"(d loss)/({below})" for below in by)):
        assert f"{name}=" in words


def test_it_plays_by_itself_to_the_end_and_ends_with_a_step(window, port):
    one = window().open(port, "hidden=1&samples=60")
    begin(one)
    go(one, 4)
    one.page.get_by_role("button", name="Go on").click()
    one.until("document.querySelector('#flow-words').textContent.startsWith('Now every weight')")
    assert one.page.locator("#flow-play").inner_text() == "Go on"
    one.page.keyboard.press("Escape")
    one.page.get_by_role("button", name="Next step").wait_for(state="hidden")
    one.page.keyboard.press("b")
    one.page.get_by_role("button", name="Next step").wait_for()
    one.page.get_by_role("button", name="Step", exact=True).click()  # of the optimiser: other weights, other numbers
    one.page.get_by_role("button", name="Next step").wait_for(state="hidden")
    assert one.page.locator(".chip, .product").count() == 0


def test_it_stops_the_training_and_follows_the_chosen_point(window, port):
    one = window().open(port, "hidden=2&samples=60")
    one.page.get_by_role("button", name="Play", exact=True).click()
    begin(one)
    one.page.get_by_role("button", name="Play", exact=True).wait_for()
    assert one.text("#flow-words").startswith("Training point 1 comes in")
    one.page.get_by_label("Training point").fill("7")
    one.page.keyboard.press("Enter")
    one.until("""() => {
        const [at, words] = ["#flow-at", "#flow-words"].map((name) => document.querySelector(name));
        at.value = 0;
        at.dispatchEvent(new Event("input"));
        return words.textContent.startsWith("Training point 7 comes in");
    }""")
    # Nothing that one points at disturbs it.
    one.page.get_by_role("button", name="Next step").click()
    one.page.locator('[data-key="neuron 1 0"]').hover()
    assert one.page.evaluate("[...document.querySelectorAll('.edge.lit')].map(edge => edge.dataset.edge)") == [
        "0 0 0",
        "0 0 1",
    ]


def test_it_stops_a_training_that_was_started_a_moment_ago(window, port):
    one = window().open(port, "hidden=2&samples=60")
    one.page.evaluate("document.querySelector('#play').click(), document.querySelector('#flow-start').click()")
    one.page.get_by_role("button", name="Next step").wait_for()
    one.page.wait_for_timeout(200)
    assert one.page.get_by_role("button", name="Next step").is_visible()
    assert one.page.get_by_role("button", name="Play", exact=True).is_visible()


def test_its_labels_stay_apart(window, port):
    one = window().open(port, "hidden=8,8&samples=60&features=x1,x2,x1²,x2²,x1·x2,sin(x1),sin(x2)")
    begin(one)
    overlaps = """() => {
        const boxes = [...document.querySelectorAll('.product')].map(label => label.getBoundingClientRect());
        return boxes.some((a, n) => boxes.slice(0, n).some(b =>
            a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    }"""
    for step in range(0, int(one.page.locator("#flow-at").get_attribute("max")) + 1, 3):
        go(one, step)
        assert not one.page.evaluate(overlaps), step


# For each that runs, held at a share of its time: how far it is from its line, at which share of it, what moves it.
HELD = """share => {
    const lines = [...document.querySelectorAll("#network .edge.lit .line")];
    return [...document.querySelectorAll(".pulse")].map((pulse, n) => {
        const [run] = pulse.getAnimations(), line = lines[n], length = line.getTotalLength();
        run.pause();
        run.currentTime = share * run.effect.getTiming().duration;
        const { left, right, top, bottom } = pulse.getBoundingClientRect();
        const found = Array.from({ length: 501 }, (_, i) => {
            const { x, y } = line.getPointAtLength(length * i / 500).matrixTransform(line.getScreenCTM());
            return [Math.hypot(x - (left + right) / 2, y - (top + bottom) / 2), i / 500];
        });
        const usual = ["offset", "computedOffset", "easing", "composite"]; // of any keyframe
        const moving = run.effect.getKeyframes().flatMap(Object.keys).filter((name) => !usual.includes(name));
        return [...found.reduce((a, b) => (a[0] < b[0] ? a : b)), [...new Set(moving)]];
    });
}"""


@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_what_runs_along_lines_is_moved_and_not_painted(window, port, back):
    one = window().open(port, "hidden=3,2&samples=60")
    begin(one)
    # All at once, before what runs has come to its end.
    held = one.page.evaluate(
        f"""back => {{
        const slider = document.querySelector("#flow-at");
        slider.value = back ? slider.max - 1 : 1;
        slider.dispatchEvent(new Event("input"));
        return [0, 0.5, 0.999].map({HELD});
    }}""",
        back,
    )
    for pulses, place in zip(held, [1, 0.5, 0] if back else [0, 0.5, 1]):
        assert len(pulses) == 2  # the first layer has two inputs
        for distance, share, moving in pulses:
            assert distance < 1
            assert share == pytest.approx(place, abs=0.02)
            assert moving == ["transform"]  # the browser's compositor moves it; not so offsetDistance
    one.page.emulate_media(reduced_motion="reduce")
    go(one, 2)
    assert one.page.locator(".pulse").count() == 0
