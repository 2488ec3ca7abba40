"""Accuracy: values, slopes and slopes of slopes to 8 units in the last place, over all magnitudes that floats have.

The judge is mpmath, with the derivatives that a textbook gives, in hundreds of digits. An argument is itself only known
to one unit in its last place: what that does to the result is allowed for, and nothing else.
"""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from reference import REFERENCE

import autograd
from autograd import TABLE, DomainError, Value, derivative, grad, trace

ULPS = 8
SIZES = [
    5e-324, 1.3e-320, 1.3e-310, 2.3e-308, 1.3e-300, 1e-200, 1.3e-160, 1e-100, 1e-20, 1.7e-16, 1e-10, 1e-8, 1.3e-5,
    1e-3, 0.013, 0.13, 0.3, 0.5, 0.55, 0.7, 0.9, 0.99, 1.0, 1.2, 1.5, 2.0, 2.86, 3.3, 5.0, 7.5, 10.0, 15.0, 19.0,
    25.0, 30.0, 36.5, 38.0, 40.0, 80.0, 300.0, 600.0, 700.0, 709.0, 720.0, 744.0, 745.1, 1e3, 1e5, 1e8, 1.3e15,
    1e16, 1e20, 1e100, 1.3e155, 1e200, 1e300, 1.7e308,
]  # fmt: skip
EDGES = [1.0 - 2.0**-53, 1.0 - 1e-10, 1.0 + 2.0**-52, 1.0 + 1e-10]
POINTS = [sign * x for x in [*SIZES, *EDGES] for sign in (1.0, -1.0)]


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def hill(x):
    return sigmoid(x) * sigmoid(-x)


def normal(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def bell(x):
    return 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)


def sinc_slope(x):
    return (mpmath.cospi(x) - mpmath.sincpi(x)) / x


DERIVATIVES = {
    "exp": (mpmath.exp, mpmath.exp),
    "expm1": (mpmath.exp, mpmath.exp),
    "log": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log1p": (lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "log2": (lambda x: 1 / (x * mpmath.log(2)), lambda x: -1 / (x**2 * mpmath.log(2))),
    "log10": (lambda x: 1 / (x * mpmath.log(10)), lambda x: -1 / (x**2 * mpmath.log(10))),
    "sqrt": (lambda x: 1 / (2 * mpmath.sqrt(x)), lambda x: -1 / (4 * x * mpmath.sqrt(x))),
    "cbrt": (
        lambda x: 1 / (3 * mpmath.cbrt(abs(x)) ** 2), lambda x: -2 / (9 * x * mpmath.cbrt(abs(x)) ** 2),
    ),
    "sin": (mpmath.cos, lambda x: -mpmath.sin(x)),
    "cos": (lambda x: -mpmath.sin(x), lambda x: -mpmath.cos(x)),
    "tan": (lambda x: 1 + mpmath.tan(x) ** 2, lambda x: 2 * mpmath.tan(x) * (1 + mpmath.tan(x) ** 2)),
    "asin": (lambda x: 1 / mpmath.sqrt(1 - x * x), lambda x: x / mpmath.sqrt(1 - x * x) ** 3),
    "acos": (lambda x: -1 / mpmath.sqrt(1 - x * x), lambda x: -x / mpmath.sqrt(1 - x * x) ** 3),
    "atan": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "sinh": (mpmath.cosh, mpmath.sinh),
    "cosh": (mpmath.sinh, mpmath.cosh),
    "tanh": (lambda x: mpmath.sech(x) ** 2, lambda x: -2 * mpmath.tanh(x) * mpmath.sech(x) ** 2),
    "asinh": (lambda x: 1 / mpmath.sqrt(1 + x * x), lambda x: -x / mpmath.sqrt(1 + x * x) ** 3),
    "acosh": (lambda x: 1 / mpmath.sqrt(x * x - 1), lambda x: -x / mpmath.sqrt(x * x - 1) ** 3),
    "atanh": (lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
    "sigmoid": (hill, lambda x: -hill(x) * mpmath.tanh(x / 2)),
    "softplus": (sigmoid, hill),
    "logsigmoid": (lambda x: sigmoid(-x), lambda x: -hill(x)),
    "silu": (
        lambda x: sigmoid(x) * (1 + x * sigmoid(-x)), lambda x: hill(x) * (2 - x * mpmath.tanh(x / 2)),
    ),
    "gelu": (lambda x: mpmath.ncdf(x) + x * normal(x), lambda x: normal(x) * (2 - x * x)),
    "erf": (bell, lambda x: -2 * x * bell(x)),
    "erfc": (lambda x: -bell(x), lambda x: 2 * x * bell(x)),
    "sinc": (
        sinc_slope, lambda x: -(mpmath.pi**2) * mpmath.sincpi(x) - 2 * sinc_slope(x) / x,
    ),
}  # fmt: skip
INFINITE_SLOPES = dict.fromkeys(("asin", "acos", "acosh"), (1.0, -1.0))
SIMPLE = {"neg", "abs", "relu", "sign", "step", "stop_gradient", "floor", "ceil", "trunc", "round"}
ROWS = [row for row in TABLE.values() if row.rule is None and row.arity == 1 and row.public and row.name in REFERENCE]


def test_every_row_of_one_argument_has_its_derivatives_here():
    assert {row.name for row in ROWS} == DERIVATIVES.keys() | SIMPLE


def digits(name, x):
    """Enough for a difference of numbers as far apart as these to be right to 30 digits."""
    if abs(x) > 1.0 and name not in ("log", "log2", "log10", "sqrt", "cbrt"):
        return 700 if abs(x) < 1e4 else 1400
    return 60 if abs(x) >= 1e-8 else 1400


def error(got, f, point, of=0):
    """How many units in the last place `got` is away from f(*point), beyond what a unit of an argument changes."""
    exact = f(*map(mpf, point))
    unit = mpf(math.ulp(float(exact))) if abs(exact) < mpf(2) ** 1023 else mpf(2) ** 971
    allowed = mpf(0)
    for i, x in enumerate(point):
        step = abs(mpf(x)) * mpf(2) ** -60
        if step:
            moved = [mpf(a) for a in point]
            moved[i] += step
            allowed += abs(f(*moved) - exact) / step * mpf(x).__abs__() * mpf(2) ** -52
    if abs(exact) > mpf("1.79e308"):
        return 0.0 if math.isinf(got) or abs(got) > 1.79e308 else math.inf
    if not math.isfinite(got):
        return math.inf
    return float(max(abs(mpf(got) - exact) - allowed, mpf(0)) / unit)


def too_far(name, x):
    return (name in ("erf", "erfc", "gelu") and abs(x) > 40.0) or (
        name in ("exp", "expm1", "sinh", "cosh") and abs(x) > 1e3
    )


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_values_slopes_and_slopes_of_slopes(name):
    row, judges = TABLE[name], (REFERENCE[name], *DERIVATIVES[name])
    wrong = []
    for x in POINTS:
        if too_far(name, x) or not row.domain.contains(x) or x in INFINITE_SLOPES.get(name, ()):
            continue
        found = []
        try:
            v = Value(x)
            found.append(row(v).data)
            slope = grad(row(v), v, create_graph=True)
            found += [slope.data, grad(slope, v)]
        except DomainError as problem:
            if "too large for a float" not in str(problem):
                raise
        with mpmath.workdps(digits(name, x)):
            off = [error(got, judge, (x,)) for got, judge in zip(found, judges, strict=False)]
        wrong += [(order, x, ulps, found[order]) for order, ulps in enumerate(off) if ulps > ULPS]
    assert not wrong


PAIRS = {
    "pow": (
        [(1e-300, 0.1), (1e-300, 0.3), (1.3e200, 0.7), (3.0, 2.0), (1e-5, -0.3), (0.7, 1e-9), (2.5, 100.3),
         (1e-160, 1.5), (1e30, -2.7)],
        lambda x, p: x**p,
        [lambda x, p: p * x ** (p - 1), lambda x, p: x**p * mpmath.log(x)],
        [lambda x, p: p * (p - 1) * x ** (p - 2), lambda x, p: x ** (p - 1) * (1 + p * mpmath.log(x)),
         lambda x, p: x**p * mpmath.log(x) ** 2],
    ),
    "hypot": (
        [(3.0, 4.0), (1e200, 1e200), (1e-200, 1e-200), (1.0, 1e-10), (1e-300, 1e300), (1e160, 3e150), (5e-324, 1.0)],
        lambda x, y: mpmath.sqrt(x * x + y * y),
        [lambda x, y: x / mpmath.sqrt(x * x + y * y), lambda x, y: y / mpmath.sqrt(x * x + y * y)],
        [lambda x, y: y * y / mpmath.sqrt(x * x + y * y) ** 3, lambda x, y: -x * y / mpmath.sqrt(x * x + y * y) ** 3,
         lambda x, y: x * x / mpmath.sqrt(x * x + y * y) ** 3],
    ),
    "logaddexp": (
        [(0.0, -40.0), (-40.0, 0.0), (1.0, 1.0), (700.0, 710.0), (-1000.0, -1040.0), (1e-20, -50.0), (3.0, 2.99)],
        lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
        [lambda x, y: sigmoid(x - y), lambda x, y: sigmoid(y - x)],
        [lambda x, y: hill(x - y), lambda x, y: -hill(x - y), lambda x, y: hill(x - y)],
    ),
    "atan2": (
        [(1.0, 2.0), (1e200, 1e-100), (1e-140, 3e-140), (1e300, 1e300), (-3.0, 1e-8)],
        mpmath.atan2,
        [lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)],
        [lambda y, x: -2 * x * y / (x * x + y * y) ** 2, lambda y, x: (y * y - x * x) / (x * x + y * y) ** 2,
         lambda y, x: 2 * x * y / (x * x + y * y) ** 2],
    ),
    "div": (
        [(1.0, 3.0), (1e200, 1e-100), (1e-300, 1e10), (1e150, 1e-150)],
        lambda x, y: x / y,
        [lambda x, y: 1 / y, lambda x, y: -x / y**2],
        [lambda x, y: mpf(0), lambda x, y: -1 / y**2, lambda x, y: 2 * x / y**3],
    ),
    "xlogy": (
        [(2.0, 3.0), (1e-300, 1e-300), (1e200, 1.0 + 1e-10), (-3.0, 1e-5)],
        lambda x, y: x * mpmath.log(y),
        [lambda x, y: mpmath.log(y), lambda x, y: x / y],
        [lambda x, y: mpf(0), lambda x, y: 1 / y, lambda x, y: -x / y**2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_numbers(name):
    points, f, firsts, seconds = PAIRS[name]
    wrong = []
    for point in points:
        xs = [Value(x) for x in point]
        y = TABLE[name](*xs)
        slopes = grad(y, xs, create_graph=True)
        found = [(y.data, f), *((g.data, df) for g, df in zip(slopes, firsts, strict=True))]
        second = [*grad(slopes[0], xs), grad(slopes[1], xs)[1]]
        found += list(zip(second, seconds, strict=True))
        with mpmath.workdps(1400):
            wrong += [(point, k, got) for k, (got, judge) in enumerate(found) if error(got, judge, point) > ULPS]
    assert not wrong


@pytest.mark.parametrize("alpha", [1.0, 0.3, 5.0])
@pytest.mark.parametrize("x", [-5e-324, -1e-300, -1e-10, -0.3, -2.0, -40.0, -700.0, -745.0])
def test_elu(x, alpha):
    with mpmath.workdps(700):
        slope = derivative(lambda x: autograd.elu(x, alpha))
        for f, judge in [
            (lambda x: autograd.elu(x, alpha), lambda x: alpha * mpmath.expm1(x)),
            (slope, lambda x: alpha * mpmath.exp(x)),
            (derivative(slope), lambda x: alpha * mpmath.exp(x)),
        ]:
            assert error(f(x), judge, (x,)) <= ULPS


@pytest.mark.parametrize(
    "xs", [[0.0, -40.0], [-40.0, 0.0], [1e-20, -50.0, -60.0], [3.0], [1.0, 1.0, -37.0], [0.0] * 9 + [40.0]]
)
def test_logsumexp_and_softmax(xs):
    values = [Value(x) for x in xs]
    y = autograd.logsumexp(values)
    ps = autograd.softmax(values)
    slopes = grad(y, values, create_graph=True)
    with mpmath.workdps(120):
        weights = [mpmath.exp(mpf(x)) for x in xs]
        total = mpmath.fsum(weights)
        shares = [w / total for w in weights]
        assert abs(y.data - mpmath.log(total)) <= ULPS * math.ulp(float(mpmath.log(total)))
        for i, p in enumerate(shares):
            others = mpmath.fsum(w for j, w in enumerate(weights) if j != i) / total
            for got in (ps[i].data, slopes[i].data, autograd.softmax(xs)[i]):
                assert abs(got - p) <= ULPS * math.ulp(float(p))
            for node in (ps[i], slopes[i]):
                for j, got in enumerate(grad(node, values)):
                    exact = p * others if i == j else -p * shares[j]
                    assert abs(got - exact) <= ULPS * math.ulp(float(exact)), (xs, i, j)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_programs_on_batches(name, dtype):
    row = TABLE[name]
    most = 1e30 if dtype is np.float32 else 1e300
    xs = [
        float(dtype(x))
        for x in POINTS
        if 1e-30 < abs(x) < most and not too_far(name, x) and row.domain.contains(float(dtype(x)))
    ]
    xs = [x for x in xs if not (row.overflows and abs(x) > (80.0 if dtype is np.float32 else 700.0))]
    xs = [x for x in xs if x not in INFINITE_SLOPES.get(name, ()) and not (name == "sinc" and abs(x) > 1e3)]
    start = 2.0 if name == "acosh" else 0.5
    values, slopes = trace(lambda x: row(x), start, dtype=dtype).value_and_grad(xs)
    eps = float(np.finfo(dtype).eps)
    for x, y, slope in zip(xs, values.tolist(), slopes.tolist(), strict=True):
        v = Value(x)
        wanted = row(v)
        first = grad(wanted, v, create_graph=True)
        second = grad(first, v)
        tiny = float(np.finfo(dtype).tiny)
        assert abs(y - wanted.data) <= ULPS * eps * abs(wanted.data) + 2 * eps * abs(x * first.data) + tiny, x
        assert abs(slope - first.data) <= ULPS * eps * abs(first.data) + 2 * eps * abs(x * second) + tiny, x


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (autograd.maximum, (math.nan, 1.0)), (autograd.minimum, (1.0, math.nan)),
        (autograd.leaky_relu, (math.nan, 0.1)),
        (autograd.elu, (math.nan, 1.0)), (autograd.relu, (math.nan,)), (autograd.clip, (math.nan, 0.0, 1.0)),
    ],
)  # fmt: skip
def test_slopes_at_nan_are_nan(f, args):
    x = Value(math.nan)
    values = [x if a != a else a for a in args]
    assert math.isnan(grad(f(*values), x))


def test_softmax_of_infinity_is_an_error_on_floats_as_on_values():
    for xs in ([math.inf, 1.0], [Value(math.inf), 1.0]):
        with pytest.raises(DomainError, match="no value at infinity"):
            autograd.softmax(xs)


def test_hypot_at_infinity():
    for point in ((math.inf, math.inf), (-math.inf, 1.0), (0.0, math.inf)):
        assert autograd.hypot(*point) == autograd.hypot(*map(Value, point)).data == math.inf
