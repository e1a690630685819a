"""Graphs to be drawn, at random: chains, products of what came long before, and sums of many terms."""

import random

from autograd_engine import Value, cos, exp, relu, sigmoid, sin, tanh
from autograd_engine import sum as sum_values


def random_graph(seed):
    """A graph of 3 to 18 nodes; the same seed gives the same one."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(rng.randint(1, 4))]
    for i in range(rng.randint(2, 14)):
        a, b = rng.choice(nodes[-4:]), rng.choice(nodes)
        node = rng.choice(
            [
                lambda a, b: rng.choice([sin, cos, tanh, exp, sigmoid, relu])(a),
                lambda a, b: a * b,
                lambda a, b: a + b,
                lambda a, b: a - 0.123457 * b,
                lambda a, b: sum_values([rng.choice(nodes) for _ in range(rng.randint(3, 8))]),
            ]
        )(a, b)
        node.label = rng.choice(["", f"h{i}"])
        nodes.append(node)
    return nodes[-1]
