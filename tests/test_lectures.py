"""The four lectures, number by number: what they print is what the library computes.

A formula of a lecture stands here as the lecture has it; the library's result must agree. Where a lecture
gives only a rule, finite differences judge.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_engine import (
    Value,
    check_gradients,
    dot,
    exp,
    grad,
    heaviside,
    jacobian,
    log,
    sigmoid,
    tanh,
    xlogy,
)
from nn import (
    MLP,
    SGD,
    AvgPool2d,
    Backtracking,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Perceptron,
    Sequential,
    binary_cross_entropy,
    evaluate,
    exponential_decay,
    least_squares,
    minimize,
    squared_error,
)
from nn.datasets import load

numbers = st.floats(-2, 2)


# --- lecture 1: perceptrons, deltas, decay -----------------------------------------------------------------------


def test_a_threshold_has_no_slope_to_descend():
    assert [heaviside(z, 1.0) for z in (-0.5, 0.5)] == [0.0, 1.0]
    assert [grad(heaviside)(z, 1.0) for z in (-2.0, -1e-9, 1e-9, 2.0)] == [0.0] * 4


def test_a_perceptron_fires_and_learns_nothing():
    both = Perceptron(2)
    both.load_arrays({"weight": [[1.0, 1.0]], "bias": [-1.5]})
    assert [both(corner)[0].data for corner in CORNERS] == [0.0, 0.0, 0.0, 1.0]
    both([1.0, 1.0])[0].backward()
    assert [parameter.grad for parameter in both.parameters()] == [0.0] * 3


@given(st.lists(numbers, min_size=4, max_size=4), numbers, numbers)
def test_linear_units_collapse_into_one(weights, x, y):
    a, b, c, d = weights

    def two_layers(x):
        return c * (a * x + b) + d

    assert grad(two_layers)(x) == grad(two_layers)(y) == c * a


@given(numbers)
def test_the_sigmoid_family_has_its_ranges_and_never_a_slope_of_0(z):
    assert -1 <= tanh(z) <= 1
    assert 0 <= sigmoid(z) <= 1
    assert grad(tanh)(z) > 0
    assert grad(sigmoid)(z) > 0
    assert grad(tanh)(z) == pytest.approx(1 - tanh(z) ** 2, rel=1e-12)
    assert grad(sigmoid)(z) == pytest.approx(sigmoid(z) * (1 - sigmoid(z)), rel=1e-12)


@pytest.mark.parametrize(("h", "slope"), [("tanh", lambda a: 1 - a * a), ("sigmoid", lambda a: a * (1 - a))])
@given(st.lists(numbers, min_size=2, max_size=2), st.lists(numbers, min_size=2, max_size=2))
def test_deltas_of_output_and_hidden_layers_follow_the_formulas(h, slope, x, y):
    model = Sequential(Layer(2, 3, h, seed=1), Layer(3, 2, h, seed=2))
    a1 = model[0](x)
    a2 = model(x)
    squared_error(a2, y).backward()

    deltas, w = model.deltas(), model.arrays()["1.weight"]
    a1, a2 = (np.array([a.data for a in activations]) for activations in (a1, a2))
    np.testing.assert_allclose(deltas["1"], (a2 - y) * slope(a2), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(deltas["0"], slope(a1) * (w.T @ deltas["1"]), rtol=1e-9, atol=1e-12)
    for neuron, delta in zip(model[1].neurons, deltas["1"]):
        assert neuron.bias.grad == delta
        assert [weight.grad for weight in neuron.weight] == [delta * a for a in a1]


@given(st.floats(0.001, 0.5))
def test_descent_with_weight_decay_is_the_lectures_update_bit_for_bit(alpha):
    layer = Layer(2, 2, "sigmoid", seed=0)
    x = [0.3, -0.7]
    outputs = layer(x)
    squared_error(outputs, [1.0, 0.0]).backward()
    deltas = layer.deltas()[""].tolist()
    expected = [
        (
            [(1 - alpha) * w.data - alpha * (a * delta) for w, a in zip(neuron.weight, x)],
            (1 - alpha) * neuron.bias.data - alpha * delta,
        )
        for neuron, delta in zip(layer.neurons, deltas)
    ]
    SGD(layer.parameters(), lr=alpha, weight_decay=1.0).step()
    assert [([w.data for w in neuron.weight], neuron.bias.data) for neuron in layer.neurons] == expected


def test_the_cost_is_the_sum_of_squared_norms_over_2n():
    model = MLP(2, [3, 2], activation="tanh", seed=0)
    X, Y = [[0.0, 1.0], [1.0, -1.0], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0], [0.5, -0.5]]
    outputs = np.array([[a.data for a in model(x)] for x in X])
    norms = np.linalg.norm(outputs - Y, axis=1)
    assert evaluate(model, X, Y, squared_error)[0] == pytest.approx((norms**2).sum() / (2 * len(X)), rel=1e-14)


def test_a_network_may_contain_convolution_pooling_and_batch_normalisation():
    model = Sequential(Conv2d(1, 2, 3), BatchNorm(2), MaxPool2d(2), AvgPool2d(1), Flatten(), Linear(2, 1, seed=0))
    images = np.random.default_rng(0).normal(size=(3, 1, 4, 4))

    def cost(images):
        outputs = model.forward_batch(images)
        return sum((squared_error(output, 1.0) for [output] in outputs), start=0.0)

    kernel = model.parameters()[0]
    cost(images.tolist()).backward()

    def cost_of(weight):
        kernel.data = weight
        return cost(images.tolist()).data

    check_gradients(cost_of, kernel.data, gradient=lambda weight, found=kernel.grad: found)
    deltas = {name: delta.shape for name, delta in model.deltas().items()}
    assert (deltas["0"], deltas["1"], deltas["5"]) == ((3, 2, 2, 2), (3, 2, 2, 2), (3, 1))


# --- lecture 2: the chain network --------------------------------------------------------------------------------


def chain(w0, w1, w2, s0):
    return w2 * sigmoid(w1 * sigmoid(w0 * s0))


CHALLENGE = [
    (0.32625098, 0.71507894),
    (-0.65595776, 1.0065779),
    (-0.9664146, 1.09676408),
    (1.53148642, 0.48558244),
    (-1.07312405, 1.12584863),
    (1.32680081, 0.51212226),
]


def test_the_chain_network_forward():
    s0, w0, w1, w2 = 2.0, 2.0, 1.0, 0.5
    x1 = w0 * s0
    s1 = sigmoid(x1)
    x2 = w1 * s1
    s2 = sigmoid(x2)
    assert x1 == 4
    assert round(s1, 3) == round(x2, 3) == 0.982
    assert round(s2, 4) == 0.7275
    assert chain(w0, w1, w2, s0) == w2 * s2
    assert w2 * s2 == pytest.approx(0.3638, abs=1e-4)


def test_the_derivatives_of_the_chain_are_the_products_of_the_lecture():
    s0, w0, w1, w2 = 2.0, 2.0, 1.0, 0.5
    s1 = sigmoid(w0 * s0)
    s2 = sigmoid(w1 * s1)
    found = grad(chain, argnums=(0, 1, 2))(w0, w1, w2, s0)
    assert found == pytest.approx(
        (w2 * s2 * (1 - s2) * w1 * s1 * (1 - s1) * s0, w2 * s2 * (1 - s2) * s1, s2), rel=1e-13
    )
    check_gradients(lambda *w: chain(*w, s0), w0, w1, w2)


def test_the_updates_reach_the_target():
    w = [Value(2.0), Value(1.0), Value(0.5)]
    optimizer = SGD(w, lr=0.5)
    out = chain(*w, 2.0)
    cost = squared_error(out, 0.7)
    cost.backward()
    assert cost.data == 0.5 * (0.7 - out.data) ** 2
    assert out.grad == out.data - 0.7
    expected = [v.data - 0.5 * v.grad for v in w]
    optimizer.step()
    assert [v.data for v in w] == expected
    for _ in range(100):
        optimizer.zero_grad()
        squared_error(chain(*w, 2.0), 0.7).backward()
        optimizer.step()
    assert chain(*w, 2.0).data == pytest.approx(0.7, abs=1e-9)


def test_the_path_on_the_cost_surface_goes_down_to_the_valley():
    descent = minimize(lambda w: squared_error(chain(2.0, *w, 2.0), 0.7), [3.7, 2.8], lr=0.1)
    assert descent.reason == "converged"
    assert all(after <= before for before, after in zip(descent.values, descent.values[1:]))
    assert chain(2.0, *descent.x, 2.0) == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("start", [[0.5, -0.5, 1.0], [2.0, -1.0, 2.0]])
def test_the_weights_of_the_challenge_to_five_decimals(start):
    found = least_squares(lambda w: [chain(*w, s0) - out for s0, out in CHALLENGE], start)
    assert found.reason == "converged"
    assert [round(w, 5) for w in found.x] == [1.0, -2.0, 3.0]
    assert [round(chain(1.0, -2.0, 3.0, s0), 8) for s0, _ in CHALLENGE] == [out for _, out in CHALLENGE]


# --- lecture 3: the recursion, XOR -------------------------------------------------------------------------------


def test_the_losses():
    assert squared_error(0.3, 1.0) == pytest.approx(0.5 * (1.0 - 0.3) ** 2, rel=1e-15)
    assert binary_cross_entropy(0.3, 1.0) == pytest.approx(-log(0.3), rel=1e-15)
    assert binary_cross_entropy(0.3, 0.0) == pytest.approx(-log(0.7), rel=1e-15)
    assert xlogy(0.0, 0.0) == 0.0
    assert binary_cross_entropy(0.0, 0.0) == binary_cross_entropy(1.0, 1.0) == 0.0


@given(numbers)
def test_total_derivative(t):
    def f(x, y, z):
        return x**2 + y**3 + z**4

    assert grad(lambda t: f(t, t, 1.0))(t) == pytest.approx(2 * t + 3 * t**2, rel=1e-12, abs=1e-12)


def test_a_derivative_is_evaluated_at_a_point():
    assert grad(lambda z1, z2: z1**2 + z2)(1.0, -1.0) == 2.0


def recursion(layers, x, y, accumulate):
    """dE/dw and dE/db of every layer for ½ ‖h - y‖², by the recursion of the lecture, with logistic units.

    The lecture's program assigns the parts of dloss/dh one after the other, so that only the last one counts;
    `accumulate` adds them up instead.
    """
    states = [np.array(x)]
    for weight, bias in layers:
        states.append(np.array([sigmoid(z) for z in weight @ states[-1] + bias]))
    by_state = states[-1] - y
    found = []
    for (weight, _), before, after in zip(layers[::-1], states[-2::-1], states[:0:-1]):
        by_z = by_state * after * (1 - after)
        found.insert(0, (np.outer(by_z, before), by_z))
        by_state = np.zeros(len(before))
        for i, delta in enumerate(by_z):
            by_state = by_state * accumulate + delta * weight[i]
    return found


SIZES = [(2, 3), (3, 2)]


def network_and_gradient():
    layers = [Layer(*size, "sigmoid", seed=k) for k, size in enumerate(SIZES)]
    x, y = [0.5, -1.0], [1.0, 0.0]
    h = x
    for layer in layers:
        h = layer(h)
    squared_error(h, y).backward()
    gradient = [
        (np.array([[w.grad for w in n.weight] for n in layer.neurons]), np.array([n.bias.grad for n in layer.neurons]))
        for layer in layers
    ]
    return [(layer.arrays()["weight"], layer.arrays()["bias"]) for layer in layers], x, y, gradient


def loss_of_two_layers(parameters, x, y):
    h = x
    for weight, bias in parameters:
        h = [sigmoid(dot(row, h) + b) for row, b in zip(weight, bias)]
    return squared_error(h, y)


def test_the_recursion_is_the_gradient_only_if_it_accumulates():
    arrays, x, y, gradient = network_and_gradient()
    right, wrong = (recursion(arrays, x, y, accumulate) for accumulate in (True, False))
    for (weight, bias), (right_weight, right_bias) in zip(gradient, right):
        np.testing.assert_allclose(right_weight, weight, rtol=1e-12)
        np.testing.assert_allclose(right_bias, bias, rtol=1e-12)
    np.testing.assert_allclose(wrong[1][0], gradient[1][0], rtol=1e-12)  # nothing to add up in the last layer
    assert np.abs(wrong[0][0] - gradient[0][0]).max() > 0.01


def test_finite_differences_judge_the_two_recursions():
    arrays, x, y, _ = network_and_gradient()
    point = [(weight.tolist(), bias.tolist()) for weight, bias in arrays]

    def by_recursion(accumulate):
        def gradient(parameters):
            found = recursion([(np.array(w), np.array(b)) for w, b in parameters], x, y, accumulate)
            return [(w.tolist(), b.tolist()) for w, b in found]

        return gradient

    def loss(parameters):
        return loss_of_two_layers(parameters, x, y)

    checked = check_gradients(loss, point, gradient=by_recursion(True))
    assert all(slope.difference < 1e-9 for slope in checked.first)
    with pytest.raises(AssertionError, match="9 of 17 derivatives disagree"):
        check_gradients(loss, point, gradient=by_recursion(False))


CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def xor(x1, x2, steepness=5.0):
    h1 = sigmoid(steepness * (-0.5 + x1 - x2))
    h2 = sigmoid(steepness * (-0.5 - x1 + x2))
    return sigmoid(steepness * (-0.5 + h1 + h2))


def test_xor_by_hand_to_12_digits():
    printed = [0.149132886381, 0.893163783089, 0.893163783089, 0.149132886381]
    assert [round(xor(*corner), 12) for corner in CORNERS] == printed


@pytest.mark.parametrize("corner", CORNERS)
def test_every_derivative_of_xor_stands_beside_its_finite_difference(corner):
    checked = check_gradients(xor, *map(float, corner), 5.0)
    assert len(checked.first) == 3
    assert all(slope.difference < 1e-9 for slope in checked.first)


def test_xor_is_learned():
    """The lecture's 200 steps of 0.03 down the sum over 1,000 samples. Each tenth sample counts for ten here, which
    estimates the same sum in a tenth of the time; the notebook does it with all."""
    samples = load("xor").take(np.r_[0:1000:40, 1:1000:40, 2:1000:40, 3:1000:40])
    model = Sequential(Layer(2, 2, "sigmoid"), Layer(2, 1, "sigmoid"))
    for parameter, start in zip(model.parameters(), 0.5 * np.random.default_rng(5).standard_normal(9)):
        parameter.data = start
    optimizer = SGD(model.parameters(), lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        for x, y in zip(samples.X.tolist(), samples.y.tolist()):
            [output] = model(x)
            output.backward(10 * (output.data - y))
        optimizer.step()
    outputs = [model(corner)[0].data for corner in CORNERS]
    assert outputs == pytest.approx([0.03, 0.96, 0.97, 0.05], abs=0.03)


# --- lecture 4: descent, graphs, vectors -------------------------------------------------------------------------


def parabola(x):
    return (x - 5) ** 2


@pytest.mark.parametrize(
    "lr", [0.1, 0.45, lambda k: 0.4 / (1 + 0.01 * k), exponential_decay(0.4, 0.99), Backtracking()]
)
def test_descent_finds_the_minimum_of_the_closed_form(lr):
    descent = minimize(parabola, 0.0, lr=lr)
    assert descent.reason == "converged"
    assert descent.x == pytest.approx(5.0, abs=1e-6)


@given(st.floats(0.01, 0.45), st.floats(1e-8, 1.0))
def test_descent_stops_as_soon_as_the_step_is_short_enough(alpha, epsilon):
    descent = minimize(parabola, 0.0, lr=alpha, tolerance=epsilon, max_steps=2000)
    lengths = [alpha * abs(2 * (x - 5)) for x in descent.points]
    assert lengths[-1] <= epsilon * (1 + 1e-12)
    assert all(length > epsilon * (1 - 1e-12) for length in lengths[:-1])


def test_too_small_an_alpha_crawls_and_too_large_a_one_explodes():
    crawling, exploding = (minimize(parabola, 0.0, lr=alpha, max_steps=50) for alpha in (0.001, 1.1))
    assert crawling.values[0] > crawling.value > 0.8 * crawling.values[0]
    assert exploding.reason == "diverged"
    assert all(after > before for before, after in zip(exploding.values, exploding.values[1:]))


def test_descent_ends_in_the_valley_it_began_in():
    def double_well(x):
        return (x[0] ** 2 - 1) ** 2 + x[1] ** 2

    for side in (-1.0, 1.0):
        assert minimize(double_well, [0.3 * side, 1.0]).x == pytest.approx([side, 0.0], abs=1e-5)


def test_the_gradient_of_x_plus_y_times_z():
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    q = x + y
    f = q * z
    f.backward()
    assert (q.data, f.data) == (3.0, -12.0)
    assert (x.grad, y.grad, z.grad) == (-4.0, -4.0, 3.0)


def test_one_node_with_the_seed_2_from_above():
    w, x, v, y, u = Value(1.0), Value(2.0), Value(3.0), Value(4.0), Value(2.0)
    i, j = w * x, v * y
    h = i + j
    c = u * h
    c.backward(seed=2.0)
    assert (i.data, j.data, h.data, c.data) == (2.0, 12.0, 14.0, 28.0)
    # The intermediate derivatives, which no descent uses.
    assert (c.grad, h.grad, i.grad, j.grad) == (2.0, 4.0, 4.0, 4.0)
    assert (u.grad, w.grad, x.grad, v.grad, y.grad) == (28.0, 8.0, 4.0, 16.0, 12.0)


@given(st.floats(0.1, 10))
def test_exp_of_one_over_x_is_staged_as_two_nodes(x):
    start = Value(x)
    inner = 1 / start
    outer = exp(inner)
    assert outer.parents == (inner,)
    assert inner.parents == (start,)
    outer.backward()
    [by_inner], [by_x] = outer.local_derivatives(), inner.local_derivatives()
    assert by_inner == outer.data
    assert by_x == pytest.approx(-1 / x**2, rel=1e-14)
    assert start.grad == by_inner * by_x


@given(st.lists(numbers, min_size=3, max_size=3))
def test_the_jacobian_of_a_composition_is_the_product(x):
    def inner(x):
        return [x[0] * x[1], tanh(x[2])]

    def outer(y):
        return [y[0] + y[1], y[0] * y[1], exp(y[0]), y[1] ** 2]

    J = np.array(jacobian(lambda x: outer(inner(x)))(x))
    assert J.shape == (4, 3)
    product = np.array(jacobian(outer)(inner(x))) @ np.array(jacobian(inner)(x))
    np.testing.assert_allclose(J, product, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("rows", "columns"), [(3, 2), (40, 25)])
def test_the_jacobian_by_a_matrix_is_sparse(rows, columns):
    x = np.linspace(1.0, 2.0, columns).tolist()

    def times_x(W):
        return [dot(W[i : i + columns], x) for i in range(0, rows * columns, columns)]

    J = jacobian(times_x, sparse=True)([0.5] * (rows * columns))
    assert J.shape == (rows, rows * columns)
    assert J.nnz == rows * columns
    np.testing.assert_array_equal(J.toarray(), np.kron(np.eye(rows), x))
