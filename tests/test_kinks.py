"""Kinks and subgradients, against one-sided differences, convexity and cases worked by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import CORNERS, TABLE, Value, explain, grad, kinks, subgradient
from autograd.engine import leaves, record
from autograd.kinks import sides_of
from autograd.testing import graphs

H = 1e-6

INSIDE = [corner for corner in CORNERS if corner.primitive.kink and corner.value is not None]
AT_KINKS = [(c.primitive, c.point) for c in INSIDE if c.primitive.kink.distance(*c.point) == 0.0]
AT_KINKS += [(TABLE["largest"], (1.0, 3.0, 3.0)), (autograd.mod, (-4.5, 1.5)), (autograd.clip, (-1.0, -1.0, 2.0))]
AT_KINKS += [(autograd.leaky_relu, (0.0, 0.3)), (autograd.elu, (0.0, 2.0)), (autograd.round, (-1.5,))]


def value_of(row, point):
    return row.scalar(point) if row.rule is not None else row.scalar(*point)


def difference(row, point, place, low, high):
    """The slope between two offsets of one argument, by two values."""
    at = lambda offset: value_of(row, [x + offset * (i == place) for i, x in enumerate(point)])  # noqa: E731
    return (at(high) - at(low)) / (high - low)


def test_every_row_with_a_kink_is_tried():
    assert {row.name for row, _ in AT_KINKS} >= {row.name for row in TABLE.values() if row.kink} - {"where"}


@pytest.mark.parametrize(("row", "point"), AT_KINKS, ids=lambda x: getattr(x, "name", str(x)))
def test_the_slopes_to_both_sides_are_those_of_small_steps(row, point):
    sides = sides_of(record(row, [Value(x) for x in point]))
    smooth = row is autograd.elu and point[1] == 1.0
    assert (sides is None) == smooth
    if sides is None:
        return
    first = sides.place
    for sign, slopes in ((-1.0, sides.left), (1.0, sides.right)):
        # Between one step and two: away from the kink itself, where a jump would count.
        assert slopes[first] == pytest.approx(difference(row, point, first, sign * H, 2.0 * sign * H), abs=1e-5)
        beside = [x + sign * H * (i == first) for i, x in enumerate(point)]
        for i in range(len(point)):
            if i != first:
                assert slopes[i] == pytest.approx(difference(row, beside, i, -H / 8, H / 8), abs=1e-4)
    steps = [abs(value_of(row, [x + s * (i == first) for i, x in enumerate(point)]) - value_of(row, point))
             for s in (-1e-9, 1e-9)]  # fmt: skip
    assert sides.jumps == (max(steps) > 1e-3)
    y = record(row, [Value(x) for x in point])
    assert list(sides.taken) == grad(y, list(y.args))


def test_relu_and_the_absolute_value_are_each_listed():
    x, w = Value(0.0, "x"), Value(3.0, "w")
    y = abs(x) + w * autograd.relu(x)
    found = kinks(y)
    assert [(kink.name, kink.formula, kink.at) for kink in found] == [
        ("v1", "|x|", (("x", 0.0),)), ("v2", "relu(x)", (("x", 0.0),)),
    ]  # fmt: skip
    sides = [(kink.sides.taken, kink.sides.left, kink.sides.right) for kink in found]
    assert sides == [((0.0,), (-1.0,), (1.0,)), ((0.0,), (0.0,), (1.0,))]
    assert [[(m.by is x, m.gradient, m.left, m.right) for m in kink.moved] for kink in found] == [
        [(True, 0.0, -1.0, 1.0)], [(True, 0.0, 0.0, 3.0)],
    ]  # fmt: skip
    assert str(found) == (
        "v1 = |x| at x = 0: the slope taken is 0\n"
        "  to the left it is -1, to the right 1\n"
        "  convention: 0 at x = 0, as PyTorch; JAX takes 1\n"
        "  ∂y/∂x is 0, and would be -1 with the slope to the left, 1 with the slope to the right\n"
        "v2 = relu(x) at x = 0: the slope taken is 0\n"
        "  to the left it is 0, to the right 1\n"
        "  convention: 0 at x = 0, as PyTorch and JAX\n"
        "  ∂y/∂x is 0, and would be 3 with the slope to the right"
    )
    assert [subgradient(y, x, side) for side in ("left", "right", "mean")] == [-1.0, 4.0, 1.5]


def test_a_tie_is_decided_for_both_arguments_at_once():
    a, b = Value(2.0, "a"), Value(2.0, "b")
    y = 10.0 * autograd.maximum(a, b)
    (kink,) = kinks(y)
    assert (kink.sides.taken, kink.sides.left, kink.sides.right) == ((0.5, 0.5), (0.0, 1.0), (1.0, 0.0))
    assert [(m.name, m.gradient, m.left, m.right) for m in kink.moved] == [("a", 5.0, 0.0, 10.0), ("b", 5.0, 10.0, 0.0)]
    assert "the slope taken is 0.5 by a, 0.5 by b" in str(kink)
    assert subgradient(y, [a, b], "left") == [0.0, 10.0]
    assert subgradient(y, (a, b), "right") == [10.0, 0.0]
    assert subgradient(y, [a, b], "mean") == [5.0, 5.0]
    assert subgradient(autograd.maximum(0.0, a - 2.0), a, "right") == 1.0  # the argument that is a Value decides
    assert subgradient(autograd.minimum(0.0, a - 2.0), a, "right") == 0.0


def test_a_number_with_itself_is_no_tie():
    x = Value(2.0)
    assert not kinks(autograd.maximum(x, x))
    assert subgradient(autograd.maximum(x, x), x, "left") == 1.0
    assert not kinks(autograd.mod(x, x))


def test_the_side_is_that_of_the_operations_own_argument():
    x = Value(0.0)
    y = autograd.relu(-x)
    assert [subgradient(y, x, side) for side in ("left", "right")] == [0.0, -1.0]


def test_what_makes_no_difference_is_not_listed():
    x = Value(0.0, "x")
    assert not kinks(x * 2.0 + autograd.relu(x + 1.0))
    assert not kinks(autograd.elu(x))  # smooth with alpha = 1
    assert kinks(autograd.elu(x, 0.5))
    assert not kinks(autograd.stop_gradient(abs(x)) + x)
    assert not kinks(autograd.where(0.0, x, 2.0 * x))  # a plain condition cannot move
    assert not kinks(autograd.softmax([x, x])[0])
    assert not kinks(0.0 * abs(x))
    assert not kinks(abs(x), [Value(1.0)])
    assert not kinks(x)
    assert str(kinks(x)) == "No convention decides the gradient of x: no operation is at a kink."


def test_a_kink_behind_another_one_is_listed():
    x = Value(0.0, "x")
    y = autograd.relu(abs(x))
    assert [kink.formula for kink in kinks(y)] == ["|x|", "relu(v1)"]
    assert str(kinks(y)).count("no gradient depends on it alone") == 2
    assert subgradient(y, x, "right") == 1.0


JUMPS = [
    (autograd.floor, 2.0),
    (autograd.sign, 0.0),
    (autograd.step, 0.0),
    (autograd.trunc, 1.0),
    (autograd.round, 0.5),
]
JUMPS += [(autograd.floor, 2.0**40), (autograd.floor, -(2.0**49))]


@pytest.mark.parametrize(("f", "at"), [*JUMPS, (lambda x: x % 1.0, 3.0)])
def test_at_a_jump_the_convention_stays(f, at):
    x = Value(at, "x")
    y = 2.0 * f(x)
    (kink,) = kinks(y)
    assert kink.sides.jumps
    assert kink.moved == ()
    assert "the value jumps here" in str(kink)
    assert subgradient(y, x, "left") == subgradient(y, x, "right") == grad(y, x)


def test_where_itself_is_at_no_kink():
    x, s, u, w = Value(0.0, "x"), Value(-5.0, "s"), Value(-1.0, "u"), Value(0.0, "w")
    for y, by, slope in [
        (autograd.where(autograd.step(s), w * 7.0, w * u), w, -1.0),  # at w = 0 both branches are 0
        (autograd.where(autograd.step(s), 2.0 * s, -s), s, -1.0),
        (autograd.where(autograd.equal(s, 3.0), 2.0 * s, -s), s, -1.0),
        (autograd.where(x, w, 2.0 * w), w, 2.0),
    ]:
        assert [subgradient(y, by, side) for side in ("left", "right", "mean")] == [slope] * 3
        assert grad(y, by) == slope
        assert not kinks(y)
        assert explain(y, by).why == []


@pytest.mark.parametrize(
    "condition", [autograd.step, lambda s: autograd.equal(s, 0.0), lambda s: 1.0 - autograd.step(s)]
)
def test_a_condition_at_its_jump_is_listed(condition):
    s = Value(0.0, "s")
    y = autograd.where(condition(s), 2.0 * s, -s)
    (kink,) = kinks(y)
    assert kink.name == "v1"
    assert kink.sides.jumps
    assert any("v1 = " in sentence for sentence in explain(y, s).why)
    assert subgradient(y, s, "right") == grad(y, s)


def test_an_argument_that_stays_the_same_is_at_no_kink():
    x = Value(0.5, "x")
    assert not kinks(autograd.relu(autograd.floor(x)) * x)  # relu(0), but floor is 0 on both sides
    assert not kinks(x * autograd.step(autograd.step(-x)))
    assert kinks(autograd.relu(autograd.floor(x - 0.5)) * x)


def test_0_to_the_power_of_0():
    x, p = Value(0.0, "x"), Value(0.0, "p")
    (kink,) = kinks(x**p)
    assert "0**0 is 1 as in C" in str(kink)
    assert (kink.sides.left, kink.sides.right) == (None, None)
    assert subgradient(x**p, [x, p], "left") == [0.0, 0.0]
    assert not kinks(x**0.0)  # 1 whatever x is


def test_wrt_may_be_any_values():
    x, w = Value(0.0, "x"), Value(-2.0, "w")
    inner = w * x
    y = autograd.relu(inner) * 4.0
    (kink,) = kinks(y, [inner, x])
    assert [(m.name, m.left, m.right) for m in kink.moved] == [("v1", 0.0, 4.0), ("x", 0.0, -8.0)]
    (kink,) = kinks(y, w)
    assert kink.moved == ()  # x is 0
    assert subgradient(y, [inner, x, w], "right") == [4.0, -8.0, 0.0]
    assert subgradient(y, [], "right") == []
    assert subgradient(y, Value(1.0), "right") == 0.0


@given(graphs())
@settings(max_examples=100)
def test_away_from_kinks_it_is_the_gradient_to_the_last_bit(y):
    xs = leaves(y)
    if kinks(y):
        return
    try:
        wanted = grad(y, xs)
    except autograd.DomainError:
        wanted = None
    for side in ("left", "right", "mean"):
        if wanted is None:
            with pytest.raises(autograd.DomainError):
                subgradient(y, xs, side)
        else:
            assert [repr(g) for g in subgradient(y, xs, side)] == [repr(g) for g in wanted]


@given(graphs())
@settings(max_examples=100)
def test_what_is_explained_is_the_gradient_to_the_last_bit(y):
    for x in leaves(y):
        try:
            wanted = grad(y, x)
        except autograd.DomainError as error:
            wanted, words = math.nan, str(error)
        else:
            words = None
        found = explain(y, x)
        assert repr(found.gradient) == repr(wanted)
        assert len(found.why) == 1 or words is None
        assert found.why or wanted != 0.0
        assert max(map(len, str(found).splitlines())) <= 100


@st.composite
def convex_at_0(draw):
    """A convex function, piecewise linear, of n numbers, many of whose pieces meet at 0."""
    n = draw(st.integers(1, 3))
    slopes = st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n)
    pieces = [(draw(st.sampled_from(["abs", "relu", "max", "min"])), draw(slopes), draw(slopes)) for _ in range(4)]

    def f(xs):
        linear = lambda ws: autograd.dot(ws, xs)  # noqa: E731
        total = 0.0
        for kind, a, b in pieces:
            if kind == "abs":
                total = total + abs(linear(a))
            elif kind == "relu":
                total = total + autograd.relu(abs(linear(a)) + linear(b))
            elif kind == "max":
                total = total + autograd.maximum(autograd.maximum(linear(a), linear(b)), 0.0)
            else:
                total = total - autograd.minimum(linear(a), linear(b))
        return total

    return n, f


@given(convex_at_0(), st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3))
@settings(max_examples=150)
def test_of_a_convex_function_each_is_a_subgradient(function, there):
    n, f = function
    xs = [Value(0.0) for _ in range(n)]
    y = f(xs)
    for side in ("left", "right", "mean"):
        slopes = subgradient(y, xs, side)
        assert f(there[:n]) >= sum(g * v for g, v in zip(slopes, there, strict=False)) - 1e-12


@given(convex_at_0())
@settings(max_examples=50)
def test_what_one_kink_moves_is_what_small_changes_of_its_slope_move(function):
    n, f = function
    xs = [Value(0.0, f"x{i}") for i in range(n)]
    y = f(xs)
    everything = kinks(y)
    for kink in everything:
        upstream = grad(y, kink.node)
        through = [grad(arg, xs) if isinstance(arg, Value) else [0.0] * n for arg in kink.node.args]
        for m in kink.moved:
            i = next(k for k, x in enumerate(xs) if x is m.by)
            for beside, found in ((kink.sides.left, m.left), (kink.sides.right, m.right)):
                change = sum(
                    upstream * (b - t) * g[i] for b, t, g in zip(beside, kink.sides.taken, through, strict=True)
                )
                assert found == pytest.approx(grad(y, m.by) + change, abs=1e-12)


def test_infinite_and_missing_slopes_are_errors_as_ever():
    x = Value(0.0, "x")
    y = autograd.sqrt(abs(x))
    with pytest.raises(autograd.DomainError, match="0 · ∞"):
        grad(y, x)
    assert subgradient(y, x, "right") == math.inf
    assert subgradient(y, x, "left") == -math.inf
    with pytest.raises(autograd.DomainError, match="0 · ∞"):
        subgradient(y, x, "mean")
    assert [kink.formula for kink in kinks(y)] == ["|x|"]
    assert math.isnan(explain(y, x).gradient)


def test_what_has_no_value_beside_a_kink_is_nan():
    x, z = Value(0.0, "x"), Value(0.0, "z")
    (kink,) = kinks(autograd.relu(autograd.sqrt(x * x)))
    assert [(m.left, math.isnan(m.right)) for m in kink.moved] == [(0.0, True)]
    assert "nan with the slope to the right" in str(kinks(autograd.relu(autograd.sqrt(x * x))))
    assert len(kinks(autograd.relu(autograd.hypot(x, z)))) == 1


def test_wrong_arguments_and_stale_graphs():
    x = Value(0.0, "x")
    y = abs(x)
    for call, error, words in [
        (lambda: kinks(3.0), TypeError, "kinks: takes a Value"),
        (lambda: kinks(y, 3.0), TypeError, "kinks: takes a list of Values"),
        (lambda: kinks(y, [x, 3.0]), TypeError, "kinks: takes Values"),
        (lambda: subgradient(y, "x"), TypeError, "subgradient: takes Values"),
        (lambda: subgradient(y, None), TypeError, "subgradient: takes a list of Values"),
        (lambda: subgradient(y, x, "up"), ValueError, "'left', 'right' or 'mean', got 'up'"),
    ]:
        with pytest.raises(error, match=words):
            call()
    x.data = 1.0
    for call in (kinks, lambda y: subgradient(y, x)):
        with pytest.raises(RuntimeError, match="was changed"):
            call(y)


def test_nothing_is_changed():
    x = Value(0.0, "x")
    x.grad = 7.0
    y = abs(x) + autograd.relu(x)
    with autograd.no_grad():
        kinks(y)
        subgradient(y, x, "right")
    assert (x.grad, y.has_grad, y.args[0].has_grad) == (7.0, False, False)


def test_many_kinks_print_in_few_lines():
    xs = [Value(0.0, f"x{i}") for i in range(100)]
    found = kinks(autograd.sum([autograd.relu(x) for x in xs]))
    assert len(found) == 100
    assert len(str(found).splitlines()) < 60
    assert "and 88 more" in str(found)
    long = [Value(0.0, "a rather long label") for _ in range(2)]
    wide = str(kinks(autograd.maximum(*long) + abs(long[0])))
    assert max(map(len, wide.splitlines())) <= 100
    assert "<pre>" in found._repr_html_()


def test_kinks_that_are_not_printed_are_asked_on_demand():
    xs = [Value(0.0, f"x{i}") for i in range(40)]
    y = autograd.sum([2.0 * autograd.relu(1.0 * x) for x in xs])
    found = kinks(y)
    for x, kink in zip(xs, found, strict=True):
        assert [(m.by is x, m.gradient, m.left, m.right) for m in kink.moved] == [(True, 0.0, 0.0, 2.0)]
    found = kinks(y)
    text = str(found)
    xs[0].data = xs[20].data = 1.0
    assert str(found) == text
    with pytest.raises(RuntimeError, match="was changed"):
        _ = found[20].moved


def test_the_sweeps_are_those_of_the_kinks_that_are_printed(monkeypatch):
    asked = []
    monkeypatch.setitem(kinks.__globals__, "gradients", lambda *args: asked.append(args) or [0.0] * len(args[1]))
    str(kinks(autograd.sum([autograd.relu(Value(0.0)) for _ in range(200)])))
    assert len(asked) <= 24


def test_a_kink_whose_distance_fails_is_unknown():
    def distance(x):
        return 1.0 / x

    row = autograd.Primitive(
        "hat", lambda x: abs(x), None, (lambda x, y: autograd.sign(x),), kink=autograd.Kink(distance, "0 at 0")
    )
    x = Value(0.0, "x")
    y = row(x) + x
    found = kinks(y)
    assert len(found) == 0
    assert "hat is at a kink at (0) is not known: the distance of its Kink raised ZeroDivisionError" in str(found)
    assert any("hat" in sentence and "not known" in sentence for sentence in explain(y, x).why)
    with pytest.warns(UserWarning, match="subgradient: Whether hat is at a kink"):
        assert subgradient(y, x, "right") == grad(y, x) == 1.0
