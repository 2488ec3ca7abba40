"""Loops: the steps of a program, with runs of calls of NumPy put together as loops in C, where the native engine is.

A call of NumPy costs a microsecond before it adds the first two numbers; a loop costs some hundredths. What has no
loop here, such as matrix products, which are BLAS's, stays the call that it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd.program.record import Array
from autograd.value import engine

if engine() == "native":
    from autograd.program._loops import COMPARISONS, MOST_AXES, OPS, Loops  # type: ignore[import-not-found, unused-ignore]
else:
    OPS = {}

__all__ = ["Step", "add_batch", "add_rows", "add_stretches", "faster", "put_rows", "take_rows"]

Step = Callable[[], Any]
Operation = tuple[str, tuple[Array, ...], tuple[Array | None, ...]]
"""What is done; the result and the operands, all of one shape; which rows of each are meant, or None for all."""
SMALL = 1 << 15  # products of numbers in a product of matrices
SEVERAL = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "power", "arctan2"}
FEW = 1000  # numbers; NumPy works on several at once, where C calls a function for each


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


def add_batch(ones: Array, x: Array, out: Array) -> None:
    """out = the sum over the batch, the last axis; which stays, with length 1."""
    np.matmul(x, ones, out[..., 0])


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
    f, args, named = step.func, list(step.args), dict(step.keywords)
    if getattr(f, "__name__", "") in ("reduce", "reduceat"):
        ufunc = f.__self__
        if f.__name__ == "reduceat":
            return _stretches(ufunc, args[0], args[1], named["out"])
        x, axis, out = args[0], named["axis"], named["out"]
        return _fold(ufunc, x, out if named.get("keepdims") else np.expand_dims(out, axis))
    if f is take_rows:
        return _checked("positive", [named["out"], args[1]], [None, args[0]])
    if f is put_rows:
        target, rows, x = args
        return _checked("positive", [target, x], [rows, None])
    if f is add_rows:
        target, rows, x = args
        return _checked("add_up", [target, x], [rows, None])
    if f is add_batch:
        return _fold(np.add, args[1], named["out"])
    if f is add_stretches:
        return _stretches(np.add, args[1], args[0], named["out"])
    if f is np.copyto:
        if "where" in named:
            return _checked("choose", [args[0], args[1], named["where"]])
        return _checked("positive", args)
    if f is np.matmul:
        return _product(*args, *named.values())
    if isinstance(f, np.ufunc):
        operands, out = args[: f.nin], named["out"] if "out" in named else args[f.nin]
        if f.__name__ in SEVERAL and out.size > FEW:
            return None
        return _checked(f.__name__, [out, *operands])
    return None


def _fold(ufunc: Any, x: Array, out: Array) -> list[Operation] | None:
    """out: of as many axes as x, of length 1 where numbers are folded."""
    if ufunc is np.add:
        first = _checked("positive", [out, -0.0])  # with which 0.0 and -0.0 add up to themselves
    else:
        first = _checked("positive", [out, x[tuple(slice(size) for size in out.shape)]])
    rest = _checked("add_up" if ufunc is np.add else "largest", [_as_wide(out, x.shape), x])
    return first + rest if first and rest else None


def _stretches(ufunc: Any, x: Array, starts: Array, out: Array) -> list[Operation] | None:
    which = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
    first = _checked("positive", [out, x], [None, starts])
    rest = np.delete(np.arange(len(x)), starts)
    fold = _checked("add_up" if ufunc is np.add else "largest", [out, x], [which[rest], rest])
    return first + fold if first and fold else None


def _product(a: Array, b: Array, out: Array) -> list[Operation] | None:
    """A matrix product so small that BLAS would need longer to begin than to compute it."""
    m, k, r = *a.shape[-2:], b.shape[-1]
    in_order = out.strides[-1] == out.itemsize and out.dtype == a.dtype == b.dtype == np.float64
    if "matmul" not in OPS or m * k * r > SMALL or r < 4 or not in_order or out.ndim > 4:
        return None
    if np.shares_memory(out, a) or np.shares_memory(out, b):
        return None
    first: list[Operation] = []
    if b.strides[-1] != b.itemsize:
        copy = np.empty(b.shape)
        first, b = [("positive", (copy, b), (None, None))], copy
    # All over the axes (stack, m, k, r): the result does not move along k, a not along r, b not along m.
    operands = (out[..., :, None, :], a[..., :, :, None], b[..., None, :, :])
    shape = (*out.shape[:-2], m, k, r)
    return [*first, ("matmul", tuple(np.broadcast_to(x, shape) for x in operands), (None,) * 3)]


def _as_wide(out: Array, shape: tuple[int, ...]) -> Array:
    """out, repeated where it has length 1: to be added to, so it is not to be read-only."""
    strides = [0 if size == 1 else stride for size, stride in zip(out.shape, out.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(out, shape, strides)


def _checked(name: str, arrays: Sequence[Any], rows: Sequence[Array | None] = ()) -> list[Operation] | None:
    """One operation, if there is a loop for it on numbers like these."""
    rows = tuple(rows) or (None,) * len(arrays)
    out = arrays[0]
    shape = out.shape if rows[0] is None else (len(rows[0]), *out.shape[1:])
    wide = [
        x if row is not None else np.broadcast_to(np.asarray(x, None if isinstance(x, np.ndarray) else float), shape)
        for x, row in zip(arrays[1:], rows[1:], strict=True)
    ]
    kinds = "?dd" if name in COMPARISONS else "dd?" if name == "choose" else "ddd"
    if name not in OPS or len(shape) > MOST_AXES or any(x.dtype.char != k for x, k in zip((out, *wide), kinds)):
        return None
    if any(row is None and _shifted(out, x) for x, row in zip(wide, rows[1:], strict=True)):
        return None
    return [(name, (out, *wide), rows)]


def _shifted(out: Array, x: Array) -> bool:
    """Whether one place is number i of the result and another number of an operand."""
    if not np.may_share_memory(out, x):
        return False
    moves = [strides for size, *strides in zip(out.shape, out.strides, x.strides, strict=True) if size > 1]
    same = out.ctypes.data == x.ctypes.data and all(a == b for a, b in moves)
    return not same and bool(np.shares_memory(out, x))
