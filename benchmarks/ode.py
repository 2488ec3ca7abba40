"""Prey and predators (Lotka and Volterra) by Euler's method: a thousand steps, each of which needs the one before."""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS, H, BATCH = 1000, 0.01, 1000


def starts(batch: int) -> Any:
    """Arguments for `prey`, (batch, 6), each a little different."""
    usual = np.array([1.1, 0.4, 0.4, 0.1, 10.0, 5.0])
    return usual * (1.0 + 0.05 * np.random.default_rng(1).standard_normal((batch, 6)))


def prey(numbers: Any, steps: int = STEPS) -> Any:
    """x after `steps` steps of dx/dt = a x - b x y, dy/dt = d x y - c y. `numbers`: a, b, c, d; x, y at the start."""
    a, b, c, d, x, y = (numbers[i] for i in range(6))
    for _ in range(steps):
        met = x * y
        x, y = x + H * (a * x - b * met), y + H * (d * met - c * y)
    return x
