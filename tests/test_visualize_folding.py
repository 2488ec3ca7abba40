"""What a drawing makes of a graph so that it reads like a page, and that no number gets lost on the way."""

import random

import pytest
from browser.graphs import kinds, mixed, random_graph

import autograd
import nn
from autograd import Value
from visualize import describe, draw, fold, mermaid, tree
from visualize.description import short_names


def folded(y, **options):
    return fold(describe(y, limit=5000, **options))


def symbols(y):
    return [node.symbol for node in folded(y).nodes if node.symbol]


@pytest.mark.parametrize(
    ("f", "shown"),
    [
        (lambda x: x * 1.1, "× 1.1"), (lambda x: 1.1 * x, "× 1.1"), (lambda x: x**2, "x²"), (lambda x: x**-3, "x⁻³"),
        (lambda x: x**0.5, "x^0.5"), (lambda x: 2.0**x, "2^x"), (lambda x: x + 1, "+ 1"), (lambda x: x - 1, "− 1"),
        (lambda x: 1 - x, "1 − x"), (lambda x: x / 2, "/ 2"), (lambda x: 2 / x, "2 / x"),
        (lambda x: autograd.maximum(x, 0.0), "max(x, 0)"), (lambda x: autograd.clip(x, -1.0, 1.0), "clip(x, -1, 1)"),
        (lambda x: autograd.sum([x, x, 5.0]), "Σ + 5"), (lambda x: autograd.mean([x, 1.0, 2.0]), "mean (1, 2)"),
        (lambda x: autograd.dot([1.0, 2.0], [x, x]), "1·x + 2·x"),
    ],
)  # fmt: skip
def test_plain_numbers_stand_inside_the_operation(f, shown):
    y = f(Value(1.5, "x"))
    assert symbols(y) == [shown]
    assert len(folded(y).nodes) == 2
    assert fold(describe(y), constants=False).nodes[-1].symbol != shown or shown == "1·x + 2·x"


def test_chains_of_additions_are_one_sum():
    xs = [Value(float(i), f"x{i}") for i in range(5)]
    y = sum(xs)
    y.backward()
    description = folded(y)
    assert symbols(y) == ["Σ"]
    assert [edge.source for edge in description.edges] == [
        next(n.id for n in description.nodes if n.label == f"x{i}") for i in range(5)
    ]
    assert symbols(xs[0] + xs[1]) == ["+"]
    named = xs[0] + xs[1]
    named.label = "part"
    assert symbols(named + xs[2]) == ["+", "+"]  # what has a name stays
    shared = xs[0] + xs[1]
    assert symbols(shared + xs[2] * shared) == ["+", "*", "+"]  # what is used twice stays


@pytest.mark.parametrize("make", [lambda xs: sum(xs), autograd.sum, lambda xs: sum((x - 1.0) ** 2 for x in xs)])
def test_many_that_are_alike_are_abridged_and_nothing_is_lost(make):
    xs = [Value(float(i), f"x{i}") for i in range(40)]
    y = make(xs)
    y.backward()
    description = folded(y)
    (group,) = (node for node in description.nodes if node.kind == "group")
    assert group.label.startswith("36 more")
    assert len(group.members) == 36
    (edge,) = (edge for edge in description.edges if edge.source == group.id)
    assert len(edge.parts) == 36
    assert edge.contribution == 36.0
    assert len(description.nodes) < 25


def test_what_shares_an_argument_is_abridged_with_the_sum_of_contributions():
    w, xs = Value(2.0, "w"), [Value(float(i)) for i in range(30)]
    y = sum((w * x for x in xs), Value(0.0))
    y.backward()
    description = folded(y)
    (of_w,) = (node for node in description.nodes if node.label == "w")
    assert sum(edge.contribution for edge in description.edges if edge.source == of_w.id) == w.grad


def test_what_hangs_on_different_nodes_is_not_alike():
    s1, s2 = autograd.tanh(Value(0.3, "w")), autograd.tanh(Value(0.3, "v"))
    y = autograd.sum([s1 * Value(float(i)) for i in range(10)] + [s2 * Value(float(i)) for i in range(10)])
    assert not any(node.kind == "group" for node in folded(y).nodes)


def test_pairs_of_a_dot_enter_side_by_side():
    ws, xs = [Value(float(i), f"w{i}") for i in range(5)], [Value(float(i), f"x{i}") for i in range(5)]
    y = autograd.dot(ws, xs)
    description = folded(y)
    labels = {node.id: node.label for node in description.nodes}
    assert [labels[edge.source] for edge in description.edges] == [f"{c}{i}" for i in range(5) for c in "wx"]
    assert symbols(autograd.dot(ws[:2], xs[:2])) == ["w0·x0 + w1·x1"]


def test_identities_of_transforms_are_not_drawn():
    w = Value(2.0, "w")
    (slope,) = autograd.grad(w * w * w, [w], create_graph=True)
    assert "=" not in symbols(slope)
    x = Value(3.0, "x")
    assert "=" not in symbols(autograd.derivative(lambda z: autograd.tanh(z * z))(x))


def test_labels_are_cut_and_kept_in_full_for_hovering():
    node = folded(Value(1.0, "a" * 96)).nodes[0]
    assert len(node.label) == 24
    assert node.name == "a" * 96


def test_parameters_of_modules_and_optimisers_are_found_and_named_short():
    model = nn.MLP(2, [2, 1], seed=1)
    y = model([Value(1.0), Value(2.0)])
    found = {node.name: node.label for node in describe(y).nodes if node.kind == "parameter"}
    assert found["layers.0.neurons.1.weights.0"] == "w⁰₁₀"
    assert found["layers.1.neurons.0.bias"] == "b¹₀"
    assert len(found) == len(model.parameters())
    w = Value(1.0)
    assert [node.kind for node in describe(w * 2.0, constants=False).nodes] == ["leaf", "result"]
    optimizer = nn.SGD([w], 0.1)
    assert [node.kind for node in describe(w * 2.0, constants=False).nodes] == ["parameter", "result"]
    assert describe(w * 2.0, parameters=()).nodes[0].kind == "leaf"
    del optimizer
    assert describe(w * 2.0).nodes[0].kind == "leaf"


def test_a_copy_of_a_model_is_known_too_and_a_part_gives_way_to_the_whole():
    import copy

    model = copy.deepcopy(nn.MLP(2, [2, 1], seed=1))
    names = [node.name for node in describe(model.layers[0]([1.0, 2.0])[0]).nodes if node.kind == "parameter"]
    assert all(name.startswith("layers.0.neurons.0.") for name in names)


def test_names_that_would_be_the_same_stay_whole():
    assert short_names(["a.weights.0", "b.weights.0"]) == {"a.weights.0": "a.weights.0", "b.weights.0": "b.weights.0"}
    assert short_names(["neurons.12.weights.3"]) == {"neurons.12.weights.3": "w₁₂,₃"}


# ---------------------------------------------------------------- notes


def test_after_one_sweep_there_is_nothing_to_say_and_after_another_there_is():
    told = 0
    for seed in range(200):
        y = random_graph(seed, steps=8)
        if any(v.grad != v.grad for v in autograd.topological(y)):
            continue  # where no leaf needs a gradient, it may be nan, and is said to be
        assert describe(y, limit=5000).notes == (), seed
        inner = [v for v in autograd.topological(y) if not v.is_leaf and v is not y]
        other = random.Random(seed).choice(inner) * 3.0
        before = [(v.grad, v.is_leaf) for v in autograd.topological(y)]
        other.backward()
        if [(v.grad, v.is_leaf) for v in autograd.topological(y)] != before:
            told += 1
            assert describe(y, limit=5000).notes, seed
    assert told > 150


def test_notes_name_the_cause():
    a = mixed()
    (note,) = describe(a).notes
    assert note.startswith("'h' has gradient 5, but the edges here add up to 3")
    assert "has gradient 5" in draw(a).source.replace("&#160;", " ")

    x = Value(2.0, "x")
    y = x * 3
    y.backward()
    z = x * x
    z.backward()
    assert describe(z).notes[0].startswith("'x': 7 = 4 here + 3 from an earlier backward()")

    unswept = y + Value(1.0, "c")
    unswept.label = "sum"
    description = describe(unswept)
    assert description.foreign
    assert description.notes == (
        "No backward() has started from 'sum' yet: the gradients shown are those of another result.",
    )

    unswept.backward()
    autograd.zero_grad([x])
    assert "was cleared" in describe(unswept).notes[0]


def test_nan_and_infinity_are_named():
    w = Value(float("nan"), "w")
    y = w * 2.0 + 1.0
    y.backward()
    assert describe(y).notes[0].startswith("The data of 'w' and 2 more is nan")
    z = Value(0.0, "z")
    y = autograd.sqrt(z)
    y.backward()
    assert describe(y).notes == ("The gradient of 'z' is infinite.",)
    assert 'penwidth="4"' in draw(y).source or "penwidth=4" in draw(y).source


# ---------------------------------------------------------------- as text


def test_every_kind_of_graph_as_text():
    for name, y in kinds().items():
        lines = tree(y).splitlines()
        text = mermaid(y)
        assert lines, name
        assert text.startswith("flowchart LR"), name
        assert text.count("-->") + text.count("-.->") == len(folded(y).edges), name


def test_a_tree_spells_out_once_what_is_used_twice():
    x = Value(3.0, "x")
    h = x * x
    text = tree(h + h * 2.0)
    assert text.count("↑") == 1
    assert text.splitlines()[0] == "+ = 27, grad –"


def test_a_long_chain_as_a_tree():
    x = Value(1.0)
    for _ in range(5000):
        x = autograd.sin(x)
    assert len(tree(x, limit=6000).splitlines()) == 5001


@pytest.mark.parametrize("write", [tree, mermaid])
def test_only_values_are_written(write):
    with pytest.raises(TypeError, match=f"{write.__name__}: takes a Value"):
        write(3.0)


def test_markup_in_labels_is_inert_in_mermaid():
    text = mermaid(Value(1.0, 'x"] --> <script>#'))
    assert "<script>" not in text
    assert text.count('"') == 2
    assert "#93;" in text


# ---------------------------------------------------------------- what others found


def test_alike_is_told_quickly_and_however_deep():
    h = Value(1.0, "x")
    for _ in range(60):
        h = h * h
    assert len(folded(autograd.sum([*(Value(float(i)) for i in range(20)), h])).nodes) > 60
    for _ in range(1500):
        h = autograd.sin(h)
    assert tree(autograd.sum([*(Value(float(i)) for i in range(20)), h]), limit=5000)


def test_a_row_of_ones_own_is_no_built_in_one_whatever_it_looks_like(own_rows):
    look = {symbol: autograd.primitive(f"own{i}", lambda x: x * 3, None, 3.0, symbol=symbol)
            for i, symbol in enumerate(("=", "+", "dot", "Σ", "**"))}  # fmt: skip
    for symbol, row in look.items():
        y = row(Value(1.0, "x")) * 2
        y.backward()
        assert [node.symbol for node in folded(y).nodes] == ["", symbol, "× 2"]
    two = autograd.primitive("own_sum", lambda a, b: a + 10 * b, None, 1.0, 10.0, symbol="+")
    y = two(Value(1.0), Value(2.0)) + Value(3.0)
    assert symbols(y) == ["+", "+"]


def test_contributions_add_up_after_folding():
    for seed in range(60):
        y = random_graph(seed, steps=10)
        description = folded(y)
        sums = {}
        for edge in description.edges:
            sums[edge.source] = sums.get(edge.source, 0.0) + (edge.contribution or 0.0)
        for node in description.nodes[:-1]:
            if node.kind != "group" and node.gradient == node.gradient:
                assert sums[node.id] == pytest.approx(node.gradient, rel=1e-9, abs=1e-9), seed


def test_a_nan_is_shown_where_the_sweep_has_one():
    z, n, x = Value(0.0, "z"), Value(float("nan"), "n"), Value(3.0, "x")
    y = (n * x) * z
    y.backward()
    assert "(nan × 0 = nan)" in tree(y)


def test_below_what_was_cleared_nothing_is_claimed():
    x = Value(2.0, "x")
    h = x * x
    y = h * 3
    y.backward()
    autograd.zero_grad([h])
    assert describe(y).notes == ("The gradient of the node * was cleared after backward().",)


def test_a_tiny_leaf_that_was_changed_is_noticed():
    x = Value(2e-305, "x")
    y = x * 3
    x.data = 7e-305
    assert describe(y).stale


@pytest.mark.parametrize(
    ("f", "shown"),
    [
        (lambda x: x**2.00001, "x^2.00001"), (lambda x: x * 1.00001, "× 1.00001"), (lambda x: (-2.0) ** x, "(-2)^x"),
        (lambda x: x * (1 / 3), "× 0.3333…"), (lambda x: x + 1e-9, "+ 1e-09"),
        (lambda x: autograd.dot([1.0, 2.0, 3.0, 4.0], [x, x, x, x]), "dot (4 numbers)"),
    ],
)  # fmt: skip
def test_plain_numbers_are_whole_or_say_that_they_are_not(f, shown):
    assert symbols(f(Value(2.0, "x"))) == [shown]
