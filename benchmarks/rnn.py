"""A recurrent network that reads 25 vectors and gives one number: h ← tanh(W x + U h + b), then v·h + c."""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS, N_IN, HIDDEN, BATCH = 25, 8, 16, 16
SHAPES: list[tuple[int, ...]] = [(HIDDEN, N_IN), (HIDDEN, HIDDEN), (HIDDEN,), (HIDDEN,), ()]


def numbers(steps: int = STEPS, batch: int = BATCH) -> tuple[Any, Any, Any]:
    """Parameters as one vector, inputs (batch, steps, N_IN) and targets (batch,)."""
    rng = np.random.default_rng(1)
    theta = 0.25 * rng.standard_normal(HIDDEN * (N_IN + HIDDEN + 2) + 1)
    return theta, rng.standard_normal((batch, steps, N_IN)), rng.standard_normal(batch)


def loss(parameters: Any, xs: Any, y: Any, tanh: Any) -> Any:
    """Half the squared error at the end of one sequence `xs` of vectors. `parameters`: nested lists of these SHAPES."""
    from_input, from_hidden, biases, weights, bias = parameters
    h = [0.0] * HIDDEN
    for x in xs:
        h = [
            tanh(
                sum(w * xi for w, xi in zip(ws, x, strict=True)) + sum(u * hi for u, hi in zip(us, h, strict=True)) + b
            )
            for ws, us, b in zip(from_input, from_hidden, biases, strict=True)
        ]
    return 0.5 * (sum(w * hi for w, hi in zip(weights, h, strict=True)) + bias - y) ** 2
