"""Pages of one file, made of what lies in `visualize/page`: a frame, and in it the body, style, script and data."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Mapping
from typing import Any

from visualize.svg import asset

__all__ = ["assembled", "page_of"]

LARGE = 12_000
"""Letters: what is longer is packed, and unpacked by the browser."""


def page_of(name: str, *, title: str, data: Any, picture: str, rules: str = "") -> str:
    """A page of `visualize/page` as one file: its script and style, the data and the picture, packed if they are large.

    rules: what stands before the script.
    """
    script = _tight(f"(async()=>{{\n{rules}\n{asset('unpack.js')}\n{asset(f'{name}.js')}\n}})();")
    style = asset("picture.css") + asset("explorer.css")
    # In a script, only `<` could end it; JSON knows another way to write it.
    text_of_data = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "TITLE": html.escape(title),
        "POLICY": f"script-src '{_hash(script)}'; style-src '{_hash(style)}'", "STYLE": style, "SCRIPT": script,
        "DATA": text_of_data, "PICTURE": picture, "PACKED": "",
    }  # fmt: skip
    if len(text_of_data) + len(picture) > LARGE:
        packed = zlib.compress(json.dumps({"data": text_of_data, "picture": picture}).encode(), 9)
        parts |= {"DATA": "", "PICTURE": "", "PACKED": base64.b64encode(packed).decode()}
    return assembled(name, parts)


def assembled(name: str, parts: Mapping[str, str]) -> str:
    """The page `name` of `visualize/page`, in the frame of all pages, with its parts in the places named after them."""
    # The frame with its body is text and names by turns, so that nothing is replaced twice.
    pieces = asset("page.html").replace("@@BODY@@\n", asset(f"{name}.html")).split("@@")
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))


def _tight(script: str) -> str:
    """A script without indentation and lines of comment."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("// "))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
