"""Optimisers, held against the updates that PyTorch documents, written here in plain floats; gradient clipping."""

import math

import numpy as np
import pytest

import autograd
import nn
from autograd import Value
from nn import SGD, Adam, AdamW, RMSprop, clip_gradients, schedules
from nn.optimizers import OPTIMIZERS, clipped, length

START = [1.5, -2.0, 0.25]
GRADIENTS = [[0.3, -4.0, 0.0], [-0.1, 2.0, 1e-3], [0.7, 0.7, -5.0], [0.0, -1e-6, 12.0], [0.2, 0.1, 0.05]]


# One parameter through all steps: the algorithm boxes of torch.optim, line by line.


def torch_sgd(theta, gs, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    buffer = None
    for g in gs:
        if weight_decay:
            g = g + weight_decay * theta
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        theta = theta - lr * g
        yield theta


def torch_rmsprop(theta, gs, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0):
    v = 0.0
    for g in gs:
        if weight_decay:
            g = g + weight_decay * theta
        v = alpha * v + (1.0 - alpha) * g * g
        theta = theta - lr * g / (math.sqrt(v) + eps)
        yield theta


def torch_adam(theta, gs, *, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(gs, 1):
        if decoupled:
            theta = theta - lr * weight_decay * theta
        elif weight_decay:
            g = g + weight_decay * theta
        m = betas[0] * m + (1.0 - betas[0]) * g
        v = betas[1] * v + (1.0 - betas[1]) * g * g
        m_hat, v_hat = m / (1.0 - betas[0] ** t), v / (1.0 - betas[1] ** t)
        theta = theta - lr * m_hat / (math.sqrt(v_hat) + eps)
        yield theta


def torch_adamw(theta, gs, *, weight_decay=0.01, **options):
    return torch_adam(theta, gs, weight_decay=weight_decay, decoupled=True, **options)


CASES = [
    (SGD, torch_sgd, {}),
    (SGD, torch_sgd, {"weight_decay": 0.1}),
    (SGD, torch_sgd, {"momentum": 0.9}),
    (SGD, torch_sgd, {"momentum": 0.5, "weight_decay": 0.1}),
    (SGD, torch_sgd, {"momentum": 0.9, "nesterov": True}),
    (SGD, torch_sgd, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    (RMSprop, torch_rmsprop, {}),
    (RMSprop, torch_rmsprop, {"alpha": 0.5, "epsilon": 0.1, "weight_decay": 0.2}),
    (Adam, torch_adam, {}),
    (Adam, torch_adam, {"betas": (0.5, 0.7), "epsilon": 0.1}),
    (Adam, torch_adam, {"weight_decay": 0.3}),
    (AdamW, torch_adamw, {}),
    (AdamW, torch_adamw, {"weight_decay": 0.3, "betas": (0.8, 0.9)}),
    (AdamW, torch_adamw, {"weight_decay": 0.0}),
]


def trajectory(make, gradients, start=START):
    """The parameters after each step of `make(parameters)` with the given gradients."""
    parameters = [Value(x) for x in start]
    optimizer = make(parameters)
    path = []
    for gs in gradients:
        for parameter, g in zip(parameters, gs, strict=True):
            parameter.grad = g
        optimizer.step()
        path.append([parameter.data for parameter in parameters])
    return path


@pytest.mark.parametrize(
    ("kind", "documented", "options"), CASES, ids=lambda x: x.__name__ if callable(x) else "-".join(x)
)
@pytest.mark.parametrize("rate", [0.1, 1e-3])
def test_update_is_the_documented_one(kind, documented, options, rate):
    named = {"eps" if name == "epsilon" else name: option for name, option in options.items()}
    expected = zip(
        *(documented(x, gs, lr=rate, **named) for x, gs in zip(START, zip(*GRADIENTS, strict=True), strict=True)),
        strict=True,
    )
    found = trajectory(lambda parameters: kind(parameters, rate, **options), GRADIENTS)
    for step, numbers in zip(found, expected, strict=True):
        assert step == pytest.approx(list(numbers), rel=1e-13, abs=1e-15)


def test_by_hand_sgd_with_momentum():
    # v: 1, 1.5, 1.75; θ: 1 - 0.1, - 0.15, - 0.175
    path = trajectory(lambda ps: SGD(ps, 0.1, momentum=0.5), [[1.0]] * 3, [1.0])
    assert [x for (x,) in path] == pytest.approx([0.9, 0.75, 0.575], rel=1e-14)


def test_by_hand_nesterov():
    # v: 1, 1.5; step by g + v/2: 1.5, 1.75
    path = trajectory(lambda ps: SGD(ps, 0.1, momentum=0.5, nesterov=True), [[1.0]] * 2, [1.0])
    assert [x for (x,) in path] == pytest.approx([0.85, 0.675], rel=1e-14)


def test_by_hand_rmsprop():
    # s: 0.25 · 4 = 1, then 0.75 + 1 = 1.75
    path = trajectory(lambda ps: RMSprop(ps, 0.1, alpha=0.75, epsilon=0.0), [[2.0]] * 2, [1.0])
    assert [x for (x,) in path] == pytest.approx([0.8, 0.8 - 0.2 / math.sqrt(1.75)], rel=1e-14)


@pytest.mark.parametrize("g", [1e-3, 1.0, 1e6, -7.0])
def test_the_first_step_of_adam_is_the_learning_rate(g):
    # m̂ = g and v̂ = g² after one step, whatever the betas (Kingma and Ba 2015, section 2.1)
    ((x,),) = trajectory(lambda ps: Adam(ps, 0.01, epsilon=0.0), [[g]], [1.0])
    assert x == pytest.approx(1.0 - math.copysign(0.01, g), rel=1e-14)


def test_adamw_shrinks_without_a_gradient_and_adam_scales_the_decay_away():
    ((x,),) = trajectory(lambda ps: AdamW(ps, 0.1, weight_decay=0.5), [[0.0]], [2.0])
    assert x == pytest.approx(2.0 * (1.0 - 0.05), rel=1e-15)
    ((x,),) = trajectory(lambda ps: Adam(ps, 0.1, weight_decay=0.5), [[0.0]], [2.0])
    assert x == pytest.approx(2.0 - 0.1, rel=1e-7)


def test_defaults():
    ps = [Value(0.0)]
    assert [kind(ps).learning_rate for kind in (SGD, RMSprop, Adam, AdamW)] == [0.01, 0.01, 0.001, 0.001]
    assert (Adam(ps).beta1, Adam(ps).beta2, Adam(ps).epsilon) == (0.9, 0.999, 1e-8)
    assert (RMSprop(ps).alpha, RMSprop(ps).epsilon) == (0.99, 1e-8)
    assert [kind(ps).weight_decay for kind in (SGD, RMSprop, Adam, AdamW)] == [0.0, 0.0, 0.0, 0.01]


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_goes_downhill(kind):
    x, y = Value(3.0), Value(-2.0)
    optimizer = kind([x, y], 0.05)
    for _ in range(500):
        optimizer.zero_grad()
        ((x - 1.0) ** 2 + 10.0 * (y - 0.5) ** 2).backward()
        optimizer.step()
    assert [x.data, y.data] == pytest.approx([1.0, 0.5], abs=0.05)
    assert optimizer.steps == 500


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_parameter_named_twice_moves_once(kind):
    x, y = Value(1.0), Value(1.0)
    for parameters in ([x, x, x], [y]):
        optimizer = kind(iter(parameters), 0.1)
        assert optimizer.parameters == parameters[:1]
        parameters[0].grad = 0.5
        optimizer.step()
        optimizer.step()
    assert x.data == y.data != 1.0


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam])
def test_a_parameter_that_no_sweep_reached_stays(kind):
    x, y = Value(1.0), Value(2.0)
    optimizer = kind([x, y], 0.1)
    (x * x).backward()
    optimizer.step()
    assert y.data == 2.0
    assert x.data != 1.0
    assert not y.has_grad


def test_zero_grad_clears():
    x = Value(1.0)
    (x * x).backward()
    SGD([x]).zero_grad()
    assert not x.has_grad


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_no_number_changes_nothing(kind, bad):
    def run(with_bad_step):
        parameters = [Value(x) for x in START]
        optimizer = kind(parameters, 0.1)
        for i, gs in enumerate(GRADIENTS):
            if i == 2 and with_bad_step:
                autograd.write(parameters, "grad", [1.0, bad, 1.0])
                with pytest.raises(FloatingPointError, match=rf"{kind.__name__}: the gradient of parameter 1 is {bad}"):
                    optimizer.step()
            autograd.write(parameters, "grad", gs)
            optimizer.step()
        return [p.data for p in parameters], optimizer.steps

    # Neither the parameters nor what the optimiser remembers: afterwards all goes on as if nothing had been.
    assert run(True) == run(False)


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_too_large_for_a_float_changes_nothing(kind):
    x = Value(1.0)
    optimizer = kind([x], 1e200)
    x.grad = 1e200
    with pytest.raises(FloatingPointError, match=kind.__name__):
        optimizer.step()
    assert (x.data, optimizer.steps) == (1.0, 0)
    x.grad = 1.0
    optimizer.schedule = schedules.constant(0.1)
    optimizer.step()
    assert x.data == pytest.approx(0.9 if kind is not RMSprop else 0.0, abs=2e-3)


def test_the_learning_rate_may_be_a_schedule():
    optimizer = SGD([x := Value(0.0)], schedules.step_decay(1.0, every=2, factor=0.5))
    seen = []
    for _ in range(5):
        seen.append(optimizer.learning_rate)
        x.grad = 1.0
        optimizer.step()
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25]
    assert x.data == -sum(seen)
    assert optimizer.learning_rate == 0.25


def test_a_closure_reads_what_users_change_in_between():
    x = Value(1.0)
    optimizer = SGD([x], 0.5)
    x.data, x.grad = 10.0, 2.0
    optimizer.step()
    assert x.data == 9.0


def test_repr():
    assert repr(Adam([Value(0.0), Value(1.0)], 0.05)) == "Adam(2 parameters, learning rate 0.05)"


def test_an_optimizer_of_ones_own():
    class SignSGD(nn.Optimizer):
        def update(self, theta, g, rate):
            return theta - rate * np.sign(g), {}

    assert trajectory(lambda ps: SignSGD(ps, 0.5), [[3.0, -1e-9, 0.0]]) == [[1.0, -1.5, 0.25]]


# ---------------------------------------------------------------- errors


def test_no_parameters():
    with pytest.raises(ValueError, match=r"SGD: there are no parameters.*model.parameters\(\)"):
        SGD([])


@pytest.mark.parametrize("wrong", [[1.0], ["a"], [Value(1.0) * 2.0], [[Value(1.0)]], nn.Neuron(1), Value(1.0), None])
def test_parameters_must_be_leaves(wrong):
    with pytest.raises(TypeError, match=r"Adam: .*parameters"):
        Adam(wrong)


@pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf, "0.1", None, True, [0.1]], ids=repr)
def test_learning_rates_must_be_positive_numbers(rate):
    with pytest.raises((ValueError, TypeError), match="must be a number > 0"):
        SGD([Value(0.0)], rate)


@pytest.mark.parametrize("rate", [np.float32(0.5), np.float64(0.5), 1, np.int64(1)], ids=repr)
def test_learning_rates_may_come_from_numpy(rate):
    assert SGD([Value(0.0)], rate).learning_rate == rate


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda ps: SGD(ps, momentum=1.0), r"SGD: momentum must lie in \[0, 1\), got 1.0"),
        (lambda ps: SGD(ps, momentum=-0.1), "momentum"),
        (lambda ps: SGD(ps, momentum=math.nan), "momentum"),
        (lambda ps: SGD(ps, nesterov=True), "nesterov needs a momentum"),
        (lambda ps: SGD(ps, weight_decay=-1.0), "SGD: weight_decay must be a number >= 0, got -1.0"),
        (lambda ps: SGD(ps, weight_decay=math.inf), "weight_decay"),
        (lambda ps: SGD(ps, weight_decay="a"), "weight_decay"),
        (lambda ps: RMSprop(ps, alpha=1.0), "RMSprop: alpha"),
        (lambda ps: RMSprop(ps, epsilon=-1e-8), "RMSprop: epsilon"),
        (lambda ps: Adam(ps, betas=(0.9, 1.0)), r"Adam: betas\[1\]"),
        (lambda ps: Adam(ps, betas=(-0.1, 0.9)), r"Adam: betas\[0\]"),
        (lambda ps: Adam(ps, betas=(0.9, 0.9, 0.9)), "Adam: betas"),
        (lambda ps: Adam(ps, betas=0.9), "Adam: betas"),
        (lambda ps: AdamW(ps, betas=(2.0, 0.9)), r"AdamW: betas\[0\]"),
        (lambda ps: AdamW(ps, epsilon=math.nan), "AdamW: epsilon"),
    ],
)  # fmt: skip
def test_wrong_options(make, told):
    with pytest.raises((ValueError, TypeError), match=told):
        make([Value(0.0)])


# ---------------------------------------------------------------- clipping


def with_gradients(*gs):
    parameters = [Value(0.0) for _ in gs]
    autograd.write(parameters, "grad", gs)
    return parameters


@pytest.mark.parametrize(
    ("gs", "max_norm", "expected"),
    [
        ([3.0, 4.0], 1.0, [0.6, 0.8]),
        ([3.0, -4.0], 2.5, [1.5, -2.0]),
        ([3.0, 4.0], 5.0, [3.0, 4.0]),
        ([3.0, 4.0], 100.0, [3.0, 4.0]),
        ([3.0, 4.0], math.inf, [3.0, 4.0]),
        ([0.0, 0.0], 1.0, [0.0, 0.0]),
        ([-7.0], 0.5, [-0.5]),
        ([3e200, 4e200], 1.0, [0.6, 0.8]),  # squares of these overflow
        ([3e-200, 4e-200], 1e-200, [0.6e-200, 0.8e-200]),  # and of these vanish
    ],
)
def test_clipping_shortens_and_keeps_the_direction(gs, max_norm, expected):
    parameters = with_gradients(*gs)
    norm = math.hypot(*gs)
    assert length(np.array(gs)) == pytest.approx(norm, rel=1e-15)
    assert clipped(np.array(gs), norm, max_norm) == pytest.approx(expected, rel=1e-14)
    assert clip_gradients(iter(parameters), max_norm) == pytest.approx(norm, rel=1e-15)
    assert [p.grad for p in parameters] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("x", "expected"), [
    ([], 0.0), ([0.0], 0.0), ([-3.0], 3.0), ([1e308, -1e308], math.sqrt(2.0) * 1e308), ([5e-324], 5e-324),
    ([math.inf, 1.0], math.inf), ([-math.inf], math.inf), ([1.0, math.nan], math.nan),
])  # fmt: skip
def test_the_length_of_any_vector(x, expected):
    assert length(np.array(x)) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_the_length_of_a_long_vector():
    x = np.random.default_rng(0).normal(size=10_001)
    assert length(x) == pytest.approx(math.hypot(*x), rel=1e-14)


@pytest.mark.parametrize(("kind", "options"), [(kind, options) for kind, _, options in CASES])
def test_a_step_on_vectors_is_the_same(kind, options):
    theta, optimizer = np.array(START), kind([Value(x) for x in START], 0.1, **options)
    path = []
    for gs in GRADIENTS:
        before = theta.tolist()
        new = optimizer.advance(theta, np.array(gs))
        assert theta.tolist() == before
        theta = new
        path.append(theta.tolist())
    assert path == trajectory(lambda parameters: kind(parameters, 0.1, **options), GRADIENTS)
    assert [parameter.data for parameter in optimizer.parameters] == START  # it never looks at the Values
    assert optimizer.steps == len(GRADIENTS)


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_on_vectors_that_fails_changes_nothing(kind):
    optimizer = kind([Value(1.0)], 1e200)
    with pytest.raises(FloatingPointError, match=rf"{kind.__name__}: the gradient of parameter 0 is nan"):
        optimizer.advance(np.array([1.0]), np.array([math.nan]))
    with pytest.raises(FloatingPointError, match="the step is too large for floats"):
        optimizer.advance(np.array([1.0]), np.array([1e200]))
    assert (optimizer.steps, optimizer.memory) == (0, {})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_clipping_leaves_a_gradient_that_is_no_number(bad):
    parameters = with_gradients(1.0, bad)
    assert not math.isfinite(clip_gradients(parameters, 1.0))
    assert parameters[0].grad == 1.0


def test_clipping_does_not_reach_what_no_sweep_has_reached():
    reached, other = Value(0.0), Value(0.0)
    reached.grad = 10.0
    clip_gradients([reached, other], 1.0)
    assert reached.grad == 1.0
    assert not other.has_grad


def test_clipping_no_parameters():
    assert clip_gradients([], 1.0) == 0.0


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_clipping_needs_a_positive_length(max_norm):
    with pytest.raises(ValueError, match="clip_gradients: max_norm must be > 0"):
        clip_gradients(with_gradients(1.0), max_norm)
