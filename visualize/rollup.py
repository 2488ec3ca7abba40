"""Large graphs, rolled up: nodes that are alike become one box, with how many they are and what numbers they hold.

What belongs to the examples of a batch, and to the layers of a network, is framed. A graph in which nothing repeats is
a table of its operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from autograd import Value, topological
from autograd import primitives as table
from autograd.engine import read
from autograd.program.record import Array
from visualize.classes import Batch, Flat, batch_of, classes_of, depths_of, numbered
from visualize.description import (
    Description,
    Edge,
    Frame,
    GraphTooLarge,
    Group,
    Node,
    Spread,
    operation_of,
    parameters_in,
)
from visualize.doubts import doubts

__all__ = ["MOST_NODES", "Rolled", "members", "roll_up", "rolled"]

BOXES = 40
"""At most as many boxes, as long as classes allow."""

TANGLED = 2.0
"""With more arrows than this for each box there is no structure to be seen, and arrows would only hide that."""

BANDS = 4
"""Into at most so many columns a graph without structure is divided, by depth."""

MOST_NODES = 20_000_000
"""Beyond, memory would be filled: about 300 bytes a node are needed besides the graph itself."""

BINS = 14
"""Bars of a histogram."""

SMALL_EXAMPLE = 10
"""What has fewer nodes than this for each argument of a sum is a term, and no example."""

ACTIVATIONS = {"relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus"}


def roll_up(value: Value, *, parameters: Any = None, boxes: int = BOXES) -> Description:
    """The graph of `value` with a box for each kind of node: a Description whose nodes are groups.

    boxes: at most so many, as long as there are no more operations and layers than that. A graph in which nothing
    repeats comes back without arrows, as a table of boxes by operation and depth, and a note says so. Raises
    GraphTooLarge beyond twenty million nodes.

    The counts add up: each node of the graph is in one box, or in a sum or dot of one box.
    """
    return rolled("roll_up", value, parameters, boxes).description()


def members(value: Value, box: str, *, parameters: Any = None, boxes: int = BOXES) -> list[Value]:
    """The Values that a box of `roll_up` stands for: `box` is its id, as "c3", or its label, if no other has it.

    parameters, boxes: as they were given to `roll_up`. Of a sum that was put together, the last addition.

    >>> x = [Value(0.1 * k) for k in range(-3, 4)]
    >>> y = sum(v.relu() for v in x)
    >>> sorted(v.data for v in members(y, "ReLU"))
    [0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.30000000000000004]
    """
    graph = rolled("members", value, parameters, boxes)
    nodes = graph.description().nodes
    found = [node for node in nodes if box == node.id] or [node for node in nodes if box == node.label]
    if len(found) != 1:
        known = ", ".join(f"{node.id} ({node.label} {node.symbol})".replace(" )", ")") for node in graph.boxes)
        trouble = "there is no box" if not found else f"{len(found)} boxes are called"
        raise ValueError(f"members: {trouble} {box!r}; say one of {known}")
    return graph.values_of(int(found[0].id[1:]))


def rolled(name: str, value: Value, parameters: Any, boxes: int = BOXES) -> Rolled:
    """The graph of `value`, rolled up, for `name`, which errors name."""
    if not isinstance(value, Value):
        raise TypeError(f"{name}: takes a Value, such as the result of a computation with Values; got {value!r:.200}")
    if isinstance(boxes, bool) or not isinstance(boxes, SupportsIndex) or boxes < 1:
        raise ValueError(f"{name}: boxes must be a whole number, at least 1; got {boxes!r}")
    order = topological(value)
    if len(order) > MOST_NODES:
        raise GraphTooLarge(
            f"the graph has {len(order):,} nodes, too many to roll up (the limit is {MOST_NODES:,}). Draw a smaller "
            "part: a Value nearer to the leaves, or the same computation with fewer inputs"
        )
    flat = Flat(order, parameters_in(order, parameters), boxes)
    inside = batch_of(flat)
    return Rolled(flat, inside, classes_of(flat, inside, boxes), boxes)


# ---------------------------------------------------------------- boxes


class _Arrows(NamedTuple):
    """The arrows from one class to another: how many, and how many to each node there, 0 if that differs."""

    source: int
    target: int
    times: int
    each: int


class Rolled:
    """Classes as a description."""

    def __init__(self, flat: Flat, batch: Batch | None, classes: Array, most: int) -> None:
        self.flat, self.batch, self.classes = flat, batch, classes
        self.count = int(classes.max()) + 1
        self.notes: tuple[str, ...] = ()
        self.bands: list[str] = []
        self.arrows = self._arrows()
        if len(self.arrows) > TANGLED * self.count:
            self._as_table(most)
        self.by_class = np.argsort(self.classes, kind="stable")
        self.starts = np.searchsorted(self.classes[self.by_class], np.arange(self.count + 1))
        self.data, self.gradient = self._numbers()
        self.boxes = self._boxes()

    def _arrows(self) -> list[_Arrows]:
        """What leads from class to class, and how much of it to each node there."""
        flat, count = self.flat, self.count
        if not len(flat.target):
            return []
        keys, times = np.unique(flat.target * count + self.classes[flat.source], return_counts=True)
        pairs = keys % count * count + self.classes[keys // count]
        order = np.argsort(pairs, kind="stable")
        found, first = np.unique(pairs[order], return_index=True)
        times = times[order]
        sizes = np.bincount(self.classes[flat.nodes], minlength=count)
        arrows: list[_Arrows] = []
        for pair, start, end in zip(found.tolist(), first.tolist(), [*first[1:].tolist(), len(times)], strict=True):
            source, target = divmod(pair, count)
            each = int(times[start])
            same = end - start == sizes[target] and bool((times[start:end] == each).all())
            arrows.append(_Arrows(source, target, int(times[start:end].sum()), each if same else 0))
        return arrows

    def _as_table(self, most: int) -> None:
        """Nothing repeats: classes are operations, in columns by depth."""
        flat = self.flat
        kinds = numbered(flat.kind[flat.nodes])
        n_kinds = int(kinds.max()) + 1
        depth = depths_of(flat)[flat.nodes]
        bands = max(1, min(BANDS, most // n_kinds, int(depth.max())))
        edges = np.linspace(0, int(depth.max()) + 1, bands + 1).astype(int)
        band = np.searchsorted(edges[1:], depth, side="right")
        self.classes = np.full(flat.n, -1)
        self.classes[flat.nodes] = numbered(band * n_kinds + kinds)
        self.count = int(self.classes.max()) + 1
        self.arrows = []
        self.band_of = {int(c): int(b) for c, b in zip(self.classes[flat.nodes], band, strict=True)}
        self.bands = [
            f"{a} to {b - 1} operations deep" if b > a + 1 else f"{a} operation{'s' * (a != 1)} deep"
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
        self.notes = (
            "Nothing repeats in this graph, so its arrows are left out: boxes by operation, and by how many operations "
            "lead to them.",
        )

    def _numbers(self) -> tuple[Array, Array]:
        """Data and gradient of each node; a gradient that was never computed is nan, and `known` tells."""
        order = self.flat.order
        data, gradient = read(order, "data"), read(order, "grad")
        known = np.fromiter((v.has_grad for v in order), dtype=bool, count=len(order))
        self.notes += tuple(doubts(order, data, gradient, known, self.flat.stale))
        self.foreign = bool(known.any() and not known[-1])
        self.known = known[self.flat.values]
        return data[self.flat.values], gradient[self.flat.values]

    def places_of(self, c: int) -> Array:
        """The nodes of a class."""
        found: Array = self.by_class[self.starts[c] : self.starts[c + 1]]
        return found

    def values_of(self, c: int) -> list[Value]:
        """The Values of a class, in the order of `topological`."""
        return [self.flat.order[i] for i in np.sort(self.flat.values[self.places_of(c)]).tolist()]

    def _boxes(self) -> list[Node]:
        first = {c: int(self.flat.values[self.places_of(c)].min()) for c in range(self.count)}
        return [self._box(c) for c in sorted(first, key=first.__getitem__)]

    def _box(self, c: int) -> Node:
        flat, places = self.flat, self.places_of(c)
        name = flat.kinds[flat.kind[places[0]]]
        count = len(places)
        value = flat.order[int(flat.values[places[0]])]
        known = self.known[places]
        whole = int(flat.whole[places].sum())
        group = Group(
            count, whole, _spread(self.data[places]), _spread(self.gradient[places][known], int((~known).sum())),
            self._each(places), flat.primitive_of.get(int(flat.kind[places[0]])) is table.relu,
        )  # fmt: skip
        label = (value.label if count == 1 else "") or name
        parts = f", made of {whole:,} nodes" if whole > count else ""
        story = f"c{c}: {count:,} × {name}{parts}" + (f"; {group.each}" if group.each else "")
        kind = "operation" if value.primitive else "parameter" if flat.parameter[places[0]] else "leaf"
        if value is flat.order[-1]:
            kind = "result"
        gradient = value.grad if value.has_grad else None
        many = f"× {count:,}" if count > 1 else ""
        return Node(f"c{c}", kind, label, many, value.data, gradient, (), "", story, (), group)  # type: ignore[arg-type]  # of three kinds

    def _each(self, places: Array) -> str:
        """How many of a class belong to each example, in words."""
        if self.batch is None or self.batch.example[places[0]] < 0 or self.bands:
            return ""
        each = np.bincount(self.batch.example[places], minlength=self.batch.size)
        low, high = int(each.min()), int(each.max())
        return (f"{low:,}" if low == high else f"{low:,} to {high:,}") + f" for each {self._unit}"

    @cached_property
    def _unit(self) -> str:
        assert self.batch is not None
        size = int(self.flat.whole[self.batch.example >= 0].sum()) / self.batch.size
        return "example" if size >= SMALL_EXAMPLE or self.flat.parameter.any() else "term"

    # ------------------------------------------------------------ frames

    def description(self) -> Description:
        """The boxes with arrows between them and frames around them."""
        edges = [Edge(f"c{a}", f"c{b}", 0, None, None, None, (), times, each) for a, b, times, each in self.arrows]
        frames = self._table() if self.bands else self._frames()
        return Description(
            tuple(self.boxes), tuple(edges), self.flat.stale, self.notes, self.foreign, tuple(frames), self.flat.n
        )  # fmt: skip

    def _table(self) -> list[Frame]:
        found = [Frame(name, [], None) for name in self.bands]
        for node in self.boxes:
            found[self.band_of[int(node.id[1:])]].boxes.append(node.id)
        return [frame for frame in found if frame.boxes]

    def _frames(self) -> Iterator[Frame]:
        """One around what belongs to the examples, and one around each layer."""
        examples = [c for c in range(self.count) if self._is_inside(c)]
        if examples:
            assert self.batch is not None
            title = f"for each of the {self.batch.size:,} {self._unit}s"
            yield Frame(title, [f"c{c}" for c in examples], None)
        for layer, mine in self._layers().items():
            within = set(mine) <= set(examples)
            if within or not set(mine) & set(examples):
                yield Frame(f"layer {layer}", [f"c{c}" for c in mine], 0 if within and examples else None)

    def _is_inside(self, c: int) -> bool:
        return self.batch is not None and bool(self.batch.example[self.places_of(c)[0]] >= 0)

    def _layers(self) -> dict[str, list[int]]:
        """The classes that read the parameters of one layer and no other, and the activations that follow."""
        reads: dict[int, set[int]] = {}
        for a, b, _, _ in self.arrows:
            reads.setdefault(b, set()).add(a)
        kind = {c: int(self.flat.kind[self.places_of(c)[0]]) for c in range(self.count)}
        layer_of: dict[int, str] = {}
        for c, sources in reads.items():
            named = {self.flat.layers.get(kind[a], "") for a in sources if self.flat.parameter[self.places_of(a)[0]]}
            if len(named) == 1 and "" not in named:
                layer_of[c] = named.pop()
        for c, sources in reads.items():
            primitive = self.flat.primitive_of.get(kind[c])
            if c not in layer_of and len(sources) == 1 and operation_of(primitive) in ACTIVATIONS:
                (before,) = sources
                if before in layer_of and len(self.places_of(c)) == len(self.places_of(before)):
                    layer_of[c] = layer_of[before]
        found: dict[str, list[int]] = {}
        for c in sorted(layer_of):
            found.setdefault(layer_of[c], []).append(c)
        return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _spread(numbers: Array, unknown: int = 0) -> Spread:
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    bins: tuple[int, ...] = ()
    # Numbers that differ by rounding alone are one number.
    if low is not None and high is not None and max(1e-12 * max(abs(low), abs(high)), 1e-290) < high - low < np.inf:
        bins = tuple(np.histogram(finite, BINS, (low, high))[0].tolist())
    zeros, bad = int((finite == 0.0).sum()), len(numbers) - len(finite)
    return Spread(len(numbers), low, high, zeros, bad, bins, unknown)
