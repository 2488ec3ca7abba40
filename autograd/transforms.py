"""Gradients as functions: the same sweep, recorded or not.

`derivative` and `value_and_grad` return floats, unless the function also depends on Values from outside (an argument
that is a Value, or one that the function uses): then results are Values that can be differentiated again. So
derivatives nest, and no gradient is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from numbers import Real
from typing import Any

from autograd.primitives import identity
from autograd.tree import copied, is_array, map_numbers, named_numbers
from autograd.value import Value, gradients, leaves, number, record, recording, seed_number, topological

__all__ = ["derivative", "grad", "value_and_grad"]


def grad(y: Value, xs: Any = None, *, seed: float = 1.0, create_graph: bool = False) -> Any:
    """The gradient of y with respect to each of xs, without touching any `.grad`.

    xs: a Value, or a list of n Values, leaves or not; returns a number, or a list of n numbers. An array, a dict or a
    nested list of Values gives the same of numbers. 0 where y does not depend on x. seed: the gradient of y itself.
    create_graph: return Values that can be differentiated again, instead of floats.

    >>> x = Value(2.0)
    >>> dy = grad(x**3, x, create_graph=True)  # 3x²
    >>> dy.data, grad(dy, x)                   # 6x
    (12.0, 12.0)
    """
    if not isinstance(y, Value):
        way_out = ""
        if callable(y):
            way_out = "; for the gradient of a function, write value_and_grad(f)(x), or derivative(f)(x) for one number"
        raise TypeError(f"grad: the first argument must be the Value to differentiate, got {y!r}{way_out}")
    if isinstance(xs, Iterable) and not isinstance(xs, list | dict | str) and not is_array(xs):
        xs = list(xs)
    wanted = [x for _, x in named_numbers(xs, "")]
    others: list[Any] = [x for x in wanted if not isinstance(x, Value)]
    map_numbers(lambda x: x, xs, others.append)
    if others or not (wanted or isinstance(xs, list)):
        raise TypeError(
            f"grad: takes a Value or a list of Values to differentiate by, got {(others or [xs])[0]!r}"
            + " among them" * (bool(wanted) or isinstance(xs, list))
        )
    with recording():
        found = gradients(y, wanted, seed_number(seed), recorded=create_graph)
    if create_graph:
        found = [g if isinstance(g, Value) else Value(g) for g in found]
    slopes = iter(found)
    return map_numbers(lambda _: next(slopes), xs)


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
    _check_function("derivative", f)

    def df(x: Any) -> Any:
        if not isinstance(x, Value):
            x = number(x, "derivative")
        return _differentiate(f, (x,), {}, (0,), False, "derivative")[1][0]

    return df


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns f's value together with its gradient with respect to its arguments.

    f: takes numbers, and lists, tuples, dicts, dataclasses and arrays of numbers, nested, and returns one number.
        Arrays arrive as arrays of Values. It gets containers of its own, which it may change. What is no number (None,
        a bool, a string) is passed through, and so are keyword arguments: nothing is differentiated by them.
    argnums: which arguments to differentiate by: the place of one, a tuple of places, or None for all.
    has_aux: f returns a pair, the number and whatever else; the value is such a pair then, too.

    The gradient has the shape and the type of the argument (an array for an array; None in the place of what is no
    number); with several arguments it is a tuple with one entry each. Raises TypeError if there is no number to
    differentiate by, or if f does not return one.

    >>> value_and_grad(lambda x, ws: x * ws[0] + ws[1])(2.0, [3.0, 4.0])
    (10.0, (3.0, [2.0, 1.0]))
    >>> value_and_grad(lambda p, x: p["a"] * x, argnums=0)({"a": 3.0}, 5.0)
    (15.0, {'a': 5.0})
    """
    _check_function("value_and_grad", f)
    chosen = (argnums,) if isinstance(argnums, int) else argnums
    if chosen is not None and not all(isinstance(i, int) and not isinstance(i, bool) for i in chosen):
        raise TypeError(
            f"value_and_grad: argnums must be the place of an argument or a tuple of places, got {argnums!r}"
        )

    def vg(*args: Any, **named: Any) -> Any:
        places = tuple(range(len(args))) if chosen is None else tuple(chosen)
        if any(not -len(args) <= i < len(args) for i in places):
            raise TypeError(f"value_and_grad: argnums is {argnums!r}, but there are {len(args)} arguments")
        places = tuple(i % len(args) for i in places)
        value, slopes = _differentiate(f, args, named, places, has_aux, "value_and_grad")
        single = isinstance(argnums, int) or (argnums is None and len(slopes) == 1)
        return value, slopes[0] if single else tuple(slopes)

    return vg


def _check_function(name: str, f: Any) -> None:
    if not callable(f):
        hint = "; for the gradient of a Value that was computed, write grad(y, x)" if isinstance(f, Value) else ""
        raise TypeError(f"{name}: takes a function, got {f!r}{hint}")


_variables: ContextVar[frozenset[Value]] = ContextVar("_variables", default=frozenset())
"""What the derivatives that are being taken around this point, in this thread, are taken by."""


def _differentiate(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    named: dict[str, Any],
    places: tuple[int, ...],
    has_aux: bool,
    name: str,
) -> tuple[Any, list[Any]]:
    """f at `args`, and its gradient in the shape of each argument at `places`."""
    # Each number becomes a node of its own for this call: nested derivatives by the same number must not be confused,
    # and a number that is already a Value is still led back to.
    variables: list[Value] = []

    def variable(x: Any) -> Value:
        variables.append(record(identity, (x if isinstance(x, Value) else number(x, name),)))
        return variables[-1]

    enclosing = _variables.get()
    with recording():
        made = {i: map_numbers(variable, args[i]) for i in places}
        if not variables:
            given = ", ".join(repr(args[i]) for i in places)
            raise TypeError(f"{name}: there is no real number to differentiate by, got ({given:.200})")
        arguments = [made[i] if i in made else copied(arg) for i, arg in enumerate(args)]
        token = _variables.set(enclosing.union(variables))
        try:
            result = f(*arguments, **named)
        finally:
            _variables.reset(token)
    y, aux = _with_aux(result, name) if has_aux else (result, None)
    if is_array(y) and y.shape == ():
        y = y.item()
    if isinstance(y, Value):
        outside = bool(leaves(y)) or bool(enclosing and not enclosing.isdisjoint(topological(y)))
        with recording():
            found = gradients(y, variables, recorded=outside)
    elif isinstance(y, Real):
        outside, found = False, [0.0] * len(variables)  # a constant function
    else:
        hint = "; with has_aux=True it may return a pair" if isinstance(y, tuple) else ""
        raise TypeError(f"{name}: the function must return one number, got {y!r:.200}{hint}")
    slopes = iter(found)
    gradient = {i: map_numbers(lambda _: next(slopes), args[i], lambda _: None) for i in dict.fromkeys(places)}
    if not outside:
        y, aux = map_numbers(lambda x: x.data if isinstance(x, Value) else x, (y, aux))
    return (y, aux) if has_aux else y, [gradient[i] for i in places]


def _with_aux(result: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"{name}: with has_aux=True the function must return a pair, the number and the rest, got {result!r:.200}"
        )
    return result
