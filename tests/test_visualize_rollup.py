"""Large graphs as few boxes: the counts add up, the numbers are those of the nodes, and it takes no time."""

import random
from itertools import pairwise

import pytest

import autograd
import nn
from autograd import Value
from benchmarks import moons
from visualize import GraphTooLarge, draw, members, roll_up
from visualize.content import content_of


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


@pytest.mark.parametrize("make", [moons_loss, chain, banana, recurrent])
def test_counts_add_up_and_numbers_are_those_of_the_nodes(make):
    y = make()
    order = autograd.topological(y)
    description = roll_up(y)
    assert description.total == len(order) == sum(node.group.whole for node in description.nodes)
    seen = set()
    for node in description.nodes:
        found = members(y, node.id)
        assert len(found) == node.group.size
        assert seen.isdisjoint(found)
        seen.update(found)
        for spread, numbers in (
            (node.group.data, [v.data for v in found]),
            (node.group.gradient, [v.grad for v in found if v.has_grad]),
        ):
            assert spread.size == len(numbers)
            if numbers:
                assert (spread.low, spread.high) == (min(numbers), max(numbers))
                assert spread.zeros == numbers.count(0.0)
            if spread.bins:
                width = (spread.high - spread.low) / len(spread.bins)
                places = [min(int((x - spread.low) / width), len(spread.bins) - 1) for x in numbers]
                assert sum(abs(places.count(k) - n) for k, n in enumerate(spread.bins)) <= 0.02 * len(numbers)
    assert {v for v in order if v.is_leaf} <= seen
    assert y in seen


def test_every_arrow_is_counted():
    rng = random.Random(5)
    values = [Value(rng.uniform(0.5, 1.0)) for _ in range(8)]
    for _ in range(500):
        values.append(autograd.sin(autograd.hypot(rng.choice(values[-9:]), rng.choice(values[-9:]))))
    y = values[-1]
    arrows = sum(isinstance(arg, Value) for v in autograd.topological(y) for arg in v.args)
    assert sum(edge.times for edge in roll_up(y).edges) == arrows


def test_what_belongs_to_the_examples_is_framed():
    description = roll_up(moons_loss())
    (frame,) = description.frames
    assert frame.title == "for each of the 100 examples"
    inside = {node.id: node for node in description.nodes if node.id in frame.boxes}
    assert sum(node.group.size for node in inside.values()) == 100 * (16 + 16 + 16 + 16 + 1 + 1 + 1 + 1)
    assert {node.group.each for node in inside.values()} == {"16 for each example", "1 for each example"}
    assert all(node.group.each == "" for node in description.nodes if node.id not in frame.boxes)


def test_what_two_examples_share_is_outside_of_the_frame():
    w = Value(0.3, "w")
    scale = autograd.exp(w)
    hidden = [autograd.sin(w * (0.1 * k)) for k in range(41)]
    terms = [autograd.tanh(autograd.cos(a * scale) + b) * 2.0 for a, b in pairwise(hidden)]
    y = autograd.mean(terms)
    description = roll_up(y)
    (frame,) = description.frames
    inside = {v for box in frame.boxes for v in members(y, box)}
    leads_to = {v: set() for v in autograd.topological(y)}
    for k, term in enumerate(terms):
        for v in autograd.topological(term):
            leads_to[v].add(k)
    assert inside == {v for v, found in leads_to.items() if len(found) == 1}
    assert not inside & {scale, w, *hidden[1:40]}
    assert set(terms) <= inside


def test_examples_that_differ_in_size():
    w = Value(0.3, "w")
    y = autograd.mean([autograd.sum([autograd.tanh(w * x) for x in range(n)]) for n in (300, 5, 40, 77)])
    description = roll_up(y)
    assert [frame.title for frame in description.frames] == ["for each of the 4 examples"]
    assert "5 to 300 for each example" in {node.group.each for node in description.nodes}


def test_the_share_at_0_is_told():
    y = moons_loss()
    shares = {row.text for box in draw(y).scene.boxes for row in box.rows if row.name == "off"}
    relus = [node for node in roll_up(y).nodes if node.label == "ReLU" and node.group.size == 1600]
    off = {f"{sum(v.data == 0.0 for v in members(y, node.id)) / 1600:.0%}" for node in relus}
    assert len(off) == 2
    assert off <= shares


def test_what_is_not_finite_is_loud():
    xs = [Value(x) for x in [0.5, float("nan"), float("inf"), *[0.1 * k for k in range(400)]]]
    drawing = draw(autograd.sum([v * 2.0 for v in xs]))
    assert any(box.bad and ("data", "2 × nan or inf", "bad", ()) in box.rows for box in drawing.scene.boxes)


def network_loss():
    model = nn.MLP(2, [8, 8, 1], activation="relu", seed=1)
    points = [(0.1 * i, 0.3 - 0.05 * i) for i in range(30)]
    return model, autograd.mean([nn.binary_cross_entropy(model([Value(a), Value(b)]), 1.0) for a, b in points])


def test_parameters_of_a_model_are_told_apart_by_layer():
    model, loss = network_loss()
    sizes = {node.label: node.group.size for node in roll_up(loss).nodes if node.kind == "parameter"}
    assert sizes == {"w⁰": 16, "b⁰": 8, "w¹": 64, "b¹": 8, "w²": 8, "b²": 1}
    assert set(members(loss, "w¹")) == {w for neuron in model.layers[1].neurons for w in neuron.weights}


def test_layers_are_framed_within_the_examples():
    model, loss = network_loss()
    description = roll_up(loss, parameters=model)
    assert [(frame.title, len(frame.boxes), frame.inside) for frame in description.frames[1:]] == [
        ("layer 0", 2, 0), ("layer 1", 2, 0), ("layer 2", 1, 0),
    ]  # fmt: skip
    labels = {node.id: node.label for node in description.nodes}
    assert [labels[key] for key in description.frames[1].boxes] == ["Σ w·x + b", "ReLU"]
    picture = content_of(draw(loss), "svg").decode()
    assert picture.count('class="frame inner"') == 3
    assert "subgraph cluster_1 {" in draw(loss).source
    assert 'subgraph f1["layer 0"]' in mermaid_of(loss)


def mermaid_of(y):
    from visualize.text import of_drawing

    return of_drawing(draw(y))


def test_many_layers_are_weights_and_biases():
    model = nn.MLP(2, [3] * 30 + [1], seed=1)
    labels = {node.label for node in roll_up(model([Value(0.1), Value(0.2)])).nodes if node.kind == "parameter"}
    assert labels == {"w", "b"}


def test_a_sum_with_a_name_stays():
    x = [Value(0.1 * k) for k in range(400)]
    part = autograd.sum(x[:200])
    part.label = "first half"
    boxes = [(node.label, node.group.whole) for node in roll_up(part + autograd.sum(x[200:])).nodes]
    assert sorted(boxes) == [("first half", 1), ("leaves", 200), ("leaves", 200), ("Σ", 2)]


def test_members_wants_a_box_that_there_is():
    y = moons_loss()
    with pytest.raises(ValueError, match=r"members: 3 boxes are called 'ReLU'; say one of c0 \(leaves × "):
        members(y, "ReLU")
    with pytest.raises(ValueError, match="members: there is no box 'c99'"):
        members(y, "c99")
    with pytest.raises(TypeError, match="members: takes a Value"):
        members(3.0, "c0")
    with pytest.raises(ValueError, match="roll_up: boxes must be a whole number, at least 1; got 0"):
        roll_up(y, boxes=0)


def depths(y):
    """Operations on the longest way from a leaf; the sum at the end counts as one."""
    found = {}
    for v in autograd.topological(y):
        found[v] = 1 + max((found[arg] for arg in v.args if isinstance(arg, Value)), default=-1)
    return found


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
    assert description.total == sum(node.group.whole for node in description.nodes)
    titles = [frame.title for frame in description.frames]
    assert titles[0].startswith("0 to ")
    assert all(title.endswith(" operations deep") for title in titles)
    assert sorted(box for frame in description.frames for box in frame.boxes) == sorted(n.id for n in description.nodes)
    deep = depths(y)
    for frame in description.frames:
        low, _, high, *_ = frame.title.split(" ")
        for box in frame.boxes:
            assert all(int(low) <= deep[v] <= int(high) for v in members(y, box))


def test_a_smaller_number_of_boxes():
    assert len(roll_up(moons_loss(), boxes=10).nodes) <= 12


def test_too_many_nodes_are_refused(monkeypatch):
    monkeypatch.setattr("visualize.rollup.MOST_NODES", 100)
    with pytest.raises(GraphTooLarge, match=r"draw: the graph has .* too many to roll up"):
        draw(chain(), limit=50)


def mean_of(w, n):
    return autograd.mean(
        [autograd.tanh(sum(a * b for a, b in zip(w, [0.1 * k, 0.2, 0.3], strict=True))) for k in range(n)]
    )


def three():
    return [Value(0.1 * i + 0.1, f"w{i}") for i in range(3)]


@pytest.mark.parametrize("n", [4, 200])
def test_numbers_that_do_not_belong_together_are_said_in_small_and_in_large_pictures(n):
    w = three()
    y = mean_of(w, n)
    y.backward()
    assert draw(y).scene.notes == ()
    y.backward()
    (note, *_) = draw(y).scene.notes
    assert note.startswith("'w")
    assert "from an earlier backward()" in note

    w = three()
    (mean_of(w, n) * 1.0).backward()
    assert "No backward() has started from the node mean yet" in draw(mean_of(w, n)).scene.notes[0]

    w = three()
    y = mean_of(w, n)
    y.backward()
    w[0].data = 9.0
    assert "A leaf was changed" in draw(y).scene.notes[0]
    w = [*three()[:2], Value(float("nan"), "w2")]
    assert draw(mean_of(w, n)).scene.notes[0].startswith("The data of 'w2' and ")


def test_gradients_of_this_graph_with_another_seed_are_no_mixture():
    y = mean_of(three(), 200)
    y.backward(0.25)
    assert draw(y).scene.notes == ()


def test_half_cleared_gradients_are_counted():
    xs = [Value(0.001 * k) for k in range(600)]
    y = autograd.mean([autograd.tanh(v * 2.0) for v in xs])
    y.backward()
    autograd.zero_grad(xs[1:])
    drawing = draw(y)
    assert any("cleared" in note for note in drawing.scene.notes)
    assert ("grad", "599 not computed") in {(row.name, row.text) for box in drawing.scene.boxes for row in box.rows}


def test_each_is_said_only_if_it_is_so_of_each():
    xs = iter([Value(0.001 * k) for k in range(400)])
    y = autograd.mean([autograd.tanh(sum(next(xs) for _ in range(4 if k % 2 else 6))) for k in range(80)])
    (edge,) = [edge for edge in roll_up(y).edges if edge.times == 400]
    assert edge.each == 0
    assert "400 in all" in {arrow.equation[0] for arrow in draw(y).scene.arrows}
    d = [Value(0.1 * k) - 0.5 for k in range(200)]
    squares = roll_up(autograd.mean([x**2 for x in d]))
    (key,) = [node.id for node in squares.nodes if node.label == "x^2"]
    assert [edge.each for edge in squares.edges if edge.target == key] == [1]


def test_numbers_that_differ_by_rounding_have_no_histogram():
    for a, b in ((0.1 + 0.2, 0.3), (0.0, 5e-324), (1e308, -1e308)):
        xs = [Value(a if k % 2 else b) for k in range(120)]
        content_of(draw(sum(autograd.tanh(v) for v in xs), limit=50), "svg")


def test_bars_of_gradients_tell_the_sign():
    xs = [Value(0.01 * k + 0.1) for k in range(400)]
    y = autograd.mean([-(v * v) for v in xs])
    y.backward()
    (box,) = [box for box in draw(y).scene.boxes if box.label == ("leaves",)]
    data, grad = [row.bars for row in box.rows if row.bars]
    assert {bar.look for bar in data} == {"plain"}
    assert {bar.look for bar in grad} == {"neg"}


def test_the_result_has_a_box_of_its_own():
    y = Value(0.3, "x")
    for _ in range(400):
        y = autograd.tanh(y)
    y.backward()
    last = roll_up(y).nodes[-1]
    assert (last.kind, last.data, last.group.size) == ("result", y.data, 1)
    assert [node.label for node in roll_up(y).nodes] == ["x", "tanh", "tanh"]


def test_leaves_with_names_of_their_own():
    w, b = Value(1.0, "w"), Value(2.0, "b")
    y = autograd.mean([(w * (0.1 * k) + b - 1.0) ** 2 for k in range(200)])
    assert [node.label for node in roll_up(y).nodes if node.kind == "leaf"] in (["w", "b"], ["b", "w"])


def test_the_id_of_a_box_comes_before_a_label():
    xs = [Value(0.1, "c1"), *[Value(0.1 * k) for k in range(300)]]
    y = autograd.mean([autograd.tanh(x) for x in xs])
    sizes = {node.id: node.group.size for node in roll_up(y).nodes}
    assert len(members(y, "c1")) == sizes["c1"]


def test_a_leaf_alone():
    (box,) = roll_up(Value(1.0, "a")).nodes
    assert (box.label, box.kind, box.data, box.group.size) == ("a", "result", 1.0, 1)
