"""A program given Values: a node like any other, whose derivatives the program computes."""

import copy
import pickle

import numpy as np
import pytest

import autograd
import visualize
from autograd import (
    DomainError,
    TraceError,
    Value,
    check_gradients,
    derivative,
    grad,
    no_grad,
    take,
    trace,
    value_and_grad,
)  # fmt: skip
from autograd.program.path import Path


def square():
    return trace(lambda x: x * x, 1.0)


def test_a_value_goes_in_and_a_node_comes_out():
    program, x = square(), Value(3.0)
    y = program(x) + x
    y.backward()
    assert (y.data, x.grad, y.args[0].primitive.name, y.args[0].args) == (12.0, 7.0, "program", (x,))
    assert derivative(program)(3.0) == 6.0
    assert derivative(derivative(program))(3.0) == 2.0
    assert derivative(derivative(derivative(lambda t: program(t) * program(t))))(3.0) == 72.0  # (t⁴)''' = 24 t


def branching():
    w, v = Value(2.0), Value(0.5)

    def f(x, p):
        if x[0] > x[1]:
            return w * autograd.exp(x[0]) + p["a"] * x[1]
        return v * x[0] / x[1] - p["b"][0] * w

    return f, w, v


@pytest.mark.parametrize("forced", ["array operations", "straight-line code"])
@pytest.mark.parametrize("point", [(1.0, 0.5), (0.5, 1.0), (1.0, 1.0)])
def test_it_is_what_the_function_is_on_values(monkeypatch, forced, point):
    monkeypatch.setattr(Path, "is_straight", lambda self, n: forced == "straight-line code" and self.possible)
    f, w, v = branching()
    program = trace(f, [2.0, 1.0], {"a": 1.0, "b": [1.0]}, parameters=[w, v])

    def found(g):
        x, p = [Value(a) for a in point], {"a": Value(3.0), "b": [Value(4.0)]}
        y = g(x, p)
        leaves = [*x, p["a"], p["b"][0], w, v]
        first = grad(y, leaves, create_graph=True)
        total = autograd.sum([a * a for a in first])
        return [y.data, *(a.data for a in first), *grad(total, leaves)]

    assert found(program) == pytest.approx(found(f), rel=1e-14)


def test_gradients_of_a_program_can_be_checked():
    w = Value(2.0)
    report = check_gradients(trace(lambda x: w * autograd.exp(x[0]) / x[1], [1.0, 2.0]), [0.5, 3.0])
    assert [row.agrees for row in report.rows] == [True, True]


def test_plain_numbers_beside_values_are_constants():
    program = trace(lambda x, p: x**p, 2.0, 2.0)
    x = Value(-2.0)
    y = program(x, 2.0)  # by the exponent, there is no derivative, and nothing needs one
    y.backward()
    assert (y.data, x.grad) == (4.0, -4.0)
    slope = grad(program(x, Value(2.0)), x, create_graph=True)
    assert (slope.data, grad(slope, x)) == (-4.0, 2.0)
    with pytest.raises(DomainError, match="program: has no derivative at"):
        program(Value(-2.0), Value(2.0)).backward()


def test_a_batch_of_values_is_an_array_of_them():
    w = Value(3.0)
    program = trace(lambda x: w * x[0] * x[1], [1.0, 1.0])
    x = Value(2.0)
    y = program([[x, 1.0], [5.0, x], [1.0, 1.0]])
    assert ([v.data for v in y], y.dtype) == ([6.0, 30.0, 3.0], np.dtype(object))
    y.sum().backward()
    assert (x.grad, w.grad) == (18.0, 13.0)


def test_several_results_are_several_values():
    w = Value(2.0)
    program = trace(lambda x: (x * w, {"a": x * x, "b": [w, 1.0]}), 1.0)
    x = Value(3.0)
    first, others = program(x)
    (first + others["a"] * others["b"][0]).backward()
    assert (first.data, others["a"].data, others["b"][1], x.grad, w.grad) == (6.0, 9.0, 1.0, 14.0, 12.0)


def test_parameters_that_are_not_those_of_the_values_are_refused():
    w = Value(2.0)
    program = trace(lambda x: w * x, 1.0)
    program.parameters = [5.0]
    with pytest.raises(ValueError, match=r"parameter 0 is 5 here, but 2 in its Value.*program.store\(\)"):
        program(Value(1.0))
    program.store()
    y = program(Value(3.0))
    program.parameters = [7.0]  # the node is of before
    y.backward()
    assert (y.data, w.grad, y.args[0].grad, program.parameters.tolist()) == (15.0, 3.0, 5.0, [7.0])
    alone = pickle.loads(pickle.dumps(program))
    assert derivative(alone)(1.0) == 7.0


def test_a_program_inside_another_trace_is_part_of_it():
    f, w, v = branching()
    inner = trace(f, [2.0, 1.0], {"a": 1.0, "b": [1.0]}, parameters=[w, v])
    outer = trace(lambda t: t * inner([t, 1.0], {"a": t, "b": [2.0]}), 2.0, parameters=[w, v])
    plain = trace(lambda t: t * f([t, 1.0], {"a": t, "b": [2.0]}), 2.0, parameters=[w, v])
    batch = [2.0, 0.5, 1.0, -3.0]
    for mine, theirs in zip(
        outer.value_and_grad(batch, wrt="both"), plain.value_and_grad(batch, wrt="both"), strict=True
    ):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
    assert len(outer.paths) == 2


def test_errors_that_the_inner_function_catches_are_branches_outside_too():
    def f(x):
        try:
            return autograd.log(x)
        except DomainError:
            return -x

    inner = trace(f, 2.0)
    outer = trace(lambda x: inner(x) * 2.0, 2.0)
    assert inner([-1.0, 1.0]).tolist() == [1.0, 0.0]
    assert outer([-1.0, 1.0, -3.0]).tolist() == [2.0, 0.0, 6.0]


def test_indices_stay_indices_inside():
    w = Value(7.0)
    inner = trace(lambda x, i: take([x, x * x, w], i), 2.0, 0)
    x = Value(3.0)
    y = inner(x, 1)
    y.backward()
    assert (y.data, x.grad) == (9.0, 6.0)
    outer = trace(lambda x, i: inner(x, i) * 2.0, 1.0, 0)
    assert outer([1.0, 2.0, 3.0], [0, 1, 2]).tolist() == [2.0, 8.0, 14.0]
    with pytest.raises(IndexError, match=r"holds the index 3 in row 1, out of range"):
        outer([1.0, 2.0], [0, 3])
    with pytest.raises(IndexError, match="holds the index 3"):
        inner(x, 3)
    with pytest.raises(TypeError, match=r"argument 1 is an index .* but a Value is a number"):
        inner(x, Value(1.0))
    with pytest.raises(TypeError, match=r"argument 0 is a number .* but an integer is an index"):
        trace(lambda i: inner(i, i), 1)


def test_its_gradients_are_the_engine_s_to_ask_for():
    program = square()
    for method in (program.value_and_grad, program.profile):
        with pytest.raises(TypeError, match="takes plain numbers; given Values, call the program itself"):
            method(Value(2.0))
    with no_grad():
        assert program(Value(2.0)).args == ()
    assert value_and_grad(program)(3.0) == (9.0, 6.0)
    assert "program" in visualize.draw(program(Value(3.0))).source
    with pytest.raises(TypeError, match="argument 0 must be an array of numbers"):
        program(["a"])


def test_nodes_can_be_copied_and_pickled():
    y = square()(Value(3.0))
    again = pickle.loads(pickle.dumps(y))
    again.backward()
    assert (again.data, again.args[0].grad) == (9.0, 6.0)
    assert copy.deepcopy(y).primitive is y.primitive


def test_a_node_computed_before_a_trace_is_followed_into_it():
    w = Value(3.0)
    before = square()(w)
    program = trace(lambda x: before * x, 1.0)
    values, gradient = program.value_and_grad([1.0, 2.0])
    assert (values.tolist(), gradient.tolist()) == ([9.0, 18.0], [9.0])


def test_a_trace_may_still_not_look_inside():
    program = square()
    with pytest.raises(TraceError, match=r"reads \.data"):
        trace(lambda x: program(x).data * x, 1.0)
