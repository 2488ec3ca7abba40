"""A gradient as a film: the forward pass box by box, then the backward pass arrow by arrow.

The film has its own backward pass, which starts at the result with 1 and touches no `.grad`; so its numbers belong
together whatever other sweeps there were.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

from autograd import Value
from visualize.captions import room_of, told
from visualize.drawing import _check_look
from visualize.film import Film, Frame, check_ending
from visualize.layout import Course, Layout, Point
from visualize.pieces import Piece, moving, still
from visualize.plan import Plan, planned
from visualize.stage import PANEL, pieces_of_bar, pieces_of_graph, pieces_of_panel
from visualize.svg import EXPLAINED, LEGEND, LINE, MARGIN, asset, below, escaped, tenth, wrapped

__all__ = ["MOST_BOXES", "animate"]

MOST_BOXES = 60
"""Boxes of a film, unless told otherwise: of more, nobody sees where something happens."""

NARROW, WIDE = 560.0, 900.0
"""Points: a film is as wide at least, and as wide at most for the sake of what stands below."""

MOVES, PICTURES = 5, 240
"""Of a step, this many still pictures show the dot, and fewer if that makes too many for the film."""

BAR = 40.0
"""Height of the line of steps."""


@overload
def animate(
    value: Value, path: None = None, *, title: str = "", precision: int = 4, seconds: float | None = None,
    orientation: str = "LR", parameters: Any = None, limit: int = MOST_BOXES, loop: bool = True,
) -> Film: ...  # fmt: skip
@overload
def animate(
    value: Value, path: str | os.PathLike[str], *, title: str = "", precision: int = 4, seconds: float | None = None,
    orientation: str = "LR", parameters: Any = None, limit: int = MOST_BOXES, loop: bool = True,
) -> Path: ...  # fmt: skip
def animate(
    value: Value, path: str | os.PathLike[str] | None = None, *, title: str = "", precision: int = 4,
    seconds: float | None = None, orientation: str = "LR", parameters: Any = None, limit: int = MOST_BOXES,
    loop: bool = True,
) -> Film | Path:  # fmt: skip
    """A film of how `value` is computed, and of how its gradient flows back: numbers appear in the boxes, then arrow
    after arrow lights up, with its equation, the chain rule below, and gradients that add up.

    path: where to write it, as "y.svg", "y.gif" or "y.mp4" (see `Film.save`). Without it, the `Film` comes back, which
        a notebook shows.
    seconds: how long a step of the backward pass lasts; by itself 1 to 2, by how many there are.
    loop: whether it begins again at its end. title, precision, orientation, parameters: as of `draw`.
    limit: raises GraphTooLarge if more boxes than this would have to be drawn.

    The gradients are those of one backward pass that starts here; no `.grad` is read or changed.

    >>> x = Value(3.0, "x")
    >>> animate(x * x + x)
    <film of 40 pictures, 20 seconds: save(path) writes it as .svg, .gif or .mp4, a notebook shows it>
    """
    if not isinstance(value, Value):
        raise TypeError(f"animate: takes a Value, such as the result of a computation with Values; got {value!r:.200}")
    if not isinstance(title, str):
        raise TypeError(f"animate: title must be a text, got {title!r:.100}")
    _check_look("animate", orientation, precision)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"animate: limit must be a whole number of boxes, at least 1; got {limit!r}")
    given = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (given and math.isfinite(seconds) and seconds >= 0.1):
        raise ValueError(f"animate: seconds must be the time of a step, at least 0.1; got {seconds!r}")
    if path is not None:
        check_ending("animate", path)
    plan = planned(
        value, title=title, precision=precision, seconds=seconds, orientation=orientation, parameters=parameters,
        limit=limit,
    )  # fmt: skip
    film = _filmed(plan, loop)
    return film if path is None else film.save(path)


# ---------------------------------------------------------------- the whole picture


def _filmed(plan: Plan, loop: bool) -> Film:
    """All pieces in their places, as a picture that moves, and as still ones."""
    scene, size = plan.scene, plan.layout.size
    words = max(room_of(line) for i in range(len(plan.steps)) for line in told(plan, i))
    width = max(size[0] + 2.0 * MARGIN, NARROW, min(words + 2.0 * MARGIN + 16.0, WIDE))
    title = [*wrapped(scene.title, 14.0, width)] if scene.title else []
    notes = [line for note in scene.notes for line in wrapped(f"⚠ {note}", 11.0, width)]
    top = MARGIN + 20.0 * len(title) + LINE * len(notes) + 8.0
    panel = top + size[1] + 18.0
    legend = panel + PANEL + BAR
    keys, room = below((*LEGEND, ("", EXPLAINED)), width, legend)
    height = legend + room + 6.0
    plan = plan._replace(layout=_moved(plan.layout, (width - size[0]) / 2.0, top))
    pieces = [
        Piece(f'<rect class="paper" width="{tenth(width)}" height="{tenth(height)}"/>'),
        *(Piece(_text("title", width / 2.0, MARGIN + 12.0 + 20.0 * i, line)) for i, line in enumerate(title)),
        *(
            Piece(_text("note", MARGIN, MARGIN + 11.0 + 20.0 * len(title) + LINE * i, line))
            for i, line in enumerate(notes)
        ),
        *pieces_of_graph(plan),
        *pieces_of_panel(plan, width, panel),
        *pieces_of_bar(plan, width, panel + PANEL + 14.0),
        Piece("".join(keys)),
    ]
    name = scene.title or scene.about.partition(".")[0]
    about = f"{scene.about} A film in {len(plan.steps)} steps: the forward pass, then the backward pass."
    head = (width, height, name, about)
    # What is always there is the ground of its layer; what is seen at the same time makes one group.
    pieces.sort(key=lambda piece: (piece.layer, piece.start, -piece.end))
    body, rules = moving(pieces, plan.starts[-1], loop)
    frames = [Frame(_document(*head, "", still(pieces, time)), seconds) for time, seconds in _moments(plan)]
    return Film(frames, svg=_document(*head, rules, body), name=name, loop=loop)


def _moved(layout: Layout, right: float, down: float) -> Layout:
    """A layout elsewhere in the picture."""

    def at(point: Point) -> Point:
        return (point[0] + right, point[1] + down)

    def moved(course: Course) -> Course:
        points = _fewer(course.points) if course.straight else course.points
        return course._replace(
            points=tuple(map(at, points)), tip=at(course.tip), label=course.label and at(course.label)
        )

    arrows = {key: moved(course) for key, course in layout.arrows.items()}
    return layout._replace(boxes={key: at(place) for key, place in layout.boxes.items()}, arrows=arrows)


def _fewer(points: tuple[Point, ...], slack: float = 0.3) -> tuple[Point, ...]:
    """A chain of points without those that lie on the way anyway, to a third of a point."""
    kept = [points[0]]
    for k in range(1, len(points) - 1):
        (x0, y0), (x, y), (x1, y1) = kept[-1], points[k], points[k + 1]
        away = abs((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / (math.hypot(x1 - x0, y1 - y0) or 1.0)
        if away > slack:
            kept.append((x, y))
    return (*kept, points[-1])


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{tenth(x)}" y="{tenth(y)}">{escaped(words)}</text>'


def _document(width: float, height: float, name: str, about: str, rules: str, body: str) -> str:
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="glassgrad film" role="img" lang="en" width="{tenth(width)}" '
        f'height="{tenth(height)}" viewBox="0 0 {tenth(width)} {tenth(height)}">',
        f"<title>{escaped(name)}</title>",
        f"<desc>{escaped(about)}</desc>",
        f"<style>{asset('picture.css')}{asset('film.css')}{rules}</style>",
        body,
        "</svg>",
        "",
    ])  # fmt: skip


def _moments(plan: Plan) -> Iterator[tuple[float, float]]:
    """Times and lengths of the still pictures: a few while a dot runs, and one for the rest of the step."""
    moves = max(1, min(MOVES, PICTURES // len(plan.steps) - 1))
    for i, step in enumerate(plan.steps):
        start, end = plan.starts[i], plan.starts[i + 1]
        if step.kind in ("start", "end"):
            yield start, end - start
            continue
        arrival = plan.arrives(i)
        few = moves if step.kind != "seed" else 1
        for move in range(few):
            yield start + (arrival - start) * (move + 0.5) / few, (arrival - start) / few
        yield arrival, end - arrival
