"""Programs as users meet them: batches, gradients, parameters, branches, errors, pickles. The eager engine judges."""

import copy
import math
import os
import pickle
import random
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from reference import ROWS, call, points
from shared import in_threads

import autograd
from autograd import CORNERS, DomainError, Program, TraceError, Value, one_hot, take, trace
from autograd.modes import modes

NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def engine_back_to_normal():
    yield
    assert modes == {}


@pytest.fixture(params=[1e9, -1e9], ids=["rolled", "straight"])
def either_way(request, monkeypatch):
    """Programs run as array operations, or as straight-line code where there is C for it: as if the other were dear."""
    monkeypatch.setattr("autograd.program.path.NODE", request.param)


both_ways = pytest.mark.usefixtures("either_way")


def eager(f, leaves, *rows):
    """Values and gradients by leaves and by inputs of f(list of numbers), row by row."""
    values, by_leaves, by_inputs = [], [], []
    for row in rows:
        inputs = [Value(x) for x in row]
        y = f(inputs)
        slopes = autograd.grad(y, [*leaves, *inputs]) if isinstance(y, Value) else [0.0] * (len(leaves) + len(inputs))
        values.append(y.data if isinstance(y, Value) else float(y))
        by_leaves.append(slopes[: len(leaves)])
        by_inputs.append(slopes[len(leaves) :])
    return np.array(values), np.array(by_leaves), np.array(by_inputs)


def network():
    """A small network, its parameters, and a batch for it."""
    rng = np.random.default_rng(1)
    weights = [[Value(x) for x in row] for row in rng.normal(size=(4, 3)).tolist()]
    biases = [Value(x) for x in rng.normal(size=4).tolist()]
    last = [Value(x) for x in rng.normal(size=4).tolist()]

    def f(xs):
        hidden = [autograd.tanh(autograd.dot(row, xs) + b) for row, b in zip(weights, biases, strict=True)]
        return autograd.dot(last, hidden)

    leaves = [*sum(weights, []), *biases, *last]  # noqa: RUF017  # a few rows
    return f, leaves, rng.normal(size=(7, 3))


# ---------------------------------------------------------------- calling


@both_ways
def test_a_batch_gives_an_array_and_one_example_a_float():
    f, leaves, batch = network()
    program = trace(f, [0.0] * 3, parameters=leaves)
    values, _, _ = eager(f, leaves, *batch)
    found = program(batch)
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, values, rtol=1e-13)
    for row, value in zip(batch, values, strict=True):
        one = program(row)
        assert type(one) is float
        assert one == pytest.approx(value, rel=1e-13)
    assert program(batch[:1]).shape == (1,)


@both_ways
def test_gradients_are_the_mean_the_sum_or_all():
    f, leaves, batch = network()
    program = trace(f, [0.0] * 3, parameters=leaves)
    values, by_leaves, by_inputs = eager(f, leaves, *batch)
    for reduce, wanted in [("mean", by_leaves.mean(axis=0)), ("sum", by_leaves.sum(axis=0)), (None, by_leaves)]:
        for wrt in ("parameters", "both"):
            found, gradient = program.value_and_grad(batch, wrt=wrt, reduce=reduce)
            np.testing.assert_allclose(found, values, rtol=1e-13)
            np.testing.assert_allclose(gradient[0] if wrt == "both" else gradient, wanted, rtol=1e-11, atol=1e-13)
        # The gradient by inputs is each example's own, whatever becomes of the parameters.
        both = program.value_and_grad(batch, wrt="both", reduce=reduce)[1]
        assert type(both) is tuple
        np.testing.assert_allclose(both[1], by_inputs, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(program.value_and_grad(batch, wrt="inputs", reduce=reduce)[1], both[1])


@both_ways
def test_one_example_without_the_axis_has_gradients_without_it():
    f, leaves, batch = network()
    program = trace(f, [0.0] * 3, parameters=leaves)
    _, by_leaves, by_inputs = eager(f, leaves, batch[0])
    for reduce in ("mean", "sum", None):
        value, (by_parameters, slopes) = program.value_and_grad(batch[0], wrt="both", reduce=reduce)
        assert type(value) is float
        np.testing.assert_allclose(by_parameters, by_leaves[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(slopes, by_inputs[0], rtol=1e-11, atol=1e-13)
    assert program.value_and_grad(batch[:1], reduce=None)[1].shape == (1, len(leaves))
    assert type(trace(lambda x: x * x, 1.0).value_and_grad(3.0)[1]) is float


def test_by_default_gradients_are_by_parameters_if_there_are_any():
    w = Value(2.0)
    assert trace(lambda x: w * x, 1.0).value_and_grad([1.0, 2.0])[1].tolist() == [1.5]
    assert trace(lambda x: x * x, 1.0).value_and_grad([1.0, 2.0])[1].tolist() == [2.0, 4.0]
    assert trace(lambda x: w * x, 1.0, parameters=[]).value_and_grad([1.0, 2.0])[1].tolist() == [2.0, 2.0]


@both_ways
def test_gradients_by_inputs_have_the_shape_of_the_arguments():
    def f(x, i, d, pair, matrix):
        first = x * take(d["b"], i) + pair[0][1] * pair[1]
        return first * first + sum(sum(row) for row in matrix) + d["a"] * one_hot(i, 2)[0]

    example = (0.5, 0, {"a": 0.5, "b": [1.0, 2.0]}, ([1.0, 2.0], 3.0), np.ones((2, 3)))
    program = trace(f, *example)
    x, i, d, pair, matrix = program.value_and_grad(*example)[1]
    assert (type(x), i, type(d["a"]), d["b"].shape) == (float, None, float, (2,))
    assert (type(pair), pair[0].shape, type(pair[1]), matrix.shape) == (tuple, (2,), float, (2, 3))
    batch = (
        np.ones(4), np.zeros(4, int), {"a": np.ones(4), "b": np.ones((4, 2))}, (np.ones((4, 2)), np.ones(4)),
        np.ones((4, 2, 3)),
    )  # fmt: skip
    x, i, d, pair, matrix = program.value_and_grad(*batch)[1]
    assert (x.shape, i, d["a"].shape, d["b"].shape) == ((4,), None, (4,), (4, 2))
    assert (pair[0].shape, pair[1].shape, matrix.shape) == ((4, 2), (4,), (4, 2, 3))
    assert matrix.tolist() == np.ones((4, 2, 3)).tolist()
    assert d["b"].tolist() == [[4.0, 0.0]] * 4


@both_ways
def test_results_are_nested_as_the_function_returns_them():
    w = Value(2.0)

    def f(x):
        return x * w, {"a": x, "b": [w, 1.0, x]}, [(x, 3), [x]], (), np.array([x, w], dtype=object)

    program = trace(f, 1.0)
    one = program(5.0)
    assert one[:-1] == (10.0, {"a": 5.0, "b": [2.0, 1.0, 5.0]}, [(5.0, 3.0), [5.0]], ())
    assert (type(one[-1]), one[-1].tolist()) == (np.ndarray, [5.0, 2.0])
    first, d, nested, empty, array = program([5.0, 6.0])
    assert first.tolist() == [10.0, 12.0]
    assert (d["a"].tolist(), d["b"].tolist()) == ([5.0, 6.0], [[2.0, 1.0, 5.0], [2.0, 1.0, 6.0]])
    assert (nested[0][0].tolist(), nested[0][1].tolist(), nested[1].tolist()) == (
        [5.0, 6.0],
        [3.0, 3.0],
        [[5.0], [6.0]],
    )
    assert (empty, array.tolist()) == ((), [[5.0, 2.0], [6.0, 2.0]])
    assert program.value_and_grad([5.0, 6.0])[1].tolist() == [5.5]


@both_ways
def test_outputs_may_be_inputs_parameters_and_constants():
    w = Value(2.0)
    cases = [(lambda x: x, 5.0, 0.0, 1.0), (lambda x: w, 2.0, 1.0, 0.0), (lambda x: 3.0, 3.0, 0.0, 0.0),
             (lambda x: Value(4.0), 4.0, 0.0, 0.0), (lambda x: autograd.exp(Value(0.0)), 1.0, 0.0, 0.0),
             (lambda x: np.float64(1.5), 1.5, 0.0, 0.0), (lambda x: 7, 7.0, 0.0, 0.0)]  # fmt: skip
    for f, value, by_w, by_x in cases:
        program = trace(f, 1.0, parameters=[w])
        assert program(5.0) == value
        found, (by_parameters, by_inputs) = program.value_and_grad([5.0, 5.0], wrt="both")
        assert (found.tolist(), by_parameters.tolist(), by_inputs.tolist()) == ([value] * 2, [by_w], [by_x] * 2)


def test_without_one_number_first_there_is_nothing_to_differentiate():
    for f in (lambda x: {"a": x}, lambda x: ((x, x), x), lambda x: [[x], x], lambda x: ()):
        program = trace(f, 1.0)
        program([1.0, 2.0])
        with pytest.raises(TypeError, match="value_and_grad: the traced function must return one number"):
            program.value_and_grad([1.0, 2.0])


@both_ways
def test_a_batch_may_be_lists_tuples_integers_and_arrays_of_any_layout():
    program = trace(lambda xs: xs[0] - 2.0 * xs[1], [0.0, 0.0])
    array = np.arange(6.0).reshape(3, 2)
    wanted = (array[:, 0] - 2.0 * array[:, 1]).tolist()
    frozen = array.copy()
    frozen.flags.writeable = False
    for given in (
        array, array.tolist(), tuple(map(tuple, array.tolist())), array.astype(int), array.astype(np.float32), frozen,
        np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2], array[::-1][::-1], list(array),
        np.arange(6, dtype=np.uint8).reshape(3, 2), [[Value(x) for x in row] for row in array.tolist()],
    ):  # fmt: skip
        assert program(given).tolist() == wanted
    assert program(np.broadcast_to([1.0, 2.0], (4, 2))).tolist() == [-3.0] * 4
    assert program(np.asarray([1.0, 2.0])) == program([1, 2]) == program((1.0, 2.0)) == -3.0


@both_ways
def test_what_is_passed_in_is_not_changed_and_not_kept():
    f, leaves, batch = network()
    program = trace(f, [0.0] * 3, parameters=leaves)
    given = batch.copy()
    before = program.value_and_grad(given, wrt="both")
    assert given.tolist() == batch.tolist()
    given[:] = 0.0
    after = program.value_and_grad(batch, wrt="both")
    assert after[0].tolist() == before[0].tolist()
    assert after[1][1].tolist() == before[1][1].tolist()


@both_ways
def test_results_belong_to_the_caller():
    w = Value(2.0)
    program = trace(lambda x: (x * w, x, w, 1.0, [x, w]), 1.0)
    for batch in (np.array([1.0, 2.0]), np.array([1.0])):
        first = program.value_and_grad(batch, wrt="both")
        kept = copy.deepcopy(first)
        program.value_and_grad(batch + 1.0, wrt="both")
        program(batch * 3.0)
        for found, wanted in zip(first[0], kept[0], strict=True):
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(first[1][0], kept[1][0])
        np.testing.assert_array_equal(first[1][1], kept[1][1])
        for part in [*first[0], *first[1]]:
            part[...] = -100.0  # writable, and nobody else looks at it
        again = program.value_and_grad(batch, wrt="both")
        assert [part.tolist() for part in again[0]] == [part.tolist() for part in kept[0]]
        assert again[1][0].tolist() == kept[1][0].tolist()
        assert (program.parameters.tolist(), batch[0]) == ([2.0], 1.0)


# ---------------------------------------------------------------- large batches, and many parameters


@pytest.fixture
def in_pieces(monkeypatch):
    """Batches are run three examples at a time."""
    monkeypatch.setattr("autograd.program.path.FEW", 3)
    monkeypatch.setattr("autograd.program.path.NUMBERS", 1)


@pytest.mark.usefixtures("either_way", "in_pieces")
@pytest.mark.parametrize("branches", [False, True])
def test_a_batch_run_in_pieces_gives_what_its_examples_give(branches):
    f, leaves, rows = network()

    def g(xs):
        return f(xs) if not branches or xs[0] > 0.0 else 2.0 * f(xs) + xs[1]

    rows = np.vstack([rows, -rows, 0.5 * rows])
    assert len(rows) > 7
    program = trace(lambda xs: g(xs), rows[0], parameters=leaves)
    values, by_leaves, by_inputs = eager(g, leaves, *rows.tolist())
    np.testing.assert_allclose(program(rows), values, rtol=1e-12)
    for reduce, expected in (("sum", by_leaves.sum(axis=0)), ("mean", by_leaves.mean(axis=0)), (None, by_leaves)):
        found, (slopes, by_row) = program.value_and_grad(rows, wrt="both", reduce=reduce)
        np.testing.assert_allclose(found, values, rtol=1e-12)
        np.testing.assert_allclose(slopes, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(by_row, by_inputs, rtol=1e-12)
    before = by_row.copy()
    program.value_and_grad(2.0 * rows, wrt="both")
    np.testing.assert_array_equal(by_row, before)


@pytest.mark.usefixtures("in_pieces")
def test_errors_in_a_later_piece_name_the_row_of_the_whole_batch():
    w = [Value(1.0), Value(2.0)]
    program = trace(lambda i, x: take(w, i) * autograd.log(x), 0, 1.0)
    good = np.zeros(8, dtype=int), np.ones(8)
    with pytest.raises(IndexError, match="index 2 in row 7"):
        program(np.array([0, 1, 0, 1, 0, 1, 0, 2]), good[1])
    with pytest.raises(DomainError, match=r"row 5 of the batch"):
        program(good[0], np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0]))
    program = trace(lambda x: autograd.log(x) if x < 3.0 else autograd.log(5.0 - x), 1.0)
    with pytest.raises(DomainError, match=r"row 6 of the batch"):
        program(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 6.0]))


def test_gradients_of_many_parameters_belong_to_the_caller():
    """They are given away, not copied: whoever keeps them, or a part of them, keeps them as they were."""
    width = 100  # 10,000 parameters, of which one is never multiplied
    weights = [[Value(0.01 * (i - j)) for j in range(width)] for i in range(width)]
    leaves = [*(w for ws in weights for w in ws), Value(5.0)]
    example = [0.5] * width
    program = trace(lambda x: sum(autograd.dot(ws, x) ** 2 for ws in weights), example, parameters=leaves)
    theta = program.parameters[:-1].reshape(width, width)
    kept = []
    for scale in (1.0, 2.0, 3.0, 4.0, 5.0):
        x = scale * np.linspace(-1.0, 1.0, width)
        expected = np.append(np.outer(2.0 * (theta @ x), x), 0.0)
        value, gradient = program.value_and_grad(x)
        kept.append((gradient[-10:] if scale == 2.0 else gradient, expected[-10:] if scale == 2.0 else expected))
        del gradient
        program.value_and_grad(x)[1][:] = 7.0  # what is done to them is forgotten, too
    assert value == pytest.approx(np.sum((theta @ x) ** 2))
    for gradient, expected in kept:
        np.testing.assert_allclose(gradient, expected, rtol=1e-11, atol=1e-11)
    again = program.value_and_grad(x)[1]
    np.testing.assert_allclose(again, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.filterwarnings("ignore:Setting the (shape|dtype)")  # which NumPy is about to forbid
@pytest.mark.parametrize("parameters", [5, 9000])
def test_what_is_given_away_leaves_nothing_behind(parameters):
    """Neither its shape, nor its type, nor a flag: the memory is used again, the array is not."""
    w = [Value(0.001 * i) for i in range(parameters)]
    program = trace(lambda x: autograd.dot(w, [x, 2.0 * x] + [x * x] * (parameters - 2)), 1.0, parameters=w)
    x = np.array([1.0, 2.0])
    expected = program.value_and_grad(x, wrt="both")
    for change in (
        lambda array: array.setflags(write=False),
        lambda array: setattr(array, "shape", (1, -1)),
        lambda array: setattr(array, "dtype", np.int64),
    ):
        values, (gradient, slopes) = program.value_and_grad(x, wrt="both")
        for array in (values, gradient, slopes):
            change(array)
        del array, values, gradient, slopes
        values, (gradient, slopes) = program.value_and_grad(x, wrt="both")
        for array, before in ((values, expected[0]), (gradient, expected[1][0]), (slopes, expected[1][1])):
            assert array.flags.writeable
            np.testing.assert_array_equal(array, before, strict=True)


def test_a_large_batch_of_nothing():
    w = Value(2.0)
    program = trace(lambda x: w * w * w, np.zeros(0))
    values, gradient = program.value_and_grad(np.zeros((100, 0)))
    assert (values.tolist(), gradient.tolist()) == ([8.0] * 100, [pytest.approx(12.0)])


@both_ways
def test_many_batch_sizes_one_after_the_other():
    f, leaves, _ = network()
    program = trace(f, [0.0] * 3, parameters=leaves)
    rng = np.random.default_rng(2)
    for n in [*range(1, 24), 3, 64, 1, 65, 3, 200]:
        batch = rng.normal(size=(n, 3))
        rows = [0, n // 2, n - 1]
        values, by_leaves, by_inputs = eager(f, leaves, *batch[rows])
        found, (gradient, slopes) = program.value_and_grad(batch, wrt="both", reduce=None)
        np.testing.assert_allclose(found[rows], values, rtol=1e-12)
        np.testing.assert_allclose(gradient[rows], by_leaves, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(slopes[rows], by_inputs, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(program.value_and_grad(batch)[1], gradient.mean(axis=0), rtol=1e-10, atol=1e-13)


@both_ways
def test_the_same_call_gives_the_same_bits_also_from_a_program_traced_anew():
    f, leaves, batch = network()
    results = []
    for _ in range(2):
        program = trace(f, [0.0] * 3, parameters=leaves)
        for _ in range(2):
            found = program.value_and_grad(batch, wrt="both")
            results.append((found[0].tobytes(), found[1][0].tobytes(), found[1][1].tobytes()))
    assert len(set(results)) == 1


@both_ways
def test_no_arguments_and_empty_arguments():
    w = Value(2.0)
    program = trace(lambda xs: autograd.sum(xs) + w, [])
    assert program([]) == 2.0
    assert program(np.zeros((3, 0))).tolist() == [2.0] * 3
    value, (by_w, by_xs) = program.value_and_grad(np.zeros((3, 0)), wrt="both", reduce="sum")
    assert (value.tolist(), by_w.tolist(), by_xs.shape) == ([2.0] * 3, [3.0], (3, 0))
    assert trace(lambda: w * w).value_and_grad(wrt="both") == (4.0, (pytest.approx([4.0]), ()))


def test_unused_arguments_have_gradients_of_zero():
    program = trace(lambda x, y: x * 2.0, 1.0, [1.0, 1.0])
    by_x, by_y = program.value_and_grad([1.0, 2.0], np.ones((2, 2)))[1]
    assert (by_x.tolist(), by_y.tolist()) == ([2.0, 2.0], [[0.0, 0.0], [0.0, 0.0]])


def test_a_deep_chain_needs_no_deep_stack():
    def f(x):
        y = x
        for _ in range(1500):
            y = 0.999 * y + 0.001 * y * x
        return y

    program = trace(f, 1.0)
    values, _, slopes = eager(lambda xs: f(xs[0]), [], [0.5], [0.9])
    found, gradient = program.value_and_grad([0.5, 0.9])
    np.testing.assert_allclose(found, values, rtol=1e-11)
    np.testing.assert_allclose(gradient, slopes[:, 0], rtol=1e-11)


# ---------------------------------------------------------------- models as people write them


def values_of(rng, *shape):
    """Parameters in nested lists."""
    return [values_of(rng, *shape[1:]) for _ in range(shape[0])] if shape else Value(rng.normal(scale=0.5))


def flat(nested):
    return [v for part in nested for v in flat(part)] if isinstance(nested, list) else [nested]


def perceptron(rng):
    layers = [(values_of(rng, m, n), values_of(rng, m)) for n, m in ((12, 9), (9, 9), (9, 4))]

    def f(xs):
        for weights, biases in layers:
            dots = [sum(w * x for w, x in zip(row, xs, strict=True)) for row in weights]
            xs = [autograd.relu(total + b) for total, b in zip(dots, biases, strict=True)]
        return autograd.logsumexp(xs) - xs[1]

    return f, [layer for pair in layers for layer in pair], 12


def attention(rng):
    """Two heads, causal, over five positions of four numbers, with a residual and a norm."""
    n, width, heads = 5, 4, 2
    queries, keys, values = (values_of(rng, heads, width, width) for _ in range(3))
    out = values_of(rng, width, heads * width)

    def f(xs):
        positions = [xs[width * i : width * (i + 1)] for i in range(n)]
        gathered = [[] for _ in range(n)]
        for h in range(heads):
            q, k, v = ([[autograd.dot(row, x) for row in m[h]] for x in positions] for m in (queries, keys, values))
            for i in range(n):
                scores = autograd.softmax([autograd.dot(q[i], k[j]) / 2.0 for j in range(i + 1)])
                gathered[i] += [sum(scores[j] * v[j][c] for j in range(i + 1)) for c in range(width)]
        total = 0.0
        for x, y in zip(positions, gathered, strict=True):
            z = [a + autograd.dot(row, y) for a, row in zip(x, out, strict=True)]
            centre = autograd.mean(z)
            spread = autograd.mean([(a - centre) ** 2 for a in z])
            total += autograd.sum([autograd.gelu((a - centre) / autograd.sqrt(spread + 1e-5)) for a in z])
        return total

    return f, [queries, keys, values, out], n * width


def convolution(rng):
    """Three 3 x 3 kernels over 6 x 6 pixels, the largest of each 2 x 2, and a layer on top."""
    kernels, biases, last = values_of(rng, 3, 3, 3), values_of(rng, 3), values_of(rng, 3 * 4)

    def f(xs):
        image = [xs[6 * i : 6 * (i + 1)] for i in range(6)]
        pooled = []
        for kernel, bias in zip(kernels, biases, strict=True):
            maps = [
                [
                    autograd.tanh(sum(kernel[a][b] * image[i + a][j + b] for a in range(3) for b in range(3)) + bias)
                    for j in range(4)
                ]
                for i in range(4)
            ]
            for i in (0, 2):
                for j in (0, 2):
                    square = [maps[i][j], maps[i][j + 1], maps[i + 1][j], maps[i + 1][j + 1]]
                    pooled.append(autograd.maximum(autograd.maximum(*square[:2]), autograd.maximum(*square[2:])))
        return autograd.dot(last, pooled)

    return f, [kernels, biases, last], 36


def recurrent(rng):
    """A gated cell of four numbers over six steps."""
    gate, new = values_of(rng, 4, 7), values_of(rng, 4, 7)

    def f(xs):
        state = [0.0] * 4
        for t in range(6):
            seen = [*state, *xs[3 * t : 3 * t + 3]]
            gates = [autograd.sigmoid(autograd.dot(row, seen)) for row in gate]
            news = [autograd.tanh(autograd.dot(row, seen)) for row in new]
            state = [g * s + (1.0 - g) * n for g, s, n in zip(gates, state, news, strict=True)]
        return autograd.sum(state)

    return f, [gate, new], 18


def kernel_machine(rng):
    """Distances to seven centres, and a mixture of them; every row meets every row."""
    centres, weights, width = values_of(rng, 7, 5), values_of(rng, 7), Value(0.7)

    def f(xs):
        near = [autograd.exp(-width * sum((x - c) ** 2 for x, c in zip(xs, row, strict=True))) for row in centres]
        spread = autograd.mean([autograd.dot(a, b) for a in centres for b in centres])
        return autograd.dot(weights, near) / (1.0 + autograd.sum(near)) + 0.1 * spread

    return f, [centres, weights, width], 5


def dynamics(rng):
    """Steps of an equation of motion, with a leaf in every one and a branch at a wall."""
    pull, drag = Value(1.5), Value(0.1)

    def f(xs):
        place, speed = xs
        for _ in range(25):
            speed = speed - 0.1 * (pull * autograd.sin(place) + drag * speed)
            place = place + 0.1 * speed
            if place > 1.3:
                place, speed = 2.6 - place, -0.9 * speed
        return place * place + speed * speed

    return f, [pull, drag], 2


MODELS = [perceptron, attention, convolution, recurrent, kernel_machine, dynamics]


@both_ways
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models_agree_with_the_eager_engine(model):
    rng = np.random.default_rng(7)
    f, parameters, n = model(rng)
    leaves = flat(parameters)
    program = trace(f, [0.1] * n, parameters=leaves)
    for size in (1, 4, 9):
        batch = rng.normal(size=(size, n))
        values, by_leaves, by_inputs = eager(f, leaves, *batch)
        found, (gradient, slopes) = program.value_and_grad(batch, wrt="both", reduce=None)
        np.testing.assert_allclose(found, values, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(gradient, by_leaves, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(slopes, by_inputs, rtol=1e-9, atol=1e-11)
        for reduce, wanted in (("mean", by_leaves.mean(axis=0)), ("sum", by_leaves.sum(axis=0))):
            np.testing.assert_allclose(program.value_and_grad(batch, reduce=reduce)[1], wanted, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(program(batch), values, rtol=1e-11, atol=1e-12)


# ---------------------------------------------------------------- wrong calls


def test_a_wrong_shape_names_the_argument_and_both_shapes():
    program = trace(lambda xs, y: autograd.sum(xs) * y, [1.0, 2.0], 1.0)
    for given, found in [
        (np.ones(3), "(3,)"), (np.ones((4, 3)), "(4, 3)"), (np.ones((4, 2, 1)), "(4, 2, 1)"), (1.0, "()"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=r"program: argument 0 must have shape") as wrong:
            program(given, np.ones(4) if np.ndim(given) > 1 else 1.0)
        assert "(2,)" in str(wrong.value)
        assert "(n, 2)" in str(wrong.value)
        assert f"got {found}" in str(wrong.value)
    with pytest.raises(ValueError, match=r"argument \d must have shape.* got \(\d.*argument \d: \(\d"):
        program(np.ones((4, 2)), np.ones(3))
    with pytest.raises(ValueError, match="argument 1 must have shape"):
        program(np.ones((4, 2)), np.ones((1, 1)))
    assert program([1.0, 2.0], 2.0) == 6.0


def test_a_part_of_an_argument_is_named():
    program = trace(lambda d: d["a"][0][1] * d["b"][0], {"a": [[1.0, 2.0], [3.0]], "b": [1.0]})
    with pytest.raises(ValueError, match=re.escape("program: argument 0['a'][1] must have shape (1,)")):
        program({"a": [np.ones((3, 2)), np.ones((3, 2))], "b": np.ones((3, 1))})
    with pytest.raises(ValueError, match=re.escape("program: argument 0 must hold ['a', 'b'], as the example did")):
        program({"a": [[1.0, 2.0], [3.0]]})
    with pytest.raises(TypeError, match="argument 0 must be a dict as in the example"):
        program([1.0])
    with pytest.raises(ValueError, match=re.escape("argument 0['a'] must hold [0, 1]")):
        program({"a": [[1.0, 2.0]], "b": [1.0]})


class Point(NamedTuple):
    x: Any
    y: Any


def test_a_batch_for_a_structure_is_one_of_arrays_or_a_list_of_structures():
    program = trace(lambda p: p.x - 2.0 * p.y[0], Point(1.0, [2.0]))
    arrays = Point(np.array([1.0, 2.0]), np.array([[3.0], [4.0]]))
    for given in (arrays, [Point(1.0, [3.0]), Point(2.0, [4.0])]):
        values, slopes = program.value_and_grad(given)
        assert values.tolist() == [-5.0, -6.0]
        assert (type(slopes), slopes.x.tolist(), slopes.y.tolist()) == (Point, [1.0, 1.0], [[-2.0], [-2.0]])
    records = trace(lambda d: d["a"] * d["b"], {"a": 1.0, "b": 2.0})
    assert records([{"a": 1.0, "b": 2.0}, {"b": 3.0, "a": 4.0}]).tolist() == [2.0, 12.0]
    for wrong in (np.ones((3, 2)), [1.0, 2.0], (1.0, [2.0]), [Point(1.0, [2.0]), (1.0, [2.0])], []):
        with pytest.raises(TypeError, match="argument 0 must be a Point as in the example"):
            program(wrong)
    with pytest.raises(
        ValueError, match=r"argument 0.x must have shape \(\) in each of a list of examples.* example 1"
    ):
        program([Point(1.0, [2.0]), Point([1.0, 2.0], [2.0])])


def test_a_tuple_of_arrays_is_a_batch_of_each_and_a_tuple_of_tuples_one_of_examples():
    program = trace(lambda t: t[0] - 2.0 * t[1], (1.0, 2.0))
    for given in (
        (np.array([1.0, 2.0]), np.array([3.0, 4.0])), ([1.0, 2.0], [3.0, 4.0]),
        ((1.0, 3.0), (2.0, 4.0)), [(1.0, 3.0), (2.0, 4.0)], np.array([[1.0, 3.0], [2.0, 4.0]]),
    ):  # fmt: skip
        assert program(given).tolist() == [-5.0, -6.0]
    assert program((np.ones(3), np.zeros(3))).tolist() == [1.0] * 3
    assert program((1.0, 3.0)) == -5.0


def test_an_array_that_the_function_returns_is_an_array_of_the_batch():
    program = trace(lambda x: np.array([[x, x * x], [1.0, 2.0 * x]]), 2.0)
    assert program(3.0).tolist() == [[3.0, 9.0], [1.0, 6.0]]
    assert program([3.0, 4.0]).tolist() == [[[3.0, 9.0], [1.0, 6.0]], [[4.0, 16.0], [1.0, 8.0]]]
    found = program(Value(3.0))
    assert [getattr(x, "data", x) for x in found.flat] == [3.0, 9.0, 1.0, 6.0]


def test_what_is_no_array_of_numbers_is_refused():
    program = trace(lambda xs: autograd.sum(xs), [1.0, 2.0])
    for wrong in (
        "ab",
        [["a", "b"]],
        None,
        [[1.0, None]],
        [[1.0, 2.0], [3.0]],
        [[1j, 1.0]],
        [[True, False]],
        {"a": 1.0},
    ):
        with pytest.raises(
            TypeError, match=r"program: argument 0 must be an array of numbers of shape \(2,\), or \(n, 2\)"
        ):
            program(wrong)


def test_whole_numbers_beyond_those_of_numpy():
    program = trace(lambda x: x * 2.0, 1.0)
    assert program(10**30) == 2e30
    assert program([10**30, Fraction(1, 2)]).tolist() == [2e30, 1.0]
    with pytest.raises(ValueError, match="argument 0 holds a number that is too large, got 1000"):
        program(10**400)
    with pytest.raises(ValueError, match="argument 0 holds a number that is too large"):
        trace(lambda i: take([1.0, 2.0], i), 0)(10**30)


def test_the_number_of_arguments_is_checked():
    program = trace(lambda x, y: x * y, 1.0, 2.0)
    for given in ((), (1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(TypeError, match=f"program: takes 2 arguments, got {len(given)}"):
            program(*given)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match=r"empty.* give at least one example"):
        trace(lambda xs: autograd.sum(xs), [1.0, 2.0])(np.zeros((0, 2)))


def test_wrong_options_name_those_that_there_are():
    program = trace(lambda x: x, 1.0)
    with pytest.raises(ValueError, match="reduce must be 'mean', 'sum' or None, got 'max'"):
        program.value_and_grad(1.0, reduce="max")
    with pytest.raises(ValueError, match="wrt must be 'parameters', 'inputs' or 'both', got 'x'"):
        program.value_and_grad(1.0, wrt="x")


# ---------------------------------------------------------------- integers


def test_indices_must_be_integers():
    program = trace(lambda i: take([1.0, 2.0, 3.0], i), 0)
    for kind in (int, np.int32, np.uint8, np.int64):
        assert program(np.array([2, 0], dtype=kind)).tolist() == [3.0, 1.0]
    assert program(1) == program(np.int64(1)) == 2.0
    for wrong in (1.0, [1.0, 2.0], np.array([1.0])):
        with pytest.raises(TypeError, match=r"argument 0 is an index .* must be an array of integers, got float64"):
            program(wrong)
    with pytest.raises(TypeError, match="argument 0"):
        program(True)


@both_ways
def test_an_index_out_of_range_names_argument_index_row_and_table():
    program = trace(lambda x, ks: x * take([1.0, 2.0, 3.0], ks[1]) + one_hot(ks[0], 5)[2], 1.0, [0, 0])
    with pytest.raises(
        IndexError, match="argument 1 holds the index 3 in row 2, out of range for a table of 3, places 0 to 2"
    ):
        program(np.ones(4), [[4, 0], [0, 2], [4, 3], [0, 4]])
    with pytest.raises(IndexError, match="argument 1 holds the index -1 in row 0, out of range for a table of 5"):
        program.value_and_grad(np.ones(2), [[-1, 0], [0, 0]])
    with pytest.raises(IndexError, match="index 3"):
        program(1.0, [0, 3])
    assert program(np.ones(2), [[2, 2], [0, 0]]).tolist() == [4.0, 1.0]


@both_ways
def test_gradients_flow_to_the_entries_that_were_taken():
    table = [[Value(float(3 * i + j)) for j in range(3)] for i in range(4)]
    program = trace(
        lambda i: autograd.dot(take(table, i), [1.0, 2.0, 3.0]), 0, parameters=[v for row in table for v in row]
    )
    value, gradient = program.value_and_grad([3, 1, 3], reduce="sum")
    assert value.tolist() == [62.0, 26.0, 62.0]
    assert gradient.reshape(4, 3).tolist() == [[0.0] * 3, [1.0, 2.0, 3.0], [0.0] * 3, [2.0, 4.0, 6.0]]
    assert program.value_and_grad([0, 1], wrt="inputs")[1] is None


# ---------------------------------------------------------------- parameters


@both_ways
def test_parameters_can_be_set_whole_and_in_part():
    w, b = Value(2.0), Value(1.0)
    program = trace(lambda x: w * x + b, 1.0)
    assert program.parameters.tolist() == [2.0, 1.0]
    program.parameters = [3.0, 4.0]
    assert program(1.0) == 7.0
    program.parameters[1] = 5.0
    assert program([1.0, 2.0]).tolist() == [8.0, 11.0]
    program.parameters -= 1.0
    assert program(1.0) == 6.0
    theta = np.array([1.0, 1.0])
    program.parameters = theta
    theta[:] = 100.0
    assert program(1.0) == 2.0
    assert (w.data, b.data) == (2.0, 1.0)


def test_parameters_of_a_wrong_shape_are_refused():
    w, b = Value(2.0), Value(1.0)
    program = trace(lambda x: w * x + b, 1.0)
    for wrong in ([1.0], 1.0, [[1.0, 2.0]], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="program: there are 2 parameters, got an array of shape"):
            program.parameters = wrong
    assert program.parameters.tolist() == [2.0, 1.0]


@both_ways
def test_load_and_store_exchange_numbers_with_the_values():
    w, b = Value(2.0), Value(1.0)
    program = trace(lambda x: w * x + b, 1.0)
    w.data = 10.0
    assert program(1.0) == 3.0
    program.load()
    assert program(1.0) == 11.0
    program.parameters = [4.0, 5.0]
    program.store()
    assert (w.data, b.data, w.has_grad) == (4.0, 5.0, False)


@both_ways
def test_load_reads_what_is_frozen_too():
    w, frozen = Value(2.0), Value(1.0)
    program = trace(lambda x: w * x + frozen if x > 0.0 else frozen, 1.0, parameters=[w])
    assert program([1.0, -1.0]).tolist() == [3.0, 1.0]
    frozen.data = 5.0
    assert program([1.0, -1.0]).tolist() == [3.0, 1.0]
    program.load()
    assert program([1.0, -1.0]).tolist() == [7.0, 5.0]


@both_ways
def test_training_by_a_program_is_training():
    f, leaves, batch = network()
    program = trace(lambda xs, y: (f(xs) - y) ** 2, [0.0] * 3, 0.0, parameters=leaves)
    targets = np.sin(batch).sum(axis=1)
    losses = []
    for _ in range(200):
        values, gradient = program.value_and_grad(batch, targets)
        losses.append(values.mean())
        program.parameters -= 0.05 * gradient
    assert losses[-1] < 0.1 * losses[0]
    program.store()
    values, _, _ = eager(f, leaves, *batch)
    assert np.mean((values - targets) ** 2) == pytest.approx(program(batch, targets).mean(), rel=1e-10)


# ---------------------------------------------------------------- every row, everywhere it is defined


SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, 1e300, -1e300, 1e-300, 5e-324, 30.0, -800.0, 800.0]
PUBLIC = [row for row in ROWS if row.public]


def special_points(row):
    count = 2 * row.groups if row.rule else row.arity
    found = [
        tuple(SPECIAL[(i * step + k * (k + i)) % len(SPECIAL)] for k in range(count))
        for i in range(15)
        for step in (1, 7)
    ]
    found += [(x,) * count for x in SPECIAL]
    return [point[:count] for point in points(row)] + found


def outcome(compute):
    """What comes out, or the error that does."""
    try:
        return compute()
    except DomainError as error:
        return str(error).split(" (row ")[0]


@both_ways
@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_a_row_gives_the_same_values_and_errors_as_eagerly(row):
    example = points(row)[0][: 2 * row.groups if row.rule else row.arity]
    program = trace(lambda xs: call(row, xs), list(example))
    fine = []
    for point in special_points(row):
        wanted = outcome(lambda: eager(lambda xs: call(row, xs), [], point))  # noqa: B023  # called at once
        found = outcome(lambda: program(np.array([point])))  # noqa: B023
        value = outcome(lambda: getattr(call(row, [Value(x) for x in point]), "data", None))  # noqa: B023
        if isinstance(value, str):
            assert found == value
            continue
        np.testing.assert_allclose(found, [value], rtol=1e-14, err_msg=str(point))
        if isinstance(wanted, str):
            assert outcome(lambda: program.value_and_grad(np.array([point]), wrt="inputs")) == wanted  # noqa: B023
        else:
            slopes = program.value_and_grad(np.array([point]), wrt="inputs")[1]
            np.testing.assert_allclose(slopes, wanted[2], rtol=1e-13, atol=1e-300, err_msg=str(point))
            fine.append(point)
    values, _, slopes = eager(lambda xs: call(row, xs), [], *fine)
    found, gradient = program.value_and_grad(np.array(fine), wrt="inputs")
    np.testing.assert_allclose(found, values, rtol=1e-14)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-13, atol=1e-300)


def program_of_one_argument(corner, i):
    """The corner's primitive as a program of argument i; the others are constants."""
    before, after = corner.point[:i], corner.point[i + 1 :]
    for ordinary in (0.5, 2.0):
        try:
            return trace(lambda x: corner.primitive(*before, x, *after), ordinary)
        except DomainError:
            continue
    return None


@both_ways
@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: f"{corner.primitive.name}{corner.point}")
def test_corners_are_as_they_are_written_down(corner):
    for i, (x, partial) in enumerate(zip(corner.point, corner.partials, strict=True)):
        program = program_of_one_argument(corner, i)
        if program is None:
            continue
        for batch in ([x], [x] * 3):
            if corner.value is None:
                with pytest.raises(DomainError, match=f"^{corner.primitive.name}: "):
                    program(batch)
            else:
                np.testing.assert_allclose(program(batch), corner.value, rtol=1e-14)
            if partial is None:
                with pytest.raises(DomainError):
                    program.value_and_grad(batch)
            else:
                np.testing.assert_allclose(program.value_and_grad(batch)[1], partial, rtol=1e-13)


@both_ways
def test_nothing_flows_into_what_is_not_chosen():
    w = Value(0.0)
    program = trace(lambda x: autograd.where(autograd.step(x), autograd.sqrt(w), x * 2.0), 1.0)
    value, (by_w, by_x) = program.value_and_grad([-1.0, -2.0], wrt="both", reduce="sum")
    assert (value.tolist(), by_w.tolist(), by_x.tolist()) == ([-2.0, -4.0], [0.0], [2.0, 2.0])


def test_a_users_own_primitives_run_in_programs(own_rows):
    ours = autograd.primitive("ours", lambda x: x * x * x, None, lambda x, y: 3.0 * x * x)
    array = autograd.primitive("array", lambda a, b: a * a + b, lambda a, b: a * a + b, lambda a, b, y: 2.0 * a, 1.0)

    def f(xs):
        return autograd.sum([array(ours(x), xs[0]) for x in xs])

    program = trace(f, [1.0, 2.0, 3.0])
    batch = np.random.default_rng(3).normal(size=(5, 3))
    values, _, slopes = eager(f, [], *batch)
    found, gradient = program.value_and_grad(batch)
    np.testing.assert_allclose(found, values, rtol=1e-13)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12)


# ---------------------------------------------------------------- errors on a batch, nan and infinity


@both_ways
def test_a_domain_error_names_primitive_value_and_row_and_the_program_stays_usable():
    w = Value(2.0)
    program = trace(lambda x: autograd.log(x) * w, 1.0)
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -1\.0.*row 2 of the batch"):
        program([1.0, 2.0, -1.0, 3.0])
    assert program([1.0, math.e]).tolist() == [0.0, 2.0]
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got 0\.0.*row 1 of the batch"):
        program.value_and_grad([1.0, 0.0])
    assert program.value_and_grad([1.0, math.e])[1].tolist() == [0.5]
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -1\.0"):
        program(-1.0)
    assert program(1.0) == 0.0


@both_ways
def test_a_domain_error_on_one_of_several_paths_names_the_row_of_the_whole_batch():
    program = trace(lambda x: autograd.log(x - 5.0) if x > 1.0 else -x, 6.0)
    assert program([6.0, 0.5]).tolist() == [0.0, -0.5]
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -3\.0.*row 2 of the batch"):
        program([6.0, 0.5, 2.0, 7.0])
    assert program([6.0, 0.5]).tolist() == [0.0, -0.5]


def test_a_domain_error_on_a_path_that_is_new_names_the_row_too():
    program = trace(lambda x: autograd.log(x - 5.0) if x > 1.0 else -x, 0.0)
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -3\.0.*row 2 of the batch"):
        program([0.0, 0.5, 2.0, 7.0])
    assert program([0.5, 6.0]).tolist() == [-0.5, 0.0]


def test_a_branch_that_keeps_out_of_the_domain_raises_nothing():
    program = trace(lambda x: autograd.sqrt(x) if x > 0.0 else x * x, 1.0)
    found, slopes = program.value_and_grad([4.0, -3.0, 0.0, 9.0])
    assert (found.tolist(), slopes.tolist()) == ([2.0, 9.0, 0.0, 3.0], [0.25, -6.0, 0.0, 1.0 / 6.0])


@both_ways
def test_infinite_slopes_that_meet_are_an_error_as_eagerly():
    program = trace(lambda x: autograd.sqrt(x) - autograd.sqrt(2.0 * x), 1.0)
    assert program([0.0, 1.0])[0] == 0.0
    with pytest.raises(DomainError, match=r"backward: the gradient at .*row 1 of the batch"):
        program.value_and_grad([1.0, 0.0])
    assert trace(lambda x: autograd.sqrt(x), 1.0).value_and_grad([0.0, 1.0])[1].tolist() == [INF, 0.5]


@both_ways
def test_nan_and_infinity_stay_in_their_examples():
    w = [Value(0.5), Value(-0.25)]
    program = trace(lambda xs: autograd.tanh(autograd.dot(w, xs)) + xs[0], [1.0, 1.0])
    batch = np.array([[1.0, 2.0], [NAN, 1.0], [1.0, NAN], [3.0, -1.0]])
    values, by_leaves, by_inputs = eager(lambda xs: autograd.tanh(autograd.dot(w, xs)) + xs[0], w, *batch)
    found, (gradient, slopes) = program.value_and_grad(batch, wrt="both", reduce=None)
    np.testing.assert_allclose(found, values, rtol=1e-13)
    np.testing.assert_allclose(gradient, by_leaves, rtol=1e-12)
    np.testing.assert_allclose(slopes, by_inputs, rtol=1e-12)
    assert np.isnan(program.value_and_grad(batch, reduce="sum")[1]).all()
    assert program(batch[[0, 3]]).tolist() == values[[0, 3]].tolist()
    batch[2] = [INF, 1.0]
    np.testing.assert_array_equal(program(batch), [values[0], NAN, INF, values[3]])
    with pytest.raises(DomainError, match=r"0 · ∞ at dot.*row 2 of the batch"):  # tanh is flat at infinity
        program.value_and_grad(batch, wrt="both", reduce=None)


def test_a_nan_takes_the_branch_that_it_takes_eagerly():
    program = trace(lambda x: x * 2.0 if x > 0.0 else 7.0, 1.0)
    assert program([1.0, NAN, -1.0]).tolist() == [2.0, 7.0, 7.0]
    nested = trace(lambda x: 1.0 if x > 0.0 else 2.0 if x <= 0.0 else 3.0, 1.0)
    assert nested([1.0, NAN, -1.0]).tolist() == [1.0, 3.0, 2.0]


def test_a_nan_or_an_infinity_may_be_what_a_path_is_traced_on():
    def f(x):
        return autograd.elu(x) + autograd.leaky_relu(x) if x > 0.0 else autograd.elu(x) - autograd.leaky_relu(x)

    program = trace(f, 1.0)
    found = program([1.0, NAN, -1.0, INF])
    np.testing.assert_allclose(found, [f(Value(x)).data for x in (1.0, NAN, -1.0, INF)], rtol=1e-14)


@both_ways
def test_programs_give_no_numpy_warnings():
    # Warnings are errors in these tests.
    program = trace(lambda xs: autograd.exp(xs[0]) / xs[1] + autograd.sqrt(xs[0]), [1.0, 1.0])
    for batch in ([[800.0, 1.0]], [[1.0, 0.0]], [[-1.0, 1.0]], [[0.0, 1.0]], [[1e-310, 1e300]]):
        with np.errstate(all="raise"):
            outcome(lambda: program.value_and_grad(batch))  # noqa: B023  # called at once


# ---------------------------------------------------------------- branches


def log_or_not(x):
    try:
        return autograd.log(x)
    except DomainError:
        return x * 0.0 - 1.0


def first_that_works(x, y):
    for attempt in (lambda y: autograd.sqrt(x - y), lambda y: 1.0 / (x + y), lambda y: autograd.acos(y)):
        try:
            return attempt(y) * 2.0 + y
        except ValueError:
            y = y + 1.0
    return y * x


@pytest.mark.parametrize("start", [-1.0, 2.0])
def test_an_error_that_is_caught_is_a_branch(start):
    program = trace(log_or_not, start)
    batch = [2.0, -1.0, 0.5, 0.0, 3.0]
    for _ in range(2):
        value, slopes = program.value_and_grad(batch)
        assert value.tolist() == [math.log(2.0), -1.0, math.log(0.5), -1.0, math.log(3.0)]
        assert slopes.tolist() == [0.5, 0.0, 2.0, 0.0, 1.0 / 3.0]
    assert len(program.paths) == 2
    assert program(-5.0) == -1.0
    again = pickle.loads(pickle.dumps(program))
    assert again(batch).tolist() == program(batch).tolist()


def test_several_errors_that_are_caught():
    rng = random.Random(1)
    batch = np.array([[rng.choice([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]) for _ in range(2)] for _ in range(60)])
    program = trace(first_that_works, *batch[0])
    expected = [first_that_works(*map(Value, row)).data for row in batch]
    assert program(*batch.T).tolist() == expected
    assert [program(*row) for row in batch] == expected


def test_an_error_that_is_not_caught_names_its_row():
    program = trace(lambda x: log_or_not(x) + 1.0 / (x + 3.0), 1.0)
    with pytest.raises(ZeroDivisionError, match=r"div: the divisor must not be 0.*row 2 of the batch"):
        program([1.0, -1.0, -3.0])
    assert program([1.0, -1.0]).tolist() == [0.25, -0.5]


@pytest.mark.parametrize("n", [1, 3, 50])
def test_ties_fall_as_they_do_on_plain_numbers(n):
    def f(xs):
        if (xs[0] + xs[1]) + (xs[2] + xs[0]) > 0.7:
            return xs[0]
        if xs[1] * xs[2] - xs[0] * xs[1] + autograd.dot(xs, xs) == 0.3 or xs[0] - (xs[1] - xs[2]) != 0.1:
            return -xs[0]
        return xs[1]

    rng = random.Random(1)
    batch = [[round(rng.uniform(-0.6, 0.6), 1) for _ in range(3)] for _ in range(n)]
    program = trace(f, batch[0])
    for _ in range(2):
        assert program(batch).tolist() == [f(row) for row in batch]


def test_a_path_is_traced_in_the_world_of_the_first():
    scale, shift = 2.0, Value(2.0)
    w = Value(1.0)
    program = trace(lambda x: w * x * shift if x > 0.0 else -x * shift * w, 1.0, parameters=[w])
    shift.data = 3.0
    assert program([1.0, -1.0, 2.0]).tolist() == [2.0, 2.0, 4.0]
    assert shift.data == 3.0
    program.load()
    assert program([1.0, -1.0, 2.0]).tolist() == [3.0, 3.0, 6.0]

    program = trace(lambda x: x * scale if x > 0.0 else -x * scale, 1.0)
    scale = 3.0
    assert program([1.0, 2.0]).tolist() == [2.0, 4.0]
    with pytest.raises(TraceError, match="the world has changed"):
        program([1.0, -1.0])
    scale = 2.0
    assert program([1.0, -1.0]).tolist() == [2.0, 2.0]


def test_tracing_another_path_leaves_graphs_as_they_were():
    w = Value(3.0)
    program = trace(lambda x: w * x if x > 0.0 else -w * x, 1.0)
    y = w * w
    program.parameters = [5.0]
    assert program([1.0, -1.0]).tolist() == [5.0, 5.0]
    y.backward()
    assert w.grad == 6.0


@both_ways
def test_each_path_is_traced_once_and_examples_keep_their_order():
    calls = []
    w = Value(2.0)

    def f(x):
        calls.append(1)
        if x > 1.0:
            return w * x
        return -x if x < 0.0 else w

    program = trace(f, 2.0)
    for _ in range(3):
        value, gradient = program.value_and_grad([2.0, -1.0, 0.5, 3.0, -2.0, 0.25], reduce=None)
        assert value.tolist() == [4.0, 1.0, 2.0, 6.0, 2.0, 2.0]
        assert gradient[:, 0].tolist() == [2.0, 0.0, 1.0, 3.0, 0.0, 1.0]
    assert len(program.paths) == 3
    assert len(calls) <= 3 * 3 + 3  # each path twice and on plain numbers; those known are looked at once more
    assert program.value_and_grad([2.0, -1.0, 0.5, 3.0], reduce="mean")[1].tolist() == [1.5]
    assert program.value_and_grad([2.0, -1.0], wrt="inputs")[1].tolist() == [2.0, -1.0]


def test_a_loop_runs_as_often_as_each_example_asks():
    def halvings(x):
        count = 0.0
        while x > 1.0:
            x = x * 0.5
            count += 1.0
        return x + count

    program = trace(halvings, 1.0)
    batch = np.linspace(0.3, 40.0, 50)
    assert program(batch).tolist() == [getattr(halvings(Value(x)), "data", None) for x in batch]
    assert len(program.paths) == 7


def test_maximum_minimum_and_sorting_by_python():
    program = trace(lambda xs: [max(xs), min(xs), *sorted(xs), abs(xs[0])], [0.0, 1.0, 2.0], max_paths=100)
    batch = np.random.default_rng(4).normal(size=(40, 3)).round(1)
    wanted = [[max(row), min(row), *sorted(row), abs(row[0])] for row in batch.tolist()]
    assert program(batch).tolist() == wanted


@both_ways
def test_branches_follow_the_parameters_of_the_program():
    w = Value(2.0)
    program = trace(lambda x: x * w if w > x else x - w, 1.0, parameters=[w])
    assert program([1.0, 3.0]).tolist() == [2.0, 1.0]
    program.parameters = [0.5]
    assert program([0.25, 3.0]).tolist() == [0.125, 2.5]
    assert w.data == 2.0
    alone = trace(lambda x: x if w > 0.0 else -x, 1.0, parameters=[w])
    assert alone([1.0, 2.0]).tolist() == [1.0, 2.0]
    alone.parameters = [-1.0]
    assert alone([1.0, 2.0]).tolist() == [-1.0, -2.0]
    assert alone.value_and_grad([1.0, 2.0], wrt="both")[1][1].tolist() == [-1.0, -1.0]


@both_ways
def test_a_comparison_is_not_asked_where_an_earlier_one_led_elsewhere():
    def f(x):
        if x > 0.0:
            root = autograd.log(x)  # has no value for the others
            return root if root > 1.0 else -root
        if x > -INF and autograd.sqrt(-x) > 2.0:
            return x * 2.0
        return 7.0

    program = trace(f, 1.0)
    batch = [5.0, -1.0, 1.0, 0.0, -9.0, NAN, -INF, INF, 0.5, -0.0]
    wanted = [getattr(y, "data", y) for y in (f(Value(x)) for x in batch)]
    for _ in range(2):
        np.testing.assert_allclose(program(batch), wanted, rtol=1e-14)
        np.testing.assert_allclose(program(batch[:5]), wanted[:5], rtol=1e-14)
        np.testing.assert_allclose(program.value_and_grad(batch[:5])[1], [0.2, 0.0, -1.0, 0.0, 2.0], rtol=1e-14)


def test_all_four_comparisons_at_and_beside_a_tie():
    w = Value(1.0)

    def f(x):
        return [
            float(x < w),
            float(x <= w),
            float(x > w),
            float(x >= w),
            float(w < x),
            float(w >= x),
            float(x > 1),
            float(x <= 1.0),
        ]

    program = trace(f, 0.0, parameters=[w])
    for x in (0.5, 1.0, math.nextafter(1.0, 2.0), math.nextafter(1.0, 0.0), 2.0):
        assert program(x) == f(Value(x)) == program([x]).tolist()[0]


def test_too_many_paths_name_the_remedy_and_leave_the_program_usable():
    def f(xs):
        return autograd.sum([x if x > 0.0 else -2.0 * x for x in xs])

    program = trace(f, [1.0] * 3, max_paths=4)
    every = [[a, b, c] for a in (1.0, -1.0) for b in (1.0, -1.0) for c in (1.0, -1.0)]
    with pytest.raises(TraceError, match=r"more than 4 paths; .*write maximum.*where.*max_paths"):
        program(every)
    assert len(program.paths) == 4
    assert program(every[:2]).tolist() == [3.0, 4.0]
    assert trace(f, [1.0] * 3)(every).tolist() == [3.0, 4.0, 4.0, 5.0, 4.0, 5.0, 5.0, 6.0]


def test_the_remedy_for_too_many_paths_is_one_path_as_it_is_written():
    def f(xs, choose):
        return autograd.sum([choose(x, 0.5, x, -2.0 * x) for x in xs])

    rows = np.random.default_rng(1).standard_normal((500, 10)).round(1)  # 0.5 is among them
    compares = trace(lambda xs: f(xs, lambda a, b, x, y: autograd.where(a > b, x, y)), rows[0].tolist())
    with pytest.raises(TraceError, match="more than 64 paths") as refused:
        compares(rows)
    (remedy,) = re.findall(r"write (where\(step.*?, x, y\))", str(refused.value))
    program = trace(lambda xs: f(xs, eval(f"lambda a, b, x, y: {remedy}", vars(autograd))), rows[0].tolist())
    values, slopes = program.value_and_grad(rows, wrt="inputs")
    assert len(program.paths) == 1
    assert values.tolist() == [f(row, lambda a, b, x, y: x if a > b else y) for row in rows.tolist()]
    assert slopes.tolist() == np.where(rows > 0.5, 1.0, -2.0).tolist()


def test_branches_must_return_the_same_shape():
    program = trace(lambda x: x if x > 0.0 else (x, x), 1.0)
    with pytest.raises(TraceError, match="branches return different shapes"):
        program([1.0, -1.0])
    assert program([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_a_branch_with_leaves_of_its_own_asks_for_the_list_of_parameters():
    w, z = Value(2.0), Value(3.0)

    def f(x):
        return x * w if x > 0.0 else x * z

    program = trace(f, 1.0)
    with pytest.raises(TraceError, match=r"name all of them: trace\(f, \.\.\., parameters=\[\.\.\.\]\)"):
        program([1.0, -1.0])
    assert program([1.0, 2.0]).tolist() == [2.0, 4.0]
    assert trace(f, 1.0, parameters=[w, z]).value_and_grad([1.0, -1.0])[1].tolist() == [0.5, -0.5]
    assert trace(f, 1.0, parameters=[w]).value_and_grad([1.0, -1.0])[1].tolist() == [0.5]


def test_an_exception_on_a_later_branch_leaves_program_and_values_as_they_were():
    w = Value(2.0)

    def f(x):
        if x < 0.0:
            raise KeyError("negative")
        return x * w

    program = trace(f, 1.0)
    program.parameters = [4.0]
    with pytest.raises(KeyError, match="negative"):
        program([1.0, -1.0])
    assert modes == {}
    assert w.data == 2.0
    assert program([1.0, 2.0]).tolist() == [4.0, 8.0]


# ---------------------------------------------------------------- as data


def branching():
    w, z = Value(2.0), Value(3.0)
    program = trace(lambda x: (x * w if x > 0.0 else z * x, [x, w]), 1.0, parameters=[w, z])
    program.parameters = [5.0, 6.0]
    return program


@both_ways
def test_a_pickled_program_gives_the_same_results_and_keeps_its_parameters():
    program = branching()
    program([1.0, -1.0])
    copied = pickle.loads(pickle.dumps(program))
    assert type(copied) is Program
    assert copied == program
    assert copied.parameters.tolist() == [5.0, 6.0]
    batch = [1.0, -1.0, 2.0]
    for reduce in ("mean", None):
        (one, more), gradient = program.value_and_grad(batch, reduce=reduce)
        (two, also), same = copied.value_and_grad(batch, reduce=reduce)
        assert (one.tolist(), more.tolist(), gradient.tolist()) == (two.tolist(), also.tolist(), same.tolist())
    copied.parameters = [0.0, 0.0]
    assert program.parameters.tolist() == [5.0, 6.0]


def test_a_pickle_holds_no_function_and_no_values():
    text = pickle.dumps(branching())
    for name in (b"lambda", b"branching", b"test_program_run", b"restored"):
        assert name not in text


def test_frozen_values_are_in_the_pickle_as_numbers():
    frozen = Value(4.0)
    program = pickle.loads(pickle.dumps(trace(lambda x: x * frozen, 1.0, parameters=[])))
    assert program([1.0, 2.0]).tolist() == [4.0, 8.0]


def test_a_branch_that_is_new_after_unpickling_is_refused_clearly():
    copied = pickle.loads(pickle.dumps(branching()))
    with pytest.raises(TraceError, match="branch that was never taken before the program was pickled; run it on such"):
        copied([1.0, -1.0])
    assert copied([1.0])[0].tolist() == [5.0]


def test_an_unpickled_program_has_no_values_to_load_or_store():
    copied = pickle.loads(pickle.dumps(branching()))
    for action in (copied.load, copied.store):
        with pytest.raises(RuntimeError, match=r"was unpickled, so there are no Values .* use \.parameters"):
            action()
    copied.parameters = [1.0, 1.0]
    assert copied(2.0) == (2.0, [2.0, 1.0])


def test_a_pickle_may_be_read_by_the_other_engine(tmp_path):
    f, leaves, batch = network()
    program = trace(lambda xs: autograd.elu(f(xs)) + autograd.softmax(xs)[0], [0.1] * 3, parameters=leaves)
    file = tmp_path / "program.pickle"
    file.write_bytes(pickle.dumps((program, batch)))
    code = (
        "import pickle, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    program, batch = pickle.load(file)\n"
        "value, gradient = program.value_and_grad(batch)\n"
        "print([*value.tolist(), *gradient.tolist()])\n"
    )
    other = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(file)],
        env={**os.environ, "GLASSGRAD_ENGINE": "python", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert other.stderr == ""
    value, gradient = program.value_and_grad(batch)
    found = [float(x) for x in other.stdout.strip("[]\n").split(",")]
    np.testing.assert_allclose(found, [*value, *gradient], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_are_programs_of_their_own(copied):
    program = branching()
    copied = copied(program)
    copied.parameters = [1.0, 1.0]
    assert program.parameters.tolist() == [5.0, 6.0]
    assert copied == program


def test_programs_are_equal_if_they_do_the_same():
    w = Value(2.0)

    def f(x):
        return autograd.tanh(w * x)

    program = trace(f, 1.0)
    assert program == trace(f, 0.5)
    assert program == trace(lambda x: autograd.tanh(w * x), 1.0)
    for other in (
        trace(lambda x: autograd.tanh(x * w), 1.0), trace(lambda x: autograd.sin(w * x), 1.0), trace(autograd.sin, 1.0),
        trace(lambda x: (f(x),), 1.0), trace(lambda xs: f(xs[0]), [1.0]), trace(f, 1.0, dtype=np.float32),
    ):  # fmt: skip
        assert program != other
    assert trace(lambda x: x + 1.0, 1.0) != trace(lambda x: x + 2.0, 1.0)
    assert trace(lambda x: x + 0.0, 1.0) != trace(lambda x: x + -0.0, 1.0)
    assert program != 3
    changed = trace(f, 1.0)
    changed.parameters = [7.0]
    assert changed == program
    with pytest.raises(TypeError, match="unhashable"):
        hash(program)


def test_paths_belong_to_what_a_program_is():
    one, two = branching(), branching()
    assert one == two
    one([1.0, -1.0])
    assert one != two
    two([1.0, -1.0])
    assert one == two


# ---------------------------------------------------------------- float32, threads


def test_float32_programs_compute_and_return_float32():
    f, leaves, batch = network()
    program = trace(f, [0.0] * 3, parameters=leaves, dtype=np.float32)
    values, by_leaves, by_inputs = eager(f, leaves, *batch)
    assert program.parameters.dtype == np.float32
    found, (gradient, slopes) = program.value_and_grad(batch, wrt="both")
    assert {found.dtype, gradient.dtype, slopes.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient, by_leaves.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(slopes, by_inputs, rtol=1e-4, atol=1e-5)
    assert type(program(batch[0])) is float


@both_ways
def test_one_program_can_run_in_several_threads_at_once():
    f, leaves, _ = network()
    program = trace(lambda xs: f(xs) if xs[0] > 0.0 else -f(xs), [0.5] * 3, parameters=leaves)
    rng = np.random.default_rng(5)
    batches = [rng.normal(size=(n, 3)) for n in (16, 16, 16, 5)]
    wanted = [program.value_and_grad(batch, wrt="both") for batch in batches]
    wrong = []

    def work(k):
        for _ in range(200):
            value, (gradient, slopes) = program.value_and_grad(batches[k], wrt="both")
            same = value.tolist() == wanted[k][0].tolist() and gradient.tolist() == wanted[k][1][0].tolist()
            if not same or slopes.tolist() != wanted[k][1][1].tolist():
                wrong.append(k)

    in_threads(work, 4)
    assert wrong == []


def test_an_index_that_float32_cannot_hold_is_refused():
    program = trace(lambda i: 1.0 if i < 16777217 else 7.0, 0, dtype=np.float32)
    assert program([16777216]).tolist() == [1.0]
    with pytest.raises(ValueError, match=r"argument 0 holds an index beyond 2\*\*24.*float64"):
        program([16777217])
