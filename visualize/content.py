"""The bytes of a picture: our own SVG, what typst makes of it, or what Graphviz draws."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from visualize.renderer import RenderError, picture
from visualize.svg import picture_of

__all__ = ["content_of", "converted"]


def content_of(graph: Any, form: str) -> bytes:
    """Of a graph of the graphviz package: our own picture, if it is a drawing of ours that is as it was made."""
    untouched = getattr(graph, "untouched", None)
    scene = untouched() if untouched is not None else None
    if scene is None or form not in ("svg", "png", "pdf"):
        return picture(graph.source, form, graph.engine)
    svg = picture_of(scene)
    if form == "svg":
        return svg.encode()
    try:
        import typst
    except ImportError:
        return picture(graph.source, form, graph.engine)
    return _typeset(typst, svg, form)


def converted(svg: str, form: str, name: str) -> bytes:
    """An SVG as it is, or as PNG or PDF."""
    if form == "svg":
        return svg.encode()
    try:
        import typst
    except ImportError:
        raise RenderError(
            f"a picture of a {name} as {form.upper()} needs typst: run 'pip install typst', or write it as .svg"
        ) from None
    return _typeset(typst, svg, form)


def _typeset(typst: Any, svg: str, form: str) -> bytes:
    """An SVG as PNG or PDF, of its own size."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "picture.svg").write_text(svg, encoding="utf-8")
        page = Path(folder, "page.typ")
        page.write_text('#set page(width: auto, height: auto, margin: 0pt)\n#image("picture.svg")\n', encoding="utf-8")
        return bytes(typst.compile(str(page), format=form, **({"ppi": 150.0} if form == "png" else {})))
