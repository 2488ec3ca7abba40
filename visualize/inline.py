"""The picture that a notebook shows of a value by itself."""

from __future__ import annotations

from typing import Any

from autograd import Value, topological
from visualize.drawing import draw

__all__ = ["inline_picture"]

SHOWN = 60  # nodes of a graph that a notebook draws whole
FAST = 20_000  # nodes of a graph that it rolls up


def inline_picture(what: Any) -> str | None:
    """A Value or a Program as SVG, if it is small, and there is something to draw with."""
    if isinstance(what, Value) and len(topological(what)) > FAST:
        return None
    try:
        svg: str | None = draw(what, limit=SHOWN)._repr_mimebundle_().get("image/svg+xml")
    except (ImportError, ValueError):
        return None
    return svg
