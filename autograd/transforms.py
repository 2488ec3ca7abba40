"""Gradients as functions: the same sweep, recorded or not.

`derivative` and `value_and_grad` return floats, unless the function also depends on Values from outside (an argument
that is a Value, or one that the function uses): then results are Values that can be differentiated again. So
derivatives nest, and no gradient is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from itertools import repeat
from typing import Any

from autograd.primitives import identity
from autograd.value import Value, gradients, leaves, number, record, recording, topological

__all__ = ["derivative", "grad", "value_and_grad"]


def grad(y: Value, xs: Value | Iterable[Value], *, seed: float = 1.0, create_graph: bool = False) -> Any:
    """The gradient of y with respect to each of xs, without touching any `.grad`.

    xs: a Value, or a list of n Values, leaves or not; returns a number, or a list of n numbers. 0 where y does not
    depend on x. create_graph: return Values that can be differentiated again, instead of floats.

    >>> x = Value(2.0)
    >>> dy = grad(x**3, x, create_graph=True)  # 3x²
    >>> dy.data, grad(dy, x)                   # 6x
    (12.0, 12.0)
    """
    if not isinstance(y, Value):
        raise TypeError(f"grad: the first argument must be the Value to differentiate, got {y!r}")
    single = isinstance(xs, Value)
    wanted = [xs] if isinstance(xs, Value) else list(xs)
    for x in wanted:
        if not isinstance(x, Value):
            raise TypeError(f"grad: takes a Value or a list of Values to differentiate by, got {x!r} among them")
    with recording():
        found = gradients(y, wanted, float(seed), recorded=create_graph)
    if create_graph:
        found = [g if isinstance(g, Value) else Value(g) for g in found]
    return found[0] if single else found


def derivative(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of a function of one number, as a function again.

    f: takes one number and returns one, using autograd's functions and operators. `derivative(derivative(f))` is the
    second derivative. Called with a float, the result gives a float; with a Value, a Value that can be differentiated
    again.

    >>> import autograd
    >>> derivative(lambda x: x**3)(2.0)
    12.0
    >>> round(derivative(derivative(autograd.sin))(1.0), 6)  # -sin(1)
    -0.841471
    """

    def df(x: Any) -> Any:
        return _differentiate(f, (x,), "derivative")[1][0]

    return df


def value_and_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns f's value together with its gradient with respect to every argument.

    f: takes numbers and (nested) lists of numbers and returns one number. The gradient has the shape of the argument;
    with several arguments it is a tuple with one entry each.

    >>> value_and_grad(lambda x, ws: x * ws[0] + ws[1])(2.0, [3.0, 4.0])
    (10.0, (3.0, [2.0, 1.0]))
    """

    def vg(*args: Any) -> Any:
        value, gradients = _differentiate(f, args, "value_and_grad")
        return value, gradients[0] if len(gradients) == 1 else tuple(gradients)

    return vg


_variables: ContextVar[frozenset[Value]] = ContextVar("_variables", default=frozenset())
"""What the derivatives that are being taken around this point, in this thread, are taken by."""


def _differentiate(f: Callable[..., Any], args: tuple[Any, ...], name: str) -> tuple[Any, list[Any]]:
    """f at `args`, and its gradient in the shape of each argument."""
    # Each number becomes a node of its own for this call: nested derivatives by the same number must not be confused,
    # and a number that is already a Value is still led back to.
    variables: list[Value] = []

    def variable(x: Any) -> Value:
        variables.append(record(identity, (x if isinstance(x, Value) else number(x, name),)))
        return variables[-1]

    enclosing = _variables.get()
    with recording():
        arguments = [map_nested(variable, arg) for arg in args]
        token = _variables.set(enclosing.union(variables))
        try:
            y = f(*arguments)
        finally:
            _variables.reset(token)
    if isinstance(y, Value):
        outside = bool(leaves(y)) or bool(enclosing and not enclosing.isdisjoint(topological(y)))
        with recording():
            found = iter(gradients(y, variables, recorded=outside))
    elif isinstance(y, int | float):
        outside, found = False, repeat(0.0)  # a constant function
    else:
        raise TypeError(f"{name}: the function must return one number, got {y!r}")
    slopes = [map_nested(lambda _: next(found), arg) for arg in arguments]
    return (y.data if isinstance(y, Value) and not outside else y), slopes


def map_nested(f: Callable[[Any], Any], x: Any) -> Any:
    """f of every number in x, a number or a list (of lists ...) of numbers; the result has the same shape."""
    if isinstance(x, list | tuple) or getattr(x, "shape", False):
        return [map_nested(f, item) for item in x]
    return f(x)
