"""The pictures that a training leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import autograd
from autograd import Value, custom_gradient, no_grad
from autograd._files import atomic_write
from nn.datasets import Dataset, xor
from nn.layers import MLP, Neuron
from nn.losses import Loss, binary_cross_entropy, cross_entropy, mean_squared_error, most_likely, probabilities
from nn.metrics import confusion_matrix
from nn.optimizers import Adam
from nn.training import History, fit

__all__ = ["Case", "Entry", "gradient_flow", "hardest", "names_of", "outputs_of", "write_index", "write_report"]


class Entry(NamedTuple):
    """A file of a report: its name, what it shows, and what writes it to a path."""

    file: str
    what: str
    write: Callable[[Path], Any]


class Case(NamedTuple):
    """A held-out example that pictures show. words: which one it is, to complete "on the held-out example ". names:
    what its numbers are called.
    """

    x: list[float]
    target: float | int
    loss: Loss
    words: str
    names: list[str]


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
    folder: Path, model: MLP, history: History, training: Dataset, held_out: Dataset, before: MLP,
    course: Course | None = None,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Draw the training, the mistakes, the network and one neuron's gradient flow into `folder`, and a page
    `index.html` that shows all of it. before: the model as it was before training. course: for the landscape that the
    training went through.

    Yields the name of each file with what it shows, as it is written; a picture that cannot be drawn yields the reason.
    """
    from visualize import RenderError

    outputs = outputs_of(model, held_out.inputs)
    case = hardest(outputs, held_out)
    made: list[Entry] = []
    for picture in (
        *_plots(model, history, training, held_out, outputs, course),
        *_films(training, course),
        *_networks(model, before, held_out, case),
        *_flows(model, case),
        *_step(model, training, case.loss),
        _page(model, case),
    ):
        try:
            picture.write(folder / picture.file)
        except (ImportError, RenderError) as error:
            yield picture.file, f"not drawn: {error}"
        else:
            made.append(picture)
            yield picture.file, picture.what
    write_index(folder / "index.html", f"{training.name}: {model}", made, history)
    yield "index.html", "all of it on one page"


def hardest(outputs: Sequence[Any], held_out: Dataset) -> Case:
    """Of the examples that are predicted wrong, the one with the largest loss; if none is, that with the largest loss
    of all.

    outputs: what the model returns for each example.
    """
    loss = _loss(outputs[0], held_out)
    losses = [_sort_key(loss, output, t) for output, t in zip(outputs, held_out.targets.tolist(), strict=True)]
    wrong = [
        i for i, t in enumerate(held_out.targets.tolist())
        if not held_out.is_regression and loss.decide is not None and loss.decide(outputs[i]) != t
    ]  # fmt: skip
    place = max(wrong or range(len(losses)), key=lambda i: losses[i])
    target = held_out.targets[place].item()
    words = "that it predicts worst"
    if wrong and loss.decide is not None:
        names = held_out.classes
        words = f"that it gets most wrong, a {names[target]} taken for a {names[loss.decide(outputs[place])]}"
    elif not held_out.is_regression:
        words = f"with the largest loss, a {held_out.classes[target]}; none is predicted wrong"
    return Case(held_out.inputs[place].tolist(), target, loss, words, names_of(held_out))


def names_of(data: Dataset) -> list[str]:
    """What the numbers of an input are called in all pictures: as in the file, else x1, x2 and so on."""
    width = data.inputs.shape[1]
    return [name or f"x{i}" for i, name in enumerate(data.names or [""] * width, 1)]


def _loss(output: Any, data: Dataset) -> Loss:
    """The loss that a model is trained with."""
    if data.is_regression:
        return mean_squared_error
    return cross_entropy if isinstance(output, list) else binary_cross_entropy


def _sort_key(loss: Loss, output: Any, target: Any) -> float:
    """How wrong an output is; what is no number counts as the worst."""
    found = abs(output - target) if loss is mean_squared_error else float(loss(output, target))
    return math.inf if math.isnan(found) else found


def _plot(file: str, what: str, figure: Callable[[], Any]) -> Entry:
    import visualize

    return Entry(file, what, lambda path: visualize.save_figure(figure(), path))


def _plots(
    model: MLP, history: History, training: Dataset, held_out: Dataset, outputs: list[Any], course: Course | None
) -> Iterator[Entry]:
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
    yield from _outcomes(model, training, held_out, outputs)


def _outcomes(model: MLP, training: Dataset, held_out: Dataset, outputs: list[Any]) -> Iterator[Entry]:
    """Mistakes, examples, the boundary."""
    import visualize

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
            lambda: _boundary(model, training),
        )  # fmt: skip


COLOURS = 10  # classes that a film can show


def _films(training: Dataset, course: Course | None) -> Iterator[Entry]:
    """How the network learned, if its inputs are a plane."""
    import visualize

    if course and len(course.path) > 1 and course.model.n_in == 2 and 2 <= len(training.classes) <= COLOURS:
        yield Entry(
            "learning.svg", "how it learned, epoch by epoch: a film, which plays by itself",
            lambda path: visualize.animate_training(course.model, course.loss, course.part(), path, path=course.path),
        )  # fmt: skip


def _boundary(model: MLP, training: Dataset) -> Any:
    """The plane of the inputs, its axes named as they are."""
    import visualize
    from visualize.figures import look_of
    from visualize.style import cut

    figure = visualize.plot_decision_boundary(
        _decision(model), training.inputs, training.targets, class_names=training.classes
    )
    across, up = map(cut, names_of(training))
    figure.axes[0].set_xlabel(across, **look_of(across))
    figure.axes[0].set_ylabel(up, **look_of(up))
    return figure


def _networks(model: MLP, before: MLP, held_out: Dataset, case: Case) -> Iterator[Entry]:
    """The network that was trained, before and after, with what it gives for an example."""
    import visualize
    from visualize.network import plan_network
    from visualize.network_svg import network_svg

    options: dict[str, Any] = {
        "loss": lambda y: case.loss(y, case.target),
        "inputs": [] if held_out.image_shape else case.names,
        "outputs": _output_names(held_out),
        "image_shape": held_out.image_shape or (),
    }

    def entry(when: str, plan: Any) -> Entry:
        picture = visualize.Picture(network_svg(plan), "network")
        what = f"the network {when} training, on one held-out example"
        return Entry(f"network-{when}.svg", what, lambda path: visualize.render(picture, path))

    after = plan_network(model, case.x, title=f"After training, on the held-out example {case.words}", **options)
    first = plan_network(before, case.x, title="Before training, on the same example", drawn=after.drawn, **options)
    yield entry("before", first)
    yield entry("after", after)


def _output_names(data: Dataset) -> list[str]:
    if data.is_regression:
        return ["prediction"]
    return [f"logit of {data.classes[1]}"] if len(data.classes) == 2 else list(data.classes)


def _flows(model: MLP, case: Case) -> Iterator[Entry]:
    """How the gradient flows through one neuron on an example: a drawing, a film, and a page to walk through it.

    The page ends at the neuron: the rest of the network is not on it, so it could not follow a change.
    """
    import visualize

    loss, weights = gradient_flow(model, case.x, case.target, loss=case.loss, names=case.names)
    (neuron,) = (v for v in loss.args if isinstance(v, Value))
    title = f"One neuron of the first layer, on the held-out example {case.words}"
    arrives = f"{title}. From the loss arrives {neuron.grad:.4g}"
    yield Entry(
        "neuron.svg", "one neuron: how the gradient flows to it from the loss",
        lambda path: visualize.render(visualize.draw(loss, parameters=weights, title=title), path),
    )  # fmt: skip
    yield Entry(
        "backprop.svg", "the same as a film: forward, and the gradient back from the loss",
        lambda path: visualize.animate(loss, path, parameters=weights, title=title),
    )  # fmt: skip
    yield Entry(
        "neuron.html", "one neuron, to walk through step by step in a browser",
        lambda path: visualize.explore(neuron, path, parameters=weights, title=arrives, seed=neuron.grad),
    )  # fmt: skip


def write_index(path: Path, title: str, pictures: Sequence[Entry], history: History) -> None:
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
    model: MLP, x: Sequence[float], target: float, terms: int = 3, loss: Loss | None = None, names: Sequence[str] = ()
) -> tuple[Value, list[Value]]:
    """One neuron of the first layer and the loss, after a backward pass: the neuron through which most gradient flows
    on this example.

    Its `terms` strongest products are spelled out; the others stand together as one. From the neuron to the loss it is
    one step, in which all other neurons stay as they are; so the gradient that arrives is the real one, of the loss of
    example `x` with class `target`, or of another loss. names: of the inputs; x1, x2 and so on if there are none.
    Returns the loss and the neuron's parameters.
    """
    x = [float(number) for number in x]
    loss = loss or (cross_entropy if model.widths[-1] > 1 else binary_cross_entropy)
    given = [Value(v.data) for v in model.layers[0](x)]
    slopes = autograd.grad(_loss_from(model, given, target, loss), given)
    place = max(range(len(given)), key=lambda i: abs(slopes[i]))
    y, parameters = _spelled_out(model.layers[0].neurons[place], _named(x, names), terms)
    y.label = f"neuron {place}"

    def rest(h: Any) -> Any:
        hidden = [h if i == place else v.data for i, v in enumerate(given)]
        return _loss_from(model, hidden, target, loss)

    def slope(h: float) -> float:
        variable = Value(h)
        return float(autograd.grad(rest(variable), variable))

    others = len(given) - 1
    rest.__name__ = f"with {others} other neuron{'s' * (others != 1)}" if others else loss.name
    total: Value = custom_gradient(rest, slope)(y)
    total.label = "loss"
    total.backward()
    return total, parameters


def _loss_from(model: MLP, hidden: list[Any], target: float, loss: Loss) -> Any:
    """The loss, from what the neurons of the first layer give."""
    outputs = hidden
    for layer in model.layers[1:]:
        outputs = layer(outputs)
    return loss(outputs if len(outputs) > 1 else outputs[0], target)


def _named(x: Sequence[float], names: Sequence[str]) -> list[Value]:
    """The numbers of an example as leaves of a graph."""
    return [Value(number, names[i] if names else f"x{i + 1}") for i, number in enumerate(x)]


def _spelled_out(neuron: Neuron, x: list[Value], terms: int) -> tuple[Value, list[Value]]:
    """What a neuron gives, of its strongest products one by one and the others together; and its parameters."""
    products = [weight.data * v.data for weight, v in zip(neuron.weights, x, strict=True)]
    strongest = sorted(sorted(range(len(x)), key=lambda i: -abs(products[i]))[:terms])
    weights = [Value(neuron.weights[i].data, f"w{i + 1}") for i in strongest]
    bias = Value(neuron.bias.data, "b")
    z: Value = sum(weight * x[i] for i, weight in zip(strongest, weights, strict=True)) + bias
    if len(x) > terms:
        rest = sum(product for i, product in enumerate(products) if i not in strongest)
        z = z + Value(rest, f"{len(x) - len(strongest)} other products")
    z.label = "z"
    return z if neuron.activation is None else neuron.activation(z), [*weights, bias]


EXAMPLES = 32  # of the training step that is drawn


def _step(model: MLP, training: Dataset, loss: Loss) -> Iterator[Entry]:
    """The loss of some examples with its gradient, all its nodes rolled up: a drawing, and a page whose boxes open."""
    import visualize

    pairs = list(zip(training.inputs[:EXAMPLES].tolist(), training.targets[:EXAMPLES].tolist(), strict=True))
    parameters = model.parameters()
    total = autograd.mean([loss(model(x), target) for x, target in pairs])
    total.label = "loss"
    autograd.zero_grad(parameters)
    total.backward()
    nodes = len(autograd.topological(total))
    title = f"One training step on {len(pairs)} examples: {nodes:,} nodes"
    yield Entry(
        "step.svg", "one training step, what is alike in one box: numbers, gradients, what is off",
        lambda path: visualize.render(visualize.draw(total, parameters=model, title=title, limit=1), path),
    )  # fmt: skip
    yield Entry(
        "step.html", f"one training step with its {nodes:,} nodes, to open box by box in a browser",
        lambda path: visualize.explore(total, path, parameters=model, title=title, limit=1),
    )  # fmt: skip


READABLE = 300  # nodes of a graph that one page can show


def _page(model: MLP, case: Case) -> Entry:
    """A page of the loss of the network on an example; of a network that is too large for it, another one instead."""
    import visualize

    loss = _loss_on(model, _named(case.x, case.names), case.target, case.loss)
    if len(autograd.topological(loss)) <= READABLE:
        what, title = "the network", f"The network on the held-out example {case.words}"
    else:
        what = "another, small network that has learned xor (this one is too large for a page)"
        title = "A 2-4-1 network that has learned xor, on one example"
        data, model = xor(40), MLP(2, [4, 1], seed=0)
        fit(
            model, binary_cross_entropy, data.inputs, data.targets,
            optimizer=Adam(model.parameters(), 0.1), epochs=30, progress=False,
        )  # fmt: skip
        loss = _loss_on(model, _named(data.inputs[0].tolist(), ()), data.targets[0].item(), binary_cross_entropy)
    return Entry(
        "network.html", f"{what}, to walk through step by step in a browser",
        lambda path: visualize.explore(loss, path, parameters=model, title=title),
    )  # fmt: skip


def _loss_on(model: MLP, x: list[Value], target: float, loss: Loss) -> Value:
    found: Value = loss(model(x), target)
    found.label = "loss"
    return found
