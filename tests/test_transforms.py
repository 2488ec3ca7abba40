"""Gradients as functions: higher orders, nesting, closures, shapes, and what they leave alone."""

import math

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, check_gradients, derivative, grad, no_grad, stop_gradient, value_and_grad


def nth(f, n):
    for _ in range(n):
        f = derivative(f)
    return f


# ---------------------------------------------------------------- higher derivatives


@pytest.mark.parametrize("n", range(6))
def test_derivatives_of_sin(n):
    wanted = [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)][n % 4]
    assert nth(autograd.sin, n)(0.7) == pytest.approx(wanted(0.7), rel=1e-13)


@pytest.mark.parametrize("x", [0.0, -2.0, 1.5])
@pytest.mark.parametrize("power", range(6))
@pytest.mark.parametrize("n", range(6))
def test_derivatives_of_a_monomial_at_0_too(power, n, x):
    factor = math.perm(power, n)
    wanted = factor * x ** (power - n) if n <= power else 0.0
    assert nth(lambda x: x**power + 0.0 * x, n)(x) == pytest.approx(wanted)


def test_derivatives_of_an_exponential_by_the_exponent():
    for n in range(4):
        assert nth(lambda x: 2.0**x, n)(1.5) == pytest.approx(2**1.5 * math.log(2) ** n)
        assert nth(lambda x: x**x, n)(1.0) == pytest.approx([1.0, 1.0, 2.0, 3.0][n])


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: autograd.sin(x * y) * autograd.exp(x - y),
        lambda x, y: autograd.logsumexp([x, y, x * y]),
        lambda x, y: autograd.atan2(x, y) / (1 + x * x),
        lambda x, y: x**y + autograd.softmax([x, y])[0],
    ],
    ids=["product", "logsumexp", "atan2", "pow and softmax"],
)
def test_mixed_partials_are_symmetric(f):
    x, y = Value(0.7), Value(1.3)
    by_x, by_y = grad(f(x, y), [x, y], create_graph=True)
    assert grad(by_x, y) == pytest.approx(grad(by_y, x), rel=1e-13)
    check_gradients(lambda x, y: derivative(lambda x: f(x, y))(x), 0.7, 1.3, rtol=1e-6)


def test_a_recorded_gradient_is_a_value_with_a_graph():
    x = Value(2.0)
    first = grad(x**3, x, create_graph=True)
    second = grad(first, x, create_graph=True)
    assert [type(g) for g in (first, second)] == [Value, Value]
    assert (first.data, second.data, grad(second, x)) == (12.0, 12.0, 6.0)
    loss = first * first  # a loss may contain a gradient
    loss.backward()
    assert x.grad == 2 * 12.0 * 12.0


# ---------------------------------------------------------------- perturbation confusion

d = derivative


def counter():
    """A function with a local variable of the same name at each level."""

    def f(x):
        return d(lambda x: x * x * x)(x) * x

    return f


CONFUSING = {
    "the classic": (lambda: d(lambda x: x * d(lambda y: x + y)(1.0))(1.0), 1.0),
    "product": (lambda: d(lambda x: x * d(lambda y: x * y)(2.0))(3.0), 6.0),
    "shadowed": (lambda: d(counter())(2.0), 9 * 4.0),
    "the same point twice": (lambda: d(lambda x: d(lambda y: x * y * y)(x))(3.0), 4 * 3.0),
    "inner ignores its argument": (lambda: d(lambda x: d(lambda y: x * x)(x) + x)(5.0), 1.0),
    "inner is constant in the outer": (lambda: d(lambda x: x * d(lambda y: y * y)(4.0))(5.0), 8.0),
    "three deep": (lambda: d(lambda x: d(lambda y: d(lambda z: x * y * z * z)(y))(x))(2.0), 8 * 2.0),
    "a function returned": (lambda: d(lambda x: d(lambda y: (lambda z: x * y + z * y)(x))(7.0))(3.0), 2.0),
    "derivative of a curried function": (lambda: d(lambda x: d(d(lambda y: x * y**3))(2.0))(5.0), 12.0),
    "inner result used in two places": (
        lambda: d(lambda x: (lambda slope: slope * slope + x * slope)(d(lambda y: x * y)(1.0)))(3.0),
        4 * 3.0,
    ),
    "grad inside derivative": (
        lambda: d(lambda x: x * grad(*(lambda y: (x * y, y))(Value(2.0)), create_graph=True))(3.0),
        6.0,
    ),
    "value_and_grad inside": (lambda: d(lambda x: value_and_grad(lambda y: x * y)(x)[1] * x)(3.0), 6.0),
    "value of value_and_grad inside": (lambda: d(lambda x: value_and_grad(lambda y: x * y)(x)[0])(3.0), 6.0),
    "second derivative by an inner name": (lambda: d(d(lambda x: x * d(lambda y: x * y)(x)))(3.0), 2.0),
}
confusing = pytest.mark.parametrize(("compute", "wanted"), CONFUSING.values(), ids=CONFUSING.keys())


@confusing
def test_nested_derivatives_are_not_confused(compute, wanted):
    assert compute() == wanted
    assert type(compute()) is float


@confusing
def test_nested_derivatives_inside_no_grad(compute, wanted):
    with no_grad():
        assert compute() == wanted
        assert (Value(1.0) + 1).is_leaf, "the pause goes on afterwards"


def test_a_variable_that_escapes_is_still_told_apart():
    escaped = []
    d(lambda x: escaped.append(x) or x)(1.0)
    assert d(lambda x: x * escaped[0])(5.0) == 1.0


def test_no_grad_inside_the_function_makes_a_constant_of_that_part():
    def f(x):
        with no_grad():
            constant = x * x
        return constant * x

    assert getattr(d(f)(3.0), "data", d(f)(3.0)) == 9.0


# ---------------------------------------------------------------- floats in, floats out; Values keep their way back


@pytest.mark.parametrize("x", [2, 2.0, np.float64(2.0), np.float32(2.0), True + 1], ids=lambda x: type(x).__name__)
def test_a_number_in_gives_a_float_out(x):
    for result in (d(lambda x: x**3)(x), d(lambda x: d(lambda y: y**3)(x))(x), value_and_grad(lambda x: x * x)(x)[1]):
        assert type(result) is float


def test_a_value_in_gives_a_value_that_leads_back():
    x = Value(2.0)
    slope = d(lambda x: x**3)(x)
    assert type(slope) is Value
    slope.backward()
    assert (slope.data, x.grad) == (12.0, 12.0)


def test_a_value_from_outside_is_led_back_to():
    w = Value(3.0)
    slope = d(lambda x: w * x * x)(2.0)
    assert type(slope) is Value
    assert slope.data == 12.0
    slope.backward()
    assert w.grad == 4.0


def test_a_computed_value_from_outside_is_led_back_to():
    w = Value(3.0)
    squared = w * w
    slope = d(lambda x: squared * x)(2.0)
    slope.backward()
    assert (slope.data, w.grad) == (9.0, 6.0)


def test_inside_another_derivative_the_result_is_a_value():
    seen = []

    def f(x):
        inner = d(lambda y: x * y)(1.0)
        seen.append(type(inner))
        return inner * x

    assert d(f)(3.0) == 6.0
    assert seen == [Value]


def test_after_an_exception_nothing_lingers():
    w = Value(1.0)

    def bad(x):
        raise RuntimeError("planted")

    for transform in (d, value_and_grad):
        with no_grad():
            with pytest.raises(RuntimeError, match="planted"):
                transform(bad)(1.0)
            assert (w + 1).is_leaf
    assert type(d(lambda x: x * x)(1.0)) is float
    assert not (w + 1).is_leaf


@pytest.mark.parametrize("constant", [3, 3.0, True])
def test_constant_functions(constant):
    assert d(lambda x: constant)(1.0) == 0.0
    assert value_and_grad(lambda x, ys: constant)(1.0, [2.0, 3.0]) == (constant, (0.0, [0.0, 0.0]))


def test_a_constant_function_that_returns_a_value():
    w = Value(4.0)
    assert d(lambda x: w)(1.0) == 0.0
    value, slope = value_and_grad(lambda x: w)(1.0)
    assert value is w
    assert slope == 0.0


@pytest.mark.parametrize("wrong", [None, "1", [1.0], (1.0, 2.0), 1j, np.array([1.0, 2.0])], ids=repr)
def test_a_function_that_does_not_return_one_number(wrong):
    with pytest.raises(TypeError, match="derivative: the function must return one number"):
        d(lambda x: wrong)(1.0)
    with pytest.raises(TypeError, match="value_and_grad: the function must return one number"):
        value_and_grad(lambda x: wrong)(1.0)


@pytest.mark.parametrize("wrong", ["1", None, {"a": 1.0}], ids=repr)
def test_a_wrong_point_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="real number"):
        d(lambda x: x)(wrong)


# ---------------------------------------------------------------- value_and_grad: the shape of the arguments


@pytest.mark.parametrize(
    ("f", "args", "wanted"),
    [
        (lambda x: x * x, (3.0,), (9.0, 6.0)),
        (lambda x, y: x * y, (3.0, 4.0), (12.0, (4.0, 3.0))),
        (lambda xs: xs[0] * xs[1], ([3.0, 4.0],), (12.0, [4.0, 3.0])),
        (lambda x, ws: x * ws[0] + ws[1], (2.0, [3.0, 4.0]), (10.0, (3.0, [2.0, 1.0]))),
        (
            lambda m: m[0][0] * m[1][1] - m[0][1] * m[1][0],
            ([[1.0, 2.0], [3.0, 4.0]],),
            (-2.0, [[4.0, -3.0], [-2.0, 1.0]]),
        ),
        (lambda m: m[0][0] * m[1][0], ([[2.0], [3.0, 5.0]],), (6.0, [[3.0], [2.0, 0.0]])),
        (lambda x, nothing: x, (2.0, []), (2.0, (1.0, []))),
        (lambda t: t[0] * t[1], ((3.0, 4.0),), (12.0, (4.0, 3.0))),
    ],
    ids=["one", "two", "list", "number and list", "matrix", "ragged", "empty list", "tuple"],
)
def test_value_and_grad(f, args, wanted):
    assert value_and_grad(f)(*args) == wanted


def test_the_same_list_twice_is_two_arguments():
    xs = [2.0, 3.0]
    assert value_and_grad(autograd.dot)(xs, xs) == (13.0, ([2.0, 3.0], [2.0, 3.0]))
    assert xs == [2.0, 3.0]


# ---------------------------------------------------------------- grad


def test_grad_by_inner_nodes_the_root_and_unused_inputs():
    x, unused = Value(3.0), Value(1.0)
    inner = x * x
    y = inner * 5
    assert grad(y, [x, inner, y, unused, x]) == [30.0, 5.0, 1.0, 0.0, 30.0]
    recorded = grad(y, [x, unused, y], create_graph=True)
    assert [type(g) for g in recorded] == [Value] * 3
    assert [g.data for g in recorded] == [30.0, 0.0, 1.0]
    assert grad(y, x) == 30.0
    assert grad(y, (x,)) == [30.0]
    assert grad(y, []) == []


def test_grad_by_a_node_whose_rule_is_constant_to_the_sweep():
    # The slope of x * s by x is s itself, whatever kind of node s is.
    z, x = Value(2.0), Value(3.0)
    for s in (stop_gradient(z), autograd.sign(z), autograd.step(z), z * 1.0, z):
        slope = grad(x * s, x, create_graph=True)
        assert grad(slope, s) == 1.0, s.primitive


def test_grad_touches_no_gradient():
    x = Value(3.0)
    inner = x * x
    y = inner + x
    grad(y, x)
    grad(grad(y, x, create_graph=True), x)
    assert not any(v.has_grad for v in (x, inner, y))
    y.backward()
    grad(y, x, seed=100.0)
    derivative(lambda z: z * y)(1.0)
    value_and_grad(lambda z: z * y)(1.0)
    assert (x.grad, inner.grad, y.grad) == (7.0, 1.0, 1.0)


def test_grad_seed_is_linear():
    x = Value(3.0)
    y = x * x
    assert grad(y, x, seed=2.5) == 15.0
    assert grad(y, x, seed=0.0) == 0.0
    assert grad(y, x, seed=2.5, create_graph=True).data == 15.0


def test_grad_needs_values():
    x = Value(1.0)
    with pytest.raises(TypeError, match="first argument must be the Value"):
        grad(3.0, x)
    with pytest.raises(TypeError, match=r"takes a Value or a list of Values.*'x'"):
        grad(x * 2, [x, "x"])
    with pytest.raises(TypeError):
        grad(x * 2, 3.0)
    with pytest.raises(TypeError, match="data"):
        grad(x * 2, x, seed=Value(1.0))


def test_grad_inside_no_grad_of_what_was_recorded_before():
    x = Value(3.0)
    y = x**3
    with no_grad():
        first = grad(y, x, create_graph=True)
        assert grad(first, x) == 18.0
        assert (x * x).is_leaf


def test_what_no_wanted_input_depends_on_does_not_matter():
    # There is no slope at the origin of atan2, but nobody asks for it.
    x, origin = Value(2.0), Value(0.0)
    y = x * (autograd.atan2(origin, origin * 1.0) + 1.0)
    assert grad(y, x) == 1.0
    with pytest.raises(DomainError):
        grad(y, origin)


def test_a_long_loop_in_a_derivative():
    def newton(a):
        x = a
        for _ in range(20):
            x = x - (x * x - a) / (2 * x)
        return x

    assert d(newton)(2.0) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
    assert d(d(newton))(2.0) == pytest.approx(-0.25 * 2.0**-1.5, rel=1e-12)
