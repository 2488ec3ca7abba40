"""Loops: what runs the steps: loops in C, where the native engine is, for runs of steps in a row; else NumPy.

A call of NumPy costs a microsecond before it adds the first two numbers; a loop costs some hundredths. What has no
loop here, such as matrix products of some size, which are BLAS's, stays a call.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd import primitives as table
from autograd.engine import engine
from autograd.primitive import is_built_in
from autograd.program import kernels
from autograd.program.blas import THIN
from autograd.program.interpret import Interpreted
from autograd.program.record import Array
from autograd.program.steps import LINE, Step, View

ROWS: dict[str, int] = {}
WIDE = False  # whether the loops are for the widest vectors that the processor has
if engine() == "native":
    try:
        from autograd.program._loops import (  # type: ignore[import-not-found, no-redef, unused-ignore]
            MOST_AXES,
            ROWS,
            TILED,
            WIDE,
            Loops,
        )
    except ImportError as error:
        warnings.warn(f"{error}: programs run, but slower. Build it again: pip install -e .", stacklevel=2)

__all__ = ["Runner", "aligned", "runners"]

Runner = Callable[[], int | None]
"""Runs some steps; returns RAISED and STRANGE, or nothing."""
SMALL = 1 << 15  # products of numbers in a product of matrices
LONG = 8  # numbers in a row, from which on it matters whether they lie in order
FEW = 1000  # numbers; of more, NumPy computes several of these at once, where C calls a function for each
TRANSCENDENTAL = {"expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "power", "arctan2"}
if not WIDE:
    TRANSCENDENTAL |= {"exp", "tanh"}
SLOW_ANYWHERE = {"erf", "erfc"}  # NumPy has none


def aligned(shape: int | tuple[int, ...], dtype: Any) -> Array:
    """Zeros that begin where a line of the cache does: vectors that lie across two take longer, in BLAS as in loops."""
    size, item = math.prod(shape) if isinstance(shape, tuple) else shape, np.dtype(dtype).itemsize
    whole = np.zeros(size + LINE // item, dtype)
    start = -whole.ctypes.data % LINE // item
    return whole[start : start + size].reshape(shape)


def runners(steps: Sequence[Step], buffers: Sequence[Array]) -> list[Runner]:
    """What runs steps on buffers, in order."""
    if not ROWS or any(buffer.dtype != np.float64 for buffer in buffers):
        return [Interpreted(step, buffers).runner() for step in steps]
    buffers = list(buffers)
    lowered = [part for step in steps for part in _for_loops(step, buffers)]
    found: list[Runner] = []
    for in_c, group in itertools.groupby(lowered, _has_loop):
        mine = list(group)
        if in_c:
            looking = {k for k, step in enumerate(mine) if step.kind == "value" and _looks(step)}
            found.append(Loops(mine, buffers, looking))
        else:
            found += [Interpreted(step, buffers).runner() for step in mine]
    return found


def _looks(step: Step) -> bool:
    return step.row is not None and not kernels.keeps_what_is_not_finite(step.row)


def _has_loop(step: Step) -> bool:
    """Whether there is a loop for it, and that is the faster way."""
    if len(step.shape) > MOST_AXES or not all(step.shape):
        return False
    if step.kind in ("value", "pull"):
        row = step.row
        if row is None or not is_built_in(row) or row.name not in ROWS:
            return False
        if math.prod(step.shape) <= FEW:
            return True
        used = kernels.operations(row, step.place)
        return not used & TRANSCENDENTAL or bool(used & SLOW_ANYWHERE)
    if step.kind == "matmul":
        _, m, k, r = step.shape
        y = step.operands[1]
        assert y is not None, "a product has two factors"
        return TILED and m * k * r <= SMALL and r >= THIN and step.out.strides[3] == y.strides[3] == 1
    return step.kind in ("copy", "zero", "products")


def _for_loops(step: Step, buffers: list[Array]) -> list[Step]:
    """A step as such for which there are loops, if it can be."""
    if step.kind == "matmul":
        return _product(step, buffers)
    if step.row is table.mul and step.how == "+":
        operands = step.operands if step.kind == "value" else (step.operands[0], step.operands[5 - 1 - step.place])
        return [replace(step, kind="products", row=None, operands=operands)]
    return [step]


def _product(step: Step, buffers: list[Array]) -> list[Step]:
    """A product of matrices.

    Where it is so small that BLAS would need longer to begin than to compute it, or where it has a few rows or columns
    only, it is no work for BLAS; which would share it between threads, and wait for the slowest.
    """
    c, m, k, r = step.shape
    x, y = step.operands
    assert x, "a product has two factors"
    assert y, "a product has two factors"
    if k == 1:  # one column by one row
        return [replace(step, kind="value", row=table.mul, operands=(x, y))]
    if min(m, r) < THIN:
        return _thin(step, x, y, buffers)
    if m * k * r > SMALL or y.strides[3] == 1:
        return [step]
    copy = _room(step, y, (c, 1, k, r), buffers)
    return [_copy(step, copy, y, (c, 1, k, r)), replace(step, operands=(x, copy))]


def _thin(step: Step, x: View, y: View, buffers: list[Array]) -> list[Step]:
    """Sums of products out[i, j] += a[i, l] · b[l, j], the innermost loop along what lies in order, and is long."""
    out, shape = step.out, step.shape
    in_order = {  # for the axes of (i, l, j), which of them move on by one number where they move
        1: out.strides[1] == x.strides[1] == 1,
        2: x.strides[2] == y.strides[2] == 1,
        3: out.strides[3] == y.strides[3] == 1,
    }
    inner = max(in_order, key=lambda axis: in_order[axis] * shape[axis])
    first: list[Step] = []
    if in_order[inner] * shape[inner] < LONG <= shape[2]:  # a copy of the thin one helps
        inner = 2
        thin, sizes = (x, (*shape[:3], 1)) if shape[1] < shape[3] else (y, (shape[0], 1, shape[3], shape[2]))
        turned = thin if thin is x else replace(y, strides=(y.strides[0], 0, y.strides[3], y.strides[2]))
        copy = _room(step, turned, sizes, buffers)
        first.append(_copy(step, copy, turned, sizes))
        if thin is x:
            x = copy
        else:
            y = replace(copy, strides=(copy.strides[0], 0, copy.strides[3], copy.strides[2]))
    order = [0, *(axis for axis in ((2, 1) if inner == 3 else (1, 2, 3)) if axis != inner), inner]

    def turned_to(view: View) -> View:
        return replace(view, strides=tuple(view.strides[axis] for axis in order))

    rows = (shape[0], shape[1], 1, shape[3])
    first.append(replace(step, kind="zero", shape=rows, operands=()))
    factors = tuple(map(turned_to, (y, x) if inner == 3 else (x, y)))
    mine = tuple(shape[axis] for axis in order)
    return [*first, replace(step, kind="products", how="+", shape=mine, out=turned_to(out), operands=factors)]


def _room(step: Step, view: View, shape: tuple[int, ...], buffers: list[Array]) -> View:
    """A buffer of its own, for a copy of a view."""
    buffers.append(aligned(math.prod(shape), np.float64))
    strides = tuple(math.prod(shape[axis + 1 :]) if size > 1 else 0 for axis, size in enumerate(shape))
    return View(len(buffers) - 1, 0, strides)


def _copy(step: Step, out: View, x: View, shape: tuple[int, ...]) -> Step:
    return replace(step, kind="copy", shape=shape, out=out, operands=(x,))
