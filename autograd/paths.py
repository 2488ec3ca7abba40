"""The paths from one Value to another: how many there are, and which of them carry most.

The gradient is the sum over all paths of the product of the slopes along each. A graph of 100 nodes may have 10**30
paths, so none of this looks at them one by one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd.engine import Value, clock, topological
from autograd.moments import of_one_moment
from autograd.primitive import DomainError
from autograd.sweep import carries_nothing, partials_of
from autograd.trouble import explain_nan

__all__ = [
    "Between", "Pulled", "Way", "count", "exact_sum", "or_nan", "own_slopes", "pull", "silent", "size",
    "strongest", "way_between",
]  # fmt: skip


class Between(NamedTuple):
    """What lies between y and some xs: the nodes that depend on an x, arguments first, y last.

    edges: for each node, its arguments among these nodes, each as its place in `nodes` and its place among the
    arguments. order: all nodes that lead to y.
    """

    nodes: list[Value]
    edges: list[list[tuple[int, int]]]
    order: list[Value]


def way_between(y: Value, xs: Sequence[Value], asker: str) -> Between:
    """The nodes from xs to y; none if y depends on no x. RuntimeError, in the name of the function that asks, if a leaf
    was changed after y was computed.
    """
    order = topological(y)
    try:
        of_one_moment(order, clock.now)
    except RuntimeError as error:
        raise RuntimeError(f"{asker}: {str(error).removeprefix('backward: ')}") from None
    wanted = set(xs)
    place: dict[Value, int] = {}
    nodes: list[Value] = []
    edges: list[list[tuple[int, int]]] = []
    for value in order:
        found = [(place[arg], i) for i, arg in enumerate(value.args) if type(arg) is Value and arg in place]
        if found or value in wanted:
            place[value] = len(nodes)
            nodes.append(value)
            edges.append(found)
    return Between(nodes, edges, order) if y in place else Between([], [], order)


# ---------------------------------------------------------------- the sweep, and what it multiplies with


class Pulled(NamedTuple):
    """What a sweep found. gradients: of y by each node; None where nothing arrives. slopes: one for each edge; None
    where nothing arrives, so that nobody asked. failed: for what has no value, the error, the first one first.
    """

    gradients: list[float | None]
    slopes: list[list[float | None]]
    failed: list[DomainError]


def own_slopes(value: Value, places: Sequence[int]) -> list[float]:
    """The partial derivatives of a node by its arguments at some places, as the sweep of `backward()` takes them."""
    assert value.primitive is not None
    if value.primitive.rule is not None:
        found = partials_of(value)
        return [found[i] for i in places]
    return [partials_of(value, i) for i in places]


def pull(between: Between, slopes_of: Callable[[Value, Sequence[int]], list[float]]) -> Pulled:
    """The sweep of `backward()`, to the last bit, if `slopes_of` is `own_slopes`. Where a derivative does not exist it
    goes on with nan.
    """
    n = len(between.nodes)
    gradients: list[float | None] = [None] * n
    slopes: list[list[float | None]] = [[None] * len(edges) for edges in between.edges]
    failed: list[DomainError] = []
    gradients[-1] = 1.0
    for i in reversed(range(n)):
        upstream, value, edges = gradients[i], between.nodes[i], between.edges[i]
        if upstream is None or not edges:
            continue
        found = or_nan(slopes_of, value, [place for _, place in edges], failed)
        slopes[i] = [*found]
        mute = silent(value) if 0.0 in found else None
        for (j, place), slope in zip(edges, found, strict=True):
            if slope == 0.0 and mute is not None and mute(place):
                continue
            so_far = gradients[j]
            before = 0.0 if so_far is None else so_far
            total = before + upstream * slope
            if total != total and not failed:
                try:
                    explain_nan(value, place, upstream, slope, before)
                except DomainError as error:
                    failed.append(error)
            gradients[j] = total
    return Pulled(gradients, slopes, failed)


class _AtHand:
    """A node with its arguments at hand: the native engine makes a new tuple of them each time it is asked."""

    def __init__(self, value: Value) -> None:
        self._primitive, self._args = value.primitive, value.args


def silent(value: Value) -> Callable[[int], bool]:
    """`carries_nothing` for all arguments of one node, however many."""
    node: Any = _AtHand(value)
    return lambda place: carries_nothing(node, place)


def or_nan(
    slopes_of: Callable[[Value, Sequence[int]], list[float]], value: Value, places: list[int], failed: list[DomainError]
) -> list[float]:
    """The slopes of a node at some places, nan for those that do not exist, whose error is added to `failed`."""
    try:
        return slopes_of(value, places)
    except DomainError as error:
        if len(places) == 1 or value.primitive is None or value.primitive.rule is not None:  # which gives all at once
            failed.append(error)
            return [math.nan] * len(places)
    return [x for place in places for x in or_nan(slopes_of, value, [place], failed)]


def size(between: Between, slopes: Sequence[Sequence[float | None]]) -> float:
    """The sum of |product of slopes| over all paths."""
    sizes = [0.0] * len(between.nodes)
    sizes[-1] = 1.0
    for i in reversed(range(len(between.nodes))):
        if sizes[i]:
            for (j, _), slope in zip(between.edges[i], slopes[i], strict=True):
                if slope:
                    sizes[j] += sizes[i] * abs(slope)
    return sizes[0]


# ---------------------------------------------------------------- counting


def count(between: Between, passes: Sequence[Sequence[bool]] | None = None) -> int:
    """How many paths lead from the one x to y. passes: for each edge, whether paths over it count; None: all do."""
    counts: list[int | None] = [1]
    for i, edges, used_up in _upwards(between):
        counts.append(sum(counts[j] or 0 for k, (j, _) in enumerate(edges) if passes is None or passes[i][k]))
        for j in used_up:
            counts[j] = None  # a number of paths has as many digits as the graph is deep
    return counts[-1] or 0


def _upwards(between: Between) -> Iterator[tuple[int, list[tuple[int, int]], list[int]]]:
    """From x to y: each node, its edges, and the nodes that no later one needs."""
    last = {j: i for i, edges in enumerate(between.edges) for j, _ in edges}
    used_up: list[list[int]] = [[] for _ in between.nodes]
    for j, i in last.items():
        used_up[i].append(j)
    for i, edges in enumerate(between.edges):
        if i:
            yield i, edges, used_up[i]


# ---------------------------------------------------------------- the k best


class Way(NamedTuple):
    """A path from x to y. steps: from x on, each node on it and which of its edges leads there.

    exponent, mantissa: |product of slopes| = mantissa · 2**exponent, without overflow or underflow; the exponent is
    -inf for 0, and inf for what is infinite or has no value.
    """

    steps: list[tuple[int, int]]
    exponent: float
    mantissa: float


# Steps of nodes with one way in, which all paths to there share: those before, the node, which edge of it.
_Run = tuple["_Run | None", int, int]
# |product| of a path from x to some node as exponent and mantissa; the number of the entry, so that among equals the
# first one wins and nothing behind it is compared; the entry and the run that it goes on from; the node and which edge.
_Entry = tuple[float, float, int, "_Entry | None", _Run | None, int, int]
# The best paths to a node: those to the last one with several ways in, and the product and the steps from there on.
_Line = tuple[list[_Entry], float, float, _Run | None]


def strongest(between: Between, slopes: Sequence[Sequence[float | None]], k: int) -> list[Way]:
    """The k paths from the one x to y with the largest |product of slopes|, the largest first.

    Each node keeps the k best that lead to it: what is not among them cannot be part of a better one, as products of
    absolute values grow with their factors.
    """
    best: list[_Line | None] = [([(0, 1.0, 0, None, None, 0, 0)], 0, 1.0, None)]
    made = 0
    for i, edges, used_up in _upwards(between):
        if len(edges) == 1:
            entries, power, m, run = best[edges[0][0]] or ([], 0, 1.0, None)
            best.append((entries, *_times(power, m, *_scaled(slopes[i][0])), (run, i, 0)))
        else:
            found: list[_Entry] = []
            for e, ((j, _), slope) in enumerate(zip(edges, slopes[i], strict=True)):
                entries, power, m, run = best[j] or ([], 0, 1.0, None)
                power, m = _times(power, m, *_scaled(slope))
                for entry in entries:
                    made += 1
                    found.append((*_times(entry[0], entry[1], power, m), -made, entry, run, i, e))
            best.append((heapq.nlargest(k, found), 0, 1.0, None))
        for j in used_up:
            best[j] = None
    entries, power, m, run = best[-1] or ([], 0, 1.0, None)
    return [Way(_unrolled(entry, run), *_times(entry[0], entry[1], power, m)) for entry in entries]


def _times(power: float, m: float, exponent: float, mantissa: float) -> tuple[float, float]:
    """The product of two numbers as exponent and mantissa."""
    m *= mantissa  # 0 whenever one of the two is 0
    if m == 0.0:
        return -math.inf, 0.0
    return (power + exponent + 1, 0.5 * m) if m >= 2.0 else (power + exponent, m)


def _scaled(slope: float | None) -> tuple[float, float]:
    """|slope| as exponent and mantissa, which is 0 or in [1, 2). None, where nothing arrives anyway, counts as 1."""
    if slope is None:
        return 0, 1.0
    if slope - slope != 0.0:
        return math.inf, 1.0
    mantissa, exponent = math.frexp(abs(slope))
    return exponent - 1, 2.0 * mantissa


def _unrolled(entry: _Entry, run: _Run | None) -> list[tuple[int, int]]:
    """The steps of a path from x on: those of an entry, and those of a run behind it."""
    steps: list[tuple[int, int]] = []
    before: _Entry | None = entry
    while before is not None:
        while run is not None:
            steps.append(run[1:])
            run = run[0]
        _, _, _, before, run, i, e = before
        if before is not None:
            steps.append((i, e))
    return steps[::-1]


def exact_sum(terms: Iterable[float]) -> float:
    """Without rounding on the way; where that is too large, or ∞ - ∞, as floats add."""
    found = list(terms)
    try:
        return math.fsum(found)
    except (OverflowError, ValueError):
        return sum(found)
