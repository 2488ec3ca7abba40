"""What a model decides: boundaries, tables of mistakes and sheets of digits, with matplotlib (the `plot` extra).

Every function returns a `matplotlib.figure.Figure` of its own: nothing is kept in pyplot's global state, no window
opens, and a figure is freed like any other object. With `ax=`, it draws into Axes of yours and returns these; what is
there stays. `save_figure` writes a figure to a file.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from visualize.figures import FINE, PALETTE, Panel, counted, figure_for, look_of, share, sheet_for, typed, whole_number
from visualize.style import BLUE, GREY, INK, ORANGE, SOFT, number

__all__ = ["plot_confusion_matrix", "plot_decision_boundary", "plot_digits", "plot_predictions"]

RED = "#c1121f"


# ---------------------------------------------------------------- the decision boundary


class _Plane(NamedTuple):
    """What a classifier says on a grid. kinds: the classes that there are, in ascending order. scores[j, i]: at
    (xs[i], ys[j]); of more than two classes, the place of the one decided for. nan where there is none.
    """

    kinds: list[Any]
    xs: Any
    ys: Any
    scores: Any

    @classmethod
    def of(cls, predict: Callable[[list[float]], Any], points: Any, kinds: list[Any], resolution: int) -> _Plane:
        import numpy as np

        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.12 * np.maximum(high - low, 1e-9) + 1e-9
        xs, ys = (np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in (0, 1))
        found = [[predict([float(x), float(y)]) for x in xs] for y in ys]
        scores = np.array([[_score(one, kinds) for one in row] for row in found])
        if np.isnan(scores).all():
            wanted = "a number that is not nan" if _are_scores(kinds) else f"one of {', '.join(map(repr, kinds))}"
            raise ValueError(
                f"plot_decision_boundary: predict must return {wanted:.200}, but it never does; "
                f"at {[float(xs[0]), float(ys[0])]} it returned {found[0][0]!r:.200}"
            )
        return cls(kinds, xs, ys, scores)

    def draw(self, panel: Panel, threshold: float | None, colours: Sequence[str]) -> list[tuple[Any, str]]:
        """The classes, and what is none; returns entries for the legend."""
        import numpy as np

        if _are_scores(self.kinds):
            self._draw_scores(panel.axes, threshold)
        else:
            self._draw_regions(panel.axes, colours)
        holes = int(np.isnan(self.scores).sum())
        says = "predicts no number" if _are_scores(self.kinds) else "predicts none of these"
        whole = ((self.xs[0], self.ys[0]), (self.xs[-1], self.ys[-1]))
        return [panel.hatch([whole], f"{says}\n({holes:,} of {self.scores.size:,} points)")] if holes else []

    def _draw_scores(self, axes: Any, threshold: float | None) -> None:
        """Of two classes: orange to blue by the score, and a line where the second class begins."""
        import numpy as np
        from matplotlib.colors import LinearSegmentedColormap

        there = self.scores[~np.isnan(self.scores)]
        probable = bool(((there >= 0.0) & (there <= 1.0)).all())
        middle = threshold if threshold is not None else 0.5 if probable else 0.0
        reach = float(np.abs(there[np.isfinite(there)] - middle).max(initial=0.0)) or 1.0
        reach = min(reach, 1e240)  # contours end at 1e250
        scores = np.ma.masked_invalid(np.clip(self.scores, middle - reach, middle + reach))
        blend = LinearSegmentedColormap.from_list("orange to blue", ["#f0a586", "#ffffff", "#8fbde0"])
        levels = np.linspace(middle - reach, middle + reach, 21)
        axes.contourf(self.xs, self.ys, scores, levels=levels, cmap=blend, extend="both")
        if scores.min() < middle < scores.max():
            axes.contour(self.xs, self.ys, scores, levels=[middle], colors=[INK], linewidths=1.4)

    def _draw_regions(self, axes: Any, colours: Sequence[str]) -> None:
        """Of more than two classes: the colour of the one decided for."""
        import numpy as np
        from matplotlib.colors import ListedColormap, to_rgb

        light = [0.7 + 0.3 * np.array(to_rgb(colour)) for colour in colours]  # which hides the hatching behind
        axes.pcolormesh(
            self.xs, self.ys, np.ma.masked_invalid(self.scores), cmap=ListedColormap(light), shading="nearest",
            vmin=-0.5, vmax=len(self.kinds) - 0.5, linewidth=0, rasterized=True,
        )  # fmt: skip


def _are_scores(kinds: Sequence[Any]) -> bool:
    """Whether a classifier says how sure it is of the second class, rather than which class it is."""
    return len(kinds) <= 2


def _score(found: Any, kinds: Sequence[Any]) -> float:
    """What a classifier says as a number: a score, or the place of a class; nan for none."""
    if isinstance(found, str):
        return float(kinds.index(found)) if found in kinds else math.nan
    try:
        score = float(found)
    except (TypeError, ValueError):
        raise TypeError(
            "plot_decision_boundary: predict must return one number, or the class, for one example [x1, x2]; got "
            f"{found!r:.200}"
        ) from None
    if _are_scores(kinds):
        return score
    places = (i for i, kind in enumerate(kinds) if not isinstance(kind, str) and abs(kind - score) < 1e-6)
    return float(next(places, math.nan))


def plot_decision_boundary(
    predict: Callable[[list[float]], Any],
    inputs: Any,
    targets: Any,
    *,
    threshold: float | None = None,
    resolution: int = 80,
    title: str = "",
    class_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Where a classifier of points in the plane decides for which class, with the examples on top.

    predict: takes [x1, x2]. With two classes, returns the probability of the second one, or a score that grows with it;
    with more, returns the class. inputs: shape (n, 2). targets: n classes, numbers or words. threshold: where the
    second class begins; by default 0.5 for probabilities, if all predictions lie in [0, 1], and 0 for scores.
    resolution: grid points per side; predict is called resolution² times. class_names: for the classes in ascending
    order. ax: Axes to draw into.

    Returns a Figure, or `ax`. Where predict returns nan, or a class that no example has, is hatched.
    """
    resolution = whole_number("plot_decision_boundary", "resolution", resolution, 2)
    if threshold is not None and not (isinstance(threshold, numbers.Real) and math.isfinite(threshold)):
        raise ValueError(f"plot_decision_boundary: threshold must be a finite number, got {threshold!r:.200}")
    sheet = sheet_for("plot_decision_boundary", ax, 5.4, 4.6)
    points, kinds, places = _checked_examples(predict, inputs, targets)
    names = _class_names(kinds, class_names)
    plane = _Plane.of(predict, points, kinds, resolution)
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    if _are_scores(kinds):
        colours = [ORANGE, BLUE][: len(kinds)]  # blue is what is positive, as everywhere
    (panel,) = sheet.panels
    holes = plane.draw(panel, threshold, colours)
    dots = []
    for i, (name, colour) in enumerate(zip(names, colours, strict=True)):
        chosen = points[places == i]
        dots.append(panel.axes.scatter(*chosen.T, s=26, color=colour, edgecolor="white", linewidth=0.7, label=name))
    panel.limit((plane.xs[0], plane.xs[-1]), (plane.ys[0], plane.ys[-1]))
    panel.describe(title, "x1", "x2")
    panel.legend([*dots, *(hole[0] for hole in holes)], [*names, *(hole[1] for hole in holes)], outside="right upper")
    return sheet.result


def _checked_examples(predict: Any, inputs: Any, targets: Any) -> tuple[Any, list[Any], Any]:
    """Points of the plane as an array, the classes that there are, ascending, and the place of each point's class."""
    import numpy as np

    if not callable(predict):
        raise TypeError(f"plot_decision_boundary: predict must be a function of [x1, x2], got {predict!r:.200}")
    points, classes = np.asarray(inputs, dtype=float), np.asarray(targets)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"plot_decision_boundary: inputs must have shape (n, 2), got {points.shape}")
    if classes.shape != (len(points),):
        raise ValueError(
            f"plot_decision_boundary: {len(points)} inputs need as many targets, got shape {classes.shape}"
        )
    for what, given in (("input", points), ("target", classes)):
        strange = [i for i, x in enumerate(given) if given.dtype.kind == "f" and not np.isfinite(x).all()]
        if strange:
            raise ValueError(
                f"plot_decision_boundary: {what} {strange[0]} is {given[strange[0]].tolist()}; all must be finite, so "
                "leave that example away"
            )
    kinds, places = np.unique(classes, return_inverse=True)
    return points, kinds.tolist(), places


def _class_names(kinds: Sequence[Any], given: Sequence[str] | None) -> list[str]:
    """The names of the classes that there are."""
    if given is None:
        return [kind if isinstance(kind, str) else f"class {kind:.17g}" for kind in kinds]
    # More names than classes are the names of all classes, of which the examples show some.
    places = [kind for kind in kinds if isinstance(kind, int) and 0 <= kind < len(given)]
    if len(given) > len(kinds) and len(places) == len(kinds):
        return [str(given[place]) for place in places]
    if len(given) != len(kinds):
        raise ValueError(f"plot_decision_boundary: {len(kinds)} classes need as many names, got {len(given)}")
    return [str(name) for name in given]


# ---------------------------------------------------------------- the confusion matrix


def plot_confusion_matrix(
    matrix: Any, class_names: Sequence[str] | None = None, *, title: str = "", ax: Any = None
) -> Any:
    """Which class was taken for which, as counts.

    matrix: entry [a, p] counts examples of class a predicted as p, and is not negative. What was right, the diagonal,
    is blue by its share of the class; mistakes have a scale of their own, from white to orange, so that the diagonal
    does not hide them. ax: Axes to draw into. Returns a Figure, or `ax`.
    """
    import numpy as np

    counts = _counts(matrix)
    size, letters = len(counts), max(len(counted(n)) for n in counts.ravel())
    given = [str(name) for name in (range(size) if class_names is None else class_names)]
    names = [typed(name, max(24, len(name) // 2)) for name in given]  # a cell is three lines high
    if len(names) != size:
        raise ValueError(f"plot_confusion_matrix: {size} classes need as many names, got {len(names)}")
    room = 0.07 * max(len(line) for name in names for line in name.split("\n"))
    cell = max(0.46, LETTER * letters)
    sheet = sheet_for(
        "plot_confusion_matrix", ax, max(cell * size + 1.6, 4.0) + room, max(cell * size + 1.4, 3.6) + 0.7 * room
    )
    (panel,) = sheet.panels
    axes = panel.axes
    axes.imshow(_paint(counts))
    panel.limit((-0.5, size - 0.5), (-0.5, size - 0.5))
    axes.invert_yaxis()
    wide = axes.get_position().width * axes.figure.bbox.width / axes.figure.dpi / size
    look: dict[str, Any] = {"fontsize": min(max(9.0 * wide / (LETTER * letters), 4.0), 9.0), "color": INK}
    for a, p in np.argwhere(counts):
        weight = "normal" if a == p else "bold"
        axes.text(p, a, counted(counts[a, p]), ha="center", va="center", weight=weight, **look)
    right, total = counts.trace(), counts.sum()
    says = f"{share(right / total, 1, '%')} right, {counted(total - right)} of {counted(total)} wrong"
    panel.describe(title, "predicted", "actual", default=says)
    _name_cells(axes, names)
    return sheet.result


LETTER = 0.09
"""Inches that a digit of a count needs, at most."""


def _counts(matrix: Any) -> Any:
    """A confusion matrix as an array, checked."""
    import numpy as np

    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"plot_confusion_matrix: the matrix must be square, got shape {counts.shape}")
    if counts.dtype.kind not in "iuf":
        try:
            counts = counts.astype(float)
        except (TypeError, ValueError):
            raise TypeError(
                f"plot_confusion_matrix: the matrix must hold numbers, got {counts[0, 0].tolist()!r:.200}"
            ) from None
    strange = np.argwhere(~(np.isfinite(counts) & (counts >= 0)))
    if len(strange):
        a, p = strange[0].tolist()
        raise ValueError(
            f"plot_confusion_matrix: entry [{a}, {p}] is {counts[a, p]}, which is no count: it must be 0 or more"
        )
    if not counts.any():
        raise ValueError("plot_confusion_matrix: all counts are 0, so there is nothing to show")
    return counts


def _paint(counts: Any) -> Any:
    """The colour of each cell: array of shape (n, n, 3)."""
    import numpy as np

    right = np.eye(len(counts), dtype=bool)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    worst = max(float(np.where(right, 0, counts).max()), 1.0)
    paint = np.ones((*counts.shape, 3))
    for chosen, strength, ink in ((right, 0.15 + 0.55 * shares, BLUE), (~right, 0.1 + 0.6 * counts / worst, ORANGE)):
        shade = np.where(chosen & (counts > 0), strength, 0.0)[..., None]
        paint += shade * (np.array([int(ink[i : i + 2], 16) / 255 for i in (1, 3, 5)]) - 1.0)
    return paint


def _name_cells(axes: Any, names: Sequence[str]) -> None:
    """The names of the classes along both sides, and lines between the cells."""
    size, look = len(names), look_of(*names)
    long = max(map(len, names)) > 3
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if long else {}
    axes.set_xticks(range(size), names, **turned, **look)
    axes.set_yticks(range(size), names, **look)
    axes.set_xticks([i + 0.5 for i in range(size - 1)], minor=True)
    axes.set_yticks([i + 0.5 for i in range(size - 1)], minor=True)
    axes.grid(which="minor", color=FINE, linewidth=0.8)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GREY)


# ---------------------------------------------------------------- regression


def plot_predictions(predicted: Iterable[float], actual: Iterable[float], *, title: str = "", ax: Any = None) -> Any:
    """Predicted against actual numbers, for regression: what is right lies on the line.

    predicted, actual: n numbers each. The title says the root of the mean squared error unless another is given. A pair
    that is not finite is not drawn, and the legend says how many. ax: Axes to draw into. Returns a Figure, or `ax`.
    """
    import numpy as np

    found, true = (np.asarray(list(given), dtype=float) for given in (predicted, actual))
    if found.ndim != 1 or found.shape != true.shape or not len(true):
        raise ValueError(
            f"plot_predictions: needs as many predictions as actual numbers, got {found.shape} and {true.shape}"
        )
    drawn = (np.abs(found) < HUGE) & (np.abs(true) < HUGE)
    missing, found, true = int((~drawn).sum()), found[drawn], true[drawn]
    if not len(true):
        raise ValueError(
            f"plot_predictions: none of the {missing:,} pairs is finite and within {HUGE:g}; did the training diverge?"
        )
    sheet = sheet_for("plot_predictions", ax, 4.4, 4.0)
    (panel,) = sheet.panels
    axes = panel.axes
    low, high = float(min(found.min(), true.min())), float(max(found.max(), true.max()))
    room = 0.05 * (high - low) or 1.0
    ends = (low - room, high + room)
    axes.plot(ends, ends, color=GREY, linewidth=1.2, zorder=1)
    axes.scatter(true, found, s=22, color=BLUE, edgecolor="white", linewidth=0.6, zorder=2)
    panel.limit(ends, ends)
    if panel.empty:
        axes.locator_params(nbins=5)
        axes.ticklabel_format(scilimits=(-3, 4), useMathText=True)
    largest = float(np.abs(found - true).max()) or 1.0  # whose square may be beyond all floats
    error = largest * math.sqrt(float((((found - true) / largest) ** 2).mean()))
    says = f"off by {error:.3g} (root mean square{f' of {len(true):,}' if missing else ''})"
    panel.describe(title, "actual", "predicted", default=says)
    if missing:
        says = f"{missing:,} of {len(drawn):,} not drawn: nan, or beyond {number(HUGE, 1)}"
        panel.legend([_nothing()], [says], outside="lower center")
    return sheet.result


HUGE = 1e300
"""Farther than matplotlib can draw."""


def _nothing() -> Any:
    """What stands in a legend for what cannot be seen."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="")


# ---------------------------------------------------------------- digits


class _Guess(NamedTuple):
    """An image with what was made of it. names: of all classes; chances: of each of them; actual: the true class."""

    image: Any
    names: Sequence[str]
    chances: Any
    actual: int

    @property
    def predicted(self) -> int:
        """The likeliest class."""
        return int(self.chances.argmax())

    @property
    def ink(self) -> str:
        """Red for a mistake."""
        return INK if self.predicted == self.actual else RED

    @property
    def said(self) -> str:
        """What stands above."""
        wrong = self.predicted != self.actual
        said = f"{self.names[self.predicted]}  {share(self.chances.max())}"
        return typed(said + (f"\nis {self.names[self.actual]}" if wrong else ""), 19)

    def draw(self, axes: Any, bars: Any) -> None:
        """The image into `axes`, and below, into `bars`, a bar for every class."""
        wrong = self.predicted != self.actual
        axes.imshow(self.image, cmap="gray_r", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(RED if wrong else GREY)
            spine.set_linewidth(2.0 if wrong else 0.8)
        axes.set_title(self.said, color=self.ink, fontsize=9, pad=3, **look_of(self.said))
        places = range(len(self.names))
        colours = [self.ink if k == self.predicted else BLUE if k == self.actual else GREY for k in places]
        bars.bar(places, self.chances, color=colours, width=0.8)
        bars.set_ylim(0.0, 1.0)
        bars.set_yticks([])
        short = len(self.names) <= 10 and max(map(len, self.names)) <= 2
        bars.set_xticks(places if short else [], self.names if short else [], **(look_of(*self.names) if short else {}))
        bars.tick_params(length=0, labelsize=6, colors=SOFT, pad=1)
        for side in ("top", "left", "right"):
            bars.spines[side].set_visible(False)
        bars.spines["bottom"].set_color(GREY)


def plot_digits(
    images: Any,
    labels: Iterable[int],
    probabilities: Any,
    *,
    class_names: Sequence[str] | None = None,
    most: int = 24,
    columns: int = 6,
    title: str = "",
    ax: Any = None,
) -> Any:
    """A sheet of images, each with the predicted class, its probability, and a bar for every class. Mistakes are red.

    images: shape (n, height, width). labels: n true classes. probabilities: shape (n, classes). most: how many to show:
    the mistakes first, surest one first, then the others in order. ax: an empty Figure or SubFigure to draw into, as in
    `ax=figure.subfigures(1, 2)[0]`, because there are many panels. Returns a Figure, or `ax`.
    """
    most, columns = (whole_number("plot_digits", what, n, 1) for what, n in (("most", most), ("columns", columns)))
    guesses = _guesses(images, labels, probabilities, class_names)
    mistakes = [guess for guess in guesses if guess.predicted != guess.actual]
    mistakes.sort(key=lambda guess: -guess.chances.max())
    chosen = [*mistakes, *(guess for guess in guesses if guess.predicted == guess.actual)][:most]
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    lines = max(guess.said.count("\n") for guess in chosen)
    figure = figure_for("plot_digits", ax, 1.35 * columns + 0.2, (1.8 + 0.15 * lines) * rows + 0.5)
    says = title or f"{len(mistakes)} of {len(guesses)} wrong" + (" (in red)" if mistakes else "")
    says = typed(says, max(16 * columns, 24))
    figure.suptitle(says, color=INK, fontsize=11, **look_of(says))
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[3.2, 1.0] * rows)
    for place, guess in enumerate(chosen):
        row, column = divmod(place, columns)
        guess.draw(*(figure.add_subplot(grid[2 * row + below, column]) for below in (0, 1)))
    return figure


def _guesses(images: Any, labels: Iterable[int], probabilities: Any, class_names: Sequence[str] | None) -> list[_Guess]:
    """Images with what was made of them, checked."""
    import numpy as np

    pictures, actual = np.asarray(images, dtype=float), _whole_labels(labels)
    chances = np.asarray(probabilities, dtype=float)
    if pictures.ndim != 3 or len(pictures) == 0:
        raise ValueError(f"plot_digits: images must have shape (n, height, width), got {pictures.shape}")
    if chances.ndim != 2 or not len(pictures) == len(actual) == len(chances):
        raise ValueError(
            f"plot_digits: {len(pictures)} images need as many labels and rows of probabilities, "
            f"got {len(actual)} and shape {chances.shape}"
        )
    classes = chances.shape[1]
    names = [str(name) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"plot_digits: {classes} classes need as many names, got {len(names)}")
    worst = chances[~((chances >= 0.0) & (chances <= 1.0 + 1e-6))]
    if len(worst):
        raise ValueError(
            f"plot_digits: probabilities must lie between 0 and 1, got {worst[0]}; of logits, give softmax(logits)"
        )
    strange = actual[(actual < 0) | (actual >= classes)]
    if len(strange):
        raise ValueError(f"plot_digits: labels must be classes from 0 to {classes - 1}, got {strange[0]}")
    return [_Guess(*guess) for guess in zip(pictures, [names] * len(pictures), chances, actual.tolist(), strict=True)]


def _whole_labels(labels: Iterable[int]) -> Any:
    """Classes as an array of whole numbers."""
    import numpy as np

    given = np.asarray(list(labels))
    if given.dtype.kind not in "biuf" or given.ndim != 1:
        raise TypeError(f"plot_digits: labels must be n whole numbers, got {given.tolist()!r:.200}")
    strange = given[given != np.rint(given)]
    if len(strange):
        raise ValueError(f"plot_digits: labels must be whole numbers, the true classes, got {strange[0]}")
    return given.astype(int)
