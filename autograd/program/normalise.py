"""Normalise: write the record so that equal things look equal.

However a sum was written (`+=` in a loop, `sum(...)`, `dot(...)`), what leaves this room is a `sum` of many terms, in
their order, or a `dot` of many pairs, each of one space. `mean` and `logsumexp` are taken apart, a square is a product.

All of it works on whole arrays of nodes: a loop over a million of them would take seconds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autograd import primitives as table
from autograd.program import spec
from autograd.program.graph import Builder, Graph, pairs, ranges, starts_of
from autograd.program.record import Array, Record
from autograd.program.spaces import one_space, with_spaces
from autograd.program.sums import flatten_sums

__all__ = ["normalise", "products"]


def normalise(record: Record, wanted: Array) -> Graph:
    """The operations of a record that the nodes `wanted` need, in normal form."""
    graph = Graph(
        record.constants, record.n_parameters, record.first, list(record.primitives), record.op.astype(np.int64),
        record.start, record.args, np.arange(len(record.op)), wanted,
    )  # fmt: skip
    for step in (_without_dead, _take_apart, _without_single_sums, products, flatten_sums, with_spaces, one_space):
        graph = step(graph)
    if spec.thorough:
        spec.check_graph(graph)
    return graph


def _without_dead(graph: Graph) -> Graph:
    uses = np.bincount(graph.args, minlength=graph.first + len(graph.op))
    np.add.at(uses, graph.wanted, 1)
    keep = np.ones(len(graph.op), dtype=bool)
    dead = np.flatnonzero(uses[graph.first :] == 0)
    while len(dead):
        keep[dead] = False
        args, times = np.unique(graph.args[ranges(graph.start[dead], graph.length[dead])], return_counts=True)
        uses[args] -= times
        dead = args[(uses[args] == 0) & (args >= graph.first)] - graph.first
    return graph if keep.all() else graph.chosen(keep)


def _take_apart(graph: Graph) -> Graph:
    """mean as sum / n; logsumexp as m + log(sum(exp(x - m))), where m is the largest and nothing flows through it."""
    means, logs = (np.flatnonzero(graph.which(row)) for row in (table.mean, table.logsumexp))
    if not len(means) + len(logs):
        return graph
    counts, which = np.unique(graph.length[means], return_inverse=True)
    build = Builder(graph.with_constants(counts.astype(float)))
    if len(means):
        _take_means_apart(build, means, len(graph.constants) + which)
    if len(logs):
        _take_logs_apart(build, logs)
    keep = np.ones(len(graph.op), dtype=bool)
    keep[means] = keep[logs] = False
    return build.graph(keep)


def _take_means_apart(build: Builder, means: Array, counts: Array) -> None:
    """counts: nodes, of how many numbers each one is the mean."""
    graph, rank, length = build.base, build.base.rank[means], build.base.length[means]
    total = build.add(table.sum, length, graph.args[ranges(graph.start[means], length)], rank)
    build.add(table.div, 2, pairs(total, counts), rank, means)


def _take_logs_apart(build: Builder, logs: Array) -> None:
    graph, rank, length = build.base, build.base.rank[logs], build.base.length[logs]
    x = graph.args[ranges(graph.start[logs], length)]
    shift = build.add(table.stop_gradient, 1, build.add(table.largest, length, x, rank), rank)
    apart = build.add(table.sub, 2, pairs(x, np.repeat(shift, length)), np.repeat(rank, length))
    powers = build.add(table.exp, 1, apart, np.repeat(rank, length))
    total = build.add(table.log, 1, build.add(table.sum, length, powers, rank), rank)
    build.add(table.add, 2, pairs(total, shift), rank, logs)


def _without_single_sums(graph: Graph) -> Graph:
    """A sum of one number is that number."""
    single = graph.which(table.sum) & (graph.length == 1)
    if not single.any():
        return graph
    alias = np.arange(graph.first + len(graph.op))
    alias[graph.first + np.flatnonzero(single)] = graph.args[graph.start[:-1][single]]
    while not np.array_equal(alias, alias[alias]):
        alias = alias[alias]
    return replace(graph, args=alias[graph.args], wanted=alias[graph.wanted]).chosen(~single)


def products(graph: Graph) -> Graph:
    """What can join a dot, as a product: x ** 2 is x * x, and where(a == b, x, 0), as in `take`, is (a == b) * x."""
    start, op, args = graph.start[:-1], graph.op.copy(), graph.args.copy()
    powers = np.flatnonzero(graph.which(table.pow))
    squares = powers[graph.is_constant(args[start[powers] + 1], 2.0)]
    args[start[squares] + 1] = args[start[squares]]
    choices = np.flatnonzero(graph.which(table.where))
    tells = np.append(np.zeros(graph.first, dtype=bool), graph.which(table.equal))
    choices = choices[tells[args[start[choices]]] & graph.is_constant(args[start[choices] + 2], 0.0)]
    op[np.concatenate([squares, choices])] = graph.number(table.mul)
    length = graph.length
    length[choices] = 2
    entries = ranges(start, length)
    return replace(graph, op=op, start=starts_of(length), args=args[entries])
