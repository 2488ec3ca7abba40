"""Values in NumPy's hands: scalars, arrays of Values, ufuncs."""

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, grad

UFUNCS = {
    np.exp: "exp",
    np.log: "log",
    np.log1p: "log1p",
    np.expm1: "expm1",
    np.sqrt: "sqrt",
    np.sin: "sin",
    np.cos: "cos",
    np.tan: "tan",
    np.arcsin: "asin",
    np.arccos: "acos",
    np.arctan: "atan",
    np.sinh: "sinh",
    np.cosh: "cosh",
    np.tanh: "tanh",
    np.negative: "neg",
    np.absolute: "abs",
    np.sign: "sign",
}
BINARY = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.power: "pow",
    np.arctan2: "atan2",
    np.minimum: "minimum",
    np.maximum: "maximum",
}
unary = pytest.mark.parametrize(("ufunc", "name"), UFUNCS.items(), ids=UFUNCS.values())
binary = pytest.mark.parametrize(("ufunc", "name"), BINARY.items(), ids=BINARY.values())


def array(*xs):
    return np.array([Value(x) for x in xs], dtype=object)


def gradients(xs):
    return [x.grad for x in xs]


@unary
def test_a_unary_ufunc_of_a_value_is_its_row(ufunc, name):
    x = Value(0.3)
    y = ufunc(x)
    assert type(y) is Value
    assert y.primitive is autograd.TABLE[name]
    assert y.args == (x,)
    assert y.data == pytest.approx(float(ufunc(0.3)), rel=1e-15)


@binary
def test_a_binary_ufunc_is_its_row(ufunc, name):
    for a, b in ((Value(0.3), Value(0.4)), (Value(0.3), 0.4), (0.3, Value(0.4)), (np.float64(0.3), Value(0.4))):
        y = ufunc(a, b)
        assert type(y) is Value
        assert y.primitive is autograd.TABLE[name]
        assert y.data == pytest.approx(float(ufunc(0.3, 0.4)), rel=1e-15)
        assert [type(arg) for arg in y.args] == [Value if type(x) is Value else float for x in (a, b)]


@unary
def test_a_unary_ufunc_of_an_array_of_values(ufunc, name):
    xs = array(0.3, 0.5)
    ys = ufunc(xs)
    assert ys.shape == (2,)
    if name == "sign":
        assert [getattr(y, "data", y) for y in ys] == [1.0, 1.0]  # NumPy compares; the slope is 0 either way
        return
    assert [y.primitive.name for y in ys] == [name] * 2
    assert [y.args[0] for y in ys] == list(xs)


@binary
def test_a_binary_ufunc_of_arrays_of_values(ufunc, name):
    xs = array(0.3, 0.5)
    for other in (array(0.4, 0.2), np.array([0.4, 0.2]), 0.4, Value(0.4)):
        ys = ufunc(xs, other)
        wanted = ufunc(np.array([0.3, 0.5]), [o.data if isinstance(o, Value) else o for o in np.broadcast_to(other, 2)])
        assert [y.data if isinstance(y, Value) else y for y in ys] == pytest.approx(list(wanted), rel=1e-15)


@pytest.mark.parametrize(
    "number", [np.float64(2), np.float32(2), np.int64(2), np.uint8(2), np.bool_(True), np.array(2.0)], ids=repr
)
def test_numpy_scalars_on_both_sides(number):
    x = Value(3.0)
    n = float(number)
    for y, wanted in (
        (number * x, n * 3),
        (x * number, n * 3),
        (number + x, n + 3),
        (x - number, 3 - n),
        (number - x, n - 3),
        (number / x, n / 3),
        (x / number, 3 / n),
        (x**number, 3**n),
        (number**x, n**3),
    ):
        assert type(y) is Value
        assert y.data == wanted
        assert y.primitive.name in ("add", "sub", "mul", "div", "pow")
        assert all(type(arg) in (Value, float) for arg in y.args)


def test_division_by_zero_is_a_domain_error_from_either_side():
    for compute in (lambda x: np.float64(1.0) / x, lambda x: x / np.float64(0.0), lambda x: np.ones(2) / x):
        with pytest.raises(DomainError, match="div: the divisor must not be 0"):
            compute(Value(0.0))


def test_dot_matmul_sum_and_mean():
    ws, xs = array(1.0, 2.0), np.array([3.0, 4.0])
    for y in (
        np.dot(ws, xs),
        np.dot(xs, ws),
        ws @ xs,
        xs @ ws,
        (ws * xs).sum(),
        np.sum(ws * xs),
        sum(ws * xs),
        np.inner(ws, xs),
    ):
        autograd.zero_grad(ws)
        assert type(y) is Value
        y.backward()
        assert (y.data, gradients(ws)) == (11.0, [3.0, 4.0])
    autograd.zero_grad(ws)
    ws.mean().backward()
    assert gradients(ws) == [0.5, 0.5]


def test_a_matrix_of_values_times_a_vector():
    m = array(1.0, 2.0, 3.0, 4.0).reshape(2, 2)
    ys = np.tanh(m @ np.array([0.1, 0.2]))
    loss = (ys**2).sum()
    loss.backward()
    t = np.tanh(np.array([[1.0, 2.0], [3.0, 4.0]]) @ [0.1, 0.2])
    wanted = np.outer(2 * t * (1 - t**2), [0.1, 0.2])
    np.testing.assert_allclose([x.grad for x in m.ravel()], wanted.ravel(), rtol=1e-14)


def test_arrays_of_numbers_with_a_value():
    x = Value(2.0)
    for column in (np.array([1.0, 3.0]), np.array([1, 3]), np.array([1, 3], dtype=np.float32)):
        for ys, wanted in (
            (column * x, [2.0, 6.0]),
            (x * column, [2.0, 6.0]),
            (column - x, [-1.0, 1.0]),
            (x / column, [2.0, 2 / 3]),
        ):
            assert ys.shape == (2,)
            assert [y.data for y in ys] == wanted
            assert all(type(arg) in (Value, float) for y in ys for arg in y.args)
    assert grad((x * np.array([1.0, 3.0])).sum(), x) == 4.0


def test_integer_zero_in_an_array_takes_no_part():
    ws = array(1.0, 2.0)
    y = np.dot(np.array([0, 1]), ws)
    y.backward()
    assert gradients(ws) == [0.0, 1.0]


@pytest.mark.parametrize(
    "row", [autograd.tanh, autograd.erf, autograd.softplus, autograd.leaky_relu], ids=lambda row: row.name
)
def test_rows_on_arrays_of_values(row):
    xs = array(0.3, -0.5).reshape(1, 2)
    ys = row(xs)
    assert ys.shape == (1, 2)
    assert [y.primitive for y in ys.ravel()] == [row, row]
    assert [y.data for y in ys.ravel()] == [row(0.3), row(-0.5)]
    ys.sum().backward()
    assert gradients(xs.ravel()) == [
        row.local_derivatives((x, *dict(row.defaults).values()), row(x))[0] for x in (0.3, -0.5)
    ]


def test_variadic_rows_on_arrays():
    xs = array(1.0, 2.0)
    assert autograd.sum(xs).args == tuple(xs)
    assert autograd.dot(xs, np.array([3.0, 4.0])).data == 11.0
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(autograd.logsumexp(rows), np.log(np.exp(rows).sum(axis=0)))
    np.testing.assert_array_equal(autograd.dot(rows, rows), (rows * rows).sum(axis=0))
    columns = [array(1.0, 2.0), array(3.0, 4.0)]
    assert [y.data for y in autograd.dot(columns, [np.array([1.0, 1.0]), 2.0])] == [7.0, 10.0]


def test_a_row_of_a_value_and_an_array():
    x = Value(1.0)
    ys = autograd.maximum(x, np.array([0.0, 2.0]))
    assert [y.data for y in ys] == [1.0, 2.0]
    ys.sum().backward()
    assert x.grad == 1.0
    ys = autograd.where(np.array([True, False]), x, 5.0)
    assert [y.data for y in ys] == [1.0, 5.0]


WITHOUT_A_ROW = [np.fmod, np.nextafter, np.heaviside, np.isnan]


@pytest.mark.parametrize("ufunc", WITHOUT_A_ROW, ids=lambda ufunc: ufunc.__name__)
def test_a_ufunc_without_a_row_is_a_clear_type_error(ufunc):
    with pytest.raises(TypeError, match=ufunc.__name__):
        ufunc(*[Value(1.0)] * ufunc.nin)
    with pytest.raises((TypeError, AttributeError), match=ufunc.__name__):  # NumPy's own error
        ufunc(*[array(1.0)] * ufunc.nin)


@pytest.mark.parametrize(
    ("ufunc", "args"),
    [
        (np.floor, (1.5,)), (np.ceil, (1.5,)), (np.trunc, (-1.5,)), (np.rint, (2.5,)), (np.cbrt, (8.0,)),
        (np.hypot, (3.0, 4.0)), (np.logaddexp, (1.0, 2.0)), (np.arcsinh, (1.0,)), (np.arccosh, (2.0,)),
        (np.arctanh, (0.5,)), (np.log2, (8.0,)), (np.log10, (100.0,)), (np.remainder, (-5.0, 3.0)),
        (np.floor_divide, (-5.0, 3.0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_new_functions_of_numpy_work_on_values(ufunc, args):
    y = ufunc(*map(Value, args))
    assert isinstance(y, Value)
    assert y.data == pytest.approx(float(ufunc(*args)), rel=1e-15)


def test_spread_and_clipping_of_arrays_of_values():
    numbers = np.array([1.0, 4.0, 6.0])
    xs = array(*numbers)
    for f in (np.var, np.std, np.mean, lambda a: np.hypot(a, a).sum(), lambda a: np.clip(a, 2.0, 5.0).sum()):
        y = f(xs)
        assert y.data == pytest.approx(float(f(numbers)))
        shifted = [float(f(numbers + h * np.eye(3)[0])) for h in (1e-6, -1e-6)]
        assert autograd.grad(y, xs[0]) == pytest.approx((shifted[0] - shifted[1]) / 2e-6, abs=1e-7)


def test_a_float_array_does_not_swallow_a_value():
    target = np.zeros(2)
    with pytest.raises(TypeError, match=r"v\.data"):
        target[0] = Value(1.0)
    with pytest.raises(TypeError):
        target += Value(1.0)
    with pytest.raises(TypeError):
        np.exp(Value(1.0), out=target[:1])


@pytest.mark.parametrize(
    "data",
    [np.array(["a"]), np.array([1j]), np.array(["2020-01-01"], dtype="datetime64[D]")],
    ids=lambda a: str(a.dtype),
)
def test_arrays_of_other_things_are_refused(data):
    with pytest.raises(TypeError, match="tanh: takes numbers, Values or arrays"):
        autograd.tanh(data)


def test_bool_arrays_and_empty_arrays():
    assert list(autograd.exp(np.array([True, False]))) == [np.e, 1.0]
    assert autograd.exp(np.zeros((0, 3))).shape == (0, 3)
    assert autograd.tanh(np.array([], dtype=object)).shape == (0,)


def test_lists_of_numbers_are_arrays_to_a_row():
    np.testing.assert_allclose(autograd.exp([0.0, 1.0]), np.exp([0.0, 1.0]))


def test_comparisons_with_arrays():
    assert list(Value(2.0) < np.array([1.0, 3.0])) == [False, True]
    assert list(array(1.0, 3.0) > 2.0) == [False, True]
    assert np.max(array(1.0, 3.0)).data == 3.0
    assert [x.data for x in np.sort(array(2.0, 1.0))] == [1.0, 2.0]
    assert np.argmax(array(1.0, 3.0, 2.0)) == 1


def test_an_index_of_a_scalar_array_is_not_named():
    with pytest.raises(DomainError) as caught:
        autograd.log(np.array(-1.0))
    assert "index" not in str(caught.value)


def test_no_grad_reaches_into_arrays():
    xs = array(1.0, 2.0)
    with autograd.no_grad():
        assert all(y.is_leaf for y in (np.tanh(xs) * np.float64(2.0)))


@pytest.mark.parametrize("f", [autograd.erf, autograd.erfc])
def test_functions_that_numpy_has_not_take_arrays_of_any_layout(f):
    x = np.random.default_rng(3).normal(size=(5, 4, 3))
    for given in (x, x[::2, ::-1], x.T, x[0, 0, 0], np.float32(x), x[:0], (8 * x).astype(int)):
        wanted = [f(float(a)) for a in np.ravel(given)]
        assert np.shape(f(given)) == np.shape(given)
        assert np.ravel(f(given)).tolist() == wanted
    assert np.isnan(f(np.array([np.nan, 1.0]))).tolist() == [True, False]
