"""Plots: what they show, in whose Axes, and that every text in them can be read."""

import builtins
import math
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

import autograd
import nn
from autograd import Value
from visualize import (
    figures,
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_digits,
    plot_gradient_flow,
    plot_histories,
    plot_history,
    plot_landscape,
    plot_predictions,
    save_figure,
)

NOTHING = {"accuracy": None, "validation_loss": None, "validation_accuracy": None}


def history(n=4, **columns):
    return [SimpleNamespace(epoch=i, loss=1.0 / (i + 1), **{**NOTHING, **columns}) for i in range(n)]


def is_png(figure, folder):
    return save_figure(figure, folder / "a.png").read_bytes().startswith(b"\x89PNG")


def test_curves_of_loss_and_accuracy(tmp_path):
    rows = history(accuracy=0.9, validation_loss=0.5, validation_accuracy=0.875)
    figure = plot_history(rows, title="digits")
    loss, accuracy = figure.axes
    training, validation = loss.get_lines()
    assert list(training.get_xdata()) == [0, 1, 2, 3]
    assert list(training.get_ydata()) == [1.0, 1 / 2, 1 / 3, 1 / 4]
    assert list(validation.get_ydata()) == [0.5] * 4
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "validation"]
    assert [text.get_text() for text in loss.texts] == ["0.25", "0.5"]
    assert [text.get_text() for text in accuracy.texts] == ["90.0%", "87.5%"]
    assert is_png(figure, tmp_path)


def test_what_was_not_measured_is_left_out():
    rows = history()
    rows[0].loss = None
    rows[-1].loss = math.inf
    (axes,) = plot_history(rows).axes
    (line,) = axes.get_lines()
    assert list(line.get_xdata()) == [1, 2, 3]
    assert not axes.texts
    assert axes.get_legend() is None


def test_one_epoch_is_a_point():
    (axes,) = plot_history(history(1)).axes
    assert axes.get_lines()[0].get_marker() == "o"


def test_an_empty_history():
    with pytest.raises(ValueError, match="the history is empty"):
        plot_history([])
    with pytest.raises(ValueError, match="needs at least one history"):
        plot_histories({})


@pytest.mark.parametrize("logarithmic", [False, True])
def test_several_histories_in_one_figure(tmp_path, logarithmic):
    figure = plot_histories({"slow": history(), "fast": history(3)}, logarithmic=logarithmic)
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.get_lines()] == ["slow", "fast"]
    assert axes.get_yscale() == ("log" if logarithmic else "linear")
    assert is_png(figure, tmp_path)


POINTS = [[-1.0, 0.0], [1.0, 0.0], [-1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("predict", "threshold", "boundary"),
    [
        (lambda x: 1.0 / (1.0 + math.exp(-x[0])), None, 0.0),
        (lambda x: 3.0 * x[0] - 0.6, None, 0.2),
        (lambda x: x[0], 0.5, 0.5),
        (lambda x: float(x[0] > 0.0), None, 0.0),
    ],
)
def test_a_boundary_between_two_classes(tmp_path, predict, threshold, boundary):
    figure = plot_decision_boundary(predict, POINTS, [0, 1, 0, 1], threshold=threshold, resolution=21)
    axes = figure.axes[0]
    line = axes.collections[1].get_paths()[0].vertices
    assert line[:, 0] == pytest.approx(boundary, abs=0.1)
    assert [handle.get_label() for handle in axes.collections[-2:]] == ["class 0", "class 1"]
    assert axes.collections[-1].get_offsets().tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert is_png(figure, tmp_path)


def test_a_classifier_that_sees_one_class_everywhere(tmp_path):
    assert is_png(plot_decision_boundary(lambda x: 0.5, POINTS, [0, 0, 0, 0], resolution=5), tmp_path)


def test_more_than_two_classes(tmp_path):
    def predict(x):
        return 2.0 if x[1] > 0.5 else float(x[0] > 0.0)

    names = ["left", "right", "above"]
    figure = plot_decision_boundary(predict, POINTS, [0, 1, 2, 2], resolution=11, class_names=names)
    mesh, *dots = figure.axes[0].collections
    assert sorted(set(mesh.get_array().ravel())) == [0, 1, 2]
    assert [points.get_label() for points in dots] == names
    assert is_png(figure, tmp_path)


@pytest.mark.parametrize(("inputs", "targets"), [([[1.0]], [0]), ([], []), (POINTS, [0])])
def test_a_boundary_needs_points_of_the_plane(inputs, targets):
    with pytest.raises(ValueError, match="plot_decision_boundary"):
        plot_decision_boundary(lambda x: 0.0, inputs, targets)


def test_mistakes_have_a_scale_of_their_own(tmp_path):
    figure = plot_confusion_matrix([[50, 0, 0], [4, 90, 0], [0, 1, 9]], ["zero", "one", "two"])
    axes = figure.axes[0]
    paint = axes.images[0].get_array()
    assert paint[0, 1].tolist() == [1.0, 1.0, 1.0]
    red, _, blue = (paint[1, 0, i] for i in range(3))
    assert red > blue  # orange
    red, _, blue = (paint[1, 1, i] for i in range(3))
    assert red < blue
    assert paint[1, 0].sum() < paint[2, 1].sum()  # 4 mistakes are darker than 1
    alone = plot_confusion_matrix([[1, 0, 0], [4, 1, 0], [0, 1, 1]]).axes[0].images[0].get_array()
    assert paint[1, 0].tolist() == alone[1, 0].tolist()  # however many are right
    assert sorted(text.get_text() for text in axes.texts) == ["1", "4", "50", "9", "90"]
    assert axes.get_title(loc="left") == "96.8% right, 5 of 154 wrong"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["zero", "one", "two"]
    assert is_png(figure, tmp_path)


@pytest.mark.parametrize(("matrix", "title", "cells"), [
    ([[9999, 1], [0, 10_000]], "> 99.9% right, 1 of 20,000 wrong", ["1", "10,000", "9,999"]),
    ([[99_999_997, 3], [0, 1_234_567]], "> 99.9% right, 3 of 101,234,567 wrong", ["1,234,567", "3", "99,999,997"]),
    ([[0, 10**5], [1, 1]], "< 0.1% right, 100,001 of 100,002 wrong", ["1", "1", "100,000"]),
    ([[7, 0], [0, 3]], "100% right, 0 of 10 wrong", ["3", "7"]),
    ([[0.75, 0.25], [0.0, 1.0]], "87.5% right, 0.25 of 2 wrong", ["0.25", "0.75", "1"]),
])  # fmt: skip
def test_counts_are_whole_and_all_is_all(matrix, title, cells):
    figure = plot_confusion_matrix(matrix)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_title(loc="left").replace("\n", " ") == title
    assert sorted(text.get_text() for text in axes.texts) == cells
    cell = axes.bbox.width / 2
    assert all(text.get_window_extent().width < cell for text in axes.texts)


def test_large_counts_stay_in_their_cells():
    axes = Figure(figsize=(4, 4), layout="constrained").subplots()
    for ax in (None, axes):
        figure = plot_confusion_matrix(np.full((8, 8), 1_234_567), ax=ax)
        figure = axes.figure if ax else figure
        figure.draw_without_rendering()
        cell = figure.axes[0].bbox.width / 8
        assert all(text.get_window_extent().width < cell for text in figure.axes[0].texts)


@pytest.mark.parametrize(("matrix", "kind", "words"), [
    ([[1, -2], [0, 3]], ValueError, r"entry \[0, 1\] is -2, which is no count"),
    ([[1, 2], [math.nan, 3]], ValueError, r"entry \[1, 0\] is nan"),
    ([[0, 0], [0, 0]], ValueError, "all counts are 0"),
    ([["a", "b"], ["c", "d"]], TypeError, "must hold numbers, got 'a'"),
])  # fmt: skip
def test_what_is_no_count(matrix, kind, words):
    with pytest.raises(kind, match=f"plot_confusion_matrix: .*{words}"):
        plot_confusion_matrix(matrix)


def test_an_accuracy_is_all_only_if_it_is_all():
    rows = history(accuracy=0.9999, validation_accuracy=1.0)
    assert [text.get_text() for text in plot_history(rows).axes[1].texts] == ["> 99.9%", "100%"]


WORDS = ["cat", "dog", "cat", "dog"]


def test_classes_that_are_words(tmp_path):
    figure = plot_decision_boundary(lambda x: "dog" if x[0] > 0.0 else "cat", POINTS, WORDS, resolution=21)
    assert figure.axes[0].collections[1].get_paths()[0].vertices[:, 0] == pytest.approx(0.0, abs=0.1)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cat", "dog"]
    words = np.array(["b", "a", "c", "c"])
    figure = plot_decision_boundary(lambda x: "c" if x[1] > 0.5 else "ba"[x[0] > 0.0], POINTS, words, resolution=11)
    mesh = figure.axes[0].collections[0].get_array()
    assert [mesh[0, 0], mesh[0, -1], mesh[-1, 0]] == [1.0, 0.0, 2.0]
    assert is_png(figure, tmp_path)
    mixed = plot_decision_boundary(lambda x: x[0], POINTS, [1_000_001, 1_000_002] * 2, resolution=5)
    assert [text.get_text() for text in mixed.legends[0].get_texts()] == ["class 1000001", "class 1000002"]


def test_what_a_classifier_does_not_decide_is_hatched(tmp_path):
    def torn(x):
        return math.nan if x[0] > 0.5 else math.inf if x[1] > 0.5 else x[0]

    figure = plot_decision_boundary(torn, POINTS, [0, 1, 0, 1], resolution=11)
    assert figure.legends[0].get_texts()[-1].get_text() == "predicts no number\n(33 of 121 points)"
    assert is_png(figure, tmp_path)
    figure = plot_decision_boundary(lambda x: 7 if x[0] > 0.5 else x[1] > 0.5, POINTS, [0, 1, 2, 2], resolution=11)
    assert figure.legends[0].get_texts()[-1].get_text() == "predicts none of these\n(33 of 121 points)"
    assert figure.axes[0].collections[0].get_array().mask.sum() == 33
    assert is_png(figure, tmp_path)
    assert is_png(plot_decision_boundary(lambda x: math.inf, POINTS, [0, 1, 0, 1], resolution=np.int64(3)), tmp_path)
    assert is_png(plot_decision_boundary(lambda x: 1e308 * x[0], POINTS, [0, 1, 0, 1], resolution=3), tmp_path)


@pytest.mark.parametrize(("predict", "points", "classes", "options", "kind", "words"), [
    (lambda x: math.nan, POINTS, [0, 1, 0, 1], {}, ValueError, "a number that is not nan, but it never does"),
    (lambda x: 1, POINTS, ["a", "b", "c", "a"], {}, ValueError, "one of 'a', 'b', 'c', but it never does; .* 1"),
    (lambda x: [1.0, 2.0], POINTS, [0, 1, 0, 1], {}, TypeError, r"must return one number, or the class.* got \[1.0"),
    (3, POINTS, [0, 1, 0, 1], {}, TypeError, "predict must be a function"),
    (lambda x: 1, POINTS, [0, 1, 0, 1], {"resolution": 1}, ValueError, "resolution must be a whole number"),
    (lambda x: 1, POINTS, [0, 1, 0, 1], {"threshold": math.nan}, ValueError, "threshold must be a finite number"),
    (lambda x: 1, [[0.0, math.nan], [1.0, 1.0]], [0, 1], {}, ValueError, r"input 0 is \[0.0, nan\]; all must be"),
    (lambda x: 1, [[0.0, 0.0], [1.0, 1.0]], [0, math.inf], {}, ValueError, "target 1 is inf"),
])  # fmt: skip
def test_wrong_use_of_a_boundary(predict, points, classes, options, kind, words):
    with pytest.raises(kind, match=f"plot_decision_boundary: .*{words}"):
        plot_decision_boundary(predict, points, classes, **{"resolution": 5, **options})


def test_classes_have_numbers_if_they_have_no_names():
    axes = plot_confusion_matrix(np.eye(2)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]


@pytest.mark.parametrize(("matrix", "names"), [([[1, 2]], None), ([], None), ([[1]], ["a", "b"])])
def test_a_confusion_matrix_is_square(matrix, names):
    with pytest.raises(ValueError, match="plot_confusion_matrix"):
        plot_confusion_matrix(matrix, names)


def sheet(**options):
    images = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    chances = [[0.9, 0.1, 0.0], [0.0, 0.001, 0.999], [0.2, 0.5, 0.3]]
    return plot_digits(images, [0, 1, 1], chances, **options)


def test_a_sheet_of_digits_shows_class_and_probability_and_mistakes_first(tmp_path):
    figure = sheet(columns=2)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["2  > 99 %\nis 1", "0  90 %", "1  50 %"]
    assert figure.get_suptitle() == "1 of 3 wrong (in red)"
    image, bars = figure.axes[:2]
    assert image.images[0].get_array().shape == (4, 5)
    assert [bar.get_height() for bar in bars.patches] == [0.0, 0.001, 0.999]
    assert image.title.get_color() != figure.axes[2].title.get_color()
    assert is_png(figure, tmp_path)


def test_the_surest_mistake_comes_first():
    figure = plot_digits(np.zeros((3, 2, 2)), [0, 0, 0], [[0.4, 0.6], [0.2, 0.8], [1.0, 0.0]])
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["1  80 %\nis 0", "1  60 %\nis 0", "0  100 %"]


def test_options_of_a_sheet():
    figure = sheet(most=1, class_names=["cat", "dog", "rabbit"], title="animals")
    assert [axes.get_title() for axes in figure.axes if axes.images] == ["rabbit  > 99 %\nis dog"]
    assert figure.get_suptitle() == "animals"


@pytest.mark.parametrize(
    ("images", "labels", "chances"),
    [
        (np.zeros((0, 8, 8)), [], np.zeros((0, 10))),
        (np.zeros((2, 64)), [0, 0], np.ones((2, 10))),
        (np.zeros((2, 8, 8)), [0], np.ones((2, 10))),
        (np.zeros((1, 8, 8)), [0], [1.0]),
    ],
)
def test_a_sheet_needs_images_labels_and_probabilities(images, labels, chances):
    with pytest.raises(ValueError, match="plot_digits"):
        plot_digits(images, labels, chances)


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")])
def test_figures_are_saved_in_three_formats(tmp_path, name, start):
    path = save_figure(plot_history(history()), tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)


def test_a_figure_is_saved_whole_or_not_at_all(tmp_path):
    class Broken:
        def savefig(self, file, **options):
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_figure(Broken(), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf"):
        save_figure(plot_history(history()), tmp_path / "a.bmp")
    with pytest.raises(FileNotFoundError, match="create it first"):
        save_figure(plot_history(history()), tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'glassgrad\[plot\]'"):
        plot_history(history())


def test_figures_leave_nothing_behind():
    plot_history(history())
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "0 %"),
        (0.974, "97 %"),
        (0.991, "99 %"),
        (0.9949, "99 %"),
        (0.995, "> 99 %"),
        (0.9989, "> 99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_never_said_to_be_all_or_nearly_all_when_it_is_not(p, text):
    assert figures.share(p) == text


def test_predicted_against_actual_numbers():
    figure = plot_predictions([1.0, 2.5, 3.0], [1.0, 2.0, 3.5])
    axes = figure.axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[1.0, 1.0], [2.0, 2.5], [3.5, 3.0]]
    assert axes.get_title(loc="left") == "off by 0.408 (root mean square)"
    assert axes.get_xlim() == axes.get_ylim()
    plot_predictions([1.0], [1.0])
    for found, true in (([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])):
        with pytest.raises(ValueError, match="plot_predictions: needs as many predictions as actual numbers"):
            plot_predictions(found, true)


def test_predictions_that_are_not_finite_are_counted(tmp_path):
    figure = plot_predictions([1.0, 2.5, math.nan, -math.inf, 3.0], [1.0, 2.0, 3.0, 4.0, 3.5])
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[1.0, 1.0], [2.0, 2.5], [3.5, 3.0]]
    assert figure.axes[0].get_title(loc="left") == "off by 0.408 (root mean square of 3)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["2 of 5 not drawn: nan, or beyond 1e300"]
    assert is_png(figure, tmp_path)
    far = plot_predictions([1e200, 0.0], [0.0, 0.0])
    assert far.axes[0].get_title(loc="left") == "off by 7.07e+199 (root mean square)"
    with pytest.raises(ValueError, match="none of the 2 pairs is finite"):
        plot_predictions([math.nan, 1.0], [1.0, math.inf])


@pytest.mark.parametrize(("labels", "chances", "options", "kind", "words"), [
    ([0.7], [[0.5, 0.5]], {}, ValueError, "labels must be whole numbers, the true classes, got 0.7"),
    (["0"], [[0.5, 0.5]], {}, TypeError, "labels must be n whole numbers, got .'0'"),
    ([0], [[2.5, -1.0]], {}, ValueError, "probabilities must lie between 0 and 1, got 2.5; of logits"),
    ([0], [[math.nan, 0.5]], {}, ValueError, "probabilities must lie between 0 and 1, got nan"),
    ([0], [[0.5, 0.5]], {"most": 0}, ValueError, "most must be a whole number of at least 1, got 0"),
    ([0], [[0.5, 0.5]], {"columns": 0}, ValueError, "columns must be a whole number of at least 1, got 0"),
    ([0], [[0.5, 0.5]], {"columns": 1.5}, ValueError, "columns must be a whole number of at least 1, got 1.5"),
])  # fmt: skip
def test_wrong_use_of_a_sheet(labels, chances, options, kind, words):
    with pytest.raises(kind, match=f"plot_digits: {words}"):
        plot_digits(np.zeros((1, 2, 2)), labels, chances, **options)


def test_a_sheet_takes_integers_of_numpy():
    assert len(sheet(most=np.int64(2), columns=np.int32(1)).axes) == 4
    assert len(plot_digits(np.zeros((1, 2, 2)), [1.0], [[0.5, 0.5]]).axes) == 2


def test_a_notebook_shows_a_figure_by_itself():
    figure = plot_predictions([1.0, 2.0], [1.0, 2.0])
    assert figure._repr_png_().startswith(b"\x89PNG")


# ---------------------------------------------------------------- text at the ends of lines

AWKWARD = [math.nan, 0.0, math.inf, -1.0]


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("n", range(2, 11))
@pytest.mark.parametrize("apart", [0.0, 1e-3, 0.5])
def test_last_values_do_not_hide_each_other(n, apart, logarithmic):
    histories = {}
    for i in range(n):
        rows = history()
        rows[1].loss, rows[-1].loss = AWKWARD[i % 4], 0.25 * (1.0 + i * apart)
        histories[f"run {i}"] = rows
    figure = plot_histories(histories, logarithmic=logarithmic)
    assert_apart(figure, n)


def test_last_values_that_a_logarithmic_axis_has_not_are_noted_at_its_edge():
    ends = {"zero": 0.0, "below": -2.0, "small": 1e-3, "none": math.nan, "endless": math.inf}
    histories = {name: [*history(), SimpleNamespace(epoch=4, loss=loss, **NOTHING)] for name, loss in ends.items()}
    figure = plot_histories(histories, logarithmic=True)
    boxes = assert_apart(figure, 3)
    assert boxes["-2"].y0 == pytest.approx(figure.axes[0].bbox.y0, abs=2.0)
    assert boxes["-2"].y0 < boxes["0"].y0 < boxes["0.001"].y0
    none = [SimpleNamespace(epoch=0, loss=0.0, **NOTHING)]
    assert_apart(plot_histories({"a": none, "b": none}, logarithmic=True), 2)


def assert_apart(figure, n):
    """The extents of n texts in the first Axes, which do not overlap, nor leave its height."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert len(axes.texts) == n
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, a in enumerate(boxes):
        assert axes.bbox.y0 - 2.0 <= a.y0
        assert a.y1 <= axes.bbox.y1 + 2.0
        assert a.x1 <= figure.bbox.x1
        assert not any(a.overlaps(b) for b in boxes[:i])
    return {text.get_text(): box for text, box in zip(axes.texts, boxes, strict=True)}


def test_notes_stand_where_they_belong_if_there_is_room():
    low, high = [*history(3), SimpleNamespace(epoch=3, loss=0.1, **NOTHING)], history(2)
    figure = plot_histories({"low": low, "high": high}, logarithmic=True)
    boxes = assert_apart(figure, 2)
    for text, loss in (("0.1", 0.1), ("0.5", 0.5)):
        place = figure.axes[0].transData.transform((0.0, loss))[1]
        assert 0.5 * (boxes[text].y0 + boxes[text].y1) == pytest.approx(place, abs=3.0)


@pytest.mark.parametrize("sizes", [[1.0, 1.0, 1.0], [2.0, 0.5, 1.0, 3.0]])
def test_places_apart_are_the_nearest_that_there_are(sizes):
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    for _ in range(5):
        wanted = np.sort(rng.uniform(0.0, 8.0, len(sizes)))
        gaps = 0.5 * (np.array(sizes[1:]) + sizes[:-1])
        best = minimize(
            lambda p, wanted=wanted: ((p - wanted) ** 2).sum(), np.cumsum([0.0, *gaps]),
            constraints={"type": "ineq", "fun": lambda p, gaps=gaps: np.diff(p) - gaps}, tol=1e-12,
        ).x  # fmt: skip
        assert figures.places_apart(wanted.tolist(), sizes, -100.0, 100.0) == pytest.approx(best, abs=1e-4)


# ---------------------------------------------------------------- text as typed

NAMES = [
    "$x^$", "a_b$", "$$", "50 $ or more", "\\frac{", "$\\alpha", "_hidden", "__", "\\$5", "", "two\nlines", "<b> & co",
    "Ωμέγα", "кошка", "very long " * 12, "x" * 100, "tab\there",
]  # fmt: skip


def plots_of_names():
    """A figure for each kind of plot, which shows all names; the last one also as its title."""
    n, title = len(NAMES), NAMES[-1]
    flow = nn.History([nn.Epoch(e, 1.0, None, 0.1, 1.0, None, None, 0.0) for e in (0, 1)])
    flow.gradients = {name: [0.1**i] for i, name in enumerate(NAMES)}
    spots, kinds = [[i % 5, i // 5] for i in range(n)], list(range(n))
    paths = {name: [[0, 0], [-1, 0.1 * i]] for i, name in enumerate(NAMES)}
    images, chances = np.zeros((n, 2, 2)), 0.5 * np.eye(n) + 0.1
    yield lambda: plot_histories({name: history() for name in NAMES}, title=title)
    yield lambda: plot_confusion_matrix(np.eye(n), NAMES, title=title)
    yield lambda: plot_digits(images, kinds, chances, class_names=NAMES, title=title)
    yield lambda: plot_decision_boundary(lambda x: 0.0, spots, kinds, class_names=NAMES, title=title, resolution=9)
    yield lambda: plot_gradient_flow(flow, title=title)
    yield lambda: plot_landscape(lambda x, y: x + y, path=paths, title=title, resolution=9)


def plots_with(name):
    """A figure for each kind of plot that has no place for many names, with one."""
    w = Value(1.0, label=name)
    yield plot_history(history(accuracy=0.9), title=name)
    yield plot_predictions([1.0, 2.0], [1.0, 2.0], title=name)
    yield plot_landscape(lambda x: w * x[0], lambda y, t: (y - t) ** 2, ([[1.0]], [1.0]), parameters=w, title=name)


def assert_shows(figure, names, folder):
    import matplotlib as mpl

    is_png(figure, folder)
    with mpl.rc_context({"svg.fonttype": "none"}):
        root = ElementTree.parse(save_figure(figure, folder / "a.svg")).getroot()
    text = squeezed("".join(root.itertext()))
    for name in names:
        assert squeezed(figures.typed(name)) in text


@pytest.mark.parametrize("plot", list(plots_of_names()))
def test_names_come_out_as_typed(plot, tmp_path):
    assert_shows(plot(), NAMES, tmp_path)


@pytest.mark.parametrize("name", ["$x^$", "$$ _", "very long " * 12])
def test_titles_come_out_as_typed(name, tmp_path):
    for figure in plots_with(name):
        assert_shows(figure, [name], tmp_path)


def squeezed(text):
    return "".join(text.split())


def test_letters_that_the_usual_font_lacks_are_looked_for():
    assert "fontfamily" not in figures.look_of("plain", "Ωμέγα")
    assert figures.look_of("\U0010fffd").get("fontfamily") is None  # in no font


# ---------------------------------------------------------------- Axes of somebody else's


def all_plots(**options):
    """A call of each kind of plot for one Axes."""
    flow = nn.History([nn.Epoch(e, 1.0, None, 0.1, 1.0, None, None, 0.0) for e in (0, 1)])
    flow.gradients = {"first": [1.0], "last": [2.0]}
    yield lambda ax: plot_history(history(validation_loss=0.5), ax=ax, **options)
    yield lambda ax: plot_histories({"a": history(), "b": history(3)}, ax=ax, **options)
    yield lambda ax: plot_gradient_flow(flow, ax=ax, **options)
    yield lambda ax: plot_confusion_matrix([[1, 2], [3, 4]], ax=ax, **options)
    yield lambda ax: plot_predictions([1.0, 2.0], [1.0, 2.5], ax=ax, **options)
    yield lambda ax: plot_decision_boundary(lambda x: x[0], POINTS, [0, 1, 0, 1], resolution=9, ax=ax, **options)
    yield lambda ax: plot_landscape(lambda x, y: x * x + y, resolution=9, ax=ax, **options)
    yield lambda ax: plot_landscape(lambda x: x * x, resolution=9, ax=ax, **options)


@pytest.mark.parametrize("plot", list(all_plots()))
def test_a_plot_in_somebody_elses_axes(plot, tmp_path):
    figure = Figure(layout="constrained")
    axes = figure.subplots(2, 2)
    own = axes[0, 0]
    own.plot([-30.0, 40.0], [50.0, -60.0], label="mine")
    own.text(0.0, 0.0, "a note")
    own.legend(["my line"])
    own.set_title("my title")
    own.set_xlabel("my x")
    before = own.get_children()
    assert plot(own) is own
    assert set(before) - set(own.get_children()) <= {own.get_legend(), *[a for a in before if is_legend(a)]}
    assert own.get_legend().get_texts()[0].get_text() == "my line"
    assert (own.get_title(), own.get_title(loc="left"), own.get_xlabel()) == ("my title", "", "my x")
    (low, high), (bottom, top) = own.get_xlim(), sorted(own.get_ylim())
    assert low <= -30.0
    assert high >= 40.0
    assert top >= 50.0
    assert own.get_yscale() == "log" or bottom <= -60.0
    assert plot(axes[1, 1]) is axes[1, 1]
    is_png(axes[1, 1], tmp_path)  # the figure that it is in


def is_legend(artist):
    return type(artist).__name__ == "Legend"


def test_a_title_that_is_given_stands_where_the_title_stood():
    axes = Figure().subplots()
    axes.set_title("old", loc="right")
    plot_predictions([1.0, 2.0], [1.0, 2.0], ax=axes, title="new")
    assert [axes.get_title(loc=place) for place in ("left", "center", "right")] == ["", "", "new"]


@pytest.mark.parametrize("layout", ["constrained", "tight"])
def test_subplots_stay_within_their_figure(layout):
    plots = list(all_plots())
    figure = Figure(figsize=(16, 8), layout=layout)
    for plot, axes in zip(plots, figure.subplots(2, 4).ravel(), strict=True):
        plot(axes)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert figure.bbox.x0 - 1.0 <= box.x0
        assert box.x1 <= figure.bbox.x1 + 1.0
    for i, box in enumerate(boxes):
        for other in boxes[:i]:
            overlap = box.intersection(box, other)
            assert overlap is None or overlap.width < 4.0 or overlap.height < 4.0
    assert not figure.legends


def test_two_panels_take_two_axes(tmp_path):
    axes = Figure(layout="constrained").subplots(1, 2)
    assert plot_history(history(accuracy=0.5), ax=axes) is axes
    assert [panel.get_title(loc="left") for panel in axes] == ["loss", "accuracy"]
    with pytest.raises(TypeError, match=r"2 Axes, for loss and accuracy, as in ax=figure.subplots\(1, 2\); got 1"):
        plot_history(history(accuracy=0.5), ax=axes[0])
    with pytest.raises(TypeError, match=r"one Axes, as in ax=figure.subplots\(\); got 2"):
        plot_history(history(), ax=axes)
    with pytest.raises(TypeError, match="2 Axes"):
        plot_history(history(accuracy=0.5), ax=[axes[0], axes[0]])


def test_drawing_twice_into_the_same_axes_keeps_all_notes_apart():
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for name in ("a", "b", "c"):
        plot_histories({name: history()}, ax=axes)
    assert_apart(figure, 3)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "c"]


def wrong_axes():
    removed = Figure().subplots()
    removed.remove()
    return [
        ("axes", "matplotlib's Axes"), (Figure(), "matplotlib's Axes"), (3, "matplotlib's Axes"), ([], "got 0"),
        (Figure().subplots(1, 3), "got 3"), (Figure().add_subplot(projection="polar"), "plain Axes"),
        (removed, "removed from its figure"),
    ]  # fmt: skip


@pytest.mark.parametrize("plot", list(all_plots()))
def test_what_is_no_axes_is_refused(plot):
    for given, words in wrong_axes():
        with pytest.raises(TypeError, match=words):
            plot(given)


def test_a_sheet_of_digits_takes_an_empty_figure():
    figure = Figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert sheet(ax=left) is left
    assert len(left.axes) == 6
    assert not right.axes
    with pytest.raises(TypeError, match="is in use"):
        sheet(ax=left)
    with pytest.raises(TypeError, match=r"must be a Figure or a SubFigure, as in ax=figure.subfigures\(1, 2\)\[0\]"):
        sheet(ax=Figure().subplots())


def test_wrong_use_of_curves():
    with pytest.raises(TypeError, match="needs names with histories"):
        plot_histories([history()])
    with pytest.raises(TypeError, match="needs a history as"):
        plot_histories({"a": "loss"})
    with pytest.raises(ValueError, match="2 classes need as many names, got 1"):
        plot_decision_boundary(lambda x: 0.0, POINTS, [0, 1, 0, 1], class_names=["a"])
    with pytest.raises(ValueError, match="2 classes need as many names"):
        plot_digits(np.zeros((1, 2, 2)), [0], [[0.5, 0.5]], class_names=["a"])
    with pytest.raises(ValueError, match="classes from 0 to 1, got 2"):
        plot_digits(np.zeros((1, 2, 2)), [2], [[0.5, 0.5]])
    with pytest.raises(TypeError, match="save_figure: needs a figure"):
        save_figure("figure", "a.png")


def test_names_of_all_classes_where_the_examples_show_some():
    figure = plot_decision_boundary(
        lambda x: 0.0, POINTS, [0, 2, 0, 2], class_names=["red", "green", "blue"], resolution=5
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["red", "blue"]


# ---------------------------------------------------------------- the gradient of each layer


def deep(scale, activation, widths):
    """A network whose weights are all of size `scale`, with its data, trained for two epochs of one step each."""
    model = nn.MLP(2, widths, activation=activation, seed=1)
    for name, p in model.named_parameters():
        if "weights" in name:
            p.data = math.copysign(scale, p.data)
    data = nn.datasets.xor(20, seed=1)
    by_hand = []

    def note(model=model):
        loss = nn.binary_cross_entropy([model(x) for x in data.inputs], data.targets.tolist())
        slopes = autograd.grad(loss, model.parameters())
        names = [name.split(".neurons")[0] for name, _ in model.named_parameters()]
        by_hand.append({layer: mean_size(names, slopes, layer) for layer in names})

    note()
    history = nn.fit(
        model, nn.binary_cross_entropy, data.inputs, data.targets, batch_size=20, epochs=2,
        optimizer=nn.SGD(model.parameters(), 1e-12), callbacks=[lambda epoch, model: note()],
    )  # fmt: skip
    return history, by_hand[:2]


def mean_size(names, slopes, layer):
    return float(np.mean([abs(slope) for name, slope in zip(names, slopes, strict=True) if name == layer]))


@pytest.mark.parametrize(
    ("scale", "activation", "ends"), [(0.5, "sigmoid", (0.0, 1e-7, 1e-4, 1.0)), (3.0, None, (1e5, 1e9, 1e5, 1e9))]
)
def test_gradients_that_vanish_or_explode_are_seen(scale, activation, ends, tmp_path):
    history, by_hand = deep(scale, activation, [4] * 10 + [1])
    assert list(history.gradients) == [f"layers.{i}" for i in range(11)]
    for layer, sizes in history.gradients.items():
        assert sizes == pytest.approx([found[layer] for found in by_hand], rel=1e-6)
    figure = plot_gradient_flow(history)
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    for line, (layer, sizes) in zip(axes.get_lines(), history.gradients.items(), strict=True):
        assert line.get_label() == layer
        assert list(line.get_xdata()) == [1, 2]
        assert list(line.get_ydata()) == sizes
    first, last = history.gradients["layers.0"][-1], history.gradients["layers.10"][-1]
    assert ends[0] <= first <= ends[1]
    assert ends[2] <= last <= ends[3]
    assert_apart(figure, 11)
    assert is_png(figure, tmp_path)


def test_a_gradient_of_0_is_noted():
    history = nn.History([nn.Epoch(e, 1.0, None, 0.1, 1.0, None, None, 0.0) for e in range(3)])
    history.gradients = {"first": [0.0, 0.0], "last": [1.0, 2.0]}
    figure = plot_gradient_flow(history)
    assert sorted(assert_apart(figure, 2)) == ["first: 0", "last"]
    assert figure.axes[0].get_title(loc="left") == "first has 0 × the gradient of last"


def test_a_history_without_gradients():
    with pytest.raises(TypeError, match=r"a part of it, such as history\[1:\], has no gradients. Got list"):
        plot_gradient_flow(history())
    with pytest.raises(ValueError, match="holds no gradients"):
        plot_gradient_flow(nn.History())
    changed = nn.History([nn.Epoch(1, 1.0, None, 0.1, 1.0, None, None, 0.0)])
    changed.gradients = {"a": [1.0, 2.0]}
    with pytest.raises(ValueError, match="1 epochs of training, but gradients of 2"):
        plot_gradient_flow(changed)
