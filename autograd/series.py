"""Taylor series: many derivatives of a function of one number in one go, at n² steps for each operation.

A Series knows a coefficient when it is asked for, from those before it: if y = g(x), then y' = g'(x) · x', and g' is
a formula of the table, so itself a Series (Griewank and Walther, "Evaluating Derivatives", chapter 13). The same
operation on the same Series is the same Series again, so a slope that leads back to its own function costs nothing
anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd import primitives as table
from autograd.engine import Value
from autograd.forward import order_of, varying
from autograd.primitive import DomainError, Primitive
from autograd.sweep import ruled
from autograd.transforms import call, check_function, one_number

__all__ = ["taylor"]


def taylor(f: Callable[[Any], Any], x: float, n: int) -> list[float]:
    """The first n + 1 coefficients of f around x: f(x + t) = c[0] + c[1] t + c[2] t² + ... + c[n] tⁿ.

    The k-th derivative is c[k] · k!. f takes one number and returns one. It takes the branches that it takes at x; at a
    kink, the derivatives are those that the convention there gives.

    >>> import autograd
    >>> taylor(autograd.exp, 0.0, 4)
    [1.0, 1.0, 0.5, 0.16666666666666666, 0.041666666666666664]
    """
    check_function("taylor", f)
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ValueError(f"taylor: n must be a whole number, the highest power, at least 0; got {n!r}")
    called = call(f, (x,), {}, None, "taylor")
    y = one_number(called.result, "taylor")
    if not isinstance(y, Value):
        return [float(y), *[0.0] * n]
    (variable,) = called.variables
    if called.reaches_out(y):
        raise TypeError(
            "taylor: the function also depends on Values from around it, whose gradient would be lost; give numbers, "
            "or nest derivative(...) instead"
        )
    order = order_of([y])
    world = _World()
    within = varying(order, [variable])
    series: dict[Value, Any] = {variable: world.given([variable.data, 1.0])}
    for value in order:
        if value in within and value is not variable:
            assert value.primitive is not None
            args = tuple(series.get(arg, arg.data) if isinstance(arg, Value) else arg for arg in value.args)
            series[value] = world.computed(value.primitive, args, value.data)
    if y not in within:
        return [y.data, *[0.0] * n]
    # Order by order, arguments first, so that nothing is asked for far ahead: a loop may be long.
    for k in range(n + 1):
        for value in order:
            if value in within:
                series[value].coefficient(k)
    return [float(series[y].coefficient(k)) for k in range(n + 1)]


class _World:
    """All Series of one expansion: for each operation on the same arguments there is one."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], Series] = {}

    def given(self, coefficients: list[float]) -> Series:
        return Series(self, None, (), coefficients)

    def computed(self, row: Primitive, args: tuple[Any, ...], data: float | None = None) -> Any:
        """A row on Series and numbers. data: its value, if that is known."""
        if not any(isinstance(arg, Series) for arg in args):
            return row.on_floats(args)
        key = (row, *(id(arg) if isinstance(arg, Series) else (arg, str(arg)) for arg in args))
        found = self.known.get(key)
        if found is None:
            y = row.on_floats([arg.data if isinstance(arg, Series) else arg for arg in args]) if data is None else data
            found = self.known[key] = Series(self, row, args, [y])
        return found


class Series:
    """A function of t as a power series of which as many coefficients are known as have been asked for."""

    __slots__ = ("args", "known", "row", "slopes", "world")

    def __init__(self, world: _World, row: Primitive | None, args: tuple[Any, ...], known: list[float]) -> None:
        self.world = world
        self.row = row
        self.args = args
        self.known = known
        self.slopes: list[Any] | None = None

    @property
    def data(self) -> float:
        """The value at t = 0."""
        return self.known[0]

    def coefficient(self, k: int) -> float:
        while len(self.known) <= k:
            found = 0.0 if self.row is None else self._next(len(self.known))
            if not math.isfinite(found) and math.isfinite(self.data):
                raise self._no_series()
            self.known.append(found)
        return self.known[k]

    def _no_series(self) -> DomainError:
        point = ", ".join(repr(_number(arg)) for arg in self.args[:6])
        name = self.row.name if self.row is not None else "x"
        return DomainError(
            f"taylor: {name} has no power series at ({point}): a derivative there is infinite or has no value. Expand "
            "around another point"
        )

    def _next(self, k: int) -> float:
        """From y' = Σ slope · x', the coefficient of tᵏ: k · y[k] = Σ over j of j · x[j] · slope[k - j]."""
        assert self.row is not None
        if self._is_constant_power():
            return self._power(k)
        if self.slopes is None:
            self.slopes = self._slopes()
        total = 0.0
        for arg, slope in zip(self.args, self.slopes, strict=True):
            if not isinstance(arg, Series):
                continue
            if isinstance(slope, Series):
                total += sum(j * arg.coefficient(j) * slope.coefficient(k - j) for j in range(1, k + 1))
            elif slope != 0.0:
                total += k * arg.coefficient(k) * slope
        return total / k

    def _slopes(self) -> list[Any]:
        row = self.row
        assert row is not None
        try:
            if row.rule is not None:
                return ruled(row, self.args, self)
            operands = [_number(arg) if i in row.cut else arg for i, arg in enumerate(self.args)]
            return [
                (partial(*operands, self) if callable(partial) else partial) if isinstance(arg, Series) else 0.0
                for arg, partial in zip(self.args, row.partials, strict=True)
            ]
        except (ArithmeticError, ValueError) as error:
            raise self._no_series() from error
        except TypeError as error:
            raise TypeError(
                f"taylor: the slopes of {row.name} are no formula of autograd's functions, so they have no series "
                f"({error}); nest derivative(...) instead"
            ) from None

    def _is_constant_power(self) -> bool:
        """x ** c, whose slopes are powers without end: it has a recurrence of its own where x is not 0."""
        if self.row not in (table.pow, table.power) or isinstance(self.args[1], Series):
            return False
        return bool(self.args[0].data != 0.0)

    def _power(self, k: int) -> float:
        """From x · y' = c · y · x'."""
        x, c = self.args
        total = sum((c * j - (k - j)) * x.coefficient(j) * self.known[k - j] for j in range(1, k + 1))
        return float(total / (k * x.data))

    # ------------------------------------------------------------ what formulas of the table do with it

    @staticmethod
    def __apply_primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        world = next(arg.world for arg in args if isinstance(arg, Series))
        return world.computed(row, tuple(arg if isinstance(arg, Series) else float(arg) for arg in args))

    def __add__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.add,
            (
                self,
                other,
            ),
        )

    def __radd__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.add,
            (
                other,
                self,
            ),
        )

    def __sub__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.sub,
            (
                self,
                other,
            ),
        )

    def __rsub__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.sub,
            (
                other,
                self,
            ),
        )

    def __mul__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.mul,
            (
                self,
                other,
            ),
        )

    def __rmul__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.mul,
            (
                other,
                self,
            ),
        )

    def __truediv__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.div,
            (
                self,
                other,
            ),
        )

    def __rtruediv__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.div,
            (
                other,
                self,
            ),
        )

    def __mod__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.mod,
            (
                self,
                other,
            ),
        )

    def __pow__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.pow,
            (
                self,
                other,
            ),
        )

    def __rpow__(self, other: Any) -> Any:
        return self.__apply_primitive__(
            table.pow,
            (
                other,
                self,
            ),
        )

    def __neg__(self) -> Any:
        return self.__apply_primitive__(table.neg, (self,))

    def __lt__(self, other: Any) -> bool:
        return self.data < _number(other)

    def __le__(self, other: Any) -> bool:
        return self.data <= _number(other)

    def __gt__(self, other: Any) -> bool:
        return self.data > _number(other)

    def __ge__(self, other: Any) -> bool:
        return self.data >= _number(other)


def _number(x: Any) -> float:
    return x.data if isinstance(x, Series) else float(x)
