"""Points pasted as CSV into the playground: names, classes and scales stay what they were where they came from."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.playground.data import LONGEST_NAME, pasted
from nn.playground.inspection import Selection, inspect
from nn.playground.kinds import SettingsError
from nn.playground.script import script
from nn.playground.session import Session
from nn.playground.settings import Settings
from nn.playground.training import Training
from tests.nn.playground.test_playground import sent

HOUSES = "rooms,area in m²,price\n1,30,100.5\n2,55,180.5\n3,80,260.5\n4,130,300.5\n5,90,220.5\n2,40,150.5\n"
FLOWERS = "length,width,kind\n1.5,2,iris\n-0.5,3,rose\n2,1,iris\n1,1,rose\n"


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=2, max_size=20))
def test_the_scales_give_back_what_was_in_the_file(rows):
    text = "a,b,c\n" + "".join(f"{a!r},{b!r},{c + 0.5!r}\n" for a, b, c in rows)
    found = pasted(text)
    if found.classes:
        return
    shown = np.array(found.points)
    for column, was in enumerate(np.array(rows).T):
        offset, factor = found.scales[2 * column : 2 * column + 2]
        real = offset + factor * shown[:, column]
        expected = was + 0.5 * (column == 2)
        np.testing.assert_allclose(real, expected, atol=2e-3 * abs(factor) + 2e-5 * np.abs(expected).max())


def test_a_target_of_numbers_is_regression_and_one_of_classes_is_not():
    session = Session()
    about, *_ = sent(session, "paste", text=HOUSES)
    chosen = about["settings"]
    assert chosen["problem"] == "regression"
    assert chosen["columns"] == ("rooms", "area in m²", "price")
    assert about["labels"]["sin(x2)"] == "sin(area in m²)"
    about, *_ = sent(session, "paste", text=FLOWERS)
    assert about["settings"]["problem"] == "classification"
    assert about["settings"]["classes"] == ("iris", "rose")
    assert about["settings"]["scales"][:4] == (0, 1, 0, 1)  # these fit as they are


def test_names_and_scales_are_in_the_link_the_graph_and_the_script():
    session = Session()
    sent(session, "paste", text=HOUSES)
    assert Settings.from_query(session.settings.query()) == session.settings
    found = inspect(session.training, Selection(0, 0), 0)
    assert found["parameters"][1]["source"] == "area in m²"
    assert "area in m²" in found["svg"]
    text = script(session.training)
    assert "'price' = 200.5 + 100 · x" in text
    compile(text, "playground.py", "exec")


names = st.text(min_size=1, max_size=LONGEST_NAME).filter(str.isprintable)


@given(st.tuples(names, names, names), st.tuples(names, names))
def test_any_names_survive_the_link(columns, classes):
    chosen = Settings(data="own", columns=columns, classes=classes, scales=(1, 2, 3, 4, -5, 0.5))
    assert Settings.from_query(chosen.query()) == chosen


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("columns=a,b", "columns must be 3 texts of 1 to 24 characters that can be printed, or none"),
        ("classes=a,%0A", "classes must be 2 texts"),
        (f"classes=a,{'b' * 25}", "classes must be 2 texts"),
        ("scales=1,2,3", "scales must be an offset and a factor that is not 0 for x1, x2 and the target"),
        ("scales=0,1,0,0,0,1", "scales must be an offset and a factor that is not 0"),
        ("scales=0,1,0,nan,0,1", "scales must be an offset"),
    ],
)
def test_what_cannot_be_a_name_or_a_scale_is_refused(query, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        Settings.from_query(query)


def test_long_and_strange_names_are_made_to_fit():
    found = pasted(f"{'n' * 60},b\tb,<i>\n1,2,only\n2,3,only\n")
    assert found.columns == ("n" * (LONGEST_NAME - 1) + "…", "b b", "<i>")
    assert found.classes == ("only", "not only")
    assert all(math.isfinite(number) for number in found.scales)
    assert Settings(data="own", **found._asdict()).labels["x2²"] == "(b b)²"
    assert Training(Settings(data="own", **found._asdict())).train.X.shape == (1, 2)


def paste(one, text):
    one.page.get_by_role("button", name="Paste CSV").click()
    one.page.locator("#paste-text").fill(text)
    one.page.get_by_role("button", name="Use these points").click()


def test_a_number_is_asked_about_and_named_everywhere(window, port):
    one = window().open(port)
    page = one.page
    paste(one, HOUSES)
    page.get_by_role("heading", name="price is a number. What is to be learnt?").wait_for()
    page.get_by_role("button", name="The number", exact=True).click()
    page.locator("#paste").wait_for(state="hidden")
    assert page.get_by_label("Problem").input_value() == "regression"
    page.get_by_role("button", name="area in m²", exact=True).wait_for()
    assert one.text("#axis-names") == "rooms to the right, area in m² upwards"
    area, price = "area in m² from 20 to 140 is shown as −6 to 6", "price from 100.5 to 300.5 is shown as −1 to 1"
    assert one.text("#scaled") == f"Scaled: {area}; {price}."
    assert (one.text("#scale-low"), one.text("#scale-high")) == ("100.5", "300.5")
    about = r"/rooms = \d, area in m² = \d+ \(scaled .*\), price = \d+\.5 \(scaled .*\): output/"
    one.until(f"{about}.test(document.querySelector('#sample-about').textContent)")
    page.locator('[data-key="neuron 0 0"]').hover()
    one.until("document.querySelector('#hovered').textContent.includes('area in m²')")
    paste(one, HOUSES)
    page.get_by_role("button", name="Two classes").click()
    page.locator("#paste").wait_for(state="hidden")
    one.until("document.querySelector('#problem').value === 'classification'")
    page.mouse.move(0, 0)  # away from any neuron, whose scale it would be
    one.until("document.querySelector('#scale-low').textContent === 'below 200.5'")
    assert one.text("#scale-high") == "above 200.5"
    page.get_by_role("radio", name="moons").click()
    one.until("document.querySelector('#axis-names').textContent === 'x₁ to the right, x₂ upwards'")
    page.get_by_role("button", name="x₁", exact=True).wait_for()


def test_classes_have_their_names(window, port):
    one = window().open(port)
    paste(one, FLOWERS)
    one.page.locator("#paste").wait_for(state="hidden")
    one.until("document.querySelector('#scale-high').textContent === 'rose'")
    assert "the probability of rose" in one.text("#scale-help")
    assert one.page.locator("#own").get_by_label("iris").count() == 1
    one.until("/kind = (iris|rose): output/.test(document.querySelector('#sample-about').textContent)")
