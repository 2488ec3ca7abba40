"""A picture of our own that is no graph: an SVG with a name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Picture"]


@dataclass(frozen=True, repr=False)
class Picture:
    """An SVG that a notebook shows, and `save` writes to a file.

    svg: its text, a whole file. name: what it is a picture of, in a word or two.
    """

    svg: str
    name: str = "picture"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to `path`, which ends in .svg, .png or .pdf, whole or not at all; returns the path."""
        from visualize.rendering import save_picture

        return save_picture(self, Path(path), "save")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg}

    def __repr__(self) -> str:
        return f"<picture of a {self.name}: its save('{self.name}.svg') writes it, a notebook shows it>"
