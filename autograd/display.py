"""How things show in a notebook: tables in HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["error_in_notebook", "html_details", "html_table", "html_text", "picture_of"]


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


def html_details(shown: str, summary: str, text: str) -> str:
    """Markup, and below it, to be opened, lines of text as they are."""
    return f"<div>{shown}</div><details><summary>{escape(summary)}</summary>{html_text(text)}</details>"


SHOWN = 60  # nodes of a graph that a notebook draws whole
FAST = 20_000  # nodes of a graph that it rolls up


def picture_of(what: Any) -> str | None:
    """A Value or a Program as SVG, if it is small, and there is something to draw with."""
    try:
        from autograd.engine import Value, topological
        from visualize import draw

        if isinstance(what, Value) and len(topological(what)) > FAST:
            return None

        svg: str | None = draw(what, limit=SHOWN)._repr_mimebundle_().get("image/svg+xml")
    except (ImportError, ValueError):
        return None
    return svg


def error_in_notebook(error: Any) -> list[str]:
    """The lines that IPython prints of a DomainError; in a notebook, with a picture of where it arose above them."""
    from IPython import display, get_ipython

    shell = get_ipython()
    if getattr(shell, "kernel", None) is not None and error.primitive is not None:
        try:
            from visualize.errors import picture_of_error

            if not vars(error).get("drawn"):  # IPython asks twice of an error that follows from another
                error.drawn = True
                display.display(display.SVG(picture_of_error(error)))  # type: ignore[no-untyped-call]  # IPython's
        except (ImportError, RuntimeError):
            pass  # nothing to draw with: the words are there all the same
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    return lines
