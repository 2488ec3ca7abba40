"""Pickles and copies of Values, which either engine reads.

A graph may be deeper than Python's stack, so what is pickled or copied with a computed Value is, first, a list of all
that it was computed from, arguments before results: then nothing in the list needs what has not been written yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograd.primitive import Primitive

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = ["in_use", "restored", "state_of"]


class InUse:
    """value: the class of Values that copies are of; `autograd.engine` puts it here."""

    value: type[Value]


in_use = InUse()


def restored(data: float, label: str, grad: float | None, primitive: Primitive | None, args: tuple[Any, ...]) -> Value:
    """A copy of a Value, from what its `__reduce__` told; of whichever engine is in use now."""
    cls = in_use.value
    if primitive is not None:
        whole = isinstance(primitive, Primitive) and isinstance(args, tuple)
        fits = whole and (primitive.rule is not None or len(args) == primitive.arity)
        if not fits or not all(isinstance(arg, cls | float) for arg in args):
            raise TypeError(f"Value: a copy needs a primitive and its arguments, got {primitive!r} and {args!r:.200}")
    return cls._restored(data, label, grad, primitive, args)


class Listed(threading.local):
    """The Values in a list that is being written, by their ids: each of them needs no list of its own."""

    def __init__(self) -> None:
        self.ids: set[int] = set()


listed = Listed()


class EndOfList:
    """Stands after such a list; when it is written, the list has been."""

    def __reduce__(self) -> tuple[Any, ...]:
        listed.ids = set()
        return EndOfList, ()


def state_of(value: Value, topological: Callable[[Value], list[Value]]) -> tuple[Any, ...]:
    """What `__reduce__` returns: how to make a copy of a Value, in this process or another one, of either engine.

    topological: that of its engine.
    """
    state = (value._number, value.label, value._grad, value._primitive, value._args)
    if value._primitive is None or id(value) in listed.ids:
        return restored, state
    order = topological(value)[:-1]
    listed.ids = {id(part) for part in order}
    return restored_last, (order, EndOfList(), *state)


def restored_last(order: list[Value], end: EndOfList, *state: Any) -> Value:
    """The Value that a whole list was written for."""
    return restored(*state)
