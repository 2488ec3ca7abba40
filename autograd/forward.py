"""Forward mode: tangents along the graph, by the same partials that the sweep takes backwards; and Taylor series.

A function is called once on Values; what it recorded is then walked from arguments to results. So any mixture of
forward and backward works, and derivatives of one are not confused with those of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

from autograd.convert import number
from autograd.engine import Value, record, topological
from autograd.modes import recording
from autograd.primitives import sum as sum_of
from autograd.sweep import carries_nothing, read_data, read_value, ruled
from autograd.transforms import call, check_function, derivative_of_program, plain, recording_by, split
from autograd.tree import map_numbers, named_numbers
from autograd.trouble import explain_nan, missing, no_derivative

__all__ = ["Slopes", "jvp", "linearised", "order_of", "push_forward", "varying"]

Slopes = list[tuple[Value, list[tuple[Value, Any]]]]
"""For each node, arguments first: the arguments that something flows from, each with the partial derivative by it."""


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, Any]:
    """f at `primals`, and how fast its result changes when they move along `tangents`: the Jacobian times a vector.

    primals: the arguments, as a tuple or list. tangents: as many, of the same structure. f may return one number or a
    structure of numbers; both results have that structure. has_aux: f returns a pair, of which only the first part is
    differentiated; the value is such a pair, too.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.5))  # y · 1 + x · 0.5
    (6.0, 4.0)
    """
    check_function("jvp", f)
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError("jvp: primals and tangents are tuples of arguments, as in jvp(f, (2.0,), (1.0,))")
    program = None if has_aux else derivative_of_program(f, "jvp", (*primals, *tangents))
    if program is not None:
        return program(*primals, *tangents)  # type: ignore[no-any-return]
    called = call(f, tuple(primals), {}, None, "jvp")
    result, aux = split(called.result, has_aux, "jvp")
    along = directions(called.args, tuple(tangents), "jvp")
    ys = [y for _, y in named_numbers(result, "")]
    roots = [y for y in ys if isinstance(y, Value)]
    outside = called.reaches_out(roots) or any(isinstance(t, Value) for t in along)
    found: dict[Value, Any] = {}
    if roots:
        with recording_by(called.variables):
            order = order_of(roots)
            slopes = linearised(order, read_value if outside else read_data, varying(order, called.variables))
            found = push_forward(slopes, dict(zip(called.variables, along, strict=True)))
    moved = iter([found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in ys])
    tangent = map_numbers(lambda _: next(moved), result, lambda _: None)
    value = (result, aux) if has_aux else result
    return value if outside else plain(value), tangent


def directions(args: Sequence[Any], tangents: Sequence[Any], name: str) -> list[Any]:
    """The numbers of `tangents`, one for each number in `args`; TypeError if their structures differ."""
    wanted = [label for i, arg in enumerate(args, 1) for label, _ in named_numbers(arg, f"x{i}")]
    given = [pair for i, tangent in enumerate(tangents, 1) for pair in named_numbers(tangent, f"x{i}")]
    if wanted != [label for label, _ in given]:
        raise TypeError(
            f"{name}: tangents must have the structure of the arguments, a number for each of {', '.join(wanted[:6])}"
            f"{', ...' if len(wanted) > 6 else ''}; got {tangents!r:.200}"
        )
    return [t if isinstance(t, Value) else number(t, f"{name}: a tangent") for _, t in given]


def order_of(roots: Sequence[Value]) -> list[Value]:
    """All nodes that lead to any of some Values, arguments first."""
    if len(roots) == 1:
        return topological(roots[0])
    with recording():
        return topological(record(sum_of, tuple(roots)))[:-1]


def varying(order: Iterable[Value], variables: Iterable[Value]) -> set[Value]:
    """The nodes of an order that depend on some variables, and those themselves."""
    found = set(variables)
    for value in order:
        if any(type(arg) is Value and arg in found for arg in value.args):
            found.add(value)
    return found


def linearised(order: Sequence[Value], read: Callable[[Value], Any], within: set[Value]) -> Slopes:
    """The partial derivatives of all nodes in `within` by their arguments in it; where nothing flows, there is none.

    read: what a Value means in a partial: its float, or itself, and then the partials are recorded.
    """
    found: Slopes = []
    for value in order:
        primitive = value.primitive
        if primitive is None or value not in within:
            continue
        mine = [(i, arg) for i, arg in enumerate(value.args) if type(arg) is Value and arg in within]
        if not mine:
            continue
        slopes = (
            [(arg, _partial(value, i, read)) for i, arg in mine] if primitive.rule is None else _rule(value, mine, read)
        )
        flowing = [(arg, p) for (i, arg), (_, p) in zip(mine, slopes, strict=True) if not _is_cut(value, i, p)]
        found.append((value, flowing))
    return found


def _is_cut(value: Value, place: int, partial: Any) -> bool:
    return type(partial) is float and partial == 0.0 and carries_nothing(value, place)


def _operands(value: Value, read: Callable[[Value], Any]) -> list[Any]:
    assert value.primitive is not None
    operands = [read(arg) if isinstance(arg, Value) else arg for arg in value.args]
    for i in value.primitive.cut:
        operands[i] = getattr(operands[i], "data", operands[i])
    return operands


def _partial(value: Value, place: int, read: Callable[[Value], Any]) -> Any:
    assert value.primitive is not None
    partial: Any = value.primitive.partials[place]
    if type(partial) is not FunctionType:
        return partial
    try:
        found = partial(*_operands(value, read), read(value))
    except (ArithmeticError, ValueError) as error:
        return missing(value, place, error)
    flat = isinstance(found, Value) and found.primitive is not None and found.primitive.flat
    if flat and not any(found is arg for arg in value.args):
        return found.data  # step, sign: constant wherever they have a derivative
    return found if isinstance(found, Value) else number(found, f"{value.primitive.name}: a partial derivative")


def _rule(value: Value, mine: list[tuple[int, Value]], read: Callable[[Value], Any]) -> list[tuple[Value, Any]]:
    assert value.primitive is not None
    try:
        found = ruled(value.primitive, _operands(value, read), read(value))
    except (ArithmeticError, ValueError) as error:
        raise no_derivative(value, None, error) from error
    return [(arg, found[i]) for i, arg in mine]


def push_forward(slopes: Slopes, tangents: dict[Value, Any]) -> dict[Value, Any]:
    """Tangents of all nodes, from those of some: sums of partial derivative times tangent of the argument.

    A node that nothing flows to is missing from the result.
    """
    found = dict(tangents)
    for value, flowing in slopes:
        total: Any = None
        for arg, partial in flowing:
            tangent = found.get(arg)
            if tangent is None:
                continue
            part = _times(partial, tangent)
            if part != part:
                c, p = (x.data if isinstance(x, Value) else x for x in (tangent, partial))
                explain_nan(value, next(i for i, x in enumerate(value.args) if x is arg), c, p, 0.0)
            total = part if total is None else total + part
        if total is not None:
            found[value] = total
    return found


def _times(partial: Any, tangent: Any) -> Any:
    if type(partial) is float and partial == 1.0:
        return tangent
    if type(tangent) is float and tangent == 1.0:
        return partial
    return partial * tangent
