"""How far a step goes: what it does to the loss, against what the gradient promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
        shorter, lowest = _lowest(loss, along, rate)
        yield Finding(
            "step too large",
            "warning",
            f"a step with rate {rate:.4g} should lower the loss by {-predicted:.3g}, but raises it from {loss:.4g} to "
            f"{loss + actual:.4g}: it goes past the valley.",
            f"take a rate of {shorter:.4g}, which lowers it to {lowest:.4g}."
            if shorter
            else "take a far smaller rate.",
        )
    elif -actual < slow * abs(loss):
        longer = _worth(loss, along, rate)
        if longer:
            yield Finding(
                "step too small",
                "warning",
                f"a step with rate {rate:.4g} lowers the loss by {-actual:.2g} only, from {loss:.4g}: at this pace "
                f"{1.0 / slow:,.0f} steps are not enough.",
                f"take a rate of {longer:.4g}, which lowers it by {loss - along(longer / rate):.2g} in one step.",
            )


def risen(first: float, loss: float, n: int, rate: float) -> Finding:
    """A loss that training has made larger, of n examples."""
    return Finding(
        "step too large",
        "warning",
        f"training has raised the loss of {n} examples from {first:.4g} to {loss:.4g}: the steps go too far.",
        f"take a tenth of the learning rate: {_one_digit(rate / 10.0):.4g}.",
    )


def _lowest(loss: float, along: Callable[[float], float], rate: float) -> tuple[float, float]:
    """The rate with the lowest loss, halving it until the loss is below that before the step, and then as long as it
    falls; and that loss. (0.0, loss) if it never is.
    """
    best = 0.0, loss
    for k in range(1, 40):
        shorter = _one_digit(rate * 0.5**k)
        there = along(shorter / rate)
        if there < best[1]:
            best = shorter, there
        elif best[0]:
            break
    return best


def _worth(loss: float, along: Callable[[float], float], rate: float) -> float:
    """The smallest rate, a power of ten times this one, that gains a share of the loss worth a word, or 0.0."""
    enough = loss - WORTH * abs(loss)
    rates = (_one_digit(rate * 10.0**k) for k in range(2, 9))
    return next((longer for longer in rates if along(longer / rate) <= enough), 0.0)


def _one_digit(rate: float) -> float:
    """A rate rounded down to one digit."""
    size = 10.0 ** math.floor(math.log10(rate))
    return float(f"{max(math.floor(rate / size * (1.0 + 1e-12)), 1) * size:.1g}")


def finite_or_infinite(compute: Callable[[], Any]) -> float:
    """A loss as a float: infinite where it is nan or has no value."""
    try:
        found = compute()
    except (ArithmeticError, ValueError):
        return math.inf
    x = float(found.data if isinstance(found, Value) else found)
    return math.inf if math.isnan(x) else x
