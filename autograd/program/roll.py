"""Roll: turn many scalar operations into few array operations.

An agenda of operations whose arguments are there, by primitive and spaces, is worked off a whole group at a time. Dots
whose factors form the rows and columns of matrices become matrix products. Results get consecutive rows, in the order
in which they are likely to be read. A row is one number (per example, in the spaces that have a batch).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.graph import INPUT, Graph, ranges, starts_of
from autograd.program.record import Array

__all__ = ["Instruction", "Plan", "Ref", "roll", "strides_of"]


@dataclass(frozen=True, eq=False)
class Ref:
    """Rows of one space, in any shape; the batch, where there is one, is one more axis at the end."""

    space: int
    rows: Array


@dataclass(frozen=True, eq=False)
class Instruction:
    """One array operation. Its results are consecutive rows of `space` from `row` on, in the shape `shape`.

    kind: "map", a primitive elementwise; "reduce", a sum or a largest over the last axis of its operand; "dot", sums of
    products of two operands over their last axis; "matmul", a stack of matrix products, (c, m, k) by (c, r, k) to
    (c, m, r); "many", any other primitive of a list, over the last axis.
    starts: in "reduce" and "dot" of lists that are not equally long, where in a flat operand each one starts.
    """

    kind: str
    primitive: Primitive
    operands: tuple[Ref, ...]
    space: int
    row: int
    shape: tuple[int, ...]
    starts: Array | None = None

    @property
    def size(self) -> int:
        """How many rows it writes."""
        return int(np.prod(self.shape))

    @property
    def flops(self) -> int:
        """Elementary operations per example: two for each product in a sum of products, one for everything else."""
        if self.kind == "map":
            return self.size
        if self.kind == "matmul":
            return 2 * self.size * int(self.operands[0].rows.shape[-1])
        return len(self.operands) * int(self.operands[0].rows.size)


@dataclass(frozen=True, eq=False)
class Plan:
    """Instructions in order, how many rows each space has, and where the outputs are. It knows no batch size."""

    constants: Array
    n_parameters: int
    sizes: tuple[int, int, int, int]
    instructions: tuple[Instruction, ...]
    outputs: tuple[tuple[int, int], ...]


def roll(graph: Graph) -> Plan:
    """The plan of a graph in normal form."""
    return _Roller(graph).plan()


class _Roller:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        n_constants, n = len(graph.constants), graph.n_parameters
        self.row = np.full(len(graph.space), -1)
        self.row[: graph.first] = np.concatenate(
            [np.arange(n_constants), np.arange(n), np.arange(graph.first - n_constants - n)]
        )
        self.sizes = [n_constants, n, graph.first - n_constants - n, 0]
        self.instructions: list[Instruction] = []

    def plan(self) -> Plan:
        graph = self.graph
        for group in self._agenda():
            primitive = graph.primitives[graph.op[group[0]]]
            if primitive is table.dot:
                self._dots(group)
            elif primitive.rule is not None:
                self._lists(primitive, group)
            else:
                self._map(primitive, group)
        outputs = tuple((int(graph.space[node]), int(self.row[node])) for node in graph.wanted)
        sizes = self.sizes
        return Plan(
            graph.constants, graph.n_parameters, (sizes[0], sizes[1], sizes[2], sizes[3]), tuple(self.instructions),
            outputs,
        )  # fmt: skip

    # ------------------------------------------------------------ what is done next

    def _agenda(self) -> list[Array]:
        """Groups of operations that can be done together: of the ready ones, always that of the lowest mean depth."""
        graph = self.graph
        n = len(graph.op)
        key = self._keys()
        depth = graph.depth[graph.first :]
        inner = graph.args >= graph.first
        producers, owner = graph.args[inner] - graph.first, graph.owner[inner]
        order = np.argsort(producers, kind="stable")
        users = owner[order]
        starts = np.searchsorted(producers[order], np.arange(n + 1))
        waiting = np.bincount(owner, minlength=n)
        ready: dict[int, list[Array]] = {}
        depths: dict[int, tuple[float, int]] = {}

        def add(nodes: Array) -> None:
            for k in np.unique(key[nodes]).tolist():
                mine = nodes[key[nodes] == k]
                ready.setdefault(k, []).append(mine)
                total, count = depths.get(k, (0.0, 0))
                depths[k] = (total + float(depth[mine].sum()), count + len(mine))

        add(np.flatnonzero(waiting == 0))
        groups = []
        while ready:
            k = min(depths, key=lambda k: depths[k][0] / depths[k][1])
            nodes = np.concatenate(ready.pop(k))
            del depths[k]
            groups.append(nodes)
            touched = users[ranges(starts[nodes], starts[nodes + 1] - starts[nodes])]
            np.subtract.at(waiting, touched, 1)
            released = np.unique(touched[waiting[touched] == 0])
            if len(released):
                add(released)
        return groups

    def _keys(self) -> Array:
        """Equal numbers for operations that can be done together: of one primitive, on operands of the same spaces."""
        graph = self.graph
        spaces = graph.space[graph.args]
        first = graph.start[:-1]
        length = graph.length
        key = graph.op * 4**3
        lists = np.isin(graph.op, [i for i, row in enumerate(graph.primitives) if row.rule is not None])
        for place in range(3):  # of a dot, the first of each half tells; of other lists, the first
            offset = np.where(
                lists, 0 if place == 0 else np.where(graph.which(table.dot) & (place == 1), length // 2, 0), place
            )
            has = np.where(lists, place < 2, place < length)
            key = key + np.where(has, spaces[np.minimum(first + offset, len(spaces) - 1)], 0) * 4**place
        powers = np.flatnonzero(graph.which(table.pow))
        exponent = graph.args[first[powers] + 1] + 1
        key[powers] += 4**3 * len(graph.primitives) * np.where(exponent <= len(graph.constants), exponent, 0)
        return np.unique(key, return_inverse=True)[1]

    # ------------------------------------------------------------ what becomes of it

    def _emit(
        self, kind: str, group: Array, operands: tuple[Ref, ...], shape: tuple[int, ...], starts: Array | None = None
    ) -> int:
        """Append an instruction that does these operations; returns its first row."""
        primitive = self.graph.primitives[self.graph.op[group[0]]]
        space = int(self.graph.space[self.graph.first + group[0]])
        row = self.sizes[space]
        self.instructions.append(Instruction(kind, primitive, operands, space, row, shape, starts))
        self.sizes[space] += self.instructions[-1].size
        return row

    def _ref(self, nodes: Array) -> Ref:
        rows = self.row[nodes]
        space = self.graph.space[nodes.flat[0]]
        assert (rows >= 0).all(), "an operand is not there yet"
        assert (self.graph.space[nodes] == space).all(), "an operand is of two spaces"
        return Ref(int(space), rows)

    def _set(self, group: Array, rows: Array) -> None:
        assert (self.row[self.graph.first + group] < 0).all(), "an operation is done twice"
        self.row[self.graph.first + group] = rows

    def _map(self, primitive: Primitive, group: Array) -> None:
        graph = self.graph
        operands = graph.args[graph.start[group][:, None] + np.arange(primitive.arity)]
        # In the order of the rows of the operand that is most often another operation's result, so that these are read
        # as they lie in memory.
        main = operands[:, int(np.argmax(graph.space[operands[0]]))]
        order = np.lexsort((graph.rank[group], self.row[main]))
        group, operands = group[order], operands[order]
        refs = [self._ref(column) for column in operands.T]
        shape = _shape([ref.rows for ref in refs])
        row = self._emit("map", group, tuple(Ref(ref.space, ref.rows.reshape(shape)) for ref in refs), shape)
        self._set(group, row + np.arange(len(group)))

    def _lists(self, primitive: Primitive, group: Array) -> None:
        graph = self.graph
        group = group[np.argsort(graph.rank[group], kind="stable")]
        length = graph.length[group]
        flat = graph.args[ranges(graph.start[group], length)]
        plain = primitive in (table.sum, table.largest)
        if plain and (length != length[0]).any():
            row = self._emit("reduce", group, (self._ref(flat),), (len(group),), starts_of(length)[:-1])
            self._set(group, row + np.arange(len(group)))
            return
        for k in np.unique(length).tolist():
            mine = group[length == k]
            operand = self._ref(graph.args[graph.start[mine][:, None] + np.arange(k)])
            row = self._emit("reduce" if plain else "many", mine, (operand,), (len(mine),))
            self._set(mine, row + np.arange(len(mine)))

    def _dots(self, group: Array) -> None:
        graph = self.graph
        group = group[np.argsort(graph.rank[group], kind="stable")]
        half = graph.length[group] // 2
        rest = []
        lengths = np.unique(half).tolist()
        for k in lengths:
            mine = group[half == k]
            left = graph.args[graph.start[mine][:, None] + np.arange(k)]
            right = graph.args[graph.start[mine][:, None] + k + np.arange(k)]
            rest.append(self._matrices(mine, left, right, 0 if len(lengths) <= 4 else 4096))
        group = np.concatenate(rest)
        if not len(group):
            return
        half = graph.length[group] // 2
        left = graph.args[ranges(graph.start[group], half)]
        right = graph.args[ranges(graph.start[group] + half, half)]
        starts: Array | None = starts_of(half)[:-1]
        if (half == half[0]).all():
            left, right, starts = left.reshape(len(group), -1), right.reshape(len(group), -1), None
        row = self._emit("dot", group, (self._ref(left), self._ref(right)), (len(group),), starts)
        self._set(group, row + np.arange(len(group)))

    def _matrices(self, group: Array, left: Array, right: Array, small: int) -> Array:
        """Emit matrix products for those dots that are entries of one; returns the others.

        left, right: nodes, of shape (dots, length). small: stacks of fewer products of numbers are not worth a call.
        """
        k = left.shape[1]
        a, lefts = _distinct(left)
        b, rights = _distinct(right)
        component = _components(a, b, len(lefts), len(rights))
        of_left, of_right = np.zeros(len(lefts), dtype=np.int64), np.zeros(len(rights), dtype=np.int64)
        of_left[a], of_right[b] = component, component
        m, r = np.bincount(of_left), np.bincount(of_right)
        entries = np.bincount(component[np.unique(a * len(rights) + b, return_index=True)[1]])
        both = self.graph.space[left[0, 0]] >= INPUT and self.graph.space[right[0, 0]] >= INPUT
        good = (3 * entries >= m * r) & ~((m * r == 1) & both)  # mostly full; a lone pair of lists is a dot
        taken = np.zeros(len(group), dtype=bool)
        for shape in np.unique(np.stack([m, r], axis=1)[good], axis=0).tolist():
            these = np.flatnonzero(good & (m == shape[0]) & (r == shape[1]))
            if len(these) * shape[0] * shape[1] * k < small:
                continue
            mine = np.isin(component, these)
            taken |= mine
            in_these = [np.flatnonzero(np.isin(of, these)) for of in (of_left, of_right)]
            rows = []
            for side, of, distinct in zip(in_these, (of_left, of_right), (lefts, rights), strict=True):
                rows.append(distinct[side[np.argsort(of[side], kind="stable")]].reshape(len(these), -1, k))
            place = []  # of each distinct row, within its component
            for side, of in zip(in_these, (of_left, of_right), strict=True):
                order = side[np.argsort(of[side], kind="stable")]
                found = np.zeros(len(of), dtype=np.int64)
                found[order] = np.arange(len(order)) % (len(order) // len(these))
                place.append(found)
            row = self._emit("matmul", group, (self._ref(rows[0]), self._ref(rows[1])), (len(these), *shape))
            stack = np.searchsorted(these, component[mine])
            self._set(group[mine], row + (stack * shape[0] + place[0][a[mine]]) * shape[1] + place[1][b[mine]])
        return group[~taken]


def strides_of(rows: Array) -> tuple[int, ...] | None:
    """By how much the row number grows along each axis, if it does so evenly."""
    base = rows.flat[0]
    strides = []
    grid = np.asarray(base)
    for axis, size in enumerate(rows.shape):
        stride = int(rows[(0,) * axis + (1,) + (0,) * (rows.ndim - axis - 1)] - base) if size > 1 else 0
        strides.append(stride)
        grid = grid[..., None] + np.arange(size) * stride
    return tuple(strides) if np.array_equal(grid, rows) else None


def _shape(operands: list[Array]) -> tuple[int, ...]:
    """(n,), or (p, q) if that makes some operand's rows even: x scaled by one number in each of p groups of q."""
    for rows in operands:
        steps = np.diff(rows)
        breaks = np.flatnonzero(steps != steps[:1])
        if len(breaks):
            q = int(breaks[0]) + 1
            if len(rows) % q == 0 and strides_of(rows.reshape(-1, q)):
                return len(rows) // q, q
    return operands[0].shape


MIX = np.random.default_rng(1).integers(1, 2**63, size=1 << 12, dtype=np.int64) | 1


def _distinct(rows: Array) -> tuple[Array, Array]:
    """For each row its number among the distinct ones, in order of first appearance; and these."""
    mix = np.resize(MIX, rows.shape[1]) * np.arange(1, 2 * rows.shape[1], 2)
    with np.errstate(over="ignore"):
        _, first, inverse = np.unique(rows @ mix, return_index=True, return_inverse=True)
    if not np.array_equal(rows, rows[first[inverse]]):  # two rows of one hash: never seen, but possible
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], rows[first[order]]


def _components(a: Array, b: Array, n_a: int, n_b: int) -> Array:
    """The connected component, 0, 1, ..., of each edge of a graph between two sorts of nodes."""
    label = np.arange(n_a)
    while True:
        of_b = np.full(n_b, n_a)
        np.minimum.at(of_b, b, label[a])
        better = label.copy()
        np.minimum.at(better, a, of_b[b])
        better = better[better]
        if np.array_equal(better, label):
            return np.unique(label[a], return_inverse=True)[1]
        label = better
