"""Normalise: write the record so that equal things look equal.

However a sum was written (`+=` in a loop, `sum(...)`, `dot(...)`), what leaves this room is a `sum` of many terms or a
`dot` of many pairs, each of one space. `mean` and `logsumexp` are taken apart, and a square is a product.

All of it works on whole arrays of nodes: a loop over a million of them would take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.record import Array, Record

__all__ = ["BATCHED", "CONSTANT", "INPUT", "PARAMETER", "Graph", "normalise", "ranges"]

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


def normalise(record: Record, wanted: Array) -> Graph:
    """The operations of a record that the nodes `wanted` need, in normal form."""
    graph = Graph(
        record.constants, record.n_parameters, record.first, list(record.primitives), record.op.astype(np.int64),
        record.start, record.args, np.arange(len(record.op)), wanted, np.empty(0), np.empty(0),
    )  # fmt: skip
    graph = _flatten_sums(_products(_without_single_sums(_take_apart(_without_dead(graph)))))
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


def _products(graph: Graph) -> Graph:
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


def _flatten_sums(graph: Graph) -> Graph:
    """Sums of sums as one sum, products in them as one dot; each then in parts of one space, which are added up."""
    n, first, args, owner = len(graph.op), graph.first, graph.args, graph.owner
    is_sub, is_neg = graph.which(table.sub), graph.which(table.neg)
    is_dot = graph.which(table.dot)
    is_product = is_dot | graph.which(table.mul)
    joins = is_sub | graph.which(table.add, table.sum)
    entries = np.arange(len(args))

    # An operation that is used once, by a sum, can be part of it.
    uses = np.bincount(args, minlength=first + n)
    uses[graph.wanted] += 2
    entry = np.zeros(first + n, dtype=np.int64)
    entry[args] = entries
    user = owner[entry[first:]]
    once = uses[first:] == 1
    passing = joins | (is_neg & once & joins[user])
    absorbed = passing & once & passing[user]
    product = is_product & once & passing[user]
    sign = np.where((is_sub[owner] & (entries > graph.start[owner])) | is_neg[owner], -1, 1)

    # The root of every sum, and with which sign its parts arrive there: pointers that double their reach.
    root = np.where(absorbed, user, np.arange(n))
    arrives = np.where(absorbed, sign[entry[first:]], 1)
    while not np.array_equal(root, root[root]):
        arrives, root = arrives * arrives[root], root[root]

    # a + b and a * b + c are best left alone; a * b + c * d is a dot.
    whole = np.zeros(n, dtype=bool)  # the roots of sums that are to be flattened
    whole[root[absorbed]] = True
    whole |= graph.which(table.sum)
    products = np.bincount(user[product], minlength=n)
    whole |= joins & ~absorbed & (products == 2)
    whole &= ~absorbed
    product &= whole[root[user]]
    whole |= is_dot & ~product

    # Terms: a factor alone (its partner is -1) or a pair, in the order of the user's loops.
    inside = whole[root[owner]] & passing[owner] & joins[root[owner]]
    node = args - first  # as an operation
    operation = args >= first
    is_absorbed, of_product = np.zeros((2, len(args)), dtype=bool)
    is_absorbed[operation] = absorbed[node[operation]]
    of_product[operation] = product[node[operation]]
    plain = np.flatnonzero(inside & ~is_absorbed & ~of_product)
    paired = np.flatnonzero(inside & of_product)
    alone = np.flatnonzero(whole & is_dot)  # a dot outside any sum is one of its own
    factors = np.concatenate([node[paired], alone])
    half = np.where(is_dot[factors], graph.length[factors] // 2, 1)
    left = ranges(graph.start[factors], half)
    right = left + np.repeat(half, half)
    through = owner[np.concatenate([plain, paired])]
    each = np.concatenate([np.ones(len(plain), dtype=np.int64), half])
    into = np.repeat(np.concatenate([root[through], alone]), each)
    arriving = (sign * arrives[owner])[np.concatenate([plain, paired])]
    signs = np.repeat(np.concatenate([arriving, np.ones(len(alone), dtype=np.int64)]), each)
    behind = np.repeat(np.concatenate([graph.rank[through], graph.rank[alone]]), each)
    at = np.repeat(np.concatenate([plain, paired, np.zeros(len(alone), dtype=np.int64)]), each)
    order = np.lexsort((at, behind, into))
    x1 = np.concatenate([args[plain], args[left]])[order]
    x2 = np.concatenate([np.full(len(plain), -1), args[right]])[order]
    into, signs = into[order], signs[order]
    if not len(into):
        return graph
    # The 0.0 that a loop starts from, where enough else is added up.
    zero = (x2 < 0) & (np.append(graph.constants, np.nan)[np.minimum(x1, len(graph.constants))] == 0.0)
    rest = np.bincount(into, weights=np.where(zero, 0, np.where(x2 < 0, 1, 2)), minlength=n)
    stays = ~zero | (rest[into] < 2)
    x1, x2, into, signs = x1[stays], x2[stays], into[stays], signs[stays]

    # Spaces, from the graph as it would be with these terms as arguments.
    kept = ~absorbed & ~product
    ordinary = kept & ~whole
    terms = np.where(x2 < 0, 1, 2)
    both = np.stack([x1, x2], axis=1).ravel()
    length = np.where(ordinary, graph.length, 0) + np.bincount(into, weights=terms, minlength=n).astype(np.int64)
    start = starts_of(length)
    mixed = np.empty(start[-1], dtype=np.int64)
    mine = np.flatnonzero(ordinary)
    mixed[ranges(start[mine], graph.length[mine])] = args[ranges(graph.start[mine], graph.length[mine])]
    sums = np.flatnonzero(whole)
    mixed[ranges(start[sums], length[sums])] = both[both >= 0]
    between = replace(graph, start=start, args=mixed)
    _find_spaces(between)
    space = between.space

    # Parts: terms of one sum with one sign and one pair of spaces, those of lower spaces first.
    s1, s2 = space[x1], np.where(x2 < 0, -1, space[x2])
    swap = (s2 >= 0) & (s1 > s2)
    x1, x2 = np.where(swap, x2, x1), np.where(swap, x1, x2)
    s1, s2 = np.where(swap, s2, s1), np.where(swap, s1, s2)
    kind = ((signs < 0) * 2 + (np.maximum(s1, s2) >= INPUT)) * 32 + (s2 + 1) * 4 + s1
    order = np.lexsort((kind, into))
    x1, x2, into, kind = x1[order], x2[order], into[order], kind[order]
    new = np.concatenate([[True], (into[1:] != into[:-1]) | (kind[1:] != kind[:-1])])
    at = np.flatnonzero(new)
    count = np.diff(np.append(at, len(into)))
    sum_of, minus = into[at], kind[at] >= 64
    pair = x2[at] >= 0
    alone = ~pair & (count == 1)
    leads = np.concatenate([[True], sum_of[1:] != sum_of[:-1]])
    ends = np.append(leads[1:], True)
    single = leads & ends & ~minus & ~alone  # the sum is this part

    # New operations: the parts, then what adds them up; the last of each sum is the sum itself.
    build = _Builder(graph)
    part = np.where(alone, x1[at], 0)
    made = np.flatnonzero(~alone)
    part[made] = build.add(
        np.select(
            [pair[made] & (count[made] > 1), pair[made], count[made] > 2],
            [graph.number(table.dot), graph.number(table.mul), graph.number(table.sum)], graph.number(table.add),
        ),
        np.where(pair[made], 2, 1) * count[made],
        _parts(x1, x2, at[made], count[made], pair[made]), graph.rank[sum_of[made]],
        np.where(single[made], sum_of[made], -1),
    )  # fmt: skip
    negative = np.flatnonzero(leads & minus)
    part[negative] = build.add(
        graph.number(table.neg), 1, part[negative], graph.rank[sum_of[negative]],
        np.where(ends[negative], sum_of[negative], -1),
    )  # fmt: skip
    place = np.arange(len(at)) - np.flatnonzero(leads)[np.cumsum(leads) - 1]
    total = part.copy()
    for depth in range(1, int(place.max()) + 1):
        now = np.flatnonzero(place == depth)
        total[now] = build.add(
            np.where(minus[now], graph.number(table.sub), graph.number(table.add)), 2,
            np.stack([total[now - 1], part[now]], axis=1).ravel(), graph.rank[sum_of[now]],
            np.where(ends[now], sum_of[now], -1),
        )  # fmt: skip
    return build.graph(ordinary)


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


def _parts(x1: Array, x2: Array, at: Array, count: Array, pair: Array) -> Array:
    """The arguments of each part: its terms, or all left factors and then all right ones."""
    length = np.where(pair, 2, 1) * count
    start = starts_of(length)[:-1]
    args = np.empty(int(length.sum()), dtype=np.int64)
    args[ranges(start, count)] = x1[ranges(at, count)]
    args[ranges(start[pair] + count[pair], count[pair])] = x2[ranges(at[pair], count[pair])]
    return args


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
