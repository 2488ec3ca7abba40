"""A network learns, as a film: its weights, what each neuron gives, what it decides, and its loss, epoch by epoch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, overload

from visualize.contour import contours, fewer
from visualize.epochs import CELL, EDGE, GRID, Snapshot, Training, training_of
from visualize.film import Film, Frame, check_ending
from visualize.layout import Point
from visualize.moves import Mark, Pages, Piece, Pulse, Varying, course_of, moving, still
from visualize.pixels import BAD, NEGATIVE, POSITIVE, indexed_uri
from visualize.style import number, relative
from visualize.svg import asset, below, escaped, tenth, wrapped

__all__ = ["animate_training"]

WIDTH, MARGIN = 830.0, 16.0
"""Of the picture: as wide as the text of a README."""

SIDE, WITHIN = 300.0, 470.0
"""The side of the plane; and how far the network reaches to the right."""

ROOM = 64.0
"""Height of a neuron with what is between it and the next one, at most."""

CURVE, PANEL = 190.0, 74.0
"""Where the curve of the loss begins, and its height."""

BEGIN, END = 0.8, 2.5
"""Seconds for which the first picture and the last one stand still."""

THIN, THICK = 0.6, 6.5
"""Of a line whose weight is almost 0, and of that with the largest weight of its layer."""

PULSES, CYCLES = 100, 6
"""Up to so many lines have dots that run along them; so many times in a film, forwards and back."""

FLOW, LARGEST, SMALLEST = 5.0, 14.0, 2.5
"""Sizes of dots: forwards; and back, with the largest gradient, and with none."""

LEVELS = 10
"""Tints of blue, and as many of orange."""

BEND = 1.5
"""How opaque a tint is grows with this power of its place, so that it grows steadily with the number."""

STRONG = 150
"""How opaque the strongest tint is, of 255."""

CLASSES = (
    NEGATIVE, POSITIVE, bytes((0, 158, 115)), bytes((214, 164, 22)), bytes((196, 112, 164)), bytes((94, 186, 228)),
    bytes((140, 100, 170)), bytes((120, 120, 120)), bytes((160, 120, 60)), bytes((120, 170, 60)),
)  # fmt: skip
"""Colours of classes that are seen on light and on dark paper."""


def _check(file: Any, title: Any, seconds: Any, most: Any, threshold: Any, unit: Any) -> None:
    for name, words in (("title", title), ("unit", unit)):
        if not isinstance(words, str):
            raise TypeError(f"animate_training: {name} must be a text, got {words!r:.100}")
    given = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (given and math.isfinite(seconds) and seconds >= 1.0):
        raise ValueError(f"animate_training: seconds must be the time of the film, at least 1; got {seconds!r}")
    if isinstance(most, bool) or not isinstance(most, int) or most < 2:
        raise ValueError(f"animate_training: most must be a whole number of pictures, at least 2; got {most!r}")
    given = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if threshold is not None and not (given and math.isfinite(threshold)):
        raise ValueError(f"animate_training: threshold must be a number, got {threshold!r}")
    if file is not None:
        check_ending("animate_training", file)


@overload
def animate_training(
    model: Any, loss: Any, data: Any, file: None = None, *, path: Any, title: str = "", seconds: float = 12.0,
    most: int = 40, threshold: float | None = None, unit: str = "epoch", loop: bool = True,
) -> Film: ...  # fmt: skip
@overload
def animate_training(
    model: Any, loss: Any, data: Any, file: str | os.PathLike[str], *, path: Any, title: str = "",
    seconds: float = 12.0, most: int = 40, threshold: float | None = None, unit: str = "epoch", loop: bool = True,
) -> Path: ...  # fmt: skip
def animate_training(
    model: Any, loss: Any, data: Any, file: str | os.PathLike[str] | None = None, *, path: Any, title: str = "",
    seconds: float = 12.0, most: int = 40, threshold: float | None = None, unit: str = "epoch", loop: bool = True,
) -> Film | Path:  # fmt: skip
    """A film of a network that learns to tell classes of points in the plane apart: left its weights and neurons, right
    what it decides, below its loss.

    A line is a weight: blue and solid positive, orange and dashed negative, its width its size beside the largest of
    its layer in the whole film. In a neuron stands what it gives for every point of the plane, blue where that is
    positive.

    model: an `nn.MLP`, or what else `draw_network` takes, with two inputs. loss: as for `nn.fit`. data: a Dataset, or a
        pair of inputs and targets; the loss, the accuracy and the examples shown are of it.
    path: parameter vectors in the order of the training, as `plot_landscape` takes them, so that one record of a
        training, however it was done, gives both pictures. If numbers are not finite from some entry on, the film ends
        before, and says so.
    file: where to write it, as "learning.svg", "learning.gif" or "learning.mp4" (see `Film.save`). Without it, the
        `Film` comes back, which a notebook shows.
    seconds: how long the film is. most: of a longer path, so many entries are shown, more of them where the
        parameters change fast. unit: what an entry of the path is called.
    threshold: of a model with one output, where the second of two classes begins; by itself 0 for a loss that decides
        so, such as `nn.binary_cross_entropy`, else halfway between the two targets.
    title: a line above. loop: whether it begins again at its end.

    Parameters and gradients stay as they are. Raises TypeError or ValueError, before anything is written, for what does
    not fit together, and for models that do not have two inputs.

    >>> import autograd, nn
    >>> data, model = nn.datasets.xor(40), nn.MLP(2, [4, 1], seed=0)
    >>> path = [autograd.read(model.parameters(), "data")]
    >>> note = lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))
    >>> history = nn.fit(
    ...     model, nn.binary_cross_entropy, data.inputs, data.targets,
    ...     optimizer=nn.Adam(model.parameters(), 0.1), epochs=20, callbacks=[note],
    ... )
    >>> animate_training(model, nn.binary_cross_entropy, data, path=path)
    <film of 21 pictures, 12 seconds: save(path) writes it as .svg, .gif or .mp4, a notebook shows it>
    """
    _check(file, title, seconds, most, threshold, unit)
    training = training_of(model, loss, data, path, threshold, most)
    film = _Stage.of(training, title, float(seconds), unit).film(loop)
    return film if file is None else film.save(file)


class _Stage(NamedTuple):
    """A training with the places and times of everything. top: of the network and the plane. xs: the middle of each
    column. units: per column, the side of a neuron over CELL. times: when each snapshot is shown.
    """

    training: Training
    title: str
    seconds: float
    unit: str
    top: float
    xs: list[float]
    units: list[float]
    times: list[float]

    @classmethod
    def of(cls, training: Training, title: str, seconds: float, unit: str) -> _Stage:
        units = [min(ROOM, SIDE / len(places)) / (CELL + 2 * EDGE) for places in training.drawn]
        left, right = MARGIN + 26.0 + CELL * units[0] / 2.0, WITHIN - CELL * units[-1] / 2.0
        gaps = len(units) - 1
        xs = [left + (right - left) * c / gaps for c in range(gaps + 1)]
        begin, end = (seconds * min(x / 12.0, 0.25) for x in (BEGIN, END))
        steps = len(training.snapshots) - 1
        times = [begin + (seconds - begin - end) * k / steps for k in range(len(training.snapshots))]
        top = MARGIN + 20.0 * len(list(wrapped(title, 14.0, WIDTH))) + 18.0 * (training.cut is not None) + 40.0
        return cls(training, title, seconds, unit, top, xs, units, times)

    # ------------------------------------------------------------ the whole picture

    def film(self, loop: bool) -> Film:
        """All of it, moving and still."""
        pieces, height = self._pieces()
        about = self._about()
        name = self.title or "A network learns"
        body, rules = moving(pieces, self.seconds, loop)
        moments = [0.0, *self.times[1:], self.seconds]
        frames = [
            Frame(_document(height, name, about, "", still(pieces, time)), following - start)
            for time, (start, following) in zip(self.times, pairwise(moments), strict=True)
        ]
        return Film(frames, svg=_document(height, name, about, rules, body), name=name, loop=loop)

    def _about(self) -> str:
        first, last = self.training.snapshots[0], self.training.snapshots[-1]
        widths = "-".join(map(str, self.training.widths))
        cut = f" {self._note()}" if self._note() else ""
        return (
            f"A {widths} network learns: from {self.unit} {first.epoch} to {last.epoch} the loss goes from "
            f"{number(first.loss, 3)} to {number(last.loss, 3)}, and of the examples, {_percentage(last.accuracy)} are "
            f"right rather than {_percentage(first.accuracy)}. A film in {len(self.training.snapshots)} steps.{cut}"
        )

    def _note(self) -> str:
        cut = self.training.cut
        return "" if cut is None else f"From {self.unit} {cut} on, parameters are not finite: the film ends before."

    def _pieces(self) -> tuple[list[Piece], float]:
        """Everything, from below to above, and the height of the picture."""
        panel = self.top + SIDE + 26.0
        keys, room = below(self._keys(), WIDTH, panel + PANEL + 26.0)
        height = panel + PANEL + 26.0 + room + 8.0
        pieces: list[Piece] = [f'<rect class="paper" width="{tenth(WIDTH)}" height="{tenth(height)}"/>']
        pieces += [
            f'<text class="title" x="{tenth(WIDTH / 2.0)}" y="{tenth(MARGIN + 12.0 + 20.0 * i)}">{escaped(line)}</text>'
            for i, line in enumerate(wrapped(self.title, 14.0, WIDTH))
        ]
        if self._note():
            pieces.append(_text("note", MARGIN, self.top - 44.0, f"⚠ {self._note()}"))
        pieces += self._lines()
        pieces += self._pulses()
        pieces += self._shapes("ground")
        pieces += self._grounds()
        pieces += self._shapes("rim")
        pieces += self._headings()
        # At each time that of the nearest snapshot: two of them would be hard to read.
        starts = [0.0, *((a + b) / 2.0 for a, b in pairwise(self.times))]
        pieces.append(Pages([self._told(s, panel) for s in self.training.snapshots], starts, fades=False))
        pieces += self._examples()
        pieces += self._curve(panel)
        return [*pieces, *keys], height

    def _keys(self) -> list[tuple[str, str]]:
        keys = [("pos", "positive weight"), ("neg", "negative weight")]
        if self._flows():
            keys += [("flow", "numbers go forward"), ("flow back", "the gradient comes back")]
        words = "width: size of the weight; in a neuron: what it gives in the plane, blue positive, orange negative"
        return [*keys, ("", words)]

    def _flows(self) -> bool:
        """Whether there are dots."""
        return sum(len(a) * len(b) for a, b in pairwise(self.training.drawn)) <= PULSES

    # ------------------------------------------------------------ the network

    def _place(self, c: int, k: int) -> Point:
        """The middle of neuron k of those drawn in column c."""
        pitch = (CELL + 2 * EDGE) * self.units[c]
        return self.xs[c], self.top + SIDE / 2.0 + pitch * (k - (len(self.training.drawn[c]) - 1) / 2.0)

    def _radius(self, c: int) -> float:
        return CELL * self.units[c] / 2.0

    def _lines(self) -> Iterator[Piece]:
        """The weights: of each a line for positive numbers, one for negative ones, if there are such."""
        drawn, snapshots = self.training.drawn, self.training.snapshots
        for c in range(len(drawn) - 1):
            largest = max(_largest(s.weights[c]) for s in snapshots) or 1.0
            for m, j in enumerate(drawn[c + 1]):
                for k, i in enumerate(drawn[c]):
                    course = course_of(self._course(c, k, m))
                    weights = [float(s.weights[c][j, i]) for s in snapshots]
                    for look, sign in (("pos", 1.0), ("neg", -1.0)):
                        widths = [thickness(sign * w / largest) for w in weights]
                        if any(widths):
                            markup = f'<path id="{look}{c + 1}_{j}_{i}" d="{course}" {{}}/>'
                            yield Varying(markup, f"weight {look}", "stroke-width:{:.2f}", self._marks(widths), 0.08)

    def _pulses(self) -> Iterator[Piece]:
        """Dots from the inputs on, then back with the gradient of the loss, again and again."""
        drawn, snapshots, gaps = self.training.drawn, self.training.snapshots, len(self.xs) - 1
        if not self._flows():
            return
        lines = [(c, k, m) for c in range(gaps) for k in range(len(drawn[c])) for m in range(len(drawn[c + 1]))]
        largest = max(_largest(s.gradients[c]) for s in snapshots for c in range(gaps)) or 1.0
        period, slot = self.seconds / CYCLES, 0.42 / gaps
        for c, k, m in lines:
            course = self._course(c, k, m)
            start, after = 0.04 + slot * c, 0.52 + slot * (gaps - 1 - c)
            slopes = [float(s.gradients[c][drawn[c + 1][m], drawn[c][k]]) for s in snapshots]
            sizes = [SMALLEST + (LARGEST - SMALLEST) * relative(x, largest) * math.isfinite(x) for x in slopes]
            there = self._marks([FLOW] * (len(snapshots) - 1) + [0.0])
            yield Pulse(course, "pulse", start, start + slot, False, period, there, 0.4)
            yield Pulse(course, "pulse back", after, after + slot, True, period, self._marks([*sizes[:-1], 0.0]), 0.4)

    def _course(self, c: int, k: int, m: int) -> tuple[Point, Point, Point, Point]:
        """The line from neuron k of column c to neuron m of the next one."""
        (x1, y1), (x2, y2) = self._place(c, k), self._place(c + 1, m)
        x1, x2 = x1 + self._radius(c), x2 - self._radius(c + 1)
        middle = (x1 + x2) / 2.0
        return (x1, y1), (middle, y1), (middle, y2), (x2, y2)

    def _marks(self, numbers: Sequence[float]) -> list[Mark]:
        return [(time, (x,)) for time, x in zip(self.times, numbers, strict=True)]

    def _shapes(self, look: str) -> Iterator[str]:
        """The outlines of neurons, or the ground below them."""
        plane = f'x="{tenth(self._left())}" y="{tenth(self.top)}" width="{tenth(SIDE)}" height="{tenth(SIDE)}"'
        last = len(self.xs) - 1
        if look == "ground" and self.training.widths[-1] == 1:
            (x, y), r = self._place(last, 0), self._radius(last)
            corners = ((x, y - r), (self._left(), self.top), (self._left(), self.top + SIDE), (x, y + r))
            yield f'<path class="beam" d="M{"L".join(f"{tenth(a)} {tenth(b)}" for a, b in corners)}Z"/>'
        yield f'<rect class="{look}" {plane} rx="3"/>'
        for c, places in enumerate(self.training.drawn):
            kind = "input" if c == 0 else "output" if c == last else ""
            for k in range(len(places)):
                yield self._outline(c, k, f'class="{look} {kind}" ')

    def _outline(self, c: int, k: int, look: str = "") -> str:
        """Neuron k of column c: a circle, an input a square."""
        (x, y), r = self._place(c, k), self._radius(c)
        if c:
            return f'<circle {look}cx="{tenth(x)}" cy="{tenth(y)}" r="{tenth(r)}"/>'
        side = f'width="{tenth(2.0 * r)}" height="{tenth(2.0 * r)}" rx="4"'
        return f'<rect {look}x="{tenth(x - r)}" y="{tenth(y - r)}" {side}/>'

    def _left(self) -> float:
        return WIDTH - MARGIN - SIDE

    def _headings(self) -> Iterator[str]:
        training = self.training
        for c, (x, places, width) in enumerate(zip(self.xs, training.drawn, training.widths, strict=True)):
            kind = "input" if c == 0 else "output" if c == len(self.xs) - 1 else "neuron"
            few = f"{len(places)} of " if len(places) < width else ""
            lines = [f"{few}{width:,} {kind}{'s' * (width > 1)}", training.activations[c - 1] if c else ""]
            yield _text("heading", x, self.top - 22.0, lines[0])
            yield _text("soft middle", x, self.top - 8.0, lines[1]) if lines[1] else ""
            for k, place in enumerate(places if c == 0 else ()):
                yield _text("soft end", x - self._radius(0) - 6.0, self._place(0, k)[1] + 4.0, f"x{place + 1}")
        yield _text("heading", self._left() + SIDE / 2.0, self.top - 22.0, "what it decides")

    # ------------------------------------------------------------ what neurons give, and what is decided

    def _grounds(self) -> Iterator[Piece]:
        """The plane as every neuron sees it, and as it is decided, page by page."""
        training, last = self.training, len(self.xs) - 1
        clips = list(self._clips())
        largest = [max(_largest(s.columns[c]) for s in training.snapshots) for c in range(last)]
        yield f'<clipPath id="seen">{"".join(clips)}</clipPath><g clip-path="url(#seen)">'
        for k in range(2):
            (x, y), r = self._place(0, k), self._radius(0)
            shown = [
                [(2.0 * (b if k == 0 else CELL - 1 - a) + 1.0) / CELL - 1.0 for b in range(CELL)] for a in range(CELL)
            ]
            yield _image(x - r, y - r, 2.0 * r, 2.0 * r, [[_tint(z, 1.0) for z in row] for row in shown], TINTS)
        pages = [f"{''.join(self._page(s, largest))}" for s in training.snapshots]
        yield Pages(pages, self.times, fades=True)
        yield "</g>"

    def _clips(self) -> Iterator[str]:
        plane = f'x="{tenth(self._left())}" y="{tenth(self.top)}" width="{tenth(SIDE)}" height="{tenth(SIDE)}"'
        yield f'<rect {plane} rx="3"/>'
        for c, places in enumerate(self.training.drawn):
            for k in range(len(places)):
                yield self._outline(c, k)

    def _page(self, snapshot: Snapshot, largest: Sequence[float]) -> Iterator[str]:
        """All of an epoch that is pictures of the plane."""
        single = self.training.widths[-1] == 1
        for c in range(1, len(self.xs) - single):
            (x, y), r, u = self._place(c, 0), self._radius(c), self.units[c]
            rows = [
                [_tint(z, largest[c - 1]) for z in row]
                for j in self.training.drawn[c]
                for row in snapshot.columns[c - 1][j].tolist()
            ]
            yield _image(x - r, y - r - EDGE * u, CELL * u, len(rows) * u, rows, TINTS)
        ground = self._ground(snapshot)
        colours = TINTS if len(self.training.plane.names) == 2 else _shades(len(self.training.plane.names))
        ident = f"e{snapshot.epoch}"
        yield _image(self._left(), self.top, SIDE, SIDE, ground, colours, f' id="{ident}"' if single else "")
        if single:
            (x, y), r = self._place(len(self.xs) - 1, 0), self._radius(len(self.xs) - 1)
            scale = 2.0 * r / SIDE
            right, down = x - r - scale * self._left(), y - r - scale * self.top
            yield f'<use href="#{ident}" transform="matrix({scale:.4f} 0 0 {scale:.4f} {right:.2f} {down:.2f})"/>'

    def _ground(self, snapshot: Snapshot) -> list[list[int]]:
        """The decision as places among colours."""
        classes = len(self.training.plane.names)
        if classes == 2:
            signs = (
                snapshot.strength if self.training.widths[-1] == 1 else snapshot.strength * (2 * snapshot.decided - 1)
            )
            return [[_tint(z, 1.0) for z in row] for row in signs.tolist()]
        levels = _levels(classes)
        return [
            [
                1 + levels * kind + max(math.ceil(z * levels) - 1, 0) if z == z else 0
                for z, kind in zip(*rows, strict=True)
            ]
            for rows in zip(snapshot.strength.tolist(), snapshot.decided.tolist(), strict=True)
        ]

    def _border(self, snapshot: Snapshot) -> str:
        """The lines at which classes begin."""
        step, found = SIDE / GRID, []
        for line in (line for margins in snapshot.margins for line in contours(margins, 0.0)):
            points = fewer([(self._left() + (x - 0.5) * step, self.top + (y - 0.5) * step) for x, y in line], 0.3)
            found.append("M" + "L".join(f"{tenth(x)} {tenth(y)}" for x, y in points))
        return "".join(found)

    def _examples(self) -> Iterator[str]:
        plane = self.training.plane
        shares = (plane.points - plane.low) / (plane.high - plane.low)
        two = len(plane.names) == 2
        for look in ("halo", "dots"):
            for kind in range(len(plane.names)):
                places = [
                    (self._left() + SIDE * x, self.top + SIDE * (1.0 - y)) for x, y in shares[plane.classes == kind]
                ]
                shape = "square" if two and kind == 0 else "round"
                colour = ("neg", "pos")[kind] if two else ""
                style = "" if two or look == "halo" else f' style="stroke:{_rgb(CLASSES[kind])}"'
                d = "".join(f"M{tenth(x)} {tenth(y)}h0" for x, y in places)
                if d:
                    yield f'<path class="{look} {shape} {colour}" d="{d}"{style}/>'

    # ------------------------------------------------------------ the loss

    def _curve(self, top: float) -> Iterator[Piece]:
        """The loss so far: all of it, covered from where the film is, and a dot there."""
        right, bottom = WIDTH - MARGIN - 8.0, top + PANEL
        low, high, points = self._points(right, bottom)
        times = self._moments()
        line = "L".join(f"{tenth(x)} {tenth(y)}" for x, y in fewer(points, 0.2))
        yield f'<path class="curve" d="M{line}"/>'
        width = right + 4.0 - CURVE
        cover = f'<rect x="{tenth(-width)}" width="{tenth(width)}" height="{tenth(PANEL + 3.0)}" {{}}/>'
        left: list[Mark] = [(t, ((right - x) / (right - CURVE),)) for t, (x, _) in zip(times, points, strict=True)]
        yield f'<g transform="translate({tenth(right + 4.0)} {tenth(top)})">'
        yield Varying(cover, "paper", "transform:scale({:.4f},1)", left, 0.0004)
        yield "</g>"
        yield f'<path class="axis" d="M{tenth(CURVE)} {tenth(top)}V{tenth(bottom)}H{tenth(right)}"/>'
        yield _text("scale end", CURVE - 6.0, top + 11.0, f"loss {number(high, 2)}")
        yield _text("scale end", CURVE - 6.0, bottom + 3.0, number(low, 2))
        yield _text("scale", CURVE, bottom + 14.0, f"{self.unit} 0")
        yield _text("scale end", right, bottom + 14.0, f"{self.training.epochs[-1]:,}")
        dot: list[Mark] = list(zip(times, points, strict=True))
        yield Varying('<circle r="5" {}/>', "point", "transform:matrix(1,0,0,1,{:.1f},{:.1f})", dot, 0.3)

    def _points(self, right: float, bottom: float) -> tuple[float, float, list[Point]]:
        """The least and the largest number of the axis, and where the losses are; what is not finite, at the top."""
        training = self.training
        finite = [loss for loss in training.losses if math.isfinite(loss)] or [1.0]
        low, high = min(0.0, *finite), max(finite)
        high = high if high > low else low + 1.0
        points = []
        for epoch, loss in zip(training.epochs, training.losses, strict=True):
            share = (loss - low) / (high - low) if math.isfinite(loss) else 1.0
            x = CURVE + (right - CURVE) * epoch / training.epochs[-1]
            points.append((x, bottom - (PANEL - 8.0) * share))
        return low, high, points

    def _moments(self) -> list[float]:
        """When the film is at each epoch whose loss is known: those between two snapshots evenly."""
        shown = [s.epoch for s in self.training.snapshots]
        found, k = [], 0
        for epoch in self.training.epochs:
            k += epoch > shown[k + 1]
            share = (epoch - shown[k]) / (shown[k + 1] - shown[k])
            found.append(self.times[k] + share * (self.times[k + 1] - self.times[k]))
        return found

    def _told(self, snapshot: Snapshot, top: float) -> str:
        """All of an epoch that does not fade: the border between classes, and its numbers."""
        border = self._border(snapshot)
        lines = (
            ("now", 15.0, f"{self.unit} {snapshot.epoch:,}"),
            ("value", 40.0, f"loss {number(snapshot.loss, 3)}"),
            ("value", 60.0, f"{_percentage(snapshot.accuracy)} right"),
        )
        texts = "".join(_text(look, MARGIN, top + down, words) for look, down, words in lines)
        return (f'<path class="border" d="{border}"/>' if border else "") + texts


def _percentage(share: float) -> str:
    """As 97.5 %; 100.0 % for all only."""
    return f"{100.0 * share if share == 1.0 else min(100.0 * share, 99.9):.1f} %"


def _largest(numbers: Any) -> float:
    """Of an array, by size; what is not finite aside."""
    sizes = abs(numbers)
    return float(sizes[sizes < math.inf].max(initial=0.0))


def thickness(size: float) -> float:
    """Of the line of a weight, from its size beside the largest; 0 for one of the other sign."""
    return THIN + (THICK - THIN) * size if size > 0.0 else 0.0


def _tints() -> list[bytes]:
    """Orange to blue, and red for what is no number. Pale ones, of which there is most to see, differ least."""
    strengths = [round(STRONG * (k / LEVELS) ** BEND) for k in range(LEVELS + 1)]
    found = [NEGATIVE + bytes((strength,)) for strength in strengths[:0:-1]]
    return [*found, *(POSITIVE + bytes((strength,)) for strength in strengths), BAD + b"\xff"]


TINTS = _tints()


def _tint(z: float, largest: float) -> int:
    """The place of a number's tint."""
    if not math.isfinite(z):
        return len(TINTS) - 1
    size = round(LEVELS * (abs(z) / largest) ** (1.0 / BEND)) if largest else 0
    return LEVELS + (size if z > 0.0 else -size)


def _levels(classes: int) -> int:
    """Shades of a class: a palette has 256 colours."""
    return min(LEVELS, 255 // classes)


def _shades(classes: int) -> list[bytes]:
    """Nothing, then shades of each class."""
    levels = _levels(classes)
    return [b"\0\0\0\0"] + [
        CLASSES[kind] + bytes((round(STRONG * (k + 1) / levels),)) for kind in range(classes) for k in range(levels)
    ]


def _rgb(colour: bytes) -> str:
    return f"#{colour.hex()}"


def _image(
    x: float, y: float, width: float, height: float, places: Any, colours: Sequence[bytes], more: str = ""
) -> str:
    return (
        f'<image{more} x="{tenth(x)}" y="{tenth(y)}" width="{tenth(width)}" height="{tenth(height)}" '
        f'href="{indexed_uri(places, colours)}"/>'
    )


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{tenth(x)}" y="{tenth(y)}">{escaped(words)}</text>'


def _document(height: float, name: str, about: str, rules: str, body: str) -> str:
    size = f'width="{tenth(WIDTH)}" height="{tenth(height)}" viewBox="0 0 {tenth(WIDTH)} {tenth(height)}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="glassgrad learning" role="img" lang="en" {size}>',
        f"<title>{escaped(name)}</title>",
        f"<desc>{escaped(about)}</desc>",
        f"<style>{asset('picture.css')}{asset('learning.css')}{rules}</style>",
        body,
        "</svg>",
        "",
    ])  # fmt: skip
