"""Formulas of five inputs: what a gradient costs where the graph is small."""

from __future__ import annotations

from typing import Any

OPTION = (100.0, 95.0, 0.75, 0.03, 0.25)
"""Arguments for `black_scholes.price`."""
POINT = (0.3, -0.7, 1.1, 0.4, 0.9)


def formula(a: Any, b: Any, c: Any, d: Any, e: Any, m: Any) -> Any:
    """Some fifteen operations. `m`: where exp and tanh are from."""
    z = a * b + c * d - e
    y = m.tanh(z) * a + m.exp(-z * z) / (1.0 + b * b)
    return y * y + c * e
