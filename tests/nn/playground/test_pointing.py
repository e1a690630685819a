"""Pointing at a neuron or a weight of the playground: what lights up, and what the line below says."""

import base64

import numpy as np

# Two neurons in the hidden layer: their weights, their biases, then the output's.
WEIGHTS = [2.0, 0.0, 0.25, -1.5, 0.5, -1.0, 1.0, -1.0, 0.125]
CHOSEN = f"hidden=2&samples=60&weights={base64.urlsafe_b64encode(np.array(WEIGHTS).tobytes()).decode()}"
SURFACE = """() => {
    const copy = new OffscreenCanvas(72, 72).getContext("2d", { willReadFrequently: true });
    copy.drawImage(document.querySelector("#surface"), 0, 0);
    return [...copy.getImageData(0, 0, 72, 72).data];
}"""
LIT = "[...document.querySelectorAll('.edge.lit')].map(edge => edge.dataset.edge).sort()"


def says(one, formula):
    """Waits until the line below the network is that formula."""
    one.until("start => document.querySelector('#hovered math')?.textContent.startsWith(start)", formula[0])
    assert one.formulas("#hovered") == [formula]


def is_blue(one):
    """For each pixel of the output whether it is blue, the colour of what is positive."""
    pixels = np.array(one.page.evaluate(SURFACE)).reshape(72, 72, 4).astype(int)
    return pixels[..., 2] > pixels[..., 0]


def test_a_neuron_fills_the_output_lights_its_weights_and_says_its_formula(window, port):
    one = window().open(port, CHOSEN)
    output = is_blue(one)
    one.page.locator('[data-key="neuron 0 1"]').hover()
    assert one.text("#output-title") == "a₁,₂: layer 1, neuron 2"
    says(one, "a_1,2=tanh(0.25·x_1−1.5·x_2−1)")
    assert one.page.evaluate(LIT) == ["0 1 0", "0 1 1"]
    centres = 6 * ((np.arange(72) + 0.5) / 36 - 1)
    x1, x2 = np.meshgrid(centres, -centres)
    z = 0.25 * x1 - 1.5 * x2 - 1
    assert np.array_equal(is_blue(one)[np.abs(z) > 0.5], z[np.abs(z) > 0.5] > 0)
    assert "Colour: a₁,₂" in one.text("#scale-help")
    one.page.mouse.move(0, 0)
    assert one.text("#output-title") == "Output"
    assert one.text("#hovered") == ""
    assert one.page.evaluate(LIT) == []
    assert np.array_equal(is_blue(one), output)


def test_the_output_neuron_says_its_formula(window, port):
    one = window().open(port, CHOSEN)
    one.page.locator('[data-key="neuron 1 0"]').hover()
    says(one, "output=a_1,1−a_1,2+0.125")
    assert one.text("#output-title") == "Output"


def test_a_weight_says_its_value_its_gradient_and_the_last_step(window, port):
    one = window().open(port, CHOSEN + "&batch=10&lr=0.1")
    edge = one.page.locator('[data-edge="0 1 1"] .target')
    edge.dispatch_event("pointerover")
    assert one.text("#hovered").startswith("w₁,₂,₂ = −1.5. There was no step yet")
    assert one.page.evaluate(LIT) == ["0 1 1"]
    one.page.keyboard.press("s")
    one.until("document.querySelector('#steps').textContent === '1'")
    one.until("document.querySelector('#hovered').textContent.includes('The last step added −0.1 · ')")
    assert "(mean over a batch of 10)" in one.text("#hovered")
    one.page.locator('[data-bias="0 0"]').dispatch_event("pointerover")
    assert one.text("#hovered").startswith("b₁,₁ = ")
    assert one.page.evaluate(LIT) == []


def test_with_the_keyboard_the_focus_points(window, port):
    one = window().open(port, CHOSEN)
    one.page.get_by_role("button", name="Add a neuron to layer 1").focus()
    for _ in range(2):
        one.page.keyboard.press("Tab")
    one.page.locator('[data-key="neuron 0 0"]').focus()
    one.page.keyboard.press("ArrowDown")
    says(one, "a_1,2=tanh(0.25·x_1−1.5·x_2−1)")
    one.page.keyboard.press("ArrowRight")
    says(one, "output=a_1,1−a_1,2+0.125")


def test_what_is_pointed_at_goes_with_the_network(window, port):
    one = window().open(port, CHOSEN)
    one.page.locator('[data-key="neuron 0 1"]').hover()
    one.page.evaluate("document.querySelector('[data-key=\"less 0\"]').click()")
    one.until("location.hash.includes('hidden=1')")
    assert one.text("#output-title") == "Output"
    assert one.text("#hovered") == ""
