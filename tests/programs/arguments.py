"""What a random program takes: shapes of arguments, random numbers for them, and how they are handed over."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["DRAWN", "Numbers", "Spec", "draw", "example_of", "mapped", "parts_of", "stacked"]

MIXED = [1e16, -1e16, 1.0, -1.0, 3.0, 1e-17, 0.1, 0.0, -0.0, 2.0**53, 1e8 + 1.0, -7.25]
TINY = [5e-324, -5e-324, 1e-310, 1e-308, 1e-300, -1e-300, 2.5e-162, -2.5e-162, 0.0, -0.0, 1.0, -2.0]

DRAWN: dict[str, Callable[[random.Random], float]] = {
    "plain": lambda rng: rng.uniform(-1.5, 1.5),
    "eighths": lambda rng: rng.randint(-12, 12) / 8,  # some are equal
    "tenths": lambda rng: 0.1 * rng.randint(-7, 7),  # some would be, but for rounding
    "mixed": lambda rng: rng.choice(MIXED),
    "times": lambda rng: rng.choice([1.7e9 + rng.randint(0, 3) * 1e-4, 1.7e9 + 60.0 * rng.randint(0, 3), 1e-4, 0.5]),
    "tiny": lambda rng: rng.choice(TINY),
}
"""How numbers are drawn, by kind."""


class Numbers(NamedTuple):
    """Numbers in a rectangle. container: "list", "tuple" or "array". top: they are indices below it, if not 0."""

    shape: tuple[int, ...]
    container: str = "list"
    top: int = 0


Spec = Any  # Numbers, or a list, tuple or dict of Specs
Row = Any  # the same tree with an array for each Numbers


def mapped(f: Callable[..., Any], spec: Spec, *trees: Any) -> Any:
    """f(numbers, part of each tree) for every Numbers in the spec."""
    if isinstance(spec, Numbers):
        return f(spec, *trees)
    if isinstance(spec, dict):
        return {key: mapped(f, part, *(tree[key] for tree in trees)) for key, part in spec.items()}
    return type(spec)(mapped(f, part, *(tree[i] for tree in trees)) for i, part in enumerate(spec))


def parts_of(spec: Spec, row: Row) -> list[tuple[Numbers, Any]]:
    """Every Numbers with its array, in order."""
    found: list[tuple[Numbers, Any]] = []
    mapped(lambda numbers, array: found.append((numbers, array)), spec, row)
    return found


def draw(spec: Spec, rng: random.Random, kind: str) -> Row:
    """Numbers for one example, of a kind among DRAWN."""

    def number(top: int) -> float:
        if top:
            return rng.randrange(top)
        return DRAWN[kind](rng)

    def of(numbers: Numbers) -> Any:
        n = int(np.prod(numbers.shape, dtype=int))
        flat = np.array([number(numbers.top) for _ in range(n)], dtype=int if numbers.top else float)
        return flat.reshape(numbers.shape)

    return mapped(of, spec)


def itself(x: Any) -> Any:
    return x


def example_of(spec: Spec, row: Row, wrap: Callable[[Any], Any] = itself) -> Any:
    """One example as f takes it, every number that is no index wrapped: in Value, say."""

    def nested(numbers: Numbers, items: Any, depth: int) -> Any:
        if depth == len(numbers.shape):
            return items if numbers.top else wrap(items)
        parts = (nested(numbers, item, depth + 1) for item in items)
        return tuple(parts) if numbers.container == "tuple" else list(parts)

    def of(numbers: Numbers, array: Any) -> Any:
        made = nested(numbers, array.tolist(), 0)
        if numbers.container != "array":
            return made
        result = np.empty(numbers.shape, dtype=object)
        result[...] = made
        return result if wrap is not itself and not numbers.top else result.astype(array.dtype)

    return mapped(of, spec, row)


def stacked(spec: Spec, rows: list[Row]) -> Any:
    """Examples side by side: arrays with the batch in front."""
    return mapped(lambda numbers, *arrays: np.stack(arrays), spec, *rows)
