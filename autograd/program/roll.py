"""Roll: turn many scalar operations into few array operations.

An agenda of operations whose arguments are there, by primitive and spaces, is worked off a whole group at a time. Dots
whose factors form the rows and columns of matrices become matrix products. Results get consecutive rows, in the order
in which they are likely to be read. A row is one number (per example, in the spaces that have a batch).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive
from autograd.program.graph import INPUT, Agenda, Graph, ranges, starts_of
from autograd.program.matrices import products_of
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
        for group in self._groups():
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

    def _groups(self) -> Iterator[Array]:
        """Operations that can be done together, in turn: of the ready ones, always those of the lowest mean depth."""
        graph = self.graph
        key, depth = self._keys(), graph.depth[graph.first :]
        agenda = Agenda(graph)
        ready: dict[int, _Ready] = {}
        released = np.flatnonzero(agenda.waiting == 0)
        while len(released) or ready:
            for k in np.unique(key[released]).tolist():
                mine = released[key[released] == k]
                ready.setdefault(k, _Ready()).add(mine, int(depth[mine].sum()))
            nodes = np.concatenate(ready.pop(min(ready, key=lambda k: ready[k].depth)).nodes)
            released = agenda.done(nodes)
            yield nodes

    def _keys(self) -> Array:
        """Equal numbers for operations that can be done together: of one primitive, on operands of the same spaces, and
        with the same constant exponent.
        """
        graph, start, length = self.graph, self.graph.start[:-1], self.graph.length
        spaces = graph.space[graph.args]
        dots = graph.which(table.dot)
        lists = graph.which(*(row for row in graph.primitives if row.rule is not None))
        # Of a dot, the first of each half tells; of other lists, the first.
        telling, step = np.where(dots, 2, np.where(lists, 1, length)), np.where(dots, length // 2, 1)
        powers = np.flatnonzero(graph.which(table.pow))
        exponent = graph.args[start[powers] + 1] + 1
        key = graph.op.copy()
        key[powers] += len(graph.primitives) * np.where(exponent <= len(graph.constants), exponent, 0)
        for place in (2, 1, 0):
            entry = np.minimum(start + place * step, len(spaces) - 1)
            key = 4 * key + np.where(place < telling, spaces[entry], 0)
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
        row = self._emit("map", group, tuple(self._ref(column) for column in operands.T), (len(group),))
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
        group = np.concatenate([self._matrices(group[half == k], k) for k in np.unique(half).tolist()])
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

    def _matrices(self, group: Array, k: int) -> Array:
        """Emit matrix products for those dots, each of k products, that are entries of one; returns the others."""
        graph = self.graph
        left = graph.args[graph.start[group][:, None] + np.arange(k)]
        right = graph.args[graph.start[group][:, None] + k + np.arange(k)]
        both = graph.space[left[0, 0]] >= INPUT and graph.space[right[0, 0]] >= INPUT
        alone = np.ones(len(group), dtype=bool)
        for found in products_of(left, right, lone=not both):
            row = self._emit("matmul", group, (self._ref(found.left), self._ref(found.right)), found.shape)
            self._set(group[found.dots], row + found.place)
            alone[found.dots] = False
        return group[alone]


class _Ready:
    """Operations of one key that can be done."""

    def __init__(self) -> None:
        self.nodes: list[Array] = []
        self.count = self.total = 0

    def add(self, nodes: Array, depth: int) -> None:
        """depth: of all of them together."""
        self.nodes.append(nodes)
        self.count += len(nodes)
        self.total += depth

    @property
    def depth(self) -> float:
        """The mean of all."""
        return self.total / self.count


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
