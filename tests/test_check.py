"""check_gradients: right functions pass, wrong ones are told, and nothing is disturbed."""

import math

import numpy as np
import pytest

import autograd
from autograd import DomainError, GradientMismatch, Primitive, Value, check_gradients, no_grad, value_and_grad
from autograd.check import Comparison, GradientReport


def primitive_with_slope(slope):
    """The identity with a rule of its own, outside the table."""
    return Primitive("line", lambda x: x, None, (lambda x, y: slope,))


def matrix_norm(m):
    return autograd.sqrt(autograd.sum([x * x for line in m for x in line]))


@pytest.mark.parametrize(
    ("f", "point", "names"),
    [
        (lambda x: x**3, (2.0,), ["x1"]),
        (lambda x, y: x / y, (2.0, 3), ["x1", "x2"]),
        (lambda xs: autograd.logsumexp(xs), ([1.0, 2.0],), ["x1[0]", "x1[1]"]),
        (matrix_norm, ([[1.0, 2.0], [3.0, 4.0]],), ["x1[0][0]", "x1[0][1]", "x1[1][0]", "x1[1][1]"]),
        (matrix_norm, (np.array([[1.0, 2.0]]),), ["x1[0][0]", "x1[0][1]"]),
        (lambda w, b, xs: autograd.tanh(w * xs[0] + b), (0.5, -1.0, [2.0]), ["x1", "x2", "x3[0]"]),
        (lambda x: x * x, (Value(3.0),), ["x1"]),
        (lambda x: x * x, (np.float32(3.0),), ["x1"]),
        (lambda x, empty: x, (1.0, []), ["x1"]),
        (lambda x: 3.0, (1.0,), ["x1"]),
        (lambda x: 3, (1.0,), ["x1"]),
        (lambda x: Value(3.0), (1.0,), ["x1"]),
        (lambda x: autograd.stop_gradient(2.0) * x, (1.0,), ["x1"]),
    ],
    ids=[
        "one",
        "two",
        "list",
        "matrix",
        "array",
        "mixed",
        "a Value",
        "float32",
        "empty list",
        "constant float",
        "constant int",
        "constant Value",
        "stopped constant",
    ],
)
def test_a_right_gradient_passes(f, point, names):
    report = check_gradients(f, *point)
    assert [row.name for row in report.rows] == names
    assert all(row.agrees for row in report.rows)
    assert all(row.analytic == pytest.approx(row.numeric, rel=1e-6, abs=1e-8) for row in report.rows)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e3, 1e30])
def test_a_function_of_any_size_passes(scale):
    check_gradients(lambda x: scale * autograd.sin(x), 1.0)
    check_gradients(lambda x: x * x, scale)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (autograd.log, 0.01),
        (autograd.log, 1e-3),
        (autograd.sqrt, 1e-3),
        (lambda x: 1 / x, 0.01),
        (autograd.exp, 700.0),
        (lambda x: autograd.sin(100 * x), 1.0),
        (autograd.asin, 0.999),
    ],
    ids=["log at 0.01", "log at 0.001", "sqrt at 0.001", "1/x at 0.01", "exp at 700", "sin(100x)", "asin at 0.999"],
)
def test_a_right_gradient_passes_where_the_function_bends_sharply(f, x):
    check_gradients(f, x)


@pytest.mark.parametrize("slope", [1.0001, 0.0, -1.0, 2.0, math.inf, -math.inf, math.nan])
def test_a_wrong_gradient_fails(slope):
    with pytest.raises(DomainError if math.isnan(slope) else GradientMismatch):
        check_gradients(primitive_with_slope(slope), 1.0)


def test_a_function_that_returns_its_argument():
    # The Value that comes back is the variable itself, whose data is about to be put back.
    assert check_gradients(lambda x: x, 2.0).rows[0].numeric == pytest.approx(1.0)
    assert [row.analytic for row in check_gradients(lambda xs: xs[1], [2.0, 3.0]).rows] == [0.0, 1.0]


def test_a_function_that_returns_a_plain_float_has_lost_its_gradient():
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: x.data**2, 3.0)


def test_a_function_that_stops_the_gradient_is_caught():
    with pytest.raises(GradientMismatch):
        check_gradients(lambda x: autograd.stop_gradient(x) * x, 3.0)


def test_the_message_is_the_table_and_marks_what_differs():
    wrong = primitive_with_slope(2.0)
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda xs, y: xs[0] + wrong(xs[1]) * y, [1.0, 10.0], 3.0)
    lines = str(caught.value).splitlines()
    assert lines[0] == "1 of 3 derivatives differ from finite differences:"
    assert lines[1].split() == ["input", "at", "analytic", "numeric", "difference"]
    assert lines[2].split()[:3] == ["x1[0]", "1", "1"]
    assert lines[3].split()[:4] == ["x1[1]", "10", "6", "3"]
    assert [line.endswith("<-- differs") for line in lines] == [False, False, False, True, False]
    assert isinstance(caught.value, AssertionError)
    assert len({len(line.rstrip("<- difers").rstrip()) for line in lines[2:]}) == 1, "columns line up"


def test_the_report():
    report = check_gradients(lambda x, y: x * y, 2.0, 3.0)
    assert isinstance(report, GradientReport)
    assert report.rows[0] == Comparison("x1", 2.0, 3.0, report.rows[0].numeric, True)
    assert report.rows[0].difference == 3.0 - report.rows[0].numeric
    assert str(report).splitlines()[0] == "input  at  analytic  numeric  difference"


def test_tolerances():
    slightly = primitive_with_slope(1.001)
    with pytest.raises(GradientMismatch):
        check_gradients(slightly, 1.0)
    check_gradients(slightly, 1.0, rtol=0.01)
    check_gradients(slightly, 1.0, atol=0.01, rtol=0.0)


@pytest.mark.parametrize("wrong", [None, "1", [1.0], 1j, np.array([1.0, 2.0])], ids=repr)
def test_a_function_that_does_not_return_one_number(wrong):
    with pytest.raises(TypeError, match="check_gradients: the function must return one number"):
        check_gradients(lambda x: wrong, 1.0)


def test_a_point_is_needed():
    with pytest.raises(TypeError, match="give the point"):
        check_gradients(lambda: 1.0)
    with pytest.raises(TypeError, match="real number"):
        check_gradients(lambda x: x, "1.0")


@pytest.mark.parametrize(("f", "x"), [(autograd.sqrt, 0.0), (autograd.asin, 1.0), (lambda x: x**0.5, 0.0)])
def test_a_point_at_the_edge_of_the_domain_is_told(f, x):
    with pytest.raises(DomainError, match="leaves the domain"):
        check_gradients(f, x)


def test_a_point_outside_the_domain_is_the_functions_own_error():
    with pytest.raises(DomainError, match=r"^log: "):
        check_gradients(autograd.log, -1.0)


def test_branches_are_followed():
    def f(x, y):
        return x * y if x > y else autograd.exp(x) + y

    check_gradients(f, 1.0, 2.0)
    check_gradients(f, 2.0, 1.0)


def test_values_used_from_outside_are_left_alone():
    w, fresh = Value(2.0), Value(5.0)
    (w * 3).backward()
    given = Value(1.5)
    check_gradients(lambda x: w * x * x + fresh, given)
    assert (w.data, w.grad, fresh.has_grad) == (2.0, 3.0, False)
    assert (given.data, given.has_grad) == (1.5, False)


@pytest.mark.parametrize("call_that_fails", [1, 2, 3, 5])
def test_an_exception_from_the_function_restores_everything(call_that_fails):
    seen, w = [], Value(2.0)

    def f(x, y):
        seen.append((x, y))
        if len(seen) == call_that_fails:
            raise RuntimeError("planted")
        return w * x * y

    with pytest.raises(RuntimeError, match="planted"):
        check_gradients(f, 2.0, 3.0)
    assert [(x.data, y.data) for x, y in seen[:1]] == [(2.0, 3.0)]
    assert not w.has_grad
    assert not (w + 1).is_leaf, "recording goes on"


def test_inside_no_grad():
    with no_grad():
        check_gradients(lambda x: autograd.sin(x), 1.0)
        with pytest.raises(GradientMismatch):
            check_gradients(primitive_with_slope(3.0), 1.0)
        assert (Value(1.0) + 1).is_leaf


def test_a_gradient_can_be_checked_too():
    check_gradients(lambda x, y: value_and_grad(lambda x: autograd.sin(x * y))(x)[1], 0.7, 1.3)


def test_differences_are_taken_without_recording():
    recorded = []

    def f(x):
        y = autograd.sin(x)
        recorded.append(not y.is_leaf)
        return y

    check_gradients(f, 1.0)
    assert recorded[0]
    assert not any(recorded[1:])
