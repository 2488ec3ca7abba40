"""The page of a graph that is too large to be drawn whole: rolled up, and every box can be opened."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd import Value
from visualize.description import Node, Spread, describe_nodes
from visualize.folding import fold
from visualize.layout import arrange
from visualize.pages import page_of
from visualize.rollup import Rolled, rolled
from visualize.scene import bars_of, compose
from visualize.style import number
from visualize.svg import to_svg

__all__ = ["overview"]

ARGUMENTS, READERS, PUT_TOGETHER = 8, 3, 40
"""At most so many arguments and readers of a node are shown around it, and nodes of a sum that was put together."""


def overview(value: Value, *, parameters: Any, title: str, precision: int) -> str:
    """The page, as text."""
    graph = rolled("explore", value, parameters)
    description = graph.description()
    notable = {node.id: dict(_notable(graph.values_of(int(node.id[1:])))) for node in description.nodes}
    chosen = [v for found in notable.values() for v in found.values()]
    parts = _Parts(graph, chosen, parameters, precision)
    boxes = {
        node.id: _opened(node, [parts.of(name, node.label, v) for name, v in notable[node.id].items()], precision)
        for node in description.nodes
    }
    why = (
        f"These are all {description.total:,} nodes of the graph, in boxes of those that are alike. For numbers that "
        "follow a slider, explore a part: a Value nearer to the leaves, or the same computation with fewer inputs."
    )
    scene = compose(description, precision=precision)
    title = title or value.label or "a computation"
    picture = to_svg(scene, arrange(scene), alone=False)
    return page_of("overview", title=title, data={"boxes": boxes, "why": why}, picture=picture)


def _notable(values: Sequence[Value]) -> Iterator[tuple[str, Value]]:
    """A few of many nodes, each once, with what is remarkable about it."""
    if len(values) == 1:
        yield "this one", values[0]
        return
    seen: set[Value] = set()
    broken = next((v for v in values if not (math.isfinite(v.data) and math.isfinite(v.grad))), None)
    finite = [v for v in values if math.isfinite(v.data) and math.isfinite(v.grad)] or values[:1]
    steepest = max(finite, key=lambda v: abs(v.grad))
    for name, v in (
        ("the first that is not finite", broken),
        ("largest gradient", steepest if steepest.grad else None),
        ("largest", max(finite, key=lambda v: v.data)),
        ("smallest", min(finite, key=lambda v: v.data)),
        ("first", values[0]),
    ):
        if v is not None and v not in seen:
            seen.add(v)
            yield name, v


class _Parts:
    """Pictures of single nodes of a large graph, each with what it is computed from and some of what reads it."""

    def __init__(self, graph: Rolled, chosen: Sequence[Value], parameters: Any, precision: int) -> None:
        self.parameters, self.precision = parameters, precision
        order = graph.flat.order
        self.within_sums = {order[i] for i in graph.flat.values[~graph.flat.alive].tolist()}
        self.readers: dict[Value, list[Value]] = {v: [] for v in chosen}
        self.counts = dict.fromkeys(chosen, 0)
        for v in order:
            for arg in v.args:
                if isinstance(arg, Value) and arg in self.readers:
                    self.counts[arg] += 1
                    if len(self.readers[arg]) < READERS:
                        self.readers[arg].append(v)

    def of(self, name: str, kind: str, v: Value) -> dict[str, str]:
        order = _in_order([*self._below(v), *self.readers[v]])
        scene = compose(fold(describe_nodes(order, parameters=self.parameters)), precision=self.precision)
        more = self.counts[v] - len(self.readers[v])
        said = f"{v.label or kind} = {v.data!r}" + (f", gradient {v.grad!r}" if v.has_grad else "")
        if more > 0:
            said += f"; {more:,} more nodes read it"
        return {"name": name, "title": said, "svg": to_svg(scene, arrange(scene, 1200.0), alone=False)}

    def _below(self, v: Value) -> list[Value]:
        """A node, what was put together in it, what that was computed from, and what that was computed from."""
        whole, stack = {v: None}, [v]
        while stack and len(whole) < PUT_TOGETHER:
            inner = [arg for arg in _values(stack.pop().args) if arg in self.within_sums and arg not in whole]
            whole.update(dict.fromkeys(inner))
            stack += inner
        first = dict.fromkeys(arg for x in whole for arg in _values(x.args))
        second = [arg for x in list(first)[:ARGUMENTS] for arg in _values(x.args)] if len(whole) == 1 else []
        return [*whole, *first, *second]


def _values(args: Sequence[Any]) -> list[Value]:
    """The first few Values among arguments."""
    return [arg for arg in args if isinstance(arg, Value)][:ARGUMENTS]


def _in_order(part: Iterable[Value]) -> list[Value]:
    """Arguments before results."""
    within, order = set(part), dict[Value, None]()

    def add(v: Value) -> None:
        for arg in v.args:
            if isinstance(arg, Value) and arg in within and arg not in order:
                add(arg)
        order.setdefault(v)

    for v in part:
        add(v)
    return list(order)


def _opened(node: Node, parts: list[dict[str, str]], precision: int) -> dict[str, Any]:
    """What the page shows of a box."""
    assert node.group is not None
    spreads = [
        _told(name, spread, precision)
        for name, spread in (("data", node.group.data), ("gradient", node.group.gradient))
    ]
    name = f"{node.label} {node.symbol}".strip()
    return {"name": name, "lines": [node.name.partition(": ")[2]], "spreads": spreads, "parts": parts}


def _told(name: str, spread: Spread, precision: int) -> dict[str, Any]:
    low, high = (number(x, precision) if x is not None else "–" for x in (spread.low, spread.high))
    lines = [low if low == high else f"{low} … {high}"] if spread.size else []
    lines += [f"{spread.zeros:,} of {spread.size:,} are exactly 0"] if spread.zeros else []
    lines += [f"{spread.bad:,} are nan or infinite"] if spread.bad else []
    lines += [f"{spread.unknown:,} not computed"] if spread.unknown else []
    titles: list[str] = []
    if spread.bins and spread.low is not None and spread.high is not None:
        step = (spread.high - spread.low) / len(spread.bins)
        edges = [number(spread.low + k * step, precision) for k in range(len(spread.bins) + 1)]
        titles = [f"{n:,} from {edges[k]} to {edges[k + 1]}" for k, n in enumerate(spread.bins)]
    looks = [bar.look for bar in bars_of(name, spread)] if spread.bins else []
    return {
        "name": name, "lines": lines, "low": low, "high": high, "bins": spread.bins, "titles": titles, "looks": looks
    }  # fmt: skip
