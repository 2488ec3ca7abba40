"""The workload of micrograd's demo: a 2-16-16-1 network on two moons, hinge loss, a little weight decay.

Written once, with plain Python sums, for numbers of any kind: floats, our Values, micrograd's.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

WIDTHS = (2, 16, 16, 1)
DECAY = 1e-4
POINTS = 100


def numbers(points: int = POINTS) -> tuple[list[list[float]], list[int], list[list[tuple[list[float], float]]]]:
    """Points of the plane, their classes -1 and 1, and the network as layers of (weights, bias)."""
    rng = random.Random(1)
    xs, ys = [], []
    for i in range(points):
        angle, upper = rng.uniform(0.0, math.pi), i % 2
        x = (math.cos(angle), math.sin(angle)) if upper else (1.0 - math.cos(angle), 0.5 - math.sin(angle))
        xs.append([x[0] + rng.gauss(0.0, 0.1), x[1] + rng.gauss(0.0, 0.1)])
        ys.append(1 if upper else -1)
    layers = [
        [([rng.uniform(-1.0, 1.0) for _ in range(n_in)], 0.0) for _ in range(n_out)]
        for n_in, n_out in itertools.pairwise(WIDTHS)
    ]
    return xs, ys, layers


def total_loss(layers: Any, xs: Any, ys: Any, relu: Any) -> Any:
    """The mean hinge loss over all points, plus decay. `layers` hold floats, or the Values of any library."""

    def score(x: Any) -> Any:
        for i, layer in enumerate(layers):
            x = [sum((w * xi for w, xi in zip(ws, x, strict=True)), b) for ws, b in layer]
            if i < len(layers) - 1:
                x = [relu(z) for z in x]
        return x[0]

    losses = [relu(1 + -y * score(x)) for x, y in zip(xs, ys, strict=True)]
    parameters = [p for layer in layers for ws, b in layer for p in [*ws, b]]
    return sum(losses) * (1.0 / len(losses)) + DECAY * sum(p * p for p in parameters)


def on_floats(points: int = POINTS) -> Callable[[], float]:
    """The value alone."""
    xs, ys, layers = numbers(points)
    return lambda: total_loss(layers, xs, ys, lambda z: z if z > 0.0 else 0.0)


def on_values(value: Any, points: int = POINTS) -> Callable[[], tuple[float, list[float]]]:
    """Value and gradient with a class like micrograd's Value: parameters made once, as in a training loop."""
    xs, ys, plain = numbers(points)
    layers = [[([value(w) for w in ws], value(b)) for ws, b in layer] for layer in plain]
    parameters = [p for layer in layers for ws, b in layer for p in [*ws, b]]

    def step() -> tuple[float, list[float]]:
        for p in parameters:
            p.grad = 0.0
        loss = total_loss(layers, xs, ys, lambda z: z.relu())
        loss.backward()
        return loss.data, [p.grad for p in parameters]

    return step
