"""The picture of a network, read back from its SVG and held against the model."""

import base64
import math
import re
import struct
import sys
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from test_visualize_svg import contrast

import autograd
import nn
from autograd import Value
from visualize import Picture, RenderError, draw_network, render
from visualize.network import plan_network
from visualize.network_svg import arrange_network, network_svg
from visualize.style import text_width
from visualize.svg import asset

SVG = "{http://www.w3.org/2000/svg}"


def root_of(picture):
    return ET.fromstring(picture.svg)


def groups(picture):
    return {g.get("id"): g for g in root_of(picture).iter(f"{SVG}g") if g.get("id")}


def said(group):
    return " ".join(t.text or "" for t in group.iter(f"{SVG}text"))


def texts(picture):
    return [t.text for t in root_of(picture).iter(f"{SVG}text")]


def lines(picture):
    """Look, width and tooltip of each line by its id."""
    return {
        key: (g.get("class").split()[-1], float(g.find(f"{SVG}path").get("stroke-width")), g.find(f"{SVG}title").text)
        for key, g in groups(picture).items()
        if re.fullmatch(r"w\d+_\d+_\d+", key) and g.find(f"{SVG}path") is not None
    }


def rgba(image):
    """The pixels of an image of an SVG, by the PNG specification: shape (rows, columns, 4)."""
    kind, data = image.get("href").split(",")
    assert kind == "data:image/png;base64"
    png, at, found = base64.b64decode(data), 8, {}
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + body),)
        found[name] = body
        at += 12 + length
    columns, rows, depth, colour = struct.unpack(">IIBB", found[b"IHDR"][:10])
    assert (depth, colour) == (8, 6)
    raw = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(rows, 1 + 4 * columns)
    assert not raw[:, 0].any()
    return raw[:, 1:].reshape(rows, columns, 4)


def small():
    """tanh(x1 - 2 x2 + 0.25) and tanh(0.5 x1 - 0.5), and their sum with weights 3 and -4."""
    model = nn.MLP(2, [2, 1], seed=0)
    first, second = model.layers[0].neurons
    (last,) = model.layers[1].neurons
    for weight, data in zip([*first.weights, *second.weights, *last.weights], [1, -2, 0.5, 0, 3, -4], strict=True):
        weight.data = float(data)
    first.bias.data, second.bias.data, last.bias.data = 0.25, -0.5, 0.125
    return model


# ---------------------------------------------------------------- without an example


def test_neurons_have_their_bias_and_lines_the_look_of_their_weight():
    picture = draw_network(small(), precision=3)
    found = groups(picture)
    assert {key for key in found if key.startswith("n")} == {"n0_0", "n0_1", "n1_0", "n1_1", "n2_0"}
    assert [said(found[key]) for key in ("n0_0", "n1_0", "n1_1", "n2_0")] == ["", "0.25", "-0.5", "0.125"]
    look = {key: kind for key, (kind, _, _) in lines(picture).items()}
    assert look == {
        "w1_0_0": "pos", "w1_0_1": "neg", "w1_1_0": "pos", "w1_1_1": "zero", "w2_0_0": "pos", "w2_0_1": "neg",
    }  # fmt: skip
    words = texts(picture)
    assert {"2 inputs", "2 neurons", "tanh", "1 output", "positive", "negative"} <= set(words)
    assert "in a neuron: its bias; tint: its size, beside the largest of its column" in " ".join(words)


def test_columns_stand_from_left_to_right():
    layout = arrange_network(plan_network(small()))
    xs = [layout.boxes[key].x for key in ("n0_0", "n1_0", "n2_0")]
    assert xs == sorted(xs)
    assert layout.boxes["n1_0"].x == layout.boxes["n1_1"].x
    assert layout.boxes["n1_0"].y < layout.boxes["n1_1"].y


def test_each_layer_has_a_scale_of_its_own():
    model = small()
    before = lines(draw_network(model))
    for weight in model.layers[1].neurons[0].weights:
        weight.data *= 1000.0
    after = lines(draw_network(model))
    assert {key: width for key, (_, width, _) in after.items()} == {key: width for key, (_, width, _) in before.items()}
    thin = before["w1_1_1"][1]
    for largest, other, share in (
        ("w1_0_1", "w1_0_0", 1 / 2),
        ("w1_0_1", "w1_1_0", 1 / 4),
        ("w2_0_1", "w2_0_0", 3 / 4),
    ):
        assert before[other][1] - thin == pytest.approx(share * (before[largest][1] - thin), abs=0.011)
    words = texts(draw_network(model))
    assert {"-2", "2", "-4e3", "4e3"} <= set(words)


def test_tooltips_have_every_digit():
    model = small()
    model.layers[0].neurons[0].weights[0].data = 1.0 / 3.0
    model([1.0, 2.0]).backward()
    weight = model.layers[0].neurons[0].weights[0]
    told = lines(draw_network(model))["w1_0_0"][2]
    assert told == f"weight 0 of neuron 0 = 0.3333333333333333, gradient {weight.grad!r}"


def test_gradients_need_a_backward_pass():
    model = small()
    with pytest.raises(ValueError, match=r"call backward\(\) on the loss first"):
        draw_network(model, show="gradients")
    (model([2.0, 2.0]) - 1.0).backward()
    picture = draw_network(model, show="gradients")
    assert said(groups(picture)["n2_0"]) == "1"
    for i in range(2):
        slope = model.layers[1].neurons[0].weights[i].grad
        assert lines(picture)[f"w2_0_{i}"][0] == ("pos" if slope > 0 else "neg")
    assert "gradient" in texts(picture)


def test_a_gradient_that_is_missing_is_left_blank():
    model = small()
    model.layers[1].neurons[0].weights[0].grad = 1.0
    picture = draw_network(model, show="gradients")
    assert said(groups(picture)["n1_0"]) == ""
    assert lines(picture)["w2_0_1"][0] == "none"


# ---------------------------------------------------------------- with an example

X = [0.5, -1.0]
A = [math.tanh(0.5 + 2.0 + 0.25), math.tanh(0.25 - 0.5)]
Y = 3.0 * A[0] - 4.0 * A[1] + 0.125


@pytest.mark.parametrize("x", [X, tuple(X), np.array(X), [Value(X[0]), X[1]]], ids=["list", "tuple", "array", "Values"])
def test_with_an_example_every_neuron_has_what_it_gives(x):
    found = groups(draw_network(small(), x, precision=4))
    shown = [said(found[key]) for key in ("n0_0", "n0_1", "n1_0", "n1_1", "n2_0")]
    assert shown == [f"{number:.4g}" for number in (*X, *A, Y)]
    assert f"gives {A[0]!r}" in found["n1_0"].find(f"{SVG}title").text


def test_the_tint_is_the_size_beside_the_largest_of_the_column():
    found = groups(draw_network(small(), X))
    tints = {}
    for key in ("n0_0", "n0_1", "n1_0", "n1_1", "n2_0"):
        tint = found[key].findall(f"{SVG}rect")[1]
        tints[key] = (tint.get("class").split()[1], float(tint.get("fill-opacity")))
    assert [look for look, _ in tints.values()] == ["pos", "neg", "pos", "neg", "pos"]
    strongest = tints["n0_1"][1]
    assert tints["n1_0"][1] == tints["n2_0"][1] == strongest
    assert tints["n0_0"][1] == pytest.approx(strongest * math.sqrt(0.5), abs=0.001)
    assert tints["n1_1"][1] == pytest.approx(strongest * math.sqrt(-A[1] / A[0]), abs=0.001)


def test_products_are_what_comes_in_along_each_line():
    plan = plan_network(small(), X, show="products")
    assert [line.number for line in plan.gaps[0].lines] == [0.5, 2.0, 0.25, -0.0]
    assert [line.number for line in plan.gaps[1].lines] == pytest.approx([3.0 * A[0], -4.0 * A[1]])
    assert "weight × input 2.0" in plan.gaps[0].lines[1].story


def test_with_a_loss_gradients_are_those_of_that_loss():
    plan = plan_network(small(), X, show="gradients", loss=lambda y: (y - 1.0) ** 2)
    slope = 2.0 * (Y - 1.0)
    behind = [slope * 3.0 * (1.0 - A[0] ** 2), slope * -4.0 * (1.0 - A[1] ** 2)]
    assert [line.number for line in plan.gaps[1].lines] == pytest.approx([slope * a for a in A])
    assert [line.number for line in plan.gaps[0].lines] == pytest.approx([d * x for d in behind for x in X])
    assert [unit.number for unit in plan.columns[1].units] == pytest.approx([slope * 3.0, slope * -4.0])
    assert [unit.number for unit in plan.columns[2].units] == pytest.approx([slope])
    assert [unit.number for unit in plan.columns[3].units] == pytest.approx([(Y - 1.0) ** 2])
    assert [unit.number for unit in plan.columns[0].units] == X
    assert plan.about.endswith(f"The loss is {(Y - 1.0) ** 2:.2g}.")


def test_a_loss_without_gradients_ends_the_forward_pass():
    found = groups(draw_network(small(), X, loss=lambda y: nn.binary_cross_entropy(y, 1)))
    assert said(found["loss"]) == f"{math.log1p(math.exp(-Y)):.2g}"
    assert said(found["n2_0"]) == f"{Y:.2g}"


@pytest.mark.parametrize("show", ["weights", "gradients", "products"])
@pytest.mark.parametrize("swept", [False, True])
def test_nothing_changes_in_the_model(show, swept):
    model = small()
    if swept:
        model([1.0, 2.0]).backward()
    state = [(p.data, p.has_grad, p.grad) for p in model.parameters()]
    with autograd.no_grad():
        here = network_svg(plan_network(model, X, show=show, loss=lambda y: y * y))
    assert network_svg(plan_network(model, X, show=show, loss=lambda y: y * y)) == here
    assert [(p.data, p.has_grad, p.grad) for p in model.parameters()] == state


class Ten(nn.MLP):
    def __call__(self, x):
        return super().__call__(x) * 10.0


class Standardised(nn.MLP):
    def __call__(self, x):
        return super().__call__((x - np.array([1.0, 2.0])) / 4.0)


class Chances(nn.MLP):
    def __call__(self, x):
        return nn.probabilities(super().__call__(x))


class Timed(nn.MLP):
    def __call__(self, x, t):
        return super().__call__(x) * t


class Frozen(nn.MLP):
    """The same numbers, but no gradient reaches the first layer."""

    def __call__(self, x):
        return self.layers[1]([v.data for v in self.layers[0](x)])[0]


@pytest.mark.parametrize("kind", [Ten, Chances])
@pytest.mark.parametrize("widths", [[1], [2, 1]])
def test_a_model_that_does_more_than_its_layers_is_told(kind, widths):
    assert plan_network(nn.MLP(2, widths, seed=0), X).notes == ()
    (note,) = plan_network(kind(2, widths, seed=0), X).notes
    assert "returns something else than its layers one after the other" in note


def test_it_is_told_what_the_model_returns():
    plan = plan_network(Ten(2, [1], seed=0), X)
    (note,) = plan.notes
    assert plan.about.endswith(note)
    assert f"one after the other: {Ten(2, [1], seed=0)(X).data:.4g}." in note


def test_x_reaches_the_model_as_it_was_given():
    model = Standardised(2, [1], seed=0)
    (note,) = plan_network(model, np.array([3.0, 4.0])).notes
    assert f"one after the other: {model(np.array([3.0, 4.0])).data:.4g}." in note


def test_the_loss_is_that_of_what_the_model_returns():
    for model in (Ten(2, [1], seed=0), Ten(2, [2, 1], seed=0), small()):
        y = model(X)
        loss = (y - 1.0) ** 2
        plan = plan_network(model, X, loss=lambda y: (y - 1.0) ** 2)
        assert plan.columns[-1].units[0].number == loss.data
        swept = plan_network(model, X, loss=lambda y: (y - 1.0) ** 2, show="gradients")
        assert swept.columns[-1].units[0].number == loss.data
        weights = [w for neuron in model.layers[0].neurons for w in neuron.weights]
        assert [line.number for line in swept.gaps[0].lines] == autograd.grad(loss, weights)
        assert ("The loss is that of what the model returns." in " ".join(plan.notes)) == isinstance(model, Ten)


def test_where_gradients_of_neurons_are_not_the_models_own_they_are_not_shown():
    def loss(y):
        return (y - 1.0) ** 2

    plan = plan_network(Ten(2, [2, 1], seed=0), X, loss=loss, show="gradients")
    assert plan.inside == "what it gives"
    assert [unit.number for unit in plan.columns[1].units] == [v.data for v in Ten(2, [2, 1], seed=0).layers[0](X)]
    frozen = Frozen(2, [2, 1], seed=0)
    plan = plan_network(frozen, X, loss=loss, show="gradients")
    assert [line.number for line in plan.gaps[0].lines] == [0.0] * 4
    assert plan.inside == "what it gives"
    assert plan.notes[0].startswith("The model has other gradients than its layers")
    assert plan_network(frozen, X, loss=loss).notes == ()


def test_a_model_that_cannot_be_called_with_x_is_drawn_as_its_layers():
    model = Timed(2, [2, 1], seed=0)
    layers = plan_network(list(model.layers), X, loss=lambda y: y * y)
    plan = plan_network(model, X, loss=lambda y: y * y)
    assert plan.columns == layers.columns
    assert layers.notes == ()
    (note,) = plan.notes
    assert "cannot be called with x (TypeError: " in note
    assert "missing 1 required positional argument: 't'" in note
    assert "the loss too, is what its layers give" in note


def test_a_list_that_a_model_returns_reaches_the_loss():
    class Listed(nn.MLP):
        def __call__(self, x):
            return [super().__call__(x)]

    plan = plan_network(Listed(2, [2, 1], seed=0), X, loss=lambda y: y[0] * y[0], show="gradients")
    assert plan.inside.startswith("the gradient of the loss")
    assert plan.notes == ()


def test_activations_that_differ_within_a_layer_are_named():
    model = nn.MLP(2, [3, 5], seed=0)
    for neuron, name in zip(model.layers[0].neurons, ("relu", "tanh", "relu"), strict=True):
        neuron.activation = getattr(autograd, name)
    for neuron, name in zip(model.layers[1].neurons, ("sin", "tanh", "exp", "relu"), strict=False):
        neuron.activation = getattr(autograd, name)
    plan = plan_network(model)
    assert [column.heading[1:] for column in plan.columns] == [(), ("mixed: relu, tanh",), ("mixed",)]
    assert [unit.story.partition(":")[0] for unit in plan.columns[2].units] == [
        "neuron 0 of layer 1, sin", "neuron 1 of layer 1, tanh", "neuron 2 of layer 1, exp",
        "neuron 3 of layer 1, relu", "neuron 4 of layer 1",
    ]  # fmt: skip


def test_a_gradient_is_told_only_where_there_is_one():
    model = small()
    model.layers[0].neurons[1].bias.data = math.nan
    assert "gradient" not in plan_network(model, X).columns[1].units[1].story
    swept = plan_network(small(), X, loss=lambda y: y, show="gradients").columns[2].units[0]
    assert swept.story.endswith(f"gives {small()(X).data!r}\ngradient of the loss 1.0")


# ---------------------------------------------------------------- many neurons


def test_of_many_lines_the_strongest_are_drawn_and_that_is_said():
    model = nn.MLP(30, [12, 3], seed=0)
    picture = draw_network(model)
    chosen = {}
    for key in lines(picture):
        layer, neuron, source = map(int, re.findall(r"\d+", key))
        chosen.setdefault((layer, neuron), []).append(source)
    for j in range(12):
        if (1, j) in chosen:
            weights = [abs(w.data) for w in model.layers[0].neurons[j].weights]
            assert sorted(chosen[1, j]) == sorted(np.argsort(weights)[-3:])
    assert sum(layer == 1 for layer, _ in chosen) == 10
    assert all(sorted(chosen[2, j]) == list(range(12)) for j in range(3))  # 36 lines can be told apart
    words = " ".join(texts(picture))
    assert "layer 0: the 3 strongest of 30 lines into each neuron" in words
    assert "layer 1: the 3 strongest" not in words
    assert {"+ 20 more", "+ 2 more"} <= set(texts(picture))
    assert "dashed box: neurons that are not drawn" in words


def test_the_neurons_that_are_drawn_are_those_of_most_lines():
    model = nn.MLP(30, [12, 3], seed=0)
    plan = plan_network(model, most=4)
    assert [len(places) for places in plan.drawn] == [4, 4, 3]
    count = [0] * 30
    for j in plan.drawn[1]:
        weights = [abs(w.data) for w in model.layers[0].neurons[j].weights]
        for i in np.argsort(weights)[-3:]:
            count[i] += 1
    assert min(count[i] for i in plan.drawn[0]) >= max(count[i] for i in range(30) if i not in plan.drawn[0])
    assert [column.left_out for column in plan.columns] == [26, 8, 0]


@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("most", [3, 10])
def test_every_neuron_of_a_large_layer_that_is_drawn_has_a_line(outputs, most):
    plan = plan_network(nn.MLP(3, [60, 50, outputs], seed=0), most=most)
    for c in (1, 2):
        assert set(plan.drawn[c]) <= {line.source for line in plan.gaps[c].lines}
        assert 3 <= len(plan.drawn[c]) <= most
        assert len(plan.gaps[c].lines) <= 40


def test_into_one_neuron_lead_as_many_lines_as_neurons_are_drawn():
    model = nn.MLP(2, [50, 1], seed=0)
    plan = plan_network(model)
    weights = [abs(w.data) for w in model.layers[1].neurons[0].weights]
    assert plan.drawn[1] == sorted(np.argsort(weights)[-10:])
    assert [line.source for line in plan.gaps[1].lines] == plan.drawn[1]
    assert "layer 1: the 10 strongest of 50 lines into each neuron" in " ".join(texts(draw_network(model)))


def test_of_many_outputs_the_largest_are_drawn():
    model = nn.Layer(2, 20, seed=0)
    outputs = [y.data for y in model(X)]
    assert plan_network(model, X, most=5).drawn[1] == sorted(np.argsort(outputs)[-5:])


def test_lines_of_what_is_not_drawn_begin_at_its_box():
    picture = draw_network(nn.Layer(30, 20, seed=0), [0.1] * 30, loss=sum, most=5)
    root = groups(picture)
    for c in (0, 1):
        box = root[f"more{c}"].find(f"{SVG}rect")
        right, top = float(box.get("x")) + float(box.get("width")), float(box.get("y"))
        paths = {p.get("id") or "": p for p in root_of(picture).iter(f"{SVG}path")}
        if c == 0:
            paths = {key: root[key].find(f"{SVG}path") for key in lines(picture)}
        starts = [
            [float(n) for n in re.match(r"M([\d.]+) ([\d.]+)L", path.get("d")).groups()]
            for key, path in paths.items()
            if re.match(rf"w{c + 1}_", key) and f"n{c}_{key.split('_')[-1]}" not in root
        ]
        assert starts
        assert all(abs(x - right) < 0.2 and top <= y <= top + float(box.get("height")) for x, y in starts)


def test_another_plan_says_which_neurons_to_draw():
    first, second = nn.MLP(30, [12, 3], seed=0), nn.MLP(30, [12, 3], seed=1)
    plan = plan_network(first)
    again = plan_network(second, drawn=plan.drawn)
    assert again.drawn == plan.drawn != plan_network(second).drawn
    assert arrange_network(again).columns == arrange_network(plan).columns
    with pytest.raises(ValueError, match="drawn must have places for each of 3 columns"):
        plan_network(second, drawn=[[0], [1]])


def test_weak_lines_lie_below_strong_ones():
    widths = [width for _, width, _ in lines(draw_network(nn.Layer(4, 4, seed=0))).values()]
    assert widths == sorted(widths)


# ---------------------------------------------------------------- images


@pytest.mark.parametrize(("shape", "given"), [((8, 8), None), ((4, 16), (4, 16))])
def test_pixels_are_the_weights(shape, given):
    model = nn.MLP(64, [5, 3], seed=0)
    largest = max(abs(w.data) for neuron in model.layers[0].neurons for w in neuron.weights)
    found = groups(draw_network(model, image_shape=given))
    for j, neuron in enumerate(model.layers[0].neurons):
        pixels = rgba(found[f"w1_{j}"].find(f"{SVG}image"))
        weights = np.array([w.data for w in neuron.weights]).reshape(shape)
        assert pixels.shape == (*shape, 4)
        assert np.abs((pixels[..., 3] / 255.0) ** 2 - np.abs(weights) / largest).max() < 0.01
        blue, orange = pixels[weights > 0.0], pixels[weights < 0.0]
        assert (blue[:, 2] > blue[:, 0]).all()
        assert (orange[:, 0] > orange[:, 2]).all()


def test_the_inputs_are_an_image_of_the_example():
    x = [i / 64.0 if i % 3 else -i / 64.0 for i in range(64)]
    picture = draw_network(nn.MLP(64, [5, 3], seed=0), x)
    pixels = rgba(groups(picture)["n0"].find(f"{SVG}image"))
    assert pixels[0, 0, 3] == 0
    assert np.abs((pixels.reshape(-1, 4)[:, 3] / 255.0) ** 2 - np.abs(x) / max(map(abs, x))).max() < 0.01
    assert not any(key.startswith("w1_") for key in lines(picture))
    assert "8 × 8" in texts(picture)
    assert "image: the weights of a neuron" in " ".join(texts(picture))


def test_only_unnamed_squares_are_taken_for_images():
    def is_image(n, **options):
        return plan_network(nn.Layer(n, 2, seed=0), **options).columns[0].image is not None

    assert is_image(64)
    assert is_image(784)
    assert is_image(6, image_shape=(2, 3))
    assert not is_image(49)
    assert not is_image(65)
    assert not is_image(64, image_shape=())
    assert not is_image(64, inputs=[f"x{i}" for i in range(64)])


# ---------------------------------------------------------------- what is no number


@pytest.mark.parametrize(("bad", "name"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_what_is_no_number_is_the_loudest(bad, name):
    model = nn.MLP(30, [12, 3], seed=0)
    place = plan_network(model).drawn[1][4]
    model.layers[0].neurons[place].weights[7].data = bad
    picture = draw_network(model)
    assert lines(picture)[f"w1_{place}_7"][0] == "bad"
    assert any(f"layer 0, neuron {place}, input 7: the weight is {name}." in (t or "") for t in texts(picture))
    assert "nan or infinite" in texts(picture)
    css = asset("picture.css")
    assert re.search(r"\.arrow\.bad \.line[^}]*stroke-width:6;stroke-dasharray", css)
    others = [width for look, width, _ in lines(picture).values() if look != "bad"]
    assert max(others) < 6.0


def test_what_comes_of_nan_is_told_too():
    model = small()
    model.layers[0].neurons[1].bias.data = math.nan
    picture = draw_network(model, X, loss=lambda y: y * y)
    found = groups(picture)
    assert ["bad" in found[key].get("class") for key in ("n1_0", "n1_1", "n2_0", "loss")] == [False, True, True, True]
    words = " ".join(t or "" for t in texts(picture))
    assert "layer 0: in neuron 1 stands nan." in words
    assert "The loss is nan." in words


def test_a_pixel_that_is_no_number_is_red():
    model = nn.Layer(64, 2, seed=0)
    model.neurons[1].weights[10].data = math.nan
    pixels = rgba(groups(draw_network(model))["w1_1"].find(f"{SVG}image"))
    red, green, blue, opaque = pixels[1, 2]
    assert opaque == 255
    assert red > 2 * max(green, blue)


# ---------------------------------------------------------------- the file


def test_names_and_titles_come_out_as_typed():
    picture = draw_network(small(), inputs=["<b>", "\\N"], outputs=["&amp;"], title='a "title" & \x07')
    assert {"<b>", "\\N", "&amp;"} <= set(texts(picture))
    assert root_of(picture).find(f"{SVG}title").text.startswith('a "title" & ')


def test_long_names_are_cut_and_whole_in_the_tooltip():
    long = "a name of many letters " * 20
    picture = draw_network(small(), inputs=[long, "b"], outputs=[long], title="t" * 400)
    assert long[:23] + "…" in texts(picture)
    assert float(root_of(picture).get("width")) < 1000.0
    for key in ("n0_0", "n2_0"):
        assert groups(picture)[key].find(f"{SVG}title").text.startswith(long)
    assert max(len(text) for text in texts(picture)) < 120
    assert sum(text.count("t") for text in texts(picture) if set(text) == {"t"}) == 400


def test_lines_to_the_loss_begin_at_the_outputs():
    plan = plan_network(nn.MLP(2, [3], seed=0), X, loss=sum, outputs=["yes", "no", "neither of the two"])
    layout = arrange_network(plan)
    root = ET.fromstring(network_svg(plan))
    for j in range(3):
        (path,) = (p for p in root.iter(f"{SVG}path") if p.get("id") == f"w2_0_{j}")
        box = layout.boxes[f"n1_{j}"]
        x, y, bend = map(float, re.match(r"M([\d.]+) ([\d.]+)H([\d.]+)L", path.get("d")).groups())
        assert (x, y) == (pytest.approx(box.right, abs=0.1), pytest.approx(box.y, abs=0.1))
        (name,) = (t for t in root.iter(f"{SVG}text") if t.text == plan.columns[1].units[j].name)
        assert float(name.get("y")) < box.y  # on the line, which goes on as far
        assert bend >= float(name.get("x")) + text_width(name.text, 11.0)


def test_arrays_and_their_numbers_are_arguments_too():
    plan = plan_network(
        small(), np.array(X), inputs=np.array(["a", "b"]), outputs=np.array(["c"]), most=np.int64(5),
        precision=np.int64(3),
    )  # fmt: skip
    assert plan == plan_network(small(), X, inputs=["a", "b"], outputs=["c"], most=5, precision=3)
    assert plan_network(small(), image_shape=np.array([1, 2])) == plan_network(small(), image_shape=(1, 2))
    assert plan_network(small(), image_shape=np.array([], int)) == plan_network(small())
    assert plan_network(small(), drawn=[np.array([0]), np.array([1]), np.array([0])]).drawn == [[0], [1], [0]]


def test_it_says_what_it_is_to_those_who_do_not_see_it():
    root = root_of(draw_network(small(), X, title="A network"))
    assert root.get("role") == "img"
    about = root.find(f"{SVG}desc").text
    assert about.startswith(
        "A network in columns: 2 inputs, 2 neurons tanh, 1 output. In layer 0 the largest weight is 2."
    )
    assert about.endswith(f"what it gives: 0 {Y:.2g}.")


def test_the_bytes_are_the_same_each_time():
    assert draw_network(nn.MLP(64, [32, 10], seed=0)) == draw_network(nn.MLP(64, [32, 10], seed=0))


def test_texts_on_tints_can_be_read_in_light_and_dark():
    def mixed(ink, paper, share):
        channels = [(int(ink[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5)]
        return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in channels)

    largest = draw_network(small(), X)
    share = max(float(r.get("fill-opacity")) for r in root_of(largest).iter(f"{SVG}rect") if r.get("fill-opacity"))
    for text, part in zip(asset("picture.css").split("@media"), asset("network.css").split("@media"), strict=True):
        ink = re.search(r"\.glassgrad text\{fill:(#\w{6})", text)[1]
        soft = re.search(r"\.scale\{[^}]*fill:(#\w{6})", part)[1]
        paper = re.search(r"\.paper\{fill:(#\w{6})", text)[1]
        papers = re.findall(r"\.unit[.\w]* rect\{fill:(#\w{6})", part)
        tints = [mixed(tint, papers[0], share) for tint in re.findall(r"\.tint\.\w+\{fill:(#\w{6})", part)]
        assert (len(papers), len(tints)) == (3, 2)
        assert all(contrast(ink, ground) >= 4.5 for ground in (*papers, *tints))
        assert contrast(soft, paper) >= 4.5


def test_it_is_a_picture_that_can_be_written(tmp_path):
    picture = draw_network(small())
    assert isinstance(picture, Picture)
    assert picture._repr_mimebundle_() == {"image/svg+xml": picture.svg}
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg
    assert render(picture, tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert "save('network.svg')" in repr(picture)


@pytest.mark.parametrize("name", ["a.dot", "a.gv", "a.mmd", "a.jpg"])
def test_it_is_no_graph(tmp_path, name):
    for caller, write in (("save", Picture.save), ("render", render)):
        with pytest.raises(ValueError, match=rf"^{caller}: .* ends in \.svg, \.png or \.pdf") as caught:
            write(draw_network(small()), tmp_path / name)
        assert not re.search(r"\.dot,|\.gv,|\.mmd,|, \.dot|, \.mmd", str(caught.value))
    with pytest.raises(TypeError, match="precision: options are for drawing a Value"):
        render(draw_network(small()), tmp_path / "a.svg", precision=3)
    assert list(tmp_path.iterdir()) == []


def test_without_typst_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RenderError, match="pip install typst"):
        draw_network(small()).save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
    assert draw_network(small()).save(tmp_path / "a.svg").exists()


# ---------------------------------------------------------------- other models, and what is none


def test_a_layer_a_neuron_and_a_list_of_layers_are_networks_too():
    assert {"2 inputs", "3 outputs", "relu"} <= set(texts(draw_network(nn.Layer(2, 3, "relu", seed=0), X)))
    neuron = nn.Neuron(2, seed=0)
    assert said(groups(draw_network(neuron, X))["n1_0"]) == f"{neuron(X).data:.2g}"
    model = small()
    assert draw_network(list(model.layers), X) == draw_network(model, X)


def test_any_model_of_that_shape():
    class Unit:
        def __init__(self):
            self.weights = [Value(0.0)]

    picture = draw_network(Unit())
    assert list(lines(picture)) == ["w1_0_0"]
    assert said(groups(picture)["n1_0"]) == ""
    with pytest.raises(TypeError, match="x needs layers that can be called"):
        draw_network(Unit(), [1.0])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"show": "colours"}, "'weights', 'gradients' or 'products'"),
        ({"show": "products"}, "show='products' needs an example"),
        ({"loss": abs}, "loss needs an example"),
        ({"precision": 0}, "draw_network: precision"),
        ({"most": 2}, "at least 3"),
        ({"inputs": ["x"]}, "inputs must be a list of 2 names"),
        ({"show": ["weights"]}, "'weights', 'gradients' or 'products'"),
        ({"image_shape": (2, 2)}, "rows × columns = 2"),
        ({"image_shape": (1, 2), "inputs": ["a", "b"]}, "give image_shape or inputs"),
        ({"x": [1.0]}, "x must have 2 numbers, one for each input of the model, got 1"),
        ({"x": [1.0, math.nan]}, r"x\[1\] is nan"),
        ({"x": [math.inf, 1.0]}, r"x\[0\] is inf"),
        ({"x": [10**5000, 1]}, r"x\[0\] is too large for a float"),
        ({"most": True}, "at least 3"),
        ({"most": 5.0}, "at least 3"),
        ({"image_shape": (1.0, 2.0)}, "rows × columns = 2"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        draw_network(small(), **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"x": "ab"}, "x must be a list of 2 numbers"),
        ({"x": 3.0}, "x must be a list of 2 numbers"),
        ({"x": {0: 1.5, 1: 2.5}}, "x must be a list of 2 numbers, one example; got {0: 1.5"),
        ({"x": {1.5, 2.5}}, "x must be a list of 2 numbers"),
        ({"x": b"ab"}, "x must be a list of 2 numbers"),
        ({"x": {0: 1.5, 1: 2.5}.values()}, "x must be a list of 2 numbers"),
        ({"x": (i for i in range(2))}, "x must be a list of 2 numbers"),
        ({"inputs": {"a": 1, "b": 2}}, "inputs must be a list of 2 names"),
        ({"inputs": {"a", "b"}}, "inputs must be a list of 2 names"),
        ({"inputs": (c for c in "abc")}, "inputs must be a list of 2 names"),
        ({"inputs": None}, r"inputs must be a list of 2 names, one for each, or \(\) for none; got None"),
        ({"outputs": "y"}, "outputs must be a list of 1 names"),
        ({"outputs": np.array("y")}, "outputs must be a list of 1 names"),
        ({"image_shape": 2}, "rows × columns = 2"),
        ({"image_shape": {1, 2}}, "rows × columns = 2"),
        ({"title": 3}, "title must be a string, got 3"),
        (
            {"x": X, "loss": nn.mean_squared_error},
            r"needs target, too: write loss=lambda y: nn\.mean_squared_error\(y, target\)",
        ),
        ({"x": X, "loss": lambda y, t, u: y}, r"needs t, u, too: write loss=lambda y: loss\(y, t, u\)"),
        ({"x": np.zeros((1, 2))}, "one example"),
        ({"x": [1.0, "b"]}, r"x\[1\] is 'b'"),
        ({"x": X, "loss": 3.0}, "loss must be a function"),
        ({"x": X, "loss": lambda y: "low"}, "loss must return a number, got 'low'"),
        ({"x": X, "loss": lambda y: 1.0, "show": "gradients"}, "loss must return a Value"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused(options, says):
    with pytest.raises(TypeError, match=says):
        draw_network(small(), **options)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 numbers go into layer 1, but a neuron there has 4 weights"):
        draw_network([nn.Layer(2, 3, seed=0), nn.Layer(4, 1, seed=0)])


@pytest.mark.parametrize("model", [3.0, Value(1.0), None, []])
def test_only_networks_are_drawn(model):
    with pytest.raises(TypeError, match=r"takes an MLP, a Layer, a Neuron|list of layers is empty"):
        draw_network(model)
