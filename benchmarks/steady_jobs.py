"""Where a program could suddenly be slow: a number out of range, a busy processor, a batch of a new size."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import nielsen
import numpy as np
import rosenbrock as banana
from jobs import QUICK, Job, ddx_job, eager_gradient, one

WIDTHS = (49, 8, 10) if QUICK else nielsen.WIDTHS
EXAMPLES = 10 if QUICK else 1000
SIZES = 200
"""No batch is larger."""
ODD = 3
"""The place of the example that has a sigmoid(-800)."""


def sigmoids(clean: bool) -> Job:
    """The sum of the squares of 8 sigmoids."""
    import autograd
    from autograd import Value, trace

    weights, biases = [0.1 * (i + 1) for i in range(8)], [Value(0.1) for _ in range(8)]
    factors = [Value(w) for w in weights]

    def loss(x: Any) -> Any:
        return sum(autograd.sigmoid(xi * w + b) ** 2 for xi, w, b in zip(x, factors, biases, strict=True))

    x = np.random.default_rng(0).standard_normal((EXAMPLES, 8))
    if not clean:
        x[ODD, 7] = (-800.0 - 0.1) / weights[7]
    program = trace(loss, [0.0] * 8, parameters=[*factors, *biases])
    return _but_for_one(program, loss, x)


def digits(clean: bool) -> Job:
    """Nielsen's network, a batch of 10."""
    import autograd
    from benchmarks.programs import nielsen_program
    from benchmarks.shapes import arrays

    x, y = nielsen.digits(None, WIDTHS, nielsen.BATCH)
    program = nielsen_program(WIDTHS)
    parameters = arrays(program.parameters, nielsen.shapes(WIDTHS))
    if not clean:
        products = parameters[0] @ x[ODD]
        x[ODD] *= (-800.0 - parameters[1][0]) / products[0]

    def loss(x: Any, y: Any) -> Any:
        return nielsen.loss([p.tolist() for p in parameters], x, y, autograd.sigmoid)

    return _but_for_one(program, loss, x, y)


def _but_for_one(program: Any, loss: Callable[..., Any], *batch: Any) -> Job:
    """Found: values and gradients by the first argument, of all examples but the odd one, whose value is `loss`'s."""
    import autograd

    def found() -> tuple[Any, Any]:
        values, gradients = program.value_and_grad(*batch, wrt="inputs")
        y = loss(*(argument[ODD].tolist() for argument in batch))
        expected = y.data if isinstance(y, autograd.Value) else y
        assert abs(values[ODD] - expected) <= 1e-12 * abs(expected), (values[ODD], expected)
        gradient = gradients[0] if isinstance(gradients, tuple) else gradients
        return np.delete(values, ODD), np.delete(gradient, ODD, axis=0)

    return Job(found, lambda: program.value_and_grad(*batch))


def new_sizes() -> Job:
    """Nielsen's network; each odd run has a batch of a size that the program has not seen, each even one the same."""
    from benchmarks.programs import nielsen_program

    images, targets = nielsen.digits(None, WIDTHS, SIZES)
    program = nielsen_program(WIDTHS)
    sizes = (size for size in itertools.count(nielsen.BATCH + 1) for _ in range(2))

    def at(n: int) -> Any:
        return program.value_and_grad(images[:n], targets[:n])

    def found() -> tuple[Any, Any]:
        losses, gradient = at(nielsen.BATCH)
        return losses.mean(), gradient

    return Job(found, lambda: at(next(sizes)))


def by_hand() -> Job:
    from benchmarks.shapes import arrays

    images, targets = (array[: nielsen.BATCH] for array in nielsen.digits(None, WIDTHS, SIZES))
    theta = nielsen.start(WIDTHS)

    def found() -> tuple[Any, Any]:
        now = theta.copy()
        value = nielsen.ByHand(arrays(now, nielsen.shapes(WIDTHS))).step(images, targets)
        return value, (theta - now) / nielsen.RATE

    return Job(found, found)


TERMS = 300 if QUICK else banana.MANY


def many_terms(*numbers: Any) -> Any:
    return banana.rosenbrock(numbers, TERMS)


def banana_program() -> Job:
    """The gradient of Rosenbrock's function in 30,000 variables."""
    from benchmarks.programs import rosenbrock_program

    program, at = rosenbrock_program(TERMS), np.array(banana.start(TERMS))
    return one(lambda: program.value_and_grad(at))


WORKLOADS: dict[tuple[str, str], Callable[[], Job]] = {
    ("glassgrad", "sigmoids"): lambda: sigmoids(clean=False),
    ("clean", "sigmoids"): lambda: sigmoids(clean=True),
    ("glassgrad", "digits"): lambda: digits(clean=False),
    ("clean", "digits"): lambda: digits(clean=True),
    ("glassgrad", "new-sizes"): new_sizes,
    ("numpy", "new-sizes"): by_hand,
    ("glassgrad", "banana"): banana_program,
    ("eager", "banana"): lambda: one(lambda: eager_gradient(many_terms, banana.start(TERMS))),
    # Compiling 3,000 terms takes 21 s, some sixty times as long as 300; 30,000 did not end within minutes.
    ("ddx", "banana"): lambda: ddx_job(many_terms, banana.start(TERMS), compiled=False),
}
