"""A film of a gradient before it is drawn: what happens when, which numbers a box will show, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from autograd import Value, topological
from autograd.engine import gradients
from autograd.formulas import factor
from visualize.description import LIMIT, Description, GraphTooLarge, describe
from visualize.layout import Layout, arrange
from visualize.scene import PAD, ROW, SMALL, Box, Row, Scene, compose, sign_of
from visualize.style import DASH, number, text_width
from visualize.timeline import Step, gradients_so_far, named, steps_of
from visualize.words import Formulas, formulas_of

__all__ = ["Plan", "Shown", "planned", "shown_in"]

PAGE = 1150.0
"""Points: a film is shown in the width of a page, and its letters must stay legible."""

PACE = {"start": 1.0, "forward": 0.75, "seed": 1.0, "backward": 1.0, "end": 2.5}
"""How long each kind of step lasts, in the time of a step of the backward pass."""

LENGTH, SHORTEST, LONGEST = 30.0, 1.0, 2.0
"""Seconds that the backward pass should take, if each of its steps gets no less and no more than so many."""

ARRIVAL = 0.45
"""The share of a step after which the dot arrives and the number appears."""


class Plan(NamedTuple):
    """scene: boxes with room for every number that they will show. starts: of the steps, in seconds, and the end of the
    last one. so_far: after each step, the gradient of each box. numbers: by the id of a node, how it is computed, with
    numbers in place of names.
    """

    folded: Description
    scene: Scene
    layout: Layout
    steps: tuple[Step, ...]
    starts: tuple[float, ...]
    so_far: list[tuple[float | None, ...]]
    formulas: Formulas
    numbers: dict[str, str]
    precision: int

    def written(self, x: float | None) -> str:
        """A number as the film shows it."""
        return DASH if x is None else number(x, self.precision)

    def arrives(self, i: int) -> float:
        """When the number of step i appears."""
        return self.starts[i] + ARRIVAL * (self.starts[i + 1] - self.starts[i])


def planned(
    value: Value, *, title: str, precision: int, seconds: float | None, orientation: str, parameters: Any, limit: int
) -> Plan:
    """The plan for the graph of a Value; raises GraphTooLarge if that has more boxes than `limit`."""
    order = topological(value)
    _check_count(len(order), max(limit, LIMIT), limit, "nodes")
    found = dict(zip(order, gradients(value, order), strict=True))
    constants = sum(isinstance(arg, float) for v in order for arg in v.args)
    try:
        whole = describe(value, parameters=parameters, limit=len(order) + constants, gradients=found)
    except TypeError as error:  # parameters that are none
        raise TypeError(f"animate: {error}") from None
    whole, folded = named(whole)
    _check_count(len(folded.nodes), limit, limit, "boxes")
    steps = steps_of(whole, folded)
    labels = {node.id: node.label for node in whole.nodes}
    formulas = formulas_of(order, {v: labels[f"n{i}"] for i, v in enumerate(order)}, folded, precision)
    numbers = formulas_of(order, {v: number(v.data, precision) for v in order}, folded, precision).values
    scene = compose(folded, orientation=orientation, precision=precision, title=title)
    nowhere = Layout({}, {}, (0.0, 0.0))
    so_far = gradients_so_far(folded, steps)
    plan = Plan(folded, scene, nowhere, steps, _times(steps, seconds), so_far, formulas, numbers, precision)
    scene = scene._replace(boxes=tuple(_roomy(plan, k, box) for k, box in enumerate(scene.boxes)))
    return plan._replace(scene=scene, layout=arrange(scene, PAGE))


def _check_count(count: int, most: int, limit: int, what: str) -> None:
    if count > most:
        raise GraphTooLarge(
            f"animate: a film of {count:,} {what} cannot be followed (the limit is {limit} boxes). Animate a Value "
            "nearer to the leaves, or the same computation with fewer inputs; focus(y, around=v) and path(y, v) draw a "
            f"part, and explore(y) makes a page to walk through all of it. To film it all the same, give limit={count}."
        )


def _times(steps: Sequence[Step], seconds: float | None) -> tuple[float, ...]:
    """When each step begins, and the end."""
    if seconds is None:
        seconds = min(LONGEST, max(SHORTEST, LENGTH / max(1, sum(step.kind == "backward" for step in steps))))
    return (0.0, *accumulate(round(seconds * PACE[step.kind], 2) for step in steps))


# ---------------------------------------------------------------- numbers of a box


class Shown(NamedTuple):
    """A text of a box: the row that it stands in, its class, and from which step to which it is there; None: to the
    end.
    """

    row: int
    text: str
    look: str
    start: int
    end: int | None = None


def shown_in(plan: Plan, k: int) -> Iterator[Shown]:
    """All that box number k shows in the course of the film."""
    node = plan.folded.nodes[k]
    rows = [row for row in plan.scene.boxes[k].rows if row.name]
    born = next((i for i, step in enumerate(plan.steps) if step == Step("forward", k)), 0)
    arrivals = [i for i, step in enumerate(plan.steps) if step.box == k and step.kind in ("seed", "backward")]
    for place, row in enumerate(rows):
        if row.name != "grad":
            yield Shown(place, row.text, f"{row.look} data", born)
        elif node.kind == "group":
            yield Shown(place, row.text, f"{row.look} grad", arrivals[-1])
        else:
            known = [(i, plan.so_far[i][k]) for i in arrivals if plan.so_far[i][k] is not None]
            for (i, x), (after, _) in pairwise([*known, (None, None)]):
                assert i is not None
                yield Shown(place, plan.written(x), f"{sign_of(x)} grad", i, after)
    if node.kind != "group" and len(arrivals) > 1:
        for n, (i, after) in enumerate(pairwise([*arrivals, None])):
            assert i is not None
            yield Shown(len(rows), _sum(plan, arrivals[: n + 1], after is not None), "soft", i, after)


def _sum(plan: Plan, arrivals: Sequence[int], more: bool) -> str:
    """What a gradient is made of, as far as it has arrived."""
    terms = [plan.written(plan.folded.edges[plan.steps[i].arrow or 0].contribution) for i in arrivals]
    if len(terms) > 3:
        last = plan.steps[arrivals[-1]]
        assert last.box is not None
        terms = [plan.written(plan.so_far[arrivals[-1] - 1][last.box]), terms[-1]]
    words = " + ".join([terms[0], *map(factor, terms[1:])])
    return f"{words} + …" if more else words


def _roomy(plan: Plan, k: int, box: Box) -> Box:
    """A box with room for all that it will show, and without its numbers."""
    shown = list(shown_in(plan, k))
    count = max((text.row + 1 for text in shown), default=0)
    names = [row.name for row in box.rows] + [""] * (count - len(box.rows))
    needed = [
        text_width(names[t.row], SMALL) + (10.0 if names[t.row] else 0.0) + text_width(t.text, SMALL) for t in shown
    ]
    width = max(box.width, math.ceil(max(needed, default=0.0) + 2.0 * PAD))
    rows = (*box.rows, *[Row("", "", "soft")] * (count - len(box.rows)))
    return box._replace(rows=rows, width=width, height=box.height + ROW * (count - len(box.rows)))
