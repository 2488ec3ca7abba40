"""Small matrices of Values, held against NumPy and finite differences."""

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, check_gradients, grad, linalg, trace

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_values_are_numpys(n):
    a, b = RNG.normal(size=(n, n)), RNG.normal(size=n)
    np.testing.assert_allclose(linalg.solve(a.tolist(), b.tolist()), np.linalg.solve(a, b), rtol=1e-9)
    np.testing.assert_allclose(
        linalg.solve(a, np.outer(b, b)), np.linalg.solve(a, np.outer(b, b)), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(linalg.inv(a), np.linalg.inv(a), rtol=1e-8)
    np.testing.assert_allclose(linalg.det(a), np.linalg.det(a), rtol=1e-9)
    s = a @ a.T + np.eye(n)
    np.testing.assert_allclose(linalg.cholesky(s), np.linalg.cholesky(s), rtol=1e-9, atol=1e-12)


def test_gradients():
    a = RNG.normal(size=(3, 3)) + 2.0 * np.eye(3)
    check_gradients(lambda a, b: autograd.sum(linalg.solve(a, b)), a, [1.0, -2.0, 0.5])
    check_gradients(lambda a: autograd.sum([x for row in linalg.inv(a) for x in row]), a)
    check_gradients(lambda a: autograd.sum([x for row in linalg.cholesky(a) for x in row]), a @ a.T + np.eye(3))
    values = np.array([[Value(x) for x in row] for row in a])
    np.testing.assert_allclose(grad(linalg.det(values), values).astype(float), np.linalg.det(a) * np.linalg.inv(a).T)


def test_pivoting_is_a_branch_of_a_program():
    program = trace(lambda a: linalg.solve(a, [1.0, 2.0])[0], [[2.0, 1.0], [1.0, 3.0]])
    batch = np.array([[[2.0, 1.0], [1.0, 3.0]], [[0.0, 1.0], [1.0, 3.0]]])
    np.testing.assert_allclose(program(batch), [np.linalg.solve(a, [1.0, 2.0])[0] for a in batch])


def test_what_cannot_be_is_said():
    with pytest.raises(DomainError, match="solve: the matrix is singular: column 1"):
        linalg.solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 1.0])
    assert linalg.det([[1.0, 2.0], [2.0, 4.0]]) == 0.0
    with pytest.raises(DomainError, match="not positive definite, as row 1 shows"):
        linalg.cholesky([[1.0, 2.0], [2.0, 1.0]])
    for wrong in ([[1.0, 2.0]], [], [[1.0], [2.0]]):
        with pytest.raises(ValueError, match="needs a square matrix"):
            linalg.det(wrong)
    with pytest.raises(ValueError, match="as many rows as a"):
        linalg.solve([[1.0]], [1.0, 2.0])
    with pytest.raises(TypeError, match="a matrix holds numbers and Values, got 'x'"):
        linalg.inv([["x"]])
