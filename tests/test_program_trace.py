"""Tracing: what becomes of a function, its arguments and the Values it uses; and what is refused, with a remedy."""

import copy
import functools
import itertools
import math
import os
import pickle
import random
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Index, Program, TraceError, Value, one_hot, take, trace
from autograd.engine import record as record_of
from autograd.modes import modes
from autograd.tree import named_numbers

TABLE = [1.0, 2.0, 4.0]
OWN = random.Random(2)
module = sys.modules[__name__]

w = Value(2.0, label="w")
z = Value(3.0, label="z")


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Whatever happened, the engine records again, and the Values outside are as they were."""
    yield
    assert modes == {}
    assert (w.data, z.data) == (2.0, 3.0)
    assert (w * z).args == (w, z)


# ---------------------------------------------------------------- what is refused inside a traced function


def sets_data(x):
    w.data = 5.0
    return x


def without_recording(x):
    with autograd.no_grad():
        return x * 2.0


def in_an_f_string(x):
    return float(f"{x:.3f}")


REFUSED = {
    "data": (lambda x: x.data, "reads .data of a Value", "stop_gradient(v)"),
    "data of a parameter": (lambda x: x * w.data, "reads .data of a Value", "stop_gradient(v)"),
    "read": (lambda x: autograd.read([x], "data")[0], "reads .data", "keep the Value"),
    "copy": (lambda x: copy.copy(x * w), "", ""),
    "deepcopy": (lambda x: copy.deepcopy([x, w])[0], "", ""),
    "pickle": (lambda x: pickle.loads(pickle.dumps(x)), "", ""),
    "float": (lambda x: float(x), "makes a plain float of a Value", "keep the Value"),
    "math": (lambda x: math.exp(x), "makes a plain float of a Value", "keep the Value"),
    "np.float64": (lambda x: np.float64(x), "makes a plain float of a Value", "keep the Value"),
    "astype": (lambda x: np.array([x]).astype(float)[0], "makes a plain float of a Value", "keep the Value"),
    "int": (lambda x: int(x), "makes an int of a Value", "take(table, i) or one_hot(i, n)"),
    "bool": (lambda x: 1.0 if x else 2.0, "asks whether a Value is true", "compare it, as in v > 0"),
    "and": (lambda x: x and w, "asks whether a Value is true", "compare it, as in v > 0"),
    "backward": (lambda x: (x * x).backward(), "calls backward()", "return the loss"),
    "setting data": (sets_data, "sets .data of a Value", "do it outside"),
    "write": (lambda x: autograd.write([w], "data", [5.0]), "sets .data of a Value", "do it outside"),
    "no_grad": (without_recording, "switches recording off", "stop_gradient(v)"),
    "grad": (lambda x: autograd.grad(x * x, x), "takes a derivative", "trace the function alone"),
    "derivative": (lambda x: autograd.derivative(autograd.sin)(x), "takes a derivative", "trace the function alone"),
    "value_and_grad": (
        lambda x: autograd.value_and_grad(autograd.sin)(x)[0],
        "takes a derivative",
        "trace the function",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_program_could_not_follow_is_refused(name):
    f, why, remedy = REFUSED[name]
    with pytest.raises(TraceError) as refused:
        trace(f, 0.5)
    assert why in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize("name", [name for name, (_, why, _) in REFUSED.items() if why])
def test_a_refusal_names_the_users_file_and_line(name):
    f = REFUSED[name][0]
    body = f.__code__.co_firstlineno + (f.__name__ != "<lambda>")
    with pytest.raises(TraceError, match=rf"^test_program_trace\.py, line {body}: the traced function "):
        trace(f, 0.5)


def test_a_refusal_is_a_type_error_and_can_be_caught_as_one():
    with pytest.raises(TypeError, match=r"reads \.data"):
        trace(lambda x: x.data, 0.5)


def test_a_branch_that_is_traced_later_is_refused_the_same_way():
    program = trace(lambda x: w * x if x > 0.0 else w * x.data, 0.5)
    with pytest.raises(TraceError, match=r"test_program_trace.py, line \d+: the traced function reads .data"):
        program([1.0, -1.0])
    assert program([1.0, 2.0]).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "text",
    [str, repr, lambda x: f"{x:.1f}", lambda x: f"{x}", "{:g}".format, lambda x: "%s" % x, print],  # noqa: UP031
)
def test_text_of_a_value_is_refused_because_its_number_can_be_read_from_it(text):
    with pytest.raises(TraceError, match=r"test_program_trace.py, line \d+: the traced function makes text of a Value"):
        trace(lambda x: [text(x), x * w][1], 0.5)


def test_names_inside_are_no_way_to_a_number():
    with pytest.raises(TraceError, match=r"test_program_trace.py, line \d+: the traced function reads .data"):
        trace(lambda x: x * x._data, 0.5)
    with pytest.raises(TraceError, match="computes with an integer argument"):
        trace(lambda i: take(TABLE, i) * i.number, 1)
    with pytest.raises(TraceError, match=r"sets \.data of a Value"):
        trace(lambda x: [autograd.write([w], "data", [3.0]), x][1], 0.5)
    assert w.data == 2.0
    with pytest.raises(AttributeError, match="no attribute '_data'"):
        w._data  # noqa: B018


def test_an_error_of_ours_inside_is_not_taken_for_text_of_a_value():
    with pytest.raises(TypeError, match=r"add: expected a real number, got \[Value"):
        trace(lambda x: record_of(autograd.add, ([x], 1.0)), 0.5)


# ---------------------------------------------------------------- the same each time


@pytest.mark.parametrize(
    "draw",
    [
        random.random, lambda: random.gauss(0.0, 1.0), random.Random(1).random, np.random.default_rng(1).random,
        np.random.rand, lambda: float(np.random.RandomState(1).rand() < 2.0) * OWN.choice([1.0, 1.0]), os.urandom,
    ],
)  # fmt: skip
def test_random_numbers_are_refused_even_if_they_agree(draw):
    def f(x):
        _ = draw(1) if draw is os.urandom else draw()
        return x * w

    with pytest.raises(TraceError, match=r"draws random numbers.*pass them as arguments"):
        trace(f, 0.5)


class Dropout:
    def __init__(self):
        self.parts = {"rng": [np.random.default_rng(0)]}

    def __call__(self, x):
        return x if self.parts["rng"][0].random() < 2.0 else -x

    def method(self, x):
        return self(x)


@pytest.mark.parametrize(
    "f", [Dropout(), Dropout().method, functools.partial(Dropout.__call__, Dropout()), lambda x: module.DROPOUT(x)]
)
def test_generators_are_found_wherever_the_function_reaches_them(f, monkeypatch):
    monkeypatch.setattr(module, "DROPOUT", Dropout(), raising=False)
    with pytest.raises(TraceError, match="draws random numbers"):
        trace(f, 0.5)


def test_a_generator_made_in_each_call_always_draws_the_same():
    program = trace(lambda x: x * random.Random(3).random(), 0.5)
    assert program(2.0) == 2.0 * random.Random(3).random()


def test_clocks_and_counters_are_refused():
    count = itertools.count()
    for number in (time.perf_counter, lambda: float(next(count))):
        with pytest.raises(TraceError, match="does not compute the same thing twice"):
            trace(lambda x, number=number: x * number(), 0.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if isinstance(x, float) else x * 2.0,
        lambda x: x * x if x in {0.5} else x,
        lambda x: x * (3.0 if type(x) is Value else 2.0),
        lambda x: (x, x) if hasattr(x, "primitive") else x,
    ],
)
def test_a_function_that_tells_values_from_numbers_is_refused(f):
    with pytest.raises(TraceError, match="on plain numbers, but"):
        trace(f, 0.5)


def test_a_function_that_needs_values_is_not_compared():
    assert trace(lambda x: x.tanh() * w, 0.5)(0.5) == math.tanh(0.5) * 2.0


# ---------------------------------------------------------------- errors of the function


def test_an_exception_of_the_function_itself_comes_through():
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        trace(fails, 0.5)


def test_a_domain_error_at_the_example_comes_through():
    with pytest.raises(autograd.DomainError, match=r"log: argument must be > 0, got -1\.0"):
        trace(autograd.log, -1.0)


def test_what_is_not_a_function_is_refused():
    with pytest.raises(TypeError, match="trace: the first argument must be a function, got 3"):
        trace(3, 0.5)


# ---------------------------------------------------------------- effects


class Holder:
    """Something outside the function."""

    def __init__(self):
        self.kept = None
        self.items = []

    def method(self, x):
        self.kept = x * 2.0
        return x

    def __call__(self, x):
        self.items.append(x * 2.0)
        return x


outside = Holder()
cached = functools.lru_cache(lambda x: x * 2.0)


def in_a_list(x):
    outside.items.append(x * 2.0)
    return x


def in_a_dict(x):
    vars(outside)["new"] = x * 2.0
    return x


def in_an_attribute(x):
    outside.kept = x * 2.0
    return x


def in_a_global(x):
    global found
    found = x * 2.0
    return x


def in_a_default(x, memory=[]):  # noqa: B006  # a list that stays is the point
    memory.append(x * 2.0)
    return x


def in_a_generator(x):
    outside.kept = (y for y in [x * 2.0])
    next(outside.kept)
    return x


def in_a_cell():
    kept = None

    def f(x):
        nonlocal kept
        kept = x * 2.0
        return x

    return f


def a_new_leaf(x):
    outside.items.append(Value(1.0))
    return x


def an_argument(x):
    outside.items.append(x)
    return x


def an_argument_of_a_list(x):
    outside.kept = [x]
    return x


EFFECTS = [
    in_a_list, in_a_dict, in_an_attribute, in_a_global, in_a_default, in_a_generator, in_a_cell(), a_new_leaf,
    an_argument, an_argument_of_a_list, lambda x: cached(x) + 1.0, outside, outside.method,
]  # fmt: skip


@pytest.mark.parametrize("f", EFFECTS, ids=lambda f: getattr(f, "__name__", "callable"))
def test_a_value_kept_outside_is_refused(f):
    try:
        with pytest.raises(TraceError, match=r"keeps a Value .*a program would not do that again: return it instead"):
            trace(f, 0.5)
    finally:
        outside.__init__()
        cached.cache_clear()


def test_the_refusal_of_an_effect_names_the_function_and_the_holder():
    line = in_a_list.__code__.co_firstlineno
    try:
        with pytest.raises(
            TraceError, match=rf"test_program_trace.py, line {line + 1}: .*\(mul\) beyond its call, in a list"
        ):
            trace(in_a_list, 0.5)
    finally:
        outside.__init__()


def test_a_trace_leaves_nothing_to_the_collector(monkeypatch):
    def collect():
        raise AssertionError("something of a trace is in a cycle")

    monkeypatch.setattr("autograd.program.kept.gc.collect", collect)
    trace(lambda x, i: [x * w if x > 0.5 else x, np.array([x, take([1.0, 2.0], i)]), {"a": x}], 1.0, 0)


def test_what_stays_inside_is_no_effect():
    def f(xs):
        mine = {"a": [x * w for x in xs]}
        mine["itself"] = mine  # a cycle, left to the collector
        try:
            raise ValueError
        except ValueError:
            mine["a"].append(xs[0] - 1.0)
        return autograd.sum(mine["a"])

    assert trace(f, [0.5, 0.5])([1.0, 2.0]) == 6.0


def test_counting_calls_is_no_effect_on_values():
    calls = []
    program = trace(lambda x: [calls.append(1), x * w][1], 0.5)
    program([1.0, 2.0])
    program.value_and_grad([1.0, 2.0])
    assert len(calls) == 3  # twice to see that it is the same, once on plain numbers


# ---------------------------------------------------------------- integer arguments


REFUSED_OF_AN_INDEX = {
    "list index": (lambda i: TABLE[i], "take(table, i)"),
    "float": (lambda i: float(i), "Pass a float"),
    "range": (lambda i: float(len(range(i))), "take(table, i)"),
    "truth": (lambda i: 1.0 if i else 0.0, "one_hot(i, n)"),
    "sum": (lambda i: i + 1, "Pass a float"),
    "reflected": (lambda i: 1.0 - i, "Pass a float"),
    "product": (lambda i: i * w, "Pass a float"),
    "product with a Value": (lambda i: w * i, "Pass a float"),
    "quotient": (lambda i: 1 / i, "Pass a float"),
    "power": (lambda i: i**2, "Pass a float"),
    "negative": (lambda i: -i, "Pass a float"),
    "size": (lambda i: abs(i), "Pass a float"),
    "remainder": (lambda i: i % 2, "Pass a float"),
    "floor": (lambda i: i // 2, "Pass a float"),
    "primitive": (lambda i: autograd.sin(i), "Pass a float"),
    "list primitive": (lambda i: autograd.sum([i, w]), "Pass a float"),
}


@pytest.mark.parametrize("name", REFUSED_OF_AN_INDEX)
def test_what_an_index_cannot_do_is_refused(name):
    f, remedy = REFUSED_OF_AN_INDEX[name]
    line = f.__code__.co_firstlineno
    with pytest.raises(TraceError, match=rf"^test_program_trace\.py, line {line}: .*integer") as refused:
        trace(f, 1)
    assert remedy in str(refused.value)


def test_an_index_reaches_the_function_as_an_index():
    seen = []
    trace(lambda i, js: [seen.extend([type(i), type(js), type(js[0])]), 1.0][1], 1, [1, 2])
    assert seen == [Index, list, Index] * 2 + [int, list, int]


def test_take_follows_an_index_into_every_kind_of_table():
    def f(i, xs):
        row = take([[w, 1.0], [xs[0], xs[1]], [z * 2.0, w]], i)
        return [take(TABLE, i), take([w, z, xs[0]], i), take((1, 2, 3), i), *row, take(np.array(TABLE), i)]

    program = trace(f, 0, [0.5, 0.25])
    assert program([0, 1, 2], [[5.0, 6.0]] * 3).tolist() == [
        [1.0, 2.0, 1.0, 2.0, 1.0, 1.0],
        [2.0, 3.0, 2.0, 5.0, 6.0, 2.0],
        [4.0, 5.0, 3.0, 6.0, 2.0, 4.0],
    ]


def test_take_gives_rows_of_rows():
    table = [[[w, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, z]]]
    assert trace(lambda i: take(table, i), 0)(1) == [[4.0, 5.0], [6.0, 3.0]]


def test_take_leaves_alone_what_it_does_not_choose():
    program = trace(lambda x, i: take([w, x], i), 0.5, 0)
    for odd in (math.nan, math.inf):
        assert program.value_and_grad(odd, 0) == (2.0, [1.0])


def test_one_hot_follows_an_index():
    program = trace(lambda i: one_hot(i, 3), 0)
    assert program([2, 0]).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_indices_may_be_compared_with_numbers_and_each_other():
    def f(i, j):
        return [float(i < 2), float(i >= j), float(i == 1), float(j != i), float(i > j), float(i <= 1.5)]

    program = trace(f, 0, 0)
    pairs = [(i, j) for i in range(3) for j in range(3)]
    wanted = [f(i, j) for i, j in pairs]
    assert program([i for i, _ in pairs], [j for _, j in pairs]).tolist() == wanted


def test_an_index_may_be_compared_with_a_value_on_either_side():
    def f(i, x):
        return [1.0 if x > i else 0.0, 1.0 if i < x else 0.0, 1.0 if i <= w else 0.0]

    program = trace(f, 1, 0.5)
    assert program([0, 1, 3], [0.5, 0.5, 0.5]).tolist() == [[1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_an_index_is_unequal_to_what_is_no_number():
    assert trace(lambda i: 1.0 if i == None else 2.0, 1)(1) == 2.0  # noqa: E711  # `is` asks something else


def test_an_index_out_of_range_while_tracing_names_take_and_the_places():
    with pytest.raises(IndexError, match="take: index 5 is out of range, there are 3 places, 0 to 2"):
        trace(lambda i: take(TABLE, i), 5)
    with pytest.raises(IndexError, match="one_hot: index -1 is out of range, there are 2 places, 0 to 1"):
        trace(lambda i: one_hot(i, 2), -1)


def test_an_index_can_be_returned():
    assert trace(lambda i, x: (x, i), 1, 0.5)([3, 2], [1.0, 1.0])[1].tolist() == [3.0, 2.0]


def test_take_and_one_hot_work_on_plain_integers_and_values():
    assert take(TABLE, 2) == 4.0
    assert take([w, z], 1) is z
    assert take([[1.0], [2.0]], np.int64(1)) == [2.0]
    assert one_hot(1, 3) == [0.0, 1.0, 0.0]
    for wrong in (1.0, True, w, "1"):
        with pytest.raises(TypeError, match="the index must be a whole number, got"):
            take(TABLE, wrong)
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match=f"take: index {wrong} is out of range, there are 3 places, 0 to 2"):
            take(TABLE, wrong)
        with pytest.raises(IndexError, match=f"one_hot: index {wrong} is out of range"):
            one_hot(wrong, 3)


# ---------------------------------------------------------------- arguments and results


@pytest.mark.parametrize(
    ("argument", "other"),
    [
        ("a", "b"), (None, 0.0), (True, False), (True, 1.0), (1j, 1.0), ({1.0}, {2.0}), (object, 1.0),
        (range(2), [0, 1]),
        ([1.0, "a"], [1.0, None]), ({"key": None}, {"key": False}),
        ([[1.0], [2.0, {"a": "b"}]], [[1.0], [2.0, {"a": 0}]]),
        ([True, False], [False, True]), (np.array(["a"]), np.array(["b"])), (np.array([True]), np.array([1])),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_number_is_passed_through_and_stays(argument, other):
    seen = []
    program = trace(lambda x, what: (seen.append(type(what)), x)[1], 1.0, argument)
    assert seen == [type(argument)] * 3
    assert program(2.0, argument) == 2.0
    if not list(named_numbers(argument, "")):
        assert program([2.0, 3.0], copy.deepcopy(argument)).tolist() == [2.0, 3.0]
    assert program.value_and_grad(2.0, argument)[1][0] == 1.0
    with pytest.raises((TypeError, ValueError), match=r"argument 1.* when the function was traced, so it must be"):
        program(2.0, other)


def test_what_is_no_number_decides_over_the_program():
    program = trace(lambda x, mode: x * x if mode == "square" else x, 3.0, "square")
    assert program.value_and_grad([1.0, 2.0], "square")[1][0].tolist() == [2.0, 4.0]
    with pytest.raises(ValueError, match=r"argument 1 is no number, and was 'square' .* got 'cube'; trace it again"):
        program([1.0, 2.0], "cube")


@pytest.mark.parametrize(
    "argument", [np.ones((1, 2)).view(np.matrix), np.ma.array([1.0, 2.0], mask=[True, False])], ids=repr
)
def test_an_array_that_computes_in_its_own_way_is_refused(argument):
    with pytest.raises(TraceError, match=r"trace: argument 1 cannot be an argument.* computes in its own way"):
        trace(lambda x, a: x, 1.0, argument)
    with pytest.raises(TypeError, match="computes in its own way"):
        autograd.value_and_grad(lambda a: (a * 2.0).sum())(argument)
    program = trace(lambda a: autograd.sum(list(a)), np.ones(2))
    with pytest.raises(TypeError, match=r"argument 0 cannot be a .* computes in its own way"):
        program(argument)


def test_what_is_no_number_may_be_changed_by_the_function():
    def f(x, names):
        names.add("new")
        return x * len(names)

    given = {"old"}
    program = trace(f, 1.0, given)
    assert given == {"old"}
    assert program([2.0, 3.0], {"old"}).tolist() == [4.0, 6.0]
    with pytest.raises(ValueError, match="so it must be that again"):
        program(2.0, {"old", "new"})


def test_truth_is_the_same_of_python_and_of_numpy():
    program = trace(lambda x, up: x if up else -x, 1.0, np.bool_(True))
    assert program(2.0, True) == program(2.0, np.True_) == 2.0
    for other in (False, np.False_, 1, 1.0):
        with pytest.raises((ValueError, TypeError), match="so it must be that again"):
            program(2.0, other)


def test_an_argument_that_holds_itself():
    endless = [1.0]
    endless.append(endless)
    with pytest.raises(TraceError, match=r"^trace: argument 0\[1\] cannot be an argument: it holds itself") as error:
        trace(lambda x: x[0], endless)
    assert len(str(error.value)) < 120


class Shelf:
    def __array__(self, dtype=None, copy=None):
        return np.ones(2)


def test_a_library_s_own_array_is_to_be_made_one_of_numpy():
    with pytest.raises(TraceError, match=r"argument 0 cannot be an argument: it is a Shelf; give np.asarray of it"):
        trace(lambda a: a, Shelf())


@pytest.mark.parametrize("result", [None, "a", 1j, {1.0}, object, [1.0, None], {"a": ["b"]}, np.array(["a"])], ids=repr)
def test_a_result_that_is_no_number_is_refused(result):
    with pytest.raises(TraceError, match="trace: the function must return numbers, or lists, tuples and dicts of them"):
        trace(lambda x: result, 0.5)


def test_arguments_arrive_in_the_containers_of_the_example():
    example = (
        0.5, [1.0, 2.0], (3.0, 4.0), {"a": 5.0, "b": [6.0]}, np.array([[7.0, 8.0]]), [[1.0], [2.0, 3.0]],
        (1.0, [2.0]), [], np.array(1.5), [(1.0, 2.0), (3.0, 4.0)],
    )  # fmt: skip
    seen = []

    def shape(x):
        if isinstance(x, dict):
            return {key: shape(part) for key, part in x.items()}
        if isinstance(x, np.ndarray):
            return x.shape, x.dtype, type(x.flat[0])
        return type(x)(map(shape, x)) if isinstance(x, list | tuple) else type(x)

    def f(*arguments):
        seen.append([shape(argument) for argument in arguments])
        return 1.0

    trace(f, *example)
    assert seen[:2] == 2 * [
        [
            Value, [Value, Value], (Value, Value), {"a": Value, "b": [Value]}, ((1, 2), np.dtype(object), Value),
            [[Value], [Value, Value]], (Value, [Value]), [], Value, [(Value, Value), (Value, Value)],
        ]
    ]  # fmt: skip
    assert seen[2][:5] == [float, [float] * 2, (float,) * 2, {"a": float, "b": [float]}, ((1, 2), float, np.float64)]


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass(frozen=True)
class Spring:
    stiffness: Any
    ends: Any
    name: str = "a spring"


STRUCTURES = [
    ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], lambda a: a[0] @ a[1]),
    ((np.array([1.0, 2.0]), np.array([3.0, 4.0])), lambda a: a[0] @ a[1]),
    ([np.array([1.0, 2.0]), [3.0, 4.0]], lambda a: a[0][0] * a[1][1]),
    ([np.array([[1.0, 2.0]]), np.array([3.0])], lambda a: (a[0] * a[1][0]).sum()),
    (np.array([1.0, 2.0], dtype=object), lambda a: a[0] * a[1]),
    ([np.array(2.0), 3.0], lambda a: a[0] * a[1]),
    (Point(2.0, 3.0), lambda p: p.x * p.y * p.y),
    ([Point(2.0, 3.0), Point(4.0, 5.0)], lambda ps: ps[0].x * ps[1].y - ps[0].y),
    (Point(np.array([2.0, 3.0]), [1.0]), lambda p: (p.x * p.x).sum() * p.y[0]),
    (Spring(2.0, [Point(0.0, 1.0), Point(3.0, 5.0)]), lambda s: s.stiffness * (s.ends[1].x - s.ends[0].x) ** 2),
    (Spring(np.array([2.0]), (1.0, 2.0)), lambda s: s.stiffness[0] * s.ends[1] * len(s.name)),
    ({"a": [1.0, 2.0], ("b", 1): {"c": (3.0, [4.0])}}, lambda d: d["a"][0] * d["b", 1]["c"][1][0]),
    ({"a": Fraction(1, 2), "b": None}, lambda d: d["a"] * (2.0 if d["b"] is None else 0.0)),
]


@pytest.mark.parametrize(("example", "f"), STRUCTURES, ids=[str(i) for i in range(len(STRUCTURES))])
def test_a_program_takes_what_the_function_takes(example, f):
    program = trace(f, example)
    value, slopes = autograd.value_and_grad(f)(example)
    assert program(example) == value
    found = program.value_and_grad(example)
    assert found[0] == value
    assert [x for _, x in named_numbers(found[1], "")] == [x for _, x in named_numbers(slopes, "")]
    assert copy.copy(program) == program
    assert pickle.loads(pickle.dumps(program))(example) == value


def test_an_array_argument_can_be_used_with_numpy():
    program = trace(lambda a, x: (a @ x).sum() + np.tanh(a).sum() + np.dot(x, x), np.zeros((2, 3)), np.zeros(3))
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 3))
    wanted = [(m @ v).sum() + np.tanh(m).sum() + v @ v for m, v in zip(a, x, strict=True)]
    np.testing.assert_allclose(program(a, x), wanted, rtol=1e-13)


def test_an_ordered_dict_is_a_dict():
    program = trace(lambda a: a["x"] * w, OrderedDict(x=1.0))
    assert program(OrderedDict(x=2.0)) == 4.0
    assert program({"x": np.array([2.0, 3.0])}).tolist() == [4.0, 6.0]


def test_values_can_be_the_example_and_are_no_parameters():
    k = Value(4.0)
    program = trace(lambda x, ys: x * ys[1], k, [k, k * 2.0])
    assert program.parameters.shape == (0,)
    assert program(2.0, [1.0, 3.0]) == 6.0


def test_an_example_that_is_also_used_from_outside_is_both():
    k = Value(4.0)
    program = trace(lambda x: x * x * k, k)
    value, (by_k, by_x) = program.value_and_grad(2.0, wrt="both")
    assert (value, by_k.tolist(), by_x) == (16.0, [4.0], 16.0)


def test_numpy_numbers_are_numbers():
    program = trace(lambda x, i, y: x * y * take(TABLE, i), np.float32(1.5), np.int32(1), np.float64(2.0))
    assert program(np.float64(2.0), np.int64(2), 3) == 24.0


def test_a_function_without_arguments_is_a_program():
    program = trace(lambda: w * w)
    value, gradient = program.value_and_grad()
    assert (program(), value, gradient.tolist()) == (4.0, 4.0, [4.0])


def test_a_boolean_result_is_a_number_and_a_guard():
    assert trace(lambda x: x > 0.0, 1.0)([1.0, -1.0]).tolist() == [1.0, 0.0]


# ---------------------------------------------------------------- leaves and constants


def test_leaves_are_parameters_in_the_order_in_which_they_are_met():
    first, second, third = (Value(x) for x in (10.0, 20.0, 30.0))
    program = trace(lambda x: second * x + first - third, 1.0)
    assert program.parameters.tolist() == [20.0, 10.0, 30.0]


def test_leaves_that_are_only_returned_or_compared_are_parameters_too():
    assert trace(lambda x: (z, w), 1.0).parameters.tolist() == [3.0, 2.0]
    assert trace(lambda x: 1.0 if z > w else 0.0, 1.0).parameters.tolist() == [3.0, 2.0]


def test_a_leaf_used_often_is_one_parameter():
    assert trace(lambda x: w * w + autograd.dot([w, w], [x, w]), 1.0).parameters.tolist() == [2.0]


def test_parameters_are_those_asked_for_in_that_order_each_once():
    unused = Value(7.0)
    program = trace(lambda x: w * x + z, 1.0, parameters=[z, unused, w, z])
    assert program.parameters.tolist() == [3.0, 7.0, 2.0]
    assert program.value_and_grad([5.0, 6.0])[1].tolist() == [1.0, 0.0, 5.5]


def test_other_leaves_are_frozen():
    program = trace(lambda x: w * x + z, 1.0, parameters=[w])
    assert program.parameters.tolist() == [2.0]
    assert program.value_and_grad(5.0)[1].tolist() == [5.0]


@pytest.mark.parametrize("wrong", [2.0, "w", None])
def test_a_parameter_that_is_no_value_is_refused(wrong):
    with pytest.raises(TypeError, match="trace: parameters must be Values that were not computed"):
        trace(lambda x: x, 1.0, parameters=[wrong])


def test_a_parameter_that_was_computed_is_refused():
    with pytest.raises(TypeError, match=r"trace: parameters must be Values that were not computed, got Value\(4\.0\)"):
        trace(lambda x: x, 1.0, parameters=[w * 2.0])


def test_a_value_made_inside_is_a_constant():
    def f(xs):
        total = Value(0.0)
        for x in xs:
            total += w * x
        return total * Value(0.5)

    program = trace(f, [1.0, 1.0])
    assert program.parameters.tolist() == [2.0]
    assert program.value_and_grad([3.0, 5.0], wrt="both")[1][1].tolist() == [1.0, 1.0]


def test_a_value_computed_before_is_led_back_to_its_leaves():
    before = autograd.tanh(w) * z
    program = trace(lambda x: before * x + before, 1.0)
    assert sorted(program.parameters.tolist()) == [2.0, 3.0]
    program.parameters = program.parameters * 0.5
    assert program(3.0) == pytest.approx(4.0 * math.tanh(1.0) * 1.5)


def test_a_value_computed_before_can_be_the_result_or_in_a_comparison():
    before = w * z
    assert trace(lambda x: before, 1.0)([1.0, 2.0]).tolist() == [6.0, 6.0]
    assert trace(lambda x: x if x > before else -x, 1.0, parameters=[w, z])([7.0, 5.0]).tolist() == [7.0, -5.0]


def test_a_branch_on_a_value_computed_before_follows_the_parameters_or_is_refused():
    before = w * w
    program = trace(lambda x: before * x if before > x else x, 1.0, parameters=[w])
    program.parameters = [0.5]
    try:
        found = program([0.125, 1.0, 2.0])
    except TraceError:
        return
    assert found.tolist() == [0.03125, 1.0, 2.0]


def test_a_recorded_gradient_can_be_part_of_a_program():
    slope = autograd.grad(w**3 * z / w, w, create_graph=True)  # 2 w z, through rows that users do not call
    program = trace(lambda x: slope * x, 1.0, parameters=[w, z])
    assert program(2.0) == pytest.approx(24.0)
    assert program.value_and_grad(2.0)[1] == pytest.approx([12.0, 8.0])


def test_zero_and_minus_zero_are_two_constants():
    program = trace(lambda x: [autograd.atan2(0.0, x), autograd.atan2(-0.0, x)], -1.0)
    assert program(-1.0) == [math.pi, -math.pi]


def test_a_leaf_shared_between_programs_keeps_its_own_number():
    one, two = trace(lambda x: w * x, 1.0), trace(lambda x: w + x, 1.0)
    one.parameters = [5.0]
    assert (one(1.0), two(1.0), w.data) == (5.0, 3.0, 2.0)


# ---------------------------------------------------------------- the record


def test_a_record_is_in_order_and_within_its_bounds():
    program = trace(lambda x, i: (take([w, z], i) * autograd.tanh(x) if x > 0.5 else x, 3.0, w), 1.0, 0)
    record = program.paths[0].record
    assert len(record.start) == len(record.op) + 1
    assert record.start[0] == 0
    assert record.start[-1] == len(record.args)
    assert (np.diff(record.start) > 0).all()
    for k in range(len(record.op)):
        arguments = record.args[record.start[k] : record.start[k + 1]]
        assert ((arguments >= 0) & (arguments < record.first + k)).all()
    assert ((record.outputs >= 0) & (record.outputs < len(record))).all()
    assert [(guard.sign, guard.outcome) for guard in record.guards] == [(">", True)]
    assert record.bounds == ((1, 2),)


def test_the_same_function_traced_twice_gives_equal_records():
    def f(xs):
        return autograd.softmax([w * x for x in xs])

    one, two = trace(f, [0.5, 1.0]), trace(f, [2.0, 3.0])
    assert one.paths[0].record == two.paths[0].record
    assert one.paths[0].record != trace(lambda xs: xs, [0.5, 1.0]).paths[0].record


# ---------------------------------------------------------------- around it


def test_tracing_inside_no_grad_records():
    with autograd.no_grad():
        program = trace(lambda x: w * x, 1.0)
        assert modes
    assert program.value_and_grad([1.0, 3.0])[1].tolist() == [2.0]


def test_other_threads_do_not_notice_a_trace():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def elsewhere():
        inside.wait(10)
        y = w * z
        y.backward()
        seen.extend([y.data, float(y > 1.0)])
        with autograd.no_grad():
            seen.append((w * z).args)
        autograd.zero_grad([w, z])
        done.set()

    def f(x):
        y = x * w
        inside.set()
        assert done.wait(10)
        return y + 1.0

    thread = threading.Thread(target=elsewhere)
    thread.start()
    program = trace(f, 1.0)
    thread.join()
    assert seen == [6.0, 1.0, ()]
    assert len(program.paths[0].record.op) == 2
    assert not program.paths[0].record.guards


def test_programs_can_be_traced_in_many_threads_at_once():
    programs = {}

    def work(k):
        def f(xs):
            total = Value(float(k))
            for x in xs:
                total = total + w * x if x > k else total
            return total

        programs[k] = trace(f, [float(k + 1)] * 40, parameters=[w])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, program in programs.items():
        assert program([float(k + 1)] * 40) == k + 80.0 * (k + 1)


def test_dtype_must_be_one_of_two():
    for dtype in (np.float64, np.float32, "float32", float):
        assert isinstance(trace(lambda x: x, 1.0, dtype=dtype), Program)
    for dtype in (np.float16, int, complex, bool):
        with pytest.raises(ValueError, match="trace: dtype must be float64 or float32, got"):
            trace(lambda x: x, 1.0, dtype=dtype)


def test_tracing_leaves_gradients_alone():
    k = Value(2.0)
    (k * k).backward()
    trace(lambda x: k * x, 1.0).value_and_grad([1.0, 2.0])
    assert k.grad == 4.0
    fresh = Value(1.0)
    trace(lambda x: fresh * x, 1.0).value_and_grad([1.0, 2.0])
    assert not fresh.has_grad
