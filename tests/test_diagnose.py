"""Why does it not learn? Every cause is planted and must be named; trainings that learn must not be blamed."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from shared import Line

import autograd
import nn
from autograd import Value, relu, sigmoid, softmax, stop_gradient, tanh, topological
from nn.evidence import gather, layer_of, sweep
from nn.pace import step_size

MOONS = nn.datasets.moons(40)
BLOBS = nn.datasets.blobs(40, width=2)


def bce_of(model, data=MOONS):
    return nn.binary_cross_entropy([model(x) for x in data.inputs.tolist()], data.targets.tolist())


def trained_once(model=None, loss_of=bce_of):
    """A model after a whole step, and the loss after it, swept: everything as it should be."""
    model = model or nn.MLP(2, [8, 8, 1], seed=0)
    optimizer = nn.SGD(model.parameters(), 0.1)
    for _ in range(2):
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        if optimizer.steps == 0:
            optimizer.step()
    return model, loss, optimizer


def names(diagnosis):
    return [finding.name for finding in diagnosis]


def only(diagnosis):
    assert len(diagnosis) == 1, str(diagnosis)
    return diagnosis[0]


# ---------------------------------------------------------------- healthy


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "gelu"])
@pytest.mark.parametrize("widths", [[1], [8, 1], [8, 8, 1], [12, 12, 12, 1]])
def test_a_healthy_training_is_not_blamed(activation, widths):
    for seed in range(3):
        model, loss, _ = trained_once(nn.MLP(2, widths, activation=activation, seed=seed))
        found = nn.diagnose(loss, model, f=lambda model=model: bce_of(model), rate=0.1)
        assert [finding for finding in found if finding.severity != "hint"] == []
        assert names(found) in ([], ["dead relu"])  # a few relus of a layer may be off, which is a hint


def test_other_losses_of_a_healthy_training_are_not_blamed():
    model = nn.MLP(2, [8, 3], seed=0)
    xs, ts = BLOBS.inputs.tolist(), BLOBS.targets.tolist()
    _, loss, _ = trained_once(model, lambda m: nn.cross_entropy([m(x) for x in xs], ts))
    assert nn.diagnose(loss, model) == []
    _, loss, _ = trained_once(
        model, lambda m: autograd.mean([-softmax(m(x))[t].log() for x, t in zip(xs, ts, strict=True)])
    )
    assert nn.diagnose(loss, model) == []
    model = nn.MLP(2, [8, 1], seed=0, output="tanh")
    targets = (2 * MOONS.targets - 1).tolist()
    for cost in (nn.mean_squared_error, nn.hinge):
        _, loss, _ = trained_once(model, lambda m, cost=cost: cost([m(x) for x in MOONS.inputs.tolist()], targets))
        assert nn.diagnose(loss, model) == []


def test_images_are_not_blamed():
    data = nn.datasets.digits()
    model = nn.MLP(64, [16, 10], activation="relu", seed=0)
    xs, ts = data.inputs[:40].tolist(), data.targets[:40].tolist()
    _, loss, _ = trained_once(model, lambda m: nn.cross_entropy([m(x) for x in xs], ts))
    found = nn.diagnose(loss, model)
    assert found == []
    # Three pixels are dark in all of these images, for 16 neurons.
    dark = (data.inputs[:40] == 0.0).all(axis=0).sum()
    assert list(found.zeros.values()).count("it is multiplied by 0") >= 16 * dark > 0


def test_clipped_gradients_are_not_blamed():
    model, loss, _ = trained_once()
    nn.clip_gradients(model.parameters(), 1e-3)
    assert nn.diagnose(loss, model) == []


def test_a_seed_is_not_blamed():
    model, loss, optimizer = trained_once()
    optimizer.zero_grad()
    loss.backward(4.0)
    assert nn.diagnose(loss, model) == []


def test_nothing_is_changed():
    model, loss, optimizer = trained_once()
    order = topological(loss)

    def state():
        return [(v.data, v.grad, v.has_grad, v.label) for v in order]

    before = state()
    nn.diagnose(loss, model, f=lambda: bce_of(model), rate=100.0)
    assert state() == before
    optimizer.zero_grad()
    loss.backward()  # the graph is still of one moment
    assert [v.grad for v in order] == [grad for _, grad, _, _ in before]


# ---------------------------------------------------------------- text


def test_nothing_found_says_what_was_looked_for():
    model, loss, _ = trained_once()
    found = nn.diagnose(loss, model)
    assert str(found).startswith(f"nothing found in {len(topological(loss)):,} operations and numbers. Looked for: ")
    assert "nothing found" in found._repr_html_()
    assert repr(found) == str(found)


def test_findings_print_the_worst_first():
    w, b, unused = Value(3.0, "<w>"), Value(1.0, "b"), Value(2.0, "unused")
    loss = (w * 2.0 + b) ** 2
    loss.backward()
    loss.backward()
    found = nn.diagnose(loss, [unused, w, b])
    assert names(found) == ["forgotten zero_grad", "not used"]
    lines = str(found).splitlines()
    assert len(lines) == 6
    assert lines[0] == "error: forgotten zero_grad"
    assert (
        lines[1] == "  the gradients are 2 times those of this loss: <w> has 56, and this loss gives 28."
    )  # 2 · 7 · 2
    assert lines[2].startswith("  → call optimizer.zero_grad() before every backward()")
    assert "&lt;w&gt; has 56" in found._repr_html_()
    assert found.zeros == {"unused": "the loss was computed without it"}


# ---------------------------------------------------------------- is it the graph of this step?


def test_a_loss_that_is_a_plain_number():
    model, _, _ = trained_once()
    with autograd.no_grad():
        loss = bce_of(model)
    for plain in (loss, Value(loss.data), model.parameters()[0]):
        assert only(nn.diagnose(plain, model)).name == "nothing recorded"


def test_a_step_before_backward():
    model, _, optimizer = trained_once()
    loss = bce_of(model)
    optimizer.step()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("changed since", "error")
    assert "all 105 parameters changed" in finding.problem
    with pytest.raises(RuntimeError):
        loss.backward()


def test_after_the_step_it_is_a_hint():
    model, loss, optimizer = trained_once()
    optimizer.step()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("changed since", "hint")


def test_an_input_that_was_changed():
    x, w = Value(1.0, "x"), Value(2.0)
    loss = (w * x) ** 2
    x.data = 5.0
    assert "x changed after" in only(nn.diagnose(loss, {"w": w})).problem


def test_losses_kept_as_values():
    model, _, optimizer = trained_once()
    total = 0.0
    for _ in range(4):
        optimizer.zero_grad()
        loss = bce_of(model)
        loss.backward()
        optimizer.step()
        total = total + loss
    finding = only(nn.diagnose(total, model))
    assert (finding.name, finding.severity) == ("earlier steps in the graph", "error")
    assert "holds 4 steps" in finding.problem
    assert "loss.data" in finding.remedy


def test_losses_added_up_within_a_step_are_not_blamed():
    model, _, optimizer = trained_once()
    optimizer.zero_grad()
    total = bce_of(model) + bce_of(model)
    total.backward()
    assert nn.diagnose(total, model) == []


def test_a_parameter_that_was_computed():
    w = Value(3.0)
    for _ in range(3):
        loss = (w - 1.0) ** 2
        loss.backward()
        w = w - 0.1 * w.grad
    finding = nn.diagnose((w - 1.0) ** 2, {"w": w})[0]
    assert (finding.name, finding.severity, finding.parameters) == ("computed parameter", "error", ("w",))
    assert "w is a result (of sub)" in finding.problem


def test_no_backward_yet():
    model, _, optimizer = trained_once()
    optimizer.zero_grad()
    finding = only(nn.diagnose(bce_of(model), model))
    assert (finding.name, finding.severity) == ("no backward", "hint")


def test_gradients_of_another_loss():
    model, _, optimizer = trained_once()
    optimizer.step()
    finding = only(nn.diagnose(bce_of(model), model))
    assert (finding.name, finding.severity) == ("old gradients", "warning")
    assert "105 parameters" in finding.problem


def test_gradients_that_were_cleared():
    model, loss, optimizer = trained_once()
    optimizer.zero_grad()
    assert only(nn.diagnose(loss, model)).name == "cleared gradients"
    for parameter in model.parameters():
        parameter.grad = 0.0
    assert only(nn.diagnose(loss, model)).name == "cleared gradients"


def test_gradients_of_several_losses():
    model, loss, optimizer = trained_once()
    loss.backward()
    loss.backward()
    assert "3 times" in only(nn.diagnose(loss, model)).problem
    optimizer.step()
    loss = bce_of(model)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert finding.name == "forgotten zero_grad"
    assert "of 105 parameters hold more than" in finding.problem


# ---------------------------------------------------------------- which parameters take part?


def test_parameters_of_another_model():
    _, loss, _ = trained_once()
    finding = only(nn.diagnose(loss, nn.MLP(2, [8, 8, 1])))
    assert (finding.name, finding.severity) == ("loss without parameters", "error")


class WithSpare(nn.Module):
    def __init__(self):
        self.network, self.spare = nn.MLP(2, [4, 1], seed=0), nn.Layer(2, 2)

    def __call__(self, x):
        return self.network(x)


def test_a_layer_that_is_not_used():
    model, loss, _ = trained_once(WithSpare())
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("not used", "warning")
    assert finding.problem.startswith("spare:")
    assert len(finding.parameters) == 6


def test_rows_of_a_table_that_are_not_used_are_a_hint():
    table = [[Value(0.1 * i + j) for j in range(2)] for i in range(5)]
    loss = (table[1][0] * 2.0 - table[1][1]) ** 2
    loss.backward()
    named = {f"table.{i}.{j}": table[i][j] for i in range(5) for j in range(2)}
    finding = only(nn.diagnose(loss, named))
    assert (finding.name, finding.severity, len(finding.parameters)) == ("not used here", "hint", 8)


ZEROS = [
    (lambda a: relu(a * 2.0 - 9.0), "a relu after it is off"),
    (lambda a: a * Value(0.0), "it is multiplied by 0"),
    (lambda a: a * 0.0 + a * 0.0, "it is multiplied by 0"),
    (lambda a: autograd.dot([a, a], [0.0, Value(0.0)]), "it is multiplied by 0"),
    (lambda a: stop_gradient(a * 2.0), "stop_gradient hands no gradient on"),
    (lambda a: autograd.step(a), "step is flat: its slope is 0 everywhere"),
    (lambda a: tanh(a * 400.0), "the slope of tanh is 0 there"),
    (lambda a: autograd.maximum(a, 7.0), "maximum takes another of its arguments"),
    (lambda a: a - a, "its contributions cancel"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "reason"), ZEROS)
def test_why_a_gradient_is_0(function, reason):
    a, b = Value(1.0, "a"), Value(2.0, "b")
    loss = (function(a) + b) ** 2
    loss.backward()
    assert a.grad == 0.0
    assert nn.diagnose(loss, [a, b]).zeros == {"a": reason}


def test_weights_that_start_at_0():
    model = nn.MLP(2, [4, 1], seed=0)
    for parameter in model.parameters():
        parameter.data = 0.0
    loss = bce_of(model)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("layer without gradient", "warning")
    assert "layers.0 is exactly 0: it is multiplied by 0" in finding.problem
    assert len(finding.parameters) == 12


def test_a_constant_loss():
    w, b = Value(3.0, "w"), Value(1.0, "b")
    loss = (w * 0.0 + b * 0.0 + 2.0) ** 2
    loss.backward()
    finding = only(nn.diagnose(loss, [w, b]))
    assert (finding.name, finding.severity) == ("every gradient is 0", "error")


def test_a_loss_of_0_is_a_hint():
    w = Value(3.0, "w")
    loss = (w - 3.0) ** 2
    loss.backward()
    assert [(f.name, f.severity) for f in nn.diagnose(loss, [w])] == [("loss is 0", "hint")]


def test_an_input_that_is_0_is_not_blamed():
    model = nn.MLP(3, [4, 1], seed=0)
    loss = nn.binary_cross_entropy([model([*x, 0.0]) for x in MOONS.inputs.tolist()], MOONS.targets.tolist())
    loss.backward()
    found = nn.diagnose(loss, model)
    assert found == []
    assert set(found.zeros) == {f"layers.0.neurons.{i}.weights.2" for i in range(4)}


def test_a_rounding_on_the_way():
    model = nn.MLP(2, [4, 1], seed=0)
    loss = autograd.mean(
        [(autograd.round(model(x)) + 1.0 + model.layers[1].neurons[0].bias) ** 2 for x in MOONS.inputs.tolist()]
    )
    loss.backward()
    found = nn.diagnose(loss, model)
    assert ("layer without gradient", "warning") in [(f.name, f.severity) for f in found]
    assert "round is flat" in str(found)


# ---------------------------------------------------------------- neurons and layers


def test_a_layer_of_dead_relus():
    model = nn.MLP(2, [4, 4, 1], activation="relu", seed=0)
    for neuron in model.layers[1].neurons:
        neuron.bias.data = -100.0
    loss = bce_of(model)
    loss.backward()
    found = nn.diagnose(loss, model)
    assert (found[0].name, found[0].severity) == ("dead relu", "error")
    assert "4 of 4 relus in layers.1: off in all 40 uses of each" in found[0].problem
    assert found.zeros["layers.0.neurons.0.bias"] == "a relu after it is off"


def test_half_of_the_relus_are_a_warning_one_is_none():
    for dead, severities in ((1, []), (2, ["hint"]), (4, ["warning"])):
        model = nn.MLP(2, [8, 1], activation="relu", seed=0)
        for i, neuron in enumerate(model.layers[0].neurons):
            neuron.bias.data = -100.0 if i < dead else 1.0
        loss = bce_of(model)
        loss.backward()
        assert [f.severity for f in nn.diagnose(loss, model)] == severities


def test_relus_that_are_off_for_one_example_are_not_blamed():
    model = nn.MLP(2, [8, 8, 1], activation="relu", seed=0)
    loss = nn.binary_cross_entropy(model(MOONS.inputs[0].tolist()), 1)
    loss.backward()
    found = nn.diagnose(loss, model)
    assert found == []
    assert "a relu after it is off" in found.zeros.values()


@pytest.mark.parametrize(("activation", "far"), [("tanh", "4.1"), ("sigmoid", "6.9")])
def test_saturated_units(activation, far):
    model = nn.MLP(2, [4, 4, 1], activation=activation, seed=0)
    for neuron in model.layers[0].neurons:
        neuron.bias.data = 30.0
    loss = bce_of(model)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == (f"saturated {activation}", "warning")
    assert f"100% of the {activation}s in layers.0" in finding.problem
    assert far in finding.problem
    # Where it begins, from the definitions.
    z = float(far) + 0.1
    slope = 1.0 - math.tanh(z) ** 2 if activation == "tanh" else math.exp(-z) / (1.0 + math.exp(-z)) ** 2
    assert slope < 1e-3 < slope * math.exp(0.4)


def test_units_are_told_apart_by_their_parameters():
    w = [Value(1.0), Value(-1.0)]
    loss = autograd.sum([relu(w[k] * x) for k in (0, 1) for x in (1.0, 2.0, 3.0)])
    evidence = gather(loss, {w[0]: "a.0", w[1]: "b.0"})
    assert sorted(evidence.units("relu")) == [("a", 3, 0), ("b", 3, 3)]


def test_vanishing_gradients():
    model, loss, _ = trained_once(nn.MLP(2, [6] * 8 + [1], activation="sigmoid", seed=0))
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("vanishing gradient", "warning")
    first, last = (
        np.sqrt(np.mean([p.grad**2 for p in layer.parameters()])) for layer in (model.layers[0], model.layers[-1])
    )
    assert f"the gradient of layers.0 is {first:.2g}" in finding.problem
    assert f"{last / first:,.0f} times less" in finding.problem


def test_exploding_gradients():
    model = nn.MLP(2, [6] * 8 + [1], activation="leaky_relu", seed=0)
    for parameter in model.parameters():
        parameter.data *= 5.0
    loss = nn.mean_squared_error([model(x) for x in MOONS.inputs.tolist()], MOONS.targets.tolist())
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("exploding gradient", "warning")


def test_deep_networks_that_are_not_blamed():
    for activation in ("tanh", "leaky_relu"):
        model, loss, _ = trained_once(nn.MLP(2, [8] * 8 + [1], activation=activation, seed=0))
        assert nn.diagnose(loss, model) == []


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_inputs_out_of_scale(scale):
    model = nn.MLP(2, [4, 1], activation="leaky_relu", seed=0)
    scaled = MOONS._replace(inputs=MOONS.inputs * scale)
    loss = bce_of(model, scaled)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    size = math.sqrt((scaled.inputs**2).mean())
    assert (finding.name, finding.severity) == ("inputs out of scale", "warning")
    assert f"about {size:.2g} in size" in finding.problem
    inputs = [[Value(x) for x in row] for row in scaled.inputs.tolist()]
    loss = nn.mean_squared_error([model(x) for x in inputs], MOONS.targets.tolist())
    assert "inputs out of scale" in names(nn.diagnose(loss, model))


# ---------------------------------------------------------------- logits


def by_hand(z):
    return 1.0 / (1.0 + (-z).exp())


def softmax_by_hand(zs):
    weights = [z.exp() for z in zs]
    total = sum(weights)
    return [w / total for w in weights]


@pytest.mark.parametrize("squeeze", [sigmoid, by_hand, tanh])
@pytest.mark.parametrize("target", [0, 1, 0.3])
def test_squeezed_before_binary_cross_entropy(squeeze, target):
    model = nn.MLP(2, [4, 1], seed=0)
    loss = nn.binary_cross_entropy(squeeze(model(MOONS.inputs[0].tolist())), target)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    word = "tanh" if squeeze is tanh else "sigmoid"
    assert finding.name == f"{word} before binary_cross_entropy"
    # The best there can be: logit 1 for class 1.
    assert f"{nn.binary_cross_entropy(1.0, 1):.2f}" in finding.problem


def test_softmax_before_cross_entropy():
    model = nn.MLP(2, [4, 3], seed=0)
    outputs = [softmax_by_hand(model(x)) for x in BLOBS.inputs.tolist()]
    loss = nn.cross_entropy(outputs, BLOBS.targets.tolist())
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("softmax before cross_entropy", "error")
    assert "(in 40 examples)" in finding.problem
    assert f"{nn.cross_entropy([1.0, 0.0, 0.0], 0):.2f}" in finding.problem


def test_tanh_before_cross_entropy():
    model = nn.MLP(2, [4, 3], seed=0, output="tanh")
    loss = nn.cross_entropy([model(x) for x in BLOBS.inputs.tolist()], BLOBS.targets.tolist())
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("tanh before cross_entropy", "warning")
    assert f"{nn.cross_entropy([1.0, -1.0, -1.0], 0):.2f}" in finding.problem


# ---------------------------------------------------------------- nan and inf


def test_where_an_infinite_number_comes_from():
    w, b = Value(1e200, "w"), Value(2.0, "b")
    y = w * w
    y.label = "square"
    finding = only(nn.diagnose(tanh(y) + y + b, [w, b]))
    assert finding.name == "infinite loss"
    assert "mul(1e+200, 1e+200) = inf (node 'square')" in finding.problem


def test_a_parameter_that_is_nan():
    w, b = Value(math.nan), Value(2.0)
    finding = only(nn.diagnose(w * w + b, {"w": w, "b": b}))
    assert "the loss is nan: the parameter w is nan already" in finding.problem


def test_nan_in_the_data():
    w = Value(2.0, "w")
    assert "a plain number given to mul(2, nan)" in only(nn.diagnose(w * math.nan + 1.0, [w])).problem
    assert "the input x is nan" in only(nn.diagnose(w * Value(math.nan, "x"), [w])).problem


def test_nan_among_many_inputs_is_the_only_finding():
    model = nn.MLP(2, [4, 1], seed=0)
    xs = [*MOONS.inputs.tolist(), [math.nan, 0.0]]
    loss = nn.mean_squared_error([model(x) for x in xs], [*MOONS.targets.tolist(), 0])
    assert "a plain number given to dot" in only(nn.diagnose(loss, model)).problem


def test_where_an_infinite_gradient_comes_from():
    w, b = Value(0.0, "w"), Value(2.0, "b")
    finding = only(nn.diagnose(w.sqrt() + (w * 3.0 + b) ** 2, [w, b]))
    assert finding.name == "infinite gradient"
    assert "at sqrt(0) = 0: there it is 1, and the slope is inf" in finding.problem


def test_a_gradient_that_does_not_exist():
    w, b = Value(0.0, "w"), Value(0.0, "b")
    loss = (w * w + b * b).sqrt()
    finding = only(nn.diagnose(loss, [w, b]))
    assert (finding.name, finding.severity) == ("no gradient", "error")
    with pytest.raises(autograd.DomainError, match="0 · ∞"):
        loss.backward()
    assert "0 · ∞" in finding.problem
    assert "hypot" in finding.remedy


# ---------------------------------------------------------------- how far a step goes


def test_a_step_that_is_too_large():
    w = Value(3.0, "w")

    def f():
        return (w - 1.0) ** 2  # a step with rate 1 goes to the other side, with a rate beyond it higher up

    loss = f()
    loss.backward()
    assert nn.diagnose(loss, [w], f=f, rate=0.9) == []
    finding = only(nn.diagnose(loss, [w], f=f, rate=8.0))
    assert (finding.name, finding.severity) == ("step too large", "warning")
    assert "should lower the loss by 128, but raises it from 4 to 900" in finding.problem  # 8 · 4², (3 - 8 · 4 - 1)²
    assert finding.remedy == "take a rate of 0.5, which lowers it to 0."


def test_a_step_that_is_too_small():
    w = Value(3.0, "w")

    def f():
        return (w - 1.0) ** 2

    loss = f()
    loss.backward()
    finding = only(nn.diagnose(loss, [w], f=f, rate=1e-6))
    assert (finding.name, finding.severity) == ("step too small", "warning")
    assert "a rate of 0.01" in finding.remedy  # lowers it by 4 %


def test_small_steps_at_the_bottom_are_not_blamed():
    assert list(step_size(1.0, -1e-20, lambda scale: 1.0 - 1e-20 * scale + 1e-20 * scale**2, 0.1)) == []


def test_a_step_to_where_there_is_no_loss():
    w = Value(0.5, "w")
    loss = -w.log()
    loss.backward()
    (finding,) = nn.diagnose(loss, [w], f=lambda: (w * -1.0 + 1.0).log() * -1.0 if w.data > 0.9 else -w.log(), rate=1.0)
    assert "raises it from 0.6931 to inf" in finding.problem


# ---------------------------------------------------------------- strangers


def test_arguments_that_make_no_sense():
    model, loss, _ = trained_once()
    for wrong, message in (
        (loss.data, "pass the loss itself, not loss.data"),
        ([loss, loss], r"autograd.mean\(losses\)"),
        (None, "the loss must be a Value"),
    ):
        with pytest.raises(TypeError, match=message):
            nn.diagnose(wrong, model)
    for wrong, message in (
        (nn.SGD(model.parameters()), "pass its parameters"),
        (loss, "a list of Values"),
        ("w", "a list of Values"),
        (3, "a list of Values"),
        ([1.0], "every parameter must be a Value, got 1.0"),
        ({"w": 1.0}, r"got 1.0 \('w'\)"),
        ([model.parameters(), None], "every parameter must be a Value, got None"),
    ):
        with pytest.raises(TypeError, match=message):
            nn.diagnose(loss, wrong)
    for empty in ([], {}, nn.Module()):
        with pytest.raises(ValueError, match="there are no parameters"):
            nn.diagnose(loss, empty)
    with pytest.raises(ValueError, match="f and rate belong together"):
        nn.diagnose(loss, model, rate=0.1)
    with pytest.raises(ValueError, match="the rate must be a number > 0"):
        nn.diagnose(loss, model, f=lambda: bce_of(model), rate=0.0)
    with pytest.raises(TypeError, match="f must be a function"):
        nn.diagnose(loss, model, f=loss, rate=0.1)
    with pytest.raises(ValueError, match="f must compute the same loss again"):
        nn.diagnose(loss, model, f=lambda: loss + 1.0, rate=0.1)


def test_names():
    a, b = nn.MLP(2, [2, 1], seed=0), nn.MLP(2, [2, 1], seed=1)
    _, loss, _ = trained_once(a)
    both = nn.diagnose(loss, [*a.parameters(), *b.parameters()])
    assert "model2.layers.0, model2.layers.1: the loss does not depend on any" in both[0].problem
    plain = [Value(1.0), Value(2.0, "mine")]
    loss = plain[0] * 2.0
    loss.backward()
    assert only(nn.diagnose(loss, plain)).parameters == ("mine",)
    assert layer_of("hidden.neurons.0.weights.3") == "hidden"
    assert layer_of("neurons.0.bias") == "neurons"
    assert layer_of("table.3.4") == "table"
    assert layer_of("w1") == "w1"


def test_matrices():
    rows = [[Value(0.5), Value(0.25)], [Value(1.0), Value(-1.0)]]
    hidden = [autograd.dot(row, [1.0, 2.0]) for row in rows]
    spare = [[Value(1.0)]]
    loss = (hidden[0] - hidden[1]) ** 2
    loss.backward()
    finding = only(nn.diagnose(loss, {"rows": rows, "spare": spare}))
    assert (finding.name, finding.parameters) == ("not used", ("spare.0.0",))
    assert nn.diagnose(loss, rows) == []


def test_shared_weights():
    w = Value(0.5, "w")
    x = Value(1.0)
    for _ in range(5):
        x = tanh(w * x)
    loss = (x - 1.0) ** 2
    loss.backward()
    assert nn.diagnose(loss, [w, w]) == []
    loss.backward()
    assert "2 times" in only(nn.diagnose(loss, [w, w])).problem


def test_a_program_is_not_looked_into():
    model = nn.MLP(2, [4, 1], seed=0)
    program = autograd.trace(model, [0.0, 0.0], parameters=model.parameters())
    x = [Value(0.5), Value(0.2)]
    loss = nn.binary_cross_entropy(program(x), 1)
    loss.backward()
    finding = only(nn.diagnose(loss, model))
    assert (finding.name, finding.severity) == ("hidden in a program", "hint")


def test_a_deep_graph():
    w = Value(1.0, "w")
    y = w
    for _ in range(100_000):
        y = y + w
    loss = y * 1e-5
    loss.backward()
    found = nn.diagnose(loss, [w])
    assert found == []
    assert found.nodes == 100_002


def test_the_evidence_agrees_with_backward():
    model, loss, _ = trained_once()
    evidence = gather(loss, {p: name for name, p in model.named_parameters()})
    sweep(evidence)
    assert evidence.cotangents.tolist() == [value.grad for value in topological(loss)]


# ---------------------------------------------------------------- watching fit


def watched(model, optimizer, loss=nn.binary_cross_entropy, data=MOONS, **options):
    """The warnings of a training, by name, and its history."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = nn.fit(model, loss, data.inputs, data.targets, optimizer=optimizer, watch=True, **options)
    assert all(type(warning.message) is nn.TrainingWarning for warning in caught)
    return [warning.message.finding.name for warning in caught], history, caught


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_watching_changes_nothing(compiled, clip_norm):
    ends = []
    for watch in (False, True):
        model = nn.MLP(2, [4, 1], seed=0)
        history = nn.fit(
            model, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, watch=watch, clip_norm=clip_norm,
            optimizer=nn.Adam(model.parameters(), 0.05), epochs=8, compiled=compiled, batch_size=8,
        )  # fmt: skip
        ends.append(([p.data for p in model.parameters()], [row[:-1] for row in history]))
    assert ends[0] == ends[1]


def test_watching_draws_no_random_numbers():
    import random

    def noisy(x):
        return model([value + random.gauss(0.0, 0.1) for value in x])

    ends = []
    for watch in (False, True):
        random.seed(3)
        model = nn.MLP(2, [4, 1], seed=0)
        nn.fit(
            noisy, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets, watch=watch,
            optimizer=nn.SGD(model.parameters(), 0.1), epochs=3,
        )  # fmt: skip
        ends.append([p.data for p in model.parameters()])
    assert ends[0] == ends[1]


def test_steps_of_a_loss_that_draws_random_numbers_are_not_judged():
    import random

    random.seed(1)
    line = Line(1.0)
    data = nn.datasets.Dataset("line", np.ones((40, 1)), np.zeros(40), ())
    for _ in range(8):
        found, _, _ = watched(
            lambda x: line(x) + random.gauss(0.0, 1.0),
            nn.SGD([line.slope], 1e-4),
            nn.mean_squared_error,
            data,
            epochs=2,
        )
        assert found == []


@pytest.mark.parametrize("name", nn.datasets.TOYS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_healthy_trainings_are_not_warned_of(name, activation):
    data = nn.datasets.TOYS[name](100)
    n = len(data.classes)
    model = nn.MLP(data.inputs.shape[1], [12, 1 if n == 2 else n], activation=activation, seed=0)
    loss = nn.binary_cross_entropy if n == 2 else nn.cross_entropy
    found, history, _ = watched(model, nn.Adam(model.parameters(), 0.02), loss, data, epochs=20)
    assert found == []
    assert history[-1].loss < history[1].loss


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("rate", "expected"), [(1e-6, "step too small"), (0.1, ""), (100.0, "step too large")])
def test_rates(rate, expected, compiled):
    model = nn.MLP(2, [8, 1], seed=0)
    found, _, _ = watched(model, nn.SGD(model.parameters(), rate), epochs=20, batch_size=8, compiled=compiled)
    assert expected in found if expected else found == []


def test_a_step_that_goes_past_the_valley():
    line = Line(3.0)
    data = nn.datasets.Dataset("line", np.ones((20, 1)), np.ones(20), ())
    found, _, caught = watched(
        line, nn.SGD(line.parameters(), 1.25), nn.mean_squared_error, data, epochs=2, batch_size=4, progress=False
    )
    assert found == ["step too large"]
    # Each step takes the distance 2 to -1.5 times that: before the fifth one the square is 4 · 1.5^8.
    assert f"from {4.0 * 1.5**8:.4g} to {4.0 * 1.5**10:.4g}" in str(caught[0].message)
    assert "take a rate of 0.6, which lowers it to " in str(caught[0].message)


def test_batches_of_one_are_not_blamed():
    for seed in range(3):
        model = nn.MLP(2, [4, 1], seed=seed)
        found, _, _ = watched(model, nn.SGD(model.parameters(), 0.1), epochs=3, batch_size=1, seed=seed)
        assert found == []


def test_a_training_that_makes_it_worse():
    model = nn.MLP(2, [8, 1], seed=0)
    _, _, caught = watched(model, nn.SGD(model.parameters(), 100.0), epochs=3, batch_size=8)
    first, last = (bce_of(m, MOONS) for m in (nn.MLP(2, [8, 1], seed=0), model))
    assert last.data > 2.0 * first.data
    assert any("training has raised the loss of 32 examples from" in str(w.message) for w in caught)


def test_a_rate_that_rises_or_falls_is_not_too_small():
    model = nn.MLP(2, [8, 1], seed=0)
    found, _, _ = watched(model, nn.SGD(model.parameters(), lambda step: 1e-8 if step < 20 else 0.1), epochs=20)
    assert found == []
    found, _, _ = watched(model, nn.SGD(model.parameters(), lambda step: 0.1 if step < 10 else 0.0), epochs=20)
    assert found == []


def test_each_finding_is_told_once_in_two_lines_where_fit_was_called():
    model = nn.MLP(2, [8, 1], seed=0, output="sigmoid")
    found, _, caught = watched(model, nn.SGD(model.parameters(), 1e-6), epochs=30)  # which looks twice
    assert sorted(found) == ["sigmoid before binary_cross_entropy", "step too small"]
    assert all(warning.filename == __file__ for warning in caught)
    assert len(str(caught[0].message).splitlines()) == 2
    copied = pickle.loads(pickle.dumps(caught[0].message))
    assert copied.finding == caught[0].message.finding
    assert str(copied) == str(caught[0].message)
    assert copy.copy(found) == found


def test_a_loss_that_stays_is_looked_at_again():
    line = Line(1.0)
    data = nn.datasets.Dataset("line", np.array([[1.0]] * 8), np.array([1.0] * 8), ())

    def killed(epoch, model):
        if epoch.epoch == 2:
            line.slope.data = -5.0  # for good: the relu is off

    found, _, _ = watched(
        lambda x: relu(line(x)) + 0.5, nn.SGD([line.slope], 0.01), nn.mean_squared_error, data, epochs=20, batch_size=4,
        callbacks=[killed],
    )  # fmt: skip
    assert found == ["dead relu"]


def test_a_training_that_fails_is_looked_at():
    model = Line(1.0)
    data = nn.datasets.Dataset("line", np.array([[1.0], [2.0]]), np.array([1.0, 2.0]), ())

    def loss(output, target):
        return (output - target + 1.0) ** 2 * 1e200 * 1e200

    with (
        pytest.warns(nn.TrainingWarning, match="the first number that overflows is mul"),
        pytest.raises(nn.TrainingError),
    ):
        nn.fit(model, loss, data.inputs, data.targets, optimizer=nn.SGD([model.slope], 0.1), watch=True)


def test_a_warning_that_is_an_error_ends_the_training():
    model = nn.MLP(2, [4, 1], seed=0, output="sigmoid")
    with warnings.catch_warnings():
        warnings.simplefilter("error", nn.TrainingWarning)
        with pytest.raises(nn.TrainingWarning, match="leave out the last sigmoid"):
            nn.fit(
                model, nn.binary_cross_entropy, MOONS.inputs, MOONS.targets,
                optimizer=nn.SGD(model.parameters(), 0.1), watch=True,
            )  # fmt: skip


def test_the_command_line_prints_what_is_found(tmp_path, capsys, monkeypatch):
    from nn.__main__ import main

    monkeypatch.setattr("nn.__main__.write_report", lambda *args: iter(()))
    words = ["train", "moons", "--out", str(tmp_path), "--optimizer", "sgd", "--learning-rate", "1e-7", "--epochs", "2"]
    assert main(words) == 0
    assert "\nwarning: step too small\n  a step with rate " in capsys.readouterr().err
    assert main([*words, "--no-watch"]) == 0
    assert "step too small" not in capsys.readouterr().err


# ---------------------------------------------------------------- what only looks like a fault


def loss_of_outputs(outputs, targets):
    return autograd.mean([(y - t) ** 2 for y, t in zip(outputs, targets, strict=True)])


@pytest.mark.parametrize("squeeze", [sigmoid, by_hand, tanh])
@pytest.mark.parametrize("smooth", [autograd.softplus, lambda z: autograd.logsumexp([z, sigmoid(2.0 * z)])])
def test_a_softplus_inside_a_model_is_no_loss(squeeze, smooth):
    model = nn.MLP(2, [4, 1], seed=0)
    outputs = [smooth(squeeze(model(x))) for x in MOONS.inputs.tolist()]
    loss = loss_of_outputs(outputs, MOONS.targets.tolist())
    loss.backward()
    assert not [name for name in names(nn.diagnose(loss, model)) if " before " in name]


def test_a_rate_that_is_also_taken_the_logarithm_of_is_no_loss():
    model = nn.MLP(2, [4, 1], seed=0)
    rates = [autograd.softplus(sigmoid(model(x))) for x in MOONS.inputs.tolist()]
    loss = autograd.mean([r - t * autograd.log(r) for r, t in zip(rates, MOONS.targets.tolist(), strict=True)])
    loss.backward()
    assert not [name for name in names(nn.diagnose(loss, model)) if " before " in name]


@pytest.mark.parametrize("weigh", [
    lambda losses: sum(losses) / len(losses),
    lambda losses: 0.5 * sum(2.0 * each for each in losses) - 1.0,
    lambda losses: autograd.dot(losses, [Value(0.1)] * len(losses)),
    lambda losses: autograd.mean(losses) / Value(3.0) + (1.0 - Value(0.5)) * losses[0],
])  # fmt: skip
def test_squeezed_losses_are_found_however_they_are_added_up(weigh):
    model = nn.MLP(2, [4, 1], seed=0)
    data = zip(MOONS.inputs.tolist(), MOONS.targets.tolist(), strict=True)
    loss = weigh([nn.binary_cross_entropy(sigmoid(model(x)), t) for x, t in data])
    loss.backward()
    assert "sigmoid before binary_cross_entropy" in names(nn.diagnose(loss, model))


@pytest.mark.parametrize("loss_of", [
    lambda w: (w - 3.0) ** 2 + 1.0,
    lambda w: (w - 3.0) * (w - 3.0) + 1.0,
    lambda w: (lambda r: r * r + 2.0)(w - 3.0),
    lambda w: autograd.cos(w - 3.0),
    lambda w: autograd.abs(w - 3.0) + 0.5,
    lambda w: autograd.cosh(w - 3.0),
])  # fmt: skip
def test_where_the_loss_turns_nothing_is_said_of_floats_or_weights(loss_of):
    w = Value(3.0, "w")
    loss = loss_of(w)
    loss.backward()
    assert w.grad == 0.0
    finding = only(nn.diagnose(loss, [w]))
    assert finding.name == "every gradient is 0"
    assert "as low as it can be" in finding.remedy or "as at a minimum" in finding.remedy


def test_where_floats_see_no_slope_that_is_said_still():
    w = Value(400.0, "w")
    loss = tanh(w) + 1.0
    loss.backward()
    assert any("so far out" in finding.remedy or "saturated" in finding.name for finding in nn.diagnose(loss, [w]))


@pytest.mark.parametrize("change", [
    lambda p: p.grad + 0.01 * p.data, lambda p: 2.5 * p.grad, lambda p: p.grad / 0.037, lambda p: p.grad * 0.1,
])  # fmt: skip
def test_gradients_decayed_or_scaled_by_hand_are_of_this_loss(change):
    model, loss, _ = trained_once()
    for parameter in model.parameters():
        parameter.grad = change(parameter)
    assert nn.diagnose(loss, model) == []


def test_decay_of_the_weights_alone_is_no_old_gradient():
    model, loss, _ = trained_once()
    for name, parameter in model.named_parameters():
        if "weights" in name:
            parameter.grad += 1e-3 * parameter.data
    assert nn.diagnose(loss, model) == []
