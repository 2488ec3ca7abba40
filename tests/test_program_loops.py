"""Loops in C do what the calls of NumPy do that they stand for: on all layouts, in any order, errors included."""

from __future__ import annotations

from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

import autograd
from autograd.program import loops
from autograd.program.bind import Bound, Wanted
from autograd.program.loops import (
    add_batch,
    add_product,
    add_rows,
    add_stretches,
    double_product,
    faster,
    product,
    put_rows,
    sum_products,
    take_rows,
)  # fmt: skip

pytestmark = pytest.mark.skipif(autograd.engine() != "native", reason="loops are part of the native engine")


def ufuncs() -> list[Any]:
    """The functions of NumPy that there are loops for."""
    return [f for name in loops.OPS if isinstance(f := getattr(np, name, None), np.ufunc) and f is not np.matmul]


def numbers(rng: Any, *shape: int) -> Any:
    """Positive and no larger than 1, so that every function has a value."""
    return rng.integers(1, 9, shape) / 8.0


def laid_out(rng: Any, *shape: int) -> Any:
    """Numbers of a shape in one of the layouts of a view: in order, with gaps, turned around, with its axes swapped."""
    ndim = len(shape)
    order = rng.permutation(ndim)
    gaps = rng.integers(1, 3, ndim)
    whole = numbers(rng, *(shape[axis] * gap for axis, gap in zip(order, gaps, strict=True)))
    view = whole[tuple(slice(None, None, gap) for gap in gaps)].transpose(np.argsort(order))
    return view[tuple(slice(None, None, int(rng.choice([1, 1, -1]))) for _ in shape)]


def twin(x: Any) -> Any:
    """A copy that lies in its memory as the original does."""
    if not isinstance(x, np.ndarray):
        return x
    whole = x if x.base is None else x.base
    return np.ndarray(x.shape, x.dtype, whole.copy(), x.ctypes.data - whole.ctypes.data, x.strides)


def is_a_loop(steps: list[Any]) -> bool:
    return len(steps) == 1 and type(steps[0]).__name__ == "Loops"


def agrees(f: Any, *args: Any, exact: bool = True, **named: Any) -> None:
    """A step as a loop leaves all its arrays as the step itself does."""
    there, here = ((list(map(twin, args)), {key: twin(x) for key, x in named.items()}) for _ in range(2))
    f(*there[0], **there[1])
    steps = faster([partial(f, *here[0], **here[1])])
    assert is_a_loop(steps)
    assert steps[0]() is False
    for x, y in zip([*here[0], *here[1].values()], [*there[0], *there[1].values()], strict=True):
        if x is not here[1].get("scratch"):
            np.testing.assert_allclose(x, y, rtol=0 if exact else 1e-14, atol=0 if exact else 1e-15)


SHAPES = [(), (1,), (7,), (3, 5), (2, 1, 4), (4, 3, 9), (2, 3, 2, 5)]


@pytest.mark.parametrize("ufunc", ufuncs(), ids=lambda f: f.__name__)
def test_functions_of_numpy(ufunc: Any) -> None:
    rng = np.random.default_rng(1)
    for shape in SHAPES * 3:
        operands = [laid_out(rng, *shape) for _ in range(ufunc.nin)]
        dtype = bool if ufunc.__name__ in loops.COMPARISONS else float
        exact = ufunc.__name__ not in loops.TRANSCENDENTAL | {"exp", "tanh", "arcsin", "arccos", "arctan"}
        agrees(ufunc, *operands, out=np.zeros(shape, dtype), exact=exact)
        for axis in range(len(shape)):  # one number for all along an axis; a plain number
            narrow = operands[0][tuple(slice(1) if i == axis else slice(None) for i in range(len(shape)))]
            agrees(ufunc, *[narrow, *operands[1:]][: ufunc.nin], out=np.zeros(shape, dtype), exact=exact)
        if ufunc.nin == 2:
            agrees(ufunc, 0.5, operands[1], out=np.zeros(shape, dtype), exact=exact)
            agrees(ufunc, operands[0], 0.5, out=np.zeros(shape, dtype), exact=exact)


def test_every_primitive_has_its_functions_here_or_in_numpy() -> None:
    assert {"add", "multiply", "divide", "exp", "tanh", "maximum", "sign"} <= {f.__name__ for f in ufuncs()}


@pytest.mark.parametrize("shape", [(4, 3), (1, 5), (6, 9, 1), (3, 20, 4), (2, 5, 3, 4)])
@pytest.mark.parametrize("ufunc", [np.add, np.maximum])
def test_folds_along_every_axis(ufunc: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    for axis in range(len(shape)):
        x = laid_out(rng, *shape) - 0.5
        out = np.zeros([size for i, size in enumerate(shape) if i != axis])
        agrees(ufunc.reduce, x, axis=axis, out=out)
        agrees(ufunc.reduce, x, axis=(axis,), keepdims=True, out=np.expand_dims(out, axis))


def test_sums_keep_the_sign_of_zero_and_are_rounded_little() -> None:
    out = np.ones((2, 1))
    assert np.signbit(run(np.add.reduce, np.full((2, 3, 1), -0.0), axis=1, out=out)).all()
    x = np.full((1, 100_001, 1), 0.1)
    total = run(np.add.reduce, x, axis=1, out=np.zeros((1, 1)))
    assert abs(total.item() - 10_000.1) < 1e-8


def run(f: Any, *args: Any, **named: Any) -> Any:
    faster([partial(f, *args, **named)])[0]()
    return named["out"]


@pytest.mark.parametrize("n", [1, 3, 10])
def test_steps_by_rows(n: int) -> None:
    rng = np.random.default_rng(3)
    x, rows = numbers(rng, 12, n), np.array([3, 0, 11, 3, 7])
    agrees(take_rows, rows, x, out=np.zeros((5, n)))
    once = np.array([4, 2, 9])
    agrees(put_rows, x, once, numbers(rng, 3, n))
    agrees(put_rows, x, once, 0.0)
    agrees(add_rows, x, once, numbers(rng, 3, n))
    for starts in ([0], [0, 1, 5, 6], list(range(12))):
        out = np.zeros((len(starts), n))
        agrees(add_stretches, np.array(starts), x, out=out)
        agrees(np.maximum.reduceat, x, np.array(starts), axis=0, out=out)
    agrees(add_batch, numbers(rng, 4, 3, n), out=np.zeros((4, 3, 1)))


def test_products() -> None:
    rng = np.random.default_rng(4)
    x, y, one = numbers(rng, 6, 10), numbers(rng, 6, 10), numbers(rng, 6, 1)
    for second in (y, one):
        agrees(double_product, x, second, out=np.zeros((6, 10)))
        agrees(add_product, x, second, out=numbers(rng, 6, 10), scratch=np.zeros((6, 10)))
    agrees(
        sum_products,
        laid_out(rng, 4, 30, 1),
        laid_out(rng, 4, 30, 1),
        out=np.zeros((4, 1)),
        scratch=np.zeros((4, 30, 1)),
    )
    agrees(np.copyto, numbers(rng, 6, 10), 2.0 * y, where=y > 0.5)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_matrix_products(data: Any) -> None:
    m, k, r = (data.draw(st.integers(1, 21)) for _ in range(3))
    stack = data.draw(st.sampled_from([(), (3,), (2, 3)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    a, b, out = laid_out(rng, *stack, m, k), laid_out(rng, *stack, k, r), np.zeros((*stack, m, r))
    agrees_nearly(a, b, out)


@pytest.mark.parametrize("shape", [(1, 300, 300), (300, 300, 1), (3, 500, 40), (40, 500, 2), (1, 30_000, 1), (2, 9, 7)])
def test_thin_products_are_loops_however_large(shape: tuple[int, int, int]) -> None:
    m, k, r = shape
    rng = np.random.default_rng(5)
    for a in (numbers(rng, m, k), numbers(rng, k, m).T):
        for b in (numbers(rng, k, r), numbers(rng, r, k).T):
            agrees_nearly(a, b, np.zeros((m, r)))
            agrees_nearly(a, b, np.zeros((r, m)).T)


def agrees_nearly(a: Any, b: Any, out: Any) -> None:
    steps = faster([partial(product, a, b, out)])
    assert is_a_loop(steps)
    expected = np.matmul(a, b)
    steps[0]()
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    product(a, b, out)
    np.testing.assert_allclose(out, expected, rtol=1e-13)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_long_steps_in_blocks_are_as_one_after_the_other(data: Any) -> None:
    """Steps on pieces of one piece of memory, shifted or not, written and read in any order."""
    size = 6000
    here = np.random.default_rng(0).random(4 * size)
    there = here.copy()
    places = st.sampled_from([0, 1, 8, size, size + 1, 2 * size, 2 * size + 8, 3 * size - 1])
    kinds = st.sampled_from(
        ["add", "multiply", "double", "products", "sum", "number", "columns", "twisted", "windows", "short", "halves"]
    )
    steps: list[list[Any]] = [[], []]
    for kind in data.draw(st.lists(kinds, min_size=2, max_size=8)):
        i, j, k = (data.draw(places) for _ in range(3))
        for memory, mine in zip((here, there), steps, strict=True):
            out, x, y = (memory[start : start + size] for start in (i, j, k))
            match kind:
                case "add" | "multiply":
                    mine.append(partial(getattr(np, kind), x, y, out=out))
                case "double":
                    mine.append(partial(np.multiply, x, 0.5, out))
                case "products":
                    mine.append(partial(add_product, x, y, out=out, scratch=np.empty(size)))
                case "sum":
                    mine.append(partial(np.add.reduce, x[None], axis=1, out=memory[4 * size - 8 :][:1]))
                case "number":
                    mine.append(partial(np.add, x, memory[4 * size - 8], out=out))
                    mine.append(partial(np.multiply, memory[i : i + 1], 0.25, memory[i : i + 1]))
                case "short":
                    mine.append(partial(np.multiply, x[:100], 0.25, x[:100]))
                case "halves":
                    mine.append(partial(np.multiply, x[: size // 2], 0.5, out[: size // 2]))
                    mine.append(partial(np.multiply, x[::2], 0.5, out[::2]))
                case "columns":
                    mine.append(partial(np.multiply, x.reshape(-1, 3), 0.75, out.reshape(-1, 3)))
                case _:  # rows that reach into each other's range
                    columns = 8 if kind == "windows" else 8 * (size // 3)
                    turned = as_strided(memory[j:], (size // 3, 3), (8, columns))
                    target = as_strided(memory[i:], (size // 3, 3), (8, 8 * (size // 3)))
                    mine.append(partial(np.multiply, turned, 0.75, target))
    for step in faster(steps[0]):
        step()
    for step in steps[1]:
        step()
    np.testing.assert_allclose(here, there, rtol=1e-12)


def test_exceptions_are_told_of_once() -> None:
    x, out = np.array([1.0, 0.0, 4.0]), np.zeros(3)
    (fine,) = faster([partial(np.add, x, x, out=out)])
    for f, args in [(np.divide, (1.0, x)), (np.log, (x,)), (np.sqrt, (-x,)), (np.exp, (1000.0 * x,))]:
        (wrong,) = faster([partial(f, *args, out=out)])
        assert wrong() is True
        assert fine() is False


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
KERNELS = {
    "exp": lambda x: mpmath.exp(x),
    "tanh": lambda x: mpmath.tanh(x),
    "value_of_sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "slope_of_tanh": lambda x: mpmath.sech(x) ** 2,
    "slope_of_sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)) / (1 + mpmath.exp(x)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_exponentials_of_several_numbers_at_once(name: str) -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [ENDS, rng.uniform(-745.0, 709.7, 1000), rng.uniform(-2.0, 2.0, 1000), 1e-4 * rng.normal(size=99)]
    )
    y, out = np.zeros_like(x), np.zeros_like(x)
    operands = (x, y) if name.startswith("slope") else (x,)
    assert not loops.Loops([(loops.OPS[name], (out, *operands), (None,) * (1 + len(operands)))])()
    with mpmath.workprec(2200):
        assert max(ulps(found, KERNELS[name](mpmath.mpf(at))) for found, at in zip(out, x, strict=True)) < 4.0
    zeros = np.array([0.0, -0.0])
    if name == "tanh":
        (step,) = faster([partial(np.tanh, zeros.copy(), out=zeros)])
        step()
        assert np.signbit(zeros).tolist() == [False, True]


@pytest.mark.parametrize("name", KERNELS)
def test_exponentials_hand_on_what_is_no_number(name: str) -> None:
    x, out = np.array([np.nan, -np.nan, np.inf, -np.inf]), np.zeros(4)
    operands = (x, x) if name.startswith("slope") else (x,)
    loops.Loops([(loops.OPS[name], (out, *operands), (None,) * (1 + len(operands)))])()
    assert not np.isfinite(out).any()
    big, out = np.array([709.79, 1e300]), np.zeros(2)
    (step,) = faster([partial(np.exp, big, out=out)])
    assert step() is True


def test_what_has_no_loop_stays_the_call_that_it_is() -> None:
    x32, x = np.ones(3, np.float32), np.ones(3)
    shifted = np.ones(5)
    steps = [
        partial(np.add, x32, x32, out=x32), partial(np.hypot, x, x, out=x),
        partial(np.log, np.ones(5000), out=np.ones(5000)), partial(np.add, shifted[1:], 1.0, out=shifted[:-1]),
    ]  # fmt: skip
    square, swapped = np.ones((4, 1)), np.ones(3).astype(">f8")
    steps += [
        partial(np.add.reduce, np.broadcast_to(x[:, None], (3, 2)), axis=1, out=x),
        partial(np.add.reduce, square, axis=1, out=square[:, 0]),
        partial(sum_products, x[:, None, None], x[:, None, None], out=x[:, None], scratch=np.ones((3, 1, 1))),
        partial(put_rows, square, np.array([1, 2]), square[:2]),
        partial(np.add, swapped, swapped, out=swapped),
    ]
    assert faster(steps) == steps


def test_a_part_that_a_formula_uses_twice_is_computed_once() -> None:
    path = autograd.trace(lambda x: autograd.sigmoid(x), 1.0).paths[0]
    bound = Bound(path.plan, 3, np.dtype(np.float32), np.zeros(0), path.frozen, Wanted(by_inputs=True))
    assert [step.func for step in bound.forward].count(np.exp) == 1
    assert [step.func for step in bound.backward].count(np.exp) == 1
