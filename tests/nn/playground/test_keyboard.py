"""The playground without a mouse: where the Tab key goes, that one sees it, and a lesson from its choice to its end."""

import pytest

FOCUSED = """() => {
    const at = document.activeElement, { width } = at.getBoundingClientRect();
    const { outlineStyle: style, outlineWidth: wide } = getComputedStyle(at);
    const isOutlined = style === "solid" && parseFloat(wide) >= 2;
    const isSeen = width > 0 && at.matches(":focus-visible") && isOutlined;
    return at === document.body ? null : [at.id || at.dataset.key || at.ariaLabel || at.textContent, isSeen];
}"""
ORDER = ("play", "explain", "More points", "lesson-close", "noise", "layer-more", "feature x1", "more 0", "neuron 0 0")
ORDER += (
    "more 1",
    "neuron 1 0",
    "neuron 2 0",
    "flow-start",
    "points",
    "tab-graph",
    "sample",
    "Chain rule",
    "Copy as text",
)


def stops(one):
    """What the Tab key comes to, one after the other."""
    found = []
    while True:
        one.page.keyboard.press("Tab")
        stop = one.page.evaluate(FOCUSED)
        if stop is None:
            return found
        assert stop[1], stop
        found.append(stop[0])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("present", ["", "&present=1"], ids=["usual", "present"])
def test_the_tab_key_goes_in_order_and_shows_where_it_is(window, port, theme, present):
    one = window().open(port, f"hidden=2,2&samples=60&lesson=overfitting&theme={theme}{present}")
    one.page.locator(".rule math").first.wait_for(state="attached")
    found = stops(one)
    assert len(found) == len(set(found))
    assert [stop for stop in found if stop in ORDER] == [stop for stop in ORDER if present == "" or stop in found]
    assert len(found) > (15 if present else 50)


def test_a_lesson_without_a_mouse(window, port):
    one = window().open(port)
    page = one.page

    def tab_to(text):
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent") == text:
                return
        raise AssertionError(text)

    page.get_by_label("Lesson", exact=True).focus()
    page.keyboard.press("o")  # the first letter of Overfitting
    page.get_by_role("button", name="More points").wait_for()
    one.until("document.querySelector('#samples-shown').value === '60'")
    one.until("!document.body.classList.contains('restarting')")
    tab_to("More points")
    page.keyboard.press("p")
    one.until("Number(document.querySelector('#steps').textContent.replace(',', '')) > 10")
    page.keyboard.press("Enter")
    one.until("document.querySelector('#samples-shown').value === '500'")
    tab_to("Why?")
    page.keyboard.press("Enter")
    assert page.locator("#lesson-why").is_visible()
    tab_to("Close the lesson")
    page.keyboard.press("Enter")
    assert not page.locator("#lesson").is_visible()
    assert page.evaluate("document.activeElement.id") == "lessons"


def test_a_point_is_played_backward_without_a_mouse(window, port):
    one = window().open(port)
    page = one.page
    page.keyboard.press("b")
    page.get_by_role("button", name="Next step").wait_for()
    slider = page.locator("#flow-at")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").startswith("step 2 of")
    page.keyboard.press("d")  # a slider takes no letters: they are for the page
    one.until("document.documentElement.dataset.theme === 'dark'")
    page.keyboard.press("Escape")
    assert not slider.is_visible()
    assert page.evaluate("document.activeElement.id") == "flow-start"
