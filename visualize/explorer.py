"""One page to watch the gradient flow: the graph, step by step, forwards and back, with numbers that can be changed.

The page is one file and needs no network. It computes by itself, with rules that are printed from the table
(`autograd.js_rules`); its picture is that of `svg`, its script and style lie in `visualize/page`.
"""

from __future__ import annotations

import html
import inspect
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, overload

from autograd import Primitive, Value, topological
from autograd._files import atomic_write
from autograd.convert import number
from autograd.forward import order_of
from autograd.js_rules import rules
from autograd.sweep import partials_of
from autograd.tree import map_numbers, named_numbers
from autograd.watching import Compared, watching
from visualize.description import Description, GraphTooLarge, describe
from visualize.layout import arrange
from visualize.overview import overview
from visualize.pages import page_of
from visualize.scene import compose
from visualize.svg import to_svg
from visualize.timeline import named, steps_of
from visualize.words import Formulas, formulas_of

__all__ = ["Explorer", "called", "explore", "page_of"]

FEW = 30
PAGE, WIDE = 1280.0, 1900.0
"""Points: what can be read beside the panel of a usual window, for so few boxes; for more, any picture's width."""

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
            f'<iframe srcdoc="{page}" sandbox="allow-scripts allow-forms" title="Explorer of a computation" '
            f'style="width: 100%; height: {self.height}px; border: 1px solid #74859a"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<explorer page of {len(self.html):,} letters: save(path) writes it, a notebook shows it>"


@overload
def explore(
    what: Value | Callable[..., Value], path: None = None, *, at: Sequence[Any] | None = None, title: str = "",
    seed: float = 1.0, precision: int = 4, parameters: Any = None, limit: int = MOST,
) -> Explorer: ...  # fmt: skip
@overload
def explore(
    what: Value | Callable[..., Value], path: str | os.PathLike[str], *, at: Sequence[Any] | None = None,
    title: str = "", seed: float = 1.0, precision: int = 4, parameters: Any = None, limit: int = MOST,
) -> Path: ...  # fmt: skip
def explore(
    what: Value | Callable[..., Value], path: str | os.PathLike[str] | None = None, *,
    at: Sequence[Any] | None = None, title: str = "", seed: float = 1.0, precision: int = 4, parameters: Any = None,
    limit: int = MOST,
) -> Explorer | Path:  # fmt: skip
    """A page on which a computation can be watched and changed: forward pass and backward pass step by step, forwards
    and back, with the chain rule in words, symbols and numbers; sliders on the leaves; gradient descent; a quiz.

    what: a Value; or a function that gives one, together with `at`, the numbers, or lists of them, to call it with: the
        page then knows the comparisons that the function makes, and says where a slider would make one fall otherwise.
    path: where to write the page, as "page.html". Without it, an `Explorer` comes back, which a notebook shows.
    title: a line above. seed: the gradient of the result itself, as of `backward`. precision, parameters: as of `draw`.
    limit: a graph of more nodes than this is rolled up, as by `draw`, and each box can be opened: its numbers, and some
        of its nodes with what is around them. Its numbers cannot be changed then.

    The page computes with the rules of the table, so it may differ from Python in the last digits. A primitive of your
    own that is not written with autograd's functions cannot go along: it keeps its numbers, and the page says so.

    >>> page = explore(lambda w, x: (w * x).tanh(), at=[2.0, 0.5])
    >>> "<script" in page.html
    True
    """
    if isinstance(precision, bool) or not isinstance(precision, int) or not 1 <= precision <= 17:
        raise ValueError(f"explore: precision must be a whole number of significant digits, 1 to 17; got {precision!r}")
    if not isinstance(title, str):
        raise TypeError(f"explore: title must be a text, got {title!r:.100}")
    if path is not None and not str(path).lower().endswith((".html", ".htm")):
        raise ValueError(f"explore: {str(path)!r} must end in .html; for a picture, write visualize.render(y, path)")
    seed = number(seed, "explore: seed")
    comparisons: list[Compared] | None = None  # nobody has watched
    if callable(what) and not isinstance(what, Value):
        comparisons = []
        title = title or getattr(what, "__name__", "").strip("<>").replace("lambda", "")
        what = called("explore", what, at, comparisons)
    elif at is not None:
        raise TypeError("explore: at=... is for a function; a Value has its numbers already")
    if not isinstance(what, Value):
        raise TypeError(
            f"explore: takes a Value, such as the result of a computation with Values, or a function with at=[...]; "
            f"got {what!r:.200}"
        )
    try:
        try:
            whole = describe(what, parameters=parameters, limit=limit)
            text = _page(what, whole, title, seed, precision, comparisons)
        except GraphTooLarge:
            text = overview(what, parameters=parameters, title=title, precision=precision)
    except (TypeError, ValueError) as error:
        raise type(error)(f"explore: {error}") from None
    page = Explorer(text, 640)
    return page if path is None else page.save(path)


# ---------------------------------------------------------------- the function itself, and what it asks


def called(caller: str, f: Callable[..., Any], at: Any, comparisons: list[Compared]) -> Any:
    """The Value of a function at a point, its arguments named as in its signature, for `caller`, which errors name."""
    if at is None:
        raise TypeError(f"{caller}: of a function, give the numbers to call it with: {caller}(f, at=[2.0, 0.5])")
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    if isinstance(at, Mapping | str):
        raise TypeError(f"{caller}: at must be a list of arguments in order, as in at=[2.0, 0.5]; got {at!r:.100}")
    point = list(at) if isinstance(at, Iterable) else [at]
    try:
        inspect.signature(f).bind(*point)
    except TypeError:
        listed = ", ".join(names)
        raise TypeError(
            f"{caller}: the function takes ({listed}), and at has {len(point)} arguments; give one for each, a list of "
            "numbers where it takes a list"
        ) from None
    except ValueError:  # it has no signature
        pass
    names += [f"x{i + 1}" for i in range(len(names), len(point))]
    arguments = [_as_values(x, name) for x, name in zip(point, names, strict=False)]
    with watching() as asked:
        y = f(*arguments)
    comparisons += [c for c in asked if c.sign != "caught"]
    if not isinstance(y, Value):
        raise TypeError(f"{caller}: the function must give one Value, as its result; it gave {y!r:.200}")
    return y


def _as_values(x: Any, name: str) -> Any:
    """An argument with a Value for each number in it, labelled by what one writes to get it."""
    labels = iter([label for label, _ in named_numbers(x, name)])
    return map_numbers(lambda number: number if isinstance(number, Value) else Value(number, next(labels)), x)


# ---------------------------------------------------------------- the page


def _page(
    value: Value, whole: Description, title: str, seed: float, precision: int, comparisons: list[Compared] | None
) -> str:
    order = topological(value)
    # What was compared need not lead to the result: it comes after, to be computed and not to be shown.
    compared = [x for _, a, b, _ in comparisons or [] for x in (a, b) if isinstance(x, Value)]
    shown = set(order)
    order += [v for v in order_of(compared) if v not in shown] if compared else []
    whole, folded = named(whole)
    text, names = rules((v.primitive, len(v.args)) for v in order if v.primitive is not None)
    scene = compose(folded, precision=precision, roomy=True)._replace(notes=())
    layout = arrange(scene, PAGE if len(scene.boxes) <= FEW else WIDE)
    called = _called_by(order, whole)
    formulas = formulas_of(order, called, folded, precision)
    data = {
        "nodes": _nodes(order, called, whole, names, {node.id for node in folded.nodes}, formulas),
        "root": len(shown) - 1,
        "boxes": _boxes(folded, formulas),
        "arrows": [[e.source, e.target, [[int(key[1:]), place] for key, place in e.parts]] for e in folded.edges],
        "steps": [[part for part in step if part is not None] for step in steps_of(whole, folded)],
        "comparisons": list(_comparisons(order, comparisons or [])),
        "watched": comparisons is not None,
        "precision": precision,
        "seed": _number(seed),
        "title": title or (value.label or "a computation"),
    }
    return page_of("explorer", title=data["title"], data=data, picture=to_svg(scene, layout, alone=False), rules=text)


def _called_by(order: list[Value], whole: Description) -> dict[Value, str]:
    """What each node is called on the page: also those that are only compared."""
    labels = {node.id: node.label for node in whole.nodes}
    taken = set(labels.values())
    fresh = (name for name in map("c{}".format, count(1)) if name not in taken)
    return {v: labels[f"n{i}"] if f"n{i}" in labels else v.label or next(fresh) for i, v in enumerate(order)}


def _nodes(
    order: list[Value], called: dict[Value, str], whole: Description, names: dict[tuple[Primitive, int], str],
    boxes: set[str], formulas: Formulas,
) -> list[dict[str, Any]]:  # fmt: skip
    """What the page computes with: per node rule, arguments (the place of a node, or a list of one number), data, and
    the formulas of its slopes.
    """
    places = {v: i for i, v in enumerate(order)}
    known = {node.id: node for node in whole.nodes}
    found: list[dict[str, Any]] = []
    for i, v in enumerate(order):
        node: dict[str, Any] = {"d": _number(v.data), "l": called[v]}
        described = known.get(f"n{i}")
        if described and described.name and described.name != described.label:
            node["n"] = described.name
        if described and described.kind == "parameter":
            node["p"] = 1
        if f"n{i}" not in boxes:
            node["h"] = 1  # hidden
        if v.primitive is not None:
            name = names.get((v.primitive, len(v.args)))
            node["a"] = [[_number(arg)] if isinstance(arg, float) else places[arg] for arg in v.args]
            node["r"] = name or v.primitive.name
            node["s"] = [formulas.slopes.get((f"n{i}", place), "") for place in range(len(v.args))]
            if name is None:
                node["z"] = _frozen(v)
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


def _boxes(folded: Description, formulas: Formulas) -> list[dict[str, Any]]:
    """Per box its id, the place of its node and how that is computed, or for a group the places of its members."""
    found: list[dict[str, Any]] = []
    for node in folded.nodes:
        box: dict[str, Any] = {"id": node.id}
        if node.kind == "group":
            box["m"] = [int(key[1:]) for key in node.members]
            box["l"] = node.label
        else:
            box["i"] = int(node.id[1:])
            if node.id in formulas.values:
                box["f"] = formulas.values[node.id]
        found.append(box)
    return found


def _comparisons(order: list[Value], comparisons: list[Compared]) -> Iterator[list[Any]]:
    """The comparisons: place, sign, place or [number], outcome; each once."""
    places = {v: i for i, v in enumerate(order)}
    seen: set[str] = set()
    for sign, x1, x2, outcome in comparisons:
        found = [places[x1], sign, places[x2] if isinstance(x2, Value) else [_number(float(x2))], bool(outcome)]
        if str(found) not in seen:
            seen.add(str(found))
            yield found


def _number(x: float) -> Any:
    """A number as JSON has it; nan and the infinities by name."""
    return x if math.isfinite(x) else repr(x)
