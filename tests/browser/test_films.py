"""Films in a browser: what is seen at which time, light and dark, and without motion."""

import base64
import xml.etree.ElementTree as ET
from itertools import accumulate

import pytest
from graphs import diamond, kinds, neuron
from test_pictures_are_legible import FONTS, collisions

import autograd
import nn
from autograd import Value
from visualize import Film, animate, animate_training

AT = """
const animations = document.getAnimations();
for (const a of animations) { a.pause(); a.currentTime = 1000 * arguments[0]; }
return animations.length;
"""
SEEN = """
const opacity = e => e instanceof Element ? Number(getComputedStyle(e).opacity) * opacity(e.parentNode) : 1;
const found = [];
for (const t of document.querySelectorAll("text")) {
  if (opacity(t) < 0.05) continue;
  const r = t.getBoundingClientRect();
  found.push([t.textContent, r.left, r.top, r.right, r.bottom, null, opacity(t)]);
}
return found;
"""
DOTS = """
return [...document.querySelectorAll(".dot")].map(d => [d.getAttribute("href"), getComputedStyle(d)])
  .filter(([, s]) => Number(s.opacity) > 0.9).map(([way, s]) => [way, parseFloat(s.strokeDashoffset), s.stroke]);
"""


def texts(svg):
    """The words of a still picture; those in pale boxes too."""
    return sorted("".join(t.itertext()) for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def moments(film):
    """The still pictures during which nothing runs, each with a time shortly before its end."""
    ends = accumulate(frame.seconds for frame in film.frames)
    return [(end - 0.05, frame.svg) for end, frame in zip(ends, film.frames, strict=True) if frame.seconds > 0.5]


@pytest.mark.parametrize("name", ["neuron", "same twice", "choices", "sum of forty", "mixed", "foreign", "labels"])
def test_at_every_step_the_words_are_those_of_the_still_picture(page, tmp_path, name):
    film = animate(kinds()[name], seconds=2.0)
    page.open(film.save(tmp_path / "film.svg"))
    assert len(moments(film)) > 3
    for time, still in moments(film):
        assert page.run(AT, time) > 10
        assert sorted(seen[0] for seen in page.run(SEEN)) == texts(still), (name, time)


def test_numbers_appear_when_their_dot_arrives(page, tmp_path):
    page.open(animate(neuron(), tmp_path / "film.svg", seconds=2.0))
    # The start takes 2 s, a box of the forward pass 1.5 s, the seed 2 s: so the first arrow goes back from 8.5 s on.
    page.run(AT, 8.55)
    seen = {words for words, *_ in page.run(SEEN)}
    assert "∂y/∂v2 += (1 - y²) × ∂y/∂y" in seen
    assert "0.7864 × 1 = 0.7864" not in seen
    places = []
    for time in (8.65, 8.95, 9.25):
        page.run(AT, time)
        [[way, offset, _]] = page.run(DOTS)
        places.append(-offset)
    assert way == "#p4"
    assert 1.0 >= places[0] > places[1] > places[2] >= 0.0  # from the box it leads to, back
    page.run(AT, 10.4)
    seen = {words for words, *_ in page.run(SEEN)}
    assert {"0.7864 × 1 = 0.7864", "∂y/∂v2 = 0.7864", "0.7864"} <= seen
    assert page.run(DOTS) == []
    page.run(AT, 2.3)
    ways = page.run(DOTS)
    assert len(ways) == 2  # w and x, on their way into w · x


def test_light_and_dark(page, tmp_path):
    page.open(animate(diamond(), tmp_path / "film.svg"))
    colour = "return getComputedStyle(document.querySelector(arguments[0])).fill"
    looks = {}
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        looks[scheme] = [page.run(colour, part) for part in (".paper", ".panel", ".heading", ".formula", ".tag")]
    assert looks["light"][0] == "rgb(255, 255, 255)"
    assert looks["dark"][0] == "rgb(17, 22, 29)"
    assert all(a != b for a, b in zip(looks["light"], looks["dark"], strict=True))


def test_who_prefers_less_motion_sees_the_finished_picture(page, tmp_path):
    film = animate(neuron())
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.open(film.save(tmp_path / "film.svg"))
    assert page.run("return document.getAnimations().length") == 0
    assert sorted(seen[0] for seen in page.run(SEEN)) == texts(film.frames[-1].svg)
    assert page.run(DOTS) == []


def test_a_film_that_does_not_loop_ends_as_the_finished_picture(page, tmp_path):
    film = animate(neuron(), seconds=0.1, loop=False)
    page.open(film.save(tmp_path / "film.svg"))
    page.run("for (const a of document.getAnimations()) a.finish()")
    assert sorted(seen[0] for seen in page.run(SEEN)) == texts(film.frames[-1].svg)


def test_it_plays_as_an_image(page, tmp_path):
    animate(neuron(), tmp_path / "film.svg", seconds=0.2)
    (tmp_path / "page.html").write_text('<!DOCTYPE html><img src="film.svg" alt="a film">', encoding="utf-8")
    page.open(tmp_path / "page.html")
    assert page.run("return document.images[0].naturalWidth") > 500
    shots = set()
    for _ in range(100):
        shots.add(page.driver.get_screenshot_as_base64())
        if len(shots) > 3:
            break
    assert len(shots) > 3


def test_pages_of_any_pictures(page, tmp_path):
    def still(words):
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="40" viewBox="0 0 100 40">'
            f'<text x="5" y="20">{words}</text></svg>'
        )

    film = Film([(still(words), 1.0) for words in ("one", "two", "three")])
    page.open(film.save(tmp_path / "film.svg"))
    for time, words in ((0.01, "one"), (0.99, "one"), (1.01, "two"), (1.99, "two"), (2.01, "three"), (2.99, "three")):
        page.run(AT, time)
        assert [seen[0] for seen in page.run(SEEN)] == [words], time


@pytest.mark.parametrize("font", FONTS)
def test_texts_keep_apart_all_the_time(page, tmp_path, font):
    page.size(2400, 1500)
    for name in ("neuron", "same twice", "choices", "network", "labels", "lists"):
        film = animate(kinds()[name], title=f"A film of {name}", seconds=1.2)
        forced = f"<style>.glassgrad, .glassgrad text {{ font-family: '{font}' !important }}</style>"
        file = tmp_path / "film.html"
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{forced}<body>{film.svg}", encoding="utf-8")
        page.open(file)
        for time, _ in moments(film)[::3]:
            page.run(AT, time)
            found = page.run(SEEN)
            assert collisions([seen[:6] for seen in found]) == [], (name, time)
            assert all(seen[1] >= 8 and seen[3] <= page.run("return document.querySelector('svg').clientWidth + 8")
                       for seen in found), (name, time)  # fmt: skip


def test_a_notebook_gets_an_image():
    x = Value(3.0, "x")
    film = animate(x * x)
    data = film._repr_html_().split("base64,")[1].split('"')[0]
    assert base64.b64decode(data).decode() == film.svg


# ---------------------------------------------------------------- a network learns


@pytest.fixture(scope="module")
def lesson():
    data, model = nn.datasets.moons(80, seed=1), nn.MLP(2, [4, 1], seed=0)
    path = [autograd.read(model.parameters(), "data")]
    nn.fit(
        model, nn.binary_cross_entropy, data.inputs, data.targets, optimizer=nn.Adam(model.parameters(), 0.05),
        epochs=10, callbacks=[lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))],
    )  # fmt: skip
    return animate_training(model, nn.binary_cross_entropy, data, path=path, title="A network learns")


WIDTHS = """
return Object.fromEntries([...document.querySelectorAll(".weight")]
  .map(line => [line.id, parseFloat(getComputedStyle(line).strokeWidth)]));
"""
PAGES = """
return [...document.querySelectorAll("image[id]")].map(i => [i.id, Number(getComputedStyle(i.parentNode).opacity)])
  .filter(([, opacity]) => opacity > 0.02);
"""


def weights(svg):
    return {
        line.get("id"): float(line.get("stroke-width"))
        for line in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
        if line.get("class", "").startswith("weight")
    }


def test_at_every_epoch_the_network_is_that_of_the_still_picture(page, tmp_path, lesson):
    page.open(lesson.save(tmp_path / "learning.svg"))
    for k, frame in enumerate(lesson.frames):
        page.run(AT, 0.8 + 8.7 * k / 10)
        assert sorted(seen[0] for seen in page.run(SEEN)) == texts(frame.svg), k
        assert page.run(WIDTHS) == pytest.approx(weights(frame.svg), abs=0.12), k
        assert page.run(PAGES) == [[f"e{k}", pytest.approx(1.0, abs=0.02)]], k
    page.run(AT, 0.1)
    assert sorted(seen[0] for seen in page.run(SEEN)) == texts(lesson.frames[0].svg)
    page.run(AT, 11.99)
    assert sorted(seen[0] for seen in page.run(SEEN)) == texts(lesson.frames[-1].svg)


def test_the_loss_is_covered_where_the_film_is_not_yet(page, tmp_path, lesson):
    page.open(lesson.save(tmp_path / "learning.svg"))
    right = 'return document.querySelector("rect.paper.m").getBoundingClientRect().left'
    point = 'const r = document.querySelector(".point").getBoundingClientRect(); return (r.left + r.right) / 2'
    places = []
    for time in (0.0, 0.8, 3.0, 6.0, 9.5, 11.9):
        page.run(AT, time)
        places.append(page.run(point))
        assert page.run(right) == pytest.approx(places[-1], abs=5.0)
    assert places == [pytest.approx(x, abs=0.1) for x in (places[0], places[0], *places[2:5], places[4])]
    assert places[1] + 100 < places[2] < places[3] - 100 < places[4] - 200


def test_who_prefers_less_motion_sees_the_network_that_has_learned(page, tmp_path, lesson):
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.open(lesson.save(tmp_path / "learning.svg"))
    assert page.run("return document.getAnimations().length") == 0
    assert sorted(seen[0] for seen in page.run(SEEN)) == texts(lesson.frames[-1].svg)
    assert page.run(WIDTHS) == pytest.approx(weights(lesson.frames[-1].svg), abs=0.02)
    assert page.run(PAGES) == [["e10", 1.0]]


def test_dots_run_forwards_then_back(page, tmp_path, lesson):
    page.open(lesson.save(tmp_path / "learning.svg"))
    dots = """
    return [...document.querySelectorAll(".pulse")].map(p => [p.classList.contains("back"), getComputedStyle(p)])
      .map(([back, s]) => [back, -parseFloat(s.strokeDashoffset), parseFloat(s.strokeWidth)])
      .filter(([, at, width]) => at >= 0 && at <= 1 && width > 0);
    """
    ways = []
    for time in (2.2, 2.6, 3.2, 3.7):
        page.run(AT, time)
        ways.append([(back, len(page.run(dots))) for back, *_ in page.run(dots)[:1]])
    assert ways == [[(False, 8)], [(False, 4)], [(True, 4)], [(True, 8)]]
    page.run(AT, 10.3)
    assert page.run(dots) == []


@pytest.mark.parametrize("font", FONTS)
def test_texts_of_a_lesson_keep_apart(page, tmp_path, lesson, font):
    forced = f"<style>.glassgrad, .glassgrad text {{ font-family: '{font}' !important }}</style>"
    file = tmp_path / "film.html"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{forced}<body>{lesson.svg}", encoding="utf-8")
    page.open(file)
    page.run(AT, 5.0)
    assert collisions([seen[:6] for seen in page.run(SEEN)]) == []
    assert all(seen[1] >= 8 and seen[3] <= 838 for seen in page.run(SEEN))
