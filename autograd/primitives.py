"""The table: one row for each primitive, and everything about it in that row.

A row reads: name, value on floats, value on arrays, then one partial derivative per argument. `x1, x2` are arguments
and `y` is the output. Partials are written with the rows themselves (`cos(x)`, not `math.cos(x)`), so that one formula
works on floats, on Values (a derivative can be differentiated again), on arrays, and on symbols that print it.

The values of `sigmoid`, `softplus`, `logsumexp` and their like never overflow; the derivative at a kink is a
convention, and the row says which. `autograd.corners` lists what happens at boundaries.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from autograd.primitive import _BUILT_IN, TABLE, Domain, Kink, Primitive
from autograd.primitive import primitive as row

# ---------------------------------------------------------------- where things are defined

ORDINARY = (-3.0, 3.0)
POSITIVE = (0.05, 4.0)

TWO_NUMBERS = Domain("arguments must be numbers", lambda x1, x2: True, (ORDINARY, ORDINARY))
WIDE = Domain("argument must be a number", lambda x: True, ((-30.0, 30.0),))
FINITE = Domain("argument must be finite", lambda x: (x - x) == 0.0, ((-6.0, 6.0),))
SOME = Domain("needs at least one number", lambda *xs: len(xs) > 0, (ORDINARY,))


def _nonzero(x: Any) -> Any:
    # `x != 0` would compare identity on Values.
    return (x < 0.0) | (x > 0.0)


def _whole(x: Any) -> Any:
    return x % 1.0 == 0.0


def _pow_contains(x1: Any, x2: Any) -> Any:
    return (x1 > 0.0) | ((x1 == 0.0) & (x2 >= 0.0)) | ((x1 < 0.0) & _whole(x2))


# ---------------------------------------------------------------- inside derivatives only

# A slope may be infinite where the value is not: sqrt at 0. These two rows divide and raise as IEEE 754 does, for use
# in partials; a user's `a / b` and `a ** b` go through `div` and `pow`, which raise DomainError instead.


def _ratio(x1: float, x2: float) -> float:
    if x2 != 0.0:
        return x1 / x2
    return math.nan if x1 == 0.0 or x1 != x1 else math.copysign(math.inf, x1) * math.copysign(1.0, x2)


def _power(x1: float, x2: float) -> float:
    try:
        return math.pow(x1, x2)
    except OverflowError:
        return -math.inf if x1 < 0.0 and x2 % 2.0 == 1.0 else math.inf
    except ValueError:  # 0 to a negative power, or a root of a negative number
        return math.inf if x1 == 0.0 else math.nan


ratio: Primitive = row(
    "ratio", _ratio, "divide",
    lambda x1, x2, y: ratio(1.0, x2),
    lambda x1, x2, y: -ratio(y, x2),
    symbol="/", multiplies=True,
    public=False, domain=Domain("0 / 0 has no value", lambda x1, x2: (x1 != 0.0) | (x2 != 0.0), (ORDINARY,
    POSITIVE)), formula=("x1 / x2, infinite at x2 = 0", "1 / x2", "-y / x2"),
)  # fmt: skip

power: Primitive = row(
    "power", _power, "power",
    lambda x1, x2, y: x2 * power(x1, where(_nonzero(x2), x2 - 1.0, 0.0)),
    lambda x1, x2, y: y * log(where(_nonzero(x1), x1, 1.0)),
    symbol="**", multiplies=True,
    public=False, domain=Domain("must have a real result", _pow_contains, (POSITIVE, ORDINARY)),
    formula=("x1 ** x2, infinite at x1 = 0, x2 < 0", "x2 · x1**(x2 - 1)", "y · log(x1)"),
)  # fmt: skip

# ---------------------------------------------------------------- arithmetic

add: Primitive = row(
    "add", operator.add, "add", 1.0, 1.0, symbol="+", domain=TWO_NUMBERS, formula=("x1 + x2", "1", "1")
)

sub: Primitive = row(
    "sub", operator.sub, "subtract", 1.0, -1.0, symbol="-", domain=TWO_NUMBERS, formula=("x1 - x2", "1", "-1")
)

mul: Primitive = row(
    "mul", operator.mul, "multiply",
    lambda x1, x2, y: x2,
    lambda x1, x2, y: x1,
    symbol="*", multiplies=True, domain=TWO_NUMBERS, formula=("x1 · x2", "x2", "x1"),
)  # fmt: skip

div: Primitive = row(
    "div", operator.truediv, "divide",
    lambda x1, x2, y: 1.0 / x2,
    lambda x1, x2, y: -y / x2,
    symbol="/", multiplies=True,
    domain=Domain(
        "the divisor must not be 0", lambda x1, x2: x2 != 0.0, (ORDINARY, POSITIVE),
        "Add a small number to the divisor, or choose the case with if (where computes both sides).",
    ),
    formula=("x1 / x2", "1 / x2", "-y / x2"),
)  # fmt: skip

pow: Primitive = row(
    "pow", math.pow, "power",
    # x ** 0 is flat, also at 0, where 0 · x ** -1 would be 0 · inf.
    lambda x1, x2, y: x2 * power(x1, where(_nonzero(x2), x2 - 1.0, 0.0)),
    # 0 ** x2 stays 0 when x2 > 0 moves, so the slope there is 0; the inner where keeps log away from 0.
    lambda x1, x2, y: y * log(where(_nonzero(x1), x1, 1.0)),
    symbol="**", multiplies=True, overflows=True,
    domain=Domain(
        "a negative base needs a whole exponent, and base 0 an exponent that is not negative",
        _pow_contains, (POSITIVE, ORDINARY),
        "Take abs(base) or maximum(base, tiny) first.",
    ),
    formula=("x1 ** x2", "x2 · x1**(x2 - 1)", "y · log(x1)"),
)  # fmt: skip

neg: Primitive = row("neg", operator.neg, "negative", -1.0, symbol="-", formula=("-x", "-1"))

abs: Primitive = row(
    "abs", math.fabs, "absolute",
    lambda x, y: sign(x),
    kink=Kink(lambda x: x, "0 at x = 0, as PyTorch; JAX takes 1"), formula=("|x|", "sign(x)"),
)  # fmt: skip

# ---------------------------------------------------------------- exponentials, logarithms, roots

exp: Primitive = row("exp", math.exp, "exp", lambda x, y: y, overflows=True, formula=("exp(x)", "y"))

log: Primitive = row(
    "log", math.log, "log",
    lambda x, y: 1.0 / x,
    domain=Domain(
        "argument must be > 0", lambda x: x > 0.0, (POSITIVE,),
        "If zeros are expected, use log1p or maximum(x, tiny) first.",
    ),
    formula=("log(x)", "1 / x"),
)  # fmt: skip

log1p: Primitive = row(
    "log1p", math.log1p, "log1p",
    lambda x, y: 1.0 / (1.0 + x),
    domain=Domain("argument must be > -1", lambda x: x > -1.0, ((-0.95, 4.0),), "Keep 1 + x above 0 first."),
    formula=("log(1 + x)", "1 / (1 + x)"),
)  # fmt: skip

expm1: Primitive = row(
    "expm1", math.expm1, "expm1", lambda x, y: exp(x), overflows=True, formula=("exp(x) - 1", "exp(x)")
)

sqrt: Primitive = row(
    "sqrt", math.sqrt, "sqrt",
    lambda x, y: ratio(0.5, y),
    domain=Domain(
        "argument must be >= 0", lambda x: x >= 0.0, (POSITIVE,),
        "Take maximum(x, 0) first if rounding made it slightly negative.",
    ),
    formula=("√x", "1 / (2y)"),
)  # fmt: skip

# ---------------------------------------------------------------- trigonometry

sin: Primitive = row("sin", math.sin, "sin", lambda x, y: cos(x), domain=FINITE, formula=("sin(x)", "cos(x)"))

cos: Primitive = row("cos", math.cos, "cos", lambda x, y: -sin(x), domain=FINITE, formula=("cos(x)", "-sin(x)"))

tan: Primitive = row(
    "tan", math.tan, "tan",
    lambda x, y: 1.0 + y * y,
    domain=Domain("argument must be finite", FINITE.contains, ((-1.4, 1.4),)), formula=("tan(x)", "1 + y²"),
)  # fmt: skip

UNIT_INTERVAL = Domain(
    "argument must lie in [-1, 1]", lambda x: (x >= -1.0) & (x <= 1.0), ((-0.95, 0.95),),
    "Clip it first: maximum(-1, minimum(1, x)).",
)  # fmt: skip

asin: Primitive = row(
    "asin", math.asin, "arcsin",
    lambda x, y: ratio(1.0, sqrt((1.0 - x) * (1.0 + x))),
    domain=UNIT_INTERVAL, formula=("asin(x)", "1 / √(1 - x²)"),
)  # fmt: skip

acos: Primitive = row(
    "acos", math.acos, "arccos",
    lambda x, y: ratio(-1.0, sqrt((1.0 - x) * (1.0 + x))),
    domain=UNIT_INTERVAL, formula=("acos(x)", "-1 / √(1 - x²)"),
)  # fmt: skip

atan: Primitive = row(
    "atan", math.atan, "arctan", lambda x, y: 1.0 / (1.0 + x * x), formula=("atan(x)", "1 / (1 + x²)")
)


def _over_square(x: Any, x1: Any, x2: Any) -> Any:
    """x / (x1² + x2²), scaled so that the squares neither overflow nor vanish. Any scale gives the same: cut it."""
    scale = stop_gradient(maximum(abs(x1), abs(x2)))
    u1, u2 = ratio(x1, scale), ratio(x2, scale)
    return ratio(ratio(ratio(x, scale), u1 * u1 + u2 * u2), scale)


atan2: Primitive = row(
    "atan2", math.atan2, "arctan2",
    lambda x1, x2, y: _over_square(x2, x1, x2),
    lambda x1, x2, y: -_over_square(x1, x1, x2),
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, POSITIVE)),
    formula=("angle of the point (x2, x1)", "x2 / (x1² + x2²)", "-x1 / (x1² + x2²)"),
)  # fmt: skip

sinh: Primitive = row("sinh", math.sinh, "sinh", lambda x, y: cosh(x), overflows=True, formula=("sinh(x)", "cosh(x)"))

cosh: Primitive = row("cosh", math.cosh, "cosh", lambda x, y: sinh(x), overflows=True, formula=("cosh(x)", "sinh(x)"))

tanh: Primitive = row("tanh", math.tanh, "tanh", lambda x, y: 1.0 - y * y, formula=("tanh(x)", "1 - y²"))

# ---------------------------------------------------------------- activations


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


sigmoid: Primitive = row(
    "sigmoid", _sigmoid, lambda x: exp(minimum(x, 0.0)) / (1.0 + exp(-abs(x))),
    lambda x, y: y * (1.0 - y),
    symbol="σ", domain=WIDE, formula=("1 / (1 + exp(-x)), with exp of a negative number only", "y · (1 - y)"),
)  # fmt: skip

softplus: Primitive = row(
    "softplus",
    lambda x: (x if x > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(x))),
    lambda x: maximum(x, 0.0) + log1p(exp(-abs(x))),
    lambda x, y: sigmoid(x),
    domain=WIDE, formula=("log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|))", "sigmoid(x)"),
)  # fmt: skip

relu: Primitive = row(
    "relu", lambda x: 0.0 if x <= 0.0 else x, lambda x: where(x <= 0.0, 0.0, x),
    lambda x, y: step(x),
    symbol="ReLU", chooses=True,
    kink=Kink(lambda x: x, "0 at x = 0, as PyTorch and JAX"), formula=("max(x, 0)", "step(x)"),
)  # fmt: skip

leaky_relu: Primitive = row(
    "leaky_relu", lambda x, slope: x if x > 0.0 else slope * x, lambda x, slope: where(x > 0.0, x, slope * x),
    lambda x, slope, y: where(x > 0.0, 1.0, slope),
    lambda x, slope, y: minimum(x, 0.0),
    symbol="leaky ReLU", chooses=True,
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, (0.01, 0.5))),
    kink=Kink(lambda x, slope: x, "slope at x = 0, as PyTorch; JAX takes 1"), defaults={"slope": 0.01},
    formula=("x if x > 0, else slope · x (slope 0.01)", "1 or slope", "min(x, 0)"),
)  # fmt: skip

elu: Primitive = row(
    "elu", lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
    lambda x, alpha: where(x > 0.0, x, alpha * expm1(minimum(x, 0.0))),
    lambda x, alpha, y: where(x > 0.0, 1.0, y + alpha),
    lambda x, alpha, y: expm1(minimum(x, 0.0)),
    symbol="ELU", chooses=True,
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, (0.5, 2.0))),
    kink=Kink(lambda x, alpha: x, "alpha at x = 0, as PyTorch; smooth when alpha is 1"), defaults={"alpha": 1.0},
    formula=("x if x > 0, else alpha · (exp(x) - 1) (alpha 1)", "1 or y + alpha", "exp(min(x, 0)) - 1"),
)  # fmt: skip

SQRT_HALF = math.sqrt(0.5)
NORMAL_PEAK = 1.0 / math.sqrt(2.0 * math.pi)

# erfc rather than 1 + erf: for x far below 0 the sum would cancel to nothing.
gelu: Primitive = row(
    "gelu", lambda x: 0.5 * x * math.erfc(-SQRT_HALF * x), lambda x: 0.5 * x * erfc(-SQRT_HALF * x),
    lambda x, y: 0.5 * erfc(-SQRT_HALF * x) + x * NORMAL_PEAK * exp(-0.5 * x * x),
    symbol="GELU", formula=("x · Φ(x), Φ the normal distribution function", "Φ(x) + x · φ(x)"),
)  # fmt: skip

silu: Primitive = row(
    "silu", lambda x: x * _sigmoid(x), lambda x: x * sigmoid(x),
    lambda x, y: sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
    symbol="SiLU", formula=("x · sigmoid(x)", "s · (1 + x · (1 - s)), s = sigmoid(x)"),
)  # fmt: skip

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)

erf: Primitive = row(
    "erf", math.erf, None, lambda x, y: TWO_OVER_SQRT_PI * exp(-x * x), formula=("erf(x)", "2/√π · exp(-x²)")
)

erfc: Primitive = row(
    "erfc", math.erfc, None, lambda x, y: -TWO_OVER_SQRT_PI * exp(-x * x), formula=("1 - erf(x)", "-2/√π · exp(-x²)")
)

# ---------------------------------------------------------------- choices

minimum: Primitive = row(
    "minimum", lambda x1, x2: x1 if x1 <= x2 or x1 != x1 else x2, "minimum",
    lambda x1, x2, y: where(x1 < x2, 1.0, where(x1 > x2, 0.0, 0.5)),
    lambda x1, x2, y: where(x1 > x2, 1.0, where(x1 < x2, 0.0, 0.5)),
    symbol="min", chooses=True,
    domain=TWO_NUMBERS, kink=Kink(lambda x1, x2: x1 - x2, "half each at a tie, as PyTorch and JAX"),
    formula=("the smaller of x1 and x2", "1 if x1 < x2, else 0", "1 if x2 < x1, else 0"),
)  # fmt: skip

maximum: Primitive = row(
    "maximum", lambda x1, x2: x1 if x1 >= x2 or x1 != x1 else x2, "maximum",
    lambda x1, x2, y: where(x1 > x2, 1.0, where(x1 < x2, 0.0, 0.5)),
    lambda x1, x2, y: where(x1 < x2, 1.0, where(x1 > x2, 0.0, 0.5)),
    symbol="max", chooses=True,
    domain=TWO_NUMBERS, kink=Kink(lambda x1, x2: x1 - x2, "half each at a tie, as PyTorch and JAX"),
    formula=("the larger of x1 and x2", "1 if x1 > x2, else 0", "1 if x2 > x1, else 0"),
)  # fmt: skip

where: Primitive = row(
    "where", lambda condition, x1, x2: x1 if condition else x2, "where",
    0.0,
    lambda condition, x1, x2, y: where(condition, 1.0, 0.0),
    lambda condition, x1, x2, y: where(condition, 0.0, 1.0),
    chooses=True,
    domain=Domain("arguments must be numbers", lambda c, x1, x2: True, ((0.0, 1.0), ORDINARY, ORDINARY)),
    kink=Kink(lambda condition, x1, x2: condition, "0 for the condition: it chooses, it does not flow"),
    formula=("x1 if condition, else x2", "0", "1 if condition, else 0", "0 if condition, else 1"),
)  # fmt: skip

sign: Primitive = row(
    "sign", lambda x: 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 * x, "sign", 0.0,
    kink=Kink(lambda x: x, "0 everywhere, at the jump too"), formula=("-1, 0 or 1", "0"),
)  # fmt: skip

step: Primitive = row(
    "step", lambda x: x if x != x else float(x > 0.0),
    lambda x: where(x > 0.0, 1.0, where(x <= 0.0, 0.0, x)),
    0.0,
    kink=Kink(lambda x: x, "0 everywhere, at the jump too; step(0) is 0"), formula=("1 if x > 0, else 0", "0"),
)  # fmt: skip

equal: Primitive = row(
    "equal", lambda x1, x2: float(x1 == x2) if x1 <= x2 or x1 > x2 else x1 + x2,
    lambda x1, x2: where(x1 <= x2, where(x1 >= x2, 1.0, 0.0), where(x1 > x2, 0.0, x1 + x2)),
    0.0, 0.0,
    symbol="=?", domain=TWO_NUMBERS, kink=Kink(lambda x1, x2: x1 - x2, "0 everywhere, at the jump too"),
    formula=("1 if x1 = x2, else 0", "0", "0"),
)  # fmt: skip

# ---------------------------------------------------------------- passing through

identity: Primitive = row("identity", lambda x: x, lambda x: x, 1.0, symbol="=", public=False, formula=("x", "1"))

stop_gradient: Primitive = row(
    "stop_gradient", lambda x: x, lambda x: x, 0.0,
    symbol="stop", formula=("x, as if it were a constant", "0"),
)  # fmt: skip

# ---------------------------------------------------------------- lists of numbers

# Variadic rows have one rule: from all arguments and y to all partials. Additions run from left to right: the same bits
# on every engine, and the same as a loop with `+=`.


def _sum(xs: Sequence[Any]) -> Any:
    return reduce(operator.add, xs, 0.0)


def _dot(xs: Sequence[Any]) -> Any:
    half = len(xs) // 2
    return reduce(operator.add, map(operator.mul, xs[:half], xs[half:]), 0.0)


def _logsumexp(xs: Sequence[float]) -> float:
    largest = max(xs)
    if largest - largest != 0.0:  # infinite: the differences below would be nan
        return largest
    return largest + math.log(_sum([math.exp(x - largest) for x in xs]))


def _logsumexp_array(xs: Sequence[Any]) -> Any:
    largest = reduce(maximum, xs)
    infinite = (largest - largest) != 0.0
    shift = where(infinite, 0.0, largest)
    return where(infinite, largest, shift + log(where(infinite, 1.0, _sum([exp(x - shift) for x in xs]))))


def _shares(weights: list[Any]) -> list[Any]:
    total = sum(weights)
    return [ratio(weight, total) for weight in weights]


def _lead(xs: Sequence[Any]) -> Any:
    """By how much the largest is larger than the second."""
    first, second = xs[0], -math.inf
    for x in xs[1:]:
        first, second = maximum(first, x), maximum(second, minimum(first, x))
    return first - second


sum: Primitive = row(
    "sum", _sum, _sum,
    rule=lambda xs, y: [1.0] * len(xs),
    symbol="Σ", domain=Domain("arguments must be numbers", lambda *xs: True, (ORDINARY,)),
    formula=("sum(xs)", "1 each"), doc="sum([x1, ..., xn])\n\nx1 + ... + xn as one node; 0 for an empty list.",
)  # fmt: skip

mean: Primitive = row(
    "mean", lambda xs: _sum(xs) / len(xs), lambda xs: _sum(xs) / len(xs),
    rule=lambda xs, y: [1.0 / len(xs)] * len(xs),
    domain=SOME, formula=("sum(xs) / n", "1/n each"), doc="mean([x1, ..., xn])\n\n(x1 + ... + xn) / n as one node.",
)  # fmt: skip

dot: Primitive = row(
    "dot", _dot, _dot,
    rule=lambda xs, y: [*xs[len(xs) // 2 :], *xs[: len(xs) // 2]],
    groups=2, symbol="dot", multiplies=True, domain=Domain("arguments must be numbers", lambda *xs: True, (ORDINARY,)),
    formula=("w1·x1 + ... + wn·xn", "the other factor"),
    doc="dot([w1, ..., wn], [x1, ..., xn])\n\nw1·x1 + ... + wn·xn as one node, added from left to right.",
)  # fmt: skip

logsumexp: Primitive = row(
    "logsumexp", _logsumexp, _logsumexp_array,
    rule=lambda xs, y: softmax(xs),
    domain=SOME, formula=("log(exp(x1) + ... + exp(xn)), shifted by the largest", "softmax(xs)"),
    doc="logsumexp([x1, ..., xn])\n\nlog(exp(x1) + ... + exp(xn)), computed so that it cannot overflow.",
)  # fmt: skip

largest: Primitive = row(
    "largest", lambda xs: reduce(maximum.scalar, xs), lambda xs: reduce(maximum, xs),
    rule=lambda xs, y: _shares([equal(x, y) for x in xs]),
    symbol="max", chooses=True, domain=SOME, public=False,
    kink=Kink(lambda *xs: _lead(xs), "an equal share each at a tie"),
    formula=("the largest of xs", "1 for the largest, else 0"),
)  # fmt: skip

_BUILT_IN.update(TABLE)


def softmax(xs: Iterable[Any]) -> list[Any]:
    """exp(x) / (exp(x1) + ... + exp(xn)) for each x: positive numbers that add up to 1.

    xs: n numbers or Values, often called logits; returns as many. From differences to the largest: no overflow.

    >>> [round(p, 3) for p in softmax([2.0, 1.0, 0.0])]
    [0.665, 0.245, 0.09]
    """
    xs = list(xs)
    if not xs:
        raise ValueError("softmax: needs at least one number, got an empty list")
    # Not exp(x - logsumexp(xs)): when the largest is 1e16 the logarithm rounds away what the others add. Softmax is the
    # same whatever is subtracted from every x, so nothing flows through the largest.
    shift = stop_gradient(largest(xs))
    weights = [exp(x - shift) for x in xs]
    total = sum(weights)
    return [weight / total for weight in weights]
