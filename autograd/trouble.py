"""What a sweep says where a gradient has no value: which operation, at which numbers, and what to do instead."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from autograd import primitives as table
from autograd.primitive import DomainError

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = ["explain_nan", "leads_to_a_leaf", "missing", "no_derivative", "node_name"]


def missing(value: Value, place: int, error: Exception) -> float:
    """Stands for a partial derivative that does not exist: nan, if nothing needs it. Else raises the error."""
    if leads_to_a_leaf(value._args[place]):
        raise no_derivative(value, place, error) from error
    return math.nan


def leads_to_a_leaf(arg: Value) -> bool:
    """Whether a cotangent would flow on from this argument to any leaf: not from stop_gradient, sign and their like."""
    stack: list[Any] = [arg]
    seen: set[Value] = set()
    while stack:
        value = stack.pop()
        if type(value) is float or value in seen:
            continue
        seen.add(value)
        if value._primitive is None or (value._primitive is table.identity and type(value._args[0]) is float):
            return True  # a leaf, or what a derivative is being taken by
        stack.extend(x for i, x in enumerate(value._args) if i not in value._primitive.cut)
    return False


def no_derivative(value: Value, place: int | None, error: Exception) -> DomainError:
    """The error for a partial derivative of `value` that could not be computed because of `error`: the one by the
    argument at `place`, or all of them at once.
    """
    primitive = value._primitive
    assert primitive is not None
    operands = [x if type(x) is float else x._number for x in value._args]
    point = ", ".join(map(repr, operands[:6])) + (", ..." if len(operands) > 6 else "")
    by = "" if place is None or len(operands) == 1 else f" by argument {place + 1}"
    formulas = primitive.formula[1:]
    which = formulas[min(place or 0, len(formulas) - 1)] if formulas else ""
    reason = f"{which} has no value there" if which else str(error)
    way_out = "Keep away from this point, or choose the case with if."
    if by:
        way_out = "If this argument shall not be differentiated by, give a plain number or stop_gradient(...)."
    words = f"{primitive.name}: has no derivative at ({point}){node_name(value)}{by}: {reason}. {way_out}"
    return DomainError(words).at(primitive, value._args)


def explain_nan(value: Value, place: int, cotangent: float, partial: float, before: float) -> None:
    """Raise DomainError for a gradient that is nan, unless some number it was made of already was.

    It is before + cotangent · partial: what had arrived at the argument, and what `value` hands on to it.
    """
    primitive = value._primitive
    assert primitive is not None
    arg = value._args[place]
    where = f"{primitive.name}{node_name(value)}"
    numbers_here = [value._number, *(x if type(x) is float else x._number for x in value._args)]
    if cotangent != cotangent or before != before:
        return
    if partial != partial:
        if any(x != x for x in numbers_here) or not leads_to_a_leaf(arg):
            return
        raise no_derivative(value, place, ValueError("the partial derivative is nan"))
    if (c := cotangent * partial) != c:
        raise DomainError(
            f"backward: 0 · ∞ at {where}: the gradient that arrives is {cotangent!r} and the derivative by its "
            f"argument {arg._number!r}{node_name(arg)} is {partial!r}; their product is not known. Write the two "
            "steps as one that has a slope there: hypot(x, y) for sqrt(x*x + y*y), x for sqrt(x)**2; "
            "or keep away from the point: sqrt(x + tiny)."
        ).at(primitive, value._args)
    raise DomainError(
        f"backward: the gradient at {arg._number!r}{node_name(arg)} has no value: "
        f"infinite contributions of opposite sign meet, the last one from {where}. "
        "Keep away from the edge of sqrt, asin, acos or of a power, for example with sqrt(x + tiny)."
    ).at(primitive, value._args)


def node_name(value: Value) -> str:
    """Its label, and the line of code that computed it if that is known: see `autograd.debug`."""
    debugging = sys.modules.get("autograd.debugging")
    site = debugging.site_of(value) if debugging is not None else None
    parts = [f"node {value.label!r}"] if value.label else []
    parts += [f"computed in {site}"] if site is not None and value._primitive is not None else []
    return f" ({', '.join(parts)})" if parts else ""
