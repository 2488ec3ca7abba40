"""Functions whose derivative is given, and not recorded: by hand, by an equation that holds, or by running again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from autograd import linalg
from autograd.convert import number
from autograd.engine import Value, record
from autograd.jacobians import jacobian
from autograd.primitive import Domain, Primitive
from autograd.primitives import dot
from autograd.transforms import call, check_function, one_number, plain, value_and_grad
from autograd.tree import copied, in_order_of, map_numbers, named_numbers

__all__ = ["checkpoint", "custom_gradient", "implicit"]


def custom_gradient(f: Callable[..., Any], gradient: Callable[..., Any]) -> Callable[..., Any]:
    """f with a derivative of your own: for code that cannot be recorded, or that knows better.

    f: takes arguments as of `value_and_grad` with plain numbers in them, and returns one number: it may do whatever it
        likes.
    gradient: takes the same arguments and returns the gradient as `value_and_grad` does: in the shape of the argument,
        or a tuple with one entry for each of several. Written with autograd's functions it can be differentiated again;
        it is then called with Values.

    `check_gradients` says whether the two belong together.

    >>> import math, autograd
    >>> gamma = custom_gradient(math.gamma, lambda x: math.gamma(x) * 0.42278433509846713)  # right at x = 2 only
    >>> x = Value(2.0)
    >>> gamma(x).backward()
    >>> round(x.grad, 6)
    0.422784
    """
    check_function("custom_gradient", f)
    check_function("custom_gradient", gradient)
    name = getattr(f, "__name__", "f").strip("<>")

    @functools.wraps(f)
    def with_gradient(*args: Any) -> Any:
        named = [pair for i, arg in enumerate(args, 1) for pair in named_numbers(arg, f"x{i}")]
        flat = [x for _, x in named]
        if not any(isinstance(x, Value) for x in flat):
            return f(*args)
        kept = [copied(arg) for arg in args]  # as they are now: the caller may change what is no number in them

        def with_numbers(numbers: Sequence[Any]) -> list[Any]:
            rest = iter(numbers)
            return [map_numbers(lambda _: next(rest), arg) for arg in kept]

        def value(numbers: Sequence[float]) -> float:
            return number(plain(one_number(f(*with_numbers(numbers)), name)), name)

        def rule(numbers: Sequence[Any], y: Any) -> list[Any]:
            found = gradient(*with_numbers(numbers))
            parts = found if len(args) > 1 and isinstance(found, tuple) else (found,)
            pairs = [pair for i, part in enumerate(parts, 1) for pair in named_numbers(part, f"x{i}")]
            slopes = in_order_of(pairs, [label for label, _ in named], f"custom_gradient: the gradient of {name}")
            if len(slopes) != len(numbers):
                raise TypeError(
                    f"custom_gradient: the gradient of {name} must have one number for each of the {len(numbers)} in "
                    f"its arguments, got {found!r:.200}"
                )
            return slopes

        row = Primitive(name, value, None, (), rule=rule, domain=ANY_NUMBERS)
        return record(row, flat)

    return with_gradient


ANY_NUMBERS = Domain("arguments must be numbers", lambda *xs: True, ((-3.0, 3.0),))


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, of which one node is kept instead of its whole graph: it runs again when the gradient is asked for.

    For long computations that would fill the memory; they take about twice as long. f takes arguments as of
    `value_and_grad` and returns one number, the same one each time. TypeError if that depends on Values which are no
    arguments: they would get no gradient.

    >>> x = Value(0.5)
    >>> y = checkpoint(lambda x: (x * x).tanh())(x)
    >>> y.args, len([v for v in y.args])
    ((Value(0.5),), 1)
    """
    check_function("checkpoint", f)

    def value(*args: Any) -> Any:
        called = call(f, args, {}, None, "checkpoint")
        y = one_number(called.result, "checkpoint")
        if called.reaches_out(y):
            raise TypeError("checkpoint: the function uses Values that are no arguments; pass them as arguments, too")
        return plain(y)

    def gradient(*args: Any) -> Any:
        return value_and_grad(f)(*args)[1]

    return custom_gradient(functools.wraps(f)(value), gradient)


def implicit(f: Callable[..., Any], solve: Callable[..., Any]) -> Callable[..., Any]:
    """The solution x of f(x, *args) = 0 as a function of args, differentiated by the equation rather than through the
    loop that found it: dx = -(∂f/∂x)⁻¹ ∂f/∂args, one linear solve, whatever the solver does.

    f: takes x and the arguments, and returns as many numbers as x has, one number or a list; for an optimum, the
        gradient of what is optimised. Written with autograd's functions.
    solve: takes the arguments with plain numbers in them and returns x: bisection, Newton, SciPy, a table.

    The result can be differentiated to any order. ValueError if what `solve` returns is no root: one step of Newton's
    method would move it by more than a millionth. TypeError if f depends on Values which are no arguments: they would
    get no gradient.

    >>> root = implicit(lambda x, a: x * x - a, lambda a: a**0.5)
    >>> a = Value(9.0)
    >>> x = root(a)
    >>> x.backward()
    >>> x.data, a.grad  # 1 / (2 · 3)
    (3.0, 0.16666666666666666)
    """
    check_function("implicit", f)
    check_function("implicit", solve)

    def solution(*args: Any) -> Any:
        flat = [x for i, arg in enumerate(args) for _, x in named_numbers(arg, str(i))]
        numbers = [x.data if isinstance(x, Value) else number(x, "implicit") for x in flat]
        equation = _Equation(f, args)
        found = plain(solve(*equation.arguments(numbers)))
        x0 = [number(x, "implicit: solve") for _, x in named_numbers(found, "x")]
        if not x0:
            raise TypeError(f"implicit: solve must return a number or a list of numbers, got {found!r:.200}")
        equation.unknowns = found
        equation.check(x0, numbers)
        if not any(isinstance(x, Value) for x in flat):
            return found
        nodes = iter(equation.nodes(x0, flat))
        return map_numbers(lambda _: next(nodes), found)

    return solution


class _Equation:
    """f(x, *args) = 0 at given structures of arguments, on flat lists of numbers."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.f = f
        self.args = tuple(map(copied, args))
        self.unknowns: Any = 0.0  # in the structure that `solve` gives them

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        rest = iter(numbers)
        return [map_numbers(lambda _: next(rest), arg) for arg in self.args]

    def residual(self, x: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
        """What f returns, as a list."""
        rest = iter(x)
        found = self.f(map_numbers(lambda _: next(rest), self.unknowns), *self.arguments(numbers))
        flat = [y for _, y in named_numbers(found, "")]
        if len(flat) != len(x):
            raise ValueError(
                f"implicit: f must return as many numbers as there are unknowns, {len(x)}, got {len(flat)}"
            )
        return flat

    def check(self, x: list[float], numbers: list[float]) -> None:
        """ValueError unless x is a root, TypeError if it depends on more than the numbers."""
        found = self.residual(x, numbers)
        if any(isinstance(y, Value) and y.args for y in found):
            raise TypeError(
                "implicit: f also depends on Values that are none of its arguments, whose gradient would be lost; give "
                "them as arguments, f(x, *args), to f and to solve"
            )
        values = plain(found)
        by_x = jacobian(lambda x: self.residual(x, numbers))(x)
        step = linalg.solve(by_x, values)
        if any(not abs(s) <= 1e-6 * (abs(a) + max(map(abs, x)) + 1e-6) for s, a in zip(step, x, strict=True)):
            raise ValueError(
                f"implicit: what solve returned is no root of f: f is {values[:4]} there, and Newton's method would "
                f"move it by {step[:4]}. Solve more exactly, or give f = 0 as an equation that its result fulfils"
            )

    def nodes(self, x: list[float], numbers: Sequence[Any]) -> list[Value]:
        """The unknowns as Values, each a node of its own over all numbers of the arguments."""
        slopes: list[list[float]] = []  # of plain numbers, for all nodes at once

        def rule(i: int, given: Sequence[Any], y: Any) -> list[Any]:
            if all(type(g) is float for g in given):
                if not slopes:
                    slopes.extend(self.slopes(x, given))
                return slopes[i]
            # To be differentiated again: the unknowns depend on the numbers, too.
            return self.slopes(self.nodes(x, given), given)[i]

        found = []
        for i, data in enumerate(x):
            value, slopes_at = functools.partial(_constant, data), functools.partial(rule, i)
            row = Primitive("root", value, None, (), rule=slopes_at, domain=ANY_NUMBERS)
            found.append(record(row, tuple(numbers)))
        return found

    def slopes(self, x: Sequence[Any], numbers: Sequence[Any]) -> list[list[Any]]:
        """The derivative of each unknown by each number: the solution of ∂f/∂x · dx = -∂f/∂numbers, in columns."""
        by_x = jacobian(lambda x: self.residual(x, numbers))(list(x))
        by_numbers = jacobian(lambda numbers: self.residual(x, numbers))(list(numbers))
        if len(x) == 1:
            return [[-b / by_x[0][0] for b in by_numbers[0]]]
        inverse = linalg.inv(by_x)
        columns = list(zip(*by_numbers, strict=True))
        return [[-dot(row, column) for column in columns] for row in inverse]


def _constant(data: float, numbers: Sequence[float]) -> float:
    return data
