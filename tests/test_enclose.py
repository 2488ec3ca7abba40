"""Bounds hold: against mpmath at many points of the box, for every row of the table, values and gradients."""

import math
import random
from fractions import Fraction

import mpmath
import pytest
from browser.graphs import random_graph

import autograd
from autograd import TABLE, DomainError, Interval, Value, enclose, value_and_grad
from autograd.enclose import on_intervals

BOXES = [0.0, 1e-12, 1e-3, 0.2]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("width", BOXES)
def test_every_row_holds_its_values_and_slopes(row, width):
    n = row.arity if row.rule is None else row.groups * 2
    samples = [*row.domain.samples, *row.domain.samples * n][:n]
    rng = random.Random(f"{row.name} {width}")
    for _ in range(6):
        middle = [rng.uniform(low, high) for low, high in samples]
        box = [
            Interval(max(x - width, low), min(x + width, high)) for x, (low, high) in zip(middle, samples, strict=True)
        ]

        def f(xs):
            size = len(xs) // row.groups
            return row(*xs) if row.rule is None else row(*(xs[i * size : (i + 1) * size] for i in range(row.groups)))

        try:
            found = enclose(f, box)
        except (DomainError, ValueError):
            assert width > 0.0 or row.kink is not None  # the box may lie across an edge or a jump
            continue
        for _ in range(8):
            point = [rng.uniform(x.low, x.high) for x in box]
            value, slopes = value_and_grad(f)(point)
            # What floats find is off by some units in the last place; the exact numbers are inside.
            slack = 64.0 * 2.0**-52
            assert found.value.low - slack * abs(value) <= value <= found.value.high + slack * abs(value)
            for bound, slope in zip(found.gradient, slopes, strict=True):
                assert bound.low - slack * (1 + abs(slope)) <= slope <= bound.high + slack * (1 + abs(slope)), row


EXACT = [
    (lambda x, y: autograd.sin(x) * autograd.exp(y), lambda x, y: mpmath.sin(x) * mpmath.exp(y)),
    (lambda x, y: x**3 / y - autograd.log(y), lambda x, y: x**3 / y - mpmath.log(y)),
    (lambda x, y: autograd.sqrt(x * x + y) + x**2.5, lambda x, y: mpmath.sqrt(x * x + y) + x ** mpmath.mpf(2.5)),
    (lambda x, y: autograd.logsumexp([x, y, 1.0]), lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y) + mpmath.e)),
    (lambda x, y: autograd.tanh(x) * autograd.erf(y) + autograd.atan2(x, y),
     lambda x, y: mpmath.tanh(x) * mpmath.erf(y) + mpmath.atan2(x, y)),
]  # fmt: skip


@pytest.mark.parametrize(("f", "exact"), EXACT)
def test_the_exact_value_and_gradient_lie_inside(f, exact):
    rng = random.Random(5)
    for _ in range(10):
        x, y = rng.uniform(0.3, 2.0), rng.uniform(0.3, 2.0)
        found = enclose(f, x, y)
        with mpmath.workdps(50):
            value = exact(mpmath.mpf(x), mpmath.mpf(y))
            slopes = [mpmath.diff(exact, (x, y), order) for order in ((1, 0), (0, 1))]
            assert found.value.low <= value <= found.value.high
            for bound, slope in zip(found.gradient, slopes, strict=True):
                assert bound.low <= slope <= bound.high
                assert bound.width <= 1e-12 * (1 + abs(slope))


def test_random_graphs_lie_inside():
    """The function on floats lies inside, whatever it is made of."""
    held = 0
    for seed in range(60):
        y = random_graph(seed, steps=6)
        known = {}
        try:
            for v in autograd.topological(y):
                args = [known[a] if isinstance(a, Value) else a for a in v.args]
                known[v] = Interval(v.data) if v.is_leaf else on_intervals(v.primitive, args)
        except (DomainError, ValueError):
            continue
        held += 1
        bound = known[y] if isinstance(known[y], Interval) else Interval(known[y])
        assert bound.low - 1e-9 * abs(y.data) <= y.data <= bound.high + 1e-9 * abs(y.data)
    assert held > 30


def test_rounding_is_seen():
    found = enclose(lambda x: (x + 1e16) - 1e16, 0.3)
    assert 0.3 in found.value
    assert found.value.width >= 2.0
    assert found.gradient.width <= 1e-15


def test_structures_come_back():
    found = enclose(lambda p, xs: p["w"] * xs[0] + xs[1], {"w": 2.0}, [3.0, Interval(0.0, 1.0)])
    assert 3.0 in found.gradient[0]["w"]
    assert 2.0 in found.gradient[1][0]
    assert 6.5 in found.value
    assert enclose(lambda x: 3.0, 1.0).gradient.width == 0.0


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: enclose(autograd.log, Interval(-1.0, 1.0)), DomainError, "argument must be > 0"),
        (lambda: enclose(autograd.log, Interval(-1.0, 2.0)), DomainError, "may leave its domain"),
        (lambda: enclose(lambda x: 1 / x, Interval(-1.0, 1.0)), DomainError, "domain|divisor"),
        (lambda: enclose(autograd.tan, Interval(1.0, 2.0)), DomainError, "pole"),
        (lambda: enclose(lambda x: x if x > 0 else -x, Interval(-1.0, 1.0)), ValueError, "may take another branch"),
        (lambda: enclose(3.0, 1.0), TypeError, "takes a function"),
        (lambda: enclose(lambda x: [x], 1.0), TypeError, "must return one number"),
        (lambda: enclose(lambda x: x, "x"), TypeError, "no real number"),
        (lambda: Interval(2.0, 1.0), ValueError, "must not be above"),
        (lambda: Interval(math.nan), ValueError, "must not be above"),
    ],
)
def test_what_has_no_bounds(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_quotient_by_what_may_be_0():
    with pytest.raises(DomainError, match="the divisor may be 0"):
        Interval(1.0, 2.0) / Interval(-1.0, 2.0)


def test_a_branch_that_is_sure_is_taken():
    found = enclose(lambda x: x * x if x > 0 else -x, Interval(1.0, 2.0))
    assert found.gradient.low == pytest.approx(2.0)
    assert found.gradient.high == pytest.approx(4.0)


def test_a_row_of_ones_own(own_rows):
    import numpy as np

    good = autograd.primitive(
        "good", lambda x: math.exp(-x * x), lambda x: autograd.exp(-x * x), lambda x, y: -2.0 * x * y
    )
    assert math.exp(-1.0) in enclose(good, 1.0).value
    plain = autograd.primitive("plain", math.gamma, None, lambda x, y: y)
    with pytest.raises(TypeError, match="not written with autograd's functions"):
        enclose(plain, 2.0)
    other = autograd.primitive("other", math.exp, lambda x: np.exp(x), lambda x, y: y)
    with pytest.raises(TypeError, match="not written with autograd's functions"):
        enclose(other, 2.0)


def test_one_interval_twice_is_two_numbers():
    box = Interval(-1.0, 1.0)
    assert enclose(lambda x, y: x - y, box, box).value.high >= 2.0
    assert enclose(lambda v: v[0] * v[1], [box] * 2).value.low <= -1.0
    assert enclose(lambda x: x * x, box).value.low == 0.0  # one number, squared


@pytest.mark.parametrize("a", [-0.11, -0.3, -0.7, -1.2])
def test_where_the_largest_and_a_logarithm_cancel(a):
    c = math.log(-math.expm1(a))
    with mpmath.workdps(40):
        exact = mpmath.log(mpmath.exp(mpmath.mpf(a)) + mpmath.exp(mpmath.mpf(c)))
    for found in (enclose(autograd.logaddexp, a, c), enclose(lambda u, v: autograd.logsumexp([u, v]), a, c)):
        assert found.value.low <= exact <= found.value.high


def test_whole_powers_of_negative_numbers():
    assert 1.0 in enclose(lambda x: x**2, -1.0).value
    for n in range(-4, 6):
        found = enclose(lambda x, n=n: x**n, Interval(-2.0, -1.5))
        for x in (-2.0, -1.7, -1.5):
            assert x**n in found.value
            assert n * x ** (n - 1) in found.gradient
    with pytest.raises(DomainError, match="negative base"):
        enclose(lambda x: x**0.5, -1.0)


def test_what_no_float_is_lies_between_two():
    third = Interval(Fraction(1, 3))
    assert Fraction(1, 3) in third
    assert third.width < 1e-16
    assert 1.0 in enclose(lambda x: x - 2.0**53, 2**53 + 1).value
    assert Interval(0.5).width == 0.0


def test_a_kink_inside_the_box():
    for f in (autograd.leaky_relu, lambda x: autograd.clip(x, 0.0, 0.5)):
        with pytest.raises(DomainError, match="Enclose a smaller box"):
            enclose(f, Interval(-1.0, 1.0))


def test_exact_sums_do_not_hide_rounding():
    rng = random.Random(5)
    for _ in range(2000):
        a, b = (rng.uniform(-1, 1) * 10.0 ** rng.randint(-20, 20) for _ in range(2))
        found = Interval(a) + b
        assert found.low <= Fraction(a) + Fraction(b) <= found.high
        wide = Interval(a, a + abs(a)) + b
        assert wide.low <= Fraction(a) + Fraction(b)
        assert wide.high >= Fraction(a + abs(a)) + Fraction(b)


@pytest.mark.parametrize("x", ["1", None, Value(1.0), [1.0], 10**400], ids=lambda x: repr(x)[:20])
def test_an_interval_of_what_is_no_number(x):
    with pytest.raises((TypeError, ValueError), match="Interval: "):
        Interval(x)
