"""What a drawing shows, as plain data: no Graphviz here, so that every number in a picture can be tested."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from autograd import DomainError, Primitive, Value, topological

__all__ = ["LIMIT", "Description", "Edge", "GraphTooLarge", "Kind", "Node", "describe"]

LIMIT = 300
"""How many nodes a picture may have unless told otherwise: beyond, nobody can read it."""

Kind = Literal["leaf", "parameter", "constant", "operation", "result"]


class GraphTooLarge(ValueError):
    """The graph has more nodes than a picture can show."""


class Node(NamedTuple):
    """One box.

    id: unique in the drawing. symbol: of the operation, empty for leaves and constants. gradient: None when no backward
    pass has reached the node, which is not the same as 0; always None for constants. facts: what is known about the
    operation, one line each.
    """

    id: str
    kind: Kind
    label: str
    symbol: str
    data: float
    gradient: float | None
    facts: tuple[str, ...] = ()


class Edge(NamedTuple):
    """One argument of one operation: `source` is argument number `position` of `target`.

    contribution = local · upstream, where local is the partial derivative of target by source, and upstream the
    gradient of target. None: not computed, or does not exist; all three for constants.
    """

    source: str
    target: str
    position: int
    local: float | None
    upstream: float | None
    contribution: float | None


class Description(NamedTuple):
    """A graph as nodes, arguments before results, and edges, in the order in which arguments were written.

    After a backward pass from the result, the contributions of the edges that leave a node add up to its gradient;
    exactly, if added in the order of the sweep, which is that of `reversed(nodes)`. Two gradients hold more: that of
    the result is the seed, and that of a leaf adds up over all sweeps since `zero_grad`.

    stale: the data of some node no longer follows from its arguments, because a leaf was changed after it was computed.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    stale: bool


def describe(value: Value, *, parameters: Any = (), constants: bool = True, limit: int = LIMIT) -> Description:
    """The graph that leads to `value`.

    parameters: the leaves to show as parameters: Values, or a model with `named_parameters()`, whose names then label
        those that have no label. constants: whether plain numbers among the arguments get nodes of their own.
    limit: raises GraphTooLarge if there are more nodes than this.

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
    names = _names(parameters)
    order = topological(value)
    count = len(order)
    if constants:
        count += sum(isinstance(arg, float) for v in order for arg in v.args)
    if count > limit:
        raise GraphTooLarge(
            f"the graph has {count:,} nodes, too many to read (the limit is {limit}). Draw a smaller part: a Value "
            "nearer to the leaves, or the same computation with fewer inputs; draw_network(model) shows a network as "
            f"neurons. To draw it all the same, give limit={count}."
        )

    ids = {v: f"n{i}" for i, v in enumerate(order)}
    nodes: list[Node] = []
    edges: list[Edge] = []
    stale = False
    for v in order:
        target = ids[v]
        gradient = v.grad if v.has_grad else None
        if v.primitive is None:
            kind: Kind = "result" if v is value else "parameter" if v in names else "leaf"
            nodes.append(Node(target, kind, v.label or names.get(v, ""), "", v.data, gradient))
            continue
        operands = [arg if isinstance(arg, float) else arg.data for arg in v.args]
        stale = stale or not _follows(v.primitive, operands, v.data)
        for i, (arg, local) in enumerate(zip(v.args, _slopes(v.primitive, operands, v.data), strict=True)):
            if not isinstance(arg, float):
                edges.append(Edge(ids[arg], target, i, local, gradient, _contribution(local, gradient)))
            elif constants:
                nodes.append(Node(f"{target}c{i}", "constant", "", "", arg, None))
                edges.append(Edge(f"{target}c{i}", target, i, None, None, None))
        kind = "result" if v is value else "operation"
        nodes.append(Node(target, kind, v.label, v.primitive.symbol, v.data, gradient, _facts(v.primitive, operands)))
    return Description(tuple(nodes), tuple(edges), stale)


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


def _contribution(local: float | None, upstream: float | None) -> float | None:
    """local · upstream as the sweep takes it: where nothing flows, nothing is added, even through an infinite slope."""
    if upstream is None:
        return None
    if upstream == 0.0 or local == 0.0:
        return 0.0
    return None if local is None else local * upstream


def _follows(primitive: Primitive, operands: list[float], y: float) -> bool:
    """Whether the primitive still gives y, up to rounding."""
    try:
        again = primitive.on_floats(operands)
    except DomainError:
        return False
    return math.isclose(again, y, rel_tol=1e-12, abs_tol=1e-300) or (again != again and y != y)


def _facts(primitive: Primitive, operands: list[float]) -> tuple[str, ...]:
    facts: list[str] = []
    if primitive.formula:
        value, *slopes = primitive.formula
        facts.append(f"{primitive.name}: y = {value}")
        facts += [f"∂y/∂x{i if len(slopes) > 1 else ''} = {slope}" for i, slope in enumerate(slopes, 1)]
    if primitive.kink is not None and primitive.kink.distance(*operands) == 0.0:
        facts.append(f"at its kink, where the derivative is a convention: {primitive.kink.convention}")
    return tuple(facts)
