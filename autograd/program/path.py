"""Path: one way through the branches of a function, and what runs it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from autograd import primitives as table
from autograd.engine import Value, read
from autograd.primitive import TooLarge
from autograd.program import plans
from autograd.program.bind import Bound, NotFinite, Wanted
from autograd.program.graph import BATCHED, Graph
from autograd.program.normalise import normalise
from autograd.program.record import Array, Record, narrow
from autograd.program.roll import Plan, roll
from autograd.program.scalar import QUICK, TAKES, Follower, Machine, Scalar, best_lanes, is_possible, replay

__all__ = ["SAFE", "Asked", "Found", "Path", "fitting"]

# Seconds, about, with gradients. Straight-line code: for an argument, of one example, and beside it for each run of its
# steps, which many examples share; for a function such as exp; and for a run of it. Array operations, as loops: for a
# number, for one of them, for a run; and to find these, for each operation of the record.
NODE, STEP, FUNCTION, STRAIGHT = 0.25e-9, 1.5e-9, 12e-9, 11.5e-6
NUMBER, INSTRUCTION, ROLLED, ROLLING = 1.6e-9, 0.1e-6, 10e-6, 30e-6
SIZES = [*range(1, 130), *(1 << k for k in range(8, 21))]  # of batches, to say which of them run how
FEW = 64  # examples that are always run at once
NUMBERS = 1 << 16  # of values, and their cotangents, that examples run at once may have
KEPT = 8  # bound plans, for batch sizes that come again


SLOW_ANYWHERE = {table.erf, table.erfc}  # a call for each number in array operations, too
SAFE = {table.mul, table.abs, table.sum, table.mean, table.dot}


def _hides_errors(record: Record) -> bool:
    """Whether it has operations that may have no value, and that nothing asked for depends on: the plan leaves them
    out, but the function raises an error there.
    """
    risky = [not (row.linear or row.flat or row.chooses or row in SAFE) for row in record.primitives]
    if not any(risky):
        return False
    first = record.first
    alive = np.zeros(len(record), dtype=bool)
    alive[record.outputs] = alive[record.args] = True
    if alive[first:].all():  # each leads to one that came after it, and so to an output
        return False
    alive[first:] = False
    alive[record.outputs] = True
    starts, args = record.start.tolist(), record.args.tolist()
    for k in range(len(record.op) - 1, -1, -1):
        if alive[first + k]:
            alive[args[starts[k] : starts[k + 1]]] = True
    return bool((np.array(risky)[record.op] & ~alive[first:]).any())


def fitting(x: Any, dtype: Any, what: str) -> Array:
    """x as numbers of that type. Raises ValueError if one, which is `what`, is too large for it."""
    found, lost = narrow(x, dtype)
    if lost.any():
        i = int(np.argmax(lost))
        raise ValueError(
            f"program: {what.format(i)} is {np.asarray(x).flat[i]:.6g}, too large for {dtype}; trace with dtype=float64"
        )
    return found


def _hash_of(before: int, outcome: bool) -> int:
    return hash((before, outcome))


class Replayed:
    """A record that is replayed one example after the other; to be used as a Bound is."""

    def __init__(self, record: Record, n: int, dtype: Any, theta: Array, wanted: Wanted) -> None:
        self.rows = np.zeros((n, record.n_inputs), dtype)
        self.theta, self.wanted = theta, wanted

    def run(self, seed: Any, lend: bool = False) -> tuple[Array, Any, Any]:
        """Raises NotFinite."""
        raise NotFinite

    def strange(self) -> Array:
        """All of them."""
        return np.ones(len(self.rows), dtype=bool)


Found = tuple[Array, Any, Any]
"""Outputs (number, example); and, times a scale, the gradients of the first one by parameters and by inputs."""


@dataclass(frozen=True)
class Asked:
    """What a run is to find: which gradients, times `scale`, with the parameters theta.

    first: the number in the batch of the first example, for errors. lend: the gradients are only read, and at once.
    """

    wanted: Wanted
    scale: float
    theta: Array
    first: int = 0
    lend: bool = False


Runner = Bound | Scalar | Replayed
"""What runs a batch of some size on a path."""


class Path:
    """A record, the plan it was rolled into, and buffers for the batch sizes that were run.

    A path that was found on the way is rolled when rolling it has come to pay: when examples that took it have kept
    straight-line code busy for as long. is_first: whether it is the one that was traced at first.

    leaves: those among its parameters that the program does not differentiate by, which follow those that it does; and
    `frozen`, the numbers it takes them for. is_only_way: whether nothing decides over it. example: what was traced,
    None after unpickling.
    """

    def __init__(
        self, record: Record, leaves: list[Value], dtype: Any, example: Array | None, is_first: bool = True
    ) -> None:
        self.record = record
        self.example = example
        self.dtype = dtype
        self._plan: Plan | None = plans.known(record)
        self._debt = 0.0 if is_first or self._plan or not is_possible(record, dtype) else len(record.op) * ROLLING
        self.follower = Follower(record)
        self.hides = _hides_errors(record)
        self.is_only_way = not record.guards and not self.hides
        self.indices, self.lengths = np.array(record.bounds, dtype=np.intp).reshape(-1, 2).T
        self.leaves = leaves
        self.frozen = np.zeros(len(leaves), dtype)
        self._bound: OrderedDict[Any, Runner] = OrderedDict()
        self._machine: Machine | None = None
        self.load()

    def load(self) -> None:
        """Take what is frozen from its Values again."""
        self.frozen[:] = fitting(read(self.leaves, "data"), self.dtype, "a frozen Value")

    @property
    def plan(self) -> Plan:
        """The record as array operations, rolled when it is first asked for."""
        if self._plan is None:
            self._plan = plans.known(self.record) or plans.keep(self.record, roll(self.graph))
            vars(self).pop("graph", None)
        return self._plan

    @cached_property
    def graph(self) -> Graph:
        """What is to be rolled."""
        return normalise(self.record, self.record.outputs)

    @cached_property
    def possible(self) -> bool:
        """Whether there is straight-line code for it, with the engine in use."""
        return is_possible(self.record, self.dtype)

    @cached_property
    def depth(self) -> int:
        """How many array operations it takes at least: so many come one after the other."""
        return int(self.graph.depth.max(initial=0))

    def is_straight(self, n: int) -> bool:
        """Whether a batch of n examples runs as straight-line code: whatever is expected to be faster."""
        if not self.possible:
            return False
        straight = self._seconds(n)
        return straight < self._debt or straight < self._rolled_seconds(n)

    def goes_short_way(self) -> bool:
        """Whether one example runs as straight-line code where neither arrays nor their checks are in between."""
        if not self.possible:
            return False
        straight = self._seconds(1) - STRAIGHT
        return straight < self._debt or straight < self._rolled_seconds(1)

    def runs_straight(self, n: int) -> bool:
        """Whether n examples run so. One does where it may go the short way: its bits do not hang on whether it did."""
        return self.is_straight(n) or (n == 1 and self.goes_short_way())

    def _rolled_seconds(self, n: int) -> float:
        """How long n examples take as array operations, about."""
        instructions = len(self._plan.instructions) if self._plan else self.depth
        each = self._numbers * NUMBER + self._calls[1] * FUNCTION
        return n * each + instructions * INSTRUCTION + ROLLED

    def _seconds(self, n: int) -> float:
        """How long n examples take as straight-line code, about."""
        args = len(self.record.args)
        lanes = best_lanes(n, len(self.record))
        blocks = -(-n // lanes)
        each = args * NODE + self._calls[0] * FUNCTION
        return blocks * (lanes * each + args * STEP) + STRAIGHT

    @cached_property
    def _calls(self) -> tuple[int, int]:
        """How many operations call a function of C for each example; how many do so in array operations, too."""
        rows = self.record.primitives
        counts = np.bincount(self.record.op, minlength=len(rows)).tolist()
        slow = [(row, count) for row, count in zip(rows, counts, strict=True) if row not in QUICK]
        return sum(count for _, count in slow), sum(count for row, count in slow if row in SLOW_ANYWHERE)

    @cached_property
    def _numbers(self) -> int:
        """How many numbers of each example array operations compute: sums and products of many are one."""
        if self._plan:
            return self._plan.sizes[BATCHED]
        return int((self.graph.space[self.graph.first :] == BATCHED).sum())

    @property
    def is_sequential(self) -> bool:
        """Whether most operations need the one before, so that rolling would buy one example nothing."""
        return 4 * self.depth > len(self.record.op) > 1000 and self.is_straight(1)

    def story(self) -> list[str]:
        """How it runs, in a line."""
        if not self.is_straight(1):
            return []
        small = next((n for n in SIZES if not self.is_straight(n + 1)), None)
        who = "one example runs" if small == 1 else f"up to {small} examples run"
        how = f"{who if small else 'any number of examples runs'} as straight-line code in C"
        if self.is_sequential:
            rest = ", more as array operations" if small else ", many abreast"
            return [f"{len(self.record.op):,} operations, {self.depth:,} of them one after the other: {how}{rest}"]
        return [f"{how}, {'more' if small else 'the same'} as {len(self.plan.instructions)} array operations:"]

    def bound(self, n: int, wanted: Wanted, theta: Array) -> Runner:
        """What runs n examples, made on first use."""
        key = (n, wanted)
        found = self._bound.get(key)
        if self._debt > 0.0:
            self._debt -= self._seconds(n)
        if found is None or found.theta is not theta or (isinstance(found, Scalar) and not self.runs_straight(n)):
            self._bound[key] = found = self._runner(n, wanted, theta)
            if len(self._bound) > KEPT:
                self._bound.popitem(last=False)
        else:
            self._bound.move_to_end(key)
        return found

    def _runner(self, n: int, wanted: Wanted, theta: Array) -> Runner:
        if self.runs_straight(n):
            return Scalar(self.machine(theta), n, wanted)
        try:
            return Bound(self.plan, n, self.dtype, theta, self.frozen, wanted)
        except (ArithmeticError, ValueError):  # something of constants alone has no value; perhaps nothing needs it
            return Replayed(self.record, n, self.dtype, theta, wanted)

    def machine(self, theta: Array) -> Machine:
        """The scalar machine in C, with these parameters, an array that is read at each run."""
        if self._machine is None or self._machine.theta is not theta:
            self._machine = Machine(self.record, theta, self.frozen)
        return self._machine

    def takes(self, theta: Array, rows: Array, whole: bool) -> Array:
        """Which examples take this path: a bool each. whole: as in `Follower`."""
        whole = whole or self.hides
        if not self.record.guards and not whole:
            return np.ones(len(rows), dtype=bool)
        return self.follower.takes(np.concatenate([theta, self.frozen]), rows, whole)

    def left_at(self, theta: Array, rows: Array, whole: bool) -> Array:
        """The guards where examples leave this path, as in `Follower`."""
        whole = whole or self.hides
        if not self.record.guards and not whole:
            return np.full(len(rows), TAKES)
        return self.follower.left_at(np.concatenate([theta, self.frozen]), rows, whole)

    @cached_property
    def prefixes(self) -> list[int]:
        """A number for how its guards come out, as far as each of them: paths that begin alike have the same."""
        return [*accumulate((guard.outcome for guard in self.record.guards), _hash_of, initial=0)][1:]

    def other_way(self, place: int) -> int:
        """The number of paths that begin as this one does, but go the other way at a guard."""
        if place < 0:
            return 0
        before = self.prefixes[place - 1] if place else 0
        return _hash_of(before, not self.record.guards[place].outcome)

    def most(self, n: int, wanted: Wanted) -> int:
        """How many of n examples to run at once. With more, what they need would leave the caches, and fill memory."""
        if n <= FEW or self.is_straight(n):
            return n
        *_, n_inputs, n_batched = self.plan.sizes
        numbers = n_inputs + 2 * n_batched + wanted.each * self.plan.n_parameters
        return max(FEW, NUMBERS // max(numbers, 1))

    def run(self, bound: Runner, rows: Array, asked: Asked) -> Found:
        """Outputs and gradients of a batch that is in `bound`."""
        try:
            return bound.run(asked.scale, lend=asked.lend)
        except (ArithmeticError, ValueError):
            return self._around_strange(bound, rows.copy(), asked, asked.first + np.arange(len(rows)))

    def run_share(self, rows: Array, chosen: Array, asked: Asked) -> Found:
        """The same for the examples `chosen` from a batch; the gradients are only lent."""
        bound, seed = self._bound_with_room(rows[chosen], asked)
        n, wanted = len(chosen), asked.wanted
        try:
            outputs, gradient, slopes = bound.run(seed * asked.scale, lend=True)
        except (ArithmeticError, ValueError):
            return self._around_strange(bound, rows[chosen], asked, asked.first + chosen)
        return outputs[:, :n], gradient[:n] if wanted.each else gradient, None if slopes is None else slopes[:n]

    def _around_strange(self, bound: Runner, rows: Array, asked: Asked, which: Array) -> Found:
        """The same where something is not finite: the examples that it belongs to one by one, the others together.

        rows: the examples, the first that are in `bound`. which: their numbers in the batch, for errors.
        """
        n, wanted = len(rows), asked.wanted
        strange = bound.strange()[:n]
        if strange.all() or not strange.any():
            return self._one_by_one(rows, asked, which)
        alone = self._one_by_one(rows[strange], asked, which[strange])
        seed = np.zeros(len(bound.rows), self.dtype)
        seed[:n] = np.where(strange, 0.0, asked.scale)
        bound.rows[:n][strange] = bound.rows[n:] = rows[~strange][0]
        try:
            together = bound.run(seed, lend=True)
        except (ArithmeticError, ValueError):
            return self._one_by_one(rows, asked, which)
        outputs, gradient, slopes = (np.zeros(0) if x is None else x.copy() for x in together)
        outputs = outputs[:, :n]
        outputs[:, strange] = alone[0]
        if wanted.each:
            gradient = gradient[:n]
            gradient[strange] = alone[1]
        elif wanted.by_parameters:
            gradient += alone[1]
        if wanted.by_inputs:
            slopes = slopes[:n]
            slopes[strange] = alone[2]
        return outputs, gradient, slopes

    def _bound_with_room(self, rows: Array, asked: Asked) -> tuple[Runner, Array]:
        """What runs these examples, with them in it, and a seed of 1 for each.

        The examples on a path are now so many, now so many. Their first one, repeated with a seed of 0, fills a plan up
        to a power of two, so that there are few batch sizes to bind; the scalar machine takes any number at once.
        """
        n = len(rows)
        bound = self.bound(n if self.runs_straight(n) else 1 << (n - 1).bit_length(), asked.wanted, asked.theta)
        bound.rows[:n] = rows
        bound.rows[n:] = rows[0]
        seed = np.zeros(len(bound.rows), self.dtype)
        seed[:n] = 1.0
        return bound, seed

    def _one_by_one(self, rows: Array, asked: Asked, which: Array) -> Found:
        """The same by the record itself: exact, with every error that the function would raise, and slow.

        which: the numbers of the rows in the batch, for errors.
        """
        n, wanted, theta = len(rows), asked.wanted, asked.theta
        parameters = np.concatenate([theta, self.frozen]).astype(float)
        seed = asked.scale if wanted.by_parameters or wanted.by_inputs else None
        outputs, slopes = np.empty((len(self.record.outputs), n)), np.zeros(rows.shape)
        gradient = np.zeros((n if wanted.each else 1, len(theta)))
        places = [f" (row {row} of the batch)" if n > 1 or row else "" for row in which.tolist()]
        for i, row in enumerate(rows):
            outputs[:, i], by_parameters, slopes[i] = replay(
                self.record, parameters, row.astype(float), seed, places[i], (wanted.by_parameters, wanted.by_inputs)
            )
            gradient[i if wanted.each else 0] += by_parameters[: len(theta)]
        found = outputs, gradient if wanted.each else gradient[0], slopes
        return tuple(self._narrow(x, axis, places) for x, axis in zip(found, (1, 0, 0), strict=True))  # type: ignore[return-value]

    def _narrow(self, x: Array, axis: int, places: list[str]) -> Array:
        """x as the program's type. DomainError if a number, of an example along the axis, is too large for it."""
        found, lost = narrow(x, self.dtype)
        if lost.any():
            place = np.argwhere(lost)[0]
            at = places[place[axis]] if x.ndim > axis and x.shape[axis] == len(places) else ""
            raise TooLarge(
                f"program: {x[tuple(place)]:.6g} is too large for {self.dtype}; trace with dtype=float64{at}"
            )
        return found

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._plan is not None:
            self._plan = plans.keep(self.record, self._plan)

    def __getstate__(self) -> dict[str, Any]:
        kept = {key: part for key, part in vars(self).items() if key not in ("possible", "prefixes")}
        return {**kept, "leaves": [], "example": None, "_bound": OrderedDict(), "_machine": None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.record == other.record

    __hash__ = None  # type: ignore[assignment]  # it holds arrays
