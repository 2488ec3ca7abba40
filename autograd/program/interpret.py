"""Interpret: steps as calls of NumPy, on numbers of any type. What the loops in C do is held against this."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd.primitive import Primitive
from autograd.program import kernels
from autograd.program.blas import Product
from autograd.program.graph import CONSTANT
from autograd.program.record import Array
from autograd.program.steps import Step, View

__all__ = ["RAISED", "STRANGE", "Interpreted", "all_finite", "array_of"]

FLAT = 1 << 13  # numbers in a piece of a long vector
RAISED, STRANGE = 1, 2
"""What running a step tells, as bits: something may not be finite now; something was not, and may be lost."""


def all_finite(x: Array) -> bool:
    """Whether all numbers are finite, or nearly: a sum of squares may overflow, which only costs time."""
    flat = x.reshape(-1)
    if len(flat) <= FLAT:
        return math.isfinite(flat.dot(flat))
    # In pieces that BLAS does not share between threads.
    return all(math.isfinite(part.dot(part)) for part in (flat[i : i + FLAT] for i in range(0, len(flat), FLAT)))


def array_of(view: View, shape: tuple[int, ...], buffers: Sequence[Array], writes: bool = False) -> Array:
    """A view as an array of NumPy; along axes in which one that is written to does not move, of length 1."""
    buffer = buffers[view.buffer]
    if view.index is not None:
        shape = ((len(buffer) - view.offset - 1) // max(view.strides[0], 1) + 1, *shape[1:])
        while shape[0] * view.strides[0] > len(buffer) - view.offset + view.strides[0] - 1:
            shape = (shape[0] - 1, *shape[1:])
    if writes:
        shape = tuple(1 if stride == 0 else size for size, stride in zip(shape, view.strides, strict=True))
    if not all(shape):
        return np.zeros(shape, buffer.dtype)
    return as_strided(buffer[view.offset :], shape, [stride * buffer.itemsize for stride in view.strides])


class Interpreted:
    """A step on buffers. Calling it runs it, and returns STRANGE, RAISED or 0.

    What NumPy itself notices goes to its error state.
    """

    def __init__(self, step: Step, buffers: Sequence[Array]) -> None:
        self.step = step
        self.out = array_of(step.out, step.shape, buffers, writes=True)
        self.operands: list[Any] = [None if x is None else array_of(x, step.shape, buffers) for x in step.operands]
        self.join: Any = np.maximum if step.how == "max" else np.add
        self.rows = None
        if step.out.index is not None:
            self.order = np.argsort(step.out.index, kind="stable")
            self.rows, self.starts = np.unique(step.out.index[self.order], return_index=True)
        self.folded = tuple(
            axis
            for axis, (size, stride) in enumerate(zip(step.shape, step.out.strides, strict=True))
            if stride == 0 and size > 1 and step.out.index is None
        )
        self.looks, self.raises = step.kind == "many", 0
        if step.kind == "matmul":
            x, y = self.operands
            product = Product(x[..., 0], y[:, 0], self.out[:, :, 0])
            self._run: Callable[[], Any] = product
            self.raises = RAISED if product.is_shared else 0
        else:
            self._run = getattr(self, f"_{step.kind}")
        if step.kind in ("value", "pull"):
            assert step.row is not None, "values and pulls are of a row"
            self._prepare(step.row, buffers)

    def _prepare(self, row: Primitive, buffers: Sequence[Array]) -> None:
        step, skipped = self.step, len(self.step.operands) - self.step.row.arity  # type: ignore[union-attr]
        constants = tuple(
            float(buffers[CONSTANT][x.offset]) if x and x.buffer == CONSTANT and not any(x.strides) else None
            for x in step.operands[skipped:]
        )
        constants = constants if any(x is not None for x in constants) else ()
        self.f = kernels.function(row, step.place, constants, self.out.dtype)
        self.looks = step.kind == "value" and not kernels.keeps_what_is_not_finite(row)
        whole = step.how == "=" and self.out.shape == step.shape
        self.into = self.out if whole else None

    def __call__(self) -> int:
        lost = self.looks and not all(all_finite(x) or np.isfinite(x).all() for x in self.operands)
        self._run()
        return STRANGE if lost else self.raises

    def runner(self) -> Callable[[], int | None]:
        """What runs it in the shortest way."""
        return self if self.looks or self.raises else self._run

    # ------------------------------------------------------------ by kind

    def _value(self) -> None:
        found = self.f(*self.operands, out=self.into)
        if found is not self.into:
            self._put(found)

    _pull = _value

    def _copy(self) -> None:
        (x,), (view,) = self.operands, self.step.operands
        self._put(x if view is None or view.index is None else x[view.index])

    def _zero(self) -> None:
        self._put(0.0)

    def _many(self) -> None:
        (x,) = self.operands
        self.out[:, 0] = self.step.row.on_arrays([x[:, j] for j in range(x.shape[1])])  # type: ignore[union-attr]

    def _many_pull(self) -> None:
        c, y, x = self.operands
        slopes = self.step.row.rule([x[:, j] for j in range(x.shape[1])], y[:, 0])  # type: ignore[union-attr, misc]
        for j, slope in enumerate(slopes):
            self.out[:, j] = c[:, 0] * slope

    # ------------------------------------------------------------ where it goes

    def _put(self, x: Any) -> None:
        """x into the result, or what it is folded to."""
        if self.rows is not None:
            self._put_by_rows(x)
            return
        if self.folded:
            x = x if np.shape(x) == self.step.shape else np.broadcast_to(x, self.step.shape)
            if self.step.how == "in order":
                x = self.join.accumulate(x, axis=self.folded[0]).take([-1], axis=self.folded[0])
            else:
                x = self.join.reduce(x, axis=self.folded, keepdims=True)
        if self.step.how == "=":
            np.copyto(self.out, x)
        else:
            self.join(self.out, x, out=self.out)

    def _put_by_rows(self, x: Any) -> None:
        """The same where the result has an index; for rows that it names several times, joined before."""
        out, index = self.out, self.step.out.index
        x = np.broadcast_to(x, (len(index), *self.step.shape[1:]))  # type: ignore[arg-type]
        if x.ndim > 1 and out.shape[-1] < x.shape[-1]:
            x = x.sum(axis=-1, keepdims=True)
        if self.step.how == "=":
            out[index] = x
        elif self.step.how == "in order":
            np.add.at(out, index, x)  # type: ignore[arg-type]
        else:
            out[self.rows] = self.join(out[self.rows], self.join.reduceat(x[self.order], self.starts, axis=0))
