"""Random expressions with shared parts, against mpmath at 50 digits and against the rules of calculus.

mpmath computes the value and takes differences with a step of 1e-20: it knows nothing of our partial derivatives.
"""

import math
from typing import NamedTuple

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import DIGITS, REFERENCE, ROWS, call, intervals

import autograd
from autograd import Value, check_gradients, grad, topological

# stop_gradient is tested by itself: no difference sees it.
USABLE = [row for row in ROWS if row.name != "stop_gradient"]


class Step(NamedTuple):
    """One operation: arguments are numbers, or places in the list of results so far."""

    name: str
    args: tuple[int | float, ...]


class Program(NamedTuple):
    point: tuple[float, ...]
    steps: tuple[Step, ...]

    def run(self, leaves, apply):
        """The results of all steps; `apply` gives a row its meaning: ours or mpmath's."""
        results = list(leaves)
        for name, args in self.steps:
            results.append(apply(name, [results[arg] if type(arg) is int else arg for arg in args]))
        return results


def on_ours(name, args):
    return call(autograd.TABLE[name], args)


def on_mpmath(name, args):
    return REFERENCE[name](*(mpmath.mpf(arg) for arg in args))


@st.composite
def programs(draw, max_steps=8):
    point = tuple(draw(st.lists(st.floats(-2.0, 2.0).map(lambda x: round(x, 3)), min_size=1, max_size=4)))
    values, steps = list(point), []

    def add(name, args):
        operands = [values[arg] if type(arg) is int else arg for arg in args]
        steps.append(Step(name, tuple(args)))
        values.append(on_ours(name, operands))
        return len(values) - 1

    def squeezed(arg, low, high):
        """A place whose value lies in the interval: the argument itself, or a sigmoid of it."""
        if low <= values[arg] <= high:
            return arg
        return add("add", [low, add("mul", [high - low, add("sigmoid", [arg])])])

    for _ in range(draw(st.integers(1, max_steps))):
        row = draw(st.sampled_from(USABLE))
        args = []
        for low, high in intervals(row):
            constant = draw(st.integers(0, 5)) == 0
            args.append(
                round(draw(st.floats(low, high)), 3) if constant
                else squeezed(draw(st.integers(0, len(values) - 1)), low, high)
            )  # fmt: skip
        operands = [values[arg] if type(arg) is int else arg for arg in args]
        # Near a kink a difference says nothing: take another operation there.
        near_kink = row.kink is not None and abs(row.kink.distance(*operands)) < 1e-3
        inside = row.domain.contains(*operands) and all(math.isfinite(x) for x in operands)
        if near_kink or not inside:
            add("sum", args)
        else:
            add(row.name, args)
    return Program(point, tuple(steps))


def traced(program):
    leaves = [Value(x) for x in program.point]
    return leaves, program.run(leaves, on_ours)[-1]


def scales(root):
    """For each node the sum of |path| over all paths to the root: what rounding is measured against."""
    scale = {root: 1.0}
    for value in reversed(topological(root)):
        if value.primitive is None:
            continue
        operands = [getattr(arg, "data", arg) for arg in value.args]
        for arg, partial in zip(value.args, value.primitive.local_derivatives(operands, value.data), strict=True):
            if isinstance(arg, Value):
                scale[arg] = scale.get(arg, 0.0) + scale.get(value, 0.0) * abs(partial)
    return scale


@given(programs())
@settings(max_examples=300)
def test_value_and_gradient_against_mpmath(program):
    leaves, y = traced(program)
    if isinstance(y, float):  # every argument was a constant
        return
    y.backward()
    with mpmath.workdps(DIGITS + 10):
        step = mpmath.mpf(10) ** -20
        exact = [mpmath.mpf(x) for x in program.point]
        at = lambda xs: program.run(xs, on_mpmath)[-1]  # noqa: E731
        value = at(exact)
        slopes = [
            (at([*exact[:i], x + step, *exact[i + 1 :]]) - at([*exact[:i], x - step, *exact[i + 1 :]])) / (2 * step)
            for i, x in enumerate(exact)
        ]
    scale = scales(y)
    size = 1.0 + sum(scale.get(v, 0.0) * abs(v.data) for v in topological(y))
    assert y.data == pytest.approx(float(value), abs=1e-13 * size)
    for leaf, wanted in zip(leaves, slopes, strict=True):
        # A slope of a node bends too: its operands carry rounding errors that the size accounts for.
        assert leaf.grad == pytest.approx(float(wanted), rel=1e-9, abs=1e-12 * size * (1.0 + scale.get(leaf, 0.0)))


@given(programs(max_steps=5))
@settings(max_examples=100)
def test_gradient_of_a_gradient_against_mpmath(program):
    leaves, y = traced(program)
    if isinstance(y, float):
        return
    x = leaves[0]
    firsts = grad(y, leaves, create_graph=True)
    assert [g.data for g in firsts] == grad(y, leaves)
    found = grad(firsts[0], x)
    with mpmath.workdps(DIGITS + 30):
        step = mpmath.mpf(10) ** -20
        rest = [mpmath.mpf(x) for x in program.point[1:]]
        at = lambda x: program.run([x, *rest], on_mpmath)[-1]  # noqa: E731
        x0 = mpmath.mpf(program.point[0])
        wanted = float((at(x0 + step) - 2 * at(x0) + at(x0 - step)) / step**2)
    first_sizes, y_sizes = (sum(s * abs(v.data) for v, s in scales(root).items()) for root in (firsts[0], y))
    assert found == pytest.approx(wanted, rel=1e-7, abs=1e-10 * (1.0 + first_sizes + y_sizes) ** 2)


@given(programs(max_steps=4))
@settings(max_examples=60)
def test_agrees_with_check_gradients_where_that_is_accurate(program):
    _, y = traced(program)
    if isinstance(y, float):
        return
    scale = scales(y)
    if max(scale.values()) > 20.0 or any(v.primitive and v.primitive.kink for v in topological(y)):
        return  # too steep for a difference in floats, or a step could cross a kink
    check_gradients(lambda *xs: program.run(xs, on_ours)[-1], *program.point, rtol=1e-4, atol=1e-5)


@given(programs())
@settings(max_examples=100)
def test_forward_mode_by_the_same_partials_gives_the_same(program):
    leaves, y = traced(program)
    if isinstance(y, float):
        return
    reverse = grad(y, leaves)
    for leaf, wanted in zip(leaves, reverse, strict=True):
        tangents = {leaf: 1.0}
        for value in topological(y):
            if value.primitive is None:
                continue
            operands = [getattr(arg, "data", arg) for arg in value.args]
            partials = value.primitive.local_derivatives(operands, value.data)
            tangents[value] = sum(
                partial * tangents.get(arg, 0.0)
                for arg, partial in zip(value.args, partials, strict=True)
                if isinstance(arg, Value) and tangents.get(arg, 0.0)
            )
        size = scales(y).get(leaf, 0.0)
        assert tangents.get(y, 0.0) == pytest.approx(wanted, rel=1e-12, abs=1e-13 * (1.0 + size))


@given(programs(), st.floats(-100.0, 100.0))
@settings(max_examples=60)
def test_the_gradient_is_linear_in_the_seed(program, seed):
    leaves, y = traced(program)
    if isinstance(y, float):
        return
    size = max(scales(y).values())
    for g, one in zip(grad(y, leaves, seed=seed), grad(y, leaves), strict=True):
        assert g == pytest.approx(seed * one, rel=1e-12, abs=1e-13 * size * abs(seed) + 1e-300)
    assert grad(y, leaves, seed=-2.0) == [-2.0 * one for one in grad(y, leaves)]


@given(programs())
@settings(max_examples=60)
def test_backward_twice_grad_and_contributions_agree(program):
    leaves, y = traced(program)
    if isinstance(y, float):
        return
    y.backward()
    once = {value: value.grad for value in topological(y)}
    assert [once.get(leaf, 0.0) for leaf in leaves] == grad(y, leaves)
    y.backward()
    for value, before in once.items():
        assert value.grad == (2 * before if value.is_leaf else before)
    # What a drawing shows: contributions into a node add up to its gradient.
    into = dict.fromkeys(once, 0.0)
    into[y] = 1.0
    for value in once:
        if value.primitive:
            operands = [getattr(arg, "data", arg) for arg in value.args]
            for arg, partial in zip(value.args, value.primitive.local_derivatives(operands, value.data), strict=True):
                if isinstance(arg, Value) and once[value]:
                    into[arg] += once[value] * partial
    scale = scales(y)
    for value, total in into.items():
        assert total == pytest.approx(once[value], rel=1e-12, abs=1e-13 * (1.0 + scale.get(value, 0.0)))


@given(programs())
@settings(max_examples=30)
def test_arithmetic_on_floats_gives_the_same_bits_as_on_values(program):
    _, y = traced(program)
    assert getattr(y, "data", y) == program.run(program.point, on_ours)[-1]
