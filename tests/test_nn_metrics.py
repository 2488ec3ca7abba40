"""Accuracy and the confusion matrix."""

import math

import numpy as np
import pytest

from autograd import Value
from nn import accuracy, confusion_matrix


@pytest.mark.parametrize(
    ("predicted", "actual", "expected"),
    [([0, 1, 1, 2], [0, 1, 2, 2], 0.75), ([1], [1], 1.0), ([1], [0], 0.0), (["a", "b"], ["a", "c"], 0.5),
     ([1.0, 2.0, 0.0], [1, 2, 1], 2.0 / 3.0)],
)  # fmt: skip
def test_accuracy(predicted, actual, expected):
    for kind in (list, tuple, np.array):
        found = accuracy(kind(actual), kind(predicted))
        assert found == expected
        assert type(found) is float


def test_confusion_matrix_by_hand():
    matrix = confusion_matrix([0, 1, 2, 2, 0, 0], [0, 1, 1, 2, 0, 1])
    # rows: the actual class, columns: the predicted one
    assert matrix.tolist() == [[2, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert matrix.dtype.kind == "i"


def test_confusion_matrix_holds_every_example_and_the_accuracy():
    rng = np.random.default_rng(0)
    predicted, actual = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    matrix = confusion_matrix(actual, predicted)
    assert matrix.sum() == 100
    assert matrix.trace() / 100 == accuracy(actual, predicted)
    assert matrix.sum(axis=1).tolist() == np.bincount(actual, minlength=4).tolist()
    assert matrix.sum(axis=0).tolist() == np.bincount(predicted, minlength=4).tolist()
    assert (confusion_matrix(predicted, actual) == matrix.T).all()


@pytest.mark.parametrize(("predicted", "actual", "n_classes", "shape"), [
    ([0], [0], None, (1, 1)), ([0], [0], 3, (3, 3)), ([2], [0], None, (3, 3)), ([0], [2], None, (3, 3)),
    ([True], [False], None, (2, 2)), ([1.0], [0.0], None, (2, 2)),
])  # fmt: skip
def test_number_of_classes(predicted, actual, n_classes, shape):
    assert confusion_matrix(actual, predicted, n_classes).shape == shape


@pytest.mark.parametrize("f", [accuracy, confusion_matrix])
def test_lengths(f):
    with pytest.raises(ValueError, match=f"{f.__name__}: 2 predictions for 1 examples"):
        f([0], [0, 1])
    with pytest.raises(ValueError, match=f"{f.__name__}: needs at least one example"):
        f([], [])


@pytest.mark.parametrize(
    ("predicted", "actual", "n_classes", "told"),
    [
        ([3], [0], 3, "predicted classes must be whole numbers from 0 to 2, got 3"),
        ([0], [3], 3, "actual classes must be whole numbers from 0 to 2, got 3"),
        ([-1, 0], [0, 1], None, "predicted classes must be whole numbers.*got -1"),
        ([0, 1], [0.5, 0], None, "actual holds 0.5, which is no class"),
        ([0, math.nan], [0, 1], None, "predicted holds nan, which is no class"),
        ([0, math.inf], [0, 1], None, "predicted holds inf, which is no class"),
        (["a"], ["b"], None, "classes must be whole numbers"),
    ],
)
def test_classes_must_be_whole_numbers(predicted, actual, n_classes, told):
    with pytest.raises((ValueError, TypeError), match=told):
        confusion_matrix(actual, predicted, n_classes)


@pytest.mark.parametrize(
    ("actual", "predicted", "told"),
    [
        ([1, 0], [Value(2.0), Value(-1.0)], "predicted holds Value.*nn.most_likely"),
        ([[1, 0]], [[0.2, 0.8]], "actual holds .*nn.most_likely"),
        (np.eye(2), np.eye(2), "actual holds .*nn.most_likely"),
        ([0, 1], [0.3, 0.7], "predicted holds 0.3, which is no class.*int"),
        ([1, 0], ["1", "0"], "classes must be all numbers or all names"),
        ([1, 0], [None, 1], "predicted holds None"),
        ("ab", "ab", "actual must be a list of classes"),
        (1, 1, "actual must be a list of classes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("f", [accuracy, confusion_matrix])
def test_what_is_no_class_is_refused(f, actual, predicted, told):
    with pytest.raises((ValueError, TypeError), match=f"{f.__name__}: {told}"):
        f(actual, predicted)


def test_classes_beyond_what_a_float_tells_apart():
    assert accuracy([10**16, 10**16], [10**16, 10**16 + 1]) == 0.5
    with pytest.raises(ValueError, match="up to 10,000 classes, counted from 0, got 10000001"):
        confusion_matrix([10**7], [1])
    with pytest.raises(ValueError, match="up to 10,000 classes"):
        confusion_matrix([0], [0], n_classes=2.5)
    for given in ({0: 1}, {0, 1}):
        with pytest.raises(TypeError, match="actual must be a list of classes"):
            accuracy(given, given)
