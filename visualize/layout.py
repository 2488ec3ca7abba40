"""Where everything stands: Graphviz reckons the places of boxes and the course of arrows, and no more.

Boxes and labels have a fixed size, so that places depend on no font. What is wider than a page is cut between boxes
into strips, one below the other, as lines of text are.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import NamedTuple

from visualize.renderer import picture
from visualize.scene import Arrow, Scene
from visualize.style import text_width

__all__ = ["Course", "Layout", "Point", "arrange", "sampled"]

Point = tuple[float, float]

PAGE = 1900.0
"""Points: what is wider is cut into strips."""

THREADS = 4
"""At most as many arrows may cross from one strip to the next."""

GUTTER = 34.0
LANE = 7.0
"""Points between two strips, and between two arrows that lead from one to the next."""


FRAME_TEXT, FRAME_HEAD = 12.0, 22.0
"""Size of the letters of a frame's title, and the height that it takes."""


class Course(NamedTuple):
    """The way of an arrow: the start and three points for each Bézier curve, or with `straight`, a chain of points;
    the tip, and the middle of its label, if it has one.
    """

    points: tuple[Point, ...]
    tip: Point
    label: Point | None
    straight: bool = False


class Layout(NamedTuple):
    """The middle of each box and the course of each arrow, by id; x to the right, y down, from (0, 0) to `size`.

    frames: of each frame of the scene left, top, right and bottom.
    """

    boxes: dict[str, Point]
    arrows: dict[str, Course]
    size: Point
    frames: tuple[tuple[float, float, float, float], ...] = ()


def arrange(scene: Scene, page: float = PAGE) -> Layout:
    """The places of a scene, cut into strips no wider than `page`, if no frame stands in the way. Raises RenderError if
    there is no Graphviz.
    """
    if scene.frames and not scene.arrows:
        return _table(scene)
    answer = json.loads(picture(_dot(scene), "json0"))
    left, bottom, right, top = map(float, answer["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return (float(x) - left, top - float(y))

    found = answer.get("objects", [])
    boxes = {o["id"]: point(o["pos"]) for o in found if "pos" in o}
    bounds = {o["name"]: [float(x) for x in o["bb"].split(",")] for o in found if "bb" in o}
    frames = tuple(
        (x1 - left, top - y2, x2 - left, top - y1)
        for x1, y1, x2, y2 in (bounds[f"cluster_{i}"] for i in range(len(scene.frames)))
    )
    arrows: dict[str, Course] = {}
    for edge in answer.get("edges", []):
        # "e,x,y x,y x,y ...": the tip, then the curve up to where the arrow's head begins.
        tip, *points = edge["pos"].removeprefix("e,").split(" ")
        label = point(edge["lp"]) if "lp" in edge else None
        arrows[edge["id"]] = Course(tuple(map(point, points)), point(tip), label)
    layout = Layout(boxes, arrows, (right - left, top - bottom), frames)
    wide = scene.orientation == "LR" and layout.size[0] > page and not frames
    return _strips(scene, layout, page) if wide else layout


def _dot(scene: Scene) -> str:
    """The scene as DOT text, of nothing but sizes."""
    lines = [
        f"digraph {{ rankdir={scene.orientation}; nodesep=0.25; ranksep=0.38; ordering=in;",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.7];',
    ]
    places = {box.id: i for i, box in enumerate(scene.boxes)}
    for box in scene.boxes:
        size = f"width={box.width / 72.0:.4f}, height={box.height / 72.0:.4f}"
        lines.append(f'{places[box.id]} [id="{box.id}", {size}];')
    for arrow in scene.arrows:
        lines.append(f'{places[arrow.source]} -> {places[arrow.target]} [id="{arrow.id}"{_room(arrow)}];')
    for i in _inner_frames(scene, None):
        lines += _cluster(scene, places, i)
    return "\n".join([*lines, "}"])


def _inner_frames(scene: Scene, i: int | None) -> list[int]:
    return [k for k, frame in enumerate(scene.frames) if frame.inside == i]


def _cluster(scene: Scene, places: dict[str, int], i: int) -> list[str]:
    """A frame and those in it, as DOT."""
    frame = scene.frames[i]
    inner = [line for k in _inner_frames(scene, i) for line in _cluster(scene, places, k)]
    room = _space(text_width(frame.title, FRAME_TEXT), FRAME_HEAD)
    mine = "; ".join(str(places[box]) for box in frame.boxes)
    return [f"subgraph cluster_{i} {{ margin=10; labeljust=l; label=<{room}>;", *inner, f"{mine} }}"]


def _table(scene: Scene) -> Layout:
    """Frames as columns, boxes that are called the same in a row."""
    of = {box.id: box for box in scene.boxes}
    heights: dict[tuple[str, ...], float] = {}
    for box in scene.boxes:
        heights[box.label] = max(heights.get(box.label, 0.0), box.height)
    tops: dict[tuple[str, ...], float] = {}
    bottom = FRAME_HEAD + 8.0
    for label, height in heights.items():
        tops[label] = bottom
        bottom += height + 10.0
    boxes: dict[str, Point] = {}
    frames: list[tuple[float, float, float, float]] = []
    left = 0.0
    for frame in scene.frames:
        width = max(text_width(frame.title, FRAME_TEXT), *(of[key].width for key in frame.boxes)) + 20.0
        for key in frame.boxes:
            boxes[key] = (left + width / 2.0, tops[of[key].label] + of[key].height / 2.0)
        frames.append((left, 0.0, left + width, bottom))
        left += width + 14.0
    return Layout(boxes, {}, (left - 14.0, bottom), tuple(frames))


def _room(arrow: Arrow) -> str:
    if not arrow.width:
        return ""
    return f", label=<{_space(arrow.width, 18.0)}>"


def _space(width: float, height: float) -> str:
    """Room for a text, as a label of Graphviz."""
    return f'<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>'


# ---------------------------------------------------------------- strips


class _Strips:
    """A wide layout, cut: strip k reaches from edges[k] to edges[k + 1], and is `tops[k]` lower than it was.

    spans: for each strip, how high it reaches and how low. margin: on both sides, for the arrows that lead from the end
    of a strip to the beginning of the next, each in a lane of its own. size: of the whole.
    """

    def __init__(self, scene: Scene, layout: Layout, cuts: list[float]) -> None:
        self.cuts = cuts
        self.edges = [0.0, *cuts, layout.size[0]]
        self.spans = [_span(scene, layout, a, b) for a, b in pairwise(self.edges)]
        crossing = [
            sum(course.points[0][0] < cut < course.tip[0] for course in layout.arrows.values())
            for cut in [*cuts, math.inf]
        ]
        self.tops: list[float] = []
        y = 0.0
        for (low, high), lanes_below in zip(self.spans, crossing, strict=True):
            self.tops.append(y - low)
            y += high - low + GUTTER + LANE * max(lanes_below - 1, 0)
        self.margin = GUTTER / 2.0 + LANE * max(*crossing, 1)
        self.widest = max(b - a for a, b in pairwise(self.edges))
        self.size = (self.widest + 2.0 * self.margin + 6.0, y - GUTTER)
        self.lanes = [0] * len(self.edges)  # how many are taken below each strip

    def strip(self, point: Point) -> int:
        return sum(point[0] > cut for cut in self.cuts)

    def moved(self, point: Point, k: int | None = None) -> Point:
        k = self.strip(point) if k is None else k
        return (point[0] - self.edges[k] + self.margin, point[1] + self.tops[k])

    def arrow(self, course: Course) -> Course:
        """The course of an arrow, from strip to strip."""
        first, last = self.strip(course.points[0]), self.strip(course.tip)
        label, tip = course.label and self.moved(course.label), self.moved(course.tip, last)
        if first == last:
            return Course(tuple(self.moved(p, first) for p in course.points), tip, label)
        points: list[Point] = []
        chain = sampled(course.points)
        for k in range(first, last + 1):
            start, end = self.edges[k], self.edges[k + 1]
            points += [self.moved(p, k) for p in chain if start <= p[0] <= end or (k == last and p[0] > start)]
            if k < last:
                points += self._return(k, _height_at(chain, end))
        return Course(tuple(points), tip, label, straight=True)

    def _return(self, k: int, height: float) -> list[Point]:
        """To the right margin, down between the strips, and back to the left margin."""
        lane = LANE * self.lanes[k]
        self.lanes[k] += 1
        between = self.spans[k][1] + self.tops[k] + GUTTER / 2.0 + lane
        right, left = self.widest + self.margin + 6.0 + lane, self.margin - 6.0 - lane
        return [(right, height + self.tops[k]), (right, between), (left, between), (left, height + self.tops[k + 1])]


def _strips(scene: Scene, layout: Layout, page: float) -> Layout:
    """A wide layout cut at places where few arrows cross."""
    cuts = _cuts(scene, layout, page)
    if not cuts:
        return layout
    strips = _Strips(scene, layout, cuts)
    boxes = {key: strips.moved(place) for key, place in layout.boxes.items()}
    return Layout(boxes, {key: strips.arrow(course) for key, course in layout.arrows.items()}, strips.size)


def _cuts(scene: Scene, layout: Layout, page: float) -> list[float]:
    """Where to cut: the last place in each page that no box or label stands in and few arrows cross."""
    taken = [(layout.boxes[box.id][0], box.width) for box in scene.boxes]
    for arrow in scene.arrows:
        label = layout.arrows[arrow.id].label
        if label is not None:
            taken.append((label[0], arrow.width))
    spans = sorted((x - width / 2.0 - 3.0, x + width / 2.0 + 3.0) for x, width in taken)
    free: list[float] = []
    reach = spans[0][1]
    for low, high in spans[1:]:
        if low > reach:
            free.append((low + reach) / 2.0)
        reach = max(reach, high)
    crossings = [(course.points[0][0], course.tip[0]) for course in layout.arrows.values()]
    usable = [x for x in free if sum(a < x < b for a, b in crossings) <= THREADS]
    # Strips of about the same width, so that no box is left alone.
    page = min(page, 1.1 * layout.size[0] / math.ceil(layout.size[0] / page))
    cuts: list[float] = []
    start = 0.0
    while layout.size[0] - start > page:
        near = [x for x in usable if start < x <= start + page]
        later = [x for x in usable if x > start + page]
        if not near and not later:
            break
        start = near[-1] if near else later[0]
        cuts.append(start)
    return cuts


def _span(scene: Scene, layout: Layout, a: float, b: float) -> Point:
    """From where to where, from top to bottom, the boxes and labels between two cuts reach."""
    heights = {box.id: box.height for box in scene.boxes}
    low, high = [], []
    for key, (x, y) in layout.boxes.items():
        if a <= x <= b:
            low.append(y - heights[key] / 2.0)
            high.append(y + heights[key] / 2.0)
    for course in layout.arrows.values():
        if course.label is not None and a <= course.label[0] <= b:
            low.append(course.label[1] - 9.0)
            high.append(course.label[1] + 9.0)
        for x, y in course.points:
            if a <= x <= b:
                low.append(y)
                high.append(y)
    return (min(low, default=0.0), max(high, default=0.0))


def sampled(points: tuple[Point, ...]) -> list[Point]:
    """Points along a chain of Bézier curves."""
    found = [points[0]]
    for i in range(0, len(points) - 3, 3):
        p0, p1, p2, p3 = points[i : i + 4]
        for step in range(1, 17):
            t = step / 16.0
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x, y = (sum(w * p[c] for w, p in zip(weights, (p0, p1, p2, p3), strict=True)) for c in (0, 1))
            found.append((x, y))
    return found


def _height_at(chain: list[Point], x: float) -> float:
    for (x1, y1), (x2, y2) in pairwise(chain):
        if x1 <= x <= x2:
            return y1 + (y2 - y1) * (x - x1) / ((x2 - x1) or 1.0)
    return chain[-1][1]
