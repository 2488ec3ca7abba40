"""Values without programs: small formulas, a step of training on moons, a GPT of scalars."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import black_scholes
import microgpt
import moons
from formulas import OPTION, POINT, formula
from jobs import QUICK, Job, one

POINTS = 10 if QUICK else moons.POINTS
NAMES = microgpt.NAMES[:2] if QUICK else microgpt.NAMES

Formula = Callable[..., Any]


def by_floats(f: Formula, at: tuple[float, ...]) -> Job:
    """The value alone."""
    a, b, c, d, e = at
    return Job(lambda: (f(a, b, c, d, e, math), []), lambda: f(a, b, c, d, e, math))


def by_backward(f: Formula, at: tuple[float, ...]) -> Job:
    """Value and gradient, through Values and backward()."""
    import autograd
    from autograd import Value

    def step() -> tuple[float, tuple[float, ...]]:
        a, b, c, d, e = map(Value, at)
        y = f(a, b, c, d, e, autograd)
        y.backward()
        return y.data, (a.grad, b.grad, c.grad, d.grad, e.grad)

    return one(step)


def by_transform(f: Formula, at: tuple[float, ...]) -> Job:
    """Value and gradient, through value_and_grad."""
    import autograd

    gradient = autograd.value_and_grad(functools.partial(f, m=autograd))
    return one(lambda: gradient(*at))


def moons_on_values() -> Job:
    from autograd import Value

    return one(moons.on_values(Value, POINTS))


def moons_on_floats() -> Job:
    value = moons.on_floats(POINTS)
    return Job(lambda: (value(), []), value)


def moons_on_duals() -> Job:
    """Forward mode in C, all parameters at once."""
    import fastdual

    xs, ys, plain = moons.numbers(POINTS)

    def step() -> tuple[float, list[float]]:
        fastdual.reset()
        layers = [[([fastdual.Dual(w) for w in ws], fastdual.Dual(b)) for ws, b in layer] for layer in plain]
        parameters = [p for layer in layers for ws, b in layer for p in [*ws, b]]
        loss = moons.total_loss(layers, xs, ys, lambda z: z if z.val > 0.0 else z * 0.0)
        return loss.val, [fastdual.der(loss, p) for p in parameters]

    return one(step)


def microgpt_on(value: Callable[[float], Any]) -> Job:
    """A step of training on each name. Found: the losses, and the parameters after."""
    training = microgpt.Training(value)
    sys.setrecursionlimit(1_000_000)  # backward of the original is recursive

    def found() -> tuple[list[float], list[float]]:
        losses = [training.step(name) for name in NAMES[:3]]
        return losses, [p.data for p in training.parameters]

    return Job(found, lambda: [training.step(name) for name in NAMES])


def microgpt_on_values() -> Job:
    from autograd import Value

    return microgpt_on(Value)


WORKLOADS: dict[tuple[str, str], Callable[[], Job]] = {
    ("glassgrad", "option-backward"): lambda: by_backward(black_scholes.price, OPTION),
    ("glassgrad", "option-transform"): lambda: by_transform(black_scholes.price, OPTION),
    ("floats", "option-backward"): lambda: by_floats(black_scholes.price, OPTION),
    ("floats", "option-transform"): lambda: by_floats(black_scholes.price, OPTION),
    ("glassgrad", "formula-backward"): lambda: by_backward(formula, POINT),
    ("glassgrad", "formula-transform"): lambda: by_transform(formula, POINT),
    ("floats", "formula-backward"): lambda: by_floats(formula, POINT),
    ("floats", "formula-transform"): lambda: by_floats(formula, POINT),
    ("glassgrad", "moons-step"): moons_on_values,
    ("floats", "moons-step"): moons_on_floats,
    ("fastdual", "moons-step"): moons_on_duals,
    ("eager", "moons-step"): moons_on_values,
    ("glassgrad", "microgpt"): microgpt_on_values,
    ("original", "microgpt"): lambda: microgpt_on(microgpt.ScalarValue),
}
