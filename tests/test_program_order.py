"""Programs add in the order in which the function does: bit for bit as on floats, but for the products of a dot."""

import functools
import math
import operator
import random

import numpy as np
import pytest

import autograd
from autograd import Value, grad, trace

MAGNITUDES = [
    1e16,
    1.0,
    -1e16,
    -1.0,
    3.0,
    1e-17,
    1.7e9,
    1.7e9 + 1e-4,
    0.1,
    0.2,
    0.7,
    -0.3,
    5e-324,
    1e-310,
    1e300,
    2.0**53,
]


def sum(xs, start=0):  # noqa: A001  # the one that is built in adds floats with a correction from Python 3.12 on
    return functools.reduce(operator.add, xs, start)


def two_sum(a, b):
    s = a + b
    bb = s - a
    return (a - (s - bb)) + (b - bb)


def kahan(*xs):
    total, lost = 0.0, 0.0
    for x in xs:
        y = x - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def running(*xs):
    total = 0.0
    for i in range(len(xs) - 1):
        total += 3.0 * xs[i] - 3.0 * xs[i + 1]
    return total


def subtracted(*xs):
    total = xs[0]
    for x in xs[1:]:
        total -= x
    return total


SHAPES = [
    lambda a, b, c, d: a - b - c - d,
    lambda a, b, c, d: a + b + c + d,
    lambda a, b, c, d: a + (b + (c + d)),
    lambda a, b, c, d: (a + b) + (c + d),
    lambda a, b, c, d: (a - b) - (c - d),
    lambda a, b, c, d: -a + b - -c + -d,
    lambda a, b, c, d: a * b + c * d + a,
    lambda a, b, c, d: a - b * c - d * a + b * b,
    lambda a, b, c, d: sum([a, b, c, d]) - sum([d, c, b]),
    lambda a, b, c, d: autograd.sum([a, b, c, d]) + autograd.sum([a - b, c + d, -a]),
    lambda a, b, c, d: 1.0 + a + b + 2.0 + c,
    lambda a, b, c, d: a + 1e16 + b - 1e16 + c,
    lambda a, b, c, d: two_sum(a, b) + two_sum(c, d),
    lambda a, b, c, d: (a + b + c) * (b + c + d) - (a + b + c),
    lambda a, b, c, d: autograd.mean([a, b, c, d]) - a,
    kahan,
    running,
    subtracted,
]


@pytest.mark.parametrize("f", SHAPES)
def test_sums_are_those_of_plain_floats(f):
    rng = random.Random(1)
    program = trace(f, 1.0, 2.0, 3.0, 4.0)
    batch = np.array(
        [[rng.choice(MAGNITUDES) * rng.choice([1.0, 1.0, rng.random()]) for _ in range(4)] for _ in range(60)]
    )
    batch = batch[[math.isfinite(f(*row)) for row in batch.tolist()]]
    assert len(batch) > 30
    expected = [f(*row) for row in batch.tolist()]
    assert program(*batch.T).tolist() == expected
    assert [program(*row) for row in batch.tolist()] == expected


def long_sum(xs, ws):
    total = ws[0]
    for i, x in enumerate(xs):
        total = total + x if i % 3 else total - x
    for w in ws:
        total += w
    return total + xs[0]


@pytest.mark.parametrize("n", [1, 7, 100])
def test_long_sums_keep_their_order_whatever_lies_where(n):
    rng = random.Random(2)
    ws = [Value(rng.choice(MAGNITUDES)) for _ in range(11)]
    plain = [w.data for w in ws]
    batch = [[rng.choice(MAGNITUDES) for _ in range(40)] for _ in range(n)]
    program = trace(lambda xs: (long_sum(xs, ws), sum(x * 1.5 for x in xs), sum(ws)), batch[0])
    found = program(np.array(batch))
    assert found[0].tolist() == [long_sum(row, plain) for row in batch]
    assert found[1].tolist() == [sum(x * 1.5 for x in row) for row in batch]
    assert found[2].tolist() == [sum(plain)] * n


def test_sums_of_different_lengths_keep_their_order():
    rng = random.Random(3)
    batch = [[rng.choice(MAGNITUDES) for _ in range(30)] for _ in range(9)]
    program = trace(lambda xs: [sum(xs[:k]) for k in range(3, 30)], batch[0])
    assert program(np.array(batch)).tolist() == [[sum(row[:k]) for k in range(3, 30)] for row in batch]


def test_the_order_of_sums_in_float32():
    f = SHAPES[0]
    program = trace(f, 1.0, 1.0, 1.0, 1.0, dtype=np.float32)
    assert program(1e8, 1e8, 1.0, 1.0) == -2.0


def test_slopes_at_time_stamps():
    program = trace(lambda lag, t0, t1: autograd.log(lag + (t1 - t0)), 0.1, 1.0, 2.0)
    value, slopes = program.value_and_grad(1e-4, 1.7e9, 1.7e9, wrt="inputs")
    assert value == math.log(1e-4)
    assert slopes[0] == 1.0 / 1e-4


def test_gradients_of_sums_are_those_of_the_sweep():
    rng = random.Random(4)
    for f in SHAPES:
        program = trace(f, 1.0, 2.0, 3.0, 4.0)
        for _ in range(5):
            row = [rng.uniform(-2.0, 2.0) for _ in range(4)]
            leaves = [Value(x) for x in row]
            _, slopes = program.value_and_grad(*row, wrt="inputs")
            assert slopes == pytest.approx(grad(f(*leaves), leaves), rel=1e-13, abs=1e-13)


def test_neurons_are_matrix_products_however_their_sums_begin():
    rng = random.Random(5)
    neurons = [([Value(rng.random()) for _ in range(6)], Value(rng.random())) for _ in range(5)]

    def from_bias(ws, b, xs):
        total = b
        for w, x in zip(ws, xs, strict=True):
            total = total + w * x
        return total

    ways = [
        from_bias,
        lambda ws, b, xs: sum((w * x for w, x in zip(ws, xs, strict=True)), b),
        lambda ws, b, xs: sum(w * x for w, x in zip(ws, xs, strict=True)) + b,
        lambda ws, b, xs: autograd.dot(ws, xs) + b,
    ]
    for way in ways:
        program = trace(lambda xs, way=way: [way(ws, b, xs) for ws, b in neurons], [0.0] * 6)
        assert [e.name for e in program.equations()] == ["matmul", "add"]


def test_products_after_a_minus_are_subtracted_one_by_one():
    program = trace(lambda xs: xs[0] - xs[1] * xs[2] - xs[3] * xs[4] - xs[1] * xs[3] - xs[2] * xs[4], [1.0] * 5)
    row = [1.0, 1e16, 1.0, -1e16, 1.0]
    assert program(row) == row[0] - row[1] * row[2] - row[3] * row[4] - row[1] * row[3] - row[2] * row[4]
