"""Straight-line code: many examples abreast give what each gives alone, to the bit."""

import math

import numpy as np
import pytest

import autograd
from autograd import TABLE, Value, trace
from autograd.program import scalar
from autograd.program.bind import NotFinite, Wanted
from autograd.program.path import Path
from autograd.symbol import Symbol

native = pytest.mark.skipif(autograd.engine() != "native", reason="straight-line code is C")
SIZES = [1, 2, 7, 8, 9, 31, 33, 128, 130, 300]


@pytest.fixture(autouse=True)
def straight_only(monkeypatch):
    monkeypatch.setattr(Path, "is_straight", lambda self, n: self.possible)


def alone(f, leaves, row):
    inputs = [Value(x) for x in row]
    y = f(inputs)
    slopes = autograd.grad(y, [*leaves, *inputs])
    return y.data, slopes[: len(leaves)], slopes[len(leaves) :]


def same_as_alone(f, leaves, batch):
    """Values and gradients of a batch: each example's own, to the bit; summed in order."""
    program = trace(f, batch[0].tolist(), parameters=leaves)
    expected = [alone(f, leaves, row) for row in batch.tolist()]
    values, (by_leaves, by_inputs) = program.value_and_grad(batch, wrt="both", reduce="sum")
    np.testing.assert_array_equal(values, [value for value, _, _ in expected])
    np.testing.assert_array_equal(by_inputs, [slopes for _, _, slopes in expected])
    total = np.zeros(len(leaves))
    for _, slopes, _ in expected:
        total += slopes
    np.testing.assert_array_equal(by_leaves, total)
    _, each = program.value_and_grad(batch, wrt="parameters", reduce=None)
    np.testing.assert_array_equal(each, np.array([slopes for _, slopes, _ in expected]).reshape(each.shape))


def tangle(leaves):
    """Sums and products of the same Values again and again, negated, subtracted, given to several others."""
    a, b, c = leaves

    def f(x):
        u = x[0] + x[0]
        v = x[1] * x[1] - u
        w = v - v * a + (b - v)
        s = autograd.sum([u, v, u, w, w * c])
        t = autograd.dot([s, v, v, a], [w, v, u, a]) - -s
        m = autograd.mean([t, u, t, x[2] * 0.5])
        p = m * (m - s) * m + s * s
        return p + u - (p - w) - (w + w) + autograd.tanh(m * 0.01) / (1.0 + x[2] * x[2]) + a

    return f


def lists(leaves):
    def f(x):
        y = autograd.logsumexp([x[0] * leaves[0], x[1], x[0], x[2] * x[2]])
        return y * autograd.logsumexp([y, x[1] * 3.0]) + autograd.logsumexp([x[2]])

    return f


@native
@pytest.mark.parametrize("make", [tangle, lists])
@pytest.mark.parametrize("n", SIZES)
def test_any_number_of_examples(n, make):
    """Nearly what the engine gives, which goes back in another order; and what one alone gives, to the bit."""
    leaves = [Value(0.3), Value(-1.2), Value(0.7)]
    batch = np.random.default_rng(n).normal(size=(n, 3))
    f = make(leaves)
    program = trace(f, batch[0].tolist(), parameters=leaves)
    values, found = program.value_and_grad(batch, wrt="both", reduce=None)
    for i, row in enumerate(batch):
        value, slopes = program.value_and_grad(row, wrt="both", reduce=None)
        assert values[i] == value
        expected = alone(f, leaves, row.tolist())
        assert value == expected[0]
        for k in (0, 1):
            np.testing.assert_array_equal(found[k][i], slopes[k].reshape(found[k][i].shape))
            np.testing.assert_allclose(found[k][i], expected[1 + k], rtol=1e-12, atol=1e-12)


@native
def test_the_largest_of_a_list_shares_at_a_tie():
    f = lambda x: autograd.softmax([x[0], x[1], x[2]])[1] * TABLE["largest"]([x[0], x[1] * 1.0, x[2]])  # noqa: E731
    rows = np.random.default_rng(2).integers(-1, 2, size=(50, 3)).astype(float)
    same_as_alone(f, [], rows)


@native
@pytest.mark.parametrize("name", sorted(row.name for row in TABLE.values() if row.rule is None))
def test_every_row(name):
    row = TABLE[name]
    samples = np.array((row.domain.samples * row.arity)[: row.arity])
    low, high = samples.T
    batch = low + (high - low) * np.random.default_rng(3).random((40, row.arity))
    batch = batch[[bool(row.domain.contains(*point)) for point in batch.tolist()]]
    same_as_alone(lambda x: row(*x) * 1.5 + 0.0 * x[0], [], batch)


@native
def test_an_output_may_be_an_argument_or_a_parameter():
    w = Value(2.0)
    batch = np.arange(30.0).reshape(10, 3)
    same_as_alone(lambda x: x[1], [], batch)
    values, gradient = trace(lambda x: w, [1.0, 2.0, 3.0], parameters=[w]).value_and_grad(batch, reduce="sum")
    assert values.tolist() == [2.0] * 10
    assert gradient.tolist() == [10.0]


@native
def test_the_side_of_a_choice_that_is_not_taken_may_divide_by_zero():
    def f(x):
        return autograd.where(autograd.step(x[0]), autograd.xlogy(x[0], x[0]), x[1]) + autograd.sinc(x[1])

    batch = np.random.default_rng(4).normal(size=(60, 2)) ** 2
    batch[::7] = 0.0
    program = trace(f, batch[1].tolist())
    for _ in range(3):
        values = program(batch)
        np.testing.assert_array_equal(values, [f(row) for row in batch.tolist()])


@native
def test_what_is_not_finite_is_seen_in_any_lane():
    program = trace(lambda x: autograd.exp(x[0]) * x[1], [1.0, 2.0])
    for n in SIZES:
        for where in {0, n // 2, n - 1}:
            batch = np.ones((n, 2))
            batch[where, 0] = 1000.0
            with pytest.raises(autograd.DomainError, match="too large"):
                program.value_and_grad(batch)
            batch[where] = [0.0, math.inf]
            assert program(batch)[where] == math.inf


def test_code_reads_what_partials_are_made_of():
    from autograd.c_rules import FLOWS, _reads

    x1, x2, y = Symbol("x1"), Symbol("x2"), Symbol("y")
    assert _reads(x1 * x2) == 3
    assert _reads(y - 1.0) == 8
    assert _reads(2.0) == 0
    assert FLOWS > 15


@pytest.mark.parametrize(("n", "lanes"), [(1, 1), (5, 8), (30, 32), (60, 64), (1000, 128)])
def test_few_examples_take_few_lanes(n, lanes):
    assert scalar.best_lanes(n, 1000) == lanes
    assert scalar.best_lanes(n, scalar.MOST + 1) == 1


@native
def test_a_constant_that_is_infinite_is_left_to_the_record():
    program = trace(lambda x: x[0] + math.inf, [1.0])
    path = program.paths[0]
    bound = path.bound(3, Wanted(by_inputs=True), np.zeros(0))
    with pytest.raises(NotFinite):
        bound.run(1.0)
    assert program(np.ones((3, 1))).tolist() == [math.inf] * 3
