"""Graph: operations as arrays, in any order, and which of them can be done when others have been.

All of it works on whole arrays of nodes: a loop over a million of them would take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from autograd.engine import Value, unwind
from autograd.primitive import Primitive
from autograd.program.record import Array

__all__ = [
    "BATCHED", "CONSTANT", "INPUT", "PARAMETER", "Agenda", "Builder", "Graph", "firsts_of", "graph_of", "pairs",
    "ranges", "starts_of",
]  # fmt: skip

# The spaces: where a number lives. Only the last two have one number per example.
CONSTANT, PARAMETER, INPUT, BATCHED = range(4)


@dataclass
class Graph:
    """Operations with arguments, as in a Record, in any order.

    primitives, op, start, args: as there; node numbers below `first` are leaves: constants, parameters, inputs.
    rank: where in the record an operation came from, to keep things in the order of the user's loops.
    `identity` is a copy into the next higher space that can hold it.
    wanted: the nodes asked for. space, depth: of every node, once `with_spaces` found them; the depth of a leaf is 0.
    """

    constants: Array
    n_parameters: int
    first: int
    primitives: list[Primitive]
    op: Array
    start: Array
    args: Array
    rank: Array
    wanted: Array
    space: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    depth: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def number(self, primitive: Primitive) -> int:
        """The place of a primitive in the list, where it is put if need be."""
        if primitive not in self.primitives:
            self.primitives.append(primitive)
        return self.primitives.index(primitive)

    def which(self, *primitives: Primitive) -> Array:
        """Whether each operation is one of these."""
        found: Array = np.array([primitive in primitives for primitive in self.primitives], dtype=bool)[self.op]
        return found

    @property
    def length(self) -> Array:
        """How many arguments each operation has."""
        return np.diff(self.start)

    @property
    def owner(self) -> Array:
        """The operation that each entry of `args` belongs to."""
        return np.repeat(np.arange(len(self.op)), self.length)

    def is_constant(self, nodes: Array, x: float) -> Array:
        """Whether each node is the constant x."""
        known = np.append(self.constants, np.nan)
        found: Array = known[np.minimum(nodes, len(self.constants))] == x
        return found

    def with_constants(self, constants: Array) -> Graph:
        """The graph with more constants, which stand after those that it has."""
        old, more = len(self.constants), len(constants)
        args, wanted = (np.where(nodes >= old, nodes + more, nodes) for nodes in (self.args, self.wanted))
        both = np.concatenate([self.constants, constants])
        return replace(self, constants=both, first=self.first + more, args=args, wanted=wanted)

    def chosen(self, keep: Array) -> Graph:
        """The graph with some of its operations only, numbered anew."""
        number = np.concatenate([np.arange(self.first), self.first - 1 + np.cumsum(keep)])
        length = self.length[keep]
        entries = ranges(self.start[:-1][keep], length)
        return replace(
            self, op=self.op[keep], start=starts_of(length), args=number[self.args[entries]], rank=self.rank[keep],
            wanted=number[self.wanted],
        )  # fmt: skip


def ranges(start: Array, length: Array) -> Array:
    """start[0], start[0] + 1, ... length[0] of them, then those from start[1]."""
    found: Array = np.arange(int(length.sum())) + np.repeat(start - np.cumsum(length) + length, length)
    return found


def starts_of(length: Array) -> Array:
    """Where each of several stretches starts, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(length)]).astype(np.int64)


def firsts_of(keys: Array) -> tuple[Array, Array]:
    """Where each key stands for the first time; and for every entry, which of these it is."""
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return first[order], number[which.ravel()]


def pairs(x1: Array, x2: Array) -> Array:
    """x1[0], x2[0], x1[1], x2[1], ...: the arguments of operations of two."""
    return np.stack([x1, x2], axis=1).ravel()


def graph_of(order: Sequence[Value]) -> tuple[Graph, Array]:
    """The graph of Values, in an order such as that of `topological`, as it is; and which of them each node is.

    Its last one is wanted. Node `len(constants) + i` is `order[values[i]]`: leaves first, then operations.
    """
    nodes = list(order)
    primitives, op, start, args, _, constants = unwind(nodes)
    values = np.concatenate([np.flatnonzero(op < 0), np.flatnonzero(op >= 0)])
    numbers = np.empty(len(op) + len(constants), dtype=np.int64)
    numbers[values] = len(constants) + np.arange(len(op))
    numbers[len(op) :] = np.arange(len(constants))[::-1]  # an argument ~i is constant i: it counts from the end
    is_op = op >= 0
    n_leaves = int(len(op) - is_op.sum())
    graph = Graph(
        constants, n_leaves, len(constants) + n_leaves, primitives, op[is_op], np.append(start[:-1][is_op], len(args)),
        numbers[args], np.arange(len(op) - n_leaves), numbers[len(op) - 1 : len(op)],
    )  # fmt: skip
    return graph, values


class Agenda:
    """Which operations are ready: those whose arguments are all there.

    waiting: how many arguments of each one are not there yet.
    """

    def __init__(self, graph: Graph) -> None:
        inner = np.flatnonzero(graph.args >= graph.first)
        producers, owner = graph.args[inner] - graph.first, graph.owner[inner]
        n = len(graph.op)
        self.waiting = np.bincount(owner, minlength=n)
        self.users = owner[np.argsort(producers, kind="stable")]
        self.starts = starts_of(np.bincount(producers, minlength=n))
        self.last = np.empty(n, dtype=np.int64)

    def done(self, nodes: Array) -> Array:
        """The operations that are ready now that these have been done, in order."""
        touched = self.users[ranges(self.starts[nodes], self.starts[nodes + 1] - self.starts[nodes])]
        np.subtract.at(self.waiting, touched, 1)
        released = touched[self.waiting[touched] == 0]
        self.last[released] = np.arange(len(released))
        return np.sort(released[self.last[released] == np.arange(len(released))])  # each once


@dataclass
class Operations:
    """New operations. op, length: of each. args: of all, one after the other. rank: as in a Graph. stands_for: the old
    operation that each is from now on, or -1.
    """

    op: Array
    length: Array
    args: Array
    rank: Array
    stands_for: Array


class Builder:
    """A graph with new operations, some of them in the place of old ones."""

    def __init__(self, graph: Graph) -> None:
        self.base = graph
        self.n = len(graph.op)
        self.added: list[Operations] = []

    @property
    def next(self) -> int:
        """The node number of the operation that is added next."""
        return self.base.first + self.n

    def add(
        self, primitive: Primitive | Array, length: Array | int, args: Array, rank: Array, stands_for: Array | int = -1
    ) -> Array:
        """Add operations of a primitive, or of several by their places in the list; returns their node numbers."""
        op = self.base.number(primitive) if isinstance(primitive, Primitive) else primitive
        count = len(rank)
        op, length, stands_for = (np.broadcast_to(x, count) for x in (op, length, stands_for))
        self.added.append(Operations(op, length, args, rank, stands_for))
        numbers = self.next + np.arange(count)
        self.n += count
        return numbers

    def graph(self, keep: Array, args: Array | None = None) -> Graph:
        """The graph with those of its operations that are kept, and the new ones. args: of the old ones, if changed."""
        graph, added, old = self.base, self.added, len(self.base.op)
        stands_for = np.concatenate([new.stands_for for new in added])
        alias = np.arange(graph.first + self.n)
        named = stands_for >= 0
        alias[graph.first + stands_for[named]] = graph.first + old + np.flatnonzero(named)
        length = np.concatenate([graph.length, *(new.length for new in added)])
        args = np.concatenate([graph.args if args is None else args, *(new.args for new in added)])
        both = replace(
            graph, op=np.concatenate([graph.op, *(new.op for new in added)]), start=starts_of(length), args=alias[args],
            rank=np.concatenate([graph.rank, *(new.rank for new in added)]), wanted=alias[graph.wanted],
        )  # fmt: skip
        return both.chosen(np.concatenate([keep, np.ones(self.n - old, dtype=bool)]))
