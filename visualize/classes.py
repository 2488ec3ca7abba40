"""The nodes of a large graph in classes of those that are alike, all of it on arrays.

Sums and dots are put together first, by the normal form of programs. Then nodes are sorted into classes, coarse to
fine: at first by operation, and round by round by the classes of what they are computed from and of what reads them
(colour refinement), until there would be too many, or until a round tells hardly any nodes apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from autograd import Value
from autograd import primitives as table
from autograd.program.graph import Graph, graph_of, ranges
from autograd.program.normalise import products
from autograd.program.record import Array
from autograd.program.terms import Terms, terms_of
from visualize.description import short_names

__all__ = ["Batch", "Flat", "batch_of", "classes_of", "depths_of", "numbered"]

MOVED = 0.02
"""A round that moves a smaller share of the nodes out of the largest part of their class is not worth its boxes."""

FEW_EXAMPLES = 4
"""A sum of fewer arguments is no batch."""

MOST_OF = 0.25
"""What belongs to the examples is at least this share of the nodes; or a frame would tell little."""

TRIED = 3
"""Sums that may be that of the examples: the widest ones, and those nearest to the result."""

DEEP = 20_000
"""Examples of more operations in a row than this are not looked for: it would take as many steps."""


# ---------------------------------------------------------------- nodes and arrows


class Flat:
    """The graph as arrays, leaves before operations; sums and dots put together.

    values: which Value of `order` each node is. alive: those that are still there: the others are part of a sum. kind:
    of each node, its place among `kinds`, names; parameter: whether it is one. source, target: of each arrow, ordered
    by target. whole: how many nodes of the graph each node stands for.
    """

    def __init__(self, order: list[Value], names: dict[Value, str], boxes: int) -> None:
        self.order = order
        graph, self.values = graph_of(order)
        self.n = len(order)
        self.kinds: list[str] = []
        self.layers: dict[int, str] = {}  # of kinds of parameters
        self.kind = np.full(self.n, -1)
        n_leaves = graph.first - len(graph.constants)
        self.parameter = np.zeros(self.n, dtype=bool)
        self._name_leaves(n_leaves, names, boxes)
        self._name_operations(graph, n_leaves)
        self._join(graph, n_leaves)
        self._name_labelled(n_leaves, boxes)
        self.root = int(np.flatnonzero(self.values == self.n - 1)[0])
        self.kind[self.root] = self._kind_like(int(self.kind[self.root]))
        self.stale = self._is_stale(graph)

    def _kind(self, name: str) -> int:
        self.kinds.append(name)
        return len(self.kinds) - 1

    def _kind_like(self, kind: int, name: str | None = None) -> int:
        """A new kind, apart from another one, but of the same operation."""
        new = self._kind(self.kinds[kind] if name is None else name)
        if kind in self.primitive_of:
            self.primitive_of[new] = self.primitive_of[kind]
        return new

    def _is_stale(self, graph: Graph) -> bool:
        """Whether a leaf was changed after something was computed from it."""
        moments = np.fromiter((v._moment for v in self.order), np.int64, self.n)[self.values]
        constants, first = len(graph.constants), graph.first
        leaves = (graph.args >= constants) & (graph.args < first)
        readers = graph.owner[leaves] + first - constants
        return bool((moments[graph.args[leaves] - constants] > moments[readers]).any())

    def _name_leaves(self, n_leaves: int, names: dict[Value, str], boxes: int) -> None:
        found: dict[str, int] = {"": self._kind("leaves")}
        self.kind[:n_leaves] = 0
        labels = {k: self.order[i].label for k, i in enumerate(self.values[:n_leaves].tolist()) if self.order[i].label}
        if len(set(labels.values())) <= boxes // 4:
            for k, label in labels.items():
                if label not in found:
                    found[label] = self._kind(label)
                self.kind[k] = found[label]
            found = {"": 0}
        if not names:
            return
        for k, i in enumerate(self.values[:n_leaves].tolist()):
            name = names.get(self.order[i])
            if name is None:
                continue
            self.parameter[k] = True
            kind, layer = _kind_of_parameter(name)
            if kind not in found:
                found[kind] = self._kind(kind)
                self.layers[found[kind]] = layer
            self.kind[k] = found[kind]
        if len(found) > boxes // 2:  # so many layers: weights are one kind, biases another
            merged: dict[str, int] = {}
            for k in np.flatnonzero(self.parameter).tolist():
                word = self.kinds[self.kind[k]].rstrip("⁰¹²³⁴⁵⁶⁷⁸⁹")
                if word not in merged:
                    merged[word] = self._kind(word)
                self.kind[k] = merged[word]
            self.layers = {}

    def _name_operations(self, graph: Graph, n_leaves: int) -> None:
        kinds = np.array([self._kind(primitive.symbol) for primitive in graph.primitives], dtype=np.int64)
        self.kind[n_leaves:] = kinds[graph.op]
        self.primitive_of = dict(zip(kinds.tolist(), graph.primitives, strict=True))
        powers = np.flatnonzero(graph.which(table.pow))
        exponents = graph.args[graph.start[:-1][powers] + 1]
        fixed = exponents < len(graph.constants)
        for x in np.unique(graph.constants[exponents[fixed]]):
            mine = powers[fixed][graph.constants[exponents[fixed]] == x]
            self.kind[n_leaves + mine] = self._kind(f"x^{x:g}")

    def _join(self, graph: Graph, n_leaves: int) -> None:
        """Sums and dots put together again, except where a part has a name of its own."""
        constants = len(graph.constants)
        self.labelled = [i for i, k in enumerate(self.values[n_leaves:].tolist()) if self.order[k].label]
        graph.wanted = np.append(graph.wanted, graph.first + np.array(self.labelled, dtype=np.int64))
        joined = products(graph)
        terms, whole, gone = terms_of(joined, brackets=True, fewest=2)
        self.alive = np.ones(self.n, dtype=bool)
        self.alive[n_leaves:] = ~gone
        self.whole = np.ones(self.n, dtype=np.int64)
        self._count(joined, gone, n_leaves)
        self._name_sums(terms, whole, n_leaves)
        ordinary = np.flatnonzero(~whole & ~gone)
        length = graph.length[ordinary]  # as it was written: x ** 2 reads x once
        squares = terms.x1 == terms.x2
        source = np.concatenate([
            graph.args[ranges(graph.start[ordinary], length)], terms.x1, terms.x2[~squares]
        ])  # fmt: skip
        target = np.concatenate([np.repeat(ordinary, length), terms.into, terms.into[~squares]]) + n_leaves
        known = source >= constants
        source, target = source[known] - constants, target[known]
        by_target = np.argsort(target, kind="stable")
        self.source, self.target = source[by_target], target[by_target]

    def _name_labelled(self, n_leaves: int, boxes: int) -> None:
        """What the user gave a name is of a kind of its own, if there are not too many names."""
        names = {i: self.order[self.values[n_leaves + i]].label for i in self.labelled}
        if len(set(names.values())) > boxes // 4:
            return
        found: dict[tuple[int, str], int] = {}
        for i, name in names.items():
            kind = int(self.kind[n_leaves + i])
            if (kind, name) not in found:
                found[kind, name] = self._kind_like(kind, name)
            self.kind[n_leaves + i] = found[kind, name]

    def _count(self, graph: Graph, gone: Array, n_leaves: int) -> None:
        """Give what became part of a sum to the sum: each is read once, so its reader is known."""
        n = len(graph.op)
        reader = np.arange(n)
        inner = graph.args >= graph.first
        reader[graph.args[inner] - graph.first] = graph.owner[inner]
        top = np.where(gone, reader, np.arange(n))
        while not np.array_equal(top, top[top]):
            top = top[top]
        self.whole[n_leaves:] = np.bincount(top, minlength=n)

    def _name_sums(self, terms: Terms, whole: Array, n_leaves: int) -> None:
        n = len(whole)
        pairs = np.bincount(terms.into[terms.x2 >= 0], minlength=n)
        squares = np.bincount(terms.into[(terms.x2 >= 0) & (terms.x1 == terms.x2)], minlength=n)
        others = np.bincount(terms.into[terms.x2 < 0], minlength=n)
        shape = np.where(pairs == 0, 0, np.where(squares == pairs, 1, 2)) * 3 + np.minimum(others, 2) * (pairs > 0)
        words = ["Σ", "", "", "Σ x²", "Σ x² + b", "Σ x² + …", "Σ w·x", "Σ w·x + b", "Σ w·x + …"]
        sums = np.flatnonzero(whole)
        for found in np.unique(shape[sums]).tolist():
            self.kind[n_leaves + sums[shape[sums] == found]] = self._kind(words[found])

    @cached_property
    def nodes(self) -> Array:
        """Those that are there."""
        return np.flatnonzero(self.alive)

    @cached_property
    def by_source(self) -> Array:
        """The arrows, ordered by source."""
        return np.argsort(self.source, kind="stable")


def _kind_of_parameter(name: str) -> tuple[str, str]:
    """The layer and what it is: w⁰ for layers.0.neurons.3.weights.5; and its layer, 0."""
    if not name:
        return "parameters", ""
    short = next(iter(short_names([name]).values())).rstrip("₀₁₂₃₄₅₆₇₈₉,")
    parts = name.split(".")
    return short, parts[1] if parts[0] == "layers" and len(parts) > 1 else ""


# ---------------------------------------------------------------- the examples of a batch


class Batch(NamedTuple):
    """What belongs to one example alone: of each node which one, or -1; and how many examples there are (size)."""

    example: Array
    size: int


def batch_of(flat: Flat) -> Batch | None:
    """The sum whose arguments, with all that nothing else reads, are most of the graph: those are the examples."""
    fan_in = np.bincount(flat.target, minlength=flat.n)
    sums = np.flatnonzero(fan_in >= FEW_EXAMPLES)
    widest = sums[np.argsort(-fan_in[sums], kind="stable")[:TRIED]]
    found: Batch | None = None
    largest = 0
    for sum_ in dict.fromkeys([*widest.tolist(), *sums[-TRIED:].tolist()]):
        first, last = np.searchsorted(flat.target, [sum_, sum_ + 1])
        arguments = flat.source[first:last]
        if len(np.unique(flat.kind[arguments])) > 1 or flat.parameter[arguments].any():
            continue
        batch = Batch(_examples(flat, arguments), len(arguments))
        size = int((batch.example >= 0).sum())
        if size >= max(2 * batch.size, MOST_OF * len(flat.nodes), largest + 1):
            found, largest = batch, size
    return found


def _examples(flat: Flat, arguments: Array) -> Array:
    """Of each node, which argument it leads to if it leads to no other, else -1; from the arguments towards leaves."""
    ends = np.bincount(flat.source, minlength=flat.n)  # arrows to readers that have not been looked at
    first = np.searchsorted(flat.target, np.arange(flat.n + 1))
    low, high = np.full(flat.n, flat.n), np.full(flat.n, -1)
    example = np.full(flat.n, -1)
    front, which = arguments, np.arange(len(arguments))
    np.subtract.at(ends, front, 1)
    front, which = front[ends[front] == 0], which[ends[front] == 0]
    for _ in range(DEEP):
        if not len(front):
            return example
        example[front] = which
        length = first[front + 1] - first[front]
        below = flat.source[ranges(first[front], length)]
        mine = np.repeat(which, length)
        np.subtract.at(ends, below, 1)
        np.minimum.at(low, below, mine)
        np.maximum.at(high, below, mine)
        front = np.unique(below)
        front = front[(ends[front] == 0) & (low[front] == high[front]) & ~flat.parameter[front]]
        which = low[front]
    return np.full(flat.n, -1)


# ---------------------------------------------------------------- classes


def classes_of(flat: Flat, batch: Batch | None, most: int) -> Array:
    """A class for each node that is there, -1 for the others."""
    kind = 2 * flat.kind + (batch.example >= 0 if batch else 0)
    return _merged(flat, kind, _refined(flat, kind, most))


def _merged(flat: Flat, kind: Array, classes: Array) -> Array:
    """Operations that do the same with the same are one class again, whoever reads them."""
    count = int(classes.max()) + 1
    own = np.zeros(count, dtype=np.int64)
    own[classes[flat.nodes]] = kind[flat.nodes]
    reads: dict[int, set[int]] = {}
    for pair in np.unique(classes[flat.target] * count + classes[flat.source]).tolist():
        reads.setdefault(pair // count, set()).add(pair % count)
    merged = list(range(count))
    while True:
        known: dict[object, int] = {}
        again = list(range(count))
        for c, sources in reads.items():
            key = (int(own[c]), frozenset(merged[source] for source in sources))
            again[c] = known.setdefault(key, merged[c])
        if again == merged:
            break
        merged = again
    found = np.full(flat.n, -1)
    found[flat.nodes] = numbered(np.array(merged)[classes[flat.nodes]])
    return found


def _refined(flat: Flat, kind: Array, most: int) -> Array:
    """Classes, coarse to fine."""
    nodes = flat.nodes
    classes = np.full(flat.n, -1)
    classes[nodes] = numbered(kind[nodes])
    count = int(classes.max()) + 1
    while True:
        keys = _mixed(classes[nodes].astype(np.uint64))
        for arrows, ends in ((np.arange(len(flat.target)), flat.target), (flat.by_source, flat.source)):
            for mask in _neighbours(flat, classes, arrows, ends, count):
                keys = _mixed(keys + mask[nodes])
        finer = np.full(flat.n, -1)
        finer[nodes] = numbered(keys)
        more = int(finer.max()) + 1
        if more > most or more == count:
            return classes
        parts, sizes = np.unique(classes[nodes] * more + finer[nodes], return_counts=True)
        largest = np.zeros(count, dtype=np.int64)
        np.maximum.at(largest, parts // more, sizes)
        if len(nodes) - int(largest.sum()) < MOVED * len(nodes):
            return classes
        classes, count = finer, more


def _neighbours(flat: Flat, classes: Array, arrows: Array, ends: Array, count: int) -> Iterator[Array]:
    """For each node, the set of the classes at the other end of its arrows, as bits: 64 classes in an array.

    arrows: ordered by the end that is meant, `ends`.
    """
    others = (flat.source if ends is flat.target else flat.target)[arrows]
    mine = ends[arrows]
    leads = np.flatnonzero(np.concatenate([[True], mine[1:] != mine[:-1]])) if len(mine) else np.empty(0, dtype=int)
    for word in range(0, count, 64):
        at = classes[others] - word
        bits = np.where((at >= 0) & (at < 64), np.uint64(1) << (at & 63).astype(np.uint64), np.uint64(0))
        found = np.zeros(flat.n, dtype=np.uint64)
        if len(leads):
            found[mine[leads]] = np.bitwise_or.reduceat(bits, leads)
        yield found


def _mixed(x: Array) -> Array:
    """Numbers of 64 bits, well stirred: what differs before differs after (splitmix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = x ^ (x >> np.uint64(31))
    return mixed


def numbered(keys: Array) -> Array:
    """Keys as numbers from 0, in the order in which they first come."""
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    number = np.empty_like(first)
    number[np.argsort(first, kind="stable")] = np.arange(len(first))
    return number[which.ravel()]


def depths_of(flat: Flat) -> Array:
    """How many operations lead to each node, at most."""
    depth = [0] * flat.n
    for source, target in zip(flat.source.tolist(), flat.target.tolist(), strict=True):  # arguments before results
        if depth[source] >= depth[target]:
            depth[target] = depth[source] + 1
    return np.array(depth)
