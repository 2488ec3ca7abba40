"""Matrices: which dots are the entries of a matrix product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autograd.program.graph import firsts_of
from autograd.program.record import Array

__all__ = ["Product", "products_of"]


@dataclass(frozen=True, eq=False)
class Product:
    """c matrix products at once: (c, m, k) by (c, r, k) to (c, m, r).

    left, right: node numbers. dots: which dots are entries of the result, by place. place: of each, where in it.
    """

    left: Array
    right: Array
    dots: Array
    place: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the result."""
        return (*self.left.shape[:2], self.right.shape[1])


def products_of(left: Array, right: Array, lone: bool) -> Iterator[Product]:
    """The matrix products that dots are entries of. Of a matrix, at least a third of the entries are dots.

    left, right: the factors of each dot, node numbers of shape (dots, k). lone: whether a dot that shares no factors
    with others is a product, too.
    """
    a, lefts = _distinct(left)
    b, rights = _distinct(right)
    component = _components(a, b, len(lefts), len(rights))
    rows, columns = _Side.of(a, component, lefts), _Side.of(b, component, rights)
    m, r = rows.count, columns.count
    entries = np.bincount(component[np.unique(a * len(rights) + b, return_index=True)[1]])
    full = (3 * entries >= m * r) & (lone | (m * r > 1))
    for shape in np.unique(np.stack([m, r], axis=1)[full], axis=0).tolist():
        stack = np.flatnonzero(full & (m == shape[0]) & (r == shape[1]))
        dots = np.flatnonzero(np.isin(component, stack))
        place = np.searchsorted(stack, component[dots]) * shape[0] + rows.place[a[dots]]
        place = place * shape[1] + columns.place[b[dots]]
        yield Product(rows.of_components(stack), columns.of_components(stack), dots, place)


@dataclass(frozen=True, eq=False)
class _Side:
    """The distinct rows on one side of dots, (rows, k), component by component.

    count, start: how many each component has, and where they start. place: of each distinct row, in the order of the
    dots, its place within its component.
    """

    rows: Array
    count: Array
    start: Array
    place: Array

    @staticmethod
    def of(row: Array, component: Array, distinct: Array) -> _Side:
        """row, component: of each dot."""
        of_row = np.zeros(len(distinct), dtype=np.int64)
        of_row[row] = component
        count = np.bincount(of_row)
        start = np.cumsum(count) - count
        order = np.argsort(of_row, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order)) - start[of_row[order]]
        return _Side(distinct[order], count, start, place)

    def of_components(self, which: Array) -> Array:
        """The rows of components that have equally many, (components, rows, k)."""
        found: Array = self.rows[self.start[which][:, None] + np.arange(self.count[which[0]])]
        return found


MIX = np.random.default_rng(1).integers(1, 2**63, size=1 << 12, dtype=np.int64) | 1


def _distinct(rows: Array) -> tuple[Array, Array]:
    """For each row its number among the distinct ones, in order of first appearance; and these."""
    mix = np.resize(MIX, rows.shape[1]) * np.arange(1, 2 * rows.shape[1], 2)
    with np.errstate(over="ignore"):
        first, which = firsts_of(rows @ mix)
    if not np.array_equal(rows, rows[first[which]]):  # two rows of one hash: never seen, but possible
        first, which = firsts_of(np.unique(rows, axis=0, return_inverse=True)[1].ravel())
    return which, rows[first]


def _components(a: Array, b: Array, n_a: int, n_b: int) -> Array:
    """The connected component, 0, 1, ..., of each edge of a graph between two sorts of nodes."""
    label = np.arange(n_a)
    while True:
        of_b = np.full(n_b, n_a)
        np.minimum.at(of_b, b, label[a])
        better = label.copy()
        np.minimum.at(better, a, of_b[b])
        better = better[better]
        if np.array_equal(better, label):
            return np.unique(label[a], return_inverse=True)[1]
        label = better
