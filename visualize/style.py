"""What all drawings share: colours, numbers and labels."""

from __future__ import annotations

import html
import math
import re

__all__ = ["BLUE", "DASH", "FONT", "GREY", "INK", "ORANGE", "SOFT", "colour", "number", "plain", "relative", "text"]

# Graphviz knows the letter widths of this one font on every machine; a list of fonts would be measured as Times.
FONT = "Helvetica"

INK = "#1d2733"
SOFT = "#66727f"
GREY = "#a3adb8"
# Blue and orange stay apart for every common kind of colour blindness, in print too.
BLUE = "#1f6fb5"
ORANGE = "#cf4a12"

DASH = "–"
"""Stands for a gradient that was never computed, which is not the same as 0."""


def number(x: float, precision: int) -> str:
    """x with `precision` significant digits, as short as they allow.

    >>> number(0.70710678, 4), number(-2.0, 4), number(1e-7, 4), number(-0.0, 4)
    ('0.7071', '-2', '1e-7', '0')
    """
    written = f"{x + 0.0:.{precision}g}"  # + 0.0: no negative zero
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else written


def colour(x: float | None) -> str:
    """Blue for positive, orange for negative, grey for 0, nan and not computed."""
    if x is None or x != x or x == 0.0:
        return GREY
    return BLUE if x > 0.0 else ORANGE


def relative(x: float | None, largest: float) -> float:
    """How large x is beside the largest of its kind, 0 to 1, by square root: small ones stay visible."""
    if x is None or x != x or x == 0.0:
        return 0.0
    return math.sqrt(min(abs(x) / largest, 1.0)) if math.isfinite(x) else 1.0


# What XML, and so a picture, cannot hold. A control character is shown by its symbol, U+2400 and up.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def _lines(label: str) -> list[str]:
    label = label.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return _UNPRINTABLE.sub(_symbol, label).split("\n")


def text(label: str) -> str:
    """`label` for use inside an HTML-like label of Graphviz: it comes out as typed, whatever it holds."""
    # Graphviz would read \N as the name of the node. Spaces beside each other, and at the ends, would be collapsed.
    lines = (html.escape(line).replace("\\", "\\\\").replace(" ", "&#160;") for line in _lines(label))
    return "<BR/>".join(lines)


def plain(label: str) -> str:
    """`label` for use as a plain attribute, such as a tooltip. Keeps line breaks.

    The graphviz package takes text from `<` to `>` for markup; an escaped `<` is none.
    """
    # Graphviz reads escapes in a tooltip twice.
    return "\\n".join(html.escape(line).replace("\\", "\\" * 4) for line in _lines(label))
