"""Linear algebra for small matrices of Values, written in scalars: every step is a node that can be looked at.

A matrix is a list of rows, or an array of two axes, of numbers and Values; results are lists. Sums of n³ / 3 nodes: for
tens of rows, not for thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.primitive import DomainError
from autograd.primitives import dot, sqrt
from autograd.tree import is_number

__all__ = ["cholesky", "det", "inv", "solve"]

Matrix = list[list[Any]]


def solve(a: Any, b: Any) -> list[Any]:
    """x with a x = b, by elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 3.4).

    a: n × n numbers. b: n numbers, or n rows of m; x is like b. Raises DomainError if a has no inverse.

    >>> solve([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0])
    [0.8, 1.4]
    """
    rows = _square(a, "solve")
    vector = all(is_number(x) for x in b)
    right = [[x] for x in b] if vector else [list(row) for row in b]
    if len(right) != len(rows) or len({len(row) for row in right}) > 1:
        raise ValueError(f"solve: b must have as many rows as a, {len(rows)}, and all of one length")
    _eliminate(rows, right, "solve")
    found: Matrix = []
    for i in reversed(range(len(rows))):
        known = rows[i][i + 1 :]
        found.insert(0, [
            (x - dot(known, [row[j] for row in found])) / rows[i][i] if known else x / rows[i][i]
            for j, x in enumerate(right[i])
        ])  # fmt: skip
    return [row[0] for row in found] if vector else found


def inv(a: Any) -> Matrix:
    """The inverse of n × n numbers. Raises DomainError if there is none."""
    n = len(_square(a, "inv"))
    return solve(a, [[float(i == j) for j in range(n)] for i in range(n)])


def det(a: Any) -> Any:
    """The determinant of n × n numbers; 0.0 where elimination finds a column of nothing but 0."""
    rows = _square(a, "det")
    try:
        sign = _eliminate(rows, [[] for _ in rows], "det")
    except DomainError:
        return 0.0
    product: Any = sign
    for i, row in enumerate(rows):
        product = product * row[i]
    return product


def cholesky(a: Any) -> Matrix:
    """The lower triangle L with L Lᵀ = a, for a symmetric a that is positive definite; DomainError if it is not.

    Only the lower triangle of a is looked at (Golub and Van Loan, 4.2).

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    [[2.0, 0.0], [1.0, 2.0]]
    """
    rows = _square(a, "cholesky")
    lower: Matrix = [[0.0] * len(rows) for _ in rows]
    for i, row in enumerate(rows):
        for j in range(i + 1):
            rest = row[j] - dot(lower[i][:j], lower[j][:j]) if j else row[j]
            if i > j:
                lower[i][j] = rest / lower[j][j]
            elif rest > 0.0:
                lower[i][i] = sqrt(rest)
            else:
                raise DomainError(f"cholesky: the matrix is not positive definite, as row {i} shows")
    return lower


def _square(a: Any, name: str) -> Matrix:
    rows = [list(row) if isinstance(row, Sequence) or hasattr(row, "shape") else [row] for row in a]
    if not rows or any(len(row) != len(rows) for row in rows):
        raise ValueError(
            f"{name}: needs a square matrix, got rows of {', '.join(str(len(row)) for row in rows) or 'none'}"
        )
    for row in rows:
        for x in row:
            if not is_number(x):
                raise TypeError(f"{name}: a matrix holds numbers and Values, got {x!r:.200}")
    return rows


def _eliminate(rows: Matrix, right: Matrix, name: str) -> float:
    """Make `rows` upper triangular, and do the same to `right`. Returns the sign of the permutation of rows."""
    sign = 1.0
    for k in range(len(rows)):
        best = max(range(k, len(rows)), key=lambda i: abs(rows[i][k]))  # called here
        if rows[best][k] == 0.0:
            raise DomainError(f"{name}: the matrix is singular: column {k} depends on those before it")
        if best != k:
            rows[k], rows[best] = rows[best], rows[k]
            right[k], right[best] = right[best], right[k]
            sign = -sign
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [0.0] * (k + 1) + [
                x - factor * y for x, y in zip(rows[i][k + 1 :], rows[k][k + 1 :], strict=True)
            ]
            right[i] = [x - factor * y for x, y in zip(right[i], right[k], strict=True)]
    return sign
