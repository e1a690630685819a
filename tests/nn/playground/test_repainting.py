"""The playground draws only what is other than before, and asks for what can be seen: that leaves time for training."""


def test_other_numbers_change_texts_and_no_elements(window, port):
    one = window().open(port)
    one.page.locator(".rule math").first.wait_for()
    one.page.locator(".picture svg").wait_for()
    one.page.evaluate("""() => {
        for (const node of document.querySelectorAll(".rule *, .picture *")) node.known = true;
    }""")
    before = one.page.locator(".picture text").all_text_contents(), one.formulas(".rule")
    one.page.keyboard.press("s")
    one.until("text => document.querySelector('.rule').textContent !== text", one.page.locator(".rule").text_content())
    after = one.page.locator(".picture text").all_text_contents(), one.formulas(".rule")
    assert all(old != new for old, new in zip(before, after))
    made = "[...document.querySelectorAll('.rule *, .picture *')].filter(node => !node.known).length"
    assert one.page.evaluate(made) == 0
    # Another graph is another drawing.
    one.page.locator('[data-key="neuron 1 0"]').click()
    one.page.locator(".picture text", has_text="output").wait_for()
    assert one.page.evaluate(made) > 0


def test_all_maps_of_a_network_are_on_one_canvas(window, port):
    """Each canvas is a layer, which the browser puts together with the others in every frame."""
    one = window().open(port, "hidden=1&samples=60")
    canvases = "document.querySelectorAll('canvas').length"
    few = one.page.evaluate(canvases)
    one = window().open(port, "hidden=8,8,8&samples=60")
    assert one.page.evaluate(canvases) == few
    small, large = one.page.evaluate("""() => {
        const canvas = document.querySelector(".maps"), out = document.querySelector(".neuron.out");
        const around = canvas.getBoundingClientRect(), { x, y, width, height } = out.getBoundingClientRect();
        const row = (canvas, x, y, width) => [...canvas.getContext("2d").getImageData(x, y, width, 1).data];
        const middle = Math.round(y + height / 2 - around.y);
        const surface = document.querySelector("#surface");
        return [row(canvas, Math.round(x - around.x), middle, Math.round(width)), row(surface, 0, 36, 72)];
    }""")
    for share in 0.25, 0.75:
        at = [row[4 * int(share * len(row) / 4) :][:4] for row in (small, large)]
        assert at[0][3] == 255
        assert max(abs(a - b) for a, b in zip(*at)) < 25


def test_nothing_is_asked_for_that_is_out_of_sight(window, port):
    one = window()
    sockets, asked = [], []

    def is_look(text):
        return '"inspect"' in text

    def watch(socket):
        sockets.append(socket)
        socket.on("framesent", lambda text: asked.append(text) if is_look(text) else None)

    one.page.on("websocket", watch)
    one.open(port, "hidden=3&samples=60&present=1")
    one.page.keyboard.press("p")
    one.until("Number(document.querySelector('#steps').textContent.replace(',', '')) > 200")
    before = len(asked)
    one.page.wait_for_timeout(1000)
    assert len(asked) == before
    with sockets[0].expect_event("framesent", is_look):
        one.page.get_by_role("button", name="Panels").click()
        one.page.locator("#panel-graph").scroll_into_view_if_needed()
    for _ in range(2):
        with sockets[0].expect_event("framesent", is_look):
            pass


def test_a_step_lays_out_its_numbers_and_not_the_page(window, port, browser):
    one = window().open(port, "hidden=3&samples=60&present=1")
    frame = one.page.context.new_cdp_session(one.page).send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    tracing, events, ended = browser.new_browser_cdp_session(), [], []
    tracing.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    tracing.on("Tracing.tracingComplete", lambda _: ended.append(True))
    tracing.send("Tracing.start", {"categories": "devtools.timeline", "transferMode": "ReportEvents"})
    for step in range(1, 4):
        one.page.keyboard.press("s")
        one.until("step => document.querySelector('#steps').textContent === String(step)", step)
        one.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    tracing.send("Tracing.end")
    while not ended:
        one.page.wait_for_timeout(20)
    layouts = [
        event["args"]["beginData"] for event in events if event["name"] == "Layout" and "beginData" in event["args"]
    ]
    layouts = [layout for layout in layouts if layout["frame"] == frame]
    assert layouts
    assert all(layout["partialLayout"] for layout in layouts)
