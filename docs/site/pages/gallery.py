"""The gallery: pictures of every kind that the packages draw, each made anew from the code that stands beside it."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pages.contents import GENERATED, write_page

# Each leaves a figure, an SVG or a page in `shown`.
PICTURES = {
    "The graph of an expression": """
from autograd_engine import Value, to_svg

x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
f = (x + y) * z
f.backward()
shown = to_svg(f)
""",
    "A neuron, in the terms of its network": """
from autograd_engine import Value, to_svg
from nn import Neuron, Sequential

neuron = Neuron(3, activation="tanh", seed=1)
out = neuron([Value(0.5, "x0"), Value(-1.0, "x1"), Value(2.0, "x2")])
out.backward()
shown = to_svg(out, parameters=neuron.named_parameters())
""",
    "A graph to play with": """
from autograd_engine import Value, sigmoid, to_html

s0, w0, w1, w2 = Value(2, "s0"), Value(2, "w0"), Value(1, "w1"), Value(0.5, "w2")
out = w2 * sigmoid(w1 * sigmoid(w0 * s0))
shown = to_html(out, parameters=[w0, w1, w2])
""",
    "Activations and their derivatives": """
from nn.plots import activation_functions

shown = activation_functions()
""",
    "A descent on its curve": """
from nn import minimize
from nn.plots import descent_curve

descent = minimize(lambda x: (x - 5) ** 2, 0.0, lr=0.9, max_steps=20)
shown = descent_curve(lambda x: (x - 5) ** 2, (-1, 11), path=descent.points)
""",
    "A cost surface": """
from autograd_engine import sigmoid
from nn import minimize
from nn.plots import cost_surface, heat_map


def cost(w1, w2):
    return (w2 * sigmoid(2 * w1) - 1.5) ** 2


descent = minimize(lambda w: cost(*w), [-2.0, 3.0], lr=0.3, max_steps=300)
shown = cost_surface(cost, (-4, 4), (-1, 4), path=descent.points, view=(38, -65))
""",
    "The same from above": """
paths = {rate: minimize(lambda w: cost(*w), [-2.0, 3.0], lr=rate, max_steps=100).points for rate in (0.1, 1.0)}
paths = {f"learning rate {rate}": path for rate, path in paths.items()}
shown = heat_map(cost, (-4, 4), (-1, 4), paths=paths, names=("w1", "w2", "C"), logarithmic=True)
""",
    "A decision boundary": """
import numpy as np
from nn import MLP, Adam, binary_cross_entropy_with_logits, fit
from nn.datasets import load
from nn.plots import decision_boundary, loss_curve

moons = load("moons")
model = MLP(2, [16, 1], activation="tanh", seed=1)
optimizer = Adam(model.parameters(), lr=0.05)
history = fit(model, moons.X, moons.y, binary_cross_entropy_with_logits, optimizer, epochs=150)


def predict(points):
    second = np.array([sigmoid(model(point)[0].data) for point in points.tolist()])
    return np.stack([1 - second, second], axis=1)


shown = decision_boundary(predict, moons.X, moons.y, class_names=["one moon", "the other"])
""",
    "A training": """
shown = loss_curve({"training": history.loss})
""",
    "Learning rates": """
from nn.plots import learning_rates

rates = (0.01, 0.1, 0.5, 0.95)
values = {f"{rate}": minimize(lambda x: (x - 5) ** 2, 0.0, lr=rate, max_steps=40).values for rate in rates}
shown = learning_rates(values)
""",
    "Images": """
from nn.plots import images

digits = load("digits")
pixels = np.asarray(digits.X[:12]).reshape(-1, 8, 8)
shown = images(pixels, [f"{digit:g}" for digit in digits.y[:12]], title="Handwritten digits")
""",
}


def _section(folder: Path, title: str, code: str, names: dict[str, Any]) -> str:
    """Run the code of a picture, keep what it shows as a file, and return the section with both."""
    exec(compile(code, title, "exec"), names)
    shown, file = names["shown"], title.lower().replace(" ", "-").replace(",", "")
    code = f"```python\n{code.strip()}\n```\n"
    if not isinstance(shown, str):
        shown.savefig(folder / f"{file}.png", dpi=100)
        return f"## {title}\n\n![{title}]({folder.name}/{file}.png)\n\n{code}"
    if "<html" in shown:
        (folder / f"{file}.html").write_text(shown, encoding="utf-8")
        frame = f'<iframe class="graph" src="../../_static/{file}.html" title="{title}" loading="lazy"></iframe>'
        return f"## {title}\n\n{frame}\n\n{code}"
    (folder / f"{file}.svg").write_text(shown, encoding="utf-8")
    return f"## {title}\n\n![{title}]({folder.name}/{file}.svg)\n\n{code}"


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir, "docs", GENERATED, "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, Any] = {}
    sections = [_section(folder, title, code.strip(), names) for title, code in PICTURES.items()]
    write_page(app, "Gallery", "What the packages draw, and the code that draws it.\n\n" + "\n".join(sections))
    app.config.html_static_path.extend(str(path) for path in folder.glob("*.html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Draw the pictures before the pages are read."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
