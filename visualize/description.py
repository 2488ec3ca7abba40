"""What a drawing shows, as plain data: no Graphviz here, so that every number in a picture can be tested."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple

from autograd import TABLE, DomainError, Primitive, Value, topological
from autograd.naming import short_names
from autograd.primitive import _BUILT_IN

__all__ = [
    "CHANGED",
    "LIMIT",
    "Description",
    "Edge",
    "Frame",
    "GraphTooLarge",
    "Group",
    "Kind",
    "Node",
    "Spread",
    "contribution_of",
    "describe",
    "describe_nodes",
    "operation_of",
    "parameters_in",
    "short_names",
    "spread_of",
]

LIMIT = 300
"""How many nodes a picture may have unless told otherwise: beyond, nobody can read it."""

MOST_NOTES = 4
"""How many notes on mixed gradients a picture carries."""

Kind = Literal["leaf", "parameter", "constant", "operation", "result", "group"]


class GraphTooLarge(ValueError):
    """The graph has more nodes than a picture can show."""


class Spread(NamedTuple):
    """Many numbers: how many (size), from where to where those go that are finite, how many are exactly 0, how many are
    nan or infinite; how many lie in each of equal steps between low and high; and how many more are not known.
    """

    size: int
    low: float | None
    high: float | None
    zeros: int
    bad: int
    bins: tuple[int, ...] = ()
    unknown: int = 0


class Group(NamedTuple):
    """What a box shows that stands for many nodes.

    size: how many. whole: with those that became part of them, as additions of a sum. each: how many there are for
    each example, in words. switches: a node at 0 is off, as of a ReLU.
    """

    size: int
    whole: int
    data: Spread
    gradient: Spread
    each: str = ""
    switches: bool = False


class Frame(NamedTuple):
    """A frame around boxes, by id: `inside` is the place of the frame that it stands in, if it stands in one."""

    title: str
    boxes: list[str]
    inside: int | None


class Node(NamedTuple):
    """One box.

    id: unique in the drawing. symbol: of the operation, empty for leaves and constants. gradient: None when no backward
    pass has reached the node, which is not the same as 0; always None for constants. facts: what is known about the
    operation, one line each. operation: the name of a built-in row, empty for a user's own and for what is none. name:
    the full name, where `label` is a short one. arity: how many arguments the operation has. group: what
    is shown of a box that stands for many nodes; members: their ids, if they are few.
    """

    id: str
    kind: Kind
    label: str
    symbol: str
    data: float
    gradient: float | None
    facts: tuple[str, ...] = ()
    operation: str = ""
    name: str = ""
    members: tuple[str, ...] = ()
    group: Group | None = None
    arity: int = 0


class Edge(NamedTuple):
    """One argument of one operation: `source` is argument number `position` of `target`.

    contribution = local · upstream, where local is the partial derivative of target by source, and upstream the
    gradient of target. None: not computed, or does not exist; all three for constants.
    parts: what the edge stands for in the whole graph: operations and the argument's place in each. More than one if it
    leads to or from a group; then local and upstream are those of all parts if they agree, and the contributions of the
    parts add up to that of the edge. times: how many edges of a graph that was rolled up it stands for; each: how many
    of them lead to each node of the target, 0 if that differs.
    """

    source: str
    target: str
    position: int
    local: float | None
    upstream: float | None
    contribution: float | None
    parts: tuple[tuple[str, int], ...] = ()
    times: int = 1
    each: int = 1


class Description(NamedTuple):
    """A graph as nodes, arguments before results, and edges, in the order in which arguments were written.

    After a backward pass from the result, the contributions of the edges that leave a node add up to its gradient;
    exactly, if added in the order of the sweep, which is that of `reversed(nodes)`. Two gradients hold more: that of
    the result is the seed, and that of a leaf adds up over all sweeps since `zero_grad`. Where that is not so, and
    wherever else the numbers do not belong together, `notes` say it, a sentence each.

    stale: the data of some node no longer follows from its arguments, because a leaf was changed after it was computed.
    foreign: the gradients are those of another result: no backward pass has started here.
    frames: around boxes that belong together; with frames and no edges, they are the columns of a table. total: how
    many nodes the graph has, if it was rolled up.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    stale: bool
    notes: tuple[str, ...] = ()
    foreign: bool = False
    frames: tuple[Frame, ...] = ()
    total: int = 0


def spread_of(numbers: Iterable[float | None]) -> Spread:
    """A few numbers as a Spread without a histogram."""
    found = list(numbers)
    known = [x for x in found if x is not None]
    finite = [x for x in known if math.isfinite(x)]
    low, high = (min(finite), max(finite)) if finite else (None, None)
    zeros = sum(x == 0.0 for x in finite)
    return Spread(len(known), low, high, zeros, len(known) - len(finite), (), len(found) - len(known))


def describe(
    value: Value, *, parameters: Any = None, constants: bool = True, limit: int = LIMIT,
    within: Set[Value] | None = None, gradients: Mapping[Value, float] | None = None,
) -> Description:  # fmt: skip
    """The graph that leads to `value`, whole: `visualize.fold` makes of it what a drawing shows.

    parameters: the leaves to show as parameters: Values, or a model with `named_parameters()`, whose names then label
        those that have no label. If None, those of all Modules and optimisers there are.
    constants: whether plain numbers among the arguments get nodes of their own.
    limit: raises GraphTooLarge if there are more nodes than this. within: these nodes only, and arrows between them.
    gradients: to show these, instead of what the Values hold.

    >>> x = Value(3.0, label="x")
    >>> for edge in describe(x * x).edges:
    ...     print(edge.source, "is argument", edge.position, "of", edge.target, "with slope", edge.local)
    n0 is argument 0 of n1 with slope 3.0
    n0 is argument 1 of n1 with slope 3.0
    """
    if not isinstance(value, Value):
        raise TypeError(f"takes a Value, such as the result of a computation with Values; got {value!r}")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit: must be a whole number of nodes, at least 1; got {limit!r}")
    order = [v for v in topological(value) if within is None or v in within]
    constants_too = sum(isinstance(arg, float) for v in order for arg in v.args) if constants else 0
    _check_size(len(order) + constants_too, limit)
    found = describe_nodes(order, value, parameters=parameters, constants=constants, gradients=gradients)
    return _annotated(found, within is None)


def describe_nodes(
    order: Sequence[Value], root: Value | None = None, *, parameters: Any = None, constants: bool = True,
    gradients: Mapping[Value, float] | None = None,
) -> Description:  # fmt: skip
    """Some nodes, arguments before results, and the arrows between them. root: the one to show as the result.
    gradients: to be shown instead of those that the Values hold.
    """
    names = parameters_in(order, parameters)
    short = short_names([name for name in names.values() if name])
    ids = {v: f"n{i}" for i, v in enumerate(order)}
    nodes: list[Node] = []
    edges: list[Edge] = []
    stale = False
    for v in order:
        gradient = (v.grad if v.has_grad else None) if gradients is None else gradients.get(v)
        kind: Kind = "result" if v is root else "operation" if v.primitive else "parameter" if v in names else "leaf"
        if v.primitive is None:
            name = names.get(v, "")
            label = v.label or short.get(name, "")
            nodes.append(Node(ids[v], kind, label, "", v.data, gradient, (), "", v.label or name))
            continue
        operands = [arg if isinstance(arg, float) else arg.data for arg in v.args]
        stale = stale or not _follows(v.primitive, operands, v.data)
        for node, edge in _arguments(v, operands, gradient, ids):
            if node is None or constants:
                nodes += [node] if node is not None else []
                edges.append(edge)
        operation, facts = operation_of(v.primitive), _facts(v.primitive, operands)
        nodes.append(
            Node(
                ids[v], kind, v.label, v.primitive.symbol, v.data, gradient, facts, operation, v.label,
                arity=len(operands),
            )
        )  # fmt: skip
    return Description(tuple(nodes), tuple(edges), stale)


def _check_size(count: int, limit: int) -> None:
    if count > limit:
        raise GraphTooLarge(
            f"the graph has {count:,} nodes, too many to read (the limit is {limit}). Draw a smaller part: a Value "
            "nearer to the leaves, fewer hops of focus, or the same computation with fewer inputs; draw_network(model) "
            f"shows a network as neurons. To draw it all the same, give limit={count}."
        )


def _arguments(
    v: Value, operands: list[float], gradient: float | None, ids: dict[Value, str]
) -> Iterator[tuple[Node | None, Edge]]:
    """The edges from the arguments of v, those that have ids, each with the node of its constant if it is one."""
    assert v.primitive is not None
    target = ids[v]
    for i, (arg, local) in enumerate(zip(v.args, _slopes(v.primitive, operands, v.data), strict=True)):
        if isinstance(arg, float):
            constant = f"{target}c{i}"
            yield Node(constant, "constant", "", "", arg, None), Edge(constant, target, i, None, None, None)
        elif arg in ids:
            part = ((target, i),)
            yield None, Edge(ids[arg], target, i, local, gradient, contribution_of(local, gradient), part)


def operation_of(primitive: Primitive | None) -> str:
    """The name of a row, if it is one of the built-in ones and not a user's that only looks like it."""
    name = "" if primitive is None else primitive.name
    return name if name in _BUILT_IN and TABLE.get(name) is primitive else ""


# ---------------------------------------------------------------- what the numbers do not say by themselves


CHANGED = "A leaf was changed after this was computed: these numbers do not belong together. Compute it again."


def _annotated(description: Description, whole: bool) -> Description:
    """The description with notes on numbers that do not belong together, or are none. whole: it is no part of a graph,
    in which contributions need not add up.
    """
    nodes = [node for node in description.nodes if node.kind != "constant"]
    root = nodes[-1]
    notes: list[str] = []
    if description.stale:
        notes.append(CHANGED)
    notes += _not_finite(nodes, description.edges)
    known = [node for node in nodes if node.gradient is not None]
    foreign = whole and root.gradient is None and bool(known)
    if foreign:
        notes.append(
            f"No backward() has started from {_called(root)} yet: the gradients shown are those of another result."
        )
    elif known and whole and not description.stale:
        notes += _mixed(nodes, description.edges)
    return description._replace(notes=tuple(notes), foreign=foreign)


def _not_finite(nodes: list[Node], edges: tuple[Edge, ...]) -> list[str]:
    found: list[str] = []
    for what, name in ((math.isnan, "nan"), (math.isinf, "infinite")):
        data = [node for node in nodes if what(node.data)]
        slopes = [node for node in nodes if node.gradient is not None and what(node.gradient)]
        flows = [edge for edge in edges if any(x is not None and what(x) for x in edge[3:6])]
        if data:
            found.append(f"The data of {_listed(data)} is {name}.")
        if slopes:
            # The sweep goes from the result to the leaves, so the last one in this order was the first to be so.
            found.append(f"The gradient of {_listed(slopes[::-1])} is {name}.")
        elif flows and not data:
            source = next(node for node in nodes if node.id == flows[-1].source)
            target = next(node for node in nodes if node.id == flows[-1].target)
            found.append(f"The slope of {_called(target)} by {_called(source)} is {name}.")
    return found


def _mixed(nodes: list[Node], edges: tuple[Edge, ...]) -> list[str]:
    """Notes on gradients that the contributions of the edges do not add up to."""
    sums = _sums(nodes, edges)
    notes: list[str] = []
    cleared = [node for node in nodes[:-1] if node.gradient is None]
    if cleared:
        notes.append(f"The gradient of {_listed(cleared)} was cleared after backward().")
    if any(node.symbol for node in cleared):
        return notes  # what its arguments got is not known any more
    inner = [node for node in nodes[:-1] if node.symbol and _differs(node.gradient, sums.get(node.id, 0.0))]
    if inner:
        node = inner[-1]
        notes.append(
            f"{_called(node)} has gradient {node.gradient:.4g}, but the edges here add up to "
            f"{sums.get(node.id, 0.0):.4g}: it is also used outside of this picture, or backward() of another result "
            "came in between."
        )
    for node in nodes[:-1]:
        here = sums.get(node.id, 0.0)
        if not node.symbol and not inner and _differs(node.gradient, here):
            assert node.gradient is not None
            notes.append(
                f"{_called(node)}: {node.gradient:.4g} = {here:.4g} here + {node.gradient - here:.4g} from an earlier "
                "backward(), or from outside of this picture."
            )
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES - 1 :] = [f"{len(notes) - MOST_NOTES + 1} more gradients hold more than what is drawn here."]
    return notes


def _sums(nodes: list[Node], edges: tuple[Edge, ...]) -> dict[str, float]:
    """For each node the contributions of its edges, added in the order of the sweep."""
    into: dict[str, list[Edge]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge)
    sums: dict[str, float] = {}
    for node in reversed(nodes):
        for edge in into.get(node.id, []):
            if edge.contribution is not None:
                sums[edge.source] = sums.get(edge.source, 0.0) + edge.contribution
    return sums


def _differs(gradient: float | None, here: float) -> bool:
    if gradient is None or not math.isfinite(gradient) or not math.isfinite(here):
        return False
    return not math.isclose(gradient, here, rel_tol=1e-14, abs_tol=0.0)


def _called(node: Node) -> str:
    return (
        f"{node.label!r}" if node.label else f"the node {node.symbol}" if node.symbol else f"a leaf ({node.data:.4g})"
    )


def _listed(nodes: list[Node]) -> str:
    """The first two of some nodes by name, and how many there are."""
    named = " and ".join(map(_called, nodes[:2])) if len(nodes) < 3 else _called(nodes[0])
    return named if len(nodes) < 3 else f"{named} and {len(nodes) - 1} more"


# ---------------------------------------------------------------- parameters and their names


def parameters_in(order: Iterable[Value], parameters: Any = None) -> dict[Value, str]:
    """Those of some nodes that are parameters, with their names: the given ones; if None, the leaves that a Module or
    an optimiser holds. nn is asked only if it is there.
    """
    if parameters is not None:
        return _names(parameters)
    nn = sys.modules.get("nn.module")
    found: dict[Value, str] = nn.known_parameters([v for v in order if v.primitive is None]) if nn is not None else {}
    return found


def _names(parameters: Any) -> dict[Value, str]:
    """The Values to show as parameters, each with a name if the model knows one."""
    named = getattr(parameters, "named_parameters", None)
    if named is not None:
        return {v: name for name, v in named()}
    found = [parameters] if isinstance(parameters, Value) else parameters
    if not isinstance(found, Iterable) or isinstance(found, str):
        raise TypeError(f"parameters: takes Values, or a model with named_parameters(); got {parameters!r}")
    found = list(found)
    for v in found:
        if not isinstance(v, Value):
            raise TypeError(f"parameters: takes Values, or a model with named_parameters(); got {v!r} among them")
    return dict.fromkeys(found, "")


def _slopes(primitive: Primitive, operands: list[float], y: float) -> list[float | None]:
    try:
        return primitive.local_derivatives(operands, y)
    except (ArithmeticError, ValueError):  # the one rule of a variadic row has no derivative for any argument
        return [None] * len(operands)


def contribution_of(local: float | None, upstream: float | None) -> float | None:
    """local · upstream as the sweep takes it: where nothing flows, nothing is added, even through an infinite slope."""
    if upstream is None:
        return None
    if local is None or local != local or upstream != upstream:
        return None if local is None and upstream != 0.0 else 0.0 if local is None else math.nan
    return 0.0 if upstream == 0.0 or local == 0.0 else local * upstream


def _follows(primitive: Primitive, operands: list[float], y: float) -> bool:
    """Whether the primitive still gives y, up to rounding."""
    try:
        again = primitive.on_floats(operands)
    except DomainError:
        return False
    return math.isclose(again, y, rel_tol=1e-12, abs_tol=1e-320) or (again != again and y != y)


def _facts(primitive: Primitive, operands: list[float]) -> tuple[str, ...]:
    facts: list[str] = []
    if primitive.formula:
        value, *slopes = primitive.formula
        facts.append(f"{primitive.name}: y = {value}")
        facts += [f"∂y/∂x{i if len(slopes) > 1 else ''} = {slope}" for i, slope in enumerate(slopes, 1)]
    if primitive.kink is not None and primitive.kink.distance(*operands) == 0.0:
        facts.append(f"at its kink, where the derivative is a convention: {primitive.kink.convention}")
    return tuple(facts)
