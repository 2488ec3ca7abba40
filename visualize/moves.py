"""Elements of a film whose numbers change steadily, dots that run, and pictures that replace one another.

As with `pieces`, the SVG that moves by itself and the still one of any moment are made of the same data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from visualize.film import MOVING, keyframes, moving_style
from visualize.layout import Point
from visualize.svg import tenth

__all__ = ["Mark", "Pages", "Piece", "Pulse", "Varying", "course_of", "moving", "still"]

Mark = tuple[float, tuple[float, ...]]
"""A time in seconds, and numbers at it."""

HALFWAY = 0.65
"""How much is seen of a picture that goes while half of the next one is: pale colours keep their strength then."""


class Varying(NamedTuple):
    """markup: of an element, with {} where its class, `kind`, and its look stand. look: a property and its value, with
    {} for each number, as `"stroke-width:{:.2f}"`. marks: the numbers over time; between them they are linear.
    slack: what nobody sees.
    """

    markup: str
    kind: str
    look: str
    marks: Sequence[Mark]
    slack: float

    def at(self, time: float) -> tuple[float, ...]:
        """The numbers at a time."""
        return _at(self.marks, time)


class Pages(NamedTuple):
    """Pictures that replace one another. markups: of each. starts: from when on it is seen. fades: whether the one
    before gives way to it steadily, from its own start on.
    """

    markups: Sequence[str]
    starts: Sequence[float]
    fades: bool


class Pulse(NamedTuple):
    """A dot that runs along a line again and again. line: its start, two points that bend it, its end. look: its class.
    start, end: when it runs, as shares of a period. back: whether it runs from the end to the start. period: seconds.
    marks: its size over time.
    """

    line: tuple[Point, Point, Point, Point]
    look: str
    start: float
    end: float
    back: bool
    period: float
    marks: Sequence[Mark]
    slack: float

    def at(self, time: float) -> tuple[Point, float] | None:
        """Where it is, and how large; None if it is nowhere."""
        share = (time / self.period % 1.0 - self.start) / (self.end - self.start)
        size = _at(self.marks, time)[0]
        if not 0.0 <= share <= 1.0 or not size:
            return None
        t = 1.0 - share if self.back else share
        weights = ((1.0 - t) ** 3, 3.0 * t * (1.0 - t) ** 2, 3.0 * t**2 * (1.0 - t), t**3)
        x, y = (sum(w * point[i] for w, point in zip(weights, self.line, strict=True)) for i in (0, 1))
        return (x, y), size


Piece = str | Varying | Pages | Pulse


def course_of(line: Sequence[Point]) -> str:
    """A bent line as the data of a path."""
    start, *rest = (f"{tenth(x)} {tenth(y)}" for x, y in line)
    return f"M{start}C{' '.join(rest)}"


def still(pieces: Sequence[Piece], time: float) -> str:
    """What is seen at a moment; of pages that fade, the one that began last."""
    found = []
    for piece in pieces:
        if isinstance(piece, Varying):
            found.append(_with_look(piece, time, ""))
        elif isinstance(piece, Pages):
            found.append(piece.markups[max(bisect_right(piece.starts, time) - 1, 0)])
        elif isinstance(piece, Pulse):
            if place := piece.at(time):
                (x, y), size = place
                found.append(f'<path class="{piece.look}" d="M{tenth(x)} {tenth(y)}h.01" stroke-width="{size:.1f}"/>')
        else:
            found.append(piece)
    return "\n".join(found)


def moving(pieces: Sequence[Piece], total: float, loop: bool) -> tuple[str, str]:
    """The pieces as SVG that moves by itself, and its style sheet. Without animation it is the picture of the end."""
    sheet = _Sheet(total, loop)
    body: list[str] = []
    for piece in pieces:
        if isinstance(piece, Varying):
            moves = f" {MOVING} {sheet.varying(piece)}" if len({x for _, x in piece.marks}) > 1 else ""
            body.append(_with_look(piece, total, moves))
        elif isinstance(piece, Pages):
            for k, markup in enumerate(piece.markups):
                hidden = "" if k == len(piece.markups) - 1 else ' opacity="0"'
                body.append(f'<g class="{MOVING} {sheet.page(piece, k)}"{hidden}>{markup}</g>')
        elif isinstance(piece, Pulse):
            # A dash without length, whose offset runs; outside of its line it is not seen.
            body.append(
                f'<path class="{piece.look} {MOVING} {sheet.pulse(piece)}" d="{course_of(piece.line)}" pathLength="1" '
                'stroke-dasharray="0 2" stroke-width="0"/>'
            )
        else:
            body.append(piece)
    return "\n".join(body), sheet.text()


class _Sheet:
    """A style sheet of what moves; what moves alike shares a rule."""

    def __init__(self, total: float, loop: bool) -> None:
        self.total, self.loop = total, loop
        self._rules: dict[tuple[tuple[float, str], ...], str] = {}
        self._pulses: dict[tuple[str, str, float], str] = {}

    def named(self, marks: Sequence[tuple[float, str]]) -> str:
        """The class of a rule, from its marks: shares of its time, and what holds at them."""
        return self._rules.setdefault(tuple(marks), f"k{len(self._rules)}")

    def _whole(self, piece: Varying | Pulse) -> list[Mark]:
        """The marks that are needed, from the beginning to the end."""
        first, last = piece.marks[0], piece.marks[-1]
        return _thinned(list(dict([(0.0, first[1]), *piece.marks, (self.total, last[1])]).items()), piece.slack)

    def varying(self, piece: Varying) -> str:
        marks = self._whole(piece)
        return self.named([(time / self.total, piece.look.format(*numbers)) for time, numbers in marks])

    def pulse(self, piece: Pulse) -> str:
        marks = self._whole(piece)
        size = self.named([(time / self.total, f"stroke-width:{x:.1f}") for time, (x,) in marks])
        first, last = (-1.1, 0.1) if piece.back else (0.1, -1.1)
        times = ((0.0, first), (piece.start, first), (piece.end, last), (1.0, last))
        run = self.named([(time, f"stroke-dashoffset:{x:g}") for time, x in times])
        return self._pulses.setdefault((size, run, piece.period), f"q{len(self._pulses)}")

    def page(self, pages: Pages, k: int) -> str:
        """Of a picture: seen from its start to that of the next one."""
        starts, total = pages.starts, self.total
        start, end = starts[k], starts[k + 1] if k + 1 < len(starts) else total
        if not pages.fades:
            gone, seen = (f"opacity:{x};animation-timing-function:step-end" for x in (0, 1))
            marks = [(0.0, gone)] * (k > 0) + [(start, seen)] + [(end, gone)] * (k + 1 < len(starts))
            return self.named([(time / total, look) for time, look in marks])
        fade = [(0.0, 0.0), (starts[k - 1], 0.0)] if k else [(0.0, 1.0)]
        fade += [(start, 1.0)]
        fade += [((start + end) / 2.0, HALFWAY), (end, 0.0), (total, 0.0)] if k + 1 < len(starts) else [(total, 1.0)]
        return self.named([(time / total, f"opacity:{value:g}") for time, value in dict(fade).items()])

    def text(self) -> str:
        """All of it."""
        rules = "".join(keyframes(name, marks, 1.0) for marks, name in self._rules.items())
        pulses = "".join(
            f".{name}{{animation-name:{size},{run};animation-duration:{self.total:g}s,{period:g}s"
            + ("" if self.loop else f";animation-iteration-count:1,{self.total / period:g}")
            + "}"
            for (size, run, period), name in self._pulses.items()
        )
        return rules + moving_style(self.total, self.loop) + pulses


def _with_look(piece: Varying, time: float, moves: str) -> str:
    """An element as it looks at a time: as attributes, which every program knows."""
    name, _, value = piece.look.format(*piece.at(time)).partition(":")
    return piece.markup.replace("{}", f'class="{piece.kind}{moves}" {name}="{value}"', 1)


def _at(marks: Sequence[Mark], time: float) -> tuple[float, ...]:
    """The numbers at a time."""
    k = bisect_right(marks, time, key=lambda mark: mark[0])
    if k == 0 or k == len(marks):
        return marks[max(k - 1, 0)][1]
    return _between(marks[k - 1], marks[k], time)


def _between(a: Mark, b: Mark, time: float) -> tuple[float, ...]:
    share = (time - a[0]) / (b[0] - a[0])
    return tuple(x + (y - x) * share for x, y in zip(a[1], b[1], strict=True))


def _thinned(marks: Sequence[Mark], slack: float) -> list[Mark]:
    """Marks without those from which a linear change between others is not farther away than `slack`."""
    keep = {0, len(marks) - 1}
    todo = [(0, len(marks) - 1)]
    while todo:
        first, last = todo.pop()
        away = [_off(marks[k], _between(marks[first], marks[last], marks[k][0])) for k in range(first + 1, last)]
        if away and max(away) > slack:
            middle = first + 1 + away.index(max(away))
            keep.add(middle)
            todo += [(first, middle), (middle, last)]
    return [marks[k] for k in sorted(keep)]


def _off(mark: Mark, numbers: tuple[float, ...]) -> float:
    return max(abs(x - y) for x, y in zip(mark[1], numbers, strict=True))
