"""What happens when a gradient is computed, one step after the other: for the explorer's page and for films.

A step is plain data: the forward pass computes box after box, the seed starts the backward pass, and that goes arrow
by arrow, from the box that an arrow leads to back to the box it comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Literal, NamedTuple

from visualize.description import Description, Node
from visualize.folding import fold

__all__ = ["Step", "gradients_so_far", "named", "steps_of"]


class Step(NamedTuple):
    """box: the place, among the nodes of the folded description, of what gets a number: data on the way forward, the
    seed, or a contribution to its gradient. arrow: the place, among its edges, of the one the contribution comes over.
    """

    kind: Literal["start", "forward", "seed", "backward", "end"]
    box: int | None = None
    arrow: int | None = None


def steps_of(whole: Description, folded: Description) -> tuple[Step, ...]:
    """The steps for a description and what it is folded to: arguments before results, then all the way back.

    >>> from autograd import Value
    >>> from visualize import describe
    >>> x = Value(3.0, "x")
    >>> for step in steps_of(*named(describe(x * x))):
    ...     print(*step)
    start None None
    forward 1 None
    seed 1 None
    backward 0 0
    backward 0 1
    end None None
    """
    leaves = {node.id for node in whole.nodes if _is_leaf(node)}
    places = {node.id: k for k, node in enumerate(folded.nodes)}
    into: dict[str, list[int]] = {}
    for k, edge in enumerate(folded.edges):
        into.setdefault(edge.target, []).append(k)
    found = [Step("start")]
    for k, node in enumerate(folded.nodes):
        known = all(key in leaves for key in node.members) if node.kind == "group" else _is_leaf(node)
        found += [] if known else [Step("forward", k)]
    found.append(Step("seed", len(folded.nodes) - 1))
    for node in reversed(folded.nodes):
        found += [Step("backward", places[folded.edges[k].source], k) for k in into.get(node.id, [])]
    return (*found, Step("end"))


def _is_leaf(node: Node) -> bool:
    """Whether a node has its number from the start. A result without a symbol is a leaf alone."""
    return node.kind in ("leaf", "parameter") or (node.kind == "result" and not node.symbol)


def gradients_so_far(folded: Description, steps: Sequence[Step]) -> list[tuple[float | None, ...]]:
    """After each step, the gradient of each box as far as it has been added up; None where nothing has arrived, and of
    groups. Once all has arrived it is that of the description, to the last bit.
    """
    waiting = Counter(edge.source for edge in folded.edges)
    now: list[float | None] = [None] * len(folded.nodes)
    found: list[tuple[float | None, ...]] = []
    for step in steps:
        if step.kind == "seed" and step.box is not None:
            now[step.box] = folded.nodes[step.box].gradient
        elif step.box is not None and step.arrow is not None:
            node, contribution = folded.nodes[step.box], folded.edges[step.arrow].contribution
            waiting[node.id] -= 1
            if node.kind != "group" and not waiting[node.id]:
                now[step.box] = node.gradient
            elif node.kind != "group" and contribution is not None:
                now[step.box] = (now[step.box] or 0.0) + contribution
        found.append(tuple(now))
    return found


# ---------------------------------------------------------------- names and order


def named(whole: Description) -> tuple[Description, Description]:
    """The whole graph and the folded one, in which every node has a label by which one can speak of it: L for the
    result, v1, v2, ... for the others, those that are shown first.
    """
    shown = _in_order(fold(whole))
    taken = {node.label for node in whole.nodes}
    root = whole.nodes[-1].id
    fresh = (name for name in map("v{}".format, count(1)) if name not in taken)
    labels = {node.id: node.label for node in whole.nodes if node.label}
    for node in [*shown.nodes, *whole.nodes]:
        if node.id not in labels and node.kind not in ("constant", "group"):
            labels[node.id] = "L" if node.id == root and "L" not in taken else next(fresh)
    folded = _in_order(fold(whole, names=labels))

    def with_labels(description: Description) -> Description:
        nodes = [
            node._replace(label=node.label or labels[node.id], name=node.name or labels[node.id])
            if node.id in labels
            else node
            for node in description.nodes
        ]
        return description._replace(nodes=tuple(nodes))

    return with_labels(whole), with_labels(folded)


def _in_order(description: Description) -> Description:
    """Nodes in the order in which a reader computes: the first argument, and all before it, before the second one."""
    into: dict[str, list[str]] = {node.id: [] for node in description.nodes}
    for edge in description.edges:
        into[edge.target].append(edge.source)
    order: dict[str, None] = {}
    stack = [(description.nodes[-1].id, False)]
    while stack:
        key, done = stack.pop()
        if done:
            order.setdefault(key)
        elif key not in order:
            stack.append((key, True))
            stack += [(source, False) for source in reversed(into[key])]
    nodes = {node.id: node for node in description.nodes}
    return description._replace(nodes=tuple(nodes[key] for key in order))
