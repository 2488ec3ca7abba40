"""A program as a picture: the array operations that many scalar ones were rolled into."""

from __future__ import annotations

from autograd import Program
from visualize.description import GraphTooLarge
from visualize.drawing import LOOKS, Drawing, blank
from visualize.style import FONT, SOFT, text

__all__ = ["draw_program"]


def draw_program(program: Program, *, orientation: str, title: str, limit: int) -> Drawing:
    """Boxes with operation and shape (n is the batch), edges from what each reads; dashed where rows are gathered.

    Of a program with branches, the path that was traced first.
    """
    found = program.equations()
    if len(found) > limit:
        raise GraphTooLarge(
            f"draw: the program has {len(found):,} array operations, too many to read (the limit is {limit}). "
            f"print(program) shows them as equations; to draw them all the same, give limit={len(found)}."
        )
    drawing = blank(title)
    drawing.attr("graph", rankdir=orientation, nodesep="0.22", ranksep="0.4")
    drawing.attr("node", shape="box", margin="0.08,0.04", height="0.3", width="0.4")
    drawing.attr("edge", fontname=FONT, fontsize="9.5", fontcolor=SOFT, arrowsize="0.7", color="#8697aa")
    leaves: set[str] = set()
    for e in found:
        look = LOOKS["result" if e is found[-1] else "operation"]
        drawing.node(
            f"e{e.number}", _box(e.name, e.shape), tooltip=f"%{e.number} = {e}, {e.flops:,} flops an example", **look
        )
        for operand in e.operands:
            shape = " × ".join(map(str, operand.shape))
            for source in operand.sources:
                if source.startswith("%"):
                    node = f"e{source[1:]}"
                else:
                    # Parameters and constants are read everywhere: a box for each reader keeps the picture readable.
                    kind = (
                        "leaf"
                        if source.startswith("argument")
                        else "parameter"
                        if source == "parameters"
                        else "constant"
                    )
                    node = source if kind == "leaf" else f"{source} of {e.number}"
                    if node not in leaves:
                        leaves.add(node)
                        shown = shape if kind == "parameter" else ""
                        drawing.node(node, _box(source, shown), tooltip=source, **LOOKS[kind])
                style = {"style": "dashed", "label": "gather"} if operand.gathered else {}
                drawing.edge(node, f"e{e.number}", tooltip=f"{source} as {shape}", **style)
    return drawing


def _box(name: str, shape: str) -> str:
    """The HTML-like label: the operation, and under it the shape."""
    below = f'<TR><TD><FONT COLOR="{SOFT}" POINT-SIZE="9.5">{text(shape)}</FONT></TD></TR>' if shape else ""
    return (
        '<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
        f"<TR><TD><B>{text(name)}</B></TD></TR>{below}</TABLE>>"
    )
