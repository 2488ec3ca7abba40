"""Films of a network that learns: what each picture shows, against the training itself."""

import base64
import io
import math
import random
import re
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from PIL import Image

import autograd
import nn
from autograd import Value
from visualize import animate_training, plot_landscape
from visualize.contour import contours, fewer
from visualize.deflate import deflated
from visualize.epochs import CELL, EDGE, GRID
from visualize.pixels import NEGATIVE, POSITIVE, indexed_uri

SVG = "{http://www.w3.org/2000/svg}"
CROSS = nn.binary_cross_entropy


def trained(data, widths=(4, 1), epochs=12, loss=CROSS, seed=0, rate=0.05):
    """A model, and the path of its training."""
    model = nn.MLP(2, list(widths), seed=seed)
    path = [autograd.read(model.parameters(), "data")]
    nn.fit(
        model, loss, data.inputs, data.targets, optimizer=nn.Adam(model.parameters(), rate), epochs=epochs,
        progress=False, callbacks=[lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))],
    )  # fmt: skip
    return model, path


@pytest.fixture(scope="module")
def moons():
    data = nn.datasets.moons(60, seed=1)
    model, path = trained(data)
    return data, model, path, animate_training(model, CROSS, data, path=path, title="Moons")


def texts(svg):
    return ["".join(t.itertext()) for t in ET.fromstring(svg).iter(f"{SVG}text")]


def at(path, k, widths=(4, 1)):
    """Another model, as it was after an epoch."""
    model = nn.MLP(2, list(widths), seed=7)
    autograd.write(model.parameters(), "data", path[k])
    return model


def images(svg):
    """Red, green, blue and opacity of each image, with its attributes."""
    for image in ET.fromstring(svg).iter(f"{SVG}image"):
        data = base64.b64decode(image.get("href").split("base64,")[1])
        yield np.array(Image.open(io.BytesIO(data)).convert("RGBA")).astype(int), image.attrib


def signs(pixels):
    """1 where a pixel is blue, -1 where it is orange, 0 where it is clear."""
    blue = (pixels[..., :3] == list(POSITIVE)).all(axis=-1)
    orange = (pixels[..., :3] == list(NEGATIVE)).all(axis=-1)
    assert (blue | orange).all()
    return (blue * 1 - orange * 1) * (pixels[..., 3] > 0)


def plane_of(data, side, more=0):
    """The middles of the pixels of the plane, row by row from above."""
    low, high = data.inputs.min(axis=0), data.inputs.max(axis=0)
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    xs = [(k + 0.5) / side for k in range(side)]
    ys = [1.0 - (k + 0.5) / side for k in range(-more, side + more)]
    return [[[low[0] + x * (high[0] - low[0]), low[1] + y * (high[1] - low[1])] for x in xs] for y in ys]


# ---------------------------------------------------------------- what the pictures show


def test_there_is_a_picture_for_each_epoch(moons):
    film = moons[3]
    assert len(film.frames) == 13
    assert film.seconds == pytest.approx(12.0)
    for k, frame in enumerate(film.frames):
        assert f"epoch {k}" in texts(frame.svg)


def test_of_a_long_path_most_are_shown_and_more_where_more_happens(moons):
    data, model, _, _ = moons
    start = autograd.read(model.parameters(), "data")
    path = [start * (1.0 - math.exp(-k / 20.0)) for k in range(300)]
    film = animate_training(model, CROSS, data, path=path, most=31)
    shown = [int(words.split()[1]) for frame in film.frames for words in texts(frame.svg) if words.startswith("epoch ")]
    shown = sorted(set(shown))
    assert (shown[0], shown[-1]) == (0, 299)
    assert 28 <= len(film.frames) <= 32
    assert sum(k < 60 for k in shown) > sum(k >= 240 for k in shown) + 5


def test_loss_and_accuracy_are_those_of_the_epoch(moons):
    data, _, path, film = moons
    for k, frame in enumerate(film.frames):
        loss, accuracy = nn.evaluate(at(path, k), CROSS, data.inputs, data.targets)
        assert f"loss {loss:.3g}" in texts(frame.svg)
        assert f"{100 * accuracy:.1f} % right" in texts(frame.svg)


def lines(svg):
    found = {}
    for line in ET.fromstring(svg).iter(f"{SVG}path"):
        if (line.get("class") or "").startswith("weight"):
            found[line.get("id")] = float(line.get("stroke-width"))
    return found


def test_lines_are_as_wide_as_their_weights(moons):
    _, _, path, film = moons
    models = [at(path, k) for k in range(len(path))]
    for c in (0, 1):
        largest = max(abs(w.data) for m in models for neuron in m.layers[c].neurons for w in neuron.weights)
        for k, model in enumerate(models):
            found = lines(film.frames[k].svg)
            for j, neuron in enumerate(model.layers[c].neurons):
                for i, weight in enumerate(neuron.weights):
                    width = 0.6 + 5.9 * abs(weight.data) / largest
                    for look, sign in (("pos", 1), ("neg", -1)):
                        expected = width if sign * weight.data > 0 else 0.0
                        assert found.get(f"{look}{c + 1}_{j}_{i}", 0.0) == pytest.approx(expected, abs=0.006), (k, j, i)


def test_the_ground_is_what_the_model_decides(moons):
    data, _, path, film = moons
    for k in (0, 5, 12):
        model = at(path, k)
        found = next(signs(pixels) for pixels, names in images(film.frames[k].svg) if names.get("id"))
        logits = np.array([[model(x).data for x in row] for row in plane_of(data, GRID)])
        sure = abs(np.tanh(logits / 2.0)) > 0.05
        assert sure.mean() > 0.5
        assert (found == np.sign(logits))[sure].all()


def test_a_neuron_shows_what_it_gives_in_the_plane(moons):
    data, _, path, film = moons
    for k in (0, 12):
        model = at(path, k)
        pixels = list(images(film.frames[k].svg))[2][0]
        numbers = np.array([[[v.data for v in model.layers[0](x)] for x in row] for row in plane_of(data, CELL, EDGE)])
        numbers = numbers.transpose(2, 0, 1).reshape(-1, CELL)
        assert pixels.shape == (*numbers.shape, 4)
        clear = abs(numbers) > 0.1
        assert (signs(pixels) == np.sign(numbers))[clear].all()
        sizes = abs(numbers) / abs(numbers).max()
        assert np.corrcoef(pixels[..., 3].ravel(), sizes.ravel())[0, 1] > 0.99


def test_the_border_is_where_the_model_is_undecided(moons):
    data, _, path, film = moons
    model = at(path, 12)
    low, high = data.inputs.min(axis=0), data.inputs.max(axis=0)
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    root = ET.fromstring(film.frames[12].svg)
    (border,) = (p.get("d") for p in root.iter(f"{SVG}path") if p.get("class") == "border")
    plane = next(r for r in root.iter(f"{SVG}rect") if r.get("class") == "rim")
    left, top, side = (float(plane.get(name)) for name in ("x", "y", "width"))
    points = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", border)]
    largest = max(abs(model(x).data) for row in plane_of(data, 10) for x in row)
    assert len(points) > 2
    for x, y in points:
        shares = np.array([(x - left) / side, 1.0 - (y - top) / side])
        assert abs(model((low + shares * (high - low)).tolist()).data) < 0.05 * largest


def test_dots_are_the_examples(moons):
    data, _, _, film = moons
    dots = {
        p.get("class"): len(re.findall("M", p.get("d"))) for p in ET.fromstring(film.frames[0].svg).iter(f"{SVG}path")
        if (p.get("class") or "").startswith("dots")
    }  # fmt: skip
    ones = int(data.targets.sum())
    assert dots == {"dots square neg": 60 - ones, "dots round pos": ones}


def test_the_gradient_that_comes_back_is_that_of_the_mean_loss(moons):
    data, _, path, film = moons
    paths = [list(ET.fromstring(frame.svg).iter(f"{SVG}path")) for frame in film.frames]
    sizes = [[float(p.get("stroke-width")) for p in found if p.get("class") == "pulse back"] for found in paths]
    gradients = []
    for k in range(len(path)):
        model = at(path, k)
        pairs = zip(data.inputs.tolist(), data.targets.tolist(), strict=True)
        autograd.mean([CROSS(model(x), target) for x, target in pairs]).backward()
        gradients.append([[w.grad for n in layer.neurons for w in n.weights] for layer in model.layers])
    largest = max(abs(g) for layers in gradients for layer in layers for g in layer)
    seen = 0
    for found, layers in zip(sizes, gradients, strict=True):
        expected = [sorted(round(2.5 + 11.5 * math.sqrt(abs(g) / largest), 1) for g in layer) for layer in layers]
        if found:
            seen += 1
            assert any(sorted(found) == pytest.approx(sizes, abs=0.11) for sizes in expected)
    assert seen > 2
    assert sizes[-1] == []


# ---------------------------------------------------------------- the moving picture


def test_the_moving_picture_ends_as_the_last_still_one(moons):
    film = moons[3]
    root, last = ET.fromstring(film.svg), ET.fromstring(film.frames[-1].svg)

    def shown(element):
        found = []
        for child in element:
            if child.get("opacity") == "0" or child.get("stroke-width") == "0" or child.tag == f"{SVG}style":
                continue
            if child.tag == f"{SVG}g":
                found += shown(child)
                continue
            names = {name: value for name, value in child.attrib.items() if name != "class"}
            if not (child.get("class") or "").startswith("weight") or float(child.get("stroke-width")) > 0:
                found.append((child.tag, names, child.text))
        return found

    assert shown(root) == [each for each in shown(last) if each[1].get("stroke-width") != "0.00"]


def test_it_is_one_file_without_a_script(moons):
    svg = moons[3].svg
    root = ET.fromstring(svg)
    assert not list(root.iter(f"{SVG}script"))
    assert "prefers-reduced-motion:reduce" in svg
    assert "prefers-color-scheme:dark" in svg
    assert not re.search(r"\son\w+=|javascript:|https?://(?!www\.w3\.org)", svg)
    for element in root.iter():
        assert (element.get("href") or "#").startswith(("#", "data:image/png;base64,"))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_lines_move_as_the_weights_do(moons):
    film = moons[3]
    times = [0.8 + 8.7 * k / 12 for k in range(13)]
    root = ET.fromstring(film.svg)
    stills = [lines(frame.svg) for frame in film.frames]
    for line in root.iter(f"{SVG}path"):
        if not (line.get("class") or "").startswith("weight") or " m " not in line.get("class"):
            continue
        rule = re.search(rf"@keyframes {line.get('class').split()[-1]}{{(.*?)}}}}", film.svg)[1] + "}"
        marks = sorted(
            (float(time[:-1]) * 0.12, float(width))
            for shares, width in re.findall(r"([\d.%,]+){stroke-width:([\d.]+)}", rule)
            for time in shares.split(",")
        )
        found = np.interp(times, *zip(*marks, strict=True))
        assert found == pytest.approx([still[line.get("id")] for still in stills], abs=0.1)


def test_the_same_bytes_every_time(moons):
    data, model, path, film = moons
    assert animate_training(model, CROSS, data, path=path, title="Moons").svg == film.svg


def test_a_film_for_a_readme_is_small():
    data = nn.datasets.moons(160, seed=1)
    model, path = trained(data, (8, 1), epochs=60, rate=0.03)
    film = animate_training(model, CROSS, data, path=path)
    assert len(film.svg) < 150_000
    assert 30 <= len(film.frames) <= 40


# ---------------------------------------------------------------- other networks


def test_several_classes():
    data = nn.datasets.spirals(60)
    model, path = trained(data, (6, 5, 3), epochs=4, loss=nn.cross_entropy)
    film = animate_training(model, nn.cross_entropy, data, path=path)
    outputs = np.array([[v.data for v in model(x)] for row in plane_of(data, GRID) for x in row])
    pixels = next(p for p, _ in images(film.frames[-1].svg) if p.shape[:2] == (GRID, GRID)).reshape(-1, 4)
    colours = {tuple(pixel[:3]) for pixel in pixels.tolist()}
    by_class = {k: {tuple(p[:3]) for p in pixels[outputs.argmax(axis=1) == k].tolist()} for k in range(3)}
    assert len(colours) == len([k for k in by_class if by_class[k]])
    assert all(len(found) <= 1 for found in by_class.values())
    _, accuracy = nn.evaluate(model, nn.cross_entropy, data.inputs, data.targets)
    assert f"{100 * accuracy:.1f} % right" in texts(film.frames[-1].svg)


@pytest.mark.parametrize(
    ("loss", "signed"), [(nn.hinge, True), (nn.mean_squared_error, False), (nn.mean_squared_error, True)]
)
def test_where_the_second_class_begins(loss, signed):
    data = nn.datasets.xor(40)
    targets = 2 * data.targets - 1 if signed else data.targets
    data = data._replace(targets=targets)
    model, path = trained(data, epochs=15, loss=loss)
    film = animate_training(model, loss, data, path=path)
    middle = 0.0 if signed else 0.5
    right = np.mean([(model(x).data > middle) == (t == 1) for x, t in zip(data.inputs.tolist(), targets, strict=True)])
    assert f"{100 * right:.1f} % right" in texts(film.frames[-1].svg)
    never = animate_training(model, loss, data, path=path, threshold=1e9)
    assert f"{100 * np.mean(targets != 1):.1f} % right" in texts(never.frames[-1].svg)


def test_of_a_wide_layer_some_neurons_are_drawn():
    data = nn.datasets.xor(40)
    model, path = trained(data, (30, 1), epochs=1)
    film = animate_training(model, CROSS, data, path=path)
    assert "12 of 30 neurons" in texts(film.frames[0].svg)
    assert len({name[3:] for name in lines(film.frames[0].svg)}) == 36


def test_a_model_that_cannot_be_traced():
    data = nn.datasets.xor(20)
    seen = []

    def odd(z):
        seen.append(z.data)
        return autograd.tanh(z)

    model, plain = (nn.MLP(2, [3, 1], activation=how, seed=1) for how in (odd, "tanh"))
    path = [autograd.read(model.parameters(), "data") * (1.0 + k) for k in range(2)]
    found, expected = (animate_training(m, CROSS, data, path=path) for m in (model, plain))
    assert found.frames[-1].svg.replace("odd", "tanh") == expected.frames[-1].svg


def test_it_ends_before_what_is_not_finite(moons):
    data, model, path, _ = moons
    film = animate_training(model, CROSS, data, path=[*path[:4], path[0] * math.nan, path[5]], unit="step")
    assert len(film.frames) == 4
    assert any("From step 4 on, parameters are not finite" in words for words in texts(film.svg))
    assert "step 3" in texts(film.frames[-1].svg)


def test_the_path_is_that_of_plot_landscape(moons):
    data, model, path, _ = moons
    plot_landscape(model, CROSS, data, path=path, resolution=3)


# ---------------------------------------------------------------- what stays, and errors


def state(model):
    return [(v.data, v.grad if v.has_grad else None) for v in model.parameters()]


def test_the_model_stays_as_it_is(moons, tmp_path):
    data, model, path, _ = moons
    CROSS(model(data.inputs[0].tolist()), 1).backward()
    before = state(model)
    animate_training(model, CROSS, data, path=path)
    assert state(model) == before
    with pytest.raises(ValueError, match="targets must be two different numbers"):
        animate_training(model, nn.mean_squared_error, (data.inputs, np.arange(60.0)), path=path)

    def failing(output, target):
        if model.parameters()[0].data != before[0][0]:
            raise RuntimeError("now")
        return CROSS(output, target)

    with pytest.raises(RuntimeError, match="now"):
        animate_training(model, failing, data, path=path)
    assert state(model) == before


def test_it_is_written(moons, tmp_path):
    data, model, path, film = moons
    out = animate_training(model, CROSS, data, tmp_path / "a.svg", path=path, title="Moons")
    assert out.read_text(encoding="utf-8") == film.svg
    small = {"path": path[:3], "seconds": 1.0}
    assert animate_training(model, CROSS, data, tmp_path / "a.gif", **small).read_bytes().startswith(b"GIF89a")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"path": None}, TypeError, "animate_training: path must be a list of parameter vectors"),
    ({"path": [[1.0] * 17]}, ValueError, "needs at least two entries"),
    ({"path": [[1.0] * 17, [1.0] * 3]}, ValueError, r"the 17 parameters, but entry 1 has shape \(3,\)"),
    ({"data": ([], [])}, ValueError, "animate_training: "),
    ({"data": 3}, TypeError, "animate_training: data must be a Dataset"),
    ({"data": ([[math.nan, 1.0], [0.0, 1.0]], [0, 1])}, ValueError, "input 0 holds nan"),
    ({"data": ([[math.inf, 1.0], [0.0, 1.0]], [0, 1])}, ValueError, "input"),
    ({"data": ([[0.0, 1.0], [0.0, 1.0]], [0.2, 0.3, 0.4])}, ValueError, "2 inputs"),
    ({"model": nn.MLP(3, [1], seed=0)}, ValueError, "plane of two inputs, but the model takes 3"),
    ({"model": nn.MLP(2, [11], seed=0), "loss": nn.cross_entropy, "path": [[1.0] * 33] * 2}, ValueError, "10 at most"),
    ({"model": nn.MLP(2, [2], seed=0), "loss": lambda y, t: y[0] * t, "data": ([[0.0, 1.0]] * 2, [0, 2]),
      "path": [[1.0] * 6] * 2}, ValueError, "numbers of classes, 0 to 1"),
    ({"model": "mlp"}, TypeError, "must be a model"),
    ({"model": lambda x: x[0]}, TypeError, "takes an MLP"),
    ({"loss": "cross"}, TypeError, "the loss must be a function"),
    ({"file": "a.png"}, ValueError, "must end in one of .svg, .gif, .mp4"),
    ({"seconds": 0.5}, ValueError, "seconds"),
    ({"most": 1}, ValueError, "most must be a whole number of pictures"),
    ({"title": 3}, TypeError, "title"),
    ({"unit": None}, TypeError, "unit"),
    ({"threshold": "0"}, ValueError, "threshold"),
])  # fmt: skip
def test_errors(tmp_path, monkeypatch, moons, change, error, words):
    data, model, path, _ = moons
    monkeypatch.chdir(tmp_path)
    given = {"model": model, "loss": CROSS, "data": data, "file": "a.svg", "path": path, **change}
    with pytest.raises(error, match=words):
        animate_training(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_more_than_its_layers(moons):
    data, _, path, _ = moons

    class Odd(nn.MLP):
        def __call__(self, x):
            return super().__call__(x) + 1.0

    with pytest.raises(ValueError, match="something else than its layers"):
        animate_training(Odd(2, [4, 1], seed=0), CROSS, data, path=path)


def test_a_word_that_is_markup(moons):
    data, model, path, _ = moons
    film = animate_training(model, CROSS, data, path=path[:2], title="<b> & \x00", unit="<i>")
    ET.fromstring(film.svg)
    assert any(words.startswith("<b> &") for words in texts(film.svg))


# ---------------------------------------------------------------- parts


def test_contours_of_a_line_and_of_a_circle():
    rows, columns = np.mgrid[0:9, 0:9].astype(float)
    (line,) = contours(columns - 0.5 * rows, 1.2)
    assert [x - 0.5 * y for x, y in line] == pytest.approx([1.2] * len(line))
    (circle,) = contours(np.hypot(rows - 4.0, columns - 4.0), 3.0)
    assert circle[0] == circle[-1]
    assert [math.hypot(x - 4.0, y - 4.0) for x, y in circle] == pytest.approx([3.0] * len(circle), abs=0.05)


def test_contours_at_a_saddle_do_not_cross():
    for sign in (1.0, -1.0):
        lines = contours(sign * np.array([[1.0, -0.5], [-0.5, 1.0]]), 0.0)
        # On average the square has the sign of its first corner and of its last: each line goes around another.
        assert {frozenset(round(x - y) for x, y in line) for line in lines} == {frozenset({1}), frozenset({-1})}
    assert contours(np.array([[1.0, math.nan], [-1.0, 1.0]]), 0.0) == []
    assert contours(np.ones((3, 3)), 0.0) == []


def test_fewer_points():
    assert fewer([(0.0, 0.0), (1.0, 0.01), (2.0, 0.0), (2.0, 5.0)], 0.1) == [(0.0, 0.0), (2.0, 0.0), (2.0, 5.0)]
    ring = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]
    assert fewer(ring, 0.1) == ring


@pytest.mark.parametrize("letters", [1, 2, 20, 256])
def test_deflated_bytes_are_what_zlib_reads(letters):
    rng = random.Random(letters)
    for n in (0, 1, 2, 3, 4, 258, 259, 260, 5000, 40_000):
        data = bytes(rng.randrange(letters) for _ in range(n))
        assert zlib.decompress(deflated(data)) == data
    repeated = bytes(range(256)) * 200
    assert zlib.decompress(deflated(repeated)) == repeated
    assert len(deflated(repeated)) < 1500


def test_far_repeats_are_within_reach():
    rng = random.Random(3)
    block = rng.randbytes(300)
    for apart in (32_400, 32_468, 32_469, 33_000):
        data = block + rng.randbytes(apart) + block
        assert zlib.decompress(deflated(data)) == data


def test_indexed_pixels():
    colours = [bytes((1, 2, 3, 0)), bytes((9, 8, 7, 128)), bytes((200, 0, 0, 255))]
    data = base64.b64decode(indexed_uri([[0, 1, 2], [2, 1, 0]], colours).split(",")[1])
    pixels = np.array(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert pixels.tolist() == [[list(colours[k]) for k in row] for row in ([0, 1, 2], [2, 1, 0])]


def test_an_unused_value_is_fine():
    """A parameter that the loss does not depend on has a gradient of 0."""
    data = nn.datasets.xor(20)
    model = nn.MLP(2, [3, 1], seed=0)
    model.spare = Value(1.0)
    path = [autograd.read(model.parameters(), "data") * k for k in (1.0, 2.0)]
    assert len(animate_training(model, CROSS, data, path=path).frames) == 2
