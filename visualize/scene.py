"""What a picture says: boxes with lines of text, and arrows with a label. No place yet, and no format.

A Scene is what is laid out (`layout`), drawn (`svg`, `drawing`), written (`text`) and put into a page (`explore`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from visualize.description import Description, Edge, Frame, Group, Node, Spread
from visualize.style import DASH, number, relative, shown_label, text_width

__all__ = ["Arrow", "Bar", "Box", "Row", "Scene", "compose", "bars_of", "equation", "sign_of"]

PAD, HEADING, ROW = 8.0, 22.0, 16.0
"""Of a box, in points: room beside the text, height of the line with the label, of a line with a number."""

SMALL, BIG, SIGN = 11.0, 12.0, 15.0
"""Sizes of letters: of numbers, of names, of signs such as +."""

WIDEST = "-0.0001e-10"
"""Where numbers will change, a box has room for this, with as many more digits as precision asks for beyond 4."""


BAR = 7.0
"""Width of a bar of a histogram."""

BLOCKS = " ▁▂▃▄▅▆▇█"
"""Bars as letters, where there are only letters."""


class Bar(NamedTuple):
    """Of a histogram: how high, 0 to 1, and the class of the numbers that it stands for."""

    height: float
    look: str


class Row(NamedTuple):
    """A line of a box: what it is, the number as text, and its class: pos, neg, zero, bad, none, plain or soft. bars:
    of a histogram, which stand for the text where they can be drawn.
    """

    name: str
    text: str
    look: str
    bars: tuple[Bar, ...] = ()


class Box(NamedTuple):
    """id: unique. kind: of the node, decides colour and corners. label: lines of the name. symbol: of the operation.
    bad: there is nan or inf in it. story: what hovering tells.
    """

    id: str
    kind: str
    label: tuple[str, ...]
    symbol: str
    rows: tuple[Row, ...]
    story: str
    width: float
    height: float
    bad: bool = False

    @property
    def heading(self) -> float:
        """The height of the part above the rows."""
        lines = max(len(self.label), 1 if self.symbol else 0)
        return 0.0 if lines == 0 else HEADING + 14.0 * (lines - 1)


class Arrow(NamedTuple):
    """equation: local × upstream, and contribution, as text; ("", "") for none. look: as of a Row. size: 0 to 1, how
    large the contribution is beside the largest. width: the room that the label needs.
    """

    id: str
    source: str
    target: str
    equation: tuple[str, str]
    look: str
    size: float
    dashed: bool
    story: str
    width: float


class Scene(NamedTuple):
    """boxes: those that are read before those that read. notes: what must be said in words. flows: there are
    contributions, so colours and widths need a legend. frames: around boxes, outer ones first; without arrows they are
    the columns of a table. key: what else the legend explains.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    orientation: str = "LR"
    title: str = ""
    about: str = ""
    notes: tuple[str, ...] = ()
    flows: bool = False
    frames: tuple[Frame, ...] = ()
    key: str = ""


HISTOGRAMS = "bars: how many nodes have which number"


def compose(
    description: Description, *, orientation: str = "LR", precision: int = 4, data: bool = True, gradients: bool = True,
    contributions: bool = True, title: str = "", roomy: bool = False,
) -> Scene:  # fmt: skip
    """A folded description in words; the options are those of `draw`. roomy: numbers and equations will change."""
    boxes = tuple(_box(node, precision, data, gradients, description.foreign, roomy) for node in description.nodes)
    names = {node.id: node.name or node.symbol or "a leaf" for node in description.nodes}
    sizes = [abs(e.contribution) for e in description.edges if e.contribution is not None]
    largest = max((size for size in sizes if math.isfinite(size)), default=1.0) or 1.0
    arrows = tuple(
        _arrow(i, edge, names, precision, contributions, largest, description.foreign, roomy)
        for i, edge in enumerate(description.edges)
    )
    flows = roomy or any(arrow.equation[1] for arrow in arrows)
    key = HISTOGRAMS if any(row.bars for box in boxes for row in box.rows) else ""
    if description.total and not title:
        title = f"{description.total:,} nodes in {len(boxes)} boxes"
    return Scene(
        boxes, arrows, orientation, title, _about(description, precision), description.notes, flows, description.frames,
        key,
    )  # fmt: skip


def sign_of(x: float | None) -> str:
    """The class of a number: what colour it has, and how its arrow is drawn."""
    if x is None:
        return "none"
    if not math.isfinite(x):
        return "bad"
    return "zero" if x == 0.0 else "pos" if x > 0.0 else "neg"


def equation(edge: Edge, precision: int) -> tuple[str, str]:
    """`local × upstream =` and the contribution, as text."""
    if len(edge.parts) > 1:
        each = None if edge.local is None or edge.upstream is None else edge.local * edge.upstream
        total = DASH if edge.contribution is None else number(edge.contribution, precision)
        return (f"{len(edge.parts)} ×" + (f" {number(each, precision)} =" if each is not None else " … ="), total)
    shown = [DASH if x is None else number(x, precision) for x in edge[3:6]]
    return (f"{shown[0]} × {shown[1]} =", shown[2])


def _box(node: Node, precision: int, data: bool, gradients: bool, foreign: bool, roomy: bool) -> Box:
    rows: list[Row] = []
    if node.group is not None and node.group.size > 1:
        rows += _ranges(node.group, data, gradients)
    else:
        if data:
            rows.append(Row("data", number(node.data, precision), "plain" if math.isfinite(node.data) else "bad"))
        if gradients and node.kind != "constant":
            look = sign_of(node.gradient)
            shown = DASH if node.gradient is None else number(node.gradient, precision)
            rows.append(Row("grad", shown, "foreign" if foreign and look != "none" else look))
    label = tuple(shown_label(node.label)) if node.label else ()
    sample = WIDEST + "0" * (precision - 4) if roomy and node.group is None else ""
    heading = max((text_width(line, BIG) for line in label), default=0.0)
    if node.symbol:
        heading += text_width(node.symbol, symbol_size(node.symbol)) + (12.0 if label else 0.0)
    lines = [_width(row, sample) for row in rows]
    width = math.ceil(max(heading, *lines, 24.0) + 2.0 * PAD) if rows else math.ceil(max(heading, 14.0) + 2.0 * PAD)
    bare = Box(node.id, node.kind, label, node.symbol, tuple(rows), _story(node), width, 0.0, _is_bad(node))
    height = bare.heading + ROW * len(rows) + (6.0 if rows else 0.0) + (4.0 if not bare.heading else 0.0)
    return bare._replace(height=max(height, 22.0))


def _width(row: Row, sample: str) -> float:
    if row.bars:
        return BAR * len(row.bars)
    return text_width(row.name, SMALL) + 10.0 + max(text_width(words, SMALL) for words in (row.text, sample))


def symbol_size(symbol: str) -> float:
    """Signs are small letters, so they are set larger."""
    return SIGN if len(symbol) == 1 and not symbol.isalnum() else BIG


def _ranges(group: Group, data: bool, gradients: bool) -> list[Row]:
    """Of a group, from where to where its numbers go, how they are spread, and how many are 0."""
    rows = [Row("", group.each, "soft")] if group.each else []
    for name, spread, wanted in (("data", group.data, data), ("grad", group.gradient, gradients)):
        if wanted:
            rows.append(Row(name, _range(spread), "bad" if spread.bad else "plain" if spread.size else "none"))
            if spread.bins:
                rows.append(_histogram(name, spread))
    shares = (("data", group.data, data), ("grad", group.gradient, gradients and bool(group.gradient.bins)))
    for name, spread, wanted in shares:
        if wanted and 0 < spread.zeros < spread.size:
            off = name == "data" and group.switches
            share = spread.zeros / spread.size
            few = "< 1%" if share < 0.005 else "> 99%" if share > 0.995 else f"{share:.0%}"
            rows.append(Row("off" if off else f"{name} 0", few, "neg" if off else "plain"))
    if gradients and group.gradient.size and group.gradient.unknown:
        rows.append(Row("grad", f"{group.gradient.unknown:,} not computed", "none"))
    for name, spread, wanted in shares:
        if wanted and spread.bad:
            rows.append(Row(name, f"{spread.bad:,} × nan or inf", "bad"))
    return rows


def _range(spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return "nan or inf" if spread.bad else DASH
    low, high = number(spread.low, 3), number(spread.high, 3)
    return low if low == high else f"{low} … {high}"


def bars_of(name: str, spread: Spread) -> tuple[Bar, ...]:
    """The bars of a histogram; those of gradients tell the sign. The lowest that is not empty can still be seen."""
    assert spread.low is not None
    assert spread.high is not None
    top, step = max(spread.bins), (spread.high - spread.low) / len(spread.bins)
    found: list[Bar] = []
    for i, count in enumerate(spread.bins):
        low, high = spread.low + i * step, spread.low + (i + 1) * step
        look = "plain" if name == "data" else "pos" if low >= 0.0 else "neg" if high <= 0.0 else "zero"
        found.append(Bar(max(count / top, 0.08) if count else 0.0, look))
    return tuple(found)


def _histogram(name: str, spread: Spread) -> Row:
    bars = bars_of(name, spread)
    words = "".join(BLOCKS[math.ceil(bar.height * (len(BLOCKS) - 1))] for bar in bars)
    return Row("", words, "plain", bars)


def _is_bad(node: Node) -> bool:
    if node.group is not None:
        return bool(node.group.data.bad or node.group.gradient.bad)
    return any(x is not None and not math.isfinite(x) for x in (node.data, node.gradient))


def _story(node: Node) -> str:
    """What hovering over a box tells: every digit, and what is known about its operation."""
    if node.group is not None and node.group.size > 1:
        return node.name
    lines = [f"{node.name or node.kind} = {node.data!r}"]
    if node.gradient is not None:
        lines.append(f"gradient {node.gradient!r}")
    return "\n".join([*lines, *node.facts])


def _arrow(
    i: int, edge: Edge, names: dict[str, str], precision: int, contributions: bool, largest: float, foreign: bool,
    roomy: bool,
) -> Arrow:  # fmt: skip
    flow = edge.contribution if contributions else None
    shown = equation(edge, precision) if flow is not None else (_times(edge), "")
    look = sign_of(flow)
    if foreign and look != "none":
        look = "foreign"
    story = f"{names[edge.source]} into {names[edge.target]}"
    if flow is not None:
        story += f": local {edge.local!r} × upstream {edge.upstream!r} = {flow!r}"
        if len(edge.parts) > 1:
            story = (
                f"{names[edge.source]} into {names[edge.target]}: {len(edge.parts)} contributions, together {flow!r}"
            )
    sample = f"{WIDEST[:8]} × {WIDEST[:8]} = " if roomy else ""
    words = " ".join(shown).strip()
    width = max(text_width(words, 10.0), text_width(sample, 10.0)) + 10.0 if words or roomy else 0.0
    return Arrow(
        f"e{i}", edge.source, edge.target, shown, look, relative(flow, largest), False, story, math.ceil(width)
    )


def _times(edge: Edge) -> str:
    """How many arrows one stands for."""
    if edge.times == 1 or edge.each == 1:
        return ""
    return f"{edge.each:,} each" if edge.each else f"{edge.times:,} in all"


def _about(description: Description, precision: int) -> str:
    """The picture in a few sentences, for those who do not see it."""
    if description.total:
        held = "; ".join(node.name.partition(": ")[2] for node in description.nodes)
        return f"{description.total:,} nodes in {len(description.nodes)} boxes: {held}."
    operations = sum(node.kind in ("operation", "result") and bool(node.symbol) for node in description.nodes)
    root = description.nodes[-1]
    leaves = [node for node in description.nodes if node.kind in ("leaf", "parameter")]
    words = f"{operations} operation{'s' * (operations != 1)} lead from {len(leaves)} leaves to "
    words += f"{root.label or 'the result'} = {number(root.data, precision)}."
    known = [f"{n.label or 'a leaf'} {number(n.gradient, precision)}" for n in leaves if n.gradient is not None]
    if known:
        words += f" Gradients: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}."
    return words
