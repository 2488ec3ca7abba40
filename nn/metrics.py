"""How good a classifier is, from the classes that were true and the classes it predicted."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence, Set
from typing import Any

from autograd import Value

__all__ = ["accuracy", "confusion_matrix"]

MOST = 10_000  # classes of a matrix


def accuracy(actual: Sequence[Any], predicted: Sequence[Any]) -> float:
    """The fraction of examples, 0 to 1, whose predicted class is the actual one.

    actual, predicted: n classes each, whole numbers or names. What a model returns for an example is no class yet:
    that is `most_likely(output)` for several outputs, and for one logit `int(output > 0)`.

    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    true, found = _classes("accuracy", actual, predicted)
    return sum(bool(a == p) for a, p in zip(true, found, strict=True)) / len(true)


def confusion_matrix(actual: Sequence[int], predicted: Sequence[int], n_classes: int | None = None) -> Any:
    """How often each class was taken for each: entry [a, p] counts examples of class a predicted as p.

    Classes are whole numbers from 0 to n_classes - 1; without n_classes, up to the largest seen. Returns an integer
    NumPy array of shape (n_classes, n_classes); its diagonal holds what was right.

    >>> confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    import numpy as np

    true, found = _classes("confusion_matrix", actual, predicted)
    if isinstance(true[0], str):
        raise ValueError("confusion_matrix: classes must be whole numbers; number the names first")
    size = 1 + max(*true, *found) if n_classes is None else n_classes
    if type(size) is not int or size > MOST:
        raise ValueError(f"confusion_matrix: there can be up to {MOST:,} classes, counted from 0, got {size!r:.30}")
    for what, classes in (("predicted", found), ("actual", true)):
        for c in classes:
            if not 0 <= c < size:
                raise ValueError(
                    f"confusion_matrix: {what} classes must be whole numbers from 0 to {size - 1}, got {c}"
                )
    matrix = np.zeros((size, size), dtype=int)
    np.add.at(matrix, (np.array(true), np.array(found)), 1)
    return matrix


def _classes(name: str, actual: Any, predicted: Any) -> tuple[list[Any], list[Any]]:
    """Both as lists of whole numbers, or of names."""
    true, found = (_listed(name, what, given) for what, given in (("actual", actual), ("predicted", predicted)))
    if len(found) != len(true):
        raise ValueError(f"{name}: {len(found)} predictions for {len(true)} examples")
    if not true:
        raise ValueError(f"{name}: needs at least one example, got none")
    kinds = {type(c) for c in (*true, *found)}
    if len(kinds) > 1:
        raise ValueError(
            f"{name}: classes must be all numbers or all names, got {true[0]!r} and {found[0]!r} among them"
        )
    return true, found


def _listed(name: str, what: str, given: Any) -> list[Any]:
    if isinstance(given, str | Mapping | Set) or not hasattr(given, "__iter__"):
        raise TypeError(f"{name}: {what} must be a list of classes, one per example, got {given!r:.200}")
    return [_class(name, what, c) for c in (given.tolist() if hasattr(given, "tolist") else given)]


def _class(name: str, what: str, c: Any) -> Any:
    if isinstance(c, str):
        return str(c)
    if isinstance(c, numbers.Real) and math.isfinite(c) and c % 1 == 0:
        return math.floor(c)
    hint = "a class is a whole number or a name"
    if isinstance(c, Value) or hasattr(c, "__len__"):
        hint = "of a model's outputs, give the class: nn.most_likely(output), or int(output > 0) for one logit"
    elif isinstance(c, numbers.Real):
        hint = "of a probability or a logit, give the class: int(p > 0.5), int(logit > 0)"
    raise ValueError(f"{name}: {what} holds {c!r:.100}, which is no class; {hint}")
