"""Parts of large graphs."""

import numpy as np
import pytest

import autograd
from autograd import Value
from visualize import GraphTooLarge, focus, path, search


def deep(n=2000):
    x, w = Value(0.5, "x"), Value(1.01, "w")
    y, kept = x, []
    for _ in range(n):
        y = autograd.tanh(y * w)
        kept.append(y)
    y.backward()
    return x, w, y, kept


def test_around_a_node():
    _x, w, y, kept = deep()
    drawing = focus(y, kept[1000], hops=1)
    assert [box.symbol for box in drawing.scene.boxes] == ["*", "tanh", "*"]
    assert len(focus(y, kept[1000], hops=6).scene.boxes) == 14  # with w, and not through it
    assert len(focus(y, kept[1000], hops=0).scene.boxes) == 1
    assert len(focus(y, kept[1000], hops=np.int64(1)).scene.boxes) == 3
    assert drawing.scene.notes == ("a part: 3 of 4,002 nodes, and only the arrows between them",)
    (edge, _) = drawing.scene.arrows
    assert edge.equation[1]  # contributions are shown
    with pytest.raises(GraphTooLarge):
        focus(y, w, hops=2)  # w is used everywhere


def test_between_two_nodes():
    x, w, b = Value(0.5, "x"), Value(2.0, "w"), Value(0.1, "b")
    h = autograd.tanh(x * w)
    y = h * b + autograd.sin(w)
    y.label = "y"
    assert [(*box.label, box.symbol) for box in path(y, x, title="x to y").scene.boxes] == [
        ("x", ""), ("*",), ("tanh",), ("*",), ("y", "+"),
    ]  # fmt: skip
    assert len(path(y, w).scene.boxes) == 6
    assert len(path(y, y).scene.boxes) == 1
    assert path(h, x).scene.notes != ()
    chain = autograd.exp(autograd.sin(x))
    assert path(chain, x).scene.notes == ()  # it is the whole


def test_options_are_those_of_draw():
    x = Value(0.5, "x")
    y = autograd.tanh(x * 3.0) * x
    for constants in (True, False):
        boxes = path(y, x, constants=constants, orientation="TB", precision=2, data=False, parameters=[x]).scene.boxes
        assert [(b.kind, b.symbol) for b in boxes][:2] == [
            ("parameter", ""),
            ("operation", "× 3" if constants else "*"),
        ]


def test_what_has_a_name():
    x, w, y, kept = deep(10)
    assert search(y, label="w") == [w]
    assert set(search(y, label="?")) == {x, w}
    assert len(search(y, operation="tanh")) == 10
    assert search(y, where=lambda v: v is kept[3]) == [kept[3]]
    assert search(y, label="nothing") == []


def test_brackets_are_letters_of_a_label():
    w, v, x, z = (Value(1.0, name) for name in ("w[0]", "w[1]", "x", "[x]"))
    y = w * v + x * z
    assert search(y, label="w[0]") == [w]
    assert search(y, label="w[?]") == [w, v]
    assert search(y, label="[x]") == [z]
    assert search(y, label="[!w]*") == []


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: focus(3.0, Value(1.0)), TypeError, "focus: takes a Value"),
        (lambda: focus(Value(1.0) * 2.0, Value(1.0)), ValueError, "focus: around is not in the graph"),
        (lambda: focus(*[Value(1.0)] * 2, hops=-1), ValueError, "hops"),
        (lambda: path(Value(1.0) * 2.0, Value(1.0)), ValueError, "path: x is not in the graph"),
        (lambda: focus(*[Value(1.0)] * 2, hop=1), TypeError, "focus: there is no option 'hop'; there are orientation"),
        (lambda: path(*[Value(1.0)] * 2, orientation="up"), ValueError, "path: orientation must be one of LR"),
        (lambda: path(*[Value(1.0)] * 2, precision=0), ValueError, "path: precision"),
        (
            lambda: search(Value(1.0) * 2.0, operation="Tanh"),
            ValueError,
            "no operation 'Tanh'; in this graph there are mul",
        ),
        (lambda: search(Value(1.0), label=3), TypeError, "label must be a string"),
        (lambda: search(Value(1.0), where=3), TypeError, "search: where must be a function of a Value"),
        (lambda: search(Value(1.0), operation="foo"), ValueError, "no operation 'foo'; this graph is a leaf"),
        (lambda: focus(*[Value(1.0)] * 2, hops=1.0), ValueError, "hops"),
        (lambda: path(Value(1.0), None), TypeError, "path: takes a Value"),
        (lambda: search(Value(1.0)), TypeError, "say what to look for"),
        (lambda: search(None, label="x"), TypeError, "search: takes a Value"),
    ],
)
def test_wrong_use_is_a_clear_error(call, error, says):
    with pytest.raises(error, match=says):
        call()


def symbols(drawing):
    return [box.symbol for box in drawing.scene.boxes]


def test_of_an_operation_some_of_whose_arguments_are_elsewhere_no_argument_is_made_up():
    w, v, x, u = (Value(0.1 * k, name) for k, name in enumerate("wvxu"))
    assert symbols(path(autograd.dot([w, v, w], [x, u, x]), v)) == ["", "dot"]
    assert symbols(path(autograd.where(w, v, 3.0), v)) == ["", "where"]
    assert symbols(path(autograd.dot([w, 2.0], [x, u]), x)) == ["", "dot"]
    assert symbols(path(w + v + x + u, v)) == ["", "Σ"]
    assert symbols(path(v**2.0, v)) == ["", "v²"]


def test_a_part_with_a_derivative_in_it():
    x = Value(0.7, "x")
    y = autograd.derivative(lambda z: autograd.tanh(z * x))(x)
    assert len(symbols(path(y, x))) > 3
    assert symbols(focus(y, around=x, hops=1))
