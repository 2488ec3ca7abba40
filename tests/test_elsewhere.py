"""What people bring along from other libraries: micrograd's notebooks run, and other names say what to write here."""

import itertools
import math
import random

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, elsewhere

X = [[0.0, 1.0], [1.0, 0.0]]


# ---------------------------------------------------------------- micrograd


def graph_of(root):
    """Nodes and edges as a drawing notebook for micrograd gathers them."""
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_a_drawing_for_micrograd():
    a, b = Value(2.0), Value(-3.0)
    y = (a * b + 1.0 / a).relu() + a**2 - b
    y.backward()
    nodes, edges = graph_of(y)
    assert {a, b} <= nodes
    assert len(edges) == len({(id(child), id(v)) for child, v in edges})
    assert {v._op for v in nodes} == {"", "*", "+", "/", "ReLU", "**2", "-"}
    assert all((v._op == "") == (not v._prev) for v in nodes)
    assert (a * a)._prev == {a}
    for v in nodes:
        assert f"{{ data {v.data:.4f} | grad {v.grad:.4f} }}"
    with pytest.raises(AttributeError):
        a._op = "+"


def test_networks_written_for_micrograd():
    """Neurons, layers, a hinge loss and the loop of steps, with nothing but what micrograd's Value has."""
    rng = random.Random(1337)

    class Neuron:
        def __init__(self, n, nonlin=True):
            self.w, self.b, self.nonlin = [Value(rng.uniform(-1, 1)) for _ in range(n)], Value(0), nonlin

        def __call__(self, x):
            act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
            return act.relu() if self.nonlin else act

    sizes = [2, 8, 1]
    layers = [[Neuron(n, i == 0) for _ in range(m)] for i, (n, m) in enumerate(itertools.pairwise(sizes))]
    parameters = [p for layer in layers for n in layer for p in [*n.w, n.b]]

    def model(x):
        for layer in layers:
            x = [n(x) for n in layer]
        return x[0]

    data = nn.datasets.moons(30)
    targets = 2 * data.targets - 1
    totals = []
    for k in range(25):
        scores = [model(list(map(Value, row))) for row in data.inputs]
        losses = [(1 + -yi * score).relu() for yi, score in zip(targets, scores, strict=True)]
        total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0
        total.backward()
        for p in parameters:
            p.data -= (1.0 - 0.9 * k / 100) * 0.3 * p.grad
        totals.append(total.data)
    assert totals[-1] < 0.5 * totals[0]
    right = [(score.data > 0) == (t > 0) for score, t in zip(scores, targets, strict=True)]
    assert sum(right) >= 24


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", elsewhere.VALUE)
def test_attributes_of_other_libraries_values(name):
    with pytest.raises(AttributeError, match="Value has no attribute") as error:
        getattr(Value(1.0), name)
    assert elsewhere.VALUE[name] in str(error.value)


@pytest.mark.parametrize("name", elsewhere.NAMES)
@pytest.mark.parametrize("package", [autograd, nn])
def test_names_of_other_libraries_packages(package, name):
    with pytest.raises(AttributeError) as error:
        getattr(package, name)
    assert f"has no attribute '{name}'; here it is" in str(error.value)
    assert not hasattr(package, "something_else")


@pytest.mark.parametrize("name", elsewhere.MODULE)
def test_attributes_of_other_libraries_models(name):
    with pytest.raises(AttributeError, match=f"MLP has no attribute '{name}'; "):
        getattr(nn.MLP(2, [1]), name)


def test_what_the_advice_names_is_there():
    for text in (*elsewhere.VALUE.values(), *elsewhere.NAMES.values(), *elsewhere.LOSSES.values()):
        for word in text.replace("(", " ").replace(",", " ").replace(":", " ").split():
            package, _, name = word.strip(").").partition(".")
            if package in ("nn", "autograd") and name:
                assert hasattr({"nn": nn, "autograd": autograd}[package], name), word


def model():
    return nn.MLP(2, [4, 3], seed=0)


def fitted(**options):
    m = model()
    return nn.fit(
        m, **{"loss": nn.cross_entropy, "inputs": X, "targets": [0, 1], "optimizer": nn.SGD(m.parameters()), **options}
    )


WRONG = [
    (
        lambda: nn.SGD(model().parameters(), lr=0.1),
        TypeError,
        "SGD: there is no argument 'lr'; it is called learning_rate",
    ),
    (lambda: nn.Adam(model().parameters(), eps=1e-8), TypeError, "it is called epsilon here"),
    (lambda: nn.MLP(2, [1], random_state=1), TypeError, "it is called seed here"),
    (lambda: fitted(n_epochs=3), TypeError, "it is called epochs here"),
    (lambda: fitted(lr=0.1), TypeError, "the learning rate is the optimiser's"),
    (lambda: fitted(optimizer="adam"), TypeError, r"optimizer=nn.Adam\(model.parameters\(\), 0.01\)"),
    (lambda: fitted(optimizer=nn.SGD), TypeError, r"optimizer=nn.SGD\(model.parameters\(\), 0.01\)"),
    (lambda: fitted(loss="mse"), TypeError, "write nn.mean_squared_error"),
    (lambda: fitted(loss="what"), TypeError, "choose nn.cross_entropy"),
    (lambda: fitted(targets=[[1, 0, 0], [0, 1, 0]]), ValueError, r"number of a class.*nn.most_likely\(target\)"),
    (lambda: fitted(loss=nn.mean_squared_error), ValueError, r"autograd.one_hot\(0, 3\)"),
    (lambda: nn.cross_entropy(model()(X[0]), [0, 1, 0]), ValueError, r"number of a class.*nn.most_likely\(target\)"),
    (lambda: nn.cross_entropy(autograd.softmax(model()(X[0])), 1), ValueError, "takes logits.*softmax already"),
    (lambda: nn.mean_squared_error(model()(X[0]), 2), ValueError, r"autograd.one_hot\(2, 3\)"),
    (lambda: model()(X), TypeError, r"one example.*for several examples, write \[model\(x\) for x in xs\]"),
    (lambda: nn.Neuron(2)(X), TypeError, "for several examples"),
    (lambda: nn.Layer(2, 2)(np.array(X)), TypeError, "for several examples"),
    (lambda: nn.Neuron(2, "ReLU"), ValueError, "it is written 'relu'"),
    (lambda: nn.MLP(2, [1], activation="Tanh"), ValueError, "it is written 'tanh'"),
    (lambda: setattr(Value(1.0), "grad", None), TypeError, r"to clear it, write zero_grad\(\[v\]\)"),
    (lambda: autograd.zero_grad(model()), TypeError, r"of a model: model.zero_grad\(\)"),
    (lambda: autograd.grad(lambda x: x)(3.0), TypeError, r"write value_and_grad\(f\)\(x\)"),  # type: ignore[arg-type]
    (lambda: autograd.trace(model(), X[0]).value_and_grad(X), TypeError, "trace the loss"),
]


@pytest.mark.parametrize(("call", "kind", "told"), WRONG, ids=range(len(WRONG)))
def test_wrong_arguments_say_the_way_out(call, kind, told):
    with pytest.raises(kind, match=told):
        call()


def test_losses_print_as_their_names():
    assert repr(nn.cross_entropy) == "<loss cross_entropy>"


# ---------------------------------------------------------------- parameters that would get lost


def test_parameters_that_are_bound_anew_are_an_error():
    class Line(nn.Module):
        def __init__(self):
            self.w, self.b = [Value(1.0), Value(2.0)], Value(0.0)

    line = Line()
    (line.w[0] * 2.0 + line.b).backward()
    with pytest.raises(TypeError, match=r"Line.w would lose its parameters.*p.data -= 0.1 \* p.grad"):
        line.w = [p - 0.1 * p.grad for p in line.w]
    with pytest.raises(TypeError, match=r"Line.b would lose its parameters"):
        line.b = line.b - 0.1 * line.b.grad
    assert [p.data for p in line.parameters()] == [1.0, 2.0, 0.0]
    line.w = [Value(3.0)]
    line.last = line.w[0] * 2.0  # a result is kept without harm
    line.last = line.w[0] * 3.0
    with autograd.no_grad():
        line.b = line.b - 1.0
    assert [p.data for p in line.parameters()] == [3.0, -1.0]
    assert math.isfinite(line.last.data)
