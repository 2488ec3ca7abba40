"""Rosenbrock's banana in many dimensions, as an engineer writes it: a loop over the elements of a vector."""

from __future__ import annotations

from typing import Any

TERMS = 300
MANY = 29_999  # terms, of 30,000 variables


def start(terms: int = TERMS) -> list[float]:
    """The usual starting point: -1.2, 1, -1.2, 1, ..."""
    return [-1.2 if i % 2 == 0 else 1.0 for i in range(terms + 1)]


def rosenbrock(x: Any, terms: int = TERMS) -> Any:
    """Σ 100 (x[i+1] - x[i]²)² + (1 - x[i])²."""
    total = 0.0
    for i in range(terms):
        a = x[i + 1] - x[i] * x[i]
        b = 1.0 - x[i]
        total = total + (100.0 * (a * a) + b * b)
    return total
