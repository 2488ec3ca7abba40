"""A network of neurons as plain data: which neurons and lines a picture shows, and with what numbers.

`plan_network` is what a picture shows, `network_svg` how that looks, and `draw_network` makes the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from autograd import Value
from visualize.network_facts import GRADIENT, Facts, Numbers, facts_of, gradient_of, largest_of, layers_of, size_of
from visualize.network_options import Show, check_options, image_shape_of, names_of
from visualize.style import cut, number

__all__ = ["Column", "Gap", "Image", "Line", "NetworkPlan", "Unit", "plan_network"]

MANY = {"weight": "weights", "gradient": "gradients", "weight × input": "products, weight × input,"}

DENSE, STRONGEST = 40, 3
"""More lines than that between two columns hide each other; then so many are drawn into each neuron."""


class Unit(NamedTuple):
    """A neuron that is drawn, or an input. place: which one of its column it is. number: what stands in it, None if
    that is not known. name: what stands beside it. story: what hovering tells.
    """

    id: str
    place: int
    number: float | None
    name: str
    story: str


class Image(NamedTuple):
    """Numbers as pixels, row by row; none if there is nothing but its shape to tell."""

    id: str
    rows: int
    columns: int
    numbers: tuple[float | None, ...]
    story: str


class Column(NamedTuple):
    """Inputs, the neurons of a layer, or the loss.

    heading: lines above. kind: "input", "neuron", "output" or "loss". width: how many there are. units: those that are
    drawn, from above. largest: of all numbers of the column, by size. image: in place of the units, if the inputs are
    one.
    """

    heading: tuple[str, ...]
    kind: str
    width: int
    units: tuple[Unit, ...]
    largest: float
    image: Image | None = None

    @property
    def left_out(self) -> int:
        """How many are not drawn."""
        return 0 if self.image else self.width - len(self.units)


class Line(NamedTuple):
    """From number `source` of a column, drawn or not, to number `target` of the next one, which is drawn."""

    id: str
    source: int
    target: int
    number: float | None
    story: str


class Gap(NamedTuple):
    """What is between a column and the next one.

    what: what the numbers are, in a word; "" where there are none, before the loss. largest: of all numbers of the
    layer, by size: the scale. strongest: how many lines into each neuron were chosen, 0 if all are there; of: from how
    many. images: for each neuron drawn, in place of lines, if the inputs are an image.
    """

    what: str
    lines: tuple[Line, ...]
    largest: float
    strongest: int = 0
    of: int = 0
    images: tuple[Image, ...] = ()


class NetworkPlan(NamedTuple):
    """columns: from the inputs on; gaps: one between each two. inside: what the numbers in neurons are. notes: what
    must be said in words. about: all of it in a few sentences.
    """

    columns: tuple[Column, ...]
    gaps: tuple[Gap, ...]
    inside: str
    precision: int
    title: str = ""
    notes: tuple[str, ...] = ()
    about: str = ""

    @property
    def drawn(self) -> list[list[int]]:
        """Per column of the network, the places of the neurons that are drawn."""
        return [[unit.place for unit in column.units] for column in self.columns if column.kind != "loss"]


def plan_network(
    model: Any,
    x: Any = None,
    *,
    show: Show = "weights",
    loss: Callable[[Any], Any] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    image_shape: tuple[int, int] | None = None,
    precision: int = 2,
    most: int = 10,
    title: str = "",
    drawn: Sequence[Sequence[int]] = (),
) -> NetworkPlan:
    """What `draw_network` shows, as data; the options are the same. drawn: that of another plan, so that both
    show the same neurons.
    """
    check_options(show, precision, most, title)
    layers = layers_of(model)
    widths = [len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)]
    named = names_of("inputs", inputs, widths[0])
    names = [named, *([] for _ in layers[1:]), names_of("outputs", outputs, widths[-1])]
    shape = image_shape_of(image_shape, widths[0], bool(named))
    facts = facts_of(model, layers, x, show, loss)
    places = _given(drawn, widths, shape is not None) if len(drawn) else _chosen(facts, widths, most)

    columns = [_column(facts, c, place, names[c], shape) for c, place in enumerate(places)]
    gaps = [_gap(facts, c, places[c + 1], shape if c == 0 else None, most) for c in range(len(layers))]
    if facts.loss is not None:
        columns.append(_loss_column(facts.loss))
        gaps.append(_wires(places[-1], widths[-1], len(columns) - 1))
    plan = NetworkPlan(tuple(columns), tuple(gaps), facts.stands, precision, title, tuple(_notes(facts)))
    return plan._replace(about=_about(plan))


# ---------------------------------------------------------------- what is drawn


def _given(drawn: Sequence[Sequence[int]], widths: list[int], pictured: bool) -> list[list[int]]:
    """The places that the caller gave, checked. pictured: the inputs are an image, so there are none of them."""
    fits = len(drawn) == len(widths) and all(
        (len(places) > 0 or (pictured and c == 0))
        and all(isinstance(i, Integral) and 0 <= i < widths[c] for i in places)
        for c, places in enumerate(drawn)
    )
    if not fits:
        raise ValueError(f"plan_network: drawn must have places for each of {len(widths)} columns, got {drawn!r:.200}")
    return [sorted({int(i) for i in places}) for places in drawn]


def _strongest(row: list[float | None], few: int) -> list[int]:
    """The places of the largest numbers, in order."""
    return sorted(sorted(range(len(row)), key=lambda i: -size_of(row[i]))[:few])


def _kept(lines: Numbers, targets: Sequence[int], most: int) -> int:
    """How many lines are drawn into each of some neurons: all, or the strongest, and of those so many that they come
    from `most` neurons if no two come from the same.
    """
    n_in = len(lines[0])
    return n_in if n_in * len(targets) <= DENSE else min(max(STRONGEST, math.ceil(most / len(targets))), n_in)


def _chosen(facts: Facts, widths: list[int], most: int) -> list[list[int]]:
    """Per column, the neurons that are drawn: from the last one back, since lines lead into neurons that are drawn."""
    shown = facts.given[-1] if facts.given else [max(map(size_of, row)) for row in facts.lines[-1]]
    order = sorted(range(widths[-1]), key=lambda i: (not math.isnan(shown[i]), -shown[i], i))
    places = [sorted(order[:most])]
    for c in reversed(range(len(widths) - 1)):
        places.insert(0, _sources(facts.lines[c], places[0], most))
    return places


def _sources(lines: Numbers, targets: list[int], most: int) -> list[int]:
    """The neurons that are drawn before some others: all, or those from which most lines come, and none without one."""
    if len(lines[0]) <= most:
        return list(range(len(lines[0])))
    found: dict[int, list[float]] = {}
    for j in targets:
        for i in _strongest(lines[j], _kept(lines, targets, most)):
            found.setdefault(i, []).append(size_of(lines[j][i]))
    order = sorted(found, key=lambda i: (-len(found[i]), -max(found[i]), i))
    return sorted(order[:most])


def _column(facts: Facts, c: int, places: list[int], names: list[str], shape: tuple[int, int] | None) -> Column:
    """A column of the network: c = 0 are the inputs."""
    layer = facts.layers[c - 1] if c else None
    width = len(layer.weights) if layer else len(facts.layers[0].weights[0])
    kind = "input" if not layer else "output" if c == len(facts.layers) else "neuron"
    heading = [f"{width:,} {kind}{'s' * (width > 1)}"]
    if layer and layer.activation:
        heading.append(layer.activation)
    inside = facts.inside[c] or [None] * width
    if not layer and shape is not None:
        heading.append(f"{shape[0]} × {shape[1]}")
        known = tuple(inside) if facts.given else ()
        story = f"x as an image, up to {largest_of(inside)!r}" if known else "the inputs"
        image = Image("n0", *shape, known, story)
        return Column(tuple(heading), kind, width, (), largest_of(inside), image)
    units = tuple(
        Unit(f"n{c}_{j}", j, inside[j], cut(names[j]) if names else "", _story_of_unit(facts, c, j, names))
        for j in places
    )
    return Column(tuple(heading), kind, width, units, largest_of(inside))


def _loss_column(loss: float) -> Column:
    unit = Unit("loss", 0, loss, "", f"the loss of x = {loss!r}")
    return Column(("loss",), "loss", 1, (unit,), largest_of([loss]))


def _wires(places: list[int], width: int, c: int) -> Gap:
    """From the outputs to the loss: from all that are drawn, and from one that stands for those that are not."""
    hidden = [i for i in range(width) if i not in places][:1]
    return Gap("", tuple(Line(f"w{c}_0_{i}", i, 0, None, "") for i in (*places, *hidden)), 0.0)


def _gap(facts: Facts, c: int, targets: list[int], shape: tuple[int, int] | None, most: int) -> Gap:
    """The weights that lead into the neurons drawn of layer c, counted from 0."""
    found, what = facts.lines[c], facts.what
    largest = largest_of(x for row in found for x in row)
    if shape is not None:
        images = tuple(
            Image(f"w{c + 1}_{j}", *shape, tuple(found[j]), f"neuron {j}: {what}, up to {largest_of(found[j])!r}")
            for j in targets
        )
        return Gap(what, (), largest, images=images)
    kept = _kept(found, targets, most)
    lines = tuple(
        Line(f"w{c + 1}_{j}_{i}", i, j, found[j][i], _story_of_line(facts, c, j, i))
        for j in targets
        for i in _strongest(found[j], kept)
    )
    n_in = len(found[0])
    return Gap(what, lines, largest, kept if kept < n_in else 0, n_in)


# ---------------------------------------------------------------- words


def _story_of_unit(facts: Facts, c: int, j: int, names: list[str]) -> str:
    """What is known about an input, or about a neuron."""
    name = f"{names[j]}\n" if names else ""
    if c == 0:
        return f"{name}input {j}" + (f" = {facts.given[0][j]!r}" if facts.given else "")
    layer = facts.layers[c - 1]
    words = [f"{name}neuron {j} of layer {c - 1}" + (f", {layer.activations[j]}" if layer.activations[j] else "")]
    bias = layer.biases[j]
    if bias is not None:
        words.append(_story(": bias", bias))
    if facts.given:
        words.append(f"\ngives {facts.given[c][j]!r}")
    if facts.stands == GRADIENT:
        words.append(f"\ngradient of the loss {facts.inside[c][j]!r}")
    return "".join(words)


def _story_of_line(facts: Facts, c: int, j: int, i: int) -> str:
    weight, shown = facts.layers[c].weights[j][i], facts.lines[c][j][i]
    words = _story(f"weight {i} of neuron {j}", weight)
    return words if shown in (weight.data, gradient_of(weight)) else f"{words}\n{facts.what} {shown!r}"


def _story(name: str, v: Value) -> str:
    return f"{name} = {v.data!r}" + (f", gradient {v.grad!r}" if v.has_grad else "")


def _notes(facts: Facts) -> Iterator[str]:
    """What is no number, and what the picture leaves out. Layers and neurons are counted from 0, as in the names of
    parameters.
    """
    for c, layer in enumerate(facts.lines):
        bad = [(j, i) for j, row in enumerate(layer) for i, x in enumerate(row) if size_of(x) == math.inf]
        if bad:
            (j, i), more = bad[0], f", and {len(bad) - 1:,} more are nan or infinite" if len(bad) > 1 else ""
            yield f"layer {c}, neuron {j}, input {i}: the {facts.what} is {layer[j][i]!r}{more}."
    for c, column in enumerate(facts.inside, -1):
        lost = [j for j, x in enumerate(column) if size_of(x) == math.inf]
        if lost:
            more = f", and in {len(lost) - 1:,} more of the layer" if len(lost) > 1 else ""
            yield f"layer {c}: in neuron {lost[0]} stands {column[lost[0]]!r}{more}."
    if facts.loss is not None and not math.isfinite(facts.loss):
        yield f"The loss is {facts.loss!r}."
    if facts.aside:
        yield facts.aside


def _about(plan: NetworkPlan) -> str:
    """The picture in a few sentences, for those who do not see it."""
    columns = ", ".join(" ".join(column.heading) for column in plan.columns)
    words = [f"A network in columns: {columns}."]
    for c, gap in enumerate(plan.gaps):
        if gap.what:
            few = f"; the {gap.strongest} strongest of {gap.of:,} lines into each neuron" if gap.strongest else ""
            words.append(f"In layer {c} the largest {gap.what} is {number(gap.largest, plan.precision)}{few}.")
    loss = plan.columns[-1].kind == "loss"
    last = [unit for unit in plan.columns[-2 if loss else -1].units if unit.number is not None]
    told = ", ".join(f"{unit.name or unit.place} {number(unit.number or 0.0, plan.precision)}" for unit in last)
    if told:
        words.append(f"In the last neurons stands, of each, {plan.inside}: {told}.")
    if loss:
        words.append(f"The loss is {number(plan.columns[-1].units[0].number or 0.0, plan.precision)}.")
    return " ".join([*words, *plan.notes])
