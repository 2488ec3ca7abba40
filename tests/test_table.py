"""Every row of the table against mpmath at 50 digits, finite differences, and itself. A new row is tested as it is."""

import copy
import doctest
import inspect
import math
import pickle
import pydoc
import re
from itertools import pairwise

import numpy as np
import pytest
from reference import (
    DERIVATIVE_BY_DECREE,
    REFERENCE,
    ROWS,
    USER_DEFINED,
    call,
    exact,
    exact_derivative,
    intervals,
    points,
    unit,
)

import autograd
from autograd import TABLE, DomainError, GradientMismatch, Primitive, Value, check_gradients, grad


def over(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


every_row = over(ROWS)
differentiable_row = over([row for row in ROWS if row.name not in DERIVATIVE_BY_DECREE])


def values_at(point):
    return [Value(x) for x in point]


def as_function(row):
    return lambda *xs: call(row, xs)


def test_every_row_has_an_independent_reference():
    assert set(TABLE) - set(REFERENCE) - USER_DEFINED == set()


# ---------------------------------------------------------------- values


@every_row
def test_value_on_floats(row):
    for point in points(row):
        assert call(row, point) == pytest.approx(float(exact(row, point)), rel=1e-14, abs=1e-15)
        assert type(call(row, point)) is float


@every_row
def test_value_for_values_is_the_float_value_bit_for_bit(row):
    for point in points(row):
        y = call(row, values_at(point))
        assert y.data == call(row, point)
        assert y.primitive is row
        assert len(y.args) == len(point)
        assert all(isinstance(arg, Value) for arg in y.args)


@every_row
def test_a_constant_argument_stays_a_float(row):
    point = points(row)[0]
    for i in range(len(point)):
        y = call(row, [Value(x) if j == i else x for j, x in enumerate(point)])
        assert [type(arg) for arg in y.args] == [Value if j == i else float for j in range(len(point))]
        assert y.data == call(row, point)


@every_row
@pytest.mark.parametrize("shape", [(6,), (2, 3), (0,)], ids=str)
def test_value_on_arrays_is_the_float_value_elementwise(row, shape):
    columns = [np.array(column) for column in zip(*points(row), strict=True)]
    if shape == (0,):
        columns = [column[:0] for column in columns]
    ys = call(row, [column.reshape(shape) for column in columns])
    assert isinstance(ys, np.ndarray)
    assert ys.shape == shape
    assert ys.dtype == np.float64
    if shape != (0,):
        np.testing.assert_allclose(ys.ravel(), [call(row, point) for point in points(row)], rtol=1e-14, atol=1e-15)


@every_row
def test_arrays_broadcast_against_numbers(row):
    point = points(row)[0]
    column = np.array([point[0], point[0]])
    ys = call(row, [column, *point[1:]])
    np.testing.assert_allclose(ys, [call(row, point)] * 2, rtol=1e-14, atol=1e-15)


@every_row
def test_float32_and_integer_arrays(row):
    point = points(row)[0]
    ys = call(row, [np.array([x], dtype=np.float32) for x in point])
    np.testing.assert_allclose(ys, [call(row, [float(np.float32(x)) for x in point])], rtol=1e-5, atol=1e-6)
    # 1 lies in almost every domain; an array of integers means the same numbers as floats.
    ones = [0 if row is autograd.atanh else 1] * len(point)
    ys = call(row, [np.array([one]) for one in ones])
    np.testing.assert_allclose(ys, [call(row, ones)], rtol=1e-14)


@every_row
def test_arrays_of_values_give_arrays_of_values(row):
    point = points(row)[0]
    xs = values_at(point)
    ys = call(row, [np.array([x, x], dtype=object) for x in xs])
    assert ys.shape == (2,)
    assert all(y.data == call(row, point) and y.primitive is row for y in ys)
    assert list(ys[0].args) == xs


@every_row
def test_nan_in_nan_out_and_no_error(row):
    for i in range(len(points(row)[0])):
        point = list(points(row)[0])
        point[i] = math.nan
        y = call(row, point)
        ys = call(row, [np.array([x]) for x in point])
        assert math.isnan(ys[0]) == math.isnan(y)
        if row.name not in ("where", "pow", "power"):  # a choice may not look at it, and 1**nan is 1
            assert math.isnan(y)


# ---------------------------------------------------------------- first derivatives


@every_row
def test_partials_on_floats(row):
    for point in points(row):
        y = call(row, point)
        locals_ = row.local_derivatives(point, y)
        assert len(locals_) == len(point)
        for i, found in enumerate(locals_):
            wanted = float(exact_derivative(row, point, unit(len(point), i)))
            assert found == pytest.approx(wanted, rel=1e-12, abs=1e-13), f"argument {i + 1} at {point}"


@every_row
def test_backward_applies_the_partials_times_the_seed(row):
    for point in points(row, 3):
        xs = values_at(point)
        y = call(row, xs)
        y.backward(seed=2.0)
        assert [x.grad for x in xs] == [2.0 * d for d in row.local_derivatives(point, y.data)]


@every_row
def test_partials_on_arrays_and_on_values_equal_those_on_floats(row):
    # One formula for all: what programs and higher derivatives rely on.
    some = points(row)
    columns = [np.array(column) for column in zip(*some, strict=True)]
    ys = call(row, columns)
    on_arrays = row.local_derivatives(columns, ys)
    for k, point in enumerate(some):
        xs = values_at(point)
        y = call(row, xs)
        on_floats = row.local_derivatives(point, y.data)
        on_values = row.local_derivatives(xs, y)
        assert [getattr(d, "data", d) for d in on_values] == on_floats
        np.testing.assert_allclose(
            [np.broadcast_to(d, ys.shape)[k] for d in on_arrays], on_floats, rtol=1e-14, atol=1e-15
        )


@differentiable_row
def test_partials_against_finite_differences(row):
    for point in points(row, 3):
        report = check_gradients(as_function(row), *point)
        assert len(report.rows) == len(point)


@differentiable_row
def test_a_wrong_rule_planted_in_the_row_is_caught(row):
    # A partial of 0 stays right when scaled, so it is also moved.
    for disturb in (lambda d: d + 0.01, lambda d: d * 1.001):
        for i in range(len(points(row)[0])):
            wrong = with_wrong_partial(row, i, disturb)
            for point in points(row):
                right = row.local_derivatives(point, call(row, point))[i]
                if abs(disturb(right) - right) > 1e-7 + 1e-5 * abs(right):
                    assert mismatch_names(wrong, point) == [f"x{i + 1}"]


def with_wrong_partial(row, i, disturb):
    """A copy of the row, outside the table, whose partial for argument i is disturbed."""
    if row.rule is not None:
        rule = lambda xs, y: [disturb(d) if j == i else d for j, d in enumerate(row.rule(xs, y))]  # noqa: E731
        return Primitive(row.name, row.scalar, None, (), rule=rule, groups=row.groups, domain=row.domain)
    right = row.partials[i]
    wrong = (lambda *operands: disturb(right(*operands))) if callable(right) else disturb(right)
    partials = (*row.partials[:i], wrong, *row.partials[i + 1 :])
    return Primitive(row.name, row.scalar, None, partials, domain=row.domain)


def mismatch_names(row, point):
    try:
        check_gradients(as_function(row), *point)
    except GradientMismatch as mismatch:
        return [line.split()[0] for line in str(mismatch).splitlines() if line.endswith("<-- differs")]
    return []


# ---------------------------------------------------------------- second derivatives


@every_row
def test_second_derivatives_with_the_mixed_ones(row):
    for point in points(row, 3):
        xs = values_at(point)
        firsts = grad(call(row, xs), xs, create_graph=True)
        for i, first in enumerate(firsts):
            for j, found in enumerate(grad(first, xs)):
                wanted = float(exact_derivative(row, point, unit(len(point), i, j)))
                assert found == pytest.approx(wanted, rel=1e-11, abs=1e-11), f"by {i + 1} and {j + 1} at {point}"


@every_row
def test_create_graph_gives_the_same_bits_as_the_plain_sweep(row):
    for point in points(row, 3):
        xs = values_at(point)
        y = call(row, xs)
        assert [g.data for g in grad(y, xs, create_graph=True)] == grad(y, xs)


@over([row for row in ROWS if row.rule is None and row.arity == 1])
def test_third_derivatives(row):
    for point in points(row, 2):
        x = Value(point[0])
        d = call(row, [x])
        for _ in range(3):
            d = grad(d, x, create_graph=True)
        assert d.data == pytest.approx(float(exact_derivative(row, point, (3,))), rel=1e-9, abs=1e-9)


# ---------------------------------------------------------------- what a row says about itself


@every_row
def test_flags_follow_from_the_partials(row):
    constant = row.rule is None and all(isinstance(p, float) for p in row.partials)
    assert row.linear == constant
    assert row.flat == (constant and set(row.partials) == {0.0})
    assert row.arity == len(row.partials)
    assert all(callable(p) or isinstance(p, float) for p in row.partials)


def test_which_rows_are_flat():
    assert {row.name for row in ROWS if row.flat} == {
        "equal", "sign", "step", "stop_gradient", "floor", "ceil", "trunc", "round", "floordiv",
    }  # fmt: skip


@every_row
def test_formula_has_the_value_and_one_entry_per_partial(row):
    assert len(row.formula) == (2 if row.rule else 1 + row.arity)
    assert all(isinstance(entry, str) and entry for entry in row.formula)
    assert row.__doc__
    assert row.symbol
    assert row.domain.text


@every_row
def test_the_row_is_one_object(row):
    assert TABLE[row.name] is row
    assert row.__name__ == row.name
    assert repr(row) == f"<primitive {row.name}>"
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(row, protocol)) is row
    assert copy.deepcopy(row) is row
    assert copy.copy(row) is row


def test_loading_a_row_that_is_not_defined_says_so(own_rows):
    row = autograd.primitive("gone", lambda x: x, None, 1.0)
    data = pickle.dumps(row)
    del own_rows["gone"]
    with pytest.raises(LookupError, match=r"gone.*define it with autograd.primitive"):
        pickle.loads(data)


def test_rows_are_functions_of_the_package_unless_they_serve_derivatives_only():
    inner = {
        "ratio", "power", "lowered", "lowered_twice", "identity", "largest", "direction", "tanh_slope", "sigmoid_slope",
        "j1", "j2", "fraction", "cbrt_slope", "gelu_slope", "silu_slope",
    }  # fmt: skip
    assert {name for name in TABLE if getattr(autograd, name, None) is not TABLE[name]} == inner


def test_star_import_leaves_builtins_alone():
    names: dict = {}
    exec("from autograd import *", names)
    assert not {"abs", "pow", "sum"} & set(names)
    assert names["tanh"] is autograd.tanh


def test_methods_are_the_rows():
    # Those of the class, which editors and type checkers know, and all others on an instance.
    for name, row in TABLE.items():
        if row.rule is None:
            assert hasattr(Value(0.3), name) == row.public, name
            assert (name in dir(Value(0.3))) == row.public, name
    assert Value(0.3).log2().primitive is autograd.log2
    assert Value(3.0).hypot(4.0).data == 5.0
    assert Value(0.3).arcsinh().primitive is autograd.asinh
    for name, row in TABLE.items():
        method = getattr(Value, name, None)
        if method is not None and row.arity - len(row.defaults) == 1:
            y = method(Value(0.3))
            assert y.primitive is row
            assert y.data == row(0.3)
            assert method.__doc__


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "atan2"])
def test_methods_with_another_argument(name):
    x = Value(-2.0)
    y = getattr(x, name)(0.3)
    assert y.primitive is TABLE[name]
    assert y.args == (x, 0.3)
    assert y.data == TABLE[name](-2.0, 0.3)
    if TABLE[name].defaults:
        assert getattr(x, name)().data == TABLE[name](-2.0)


def test_a_parameter_can_be_named_in_the_function_as_in_the_method():
    assert Value(-2.0).leaky_relu(slope=0.3).data == -0.6
    assert autograd.leaky_relu(-2.0, slope=0.3) == -0.6
    assert autograd.elu(Value(-2.0), alpha=2.0).data == autograd.elu(-2.0, 2.0)
    with pytest.raises(TypeError, match="leaky_relu: takes 1 argument and optionally slope"):
        autograd.leaky_relu(-2.0, alpha=0.3)


# ---------------------------------------------------------------- domains and kinks


@every_row
def test_samples_lie_in_the_domain(row):
    assert len(row.domain.samples) <= max(row.arity, 1)
    for low, high in intervals(row):
        assert low < high
    for point in points(row):
        assert row.domain.contains(*point)


OUTSIDE = {
    "log": [(0.0,), (-0.0,), (-0.5,), (-1e300,)],
    "log1p": [(-1.0,), (-2.0,)],
    "sqrt": [(-1.0,), (-5e-324,)],
    "div": [(1.0, 0.0), (0.0, 0.0), (-3.0, -0.0)],
    "pow": [(0.0, -1.0), (-8.0, 1 / 3), (-1.0, 0.5), (-0.0, -2.0)],
    "ratio": [(0.0, 0.0)],
    "power": [(-8.0, 1 / 3)],
    "log2": [(0.0,), (-1.0,)],
    "log10": [(0.0,), (-1.0,)],
    "acosh": [(0.5,), (-1.0,)],
    "atanh": [(1.0,), (-1.0,), (1.5,)],
    "xlogy": [(1.0, 0.0), (1.0, -1.0)],
    "mod": [(1.0, 0.0)],
    "floordiv": [(1.0, -0.0)],
    "clip": [(1.0, 2.0, 0.0)],
    "lowered": [(-8.0, 1 / 3)],
    "lowered_twice": [(-8.0, 1 / 3)],
    "direction": [(0.0, 0.0)],
    "fraction": [(0.0, 0.0)],
    "asin": [(1.5,), (-1.0000000000000002,)],
    "acos": [(1.5,), (-1.0000000000000002,)],
}
TOO_LARGE = {
    "exp": (1000.0,),
    "expm1": (1000.0,),
    "sinh": (-1000.0,),
    "cosh": (1000.0,),
    "pow": (1e200, 2.0),
}
AT_INFINITY = {"sin": (math.inf,), "cos": (-math.inf,), "tan": (math.inf,)}

no_value = pytest.mark.parametrize(
    ("name", "point"),
    [
        *((name, point) for name, some in OUTSIDE.items() for point in some),
        *TOO_LARGE.items(),
        *AT_INFINITY.items(),
    ],
    ids=str,
)


def test_a_domain_with_an_edge_is_tried_outside():
    # A row that says where it is defined must appear in OUTSIDE; these say it of their arguments' number or finiteness.
    everywhere = {name for name in TABLE if name not in OUTSIDE}
    for name in everywhere:
        row = TABLE[name]
        assert all(row.domain.contains(*[x] * len(intervals(row))) for x in (-1e3, -1.5, -1.0, 0.0, 1.0, 1e3))


@no_value
def test_outside_the_domain_floats_raise(name, point):
    with pytest.raises(DomainError, match=f"^{name}: .*{re.escape(repr(point[0]))}"):
        TABLE[name](*point)


@no_value
def test_outside_the_domain_values_raise_and_name_the_node(name, point):
    with pytest.raises(DomainError, match=rf"^{name}: .*{re.escape(repr(point[0]))}.*\(node 'here'\)"):
        TABLE[name](Value(point[0], label="here"), *point[1:])


@no_value
def test_outside_the_domain_arrays_raise_and_name_the_index(name, point):
    row = TABLE[name]
    good = points(row)[0]
    columns = [np.array([[g, g, g], [g, b, b]]) for g, b in zip(good, point, strict=True)]
    with pytest.raises(DomainError, match=rf"^{name}: .*{re.escape(repr(point[0]))}.* at index \[1, 1\]"):
        row(*columns)


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_row_with_an_edge_says_what_to_do(name):
    if name in ("ratio", "power"):
        pytest.skip("for derivatives only: the sweep adds the context")
    row = TABLE[name]
    with pytest.raises(DomainError, match=re.escape(row.domain.text)) as caught:
        row(*OUTSIDE[name][0])
    assert row.domain.remedy
    assert row.domain.remedy in str(caught.value)


@pytest.mark.parametrize("name", sorted(TOO_LARGE))
def test_a_result_too_large_says_so(name):
    assert TABLE[name].overflows
    with pytest.raises(DomainError, match="too large for a float"):
        TABLE[name](*TOO_LARGE[name])


@pytest.mark.parametrize("name", sorted(AT_INFINITY))
def test_infinity_points_at_the_step_before(name):
    with pytest.raises(DomainError, match=r"no value at infinity.*earlier step"):
        TABLE[name](*AT_INFINITY[name])


@every_row
@pytest.mark.parametrize("x", [math.inf, -math.inf])
def test_infinities_on_arrays_warn_nobody(row, x):
    # Whatever the answer, it comes without a NumPy warning, which many programs turn into an error.
    if row.name in ("pow", "power", "lowered", "lowered_twice") and x < 0:
        pytest.skip("(-inf) ** (-inf): C says 0, and nobody asks")
    point = [np.array([x])] * len(intervals(row))
    try:
        call(row, point)
    except DomainError:
        with pytest.raises(DomainError):
            call(row, [x] * len(point))


@pytest.mark.parametrize("xs", [(-math.inf, -math.inf), (math.inf, 0.0), (-math.inf, 1.0)], ids=str)
def test_logsumexp_at_infinity_is_the_same_on_arrays(xs):
    wanted = autograd.logsumexp(xs)
    assert list(autograd.logsumexp([np.array([x]) for x in xs])) == [wanted]


KINK = {
    "abs": (0.0,),
    "relu": (0.0,),
    "leaky_relu": (0.0, 0.1),
    "elu": (0.0, 2.0),
    "minimum": (1.5, 1.5),
    "maximum": (-2.0, -2.0),
    "sign": (0.0,),
    "step": (0.0,),
    "where": (0.0, 1.0, 2.0),
    "equal": (1.5, 1.5),
    "largest": (1.5, 1.5),
    "floor": (2.0,),
    "ceil": (2.0,),
    "trunc": (2.0,),
    "round": (2.5,),
    "mod": (3.0, 1.5),
    "floordiv": (3.0, 1.5),
    "clip": (0.5, -1.0, 0.5),
}


def test_the_rows_with_a_kink():
    assert {row.name for row in ROWS if row.kink} == set(KINK)


@pytest.mark.parametrize("name", sorted(KINK))
def test_distance_is_0_at_the_kink_and_grows_away_from_it(name):
    kink, point = TABLE[name].kink, KINK[name]
    assert kink.convention
    assert kink.distance(*point) == 0.0
    near, far = (abs(kink.distance(point[0] + step, *point[1:])) for step in (0.1, 0.4))
    assert 0.0 < near < far
    assert list(kink.distance(*(np.array([x, x]) for x in point))) == [0.0, 0.0]


@every_row
def test_rows_without_a_kink_are_smooth_along_their_samples(row):
    # A missing kink would show as a jump of the derivative between close points.
    if row.kink is not None or row.flat:
        pytest.skip("its kink is declared" if row.kink else "its derivative is 0 throughout")
    middle = [(low + high) / 2 for low, high in intervals(row)]
    for i, (low, high) in enumerate(intervals(row)):
        steps = 400
        xs = [low + (high - low) * k / steps for k in range(steps + 1)]
        path = [[*middle[:i], x, *middle[i + 1 :]] for x in xs]
        slopes = [row.local_derivatives(p, call(row, p))[i] for p in path]
        jumps = [abs(b - a) for a, b in pairwise(slopes)]
        assert max(jumps) <= 0.2 * (max(map(abs, slopes)) + 1e-300)


# ---------------------------------------------------------------- a user's own


def test_own_primitive_works_everywhere(own_rows):
    cube = autograd.primitive("cube", lambda x: x**3, None, lambda x, y: 3.0 * x * x, formula=("x³", "3x²"))
    x = Value(2.0)
    y = cube(x)
    assert repr(cube) == "<primitive cube>"
    assert cube(2.0) == 8.0
    assert list(cube(np.array([1.0, 2.0]))) == [1.0, 8.0]
    assert grad(grad(y, x, create_graph=True), x) == 12.0
    check_gradients(cube, 1.5)
    assert pickle.loads(pickle.dumps(y)).primitive is cube


def test_own_primitive_can_be_defined_again_but_a_built_in_row_cannot(own_rows):
    first = autograd.primitive("mine", lambda x: x, None, 1.0)
    second = autograd.primitive("mine", lambda x: 2.0 * x, None, 2.0)
    assert TABLE["mine"] is second is not first
    with pytest.raises(ValueError, match="'tanh' is a built-in"):
        autograd.primitive("tanh", math.tanh, "tanh", lambda x, y: 1.0)
    assert TABLE["tanh"] is autograd.tanh


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("two words", math.sin, None, 1.0), ValueError, "Python name"),
        ((3, math.sin, None, 1.0), ValueError, "Python name"),
        (("f", 2.0, None, 1.0), TypeError, "scalar must be a function"),
        (("f", math.sin, None), TypeError, "one partial derivative per argument"),
        (("f", math.sin, None, 1), TypeError, "a partial must be"),
        (("f", math.sin, None, "cos"), TypeError, "a partial must be"),
    ],
    ids=["name with a space", "name a number", "scalar a number", "no partials", "partial an int", "partial a string"],
)
def test_a_wrong_definition_is_refused(own_rows, arguments, error, says):
    before = dict(TABLE)
    with pytest.raises(error, match=says):
        autograd.primitive(*arguments)
    assert before == TABLE


def test_a_partial_may_be_any_callable(own_rows):
    class Slope:
        def __call__(self, x, y):
            return 2.0 * x

    square = autograd.primitive("square_of", lambda x: x * x, None, Slope())
    relay = autograd.primitive("relay", math.exp, "exp", autograd.add)  # a row itself: add(x, y), wrong but callable
    assert grad(*(lambda x: (square(x), x))(Value(3.0))) == 6.0
    assert grad(*(lambda x: (relay(x), x))(Value(0.0))) == 1.0


def test_own_primitive_with_two_arguments_that_may_be_left_out(own_rows):
    line = autograd.primitive(
        "line", lambda x, a, b: a * x + b, None, lambda x, a, b, y: a, lambda x, a, b, y: x, 1.0,
        defaults={"a": 2.0, "b": 0.5},
    )  # fmt: skip
    x = Value(3.0)
    assert line(x).args == (x, 2.0, 0.5)
    assert line(x, 4.0).args == (x, 4.0, 0.5)
    assert line(x, b=1.0).args == (x, 2.0, 1.0)
    assert line(x, 4.0, 1.0).args == (x, 4.0, 1.0)
    assert line(3.0, a=4) == 12.5
    for wrong in (lambda: line(), lambda: line(1.0, c=2.0), lambda: line(1.0, 2.0, 3.0, 4.0)):
        with pytest.raises(TypeError, match="line: takes 1 argument and optionally a, b"):
            wrong()
    with pytest.raises(TypeError, match="line"):
        line(1.0, 2.0, a=3.0)  # a is given twice


def test_own_variadic_primitive(own_rows):
    product = autograd.primitive(
        "product", math.prod, None, rule=lambda xs, y: [y / x for x in xs], doc="product([x1, ..., xn])"
    )
    xs = [Value(2.0), Value(3.0), Value(4.0)]
    y = product(xs)
    y.backward()
    assert y.data == 24.0
    assert [x.grad for x in xs] == [12.0, 8.0, 6.0]
    check_gradients(lambda xs: product(xs), [2.0, 3.0, 4.0])


def test_what_a_user_function_returns_becomes_a_float(own_rows):
    cbrt = autograd.primitive("npcbrt", np.cbrt, "cbrt", lambda x, y: 1.0 / (3.0 * y * y))
    assert type(cbrt(Value(8.0)).data) is float
    assert type(cbrt(8.0)) is float


def test_a_user_function_that_turns_complex_is_a_domain_error(own_rows):
    root = autograd.primitive("third_root", lambda x: x ** (1 / 3), None, lambda x, y: y / (3.0 * x))
    for x in (-8.0, Value(-8.0)):
        with pytest.raises((DomainError, TypeError), match="third_root"):
            root(x)


@pytest.mark.parametrize("bad", [-1.0, 1e308], ids=["outside", "too large"])
def test_a_row_without_an_array_function_names_the_index_too(own_rows, bad):
    def stretch(x):
        if x < 0.0:
            raise ValueError("math domain error")
        return math.exp(x)

    row = autograd.primitive(
        "stretch", stretch, None, lambda x, y: y, overflows=True,
        domain=autograd.Domain("argument must be >= 0", lambda x: x >= 0.0, ((0.0, 1.0),)),
    )  # fmt: skip
    with pytest.raises(DomainError, match=r"^stretch: .* at index \[1\]"):
        row(np.array([0.5, bad]))


# ---------------------------------------------------------------- calling a row


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: autograd.tanh(), "tanh: takes 1 argument, got 0"),
        (lambda: autograd.tanh(1.0, 2.0), "tanh: takes 1 argument, got 2"),
        (lambda: autograd.mul(1.0), "mul: takes 2 arguments, got 1"),
        (lambda: autograd.leaky_relu(), "leaky_relu: takes 1 argument and optionally slope, got 0"),
        (lambda: autograd.leaky_relu(1.0, 2.0, 3.0), "leaky_relu: takes 1 argument and optionally slope, got 3"),
        (lambda: autograd.sum(1.0, 2.0), "sum: takes a list of numbers"),
        (lambda: autograd.sum(3.0), "sum: takes a list of numbers, got 3.0"),
        (lambda: autograd.sum("12"), "sum: takes a list of numbers, got '12'"),
        (lambda: autograd.dot([1.0]), "dot: takes 2 lists of numbers"),
        (lambda: autograd.tanh("1"), "tanh: takes numbers"),
        (lambda: autograd.tanh(1j), "tanh: takes numbers"),
        (lambda: autograd.tanh(None), "tanh: "),
        (lambda: autograd.tanh({}), "tanh: "),
        (lambda: autograd.tanh(np.array([None])), "tanh: "),
        (lambda: autograd.sum([None, 1.0]), "sum: "),
        (lambda: autograd.add(Value(1.0), "2"), "add: expected a real number, got '2'"),
        (lambda: autograd.add(Value(1.0), None), "add: expected a real number, got None"),
        (lambda: autograd.mul(1.0, 1j), "mul: takes numbers"),
    ],
    ids=[
        "no argument",
        "two for one",
        "one for two",
        "none for one or two",
        "three for two",
        "numbers for a list",
        "a number for a list",
        "a string for a list",
        "one list for two",
        "a string",
        "a complex number",
        "None",
        "a dict",
        "an array of None",
        "None in a list",
        "Value and string",
        "Value and None",
        "float and complex",
    ],
)
def test_a_wrong_call_says_what_the_row_takes(wrong, says):
    with pytest.raises(TypeError, match=f"^{says}"):
        wrong()


@pytest.mark.parametrize(("xs", "ws"), [([1.0], [1.0, 2.0]), ([], [1.0])])
def test_dot_wants_equal_lengths(xs, ws):
    with pytest.raises(ValueError, match=f"dot: the lists must be equally long, got {len(xs)} and {len(ws)}"):
        autograd.dot(xs, ws)


def test_empty_lists():
    assert autograd.sum([]) == 0.0
    assert autograd.dot([], []) == 0.0
    for row in (autograd.mean, autograd.logsumexp):
        with pytest.raises(DomainError, match=f"{row.name}: .*at least one number.*empty list"):
            row([])
    with pytest.raises(ValueError, match=r"softmax.*empty list"):
        autograd.softmax([])


def test_variadic_rows_take_any_iterable_and_add_from_left_to_right():
    xs = [1e16, 1.0, -1e16, 0.1, 0.2, 0.3]
    total = 0.0
    for x in xs:
        total += x
    assert autograd.sum(xs) == total
    assert autograd.sum(x for x in map(Value, xs)).data == total
    assert autograd.dot(xs, [1.0] * 6) == total
    assert autograd.mean(tuple(xs)) == total / 6
    assert autograd.sum(np.array(xs)) == total


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.public], ids=lambda row: row.name)
def test_help_says_how_a_row_is_called_and_what_it_computes(row):
    text = pydoc.plain(pydoc.render_doc(row))
    assert f"{row.name}(" in text
    assert "Derivative" in text
    assert ("Kink: " in text) == (row.kink is not None)
    if not row.domain.text.endswith(("be numbers", "be a number")):
        assert f"Domain: {row.domain.text}" in text
    signature = inspect.signature(row)
    assert len(signature.parameters) == (row.arity or row.groups)
    assert {name: p.default for name, p in signature.parameters.items() if p.default is not p.empty} == row.defaults


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.public], ids=lambda row: row.name)
def test_the_example_in_a_help_text_is_right(row):
    examples = doctest.DocTestParser().get_examples(row.__doc__)
    assert len(examples) == (row.rule is None)
    for example in examples:
        assert repr(eval(example.source, {row.name: row})) == example.want.strip()


def test_signatures_are_real_on_both_engines():
    assert str(inspect.signature(autograd.tanh)) == "(x)"
    assert str(inspect.signature(autograd.leaky_relu)) == "(x, slope=0.01)"
    names = {name: p.default for name, p in inspect.signature(Value).parameters.items()}
    assert list(names) == ["data", "label"]
    assert names["label"] == ""
    assert inspect.getdoc(Value).startswith("A scalar that records")
