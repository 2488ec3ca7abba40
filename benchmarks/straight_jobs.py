"""Straight-line code as each library runs it: a formula, a recurrence, a sum of terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import black_scholes
import numpy as np
import ode
import rosenbrock as banana
from jobs import QUICK, Job, ddx_job, eager_gradient, jax_job, one

STEPS, BATCH, OPTIONS = (50, 3, 10) if QUICK else (ode.STEPS, ode.BATCH, black_scholes.EXAMPLES)


def square(x: Any) -> Any:
    return x * x


def prey(*numbers: Any) -> Any:
    return ode.prey(numbers, STEPS)


def rosenbrock(*numbers: Any) -> Any:
    return banana.rosenbrock(numbers)


def call_price(m: Any) -> Callable[..., Any]:
    """The formula with the functions of a library."""

    def price(*numbers: Any) -> Any:
        return black_scholes.price(*numbers, m)

    return price


# ------------------------------------------------------------ ours: f takes one list, or so many numbers


def program_job(f: Callable[..., Any], at: Any) -> Job:
    """A program of one list; `at`: (inputs, examples), or (inputs,) for one point."""
    from autograd import trace

    batch = np.ascontiguousarray(np.asarray(at).T)
    program = trace(lambda x: f(*x), batch[0] if batch.ndim == 2 else batch)
    return one(lambda: program.value_and_grad(batch))


def program_of_numbers(f: Callable[..., Any], at: Any) -> Job:
    """The same of a program of so many numbers."""
    from autograd import trace

    given = [row if np.ndim(row) else float(row) for row in at]
    program = trace(f, *[float(np.ravel(row)[0]) for row in given])

    def found() -> tuple[Any, Any]:
        values, gradients = program.value_and_grad(*given)
        return values, np.transpose(gradients)

    return Job(found, lambda: program.value_and_grad(*given))


def eager_job(f: Callable[..., Any], at: Any) -> Job:
    points = np.asarray(at).T.tolist()
    if np.ndim(at) == 1:
        return one(lambda: eager_gradient(f, points))

    def step() -> tuple[Any, Any]:
        values, gradients = zip(*(eager_gradient(f, point) for point in points), strict=True)
        return values, gradients

    return one(step)


def ours(job: Callable[..., Job], at: Callable[[], Any]) -> Callable[[], Job]:
    """Black-Scholes with our functions."""

    def build() -> Job:
        import autograd

        return job(call_price(autograd), at())

    return build


def ddx_black_scholes() -> Job:
    import ddx

    return ddx_job(call_price(ddx), black_scholes.options(OPTIONS))


class JaxFunctions:
    """Where `black_scholes.price` finds what it needs."""

    def __init__(self) -> None:
        import jax

        self.exp, self.log, self.sqrt = jax.numpy.exp, jax.numpy.log, jax.numpy.sqrt
        self.erf = jax.scipy.special.erf


def option() -> Any:
    return black_scholes.options(1)[:, 0]


def at_options() -> Any:
    return black_scholes.options(OPTIONS)


def on(f: Callable[..., Any], at: Any, jobs: Sequence[tuple[str, Callable[..., Job]]], name: str) -> dict[Any, Any]:
    """Entries of WORKLOADS: f at these points, by several libraries."""
    return {(library, name): lambda job=job: job(f, at) for library, job in jobs}


BY_LISTS = (("glassgrad", program_job), ("eager", eager_job), ("ddx", ddx_job))
BY_NUMBERS = (("glassgrad", program_of_numbers), ("eager", eager_job))

WORKLOADS: dict[tuple[str, str], Callable[[], Job]] = {
    ("glassgrad", "black-scholes"): ours(program_of_numbers, at_options),
    ("eager", "black-scholes"): ours(eager_job, at_options),
    ("ddx", "black-scholes"): ddx_black_scholes,
    ("jax-thread", "black-scholes"): lambda: jax_job(call_price(JaxFunctions()), at_options()),
    ("glassgrad", "option"): ours(program_of_numbers, option),
    ("eager", "option"): ours(eager_job, option),
    **on(square, [1.3], BY_NUMBERS, "square"),
    **on(prey, ode.starts(BATCH).T, BY_LISTS, "euler-batch"),
    **on(prey, ode.starts(1)[0], BY_LISTS, "euler"),
    **on(rosenbrock, banana.start(), BY_LISTS, "rosenbrock-300"),
}
