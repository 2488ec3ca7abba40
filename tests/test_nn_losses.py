"""Losses by hand, against 50 digits, over batches, and their errors; probabilities."""

import copy
import doctest
import math
import pickle
import pydoc

import mpmath
import numpy as np
import pytest

import nn
from autograd import Value, check_gradients
from nn import binary_cross_entropy, cross_entropy, hinge, mean_squared_error, probabilities, probabilities_text

LOSSES = [mean_squared_error, hinge, binary_cross_entropy, cross_entropy]
# loss: outputs of three examples, and their targets
BATCHES = [
    (mean_squared_error, [0.5, -1.0, 3.0], [1.0, 0.0, 2.5]),
    (mean_squared_error, [[0.5, 1.0], [-1.0, 2.0], [3.0, 0.0]], [[1.0, 1.5], [0.0, -1.0], [2.5, 0.3]]),
    (hinge, [0.5, -1.5, 3.0], [1, 1, -1]),
    (binary_cross_entropy, [0.5, -1.0, 3.0], [1, 0, 0.25]),
    (cross_entropy, [[0.5, 1.0, -2.0], [-1.0, 2.0, 0.0], [3.0, 0.0, 0.1]], [0, 1, 2]),
]
IDS = ["squared error", "squared error of lists", "hinge", "binary", "cross-entropy"]


def values(x):
    return [values(item) for item in x] if isinstance(x, list) else Value(x)


def exact_binary(logit, target):
    """-t log p - (1 - t) log(1 - p), with as many digits as it takes for p = sigmoid(logit) not to round to 1."""
    with mpmath.workdps(int(abs(logit)) + 50):
        z, t = mpmath.mpf(logit), mpmath.mpf(target)
        return t * mpmath.log1p(mpmath.exp(-z)) + (1 - t) * mpmath.log1p(mpmath.exp(z))


def exact_cross(logits, target):
    with mpmath.workdps(1500):
        zs = [mpmath.mpf(z) - mpmath.mpf(logits[target]) for z in logits]
        return mpmath.log(mpmath.fsum(mpmath.exp(z) for z in zs))


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("loss", "output", "target", "expected"),
    [
        (mean_squared_error, 3.0, 1.0, 4.0),
        (mean_squared_error, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0], 13.0 / 3.0),
        (mean_squared_error, [[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]], (0 + 1 + 4 + 9) / 4),
        (hinge, 0.25, 1, 0.75),
        (hinge, 0.25, -1, 1.25),
        (hinge, 1.5, 1, 0.0),
        (hinge, -1.0, -1, 0.0),
        (hinge, [0.25, 1.5], [1, 1], 0.375),
        (binary_cross_entropy, 0.0, 1, math.log(2.0)),
        (binary_cross_entropy, 0.0, 0.5, math.log(2.0)),
        (binary_cross_entropy, math.log(3.0), 1, math.log(4.0 / 3.0)),
        (binary_cross_entropy, math.log(3.0), 0, math.log(4.0)),
        (binary_cross_entropy, math.log(3.0), 0.25, 0.25 * math.log(4.0 / 3.0) + 0.75 * math.log(4.0)),
        (cross_entropy, [0.0, 0.0, 0.0, 0.0], 2, math.log(4.0)),
        (cross_entropy, [math.log(1.0), math.log(2.0), math.log(5.0)], 1, math.log(4.0)),
    ],
)
def test_by_hand(loss, output, target, expected):
    assert loss(values(output), target).data == pytest.approx(expected, rel=1e-14)
    assert loss(output, target) == pytest.approx(expected, rel=1e-14)  # plain numbers in, a plain number out


LOGITS = [0.0, 1e-300, 0.3, -0.7, 5.0, 30.0, 40.0, -40.0, 700.0, -700.0, 1e3, -1e3]


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("target", [0, 1, 0.5, 0.9])
def test_binary_cross_entropy_to_the_last_digits(logit, target):
    expected = exact_binary(logit, target)
    # Beyond the range of floats both are 0.
    assert binary_cross_entropy(Value(logit), target).data == pytest.approx(float(expected), rel=1e-14, abs=1e-320)


@pytest.mark.parametrize(("logit", "target", "expected"), [
    (1e300, 1, 0.0), (1e300, 0, 1e300), (-1e300, 0, 0.0), (-1e300, 1, 1e300), (1e300, 0.25, 0.75e300),
    (1.7e308, 0, 1.7e308), (-1.7e308, 1, 1.7e308),
])  # fmt: skip
def test_binary_cross_entropy_cannot_overflow(logit, target, expected):
    z = Value(logit)
    loss = binary_cross_entropy(z, target)
    loss.backward()
    assert loss.data == pytest.approx(expected, rel=1e-15)
    assert z.grad == (1.0 if logit > 0 else 0.0) - target


@pytest.mark.parametrize("logits", [
    [0.1, 0.2, 0.3], [0.0, 0.0], [30.0, -4.0, 1.0], [1e3, 1e3, -1e3], [-1e3, -1e3 - 1.0], [1e9, 1e9 - 1.0],
    [1e16, 1e16], [1e300, 1e300, 1e300], [-1e300, -1e300],
])  # fmt: skip
def test_cross_entropy_of_any_logits(logits):
    for target in range(len(logits)):
        zs = values(logits)
        loss = cross_entropy(zs, target)
        assert loss.data == pytest.approx(float(exact_cross(logits, target)), rel=1e-14, abs=1e-15)
        loss.backward()
        shares = [float(mpmath.exp(-exact_cross(logits, i))) for i in range(len(logits))]
        expected = [share - (i == target) for i, share in enumerate(shares)]
        assert [z.grad for z in zs] == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(("logits", "target", "expected"), [
    ([1e300, 0.0], 0, 0.0), ([1e300, 0.0], 1, 1e300), ([1e308, -7e307], 1, 1.7e308), ([-1e300, 0.0, 0.0], 0, 1e300),
])  # fmt: skip
def test_cross_entropy_of_extreme_logits(logits, target, expected):
    zs = values(logits)
    loss = cross_entropy(zs, target)
    loss.backward()
    assert loss.data == expected
    assert math.fsum(z.grad for z in zs) == pytest.approx(0.0, abs=1e-15)
    assert zs[target].grad == (0.0 if expected == 0.0 else -1.0)


@pytest.mark.parametrize(("loss", "outputs", "targets"), BATCHES, ids=IDS)
def test_a_batch_is_the_mean(loss, outputs, targets):
    each = [loss(values(output), target).data for output, target in zip(outputs, targets, strict=True)]
    expected = pytest.approx(math.fsum(each) / 3.0, rel=1e-15)
    assert loss(values(outputs), targets).data == expected
    assert loss(values(outputs), np.array(targets)).data == expected
    assert loss(np.array(outputs), tuple(targets)) == expected
    assert loss(values(outputs[:1]), targets[:1]).data == pytest.approx(each[0], rel=1e-15)


@pytest.mark.parametrize(("loss", "outputs", "targets"), BATCHES, ids=IDS)
def test_gradients(loss, outputs, targets):
    check_gradients(lambda output: loss(output, targets), outputs)
    for output, target in zip(outputs, targets, strict=True):
        check_gradients(lambda output, target=target: loss(output, target), output)


@pytest.mark.parametrize(("loss", "outputs", "targets"), BATCHES, ids=IDS)
def test_targets_may_be_numpy_scalars(loss, outputs, targets):
    for output, target in zip(outputs, np.array(targets), strict=True):
        assert loss(values(output), target).data == loss(values(output), target.tolist()).data


def test_the_gradient_of_binary_cross_entropy_is_probability_minus_target():
    z = Value(0.7)
    binary_cross_entropy(z, 1).backward()
    assert z.grad == pytest.approx(1.0 / (1.0 + math.exp(-0.7)) - 1.0, rel=1e-14)


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    zs = values([0.7, -0.2, 1.1])
    cross_entropy(zs, 2).backward()
    assert [z.grad for z in zs] == pytest.approx(
        [p - t for p, t in zip(probabilities([0.7, -0.2, 1.1]), [0, 0, 1], strict=True)], rel=1e-14
    )


def test_two_logits_say_the_same_as_their_difference():
    assert cross_entropy([0.3, 1.5], 1) == pytest.approx(binary_cross_entropy(1.2, 1), rel=1e-14)
    assert cross_entropy([0.3, 1.5], 0) == pytest.approx(binary_cross_entropy(1.2, 0), rel=1e-14)


# ---------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("loss", "output", "decided"),
    [
        (hinge, 0.1, 1), (hinge, -0.1, -1), (binary_cross_entropy, 0.1, 1), (binary_cross_entropy, -0.1, 0),
        (cross_entropy, [0.0, 3.0, 1.0], 1), (mean_squared_error, 0.3, None),
    ],
)  # fmt: skip
def test_the_class_an_output_stands_for(loss, output, decided):
    assert loss.decide(values(output)) == loss.decide(output) == decided


def test_most_likely_takes_the_first_of_equals():
    assert nn.most_likely([1.0, 2.0, 2.0]) == 1
    assert nn.most_likely(values([3.0, 2.0])) == 0


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("loss", "output", "target", "told"),
    [
        (hinge, 0.5, 0, "hinge: the target must be -1 or 1, got 0"),
        (hinge, 0.5, 0.5, r"2 \* target - 1"),
        (hinge, [0.5, 0.5], [1, 0], "the target must be -1 or 1, got 0"),
        (binary_cross_entropy, 0.5, -1, r"binary_cross_entropy: the target must lie between 0 and 1, got -1"),
        (binary_cross_entropy, 0.5, 2, r"must lie between 0 and 1, got 2"),
        (binary_cross_entropy, 0.5, math.nan, "got nan"),
        (binary_cross_entropy, 0.5, None, "binary_cross_entropy.*None"),
        (cross_entropy, [0.5, 0.5], 2, "cross_entropy: the target must be a class from 0 to 1.*got 2"),
        (cross_entropy, [0.5, 0.5], -1, "got -1"),
        (cross_entropy, [0.5, 0.5], 0.5, "got 0.5"),
        (cross_entropy, [0.5, 0.5], math.nan, "got nan"),
        (cross_entropy, [0.5, 0.5], None, "got None"),
        (cross_entropy, [0.5, 0.5], "cat", "cross_entropy.*cat"),
        (cross_entropy, [0.5, 0.5, 0.5], "cat", "cross_entropy.*cat"),
        (cross_entropy, [0.5], 0, "at least two logits.*binary_cross_entropy"),
        (cross_entropy, 0.5, 0, "at least two logits.*binary_cross_entropy"),
        (cross_entropy, [0.5, 0.5, 0.5], [0, 1], "3 outputs, but 2 targets"),
        (cross_entropy, [0.5, 0.5], [0, 1], r"cross_entropy: .* is the number of a class.*nn.most_likely\(target\)"),
        (mean_squared_error, [1.0, 2.0], [1.0], "mean_squared_error: 2 outputs, but 1 targets"),
        (mean_squared_error, [[1.0, 2.0]], [[1.0, 2.0, 3.0]], "2 outputs, but 3 targets"),
        (mean_squared_error, 1.0, [1.0], "mean_squared_error.*target"),
        (mean_squared_error, [1.0], 1.0, "mean_squared_error.*target"),
        (mean_squared_error, 1.0, None, "mean_squared_error: the target must be a number, got None"),
        (mean_squared_error, 1.0, "cat", "mean_squared_error.*cat"),
        (binary_cross_entropy, [0.5, 0.5], 1, "binary_cross_entropy.*target"),
        (binary_cross_entropy, 0.5, [1], "binary_cross_entropy.*target"),
        (binary_cross_entropy, 0.5, "cat", "binary_cross_entropy.*cat"),
        (hinge, 0.5, "1", "hinge.*1"),
        (hinge, [0.5], -1, "hinge.*target"),
    ],
)
def test_outputs_and_targets_that_do_not_fit(loss, output, target, told):
    for given in (values(output), output):
        with pytest.raises((ValueError, TypeError), match=told):
            loss(given, target)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_batch_needs_an_example(loss):
    with pytest.raises(ValueError, match=f"{loss.name}: needs at least one example, got none"):
        loss([], [])


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_a_batch_needs_as_many_targets_as_outputs(loss):
    with pytest.raises(ValueError, match=f"{loss.name}: 3 outputs, but 2 targets"):
        loss(values([[0.0, 1.0]] * 3), [1, 1])


# ---------------------------------------------------------------- probabilities


@pytest.mark.parametrize("logits", [
    [0.0, 0.0], [1.0, 2.0, 3.0], [1e3, -1e3], [1e16, 1e16, 1e16 - 4.0], [1e300, 1e300], [-1e300, 0.0, 1e300], [5.0],
])  # fmt: skip
def test_probabilities_are_the_softmax(logits):
    expected = [float(mpmath.exp(-exact_cross(logits, i))) if z > -1e290 else 0.0 for i, z in enumerate(logits)]
    for given in (logits, tuple(logits), values(logits), np.array(logits)):
        found = probabilities(given)
        assert found == pytest.approx(expected, rel=1e-13, abs=1e-300)
        assert math.fsum(found) == pytest.approx(1.0, rel=1e-14)
        assert all(type(p) is float for p in found)


@pytest.mark.parametrize(("logit", "expected"), [(0.0, 0.5), (math.log(3.0), 0.75), (1e300, 1.0), (-1e300, 0.0)])
def test_one_logit_gives_two_probabilities(logit, expected):
    for given in (logit, Value(logit), np.float64(logit)):
        assert probabilities(given) == pytest.approx([1.0 - expected, expected], rel=1e-15)


def test_probabilities_record_nothing():
    zs = values([1.0, 2.0])
    probabilities(zs)
    assert all(type(p) is float for p in probabilities(zs))
    assert not any(z.has_grad for z in zs)


@pytest.mark.parametrize(
    ("chances", "names", "at_most", "text"),
    [
        ([0.02, 0.9, 0.08], ["rabbit", "cat", "dog"], 3, "90 % cat, 8 % dog, 2 % rabbit"),
        ([0.02, 0.9, 0.08], ["rabbit", "cat", "dog"], 1, "90 % cat"),
        ([0.02, 0.9, 0.08], ["rabbit", "cat", "dog"], 9, "90 % cat, 8 % dog, 2 % rabbit"),
        ([0.4, 0.4, 0.2], None, 3, "40 % 0, 40 % 1, 20 % 2"),
        ([0.1] * 10, None, 3, "10 % 0, 10 % 1, 10 % 2"),
        (np.array([0.25, 0.75]), np.array(["no", "yes"]), 3, "75 % yes, 25 % no"),
        ([1.0, 0.0], ["a", "b"], 3, "100 % a, 0 % b"),
    ],
)  # fmt: skip
def test_probabilities_in_words(chances, names, at_most, text):
    assert probabilities_text(chances, names, at_most) == text


@pytest.mark.parametrize("loss", [mean_squared_error, hinge, binary_cross_entropy, cross_entropy], ids=lambda f: f.name)
def test_help_says_what_a_loss_takes(loss):
    text = pydoc.plain(pydoc.render_doc(loss))
    for part in (f"{loss.name}(", "arget", "Derivative by"):
        assert part in text
    (example,) = doctest.DocTestParser().get_examples(loss.__doc__)
    assert repr(eval(example.source, {loss.name: loss})) == example.want.strip()
    assert pickle.loads(pickle.dumps(loss)) is copy.deepcopy(loss) is loss
