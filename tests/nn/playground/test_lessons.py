"""The lessons of the playground: what each says is what happens, and they are one link away."""

import numpy as np
import pytest

from nn.playground.inspection import run_sample
from nn.playground.lessons import LESSONS
from nn.playground.training import Training


def trained(name, steps, attempt=None):
    """The training of a lesson, or of one of the things to try in it, after so many steps."""
    lesson = LESSONS[name]
    training = Training(lesson.settings.changed(lesson.tries[attempt].changes if attempt is not None else {}))
    for _ in range(steps):
        training.step()
    return training


def test_why_depth():
    shares = [trained("why-depth", 4000, attempt).figures().train_accuracy for attempt in (None, 0, 1)]
    assert shares[0] < 0.75 < 0.8 < shares[1] < 0.9 < shares[2]


def test_dead_relus():
    dead = trained("dead-relus", 300)
    outputs = dead.engine.activations(dead.parameters, dead.train.inputs)
    assert not outputs[8:16].any()  # of the second layer
    assert dead.figures().train_loss == pytest.approx(0.69, abs=0.01)
    for attempt in (0, 1):
        assert trained("dead-relus", 1000, attempt).figures().train_loss < 0.1


def test_vanishing_gradients():
    run = run_sample(trained("vanishing-gradients", 0), 0)
    sizes = [np.sqrt(np.mean([z.grad**2 for z in layer])) for layer in run.sums]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 1000
    assert trained("vanishing-gradients", 1000).figures().train_loss > 0.65
    for attempt, steps in ((0, 1000), (1, 5000)):
        assert trained("vanishing-gradients", steps, attempt).figures().train_loss < 0.1


def test_learning_rate_too_large():
    start = trained("learning-rate-too-large", 0).figures().train_loss
    assert trained("learning-rate-too-large", 50).figures().train_loss > start
    late = [trained("learning-rate-too-large", steps).figures().train_loss for steps in range(300, 3000, 300)]
    assert np.median(late) > start  # however long one watches
    assert trained("learning-rate-too-large", 300, 0).figures().train_loss < start / 4
    assert start > trained("learning-rate-too-large", 300, 1).figures().train_loss > 0.9 * start


def test_overfitting():
    early, late = (trained("overfitting", steps).figures() for steps in (50, 500))
    assert late.train_loss < 0.01
    assert late.test_loss > 2 * early.test_loss
    for attempt in (0, 1):
        assert trained("overfitting", 500, attempt).figures().test_loss < late.test_loss / 2


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_a_link(window, port, name):
    lesson = LESSONS[name]
    one = window().open(port, f"lesson={name}&present=1&panels=1")
    card = one.page.get_by_role("region", name=lesson.title)
    assert lesson.watch in card.inner_text()
    tab = "" if lesson.tab == "graph" else f"&tab={lesson.tab}"
    link = f"{lesson.settings.query()}{tab}&present=1&panels=1&lesson={name}"
    pairs = "query => [...new URLSearchParams(query)].map(String).sort().join(' ')"
    one.until(f"link => ({pairs})(location.hash.slice(1)) === ({pairs})(link)", link)
    one.page.evaluate("hash => { location.hash = hash; }", f"hidden=2&lesson={name}")  # settings of its own
    one.until(f"link => ({pairs})(location.hash.slice(1)) === ({pairs})(link)", f"hidden=2{tab}&lesson={name}")
    assert one.page.get_by_label("Lesson", exact=True).input_value() == name


def test_a_lesson_is_chosen_tried_and_closed(window, port):
    one = window().open(port)
    page = one.page
    page.get_by_label("Lesson", exact=True).select_option("vanishing-gradients")
    card = page.get_by_role("region", name="Vanishing gradients")
    card.wait_for()
    one.until("document.querySelectorAll('.neuron').length === 37")
    assert page.get_by_role("tab", name="Deltas by layer").get_attribute("aria-selected") == "true"
    one.page.get_by_role("button", name="Step", exact=True).click()
    one.until("document.querySelector('#steps').textContent === '1'")
    card.get_by_role("button", name="tanh instead").click()
    one.until("document.querySelector('#activation').value === 'tanh'")
    one.until("document.querySelector('#steps').textContent === '0'")
    card.get_by_text("Why?").click()
    assert "at most 1/4" in card.inner_text()
    one.page.keyboard.press("m")
    assert card.is_visible()
    card.get_by_role("button", name="Close the lesson").click()
    card.wait_for(state="hidden")
    one.until("!location.hash.includes('lesson')")


def test_beginners_find_every_part_explained(window, port):
    one = window().open(port)
    callouts = one.page.locator(".callout")
    assert not callouts.first.is_visible()
    one.page.keyboard.press("e")
    assert all(callout.is_visible() for callout in callouts.all())
    text = " ".join(callouts.all_inner_texts())
    for word in ("neuron", "weight", "bias", "orange", "blue", "loss", "Play", "epoch"):
        assert word in text
    one.until("location.hash.includes('explain=1')")
