"""The record: a traced function as plain data, one entry per scalar operation.

Nodes are numbered: constants first, then parameters, then inputs, then operations in the order in which they were made,
so that arguments come before results.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.primitive import Primitive
from autograd.tree import parts_of

__all__ = ["FAILS", "SIGNS", "Array", "Guard", "Record", "narrow", "same"]

Array = NDArray[Any]
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


FAILS = "has no value"


@dataclass(frozen=True)
class Guard:
    """What decided over the path that the function took.

    A comparison: on this path, `args[0] sign args[1]` is `outcome`. Or an operation that has no value here, where the
    function caught the error: `primitive` of `args`, and the sign is FAILS. args: node numbers.
    """

    sign: str
    args: tuple[int, ...]
    outcome: bool
    primitive: Primitive | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """One path through the function.

    constants: their values. n_parameters, n_inputs: how many there are.
    primitives: those that occur. op: per operation, its place in `primitives`. start, args: operation k, the node
    number `first + k`, has the arguments `args[start[k]:start[k + 1]]`, node numbers.
    outputs: node numbers. guards: in the order in which they were asked.
    bounds: pairs of an input that is an index and the length of a table that it is an index into.
    """

    constants: Array
    n_parameters: int
    n_inputs: int
    primitives: tuple[Primitive, ...]
    op: Array
    start: Array
    args: Array
    outputs: Array
    guards: tuple[Guard, ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()

    @property
    def first_input(self) -> int:
        """The number of the first input; parameters stand before it."""
        return len(self.constants) + self.n_parameters

    @property
    def first(self) -> int:
        """The number of the first operation."""
        return self.first_input + self.n_inputs

    def __len__(self) -> int:
        """How many nodes there are, leaves included."""
        return self.first + len(self.op)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and same(vars(self), vars(other))

    __hash__ = None  # type: ignore[assignment]  # it holds arrays


def same(x1: Any, x2: Any) -> bool:
    """Whether two pieces of plain data are equal, arrays to the bit."""
    if isinstance(x1, np.ndarray):
        return (
            isinstance(x2, np.ndarray)
            and x1.dtype == x2.dtype
            and x1.shape == x2.shape
            and x1.tobytes() == x2.tobytes()
        )
    parts = None if isinstance(x1, Guard) else parts_of(x1)
    if parts is None:
        return bool(x1 == x2)
    theirs = parts_of(x2) if type(x1) is type(x2) else None
    if theirs is None or len(parts) != len(theirs):
        return False
    return all(k1 == k2 and same(part1, part2) for (k1, part1), (k2, part2) in zip(parts, theirs, strict=True))


def narrow(x: Any, dtype: Any) -> tuple[Array, Array]:
    """x as numbers of a type, and which of them are infinite now because they are too large for it."""
    with np.errstate(over="ignore"):
        found = np.asarray(x).astype(dtype)
    return found, np.isinf(found) & np.isfinite(x)
