import builtins
import math
from types import SimpleNamespace

import numpy as np
import pytest

from visualize import (
    plot_confusion_matrix,
    plot_decision_boundary,
    plot_digits,
    plot_histories,
    plot_history,
    plot_predictions,
    plots,
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


def test_last_values_do_not_hide_each_other():
    figure = plot_history(history(validation_loss=0.2501))
    lower, upper = sorted(text.get_position()[1] for text in figure.axes[0].texts)
    assert upper - lower > 10


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
    assert plots._percentage(p) == text


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


def test_a_notebook_shows_a_figure_by_itself():
    figure = plot_predictions([1.0, 2.0], [1.0, 2.0])
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["$x^$", "a_b$", "$$", "50 $ or more", "\\frac{"])
def test_names_are_no_formulas(name, tmp_path):
    figures = [
        plot_confusion_matrix([[1, 0], [0, 1]], [name, "other"], title=name),
        plot_digits(np.zeros((1, 2, 2)), [0], [[0.5, 0.5]], class_names=[name, "other"], title=name),
        plot_histories({name: history()}, title=name),
        plot_decision_boundary(
            lambda x: x[0], [[0.0, 0.0], [1.0, 1.0]], [0, 1], class_names=[name, "other"], title=name
        ),
    ]
    for i, figure in enumerate(figures):
        save_figure(figure, tmp_path / f"{i}.svg")
