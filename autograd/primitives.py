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

from autograd.primitive import _BUILT_IN, TABLE, Domain, Kink, Primitive, described
from autograd.primitive import primitive as row

# What users call, but for what hides a built-in function of Python: abs, pow, round and sum.
__all__ = [
    "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "clip", "cos", "cosh", "div",
    "dot", "elu", "equal", "erf", "erfc", "exp", "expm1", "floor", "floordiv", "gelu", "hypot", "leaky_relu", "log",
    "log10", "log1p", "log2", "logaddexp", "logsigmoid", "logsumexp", "maximum", "mean", "minimum", "mod", "mul",
    "neg", "relu", "sigmoid", "sign", "silu", "sin", "sinc", "sinh", "softmax", "softplus", "sqrt", "step",
    "stop_gradient", "sub", "tan", "tanh", "trunc", "where", "xlogy",
]  # fmt: skip

# ---------------------------------------------------------------- where things are defined

ORDINARY = (-3.0, 3.0)
POSITIVE = (0.05, 4.0)

TWO_NUMBERS = Domain("arguments must be numbers", lambda x1, x2: True, (ORDINARY, ORDINARY))
WIDE = Domain("argument must be a number", lambda x: True, ((-30.0, 30.0),))
FINITE = Domain("argument must be finite", lambda x: (x - x) == 0.0, ((-6.0, 6.0),))
SOME = Domain("needs at least one number", lambda *xs: len(xs) > 0, (ORDINARY,))


def _nonzero(x: Any) -> Any:
    # Not `x != 0`, which would hold for nan.
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

# The exponents of the first two slopes of x1 ** x2 are rounded where x2 has digits that x2 - 1 has no room for; that is
# the more wrong the further x1 is from 1. There, and where nothing overflows, the power is divided by x1 instead.


def _lowered(by: float) -> tuple[Any, Any]:
    """x1 ** (x2 - by), by 1 or 2, on floats and on arrays; 1 where a factor 0 follows, at x1 = 0."""

    def scalar(x1: float, x2: float) -> float:
        lower = x2 - by
        if x1 == 0.0:
            return 1.0 if x2 * (lower + 1.0) == 0.0 else _power(x1, lower)
        if lower + by != x2:
            y = _power(x1, x2)
            if 1e-250 < math.fabs(y) < 1e250:
                return y / x1 if by == 1.0 else y / x1 / x1
        return _power(x1, lower)

    def array(x1: Any, x2: Any) -> Any:
        lower = x2 - by
        safe = where(_nonzero(x1), x1, 1.0)
        y = power(x1, x2)
        quotient = y / safe if by == 1.0 else y / safe / safe
        usable = where(abs(y) < 1e250, abs(y) > 1e-250, 0.0)
        divided = where(_nonzero(x1), where(usable, quotient, power(x1, lower)), power(x1, lower))
        flat = where(_nonzero(x1), lower, where(_nonzero(x2 * (lower + 1.0)), lower, 0.0))
        return where(_nonzero(lower + by - x2), divided, power(x1, flat))

    return scalar, array


AWAY_FROM_0 = Domain(
    "must have a real result", _pow_contains, ((0.5, 4.0), ORDINARY), "Take abs(base) or maximum(base, tiny) first."
)

lowered: Primitive = row(
    "lowered", *_lowered(1.0),
    lambda x1, x2, y: (x2 - 1.0) * lowered_twice(x1, x2),
    lambda x1, x2, y: y * log(where(_nonzero(x1), x1, 1.0)),
    symbol="**", multiplies=True, public=False, domain=AWAY_FROM_0,
    formula=("x1 ** (x2 - 1)", "(x2 - 1) · x1**(x2 - 2)", "y · log(x1)"),
)  # fmt: skip

lowered_twice: Primitive = row(
    "lowered_twice", *_lowered(2.0),
    lambda x1, x2, y: (x2 - 2.0) * power(x1, where(_nonzero(x2 - 2.0), x2 - 3.0, 0.0)),
    lambda x1, x2, y: y * log(where(_nonzero(x1), x1, 1.0)),
    symbol="**", multiplies=True, public=False, domain=AWAY_FROM_0,
    formula=("x1 ** (x2 - 2)", "(x2 - 2) · x1**(x2 - 3)", "y · log(x1)"),
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
    lambda x1, x2, y: x2 * lowered(x1, x2),
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

LOG2_E, LOG10_E = 1.0 / math.log(2.0), 1.0 / math.log(10.0)

log2: Primitive = row(
    "log2",
    math.log2,
    "log2",
    lambda x, y: LOG2_E / x,
    domain=log.domain,
    formula=("log(x) to base 2", "1 / (x · log(2))"),
)

log10: Primitive = row(
    "log10", math.log10, "log10",
    lambda x, y: LOG10_E / x,
    domain=log.domain, formula=("log(x) to base 10", "1 / (x · log(10))"),
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

cbrt: Primitive = row(
    "cbrt", math.cbrt, "cbrt",
    lambda x, y: cbrt_slope(x),
    symbol="∛", domain=Domain("argument must be a number", lambda x: True, (POSITIVE,)), formula=("∛x", "1 / (3y²)"),
)  # fmt: skip


def _cbrt_slope(x: Any) -> Any:
    y = cbrt(x)
    return ratio(1.0, 3.0 * (y * y))


cbrt_slope: Primitive = row(
    "cbrt_slope", _cbrt_slope, _cbrt_slope,
    lambda x, y: -2.0 * (y / (3.0 * x)),
    public=False, symbol="∛'", domain=Domain("argument must be a number", lambda x: True, ((0.5, 4.0),)),
    formula=("1 / (3 · ∛x²)", "-2 · y / (3x)"),
)  # fmt: skip


def _xlogy(x1: float, x2: float) -> float:
    return x1 if x1 == 0.0 and x2 == 0.0 else x1 * math.log(x2)


def _xlogy_array(x1: Any, x2: Any) -> Any:
    product = x1 * log(where(x2 > 0.0, x2, 1.0))
    at_0 = where(x2 >= 0.0, where(_nonzero(x1), math.nan, x1), math.nan)
    return where(x2 > 0.0, product, at_0)


xlogy: Primitive = row(
    "xlogy", _xlogy, _xlogy_array,
    lambda x1, x2, y: log(x2),
    lambda x1, x2, y: x1 / x2,
    multiplies=True,
    domain=Domain(
        "the second argument must be > 0, or the first one 0",
        lambda x1, x2: (x2 > 0.0) | ((x1 == 0.0) & (x2 >= 0.0)), (ORDINARY, POSITIVE),
        "Keep the second argument above 0 with maximum(x, tiny).",
    ),
    formula=("x1 · log(x2), and 0 where x1 is 0", "log(x2)", "x1 / x2"),
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


def _one_minus_square(x: Any) -> Any:
    """1 - x², in the form whose slope does not cancel: near 0, or near 1."""
    near = abs(x) < 0.5
    return where(near, 1.0 - x * x, (1.0 - x) * (1.0 + x))


asin: Primitive = row(
    "asin", math.asin, "arcsin",
    lambda x, y: ratio(1.0, sqrt(_one_minus_square(x))),
    domain=UNIT_INTERVAL, formula=("asin(x)", "1 / √(1 - x²)"),
)  # fmt: skip

acos: Primitive = row(
    "acos", math.acos, "arccos",
    lambda x, y: ratio(-1.0, sqrt(_one_minus_square(x))),
    domain=UNIT_INTERVAL, formula=("acos(x)", "-1 / √(1 - x²)"),
)  # fmt: skip

atan: Primitive = row(
    "atan", math.atan, "arctan", lambda x, y: _square(1.0 / hypot(1.0, x)), formula=("atan(x)", "1 / (1 + x²)")
)


def _square(x: Any) -> Any:
    return x * x


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


def _hypot(x1: Any, x2: Any) -> Any:
    larger, smaller = maximum(abs(x1), abs(x2)), minimum(abs(x1), abs(x2))
    quotient = where(larger < math.inf, smaller / where(_nonzero(larger), larger, 1.0), 0.0)
    return larger * sqrt(1.0 + quotient * quotient)


hypot: Primitive = row(
    "hypot", _hypot, _hypot,
    lambda x1, x2, y: direction(x1, x2),
    lambda x1, x2, y: direction(x2, x1),
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, POSITIVE)),
    formula=("√(x1² + x2²), without overflow", "x1 / y", "x2 / y"),
)  # fmt: skip


def _direction(x1: Any, x2: Any) -> Any:
    return x1 / hypot(x1, x2)


direction: Primitive = row(
    "direction", _direction, _direction,
    lambda x1, x2, y: _square(direction(x2, x1)) / hypot(x1, x2),
    lambda x1, x2, y: -y * direction(x2, x1) / hypot(x1, x2),
    multiplies=True, public=False,
    domain=Domain(
        "the origin has no direction", lambda x1, x2: (x1 != 0.0) | (x2 != 0.0), (ORDINARY, POSITIVE),
        "Keep away from the origin, where hypot has no slope.",
    ),
    formula=("x1 / √(x1² + x2²)", "x2² / √(x1² + x2²)³", "-x1 · x2 / √(x1² + x2²)³"),
)  # fmt: skip

sinh: Primitive = row("sinh", math.sinh, "sinh", lambda x, y: cosh(x), overflows=True, formula=("sinh(x)", "cosh(x)"))

cosh: Primitive = row("cosh", math.cosh, "cosh", lambda x, y: sinh(x), overflows=True, formula=("cosh(x)", "sinh(x)"))

# 1 - y² cancels where tanh is flat. The slope is a row of its own, because its slope in turn would cancel near 0 if it
# were taken from the formula.

tanh: Primitive = row("tanh", math.tanh, "tanh", lambda x, y: tanh_slope(x), formula=("tanh(x)", "1 - y²"))


def _tanh_slope(x: Any) -> Any:
    e = exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


tanh_slope: Primitive = row(
    "tanh_slope", _tanh_slope, _tanh_slope,
    lambda x, y: -2.0 * tanh(x) * y,
    public=False, symbol="1 - tanh²", formula=("1 - tanh(x)², as 4e / (1 + e)², e = exp(-2|x|)", "-2 · tanh(x) · y"),
)  # fmt: skip

asinh: Primitive = row(
    "asinh", math.asinh, "arcsinh", lambda x, y: 1.0 / hypot(1.0, x), formula=("asinh(x)", "1 / √(1 + x²)")
)

acosh: Primitive = row(
    "acosh", math.acosh, "arccosh",
    lambda x, y: ratio(1.0, sqrt(x - 1.0) * sqrt(x + 1.0)),
    domain=Domain(
        "argument must be >= 1", lambda x: x >= 1.0, ((1.1, 5.0),), "Take maximum(x, 1) first if rounding made it less."
    ),
    formula=("acosh(x)", "1 / √(x² - 1)"),
)  # fmt: skip

atanh: Primitive = row(
    "atanh", math.atanh, "arctanh",
    lambda x, y: 1.0 / _one_minus_square(x),
    domain=Domain("argument must lie between -1 and 1", lambda x: (x > -1.0) & (x < 1.0), ((-0.95, 0.95),),
        "Keep it inside first, as in clip(x, -0.999, 0.999).",
    ),
    formula=("atanh(x)", "1 / (1 - x²)"),
)  # fmt: skip

# ---------------------------------------------------------------- activations


def _sigmoid(x: float) -> float:
    e = math.exp(-math.fabs(x))
    return (1.0 if x > 0.0 else e) / (1.0 + e)


def _sigmoid_array(x: Any) -> Any:
    e = exp(-abs(x))
    return where(x > 0.0, 1.0, e) / (1.0 + e)


# y · (1 - y) cancels where sigmoid is flat. A row of its own, as the slope of tanh.

sigmoid: Primitive = row(
    "sigmoid", _sigmoid, _sigmoid_array,
    lambda x, y: sigmoid_slope(x),
    symbol="σ", domain=WIDE, formula=("1 / (1 + exp(-x)), with exp of a negative number only", "y · (1 - y)"),
)  # fmt: skip


def _sigmoid_slope(x: Any) -> Any:
    e = exp(-abs(x))
    return e / ((1.0 + e) * (1.0 + e))


sigmoid_slope: Primitive = row(
    "sigmoid_slope", _sigmoid_slope, _sigmoid_slope,
    lambda x, y: -tanh(0.5 * x) * y,
    public=False, symbol="σ'", formula=("σ · (1 - σ), as e / (1 + e)², e = exp(-|x|)", "-tanh(x / 2) · y"),
)  # fmt: skip

softplus: Primitive = row(
    "softplus",
    lambda x: (x if x > 0.0 else 0.0) + math.log1p(math.exp(-math.fabs(x))),
    lambda x: maximum(x, 0.0) + log1p(exp(-abs(x))),
    lambda x, y: sigmoid(x),
    domain=WIDE, formula=("log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|))", "sigmoid(x)"),
)  # fmt: skip

logsigmoid: Primitive = row(
    "logsigmoid", lambda x: -softplus.scalar(-x), lambda x: -softplus(-x),
    lambda x, y: sigmoid(-x),
    symbol="log σ", domain=WIDE, formula=("log(sigmoid(x)), as -softplus(-x)", "sigmoid(-x)"),
)  # fmt: skip


def _logaddexp(x1: Any, x2: Any) -> Any:
    apart = where(x1 < x2, x2 - x1, where(x1 > x2, x1 - x2, 0.0))
    return maximum(x1, x2) + log1p(exp(-apart))


logaddexp: Primitive = row(
    "logaddexp", _logaddexp, _logaddexp,
    lambda x1, x2, y: sigmoid(x1 - x2),
    lambda x1, x2, y: sigmoid(x2 - x1),
    domain=TWO_NUMBERS, formula=("log(exp(x1) + exp(x2)), without overflow", "sigmoid(x1 - x2)", "sigmoid(x2 - x1)"),
)  # fmt: skip

relu: Primitive = row(
    "relu", lambda x: 0.0 if x <= 0.0 else x, lambda x: where(x <= 0.0, 0.0, x),
    lambda x, y: step(x),
    symbol="ReLU", chooses=True,
    kink=Kink(lambda x: x, "0 at x = 0, as PyTorch and JAX"), formula=("max(x, 0)", "step(x)"),
)  # fmt: skip

leaky_relu: Primitive = row(
    "leaky_relu", lambda x, slope: x if x > 0.0 else slope * x, lambda x, slope: where(x > 0.0, x, slope * x),
    lambda x, slope, y: where(x > 0.0, 1.0, where(x <= 0.0, slope, math.nan)),
    lambda x, slope, y: minimum(x, 0.0),
    symbol="leaky ReLU", chooses=True,
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, (0.01, 0.5))),
    kink=Kink(lambda x, slope: x, "slope at x = 0, as PyTorch; JAX takes 1"), defaults={"slope": 0.01},
    formula=("x if x > 0, else slope · x (slope 0.01)", "1 or slope", "min(x, 0)"),
)  # fmt: skip

elu: Primitive = row(
    "elu", lambda x, alpha: x if x > 0.0 else alpha * math.expm1(x),
    lambda x, alpha: where(x > 0.0, x, alpha * expm1(minimum(x, 0.0))),
    lambda x, alpha, y: where(x > 0.0, 1.0, alpha * exp(minimum(x, 0.0))),
    lambda x, alpha, y: expm1(minimum(x, 0.0)),
    symbol="ELU", chooses=True,
    domain=Domain("arguments must be numbers", TWO_NUMBERS.contains, (ORDINARY, (0.5, 2.0))),
    kink=Kink(lambda x, alpha: x, "alpha at x = 0, as PyTorch; smooth when alpha is 1"), defaults={"alpha": 1.0},
    formula=("x if x > 0, else alpha · (exp(x) - 1) (alpha 1)", "1 or alpha · exp(x)", "exp(min(x, 0)) - 1"),
)  # fmt: skip

SQRT_HALF = math.sqrt(0.5)
NORMAL_PEAK = 1.0 / math.sqrt(2.0 * math.pi)

# erfc rather than 1 + erf: for x far below 0 the sum would cancel to nothing. Here and in silu, the slope is a row of
# its own whose slope has a factor twice at half the exponent: all of it at once would leave the range of normal floats.


def _gelu_slope(x: Any) -> Any:
    return 0.5 * erfc(-SQRT_HALF * x) + x * NORMAL_PEAK * exp(-0.5 * x * x)


def _between(half: Any, factor: Any) -> Any:
    return half * factor * half


gelu: Primitive = row(
    "gelu", lambda x: 0.5 * x * math.erfc(-SQRT_HALF * x), lambda x: 0.5 * x * erfc(-SQRT_HALF * x),
    lambda x, y: gelu_slope(x),
    symbol="GELU", formula=("x · Φ(x), Φ the normal distribution function", "Φ(x) + x · φ(x)"),
)  # fmt: skip

gelu_slope: Primitive = row(
    "gelu_slope", _gelu_slope, _gelu_slope,
    lambda x, y: _between(exp(-0.25 * x * x), NORMAL_PEAK * (2.0 - _square(minimum(abs(x), 1e150)))),
    public=False, symbol="GELU'", formula=("Φ(x) + x · φ(x)", "φ(x) · (2 - x²)"),
)  # fmt: skip


def _times_sigmoid(factor: Any, x: Any) -> Any:
    """factor · sigmoid(x). Where that is small, a factor in between keeps both from vanishing on their own."""
    e = exp(0.5 * minimum(x, 0.0))
    return where(x > -600.0, factor * sigmoid(x), factor * e * e)


silu: Primitive = row(
    "silu", lambda x: _times_sigmoid(x, x), lambda x: _times_sigmoid(x, x),
    lambda x, y: silu_slope(x),
    symbol="SiLU", formula=("x · sigmoid(x)", "s · (1 + x · (1 - s)), s = sigmoid(x)"),
)  # fmt: skip


def _silu_slope(x: Any) -> Any:
    return _times_sigmoid(1.0 + x * sigmoid(-x), x)


silu_slope: Primitive = row(
    "silu_slope", _silu_slope, _silu_slope,
    lambda x, y: _between(exp(-0.5 * abs(x)) / (1.0 + exp(-abs(x))), 2.0 - x * tanh(0.5 * x)),
    public=False, symbol="SiLU'",
    formula=("s · (1 + x · (1 - s)), s = sigmoid(x)", "s · (1 - s) · (2 - x · tanh(x / 2))"),
)  # fmt: skip

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)

erf: Primitive = row(
    "erf", math.erf, None, lambda x, y: TWO_OVER_SQRT_PI * exp(-x * x), formula=("erf(x)", "2/√π · exp(-x²)")
)

erfc: Primitive = row(
    "erfc", math.erfc, None, lambda x, y: -TWO_OVER_SQRT_PI * exp(-x * x), formula=("1 - erf(x)", "-2/√π · exp(-x²)")
)

# ---------------------------------------------------------------- choices


def _share(wins: Any, loses: Any, x1: Any, x2: Any) -> Any:
    """1, 0 or at a tie one half; nan where the two cannot be compared."""
    return where(wins, 1.0, where(loses, 0.0, where(x1 <= x2, 0.5, math.nan)))


minimum: Primitive = row(
    "minimum", lambda x1, x2: x1 if x1 <= x2 or x1 != x1 else x2, "minimum",
    lambda x1, x2, y: _share(x1 < x2, x1 > x2, x1, x2),
    lambda x1, x2, y: _share(x1 > x2, x1 < x2, x1, x2),
    symbol="min", chooses=True,
    domain=TWO_NUMBERS, kink=Kink(lambda x1, x2: x1 - x2, "half each at a tie, as PyTorch and JAX"),
    formula=("the smaller of x1 and x2", "1 if x1 < x2, ½ at a tie, else 0", "1 if x2 < x1, ½ at a tie, else 0"),
)  # fmt: skip

maximum: Primitive = row(
    "maximum", lambda x1, x2: x1 if x1 >= x2 or x1 != x1 else x2, "maximum",
    lambda x1, x2, y: _share(x1 > x2, x1 < x2, x1, x2),
    lambda x1, x2, y: _share(x1 < x2, x1 > x2, x1, x2),
    symbol="max", chooses=True,
    domain=TWO_NUMBERS, kink=Kink(lambda x1, x2: x1 - x2, "half each at a tie, as PyTorch and JAX"),
    formula=("the larger of x1 and x2", "1 if x1 > x2, ½ at a tie, else 0", "1 if x2 > x1, ½ at a tie, else 0"),
)  # fmt: skip


def _clip(x: Any, low: Any, high: Any) -> Any:
    return where(low > high, math.nan, minimum(maximum(x, low), high))


clip: Primitive = row(
    "clip", _clip, _clip,
    lambda x, low, high, y: where(x < low, 0.0, where(x > high, 0.0, where(x <= high, 1.0, math.nan))),
    lambda x, low, high, y: where(x < low, 1.0, where(x >= low, 0.0, math.nan)),
    lambda x, low, high, y: where(x > high, 1.0, where(x <= high, 0.0, math.nan)),
    chooses=True,
    domain=Domain(
        "the lower bound must not be above the upper one", lambda x, low, high: low <= high,
        (ORDINARY, (-2.0, -0.5), (0.5, 2.0)), "Call it as clip(x, low, high).",
    ),
    kink=Kink(lambda x, low, high: minimum(abs(x - low), abs(high - x)), "1 for x at a bound, as PyTorch"),
    formula=("x, at least low and at most high", "1 from low to high, else 0", "1 below low, else 0",
             "1 above high, else 0"),
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

# ---------------------------------------------------------------- whole numbers


def _to_whole(f: Any) -> Any:
    """A function to whole numbers on floats: infinities stay, and so does the sign of what becomes 0."""

    def rounded(x: float) -> float:
        return math.copysign(float(f(x)), x) if x - x == 0.0 else x

    return rounded


def _flat(name: str, f: Any, array: str, where_it_jumps: Any, words: str, symbol: str) -> Primitive:
    kink = Kink(where_it_jumps, "0 everywhere, at the jumps too")
    return row(name, _to_whole(f), array, 0.0, kink=kink, symbol=symbol, formula=(words, "0"))


_to_nearest = round
floor: Primitive = _flat("floor", math.floor, "floor", lambda x: x - round(x), "the whole number at or below x", "⌊⌋")
ceil: Primitive = _flat("ceil", math.ceil, "ceil", lambda x: x - round(x), "the whole number at or above x", "⌈⌉")
trunc: Primitive = _flat("trunc", math.trunc, "trunc", lambda x: x - round(x), "x without its fraction", "trunc")
round: Primitive = _flat(
    "round", _to_nearest, "rint", lambda x: x - 0.5 - round(x - 0.5),
    "the nearest whole number, an even one at a tie", "round",
)  # fmt: skip

floordiv: Primitive = row(
    "floordiv", operator.floordiv, "floor_divide", 0.0, 0.0,
    symbol="//", multiplies=True, domain=div.domain,
    kink=Kink(lambda x1, x2: x1 - x2 * round(x1 / x2), "0 everywhere, at the jumps too"),
    formula=("⌊x1 / x2⌋", "0", "0"),
)  # fmt: skip

mod: Primitive = row(
    "mod", operator.mod, "remainder",
    1.0,
    lambda x1, x2, y: -floordiv(x1, x2),
    symbol="%", multiplies=True, domain=div.domain,
    kink=Kink(lambda x1, x2: x1 - x2 * round(x1 / x2), "the slope beside the jump"),
    formula=("x1 - x2 · ⌊x1 / x2⌋, of the sign of x2", "1", "-⌊x1 / x2⌋"),
)  # fmt: skip

# sinc is the spherical Bessel function j0 of πx. Near 0, j1 and j2 are taken from their series (Abramowitz and Stegun
# 10.1.2), and slopes are made of the two so that nothing cancels: j1' = (j0 - 2 j2) / 3. A slope near 0 is a series,
# too: its derivatives of any order are right.


def _series(z: Any, order: int, terms: int) -> Any:
    found: Any = 1.0
    for k in range(terms, 0, -1):
        found = 1.0 - z * z / (2.0 * k * (2.0 * (order + k) + 1.0)) * found
    return found


def _j0(z: Any) -> Any:
    near = abs(z) < 2.0
    small, large = where(near, z, 0.0), where(near, 2.0, z)
    return where(near, _series(small, 0, 14), sin(large) / large)


def _j1(z: Any) -> Any:
    near = abs(z) < 2.0
    small, large = where(near, z, 0.0), where(near, 2.0, z)
    return where(near, small / 3.0 * _series(small, 1, 14), (sin(large) / large - cos(large)) / large)


def _j2(z: Any) -> Any:
    near = abs(z) < 3.0
    small, large = where(near, z, 0.0), where(near, 3.0, z)
    return where(near, small * small / 15.0 * _series(small, 2, 14), 3.0 * (_j1(large) / large) - _j0(large))


def _j2_slope(z: Any, y: Any) -> Any:
    near = abs(z) < 3.0
    small, large = where(near, z, 0.0), where(near, 3.0, z)
    series = small * (_series(small, 1, 14) / 3.0 - _series(small, 2, 14) / 5.0)
    return where(near, series, j1(large) - 3.0 * y / large)


j1: Primitive = row(
    "j1", _j1, _j1,
    lambda x, y: (_j0(x) - 2.0 * j2(x)) / 3.0,
    public=False, symbol="j₁", domain=FINITE, formula=("sin(x) / x² - cos(x) / x", "(sin(x) / x - 2 · j₂(x)) / 3"),
)  # fmt: skip

j2: Primitive = row(
    "j2", _j2, _j2,
    lambda x, y: _j2_slope(x, y),
    public=False, symbol="j₂", domain=FINITE, formula=("3 · j₁(x) / x - sin(x) / x", "j₁(x) - 3 · y / x"),
)  # fmt: skip


def _turned(f: Primitive, x: Any) -> Any:
    """sin or cos of πx, of what x is beyond the nearest whole number: that is exact, and a multiple of π is not."""
    n = round(x)
    return (1.0 - 2.0 * mod(n, 2.0)) * f(math.pi * (x - n))


def _sinc(x: Any) -> Any:
    # x / 2 and 2π rather than x and π, which would overflow.
    halved = where(_nonzero(x), 0.5 * x, 1.0)
    return where(_nonzero(x), _turned(sin, x) / (2.0 * math.pi) / halved, 1.0 + x)


def _sinc_slope(x: Any, y: Any) -> Any:
    near = abs(x) < 1.0
    return where(near, -math.pi * j1(math.pi * where(near, x, 0.0)), (_turned(cos, x) - y) / where(near, 1.0, x))


sinc: Primitive = row(
    "sinc", _sinc, _sinc,
    _sinc_slope,
    domain=FINITE, formula=("sin(πx) / (πx), and 1 at 0", "(cos(πx) - y) / x"),
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


# With the largest taken out of it, the sum does not hide small others behind a 1.


def _logsumexp(xs: Sequence[float]) -> float:
    largest = max(xs)
    if largest - largest != 0.0:  # infinite: the differences below would be nan
        return largest
    place = xs.index(largest)
    return largest + math.log1p(_sum([math.exp(x - largest) for i, x in enumerate(xs) if i != place]))


def _logsumexp_array(xs: Sequence[Any]) -> Any:
    largest = reduce(maximum, xs)
    infinite = (largest - largest) != 0.0
    shift = where(infinite, 0.0, largest)
    ties = _sum([equal(x, largest) for x in xs]) - 1.0
    below = [where(infinite, 0.0, x - shift) for x in xs]
    rest = ties + _sum([where(d < 0.0, exp(minimum(d, 0.0)), 0.0) for d in below])
    return where(infinite, largest, shift + log1p(where(infinite, 0.0, rest)))


def _shares(weights: list[Any]) -> list[Any]:
    total = sum(weights)
    return [ratio(weight, total) for weight in weights]


def _softmax_of(xs: Sequence[Any], y: Any) -> list[Any]:
    if not all(type(x) is float for x in xs):
        return softmax(xs)
    largest = max(xs)
    weights = [math.exp(x - largest) for x in xs]
    return [weight / (weight + rest) for weight, rest in zip(weights, _sums_of_others(weights), strict=True)]


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
    rule=_softmax_of,
    domain=SOME, formula=("log(exp(x1) + ... + exp(xn)), shifted by the largest", "softmax(xs)"),
    doc="logsumexp([x1, ..., xn])\n\nlog(exp(x1) + ... + exp(xn)), computed so that it cannot overflow.",
)  # fmt: skip

largest: Primitive = row(
    "largest", lambda xs: reduce(maximum.scalar, xs), lambda xs: reduce(maximum, xs),
    rule=lambda xs, y: _shares([equal(x, y) for x in xs]),
    symbol="max", chooses=True, domain=SOME, public=False,
    kink=Kink(lambda *xs: _lead(xs), "an equal share each at a tie"),
    formula=("the largest of xs", "1 for the largest, an equal share at a tie, else 0"),
)  # fmt: skip

_BUILT_IN.update(TABLE)


def softmax(xs: Iterable[Any]) -> list[Any]:
    """exp(x) / (exp(x1) + ... + exp(xn)) for each x: positive numbers that add up to 1.

    xs: n numbers or Values, often called logits; returns as many. From differences to the largest: no overflow.

    >>> [f"{p:.3f}" for p in softmax([2.0, 1.0, 0.0])]
    ['0.665', '0.245', '0.090']
    """
    xs = list(xs)
    if not xs:
        raise ValueError("softmax: needs at least one number, got an empty list")
    # Not exp(x - logsumexp(xs)): when the largest is 1e16 the logarithm rounds away what the others add. Softmax is the
    # same whatever is subtracted from every x, so nothing flows through the largest.
    shift = stop_gradient(largest(xs))
    weights = [exp(sub(x, shift)) for x in xs]  # a row, which says what is wrong with inf - inf
    return [fraction(weight, rest) for weight, rest in zip(weights, _sums_of_others(weights), strict=True)]


# As weight / total, the slope p · (1 - p) would cancel where p is nearly 1; with the others kept apart, it does not.

fraction: Primitive = row(
    "fraction", lambda x1, x2: x1 / (x1 + x2), lambda x1, x2: x1 / (x1 + x2),
    lambda x1, x2, y: x2 / (x1 + x2) / (x1 + x2),
    lambda x1, x2, y: -y / (x1 + x2),
    public=False, symbol="x₁ / (x₁ + x₂)", domain=Domain(
        "the sum must not be 0", lambda x1, x2: x1 + x2 != 0.0, (POSITIVE, POSITIVE), "Give positive numbers.",
    ), formula=("x1 / (x1 + x2)", "x2 / (x1 + x2)²", "-x1 / (x1 + x2)²"),
)  # fmt: skip
_BUILT_IN.add("fraction")


FEW = 8


def _sums_of_others(xs: list[Any]) -> list[Any]:
    """For each of n numbers the sum of all others, in about n · √n additions: first within blocks, then of blocks.

    As products with 0 or 1, so that programs make a product of matrices of them.
    """
    size = max(math.isqrt(len(xs)), FEW)
    blocks = [xs[i : i + size] for i in range(0, len(xs), size)]
    sums = [sum(block) for block in blocks] if len(blocks) > 1 else []
    found = []
    for k, block in enumerate(blocks):
        terms = [*block, sum(sums[:k] + sums[k + 1 :])] if len(blocks) > 1 else block
        factors = [1.0] * len(terms)
        for i in range(len(block)):
            found.append(dot([*factors[:i], 0.0, *factors[i + 1 :]], terms))
    return found


for _row in TABLE.values():  # now that all of them are there
    _row.__doc__ = described(_row)
