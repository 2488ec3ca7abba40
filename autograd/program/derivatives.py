"""Derivatives of records: the sweep, backwards and forwards, written down as operations of another record.

Both follow the chain rule as `autograd.sweep` does. Cotangents are kept by row of a matrix of derivatives, tangents by
its column, and only where they are not 0 by construction: so the pattern of the matrix is found on the way, and what
does not belong to it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograd.program.builder import Builder, TooLong
from autograd.program.path import SAFE
from autograd.program.record import Array, Record

__all__ = ["Derivation", "Transform", "derived", "pattern_of"]

SHORT, TIMES = 50_000, 4
"""A matrix is written out as long as it takes no more operations than these, and so many times those of its vector."""

MOST_PLACES = 1 << 25

Slopes = dict[int, dict[int, Any]]
"""For nodes, by place: cotangents of some rows, or tangents of some columns; Nodes, or numbers."""


@dataclass(frozen=True, eq=False)
class Transform:
    """What to take of a function.

    kind: "jacobian", "hessian", "hvp", "jvp" or "vjp". wrt: "parameters" or "inputs". columns: which of them, by their
    numbers. sparse: whether a matrix is given by its pattern.
    """

    kind: str
    wrt: str
    columns: Array
    sparse: bool = False

    def variables(self, record: Record) -> list[int]:
        """The places of what is differentiated by, as a Builder has them."""
        first = record.n_parameters if self.wrt == "inputs" else 0
        return (first + self.columns).tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Derivation:
    """A derivative, written after the operations of a record.

    matrix: its numbers by row and column, as places; what is missing is 0. A vector has one column, 0.
    kept: places of what has to have a value, too, as the function would not have had one otherwise.
    """

    builder: Builder
    matrix: Mapping[tuple[int, int], int]
    kept: Sequence[int]

    def record(self, entries: Iterable[tuple[int, int]], width: int) -> Record:
        """As a record whose first outputs are some numbers of the matrix. width: how many more outputs there are."""
        zero = self.builder.constant(0.0)
        outputs = [self.matrix.get(entry, zero) for entry in entries]
        return self.builder.record([*outputs, *self.kept, *[zero] * (width - len(self.kept))])


def derived(record: Record, transform: Transform, limited: bool = True) -> Derivation:
    """A derivative of a record. Inputs that it has beside those of the record are tangents, or cotangents.

    limited: whether a matrix may only be so long that writing it out is worth it. Raises NoFormula or TooLong.
    """
    kind, variables = transform.kind, transform.variables(record)
    seeds = {"jvp": len(variables), "hvp": len(variables), "vjp": len(record.outputs)}.get(kind, 0)
    builder = Builder(record, seeds)
    given = range(builder.n_leaves - seeds, builder.n_leaves)
    ys = builder.outputs if kind not in ("hessian", "hvp") else _gradient(builder, variables)
    base = len(builder.ops)
    if limited and not seeds:
        _limit(builder)
    if kind == "vjp":
        found = _combined(builder, ys, variables, given)
    elif kind == "jacobian" and len(ys) < len(variables):
        found = _backwards(builder, ys, variables)
    else:
        found = _forwards(builder, ys, variables, given)
    if kind == "jvp":
        found = {(len(ys) + i, 0): x for (i, _), x in found.items()}
        found |= {(i, 0): builder.node(y) for i, y in enumerate(ys)}
    elif kind == "hessian" and _is_smooth(builder, ys):
        found = {(i, j): found.get((max(i, j), min(i, j)), x) for (i, j), x in found.items()}
    matrix = {entry: builder.place(x) for entry, x in found.items()}
    return Derivation(builder, matrix, _kept(builder, list(matrix.values()), base))


def _gradient(builder: Builder, variables: Sequence[int]) -> list[int]:
    """The derivatives of the first output by the variables."""
    cotangents = _pulled_back(builder, {builder.outputs[0]: {0: 1.0}}, variables)
    return [builder.place(cotangents.get(v, {}).get(0, 0.0)) for v in variables]


def _limit(builder: Builder) -> None:
    """From now on, a matrix that is much longer than a matrix times a vector is too long: that, many abreast, is
    better.
    """
    builder.longest = min(builder.longest, SHORT + TIMES * len(builder.ops))


def pattern_of(record: Record, transform: Transform) -> list[list[int]]:
    """For each row of a Jacobian or Hessian the columns where it may differ from 0, without writing it out.

    Raises NoFormula, or TooLong where the pattern has too many places to be of use.
    """
    builder, variables = Builder(record), transform.variables(record)
    ys = _gradient(builder, variables) if transform.kind == "hessian" else builder.outputs
    n = builder.n_leaves
    nothing: frozenset[int] = frozenset()
    reached: dict[int, frozenset[int]] = {v: frozenset((j,)) for j, v in enumerate(variables)}
    size = 0
    for k, lives in enumerate(builder.reached(ys)):
        row, args = builder.ops[k]
        if not lives or row.flat:
            continue
        sources = [reached[arg] for i, arg in enumerate(args) if arg in reached and i not in row.cut]
        if sources:
            largest = max(sources, key=len)
            if not all(part <= largest for part in sources):
                largest = largest.union(*sources)
                size += len(largest)
            reached[n + k] = largest
        if size > MOST_PLACES:
            raise TooLong("program: too much of the matrix may differ from 0; take it times a vector: program.hvp()")
    return [sorted(reached.get(y, nothing)) for y in ys]


def _combined(
    builder: Builder, ys: Sequence[int], variables: Sequence[int], cotangents: Sequence[int]
) -> dict[tuple[int, int], Any]:
    """The derivatives of the sum of ys, each times its cotangent."""
    seeds: Slopes = {}
    for y, c in zip(ys, cotangents, strict=True):
        _add(seeds.setdefault(y, {}), 0, builder.node(c))
    rows = _pulled_back(builder, seeds, variables)
    return {(i, 0): x for i, v in enumerate(variables) for x in rows.get(v, {}).values()}


def _forwards(
    builder: Builder, ys: Sequence[int], variables: Sequence[int], seeds: Sequence[int]
) -> dict[tuple[int, int], Any]:
    """The derivatives of ys by each variable; or, if there are seeds, their sum with the variables moving so."""
    if seeds:
        start = {v: {0: builder.node(seed)} for v, seed in zip(variables, seeds, strict=True)}
    else:
        start = {v: {j: 1.0} for j, v in enumerate(variables)}
    columns = _pushed_forward(builder, start, ys)
    return {(i, j): x for i, y in enumerate(ys) for j, x in columns.get(y, {}).items()}


def _backwards(builder: Builder, ys: Sequence[int], variables: Sequence[int]) -> dict[tuple[int, int], Any]:
    """The derivatives of each of ys by the variables."""
    seeds: Slopes = {}
    for i, y in enumerate(ys):
        seeds.setdefault(y, {})[i] = 1.0
    rows = _pulled_back(builder, seeds, variables)
    return {(i, j): x for j, v in enumerate(variables) for i, x in rows.get(v, {}).items()}


def _pulled_back(builder: Builder, seeds: Slopes, variables: Iterable[int]) -> Slopes:
    """The cotangents of all nodes between some, whose own are given, and the variables."""
    n, leaves = builder.n_leaves, set(variables)
    varies = _varying(builder, leaves)
    found = {place: dict(rows) for place, rows in seeds.items()}
    for k in range(len(varies) - 1, -1, -1):
        mine = found.get(n + k) if varies[k] else None
        if not mine:
            continue
        args = builder.ops[k][1]
        wanted = [i for i, arg in enumerate(args) if (varies[arg - n] if arg >= n else arg in leaves)]
        for i, partial in builder.partials(n + k, wanted).items():
            target = found.setdefault(args[i], {})
            for row, cotangent in mine.items():
                _add(target, row, _times(cotangent, partial))
    return found


def _pushed_forward(builder: Builder, seeds: Slopes, ys: Sequence[int]) -> Slopes:
    """The tangents of all nodes that lead to ys, from those of some leaves."""
    found = dict(seeds)
    n = builder.n_leaves
    for k, lives in enumerate(builder.reached(ys)):
        if not lives:
            continue
        args = builder.ops[k][1]
        wanted = [i for i, arg in enumerate(args) if arg in found]
        total: dict[int, Any] = {}
        for i, partial in builder.partials(n + k, wanted).items() if wanted else ():
            for column, tangent in found[args[i]].items():
                _add(total, column, _times(tangent, partial))
        if total:
            found[n + k] = total
    return found


def _times(slope: Any, partial: Any) -> Any:
    return slope if type(partial) is float and partial == 1.0 else slope * partial


def _add(total: dict[int, Any], key: int, part: Any) -> None:
    before = total.get(key)
    total[key] = part if before is None else before + part


def _varying(builder: Builder, leaves: set[int]) -> bytearray:
    """For each operation, whether it depends on some leaves."""
    n = builder.n_leaves
    found = bytearray(len(builder.ops))
    for k, (_, args) in enumerate(builder.ops):
        found[k] = any(found[arg - n] if arg >= n else arg in leaves for arg in args)
    return found


def _is_smooth(builder: Builder, slopes: Sequence[int]) -> bool:
    """Whether second derivatives are symmetric: at a kink they follow a convention, which need not be."""
    alive = builder.reached(slopes)
    return all(row.kink is None for (row, _), lives in zip(builder.ops, alive, strict=False) if lives)


def _kept(builder: Builder, places: Sequence[int], end: int) -> list[int]:
    """What has to have a value beside some nodes: operations among the first ones that may have none. The function, or
    its derivative, raises an error there, also if nothing that is asked for depends on it.
    """
    found: list[int] = []
    n = builder.n_leaves
    alive = builder.reached(places)
    for k in range(end - 1, -1, -1):
        row, args = builder.ops[k]
        if not alive[k]:
            if row.linear or row.flat or row.chooses or row in SAFE:
                continue
            found.append(n + k)
        for arg in args:
            if arg >= n:
                alive[arg - n] = 1
    return found
