"""The page computes what Python computes: every row, random graphs, and what has no value."""

import math
import random

import pytest
from graphs import random_graph

import autograd
from autograd import DomainError, Value, topological
from visualize import explore


def close(a, b):
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return (math.isnan(a) and math.isnan(b)) or a == b
    return abs(a - b) <= 1e-12 * max(1.0, abs(b))


@pytest.mark.parametrize("block", range(10))
def test_values_and_gradients_of_random_graphs(page, tmp_path, block):
    for seed in range(20 * block, 20 * block + 20):
        y = random_graph(seed)
        order = topological(y)
        page.open(explore(y, tmp_path / "page.html"))
        values, gradients = page.numbers("explorer.values()"), page.numbers("explorer.gradients()")
        for v, value, gradient in zip(order, values, gradients, strict=True):
            name = v.primitive.name if v.primitive else "leaf"
            assert close(value, v.data), (seed, name, value, v.data)
            assert close(gradient, v.grad), (seed, name, gradient, v.grad)


def test_other_numbers_give_what_python_gives_for_them(page, tmp_path):
    def f(a, b, c):
        return autograd.logsumexp([a * b, autograd.tanh(c), a**2]) - autograd.hypot(b, c) * autograd.gelu(a)

    page.open(explore(f, tmp_path / "page.html", at=[0.5, 1.0, -2.0]))
    rng = random.Random(7)
    for _ in range(30):
        point = [rng.uniform(-30.0, 30.0) for _ in range(3)]
        leaves = [Value(x) for x in point]
        y = f(*leaves)
        y.backward()
        for name, x in zip("abc", point, strict=True):
            page.run("explorer.set(arguments[0], arguments[1])", name, x)
        assert close(page.run("return explorer.value('L')"), y.data)
        for name, leaf in zip("abc", leaves, strict=True):
            got = page.run("return explorer.gradient(arguments[0])", name)
            assert abs(got - leaf.grad) <= 1e-12 * max(1.0, abs(leaf.grad)), (point, name)


BAD = [
    ("log", (-1.0,)), ("log", (0.0,)), ("log1p", (-1.0,)), ("log2", (-3.0,)), ("log10", (0.0,)), ("sqrt", (-1e-300,)),
    ("exp", (710.0,)), ("expm1", (800.0,)), ("sinh", (711.0,)), ("cosh", (-711.0,)), ("asin", (1.1,)),
    ("acos", (-1.0000001,)), ("acosh", (0.5,)), ("atanh", (1.0,)), ("atanh", (-2.0,)), ("div", (1.0, 0.0)),
    ("div", (0.0, 0.0)), ("pow", (-8.0, 1 / 3)), ("pow", (0.0, -1.0)), ("pow", (10.0, 400.0)), ("mod", (1.0, 0.0)),
    ("floordiv", (1.0, 0.0)), ("xlogy", (1.0, -1.0)), ("xlogy", (2.0, 0.0)),
    ("clip", (1.0, 3.0, 2.0)), ("sin", (math.inf,)), ("cos", (-math.inf,)), ("tan", (math.inf,)), ("sinc", (math.inf,)),
    ("pow", (-1.5, 0.5)), ("log", (-math.inf,)), ("asin", (math.inf,)), ("sqrt", (-math.inf,)), ("atanh", (-1.0,)),
]  # fmt: skip
GOOD = [
    ("log", (5e-324,)), ("exp", (-800.0,)), ("sqrt", (4.0,)), ("pow", (-8.0, 3.0)), ("pow", (2.0, -1.0)),
    ("mod", (-7.5, 2.0)), ("floordiv", (-7.5, 2.0)), ("exp", (-math.inf,)), ("tanh", (math.inf,)),
    ("atan", (-math.inf,)), ("sigmoid", (-800.0,)), ("maximum", (math.nan, 1.0)), ("relu", (math.nan,)),
    ("erf", (0.0,)), ("hypot", (3e200, 4e200)), ("log", (math.nan,)), ("hypot", (1.7e308, 1.7e308)),
]  # fmt: skip


def test_what_python_refuses_the_page_refuses(page, tmp_path):
    assert len(BAD) + len(GOOD) > 50
    for name, point in BAD + GOOD:
        row = autograd.TABLE[name]
        samples = [*row.domain.samples, *row.domain.samples * row.arity][: row.arity]
        middle = [0.5 * (low + high) + 0.01 for low, high in samples]
        xs = [Value(x, f"x{i + 1}") for i, x in enumerate(middle)]
        page.open(explore(row(*xs) * 1.0, tmp_path / "page.html"))
        for x, leaf in zip(point, xs, strict=True):
            page.run(f"explorer.set(arguments[0], {js(x)})", leaf.label)
        problem = page.run("return explorer.problem()")
        leaves = [Value(x) for x in point]
        try:
            y = row(*leaves) * 1.0
            y.backward()
        except DomainError:
            assert problem, (name, point)
        else:
            assert problem is None, (name, point, problem)
            assert close(page.numbers("[explorer.value('L')]")[0], y.data), (name, point)
            for i, leaf in enumerate(leaves):
                assert close(page.numbers(f"[explorer.gradient('x{i + 1}')]")[0], leaf.grad), (name, point, i)


def js(x):
    return repr(x).replace("inf", "Infinity").replace("nan", "NaN")


def test_an_error_is_said_in_words_and_goes_away_again(page, tmp_path):
    page.open(explore(lambda x: autograd.log(x) * 2.0, tmp_path / "page.html", at=[1.0]))
    page.run("explorer.set('x', -1)")
    assert "log: argument must be > 0, got -1" in page.text("alert")
    assert "log1p" in page.text("alert")  # the remedy
    page.run("explorer.set('x', 2)")
    assert page.text("alert") == ""
    assert page.run("return explorer.gradient('x')") == 1.0


def test_a_row_of_ones_own_that_cannot_be_written_is_frozen_and_said_to_be(page, tmp_path, own_rows):
    gamma = autograd.primitive("gamma_like", math.gamma, None, lambda x, y: y * 2.0 + math.gamma(x))
    gauss = autograd.primitive(
        "gauss", lambda x: math.exp(-x * x), lambda x: autograd.exp(-x * x), lambda x, y: -2.0 * x * y
    )
    page.open(explore(lambda x: gamma(x) + gauss(x), tmp_path / "page.html", at=[3.0]))
    assert "gamma_like: a primitive of your own" in page.text("alert")
    assert "not right any more" not in page.text("alert")
    assert page.run("return explorer.value('L')") == math.gamma(3.0) + math.exp(-9.0)
    page.run("explorer.set('x', 1)")
    assert "not right any more" in page.text("alert")
    assert close(page.run("return explorer.value('L')"), math.gamma(3.0) + math.exp(-1.0))


def test_a_comparison_that_would_fall_otherwise_is_said(page, tmp_path):
    page.open(explore(lambda x: x * x if x > 1.0 else -x, tmp_path / "page.html", at=[2.0]))
    assert page.text("alert") == ""
    page.run("explorer.set('x', 0.5)")
    assert "Python asked whether x > 1, and it was so" in page.text("alert")
    page.run("explorer.set('x', 1.5)")
    assert page.text("alert") == ""
