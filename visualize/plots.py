"""Curves, boundaries, tables of mistakes and sheets of digits, with matplotlib (the `plot` extra).

Every function returns a `matplotlib.figure.Figure` of its own: nothing is kept in pyplot's global state, no window
opens, and a figure is freed like any other object. `save_figure` writes one to a file.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd._files import atomic_write
from visualize.style import BLUE, GREY, INK, ORANGE, SOFT

__all__ = [
    "plot_confusion_matrix",
    "plot_decision_boundary",
    "plot_digits",
    "plot_histories",
    "plot_history",
    "plot_predictions",
    "save_figure",
]

FORMATS = (".png", ".svg", ".pdf")

# Okabe and Ito's palette: distinct for every common kind of colour blindness.
PALETTE = (BLUE, ORANGE, "#009e73", "#b8860b", "#cc79a7", "#56b4e9", "#7a5195", "#4d4d4d", "#e69f00", "#000000")

RED = "#c1121f"


def _figure(width: float, height: float) -> Any:
    return _figure_class()(figsize=(width, height), layout="constrained", facecolor="white")


def _figure_class() -> Any:
    """matplotlib's Figure, which a notebook shows by itself, whatever backend there is, and without pyplot."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots need matplotlib: run pip install 'glassgrad[plot]'") from error

    class ShownFigure(Figure):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png", dpi=110)
            return picture.getvalue()

    return ShownFigure


def _said(text: Any) -> str:
    """Text of a user's, in which a dollar sign does not begin a formula."""
    return str(text).replace("$", r"\$")


def save_figure(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure to `path`, which ends in .png, .svg or .pdf, whole or not at all; returns the path."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"save_figure: {str(path)!r} must end in one of {', '.join(FORMATS)} to say which format you want"
        )
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix.lower()[1:], dpi=150)
    return path


def _tidy(axes: Any, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    axes.set_title(_said(title), color=INK, fontsize=11, loc="left")
    axes.set_xlabel(xlabel, color=SOFT)
    axes.set_ylabel(ylabel, color=SOFT)
    axes.tick_params(colors=SOFT, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)


def _curve(axes: Any, epochs: Sequence[float], ys: Sequence[float | None], ending: str, **look: Any) -> None:
    """A line with its last value written at the end; points that were not measured are left out."""
    points = [(x, float(y)) for x, y in zip(epochs, ys, strict=True) if y is not None]
    if not points:
        return
    (line,) = axes.plot(*zip(*points, strict=True), linewidth=1.8, marker="o" if len(points) == 1 else None, **look)
    x, y = points[-1]
    if math.isfinite(y):
        axes.annotate(
            format(y, ending), (x, y), (5, 0), textcoords="offset points", va="center", fontsize=9,
            color=line.get_color(), annotation_clip=False,
        )  # fmt: skip


def _finish_curves(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.grid(axis="y", color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(axes.get_lines()) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _separate(axes: Any) -> None:
    """Moves last values apart that would be written over each other."""
    notes = sorted(axes.texts, key=lambda note: note.xy[1])
    low, high = axes.get_ylim()
    height = axes.bbox.height * 72.0 / axes.figure.dpi
    previous = -math.inf
    for note in notes:
        position = (note.xy[1] - low) / (high - low) * height
        shift = max(previous + 13.0 - position, 0.0)
        note.set_position((5, shift))
        previous = position + shift


def plot_history(history: Sequence[Any], *, title: str = "") -> Any:
    """Training curves: loss and, if it was measured, accuracy, each with the validation data as a second line.

    history: one row for each epoch, with attributes epoch, loss, accuracy, validation_loss and validation_accuracy, as
    `nn.fit` returns them; None is not measured.
    """
    rows = _rows("plot_history", history)
    panels: list[tuple[str, str, str]] = [("loss", "loss", ".3g")]
    if any(row.accuracy is not None or row.validation_accuracy is not None for row in rows):
        panels.append(("accuracy", "accuracy", ".1%"))
    figure = _figure(4.8 * len(panels), 3.4)
    figure.suptitle(_said(title), color=INK)
    epochs = [row.epoch for row in rows]
    for axes, (name, heading, ending) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        validation = [getattr(row, f"validation_{name}") for row in rows]
        _curve(axes, epochs, [getattr(row, name) for row in rows], ending, color=BLUE, label="training")
        _curve(axes, epochs, validation, ending, color=ORANGE, label="validation", linestyle="--")
        _tidy(axes, heading, "epoch")
        if name == "accuracy":
            _percent(axes)
        _finish_curves(axes)
        _separate(axes)
    return figure


def plot_histories(histories: Mapping[str, Sequence[Any]], *, title: str = "", logarithmic: bool = False) -> Any:
    """The loss of several trainings in one figure, such as one for each learning rate.

    histories: name to history. logarithmic: the loss on a logarithmic axis, for runs that differ by powers of ten.
    """
    if not histories:
        raise ValueError("plot_histories: needs at least one history, got none")
    figure = _figure(6.4, 3.8)
    axes = figure.subplots()
    for i, (name, history) in enumerate(histories.items()):
        rows = _rows("plot_histories", history)
        epochs = [row.epoch for row in rows]
        _curve(axes, epochs, [row.loss for row in rows], ".3g", color=PALETTE[i % len(PALETTE)], label=_said(name))
    if logarithmic:
        axes.set_yscale("log")
    _tidy(axes, title or "loss", "epoch")
    _finish_curves(axes)
    if not logarithmic:
        _separate(axes)
    return figure


def _rows(name: str, history: Sequence[Any]) -> list[Any]:
    rows = list(history)
    if not rows:
        raise ValueError(f"{name}: the history is empty: train for at least one epoch first")
    return rows


def _percent(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.02), min(high, 1.02))


def plot_decision_boundary(
    predict: Callable[[list[float]], float],
    inputs: Any,
    targets: Any,
    *,
    threshold: float | None = None,
    resolution: int = 80,
    title: str = "",
    class_names: Sequence[str] | None = None,
) -> Any:
    """Where a classifier of points in the plane decides for which class, with the examples on top.

    predict: takes [x1, x2]. With two classes, returns the probability of the second one, or a score that grows with it;
    with more, returns the class. inputs: shape (n, 2). targets: n classes. threshold: where the second class begins; by
    default 0.5 for probabilities, if all predictions lie in [0, 1], and 0 for scores. resolution: grid points per side;
    predict is called resolution² times. class_names: for the classes in ascending order.
    """
    import numpy as np

    points = np.asarray(inputs, dtype=float)
    classes = np.asarray(targets)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"plot_decision_boundary: inputs must have shape (n, 2), got {points.shape}")
    if classes.shape != (len(points),):
        raise ValueError(
            f"plot_decision_boundary: {len(points)} inputs need as many targets, got shape {classes.shape}"
        )
    figure = _figure(5.4, 4.6)
    axes = figure.subplots()
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-9) + 1e-9
    xs, ys = (np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in (0, 1))
    scores = np.array([[float(predict([float(x), float(y)])) for x in xs] for y in ys])

    kinds = np.unique(classes)
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(kinds))]
    if len(kinds) <= 2:
        from matplotlib.colors import LinearSegmentedColormap

        probable = bool(((scores >= 0.0) & (scores <= 1.0)).all())
        middle = threshold if threshold is not None else 0.5 if probable else 0.0
        reach = float(np.nanmax(np.abs(scores - middle))) or 1.0
        blend = LinearSegmentedColormap.from_list("blue to orange", ["#8fbde0", "#ffffff", "#f0a586"])
        levels = np.linspace(middle - reach, middle + reach, 21)
        axes.contourf(xs, ys, scores, levels=levels, cmap=blend, extend="both")
        if scores.min() < middle < scores.max():
            axes.contour(xs, ys, scores, levels=[middle], colors=[INK], linewidths=1.4)
    else:
        from matplotlib.colors import ListedColormap

        places = np.searchsorted(kinds, np.clip(scores, kinds[0], kinds[-1]))
        axes.pcolormesh(
            xs, ys, places, cmap=ListedColormap(colours), alpha=0.3, shading="nearest",
            vmin=-0.5, vmax=len(kinds) - 0.5, linewidth=0, rasterized=True,
        )  # fmt: skip
    for i, kind in enumerate(kinds):
        chosen = points[classes == kind]
        name = _said(class_names[i]) if class_names is not None else f"class {kind:g}"
        axes.scatter(*chosen.T, s=26, color=colours[i], edgecolor="white", linewidth=0.7, label=name)
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(ys[0], ys[-1])
    _tidy(axes, title, "x1", "x2")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=9)
    return figure


def plot_confusion_matrix(matrix: Any, class_names: Sequence[str] | None = None, *, title: str = "") -> Any:
    """Which class was taken for which, as counts.

    matrix: entry [a, p] counts examples of class a predicted as p. What was right, the diagonal, is blue by its share
    of the class; mistakes have a scale of their own, from white to orange, so that the diagonal does not hide them.
    """
    import numpy as np

    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"plot_confusion_matrix: the matrix must be square, got shape {counts.shape}")
    size = len(counts)
    names = [str(i) for i in range(size)] if class_names is None else [_said(name) for name in class_names]
    if len(names) != size:
        raise ValueError(f"plot_confusion_matrix: {size} classes need as many names, got {len(names)}")
    right = np.eye(size, dtype=bool)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    worst = max(float(np.where(right, 0, counts).max()), 1.0)
    paint = np.ones((size, size, 3))
    for chosen, strength, ink in ((right, 0.15 + 0.55 * shares, BLUE), (~right, 0.1 + 0.6 * counts / worst, ORANGE)):
        shade = np.where(chosen & (counts > 0), strength, 0.0)[..., None]
        paint += shade * (np.array([int(ink[i : i + 2], 16) / 255 for i in (1, 3, 5)]) - 1.0)

    figure = _figure(max(0.46 * size + 1.6, 4.0), max(0.46 * size + 1.4, 3.6))
    axes = figure.subplots()
    axes.imshow(paint)
    for a in range(size):
        for p in range(size):
            if counts[a, p]:
                weight = "normal" if a == p else "bold"
                axes.text(p, a, f"{counts[a, p]:g}", ha="center", va="center", fontsize=9, color=INK, weight=weight)
    accuracy = float(counts[right].sum() / max(counts.sum(), 1))
    wrong = counts.sum() - counts[right].sum()
    _tidy(axes, title or f"{accuracy:.1%} right, {wrong:g} of {counts.sum():g} wrong", "predicted", "actual")
    long = max(map(len, names)) > 3
    axes.set_xticks(range(size), names, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(range(size), names)
    axes.set_xticks([i + 0.5 for i in range(size - 1)], minor=True)
    axes.set_yticks([i + 0.5 for i in range(size - 1)], minor=True)
    axes.grid(which="minor", color="#e6e9ed", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GREY)
    return figure


def plot_predictions(predicted: Iterable[float], actual: Iterable[float], *, title: str = "") -> Any:
    """Predicted against actual numbers, for regression: what is right lies on the line.

    predicted, actual: n numbers each. The title says the root of the mean squared error unless another is given.
    """
    import numpy as np

    found, true = (np.asarray(list(numbers), dtype=float) for numbers in (predicted, actual))
    if found.ndim != 1 or found.shape != true.shape or not len(true):
        raise ValueError(
            f"plot_predictions: needs as many predictions as actual numbers, got {found.shape} and {true.shape}"
        )
    figure = _figure(4.4, 4.0)
    axes = figure.subplots()
    low, high = float(min(found.min(), true.min())), float(max(found.max(), true.max()))
    room = 0.05 * (high - low) or 1.0
    axes.plot([low - room, high + room], [low - room, high + room], color=GREY, linewidth=1.2, zorder=1)
    axes.scatter(true, found, s=22, color=BLUE, edgecolor="white", linewidth=0.6, zorder=2)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, high + room)
    axes.locator_params(nbins=5)
    axes.ticklabel_format(scilimits=(-3, 4), useMathText=True)
    error = math.sqrt(float(((found - true) ** 2).mean()))
    _tidy(axes, title or f"off by {error:.3g} (root mean square)", "actual", "predicted")
    return figure


def plot_digits(
    images: Any,
    labels: Iterable[int],
    probabilities: Any,
    *,
    class_names: Sequence[str] | None = None,
    most: int = 24,
    columns: int = 6,
    title: str = "",
) -> Any:
    """A sheet of images, each with the predicted class, its probability, and a bar for every class. Mistakes are red.

    images: shape (n, height, width). labels: n true classes. probabilities: shape (n, classes). most: how many to show:
    the mistakes first, surest one first, then the others in order.
    """
    import numpy as np

    pictures, actual = np.asarray(images, dtype=float), np.asarray(list(labels), dtype=int)
    chances = np.asarray(probabilities, dtype=float)
    if pictures.ndim != 3 or len(pictures) == 0:
        raise ValueError(f"plot_digits: images must have shape (n, height, width), got {pictures.shape}")
    if chances.ndim != 2 or not len(pictures) == len(actual) == len(chances):
        raise ValueError(
            f"plot_digits: {len(pictures)} images need as many labels and rows of probabilities, "
            f"got {len(actual)} and shape {chances.shape}"
        )
    names = [str(i) for i in range(chances.shape[1])] if class_names is None else [_said(n) for n in class_names]
    predicted = chances.argmax(axis=1)
    sureness = chances.max(axis=1)
    mistakes = sorted(np.flatnonzero(predicted != actual), key=lambda i: -sureness[i])
    chosen = [*mistakes, *np.flatnonzero(predicted == actual)][:most]

    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = _figure(1.35 * columns + 0.2, 1.95 * rows + 0.5)
    heading = title or f"{len(mistakes)} of {len(pictures)} wrong" + (" (in red)" if mistakes else "")
    figure.suptitle(_said(heading), color=INK, fontsize=11)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[3.2, 1.0] * rows)
    for place, i in enumerate(chosen):
        row, column = divmod(place, columns)
        wrong = predicted[i] != actual[i]
        ink = RED if wrong else INK
        axes = figure.add_subplot(grid[2 * row, column])
        axes.imshow(pictures[i], cmap="gray_r", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(ink if wrong else GREY)
            spine.set_linewidth(2.0 if wrong else 0.8)
        said = f"{names[predicted[i]]}  {_percentage(sureness[i])}"
        axes.set_title(said + (f"\nis {names[actual[i]]}" if wrong else ""), color=ink, fontsize=9, pad=3)
        bars = figure.add_subplot(grid[2 * row + 1, column])
        colours = [ink if k == predicted[i] else BLUE if k == actual[i] else GREY for k in range(len(names))]
        bars.bar(range(len(names)), chances[i], color=colours, width=0.8)
        bars.set_ylim(0.0, 1.0)
        bars.set_yticks([])
        short = len(names) <= 10 and max(map(len, names)) <= 2
        bars.set_xticks(range(len(names)) if short else [], names if short else [])
        bars.tick_params(length=0, labelsize=6, colors=SOFT, pad=1)
        for side in ("top", "left", "right"):
            bars.spines[side].set_visible(False)
        bars.spines["bottom"].set_color(GREY)
    return figure


def _percentage(p: float) -> str:
    """As 97 %; never 100 % for less than certainty as far as a reader can tell."""
    return "> 99 %" if 0.995 <= p < 1.0 else f"{p:.0%}".replace("%", " %")
