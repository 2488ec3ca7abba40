"""Structures: what functions are given and give back, in derivatives and in checks of them."""

import random
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import GradientMismatch, Value, check_gradients, derivative, grad, trace, value_and_grad
from autograd.tree import copied, map_numbers, named_numbers

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Model:
    weights: list[Any]
    name: str = "a model"
    bias: float = 0.0
    cache: Any = field(default=None, init=False)


@dataclass(slots=True)
class Slots:
    a: Any
    b: Any = None


numbers_ = st.floats(-8.0, 8.0)
others = st.sampled_from([None, True, "text", range(3), len])
trees = st.recursive(
    numbers_ | others,
    lambda part: (
        st.lists(part, max_size=3)
        | st.tuples(part, part)
        | st.builds(Point, part, part)
        | st.dictionaries(st.sampled_from("abc"), part, max_size=3)
        | st.builds(Model, st.lists(part, max_size=2), bias=part)
        | st.builds(Slots, part, part)
        | st.lists(numbers_, min_size=1, max_size=3).map(np.array)
    ),
    max_leaves=12,
)


def same(x: Any, y: Any) -> bool:
    return type(x) is type(y) and repr(x) == repr(y)


@given(trees)
def test_mapping_keeps_structure_and_what_is_no_number(tree: Any) -> None:
    before = repr(tree)
    assert same(map_numbers(lambda x: float(x), tree), tree)
    assert same(copied(tree), tree)
    seen: list[float] = []
    map_numbers(seen.append, tree)
    assert seen == [x for _, x in named_numbers(tree, "x")]
    assert repr(tree) == before


@given(trees)
def test_names_lead_to_the_numbers(tree: Any) -> None:
    for name, x in named_numbers(tree, "tree"):
        assert eval(name, {"tree": tree}) == x


@pytest.mark.parametrize(
    ("argument", "f", "gradient"),
    [
        ({"a": 2.0, "b": [3.0]}, lambda d: d["a"] * d["b"][0], {"a": 3.0, "b": [2.0]}),
        (OrderedDict(b=2.0, a=3.0), lambda d: d["a"] * d["b"], OrderedDict(b=3.0, a=2.0)),
        (MappingProxyType({"a": 2.0}), lambda d: d["a"] ** 2, {"a": 4.0}),
        (Point(2.0, 3.0), lambda p: p.x * p.y, Point(3.0, 2.0)),
        ((2.0, [3.0, (4.0,)]), lambda t: t[0] * t[1][1][0], (4.0, [0.0, (2.0,)])),
        (Slots(2.0, [3]), lambda s: s.a * s.b[0], Slots(3.0, [2.0])),
        ([2.0, None, "text", True], lambda xs: xs[0] * len(xs[2]), [4.0, None, None, None]),
        (Fraction(1, 2), lambda x: x * x, 1.0),
        (np.float32(2.0), lambda x: x * x, 4.0),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_a_gradient_is_of_its_arguments_type(argument: Any, f: Callable[..., Any], gradient: Any) -> None:
    assert same(value_and_grad(f)(argument)[1], gradient)
    check_gradients(f, argument)


def test_dataclasses_keep_fields_that_are_no_numbers_to_themselves() -> None:
    model = Model([2.0, 3.0], bias=1.0)
    value, slopes = value_and_grad(lambda m: m.weights[0] * m.weights[1] + m.bias * len(m.name))(model)
    assert (value, slopes) == (13.0, Model([3.0, 2.0], None, 7.0))  # type: ignore[arg-type]  # no derivative by a name
    assert model == Model([2.0, 3.0], bias=1.0)


def test_defaultdict_goes_on_being_one() -> None:
    d: Any = defaultdict(list, x=[1.0, 2.0])
    slopes = value_and_grad(lambda d: (d["new"], d["x"][0] * d["x"][1])[1])(d)[1]
    assert (slopes, slopes["other"], dict(d)) == ({"x": [2.0, 1.0], "other": []}, [], {"x": [1.0, 2.0]})


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize("dtype", [float, np.float32, int, object])
def test_arrays_arrive_as_arrays_and_gradients_are_arrays_of_floats(dtype: Any) -> None:
    x = np.array([[1, 2], [3, 4]], dtype=dtype)

    def f(x: Any) -> Any:
        assert isinstance(x, np.ndarray)
        return ((x @ x) + 2 * x).sum()

    value, slopes = value_and_grad(f)(x)
    assert (value, slopes.dtype, slopes.tolist()) == (74.0, np.dtype(float), [[9.0, 13.0], [11.0, 15.0]])
    check_gradients(f, x)


def test_sums_over_arrays_are_as_numpy_does_them() -> None:
    assert value_and_grad(lambda x: autograd.sum([v * v for v in 2 * x]))(np.array([1.0, 2.0]))[0] == 20.0
    value, (by_x, by_y) = value_and_grad(lambda x, y: ((x + y) ** 2).sum())(np.ones(2), np.array([1.0, 2.0]))
    assert (value, by_x.tolist(), by_y.tolist()) == (13.0, [4.0, 6.0], [4.0, 6.0])
    value, by_x = value_and_grad(lambda x: x * x)(np.array(3.0))
    assert (value, by_x.shape, float(by_x)) == (9.0, (), 6.0)
    value, by_x = value_and_grad(lambda x, empty: x.sum())(np.ones(2), np.zeros((0, 3)))
    assert [part.shape for part in by_x] == [(2,), (0, 3)]


def test_arrays_of_arrays_of_derivatives() -> None:
    def diagonal(x: Any) -> Any:
        return value_and_grad(lambda y: value_and_grad(lambda z: (z**3).sum())(y)[1].sum())(x)

    value, slopes = diagonal(np.array([1.0, 2.0]))
    assert (value, slopes.tolist()) == (15.0, [6.0, 12.0])
    outside = Value(2.0)
    slopes = value_and_grad(lambda x: (outside * x * x).sum())(np.array([1.0, 3.0]))[1]
    assert [type(x) for x in slopes] == [Value, Value]
    assert grad(slopes.sum(), outside) == 8.0


# ---------------------------------------------------------------- functions that change what they are given


def pops(xs: Any) -> Any:
    return xs.pop() * xs[0]


def appends(xs: Any) -> Any:
    xs.append(xs[0] * xs[1])
    return autograd.sum(xs)


def sets(xs: Any) -> Any:
    xs[0] = xs[0] * 2.0
    return xs[0] * xs[1]


def empties(xs: Any) -> Any:
    total = 1.0
    while xs:
        total = total * xs.pop()
    return total


@pytest.mark.parametrize(
    ("f", "value", "slopes"), [(pops, 6.0, [2.0, 3.0]), (appends, 11.0, [3.0, 4.0]), (sets, 12.0, [4.0, 6.0]),
                               (empties, 6.0, [2.0, 3.0])],
)  # fmt: skip
def test_a_function_may_change_its_arguments(f: Callable[..., Any], value: float, slopes: list[float]) -> None:
    point = [3.0, 2.0]
    assert value_and_grad(f)(point) == (value, slopes)
    check_gradients(f, point)
    assert point == [3.0, 2.0]
    if f is sets:
        array = np.array(point)
        assert value_and_grad(f)(array)[1].tolist() == slopes
        check_gradients(f, array)
        assert array.tolist() == point
    rest = [1.0, 2.0]
    assert value_and_grad(lambda x, rest: x * rest.pop(), argnums=0)(3.0, rest) == (6.0, 2.0)
    assert rest == [1.0, 2.0]


# ---------------------------------------------------------------- argnums, has_aux, keywords


def test_argnums_choose() -> None:
    def f(x: Any, d: Any, n: Any, k: float = 1.0) -> Any:
        return x * d["a"] ** n * k

    args = (2.0, {"a": 3.0}, 2)
    assert value_and_grad(f, argnums=0)(*args, k=5.0) == (90.0, 45.0)
    assert value_and_grad(f, argnums=(1, 0))(*args) == (18.0, ({"a": 12.0}, 9.0))
    assert value_and_grad(f, argnums=-2)(*args) == (18.0, {"a": 12.0})
    with pytest.raises(TypeError, match="argnums is 3, but there are 3 arguments"):
        value_and_grad(f, argnums=3)(*args)
    for wrong in ("x", True, 1.5, ("x",)):
        with pytest.raises(TypeError):
            value_and_grad(f, argnums=wrong)  # type: ignore[arg-type]


def test_has_aux_hands_the_rest_on() -> None:
    def f(x: Any) -> Any:
        return x * x, {"half": x / 2.0, "text": "t", "values": np.array([x, x])}

    (value, aux), slope = value_and_grad(f, has_aux=True)(3.0)
    assert (value, slope, aux["half"], aux["text"], aux["values"].dtype) == (9.0, 6.0, 1.5, "t", np.dtype(float))
    assert value_and_grad(lambda x: (1.0, x), has_aux=True)(3.0) == ((1.0, 3.0), 0.0)
    with pytest.raises(TypeError, match="has_aux=True the function must return a pair"):
        value_and_grad(lambda x: x, has_aux=True)(3.0)
    with pytest.raises(TypeError, match=r"must return one number.*with has_aux=True it may return a pair"):
        value_and_grad(f)(3.0)


# ---------------------------------------------------------------- what is wrong is said


def test_arguments_are_looked_at() -> None:
    x = Value(2.0)
    y = x * x
    for transform in (value_and_grad, derivative):
        with pytest.raises(TypeError, match=r"takes a function, got Value.*grad\(y, x\)"):
            transform(y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"for the gradient of a function, write value_and_grad\(f\)"):
        grad(lambda x: x)(3.0)  # type: ignore[arg-type]
    for seed, kind in (("3", TypeError), (None, TypeError), (float("nan"), ValueError), ([1.0], TypeError)):
        with pytest.raises(kind, match="seed"):
            grad(y, x, seed=seed)  # type: ignore[arg-type]
    for wrong in (3.0, "x", None, [x, 3.0], {"a": None}):
        with pytest.raises(TypeError, match="takes a Value or a list of Values to differentiate by"):
            grad(y, wrong)
    for point in ("text", None, range(3), np.array([True])):
        with pytest.raises(TypeError, match="there is no real number to differentiate by"):
            value_and_grad(lambda x: x)(point)
    for name, bad, error in (("rtol", -1.0, ValueError), ("atol", float("nan"), ValueError), ("rtol", "1", TypeError)):
        with pytest.raises(error, match=f"check_gradients: {name} must"):
            check_gradients(lambda x: x, 1.0, **{name: bad})  # type: ignore[arg-type]


def test_a_container_that_holds_itself() -> None:
    endless: list[Any] = [1.0]
    endless.append(endless)
    with pytest.raises(ValueError, match="a container holds itself"):
        value_and_grad(lambda x: x[0])(endless)


def test_grad_by_a_structure_of_values() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y
    assert grad(z, {"a": x, "b": [y]}) == {"a": 3.0, "b": [2.0]}
    assert grad(z, np.array([x, y])).tolist() == [3.0, 2.0]
    assert grad(z, (v for v in (x, y))) == grad(z, (x, y)) == [3.0, 2.0]


def test_a_check_compares_the_function_with_itself_on_plain_numbers() -> None:
    with pytest.raises(GradientMismatch, match=r"finds 3\.0 on plain numbers, but 2\.0 on Values"):
        check_gradients(lambda x: 2.0 * x if isinstance(x, Value) else 3.0 * x, 1.0)
    rng = random.Random(1)
    with pytest.raises(GradientMismatch, match="gives several values at one point"):
        check_gradients(lambda x: x + rng.random(), 1.0)
    check_gradients(lambda x: x.exp(), 1.0)  # a method that only Values have: nothing to compare
    check_gradients(trace(lambda x: x[0] * x[1], [1.0, 1.0]), [2.0, 3.0])
