"""Where an error arose, as a picture: the operation that failed, in red, and what it was given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd import DomainError, Primitive, Value
from visualize.description import Description, Edge, Kind, Node, operation_of
from visualize.folding import fold
from visualize.scene import Row, compose
from visualize.svg import picture_of

__all__ = ["neighbourhood", "picture_of_error", "picture_of_operation"]

HOPS, MOST = 3, 20
"""How far a picture goes back from the operation that failed, and how many nodes it shows at most."""


def picture_of_error(error: DomainError) -> str:
    """The surroundings of a DomainError as SVG. Raises ValueError if the error does not know where it arose."""
    if error.primitive is None:
        raise ValueError("this error does not know where it arose")
    scene = compose(fold(neighbourhood(error.primitive, error.arguments, str(error))), gradients=False)
    failed = scene.boxes[-1]
    return picture_of(scene._replace(boxes=(*scene.boxes[:-1], failed._replace(rows=(Row("data", "none", "bad"),)))))


def picture_of_operation(primitive: Primitive, arguments: Sequence[Any], words: str) -> str:
    """An operation that is to blame for something, in red, and a few steps of what leads to it, as SVG."""
    scene = compose(fold(neighbourhood(primitive, arguments, words)), gradients=False)
    last = scene.boxes[-1]
    return picture_of(scene._replace(boxes=(*scene.boxes[:-1], last._replace(rows=()))))


def neighbourhood(primitive: Primitive, arguments: Sequence[Any], words: str) -> Description:
    """An operation as the result, with no number, and a few steps of what leads to it."""
    shown: dict[Value, int] = {}
    front = [arg for arg in arguments if isinstance(arg, Value)]
    for hop in range(HOPS):
        for v in front:
            if len(shown) < MOST:
                shown.setdefault(v, hop)
        front = [arg for v in front for arg in v.args if isinstance(arg, Value) and v in shown]
    nodes: list[Node] = []
    edges: list[Edge] = []
    order = _arguments_first(shown)
    ids = {v: f"n{i}" for i, v in enumerate(order)}

    def add(target: str, args: Sequence[Value | float]) -> None:
        for place, arg in enumerate(args):
            source = ids.get(arg) if isinstance(arg, Value) else f"{target}c{place}"
            if isinstance(arg, float):
                nodes.append(Node(source or "", "constant", "", "", arg, None))
            if source is not None:
                edges.append(Edge(source, target, place, None, None, None))

    for v in order:
        if v.primitive is not None:
            add(ids[v], v.args)
        kind: Kind = "leaf" if v.primitive is None else "operation"
        symbol = "" if v.primitive is None else v.primitive.symbol
        nodes.append(Node(ids[v], kind, v.label, symbol, v.data, None, (), operation_of(v.primitive), v.label))
    add("failed", [x if isinstance(x, Value) else float(x) for x in arguments])
    nodes.append(Node("failed", "result", "", primitive.symbol, math.nan, None, (words,), operation_of(primitive)))
    return Description(tuple(nodes), tuple(edges), False, (words,))


def _arguments_first(shown: dict[Value, int]) -> list[Value]:
    """The nodes so that each comes after those of its arguments that are shown."""
    order: dict[Value, None] = {}
    stack = [(v, False) for v in reversed(list(shown))]
    while stack:
        v, done = stack.pop()
        if done:
            order[v] = None
        elif v not in order:
            stack.append((v, True))
            stack += [(arg, False) for arg in v.args if isinstance(arg, Value) and arg in shown and arg not in order]
    return list(order)
