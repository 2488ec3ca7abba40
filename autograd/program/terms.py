"""Terms: what the sums of a graph add up, however they were written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np

from autograd import primitives as table
from autograd.program.graph import Graph, ranges
from autograd.program.record import Array

__all__ = ["Sums", "Terms", "leads", "terms_of"]

FEWEST = 4  # products that are worth a dot; fewer are added one by one, exactly as they are written


class _Columns:
    """A dataclass of arrays of one length."""

    def chosen(self, which: Array) -> Self:
        """Some of the entries, by place or by mask."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))  # type: ignore[arg-type]


@dataclass
class Terms(_Columns):
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


class Sums(NamedTuple):
    """The terms of all chains that are worth it, and of dots. Of each operation, whether it is one of these: `whole`;
    and whether it becomes part of one: `gone`.
    """

    terms: Terms
    whole: Array
    gone: Array


def terms_of(graph: Graph, *, brackets: bool = False, fewest: int = FEWEST) -> Sums:
    """What the sums of a graph add up.

    brackets: for those who look and do not compute: sums in brackets are opened, which changes the order in which is
    added, and what is subtracted or negated stays a term. fewest: products that are worth a dot.
    """
    chains = _chains(graph, brackets)
    operands = _operands(graph, chains, brackets)
    run = _runs(graph, operands, brackets, fewest)
    whole = graph.which(table.sum) & ~chains.absorbed
    whole[operands.into[run >= 0]] = True
    whole |= (np.bincount(operands.into, minlength=len(graph.op)) > 2) & chains.joins & ~chains.absorbed
    mine = whole[operands.into]
    operands, run = operands.chosen(mine), run[mine]
    gone = chains.absorbed & whole[chains.root]
    gone[operands.negation[operands.negation >= 0]] = True
    gone[operands.product[run >= 0]] = True
    alone = np.flatnonzero(graph.which(table.dot) & ~gone)  # outside any run, a dot is one of its own
    whole[alone] = True
    return Sums(_factors(graph, operands, run, alone), whole, gone)


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


@dataclass
class _Operands(_Columns):
    """What chains add up, one entry an operand: into, sign as of Terms, and the node. negation: the operation, used for
    nothing else, that it is the argument of; product: such an operation that it is. Or -1.
    """

    into: Array
    sign: Array
    node: Array
    negation: Array
    product: Array


def _operands(graph: Graph, chains: _Chains, brackets: bool) -> _Operands:
    """Every argument of a sum that is not the beginning of it, in the order of the user's loops."""
    args, owner = graph.args, graph.owner
    at = np.flatnonzero(chains.joins[owner] & ~_of_operations(graph, chains.absorbed, args))
    at = at[np.lexsort((at, graph.rank[owner[at]], chains.root[owner[at]]))]
    of, node = owner[at], args[at]
    sign = np.where(graph.which(table.sub)[of] & (at > graph.start[of]), -1, 1)
    negated = _of_operations(graph, graph.which(table.neg) & chains.once & (not brackets), node)
    negation = np.where(negated, node - graph.first, -1)
    node = np.where(negated, args[graph.start[:-1][negation]], node)
    sign = np.where(negated, -sign, sign)
    is_product = _of_operations(graph, graph.which(table.dot, table.mul) & chains.once, node)
    found = _Operands(chains.root[of], sign, node, negation, np.where(is_product, node - graph.first, -1))
    zero = graph.is_constant(node, 0.0) & leads(found.into)  # what a loop starts from
    return found.chosen(~zero | (np.bincount(found.into, minlength=len(graph.op))[found.into] <= 2))


def _of_operations(graph: Graph, holds: Array, nodes: Array) -> Array:
    """What holds of each node, told of operations; of leaves it does not."""
    found: Array = np.append(holds, False)[np.maximum(nodes - graph.first, -1)]
    return found


def _runs(graph: Graph, operands: _Operands, brackets: bool, fewest: int) -> Array:
    """Products that follow each other are a run: its number for each operand, -1 if it is in none that is worth it."""
    joined = (operands.product >= 0) & (operands.sign > 0)
    run = np.cumsum(leads(operands.into) | ~joined | ~np.append(False, joined[:-1])) - 1
    pairs = np.where(operands.product >= 0, graph.length[operands.product] // 2, 0)
    several = brackets | (np.bincount(run, weights=joined)[run] > 1)
    return np.where(joined & several & (np.bincount(run, weights=pairs)[run] >= fewest), run, -1)


def _factors(graph: Graph, operands: _Operands, run: Array, alone: Array) -> Terms:
    """The terms that the operands are, one for each pair of factors of products in runs, and of the dots `alone`."""
    product = np.append(np.where(run >= 0, operands.product, -1), alone)
    run = np.append(run, run.max(initial=-1) + 1 + np.arange(len(alone)))
    into, node = np.append(operands.into, alone), np.append(operands.node, alone)
    sign = np.append(operands.sign, np.ones(len(alone), dtype=np.int64))
    half = np.where(product >= 0, graph.length[product] // 2, 1)
    which = np.repeat(np.arange(len(product)), half)
    found = Terms(into, sign, node, np.full(len(into), -1), run).chosen(which)
    within = product[which] >= 0
    left = ranges(graph.start[:-1][product[product >= 0]], half[product >= 0])
    found.x1[within] = graph.args[left]
    found.x2[within] = graph.args[left + half[which[within]]]
    return found.chosen(np.argsort(found.into, kind="stable"))


def leads(into: Array) -> Array:
    """Whether each is the first of its chain."""
    return np.concatenate([[True], into[1:] != into[:-1]])[: len(into)]
