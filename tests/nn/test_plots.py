import io
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from autograd_engine import PRIMITIVES
from nn.modules import ACTIVATIONS
from nn.plots import (
    COLOURS,
    activation_functions,
    confusion_matrix,
    cost_surface,
    decision_boundary,
    delta_histograms,
    descent_curve,
    heat_map,
    images,
    learning_rates,
    loss_curve,
    predicted_against_true,
)


def render(figure):
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=40)
    assert content.getvalue().startswith(b"\x89PNG")
    return figure


def texts(figure):
    axes = figure.axes[0]
    return {text.get_text() for text in axes.texts} | {label.get_text() for label in axes.get_xticklabels()}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def halves(points):
    right = (np.asarray(points)[:, 0] > 0).astype(float)
    return np.stack([1 - right, right], axis=1)


def test_loss_curve_shows_every_history_over_its_epochs():
    figure = render(loss_curve({"train": [0.9, 0.5, 0.4], "test": [1.0, 0.7]}))
    lines = figure.axes[0].lines
    assert [line.get_xdata().tolist() for line in lines] == [[1, 2, 3], [1, 2]]
    assert [line.get_ydata().tolist() for line in lines] == [[0.9, 0.5, 0.4], [1.0, 0.7]]
    assert legend(figure) == ["train", "test"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("epoch", "loss (mean per sample)")


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [
        (1, [1]),
        (3, [1, 2, 3]),
        (10, [*range(1, 11)]),
        (11, [1, 5, 10]),
        (40, [1, *range(5, 41, 5)]),
        (41, [1, 10, 20, 30, 40]),
        (100, [1, 20, 40, 60, 80, 100]),
        (1000, [1, 200, 400, 600, 800, 1000]),
    ],
)
def test_the_epochs_are_whole_numbers_from_1_on(epochs, ticks):
    axes = render(loss_curve({"train": [1.0] * epochs, "test": [0.5]})).axes[0]
    assert axes.get_xticks().tolist() == ticks


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([1, 0.5], "linear"), ([1, 0.01], "log"), ([1, 0.0], "linear"), ([], "linear"), ([1, np.inf, np.nan], "linear")],
)
def test_loss_curve_is_logarithmic_where_that_helps(losses, scale):
    assert render(loss_curve({"train": losses})).axes[0].get_yscale() == scale


def test_decision_boundary_marks_the_wrong_samples():
    X = np.array([[-1.0, 0], [1, 1], [2, 0], [-2, 1]])
    figure = render(
        decision_boundary(halves, X, [0, 1, 1, 1], class_names=["left", "$right$"], feature_names=["a (m)", "b (s)"])
    )
    assert legend(figure) == ["left", r"\$right\$", "wrong (1)"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("a (m)", "b (s)")
    # The regions have the colours of the classes, so far as the image is not bleached.
    image = figure.axes[0].images[0].get_array()
    assert np.argmin(image[0, 0]) == np.argmin(to_rgb(COLOURS[0]))
    assert np.argmin(image[0, -1]) == np.argmin(to_rgb(COLOURS[1]))


LONG = ["a class name of thirty-five letters", "x" * 35]


def boxes(figure):
    """The title, the legend if there is one, the texts and the axes, in inches."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    axes = figure.axes[0]
    parts = (axes._left_title, *figure.legends, *axes.texts, axes)
    return [part.get_window_extent(renderer).transformed(figure.dpi_scale_trans.inverted()) for part in parts]


def test_long_class_names_leave_room_for_the_axes_and_the_title():
    X, y, title = np.array([[-1.0, 0], [1, 1]]), [0, 1], "Decision boundary and test samples"
    *_, usual = boxes(decision_boundary(halves, X, y, class_names=["left", "right"], title=title))
    figure = decision_boundary(halves, X, y, class_names=LONG, title=title)
    heading, names, axes = boxes(figure)
    assert axes.width > 0.75 * usual.width
    assert heading.x1 < names.x0
    assert names.x1 < figure.get_figwidth()


@pytest.mark.parametrize("title", ["a title that does not end " * 9, "x**2+" * 40])
def test_a_long_title_is_wrapped(title):
    heading, names, axes = boxes(loss_curve({"train": [1, 2]}, title=title))
    assert heading.x1 < names.x0
    assert heading.y0 > axes.y1
    assert axes.height > 2


def ring(points):
    inside = 1 / (1 + np.exp(-8 * (0.7 - np.hypot(*np.asarray(points).T))))
    return np.stack([1 - inside, inside], axis=1)


def test_the_boundary_is_smoother_than_the_grid():
    corners = np.array([[-1.0, -1], [1, 1]])
    figure = render(decision_boundary(ring, corners, [0, 0], class_names=["out", "in"], resolution=20))
    [line, *_] = [path for lines in figure.axes[0].collections for path in lines.get_paths() if len(path) > 20]
    radii = np.hypot(*line.vertices.T)
    assert np.ptp(radii) < 0.01
    steps = np.diff(line.vertices, axis=0)
    steps = steps[np.hypot(*steps.T) > 1e-3]
    turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
    assert np.abs(turns).max() < 0.2


def test_decision_boundary_of_one_region_and_of_constant_columns():
    X = np.ones((3, 2))
    figure = render(decision_boundary(halves, X, [1, 1, 1], class_names=["_a", "b"]))
    assert legend(figure) == [" _a", "b"]


@given(st.integers(2, 5).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
@settings(max_examples=15)
def test_confusion_matrix_counts(drawn):
    n, pairs = drawn
    true, predicted = [i for i, _ in pairs], [j for _, j in pairs]
    axes = confusion_matrix(true, predicted, class_names=[f"c{i}" for i in range(n)]).axes[0]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    for i, j in np.ndindex(n, n):
        assert shown[(j, i)] == str(pairs.count((i, j)))
    assert f"{sum(i == j for i, j in pairs)} of {len(pairs)} right" in shown.values()


def luminance(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_numbers_stand_out_from_every_cell():
    """Contrast as in WCAG 2: 3 to 1 for large text, except for the zeros, which are to stand back."""
    for right in (1, 25, 50, 60, 70, 74, 75, 76, 80, 90, 100):
        axes = confusion_matrix([0] * 100, [0] * right + [1] * (100 - right), class_names=["a", "b"]).axes[0]
        image = axes.images[0]
        for text in axes.texts[:2]:
            if text.get_text() != "0":
                j, i = map(int, text.get_position())
                ground = luminance(image.cmap(image.norm(image.get_array()[i, j]))[:3])
                light, dark = sorted([ground, luminance(text.get_color())], reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 3


def test_many_and_long_class_names_stay_readable():
    names = ["x" * 99, *(f"class number {i}" for i in range(14))]
    figure = render(confusion_matrix(range(15), range(15), class_names=names))
    assert "x" * 39 + "…" in texts(figure)
    assert figure.axes[0].get_xticklabels()[0].get_rotation() == 45


def test_the_title_of_a_confusion_matrix_stands_above_its_note():
    heading, *_, note, axes = boxes(confusion_matrix([0, 1], [0, 1], class_names=LONG, title="Test samples"))
    assert axes.y1 < note.y0 < note.y1 < heading.y0
    assert axes.width > 3


def test_predicted_against_true_has_units():
    figure = render(predicted_against_true([1.0, 2.0], [1.1, 2.2], name="weight (kg)"))
    assert figure.axes[0].get_ylabel() == "predicted weight (kg)"
    assert legend(figure) == ["prediction = truth", "sample"]


def test_learning_rates_has_a_line_for_each_rate_from_iteration_0_on():
    figure = render(learning_rates({0.1: [25.0, 16.0, 10.24], "0.5 / k": [25.0, 0.0]}, name="(x - 5)²"))
    axes = figure.axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0, 1, 2], [0, 1]]
    assert axes.lines[0].get_ydata().tolist() == [25.0, 16.0, 10.24]
    assert legend(figure) == ["0.1", "0.5 / k"]
    assert figure.legends[0].get_title().get_text() == "learning rate α"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "objective (x - 5)²")


@pytest.mark.parametrize(
    ("objectives", "scale", "bottom", "top"),
    [
        ({0.1: [4.0, 2.0, 1.0]}, "linear", 0.0, None),
        ({0.1: [4.0, 2.0, 0.1]}, "log", 0.05, None),
        ({0.1: [4.0, 1e-12, 0.0]}, "log", 2e-6, None),
        ({0.1: [4.0, -2.0]}, "linear", None, None),
        ({0.1: [4.0, 1.0], 2.0: [4.0, 30.0, 500.0, 1e300, np.inf]}, "log", 0.5, 40.0),
        ({2.0: [4.0, np.nan, np.inf]}, "linear", 0.0, 40.0),
        ({0.1: []}, "linear", None, None),
        ({}, "linear", None, None),
    ],
)
def test_learning_rates_shows_where_it_falls_and_cuts_where_it_explodes(objectives, scale, bottom, top):
    axes = render(learning_rates(objectives)).axes[0]
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert bottom is None or low == pytest.approx(bottom)
    assert top is None or high == top


def bowl(x, y):
    assert type(x) is type(y) is float
    return (x - 1) ** 2 + 10 * y**2


PATH = [(-2.0, 1.0), (0.0, 0.5), (1.0, 0.0)]


def test_the_path_jumps_on_the_descent_curve():
    figure = render(descent_curve(lambda x: x * x, (-2, 2), path=[-2.0, 1.0, -0.5], names=("x (m)", "E (J)")))
    curve, path, start, end = (line.get_xydata().tolist() for line in figure.axes[0].lines)
    assert curve[0] == [-2.0, 4.0]
    assert path == [[-2.0, 4.0], [1.0, 1.0], [-0.5, 0.25]]
    assert (start, end) == (path[:1], path[-1:])
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x (m)", "E (J)")
    assert legend(figure) == ["E (J)", "path of the descent", "start", "end"]
    assert legend(render(descent_curve(lambda x: x * x, (-2, 2)))) == ["L"]


def test_the_path_rolls_down_on_the_cost_surface():
    figure = render(cost_surface(bowl, (-3, 3), (-1, 1), path=PATH, names=("w1", "w2 (m)", "C (J)")))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()) == ("w1", "w2 (m)", "C (J)")
    assert legend(figure) == ["path of the descent", "start", "end"]
    xs, ys, zs = axes.lines[0].get_data_3d()
    assert list(zip(xs, ys)) == PATH
    above = zs - [bowl(x, y) for x, y in PATH]
    np.testing.assert_allclose(above, above[0])
    assert 0 < above[0] < 0.02 * bowl(-3.0, 1.0)


def test_heat_map_has_paths_and_minima():
    figure = render(heat_map(bowl, (-3, 3), (-1, 1), paths={"α = 0.1": PATH, "$": PATH[:1]}, minima=[(1, 0)]))
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("x1", "x2", "L")
    assert legend(figure) == ["α = 0.1", r"\$", "start", "end", "local minimum"]
    line, start, end, *_, minimum = [line.get_xydata().tolist() for line in axes.lines]
    assert (line, start, end) == ([list(point) for point in PATH], [[-2.0, 1.0]], [[1.0, 0.0]])
    assert minimum == [[1.0, 0.0]]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-3, 3), (-1, 1))


def test_a_logarithmic_heat_map_shows_what_is_near_0():
    def cost(x, y):
        return 100 * (x * x + y * y) ** 2

    axes, bar = render(heat_map(cost, (-1, 1), (-1, 1), logarithmic=True, resolution=41)).axes
    assert bar.get_yscale() == "log"
    levels = axes.collections[0].levels
    np.testing.assert_allclose(levels[1:] / levels[:-1], levels[1] / levels[0])
    assert levels[0] == pytest.approx(1e-5 * 400)
    assert levels[-1] >= 400


@pytest.mark.parametrize(
    ("cost", "logarithmic"),
    [
        (lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, True),
        (lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2 - 1, False),
        (lambda x, y: x * x + y * y, False),
        (lambda x, y: math.nan, False),
    ],
)
def test_a_heat_map_is_logarithmic_where_most_of_it_is_low(cost, logarithmic):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is nothing but nan
        _, bar = render(heat_map(cost, (-2, 2), (-1, 3), logarithmic=None, resolution=21)).axes
    assert (bar.get_yscale() == "log") == logarithmic


def test_a_surface_and_a_heat_map_without_a_path():
    assert not render(cost_surface(bowl, (-3, 3), (-1, 1), resolution=5)).legends
    assert not render(heat_map(bowl, (-3, 3), (-1, 1), resolution=5)).legends


def test_activation_functions_stand_beside_their_derivatives():
    figure = render(activation_functions(["tanh", "linear", PRIMITIVES["sin"]]))
    assert [axes.get_title("left") for axes in figure.axes] == ["tanh", "linear", "sin"]
    assert legend(figure) == ["h(z)", "h'(z)"]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("pre-activation z", "h(z) and h'(z)")
    for axes, function in zip(figure.axes, (np.tanh, lambda z: z, np.sin)):
        values, slopes = (line for line in axes.lines if len(line.get_xdata()) > 2)
        zs = values.get_xdata()
        np.testing.assert_allclose(values.get_ydata(), function(zs), atol=1e-12)
        differences = (function(zs + 1e-5) - function(zs - 1e-5)) / 2e-5
        np.testing.assert_allclose(slopes.get_ydata(), differences, atol=1e-8)


def test_all_activation_functions_by_default():
    assert len(activation_functions().axes) == len(ACTIVATIONS)
    assert len(activation_functions(ACTIVATIONS[:6]).axes) == 6  # the places left over in the last row are empty


def test_delta_histograms_count_every_delta_on_one_axis():
    figure = render(delta_histograms({"hidden": [[-0.1, 0.1], [0.0, 0.1]], "output": [0.5]}, bins=10))
    assert [axes.get_title("left") for axes in figure.axes] == ["hidden", "output"]
    assert [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes] == [4, 1]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[-1].get_xlabel() == "delta = dC/dz"
    assert figure.get_supylabel() == "number of deltas"
    assert "standard deviation 0, n = 1" in texts(figure) | {text.get_text() for text in figure.axes[1].texts}


def test_deltas_that_are_all_0():
    render(delta_histograms({"dead": np.zeros((3, 2))}))


def test_images_have_their_captions():
    pixels = np.arange(3 * 4 * 4).reshape(3, 4, 4)
    figure = render(images(pixels, ["a", "b", "$c"], title="Some", columns=2))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", r"\$c"]
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1]
    assert figure.get_suptitle() == "Some"


def test_signed_images_are_white_at_0():
    image = render(images([[[0.0, -2.0], [1.0, 0.5]]], signed=True)).axes[0].images[0]
    assert image.cmap(image.norm(0.0)) == pytest.approx((1, 1, 1, 1), abs=0.01)
    assert image.get_clim() == (-2.0, 2.0)


def test_a_notebook_shows_the_figure():
    png = loss_curve({"train": [1, 2]})._repr_png_()
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (960, 600)
        assert len(image.getcolors()) <= 256


def test_pyplot_is_left_alone():
    code = """if True:
        import io, sys
        import nn.plots
        nn.plots.loss_curve({"train": [1, 2]}).savefig(io.BytesIO())
        nn.plots.cost_surface(lambda x, y: x * y, (0, 1), (0, 1), path=[(1, 1)]).savefig(io.BytesIO())
        sys.exit("matplotlib.pyplot" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(("bad", "error"), [(7, TypeError), ("\ud800", ValueError)])
def test_titles_and_names_are_texts(bad, error):
    for draw in (
        lambda: loss_curve({"train": [1.0]}, title=bad),
        lambda: images([[[0.0]]], title=bad),
        lambda: confusion_matrix([0, 1], [0, 1], class_names=("a", bad)),
        lambda: images([[[0.0]]], [bad]),
    ):
        with pytest.raises(error, match=r"^(title|a name in a picture) (must be a str|holds half a character)"):
            draw()
