"""Numbers as an image: a pixel for each, blue or orange by its sign, the stronger the larger it is."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence

from visualize.deflate import deflated
from visualize.style import relative

__all__ = ["BAD", "NEGATIVE", "POSITIVE", "data_uri", "indexed_uri", "pixels", "png"]

# Between those of the light and those of the dark style: an image cannot know which of them is used.
POSITIVE, NEGATIVE, BAD = bytes((46, 125, 205)), bytes((222, 98, 38)), bytes((255, 20, 80))


def pixels(numbers: Sequence[float | None], largest: float) -> bytes:
    """Four bytes for each number: red, green, blue, and how opaque it is, by square root of its size beside `largest`.

    What is 0 or not known is transparent, so that paper of any colour shows; what is no finite number is red.
    """
    found = bytearray()
    for x in numbers:
        if x is not None and not math.isfinite(x):
            found += BAD + b"\xff"
        else:
            size = relative(x, largest) if largest else 0.0
            found += (POSITIVE if x is None or x >= 0.0 else NEGATIVE) + bytes((round(255.0 * size),))
    return bytes(found)


def png(rgba: bytes, rows: int, columns: int) -> bytes:
    """Pixels, row by row, as a PNG file: https://www.w3.org/TR/png-3, colour type 6, no filter."""
    lines = b"".join(b"\0" + rgba[4 * columns * row : 4 * columns * (row + 1)] for row in range(rows))
    return _file(zlib.compress(lines, 0), rows, columns, 6)  # stored: the same bytes from every version of zlib


def _file(
    lines: bytes, rows: int, columns: int, kind: int, palette: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:  # fmt: skip
    """A PNG of compressed lines of a colour type, 8 bits a sample. palette: more chunks, each a name and its data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), *palette, (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def data_uri(numbers: Sequence[float | None], largest: float, rows: int, columns: int) -> str:
    """Numbers as an image for the `href` of an SVG's image."""
    file = png(pixels(numbers, largest), rows, columns)
    return "data:image/png;base64," + base64.b64encode(file).decode()


def indexed_uri(places: Sequence[Sequence[int]], colours: Sequence[bytes]) -> str:
    """Pixels row by row, each its place among at most 256 colours: red, green, blue, and how opaque. Colour type 3."""
    lines = b"".join(b"\0" + bytes(row) for row in places)
    palette = ((b"PLTE", b"".join(c[:3] for c in colours)), (b"tRNS", bytes(c[3] for c in colours)))
    file = _file(deflated(lines), len(places), len(places[0]), 3, palette)
    return "data:image/png;base64," + base64.b64encode(file).decode()
