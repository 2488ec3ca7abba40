"""Learning rates that change while training: functions from the number of steps taken so far to a learning rate."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

__all__ = ["Schedule", "constant", "cosine", "linear", "step_decay", "warm_up"]

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """`rate`, always."""
    _check("constant", rate=rate)
    return lambda step: rate


def step_decay(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """`rate` · factor^(number of times `every` steps have passed).

    >>> [step_decay(1.0, every=10, factor=0.5)(step) for step in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """
    _check("step_decay", rate=rate, every=every, factor=factor)
    return lambda step: rate * factor ** (step // every)


def linear(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """A straight line from `rate` to `final` in `steps` steps; `final` from then on."""
    _check("linear", rate=rate, steps=steps)
    _check_final("linear", final)
    return lambda step: rate + (final - rate) * min(step / steps, 1.0)


def cosine(rate: float, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine wave from `rate` down to `final` in `steps` steps; `final` from then on.

    Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts.
    """
    _check("cosine", rate=rate, steps=steps)
    _check_final("cosine", final)
    return lambda step: final + 0.5 * (rate - final) * (1.0 + math.cos(math.pi * min(step / steps, 1.0)))


def warm_up(schedule: Schedule | float, steps: int) -> Schedule:
    """Grow to the schedule's first rate over `steps` steps, evenly, then follow the schedule from its start.

    >>> [warm_up(1.0, steps=4)(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    _check("warm_up", steps=steps)
    after = as_schedule(schedule)
    return lambda step: after(0) * (step + 1) / steps if step < steps else after(step - steps)


def as_schedule(rate: Schedule | float) -> Schedule:
    """A schedule as it is, a number as a constant one."""
    return rate if callable(rate) else constant(rate)


def _check(name: str, **positive: float) -> None:
    for argument, x in positive.items():
        if isinstance(x, bool) or not isinstance(x, numbers.Real) or not 0.0 < float(x) < math.inf:
            raise ValueError(f"{name}: {argument} must be a number > 0, got {x!r}")


def _check_final(name: str, final: float) -> None:
    if not isinstance(final, numbers.Real) or not 0.0 <= float(final) < math.inf:
        raise ValueError(f"{name}: final must be a number >= 0, got {final!r}")
