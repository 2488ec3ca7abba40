"""No overflow and no nan for any finite float, and accuracy where naive formulas lose it."""

import math

import mpmath
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import DIGITS, REFERENCE

import autograd
from autograd import Value, grad

LARGEST = 1.7976931348623157e308
finite = st.floats(allow_nan=False, allow_infinity=False)
safe_rows = pytest.mark.parametrize(
    "name", ["sigmoid", "softplus", "tanh", "gelu", "silu", "elu", "relu", "leaky_relu", "atan", "erf", "erfc"]
)


@safe_rows
@given(x=finite)
@example(LARGEST)
@example(-LARGEST)
@example(5e-324)
@example(-0.0)
@example(-745.2)
@example(709.8)
@example(-38.5)
def test_value_and_derivatives_are_finite_for_every_finite_float(name, x):
    v = Value(x)
    y = getattr(autograd, name)(v)
    first = grad(y, v, create_graph=True)
    assert math.isfinite(y.data)
    assert math.isfinite(first.data)
    assert math.isfinite(grad(first, v))


def exact(name, x, order=0):
    with mpmath.workdps(DIGITS + (700 if abs(x) > 10 else 20)):
        defaults = {"elu": [1], "leaky_relu": [mpmath.mpf(0.01)]}.get(name, [])
        f = lambda x: REFERENCE[name](x, *defaults)  # noqa: E731
        return float(mpmath.diff(f, mpmath.mpf(x), order) if order else f(mpmath.mpf(x)))


FAR_OUT = [-800.0, -700.0, -40.0, -20.0, -5.0, -1e-3, 1e-9, 0.5, 5.0, 20.0, 36.0, 40.0, 700.0]


@pytest.mark.parametrize("x", FAR_OUT)
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "tanh", "gelu", "silu", "elu", "erf", "erfc"])
def test_values_are_accurate_relative_to_their_size(name, x):
    assert getattr(autograd, name)(x) == pytest.approx(exact(name, x), rel=1e-13, abs=1e-320)


@pytest.mark.parametrize("x", FAR_OUT)
@pytest.mark.parametrize("name", ["softplus", "gelu", "silu", "erf", "erfc"])
def test_derivatives_are_accurate_relative_to_their_size(name, x):
    v = Value(x)
    slope = grad(getattr(autograd, name)(v), v)
    assert slope == pytest.approx(exact(name, x, 1), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("x", FAR_OUT)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu"])
def test_derivatives_written_with_the_output_are_accurate_to_the_last_bit_of_it(name, x):
    # 1 - y² and y · (1 - y) cancel where the function is flat: right to 1 ulp of y, not of the slope.
    v = Value(x)
    assert grad(getattr(autograd, name)(v), v) == pytest.approx(exact(name, x, 1), rel=1e-13, abs=4e-16)


def test_log1p_and_expm1_keep_small_arguments():
    assert autograd.log1p(1e-20) == 1e-20
    assert autograd.expm1(1e-20) == 1e-20
    assert autograd.log1p(Value(1e-20)).data == 1e-20


@pytest.mark.parametrize("size", [1e-170, 1e-5, 1.0, 1e5, 1e170])
def test_atan2_at_any_scale(size):
    x1, x2 = Value(size), Value(size)
    assert grad(autograd.atan2(x1, x2), [x1, x2]) == pytest.approx([0.5 / size, -0.5 / size], rel=1e-14)


lists = st.lists(finite, min_size=1, max_size=6)


@given(lists)
@example([LARGEST, LARGEST])
@example([LARGEST, -LARGEST])
@example([-LARGEST, -LARGEST])
@example([1000.0, 1000.0])
@example([-1000.0])
def test_logsumexp_never_overflows(xs):
    values = [Value(x) for x in xs]
    y = autograd.logsumexp(values)
    assert max(xs) <= y.data <= max(xs) + math.log(len(xs)) + 1e-15 * abs(max(xs)) + 1e-15
    weights = grad(y, values)
    assert all(0.0 <= w <= 1.0 for w in weights)
    # The exponents x - y carry the rounding of the largest x.
    if abs(max(xs)) < 1e6:
        assert math.fsum(weights) == pytest.approx(1.0, abs=1e-9)


@given(lists)
@example([LARGEST, -LARGEST])
@example([710.0, -710.0])
def test_softmax_gives_probabilities(xs):
    ps = autograd.softmax([Value(x) for x in xs])
    assert all(0.0 <= p.data <= 1.0 for p in ps)
    assert [p.data for p in ps] == autograd.softmax(xs)
    assert max(range(len(xs)), key=lambda i: ps[i].data) in [
        i for i, p in enumerate(ps) if p.data == ps[xs.index(max(xs))].data
    ]


@given(st.lists(finite, min_size=1, max_size=5), st.data())
@settings(max_examples=50)
def test_cross_entropy_from_logits_has_finite_gradients(xs, data):
    i = data.draw(st.integers(0, len(xs) - 1))
    values = [Value(x / 4) for x in xs]
    loss = autograd.logsumexp(values) - values[i]
    assert loss.data >= 0.0
    assert all(-1.0 <= g <= 1.0 for g in grad(loss, values))


@given(finite)
def test_identities(x):
    assert autograd.sigmoid(x) + autograd.sigmoid(-x) == pytest.approx(1.0, abs=3e-16)
    assert autograd.tanh(-x) == -autograd.tanh(x)
    assert autograd.softplus(x) >= max(x, 0.0)
    assert autograd.relu(x) - autograd.relu(-x) == x
    assert autograd.maximum(x, 0.0) == autograd.relu(x)
    assert autograd.abs(x) == autograd.sign(x) * x
