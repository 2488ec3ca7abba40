"""Branches: the scalar machine decides as the function does, and one example goes the short way to the same numbers."""

import math
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import DomainError, Value, trace
from autograd.program import branches, path, scalar
from autograd.program.bind import Wanted
from autograd.program.scalar import TAKES, UNKNOWN, Follower, Scalar, leaves_at

native = pytest.mark.skipif(autograd.engine() != "native", reason="the scalar machine is C")
numbers = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 1e308, -1e308])


def winding(x, y):
    """Comparisons of every kind, of results, of constants and of an infinite constant."""
    best = math.inf
    for step in (x * y, x - y, x * 2.0 - 1.0):
        if step < best:
            best = step
    if best <= x:
        best = best + 1.0
    if best > 0.5 * y:
        best = best * 2.0
    if best >= 1.0:
        best = best - y
    if best == 3.0:
        best = best * x
    if best != y:
        best = best - 0.5
    return best


def caught(x, y):
    """Errors that decide: of a root, of a quotient, of a power."""
    try:
        z = autograd.sqrt(x)
    except DomainError:
        z = -x
    try:
        z = z + 1.0 / y
    except DomainError:
        z = z + 7.0
    return z * y + x


def nearest(x, y):
    low = min([x * k + y for k in (-1.0, 0.5, 2.0)], key=lambda z: z)
    return low * low if low > -1.0 else low


FUNCTIONS = [winding, caught, nearest]


def expected(f, x, y):
    """None where there is no gradient, or the numbers are too large."""
    leaves = Value(x), Value(y)
    if max(abs(x), abs(y)) > 1e9:
        return None
    result = f(*leaves)
    try:
        return result.data, tuple(autograd.grad(result, leaves))
    except DomainError:
        return None


@pytest.mark.parametrize("f", FUNCTIONS)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40))
def test_examples_alone_and_together_take_the_branches_of_the_function(f, points):
    program = trace(f, 0.3, 0.7, max_paths=500)
    usual = [(x, y) for x, y in points if expected(f, x, y) is not None]
    found = [expected(f, x, y) for x, y in usual]
    for _ in range(2):  # the second time, all paths are known
        for (x, y), (value, slopes) in zip(usual, found, strict=True):
            assert program(x, y) == value
            assert program.value_and_grad(x, y) == (value, slopes)
    if usual:
        values, slopes = program.value_and_grad(*np.array(usual).T)
        np.testing.assert_array_equal(values, [value for value, _ in found])
        np.testing.assert_allclose(np.transpose(slopes), [slopes for _, slopes in found], rtol=1e-14)


@pytest.mark.parametrize("f", FUNCTIONS)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40))
def test_the_machine_says_where_examples_leave_as_the_walk_in_python_does(f, points):
    program = trace(f, 0.3, 0.7, max_paths=500)
    program(*np.array([(x, y) for x, y in points if max(abs(x), abs(y)) < 1e9] or [(0.3, 0.7)]).T)
    rows = np.array(points)
    for way in program.paths:
        for whole in (False, True):
            left = Follower(way.record).left_at(np.zeros(0), rows, whole)
            assert left.tolist() == [leaves_at(way.record, row, whole) for row in rows.tolist()]
            assert set(left.tolist()) <= {TAKES, UNKNOWN, *range(len(way.record.guards))}


@native
def test_known_paths_are_asked_in_c(monkeypatch):
    """One by one in Python only what C cannot tell: here, nothing."""
    program = trace(winding, 0.3, 0.7, max_paths=500)
    batch = np.random.default_rng(1).normal(size=(2, 300))
    values = program(*batch)
    monkeypatch.setattr(scalar, "leaves_at", lambda *args: pytest.fail("asked in Python"))
    np.testing.assert_array_equal(program(*batch), values)


def test_a_known_path_is_not_traced_again(monkeypatch):
    program = trace(lambda x: x * 2.0 if x > 0.0 else -x, 1.0)
    program(np.array([1.0, -1.0]))
    monkeypatch.setattr(branches, "trace_path", lambda *args: pytest.fail("traced"))
    for batch in ([-1.0, 1.0, 2.0], [-3.0], [4.0]):
        program(np.array(batch))
        program(batch[0])


def test_gradients_of_examples_that_left_are_not_added():
    """A batch that all took one path, then does not: those that leave divide by 0 later on that path."""
    w = Value(3.0)

    def f(x):
        if x > 0.0:
            return w * (1.0 / x)
        return w * x

    program = trace(f, 1.0)
    program.value_and_grad(np.array([1.0, 2.0]))
    values, slope = program.value_and_grad(np.array([1.0, 0.0, -2.0, 4.0]), reduce="sum")
    assert values.tolist() == [3.0, 0.0, -6.0, 0.75]
    assert slope.tolist() == [1.0 + 0.0 - 2.0 + 0.25]


@native
def test_an_example_that_leaves_divides_by_zero_on_the_path_that_it_left():
    w = Value(3.0)
    program = trace(lambda x: w / x if x != 0.0 else w * 5.0, 1.0)
    program(0.0)
    bound = Scalar(program.paths[0].machine(program._theta), 3, Wanted(by_parameters=True))
    bound.rows[:, 0] = [1.0, 0.0, 2.0]
    _, gradient, _ = bound.run(1.0)
    assert gradient.tolist() == [1.5]
    assert not bound.all_take_it()


# ---------------------------------------------------------------- the short way


ARGUMENTS = [
    (lambda x: x * x, (1.5,)),
    (lambda x, y: x * y + y, (1.5, 2.5)),
    (lambda xs: autograd.sum([x * x for x in xs]), ([1.0, 2.0, 3.0],)),
    (lambda xs, y: autograd.dot(list(xs), list(xs)) * y, (np.array([1.0, 2.0, 3.0]), 2.0)),
    (lambda x, y: y * 1.0, (1.5, 2.5)),
]


@pytest.mark.parametrize(("f", "args"), ARGUMENTS)
@pytest.mark.parametrize("reduce", ["mean", "sum", None])
def test_one_example_gives_the_same_again_and_again(f, args, reduce):
    w = Value(2.0)
    program = trace(lambda *xs: w * f(*xs), *args)
    for wrt in ("parameters", "inputs", "both", None):
        first = program.value_and_grad(*args, wrt=wrt, reduce=reduce)
        for _ in range(3):
            again = program.value_and_grad(*args, wrt=wrt, reduce=reduce)
            assert repr(again) == repr(first)
    assert [program(*args) for _ in range(3)] == [first[0]] * 3


def test_one_example_reads_the_parameters_of_now():
    w = Value(2.0)
    program = trace(lambda x: w * x, 1.0)
    assert [program(3.0), program(3.0)] == [6.0, 6.0]
    kept = program.parameters
    program.parameters = [5.0]
    assert [program(3.0), program(3.0)] == [15.0, 15.0]
    assert kept.tolist() == [2.0]
    with program.holding([7.0]):
        assert program(3.0) == 21.0
    assert program(3.0) == 15.0
    program.parameters[0] = 4.0
    assert program(3.0) == 12.0


def test_one_example_has_the_errors_of_the_long_way():
    program = trace(lambda x, y: autograd.log(x) / y, 1.0, 2.0)
    program(1.0, 2.0)
    program(1.0, 2.0)
    with pytest.raises(DomainError, match="log: argument must be > 0, got -1"):
        program(-1.0, 2.0)
    with pytest.raises(DomainError):
        program(math.e, 0.0)
    with pytest.raises(TypeError, match="takes 2 arguments, got 1"):
        program(1.0)
    with pytest.raises(TypeError, match="argument 1 must be"):
        program(1.0, "2")
    assert program(np.array([1.0, math.e]), 2.0).tolist() == [0.0, 0.5]


def test_what_raises_exceptions_on_the_side_not_taken_has_a_value_all_the_same():
    program = trace(lambda x: autograd.where(x > 0.0, x, 1.0) / autograd.maximum(x, 1.0), 2.0)
    assert [program(3.0), program(3.0)] == [1.0, 1.0]
    assert [program.value_and_grad(0.5), program.value_and_grad(0.5)] == [(0.5, 1.0)] * 2


def test_no_thread_sees_parameters_half_changed():
    """All parameters are the same number, whichever it is, so their differences are 0."""
    leaves = [Value(1.0) for _ in range(3000)]
    program = trace(lambda x: autograd.sum([a - b for a, b in zip(leaves[:1500], leaves[1500:], strict=True)]) * x, 1.0)
    program(2.0)
    stop, wrong = threading.Event(), []

    def look():
        while not stop.is_set():
            if program(2.0) != 0.0:
                wrong.append(True)

    thread = threading.Thread(target=look)
    thread.start()
    for k in range(300):
        program.parameters = np.full(3000, float(k))
    stop.set()
    thread.join()
    assert not wrong


# ---------------------------------------------------------------- arguments without a batch axis


def test_an_argument_without_a_batch_axis_is_the_same_for_all_examples():
    program = trace(lambda xs, y, k: autograd.sum(xs) * y + autograd.take([1.0, 5.0], k), [1.0, 2.0], 3.0, 0)
    batch, ys = np.arange(8.0).reshape(4, 2), np.array([1.0, -1.0, 2.0, 0.5])
    for given_xs, given_y, given_k in [(batch, 2.0, 1), ([1.0, 2.0], ys, 0), (batch[0], 2.0, np.array([0, 1, 1, 0]))]:
        every = np.broadcast_to(given_xs, (4, 2)), np.broadcast_to(given_y, 4), np.broadcast_to(given_k, 4)
        np.testing.assert_array_equal(program(given_xs, given_y, given_k), program(*every))
        values, slopes = program.value_and_grad(given_xs, given_y, given_k)
        expected_values, expected_slopes = program.value_and_grad(*every)
        np.testing.assert_array_equal(values, expected_values)
        for slope, of_each in zip(slopes[:2], expected_slopes[:2], strict=True):
            np.testing.assert_array_equal(slope, of_each)


def test_a_value_without_a_batch_axis_gathers_the_gradients_of_all_examples():
    program = trace(lambda x, y: x * y, 1.0, 2.0)
    y = Value(3.0)
    autograd.sum(program(np.array([1.0, 2.0, 4.0]), y)).backward()
    assert y.grad == 7.0


# ---------------------------------------------------------------- bound to memory


@pytest.mark.parametrize("wrt", ["parameters", "inputs", "both"])
@pytest.mark.parametrize("reduce", ["mean", "sum", None])
@pytest.mark.parametrize("f", [lambda w, x, y: w * x * y + x, lambda w, x, y: w * x if x > y else y * w * w])
def test_a_bound_program_writes_what_value_and_grad_returns(f, wrt, reduce):
    w = Value(2.0)
    program = trace(lambda x, y: f(w, x, y), 1.0, 2.0)
    bound = program.bind(5, wrt=wrt, reduce=reduce)
    xs, ys = bound.inputs
    kept = bound.values, bound.gradient
    for seed in range(4):
        batch = np.random.default_rng(seed).normal(size=(2, 5))
        xs[:], ys[:] = batch
        bound()
        values, gradient = program.value_and_grad(*batch, wrt=wrt, reduce=reduce)
        np.testing.assert_allclose(bound.values, values, rtol=1e-15)
        for mine, theirs in zip(flat(bound.gradient), flat(gradient), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-15, atol=1e-300)
        program.parameters = [1.5 + seed]
    assert bound.values is kept[0]
    assert bound.gradient is kept[1]


def flat(tree):
    return [part for branch in tree for part in flat(branch)] if isinstance(tree, tuple) else [tree]


def test_a_bound_program_writes_into_arrays_that_are_given():
    program = trace(lambda xs: xs[0] * xs[1], [1.0, 2.0])
    out = np.zeros(3), np.zeros((3, 2))
    bound = program.bind(3, out=out)
    bound.inputs[:] = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    bound()
    assert out[0].tolist() == [2.0, 12.0, 30.0]
    assert out[1].tolist() == [[2.0, 1.0], [4.0, 3.0], [6.0, 5.0]]
    with pytest.raises(ValueError, match=r"out must be .* shapes \[\(3,\), \(3, 2\)\]"):
        program.bind(3, out=(np.zeros(3), np.zeros(3)))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        program.bind(0)


def test_a_bound_program_returns_lists_and_tuples_anew():
    program = trace(lambda x, y: (x * y, [x + y, x], {"y": y}), 1.0, 2.0)
    out = (np.zeros(2), np.zeros((2, 2)), {"y": np.zeros(2)}), (np.zeros(2), np.zeros(2))
    bound = program.bind(2, out=out)
    kept = bound.values[1]
    for batch in ([1.0, 2.0], [3.0, 4.0]), ([5.0, 6.0], [7.0, 8.0]):
        for inputs, x in zip(bound.inputs, batch, strict=True):
            inputs[:] = x
        bound()
        product, several, named = program(*batch)
        for values in (bound.values, out[0]):
            np.testing.assert_array_equal(values[0], product)
            np.testing.assert_array_equal(values[1], several)
            np.testing.assert_array_equal(values[2]["y"], named["y"])
    assert bound.values[1] is kept


def test_a_bound_program_raises_the_errors_of_the_program():
    bound = trace(lambda x: autograd.log(x), 1.0).bind(3)
    bound.inputs[:] = [1.0, -2.0, 3.0]
    with pytest.raises(DomainError, match=r"log: argument must be > 0, got -2.*row 1"):
        bound()


# ---------------------------------------------------------------- plans


def test_the_same_record_is_rolled_once(monkeypatch):
    rolled = []
    roll = path.roll
    monkeypatch.setattr(path, "roll", lambda graph: rolled.append(graph) or roll(graph))
    programs = [trace(lambda x: autograd.sum([x * 3.25, x * x, x]), 1.0) for _ in range(3)]
    assert programs[0].paths[0].plan is programs[2].paths[0].plan
    assert len(rolled) == 1
    assert trace(lambda x: autograd.sum([x * 3.5, x * x, x]), 1.0).paths[0].plan is not programs[0].paths[0].plan
    again = pickle.loads(pickle.dumps(programs[0]))
    assert again.paths[0].plan is programs[0].paths[0].plan
    assert len(rolled) == 2
    assert again(np.array([1.0, 2.0])).tolist() == [5.25, 12.5]


# ---------------------------------------------------------------- other parameters than those of the trace


def test_a_new_branch_where_the_traced_example_has_no_value_any_more():
    w = Value(2.0)

    def f(x):
        y = x * 2.0 if x > 0.0 else x * 3.0
        return y + autograd.log(w - x)

    program = trace(f, 1.5, parameters=[w])
    program.parameters = [1.0]
    assert program(-0.5) == -1.5 + math.log(1.5)
    assert program([0.5, -0.5]).tolist() == [1.0 + math.log(0.5), -1.5 + math.log(1.5)]


def test_an_error_is_that_of_the_example_and_not_of_the_traced_one():
    w = Value(1.0)
    program = trace(lambda x: x / w, 2.5)
    program.parameters = [0.0]
    with pytest.raises(ZeroDivisionError, match=r"got 7\.0, 0\.0.*\(row 0 of the batch\)"):
        program([7.0, 1.0])


def test_a_caught_error_that_hangs_on_a_parameter():
    w = Value(2.0)

    def f(x):
        try:
            return autograd.log(w) * x
        except autograd.DomainError:
            return w * x

    program = trace(f, 1.0, parameters=[w])
    program.parameters = [-1.0]
    assert program([1.0, 2.0]).tolist() == [-1.0, -2.0]
    program.parameters = [2.0]
    assert program(1.0) == math.log(2.0)


@pytest.mark.skipif(autograd.engine() != "native", reason="without C, one example runs on NumPy's functions")
@pytest.mark.parametrize("f", [autograd.tanh, autograd.exp, lambda x: autograd.tanh(x) if x > 0.0 else x])
def test_one_example_has_the_bits_of_the_function_from_the_first_call_on(f):
    for x in np.random.default_rng(0).uniform(0.1, 3.0, 40).tolist():
        program = trace(f, 1.0)
        assert program(x) == program(x) == f(x)


def test_wrong_options_say_what_is_right():
    program = trace(lambda x: x * x, 1.0)
    with pytest.raises(ValueError, match=r"wrt must be .* got \['inputs'\]"):
        program.value_and_grad(1.0, wrt=["inputs"])
    with pytest.raises(ValueError, match=r"reduce must be .* got \[\]"):
        program.value_and_grad(1.0, reduce=[])
    with pytest.raises(ValueError, match="whole number, at least 1, got True"):
        program.bind(True)
    assert program.bind(np.int64(3)).values.shape == (3,)
