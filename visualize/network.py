"""A network of neurons as a picture: circles in columns, joined by lines that show weights or their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from autograd import Value
from visualize.drawing import Drawing, blank, check_precision
from visualize.style import BLUE, FONT, INK, ORANGE, SOFT, colour, number, plain, relative, text

__all__ = ["draw_network"]

DIAMETER, ROW, COLUMN = 0.5, 0.62, 2.1
"""Inches: of a neuron, from one neuron to the next below it, and from one layer to the next."""

DENSE = 60
"""More lines than this between two columns hide each other."""

LETTER = 0.085
"""Inches: about the width of a letter, for text that stands beside a circle."""


class _Layer(NamedTuple):
    """One column of neurons: weights[j][i] leads from input i to neuron j."""

    weights: list[list[Value]]
    biases: list[Value | None]
    activation: str


class _Plan(NamedTuple):
    """Where the neurons stand, and how what is shown becomes widths and tints.

    columns: for each, the neurons that are drawn and their heights; widths: how many there are. apart: inches from one
    column to the next. largest: of the numbers shown of weights and of biases. sharpness, thickest: of lines.
    """

    show: str
    precision: int
    layers: list[_Layer]
    widths: list[int]
    columns: list[dict[int, float]]
    apart: float
    largest: float
    largest_bias: float
    sharpness: float
    thickest: float

    def shown(self, v: Value | None) -> float | None:
        """What a drawing shows of a weight or a bias; None if there is none, or if it was not computed."""
        if v is None:
            return None
        if self.show == "weights":
            return v.data
        return v.grad if v.has_grad else None

    @property
    def height(self) -> float:
        """Inches of the tallest column, between the middles of its first and its last neuron."""
        return max(max(places.values()) - min(places.values()) for places in self.columns)


def draw_network(
    model: Any,
    *,
    show: str = "weights",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    precision: int = 2,
    most: int = 10,
    title: str = "",
) -> Drawing:
    """A picture of an `nn.MLP`, `Layer` or `Neuron`: neurons as circles in columns, a line for each weight.

    Lines: width is size, blue is positive, orange negative. The number in a circle, and its tint, is the bias.
    show: "weights", or "gradients" after a backward pass. inputs, outputs: names to write beside the circles.
    precision: significant digits. most: the largest number of neurons to draw in one column, at least 3; of larger
    layers the first ones and the last are drawn, with dots between. title: a line above.
    """
    if show not in ("weights", "gradients"):
        raise ValueError(f"draw_network: show must be 'weights' or 'gradients', got {show!r}")
    check_precision("draw_network", precision)
    if isinstance(most, bool) or not isinstance(most, int) or most < 3:
        raise ValueError(f"draw_network: most must be a whole number of neurons, at least 3; got {most!r}")
    plan = _plan(_layers(model), show, precision, most)
    for what, names, width in (("inputs", inputs, plan.widths[0]), ("outputs", outputs, plan.widths[-1])):
        if isinstance(names, str) or (names and len(names) != width):
            raise ValueError(f"draw_network: {what} must be a list of {width} names, one for each; got {names!r}")

    drawing = blank(title)
    # Positions are given; neato only draws. Lines first, so that circles lie on top of them.
    drawing.engine = "neato"
    drawing.attr("graph", layout="neato", splines="line", outputorder="edgesfirst")
    drawing.attr("node", shape="circle", fixedsize="true", width=str(DIAMETER), style="filled", fontsize="9")
    drawing.attr("edge", arrowhead="none")
    for c in range(len(plan.columns)):
        _add_column(drawing, plan, c)
    _add_names(drawing, plan, inputs, 0, -1.0)
    _add_names(drawing, plan, outputs, len(plan.columns) - 1, 1.0)
    for c in range(len(plan.layers)):
        _add_lines(drawing, plan, c)
    _add_key(drawing, plan)
    return drawing.seal()


def _plan(layers: list[_Layer], show: str, precision: int, most: int) -> _Plan:
    widths = [len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)]
    columns = [_places(width, most) for width in widths]
    # Among many lines only the strong ones should catch the eye, and steep ones need room.
    dense = max(len(left) * len(right) for left, right in pairwise(columns)) > DENSE
    sharpness, thickest, apart = (2.0, 3.0, 1.4 * COLUMN) if dense else (1.0, 4.4, COLUMN)
    plan = _Plan(show, precision, layers, widths, columns, apart, 0.0, 0.0, sharpness, thickest)

    weights = [w for layer in layers for row in layer.weights for w in row]
    if show == "gradients" and not any(v.has_grad for v in weights):
        raise ValueError("draw_network: no gradients yet; call backward() on the loss first, or show='weights'")
    lines = [abs(x) for x in map(plan.shown, weights) if x is not None]
    biases = [abs(x) for layer in layers for x in map(plan.shown, layer.biases) if x is not None]
    largest = max((x for x in lines if x < float("inf")), default=0.0)
    return plan._replace(largest=largest, largest_bias=max(biases, default=0.0))


def _add_column(drawing: Drawing, plan: _Plan, c: int) -> None:
    """The neurons of one column with their biases, or the inputs."""
    x, width, places = c * plan.apart, plan.widths[c], plan.columns[c]
    layer = plan.layers[c - 1] if c else None
    _add_text(drawing, f"head{c}", _heading(c, width, plan.layers), x, plan.height / 2.0 + 0.75, SOFT)
    for j, y in places.items():
        bias = layer.biases[j] if layer else None
        shown = plan.shown(bias)
        drawing.node(
            f"n{c}_{j}",
            number(shown, plan.precision) if shown is not None else "",
            pos=f"{x},{y:.4f}!",
            fillcolor=_tint(shown, plan.largest_bias) if layer else "#e4f2e7",
            color="#8697aa" if layer else "#6fa37b",
            tooltip=plain(_story(f"input {j}" if not layer else f"neuron {j}: bias", bias)),
        )
    if len(places) < width:
        last = places[width - 1]
        for k in range(3):
            dot = {"shape": "circle", "width": "0.05", "color": SOFT, "fillcolor": SOFT, "label": ""}
            drawing.node(f"dots{c}_{k}", pos=f"{x},{last + ROW * (0.82 + 0.18 * k):.4f}!", **dot)


def _add_names(drawing: Drawing, plan: _Plan, names: Sequence[str], c: int, side: float) -> None:
    for j, y in plan.columns[c].items() if names else ():
        offset = DIAMETER / 2.0 + 0.1 + LETTER * len(str(names[j])) / 2.0
        _add_text(drawing, f"name{c}_{j}", str(names[j]), c * plan.apart + side * offset, y, INK)


def _add_lines(drawing: Drawing, plan: _Plan, c: int) -> None:
    """The weights that lead from column c to the next one."""
    for j in plan.columns[c + 1]:
        for i in plan.columns[c]:
            weight = plan.layers[c].weights[j][i]
            shown = plan.shown(weight)
            size = relative(shown, plan.largest) ** plan.sharpness
            drawing.edge(
                f"n{c}_{i}",
                f"n{c + 1}_{j}",
                color=colour(shown) + f"{int(70 + 185 * size):02x}",
                penwidth=f"{0.4 + (plan.thickest - 0.4) * size:.2f}",
                tooltip=plain(_story(f"weight {i} of neuron {j}", weight)),
            )


def _add_key(drawing: Drawing, plan: _Plan) -> None:
    what, of_circles = (
        ("weight", "bias") if plan.show == "weights" else ("gradient of a weight", "gradient of the bias")
    )
    left_out = any(len(places) < width for places, width in zip(plan.columns, plan.widths, strict=True))
    keys = (
        f'<FONT COLOR="{BLUE}">blue: positive</FONT>, <FONT COLOR="{ORANGE}">orange: negative</FONT>',
        f"line: {what}, up to {number(plan.largest, plan.precision)}",
        f"number: {of_circles}",
        *(["dots: more neurons that are not drawn"] if left_out else []),
    )
    bottom = -plan.height / 2.0 - 0.65
    for k, key in enumerate(keys):
        _add_markup(drawing, f"key{k}", key, plan.apart * len(plan.layers) / 2.0, bottom - 0.2 * k)


def _layers(model: Any) -> list[_Layer]:
    """The weights of an MLP, Layer or Neuron, by attributes alone: any model of that shape can be drawn."""
    layers = getattr(model, "layers", None) or [model]
    found: list[_Layer] = []
    for layer in layers:
        neurons = getattr(layer, "neurons", None) or [layer]
        if not all(isinstance(getattr(neuron, "weights", None), Sequence) and neuron.weights for neuron in neurons):
            raise TypeError(
                f"draw_network: takes an MLP, a Layer or a Neuron, whose neurons have weights; got {model!r}"
            )
        activation = getattr(neurons[0], "activation", None)
        name = getattr(activation, "__name__", type(activation).__name__) if activation is not None else ""
        weights = [list(neuron.weights) for neuron in neurons]
        found.append(_Layer(weights, [getattr(neuron, "bias", None) for neuron in neurons], name))
    return found


def _places(width: int, most: int) -> dict[int, float]:
    """Which neurons of a column are drawn, and how high (inches from the middle)."""
    if width <= most:
        return {j: ROW * ((width - 1) / 2.0 - j) for j in range(width)}
    rows = {j: ROW * (most / 2.0 - j) for j in range(most - 1)}
    rows[width - 1] = -ROW * most / 2.0  # one place is left for the dots
    return rows


def _heading(c: int, width: int, layers: list[_Layer]) -> str:
    if c == 0:
        return f"{width} input{'s' * (width > 1)}"
    kind = "output" if c == len(layers) else "neuron"
    activation = layers[c - 1].activation
    return f"{width} {kind}{'s' * (width > 1)}" + (f"\n{activation}" if activation else "")


def _add_text(drawing: Drawing, name: str, words: str, x: float, y: float, ink: str) -> None:
    _add_markup(drawing, name, f'<FONT COLOR="{ink}" POINT-SIZE="11">{text(words)}</FONT>', x, y)


def _add_markup(drawing: Drawing, name: str, markup: str, x: float, y: float) -> None:
    look = {"shape": "plain", "fixedsize": "false", "style": "", "fontname": FONT, "fontcolor": SOFT}
    drawing.node(name, f"<{markup}>", pos=f"{x:.4f},{y:.4f}!", **look)


def _tint(x: float | None, largest: float) -> str:
    """White for 0, towards pale blue or pale orange."""
    strong = (0x9C, 0xC4, 0xE6) if x is not None and x > 0.0 else (0xF4, 0xB3, 0x94)
    size = relative(x, largest) if largest else 0.0
    return "#" + "".join(f"{round(255 + (channel - 255) * size):02x}" for channel in strong)


def _story(name: str, v: Value | None) -> str:
    if v is None:
        return name
    return f"{name} = {v.data!r}" + (f", gradient {v.grad!r}" if v.has_grad else "")
