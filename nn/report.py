"""The pictures that a training leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import autograd
from autograd import Value, no_grad
from nn.datasets import Dataset, xor
from nn.layers import MLP
from nn.losses import Loss, binary_cross_entropy, cross_entropy, mean_squared_error, most_likely, probabilities
from nn.metrics import confusion_matrix
from nn.optimizers import Adam
from nn.training import History, fit

__all__ = ["gradient_flow", "outputs_of", "write_report"]


def write_report(
    folder: Path, model: MLP, history: History, training: Dataset, held_out: Dataset, seed: int
) -> Iterator[tuple[str, str]]:
    """Draw the training, the mistakes, one neuron's gradient flow and a small network into `folder`.

    Yields the name of each file with what it shows, as it is written; a picture that cannot be drawn yields the reason.
    """
    import visualize

    outputs = outputs_of(model, held_out.inputs)

    def plot(figure: Callable[[], Any]) -> Callable[[Path], Any]:
        return lambda path: visualize.save_figure(figure(), path)

    pictures: list[tuple[str, str, Callable[[Path], Any]]] = []
    if len(history) > 1:
        pictures.append(("curves.png", "training curves", plot(lambda: visualize.plot_history(history))))
    name = "example"
    if held_out.is_regression:
        against = plot(lambda: visualize.plot_predictions(outputs, held_out.targets))
        pictures.append(("predictions.png", "predicted against actual numbers", against))
    else:
        chances = [probabilities(output) for output in outputs]
        predicted = [most_likely(p) for p in chances]
        name = f"example of class {held_out.classes[int(held_out.targets[0])]}"
        matrix = confusion_matrix(held_out.targets, predicted, len(held_out.classes))
        confusion = plot(lambda: visualize.plot_confusion_matrix(matrix, held_out.classes))
        pictures.append(("confusion.png", "which class was taken for which", confusion))
    if held_out.image_shape:
        images = held_out.inputs.reshape(-1, *held_out.image_shape)
        sheet = plot(lambda: visualize.plot_digits(images, held_out.targets, chances))
        pictures.append(("predictions.png", "held-out digits with predicted probabilities", sheet))
    if model.n_in == 2 and not held_out.is_regression:
        boundary = plot(
            lambda: visualize.plot_decision_boundary(
                _decision(model), training.inputs, training.targets, class_names=training.classes
            )
        )
        pictures.append(("boundary.png", "the decision boundary", boundary))
    loss = mean_squared_error if held_out.is_regression else None
    y, weights = gradient_flow(model, held_out.inputs[0], held_out.targets[0].item(), loss=loss)
    flow = visualize.draw(y, parameters=weights, title=f"One neuron of the first layer, on a held-out {name}")
    pictures.append(("neuron.svg", "one neuron: how the gradient flows", lambda path: visualize.render(flow, path)))
    before, after = _small_network(seed)
    for when, drawing in (("before", before), ("after", after)):
        what = f"a small network {when} training on xor"
        pictures.append((f"network-{when}.svg", what, lambda path, drawing=drawing: visualize.render(drawing, path)))  # type: ignore[misc]  # bound now, on purpose

    for file, what, write in pictures:
        try:
            write(folder / file)
        except (ImportError, visualize.RenderError) as error:
            yield file, f"not drawn: {error}"
        else:
            yield file, what


def outputs_of(model: MLP, inputs: Any) -> list[Any]:
    """What a model returns for each of many inputs: a number, or a list of them."""
    program = autograd.trace(model, inputs[0].tolist())
    return [output for i in range(0, len(inputs), 500) for output in program(inputs[i : i + 500]).tolist()]


def _decision(model: MLP) -> Callable[[Any], float]:
    """A number per point of the plane: the probability of class 1, or the likeliest of several classes."""

    def predict(x: Any) -> float:
        with no_grad():
            chances = probabilities(model(x))
        return chances[1] if len(chances) == 2 else float(most_likely(chances))

    return predict


def gradient_flow(
    model: MLP, x: Any, target: float, terms: int = 3, loss: Loss | None = None
) -> tuple[Value, list[Value]]:
    """One neuron of the first layer, after a backward pass: the one through which most gradient flows on this example.

    Its `terms` strongest products are spelled out; the others stand together as one. The gradient that arrives is the
    real one, of the loss of example `x` with class `target`, or of another loss. Returns the neuron's output and its
    parameters.
    """
    x = [float(number) for number in x]
    hidden = [Value(v.data) for v in model.layers[0](x)]
    outputs: Any = hidden
    for layer in model.layers[1:]:
        outputs = layer(outputs)
    loss = loss or (cross_entropy if len(outputs) > 1 else binary_cross_entropy)
    slopes = autograd.grad(loss(outputs if len(outputs) > 1 else outputs[0], target), hidden)
    place = max(range(len(hidden)), key=lambda i: abs(slopes[i]))
    neuron = model.layers[0].neurons[place]

    products = [weight.data * number for weight, number in zip(neuron.weights, x, strict=True)]
    strongest = sorted(sorted(range(len(x)), key=lambda i: -abs(products[i]))[:terms])
    weights = [Value(neuron.weights[i].data, f"w{i}") for i in strongest]
    bias = Value(neuron.bias.data, "b")
    z: Value = sum(weight * Value(x[i], f"x{i}") for i, weight in zip(strongest, weights, strict=True)) + bias
    if len(x) > terms:
        rest = sum(product for i, product in enumerate(products) if i not in strongest)
        z = z + Value(rest, f"{len(x) - len(strongest)} other products")
    z.label = "z"
    y: Value = z if neuron.activation is None else neuron.activation(z)
    y.label = f"neuron {place}"
    y.backward(slopes[place])
    return y, [*weights, bias]


def _small_network(seed: int) -> tuple[Any, Any]:
    """Drawings of a 2-4-1 network before and after it has learned xor."""
    from visualize import draw_network

    data = xor(40, seed=seed)
    model = MLP(2, [4, 1], seed=seed)
    before = draw_network(model, inputs=["x1", "x2"], outputs=["logit"], title="Before training")
    optimizer = Adam(model.parameters(), 0.1)
    fit(
        model,
        binary_cross_entropy,
        data.inputs,
        data.targets,
        optimizer=optimizer,
        epochs=30,
        seed=seed,
        progress=False,
    )
    return before, draw_network(model, inputs=["x1", "x2"], outputs=["logit"], title="After training")
