"""Parts of a graph that is too large to be drawn whole: around a node, between two, or what has a name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from numbers import Integral
from typing import Any, Unpack

from autograd import TABLE, Value, topological
from autograd.forward import varying
from visualize.description import LIMIT
from visualize.drawing import Drawing, Options, draw_part

__all__ = ["focus", "path", "search"]


def focus(y: Value, around: Value, hops: int = 3, *, limit: int = LIMIT, **options: Unpack[Options]) -> Drawing:
    """A drawing of what lies around one node of the graph of `y`: all that is at most `hops` arrows away, in either
    direction. Leaves on the way are shown but not passed through: a weight used everywhere brings nothing nearer.

    options: as of `draw`; raises GraphTooLarge beyond `limit` nodes.

    >>> x = Value(0.5, "x")
    >>> middle = y = x
    >>> for k in range(100):
    ...     y = (y * 1.01).tanh()
    ...     middle = y if k == 50 else middle
    >>> len(focus(y, middle, hops=2).scene.boxes)
    5
    """
    order = _graph_of(y, around, "focus: around")
    if isinstance(hops, bool) or not isinstance(hops, Integral) or hops < 0:
        raise ValueError(f"focus: hops must be a whole number of arrows, at least 0; got {hops!r}")
    near: dict[Value, list[Value]] = {v: [] for v in order}
    for v in order:
        for arg in v.args:
            if isinstance(arg, Value):
                near[v].append(arg)
                near[arg].append(v)
    found, front = {around}, [around]
    for _ in range(hops):
        front = [v for u in front if u is around or u.args for v in near[u] if v not in found]
        found.update(front)
    return draw_part("focus", y, found, limit, options)


def path(y: Value, x: Value, *, limit: int = LIMIT, **options: Unpack[Options]) -> Drawing:
    """A drawing of all ways by which `y` depends on `x`, and of nothing else.

    options: as of `draw`. Raises GraphTooLarge beyond `limit` nodes, and ValueError if y does not depend on x.

    >>> x, w = Value(0.5, "x"), Value(2.0, "w")
    >>> [box.symbol for box in path((x * w + 1.0).tanh() * w, x).scene.boxes]
    ['', '*', '+ 1', 'tanh', '*']
    """
    order = _graph_of(y, x, "path: x")
    return draw_part("path", y, varying(order, [x]), limit, options)


def search(
    y: Value, *, label: str | None = None, operation: str | None = None, where: Callable[[Value], bool] | None = None
) -> list[Value]:
    """The nodes of the graph of `y` that fit, arguments before results.

    label: as "w1" or "w*", where * stands for any letters and ? for one. operation: the name of a primitive, as
    "relu". where: a function of a Value, such as `lambda v: abs(v.grad) > 10`.

    >>> x = Value(0.5, "x")
    >>> search((x * 2.0).tanh(), operation="tanh")
    [Value(0.7615941559557649)]
    """
    _check(y, "search")
    if label is None and operation is None and where is None:
        raise TypeError(
            "search: say what to look for, as in label='w*', operation='relu', or where=lambda v: v.data > 1"
        )
    for name, text in (("label", label), ("operation", operation)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"search: {name} must be a string, got {text!r:.200}")
    if where is not None and not callable(where):
        raise TypeError(
            f"search: where must be a function of a Value, such as lambda v: v.data > 1; got {where!r:.200}"
        )
    order = topological(y)
    if operation is not None and operation not in TABLE:
        here = ", ".join(sorted({v.primitive.name for v in order if v.primitive is not None}))
        found = f"in this graph there are {here}" if here else "this graph is a leaf and has none"
        raise ValueError(f"search: there is no operation {operation!r}; {found}")
    pattern = None if label is None else label.replace("[", "[[]")  # brackets are nothing special here
    return [
        v for v in order
        if (pattern is None or fnmatchcase(v.label, pattern))
        and (operation is None or (v.primitive is not None and v.primitive.name == operation))
        and (where is None or where(v))
    ]  # fmt: skip


def _check(value: Any, name: str) -> None:
    if not isinstance(value, Value):
        raise TypeError(f"{name}: takes a Value, such as the result of a computation with Values; got {value!r:.200}")


def _graph_of(y: Any, x: Any, name: str) -> list[Value]:
    _check(y, name.partition(":")[0])
    _check(x, name.partition(":")[0])
    order = topological(y)
    if not any(v is x for v in order):
        raise ValueError(f"{name} is not in the graph: the result does not depend on it")
    return order
