"""When the numbers of Values came to be.

A graph is of one moment: its derivatives are taken at the numbers that its leaves have now, so these must be the
numbers that it was computed from. Every change of a leaf is a tick of the clock, and every Value knows at which tick
its number came to be: an argument that is younger than its result was changed in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.primitive import DomainError
from autograd.trouble import node_name

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = ["change", "changed_since", "clock", "diverged", "of_one_moment", "put_back"]


class Clock:
    """Counts the changes of leaves. now: how many there were."""

    now = 0


clock = Clock()


def change(leaf: Value, data: float) -> None:
    """Give a leaf another number."""
    before = leaf._number
    if data == before and math.copysign(1.0, data) == math.copysign(1.0, before):
        return
    if data != data and before == before:
        diverged(leaf, before, leaf._grad)
    clock.now += 1
    leaf._number, leaf._moment = data, clock.now


def put_back(leaf: Value, data: float, moment: int) -> None:
    """Give a leaf the number that it had, as if it had never had another."""
    leaf._number, leaf._moment = data, moment


def diverged(leaf: Any, before: float, grad: float | None) -> None:
    """Raise DomainError for a leaf that becomes nan because what it is computed from had overflowed."""
    slope = 0.0 if grad is None else grad
    if math.isinf(before) or not math.isfinite(slope):
        raise DomainError(
            f"data: a Value{node_name(leaf)} would become nan: it was {before!r} and its gradient is {slope!r}, so an "
            "earlier step overflowed. Take smaller steps (a tenth of the learning rate), or scale the inputs."
        )


def of_one_moment(order: Sequence[Value], now: int) -> None:
    """Raise RuntimeError if a leaf was changed after something was computed from it.

    order: from `topological`. now: what the clock of their engine shows.
    """
    for value in order:
        if value._moment == now:
            continue
        for arg in value._args:
            if type(arg) is not float and arg._primitive is None and arg._moment > value._moment:
                raise changed_since(arg, value)


def changed_since(leaf: Value, value: Value) -> RuntimeError:
    """The error for a leaf that was given other data after `value` was computed from it."""
    assert value._primitive is not None
    name = repr(leaf.label) if leaf.label else f"that is now {leaf._number!r}"
    return RuntimeError(
        f"backward: the leaf {name} was changed after {value._primitive.name}{node_name(value)} was computed from it, "
        "so the graph holds numbers of two moments: compute it again, then ask for its gradient"
    )
