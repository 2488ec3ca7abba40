"""A graph of Values as a picture: boxes with numbers, and edges that show how the gradient flows."""

from __future__ import annotations

import textwrap
import webbrowser
from collections.abc import Iterable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import graphviz

from autograd import Value, topological
from autograd._files import atomic_write
from visualize.content import content_of
from visualize.description import LIMIT, GraphTooLarge, describe
from visualize.folding import fold
from visualize.program import is_program, program_scene
from visualize.renderer import RenderError
from visualize.scene import Arrow, Box, Row, Scene, compose, symbol_size
from visualize.style import BLUE, FONT, GREY, INK, ORANGE, RED, SOFT, check_precision, plain, text

if TYPE_CHECKING:
    from autograd import Program

__all__ = ["Drawing", "Options", "digraph", "draw", "draw_part"]

ORIENTATIONS = ("LR", "TB", "RL", "BT")

# Corners tell leaves (square) from operations (round) where colours cannot. As `page/picture.css` has it.
LOOKS = {
    "leaf": {"style": "filled", "fillcolor": "#e6f3e9", "color": "#4f8a5c"},
    "parameter": {"style": "filled", "fillcolor": "#fdf3d8", "color": "#9a7417"},
    "constant": {"style": "rounded,dashed", "color": GREY, "fontcolor": SOFT},
    "group": {"style": "rounded,dashed", "color": GREY},
    "operation": {"style": "rounded,filled", "fillcolor": "#eef2f7", "color": "#74859a"},
    "result": {"style": "rounded,filled", "fillcolor": "#e3e8fa", "color": "#3c4a8f", "penwidth": "2.2"},
}
BAD = {"fillcolor": "#ffe3ea", "color": RED, "penwidth": "4"}

INKS = {"pos": BLUE, "neg": ORANGE, "bad": RED, "plain": INK}
"""By the class of a number; for all others, the quiet one."""


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # the graphviz package has no types
    """A `graphviz.Digraph` that a notebook shows inline with whichever renderer there is.

    It can be changed and added to like any Digraph; `source` is its DOT text. As long as it is as it was made, its SVG,
    PNG and PDF are our own picture; changed, what Graphviz makes of it.
    """

    scene: Scene | None = None
    _made = ""

    def __init__(self, *args: Any, scene: Scene | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.scene = scene

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.pipe("svg", encoding="utf-8")}
        except RenderError as error:
            return {"text/plain": f"{error}\n\n{self.source}"}

    def __repr__(self) -> str:
        return "<drawing: visualize.render(it, 'y.svg') writes it, a notebook shows it>"

    def seal(self) -> Drawing:
        """Note that it is complete: from now on a change is a user's."""
        self._made = self.source
        return self

    def untouched(self) -> Scene | None:
        """The scene that it was made of, if nothing has been changed since."""
        return self.scene if self.source == self._made else None

    # What Digraph does with a `dot` binary only, with whatever there is.

    def pipe(self, format: str | None = None, *_: Any, encoding: str | None = None, **options: Any) -> Any:
        """The picture: bytes, or text if `encoding` is given. format: as "svg" or "png"; the drawing's own if None."""
        found = content_of(self, format or self.format)
        return found if encoding is None else found.decode(encoding)

    def render(
        self, filename: Any = None, directory: Any = None, view: bool = False, *_: Any, format: str | None = None,
        outfile: Any = None, **options: Any,
    ) -> str:  # fmt: skip
        """Write the picture to `outfile`, or to `filename` with the format behind it; returns the path."""
        form = format or self.format
        path = (
            Path(outfile) if outfile else Path(directory or self.directory or "", f"{filename or self.filename}.{form}")
        )
        content = self.pipe(path.suffix[1:] if outfile and format is None else form)
        with atomic_write(path) as file:
            file.write(content)
        if view:
            webbrowser.open(path.resolve().as_uri())
        return str(path)

    def view(self, filename: Any = None, directory: Any = None, *_: Any, **options: Any) -> str:
        """Write the picture, and open it."""
        return self.render(filename, directory, view=True, **options)


def _check_look(caller: str, orientation: str, precision: int) -> None:
    if orientation not in ORIENTATIONS:
        raise ValueError(f"{caller}: orientation must be one of {', '.join(ORIENTATIONS)}, got {orientation!r}")
    check_precision(caller, precision)


def draw(
    value: Value | Program,
    *,
    orientation: str = "LR",
    precision: int = 4,
    data: bool = True,
    gradients: bool = True,
    contributions: bool = True,
    constants: bool = True,
    parameters: Any = None,
    title: str = "",
    limit: int = LIMIT,
) -> Drawing:
    """A picture of how `value` was computed and, after `backward()`, of how the gradient flows back.

    Each box shows label, operation, data and gradient (a dash: not computed). Once gradients are there, each edge shows
    `local × upstream = contribution`: local derivative of the operation, times gradient of its result. Width is its
    size, blue is positive, orange negative. The contributions at the edges that leave a node add up to its gradient
    (the gradient of a leaf also holds what earlier backward passes added; where numbers do not belong together, a line
    above the picture says so).

    To read like a page, plain numbers stand in the operation (`× 1.1`), chains of `+` are one Σ, and of many inputs
    that are alike a few are drawn, with a box for those between.

    orientation: the direction of the computation, "LR", "TB", "RL" or "BT". precision: significant digits, 1 to 17.
    data, gradients, contributions, constants: what to show. parameters: the leaves to show as parameters: Values, or a
    model; if None, those that any Module or optimiser holds. title: a line above. limit: a graph of more nodes than
    this is rolled up: nodes that are alike are one box, with how many they are, from where to where their numbers go,
    and which share of them is 0.

    Of a Program, the array operations that it was rolled into, with their shapes; orientation, title and limit apply.
    """
    _check_look("draw", orientation, precision)
    if is_program(value):
        return digraph(program_scene(value, orientation=orientation, title=title, limit=limit))
    try:
        try:
            description = fold(describe(value, parameters=parameters, limit=limit), constants=constants)
        except GraphTooLarge:
            from visualize.rollup import roll_up  # needs NumPy, which small pictures do without

            description = roll_up(value, parameters=parameters)
    except (TypeError, ValueError) as error:
        raise type(error)(f"draw: {error}") from None
    return digraph(
        compose(
            description, orientation=orientation, precision=precision, data=data, gradients=gradients,
            contributions=contributions, title=title,
        )
    )  # fmt: skip


class Options(TypedDict, total=False):
    """The options of `draw`, but for its limit."""

    orientation: str
    precision: int
    data: bool
    gradients: bool
    contributions: bool
    constants: bool
    parameters: Any
    title: str


def draw_part(caller: str, value: Value, within: Set[Value], limit: int, options: Options) -> Drawing:
    """A drawing of some nodes of the graph of `value`, for `caller`, which errors name."""
    known = Options.__annotations__.keys()
    for name in options.keys() - known:
        raise TypeError(f"{caller}: there is no option {name!r}; there are {', '.join(known)} and limit")
    _check_look(caller, options.get("orientation", "LR"), options.get("precision", 4))
    look: dict[str, Any] = dict(options)
    constants, parameters = look.pop("constants", True), look.pop("parameters", None)
    try:
        description = fold(describe(value, parameters=parameters, limit=limit, within=within), constants=constants)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{caller}: {error}") from None
    scene = compose(description, **look)
    total = len(topological(value))
    if len(within) < total:
        part = f"a part: {len(within):,} of {total:,} nodes, and only the arrows between them"
        scene = scene._replace(notes=(*scene.notes, part))
    return digraph(scene)


def digraph(scene: Scene) -> Drawing:
    """A scene for Graphviz."""
    drawing = blank(scene.title, scene.notes)
    drawing.scene = scene
    drawing.attr("graph", rankdir=scene.orientation, nodesep="0.22", ranksep="0.35", ordering="in")
    drawing.attr("node", shape="box", margin="0.06,0.03", height="0.3", width="0.4")
    drawing.attr("edge", fontname=FONT, fontsize="9.5", arrowsize="0.7")
    for box in scene.boxes:
        look = LOOKS[box.kind] | (BAD if box.bad else {})
        drawing.node(box.id, _box(box), tooltip=plain(box.story), **look)
    for arrow in scene.arrows:
        drawing.edge(arrow.source, arrow.target, **_line(arrow))
    _add_frames(drawing, scene, None)
    return drawing.seal()


def _add_frames(graph: Any, scene: Scene, inside: int | None) -> None:
    """The frames that stand directly in one, or in none."""
    for i, frame in enumerate(scene.frames):
        if frame.inside == inside:
            with graph.subgraph(name=f"cluster_{i}") as inner:
                look = {"style": "rounded,dashed", "color": GREY, "labeljust": "l", "fontsize": "12"}
                inner.attr(label=f"<<B>{text(frame.title)}</B>>", **look)
                _add_frames(inner, scene, i)
                for box in frame.boxes:
                    inner.node(box)


def blank(title: str, notes: Iterable[str] = ()) -> Drawing:
    """An empty drawing with our font, and a caption if there is something to say."""
    drawing = Drawing(format="svg", node_attr={"fontname": FONT, "fontsize": "10.5", "fontcolor": INK})
    drawing.attr("graph", bgcolor="white", fontname=FONT, fontcolor=INK, fontsize="13", pad="0.15", tooltip=" ")
    lines = [f"<B>{text(title)}</B>"] if title else []
    for note in notes:
        for line in textwrap.wrap(note, 80):
            lines.append(f'<FONT COLOR="{ORANGE}" POINT-SIZE="11">{text(line)}</FONT>')
    if lines:
        drawing.attr("graph", label=f"<{'<BR/>'.join(lines)}>", labelloc="t")
    return drawing


def _box(box: Box) -> str:
    """The HTML-like label: label and symbol above, a line, then a row for each number."""
    rows: list[str] = []
    # Both in bold: Graphviz sets bold letters a little higher than others, so they would not stand on one line.
    label = f"<B>{text(chr(10).join(box.label))}</B>" if box.label else ""
    symbol = text(box.symbol)
    if label and symbol:
        rows.append(
            f'<TR><TD ALIGN="LEFT">{label}</TD><TD ALIGN="RIGHT"><FONT COLOR="{SOFT}"><B>{symbol}</B></FONT></TD></TR>'
        )
    elif label:
        rows.append(f'<TR><TD COLSPAN="2">{label}</TD></TR>')
    elif symbol:
        size = symbol_size(box.symbol)
        rows.append(f'<TR><TD COLSPAN="2"><FONT POINT-SIZE="{size:.0f}"><B>{symbol}</B></FONT></TD></TR>')
    if rows and box.rows:
        rows.append("<HR/>")
    rows += map(_row, box.rows)
    if not rows:
        return ""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>>'


def _row(row: Row) -> str:
    # One font size for the row: cells are centred, and would not stand on one line otherwise.
    shown = f'<FONT COLOR="{INKS.get(row.look, SOFT)}">{text(row.text)}</FONT>'
    if not row.name:
        return f'<TR><TD COLSPAN="2">{shown}</TD></TR>'
    name = f'<FONT COLOR="{SOFT}">{row.name}&#160;</FONT>'
    return f'<TR><TD ALIGN="LEFT">{name}</TD><TD ALIGN="RIGHT">{shown}</TD></TR>'


def _line(arrow: Arrow) -> dict[str, str]:
    """The attributes of an edge."""
    ink = INKS.get(arrow.look, GREY)
    factors, total = arrow.equation
    attributes = {"color": ink, "penwidth": f"{1.0 + 3.0 * arrow.size:.2f}"}
    attributes["tooltip"] = attributes["labeltooltip"] = plain(arrow.story)
    if arrow.dashed or arrow.look == "neg":
        attributes["style"] = "dashed"
    if arrow.look == "bad":
        attributes |= {"style": "dotted", "penwidth": "6"}
    if total or factors:
        words = text(f"{factors} {total}".strip())  # one run: between two, letters of another font leave a hole
        attributes["label"] = _beside(f'<FONT COLOR="{INKS.get(arrow.look, SOFT)}">{words}</FONT>')
    return attributes


def _beside(markup: str) -> str:
    """An edge label with room around it, so that it touches neither its edge nor its neighbour."""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"><TR><TD>{markup}</TD></TR></TABLE>>'
