"""Batches: the shapes of arguments, and how many examples they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.program.arguments import Slot
from autograd.program.record import Array

__all__ = ["Kinds", "kinds_of", "spread"]


class Kinds(NamedTuple):
    """What the shapes and types of arguments tell.

    n: how many examples there are, 0 for one without a batch axis. has_values: whether there are Values. spreads:
    whether some have no batch axis and others do, so that they are the same for all examples.
    """

    kinds: Any = None
    n: int = 0
    has_values: bool = False
    spreads: bool = False


def kinds_of(slots: Sequence[Slot], given: Sequence[Array], kinds: Any) -> Kinds:
    """What they tell. Raises ValueError if shapes do not fit those of the example."""
    n = _batch_size(slots, given)
    for slot, array in zip(slots, given, strict=True):
        if array.shape not in (slot.shape, (n, *slot.shape) if n else slot.shape):
            _refuse(slots, given, slot, array)
    spreads = n > 0 and any(array.ndim == len(slot.shape) for slot, array in zip(slots, given, strict=True))
    return Kinds(kinds, n, any(array.dtype.kind == "O" for array in given), spreads)


def _batch_size(slots: Sequence[Slot], given: Sequence[Array]) -> int:
    n = 0
    for slot, array in zip(slots, given, strict=True):
        if array.ndim > len(slot.shape):
            n = max(n, len(array))
            if not len(array):
                raise ValueError(f"program: {slot.name} is an empty batch; give at least one example")
    return n


def _refuse(slots: Sequence[Slot], given: Sequence[Array], slot: Slot, array: Array) -> None:
    expected = f"{slot.shape} for one example, or {('n', *slot.shape)} for n".replace("'", "")
    others = ", ".join(f"{s.name}: {a.shape}" for s, a in zip(slots, given, strict=True) if s is not slot)
    beside = f", beside {others}" if others else ""
    raise ValueError(f"program: {slot.name} must have shape {expected}, got {array.shape}{beside}")


def spread(slots: Sequence[Slot], given: Sequence[Array], n: int) -> list[Array]:
    """The arguments with those that have no batch axis n times."""
    return [
        array if array.ndim > len(slot.shape) else np.broadcast_to(array, (n, *slot.shape))
        for slot, array in zip(slots, given, strict=True)
    ]
