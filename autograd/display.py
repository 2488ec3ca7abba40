"""How things show in a notebook: tables in HTML, and pictures by `visualize` where it can draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.primitive import Primitive

__all__ = ["error_in_notebook", "html_details", "html_table", "html_text", "picture_of", "picture_of_operation"]


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


# ---------------------------------------------------------------- the one door to `visualize`, which stands above us


def picture_of(what: Any) -> str | None:
    """A Value or a Program as SVG, if it is small, and there is something to draw with."""
    try:
        from visualize.inline import inline_picture
    except ImportError:
        return None
    return inline_picture(what)


def picture_of_operation(primitive: Primitive, arguments: Sequence[Any], words: str) -> str:
    """An operation that is wrong and what leads to it, as SVG. words: what is wrong with it.

    Raises ImportError or RuntimeError if there is nothing to draw with.
    """
    from visualize.errors import picture_of_operation

    return picture_of_operation(primitive, arguments, words)


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
