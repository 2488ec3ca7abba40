"""All derivatives of functions with several arguments and results: against each other, against mpmath, by hand."""

import math
import random
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from browser.graphs import random_graph

import autograd
from autograd import (
    TABLE,
    DomainError,
    Value,
    checkpoint,
    custom_gradient,
    derivative,
    grad,
    hessian,
    hvp,
    implicit,
    jacobian,
    jvp,
    taylor,
    value_and_grad,
    vjp,
)
from autograd.engine import leaves as leaves_of
from autograd.engine import record
from autograd.jacobians import coloured

DIGITS = 1e-10


def mixed(v):
    return [autograd.sin(v[0]) * v[1], v[0] + v[1] * v[2] ** 2, autograd.logsumexp(v)]


POINT = [0.4, -1.3, 0.8]


def by_mpmath(f, point, i, n=1):
    with mpmath.workdps(50):
        return float(
            mpmath.diff(f, tuple(map(mpmath.mpf, point)), tuple(n if k == i else 0 for k in range(len(point))))
        )


def test_a_jacobian_against_mpmath():
    exact = [
        lambda a, b, c: mpmath.sin(a) * b,
        lambda a, b, c: a + b * c**2,
        lambda a, b, c: mpmath.log(mpmath.exp(a) + mpmath.exp(b) + mpmath.exp(c)),
    ]
    found = jacobian(mixed)(POINT)
    for row, f in zip(found, exact, strict=True):
        for i, x in enumerate(row):
            assert x == pytest.approx(by_mpmath(f, POINT, i), rel=1e-13)


def test_forward_and_reverse_say_the_same():
    matrix = np.array(jacobian(mixed)(POINT))
    rng = random.Random(1)
    for _ in range(5):
        v, w = ([rng.gauss(0, 1) for _ in range(3)] for _ in range(2))
        assert jvp(mixed, (POINT,), (v,))[1] == pytest.approx(matrix @ v)
        assert vjp(mixed, POINT)[1](w) == pytest.approx(matrix.T @ w)
    tall = jacobian(lambda x: [x * k for k in range(5)])(2.0)  # more results than arguments: forwards
    assert tall == [0.0, 1.0, 2.0, 3.0, 4.0]


def bowl(v):
    return autograd.exp(v[0] * v[1]) + autograd.sin(v[2]) * v[0] ** 3


def test_a_hessian_is_the_jacobian_of_the_gradient_and_hvp_with_unit_vectors():
    found = np.array(hessian(bowl)(POINT))
    assert found == pytest.approx(found.T, rel=1e-13)
    assert found == pytest.approx(np.array(jacobian(lambda v: value_and_grad(bowl)(v)[1])(POINT)), rel=1e-13)
    for i in range(3):
        unit = [float(i == k) for k in range(3)]
        assert hvp(bowl, (POINT,), (unit,)) == pytest.approx(found[i], rel=1e-13)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_forwards_and_backwards_and_twice(seed):
    """Every row of the table, in both modes, first and second order."""
    y = random_graph(seed, steps=6)
    leaves = leaves_of(y)
    from autograd.forward import linearised, order_of, push_forward, varying
    from autograd.sweep import read_data, read_value

    order = order_of([y])
    slopes = linearised(order, read_data, varying(order, leaves))
    rng = random.Random(seed)
    along = [rng.uniform(-1.0, 1.0) for _ in leaves]
    forwards = push_forward(slopes, dict(zip(leaves, along, strict=True)))[y]
    backwards = math.fsum(t * g for t, g in zip(along, grad(y, leaves), strict=True))
    scale = math.fsum(abs(t * g) for t, g in zip(along, grad(y, leaves), strict=True)) + 1.0
    assert forwards == pytest.approx(backwards, abs=DIGITS * scale)
    try:
        slopes = linearised(order, read_value, varying(order, leaves))
        moved = push_forward(slopes, dict(zip(leaves, along, strict=True)))[y]
        by_forward = grad(moved, leaves) if isinstance(moved, Value) else [0.0] * len(leaves)
        once = grad(y, leaves, create_graph=True)
        by_reverse = grad(autograd.dot(along, once), leaves)
    except DomainError:
        return
    for a, b in zip(by_forward, by_reverse, strict=True):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-8 * max(map(abs, [*by_reverse, 1.0])))


@pytest.mark.parametrize(
    ("f", "args", "wanted"),
    [
        (lambda x: x * x, (3.0,), 6.0),
        (lambda x, y: [x * y, x - y], (3.0, 2.0), [(2.0, 3.0), (1.0, -1.0)]),
        (lambda p: {"a": p["w"] * p["b"]}, ({"w": 2.0, "b": 5.0},), {"a": {"w": 5.0, "b": 2.0}}),
        (lambda v: (v[0], [v[1] * v[0]]), ([2.0, 3.0],), ([1.0, 0.0], [[3.0, 2.0]])),
        (lambda x: 5.0, (1.0,), 0.0),
    ],
)
def test_structures(f, args, wanted):
    assert jacobian(f)(*args) == wanted


def test_arrays_give_arrays_with_the_axes_of_the_result_first():
    found = jacobian(lambda a: a @ a)(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert found.shape == (2, 2, 2, 2)
    assert found[0, 0].tolist() == [[2.0, 3.0], [2.0, 0.0]]
    by_x, by_y = jacobian(lambda x, y: np.array([x * y, x + y]))(2.0, 3.0)
    assert by_x.tolist() == [3.0, 1.0]
    assert by_y.tolist() == [2.0, 1.0]
    assert hessian(lambda a: (a**3).sum())(np.array([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_argnums_and_aux():
    f = lambda x, y: ([x * y], "beside")  # noqa: E731  # used twice
    assert jacobian(f, argnums=1, has_aux=True)(2.0, 3.0) == ([2.0], "beside")
    assert jvp(f, (2.0, 3.0), (1.0, 0.0), has_aux=True) == (([6.0], "beside"), [3.0])
    value, pull = vjp(f, 2.0, 3.0, has_aux=True)
    assert (value, pull([2.0])) == (([6.0], "beside"), (6.0, 4.0))
    assert hessian(lambda x, y: x * x * y, argnums=0)(2.0, 3.0) == 6.0
    assert hessian(lambda x, y: x * x * y)(2.0, 3.0) == ((6.0, 4.0), (4.0, 0.0))


def test_derivatives_of_any_order_by_nesting_both_ways():
    def forwards(f):
        return lambda x: jvp(f, (x,), (1.0,))[1]

    f, sines = autograd.sin, [autograd.sin]
    for i in range(10):
        f = forwards(f) if i % 2 else derivative(f)
        sines.append(f)
    for n, g in enumerate(sines):
        assert g(0.7) == pytest.approx(math.sin(0.7 + n * math.pi / 2.0), rel=1e-12)


def test_perturbations_are_not_confused():
    assert derivative(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1])(1.0) == 1.0
    assert jvp(lambda x: x * derivative(lambda y: x * y)(2.0), (3.0,), (1.0,)) == (9.0, 6.0)
    assert jvp(lambda x: x * jvp(lambda y: x * y * y, (2.0,), (1.0,))[1], (3.0,), (1.0,)) == (36.0, 24.0)
    x = Value(2.0)
    jacobian(lambda y: [x * y])(3.0)[0].backward()
    assert x.grad == 1.0


def test_a_sparse_matrix_loses_no_gradient_without_a_word():
    with pytest.raises(TypeError, match="sparse=True gives plain numbers"):
        derivative(lambda a: hessian(lambda u: u[0] ** 3 * a, sparse=True)([2.0]).toarray()[0][0])(1.0)
    w = Value(2.0)
    with pytest.raises(TypeError, match="sparse=True gives plain numbers"):
        jacobian(lambda v: [v[0] * w], sparse=True)([1.0])


def test_no_results_at_all():
    assert jacobian(lambda v: [])([1.0, 2.0]) == []
    assert jacobian(lambda v: np.array([]))(np.array([1.0, 2.0])).shape == (0, 2)


def test_a_series_of_a_program_is_refused_and_not_wrong():
    with pytest.raises(TypeError, match="the slopes of program are no formula"):
        taylor(autograd.trace(lambda x: autograd.sin(x) * x, 0.5), 0.5, 2)


def test_unknowns_come_as_solve_gives_them():
    root = implicit(lambda x, a: x * x - a, lambda a: np.sqrt(a))
    assert jacobian(root)(np.array([4.0, 9.0])) == pytest.approx(np.array([[0.25, 0.0], [0.0, 1.0 / 6.0]]))


def test_a_value_gives_a_value_whatever_it_is_made_of():
    x = record(autograd.TABLE["identity"], (2.0,))  # no leaf leads to it
    for found in (derivative(lambda t: t * t)(x), jacobian(lambda t: [t * t])(x)[0], hessian(lambda t: t**3)(x)):
        assert isinstance(found, Value)


def test_a_choice_that_is_not_taken_carries_no_tangent():
    assert jvp(lambda x: autograd.where(x >= 0.0, 2.0 * x, autograd.sqrt(x)), (0.0,), (1.0,)) == (0.0, 2.0)


def test_programs_are_functions():
    def f(v):
        return autograd.sin(v[0] * 0.5) * v[1] ** 2

    program, point = autograd.trace(f, [0.3, 0.7]), [0.2, 0.9]
    for transform in (jacobian, hessian):
        assert np.array(transform(program)(point)) == pytest.approx(np.array(transform(f)(point)), rel=1e-12)
    assert jvp(program, (point,), ([1.0, 2.0],))[1] == pytest.approx(jvp(f, (point,), ([1.0, 2.0],))[1])
    assert hvp(program, (point,), ([1.0, 2.0],)) == pytest.approx(hvp(f, (point,), ([1.0, 2.0],)))


# ---------------------------------------------------------------- sparse


def rosenbrock(v):
    return autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(v)])


def test_sparse_matrices_are_the_dense_ones():
    x = list(np.linspace(-1.0, 1.5, 12))
    found = hessian(rosenbrock, sparse=True)(x)
    assert found.nnz == 3 * 12 - 2
    assert found.toarray() == pytest.approx(np.array(hessian(rosenbrock)(x)), rel=1e-12)
    found = jacobian(lambda v: [v[i] * v[(i + 3) % 12] for i in range(12)] + [3.0], sparse=True)(x)
    assert found.shape == (13, 12)
    assert found.nnz == 24
    dense = jacobian(lambda v: [v[i] * v[(i + 3) % 12] for i in range(12)])(x)
    assert found.toarray()[:12] == pytest.approx(np.array(dense))


def test_few_sweeps_for_a_band(monkeypatch):
    from autograd import jacobians

    sweeps = []
    for name in ("push_forward", "slopes_of"):
        real = getattr(jacobians, name)
        monkeypatch.setattr(jacobians, name, lambda *args, real=real: sweeps.append(1) or real(*args))
    hessian(rosenbrock, sparse=True)([0.1] * 60)
    assert len(sweeps) <= 4  # the gradient itself, and three colours
    sweeps.clear()
    found = jacobian(lambda v: [*v, autograd.sum(v)], sparse=True)([0.1] * 30)  # a full row: few sweeps backwards
    assert len(sweeps) == 2
    assert found.nnz == 60
    sweeps.clear()
    found = jacobian(lambda v: [v[0] * x for x in v], sparse=True)([0.1] * 30)  # a full column: few sweeps forwards
    assert len(sweeps) <= 3
    assert found.toarray() == pytest.approx(np.array(jacobian(lambda v: [v[0] * x for x in v])([0.1] * 30)))


@pytest.mark.parametrize("seed", range(20))
def test_no_row_has_two_columns_of_one_colour(seed):
    rng = random.Random(seed)
    pattern = [sorted(rng.sample(range(15), rng.randint(0, 5))) for _ in range(20)]
    colours = coloured(pattern, 15)
    for row in pattern:
        assert len({colours[j] for j in row}) == len(row)


# ---------------------------------------------------------------- series


SERIES = [
    (autograd.sin, mpmath.sin, 0.7), (autograd.tanh, mpmath.tanh, 0.4), (autograd.log, mpmath.log, 1.3),
    (lambda x: x**2.5, lambda x: x ** mpmath.mpf(2.5), 1.7), (lambda x: x**3 + x, lambda x: x**3 + x, 0.0),
    (lambda x: autograd.exp(autograd.sin(x)) / x, lambda x: mpmath.exp(mpmath.sin(x)) / x, 0.9),
    (autograd.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), 0.3), (autograd.erf, mpmath.erf, 0.4),
    (lambda x: autograd.logsumexp([x, x * x, 1.0]),
     lambda x: mpmath.log(mpmath.exp(x) + mpmath.exp(x * x) + mpmath.e), 0.3),
    (lambda x: x**x, lambda x: x**x, 1.2), (autograd.asin, mpmath.asin, 0.4),
    (autograd.gelu, lambda x: x * mpmath.ncdf(x), 0.3),
    (lambda x: abs(x) * autograd.relu(x), lambda x: x * x, 0.6), (autograd.sqrt, mpmath.sqrt, 2.0),
    (lambda x: x % 1.0, lambda x: x - 1, 1.3),
]  # fmt: skip


@pytest.mark.parametrize(("f", "exact", "x"), SERIES)
def test_series_against_mpmath(f, exact, x):
    with mpmath.workdps(60):
        wanted = [float(c) for c in mpmath.taylor(exact, mpmath.mpf(x), 9)]
    assert taylor(f, x, 9) == pytest.approx(wanted, rel=1e-11, abs=1e-11)


def test_series_are_the_nested_derivatives():
    f = lambda x: autograd.softplus(autograd.cos(x) * x)  # noqa: E731  # used twice
    coefficients, g = taylor(f, 0.3, 4), f
    for k in range(5):
        assert coefficients[k] * math.factorial(k) == pytest.approx(g(0.3), rel=1e-10)
        g = derivative(g)


@pytest.mark.parametrize(
    "x", [0.0, 1e-300, 1e-12, -1e-7, 1e-6, 1e-5, 1e-3, 0.3, 0.63, 0.65, 0.94, 0.97, 1.0, 1.4, -2.5]
)
def test_sinc_has_all_derivatives_near_0(x):
    with mpmath.workdps(60):
        terms = [(-1) ** k * mpmath.pi ** (2 * k) / mpmath.factorial(2 * k + 1) for k in range(50)]
        wanted = [
            float(
                sum(
                    c * mpmath.binomial(2 * k, n) * mpmath.mpf(x) ** (2 * k - n)
                    for k, c in enumerate(terms)
                    if 2 * k >= n
                )
            )
            for n in range(9)
        ]
    assert taylor(autograd.sinc, x, 8) == pytest.approx(wanted, rel=1e-12, abs=1e-13)
    g = autograd.sinc
    for n in range(5):
        assert g(x) == pytest.approx(wanted[n] * math.factorial(n), rel=1e-11, abs=1e-13)
        g = derivative(g)


def test_an_argument_asked_for_twice():
    f = lambda x, y: x * y * y  # noqa: E731  # used twice
    assert hessian(f, argnums=(1, 1))(2.0, 3.0) == ((4.0, 4.0), (4.0, 4.0))
    assert hessian(f, argnums=(1, 0, 1))(2.0, 3.0) == ((4.0, 6.0, 4.0), (6.0, 0.0, 6.0), (4.0, 6.0, 4.0))


def test_a_series_through_a_long_loop():
    def loop(x):
        for _ in range(3000):
            x = x + 0.001 * x
        return x

    assert taylor(loop, 1.0, 3) == pytest.approx([1.001**3000, 1.001**3000, 0.0, 0.0])


@pytest.mark.parametrize(
    ("f", "x", "n", "error", "says"),
    [
        (autograd.sin, 1.0, -1, ValueError, "n must be a whole number"),
        (autograd.sin, 1.0, 1.5, ValueError, "n must be a whole number"),
        (lambda x: [x, x], 1.0, 2, TypeError, "must return one number"),
        (autograd.sqrt, 0.0, 2, DomainError, "taylor"),
        (3.0, 1.0, 2, TypeError, "takes a function"),
    ],
)
def test_what_has_no_series(f, x, n, error, says):
    with pytest.raises(error, match=says):
        taylor(f, x, n)


def test_a_series_of_what_depends_on_others_would_lose_their_gradient():
    w = Value(2.0)
    with pytest.raises(TypeError, match="Values from around"):
        taylor(lambda x: x * w, 1.0, 2)
    assert taylor(lambda x: 3.0, 1.0, 2) == [3.0, 0.0, 0.0]


# ---------------------------------------------------------------- given derivatives


def test_a_gradient_of_ones_own():
    calls = []

    def f(x, ys):
        calls.append((x, ys))
        return x * sum(ys)

    g = custom_gradient(f, lambda x, ys: (sum(ys), [x] * len(ys)))
    assert g(2.0, [3.0, 4.0]) == 14.0
    x, ys = Value(2.0), [Value(3.0), Value(4.0)]
    g(x, ys).backward()
    assert (x.grad, ys[0].grad) == (7.0, 2.0)
    assert all(type(x) is float for x, _ in calls)
    assert derivative(derivative(lambda x: g(x, [x, 1.0])))(3.0) == 2.0  # written with operators: to any order
    autograd.check_gradients(g, 2.0, [3.0, 4.0])


def test_a_gradient_of_ones_own_that_does_not_fit():
    g = custom_gradient(lambda xs: sum(xs), lambda xs: [1.0])
    with pytest.raises(TypeError, match="one number for each of the 2"):
        value_and_grad(g)([1.0, 2.0])
    with pytest.raises(TypeError, match="must return one number"):
        custom_gradient(lambda x: "x", lambda x: 1.0)(Value(1.0))


def test_a_checkpoint_is_one_node_with_the_same_derivatives():
    def f(x, y):
        for _ in range(30):
            x = autograd.sin(x) * y
        return x

    kept = checkpoint(f)
    assert kept(0.5, 1.1) == f(0.5, 1.1)
    assert len(autograd.topological(kept(Value(0.5), Value(1.1)))) == 3
    assert value_and_grad(kept)(0.5, 1.1) == value_and_grad(f)(0.5, 1.1)
    assert hessian(kept)(0.5, 1.1) == hessian(f)(0.5, 1.1)
    w = Value(2.0)
    with pytest.raises(TypeError, match="Values that are no arguments"):
        checkpoint(lambda x: x * w)(Value(1.0))


def kepler(anomaly, mean, e):
    return anomaly - e * autograd.sin(anomaly) - mean


def by_newton(mean, e):
    x = mean
    for _ in range(60):
        x -= (x - e * math.sin(x) - mean) / (1.0 - e * math.cos(x))
    return x


def by_bisection(mean, e):
    low, high = mean - 2.0, mean + 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle - e * math.sin(middle) < mean else (low, middle)
    return 0.5 * (low + high)


@pytest.mark.parametrize("solver", [by_newton, by_bisection])
def test_a_root_is_differentiated_by_its_equation_to_any_order(solver):
    root = implicit(kepler, solver)
    with mpmath.workdps(40):
        exact = lambda m, e: mpmath.findroot(lambda x: x - e * mpmath.sin(x) - m, m)  # noqa: E731  # short
        first = [float(mpmath.diff(exact, (1.0, 0.3), order)) for order in ((1, 0), (0, 1))]
        second, third = (float(mpmath.diff(lambda m: exact(m, mpmath.mpf("0.3")), 1.0, k)) for k in (2, 3))
    value, slopes = value_and_grad(root)(1.0, 0.3)
    assert value == pytest.approx(by_newton(1.0, 0.3), rel=1e-14)
    assert slopes == pytest.approx(first, rel=1e-12)
    of_mean = lambda m: root(m, 0.3)  # noqa: E731  # used twice
    assert derivative(derivative(of_mean))(1.0) == pytest.approx(second, rel=1e-8)
    assert derivative(derivative(derivative(of_mean)))(1.0) == pytest.approx(third, rel=1e-6)


def test_an_optimum_of_two_numbers():
    def gradient(x, a):
        return [4.0 * x[0] ** 3 - a[0] + x[1], 2.0 * x[1] + x[0] - a[1]]

    def solve(a):
        from scipy.optimize import root

        return list(root(lambda x: gradient(x, a), [1.0, 1.0], tol=1e-14).x)

    best = implicit(gradient, solve)
    found = np.array(jacobian(best)([5.0, 3.0]))
    x = solve([5.0, 3.0])
    by_hand = np.linalg.inv(np.array([[12.0 * x[0] ** 2, 1.0], [1.0, 2.0]]))
    assert found == pytest.approx(by_hand, rel=1e-9)
    step = 1e-5
    for i in range(2):
        moved = [[5.0 + s * (i == 0), 3.0 + s * (i == 1)] for s in (step, -step)]
        above, below = (np.array(jacobian(best)(a)) for a in moved)
        assert np.array(hessian(lambda a: best(a)[0])([5.0, 3.0]))[i] == pytest.approx(
            (above - below)[0] / (2 * step), rel=1e-4
        )


@pytest.mark.parametrize(
    ("f", "solve", "error", "says"),
    [
        (lambda x, a: x * x - a, lambda a: a, ValueError, "no root of f"),
        (lambda x, a: [x, a], lambda a: 1.0, ValueError, "as many numbers as there are unknowns"),
        (lambda x, a: x - a, lambda a: [], TypeError, "must return a number"),
        (lambda x, a: (x - a) ** 2, lambda a: a, DomainError, "singular"),
    ],
)
def test_what_is_no_root(f, solve, error, says):
    with pytest.raises(error, match=says):
        implicit(f, solve)(3.0)


def test_no_gradient_is_lost_through_what_an_equation_captures():
    def through(w, *args):
        return implicit(lambda x, a: x * x - a * w, lambda a: (a * 2.0) ** 0.5)(*args)

    with pytest.raises(TypeError, match="none of its arguments"):
        derivative(lambda w: through(w, 4.5))(2.0)
    with pytest.raises(TypeError, match="none of its arguments"):
        through(Value(2.0), Value(4.5))
    with autograd.no_grad():
        assert through(Value(2.0), 4.5) == 3.0


def test_a_gradient_in_a_dictionary_goes_by_its_keys():
    f = custom_gradient(lambda p: p["a"] * 2.0 + p["b"] * 3.0, lambda p: {"b": 3.0, "a": 2.0})
    assert autograd.value_and_grad(f)({"a": 1.0, "b": 1.0}) == (5.0, {"a": 2.0, "b": 3.0})
    autograd.check_gradients(
        lambda p: p["a"] * 2.0 + p["b"] * 3.0, {"a": 1.0, "b": 1.0}, gradient=lambda p: {"b": 3.0, "a": 2.0}
    )
    with pytest.raises(TypeError, match=r"has x1\['c'\], and the arguments have x1\['a'\], x1\['b'\]"):
        autograd.value_and_grad(custom_gradient(lambda p: p["a"] + p["b"], lambda p: {"a": 1.0, "c": 1.0}))(
            {"a": 1.0, "b": 1.0}
        )
    with pytest.raises(TypeError, match=r"has x1\['y'\], and the arguments have x1, x2"):
        autograd.check_gradients(lambda x, y: x + y, 1.0, 2.0, gradient=lambda x, y: {"y": 1.0, "x": 1.0})


def test_what_the_caller_changes_later_changes_no_gradient():
    square = checkpoint(lambda x, mask: x * x if mask[0] else 5.0 * x)
    root = implicit(lambda x, a, o: x * x - a if o["square"] else x - a, lambda a, o: a**0.5)
    x, a, mask, options = Value(3.0), Value(9.0), np.array([True]), {"square": True}
    y, r = square(x, mask), root(a, options)
    mask[0] = options["square"] = False
    y.backward()
    r.backward()
    assert (x.grad, a.grad) == (6.0, 1.0 / 6.0)


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: jacobian(3.0), TypeError, "jacobian: takes a function"),
        (lambda: jacobian(lambda x: x, argnums="x"), TypeError, "argnums must be"),
        (lambda: jacobian(lambda x: x, argnums=3)(1.0), TypeError, "argnums is 3, but there are 1"),
        (lambda: jacobian(lambda x: x)("x"), TypeError, "no real number"),
        (lambda: hessian(lambda x: [x])(1.0), TypeError, "must return one number"),
        (lambda: jvp(lambda x: x, 1.0, 1.0), TypeError, "tuples of arguments"),
        (lambda: jvp(lambda x: x, (1.0,), ([1.0],)), TypeError, "structure of the arguments"),
        (lambda: hvp(lambda v: v[0], ([1.0, 2.0],), ([1.0],)), TypeError, "structure of the arguments"),
        (lambda: vjp(lambda x: [x, x], 1.0)[1]([1.0]), TypeError, "cotangents"),
        (lambda: vjp(lambda x: (x, x, x), 1.0, has_aux=True), TypeError, "return a pair"),
        (lambda: jvp(lambda x: autograd.sqrt(x), (0.0,), (0.0,)), DomainError, "0 · ∞"),
    ],
)
def test_wrong_use_is_a_clear_error(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_every_row_has_a_second_derivative_forwards():
    for row in TABLE.values():
        if row.rule is None and row.arity == 1:
            low, high = row.domain.samples[0]
            x = low + 0.37 * (high - low)
            forwards = jvp(lambda x, row=row: jvp(row, (x,), (1.0,))[1], (x,), (1.0,))[1]
            backwards = derivative(derivative(row))(x)
            assert forwards == pytest.approx(backwards, rel=1e-11, abs=1e-13), row
