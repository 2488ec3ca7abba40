"""Learning-rate schedules at their boundaries."""

import itertools
import math

import numpy as np
import pytest

from nn.schedules import as_schedule, constant, cosine, linear, step_decay, warm_up

CASES = [
    (constant(0.3), {0: 0.3, 1: 0.3, 10**9: 0.3}),
    (step_decay(1.0, 10), {0: 1.0, 9: 1.0, 10: 0.1, 19: 0.1, 20: 0.01, 30: 1e-3}),
    (step_decay(0.8, 1, 0.5), {0: 0.8, 1: 0.4, 2: 0.2}),
    (linear(1.0, 4), {0: 1.0, 1: 0.75, 2: 0.5, 4: 0.0, 5: 0.0, 100: 0.0}),
    (linear(1.0, 4, 0.2), {0: 1.0, 2: 0.6, 4: 0.2, 5: 0.2}),
    (linear(0.1, 4, 0.5), {0: 0.1, 2: 0.3, 4: 0.5, 9: 0.5}),
    (cosine(1.0, 8), {0: 1.0, 2: 0.5 + math.sqrt(0.125), 4: 0.5, 6: 0.5 - math.sqrt(0.125), 8: 0.0, 9: 0.0}),
    (cosine(1.0, 6, 0.2), {0: 1.0, 2: 0.8, 3: 0.6, 4: 0.4, 6: 0.2, 7: 0.2}),
    (warm_up(1.0, 4), {0: 0.25, 1: 0.5, 2: 0.75, 3: 1.0, 4: 1.0, 50: 1.0}),
    (warm_up(0.5, 1), {0: 0.5, 1: 0.5}),
    (warm_up(linear(1.0, 4), 2), {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.75, 4: 0.5, 6: 0.0, 7: 0.0}),
    (warm_up(cosine(1.0, 2), 2), {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.5, 4: 0.0}),
    (warm_up(warm_up(1.0, 2), 2), {0: 0.25, 1: 0.5, 2: 0.5, 3: 1.0}),
]


@pytest.mark.parametrize(("schedule", "expected"), CASES)
def test_values(schedule, expected):
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("schedule", [linear(0.7, 50), cosine(0.7, 50), step_decay(0.7, 7), cosine(0.7, 50, 0.1)])
def test_a_decay_never_rises(schedule):
    rates = [schedule(step) for step in range(60)]
    assert rates[0] == 0.7
    assert all(a >= b for a, b in itertools.pairwise(rates))
    assert min(rates) >= 0.0


def test_a_number_is_a_constant_schedule_and_a_schedule_is_itself():
    assert as_schedule(0.25)(7) == 0.25
    own = {0: 0.5}.__getitem__
    assert as_schedule(own) is own


@pytest.mark.parametrize("wrong", [0.0, 0, -1.0, math.nan, math.inf, "1", None, True], ids=repr)
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (constant, "constant: rate"),
        (lambda x: step_decay(x, 10), "step_decay: rate"),
        (lambda x: step_decay(1.0, x), "step_decay: every"),
        (lambda x: step_decay(1.0, 10, x), "step_decay: factor"),
        (lambda x: linear(x, 10), "linear: rate"),
        (lambda x: linear(1.0, x), "linear: steps"),
        (lambda x: cosine(x, 10), "cosine: rate"),
        (lambda x: cosine(1.0, x), "cosine: steps"),
        (lambda x: warm_up(1.0, x), "warm_up: steps"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(make, told, wrong):
    with pytest.raises(ValueError, match=f"{told} must be a number > 0, got {wrong!r}"):
        make(wrong)


@pytest.mark.parametrize("make", [lambda final: linear(1.0, 10, final), lambda final: cosine(1.0, 10, final)])
@pytest.mark.parametrize("final", [-0.1, math.nan, math.inf])
def test_a_final_rate_must_not_go_uphill(make, final):
    with pytest.raises(ValueError, match="final"):
        make(final)


def test_numbers_may_come_from_numpy():
    assert linear(np.float32(0.5), np.int64(4))(np.int64(2)) == 0.25
