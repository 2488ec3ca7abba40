"""Bind: a plan for one batch size, as straight-line NumPy.

Buffers are allocated and views are made here, once; what is left for a batch is a list of calls without arguments. A
value is found in one place only, `_read`, and a cotangent is added in one place only, `_add`.

The calls run with NumPy's floating-point errors raised: whatever divides by 0, overflows or has no value stops them,
and the batch is replayed one example after the other, where each gets the answer, or the error, that it would get
alone. So there is no nan here, and a formula need not care for one.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd import primitives as table
from autograd.primitive import _BUILT_IN, Primitive
from autograd.program.normalise import BATCHED, CONSTANT, INPUT, PARAMETER
from autograd.program.record import Array
from autograd.program.roll import Instruction, Plan, Ref, strides_of
from autograd.symbol import Symbol

__all__ = ["Bound", "Wanted"]

Step = Callable[[], Any]
COMPARE: Mapping[str, Any] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "||": np.logical_or,
}  # fmt: skip
# On numbers that are no nan, these come to the same as the table's own formulas.
SHORTER: Mapping[Primitive, Callable[..., Any]] = {
    table.relu: lambda x: table.maximum(x, 0.0),
    table.step: lambda x: Symbol(">", (x, 0.0)),
    table.equal: lambda x1, x2: Symbol("==", (x1, x2)),
}
# Below -709, where exp(-x) overflows, the batch is replayed; in float32 that would be below -88, and too often.
SHORTER_IN_DOUBLE: Mapping[Primitive, Callable[..., Any]] = {
    **SHORTER,
    table.sigmoid: lambda x: 1.0 / (1.0 + table.exp(-x)),
}
SHORTER_SLOPES: Mapping[Primitive, Callable[..., Any]] = {table.relu: lambda x, y: table.sign(y)}
CHOICES = (table.where, table.step, table.equal)


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


class Bound:
    """A plan with its buffers. Put the examples into `rows`, one in each, and run.

    theta, frozen: the parameters to differentiate by and those that follow them, both read where they are.
    """

    def __init__(self, plan: Plan, n: int, dtype: Any, theta: Array, frozen: Array, wanted: Wanted) -> None:
        self.plan, self.n, self.dtype, self.theta, self.frozen, self.wanted = plan, n, dtype, theta, frozen, wanted
        _, n_parameters, n_inputs, n_batched = plan.sizes
        self.rows = np.zeros((n, n_inputs), dtype)
        # Inputs stay as they come, one example after the other, unless some are to be gathered: that wants whole rows.
        gathered = any(
            strides_of(ref.rows) is None for i in plan.instructions for ref in i.operands if ref.space == INPUT
        )
        inputs = np.zeros((n_inputs, n), dtype) if gathered else self.rows.T
        parameters = theta[:, None]
        if n_parameters > len(theta):  # some are frozen, or computed from others
            parameters = np.zeros((n_parameters, 1), dtype)
        constants = plan.constants.astype(dtype)[:, None]
        self.values = [constants, parameters, inputs, np.zeros((n_batched, n), dtype)]
        self._leaf_parameters = parameters[: len(theta) + len(frozen), 0]
        self.cotangents = [np.zeros((0, 0))] * 4
        self.seed = np.zeros(n, dtype)
        self.forward: list[Step] = []
        self.backward: list[Step] = []
        self.marks: list[tuple[int, int]] = []  # where in forward and backward each instruction ends
        self._steps = self.forward
        self._ones = np.ones(n, dtype)
        self._shorter = SHORTER_IN_DOUBLE if dtype == np.float64 else SHORTER
        self._found: dict[tuple[int, bytes, tuple[int, ...]], Array] = {}
        self._pool: dict[tuple[tuple[int, ...], Any], list[Array]] = {}
        self._scratches: dict[int, Array] = {}
        self._matrices: dict[int, tuple[Array, Array]] = {}
        for instruction in plan.instructions:
            getattr(self, f"_{instruction.kind}")(instruction)
            self.marks.append((len(self.forward), 0))
        if wanted.by_parameters or wanted.by_inputs:
            self._differentiate()
        width = len(theta)
        self._outputs = Results((len(plan.outputs), n), dtype)
        self._gradients = Results((n, width) if wanted.each else (width,), dtype)
        self._slopes = Results((n, n_inputs), dtype)
        # Arithmetic hands a nan on to the results, where it is seen; a choice may lose it.
        self._chooses = any(i.primitive in CHOICES or i.primitive.name not in _BUILT_IN for i in plan.instructions)
        self._finite = bool(np.isfinite(constants).all())

    # ------------------------------------------------------------ running

    def run(self, seed: Any, strict: bool = True) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and the gradients wanted, by parameters and by inputs (example, number).

        seed: per example, or for all, the cotangent of the first output. strict: raise ArithmeticError or ValueError if
        there is anything that plain arithmetic on finite numbers does not explain.
        """
        reaction: Any = "raise" if strict else "ignore"
        with np.errstate(divide=reaction, over=reaction, invalid=reaction, under="ignore"):
            if strict and self._chooses and not self._finite_at_start():
                raise NotFinite
            if self.values[PARAMETER].base is not self.theta:
                self._leaf_parameters[:] = np.concatenate([self.theta, self.frozen])
            if self.values[INPUT].base is not self.rows:
                self.values[INPUT][...] = self.rows.T
            self.seed[...] = seed
            for step in self.forward:
                step()
            for step in self.backward:
                step()
            outputs = self._outputs.fresh()
            for i, (space, row) in enumerate(self.plan.outputs):
                outputs[i] = self.values[space][row]
            gradient = slopes = None
            if self.wanted.by_parameters:
                gradient = self._gradients.fresh()
                found = self.cotangents[PARAMETER][: len(self.theta)]
                np.copyto(gradient, found.T if self.wanted.each else found[:, 0])
            if self.wanted.by_inputs:
                slopes = self._slopes.fresh()
                np.copyto(slopes, self.cotangents[INPUT].T)
            if strict and not all(found is None or _finite(found) for found in (outputs, gradient, slopes)):
                raise NotFinite
        return outputs, gradient, slopes

    def _finite_at_start(self) -> bool:
        return self._finite and _finite(self.theta) and _finite(self.frozen) and _finite(self.rows)

    def seconds(self, repeat: int) -> list[tuple[float, float]]:
        """How long each instruction takes, forward and backward: medians."""
        self.run(1.0, strict=False)
        with np.errstate(all="ignore"):
            forward, backward = ([_seconds(step, repeat) for step in steps] for steps in (self.forward, self.backward))
        found, start = [], 0
        for k, (end, _) in enumerate(self.marks):
            back = (self.marks[k + 1][1] if k + 1 < len(self.marks) else 0, self.marks[k][1])
            found.append((sum(forward[start:end]), sum(backward[slice(*back)])))
            start = end
        return found

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        arrays = [*self.values, *self.cotangents, *self._found.values(), *self._scratches.values()]
        return sum(x.nbytes for x in arrays if x.base is None) + self.rows.nbytes

    # ------------------------------------------------------------ reading

    def _call(self, f: Callable[..., Any], *args: Any, **named: Any) -> None:
        self._steps.append(partial(f, *args, **named))

    def _read(self, ref: Ref, rows: Array | None = None) -> Array:
        """The numbers of a reference, of its rows' shape and the batch: a view where rows lie evenly, else gathered."""
        rows = ref.rows if rows is None else rows
        source = self.values[ref.space]
        if ref.space == CONSTANT:
            return source[rows]
        view = _view(source, rows)
        if view is not None:
            return view
        key = (ref.space, rows.tobytes(), rows.shape)
        if key not in self._found:
            self._found[key] = gathered = np.empty((*rows.shape, source.shape[1]), self.dtype)
            assert self._steps is self.forward, "what backward reads was gathered by forward"
            self._call(np.take, source, rows.ravel(), 0, gathered.reshape(-1, source.shape[1]), "clip")
        return self._found[key]

    def _result(self, instruction: Instruction) -> Array:
        """Where an instruction's values go, of its shape and the batch."""
        block = self.values[instruction.space][instruction.row : instruction.row + instruction.size]
        return block.reshape(*instruction.shape, -1)

    def _scratch(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        free = self._pool.setdefault((shape, np.dtype(dtype or self.dtype)), [])
        if free:
            return free.pop()
        array = np.empty(shape, dtype or self.dtype)
        self._scratches[id(array)] = array
        return array

    def _release(self, x: Any) -> None:
        """Give scratch memory, if that is what x is, back: a later step may use it."""
        owner = x if getattr(x, "base", None) is None else x.base
        if isinstance(owner, np.ndarray) and self._scratches.get(id(owner)) is owner:
            free = self._pool[owner.shape, owner.dtype]
            assert not any(owner is x for x in free), "scratch memory is given back twice"
            free.append(owner)

    # ------------------------------------------------------------ formulas

    def _compute(self, formula: Any, names: Mapping[str, Any], out: Array | None = None) -> Any:
        """Emit the steps for a formula of the table; returns the array, or the number, that will hold its value."""
        if not isinstance(formula, Symbol):
            return self._into(float(formula), out)
        operation: Any = formula.operation
        args = formula.args
        if isinstance(operation, str) and not args:
            return self._into(names[operation], out)
        if operation is table.where:
            return self._choose(args, names, out)
        spelled: Any = (
            COMPARE[operation] if isinstance(operation, str) else self._shorter.get(operation, operation.array)
        )
        if callable(spelled) and not isinstance(spelled, np.ufunc):
            try:
                other = spelled(*args)
            except (TypeError, AttributeError):  # a user's own row may be written with NumPy's functions
                spelled = partial(_assign, spelled)
            else:
                return self._compute(other, names, out)
        elif spelled is None:
            spelled = partial(_assign, np.vectorize(operation.scalar, otypes=[self.dtype]))
        elif isinstance(spelled, str):
            spelled = getattr(np, spelled)
        operands = [self._compute(x, names) for x in args]
        self._release_parts(args, operands)
        return self._apply(spelled, operands, out, bool if isinstance(operation, str) else None)

    def _release_parts(self, formulas: tuple[Any, ...], values: list[Any]) -> None:
        """Give back what was computed for parts of a formula; its names stay."""
        for part, x in zip(formulas, values, strict=True):
            if isinstance(part, Symbol) and part.args:
                self._release(x)

    def _into(self, x: Any, out: Array | None) -> Any:
        if out is None:
            return x
        self._call(np.copyto, out, x)
        return out

    def _apply(self, f: Callable[..., Any], operands: list[Any], out: Array | None, dtype: Any = None) -> Array:
        if out is None:
            out = self._scratch(np.broadcast_shapes(*(np.shape(x) for x in operands)), dtype)
        self._call(f, *operands, out=out)
        return out

    def _choose(self, args: tuple[Any, ...], names: Mapping[str, Any], out: Array | None) -> Any:
        condition = self._compute(args[0], names)
        if not isinstance(condition, np.ndarray):
            return self._compute(args[1] if condition else args[2], names, out)
        x1, x2 = (self._compute(x, names) for x in args[1:])
        chosen = condition
        if condition.dtype != bool:
            chosen = self._apply(np.not_equal, [condition, 0.0], None, bool)
        if out is None:
            out = self._scratch(np.broadcast_shapes(condition.shape, np.shape(x1), np.shape(x2)))
        self._call(np.copyto, out, x2)
        self._call(np.copyto, out, x1, where=chosen)
        self._release_parts(args, [condition, x1, x2])
        if chosen is not condition:
            self._release(chosen)
        return out

    # ------------------------------------------------------------ forward, by kind of instruction

    def _operands(self, instruction: Instruction) -> list[Any]:
        """The operands of a map: arrays, and a number where it is the same constant throughout."""
        found: list[Any] = []
        for ref in instruction.operands:
            constant = ref.space == CONSTANT and len(np.unique(ref.rows)) == 1
            found.append(float(self.plan.constants[ref.rows.flat[0]]) if constant else self._read(ref))
        return found

    def _map(self, instruction: Instruction) -> None:
        operands = self._operands(instruction)
        names = {f"x{i + 1}": x for i, x in enumerate(operands)}
        symbols = tuple(x if isinstance(x, float) else Symbol(f"x{i + 1}") for i, x in enumerate(operands))
        self._compute(Symbol(instruction.primitive, symbols), names, self._result(instruction))

    def _reduce(self, instruction: Instruction) -> None:
        ufunc = np.add if instruction.primitive is table.sum else np.maximum
        self._fold(ufunc, self._read(instruction.operands[0]), instruction)

    def _fold(self, ufunc: Any, x: Array, instruction: Instruction) -> None:
        out = self._result(instruction)
        if instruction.starts is None:
            self._call(ufunc.reduce, x, axis=1, out=out)
        else:
            self._call(ufunc.reduceat, x, instruction.starts, axis=0, out=out)

    def _dot(self, instruction: Instruction) -> None:
        x1, x2 = (self._read(ref) for ref in instruction.operands)
        product = self._apply(np.multiply, [x1, x2], None)
        self._fold(np.add, product, instruction)
        self._release(product)

    def _many(self, instruction: Instruction) -> None:
        x = self._read(instruction.operands[0])
        self._call(_many_values, instruction.primitive, [x[:, j] for j in range(x.shape[1])], self._result(instruction))

    def _matmul(self, instruction: Instruction) -> None:
        left, right = instruction.operands
        turned = right.rows.swapaxes(1, 2)
        x1, x2 = self._read(left), self._read(right, turned)
        c, m, r = instruction.shape
        out = self._result(instruction)
        if x1.shape[-1] > 1:  # both have the batch: a product for each example
            a, b = (self._copied(np.moveaxis(x, -1, 0)) for x in (x1, x2))
            y = self._scratch((self.n, c, m, r))
            self._call(np.matmul, a, b, y)
            self._call(np.copyto, out, np.moveaxis(y, 0, -1))
            self._release(y)
        else:
            a, b = self._matrix(x1), self._matrix(x2)
            self._call(np.matmul, a, b, _flat(out.reshape(c, m, -1)))
        self._matrices[id(instruction)] = (a, b)

    def _copied(self, x: Array) -> Array:
        """A copy in order, made anew by every run."""
        copy = np.empty(x.shape, self.dtype)
        self._found[0, str(id(copy)).encode(), x.shape] = copy
        self._call(np.copyto, copy, x)
        return copy

    def _matrix(self, x: Array) -> Array:
        """(c, p, q, batch) as a stack of matrices (c, p, q · batch) that BLAS takes as they are; if c is 1, as one."""
        c, p, q, n = x.shape
        merges = q == 1 or n == 1 or x.strides[2] == n * x.strides[3]
        if merges:
            step = x.strides[3] if n > 1 else x.strides[2]
            flat = as_strided(x, (c, p, q * n), (x.strides[0], x.strides[1], step))
            item = x.itemsize
            rows, columns = flat.strides[1] if p > 1 else item, flat.strides[2] if q * n > 1 else item
            if (columns == item and rows >= item * q * n) or (rows == item and columns >= item * p):
                return _flat(flat)
        return _flat(self._copied(x).reshape(c, p, q * n))

    # ------------------------------------------------------------ backward

    def _differentiate(self) -> None:
        plan, n = self.plan, self.n
        wide = n if self.wanted.each else 1
        self.cotangents = [
            np.zeros((0, 0)), np.zeros((plan.sizes[PARAMETER] * self.wanted.by_parameters, wide), self.dtype),
            np.zeros((plan.sizes[INPUT] * self.wanted.by_inputs, n), self.dtype),
            np.zeros((plan.sizes[BATCHED], n), self.dtype),
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
            block = slice(i.row, i.row + i.size)
            if self._needed[i.space][i.row] and self._touched[i.space][block].any():
                getattr(self, f"_{i.kind}_back")(i, self.cotangents[i.space][block].reshape(*i.shape, -1))
            self.marks[index] = (self.marks[index][0], len(self.backward))

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
            x = reduced(partial(_add_batch, self._ones), x, (*x.shape[:-1], 1))
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
                x = reduced(partial(_take, order), x, x.shape)
            starts = np.flatnonzero(first)
            x = reduced(partial(_add_stretches, starts), x, (len(starts), x.shape[1]))
            rows = flat = ordered[first]

        touched = self._touched[space][flat]
        if touched.any() and not touched.all():
            self._call(target.__setitem__, flat[~touched], 0.0)
            touched[:] = True
        view = _view(target, rows)
        if view is not None and touched.all():
            self._call(np.add, view, x, view)
        elif view is not None:
            self._call(np.copyto, view, x)
        else:
            x = self._in_one(x)
            self._call(*((_add_at, target) if touched.all() else (target.__setitem__,)), flat, x)
        self._touched[space][flat] = True
        self._release(x)

    def _in_one(self, x: Array) -> Array:
        """x as (rows, batch), in one piece."""
        if not x.flags.c_contiguous:
            y = self._into(x, self._scratch(x.shape))
            self._release(x)
            x = y
        return x.reshape(-1, x.shape[-1])

    def _place(self, ref_space: int, rows: Array, batch: int) -> Array | None:
        """The cotangents of these rows as one view, if they can be written at once: nothing has been added to them."""
        target = self.cotangents[ref_space]
        strides = strides_of(rows)
        if strides is None or target.shape[1] != batch or self._touched[ref_space][rows].any():
            return None
        if len(np.unique(rows)) < rows.size:
            return None
        self._touched[ref_space][rows] = True
        return _view(target, rows)

    def _contribute(self, ref: Ref, rows: Array, formula: Any, names: Mapping[str, Any], batch: int) -> None:
        """Add a formula's value to the cotangents of rows."""
        place = self._place(ref.space, rows, batch) if isinstance(formula, Symbol) and formula.args else None
        if place is not None:
            self._compute(formula, names, place)
            return
        self._add(ref.space, rows, self._compute(formula, names))

    def _map_back(self, i: Instruction, c: Array) -> None:
        operands = self._operands(i)
        names = {"c": c, "y": self._result(i), **{f"x{j + 1}": x for j, x in enumerate(operands)}}
        symbols = [x if isinstance(x, float) else Symbol(f"x{j + 1}") for j, x in enumerate(operands)]
        if i.primitive is table.mul and _same_rows(*i.operands):
            if self._wants(i.operands[0]):
                double = Symbol(table.mul, (Symbol(table.mul, (2.0, Symbol("c"))), symbols[0]))
                self._contribute(i.operands[0], i.operands[0].rows, double, names, c.shape[-1])
            return
        for ref, slope in _flowing(i):
            if not self._wants(ref):
                continue
            if callable(slope):
                slope = SHORTER_SLOPES.get(i.primitive, slope)
                try:
                    slope = slope(*symbols, Symbol("y"))
                except (TypeError, AttributeError, ValueError):  # a user's own partial need not be one formula
                    slope = Symbol(_opaque(i.primitive, slope, self.dtype), (*symbols, Symbol("y")))
            self._contribute(ref, ref.rows, _times(Symbol("c"), slope), names, c.shape[-1])

    def _spread(self, x: Array, i: Instruction, operand: Ref) -> Array:
        """Per-result numbers, once for each term."""
        if i.starts is None:
            return np.broadcast_to(x[:, None], (*operand.rows.shape, x.shape[-1]))
        which = np.repeat(np.arange(len(i.starts)), np.diff(np.append(i.starts, operand.rows.size)))
        return self._apply(partial(_take, which), [x], self._scratch((len(which), x.shape[-1])))

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
        product = Symbol(table.mul, (Symbol("c"), Symbol("x2")))
        if _same_rows(*i.operands):
            if self._wants(i.operands[0]):
                self._contribute(i.operands[0], i.operands[0].rows, Symbol(table.mul, (2.0, product)), names, batch)
            return
        for ref, formula in zip(i.operands, (product, Symbol(table.mul, (Symbol("c"), Symbol("x1")))), strict=True):
            if self._wants(ref):
                self._contribute(ref, ref.rows, formula, names, batch)

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
                x = self._apply(np.matmul, [d, other.swapaxes(-1, -2)], self._scratch((n, stack, m, k)))
                self._add(left.space, left.rows, np.moveaxis(x, 0, -1))
            else:
                self._product(left.space, left.rows, _flat(c.reshape(stack, m, -1)), b.swapaxes(-1, -2), 1)
        if self._wants(right):
            if examples:
                x = self._apply(np.matmul, [a.swapaxes(-1, -2), d], self._scratch((n, stack, k, r)))
                self._add(right.space, turned, np.moveaxis(x, 0, -1))
            else:
                self._product(right.space, turned, a.swapaxes(-1, -2), _flat(c.reshape(stack, m, -1)), n)
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
        self._call(np.multiply if a.shape[-1] == 1 else np.matmul, a, b, _flat(x.reshape(c, p, q * batch)))
        if place is None:
            self._add(space, rows, x)


def _seconds(step: Step, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _finite(x: Array) -> bool:
    """Whether all numbers are finite, or nearly: a sum of squares may overflow, which only costs time."""
    flat = x.reshape(-1)
    return math.isfinite(flat.dot(flat))


# ---------------------------------------------------------------- rows and views


def _view(source: Array, rows: Array) -> Array | None:
    """The rows of `source` as a view of the rows' shape and the batch, if they lie evenly."""
    strides = strides_of(rows)
    if strides is None:
        return None
    step, across = source.strides
    view = as_strided(source[rows.flat[0] :], (*rows.shape, source.shape[1]), (*(s * step for s in strides), across))
    assert np.shares_memory(view, source) or not view.size
    return view


def _lies_flat(target: Array, rows: Array, batch: int) -> bool:
    """Whether rows (c, p, q) of the target are a stack of matrices (c, p, q · batch) as they lie."""
    strides = strides_of(rows)
    return strides is not None and target.shape[1] == batch and (rows.shape[2] == 1 or strides[2] == 1)


def _flat(stack: Array) -> Array:
    """A stack of one matrix as that matrix: a shorter way into BLAS."""
    return stack[0] if len(stack) == 1 else stack


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
    if slope == 1.0:
        return c
    if slope == -1.0:
        return Symbol(table.neg, (c,))
    if isinstance(slope, Symbol) and slope.operation in (table.div, table.ratio) and slope.args[0] == 1.0:
        return Symbol(table.div, (c, slope.args[1]))
    return Symbol(table.mul, (c, slope))


# ---------------------------------------------------------------- steps that are not one call of NumPy


def _assign(f: Callable[..., Any], *args: Any, out: Array) -> None:
    out[...] = f(*args)


def _take(rows: Array, x: Array, out: Array) -> None:
    np.take(x, rows, 0, out, "clip")


def _add_batch(ones: Array, x: Array, out: Array) -> None:
    np.matmul(x, ones, out[..., 0])


def _add_stretches(starts: Array, x: Array, out: Array) -> None:
    np.add.reduceat(x, starts, axis=0, out=out)


def _add_at(target: Array, rows: Array, x: Array) -> None:
    target[rows] += x


def _opaque(primitive: Primitive, slope: Callable[..., Any], dtype: Any) -> Primitive:
    """A partial derivative that only numbers can be put into, as a row."""
    return Primitive(f"slope of {primitive.name}", primitive.scalar, partial(_elementwise, slope, dtype), ())


def _elementwise(f: Callable[..., Any], dtype: Any, *args: Any) -> Any:
    return np.vectorize(f, otypes=[dtype])(*args)


def _many_values(primitive: Primitive, xs: list[Array], out: Array) -> None:
    out[...] = primitive.on_arrays(xs)


def _many_slopes(primitive: Primitive, xs: list[Array], y: Array, c: Array, out: Array) -> None:
    assert primitive.rule is not None
    for j, slope in enumerate(primitive.rule(xs, y)):
        out[:, j] = c * slope
