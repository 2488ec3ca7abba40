"""The pictures that a training leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import autograd
from autograd import Value, no_grad
from autograd._files import atomic_write
from nn.datasets import Dataset, xor
from nn.layers import MLP
from nn.losses import Loss, binary_cross_entropy, cross_entropy, mean_squared_error, most_likely, probabilities
from nn.metrics import confusion_matrix
from nn.optimizers import Adam
from nn.training import History, fit

__all__ = ["Picture", "gradient_flow", "outputs_of", "write_index", "write_report"]


class Picture(NamedTuple):
    """A file of a report: its name, what it shows, and what writes it to a path."""

    file: str
    what: str
    write: Callable[[Path], Any]


class Course(NamedTuple):
    """What a training went through: the model and its loss, the data as it was trained on, and the parameters before it
    and after every epoch.
    """

    model: MLP
    loss: Loss
    data: tuple[Any, Any]
    path: list[Any]

    def note(self, epoch: Any, model: MLP) -> None:
        """A callback of `fit`."""
        self.path.append(autograd.read(model.parameters(), "data"))

    def part(self, most: int = 250) -> tuple[Any, Any]:
        """At most so many of the examples, evenly spread."""
        step = -(-len(self.data[0]) // most)
        return self.data[0][::step], self.data[1][::step]


def write_report(
    folder: Path, model: MLP, history: History, training: Dataset, held_out: Dataset, seed: int,
    course: Course | None = None,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Draw the training, the mistakes, one neuron's gradient flow and a small network into `folder`, and a page
    `index.html` that shows all of it. course: for the landscape that the training went through.

    Yields the name of each file with what it shows, as it is written; a picture that cannot be drawn yields the reason.
    """
    from visualize import RenderError

    made: list[Picture] = []
    for picture in [
        *_plots(model, history, training, held_out, course),
        *_flows(model, held_out),
        *_small_network(seed),
    ]:
        try:
            picture.write(folder / picture.file)
        except (ImportError, RenderError) as error:
            yield picture.file, f"not drawn: {error}"
        else:
            made.append(picture)
            yield picture.file, picture.what
    write_index(folder / "index.html", f"{training.name}: {model}", made, history)
    yield "index.html", "all of it on one page"


def _plot(file: str, what: str, figure: Callable[[], Any]) -> Picture:
    import visualize

    return Picture(file, what, lambda path: visualize.save_figure(figure(), path))


def _plots(
    model: MLP, history: History, training: Dataset, held_out: Dataset, course: Course | None
) -> Iterator[Picture]:
    """What matplotlib draws: how the training went, and what came of it."""
    import visualize

    if len(history) > 1:
        yield _plot("curves.png", "training curves", lambda: visualize.plot_history(history))
        yield _plot(
            "gradients.png", "how large the gradient is that arrives at each layer",
            lambda: visualize.plot_gradient_flow(history),
        )  # fmt: skip
    if course and len(course.path) > 1:
        few, n = course.part(), len(course.data[0])
        some = f"{len(few[0]):,} of {n:,}" if len(few[0]) < n else f"all {n:,}"
        yield _plot(
            "landscape.png", f"the loss around the path of the training, over {some} examples, one point per epoch",
            lambda: visualize.plot_landscape(course.model, course.loss, few, path=course.path, resolution=25),
        )  # fmt: skip
    yield from _outcomes(model, training, held_out)


def _outcomes(model: MLP, training: Dataset, held_out: Dataset) -> Iterator[Picture]:
    """Mistakes, examples, the boundary."""
    import visualize

    outputs = outputs_of(model, held_out.inputs)
    if held_out.is_regression:
        against = "predicted against actual numbers"
        yield _plot("predictions.png", against, lambda: visualize.plot_predictions(outputs, held_out.targets))
        return
    chances = [probabilities(output) for output in outputs]
    matrix = confusion_matrix(held_out.targets, [most_likely(p) for p in chances], len(held_out.classes))
    yield _plot(
        "confusion.png", "which class was taken for which",
        lambda: visualize.plot_confusion_matrix(matrix, held_out.classes),
    )  # fmt: skip
    if held_out.image_shape:
        images = held_out.inputs.reshape(-1, *held_out.image_shape)
        yield _plot(
            "predictions.png", "held-out digits with predicted probabilities",
            lambda: visualize.plot_digits(images, held_out.targets, chances),
        )  # fmt: skip
    if model.n_in == 2:
        yield _plot(
            "boundary.png", "the decision boundary",
            lambda: visualize.plot_decision_boundary(
                _decision(model), training.inputs, training.targets, class_names=training.classes
            ),
        )  # fmt: skip


def _flows(model: MLP, held_out: Dataset) -> Iterator[Picture]:
    """How the gradient flows through one neuron on a held-out example: a drawing, and a page to walk through it."""
    import visualize

    name = "example"
    if not held_out.is_regression:
        name = f"example of class {held_out.classes[int(held_out.targets[0])]}"
    loss = mean_squared_error if held_out.is_regression else None
    y, weights = gradient_flow(model, held_out.inputs[0], held_out.targets[0].item(), loss=loss)
    title = f"One neuron of the first layer, on a held-out {name}"
    yield Picture(
        "neuron.svg", "one neuron: how the gradient flows",
        lambda path: visualize.render(visualize.draw(y, parameters=weights, title=title), path),
    )  # fmt: skip
    yield Picture(
        "neuron.html", "one neuron, to walk through step by step in a browser",
        lambda path: visualize.explore(y, path, parameters=weights, title=title, seed=y.grad),
    )  # fmt: skip


def write_index(path: Path, title: str, pictures: Sequence[Picture], history: History) -> None:
    """A page of everything in a report: pages as links, pictures as they are, the history as a table."""
    pages = [picture for picture in pictures if picture.file.endswith(".html")]
    shown = [picture for picture in pictures if not picture.file.endswith(".html")]
    parts = [f'<li><a href="{p.file}">{escape(p.what)}</a></li>' for p in pages]
    body = [f"<ul>{''.join(parts)}</ul>"] if parts else []
    body += [
        f'<figure><img src="{p.file}" alt="{escape(p.what)}"><figcaption>{escape(p.what)}</figcaption></figure>'
        for p in shown
    ]
    if history:
        body.append(f"<details><summary>epoch by epoch</summary>{history._repr_html_()}</details>")
    page = PAGE.format(title=escape(title), body="\n".join(body))
    with atomic_write(path) as file:
        file.write(page.encode())


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 Helvetica, Arial, "Liberation Sans", sans-serif; max-width: 75rem; margin: 1rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.3rem; overflow-wrap: anywhere; }}
figure {{ margin: 1.5rem 0; overflow-x: auto; }}
img {{ max-width: 100%; height: auto; background: #fff; border-radius: 6px; }}
figcaption {{ opacity: .85; }}
td, th {{ padding: .1rem .6rem; text-align: right; }}
a {{ color: LinkText; font-size: 1.1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


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


def _small_network(seed: int) -> Iterator[Picture]:
    """A 2-4-1 network before and after it has learned xor: drawings, and a page of its loss on one example."""
    import visualize

    data = xor(40, seed=seed)
    model = MLP(2, [4, 1], seed=seed)

    def network(when: str) -> Picture:
        drawing = visualize.draw_network(model, inputs=["x1", "x2"], outputs=["logit"], title=f"{when} training")
        what = f"a small network {when.lower()} training on xor"
        return Picture(f"network-{when.lower()}.svg", what, lambda path: visualize.render(drawing, path))

    yield network("Before")
    optimizer = Adam(model.parameters(), 0.1)
    fit(
        model, binary_cross_entropy, data.inputs, data.targets,
        optimizer=optimizer, epochs=30, seed=seed, progress=False,
    )  # fmt: skip
    yield network("After")
    x = [Value(float(number), f"x{i + 1}") for i, number in enumerate(data.inputs[0])]
    loss: Value = binary_cross_entropy(model(x), float(data.targets[0]))
    loss.label = "loss"
    yield Picture(
        "network.html", "a small network, to walk through step by step in a browser",
        lambda path: visualize.explore(loss, path, parameters=model, title="A small network on one example of xor"),
    )  # fmt: skip
