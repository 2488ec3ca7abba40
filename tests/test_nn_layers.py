"""Neurons, layers and multi-layer perceptrons: their formula, their start, their gradients and their errors."""

import math
import random
import statistics

import numpy as np
import pytest

import autograd
import nn
from autograd import TABLE, Value, check_gradients
from nn.layers import INITIALISERS

X = [0.5, -1.0, 2.0]


def set_numbers(model, *numbers):
    for parameter, number in zip(model.parameters(), numbers, strict=True):
        parameter.data = number
    return model


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def by_hand(model, x, hidden, output=lambda s: s):
    """What an MLP computes, on plain floats."""
    for i, layer in enumerate(model.layers):
        activation = output if i == len(model.layers) - 1 else hidden
        x = [
            activation(sum(w.data * number for w, number in zip(neuron.weights, x, strict=True)) + neuron.bias.data)
            for neuron in layer.neurons
        ]
    return x


# ---------------------------------------------------------------- formula


def test_a_neuron_is_its_formula():
    neuron = set_numbers(nn.Neuron(3, "tanh"), 0.5, -0.25, 1.0, 0.125)
    assert neuron(X).data == pytest.approx(math.tanh(0.25 + 0.25 + 2.0 + 0.125), rel=1e-15)


def test_a_neuron_without_activation_is_linear():
    assert set_numbers(nn.Neuron(2), 2.0, 3.0, -1.0)([10.0, 100.0]).data == 319.0


def test_the_graph_shows_what_the_neuron_is():
    neuron = nn.Neuron(2, "tanh", seed=0)
    y = neuron([1.0, 2.0])
    assert y.primitive is autograd.tanh
    (total,) = y.args
    assert total.primitive is autograd.add
    product, bias = total.args
    assert (product.primitive, bias) == (autograd.dot, neuron.bias)
    assert product.args == (*neuron.weights, 1.0, 2.0)


def test_gradients_of_a_neuron_by_hand():
    neuron = set_numbers(nn.Neuron(2, "tanh"), 0.5, -0.5, 0.1)
    neuron([2.0, 3.0]).backward()
    slope = 1.0 - math.tanh(1.0 - 1.5 + 0.1) ** 2
    assert [p.grad for p in neuron.parameters()] == pytest.approx([2.0 * slope, 3.0 * slope, slope], rel=1e-15)


UNARY = [row for row in TABLE.values() if row.rule is None and row.arity - len(row.defaults) == 1 and row.public]


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_every_primitive_of_one_argument_is_an_activation(row):
    low, high = row.domain.samples[0]
    inside = low + 0.4 * (high - low)
    for given in (row, row.name):
        neuron = set_numbers(nn.Neuron(2, given), 0.0, 0.0, inside)
        assert neuron.activation is row
        y = neuron([1.0, 1.0])
        assert y.primitive is row
        assert y.data == row(inside)
        assert row.name in repr(neuron)


def test_a_function_of_ones_own_as_activation():
    def square(x):
        return x * x

    class Cube:
        def __call__(self, x):
            return x**3

    assert set_numbers(nn.Neuron(1, square), 3.0, 1.0)([2.0]).data == 49.0
    assert set_numbers(nn.Neuron(1, Cube()), 3.0, 1.0)([2.0]).data == 343.0
    assert "square" in repr(nn.Neuron(1, square))
    assert "Cube" in repr(nn.Neuron(1, Cube()))
    assert repr(nn.Neuron(1, lambda x: x * x))


def test_a_primitive_of_ones_own_as_activation(own_rows):
    bump = autograd.primitive("bump", lambda x: math.exp(-x * x), None, lambda x, y: -2.0 * x * y)
    for given in (bump, "bump"):
        neuron = nn.Neuron(2, given, seed=0)
        assert neuron([0.0, 0.0]).data == 1.0
        check_gradients(neuron, [0.3, -0.4])


@pytest.mark.parametrize("name", [None, "linear", "none"])
def test_the_identity_has_several_names(name):
    neuron = nn.Neuron(1, name, seed=0)
    assert neuron.activation is None
    assert neuron([1.0]).primitive is autograd.add


def test_leaky_activations_take_their_default():
    neuron = set_numbers(nn.Neuron(1, "leaky_relu"), 1.0, 0.0)
    assert neuron([-2.0]).data == -0.02
    assert set_numbers(nn.Neuron(1, lambda x: autograd.elu(x, 2.0)), 1.0, 0.0)([-1.0]).data == 2.0 * math.expm1(-1.0)


def test_a_layer_is_its_neurons():
    layer = nn.Layer(3, 4, "tanh", seed=0)
    assert [y.data for y in layer(X)] == [neuron(X).data for neuron in layer.neurons]
    assert (layer.n_in, layer.activation) == (3, autograd.tanh)


@pytest.mark.parametrize("widths", [[1], [2], [4, 1], [1, 4], [3, 1, 2], [1, 1, 1], (5, 3), range(3, 0, -1)])
def test_a_network_is_its_layers(widths):
    model = nn.MLP(3, widths, activation="tanh", output="sigmoid", seed=1)
    y = model(X)
    expected = by_hand(model, X, math.tanh, lambda s: 1.0 / (1.0 + math.exp(-s)))
    if widths[-1] == 1:
        assert isinstance(y, Value)
        y = [y]
    assert isinstance(y, list)
    assert [value.data for value in y] == pytest.approx(expected, rel=1e-14)
    assert (model.n_in, model.widths) == (3, list(widths))


def test_the_activations_stand_where_they_belong():
    model = nn.MLP(2, [3, 4, 2], activation="relu", output="sigmoid")
    assert [layer.activation for layer in model.layers] == [autograd.relu, autograd.relu, autograd.sigmoid]
    assert [layer.activation for layer in nn.MLP(2, [3, 2]).layers] == [autograd.tanh, None]


def test_a_layer_of_one_neuron_gives_a_list():
    (y,) = nn.Layer(2, 1)([1.0, 2.0])
    assert isinstance(y, Value)


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    "x",
    [
        tuple(X), np.array(X), np.array(X, dtype=np.float32), np.array([X, X])[1], [np.float64(x) for x in X],
        [Value(x) for x in X], np.array([Value(x) for x in X], dtype=object), [0.5, Value(-1.0), 2],
    ],
    ids=["tuple", "array", "float32", "row", "NumPy scalars", "Values", "array of Values", "mixed"],
)  # fmt: skip
@pytest.mark.parametrize(
    "make", [lambda: nn.Neuron(3, "tanh", seed=2), lambda: nn.MLP(3, [4, 1], seed=2)], ids=["neuron", "network"]
)
def test_inputs_of_many_kinds(make, x):
    assert make()(x).data == make()(X).data


def test_the_gradient_reaches_inputs_that_are_values():
    xs = [Value(x) for x in X]
    model = nn.MLP(3, [4, 1], seed=3)
    model(xs).backward()
    assert [x.grad for x in xs] == pytest.approx([row.numeric for row in check_gradients(model, X).rows], rel=1e-8)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu", "silu", "softplus", "elu", "relu"])
@pytest.mark.parametrize("widths", [[1], [4, 1], [3, 1, 3, 1]], ids=str)
def test_gradients_of_a_network(activation, widths):
    model = nn.MLP(3, widths, activation=activation, output=activation, seed=4)
    parameters = model.parameters()

    def loss(flat, x):
        for neuron in (neuron for layer in model.layers for neuron in layer.neurons):
            count = len(neuron.weights)
            neuron.weights, neuron.bias, flat = flat[:count], flat[count], flat[count + 1 :]
        return model(x)

    point = [parameter.data + 0.05 for parameter in parameters]  # not 0, where rectifiers have their kink
    check_gradients(loss, point, X)


def test_a_network_gives_numbers_without_recording():
    with autograd.no_grad():
        assert nn.MLP(3, [4, 1], seed=0)(X).is_leaf


# ---------------------------------------------------------------- start


MAKERS = {
    "neuron": lambda **k: nn.Neuron(3, "tanh", **k),
    "layer": lambda **k: nn.Layer(3, 2, "relu", **k),
    "network": lambda **k: nn.MLP(3, [4, 2], **k),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_seed_decides_the_start(make):
    assert numbers(make(seed=1)) == numbers(make(seed=1)) == numbers(make(seed=random.Random(1)))
    assert numbers(make(seed=1)) != numbers(make(seed=2))
    assert numbers(make()) != numbers(make())
    state = random.getstate()
    make(seed=1)
    assert random.getstate() == state


def test_a_shared_generator_goes_on():
    rng = random.Random(0)
    assert numbers(nn.Neuron(2, seed=rng)) != numbers(nn.Neuron(2, seed=rng))


def test_neurons_and_layers_start_apart():
    model = nn.MLP(3, [3, 3], seed=0)
    weights = [tuple(w.data for w in neuron.weights) for layer in model.layers for neuron in layer.neurons]
    assert len(set(weights)) == 6


@pytest.mark.parametrize("init", [None, *INITIALISERS])
def test_biases_start_at_zero(init):
    assert all(neuron.bias.data == 0.0 for neuron in nn.Layer(3, 5, "relu", init=init, seed=0).neurons)


N_IN, N_OUT = 50, 200
BOUND = math.sqrt(6.0 / (N_IN + N_OUT))
# name: variance, and bounds if there are any
STATISTICS = {
    "he": (2.0 / N_IN, None),
    "xavier": (2.0 / (N_IN + N_OUT), BOUND),
    "uniform": (1.0 / 3.0, 1.0),
    "normal": (1.0, None),
}


@pytest.mark.parametrize("init", INITIALISERS)
def test_initialisers_have_the_variance_of_their_papers(init):
    variance, bound = STATISTICS[init]
    layer = nn.Layer(N_IN, N_OUT, init=init, seed=1)
    weights = [w.data for neuron in layer.neurons for w in neuron.weights]
    # 10,000 draws: the relative error of the variance is about 1.4 % for a normal distribution, less for a uniform one.
    assert statistics.fmean(weights) == pytest.approx(0.0, abs=4.0 * math.sqrt(variance / len(weights)))
    assert statistics.pvariance(weights) == pytest.approx(variance, rel=0.06)
    if bound is None:
        assert max(map(abs, weights)) > 3.0 * math.sqrt(variance)  # a normal distribution has tails
    else:
        assert 0.99 * bound < max(map(abs, weights)) <= bound


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", "he"), ("leaky_relu", "he"), ("elu", "he"), ("gelu", "he"), ("silu", "he"), ("softplus", "he"),
     ("tanh", "xavier"), ("sigmoid", "xavier"), (None, "xavier"), (lambda x: x, "xavier"), (autograd.relu, "he")],
)  # fmt: skip
def test_the_initialiser_follows_the_activation(activation, expected):
    assert numbers(nn.Layer(5, 3, activation, seed=1)) == numbers(nn.Layer(5, 3, activation, init=expected, seed=1))


def test_xavier_knows_the_width_of_its_layer():
    wide, narrow = (nn.Layer(10, n, "tanh", seed=1).neurons[0] for n in (90, 2))
    for a, b in zip(wide.weights, narrow.weights, strict=True):
        assert a.data / b.data == pytest.approx(math.sqrt(12.0 / 100.0), rel=1e-12)


# ---------------------------------------------------------------- repr


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (nn.Neuron(2, "tanh"), "Neuron(2 → tanh), 3 parameters"),
        (nn.Neuron(5), "Neuron(5), 6 parameters"),
        (nn.Layer(3, 4, autograd.relu), "Layer(3 → 4 → relu), 16 parameters"),
        (nn.Layer(3, 4), "Layer(3 → 4), 16 parameters"),
        (nn.MLP(2, [16, 16, 1], activation="relu"), "MLP(2 → 16 relu → 16 relu → 1), 337 parameters"),
        (nn.MLP(64, [32, 10]), "MLP(64 → 32 tanh → 10), 2410 parameters"),
        (nn.MLP(2, [1], output="sigmoid"), "MLP(2 → 1 sigmoid), 3 parameters"),
    ],
)
def test_repr_shows_architecture_and_number_of_parameters(model, text):
    assert repr(model) == text


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("wrong", [0, -1, 2.0, "3", None, True, [2]])
@pytest.mark.parametrize(
    "make",
    [nn.Neuron, lambda n: nn.Layer(n, 2), lambda n: nn.Layer(2, n), lambda n: nn.MLP(n, [2]), lambda n: nn.MLP(2, [n]),
     lambda n: nn.MLP(2, [3, n, 1])],
    ids=["neuron", "layer n_in", "layer n_out", "network n_in", "network widths", "network hidden"],
)  # fmt: skip
def test_wrong_widths(make, wrong):
    with pytest.raises((ValueError, TypeError), match=r"whole number of at least 1, got"):
        make(wrong)


@pytest.mark.parametrize("widths", [[], (), 3, None, "31"])
def test_widths_must_be_a_list(widths):
    with pytest.raises((ValueError, TypeError), match=r"MLP: widths must be a list such as \[16, 16, 1\]"):
        nn.MLP(2, widths)


def test_widths_may_come_from_numpy():
    labels = np.array([0, 2, 1])
    model = nn.MLP(np.int64(2), [np.int32(3), labels.max() + 1])
    assert repr(model) == "MLP(2 → 3 tanh → 3), 21 parameters"


@pytest.mark.parametrize("count", [0, 2, 4])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_wrong_number_of_inputs(make, count):
    with pytest.raises(ValueError, match=f"expected 3 inputs, got {count}"):
        make()([1.0] * count)


@pytest.mark.parametrize("x", [0.5, Value(0.5), np.array(0.5), None], ids=repr)
@pytest.mark.parametrize(
    "make", [nn.Neuron, lambda n: nn.Layer(n, 1), lambda n: nn.MLP(n, [1])], ids=["neuron", "layer", "network"]
)
def test_one_number_is_no_list_of_inputs(make, x):
    with pytest.raises((TypeError, ValueError), match=r"(Neuron|Layer|MLP): expected .*inputs.*got"):
        make(1)(x)


@pytest.mark.parametrize("x", [[None, 1.0], ["1", "2"], [[1.0, 2.0], [3.0, 4.0]], [1j, 1.0]], ids=repr)
def test_inputs_that_are_not_numbers(x):
    with pytest.raises((TypeError, ValueError), match="number"):
        nn.MLP(2, [3, 1])(x)


@pytest.mark.parametrize("wrong", ["tahn", "where", "maximum", "sum", "dot", "pow", "softmax", ""])
def test_an_unknown_activation_lists_the_known(wrong):
    with pytest.raises(ValueError, match=r"unknown activation .*tanh.*leaky_relu"):
        nn.Neuron(2, wrong)


@pytest.mark.parametrize("wrong", [autograd.where, autograd.sum, autograd.maximum, autograd.dot], ids=repr)
def test_a_primitive_of_several_arguments_is_no_activation(wrong):
    with pytest.raises(ValueError, match=f"activation: {wrong.name}"):
        nn.Layer(2, 2, wrong)


@pytest.mark.parametrize("wrong", [3, 0.5, ["tanh"], Value(1.0)], ids=repr)
def test_an_activation_must_be_callable(wrong):
    with pytest.raises(TypeError, match="activation: expected a primitive"):
        nn.MLP(2, [2], output=wrong)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_unknown_initialiser_lists_the_known(make):
    with pytest.raises(ValueError, match="unknown init 'glorot'; choose one of: he, xavier, uniform, normal"):
        make(init="glorot")
