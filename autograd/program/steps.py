"""Steps: a schedule and a batch size become a list of steps, plain data that NumPy and C both read.

A step says what is computed, over which shape, and where the numbers lie: in which buffer, from which place on, and how
far it is to the next one along each axis. Along an axis where the result does not move, it is folded: added up, or
searched for the largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autograd.primitive import Primitive
from autograd.program.graph import INPUT
from autograd.program.record import Array
from autograd.program.reverse import NAMES, SIGNS, TEMPORARY, Access, How, Operation, Schedule

__all__ = ["LINE", "Step", "Steps", "View", "padded", "steps"]

LINE = 64  # bytes of a cache line


@dataclass(frozen=True, eq=False)
class View:
    """Numbers of a buffer: from `offset` on, `strides` apart along the axes of a step.

    index: along the first axis, which of the places that lie strides[0] apart are meant; None: 0, 1, 2, ...
    """

    buffer: int
    offset: int
    strides: tuple[int, ...]
    index: Array | None = None

    def along(self, strides: tuple[int, ...]) -> View:
        """The same place, with other strides."""
        return View(self.buffer, self.offset, strides)

    def __str__(self) -> str:
        name = NAMES[self.buffer] if self.buffer < len(NAMES) else f"copy{self.buffer - len(NAMES)}"
        place = f"{self.offset}" if self.index is None else f"{len(self.index)} rows"
        return f"{name}[{place}: {', '.join(map(str, self.strides))}]"


@dataclass(frozen=True, eq=False)
class Step:
    """An operation on views: see `Operation`, whose words it uses. shape: with the batch, if there is one, at the end.

    Printed: shape, result, what happens to it, and of what.
    """

    kind: str
    row: Primitive | None
    place: int
    how: How
    shape: tuple[int, ...]
    out: View
    operands: tuple[View | None, ...]
    equation: int
    backward: bool

    def __str__(self) -> str:
        name = f"{self.row.name}" if self.row else self.kind
        name = f"{name}'{self.place}" if self.kind == "pull" else name
        operands = ", ".join(str(x) for x in self.operands if x is not None)
        return f"{' × '.join(map(str, self.shape))}: {self.out} {SIGNS[self.how]} {name}({operands})"


@dataclass(frozen=True, eq=False)
class Steps:
    """What runs n examples. sizes: how many numbers each buffer has; inputs are padded to whole lines of the cache."""

    n: int
    sizes: tuple[int, ...]
    steps: tuple[Step, ...]


def padded(n_inputs: int, itemsize: int) -> int:
    """How many numbers lie between the inputs of one example and those of the next."""
    line = LINE // itemsize
    return -(-n_inputs // line) * line


def steps(schedule: Schedule, n: int, itemsize: int) -> Steps:
    """The steps for n examples, of numbers of so many bytes."""
    return _Lowering(schedule, n, itemsize).lowered()


class _Lowering:
    def __init__(self, schedule: Schedule, n: int, itemsize: int) -> None:
        self.schedule, self.n = schedule, n
        # By how many numbers one row lies after another, and one example.
        self.row_step = [n if batch else 1 for batch in schedule.has_batch]
        self.batch_step = [int(batch) for batch in schedule.has_batch]
        width = [n if batch else 1 for batch in schedule.has_batch]
        self.sizes = [size * wide for size, wide in zip(schedule.sizes, width, strict=True)]
        if not schedule.gathers_inputs:  # they stay as they come, one example after the other
            self.row_step[INPUT], self.batch_step[INPUT] = 1, padded(schedule.sizes[INPUT], itemsize)
            self.sizes[INPUT] = n * self.batch_step[INPUT]
        self.steps: list[Step] = []
        self.copies: dict[tuple[int, ...], View] = {}
        self.at: Operation  # what is being lowered

    def lowered(self) -> Steps:
        for o in self.schedule.operations:
            self.at = o
            if o.kind == "matmul":
                self._matmul(o)
            else:
                self.steps.append(self._step(o))
        return Steps(self.n, tuple(self.sizes), tuple(self.steps))

    def _view(self, x: Access, batch: bool) -> View:
        step = self.row_step[x.space]
        strides = (step,) if x.index is not None else tuple(stride * step for stride in x.strides)
        strides = (*strides, self.batch_step[x.space]) if batch else strides
        return View(x.space, x.first * step, strides, x.index)

    def _step(self, o: Operation) -> Step:
        has_batch = self.schedule.has_batch
        batch = has_batch[o.out.space] or any(x is not None and has_batch[x.space] for x in o.operands)
        operands = tuple(None if x is None else self._view(x, batch) for x in o.operands)
        shape = (*o.shape, self.n) if batch else o.shape
        return Step(o.kind, o.row, o.place, o.how, shape, self._view(o.out, batch), operands, o.equation, o.backward)

    # ------------------------------------------------------------ products of matrices

    def _matmul(self, o: Operation) -> None:
        """The batch becomes more columns of the result, or more of what is summed up, or more products."""
        c, p, q, s = o.shape
        n = self.n
        a, b = (self._view(x, True) for x in o.operands if x is not None)
        out = self._view(o.out, True)
        (*a_at, _, a_n), (b_c, _, b_q, b_s, b_n), (o_c, o_p, _, o_s, o_n) = a.strides, b.strides, out.strides
        if n == 1 or not (a_n or b_n):
            a, b = self._matrix(a, (c, p, q), tuple(a_at)), self._matrix(b, (c, q, s), (b_c, b_q, b_s))
            self._multiply((c, p, q, s), out.along((o_c, o_p, o_s)), a, b)
        elif not a_n:
            a = self._matrix(a, (c, p, q), tuple(a_at))
            b = self._merged(b, (c, q, s, n), (b_c, b_q, b_s, b_n))
            self._multiply((c, p, q, s * n), out.along((o_c, o_p, o_n)), a, b)
        elif not o_n:
            a = self._merged(a, (c, p, q, n), (*a_at, a_n))
            b = self._merged(b, (c, s, q, n), (b_c, b_s, b_q, b_n))
            b = b.along((b.strides[0], b.strides[2], b.strides[1]))
            self._multiply((c, p, q * n, s), out.along((o_c, o_p, o_s)), a, b)
        else:
            self._for_each_example(o, a, b, out)

    def _for_each_example(self, o: Operation, a: View, b: View, out: View) -> None:
        c, p, q, s = o.shape
        n = self.n
        (a_c, a_p, a_q, _, a_n), (b_c, _, b_q, b_s, b_n) = a.strides, b.strides
        a = self._in_order(a, (n, c, p, q), (a_n, a_c, a_p, a_q))
        b = self._in_order(b, (n, c, q, s), (b_n, b_c, b_q, b_s))
        y = self._room((n, c, p, s))
        self._multiply((n * c, p, q, s), *(x.along(x.strides[1:]) for x in (y, a, b)))
        o_c, o_p, _, o_s, o_n = out.strides
        self._copy(out.along((o_n, o_c, o_p, o_s)), y, (n, c, p, s))

    def _multiply(self, shape: tuple[int, ...], out: View, a: View, b: View) -> None:
        """out (c, p, s) = a (c, p, q) · b (c, q, s)"""
        x, y = a.along((*a.strides, 0)), b.along((b.strides[0], 0, *b.strides[1:]))
        out = out.along((*out.strides[:2], 0, out.strides[2]))
        self.steps.append(Step("matmul", None, 0, "=", shape, out, (x, y), self.at.equation, self.at.backward))

    def _merged(self, x: View, shape: tuple[int, int, int, int], strides: tuple[int, ...]) -> View:
        """A stack (c, p, q, n) as (c, p, q · n)."""
        c, p, q, n = shape
        if q == 1 or strides[2] == n * strides[3]:
            return self._matrix(x, (c, p, q * n), (strides[0], strides[1], strides[3]))
        whole = self._in_order(x, shape, strides)
        return whole.along((whole.strides[0], whole.strides[1], 1))

    def _matrix(self, x: View, shape: tuple[int, int, int], strides: tuple[int, ...]) -> View:
        """A stack of matrices (c, p, q) that BLAS takes as they are: their rows or their columns are in order."""
        _, p, q = shape
        rows, columns = strides[1] if p > 1 else 1, strides[2] if q > 1 else 1
        if (columns == 1 and (rows >= q or p == 1)) or (rows == 1 and (columns >= p or q == 1)):
            return x.along(strides)
        return self._in_order(x, shape, strides)

    def _in_order(self, x: View, shape: tuple[int, ...], strides: tuple[int, ...]) -> View:
        """A copy in order; that of one operand, in whatever order, is made once."""
        *most, p, q = range(len(shape))
        for order in ((*most, p, q), (*most, q, p)):
            key = (x.buffer, x.offset, *(shape[i] for i in order), *(strides[i] for i in order))
            if key in self.copies:
                copy = self.copies[key]
                return copy.along(tuple(copy.strides[i] for i in order))
        copy = self._room(shape)
        self._copy(copy, x.along(strides), shape)
        if x.buffer not in (TEMPORARY, TEMPORARY + 1):
            self.copies[x.buffer, x.offset, *shape, *strides] = copy
        return copy

    def _room(self, shape: tuple[int, ...]) -> View:
        """A buffer of its own."""
        self.sizes.append(math.prod(shape))
        return View(len(self.sizes) - 1, 0, tuple(math.prod(shape[i + 1 :]) for i in range(len(shape))))

    def _copy(self, out: View, x: View, shape: tuple[int, ...]) -> None:
        self.steps.append(Step("copy", None, 0, "=", shape, out, (x,), self.at.equation, self.at.backward))
