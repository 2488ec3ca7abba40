"""The sweep: order, depth, memory, failure and repetition."""

import gc
import hashlib
import itertools
import math
import os
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

import autograd
from autograd import DomainError, Value, check_gradients, derivative, grad, stop_gradient, topological, value_and_grad
from autograd.engine import leaves
from autograd.holding import holding

ROOT = Path(autograd.__file__).parents[1]

# ---------------------------------------------------------------- order


def test_topological_order_has_arguments_before_results_each_once():
    x, y = Value(1.0), Value(2.0)
    a = x * y
    b = a + x
    c = a * b
    root = c - b
    order = topological(root)
    place = {value: i for i, value in enumerate(order)}
    assert len(order) == len(place) == 6
    assert order[-1] is root
    assert all(place[arg] < place[value] for value in order for arg in value.args)


def test_topological_order_is_the_same_every_time():
    xs = [Value(float(i)) for i in range(50)]
    root = autograd.sum([x * y for x in xs for y in xs[::7]])
    orders = [topological(root) for _ in range(3)]
    assert orders[0] == orders[1] == orders[2]
    assert topological(xs[0]) == [xs[0]]


def test_a_node_used_again_after_a_deeper_one_waits_for_all_its_users():
    # The classic mistake: pulling back through `a` before the longer path to it has arrived.
    x = Value(0.5)
    a = x * 3
    long = a
    for _ in range(10):
        long = autograd.sin(long)
    for root in (a * long, long * a, a + long * a):
        assert grad(root, x) == pytest.approx(slope(lambda x, root=root: rerun(root, x), 0.5), rel=1e-8)


def rerun(root, x):
    """`root` computed again in plain floats with its only leaf at x."""
    found: dict = {}
    for value in topological(root):
        args = [found.get(arg, arg) for arg in value.args]
        found[value] = value.primitive.on_floats(args) if args else x
    return found[root]


def slope(f, x, step=1e-6):
    return (f(x + step) - f(x - step)) / (2 * step)


# ---------------------------------------------------------------- depth and width


MILLION = """
import gc, weakref
from autograd import Value
gc.disable()
x = Value(1.0)
y = x
for _ in range(1_000_000):
    y = y + 1.0
assert y.data == 1_000_001.0
y.backward()
assert x.grad == 1.0
middle = weakref.ref(y.args[0])
del y
assert middle() is None
"""


def test_a_chain_of_a_million_nodes_is_built_swept_and_freed():
    # In a process of its own: a crash of the C stack would take the tests with it, and tracing would slow it down.
    subprocess.run([sys.executable, "-c", MILLION], cwd=ROOT, check=True)


def test_a_deep_chain_of_every_kind_of_node(no_collector):
    x = Value(0.5)
    y = x
    for i in range(10_000):
        y = (autograd.sin(y), autograd.sum([y, 0.1]), autograd.dot([y], [0.9]), autograd.maximum(y, -5.0))[i % 4]
    y.backward()
    derived = grad(y, x, create_graph=True)
    assert derived.data == x.grad
    assert math.isfinite(grad(derived, x))


def test_a_wide_sum():
    xs = [Value(1.0) for _ in range(100_000)]
    for y in (autograd.sum(xs), sum(xs)):
        assert y.data == 100_000.0
        assert grad(y, xs) == [1.0] * len(xs)


def test_a_ladder_of_diamonds_is_linear_in_its_nodes():
    x = Value(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()  # one step per path, of which there are 2**200, would not end
    assert x.grad == 2.0**200
    assert y.data == 2.0**200


def test_a_ladder_with_two_different_sides_against_exact_fractions():
    x = Value(0.5)
    y, slope_of_y = x, Fraction(1)
    for _ in range(200):
        y = 0.5 * y + 0.75 * y
        slope_of_y *= Fraction(5, 4)
    assert grad(y, x) == pytest.approx(float(slope_of_y), rel=1e-13)


# ---------------------------------------------------------------- memory comes back without the cyclic collector


def small_graph():
    x, w = Value(0.5), Value(2.0)
    h = autograd.tanh(w * x + 1)
    return x, w, autograd.logsumexp([h, h * x, w]) / (h + 2)


def fails(f, *args):
    with pytest.raises(DomainError):
        f(*args)


def use_nothing():
    small_graph()


def use_backward():
    small_graph()[-1].backward()


def use_create_graph():
    x, w, y = small_graph()
    first = grad(y, [x, w], create_graph=True)
    grad(first[0] * first[1], [x, w])


def use_nested():
    derivative(derivative(lambda x: x * autograd.sin(x)))(1.0)


def use_value_and_grad():
    value_and_grad(lambda xs: autograd.dot(xs, xs))([1.0, 2.0])


def use_check():
    check_gradients(lambda x, y: x * y, 1.0, 2.0)


def use_failing_value():
    x, _, y = small_graph()
    fails(autograd.log, x - 10 + y * 0)


def use_failing_backward():
    _, _, y = small_graph()
    origin = autograd.atan2(y - y, y * 0)
    fails(origin.backward)


def use_failing_check():
    fails(check_gradients, autograd.sqrt, 0.0)


@pytest.mark.parametrize(
    "use",
    [use_nothing, use_backward, use_create_graph, use_nested, use_value_and_grad, use_check, use_failing_value,
     use_failing_backward, use_failing_check],
    ids=lambda use: use.__name__,
)  # fmt: skip
def test_nothing_is_left_for_the_cyclic_collector(use, no_collector):
    use()
    gc.collect()
    before = live_values()
    for _ in range(5):
        use()
    assert live_values() == before


def live_values():
    return sum(type(thing) is Value for thing in gc.get_objects())


def test_memory_of_a_training_loop_does_not_grow(no_collector):
    ws = [Value(0.01 * i) for i in range(30)]  # tuples of more than 20 are not kept in the interpreter's free lists

    def step():
        loss = autograd.tanh(autograd.dot(ws, [0.5] * 30)) ** 2
        autograd.zero_grad(ws)
        loss.backward()
        for w in ws:
            w.data -= 0.1 * w.grad

    step()
    tracemalloc.start()
    for _ in range(10):
        step()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        step()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 5_000


# ---------------------------------------------------------------- failure leaves gradients as they were


def test_a_failing_backward_changes_no_gradient():
    x, z = Value(1.0), Value(0.0)
    inner = x * 3
    y = inner + autograd.atan2(z, z * 1.0) + x * z
    x.grad, inner_before = 7.0, inner.has_grad
    with pytest.raises(DomainError, match=r"atan2: has no derivative at \(0\.0, 0\.0\)"):
        y.backward()
    assert (x.grad, inner.has_grad, inner_before) == (7.0, False, False)
    assert not any(value.has_grad for value in topological(y) if value is not x)


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, KeyError, KeyboardInterrupt])
def test_a_partial_of_the_users_that_raises_changes_no_gradient(own_rows, error):
    def broken(x, y):
        raise error("planted")

    bad = autograd.primitive("bad", lambda x: x, None, broken)
    x = Value(1.0, label="x")
    y = bad(x * 2) + x
    with pytest.raises(DomainError if error in (ValueError, ZeroDivisionError) else error, match="planted"):
        y.backward()
    assert not any(value.has_grad for value in topology_of(y))


def topology_of(y):
    order = topological(y)
    assert len(order) == 4
    return order


def test_an_error_in_a_derivative_names_the_node():
    angle = autograd.atan2(Value(0.0), Value(0.0))
    angle.label = "angle"
    with pytest.raises(DomainError, match=r"atan2: has no derivative at \(0\.0, 0\.0\) \(node 'angle'\)"):
        angle.backward()


# ---------------------------------------------------------------- strong zeros


def untaken(x):
    return autograd.where(x > 1, autograd.sqrt(x), 2 * x)


def untaken_by_a_value(x):
    return autograd.where(x * 1.0, autograd.sqrt(x), 2 * x)


ZERO_TIMES_INFINITY = {
    "untaken where": (untaken, 2.0),
    "untaken where, the condition a Value": (untaken_by_a_value, 2.0),
    "times a constant 0": (lambda x: 0.0 * autograd.sqrt(x) + x, 1.0),
    "relu of something negative": (lambda x: autograd.relu(autograd.sqrt(x) - 1) + 3 * x, 3.0),
    "the smaller of a maximum": (lambda x: autograd.maximum(autograd.sqrt(x), x + 1), 1.0),
    "a stopped root": (lambda x: stop_gradient(autograd.sqrt(x)) + x, 1.0),
    "the sign of a root": (lambda x: autograd.sign(autograd.sqrt(x)) + x, 1.0),
    "dot with a 0": (lambda x: autograd.dot([autograd.sqrt(x), x], [0.0, 4.0]), 4.0),
}
zero_times_infinity = pytest.mark.parametrize(
    ("f", "slope"), ZERO_TIMES_INFINITY.values(), ids=ZERO_TIMES_INFINITY.keys()
)


@zero_times_infinity
def test_a_path_that_carries_nothing_adds_nothing(f, slope):
    x = Value(0.0)
    f(x).backward()
    assert x.grad == slope
    assert derivative(f)(0.0) == slope


@zero_times_infinity
def test_a_path_that_carries_nothing_adds_nothing_when_recorded(f, slope):
    x = Value(0.0)
    assert grad(f(x), x, create_graph=True).data == slope
    assert derivative(lambda x: derivative(f)(x) * x)(0.0) == slope


@pytest.mark.parametrize(
    "f",
    [
        lambda x: autograd.sqrt(x) ** 2 + x,
        lambda x: x * autograd.sqrt(x),
        lambda x: autograd.sqrt(x * x),
        lambda x: autograd.sqrt(x * x + (x * 2.0) ** 2),
        lambda x: x * (3.0 * autograd.sqrt(x)),  # the 0 goes a step further before it meets the infinity
        lambda x: autograd.dot([autograd.sqrt(x)], [x]),
        lambda x: x * autograd.asin(1.0 - x),
        lambda x: autograd.sqrt(autograd.abs(x)),  # the slope of abs at 0 is a convention, not a choice
    ],
)
def test_zero_times_infinity_has_no_value(f):
    for take in (lambda: f(Value(0.0)).backward(), lambda: derivative(f)(0.0)):
        with pytest.raises(DomainError, match=r"0 · ∞ at .*sqrt\(x \+ tiny\)"):
            take()
    x = Value(0.0, label="x")
    with pytest.raises(DomainError, match="0 · ∞"):
        grad(f(x), x, create_graph=True)
    with pytest.raises(DomainError, match="0 · ∞"):
        f(x).backward()
    assert not x.has_grad


def test_the_second_derivative_of_a_root_of_a_power_is_not_taken_for_0():
    with pytest.raises(DomainError, match="0 · ∞"):
        derivative(derivative(lambda x: autograd.sqrt(x**4)))(0.0)


def test_a_partial_that_nothing_needs_may_be_missing():
    base, exponent = Value(-2.0), Value(3.0)
    (base ** stop_gradient(exponent)).backward()
    assert (base.grad, exponent.grad) == (12.0, 0.0)
    again = Value(-2.0)
    (again ** (stop_gradient(exponent * 2.0) * 0.5)).backward()
    assert again.grad == 12.0
    assert grad(base ** stop_gradient(exponent), base, create_graph=True).data == 12.0
    with pytest.raises(DomainError, match=r"pow: has no derivative at \(-2\.0, 3\.0\) by argument 2: y · log"):
        (base**exponent).backward()


def test_infinities_that_meet_are_told_where():
    x = Value(0.0, label="x")
    with pytest.raises(DomainError, match=r"the gradient at 0\.0 \(node 'x'\).*opposite sign meet"):
        (autograd.sqrt(x) - autograd.sqrt(x)).backward()


def test_nan_is_passed_on_only_where_it_came_from_outside():
    x = Value(math.nan)
    y = x * x + 2.0
    y.backward()
    assert math.isnan(x.grad)
    assert math.isnan(derivative(derivative(lambda y: autograd.log(math.nan - y + y)))(1.0))


# ---------------------------------------------------------------- one moment


def test_a_graph_is_of_one_moment():
    x, w = Value(1.0, label="x"), Value(2.0)
    y = autograd.sin(x) * x
    x.data = 10.0
    with pytest.raises(RuntimeError, match=r"leaf 'x' was changed after sin was computed from it.*compute it again"):
        y.backward()
    with pytest.raises(RuntimeError, match="compute it again"):
        grad(y, x)
    with pytest.raises(RuntimeError, match="compute it again"):
        grad(y, x, create_graph=True)
    assert not x.has_grad
    (autograd.sin(x) * x * w).backward()
    assert x.grad == pytest.approx(2.0 * (math.sin(10.0) + 10.0 * math.cos(10.0)))


@pytest.mark.parametrize("f", [lambda x: x * 0.0, lambda x: abs(x), lambda x: autograd.sum([x, x, 1.0]), autograd.relu])
def test_a_change_counts_even_if_the_result_would_be_the_same(f):
    x = Value(-1.0, label="x")
    y = f(x) + 1.0
    autograd.write([x], "data", [1.0])
    with pytest.raises(RuntimeError, match="the leaf 'x'"):
        y.backward()


def test_what_does_not_mix_moments():
    x, w = Value(1.0), Value(3.0)
    h = x * 2.0
    w.data = 4.0  # before anything was computed from it
    y = h * w
    y.backward()
    y.backward()
    assert (x.grad, w.grad) == (16.0, 4.0)
    x.data = 1.0  # as it was
    y.backward()
    for _ in range(3):  # the loop of everybody
        autograd.zero_grad([x, w])
        loss = (x * w - 1.0) ** 2
        loss.backward()
        for p in (x, w):
            p.data -= 0.01 * p.grad
    topological(y)
    assert len(leaves(y)) == 2
    with pytest.raises(RuntimeError, match="compute it again"):
        y.backward()


def test_other_numbers_for_a_while_leave_a_graph_as_it_was():
    x = Value(2.0)
    y = x * x
    with holding([x], [5.0]):
        assert (x * x).data == 25.0
        with pytest.raises(RuntimeError, match="compute it again"):
            y.backward()
    with pytest.raises(ZeroDivisionError), holding([x], [7.0]):
        raise ZeroDivisionError
    y.backward()
    assert (x.data, x.grad) == (2.0, 4.0)


def test_moments_survive_sweeps_inside_sweeps(own_rows):
    x, z = Value(1.0), Value(2.0)
    other = z * z + x
    looked = []

    def partial(x1, y):
        looked.append(grad(other, z))  # sweeps over other nodes and one of the same leaves
        return 2.0 * x1

    square = autograd.primitive("square_that_looks", lambda x: x * x, None, partial)
    y = square(x) + square(x) * x
    y.backward()
    y.backward()
    assert looked == [4.0] * 4
    x.data = 3.0
    for result in (y, other):
        with pytest.raises(RuntimeError, match="compute it again"):
            result.backward()
    z.data = 5.0
    (z * x).backward()


def test_a_leaf_that_diverges_says_so_at_its_first_nan():
    w = Value(math.inf)
    w.grad = math.inf
    with pytest.raises(DomainError, match=r"would become nan.*learning rate"):
        w.data -= 0.1 * w.grad
    with pytest.raises(DomainError, match="would become nan"):
        autograd.write([Value(1.0), w], "data", [2.0, math.nan])
    assert w.data == math.inf
    fine = Value(1.0)
    fine.data = math.nan  # on purpose
    assert math.isnan(fine.data)


def test_a_recorded_gradient_leaves_out_what_only_chooses():
    condition, x = Value(1.0), Value(2.0)
    slope = grad(autograd.where(condition, x * x, x), x, create_graph=True)
    assert condition not in topological(slope)


def test_zero_partial_under_an_infinite_cotangent():
    x = Value(0.0)
    y = autograd.sqrt(autograd.where(True, x, x * 5))  # infinity arrives at the where; the untaken side stays 0
    assert grad(y, y.args[0].args[2]) == 0.0
    assert grad(autograd.sqrt(x * 0.0 + stop_gradient(x)), x) == 0.0


def test_infinite_slopes_that_cancel_have_no_derivative():
    # inf - inf: whatever is said, it is not a quiet nan.
    x = Value(0.0)
    y = autograd.sqrt(x) - autograd.sqrt(x)
    with pytest.raises(DomainError):
        y.backward()
    assert not x.has_grad


@pytest.mark.parametrize("nan_first", [True, False])
def test_a_nan_in_the_data_costs_no_more_than_a_number(nan_first):
    # Missing data: the gradient is nan everywhere, and finding out why must not take a search per node.
    missing, x = Value(math.nan), Value(0.5)
    y = x
    for _ in range(5_000):
        y = y + 1.0
    y = (missing + 1.0) * y if nan_first else y * (missing + 1.0)
    calls = itertools.count()
    sys.setprofile(lambda *event: next(calls))
    try:
        y.backward()
    finally:
        sys.setprofile(None)
    assert next(calls) < 50 * 5_000
    assert math.isnan(x.grad)


# ---------------------------------------------------------------- the same bits

PROGRAM = """
import random, struct, sys
import autograd
from autograd import Value, grad
rng = random.Random(7)
xs = [Value(rng.uniform(-1, 1)) for _ in range(30)]
def net():
    hs = [autograd.tanh(autograd.dot(xs[i:i + 10], xs[20:30]) + xs[i]) for i in range(20)]
    return autograd.logsumexp(hs) * sum(h * h for h in hs) + autograd.mean(hs) / (1 + hs[0] ** 2)
y = net()
y.backward()
first = grad(net(), xs, create_graph=True)
second = grad(sum(g * g for g in first), xs)
numbers = [y.data, *(x.grad for x in xs), *(g.data for g in first), *second]
print(struct.pack(f"{len(numbers)}d", *numbers).hex())
"""


def run(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_same_program_same_bits_in_any_process(capsys):
    for _ in range(2):
        exec(PROGRAM, {})
    here = capsys.readouterr().out.split()
    bits = {*here, run("1").strip(), run("4242").strip()}
    assert len(bits) == 1, [hashlib.sha256(b.encode()).hexdigest()[:8] for b in bits]


@pytest.mark.parametrize(
    "f",
    [
        lambda p: (-2.0) ** p,
        lambda p: Value(-2.0) ** p,
        lambda p: autograd.hypot(p - 3.0, 0.0 * p),
        lambda p: autograd.logsumexp([-math.inf, -math.inf + p]),
    ],
)
def test_what_a_derivative_is_taken_by_needs_its_partials_as_a_leaf_does(f):
    x = Value(3.0)
    for ask in (
        lambda: f(x).backward(),
        lambda: autograd.derivative(f)(3.0),
        lambda: autograd.value_and_grad(f)(3.0),
        lambda: autograd.derivative(autograd.derivative(f))(3.0),
        lambda: autograd.grad(f(x), x, create_graph=True),
    ):
        with pytest.raises(DomainError, match="has no derivative at"):
            ask()
    assert not x.has_grad
