"""Path: one way through the branches of a function, and what runs it."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from typing import Any

import numpy as np

from autograd.program.bind import Bound, Wanted
from autograd.program.normalise import Graph, normalise
from autograd.program.record import Array, Record, replay
from autograd.program.roll import Plan, roll
from autograd.program.straight import Follower, Straight, is_possible
from autograd.value import Value, read

__all__ = ["Path"]

# Seconds, about, with gradients. Straight-line code: for an argument, for an example, for a run of it; and array
# operations, as loops: for one of them, for a run.
NODE, EXAMPLE, STRAIGHT, INSTRUCTION, ROLLED = 5e-9, 5e-6, 15e-6, 0.5e-6, 10e-6
FEW = 64  # examples that are always run at once
NUMBERS = 1 << 16  # of values, and their cotangents, that examples run at once may have
KEPT = 8  # bound plans, for batch sizes that come again


class Path:
    """A record, the plan it was rolled into, and buffers for the batch sizes that were run.

    leaves: those among its parameters that the program does not differentiate by, which follow those that it does; and
    `frozen`, the numbers it takes them for. example: what was traced, None after unpickling.
    """

    def __init__(self, record: Record, leaves: list[Value], dtype: Any, example: Array | None) -> None:
        self.record = record
        self.example = example
        self.dtype = dtype
        self.graph: Graph | None = normalise(record, record.outputs)
        self.depth = int(self.graph.depth.max(initial=0))
        self._plan: Plan | None = None
        self.possible = is_possible(record, dtype)
        self.follower = Follower(record)
        self.indices, self.lengths = np.array(record.bounds, dtype=np.intp).reshape(-1, 2).T
        self.leaves = leaves
        self.frozen = np.zeros(len(leaves), dtype)
        self._bound: OrderedDict[Any, Bound | Straight] = OrderedDict()
        self.load()

    def load(self) -> None:
        """Take what is frozen from its Values again."""
        self.frozen[:] = read(self.leaves, "data")

    @property
    def plan(self) -> Plan:
        """The record as array operations, rolled when it is first asked for."""
        if self._plan is None:
            assert self.graph is not None
            self._plan, self.graph = roll(self.graph), None
        return self._plan

    def is_straight(self, n: int) -> bool:
        """Whether a batch of n examples runs as straight-line code: whatever is expected to be faster."""
        instructions = len(self._plan.instructions) if self._plan else self.depth  # it takes at least as many
        straight = n * (len(self.record.args) * NODE + EXAMPLE) + STRAIGHT
        return self.possible and straight < instructions * INSTRUCTION + ROLLED

    @property
    def is_sequential(self) -> bool:
        """Whether most operations need the one before, so that rolling would buy one example nothing."""
        return 4 * self.depth > len(self.record.op) > 1000 and self.is_straight(1)

    def story(self) -> list[str]:
        """How it runs, in a line."""
        if not self.is_straight(1):
            return []
        most = next(n for n in count(1) if not self.is_straight(n + 1))
        small = "one example runs" if most == 1 else f"up to {most} examples run"
        if self.is_sequential:
            return [
                f"{len(self.record.op):,} operations, {self.depth:,} of them one after the other: "
                f"{small} as straight-line code in C, more as array operations"
            ]
        return [f"{small} as straight-line code in C, more as {len(self.plan.instructions)} array operations:"]

    def bound(self, n: int, wanted: Wanted, theta: Array) -> Bound | Straight:
        """What runs n examples, made on first use."""
        key = (n, wanted)
        found = self._bound.get(key)
        if found is None or found.theta is not theta:
            if self.is_straight(n):
                found = Straight(self.record, n, theta, self.frozen, wanted)
            else:
                found = Bound(self.plan, n, self.dtype, theta, self.frozen, wanted)
            self._bound[key] = found
            if len(self._bound) > KEPT:
                self._bound.popitem(last=False)
        else:
            self._bound.move_to_end(key)
        return found

    def takes(self, theta: Array, rows: Array, whole: bool) -> Array:
        """Which examples take this path: a bool each. whole: as in `Follower`."""
        if not self.record.guards and not whole:
            return np.ones(len(rows), dtype=bool)
        return self.follower.takes(np.concatenate([theta, self.frozen]), rows, whole)

    def most(self, n: int, wanted: Wanted) -> int:
        """How many of n examples to run at once. With more, what they need would leave the caches, and fill memory."""
        if n <= FEW or self.is_straight(n):
            return n
        *_, n_inputs, n_batched = self.plan.sizes
        numbers = n_inputs + 2 * n_batched + wanted.each * self.plan.n_parameters
        return max(FEW, NUMBERS // max(numbers, 1))

    def run(
        self, bound: Bound | Straight, rows: Array, scale: float, theta: Array, first: int, lend: bool
    ) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and gradients of the first one times `scale`, of a batch that is in `bound`.

        first: the number of the first row in the batch, for errors. lend: the gradients are only read, and at once.
        """
        try:
            return bound.run(scale, lend=lend)
        except (ArithmeticError, ValueError):
            return self._one_by_one(theta, rows.copy(), scale, bound.wanted, first + np.arange(len(rows)))

    def run_share(
        self, rows: Array, chosen: Array, wanted: Wanted, scale: float, theta: Array, first: int
    ) -> tuple[Array, Any, Any]:
        """The same for the examples `chosen` from a batch; the gradients are only lent."""
        bound, seed = self._bound_with_room(rows[chosen], wanted, theta)
        n = len(chosen)
        try:
            outputs, gradient, slopes = bound.run(seed * scale, lend=True)
        except (ArithmeticError, ValueError):
            return self._one_by_one(theta, rows[chosen], scale, wanted, first + chosen)
        return outputs[:, :n], gradient[:n] if wanted.each else gradient, None if slopes is None else slopes[:n]

    def _bound_with_room(self, rows: Array, wanted: Wanted, theta: Array) -> tuple[Bound | Straight, Array]:
        """The plan with these examples in it, and a seed of 1 for each.

        The examples on a path are now so many, now so many. Their first one, repeated with a seed of 0, fills them up
        to a power of two, so that there are few batch sizes to bind.
        """
        n = len(rows)
        bound = self.bound(1 << (n - 1).bit_length(), wanted, theta)
        bound.rows[:n] = rows
        bound.rows[n:] = rows[0]
        seed = np.zeros(len(bound.rows), self.dtype)
        seed[:n] = 1.0
        return bound, seed

    def _one_by_one(
        self, theta: Array, rows: Array, scale: float, wanted: Wanted, which: Array
    ) -> tuple[Array, Any, Any]:
        """The same by the record itself: exact, with every error that the function would raise, and slow.

        which: the numbers of the rows in the batch, for errors.
        """
        n = len(rows)
        parameters = np.concatenate([theta, self.frozen]).astype(float)
        seed = scale if wanted.by_parameters or wanted.by_inputs else None
        outputs = np.empty((len(self.record.outputs), n), self.dtype)
        gradient, slopes = np.zeros((n, len(theta)), self.dtype), np.zeros(rows.shape, self.dtype)
        for i, row in enumerate(rows):
            place = f" (row {which[i]} of the batch)" if n > 1 or which[i] else ""
            found, by_parameters, by_inputs = replay(
                self.record, parameters, row.astype(float), seed, place, (wanted.by_parameters, wanted.by_inputs)
            )
            outputs[:, i], gradient[i], slopes[i] = found, by_parameters[: len(theta)], by_inputs
        return outputs, gradient if wanted.each else gradient.sum(axis=0), slopes

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "leaves": [], "example": None, "_bound": OrderedDict()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.record == other.record

    __hash__ = None  # type: ignore[assignment]  # it holds arrays
