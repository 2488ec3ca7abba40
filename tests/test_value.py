"""What a Value is and does: the record it keeps, its gradient, comparisons, and what it refuses."""

import copy
import heapq
import math
import operator
import pickle
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, no_grad, stop_gradient, topological, zero_grad

# ---------------------------------------------------------------- the record


def test_args_are_kept_in_the_order_written():
    x, y = Value(2.0), Value(3.0)
    assert (x - y).args == (x, y)
    assert (y - x).args == (y, x)
    assert (x * x).args == (x, x)
    assert (1 - x).args == (1.0, x)
    assert (2**x).args == (2.0, x)


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (operator.add, "add"),
        (operator.sub, "sub"),
        (operator.mul, "mul"),
        (operator.truediv, "div"),
        (operator.pow, "pow"),
    ],
)
def test_binary_operators_record_what_was_written(op, name):
    x, y = Value(2.0), Value(3.0)
    for a, b, args in ((x, y, (x, y)), (x, 3, (x, 3.0)), (2, y, (2.0, y)), (x, 3.0, (x, 3.0)), (2.0, y, (2.0, y))):
        z = op(a, b)
        assert z.primitive is autograd.TABLE[name]
        assert z.args == args
        assert all(type(arg) in (Value, float) for arg in z.args)
        assert z.data == op(2.0, 3.0)
        assert type(z.data) is float


def test_unary_operators():
    x = Value(-2.0)
    assert (+x) is x
    assert ((-x).data, (-x).primitive) == (2.0, autograd.neg)
    assert (abs(x).data, abs(x).primitive) == (2.0, autograd.abs)


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (3, 3.0),
        (True, 1.0),
        (Fraction(1, 2), 0.5),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.uint8(200), 200.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (2**70, float(2**70)),
        (math.nan, math.nan),
    ],
    ids=repr,
)
def test_any_real_number_becomes_a_float(number, wanted):
    x = Value(number)
    assert type(x.data) is float
    assert repr(x.data) == repr(wanted)
    x.grad = number
    assert (type(x.grad), repr(x.grad)) == (float, repr(wanted))
    for y in (Value(2.0) * number, number * Value(2.0)):
        assert type(y) is Value
        assert type(y.data) is float
        assert repr(y.data) == repr(2.0 * wanted)
        assert sorted(type(arg).__name__ for arg in y.args) == ["Value", "float"]


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        ("1.5", "float"),
        (None, "expected a real number, got None"),
        (1j, "real number"),
        (Decimal("1.5"), "real number"),
        ([1.0], "list of Values"),
        (np.array([1.0]), "list of Values"),
        (Value(1.0), "use its .data"),
        (object(), "real number"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_anything_else_is_refused_with_the_way_out(thing, hint):
    with pytest.raises(TypeError, match=f"Value: .*{hint}"):
        Value(thing)
    x = Value(1.0)
    with pytest.raises(TypeError, match=f"data: .*{hint}"):
        x.data = thing
    with pytest.raises(TypeError, match=f"grad: .*{hint}"):
        x.grad = thing
    with pytest.raises(TypeError, match=f"seed: .*{hint}"):
        x.backward(thing)
    assert (x.data, x.has_grad) == (1.0, False)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
@pytest.mark.parametrize("other", ["a", None, 1j, Decimal(1), {}], ids=repr)
def test_arithmetic_with_other_things_is_a_type_error(op, other):
    with pytest.raises(TypeError):
        op(Value(1.0), other)
    with pytest.raises(TypeError):
        op(other, Value(1.0))


def test_a_type_that_knows_values_gets_its_turn():
    class Metre:
        def __radd__(self, other):
            return "metre"

        def __add__(self, other):
            return "metre"

    assert Value(1.0) + Metre() == "metre"
    assert Metre() + Value(1.0) == "metre"


def test_an_integer_too_large_for_a_float():
    with pytest.raises((OverflowError, ValueError), match="large"):
        Value(10**400)
    with pytest.raises((OverflowError, ValueError), match="large"):
        Value(1.0) + 10**400


def test_sum_adds_no_node_for_the_int_it_starts_from():
    xs = [Value(1.0), Value(2.0), Value(3.0)]
    total = sum(xs)
    assert total.args[1] is xs[2]
    assert total.args[0].args == (xs[0], xs[1])
    assert sum(xs[:1]) is xs[0]
    # A zero that somebody wrote is shown: only the int from sum() goes.
    assert (0.0 + xs[0]).args == (0.0, xs[0])
    assert (xs[0] + 0).args == (xs[0], 0.0)
    assert (False + xs[0]).args == (0.0, xs[0])


def test_in_place_operators_make_new_nodes():
    x = Value(2.0)
    y = x
    y += 1
    y *= x
    y -= 3
    y /= 2
    y **= 2
    assert x.data == 2.0
    assert x.is_leaf
    assert y.data == 2.25
    y.backward()
    assert x.grad == 2 * 1.5 * (2 * 2 + 1) / 2


def test_a_constant_power_takes_no_log_of_the_base():
    x = Value(-2.0)
    (x**2).backward()
    assert x.grad == -4.0


def test_division_is_recorded_as_division():
    x, y = Value(1.0), Value(3.0)
    z = x / y
    assert z.primitive is autograd.div
    z.backward()
    assert (x.grad, y.grad) == (1 / 3, -(1 / 3) / 3)


def test_a_node_cannot_be_edited():
    y = Value(1.0) + 1
    for name in ("primitive", "args", "has_grad", "is_leaf"):
        with pytest.raises(AttributeError):
            setattr(y, name, None)
    with pytest.raises(AttributeError):
        y.surprise = 1


def test_data_can_be_set_on_leaves_only():
    x = Value(1.0)
    y = x * 2
    x.data = 5
    assert x.data == 5.0
    assert y.data == 2.0
    with pytest.raises(AttributeError, match=r"result of mul.*leaves"):
        y.data = 1.0
    x.data += 0.5
    assert x.data == 5.5


# ---------------------------------------------------------------- gradients: what is added, set, known


def test_leaves_accumulate_and_inner_nodes_are_set():
    x = Value(3.0)
    y = x * x
    z = 2 * y
    z.backward()
    assert (x.grad, y.grad, z.grad) == (12.0, 2.0, 1.0)
    z.backward()
    assert (x.grad, y.grad, z.grad) == (24.0, 2.0, 1.0)
    y.backward()
    assert (x.grad, y.grad, z.grad) == (30.0, 1.0, 1.0)


def test_two_losses_on_one_leaf_add_up():
    x = Value(3.0)
    (x * x).backward()
    (5 * x).backward()
    assert x.grad == 11.0


def test_not_computed_differs_from_zero():
    x, unused = Value(1.0), Value(2.0)
    y = x * 0.0 + autograd.where(True, x, unused)
    assert (x.grad, x.has_grad, y.has_grad) == (0.0, False, False)
    y.backward()
    assert (x.grad, x.has_grad) == (1.0, True)
    # reached by the sweep, with nothing flowing: computed, and 0
    assert (unused.grad, unused.has_grad) == (0.0, True)
    other = Value(1.0)
    assert not other.has_grad
    other.grad = 0.0
    assert other.has_grad


def test_every_node_of_the_graph_is_reached():
    x = Value(-1.0)
    hidden = autograd.exp(x)
    y = autograd.relu(hidden * 0.0) + stop_gradient(hidden)
    y.backward()
    assert all(value.has_grad for value in topological(y))
    assert (hidden.grad, x.grad) == (0.0, 0.0)


def test_zero_grad():
    x, y = Value(1.0), Value(2.0)
    (x * y).backward()
    zero_grad([x])
    assert (x.grad, x.has_grad, y.grad) == (0.0, False, 1.0)
    zero_grad(y)
    assert not y.has_grad
    zero_grad(v for v in (x, y))
    with pytest.raises(TypeError, match=r"zero_grad: takes Values.*3\.0"):
        zero_grad([x, 3.0])


def test_seed():
    x = Value(3.0)
    y = x * x
    y.backward(0.5)
    assert (y.grad, x.grad) == (0.5, 3.0)
    y.backward(seed=-1)
    assert (y.grad, x.grad) == (-1.0, -3.0)
    y.backward(seed=0)
    assert (y.grad, x.grad, x.has_grad) == (0.0, -3.0, True)


def test_a_leaf_is_its_own_gradient():
    x = Value(3.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0


def test_setting_a_gradient_by_hand():
    x = Value(3.0)
    x.grad = 10
    (2 * x).backward()
    assert x.grad == 12.0
    x.grad *= 0.5
    assert x.grad == 6.0


# ---------------------------------------------------------------- comparisons, equality, hash


@pytest.mark.parametrize("op", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (1.0, math.nan)])
def test_comparison_is_that_of_the_data_and_gives_a_bool(op, a, b):
    for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b)), (Value(a), np.float64(b))):
        assert bool(op(left, right)) is op(a, b)
    assert type(op(Value(a), b)) is bool


def test_max_min_and_sorted():
    xs = [Value(2.0), Value(-1.0), Value(3.0)]
    assert max(xs) is xs[2]
    assert min(xs) is xs[1]
    assert sorted(xs) == [xs[1], xs[0], xs[2]]
    assert max(xs[0], 0) is xs[0]
    with pytest.raises(TypeError):
        Value(1.0) < "a"  # noqa: B015  # the comparison is what is tested


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (1.0, 1.0), (0.0, -0.0), (1.0, math.nan), (math.nan, math.nan)])
def test_equality_is_that_of_the_numbers(a, b):
    for left, right in ((Value(a), Value(b)), (Value(a), b), (a, Value(b)), (Value(a), np.float64(b))):
        assert (left == right) is (a == b)
        assert (left != right) is (a != b)


def test_equality_with_what_is_no_number():
    x = Value(1.0)
    assert x == 1
    assert x == True  # noqa: E712  # as 1.0 == True
    for other in (None, "1.0", [1.0], object(), 1j):
        assert (x == other) is False
        assert (x != other) is True
    found = np.array([1.0, 2.0]) == x
    assert found.tolist() == [True, False]


def test_containers_compare_numbers_and_hashes_tell_values_apart():
    x, same, other = Value(1.0), Value(1.0), Value(2.0)
    assert [other, same].index(x) == 1
    assert 2.0 in [x, other]
    assert 3.0 not in (x, other)
    assert (x, 1) == (same, 1.0)
    assert (x, 0) < (same, 1)
    assert [x, other] == [1.0, 2.0]
    assert len({x, same, x}) == 2
    assert {x: "x", same: "same"}[same] == "same"
    assert heapq.nsmallest(1, [(other, 0), (same, 2), (x, 1)])[0][1] == 1
    before = hash(x)
    x.data = 5.0
    assert hash(x) == before


def test_the_same_branch_on_floats_and_on_values():
    def f(x, k):
        match k:
            case 1.0:
                return x * x
        return x**3

    def mean(a, b):  # of Gauss: arithmetic and geometric mean meet
        rounds = 0
        while a != b and rounds < 50:
            a, b, rounds = (a + b) * 0.5, autograd.sqrt(a * b), rounds + 1
        return a, rounds

    assert f(Value(2.0), Value(1.0)).data == f(2.0, 1.0) == 4.0
    found, rounds = mean(Value(1.0), Value(2.0))
    assert (found.data, rounds) == mean(1.0, 2.0)
    assert rounds < 8


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: 1.0 / x, 0.0), (lambda x: x / 0.0, 1.0), (lambda x: x**-2.0, 0.0), (lambda x: x**3.0, 1e200),
        (lambda x: 10.0**x, 1000.0), (lambda x: x**0.5, 0.25),
    ],
)  # fmt: skip
def test_a_function_catches_on_values_what_it_catches_on_floats(f, x):
    def told(x):
        try:
            return f(x)
        except ZeroDivisionError:
            return "divided by 0"
        except OverflowError:
            return "too large"

    found = told(Value(x))
    assert (found.data if isinstance(found, Value) else found) == told(x)


def test_an_overflow_names_the_branch_that_is_not_taken():
    with pytest.raises(DomainError, match=r"exp: .*too large.*where\(\) that is not taken.*minimum"):
        autograd.where(0.0, autograd.exp(Value(1000.0)), 1.0)


# ---------------------------------------------------------------- no gradient is lost in silence


@pytest.mark.parametrize(
    ("lose", "way_out"),
    [
        (float, r"v\.data"),
        (int, r"int\(v\.data\)"),
        (bool, r"v > 0"),
        (math.exp, r"autograd\.exp"),
        (math.floor, "data"),
        (complex, "data"),
        (np.float64, r"v\.data"),
        (lambda v: np.array([v], dtype=float), r"v\.data"),
        (lambda v: 1 if v else 0, r"v > 0"),
        (lambda v: np.float64(1.0) if v and 1 else 0, r"v > 0"),
        (lambda v: f"{float(v)}", r"v\.data"),
    ],
    ids=[
        "float",
        "int",
        "bool",
        "math.exp",
        "math.floor",
        "complex",
        "np.float64",
        "float array",
        "if",
        "and",
        "in a string",
    ],
)
def test_a_value_does_not_become_a_plain_number(lose, way_out):
    with pytest.raises(TypeError, match=way_out):
        lose(Value(2.0))


def test_a_value_is_no_index_and_no_sequence():
    for use in (range, lambda v: [1, 2, 3][v], list, len, round):
        with pytest.raises(TypeError):
            use(Value(1.0))


# ---------------------------------------------------------------- domain errors


def test_a_domain_error_names_primitive_argument_value_label_and_remedy():
    ratio = Value(-0.5, label="ratio")
    with pytest.raises(DomainError) as caught:
        autograd.log(ratio)
    assert str(caught.value) == (
        "log: argument must be > 0, got -0.5 (node 'ratio'). "
        "If zeros are expected, use log1p or maximum(x, tiny) first."
    )
    assert isinstance(caught.value, ValueError)


NO_VALUE_AT_0 = {
    "1 / x": lambda x: 1 / x,
    "x / 0": lambda x: x / 0,
    "0 / x": lambda x: 0 / x,
    "x ** -1": lambda x: x**-1,
    "np.float64 / x": lambda x: np.float64(1.0) / x,
    "np.float64 ** negative": lambda x: np.float64(0.0) ** (x - 1),
    "np.divide": lambda x: np.divide(1.0, x),
    "np.power": lambda x: np.power(x, -1.0),
    "root of a negative": lambda x: (x - 8) ** (1 / 3),
    "sqrt of a negative": lambda x: (x - 1).sqrt(),
    "log of a negative": lambda x: (x - 1).log(),
    "asin of 2": lambda x: (x + 2).asin(),
    "exp of a million": lambda x: (x + 1e6).exp(),
    "square of 1e300": lambda x: (x + 1e300) ** 2,
}


@pytest.mark.parametrize("compute", NO_VALUE_AT_0.values(), ids=NO_VALUE_AT_0.keys())
def test_no_complex_number_no_quiet_nan_no_quiet_infinity(compute):
    with pytest.raises(DomainError):
        compute(Value(0.0))


def test_infinity_minus_infinity_is_no_quiet_nan():
    x = Value(1e200) * 1e200
    assert x.data == math.inf
    for compute in (lambda: x - x, lambda: x / x, lambda: x * 0.0, lambda: autograd.sum([x, -x])):
        with pytest.raises(DomainError, match="no value at infinity"):
            compute()


def test_a_nan_that_came_in_goes_through():
    # Missing data stays missing; only a nan made here is an error.
    x = Value(math.nan)
    assert math.isnan((autograd.exp(x) + 1).data)
    assert not x > 0
    assert not x <= 0


def test_many_arguments_are_cut_short_in_an_error():
    with pytest.raises(DomainError, match=r"got inf, 1\.0, 1\.0, 1\.0, 1\.0, -inf, \.\.\."):
        autograd.sum([math.inf, 1.0, 1.0, 1.0, 1.0, -math.inf, *[1.0] * 50])


# ---------------------------------------------------------------- no_grad, stop_gradient


def test_no_grad_records_nothing():
    x = Value(2.0)
    with no_grad():
        y = x * x + autograd.exp(x) + autograd.sum([x, x]) + np.exp(x) + autograd.relu(x)
        assert y.is_leaf
        assert y.args == ()
        assert y.primitive is None
    assert y.data == (x * x + autograd.exp(x) + autograd.sum([x, x]) + np.exp(x) + autograd.relu(x)).data
    assert not (x * x).is_leaf
    y.data = 1.0  # a leaf like any other


def test_no_grad_checks_domains_all_the_same():
    with no_grad(), pytest.raises(DomainError):
        autograd.log(Value(-1.0))


def test_no_grad_nests_and_survives_exceptions():
    x = Value(2.0)
    with no_grad():
        with no_grad():
            assert (x + 1).is_leaf
        assert (x + 1).is_leaf
        with pytest.raises(ZeroDivisionError), no_grad():
            1 / 0  # noqa: B018
        assert (x + 1).is_leaf
    assert not (x + 1).is_leaf


def test_no_grad_as_a_decorator():
    @no_grad()
    def predict(x, deeper=False):
        return predict(x) if deeper else x * x

    x = Value(2.0)
    assert predict(x).is_leaf
    assert predict(x, deeper=True).is_leaf
    assert not (x * x).is_leaf


def test_no_grad_holds_in_its_own_thread_only():
    x, seen = Value(2.0), {}
    inside, done = threading.Event(), threading.Event()

    def other():
        inside.wait(10)
        seen["recorded"] = not (x * x).is_leaf
        with no_grad():
            seen["paused"] = (x * x).is_leaf
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        done.wait(10)
        seen["still paused"] = (x * x).is_leaf
    thread.join()
    assert seen == {"recorded": True, "paused": True, "still paused": True}
    assert not (x * x).is_leaf


def test_backward_works_inside_no_grad_for_what_was_recorded_before():
    x = Value(2.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad == 4.0


def test_stop_gradient_is_a_constant_to_the_sweep():
    x = Value(3.0)
    y = x * stop_gradient(x)
    y.backward()
    assert (y.data, x.grad) == (9.0, 3.0)
    assert stop_gradient(2.0) == 2.0


# ---------------------------------------------------------------- text and copies


def test_repr_label_and_format():
    x = Value(0.1, label="x")
    assert repr(x) == "Value(0.1, label='x')"
    assert repr(Value(2)) == "Value(2.0)"
    (x * 2).backward()
    assert repr(x) == "Value(0.1, label='x', grad=2.0)"
    assert f"{x:.3f}" == "0.100"
    assert f"{x}" == repr(x)
    assert str(x) == repr(x)
    x.label = "renamed"
    assert "renamed" in repr(x)
    assert (x + 1).label == ""


def test_a_graph_is_copied_with_its_shape():
    x = Value(2.0, label="x")
    h = x * x
    y = h + h * 3
    y.backward()
    for other in (copy.deepcopy(y), *(pickle.loads(pickle.dumps(y, protocol)) for protocol in range(2, 6))):
        assert repr(other) == repr(y)
        assert other.primitive is y.primitive
        assert [repr(v) for v in topological(other)] == [repr(v) for v in topological(y)]
        assert other.args[0] is other.args[1].args[0]
        leaf = other.args[0].args[0]
        assert leaf is not x
        assert leaf.label == "x"
        assert leaf.has_grad
        zero_grad([leaf])
        other.backward()
        assert leaf.grad == x.grad


def test_copy_of_a_leaf_that_no_sweep_has_reached():
    x = copy.deepcopy(Value(1.0))
    assert (x.data, x.has_grad) == (1.0, False)
    assert copy.copy(Value(1.5, label="a")).label == "a"


def test_constant_base_zero_and_negative():
    x = Value(2.0)
    (0**x).backward()
    assert x.grad == 0.0
    with pytest.raises(DomainError, match="pow: has no derivative at"):
        ((-2) ** x).backward()


# ---------------------------------------------------------------- many at once


def test_read_and_write_arrays_of_data_and_gradients():
    xs = [Value(1.0), Value(2.0)]
    (xs[0] * xs[1] * 3).backward()
    assert autograd.read(xs, "data").tolist() == [1.0, 2.0]
    assert autograd.read(xs, "grad").tolist() == [6.0, 3.0]
    out = np.zeros(2)
    assert autograd.read(xs, "data", out) is out
    assert out.tolist() == [1.0, 2.0]
    autograd.write(xs, "data", np.array([5, 6]))
    autograd.write(xs, "grad", [0.5, 0.0])
    assert [(x.data, x.grad, type(x.data)) for x in xs] == [(5.0, 0.5, float), (6.0, 0.0, float)]
    assert autograd.read([Value(1.0)], "grad").tolist() == [0.0]
    assert autograd.read([], "data").shape == (0,)


@pytest.mark.parametrize(
    ("field", "numbers", "error"),
    [
        ("data", [1.0], ValueError),
        ("data", [[1.0, 2.0]], ValueError),
        ("grad", 1.0, ValueError),
        ("label", [1.0, 2.0], ValueError),
        ("data", ["a", "b"], ValueError),
        ("data", [9.0, 9.0], AttributeError),
    ],
    ids=["too few", "a matrix", "one number", "another field", "strings", "an inner node"],
)
def test_write_changes_all_or_nothing(field, numbers, error):
    x = Value(1.0)
    values = [x, x * 2 if error is AttributeError else Value(2.0)]
    with pytest.raises(error):
        autograd.write(values, field, numbers)
    assert [v.data for v in values] == [1.0, 2.0]
    assert not any(v.has_grad for v in values)
    if field == "label":
        with pytest.raises(ValueError, match="'data' or 'grad'"):
            autograd.read(values, field)


@pytest.mark.parametrize("field", ["data", "grad"])
def test_write_takes_numbers_only(field):
    x = Value(1.0)
    x.grad = 2.0
    for wrong in ([None], ["1"], [1j], [[1.0]], [Value(1.0)]):
        with pytest.raises((TypeError, ValueError)):
            autograd.write([x], field, wrong)
        assert (x.data, x.grad) == (1.0, 2.0)
    autograd.write([x], field, [Fraction(1, 2)])
    assert getattr(x, field) == 0.5
