"""Spaces: where the numbers of a graph live, and copies where an operation would mix them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autograd import primitives as table
from autograd.program.graph import BATCHED, CONSTANT, INPUT, PARAMETER, Agenda, Builder, Graph, ranges, starts_of
from autograd.program.record import Array

__all__ = ["one_space", "with_spaces"]

LEVEL = 25  # what those of one level cost together, beside what each of them costs: as much as so many one by one
LISTS = 0.125  # and to make lists of arrays, so that they can be done one by one, for each operation


def with_spaces(graph: Graph) -> Graph:
    """The graph with the space and the depth of every node.

    Level by level, all of one depth at once; where there have been so many levels that it would have been as fast
    without, one by one from there on.
    """
    n, first, length = graph.first + len(graph.op), graph.first, graph.length
    space, depth = np.full(n, INPUT), np.zeros(n, dtype=np.int64)
    space[: len(graph.constants)] = CONSTANT
    space[len(graph.constants) : len(graph.constants) + graph.n_parameters] = PARAMETER
    copies = graph.which(table.identity)  # into a higher space
    agenda = Agenda(graph)
    ready, level, others = np.flatnonzero((agenda.waiting == 0) & (length > 0)), 0, (1.0 + LISTS) * len(graph.op)
    while len(ready) and level * LEVEL <= others:
        level, others = level + 1, others - len(ready)
        entries = ranges(graph.start[ready], length[ready])
        highest = np.maximum.reduceat(space[graph.args[entries]], starts_of(length[ready])[:-1])
        space[first + ready] = np.where(highest + copies[ready] <= PARAMETER, PARAMETER, BATCHED)
        depth[first + ready] = level
        ready = agenda.done(ready)
    if len(ready):
        space, depth = _one_by_one(graph, agenda, ready, space, depth)
    return replace(graph, space=space, depth=depth)


def _one_by_one(graph: Graph, agenda: Agenda, ready: Array, space: Array, depth: Array) -> tuple[Array, Array]:
    """Space and depth of every node. Those of the operations `ready`, and of what comes after, are not known yet."""
    first, copies = graph.first, graph.which(table.identity).tolist()
    args, start = graph.args.tolist(), graph.start.tolist()
    spaces, depths = space.tolist(), depth.tolist()
    queue = ready.tolist()
    waiting, users, starts = agenda.waiting.tolist(), agenda.users.tolist(), agenda.starts.tolist()
    for k in queue:  # which grows
        mine = args[start[k] : start[k + 1]]
        highest = max([spaces[i] for i in mine])
        spaces[first + k] = PARAMETER if highest + copies[k] <= PARAMETER else BATCHED
        depths[first + k] = 1 + max([depths[i] for i in mine])
        for user in users[starts[k] : starts[k + 1]]:
            waiting[user] -= 1
            if not waiting[user]:
                queue.append(user)
    return np.array(spaces), np.array(depths)


def one_space(graph: Graph) -> Graph:
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
    build, args = Builder(graph), graph.args.copy()
    args[lift] = build.add(table.identity, 1, args[lift], graph.rank[graph.owner[lift]])
    lifted = build.graph(np.ones(len(graph.op), dtype=bool), args)
    return one_space(with_spaces(lifted))  # from a constant to a batched number it is two steps
