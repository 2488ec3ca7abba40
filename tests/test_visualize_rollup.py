"""Large graphs as few boxes: the counts add up, the numbers are those of the nodes, and it takes no time."""

import random
from itertools import pairwise

import pytest

import autograd
import nn
from autograd import Value
from benchmarks import moons
from visualize import GraphTooLarge, draw, roll_up
from visualize.rendering import content_of


def moons_loss():
    xs, ys, plain = moons.numbers()
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    loss = moons.total_loss(layers, xs, ys, lambda z: z.relu())
    loss.backward()
    return loss


def chain():
    x = Value(0.5)
    for _ in range(20_000):
        x = autograd.sin(x * 1.1)
    return x


def banana():
    v = [Value(0.1 * (i % 7)) for i in range(5_000)]
    y = autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(v)])
    y.backward()
    return y


def recurrent():
    rng = random.Random(1)
    w = [[Value(rng.uniform(-0.5, 0.5)) for _ in range(8)] for _ in range(8)]
    u = [Value(rng.uniform(-0.5, 0.5)) for _ in range(8)]
    h = [Value(0.0) for _ in range(8)]
    for step in range(60):
        x = float(step % 3)
        h = [autograd.tanh(autograd.dot(row, h) + x * ui) for row, ui in zip(w, u, strict=True)]
    return autograd.sum([x * x for x in h])


@pytest.mark.parametrize(("make", "most"), [(moons_loss, 20), (chain, 12), (banana, 12), (recurrent, 25)])
def test_few_boxes(make, most):
    y = make()
    description = roll_up(y)
    assert len(description.nodes) <= most
    assert not description.notes
    assert b"<svg" in content_of(draw(y), "svg")
    ids = {node.id for node in description.nodes}
    assert all({edge.source, edge.target} <= ids for edge in description.edges)


def test_counts_and_numbers_are_those_of_the_nodes():
    y = moons_loss()
    boxes = {(node.label, len(node.members)) for node in roll_up(y).nodes}
    assert {("ReLU", 1600), ("ReLU", 100), ("Σ w·x + b", 1600), ("Σ w·x + b", 100)} <= boxes
    order = autograd.topological(y)
    leaves = [v for v in order if v.is_leaf]
    members = [m for node in roll_up(y).nodes for m in node.members]
    held = {key: data for key, data, _ in members}
    assert len(held) == len(members)  # none twice
    assert all(held[f"n{i}"] == v.data for i, v in enumerate(order) if f"n{i}" in held)
    assert sum(f"n{i}" in held for i, v in enumerate(order) if v.is_leaf) == len(leaves)
    assert f"n{len(order) - 1}" in held


def test_the_share_at_0_is_told():
    y = moons_loss()
    shares = {row.text for box in draw(y).scene.boxes for row in box.rows if row.name == "at 0"}
    relus = [node for node in roll_up(y).nodes if node.label == "ReLU" and len(node.members) == 1600]
    off = {f"{sum(x == 0.0 for _, x, _ in node.members) / 1600:.0%}" for node in relus}
    assert off <= shares


def test_parameters_of_a_model_are_told_apart_by_layer():
    model = nn.MLP(2, [8, 8, 1], activation="relu", seed=1)
    points = [(0.1 * i, 0.3 - 0.05 * i) for i in range(30)]
    loss = autograd.mean([nn.binary_cross_entropy(model([Value(a), Value(b)]), 1.0) for a, b in points])
    labels = {node.label: len(node.members) for node in roll_up(loss).nodes}
    assert labels["w⁰"] == 16
    assert labels["w¹"] == 64
    assert labels["b¹"] == 8


def test_what_does_not_repeat_is_a_box_for_each_operation_and_says_so():
    rng = random.Random(3)
    values = [Value(rng.uniform(0.5, 1.0)) for _ in range(20)]
    rows = [autograd.sin, autograd.cos, autograd.tanh, autograd.exp, autograd.sigmoid]
    two = [autograd.mul, autograd.maximum, autograd.sub, autograd.hypot]
    for _ in range(3000):
        if rng.random() < 0.5:
            values.append(autograd.tanh(rng.choice(rows)(rng.choice(values))))
        else:
            values.append(autograd.tanh(rng.choice(two)(rng.choice(values), rng.choice(values))))
    y = autograd.sum(values[-200:])
    description = roll_up(y)
    assert "Nothing repeats" in description.notes[0]
    assert description.edges == ()
    assert len(description.nodes) <= 40


def test_a_smaller_number_of_boxes():
    assert len(roll_up(moons_loss(), boxes=10).nodes) <= 12


def test_too_many_nodes_are_refused(monkeypatch):
    monkeypatch.setattr("visualize.rollup.MOST_NODES", 100)
    with pytest.raises(GraphTooLarge, match=r"draw: the graph has .* too many to roll up"):
        draw(chain(), limit=50)
