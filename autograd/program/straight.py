"""Straight: a record as straight-line code in C, many examples abreast.

For what rolling does not help, such as a thousand steps of which each needs the one before, and for functions so small
that a call of NumPy costs more than the arithmetic.
"""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from autograd import primitives as table
from autograd.engine import engine
from autograd.primitive import _BUILT_IN
from autograd.program.bind import NotFinite, Wanted
from autograd.program.loops import aligned
from autograd.program.record import SIGNS, Array, Record, follows

KINDS: dict[str, int] = {}  # what there is C for, and its number there
if engine() == "native":
    with contextlib.suppress(ImportError):  # loops.py says so
        from autograd.program._lanes import KINDS, Code, Lanes  # type: ignore[import-not-found, no-redef, unused-ignore]

__all__ = ["QUICK", "Follower", "Straight", "best_lanes", "is_possible"]

# Rows that are arithmetic and choices; all others call a function of C, such as exp.
QUICK = {
    table.add, table.sub, table.mul, table.div, table.ratio, table.neg, table.abs, table.sqrt, table.relu,
    table.leaky_relu, table.minimum, table.maximum, table.clip, table.where, table.step, table.equal, table.sign,
    table.sum, table.mean, table.dot, table.largest, table.identity, table.stop_gradient, table.fraction,
}  # fmt: skip

LISTS = {"sum", "mean", "dot", "logsumexp"}  # the rows of a list that the C core has


def is_possible(record: Record, dtype: Any) -> bool:
    """Whether there is C for it: the native engine is in use, the program is in float64, and all rows are built in."""
    return (
        bool(KINDS)
        and dtype == np.float64
        and all(row.name in KINDS and row.name in _BUILT_IN for row in record.primitives)
    )


def _can_be_followed(record: Record) -> bool:
    """Whether the C core has all of its rows."""
    if engine() != "native":
        return False
    return all(row.name in _BUILT_IN and (row.rule is None or row.name in LISTS) for row in record.primitives)


class Follower:
    """Tells which examples take the path of a record, each as the function itself would: in the order of its own
    operations, which rolled ones are not.

    whole: whether an example must have a value at every operation, also after the last guard: where the function may
    catch an error, it goes another way otherwise.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        compares = all(guard.primitive is None for guard in record.guards)
        self._code = _Code.of(record) if compares and _can_be_followed(record) else None
        signs, end = list(SIGNS), record.first - 1
        rows = [
            (max(*guard.args, end) - end, signs.index(guard.sign), *guard.args, guard.outcome)
            for guard in record.guards
            if compares
        ]
        self._guards = np.array(rows, dtype=np.int32).reshape(-1, 5)

    def takes(self, parameters: Array, rows: Array, whole: bool) -> Array:
        """For each example, a row of inputs, a bool. parameters: all of the record's."""
        record, code = self.record, self._code
        found = np.full(len(rows), 2, dtype=np.uint8)
        rows, parameters = rows.astype(float), parameters.astype(float)
        if code is not None:
            from autograd._native import follow_straight  # type: ignore[import-not-found, unused-ignore]

            values = np.zeros(len(record))
            values[: record.first_input] = [*record.constants, *parameters]
            follow_straight(
                *code, values, record.first, record.first_input, np.ascontiguousarray(rows), self._guards,
                len(record.op) if whole else 0, found,
            )  # fmt: skip
        for i in np.flatnonzero(found == 2):
            found[i] = follows(record, parameters, rows[i], whole)
        return found.astype(bool)


class _Code(NamedTuple):
    """The operations of a record for C: their rows, first and second arguments, and all arguments by their start."""

    op: Array
    first: Array
    second: Array
    start: Array
    args: Array

    @staticmethod
    def of(record: Record) -> _Code:
        """Of a record whose rows C knows."""
        ops = np.array([row.opcode for row in record.primitives], dtype=np.uint8)[record.op]
        start, length = record.start[:-1], np.diff(record.start)
        args = record.args.astype(np.int32)
        first = np.append(args, 0)[start].astype(np.int32)
        second = np.append(args, 0)[start + (length == 2)].astype(np.int32)
        return _Code(ops, first, second, record.start, args)


class Straight:
    """A record as code in C for examples abreast, with its buffers; to be used as a Bound is."""

    def __init__(self, record: Record, n: int, theta: Array, frozen: Array, wanted: Wanted) -> None:
        self.record, self.theta, self.wanted = record, theta, wanted
        self.rows = np.zeros((n, record.n_inputs))
        first, end = len(record.constants), len(record.constants) + len(theta)
        of_leaves = np.zeros(record.first, dtype=np.uint8)
        of_leaves[first:end] = wanted.by_parameters
        of_leaves[record.first_input :] = wanted.by_inputs
        kinds = np.array([KINDS[row.name] for row in record.primitives], dtype=np.int32)[record.op]
        code = Code(kinds, record.start, record.args.astype(np.int32), of_leaves, record.outputs)
        lanes = best_lanes(n, code.n_places)
        memory = aligned(code.n_places * lanes, np.float64)
        memory[: first * lanes] = np.repeat(record.constants, lanes)
        by_parameters = code.slope[first:end] if wanted.by_parameters else code.slope[:0]
        by_inputs = code.slope[record.first_input :] if wanted.by_inputs else code.slope[:0]
        self._run = Lanes(
            code, memory, lanes, self.rows, theta, frozen, first, code.place[record.outputs], by_parameters, by_inputs,
            wanted.each,
        )  # fmt: skip
        self._finite = bool(np.isfinite(record.constants).all())
        self._spurious = False  # whether exceptions are no use: the side of a choice that is not taken raises some

    def run(self, seed: Any, lend: bool = False) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and the gradients wanted, by parameters and by inputs (example, number).

        seed: per example, or for all, the cotangent of the first output. Raises NotFinite if anything is not.
        """
        found, wrong = self._once(seed, None) if not self._spurious else (None, 1)
        if wrong == 1:
            strange = np.zeros(len(self.rows), dtype=np.uint8)
            found, wrong = self._once(seed, strange)
            self._spurious = not strange.any()
            wrong = wrong if self._spurious else 2
        if wrong > 1 or not self._finite:
            raise NotFinite
        return found  # type: ignore[return-value]  # the first run gave it, or the second

    def strange(self) -> Array:
        """For which examples something is not finite: a bool each."""
        found = np.zeros(len(self.rows), dtype=np.uint8)
        self._once(1.0, found)
        return found.astype(bool)

    def _once(self, seed: Any, strange: Array | None) -> tuple[tuple[Array, Any, Any], int]:
        """What `run` returns, and what the machine says of it. strange: as there."""
        wanted, n = self.wanted, len(self.rows)
        outputs = np.empty((len(self.record.outputs), n))
        gradient = np.zeros((n if wanted.each else 1, len(self.theta) * wanted.by_parameters))
        slopes = np.zeros((n, self.rows.shape[1] * wanted.by_inputs))
        one, seeds = (1.0, np.ascontiguousarray(seed, dtype=float)) if np.ndim(seed) else (seed, None)
        wrong = self._run(one, seeds, outputs, gradient, slopes, strange)
        by_parameters = None if not wanted.by_parameters else gradient if wanted.each else gradient[0]
        return (outputs, by_parameters, slopes if wanted.by_inputs else None), wrong


LANES = (1, 8, 32, 64, 128)
DISPATCH, LANE = 30.0, 1.0  # what a step takes, and one more example in it, about: only their ratio counts
MOST = 1 << 20  # numbers in all places, where more would leave the caches


@lru_cache
def best_lanes(n: int, places: int) -> int:
    """How many examples to run abreast, of n, if each needs so many places."""
    possible = [lanes for lanes in LANES if lanes * places <= MOST or lanes == 1]
    return min(possible, key=lambda lanes: -(-n // lanes) * (DISPATCH + lanes * LANE))
