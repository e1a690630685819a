"""A window of the browser with the playground in it, as tests use it."""

import time

from tests.browser import SECONDS

SMALL = "hidden=3&samples=60"


class Window:
    """A window of the browser, whose console must stay empty."""

    def __init__(self, browser, width=1280, height=900, scale=1):
        self.errors = []
        self.context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * SECONDS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("request", self._watch)

    def _watch(self, request):
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:", "data:")):
            self.errors.append(f"a request to {request.url}")

    def open(self, port, query=SMALL):
        self.page.goto(f"http://127.0.0.1:{port}/#{query}")
        self.until("document.querySelector('#test-loss').textContent !== ''")
        return self

    def until(self, condition, argument=None):
        """Wait. Playwright's own wait_for_function is stopped by the page's Content-Security-Policy."""
        deadline = time.monotonic() + SECONDS
        while not self.page.evaluate(condition, argument):
            assert time.monotonic() < deadline, condition
            self.page.wait_for_timeout(20)

    def text(self, selector):
        return self.page.inner_text(selector)

    def formulas(self, selector):
        """The lines of words and formulas as one reads them: a_1,2, x^2, (d loss)/(d x); no spaces around signs."""
        return self.page.evaluate(
            """selector => {
            const read = (node) => {
                const { localName, previousSibling, textContent } = node;
                if (!localName) return textContent.replace("\u2062", "·").replace("\u200b", "");
                const parts = [...node.childNodes].map(read), [base, below, above] = parts;
                const known = { mfrac: `(${parts.join(")/(")})`, msub: parts.join("_"), msup: parts.join("^") };
                const space = previousSibling?.localName === "mi" ? " " : "";
                const others = { msubsup: `${base}_${below}^${above}`, mspace: space };
                return { ...known, ...others }[localName] ?? parts.join("");
            };
            return [...document.querySelectorAll(`${selector} p, ${selector} mtr`)].map(read);
        }""",
            selector,
        )

    def select_edge(self, layer, neuron, source):
        self.page.locator(f'[data-edge="{layer} {neuron} {source}"] .target').dispatch_event("click")

    def steps(self):
        return int(self.text("#steps").replace(",", ""))
