"""Hessians of Rosenbrock's function: all numbers in 30 variables; those that are not 0 in many, beside one gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import rosenbrock as banana
from jobs import QUICK, Job

FEW = 29
MANY = banana.TERMS if QUICK else banana.MANY


def program(terms: int) -> Any:
    from autograd import trace

    return trace(lambda x: banana.rosenbrock(x, terms), banana.start(terms))


def sums(numbers: Any) -> tuple[Any, Any]:
    """What sides have to agree on: the sum of a matrix, and its numbers."""
    numbers = np.asarray(numbers)
    return numbers.sum(), numbers.ravel()


def ours() -> Job:
    hessian, at = program(FEW).hessian(), np.array(banana.start(FEW))
    return Job(lambda: sums(hessian(at)), lambda: hessian(at))


def eager() -> Job:
    """Value by Value."""
    from autograd import hessian

    matrix_of, at = hessian(lambda x: banana.rosenbrock(x, FEW)), banana.start(FEW)
    return Job(lambda: sums(matrix_of(at)), lambda: matrix_of(at))


def jax() -> Job:
    import jax

    def f(x: Any) -> Any:
        a, b = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
        return (100.0 * (a * a) + b * b).sum()

    hessian, at = jax.jit(jax.hessian(f)), jax.numpy.array(banana.start(FEW))
    return Job(lambda: sums(hessian(at)), lambda: jax.block_until_ready(hessian(at)))


def ddx() -> Job:
    import ddx

    at = np.array(banana.start(FEW)).reshape(-1, 1)
    model = ddx.equation(lambda: banana.rosenbrock([ddx.var(f"x{i}") for i in range(FEW + 1)], FEW))
    model.compile(points=1, veclib=ddx.VecLib.AUTO, cache_dir="")
    assert model.uses_kernel
    call = model.buffer(at, want=ddx.Want.HESSIAN)

    def found() -> tuple[Any, Any]:
        call()
        return sums(call.hessian)

    return Job(found, call)


def sparse() -> Job:
    """The Hessian in many variables. The sum of its rows is what sides agree on."""
    hessian, at = program(MANY).hessian(sparse=True), np.array(banana.start(MANY))

    def found() -> tuple[Any, Any]:
        matrix = hessian(at)
        return sums(np.bincount(matrix.rows, matrix.values, len(at)))

    return Job(found, lambda: hessian(at))


def gradient() -> Job:
    """One gradient at the same point; found: the sums of the rows of the Hessian, by hand."""
    function, at = program(MANY), np.array(banana.start(MANY))

    def found() -> tuple[Any, Any]:
        rows = np.zeros(len(at))
        rows[:-1] += 1200.0 * at[:-1] ** 2 - 400.0 * at[1:] + 2.0 - 400.0 * at[:-1]
        rows[1:] += 200.0 - 400.0 * at[:-1]
        return sums(rows)

    return Job(found, lambda: function.value_and_grad(at))


WORKLOADS: dict[tuple[str, str], Callable[[], Job]] = {
    ("glassgrad", "hessian"): ours,
    ("eager", "hessian"): eager,
    ("jax-thread", "hessian"): jax,
    ("ddx", "hessian"): ddx,
    ("glassgrad", "sparse-hessian"): sparse,
    ("gradient", "sparse-hessian"): gradient,
}
