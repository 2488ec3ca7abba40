"""Gradients explained: counts, the k best paths and sentences, against enumeration and cases worked by hand."""

import copy
import itertools
import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import DomainError, Explanation, TraceError, Value, explain, grad, no_grad
from autograd.engine import record
from autograd.formulas import name_in_latex, said, slope_formula, to_latex, value_formula
from autograd.naming import names_of_nodes, reading_order
from autograd.sweep import carries_nothing


def neuron():
    w, x, b = Value(2.0, "w"), Value(0.5, "x"), Value(-0.75, "b")
    return autograd.tanh(w * x + b), w, x, b


# ---------------------------------------------------------------- paths, against enumeration


def slopes_of_one(value):
    """The slope of one operation by each of its arguments, from an operation of its own on Values of its own."""
    fresh = [Value(arg.data if isinstance(arg, Value) else arg) for arg in value.args]
    row = value.primitive
    if row.rule is None:
        y = row(*fresh)
    else:
        size = len(fresh) // row.groups
        y = row(*(fresh[i * size : (i + 1) * size] for i in range(row.groups)))
    return grad(y, fresh)


def enumerated(y, x):
    """All paths from x to y: the nodes from x on, and the factors."""
    if y is x:
        return [((x,), ())]
    found = []
    if y.primitive is not None:
        for arg, slope in zip(y.args, slopes_of_one(y), strict=True):
            if isinstance(arg, Value):
                found += [((*nodes, y), (*factors, slope)) for nodes, factors in enumerated(arg, x)]
    return found


UNARY = [autograd.tanh, autograd.relu, autograd.sigmoid, autograd.neg, autograd.abs, autograd.floor, autograd.softplus]
BINARY = [autograd.add, autograd.sub, autograd.mul, autograd.maximum, autograd.logaddexp]


@st.composite
def graphs(draw):
    """A small graph and one of its leaves, or of its inner nodes."""
    values = [
        Value(draw(st.floats(-2.0, 2.0).map(lambda x: round(x, 1) + 0.05))) for _ in range(draw(st.integers(1, 3)))
    ]
    for _ in range(draw(st.integers(1, 8))):
        picked = [draw(st.sampled_from(values)) for _ in range(3)]
        kind = draw(st.integers(0, 4))
        if kind == 0:
            values.append(draw(st.sampled_from(UNARY))(picked[0]))
        elif kind < 3:
            values.append(draw(st.sampled_from(BINARY))(*picked[:2]))
        else:
            values.append(autograd.sum(picked) if kind == 3 else autograd.dot(picked, [picked[0], 0.5, picked[1]]))
    return values[-1], draw(st.sampled_from(values[:-1]))


@given(graphs(), st.integers(1, 6))
@settings(max_examples=200)
def test_paths_of_random_graphs_against_enumeration(graph, k):
    y, x = graph
    everything = enumerated(y, x)
    if not everything:
        with pytest.raises(ValueError, match="does not depend on"):
            explain(y, x)
        return
    found = explain(y, x, k)
    assert found.gradient == grad(y, x)  # to the last bit
    assert found.why or found.gradient != 0.0
    assert found.paths == len(everything)
    assert found.carrying == sum(0.0 not in factors for _, factors in everything)
    products = sorted((abs(math.prod(factors)) for _, factors in everything), reverse=True)
    assert [abs(path.product) for path in found.best] == pytest.approx(products[:k], rel=1e-12)
    assert len({(path.nodes, path.places) for path in found.best}) == len(found.best) == min(k, len(everything))
    listed = {(tuple(map(id, nodes)), factors) for nodes, factors in everything}
    for path in found.best:
        assert (tuple(map(id, path.nodes)), path.factors) in listed
        assert path.product == pytest.approx(math.prod(path.factors), rel=1e-12)
    whole = explain(y, x, len(everything))
    scale = sum(products)
    assert sum(path.product for path in whole.best) == pytest.approx(found.gradient, rel=1e-9, abs=1e-12 * scale)
    if found.gradient:
        assert found.best[0].share == found.best[0].product / found.gradient
    assert max(map(len, str(found).splitlines())) <= 100
    assert found.latex()
    assert found.markdown()


def test_paths_are_counted_exactly_however_many():
    x = Value(1.0)
    y = x
    for _ in range(50):
        y = 0.5 * (y + y)
    found = explain(y, x)
    assert (found.paths, found.gradient) == (2**50, 1.0)
    assert "About 1.13 × 10^15 paths" in str(found)
    for _ in range(3000):
        y = autograd.mean([y, y, y])
    found = explain(y, x, k=1)
    assert found.paths == 2**50 * 3**3000
    assert found.best[0].product == 0.0  # 3**-3000 is no float
    assert found.best[0].exponent == pytest.approx(-50 * math.log10(2.0) - 3000 * math.log10(3.0))
    assert "too small for a float" in str(found)
    assert len(str(found).splitlines()) < 40


def test_the_strongest_path_is_found_where_floats_would_all_be_0():
    x, small, smaller = Value(1.0, "x"), Value(1e-200, "small"), Value(1e-201, "smaller")
    weak, strong = x * smaller, x * small
    y = weak * 1e-200 + strong * 1e-200
    found = explain(y, x, k=2)
    assert [path.product for path in found.best] == [0.0, 0.0]
    assert [path.nodes[1] is node for path, node in zip(found.best, (strong, weak), strict=True)] == [True, True]
    assert [path.exponent for path in found.best] == pytest.approx([-400.0, -401.0])


# ---------------------------------------------------------------- what it says


def test_a_neuron_by_hand():
    y, w, _, b = neuron()
    found = explain(y, w)
    slope = 1.0 - math.tanh(0.25) ** 2
    assert (found.y, found.x, found.at, found.value) == ("y", "w", 2.0, math.tanh(0.25))
    assert found.gradient == pytest.approx(0.5 * slope, rel=1e-14)
    (path,) = found.best
    assert path.names == ("w", "v1", "v2", "y")
    assert path.factors == pytest.approx((0.5, 1.0, slope), rel=1e-14)
    assert (path.share, path.nodes[0] is w, path.nodes[-1] is y) == (1.0, True, True)
    assert [(step.name, step.formula, step.value) for step in found.steps] == [
        ("v1", "w · x", 1.0), ("v2", "v1 + b", 0.25), ("y", "tanh(v2)", math.tanh(0.25)),
    ]  # fmt: skip
    assert [step.slopes[0].formula for step in found.steps] == ["x", "1", "1 - y²"]
    assert found.given == [("w", 2.0), ("x", 0.5), ("b", -0.75)]
    assert found.why == []
    assert "∂v1/∂w = x = 0.5" in str(found)
    assert "w → v1 → v2 → y:  0.5 · 1 · 0.94 = 0.47" in str(found)
    assert [path.names for path in explain(y, b).best] == [("b", "v2", "y")]  # the same v2


def test_a_product_of_one_number_with_itself_has_two_paths():
    x = Value(3.0)
    found = explain(x * x, x)
    assert (found.gradient, found.paths, [path.product for path in found.best]) == (6.0, 2, [3.0, 3.0])
    assert [path.places for path in found.best] == [(0,), (1,)]
    assert "x (argument 2) → y:  3  (50 %)" in str(found)


def test_x_may_be_y_or_an_inner_node():
    y, w, _, _ = neuron()
    same = explain(y, y)
    assert (same.gradient, same.paths, same.best[0].factors, same.steps) == (1.0, 1, (), [])
    assert "the same Value" in str(same)
    inner = y.args[0]
    found = explain(y, inner)
    assert (found.x, found.best[0].names, found.gradient) == ("v2", ("v2", "y"), grad(y, inner))  # x is taken
    assert explain(inner, w).gradient == 0.5


def test_formulas_have_the_names_of_the_graph():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    told = lambda y: [step.formula for step in explain(y, a).steps]  # noqa: E731
    assert told(a - (-1.5)) == ["a + 1.5"]
    assert told(a / (a * b)) == ["a · b", "a / v1"]
    assert told(autograd.dot([a, 2.0], [b, 3.0])) == ["a·b + 2·3"]
    assert told(autograd.sum([a, *map(Value, range(50))])) == ["a + x1 + x2 + … 48 more …"]
    assert told(autograd.sum([*map(Value, range(50)), a])) == ["x1 + x2 + a + … 48 more …"]
    assert told(autograd.leaky_relu(a)) == ["leaky_relu(a)"]
    assert told(autograd.leaky_relu(a, 0.2)) == ["leaky_relu(a, 0.2)"]
    assert told(autograd.logsumexp([a, b])) == ["logsumexp([a, b])"]
    assert told(autograd.clip(a, 0.0, 5.0)) == ["clip(a, 0, 5)"]
    assert told(abs(a) ** 3 + autograd.sqrt(a)) == ["|a|", "v1³", "√a", "v2 + v3"]
    assert told(a**-1.5) == ["a ** (-1.5)"]
    slopes = lambda y: [slope.formula for slope in explain(y, a).steps[-1].slopes]  # noqa: E731
    assert slopes(a**3) == ["3 · a²"]
    assert slopes(a / b) == ["1 / b"]
    assert slopes(autograd.logsumexp([a, b])) == ["exp(a - y)"]
    assert slopes(autograd.dot([a, b], [b, a])) == ["b", "b"]
    assert slopes(autograd.relu(a)) == ["1 if a > 0, else 0"]


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.0, "0"), (-0.0, "0"), (2.0, "2"), (-3.5, "-3.5"), (0.123456, "0.1235"), (0.9999877, "0.999988"),
     (1.0 + 1e-13, repr(1.0 + 1e-13)), (999999.0, "999999"), (1234567.0, "1.235e+06"), (1e-9, "1e-09"),
     (-1e-20, "-1e-20"), (1e300, "1e+300"), (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")],
)  # fmt: skip
def test_numbers_as_people_write_them(x, text):
    assert said(x) == text


def test_names_are_unique_and_labels_go_first():
    twins = [Value(1.0, "h"), Value(2.0, "h")]
    y = (twins[0] * twins[1] + Value(3.0)) * Value(4.0, "v1") + Value(5.0, "x1")
    names = names_of_nodes(reading_order(y))
    assert sorted(names.values()) == ["h", "h#2", "v1", "v2", "v3", "v4", "x1", "x2", "y"]
    assert len(set(names.values())) == len(names)
    assert {names[twins[0]], names[twins[1]]} == {"h", "h#2"}
    long = Value(1.0, "a\nlabel " + "z" * 100)
    assert max(map(len, str(explain(long * 2.0, long)).splitlines())) <= 100
    assert "\nlabel" not in str(explain(long * 2.0, long))


def test_parameters_have_the_names_that_their_model_gives_them():
    model = nn.MLP(2, [2, 1], activation="tanh", seed=1)
    loss = nn.mean_squared_error(model([0.5, -1.0]), 1.0)
    weight = model.parameters()[0]
    found = explain(loss, weight)
    assert found.x == "w⁰₀₀"
    assert found.gradient == grad(loss, weight)
    assert "w⁰₀₀·0.5" in found.steps[0].formula


def test_long_computations_are_told_in_few_lines():
    x = Value(0.5)
    y = x
    for _ in range(1000):
        y = autograd.tanh(y) + 0.001
    text = str(explain(y, x))
    assert len(text.splitlines()) < 30
    assert max(map(len, text.splitlines())) <= 100
    assert "… 1,990 more steps …" in text
    assert "v1" in text


def test_the_paths_that_are_shown_differ_on_paper():
    x = Value(0.5, "x")
    y = x
    for i in range(40):
        y = 0.6 * y + y * 0.4 if i == 20 else autograd.sin(y)
    shown = str(explain(y, x)).split("add up.")[1]
    first, second = shown.split("(60 %)")
    assert "x → v1 → v2 → … 36 more … → v40 → v41 → y:" in first
    assert "x → v1 → v2 → … 17 more … → v20 → v22 → … 17 more … → v40 → v41 → y:" in second.replace("\n    ", " ")


# ---------------------------------------------------------------- why it is 0


def x_(data):
    return Value(data, "x")


ZEROS = {
    "a dead relu": (lambda x: autograd.relu(x) * 3.0, -0.3, "v1 = relu(x) = 0 with x = -0.3: a small change"),
    "relu at 0": (lambda x: autograd.relu(x), 0.0, "exactly at its kink. The slope 0 there is a convention"),
    "a saturated tanh": (autograd.tanh, 400.0, "is saturated: around x = 400"),
    "a saturated sigmoid": (autograd.sigmoid, -800.0, "is saturated: around x = -800"),
    "the other branch": (lambda x: autograd.where(1.0, Value(2.0, "a"), x), 1.0, "took a and not x"),
    "a condition": (lambda x: autograd.where(x, 2.0, 3.0), 1.0, "the condition x only chooses"),
    "floor": (lambda x: 2.0 * autograd.floor(x), 1.5, "floor is flat"),
    "stop_gradient": (autograd.stop_gradient, 1.5, "stop_gradient lets no gradient through"),
    "times 0": (lambda x: x * 0.0, 1.5, "x is multiplied by 0"),
    "times a Value that is 0": (lambda x: x * Value(0.0, "a"), 1.5, "x is multiplied by a, which is 0"),
    "clipped": (lambda x: autograd.clip(x, 0.0, 1.0), 1.5, "y = clip(x, 0, 1) = 1 with x = 1.5"),
    "the smaller one": (lambda x: autograd.maximum(x, 2.0), 1.5, "y = maximum(x, 2) = 2 with x = 1.5"),
    "the bottom of a parabola": (lambda x: (x - 1.5) ** 2, 1.5, "∂y/∂v1 = 2 · v1 is 0 at v1 = 0"),
    "paths that cancel": (lambda x: 2.0 * x - x * 2.0, 1.5, "The paths cancel at x: 2 + (-2) = 0"),
    "0 ** 0": (lambda x: Value(0.0, "a") ** x, 0.0, "The slope 0 there is a convention (0**0 is 1 as in C"),
    "the first branch": (lambda x: autograd.where(0.0, x, Value(2.0, "a")), 1.0, "took a and not x"),
    "underflow": (lambda x: x * 1e-200 * 1e-200, 1.5, "too small for a float at x: 1e-200 · 1e-200 becomes 0"),
}


@pytest.mark.parametrize("case", ZEROS)
def test_why_the_gradient_is_0(case):
    f, at, words = ZEROS[case]
    x = x_(at)
    y = f(x)
    found = explain(y, x)
    assert found.gradient == grad(y, x) == 0.0
    assert any(words in sentence for sentence in found.why), found.why
    assert ("does not change. Why:\n- " in str(found)) == (case not in {"relu at 0", "stop_gradient", "0 ** 0"})


def test_every_place_where_a_gradient_dies_is_named_once():
    x, dead = Value(1.0, "x"), []
    for i in range(30):
        dead.append(autograd.relu(x * -(i + 1.0)))
    dead.append(autograd.floor(x * 1.5))
    found = explain(autograd.sum(dead), x)
    assert [sum(name in sentence for sentence in found.why) for name in ("relu", "floor is flat")] == [3, 1]
    assert found.why[-1] == "And the same at more places: 28 × relu."


def test_what_follows_a_dead_place_is_no_reason():
    x = x_(-1.0)
    found = explain(autograd.relu(autograd.floor(x)), x)  # floor is flat, too, but nothing arrives there
    assert len(found.why) == 1
    assert "relu" in found.why[0]
    u = autograd.relu(x)  # nor after paths have cancelled
    assert explain(2.0 * u - u * 2.0, x).why == ["The paths cancel at v1: 2 + (-2) = 0."]


def test_cancelling_in_part_is_said():
    x = x_(1.0)
    found = explain(5.0 * x - 4.0 * x, x)
    assert found.gradient == 1.0
    assert found.why == [
        "Paths of opposite sign cancel in part: the products without their signs add up to 9, with them to 1."
    ]
    assert [path.share for path in found.best] == [5.0, -4.0]


def test_a_kink_on_the_way_is_said():
    x = x_(0.0)
    found = explain(abs(x) + x, x)
    assert found.gradient == 1.0
    assert "|x| = 0 is exactly at a kink" in found.why[0]


# ---------------------------------------------------------------- infinite, or nothing


def test_where_an_infinite_gradient_begins():
    x = x_(2.0)
    found = explain(3.0 * autograd.sqrt(x - 2.0), x)
    assert found.gradient == math.inf
    assert found.why == ["∂v2/∂v1 = 1 / (2·v2) is infinite at v1 = 0: it begins there."]


def test_overflow_of_the_product_is_said():
    x = x_(1e-300)
    found = explain((x * 1e200) * 1e200, x)
    assert found.gradient == math.inf
    assert "too large for a float at x: 1e+200 · 1e+200 overflows" in found.why[0]
    assert found.best[0].exponent == pytest.approx(400.0)
    assert "about 10^400, too large for a float" in str(found)
    on_the_way = explain(x * 1e-300 * 1e300 * 1e300, x)  # from y on, the sweep comes to 1e600 first
    assert on_the_way.gradient == grad(x * 1e-300 * 1e300 * 1e300, x) == math.inf
    assert "about 10^300, too large for a float on the way" in str(on_the_way)


def test_0_times_infinity_has_no_value_and_the_place_is_named():
    x = x_(0.0)
    y = autograd.sqrt(x * x)
    with pytest.raises(DomainError, match="0 · ∞"):
        grad(y, x)
    found = explain(y, x)
    assert math.isnan(found.gradient)
    (why,) = found.why
    assert why.startswith(
        "0 · ∞ at v1 = x · x = 0: what arrives there is inf, and ∂v1/∂x = x is 0; their product is not"
    )
    assert "has no value here" in str(found)


def test_a_derivative_that_does_not_exist():
    x, z = x_(0.0), Value(0.0, "z")
    found = explain(autograd.hypot(x, z), x)
    assert math.isnan(found.gradient)
    words = "it begins there. Keep away from this point, or choose the case with if."
    assert found.why == [f"∂y/∂x = x / y has no value at x = 0: {words}"]
    found = explain(autograd.hypot(x, 0.0) * 2.0, x)  # in the names of the page, and not those of the row
    assert found.why == [f"∂v1/∂x = x / v1 has no value at x = 0: {words}"]
    root = autograd.sqrt(x)
    assert "opposite sign meet at x = 0" in explain(root - autograd.sqrt(2.0 * x), x).why[0]
    own = autograd.custom_gradient(lambda u: u, lambda u: math.log(u))
    assert "math domain error" in explain(own(x), x).why[0]


def test_numbers_that_are_nan():
    x = Value(math.inf, "x")
    y = x * 2.0
    assert explain(y, x).gradient == 2.0
    x = Value(math.nan, "x")
    assert math.isnan(explain(x * x, x).gradient)
    assert "nan" in str(explain(x * x, x))


def test_an_untaken_branch_poisons_nothing():
    x = x_(0.0)
    found = explain(autograd.where(1.0, 2.0 * x, autograd.sqrt(x)), x)
    assert (found.gradient, found.paths, found.carrying) == (2.0, 2, 1)
    assert found.best[1].factors == (math.inf, 0.0)
    assert found.best[1].product == 0.0


# ---------------------------------------------------------------- what cannot be explained


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: (Value(1.0, "a") * 3.0, x), "or a copy"),
        (lambda x: (Value(1.0, "a") * x.data, x), "The plain number 0.7 went into mul"),
        (lambda x: (Value(0.7, "x") * 3.0, x), "another Value of the name 'x', 0.7"),
        (lambda x: (x, x * 3.0), "explain\\(x, y\\)"),
        (lambda x: (Value(3.0), x), "it is a leaf"),
        (lambda x: (copy.copy(x) * 2.0, x), "another Value of the name"),
    ],
)
def test_no_dependence_says_what_is_likely(make, words):
    with pytest.raises(ValueError, match=words):
        explain(*make(x_(0.7)))


def test_wrong_types():
    y, w, _, _ = neuron()
    for args, error, words in [
        ((3.0, w), TypeError, "plain number"),
        ((lambda x: x, w), TypeError, "not f itself"),
        (("y", w), TypeError, "must be a Value"),
        ((y, 3.0), TypeError, "second argument must be the Value"),
        ((y, [w]), TypeError, "one of them at a time"),
        ((y, w, 0), ValueError, "at least 1"),
        ((y, w, 2.0), TypeError, "whole number"),
        ((y, w, True), TypeError, "whole number"),
    ]:
        with pytest.raises(error, match=words):
            explain(*args)


def test_a_stale_graph_is_refused():
    y, w, _, _ = neuron()
    w.data = 5.0
    with pytest.raises(RuntimeError, match="the leaf 'w' was changed"):
        explain(y, w)


def test_nothing_is_changed_and_nothing_needed():
    y, w, x, _ = neuron()
    x.grad = 7.0
    before = [(v.data, v.grad, v.has_grad, v.label) for v in autograd.topological(y)]
    with no_grad():
        found = explain(y, w)
    assert found.gradient == grad(y, w)
    assert [(v.data, v.grad, v.has_grad, v.label) for v in autograd.topological(y)] == before
    text = str(found)
    w.data = 9.0
    assert str(found) == text  # of the moment when it was asked for


def test_a_trace_refuses():
    def f(x):
        explain(x * x, x)
        return x

    with pytest.raises(TraceError):
        autograd.trace(f, 1.0)


def test_functions_of_ones_own():
    cube = autograd.Primitive("cube", lambda x: x**3, None, (lambda x, y: 3.0 * x * x,))
    x, a = x_(2.0), Value(9.0, "a")
    found = explain(cube(x), x)
    assert (found.steps[0].formula, found.steps[0].slopes[0].formula, found.gradient) == ("cube(x)", "", 12.0)
    root = autograd.implicit(lambda r, a: r * r - a, lambda a: a**0.5)(a)
    assert explain(root * 6.0, a).gradient == pytest.approx(1.0)
    kept = autograd.checkpoint(lambda u, v: u * v)(x, a)
    assert explain(kept, x).gradient == 9.0
    program = autograd.trace(lambda u: u * u, 1.0)
    assert explain(program(x), x).gradient == 4.0
    assert explain(autograd.derivative(lambda u: u**3)(x), x).gradient == 12.0  # 6x


# ---------------------------------------------------------------- Markdown and LaTeX


def cells(line):
    return line.replace("\\|", "").count("|") - 1


def test_markdown_tables_have_their_columns_whatever_the_labels():
    x = Value(-2.0, "a|b*`c`<b>")
    text = explain(abs(x) * x, x).markdown()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {cells(row) for row in rows} == {3}
    assert "<b>" not in text.splitlines()[0].replace("\\<b\\>", "")
    assert explain(x * 2.0, x)._repr_markdown_() == explain(x * 2.0, x).markdown()


def test_latex_of_a_neuron():
    y, w, _, _ = neuron()
    lines = explain(y, w).latex().splitlines()
    assert lines[0] == r"\begin{aligned}"
    assert lines[1] == r"v_{1} &= w \cdot x = 1 & \qquad \frac{\partial v_{1}}{\partial w} &= x = 0.5 \\"
    assert lines[3] == (r"y &= \tanh(v_{2}) = 0.2449 & \qquad \frac{\partial y}{\partial v_{2}} &= 1 - y^{2} = 0.94 \\")
    assert lines[-1] == r"\end{aligned}"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"), ("v12", "v_{12}"), ("w_1", "w_{1}"), ("w⁰₁₂", "w^{0}_{12}"), ("b¹₀", "b^{1}_{0}"),
        ("loss", r"\mathrm{loss}"), ("a_b", r"\mathrm{a\_b}"), ("50% #1", r"\mathrm{50\%\ \#1}"),
        ("{x}\\y", r"\mathrm{\{x\}\backslash y}"),
    ],
)  # fmt: skip
def test_names_in_latex(name, latex):
    assert name_in_latex(name) == latex


def formulas():
    for row in autograd.TABLE.values():
        args = [Value(0.7 + 0.1 * i, f"u{i}") for i in range(row.arity or 2 * row.groups)]
        args = [Value(2.0, "u0")] if row.name == "acosh" else args
        y = record(row, args) if row.name != "clip" else row(Value(0.5, "u0"), 0.0, 1.0)
        yield pytest.param(y, id=row.name)


@pytest.mark.parametrize("y", list(formulas()))
def test_latex_of_every_row_is_read_by_another_program(y):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    x = y.args[0]
    found = explain(y, x)
    marks = {}

    def called(arg):
        if not isinstance(arg, Value):
            return said(arg)
        mark = chr(0xE000 + len(marks))
        marks[mark] = name_in_latex(arg.label or "y")
        return mark

    texts = [to_latex(value_formula(y, called, [0]), marks)]
    texts += [to_latex(slope_formula(y, i, called), marks) for i in range(len(y.args))]
    for line in found.latex().splitlines()[1:-1]:
        texts += line.removesuffix(r" \\").replace("\\ \\vdots", "").split("&")
    parser = mathtext.MathTextParser("path")
    for text in texts:
        if text.strip():
            parser.parse(f"${text.strip()}$")


def test_the_repr_and_what_is_exported():
    y, w, _, _ = neuron()
    found = explain(y, w)
    assert isinstance(found, Explanation)
    assert repr(found) == f"<Explanation of ∂y/∂w = {found.gradient!r}: 1 path>"
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_the_text_of_many_graphs_keeps_to_the_width():
    words = ["a", "weight of the first layer", "q" * 60]
    for label, n in itertools.product(words, (1, 3, 14, 200)):
        xs = [Value(0.1 * i, label) for i in range(n)]
        y = autograd.logsumexp([autograd.dot(xs, [*xs[1:], xs[0]]), *xs])
        found = explain(y, xs[0])
        assert max(map(len, str(found).splitlines())) <= 100
        assert len(str(found).splitlines()) < 60


# ---------------------------------------------------------------- what is said is so


def own_rows():
    relu3 = lambda u: autograd.relu(u) * 3.0  # noqa: E731
    half = autograd.Primitive("half", lambda a, b: a + b, None, (1.0, 0.0))
    return {
        "checkpoint": (autograd.checkpoint(relu3), -2.0),
        "stopped inside": (autograd.checkpoint(lambda u: autograd.stop_gradient(u) * 3.0), 1.0),
        "trace": (autograd.trace(relu3, 1.0), -2.0),
        "custom_gradient": (autograd.custom_gradient(lambda u: u * 3, lambda u: 0.0), 1.0),
        "a row": (lambda u: half(Value(1.0, "w"), u), 1.0),
    }


@pytest.mark.parametrize("case", own_rows())
def test_what_is_not_looked_into_is_not_called_saturated(case):
    f, at = own_rows()[case]
    x = x_(at)
    found = explain(f(x), x)
    assert found.gradient == 0.0
    assert "its own gradient by x says 0" in found.why[0]
    assert "= 0, as an operation's own gradient says, which was not looked into. Why:" in str(found)


EXACTLY_0 = {
    "0 / b": lambda b: Value(0.0, "a") / b,
    "0 ** b": lambda b: Value(0.0, "a") ** b,
    "1 ** b": lambda b: Value(1.0, "a") ** b,
    "b ** 0": lambda b: b**0,
    "xlogy": lambda b: autograd.xlogy(Value(0.0, "a"), b),
    "atan2": lambda b: autograd.atan2(Value(0.0, "a"), b),
    "mod": lambda b: autograd.mod(Value(1.0, "a"), b),
}


@pytest.mark.parametrize("case", EXACTLY_0)
def test_a_slope_that_is_exactly_0_is_not_called_saturated(case):
    b = Value(2.0, "b")
    (why,) = explain(EXACTLY_0[case](b), b).why
    assert "saturated" not in why
    assert "it stays the same while b changes a little" in why


SATURATED = [
    (autograd.tanh, 400.0), (autograd.sigmoid, 800.0), (autograd.softplus, -800.0), (autograd.erf, 40.0),
    (autograd.gelu, -60.0), (autograd.silu, -2000.0), (autograd.exp, -1000.0),
    (autograd.logsigmoid, 800.0), (autograd.atan, 1e200),
]  # fmt: skip


@pytest.mark.parametrize(("f", "at"), SATURATED, ids=lambda f: getattr(f, "name", ""))
def test_what_is_saturated_is_called_so(f, at):
    x = x_(at)
    (why,) = explain(f(x), x).why
    assert "is saturated: around x = " in why


def test_a_slope_too_small_for_a_float_is_called_so():
    x = x_(1e200)
    (why,) = explain(autograd.atan2(Value(1.0, "a"), x), x).why
    assert "is too small for a float at x = 1e+200" in why


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (abs, 0.0, "0"), (autograd.relu, 0.0, "0"), (autograd.floor, 2.0, "0"),
        (lambda x: autograd.maximum(x, 1.0), 1.0, "0.5"), (lambda x: abs(x) + x, 0.0, "1"),
        (lambda x: autograd.where(autograd.step(x), x, 2.0 * x), 0.0, "2"),
    ],
)  # fmt: skip
def test_a_convention_is_called_one(f, at, slope):
    x = x_(at)
    found = explain(f(x), x)
    assert found.reservation == "convention"
    assert f"∂y/∂x = {slope} is a convention" in str(found)
    assert "does not change." not in str(found)
    assert "by a little" not in str(found)


def test_what_stop_gradient_holds_is_named():
    x = x_(1.5)
    found = explain(x + autograd.stop_gradient(x), x)
    assert "∂y/∂x = 1, with what stop_gradient holds taken as constant: when x grows" in str(found)
    assert "does not change" not in str(explain(2.0 * autograd.stop_gradient(x), x))
    xs = [Value(0.3 * i, f"x{i}") for i in range(5)]  # softmax stops the gradient of a shift, which changes nothing
    assert explain(autograd.softmax(xs)[1], xs[1]).reservation == ""
    assert explain(nn.cross_entropy(xs, 1), xs[1]).reservation == ""


def test_what_rounding_loses_is_no_cancellation():
    a = Value(1.0, "a")
    found = explain(a * 1e16 + 1.0 * a - a * 1e16, a)
    assert found.gradient == 0.0
    assert "becomes 0 in floats, and without rounding it is 1." in found.why[0]
    text = str(found)
    assert "does not change" not in text
    assert "The paths cancel" not in text
    assert "Together 1, and 0 as the sweep rounds it." in text
    part = explain(a * 1e16 + 3.0 * a - a * 1e16, a)
    assert part.gradient != 3.0
    assert part.reservation == "rounding"
    assert "without rounding it is 3." in part.why[0]
    exact = explain(5.0 * a - 4.0 * a, a)
    assert exact.reservation == ""


def test_only_what_lies_on_the_way_is_a_cause():
    u, c = Value(0.0, "u"), Value(1e200, "c")
    for other in (1.0 / (c * c), autograd.atan(c * c)):
        found = explain(3.0 * autograd.sqrt(u) + other, u)
        assert found.gradient == math.inf
        (why,) = found.why
        assert "∂v1/∂u = 1 / (2·v1) is infinite at u = 0" in why
    x = x_(1.0)
    found = explain(x * (c * c), x)
    assert found.why == ["The numbers themselves go wrong first: v1 = c · c = inf."]
    assert "v1 = c · c = inf" in explain(1.0 / (c * c), c).why[0]  # here the slope is 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_go_in_wrong_are_named(bad):
    n, x = Value(bad, "n"), x_(1.0)
    assert explain(n * x, x).why == [f"n = {bad} is a number that goes in: it begins there."]
    assert explain((n + 1.0) * x, x).why == [f"n = {bad} is a number that goes in: it begins there."]


def test_what_is_given_is_told_by_identity():
    a, b, c = Value(4.0, "a"), Value(4.0, "b"), Value(1.0, "c")
    found = explain(a * c + b * a, a)  # v1 = 4, as a and b
    assert found.given == [("a", 4.0), ("c", 1.0), ("b", 4.0)]


def test_an_argument_that_is_a_value_is_told():
    s, x = Value(0.01, "s"), Value(-2.0, "x")
    assert explain(autograd.leaky_relu(x, s), s).steps[0].formula == "leaky_relu(x, s)"
    assert explain(autograd.elu(x, Value(1.0, "alpha")), x).steps[0].formula == "elu(x, alpha)"


def read(formula, **names):
    """What Python makes of a formula as it is printed."""
    for sign, python in {
        "·": "*",
        "²": "**2",
        "³": "**3",
        "⌊": "floor(",
        "⌋": ")",
        "2/√π": "1.1283791670955126",
    }.items():
        formula = formula.replace(sign, python)
    while (root := formula.find("√")) >= 0:
        end = root + 1 if formula[root + 1] != "(" else formula.index(")", root)
        formula = f"{formula[:root]}sqrt({formula[root + 1 : end + 1]}){formula[end + 1 :]}"
    known = {
        name: getattr(math, name) for name in ("exp", "log", "sin", "cos", "tanh", "sinh", "cosh", "sqrt", "floor")
    }
    known |= {"π": math.pi, "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)), "min": min}
    known |= {"sign": lambda x: math.copysign(1.0, x)}
    return eval(formula, {"__builtins__": {}}, known | names)


UNREAD = {"gelu", "gelu_slope", "cbrt", "cbrt_slope", "j1", "j2"}  # Φ, φ, ∛ and Bessel functions


@pytest.mark.parametrize("at", [0.3, 1.7])
@pytest.mark.parametrize(
    "row", [r for r in autograd.TABLE.values() if r.rule is None and r.name not in UNREAD], ids=str
)
def test_slopes_as_they_are_printed_are_the_slopes(row, at):
    numbers = [at, at + 0.4, at + 0.9][: row.arity]
    if not row.domain.contains(*numbers):
        numbers = [1.0 / at if row.name == "acosh" else 1.0 / (at + 1.0)]
    if not row.domain.contains(*numbers):
        return
    args = [Value(x, label) for x, label in zip(numbers, ("a", "b", "c"), strict=False)]
    y = record(row, args)
    for arg in args:
        for slope in explain(y, arg).steps[-1].slopes:
            if slope.formula and not slope.in_words:
                known = {v.label: v.data for v in args} | {"y": y.data}
                assert read(slope.formula, **known) == pytest.approx(slope.number, rel=1e-9, abs=1e-12)


def test_slopes_whose_usual_formula_says_nothing():
    slope = lambda y, x: explain(y, x).steps[-1].slopes[0]  # noqa: E731
    a, p = Value(0.0, "a"), Value(2.0, "p")
    assert slope(autograd.sinc(a), a).formula == ""  # 0 / 0
    assert slope(a**p, p).formula == ""  # 0 · log(0)
    far = Value(36.0, "a")
    tanh = slope(autograd.tanh(far), far)
    assert tanh.formula == "1 / cosh(a)²"
    assert tanh.number == pytest.approx(1.0 / math.cosh(36.0) ** 2)
    sigmoid = slope(autograd.sigmoid(far), far)
    assert sigmoid.formula == "y · sigmoid(-a)"
    assert sigmoid.number == pytest.approx(math.exp(-36.0))
    assert slope(autograd.sinc(p), p).formula == "(cos(π·p) - y) / p"
    text = str(explain(autograd.silu(p), p))
    assert "∂y/∂p = 1.091 (s · (1 + p · (1 - s)), s = sigmoid(p))" in text
    second = explain(autograd.TABLE["silu_slope"](p), p).steps[0].slopes[0]
    assert second.formula.endswith(", s = sigmoid(p)")
    own = autograd.Primitive(
        "own", lambda x: x**2, None, (lambda x, y: 2.0 * x,), formula=("x ** 2", "2x, approximately")
    )
    assert "∂y/∂p = 4 (2·p, approximately)" in str(explain(own(p), p))


def test_names_stay_as_they_are_inside_formulas():
    a = Value(3.0, "a²")
    steps = explain(autograd.tanh(a) ** 2 + a**2 + a**3, a).steps
    assert "(a²)²" in [step.formula for step in steps]
    assert "3 · (a²)²" in [slope.formula for step in steps for slope in step.slopes]
    t = Value(0.5, "a²")
    assert explain(autograd.tanh(t), t).steps[0].slopes[0].formula == "1 - y²"
    y = autograd.tanh(t)
    y.label = "y²"
    assert explain(y, t).steps[0].slopes[0].formula == "1 - (y²)²"
    model = nn.MLP(1, [2, 1], seed=0)
    w = model.parameters()[0]
    found = explain(w**2 * 3.0, w)
    assert found.steps[0].formula == "(w⁰₀₀)²"
    assert "{w^{0}_{00}}^{2}" in found.latex()
    assert "_{00}^{2}" not in found.latex()
    for label in ("a ** 2", "if", "a + (-1)", "x (argument 2)"):
        b = Value(3.0, label)
        found = explain(2.0 * b * b, b)
        assert found.x == label
        assert f"with {label} = 3" in str(found)
        assert [slope.by for slope in found.steps[0].slopes] == [label]
        assert found.steps[0].slopes[0].formula == "2"
        formulas = [step.formula for step in found.steps] + [slope.formula for slope in found.steps[-1].slopes]
        assert any(label in formula for formula in formulas)
        assert not any(slope.in_words for step in found.steps for slope in step.slopes)
        assert f"∂y/∂{label if label == 'if' else f'({label})'} = v1 = 6" in str(found)
    z = Value(1.0, "a (argument 2)")
    assert "partial a}" not in explain(z * 2.0, z).latex()
    assert [slope.argument for slope in explain(z * z, z).steps[0].slopes] == [1, 2]


def test_negative_numbers_in_sums():
    a = Value(1.0, "a")
    told = lambda y: explain(y, a).steps[0].formula  # noqa: E731
    assert told(autograd.sum([a, -1.0, -2.5e-7])) == "a - 1 - 2.5e-07"
    assert told(autograd.sum([-1.0, a, 1e-9])) == "-1 + a + 1e-09"
    assert told(a + (-2.5e-7)) == "a - 2.5e-07"
    assert told(a - (-2.5e-7)) == "a + 2.5e-07"
    assert told(autograd.dot([a, -2.0], [3.0, Value(4.0, "b")])) == "a·3 - 2·b"


def test_a_share_of_many_times_the_gradient_is_told_as_that():
    a = Value(1.0, "a")
    text = str(explain(a * 3.0 - a * 2.999, a))
    assert "(3000 times the gradient)" in text
    assert "(-2999 times the gradient)" in text
    assert "000 %" not in text


def test_errors_name_the_function_that_was_called():
    y, w, _, _ = neuron()
    w.data = 5.0
    for ask in (explain, autograd.kinks, autograd.subgradient):
        with pytest.raises(RuntimeError, match=f"^{ask.__name__}: the leaf 'w' was changed"):
            ask(y, w)


@pytest.mark.parametrize("wide", ["sum", "dot", "dot with 0", "own"])
def test_wide_nodes_are_asked_for_their_arguments_a_few_times(wide, monkeypatch):
    # In the native engine each time makes a tuple of all of them.
    if autograd.engine() != "python":
        pytest.skip("counts calls of a property")
    x, n = x_(1.0), 500
    own = autograd.custom_gradient(lambda xs: 1.0, lambda xs: [0.0] * len(xs))
    y = {
        "sum": lambda: autograd.sum([x] * n),
        "dot": lambda: autograd.dot([x] * n, [2.0] * n),
        "dot with 0": lambda: autograd.dot([x] * n, [0.0] * n),
        "own": lambda: own([x] * n),
    }[wide]()
    asked = []
    args = Value.args
    monkeypatch.setattr(Value, "args", property(lambda value: asked.append(value) or args.fget(value)))
    str(explain(y, x))
    assert len(asked) < 100


def test_too_many_paths_of_a_long_computation_are_refused():
    x = x_(1.0)
    y = x
    for _ in range(3000):
        y = autograd.mean([y, y])
    with pytest.raises(ValueError, match=r"k = 1,001 paths over 3,000 operations .* at most 1,000"):
        explain(y, x, k=1001)
    z = x
    for _ in range(3000):
        z = autograd.neg(z)
    assert len(explain(z, x, k=10**6).best) == 1  # there are no more


def test_long_chains_keep_no_paths_of_their_own():
    x = x_(0.5)
    y = autograd.sum([x * (i + 1.0) for i in range(6)])
    for i in range(200):
        y = y * 1.01 if i != 100 else y + y * 0.5
    found = explain(y, x, k=12)
    scale = 1.01**199
    wanted = sorted((f * (i + 1.0) * scale for i in range(6) for f in (1.0, 0.5)), reverse=True)
    assert [path.product for path in found.best] == pytest.approx(wanted, rel=1e-12)
    assert [10.0**path.exponent for path in found.best] == pytest.approx(wanted, rel=1e-9)
    assert len({path.nodes for path in found.best}) == 12
    for path in found.best:
        for node, place, following in zip(path.nodes, path.places, path.nodes[1:], strict=False):
            assert following.args[place] is node


def test_what_was_lost_before_a_slope_0_is_told_and_does_not_decide():
    x = x_(1.5)
    v = autograd.floor(x)
    found = explain(v * 1e16 + 1.0 * v - v * 1e16, x)
    assert "without rounding it is 1." in found.why[0]
    assert found.reservation == ""


def test_a_choice_and_a_share_of_the_whole_are_not_saturated():
    alpha = Value(1.0, "alpha")
    assert "saturated" not in explain(autograd.elu(1.5, alpha), alpha).why[0]
    x = x_(1.5)
    assert all("saturated" not in sentence for sentence in explain(autograd.softmax([x])[0], x).why)


def test_whether_a_wide_node_carries_nothing_is_asked_of_its_arguments_at_hand(monkeypatch):
    asked = []
    real = carries_nothing
    monkeypatch.setattr("autograd.paths.carries_nothing", lambda node, i: asked.append(node) or real(node, i))
    x = x_(1.0)
    explain(autograd.dot([x] * 50, [0.0] * 50), x)
    assert len(asked) == 50
    assert len(set(map(id, asked))) == 1
    assert not isinstance(asked[0], Value)


def test_paths_of_infinite_size_and_opposite_sign_are_told():
    x = Value(0.0, "x")
    y = autograd.where(Value(1.0), autograd.sqrt(x) * 1.0 - autograd.sqrt(x), 0.0)
    explanation = explain(y, x)
    assert math.isnan(explanation.gradient)
    assert {path.product for path in explanation.best} == {math.inf, -math.inf}
    for text in (str(explanation), explanation.markdown(), explanation.latex()):
        assert "Together" not in text
