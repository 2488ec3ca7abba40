"""Contour lines of numbers on a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from visualize.layout import Point

__all__ = ["contours", "fewer"]

Edge = tuple[int, int, int]
"""Between two neighbours of the grid: row and column of the first, and 0 if the second lies right of it, 1 if below."""


def contours(grid: Any, level: float) -> list[list[Point]]:
    """Where numbers on a grid, an array of shape (rows, columns), pass `level`: lines through points (column, row).

    Marching squares: between neighbours, of which one is above the level and one is not, numbers are taken to be
    linear. Around what is not finite there is no line.
    """
    import numpy as np

    above, finite = grid > level, np.isfinite(grid)
    joined: dict[Edge, list[Edge]] = {}
    corners = [above[:-1, :-1], above[:-1, 1:], above[1:, :-1], above[1:, 1:]]
    whole = finite[:-1, :-1] & finite[:-1, 1:] & finite[1:, :-1] & finite[1:, 1:]
    mixed = whole & ~(np.logical_and.reduce(corners) | ~np.logical_or.reduce(corners))
    for row, column in np.argwhere(mixed).tolist():
        for a, b in _crossed(grid, above, level, row, column):
            joined.setdefault(a, []).append(b)
            joined.setdefault(b, []).append(a)
    return [[_point(grid, level, edge) for edge in line] for line in _lines(joined)]


def _crossed(grid: Any, above: Any, level: float, row: int, column: int) -> list[tuple[Edge, Edge]]:
    """The pieces of lines in a square, each from one of its edges to another."""
    top, left = (row, column, 0), (row, column, 1)
    bottom, right = (row + 1, column, 0), (row, column + 1, 1)
    a, b, c, d = (bool(above[row + i, column + j]) for i in (0, 1) for j in (0, 1))
    cut = [edge for edge, is_cut in ((top, a != b), (left, a != c), (bottom, c != d), (right, b != d)) if is_cut]
    if len(cut) == 2:
        return [(cut[0], cut[1])]
    # A saddle: the middle tells which two corners belong together.
    middle = grid[row : row + 2, column : column + 2].mean() > level
    return [(top, right), (left, bottom)] if middle == a else [(top, left), (bottom, right)]


def _lines(joined: dict[Edge, list[Edge]]) -> Iterator[list[Edge]]:
    """The pieces as lines: first those that end somewhere, then closed ones."""
    left = {edge: list(ends) for edge, ends in joined.items()}
    for start in [*(edge for edge in left if len(left[edge]) == 1), *left]:
        line = [start]
        while left[line[-1]]:
            following = left[line[-1]].pop()
            left[following].remove(line[-1])
            line.append(following)
        if len(line) > 1:
            yield line


def _point(grid: Any, level: float, edge: Edge) -> Point:
    """Where on an edge the level is passed."""
    row, column, down = edge
    first, second = float(grid[row, column]), float(grid[row + down, column + 1 - down])
    share = (level - first) / (second - first)
    return (column + (0.0 if down else share), row + (share if down else 0.0))


def fewer(points: Sequence[Point], slack: float) -> list[Point]:
    """A line through some of the points only, from which no other is farther away than `slack`: Ramer 1972, Douglas and
    Peucker 1973.
    """
    keep = {0, len(points) - 1}
    todo = [(0, len(points) - 1)]
    while todo:
        first, last = todo.pop()
        away = [_distance(points[k], points[first], points[last]) for k in range(first + 1, last)]
        if away and max(away) > slack:
            middle = first + 1 + away.index(max(away))
            keep.add(middle)
            todo += [(first, middle), (middle, last)]
    return [points[k] for k in sorted(keep)]


def _distance(p: Point, a: Point, b: Point) -> float:
    """From p to the segment from a to b."""
    (x, y), length = (b[0] - a[0], b[1] - a[1]), math.dist(a, b)
    share = ((p[0] - a[0]) * x + (p[1] - a[1]) * y) / length**2 if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.dist(p, (a[0] + share * x, a[1] + share * y))
