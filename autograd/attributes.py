"""The attributes of a Value that its class does not have: rows of the table as methods, and names from elsewhere."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

from autograd import primitives as table
from autograd.convert import is_value
from autograd.display import picture_of
from autograd.elsewhere import VALUE, advice
from autograd.modes import modes, watch
from autograd.primitive import TABLE, Primitive

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = ["names_of", "no_attribute"]


def no_attribute(value: Value, name: str) -> Any:
    """What an attribute is that the class does not have: a row of the table, by its name or by NumPy's, as a method.

    Raises AttributeError for any other name.
    """
    if name == "conjugate":  # NumPy's variance asks for it
        return functools.partial(operator.pos, value)
    if name == "_prev":  # what micrograd's notebooks draw a graph from
        return {arg for arg in value.args if is_value(arg)}
    if name == "_op":
        return _as_micrograd(value)
    if name == "_repr_svg_":
        return functools.partial(_as_picture, value)
    row = None if name.startswith("_") else _by_name(name)
    if row is not None and row.public and row.rule is None:
        return functools.partial(row, value)
    if modes and name == "_data":
        watch("data", value)
    way_out = advice(name, VALUE) or "; see dir(Value) for those that it has"
    raise AttributeError(f"Value has no attribute {name!r}{way_out}")


def _as_picture(value: Value) -> str | None:
    """What a notebook shows of a computed Value."""
    return None if value.primitive is None else picture_of(value)


def _as_micrograd(value: Value) -> str:
    """What micrograd calls the operation that a Value was computed by; "" for a leaf."""
    if value.primitive is None:
        return ""
    if value.primitive is table.pow and type(value.args[1]) is float:
        return f"**{value.args[1]:g}"
    return "ReLU" if value.primitive is table.relu else value.primitive.symbol


def _by_name(name: str) -> Primitive | None:
    return TABLE.get(name) or next((row for row in TABLE.values() if row.array == name), None)


def names_of(value: Value) -> list[str]:
    """The names of a Value's attributes: of its class, and of the rows that are methods."""
    rows = [row.name for row in TABLE.values() if row.public and row.rule is None]
    return sorted({*object.__dir__(value), *rows})
