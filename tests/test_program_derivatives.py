"""Derivatives of programs: programs as well, equal to what the eager engine finds."""

import copy
import math
import pickle
import random

import numpy as np
import pytest
from programs.derivatives import check_derivatives, check_products

import autograd
from autograd import Program, TraceError, Value, hessian, hvp, jacobian, jvp, trace, vjp
from autograd.program import Sparse, derivatives
from autograd.program.builder import NoFormula


def rosenbrock(x):
    return sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(len(x) - 1))


def mixed(x, w):
    return autograd.tanh(x[0] * w["a"]) + autograd.exp(-x[1] * w["b"][0]) * w["b"][1] ** 2 + x[2]


POINT = [0.3, -0.4, 0.9], {"a": 0.7, "b": [1.2, -0.6]}


def near(found, wanted, tolerance=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------- held against the eager engine


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("straight", [False, True])
def test_random_programs(seed, straight):
    check_derivatives(seed, branches=seed % 3 == 2, straight=straight)


@pytest.mark.parametrize("seed", range(0, 36, 3))
def test_by_vectors_as_written_out(seed):
    check_products(seed, branches=seed % 2 == 1)


def test_structures_are_those_of_the_transforms():
    program = trace(mixed, *POINT)
    by_x, by_w = jacobian(program)(*POINT)
    want_x, want_w = jacobian(mixed)(*POINT)
    near(by_x, want_x)
    assert list(by_w) == ["a", "b"]
    near(by_w["b"], want_w["b"])
    found, wanted = hessian(program)(*POINT), hessian(mixed)(*POINT)
    near(found[0][0], [by_x for by_x, _ in wanted[0]])
    near(found[0][1]["b"], [by_w["b"] for _, by_w in wanted[0]])
    near(found[1]["a"][0], wanted[1]["a"][0])
    near(found[1]["b"][1]["a"], [by_w["a"] for _, by_w in wanted[1]["b"]])
    near(found[1]["b"][1]["b"], [by_w["b"] for _, by_w in wanted[1]["b"]])
    near(hessian(program, argnums=0)(*POINT), hessian(mixed, argnums=0)(*POINT))
    near(hessian(program, argnums=(0, 0))(*POINT)[1][0], hessian(mixed, argnums=0)(*POINT))
    tangents = [0.1, 0.2, 0.3], {"a": -1.0, "b": [0.5, 2.0]}
    near(jvp(program, POINT, tangents), jvp(mixed, POINT, tangents))
    of_x, of_w = hvp(program, POINT, tangents)
    want_x, want_w = hvp(mixed, POINT, tangents)
    near([*of_x, of_w["a"], *of_w["b"]], [*want_x, want_w["a"], *want_w["b"]])
    y, pull = vjp(program, *POINT)
    assert y == program(*POINT)
    near(pull(2.0)[0], vjp(mixed, *POINT)[1](2.0)[0])


def test_results_of_several_numbers():
    def f(x, s):
        return [[x[0] * s, x[1]], [x[0] * x[1], s]], {"last": autograd.sin(s)}

    program = trace(f, np.array([0.5, 2.0]), 0.3)
    (matrix, by_s), named = jacobian(program)(np.array([0.5, 2.0]), 0.3)[0], jacobian(program)([0.5, 2.0], 0.3)[1]
    near(matrix, [[[0.3, 0.0], [0.0, 1.0]], [[2.0, 0.5], [0.0, 0.0]]])
    near(by_s, [[0.5, 0.0], [0.0, 1.0]])
    assert named["last"][1] == math.cos(0.3)
    many = np.random.default_rng(0).normal(size=(5, 2)), np.linspace(0.1, 1.0, 5)
    assert jacobian(program)(*many)[0][0].shape == (5, 2, 2, 2)
    near(jacobian(program)(*many)[0][0][3], jacobian(program)(many[0][3], many[1][3])[0][0])
    pulled = program.vjp()([0.5, 2.0], 0.3, ([[1.0, 0.0], [2.0, 0.0]], {"last": 3.0}))
    near(pulled[0], [0.3 + 4.0, 1.0])
    near(pulled[1], 0.5 + 3.0 * math.cos(0.3))


def test_second_derivatives_by_hand():
    x = np.random.default_rng(1).normal(size=(4, 6))
    found = trace(rosenbrock, x[0]).hessian()(x)
    for point, matrix in zip(x, found, strict=True):
        wanted = np.zeros((6, 6))
        for i in range(5):
            wanted[i, i] += 1200.0 * point[i] ** 2 - 400.0 * point[i + 1] + 2.0
            wanted[i + 1, i + 1] += 200.0
            wanted[i, i + 1] = wanted[i + 1, i] = -400.0 * point[i]
        near(matrix, wanted)


@pytest.mark.parametrize("row", [row for row in autograd.TABLE.values() if row.public and row.rule is None])
def test_every_row(row):
    """Jacobian and Hessian of each row of the table, at ordinary points and beside its kink."""
    rng = random.Random(row.name)
    intervals = [*row.domain.samples, *row.domain.samples * row.arity][: row.arity]
    points = [[rng.uniform(*interval) for interval in intervals] for _ in range(5)]
    program = trace(lambda xs: row(*xs), points[0], max_paths=1000)
    for point in points:
        near(jacobian(program)(point), jacobian(lambda xs: row(*xs))(point))
        near(hessian(program)(point), hessian(lambda xs: row(*xs))(point))


# ---------------------------------------------------------------- sparse ones


def test_the_pattern_is_that_of_the_function():
    x = [0.1 * i for i in range(20)]
    program = trace(rosenbrock, x)
    found = program.hessian(sparse=True)(x)
    assert isinstance(found, Sparse)
    assert found.shape == (20, 20)
    assert len(found.values) == 20 + 2 * 19
    assert all(abs(found.rows - found.columns) <= 1)
    near(found.toarray(), hessian(rosenbrock)(x), 1e-10)
    many = program.hessian(sparse=True)([x, x[::-1]])
    near(many.toarray()[1], hessian(rosenbrock)(x[::-1]), 1e-10)
    assert np.array_equal(many.toarray()[0], program.hessian()(x))
    near(hessian(program, sparse=True)(x).toarray(), found.toarray())
    near(found.tocsr().toarray(), found.toarray())
    with pytest.raises(ValueError, match="one example"):
        many.tocsr()


def test_what_is_linear_has_no_second_derivative():
    program = trace(lambda x: autograd.sum(x) + x[0] * x[1] + autograd.relu(x[2]), [1.0, 2.0, 3.0])
    assert len(program.hessian(sparse=True)([1.0, 2.0, 3.0]).values) == 2
    program = trace(lambda x: [3.0, x[2], x[0] * x[1], 2.0], [1.0, 2.0, 3.0])
    found = program.jacobian(sparse=True)([1.0, 2.0, 3.0])
    assert [*zip(found.rows.tolist(), found.columns.tolist(), strict=True)] == [(1, 2), (2, 0), (2, 1)]
    assert found.values.tolist() == [1.0, 2.0, 1.0]


def test_the_pattern_of_branches_is_their_union():
    def f(x):
        return x[0] * x[1] if x[0] > 0.0 else x[1] * x[1]

    program = trace(f, [1.0, 2.0])
    found = program.hessian(sparse=True)
    assert len(found([1.0, 2.0]).values) == 2
    both = found([[1.0, 2.0], [-1.0, 2.0], [2.0, 3.0]])
    assert both.values.tolist() == [[1.0, 1.0, 0.0], [0.0, 0.0, 2.0], [1.0, 1.0, 0.0]]
    assert program.hessian()([-1.0, 2.0]).tolist() == [[0.0, 0.0], [0.0, 2.0]]


def test_few_vectors(monkeypatch):
    monkeypatch.setattr(derivatives, "SHORT", 0)
    monkeypatch.setattr(derivatives, "TIMES", 1.1)
    x = [0.1 * i for i in range(20)]
    found = trace(rosenbrock, x).hessian()
    assert repr(found).startswith("<hessian, 3 vectors for each example, by hvp")
    near(found(x), hessian(rosenbrock)(x), 1e-10)
    near(found([x, x])[1], found(x))
    program = trace(lambda x: [x[0] * x[i] for i in range(20)] + [autograd.dot(x, x) ** 2], x)
    near(program.jacobian()(x), jacobian(lambda x: [x[0] * x[i] for i in range(20)] + [autograd.dot(x, x) ** 2])(x))
    wide = trace(lambda x, y: [autograd.dot(x, y) ** 2, autograd.sum(x) * y[0]], x, x)
    by_x, _, again = wide.jacobian(argnums=(0, 1, 0))(x, x)
    assert repr(wide.jacobian(argnums=(0, 1, 0))).startswith("<jacobian, 2 vectors for each example, by vjp")
    near(by_x[1], [0.0] * 20)
    near(by_x, again)
    assert isinstance(hessian(trace(rosenbrock, x))([Value(t) for t in x])[0][0], Value)
    with pytest.raises(TypeError, match="hessian: takes plain numbers"):
        found([Value(t) for t in x])
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again(x), found(x))
    with pytest.raises(TypeError, match="not written out"):
        found.value_and_grad(x)


# ---------------------------------------------------------------- branches, parameters, as data


def test_branches_are_those_of_the_program():
    def f(x):
        total = x[0]
        while total < 4.0:
            total = total * x[1]
        return total

    program = trace(f, [1.0, 3.0])
    second = program.hessian()
    batch = np.array([[1.0, 3.0], [1.0, 2.5], [5.0, 1.0], [3.0, 1.1], [1.0, 3.0]])
    near(second(batch), [hessian(f)(row) for row in batch.tolist()])
    assert len(second.paths) == len(program.paths) > 2
    near(program.jacobian()(batch), [jacobian(f)(row) for row in batch.tolist()])


def test_errors_that_a_function_catches():
    def f(x):
        try:
            return autograd.log(x) * x
        except ValueError:
            return x * x

    program = trace(f, 2.0)
    near(program.hessian()([2.0, -1.0, 4.0]), [0.5, 2.0, 0.25])


def test_a_path_that_is_found_by_an_error_has_a_pattern_of_its_own(monkeypatch):
    def f(x):
        try:
            return autograd.log(x[0]) * x[1]
        except ValueError:
            return x[1] ** 2 * x[2] ** 2

    monkeypatch.setattr(derivatives, "SHORT", 0)
    monkeypatch.setattr(derivatives, "TIMES", 1)
    batch = [[2.0, 3.0, 4.0], [-1.0, 3.0, 4.0]]
    for sparse in (False, True):
        found = trace(f, [2.0, 3.0, 4.0]).hessian(sparse=sparse)
        assert "vectors" in repr(found)
        found = found(batch).toarray() if sparse else found(batch)
        near(found, [hessian(f)(row) for row in batch])


def test_a_path_that_is_much_longer_than_the_first(monkeypatch):
    monkeypatch.setattr(derivatives, "SHORT", 0)
    monkeypatch.setattr(derivatives, "TIMES", 1)

    def f(x):
        return autograd.sum(x) if x[0] > 0.0 else autograd.dot(x, x) ** 2

    found = trace(f, [1.0, 2.0, 3.0]).hessian()
    near(found([[1.0, 2.0, 3.0], [-1.0, 2.0, 3.0]])[1], hessian(f)([-1.0, 2.0, 3.0]))


def test_paths_that_are_known_are_kept():
    program = trace(lambda x: x * x if x > 0.0 else 3.0 * x * x, 1.0)
    found = program.hessian()
    found(1.0)
    before = found.paths[0]
    assert found([-1.0, 2.0]).tolist() == [6.0, 2.0]
    assert found.paths[0] is before


def test_by_parameters():
    a, b = Value(0.5), Value(-1.5)
    program = trace(lambda x: autograd.exp(a * x) * b, 0.0)
    x = np.array([0.0, 0.3, 1.0])
    found = program.hessian()
    wanted = [[[t * t * math.exp(0.5 * t) * -1.5, t * math.exp(0.5 * t)], [t * math.exp(0.5 * t), 0.0]] for t in x]
    near(found(x), wanted)
    near(program.jacobian()(x), program.value_and_grad(x, reduce=None)[1])
    near(program.hvp()(0.3, [1.0, 2.0]), np.array(wanted[1]) @ [1.0, 2.0])
    program.parameters = [0.0, 1.0]
    assert found(2.0).tolist() == [[4.0, 2.0], [2.0, 0.0]]
    found.parameters = [0.0, 3.0]
    assert program.parameters.tolist() == found.parameters.tolist() == [0.0, 3.0]
    assert found(2.0).tolist() == [[12.0, 2.0], [2.0, 0.0]]


def test_frozen_values_stay_those_of_the_program():
    w, c = Value(2.0), Value(3.0)
    program = trace(lambda x: w * w * c * x, 0.0, parameters=[w])
    found = program.hessian()
    assert found(1.0).tolist() == [[6.0]]
    c.data = 5.0
    program.load()
    assert found(1.0).tolist() == [[10.0]]


def test_a_derivative_is_a_program():
    x = np.random.default_rng(2).normal(size=(6, 4))
    program = trace(rosenbrock, x[0])
    found = program.hessian()
    assert isinstance(found, Program)
    assert program.hessian() is found
    assert repr(found).startswith("<hessian by inputs, a program of ")
    assert "mul" in str(found)
    for again in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert np.array_equal(again(x), found(x))
        assert again.source.parameters.tolist() == []
    assert "_transforms" not in pickle.loads(pickle.dumps(program)).__dict__


def test_pickles_know_the_branches_that_were_taken():
    program = trace(lambda x: x * x if x > 0.0 else x**3, 1.0)
    found = program.hessian()
    found([1.0, -1.0])
    again = pickle.loads(pickle.dumps(found))
    near(again([1.0, -2.0]), [2.0, -12.0])
    with pytest.raises(TraceError, match="before the program was pickled"):
        pickle.loads(pickle.dumps(trace(lambda x: x * x if x > 0.0 else x**3, 1.0).hessian()))(-1.0)


def test_derivatives_of_derivatives():
    program = trace(lambda x: x[0] ** 3 * autograd.sin(x[1]), [1.5, 0.5])
    third = program.hessian().jacobian()([1.5, 0.5])
    assert third.shape == (2, 2, 2)
    near(third[0, 0], [6.0 * math.sin(0.5), 6.0 * 1.5 * math.cos(0.5)])
    near(third[1, 1], [-3.0 * 1.5**2 * math.sin(0.5), -(1.5**3) * math.cos(0.5)])
    second = trace(lambda x: x**4, 1.0).hessian()
    near(second.value_and_grad([1.0, 2.0])[1], [24.0, 48.0])


def test_values_lead_back():
    program = trace(lambda x: x[0] ** 3 * x[1], [1.0, 1.0])
    x, y = Value(2.0), Value(5.0)
    program.hessian()([x, y])[0, 0].backward()  # 6xy
    assert (x.grad, y.grad) == (30.0, 12.0)
    assert isinstance(hessian(program)([x, 5.0])[0][0], Value)
    outer = trace(lambda v: hessian(program)([v, v])[0][0], 2.0)
    assert outer.value_and_grad(3.0) == (54.0, 36.0)


def test_indices_and_what_is_no_number():
    def f(table, i, name, x):
        return autograd.take(table, i) ** 2 * x if name == "square" else x

    program = trace(f, [1.0, 2.0, 3.0], 0, "square", 0.5)
    by_table, by_i, by_name, by_x = program.jacobian()([1.0, 2.0, 3.0], 2, "square", 0.5)
    assert by_table.tolist() == [0.0, 0.0, 3.0]
    assert (by_i, by_name, by_x) == (None, None, 9.0)
    y, moved = program.jvp()([1.0, 2.0, 3.0], 1, "square", 0.5, [0.0, 1.0, 0.0], None, None, 1.0)
    assert (y, moved) == (2.0, 6.0)
    with pytest.raises(IndexError, match="holds the index 3"):
        program.hessian()([1.0, 2.0, 3.0], 3, "square", 0.5)


def test_single_precision():
    x = np.random.default_rng(3).normal(size=(6, 4))
    found = trace(rosenbrock, x[0], dtype=np.float32).hessian()(x)
    assert found.dtype == np.float32
    near(found, [hessian(rosenbrock)(row) for row in x.tolist()], 1e-3)


# ---------------------------------------------------------------- corners


def test_kinks_follow_their_convention():
    for f in (
        lambda x: autograd.relu(x[0]) * x[1] + abs(x[1]),
        lambda x: autograd.maximum(x[0], x[1]) ** 2,
        lambda x: autograd.leaky_relu(x[0], x[1]),
        lambda x: autograd.clip(x[0], -1.0, 1.0) * x[1],
        lambda x: autograd.where(autograd.step(x[0]), x[0] ** 2, x[1]),
    ):
        program = trace(f, [0.5, 0.7])
        for point in ([0.0, 0.0], [1.0, 1.0], [-1.0, -1.0], [0.0, 1.0], [1.0, -0.0]):
            assert hessian(program)(point).tolist() == hessian(f)(point)
            assert jacobian(program)(point).tolist() == jacobian(f)(point)


def test_a_side_that_is_not_taken_adds_nothing():
    def f(x):
        return autograd.where(autograd.step(x), x * x, autograd.sqrt(autograd.relu(x)) + x)

    program = trace(f, 1.0)
    assert hessian(program)(np.array([4.0, 1.0])).tolist() == [2.0, 2.0]
    with np.errstate(all="raise", under="ignore"):
        for point in (4.0, -1.0):
            assert hessian(program)(point) == hessian(f)(point)
            assert jacobian(program)(point) == jacobian(f)(point)


def test_what_has_no_value_is_an_error_that_names_the_row():
    program = trace(lambda x: autograd.log(x) + 3.0 * x, 1.0)
    with pytest.raises(autograd.DomainError, match=r"log: .*got -1.0.*row 1 of the batch"):
        program.hessian()([1.0, -1.0])
    with pytest.raises(autograd.DomainError, match="log"):
        program.jacobian()(0.0)
    unused = trace(lambda x: autograd.exp(x) * 0.0 + autograd.log(x[0] if isinstance(x, list) else x), 1.0)
    with pytest.raises(autograd.DomainError, match="exp"):
        unused.hessian()(800.0)
    root = trace(lambda x: autograd.sqrt(x) * x, 1.0)
    with pytest.raises(autograd.DomainError):
        root.hessian()(0.0)
    assert root.jacobian()([1.0, 4.0]).tolist() == [1.5, 3.0]


def test_rows_of_ones_own():
    square = autograd.primitive("square_of_mine", lambda x: x * x, None, lambda x, y: 2.0 * x)
    try:
        assert trace(lambda x: square(x) * x, 2.0).hessian()(2.0) == 12.0
    finally:
        del autograd.TABLE["square_of_mine"]
    other = autograd.primitive("other_of_mine", math.exp, None, lambda x, y: math.exp(x))
    try:
        program = trace(lambda x: other(x), 0.5)
        with pytest.raises(NoFormula, match="other_of_mine is not written in autograd's own functions"):
            program.jacobian()
        assert jacobian(program)(0.5) == math.exp(0.5)  # by the eager engine
    finally:
        del autograd.TABLE["other_of_mine"]


def test_what_cannot_be_asked():
    program = trace(lambda x: [x[0], x[1] ** 2], [1.0, 2.0])
    with pytest.raises(TypeError, match="must return one number"):
        program.hessian()
    with pytest.raises(ValueError, match="wrt must be"):
        program.jacobian("weights")
    with pytest.raises(ValueError, match="no parameters"):
        program.jacobian("parameters")
    with pytest.raises(TypeError, match="argnums is 1, but there are 1"):
        program.jacobian(argnums=1)
    with pytest.raises(ValueError, match=r"argument 1 \(tangents\) must have shape"):
        program.jvp()([1.0, 2.0], [1.0])
    with pytest.raises(TypeError, match="takes 2 arguments"):
        program.vjp()([1.0, 2.0])


def test_a_derivative_that_would_be_too_long(monkeypatch):
    from autograd.program import builder

    monkeypatch.setattr(builder, "LONGEST", 100)
    program = trace(rosenbrock, [0.1] * 9)
    with pytest.raises(builder.TooLong, match="hvp"):
        program.hessian()
    near(hessian(program)([0.1] * 9), hessian(rosenbrock)([0.1] * 9))  # by the eager engine


def test_argnums_are_by_inputs_beside_parameters():
    p = Value(2.0)
    program = trace(lambda x, y: p * x * x * y, 1.0, 1.0)
    assert program.hessian(argnums=0)(3.0, 4.0) == 16.0
    assert program.jacobian(argnums=1)(3.0, 4.0) == 18.0
    with pytest.raises(TypeError, match="argnums is 7"):
        program.jacobian(argnums=7)
    with pytest.raises(TypeError, match="by parameters, there are none"):
        program.hessian("parameters", argnums=0)
    with pytest.raises(TypeError, match="argnums must be the place"):
        program.hessian(argnums=np.int64(0))


def test_an_empty_list_among_the_arguments_hides_none_that_follow():
    def f(x, xs, y):
        return sum(xs, x * x * y * y * y)

    program = trace(f, 2.0, [], 3.0)
    (xx, _, xy), empty, (yx, _, yy) = hessian(program)(2.0, [], 3.0)
    assert (xx, xy, yx, yy) == (54.0, 108.0, 108.0, 72.0)
    assert [np.size(part) for part in empty] == [0, 0, 0]
    assert jacobian(program)(2.0, [], 3.0)[2] == 108.0
    assert jvp(program, (2.0, [], 3.0), (1.0, [], 0.0)) == (108.0, 108.0)
    assert hvp(program, (2.0, [], 3.0), (1.0, [], 0.0))[2] == 108.0
    assert vjp(program, 2.0, [], 3.0)[1](1.0)[2] == 108.0
