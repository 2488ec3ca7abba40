"""Points: what runs one example by the shortest way, where a program is asked for one again and again.

Arguments are floats, and flat lists and arrays of them; everything else, and every error, goes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.program.arguments import Slot
from autograd.program.bind import Wanted
from autograd.program.path import Path
from autograd.program.record import Array
from autograd.program.scalar import Gate

__all__ = ["points_of"]

FLOAT = -1


def points_of(
    paths: Sequence[Path], description: tuple[Any, ...], theta: Array, gate: Gate, wanted: Wanted
) -> list[Any]:
    """A Point of the C core for each path, each of which knows the others; none if one path cannot have any."""
    sizes = tuple([_size(part) for part in description])
    if None in sizes or not all(path.goes_short_way() and path.machine(theta).is_certain for path in paths):
        return []
    points = [path.machine(theta).point(wanted) for path in paths]
    ways: dict[int, Any] = {}
    for point, path in zip(points, paths, strict=True):
        for prefix in path.prefixes:
            ways.setdefault(prefix, point)
    for point, path in zip(points, paths, strict=True):
        others = {place: ways.get(path.other_way(place)) for place in range(len(path.record.guards))}
        point.lead(sizes, {place: other for place, other in others.items() if other is not None}, gate, *wanted[:2])
    return points


def _size(part: Any) -> int | None:
    """How many numbers an argument has, FLOAT if it is one; None if it is something else."""
    if not isinstance(part, Slot) or part.whole or len(part.shape) > 1:
        return None
    return part.size if part.shape else FLOAT
