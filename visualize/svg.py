"""A scene that has been laid out as SVG: for files, notebooks and the explorer's page.

Every text stands by itself, tied to the side of the box that it starts, ends or is centred at, with room for the widest
of common fonts; so no two texts meet, whatever font they come out in. Looks are classes of `page/picture.css`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from visualize.description import Frame
from visualize.layout import Course, Layout, Point, arrange
from visualize.scene import BAR, BIG, PAD, ROW, Arrow, Box, Row, Scene, symbol_size
from visualize.style import printable, text_width

__all__ = [
    "EXPLAINED", "LEGEND", "LINE", "MARGIN", "above", "arrow_head", "asset", "below", "document", "drawn_arrow",
    "drawn_box", "drawn_equation", "escaped", "path_of", "picture_of", "tenth", "to_svg", "wrapped",
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
    heading, top = above(scene.title, scene.notes, width)
    left = (width - layout.size[0]) / 2.0
    keys, room = below(_legend(scene), width, top + layout.size[1] + 14.0)
    body = [
        *heading,
        f'<g class="graph" transform="translate({tenth(left)} {tenth(top)})">',
        *(_frame(frame, *bounds) for frame, bounds in zip(scene.frames, layout.frames, strict=True)),
        *(drawn_arrow(arrow, layout.arrows[arrow.id], alone) for arrow in scene.arrows),
        *(drawn_box(box, layout.boxes[box.id], alone) for box in scene.boxes),
        *(drawn_equation(arrow, layout.arrows[arrow.id]) for arrow in scene.arrows if arrow.width),
        "</g>",
        *keys,
    ]
    height = top + layout.size[1] + (room + 18.0 if keys else 14.0)
    name = scene.title or scene.about.partition(".")[0]
    return document(name, scene.about, (width, height), body, ("picture.css",) if alone else ())


def document(name: str, about: str, size: Point, body: Sequence[str], styles: Sequence[str]) -> str:
    """A whole SVG of some size, with what it is in words and with style sheets of `visualize/page`."""
    width, height = map(tenth, size)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="glassgrad" role="img" lang="en" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escaped(name)}</title>",
        f"<desc>{escaped(about)}</desc>",
        *([f"<style>{''.join(map(asset, styles))}</style>"] if styles else []),
        f'<rect class="paper" width="{width}" height="{height}"/>',
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
        f'<g class="{classes}" id="{box.id}" transform="translate({tenth(x)} {tenth(y)})">',
        f"<title>{escaped(box.story)}</title>" if told else "",
        f'<rect width="{tenth(box.width)}" height="{tenth(box.height)}" rx="{0 if square else 7}"/>',
    ]
    centre = "" if box.label and box.symbol else " middle"
    for i, line in enumerate(box.label):
        left = tenth(box.width / 2.0 if centre else PAD)
        parts.append(f'<text class="label{centre}" x="{left}" y="{tenth(15.0 + 14.0 * i)}">{escaped(line)}</text>')
    if box.symbol:
        right = tenth(box.width / 2.0 if centre else box.width - PAD)
        sign = " sign" if symbol_size(box.symbol) > BIG else ""
        side = centre or " end"
        parts.append(f'<text class="symbol{sign}{side}" x="{right}" y="15.5">{escaped(box.symbol)}</text>')
    if box.rows and box.heading:
        parts.append(
            f'<line class="rule" x1="0" x2="{tenth(box.width)}" y1="{tenth(box.heading)}" y2="{tenth(box.heading)}"/>'
        )
    start = box.heading + 14.0 if box.heading else 15.0
    for i, row in enumerate(box.rows):
        down = tenth(start + ROW * i)
        if row.bars:
            parts.append(_bars(row, box.width, start + ROW * i + 2.0))
            continue
        if row.name:
            parts.append(f'<text class="soft" x="{tenth(PAD)}" y="{down}">{escaped(row.name)}</text>')
        side, place = ("end", box.width - PAD) if row.name else ("middle", box.width / 2.0)
        look = f"{row.look} {row.name or 'text'} {side}"
        if row.text:
            parts.append(f'<text class="{look}" x="{tenth(place)}" y="{down}">{escaped(row.text)}</text>')
    return "".join([*parts, "</g>"])


def _bars(row: Row, width: float, bottom: float) -> str:
    """A histogram, in the middle of its box, as a path for each class."""
    left, highest = (width - BAR * len(row.bars)) / 2.0, ROW - 3.0
    paths: dict[str, str] = {}
    for i, bar in enumerate(row.bars):
        if bar.height:
            up = f"v{tenth(-highest * bar.height)}h{tenth(BAR - 1.0)}v{tenth(highest * bar.height)}z"
            paths[bar.look] = paths.get(bar.look, "") + f"M{tenth(left + BAR * i + 0.5)} {tenth(bottom)}{up}"
    return "".join(f'<path class="bars {look}" d="{path}"/>' for look, path in paths.items())


def _frame(frame: Frame, left: float, top: float, right: float, bottom: float) -> str:
    inner = " inner" if frame.inside is not None else ""
    return (
        f'<g class="frame{inner}"><rect x="{tenth(left)}" y="{tenth(top)}" width="{tenth(right - left)}" '
        f'height="{tenth(bottom - top)}" rx="9"/>'
        f'<text x="{tenth(left + 10.0)}" y="{tenth(top + 16.0)}">{escaped(frame.title)}</text></g>'
    )


def thickness(size: float) -> float:
    """Points, of the line for a contribution of this size, 0 to 1."""
    return 1.0 + 3.0 * size


def drawn_arrow(arrow: Arrow, course: Course, told: bool) -> str:
    """The line and the head of an arrow. told: with its story as a tooltip."""
    width = thickness(arrow.size)
    dash = ' stroke-dasharray="4 3"' if arrow.dashed else ""
    title = f"<title>{escaped(arrow.story)}</title>" if told else ""
    return (
        f'<g class="arrow {arrow.look}" id="{arrow.id}">{title}'
        f'<path class="line" d="{path_of(course)}" stroke-width="{tenth(width)}"{dash}/>'
        f'<path class="head" d="{arrow_head(course, width)}"/></g>'
    )


def drawn_equation(arrow: Arrow, course: Course) -> str:
    """The words at an arrow; "" if there is no place for them."""
    if course.label is None:
        return ""
    x, y = course.label
    factors, total = arrow.equation
    words = f'{escaped(factors)} <tspan class="total">{escaped(total)}</tspan>' if total else escaped(factors)
    return (
        f'<g class="arrow {arrow.look}" id="{arrow.id}t"><text class="equation" x="{tenth(x)}" y="{tenth(y + 3.5)}">'
        f"{words}</text></g>"
    )


def path_of(course: Course) -> str:
    """The course of an arrow as the data of a path."""
    first, *rest = (f"{tenth(x)} {tenth(y)}" for x, y in course.points)
    return f"M{first}" + (f"L{' '.join(rest)}" if course.straight else f"C{' '.join(rest)}")


def arrow_head(course: Course, width: float) -> str:
    """The triangle at the tip, for a line so wide."""
    (x, y), (x0, y0) = course.tip, course.points[-1]
    length = math.hypot(x - x0, y - y0) or 1.0
    ux, uy = (x - x0) / length, (y - y0) / length
    half = 2.4 + 0.9 * width
    corners = ((x, y), (x0 - uy * half - ux, y0 + ux * half - uy), (x0 + uy * half - ux, y0 - ux * half - uy))
    return "M" + "L".join(f"{tenth(a)} {tenth(b)}" for a, b in corners) + "Z"


# ---------------------------------------------------------------- words above and below


def above(title: str, notes: Sequence[str], width: float) -> tuple[list[str], float]:
    """The title and the notes, and how far down they reach."""
    lines = list(wrapped(title, 14.0, width))
    parts = [
        f'<text class="title" x="{tenth(width / 2)}" y="{tenth(MARGIN + 12 + 20 * i)}">{escaped(line)}</text>'
        for i, line in enumerate(lines)
    ]
    top = MARGIN + 20.0 * len(lines)
    told = [line for note in notes for line in wrapped(f"⚠ {note}", 11.0, width)]
    parts += [
        f'<text class="note" x="{tenth(MARGIN)}" y="{tenth(top + 11 + LINE * i)}">{escaped(line)}</text>'
        for i, line in enumerate(told)
    ]
    return parts, top + LINE * len(told) + (6.0 if parts else 0.0)


def below(keys: Sequence[tuple[str, str]], width: float, top: float) -> tuple[list[str], float]:
    """The legend, from `top` on, in as many lines as are needed, and its height. keys: look and words of each; words
    without a look have no sample.
    """
    if not keys:
        return [], 0.0
    parts = [f'<g class="legend" transform="translate({tenth(MARGIN)} {tenth(top)})">']
    x, line = 0.0, 0
    for look, words in keys:
        room = text_width(words, 11.0) + (34.0 if look else 0.0) + 10.0
        if x and x + room > width - 2.0 * MARGIN:
            x, line = 0.0, line + 1
        parts.append(_key(x, line, look, words))
        x += room
    return [*parts, "</g>"], LINE * (line + 1)


def wrapped(words: str, size: float, width: float) -> Iterator[str]:
    """Words in lines that fit between the margins; a word that is longer than a line goes on in the next."""
    room = width - 2.0 * MARGIN
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if line and text_width(longer, size) > room:
            yield line
            longer = word
        line = longer
        while text_width(line, size) > room:
            fits = max(n for n in range(1, len(line)) if n == 1 or text_width(line[:n], size) <= room)
            yield line[:fits]
            line = line[fits:]
    if line:
        yield line


def _legend(scene: Scene) -> list[tuple[str, str]]:
    """The keys that a scene needs: look and words."""
    keys = [*LEGEND, ("", EXPLAINED)] if scene.flows else []
    return [*keys, ("", scene.key)] if scene.key else keys


def _key(x: float, line: int, look: str, words: str) -> str:
    y = LINE * line + 11.0
    sample = f'<path class="key {look}" d="M{tenth(x)} {tenth(y - 4)}h26" stroke-width="3"/>' if look else ""
    return f'{sample}<text class="soft" x="{tenth(x + (32.0 if look else 0.0))}" y="{tenth(y)}">{escaped(words)}</text>'


def tenth(x: float) -> str:
    """A length, to a tenth."""
    return f"{x:.1f}".removesuffix(".0") if round(x, 1) else "0"


def escaped(words: str) -> str:
    """Words as XML holds them, in a text or in an attribute; what it cannot hold, by a sign for it."""
    return escape(printable(words), quote=True)
