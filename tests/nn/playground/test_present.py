"""How the playground looks: for a class, dark and light, at every width; what of it is in the link."""

import itertools

import pytest

from tests.nn.playground.window import SMALL

BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
PANELS = (".data", ".choices", ".inspector")


def lightness(one):
    channels = one.page.evaluate(BACKGROUND).removeprefix("rgb(").removesuffix(")").split(",")
    return sum(map(int, channels)) / 3


def test_present_mode_is_large_bare_and_in_the_link(window, port):
    one = window().open(port)
    usual = one.page.locator(".neuron").first.bounding_box()["width"]
    one.page.keyboard.press("m")
    assert one.page.locator(".neuron").first.bounding_box()["width"] > 1.25 * usual
    assert [one.page.locator(panel).is_visible() for panel in PANELS] == [False] * 3
    assert one.page.locator(".feature:visible").count() == 2  # those in use
    one.until("location.hash.includes('present=1')")
    one.page.get_by_role("button", name="Panels").click()
    assert [one.page.locator(panel).is_visible() for panel in PANELS] == [True] * 3
    one.until("location.hash.includes('panels=1')")
    other = window()
    other.page.goto(one.page.evaluate("location.href"))
    other.until("document.querySelector('#test-loss').textContent !== ''")
    assert other.page.get_by_role("button", name="Present").get_attribute("aria-pressed") == "true"
    other.page.get_by_role("button", name="Present").click()
    other.until("!location.hash.includes('present')")
    assert other.page.locator(".neuron").first.bounding_box()["width"] == usual


def test_dark_and_light_follow_the_system_until_one_is_chosen(window, port):
    one = window()
    one.page.emulate_media(color_scheme="dark")
    one.open(port)
    assert lightness(one) < 40
    assert "theme" not in one.page.evaluate("location.hash")
    one.page.emulate_media(color_scheme="light")
    one.until(f"{BACKGROUND} === 'rgb(243, 245, 247)'")
    one.page.keyboard.press("d")
    assert lightness(one) < 40
    one.until("location.hash.includes('theme=dark')")
    one.page.reload()
    one.until("document.querySelector('#test-loss').textContent !== ''")
    assert lightness(one) < 40
    one.page.get_by_role("button", name="Light").click()
    assert lightness(one) > 200


def test_full_screen_and_back(window, port):
    one = window().open(port)
    one.page.get_by_role("button", name="Full screen").click()
    one.until("document.fullscreenElement !== null")
    one.page.get_by_role("button", name="Leave full screen").click()
    one.until("document.fullscreenElement === null")
    one.page.get_by_role("button", name="Full screen", exact=True).wait_for()


@pytest.mark.parametrize("rival", ["", "&rival=yes"], ids=["one", "two"])
@pytest.mark.parametrize("present", ["", "&present=1", "&present=1&panels=1"], ids=["usual", "present", "panels"])
@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(390, 844, 1), (640, 450, 2), (800, 900, 1), (1280, 720, 1), (1920, 1080, 1)],
    ids=["390", "200 %", "800", "1280", "1920"],
)
def test_nothing_reaches_out_of_the_window(window, port, width, height, scale, present, rival):
    one = window(width=width, height=height, scale=scale).open(port, f"hidden=8,8,2,2,2,2&samples=60{present}{rival}")
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = """[...document.querySelectorAll('.neuron, .feature, button, select, .losses dd, #curves, #surface')]
        .filter(e => e.offsetParent)
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)
        .map(e => e.outerHTML)"""
    assert one.page.evaluate(outside) == []
    cut = """[...document.querySelectorAll('.losses dd')]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"""
    assert one.page.evaluate(cut) == []
    crowded = """[...document.querySelectorAll('.graph')].filter(e => e.offsetParent).flatMap((graph) => {
        const boxes = (name) => [...graph.querySelectorAll(name)].filter(e => e.offsetParent)
            .map(e => e.getBoundingClientRect());
        const apart = (a, b, room) => b.left - a.right >= room || b.top - a.bottom >= 0 || b.bottom <= a.top;
        const [neurons, buttons] = [boxes('.neuron'), boxes('.layer-header button')];
        const isFree = (a, n, all) => all.slice(n + 1).every(b => apart(a, b, all === neurons ? 0.4 * a.width : 0));
        return [neurons, buttons].flatMap(all => all.filter((a, n) => !isFree(a, n, all)));
    })"""
    assert one.page.evaluate(crowded) == []
    if rival and width > 700:  # to be compared, side by side
        first, second = (one.page.locator(name).bounding_box() for name in ("#surface", "#rival-surface"))
        assert {name: second[name] for name in ("y", "width")} == {name: first[name] for name in ("y", "width")}
    if present == "&present=1" and width >= 800:  # a class sees everything without scrolling
        assert one.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert overlapping(one) == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("query", ["hidden=8,8&rival=yes", "hidden=8,8&lesson=overfitting", "hidden=2"])
def test_a_class_sees_all_of_a_point_that_is_played_backward(window, port, width, height, query):
    one = window(width=width, height=height).open(port, f"{query}&samples=60&present=1")
    one.page.keyboard.press("b")
    one.until("!document.querySelector('#flow').hidden")
    one.page.get_by_label("Next step").click(click_count=6)
    assert one.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert overlapping(one) == []
    steps = one.page.evaluate("""() => {
        const [slider, network] = ["#flow-at", "#network"].map((name) => document.querySelector(name));
        const box = network.parentNode.getBoundingClientRect(), found = [];
        for (slider.value = 0; found.length <= slider.max; slider.value = found.length) {
            slider.dispatchEvent(new Event("input"));
            const parts = [...document.querySelectorAll(".chip, #flow-words > *")];
            const isIn = ({ left, right, bottom }) => left >= 0 && right <= box.right + 1 && bottom <= box.bottom + 1;
            found.push([network.clientHeight, parts.every((part) => isIn(part.getBoundingClientRect()))]);
        }
        return found;
    }""")
    assert len(steps) > 8
    assert {(steps[0][0], True)} == set(map(tuple, steps))  # the words have their room, and nothing moves


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_a_class_sees_a_large_picture_and_one_chart_between_two(window, port, width, height):
    one = window(width=width, height=height).open(port, "hidden=8,8&lesson=why-depth&samples=60&present=1")
    assert one.page.locator(".surface").first.bounding_box()["width"] > 0.22 * width
    one.page.get_by_text("Why?").click()
    assert one.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    one.page.evaluate("location.hash += '&rival=yes'")
    one.until("document.body.classList.contains('versus')")
    names = ("#surface", "#curves", "#rival-surface")
    first, chart, second = (one.page.locator(name).bounding_box() for name in names)
    assert first["x"] + first["width"] < chart["x"]
    assert chart["x"] + chart["width"] < second["x"] + 1
    assert chart["width"] > 0.4 * width
    one.page.evaluate("document.querySelector('#link').click()")
    one.page.get_by_text("both networks begin anew").wait_for()


@pytest.mark.parametrize("rival", ["", "&rival=yes"], ids=["one", "two"])
def test_a_class_can_read_the_numbers_of_many_neurons(window, port, rival):
    one = window(width=1280, height=720).open(port, f"hidden=8,8&samples=60&present=1{rival}")
    one.page.keyboard.press("b")
    one.page.get_by_label("Next step").wait_for()
    one.page.locator("#flow-at").fill("14")
    products = one.page.locator(".product")
    assert products.count() == 8
    size = products.first.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    assert size > (10 if rival else 15)
    boxes = sorted(box.bounding_box()["y"] for box in products.all())
    assert min(below - above for above, below in itertools.pairwise(boxes)) > 10
    if rival:  # drawn alike
        sizes = [one.page.locator(f"#{name} .neuron").first.bounding_box() for name in ("network", "rival-network")]
        assert sizes[0]["width"] == sizes[1]["width"]


def test_a_class_is_one_button_away_from_what_a_lesson_speaks_of(window, port):
    one = window(width=1280, height=720).open(port, "lesson=vanishing-gradients&tab=deltas&present=1&samples=60")
    assert not one.page.locator("#panel-deltas").is_visible()
    one.page.keyboard.press("b")  # the words make room for numbers; the buttons stay apart
    one.until("!document.querySelector('#flow').hidden")
    row, button = (one.page.locator(name).bounding_box() for name in (".lesson > .row", "#lesson-panels"))
    assert button["y"] - row["y"] - row["height"] > 4
    one.page.keyboard.press("b")
    one.page.locator("#lesson-panels").click()
    assert one.page.locator("#panel-deltas").is_visible()
    assert one.page.evaluate("document.activeElement.id") == "tab-deltas"
    one.page.select_option("#lessons", "overfitting")
    one.page.get_by_text("Show the test points").wait_for()
    one.page.get_by_role("button", name="Panels").click()
    one.page.get_by_label("Show test points").check()
    assert not one.page.locator("#lesson-panels").is_visible()


def test_an_axis_has_two_numbers_at_least_and_none_beside_it(window, port):
    found = (
        window()
        .open(port)
        .page.evaluate("""async () => {
        const { ticks } = await import('./axes.js'), found = [];
        for (let high = 1; high < 1e7; high *= 1.03) {
            for (const count of [2, 3, 5, 8]) found.push([high, ticks(0, high, count)]);
        }
        return found;
    }""")
    )
    assert all(len(ticks) >= 2 and ticks[0] == 0 and ticks[-1] <= high * (1 + 1e-9) for high, ticks in found)


def test_weights_that_are_weak_light_up_too(window, port):
    one = window().open(port)
    width = "node => parseFloat(getComputedStyle(node.querySelector('.line')).strokeWidth)"
    weak = one.page.locator(".edge.thin").first
    assert weak.evaluate(width) < 2.5
    weak.locator(".target").dispatch_event("pointerover")
    assert one.page.locator(".edge.thin.lit").first.evaluate(width) == 2.5


def overlapping(one):
    """The parts of the page that lie on another, and those that scroll by themselves."""
    return one.page.evaluate("""() => {
        const names = "header, .lesson, .neuron, .flow-bar, .surface, .losses, .rival-losses, main h2";
        const parts = [...document.querySelectorAll(names)].filter((part) => part.offsetParent);
        const boxes = parts.map((part) => part.getBoundingClientRect());
        const before = (a, b) => a.right <= b.left + 1 || a.bottom <= b.top + 1;
        const inside = (part, other) => part.contains(other) || other.contains(part);
        const apart = (a, b) => before(a, b) || before(b, a);
        const over = (i, k) => !inside(parts[i], parts[k]) && !apart(boxes[i], boxes[k]);
        const covered = parts.filter((_, i) => parts.some((_, k) => over(i, k)));
        const sections = [...document.querySelectorAll(".network, .rival-part")];
        const scrolled = sections.filter((part) => part.scrollHeight > part.clientHeight + 1);
        return [...covered, ...scrolled].map((part) => part.className || part.textContent);
    }""")


def test_points_stand_out_from_a_map_of_their_colour(window, port):
    one = window().open(port, SMALL)
    for theme in ("light", "dark"):
        found = one.page.evaluate(
            """async (dark) => {
            const { usePalette, rgb, dotColor } = await import('./colors.js');
            usePalette(dark);
            const channels = (text) => text.match(/\\d+/g).map(Number);
            const light = (rgb) => rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0.05);
            return [-1, 1].map(x => light(rgb(x)) / light(channels(dotColor(x))));
        }""",
            theme == "dark",
        )
        assert all(max(ratio, 1 / ratio) > 1.5 for ratio in found), (theme, found)
