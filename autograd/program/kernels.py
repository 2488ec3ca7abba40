"""Kernels: the value and the partial derivatives of a row as functions of arrays, printed from the table.

The same formulas are printed in C for the loops, see `autograd.c_rules`. What a user has written with functions of
other libraries is no formula; it is called as it is, or number by number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, TypeVar

import numpy as np

from autograd import primitives as table
from autograd.primitive import Primitive, is_built_in
from autograd.symbol import Symbol, decided, spelled_out

__all__ = ["PULL", "function", "keeps_what_is_not_finite", "operations", "reads", "source"]

PULL = ("c", "y")
"""What a pull is given before the arguments: the cotangent, and the value."""

# An infinite or missing argument shows in the value of these.
KEEPING = {
    table.add, table.sub, table.mul, table.neg, table.abs, table.sqrt, table.log, table.log1p, table.sum, table.dot,
    table.identity,
}  # fmt: skip


F = TypeVar("F", bound=Callable[..., Any])


def _remembered(f: F) -> F:
    """f, whose results for built-in rows are kept; not those for others, which may hold much."""
    kept = lru_cache(4096)(f)

    @wraps(f)
    def remembering(row: Primitive, *args: Any) -> Any:
        return kept(row, *args) if is_built_in(row) else f(row, *args)

    return remembering  # type: ignore[return-value]


def keeps_what_is_not_finite(row: Primitive) -> bool:
    """Whether the value is not finite where an argument is not."""
    return row in KEEPING


def _symbols(row: Primitive, constants: Sequence[float | None]) -> list[Any]:
    given = constants or (None,) * row.arity
    return [Symbol(f"x{i + 1}") if constant is None else constant for i, constant in enumerate(given)]


@_remembered
def _formula(row: Primitive, place: int, constants: tuple[float | None, ...] = ()) -> Any:
    """What a kernel computes: place 0 is the value, place i a contribution to argument i. None: no formula."""
    xs = _symbols(row, constants)
    try:
        if place == 0:
            return decided(spelled_out(row, xs) if callable(row.array) else Symbol(row, tuple(xs)))
        partial = row.partials[place - 1]
        slope = decided(partial(*xs, Symbol("y")) if callable(partial) else partial)
    except (TypeError, AttributeError, ValueError):
        if is_built_in(row):
            raise
        return None
    if not isinstance(slope, Symbol) and slope in (1.0, -1.0):
        return Symbol("c") if slope == 1.0 else Symbol(table.neg, (Symbol("c"),))
    return Symbol(table.mul, (Symbol("c"), slope))


def reads(row: Primitive, place: int) -> set[str]:
    """The names of what a pull depends on, of c, y, x1, x2, ..."""
    formula = _formula(row, place)
    return {"c", "y", *(f"x{i + 1}" for i in range(row.arity))} if formula is None else _names(formula)


def _names(formula: Any) -> set[str]:
    if not isinstance(formula, Symbol):
        return set()
    if not formula.args:
        return {str(formula.operation)}
    return set().union(*map(_names, formula.args))


@_remembered
def operations(row: Primitive, place: int) -> frozenset[str]:
    """The functions of NumPy that a kernel calls; and the names of rows that NumPy has none for."""
    return frozenset(_operations(_formula(row, place)))


def _operations(formula: Any) -> set[str]:
    if not isinstance(formula, Symbol) or not formula.args:
        return set()
    row: Any = formula.operation
    if isinstance(row, Primitive) and callable(row.array):
        return _operations(spelled_out(row, formula.args))
    name = row if isinstance(row, str) else row.array or row.name
    return {name}.union(*map(_operations, formula.args))


@_remembered
def function(row: Primitive, place: int, constants: tuple[float | None, ...], dtype: Any) -> Callable[..., Any]:
    """A kernel as a function of arrays: of the arguments, for a pull of c and y before them; None for what is not read.

    It may be given `out`, an array of the result's shape, and may write there what it returns.

    constants: the arguments that are the same number throughout; None for the others, or () if all are arrays.
    """
    ufunc = getattr(np, row.array) if place == 0 and isinstance(row.array, str) and not constants else None
    if isinstance(ufunc, np.ufunc):
        return ufunc
    if _formula(row, place) is None:
        return _opaque(row, place, dtype)
    text, known = source(row, place, constants, dtype)
    exec(text, known)
    return known["kernel"]  # type: ignore[no-any-return]


def source(row: Primitive, place: int, constants: tuple[float | None, ...], dtype: Any) -> tuple[str, dict[str, Any]]:
    """A kernel as Python, a function that is called `kernel`; and what the names in it stand for."""
    printer = _Printer(dtype)
    result = printer.written(_formula(row, place, constants))
    names = [*(PULL if place else ()), *(f"x{i + 1}" for i in range(row.arity)), "out=None"]
    lines = printer.lines or [f"t0 = {result}"]
    name, last = lines[-1].split(" = ", 1)
    if last.startswith("np.") and not last.startswith("np.where") and name == result:
        lines[-1] = f"{name} = {last[:-1]}, out=out)"
    return "\n    ".join([f"def kernel({', '.join(names)}):", *lines, f"return {result}"]), printer.known


class _Printer:
    """Writes a formula as assignments of Python, each part of it once."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.lines: list[str] = []
        self.known: dict[str, Any] = {"np": np, "nan": math.nan, "inf": math.inf}
        self._found: dict[int, tuple[Any, str]] = {}  # parts, so that they stay what their number says

    def written(self, part: Any) -> str:
        """An expression for a part, of names that are assigned to in `lines`."""
        if not isinstance(part, Symbol):
            with np.errstate(over="ignore"):  # a constant that is too large for the numbers here is infinite to them
                x = float(part) if isinstance(part, bool) else float(np.asarray(part, float).astype(self.dtype))
            return repr(bool(part)) if isinstance(part, bool) else f"({x!r})"
        if not part.args:
            return str(part.operation)
        if id(part) not in self._found:
            name = f"t{len(self._found)}"
            self._found[id(part)] = part, name
            self.lines.append(f"{name} = {self._expression(_without_nan(part))}")
        return self._found[id(part)][1]

    def _expression(self, part: Symbol) -> str:
        row: Any = part.operation
        if isinstance(row, Primitive) and callable(row.array):
            try:
                return self.written(decided(spelled_out(row, part.args)))
            except (TypeError, AttributeError):
                return self._called(row.name, _opaque(row, 0, self.dtype), part)
        if isinstance(row, str):
            x1, x2 = map(self.written, part.args)
            return f"{x1} {row[0] if row in ('||', '&&') else row} {x2}"
        if row.array is None:
            return self._called(row.name, _opaque(row, 0, self.dtype), part)
        return f"np.{row.array}({', '.join(map(self.written, part.args))})"

    def _called(self, name: str, f: Callable[..., Any], part: Symbol) -> str:
        self.known[f"call_{name}"] = f
        return f"call_{name}({', '.join(map(self.written, part.args))})"


COMPLEMENTS = {"<": ">=", ">": "<=", "<=": ">", ">=": "<"}


def _without_nan(part: Symbol) -> Symbol:
    """A formula in fewer steps, because no number is a nan.

    A choice without one that is made already, where(x > 0, a, where(x <= 0, b, c)); where(x <= 0, 0, x) as a maximum;
    and a factor where(x > 0, 1, 0) as the comparison itself.
    """
    if part.operation is table.mul:
        return Symbol(table.mul, tuple(_as_factor(arg) for arg in part.args))
    if part.operation is not table.where:
        return part
    condition, first, second = part.args
    while (
        isinstance(second, Symbol)
        and second.operation is table.where
        and isinstance(condition, Symbol)
        and isinstance(second.args[0], Symbol)
        and second.args[0].operation == COMPLEMENTS.get(str(condition.operation), "")
        and all(_is_same(a, b) for a, b in zip(condition.args, second.args[0].args, strict=True))
    ):
        second = second.args[1]
    if isinstance(condition, Symbol) and condition.operation == "<=":
        x1, x2 = condition.args
        if _is_same(x2, first) and _is_same(x1, second):
            return Symbol(table.maximum, (x1, x2))
    return Symbol(table.where, (condition, first, second))


def _as_factor(part: Any) -> Any:
    """A comparison for a choice between 1 and 0 by it; anything else as it is."""
    found = part
    if isinstance(part, Symbol) and isinstance(part.operation, Primitive) and callable(part.operation.array):
        found = decided(spelled_out(part.operation, part.args))
    if isinstance(found, Symbol) and found.operation is table.where:
        found = _without_nan(found)
        condition, *numbers = found.args
        if isinstance(condition, Symbol) and condition.operation in COMPLEMENTS and len(numbers) == 2:
            return condition if _is_same(numbers[0], 1.0) and _is_same(numbers[1], 0.0) else part
    return part


def _is_same(a: Any, b: Any) -> bool:
    """Whether two operands are the same name, part or number."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return a is b or (not a.args and not b.args and a.operation is b.operation)
    return not isinstance(a, Symbol) and not isinstance(b, Symbol) and a == b


class _Each:
    """A function of numbers, for arrays; what it is called for a pull: the cotangent times the slope."""

    def __init__(self, f: Callable[..., Any], pulls: bool, dtype: Any) -> None:
        self.f, self.pulls, self.dtype = f, pulls, dtype

    def __call__(self, *xs: Any, out: Any = None) -> Any:
        if not self.pulls:
            return np.vectorize(self.f, otypes=[self.dtype])(*xs)
        c, y, *args = xs
        return c * np.vectorize(self.f, otypes=[self.dtype])(*args, y)


class _OnArrays:
    """A function of arrays that a user has written."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def __call__(self, *xs: Any, out: Any = None) -> Any:
        return self.f(*xs)


def _opaque(row: Primitive, place: int, dtype: Any) -> Callable[..., Any]:
    """A kernel that is no formula."""
    if place == 0:
        return _OnArrays(row.array) if callable(row.array) else _Each(row.scalar, False, dtype)
    slope: Any = row.partials[place - 1]
    return _Each(slope, True, dtype)
