"""Loops: the steps of a program, with runs of calls of NumPy put together as loops in C, where the native engine is.

A call of NumPy costs a microsecond before it adds the first two numbers; a loop costs some hundredths. What has no
loop here, such as matrix products of some size, which are BLAS's, stays the call that it is.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd.engine import engine
from autograd.primitive import TABLE
from autograd.program.record import Array
from autograd.symbol import SLOPE, VALUE

OPS: dict[str, int] = {}
WIDE = False  # whether the loops are for the widest vectors that the processor has
if engine() == "native":
    try:
        from autograd.program._loops import (  # type: ignore[import-not-found, no-redef, unused-ignore]
            COMPARISONS,
            MOST_AXES,
            OPS,
            WIDE,
            Loops,
        )
    except ImportError as error:
        warnings.warn(f"{error}: programs run, but slower. Build it again: pip install -e .", stacklevel=2)

__all__ = [
    "LINE", "Step", "add_batch", "add_in_order", "add_lists_in_order",
    "add_product", "add_rows", "add_stretches", "aligned", "all_finite", "double_product", "erf", "erfc", "faster",
    "has_loop", "product", "put_rows", "slope_of", "sum_products", "take_rows", "value_of",
]  # fmt: skip

Step = Callable[[], Any]
Operation = tuple[str, tuple[Array, ...], tuple[Array | None, ...]]
"""What is done; the result and the operands, all of one shape; which rows of each are meant, or None for all."""
SMALL = 1 << 15  # products of numbers in a product of matrices
TRANSCENDENTAL = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "power", "arctan2"}
FOLDS = {np.add: "add_up", np.maximum: "largest"}
THIN = 4  # rows or columns of a product, below which it is thin
LONG = 8  # numbers in a row, from which on it matters whether they lie in order
FLAT = 1 << 13  # numbers in a piece of a long vector
FEW = 1000  # numbers; of more, NumPy computes several transcendental ones at once, where C calls a function for each
if WIDE:
    TRANSCENDENTAL -= {"exp", "tanh"}  # which have loops for several at once


LINE = 64  # bytes of a cache line


def aligned(shape: int | tuple[int, ...], dtype: Any) -> Array:
    """Zeros that begin where a line of the cache does: vectors that lie across two take longer, in BLAS as in loops."""
    size, item = math.prod(np.atleast_1d(shape).tolist()), np.dtype(dtype).itemsize
    whole = np.zeros(size + LINE // item, dtype)
    start = -whole.ctypes.data % LINE // item
    return whole[start : start + size].reshape(shape)


# ---------------------------------------------------------------- steps that are not one call of NumPy


def take_rows(rows: Array, x: Array, out: Array) -> None:
    """out = x[rows]"""
    np.take(x, rows, 0, out, "clip")


def put_rows(target: Array, rows: Array, x: Any) -> None:
    """target[rows] = x"""
    target[rows] = x


def add_rows(target: Array, rows: Array, x: Array) -> None:
    """target[rows] += x, where no row occurs twice."""
    target[rows] += x


def add_batch(x: Array, out: Array) -> None:
    """out = the sum over the batch, the last axis; which stays, with length 1."""
    np.add.reduce(x, axis=-1, keepdims=True, out=out)


def product(a: Array, b: Array, out: Array) -> None:
    """out = the matrix product of a and b, or of stacks of them.

    With a few rows or columns, it is no work for BLAS, which would share it between threads, and then wait for the
    slowest: when a core is busy with something else, a hundred times as long as the work takes.
    """
    if min(a.shape[-2], b.shape[-1]) < THIN:
        np.einsum("...ij,...jk->...ik", a, b, out=out)
    else:
        np.matmul(a, b, out)


def all_finite(x: Array) -> bool:
    """Whether all numbers are finite, or nearly: a sum of squares may overflow, which only costs time."""
    flat = x.reshape(-1)
    if len(flat) <= FLAT:
        return math.isfinite(flat.dot(flat))
    # In pieces that BLAS does not share between threads.
    return all(math.isfinite(part.dot(part)) for part in (flat[i : i + FLAT] for i in range(0, len(flat), FLAT)))


def double_product(x: Any, y: Any, out: Array) -> None:
    """out = 2 · x · y"""
    np.multiply(x, y, out)
    np.multiply(out, 2.0, out)


def add_product(x: Any, y: Any, out: Array, scratch: Array) -> None:
    """out += x · y"""
    np.multiply(x, y, scratch)
    np.add(out, scratch, out)


def sum_products(x: Array, y: Array, out: Array, scratch: Array) -> None:
    """out = the sums of x · y along axis 1."""
    np.multiply(x, y, scratch)
    np.add.reduce(scratch, axis=1, out=out)


def has_loop(name: str, dtype: Any) -> bool:
    """Whether there is a loop of that name, and for such numbers."""
    return name in OPS and dtype == np.float64


def value_of(name: str, x: Any, out: Array) -> None:
    """out = the value of a row of the table."""
    out[...] = TABLE[name].on_arrays([x])


def slope_of(name: str, x: Any, y: Any, out: Array) -> None:
    """out = the partial derivative of a row of the table, of its argument and its value."""
    slope: Any = TABLE[name].partials[0]
    out[...] = slope(x, y)


_erf, _erfc = (np.vectorize(f, otypes=[float]) for f in (math.erf, math.erfc))


def erf(x: Any, out: Array) -> None:
    """The error function, into out."""
    out[...] = _erf(x)


def erfc(x: Any, out: Array) -> None:
    """1 minus the error function, into out."""
    out[...] = _erfc(x)


def add_in_order(x: Array, out: Array) -> None:
    """out = the sums of x along axis 1, each added from left to right, as `+` does; NumPy's own sum is in pairs."""
    np.add(np.add.accumulate(x, axis=1)[:, -1], 0.0, out)


def add_lists_in_order(starts: Array, x: Array, out: Array) -> None:
    """out = the sums of rows from each start to the next, each added from left to right."""
    length = np.diff(np.append(starts, len(x)))
    out[...] = 0.0
    for j in range(int(length.max())):
        longer = np.flatnonzero(length > j)
        out[longer] += x[starts[longer] + j]


def add_stretches(starts: Array, x: Array, out: Array) -> None:
    """out = the sums of rows from each start to the next."""
    np.add.reduceat(x, starts, axis=0, out=out)


# ---------------------------------------------------------------- the same as loops


def faster(steps: Sequence[Step]) -> list[Step]:
    """Steps that do the same in the same order."""
    if not OPS:
        return list(steps)
    found: list[Step] = []
    for known, group in itertools.groupby(((step, _operations(step)) for step in steps), lambda pair: bool(pair[1])):
        pairs = list(group)
        if known:
            operations = [operation for _, several in pairs for operation in several or ()]
            found.append(Loops([(OPS[name], arrays, rows) for name, arrays, rows in operations]))
        else:
            found += [step for step, _ in pairs]
    return found


def _operations(step: Any) -> list[Operation] | None:
    """What a step consists of, or None if there are no loops for it."""
    f, args, named = step.func, step.args, step.keywords
    if f in BY_FUNCTION:
        return BY_FUNCTION[f](*args, **named)
    if isinstance(f, np.ufunc):
        return _elementwise(f, *args, **named)
    ufunc = getattr(f, "__self__", None)
    if ufunc in FOLDS:
        return (_fold if f.__name__ == "reduce" else _stretches)(ufunc, *args, **named)
    return None


def _elementwise(ufunc: Any, *args: Any, out: Array | None = None) -> list[Operation] | None:
    operands, result = args[: ufunc.nin], args[ufunc.nin] if out is None else out
    if ufunc.__name__ in TRANSCENDENTAL and result.size > FEW:
        return None
    return _checked(ufunc.__name__, [result, *operands])


def _fold(ufunc: Any, x: Array, axis: Any, out: Array, keepdims: bool = False) -> list[Operation] | None:
    if np.shares_memory(out, x):
        return None
    out = out if keepdims else np.expand_dims(out, axis)
    start = -0.0 if ufunc is np.add else x[tuple(slice(size) for size in out.shape)]
    return _both(_checked("positive", [out, start]), _checked(FOLDS[ufunc], [_as_wide(out, x.shape), x]))


def _fold_products(x: Array, y: Array, out: Array, scratch: Array) -> list[Operation] | None:
    if np.shares_memory(out, x) or np.shares_memory(out, y):
        return None
    out = np.expand_dims(out, 1)
    return _both(_checked("positive", [out, -0.0]), _checked("add_products", [_as_wide(out, scratch.shape), x, y]))


def _fold_in_order(x: Array, out: Array) -> list[Operation] | None:
    if np.shares_memory(out, x):
        return None
    out = np.expand_dims(out, 1)
    return _both(_checked("positive", [out, 0.0]), _checked("add_in_order", [_as_wide(out, x.shape), x]))


def _stretches(ufunc: Any, x: Array, starts: Array, axis: int, out: Array) -> list[Operation] | None:
    assert starts[0] == 0, "the first rows would be in no stretch"
    which = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
    rest = np.delete(np.arange(len(x)), starts)
    return _both(
        _checked("positive", [out, x], [None, starts]), _checked(FOLDS[ufunc], [out, x], [which[rest], rest])
    )  # fmt: skip


def _both(first: list[Operation] | None, then: list[Operation] | None) -> list[Operation] | None:
    return first + then if first and then else None


def _product(a: Array, b: Array, out: Array) -> list[Operation] | None:
    """A matrix product so small that BLAS would need longer to begin than to compute it."""
    m, k, r = *a.shape[-2:], b.shape[-1]
    in_order = out.strides[-1] == out.itemsize and out.dtype == a.dtype == b.dtype == np.float64
    if np.shares_memory(out, a) or np.shares_memory(out, b):
        return None
    if min(m, r) < THIN:
        return _thin_product(a, b, out)
    if "matmul" not in OPS or m * k * r > SMALL or not in_order or out.ndim > 4:
        return None
    first: list[Operation] = []
    if b.strides[-1] != b.itemsize:
        copy = np.empty(b.shape)
        first, b = [("positive", (copy, b), (None, None))], copy
    # All over the axes (stack, m, k, r): the result does not move along k, a not along r, b not along m.
    operands = (out[..., :, None, :], a[..., :, :, None], b[..., None, :, :])
    shape = (*out.shape[:-2], m, k, r)
    return [*first, ("matmul", tuple(np.broadcast_to(x, shape) for x in operands), (None,) * 3)]


def _thin_product(a: Array, b: Array, out: Array) -> list[Operation] | None:
    """Sums of products out[i, j] += a[i, l] · b[l, j], the innermost loop along what lies in order, and is long."""
    item = out.itemsize
    in_order = {  # for the axes of (i, l, j), which of them move on by one number where they move
        -3: out.strides[-2] == a.strides[-2] == item,
        -2: a.strides[-1] == b.strides[-2] == item,
        -1: out.strides[-1] == b.strides[-1] == item,
    }
    size = {-3: a.shape[-2], -2: a.shape[-1], -1: b.shape[-1]}
    inner = max(in_order, key=lambda axis: in_order[axis] * size[axis])
    first: list[Operation] = []
    if in_order[inner] * size[inner] < LONG <= size[-2]:  # a copy of the thin one helps
        inner, a_is_thin = -2, size[-3] < size[-1]
        thin = a if a_is_thin else b.swapaxes(-1, -2)
        copy = np.empty(thin.shape)
        first.append(("positive", (copy, thin), (None, None)))
        a, b = (copy, b) if a_is_thin else (a, copy.swapaxes(-1, -2))
    shape = (*out.shape[:-2], *size.values())
    target = as_strided(out[..., :, None, :], shape, (*out.strides[:-1], 0, out.strides[-1]))
    x, y = np.broadcast_to(a[..., :, :, None], shape), np.broadcast_to(b[..., None, :, :], shape)
    around = [axis for axis in ((-1, -2) if inner == -3 else (-3, -2, -1)) if axis != inner]
    order = (*range(len(shape) - 3), *(len(shape) + axis for axis in (*around, inner)))
    operands = [t.transpose(order) for t in ((target, y, x) if inner == -1 else (target, x, y))]
    sums = _both(_checked("positive", [out, -0.0]), _checked("add_products", operands))
    return first + sums if sums else None


def _as_wide(out: Array, shape: tuple[int, ...]) -> Array:
    """out, repeated where it has length 1: to be added to, so it is not to be read-only."""
    strides = [0 if size == 1 else stride for size, stride in zip(out.shape, out.strides, strict=True)]
    return as_strided(out, shape, strides)


def _checked(name: str, arrays: Sequence[Any], rows: Sequence[Array | None] = ()) -> list[Operation] | None:
    """One operation, if there is a loop for it on numbers like these."""
    rows = tuple(None if r is None else np.ascontiguousarray(r, np.intp) for r in rows) or (None,) * len(arrays)
    out = arrays[0]
    shape = out.shape if rows[0] is None else (len(rows[0]), *out.shape[1:])
    wide = [
        x if row is not None else np.broadcast_to(np.asarray(x, None if isinstance(x, np.ndarray) else float), shape)
        for x, row in zip(arrays[1:], rows[1:], strict=True)
    ]
    kinds = "?dd" if name in COMPARISONS else "dd?" if name == "choose" else "ddd"
    known = name in OPS and len(shape) <= MOST_AXES
    if not known or any(x.dtype.char != kind for x, kind in zip((out, *wide), kinds, strict=False)):
        return None
    if not all(x.dtype.isnative and x.flags.aligned for x in (out, *wide)):
        return None
    by_row = any(row is not None for row in rows)
    if any(np.may_share_memory(out, x) if by_row else _shifted(out, x) for x in wide):
        return None
    return [(name, (out, *wide), rows)]


def _shifted(out: Array, x: Array) -> bool:
    """Whether one place is number i of the result and another number of an operand."""
    if not np.may_share_memory(out, x):
        return False
    moves = [strides for size, *strides in zip(out.shape, out.strides, x.strides, strict=True) if size > 1]
    same = out.ctypes.data == x.ctypes.data and all(a == b for a, b in moves)
    return not same and bool(np.shares_memory(out, x))


BY_FUNCTION: dict[Any, Callable[..., list[Operation] | None]] = {
    np.copyto: lambda out, x, where=None: (
        _checked("positive", [out, x]) if where is None else _checked("choose", [out, x, where])
    ),
    product: _product,
    take_rows: lambda rows, x, out: _checked("positive", [out, x], [None, rows]),
    put_rows: lambda target, rows, x: _checked("positive", [target, x], [rows, None]),
    add_rows: lambda target, rows, x: _checked("add_up", [target, x], [rows, None]),
    add_batch: lambda x, out: _fold(np.add, x, -1, out, keepdims=True),
    add_in_order: _fold_in_order,
    add_lists_in_order: lambda starts, x, out: _stretches(np.add, x, starts, 0, out),
    add_stretches: lambda starts, x, out: _stretches(np.add, x, starts, 0, out),
    erf: lambda x, out: _checked("erf", [out, x]),
    erfc: lambda x, out: _checked("erfc", [out, x]),
    value_of: lambda name, x, out: _checked(VALUE + name, [out, x]),
    slope_of: lambda name, x, y, out: _checked(SLOPE + name, [out, x, y]),
    double_product: lambda x, y, out: _checked("double_product", [out, x, y]),
    add_product: lambda x, y, out, scratch: _checked("add_products", [out, x, y]),
    sum_products: _fold_products,
}
