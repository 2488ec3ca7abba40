"""Formulas of five inputs, written once for floats and for Values: what a gradient costs where the graph is small."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import autograd
from autograd import Value

HALF = math.sqrt(0.5)


class Functions(NamedTuple):
    """The functions that a formula is made of."""

    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    erf: Callable[[Any], Any]
    tanh: Callable[[Any], Any]


ON_FLOATS = Functions(math.log, math.exp, math.sqrt, math.erf, math.tanh)
ON_VALUES = Functions(autograd.log, autograd.exp, autograd.sqrt, autograd.erf, autograd.tanh)

Formula = Callable[..., Any]


def black_scholes(given: Functions) -> Formula:
    """The price of a call: spot s, strike k, time t, rate r, volatility v."""
    log, exp, sqrt, erf = given.log, given.exp, given.sqrt, given.erf

    def below(x: Any) -> Any:
        return 0.5 * (1.0 + erf(x * HALF))

    def price(s: Any, k: Any, t: Any, r: Any, v: Any) -> Any:
        spread = v * sqrt(t)
        d1 = (log(s / k) + (r + 0.5 * v * v) * t) / spread
        return s * below(d1) - k * exp(-r * t) * below(d1 - spread)

    return price


def fifteen(given: Functions) -> Formula:
    """Fifteen operations of five inputs."""
    exp, tanh = given.exp, given.tanh

    def formula(a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
        z = a * b + c * d - e
        y = tanh(z) * a + exp(-z * z) / (1.0 + b * b)
        return y * y + c * e

    return formula


FORMULAS: dict[str, tuple[Callable[[Functions], Formula], tuple[float, ...]]] = {
    "Black-Scholes": (black_scholes, (100.0, 95.0, 0.75, 0.03, 0.25)),
    "15 operations": (fifteen, (0.3, -0.7, 1.1, 0.4, 0.9)),
}


def by_backward(formula: Formula, point: tuple[float, ...]) -> Callable[[], tuple[float, tuple[float, ...]]]:
    """Value and gradient through Values of one's own."""

    def run() -> tuple[float, tuple[float, ...]]:
        xs = [Value(x) for x in point]
        y = formula(*xs)
        y.backward()
        return y.data, tuple([x.grad for x in xs])

    return run
