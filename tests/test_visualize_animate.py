"""Films of a gradient: the steps, the numbers at each of them, and the files they become."""

import base64
import io
import json
import math
import os
import re
import stat
import sys
import xml.etree.ElementTree as ET
import zlib

import pytest
from browser.graphs import kinds, neuron, random_graph
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

import autograd
from autograd import Value
from autograd.formulas import factor
from visualize import Film, Frame, GraphTooLarge, RenderError, animate, describe, explore
from visualize import film as film_module
from visualize.__main__ import main
from visualize.film import size_of
from visualize.timeline import gradients_so_far, named, steps_of
from visualize.words import formulas_of, listed

needs_posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for ffmpeg is a script with a #! line")
SVG = "{http://www.w3.org/2000/svg}"


def square():
    x = Value(3.0, "x")
    return x * x


def spoken(y):
    """The steps in words: kind, box, and for an arrow where it leads to."""
    whole, folded = named(describe(y))
    names = {node.id: node.label for node in folded.nodes}
    found = []
    for kind, box, arrow in steps_of(whole, folded):
        words = [kind] if box is None else [kind, folded.nodes[box].label]
        if arrow is not None:
            edge = folded.edges[arrow]
            assert edge.source == folded.nodes[box].id
            words += [names[edge.target], edge.position]
        found.append(tuple(words))
    return found


# ---------------------------------------------------------------- steps


def test_the_steps_of_a_neuron():
    assert spoken(neuron()) == [
        ("start",),
        ("forward", "v1"), ("forward", "v2"), ("forward", "y"),
        ("seed", "y"),
        ("backward", "v2", "y", 0), ("backward", "v1", "v2", 0), ("backward", "b", "v2", 1), ("backward", "w", "v1", 0),
        ("backward", "x", "v1", 1),
        ("end",),
    ]  # fmt: skip


def test_a_value_that_is_used_twice_gets_two_contributions():
    assert spoken(square()) == [
        ("start",), ("forward", "L"), ("seed", "L"), ("backward", "x", "L", 0), ("backward", "x", "L", 1), ("end",),
    ]  # fmt: skip


def test_what_stands_for_many_leaves_has_its_numbers_from_the_start():
    y = autograd.sum([Value(float(i), f"x{i}") for i in range(40)])
    assert [step[0] for step in spoken(y)].count("forward") == 1
    many = autograd.sum([autograd.sin(Value(float(i))) for i in range(40)])
    assert any(step[0] == "forward" and "more" in step[1] for step in spoken(many))


def test_a_leaf_alone():
    assert spoken(Value(1.0, "alone")) == [("start",), ("seed", "alone"), ("end",)]


def test_the_page_has_the_same_steps():
    for name, y in kinds().items():
        page = explore(y).html
        plain = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
        packed = re.search(r'id="packed">(.*?)</script>', page, re.DOTALL)[1]
        data = json.loads(plain or json.loads(zlib.decompress(base64.b64decode(packed)))["data"])
        steps = steps_of(*named(describe(y, limit=1000)))
        assert data["steps"] == [[part for part in step if part is not None] for step in steps], name


@given(st.integers(0, 400))
def test_contributions_add_up_step_by_step_to_what_grad_says(seed):
    y = random_graph(seed)
    order = autograd.topological(y)
    expected = dict(zip([f"n{i}" for i in range(len(order))], autograd.grad(y, order), strict=True))
    found = {v: expected[f"n{i}"] for i, v in enumerate(order)}
    whole, folded = named(describe(y, limit=1000, gradients=found))
    steps = steps_of(whole, folded)
    so_far = gradients_so_far(folded, steps)
    before = (None,) * len(folded.nodes)
    for step, after in zip(steps, so_far, strict=True):
        changed = [k for k, (a, b) in enumerate(zip(before, after, strict=True)) if a is not b and a != b]
        assert changed in ([], [step.box]), step
        if step.arrow is not None and folded.nodes[step.box].kind != "group":
            contribution = folded.edges[step.arrow].contribution
            if contribution is not None and math.isfinite(contribution + (after[step.box] or 0.0)):
                brought = after[step.box] - (before[step.box] or 0.0)
                size = max(abs(after[step.box]), abs(contribution), 1.0)
                assert brought == pytest.approx(contribution, abs=1e-9 * size)
        before = after
    for node, gradient in zip(folded.nodes, before, strict=True):
        if node.kind != "group":
            assert gradient == pytest.approx(expected[node.id], nan_ok=True, rel=0.0)


# ---------------------------------------------------------------- words


def formulas(y):
    """How the last node is computed, and its slopes, by the names that its arguments are given."""
    whole, folded = named(describe(y))
    order = autograd.topological(y)
    called = dict(zip(order, (node.label for node in whole.nodes if node.kind != "constant"), strict=True))
    found = formulas_of(order, called, folded, 4)
    key = f"n{len(order) - 1}"
    return found.values[key], [slope for (node, _), slope in found.slopes.items() if node == key]


A, B = Value(0.5, "a"), Value(2.0, "b")


@pytest.mark.parametrize(
    ("y", "value", "slopes"),
    [
        (A + B, "a + b", ["1", "1"]),
        (A / B, "a / b", ["1 / b", "-L / b"]),
        (autograd.sqrt(Value(0.5, "a + 1")), "√(a + 1)", ["1 / (2·L)"]),
        (autograd.tanh(A), "tanh(a)", ["1 - L²"]),
        (autograd.hypot(A, B), "√(a² + b²), without overflow", ["a / L", "b / L"]),
        (autograd.dot([A, B], [B, A]), "a·b + b·a", ["b", "a", "a", "b"]),
        (-Value(1.0, "-2"), "-(-2)", ["-1"]),
        (autograd.leaky_relu(A, B), "a if a > 0, else b · a", ["1 or b", "min(a, 0)"]),
        (A**2.0, "a²", ["2 · a"]),
        (A**-1.0, "a⁻¹", ["-1 · a⁻²"]),
        (Value(1.0, "x + 1") ** 0.5, "(x + 1) ** 0.5", ["0.5 · (x + 1) ** (-0.5)"]),
    ],
)
def test_formulas_of_the_table_with_other_names(y, value, slopes):
    assert formulas(y) == (value, slopes)


def test_brackets_and_lists():
    assert [factor(x) for x in ("w⁰₁₂", "x.1", "-2", "a b")] == ["w⁰₁₂", "x.1", "(-2)", "(a b)"]
    assert listed(list("abcdef")) == "a, b, c, d, e, f"
    assert listed(list("abcdefg")) == "a, b, c, d, …, g"


# ---------------------------------------------------------------- the picture that moves


def texts(svg, all_of_them=False):
    """The words of a picture that are seen without animation."""
    found = []

    def walk(element):
        if element.get("opacity") == "0" and not all_of_them:
            return
        if element.tag == f"{SVG}text":
            found.append("".join(element.itertext()))
        for child in element:
            walk(child)

    walk(ET.fromstring(svg))
    return found


def test_the_film_is_one_file_without_a_script_and_always_the_same():
    svg = animate(neuron()).svg
    assert svg == animate(neuron()).svg
    root = ET.fromstring(svg)
    assert root.find(f"{SVG}title").text
    assert "A film in 11 steps" in root.find(f"{SVG}desc").text
    assert not re.search(r"<script|\son\w+=|(href|src)=\"[^#]|url\(|@import", svg)
    assert "prefers-reduced-motion:reduce" in svg
    assert "prefers-color-scheme:dark" in svg
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    used = {element.get("href")[1:] for element in root.iter() if element.get("href")}
    assert used <= set(ids)


def test_every_class_that_moves_has_a_rule_and_every_rule_is_used():
    svg = animate(neuron()).svg
    rules = set(re.findall(r"@keyframes (k\d+)\{", svg))
    assert rules == set(re.findall(r"\b(k\d+)\b(?=[ \"])", svg.split("</style>")[1]))
    for body in re.findall(r"@keyframes k\d+\{(.*?)\}\}", svg):
        assert all(0.0 <= float(x) <= 100.0 for x in re.findall(r"([\d.]+)%", body))


def test_without_animation_it_is_the_finished_picture():
    for name, y in kinds().items():
        if name in ("chain", "squares"):
            continue  # more than sixty boxes, or slow
        try:
            film = animate(y, limit=200)
        except autograd.DomainError:
            assert name == "not finite"
            continue
        assert sorted(texts(film.svg)) == sorted(texts(film.frames[-1].svg)), name
        assert set(texts(film.svg)) <= set(texts(film.svg, all_of_them=True))
        assert len(texts(film.svg)) < len(texts(film.svg, all_of_them=True))


def test_a_program_that_knows_no_animation_draws_the_finished_picture():
    film = animate(neuron())
    moving, still = (Image.open(io.BytesIO(png)).convert("RGB") for png in pictures_of([film.svg, film.frames[-1].svg]))
    assert ImageChops.difference(moving, still).getbbox() is None


def pictures_of(svgs):
    """PNGs as typst draws them."""
    return film_module._pictures([Frame(svg, 1.0) for svg in svgs])


def test_numbers_come_one_after_the_other():
    film = animate(neuron(), seconds=1.0)
    seen = [set(texts(frame.svg)) for frame in film.frames]
    first = {word: next(k for k, words in enumerate(seen) if word in words) for word in set.union(*seen)}
    assert {"2", "0.5", "-1.5"} <= seen[0]
    assert not {"-0.4621", "0.7864", "0.3932", "1.573"} & seen[0]
    order = [
        "v1 = w · x", "v1 = 2 · 0.5 = 1", "v2 = 1 + (-1.5) = -0.5", "y = tanh(-0.5) = -0.4621", "-0.4621", "∂y/∂y = 1",
        "∂y/∂v2 += (1 - y²) × ∂y/∂y", "0.7864 × 1 = 0.7864", "∂y/∂w += x × ∂y/∂v1", "0.5 × 0.7864 = 0.3932",
        "∂y/∂x += w × ∂y/∂v1", "2 × 0.7864 = 1.573", "∂y/∂w = 0.3932,  ∂y/∂x = 1.573,  ∂y/∂b = 0.7864",
    ]  # fmt: skip
    times = [first[words] for words in order]
    assert times == sorted(times)
    assert first["∂y/∂v2 += (1 - y²) × ∂y/∂y"] < first["0.7864 × 1 = 0.7864"]
    assert {"0.3932", "1.573", "-0.4621", "1"} <= seen[-1]


def test_a_gradient_adds_up_before_ones_eyes():
    x = Value(3.0, "x")
    film = animate(x * x + x * -2.0)
    shown = []
    for frame in film.frames:
        words = texts(frame.svg)
        sums = [w for w in words if re.fullmatch(r"[-\d.]+( \+ \(?[-\d.]+\)?)*( \+ …)?", w) and "+" in w]
        told = [w for w in words if w.startswith(("so far", "∂L/∂x = "))]
        if (sums, told) not in shown:
            shown.append((sums, told))
    assert (["-2 + …"], ["so far ∂L/∂x = -2"]) in shown
    assert (["-2 + 3 + …"], ["so far ∂L/∂x = -2 + 3 = 1"]) in shown
    assert (["-2 + 3 + 3"], ["∂L/∂x = 1 + 3 = 4"]) in shown
    assert shown[-1][0] == ["-2 + 3 + 3"]


def test_of_many_contributions_the_sum_before_and_the_new_one_are_shown():
    x = Value(2.0, "x")
    y = autograd.sin(x) + autograd.cos(x) + x * x * x
    last = texts(animate(y).frames[-1].svg)
    [total] = [w for w in last if re.fullmatch(r"[-\d.]+ \+ \(?[-\d.]+\)?", w)]
    a, b = (float(part.strip("()")) for part in total.split(" + "))
    assert a + b == pytest.approx(autograd.grad(y, x), abs=2e-3)


def test_it_has_its_own_backward_pass_and_changes_nothing():
    y = neuron()
    order = autograd.topological(y)
    never = animate(y).svg
    assert [v.has_grad for v in order] == [False] * len(order)
    y.backward(5.0)
    y.backward()
    before = [(v.data, v.grad, v.label) for v in order]
    assert animate(y).svg == never
    assert [(v.data, v.grad, v.label) for v in order] == before


def test_a_leaf_that_was_changed_is_an_error():
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(RuntimeError, match="compute it again"):
        animate(y)


def test_a_film_of_fifteen_nodes_is_small(tmp_path):
    y = neuron()
    for k in range(2):
        y = autograd.sin(y) * Value(0.5 + k)
    y = y * y + y
    assert 14 <= len(autograd.topological(y)) <= 16
    film = animate(y)
    assert film.save(tmp_path / "film.svg").stat().st_size <= 60_000
    # Every fourth picture; those left out, of a dot that runs, are much smaller.
    assert Film(film.frames[::4]).save(tmp_path / "film.gif").stat().st_size <= 500_000


def test_time():
    film = animate(neuron(), seconds=2.0)
    assert film.seconds == pytest.approx(2.0 + 3 * 1.5 + 2.0 + 5 * 2.0 + 5.0)
    assert "animation-duration:23.5s" in film.svg
    assert "iteration-count:infinite" in film.svg
    assert "iteration-count:1}" in animate(neuron(), loop=False).svg
    assert animate(neuron(), seconds=0.5).seconds == pytest.approx(23.5 / 4, abs=0.1)


def test_titles_labels_and_directions():
    y = Value(2.0, "<b>&\"'\x01") * Value(3.0, "]]>\nb")
    film = animate(y, title="a < b & c", orientation="TB", precision=2)
    assert ET.fromstring(film.svg).find(f"{SVG}title").text == "a < b & c"
    assert any("<b>&\"'\u2401" in words for words in texts(film.svg))
    ET.fromstring(Film(film.frames[:2], name="\x02<").svg)
    assert "a < b & c" in texts(film.svg)
    _, height = size_of(film.svg)
    assert size_of(animate(y, orientation="LR").svg)[1] < height
    assert 'alt="a &lt; b &amp; c"' in film._repr_html_()
    assert film._repr_html_().startswith('<img src="data:image/svg+xml;base64,')
    assert "save(path)" in repr(film)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda p: animate(3.0, p / "y.svg"), TypeError, "animate: takes a Value"),
        (lambda p: animate(neuron(), p / "y.png"), ValueError, r"must end in one of \.svg, \.gif, \.mp4"),
        (lambda p: animate(neuron(), p / "y"), ValueError, r"must end in one of \.svg, \.gif, \.mp4"),
        (lambda p: animate(neuron(), p / "no" / "y.svg"), FileNotFoundError, "create it first"),
        (lambda p: animate(neuron(), p / "no" / "y.gif"), FileNotFoundError, "create it first"),
        (lambda p: animate(neuron(), p / "y.svg", title=3), TypeError, "title must be a text"),
        (lambda p: animate(neuron(), p / "y.svg", precision=0), ValueError, "animate: precision"),
        (lambda p: animate(neuron(), p / "y.svg", orientation="up"), ValueError, "animate: orientation"),
        (lambda p: animate(neuron(), p / "y.svg", seconds=0), ValueError, "animate: seconds"),
        (lambda p: animate(neuron(), p / "y.svg", seconds=math.inf), ValueError, "animate: seconds"),
        (lambda p: animate(neuron(), p / "y.svg", seconds="2"), ValueError, "animate: seconds"),
        (lambda p: animate(neuron(), p / "y.svg", limit=0), ValueError, "animate: limit"),
        (lambda p: animate(neuron(), p / "y.svg", parameters=3), TypeError, "animate: parameters"),
        (lambda p: animate(neuron(), p / "y.svg", limit=5), GraphTooLarge, r"film of 6 boxes.*focus.*path.*limit=6"),
        (lambda p: animate(autograd.sqrt(Value(0.0, "z")) ** 2, p / "y.svg"), autograd.DomainError, "sqrt"),
    ],
)
def test_wrong_use_is_a_clear_error_and_leaves_no_file(tmp_path, call, error, says):
    with pytest.raises(error, match=says):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_graphs_are_refused_by_their_boxes_not_by_their_nodes():
    folded = autograd.sum([Value(float(i), f"x{i}") for i in range(100)])
    assert len(animate(folded).frames) > 5
    y = Value(0.5, "x")
    for _ in range(70):
        y = autograd.sin(y)
    with pytest.raises(GraphTooLarge, match=r"film of 71 boxes .*limit is 60 boxes.*limit=71"):
        animate(y)
    assert animate(y, limit=71).seconds > 60.0
    with pytest.raises(GraphTooLarge, match=r"film of 2,001 nodes"):
        animate(autograd.sum([Value(1.0) for _ in range(2000)]))


# ---------------------------------------------------------------- GIF and video


def durations(gif):
    image = Image.open(io.BytesIO(gif))
    found = []
    for k in range(image.n_frames):
        image.seek(k)
        found.append(image.info["duration"] / 1000.0)
    return image, found


def test_a_gif_has_every_frame_for_as_long_as_it_is_shown(tmp_path):
    film = animate(square(), tmp_path / "film.gif", seconds=1.03)
    frames = animate(square(), seconds=1.03).frames
    image, found = durations(film.read_bytes())
    assert image.info["loop"] == 0
    assert len(found) == len(frames)
    assert found == pytest.approx([frame.seconds for frame in frames], abs=0.011)
    assert sum(found) == pytest.approx(sum(frame.seconds for frame in frames), abs=0.006)
    width, height = size_of(frames[0].svg)
    assert image.size == pytest.approx((1.5 * width, 1.5 * height), abs=1.5)
    image.seek(0)
    assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    once, _ = durations(gif_of(animate(square(), loop=False)))
    assert "loop" not in once.info


def test_each_frame_of_a_gif_is_the_picture_that_was_drawn():
    film = Film(animate(square()).frames[::2])
    image, found = durations(gif_of(film))
    assert len(found) == len(film.frames)
    for k, png in enumerate(pictures_of([frame.svg for frame in film.frames])):
        image.seek(k)
        drawn = Image.open(io.BytesIO(png)).convert("RGB")
        away = ImageChops.difference(image.convert("RGB"), drawn).getextrema()
        assert max(high for _, high in away) <= 40, k  # smooth edges have more shades than a palette


def gif_of(film):
    return film._as_gif()


def box(width, height, colour, inner=""):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="{colour}"/>{inner}</svg>'
    )


def embedded(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<image x="10" y="10" width="20" height="20" href="data:image/png;base64,{data}"/>'


def test_any_pictures_of_one_size_are_a_film():
    frames = [Frame(box(60, 41, "#ff0000"), 0.5), (box(60, 41, "#ffffff", embedded((0, 128, 255))), 0.25)]
    film = Film(frames, name="two")
    image, found = durations(gif_of(film))
    assert found == [0.5, 0.25]
    image.seek(0)
    assert image.convert("RGB").getpixel((30, 30)) == (255, 0, 0)
    image.seek(1)
    assert image.convert("RGB").getpixel((30, 30)) == (0, 128, 255)
    assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    root = ET.fromstring(film.svg)
    pages = [g for g in root if g.tag == f"{SVG}g"]
    assert [page.get("opacity") for page in pages] == ["0", None]
    assert "data:image/png" in film.svg
    assert film.seconds == 0.75


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([], "got none"),
        ([(box(10, 10, "red"), 0.0)], "0.0 seconds"),
        ([(box(10, 10, "red"), math.nan)], "nan seconds"),
        ([(box(10, 10, "red"), 1.0), (box(10, 20, "red"), 1.0)], "same size; got 10 × 10 and 10 × 20"),
        ([("no picture", 1.0)], "must be an SVG with width and height"),
        ([('<svg viewBox="0 0 1 1"/>', 1.0)], "must be an SVG with width and height"),
    ],
)
def test_frames_that_make_no_film(frames, says):
    with pytest.raises(ValueError, match=says):
        Film(frames)


@pytest.mark.parametrize(
    ("module", "ending", "says"),
    [("typst", "gif", r"glassgrad\[film\]"), ("PIL", "gif", "Pillow.*an .mp4"), ("typst", "mp4", r"glassgrad\[film\]")],
)
def test_what_is_missing_is_named(tmp_path, monkeypatch, module, ending, says):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/false")
    film = Film([(box(10, 10, "red"), 1.0)])
    with pytest.raises(RenderError, match=says):
        film.save(tmp_path / f"film.{ending}")
    assert list(tmp_path.iterdir()) == []
    assert film.save(tmp_path / "film.svg").exists()


def test_without_ffmpeg_other_films_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, **_: None)
    with pytest.raises(RenderError, match=r"ffmpeg.*none on the PATH.*write a \.gif or an \.svg"):
        Film([(box(10, 10, "red"), 1.0)]).save(tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def fake_ffmpeg(folder, monkeypatch, body):
    script = folder / "bin" / "ffmpeg"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys, json, pathlib\n{body}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(script.parent))


@needs_posix
def test_ffmpeg_gets_every_picture_with_its_time(tmp_path, monkeypatch):
    """A stand-in for ffmpeg writes down what it was asked for and given."""
    fake_ffmpeg(
        tmp_path, monkeypatch,
        "listed = pathlib.Path('frames.txt').read_text()\n"
        "sizes = {p.name: p.read_bytes()[16:24].hex() for p in pathlib.Path('.').glob('*.png')}\n"
        "pathlib.Path(sys.argv[-1]).write_text(json.dumps([sys.argv[1:], listed, sizes]))",
    )  # fmt: skip
    red, blue = box(31, 20, "red"), box(31, 20, "blue")
    path = Film([(red, 0.5), (blue, 0.25), (red, 1.5)]).save(tmp_path / "film.mp4")
    command, listing, sizes = json.loads(path.read_text())
    assert listing.splitlines() == [
        "file '0.png'", "duration 0.5000", "file '1.png'", "duration 0.2500", "file '0.png'", "duration 1.5000",
        "file '0.png'",
    ]  # fmt: skip
    assert len(sizes) == 2
    joined = " ".join(command)
    assert "-c:v libx264" in joined
    assert "-pix_fmt yuv420p" in joined
    assert "-t 2.250" in joined
    assert "pad=ceil(iw/2)*2:ceil(ih/2)*2" in joined


@needs_posix
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("print('out of ink', file=sys.stderr); sys.exit(3)", "exit code 3: out of ink"),
        ("", "exit code 0: it said nothing"),
    ],
)
def test_an_ffmpeg_that_fails_leaves_what_was_there(tmp_path, monkeypatch, body, says):
    fake_ffmpeg(tmp_path, monkeypatch, body)
    old = tmp_path / "film.mp4"
    old.write_text("before")
    with pytest.raises(RenderError, match=says):
        Film([(box(10, 10, "red"), 1.0)]).save(old)
    assert old.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "film.mp4"]


@needs_posix
def test_an_ffmpeg_that_does_not_run(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, "")
    (tmp_path / "bin" / "ffmpeg").write_text("#!/nowhere/at/all\n")
    with pytest.raises(RenderError, match="does not run"):
        Film([(box(10, 10, "red"), 1.0)]).save(tmp_path / "film.mp4")


# ---------------------------------------------------------------- the command line


def test_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["tanh(w*x + b)", "w=2", "x=0.5", "b=-1"]
    assert main([*words, "--animate", "film.svg"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "film: film.svg"
    assert "tanh(w*x + b)" in texts((tmp_path / "film.svg").read_text(encoding="utf-8"))
    assert main(["x*x", "x=3", "-o", "film.gif"]) == 0
    assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.gif", "film.svg"]
    assert main([*words, "--animate", "again.svg", "-o", "still.svg"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["film: again.svg", "picture: still.svg"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--animate", "film.mov"], "must end in one of .svg, .gif, .mp4"),
        (["--animate", "a.svg", "-o", "b.gif"], "name one"),
        (["--animate", "film.svg", "--limit", "1"], "film of 2 boxes"),
    ],
)
def test_wrong_words(tmp_path, capsys, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    assert main(["x*x", "x=3", *words]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
