"""Our own picture: sizes, contrast, words for those who do not see it, and the same bytes each time."""

import re
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from browser.graphs import chain, kinds, neuron

import autograd
from autograd import Value
from visualize import RenderError, draw, render
from visualize.content import content_of
from visualize.layout import arrange
from visualize.svg import asset

PURE = Path(sysconfig.get_path("scripts"), "graphviz-pure")
SVG = "{http://www.w3.org/2000/svg}"


def picture(y, **options):
    return ET.fromstring(content_of(draw(y, limit=1000, **options), "svg"))


def size(root):
    return float(root.get("width")), float(root.get("height"))


def test_every_kind_of_graph_is_a_picture_that_says_what_it_is():
    for name, y in kinds().items():
        root = picture(y, title=name)
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title").text == name
        assert "lead from" in root.find(f"{SVG}desc").text
        boxes = [g for g in root.iter(f"{SVG}g") if (g.get("class") or "").startswith("box")]
        assert len(boxes) == len(draw(y).scene.boxes)
        assert all(g.find(f"{SVG}title").text for g in boxes)
        assert content_of(draw(y, title=name), "svg") == content_of(draw(y, title=name), "svg")


def test_large_pictures_stay_on_the_page():
    width, height = size(picture(chain()))
    assert width <= 4000
    y = autograd.sum([Value(0.5 + i, f"x{i}") for i in range(40)])
    y.backward()
    width, height = size(picture(y))
    assert height <= 900


def test_boxes_do_not_overlap_and_stay_inside_also_when_cut_into_strips():
    scene = draw(chain(), limit=1000).scene
    layout = arrange(scene)
    places = [(layout.boxes[b.id], b.width, b.height) for b in scene.boxes]
    for i, ((x, y), w, h) in enumerate(places):
        assert x - w / 2 >= 0
        assert x + w / 2 <= layout.size[0] + 1
        assert y - h / 2 >= -1
        assert y + h / 2 <= layout.size[1] + 1
        for (x2, y2), w2, h2 in places[i + 1 :]:
            assert abs(x - x2) >= (w + w2) / 2 - 0.5 or abs(y - y2) >= (h + h2) / 2 - 0.5


def test_arrows_end_at_the_box_they_lead_to():
    for y in (neuron(), chain()):
        scene = draw(y, limit=1000).scene
        layout = arrange(scene)
        boxes = {box.id: box for box in scene.boxes}
        for arrow in scene.arrows:
            (x, y_), box = layout.boxes[arrow.target], boxes[arrow.target]
            tip = layout.arrows[arrow.id].tip
            assert abs(tip[0] - x) <= box.width / 2 + 6
            assert abs(tip[1] - y_) <= box.height / 2 + 6


def test_signs_are_told_by_more_than_colour():
    css = asset("picture.css")
    assert re.search(r"\.arrow\.neg \.line[^}]*stroke-dasharray", css)
    assert not re.search(r"\.arrow\.pos \.line[^}]*stroke-dasharray", css)
    words = "".join(picture(neuron() * -1.0).itertext())
    neuron_ = neuron() * -1.0
    neuron_.backward()
    words = "".join(picture(neuron_).itertext())
    assert "negative" in words
    assert "local × upstream = contribution" in words


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_meets_wcag_aa_in_light_and_dark():
    css = asset("picture.css")
    light, dark = css.split("@media")
    for part in (light, dark):
        papers = re.findall(r"\.paper\{fill:(#\w{6})", part) + re.findall(r" rect\{fill:(#\w{6})", part)
        papers += re.findall(r"\.bad rect\{[^}]*fill:(#\w{6})", part)
        inks = re.findall(r"(?:text|soft|symbol|note|pos|neg|foreign|bad)\{fill:(#\w{6})", part)
        assert len(papers) >= 6
        assert len(inks) >= 6
        for ink in inks:
            for paper in papers:
                assert contrast(ink, paper) >= 4.5, (ink, paper)
        strokes = re.findall(r"\.line[^}]*stroke:(#\w{6})", part)
        assert all(contrast(stroke, papers[0]) >= 3.0 for stroke in strokes)


def test_a_drawing_that_was_changed_is_graphvizs_picture(tmp_path):
    drawing = draw(neuron())
    assert b'class="glassgrad"' in drawing.pipe("svg")
    drawing.node("more", "of mine")
    assert b'class="glassgrad"' not in drawing.pipe("svg")
    assert b"of mine" in drawing.pipe("svg")


@pytest.mark.parametrize(("name", "starts"), [("y.pdf", b"%PDF"), ("y.png", b"\x89PNG"), ("y.mmd", b"flowchart")])
def test_other_formats(tmp_path, name, starts):
    assert render(neuron(), tmp_path / name).read_bytes().startswith(starts)


def test_pdf_without_typst_names_the_way_out(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "typst", None)
    monkeypatch.setattr("visualize.renderer._program", lambda: str(PURE))
    with pytest.raises(RenderError, match="pip install typst"):
        render(neuron(), tmp_path / "y.pdf")
    assert not (tmp_path / "y.pdf").exists()
    assert render(neuron(), tmp_path / "y.png").read_bytes().startswith(b"\x89PNG")


def test_mermaid_of_another_graph_is_refused(tmp_path):
    import graphviz

    with pytest.raises(TypeError, match="Mermaid can be written of a Value or a Program"):
        render(graphviz.Source("digraph {}"), tmp_path / "a.mmd")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("turn", ["\u202e", "\u202a", "\u2067", "\u2069"])
def test_a_label_does_not_turn_the_numbers_beside_it_around(turn):
    x = Value(123.0, f"a{turn}b")
    y = 2.0 * x
    y.backward()
    drawing = draw(y, title=f"of a{turn}b")
    for shown in (drawing.pipe("svg", encoding="utf-8"), drawing.source):
        assert turn not in shown
        assert "a\ufffdb" in shown
    assert "\u05d0" in draw(Value(1.0, "\u05d0") * 2.0).source  # letters that are written so stay
