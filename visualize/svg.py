"""A scene that has been laid out as SVG: for files, notebooks and the explorer's page.

Every text stands by itself, tied to the side of the box that it starts, ends or is centred at, with room for the widest
of common fonts; so no two texts meet, whatever font they come out in. Looks are classes of `page/picture.css`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files

from visualize.layout import Course, Layout, Point, arrange
from visualize.scene import BIG, PAD, ROW, Arrow, Box, Scene, symbol_size
from visualize.style import printable, text_width

__all__ = [
    "arrow_head", "asset", "drawn_arrow", "drawn_box", "drawn_equation", "drawn_key", "legend_keys", "path_of",
    "picture_of", "to_svg", "wrapped",
]  # fmt: skip

MARGIN = 12.0
LEAST = 330.0
"""A picture is at least as wide, so that there is room for the legend."""

LINE = 16.0
"""From one line of notes or legend to the next."""

LEGEND = (("pos", "positive"), ("neg", "negative"), ("zero", "0"))
EXPLAINED = "at an arrow: local × upstream = contribution; width: its size"


@cache
def asset(name: str) -> str:
    """A file of `visualize/page`."""
    return files("visualize").joinpath("page", name).read_text(encoding="utf-8")


def picture_of(scene: Scene) -> str:
    """The scene, laid out, as an SVG file."""
    return to_svg(scene, arrange(scene))


def to_svg(scene: Scene, layout: Layout, *, alone: bool = True) -> str:
    """The scene with everything in its place. alone: to stand by itself, with its style sheet and tooltips."""
    width = max(layout.size[0] + 2.0 * MARGIN, LEAST)
    above = [*wrapped(scene.title, 14.0, width)] if scene.title else []
    notes = [line for note in scene.notes for line in wrapped(f"⚠ {note}", 11.0, width)]
    top = MARGIN + 20.0 * len(above) + LINE * len(notes) + (6.0 if above or notes else 0.0)
    left = (width - layout.size[0]) / 2.0
    keys = list(legend_keys(width)) if scene.flows else []
    legend_top = top + layout.size[1] + 14.0
    height = legend_top + LINE * (keys[-1][1] + 1 if keys else 0) + (4.0 if keys else 0.0)
    height = max(height, top + layout.size[1] + MARGIN)
    body: list[str] = []
    body += [
        f'<text class="title" x="{_n(width / 2)}" y="{_n(MARGIN + 12 + 20 * i)}">{_e(t)}</text>'
        for i, t in enumerate(above)
    ]
    body += [
        f'<text class="note" x="{_n(MARGIN)}" y="{_n(MARGIN + 11 + 20 * len(above) + LINE * i)}">{_e(line)}</text>'
        for i, line in enumerate(notes)
    ]
    body.append(f'<g class="graph" transform="translate({_n(left)} {_n(top)})">')
    body += [drawn_arrow(arrow, layout.arrows[arrow.id], alone) for arrow in scene.arrows]
    body += [drawn_box(box, layout.boxes[box.id], alone) for box in scene.boxes]
    body += [drawn_equation(arrow, layout.arrows[arrow.id]) for arrow in scene.arrows if arrow.width]
    body.append("</g>")
    if keys:
        body.append(f'<g class="legend" transform="translate({_n(MARGIN)} {_n(legend_top)})">')
        body += [drawn_key(*key) for key in keys]
        body.append("</g>")
    name = scene.title or scene.about.partition(".")[0]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="glassgrad" role="img" lang="en" width="{_n(width)}" '
        f'height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}">',
        f"<title>{_e(name)}</title>",
        f"<desc>{_e(scene.about)}</desc>",
        *([f"<style>{asset('picture.css')}</style>"] if alone else []),
        f'<rect class="paper" width="{_n(width)}" height="{_n(height)}"/>',
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def drawn_box(box: Box, middle: Point, told: bool) -> str:
    """A box with its texts; the origin of the group is its upper left corner. told: with its story as a tooltip."""
    square = box.kind in ("leaf", "parameter")
    classes = f"box {box.kind}" + (" bad" if box.bad else "")
    x, y = middle[0] - box.width / 2.0, middle[1] - box.height / 2.0
    parts = [
        f'<g class="{classes}" id="{box.id}" transform="translate({_n(x)} {_n(y)})">',
        f"<title>{_e(box.story)}</title>" if told else "",
        f'<rect width="{_n(box.width)}" height="{_n(box.height)}" rx="{0 if square else 7}"/>',
    ]
    centre = "" if box.label and box.symbol else " middle"
    for i, line in enumerate(box.label):
        left = _n(box.width / 2.0 if centre else PAD)
        parts.append(f'<text class="label{centre}" x="{left}" y="{_n(15.0 + 14.0 * i)}">{_e(line)}</text>')
    if box.symbol:
        right = _n(box.width / 2.0 if centre else box.width - PAD)
        sign = " sign" if symbol_size(box.symbol) > BIG else ""
        side = centre or " end"
        parts.append(f'<text class="symbol{sign}{side}" x="{right}" y="15.5">{_e(box.symbol)}</text>')
    if box.rows and box.heading:
        parts.append(f'<line class="rule" x1="0" x2="{_n(box.width)}" y1="{_n(box.heading)}" y2="{_n(box.heading)}"/>')
    start = box.heading + 14.0 if box.heading else 15.0
    for i, row in enumerate(box.rows):
        down = _n(start + ROW * i)
        if row.name:
            parts.append(f'<text class="soft" x="{_n(PAD)}" y="{down}">{_e(row.name)}</text>')
        side, place = ("end", box.width - PAD) if row.name else ("middle", box.width / 2.0)
        if row.text:
            parts.append(
                f'<text class="{row.look} {row.name or "text"} {side}" x="{_n(place)}" y="{down}">{_e(row.text)}</text>'
            )
    return "".join([*parts, "</g>"])


def thickness(size: float) -> float:
    """Points, of the line for a contribution of this size, 0 to 1."""
    return 1.0 + 3.0 * size


def drawn_arrow(arrow: Arrow, course: Course, told: bool) -> str:
    """The line and the head of an arrow. told: with its story as a tooltip."""
    width = thickness(arrow.size)
    dash = ' stroke-dasharray="4 3"' if arrow.dashed else ""
    title = f"<title>{_e(arrow.story)}</title>" if told else ""
    return (
        f'<g class="arrow {arrow.look}" id="{arrow.id}">{title}'
        f'<path class="line" d="{path_of(course)}" stroke-width="{_n(width)}"{dash}/>'
        f'<path class="head" d="{arrow_head(course, width)}"/></g>'
    )


def drawn_equation(arrow: Arrow, course: Course) -> str:
    """The words at an arrow; "" if there is no place for them."""
    if course.label is None:
        return ""
    x, y = course.label
    factors, total = arrow.equation
    words = f'{_e(factors)} <tspan class="total">{_e(total)}</tspan>' if total else _e(factors)
    return (
        f'<g class="arrow {arrow.look}" id="{arrow.id}t"><text class="equation" x="{_n(x)}" y="{_n(y + 3.5)}">'
        f"{words}</text></g>"
    )


def path_of(course: Course) -> str:
    """The course of an arrow as the data of a path."""
    first, *rest = (f"{_n(x)} {_n(y)}" for x, y in course.points)
    return f"M{first}" + (f"L{' '.join(rest)}" if course.straight else f"C{' '.join(rest)}")


def arrow_head(course: Course, width: float) -> str:
    """The triangle at the tip, for a line so wide."""
    (x, y), (x0, y0) = course.tip, course.points[-1]
    length = math.hypot(x - x0, y - y0) or 1.0
    ux, uy = (x - x0) / length, (y - y0) / length
    half = 2.4 + 0.9 * width
    corners = ((x, y), (x0 - uy * half - ux, y0 + ux * half - uy), (x0 + uy * half - ux, y0 - ux * half - uy))
    return "M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in corners) + "Z"


# ---------------------------------------------------------------- words above and below


def wrapped(words: str, size: float, width: float) -> Iterator[str]:
    """Words in lines that fit between the margins."""
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if line and text_width(longer, size) > width - 2.0 * MARGIN:
            yield line
            line = word
        else:
            line = longer
    if line:
        yield line


def legend_keys(width: float) -> Iterator[tuple[float, int, str, str]]:
    """Place, line, look and words of each key, in as many lines as are needed."""
    x, line = 0.0, 0
    for look, words in (*LEGEND, ("", EXPLAINED)):
        room = text_width(words, 11.0) + (34.0 if look else 0.0) + 10.0
        if x and x + room > width - 2.0 * MARGIN:
            x, line = 0.0, line + 1
        yield x, line, look, words
        x += room


def drawn_key(x: float, line: int, look: str, words: str) -> str:
    """A key of the legend."""
    y = LINE * line + 11.0
    sample = f'<path class="key {look}" d="M{_n(x)} {_n(y - 4)}h26" stroke-width="3"/>' if look else ""
    return f'{sample}<text class="soft" x="{_n(x + (32.0 if look else 0.0))}" y="{_n(y)}">{_e(words)}</text>'


def _n(x: float) -> str:
    """A length, to a tenth."""
    return f"{x:.1f}".removesuffix(".0") if round(x, 1) else "0"


def _e(words: str) -> str:
    return escape(printable(words), quote=True)
