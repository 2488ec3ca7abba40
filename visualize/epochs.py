"""A training epoch by epoch, as plain numbers: what `animate_training` shows. The model stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import autograd
from autograd import Value, no_grad
from visualize.network import plan_network
from visualize.network_facts import layers_of, plain
from visualize.surface import NO_VALUE, OfModel, checked_path, pair_of

__all__ = ["CELL", "EDGE", "GRID", "Plane", "Snapshot", "Training", "training_of"]

NAME = "animate_training"

GRID = 28
"""Points of the plane per side."""

CELL, EDGE = 10, 2
"""Points per side of the plane as a neuron sees it, and how many more there are above and below."""

MOST_NEURONS = 12
"""Neurons of a column that are drawn."""

MOST_CLASSES = 10
"""So many colours can be told apart."""

MOST_LOSSES, MOST_EXAMPLES = 1000, 400
"""Points of the loss curve, and examples that are drawn; of more, so many are taken evenly."""


class Plane(NamedTuple):
    """The plane of the two inputs. low, high: its corners. points: of the examples drawn, shape (n, 2). classes: of
    each, counted from 0. names: of all classes.
    """

    low: Any
    high: Any
    points: Any
    classes: Any
    names: list[str]

    def grid(self, side: int, around: tuple[int, int]) -> Any:
        """The middles of side × side squares, row by row from above, and more of them `around`: to the left and right,
        and above and below. Shape (n, 2).
        """
        import numpy as np

        xs, ys = ((np.arange(-more, side + more) + 0.5) / side for more in around)
        shares = np.array([(x, 1.0 - y) for y in ys for x in xs])
        return self.low + shares * (self.high - self.low)


class Snapshot(NamedTuple):
    """The network after an epoch. accuracy: on all examples. weights: per layer, weights[j][i] from input i to neuron
    j; gradients: of the loss by them. columns: per layer, what its neurons give in the plane, shape (neurons,
    CELL + 2 EDGE, CELL). strength: of the decision in the plane, shape (GRID, GRID); of two classes from -1 to 1, of
    more from 0 to 1. decided: the class there. margins: per class, or of two classes for the second only, where it
    begins, at 0; shape (GRID + 2, GRID + 2).
    """

    epoch: int
    loss: float
    accuracy: float
    weights: list[Any]
    gradients: list[Any]
    columns: list[Any]
    strength: Any
    decided: Any
    margins: list[Any]


class Training(NamedTuple):
    """epochs, losses: all that were looked at. snapshots: of some of them. drawn: per column, from the inputs on, the
    neurons to draw. widths: of all columns. activations: per layer. cut: the epoch from which on numbers are not
    finite, or None.
    """

    epochs: list[int]
    losses: list[float]
    snapshots: list[Snapshot]
    plane: Plane
    drawn: list[list[int]]
    widths: list[int]
    activations: list[str]
    cut: int | None


def training_of(model: Any, loss: Any, data: Any, path: Any, threshold: float | None, most: int) -> Training:
    """Look at a training again, at all entries of its path, and closely at `most` of them."""
    if not callable(model):
        raise TypeError(f"{NAME}: the first argument must be a model, such as nn.MLP(2, [4, 1]), got {model!r:.200}")
    network = _Network.of(model)
    surface = OfModel(model, loss, data, None, NAME)
    thetas = checked_path("", path, len(surface.parameters), NAME).points
    judge = _Judge.of(loss, pair_of(data, NAME), network.widths[-1], threshold)
    chosen = _paced(thetas, most)
    epochs = sorted({*_even(len(thetas), MOST_LOSSES), *chosen})
    with surface.open():
        autograd.write(surface.parameters, "data", thetas[-1])
        drawn = plan_network(model, most=MOST_NEURONS).drawn
        losses = [surface.at(thetas[epoch]) for epoch in epochs]
        answers = network.answers(surface.parameters)
        snapshots = []
        for epoch in chosen:
            lines = [network.by_line(x, surface.parameters) for x in (thetas[epoch], surface.gradient(thetas[epoch]))]
            values = answers(thetas[epoch], judge.asked)
            snapshots.append(judge.snapshot(epoch, losses[epochs.index(epoch)], lines, values, network.widths))
    activations = [layer.activation for layer in layers_of(model)]
    cut = len(thetas) if len(thetas) < len(path) else None
    return Training(epochs, losses, snapshots, judge.plane, drawn, network.widths, activations, cut)


def _even(n: int, most: int) -> list[int]:
    """At most so many of n places, evenly, the first and the last among them."""
    return sorted({round(k * (n - 1) / (most - 1)) for k in range(most)}) if n > most else list(range(n))


def _paced(thetas: Any, most: int) -> list[int]:
    """At most so many entries of a path, the first and the last among them, where most happens more of them: after
    steps that are as long as each other, half by epochs and half by the way that the parameters go.
    """
    import numpy as np

    if len(thetas) <= most:
        return list(range(len(thetas)))
    moves = np.linalg.norm(np.diff(thetas, axis=0), axis=1)
    share = moves / moves.sum() if moves.sum() else np.zeros(len(moves))
    pace = np.concatenate([[0.0], np.cumsum(0.5 * share + 0.5 / len(moves))])
    found = [int(np.abs(pace - k * pace[-1] / (most - 1)).argmin()) for k in range(most)]
    return sorted({0, *found, len(thetas) - 1})


# ---------------------------------------------------------------- the network


class _Network(NamedTuple):
    """A model of layers that takes two inputs. calls: what layers do. widths: of all columns. weights: per layer."""

    model: Any
    calls: list[Any]
    widths: list[int]
    weights: list[list[list[Value]]]

    @classmethod
    def of(cls, model: Any) -> _Network:
        layers = layers_of(model)
        widths = [len(layers[0].weights[0]), *(len(layer.weights) for layer in layers)]
        if widths[0] != 2:
            raise ValueError(
                f"{NAME}: the film shows the plane of two inputs, but the model takes {widths[0]}; draw_network and "
                "plot_history show any network"
            )
        found = cls(model, [layer.call for layer in layers], widths, [layer.weights for layer in layers])
        with no_grad():
            by_layers, by_model = found.columns([0.5, -0.5])[-1], _listed(model([0.5, -0.5]))
        if [plain(v) for v in by_layers] != [plain(v) for v in by_model]:
            raise ValueError(f"{NAME}: the model returns something else than its layers one after the other")
        return found

    def columns(self, x: Any) -> list[Any]:
        """What each layer gives."""
        found = [x]
        for call in self.calls:
            found.append(_listed(call(found[-1])))
        return found[1:]

    def answers(self, parameters: Sequence[Value]) -> Callable[[Any, Any], Any]:
        """A function of a parameter vector and of points, shape (n, 2), that finds what all neurons give, layer by
        layer: shape (n, neurons). By a program, where the model can be traced.
        """
        import numpy as np

        def answer(x: Any) -> Any:
            return [v for column in self.columns(x) for v in column]

        try:
            program = autograd.trace(answer, [0.5, -0.5])
        except autograd.TraceError:
            program = None

        def found(theta: Any, points: Any) -> Any:
            autograd.write(parameters, "data", theta)
            try:
                if program is not None:
                    program.load()
                    with np.errstate(all="ignore"):
                        return np.asarray(program(points)).reshape(len(points), -1)
                with no_grad():
                    return np.array([[plain(v) for v in answer(x)] for x in points.tolist()])
            except NO_VALUE:
                return np.full((len(points), sum(self.widths[1:])), math.nan)

        return found

    def by_line(self, numbers: Any, parameters: Sequence[Value]) -> list[Any]:
        """Numbers of all parameters as one array per layer, those of its weights."""
        import numpy as np

        of = dict(zip(parameters, numbers.tolist(), strict=True))
        return [np.array([[of[w] for w in row] for row in layer]) for layer in self.weights]


def _listed(y: Any) -> Any:
    return list(y) if isinstance(y, list | tuple) else [y]


# ---------------------------------------------------------------- what it decides


class _Judge(NamedTuple):
    """Reads decisions off outputs. targets: the class of each example, from 0. asked: the points to ask the network
    about: all examples, the plane, and the plane as a neuron sees it. strength: how sure an output is, as of Snapshot.
    threshold: of one output, where the second class begins.
    """

    plane: Plane
    targets: Any
    asked: Any
    threshold: float
    strength: Callable[[Any], Any]

    @classmethod
    def of(cls, loss: Any, data: tuple[Any, Any], outputs: int, threshold: float | None) -> _Judge:
        import numpy as np

        inputs = np.array([[plain(v) for v in x] for x in data[0]])
        targets, names, kinds = _classes(np.asarray(data[1]), outputs)
        low, high = inputs.min(axis=0), inputs.max(axis=0)
        margin = 0.08 * np.maximum(high - low, 1e-9) + 1e-9
        shown = _even(len(inputs), MOST_EXAMPLES)
        plane = Plane(low - margin, high + margin, inputs[shown], targets[shown], names)
        asked = np.concatenate([inputs, plane.grid(GRID, (1, 1)), plane.grid(CELL, (0, EDGE))])
        decides = getattr(loss, "decide", None) is not None and outputs == 1 and loss.decide(1.0) is not None
        middle = threshold if threshold is not None else 0.0 if decides else sum(kinds) / 2.0
        return cls(plane, targets, asked, middle, _strength(getattr(loss, "name", ""), outputs, middle, kinds))

    def snapshot(self, epoch: int, loss: float, lines: list[Any], values: Any, widths: list[int]) -> Snapshot:
        """What to show of an epoch. lines: weights, gradients. values: what all neurons give for all that is asked."""
        import numpy as np

        n, side = len(self.targets), GRID + 2
        outputs = values[:, -widths[-1] :]
        decided = outputs.argmax(axis=1) if widths[-1] > 1 else (outputs[:, 0] > self.threshold).astype(int)
        seen = values[n + side * side :].T.reshape(-1, CELL + 2 * EDGE, CELL)
        plane = outputs[n : n + side * side].T.reshape(-1, side, side)
        inner = (slice(1, -1), slice(1, -1))
        if len(plane) == 1:
            margins = [plane[0] - self.threshold]
        else:
            margins = [row - np.delete(plane, k, axis=0).max(axis=0) for k, row in enumerate(plane)]
        return Snapshot(
            epoch,
            loss,
            accuracy=float((decided[:n] == self.targets).mean()),
            weights=lines[0],
            gradients=lines[1],
            columns=np.split(seen, np.cumsum(widths[1:-1])),
            strength=self.strength(plane)[inner],
            decided=decided[n : n + side * side].reshape(side, side)[inner],
            margins=margins,
        )


def _classes(targets: Any, outputs: int) -> tuple[Any, list[str], list[float]]:
    """The class of each target, counted from 0, the names of all classes, and for one output the numbers of both."""
    if outputs > MOST_CLASSES:
        raise ValueError(
            f"{NAME}: the film shows classes by colour, {MOST_CLASSES} at most, but the model has {outputs} outputs"
        )
    if outputs > 1:
        if targets.ndim == 2 and targets.shape[1] == outputs:
            targets = targets.argmax(axis=1)
        if targets.ndim != 1 or not set(targets.tolist()) <= set(range(outputs)):
            raise ValueError(
                f"{NAME}: the targets must be the numbers of classes, 0 to {outputs - 1}, as the model has {outputs} "
                f"outputs; got {targets.tolist()!r:.200}"
            )
        return targets.astype(int), [str(k) for k in range(outputs)], []
    kinds = sorted(set(targets.tolist())) if targets.ndim == 1 else []
    if len(kinds) == 1:
        kinds = sorted({kinds[0], -1 if kinds[0] == -1 else 0, 1})
    if len(kinds) != 2:
        raise ValueError(
            f"{NAME}: the film shows which of two classes one output stands for, so the targets must be two different "
            f"numbers, such as 0 and 1; got {targets.tolist()!r:.200}"
        )
    return (targets == kinds[1]).astype(int), [f"{kind:g}" for kind in kinds], [float(kind) for kind in kinds]


def _strength(loss: str, outputs: int, middle: float, kinds: list[float]) -> Callable[[Any], Any]:
    """How sure an output is, for outputs of shape (outputs, …): by probabilities, if the loss takes logits; else, of
    one output, by how far it is from the middle between the classes, beside theirs.
    """
    import numpy as np

    def of_one(y: Any) -> Any:
        return np.clip((y[0] - middle) / ((kinds[1] - kinds[0]) / 2.0), -1.0, 1.0)

    def by_logit(y: Any) -> Any:
        return np.tanh((y[0] - middle) / 2.0)  # 2 sigmoid(z) - 1

    def of_many(y: Any) -> Any:
        if loss != "cross_entropy":
            return np.where(np.isfinite(y).all(axis=0), 1.0, math.nan)
        shares = np.exp(y - y.max(axis=0))
        sure = shares.max(axis=0) / shares.sum(axis=0)
        return (sure - 1.0 / outputs) / (1.0 - 1.0 / outputs)

    return of_many if outputs > 1 else by_logit if loss == "binary_cross_entropy" else of_one
