"""Bind: a plan for one batch size, with the gradients that are wanted.

The plan's instructions are gone through backwards, by the same rows; a cotangent is added in one place only, `_add`.

The calls run with NumPy's floating-point errors raised: whatever divides by 0, overflows or has no value stops them,
and the batch is replayed one example after the other, where each gets the answer, or the error, that it would get
alone. So there is no nan here, and a formula need not care for one.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd import primitives as table
from autograd.primitive import _BUILT_IN, Primitive
from autograd.program.forward import DOUBLE_PRODUCT, Forward, matrices, view_of
from autograd.program.loops import (
    Step,
    add_batch,
    add_product,
    add_rows,
    add_stretches,
    aligned,
    all_finite,
    faster,
    has_loop,
    product,
    put_rows,
    take_rows,
)
from autograd.program.normalise import BATCHED, CONSTANT, INPUT, PARAMETER
from autograd.program.record import Array
from autograd.program.roll import Instruction, Plan, Ref, strides_of
from autograd.symbol import SLOPE, Symbol

__all__ = ["Bound", "NotFinite", "Wanted"]

# On numbers that are no nan, these come to the same as the table's own.
SHORTER_SLOPES: Mapping[Primitive, Callable[..., Any]] = {table.relu: lambda x, y: table.sign(y)}
LARGE = 1 << 16  # bytes of a gradient, from which on a copy of it is worth avoiding
FEW_OUTPUTS = 8  # that are put together one by one
CHOICES = (table.where, table.step, table.equal)  # where a nan may be lost


class Wanted(NamedTuple):
    """Which gradients of the first output: by parameters, by inputs; and whether by parameters one for each example."""

    by_parameters: bool = False
    by_inputs: bool = False
    each: bool = False


class NotFinite(ArithmeticError):
    """Something came out infinite or nan, or started so."""


class Results:
    """Arrays to give away: memory of one that nobody holds any more is used again, because fresh memory is slow."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = shape, dtype
        self._given: list[Array] = []

    def fresh(self) -> Array:
        """An array that nobody else holds, or a part of; what is in it does not matter."""
        for i in range(len(self._given)):
            if sys.getrefcount(self._given[i]) == 2:  # the list, and the argument of getrefcount
                return self._given[i]
        self._given = [*self._given[-1:], np.empty(self._shape, self._dtype)]
        return self._given[-1]

    def copy(self, x: Array) -> Array:
        """A copy of x to give away: a view, so that what becomes of its shape or its flags stays with its owner."""
        array = self.fresh()
        np.copyto(array, x)
        return array[:]


class Turn:
    """The steps of a plan again, with a vector of their own for the gradient, which can be given away."""

    def __init__(self, steps: list[Step], cotangents: Array) -> None:
        self.gradient = aligned(len(cotangents), cotangents.dtype)
        self.steps = faster([_moved(step, cotangents, self.gradient[:, None]) for step in steps])
        self._held = sys.getrefcount(self.gradient.base)

    def is_free(self) -> bool:
        """Whether nobody else holds the vector, or a part of it."""
        return sys.getrefcount(self.gradient.base) == self._held


def _grouped(outputs: Sequence[tuple[int, int]]) -> list[tuple[Any, int, Any]]:
    """Where outputs stand: their places, the space, and its rows; many of them at once, as one array of rows."""
    if len(outputs) <= FEW_OUTPUTS:
        return [(i, space, row) for i, (space, row) in enumerate(outputs)]
    spaces, rows = np.array(outputs).T
    chosen = [(np.flatnonzero(spaces == space), int(space)) for space in np.unique(spaces)]
    return [(places if len(chosen) > 1 else slice(None), space, rows[places]) for places, space in chosen]


class Bound(Forward):
    """A plan with all its buffers. Put the examples into `rows`, one in each, and run."""

    def __init__(self, plan: Plan, n: int, dtype: Any, theta: Array, frozen: Array, wanted: Wanted) -> None:
        super().__init__(plan, n, dtype, theta, frozen)
        self.wanted = wanted
        leaves = self.values[PARAMETER][: len(theta) + len(frozen), 0]
        pairs = [(leaves[: len(theta)], theta), (leaves[len(theta) :], frozen), (self.values[INPUT], self.rows.T)]
        self._copies = [(target, source) for target, source in pairs if not np.shares_memory(target, source)]
        self.seed = np.zeros(n, dtype)
        self.cotangents = [np.zeros((0, 0))] * 4
        self.backward: list[Step] = []
        self.starts = [0] * len(plan.instructions)  # how much of `backward` comes before each instruction's part
        if wanted.by_parameters or wanted.by_inputs:
            self._differentiate()
        self._all = faster(self.forward + self.backward)
        self._results = _grouped(plan.outputs)
        self._outputs = Results((len(plan.outputs), n), dtype)
        self._gradients = Results((n, len(theta)) if wanted.each else (len(theta),), dtype)
        self._slopes = Results(self.rows.shape, dtype)
        self._turns: list[Turn] = []
        self._untouched: Array | None = None
        large = len(theta) * dtype.itemsize >= LARGE and plan.sizes[PARAMETER] == len(theta)
        if large and wanted.by_parameters and not wanted.each:
            self._untouched = np.flatnonzero(~self._touched[PARAMETER])
        # Arithmetic hands a nan on to the results, where it is seen; a choice may lose it.
        self._chooses = any(i.primitive in CHOICES or i.primitive.name not in _BUILT_IN for i in plan.instructions)
        self._finite = bool(np.isfinite(plan.constants).all())

    # ------------------------------------------------------------ running

    def run(self, seed: Any, strict: bool = True, lend: bool = False) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and the gradients wanted, by parameters and by inputs (example, number).

        seed: per example, or for all, the cotangent of the first output. strict: raise ArithmeticError or ValueError if
        there is anything that plain arithmetic on finite numbers does not explain. lend: the gradients may be arrays
        that the next run writes to.
        """
        reaction: Any = "raise" if strict else "ignore"
        with np.errstate(divide=reaction, over=reaction, invalid=reaction, under="ignore"):
            if strict and self._chooses and not self._finite_at_start():
                raise NotFinite
            for target, source in self._copies:
                target[...] = source
            self.seed[...] = seed
            steps, gradient = (self._all, None) if lend else self._next_turn()
            for step in steps:
                # What a step makes infinite or nan stops it: NumPy raises, loops return True.
                if step() is True and strict:
                    raise NotFinite
            outputs = self._outputs.fresh()
            for places, space, rows in self._results:
                outputs[places] = self.values[space][rows]
            if strict and not all_finite(outputs):  # what came in so shows here
                raise NotFinite
            slopes = None
            if self.wanted.by_parameters and gradient is None:
                found = self.cotangents[PARAMETER][: len(self.theta)].T
                found = found if self.wanted.each else found[0]
                gradient = found if lend else self._gradients.copy(found)
            if self.wanted.by_inputs:
                slopes = self.cotangents[INPUT].T if lend else self._slopes.copy(self.cotangents[INPUT].T)
        return outputs, gradient, slopes

    def strange(self) -> Array:
        """For which examples of the last batch something is not finite: a bool each."""
        self.run(1.0, strict=False, lend=True)
        of_each = [self.rows.T, self.values[BATCHED], self.cotangents[INPUT], self.cotangents[BATCHED]]
        if self.wanted.each:
            of_each.append(self.cotangents[PARAMETER])
        finite = [np.isfinite(x.reshape(-1, self.n)).all(axis=0) for x in of_each]
        return np.array(~np.logical_and.reduce(finite))

    def _next_turn(self) -> tuple[list[Step], Array | None]:
        """The steps, and the vector in which they leave the gradient, to be given away; None if it is to be copied.

        Where a copy takes longer than the rest of a run costs beside the arithmetic, two vectors are used in turn.
        """
        if self._untouched is None:
            return self._all, None
        for turn in self._turns:
            if turn.is_free():
                break
        else:
            if len(self._turns) == 2:
                return self._all, None
            turn = Turn(self.forward + self.backward, self.cotangents[PARAMETER])
            self._turns.append(turn)
        if len(self._untouched):
            turn.gradient[self._untouched] = 0.0
        return turn.steps, turn.gradient[:]

    def _finite_at_start(self) -> bool:
        return self._finite and all(map(all_finite, (self.theta, self.frozen, self._padded)))

    def seconds(self, repeat: int) -> list[tuple[float, float]]:
        """How long each instruction takes, forward and backward: medians."""
        self.run(1.0, strict=False)
        found = []
        with np.errstate(all="ignore"):
            for k, end in enumerate(self.ends):
                forward = self.forward[self.ends[k - 1] if k else 0 : end]
                backward = self.backward[self.starts[k] : self.starts[k - 1] if k else None]  # the last come first
                found.append((_seconds(faster(forward), repeat), _seconds(faster(backward), repeat)))
        return found

    # ------------------------------------------------------------ backward

    def _differentiate(self) -> None:
        plan, n = self.plan, self.n
        wide = n if self.wanted.each else 1
        self.cotangents = [
            np.zeros((0, 0)), aligned((plan.sizes[PARAMETER] * self.wanted.by_parameters, wide), self.dtype),
            aligned((plan.sizes[INPUT] * self.wanted.by_inputs, n), self.dtype),
            aligned((plan.sizes[BATCHED], n), self.dtype),
        ]  # fmt: skip
        # What depends on something that is differentiated by, and what has received a cotangent so far.
        self._needed = [np.zeros(size, dtype=bool) for size in plan.sizes]
        self._needed[PARAMETER][: len(self.theta)] = self.wanted.by_parameters
        self._needed[INPUT][:] = self.wanted.by_inputs
        for i in plan.instructions:
            needed = any(self._needed[ref.space][ref.rows].any() for ref, _ in _flowing(i))
            self._needed[i.space][i.row : i.row + i.size] = needed
        self._touched = [np.zeros(size, dtype=bool) for size in plan.sizes]
        self._steps = self.backward
        space, row = plan.outputs[0]
        if self._needed[space][row]:
            self._add(space, np.array([row]), self.seed[None])
        for index in reversed(range(len(plan.instructions))):
            i = plan.instructions[index]
            self.starts[index] = len(self.backward)
            block = slice(i.row, i.row + i.size)
            if self._needed[i.space][i.row] and self._touched[i.space][block].any():
                getattr(self, f"_{i.kind}_back")(i, self.cotangents[i.space][block].reshape(*i.shape, -1))

    def _wants(self, ref: Ref) -> bool:
        return bool(self._needed[ref.space][ref.rows].any())

    def _add(self, space: int, rows: Array, x: Array) -> None:
        """Add x, of the rows' shape and a batch, to the cotangents of these rows: the first to come writes.

        Gives x back if it is scratch memory.
        """
        target = self.cotangents[space]

        def reduced(f: Callable[..., Any], x: Array, shape: tuple[int, ...]) -> Array:
            y = self._apply(f, [x], self._scratch(shape))
            self._release(x)
            return y

        # Several numbers for one row are added up first: over the batch, along an axis, or wherever they are.
        if x.shape[-1] > target.shape[1]:
            x = reduced(add_batch, x, (*x.shape[:-1], 1))
        strides = strides_of(rows) or (1,)
        axes = tuple(i for i, stride in enumerate(strides) if stride == 0 and rows.shape[i] > 1)
        if axes:
            shape = tuple(1 if i in axes else size for i, size in enumerate(x.shape))
            x = reduced(partial(np.add.reduce, axis=axes, keepdims=True), x, shape)
            rows = rows[tuple(slice(1) if i in axes else slice(None) for i in range(rows.ndim))]
        flat = rows.ravel()
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        if not first.all():
            x = self._in_one(x)
            if not np.array_equal(ordered, flat):
                x = reduced(partial(take_rows, order), x, x.shape)
            starts = np.flatnonzero(first)
            x = reduced(partial(add_stretches, starts), x, (len(starts), x.shape[1]))
            rows = flat = ordered[first]

        touched = self._all_or_none(space, flat)
        view = view_of(target, rows)
        if view is not None and touched:
            self._call(np.add, view, x, view)
        elif view is not None:
            self._call(np.copyto, view, x)
        else:
            x = self._in_one(x)
            self._call(add_rows if touched else put_rows, target, flat, x)
        self._touched[space][flat] = True
        self._release(x)

    def _all_or_none(self, space: int, rows: Array) -> bool:
        """Whether something has been added to these rows; if to some of them, the others become 0."""
        touched = self._touched[space][rows]
        if touched.any() and not touched.all():
            self._call(put_rows, self.cotangents[space], rows[~touched], 0.0)
            self._touched[space][rows] = True
        return bool(touched.any())

    def _in_one(self, x: Array) -> Array:
        """x as (rows, batch), in one piece."""
        if not x.flags.c_contiguous:
            y = self._into(x, self._scratch(x.shape))
            self._release(x)
            x = y
        return x.reshape(-1, x.shape[-1])

    def _place(self, ref_space: int, rows: Array, batch: int, touched: bool = False) -> Array | None:
        """The cotangents of these rows as one view, if something has been added to all of them, or as yet to none."""
        target = self.cotangents[ref_space]
        strides = strides_of(rows)
        if strides is None or target.shape[1] != batch or (self._touched[ref_space][rows] != touched).any():
            return None
        if len(np.unique(rows)) < rows.size:
            return None
        self._touched[ref_space][rows] = True
        return view_of(target, rows)

    def _contribute(self, ref: Ref, rows: Array, formula: Any, names: Mapping[str, Any], batch: int) -> None:
        """Add a formula's value to the cotangents of rows."""
        if isinstance(formula, Symbol) and formula.args:
            place = self._place(ref.space, rows, batch)
            if place is not None:
                self._compute(formula, names, place)
                return
            if formula.operation in (table.neg, table.mul) and self._all_or_none(ref.space, rows):
                place = self._place(ref.space, rows, batch, touched=True)
            if place is not None:
                operands = [self._compute(x, names) for x in formula.args]
                if formula.operation is table.neg:
                    self._call(np.subtract, place, *operands, place)
                else:
                    scratch = self._scratch(place.shape)
                    self._call(add_product, *operands, out=place, scratch=scratch)
                    self._release(scratch)
                self._release_parts(formula.args, operands)
                return
        self._add(ref.space, rows, self._compute(formula, names))

    def _map_back(self, i: Instruction, c: Array) -> None:
        operands = self._operands(i)
        names = {"c": c, "y": self._result(i), **{f"x{j + 1}": x for j, x in enumerate(operands)}}
        symbols = [x if isinstance(x, float) else Symbol(f"x{j + 1}") for j, x in enumerate(operands)]
        if i.primitive is table.mul and _same_rows(*i.operands):
            if self._wants(i.operands[0]):
                double = Symbol(DOUBLE_PRODUCT, (Symbol("c"), symbols[0]))
                self._contribute(i.operands[0], i.operands[0].rows, double, names, c.shape[-1])
            return
        for ref, slope in _flowing(i):
            if not self._wants(ref):
                continue
            if callable(slope):
                slope = self._shortest(i.primitive, slope)
                try:
                    slope = slope(*symbols, Symbol("y"))
                except (TypeError, AttributeError, ValueError):  # a user's own partial need not be one formula
                    slope = Symbol(_opaque(i.primitive, slope, self.dtype), (*symbols, Symbol("y")))
            self._contribute(ref, ref.rows, _times(Symbol("c"), slope), names, c.shape[-1])

    def _shortest(self, primitive: Primitive, slope: Callable[..., Any]) -> Callable[..., Any]:
        """What computes a partial derivative in the fewest steps."""
        name = SLOPE + primitive.name
        if has_loop(name, self.dtype):
            return lambda x, y: Symbol(name, (x, y))
        return SHORTER_SLOPES.get(primitive, slope)

    def _spread(self, x: Array, i: Instruction, operand: Ref) -> Array:
        """Per-result numbers, once for each term."""
        if i.starts is None:
            return np.broadcast_to(x[:, None], (*operand.rows.shape, x.shape[-1]))
        which = np.repeat(np.arange(len(i.starts)), np.diff(np.append(i.starts, operand.rows.size)))
        return self._apply(partial(take_rows, which), [x], self._scratch((len(which), x.shape[-1])))

    def _reduce_back(self, i: Instruction, c: Array) -> None:
        ref = i.operands[0]
        if not self._wants(ref):
            return
        c = self._spread(c, i, ref)
        if i.primitive is table.sum:
            self._add(ref.space, ref.rows, c)
            return
        x, y = self._read(ref), self._spread(self._result(i), i, ref)
        hits = self._apply(np.equal, [x, y], self._scratch(x.shape))
        shares = self._scratch(self._result(i).shape)
        if i.starts is None:
            self._call(np.add.reduce, hits, axis=1, out=shares)
        else:
            self._call(np.add.reduceat, hits, i.starts, axis=0, out=shares)
        self._call(np.divide, hits, self._spread(shares, i, ref), hits)
        self._add(ref.space, ref.rows, self._apply(np.multiply, [c, hits], None))

    def _dot_back(self, i: Instruction, c: Array) -> None:
        c = self._spread(c, i, i.operands[0])
        names = {"c": c, "x1": self._read(i.operands[0]), "x2": self._read(i.operands[1])}
        batch = c.shape[-1]
        if _same_rows(*i.operands):
            if self._wants(i.operands[0]):
                double = Symbol(DOUBLE_PRODUCT, (Symbol("c"), Symbol("x1")))
                self._contribute(i.operands[0], i.operands[0].rows, double, names, batch)
            return
        for ref, other in zip(i.operands, ("x2", "x1"), strict=True):
            if self._wants(ref):
                self._contribute(ref, ref.rows, Symbol(table.mul, (Symbol("c"), Symbol(other))), names, batch)

    def _many_back(self, i: Instruction, c: Array) -> None:
        ref = i.operands[0]
        x = self._read(ref)
        out = self._scratch((*ref.rows.shape, c.shape[-1]))
        self._call(_many_slopes, i.primitive, [x[:, j] for j in range(x.shape[1])], self._result(i), c, out)
        if self._wants(ref):
            self._add(ref.space, ref.rows, out)

    def _matmul_back(self, i: Instruction, c: Array) -> None:
        left, right = i.operands
        turned = right.rows.swapaxes(1, 2)
        a, b = self._matrices[id(i)]
        k, (stack, m, r), n = left.rows.shape[2], i.shape, c.shape[-1]
        examples = a.ndim == 4  # a product for each example
        if examples or (self.wanted.each and n > 1 and self._wants(left)):
            d = self._into(np.moveaxis(c, -1, 0), self._scratch((n, stack, m, r)))
        if self._wants(left):
            if examples or (self.wanted.each and n > 1):
                other = b if examples else np.moveaxis(self._read(right, turned), -1, 0)
                x = self._apply(product, [d, other.swapaxes(-1, -2)], self._scratch((n, stack, m, k)))
                self._add(left.space, left.rows, np.moveaxis(x, 0, -1))
            else:
                self._product(left.space, left.rows, matrices(c.reshape(stack, m, -1)), b.swapaxes(-1, -2), 1)
        if self._wants(right):
            if examples:
                x = self._apply(product, [a.swapaxes(-1, -2), d], self._scratch((n, stack, k, r)))
                self._add(right.space, turned, np.moveaxis(x, 0, -1))
            else:
                self._product(right.space, turned, a.swapaxes(-1, -2), matrices(c.reshape(stack, m, -1)), n)
        if examples or (self.wanted.each and n > 1 and self._wants(left)):
            self._release(d)

    def _product(self, space: int, rows: Array, a: Array, b: Array, batch: int) -> None:
        """Add a matrix product to the cotangents of rows."""
        place = None
        if _lies_flat(self.cotangents[space], rows, batch):
            place = self._place(space, rows, batch)
        x = self._scratch((*rows.shape, batch)) if place is None else place
        c, p, q = rows.shape
        # One column by one row is no work for BLAS.
        self._call(np.multiply if a.shape[-1] == 1 else product, a, b, matrices(x.reshape(c, p, q * batch)))
        if place is None:
            self._add(space, rows, x)


def _moved(step: Any, old: Array, new: Array) -> Step:
    """A step with views of `new` where it has the same views of `old`."""
    begin = old.ctypes.data

    def moved(x: Any) -> Any:
        if not isinstance(x, np.ndarray) or not 0 <= x.ctypes.data - begin < old.nbytes:
            return x
        return as_strided(new[(x.ctypes.data - begin) // old.itemsize :], x.shape, x.strides)

    return partial(step.func, *map(moved, step.args), **{name: moved(x) for name, x in step.keywords.items()})


def _seconds(steps: list[Step], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for step in steps:
            step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _lies_flat(target: Array, rows: Array, batch: int) -> bool:
    """Whether rows (c, p, q) of the target are a stack of matrices (c, p, q · batch) as they lie."""
    strides = strides_of(rows)
    return strides is not None and target.shape[1] == batch and (rows.shape[2] == 1 or strides[2] == 1)


def _flowing(i: Instruction) -> list[tuple[Ref, Any]]:
    """The operands that something flows to, with the partial derivative in a map."""
    if i.kind != "map":
        return [(ref, None) for ref in i.operands]
    pairs = zip(i.operands, i.primitive.partials, strict=True)
    return [(ref, slope) for ref, slope in pairs if ref.space != CONSTANT and slope != 0.0]


def _same_rows(x1: Ref, x2: Ref) -> bool:
    return x1.space == x2.space and np.array_equal(x1.rows, x2.rows)


def _times(c: Symbol, slope: Any) -> Symbol:
    """c · slope, in as few steps as it takes."""
    if isinstance(slope, Symbol):
        first = slope.args[0] if slope.operation in (table.div, table.ratio) else None
        if isinstance(first, float) and first == 1.0:
            return Symbol(table.div, (c, slope.args[1]))
    elif slope == 1.0:
        return c
    elif slope == -1.0:
        return Symbol(table.neg, (c,))
    return Symbol(table.mul, (c, slope))


# ---------------------------------------------------------------- steps that are not one call of NumPy


def _opaque(primitive: Primitive, slope: Callable[..., Any], dtype: Any) -> Primitive:
    """A partial derivative that only numbers can be put into, as a row."""
    return Primitive(f"slope of {primitive.name}", primitive.scalar, partial(_elementwise, slope, dtype), ())


def _elementwise(f: Callable[..., Any], dtype: Any, *args: Any) -> Any:
    return np.vectorize(f, otypes=[dtype])(*args)


def _many_slopes(primitive: Primitive, xs: list[Array], y: Array, c: Array, out: Array) -> None:
    assert primitive.rule is not None
    for j, slope in enumerate(primitive.rule(xs, y)):
        out[:, j] = c * slope
