"""Large graphs, rolled up: nodes that are alike become one box, with how many they are and what numbers they hold.

First sums and dots are put together again. Then nodes are sorted into classes, coarse to fine: at first by operation,
and round by round by the classes of what they are computed from and of what reads them (colour refinement), until there
would be too many boxes, or until a round tells hardly any nodes apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from autograd import Value, topological
from visualize.description import Description, Edge, GraphTooLarge, Node, operation_of, parameters_in, short_names

__all__ = ["MOST_NODES", "roll_up"]

BOXES = 40
"""At most as many boxes, as long as classes allow."""

MOVED = 0.02
"""A round that moves a smaller share of the nodes out of the largest part of their class is not worth its boxes."""

TANGLED = 2.0
"""With more arrows than this for each box there is no structure to be seen, and arrows would only hide that."""

MOST_NODES = 3_000_000
"""Beyond, memory would be filled: about a kilobyte a node is needed."""


def roll_up(value: Value, *, parameters: Any = None, boxes: int = BOXES) -> Description:
    """The graph of `value` with a box for each kind of node: a Description whose nodes are groups.

    boxes: at most so many. A graph in which nothing repeats comes back without edges, as one box for each operation,
    and a note says so. Raises GraphTooLarge beyond three million nodes.
    """
    order = topological(value)
    if len(order) > MOST_NODES:
        raise GraphTooLarge(
            f"the graph has {len(order):,} nodes, too many to roll up (the limit is {MOST_NODES:,}). Draw a smaller "
            "part: a Value nearer to the leaves, or the same computation with fewer inputs"
        )
    graph = _Flat(order, parameters_in(order, parameters))
    classes = _refined(graph, boxes)
    return _described(graph, classes)


class _Flat:
    """Nodes by number, arguments before results: what each is, and whom it reads; sums and dots put together."""

    def __init__(self, order: list[Value], names: dict[Value, str]) -> None:
        self.values = order
        places = {v: i for i, v in enumerate(order)}
        self.read = [[places[arg] for arg in v.args if isinstance(arg, Value)] for v in order]
        self.kind = [_kind(v, names) for v in order]
        self.parameters = {i for i, v in enumerate(order) if v in names}
        self.alive = [True] * len(order)
        self._join_sums()
        self._join_products()
        self.readers: list[list[int]] = [[] for _ in order]
        for i, args in enumerate(self.read):
            if self.alive[i]:
                for j in args:
                    self.readers[j].append(i)
        self.nodes = [i for i, alive in enumerate(self.alive) if alive]

    def _uses(self) -> list[int]:
        uses = [0] * len(self.values)
        for i, args in enumerate(self.read):
            if self.alive[i]:
                for j in args:
                    uses[j] += 1
        return uses

    def _join_sums(self) -> None:
        """A sum that only another sum reads is part of it."""
        uses, top = self._uses(), list(range(len(self.values)))
        plus = [operation_of(v.primitive) in ("add", "sum") and not v.label for v in self.values]
        for i in reversed(range(len(self.values))):
            if plus[i]:
                for j in self.read[i]:
                    if plus[j] and uses[j] == 1:
                        top[j] = top[i]
        terms: dict[int, list[int]] = {}
        for i, args in enumerate(self.read):
            if plus[i]:
                terms.setdefault(top[i], []).extend(j for j in args if top[j] == j)
                self.alive[i] = top[i] == i
        for i, args in terms.items():
            self.read[i] = args
            if len(args) > 2:
                self.kind[i] = "Σ"

    def _join_products(self) -> None:
        """A sum of products that nothing else reads is a dot."""
        uses = self._uses()
        for i in range(len(self.values)):
            if not self.alive[i] or self.kind[i] not in ("Σ", "+"):
                continue
            products = [j for j in self.read[i] if self.kind[j] == "*" and uses[j] == 1 and len(self.read[j]) == 2]
            if len(products) < 2 or len(products) < len(self.read[i]) - 1:
                continue
            chosen = set(products)
            rest = [j for j in self.read[i] if j not in chosen]
            for j in products:
                self.alive[j] = False
            squares = all(self.read[j][0] == self.read[j][1] for j in products)
            self.read[i] = [k for j in products for k in self.read[j][: 1 if squares else 2]] + rest
            self.kind[i] = ("Σ x²" if squares else "Σ w·x") + (" + b" if rest else "")


def _kind(v: Value, names: dict[Value, str]) -> str:
    if v.primitive is None:
        name = names.get(v)
        if name is None:
            return "leaves"
        # The layer and what it is: w⁰ for layers.0.neurons.3.weights.5.
        return next(iter(short_names([name]).values())).rstrip("₀₁₂₃₄₅₆₇₈₉,") if name else "parameters"
    if operation_of(v.primitive) == "pow" and isinstance(v.args[1], float):
        return f"x^{v.args[1]:g}"
    return v.primitive.symbol


def _refined(graph: _Flat, most: int) -> dict[int, int]:
    """A class for each node."""
    numbers: dict[object, int] = {}
    classes = {i: numbers.setdefault(graph.kind[i], len(numbers)) for i in graph.nodes}
    while True:
        numbers = {}
        finer = {}
        for i in graph.nodes:
            key = (
                classes[i],
                frozenset(classes[j] for j in graph.read[i]),
                frozenset(classes[j] for j in graph.readers[i] if j in classes),
            )
            finer[i] = numbers.setdefault(key, len(numbers))
        if len(numbers) > most or len(numbers) == len(set(classes.values())):
            return classes
        parts = Counter((classes[i], finer[i]) for i in graph.nodes)
        largest: dict[int, int] = {}
        for (before, _), size in parts.items():
            largest[before] = max(largest.get(before, 0), size)
        if len(graph.nodes) - sum(largest.values()) < MOVED * len(graph.nodes):
            return classes
        classes = finer


def _described(graph: _Flat, classes: dict[int, int]) -> Description:
    members: dict[int, list[int]] = {}
    for i in graph.nodes:
        members.setdefault(classes[i], []).append(i)
    order = sorted(members, key=lambda c: members[c][0])
    counts: Counter[tuple[int, int]] = Counter()
    for i in graph.nodes:
        for j in graph.read[i]:
            counts[classes[j], classes[i]] += 1
    root = classes[len(graph.values) - 1]
    notes: tuple[str, ...] = ()
    if len(counts) > TANGLED * len(order):
        counts.clear()
        notes = (
            "Nothing repeats in this graph, so its arrows are left out: a box for each operation, with its numbers.",
        )
    nodes = [_box(graph, c, members[c], c == root) for c in order]
    edges = [Edge(f"c{a}", f"c{b}", 0, None, None, None, (), count) for (a, b), count in counts.items()]
    return Description(tuple(nodes), tuple(edges), False, notes)


def _box(graph: _Flat, number: int, members: Sequence[int], is_root: bool) -> Node:
    first = members[0]
    values = [graph.values[i] for i in members]
    held = tuple((f"n{i}", v.data, v.grad if v.has_grad else None) for i, v in zip(members, values, strict=True))
    kind = graph.kind[first]
    label = (values[0].label if len(members) == 1 else "") or kind
    story = f"{len(members):,} × {kind}"
    many = f"× {len(members):,}" if len(members) > 1 else ""
    shown = "result" if is_root and not many else "group"
    gradient = values[0].grad if values[0].has_grad else None
    return Node(f"c{number}", shown, label, many, values[0].data, gradient, (), "", story, held)  # type: ignore[arg-type]  # of two kinds
