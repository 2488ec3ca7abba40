"""The backward pass as a plan: what holds for it is checked, it knows no batch size, and its steps can be read."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest

import autograd
from autograd import Value
from autograd.program import bind, path
from autograd.program.bind import Bound
from autograd.program.reverse import COTANGENT, Access, Schedule, Wanted, check, reverse
from autograd.program.steps import steps


def network() -> tuple[autograd.Program, list[Value]]:
    """Two layers, with sums, products and a square."""
    leaves = [Value(0.1 * k - 1.0) for k in range(20)]
    rows = [leaves[k : k + 4] for k in range(0, 16, 4)]

    def f(xs: Any) -> Any:
        hidden = [autograd.tanh(autograd.dot(row, xs) + b) for row, b in zip(rows, leaves[16:], strict=True)]
        return autograd.sum([h * h for h in hidden]) + autograd.logsumexp(hidden)

    return autograd.trace(f, [0.1] * 4, parameters=leaves), leaves


def schedule_of(program: autograd.Program) -> Schedule:
    return reverse(program.paths[0].plan, Wanted(by_parameters=True, by_inputs=True), len(program.parameters))


def with_operation(schedule: Schedule, k: int, **changes: Any) -> Schedule:
    operations = list(schedule.operations)
    operations[k] = replace(operations[k], **changes)
    return replace(schedule, operations=tuple(operations))


def test_faults_of_a_schedule_are_found() -> None:
    program, _ = network()
    schedule = schedule_of(program)
    check(schedule)
    operations = schedule.operations
    for k in range(len(operations)):
        o = operations[k]
        rows = set(o.out.rows(o.shape).ravel().tolist())
        used = [
            x.space == o.out.space and not rows.isdisjoint(x.rows(later.shape).ravel().tolist())
            for later in operations[k + 1 :]
            for x in later.operands
            if x is not None
        ]
        if any(used) and not o.backward:  # cotangents are there, as 0, before anything flows to them
            with pytest.raises(AssertionError, match=r"nothing has written|not there|read already"):
                check(replace(schedule, operations=(*operations[:k], *operations[k + 1 :], o)))
        if o.how == "+":
            with pytest.raises(AssertionError):
                check(with_operation(schedule, k, how="="))
        elif o.backward and o.kind == "pull" and o.out.space > COTANGENT:
            with pytest.raises(AssertionError, match="not there"):
                check(with_operation(schedule, k, how="+"))
    twice = next(k for k, o in enumerate(operations) if not o.backward)
    with pytest.raises(AssertionError, match="again"):
        check(replace(schedule, operations=(*operations[: twice + 1], *operations[twice:])))
    wide = next(k for k, o in enumerate(operations) if o.kind == "pull" and o.how == "=")
    with pytest.raises(AssertionError, match="no room for a batch"):
        check(with_operation(schedule, wide, out=Access(8, 0, operations[wide].out.strides)))


def test_a_new_batch_size_plans_nothing_again() -> None:
    program, _ = network()
    rows = np.random.default_rng(0).normal(size=(9, 4))
    with mock.patch.object(path, "NODE", 1e9):
        program.value_and_grad(rows)
        with mock.patch.object(bind, "reverse", wraps=reverse) as asked:
            with mock.patch("autograd.program.reverse._Planner", side_effect=AssertionError("planned again")):
                for n in (1, 2, 5):
                    program.value_and_grad(rows[:n])
            assert asked.call_count == 3


def test_schedules_go_with_their_plan() -> None:
    program, _ = network()
    schedule = weakref.ref(schedule_of(program))
    assert schedule() is schedule_of(program)
    del program
    gc.collect()
    assert schedule() is None


@pytest.mark.parametrize("wanted", [Wanted(True, True), Wanted(True, False, True), Wanted(False, True)])
def test_gradients_are_those_of_the_sweep(wanted: Wanted) -> None:
    program, leaves = network()
    rows = np.random.default_rng(1).normal(size=(5, 4))
    bound = Bound(program.paths[0].plan, 5, np.float64, program._theta, program.paths[0].frozen, wanted)
    bound.rows[:] = rows
    outputs, gradient, slopes = bound.run(1.0)
    for i, row in enumerate(rows):
        xs = [Value(x) for x in row.tolist()]
        for leaf in leaves:
            leaf.grad = 0.0
        y = program._f(xs)
        y.backward()
        assert outputs[0, i] == pytest.approx(y.data)
        if wanted.each:
            np.testing.assert_allclose(gradient[i], [leaf.grad for leaf in leaves])
        if wanted.by_inputs:
            np.testing.assert_allclose(slopes[i], [x.grad for x in xs])


def test_steps_are_printed() -> None:
    program, _ = network()
    text = program.steps(3)
    lines = text.splitlines()
    assert lines[0] == program._title()
    assert (
        "   %1 1 × 4 × 4 × 3: values[0: 12, 3, 0, 1] = matmul(parameters[0: 0, 4, 1, 0], inputs[0: 0, 0, 1, 8])"
        in lines
    )
    assert any("tanh'1(d_values[" in line for line in lines)
    assert any(" += copy(d_values[" in line for line in lines)
    assert sum(": d_parameters[" in line for line in lines) >= 3
    assert program.steps() != text
    with pytest.raises(ValueError, match="at least 1"):
        program.steps(0)


def test_steps_differ_in_size_only() -> None:
    program, _ = network()
    one, many = (steps(schedule_of(program), n, 8).steps for n in (4, 9))
    assert [(s.kind, s.row, s.place, s.how, s.equation) for s in one] == [
        (s.kind, s.row, s.place, s.how, s.equation) for s in many
    ]
    assert {s.shape[-1] for s in one if len(s.shape) > 1} <= {4, 1, 16}
