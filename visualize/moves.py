"""Elements of a film whose numbers change steadily, and pictures that replace one another. As with `pieces`, the SVG that
moves by itself and the still one of any moment are made of the same data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from visualize.film import MOVING, keyframes, moving_style

__all__ = ["Mark", "Pages", "Piece", "Varying", "moving", "still"]

Mark = tuple[float, tuple[float, ...]]
"""A time in seconds, and numbers at it."""

HALFWAY = 0.65
"""How much is seen of a picture that goes while half of the next one is: pale colours keep their strength then."""


class Varying(NamedTuple):
    """markup: of an element, with {} where its look stands. look: a property and its value, with {} for each number, as
    `"stroke-width:{:.2f}"`. marks: the numbers over time; between them they are linear. slack: what nobody sees.
    """

    markup: str
    look: str
    marks: Sequence[Mark]
    slack: float

    def at(self, time: float) -> tuple[float, ...]:
        """The numbers at a time."""
        k = bisect_right(self.marks, time, key=lambda mark: mark[0])
        if k == 0 or k == len(self.marks):
            return self.marks[max(k - 1, 0)][1]
        return _between(self.marks[k - 1], self.marks[k], time)


class Pages(NamedTuple):
    """Pictures that replace one another. markups: of each. starts: from when on it is seen. fades: whether the one
    before gives way to it steadily, from its own start on.
    """

    markups: Sequence[str]
    starts: Sequence[float]
    fades: bool


Piece = str | Varying | Pages


def still(pieces: Sequence[Piece], time: float) -> str:
    """What is seen at a moment; of pages that fade, the one that began last."""
    found = []
    for piece in pieces:
        if isinstance(piece, Varying):
            found.append(_with_look(piece, time, ""))
        elif isinstance(piece, Pages):
            found.append(piece.markups[max(bisect_right(piece.starts, time) - 1, 0)])
        else:
            found.append(piece)
    return "\n".join(found)


def moving(pieces: Sequence[Piece], total: float, loop: bool) -> tuple[str, str]:
    """The pieces as SVG that moves by itself, and its style sheet. Without animation it is the picture of the end."""
    names: dict[str, str] = {}
    body: list[str] = []

    def named(rule: str) -> str:
        """The class of a rule, written with the name `_`; what moves alike shares one."""
        return names.setdefault(rule, f"k{len(names)}")

    for piece in pieces:
        if isinstance(piece, Varying):
            marks = _thinned(piece.marks, piece.slack)
            same = all(numbers == marks[0][1] for _, numbers in marks)
            rule = keyframes("_", [(time, piece.look.format(*numbers)) for time, numbers in marks], total)
            body.append(_with_look(piece, total, "" if same else f'class="{MOVING} {named(rule)}" '))
        elif isinstance(piece, Pages):
            for k, markup in enumerate(piece.markups):
                hidden = "" if k == len(piece.markups) - 1 else ' opacity="0"'
                body.append(f'<g class="{MOVING} {named(_page(piece, k, total))}"{hidden}>{markup}</g>')
        else:
            body.append(piece)
    rules = "".join(rule.replace(" _{", f" {name}{{", 1).replace("._{animation-name:_}", f".{name}{{animation-name:{name}}}")
                    for rule, name in names.items())  # fmt: skip
    return "\n".join(body), rules + moving_style(total, loop)


def _with_look(piece: Varying, time: float, kind: str) -> str:
    """An element as it looks at a time: as attributes, which every program knows."""
    name, _, value = piece.look.format(*piece.at(time)).partition(":")
    return piece.markup.replace("{}", f'{kind}{name}="{value}"', 1)


def _page(pages: Pages, k: int, total: float) -> str:
    """The rule of a picture: seen from its start to that of the next one."""
    starts = pages.starts
    start, end = starts[k], starts[k + 1] if k + 1 < len(starts) else total
    if not pages.fades:
        gone, seen = (f"opacity:{x};animation-timing-function:step-end" for x in (0, 1))
        marks = [(0.0, gone)] * (k > 0) + [(start, seen)] + [(end, gone)] * (k + 1 < len(starts))
        return keyframes("_", marks, total)
    fade = [(0.0, 0.0), (starts[k - 1], 0.0)] if k else [(0.0, 1.0)]
    fade += [(start, 1.0)]
    fade += [((start + end) / 2.0, HALFWAY), (end, 0.0), (total, 0.0)] if k + 1 < len(starts) else [(total, 1.0)]
    return keyframes("_", [(time, f"opacity:{value:g}") for time, value in dict(fade).items()], total)


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
