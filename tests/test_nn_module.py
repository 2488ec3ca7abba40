"""Modules: how parameters are found, named, cleared, read out and set."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Value


class Line(nn.Module):
    def __init__(self, slope=1.0, offset=0.0):
        self.slope, self.offset = Value(slope), Value(offset)

    def __call__(self, x):
        return self.slope * x[0] + self.offset


class Odd(nn.Module):
    """One of everything that can hold parameters, and things that are none."""

    def __init__(self):
        self.name, self.size, self.missing, self.numbers = "odd", 3, None, [1.0, 2.0]
        self.table = {"b": Value(1.0), "a": [Value(2.0), {"deep": (Value(3.0), Line(4.0, 5.0))}]}
        self.grid = [[Value(10.0 * i + j) for j in range(3)] for i in range(2)]
        self.ragged = [[Value(6.0)], [Value(7.0), Value(8.0)]]
        self.mixed = [Value(9.0), Line()]
        self.empty = []


def numbers(module):
    return {name: parameter.data for name, parameter in module.named_parameters()}


def test_names_of_a_network_and_their_order():
    names = [name for name, _ in nn.MLP(13, [4, 2]).named_parameters()]
    first = [
        f"layers.0.neurons.{i}.{part}" for i in range(4) for part in [*(f"weights.{j}" for j in range(13)), "bias"]
    ]
    second = [
        f"layers.1.neurons.{i}.{part}" for i in range(2) for part in [*(f"weights.{j}" for j in range(4)), "bias"]
    ]
    assert names == first + second
    assert "layers.0.neurons.3.weights.12" in names


def test_names_in_lists_and_dictionaries():
    assert numbers(Odd()) == {
        "table.b": 1.0, "table.a.0": 2.0, "table.a.1.deep.0": 3.0,
        "table.a.1.deep.1.slope": 4.0, "table.a.1.deep.1.offset": 5.0,
        "grid.0.0": 0.0, "grid.0.1": 1.0, "grid.0.2": 2.0, "grid.1.0": 10.0, "grid.1.1": 11.0, "grid.1.2": 12.0,
        "ragged.0.0": 6.0, "ragged.1.0": 7.0, "ragged.1.1": 8.0,
        "mixed.0": 9.0, "mixed.1.slope": 1.0, "mixed.1.offset": 0.0,
    }  # fmt: skip


@dataclass
class Spring:
    stiffness: Any
    name: str = "a spring"


def test_parameters_in_arrays_and_dataclasses():
    model = Odd()
    model.array = np.array([[Value(1.0), Value(2.0)]])
    model.spring = Spring([Value(3.0)])
    found = {name: x for name, x in numbers(model).items() if name.startswith(("array", "spring"))}
    assert found == {"array.0.0": 1.0, "array.0.1": 2.0, "spring.stiffness.0": 3.0}
    state = model.state_dict()
    assert (state["array"].tolist(), state["spring.stiffness"].tolist()) == ([[1.0, 2.0]], [3.0])
    model.load_state_dict({**state, "array": np.array([[5.0, 6.0]])})
    assert [x.data for x in model.array.flat] == [5.0, 6.0]


@pytest.mark.parametrize("make", [set, frozenset, deque])
@pytest.mark.parametrize("part", [Value, Line])
def test_parameters_that_would_not_be_found_are_refused(make, part):
    model = Line()
    model.parts = make([part(1.0)])
    for use in (model.parameters, model.state_dict, model.zero_grad):
        with pytest.raises(
            TypeError, match=f"Module: parts is a {make.__name__} of Values or Modules.*keep them in a list"
        ):
            use()
    model.parts = make([1.0, "text"])
    assert len(model.parameters()) == 2


class Untouchable(np.ndarray):
    """An array of numbers, none of which is to be looked at."""

    def ravel(self, *args):
        raise AssertionError("a module looked into an array of numbers")

    __iter__ = __getitem__ = tolist = ravel


@pytest.mark.parametrize(
    "kept",
    [np.zeros((3000, 784)).view(Untouchable), np.ma.array([1.0, 2.0], mask=[True, False]), np.eye(2).view(np.matrix),
     np.array(["a"])],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_arrays_of_numbers_are_no_parameters_of_any_kind(kept):
    model = Line()
    model.data = kept
    model.data = kept
    assert list(numbers(model)) == list(model.state_dict()) == ["slope", "offset"]


def test_a_list_that_holds_itself_is_looked_into_once():
    model, endless = Line(), [Value(1.0)]
    endless.append(endless)
    model.parts = endless
    model.parts = endless
    assert list(numbers(model)) == ["slope", "offset", "parts.0"]


def test_order_is_the_order_of_setting():
    line = Line()
    line.another = Value(3.0)
    assert [name for name, _ in line.named_parameters()] == ["slope", "offset", "another"]


def test_parameters_are_the_values_themselves():
    model = nn.MLP(2, [3, 1])
    assert model.parameters() == [parameter for _, parameter in model.named_parameters()]
    assert model.parameters()[0] is model.layers[0].neurons[0].weights[0]


def test_shared_parameters_come_once_by_their_first_name():
    model = nn.MLP(3, [3, 3])
    model.layers[1].neurons[2].weights = model.layers[0].neurons[0].weights
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len(model.parameters()) == len(set(model.parameters())) == 24 - 3
    assert "layers.0.neurons.0.weights.0" in names
    assert "layers.1.neurons.2.weights.0" not in names


def test_a_shared_module_learns_by_both_uses():
    twice = nn.Module()
    twice.first = twice.second = Line(3.0, 1.0)
    (twice.second([twice.first([2.0])])).backward()
    assert [name for name, _ in twice.named_parameters()] == ["first.slope", "first.offset"]
    assert twice.first.slope.grad == (3.0 * 2.0 + 1.0) + 3.0 * 2.0
    assert twice.first.offset.grad == 1.0 + 3.0


def test_a_module_without_parameters():
    empty = nn.Module()
    assert empty.parameters() == []
    assert empty.state_dict() == {}
    empty.load_state_dict({})
    empty.zero_grad()


def test_a_module_that_knows_its_parent_is_walked_once():
    parent = nn.Module()
    parent.child = Line()
    parent.child.parent = parent
    parent.child.me = parent.child
    assert [name for name, _ in parent.named_parameters()] == ["child.slope", "child.offset"]
    assert list(parent.state_dict()) == ["child.slope", "child.offset"]


def test_a_result_that_a_module_keeps_is_no_parameter():
    line = Line()
    line.last = line([2.0])
    assert [name for name, _ in line.named_parameters()] == ["slope", "offset"]
    assert list(line.state_dict()) == ["slope", "offset"]
    nn.SGD(line.parameters())


def test_zero_grad_clears_every_parameter():
    model = nn.MLP(2, [3, 1], seed=0)
    model([1.0, 2.0]).backward()
    assert all(parameter.has_grad for parameter in model.parameters())
    model.zero_grad()
    assert not any(parameter.has_grad for parameter in model.parameters())
    assert all(parameter.grad == 0.0 for parameter in model.parameters())


def test_state_dict_has_one_array_per_list_of_values():
    state = Odd().state_dict()
    assert {name: array.shape for name, array in state.items()} == {
        "table.b": (), "table.a.0": (), "table.a.1.deep.0": (),
        "table.a.1.deep.1.slope": (), "table.a.1.deep.1.offset": (),
        "grid": (2, 3), "ragged.0": (1,), "ragged.1": (2,), "mixed.0": (), "mixed.1.slope": (), "mixed.1.offset": (),
    }  # fmt: skip
    assert state["grid"].tolist() == [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]
    assert all(array.dtype == float for array in state.values())


def test_state_dict_of_a_network():
    state = nn.MLP(4, [3, 2]).state_dict()
    assert {name: array.shape for name, array in state.items()} == {
        f"layers.{layer}.neurons.{i}.{part}": (n,) if part == "weights" else ()
        for layer, width, n in ((0, 3, 4), (1, 2, 3))
        for i in range(width)
        for part in ("weights", "bias")
    }


def test_state_dict_is_a_copy():
    line = Line()
    state = line.state_dict()
    line.slope.data = 7.0
    assert state["slope"] == 1.0


@pytest.mark.parametrize("make", [Odd, lambda: nn.MLP(3, [2, 1], seed=5), lambda: nn.Neuron(1)])
def test_state_round_trip(make):
    one, other = make(), make()
    for i, parameter in enumerate(other.parameters()):
        parameter.data = 0.1 * i
    one.load_state_dict(other.state_dict())
    assert numbers(one) == numbers(other)


def test_loading_keeps_the_values_and_takes_plain_lists():
    neuron = nn.Neuron(2)
    before = neuron.parameters()
    neuron.load_state_dict({"weights": [3, 4], "bias": np.float32(0.5)})
    assert neuron.parameters() == before
    assert [parameter.data for parameter in before] == [3.0, 4.0, 0.5]
    assert all(type(parameter.data) is float for parameter in before)


GOOD = {"weights": [1.0, 2.0], "bias": 3.0}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"weights": [1.0, 2.0]}, ["missing: bias"]),
        ({}, ["missing: weights", "missing: bias"]),
        (GOOD | {"extra": 1.0}, ["unknown: extra"]),
        (GOOD | {"weights": [1.0]}, ["shape of weights", "(2,)", "(1,)"]),
        (GOOD | {"weights": [[1.0, 2.0]]}, ["shape of weights", "(1, 2)"]),
        (GOOD | {"bias": [3.0]}, ["shape of bias", "()", "(1,)"]),
        (GOOD | {"weights": 1.0}, ["shape of weights"]),
        ({"weights": [1.0], "other": 1.0}, ["shape of weights", "missing: bias", "unknown: other"]),
        (GOOD | {"bias": "a"}, ["bias"]),
        (GOOD | {"weights": [1.0, None]}, ["weights"]),
        (GOOD | {"weights": [[1.0], [2.0, 3.0]]}, ["weights"]),
        (GOOD | {"bias": 1j}, ["bias"]),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, told):
    neuron = nn.Neuron(2, seed=1)
    before = numbers(neuron)
    with pytest.raises(ValueError, match="load_state_dict") as error:
        neuron.load_state_dict(state)
    assert all(part in str(error.value) for part in told)
    assert numbers(neuron) == before


def test_a_long_list_of_problems_is_cut():
    with pytest.raises(ValueError, match=r"\.\.\.$") as error:
        nn.MLP(2, [20, 1]).load_state_dict({})
    assert len(str(error.value).splitlines()) <= 15


def test_a_module_of_ones_own_learns():
    line = Line()
    xs = [[x / 10.0] for x in range(10)]
    optimizer = nn.SGD(line.parameters(), 0.5)
    nn.fit(line, nn.mean_squared_error, xs, [2.0 * x[0] - 1.0 for x in xs], optimizer=optimizer, epochs=200)
    assert line.slope.data == pytest.approx(2.0, abs=1e-3)
    assert line.offset.data == pytest.approx(-1.0, abs=1e-3)


def test_a_trainable_activation_is_found_once():
    class Slope(nn.Module):
        def __init__(self):
            self.slope = Value(0.3)

        def __call__(self, x):
            return autograd.where(x > 0, x, self.slope * x)

    layer = nn.Layer(2, 3, Slope(), seed=0)
    assert len(layer.parameters()) == 3 * 3 + 1
