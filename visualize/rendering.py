"""A picture of anything that can be drawn, in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autograd import Value
from autograd._files import atomic_write
from visualize.picture import EXTENSIONS, Picture, save_picture
from visualize.program import is_program
from visualize.renderer import RenderError

__all__ = ["RenderError", "render"]


def render(what: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a picture to `path`, whole or not at all, and return the path.

    what: a Value or a Program (`options` are then those of `draw`), a drawing, a Picture such as `draw_network` makes,
        or any graph or source of the graphviz package.
    path: ends in .svg, .png, .pdf, .dot (the text, which needs no Graphviz) or .mmd (Mermaid). A Picture is no graph,
        so it has neither of the last two.

    PNG and PDF of our own drawings come out of the SVG by typst if that is installed; else Graphviz draws them. Those
    of a Picture need typst.

    If there is neither Graphviz nor graphviz-pure, or they fail, the DOT text is saved under the same name with .dot,
    and RenderError says what to do.
    """
    path = Path(path)
    if isinstance(what, Picture) and not options:
        return save_picture(what, path, "render")
    form = EXTENSIONS.get(path.suffix.lower())
    if form is None:
        raise ValueError(
            f"render: {str(path)!r} must end in one of {', '.join(EXTENSIONS)} to say which format you want"
        )
    what = _drawing_of(what, options)

    with atomic_write(path) as file:
        if form == "dot":
            file.write(what.source.encode())
        elif form == "mermaid":
            from visualize.text import of_drawing

            file.write(of_drawing(what).encode())
        else:
            from visualize.content import content_of  # layout and SVG are loaded when something is written

            try:
                file.write(content_of(what, form))
            except RenderError as error:
                text = path.with_suffix(".dot")
                with atomic_write(text) as dot_file:
                    dot_file.write(what.source.encode())
                raise RenderError(f"{error}. The DOT text is saved in {text}.") from None
    return path


def _drawing_of(what: Any, options: dict[str, Any]) -> Any:
    """The drawing to write, with its `source`."""
    if isinstance(what, Value) or is_program(what):
        from visualize.drawing import draw

        return draw(what, **options)
    if options:
        raise TypeError(
            f"render: {', '.join(options)}: options are for drawing a Value or a Program; this is drawn already"
        )
    if not isinstance(getattr(what, "source", None), str):
        raise TypeError(
            f"render: takes a Value, a Program, a drawing, or a graph of the graphviz package; got {what!r}"
        )
    return what
