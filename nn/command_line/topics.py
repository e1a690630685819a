"""Topics of exercises: those of the course in docs/course.md, in its order, with other numbers for each draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from autograd_engine.primitives import cos, exp, sigmoid, sin, tanh
from autograd_engine.value import Value

Tasks: TypeAlias = list[tuple[Value, Value, int | None]]
"""What to differentiate, with respect to what, and with how many blanks, or as many as suit it."""


@dataclass(frozen=True)
class Topic:
    """What the sheet is called, and the tasks that `draw` makes of numbers that it draws."""

    title: str
    draw: Callable[[Random], Tasks]


def leaves(draw: Random, **choices: Iterable[float]) -> tuple[Value, ...]:
    """A leaf for each name, whose number is one of the choices."""
    return tuple(Value(draw.choice(list(numbers)), name) for name, numbers in choices.items())


def _named(**nodes: Value) -> tuple[Value, ...]:
    for name, node in nodes.items():
        node.label = name
    return tuple(nodes.values())


def _neuron(draw: Random) -> Tasks:
    x, w, b = leaves(draw, x=[0.5, 1, 2], w=[-1, 0.5, 1], b=[0, 0.5, -0.5])
    a, s = _named(a=tanh(w * x + b), s=sigmoid(w * x + b))
    return [(a, w, None), (s, b, None), (s, x, None)]


def _cost(draw: Random) -> Tasks:
    x, y, w, b, v = leaves(draw, x=[1, 2], y=[0, 1], w=[0.5, 1], b=[0, -1], v=[-1, 0.5, 2])
    [h] = _named(h=tanh(w * x))
    [a] = _named(a=sigmoid(v * h + b))
    [C] = _named(C=0.5 * (a - y) ** 2)
    return [(C, b, None), (C, v, None), (C, w, None)]


def _chain(draw: Random) -> Tasks:
    s0, w0, w1, w2 = leaves(draw, **{name: [-1, 0.5, 1, 2] for name in ("s0", "w0", "w1", "w2")})
    [s1] = _named(s1=sigmoid(w0 * s0))
    [s2] = _named(s2=sigmoid(w1 * s1))
    [out] = _named(out=w2 * s2)
    return [(out, w2, 1), (out, w1, None), (out, w0, None)]


def _surface(draw: Random) -> Tasks:
    s, w1, w2 = leaves(draw, s=[0.5, 1, 2], w1=[0.5, 1], w2=[0.5, 2])
    [out] = _named(out=w2 * sigmoid(w1 * s))
    [C] = _named(C=0.5 * (out - 0.7) ** 2)
    return [(C, out, 1), (C, w2, None), (C, w1, None)]


def _paths(draw: Random) -> Tasks:
    t, x = leaves(draw, t=[-1, 0.5, 2, 3], x=[0.5, 1, 1.5])
    u, v = _named(u=x**2, v=3 * x)
    return [(t**2 + t**3, t, 1), (u * v, x, None), (x * sin(x) + exp(x), x, None)]


def _xor(draw: Random) -> Tasks:
    x1, x2, F = leaves(draw, x1=[0, 1], x2=[0, 1], F=[1, 2, 3])
    h1, h2 = _named(h1=sigmoid(F * (-0.5 + x1 - x2)), h2=sigmoid(F * (-0.5 - x1 + x2)))
    [y] = _named(y=sigmoid(-0.5 + h1 + h2))
    return [(h1, F, None), (y, x1, None), (y, F, None)]


def _descent(draw: Random) -> Tasks:
    x, x1, x2 = leaves(draw, x=[0, 2, 8], x1=[-1, 0.5], x2=[0.5, 1])
    E, L = _named(E=(x - 5) ** 2, L=x1**2 + x2**2 + sin(x1) * cos(x2))
    return [(E, x, 1), (L, x1, None), (L, x2, None)]


def _graphs(draw: Random) -> Tasks:
    x, y, z = leaves(draw, x=[-2, 1, 3], y=[4, 5], z=[-4, 2])
    [q] = _named(q=x + y)
    c, f = _named(c=z * (q * x), f=exp(1 / y))
    return [(q * z, x, None), (f, y, None), (c, x, None)]


TOPICS = {
    "neuron": Topic("A neuron", _neuron),
    "cost": Topic("The cost and its deltas", _cost),
    "chain": Topic("The chain rule on a chain", _chain),
    "surface": Topic("Down the cost surface", _surface),
    "paths": Topic("Many paths", _paths),
    "xor": Topic("Exclusive or", _xor),
    "descent": Topic("How long a step?", _descent),
    "graphs": Topic("Reading graphs", _graphs),
}
