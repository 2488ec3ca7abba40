"""How things show in a notebook: tables in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_table", "html_text"]


def html_table(heading: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of texts, with numbers to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f'<{tag} style="text-align: right">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"

    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<table>{above}<thead>{line(heading, 'th')}</thead><tbody>{body}</tbody></table>"


def html_text(text: str) -> str:
    """Lines of text as they are."""
    return f"<pre>{escape(text)}</pre>"
