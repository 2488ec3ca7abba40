"""What a film says below the picture, step by step, in the words of the explorer."""

from __future__ import annotations

from typing import NamedTuple

from autograd.formulas import factor, slope_of
from visualize.description import Edge
from visualize.plan import Plan
from visualize.scene import equation, sign_of
from visualize.style import text_width
from visualize.svg import escaped, tenth
from visualize.words import listed

__all__ = ["Line", "drawn_line", "room_of", "told"]

SIZES = {"heading": 13.0, "formula": 15.0, "numbers": 17.0, "sum": 13.0}
DOWN = {"heading": 21.0, "formula": 45.0, "numbers": 71.0, "sum": 94.0}
"""Of the lines: size of letters, and how far below the upper edge of their panel they stand."""


class Line(NamedTuple):
    """A line of words about a step. kind: its class. runs: words, each with a class of its own or none. late: it comes
    only when the number does.
    """

    kind: str
    runs: tuple[tuple[str, str], ...]
    late: bool = False


def told(plan: Plan, i: int) -> list[Line]:
    """What is said about step i."""
    step, nodes = plan.steps[i], plan.folded.nodes
    root, leaves = nodes[-1].label, [node for node in nodes if node.kind in ("leaf", "parameter")]
    if step.kind == "start":
        known = [f"{node.label} = {plan.written(node.data)}" for node in leaves]
        return _lines("Before the forward pass: only the leaves have numbers", listed(known))
    if step.kind == "end":
        slopes = [f"{slope_of(root, node.label)} = {plan.written(node.gradient)}" for node in leaves]
        lines = _lines("All of it", f"{root} = {plan.written(nodes[-1].data)}")
        return [*lines, Line("numbers", ((listed(slopes, ",  "), ""),))]
    if step.kind == "seed":
        lines = _lines("Backward pass: the beginning", f"How much does {root} grow with {root} itself?")
        return [*lines, Line("numbers", ((f"{slope_of(root, root)} = 1", ""),), late=True)]
    assert step.box is not None
    if step.arrow is not None:
        return _chain_rule(plan, i, step.box, plan.folded.edges[step.arrow])
    node = nodes[step.box]
    if node.kind == "group":
        return _lines(f"Forward: {node.label}", "computed as the ones above")
    lines = _lines(f"Forward: {node.label}", f"{node.label} = {plan.formulas.values[node.id]}")
    numbers = f"{node.label} = {plan.numbers[node.id]} = {plan.written(node.data)}"
    return [*lines, Line("numbers", ((numbers, ""),), late=True)]


def _lines(heading: str, formula: str) -> list[Line]:
    return [Line("heading", ((heading, ""),)), Line("formula", ((formula, ""),))]


def _chain_rule(plan: Plan, i: int, k: int, edge: Edge) -> list[Line]:
    """What is said about a contribution to box k: the chain rule, in symbols and in numbers, and what it adds up to."""
    nodes = {node.id: node for node in plan.folded.nodes}
    root, x, y = plan.folded.nodes[-1].label, nodes[edge.source].label, nodes[edge.target].label
    if len(edge.parts) > 1:
        each = f"{x} and {y}: {len(edge.parts)} contributions, each a slope × the gradient above it"
        lines = _lines("Chain rule, many times at once", each)
    else:
        slope = plan.formulas.slopes.get(edge.parts[0], "") if edge.parts else ""
        local = factor(slope) if slope else slope_of(y, x)
        rule = f"{slope_of(root, x)} += {local} × {slope_of(root, y)}"
        lines = _lines(f"Chain rule: from {y} back to {x}", rule)
    factors, total = equation(edge, plan.precision)
    lines.append(Line("numbers", ((f"{factors} ", ""), (total, sign_of(edge.contribution))), late=True))
    before, after = plan.so_far[i - 1][k], plan.so_far[i][k]
    if nodes[edge.source].kind == "group" or after is None:
        return lines
    more = any(step.box == k and step.kind == "backward" for step in plan.steps[i + 1 :])
    words = ("so far " if more else "") + f"{slope_of(root, x)} = "
    if before is not None:
        words += f"{plan.written(before)} + {factor(total)} = "
    return [*lines, Line("sum", ((words, ""), (plan.written(after), sign_of(after))), late=True)]


def room_of(line: Line) -> float:
    """The width that a line needs, in points."""
    return text_width("".join(words for words, _ in line.runs), SIZES[line.kind])


def drawn_line(line: Line, middle: float, top: float, room: float) -> str:
    """A line in a panel whose upper edge is `top`; in smaller letters if it would not fit into its room."""
    share = min(1.0, room / max(room_of(line), 1.0))
    small = "" if share == 1.0 else f' style="font-size:{tenth(share * SIZES[line.kind])}px"'
    words = "".join(
        f'<tspan class="{look}">{escaped(words)}</tspan>' if look else escaped(words) for words, look in line.runs
    )
    return f'<text class="{line.kind}" x="{tenth(middle)}" y="{tenth(top + DOWN[line.kind])}"{small}>{words}</text>'
