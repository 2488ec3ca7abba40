"""The training loop: learning, its record, and everything that can stop it."""

import csv
import itertools
import math
import pickle
import sys

import numpy as np
import pytest
from shared import Line

import autograd
import nn
from autograd import Value
from nn import Epoch, History, TrainingError, evaluate, fit

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
XOR = [0, 1, 1, 0]


def setup(rate=0.1, **options):
    """A small network, and `fit` for it with whatever is given instead of the ordinary."""
    model = options.pop("model", None) or nn.MLP(2, [4, 1], seed=1)
    optimizer = options.pop("optimizer", None) or nn.SGD(model.parameters(), rate)

    def run(**more):
        chosen = {"loss": nn.binary_cross_entropy, "inputs": CORNERS, "targets": XOR, "epochs": 3, **options, **more}
        loss, inputs, targets = (chosen.pop(name) for name in ("loss", "inputs", "targets"))
        return fit(model, loss, inputs, targets, optimizer=optimizer, **chosen)

    return model, run


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize(
    ("data", "widths", "kind", "rate", "epochs"),
    [
        (nn.datasets.xor(60, seed=1), [6], nn.Adam, 0.1, 20),
        (nn.datasets.moons(60, seed=1), [8], nn.AdamW, 0.1, 60),
        (nn.datasets.blobs(60, seed=1), [5], nn.RMSprop, 0.03, 15),
    ],
    ids=["xor", "moons", "blobs"],
)
def test_it_learns(data, widths, kind, rate, epochs):
    classes = len(data.classes)
    loss = nn.binary_cross_entropy if classes == 2 else nn.cross_entropy
    model = nn.MLP(data.inputs.shape[1], [*widths, 1 if classes == 2 else classes], seed=1)
    optimizer = kind(model.parameters(), rate)
    history = fit(model, loss, data.inputs, data.targets, optimizer=optimizer, epochs=epochs, batch_size=10)
    assert history[-1].loss < 0.1 < history[1].loss
    assert history[-1].accuracy == 1.0 == evaluate(model, loss, data.inputs, data.targets)[1]
    assert not history.interrupted


def test_hinge_learns_and_counts():
    model, run = setup(loss=nn.hinge, targets=[-1, 1, 1, -1], model=nn.MLP(2, [6, 1], seed=3), rate=0.3)
    history = run(epochs=300)
    assert history[-1].accuracy == 1.0
    assert evaluate(model, nn.hinge, CORNERS, [-1, 1, 1, -1])[1] == 1.0


def test_one_step_by_hand():
    # loss (s·x - t)², mean over both examples: slope of it 2·x·(s·x - t), at s = 0: -2·x·t: -(2·1·3 + 2·2·4)/2 = -11
    model = Line()
    history = fit(
        model, nn.mean_squared_error, [[1.0], [2.0]], [3.0, 4.0], optimizer=nn.SGD(model.parameters(), 0.1), epochs=1
    )
    assert model.slope.data == pytest.approx(1.1, rel=1e-15)
    assert history[1].loss == (9.0 + 16.0) / 2.0
    assert history[1].gradient_norm == 11.0
    assert (history[1].learning_rate, history[1].accuracy, history[1].validation_loss) == (0.1, None, None)


def test_the_epoch_mean_weighs_every_example_alike():
    # A rate so small that nothing moves: the mean over batches of 3 and 1 must be the mean over the 4 examples.
    model, run = setup(rate=1e-300)
    found = run(epochs=1, batch_size=3)[1]
    loss, accuracy = evaluate(model, nn.binary_cross_entropy, CORNERS, XOR)
    assert found.loss == pytest.approx(loss, rel=1e-14)
    assert found.accuracy == accuracy


def test_the_gradient_norm_is_the_mean_over_steps():
    model = Line()
    seen = []

    class Watching(nn.SGD):
        def step(self):
            seen.append(abs(model.slope.grad))
            super().step()

    history = fit(
        model, nn.mean_squared_error, [[1.0], [2.0], [3.0]], [3.0, 4.0, 5.0],
        optimizer=Watching(model.parameters(), 0.01), epochs=1, batch_size=2,
    )  # fmt: skip
    assert len(seen) == 2
    assert history[1].gradient_norm == pytest.approx(sum(seen) / 2.0, rel=1e-15)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7, 100])
def test_every_example_is_used_once_per_epoch_in_new_order(batch_size):
    seen = []
    model = Line()

    def loss(output, target):
        seen.append(target)
        return (output - target) ** 2

    optimizer = nn.SGD(model.parameters(), 1e-9)
    fit(
        model, loss, [[1.0]] * 7, list(range(7)), optimizer=optimizer, epochs=4, batch_size=batch_size, compiled=False
    )  # fmt: skip
    epochs = list(itertools.batched(seen, 7)) if sys.version_info >= (3, 12) else list(zip(*[iter(seen)] * 7))  # noqa: B905
    assert len(epochs) == 4
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) == 4
    assert optimizer.steps == 4 * math.ceil(7 / batch_size)


def test_the_seed_decides():
    def run(**options):
        model, run = setup()
        history = run(batch_size=1, epochs=2, **options)
        return numbers(model), [epoch[:5] for epoch in history]

    assert run(seed=1) == run(seed=1)
    assert run(seed=1) != run(seed=2)
    assert run() == run(seed=0)


def test_inputs_may_be_lists_arrays_or_values():
    results = []
    for inputs, targets in [
        (CORNERS, XOR), (np.array(CORNERS), np.array(XOR)), (tuple(map(tuple, CORNERS)), tuple(XOR)),
        ([np.array(x) for x in CORNERS], [np.int64(t) for t in XOR]), (iter(CORNERS), iter(XOR)),
        (np.array(CORNERS, dtype=np.float32), np.array(XOR, dtype=bool)),
        ([[Value(n) for n in x] for x in CORNERS], XOR),
    ]:  # fmt: skip
        model, run = setup()
        run(inputs=inputs, targets=targets, batch_size=2)
        results.append(numbers(model))
    assert all(result == results[0] for result in results[:-1])
    assert results[-1] == pytest.approx(results[0], rel=1e-12)  # Values are computed with one by one


def test_the_data_is_left_alone():
    inputs, targets = np.array(CORNERS), np.array(XOR)
    _, run = setup()
    run(inputs=inputs, targets=targets)
    assert inputs.tolist() == CORNERS
    assert targets.tolist() == XOR


def test_any_function_of_values_can_be_trained():
    slope, offset = Value(0.0), Value(0.0)  # closed over, in no Module

    def line(x):
        return slope * x[0] + offset

    def absolute(output, target):
        return abs(output - target)

    xs = [[x / 5.0] for x in range(-5, 6)]
    optimizer = nn.Adam([slope, offset], nn.schedules.linear(0.1, 400))
    history = fit(line, absolute, xs, [3.0 * x[0] - 1.0 for x in xs], optimizer=optimizer, epochs=200, batch_size=6)
    assert [slope.data, offset.data] == pytest.approx([3.0, -1.0], abs=0.02)
    assert history[-1].accuracy is None
    assert "–" in str(history)


def test_several_outputs_and_one_hot_targets():
    model = nn.MLP(2, [6, 2], seed=1)
    optimizer = nn.Adam(model.parameters(), 0.1)
    targets = [[1, 0], [0, 1], [0, 1], [1, 0]]
    _, run = setup(model=model, optimizer=optimizer, loss=nn.mean_squared_error, targets=targets)
    assert run(epochs=60)[-1].accuracy == 1.0


def test_regression_has_no_accuracy():
    for model, targets in (
        (None, [0.5, 1.0, 2.0, -1.0]),
        (nn.MLP(2, [2]), [[0.5, 2.0], [1.0, 0.3], [2.0, 4.0], [0, 7]]),
    ):
        _, run = setup(model=model, loss=nn.mean_squared_error, targets=targets)
        assert run()[-1].accuracy is None


def test_gradients_do_not_pile_up():
    model, run = setup()
    nn.binary_cross_entropy(model(CORNERS[0]), 1).backward()  # left over from before
    other, run_other = setup()
    run()
    run_other()
    assert numbers(model) == numbers(other)


def test_clipping_limits_the_step_and_reports_the_length_before():
    model = Line()
    optimizer = nn.SGD(model.parameters(), 1.0)
    history = fit(model, nn.mean_squared_error, [[1.0]], [10.0], optimizer=optimizer, epochs=1, clip_norm=0.5)
    assert model.slope.data == 0.5
    assert history[1].gradient_norm == 20.0


def test_training_goes_on_where_it_stopped():
    _, run = setup()
    first = run(epochs=1)
    second = run(epochs=1)
    assert second[1].loss < first[1].loss


# ---------------------------------------------------------------- the record


def test_history_has_a_row_per_epoch_and_one_before():
    _, run = setup(rate=nn.schedules.step_decay(0.4, every=4, factor=0.5))
    history = run(epochs=3, batch_size=2)
    assert isinstance(history, History)
    assert [row.epoch for row in history] == [0, 1, 2, 3]
    assert history[0][1:3] == (None, None)
    assert history[0].gradient_norm is None
    assert [row.learning_rate for row in history] == [0.4, 0.4, 0.4, 0.2]  # that of the last step: 0, 1, 3, 5
    assert all(row.seconds >= 0.0 for row in history)


def test_no_epochs():
    model, run = setup()
    before = numbers(model)
    assert [row.epoch for row in run(epochs=0)] == [0]
    assert numbers(model) == before


def test_validation_is_measured_before_and_after_every_epoch():
    model, run = setup()
    held = ([[0.1, 0.2], [0.9, 0.2], [0.7, 0.8]], [0, 1, 1])
    start = evaluate(model, nn.binary_cross_entropy, *held)
    after = []
    history = run(
        validation=held, callbacks=[lambda epoch, m: after.append(evaluate(m, nn.binary_cross_entropy, *held))]
    )
    assert [row.validation_loss for row in history] == pytest.approx([loss for loss, _ in (start, *after)], rel=1e-12)
    assert [row.validation_accuracy for row in history] == [accuracy for _, accuracy in (start, *after)]
    assert len(after) == 3


def test_evaluate_by_hand():
    model = Line(1.0)
    inputs, targets = [[math.log(3.0)], [0.0], [-1.0]], [1, 0, 1]
    expected = (math.log(4.0 / 3.0) + math.log(2.0) + math.log1p(math.exp(1.0))) / 3.0
    loss, accuracy = evaluate(model, nn.binary_cross_entropy, inputs, targets)
    assert loss == pytest.approx(expected, rel=1e-14)
    assert accuracy == pytest.approx(2.0 / 3.0)
    assert evaluate(model, lambda y, t: (y - t) ** 2, np.array(inputs), np.array(targets))[1] is None
    assert not model.slope.has_grad


def filled():
    return History([
        Epoch(0, None, None, 0.1, None, 0.7, 0.5, 0.0),
        Epoch(1, 0.123456789012345, 0.75, 1e-5, 1234.5678, None, None, 2.5),
    ])  # fmt: skip


def test_history_prints_as_a_table():
    lines = str(filled()).splitlines()
    assert lines[0].split("  ")[0] == "epoch"
    assert len({len(line) for line in lines}) == 1
    assert [line.split() for line in lines[1:]] == [
        ["0", "–", "–", "0.1", "–", "0.7000", "50.0%", "0.00"],
        ["1", "0.1235", "75.0%", "1e-05", "1.23e+03", "–", "–", "2.50"],
    ]
    assert len(str(History()).splitlines()) == 1


def test_history_saves_as_csv_and_comes_back(tmp_path):
    path = tmp_path / "history.csv"
    filled().save(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(Epoch._fields)
    back = [Epoch(*(float(cell) if cell else None for cell in row.values())) for row in rows]
    assert back == filled()


@pytest.mark.parametrize("compiled", [True, False])
def test_history_knows_the_gradient_of_each_layer(compiled):
    model, run = setup(rate=0.1)
    by_hand = []
    for _ in range(2):  # one step each, with the whole of the data
        autograd.zero_grad(model.parameters())
        nn.binary_cross_entropy([model(x) for x in CORNERS], XOR).backward()
        slopes = {name: p.grad for name, p in model.named_parameters()}
        by_hand.append([np.mean([abs(g) for name, g in slopes.items() if name.startswith(layer)]) for layer in LAYERS])
        history = run(epochs=1, compiled=compiled, clip_norm=0.1)
        assert list(history.gradients) == LAYERS
        assert [sizes[0] for sizes in history.gradients.values()] == pytest.approx(by_hand[-1], rel=1e-9)
    history = run(epochs=3, batch_size=3, compiled=compiled)
    assert [len(sizes) for sizes in history.gradients.values()] == [3, 3]
    again = pickle.loads(pickle.dumps(history))
    assert again == history
    assert again.gradients == history.gradients


LAYERS = ["layers.0", "layers.1"]


def test_a_history_of_before_there_were_gradients():
    history = filled()
    assert dict(history.gradients) == {}
    assert dict(pickle.loads(pickle.dumps(history)).gradients) == {}
    assert dict(setup()[1](epochs=0).gradients) == {}


def test_layers_of_a_plain_function_and_of_parameters_without_names():
    model = nn.MLP(2, [2, 1], seed=1)
    w = Value(1.0)
    _, run = setup(model=lambda x: w * model(x), optimizer=nn.SGD([*model.parameters(), w], 0.1))
    assert list(run().gradients) == ["layers.0", "layers.1", "parameters of no Module"]
    _, run = setup(model=nn.Neuron(2, seed=1))
    assert list(run().gradients) == ["weights", "bias"]
    _, run = setup(model=nn.MLP(2, [2, 1], seed=1).layers[0], loss=lambda y, t: (y[0] - t) ** 2)
    assert list(run().gradients) == ["Layer"]


def by_hand(model, parts):
    """The mean size of the gradient in each of some lists of parameters, on the whole of the data."""
    autograd.zero_grad([p for part in parts for p in part])
    nn.binary_cross_entropy([model(x) for x in CORNERS], XOR).backward()
    return [float(np.mean([abs(p.grad) for p in part])) for part in parts]


def apart(*modules):
    """A plain function that sends an example through some Modules, a number last, with their parameters in a list."""
    w = Value(0.5)

    def model(x):
        for module in modules:
            x = module(x)
        return w * (x[0] if isinstance(x, list) else x)

    return model, [*(module.parameters() for module in modules), [w]]


@pytest.mark.parametrize(("make", "names"), [
    (lambda: [nn.Layer(2, 3, seed=1), nn.Layer(3, 2, "tanh", seed=2)], ["Layer 1", "Layer 2"]),
    (lambda: [nn.Layer(2, 3, seed=1), nn.MLP(3, [1], seed=2)], ["Layer", "MLP.layers.0"]),
    (lambda: [nn.MLP(2, [2], seed=1), nn.MLP(2, [1], seed=2)], ["MLP 1.layers.0", "MLP 2.layers.0"]),
    (lambda: [nn.MLP(2, [2], seed=1)], ["layers.0"]),
])  # fmt: skip
def test_layers_of_modules_that_are_held_apart_are_never_mixed(make, names):
    model, parts = apart(*make())
    expected = by_hand(model, parts)
    _, run = setup(model=model, optimizer=nn.SGD([p for part in parts for p in part], 1e-12))
    found = run(epochs=1).gradients
    assert list(found) == [*names, "parameters of no Module"]
    assert [sizes[0] for sizes in found.values()] == pytest.approx(expected, rel=1e-9)


def test_parameters_beside_those_of_the_model_do_not_change_its_names():
    class Layers(nn.Module):
        def __init__(self):
            self.neurons = [nn.Layer(2, 2, seed=1), nn.Layer(2, 1, seed=2)]  # a name that a Layer has as well

        def __call__(self, x):
            return self.neurons[1](self.neurons[0](x))[0] + shift(x)[0]

    shift = nn.Layer(2, 1, seed=3)
    model = Layers()
    parts = [model.neurons[0].parameters(), model.neurons[1].parameters(), shift.parameters()]
    expected = by_hand(model, parts)
    _, run = setup(model=model, optimizer=nn.SGD([p for part in parts for p in part], 1e-12))
    found = run(epochs=1).gradients
    assert list(found) == ["neurons.0", "neurons.1", "Layer"]
    assert [sizes[0] for sizes in found.values()] == pytest.approx(expected, rel=1e-9)


def test_history_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    path.write_text("old")

    def crash(*args):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", crash)
    with pytest.raises(OSError, match="no space left"):
        filled().save(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("history.csv", "old")]


def test_history_to_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="there is no folder"):
        filled().save(tmp_path / "none" / "history.csv")


# ---------------------------------------------------------------- callbacks


def test_callbacks_are_called_in_order_after_every_epoch():
    calls = []
    model, run = setup()
    history = run(
        epochs=2,
        callbacks=[lambda epoch, m: calls.append(("a", epoch, m)), lambda epoch, m: calls.append(("b", epoch, m))],
    )
    assert calls == [
        ("a", history[1], model),
        ("b", history[1], model),
        ("a", history[2], model),
        ("b", history[2], model),
    ]


def test_a_callback_ends_the_training_after_the_others_were_called():
    calls = []
    _, run = setup()
    history = run(epochs=9, callbacks=[lambda epoch, m: epoch.epoch == 2, lambda epoch, m: calls.append(epoch.epoch)])
    assert [row.epoch for row in history] == [0, 1, 2]
    assert calls == [1, 2]
    assert not history.interrupted


@pytest.mark.parametrize("answer", [None, False, 0, 1, "yes", 0.5])
def test_only_true_ends_the_training(answer):
    _, run = setup()
    assert len(run(epochs=3, callbacks=(lambda epoch, m: answer,))) == 4


def test_an_error_in_a_callback_comes_through():
    def broken(epoch, model):
        raise ZeroDivisionError("mine")

    _, run = setup()
    with pytest.raises(ZeroDivisionError, match="mine"):
        run(callbacks=[broken])


@pytest.mark.parametrize("callbacks", [print, [3], ["a"], None], ids=repr)
def test_callbacks_must_be_a_list_of_functions(callbacks):
    model, run = setup()
    before = numbers(model)
    with pytest.raises((TypeError, ValueError), match=r"fit: .*callback"):
        run(callbacks=callbacks)
    assert numbers(model) == before


# ---------------------------------------------------------------- Ctrl-C


def interrupting(count, error=KeyboardInterrupt):
    """A function that raises at its call number `count`."""
    calls = itertools.count(1)

    def call(*args):
        if next(calls) == count:
            raise error

    return call


class Recording(nn.SGD):
    """Keeps the parameters after every whole step, and may be interrupted around the change itself."""

    def __init__(self, parameters, before=lambda: None, halfway=lambda: None, after=lambda: None):
        super().__init__(parameters, 0.1)
        self.hooks = before, halfway, after
        self.kept = [autograd.read(self.parameters, "data").tolist()]

    def step(self):
        before, _, after = self.hooks
        before()
        super().step()
        after()
        self.kept.append(autograd.read(self.parameters, "data").tolist())

    def update(self, theta, g, rate):
        for parameter in self.parameters[:3]:
            parameter.data += 1.0  # as an optimiser of plain Python would, one after the other
        self.hooks[1]()
        return super().update(theta, g, rate)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("moment", ["loss", "model", "backward", "before", "halfway", "after"])
def test_control_c_keeps_the_last_whole_step(moment, count, monkeypatch):
    model = nn.MLP(2, [4, 1], seed=1)
    stop = interrupting(count)
    hooks = {moment: stop} if moment in ("before", "halfway", "after") else {}
    optimizer = Recording(model.parameters(), **hooks)

    def loss(output, target):
        if moment == "loss":
            stop()
        return nn.binary_cross_entropy(output, target)

    def called(x):
        if moment == "model":
            stop()
        return model(x)

    if moment == "backward":
        clip = nn.training.clipped
        monkeypatch.setattr("nn.training.clipped", lambda *args: (stop(), clip(*args))[1])
    history = fit(
        called, loss, CORNERS, XOR, optimizer=optimizer, epochs=5, batch_size=2, clip_norm=100.0, progress=False
    )
    assert history.interrupted
    assert numbers(model) == optimizer.kept[-1]
    steps = (count - 1) // (2 if moment in ("loss", "model") else 1)  # two examples a step
    assert len(optimizer.kept) == 1 + steps
    assert [row.epoch for row in history] == list(range(1 + steps // 2))  # and two steps an epoch


def test_control_c_in_a_callback_keeps_the_epoch():
    _, run = setup()
    history = run(callbacks=[interrupting(2)])
    assert history.interrupted
    assert [row.epoch for row in history] == [0, 1, 2]


@pytest.mark.parametrize(("count", "rows"), [(1, []), (5, [0]), (9, [0])])
def test_control_c_during_validation(count, rows):
    stop = interrupting(count)
    model = nn.MLP(2, [4, 1], seed=1)
    before = numbers(model)

    def called(x):
        stop()
        return model(x)

    history = fit(
        called, nn.binary_cross_entropy, CORNERS, XOR, optimizer=nn.SGD(model.parameters(), 0.1), epochs=2,
        validation=(CORNERS, XOR), compiled=False,
    )  # fmt: skip
    assert history.interrupted
    assert [row.epoch for row in history] == rows
    assert (numbers(model) == before) is (count < 9)
    assert (model(CORNERS[0]) * 1.0).args  # recording again


def test_after_control_c_one_can_go_on():
    _, run = setup(rate=0.5)
    run(callbacks=[interrupting(1)])
    assert run(epochs=200)[-1].loss < 0.1


# ---------------------------------------------------------------- wrong data


def bad_fit(told, kind=(ValueError, TypeError), **options):
    """`fit` raises an error that says `told`, and has changed nothing."""
    model, run = setup(**options)
    before = numbers(model)
    with pytest.raises(kind, match=told):
        run()
    assert numbers(model) == before


@pytest.mark.parametrize(
    ("inputs", "targets", "told"),
    [
        ([], [], "fit: there are no examples"),
        (np.empty((0, 2)), np.empty(0), "fit: there are no examples"),
        (CORNERS, XOR[:3], "fit: 4 inputs, but 3 targets"),
        (CORNERS[:3], XOR, "fit: 3 inputs, but 4 targets"),
        ([[0.0, 1.0], [1.0]], [0, 1], "list of 2 numbers, but input 1 is 1 numbers"),
        ([[0.0, 1.0, 2.0]] * 2, [0, 1], "list of 2 numbers, but input 0 is 3 numbers"),
        ([0.0, 1.0], [0, 1], "input 0 is 0.0, which is not a list"),
        (np.zeros(4), XOR, "input 0 is 0.0, which is not a list"),
        (np.zeros((4, 2, 2)), XOR, "fit: .*input 0"),
        ([*CORNERS[:3], [math.nan, 0.0]], XOR, "fit: input 3 holds nan; remove the example"),
        ([*CORNERS[:3], [0.0, math.inf]], XOR, "fit: input 3 holds inf"),
        (np.array([*CORNERS[:3], [np.nan, 0.0]]), XOR, "fit: input 3 holds nan"),
        ([np.array(x, dtype=np.float32) for x in [*CORNERS[:3], [np.nan, 0.0]]], XOR, "fit: input 3 holds nan"),
        (CORNERS, [0, 1, math.nan, 0], "fit: target 2 holds nan"),
        (CORNERS, np.array([0, 1, np.inf, 0]), "fit: target 2 holds inf"),
        ([*CORNERS[:3], [None, 0.0]], XOR, "fit: input 3"),
        ([*CORNERS[:3], ["1", "0"]], XOR, "fit: input 3"),
        (["01", "10", "00", "11"], XOR, "fit: input 0|each input"),
        ([*CORNERS[:3], [10**400, 0.0]], XOR, "fit: input 3"),
        (CORNERS, 3, "fit: .*target"),
        (None, XOR, "fit: .*input"),
    ],
)
def test_wrong_data(inputs, targets, told):
    bad_fit(told, inputs=inputs, targets=targets)


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        (([], []), "fit: validation: there are no examples"),
        ((CORNERS, XOR[:2]), "fit: validation: 4 inputs, but 2 targets"),
        (([[0.0]] * 4, XOR), "fit: validation: each input must be a list of 2 numbers"),
        (([[0.0, math.nan]] * 4, XOR), "fit: validation: input 0 holds nan"),
        (nn.datasets.xor(10), "fit: validation"),
        ((CORNERS,), "fit: validation"),
        (3, "fit: validation"),
    ],
    ids=["empty", "lengths", "width", "nan", "data set", "no targets", "number"],
)
def test_wrong_validation_data(validation, told):
    bad_fit(told, validation=validation)


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("wrong", [-1, 0.5, "3", None, 2.0, True], ids=repr)
def test_wrong_counts(name, wrong):
    bad_fit(f"fit: {name} must be a whole number of at least .*, got {wrong!r}", **{name: wrong})


def test_counts_may_come_from_numpy():
    _, run = setup()
    assert len(run(epochs=np.int64(2), batch_size=np.int32(2))) == 3
    bad_fit("fit: batch_size must be a whole number of at least 1, got 0", batch_size=0)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_wrong_clip_norm(wrong):
    bad_fit("(clip_norm|max_norm) must be > 0", clip_norm=wrong)


@pytest.mark.parametrize(
    ("widths", "loss", "targets", "told"),
    [
        ([4, 1], nn.binary_cross_entropy, [0, 1, 2, 0], "binary_cross_entropy: the target must lie between 0 and 1"),
        ([4, 1], nn.hinge, XOR, "hinge: the target must be -1 or 1"),
        ([4, 2], nn.cross_entropy, [0, 1, 2, 0], "cross_entropy: the target must be a class from 0 to 1"),
        ([4, 1], nn.cross_entropy, XOR, "cross_entropy: needs at least two logits"),
        ([4, 2], nn.binary_cross_entropy, XOR, "binary_cross_entropy: .*target"),
        ([4, 1], nn.mean_squared_error, [[0.0], [1.0], [1.0], [0.0]], "mean_squared_error: .*target"),
        ([4, 2], nn.mean_squared_error, [0.0, 1.0, 1.0, 0.0], "mean_squared_error: .*target"),
        ([4, 3], nn.mean_squared_error, [[0.0, 1.0]] * 4, "mean_squared_error: 3 outputs, but 2 targets"),
        ([4, 1], nn.binary_cross_entropy, ["no", "yes", "yes", "no"], "binary_cross_entropy: .*target"),
        ([4, 2], nn.cross_entropy, ["no", "yes", "yes", "no"], "cross_entropy: .*target"),
    ],
)
def test_targets_that_do_not_fit_the_loss(widths, loss, targets, told):
    bad_fit(told, model=nn.MLP(2, widths, seed=1), loss=loss, targets=targets)


@pytest.mark.parametrize("answer", [0.5, None, "a", np.float64(0.5)], ids=repr)
def test_a_loss_must_return_a_value(answer):
    bad_fit("fit: the loss must return a Value", loss=lambda output, target: answer)


# ---------------------------------------------------------------- training that goes wrong


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda y: y * math.nan, "the loss became nan"),
        (lambda y: Value(math.inf) + y, "the loss became inf"),
        (lambda y: autograd.log(y * 0.0 - 1.0), r"log: argument must be > 0, got -1.0"),
        (lambda y: autograd.sqrt(y - y.data), "the edge of sqrt"),
        (lambda y: autograd.exp(y * 0.0 + 1000.0), "exp: the result is too large for a float"),
    ],
    ids=["nan", "inf", "log", "infinite slope", "overflow"],
)
def test_a_loss_that_breaks_down_stops_with_the_last_good_parameters(broken, told):
    model = nn.MLP(2, [4, 1], seed=1)
    optimizer = Recording(model.parameters())
    calls = itertools.count(1)

    def loss(output, target):
        return broken(output) if next(calls) > 12 else nn.binary_cross_entropy(output, target)

    with pytest.raises(TrainingError, match=r"fit: .* in epoch 4, batch 1 of 2, after 6 steps; .*0\.1: try") as error:
        fit(model, loss, CORNERS, XOR, optimizer=optimizer, epochs=5, batch_size=2)
    assert told in str(error.value)
    assert "clip_norm" in str(error.value)
    assert numbers(model) == optimizer.kept[6] == optimizer.kept[-1]


def test_a_learning_rate_far_too_large():
    model, run = setup(rate=1e200, loss=nn.mean_squared_error, model=nn.MLP(2, [4, 1], activation="relu", seed=1))
    with pytest.raises(TrainingError, match="try a tenth of it"):
        run(epochs=10, batch_size=2)
    assert all(map(math.isfinite, numbers(model)))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("batch_size", [10, 40])
def test_a_training_that_failed_leaves_a_model_that_can_be_trained(batch_size, compiled):
    data = nn.datasets.moons(40)
    model = nn.MLP(2, [8, 1], activation="relu", seed=0)
    first, _ = evaluate(model, nn.mean_squared_error, data.inputs, data.targets)
    options = {"epochs": 30, "batch_size": batch_size, "compiled": compiled}
    for rate in (1e200, 1e3, 100.0, 10.0):
        optimizer = nn.SGD(model.parameters(), rate, momentum=0.5)
        with pytest.raises(TrainingError, match="try a tenth of it") as error:
            fit(model, nn.mean_squared_error, data.inputs, data.targets, optimizer=optimizer, **options)
        found, _ = evaluate(model, nn.mean_squared_error, data.inputs, data.targets)
        assert found < 1000.0 * first
        assert optimizer.steps < 5
        assert [row.epoch for row in error.value.history] == list(range(len(error.value.history)))
    history = fit(
        model, nn.mean_squared_error, data.inputs, data.targets, optimizer=nn.SGD(model.parameters(), 0.02), **options
    )
    assert history[-1].loss < history[1].loss


def test_the_error_carries_the_history_until_then():
    data = nn.datasets.moons(40)
    model = nn.MLP(2, [8, 1], activation="relu", seed=0)
    rates = [0.01] * 8 + [1e4] * 100
    optimizer = nn.SGD(model.parameters(), rates.__getitem__)
    with pytest.raises(TrainingError) as error:
        fit(model, nn.mean_squared_error, data.inputs, data.targets, optimizer=optimizer, epochs=50, batch_size=10)
    history = error.value.history
    assert isinstance(history, History)
    assert [row.epoch for row in history][:3] == [0, 1, 2]
    found, _ = evaluate(model, nn.mean_squared_error, data.inputs, data.targets)
    assert found < history[1].loss
    assert optimizer.steps == 8  # two good epochs


def test_before_the_first_step_the_learning_rate_is_not_to_blame():
    model = Line()
    with pytest.raises(
        TrainingError, match="after 0 steps; no step was taken yet, so the learning rate is not to blame"
    ):
        fit(model, lambda y, t: y * math.inf, [[1.0]], [0.0], optimizer=nn.SGD(model.parameters(), 0.1))


def test_an_infinite_gradient():
    model = Line()
    optimizer = nn.SGD(model.parameters(), 0.1)
    with pytest.raises(TrainingError, match="the gradient became inf in epoch 1, batch 1 of 1, after 0 steps"):
        fit(model, lambda y, t: autograd.sqrt(y), [[1.0]], [0.0], optimizer=optimizer)
    assert model.slope.data == 0.0


def test_an_error_of_the_users_own_comes_through_and_changes_nothing():
    def loss(output, target):
        raise ZeroDivisionError("mine")

    bad_fit("mine", kind=ZeroDivisionError, loss=loss)


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("broken", [lambda y: autograd.log(y * 0.0 - 1.0), lambda y: y * math.nan], ids=["log", "nan"])
def test_validation_that_breaks_down_says_where(broken, epoch):
    model = nn.MLP(2, [4, 1], seed=1)
    optimizer = Recording(model.parameters())

    def loss(output, target):
        return broken(output) if optimizer.steps == 2 * epoch and output.is_leaf else nn.hinge(output, 1)

    with pytest.raises(TrainingError, match=r"fit: .*validation"):
        fit(model, loss, CORNERS, XOR, optimizer=optimizer, epochs=3, batch_size=2, validation=(CORNERS, XOR))
    assert numbers(model) == optimizer.kept[-1]


@pytest.mark.parametrize("why", ["constant", "no_grad", "another model", "data"])
def test_a_loss_that_does_not_reach_the_parameters(why):
    losses = {"constant": lambda y, t: Value(1.0), "data": lambda y, t: (Value(y.data) - t) ** 2}
    options = {"loss": losses[why]} if why in losses else {}
    if why == "another model":
        options["optimizer"] = nn.SGD(nn.MLP(2, [4, 1]).parameters(), 0.1)
    _, run = setup(**options)
    with pytest.raises((TrainingError, ValueError, TypeError, RuntimeError), match=r"fit: .*parameters"):
        autograd.no_grad()(run)() if why == "no_grad" else run()


@pytest.mark.parametrize(
    ("inputs", "targets", "told"), [([], [], "no examples"), (CORNERS, XOR[:2], "4 inputs, but 2 targets")]
)
def test_evaluate_checks_its_data(inputs, targets, told):
    with pytest.raises(ValueError, match=told):
        evaluate(nn.MLP(2, [1]), nn.binary_cross_entropy, inputs, targets)


# ---------------------------------------------------------------- progress


def test_no_bar_unless_there_is_a_terminal(capsys, monkeypatch):
    _, run = setup()
    run()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(epochs=1)
    assert "epoch 1/1" in capsys.readouterr().err
    run(progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_loss_and_accuracies(capsys):
    _, run = setup()
    history = run(progress=True, validation=(CORNERS, XOR), batch_size=2)
    shown = capsys.readouterr()
    last = shown.err.split("\r")[-1]
    assert shown.out == ""
    assert "epoch 3/3" in last
    assert "6/6" in last
    assert f"loss {history[-1].loss:.4f}" in last
    assert f"accuracy {history[-1].accuracy:.1%}" in last
    assert f"validation {history[-1].validation_accuracy:.1%}" in last


def test_without_tqdm_a_line_per_epoch(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    _, run = setup()
    history = run(progress=True, batch_size=2, loss=lambda y, t: (y - t) ** 2)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"epoch {row.epoch}/3: loss {row.loss:.4f}" for row in history[1:]]


@pytest.mark.parametrize("tqdm", [True, False])
def test_the_bar_survives_an_interruption_and_no_epochs(capsys, monkeypatch, tqdm):
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    _, run = setup()
    assert run(progress=True, callbacks=[interrupting(1)]).interrupted
    assert len(run(progress=True, epochs=0)) == 1
