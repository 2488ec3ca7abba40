"""Every primitive once more, written for mpmath: what the table is held against. Nothing here reads the table's
values.
"""

import random

import mpmath

from autograd import TABLE

DIGITS = 50

# A user's own rows have no reference; each is tested where it is defined.
USER_DEFINED: set[str] = set()

# stop_gradient is the identity whose derivative is 0 by decree: no finite difference agrees, and none should.
DERIVATIVE_BY_DECREE = {"stop_gradient": [lambda x: mpmath.mpf(0)]}


def _logsumexp(*xs):
    return mpmath.log(mpmath.fsum(mpmath.exp(x) for x in xs))


def _dot(*xs):
    half = len(xs) // 2
    return mpmath.fsum(w * x for w, x in zip(xs[:half], xs[half:], strict=True))


REFERENCE = {
    "ratio": lambda x1, x2: x1 / x2,
    "power": lambda x1, x2: mpmath.exp(x2 * mpmath.log(x1)),
    "add": lambda x1, x2: x1 + x2,
    "sub": lambda x1, x2: x1 - x2,
    "mul": lambda x1, x2: x1 * x2,
    "div": lambda x1, x2: x1 / x2,
    "pow": lambda x1, x2: mpmath.exp(x2 * mpmath.log(x1)),
    "neg": lambda x: -x,
    "abs": lambda x: x if x > 0 else -x,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": lambda x: mpmath.log(1 + x),
    "expm1": lambda x: mpmath.exp(x) - 1,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "atan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "lowered": lambda x1, x2: mpmath.exp((x2 - 1) * mpmath.log(x1)),
    "lowered_twice": lambda x1, x2: mpmath.exp((x2 - 2) * mpmath.log(x1)),
    "hypot": lambda x1, x2: mpmath.sqrt(x1 * x1 + x2 * x2),
    "direction": lambda x1, x2: x1 / mpmath.sqrt(x1 * x1 + x2 * x2),
    "tanh_slope": lambda x: 1 / mpmath.cosh(x) ** 2,
    "sigmoid_slope": lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x)),
    "gelu_slope": lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x),
    "silu_slope": lambda x: (1 + x / (1 + mpmath.exp(x))) / (1 + mpmath.exp(-x)),
    "cbrt_slope": lambda x: 1 / (3 * mpmath.cbrt(abs(x)) ** 2),
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": mpmath.log10,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "xlogy": lambda x1, x2: x1 * mpmath.log(x2),
    "logsigmoid": lambda x: -mpmath.log(1 + mpmath.exp(-x)),
    "logaddexp": lambda x1, x2: mpmath.log(mpmath.exp(x1) + mpmath.exp(x2)),
    "clip": lambda x, low, high: min(max(x, low), high),
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "trunc": lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
    "round": mpmath.nint,
    "floordiv": lambda x1, x2: mpmath.floor(x1 / x2),
    "mod": lambda x1, x2: x1 - x2 * mpmath.floor(x1 / x2),
    "sinc": mpmath.sincpi,
    "j1": lambda x: mpmath.sin(x) / x**2 - mpmath.cos(x) / x if x else x,
    "j2": lambda x: (3 / x**2 - 1) * mpmath.sin(x) / x - 3 * mpmath.cos(x) / x**2 if x else x,
    "fraction": lambda x1, x2: x1 / (x1 + x2),
    "relu": lambda x: x if x > 0 else mpmath.mpf(0),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * (mpmath.exp(x) - 1),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "minimum": lambda x1, x2: x1 if x1 < x2 else x2,
    "maximum": lambda x1, x2: x1 if x1 > x2 else x2,
    "where": lambda condition, x1, x2: x1 if condition != 0 else x2,
    "sign": lambda x: mpmath.mpf((x > 0) - (x < 0)),
    "step": lambda x: mpmath.mpf(x > 0),
    "equal": lambda x1, x2: mpmath.mpf(x1 == x2),
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "sum": lambda *xs: mpmath.fsum(xs),
    "mean": lambda *xs: mpmath.fsum(xs) / len(xs),
    "dot": _dot,
    "logsumexp": _logsumexp,
    "largest": lambda *xs: max(xs),
}


def intervals(row):
    """One interval of ordinary arguments for each argument; variadic rows are tried with three numbers in each list."""
    count = 3 * row.groups if row.rule else row.arity
    samples = row.domain.samples
    return [samples[i] if i < len(samples) else samples[-1] for i in range(count)]


def points(row, count=6):
    """Points inside the domain and away from kinks, the same ones on every run."""
    rng = random.Random(row.name)
    found = []
    while len(found) < count:
        point = tuple(rng.uniform(low, high) for low, high in intervals(row))
        if row.kink is None or abs(row.kink.distance(*point)) > 0.05:
            found.append(point)
    return found


def call(row, args):
    """`row` at a flat list of arguments, as a user calls it: variadic rows take lists."""
    if row.rule is None:
        return row(*args)
    size = len(args) // row.groups
    return row(*(list(args[i * size : (i + 1) * size]) for i in range(row.groups)))


def exact(row, point):
    """The value at floats, to 50 digits."""
    with mpmath.workdps(DIGITS):
        return REFERENCE[row.name](*map(mpmath.mpf, point))


def exact_derivative(row, point, orders):
    """A partial derivative to many digits; `orders` says how often by each argument, as (1, 0)."""
    with mpmath.workdps(DIGITS):
        f = REFERENCE[row.name]
        if row.name in DERIVATIVE_BY_DECREE:
            return mpmath.mpf(0)
        point = tuple(map(mpmath.mpf, point))
        if len(point) == 1:
            return mpmath.diff(f, point[0], orders[0])
        return mpmath.diff(f, point, orders)


def unit(count, *which):
    """(0, 1, 0) for unit(3, 1); (1, 0, 1) for unit(3, 0, 2); (0, 2, 0) for unit(3, 1, 1)."""
    return tuple(which.count(i) for i in range(count))


ROWS = [row for name, row in TABLE.items() if name not in USER_DEFINED]
