"""Landscapes: the loss around a solution, and the ways that trainings take through it (the `plot` extra).

Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd import Value
from visualize.curves import NONE, Curve, draw_curves
from visualize.figures import PALETTE, Panel, look_of, sheet_for, typed, whole_number
from visualize.style import BLUE, INK, ORANGE, SOFT, number
from visualize.surface import Grid, OfFunction, OfModel, Path, Plane, Surface, paths_of

__all__ = ["plot_landscape", "plot_learning_rates"]

HEIGHTS = ("#6fa8d6", "#b5d3ea", "#eaf2f8", "#fdf3e7", "#f6d3b3", "#eeb189")
"""From the valley to the heights."""

CIRCLES: dict[str, Any] = {"marker": "o", "markersize": 4.5, "markerfacecolor": "white"}
FAR = 50.0
"""Widths of the picture, beyond which nobody asks where a path is."""

FARTHEST = 1e307
"""From the lowest loss of a curve to the highest: matplotlib multiplies it."""

ALIKE = 1.5
"""How much longer one axis may be than the other before it is said."""


def plot_landscape(
    model: Callable[..., Any],
    loss: Callable[[Any, Any], Any] | None = None,
    data: Any = None,
    *,
    path: Any = None,
    parameters: Any = None,
    at: Sequence[float] | float | None = None,
    span: float | tuple[float, float] | None = None,
    resolution: int | None = None,
    seed: int = 0,
    title: str = "",
    ax: Any = None,
) -> Any:
    """The mean loss of a model around its parameters, as contours; of one parameter, as a curve with its tangent.

    model, loss, data: as for `nn.fit`; data is a Dataset, or a pair of inputs and targets. Or, instead of a model, a
        plain function of one or two numbers, alone.
    path: parameter vectors in the order of the training, each like `autograd.read(model.parameters(), "data")`; a
        callback of `nn.fit` collects them. Or several paths by name. The axes are then the two directions in which most
        of it happens, its principal components, seen from its end, and are labelled with their share of its variance
        (section 7 of the paper).
    parameters: one or two Values to look along instead, or a Module of so many. With neither, two random directions, in
        which what leads into one neuron has the length of its weights (section 4), drawn with `seed`.
    at: of a plain function, the middle; by default 0. span: how far to look to each side, or a pair for the two axes;
        by default as far as the path, or 1 (in random directions), or the parameter's own size, and at least 1. In a
        plane, a path is seen from above. resolution: points per side, by default 41, or 101 for a plain function; the
        loss is computed at each.
    title: a line above. ax: Axes to draw into.

    Returns a Figure, or `ax`. What has no finite loss is hatched; where losses are of very different sizes, colours are
    logarithmic, as the colour bar says. Parameters and gradients stay as they are. Raises TypeError or ValueError,
    before anything is drawn, for what does not fit together.
    """
    sheet = sheet_for("plot_landscape", ax, 5.8, 4.6)
    chosen, reach = _chosen(parameters), _checked_span("plot_landscape", span)
    points = None if resolution is None else whole_number("plot_landscape", "resolution", resolution, 3)
    seed = whole_number("plot_landscape", "seed", seed, 0)
    surface = _surface(model, loss, data, chosen, at)
    paths = paths_of(path, surface)
    plane = _plane(surface, chosen, paths, seed)
    points = points or (101 if isinstance(surface, OfFunction) else 41)
    _draw(sheet.panels[0], surface, Grid.of(surface, plane, _frame(surface, plane, paths, reach), points), paths, title)
    return sheet.result


def _draw(panel: Panel, surface: Surface, grid: Grid, paths: Sequence[Path], title: str) -> None:
    picture = _Picture(panel, surface, grid, [_Way.of(path, grid, i, len(paths)) for i, path in enumerate(paths)])
    if len(grid.axes) == 1:
        picture.draw_curve(title)
    else:
        picture.draw_contours(title)


def _chosen(parameters: Any) -> list[Any] | None:
    """The parameters to look along, as a list; None if they are not given."""
    if parameters is None or isinstance(parameters, Value):
        return None if parameters is None else [parameters]
    given = parameters.parameters() if hasattr(parameters, "parameters") else parameters
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(
            "plot_landscape: parameters must be one or two Values, as in "
            f"parameters=model.layers[0].neurons[0].weights[:2], got {parameters!r:.200}"
        )
    return list(given)


def _checked_span(name: str, span: Any) -> list[float] | None:
    """One number or two, None if they are not given. Raises ValueError for what is nothing to go by."""
    if span is None:
        return None
    given = span.tolist() if hasattr(span, "tolist") else span
    spans = given if isinstance(given, tuple | list) else [given]
    if len(spans) not in (1, 2) or not all(_is_positive(x) for x in spans):
        raise ValueError(f"{name}: span must be a number > 0, or two of them, got {span!r:.200}")
    return [float(x) for x in spans]


def _is_positive(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, bool) and 0.0 < float(x) < math.inf


def _surface(model: Any, loss: Any, data: Any, chosen: Sequence[Value] | None, at: Any) -> Surface:
    """What is looked at: a model's loss on data, or a plain function."""
    if not callable(model):
        raise TypeError(
            "plot_landscape: the first argument must be a model, or a function of one or two numbers, "
            f"got {model!r:.200}"
        )
    if loss is None and data is None and chosen is None and not hasattr(model, "parameters"):
        return OfFunction(model, at)
    if loss is None or data is None:
        raise TypeError(
            "plot_landscape: of a model, give the loss and the data too, as in "
            "plot_landscape(model, nn.cross_entropy, data)"
        )
    if at is not None:
        raise TypeError("plot_landscape: at is for plain functions; of a model, the middle is where its parameters are")
    return OfModel(model, loss, data, chosen)


def _plane(surface: Surface, chosen: Sequence[Value] | None, paths: Sequence[Path], seed: int) -> Plane:
    if chosen is not None and isinstance(surface, OfModel):
        return Plane.of_parameters(surface, [surface.parameters.index(parameter) for parameter in chosen])
    if len(surface.theta) <= 2:
        return Plane.of_parameters(surface, range(len(surface.theta)))
    return Plane.through(surface, paths, seed) if paths else Plane.at_random(surface, seed)


def _frame(surface: Surface, plane: Plane, paths: Sequence[Path], span: Sequence[float] | None) -> Any:
    """From where to where to look along each axis: shape (1 or 2, 2). Paths that diverge may leave it."""
    import numpy as np

    if span is not None and len(span) > len(plane.reach):
        raise ValueError(f"{surface.asked}: span must be one number, as there is one axis, {plane.labels[0]}; got two")
    if span is not None or not paths:
        reach = plane.reach if span is None else np.broadcast_to(np.array(span, dtype=float), plane.reach.shape)
        return np.column_stack([plane.here - reach, plane.here + reach])
    shown = [plane.seen(path.points[:1] if path.diverges else path.points) for path in paths]
    points = np.concatenate([*shown, plane.here[None]] if len(plane.here) == 1 else shown)
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    size = np.where(size > 1e-9 * size.max(), size, size.max() or plane.reach)
    middle = 0.5 * (low + high)
    return np.column_stack([middle - 0.68 * size, middle + 0.68 * size])


def _with_the_far_side(frame: Any, path: Path) -> Any:
    """A frame that reaches as far beyond the end of a path as before it, to show how others overshoot."""
    import numpy as np

    reach = np.abs(frame - path.points[-1][:, None]).max(axis=1)
    return path.points[-1][:, None] + reach[:, None] * np.array([-1.0, 1.0])


# ---------------------------------------------------------------- how it looks


class _Scale(NamedTuple):
    """How losses become colours. levels: of the contours, as heights: losses less `shift`, divided by `unit`, which
    brings them to where matplotlib can draw.
    """

    levels: Any
    shift: float = 0.0
    logarithmic: bool = False
    unit: float = 1.0

    @classmethod
    def of_any(cls, losses: Any, along: Any, ratio: float = math.inf) -> _Scale:
        """For finite losses of any size; see `of`."""
        import numpy as np

        size = float(np.abs(losses).max())
        # No smaller than this: one over it is to be finite, too.
        unit = 1.0 if 1e-200 < size < 1e200 or not size else max(10.0 ** math.floor(math.log10(size)), 1e-300)
        found = cls.of(losses / unit, along / unit, ratio)
        return found._replace(shift=found.shift * unit, unit=unit)

    @classmethod
    def of(cls, losses: Any, along: Any, ratio: float = math.inf) -> _Scale:
        """For finite losses. Logarithmic if nearly all of them, or those along the path, look alike otherwise, or if
        the largest is more than `ratio` times the smallest.
        """
        import numpy as np
        from matplotlib.ticker import LogLocator, MaxNLocator

        low, high = float(losses.min()), float(losses.max())
        if not high > low:
            return cls(np.array([low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0)]))
        fraction = (np.median(losses) - low) / (high - low)
        if len(along):
            fraction = min(fraction, (float(along.max()) - low) / (high - low))
        even = cls(np.unique(MaxNLocator(16).tick_values(low, high)))
        if len(even.levels) < 2:  # as near to each other as floats can be
            even = cls(np.array([low, high]))
        if fraction > 0.1 and not (low > 0.0 and high > ratio * low):
            return even
        shift = min(low, 0.0)
        above = losses[losses > shift] - shift
        least, most = max(float(np.quantile(above, 0.01)), 1e-6 * float(above.max())), float(above.max())
        decades = math.log10(most / least)
        steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if decades < 2.0 else (1.0, 2.0, 5.0) if decades < 4.5 else (1.0, 3.0)
        levels = np.asarray(LogLocator(subs=steps, numticks=100).tick_values(least, most))
        levels = levels[(levels > 0.7 * least) & (levels < 1.5 * most)]
        return cls(levels, shift, True) if len(levels) > 2 else even

    @property
    def norm(self) -> Any:
        """From losses, less the shift, to colours."""
        from matplotlib.colors import LogNorm, Normalize

        return (LogNorm if self.logarithmic else Normalize)(self.levels[0], self.levels[-1])

    def heights(self, losses: Any) -> Any:
        """Losses as they are drawn; what is not finite is masked."""
        import numpy as np

        found = np.ma.masked_invalid(losses / self.unit - self.shift / self.unit)
        return np.ma.maximum(found, 0.5 * self.levels[0]) if self.logarithmic else found

    def said(self, level: float, _: Any = None) -> str:
        """A level as the loss that it stands for."""
        return _written(level + self.shift / self.unit, self.unit, self._digits).replace("-", "−")

    @property
    def _digits(self) -> int:
        """How many significant digits tell each level from the next."""
        import numpy as np

        losses = self.levels + self.shift / self.unit
        near = 0.01 * float(np.diff(losses).min())
        return next((n for n in range(4, 17) if all(abs(float(number(x, n)) - x) <= near for x in losses)), 17)


def _written(x: float, unit: float, digits: int) -> str:
    """x units, a power of ten, of which a float may hold x only.

    >>> _written(0.25, 1.0, 4), _written(-20.0, 1e307, 4)
    ('0.25', '-2e308')
    """
    if unit == 1.0 or not x:
        return number(x, digits)
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    return f"{number(float(mantissa), digits)}e{int(exponent) + round(math.log10(unit))}"


class _Way(NamedTuple):
    """A path as it is seen in the plane of a picture. xys: shape (k, 1 or 2), until it leaves for good, if it does.
    leaves: whether it does.
    """

    path: Path
    xys: Any
    ink: str
    leaves: bool

    @classmethod
    def of(cls, path: Path, grid: Grid, i: int, several: int) -> _Way:
        import numpy as np

        low, high = grid.corners
        xys = grid.plane.seen(path.points)
        inside = ((low <= xys) & (xys <= high)).all(axis=1)
        leaves = not inside[-1]
        if leaves and inside.any():
            last = int(np.flatnonzero(inside)[-1])
            step = xys[last + 1] - xys[last]
            far = np.abs(step / (high - low)).max()  # farther than matplotlib can draw, it may be
            xys = np.vstack([xys[: last + 1], xys[last] + step * min(1.0, FAR / far)])
        ink = PALETTE[i % len(PALETTE)] if several > 1 else INK
        return cls(path, xys if inside.any() else xys[:0], ink, leaves)

    @property
    def name(self) -> str:
        """What the legend says."""
        ending = "leaves the picture" if self.leaves else "diverges" if self.path.diverges else ""
        if not len(self.xys):
            ending = "outside of the picture"
        name = self.path.name or "training"
        return f"{name} ({ending})" if ending else name

    def losses_of(self, grid: Grid) -> list[float]:
        """The losses of the grid next to it."""
        import numpy as np

        spots = [np.rint((self.xys[:, k] - axis[0]) / (axis[1] - axis[0])) for k, axis in enumerate(grid.axes)]
        places = [(spot >= 0) & (spot < len(axis)) for spot, axis in zip(spots, grid.axes, strict=True)]
        inside = np.all(places, axis=0)
        found = grid.losses[tuple(spot[inside].astype(int) for spot in spots[::-1])]
        return [float(x) for x in found if math.isfinite(x)]


class _Picture(NamedTuple):
    """A landscape to draw into a panel."""

    panel: Panel
    surface: Surface
    grid: Grid
    ways: list[_Way]

    def _scale(self) -> _Scale:
        import numpy as np

        losses = self.grid.losses[np.isfinite(self.grid.losses)]
        along = [loss for way in self.ways for loss in way.losses_of(self.grid)]
        return _Scale.of_any(losses, np.array(along), 30.0 if isinstance(self.surface, OfModel) else math.inf)

    def draw_contours(self, title: str) -> None:
        """Contours with their numbers, a colour bar, and the paths."""
        from matplotlib.colors import LinearSegmentedColormap

        (xs, ys), axes, scale = self.grid.axes, self.panel.axes, self._scale()
        heights = scale.heights(self.grid.losses)
        blend = LinearSegmentedColormap.from_list("heights", HEIGHTS)
        look: dict[str, Any] = {"levels": scale.levels, "norm": scale.norm}
        holes = self._hatch([((xs[0], ys[0]), (xs[-1], ys[-1]))])
        filled = axes.contourf(xs, ys, heights, cmap=blend, extend="both" if scale.logarithmic else "neither", **look)
        lines = axes.contour(xs, ys, heights, colors=[INK], alpha=0.35, linewidths=0.6, levels=scale.levels)
        for text in axes.clabel(lines, scale.levels[1::2], fmt=scale.said, fontsize=7.5, colors=[INK]):
            text.set_alpha(1.0)
        self._draw_bar(filled, scale)
        entries = [entry for way in self.ways for entry in self._draw_way(way)] + self._ends() + holes
        self.panel.limit((xs[0], xs[-1]), (ys[0], ys[-1]))
        self.panel.describe(title, *self._axis_labels())
        self.panel.legend([e[0] for e in entries], [e[1] for e in entries], outside="lower center")

    def _hatch(self, boxes: Sequence[Any]) -> list[tuple[Any, str]]:
        """What is seen through the holes, and its entry for the legend."""
        if not self.grid.holes:
            return []
        says = f"no finite loss ({self.grid.holes:,} of {self.grid.losses.size:,} points)"
        return [self.panel.hatch(boxes, says)]

    def _gaps(self, y: tuple[float, float]) -> list[Any]:
        """Of a curve, boxes where there is no finite loss: half a step around each such point."""
        import numpy as np

        (xs,) = self.grid.axes
        edges = np.concatenate([xs[:1], 0.5 * (xs[1:] + xs[:-1]), xs[-1:]])
        missing = np.concatenate([[False], np.isnan(self.grid.losses), [False]])
        starts, ends = (np.flatnonzero(missing[1:] & ~missing[:-1]), np.flatnonzero(missing[:-1] & ~missing[1:]))
        return [((edges[i], y[0]), (edges[j], y[1])) for i, j in zip(starts, ends, strict=True)]

    def _draw_bar(self, filled: Any, scale: _Scale) -> None:
        label = self.surface.what + (" (logarithmic colours)" if scale.logarithmic else "")
        bar = self.panel.axes.figure.colorbar(
            filled, ax=self.panel.axes, pad=0.03, format=scale.said, ticks=scale.levels[:: 1 + len(scale.levels) // 12]
        )
        bar.minorticks_off()
        ink = {"color": SOFT} if self.panel.own else {}
        bar.set_label(typed(label, 44), fontsize=9, **ink, **look_of(label))
        bar.ax.tick_params(labelsize=8, **({"colors": SOFT} if self.panel.own else {}))
        bar.outline.set_visible(False)

    def _draw_way(self, way: _Way) -> list[tuple[Any, str]]:
        """A path with its start, its steps and its end, or an arrow where it leaves the picture."""
        axes, (xs, ys) = self.panel.axes, way.xys.T
        axes.plot(xs, ys, color="white", linewidth=3.6)
        small = {"marker": "o", "markersize": 3.5} if len(xs) <= 80 else {}
        (line,) = axes.plot(xs, ys, color=way.ink, linewidth=1.6, **small)
        axes.plot(xs[:1], ys[:1], "o", color="white", markeredgecolor=way.ink, markeredgewidth=1.6, markersize=7)
        if way.leaves and len(xs):
            start, end = self._exit(way)
            arrow = {"arrowstyle": "-|>,head_width=0.45,head_length=0.9", "color": way.ink, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", end, start, arrowprops=arrow, annotation_clip=False)
        elif not way.path.cut:
            axes.plot(xs[-1:], ys[-1:], "*", color=way.ink, markeredgecolor="white", markersize=13)
        return [(line, way.name)]

    def _exit(self, way: _Way) -> tuple[Any, Any]:
        """The last step of a path that leaves the picture: a point a little before the edge, and one on it."""
        import numpy as np

        low, high = self.grid.corners
        start, step = way.xys[-2], way.xys[-1] - way.xys[-2]
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(step > 0.0, (high - start) / step, np.where(step < 0.0, (low - start) / step, np.inf))
        share = float(np.clip(shares.min(), 0.0, 1.0))
        return start + 0.9 * share * step, start + share * step

    def _ends(self) -> list[tuple[Any, str]]:
        """How the legend explains the marks of starts and ends."""
        from matplotlib.lines import Line2D

        if not self.ways:
            return []
        look: dict[str, Any] = {"linestyle": "", "color": "white", "markeredgecolor": INK}
        start = Line2D([], [], marker="o", markersize=7, markeredgewidth=1.6, **look)
        end = Line2D([], [], marker="*", markersize=12, **{**look, "color": INK, "markeredgecolor": "white"})
        ended = any(not way.leaves and not way.path.cut for way in self.ways)
        return [(start, "start"), (end, "end")] if ended else [(start, "start")]

    def _axis_labels(self) -> list[str]:
        """The names of the axes; with a word where nothing changes along one, or where one is enlarged."""
        import numpy as np

        losses, labels = self.grid.losses, list(self.grid.plane.labels)
        for k, axis in enumerate(range(losses.ndim)[::-1]):
            if np.array_equal(losses, np.repeat(losses.take([0], axis), losses.shape[axis], axis), equal_nan=True):
                labels[k] += " (the loss does not change with it)"
        sizes = [axis[-1] - axis[0] for axis in self.grid.axes]
        for k, size in enumerate(sizes):
            if max(sizes) > ALIKE * size:
                labels[k] += f"\n{number(max(sizes) / size, 2)} × enlarged"
        return labels

    def draw_curve(self, title: str) -> None:
        """The loss along one parameter, with the tangent where it is now."""
        import numpy as np

        (xs,), axes, losses = self.grid.axes, self.panel.axes, self.grid.losses
        low, high = float(np.nanmin(losses)), float(np.nanmax(losses))
        if not high - low < FARTHEST:
            raise ValueError(
                f"{self.surface.asked}: the losses reach from {low:.3g} to {high:.3g}, which is too far to be drawn; "
                "try a smaller span, or divide the loss by a large number"
            )
        logarithmic = self._scale().logarithmic and np.nanmax(losses) > 1000.0 * np.nanmin(losses) > 0.0
        if logarithmic:
            axes.set_yscale("log")
        entries = [(axes.plot(xs, losses, color=BLUE, linewidth=1.8)[0], self.surface.what)]
        for way in self.ways:
            ys = np.interp(way.xys[:, 0], xs, losses, np.nan, np.nan)
            (dots,) = axes.plot(way.xys[:, 0], ys, color=way.ink, linewidth=0.8, **CIRCLES)
            entries.append((dots, way.name))
        if len(self.ways) < 2:
            entries += self._draw_tangent(high - low)
        room = 0.06 * (high - low) or 1.0
        y = (low / 1.3, high * 1.3) if logarithmic else (low - room, high + room)
        entries += self._hatch(self._gaps(y))
        self.panel.limit((xs[0], xs[-1]), y)
        (label,) = self._axis_labels()
        what = self.surface.what + (" (logarithmic)" if logarithmic else "")
        self.panel.describe(title, label, what)
        self.panel.legend([e[0] for e in entries[1:]], [e[1] for e in entries[1:]], outside="lower center")

    def _draw_tangent(self, height: float) -> list[tuple[Any, str]]:
        """The line with the slope of the loss where the parameter is."""
        import numpy as np

        surface, axes, (xs,) = self.surface, self.panel.axes, self.grid.axes
        (x,) = self.grid.plane.here
        place = int(np.argmax(self.grid.plane.directions[0]))
        with surface.open():
            loss = surface.at(surface.theta)
        slope = surface.slope(place)
        if not (math.isfinite(loss) and math.isfinite(slope) and xs[0] <= x <= xs[-1]):
            return []
        reach = 0.25 * (xs[-1] - xs[0])
        reach = min(reach, 0.4 * height / abs(slope)) if slope and height else reach
        near = np.linspace(max(x - reach, xs[0]), min(x + reach, xs[-1]), 50)
        line = loss + slope * (near - x)
        if axes.get_yscale() == "log":
            line = np.where(line > 0.0, line, np.nan)
        (tangent,) = axes.plot(near, line, color=ORANGE, linewidth=1.8, linestyle="--")
        axes.plot([x], [loss], "o", color=ORANGE, markersize=7, markeredgecolor="white")
        return [(tangent, f"tangent, slope {slope:.3g}".replace("-", "−"))]


# ---------------------------------------------------------------- learning rates


class _Descent(NamedTuple):
    """What gradient descent with one learning rate does: where it is after each step, and the losses there."""

    points: list[Any]
    losses: list[float]

    @classmethod
    def of(cls, surface: OfFunction, rate: float, steps: int) -> _Descent:
        """θ ← θ - η ∂L/∂θ, until it is far beyond all pictures, or nowhere."""
        import numpy as np

        points, losses = [surface.theta], [surface.at(surface.theta)]
        if not math.isfinite(losses[0]):
            raise ValueError(f"plot_learning_rates: the function is {losses[0]} at {surface.theta.tolist()}, the start")
        while len(points) <= steps and math.isfinite(losses[-1]) and np.abs(points[-1]).max() < 1e100:
            with np.errstate(all="ignore"):
                points.append(points[-1] - rate * np.array(surface.gradient(points[-1])))
            losses.append(surface.at(points[-1]) if np.isfinite(points[-1]).all() else math.inf)
        return cls(points, losses)

    def path(self, name: str) -> Path:
        """It as a path on a landscape."""
        import numpy as np

        good = [point for point in self.points if np.isfinite(point).all()]
        return Path(name, np.array(good), self.losses[0], self.losses[-1], len(good) < len(self.points))


def plot_learning_rates(
    f: Callable[..., Any],
    at: Sequence[float] | float,
    rates: Mapping[str, float] | Sequence[float],
    *,
    steps: int = 20,
    span: float | tuple[float, float] | None = None,
    resolution: int | None = None,
    title: str = "",
    ax: Any = None,
) -> Any:
    """Gradient descent with several learning rates on one landscape, and beside it the losses step by step: too small a
    rate creeps, too large a one leaves the picture.

    f: a function of one or two numbers, which takes Values. at: where each descent begins. rates: the learning rates,
    or names for them, as in `{"too small": 0.01, "right": 0.1, "too large": 1.1}`. steps: how many each descent takes.
    span: how far to look to each side of `at`; by default as far as the descents that do not end higher than they
    began. resolution: points per side. ax: two Axes to draw into. Returns a Figure, or `ax`.
    """
    asked, named = "plot_learning_rates", _named_rates(rates)
    if not callable(f) or hasattr(f, "parameters"):
        raise TypeError(
            f"{asked}: f must be a plain function of one or two numbers, got {f!r:.200}; the way of a model's training "
            "is drawn by plot_landscape(model, loss, data, path=path)"
        )
    sheet = sheet_for(asked, ax, 10.4, 4.8, ("landscape", "losses"))
    steps, reach = whole_number(asked, "steps", steps, 1), _checked_span(asked, span)
    points = 101 if resolution is None else whole_number(asked, "resolution", resolution, 3)
    surface = OfFunction(f, at, asked)
    descents = {name: _Descent.of(surface, rate, steps) for name, rate in named.items()}
    plane = Plane.of_parameters(surface, range(len(surface.theta)))
    paths = [descent.path(name) for name, descent in descents.items()]
    frame = _frame(surface, plane, paths, reach)
    if span is None and any(path.diverges for path in paths):
        frame = _with_the_far_side(frame, min(paths, key=lambda path: math.inf if path.diverges else path.last))
    _draw(sheet.panels[0], surface, Grid.of(surface, plane, frame, points), paths, title)
    _draw_descents(sheet.panels[1], descents)
    return sheet.result


def _named_rates(rates: Any) -> dict[str, float]:
    """Learning rates with their names, and with as many digits as tell them apart."""
    rates = rates.tolist() if hasattr(rates, "tolist") else rates
    if not isinstance(rates, Mapping | Sequence) or isinstance(rates, str) or not len(rates):
        raise TypeError(
            "plot_learning_rates: rates must be a list of learning rates, or names with them, as in "
            f'{{"too small": 0.01, "right": 0.1}}; got {rates!r:.200}'
        )
    pairs = list(rates.items()) if isinstance(rates, Mapping) else [("rate", rate) for rate in rates]
    for name, rate in pairs:
        if not _is_positive(rate):
            raise ValueError(f"plot_learning_rates: a learning rate must be a number > 0, got {rate!r:.200} ({name})")
    different = {float(rate) for _, rate in pairs}
    digits = next((n for n in range(6, 17) if len({f"{rate:.{n}g}" for rate in different}) == len(different)), 17)
    return {f"{name}: {rate:.{digits}g}": float(rate) for name, rate in pairs}


def _draw_descents(panel: Panel, descents: Mapping[str, _Descent]) -> None:
    """Losses step by step, on an axis that ends a little above the start: what goes beyond is noted at its edge."""
    curves, finite = [], []
    for i, (name, descent) in enumerate(descents.items()):
        losses = [loss for loss in descent.losses if math.isfinite(loss)]
        finite += losses
        curves.append(
            Curve(name, range(len(losses)), losses, f"{losses[-1]:.3g}", {"color": PALETTE[i % len(PALETTE)]})
        )
    start, low = finite[0], min(finite)
    logarithmic = low >= 0.0 and start > 0.0
    draw_curves(panel, curves, legend=NONE, logarithmic=logarithmic)
    if panel.empty and logarithmic:
        panel.axes.set_ylim(max(min(x for x in finite if x > 0.0), 1e-8 * start) / 2.0, 20.0 * start)
    elif panel.empty:
        room = (start - low) or 1.0
        panel.axes.set_ylim(low - 0.06 * room, start + 0.6 * room)
    panel.describe("", "step", "", default="loss")
