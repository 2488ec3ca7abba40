"""Sums: chains of additions and products as few operations of many arguments, each of one space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from autograd import primitives as table
from autograd.program.graph import Builder, Graph, firsts_of, pairs, ranges, starts_of
from autograd.program.record import Array
from autograd.program.spaces import with_spaces
from autograd.program.terms import Sums, Terms, leads, terms_of

__all__ = ["flatten_sums"]


def flatten_sums(graph: Graph) -> Graph:
    """Chains of additions as few operations on many terms, which add in the same order as the chain does.

    Only products that follow each other may be added in any order: they become one dot. A dot, and a sum of terms,
    is then in parts of one space, which are added up in order.
    """
    sums = terms_of(graph)
    if not len(sums.terms.into):
        return graph
    terms = _low_factors_first(sums.terms, _spaces_with(graph, sums))
    adder = _Adder(Builder(graph), terms.terms, _parts(terms))
    adder.add_up()
    return adder.build.graph(~sums.whole & ~sums.gone)


def _spaces_with(graph: Graph, sums: Sums) -> Array:
    """The spaces of all nodes, found in the graph as it is with the terms as arguments, which is less deep."""
    terms = sums.terms
    both = pairs(terms.x1, terms.x2)
    each = np.bincount(terms.into, weights=np.where(terms.x2 < 0, 1, 2), minlength=len(graph.op)).astype(np.int64)
    ordinary, whole = np.flatnonzero(~sums.whole & ~sums.gone), np.flatnonzero(sums.whole)
    length = each
    length[ordinary] = graph.length[ordinary]
    start = starts_of(length)
    args = np.empty(start[-1], dtype=np.int64)
    args[ranges(start[ordinary], length[ordinary])] = graph.args[ranges(graph.start[ordinary], length[ordinary])]
    args[ranges(start[whole], length[whole])] = both[both >= 0]
    return with_spaces(replace(graph, start=start, args=args)).space


class _Kinds(NamedTuple):
    """Terms, and of each whether it is a product, and a number for its space, or those of its factors."""

    terms: Terms
    pair: Array
    kind: Array


def _low_factors_first(terms: Terms, spaces: Array) -> _Kinds:
    """The terms; of products, the factor of the lower space comes first."""
    pair = terms.x2 >= 0
    s1, s2 = spaces[terms.x1], np.where(pair, spaces[terms.x2], -1)
    swap = pair & (s1 > s2)
    x1, x2 = np.where(swap, terms.x2, terms.x1), np.where(swap, terms.x1, terms.x2)
    kind = np.where(pair, 4 + 4 * np.minimum(s1, s2) + np.maximum(s1, s2), s1)
    return _Kinds(replace(terms, x1=x1, x2=x2), pair, kind)


@dataclass
class _Parts:
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

    def terms_in(self, which: Array) -> Array:
        """Places of the terms of some parts."""
        return self.terms[ranges(self.start[which], self.count[which])]


MANY = 3  # numbers that are worth a sum of their own; fewer are added one by one


def _parts(kinds: _Kinds) -> _Parts:
    """The terms in parts."""
    terms, pair, kind = kinds
    change = leads(terms.into) | (terms.run != np.append(-1, terms.run[:-1]))
    change |= ~pair & (kind != np.append(-1, kind[:-1]))
    stretch = np.cumsum(change) - 1
    few = ~pair & (np.bincount(stretch)[stretch] < MANY)
    stretch = np.cumsum(change | few) - 1
    # The kinds of one run may alternate: all products of one kind together, in the order of the first of each.
    first, which = firsts_of(stretch * 32 + kind)
    into, count = terms.into[first], np.bincount(which)
    lead = leads(into)
    place = np.arange(len(into)) - np.flatnonzero(lead)[np.cumsum(lead) - 1]
    by_part = np.argsort(which, kind="stable")
    return _Parts(into, by_part, starts_of(count)[:-1], count, pair[first], place, np.append(lead[1:], True))


@dataclass
class _Adder:
    """New operations: the parts, and what adds them up, one after the other; the last one of a chain is the chain."""

    build: Builder
    terms: Terms
    parts: _Parts

    def __post_init__(self) -> None:
        self.rank = self.build.base.rank[self.parts.into]
        self.stands_for = np.where(self.parts.last, self.parts.into, -1)
        self.several = ~self.parts.pair & (self.parts.count > 1)

    def add_up(self) -> None:
        """Add all of them."""
        nodes = self._products()
        self._turn_signs()
        parts, x1, graph = self.parts, self.terms.x1, self.build.base
        first = parts.terms[parts.start]
        nodes = np.where(parts.pair, nodes, x1[first])  # of a product, or a number alone
        minus = self.terms.sign[first] < 0
        op = np.where(self.several, graph.number(table.sum), graph.number(table.add))
        op[~self.several & minus] = graph.number(table.sub)
        made = np.flatnonzero(self.several | (parts.place > 0))
        total = nodes.copy()  # so far, behind each part
        total[made] = self.build.next + np.arange(len(made))
        several, goes_on = self.several[made], parts.place[made] > 0
        own = np.where(several, parts.count[made], 1)
        start = starts_of(own + goes_on)
        args = np.empty(start[-1], dtype=np.int64)
        args[start[:-1][goes_on]] = total[made[goes_on] - 1]
        start = start[:-1] + goes_on
        args[ranges(start[several], own[several])] = x1[parts.terms_in(made[several])]
        args[start[~several]] = nodes[made[~several]]
        self.build.add(op[made], own + goes_on, args, self.rank[made], self.stands_for[made])

    def _products(self) -> Array:
        """The node of each part that is of products; of others, none."""
        parts, terms, graph = self.parts, self.terms, self.build.base
        made = np.flatnonzero(parts.pair)
        count, of = parts.count[made], parts.terms_in(made)
        start = starts_of(2 * count)[:-1]
        args = np.empty(2 * len(of), dtype=np.int64)
        args[ranges(start, count)] = terms.x1[of]  # all left factors, then all right ones
        args[ranges(start + count, count)] = terms.x2[of]
        op = np.where(count > 1, graph.number(table.dot), graph.number(table.mul))
        alone = np.where(parts.place[made] == 0, self.stands_for[made], -1)
        found = np.full(len(parts.into), -1)
        found[made] = self.build.add(op, 2 * count, args, self.rank[made], alone)
        return found

    def _turn_signs(self) -> None:
        """In a sum of many, what is subtracted is added with its sign turned; and so is what a chain begins with."""
        turned = leads(self.terms.into)
        turned[self.parts.terms_in(np.flatnonzero(self.several))] = True
        which = np.flatnonzero(turned & (self.terms.sign < 0))
        rank = self.build.base.rank[self.terms.into[which]]
        self.terms.x1[which] = self.build.add(table.neg, 1, self.terms.x1[which], rank)
