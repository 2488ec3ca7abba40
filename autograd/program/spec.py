"""Spec: what must hold of what passes between rooms, as code that runs, so that whoever reads it can rely on it.

On each record that is traced; on graphs in normal form where `thorough` is set, as in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.graph import BATCHED, CONSTANT, INPUT, PARAMETER, Graph
from autograd.program.record import FAILS, SIGNS, Guard, Record

__all__ = ["check", "check_graph", "thorough"]

thorough = False


def check(record: Record) -> None:
    """Raise AssertionError, which says what is wrong, unless the record is whole."""
    for fault in _faults(record):
        raise AssertionError(f"record: {fault}")


def _faults(record: Record) -> Iterator[str]:
    """What is wrong, one after the other. What comes later relies on what came before."""
    rows, op, start, args, n = record.primitives, record.op, record.start, record.args, len(record)
    for name in ("op", "start", "args", "outputs"):
        if getattr(record, name).dtype.kind != "i" or getattr(record, name).ndim != 1:
            yield f"{name} must be a vector of whole numbers"
    if len(start) != len(op) + 1 or start[0] != 0 or start[-1] != len(args):
        yield "start must have an entry for each operation, the first one 0, and then the number of all arguments"
    length = start[1:] - start[:-1]
    if (length <= 0).any():
        yield f"start must increase, and does not at operation {np.argmax(length <= 0)}"
    if len(op) and not 0 <= op.min() <= op.max() < len(rows):
        yield f"op must be places among {len(rows)} primitives"
    if len(set(rows)) < len(rows) or not np.bincount(op, minlength=len(rows)).all():
        yield "the primitives must be those that occur, each once"
    arity = np.array([-1 if row.rule is not None else row.arity for row in rows], dtype=np.int64)[op]
    wrong = (arity >= 0) & (arity != length)
    if wrong.any():
        k = int(np.argmax(wrong))
        yield f"operation {k}, {rows[op[k]].name}, takes {arity[k]} arguments and has {length[k]}"
    late = (args < 0) | (args >= np.repeat(np.arange(record.first, n), length))
    if late.any():
        k = int(np.searchsorted(start, np.argmax(late), side="right")) - 1
        yield f"operation {k}, {rows[op[k]].name}, must have arguments that were made before it"
    if not _are_nodes(record.outputs.tolist(), n):
        yield "every output must be a node"
    for k, guard in enumerate(record.guards):
        if not _is_whole(guard, n):
            yield f"guard {k} must be a comparison of two nodes, or a primitive of nodes that has no value: {guard}"
    for place, size in record.bounds:
        if not (0 <= place < record.n_inputs and size > 0):
            yield f"a bound must be of an input, and of a table that is not empty: {(place, size)}"


def check_graph(graph: Graph) -> None:
    """Raise AssertionError, which says what is wrong, unless the graph is in normal form, with spaces and depths."""
    for fault in _faults_of_graph(graph):
        raise AssertionError(f"graph: {fault}")


def _faults_of_graph(graph: Graph) -> Iterator[str]:
    """What is wrong, one after the other. What comes later relies on what came before."""
    n, first, length = graph.first + len(graph.op), graph.first, graph.length
    if graph.start[0] != 0 or graph.start[-1] != len(graph.args) or (length <= 0).any():
        yield "start must increase from 0 to the number of all arguments"
    if not (_are_nodes(graph.args.tolist(), n) and _are_nodes(graph.wanted.tolist(), n)):
        yield "every argument must be a node, and all that is wanted"
    if graph.which(table.mean, table.logsumexp).any() or (graph.which(table.sum) & (length == 1)).any():
        yield "a mean, a logsumexp or a sum of one number is left"
    for i, row in enumerate(graph.primitives):
        if not all(_fits(row, k) for k in np.unique(length[graph.op == i]).tolist()):
            yield f"{row.name} has arguments that it does not take"
    known = len(graph.constants)
    spaces = np.repeat([CONSTANT, PARAMETER, INPUT], [known, graph.n_parameters, first - known - graph.n_parameters])
    if not np.array_equal(graph.space[:first], spaces) or graph.depth[:first].any():
        yield "leaves must be constants, parameters and inputs, of depth 0"
    if len(graph.op):
        yield from _faults_of_spaces(graph)


def _faults_of_spaces(graph: Graph) -> Iterator[str]:
    first, start, spaces = graph.first, graph.start[:-1], graph.space[graph.args]
    if (graph.depth[first:] != 1 + np.maximum.reduceat(graph.depth[graph.args], start)).any():
        yield "every operation must be one level deeper than its arguments"
    highest = np.maximum.reduceat(spaces, start) + graph.which(table.identity)
    if (graph.space[first:] != np.where(highest <= PARAMETER, PARAMETER, BATCHED)).any():
        yield "every operation must be in the space of its arguments, and a copy in a higher one"
    middle = (start + graph.length // 2)[graph.which(table.dot)]
    parts = np.unique(np.append(start, middle))
    mixed = np.minimum.reduceat(spaces, parts) != np.maximum.reduceat(spaces, parts)
    lists = graph.which(*(row for row in graph.primitives if row.rule is not None))
    if (mixed & lists[graph.owner[parts]]).any():
        yield "the arguments of every list must be of one space; of a dot, those on each side"


def _are_nodes(numbers: Sequence[int], n: int) -> bool:
    return all(0 <= i < n for i in numbers)


def _is_whole(guard: Guard, n: int) -> bool:
    row, count = guard.primitive, len(guard.args)
    if row is None:
        fits = guard.sign in SIGNS and count == 2
    else:
        fits = guard.sign == FAILS and guard.outcome and _fits(row, count)
    return fits and _are_nodes(guard.args, n)


def _fits(row: Primitive, count: int) -> bool:
    if row is table.dot:
        return count > 0 and count % 2 == 0
    return count > 0 if row.rule is not None else count == row.arity
