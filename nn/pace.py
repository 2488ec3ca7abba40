"""How far a step goes: what it does to the loss, against what the gradient promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autograd import Value
from nn.findings import Finding

__all__ = ["SLOW", "finite_or_infinite", "risen", "step_size"]

SLOW = 1e-4
"""A step that lowers the loss by less than this share of it is one of more than 10,000 that are needed."""

WORTH = 1e-2
"""The share of the loss that a longer step must gain, to be worth a word."""


def step_size(
    loss: float, predicted: float, along: Callable[[float], float], rate: float, slow: float = SLOW
) -> Iterator[Finding]:
    """Whether a step is too large or too small.

    loss: before it. predicted: by how much it would change if its slope stayed the same, a number < 0. along: the loss
    after so many times the step; infinite where it has no value. rate: the learning rate. slow: the share of the loss
    that a step must gain not to be too small.
    """
    if not predicted < 0.0:
        return
    actual = along(1.0) - loss
    if actual > 0.0:
        shorter = _falls(loss, along, (0.5**k for k in range(1, 40)))
        way_out = f"a rate of {_round(shorter * rate)} lowers it; try that." if shorter else "try a far smaller rate."
        yield Finding(
            "step too large",
            "warning",
            f"a step with rate {rate:.4g} should lower the loss by {-predicted:.3g}, but raises it from {loss:.4g} to "
            f"{loss + actual:.4g}: it goes past the valley.",
            way_out,
        )
    elif -actual < slow * abs(loss):
        longer = _worth(loss, along)
        if longer:
            yield Finding(
                "step too small",
                "warning",
                f"a step with rate {rate:.4g} lowers the loss by {-actual:.2g} only, from {loss:.4g}: at this pace "
                f"{1.0 / slow:,.0f} steps are not enough.",
                f"a rate of {_round(longer * rate)} lowers it by {loss - along(longer):.2g} in one step; try that.",
            )


def risen(first: float, loss: float, rate: float) -> Finding:
    """A loss that training has made larger."""
    return Finding(
        "step too large",
        "warning",
        f"the loss has risen from {first:.4g} to {loss:.4g}, the mean of an epoch: the steps go too far.",
        f"take a tenth of the learning rate: {rate / 10.0:.4g}.",
    )


def _falls(loss: float, along: Callable[[float], float], scales: Iterable[float]) -> float:
    """The first of some scales at which the loss falls, 0.0 if it does at none."""
    return next((scale for scale in scales if along(scale) < loss), 0.0)


def _worth(loss: float, along: Callable[[float], float]) -> float:
    """How many times longer a step must be, in powers of ten, to gain a share of the loss that is worth it; 0.0 if
    there is no such step.
    """
    enough = loss - WORTH * abs(loss)
    return next((10.0**k for k in range(2, 9) if along(10.0**k) <= enough), 0.0)


def _round(rate: float) -> str:
    """A rate with one digit, rounded down, so that it is no more than what was tried."""
    size = 10.0 ** math.floor(math.log10(rate))
    return f"{max(math.floor(rate / size * (1.0 + 1e-12)), 1) * size:.4g}"


def finite_or_infinite(compute: Callable[[], Any]) -> float:
    """A loss as a float: infinite where it is nan or has no value."""
    try:
        found = compute()
    except (ArithmeticError, ValueError):
        return math.inf
    x = float(found.data if isinstance(found, Value) else found)
    return math.inf if math.isnan(x) else x
