"""Is somebody else's gradient right? python examples/check_others.py

Three gradients written by hand for NumPy, one of them wrong in one place, held against finite differences that know
their own error. Nothing here is computed by autograd's Values.
"""

import numpy as np

from autograd import GradientMismatch, check_gradients


def ridge(w, X, y):
    """Squared error with a penalty on large weights."""
    return float(((X @ w - y) ** 2).mean() + 0.1 * (w**2).sum())


def ridge_gradient(w, X, y):
    return 2.0 * X.T @ (X @ w - y) / len(y) + 0.2 * w


def softmax_loss(z, target):
    """-log of the probability of the target."""
    return float(np.log(np.exp(z - z.max()).sum()) + z.max() - z[target])


def softmax_gradient(z, target):
    p = np.exp(z - z.max())
    p /= p.sum()
    p[target] -= 1.0
    return p


def forgetful_gradient(w, X, y):
    """The gradient of ridge, by somebody who forgot the penalty."""
    return 2.0 * X.T @ (X @ w - y) / len(y)


def main():
    rng = np.random.default_rng(1)
    X, y, w = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=3)
    print(check_gradients(lambda w: ridge(w, X, y), w, gradient=lambda w: ridge_gradient(w, X, y)))
    z = rng.normal(size=4)
    print(check_gradients(lambda z: softmax_loss(z, 2), z, gradient=lambda z: softmax_gradient(z, 2)))
    try:
        check_gradients(lambda w: ridge(w, X, y), w, gradient=lambda w: forgetful_gradient(w, X, y))
    except GradientMismatch as error:
        print(error)
        return error
    return None


if __name__ == "__main__":
    main()
