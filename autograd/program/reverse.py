"""Reverse: a plan becomes operations on rows, and the gradients that are wanted further operations of the same kind.

Cotangents lie in spaces of their own, row by row beside the values. What is done is planned here, before a batch size
is known: an operation writes to rows, or adds to them what it computes. The first to come to a row writes, all others
add; of rows that are written in part so far, the others become 0 first. Rows that occur several times in one operation
are summed up, and so is the batch where only the result has none.

What is read or written in no even order is copied together, or spread, by operations that do nothing else.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.graph import BATCHED, CONSTANT, INPUT, PARAMETER
from autograd.program.kernels import PULL, reads
from autograd.program.record import Array
from autograd.program.roll import Instruction, Plan, Ref, strides_of

__all__ = [
    "COTANGENT", "KEPT", "NAMES", "SEED", "TEMPORARY", "Access", "Operation", "Schedule", "Wanted", "check", "reverse",
]  # fmt: skip

COTANGENT = 4  # more than the space of the values: that of their cotangents
SEED = COTANGENT + CONSTANT  # constants have none
KEPT, TEMPORARY = 8, 10  # copies for the whole run, and for one instruction; the next ones are those with a batch
NAMES = (
    "constants", "parameters", "inputs", "values", "seed", "d_parameters", "d_inputs", "d_values", "copies",
    "batched_copies", "temporary", "batched_temporary",
)  # fmt: skip
SIGNS = {"=": "=", "+": "+=", "in order": "+=", "max": "max="}
How = Literal["=", "+", "in order", "max"]


class Wanted(NamedTuple):
    """Which gradients of the first output: by parameters, by inputs; and whether by parameters one for each example."""

    by_parameters: bool = False
    by_inputs: bool = False
    each: bool = False


@dataclass(frozen=True, eq=False)
class Access:
    """Rows of a space: `first` + Σ i·stride along the axes of an operation; or those of `index`, along its one axis."""

    space: int
    first: int
    strides: tuple[int, ...]
    index: Array | None = None

    def spread(self) -> Access:
        """Each row once more along one more axis."""
        return replace(self, strides=(*self.strides, 0))

    def swapped(self) -> Access:
        """With the last two axes exchanged."""
        *most, p, q = self.strides
        return replace(self, strides=(*most, q, p))

    def rows(self, shape: tuple[int, ...]) -> Array:
        """The numbers of the rows."""
        if self.index is not None:
            return self.index
        found = np.full(shape, self.first)
        for axis, (size, stride) in enumerate(zip(shape, self.strides, strict=True)):
            found += (np.arange(size) * stride).reshape(-1, *[1] * (len(shape) - axis - 1))
        return found


@dataclass(frozen=True, eq=False)
class Operation:
    """`out` becomes (`=`), gets added (`+`; `in order`: from first to last), or is at least (`max`) what is computed.

    kind: "value", of `row` at the operands; "pull", the contribution to argument `place` of `row`, from the cotangent,
    the value and the arguments, where those that are not read are None; "copy" of the operand; "zero"; "matmul", a
    stack of products, (c, p, q) by (c, q, s) to (c, p, s), of the shape (c, p, q, s); "many" and "many_pull", any row
    of a list, over the last axis.
    equation: the number of the instruction that it belongs to, from 1 on. backward: whether for its gradient.
    """

    kind: str
    row: Primitive | None
    place: int
    how: How
    shape: tuple[int, ...]
    out: Access
    operands: tuple[Access | None, ...]
    equation: int
    backward: bool


@dataclass(frozen=True, eq=False)
class Schedule:
    """All operations for the values and the gradients wanted, in order, and what their spaces are.

    n_parameters: how many rows of their space are given. constants: those of the plan, and copies in another order.
    sizes: rows of each space; has_batch: whether they have a number for each example. gathers_inputs: whether inputs
    are read in no even order. untouched: parameters whose cotangent is written by nothing.
    """

    n_parameters: int
    wanted: Wanted
    constants: Array
    sizes: tuple[int, ...]
    has_batch: tuple[bool, ...]
    operations: tuple[Operation, ...]
    gathers_inputs: bool
    untouched: Array


# Schedules do not hold their plan, so that they go when it goes.
_known: weakref.WeakKeyDictionary[Plan, dict[Any, Schedule]] = weakref.WeakKeyDictionary()


def reverse(plan: Plan, wanted: Wanted, n_wanted: int) -> Schedule:
    """The operations of a plan, with the gradients wanted of the first output; by the first `n_wanted` parameters."""
    found = _known.setdefault(plan, {})
    if (wanted, n_wanted) not in found:
        found[wanted, n_wanted] = _Planner(plan, wanted, n_wanted).schedule()
    return found[wanted, n_wanted]


class _Planner:
    def __init__(self, plan: Plan, wanted: Wanted, n_wanted: int) -> None:
        self.plan, self.wanted, self.n_wanted = plan, wanted, n_wanted
        self.constants = [plan.constants]
        self.sizes = [*plan.sizes, 1, *plan.sizes[1:], 0, 0, 0, 0]
        self.has_batch = (False, False, True, True, True, wanted.each, True, True, False, True, False, True)
        self.operations: list[Operation] = []
        self.equation, self.backward = 0, False
        self.temporaries = [0, 0]
        self.found: dict[Any, Access] = {}  # copies, by what they are of
        self.factors: dict[int, tuple[Access, Access]] = {}  # of matrix products, by equation
        self.gathers_inputs = any(
            ref.space == INPUT and strides_of(ref.rows) is None for i in plan.instructions for ref in i.operands
        )

    def schedule(self) -> Schedule:
        plan = self.plan
        for self.equation, i in enumerate(plan.instructions, 1):
            getattr(self, f"_{i.kind}")(i)
        self.touched = [np.zeros(size, dtype=bool) for size in self.sizes[:8]]
        if self.wanted.by_parameters or self.wanted.by_inputs:
            self._differentiate()
        return Schedule(
            plan.n_parameters, self.wanted, np.concatenate(self.constants), tuple(self.sizes), self.has_batch,
            tuple(self.operations), self.gathers_inputs, np.flatnonzero(~self.touched[COTANGENT + PARAMETER]),
        )  # fmt: skip

    def _emit(
        self, kind: str, how: How, shape: tuple[int, ...], out: Access, operands: Sequence[Access | None] = (),
        row: Primitive | None = None, place: int = 0,
    ) -> None:  # fmt: skip
        self.operations.append(
            Operation(kind, row, place, how, shape, out, tuple(operands), self.equation, self.backward)
        )

    # ------------------------------------------------------------ rows

    def _room(self, space: int, shape: tuple[int, ...], batch: bool) -> Access:
        """New rows, in order: KEPT or TEMPORARY."""
        space += batch
        size = int(np.prod(shape))
        if space >= TEMPORARY:
            first = self.temporaries[batch]
            self.temporaries[batch] += size
            self.sizes[space] = max(self.sizes[space], first + size)
        else:
            first = self.sizes[space]
            self.sizes[space] += size
        return Access(space, first, _in_order(shape))

    def _read(self, ref: Ref, rows: Array | None = None) -> Access:
        """The rows of a reference: as they lie, if evenly, else a copy."""
        rows = ref.rows if rows is None else rows
        strides = strides_of(rows)
        if strides is not None:
            return Access(ref.space, int(rows.flat[0]), strides)
        key = (ref.space, rows.tobytes(), rows.shape)
        if key not in self.found:
            if ref.space == CONSTANT:
                self.found[key] = Access(CONSTANT, self.sizes[CONSTANT], _in_order(rows.shape))
                self.constants.append(self.plan.constants[rows.ravel()])
                self.sizes[CONSTANT] += rows.size
            else:
                self.found[key] = self._room(KEPT, rows.shape, self.has_batch[ref.space])
                self._copy_together(ref.space, rows.ravel(), self.found[key])
        return self.found[key]

    def _copy_together(self, space: int, rows: Array, out: Access) -> None:
        flat = replace(out, strides=(1,))
        self._emit("copy", "=", (rows.size,), flat, [Access(space, 0, (), rows)])

    def _result(self, i: Instruction) -> Access:
        return Access(i.space, i.row, _in_order(i.shape))

    def _zero(self, space: int, rows: Array) -> None:
        """Rows become 0, if any are named."""
        if rows.size:
            strides = strides_of(rows)
            out = Access(space, int(rows.flat[0]), strides) if strides else Access(space, 0, (), rows)
            self._emit("zero", "=", rows.shape, out)

    # ------------------------------------------------------------ values

    def _map(self, i: Instruction) -> None:
        self._emit("value", "=", i.shape, self._result(i), [self._read(ref) for ref in i.operands], i.primitive)

    def _reduce(self, i: Instruction) -> None:
        x, out, shape = self._read(i.operands[0]), self._result(i), i.operands[0].rows.shape
        how: How = "in order"
        if i.primitive is table.sum:
            self._zero(i.space, i.row + np.arange(i.size))
        else:
            how = "max"
            first = replace(x, strides=x.strides[:-1])
            if i.starts is not None:
                first = Access(x.space, 0, (), x.first + x.strides[0] * i.starts)
            self._emit("copy", "=", i.shape, out, [first])
        self._emit("copy", how, shape, self._of_lists(out, i), [x])

    def _of_lists(self, result: Access, i: Instruction) -> Access:
        """The results, once for each number of their lists."""
        if i.starts is None:
            return result.spread()
        length = np.diff(np.append(i.starts, i.operands[0].rows.size))
        return Access(result.space, 0, (), np.repeat(result.first + np.arange(i.size), length))

    def _dot(self, i: Instruction) -> None:
        operands = [self._read(ref) for ref in i.operands]
        out, shape = self._result(i), i.operands[0].rows.shape
        self._zero(i.space, i.row + np.arange(i.size))
        if i.starts is None:
            self._emit("value", "+", shape, out.spread(), operands, table.mul)
            return
        self.temporaries = [0, 0]
        products = self._room(TEMPORARY, shape, self.has_batch[i.space])
        self._emit("value", "=", shape, products, operands, table.mul)
        self._emit("copy", "+", shape, self._of_lists(out, i), [products])

    def _many(self, i: Instruction) -> None:
        x = self._read(i.operands[0])
        self._emit("many", "=", i.operands[0].rows.shape, self._result(i).spread(), [x], i.primitive)

    def _matmul(self, i: Instruction) -> None:
        left, right = i.operands
        a, b = self._read(left), self._read(right, right.rows.swapaxes(1, 2))
        self.factors[self.equation] = a, b
        self._product(a, b, self._result(i), (*left.rows.shape, i.shape[2]))

    def _product(self, a: Access, b: Access, out: Access, shape: tuple[int, ...]) -> None:
        """out = a·b; shape: stack, p, q, s."""
        x, y = replace(a, strides=(*a.strides, 0)), replace(b, strides=(b.strides[0], 0, *b.strides[1:]))
        self._emit("matmul", "=", shape, replace(out, strides=(*out.strides[:2], 0, out.strides[2])), [x, y])

    # ------------------------------------------------------------ gradients

    def _differentiate(self) -> None:
        plan = self.plan
        # What depends on something that is differentiated by; and, in `touched`, what has received a cotangent so far.
        self.needed = [np.zeros(size, dtype=bool) for size in plan.sizes]
        self.needed[PARAMETER][: self.n_wanted] = self.wanted.by_parameters
        self.needed[INPUT][:] = self.wanted.by_inputs
        for i in plan.instructions:
            self.needed[i.space][i.row : i.row + i.size] = any(self._wants(ref) for _, ref in _flowing(i))
        self.equation, self.backward = len(plan.instructions), True
        space, row = plan.outputs[0]
        if self.needed[space][row]:
            self._add(Ref(space, np.array([row])), "copy", (1,), [Access(SEED, 0, (0,))])
        for self.equation, i in reversed(list(enumerate(plan.instructions, 1))):
            self.temporaries = [0, 0]
            block = slice(i.row, i.row + i.size)
            if self.needed[i.space][i.row] and self.touched[COTANGENT + i.space][block].any():
                getattr(self, f"_{i.kind}_back")(i, replace(self._result(i), space=COTANGENT + i.space))

    def _wants(self, ref: Ref) -> bool:
        return bool(self.needed[ref.space][ref.rows].any())

    def _add(
        self, ref: Ref, kind: str, shape: tuple[int, ...], operands: Sequence[Access | None],
        row: Primitive | None = None, place: int = 0,
    ) -> None:  # fmt: skip
        """Add what an operation computes to the cotangents of rows: the first to come writes."""
        space, rows, strides = COTANGENT + ref.space, ref.rows, strides_of(ref.rows)
        batch = any(x is not None and self.has_batch[x.space] for x in operands)
        folds = batch and not self.has_batch[space]
        once = rows
        if strides is not None:  # along an axis where the row is the same, it is summed up
            once = rows[tuple(slice(1) if stride == 0 else slice(None) for stride in strides)]
        distinct = np.unique(once)
        if strides is None or len(distinct) < once.size:
            x = operands[0]
            if kind != "copy" or x is None or folds or x.strides != _in_order(shape):
                x = self._room(TEMPORARY, shape, self.has_batch[space])
                if folds:
                    self._zero(x.space, x.rows(shape))
                self._emit(kind, "+" if folds else "=", shape, x, operands, row, place)
            kind, shape, operands, row, place = "copy", (rows.size,), [replace(x, strides=(1,))], None, 0
            out, once = Access(space, 0, (), rows.ravel()), distinct
            folds = len(distinct) < rows.size
        else:
            out = Access(space, int(rows.flat[0]), strides)
            folds = folds or once.size < rows.size
        touched = self.touched[space][distinct]
        if folds or touched.any():
            self._zero(space, distinct[~touched] if touched.any() else once)
        self._emit(kind, "+" if folds or touched.any() else "=", shape, out, operands, row, place)
        self.touched[space][distinct] = True

    def _map_back(self, i: Instruction, c: Access) -> None:
        xs = [self._read(ref) for ref in i.operands]
        if self._is_of_squares(i, c, xs):
            return
        for place, ref in _flowing(i):
            if self._wants(ref):
                self._pull(i.primitive, place, ref, i.shape, c, self._result(i), xs)

    def _is_of_squares(self, i: Instruction, c: Access, xs: Sequence[Access]) -> bool:
        """Whether it multiplies numbers by themselves; adds twice the cotangent times the number, then."""
        x1, x2 = i.operands[0], i.operands[-1]
        if i.primitive not in (table.mul, table.dot) or x1.space != x2.space or not np.array_equal(x1.rows, x2.rows):
            return False
        if self._wants(x1):
            twice = self._room(TEMPORARY, i.shape, self.has_batch[c.space])
            self._emit("value", "=", i.shape, twice, [c, c], table.add)
            c = self._for_lists(twice, i) if i.kind == "dot" else twice
            self._pull(table.mul, 1, x1, x1.rows.shape, c, None, xs)
        return True

    def _pull(
        self, row: Primitive, place: int, ref: Ref, shape: tuple[int, ...], c: Access, y: Access | None,
        xs: Sequence[Access],
    ) -> None:  # fmt: skip
        used = reads(row, place)
        names = (*PULL, *(f"x{j + 1}" for j in range(len(xs))))
        if used == {"c"} and row.partials[place - 1] == 1.0:
            self._add(ref, "copy", shape, [c])
            return
        operands = [x if name in used else None for name, x in zip(names, (c, y, *xs), strict=True)]
        self._add(ref, "pull", shape, operands, row, place)

    def _reduce_back(self, i: Instruction, c: Access) -> None:
        ref = i.operands[0]
        shape = ref.rows.shape
        if not self._wants(ref):
            return
        if i.primitive is table.sum:
            self._add(ref, "copy", shape, [self._for_lists(c, i)])
            return
        # The largest, and all that are equal to it, get an equal share each.
        batch = self.has_batch[i.space]
        hits, shares = self._room(TEMPORARY, shape, batch), self._room(TEMPORARY, i.shape, batch)
        self._emit("value", "=", shape, hits, [self._read(ref), self._for_lists(self._result(i), i)], table.equal)
        self._zero(shares.space, shares.rows(i.shape))
        self._emit("copy", "+", shape, self._of_lists(shares, i), [hits])
        self._emit("value", "=", shape, hits, [hits, self._for_lists(shares, i)], table.div)
        self._pull(table.mul, 1, ref, shape, self._for_lists(c, i), None, [hits, hits])

    def _for_lists(self, x: Access, i: Instruction) -> Access:
        """Numbers of the results, once for each number of their lists, to be read."""
        found = self._of_lists(x, i)
        if found.index is None:
            return found
        out = self._room(TEMPORARY, (found.index.size,), self.has_batch[x.space])
        self._copy_together(x.space, found.index, out)
        return out

    def _dot_back(self, i: Instruction, c: Access) -> None:
        xs = [self._read(ref) for ref in i.operands]
        if self._is_of_squares(i, c, xs):
            return
        c = self._for_lists(c, i)
        for place, ref in enumerate(i.operands, 1):
            if self._wants(ref):
                self._pull(table.mul, place, ref, ref.rows.shape, c, None, xs)

    def _many_back(self, i: Instruction, c: Access) -> None:
        ref = i.operands[0]
        if self._wants(ref):
            shape = ref.rows.shape
            slopes = self._room(TEMPORARY, shape, self.has_batch[c.space])
            operands = [c.spread(), self._result(i).spread(), self._read(ref)]
            self._emit("many_pull", "=", shape, slopes, operands, i.primitive)
            self._add(ref, "copy", shape, [slopes])

    def _matmul_back(self, i: Instruction, c: Access) -> None:
        left, right = i.operands
        a, b = self.factors[self.equation]
        (stack, m, k), r = left.rows.shape, i.shape[2]
        if self._wants(left):
            self._product_back(left, left.rows, c, b.swapped(), (stack, m, r, k))
        if self._wants(right):
            self._product_back(right, right.rows.swapaxes(1, 2), a.swapped(), c, (stack, k, m, r))

    def _product_back(self, ref: Ref, rows: Array, a: Access, b: Access, shape: tuple[int, ...]) -> None:
        """Add a product to the cotangents of rows: there, if it is the first and they lie as a matrix does."""
        space, strides = COTANGENT + ref.space, strides_of(rows)
        new = not self.touched[space][rows].any() and len(np.unique(rows)) == rows.size
        if new and strides is not None and (strides[2] == 1 or rows.shape[2] == 1):
            self._product(a, b, Access(space, int(rows.flat[0]), strides), shape)
            self.touched[space][rows] = True
            return
        x = self._room(TEMPORARY, rows.shape, self.has_batch[space])
        self._product(a, b, x, shape)
        self._add(Ref(ref.space, rows), "copy", rows.shape, [x])


def _in_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))


def _flowing(i: Instruction) -> list[tuple[int, Ref]]:
    """The operands that something flows to, with their places."""
    if i.kind != "map":
        return list(enumerate(i.operands, 1))
    pairs = zip(i.operands, i.primitive.partials, strict=True)
    return [(k, ref) for k, (ref, slope) in enumerate(pairs, 1) if ref.space != CONSTANT and slope != 0.0]


def check(schedule: Schedule) -> None:
    """What holds for every schedule: rows have been written when they are read or added to, and stay then as they are.

    In the spaces of values, every row is written once; in one operation no row is written twice, but where it adds up.
    Raises AssertionError.
    """
    written = [np.zeros(size, dtype=bool) for size in schedule.sizes]
    for space in (CONSTANT, PARAMETER, INPUT, SEED):
        n = schedule.n_parameters if space == PARAMETER else len(written[space])
        written[space][:n] = True
    read = [np.zeros(size, dtype=bool) for size in schedule.sizes]
    received = [np.zeros(size, dtype=bool) for size in schedule.sizes]
    for o in schedule.operations:
        for x in o.operands:
            if x is not None:
                rows = x.rows(o.shape)
                assert rows.size == np.prod(o.shape), (o, "an index names a row for each number")
                # A cotangent that nothing has flowed to is 0 from the start.
                assert written[x.space][rows].all() or COTANGENT < x.space < KEPT, (o, "reads what nothing has written")
                read[x.space][rows] = True
        batch = any(x is not None and schedule.has_batch[x.space] for x in o.operands)
        sums = o.how == "+" or o.kind == "matmul"
        assert sums or schedule.has_batch[o.out.space] or not batch, (o, "has no room for a batch")
        rows = o.out.rows(o.shape)
        summed = o.kind in ("matmul", "many")
        done = o.out.space < KEPT and read[o.out.space][rows].any()
        assert not done, (o, "writes, or adds to, what has been read already")
        if o.how == "=":
            assert summed or len(np.unique(rows)) == rows.size, (o, "writes a row twice")
            assert o.out.space != BATCHED or not written[BATCHED][rows].any(), (o, "writes a value again")
            first = not COTANGENT < o.out.space < KEPT or not received[o.out.space][rows].any()
            assert first, (o, "writes over a cotangent")
        else:
            assert written[o.out.space][rows].all(), (o, "adds to what is not there")
        written[o.out.space][rows] = True
        received[o.out.space][rows] |= o.kind != "zero"
        assert o.out.space not in (CONSTANT, INPUT, SEED), (o, "writes what is given")
