"""No two texts of a picture meet, and none leaves its box, whatever font it comes out in."""

import pytest
from graphs import kinds

import nn
from visualize import draw, draw_network, explore
from visualize.content import content_of

FONTS = ["DejaVu Sans", "Liberation Sans", "DejaVu Serif"]

# Texts as the browser sets them, each with the box that it stands in.
MEASURE = """
const found = [];
for (const t of document.querySelectorAll("svg.glassgrad text")) {
  if (!t.textContent.trim()) continue;
  const r = t.getBoundingClientRect(), box = t.closest(".box");
  const b = box && box.querySelector("rect").getBoundingClientRect();
  found.push([t.textContent, r.left, r.top, r.right, r.bottom, b && [b.left, b.top, b.right, b.bottom]]);
}
return found;
"""
SLACK = 3.0
"""Pixels: a line of text is measured with room for accents above and below, which letters do not fill."""


def collisions(texts):
    found = []
    for i, (a, left, top, right, bottom, box) in enumerate(texts):
        if box and (left < box[0] - 0.5 or right > box[2] + 0.5 or top < box[1] - SLACK or bottom > box[3] + SLACK):
            found.append(f"{a!r} leaves its box")
        for b, left2, top2, right2, bottom2, _ in texts[i + 1 :]:
            if left < right2 and left2 < right and top + SLACK < bottom2 - SLACK and top2 + SLACK < bottom - SLACK:
                found.append(f"{a!r} meets {b!r}")
    return found


@pytest.fixture(scope="module")
def graphs():
    return kinds()


@pytest.mark.parametrize("font", FONTS)
def test_texts_keep_apart(page, tmp_path, graphs, font):
    page.size(2400, 1500)
    assert len(graphs) >= 18
    for name, y in graphs.items():
        for orientation in ("LR", "TB"):
            svg = content_of(draw(y, title=f"A picture of {name}", orientation=orientation), "svg").decode()
            forced = f"<style>.glassgrad, .glassgrad text {{ font-family: '{font}' !important }}</style>"
            file = tmp_path / "picture.html"
            file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{forced}<body>{svg}", encoding="utf-8")
            texts = page.open(file).run(MEASURE)
            assert len(texts) > 2, name
            assert collisions(texts) == [], (name, orientation, font)


def networks():
    """Pictures of networks, small and large, with long names and long numbers."""
    digits = [f"a digit named {i}" for i in range(10)]
    x = [0.1 * (i % 11) for i in range(64)]
    return {
        "2-4-1": draw_network(nn.MLP(2, [4, 1], seed=0), [0.5, -0.25], inputs=["width", "height"], outputs=["price"]),
        "precise": draw_network(nn.MLP(3, [3, 2], seed=1), [1e-9, -123456.789, 3.0], precision=17, loss=sum),
        "back": draw_network(
            nn.MLP(2, [4, 3], seed=0), [0.5, -0.25], show="gradients", loss=lambda y: nn.cross_entropy(y, 1)
        ),
        "2-16-16-1": draw_network(nn.MLP(2, [16, 16, 1], seed=0), title="Which neurons matter? " * 6),
        "64-32-10": draw_network(
            nn.MLP(64, [32, 10], seed=0), x, outputs=digits, loss=lambda y: nn.cross_entropy(y, 1)
        ),
        "784-30-10": draw_network(nn.MLP(784, [30, 10], seed=0)),
        "lines": draw_network(nn.MLP(100, [120, 40], seed=0), image_shape=()),
        "named": draw_network(
            nn.MLP(2, [3, 12], seed=0),
            [0.5, -0.25],
            inputs=["W" * 99, "a name " * 9],
            loss=lambda y: nn.cross_entropy(y, 1),
            outputs=["a name with jumping letters " * 3, *(f"W{i}" * 12 for i in range(11))],
            title="title" * 80,
        ),
        "one": draw_network(nn.Neuron(1, "leaky_relu", seed=0)),
    }


@pytest.mark.parametrize("font", FONTS)
def test_texts_of_networks_keep_apart(page, tmp_path, font):
    page.size(2400, 1500)
    for name, picture in networks().items():
        forced = f"<style>.glassgrad, .glassgrad text {{ font-family: '{font}' !important }}</style>"
        file = tmp_path / "picture.html"
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{forced}<body>{picture.svg}", encoding="utf-8")
        texts = page.open(file).run(MEASURE)
        assert len(texts) > 8, name
        assert collisions(texts) == [], (name, font)
        left, top, right, bottom = page.run(
            "const r = document.querySelector('svg.glassgrad').getBoundingClientRect();"
            "return [r.left, r.top, r.right, r.bottom]"
        )
        for text, *corners, _ in texts:
            inside = corners[0] >= left and corners[1] >= top and corners[2] <= right and corners[3] <= bottom
            assert inside, (name, font, text)


def test_texts_of_the_explorer_keep_apart_at_any_number(page, tmp_path, graphs):
    page.open(explore(graphs["network"], tmp_path / "page.html"))
    for x in (1e-7, -123456.789, -1.2345e-300, 0.1):
        page.run("for (const n of explorer.names.filter(n => n.startsWith('x'))) explorer.set(n, arguments[0])", x)
        assert collisions(page.run(MEASURE.replace("svg.glassgrad text", "svg.glassgrad .box text"))) == []
        equations = page.run(MEASURE.replace("svg.glassgrad text", "svg.glassgrad .equation"))
        assert collisions(equations) == [], x
