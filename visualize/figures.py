"""What all plots share: figures, the Axes that they are drawn into, and text that comes out as typed."""

from __future__ import annotations

import functools
import io
import math
import operator
import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd._files import atomic_write
from visualize.style import BLUE, GREY, INK, ORANGE, SOFT, number, shown_label

__all__ = [
    "FINE", "PALETTE", "Panel", "Sheet", "counted", "figure_for", "keep_apart", "legend_names", "look_of",
    "save_figure", "share", "sheet_for", "typed", "whole_number",
]  # fmt: skip

FORMATS = (".png", ".svg", ".pdf")

# Okabe and Ito's palette: distinct for every common kind of colour blindness.
PALETTE = (BLUE, ORANGE, "#009e73", "#b8860b", "#cc79a7", "#56b4e9", "#7a5195", "#4d4d4d", "#e69f00", "#000000")
FINE = "#e6e9ed"
"""Of lines behind the data."""


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


def _new_figure(width: float, height: float) -> Any:
    return _figure_class()(figsize=(width, height), layout="constrained", facecolor="white")


def save_figure(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure to `path`, which ends in .png, .svg or .pdf, whole or not at all; returns the path.

    figure: what a plot returned; of Axes, the whole figure that they are in.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"save_figure: {str(path)!r} must end in one of {', '.join(FORMATS)} to say which format you want"
        )
    while not hasattr(figure, "savefig"):  # Axes, and a SubFigure, know what they are in
        inside = getattr(figure, "figure", None)
        if inside is None or inside is figure:
            raise TypeError(f"save_figure: needs a figure, as a plot returns it, got {figure!r:.200}")
        figure = inside
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix.lower()[1:], dpi=150)
    return path


# ---------------------------------------------------------------- numbers


def whole_number(name: str, what: str, given: Any, least: int) -> int:
    """An argument that counts, NumPy's integers too. name, what: of plot and argument, for the ValueError."""
    try:
        found = least - 1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        found = least - 1
    if found < least:
        raise ValueError(f"{name}: {what} must be a whole number of at least {least}, got {given!r:.200}")
    return found


def share(p: float, digits: int = 0, sign: str = " %") -> str:
    """p as a percentage with so many digits after the point; never all for less than all, nor 0 for more than nothing.

    >>> share(0.968, 1), share(0.9999), share(1.0, 1), share(1e-5, 1)
    ('96.8 %', '> 99 %', '100 %', '< 0.1 %')
    """
    if p in (0.0, 1.0):
        return f"{100.0 * p:.0f}{sign}"
    least, rounded = 10.0**-digits, round(100.0 * p, digits)
    sort, shown = ("> ", 100.0 - least) if p < 1.0 and rounded >= 100.0 else ("", 100.0 * p)
    sort, shown = ("< ", least) if p > 0.0 and rounded <= 0.0 else (sort, shown)
    return f"{sort}{shown:.{digits}f}{sign}"


def counted(n: float) -> str:
    """A count: all its digits, if it is whole.

    >>> counted(12345), counted(1e6), counted(0.25)
    ('12,345', '1,000,000', '0.25')
    """
    return f"{int(n):,}" if n == int(n) else number(n, 4)


# ---------------------------------------------------------------- text


def typed(text: Any, letters: int | None = None) -> str:
    """Text of a user's as it can be shown, in lines of at most so many letters."""
    lines = shown_label(str(text))
    if letters is not None:
        lines = [part for line in lines for part in textwrap.wrap(line, letters, replace_whitespace=False) or [""]]
    return "\n".join(lines)


def look_of(*texts: str) -> dict[str, Any]:
    """Properties that such texts need to come out as typed: a dollar sign begins no formula, and every letter is found
    in some font, if one is installed that has it.
    """
    look: dict[str, Any] = {"parse_math": False, "usetex": False}
    beyond = frozenset(letter for text in texts for letter in text if letter > "\x7f")
    families = _families(beyond) if beyond else ()
    return {**look, "fontfamily": list(families)} if families else look


@functools.cache
def _families(letters: frozenset[str]) -> tuple[str, ...]:
    """The usual fonts, with one that has the letters that they lack; none, if they have them all or nothing has."""
    from matplotlib import font_manager, rcParams

    usual = rcParams["font.family"]
    missing = set(map(ord, letters)) - _letters_in(font_manager.findfont(font_manager.FontProperties()))
    if not missing:
        return ()
    fonts = {font.name: font.fname for font in font_manager.fontManager.ttflist if "Last Resort" not in font.name}
    found = {name: len(missing & _letters_in(path)) for name, path in fonts.items()}
    best = max(found, key=lambda name: found[name])
    return (*usual, best) if found[best] else ()


def _letters_in(path: str) -> set[int]:
    from matplotlib import font_manager

    try:
        return set(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # a font that cannot be read
        return set()


def legend_names(legend: Any, names: Sequence[str]) -> None:
    """Give a legend its names: by hand, because matplotlib drops those that begin with an underscore."""
    for entry, name in zip(legend.get_texts(), names, strict=True):
        entry.set(text=name, **look_of(name))


# ---------------------------------------------------------------- where a plot is drawn


class Panel(NamedTuple):
    """Axes to draw into. own: whether they are ours, so that their look is ours to choose; in somebody else's, nothing
    is taken away. before: from where to where they showed something before, along x and y; None if they were empty.
    """

    axes: Any
    own: bool
    before: tuple[tuple[float, float], tuple[float, float]] | None = None

    @classmethod
    def of(cls, axes: Any) -> Panel:
        """Somebody else's Axes."""
        return cls(axes, False, (axes.get_xlim(), axes.get_ylim()) if _in_use(axes) else None)

    @property
    def empty(self) -> bool:
        """Whether nothing was in them before."""
        return self.before is None

    def describe(self, title: str, xlabel: str, ylabel: str, *, default: str = "") -> None:
        """Write title and axes' names, where there are none yet. default: a title, if the user gives none."""
        places = [place for place in ("left", "center", "right") if self.axes.get_title(loc=place)]
        if title or not places:
            words = typed(title or default, self._letters)
            ink = {"color": INK, "fontsize": 11} if self.own else {}
            self.axes.set_title(words, loc=places[0] if places else "left", **ink, **look_of(words))
        ink = {"color": SOFT} if self.own else {}
        for axis, name in ((self.axes.xaxis, xlabel), (self.axes.yaxis, ylabel)):
            if not axis.get_label_text():
                words = typed(name, self._letters)
                axis.set_label_text(words, **ink, **look_of(words))
        if self.own:
            self._tidy()

    @property
    def _letters(self) -> int:
        """How many letters of a title stand side by side."""
        return max(int(self.axes.get_position().width * self.axes.figure.bbox.width / self.axes.figure.dpi * 11.5), 12)

    def _tidy(self) -> None:
        self.axes.tick_params(which="both", colors=SOFT, labelsize=9)
        for side in ("top", "right"):
            self.axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            self.axes.spines[side].set_color(GREY)

    def hatch(self, boxes: Iterable[tuple[tuple[float, float], tuple[float, float]]], says: str) -> tuple[Any, str]:
        """Hatch what is seen through holes, in boxes from corner to corner; returns its entry for a legend."""
        from matplotlib.patches import Rectangle

        look: dict[str, Any] = {"facecolor": "#eef0f2", "edgecolor": GREY, "hatch": "////", "linewidth": 0.0}
        for low, high in boxes:
            self.axes.add_patch(Rectangle(low, high[0] - low[0], high[1] - low[1], zorder=-0.5, **look))
        return Rectangle((0.0, 0.0), 1.0, 1.0, **look), says

    def limit(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show from where to where, and whatever was shown before."""
        for i, (limits, change) in enumerate(((x, self.axes.set_xlim), (y, self.axes.set_ylim))):
            every = limits if self.before is None else (*limits, *self.before[i])
            change(min(every), max(every))

    def legend(self, handles: Sequence[Any], names: Sequence[str], outside: str = "") -> None:
        """A legend: beside our own axes where `outside` says so, inside of somebody else's, after what is in theirs."""
        if not handles:
            return
        said = [typed(name, 40) for name in names]
        if self.own and outside:
            columns = self._make_room(said) if "lower" in outside else 1
            look = {"loc": f"outside {outside}", "frameon": False, "labelcolor": INK, "ncols": columns}
            legend = self.axes.figure.legend(list(handles), ["-"] * len(said), fontsize=9, **look)
        else:
            before = self.axes.get_legend()
            if before is not None:
                handles = [*before.legend_handles, *handles]
                said = [*(text.get_text() for text in before.get_texts()), *said]
            look = {"frameon": False, "labelcolor": INK} if self.own else {"framealpha": 0.85}
            legend = self.axes.legend(list(handles), ["-"] * len(said), fontsize=9, **look)
        legend_names(legend, said)

    def _make_room(self, names: Sequence[str]) -> int:
        """Make our figure higher by a legend below it. Returns in how many columns its names go."""
        figure = self.axes.figure
        lines = [name.split("\n") for name in names]
        letters = max(len(line) for parts in lines for line in parts) + 7
        columns = min(max(int(13.0 * figure.get_figwidth() / letters), 1), len(names))
        rows = -(-len(names) // columns)
        height = max(sum(map(len, lines[i : i + rows])) for i in range(0, len(names), rows))
        figure.set_figheight(figure.get_figheight() + 0.17 * (height - 1))
        return columns


class Sheet(NamedTuple):
    """Where a plot is drawn. result: what its function returns, a Figure of its own or what it was given."""

    result: Any
    panels: list[Panel]

    @property
    def own(self) -> bool:
        """Whether the figure is ours."""
        return self.panels[0].own


def sheet_for(name: str, ax: Any, width: float, height: float, panels: Sequence[str] = ("",)) -> Sheet:
    """A Figure of our own, or the Axes that were given, checked. panels: what each of them shows, side by side.

    Raises TypeError, and draws nothing, if `ax` is anything else than such Axes, one for each panel.
    """
    if ax is None:
        figure = _new_figure(width, height)
        return Sheet(figure, [Panel(axes, True) for axes in figure.subplots(1, len(panels), squeeze=False)[0]])
    _figure_class()  # or the error that says what to install
    several = isinstance(ax, list | tuple) or hasattr(ax, "ravel")
    given = list(ax.ravel() if hasattr(ax, "ravel") else ax) if several else [ax]
    for axes in given:
        _check_axes(name, axes, len(panels))
    if len(given) != len(panels) or len(set(map(id, given))) != len(given):
        wanted = "one Axes" if len(panels) == 1 else f"{len(panels)} Axes, for {' and '.join(panels)}"
        raise TypeError(f"{name}: ax must be {wanted}, as in ax={_example(len(panels))}; got {len(given)}")
    return Sheet(ax, [Panel.of(axes) for axes in given])


def _example(panels: int) -> str:
    return "figure.subplots()" if panels == 1 else f"figure.subplots(1, {panels})"


def _check_axes(name: str, axes: Any, panels: int) -> None:
    from matplotlib.axes import Axes

    example = _example(panels)
    if not isinstance(axes, Axes):
        raise TypeError(f"{name}: ax must be matplotlib's Axes, as in ax={example}, got {axes!r:.200}")
    if axes.name != "rectilinear":
        raise TypeError(f"{name}: ax must be plain Axes, as in ax={example}, got {axes.name} ones")
    if axes.figure is None:
        raise TypeError(f"{name}: ax was removed from its figure; make others, as in ax={example}")


def _in_use(axes: Any) -> bool:
    """Whether something was drawn into the Axes, or into others that share an axis with them."""
    sharing = [*axes.get_shared_x_axes().get_siblings(axes), *axes.get_shared_y_axes().get_siblings(axes)]
    return any(other.has_data() for other in sharing)


def figure_for(name: str, ax: Any, width: float, height: float) -> Any:
    """A Figure of our own, or the empty Figure or SubFigure that was given, for a plot of many small panels."""
    if ax is None:
        return _new_figure(width, height)
    _figure_class()
    from matplotlib.figure import FigureBase

    if not isinstance(ax, FigureBase):
        raise TypeError(
            f"{name}: draws many small panels, so ax must be a Figure or a SubFigure, as in "
            f"ax=figure.subfigures(1, 2)[0], got {ax!r:.200}"
        )
    if ax.axes or getattr(ax, "subfigs", None):
        raise TypeError(f"{name}: the figure given as ax is in use; give an empty one, or a SubFigure of its own")
    return ax


# ---------------------------------------------------------------- texts at the ends of lines


def keep_apart(axes: Any, notes: Sequence[tuple[Any, float]]) -> None:
    """From now on, whenever the axes are drawn, their notes stand apart: at the heights that they belong to, or near.

    notes: annotations that `note_at` made, with the heights; what lies outside of the axes is noted at their edge.
    """
    kind = _keeper_class()
    keeper = next((artist for artist in axes.artists if isinstance(artist, kind)), None)
    if keeper is None:
        keeper = axes.add_artist(kind())
    keeper.notes += notes


@functools.cache
def _keeper_class() -> Any:
    from matplotlib.artist import Artist

    class Keeper(Artist):
        """Draws nothing. What it does has to wait until the layout is known, so it is drawn, as the first of all."""

        def __init__(self) -> None:
            super().__init__()
            self.notes: list[tuple[Any, float]] = []
            self.set_in_layout(False)
            self.set_zorder(-math.inf)

        def draw(self, renderer: Any) -> None:
            notes = [(note, y) for note, y in self.notes if note.axes is self.axes]  # not those that were removed
            if notes:
                _move_apart(self.axes, notes, renderer)

    return Keeper


def _move_apart(axes: Any, notes: list[tuple[Any, float]], renderer: Any) -> None:
    """Put notes at their heights, moved as little as keeps them apart and within the axes."""
    import numpy as np

    box = axes.bbox
    with np.errstate(all="ignore"):
        heights = axes.transData.transform([(1.0, y) for _, y in notes])[:, 1]
    below = axes.yaxis.get_inverted()
    heights = np.where(np.isnan(heights), box.y1 if below else box.y0, heights)  # what a logarithmic axis has not
    heights = np.clip(heights, box.y0, box.y1)
    order = np.lexsort(([-y if below else y for _, y in notes], heights))
    size = 9.0
    for note, _ in notes:
        note.set_fontsize(size)
    room = [notes[i][0].get_window_extent(renderer).height + 1.0 for i in order]
    if sum(room) > box.height:
        size = max(size * box.height / sum(room), 5.0)
        for note, _ in notes:
            note.set_fontsize(size)
        room = [notes[i][0].get_window_extent(renderer).height + 1.0 for i in order]
    for i, place in zip(order, places_apart(heights[order].tolist(), room, box.y0, box.y1), strict=True):
        note = notes[i][0]
        note.xy = (note.xy[0], (place - box.y0) / box.height)


def places_apart(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Middles of n intervals of these sizes that do not overlap, as near as can be to those wanted, which ascend.

    Least squares with an order is isotonic regression (Ayer et al. 1955): neighbours that are too near become a block,
    which stands at the mean of what its members want. Between low and high, if there is room for all.

    >>> places_apart([1.0, 1.0, 9.0], [2.0, 2.0, 2.0], 0.0, 10.0)
    [1.0, 3.0, 9.0]
    """
    starts = [sum(sizes[:i]) + 0.5 * sizes[i] for i in range(len(sizes))]
    blocks: list[tuple[float, int]] = []  # what it wants in the mean, and how many are in it
    for want, start in zip(wanted, starts, strict=True):
        mean, n = want - start, 1
        while blocks and blocks[-1][0] > mean:
            before, m = blocks.pop()
            mean, n = (mean * n + before * m) / (n + m), n + m
        blocks.append((mean, n))
    shifts = [max(min(mean, high - sum(sizes)), low) for mean, n in blocks for _ in range(n)]
    return [shift + start for shift, start in zip(shifts, starts, strict=True)]
