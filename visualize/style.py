"""What all drawings share: colours, numbers and labels."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from numbers import Integral

__all__ = [
    "BLUE", "DASH", "FONT", "GREY", "INK", "ORANGE", "RED", "SOFT", "check_precision", "cut", "number", "plain",
    "printable", "relative", "shown_label", "text", "text_width",
]  # fmt: skip

# Graphviz knows the letter widths of this one font on every machine; a list of fonts would be measured as Times.
FONT = "Helvetica"

# Dark enough to be read, 4.5 to 1, on every fill that they stand on.
INK = "#1b2430"
SOFT = "#525d6a"
GREY = "#7c8794"
# Blue and orange stay apart for every common kind of colour blindness, in print too.
BLUE = "#185a9c"
ORANGE = "#a83a08"
RED = "#b0003a"

DASH = "–"
"""Stands for a gradient that was never computed, which is not the same as 0."""


def check_precision(name: str, precision: int) -> None:
    """Raise ValueError unless `precision` is a number of significant digits that a float can have."""
    if isinstance(precision, bool) or not isinstance(precision, Integral) or not 1 <= precision <= 17:
        raise ValueError(f"{name}: precision must be a whole number of significant digits, 1 to 17; got {precision!r}")


def number(x: float, precision: int) -> str:
    """x with `precision` significant digits, as short as they allow.

    >>> number(0.70710678, 4), number(-2.0, 4), number(1e-7, 4), number(-0.0, 4)
    ('0.7071', '-2', '1e-7', '0')
    """
    written = f"{x + 0.0:.{precision}g}"  # + 0.0: no negative zero
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else written


def relative(x: float | None, largest: float) -> float:
    """How large x is beside the largest of its kind, 0 to 1, by square root: small ones stay visible."""
    if x is None or x == 0.0:
        return 0.0
    return math.sqrt(min(abs(x) / largest, 1.0)) if math.isfinite(x) else 1.0


# What XML, and so a picture, cannot hold. A control character is shown by its symbol, U+2400 and up. And what turns the
# direction of writing around: numbers beside a label would be read backwards.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


NARROW, WIDE = set("ijlfrtI|!.,:;'()[]{} -"), set("mwMW@%&")


def text_width(text: str, size: float) -> float:
    """How much room a line of text needs, in points, whatever font it comes out in: rather too much than too little."""
    return size * sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if letter in NARROW:
        return 0.46
    if letter in WIDE:
        return 1.12
    if letter < "\x7f":
        return 0.86 if letter.isupper() else 0.72
    if unicodedata.combining(letter):
        return 0.0
    return 1.35 if unicodedata.east_asian_width(letter) in "WF" else 0.95


def shown_label(label: str) -> list[str]:
    """The lines of a label as they can be shown: tabs as spaces, what cannot be printed by a sign for it."""
    label = label.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return printable(label).split("\n")


def printable(words: str) -> str:
    """Words as XML can hold them: what cannot be printed by a sign for it."""
    return _UNPRINTABLE.sub(_symbol, words)


LETTERS = 24
"""Labels and names are cut after as many."""


def cut(label: str) -> str:
    """A label that is not too long: the rest of it is in the tooltip."""
    return label if len(label) <= LETTERS else label[: LETTERS - 1] + "…"


def text(label: str) -> str:
    """`label` for use inside an HTML-like label of Graphviz: it comes out as typed, whatever it holds."""
    # Graphviz would read \N as the name of the node. Spaces beside each other, and at the ends, would be collapsed.
    lines = (html.escape(line).replace("\\", "\\\\").replace(" ", "&#160;") for line in shown_label(label))
    return "<BR/>".join(lines)


def plain(label: str) -> str:
    """`label` for use as a plain attribute, such as a tooltip. Keeps line breaks.

    The graphviz package takes text from `<` to `>` for markup; an escaped `<` is none.
    """
    # Graphviz reads escapes in a tooltip twice.
    return "\\n".join(html.escape(line).replace("\\", "\\" * 4) for line in shown_label(label))
