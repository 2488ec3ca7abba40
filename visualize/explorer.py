"""One page to watch the gradient flow: the graph, step by step, forwards and back, with numbers that can be changed.

The page is one file and needs no network. It computes by itself, with rules that are printed from the table
(`autograd.js_rules`); its picture is that of `svg`, its script and style lie in `visualize/page`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import inspect
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, overload

from autograd import Primitive, Value, topological
from autograd._files import atomic_write
from autograd.js_rules import rule_name, rules
from autograd.tree import map_numbers, named_numbers
from autograd.value import Tape, mode_of_this_thread, partials_of
from visualize.description import Description, Node, describe
from visualize.folding import fold
from visualize.layout import arrange
from visualize.scene import compose
from visualize.svg import asset, to_svg

__all__ = ["Explorer", "explore"]

LARGE = 12_000
"""Letters: what is longer is packed, and unpacked by the browser."""

FEW = 30
PAGE, WIDE = 960.0, 1900.0
"""Points: the width of a usual window beside the panel, for so few boxes; for more, that of any picture."""

MOST = 1000
"""Nodes, unless told otherwise: of more, a browser would not follow a slider."""


class Explorer:
    """A page of `explore`: shows itself in a notebook; `save` writes it; `html` is its text."""

    def __init__(self, page: str, height: int) -> None:
        self.html = page
        self.height = height

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all; returns the path."""
        with atomic_write(Path(path)) as file:
            file.write(self.html.encode())
        return Path(path)

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" title="Explorer of a computation" '
            f'style="width: 100%; height: {self.height}px; border: 1px solid #74859a"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<explorer page of {len(self.html):,} letters: save(path) writes it, a notebook shows it>"


@overload
def explore(
    what: Value | Callable[..., Value], path: None = None, *, at: Sequence[Any] | None = None, title: str = "",
    precision: int = 4, parameters: Any = None, limit: int = MOST,
) -> Explorer: ...  # fmt: skip
@overload
def explore(
    what: Value | Callable[..., Value], path: str | os.PathLike[str], *, at: Sequence[Any] | None = None,
    title: str = "", precision: int = 4, parameters: Any = None, limit: int = MOST,
) -> Path: ...  # fmt: skip
def explore(
    what: Value | Callable[..., Value], path: str | os.PathLike[str] | None = None, *,
    at: Sequence[Any] | None = None, title: str = "", precision: int = 4, parameters: Any = None, limit: int = MOST,
) -> Explorer | Path:  # fmt: skip
    """A page on which a computation can be watched and changed: forward pass and backward pass step by step, forwards
    and back, with the chain rule in words, symbols and numbers; sliders on the leaves; gradient descent; a quiz.

    what: a Value; or a function that gives one, together with `at`, the numbers, or lists of them, to call it with: the
        page then knows the comparisons that the function makes, and says where a slider would make one fall otherwise.
    path: where to write the page, as "page.html". Without it, an `Explorer` comes back, which a notebook shows.
    title: a line above. precision, parameters: as of `draw`. limit: raises GraphTooLarge beyond this many nodes.

    The page computes with the rules of the table, so it may differ from Python in the last digits. A primitive of your
    own that is not written with autograd's functions cannot go along: it keeps its numbers, and the page says so.

    >>> page = explore(lambda w, x: (w * x).tanh(), at=[2.0, 0.5])
    >>> "<script" in page.html
    True
    """
    if isinstance(precision, bool) or not isinstance(precision, int) or not 1 <= precision <= 17:
        raise ValueError(f"explore: precision must be a whole number of significant digits, 1 to 17; got {precision!r}")
    comparisons: list[Comparison] | None = None  # nobody has watched
    if callable(what) and not isinstance(what, Value):
        comparisons = []
        what = _called(what, at, comparisons)
    elif at is not None:
        raise TypeError("explore: at=... is for a function; a Value has its numbers already")
    if not isinstance(what, Value):
        raise TypeError(
            f"explore: takes a Value, such as the result of a computation with Values, or a function with at=[...]; "
            f"got {what!r:.200}"
        )
    try:
        whole = describe(what, parameters=parameters, limit=limit)
    except (TypeError, ValueError) as error:
        raise type(error)(f"explore: {error}") from None
    page = Explorer(_page(what, whole, title, precision, comparisons), 640)
    return page if path is None else page.save(path)


# ---------------------------------------------------------------- the function itself, and what it asks

Comparison = tuple[str, Value, Any, bool]
"""A sign, what it stands between, and how it came out."""


class _Watching(Tape):
    """A tape that only notes comparisons."""

    def __init__(self, comparisons: list[Comparison]) -> None:
        super().__init__()
        self.comparisons = comparisons

    def compared(self, sign: str, x1: Value, x2: Any, outcome: bool) -> None:
        self.comparisons.append((sign, x1, x2, outcome))

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        pass

    def refuse(self, what: str, value: Value | None) -> None:
        pass


def _called(f: Callable[..., Any], at: Sequence[Any] | None, comparisons: list[Comparison]) -> Any:
    """The Value of a function at a point, its arguments named as in its signature."""
    if at is None:
        raise TypeError("explore: of a function, give the numbers to call it with: explore(f, at=[2.0, 0.5])")
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    point = [at] if isinstance(at, (int, float)) else list(at)
    names += [f"x{i + 1}" for i in range(len(names), len(point))]
    arguments = [_as_values(x, name) for x, name in zip(point, names, strict=False)]
    with mode_of_this_thread(_Watching(comparisons)):
        y = f(*arguments)
    if not isinstance(y, Value):
        raise TypeError(f"explore: the function must give one Value, as its result; it gave {y!r:.200}")
    return y


def _as_values(x: Any, name: str) -> Any:
    """An argument with a Value for each number in it, labelled by what one writes to get it."""
    labels = iter([label for label, _ in named_numbers(x, name)])
    return map_numbers(lambda number: number if isinstance(number, Value) else Value(number, next(labels)), x)


# ---------------------------------------------------------------- the page


def _page(value: Value, whole: Description, title: str, precision: int, comparisons: list[Comparison] | None) -> str:
    order = topological(value)
    whole = _with_names(whole)
    text, frozen = rules((v.primitive, len(v.args)) for v in order if v.primitive is not None)
    folded = fold(whole)
    scene = compose(folded, precision=precision, roomy=True)._replace(notes=())
    layout = arrange(scene, PAGE if len(scene.boxes) <= FEW else WIDE)
    data = {
        "nodes": _nodes(order, whole, frozen),
        "boxes": _boxes(folded),
        "arrows": [[e.source, e.target, [[int(key[1:]), place] for key, place in e.parts]] for e in folded.edges],
        "comparisons": list(_comparisons(order, comparisons or [])),
        "watched": comparisons is not None,
        "precision": precision,
        "title": title or (value.label or "a computation"),
    }
    script = _tight(f"(async()=>{{\n{text}\n{asset('explorer.js')}\n}})();")
    style = asset("picture.css") + asset("explorer.css")
    # In a script, only `<` could end it; JSON knows another way to write it.
    shown = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    picture = to_svg(scene, layout, alone=False)
    parts = {
        "TITLE": html.escape(data["title"]),  # type: ignore[arg-type]  # a str among others
        "SCRIPT_HASH": _hash(script), "STYLE_HASH": _hash(style), "STYLE": style, "SCRIPT": script,
        "DATA": shown, "PICTURE": picture, "PACKED": "",
    }  # fmt: skip
    if len(shown) + len(picture) > LARGE:
        packed = zlib.compress(json.dumps({"data": shown, "picture": picture}).encode(), 9)
        parts |= {"DATA": "", "PICTURE": "", "PACKED": base64.b64encode(packed).decode()}
    pieces = asset("explorer.html").split("@@")  # text and names by turns, so that nothing is replaced twice
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))


def _with_names(whole: Description) -> Description:
    """Every node with a label, by which the page can speak of it: L for the result, v1, v2, ... for the others."""
    taken = {node.label for node in whole.nodes}
    root = whole.nodes[-1].id
    fresh = (name for name in map("v{}".format, count(1)) if name not in taken)
    nodes: list[Node] = []
    for node in whole.nodes:
        if not node.label and node.kind != "constant":
            label = "L" if node.id == root and "L" not in taken else next(fresh)
            node = node._replace(label=label, name=node.name or label)
        nodes.append(node)
    return whole._replace(nodes=tuple(nodes))


def _tight(script: str) -> str:
    """A script without indentation and lines of comment."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("// "))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _nodes(order: list[Value], whole: Description, frozen: set[str]) -> list[dict[str, Any]]:
    """What the page computes with: per node rule, arguments (the place of a node, or a list of one number), data."""
    places = {v: i for i, v in enumerate(order)}
    known = {node.id: node for node in whole.nodes}
    found: list[dict[str, Any]] = []
    for i, v in enumerate(order):
        node: dict[str, Any] = {"d": _number(v.data)}
        described = known[f"n{i}"]
        node["l"] = described.label
        if described.name and described.name != described.label:
            node["n"] = described.name
        if described.kind == "parameter":
            node["p"] = 1
        if v.primitive is not None:
            name = rule_name(v.primitive, len(v.args))
            node["a"] = [[_number(arg)] if isinstance(arg, float) else places[arg] for arg in v.args]
            node["r"] = name
            if name in frozen:
                node["z"] = _frozen(v)
                node["s"] = v.primitive.symbol
        found.append(node)
    return found


def _frozen(v: Value) -> list[Any]:
    """The slopes of a node whose rule the page does not have."""
    found: list[Any] = []
    for place in range(len(v.args)):
        try:
            found.append(_number(partials_of(v, place)))
        except (ArithmeticError, ValueError):
            found.append("nan")
    return found


def _boxes(folded: Description) -> list[dict[str, Any]]:
    """Per box its id, the place of its node, or for a group those of its members."""
    found: list[dict[str, Any]] = []
    for node in folded.nodes:
        box: dict[str, Any] = {"id": node.id, "s": node.symbol}
        if node.kind == "group":
            box["m"] = [int(key[1:]) for key, _, _ in node.members]
            box["l"] = node.label
        else:
            box["i"] = int(node.id[1:])
        found.append(box)
    return found


def _comparisons(order: list[Value], comparisons: list[Comparison]) -> Iterator[list[Any]]:
    """The comparisons of what is part of the graph: place, sign, place or [number], outcome."""
    places = {v: i for i, v in enumerate(order)}
    seen: set[str] = set()
    for sign, x1, x2, outcome in comparisons:
        if x1 not in places or (isinstance(x2, Value) and x2 not in places):
            continue
        found = [places[x1], sign, places[x2] if isinstance(x2, Value) else [_number(float(x2))], bool(outcome)]
        if str(found) not in seen:
            seen.add(str(found))
            yield found


def _number(x: float) -> Any:
    """A number as JSON has it; nan and the infinities by name."""
    return x if math.isfinite(x) else repr(x)
