"""How the plan of a network looks: columns from left to right, lines or images between them, a scale below each gap.

Texts are tied to what they belong to, with room for the widest of common fonts. Looks are classes of `page/picture.css`
and `page/network.css`; a neuron is the group `n1_3`, the weight from input 2 into it `w1_3_2`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from visualize.layout import Point
from visualize.network import MANY, Column, Gap, Image, Line, NetworkPlan, Unit
from visualize.pixels import data_uri
from visualize.scene import sign_of
from visualize.style import number, relative, text_width
from visualize.svg import LINE, above, below, document, escaped, tenth, wrapped

__all__ = ["NetworkLayout", "arrange_network", "network_svg"]

MARGIN, LEAST = 16.0, 330.0
"""Around everything; and how wide a picture is at least, so that there is room for the legend."""

HIGH = 30.0
"""Of a neuron; it is as wide, unless its number needs more."""

NUMBER, HEADING, NAME, INDEX, EQUATION = 10.5, 11.0, 11.0, 9.0, 10.0
"""Sizes of letters."""

SMALL_IMAGE, LARGE_IMAGE = 48.0, 124.0
"""The longer side of the weights of a neuron, and of the inputs."""

LABELLED = 12
"""Up to so many lines have their numbers beside them, where there is room for all of a gap."""

ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8, 0.15, 0.85)
"""Where on a line its number may stand, the best place first."""

STRENGTH = 0.4
"""How opaque the largest tint is: text on it keeps a contrast of 4.5 to 1."""

BAR = 11.0
"""The height of a scale."""


class Box(NamedTuple):
    """Something with a place: its middle, and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2.0

    @property
    def right(self) -> float:
        return self.x + self.width / 2.0

    @property
    def top(self) -> float:
        return self.y - self.height / 2.0


class NetworkLayout(NamedTuple):
    """Where everything stands: boxes of neurons and images by id, and of what is left out of column c as `more{c}`;
    `bar{c}` is the scale of a gap. columns: the middle of each. numbers: where numbers stand on lines, by id.
    """

    size: Point
    boxes: dict[str, Box]
    columns: tuple[float, ...]
    numbers: dict[str, Point]


def network_svg(plan: NetworkPlan, layout: NetworkLayout | None = None) -> str:
    """The plan as an SVG file. layout: of another plan with the same neurons, to keep everything in its place."""
    layout = layout or arrange_network(plan)
    width = max(layout.size[0] + 2.0 * MARGIN, LEAST)
    words, top = above(plan.title, plan.notes, width)
    keys, bottom = _legend(plan, width, top + layout.size[1] + 16.0)
    left = (width - layout.size[0]) / 2.0
    body = [*words, f'<g class="network" transform="translate({tenth(left)} {tenth(top)})">']
    for c, gap in enumerate(plan.gaps):
        body += _gap(plan, layout, c, gap)
    for c, column in enumerate(plan.columns):
        body += _column(plan, layout, c, column)
    for c, gap in enumerate(plan.gaps):
        body += _scale(plan, layout.boxes[f"bar{c}"], gap) if gap.what else []
    body += ["</g>", *keys]
    return document(plan.title or "A network", plan.about, (width, bottom + 8.0), body, ("picture.css", "network.css"))


# ---------------------------------------------------------------- where things stand


def arrange_network(plan: NetworkPlan) -> NetworkLayout:
    """A place for everything, as far apart as the texts need."""
    rows = max(_rows(column) for column in plan.columns)
    images = any(gap.images for gap in plan.gaps)
    pitch = max(64.0 if rows <= 4 else 54.0 if rows <= 6 else 44.0, SMALL_IMAGE + 8.0 if images else 0.0)
    widths = [_box_width(plan, column) for column in plan.columns]
    left = [_room_left(plan, c, widths[c]) for c in range(len(widths))]
    right = [_room_right(column, width) for column, width in zip(plan.columns, widths, strict=True)]
    heads = [max(text_width(line, HEADING) for line in column.heading) / 2.0 * 1.08 for column in plan.columns]
    xs = [max(left[0], heads[0])]
    for c, gap in enumerate(plan.gaps):
        apart = right[c] + max(_room(gap), _bar_width(plan, gap) + 8.0) + left[c + 1]
        xs.append(xs[-1] + max(apart, heads[c] + heads[c + 1] + 18.0))
    top = 15.0 * max(len(column.heading) for column in plan.columns) + 20.0
    tall = max(pitch * rows, *(LARGE_IMAGE + 8.0 for column in plan.columns if column.image), 0.0)
    boxes: dict[str, Box] = {}
    for c, column in enumerate(plan.columns):
        boxes |= _boxes(c, column, xs[c], widths[c], top + tall / 2.0, pitch)
    for c, gap in enumerate(plan.gaps):
        for image, unit in zip(gap.images, plan.columns[c + 1].units, strict=False):
            width, height = _fitted(image, SMALL_IMAGE)
            beside = boxes[unit.id]
            boxes[image.id] = Box(beside.left - 8.0 - width / 2.0, beside.y, width, height)
        boxes[f"bar{c}"] = _bar(plan, gap, c, xs, left, right, widths, top + tall + 26.0)
    labels = {key: at for c, gap in enumerate(plan.gaps) for key, at in _labels(plan, gap, c, boxes).items()}
    scales = 46.0 if any(gap.what for gap in plan.gaps) else 0.0
    size = (xs[-1] + max(right[-1], heads[-1]), top + tall + scales)
    return NetworkLayout(size, boxes, tuple(xs), labels)


def _rows(column: Column) -> int:
    return len(column.units) + (column.left_out > 0)


def _more(column: Column) -> str:
    return f"+ {column.left_out:,} more"


def _shown(plan: NetworkPlan, x: float | None) -> str:
    return "" if x is None else number(x, plan.precision)


def _fitted(image: Image, side: float) -> Point:
    """Width and height of an image whose longer side is given."""
    scale = side / max(image.rows, image.columns)
    return scale * image.columns, scale * image.rows


def _box_width(plan: NetworkPlan, column: Column) -> float:
    if column.image:
        return _fitted(column.image, LARGE_IMAGE)[0]
    return max(HIGH, *(math.ceil(text_width(_shown(plan, unit.number), NUMBER)) + 12.0 for unit in column.units))


def _half(column: Column, width: float) -> float:
    """Half of what a column takes, names aside."""
    return max(width, text_width(_more(column), EQUATION) + 14.0 if column.left_out else 0.0) / 2.0


def _name_room(column: Column) -> float:
    widest = max((text_width(unit.name, NAME) for unit in column.units), default=0.0)
    return widest + 10.0 if widest else 0.0


def _room_left(plan: NetworkPlan, c: int, width: float) -> float:
    column = plan.columns[c]
    images = plan.gaps[c - 1].images if c else ()
    beside = max((_fitted(image, SMALL_IMAGE)[0] for image in images), default=0.0)
    return max(
        _half(column, width), width / 2.0 + max(beside + 8.0 if images else 0.0, 0.0 if c else _name_room(column))
    )


def _room_right(column: Column, width: float) -> float:
    return max(_half(column, width), width / 2.0 + (_name_room(column) if column.kind == "output" else 0.0))


def _room(gap: Gap) -> float:
    """From one column to the next: many lines are steep, and need more."""
    if gap.images:
        return 84.0
    if not gap.what:
        return 64.0
    return 140.0 if len(gap.lines) <= 4 else 190.0


def _boxes(c: int, column: Column, x: float, width: float, middle: float, pitch: float) -> dict[str, Box]:
    if column.image:
        return {column.image.id: Box(x, middle, *_fitted(column.image, LARGE_IMAGE))}
    rows = _rows(column)
    ys = [middle + pitch * (k - (rows - 1) / 2.0) for k in range(rows)]
    found = {unit.id: Box(x, y, width, HIGH) for unit, y in zip(column.units, ys, strict=False)}
    if column.left_out:
        found[f"more{c}"] = Box(x, ys[-1], text_width(_more(column), EQUATION) + 14.0, HIGH)
    return found


# ---------------------------------------------------------------- scales


def _bar_width(plan: NetworkPlan, gap: Gap) -> float:
    if not gap.what:
        return 0.0
    least, zero, most = (text_width(number(x, plan.precision), EQUATION) for x in (-gap.largest, 0.0, gap.largest))
    return max(100.0, 2.0 * max(least, most) + zero + 16.0, text_width(gap.what, EQUATION))


def _bar(
    plan: NetworkPlan, gap: Gap, c: int, xs: Sequence[float], left: Sequence[float], right: Sequence[float],
    widths: Sequence[float], y: float,
) -> Box:  # fmt: skip
    """The scale of a gap: in the middle of it, or below its images, but not as far as the next one."""
    start, end = xs[c] + right[c], xs[c + 1] - left[c + 1]
    width = _bar_width(plan, gap)
    middle = (start + end) / 2.0
    if gap.images:
        middle = min(end + SMALL_IMAGE / 2.0, xs[c + 1] + widths[c + 1] / 2.0 - width / 2.0)
    return Box(middle, y, width, BAR)


def _scale(plan: NetworkPlan, bar: Box, gap: Gap) -> Iterator[str]:
    """From the largest negative number over 0 to the largest positive one, as lines or pixels show them."""
    yield f'<text class="scale middle" x="{tenth(bar.x)}" y="{tenth(bar.top - 4.0)}">{escaped(gap.what)}</text>'
    if gap.images:
        steps = [k / 50.0 - 1.0 for k in range(101)]
        yield _img(data_uri(steps, 1.0, 1, len(steps)), bar)
        yield _frame(bar)
    else:
        yield from _wedge(bar, gap)
    yield f'<path class="tick" d="M{tenth(bar.x)} {tenth(bar.top + BAR)}v3"/>'
    base = bar.top + BAR + 12.0
    ends = ((bar.left, "", -gap.largest), (bar.x, " middle", 0.0), (bar.right, " end", gap.largest))
    for x, side, value in ends if gap.largest else ends[1:2]:
        shown = number(value, plan.precision)
        yield f'<text class="scale{side}" x="{tenth(x)}" y="{tenth(base)}">{escaped(shown)}</text>'


def _wedge(bar: Box, gap: Gap) -> Iterator[str]:
    """A scale of lines: as thick at every place as the line of that number; the negative part has gaps, as they do."""
    steps = 8
    for k in range(steps):
        a, b = k / steps, (k + 1) / steps
        for look, side in (("neg", -1.0), ("pos", 1.0)):
            near, far = (bar.x + side * bar.width / 2.0 * s for s in (a, b - (0.03 if look == "neg" else 0.0)))
            half = [_thickness(gap, s) / 2.0 for s in (a, b)]
            corners = ((near, -half[0]), (far, -half[1]), (far, half[1]), (near, half[0]))
            path = "L".join(f"{tenth(x)} {tenth(bar.y + dy)}" for x, dy in corners)
            yield f'<path class="{look}" fill-opacity="{_opacity((a + b) / 2.0)}" d="M{path}Z"/>'


def _thickness(gap: Gap, size: float) -> float:
    thickest = 6.0 if len(gap.lines) <= 2 * LABELLED else 4.5
    return 0.5 + (thickest - 0.5) * size


def _opacity(size: float) -> str:
    return f"{0.4 + 0.6 * size:.2f}"


# ---------------------------------------------------------------- between columns


def _gap(plan: NetworkPlan, layout: NetworkLayout, c: int, gap: Gap) -> Iterator[str]:
    """The lines, the weak ones first, so that the strong ones lie on top; or the images."""
    if gap.images:
        yield from _images(layout, plan.columns[c], gap)
        return
    ends = _ends(plan, c, layout.boxes)
    if not gap.what:
        yield from _wires(plan.columns[c], gap, ends, layout.boxes)
        return
    for line in sorted(gap.lines, key=lambda line: _weight(line, gap)):
        yield _line(line, gap, ends[line.id])
    for line in gap.lines:
        if line.id in layout.numbers:
            x, y = layout.numbers[line.id]
            yield (
                f'<g class="arrow {sign_of(line.number)}"><text class="amount" x="{tenth(x)}" y="{tenth(y + 3.5)}">'
                f"{escaped(_shown(plan, line.number))}</text></g>"
            )


def _weight(line: Line, gap: Gap) -> float:
    """How large a number is beside the largest of its layer, 0 to 1; 2 for what is no number."""
    x = line.number
    if x is None or not gap.largest:
        return 2.0 if x is not None and not math.isfinite(x) else 0.0
    return min(abs(x) / gap.largest, 1.0) if math.isfinite(x) else 2.0


def _ends(plan: NetworkPlan, c: int, boxes: dict[str, Box]) -> dict[str, tuple[Point, Point]]:
    """Where lines begin and end: those of neurons that are not drawn at the box that stands for them, side by side."""
    gap = plan.gaps[c]
    hidden = sorted({line.source for line in gap.lines if f"n{c}_{line.source}" not in boxes})
    apart = min(22.0 / max(len(hidden) - 1, 1), 5.0)
    found: dict[str, tuple[Point, Point]] = {}
    for line in gap.lines:
        target = boxes[f"n{c + 1}_{line.target}" if gap.what else "loss"]
        source = boxes.get(f"n{c}_{line.source}")
        if source is not None:
            start = (source.right, source.y)
        else:
            more, place = boxes[f"more{c}"], hidden.index(line.source) - (len(hidden) - 1) / 2.0
            start = (more.right, more.y + apart * place)
        found[line.id] = (start, (target.left, target.y))
    return found


def _line(line: Line, gap: Gap, ends: tuple[Point, Point]) -> str:
    (x1, y1), (x2, y2) = ends
    path = f"M{tenth(x1)} {tenth(y1)}L{tenth(x2)} {tenth(y2)}"
    size = min(_weight(line, gap), 1.0)
    return (
        f'<g class="arrow {sign_of(line.number)}" id="{line.id}"><title>{escaped(line.story)}</title>'
        f'<path class="line" d="{path}" stroke-width="{_thickness(gap, size):.2f}" '
        f'stroke-opacity="{_opacity(size)}"/></g>'
    )


def _wires(outputs: Column, gap: Gap, ends: dict[str, tuple[Point, Point]], boxes: dict[str, Box]) -> Iterator[str]:
    """From the outputs to the loss: straight on below the names, then to the loss."""
    behind = max(start[0] for start, _ in ends.values())
    if outputs.units and _name_room(outputs):
        behind = max(behind, boxes[outputs.units[0].id].right + _name_room(outputs))
    for line in gap.lines:
        (x1, y1), (x2, y2) = ends[line.id]
        bend = f"H{tenth(behind)}" if x1 < behind else ""
        yield f'<path class="wire" id="{line.id}" d="M{tenth(x1)} {tenth(y1)}{bend}L{tenth(x2)} {tenth(y2)}"/>'


def _images(layout: NetworkLayout, inputs: Column, gap: Gap) -> Iterator[str]:
    """The weights of each neuron as an image, and thin lines that fan out to them from the inputs."""
    assert inputs.image is not None
    start = layout.boxes[inputs.image.id]
    for k, image in enumerate(gap.images):
        box = layout.boxes[image.id]
        y = start.top + start.height * (k + 0.5) / len(gap.images)
        yield f'<path class="wire" d="M{tenth(start.right)} {tenth(y)}L{tenth(box.left)} {tenth(box.y)}"/>'
    for image in gap.images:
        yield from _image(image, layout.boxes[image.id], gap.largest)


def _image(image: Image, box: Box, largest: float) -> Iterator[str]:
    yield f'<g class="pixels" id="{image.id}"><title>{escaped(image.story)}</title>{_frame(box, "paper")}'
    if image.numbers:
        yield _img(data_uri(image.numbers, largest, image.rows, image.columns), box)
    else:
        yield f'<text class="soft middle" x="{tenth(box.x)}" y="{tenth(box.y + 4.0)}">pixels</text>'
    yield f"{_frame(box)}</g>"


def _img(uri: str, box: Box) -> str:
    return f'<image {_rectangle(box)} preserveAspectRatio="none" href="{uri}"/>'


def _frame(box: Box, look: str = "frame") -> str:
    return f'<rect class="{look}" {_rectangle(box)}/>'


def _rectangle(box: Box) -> str:
    x, y, width, height = map(tenth, (box.left, box.top, box.width, box.height))
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _labels(plan: NetworkPlan, gap: Gap, c: int, boxes: dict[str, Box]) -> dict[str, Point]:
    """Where the numbers of a few lines stand, on the lines, so that none meets another; of all lines, or of none."""
    if not gap.what or gap.images or gap.strongest or len(gap.lines) > LABELLED:
        return {}
    found: dict[str, Point] = {}
    taken: list[Box] = []
    ends = _ends(plan, c, boxes)
    for line in gap.lines:
        (x1, y1), (x2, y2) = ends[line.id]
        width = text_width(_shown(plan, line.number), EQUATION) + 6.0
        places = [Box(x1 + t * (x2 - x1), y1 + t * (y2 - y1), width, 15.0) for t in ALONG]
        free = [
            box for box in places
            if box.left > x1 + 4.0 and box.right < x2 - 4.0 and not any(_meet(box, other) for other in taken)
        ]  # fmt: skip
        if not free:
            return {}
        best = min(free, key=lambda box: sum(_crosses(box, ends[key]) for key in ends if key != line.id))
        taken.append(best)
        found[line.id] = (best.x, best.y)
    return found


def _crosses(box: Box, ends: tuple[Point, Point]) -> bool:
    """Whether a line from left to right goes through a box."""
    (x1, y1), (x2, y2) = ends
    a, b = (y1 + (y2 - y1) * (x - x1) / (x2 - x1) for x in (box.left, box.right))
    return max(a, b) > box.top and min(a, b) < box.top + box.height


def _meet(a: Box, b: Box) -> bool:
    return abs(a.x - b.x) < (a.width + b.width) / 2.0 and abs(a.y - b.y) < (a.height + b.height) / 2.0


# ---------------------------------------------------------------- columns


def _column(plan: NetworkPlan, layout: NetworkLayout, c: int, column: Column) -> Iterator[str]:
    """Its heading, its neurons with what stands beside them, and how many are left out."""
    for i, line in enumerate(column.heading):
        look = "heading" if i == 0 else "soft middle"
        yield f'<text class="{look}" x="{tenth(layout.columns[c])}" y="{tenth(11.0 + 15.0 * i)}">{escaped(line)}</text>'
    if column.image:
        yield from _image(column.image, layout.boxes[column.image.id], column.largest)
    for unit in column.units:
        yield _unit(plan, column, unit, layout.boxes[unit.id])
        yield from _beside(column, unit, layout.boxes[unit.id], wired=c + 1 < len(plan.columns))
    if column.left_out:
        box = layout.boxes[f"more{c}"]
        at = f'x="{tenth(box.x)}" y="{tenth(box.y + 3.5)}"'
        yield (
            f'<g class="box group" id="more{c}"><title>{column.left_out:,} that are not drawn</title>'
            f'<rect {_rectangle(box)} rx="7"/><text class="scale middle" {at}>{escaped(_more(column))}</text></g>'
        )


def _unit(plan: NetworkPlan, column: Column, unit: Unit, box: Box) -> str:
    look = sign_of(unit.number)
    size = relative(unit.number, column.largest) if column.largest else 0.0
    shape = f'{_rectangle(box)} rx="{tenth(HIGH / 2.0 if column.kind in ("neuron", "output") else 4.0)}"'
    parts = [
        f'<g class="box unit {column.kind}{" bad" if look == "bad" else ""}" id="{unit.id}">',
        f"<title>{escaped(unit.story)}</title><rect {shape}/>",
    ]
    if look in ("pos", "neg") and column.kind != "loss":
        parts.append(f'<rect class="tint {look}" {shape} fill-opacity="{STRENGTH * size:.3f}"/>')
    if unit.number is not None:
        at = f'x="{tenth(box.x)}" y="{tenth(box.y + 3.7)}"'
        parts.append(f'<text class="number" {at}>{escaped(_shown(plan, unit.number))}</text>')
    return "".join([*parts, "</g>"])


def _beside(column: Column, unit: Unit, box: Box, wired: bool) -> Iterator[str]:
    """The name of an input or an output; else, if not all are drawn, which one it is. wired: a line to the loss begins
    there, so the name of an output stands on it.
    """
    if unit.name:
        x, side = (box.left - 8.0, ' class="end"') if column.kind == "input" else (box.right + 8.0, "")
        y = box.y - 4.0 if wired and column.kind == "output" else box.y + 4.0
        yield f'<text{side} x="{tenth(x)}" y="{tenth(y)}">{escaped(unit.name)}</text>'
    elif column.left_out:
        yield f'<text class="index" x="{tenth(box.x)}" y="{tenth(box.top - 3.5)}">{unit.place}</text>'


# ---------------------------------------------------------------- the legend


def _legend(plan: NetworkPlan, width: float, top: float) -> tuple[list[str], float]:
    """Samples of lines, then a sentence for each thing to explain, from `top` on; and how far down they reach."""
    samples = [("pos", "positive"), ("neg", "negative")]
    lines = [line.number for gap in plan.gaps for line in gap.lines]
    pixels = [x for gap in plan.gaps for image in gap.images for x in image.numbers]
    if any(x is not None and not math.isfinite(x) for x in (*lines, *pixels)):
        samples.append(("bad", "nan or infinite"))
    parts, room = below(samples, width, top)
    y = top + room + 11.0
    for line in (line for sentence in _sentences(plan) for line in wrapped(sentence, 11.0, width)):
        parts.append(f'<text class="soft" x="12" y="{tenth(y)}">{escaped(line)}</text>')
        y += LINE
    return parts, y - 11.0


def _sentences(plan: NetworkPlan) -> Iterator[str]:
    for what in dict.fromkeys(gap.what for gap in plan.gaps if gap.what and gap.lines):
        yield f"line: a {what}; width: its size, beside the largest of its layer"
    for gap in plan.gaps:
        if gap.images:
            yield f"image: the {MANY[gap.what]} of a neuron; colour: their size, beside the largest of the layer"
    if any(unit.number is not None for column in plan.columns for unit in column.units):
        yield f"in a neuron: {plan.inside}; tint: its size, beside the largest of its column"
    for c, gap in enumerate(plan.gaps):
        if gap.strongest:
            yield f"layer {c}: the {gap.strongest} strongest of {gap.of:,} lines into each neuron"
    if any(column.left_out for column in plan.columns):
        yield "dashed box: neurons that are not drawn; above a neuron: which one it is, from 0"
