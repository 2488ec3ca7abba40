"""Lists: how a traced function looks up a number in a table, at a place that is an argument."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.primitives import equal, sum, where
from autograd.program.recorder import Index, recorder_of_this_thread

__all__ = ["one_hot", "take"]


def one_hot(i: Any, n: int) -> list[Any]:
    """n numbers, 1.0 at place i and 0.0 elsewhere.

    >>> one_hot(1, 3)
    [0.0, 1.0, 0.0]
    """
    return _one_hot("one_hot", i, n)


def _one_hot(name: str, i: Any, n: int) -> list[Any]:
    n = operator.index(n)
    place = i._place if isinstance(i, Index) else i
    if isinstance(place, bool) or not hasattr(place, "__index__"):
        raise TypeError(f"{name}: the index must be a whole number, got {place!r}")
    if not 0 <= place < n:
        raise IndexError(f"{name}: index {place} is out of range, there are {n} places, 0 to {n - 1}")
    if not isinstance(i, Index):
        return [float(i == k) for k in range(n)]
    tape = recorder_of_this_thread()
    if tape is not None:
        tape.bounds[i.value, n] = None
    return [equal(i.value, float(k)) for k in range(n)]


def take(table: Sequence[Any], i: Any) -> Any:
    """table[i], also where i is an argument of a traced function: a number, or a row if the table is a list of rows.

    table: numbers or Values, or (nested) lists of them, all of one shape. Raises IndexError if i is not a place in it.

    >>> take([[1.0, 2.0], [3.0, 4.0]], 1)
    [3.0, 4.0]
    """
    chosen = _one_hot("take", i, len(table))
    return _weighted(chosen, table) if isinstance(i, Index) else table[i]


def _weighted(weights: list[Any], table: Sequence[Any]) -> Any:
    if not isinstance(table[0], list | tuple | np.ndarray):
        return sum([where(weight, x, 0.0) for weight, x in zip(weights, table, strict=True)])
    if len({len(row) for row in table}) > 1:
        raise ValueError("take: the rows of the table must be equally long, so that any of them can be taken")
    return [_weighted(weights, column) for column in zip(*table, strict=True)]
