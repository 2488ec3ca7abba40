"""Circuits whose gradients stand in books and lecture notes."""

import pytest

import autograd
from autograd import Value, check_gradients


def gradients(root, *values):
    root.backward()
    return [value.grad for value in values]


def test_the_expression_in_the_readme_of_micrograd():
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_cs231n_sum_times_z():
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    q = x + y
    assert gradients(q * z, x, y, z, q) == [-4.0, -4.0, 3.0, -4.0]


@pytest.mark.parametrize("neuron", ["method", "row", "spelled out", "dot"])
def test_cs231n_sigmoid_neuron(neuron):
    ws, xs = [Value(2.0), Value(-3.0), Value(-3.0)], [Value(-1.0), Value(-2.0)]
    s = autograd.dot(ws, [*xs, 1.0]) if neuron == "dot" else ws[0] * xs[0] + ws[1] * xs[1] + ws[2]
    y = (
        s.sigmoid()
        if neuron == "method"
        else 1 / (1 + autograd.exp(-s))
        if neuron == "spelled out"
        else autograd.sigmoid(s)
    )
    assert round(y.data, 2) == 0.73
    found = gradients(y, *ws, *xs)
    assert [round(g, 4) for g in found] == [-0.1966, -0.3932, 0.1966, 0.3932, -0.5898]


def test_cs231n_max_circuit():
    x, y, z, w = Value(3.0), Value(-4.0), Value(2.0), Value(-1.0)
    assert gradients(2 * (x * y + autograd.maximum(z, w)), x, y, z, w) == [-8.0, 6.0, 2.0, 0.0]
    x, y, z, w = Value(3.0), Value(-4.0), Value(2.0), Value(-1.0)
    assert gradients(2 * (x * y + max(z, w)), x, y, z, w) == [-8.0, 6.0, 2.0, 0.0]


def test_karpathys_tanh_neuron():
    x1, x2, w1, w2, b = (Value(v) for v in (2.0, 0.0, -3.0, 1.0, 6.8813735870195432))
    n = x1 * w1 + x2 * w2 + b
    o = n.tanh()
    assert o.data == pytest.approx(0.7071067811865476, rel=1e-15)
    assert gradients(o, x1, w1, x2, w2, n) == pytest.approx([-1.5, 1.0, 0.5, 0.0, 0.5], abs=1e-15)


def test_the_speelpenning_product():
    xs = [Value(1.0 + 0.1 * i) for i in range(10)]
    product = xs[0]
    for x in xs[1:]:
        product = product * x
    assert gradients(product, *xs) == pytest.approx([product.data / x.data for x in xs], rel=1e-14)


def test_the_example_of_the_survey_by_baydin_and_others():
    def f(x1, x2):
        return autograd.log(x1) + x1 * x2 - autograd.sin(x2)

    x1, x2 = Value(2.0), Value(5.0)
    y = f(x1, x2)
    assert round(y.data, 3) == 11.652
    assert [round(g, 3) for g in gradients(y, x1, x2)] == [5.5, 1.716]
    check_gradients(f, 2.0, 5.0)


def test_rosenbrock():
    x, y = Value(-1.2), Value(1.0)
    assert gradients((1 - x) ** 2 + 100 * (y - x**2) ** 2, x, y) == pytest.approx([-215.6, -88.0], rel=1e-13)
