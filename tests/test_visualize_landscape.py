"""Landscapes: the numbers in them against other ways to find them, and that what is looked at stays as it is."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

import autograd
import nn
from autograd import Value
from visualize import plot_landscape, plot_learning_rates, save_figure
from visualize.landscape import _Scale
from visualize.surface import Grid, OfFunction, OfModel, Path, Plane, paths_of

DATA = nn.datasets.moons(30, seed=1)
LOSS = nn.binary_cross_entropy


def trained(epochs=4, widths=(3, 1), rate=1.0):
    """A network and the path of its training."""
    model = nn.MLP(2, list(widths), seed=1)
    path = [autograd.read(model.parameters(), "data")]
    nn.fit(
        model, LOSS, DATA.inputs, DATA.targets, optimizer=nn.SGD(model.parameters(), rate), epochs=epochs,
        callbacks=[lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))],
    )  # fmt: skip
    return model, path


def loss_at(model, theta):
    """By nn.evaluate, one scalar at a time, on a model of its own."""
    other = nn.MLP(2, model.widths, seed=0)
    autograd.write(other.parameters(), "data", theta)
    return nn.evaluate(other, LOSS, DATA.inputs, DATA.targets)[0]


def numbers(model):
    return [(p.data, p.grad, p.has_grad) for p in model.parameters()]


def drawn(figure, folder):
    """Whether it can be drawn; its texts."""
    save_figure(figure, folder / "a.png")
    words = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        words += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
    return " | ".join(filter(None, words))


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("compiled", [True, False])
def test_losses_are_those_of_the_model(compiled):
    model, path = trained()
    plain = LOSS if compiled else (lambda y, t: LOSS(y, t) if y.data < 1e300 else None)  # .data cannot be traced
    surface = OfModel(model, plain, DATA, None)
    assert surface._steps.compiled is compiled
    plane = Plane.at_random(surface, 3)
    grid = Grid.of(surface, plane, [(-1.0, 1.0), (-0.5, 2.0)], 4)
    for j, y in enumerate(grid.axes[1]):
        for i, x in enumerate(grid.axes[0]):
            theta = path[-1] + x * plane.directions[0] + y * plane.directions[1]
            assert grid.losses[j, i] == pytest.approx(loss_at(model, theta), rel=1e-9)


def test_random_directions_are_normalised_neuron_by_neuron():
    model, _ = trained()
    plane = Plane.at_random(OfModel(model, LOSS, DATA, None), 0)
    first, second = plane.directions
    start = 0
    for layer in model.layers:
        for neuron in layer.neurons:
            n = len(neuron.weights)
            length = math.sqrt(sum(w.data**2 for w in neuron.weights))
            for direction in (first, second):
                assert np.linalg.norm(direction[start : start + n]) == pytest.approx(length, rel=1e-12)
                assert abs(direction[start + n]) == pytest.approx(abs(neuron.bias.data), rel=1e-12)
            start += n + 1
    assert abs(first @ second) < 0.9 * (first @ first)
    again, other = (Plane.at_random(OfModel(model, LOSS, DATA, None), seed).directions for seed in (0, 1))
    assert (plane.directions == again).all()
    assert not (plane.directions == other).any(axis=1).all()


def test_directions_of_a_path_are_its_principal_components():
    model, path = trained(6)
    surface = OfModel(model, LOSS, DATA, None)
    plane = Plane.through(surface, paths_of(path, surface), 0)
    variances, vectors = np.linalg.eigh(np.cov(np.array(path).T))  # of the matrix, rather than by singular values
    assert plane.origin == pytest.approx(path[-1])
    for k in (0, 1):
        assert abs(plane.directions[k] @ vectors[:, -1 - k]) == pytest.approx(1.0, rel=1e-6)
        share = 100.0 * variances[-1 - k] / variances.sum()
        assert plane.labels[k] == f"direction {k + 1} ({share:.1f} % of the variance)"
    assert plane.seen(np.array(path))[-1] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert plane.seen(np.array(path))[0, 0] < 0.0


def test_a_straight_path_gets_a_direction_across():
    model, path = trained()
    surface = OfModel(model, LOSS, DATA, None)
    plane = Plane.through(surface, paths_of([path[0], path[-1]], surface), 0)
    assert plane.labels == ["direction 1 (100 % of the variance)", "a random direction (the path is straight)"]
    assert plane.directions @ plane.directions.T == pytest.approx(np.eye(2), abs=1e-9)


def test_a_chosen_parameter_with_its_tangent(tmp_path):
    model, _ = trained()
    chosen = model.layers[0].neurons[1].weights[0]
    surface = OfModel(model, LOSS, DATA, [chosen])
    place = model.parameters().index(chosen)
    theta, ends = surface.theta, []
    for step in (1e-5, -1e-5):
        moved = theta.copy()
        moved[place] += step
        ends.append(loss_at(model, moved))
    slope = (ends[0] - ends[1]) / 2e-5
    assert surface.slope(place) == pytest.approx(slope, rel=1e-6)
    figure = plot_landscape(model, LOSS, DATA, parameters=chosen, resolution=11)
    curve, tangent, point = figure.axes[0].get_lines()
    assert curve.get_xdata()[5] == pytest.approx(chosen.data)
    assert curve.get_ydata()[5] == pytest.approx(loss_at(model, theta), rel=1e-9)
    (x0, x1), (y0, y1) = (data[[0, -1]] for data in (tangent.get_xdata(), tangent.get_ydata()))
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope, rel=1e-6)
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (chosen.data, pytest.approx(loss_at(model, theta)))
    assert "layers.0.neurons.1.weights.0 | mean loss of 30 examples" in drawn(figure, tmp_path)


def test_two_chosen_parameters(tmp_path):
    model, path = trained()
    w1, w2 = model.layers[0].neurons[0].weights
    w1.label = "$w_1$"
    figure = plot_landscape(model, LOSS, DATA, parameters=(w1, w2), path=path, resolution=7)
    assert "$w_1$\n4.8 × enlarged | layers.0.neurons.0.weights.1" in drawn(figure, tmp_path)
    line = next(line for line in figure.axes[0].get_lines() if line.get_color() != "white")
    assert line.get_xydata() == pytest.approx(np.array(path)[:, :2])


# ---------------------------------------------------------------- nothing changes


@pytest.mark.parametrize("options", [{}, {"path": True}, {"parameters": 1}, {"parameters": 2}], ids=str)
@pytest.mark.parametrize("compiled", [True, False])
def test_parameters_and_gradients_stay(options, compiled):
    model, path = trained()
    LOSS(model(DATA.inputs[0]), 1).backward()
    kept = model(DATA.inputs[1])  # a graph of before
    before = numbers(model)
    chosen = {"path": path} if "path" in options else {"parameters": model.parameters()[: options.get("parameters")]}
    loss = LOSS if compiled else (lambda y, t: LOSS(y, t) if y.data < 1e300 else None)
    plot_landscape(model, loss, DATA, resolution=3, **(chosen if options else {}))
    assert numbers(model) == before
    kept.backward()  # still of this moment


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_parameters_stay_after_an_error(error):
    model, _ = trained()
    before, calls = numbers(model), []

    def loss(y, t):
        calls.append(y.data)  # cannot be traced
        if len(calls) > 200:
            raise error("enough")
        return LOSS(y, t)

    figure = Figure()
    axes = figure.subplots()
    with pytest.raises(error):
        plot_landscape(model, loss, DATA, ax=axes)
    assert numbers(model) == before
    assert not axes.has_data()
    assert figure.axes == [axes]


# ---------------------------------------------------------------- how it looks


def test_what_has_no_finite_loss_is_a_hole_that_is_told(tmp_path):
    figure = plot_landscape(lambda x, y: autograd.log(x) + y, span=1.0, resolution=11)
    assert "no finite loss (66 of 121 points)" in drawn(figure, tmp_path)
    figure = plot_landscape(lambda x: autograd.sqrt(x), at=1.0, span=2.0, resolution=9)
    assert "no finite loss (2 of 9 points)" in drawn(figure, tmp_path)
    assert "no finite" not in drawn(plot_landscape(lambda x, y: x + y, resolution=5), tmp_path)
    with pytest.raises(ValueError, match="no finite value anywhere"):
        plot_landscape(lambda x, y: autograd.log(-1.0 - x * x), resolution=5)


@pytest.mark.parametrize(("f", "logarithmic"), [
    (lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, True),
    (lambda x, y: x * x + y * y, False),
    (lambda x, y: autograd.exp(300.0 * x) - 5.0, True),
    (lambda x, y: 1e307 * (x * x + y), False),
    (lambda x, y: float(x > 0.9), False),
    (lambda x, y: 7.0, False),
])  # fmt: skip
def test_colours_are_logarithmic_where_losses_differ_by_powers(f, logarithmic, tmp_path):
    figure = plot_landscape(f, resolution=21)
    assert ("(logarithmic colours)" in " ".join(axes.get_ylabel() for axes in figure.axes)) is logarithmic
    drawn(figure, tmp_path)


@pytest.mark.parametrize("low", [0.0, -5.0])
@pytest.mark.parametrize("steep", [0.5, 12.0])
def test_the_numbers_on_contours_are_the_losses_there(steep, low):
    axes, bar = plot_landscape(lambda x, y: autograd.exp(steep * (x + 0.3 * y)) + low, resolution=201).axes
    assert len(axes.texts) > 3
    for text in axes.texts:
        x, y = text.get_position()
        height = float(text.get_text().replace("−", "-")) - low
        assert math.exp(steep * (x + 0.3 * y)) == pytest.approx(height, rel=0.1, abs=0.02)
    assert ("logarithmic" in bar.get_ylabel()) is (steep > 1.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: 1000.0 + x + y, lambda x, y: 1e9 - x, lambda x, y: 1e16 + 4.0 * (x + y), lambda x, y: x - 1e6,
        lambda x, y: autograd.exp(9.0 * x) - 5.0, lambda x, y: 1e-300 * (x + y), lambda x, y: 1.7e308 * (x + y) / 2,
    ],
)  # fmt: skip
def test_the_numbers_on_the_colour_bar_differ_and_are_right(f, monkeypatch):
    scales = []
    monkeypatch.setattr(_Scale, "norm", property(lambda self: scales.append(self) or norm.fget(self)))
    bar = plot_landscape(f, resolution=31).axes[1]
    said = [text.get_text().replace("−", "-") for text in bar.get_yticklabels()]
    assert len(said) > 3
    assert len(set(said)) == len(said)
    (scale,) = scales
    losses = [(level + scale.shift / scale.unit) for level in scale.levels]
    every = [float(scale.said(level).replace("−", "-")) / scale.unit for level in scale.levels]
    assert every == pytest.approx(losses, rel=1e-12, abs=0.011 * np.diff(losses).min())
    assert set(said) <= {scale.said(level).replace("−", "-") for level in scale.levels}


norm = _Scale.norm


@pytest.mark.parametrize(("f", "span"), [
    (lambda x, y: autograd.exp(300 * x) * (1 + y * y), 2), (lambda x, y: autograd.exp(1000 * x) + y * y, 3),
    (lambda x, y: 1.7e308 * (x + y) / 2, 1), (lambda x, y: 1e-320 * (x + y), 1), (lambda x, y: 1e16 + x + y, 1),
    (lambda x, y: autograd.exp(300 * x - 400), 1), (lambda x: autograd.exp(300 * x), 1), (lambda x: 1e307 * x, 0.4),
])  # fmt: skip
def test_losses_of_any_size_can_be_drawn(f, span, tmp_path):
    drawn(plot_landscape(f, span=span, resolution=31), tmp_path)


def test_a_curve_that_is_too_high_to_be_drawn():
    with pytest.raises(
        ValueError, match=r"plot_landscape: the losses reach from -1.7e\+308 to 1.7e\+308.*smaller span"
    ):
        plot_landscape(lambda x: 1.7e308 * x)


def test_of_a_curve_only_what_has_no_loss_is_hatched():
    axes = plot_landscape(lambda x: autograd.log(x * x - 0.25), span=1.0, resolution=21).axes[0]
    (hole,) = axes.patches
    assert (hole.get_x(), hole.get_width()) == (pytest.approx(-0.55), pytest.approx(1.1))  # steps of 0.1
    axes = plot_landscape(lambda x: autograd.log(x), at=0.5, span=1.0, resolution=21).axes[0]
    assert [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches] == [
        (-0.5, pytest.approx(0.05))
    ]
    axes = plot_landscape(lambda x: autograd.log(x * (1 - x)), at=0.5, span=1.0, resolution=21).axes[0]
    assert [patch.get_x() for patch in axes.patches] == pytest.approx([-0.5, 0.95])


def test_an_enlarged_axis_says_so():
    axes = plot_landscape(lambda x, y: x + y, span=(1.0, 0.04), resolution=5).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y\n25 × enlarged")
    axes = plot_landscape(lambda x, y: x + y, span=np.array([1.0, 1.4]), resolution=5).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_an_axis_along_which_nothing_changes_says_so(tmp_path):
    words = drawn(plot_landscape(lambda x, useless: x * x, resolution=5), tmp_path)
    assert "x | useless (the loss does not change with it)" in words


def test_a_path_has_its_start_and_its_end_marked(tmp_path):
    model, path = trained()
    figure = plot_landscape(model, LOSS, DATA, path=path, resolution=9, title="moons")
    words = drawn(figure, tmp_path)
    assert "training | start | end" in words
    assert "moons" in words
    (xs, ys) = (line.get_xdata() for line in figure.axes[0].get_lines()[-2:])
    assert (xs[0], ys[0]) == (pytest.approx(xs[0]), pytest.approx(0.0, abs=1e-12))


def test_several_paths_of_which_one_diverges(tmp_path):
    good, bad = [[1, 1], [0.5, 0.2], [0, 0]], [[1, 1], [-2, 3], [1e200, -1e250]]
    figure = plot_landscape(lambda x, y: x * x + y * y, path={"good": good, "bad": bad}, resolution=9)
    words = drawn(figure, tmp_path)
    assert "good | bad (leaves the picture) | start | end" in words
    low, high = figure.axes[0].get_xlim()
    assert -1.0 < low < 0.0
    assert 1.0 < high < 2.0
    words = drawn(plot_landscape(lambda x, y: x + y, path=[[0, 0], [-1, -1], [9, math.inf]], span=2), tmp_path)
    assert "training (diverges) | start" in words
    words = drawn(plot_landscape(lambda x, y: x + y, at=[50, 50], path=good, span=1), tmp_path)
    assert "outside of the picture" in words


def test_axes_of_somebody_elses_and_sub_figures(tmp_path):
    figure = Figure(layout="constrained", figsize=(10, 4))
    left, right = figure.subfigures(1, 2)
    axes = left.subplots()
    assert plot_landscape(lambda x, y: x + y, path=[[0, 0], [-1, 1]], ax=axes, resolution=5) is axes
    pair = right.subplots(2, 1)
    assert plot_learning_rates(lambda x: x * x, 1.0, [0.1, 1.1], ax=pair, resolution=5) is pair
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "start", "end"]
    assert not left.legends
    save_figure(axes, tmp_path / "a.png")


# ---------------------------------------------------------------- learning rates


def test_learning_rates_too_small_right_and_too_large(tmp_path):
    rates = {"too small": 0.01, "right": 0.3, "too large": 1.1}
    figure = plot_learning_rates(lambda x, y: x * x + 0.5 * y * y, [2.0, 1.0], rates, steps=10, resolution=15)
    landscape, losses = figure.axes[:2]
    for line, rate in zip(losses.get_lines(), rates.values(), strict=True):
        expected = [4.0 * (1 - 2 * rate) ** (2 * k) + 0.5 * (1 - rate) ** (2 * k) for k in range(11)]
        assert list(line.get_ydata()) == pytest.approx(expected, rel=1e-9)
    small = next(line for line in landscape.get_lines() if len(line.get_xdata()) == 11 and line.get_color() != "white")
    assert list(small.get_xdata()) == pytest.approx([2.0 * 0.98**k for k in range(11)])
    assert losses.get_ylim()[1] < 100.0
    words = drawn(figure, tmp_path)
    assert "too small: 0.01 | right: 0.3 | too large: 1.1 (leaves the picture) | start | end" in words


def test_rates_that_hardly_differ_are_told_apart():
    rates = [0.1, 0.1 + 1e-9, 0.2]
    losses = plot_learning_rates(lambda x: x * x, 1.0, rates, steps=2, resolution=5).axes[1]
    assert [line.get_label() for line in losses.get_lines()] == ["rate: 0.1", "rate: 0.100000001", "rate: 0.2"]


def test_arrays_and_integers_of_numpy():
    rates, n = np.logspace(-2, -1, 3), np.int64(5)
    losses = plot_learning_rates(lambda x, y: x + y * y, np.ones(2), rates, steps=n, resolution=n, span=n).axes[1]
    assert [line.get_label() for line in losses.get_lines()] == ["rate: 0.01", "rate: 0.0316228", "rate: 0.1"]
    model, _ = trained()
    axes = plot_landscape(model, LOSS, DATA, seed=n, resolution=n, span=np.array([0.5, 0.6])).axes[0]
    assert axes.get_xlim() == (-0.5, 0.5)


def test_parameters_of_what_is_no_module():
    class Line:
        w, b = Value(1.0, label="w"), Value(0.0)

        def __call__(self, x):
            return self.w * x[0] + self.b

        def parameters(self):
            return [self.w, self.b]

    data = ([[1.0], [2.0]], [1.0, 3.0])
    axes = plot_landscape(Line(), lambda y, t: (y - t) ** 2, data, resolution=5).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("w", "parameter 2")
    part = nn.Neuron(1, seed=1)
    axes = plot_landscape(part, lambda y, t: (y - t) ** 2, data, parameters=part, resolution=5).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("weights.0", "bias")


@pytest.mark.parametrize(("f", "at", "rates"), [
    (lambda x: x * x, 2.0, [0.1, 1.02]),
    (lambda x: x**4, 3.0, {"wild": 100.0}),
    (lambda x, y: autograd.exp(x) + y * y, [1.0, 1.0], [1e300, 0.1]),
    (lambda x, y: -x * y, [1.0, 1.0], [0.5]),
    (lambda x, y: autograd.log(x) + y, [1.0, 0.0], [2.0]),
])  # fmt: skip
def test_whatever_diverges_can_be_drawn(f, at, rates, tmp_path):
    drawn(plot_learning_rates(f, at, rates, resolution=9), tmp_path)


# ---------------------------------------------------------------- wrong use


class Unused(nn.Module):
    def __init__(self):
        self.used, self.idle = Value(1.0, label="used"), Value(2.0, label="idle")

    def __call__(self, x):
        return self.used * x[0]


class Torchlike:
    def __call__(self, x):
        return x[0]

    def parameters(self):
        return [1.0]


MODEL, PATH = trained()
EVERYTHING = (MODEL, LOSS, DATA)
PAIRS = [([0.0, 1.0], 0), ([1.0, 0.0], 1)]


def square(y, t):
    return (y - t) ** 2


def wrong_models_and_data():
    model, unused = MODEL, Unused()
    return [
        ((3,), {}, TypeError, "the first argument must be a model, or a function"),
        ((model,), {}, TypeError, r"give the loss and the data too, as in plot_landscape\(model"),
        ((model, LOSS), {}, TypeError, "give the loss and the data"),
        ((model, "mse", DATA), {}, TypeError, "the loss must be a function of output and target.* got 'mse'"),
        ((model, lambda y, t: 1.0, DATA), {}, TypeError, "the loss must return a Value.* got 1.0"),
        ((model, LOSS, DATA.inputs), {}, TypeError, "data must be a Dataset, or a pair"),
        ((model, LOSS, (DATA.inputs, [1])), {}, ValueError, "plot_landscape: 30 inputs, but 1 targets"),
        ((model, LOSS, ([[1.0]], [1])), {}, ValueError, "plot_landscape: each input must be a list of 2 numbers"),
        ((nn.Module(), square, DATA), {}, TypeError, "must be a model"),
        ((lambda x: x[0], square, DATA), {}, ValueError, r"choose one or two: parameters=\(w, b\)"),
        ((unused, square, DATA), {"parameters": [unused.idle]}, ValueError, "does not depend on idle.* would be flat"),
        ((Torchlike(), square, DATA), {}, TypeError, r"parameters\(\) must return Values .* but 1.0 is among them"),
        ((model, LOSS, PAIRS), {}, ValueError, r"all inputs and all targets.* write tuple\(zip\(\*data\)\)"),
        ((lambda x: x,), {"span": (1, 2)}, ValueError, "span must be one number, as there is one axis, x; got two"),
        ((lambda x: x,), {"at": "abc"}, ValueError, "at must be a finite number, for x; got 'abc'"),
        ((lambda x, y, z: x,), {}, TypeError, "must take one or two numbers, but <lambda> takes 3"),
        ((lambda x, y: x,), {"at": [1.0]}, ValueError, "at must be 2 finite numbers"),
        ((lambda x, y: "no",), {}, TypeError, "must return a number or a Value, got 'no'"),
    ]  # fmt: skip


def wrong_options():
    """For a model, a loss and data that are right."""
    own, path = MODEL.parameters(), PATH
    found = [
        ({"parameters": own[:3]}, ValueError, "one or two different ones, got 3"),
        ({"parameters": []}, ValueError, "one or two different ones, got 0"),
        ({"parameters": [own[0], own[0]]}, ValueError, "one or two different ones"),
        ({"parameters": [Value(1.0)]}, ValueError, "is none of this model's"),
        ({"parameters": [1.0]}, TypeError, "must be Values that were not computed, got 1.0"),
        ({"span": 0.0}, ValueError, "span must be a number > 0"),
        ({"span": (1.0, -1.0)}, ValueError, "span must be a number > 0"),
        ({"span": math.nan}, ValueError, "span must be a number > 0"),
        ({"span": True}, ValueError, "span must be a number > 0, or two of them, got True"),
        ({"span": [1.0, 2.0, 3.0]}, ValueError, "span must be a number > 0"),
        ({"parameters": MODEL}, ValueError, "one or two different ones, got 13"),
        ({"parameters": 3}, TypeError, "parameters must be one or two Values, .* got 3"),
        ({"parameters": "w"}, TypeError, "parameters must be one or two Values, .* got 'w'"),
        ({"seed": "a"}, ValueError, "seed must be a whole number of at least 0, got 'a'"),
        ({"seed": -1}, ValueError, "seed must be a whole number of at least 0, got -1"),
        ({"resolution": True}, ValueError, "resolution must be a whole number"),
        ({"resolution": 2}, ValueError, "resolution must be a whole number of at least 3, got 2"),
        ({"resolution": 9.5}, ValueError, "resolution must be a whole number"),
        ({"path": []}, TypeError, "must be a list of parameter vectors"),
        ({"path": {}}, ValueError, "must not be empty"),
        ({"path": path[:1]}, ValueError, "at least two entries"),
        ({"path": [path[0], path[0][1:]]}, ValueError, r"the 13 parameters, but entry 1 has shape \(12,\)"),
        ({"path": {"a": [path[0], "no"]}}, ValueError, "of path 'a' must hold the 13 .* no such numbers"),
        ({"path": [path[0], path[0]]}, ValueError, "all entries of the path are the same"),
        ({"at": 0.0}, TypeError, "at is for plain functions"),
    ]  # fmt: skip
    return [(EVERYTHING, *row) for row in found]


@pytest.mark.parametrize(("args", "options", "kind", "words"), [*wrong_models_and_data(), *wrong_options()])
def test_wrong_use_is_told(args, options, kind, words):
    with pytest.raises(kind, match=words):
        plot_landscape(*args, **options)


def test_a_model_of_zeros_has_no_random_directions():
    model = nn.MLP(2, [2, 1], seed=1)
    autograd.write(model.parameters(), "data", np.zeros(len(model.parameters())))
    with pytest.raises(ValueError, match="all parameters are 0"):
        plot_landscape(model, LOSS, DATA)


@pytest.mark.parametrize(("args", "options", "kind", "words"), [
    ((lambda x: x, 1.0, []), {}, TypeError, "must be a list of learning rates"),
    ((lambda x: x, 1.0, 0.1), {}, TypeError, "must be a list of learning rates"),
    ((lambda x: x, 1.0, {"no": -1.0}), {}, ValueError, r"must be a number > 0, got -1.0 \(no\)"),
    ((lambda x: x, 1.0, [0.1]), {"steps": 0}, ValueError, "plot_learning_rates: steps must be a whole number"),
    ((lambda x: x, 1.0, [True]), {}, ValueError, "must be a number > 0, got True"),
    ((lambda x: x, [1.0, 2.0], [0.1]), {}, ValueError, "plot_learning_rates: at must be a finite number, for x"),
    ((lambda x: x, 1.0, [0.1]), {"span": (1, 2)}, ValueError, "plot_learning_rates: span must be one number"),
    ((lambda x, y, z: x, 1.0, [0.1]), {}, TypeError, "plot_learning_rates: a function must take one or two"),
    ((lambda x: "no", 1.0, [0.1]), {}, TypeError, "plot_learning_rates: the function must return"),
    ((nn.MLP(2, [1]), [1, 2], [0.1]), {}, TypeError, "plot_learning_rates: f must be a plain function.*plot_landscape"),
    ((3, 1.0, [0.1]), {}, TypeError, "plot_learning_rates: f must be a plain function of one or two numbers, got 3"),
    ((lambda x: autograd.log(x), -1.0, [0.1]), {}, ValueError, "the function is nan at"),
    ((lambda x: math.sin(float(x)), 1.0, [0.1]), {}, TypeError, "autograd.s own functions"),
])  # fmt: skip
def test_wrong_use_of_learning_rates(args, options, kind, words):
    with pytest.raises(kind, match=words):
        plot_learning_rates(*args, **options)


def test_a_path_of_a_model_of_two_parameters_is_seen_along_them():
    w, b = Value(1.0, label="w"), Value(0.0, label="b")

    class Line(nn.Module):
        def __init__(self):
            self.w, self.b = w, b

        def __call__(self, x):
            return self.w * x[0] + self.b

    figure = plot_landscape(Line(), lambda y, t: (y - t) ** 2, ([[1.0], [2.0]], [1.0, 3.0]), resolution=5)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("w", "b")
    assert Path("", np.zeros((2, 2)), 1.0, 2.0).diverges
    assert OfFunction(lambda x, y: x, None).names == ["x", "y"]


@pytest.mark.parametrize(("f", "at"), [(lambda x: 5.0 * x, 1e6), (lambda x, y: x + y, (1e6, 0.0))])
def test_a_span_that_floats_cannot_resolve(f, at):
    with pytest.raises(
        ValueError, match=r"plot_landscape: around 1e\+06 there are no 9 different numbers in so small a"
    ):
        plot_landscape(f, at=at, span=1e-12, resolution=9)
