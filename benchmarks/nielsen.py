"""Nielsen's network for handwritten digits: two sigmoid layers, squared error, steepest descent on batches of 10.

Nielsen 2015, Neural Networks and Deep Learning, chapter 1. The loss of one example is written once, with plain Python
sums, for numbers of any kind; `ByHand` is the same for batches, in NumPy, as an engineer would write it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTHS = (784, 30, 10)
EXAMPLES, BATCH, RATE = 50_000, 10, 3.0


def shapes(widths: tuple[int, int, int] = WIDTHS) -> list[tuple[int, ...]]:
    """Weights and biases of both layers; rows of weights are outputs, columns inputs."""
    n_in, hidden, n_out = widths
    return [(hidden, n_in), (hidden,), (n_out, hidden), (n_out,)]


def start(widths: tuple[int, int, int] = WIDTHS) -> Any:
    """The parameters as one vector, all from the normal distribution, as in the book."""
    n_in, hidden, n_out = widths
    return np.random.default_rng(1).standard_normal((n_in + 1) * hidden + (hidden + 1) * n_out)


def digits(file: str | None = None, widths: tuple[int, int, int] = WIDTHS, examples: int = EXAMPLES) -> tuple[Any, Any]:
    """Images, (examples, pixels) from 0 to 1, and targets, (examples, classes), 1 for the right class and 0 elsewhere.

    file: MNIST as an .npz with `x_train` and `y_train`. None: random data, pixels 0 as often as there.
    """
    if file is None:
        rng = np.random.default_rng(0)
        grey = rng.integers(1, 256, (examples, widths[0]), dtype=np.uint8)
        grey[rng.random(grey.shape) < 0.8] = 0
        labels = rng.integers(0, widths[2], examples)
    else:
        with np.load(file) as data:
            grey, labels = data["x_train"][:examples].reshape(examples, -1), data["y_train"][:examples]
    return grey / 255.0, np.eye(widths[2])[labels]


def shuffled(examples: int = EXAMPLES, batch: int = BATCH) -> Any:
    """The batches of an epoch, (batches, batch), each a row of places of examples."""
    return np.random.default_rng(2).permutation(examples).reshape(-1, batch)


def loss(parameters: Any, x: Any, y: Any, sigmoid: Any) -> Any:
    """Half the squared distance of the network's outputs from `y`. `parameters`: nested lists of these `shapes`."""
    weights1, biases1, weights2, biases2 = parameters
    for weights, biases in ((weights1, biases1), (weights2, biases2)):
        x = [
            sigmoid(sum(w * xi for w, xi in zip(ws, x, strict=True)) + b) for ws, b in zip(weights, biases, strict=True)
        ]
    return 0.5 * sum((a - yi) ** 2 for a, yi in zip(x, y, strict=True))


class ByHand:
    """The derivative worked out on paper. `parameters`: arrays of these `shapes`, which it changes."""

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def step(self, x: Any, y: Any, rate: float = RATE) -> float:
        """The mean loss over a batch; and one step down its slope."""
        weights1, biases1, weights2, biases2 = self.parameters
        hidden = sigmoid(x @ weights1.T + biases1)
        output = sigmoid(hidden @ weights2.T + biases2)
        error = output - y
        delta2 = (rate / len(x)) * error * output * (1.0 - output)
        delta1 = (delta2 @ weights2) * hidden * (1.0 - hidden)
        weights2 -= delta2.T @ hidden
        biases2 -= delta2.sum(axis=0)
        weights1 -= delta1.T @ x
        biases1 -= delta1.sum(axis=0)
        return 0.5 * float((error * error).sum()) / len(x)


def sigmoid(z: Any) -> Any:
    """Of an array."""
    return 1.0 / (1.0 + np.exp(-z))
