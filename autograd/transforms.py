"""Gradients as functions: the same sweep, recorded or not.

`derivative` and `value_and_grad` return floats, unless the function also depends on Values from outside (an argument
that is a Value, or one that the function uses): then results are Values that can be differentiated again. So
derivatives nest, and no gradient is lost on the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from typing import Any, NamedTuple

from autograd.convert import number, seed_number
from autograd.engine import Value, at_floats, gradients, leaves, record, topological
from autograd.modes import modes, recording
from autograd.primitives import identity
from autograd.tree import copied, is_array, map_numbers, named_numbers

__all__ = [
    "Argnums", "Call", "call", "check_argnums", "check_function", "derivative", "derivative_of_program", "grad",
    "one_number", "plain", "single", "recording_by", "slopes_of", "split", "value_and_grad",
]  # fmt: skip

Argnums = int | Sequence[int] | None
"""Which arguments to differentiate by: the place of one, several places, or None for all."""


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
    if isinstance(y, Value) and not create_graph and not modes:  # the ordinary case, without a look at structures
        if isinstance(xs, Value):
            return gradients(y, [xs], seed)[0]
        if type(xs) is list and all(isinstance(x, Value) for x in xs):
            return gradients(y, xs, seed)
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
    check_function("derivative", f)

    def df(x: Any) -> Any:
        if not isinstance(x, Value):
            x = number(x, "derivative")
        short = at_floats(f, (x,), _taken_by)
        if type(short) is tuple:
            return short[1]
        called = call(f, (x,), {}, (0,), "derivative") if short is None else Call.gone_on((x,), *short)
        y = one_number(called.result, "derivative")
        return slopes_of(y, called.variables, called.reaches_out(y))[0]

    return df


def value_and_grad(f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False) -> Callable[..., Any]:
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
    check_function("value_and_grad", f)
    check_argnums(argnums, "value_and_grad")

    by_all = argnums is None and not has_aux

    def vg(*args: Any, **named: Any) -> Any:
        short = at_floats(f, args, _taken_by) if by_all and not named else None
        if type(short) is tuple:
            return short
        called = call(f, args, named, argnums, "value_and_grad") if short is None else Call.gone_on(args, *short)
        y, aux = split(called.result, has_aux, "value_and_grad")
        hint = "; with has_aux=True it may return a pair" if isinstance(y, tuple) else ""
        y = one_number(y, "value_and_grad", hint)
        outside = called.reaches_out(y)
        gradient = single(argnums, called.shaped(slopes_of(y, called.variables, outside)))
        found = (y, aux) if has_aux else y
        return found if outside else plain(found), gradient

    return vg


def check_function(name: str, f: Any) -> None:
    """TypeError unless f can be called."""
    if not callable(f):
        hint = "; for the gradient of a Value that was computed, write grad(y, x)" if isinstance(f, Value) else ""
        raise TypeError(f"{name}: takes a function, got {f!r}{hint}")


def derivative_of_program(
    f: Any, kind: str, args: tuple[Any, ...], argnums: Argnums = None, sparse: bool = False
) -> Any:
    """A derivative by its inputs of f, if that is a program and takes plain numbers: a program as well. Else None.

    args: what it is to be called with. None, too, where the derivative cannot be written down, or is too long for that.
    """
    find = getattr(type(f), "derivative_at", None)
    return None if find is None else find(f, kind, args, argnums, sparse)


_taken_by: dict[int, tuple[Value, ...]] = {}
"""The variables of all derivatives that are being taken, a group for each by its id, in any thread: what depends on one
of them has to stay differentiable.
"""


def _enclosing() -> frozenset[Value]:
    return frozenset().union(*_taken_by.values())


class Call(NamedTuple):
    """A function that was called with nodes of its own for each number that it is differentiated by.

    args, places: the arguments as they were given, and which of them are differentiated by. variables: their numbers,
    in order. result: what the function returned. enclosing: by what derivatives around this one are being taken.
    valued: whether any of the numbers was a Value.
    """

    args: tuple[Any, ...]
    places: tuple[int, ...]
    variables: list[Value]
    result: Any
    enclosing: frozenset[Value]
    valued: bool

    @classmethod
    def gone_on(cls, args: tuple[float, ...], variables: list[Value], result: Any) -> Call:
        """Of floats, from what `at_floats` returned."""
        return cls(args, tuple(range(len(args))), variables, _plain_result(result), _enclosing(), False)

    def reaches_out(self, ys: Any) -> bool:
        """Whether any of ys, part of the result, also depends on Values from around the function: arguments, leaves, or
        what is differentiated by there. Then what comes out has to be differentiable again.
        """

        def beyond(y: Value) -> bool:
            enclosed = bool(self.enclosing) and not self.enclosing.isdisjoint(topological(y))
            return self.valued or enclosed or bool(leaves(y))

        return any(isinstance(y, Value) and beyond(y) for _, y in named_numbers(ys, ""))

    def shaped(self, slopes: Sequence[Any]) -> list[Any]:
        """One slope for each variable, as one structure for each argument."""
        rest = iter(slopes)
        places = dict.fromkeys(self.places)
        found = {i: map_numbers(lambda _: next(rest), self.args[i], lambda _: None) for i in places}
        return [found[i] for i in self.places]


def call(f: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], argnums: Argnums, name: str) -> Call:
    """Call f at `args`. argnums: which arguments to differentiate by; None for all."""
    chosen = range(len(args)) if argnums is None else [argnums] if isinstance(argnums, int) else argnums
    if any(not -len(args) <= i < len(args) for i in chosen):
        raise TypeError(f"{name}: argnums is {argnums!r}, but there are {len(args)} arguments")
    places = tuple(i % len(args) for i in chosen)
    # Each number becomes a node of its own for this call: nested derivatives by the same number must not be confused,
    # and a number that is already a Value is still led back to.
    variables: list[Value] = []

    def variable(x: Any) -> Value:
        variables.append(record(identity, (x if isinstance(x, Value) else number(x, name),)))
        return variables[-1]

    enclosing = _enclosing()
    with recording():
        made = {i: map_numbers(variable, args[i]) for i in dict.fromkeys(places)}
        if not variables:
            given = ", ".join(repr(args[i]) for i in places)
            raise TypeError(f"{name}: there is no real number to differentiate by, got ({given:.200})")
        arguments = [made[i] if i in made else copied(arg) for i, arg in enumerate(args)]
    with recording_by(variables):
        result = f(*arguments, **named)
    valued = any(isinstance(v.args[0], Value) for v in variables)
    return Call(args, places, variables, _plain_result(result), enclosing, valued)


def _plain_result(result: Any) -> Any:
    """What a function returned; an array of one number as that."""
    return result.item() if is_array(result) and result.shape == () else result


def plain(x: Any) -> Any:
    """A result with numbers for its Values."""
    return map_numbers(lambda part: part.data if isinstance(part, Value) else part, x)


def slopes_of(y: Any, variables: list[Value], recorded: bool) -> list[Any]:
    """d y / d variable, for each; 0 if y is a plain number."""
    if not isinstance(y, Value):
        return [0.0] * len(variables)
    with recording_by(variables):
        return gradients(y, variables, recorded=recorded)


@contextlib.contextmanager
def recording_by(variables: Iterable[Value]) -> Iterator[None]:
    """Record what is done, as part of a derivative by some variables: rules may take derivatives of their own."""
    group = (*variables,)
    _taken_by[id(group)] = group
    try:
        with recording():
            yield
    finally:
        _taken_by.pop(id(group), None)


def one_number(y: Any, name: str, hint: str = "") -> Any:
    """y, or a TypeError unless it is one number."""
    if is_array(y) and y.shape == ():
        y = y.item()
    if isinstance(y, Value | Real):
        return y
    raise TypeError(f"{name}: the function must return one number, got {y!r:.200}{hint}")


def split(result: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    """What a function returned, and what it returned beside, if it was to."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"{name}: with has_aux=True the function must return a pair, the number and the rest, got {result!r:.200}"
        )
    return result


def check_argnums(argnums: Argnums, name: str) -> None:
    """TypeError unless it is the place of an argument, several places, or None."""
    chosen = () if argnums is None else argnums if isinstance(argnums, Iterable) else (argnums,)
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in chosen):
        raise TypeError(f"{name}: argnums must be the place of an argument or a tuple of places, got {argnums!r}")


def single(argnums: Argnums, parts: list[Any]) -> Any:
    """One entry for each argument; for a single one, the entry itself."""
    alone = isinstance(argnums, int) or (argnums is None and len(parts) == 1)
    return parts[0] if alone else tuple(parts)
