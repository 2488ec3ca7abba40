"""Exact derivatives for SciPy and for Newton's method: python examples/newton.py

Rosenbrock's banana by Newton's method with the exact, sparse Hessian; a curve by least squares with the exact Jacobian;
a system of equations; and the same minimum by `scipy.optimize.minimize`.
"""

import math

import numpy as np
from scipy.optimize import least_squares, minimize, root
from scipy.sparse import eye_array
from scipy.sparse.linalg import spsolve

import autograd
from autograd import hessian, jacobian, value_and_grad


def banana(v):
    """Rosenbrock's function of n numbers: 0 at (1, ..., 1), at the end of a long bent valley."""
    return autograd.sum([100.0 * (v[i + 1] - v[i] ** 2) ** 2 + (1.0 - v[i]) ** 2 for i in range(len(v) - 1)])


def newton(f, x, steps=200):
    """Newton's method: x - (H + λI)⁻¹ g until the gradient vanishes. λ is 0 where such a step goes down; it grows until
    it does (Levenberg 1944). Returns x and the number of steps.
    """
    with_gradient, second = value_and_grad(f), hessian(f, sparse=True)
    for k in range(steps):
        y, g = with_gradient(x)
        if np.abs(g).max() < 1e-10:
            return x, k
        curvature, damping = second(x).tocsc(), 0.0
        while True:
            step = spsolve(curvature + damping * eye_array(len(x), format="csc"), g)
            if with_gradient(x - step)[0] < y or damping > 1e8:
                break
            damping = max(4.0 * damping, 1e-3)
        x = x - step
    return x, steps


def decay(parameters, t):
    """What is left after a time: a · exp(-k t) + c."""
    a, k, c = parameters
    return a * autograd.exp(-k * t) + c


def main():
    x, steps = newton(banana, np.zeros(100))
    print(f"Rosenbrock in 100 variables: {steps} Newton steps, furthest from 1: {np.abs(x - 1.0).max():.1e}")

    by_scipy = minimize(value_and_grad(banana), np.full(10, -1.0), jac=True, hess=hessian(banana), method="trust-exact")
    print(f"the same in 10 variables by trust-exact: {by_scipy.nit} steps, {by_scipy.fun:.1e}")

    times = np.linspace(0.0, 4.0, 20)
    data = 2.5 * np.exp(-1.3 * times) + 0.5 + 0.01 * np.sin(40.0 * times)

    def residuals(p):
        return np.array([decay(p, t) for t in times]) - data

    fitted = least_squares(residuals, [1.0, 1.0, 0.0], jac=jacobian(lambda p: residuals(p)))
    a, k, c = fitted.x
    print(f"fitted: {a:.2f} · exp(-{k:.2f} t) + {c:.2f}, {fitted.nfev} evaluations")

    def circle_and_wave(v):
        return np.array([v[0] ** 2 + v[1] ** 2 - 4.0, v[1] - autograd.sin(v[0])])

    plain = lambda v: np.array([v[0] ** 2 + v[1] ** 2 - 4.0, v[1] - math.sin(v[0])])  # noqa: E731  # for SciPy
    meeting = root(plain, [1.0, 1.0], jac=jacobian(circle_and_wave))
    print(f"circle and wave meet at {meeting.x.round(4)}")
    return x, by_scipy, fitted, meeting


if __name__ == "__main__":
    main()
