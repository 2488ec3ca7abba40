import re
import xml.etree.ElementTree as ET

import pytest

import nn
from autograd import Value
from visualize import draw_network
from visualize.rendering import picture
from visualize.style import BLUE, ORANGE

SVG = "{http://www.w3.org/2000/svg}"


def parts(drawing):
    root = ET.fromstring(picture(drawing.source, "svg", drawing.engine))
    found = {"node": {}, "edge": {}}
    for group in root.iter(f"{SVG}g"):
        if group.get("class") in found:
            found[group.get("class")][group.find(f"{SVG}title").text.replace("\u2192", "->")] = group
    return found["node"], found["edge"]


def said(group):
    return " ".join((t.text or "").replace("\xa0", " ") for t in group.iter(f"{SVG}text"))


def look(group):
    path = group.find(f".//{SVG}path")
    return path.get("stroke"), float(path.get("stroke-width", 1))


def small():
    model = nn.MLP(2, [2, 1], seed=0)
    first, second = model.layers[0].neurons
    for weight, data in zip([*first.weights, *second.weights], [1.0, -2.0, 0.5, 0.0], strict=True):
        weight.data = data
    first.bias.data = 0.25
    second.bias.data = -0.5
    return model


def test_neurons_are_in_columns_and_weights_are_lines():
    nodes, edges = parts(draw_network(small()))
    neurons = {name: g for name, g in nodes.items() if name.startswith("n") and not name.startswith("name")}
    assert sorted(neurons) == ["n0_0", "n0_1", "n1_0", "n1_1", "n2_0"]
    columns = {}
    for name, group in neurons.items():
        columns.setdefault(name[:2], set()).add(group.find(f".//{SVG}ellipse").get("cx"))
    assert [len(places) for places in columns.values()] == [1, 1, 1]
    assert len(edges) == 6
    assert [said(nodes[f"head{c}"]) for c in range(3)] == ["2 inputs", "2 neurons tanh", "1 output"]
    assert said(nodes["n1_0"]) == "0.25"
    assert said(nodes["n1_1"]) == "-0.5"


def test_lines_have_the_colour_of_the_sign_and_the_width_of_the_size():
    _, edges = parts(draw_network(small()))
    looks = {name: look(group) for name, group in edges.items()}
    positive, negative = looks["n0_0->n1_0"], looks["n0_1->n1_0"]
    assert positive[0] == BLUE
    assert negative[0] == ORANGE
    assert negative[1] > positive[1] > looks["n0_0->n1_1"][1] > looks["n0_1->n1_1"][1]


def test_tooltips_have_every_digit():
    model = small()
    model.layers[0].neurons[0].weights[0].data = 1.0 / 3.0
    model([1.0, 2.0]).backward()
    source = draw_network(model).source
    assert "weight 0 of neuron 0 = 0.3333333333333333, gradient" in source


def test_gradients_need_a_backward_pass():
    model = small()
    with pytest.raises(ValueError, match=r"call backward\(\) on the loss first"):
        draw_network(model, show="gradients")
    (model([1.0, 2.0]) - 1.0).backward()
    nodes, edges = parts(draw_network(model, show="gradients"))
    assert said(nodes["n2_0"]) == "1"
    slope = model.layers[1].neurons[0].weights[0].grad
    assert look(edges["n1_0->n2_0"])[0] == (BLUE if slope > 0 else ORANGE)


def test_a_gradient_that_is_missing_is_left_blank():
    model = small()
    model.layers[1].neurons[0].weights[0].grad = 1.0
    nodes, _ = parts(draw_network(model, show="gradients"))
    assert said(nodes["n1_0"]) == ""


def test_large_layers_show_the_first_neurons_and_the_last():
    drawing = draw_network(nn.MLP(64, [12, 3], seed=0), most=5)
    nodes, edges = parts(drawing)
    assert [f"n0_{i}" for i in (0, 1, 2, 3, 63)] == [name for name in nodes if re.match("n0_", name)]
    assert [f"n1_{i}" for i in (0, 1, 2, 3, 11)] == [name for name in nodes if re.match("n1_", name)]
    assert len(edges) == 5 * 5 + 5 * 3
    assert sum(name.startswith("dots") for name in nodes) == 6
    assert said(nodes["head0"]) == "64 inputs"
    assert any("not drawn" in said(group) for group in nodes.values())


def test_dense_layers_have_thinner_lines():
    def thickest(width):
        _, edges = parts(draw_network(nn.Layer(width, width, seed=0), most=20))
        return max(look(group)[1] for group in edges.values())

    assert thickest(9) < thickest(3)


def test_names_beside_inputs_and_outputs_come_out_as_typed():
    nodes, _ = parts(draw_network(small(), inputs=["<b>", "\\N"], outputs=["&amp;"], title='a "title"'))
    assert [said(nodes[f"name0_{i}"]) for i in range(2)] == ["<b>", "\\N"]
    assert said(nodes["name2_0"]) == "&amp;"


def test_a_layer_and_a_neuron_are_networks_too():
    nodes, _ = parts(draw_network(nn.Layer(2, 3, "relu", seed=0)))
    assert said(nodes["head1"]) == "3 outputs relu"
    nodes, _ = parts(draw_network(nn.Neuron(3, seed=0)))
    assert said(nodes["head0"]) == "3 inputs"
    assert said(nodes["head1"]) == "1 output"


def test_any_model_of_that_shape():
    class Unit:
        def __init__(self):
            self.weights = [Value(0.0)]

    nodes, edges = parts(draw_network(Unit()))
    assert len(edges) == 1
    assert said(nodes["n1_0"]) == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"show": "colours"}, "'weights' or 'gradients'"),
        ({"precision": 0}, "draw_network: precision"),
        ({"most": 2}, "at least 3"),
        ({"inputs": ["x"]}, "inputs must be a list of 2 names"),
        ({"outputs": "y"}, "outputs must be a list of 1 names"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        draw_network(small(), **options)


@pytest.mark.parametrize("model", [3.0, Value(1.0), None])
def test_only_networks_are_drawn(model):
    with pytest.raises(TypeError, match="takes an MLP, a Layer or a Neuron"):
        draw_network(model)
