"""axe-core finds nothing to object to in the playground, whatever is open. It needs the extra `accessibility`."""

from importlib.resources import files

import pytest

AXE = pytest.importorskip("axe_playwright_python", reason="needs axe-core: pip install '.[accessibility]'")
FOUND = """axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`))"""
TABS = ("graph", "weights", "deltas", "landscape", "script")


def violations(one):
    one.page.evaluate(files(AXE).joinpath("axe.min.js").read_text(encoding="utf-8"))
    return one.page.evaluate(FOUND)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anyone(window, port, theme):
    one = window().open(port, f"hidden=4,3&samples=60&theme={theme}&rival=yes&explain=1&lesson=overfitting")
    for tab in TABS:
        one.page.locator(f"#tab-{tab}").click()
        one.until("!document.body.classList.contains('stale')")
        assert violations(one) == [], tab
    one.page.keyboard.press("m")
    one.page.keyboard.press("b")
    one.page.get_by_role("button", name="Next step").click()
    assert violations(one) == []
    one.page.keyboard.press("m")
    one.page.get_by_role("button", name="Paste CSV").click()
    assert violations(one) == []
    one.page.keyboard.press("Escape")
    one.page.set_viewport_size({"width": 390, "height": 844})
    assert violations(one) == []
