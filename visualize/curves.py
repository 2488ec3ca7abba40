"""How a training goes, epoch by epoch: losses, accuracies, and the gradient of each layer (the `plot` extra)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from visualize.figures import FINE, PALETTE, Panel, keep_apart, look_of, share, sheet_for, typed
from visualize.style import BLUE, INK, ORANGE

__all__ = ["Curve", "draw_curves", "plot_gradient_flow", "plot_histories", "plot_history"]


NONE = 1_000_000
"""Lines, from which on there is a legend: none."""


class Curve(NamedTuple):
    """A line: a number for each x, None where it was not measured. ending: what is written at its last point, "" for
    nothing. look: for matplotlib.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    ending: str
    look: Mapping[str, Any]

    @classmethod
    def of(
        cls, name: str, xs: Sequence[float], ys: Sequence[float | None], say: Callable[[float], str], **look: Any
    ) -> Curve:
        """A line that ends with its last number, if that is finite, written by `say`."""
        last = next((y for y in reversed(ys) if y is not None), math.nan)
        return cls(name, xs, ys, say(last) if math.isfinite(last) else "", look)

    @property
    def points(self) -> list[tuple[float, float]]:
        """What was measured."""
        return [(x, float(y)) for x, y in zip(self.xs, self.ys, strict=True) if y is not None]


def draw_curves(panel: Panel, curves: Sequence[Curve], *, legend: int = 2, logarithmic: bool = False) -> None:
    """Draw lines, with what is written at their ends kept apart. legend: from how many lines on there is one.
    logarithmic: numbers that are not > 0 leave gaps; one at the end is noted at the lower edge.
    """
    axes, notes = panel.axes, []
    if logarithmic:
        if panel.empty and not any(0.0 < y < math.inf for curve in curves for _, y in curve.points):
            axes.set_ylim(0.1, 1.0)  # there is nothing to see
        axes.set_yscale("log", nonpositive="mask")
    shown = [curve for curve in curves if curve.points]
    end = max((curve.points[-1][0] for curve in shown), default=0.0)
    lines = []
    for curve in shown:
        xs, ys = zip(*curve.points, strict=True)
        lines += axes.plot(xs, ys, linewidth=1.8, marker="o" if len(xs) == 1 else None, **curve.look)
        lines[-1].set_label(curve.name)
        if curve.ending:
            # Somebody else's Axes have a line at their right side, which text is not to cross.
            at, kind = (1.0, "axes fraction") if not panel.own and xs[-1] == end else (xs[-1], "data")
            words = typed(curve.ending, 30)
            note = axes.annotate(
                words, (at, 0.5), (5, 0), xycoords=(kind, "axes fraction"), textcoords="offset points",
                va="center", fontsize=9, color=lines[-1].get_color(), annotation_clip=False, **look_of(words),
            )  # fmt: skip
            notes.append((note, ys[-1]))
    keep_apart(axes, notes)
    if panel.empty:
        _tidy_epochs(panel, sorted({x for curve in shown for x, _ in curve.points}))
    if len(lines) >= legend:
        panel.legend(lines, [curve.name for curve in shown])


def _tidy_epochs(panel: Panel, xs: Sequence[float]) -> None:
    """Lines behind the curves, and whole numbers below."""
    from matplotlib.ticker import MaxNLocator

    panel.axes.grid(axis="y", linewidth=0.8, **({"color": FINE} if panel.own else {"alpha": 0.3}))
    panel.axes.set_axisbelow(True)
    panel.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(xs) == 1:
        panel.axes.set_xlim(xs[0] - 1.0, xs[0] + 1.0)


def plot_history(history: Sequence[Any], *, title: str = "", ax: Any = None) -> Any:
    """Training curves: loss and, if it was measured, accuracy, each with the validation data as a second line.

    history: one row for each epoch, with attributes epoch, loss, accuracy, validation_loss and validation_accuracy, as
    `nn.fit` returns them; None is not measured. ax: Axes to draw into, a list of two if there is accuracy.

    Returns a Figure, or what was given as `ax`.
    """
    rows = _rows("plot_history", history)
    counted = any(row.accuracy is not None or row.validation_accuracy is not None for row in rows)
    names = ["loss", "accuracy"] if counted else ["loss"]
    sheet = sheet_for("plot_history", ax, 4.8 * len(names), 3.4, names)
    if sheet.own and title:
        words = typed(title, 52 * len(names))
        sheet.result.suptitle(words, color=INK, **look_of(words))
    epochs = [row.epoch for row in rows]
    for panel, name in zip(sheet.panels, names, strict=True):
        say = _loss if name == "loss" else _accuracy
        training, validation = ([getattr(row, kind + name) for row in rows] for kind in ("", "validation_"))
        draw_curves(panel, [
            Curve.of("training", epochs, training, say, color=BLUE),
            Curve.of("validation", epochs, validation, say, color=ORANGE, linestyle="--"),
        ])  # fmt: skip
        own_title = "" if sheet.own or not title else title if name == "loss" else name
        panel.describe(own_title, "epoch", "", default=name)
        if name == "accuracy":
            _percent(panel)
    return sheet.result


def plot_histories(
    histories: Mapping[str, Sequence[Any]], *, title: str = "", logarithmic: bool = False, ax: Any = None
) -> Any:
    """The loss of several trainings in one figure, such as one for each learning rate.

    histories: name to history. logarithmic: the loss on a logarithmic axis, for runs that differ by powers of ten; a
    loss that is not > 0 is not on it. ax: Axes to draw into. Returns a Figure, or `ax`.
    """
    if not isinstance(histories, Mapping):
        raise TypeError(
            f"plot_histories: needs names with histories, as in {{'rate 0.1': history}}, got {histories!r:.200}"
        )
    if not histories:
        raise ValueError("plot_histories: needs at least one history, got none")
    curves = []
    for i, (name, history) in enumerate(histories.items()):
        rows = _rows("plot_histories", history)
        epochs, losses = [row.epoch for row in rows], [row.loss for row in rows]
        curves.append(Curve.of(str(name), epochs, losses, _loss, color=PALETTE[i % len(PALETTE)]))
    sheet = sheet_for("plot_histories", ax, 6.4, max(3.8, 1.4 + 0.2 * len(curves)))
    (panel,) = sheet.panels
    draw_curves(panel, curves, legend=1, logarithmic=logarithmic)
    panel.describe(title, "epoch", "", default="loss")
    return sheet.result


def _rows(name: str, history: Sequence[Any]) -> list[Any]:
    rows = list(history)
    if not rows:
        raise ValueError(f"{name}: the history is empty: train for at least one epoch first")
    if not hasattr(rows[0], "epoch") or not hasattr(rows[0], "loss"):
        raise TypeError(
            f"{name}: needs a history as nn.fit returns it, with a row for each epoch, got {rows[0]!r:.200}"
        )
    return rows


def _loss(x: float) -> str:
    return f"{x:.3g}"


def _accuracy(x: float) -> str:
    return share(x, 1, "%")


def _percent(panel: Panel) -> None:
    from matplotlib.ticker import PercentFormatter

    panel.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    low, high = panel.axes.get_ylim()
    if panel.empty:
        panel.axes.set_ylim(max(low, -0.02), min(high, 1.02))


def plot_gradient_flow(history: Any, *, title: str = "", ax: Any = None) -> Any:
    """How large the gradient is that arrives at each layer, epoch by epoch, on a logarithmic axis: where it vanishes on
    its way back, or explodes.

    history: a `nn.History`, whose `gradients` hold the mean of |∂L/∂w| over the parameters w of a layer and the steps
    of an epoch. ax: Axes to draw into. Returns a Figure, or `ax`. Unless another is given, the title says how the first
    layer compares with the last one at the end.
    """
    gradients = getattr(history, "gradients", None)
    if not isinstance(gradients, Mapping):
        raise TypeError(
            f"plot_gradient_flow: needs the History that nn.fit returned, or a TrainingError's; a part of it, such as "
            f"history[1:], has no gradients. Got {type(history).__name__}"
        )
    if not gradients:
        raise ValueError("plot_gradient_flow: this history holds no gradients: train for at least one epoch first")
    epochs = [row.epoch for row in history if row.epoch > 0]
    if {len(sizes) for sizes in gradients.values()} != {len(epochs)}:
        raise ValueError(
            f"plot_gradient_flow: the history has {len(epochs)} epochs of training, but gradients of "
            f"{max(map(len, gradients.values()))}: it was changed since"
        )
    sheet = sheet_for("plot_gradient_flow", ax, 6.4, max(3.8, 1.4 + 0.19 * len(gradients)))
    (panel,) = sheet.panels
    inks = _shades(len(gradients))
    curves = [
        Curve(name, epochs, sizes, name if sizes[-1] > 0.0 else f"{name}: {sizes[-1]:g}", {"color": ink})
        for (name, sizes), ink in zip(gradients.items(), inks, strict=True)
    ]
    draw_curves(panel, curves, legend=NONE, logarithmic=True)
    panel.describe(title, "epoch", "mean |gradient|", default=_compared(gradients))
    return sheet.result


def _compared(gradients: Mapping[str, Sequence[float]]) -> str:
    """How large the gradient of the first layer is beside that of the last, at the end."""
    names = list(gradients)
    first, last = (gradients[name][-1] for name in (names[0], names[-1]))
    if len(names) < 2 or not last:
        return "gradient by layer"
    return f"{names[0]} has {first / last:.2g} × the gradient of {names[-1]}"


def _shades(n: int) -> list[Any]:
    """Colours from the first layer, blue, to the last, orange, which can be told apart in between."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("layers", [BLUE, "#009e73", "#b8860b", ORANGE])
    return [scale(i / max(n - 1, 1)) for i in range(n)]
