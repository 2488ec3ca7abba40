"""A convolutional network in plain loops: two layers of 3 × 3 filters with relu, a dense layer, cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZE, CHANNELS, CLASSES, BATCH = 12, (1, 4, 8), 10, 16


def shapes(size: int = SIZE) -> list[tuple[int, ...]]:
    """Filters (outputs, inputs, 3, 3) and biases of both layers, then weights and biases of the dense one."""
    one, two, three = CHANNELS
    return [(two, one, 3, 3), (two,), (three, two, 3, 3), (three,), (CLASSES, three * (size - 4) ** 2), (CLASSES,)]


def numbers(size: int = SIZE, batch: int = BATCH) -> tuple[Any, Any, Any]:
    """Parameters as one vector, images (batch, 1, size, size) and classes (batch,)."""
    rng = np.random.default_rng(1)
    theta = np.concatenate([rng.standard_normal(shape).ravel() / np.prod(shape[1:]) ** 0.5 for shape in shapes(size)])
    return theta, rng.random((batch, 1, size, size)), rng.integers(0, CLASSES, batch)


def convolve(image: Any, filters: Any, biases: Any, relu: Any) -> Any:
    """relu of each filter at each place where it fits; `image` and the result: rows and columns, per channel."""
    rows, columns = range(len(image[0]) - 2), range(len(image[0][0]) - 2)

    def at(i: int, j: int, f: Any, b: Any) -> Any:
        products = (
            w * x
            for channel, plane in zip(f, image, strict=True)
            for k, ws in enumerate(channel)
            for w, x in zip(ws, plane[i + k][j : j + 3], strict=True)
        )
        return relu(sum(products) + b)

    return [[[at(i, j, f, b) for j in columns] for i in rows] for f, b in zip(filters, biases, strict=True)]


def loss(parameters: Any, image: Any, label: Any, relu: Any, logsumexp: Any, take: Any) -> Any:
    """-log(probability of the class) for one image of one channel. `parameters`: nested lists of these `shapes`."""
    filters1, biases1, filters2, biases2, dense, biases3 = parameters
    planes = convolve(convolve(image, filters1, biases1, relu), filters2, biases2, relu)
    features = [x for plane in planes for row in plane for x in row]
    logits = [sum(w * x for w, x in zip(ws, features, strict=True)) + b for ws, b in zip(dense, biases3, strict=True)]
    return logsumexp(logits) - take(logits, label)
