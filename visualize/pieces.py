"""A moving picture as data: pieces of SVG, each with the time in which it is seen. Of the same pieces are made the SVG
that moves by itself and the still one of any moment, so the two cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from visualize.film import MOVING, keyframes, moving_style, shown_between
from visualize.layout import Course, Point, sampled

__all__ = ["Dot", "Piece", "moving", "still"]


class Piece(NamedTuple):
    """markup: of SVG. layer: what has a higher one lies above. start, end: the seconds between which it is seen. least:
    how much of it is seen at other times, 0 to 1.
    """

    markup: str
    layer: int = 0
    start: float = 0.0
    end: float = math.inf
    least: float = 0.0


class Dot(NamedTuple):
    """A dot that runs along a course from `start` to `end`, or back. way: the id of a path of this course, of length 1.
    look: its class.
    """

    way: str
    course: Course
    back: bool
    look: str
    layer: int
    start: float
    end: float


def still(pieces: Sequence[Piece | Dot], time: float) -> str:
    """What is seen at a moment."""
    return "\n".join(filter(None, (_at(piece, time) for piece in pieces)))


def _at(piece: Piece | Dot, time: float) -> str:
    seen = piece.start <= time < piece.end
    if isinstance(piece, Dot):
        share = (time - piece.start) / (piece.end - piece.start)
        x, y = _along(piece.course, 1.0 - share if piece.back else share)
        return f'<path class="dot {piece.look}" d="M{x:.1f} {y:.1f}h.01"/>' if seen else ""
    if seen:
        return piece.markup
    return f'<g opacity="{piece.least:g}">{piece.markup}</g>' if piece.least else ""


def _along(course: Course, share: float) -> Point:
    """The point of a course after this share of its length."""
    chain = list(course.points) if course.straight else sampled(course.points)
    lengths = [math.dist(a, b) for a, b in pairwise(chain)]
    left = share * math.fsum(lengths)
    for (a, b), length in zip(pairwise(chain), lengths, strict=True):
        if left <= length and length:
            return (a[0] + (b[0] - a[0]) * left / length, a[1] + (b[1] - a[1]) * left / length)
        left -= length
    return chain[-1]


def moving(pieces: Sequence[Piece | Dot], total: float, loop: bool) -> tuple[str, str]:
    """The pieces, in the order of their layers, as SVG that moves by itself, and its style sheet. Without animation it
    is the picture of the end.
    """
    names: dict[tuple[object, ...], str] = {}
    rules: list[str] = []
    body: list[str] = []
    for key, same in groupby(pieces, key=_moves):
        if key == (0.0, math.inf):
            body += [piece.markup for piece in same if isinstance(piece, Piece)]
            continue
        if key not in names:
            names[key] = f"k{len(names)}"
            rules.append(_rule(names[key], key, total))
        body += _grouped(list(same), names[key])
    return "\n".join(body), "".join(rules) + moving_style(total, loop)


def _moves(piece: Piece | Dot) -> tuple[object, ...]:
    """When a piece is seen, and how it moves: pieces of which this is the same share a rule."""
    if isinstance(piece, Dot):
        return (piece.start, piece.end, "back" if piece.back else "forth")
    if piece.start <= 0.0 and math.isinf(piece.end):
        return (0.0, math.inf)
    return (piece.start, piece.end, piece.least)


def _rule(name: str, key: tuple[object, ...], total: float) -> str:
    start, end, how = key
    assert isinstance(start, float)
    assert isinstance(end, float)
    if isinstance(how, float):
        return shown_between(name, start, end, total, how)
    first, last = ("-1", "0") if how == "back" else ("0", "-1")
    run = (end - start) / 8.0
    marks = [
        (start, f"opacity:0;stroke-dashoffset:{first};animation-timing-function:ease-in-out"),
        (start + run, "opacity:1"),
        (end - run, "opacity:1"),
        (end, f"opacity:0;stroke-dashoffset:{last}"),
    ]
    return keyframes(name, marks, total)


def _grouped(same: list[Piece | Dot], name: str) -> Iterator[str]:
    """Pieces that are seen at the same time, as a group; a dot is a dash without length, whose offset runs."""
    for piece in same:
        if isinstance(piece, Dot):
            yield (
                f'<use class="dot {MOVING} {name} {piece.look}" href="#{piece.way}" stroke-dasharray="0 2" '
                'opacity="0"/>'
            )
    markup = "".join(piece.markup for piece in same if isinstance(piece, Piece))
    if markup:
        at_end = 1.0 if math.isinf(same[0].end) else same[0].least if isinstance(same[0], Piece) else 0.0
        shown = "" if at_end == 1.0 else f' opacity="{at_end:g}"'
        yield f'<g class="{MOVING} {name}"{shown}>{markup}</g>'
