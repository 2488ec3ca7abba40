"""Eagerly: a derivative along a record on Values, one example at a time: slow, and right by construction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.engine import Value
from autograd.engine import record as make
from autograd.forward import linearised, order_of, push_forward, varying
from autograd.jacobians import entries_of, rows_of
from autograd.modes import mode_of_this_thread
from autograd.primitive import DomainError
from autograd.primitives import dot
from autograd.program.derivatives import Transform
from autograd.program.record import Array, Record
from autograd.sweep import read_data
from autograd.transforms import slopes_of

__all__ = ["eagerly"]


def eagerly(
    record: Record, transform: Transform, parameters: Array, row: Array, place: str = ""
) -> dict[tuple[int, int], float]:
    """What `derived` writes down, of one example: its numbers by row and column; those that are missing are 0.

    parameters: all of the record's. row: the inputs, and tangents or cotangents after them. Raises DomainError where
    the function or its derivative has no value; `place` says there which example it was.
    """
    n = record.n_inputs
    leaves = [Value(x) for x in [*parameters.tolist(), *row[:n].tolist()]]
    variables = [leaves[v] for v in transform.variables(record)]
    seeds = row[n:].tolist()
    try:
        with mode_of_this_thread(None):
            ys = _outputs(record, leaves)
            if transform.kind in ("jacobian", "hessian"):
                of = ys if transform.kind == "jacobian" else slopes_of(ys[0], variables, True)
                return _matrix(of, variables, transform.sparse)
            return {(i, 0): x for i, x in enumerate(_vector(transform.kind, ys, variables, seeds))}
    except DomainError as error:
        raise type(error)(f"{error}{place}") from None


def _outputs(record: Record, leaves: Sequence[Value]) -> list[Any]:
    nodes: list[Any] = [*record.constants.tolist(), *leaves]
    starts, args = record.start.tolist(), record.args.tolist()
    for k, op in enumerate(record.op.tolist()):
        nodes.append(make(record.primitives[op], [nodes[i] for i in args[starts[k] : starts[k + 1]]]))
    return [nodes[i] for i in record.outputs.tolist()]


def _matrix(ys: Sequence[Any], variables: list[Value], sparse: bool) -> dict[tuple[int, int], float]:
    if sparse:
        return entries_of(ys, variables)[1]
    rows = rows_of(ys, variables, False)
    return {(i, j): x for i, row in enumerate(rows) for j, x in enumerate(row)}


def _vector(kind: str, ys: Sequence[Any], variables: list[Value], seeds: Sequence[float]) -> list[float]:
    """A matrix times a vector; for "jvp", after the outputs themselves."""
    if kind == "jvp":
        roots = [y for y in ys if isinstance(y, Value)]
        order = order_of(roots) if roots else []
        slopes = linearised(order, read_data, varying(order, variables))
        found = push_forward(slopes, dict(zip(variables, seeds, strict=True)))
        numbers = [y.data if isinstance(y, Value) else y for y in ys]
        return [*numbers, *(found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in ys)]
    if kind == "hvp":
        total = dot(seeds, slopes_of(ys[0], variables, True))
    else:
        pairs = [(c, y) for c, y in zip(seeds, ys, strict=True) if isinstance(y, Value)]
        total = dot([c for c, _ in pairs], [y for _, y in pairs]) if pairs else 0.0
    return slopes_of(total, variables, False)
