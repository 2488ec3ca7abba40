"""A film of a gradient as pieces of SVG, each with its time: boxes, arrows, numbers, words and the line of steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from visualize.captions import drawn_line, told
from visualize.layout import Course, Point
from visualize.pieces import Dot, Piece
from visualize.plan import Plan, shown_in
from visualize.scene import PAD, ROW, SMALL, sign_of
from visualize.style import text_width
from visualize.svg import MARGIN, arrow_head, drawn_arrow, drawn_box, drawn_equation, escaped, path_of, tenth
from visualize.timeline import Step

__all__ = ["PANEL", "pieces_of_bar", "pieces_of_graph", "pieces_of_panel"]

PANEL = 106.0
"""Height of the words below the graph."""

# From what lies below to what lies above; in a layer, what is seen at the same time stands together.
BELOW, NOW, ARROWS, BOXES, MARKS, NUMBERS, DOTS = range(7)

PALE = 0.3
"""How much is seen of a box that has not been computed yet."""


def pieces_of_graph(plan: Plan) -> Iterator[Piece | Dot]:
    """Arrows and boxes with all that they show."""
    courses = [plan.layout.arrows[arrow.id] for arrow in plan.scene.arrows]
    ways = "".join(f'<path id="p{k}" pathLength="1" d="{path_of(course)}"/>' for k, course in enumerate(courses))
    frames = "".join(_frames(plan, k) for k in range(len(plan.scene.boxes)))
    yield Piece(f"<defs>{ways}{frames}</defs>", BELOW)
    for i, step in enumerate(plan.steps):
        if step.arrow is not None:
            yield from _arrow(plan, i, step.arrow, courses[step.arrow])
        for k in _active(plan, i):
            yield Piece(f'<use class="ring" href="#r{k}"/>', NOW, plan.starts[i], plan.starts[i + 1])
    for k in range(len(plan.scene.boxes)):
        yield from _box(plan, k)
    yield from _dots(plan, courses)


def _arrow(plan: Plan, i: int, k: int, course: Course) -> Iterator[Piece]:
    """Arrow number k, which step i goes back: grey, then alight, then with its contribution."""
    arrow = plan.scene.arrows[k]
    start, arrival, end = plan.starts[i], plan.arrives(i), plan.starts[i + 1]
    grey = f'<use class="line" href="#p{k}"/><path class="head" d="{arrow_head(course, 1.0)}"/>'
    solid = arrow.look in ("pos", "zero", "none")  # and so it hides what lies below
    yield Piece(grey, BELOW, 0.0, math.inf if solid else arrival)
    yield Piece(f'<use class="glow" href="#p{k}"/>', NOW, start, end)
    yield Piece(drawn_arrow(arrow, course, False), ARROWS, arrival)
    if course.label is not None:
        x, y = course.label
        yield Piece(_frame('class="tag"', x - arrow.width / 2.0, y - 8.0, arrow.width, 14.5), MARKS, arrival, end)
        yield Piece(drawn_equation(arrow, course), NUMBERS, arrival)


def _corner(plan: Plan, k: int) -> Point:
    box = plan.scene.boxes[k]
    x, y = plan.layout.boxes[box.id]
    return (x - box.width / 2.0, y - box.height / 2.0)


def _active(plan: Plan, i: int) -> list[int]:
    """The boxes that step i is about."""
    step = plan.steps[i]
    if step.box is None:
        return []
    return [step.box] if step.arrow is None else [step.box, _target(plan, step.arrow)]


def _target(plan: Plan, arrow: int) -> int:
    target = plan.folded.edges[arrow].target
    return next(k for k, node in enumerate(plan.folded.nodes) if node.id == target)


def _frames(plan: Plan, k: int) -> str:
    """What is put around box k, and behind each of its numbers, to be used by name."""
    box, (x, y) = plan.scene.boxes[k], _corner(plan, k)
    corner = 3.0 if box.kind in ("leaf", "parameter") else 10.0
    found = _frame(f'id="r{k}"', x - 3.5, y - 3.5, box.width + 7.0, box.height + 7.0, corner)
    for row in range(len(box.rows)):
        right, down = _place(plan, k, row)
        name = box.rows[row].name
        width = box.width - PAD - 4.0 - (text_width(name, SMALL) + 6.0 if name else 0.0)
        found += _frame(f'id="b{k}r{row}"', right + PAD - 3.0 - width, down - 11.8, width, 15.2)
    return found


def _frame(what: str, x: float, y: float, width: float, height: float, corner: float = 3.0) -> str:
    """A rectangle; what: its class or its id."""
    place = f'x="{tenth(x)}" y="{tenth(y)}" width="{tenth(width)}" height="{tenth(height)}"'
    return f'<rect {what} {place} rx="{tenth(corner)}"/>'


def _box(plan: Plan, k: int) -> Iterator[Piece]:
    """A box, pale until it is computed, and its numbers, each marked while it is new."""
    box, middle = plan.scene.boxes[k], plan.layout.boxes[plan.scene.boxes[k].id]
    born = next((plan.arrives(i) for i, step in enumerate(plan.steps) if step == Step("forward", k)), 0.0)
    shown = list(shown_in(plan, k))
    bare = box._replace(rows=tuple(row._replace(text="") for row in box.rows), bad=False)
    yield Piece(drawn_box(bare, middle, False), BOXES, born, least=PALE)
    ill = [text.start for text in shown if text.look.startswith("bad")]
    if box.bad and ill:
        yield Piece(drawn_box(bare._replace(bad=True), middle, False), BOXES, plan.arrives(min(ill)))
    for text in shown:
        start = plan.arrives(text.start) if text.start else 0.0
        end = plan.arrives(text.end) if text.end is not None else math.inf
        x, y = _place(plan, k, text.row)
        yield Piece(
            f'<text class="{text.look} end" x="{tenth(x)}" y="{tenth(y)}">{escaped(text.text)}</text>',
            NUMBERS,
            start,
            end,
        )
        if text.start:
            yield Piece(f'<use class="mark" href="#b{k}r{text.row}"/>', MARKS, start, plan.starts[text.start + 1])
    for i, step in enumerate(plan.steps):
        if step.arrow is not None and _target(plan, step.arrow) == k:
            row = [row.name for row in box.rows].index("grad")
            yield Piece(f'<use class="tag" href="#b{k}r{row}"/>', MARKS, plan.arrives(i), plan.starts[i + 1])


def _place(plan: Plan, k: int, row: int) -> Point:
    """Where the number in a row of a box ends."""
    box, (x, y) = plan.scene.boxes[k], _corner(plan, k)
    return (x + box.width - PAD, y + (box.heading + 14.0 if box.heading else 15.0) + ROW * row)


def _dots(plan: Plan, courses: Sequence[Course]) -> Iterator[Dot]:
    """What runs along the arrows: forth to what is computed, and back with a contribution."""
    for i, step in enumerate(plan.steps):
        start, end = plan.starts[i], plan.arrives(i)
        if step.kind == "forward" and step.box is not None:
            target = plan.folded.nodes[step.box].id
            for k, edge in enumerate(plan.folded.edges):
                if edge.target == target:
                    yield Dot(f"p{k}", courses[k], False, "", DOTS, start, end)
        elif step.arrow is not None:
            look = sign_of(plan.folded.edges[step.arrow].contribution)
            yield Dot(f"p{step.arrow}", courses[step.arrow], True, look, DOTS, start, end)


# ---------------------------------------------------------------- below the graph


def pieces_of_panel(plan: Plan, width: float, top: float) -> Iterator[Piece]:
    """What happens, in words."""
    yield Piece(_frame('class="panel"', MARGIN, top, width - 2.0 * MARGIN, PANEL, 8.0), BELOW)
    room = width - 2.0 * MARGIN - 16.0
    for i, step in enumerate(plan.steps):
        end = math.inf if step.kind == "end" else plan.starts[i + 1]
        for line in told(plan, i):
            start, layer = (plan.arrives(i), MARKS) if line.late else (plan.starts[i], NOW)
            yield Piece(drawn_line(line, width / 2.0, top, room), layer, start, end)


def pieces_of_bar(plan: Plan, width: float, top: float) -> Iterator[Piece]:
    """The line of steps: those that are done, and the one that is now."""
    first, last = MARGIN + 4.0, width - MARGIN - 4.0
    room = (last - first) / len(plan.steps)
    dashes = [f"M{tenth(first + room * i)} {tenth(top)}h{tenth(max(room - 2.5, 1.0))}" for i in range(len(plan.steps))]
    yield Piece(f'<path class="part" d="{"".join(dashes)}"/>', BELOW)
    for i, dash in enumerate(dashes):
        start, arrival, end = plan.starts[i], plan.arrives(i), plan.starts[i + 1]
        last_one = i == len(dashes) - 1
        yield Piece(f'<path class="done" d="{dash}"/>', ARROWS, start if last_one else arrival)
        if not last_one:  # in two parts, so that each joins what else comes and goes with it
            yield Piece(f'<path class="now" d="{dash}"/>', NOW, start, end)
            yield Piece(f'<path class="now" d="{dash}"/>', MARKS, arrival, end)
    seed = next(i for i, step in enumerate(plan.steps) if step.kind == "seed")
    words = (("forward pass", first), ("backward pass", max(first + room * seed, first + 96.0)))
    yield Piece(
        "".join(f'<text class="soft" x="{tenth(x)}" y="{tenth(top + 17.0)}">{text}</text>' for text, x in words), BELOW
    )
