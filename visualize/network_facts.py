"""A network of neurons read into plain numbers: what its lines and its neurons show. The model stays as it is."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import autograd
from autograd import Value, no_grad
from autograd.modes import recording

__all__ = [
    "WHATS", "Facts", "Layer", "Numbers", "example", "facts_of", "gradient_of", "largest_of", "layers_of", "plain",
    "size_of",
]  # fmt: skip

Numbers = list[list[float | None]]
"""Of a layer, for each neuron the number of the line from each input; None: not computed."""


WHATS = {"weights": "weight", "gradients": "gradient", "products": "weight × input"}
"""What a line can show, and what its number is in a word."""


class Layer(NamedTuple):
    """weights[j][i] leads from input i to neuron j. call: what the layer does with a list of inputs."""

    weights: list[list[Value]]
    biases: list[Value | None]
    activation: str
    call: Any


class Facts(NamedTuple):
    """All that is known about a network before it is decided what to draw.

    what: the numbers of lines are, in a word. lines: what is shown of the weights, per layer. inside: per column what
    stands in the neurons. given: per column what the neurons give, empty without an x. loss: its number, if there is
    one.
    """

    layers: list[Layer]
    what: str
    lines: list[Numbers]
    inside: list[list[float | None]]
    given: list[list[float]]
    loss: float | None


def example(x: Any, n_in: int) -> list[float]:
    """The numbers of an example, checked."""
    if isinstance(x, str) or not hasattr(x, "__len__") or len(getattr(x, "shape", "1")) != 1:
        raise TypeError(f"draw_network: x must be a list of {n_in} numbers, one example, got {x!r:.200}")
    found = [v.data if isinstance(v, Value) else v for v in (x.tolist() if hasattr(x, "tolist") else x)]
    if len(found) != n_in:
        raise ValueError(f"draw_network: x must have {n_in} numbers, one for each input of the model, got {len(found)}")
    for i, a in enumerate(found):
        if not isinstance(a, numbers.Real):
            raise TypeError(f"draw_network: x must be a list of {n_in} numbers; x[{i}] is {a!r:.200}")
        if not math.isfinite(a):
            raise ValueError(f"draw_network: x must be finite numbers; x[{i}] is {a!r}")
    return [float(a) for a in found]


def layers_of(model: Any) -> list[Layer]:
    """The weights of an MLP, Layer, Neuron or list, by attributes alone: any model of that shape can be drawn."""
    parts = list(model) if isinstance(model, list | tuple) else getattr(model, "layers", None) or [model]
    found: list[Layer] = []
    for layer in parts:
        neurons = getattr(layer, "neurons", None) or [layer]
        if not all(isinstance(getattr(neuron, "weights", None), Sequence) and neuron.weights for neuron in neurons):
            raise TypeError(
                "draw_network: takes an MLP, a Layer, a Neuron, whose neurons have weights, or a list of layers; got "
                f"{model!r:.200}"
            )
        activation = getattr(neurons[0], "activation", None)
        name = getattr(activation, "__name__", type(activation).__name__) if activation is not None else ""
        weights = [list(neuron.weights) for neuron in neurons]
        found.append(Layer(weights, [getattr(neuron, "bias", None) for neuron in neurons], name, layer))
    if not found:
        raise TypeError("draw_network: the list of layers is empty")
    n_in = len(found[0].weights[0])
    for c, layer in enumerate(found):
        for row in layer.weights:
            if len(row) != n_in:
                raise ValueError(
                    f"draw_network: {n_in} numbers go into layer {c}, but a neuron there has {len(row)} weights"
                )
        n_in = len(layer.weights)
    return found


# ---------------------------------------------------------------- numbers


def facts_of(layers: list[Layer], x: list[float] | None, show: str, loss: Callable[[Any], Any] | None) -> Facts:
    """What a network shows of its weights, as `draw_network` says, and for an example x of what its neurons give."""
    if loss is not None and not callable(loss):
        raise TypeError(
            "draw_network: loss must be a function of what the model returns, such as "
            f"lambda y: nn.cross_entropy(y, 3); got {loss!r:.200}"
        )
    if x is None and (show == "products" or loss is not None):
        raise ValueError(f"draw_network: {'loss' if loss else 'show=' + repr(show)} needs an example: give x, too")
    if show == "gradients" and loss is not None and x is not None:
        return _swept(layers, x, loss)
    given, result = _forward(layers, x, loss) if x is not None else ([], None)
    if show == "gradients":
        lines = [[[gradient_of(w) for w in row] for row in layer.weights] for layer in layers]
        if all(w is None for layer in lines for row in layer for w in row):
            raise ValueError("draw_network: no gradients yet; call backward() on the loss first, or show='weights'")
    else:
        lines = [[[w.data for w in row] for row in layer.weights] for layer in layers]
    if show == "products":
        lines = [
            [[w * a if w is not None else None for w, a in zip(row, column, strict=True)] for row in layer]
            for layer, column in zip(lines, given, strict=False)
        ]
    of_bias = gradient_of if show == "gradients" else _data
    inside: list[list[float | None]] = [[], *([of_bias(b) for b in layer.biases] for layer in layers)]
    return Facts(layers, WHATS[show], lines, [[*column] for column in given] or inside, given, result)


def _data(v: Value | None) -> float | None:
    return None if v is None else v.data


def gradient_of(v: Value | None) -> float | None:
    """The gradient of a parameter, None if it was not computed."""
    return v.grad if v is not None and v.has_grad else None


def _forward(
    layers: list[Layer], x: list[float], loss: Callable[[Any], Any] | None
) -> tuple[list[list[float]], float | None]:
    """What every column gives, and the loss, in plain numbers."""
    with no_grad():
        columns, result = _values(layers, x, loss)
    return [[plain(v) for v in column] for column in columns], None if result is None else plain(result)


def _values(layers: list[Layer], x: list[float], loss: Callable[[Any], Any] | None) -> tuple[list[list[Any]], Any]:
    """What every column gives, layer by layer, and the loss."""
    columns: list[list[Any]] = [[*x]]
    for c, layer in enumerate(layers):
        if not callable(layer.call):
            raise TypeError(f"draw_network: x needs layers that can be called; layer {c} is {layer.call!r:.200}")
        y = layer.call(columns[-1])
        columns.append(list(y) if isinstance(y, list | tuple) else [y])
        if len(columns[-1]) != len(layer.weights):
            raise ValueError(
                f"draw_network: x: layer {c} has {len(layer.weights)} neurons, but returns {len(columns[-1])} numbers"
            )
    if loss is None:
        return columns, None
    result = loss(columns[-1] if len(columns[-1]) > 1 else columns[-1][0])
    if not isinstance(result, Value | numbers.Real):
        raise TypeError(f"draw_network: loss must return a number, got {result!r:.200}")
    return columns, result


def _swept(layers: list[Layer], x: list[float], loss: Callable[[Any], Any]) -> Facts:
    """The gradients of the loss of x: by every weight, and by what every neuron gives."""
    with recording():
        columns, result = _values(layers, x, loss)
    given = [[plain(v) for v in column] for column in columns]
    if not isinstance(result, Value):
        raise TypeError(f"draw_network: loss must return a Value that depends on the weights, got {result!r:.200}")
    weights = [w for layer in layers for row in layer.weights for w in row]
    neurons = [v for column in columns[1:] for v in column]
    slopes = iter(autograd.grad(result, [*weights, *neurons]))
    lines: list[Numbers] = [[[next(slopes) for _ in row] for row in layer.weights] for layer in layers]
    inside: list[list[float | None]] = [[*x], *([next(slopes) for _ in column] for column in columns[1:])]
    return Facts(layers, WHATS["gradients"], lines, inside, given, result.data)


def plain(v: Any) -> float:
    """The number of a Value, or a number."""
    return v.data if isinstance(v, Value) else float(v)


def size_of(x: float | None) -> float:
    """How much of a line's sort there is to see: what is no number first, what is not known last."""
    return -1.0 if x is None else abs(x) if math.isfinite(x) else math.inf


def largest_of(found: Iterable[float | None]) -> float:
    """The largest of some numbers by size, infinite ones aside; 0 if there is none."""
    return max((abs(x) for x in found if x is not None and math.isfinite(x)), default=0.0)
