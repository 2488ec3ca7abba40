"""A picture of our own that is no graph: an SVG with a name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd._files import atomic_write

__all__ = ["EXTENSIONS", "Picture", "save_picture"]

EXTENSIONS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}


@dataclass(frozen=True, repr=False)
class Picture:
    """An SVG that a notebook shows, and `save` writes to a file.

    svg: its text, a whole file. name: what it is a picture of, in a word or two.
    """

    svg: str
    name: str = "picture"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to `path`, which ends in .svg, .png or .pdf, whole or not at all; returns the path."""
        return save_picture(self, Path(path), "save")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg}

    def __repr__(self) -> str:
        return f"<picture of a {self.name}: its save('{self.name}.svg') writes it, a notebook shows it>"


def save_picture(what: Picture, path: Path, caller: str) -> Path:
    """Write a Picture for `caller`, which errors name."""
    form = path.suffix.lower().removeprefix(".")
    if form not in ("svg", "png", "pdf"):
        graphs = " (it is no graph, so there is no text of one)" if path.suffix.lower() in EXTENSIONS else ""
        raise ValueError(
            f"{caller}: {str(path)!r}: a picture of a {what.name} is written to a name that ends in .svg, .png or .pdf"
            f"{graphs}"
        )
    from visualize.content import converted  # layout and SVG are loaded when something is written

    content = converted(what.svg, form, what.name)
    with atomic_write(path) as file:
        file.write(content)
    return path
