"""Straight: a record as straight-line code on floats, in C, one example after the other.

For what rolling does not help, such as a thousand steps of which each needs the one before, and for functions so small
that a call of NumPy costs more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import engine
from autograd.primitive import _BUILT_IN
from autograd.program.bind import NotFinite, Wanted
from autograd.program.record import SIGNS, Array, Record, follows

__all__ = ["Follower", "Straight", "is_possible"]

LISTS = {"sum", "mean", "dot", "logsumexp"}  # the rows of a list that the C core has


def is_possible(record: Record, dtype: Any) -> bool:
    """Whether there is C for it: the native engine is in use, the program is in float64, and all rows are built in."""
    if engine() != "native" or dtype != np.float64:
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
        self._code = _Code.of(record) if compares and is_possible(record, np.float64) else None
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
    """A record with its buffers; to be used as a Bound is."""

    def __init__(self, record: Record, n: int, theta: Array, frozen: Array, wanted: Wanted) -> None:
        from autograd._native import run_straight  # type: ignore[import-not-found, unused-ignore]

        self.record, self.theta, self.wanted, self._frozen = record, theta, wanted, frozen
        self.rows = np.zeros((n, record.n_inputs))
        self._values = np.zeros(len(record))
        self._values[: len(record.constants)] = record.constants
        needed = np.zeros(len(record), dtype=np.uint8)
        self._parameters = slice(len(record.constants), len(record.constants) + len(theta))
        self._inputs = slice(record.first_input, record.first)
        needed[self._parameters] = wanted.by_parameters
        needed[self._inputs] = wanted.by_inputs
        needed = _reached(record, needed)
        self._cotangents = np.zeros(len(record) if wanted.by_parameters or wanted.by_inputs else 0)
        code = _Code.of(record)
        self._run: Callable[[], bool] = lambda: run_straight(  # type: ignore[no-untyped-call, unused-ignore]
            *code, self._values, record.first, needed, self._cotangents
        )

    def run(self, seed: Any, lend: bool = False) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and the gradients wanted, by parameters and by inputs (example, number).

        seed: per example, or for all, the cotangent of the first output. Raises NotFinite if anything is not.
        """
        n = len(self.rows)
        cotangents = self._cotangents
        outputs = np.empty((len(self.record.outputs), n))
        gradient = np.zeros((n if self.wanted.each else 1, len(self.theta)))
        slopes = np.empty_like(self.rows) if self.wanted.by_inputs else None
        self._load()
        for i, one in enumerate(np.broadcast_to(seed, n).tolist()):
            if not self._run_one(i, one):
                raise NotFinite
            outputs[:, i] = self._values[self.record.outputs]
            if self.wanted.by_parameters:
                gradient[i if self.wanted.each else 0] += cotangents[self._parameters]
            if slopes is not None:
                slopes[i] = cotangents[self._inputs]
        if not all(found is None or np.isfinite(found).all() for found in (self.rows, self._values, gradient, slopes)):
            raise NotFinite  # leaves, and what the sweep added up, are not looked at on the way
        return outputs, gradient if self.wanted.each else gradient[0], slopes

    def strange(self) -> Array:
        """For which examples something is not finite: a bool each."""
        self._load()
        found = np.zeros(len(self.rows), dtype=bool)
        for i in range(len(found)):
            finite = self._run_one(i, 1.0) and np.isfinite(self._values).all() and np.isfinite(self._cotangents).all()
            found[i] = not finite
        return found

    def _load(self) -> None:
        self._values[self._parameters] = self.theta
        self._values[self._parameters.stop : self.record.first_input] = self._frozen

    def _run_one(self, i: int, seed: float) -> bool:
        """Run example i; whether what it computed is finite."""
        self._values[self._inputs] = self.rows[i]
        if len(self._cotangents):
            self._cotangents[:] = 0.0
            self._cotangents[self.record.outputs[0]] = seed
        return self._run()


def _reached(record: Record, needed: Array) -> Array:
    """Which nodes depend on those needed, too: arguments come before results, so one pass tells."""
    found = needed.tolist()
    starts, args = record.start.tolist(), record.args.tolist()
    for k in range(len(record.op)):
        found[record.first + k] = int(any(found[i] for i in args[starts[k] : starts[k + 1]]))
    return np.array(found, dtype=np.uint8)
