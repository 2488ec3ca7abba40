"""A network of neurons read into plain numbers: what its lines and its neurons show. The model stays as it is."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import autograd
from autograd import Value, no_grad
from autograd.modes import recording
from visualize.network_options import WHATS, Show, check_loss, example
from visualize.style import cut, number, shown_label

__all__ = ["GRADIENT", "Facts", "Layer", "Numbers", "facts_of", "gradient_of", "largest_of", "layers_of", "size_of"]

Numbers = list[list[float | None]]
"""Of a layer, for each neuron the number of the line from each input; None: not computed."""


GRADIENT = "the gradient of the loss by what it gives"
"""What can stand in a neuron."""


class Layer(NamedTuple):
    """weights[j][i] leads from input i to neuron j. activations: the name of each neuron's, "" for the identity. call:
    what the layer does with a list of inputs.
    """

    weights: list[list[Value]]
    biases: list[Value | None]
    activations: list[str]
    call: Any

    @property
    def activation(self) -> str:
        """That of its neurons; if they have several, so much is said, and which if they are few."""
        names = [name or "linear" for name in dict.fromkeys(self.activations)]
        if len(names) == 1:
            return self.activations[0]
        return f"mixed: {', '.join(names)}" if len(names) <= FEW else "mixed"


FEW = 3
"""So many names or numbers are told one by one."""


class Facts(NamedTuple):
    """All that is known about a network before it is decided what to draw.

    what: the numbers of lines are, in a word. lines: what is shown of the weights, per layer. inside: per column what
    stands in the neurons, and `stands` says what that is. given: per column what the neurons give, empty without an x.
    loss: its number, if there is one. aside: how the model does something else than its layers, "" if it does not.
    """

    layers: list[Layer]
    what: str
    lines: list[Numbers]
    inside: list[list[float | None]]
    stands: str
    given: list[list[float]]
    loss: float | None = None
    aside: str = ""


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
        weights = [list(neuron.weights) for neuron in neurons]
        biases = [getattr(neuron, "bias", None) for neuron in neurons]
        found.append(Layer(weights, biases, [_activation(neuron) for neuron in neurons], layer))
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


def _activation(neuron: Any) -> str:
    activation = getattr(neuron, "activation", None)
    if activation is None:
        return ""
    return cut(" ".join(shown_label(str(getattr(activation, "__name__", type(activation).__name__)))))


# ---------------------------------------------------------------- numbers


def facts_of(model: Any, layers: list[Layer], x: Any, show: Show, loss: Callable[[Any], Any] | None) -> Facts:
    """What a network shows of its weights, as `draw_network` says, and for an example x of what its neurons give."""
    if loss is not None:
        check_loss(loss)
    if x is None:
        if show == "products" or loss is not None:
            raise ValueError(f"draw_network: {'loss' if loss else 'show=' + repr(show)} needs an example: give x, too")
        of_bias, stands = (gradient_of, "the gradient of its bias") if show == "gradients" else (_data, "its bias")
        inside: list[list[float | None]] = [[], *([of_bias(b) for b in layer.biases] for layer in layers)]
        return Facts(layers, WHATS[show], _lines(layers, show, []), inside, stands, [])
    swept = show == "gradients" and loss is not None
    with recording() if swept else no_grad():
        run = _run(model, layers, x, loss)
    given = [[plain(v) for v in column] for column in run.columns]
    lines = _slopes(layers, run.result) if swept else _lines(layers, show, given)
    result = None if run.result is None else plain(run.result)
    facts = Facts(layers, WHATS[show], lines, [[*c] for c in given], "what it gives", given, result, run.aside)
    return _with_gradients_inside(facts, run, loss) if swept and run.alike is not None else facts


def _lines(layers: list[Layer], show: Show, given: list[list[float]]) -> list[Numbers]:
    """What lines show that does not need a sweep."""
    if show == "weights":
        return [[[w.data for w in row] for row in layer.weights] for layer in layers]
    if show == "products":
        return [
            [[w.data * a for w, a in zip(row, column, strict=True)] for row in layer.weights]
            for layer, column in zip(layers, given, strict=False)
        ]
    found = [[[gradient_of(w) for w in row] for row in layer.weights] for layer in layers]
    if all(w is None for layer in found for row in layer for w in row):
        raise ValueError("draw_network: no gradients yet; call backward() on the loss first, or show='weights'")
    return found


def _data(v: Value | None) -> float | None:
    return None if v is None else v.data


def gradient_of(v: Value | None) -> float | None:
    """The gradient of a parameter, None if it was not computed."""
    return v.grad if v is not None and v.has_grad else None


# ---------------------------------------------------------------- an example goes through


class _Run(NamedTuple):
    """columns: what each gives, layer by layer. result: the loss of what the model returns. alike: what the layers give
    one after the other, in the form in which the model returns it; None if it returns something else. aside: as in
    `Facts`.
    """

    columns: list[list[Any]]
    result: Any
    alike: Any
    aside: str


def _run(model: Any, layers: list[Layer], x: Any, loss: Callable[[Any], Any] | None) -> _Run:
    """The example through the layers, and through the model itself, which may do more."""
    found = example(x, len(layers[0].weights[0]))
    columns = _columns(layers, found)
    last = columns[-1] if len(columns[-1]) > 1 else columns[-1][0]
    if not callable(model) or model is layers[0].call:
        return _Run(columns, _result(loss, last), last, "")
    try:
        returned = model(x if hasattr(x, "tolist") else found)
    except Exception as error:  # whatever a model raises that needs more: its layers can be shown all the same
        return _Run(columns, _result(loss, last), last, _not_called(error, loss is not None))
    aside = _difference(returned, columns[-1], loss is not None)
    alike = None
    if not aside and isinstance(returned, Value):
        alike = columns[-1][0]
    elif not aside and type(returned) in (list, tuple):
        alike = type(returned)(columns[-1])
    return _Run(columns, _result(loss, returned), alike, aside)


def _columns(layers: list[Layer], x: list[float]) -> list[list[Any]]:
    """What every column gives, layer by layer."""
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
    return columns


def _result(loss: Callable[[Any], Any] | None, y: Any) -> Any:
    """The loss of what a model returns, None if there is none."""
    if loss is None:
        return None
    result = loss(y)
    if not isinstance(result, Value | numbers.Real):
        raise TypeError(f"draw_network: loss must return a number, got {result!r:.200}")
    return result


def _not_called(error: Exception, loss: bool) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"The model itself cannot be called with x ({words:.120}). What is shown{', the loss too,' * loss} is what its "
        "layers give one after the other."
    )


def _difference(returned: Any, last: list[Any], loss: bool) -> str:
    """What must be said if a model returns something else than its last layer gives."""
    found = returned.tolist() if hasattr(returned, "tolist") else returned
    try:
        own = [plain(v) for v in (found if isinstance(found, list | tuple) else [found])]
    except (TypeError, ValueError, OverflowError):
        own = []
    if _agree(own, [plain(v) for v in last]):
        return ""
    told = f": {', '.join(number(y, 4) for y in own)}" if 0 < len(own) <= FEW else ""
    of_loss = " The loss is that of what the model returns." if loss else ""
    return (
        f"The model returns something else than its layers one after the other{told}. In the neurons stands what those "
        f"give.{of_loss}"
    )


def _agree(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether numbers are the same but for rounding."""
    return len(found) == len(expected) and all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))
        for a, b in zip(found, expected, strict=True)
    )


def _slopes(layers: list[Layer], loss: Any) -> list[Numbers]:
    """The gradients of a loss by every weight."""
    if not isinstance(loss, Value):
        raise TypeError(f"draw_network: loss must return a Value that depends on the weights, got {loss!r:.200}")
    slopes = iter(autograd.grad(loss, [w for layer in layers for row in layer.weights for w in row]))
    return [[[next(slopes) for _ in row] for row in layer.weights] for layer in layers]


def _with_gradients_inside(facts: Facts, run: _Run, loss: Callable[[Any], Any] | None) -> Facts:
    """In the neurons, too, what a sweep finds, if the model has the gradients of its layers one after the other."""
    with recording():
        result = _result(loss, run.alike)
    for layer, own in zip(_slopes(facts.layers, result), facts.lines, strict=True):
        if not all(_agree(*rows) for rows in zip(layer, own, strict=True)):
            aside = (
                "The model has other gradients than its layers one after the other. On the lines are those of the "
                "model; in the neurons stands what they give."
            )
            return facts._replace(aside=aside)
    slopes = iter(autograd.grad(result, [v for column in run.columns[1:] for v in column]))
    inside = [facts.inside[0], *([next(slopes) for _ in column] for column in run.columns[1:])]
    return facts._replace(inside=inside, stands=GRADIENT)


def plain(v: Any) -> float:
    """The number of a Value, or a number."""
    return v.data if isinstance(v, Value) else float(v)


def size_of(x: float | None) -> float:
    """How much of a line's sort there is to see: what is no number first, what is not known last."""
    return -1.0 if x is None else abs(x) if math.isfinite(x) else math.inf


def largest_of(found: Iterable[float | None]) -> float:
    """The largest of some numbers by size, infinite ones aside; 0 if there is none."""
    return max((abs(x) for x in found if x is not None and math.isfinite(x)), default=0.0)
