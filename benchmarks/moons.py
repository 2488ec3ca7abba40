"""The workload of micrograd's demo: a 2-16-16-1 network on two moons, hinge loss, a little weight decay.

Written three times from the same numbers with plain Python sums: on floats (the value alone), on our Values, and, in
`peer_micrograd.py`, on micrograd's.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

WIDTHS = (2, 16, 16, 1)
DECAY = 1e-4


def numbers(points: int) -> tuple[list[list[float]], list[int], list[list[tuple[list[float], float]]]]:
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


def step_on_floats(points: int) -> float:
    xs, ys, layers = numbers(points)
    loss: float = total_loss(layers, xs, ys, lambda z: z if z > 0.0 else 0.0)
    return loss


def step(points: int) -> tuple[float, list[float]]:
    """Value and gradient with our Values."""
    from autograd import Value

    xs, ys, plain = numbers(points)
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    loss = total_loss(layers, xs, ys, Value.relu)
    loss.backward()
    return loss.data, [p.grad for layer in layers for ws, b in layer for p in [*ws, b]]


def assert_same(loss: float, gradient: list[float], points: int) -> None:
    """Another library's loss and gradient are ours, to rounding."""
    ours, slopes = step(points)
    assert math.isclose(loss, ours, rel_tol=1e-10), (loss, ours)
    assert len(gradient) == len(slopes)
    for a, b in zip(gradient, slopes, strict=True):
        assert math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12), (a, b)


def assert_agreement(points: int) -> None:
    """Our value is that of plain floats."""
    assert math.isclose(step(points)[0], step_on_floats(points), rel_tol=1e-12)
