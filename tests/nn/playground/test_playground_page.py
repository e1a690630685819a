"""The playground as a person uses it, in a headless Chromium: a real page, a real server, clicks and keys."""

import base64
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import numpy as np
import pytest

from nn.playground import server
from nn.playground.inspection import inspect
from tests.browser import SECONDS
from tests.nn.command_line.program import PROGRAM


def number(text):
    return float(text.replace("−", "-"))


def test_training_the_moons_by_clicking_reaches_95_percent(window, port):
    one = window().open(port, "")
    page = one.page
    page.get_by_role("radio", name="moons").click()
    page.get_by_role("combobox", name="Optimiser").select_option("adam")
    page.get_by_role("button", name="Play", exact=True).click()
    one.until("parseFloat(document.querySelector('#test-accuracy').textContent) >= 95")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert float(page.inner_text("#train-accuracy").split()[0]) >= 95


def test_a_weight_is_edited_and_its_edge_and_the_output_change(window, port):
    one = window().open(port)
    before = one.text("#train-loss")
    one.select_edge(0, 1, 0)
    one.page.get_by_text("Layer 1, neuron 2, weight of x₁: w₁,₂,₁").wait_for()
    one.page.get_by_label("Value", exact=True).fill("-3.5")
    one.page.keyboard.press("Enter")
    one.until("text => document.querySelector('#train-loss').textContent !== text", before)
    edge = one.page.locator('[data-edge="0 1 0"]')
    assert "weight −3.5" in edge.locator("title").text_content()
    assert float(edge.locator(".line").get_attribute("stroke-width")) > 4
    one.until("document.querySelector('#sample-about').textContent.includes('w₁,₂,₁ = −3.5')")


def test_the_link_carries_settings_and_weights_to_another_page(window, port):
    one = window().open(port, "data=xor&hidden=4,2&noise=0.2&activation=sigmoid&seed=7")
    one.page.get_by_role("button", name="Step").click()
    one.until("document.querySelector('#steps').textContent === '1'")
    one.until("location.hash.includes('weights=')")
    one.page.locator('[data-key="neuron 0 3"]').click()
    one.page.get_by_role("tab", name="Weights and optimiser").click()
    one.page.get_by_label("Training point").fill("7")
    one.page.keyboard.press("Enter")
    one.page.get_by_label("Show test points").check()
    one.page.get_by_role("combobox", name="Speed").select_option("10")
    one.page.get_by_role("button", name="Copy link").click()
    one.page.get_by_text("The link is copied").wait_for()
    link = one.page.evaluate("navigator.clipboard.readText()")
    other = window()
    other.page.goto(link)
    other.until("document.querySelector('#test-loss').textContent !== ''")
    assert other.text("#test-loss") == one.text("#test-loss")
    assert other.page.get_by_label("Activation").input_value() == "sigmoid"
    assert other.page.get_by_role("radio", name="xor").get_attribute("aria-checked") == "true"
    assert other.page.locator(".neuron").count() == 7
    assert other.page.get_by_role("tab", name="Weights and optimiser").get_attribute("aria-selected") == "true"
    assert other.page.get_by_role("combobox", name="Speed").input_value() == "10"
    assert other.page.get_by_label("Show test points").is_checked()
    other.until("text => document.querySelector('#sample-about').textContent === text", one.text("#sample-about"))
    assert other.page.get_by_label("Training point").input_value() == "7"
    assert other.page.evaluate("location.href") == link  # opening it loses nothing
    field = "Value of w₁,₄,₂"
    assert other.page.get_by_label(field).input_value() == one.page.get_by_label(field).input_value()


def test_a_neuron_shows_its_graph_and_its_chain_rule(window, port):
    one = window().open(port)
    one.page.get_by_role("button", name="Layer 1, neuron 3", exact=True).click()
    one.page.get_by_text("Layer 1, neuron 3: a₁,₃").wait_for()
    graph = one.page.locator("#panel-graph svg")
    graph.wait_for()
    for part in ("w₁,₃,₁", "w₁,₃,₂", "b₁,₃", "z₁,₃", "a₁,₃", "tanh"):
        assert part in graph.text_content()
    shown = one.formulas(".rule")
    assert "(d loss)/(da_1,3)=(d loss)/(d output)·(d output)/(da_1,3)" in shown
    assert "(d loss)/(dz_1,3)=(d loss)/(da_1,3)·(da_1,3)/(dz_1,3)" in shown
    assert "(da_1,3)/(dz_1,3)=1−a_1,3^2" in shown
    one.page.get_by_role("button", name="Copy as text").click()
    one.page.get_by_text("The derivation is copied").wait_for()
    rule = one.page.evaluate("navigator.clipboard.readText()").replace("-", "−")
    assert "d loss/d a1[3] = d loss/d output · d output/d a1[3]" in rule
    assert "d loss/d z1[3] = d loss/d a1[3] · d a1[3]/d z1[3]" in rule
    assert "1 − a1[3]²" in rule
    gradient = number(re.search(r"d loss/d z1\[3\].*?= \S+ · \S+\s+= (\S+)", rule, re.DOTALL)[1])
    assert number(re.search(r"d loss/d z₁,₃ = (\S+)\.$", one.text("#sample-about"))[1]) == pytest.approx(
        gradient, rel=1e-3
    )
    one.page.get_by_role("tab", name="Deltas by layer").click()
    delta = number(one.page.locator(".delta.chosen > span").last.inner_text())
    assert delta == pytest.approx(gradient, rel=0.01)
    before = one.text("#sample-about")
    one.page.get_by_label("Training point").fill("2")
    one.page.keyboard.press("Enter")
    one.until("text => document.querySelector('#sample-about').textContent !== text", before)


@pytest.mark.parametrize("width", [1280, 390])
def test_what_was_clicked_comes_into_sight(window, port, width):
    one = window(width=width, height=800).open(port, "hidden=8,8,6&samples=60")
    one.page.locator(".picture svg").wait_for()
    in_sight = "selector => document.querySelector(selector).getBoundingClientRect().bottom <= innerHeight"
    assert not one.page.evaluate(in_sight, ".picture")
    one.page.get_by_role("button", name="Output neuron").first.click()
    one.page.get_by_text("Output neuron: output").wait_for()
    one.until(in_sight, ".picture")
    # Where the graph is larger than its window, one sees of it the neuron itself, and that it goes on to the left.
    inside = """(name) => {
        const picture = document.querySelector('.picture').getBoundingClientRect();
        const label = [...document.querySelectorAll('.picture text')].find((text) => text.textContent === name);
        if (!label) return false;
        const { left, right, top, bottom } = label.getBoundingClientRect();
        return picture.left < left && right < picture.right && picture.top < top && bottom < picture.bottom;
    }"""
    one.until(inside, "output")
    if width == 390:  # fitted, until one goes nearer
        for _ in range(4):
            one.page.get_by_role("button", name="Nearer").click()
        assert one.page.evaluate(inside, "output")
    assert "left" in one.page.locator(".frame").get_attribute("class")
    assert one.page.get_by_text("The graph is larger than this window").is_visible()
    # While it trains, its numbers and with them the graph grow; it stays in sight.
    before = one.text("#sample-about")
    one.page.get_by_role("combobox", name="Optimiser").select_option("adam")
    one.page.get_by_role("button", name="Play", exact=True).click()
    one.until("parseInt(document.querySelector('#steps').textContent) > 100")
    one.page.get_by_role("button", name="Pause").click()
    one.until("text => document.querySelector('#sample-about').textContent !== text", before)
    assert one.page.evaluate(inside, "output")
    # What is chosen while another tab is open is there when one comes back.
    one.page.get_by_role("tab", name="Weights and optimiser").click()
    one.page.get_by_role("button", name="w₄,₁,₃").click()
    one.page.get_by_role("tab", name="Graph and chain rule").click()
    one.until(inside, "w₄,₁,₃")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_derivation_is_set_in_formulas_with_true_minus_signs(window, port, width):
    one = window(width=width).open(port, "hidden=4,3&samples=60")
    one.page.get_by_role("button", name="Layer 1, neuron 3", exact=True).click()
    one.page.get_by_text("Layer 1, neuron 3: a₁,₃").wait_for()
    one.until("document.querySelector('.rule math') !== null")
    prose = one.text(".rule").replace("cross-entropy", "")
    assert "-" not in prose + one.text("#sample-about") + one.page.locator(".picture").inner_text()
    sums = [line for line in one.formulas(".rule") if line.startswith("(d output)/(da_1,3)=")]
    assert len(sums) == 1
    assert "·(1−a_2,1^2)·" in sums[0]


def test_the_inside_stays_live_while_it_trains(window, port):
    one = window().open(port)
    before = one.text("#sample-about")
    one.page.get_by_role("button", name="Play", exact=True).click()
    one.until("text => document.querySelector('#sample-about').textContent !== text", before)
    one.page.get_by_role("tab", name="Loss landscape").click()
    one.page.get_by_text("goes from").wait_for()
    one.page.get_by_label("Second weight, upwards").select_option("5")
    one.page.get_by_text("w₁,₃,₂ from").wait_for()
    one.page.get_by_role("tab", name="Weights and optimiser").click()
    one.page.get_by_role("combobox", name="Optimiser").select_option("adam")
    one.page.get_by_role("columnheader", name="mean square").wait_for()


def test_the_script_is_shown_and_can_be_saved(window, port, tmp_path):
    one = window().open(port)
    one.page.get_by_role("tab", name="Python script").click()
    with one.page.expect_download() as download:
        one.page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "playground.py"
    download.value.save_as(tmp_path / "playground.py")
    done = subprocess.run([sys.executable, tmp_path / "playground.py"], capture_output=True, text=True, check=True)
    loss = float(one.text("#train-loss"))
    assert float(re.search(r"training points: loss ([\d.]+)", done.stdout)[1]) == pytest.approx(loss, abs=1e-3)


def test_a_tab_shows_its_own_while_an_answer_for_another_is_on_its_way(window, port, monkeypatch):
    one = window().open(port)
    asked, chosen = threading.Event(), threading.Event()

    def late(*arguments):
        asked.set()
        assert chosen.wait(SECONDS)
        return inspect(*arguments)

    monkeypatch.setattr("nn.playground.session.inspect", late)
    one.page.get_by_role("button", name="Layer 1, neuron 3", exact=True).click()
    assert asked.wait(SECONDS)
    one.page.get_by_role("tab", name="Python script").click()
    chosen.set()
    one.page.get_by_role("link", name="Download").wait_for()


def test_layers_neurons_and_features_are_added_and_removed(window, port):
    one = window().open(port, "hidden=2&samples=20")
    page, neurons = one.page, one.page.locator(".neuron")
    page.get_by_role("button", name="Add a neuron to layer 1").click()
    one.until("document.querySelectorAll('.neuron').length === 4")
    assert page.evaluate("document.activeElement.dataset.key") == "more 0"  # the focus stays where it was
    page.get_by_role("button", name="Add a hidden layer").click()
    page.get_by_text("2 hidden layers").wait_for()
    page.get_by_role("button", name="Remove a neuron from layer 2").click()
    one.until("document.querySelectorAll('.neuron').length === 6")
    for _ in range(2):
        page.get_by_role("button", name="Remove a hidden layer").click()
    page.get_by_text("0 hidden layers").wait_for()
    one.until("document.querySelectorAll('[data-edge]').length === 2")
    assert neurons.count() == 1
    page.get_by_role("button", name="x₁²").click()
    one.until("document.querySelectorAll('[data-edge]').length === 3")
    page.get_by_role("button", name="x₁", exact=True).click()
    one.until("document.querySelectorAll('[data-edge]').length === 2")


def test_no_quick_click_is_lost(window, port):
    """Faster than the server, which compiles each new network."""
    one = window().open(port, "hidden=7,3&samples=60")
    quickly = """async (labels) => {
        for (const label of labels) {
            [...document.querySelectorAll('#network button')].find(b => (b.title || b.ariaLabel) === label).click();
            await new Promise((done) => setTimeout(done, 60));
        }
    }"""
    features = [f"Use the feature {name}" for name in ("x₁²", "x₂²", "x₁·x₂", "sin(x₁)", "sin(x₂)")]
    one.page.evaluate(quickly, features)
    one.page.evaluate(quickly, ["Add a neuron to layer 1"] * 2 + ["Remove a neuron from layer 2"] * 3)
    assert one.page.locator(".feature[data-on=true]").count() == 7
    assert one.page.locator(".neuron").count() == 8 + 1 + 1
    one.until("location.hash.includes('hidden=8%2C1')")
    one.until("decodeURIComponent(location.hash).includes('features=x1,x2,x1²,x2²,x1·x2,sin(x1),sin(x2)')")
    assert one.page.locator(".neuron").count() == 8 + 1 + 1
    for _ in range(8):
        one.page.locator("#layer-more").dispatch_event("click")
    one.until("location.hash.includes('hidden=8%2C1%2C1%2C1%2C1%2C1')")
    assert one.page.locator("#notice.error").count() == 0
    assert len(one.page.locator(".picture svg").all()) == 1


def test_a_change_that_is_refused_is_taken_back(window, port):
    one = window().open(port)
    one.page.evaluate("""() => {
        const option = document.querySelector('#lr option');
        option.value = 1e9;
        option.selected = true;
        document.querySelector('#lr').dispatchEvent(new Event('change'));
    }""")
    one.page.get_by_text("lr must be a number from").wait_for()
    one.until("document.querySelector('#lr').value === '0.03'")
    one.page.get_by_role("combobox", name="Learning rate").select_option("0.1")
    one.until("location.hash.includes('lr=0.1')")


def test_own_points_by_clicking_and_by_keys(window, port):
    one = window().open(port)
    page = one.page
    page.get_by_role("radio", name="own points").click()
    points = page.locator("#points")
    one.until("document.querySelector('#own').hidden === false")
    points.click(position={"x": 60, "y": 60})
    one.until("location.hash.includes('points=')")
    page.get_by_label("−1").check()
    points.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    one.until("decodeURIComponent(location.hash).includes('+1,-1,-1')")
    page.get_by_role("button", name="Take back").click()
    one.until("!decodeURIComponent(location.hash).includes('+1,-1,-1')")
    page.get_by_role("button", name="Clear").click()
    one.until("!location.hash.includes('points=')")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text("there are no points to train with").wait_for()


def test_without_points_there_is_nothing_to_look_inside_with(window, port):
    one = window().open(port)
    page = one.page
    page.locator("#panel-graph svg").wait_for()
    page.get_by_role("radio", name="own points").click()
    page.get_by_text("Click into the output to add one").wait_for()
    assert not page.locator(".about").get_by_text("Layer 1").is_visible()
    assert not page.locator("#panel-graph").is_visible()
    one.until("document.querySelector('#train-loss').textContent === '–'")
    assert [one.text(f"#{name}") for name in ("test-loss", "train-accuracy", "test-accuracy")] == ["–"] * 3
    curve = "[...document.querySelector('#curves').getContext('2d').getImageData(0, 0, 300, 300).data].some(Boolean)"
    assert not page.evaluate(curve)
    page.get_by_role("tab", name="Python script").click()
    page.locator("#panel-script pre").wait_for()
    page.get_by_role("tab", name="Graph and chain rule").click()
    page.locator("#points").click(position={"x": 60, "y": 60})
    page.locator("#panel-graph svg").wait_for()
    page.get_by_text("Layer 1, neuron 1: a₁,₁").wait_for()


def test_a_hostile_csv_is_refused_as_text_and_a_good_one_is_used(window, port):
    one = window().open(port)
    page = one.page
    page.get_by_role("button", name="Paste CSV").click()
    hostile = "<img src=x onerror=\"document.title='hacked'\">"
    field, error = page.locator("#paste-text"), page.locator("#paste-error")
    field.fill(f"a,b,{hostile.replace(chr(34), '')}\n1,2,x\n1,2,y\n1,3,z")
    page.get_by_role("button", name="Use these points").click()
    page.get_by_text("3 classes in column").wait_for()
    assert error.locator("img").count() == 0
    field.fill("x" * 70_000)
    page.get_by_role("button", name="Use these points").click()
    page.get_by_text("the message is too long").wait_for()
    field.fill("<b>a</b>,b,<script>alert(1)</script>\n1,2,<i>yes</i>\n2,1,no\n-1,0,no\n")
    page.get_by_role("button", name="Use these points").click()
    page.locator("#paste").wait_for(state="hidden")
    one.until("decodeURIComponent(location.hash).includes('points=1,2,-1+2,1,1')")
    assert page.title() == "Playground · autograd-engine"


def test_a_hostile_link_is_an_error_on_the_page(window, port):
    one = window()
    one.page.goto(f"http://127.0.0.1:{port}/#data=%3Cimg%20src=x%20onerror=alert(1)%3E")
    one.page.get_by_text("data must be one of circle").wait_for()
    assert one.page.locator("#notice img").count() == 0
    one.page.get_by_role("button", name="Step").click()  # the page lives, with the usual settings
    one.until("document.querySelector('#steps').textContent === '1'")


def test_two_windows_do_not_disturb_each_other(window, port):
    one, other = window().open(port), window().open(port, "hidden=5&samples=60")
    one.page.get_by_role("button", name="Play", exact=True).click()
    one.until("parseInt(document.querySelector('#steps').textContent) > 3")
    assert other.steps() == 0
    assert (one.page.locator(".neuron").count(), other.page.locator(".neuron").count()) == (4, 6)


def free_port():
    """A port below those that the system gives away by itself: it stays free while no server listens there."""
    for number in range(20_000 + os.getpid() % 10_000, 32_000):
        with suppress(OSError), server.listen(number):
            return str(number)


def test_a_server_that_dies_is_said_and_found_again(window):
    number = free_port()

    def start():
        process = subprocess.Popen([*PROGRAM, "playground", "--no-browser", "--port", number], stdout=subprocess.PIPE)
        assert b"The playground is at" in process.stdout.readline()
        return process

    process = start()
    one = window()
    try:
        one.open(number)
        one.page.get_by_role("button", name="Step").click()
        one.until("document.querySelector('#steps').textContent === '1'")
        loss = one.text("#train-loss")
        process.kill()
        process.communicate()
        one.page.get_by_role("alert").filter(has_text="The connection to the server is lost").wait_for()
        process = start()
        one.page.locator("#lost").wait_for(state="hidden")
        one.until("loss => document.querySelector('#train-loss').textContent === loss", loss)  # its weights are back
        one.page.get_by_role("button", name="Step").click()
        one.until("document.querySelector('#steps').textContent === '1'")
        # Chromium itself notes every connection that fails.
        assert all("net::ERR_CONNECTION_" in error for error in one.errors)
        one.errors.clear()
        one.page.goto("about:blank")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


def test_everything_can_be_done_with_the_keyboard(window, port):
    one = window().open(port, "hidden=3,2&samples=20")
    page = one.page
    page.keyboard.press("s")
    one.until("document.querySelector('#steps').textContent === '1'")
    page.keyboard.press("p")
    one.until("parseInt(document.querySelector('#steps').textContent) > 2")
    page.keyboard.press("p")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.keyboard.press("r")
    one.until("document.querySelector('#steps').textContent === '0'")
    page.locator('[data-key="neuron 0 2"]').focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.key") == "neuron 1 1"
    page.keyboard.press("Enter")
    page.get_by_text("Layer 2, neuron 2: a₂,₂").wait_for()
    page.get_by_role("tab", name="Graph and chain rule").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Value of w₂,₂,₁").fill("0.25")
    page.keyboard.press("Enter")
    one.until("document.querySelector('#panel-weights').textContent.includes('b₂,₂')")
    # From the tab through the training point to the weights of the neuron, each a name and a value.
    page.get_by_role("tab", name="Weights and optimiser").focus()
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel"))
    assert reached[1:] == ["w₂,₂,₁", "Value of w₂,₂,₁", "w₂,₂,₂", "Value of w₂,₂,₂", "w₂,₂,₃", "Value of w₂,₂,₃"]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Layer 2, neuron 2, bias: b₂,₂").wait_for()
    page.get_by_role("button", name="w₂,₂,₃").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Layer 2, neuron 2, weight of a₁,₃: w₂,₂,₃").wait_for()
    assert page.locator('[data-edge="1 1 2"].selected').count() == 1
    page.get_by_role("radio", name="moons").focus()
    for key, name, problem in ("ArrowRight", "plane", "regression"), ("ArrowLeft", "moons", "classification"):
        page.keyboard.press(key)
        one.until(f"document.querySelector('[role=radio][aria-checked=true]').ariaLabel === '{name}'")
        assert page.get_by_label("Problem").input_value() == problem
    # Whatever can be clicked can be reached by Tab, or by arrows from what can, and has a name.
    nameless = """[...document.querySelectorAll('button, select, input, textarea')]
        .filter(e => !(e.ariaLabel || e.title || e.labels?.length || e.textContent.trim()))
        .filter(e => !e.hasAttribute('aria-labelledby')).map(e => e.outerHTML)"""
    assert page.evaluate(nameless) == []


@pytest.mark.parametrize(("width", "scale"), [(1280, 1), (800, 1), (640, 2)], ids=["1280", "800", "200 %"])
def test_nothing_is_cut_off_or_overlaps(window, port, width, scale):
    """At 200 % zoom a window of 1280 pixels is 640 wide."""
    one = window(width=width, height=900 // scale, scale=scale).open(port, "hidden=8,8,8,8&samples=60")
    page = one.page
    page.locator("#panel-graph svg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [node.bounding_box() for node in page.locator(".neuron, .feature").all()]
    lefts, tops = ([box[side] for box in boxes] for side in ("x", "y"))
    assert min(lefts) >= 0
    assert max(box["x"] + box["width"] for box in boxes) <= width
    for i, box in enumerate(boxes):
        for other in range(i):
            apart_x = abs(lefts[i] - lefts[other]) >= min(box["width"], boxes[other]["width"])
            apart_y = abs(tops[i] - tops[other]) >= min(box["height"], boxes[other]["height"])
            assert apart_x or apart_y


def test_numbers_have_one_format(window, port):
    one = window().open(port)
    one.select_edge(0, 0, 0)
    one.page.get_by_label("Value", exact=True).fill("0.0000035751")
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('#sample-about').textContent.includes('w₁,₁,₁ = 3.5751e−06,')")
    one.until("document.querySelector('.picture').textContent.includes('3.5751e−06')")
    one.page.get_by_role("tab", name="Weights and optimiser").click()
    assert one.page.get_by_label("Value of w₁,₁,₁").input_value() == "3.5751e-06"


def test_the_scale_says_what_a_colour_is(window, port):
    one = window().open(port, "data=plane&problem=regression&samples=60")
    assert "the output. Beyond −1 and 1 it stays the same" in one.text("#scale-help")
    one.page.get_by_role("combobox", name="Problem").select_option("classification")
    one.page.get_by_text("The output itself is a logit").wait_for()
    assert one.page.locator(".losses dt").all_text_contents()[2:] == ["Training accuracy", "Test accuracy"]


def test_the_heat_map_on_the_page_is_the_output(window, port):
    """The colours that are painted: blue where the output is 1, orange where it is -1."""
    weights = np.array([9.0, 0.0, 0.0]).tobytes()
    one = window()
    text = base64.urlsafe_b64encode(weights).decode()
    one.open(port, f"hidden=&weights={text}")
    row = "[...document.querySelector('#surface').getContext('2d').getImageData(0, 36, 72, 1).data]"
    pixels = np.array(one.page.evaluate(row)).reshape(72, 4)
    left, right = pixels[2], pixels[69]
    assert left[0] > 200 > 50 > left[2]
    assert right[2] > 150 > 50 > right[0]
