"""check_gradients: right functions pass, wrong ones are told, and nothing is disturbed."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hard_points import hard_point, slightly_wrong, verdict

import autograd
from autograd import (
    TABLE,
    DomainError,
    GradientMismatch,
    GradientUndecided,
    Kink,
    Primitive,
    Value,
    check_gradients,
    no_grad,
    value_and_grad,
)
from autograd.check import Comparison, GradientReport
from autograd.engine import record


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
    assert [line.endswith("<-- differs") for line in lines] == [False, False, False, True, False, False, False]
    assert lines[5].startswith("line(10): its derivative is given as 2, small steps find 1")
    assert "test_check.py" in lines[6]
    assert lines[6].endswith("check_gradients(lambda xs, y: xs[0] + wrong(xs[1]) * y, [1.0, 10.0], 3.0)")
    assert isinstance(caught.value, AssertionError)
    assert caught.value.report.culprits[0].primitive is wrong


def test_the_report():
    report = check_gradients(lambda x, y: x * y, 2.0, 3.0)
    assert isinstance(report, GradientReport)
    assert report.rows[0] == Comparison("x1", 2.0, 3.0, report.rows[0].numeric, report.rows[0].error, "agrees")
    assert report.rows[0].agrees
    assert report.rows[0].digits >= 9
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


def test_a_gradient_that_is_taken_inside_is_a_function_like_any_other():
    check_gradients(lambda x: autograd.grad(autograd.sin(x), x, create_graph=True), 1.0)


# ---------------------------------------------------------------- hard points


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", range(4))
def test_hard_points(block):
    """No false alarm, nothing wrong is passed, and few points at which nothing can be told. `tests/hard_points.py`
    does more of them.
    """
    found = Counter()
    for seed in range(240 * block, 240 * block + 240):
        f, x = hard_point(seed)
        verdict_of_right = verdict(f, x)
        found[verdict_of_right] += 1
        assert verdict_of_right != "differs", seed
        by = 10.0 ** random.Random(seed).uniform(-6.0, 0.0)
        assert verdict(slightly_wrong(f, by), x) != "agrees", (seed, by)
    assert found["cannot tell"] + found["no slope"] <= 0.07 * 240


RANDOM_ROWS = [row for row in TABLE.values() if row.name not in ("identity", "stop_gradient")]


def random_function(seed):
    """A function of three numbers over rows of the whole table, which has a value at the point."""
    rng = random.Random(seed)
    steps = []
    for k in range(rng.randint(3, 9)):
        row = rng.choice(RANDOM_ROWS)
        n = row.arity if row.rule is None else row.groups * rng.randint(1, 3)
        samples = [*row.domain.samples, *row.domain.samples * n][:n]
        steps.append((row, [rng.randrange(3 + k) if rng.random() < 0.75 else rng.uniform(*s) for s in samples]))
    weights = [rng.uniform(-1.0, 1.0) for _ in steps]

    def f(a, b, c):
        values = [a, b, c]
        for row, args in steps:
            xs = [values[x] if isinstance(x, int) else x for x in args]
            size = len(xs) // row.groups
            groups = [xs[i * size : (i + 1) * size] for i in range(row.groups)]
            values.append(row(*xs) if row.rule is None else row(*groups))
        return autograd.dot(weights, values[3:])

    return f, [rng.uniform(-2.0, 2.0) for _ in range(3)]


@pytest.mark.filterwarnings("ignore")
def test_no_false_alarm_on_random_functions():
    seed = checked = undecided = 0
    while checked < 250:
        seed += 1
        f, point = random_function(seed)
        try:
            report = check_gradients(f, *point)
        except (DomainError, OverflowError, TypeError):  # outside of some domain
            continue
        checked += 1
        undecided += any(row.verdict == "cannot tell" for row in report.rows)
    assert undecided <= 3


# ---------------------------------------------------------------- who is to blame


def planted(row, place):
    """A copy of a row with a wrong derivative by one argument."""
    if row.rule is None:
        real = row.partials[place]
        wrong = (lambda *args: 1.03 * real(*args) + 0.011) if callable(real) else real + 0.5
        partials = (*row.partials[:place], wrong, *row.partials[place + 1 :])
        return Primitive(row.name, row.scalar, row.array, partials, domain=row.domain, kink=row.kink)

    def rule(xs, y):
        found = list(row.rule(xs, y))
        found[place] = 1.01 * found[place] + 0.01
        return found

    return Primitive(row.name, row.scalar, row.array, (), rule=rule, groups=row.groups, domain=row.domain)


PLACES = [(row, i) for row in TABLE.values() for i in range(row.arity if row.rule is None else row.groups * 2)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("row", "place"), PLACES, ids=lambda x: getattr(x, "name", str(x)))
def test_a_wrong_derivative_in_any_row_is_named_with_its_line(row, place):
    wrong = planted(row, place)
    n = row.arity if row.rule is None else row.groups * 2
    samples = [*row.domain.samples, *row.domain.samples * n][:n]
    point = [low + (high - low) * (0.37 + 0.11 * i) for i, (low, high) in enumerate(samples)]

    def f(xs):
        y = record(wrong, tuple(xs))  # here
        return autograd.tanh(0.1 * y) + 0.5 * y * xs[place]

    with pytest.raises(GradientMismatch) as caught:
        check_gradients(f, point)
    (blamed, *_) = caught.value.report.culprits
    assert blamed.primitive is wrong
    assert blamed.place == place
    assert str(blamed.site).endswith("y = record(wrong, tuple(xs))  # here")
    assert f"{row.name}(" in str(caught.value)


def test_what_hands_no_gradient_on_is_named():
    with pytest.raises(GradientMismatch, match=r"stop_gradient.*that is what it is for"):
        check_gradients(lambda x: autograd.stop_gradient(x) * x, 3.0)


def test_the_picture_of_what_is_wrong(tmp_path):
    wrong = primitive_with_slope(2.0)
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: autograd.tanh(wrong(x * 0.5)), 1.0)
    report = caught.value.report
    assert b"<svg" in report.draw(tmp_path / "wrong.svg").read_bytes()
    assert "<svg" in report._repr_html_()
    with pytest.raises(ValueError, match=r"must end in \.svg"):
        report.draw(tmp_path / "wrong.txt")
    with pytest.raises(ValueError, match="nothing to draw"):
        check_gradients(autograd.sin, 1.0).draw(tmp_path / "right.svg")


# ---------------------------------------------------------------- kinks


@pytest.mark.parametrize(
    ("f", "x", "note"),
    [
        (autograd.relu, 0.0, "at a kink: the kink of relu; the slope is 0 to the left and 1 to the right"),
        (autograd.relu, 1e-9, "a kink is near: the kink of relu"),
        (lambda x: x * x if x > 1 else 2 * x - 1, 1.0, "at a kink: the comparison a Value > 1"),
        (lambda x: autograd.maximum(x, 2.0 * x), 0.0, "at a kink: the kink of maximum"),
    ],
)
def test_kinks_are_named(f, x, note):
    (row,) = check_gradients(f, x).rows
    assert row.agrees
    assert row.note.startswith(note)


def test_at_a_kink_all_else_has_to_be_right():
    wrong = primitive_with_slope(1.3)
    with pytest.raises(GradientMismatch, match="an operation that is not at its kink is wrong"):
        check_gradients(lambda x: abs(x) + wrong(x) * 0.1, 0.0)


def test_a_slope_outside_of_both_sides_is_wrong():
    wrong = Primitive("bent", lambda x: abs(x), None, (lambda x, y: 2.0,), kink=Kink(lambda x: x, "2 at 0"))
    with pytest.raises(GradientMismatch):
        check_gradients(wrong, 0.0)


def test_what_cannot_be_told_is_said():
    with pytest.warns(GradientUndecided, match="small steps are exact to"):
        report = check_gradients(lambda x: 1e10 + autograd.sin(x), 1.0)
    assert report.rows[0].verdict == "cannot tell"
    with pytest.warns(GradientUndecided, match="does it jump"):
        check_gradients(autograd.floor, 2.0)


# ---------------------------------------------------------------- of others, and of higher order


def test_second_derivatives():
    check_gradients(lambda a, b: autograd.sin(a * b), 1.5, 2.0, order=2)
    check_gradients(autograd.tanh, 0.3, order=3)
    half = Primitive("square", lambda x: x * x, None, (lambda x, y: 2.0 * autograd.stop_gradient(x),))
    with pytest.raises(GradientMismatch, match="second derivatives"):
        check_gradients(half, 1.5, order=2)


def test_a_gradient_of_ones_own_or_of_another_library():
    f = lambda v: float(np.sum(np.sin(v)))  # noqa: E731  # used twice
    report = check_gradients(f, np.array([1.0, 2.0]), gradient=np.cos)
    assert [row.name for row in report.rows] == ["x1[0]", "x1[1]"]
    with pytest.raises(GradientMismatch, match="2 of 2"):
        check_gradients(f, np.array([1.0, 2.0]), gradient=np.sin)
    check_gradients(lambda a, b: a * b, 2.0, 3.0, gradient=lambda a, b: (b, a))
    with pytest.raises(TypeError, match="structure of the arguments"):
        check_gradients(lambda a, b: a * b, 2.0, 3.0, gradient=lambda a, b: b)
    with pytest.raises(TypeError, match="must be functions"):
        check_gradients(lambda a: a, 2.0, gradient=3.0)


def test_of_others_kinks_and_randomness_are_found_by_small_steps_alone():
    with pytest.warns(GradientUndecided):
        assert check_gradients(abs, 0.0, gradient=lambda x: 1.0).rows[0].verdict == "cannot tell"
    rng = random.Random(2)
    with pytest.raises(GradientMismatch, match="several values at one point"):
        check_gradients(lambda x: x + rng.random(), 1.0, gradient=lambda x: 1.0)


def test_a_function_of_32_bits_is_known_as_one():
    def f(x):
        return np.float32(np.sin(np.float32(x)))

    (row,) = check_gradients(f, 1.0, gradient=math.cos, rtol=5e-4).rows
    assert row.agrees
    assert row.digits >= 4
    with pytest.warns(GradientUndecided):
        check_gradients(f, 1.0, gradient=math.cos)
    with pytest.raises(GradientMismatch):
        check_gradients(f, 1.0, gradient=lambda x: 1.01 * math.cos(x))


def test_where_the_function_is_infinite_there_is_nothing_to_compare():
    with pytest.raises(DomainError, match="the function is inf at this point"):
        check_gradients(lambda x: x * x, 1e200)


def test_what_is_too_small_to_matter():
    f = lambda xs: autograd.logsumexp([x * (i + 1.0) for i, x in enumerate(xs)])  # noqa: E731  # used twice
    point = [0.01 * i for i in range(40)]
    with pytest.warns(GradientUndecided, match="atol="):
        check_gradients(f, point)
    assert all(row.agrees for row in check_gradients(f, point, atol=1e-9).rows)


@pytest.mark.parametrize("seed", [3412, 3748])
def test_rounding_inside_of_the_function_is_counted(seed):
    assert verdict(*hard_point(seed)) != "differs"


def test_programs_are_checked_too():
    check_gradients(autograd.trace(lambda v: autograd.sin(v[0] * 0.5) * v[1] ** 2, [0.3, 0.7]), [0.2, 0.9], order=2)


def test_a_rule_that_is_not_the_same_twice():
    calls = []

    def partial(x, y):
        calls.append(x)
        return 1.0 + 0.01 * len(calls)

    with pytest.raises(GradientMismatch):
        check_gradients(Primitive("restless", lambda x: x, None, (partial,)), 1.0)


def test_randomness_is_found_out():
    rng = random.Random(1)
    with pytest.raises(GradientMismatch, match="several values at one point"):
        check_gradients(lambda x: x + rng.random(), 1.0)


@pytest.mark.parametrize("order", [0, -1, 1.5, True, "2"])
def test_an_order_is_a_whole_number(order):
    with pytest.raises(ValueError, match="order must be 1, 2 or more"):
        check_gradients(autograd.sin, 1.0, order=order)


def test_functions_that_compute_without_recording():
    def f(x):
        with no_grad():
            assert abs(x * 2.0) > 1.0
        return x * x

    assert check_gradients(f, 3.0).rows[0].verdict == "agrees"


def test_the_line_of_yours_that_called_another_library():
    wrong = Primitive("wrong_cube", lambda x: x**3, None, (lambda x, y: 3.0 * x,))
    each = np.vectorize(wrong)
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(lambda x: each(np.array([x, x * 2.0])).sum(), 0.5)
    (culprit, *_) = caught.value.report.culprits
    assert culprit.site.file == __file__
