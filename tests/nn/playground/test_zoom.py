"""The graph inside the playground is fitted, zoomed and moved, and stays so while its numbers change."""

PICTURE = "document.querySelector('.picture')"
SIZE = f"(({{ width, height }}) => [width, height])({PICTURE}.firstChild.getBoundingClientRect())"
WINDOW = f"[{PICTURE}.clientWidth, {PICTURE}.clientHeight]"
PLACE = f"[{PICTURE}.scrollLeft, {PICTURE}.scrollTop]"


def test_a_graph_fits_zooms_and_moves(window, port):
    one = window().open(port, "hidden=8,8&samples=60&look=2.0")
    page = one.page
    page.locator(".picture svg").wait_for()
    page.get_by_role("button", name="Fit").click()
    (width, height), (wide, high) = page.evaluate(SIZE), page.evaluate(WINDOW)
    assert width <= wide
    assert height <= high
    assert max(width / wide, height / high) > 0.8
    for _ in range(4):
        page.get_by_role("button", name="Nearer").click()
    assert page.evaluate(SIZE)[0] > 2 * width
    left, top = page.evaluate(PLACE)
    page.locator(".picture").scroll_into_view_if_needed()
    box = page.locator(".picture").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    page.mouse.up()
    assert page.evaluate(PLACE) == [left - 40, top]
    page.mouse.move(x - 40, y)  # no longer held
    assert page.evaluate(PLACE) == [left - 40, top]
    # Other numbers, the same view.
    before, text = page.evaluate(SIZE)[0], one.text("#sample-about")
    page.get_by_role("button", name="Step", exact=True).click()
    one.until("text => document.querySelector('#sample-about').textContent !== text", text)
    assert abs(page.evaluate(SIZE)[0] / before - 1) < 0.1
    page.keyboard.press("Control+Home")
    page.locator(".picture").focus()
    page.keyboard.press("-")
    assert page.evaluate(SIZE)[0] < before
    page.keyboard.press("0")
    assert page.evaluate(SIZE)[0] <= wide


def test_on_a_telephone_a_graph_opens_as_a_whole_and_going_nearer_keeps_the_neuron_in_sight(window, port):
    one = window(width=390, height=844).open(port, "hidden=8,8&samples=60&look=2.0")
    one.page.locator(".picture svg").wait_for()
    (width, height), (wide, high) = one.page.evaluate(SIZE), one.page.evaluate(WINDOW)
    assert 0.8 * wide < width <= wide
    assert height <= high
    for _ in range(5):
        one.page.get_by_role("button", name="Nearer").click()
    assert one.page.evaluate(SIZE)[0] > 2.5 * width
    box, picture = (
        one.page.locator(".picture text", has_text="output").last.bounding_box(),
        one.page.locator(".picture").bounding_box(),
    )
    assert picture["x"] < box["x"] < box["x"] + box["width"] < picture["x"] + picture["width"]
    assert picture["y"] < box["y"] < box["y"] + box["height"] < picture["y"] + picture["height"]
