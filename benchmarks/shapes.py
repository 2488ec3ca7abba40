"""Parameters as one flat vector, and as what a workload calls them: nested lists of numbers, or arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Shapes = Sequence[tuple[int, ...]]


def count(shapes: Shapes) -> int:
    """How many numbers arrays of these shapes hold."""
    return sum(math.prod(shape) for shape in shapes)


def pieces(flat: Any, shapes: Shapes) -> Iterator[Any]:
    """The vector cut into one slice per shape."""
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes))
    return (flat[end - math.prod(shape) : end] for end, shape in zip(ends, shapes, strict=True))


def arrays(flat: Any, shapes: Shapes) -> list[Any]:
    """Arrays, which are views if `flat` is an array."""
    return [np.reshape(piece, shape) for piece, shape in zip(pieces(flat, shapes), shapes, strict=True)]


def lists(flat: Sequence[Any], shapes: Shapes) -> list[Any]:
    """Nested lists, of whatever `flat` holds."""

    def nested(part: Sequence[Any], shape: tuple[int, ...]) -> Any:
        if not shape:
            return part[0]
        size = math.prod(shape[1:])
        return [nested(part[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]

    return [nested(piece, shape) for piece, shape in zip(pieces(flat, shapes), shapes, strict=True)]
