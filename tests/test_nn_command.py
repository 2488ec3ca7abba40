"""`python -m nn train`: what it leaves behind, what it prints, and one clear line when it cannot go on."""

import base64
import csv
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import autograd
import nn
import visualize
from nn.__main__ import main
from nn.report import gradient_flow, hardest

ROOT = Path(nn.__file__).parent.parent


@pytest.fixture
def plain(monkeypatch):
    """Without pictures, which are the subject of a few tests only."""
    monkeypatch.setattr("nn.__main__.write_report", lambda *args: iter(()))


@pytest.fixture
def train(tmp_path, capsys, plain):
    """Run `train` with the given words; returns what it printed and the folder with the results."""

    def run(*words):
        out = tmp_path / "out"
        assert main(["train", *map(str, words), "--out", str(out)]) == 0
        return capsys.readouterr().out, out

    return run


def rows(folder):
    with (folder / "history.csv").open(newline="") as file:
        return [{name: float(cell) if cell else None for name, cell in row.items()} for row in csv.DictReader(file)]


def flowers(path, n=60, scale=(1.0, 1.0, 1.0), offset=(0.0, 0.0, 0.0), classes=("cat", "dog")):
    """A CSV file with two columns that tell the classes apart, and one that does not."""
    rng = np.random.default_rng(1)
    targets = np.arange(n) % len(classes)
    x = rng.normal(size=(n, 3)) * 0.3 + np.column_stack([targets, -targets, 0.0 * targets])
    x = x * scale + offset
    lines = [f"{a!r},{b!r},{c!r},{classes[t]}" for (a, b, c), t in zip(x.tolist(), targets, strict=True)]
    path.write_text("\n".join(["a,b,c,pet", *lines]))
    return path


# ---------------------------------------------------------------- what it does


def test_the_results(train):
    printed, out = train("xor", "--epochs", 3)
    assert sorted(path.name for path in out.iterdir()) == ["history.csv", "model.safetensors"]
    model = nn.load(out / "model.safetensors")
    _, held_out = nn.datasets.train_test_split(nn.datasets.xor(), 0.2)
    loss, accuracy = nn.evaluate(model, nn.binary_cross_entropy, held_out.inputs, held_out.targets)
    history = rows(out)
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
    assert history[-1]["validation_loss"] == pytest.approx(loss, rel=1e-12)
    assert history[-1]["validation_accuracy"] == accuracy
    assert "xor: 160 examples to learn from, 40 held out to test on" in printed
    assert repr(model) in printed
    assert f"{accuracy:.1%} after" in printed
    assert f"written to {out}" in printed
    assert "model.safetensors" in printed


def test_it_says_what_was_saved_by_a_program(train):
    words = ("blobs", "--epochs", 2, "--layers", 3)
    (printed, out), told = train(*words), "one scalar at a time (--eager) that would have taken about"
    assert re.search(
        r"after, in \d+\.\d seconds\none scalar at a time .* about \d+\.\d seconds, going by 3 batches\n", printed
    )
    compiled = rows(out)
    printed, out = train(*words, "--eager")
    assert told not in printed
    for row, other in zip(rows(out), compiled, strict=True):
        assert row["loss"] == (other["loss"] and pytest.approx(other["loss"], rel=1e-9))


def test_xor_is_learned(train):
    printed, out = train("xor", "--epochs", 15)
    assert rows(out)[-1]["validation_accuracy"] == 1.0
    assert "100.0% after" in printed


@pytest.mark.parametrize(("data", "inputs", "outputs"), [
    ("moons", 2, 1), ("circles", 2, 1), ("spirals", 2, 3), ("xor", 2, 1), ("blobs", 4, 3), ("digits", 64, 10),
])  # fmt: skip
def test_every_data_set(train, data, inputs, outputs):
    _, out = train(data, "--epochs", 1, "--layers", 3, "--limit", 20)
    model = nn.load(out / "model.safetensors")
    assert (model.n_in, model.widths) == (inputs, [3, outputs])


def test_options(train):
    printed, out = train(
        "blobs", "--epochs", 2, "--batch-size", 7, "--layers", "5,4", "--activation", "relu", "--optimizer", "sgd",
        "--learning-rate", 0.25, "--clip-norm", 0.5, "--seed", 3, "--limit", 30,
    )  # fmt: skip
    assert "30 examples to learn from, 30 held out" in printed
    assert "4 → 5 relu → 4 relu → 3" in printed
    assert "sgd with learning rate 0.25, 2 epochs of batches of 7" in printed
    assert rows(out)[1]["learning_rate"] == pytest.approx(nn.schedules.cosine(0.25, 10)(4), rel=1e-15)
    assert rows(out)[2]["learning_rate"] == pytest.approx(nn.schedules.cosine(0.25, 10)(9), rel=1e-15)


def test_the_options_do_what_fit_does(train):
    words = "--epochs 2 --layers 4 --optimizer rmsprop --learning-rate 0.01 --seed 2 --limit 50 --clip-norm 0.1"
    _, out = train("moons", *words.split())
    data, _ = nn.datasets.train_test_split(nn.datasets.moons(seed=2), 0.2, seed=2)
    model = nn.MLP(2, [4, 1], seed=2)
    optimizer = nn.RMSprop(model.parameters(), nn.schedules.cosine(0.01, 2 * 4))
    nn.fit(
        model, nn.binary_cross_entropy, data.inputs[:50], data.targets[:50],
        optimizer=optimizer, epochs=2, batch_size=16, seed=2, clip_norm=0.1,
    )  # fmt: skip
    loaded = nn.load(out / "model.safetensors")
    assert [p.data for p in loaded.parameters()] == [p.data for p in model.parameters()]


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_every_optimizer(train, optimizer):
    printed, _ = train("xor", "--epochs", 1, "--optimizer", optimizer)
    assert f"{optimizer} with learning rate" in printed


@pytest.mark.parametrize("activation", ["linear", "none", "gelu", "identity"])
def test_activations(train, activation):
    train("xor", "--epochs", 1, "--activation", activation)


def test_the_same_seed_gives_the_same_model(train):
    bits = [(train("xor", "--epochs", 1, "--seed", seed)[1] / "model.safetensors").read_bytes() for seed in (4, 4, 5)]
    assert bits[0] == bits[1] != bits[2]


def test_the_folder_is_made(tmp_path, plain):
    out = tmp_path / "a" / "b" / "c"
    assert main(["train", "xor", "--epochs", "1", "--out", str(out)]) == 0
    assert (out / "model.safetensors").is_file()


def test_control_c_keeps_what_was_learned(train, monkeypatch):
    calls = []

    def clip(g, norm, max_norm):
        calls.append(g)
        if len(calls) == 16:
            raise KeyboardInterrupt
        return g

    monkeypatch.setattr("nn.training.clipped", clip)
    printed, out = train("xor", "--epochs", 5, "--clip-norm", 1.0)
    assert "stopped early: what was learned so far is kept" in printed
    assert [row["epoch"] for row in rows(out)] == [0, 1]
    assert nn.load(out / "model.safetensors").n_in == 2


def test_control_c_before_the_first_step(train, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.training.start", interrupted)
    printed, out = train("xor")
    assert "stopped early" in printed
    assert rows(out) == []


# ---------------------------------------------------------------- CSV and MNIST


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        ((1000.0, 1e-3, 1.0), (5000.0, 1.0, -3.0)),
        ((1.0, 1.0, 0.0), (0.0, 0.0, 0.1)),  # a constant column, whose computed spread is not quite 0
        ((1.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
        ((1.0, 1.0, 0.0), (0.0, 0.0, 1e6 + 0.1)),
    ],
    ids=["plain", "units", "constant", "zeros", "large constant"],
)
@pytest.mark.parametrize("classes", [("cat", "dog"), ("cat", "dog", "owl")], ids=len)
def test_the_model_of_a_csv_file_takes_raw_inputs(train, tmp_path, scale, offset, classes):
    path = flowers(tmp_path / "pets.csv", scale=scale, offset=offset, classes=classes)
    printed, out = train(path, "--epochs", 10)
    model = nn.load(out / "model.safetensors")
    _, held_out = nn.datasets.train_test_split(nn.datasets.load_csv(path), 0.2)
    loss = nn.binary_cross_entropy if len(classes) == 2 else nn.cross_entropy
    found = nn.evaluate(model, loss, held_out.inputs, held_out.targets)
    last = rows(out)[-1]
    assert found == pytest.approx((last["validation_loss"], last["validation_accuracy"]), rel=1e-6)
    assert last["validation_accuracy"] >= 0.75
    assert "pets: 48 examples to learn from, 12 held out" in printed
    assert max(abs(p.data) for p in model.parameters()) < 1e3 * max(1.0, *offset)


@pytest.mark.parametrize("name", ["xor.csv", "moons.csv", "digits.csv", "mnist.csv", "PETS.CSV"])
def test_a_csv_file_may_have_any_name(train, tmp_path, name):
    path = flowers(tmp_path / name, scale=(100.0, 1.0, 1.0), offset=(5000.0, 0.0, 0.0))
    printed, out = train(path, "--epochs", 10)
    assert "3 → 8 tanh → 8 tanh → 1" in printed
    assert rows(out)[-1]["validation_accuracy"] >= 0.75


@pytest.mark.parametrize("target", ["pet", "-1", "3"])
def test_the_target_column(train, tmp_path, target):
    path = flowers(tmp_path / "pets.csv")
    _, out = train(path, "--epochs", 1, "--target", target)
    assert nn.load(out / "model.safetensors").n_in == 3


def test_another_target_column(train, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"{'no' if i % 2 else 'yes'},{i},{i * i}" for i in range(20)))
    for target in ("0", "-3"):
        _, out = train(path, "--epochs", 1, "--target", target)
        assert nn.load(out / "model.safetensors").n_in == 2


def test_mnist(train, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 10
    images = np.where(labels[:, None, None] > 4, 200, 20) + rng.integers(0, 30, (30, 4, 4))
    images = images.astype(np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])
    printed, out = train(tmp_path / "mnist.npz", "--epochs", 2, "--batch-size", 10)
    assert "mnist: 30 examples to learn from, 10 held out" in printed
    model = nn.load(out / "model.safetensors")
    assert (model.n_in, model.widths) == (16, [30, 10])
    found, _ = nn.evaluate(model, nn.cross_entropy, images[:10].reshape(10, 16) / 255.0, labels[:10])
    assert found == pytest.approx(rows(out)[-1]["validation_loss"], rel=1e-12)


# ---------------------------------------------------------------- errors


def refused(capsys, *words):
    """The one line that says why; nothing else was printed."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as exit_:
        code = exit_.code
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert re.fullmatch(r"python -m nn( train)?: error: [^\n]+\n", printed.err)
    return printed.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "required"),
        (["eat"], "invalid choice: 'eat'"),
        (["train"], "the following arguments are required: DATA"),
        (["train", "digitz"], "unknown data 'digitz': choose digits, moons, circles, spirals, xor, blobs"),
        (["train", ""], "unknown data ''"),
        (["train", "a\nb"], "unknown data"),
        (["train", "none.csv"], "cannot read none.csv: No such file"),
        (["train", "none.npz"], "none.npz does not exist"),
        (["train", "none.txt"], "unknown data 'none.txt'"),
        (["train", "xor", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["train", "xor", "moons"], "unrecognized arguments: moons"),
        (["train", "xor", "--epochs", "0"], "argument --epochs: expected a whole number of at least 1, got '0'"),
        (["train", "xor", "--epochs", "two"], "--epochs: expected a whole number of at least 1, got 'two'"),
        (["train", "xor", "--epochs", "1.5"], "--epochs"),
        (["train", "xor", "--epochs"], "--epochs: expected one argument"),
        (["train", "xor", "--batch-size", "-3"], "--batch-size: expected a whole number of at least 1"),
        (["train", "xor", "--limit", "0"], "--limit: expected a whole number of at least 1"),
        (["train", "xor", "--layers", "3,,3"], "--layers: expected a whole number of at least 1, got ''"),
        (["train", "xor", "--layers", "3;3"], "--layers"),
        (["train", "xor", "--layers", "100000000000000000000"], "--layers"),
        (["train", "xor", "--layers", "3,0"], "--layers: expected a whole number of at least 1, got '0'"),
        (["train", "xor", "--learning-rate", "0"], "--learning-rate: expected a number > 0, got '0'"),
        (["train", "xor", "--learning-rate", "nan"], "--learning-rate: expected a number > 0, got 'nan'"),
        (["train", "xor", "--learning-rate", "inf"], "--learning-rate: expected a number > 0, got 'inf'"),
        (["train", "xor", "--learning-rate", "fast"], "--learning-rate: expected a number > 0, got 'fast'"),
        (["train", "xor", "--clip-norm", "-1"], "--clip-norm: expected a number > 0"),
        (["train", "xor", "--seed", "one"], "--seed"),
        (["train", "xor", "--seed", "-1"], "seed"),
        (["train", "xor", "--optimizer", "lion"], "invalid choice: 'lion' (choose from"),
        (["train", "xor", "--activation", "tahn"], "unknown activation 'tahn'; choose one of: "),
        (["train", "xor", "--activation", "where"], "unknown activation 'where'"),
        (["train", "xor", "--activation", "sum"], "unknown activation 'sum'"),
        (["train", "xor", "--target", "pet"], "--target"),
    ],
)  # fmt: skip
def test_bad_options(capsys, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert told in refused(capsys, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "words", "told"),
    [
        ("a.csv", "x,pet\n1,cat\noops,dog\n", [], "line 3, column 'x': expected a number, got 'oops'"),
        ("a.csv", "", [], "the file is empty"),
        ("a.csv", "x,pet\n1,cat\n2,dog\n", ["--target", "animal"], "no column 'animal'; the columns are: x, pet"),
        ("a.csv", '"x\ny",pet\n1,cat\n2,dog\n', ["--target", "animal"], "no column 'animal'"),
        ("a.csv", "x,pet\n1,cat\n2,dog\n", ["--target", "7"], "no column 7"),
        ("a.csv", "x,pet\n1,cat\n2,dog\n", [], "some of the 2 examples"),
        ("a.npz", "not a zip file", [], "a.npz is not an MNIST .npz file"),
        ("a.txt", "hello", [], "a.txt"),
        ("a.png", "hello", [], "a.png"),
        (".", "", [], "there is no file train-images-idx3-ubyte"),
    ],
)
def test_bad_files(capsys, tmp_path, name, content, words, told):
    path = tmp_path / name
    if name != ".":
        path.write_text(content)
    err = refused(capsys, "train", path, "--out", tmp_path / "out", *words)
    assert told in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("task", [[], ["--task", "regression"]])
def test_a_column_of_numbers_is_predicted(tmp_path, capsys, task):
    rng = np.random.default_rng(0)
    x = rng.uniform(30.0, 200.0, (200, 2))
    y = 2000.0 * x[:, 0] - 900.0 * x[:, 1] + 50_000.0
    lines = [f"{a:.2f},{b:.2f},{c:.0f}" for (a, b), c in zip(x.tolist(), y.tolist(), strict=True)]
    (tmp_path / "prices.csv").write_text("size,age,price\n" + "\n".join(lines))
    out = tmp_path / "out"
    assert main(["train", str(tmp_path / "prices.csv"), "--out", str(out), "--epochs", "80", *task]) == 0
    said = capsys.readouterr().out
    before, after = map(
        float, re.search(r"error \(root mean square\): (\S+) before training, (\S+) after", said).groups()
    )
    assert before > 50_000.0 > 5_000.0 > after
    assert (out / "predictions.png").exists()
    assert not (out / "confusion.png").exists()
    model = nn.load(out / "model.safetensors")
    assert model([100.0, 50.0]).data == pytest.approx(205_000.0, abs=5_000.0)  # in the units of the file


@pytest.mark.parametrize("row", ["{i},{i}e307", "{i},{i}.5e200", "{i},{i}e-300", "{i}e307,{i}.5", "{i}e-200,{i}.5"])
def test_numbers_in_an_impossible_unit_are_refused(tmp_path, capsys, row):
    (tmp_path / "a.csv").write_text("x,y\n" + "\n".join(row.format(i=i % 17) for i in range(34)))
    assert main(["train", str(tmp_path / "a.csv"), "--task", "regression", "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert "are too large, too small or too close together to train on: give another unit" in captured.err
    assert "Warning" not in captured.err


def test_a_task_is_for_csv_files(capsys):
    assert main(["train", "xor", "--task", "regression"]) == 2
    assert "--task says what a column of a CSV file holds" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(capsys, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    for out in (file, file / "below"):
        assert f"cannot write to the folder {out}" in refused(capsys, "train", "xor", "--out", out)
        assert "choose another with --out" in refused(capsys, "train", "xor", "--out", out)

    def denied(**named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    assert "Permission denied" in refused(capsys, "train", "xor", "--out", tmp_path / "out")


@pytest.mark.parametrize("words", [["--activation", "log"], ["--activation", "exp", "--learning-rate", "1e9"]])
def test_training_that_breaks_down(capsys, tmp_path, plain, words):
    assert main(["train", "xor", "--epochs", "3", "--out", str(tmp_path / "out"), *words]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("python -m nn: error: fit: ")
    assert list((tmp_path / "out").iterdir()) == []


def test_without_safetensors_it_stops_before_the_work(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setattr("nn.__main__.fit", None)  # would be called
    assert main(["train", "xor", "--epochs", "1", "--out", str(tmp_path)]) == 2
    assert "pip install 'glassgrad[train]'" in capsys.readouterr().err


# ---------------------------------------------------------------- pictures

PICTURES = [
    "backprop.svg", "confusion.png", "curves.png", "gradients.png", "index.html", "landscape.png", "network-after.svg",
    "network-before.svg", "network.html", "neuron.html", "neuron.svg", "step.html", "step.svg",
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "extra"),
    [
        ("xor", ["boundary.png", "learning.svg"]), ("spirals", ["boundary.png", "learning.svg"]),
        ("digits", ["predictions.png"]),
    ],
)  # fmt: skip
def test_pictures(tmp_path, capsys, data, extra):
    assert main(["train", data, "--epochs", "1", "--limit", "20", "--layers", "3", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    expected = sorted([*PICTURES, *extra, "history.csv", "model.safetensors"])
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
    assert "not drawn" not in printed
    for path in tmp_path.iterdir():
        assert path.name in printed
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
        elif path.suffix == ".svg":
            assert b"<svg" in content
            assert content.rstrip().endswith(b"</svg>")


@pytest.fixture
def no_drawing(monkeypatch):
    """Nothing that draws is installed."""

    def failing(error):
        def fail(*args, **options):
            raise error

        return fail

    monkeypatch.setattr("visualize.render", failing(visualize.RenderError("no program draws")))
    monkeypatch.setattr("visualize.explore", failing(visualize.RenderError("no program draws")))
    monkeypatch.setattr("visualize.animate", failing(visualize.RenderError("no program draws")))
    monkeypatch.setattr("visualize.save_figure", failing(ImportError("plots need matplotlib")))


def test_pictures_that_cannot_be_drawn_are_told(tmp_path, capsys, no_drawing):
    assert main(["train", "xor", "--epochs", "1", "--limit", "20", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    # A film of a training needs nothing that is not installed.
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["history.csv", "index.html", "learning.svg", "model.safetensors"]
    assert printed.count("not drawn: no program draws") == 8
    assert printed.count("not drawn: plots need matplotlib") == 5


def test_no_curves_without_an_epoch(tmp_path, capsys, monkeypatch, no_drawing):
    monkeypatch.setattr("nn.training.Training.step", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["train", "xor", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "stopped early" in printed
    assert "curves.png" not in printed
    assert "confusion.png" in printed


def digest(path):
    """Title and description of an SVG, and its texts by the id of the group that they stand in."""
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    texts = {g.get("id"): "".join(t.text for t in g.findall(f"{SVG}text")) for g in root.iter(f"{SVG}g") if g.get("id")}
    return root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text, texts


SVG = "{http://www.w3.org/2000/svg}"


def test_the_network_that_was_trained_is_drawn_before_and_after(tmp_path, capsys):
    assert main(["train", "xor", "--epochs", "15", "--layers", "3", "--out", str(tmp_path)]) == 0
    held_out = nn.datasets.train_test_split(nn.datasets.xor(), 0.2)[1]
    trained = nn.load(tmp_path / "model.safetensors")
    case = hardest([trained(x).data for x in held_out.inputs], held_out)
    for name, model in (("after", trained), ("before", nn.MLP(2, [3, 1], seed=0))):
        _, _, texts = digest(tmp_path / f"network-{name}.svg")
        hidden = model.layers[0](case.x)
        assert [texts[f"n1_{j}"] for j in range(3)] == [f"{v.data:.2g}" for v in hidden]
        assert texts["n2_0"] == f"{model(case.x).data:.2g}"
        assert texts["loss"] == f"{nn.binary_cross_entropy(model(case.x), case.target).data:.2g}"
    title, _, _ = digest(tmp_path / "network-after.svg")
    assert case.words in title
    assert "the network, to walk through" in capsys.readouterr().out


@pytest.mark.parametrize("heading", [["petal length", "sepal $width", "kind"], None])
def test_inputs_have_the_same_names_in_all_pictures(tmp_path, capsys, monkeypatch, heading):
    rows = [f"{0.1 * i},{1.0 - 0.1 * i},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "flowers.csv").write_text("\n".join([*([",".join(heading)] if heading else []), *rows]))
    axes = []
    save_figure = visualize.save_figure
    monkeypatch.setattr(
        "visualize.save_figure", lambda figure, path: (axes.extend(figure.axes), save_figure(figure, path))
    )
    out = tmp_path / "out"
    assert main(["train", str(tmp_path / "flowers.csv"), "--epochs", "1", "--layers", "2", "--out", str(out)]) == 0
    names = heading[:2] if heading else ["x1", "x2"]
    assert names in [[ax.get_xlabel(), ax.get_ylabel()] for ax in axes]
    for file in ("network-before.svg", "network-after.svg", "neuron.svg", "network.html"):
        said = (out / file).read_text(encoding="utf-8")
        packed = re.search(r'id="packed">(.*?)</script>', said, re.DOTALL)
        said += zlib.decompress(base64.b64decode(packed[1])).decode() if packed and packed[1] else ""
        assert all(name in said for name in names), file
        assert not re.search(r"\bx0\b", said), file


def test_a_network_that_is_too_large_for_a_page_is_told(tmp_path, capsys):
    assert main(["train", "xor", "--epochs", "1", "--layers", "100", "--limit", "20", "--out", str(tmp_path)]) == 0
    assert "another, small network that has learned xor (this one is too large for a page)" in capsys.readouterr().out
    assert "A 2-4-1 network that has learned xor" in (tmp_path / "network.html").read_text(encoding="utf-8")


def classified(targets):
    inputs = np.arange(len(targets), dtype=float)[:, None]
    return nn.datasets.Dataset("some", inputs, np.array(targets), ("cat", "dog", "rat"))


def test_the_example_that_is_shown_is_the_one_that_is_most_wrong():
    # Losses: log(1 + 2e⁻¹), log(1 + 2e³) for the second, log(1 + 2e⁶) for the third, and little for the last.
    outputs = [[1.0, 0.0, 0.0], [3.0, 0.0, 3.0], [0.0, 6.0, 6.0], [0.0, 0.0, 9.0]]
    case = hardest(outputs, classified([0, 1, 0, 2]))
    assert (case.x, case.target) == ([2.0], 0)
    assert case.words == "that it gets most wrong, a cat taken for a dog"
    # What is right with a larger loss, log 3 here beside log 2, does not count.
    unsure = [[0.0, 0.1, -9.0], [0.0, 0.0, 0.01]]
    assert hardest(unsure, classified([0, 2])).x == [0.0]


def test_where_none_is_wrong_the_largest_loss_is_shown_and_told():
    case = hardest([[1.0, 0.0, 0.0], [0.0, 0.1, 0.0]], classified([0, 1]))
    assert case.x == [1.0]
    assert case.words == "with the largest loss, a dog; none is predicted wrong"


def test_two_classes_and_numbers_have_a_worst_example_too():
    two = classified([1, 0, 1])._replace(classes=("cat", "dog"))
    assert hardest([-1.0, -5.0, -3.0], two).words == "that it gets most wrong, a dog taken for a cat"
    assert hardest([-1.0, -5.0, -3.0], two).x == [2.0]
    numbers = classified([1.0, 2.0, 3.0])._replace(classes=())
    assert hardest([1.5, 2.0, float("nan")], numbers).x == [2.0]
    assert hardest([1.5, 0.0, 3.5], numbers)[:2] == ([1.0], 2.0)


@pytest.mark.parametrize("widths", [[3, 1], [4, 3], [1, 2], [2], [5, 4, 3]], ids=str)
@pytest.mark.parametrize("n_in", [1, 2, 3, 8])
def test_gradient_flow_shows_the_real_gradient(widths, n_in):
    model = nn.MLP(n_in, widths, seed=1)
    x = [0.5 * (-1.0) ** i * (i + 1) for i in range(n_in)]
    total, parameters = gradient_flow(model, np.array(x), 1)
    output = model(x)
    loss = nn.cross_entropy(output, 1) if widths[-1] > 1 else nn.binary_cross_entropy(output, 1)
    loss.backward()
    assert total.data == pytest.approx(loss.data, rel=1e-12)
    (y,) = total.args
    neuron = model.layers[0].neurons[int(y.label.removeprefix("neuron "))]
    assert y.data == pytest.approx(neuron(x).data, rel=1e-12)
    leaves = {value.label: value for value in autograd.topological(y) if value.is_leaf}
    assert leaves["b"].grad == pytest.approx(neuron.bias.grad, rel=1e-12)
    shown = [i for i in range(n_in) if f"w{i + 1}" in leaves]
    assert parameters == [*(leaves[f"w{i + 1}"] for i in shown), leaves["b"]]
    assert len(shown) == min(n_in, 3)
    for i in shown:
        assert (leaves[f"w{i + 1}"].data, leaves[f"x{i + 1}"].data) == (neuron.weights[i].data, x[i])
        assert leaves[f"w{i + 1}"].grad == pytest.approx(neuron.weights[i].grad, rel=1e-12)
    # The neuron whose output the loss feels most, and its strongest products.
    hidden = len(widths) > 1  # and then it has a tanh
    felt = {n: abs(n.bias.grad / (1.0 - n(x).data ** 2 if hidden else 1.0)) for n in model.layers[0].neurons}
    assert felt[neuron] == max(felt.values())
    sizes = [abs(w.data * number) for w, number in zip(neuron.weights, x, strict=True)]
    assert all(sizes[i] >= sizes[j] for i in shown for j in range(n_in) if j not in shown)
    # The gradient comes from the loss in one step, and the drawing has nothing to complain of.
    description = visualize.describe(total, parameters=parameters)
    assert description.notes == ()
    assert (description.edges[-1].upstream, description.edges[-1].contribution) == (1.0, y.grad)
    others = widths[0] - 1
    assert not others or description.nodes[-1].symbol.startswith(f"with {others} other neuron")


def test_gradient_flow_leaves_the_model_alone():
    model = nn.MLP(2, [3, 1], seed=1)
    gradient_flow(model, [1.0, 2.0], 0)
    assert not any(parameter.has_grad for parameter in model.parameters())


# ---------------------------------------------------------------- as users run it


def python_m_nn(folder, *words, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "nn", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def test_help(tmp_path):
    done = python_m_nn(tmp_path, "train", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--epochs", "--layers", "--eager", "--seed", "digits", "moons", "spirals", "CSV", "MNIST"):
        assert word in done.stdout


def test_another_package_called_autograd_is_told(tmp_path):
    (tmp_path / "autograd.py").write_text("__version__ = '1.7'")
    done = python_m_nn(tmp_path, "train", "xor", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.returncode != 0
    assert "ImportError: nn needs the autograd of glassgrad" in done.stderr
    assert "pip uninstall autograd glassgrad" in done.stderr


def test_an_error_from_the_shell(tmp_path):
    done = python_m_nn(tmp_path, "train", "digitz")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_that_knows_only_ascii(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")  # plots take long, and print nothing
    done = python_m_nn(
        tmp_path, "train", "xor", "--epochs", "1", "--limit", "20", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "model.safetensors").is_file()
