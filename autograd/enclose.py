"""Proven bounds: a value and its gradient in interval arithmetic, from the same rows.

Each operation is computed on intervals and rounded outwards, so that the exact value of the formula lies inside
whatever floats did on the way. Arithmetic and square roots are right to half a unit in the last place by IEEE 754; of
all other functions of the C library it is assumed that they are right to 4 units.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from autograd import primitives as table
from autograd.convert import number
from autograd.engine import Value, topological
from autograd.forward import order_of
from autograd.modes import recording
from autograd.primitive import DomainError, Primitive
from autograd.sweep import carries_nothing, ruled
from autograd.transforms import check_function, one_number
from autograd.tree import is_number, map_leaves
from autograd.watching import Compared, watching

__all__ = ["Enclosure", "Interval", "enclose"]

ULPS = 4


class Interval:
    """All numbers from `low` to `high`. Arithmetic and the functions of the table work on it."""

    __slots__ = ("high", "low")

    def __init__(self, low: float, high: float | None = None) -> None:
        high = low if high is None else high
        if type(low) is not float or type(high) is not float:
            number(low, "Interval")  # raise if it is none
            number(high, "Interval")
        if not low <= high:
            raise ValueError(f"Interval: the lower end must not be above the upper one, got {low!r} and {high!r}")
        self.low, self.high = float(low), float(high)
        # A fraction or a large whole number may lie beside its float.
        if self.low > low:
            self.low = math.nextafter(self.low, -math.inf)
        if self.high < high:
            self.high = math.nextafter(self.high, math.inf)

    def __repr__(self) -> str:
        return f"Interval({self.low!r}, {self.high!r})"

    def __contains__(self, x: float) -> bool:
        return self.low <= x <= self.high

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    @staticmethod
    def __apply_primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        return on_intervals(row, args)

    def __add__(self, other: Any) -> Interval:
        a = as_interval(other)
        low, high = self.low + a.low, self.high + a.high
        points = self.width == a.width == 0.0 and math.isfinite(low)
        if points and Fraction(self.low) + Fraction(a.low) == low:
            return Interval(low)  # as of whole numbers: an exponent stays one
        return _outwards(low, high)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Any) -> Interval:
        if other is self and math.isfinite(self.width):
            return Interval(0.0)  # the same number, whichever it is
        return self + -as_interval(other)

    def __rsub__(self, other: Any) -> Interval:
        return as_interval(other) + -self

    def __mul__(self, other: Any) -> Interval:
        a = as_interval(other)
        if self is a:
            return _square(self)
        # Where 0 meets an infinite end, 0 is meant: no number in an interval is infinite.
        products = [0.0 if x == 0.0 or y == 0.0 else x * y for x in (self.low, self.high) for y in (a.low, a.high)]
        return _outwards(min(products), max(products))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Interval:
        a = as_interval(other)
        if 0.0 in a:
            raise DomainError(f"enclose: the divisor may be 0: it lies in {a}. Enclose a smaller box")
        quotients = [x / y for x in (self.low, self.high) for y in (a.low, a.high)]
        return _outwards(min(quotients), max(quotients))

    def __rtruediv__(self, other: Any) -> Interval:
        return as_interval(other) / self

    def __pow__(self, other: Any) -> Any:
        return on_intervals(table.pow, (self, other))

    def __mod__(self, other: Any) -> Any:
        a = as_interval(other)
        if self.width == a.width == 0.0 and a.low != 0.0 and math.fmod(self.low, a.low) == 0.0:
            return Interval(0.0)
        return on_intervals(table.mod, (self, other))

    def __lt__(self, other: Any) -> Any:
        a = as_interval(other)
        return _truth(self.high < a.low, self.low >= a.high)

    def __le__(self, other: Any) -> Any:
        a = as_interval(other)
        return _truth(self.high <= a.low, self.low > a.high)

    def __gt__(self, other: Any) -> Any:
        return as_interval(other) < self

    def __ge__(self, other: Any) -> Any:
        return as_interval(other) <= self

    def __eq__(self, other: object) -> Any:
        a = as_interval(other)
        same = self.low == self.high == a.low == a.high
        return _truth(same, self.low > a.high or self.high < a.low)

    def __ne__(self, other: object) -> Any:
        return _not(self == other)

    __hash__ = object.__hash__


class Maybe:
    """What is true for some numbers of an interval, and not for others."""

    @staticmethod
    def __apply_primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        return on_intervals(row, args)

    def __bool__(self) -> bool:
        raise _Undecided

    def __or__(self, other: Any) -> Any:
        return True if other is True else self

    def __and__(self, other: Any) -> Any:
        return False if other is False else self

    __ror__, __rand__ = __or__, __and__


class _Undecided(Exception):  # a question that stays open
    """A comparison was asked for a plain answer, and comes out in both ways."""


def _truth(yes: bool, no: bool) -> Any:
    return True if yes else False if no else Maybe()


def _not(truth: Any) -> Any:
    return truth if isinstance(truth, Maybe) else not truth


class Enclosure(NamedTuple):
    """What `enclose` found: an Interval that holds the value, and such intervals in the structure of the point."""

    value: Interval
    gradient: Any


def enclose(f: Callable[..., Any], *point: Any) -> Enclosure:
    """The value of f and its gradient, between bounds that are proven.

    f: as of `value_and_grad`. point: its arguments; an Interval in the place of a number stands for all numbers in it,
        and the bounds hold for all of them. Plain numbers are taken as exact, so the width says what rounding does.

    Raises DomainError where the function may leave its domain, and ValueError where it may take another branch, within
    the box: then a smaller box is needed. A box holds more than the function takes on it where the same argument occurs
    more than once: intervals do not know that it is the same.

    >>> found = enclose(lambda x: x * x, Interval(1.0, 2.0))
    >>> 1.0 in found.value, 4.0 in found.value, found.value.width < 3.001
    (True, True, True)
    >>> enclose(lambda x: 0.1 * x, 3.0).value  # 0.3, and what rounding may do
    Interval(0.3, 0.3000000000000001)
    """
    check_function("enclose", f)
    # The function itself runs on Values, at the middles; what it recorded then runs on intervals.
    boxes: list[Interval] = []
    variables: list[Value] = []

    def variable(x: Any) -> Value:
        box = as_interval(x)
        boxes.append(Interval(box.low, box.high))  # of its own: one object is one number, and two arguments are two
        variables.append(Value(0.5 * boxes[-1].low + 0.5 * boxes[-1].high))
        return variables[-1]

    arguments = [map_leaves(lambda x: variable(x) if _is_number(x) else x, x, _is_number) for x in point]
    if not variables:
        raise TypeError(f"enclose: there is no real number in the point, got {point!r:.200}")
    with recording(), watching() as asked:
        y = one_number(f(*arguments), "enclose")
    slopes = [Interval(0.0)] * len(variables)
    value = Interval(float(y)) if not isinstance(y, Value) else None
    known: dict[Value, Any] = dict(zip(variables, boxes, strict=True))
    compared = [x for c in asked for x in (c.left, c.right) if isinstance(x, Value)]
    roots = [*compared, *([y] if isinstance(y, Value) else [])]
    for v in order_of(roots) if roots else []:
        if v not in known:
            known[v] = Interval(v.data) if v.primitive is None else on_intervals(v.primitive, _operands(v, known))
    for c in asked:
        _check_branch(c, known)
    if isinstance(y, Value):
        value = as_interval(known[y])
        slopes = _swept(topological(y), known, variables)
    assert value is not None
    rest = iter(slopes)
    gradient = [map_leaves(lambda x: next(rest) if _is_number(x) else None, x, _is_number) for x in point]
    return Enclosure(value, gradient[0] if len(gradient) == 1 else tuple(gradient))


def _is_number(x: Any) -> bool:
    return isinstance(x, Interval) or is_number(x)


def as_interval(x: Any) -> Interval:
    """x as an interval: a number is one of no width."""
    if isinstance(x, Interval):
        return x
    if isinstance(x, Value):
        return Interval(x.data)
    return Interval(x)


def _check_branch(c: Compared, known: dict[Value, Any]) -> None:
    """ValueError if a comparison could come out otherwise within the box."""
    if c.sign == "caught":
        raise ValueError("enclose: the function catches an error, and where in the box it would is not known")
    left, right = (known[x] if isinstance(x, Value) else x for x in (c.left, c.right))
    truth = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
             "!=": operator.ne}[c.sign](as_interval(left), as_interval(right))  # fmt: skip
    if truth is not c.outcome:
        raise ValueError(
            f"enclose: {c.words()} may come out in both ways within the box, so the function may take another branch; "
            "enclose a smaller box"
        )


def _operands(v: Value, known: dict[Value, Any]) -> list[Any]:
    return [known[arg] if isinstance(arg, Value) else arg for arg in v.args]


def _swept(order: Sequence[Value], known: dict[Value, Any], variables: Sequence[Value]) -> list[Interval]:
    """The reverse sweep on intervals."""
    cotangents: dict[Value, Any] = {order[-1]: Interval(1.0)}
    for v in reversed(order):
        row = v.primitive
        if row is None or v not in cotangents:
            continue
        operands, y = _operands(v, known), known[v]
        partials: Sequence[Any] = row.partials if row.rule is None else ruled(row, operands, y)
        for place, (arg, partial) in enumerate(zip(v.args, partials, strict=True)):
            if not isinstance(arg, Value):
                continue
            slope = _asked(row, partial, [*operands, y]) if callable(partial) else partial
            if type(slope) is float and slope == 0.0 and carries_nothing(v, place):
                continue
            part = cotangents[v] * as_interval(slope)
            cotangents[arg] = cotangents[arg] + part if arg in cotangents else part
    return [cotangents.get(v, Interval(0.0)) for v in variables]


def _asked(row: Primitive, formula: Callable[..., Any], args: Sequence[Any]) -> Any:
    """A formula on intervals, which may ask what an interval cannot answer."""
    try:
        return formula(*args)
    except _Undecided:
        raise ValueError(
            f"enclose: {row.name} takes different branches within {list(args)[:3]}; enclose a smaller box"
        ) from None
    except TypeError as error:
        raise TypeError(f"enclose: {row.name} is not written with autograd's functions: {error}") from None


# ---------------------------------------------------------------- rows on intervals


def _outwards(low: float, high: float, ulps: int = 1) -> Interval:
    """The interval, a few units in the last place wider at both ends."""
    if low != low or high != high:
        raise DomainError("enclose: a bound has no value: infinities meet. Enclose a smaller box")
    for _ in range(ulps):
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return Interval(low, high)


def _square(x: Interval) -> Interval:
    ends = (x.low * x.low, x.high * x.high)
    found = _outwards(min(ends), max(ends))
    return Interval(0.0 if 0.0 in x else max(found.low, 0.0), found.high)


INCREASING = {
    "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "asin", "atan", "sinh", "tanh", "asinh", "acosh",
    "atanh", "erf", "sigmoid", "softplus", "logsigmoid", "relu", "logsumexp", "logaddexp", "minimum", "maximum",
    "largest",
}  # fmt: skip
DECREASING = {"acos", "erfc"}
EXACT = {"relu", "minimum", "maximum", "largest", "floor", "ceil", "trunc", "round", "sign", "step"}


def on_intervals(row: Primitive, args: Sequence[Any]) -> Any:
    """A row of the table on intervals and numbers."""
    if not any(isinstance(arg, Interval | Maybe) for arg in args):
        return row.on_floats([float(arg) for arg in args])
    if row is table.where:
        return _either(*args)
    boxes = [as_interval(arg) for arg in args]
    inside = row.domain.contains(*boxes)
    if inside is not True:
        raise DomainError(
            f"enclose: {row.name} may leave its domain within {boxes[:3]}: {row.domain.text}. Enclose a smaller box"
        )
    by_hand = BY_HAND.get(row.name)
    if by_hand is not None:
        return by_hand(*boxes)
    if row.name in INCREASING or row.name in EXACT:
        return _at_ends(row, [x.low for x in boxes], [x.high for x in boxes])
    if row.name in DECREASING:
        return _at_ends(row, [x.high for x in boxes], [x.low for x in boxes])
    spelled: Any = row.array
    if callable(spelled):
        formula = spelled if row.rule is None else (lambda *xs: spelled(list(xs)))
        return as_interval(_asked(row, formula, boxes))
    raise TypeError(f"enclose: {row.name} has no bounds: it is not written with autograd's functions")


def _at_ends(row: Primitive, lows: Sequence[float], highs: Sequence[float]) -> Interval:
    low, high = row.on_floats(lows), row.on_floats(highs)
    ulps = 0 if row.name in EXACT else 1 if row.name == "sqrt" else 2 * ULPS if row.rule is not None else ULPS
    if row.name in {"logsumexp", "logaddexp"}:  # the largest and a logarithm: near 0 these cancel
        slack = ulps * math.ulp(max((abs(x) for x in (*lows, *highs) if math.isfinite(x)), default=0.0))
        low, high = low - slack, high + slack
    return _outwards(low, high, ulps) if ulps else Interval(low, high)


def _either(condition: Any, x1: Any, x2: Any) -> Any:
    if isinstance(condition, Interval):
        condition = condition != 0.0
    if not isinstance(condition, Maybe):
        return x1 if condition else x2
    if x1 is x2 or (type(x1) is float and type(x2) is float and x1 == x2):
        return x1
    if any(type(x) is float and x != x for x in (x1, x2)):
        raise DomainError(
            "enclose: within the box a comparison may come out in both ways, and one of them has no value or no slope. "
            "Enclose a smaller box"
        )
    a, b = as_interval(x1), as_interval(x2)
    return Interval(min(a.low, b.low), max(a.high, b.high))


def _abs(x: Interval) -> Interval:
    ends = sorted((abs(x.low), abs(x.high)))
    return Interval(0.0 if 0.0 in x else ends[0], ends[1])


def _cosine(x: Interval, shift: float) -> Interval:
    """cos(x - shift), shift being 0 or π / 2: ends, and the turning points between them."""
    f = math.cos if shift == 0.0 else math.sin
    if x.width >= 6.0 or max(abs(x.low), abs(x.high)) > 1e8:
        return Interval(-1.0, 1.0)
    ends = sorted((f(x.low), f(x.high)))
    found = _outwards(ends[0], ends[1], ULPS)
    low, high = max(found.low, -1.0), min(found.high, 1.0)
    slack = 1e-14 * (1.0 + abs(x.low) + abs(x.high))
    first, last = ((end - shift) / math.pi for end in (x.low - slack, x.high + slack))
    for k in range(math.ceil(first), math.floor(last) + 1):
        low, high = (low, 1.0) if k % 2 == 0 else (-1.0, high)
    return Interval(low, high)


def _tan(x: Interval) -> Interval:
    if 0.0 in _cosine(x, 0.0):
        raise DomainError(f"enclose: tan may have a pole within {x}. Enclose a smaller box")
    return _outwards(math.tan(x.low), math.tan(x.high), ULPS)


def _cosh(x: Interval) -> Interval:
    distance = _abs(x)
    found = _outwards(math.cosh(distance.low), math.cosh(distance.high), ULPS)
    return Interval(max(found.low, 1.0), found.high)


def _pow(x1: Interval, x2: Interval) -> Interval:
    if x2.width == 0.0 and x2.low == 2.0:
        return _square(x1)
    whole = x2.width == 0.0 and x2.low % 1.0 == 0.0
    if whole and x2.low % 2.0 == 0.0:
        x1 = _abs(x1)
    elif whole and x1.low < 0.0:
        if x2.low < 0.0 and 0.0 in x1:
            raise DomainError(f"enclose: pow may have a pole within {x1}. Enclose a smaller box")
        ends = sorted((math.pow(x1.low, x2.low), math.pow(x1.high, x2.low)))
        return _outwards(ends[0], ends[1], ULPS)
    if x1.low == 0.0 and x2.low < 0.0:
        raise DomainError(f"enclose: pow may have a pole within {x1}. Enclose a smaller box")
    corners = [math.pow(a, b) for a in (x1.low, x1.high) for b in (x2.low, x2.high)]
    found = _outwards(min(corners), max(corners), ULPS)
    return Interval(max(found.low, 0.0), found.high)


def _atan2(x1: Interval, x2: Interval) -> Interval:
    if 0.0 in x1 and x2.low <= 0.0:
        raise DomainError(f"enclose: atan2 jumps, or has no slope, within {x1}, {x2}. Enclose a smaller box")
    corners = [math.atan2(a, b) for a in (x1.low, x1.high) for b in (x2.low, x2.high)]
    return _outwards(min(corners), max(corners), ULPS)


def _whole_quotient(x1: Interval, x2: Interval) -> Interval:
    quotient = x1 / x2
    return Interval(math.floor(quotient.low), math.floor(quotient.high))


def _remainder(x1: Interval, x2: Interval) -> Interval:
    whole = _whole_quotient(x1, x2)
    if whole.width == 0.0:
        return x1 - x2 * whole
    return Interval(min(x2.low, 0.0), max(x2.high, 0.0))


BY_HAND: dict[str, Callable[..., Interval]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "ratio": operator.truediv,
    "neg": operator.neg, "abs": _abs, "sin": lambda x: _cosine(x, 0.5 * math.pi), "cos": lambda x: _cosine(x, 0.0),
    "tan": _tan, "cosh": _cosh, "pow": _pow, "power": _pow, "atan2": _atan2, "floordiv": _whole_quotient,
    "mod": _remainder, "lowered": lambda x1, x2: _pow(x1, x2 - 1.0), "lowered_twice": lambda x1, x2: _pow(x1, x2 - 2.0),
}  # fmt: skip
