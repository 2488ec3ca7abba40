"""Every example runs, and what it promises is so."""

import hashlib
import importlib.util
import inspect
import io
import itertools
import math
import os
import random
import re
import sys
import urllib.error
from pathlib import Path

import numpy as np
import pytest

import nn

# Once is enough for what takes long: on the engine that a user gets, not on the plain one that was asked for by name.
takes_long = pytest.mark.skipif(os.environ.get("GLASSGRAD_ENGINE") == "python", reason="runs on the other engine")

EXAMPLES = Path(nn.__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_every_example_is_tested_here_and_says_how_to_run_it(name):
    module = load(name)  # importing it does nothing
    assert f"python examples/{name}.py" in module.__doc__
    assert f"test_{name}" in globals()
    assert all(
        parameter.default is not inspect.Parameter.empty
        for parameter in inspect.signature(module.main).parameters.values()
    )


def test_five_steps(capsys):
    losses = load("five_steps").main()
    assert len(losses) == 150
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    assert losses[0] == pytest.approx(3.9060, abs=5e-5)
    assert losses[-1] < 0.1
    printed = capsys.readouterr().out
    for step in ("1. neuron", "2. forward", "3. loss      3.9060", "4. backward", "5. loop"):
        assert step in printed
    assert "epoch 150  loss" in printed
    told = [line for line in printed.splitlines() if line.startswith("   neuron(")]
    found = [(float(line.split("= ")[1].split(",")[0]), float(line.split()[-1])) for line in told]
    assert [target for _, target in found] == [1.0, 1.0, -1.0, -1.0]
    assert all(abs(y - target) < 0.2 for y, target in found)
    assert "How y depends on w1" in printed
    assert "\nnothing found in " in printed


def test_the_gradients_that_five_steps_prints(capsys):
    # By hand: dloss/dw = Σ 2 (y - t) (1 - y²) x at w1 = 0.1, w2 = -0.2, b = 0
    module = load("five_steps")
    module.main(epochs=1)
    outputs = [math.tanh(0.1 * red - 0.2 * soft) for (red, soft), _ in module.EXAMPLES]
    slopes = [2.0 * (y - t) * (1.0 - y * y) for y, (_, t) in zip(outputs, module.EXAMPLES, strict=True)]
    expected = [sum(s * x[i] for s, (x, _) in zip(slopes, module.EXAMPLES, strict=True)) for i in (0, 1)]
    printed = capsys.readouterr().out
    assert f"dloss/dw1 = {expected[0]:.4f}, dloss/dw2 = {expected[1]:.4f}, dloss/db = {sum(slopes):.4f}" in printed


def test_circuits(capsys):
    # The numbers of the course CS231n, "Backpropagation, Intuitions"
    product, neuron, largest = load("circuits").main()
    assert product == {"x": -4.0, "y": -4.0, "z": 3.0}
    rounded = {name: round(slope, 4) for name, slope in neuron.items()}
    assert rounded == {"w0": -0.1966, "w1": -0.3932, "w2": 0.1966, "x0": 0.3932, "x1": -0.5898}
    assert largest == {"x": -8.0, "y": 6.0, "z": 2.0, "w": 0.0}
    printed = capsys.readouterr().out
    assert "(x + y) · z = -12\n" in printed
    assert "= 0.7311\n" in printed
    assert "= -20\n" in printed


@takes_long
def test_moons(tmp_path, capsys):
    history = load("moons").main(str(tmp_path / "out"), epochs=30)
    assert history[0].validation_loss > 0.5
    assert history[-1].validation_loss < 0.05
    assert history[-1].validation_accuracy == 1.0
    assert (tmp_path / "out" / "moons.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "before training, 100% after" in printed
    assert str(tmp_path / "out" / "moons.png") in printed


@takes_long
def test_learning_rates(tmp_path, capsys):
    histories = load("learning_rates").main(str(tmp_path / "out"))
    small, right, large = ([epoch.loss for epoch in history[1:]] for history in histories.values())
    assert [name.split(":")[0] for name in histories] == ["too small", "right", "too large"]
    assert right[-1] < small[-1] < large[-1]
    assert 0.5 * small[0] < small[-1] < small[0]  # creeps
    assert right[-1] < 0.1 * right[0]  # learns
    assert large[-1] > 1.0 > right[0]  # never settles: worse than guessing, whose loss is log 2
    for name in ("learning_rates.png", "learning_rates_line.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    assert "learning_rates.png" in capsys.readouterr().out


@takes_long
def test_gpt(tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("Anna\n\nO'Neil\nanna\n")  # what is not made of letters is left out
    losses = load("gpt").main([str(names), "--steps", "12", "--samples", "2"])
    assert losses[0] == pytest.approx(math.log(27.0), abs=0.5)  # at first every letter is as likely as any other
    assert losses[-1] < 0.5 * losses[0]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 names, 4192 parameters, ")
    assert "step    12  loss" in lines[-3]
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz") for name in lines[-2:])


def test_the_gradient_of_gpt():
    gpt = load("gpt")
    model, tokens = gpt.GPT(1), gpt.tokens_of("ab")
    gpt.loss_of(model, tokens).backward()
    for matrix in (model.token, model.position, model.output, model.mixed, model.narrow):
        parameter = matrix[1][2]
        slope, start = parameter.grad, parameter.data
        ends = []
        for parameter.data in (start - 1e-5, start + 1e-5):
            ends.append(gpt.loss_of(model, tokens).data)
        parameter.data = start
        assert slope == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-5, abs=1e-9)


def test_gpt_is_the_transformer_of_the_paper():
    gpt = load("gpt")
    model, tokens = gpt.GPT(1), gpt.tokens_of("anna")
    rng = random.Random(2)
    for parameter in model.parameters():  # nothing is 0, as some of it is at the start
        parameter.data = rng.gauss(0.0, 0.3)
    loss = gpt.loss_of(model, tokens)

    m = {name: np.array([[value.data for value in row] for row in matrix]) for name, matrix in vars(model).items()}
    n = len(tokens) - 1

    def norm(x):
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)

    def softmax(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    x = norm(m["token"][tokens[:-1]] + m["position"][:n])
    q, k, v = ((norm(x) @ m[name].T).reshape(n, 4, 4).transpose(1, 0, 2) for name in ("query", "key", "value"))
    later = np.triu(np.full((n, n), -np.inf), 1)  # no letter sees those after it
    heads = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(4.0) + later) @ v
    x = x + heads.transpose(1, 0, 2).reshape(n, 16) @ m["mixed"].T
    x = x + np.maximum(norm(x) @ m["wide"].T, 0.0) @ m["narrow"].T
    chances = softmax(x @ m["output"].T)[range(n), tokens[1:]]
    assert loss.data == pytest.approx(-np.log(chances).mean(), rel=1e-12)


@takes_long
@pytest.mark.parametrize("batch", [1, 3])
def test_gpt_compiled(tmp_path, capsys, batch):
    names = tmp_path / "names.txt"
    names.write_text("anna\nbo\nx\nmaximilianchristophers\nabcdefghijklmno\n")
    words = [str(names), "--steps", "5", "--samples", "3", "--batch", str(batch)]
    eager = load("gpt").main(words)
    made_up = capsys.readouterr().out.splitlines()[-3:]
    assert load("gpt").main([*words, "--compiled"]) == pytest.approx(eager, rel=1e-9)
    assert capsys.readouterr().out.splitlines()[-3:] == made_up


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        (None, [], "cannot read"),
        (b"O'Neil\n", [], "holds no names"),
        ("Zoë\n".encode("latin-1"), [], "cannot read .*: it is not text in UTF-8"),
        (b"anna\n", ["--steps", "0"], "--steps: expected a whole number of at least 1, got '0'"),
        (b"anna\n", ["--batch", "-1"], "--batch"),
        (b"anna\n", ["--samples", "many"], "--samples: expected a whole number of at least 1, got 'many'"),
    ],
)
def test_gpt_needs_names(tmp_path, capsys, content, words, told):
    names = tmp_path / "names.txt"
    if content is not None:
        names.write_bytes(content)
    with pytest.raises(SystemExit) as exit_:
        load("gpt").main([str(names), *words])
    assert exit_.value.code == 2
    assert re.search(told, capsys.readouterr().err)


# ---------------------------------------------------------------- MNIST


def small_mnist(path, n=400):
    """A file like MNIST's, of digits that are a bright pixel each."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 10
    images = rng.integers(0, 60, (n, 4, 4)).astype(np.uint8)
    images.reshape(n, 16)[range(n), labels] = 255
    np.savez(path, x_train=images, y_train=labels, x_test=images[:100], y_test=labels[:100])
    return path


@takes_long
@pytest.mark.parametrize(("network", "parameters"), [("nielsen", 820), ("3blue1brown", 714)])
def test_mnist(tmp_path, capsys, network, parameters):
    path = small_mnist(tmp_path / "mnist.npz")
    accuracies = load("mnist").main([str(path), "--network", network, "--epochs", "25"])
    assert len(accuracies) == 25
    assert max(accuracies) > 0.9 > accuracies[0]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{network}: {parameters} parameters, traced in ")
    assert lines[0].endswith("400 images to learn from, 100 to test on")
    assert re.fullmatch(rf"epoch 25  {accuracies[-1]:.2%} right  \d+\.\d s", lines[-2])
    assert lines[-1] == f"best: {max(accuracies):.2%}" + ("; the book: 95.42%" if network == "nielsen" else "")


def test_mnist_is_the_network_of_the_book():
    mnist = load("mnist")
    layers = mnist.network([6, 5, 10], seed=3)
    pixels, digit = np.linspace(0.0, 1.0, 6), 7
    loss, outputs = mnist.loss_of(layers, pixels.tolist(), digit)
    loss.backward()

    # The four equations of its second chapter
    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    ws = [np.array([[w.data for w in weights] for weights, _ in layer]) for layer in layers]
    bs = [np.array([bias.data for _, bias in layer]) for layer in layers]
    hidden = sigmoid(ws[0] @ pixels + bs[0])
    last = sigmoid(ws[1] @ hidden + bs[1])
    delta = (last - np.eye(10)[digit]) * last * (1.0 - last)
    deltas = [(ws[1].T @ delta) * hidden * (1.0 - hidden), delta]
    assert [y.data for y in outputs] == pytest.approx(last, rel=1e-12)
    assert loss.data == pytest.approx(0.5 * ((last - np.eye(10)[digit]) ** 2).sum(), rel=1e-12)
    for layer, slopes, before in zip(layers, deltas, (pixels, hidden), strict=True):
        assert [bias.grad for _, bias in layer] == pytest.approx(slopes, rel=1e-10)
        for (weights, _), slope in zip(layer, slopes, strict=True):
            assert [w.grad for w in weights] == pytest.approx(slope * before, rel=1e-10, abs=1e-300)


@takes_long
def test_mnist_is_downloaded_whole_or_not_at_all(tmp_path, capsys, monkeypatch):
    mnist = load("mnist")
    content = small_mnist(tmp_path / "mirror.npz", n=100).read_bytes()
    target = tmp_path / "new" / "mnist.npz"
    words = ["--download", str(target), "--epochs", "1"]
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr("urllib.request.urlopen", answer)

    def refused(told):
        with pytest.raises(SystemExit) as exit_:
            mnist.main(words)
        assert exit_.value.code == 2
        assert told in capsys.readouterr().err
        assert not target.exists()

    refused("what arrived is not that file")
    monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(content).hexdigest())
    refused("No such file or directory")
    target.parent.mkdir()
    mnist.main(words)
    assert target.read_bytes() == content
    mnist.main(words)
    assert "is there already" in capsys.readouterr().out
    assert asked == [mnist.URL] * 3
    assert mnist.URL.startswith("https://")
    assert list(target.parent.iterdir()) == [target]

    def offline(url, timeout):
        raise urllib.error.URLError("no route to host")

    target.unlink()
    monkeypatch.setattr("urllib.request.urlopen", offline)
    refused("no route to host")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give the path of mnist.npz, or --download FILE"),
        (["a.npz", "--download", "b.npz"], "give the path of mnist.npz, or --download FILE"),
        (["a.npz"], "a.npz does not exist"),
        (["a.npz", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["a.npz", "--network", "vgg"], "invalid choice: 'vgg'"),
    ],
)
def test_mnist_says_what_is_missing(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        load("mnist").main(words)
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err


# ---------------------------------------------------------------- SciPy


def test_fit_curve(capsys):
    lowest, curve = load("fit_curve").main()
    assert lowest == pytest.approx([1.0] * 10, abs=1e-3)
    assert curve == pytest.approx([2.0, 0.3, 2.5, 0.4], abs=0.03)
    printed = capsys.readouterr().out
    assert "root mean square error 0.05" in printed
    assert f"{curve[0]:.3f} · exp(-{curve[1]:.3f} t)" in printed


def test_fit_curve_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(SystemExit, match="SciPy is missing: pip install scipy"):
        load("fit_curve").main()


def test_the_examples_leave_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load("five_steps").main(epochs=1)
    load("circuits").main()
    assert list(tmp_path.iterdir()) == []


def test_newton(capsys):
    x, by_scipy, fitted, meeting = load("newton").main()
    assert np.abs(x - 1.0).max() < 1e-8
    assert by_scipy.fun < 1e-8
    assert fitted.x == pytest.approx([2.5, 1.3, 0.5], abs=0.02)
    assert meeting.x[0] ** 2 + meeting.x[1] ** 2 == pytest.approx(4.0)
    assert meeting.x[1] == pytest.approx(math.sin(meeting.x[0]))
    assert "Newton steps" in capsys.readouterr().out


def test_kepler(capsys):
    rows = load("kepler").main()
    e = 0.0934
    assert rows[0] == pytest.approx((1.0 - e, 0.0, -1.0, e / (1.0 - e) ** 2), abs=1e-9)  # at the perihelion, by hand
    assert rows[3][:2] == pytest.approx((1.0 + e, 0.0), abs=1e-9)
    assert "dr/dM" in capsys.readouterr().out


def test_sensitivities(capsys):
    price, slopes, curvature, bounds, unsure = load("sensitivities").main()
    assert price == pytest.approx(4.1783, abs=1e-4)
    spot, strike, rate, volatility, years = load("sensitivities").POINT
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / (volatility * math.sqrt(years))
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    assert slopes[0] == pytest.approx(0.5 * math.erfc(-d1 / math.sqrt(2)))  # delta
    assert slopes[3] == pytest.approx(spot * density * math.sqrt(years))  # vega
    assert curvature[0][0] == pytest.approx(density / (spot * volatility * math.sqrt(years)))  # gamma
    assert price in bounds.value
    assert unsure.low < price < unsure.high
    assert "volatility" in capsys.readouterr().out


def test_check_others(capsys):
    error = load("check_others").main()
    assert "3 of 3 derivatives differ" in str(error)
    assert "digits" in capsys.readouterr().out
