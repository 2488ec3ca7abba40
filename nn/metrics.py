"""How good a classifier is, from the classes it predicted and the classes that were true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["accuracy", "confusion_matrix"]


def accuracy(predicted: Sequence[Any], actual: Sequence[Any]) -> float:
    """The fraction of examples, 0 to 1, whose predicted class is the actual one.

    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    _check("accuracy", predicted, actual)
    return sum(bool(p == a) for p, a in zip(predicted, actual, strict=True)) / len(actual)


def confusion_matrix(predicted: Sequence[int], actual: Sequence[int], n_classes: int | None = None) -> Any:
    """How often each class was taken for each: entry [a, p] counts examples of class a predicted as p.

    Classes are whole numbers from 0 to n_classes - 1; without n_classes, up to the largest seen. Returns an integer
    NumPy array of shape (n_classes, n_classes); its diagonal holds what was right.
    """
    import numpy as np

    _check("confusion_matrix", predicted, actual)
    rows, columns = np.asarray(actual), np.asarray(predicted)
    if rows.dtype.kind not in "iufb" or columns.dtype.kind not in "iufb":
        raise ValueError("confusion_matrix: classes must be whole numbers; number the names first")
    largest = max(rows.max(), columns.max())
    size = (int(largest) + 1 if 0 <= largest < 1e6 else 1) if n_classes is None else n_classes
    for what, classes in (("predicted", columns), ("actual", rows)):
        wrong = (classes < 0) | (classes >= size) | (classes != np.floor(classes))
        if wrong.any():
            raise ValueError(
                f"confusion_matrix: {what} classes must be whole numbers from 0 to {size - 1}, got {classes[wrong][0]}"
            )
    matrix = np.zeros((size, size), dtype=int)
    np.add.at(matrix, (rows.astype(int), columns.astype(int)), 1)
    return matrix


def _check(name: str, predicted: Sequence[Any], actual: Sequence[Any]) -> None:
    if len(predicted) != len(actual):
        raise ValueError(f"{name}: {len(predicted)} predictions for {len(actual)} examples")
    if len(actual) == 0:
        raise ValueError(f"{name}: needs at least one example, got none")
