"""Forward: the values of a plan for one batch size, as straight-line NumPy.

Buffers are allocated and views are made here, once; what is left for a batch is a list of calls without arguments. A
value is found in one place only, `_read`. Formulas, of the table's values as of its partial derivatives, are run on
symbols, and what they recorded becomes calls of NumPy that write into memory that is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.graph import CONSTANT, INPUT
from autograd.program.loops import (
    LINE,
    Step,
    add_in_order,
    add_lists_in_order,
    aligned,
    double_product,
    erf,
    erfc,
    has_loop,
    product,
    slope_of,
    sum_products,
    take_rows,
    value_of,
)
from autograd.program.record import Array, narrow
from autograd.program.roll import Instruction, Plan, Ref, strides_of
from autograd.symbol import SLOPE, VALUE, Symbol, factored

__all__ = ["DOUBLE_PRODUCT", "Forward", "assign", "matrices", "view_of"]

COMPARE: Mapping[str, Any] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
    "||": np.logical_or, "&&": np.logical_and,
}  # fmt: skip
DOUBLE_PRODUCT = "2··"  # 2 · x · y, the slope of a square
# On numbers that are no nan, these come to the same as the table's own formulas.
SHORTER: Mapping[Primitive, Callable[..., Any]] = {
    table.relu: lambda x: table.maximum(x, 0.0),
    table.step: lambda x: Symbol(">", (x, 0.0)),
    table.equal: lambda x1, x2: Symbol("==", (x1, x2)),
}


# Rows without a function of NumPy that are loops all the same.
LOOPS: Mapping[Primitive, Callable[..., Any]] = {table.erf: erf, table.erfc: erfc}


class Forward:
    """Buffers for n examples of a plan, and the calls that compute its values.

    theta, frozen: the parameters to differentiate by and those that follow them, both read where they are. rows: where
    the examples are put, one in each.
    """

    def __init__(self, plan: Plan, n: int, dtype: Any, theta: Array, frozen: Array) -> None:
        self.plan, self.n, self.dtype, self.theta, self.frozen = plan, n, dtype, theta, frozen
        _, n_parameters, n_inputs, n_batched = plan.sizes
        line = LINE // dtype.itemsize
        self._padded = aligned((n, -(-n_inputs // line) * line), dtype)
        self.rows = self._padded[:, :n_inputs]
        # Inputs stay as they come, one example after the other, unless some are to be gathered: that wants whole rows.
        gathered = any(
            strides_of(ref.rows) is None for i in plan.instructions for ref in i.operands if ref.space == INPUT
        )
        inputs = aligned((n_inputs, n), dtype) if gathered else self.rows.T
        parameters = theta[:, None]
        if n_parameters > len(theta):  # some are frozen, or computed from others
            parameters = aligned((n_parameters, 1), dtype)
        with np.errstate(over="ignore"):  # what is infinite then is found out when it counts
            constants = plan.constants.astype(dtype)[:, None]
        self.values = [constants, parameters, inputs, aligned((n_batched, n), dtype)]
        self.forward: list[Step] = []
        self.ends: list[int] = []  # where in `forward` each instruction ends
        self._steps = self.forward
        self._found: dict[tuple[int, bytes, tuple[int, ...]], Array] = {}
        self._pool: dict[tuple[tuple[int, ...], Any], list[Array]] = {}
        self._scratches: dict[int, Array] = {}
        self._matrices: dict[int, tuple[Array, Array]] = {}
        for instruction in plan.instructions:
            getattr(self, f"_{instruction.kind}")(instruction)
            self.ends.append(len(self.forward))

    # ------------------------------------------------------------ reading

    def _call(self, f: Callable[..., Any], *args: Any, **named: Any) -> None:
        self._steps.append(partial(f, *args, **named))

    def _read(self, ref: Ref, rows: Array | None = None) -> Array:
        """The numbers of a reference, of its rows' shape and the batch: a view where rows lie evenly, else gathered."""
        rows = ref.rows if rows is None else rows
        source = self.values[ref.space]
        if ref.space == CONSTANT:
            return source[rows]
        view = view_of(source, rows)
        if view is not None:
            return view
        key = (ref.space, rows.tobytes(), rows.shape)
        if key not in self._found:
            self._found[key] = gathered = np.empty((*rows.shape, source.shape[1]), self.dtype)
            assert self._steps is self.forward, "what backward reads was gathered by forward"
            self._call(take_rows, rows.ravel(), source, out=gathered.reshape(-1, source.shape[1]))
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
            return self._into(self._number(formula), out)
        shared, formula = factored(formula)
        if not isinstance(formula, Symbol):
            return self._into(self._number(formula), out)
        if not shared:
            return self._compute_once(formula, names, out)
        names = dict(names)
        for name, part in shared:
            names[name] = self._compute_once(part, names, None)
        found = self._compute_once(formula, names, out)
        for name, _ in shared:
            self._release(names[name])
        return found

    def _number(self, x: float) -> float:
        """A constant of a formula. One that is too large for the numbers here is infinite to them: `abs(y) < 1e250`."""
        return float(narrow(float(x), self.dtype)[0])

    def _compute_once(self, formula: Symbol, names: Mapping[str, Any], out: Array | None) -> Any:
        """The same for a formula that uses no part of it twice."""
        operation: Any = formula.operation
        args = formula.args
        if isinstance(operation, str) and not args:
            return self._into(names[operation], out)
        if operation is table.where:
            return self._choose(args, names, out)
        if isinstance(operation, str):
            spelled: Any = double_product if operation == DOUBLE_PRODUCT else COMPARE.get(operation)
            spelled = spelled or partial(slope_of, operation.removeprefix(SLOPE))
        elif has_loop(VALUE + operation.name, self.dtype):
            spelled = partial(value_of, operation.name)
        else:
            spelled = SHORTER.get(operation, operation.array)
            if callable(spelled) and not isinstance(spelled, np.ufunc):
                try:
                    other = spelled(*args)
                except (TypeError, AttributeError):  # a user's own row may be written with NumPy's functions
                    spelled = partial(assign, spelled)
                else:
                    return self._compute(other, names, out)
            elif operation in LOOPS:
                spelled = LOOPS[operation]
            elif spelled is None:
                spelled = partial(assign, np.vectorize(operation.scalar, otypes=[self.dtype]))
            elif isinstance(spelled, str):
                spelled = getattr(np, spelled)
        operands = [self._compute(x, names) for x in args]
        self._release_parts(args, operands)
        return self._apply(spelled, operands, out, bool if operation in COMPARE else None)

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
        x = self._read(instruction.operands[0])
        if instruction.primitive is not table.sum:
            self._fold(np.maximum, x, instruction)
        elif instruction.starts is None:
            self._call(add_in_order, x, out=self._result(instruction))
        else:
            self._call(add_lists_in_order, instruction.starts, x, out=self._result(instruction))

    def _fold(self, ufunc: Any, x: Array, instruction: Instruction) -> None:
        out = self._result(instruction)
        if instruction.starts is None:
            self._call(ufunc.reduce, x, axis=1, out=out)
        else:
            self._call(ufunc.reduceat, x, instruction.starts, axis=0, out=out)

    def _dot(self, instruction: Instruction) -> None:
        x1, x2 = (self._read(ref) for ref in instruction.operands)
        products = self._scratch(x1.shape if x1.size > x2.size else x2.shape)
        if instruction.starts is None:
            self._call(sum_products, x1, x2, out=self._result(instruction), scratch=products)
        else:
            self._call(np.multiply, x1, x2, products)
            self._fold(np.add, products, instruction)
        self._release(products)

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
            self._call(product, a, b, y)
            self._call(np.copyto, out, np.moveaxis(y, 0, -1))
            self._release(y)
        else:
            a, b = self._matrix(x1), self._matrix(x2)
            self._call(product, a, b, matrices(out.reshape(c, m, -1)))
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
                return matrices(flat)
        return matrices(self._copied(x).reshape(c, p, q * n))


def view_of(source: Array, rows: Array) -> Array | None:
    """The rows of `source` as a view of the rows' shape and the batch, if they lie evenly."""
    strides = strides_of(rows)
    if strides is None:
        return None
    step, across = source.strides
    view = as_strided(source[rows.flat[0] :], (*rows.shape, source.shape[1]), (*(s * step for s in strides), across))
    assert np.shares_memory(view, source) or not view.size
    return view


def matrices(stack: Array) -> Array:
    """A stack of one matrix as that matrix: a shorter way into BLAS."""
    return stack[0] if len(stack) == 1 else stack


def assign(f: Callable[..., Any], *args: Any, out: Array) -> None:
    """out = f(args), as a call with `out` like those of NumPy."""
    out[...] = f(*args)


def _many_values(primitive: Primitive, xs: list[Array], out: Array) -> None:
    out[...] = primitive.on_arrays(xs)
