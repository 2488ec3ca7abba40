"""Scalar: the one scalar machine. It runs a record on examples, each operation as the function itself did it, in order.

In C it takes many examples abreast. It says which of them leave the path, at which guard, and in which something is not
finite, so that only these are asked in Python, where the same is done for one example at a time, by `walk`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from autograd import primitives as table
from autograd.engine import Value, engine, gradients
from autograd.engine import record as make
from autograd.modes import mode_of_this_thread
from autograd.primitive import _BUILT_IN, DomainError, Primitive
from autograd.program.bind import NotFinite, Wanted
from autograd.program.loops import aligned
from autograd.program.record import SIGNS, Array, Guard, Record
from autograd.value import evaluate


class Gate:  # type: ignore[no-redef, unused-ignore]
    """Where there is no C: see there."""

    closed = 0


KINDS: dict[str, int] = {}  # what there is C for, and its number there
if engine() == "native":
    with contextlib.suppress(ImportError):  # loops.py says so
        from autograd.program._lanes import (  # type: ignore[import-not-found, no-redef, unused-ignore]
            GUARDS,
            KINDS,
            NOTHING,
            Code,
            Gate,
            Lanes,
            Point,
        )

__all__ = [
    "QUICK", "TAKES", "UNKNOWN", "Follower", "Gate", "Machine", "Scalar", "best_lanes", "follows", "is_possible",
    "leaves_at", "replay", "walk",
]  # fmt: skip

# Rows that are arithmetic and choices; all others call a function of C, such as exp.
QUICK = {
    table.add, table.sub, table.mul, table.div, table.ratio, table.neg, table.abs, table.sqrt, table.relu,
    table.leaky_relu, table.minimum, table.maximum, table.clip, table.where, table.step, table.equal, table.sign,
    table.sum, table.mean, table.dot, table.largest, table.identity, table.stop_gradient, table.fraction,
}  # fmt: skip

TAKES, UNKNOWN = -1, -2
"""Where an example leaves a path: nowhere; or where an operation has no value, so that no guard tells of another."""

TURNED = {">": "<", ">=": "<="}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


# ---------------------------------------------------------------- in Python


def walk(
    record: Record,
    leaves: Sequence[Any],
    value: Callable[[Any, list[Any]], Any],
    ask: Callable[[int, Guard, list[Any]], None] | None = None,
) -> list[Any]:
    """All nodes of a record, made one after the other by `value(primitive, operands)`.

    leaves: what its parameters and inputs are. ask: is told of each guard, by its number, when the function asked it.
    """
    nodes: list[Any] = [*record.constants.tolist(), *leaves]
    starts, args, ops = record.start.tolist(), record.args.tolist(), record.op.tolist()
    for number, end in _stretches(record):
        if number >= 0 and ask is not None:
            guard = record.guards[number]
            ask(number, guard, [nodes[i] for i in guard.args])
        for k in range(len(nodes) - record.first, end):
            nodes.append(value(record.primitives[ops[k]], [nodes[i] for i in args[starts[k] : starts[k + 1]]]))
    return nodes


def _stretches(record: Record) -> Iterator[tuple[int, int]]:
    """Each guard with how many operations come before the next one; first of all, as -1, those before any."""
    ends = [before(record, guard) for guard in record.guards]
    yield from zip(range(-1, len(ends)), [*ends, len(record.op)], strict=True)


def before(record: Record, guard: Guard) -> int:
    """How many operations the function had made when it asked."""
    return max(*guard.args, record.first - 1) + 1 - record.first


def replay(
    record: Record,
    parameters: Array,
    inputs: Array,
    seed: float | None = None,
    place: str = "",
    wanted: tuple[bool, bool] = (True, True),
) -> tuple[list[float], list[float], list[float]]:
    """The record on one example, operation by operation on Values: slow, and right by construction.

    parameters, inputs: vectors of floats. seed: the cotangent of the first output; None: no derivatives are wanted.
    wanted: whether those by parameters, and those by inputs; the others are 0, and need not exist.
    Returns the outputs, and the gradient of the first one by parameters and by inputs, times the seed. Raises
    DomainError where the function itself would; `place` says there which example it was.
    """
    # What comes of an index is a constant to the function: a factor 0 among it carries nothing.
    indices = {record.n_parameters + place for place, _ in record.bounds}
    numbers = [*parameters.tolist(), *inputs.tolist()]
    leaves: list[Any] = [x if i in indices else Value(x) for i, x in enumerate(numbers)]
    slopes = [0.0] * len(leaves)
    try:
        with mode_of_this_thread(None):
            nodes = walk(record, leaves, _made)
            outputs = [nodes[i] for i in record.outputs.tolist()]
            if seed is not None and isinstance(outputs[0], Value):
                by = [i for i in range(len(leaves)) if wanted[i >= record.n_parameters] and i not in indices]
                for i, slope in zip(by, gradients(outputs[0], [leaves[i] for i in by], seed), strict=True):
                    slopes[i] = slope
    except DomainError as error:
        raise type(error)(f"{error}{place}") from None
    results = [y.data if isinstance(y, Value) else y for y in outputs]
    return results, slopes[: record.n_parameters], slopes[record.n_parameters :]


def _made(primitive: Primitive, args: list[Any]) -> Any:
    return make(primitive, args) if any(isinstance(x, Value) for x in args) else evaluate(primitive, args, args)


class _Leaves(Exception):
    """An example leaves the path, at this guard."""


def leaves_at(record: Record, leaves: Sequence[float], whole: bool = False) -> int:
    """The number of the guard at which an example leaves this path, or TAKES, or UNKNOWN.

    whole: whether all operations are asked for a value, also those after the last guard.
    """

    def value(primitive: Any, operands: list[float]) -> float:
        return evaluate(primitive, operands, operands)

    def ask(number: int, guard: Guard, operands: list[float]) -> None:
        if _outcome(guard, operands) != guard.outcome:
            raise _Leaves(number)

    try:
        walk(record if whole else _until_last_guard(record), leaves, value, ask)
    except _Leaves as left:
        return int(left.args[0])
    except DomainError:
        return UNKNOWN
    return TAKES


def _outcome(guard: Guard, operands: list[float]) -> bool:
    if guard.primitive is None:
        return bool(SIGNS[guard.sign](*operands))
    try:
        evaluate(guard.primitive, operands, operands)
    except DomainError:
        return True
    return False


def _until_last_guard(record: Record) -> Record:
    end = max((before(record, guard) for guard in record.guards), default=0)
    return replace(record, op=record.op[:end])


def follows(record: Record, parameters: Array, inputs: Array, whole: bool = False) -> bool:
    """Whether an example takes this path."""
    return leaves_at(record, [*parameters.tolist(), *inputs.tolist()], whole) == TAKES


# ---------------------------------------------------------------- in C


def is_possible(record: Record, dtype: Any) -> bool:
    """Whether there is C for it: the native engine is in use, the program is in float64, and all rows are built in."""
    return dtype == np.float64 and _has_code(record)


def _has_code(record: Record) -> bool:
    rows = [*record.primitives, *(guard.primitive for guard in record.guards if guard.primitive is not None)]
    return bool(KINDS) and all(row.name in KINDS and row.name in _BUILT_IN for row in rows)


class Machine:
    """The scalar machine in C for one record: code for what is wanted, and memory for some examples abreast.

    It is made on first use, and kept. theta, frozen: the numbers of parameters and of what is frozen, which are read at
    each run. end: how many operations it runs; None: all.
    """

    def __init__(self, record: Record, theta: Array, frozen: Array, end: int | None = None) -> None:
        self.record, self.theta, self.frozen = record, theta, frozen
        self.end = len(record.op) if end is None else end
        self._codes: dict[Any, Any] = {}
        self._lanes: dict[Any, Any] = {}
        args = record.args[: record.start[self.end]]
        # What is not finite itself does not tell of examples in which something is; where it is only compared, it may.
        self.is_certain = bool(np.isfinite(record.constants[args[args < len(record.constants)]]).all())

    def _code(self, wanted: Wanted | None) -> Any:
        """The code for values and the gradients wanted; for None, for the guards alone."""
        key = wanted and (wanted.by_parameters, wanted.by_inputs)
        if key not in self._codes:
            record, first = self.record, len(self.record.constants)
            of_leaves = np.zeros(record.first, dtype=np.uint8)
            if wanted:
                of_leaves[first : first + len(self.theta)] = wanted.by_parameters
                of_leaves[record.first_input :] = wanted.by_inputs
            outputs = record.outputs if wanted else record.outputs[:0]
            guards, operations, tries = self._guards()
            self._codes[key] = Code(*operations, of_leaves, outputs, guards, tries)
        return self._codes[key]

    def _guards(self) -> tuple[Array, tuple[Array, Array, Array], int]:
        """The guards for C, the operations with those that are only tried after them, and how many of these."""
        record = self.record
        kinds = np.array([KINDS[row.name] for row in record.primitives], dtype=np.int32)[record.op[: self.end]].tolist()
        starts = record.start[: self.end + 1].tolist()
        args = record.args[: starts[-1]].tolist()
        rows = []
        for guard in record.guards:
            if guard.primitive is not None:
                tried = record.first + len(kinds)
                kinds.append(KINDS[guard.primitive.name])
                args += guard.args
                starts.append(len(args))
                rows.append((before(record, guard), NOTHING, tried, tried))
                continue
            sign, (x1, x2) = guard.sign if guard.outcome else NEGATED[guard.sign], guard.args
            if sign in TURNED:
                sign, x1, x2 = TURNED[sign], x2, x1
            rows.append((before(record, guard), GUARDS[sign], x1, x2))
        operations = np.array(kinds, dtype=np.int32), np.array(starts, dtype=np.int64), np.array(args, dtype=np.int32)
        return np.array(rows, dtype=np.int32).reshape(-1, 4), operations, len(kinds) - self.end

    def lanes(self, n: int, wanted: Wanted | None) -> Any:
        """What runs n examples: it is called with them, and with arrays for results."""
        code = self._code(wanted)
        lanes = best_lanes(n, code.n_places)
        key = lanes, wanted
        if key not in self._lanes:
            self._lanes[key] = Lanes(*self._parts(code, lanes, wanted))
        return self._lanes[key]

    def point(self, wanted: Wanted) -> Any:
        """What runs one example by the shortest way."""
        return Point(*self._parts(self._code(wanted), 1, wanted))

    def _parts(self, code: Any, lanes: int, wanted: Wanted | None) -> tuple[Any, ...]:
        record, first = self.record, len(self.record.constants)
        memory = aligned(code.n_places * lanes, np.float64)
        memory[: first * lanes] = np.repeat(record.constants, lanes)
        of_parameters, of_inputs = code.slope[first : first + len(self.theta)], code.slope[record.first_input :]
        return (
            code, memory, lanes, self.theta, self.frozen, first,
            code.place[record.outputs if wanted else record.outputs[:0]],
            of_parameters if wanted and wanted.by_parameters else of_parameters[:0],
            of_inputs if wanted and wanted.by_inputs else of_inputs[:0],
            wanted is not None and wanted.each,
        )  # fmt: skip


class Scalar:
    """A batch of some size on the scalar machine; to be used as a Bound is."""

    def __init__(self, machine: Machine, n: int, wanted: Wanted) -> None:
        self.machine, self.theta, self.wanted = machine, machine.theta, wanted
        self.rows = np.zeros((n, machine.record.n_inputs))
        self._lanes = machine.lanes(n, wanted)
        self._passed = np.zeros(n, dtype=np.int32)
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
        if wrong > 1 or not self.machine.is_certain:
            raise NotFinite
        return found  # type: ignore[return-value]  # the first run gave it, or the second

    def run_into(self, rows: Array, seed: float, into: tuple[Array, Array, Array]) -> bool:
        """Write what `run` returns for these rows into arrays; whether it could, because all of it is finite, and all
        examples took the path.
        """
        outputs, gradient, slopes = into
        gradient[:] = 0.0
        strange = np.zeros(len(rows), dtype=np.uint8) if self._spurious else None
        wrong = self._lanes(rows, seed, None, outputs, gradient, slopes, strange, self._passed)
        if strange is not None and wrong == 1 and not strange.any():
            wrong = 0
        return not wrong and self.machine.is_certain and self.all_take_it()

    def all_take_it(self) -> bool:
        """Whether all examples of the last run passed all guards: where some did not, its results lack these."""
        guards = self.machine.record.guards
        return not guards or bool((self._passed == len(guards)).all())

    def strange(self) -> Array:
        """For which examples something is not finite: a bool each."""
        found = np.zeros(len(self.rows), dtype=np.uint8)
        self._once(1.0, found)
        return found.astype(bool)

    def _once(self, seed: Any, strange: Array | None) -> tuple[tuple[Array, Any, Any], int]:
        """What `run` returns, and what the machine says of it. strange: as there."""
        wanted, n = self.wanted, len(self.rows)
        outputs = np.empty((len(self.machine.record.outputs), n))
        gradient = np.zeros((n if wanted.each else 1, len(self.theta) * wanted.by_parameters))
        slopes = np.zeros((n, self.rows.shape[1] * wanted.by_inputs))
        one, seeds = (1.0, np.ascontiguousarray(seed, dtype=float)) if np.ndim(seed) else (seed, None)
        wrong = self._lanes(self.rows, one, seeds, outputs, gradient, slopes, strange, self._passed)
        by_parameters = None if not wanted.by_parameters else gradient if wanted.each else gradient[0]
        return (outputs, by_parameters, slopes if wanted.by_inputs else None), wrong


class Follower:
    """Tells where examples leave the path of a record, each as the function itself would.

    whole: whether an example must have a value at every operation, also after the last guard: where the function may
    catch an error, it goes another way otherwise.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self._machines: dict[bool, Machine] = {}

    def takes(self, parameters: Array, rows: Array, whole: bool) -> Array:
        """For each example, a row of inputs, a bool. parameters: all of the record's."""
        return np.equal(self.left_at(parameters, rows, whole), TAKES)

    def left_at(self, parameters: Array, rows: Array, whole: bool) -> Array:
        """For each example the number of the guard where it leaves, or TAKES, or UNKNOWN."""
        n, rows, parameters = len(rows), np.ascontiguousarray(rows, dtype=float), parameters.astype(float)
        found = np.full(n, TAKES, dtype=np.int64)
        asked: Array | None = np.ones(n, dtype=np.uint8)
        machine = self._machine(whole, parameters)
        if machine is not None and machine.is_certain:
            passed, asked = np.empty(n, dtype=np.int32), None
            nothing = np.empty((0, n)), np.zeros((1, 0)), np.zeros((n, 0))
            lanes = machine.lanes(n, None)
            if lanes(rows, 1.0, None, *nothing, None, passed):
                asked = np.zeros(n, dtype=np.uint8)
                lanes(rows, 1.0, None, *nothing, asked, passed)
            found[:] = np.where(passed < len(self.record.guards), passed, TAKES)
        for i in () if asked is None else np.flatnonzero(asked):
            found[i] = leaves_at(self.record, [*parameters.tolist(), *rows[i].tolist()], whole)
        return found

    def _machine(self, whole: bool, parameters: Array) -> Machine | None:
        """With these parameters in it."""
        if whole not in self._machines:
            if not _has_code(self.record):
                return None
            end = max((before(self.record, guard) for guard in self.record.guards), default=0)
            theta = np.empty(len(parameters))
            self._machines[whole] = Machine(self.record, theta, np.zeros(0), None if whole else end)
        machine = self._machines[whole]
        machine.theta[:] = parameters
        return machine

    def __getstate__(self) -> dict[str, Any]:
        return {"record": self.record, "_machines": {}}


LANES = (1, 8, 32, 64, 128)
DISPATCH, LANE = 30.0, 1.0  # what a step takes, and one more example in it, about: only their ratio counts
MOST = 1 << 20  # numbers in all places, where more would leave the caches


@lru_cache
def best_lanes(n: int, places: int) -> int:
    """How many examples to run abreast, of n, if each needs so many places."""
    possible = [lanes for lanes in LANES if lanes * places <= MOST or lanes == 1]
    return min(possible, key=lambda lanes: -(-n // lanes) * (DISPATCH + lanes * LANE))
