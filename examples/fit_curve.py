"""Scalar code for SciPy's optimisers, with exact gradients: python examples/fit_curve.py

A program is what `scipy.optimize.minimize(..., jac=True)` asks for: a function that returns value and gradient.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from typing import Any

import numpy as np

from autograd import Value, cos, exp, trace


def rosenbrock(x: list[Any]) -> Any:
    """The banana valley, whose lowest point is (1, ..., 1)."""
    return sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x))


def measurements(n: int = 200, seed: int = 0) -> tuple[list[float], list[float]]:
    """A swing that dies away, 2 · exp(-0.3 t) · cos(2.5 t + 0.4), seen at n moments through noise."""
    rng = random.Random(seed)
    ts = [10.0 * i / n for i in range(n)]
    return ts, [2.0 * math.exp(-0.3 * t) * math.cos(2.5 * t + 0.4) + rng.gauss(0.0, 0.05) for t in ts]


def main() -> tuple[list[float], list[float]]:
    try:
        from scipy.optimize import minimize
    except ImportError:
        sys.exit("fit_curve.py: SciPy is missing: pip install scipy")

    # A function of its arguments: the gradient is by them.
    start = [-1.2, 1.0] * 5
    program = trace(rosenbrock, start)
    found = minimize(program.value_and_grad, start, jac=True, method="L-BFGS-B")
    print(f"Rosenbrock's function in 10 variables: {found.fun:.1e} after {found.nfev} values and gradients")

    # A curve through data: written for one point, run on all of them. The gradient is by the Values that it uses.
    size, damping, speed, shift = (Value(x) for x in (1.0, 0.1, 2.3, 0.0))

    def squared_error(t: Any, y: Any) -> Any:
        return (size * exp(-damping * t) * cos(speed * t + shift) - y) ** 2

    ts, ys = measurements()
    curve = trace(squared_error, ts[0], ys[0], parameters=[size, damping, speed, shift])

    def mean_error(theta: Any) -> tuple[float, Any]:
        curve.parameters = theta
        errors, gradient = curve.value_and_grad(ts, ys)
        return errors.mean(), gradient

    fitted = minimize(mean_error, curve.parameters.copy(), jac=True, method="BFGS")
    curve.parameters = fitted.x
    curve.store()
    print(f"{size:.3f} · exp(-{damping:.3f} t) · cos({speed:.3f} t + {shift:.3f})")
    print(f"root mean square error {math.sqrt(fitted.fun):.3f}, after {fitted.nfev} values and gradients")
    return np.asarray(found.x).tolist(), [value.data for value in (size, damping, speed, shift)]


if __name__ == "__main__":
    main()
