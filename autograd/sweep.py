"""The reverse sweep: gradients, pulled back through what Values remember. It reads the Values of either engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from autograd.convert import check_values, comparable, is_value, number, seed_number
from autograd.moments import clock, of_one_moment
from autograd.primitive import Primitive
from autograd.trouble import explain_nan, missing, no_derivative

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = [
    "at_floats",
    "carries_nothing",
    "gradients",
    "gradients_along",
    "leaves",
    "partials_of",
    "pull_back",
    "read_data",
    "read_value",
    "ruled",
    "topological",
]


Read = Callable[["Value"], Any]
"""What a Value means in a sweep: its float (`read_data`), or itself (`read_value`)."""


def topological(root: Value) -> list[Value]:
    """Every Value that `root` was computed from, arguments before results, `root` last. The order is always the
    same.
    """
    check_values("topological", root, one=True)
    order: list[Value] = []
    seen: set[Value] = set()
    # An explicit stack: a running sum of 10**6 terms is an ordinary loss, and recursion would exhaust the C stack.
    # None says that the arguments of the Value below it are done.
    stack: list[Any] = [root]
    while stack:
        value = stack.pop()
        if value is None:
            order.append(stack.pop())
        elif value not in seen:
            seen.add(value)
            stack.append(value)
            stack.append(None)
            for arg in value._args:
                if type(arg) is float or arg in seen:
                    continue
                if arg._args:
                    stack.append(arg)
                else:
                    seen.add(arg)
                    order.append(arg)
    return order


def pull_back(order: list[Value], seed: Any, read: Read, within: set[Value] | None = None) -> dict[Value, Any]:
    """The reverse sweep: the cotangent (d root / d value) of each Value in `order`, by the chain rule.

    order: from `topological`; its last entry is the root, and `seed` the root's own cotangent.
    read: what a Value means in a partial: its float (`read_data`), or itself (`read_value`), and then the sweep is
        recorded too and can be differentiated again.
    within: pass cotangents on to these Values only; None for all.

    A Value that nothing flows to is missing from the result: its cotangent is 0, but not as one that came out as 0.
    Where nothing arrives, an infinite slope does no harm; 0 times infinity has no value.
    """
    cotangents: dict[Value, Any] = {} if type(seed) is float and seed == 0.0 else {order[-1]: seed}
    for value in reversed(order):
        primitive, args, cotangent = value._primitive, value._args, cotangents.get(value)
        if cotangent is None or primitive is None:
            continue
        if within is not None and not any(type(arg) is not float and arg in within for arg in args):
            continue
        operands = () if primitive.linear else _operands(value, read)
        partials = primitive.partials if primitive.rule is None else _rule_of(value, operands)
        for i, (arg, partial) in enumerate(zip(args, partials)):  # noqa: B905  # `strict` costs time; lengths agree
            if type(arg) is float or (within is not None and arg not in within):
                continue
            if type(partial) is FunctionType:
                try:
                    partial = partial(*operands)
                except (ArithmeticError, ValueError) as error:
                    partial = missing(value, i, error)
            if read is not read_data:
                _add_recorded(cotangents, value, i, cotangent, partial)
                continue
            partial = partial if type(partial) is float else number(partial, f"{primitive.name}: a partial derivative")
            if partial == 0.0 and carries_nothing(value, i):
                continue
            total = cotangents.get(arg, 0.0) + cotangent * partial
            if total != total:
                explain_nan(value, i, cotangent, partial, cotangents.get(arg, 0.0))
            cotangents[arg] = total
    return cotangents


def _operands(value: Value, read: Read) -> list[Any]:
    """What the partials of a node are functions of: its arguments and its output, as `read` gives them."""
    if read is read_data:  # spelt out: a call for each number costs time
        return [*[arg if type(arg) is float else arg._number for arg in value._args], value._number]
    assert value._primitive is not None
    operands = [arg if type(arg) is float else read(arg) for arg in value._args]
    for i in value._primitive.cut:
        operands[i] = getattr(operands[i], "data", operands[i])
    operands.append(read(value))
    return operands


def read_data(value: Value) -> float:
    """Its float: the `read` for plain numbers."""
    return value._number


def read_value(value: Value) -> Value:
    """Itself: the `read` that makes `pull_back` record what it does."""
    return value


def gradients(y: Value, xs: Sequence[Value], seed: float = 1.0, *, recorded: bool = False) -> list[Any]:
    """The cotangent of each of `xs` when that of `y` is `seed`: floats, or if `recorded` Values where they vary.

    Only what lies between `y` and `xs` counts: elsewhere a derivative need not even exist.
    """
    check_values("gradients", y, one=True)
    xs = xs if isinstance(xs, list | tuple) or not hasattr(xs, "__iter__") else list(xs)
    check_values("gradients", xs)
    seed = seed_number(seed)
    order = topological(y)
    of_one_moment(order, clock.now)
    return gradients_along(order, xs, seed, read_value if recorded else read_data)


def at_floats(f: Any, args: tuple[Any, ...], taken_by: Any) -> tuple[Any, Any] | list[Any] | None:
    """The short way of the native engine to value and slopes of a function; here there is none."""
    return None


def gradients_along(order: list[Value], xs: Sequence[Value], seed: float, read: Read) -> list[Any]:
    """The `gradients` of the last of `order`, from `topological`; read: as in `pull_back`."""
    within = set(xs)
    for value in order:
        if any(type(arg) is not float and arg in within for arg in value._args):
            within.add(value)
    cotangents = pull_back(order, seed, read, within)
    return [cotangents.get(x, 0.0) for x in xs]


def leaves(y: Value) -> list[Value]:
    """The leaves that `y` was computed from, in the order of `topological`."""
    check_values("leaves", y, one=True)
    return [value for value in topological(y) if value._primitive is None]


# ---------------------------------------------------------------- a sweep that is recorded


def _add_recorded(cotangents: dict[Value, Any], value: Value, place: int, cotangent: Any, partial: Any) -> None:
    """Add cotangent × partial to the cotangent of an argument in a recorded sweep, where both may be Values."""
    arg, contribution = value._args[place], _product(cotangent, partial, value, place)
    if contribution is not None:
        cotangents[arg] = cotangents[arg] + contribution if arg in cotangents else contribution


def _product(cotangent: Any, partial: Any, value: Value, place: int) -> Any:
    """cotangent × partial of a recorded sweep, where both may be Values; None if nothing flows. A plain 1 adds no
    node.
    """
    if is_value(partial):
        made_here = not any(partial is arg for arg in value._args)
        if made_here and partial._primitive is not None and partial._primitive.flat:
            partial = partial._number  # step, sign: constant wherever they have a derivative
    c, p = comparable(cotangent), comparable(partial)
    plain = type(partial) is float
    if plain and p == 0.0 and carries_nothing(value, place):
        return None
    if c * p != c * p:
        explain_nan(value, place, c, p, 0.0)
    if (plain and p == 0.0) or (type(cotangent) is float and c == 0.0):
        return c * p
    return cotangent if plain and p == 1.0 else cotangent * partial


# ---------------------------------------------------------------- partial derivatives


def carries_nothing(value: Value, place: int) -> bool:
    """Whether the partial by an argument, which is 0, is so by construction: a choice that did not take the argument,
    or a constant factor 0. Nothing flows there, not even what is infinite.
    """
    primitive, args = value._primitive, value._args
    assert primitive is not None
    if primitive.chooses or place in primitive.cut:
        return True
    partner = args[(place + len(args) // 2) % len(args)]
    return primitive.multiplies and type(partner) is float and partner == 0.0


def partials_of(value: Value, place: int | None = None) -> Any:
    """The partial derivatives of a node as numbers: by the argument at `place`, or by all of them."""
    primitive = value._primitive
    assert primitive is not None
    operands = [arg if type(arg) is float else arg._number for arg in value._args]
    if primitive.rule is not None:
        found = _rule_of(value, [*operands, value._number])
        partials = [number(partial, f"{primitive.name}: a partial derivative") for partial in found]
        return partials if place is None else partials[place]
    assert place is not None, "only variadic rows are asked for all"
    partial = primitive.partials[place]
    try:
        partial = partial(*operands, value._number) if callable(partial) else partial
    except (ArithmeticError, ValueError) as error:
        return missing(value, place, error)
    return number(partial, f"{primitive.name}: a partial derivative")


def _rule_of(value: Value, operands: Sequence[Any]) -> list[Any]:
    """All partials of a node with a list of arguments, at its operands and its output."""
    assert value._primitive is not None
    try:
        return ruled(value._primitive, operands[:-1], operands[-1])
    except (ArithmeticError, ValueError) as error:
        raise no_derivative(value, None, error) from error


def ruled(primitive: Primitive, operands: Sequence[Any], y: Any) -> list[Any]:
    """The partials that the rule of a variadic primitive gives, one per argument."""
    assert primitive.rule is not None
    partials = primitive.rule(list(operands), y)  # of its own, which it may empty
    if not isinstance(partials, list | tuple):
        raise TypeError(f"{primitive.name}: the rule must give a list of partial derivatives, not {partials!r:.200}")
    if len(partials) != len(operands):
        raise TypeError(
            f"{primitive.name}: the rule must give one partial derivative per argument, "
            f"{len(operands)} here, but gave {len(partials)}"
        )
    return list(partials)
