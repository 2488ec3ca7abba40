"""Training by a program: the same as one scalar at a time, or else one scalar at a time, and why."""

import itertools
import math
import random
import re
import sys

import numpy as np
import pytest
from shared import Line

import autograd
import nn
from autograd import Value
from nn import TrainingError, evaluate, fit

BLOBS = nn.datasets.blobs(22, width=3, seed=1)
MOONS = nn.datasets.moons(22, seed=1)


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def run(data, loss, *, widths, optimizer=nn.SGD, rate=0.1, model=None, options=None, **given):
    """`fit` on a fresh network; returns the history and the parameters afterwards."""
    inputs, targets = data
    model = model() if model else nn.MLP(len(inputs[0]), widths, seed=1)
    optimizer = optimizer(model.parameters(), rate, **(options or {}))
    chosen = {"epochs": 3, "batch_size": 5, **given}
    return fit(model, loss, inputs, targets, optimizer=optimizer, **chosen), numbers(model)


def same(*args, rel=1e-9, **options):
    """Both ways learn the same; returns the history of the compiled one."""
    history, found = run(*args, **options)
    expected_history, expected = run(*args, compiled=False, **options)
    assert (history.compiled, history.why_eager) == (True, "")
    assert (expected_history.compiled, expected_history.why_eager) == (False, "compiled=False")
    assert found == pytest.approx(expected, rel=rel, abs=1e-12)
    assert len(history) == len(expected_history)
    for row, other in zip(history, expected_history, strict=True):
        measured = [[math.nan if x is None else x for x in epoch[:-1]] for epoch in (row, other)]
        assert measured[0] == pytest.approx(measured[1], rel=rel, abs=1e-12, nan_ok=True)
    return history


# ---------------------------------------------------------------- the same


@pytest.mark.parametrize(("kind", "options"), [
    (nn.SGD, {}), (nn.SGD, {"momentum": 0.9, "weight_decay": 0.1}), (nn.SGD, {"momentum": 0.9, "nesterov": True}),
    (nn.RMSprop, {"weight_decay": 0.01}), (nn.Adam, {}), (nn.Adam, {"weight_decay": 0.1}), (nn.AdamW, {}),
])  # fmt: skip
def test_every_optimizer(kind, options):
    history = same(
        (MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[4, 1], optimizer=kind, options=options
    )
    assert history[-1].loss != history[1].loss


LINE = [[x / 4.0] for x in range(-5, 6)]


@pytest.mark.parametrize(("loss", "data", "widths"), [
    (nn.cross_entropy, (BLOBS.inputs, BLOBS.targets), [4, 3]),
    (nn.cross_entropy, (BLOBS.inputs.tolist(), [float(t) for t in BLOBS.targets]), [3]),
    (nn.cross_entropy, (MOONS.inputs, MOONS.targets.astype(bool)), [2]),
    (nn.binary_cross_entropy, (MOONS.inputs, MOONS.targets.tolist()), [4, 1]),
    (nn.binary_cross_entropy, (MOONS.inputs, list(np.linspace(0.0, 1.0, 22))), [4, 1]),
    (nn.hinge, (MOONS.inputs, 2 * MOONS.targets - 1), [4, 1]),
    (nn.mean_squared_error, (LINE, [2.0 * x[0] - 1.0 for x in LINE]), [1]),
    (nn.mean_squared_error, (LINE, list(range(11))), [2, 1]),
    (nn.mean_squared_error, (LINE, [[x[0], -x[0]] for x in LINE]), [2]),
    (nn.mean_squared_error, (BLOBS.inputs, np.eye(3, dtype=int)[BLOBS.targets]), [4, 3]),
    (nn.mean_squared_error, (BLOBS.inputs, np.eye(3)[BLOBS.targets].tolist()), [4, 3]),
    (lambda y, t: abs(y - t), (LINE, [2.0 * x[0] for x in LINE]), [1]),
    (lambda y, t: abs(y - t), (LINE, list(range(11))), [1]),  # integers, as numbers
    (lambda ys, t: -autograd.log(autograd.take(autograd.softmax(ys), t)), (BLOBS.inputs, BLOBS.targets), [4, 3]),
    (lambda ys, t: nn.cross_entropy(ys, t) + 0.1 * ys[0] ** 2, (BLOBS.inputs, BLOBS.targets), [4, 3]),
    (lambda y, t: nn.binary_cross_entropy(y, t) + 0.1 * y * y, (MOONS.inputs, MOONS.targets), [4, 1]),
    (lambda y, t: autograd.softplus(-y) if t == 1 else autograd.softplus(y), (MOONS.inputs, MOONS.targets), [1]),
    (nn.binary_cross_entropy, (np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]), [3, 1]),
    (nn.binary_cross_entropy, ([(0, True), (1, False), (0, False)], np.array([0, 1, 1], dtype=np.uint8)), [3, 1]),
    (nn.binary_cross_entropy, (MOONS.inputs.astype(np.float32), MOONS.targets), [3, 1]),
    (nn.binary_cross_entropy, (list(MOONS.inputs), list(MOONS.targets)), [3, 1]),
])  # fmt: skip
def test_every_loss_and_kind_of_data(loss, data, widths):
    history = same(data, loss, widths=widths)
    counts = loss.decide is not None if isinstance(loss, nn.Loss) else False
    if loss is nn.mean_squared_error:
        counts = widths[-1] == 3
    assert (history[-1].accuracy is not None) is counts


@pytest.mark.parametrize("clip_norm", [1e-3, 0.3, 1e9])
@pytest.mark.parametrize("kind", [nn.SGD, nn.Adam])
def test_clipping(clip_norm, kind):
    same((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[4, 1], optimizer=kind, clip_norm=clip_norm)


def test_a_schedule():
    rate = nn.schedules.warm_up(nn.schedules.cosine(0.5, 10), 3)
    history = same((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[4, 1], rate=rate)
    assert len({row.learning_rate for row in history}) == 4


@pytest.mark.parametrize("batch_size", [1, 7, 22, 100, np.int64(6)])
def test_batches_of_any_size(batch_size):
    same((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[3, 1], batch_size=batch_size, seed=4)


@pytest.mark.parametrize("n", [1, 5, 130])
def test_validation(n):
    held = nn.datasets.blobs(130, width=3, seed=1)
    validation = (held.inputs[:n], held.targets[:n])
    history = same((BLOBS.inputs, BLOBS.targets), nn.cross_entropy, widths=[4, 3], validation=validation)
    assert len({row.validation_loss for row in history}) == 4


def test_a_loss_row_of_ones_own():
    own = nn.hinge._replace(one=lambda y, t: (1.0 - t * y) ** 2, decide=lambda y: 1 if y > 0.2 else -1)
    history = same((MOONS.inputs, 2 * MOONS.targets - 1), own, widths=[4, 1])
    assert 0.0 < history[-1].accuracy < 1.0


def test_an_optimizer_of_ones_own():
    class SignSGD(nn.Optimizer):
        def update(self, theta, g, rate):
            return theta - rate * np.sign(g), {}

    same((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[4, 1], optimizer=SignSGD, rate=0.01)


def test_only_some_parameters_are_trained():
    def last_layer(model):
        return nn.SGD(model.layers[-1].parameters(), 0.5)

    results = []
    for compiled in (True, False):
        model = nn.MLP(2, [4, 1], seed=1)
        first = numbers(model.layers[0])
        history = fit(
            model, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, optimizer=last_layer(model), compiled=compiled
        )
        assert history.compiled is compiled
        assert numbers(model.layers[0]) == first
        results.append(numbers(model))
    assert results[0] == pytest.approx(results[1], rel=1e-9)


def test_branches_of_the_model():
    def leaky(x):
        return x if x > 0.0 else 0.1 * x

    same(
        (MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=None,
        model=lambda: nn.MLP(2, [3, 1], activation=leaky, seed=1),
    )  # fmt: skip


class Words(nn.Module):
    """A table of word vectors; an input is the numbers of two words."""

    def __init__(self):
        self.table = [[Value(0.1 * (i + j)) for j in range(2)] for i in range(4)]
        self.layer = nn.Layer(4, 2, seed=1)

    def __call__(self, words):
        return self.layer([x for word in words for x in autograd.take(self.table, word)])


def test_inputs_that_look_something_up():
    pairs = [[i, j] for i in range(4) for j in range(4)]
    history = same((pairs, [int(i > j) for i, j in pairs]), nn.cross_entropy, widths=None, model=Words, rate=1.0)
    assert history[-1].loss < history[1].loss


def test_model_and_loss_are_called_a_few_times_only():
    calls = []

    def called(epochs):
        calls.clear()
        model = nn.MLP(2, [2, 1], seed=1)

        def counting(x):
            calls.append(1)
            return model(x)

        fit(
            counting, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, epochs=epochs,
            optimizer=nn.SGD(model.parameters()), validation=(MOONS.inputs, MOONS.targets),
        )  # fmt: skip
        return len(calls)

    assert called(1) < 10
    assert called(6) == called(1) + 5  # one look an epoch whether they still agree


@pytest.mark.parametrize("seed", [1, 2])
def test_random_numbers_of_the_user_are_left_alone(seed):
    random.seed(seed)
    np.random.seed(seed)
    run((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[2, 1])
    found = random.random(), np.random.random()
    random.seed(seed)
    np.random.seed(seed)
    assert found == (random.random(), np.random.random())


# ---------------------------------------------------------------- what others see of it


def trained(callbacks=(), compiled=True, **options):
    model = nn.MLP(2, [4, 1], seed=1)
    optimizer = nn.SGD(model.parameters(), 0.5)
    chosen = {"epochs": 4, "batch_size": 5, **options}
    history = fit(
        model, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, optimizer=optimizer, callbacks=callbacks,
        compiled=compiled, **chosen,
    )  # fmt: skip
    return model, history


def test_callbacks_see_the_parameters_of_their_epoch():
    held = (MOONS.inputs, MOONS.targets)
    seen = []
    _, history = trained([lambda epoch, m: seen.append(evaluate(m, nn.binary_cross_entropy, *held))], validation=held)
    assert history.compiled
    assert len({loss for loss, _ in seen}) == 4
    for row, (loss, accuracy) in zip(history[1:], seen, strict=True):
        assert (row.validation_loss, row.validation_accuracy) == (pytest.approx(loss, rel=1e-12), accuracy)


def test_what_a_callback_does_to_the_parameters_counts():
    def shrink(epoch, model):
        for parameter in model.parameters():
            parameter.data *= 0.5

    (model, history), (expected, _) = trained([shrink]), trained([shrink], compiled=False)
    assert history.compiled
    assert numbers(model) == pytest.approx(numbers(expected), rel=1e-9)


@pytest.mark.parametrize("ending", [lambda: True, lambda: 1 / 0], ids=["stop", "error"])
def test_a_callback_has_the_last_word(ending):
    kept = []

    def first_epoch_was_best(epoch, model):
        kept.append(model.state_dict())
        if epoch.epoch == 3:
            model.load_state_dict(kept[0])
            return ending()
        return None

    model = nn.MLP(2, [4, 1], seed=1)
    optimizer = nn.SGD(model.parameters(), 0.5)
    try:
        history = fit(
            model, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, optimizer=optimizer,
            callbacks=[first_epoch_was_best],
        )  # fmt: skip
        assert history.compiled
    except ZeroDivisionError:
        pass
    assert len(kept) == 3
    assert all(np.array_equal(value, kept[0][name]) for name, value in model.state_dict().items())


def test_a_terminal_is_told_once_why_not(capsys, monkeypatch):
    why = "the traced function reads .data of a Value"
    for tqdm in (True, False):
        if not tqdm:
            monkeypatch.setitem(sys.modules, "tqdm", None)
        for options, times in (({}, 1), ({"compiled": False}, 0), ({"progress": False}, 0)):
            history, _ = run(
                (LINE, [x[0] for x in LINE]), lambda y, t: (y - t) ** 2 + y.data * 0.0, widths=[1],
                **{"progress": True, **options},
            )  # fmt: skip
            err = capsys.readouterr().err
            assert err.count("one scalar at a time: ") == err.count(why) == times
            assert (why in history.why_eager) == ("compiled" not in options)
        run((MOONS.inputs, MOONS.targets), nn.binary_cross_entropy, widths=[1], progress=True)
        assert "one scalar" not in capsys.readouterr().err


# ---------------------------------------------------------------- Ctrl-C


def interrupting(count, f=lambda *args: args[-1], error=KeyboardInterrupt):
    """`f`, but the call number `count` raises."""
    calls = itertools.count(1)

    def call(*args, **named):
        if next(calls) == count:
            raise error
        return f(*args, **named)

    return call


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.parametrize("moment", ["program", "clip", "update", "after"])
def test_control_c_keeps_the_last_whole_step(monkeypatch, moment, count):
    kept = []

    class Watched(nn.Adam):
        def update(self, theta, g, rate):
            if moment == "update":
                stop()
            return super().update(theta, g, rate)

        def advance(self, theta, g):
            new = super().advance(theta, g)
            if moment == "after":
                stop()
            kept.append(new.tolist())
            return new

    stop = interrupting(count, lambda: None)
    model = nn.MLP(2, [4, 1], seed=1)
    kept.append(numbers(model))
    if moment == "clip":
        monkeypatch.setattr("nn.training.clipped", interrupting(count, nn.training.clipped))
    if moment == "program":
        program = autograd.Program
        monkeypatch.setattr(program, "value_and_grad", interrupting(count, program.value_and_grad))
    history = fit(
        model, nn.binary_cross_entropy, MOONS.inputs[:10], MOONS.targets[:10],
        optimizer=Watched(model.parameters(), 0.1), epochs=5, batch_size=5, clip_norm=100.0, progress=False,
    )  # fmt: skip
    assert history.compiled
    assert history.interrupted
    assert numbers(model) == kept[-1]
    assert len(kept) == count
    assert [row.epoch for row in history] == list(range(1 + (count - 1) // 2))


@pytest.mark.parametrize("count", range(1, 10))
def test_control_c_while_it_is_traced(count):
    model = nn.MLP(2, [4, 1], seed=1)
    before = numbers(model)
    history = fit(
        interrupting(count, model), nn.binary_cross_entropy, MOONS.inputs, MOONS.targets,
        optimizer=nn.SGD(model.parameters()), validation=(MOONS.inputs, MOONS.targets), epochs=0,
    )  # fmt: skip
    assert history.interrupted is (len(history) == 0)
    assert count < 8 or history.compiled
    assert numbers(model) == before
    assert (model(MOONS.inputs[0]) * 1.0).args  # recording again


def test_control_c_in_a_callback_and_on_again():
    model, history = trained([interrupting(2)])
    assert history.compiled
    assert history.interrupted
    assert [row.epoch for row in history] == [0, 1, 2]
    expected, _ = trained(compiled=False, epochs=2)
    assert numbers(model) == pytest.approx(numbers(expected), rel=1e-9)


def test_control_c_during_validation(monkeypatch):
    compiled = nn.stepping.Compiled
    monkeypatch.setattr(compiled, "evaluate", interrupting(3, compiled.evaluate))
    model, history = trained(validation=(MOONS.inputs, MOONS.targets))
    assert history.interrupted
    assert [row.epoch for row in history] == [0, 1]
    expected, _ = trained(compiled=False, epochs=2)  # the second epoch's steps are done
    assert numbers(model) == pytest.approx(numbers(expected), rel=1e-9)


# ---------------------------------------------------------------- errors


def from_some_slope_on(broken):
    """The loss y, but `broken` once the slope is below 0.7."""
    return lambda y, t: autograd.where(
        autograd.relu(y - 0.7), y, broken(autograd.where(autograd.relu(y - 0.7), 1.0, y))
    )


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("loss", "told"), [  # the slope is 1, 7/8, 3/4, 5/8
    (lambda y, t: y + 0.0 * autograd.log(y - 0.625), "log: argument must be > 0, got 0.0"),
    (lambda y, t: y + 0.0 * autograd.log(y - 0.75 + 2.0**-10), "log: argument must be > 0, got -0.12"),
    (from_some_slope_on(lambda y: autograd.sqrt(y - 0.625)), "the gradient became inf"),
    (from_some_slope_on(lambda y: y + math.inf), "the loss became inf"),
    (from_some_slope_on(lambda y: y * math.nan), "the loss became nan"),
    (from_some_slope_on(lambda y: autograd.exp(2000.0 * (1.0 - y))), "exp: the result is too large"),
])  # fmt: skip
def test_a_loss_that_breaks_down_stops_with_the_last_good_parameters(loss, told, compiled):
    model = Line(1.0)
    optimizer = nn.SGD(model.parameters(), 0.125)
    with pytest.raises(TrainingError, match=r"fit: .* in epoch 2, batch 2 of 2, after 3 steps; .*0.125: try") as error:
        fit(model, loss, [[1.0]] * 4, [0.0] * 4, optimizer=optimizer, epochs=5, batch_size=2, compiled=compiled)
    assert told in str(error.value)
    assert "clip_norm" in str(error.value)
    assert model.slope.data == 0.75  # as the first epoch left it
    assert (optimizer.steps, [row.epoch for row in error.value.history]) == (2, [0, 1])


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("loss", "rate", "told"), [
    (lambda y, t: y * y * 1e200, 1e200, "the step is too large for floats|the gradient became|the loss became"),
    (lambda y, t: y * math.nan, 0.1, "the loss became nan in epoch 1, batch 1 of 1, after 0 steps"),
    (lambda y, t: autograd.sqrt(y - 1.0), 0.1, "the gradient became inf in epoch 1, batch 1 of 1, after 0 steps"),
    (lambda y, t: y * 2.0, 1.7e308, "the step is too large for floats"),
])  # fmt: skip
def test_steps_that_cannot_be_made(loss, rate, told, compiled):
    model = Line(1.0)
    optimizer = nn.SGD(model.parameters(), rate, momentum=0.9)
    with pytest.raises(TrainingError, match=told):
        fit(model, loss, [[1.0]] * 4, [0.0] * 4, optimizer=optimizer, epochs=50, compiled=compiled)
    assert math.isfinite(model.slope.data)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    "loss", [lambda y, t: autograd.log(y), lambda y, t: y * autograd.where(y - 2.0, 1.0, math.nan)]
)
def test_validation_that_breaks_down(loss, compiled):
    model = Line(1.0)
    options = {"validation": ([[1.0], [0.0], [2.0]], [0.0] * 3), "compiled": compiled}
    with pytest.raises(TrainingError, match=r"fit: the (model has no|validation loss became).* before training"):
        fit(model, loss, [[1.0]] * 4, [0.0] * 4, optimizer=nn.SGD(model.parameters()), **options)
    assert model.slope.data == 1.0


@pytest.mark.parametrize(("loss", "wrong", "told"), [
    (nn.cross_entropy, 3, "cross_entropy: the target must be a class from 0 to 2.*got 3"),
    (nn.cross_entropy, 0.5, "got 0.5"), (nn.cross_entropy, None, "got None"), (nn.cross_entropy, "cat", "got 'cat'"),
    (nn.mean_squared_error, 1.0, "mean_squared_error: one output needs one target"),
    (nn.mean_squared_error, [1.0, 2.0], "mean_squared_error: 3 outputs, but 2 targets"),
    (nn.mean_squared_error, [1.0, 2.0, None], "mean_squared_error: the target must be a number, got None"),
])  # fmt: skip
@pytest.mark.parametrize("held", [True, False])
def test_every_target_is_checked_before_anything_changes(loss, wrong, told, held):
    model = nn.MLP(3, [3], seed=1)
    before = numbers(model)
    good = BLOBS.targets.tolist() if loss is nn.cross_entropy else np.eye(3)[BLOBS.targets].tolist()
    bad = [*good[:-1], wrong]
    with pytest.raises(ValueError, match=told):
        fit(
            model, loss, BLOBS.inputs, good if held else bad, optimizer=nn.SGD(model.parameters()), batch_size=1,
            validation=(BLOBS.inputs, bad if held else good),
        )  # fmt: skip
    assert numbers(model) == before


def test_a_label_that_a_loss_of_ones_own_cannot_look_up():
    model = nn.MLP(3, [3], seed=1)
    for compiled in (True, False):
        with pytest.raises(IndexError):
            fit(
                model, lambda ys, t: autograd.take(ys, t), BLOBS.inputs, [*[0] * 21, 3], compiled=compiled,
                optimizer=nn.SGD(model.parameters()),
            )  # fmt: skip


# ---------------------------------------------------------------- one scalar at a time, and why


def dropout(draw):
    def make():
        model = nn.MLP(2, [4, 1], seed=1)
        model.layers[0].neurons[0].activation = lambda x: x * (2.0 * (draw() > 0.5))
        return model

    return make


def counting():
    model = nn.MLP(2, [4, 1], seed=1)
    count = itertools.count()
    model.layers[0].neurons[0].activation = lambda x: x / (1.0 + next(count))
    return model


def reading(model=None):
    model = nn.MLP(2, [4, 1], seed=1)
    model.layers[0].neurons[0].activation = lambda x: x * (0.5 if x.data > 0.0 else 1.0)
    return model


def keeping():
    model, kept = nn.MLP(2, [4, 1], seed=1), []

    def keep(x):
        y = autograd.tanh(x)
        kept.append(y)
        return y

    model.layers[0].neurons[0].activation = keep
    return model


class SlowSGD(nn.SGD):
    def step(self):
        super().step()


SQUARE = lambda y, t: (y - t) ** 2  # noqa: E731
XY = (MOONS.inputs, MOONS.targets.astype(float))


def test_a_loss_that_asks_whether_its_target_is_a_number_has_a_path_for_each_answer():
    def loss(y, t):
        return y * y if t == 1.0 else (y - 1.0) ** 2

    history, found = run(XY, loss, widths=[3, 1], epochs=2)
    _, expected = run(XY, loss, widths=[3, 1], epochs=2, compiled=False)
    assert history.compiled
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("why", "options"), [
    ("reads .data of a Value", {"model": reading}),
    ("test_nn_stepping.py, line", {"model": reading}),
    ("keeps a Value", {"model": keeping}),
    ("the same thing twice", {"model": counting}),
    ("draw random numbers", {"model": dropout(random.random)}),
    ("draw random numbers", {"model": dropout(np.random.random)}),
    ("SlowSGD has a step() of its own", {"optimizer": SlowSGD}),
    ("the inputs are not all plain numbers", {"data": ([[Value(n) for n in x] for x in XY[0]], XY[1])}),
    ("integer argument", {
        "data": MOONS[1:3], "loss": lambda ys, t: -autograd.log(autograd.softmax(ys)[t]), "widths": [2],
    }),
    ("the targets are not all plain numbers", {"data": (XY[0], [[1.0] * (1 + i % 2) for i in range(22)]),
                                                "loss": lambda y, t: (y - sum(t)) ** 2}),
    ("the targets are not all plain numbers", {"data": (XY[0], [[[1.0], [2.0, 3.0]]] * 22),
                                                "loss": lambda y, t: (y - t[1][1]) ** 2}),
    ("the targets are not all plain numbers", {"data": (XY[0], ["up", "down"] * 11),
                                                "loss": lambda y, t: y * y if t == "up" else (y - 1.0) ** 2}),
    ("on plain numbers, but", {"loss": lambda y, t: y * y if t in {1.0} else (y - 1.0) ** 2}),
])  # fmt: skip
def test_what_cannot_be_traced_is_trained_one_scalar_at_a_time(why, options):
    def trained(compiled):
        random.seed(3)
        np.random.seed(3)
        chosen = {"data": XY, "loss": SQUARE, "widths": [4, 1], "compiled": compiled, **options}
        data, loss = chosen.pop("data"), chosen.pop("loss")
        return run(data, loss, epochs=2, **chosen)

    history, found = trained(True)
    expected_history, expected = trained(False)
    assert not history.compiled
    assert why in history.why_eager
    assert "\n" not in history.why_eager
    if options.get("model") is not counting:  # which has been called already
        assert found == expected  # to the last bit
        assert [row[:-1] for row in history] == [row[:-1] for row in expected_history]


def test_validation_targets_of_another_shape():
    results = []
    for compiled in (True, False):
        model = Line(1.0)
        history = fit(
            model, lambda y, t: (y - sum(t)) ** 2, LINE, [[x[0]] for x in LINE], compiled=compiled,
            optimizer=nn.SGD(model.parameters()), validation=(LINE, [[x[0], 1.0] for x in LINE]),
        )  # fmt: skip
        assert not history.compiled
        assert history.why_eager == (
            "the targets of training and validation are of different shapes" if compiled else "compiled=False"
        )
        results.append([row[:-1] for row in history])
    assert results[0] == results[1]


def test_classes_decided_for_by_something_else_than_numbers():
    class Named(Line):
        def __call__(self, x):
            return {"y": self.slope * x[0]}

    def by_name(compiled):
        loss = nn.hinge._replace(
            one=lambda output, t: nn.hinge(output["y"], t), decide=lambda output: nn.hinge.decide(output["y"]),
            is_one=lambda output, t: True, check=lambda output, t: "",
        )  # fmt: skip
        targets = [1 if x[0] > 0.3 else -1 for x in LINE]
        return run((LINE, targets), loss, widths=None, model=lambda: Named(0.1), compiled=compiled)

    (history, found), (expected_history, expected) = by_name(True), by_name(False)
    assert "something else than a number or a list of numbers" in history.why_eager
    assert found == expected
    assert history[-1].accuracy == expected_history[-1].accuracy < 1.0


def test_inputs_of_which_only_some_are_whole():
    """They are numbers, then; what looks something up with the whole ones cannot be traced."""
    table = [Value(0.0), Value(1.0)]

    def step_function(x):
        return table[int(x[0])] * 1.0

    inputs, targets = [[0], [1.5], [1], [0.5]], [1.0, 2.0, 2.0, 1.0]
    history = fit(step_function, SQUARE, inputs, targets, optimizer=nn.SGD(table, 0.5), epochs=60)
    assert not history.compiled
    assert [value.data for value in table] == pytest.approx([1.0, 2.0], abs=1e-3)


def test_an_error_of_the_users_own_trace_comes_through():
    def model(x):
        raise autograd.TraceError("mine")

    for compiled in (True, False):
        with pytest.raises(autograd.TraceError, match="mine"):
            fit(model, SQUARE, LINE, [0.0] * 11, optimizer=nn.SGD([Value(0.0)]), compiled=compiled)


def test_a_generator_of_ones_own():
    rng = random.Random(1)
    history, _ = run(XY, SQUARE, widths=None, model=dropout(rng.random))
    assert not history.compiled


def test_too_many_branches():
    def leaky(x):
        return x if x > 0.0 else 0.1 * x

    def make():
        return nn.MLP(2, [40, 1], activation=leaky, seed=1)

    data = nn.datasets.moons(200, seed=1)
    history, found = run(data[1:3], SQUARE, widths=None, model=make, epochs=1, rate=0.01)
    _, expected = run(data[1:3], SQUARE, widths=None, model=make, epochs=1, rate=0.01, compiled=False)
    assert not history.compiled
    assert "more than 64 paths" in history.why_eager
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("when", ["epoch", "step"])
def test_a_number_outside_that_changes(when):
    """Neither the weight of a penalty that a callback changes, nor one that follows the optimiser, is missed."""
    results = []
    for compiled in (True, False):
        model = nn.MLP(2, [3, 1], seed=1)
        optimizer = nn.SGD(model.parameters(), 0.1)
        weight = [0.0]

        def loss(y, t):
            return (y - t) ** 2 + (weight[0] if when == "epoch" else optimizer.steps / 10.0) * y * y  # noqa: B023

        def heavier(epoch, model):
            weight[0] += 1.0  # noqa: B023

        history = fit(model, loss, *XY, optimizer=optimizer, epochs=3, callbacks=[heavier], compiled=compiled)
        results.append(numbers(model))
    assert results[0] == pytest.approx(results[1], rel=1e-9)
    assert not history.compiled


def test_the_reasons_are_the_remedies():
    history, _ = run(XY, lambda y, t: (y - t) ** 2 + y.data, widths=[1])
    assert re.fullmatch(
        r"test_nn_stepping.py, line \d+: the traced function reads .data .*stop_gradient.*", history.why_eager
    )
