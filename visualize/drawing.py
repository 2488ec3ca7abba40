"""A graph of Values as a picture: boxes with numbers, and edges that show how the gradient flows."""

from __future__ import annotations

import math
import webbrowser
from pathlib import Path
from typing import Any

import graphviz

from autograd import Program, Value
from autograd._files import atomic_write
from visualize.description import LIMIT, Description, Edge, Node, describe
from visualize.rendering import RenderError, picture
from visualize.style import DASH, FONT, GREY, INK, ORANGE, SOFT, colour, number, plain, relative, text

__all__ = ["Drawing", "draw"]

ORIENTATIONS = ("LR", "TB", "RL", "BT")

# Corners tell leaves (square) from operations (round) where colours cannot.
LOOKS = {
    "leaf": {"style": "filled", "fillcolor": "#e4f2e7", "color": "#6fa37b"},
    "parameter": {"style": "filled", "fillcolor": "#fdf0cf", "color": "#c49a34"},
    "constant": {"style": "rounded,dashed", "color": GREY, "fontcolor": SOFT},
    "operation": {"style": "rounded,filled", "fillcolor": "#eef2f7", "color": "#8697aa"},
    "result": {"style": "rounded,filled", "fillcolor": "#dde3f8", "color": "#3c4a8f", "penwidth": "2.2"},
}


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # the graphviz package has no types
    """A `graphviz.Digraph` that a notebook shows inline with whichever renderer there is.

    It can be changed and added to like any Digraph; `source` is its DOT text.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": picture(self.source, "svg", self.engine).decode()}
        except RenderError as error:
            return {"text/plain": f"{error}\n\n{self.source}"}

    # What Digraph does with a `dot` binary only, with whatever there is.

    def pipe(self, format: str | None = None, *_: Any, encoding: str | None = None, **options: Any) -> Any:
        """The picture: bytes, or text if `encoding` is given. format: as "svg" or "png"; the drawing's own if None."""
        found = picture(self.source, format or self.format, self.engine)
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


def draw(
    value: Value | Program,
    *,
    orientation: str = "LR",
    precision: int = 4,
    data: bool = True,
    gradients: bool = True,
    contributions: bool = True,
    constants: bool = True,
    parameters: Any = (),
    title: str = "",
    limit: int = LIMIT,
) -> Drawing:
    """A picture of how `value` was computed and, after `backward()`, of how the gradient flows back.

    Each box shows label, operation, data and gradient (a dash: not computed). Once gradients are there, each edge shows
    `local × upstream = contribution`: local derivative of the operation, times gradient of its result. Width is its
    size, blue is positive, orange negative. The contributions at the edges that leave a node add up to its gradient
    (exactly; the gradient of a leaf also holds what earlier backward passes added).

    orientation: the direction of the computation, "LR", "TB", "RL" or "BT". precision: significant digits, 1 to 17.
    data, gradients, contributions, constants: what to show. parameters: the leaves to show as parameters: Values, or a
    model. title: a line above. limit: raises GraphTooLarge beyond this many nodes.

    Of a Program, the array operations that it was rolled into, with their shapes; orientation, title and limit apply.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"draw: orientation must be one of {', '.join(ORIENTATIONS)}, got {orientation!r}")
    check_precision("draw", precision)
    if isinstance(value, Program):
        from visualize.program import draw_program

        return draw_program(value, orientation=orientation, title=title, limit=limit)
    try:
        description = describe(value, parameters=parameters, constants=constants, limit=limit)
    except (TypeError, ValueError) as error:
        raise type(error)(f"draw: {error}") from None

    drawing = blank(title, description.stale)
    drawing.attr("graph", rankdir=orientation, nodesep="0.22", ranksep="0.35", ordering="in")
    drawing.attr("node", shape="box", margin="0.06,0.03", height="0.3", width="0.4")
    drawing.attr("edge", fontname=FONT, fontsize="9.5", arrowsize="0.7")
    for node in description.nodes:
        drawing.node(node.id, _box(node, precision, data, gradients), tooltip=_story(node), **LOOKS[node.kind])
    _add_edges(drawing, description, precision, contributions)
    return drawing


def check_precision(name: str, precision: int) -> None:
    """Raise ValueError unless `precision` is a number of significant digits that a float can have."""
    if isinstance(precision, bool) or not isinstance(precision, int) or not 1 <= precision <= 17:
        raise ValueError(f"{name}: precision must be a whole number of significant digits, 1 to 17; got {precision!r}")


def blank(title: str, stale: bool = False) -> Drawing:
    """An empty drawing with our font, and a caption if there is something to say."""
    drawing = Drawing(format="svg", node_attr={"fontname": FONT, "fontsize": "10.5", "fontcolor": INK})
    drawing.attr("graph", bgcolor="white", fontname=FONT, fontcolor=INK, fontsize="13", pad="0.15", tooltip=" ")
    warning = "A leaf was changed after this was computed: these numbers do not belong together. Compute it again."
    lines = [f"<B>{text(title)}</B>"] if title else []
    lines += [f'<FONT COLOR="{ORANGE}" POINT-SIZE="11">{warning}</FONT>'] if stale else []
    if lines:
        drawing.attr("graph", label=f"<{'<BR/>'.join(lines)}>", labelloc="t")
    return drawing


def _box(node: Node, precision: int, data: bool, gradients: bool) -> str:
    """The HTML-like label: label and symbol above, a line, then a row for each number."""
    if node.kind == "constant":
        return number(node.data, precision)
    rows: list[str] = []
    # Both in bold: Graphviz sets bold letters a little higher than others, so they would not stand on one line.
    label = f"<B>{text(node.label)}</B>"
    symbol = text(node.symbol)
    if node.label and node.symbol:
        rows.append(
            f'<TR><TD ALIGN="LEFT">{label}</TD><TD ALIGN="RIGHT"><FONT COLOR="{SOFT}"><B>{symbol}</B></FONT></TD></TR>'
        )
    elif node.label:
        rows.append(f'<TR><TD COLSPAN="2">{label}</TD></TR>')
    elif node.symbol:
        size = 12 if node.symbol.isalnum() else 15  # signs are small letters
        rows.append(f'<TR><TD COLSPAN="2"><FONT POINT-SIZE="{size}"><B>{symbol}</B></FONT></TD></TR>')
    numbers: list[str] = []
    if data:
        numbers.append(_row("data", number(node.data, precision)))
    if gradients:
        shown = DASH if node.gradient is None else number(node.gradient, precision)
        ink = colour(node.gradient) if node.gradient else INK
        numbers.append(_row("grad", f'<FONT COLOR="{ink}">{shown}</FONT>'))
    if rows and numbers:
        rows.append("<HR/>")
    rows += numbers
    if not rows:
        return ""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>>'


def _row(name: str, shown: str) -> str:
    # One font size for the row: cells are centred, and would not stand on one line otherwise.
    name = f'<FONT COLOR="{SOFT}">{name}&#160;</FONT>'
    return f'<TR><TD ALIGN="LEFT">{name}</TD><TD ALIGN="RIGHT">{shown}</TD></TR>'


def _story(node: Node) -> str:
    """The tooltip of a node: every digit, and what is known about its operation."""
    lines = [f"{node.label or node.kind} = {node.data!r}"]
    if node.gradient is not None:
        lines.append(f"gradient {node.gradient!r}")
    return plain("\n".join([*lines, *node.facts]))


def _add_edges(drawing: Drawing, description: Description, precision: int, contributions: bool) -> None:
    sizes = [abs(edge.contribution) for edge in description.edges if edge.contribution is not None]
    largest = max((size for size in sizes if math.isfinite(size)), default=1.0) or 1.0
    constants = {node.id for node in description.nodes if node.kind == "constant"}
    for edge in description.edges:
        flow = edge.contribution if contributions else None
        attributes = {"color": colour(flow), "penwidth": f"{1.0 + 3.0 * relative(flow, largest):.2f}"}
        if flow is not None:
            equation = _equation(edge, precision)
            attributes["label"] = _beside(f'<FONT COLOR="{colour(flow) if flow else SOFT}">{equation}</FONT>')
            attributes["tooltip"] = attributes["labeltooltip"] = plain(
                f"local {edge.local!r} × upstream {edge.upstream!r} = {flow!r}"
            )
        if edge.source in constants:
            attributes["style"] = "dashed"
        drawing.edge(edge.source, edge.target, **attributes)


def _equation(edge: Edge, precision: int) -> str:
    local, upstream, contribution = (
        DASH if x is None else number(x, precision) for x in (edge.local, edge.upstream, edge.contribution)
    )
    return f"{local} × {upstream} = <B>{contribution}</B>"


def _beside(markup: str) -> str:
    """An edge label with room around it, so that it touches neither its edge nor its neighbour."""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"><TR><TD>{markup}</TD></TR></TABLE>>'
