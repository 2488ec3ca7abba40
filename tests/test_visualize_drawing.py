import re
import xml.etree.ElementTree as ET

import graphviz
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import autograd
from autograd import Value
from visualize import draw
from visualize.drawing import Drawing
from visualize.renderer import picture
from visualize.style import BLUE, GREY, ORANGE, number, relative

SVG = "{http://www.w3.org/2000/svg}"


def elements(drawing, kind):
    """The nodes or edges of a rendered drawing, by title."""
    root = ET.fromstring(picture(drawing.source, "svg"))
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == kind]
    return [(g.find(f"{SVG}title").text, g) for g in groups]


def texts(group):
    return [(t.text or "").replace("\xa0", " ") for t in group.iter(f"{SVG}text")]


def shown(drawing):
    """What each node says."""
    return {title: texts(group) for title, group in elements(drawing, "node")}


def neuron():
    w, x, b = Value(2.0, "w"), Value(0.5, "x"), Value(-1.0, "b")
    y = autograd.tanh(w * x + b)
    y.label = "y"
    return y


def test_a_drawing_is_a_digraph():
    assert isinstance(draw(neuron()), graphviz.Digraph)


def test_nodes_show_label_symbol_data_and_gradient():
    y = neuron()
    before = shown(draw(y))
    assert before["n0"] == ["b", "data ", "-1", "grad ", "–"]
    y.backward()
    after = shown(draw(y))
    assert after["n0"] == ["b", "data ", "-1", "grad ", "1"]
    assert after["n5"] == ["y", "tanh", "data ", "0", "grad ", "1"]


def test_a_dash_is_not_a_zero():
    x = Value(-1.0)
    y = autograd.relu(x)
    assert shown(draw(y))["n0"] == ["data ", "-1", "grad ", "–"]
    y.backward()
    assert shown(draw(y))["n0"] == ["data ", "-1", "grad ", "0"]


def test_edges_show_the_chain_rule():
    x = Value(3.0, "x")
    y = x * x - 2.0
    assert [texts(group) for _, group in elements(draw(y), "edge")] == [[], [], []]
    y.backward()
    said = ["".join(texts(group)) for _, group in elements(draw(y), "edge")]
    assert sorted(said) == ["1 × 1 = 1", "3 × 1 = 3", "3 × 1 = 3"]


def test_edges_have_the_colour_of_the_sign_and_the_width_of_the_size():
    a, b, c = Value(4.0), Value(1.0), Value(1.0)
    y = a + b * -0.25 + autograd.step(c)
    y.backward()
    edges = elements(draw(y, constants=False), "edge")
    looks = {}
    for title, group in edges:
        path = group.find(f".//{SVG}path")
        looks[title] = (path.get("stroke"), float(path.get("stroke-width", 1)))
    assert {stroke for stroke, _ in looks.values()} == {BLUE, ORANGE, GREY}
    widths = dict(looks.values())
    assert widths[BLUE] > widths[ORANGE] > widths[GREY]


def test_kinds_look_different():
    w, x = Value(2.0, "w"), Value(0.5, "x")
    drawing = draw(autograd.tanh(w * x + 1.0), parameters=[w])
    looks = {
        re.sub(r"label=.*tooltip", "tooltip", line.split("[", 1)[1])
        for line in drawing.body
        if "fillcolor" in line or "dashed" in line
    }
    fills = re.findall(r'fillcolor="(#\w+)"', drawing.source)
    assert len(looks) >= 5
    assert len(set(fills)) == 4


def test_options_choose_what_is_shown():
    y = neuron()
    y.backward()
    everything = draw(y).source
    assert "data" in everything
    assert "grad" in everything
    assert "×" in everything
    assert ">data" not in draw(y, data=False).source
    assert ">grad" not in draw(y, gradients=False).source
    assert draw(y, contributions=False).source.count("×") == 0
    assert shown(draw(y, data=False, gradients=False))["n5"] == ["y", "tanh"]
    assert shown(draw(Value(1.0), data=False, gradients=False)) == {"n0": []}
    assert texts(elements(draw(y, title="<i>a\\N</i>"), "node")[0][1]) == ["b", "data ", "-1", "grad ", "1"]
    assert "rankdir=TB" in draw(y, orientation="TB").source


def test_precision_is_in_significant_digits():
    x = Value(1.0 / 3.0)
    assert shown(draw(x, precision=2))["n0"][1] == "0.33"
    assert shown(draw(x, precision=17))["n0"][1] == "0.33333333333333331"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"orientation": "up"}, "draw: orientation must be one of LR, TB, RL, BT, got 'up'"),
        ({"precision": 0}, "draw: precision must be a whole number of significant digits, 1 to 17; got 0"),
        ({"precision": True}, "got True"),
        ({"limit": 0}, "draw: limit"),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        draw(Value(1.0), **options)


def test_only_values_of_readable_size_are_drawn():
    with pytest.raises(TypeError, match=r"draw: takes a Value.*\[1\]"):
        draw([1])
    drawing = draw(sum(Value(float(i)) for i in range(5)), limit=2)
    assert [box.symbol for box in drawing.scene.boxes] == ["× 5", ""]  # rolled up


def test_a_changed_leaf_is_told():
    x = Value(1.0)
    y = x * 2.0
    assert "changed" not in draw(y).source
    x.data = 3.0
    assert "A&#160;leaf&#160;was&#160;changed&#160;after&#160;this&#160;was&#160;computed" in draw(y, title="t").source


def test_infinite_and_missing_contributions_are_drawn():
    x = Value(0.0)
    y = autograd.sqrt(x)
    y.backward()
    (edge,) = elements(draw(y), "edge")
    assert "".join(texts(edge[1])) == "inf × 1 = inf"


NASTY = [
    'say "hello"', "{a|b}", "<b>bold</b>", "<>", "<", "a\\", "\\N \\G \\E \\T \\H \\L \\l \\n", "\\\\",
    "&amp; &lt; &#65;", "two\nlines", "  spaces   inside  ", "日本語 λ é 🎉", "node", "%1 ${x}", "-->", "]]>",
    "<!--x-->", "'", '"; x -> y; "',
]  # fmt: skip


def labels_come_out(labels):
    for some in batched(labels, 10):  # more than twelve that are alike would be abridged
        drawing = draw(autograd.sum([Value(0.0, label) for label in some]), data=False, gradients=False)
        found = shown(drawing)
        assert [found[f"n{i}"] for i in range(len(some))] == [label.split("\n") for label in some]


def batched(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


def test_labels_come_out_as_typed():
    labels_come_out(NASTY)


LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn", "Co"))
ANY = st.text(st.one_of(st.sampled_from("<>&\\\"{}|\n NGEl;#'"), LETTERS), min_size=1, max_size=12)


@settings(max_examples=25)
@given(st.lists(ANY.filter(lambda s: all(s.split("\n"))), min_size=1, max_size=10))
def test_any_label_comes_out_as_typed(labels):
    labels_come_out(labels)


def test_what_a_picture_cannot_hold_is_replaced_visibly():
    drawing = draw(Value(1.0, "a\tb\x00\x1b\ud800\uffff\r\nc"), data=False, gradients=False)
    assert shown(drawing)["n0"] == ["a    b\u2400\u241b\ufffd\ufffd", "c"]


def test_an_empty_line_in_a_label_is_kept():
    assert "".join(shown(draw(Value(1.0, "a\n\nb")))["n0"]).startswith("ab")


def test_tooltips_come_out_as_typed_with_all_digits():
    label = 'a "b" \\N &lt; <c>'
    (_, group), *_ = elements(draw(Value(1.0 / 3.0, label)), "node")
    link = group.find(f".//{SVG}a")
    assert link.get("{http://www.w3.org/1999/xlink}title") == f"{label} = 0.3333333333333333"


def test_a_notebook_shows_it_inline():
    bundle = draw(neuron())._repr_mimebundle_(include=None, exclude=None)
    assert list(bundle) == ["image/svg+xml"]
    assert ET.fromstring(bundle["image/svg+xml"].encode()).tag == f"{SVG}svg"


def test_a_notebook_without_a_renderer_shows_text(monkeypatch):
    monkeypatch.setattr("visualize.renderer._program", lambda: None)
    bundle = draw(neuron())._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install graphviz-pure" in bundle["text/plain"]
    assert "digraph" in bundle["text/plain"]


def test_an_empty_drawing_is_a_drawing():
    assert Drawing().source.startswith("digraph")


@pytest.mark.parametrize(
    ("x", "precision", "written"),
    [
        (0.70710678, 4, "0.7071"), (-2.0, 4, "-2"), (-0.0, 4, "0"), (1e-7, 4, "1e-7"), (123456.0, 4, "1.235e5"),
        (float("inf"), 4, "inf"), (float("-inf"), 4, "-inf"), (float("nan"), 4, "nan"), (1e300, 2, "1e300"),
    ],
)  # fmt: skip
def test_numbers_are_short(x, precision, written):
    assert number(x, precision) == written


def test_sizes():
    assert [relative(x, 4.0) for x in (None, 0.0, float("nan"), 1.0, -4.0, float("-inf"))] == [0, 0, 1, 0.5, 1, 1]
