"""From the whole graph to what a page has room for: the same description, with fewer boxes.

Plain numbers move into the operation that they are an argument of (`× 1.1`, `x²`), chains of `+` become one Σ, what
only passes a number on is left out, and of many inputs that are alike a few are shown, with a box for those between.
Labels are cut to what fits. No number is computed anew: contributions of what is taken together add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from autograd.naming import SUPERSCRIPTS
from visualize.description import Description, Edge, Group, Node, spread_of
from visualize.style import cut, number

__all__ = ["fold"]

ALIKE = 12
"""More inputs than this that are alike are abridged."""

FIRST, LAST = 3, 1
"""How many of them are drawn before the dots and after."""

PLACE = "□"
"""Stands for an argument that has no name which could stand inside a box."""

SPELLED = 3
"""A dot of so many pairs, or fewer, is written out."""

SUMS = {"add", "sum"}
LISTS = {"sum", "mean", "dot", "logsumexp", "largest"}


def fold(description: Description, *, constants: bool = True, names: Mapping[str, str] | None = None) -> Description:
    """`description`, which has its constants as nodes, as a drawing shows it.

    constants: whether plain numbers stay visible, inside the operation. names: what nodes without a label are called
    there, by id.
    """
    graph = _Graph(description, names or {})
    graph.pass_identities()
    graph.chain_sums()
    if constants:
        graph.write_constants()
    graph.name_pairs()
    graph.abridge()
    return graph.described(description)


class _Graph:
    """A description under change: nodes by id, and for each the edges of its arguments."""

    def __init__(self, description: Description, names: Mapping[str, str]) -> None:
        self.names = names
        self.constants = {node.id: node for node in description.nodes if node.kind == "constant"}
        self.nodes = {node.id: node for node in description.nodes if node.kind != "constant"}
        self.root = description.nodes[-1].id
        self.into: dict[str, list[Edge]] = {key: [] for key in self.nodes}
        self.dots: set[str] = set()
        for edge in description.edges:
            self.into[edge.target].append(edge)

    def readers(self) -> dict[str, list[str]]:
        """For each node the targets of its edges, one entry per edge."""
        found: dict[str, list[str]] = {key: [] for key in self.nodes}
        for target, edges in self.into.items():
            for edge in edges:
                if edge.source in found:
                    found[edge.source].append(target)
        return found

    def is_whole(self, key: str) -> bool:
        """Whether all arguments of an operation are there: of a part of a graph, some may not be."""
        return len(self.into[key]) == self.nodes[key].arity

    def drop(self, key: str) -> None:
        del self.nodes[key], self.into[key]

    # ------------------------------------------------------------ identities and sums

    def pass_identities(self) -> None:
        """Leave out what transforms mark their arguments with."""
        for key, node in list(self.nodes.items()):
            if node.operation != "identity" or node.label or key == self.root or not self.is_whole(key):
                continue
            (inner,) = self.into[key]
            if inner.source in self.constants:
                # A derivative is taken by it: a leaf, as far as the reader is concerned.
                self.into[key] = []
                self.nodes[key] = node._replace(kind="leaf", symbol="", operation="", facts=())
                continue
            for edges in self.into.values():
                edges[:] = [edge._replace(source=inner.source) if edge.source == key else edge for edge in edges]
            self.drop(key)

    def chain_sums(self) -> None:
        """Additions whose result is used once, by another addition, become one Σ with all the terms in order."""
        readers = self.readers()
        for key, node in list(self.nodes.items()):
            if node.operation not in SUMS:
                continue
            terms: list[Edge] = []
            whole, joined = self.is_whole(key), False
            for edge in self.into[key]:
                inner = self.nodes.get(edge.source)
                inside = inner is not None and inner.operation in SUMS and not inner.label
                if inside and len(readers[edge.source]) == 1:
                    whole, joined = whole and self.is_whole(edge.source), True
                    terms += [term._replace(target=key) for term in self.into[edge.source]]
                    self.drop(edge.source)
                else:
                    terms.append(edge)
            if len(terms) > 2 or joined:
                self.into[key] = [term._replace(position=i) for i, term in enumerate(terms)]
                self.nodes[key] = node._replace(symbol="Σ", operation="sum", arity=len(terms) + (not whole))

    # ------------------------------------------------------------ what is written inside a box

    def write_constants(self) -> None:
        for key, node in self.nodes.items():
            edges = self.into[key]
            plain = {
                i: self.constants[edge.source].data for i, edge in enumerate(edges) if edge.source in self.constants
            }
            if plain and self.is_whole(key) and (node.operation != "dot" or len(edges) > 2 * SPELLED):
                free = next((edge for edge in edges if edge.source in self.nodes), None)
                symbol = _with_numbers(node, len(edges), plain, self._name(free.source) if free else PLACE)
                self.nodes[key] = node._replace(symbol=symbol)

    def name_pairs(self) -> None:
        """A dot says which of its inputs are multiplied with each other, if there are few; they enter side by side."""
        for key, node in self.nodes.items():
            if node.operation != "dot" or not self.is_whole(key):
                continue
            edges = self.into[key]
            half = len(edges) // 2
            pairs = list(zip(edges[:half], edges[half:], strict=True))
            self.into[key] = [edge for pair in pairs for edge in pair]
            self.dots.add(key)
            if half <= SPELLED:
                terms = [f"{self._factor(a)}·{self._factor(b)}" for a, b in pairs]
                if all(self._factor(edge) for edge in edges):
                    self.nodes[key] = node._replace(symbol=" + ".join(terms))

    def _factor(self, edge: Edge) -> str:
        if edge.source in self.constants:
            x = written(self.constants[edge.source].data)
            return f"({x})" if x.startswith("-") else x
        name = self.nodes[edge.source].label or self.names.get(edge.source, "")
        return name if len(name) <= 6 else ""

    def _name(self, key: str) -> str:
        """What stands for an argument inside a box: its name, if that is short, or x, if nothing else is called so."""
        name = self.nodes[key].label or self.names.get(key, "")
        if name and len(name) <= 6 and name.isalnum():
            return name
        return PLACE if name or any(node.label == "x" for node in self.nodes.values()) else "x"

    # ------------------------------------------------------------ many that are alike

    def abridge(self) -> None:
        """Of more than a dozen arguments in a row that are alike, show a few and put the others into a group."""
        order = {key: i for i, key in enumerate(self.nodes)}
        for target in list(self.nodes):
            if target not in self.nodes or len(self.into[target]) <= ALIKE:
                continue
            readers = self.readers()
            kinds = self._kinds(readers)
            units = list(self._units(target))
            start = 0
            for _, run in groupby(units, key=lambda unit: tuple(kinds[edge.source] for edge in unit)):
                size = len(list(run))
                if size > ALIKE:
                    hidden = units[start + FIRST : start + size - LAST]
                    self._group(target, [edge for unit in hidden for edge in unit], readers, order)
                start += size

    def _units(self, target: str) -> Iterator[tuple[Edge, ...]]:
        """The arguments of an operation as they belong together: of a dot, pairs."""
        edges = [edge for edge in self.into[target] if edge.source in self.nodes]
        step = 2 if target in self.dots and len(edges) == len(self.into[target]) else 1
        for i in range(0, len(edges), step):
            yield tuple(edges[i : i + step])

    def _kinds(self, readers: dict[str, list[str]]) -> dict[str, int]:
        """A number for each node, the same for nodes that are alike with all they are computed from. What is used by
        several nodes, or has a name and is computed, is like nothing else.
        """
        known: dict[tuple[object, ...], int] = {}
        found: dict[str, int] = {}
        for key, node in self.nodes.items():  # arguments first
            shared = key == self.root or len(set(readers[key])) > 1 or (node.symbol and node.label)
            inner = [found[edge.source] for edge in self.into[key] if edge.source in found]
            kind: tuple[object, ...] = ("shared", key) if shared else (node.kind, node.symbol, *inner)
            found[key] = known.setdefault(kind, len(known))
        return found

    def _group(self, target: str, edges: list[Edge], readers: dict[str, list[str]], order: dict[str, int]) -> None:
        """Put arguments of `target`, with what only they are computed from, into one box."""
        tops = list(dict.fromkeys(edge.source for edge in edges if readers[edge.source] == [target]))
        if len(tops) < 2:
            return
        hidden = self._below(tops, readers)
        group = f"{target}g{min(order[key] for key in tops)}"
        box = self._box_for(group, tops, len(hidden))
        outside = [
            edge for key in hidden for edge in self.into[key] if edge.source in self.nodes and edge.source not in hidden
        ]
        incoming = [
            _together(list(found), source, group)
            for source, found in groupby(sorted(outside, key=lambda e: order.get(e.source, 0)), key=lambda e: e.source)
        ]
        for key in hidden:
            self.drop(key)
        mine = [edge for edge in edges if edge.source in hidden]
        place = self.into[target].index(mine[0])
        kept = [edge for edge in self.into[target] if edge not in mine]
        self.into[target] = [*kept[:place], _together(mine, group, target), *kept[place:]]
        # Arguments before results: the group stands where its target does.
        before = list(self.nodes.items())
        at = next(i for i, (key, _) in enumerate(before) if key == target)
        self.nodes = dict([*before[:at], (group, box), *before[at:]])
        self.into[group] = incoming

    def _below(self, tops: list[str], readers: dict[str, list[str]]) -> dict[str, None]:
        """Some nodes with all that nothing else reads."""
        found: dict[str, None] = {}
        stack = list(reversed(tops))
        while stack:
            key = stack.pop()
            if key in found or key not in self.nodes:
                continue
            found[key] = None
            stack += [
                edge.source for edge in self.into[key]
                if edge.source in self.nodes and set(readers[edge.source]) <= {key, *found}
            ]  # fmt: skip
        return found

    def _box_for(self, group: str, tops: list[str], whole: int) -> Node:
        """The box of nodes that are alike, with all their numbers."""
        first = self.nodes[tops[0]]
        data, gradients = ([getattr(self.nodes[key], name) for key in tops] for name in ("data", "gradient"))
        content = Group(len(tops), whole, spread_of(data), spread_of(gradients))
        label = f"{len(tops)} more" + (f" {first.symbol}" if first.symbol and len(first.symbol) < 12 else "")
        story = f"{len(tops)} more like the one above"
        return Node(
            group, "group", label, "", first.data, None, name=story, members=tuple(tops), group=content
        )  # fmt: skip

    # ------------------------------------------------------------ back

    def described(self, description: Description) -> Description:
        nodes = tuple(
            node._replace(label=cut(node.label), name=node.name or node.label) for node in self.nodes.values()
        )
        edges = tuple(edge for key in self.nodes for edge in self.into[key] if edge.source in self.nodes)
        return description._replace(nodes=nodes, edges=edges)


def _together(edges: list[Edge], source: str, target: str) -> Edge:
    """Several edges as one: contributions add up; local and upstream are told where all agree."""
    locals_, upstreams = {edge.local for edge in edges}, {edge.upstream for edge in edges}
    known = [edge.contribution for edge in edges if edge.contribution is not None]
    total = None if len(known) < len(edges) else sum(known)
    return Edge(
        source, target, edges[0].position,
        locals_.pop() if len(locals_) == 1 else None,
        upstreams.pop() if len(upstreams) == 1 else None,
        total,
        tuple(part for edge in edges for part in edge.parts),
    )  # fmt: skip


SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "/"}


def written(x: float) -> str:
    """A plain number inside a box: whole if it is short, else cut, and then it says so."""
    exact = number(x, 17)
    short = number(x, 4)
    whole = repr(float(x)).removesuffix(".0")
    if len(whole) <= 8:
        return whole
    return short if float(short) == x else f"{short}…" if len(exact) > 8 else exact


def _with_numbers(node: Node, count: int, plain: dict[int, float], free: str) -> str:
    """An operation with the plain numbers among its arguments written into it; `free`: the argument that is none."""
    symbol, shown = node.symbol, {i: written(x) for i, x in plain.items()}
    if node.operation in LISTS or count > 3:
        few = ", ".join(shown.values()) if len(shown) < 4 else f"{len(shown)} numbers"
        return f"Σ + {few}" if symbol == "Σ" and len(shown) == 1 else f"{symbol} ({few})"
    if count == 2 and len(shown) == 1:
        ((place, x),) = shown.items()
        if node.operation == "pow":
            if place == 0:
                return f"({x})^{free}" if x.startswith("-") else f"{x}^{free}"
            whole = set(x) <= set("0123456789-")
            return f"{free}{x.translate(SUPERSCRIPTS)}" if whole else f"{free}^{x}"
        if node.operation in SIGNS:
            sign = SIGNS[node.operation]
            return f"{x} {sign} {free}" if place == 0 and node.operation in ("sub", "div") else f"{sign} {x}"
    free = free if count - len(shown) == 1 else "·"
    return f"{symbol}({', '.join(shown.get(i, free) for i in range(count))})"
