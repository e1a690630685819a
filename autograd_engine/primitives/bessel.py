"""Bessel functions of the first kind, of order 0 and 1, and the modified ones without their exponential growth."""

from __future__ import annotations

import math
from typing import Any

from autograd_engine.primitives.arithmetic import abs, div, polynomial, sign, square, where
from autograd_engine.primitives.exponentials import exp, sqrt
from autograd_engine.primitives.primitive import Primitive, row
from autograd_engine.primitives.trigonometry import cos, sin

# The power series in x² / 4 of I₀(x) and of 2 I₁(x) / x: all terms are positive.
_I0_SERIES = [1 / math.factorial(k) ** 2 for k in range(32)]
_I1_SERIES = [1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(32)]
# Beyond 8, exp(-x) I₀(x) sqrt(x) and exp(-x) (I₀(x) - I₁(x)) x sqrt(x) as polynomials in 16 / x - 1. They interpolate
# at Chebyshev's points, within 4e-18.
_I0 = [
    *(0.4021765094450081, 0.0033605519836678913, 0.00013621607438951463, 1.114303378845176e-05),
    *(1.4838476780922646e-06, 2.9735992084667734e-07, 8.872014585661555e-08, 3.932512321137824e-08),
    *(2.156780676115673e-08, 7.559364098665437e-09, -6.856484545962442e-09, -1.3427511481900905e-08),
    *(-5.0175940345046716e-09, 7.600254486433509e-09, 6.522264862032271e-09, -3.5862834111582305e-09),
    *(-4.5305710768621196e-09, 1.6084886155781772e-09, 2.163681278413876e-09, -6.327909921997027e-10),
    *(-6.494591114401118e-10, 1.7698085539456536e-10, 9.114760157514253e-11, -2.4421972688131832e-11),
]
_DIFFERENCE = [
    *(0.20444880670617194, 0.005313260124286683, 0.00037396928734236435, 4.493600840755328e-05),
    *(8.164113848532239e-06, 2.1678167912777678e-06, 8.519654734191309e-07, 4.6725940680304783e-07),
    *(2.5124770161133444e-07, 4.943368242713061e-09, -2.1887554130252317e-07, -2.2272215613763106e-07),
    *(3.242626511083778e-08, 2.195179242500961e-07, 5.1338702189435886e-08, -1.835145106320214e-07),
    *(-6.767606205774911e-08, 1.5060551234801738e-07, 5.3964594710051815e-08, -1.1291991904406619e-07),
    *(-3.1388033211441516e-08, 6.873554626715532e-08, 1.2885612948573014e-08, -3.023996547903089e-08),
    *(-3.3181456064926056e-09, 8.32722813496065e-09, 4.0019745084729763e-10, -1.064508519192691e-09),
]


def _near_and_far(x: Any, bound: float) -> tuple[Any, Any]:
    """x where its size is at most `bound`, and its size where it is larger."""
    size = abs(x)
    return where(size > bound, bound, x), where(size > bound, size, bound)


def _far(size: Any, coefficients: list[float]) -> Any:
    return div(polynomial(div(16.0, size) - 1.0, coefficients), sqrt(size))


def _i0e(x: Any) -> Any:
    near, far = _near_and_far(abs(x), 8.0)
    return where(abs(x) > 8.0, _far(far, _I0), exp(-near) * polynomial(square(0.5 * near), _I0_SERIES))


def _near_i1e_over_x(size: Any) -> Any:
    return exp(-size) * (0.5 * polynomial(square(0.5 * size), _I1_SERIES))


def _far_i1e(size: Any) -> Any:
    return _far(size, _I0) - div(_far(size, _DIFFERENCE), size)


def _i1e(x: Any) -> Any:
    near, far = _near_and_far(abs(x), 8.0)
    return where(abs(x) > 8.0, sign(x) * _far_i1e(far), x * _near_i1e_over_x(near))


def _difference(size: Any) -> Any:
    """i0e - i1e of a size, whose larger parts cancel where it is large."""
    near, far = _near_and_far(size, 8.0)
    return where(size > 8.0, div(_far(far, _DIFFERENCE), far), i0e(near) - near * _near_i1e_over_x(near))


i0e = row(
    "i0e",
    _i0e,
    lambda out, x: (-sign(x) * _difference(abs(x)),),
    "exp(-|x|) I₀(x), the modified Bessel function of order 0 without its growth.",
    "i1e(x) - sign(x) * out",
    composite=True,
)


def _i1e_partials(out: Any, x: Any) -> tuple[Any]:
    near, _ = _near_and_far(abs(x), 8.0)
    return (_difference(abs(x)) - where(abs(x) > 8.0, div(out, x), _near_i1e_over_x(near)),)


i1e = row(
    "i1e",
    _i1e,
    _i1e_partials,
    "exp(-|x|) I₁(x), the modified Bessel function of order 1 without its growth.",
    "i0e(x) - (sign(x) + 1 / x) * out",
    composite=True,
)


def i0(x: Any) -> Any:
    """I₀(x), a smooth function, which exp(|x|) i0e(x) is not at 0."""
    near, far = _near_and_far(x, 8.0)
    return where(abs(x) > 8.0, exp(far) * _far(far, _I0), polynomial(square(0.5 * near), _I0_SERIES))


# From 1 to 5, J₀(x) and J₁(x) / x over the products of x² minus the squares of three zeros, as polynomials in
# x² / 12.5 - 1.
_J0_ZEROS = (5.783185962946784, 30.471262343662087, 74.88700679069518)
_J1_SERIES = [0.5 * coefficient for coefficient in _I1_SERIES]
_J1_ZEROS = (14.681970642123893, 49.2184563216946, 103.49945389513658)
# Beyond, J(x) sqrt(pi x / 2) is P cos(c) - Q sin(c) / x, where c is x less pi / 4 or 3 pi / 4: P and Q as polynomials
# in 50 / x² - 1. All interpolate at Chebyshev's points, within 4e-18.
_J0 = [
    *(-5.109005535538246e-05, 2.0556545629392157e-05, -3.6983004838211603e-06, 4.005368688679455e-07),
    *(-2.9625463400607165e-08, 1.6078808575973203e-09, -6.712470869474115e-11, 2.2293898971316103e-12),
    *(-6.042716173990436e-14, 1.3649042930235583e-15, -2.60621620221182e-17),
]
_J1 = [
    *(-4.751345803776908e-06, 1.6476461471314787e-06, -2.59596186797928e-07, 2.4951162094269987e-08),
    *(-1.656146151292593e-09, 8.1425166008165e-11, -3.1041647577286993e-12, 9.479963548714232e-14),
    *(-2.376922334566333e-15, 4.992037994111651e-17, -8.905205489862202e-19),
]
_P0 = [
    *(0.9986347659091991, -0.001327493127200339, 3.491730581252044e-05, -2.459963325168103e-06),
    *(2.975900553746619e-07, -5.086425840264451e-08, 1.1058780568890595e-08, -2.871060070650354e-09),
    *(8.537676263486641e-10, -2.829452496746712e-10, 1.0436064350820112e-10, -4.106525217778278e-11),
    *(1.2759965127797933e-11, -4.91251230693199e-12, 8.185823082059821e-12, -4.552209147917835e-12),
    *(-2.7471611955307327e-12, 1.744128580941252e-12, 1.4135159640864857e-12, -8.369869275701596e-13),
]
_Q0 = [
    *(-0.12361496352611864, 0.001314213972910237, -6.338715442513257e-05, 6.239113170466805e-06),
    *(-9.409875312710735e-07, 1.8870296015840276e-07, -4.63978199552338e-08, 1.3296752836791914e-08),
    *(-4.295554938184743e-09, 1.5272918979801804e-09, -5.811510556278745e-10, 2.373363577724958e-10),
    *(-1.2115517654380601e-10, 5.843656666984275e-11, 5.53339786752136e-12, -7.131780305763748e-12),
    *(-3.599094494084107e-11, 2.2610125498080994e-11, 1.70606170155461e-11, -1.1153425787578828e-11),
    *(-5.912786560846945e-12, 3.750660241439195e-12),
]
_P1 = [
    *(1.0022906462560661, 0.002241463213917126, -4.5782806531241475e-05, 2.978621109034246e-06),
    *(-3.4667186580139646e-07, 5.7916610107440336e-08, -1.2403208324099435e-08, 3.1855032324146683e-09),
    *(-9.396111382507204e-10, 3.09413943706809e-10, -1.1347108608292092e-10, 4.4449687372999163e-11),
    *(-1.386282352897023e-11, 5.336343631938542e-12, -8.698156687887373e-12, 4.824788889110816e-12),
    *(2.890976936914703e-12, -1.8347559597628753e-12, -1.4950516095189181e-12, 8.840536838471388e-13),
]
_Q1 = [
    *(0.3730474331740802, -0.0018648496218413013, 7.898094177947462e-05, -7.369927948656423e-06),
    *(1.0798853927846824e-06, -2.1266739030367083e-07, 5.1641441371192136e-08, -1.4664417758215227e-08),
    *(4.704019137859182e-09, -1.6631302085483532e-09, 6.301395079605953e-10, -2.563874349687109e-10),
    *(1.2997716607081212e-10, -6.246565517709986e-11, -5.371760586689513e-12, 7.28528462546879e-12),
    *(3.791835489251781e-11, -2.3787616104980884e-11, -1.7921216001705988e-11, 1.1707414303702014e-11),
    *(6.22447631529189e-12, -3.944260029715492e-12),
]


def _up_to_5(x: Any, series: list[float], coefficients: list[float], zeros: tuple[float, ...]) -> Any:
    t = square(x)
    fitted = math.prod([t - zero for zero in zeros], start=polynomial(t / 12.5 - 1.0, coefficients))
    return where(t < 1.0, polynomial(-0.25 * t, series[:11]), fitted)


def _beyond_5(x: Any, p: list[float], q: list[float], even: Any, odd: Any) -> Any:
    """`even` and `odd` are sqrt(2) times the cosine and the sine of c."""
    w = 2.0 * square(div(5.0, x)) - 1.0
    wave = (polynomial(w, p) * even - div(polynomial(w, q), x) * odd) * (1 / math.sqrt(math.pi))
    return where(x == math.inf, 0.0, div(wave, sqrt(x)))


def _j0(x: Any) -> Any:
    near, far = _near_and_far(x, 5.0)
    c, s = cos(far), sin(far)
    return where(abs(x) > 5.0, _beyond_5(far, _P0, _Q0, c + s, s - c), _up_to_5(near, _I0_SERIES, _J0, _J0_ZEROS))


def _near_j1_over_x(near: Any) -> Any:
    return _up_to_5(near, _J1_SERIES, _J1, _J1_ZEROS)


def _j1(x: Any) -> Any:
    near, far = _near_and_far(x, 5.0)
    c, s = cos(far), sin(far)
    return where(abs(x) > 5.0, sign(x) * _beyond_5(far, _P1, _Q1, s - c, -(s + c)), x * _near_j1_over_x(near))


def _j1_partials(out: Any, x: Any) -> tuple[Any]:
    near, _ = _near_and_far(x, 5.0)
    return (j0(x) - where(abs(x) > 5.0, div(out, x), _near_j1_over_x(near)),)


j0 = row(
    "j0",
    _j0,
    lambda out, x: (-j1(x),),
    "The Bessel function J₀(x).",
    "-j1(x)",
    symbol="J₀",
    latex="J_0",
    composite=True,
)
j1: Primitive = row(
    "j1", _j1, _j1_partials, "The Bessel function J₁(x).", "j0(x) - out / x", symbol="J₁", latex="J_1", composite=True
)
