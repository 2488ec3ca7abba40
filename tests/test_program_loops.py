"""Steps in C do what NumPy does with the same steps: on all layouts, in any order; both what the table says."""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import TABLE
from autograd import primitives as table
from autograd.primitive import is_built_in
from autograd.program import blas, kernels, loops
from autograd.program.interpret import RAISED, STRANGE, Interpreted
from autograd.program.steps import Step, View

in_c = pytest.mark.skipif(autograd.engine() != "native", reason="loops are part of the native engine")
ROWS = [row for row in TABLE.values() if row.rule is None and is_built_in(row)]


def step_of(kind: str, shape: tuple[int, ...], out: View, *operands: View | None, **facts: Any) -> Step:
    given: dict[str, Any] = {"row": None, "place": 0, "how": "=", "equation": 1, "backward": False} | facts
    return Step(kind=kind, shape=shape, out=out, operands=operands, **given)


def in_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


class Memory:
    """Buffers, and views of new ones in random layouts."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.buffers = [np.zeros(1) for _ in range(12)]

    def view(self, shape: tuple[int, ...], still: tuple[int, ...] = ()) -> View:
        """A new buffer of numbers from 1/8 to 1: with gaps, axes in any order, and `still` ones that do not move."""
        order, gap = self.rng.permutation(len(shape)), int(self.rng.choice([1, 1, 2]))
        strides, size = [0] * len(shape), gap
        for axis in order:
            if axis not in still:
                strides[axis] = size
                size *= shape[axis]
        offset = int(self.rng.integers(0, 5))
        return self.new(self.rng.integers(1, 9, size + offset) / 8.0, tuple(strides), offset)

    def new(self, numbers: Any, strides: tuple[int, ...], offset: int = 0) -> View:
        self.buffers.append(np.asarray(numbers, float))
        return View(len(self.buffers) - 1, offset, strides)

    def after(self, steps: list[Step], run: Any) -> list[Any]:
        """The buffers after a run, which are copies."""
        buffers = [x.copy() for x in self.buffers]
        with np.errstate(all="ignore"):
            for runner in run(steps, buffers):
                runner()
        return buffers[: len(self.buffers)]


def by_numpy(steps: list[Step], buffers: list[Any]) -> list[Any]:
    return [Interpreted(step, buffers).runner() for step in steps]


def agree(memory: Memory, *steps: Step, rtol: float = 1e-14) -> None:
    """Steps as loops leave all buffers as NumPy does."""
    buffers = [x.copy() for x in memory.buffers]
    assert {type(x).__name__ for x in loops.runners(steps, buffers)} == {"Loops"}
    found, expected = (memory.after(list(steps), run) for run in (loops.runners, by_numpy))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-15)


SHAPES = [(), (1,), (7,), (3, 5), (2, 1, 4), (4, 3, 9), (40, 30), (3, 600), (2, 3, 2, 5)]


def facts_of(row: Any) -> list[tuple[str, int]]:
    return [("value", 0), *(("pull", k) for k, slope in enumerate(row.partials, 1) if slope != 0.0)]


@in_c
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_kernels_of_every_row(row: Any) -> None:
    memory = Memory(1)
    for kind, place in facts_of(row):
        for shape in SHAPES:
            for how in ("=", "+"):
                xs: list[View | None] = [memory.view(shape) for _ in range(row.arity)]
                if row.arity == 2 and shape:  # one number for all along an axis
                    xs[1] = memory.view(shape, still=(0,))
                if kind == "pull":
                    y, used = memory.view(shape), kernels.reads(row, place)
                    names = ("c", "y", *(f"x{i + 1}" for i in range(row.arity)))
                    xs = [
                        x if name in used else None for name, x in zip(names, (memory.view(shape), y, *xs), strict=True)
                    ]
                step = step_of(kind, shape, memory.view(shape), *xs, row=row, place=place, how=how)
                if math.prod(shape) <= loops.FEW:
                    agree(memory, step, rtol=1e-13)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_kernels_are_what_the_row_says(row: Any) -> None:
    """The value, and each partial derivative times the cotangent, number by number, by the row itself."""
    rng = np.random.default_rng(3)
    intervals = [*row.domain.samples, *row.domain.samples * row.arity][: row.arity]
    points = np.array([[rng.uniform(*interval) for interval in intervals] for _ in range(30)])
    if row is table.clip:
        points = np.sort(points, axis=1)[:, [1, 0, 2]]
    for kind, place in facts_of(row):
        values = [row.on_floats(point) for point in points.tolist()]
        expected = values
        if kind == "pull":
            slope = row.partials[place - 1]
            expected = [
                3.0 * float(slope(*point, y) if callable(slope) else slope)
                for point, y in zip(points.tolist(), values, strict=True)
            ]
        memory = Memory()
        xs: list[Any] = [memory.new(column, (1,)) for column in points.T]
        xs = [memory.new([3.0], (0,)), memory.new(values, (1,)), *xs] if kind == "pull" else xs
        out = memory.new(np.zeros(30), (1,))
        step = step_of(kind, (30,), out, *xs, row=row, place=place)
        for run in (loops.runners, by_numpy):
            np.testing.assert_allclose(memory.after([step], run)[out.buffer], expected, rtol=1e-12, atol=1e-300)


@in_c
@given(st.data())
@settings(max_examples=200, deadline=None)
def test_folds_along_any_axes(data: Any) -> None:
    memory = Memory(data.draw(st.integers(0, 999)))
    shape = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 8, 17]), min_size=1, max_size=3)))
    shape = (*shape, 600) if data.draw(st.booleans()) else shape
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1))))
    out, x = memory.view(shape, still=axes), memory.view(shape)
    how = data.draw(st.sampled_from(["+", "max"] + ["in order"] * (len(axes) == 1)))
    agree(memory, step_of("copy", shape, out, x, how=how), rtol=1e-13)
    if how == "+":
        agree(memory, step_of("value", shape, out, x, memory.view(shape), row=table.mul, how=how), rtol=1e-13)
        agree(memory, step_of("value", shape, out, x, row=table.neg, how=how), rtol=1e-13)


@in_c
def test_sums_in_order_are_to_the_last_bit_and_others_are_rounded_little() -> None:
    memory = Memory()
    x, out = memory.new(np.random.default_rng(2).normal(size=1001), (1,)), memory.new([0.0], (0,))
    step = step_of("copy", (1001,), out, x, how="in order")
    in_order = functools.reduce(operator.add, memory.buffers[x.buffer].tolist(), 0.0)  # sum() may round less
    assert memory.after([step], loops.runners)[out.buffer].item() == in_order
    x, out = memory.new(np.full(100_001, 0.1), (1,)), memory.new([0.0], (0,))
    total = memory.after([step_of("copy", (100_001,), out, x, how="+")], loops.runners)[out.buffer].item()
    assert abs(total - 10_000.1) < 1e-9


@in_c
@pytest.mark.parametrize("n", [None, 1, 3, 10])
@pytest.mark.parametrize("how", ["=", "+", "max"])
def test_steps_by_rows(n: int | None, how: str) -> None:
    memory, tail = Memory(3), () if n is None else (n,)
    many, once = np.array([3, 0, 11, 3, 7]), np.array([4, 2, 9])
    target = View(memory.view((12, *tail)).buffer, 0, (math.prod(tail), *(1,) * len(tail)))
    source = replace(target, buffer=memory.new(memory.rng.random(12 * math.prod(tail)), ()).buffer)
    agree(memory, step_of("copy", (5, *tail), memory.view((5, *tail)), replace(source, index=many), how=how))
    agree(memory, step_of("copy", (3, *tail), replace(target, index=once), memory.view((3, *tail)), how=how))
    agree(memory, step_of("zero", (3, *tail), replace(target, index=once)))
    if how != "=":  # the same row several times, from any rows
        step = step_of(
            "copy", (5, *tail), replace(target, index=many), replace(source, index=many[::-1].copy()), how=how
        )
        agree(memory, step)


@in_c
@given(st.data())
@settings(max_examples=200, deadline=None)
def test_products_of_matrices(data: Any) -> None:
    c = data.draw(st.integers(1, 3))
    m, k, r = (data.draw(st.sampled_from([1, 2, 3, 4, 5, 8, 13, 21, 40])) for _ in range(3))
    memory, shape = Memory(data.draw(st.integers(0, 99))), (c, m, k, r)
    x, y = memory.view((c, m, k)), memory.view((c, k, r))
    out = memory.new(np.zeros(c * m * r), (m * r, r, 0, 1))
    x, y = replace(x, strides=(*x.strides, 0)), replace(y, strides=(y.strides[0], 0, *y.strides[1:]))
    step = step_of("matmul", shape, out, x, y)
    found, expected = (memory.after([step], run)[out.buffer] for run in (loops.runners, by_numpy))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@in_c
@pytest.mark.parametrize("shape", [(1, 300, 300), (300, 300, 1), (3, 500, 40), (40, 500, 2), (1, 30_000, 1), (2, 9, 7)])
def test_thin_products_are_loops_however_large(shape: tuple[int, int, int]) -> None:
    m, k, r = shape
    for turned_x in (False, True):
        for turned_y in (False, True):
            memory = Memory(5)
            x = memory.new(memory.rng.random(m * k), (0, 1, m, 0) if turned_x else (0, k, 1, 0))
            y = memory.new(memory.rng.random(k * r), (0, 0, 1, k) if turned_y else (0, 0, r, 1))
            agree(memory, step_of("matmul", (1, m, k, r), memory.new(np.zeros(m * r), (0, r, 0, 1)), x, y), rtol=1e-12)


@in_c
@given(st.data())
@settings(max_examples=300, deadline=None)
def test_long_steps_in_blocks_are_as_one_after_the_other(data: Any) -> None:
    """Steps on pieces of one piece of memory, shifted or not, written and read in any order."""
    size = 6000
    memory = Memory()
    whole = memory.new(np.random.default_rng(0).random(4 * size), (1,)).buffer
    places = st.sampled_from([0, 1, 8, size, size + 1, 2 * size, 2 * size + 8, 3 * size - 1])
    kinds = st.sampled_from(["add", "mul", "on", "products", "sum", "number", "columns", "short", "gaps"])
    steps = []
    for kind in data.draw(st.lists(kinds, min_size=2, max_size=8)):
        out, x, y = (View(whole, data.draw(places), (1,)) for _ in range(3))
        shifted = any(0 < abs(out.offset - z.offset) < size for z in (x, y))
        if not (shifted and kind in ("add", "mul", "on", "products", "columns")):  # else it writes what it is to read
            steps.append(drawn_step(kind, size, out, x, y))
    if steps:
        found, expected = (memory.after(steps, run) for run in (loops.runners, one_by_one))
        np.testing.assert_allclose(found[whole], expected[whole], rtol=1e-12)


def drawn_step(kind: str, size: int, out: View, x: View, y: View) -> Step:
    """A step of that kind, on `size` numbers or fewer, in memory four times as long."""
    whole = out.buffer
    last = View(whole, 4 * size - 8, (0,))
    start = View(whole, 0, (1,))
    match kind:
        case "add" | "mul":
            return step_of("value", (size,), out, x, y, row=TABLE[kind])
        case "on":
            return step_of("value", (size,), out, x, row=table.neg, how="+")
        case "products":
            return step_of("value", (size,), out, x, y, row=table.mul, how="+")
        case "sum":
            return step_of("copy", (size,), last, x, how="+")
        case "number":
            return step_of("value", (size,), start, start, last, row=table.mul)
        case "short":
            return step_of("value", (100,), x, x, row=table.neg)
        case "gaps":
            views = View(whole, 0, (2,)), View(whole, 2 * size, (2,))
            return step_of("value", (size // 2,), *views, row=table.neg)
    columns = (replace(view, strides=(3, 1)) for view in (out, x))
    return step_of("value", (size // 3, 3), *columns, row=table.neg)


def one_by_one(steps: list[Step], buffers: list[Any]) -> list[Any]:
    return [runner for step in steps for runner in loops.runners([step], buffers)]


@in_c
def test_what_is_not_finite_is_told_of() -> None:
    memory = Memory()
    x, out = memory.new([1.0, 0.0, 4.0], (1,)), memory.new(np.zeros(3), (1,))
    big, strange = memory.new([1.0, 1e308, -4.0], (1,)), memory.new([1.0, math.inf, 1.0], (1,))
    one = memory.new([1.0], (0,))
    for expected, row, operands in [
        (0, table.add, (x, x)), (RAISED, table.div, (one, x)), (RAISED, table.log, (x,)), (RAISED, table.sqrt, (big,)),
        (RAISED, table.exp, (big,)), (RAISED, table.mul, (big, big)), (0, table.add, (strange, strange)),
        (STRANGE, table.tanh, (strange,)), (STRANGE, table.relu, (strange,)), (STRANGE, table.div, (x, strange)),
    ]:  # fmt: skip
        step = step_of("value", (3,), out, *operands, row=row)
        (runner,) = loops.runners([step], memory.buffers)
        assert runner() & (expected or -1) == expected  # an infinite operand may raise as well
        told: list[int] = []
        with np.errstate(all="call", call=lambda *_: told.append(RAISED)):  # noqa: B023
            found = Interpreted(step, memory.buffers)()
        assert (found | max(told, default=0)) & (expected or -1) == expected


def ulps(found: float, wanted: Any) -> float:
    return abs(float((mpmath.mpf(found) - wanted) / np.spacing(abs(float(wanted)) or 5e-324)))


ENDS = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    1e-300,
    -1e-300,
    1e-17,
    -1e-17,
    0.34657359,
    -0.34657359,
    19.06,
    -22.0,
    709.78,
    -745.1,
]
EXPONENTIALS = {
    "exp": mpmath.exp,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh_slope": lambda x: mpmath.sech(x) ** 2,
    "sigmoid_slope": lambda x: 1 / (1 + mpmath.exp(-x)) / (1 + mpmath.exp(x)),
}


def value_in_c(name: str, x: Any) -> tuple[Any, int]:
    memory = Memory()
    at, out = memory.new(x, (1,)), memory.new(np.zeros(len(x)), (1,))
    told = loops.Loops([step_of("value", (len(x),), out, at, row=TABLE[name])], memory.buffers, set())()
    return memory.buffers[out.buffer], told


@in_c
@pytest.mark.parametrize("name", EXPONENTIALS)
def test_exponentials_of_several_numbers_at_once(name: str) -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [ENDS, rng.uniform(-745.0, 709.7, 1000), rng.uniform(-2.0, 2.0, 1000), 1e-4 * rng.normal(size=99)]
    )
    found, told = value_in_c(name, x)
    assert told == 0
    with mpmath.workprec(2200):
        assert max(ulps(y, EXPONENTIALS[name](mpmath.mpf(at))) for y, at in zip(found, x, strict=True)) < 4.0
    if name == "tanh":
        assert np.signbit(value_in_c(name, [0.0, -0.0])[0]).tolist() == [False, True]


@in_c
@pytest.mark.parametrize("name", EXPONENTIALS)
def test_exponentials_hand_on_what_is_no_number(name: str) -> None:
    assert not np.isfinite(value_in_c(name, [np.nan, -np.nan, np.inf, -np.inf])[0]).any()
    assert value_in_c("exp", [709.79, 1e300])[1] == RAISED


def test_what_has_no_loop_stays_with_numpy(own_rows: Any) -> None:
    memory = Memory()
    x, long = memory.new(np.ones(3), (1,)), memory.new(np.ones(5000), (1,))
    cube = autograd.primitive("cube", lambda x: x**3, None, lambda x, y: 3.0 * x * x)
    large = memory.new(np.ones(10_000), (0, 100, 1, 0))
    steps = [
        step_of("value", (3,), x, x, row=cube), step_of("pull", (3,), x, x, None, x, row=cube, place=1),
        step_of("value", (5000,), long, long, row=table.log),
        step_of("matmul", (1, 100, 100, 100), memory.new(np.ones(10_000), (0, 100, 0, 1)), large,
                replace(large, strides=(0, 0, 100, 1))),
    ]  # fmt: skip
    assert len(loops.runners(steps, memory.buffers)) == 4
    assert "Loops" not in {type(runner).__name__ for runner in loops.runners(steps, memory.buffers)}
    narrow = [buffer.astype(np.float32) for buffer in memory.buffers]
    steps = [step_of("value", (3,), x, x, row=table.neg)]
    assert type(loops.runners(steps, narrow)[0]).__name__ != "Loops"


@in_c
def test_no_step_reaches_beyond_a_buffer() -> None:
    memory = Memory()
    x = memory.new(np.ones(3), (1,))
    for view in (replace(x, offset=1), replace(x, strides=(2,)), replace(x, offset=1, strides=(-1,))):
        with pytest.raises(AssertionError, match="beyond"):
            loops.runners([step_of("value", (3,), x, view, row=table.neg)], memory.buffers)


def test_a_part_that_a_formula_uses_twice_is_computed_once() -> None:
    for row, place in ((table.sigmoid, 0), (table.sigmoid, 1), (table.tanh, 1)):
        assert kernels.source(row, place, (), np.dtype(float))[0].count("np.exp(") == 1


def test_a_constant_argument_makes_a_formula_shorter() -> None:
    general, cubed = (kernels.source(table.pow, 1, constants, np.dtype(float))[0] for constants in ((), (None, 3.0)))
    assert general.count("np.power(") == 4
    assert cubed.count("np.power(") == 1
    assert "np.where" not in cubed


def test_products_of_middle_size_are_held_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(blas, "_switch", lambda: (lambda: 4, told.append))
    x = np.ones((1, 80, 80))
    product = blas.Product(x, x, np.empty((1, 80, 80)))
    product()
    assert told == [1, 4]
    assert (product.out == 80.0).all()
    for shape in ((1, 10, 10), (1, 200, 200)):  # BLAS does it alone; several threads pay
        blas.Product(np.ones(shape), np.ones(shape), np.empty(shape))()
    assert told == [1, 4]


def test_the_number_of_threads_is_what_it_was() -> None:
    switch = blas._switch()
    if switch is None:
        pytest.skip("NumPy's BLAS has no switch")
    before = switch[0]()
    x = np.ones((1, 80, 80))
    blas.Product(x, x, np.empty((1, 80, 80)))()
    assert switch[0]() == before
