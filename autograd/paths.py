"""The paths from one Value to another: how many there are, and which of them carry most.

The gradient is the sum over all paths of the product of the slopes along each. A graph of 100 nodes may have 10**30
paths, so none of this looks at them one by one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from autograd.engine import Value, clock, topological
from autograd.moments import of_one_moment
from autograd.primitive import DomainError
from autograd.sweep import carries_nothing, partials_of
from autograd.trouble import explain_nan

__all__ = ["Between", "Pulled", "Way", "count", "or_nan", "own_slopes", "pull", "size", "strongest", "way_between"]


class Between(NamedTuple):
    """What lies between y and some xs: the nodes that depend on an x, arguments first, y last.

    edges: for each node, its arguments among these nodes, each as its place in `nodes` and its place among the
    arguments. order: all nodes that lead to y.
    """

    nodes: list[Value]
    edges: list[list[tuple[int, int]]]
    order: list[Value]


def way_between(y: Value, xs: Sequence[Value]) -> Between:
    """The nodes from xs to y; none if y depends on no x. RuntimeError if a leaf was changed after y was computed."""
    order = topological(y)
    of_one_moment(order, clock.now)
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
        for (j, place), slope in zip(edges, found, strict=True):
            if slope == 0.0 and carries_nothing(value, place):
                continue
            so_far = gradients[j]
            before = 0.0 if so_far is None else so_far
            total = before + upstream * slope
            if total != total:
                try:
                    explain_nan(value, place, upstream, slope, before)
                except DomainError as error:
                    failed.append(error)
            gradients[j] = total
    return Pulled(gradients, slopes, failed)


def or_nan(
    slopes_of: Callable[[Value, Sequence[int]], list[float]], value: Value, places: list[int], failed: list[DomainError]
) -> list[float]:
    """The slopes of a node at some places, nan for one that does not exist, whose error is added to `failed`."""
    try:
        return slopes_of(value, places)
    except DomainError as error:
        if len(places) == 1:
            failed.append(error)
            return [math.nan]
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


# |product| of a path from x to some node as exponent and mantissa; the number of the entry, so that among equals the
# first one wins and nothing behind it is compared; the entry that it goes on from; the node and which edge of it.
_Entry = tuple[float, float, int, "_Entry | None", int, int]


def strongest(between: Between, slopes: Sequence[Sequence[float | None]], k: int) -> list[Way]:
    """The k paths from the one x to y with the largest |product of slopes|, the largest first.

    Each node keeps the k best that lead to it: what is not among them cannot be part of a better one, as products of
    absolute values grow with their factors.
    """
    best: list[list[_Entry] | None] = [[(0, 1.0, 0, None, 0, 0)]]
    made = 0
    for i, edges, used_up in _upwards(between):
        found: list[_Entry] = []
        for e, ((j, _), slope) in enumerate(zip(edges, slopes[i], strict=True)):
            exponent, mantissa = _scaled(slope)
            for entry in best[j] or ():
                made += 1
                m = entry[1] * mantissa  # 0 whenever one of the two is 0
                power = -math.inf if m == 0.0 else entry[0] + exponent
                found.append((power + 1, 0.5 * m, -made, entry, i, e) if m >= 2.0 else (power, m, -made, entry, i, e))
        best.append(heapq.nlargest(k, found) if len(edges) > 1 else found)
        for j in used_up:
            best[j] = None
    return [_unrolled(entry) for entry in best[-1] or ()]


def _scaled(slope: float | None) -> tuple[float, float]:
    """|slope| as exponent and mantissa, which is 0 or in [1, 2). None, where nothing arrives anyway, counts as 1."""
    if slope is None:
        return 0, 1.0
    if slope - slope != 0.0:
        return math.inf, 1.0
    mantissa, exponent = math.frexp(abs(slope))
    return exponent - 1, 2.0 * mantissa


def _unrolled(entry: _Entry) -> Way:
    exponent, mantissa = entry[:2]
    steps: list[tuple[int, int]] = []
    at: _Entry | None = entry
    while at is not None and at[3] is not None:
        steps.append(at[4:])
        at = at[3]
    return Way(steps[::-1], exponent, mantissa)
