"""While the playground makes another network it shows no number of the one before, and says what it does."""

import threading

import pytest

from nn.playground.training import Training
from tests.browser import SECONDS
from tests.nn.playground.window import SMALL

FIGURES = ("#train-loss", "#test-loss", "#train-accuracy", "#test-accuracy", "#steps", "#epoch")
SEEN = """selector => [...document.querySelectorAll(selector)]
    .some(e => e.checkVisibility({ visibilityProperty: true }))"""
INSIDE = {"graph": "#panel-graph svg", "weights": "#panel-weights table", "landscape": "#panel-landscape canvas"}


@pytest.mark.parametrize("tab", INSIDE)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("""document.querySelector("[data-key='more 0']").click()""", "Compiling a network 2-4-1…"),
        ("document.querySelector('[aria-label=xor]').click()", "Compiling a network 2-3-1…"),
        ("document.querySelector('#again').click()", "Starting anew…"),
    ],
    ids=["a neuron more", "other data", "drawn anew"],
)
def test_growing_shows_no_number_of_the_network_before(window, port, monkeypatch, change, words, tab):
    one = window().open(port, f"{SMALL}&tab={tab}")
    one.page.keyboard.press("s")
    one.until("document.querySelector('#steps').textContent === '1'")
    one.page.locator(INSIDE[tab]).wait_for()
    going_on = threading.Event()

    def slow(settings):
        assert going_on.wait(SECONDS)
        return Training(settings)

    monkeypatch.setattr("nn.playground.session.Training", slow)
    one.page.evaluate(change)
    assert one.text("#busy") == words
    assert {one.text(figure) for figure in FIGURES} == {"…"}
    for selector in (INSIDE[tab], ".maps", ".surface canvas", ".line", "#sample-about"):
        assert not one.page.evaluate(SEEN, selector), selector
    going_on.set()
    one.page.locator(INSIDE[tab]).wait_for()
    one.until("document.querySelector('#steps').textContent === '0'")
    assert one.text("#busy") == ""
    assert one.page.evaluate(SEEN, ".maps")


def test_settings_of_the_descent_take_nothing_away(window, port):
    one = window().open(port)
    one.page.keyboard.press("s")
    one.until("document.querySelector('#steps').textContent === '1'")
    one.page.get_by_role("combobox", name="Learning rate").select_option("0.1")
    assert one.text("#steps") == "1"
    assert one.text("#busy") == ""
