"""Complex: values of cmath and NumPy, derivatives of mpmath, compiled and in every structure."""

import cmath
import itertools
import math
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpc

from autograd_engine import (
    Complex,
    Value,
    cos,
    cosh,
    dot,
    exp,
    grad,
    hessian,
    jacobian,
    jit,
    log,
    mean,
    prod,
    reciprocal,
    sin,
    sinh,
    sqrt,
    square,
    sum,
    tanh,
    taylor,
    vmap,
    where,
)
from autograd_engine.structure import flatten

FUNCTIONS = {f.__name__: f for f in (exp, log, sqrt, sin, cos, sinh, cosh)}
SPECIAL = [0.0, 1.0, 0.3, 2.5, 1e-310, 1e-300, 1e300, 1.7e308, 709.9, 710.2, math.inf]
POINTS = [complex(x, y) for x, y in itertools.product([*SPECIAL, *(-x for x in SPECIAL)], repeat=2)]
MODERATE = st.floats(-3.0, 3.0)


def of_python(name, z):
    """The value by cmath, and by NumPy where cmath raises."""
    try:
        return getattr(cmath, name)(z)
    except (ValueError, OverflowError):
        with np.errstate(all="ignore"):
            return complex(getattr(np, name)(np.complex128(z)))


def is_same(x, y, signed):
    """Whether two parts are equal but for rounding; zeros and infinities in their signs where those mean something."""
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if signed and math.copysign(1.0, x) != math.copysign(1.0, y):
        return False
    return abs(x) == abs(y) or abs(x - y) <= 4 * math.ulp(y)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("make", [lambda f: f, lambda f: jit(f, exact=True)], ids=["eager", "compiled"])
def test_values_at_special_points_and_on_branch_cuts(name, make):
    f = make(FUNCTIONS[name])
    for z in POINTS:
        out, expected = f(Complex(z.real, z.imag)), of_python(name, z)
        signed = not cmath.isnan(expected)  # beside a nan, signs are left open
        assert is_same(out.real, expected.real, signed), (z, out, expected)
        assert is_same(out.imag, expected.imag, signed), (z, out, expected)


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.parametrize("apply", OPERATORS, ids=lambda f: f.__name__)
def test_operators_are_those_of_python(apply):
    numbers = [complex(x, y) for x, y in itertools.product([0.0, -0.0, 1.0, -2.5, 1e200, 1e-200], repeat=2)]
    for x, y in itertools.product(numbers, numbers):
        if apply is operator.truediv and not y:
            continue
        out = apply(Complex(x.real, x.imag), Complex(y.real, y.imag))
        expected = apply(x, y)
        for one, other in ((out.real, expected.real), (out.imag, expected.imag)):
            assert is_same(one, other, signed=other != 0)
        assert complex(apply(Complex(x.real, x.imag), y)) == complex(out) or cmath.isnan(expected)
        assert complex(apply(x, Complex(y.real, y.imag))) == complex(out) or cmath.isnan(expected)


def test_division_by_zero_is_that_of_numpy():
    for z in (1 + 1j, -1 + 0j, 0j, 1 - 2j):
        out = Complex(z.real, z.imag) / 0j
        with np.errstate(all="ignore"):
            np.testing.assert_equal((out.real, out.imag), (z.real / np.float64(0), z.imag / np.float64(0)))
    assert 1 / Complex(math.inf, 1.0) == 0


@pytest.mark.parametrize("power", [0, 1, 2, 3, 7, -1, -4, 0.5, 2.5, -1.5, 1 + 2j])
@given(x=MODERATE, y=MODERATE)
def test_powers(power, x, y):
    z = complex(x, y)
    if abs(z) > 0.1:
        assert complex(Complex(x, y) ** power) == pytest.approx(z**power, rel=1e-13)
        assert complex(2 ** Complex(x, y)) == pytest.approx(2**z, rel=1e-13)


def test_powers_of_zero():
    assert [complex(Complex(0.0) ** power) for power in (0, 2, 0.5, 1 + 1j)] == [1, 0, 0, 0]


FORMULAS = {
    **FUNCTIONS,
    "reciprocal": reciprocal,
    "square": square,
    "power": lambda z: z**2.5,
    "quotient": lambda z: (2 - z) / (z * z + (1 + 3j)),
    "exponential": lambda z: 2.0**z,
}
IN_MPMATH = {
    **{name: getattr(mp, name) for name in FUNCTIONS},
    "reciprocal": lambda z: 1 / z,
    "square": lambda z: z * z,
    **{name: FORMULAS[name] for name in ("power", "quotient", "exponential")},
}


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=30)
@given(x=MODERATE, y=MODERATE)
def test_values_and_derivatives_are_those_of_mpmath(name, x, y):
    if math.hypot(x, y) < 0.1 or abs(y) < 1e-6:  # near the singularity, or on the cut, where mpmath knows no side
        return
    with mp.workdps(50):
        value, slope = IN_MPMATH[name](mpc(x, y)), complex(mp.diff(IN_MPMATH[name], mpc(x, y)))
    out = FORMULAS[name](Complex(x, y))
    assert complex(out) == pytest.approx(complex(value), rel=1e-13)
    by_parts = jacobian(lambda x, y: FORMULAS[name](Complex(x, y)), (0, 1))(x, y)
    expected = [slope.real, -slope.imag, slope.imag, slope.real]  # Cauchy and Riemann
    assert [*by_parts.real, *by_parts.imag] == pytest.approx(expected, rel=1e-12, abs=1e-12 * abs(slope))


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("z", [1 + 0j, 0.7j, 1 + 1j, 0.6 - 0.6j, 2 + 2j, -1 - 1j, -0.9 + 0.4j])
def test_second_derivatives_on_the_axes_and_at_equal_parts_are_those_of_mpmath(name, z):
    with mp.workdps(50):
        curvature = complex(mp.diff(IN_MPMATH[name], mpc(z), 2))
    real, imag = curvature.real, curvature.imag
    f = FORMULAS[name]
    found = [hessian(lambda p, part=part: getattr(f(Complex(*p)), part))([z.real, z.imag]) for part in ("real", "imag")]
    expected = [real, -imag, -imag, -real, imag, real, real, -imag]  # Cauchy and Riemann, twice
    assert np.ravel(found) == pytest.approx(expected, rel=1e-11, abs=1e-11 * abs(curvature))


@pytest.mark.parametrize("y", [math.inf, -math.inf])
@pytest.mark.parametrize("x", [-2.0, 0.0, 1.0])
def test_the_root_of_infinity_is_flat(x, y):
    by_parts = jacobian(lambda x, y: sqrt(Complex(x, y)), (0, 1))(x, y)
    assert [*by_parts.real, *by_parts.imag] == [0.0] * 4


@pytest.mark.parametrize("side", [0.0, -0.0])
@pytest.mark.parametrize("f", [sqrt, log])
def test_derivatives_on_a_branch_cut_are_those_of_its_side(f, side):
    on, beside = (jacobian(lambda x, y: f(Complex(x, y)), (0, 1))(-2.0, y) for y in (side, math.copysign(1e-12, side)))
    assert [*on.real, *on.imag] == pytest.approx([*beside.real, *beside.imag], abs=1e-11)


def test_the_root_of_zero_is_as_steep_as_that_of_a_real_zero():
    assert complex(sqrt(Complex(0.0, -0.0))) == 0
    assert jacobian(lambda x: sqrt(Complex(x)).real)(0.0) == grad(sqrt)(0.0) == math.inf
    assert jacobian(lambda y: sqrt(Complex(0.0, y)).imag)(0.0) == math.inf


def test_parts_and_polar_form():
    z = Complex(-3.0, 4.0)
    assert (abs(z), z.angle(), z.conjugate(), z.conj()) == (5.0, math.atan2(4, -3), -3 - 4j, -3 - 4j)
    assert complex(z) == z == -3 + 4j
    assert Complex(2.0) == 2
    assert z != 2
    assert z != "2"
    assert Complex(Value(1.0), 2) == 1 + 2j
    assert +z is z
    assert -z == 3 - 4j
    assert pickle.loads(pickle.dumps(z)) == z


def test_real_numbers_have_no_imaginary_part():
    z = Complex(1.0, -0.0)
    for out in (z + 1, 1 + z, z * 2, 2 * z, z / 2, z - 1):
        assert math.copysign(1.0, out.imag) == -1.0
    x = Value(2.0)
    for out, expected in ((x * z, 2), (x + z, 3), (x - z, 1), (x / z, 2), (x**z, 2), (z**x, 1), (z / x, 0.5)):
        assert out.real.data == pytest.approx(expected)


def test_functions_of_the_package_and_of_numpy():
    z, w = Complex(1.0, 2.0), Complex(0.5, -1.0)
    assert sum([z, w]) == mean([z, w]) * 2 == 1.5 + 1j
    assert prod([z, w]) == dot([z], [w]) == z * w
    assert np.exp(z) == exp(z)
    assert np.sum(np.array([z, w]) * 2.0) == 3 + 2j
    assert np.abs(np.array([Complex(3.0, 4.0)]))[0] == 5.0
    assert np.conj(np.array([z]))[0] == 1 - 2j
    for condition in (True, Value(1.0)):
        assert where(condition, z, w) == z
        assert where(condition, 1.0, w) == 1


def response(w, damping):
    s = Complex(0.0, 1.0) * w
    return 1 / (s**2 + 2 * damping * s + 1)


def test_compiled_functions_are_the_same():
    z = Complex(0.3, -1.2)

    def f(z, w, c):
        y = exp(z) * w / (1 + sqrt(z)) - log(z) ** 2.5
        return {"f": where(c > 0, y, z), "g": y if c > 0 else sin(z)}

    assert flatten(jit(f, exact=True)(z, 1j + z, 1.0))[0] == flatten(f(z, 1j + z, 1.0))[0]
    omegas = np.linspace(0.1, 3.0, 11)

    def curve(damping):
        return vmap(lambda w: response(w, damping))(omegas)

    def gain(damping):
        return vmap(lambda w: abs(response(w, damping)))(omegas)

    one, other = curve(0.3), jit(curve)(0.3)
    assert isinstance(other, Complex)
    np.testing.assert_allclose([one.real, one.imag], [other.real, other.imag], rtol=1e-13)
    np.testing.assert_allclose(jit(jacobian(gain))(0.3), jacobian(gain)(0.3), rtol=1e-12)


def test_other_derivatives():
    assert jacobian(lambda z: z * z)(Complex(1.0, 2.0)).real == 2 - 4j
    assert taylor(lambda t: exp(Complex(0.0, 1.0) * t), 2)(0.0) == [1, 1j, -0.5]
    by_second = grad(grad(lambda w: abs(response(w, 0.3))))
    step = 1e-5
    first = grad(lambda w: abs(response(w, 0.3)))
    assert by_second(0.7) == pytest.approx((first(0.7 + step) - first(0.7 - step)) / (2 * step), rel=1e-6)


def call_price(volatility_of_variance, correlation, strike=100.0):
    """A call in Heston's model, by Lewis's formula: spot 100, a year, no interest, variance 0.04 throughout."""
    speed, mean_variance, time = 1.5, 0.04, 1.0

    def characteristic(u):
        iu = u * 1j
        b = speed - correlation * volatility_of_variance * iu
        d = sqrt(b * b + volatility_of_variance**2 * (iu + u * u))
        g = (b - d) / (b + d)
        shrunk = exp(-d * time)
        inner = (b - d) * time - 2 * log((1 - g * shrunk) / (1 - g))
        variance = mean_variance * (b - d) * (1 - shrunk) / (1 - g * shrunk)
        return exp((speed * mean_variance * inner + variance) / volatility_of_variance**2)

    def integrand(k):
        u = Complex(k, -0.5)
        return (exp(Complex(0.0, k * math.log(100.0 / strike))) * characteristic(u)).real / (k * k + 0.25)

    width = 0.25
    total = sum([integrand(width * (i + 0.5)) for i in range(400)]) * width
    return 100.0 - math.sqrt(100.0 * strike) / math.pi * total


def test_a_price_by_its_characteristic_function():
    def normal(x):
        return 0.5 * math.erfc(-x / math.sqrt(2))

    black_scholes = 100 * (normal(0.1) - normal(-0.1))
    assert call_price(1e-3, 0.0) == pytest.approx(black_scholes, abs=1e-3)
    by_parameters = grad(call_price, (0, 1))(0.5, -0.7)
    step = 1e-5
    for i, slope in enumerate(by_parameters):
        up, down = ([0.5, -0.7] for _ in range(2))
        up[i] += step
        down[i] -= step
        assert slope == pytest.approx((call_price(*up) - call_price(*down)) / (2 * step), rel=1e-6)


def test_what_has_no_meaning_is_said():
    with pytest.raises(TypeError, match=r"Complex\(\), in its real part: expected a real number .* got str: 'a'"):
        Complex("a")
    with pytest.raises(TypeError, match=r"Complex\(\), in its imaginary part: expected a real number .* got complex"):
        Complex(1.0, 1j)
    with pytest.raises(TypeError, match=r"tanh\(\) takes no Complex; the functions that do are abs, add, cos, "):
        tanh(Complex(1.0))
    with pytest.raises(TypeError, match="'<' not supported"):
        _ = Complex(1.0) < 2
    with pytest.raises(TypeError, match="unsupported operand"):
        Complex(1.0) + "a"
    with pytest.raises(TypeError, match=r"needs <lambda>\(\) to return one number, got a Complex of 2; use jacobian"):
        grad(lambda w: Complex(1.0, w))(1.0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Complex(1.0))
