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
    layers = _layers(model)
    widths = [len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)]
    for what, names, width in (("inputs", inputs, widths[0]), ("outputs", outputs, widths[-1])):
        if isinstance(names, str) or (names and len(names) != width):
            raise ValueError(f"draw_network: {what} must be a list of {width} names, one for each; got {names!r}")

    weights = [w for layer in layers for row in layer.weights for w in row]
    biases = [b for layer in layers for b in layer.biases if b is not None]
    if show == "gradients" and not any(v.has_grad for v in weights):
        raise ValueError("draw_network: no gradients yet; call backward() on the loss first, or show='weights'")
    largest = max((abs(x) for x in map(_reader(show), weights) if x is not None and abs(x) < float("inf")), default=0.0)
    largest_bias = max((abs(x) for x in map(_reader(show), biases) if x is not None), default=0.0)

    drawing = blank(title)
    # Positions are given; neato only draws. Lines first, so that circles lie on top of them.
    drawing.engine = "neato"
    drawing.attr("graph", layout="neato", splines="line", outputorder="edgesfirst")
    drawing.attr("node", shape="circle", fixedsize="true", width=str(DIAMETER), style="filled", fontsize="9")
    drawing.attr("edge", arrowhead="none")

    columns = [_places(width, most) for width in widths]
    # Among many lines only the strong ones should catch the eye, and steep ones need room.
    dense = max(len(left) * len(right) for left, right in pairwise(columns)) > DENSE
    sharpness, thickest, apart = (2.0, 3.0, 1.4 * COLUMN) if dense else (1.0, 4.4, COLUMN)
    top = max(_height(places) for places in columns) / 2.0 + 0.75
    for c, (places, width) in enumerate(zip(columns, widths, strict=True)):
        x = c * apart
        _add_text(drawing, f"head{c}", _heading(c, width, layers), x, top, SOFT)
        for j, y in places.items():
            layer = layers[c - 1] if c else None
            bias = layer.biases[j] if layer else None
            shown = _reader(show)(bias) if bias is not None else None
            drawing.node(
                f"n{c}_{j}",
                number(shown, precision) if shown is not None else "",
                pos=f"{x},{y:.4f}!",
                fillcolor=_tint(shown, largest_bias) if layer else "#e4f2e7",
                color="#8697aa" if layer else "#6fa37b",
                tooltip=plain(_story(f"input {j}" if not layer else f"neuron {j}: bias", bias)),
            )
        if len(places) < width:
            last = places[width - 1]
            for k in range(3):
                dot = {"shape": "circle", "width": "0.05", "color": SOFT, "fillcolor": SOFT, "label": ""}
                drawing.node(f"dots{c}_{k}", pos=f"{x},{last + ROW * (0.82 + 0.18 * k):.4f}!", **dot)
    for names, c, side in ((inputs, 0, -1.0), (outputs, len(widths) - 1, 1.0)):
        for j, y in columns[c].items() if names else ():
            offset = DIAMETER / 2.0 + 0.1 + LETTER * len(str(names[j])) / 2.0
            _add_text(drawing, f"name{c}_{j}", str(names[j]), c * apart + side * offset, y, INK)

    for c, layer in enumerate(layers):
        for j in columns[c + 1]:
            for i in columns[c]:
                weight = layer.weights[j][i]
                shown = _reader(show)(weight)
                size = relative(shown, largest) ** sharpness
                opacity = f"{int(70 + 185 * size):02x}"
                story = plain(_story(f"weight {i} of neuron {j}", weight))
                drawing.edge(
                    f"n{c}_{i}",
                    f"n{c + 1}_{j}",
                    color=colour(shown) + opacity,
                    penwidth=f"{0.4 + (thickest - 0.4) * size:.2f}",
                    tooltip=story,
                )
    bottom = -max(_height(places) for places in columns) / 2.0 - 0.65
    middle = apart * len(layers) / 2.0
    what = "weight" if show == "weights" else "gradient of a weight"
    keys = (
        f'<FONT COLOR="{BLUE}">blue: positive</FONT>, <FONT COLOR="{ORANGE}">orange: negative</FONT>',
        f"line: {what}, up to {number(largest, precision)}",
        f"number: {'bias' if show == 'weights' else 'gradient of the bias'}",
        *(["dots: more neurons that are not drawn"] if max(widths) > most else []),
    )
    for k, key in enumerate(keys):
        _add_markup(drawing, f"key{k}", key, middle, bottom - 0.2 * k)
    return drawing.seal()


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


def _reader(show: str) -> Any:
    """What a drawing shows of a weight: a function from a Value to a number, or to None if it was not computed."""
    if show == "weights":
        return lambda v: v.data
    return lambda v: v.grad if v.has_grad else None


def _places(width: int, most: int) -> dict[int, float]:
    """Which neurons of a column are drawn, and how high (inches from the middle)."""
    if width <= most:
        return {j: ROW * ((width - 1) / 2.0 - j) for j in range(width)}
    rows = {j: ROW * (most / 2.0 - j) for j in range(most - 1)}
    rows[width - 1] = -ROW * most / 2.0  # one place is left for the dots
    return rows


def _height(places: dict[int, float]) -> float:
    return max(places.values()) - min(places.values())


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
