"""What the native engine does in ways of its own: pages of nodes, the short way of derivatives, printed methods."""

import gc
import itertools
import sys
import threading
import weakref

import pytest
from shared import in_threads

import autograd
from autograd import DomainError, Value, derivative, grad, primitive, topological, transforms, value_and_grad
from autograd import value as reference
from autograd.engine import record
from autograd.primitives import identity

native = pytest.mark.skipif(autograd.engine() != "native", reason="of the native engine")


# ---------------------------------------------------------------- memory


def network(weights, x):
    """Two layers, so that a graph falls apart in another order than it was made in."""
    hidden = [sum(w * xi for w, xi in zip(row, x, strict=True)).tanh() for row in weights]
    return sum(sum(w * h for w, h in zip(row, hidden, strict=True)) ** 2 for row in weights)


def share_of_neighbours(y):
    """How many of the nodes that come one after the other in a sweep lie within a few places of each other."""
    places = [id(x) for x in topological(y) if x.args]
    near = [abs(a - b) <= 4 * 64 for a, b in itertools.pairwise(places)]
    return sum(near) / len(near)


@native
def test_nodes_lie_in_the_order_in_which_they_are_made_however_many_graphs_were_there_before():
    weights = [[Value(0.01 * (i + j)) for j in range(40)] for i in range(40)]
    x = [0.1 * i for i in range(40)]
    first = share_of_neighbours(network(weights, x))
    for _ in range(40):
        network(weights, x).backward()
    assert share_of_neighbours(network(weights, x)) > 0.9 * first > 0.7


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@native
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory in use")
def test_the_memory_of_a_large_graph_is_given_back_though_nodes_live_here_and_there():
    x = y = Value(1.0)
    kept = []
    before = resident()
    for i in range(2_000_000):
        y = y + x
        if i % 200_000 == 0:
            kept.append(Value(float(i)))
    grown = resident() - before
    y.backward()
    del y
    gc.collect()
    assert grown > 90e6
    assert resident() - before < 0.5 * grown  # some is kept for the next graph
    assert [v.data for v in kept] == [2e5 * i for i in range(10)]


def test_places_are_used_again_while_others_live():
    kept = [Value(float(i)) for i in range(5000)]
    odd = kept[1::2]
    del kept
    new = [Value(-1.0 - i) for i in range(5000)]
    assert [v.data for v in odd] == [float(i) for i in range(1, 5000, 2)]
    assert [v.data for v in new] == [-1.0 - i for i in range(5000)]
    assert len({id(v) for v in odd + new}) == 7500


def test_a_place_that_had_a_weak_reference_or_a_label_is_as_good_as_new():
    for _ in range(200):
        x = Value(1.0, label="x")
        y = x * 2.0
        links = weakref.ref(x), weakref.ref(y)
        del x, y
        assert [link() for link in links] == [None, None]
        z = Value(3.0)
        assert (z.label, z.has_grad, weakref.getweakrefcount(z)) == ("", False, 0)


def test_a_value_is_made_by_position_and_by_name():
    made = [Value(2.0), Value(2), Value(data=2.0), Value(2.0, ""), Value(2.0, label="a"), Value(label="a", data=2.0)]
    assert [(v.data, v.label) for v in made] == [(2.0, "")] * 4 + [(2.0, "a")] * 2
    for args, named in [((), {}), ((1.0, "", 2), {}), ((1.0,), {"x": 1}), ((1.0,), {"data": 1.0})]:
        with pytest.raises(TypeError):
            Value(*args, **named)


# ---------------------------------------------------------------- rows


def test_methods_are_those_of_the_reference_engine():
    for name, method in vars(reference.Value).items():
        if not name.startswith("_") and callable(method) and name != "backward":
            assert getattr(Value, name).__doc__ == method.__doc__, name


def test_a_row_called_by_name_or_with_odd_numbers_goes_the_long_way():
    x = Value(0.5)
    assert autograd.elu(x, alpha=2.0).args == (x, 2.0)
    assert autograd.maximum(x, 2).args == (x, 2.0)
    assert autograd.atan2(1.0, x).args == (1.0, x)
    assert autograd.exp(0.5) == autograd.exp(x).data
    for row, args in [(autograd.exp, ()), (autograd.exp, (x, x)), (autograd.hypot, (x,)), (autograd.exp, ("a",))]:
        with pytest.raises(TypeError):
            row(*args)


def test_rows_that_come_and_go_are_told_apart():
    x = Value(2.0)
    for i in range(600):
        own = primitive("own_multiple", lambda x, i=i: i * x, None, float(i))
        del autograd.TABLE["own_multiple"]
        y = own(x)
        assert (y.data, y.primitive is own, grad(y, x)) == (2.0 * i, True, float(i))


# ---------------------------------------------------------------- value_and_grad and derivative at floats


def test_what_does_not_depend_on_the_arguments_is_not_differentiated():
    # Of sqrt(0)**2 the gradient is 0 × ∞, but no argument leads there.
    def f(x):
        return x * 3.0 + record(identity, (0.0,)).sqrt() ** 2

    assert value_and_grad(f)(2.0) == (6.0, 3.0)
    assert derivative(f)(2.0) == 3.0
    with pytest.raises(DomainError):
        value_and_grad(lambda x: x.sqrt() ** 2)(0.0)


def test_what_depends_on_values_from_outside_stays_a_value():
    w = Value(3.0)
    value, slope = value_and_grad(lambda x: w * x * x)(2.0)
    assert (value.data, slope.data, grad(slope, w)) == (12.0, 12.0, 4.0)
    value, slope = value_and_grad(lambda x: w)(2.0)
    assert (value, slope) == (w, 0.0)
    assert value_and_grad(lambda x, y: 5.0)(1.0, 2.0) == (5.0, (0.0, 0.0))
    assert value_and_grad(lambda x, y: y)(1.0, 2.0) == (2.0, (0.0, 1.0))
    with pytest.raises(TypeError, match="must return one number"):
        value_and_grad(lambda x: "a")(1.0)


def test_derivatives_within_derivatives_know_of_each_other():
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0
    assert derivative(lambda x: x * derivative(lambda y: y * y)(1.0))(1.0) == 2.0
    assert derivative(lambda x: derivative(lambda y: x * x * y)(5.0))(3.0) == 6.0
    assert value_and_grad(lambda x, y: x * derivative(lambda z: z * z * y)(3.0))(2.0, 5.0) == (60.0, (30.0, 12.0))
    seen = []

    def through_a_thread(x):
        thread = threading.Thread(target=lambda: seen.append(derivative(lambda y: x * y * y)(3.0)))
        thread.start()
        thread.join()
        return seen.pop() * x  # 6 x²

    assert derivative(through_a_thread)(2.0) == 24.0


def test_nothing_is_being_differentiated_any_more_after_an_error():
    def fails(x):
        raise KeyError(x.data)

    def fails_on_the_way_back(x):
        return autograd.sqrt(x) ** 2

    for f, error in [(fails, KeyError), (fails_on_the_way_back, DomainError)]:
        for take in (value_and_grad, derivative):
            with pytest.raises(error):
                take(f)(0.0)
    with pytest.raises(KeyError):
        derivative(lambda x: derivative(fails)(x))(1.0)
    assert transforms._taken_by == {}


def test_derivatives_in_many_threads_do_not_mix():
    wrong = []

    def work(k):
        f = value_and_grad(lambda x, y: x * y * k + derivative(lambda z: z * z * x)(1.0))
        wrong.extend(found for _ in range(300) if (found := f(2.0, 3.0)) != (6.0 * k + 4.0, (3.0 * k + 2.0, 2.0 * k)))

    in_threads(work, 4)
    assert (wrong, transforms._taken_by) == ([], {})
