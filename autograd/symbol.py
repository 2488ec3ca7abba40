"""Symbols: arguments that only write down what is done to them.

Run a partial derivative of the table on symbols, and what it returns is its own formula, to be printed in another
language. So the C of the native core and the JavaScript of the explorer's page come out of the same row as everything
else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autograd import primitives as table
from autograd.primitive import Primitive

__all__ = ["C", "Language", "Symbol", "decided", "factored", "spelled_out", "to_text"]


class Symbol:
    """A name, or an operation on Symbols and floats: `operation` is a Primitive or the sign of a comparison."""

    __slots__ = ("args", "operation")

    def __init__(self, operation: Primitive | str, args: tuple[Any, ...] = ()) -> None:
        self.operation = operation
        self.args = args

    @staticmethod
    def __apply_primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Symbol:
        return Symbol(primitive, args)

    def __add__(self, other: Any) -> Symbol:
        return Symbol(table.add, (self, other))

    def __radd__(self, other: Any) -> Symbol:
        return Symbol(table.add, (other, self))

    def __sub__(self, other: Any) -> Symbol:
        return Symbol(table.sub, (self, other))

    def __rsub__(self, other: Any) -> Symbol:
        return Symbol(table.sub, (other, self))

    def __mul__(self, other: Any) -> Symbol:
        return Symbol(table.mul, (self, other))

    def __rmul__(self, other: Any) -> Symbol:
        return Symbol(table.mul, (other, self))

    def __truediv__(self, other: Any) -> Symbol:
        return Symbol(table.div, (self, other))

    def __rtruediv__(self, other: Any) -> Symbol:
        return Symbol(table.div, (other, self))

    def __neg__(self) -> Symbol:
        return Symbol(table.neg, (self,))

    def __lt__(self, other: Any) -> Symbol:
        return Symbol("<", (self, other))

    def __le__(self, other: Any) -> Symbol:
        return Symbol("<=", (self, other))

    def __gt__(self, other: Any) -> Symbol:
        return Symbol(">", (self, other))

    def __ge__(self, other: Any) -> Symbol:
        return Symbol(">=", (self, other))

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]  # a formula, as of the other comparisons
        return Symbol("==", (self, other))

    def __ne__(self, other: object) -> Symbol:  # type: ignore[override]
        return Symbol("!=", (self, other))

    __hash__ = object.__hash__

    def __or__(self, other: Any) -> Any:
        return True if other is True else self if other is False else Symbol("||", (self, other))

    def __and__(self, other: Any) -> Any:
        return self if other is True else False if other is False else Symbol("&&", (self, other))

    __ror__, __rand__ = __or__, __and__

    def __mod__(self, other: Any) -> Symbol:
        return Symbol(table.mod, (self, other))

    def __floordiv__(self, other: Any) -> Symbol:
        return Symbol(table.floordiv, (self, other))

    def __pow__(self, other: Any) -> Symbol:
        return Symbol(table.pow, (self, other))

    def __bool__(self) -> bool:
        raise TypeError("a rule cannot branch with if or and: write where(condition, a, b), | for or, and & for and")


def decided(part: Any, known: dict[int, Any] | None = None) -> Any:
    """A formula without the choices that are made already: by a number, or between two numbers that are the same.

    known: for internal use, what has become of parts that occur more than once.
    """
    known = {} if known is None else known
    if not isinstance(part, Symbol) or not part.args:
        return part
    if id(part) not in known:
        args = tuple(decided(arg, known) for arg in part.args)
        if part.operation is table.where:
            condition, x1, x2 = args
            if not isinstance(condition, Symbol):
                found: Any = x1 if condition else x2
            elif isinstance(x1, float) and isinstance(x2, float) and x1 == x2:
                found = x1
            else:
                found = Symbol(part.operation, args)
        else:
            found = part if all(a is b for a, b in zip(args, part.args, strict=True)) else Symbol(part.operation, args)
        known[id(part)] = found
    return known[id(part)]


def factored(formula: Symbol) -> tuple[list[tuple[str, Symbol]], Any]:
    """The parts that a formula uses more than once, with names, each written with the names before it; and the rest."""
    formula = decided(formula)
    if not isinstance(formula, Symbol):
        return [], formula
    uses: dict[int, int] = {}
    order: list[Symbol] = []

    def count(part: Any) -> None:
        if isinstance(part, Symbol) and part.args:
            uses[id(part)] = uses.get(id(part), 0) + 1
            if uses[id(part)] == 1:
                for arg in part.args:
                    count(arg)
                order.append(part)

    count(formula)
    found: list[tuple[str, Symbol]] = []
    written: dict[int, Any] = {}

    def rewritten(part: Any) -> Any:
        return written.get(id(part), part)

    for part in order:  # arguments before what they are arguments of
        again = Symbol(part.operation, tuple(map(rewritten, part.args)))
        if uses[id(part)] > 1:
            name = f"part{len(found) + 1} of {id(formula)}"
            found.append((name, again))
            again = Symbol(name)
        written[id(part)] = again
    return (found, written[id(formula)]) if found else ([], formula)


class Language(NamedTuple):
    """How formulas look in another language.

    rows: what a row looks like that has no function there, by name. functions: what is the function for the name of a
        NumPy ufunc, where it is not called as in Python's math module. called: the name of a function for any other
        row; None: the row is spelled out by its own definition on arrays. truth: a number as a condition.
    """

    rows: Mapping[str, str]
    functions: Mapping[str, str] = {}
    called: Callable[[Primitive, int], str] | None = None
    truth: str = "{0}"
    infinite: str = "inf"
    missing: str = "nan"

    def number(self, x: float) -> str:
        if not math.isfinite(x):
            return self.missing if x != x else self.infinite if x > 0 else f"(-{self.infinite})"
        return f"({x!r})" if x < 0 else repr(x)


# What the rows that no C function stands for look like in C. All others are a function of <math.h>, named as in
# Python's math module, or are spelled out by their own definition on arrays.
C = Language({
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / {1})",
    "ratio": "({0} / {1})",
    "power": "pow({0}, {1})",
    "neg": "(-{0})",
    "minimum": "({0} <= {1} || {0} != {0} ? {0} : {1})",
    "maximum": "({0} >= {1} || {0} != {0} ? {0} : {1})",
    "where": "({0} ? {1} : {2})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "trunc": "trunc({0})",
    "round": "rint({0})",
    "floordiv": "floor_quotient({0}, {1})",
    "mod": "modulo({0}, {1})",
    "sign": "({0} > 0.0 ? 1.0 : {0} < 0.0 ? -1.0 : 0.0 * {0})",
})  # fmt: skip


def to_text(formula: Any, language: Language = C) -> str:
    """`formula`, a Symbol or a number, as an expression of `language`. Raises TypeError if a row has no formula."""
    if isinstance(formula, bool):
        return "true" if formula else "false"
    if not isinstance(formula, Symbol):
        return language.number(float(formula))
    args = [to_text(arg, language) for arg in formula.args]
    operation = formula.operation
    if isinstance(operation, str):
        return f"({args[0]} {operation} {args[1]})" if args else operation
    if operation.name in language.rows:
        if operation is table.where and not _is_condition(formula.args[0]):
            args[0] = language.truth.format(args[0])
        return language.rows[operation.name].format(*args)
    if language.called is not None:
        listed = f"[{', '.join(args)}]" if operation.rule is not None else ", ".join(args)
        return f"{language.called(operation, len(args))}({listed})"
    if callable(operation.array):
        return to_text(spelled_out(operation, formula.args), language)
    return f"{operation.scalar.__name__}({', '.join(args)})"


def spelled_out(row: Primitive, args: Sequence[Any]) -> Any:
    """A row's value as a formula of other rows: its definition on arrays."""
    if not callable(row.array):
        raise TypeError(f"{row.name} has no formula")
    return row.array(*args) if row.rule is None else row.array(list(args))


def _is_condition(part: Any) -> bool:
    return isinstance(part, bool) or (isinstance(part, Symbol) and isinstance(part.operation, str) and bool(part.args))
