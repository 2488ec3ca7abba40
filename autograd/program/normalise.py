"""Normalise: write the record so that equal things look equal.

However a sum was written (`+=` in a loop, `sum(...)`, `dot(...)`), what leaves this room is a `sum` of many terms, in
their order, or a `dot` of many pairs, each of one space. `mean` and `logsumexp` are taken apart, a square is a product.

All of it works on whole arrays of nodes: a loop over a million of them would take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from autograd import primitives as table
from autograd.engine import Value, unwind
from autograd.primitive import Primitive
from autograd.program.record import Array, Record

__all__ = [
    "BATCHED", "CONSTANT", "INPUT", "PARAMETER", "Graph", "Terms", "graph_of", "normalise", "products", "ranges",
    "starts_of", "terms_of",
]  # fmt: skip

# The spaces: where a number lives. Only the last two have one number per example.
CONSTANT, PARAMETER, INPUT, BATCHED = range(4)


@dataclass
class Graph:
    """Operations with arguments, as in a Record, in any order.

    primitives, op, start, args: as there; node numbers below `first` are leaves: constants, parameters, inputs.
    rank: where in the record an operation came from, to keep things in the order of the user's loops.
    `identity` is a copy into the next higher space that can hold it.
    wanted: the nodes asked for. space, depth: of every node; the depth of a leaf is 0.
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
    space: Array
    depth: Array

    def number(self, primitive: Primitive) -> int:
        """The place of a primitive in the list, where it is put if need be."""
        if primitive not in self.primitives:
            self.primitives.append(primitive)
        return self.primitives.index(primitive)

    def which(self, *primitives: Primitive) -> Array:
        """Whether each operation is one of these."""
        return np.isin(self.op, [i for i, primitive in enumerate(self.primitives) if primitive in primitives])

    @property
    def length(self) -> Array:
        """How many arguments each operation has."""
        return np.diff(self.start)

    @property
    def owner(self) -> Array:
        """The operation that each entry of `args` belongs to."""
        return np.repeat(np.arange(len(self.op)), self.length)

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
        numbers[args], np.arange(len(op) - n_leaves), numbers[len(op) - 1 : len(op)], np.empty(0), np.empty(0),
    )  # fmt: skip
    return graph, values


def normalise(record: Record, wanted: Array) -> Graph:
    """The operations of a record that the nodes `wanted` need, in normal form."""
    graph = Graph(
        record.constants, record.n_parameters, record.first, list(record.primitives), record.op.astype(np.int64),
        record.start, record.args, np.arange(len(record.op)), wanted, np.empty(0), np.empty(0),
    )  # fmt: skip
    graph = _flatten_sums(products(_without_single_sums(_take_apart(_without_dead(graph)))))
    _find_spaces(graph)
    return _one_space(graph)


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


def _find_spaces(graph: Graph) -> None:
    """Find space and depth of every node, level by level."""
    n = graph.first + len(graph.op)
    n_constants = len(graph.constants)
    graph.space = np.full(n, INPUT)
    graph.space[:n_constants] = CONSTANT
    graph.space[n_constants : n_constants + graph.n_parameters] = PARAMETER
    graph.depth = np.zeros(n, dtype=np.int64)
    inner = graph.args >= graph.first
    waiting = np.bincount(graph.owner[inner], minlength=len(graph.op))
    order = np.argsort(graph.args[inner], kind="stable")
    users = graph.owner[inner][order]
    starts = np.searchsorted(graph.args[inner][order], graph.first + np.arange(len(graph.op) + 1))
    length = graph.length
    copies = graph.which(table.identity)  # into a higher space
    ready, level = np.flatnonzero((waiting == 0) & (length > 0)), 1
    while len(ready):
        entries = ranges(graph.start[ready], length[ready])
        highest = np.maximum.reduceat(graph.space[graph.args[entries]], starts_of(length[ready])[:-1])
        lifted = np.where(copies[ready], highest + 1, highest)
        graph.space[graph.first + ready] = np.where(lifted <= PARAMETER, PARAMETER, BATCHED)
        graph.depth[graph.first + ready] = level
        touched = users[ranges(starts[ready], starts[ready + 1] - starts[ready])]
        np.subtract.at(waiting, touched, 1)
        ready, level = np.unique(touched[waiting[touched] == 0]), level + 1


# ---------------------------------------------------------------- one primitive as several


def _take_apart(graph: Graph) -> Graph:
    """mean as sum / n; logsumexp as m + log(sum(exp(x - m))), where m is the largest and nothing flows through it."""
    means = np.flatnonzero(graph.which(table.mean))
    logs = np.flatnonzero(graph.which(table.logsumexp))
    if not len(means) + len(logs):
        return graph
    counts = np.unique(graph.length[means]).astype(float)
    more = len(counts)
    old = len(graph.constants)

    def moved(nodes: Array) -> Array:
        return np.where(nodes >= old, nodes + more, nodes)  # the new constants stand after the old ones

    args = np.split(moved(graph.args), graph.start[1:-1])
    op, rank = graph.op.tolist(), graph.rank.tolist()
    graph = replace(
        graph, constants=np.concatenate([graph.constants, counts]), first=graph.first + more, wanted=moved(graph.wanted)
    )

    def add(primitive: Primitive, arguments: Array | list[int], k: int) -> int:
        op.append(graph.number(primitive))
        args.append(np.asarray(arguments))
        rank.append(rank[k])
        return graph.first + len(op) - 1

    def become(k: int, primitive: Primitive, *arguments: int) -> None:
        op[k], args[k] = graph.number(primitive), np.asarray(arguments)

    for k in means.tolist():
        n = old + int(np.searchsorted(counts, len(args[k])))
        become(k, table.div, add(table.sum, args[k], k), n)
    for k in logs.tolist():
        shift = add(table.stop_gradient, [add(table.largest, args[k], k)], k)
        powers = [add(table.exp, [add(table.sub, [x, shift], k)], k) for x in args[k].tolist()]
        become(k, table.add, add(table.log, [add(table.sum, powers, k)], k), shift)
    length = np.array([len(arguments) for arguments in args])
    return replace(
        graph, op=np.array(op), rank=np.array(rank), start=starts_of(length), args=np.concatenate(args).astype(np.int64)
    )


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
    start, constants = graph.start[:-1], graph.constants
    op, args = graph.op.copy(), graph.args.copy()

    def is_constant(entries: Array, x: float) -> Array:
        known = np.append(constants, np.nan)
        found: Array = known[np.minimum(args[entries], len(constants))] == x
        return found

    powers = np.flatnonzero(graph.which(table.pow))
    squares = powers[is_constant(start[powers] + 1, 2.0)]
    args[start[squares] + 1] = args[start[squares]]
    choices = np.flatnonzero(graph.which(table.where))
    tells = np.append(np.zeros(graph.first, dtype=bool), graph.which(table.equal))
    choices = choices[tells[args[start[choices]]] & is_constant(start[choices] + 2, 0.0)]
    op[np.concatenate([squares, choices])] = graph.number(table.mul)
    length = graph.length
    length[choices] = 2
    entries = ranges(start, length)
    return replace(graph, op=op, start=starts_of(length), args=args[entries])


# ---------------------------------------------------------------- sums

FEWEST = 4  # products that are worth a dot; fewer are added one by one, exactly as they are written


@dataclass
class Terms:
    """What the chains of additions of a graph add up, one entry a term, in the order in which they are added.

    A chain is ((a + b) - c) + d, a loop with += and -=, or the list of a `sum`: what is added up so far comes first. A
    bracket on the other side is a term of its own.

    into: the operation that the chain is. sign: 1 or -1. x1: the term, or the first factor of a product. x2: the
    second factor, -1 if it is a number alone. run: which run of products, added in any order, the term is of, or -1.
    """

    into: Array
    sign: Array
    x1: Array
    x2: Array
    run: Array

    def chosen(self, which: Array) -> Terms:
        """Some of the terms, by place or by mask."""
        return Terms(*(field[which] for field in (self.into, self.sign, self.x1, self.x2, self.run)))


def _flatten_sums(graph: Graph) -> Graph:
    """Chains of additions as few operations on many terms, which add in the same order as the chain does.

    Only products that follow each other may be added in any order: they become one dot. A dot, and a sum of terms,
    is then in parts of one space, which are added up in order.
    """
    terms, whole, gone = terms_of(graph)
    if not len(terms.into):
        return graph
    spaces = _spaces_with(graph, terms, whole, gone)
    build = _Builder(graph)
    parts = _parts(terms, spaces)
    _add_up(build, graph, terms, parts)
    return build.graph(~whole & ~gone)


def terms_of(graph: Graph, *, brackets: bool = False, fewest: int = FEWEST) -> tuple[Terms, Array, Array]:
    """The terms of all chains that are worth it, and of dots; which operations these are, and which become part of
    them.

    brackets: for those who look and do not compute: sums in brackets are opened, which changes the order in which is
    added, and what is subtracted or negated stays a term. fewest: products that are worth a dot.
    """
    n, first, args, owner = len(graph.op), graph.first, graph.args, graph.owner
    is_neg, is_dot = graph.which(table.neg) & (not brackets), graph.which(table.dot)
    is_product = is_dot | graph.which(table.mul)
    joins, once, absorbed, root = _chains(graph, brackets)

    # Every other argument of a sum is a term: also that of a negation, and a product, which are used for nothing else.
    inner = np.append(np.full(first, -1), np.arange(n))[args]  # as an operation; of a leaf, the last one: see below
    is_term = joins[owner] & ~((args >= first) & absorbed[inner])
    at = np.flatnonzero(is_term)
    at = at[np.lexsort((at, graph.rank[owner[at]], root[owner[at]]))]
    sign = np.where(graph.which(table.sub)[owner[at]] & (at > graph.start[owner[at]]), -1, 1)
    node = args[at]
    negation = np.where((node >= first) & (is_neg & once)[inner[at]], inner[at], -1)
    node = np.where(negation >= 0, args[graph.start[:-1][negation]], node)
    sign = np.where(negation >= 0, -sign, sign)
    inner = np.append(np.full(first, -1), np.arange(n))[node]
    product = np.where((node >= first) & (is_product & once)[inner], inner, -1)
    into = root[owner[at]]
    known = np.append(graph.constants, np.nan)
    zero = (known[np.minimum(node, len(graph.constants))] == 0.0) & _leads(into)  # the 0.0 that a loop starts from
    zero &= np.bincount(into, minlength=n)[into] > 2
    into, sign, node, negation, product = (x[~zero] for x in (into, sign, node, negation, product))

    # Products that follow each other; and what there is enough of to be worth it.
    pairs = np.where(product >= 0, np.where(is_dot[product], graph.length[product] // 2, 1), 0)
    joined = (product >= 0) & (sign > 0)
    run = np.cumsum(_leads(into) | ~joined | ~np.append(False, joined[:-1])) - 1
    several = brackets | (np.bincount(run, weights=joined)[run] > 1)
    many = several & (np.bincount(run, weights=pairs)[run] >= fewest)
    run = np.where(joined & many, run, -1)
    whole = graph.which(table.sum) & ~absorbed
    whole[into[run >= 0]] = True
    whole |= (np.bincount(into, minlength=n) > 2) & joins & ~absorbed
    mine = whole[into]
    into, sign, node, negation, product, run = (x[mine] for x in (into, sign, node, negation, product, run))
    gone = absorbed & whole[root]
    gone[negation[negation >= 0]] = True
    gone[product[run >= 0]] = True
    # A dot outside any run is one of its own.
    alone = np.flatnonzero(is_dot & ~gone)
    whole[alone] = True
    product = np.append(np.where(run >= 0, product, -1), alone)
    run = np.append(run, run.max(initial=-1) + 1 + np.arange(len(alone)))
    into, sign, node = np.append(into, alone), np.append(sign, np.ones(len(alone), int)), np.append(node, alone)
    return _taken_apart(graph, Terms(into, sign, node, np.full(len(into), -1), run), product), whole, gone


class _Chains(NamedTuple):
    """Of each operation: whether it can join a chain of additions; whether it is used once; whether it is the beginning
    of another one, or with brackets a part of it; and the operation that its chain is.
    """

    joins: Array
    once: Array
    absorbed: Array
    root: Array


def _chains(graph: Graph, brackets: bool) -> _Chains:
    """A sum that is used once, as what another one begins with, is the beginning of it."""
    n, first = len(graph.op), graph.first
    joins = graph.which(table.add, table.sum) if brackets else graph.which(table.sub, table.add, table.sum)
    uses = np.bincount(graph.args, minlength=first + n)
    uses[graph.wanted] += 2
    entry = np.zeros(first + n, dtype=np.int64)
    entry[graph.args] = np.arange(len(graph.args))
    once, entry = uses[first:] == 1, entry[first:]
    user = graph.owner[entry]
    absorbed = joins & once & joins[user] & (brackets | (entry == graph.start[user]))
    root = np.where(absorbed, user, np.arange(n))
    while not np.array_equal(root, root[root]):
        root = root[root]
    return _Chains(joins, once, absorbed, root)


def _taken_apart(graph: Graph, terms: Terms, product: Array) -> Terms:
    """The terms with one entry for each pair of factors of the products in runs."""
    half = np.where(product >= 0, graph.length[product] // 2, 1)
    found = terms.chosen(np.repeat(np.arange(len(product)), half))
    within = np.repeat(product >= 0, half)
    left = ranges(graph.start[:-1][product[product >= 0]], half[product >= 0])
    found.x1[within] = graph.args[left]
    found.x2[within] = graph.args[left + half[np.repeat(np.arange(len(product)), half)[within]]]
    return found.chosen(np.argsort(found.into, kind="stable"))


def _leads(into: Array) -> Array:
    """Whether each is the first of its chain."""
    return np.concatenate([[True], into[1:] != into[:-1]])[: len(into)]


def _spaces_with(graph: Graph, terms: Terms, whole: Array, gone: Array) -> Array:
    """The spaces of all nodes, found in the graph as it is with these terms as arguments, which is less deep."""
    n = len(graph.op)
    ordinary = ~whole & ~gone
    both = np.stack([terms.x1, terms.x2], axis=1).ravel()
    each = np.bincount(terms.into, weights=np.where(terms.x2 < 0, 1, 2), minlength=n).astype(np.int64)
    length = np.where(ordinary, graph.length, 0) + each
    start = starts_of(length)
    mixed = np.empty(start[-1], dtype=np.int64)
    mine, sums = np.flatnonzero(ordinary), np.flatnonzero(whole)
    mixed[ranges(start[mine], graph.length[mine])] = graph.args[ranges(graph.start[mine], graph.length[mine])]
    mixed[ranges(start[sums], length[sums])] = both[both >= 0]
    between = replace(graph, start=start, args=mixed)
    _find_spaces(between)
    return between.space


@dataclass
class Parts:
    """Stretches of the terms, in the order in which they are added up: of one chain and one space (a run of products:
    of one pair of spaces).

    into: the chain. terms: places among the terms, those of part k from `start[k]` on, `count[k]` of them.
    pair: whether it is of products. place: which one it is in its chain. last: whether it is the last there.
    """

    into: Array
    terms: Array
    start: Array
    count: Array
    pair: Array
    place: Array
    last: Array


MANY = 3  # numbers that are worth a sum of their own; fewer are added one by one


def _parts(terms: Terms, spaces: Array) -> Parts:
    """The terms in parts; of products, the factor of the lower space comes first from now on."""
    pair = terms.x2 >= 0
    s1, s2 = spaces[terms.x1], np.where(pair, spaces[terms.x2], -1)
    swap = pair & (s1 > s2)
    terms.x1, terms.x2 = np.where(swap, terms.x2, terms.x1), np.where(swap, terms.x1, terms.x2)
    kind = np.where(pair, 4 + 4 * np.minimum(s1, s2) + np.maximum(s1, s2), s1)
    change = _leads(terms.into) | (terms.run != np.append(-1, terms.run[:-1]))
    change |= ~pair & (kind != np.append(-1, kind[:-1]))
    stretch = np.cumsum(change) - 1
    few = ~pair & (np.bincount(stretch)[stretch] < MANY)
    stretch = np.cumsum(change | few) - 1
    # The kinds of one run may alternate: all products of one kind together, in the order of the first of each.
    _, first, which = np.unique(stretch * 32 + kind, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    which = number[which.ravel()]
    first = first[order]
    into = terms.into[first]
    leads = _leads(into)
    place = np.arange(len(into)) - np.flatnonzero(leads)[np.cumsum(leads) - 1]
    count = np.bincount(which)
    by_part = np.argsort(which, kind="stable")
    return Parts(into, by_part, starts_of(count)[:-1], count, pair[first], place, np.append(leads[1:], True))


def _add_up(build: _Builder, graph: Graph, terms: Terms, parts: Parts) -> None:
    """New operations: the parts, and what adds them up, one after the other; the last one of a chain is the chain."""
    sums, add, sub = graph.number(table.sum), graph.number(table.add), graph.number(table.sub)
    rank = graph.rank[parts.into]
    stands_for = np.where(parts.last, parts.into, -1)
    part = terms.x1[parts.terms[parts.start]]
    minus = terms.sign[parts.terms[parts.start]] < 0

    made = np.flatnonzero(parts.pair)
    op = np.where(parts.count[made] > 1, graph.number(table.dot), graph.number(table.mul))
    alone = np.where(parts.place[made] == 0, stands_for[made], -1)
    part[made] = build.add(op, 2 * parts.count[made], _factors(terms, parts, made), rank[made], alone)

    # In a sum of many, what is subtracted is added with its sign turned; and so is what a chain begins with.
    several = ~parts.pair & (parts.count > 1)
    turned = (terms.sign < 0) & np.isin(np.arange(len(terms.into)), parts.terms[_entries(parts, several)])
    turned |= (terms.sign < 0) & _leads(terms.into)
    minus &= ~several & (parts.place > 0)
    which = np.flatnonzero(turned)
    none = np.full(len(which), -1)
    terms.x1[which] = build.add(graph.number(table.neg), 1, terms.x1[which], graph.rank[terms.into[which]], none)
    part = np.where(parts.pair, part, terms.x1[parts.terms[parts.start]])

    total = part.copy()
    for depth in range(int(parts.place.max()) + 1):
        now = np.flatnonzero((parts.place == depth) & several)
        entries = _entries(parts, now)
        args, length = terms.x1[parts.terms[entries]], parts.count[now]
        if depth:
            args, length = np.insert(args, starts_of(length)[:-1], total[now - 1]), length + 1
        total[now] = build.add(sums, length, args, rank[now], stands_for[now])
        now = np.flatnonzero((parts.place == depth) & ~several)
        if depth:
            args = np.stack([total[now - 1], part[now]], axis=1).ravel()
            total[now] = build.add(np.where(minus[now], sub, add), 2, args, rank[now], stands_for[now])


def _entries(parts: Parts, which: Array) -> Array:
    """Where in `parts.terms` the terms of some parts stand."""
    return ranges(parts.start[which], parts.count[which])


def _factors(terms: Terms, parts: Parts, which: Array) -> Array:
    """The arguments of dots: all left factors and then all right ones, for each."""
    count = parts.count[which]
    start = starts_of(2 * count)[:-1]
    args = np.empty(2 * int(count.sum()), dtype=np.int64)
    of = parts.terms[_entries(parts, which)]
    args[ranges(start, count)] = terms.x1[of]
    args[ranges(start + count, count)] = terms.x2[of]
    return args


def _one_space(graph: Graph) -> Graph:
    """Lists of mixed spaces, other than sums and dots, get copies of their arguments that are all in the same one."""
    lists = graph.which(*(row for row in graph.primitives if row.rule is not None and row is not table.dot))
    lists = np.flatnonzero(lists & (graph.length > 0))
    entries = ranges(graph.start[lists], graph.length[lists])
    starts = starts_of(graph.length[lists])[:-1]
    spaces = graph.space[graph.args[entries]]
    if not len(lists):
        return graph
    highest, lowest = np.maximum.reduceat(spaces, starts), np.minimum.reduceat(spaces, starts)
    # A copy of an input is a batched number.
    goal = np.where(highest == lowest, -1, np.where(highest == INPUT, BATCHED, highest))
    lift = entries[spaces < np.repeat(goal, graph.length[lists])]
    if not len(lift):
        return graph
    build = _Builder(graph)
    args = graph.args.copy()
    none = np.full(len(lift), -1)
    args[lift] = build.add(graph.number(table.identity), 1, args[lift], graph.rank[graph.owner[lift]], none)
    build.base = replace(graph, args=args)
    graph = build.graph(np.ones(len(graph.op), dtype=bool))
    _find_spaces(graph)
    return _one_space(graph)  # from a constant to a batched number it is two steps


class _Builder:
    """Operations that take the place of others in a graph."""

    def __init__(self, graph: Graph) -> None:
        self.base = graph
        self.n = len(graph.op)
        self.op: list[Array] = []
        self.length: list[Array] = []
        self.args: list[Array] = []
        self.rank: list[Array] = []
        self.stands_for: list[Array] = []

    def add(self, op: Array | int, length: Array | int, args: Array, rank: Array, stands_for: Array) -> Array:
        """Add operations; returns their node numbers. `stands_for`: the operation that each is from now on, or -1."""
        count = len(rank)
        numbers = self.base.first + self.n + np.arange(count)
        self.n += count
        self.op.append(np.broadcast_to(op, count))
        self.length.append(np.broadcast_to(length, count))
        self.args.append(args)
        self.rank.append(rank)
        self.stands_for.append(stands_for)
        return numbers

    def graph(self, keep: Array) -> Graph:
        """The graph with those of its operations that are kept, and the new ones."""
        graph, old = self.base, len(self.base.op)
        stands_for = np.concatenate(self.stands_for)
        alias = np.arange(graph.first + self.n)
        named = stands_for >= 0
        alias[graph.first + stands_for[named]] = graph.first + old + np.flatnonzero(named)
        length = np.concatenate([graph.length, *self.length])
        both = replace(
            graph, op=np.concatenate([graph.op, *self.op]), start=starts_of(length),
            args=alias[np.concatenate([graph.args, *self.args])], rank=np.concatenate([graph.rank, *self.rank]),
            wanted=alias[graph.wanted],
        )  # fmt: skip
        return both.chosen(np.concatenate([keep, np.ones(self.n - old, dtype=bool)]))
