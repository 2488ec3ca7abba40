"""What a program shows of itself: equations, costs, times, a picture; and what scalars are rolled into."""

import itertools
import random
import re

import numpy as np
import pytest

import autograd
import visualize
from autograd import Value, trace

rng = random.Random(1)


def layers(*sizes):
    return [
        [([Value(rng.gauss(0.0, 0.5)) for _ in range(n_in)], Value(0.1)) for _ in range(n_out)]
        for n_in, n_out in itertools.pairwise(sizes)
    ]


def by_loops(net, x):
    for layer in net:
        outputs = []
        for weights, bias in layer:
            total = 0.0
            for w, xi in zip(weights, x, strict=True):
                total += w * xi
            outputs.append(autograd.tanh(total + bias))
        x = outputs
    return x


def by_sum(net, x):
    for layer in net:
        x = [autograd.tanh(sum(w * xi for w, xi in zip(ws, x, strict=True)) + b) for ws, b in layer]
    return x


def by_dot(net, x):
    for layer in net:
        x = [autograd.tanh(autograd.dot(ws, x) + b) for ws, b in layer]
    return x


def by_negative_loops(net, x):
    for layer in net:
        outputs = []
        for weights, bias in layer:
            total = bias
            for w, xi in zip(weights, x, strict=True):
                total = total - -(w * xi)
            outputs.append(autograd.tanh(total))
        x = outputs
    return x


def loss_with(network, net):
    return lambda x, t: sum((y - ti) ** 2 for y, ti in zip(network(net, x), t, strict=True))


def names(program):
    return [equation.name for equation in program.equations()]


@pytest.mark.parametrize("network", [by_loops, by_sum, by_dot, by_negative_loops])
def test_however_sums_are_written_they_become_the_same_matrix_products(network):
    program = trace(loss_with(network, layers(5, 4, 4)), [0.0] * 5, [0.0] * 4)
    assert names(program) == ["matmul", "add", "tanh", "matmul", "add", "tanh", "sub", "dot"]


def test_mean_square_and_logsumexp_are_taken_apart():
    xs = [0.1, 0.2, 0.3, 0.4]
    assert names(trace(lambda xs: autograd.mean([x**2 for x in xs]), xs)) == ["dot", "div"]
    found = names(trace(autograd.logsumexp, xs))
    assert found == ["largest", "stop_gradient", "sub", "exp", "sum", "log", "add"]


def test_what_depends_on_parameters_only_has_no_batch():
    weights = [Value(1.0), Value(2.0)]
    program = trace(lambda x: x * autograd.exp(weights[0] * weights[1]), 0.5)
    assert [equation.shape for equation in program.equations()] == ["1", "1", "1 × n"]


def test_a_look_up_in_a_table_of_rows_is_one_matrix_product():
    table = [[Value(rng.random()) for _ in range(4)] for _ in range(6)]
    program = trace(lambda i, j: autograd.dot(autograd.take(table, i), autograd.take(table, j)), 0, 1)
    assert names(program).count("matmul") == 1
    assert program.stats.operations <= 4


def test_attention_is_a_stack_of_matrix_products():
    def f(queries, keys):  # two heads of width 4
        return [
            sum(q[i] * k[i] for i in range(4 * h, 4 * h + 4)) for h in range(2) for q in queries for k in keys
        ]  # fmt: skip

    program = trace(lambda a, b: f(a, b), np.zeros((4, 8)), np.zeros((5, 8)))
    assert [(e.name, e.shape) for e in program.equations()] == [("matmul", "2 × 4 × 5 × n")]


def test_a_band_of_dots_is_no_matrix_product():
    def f(a, b):
        return [autograd.dot(a[i], b[j]) for i in range(10) for j in (i, (i + 1) % 10)]

    program = trace(f, np.zeros((10, 4)).tolist(), np.zeros((10, 4)).tolist())
    assert names(program) == ["dot"]  # of 100 products of all pairs, it would use 20


def test_a_triangle_of_parameters_is_a_matrix_product_for_each_length():
    rows = [[Value(rng.random()) for _ in range(i + 1)] for i in range(8)]
    program = trace(lambda x: [autograd.dot(row, x[: len(row)]) for row in rows], [0.5] * 8)
    assert sorted(names(program)) == [*["matmul"] * 7, "mul"]
    x = np.random.default_rng(1).random((3, 8))
    triangle = np.array([[row[j].data if j < len(row) else 0.0 for j in range(8)] for row in rows])
    assert program(x) == pytest.approx(x @ triangle.T)


def test_print_shows_the_equations_with_their_shapes():
    program = trace(loss_with(by_sum, layers(5, 4, 4)), [0.0] * 5, [0.0] * 4)
    lines = str(program).splitlines()
    assert lines[0].endswith("44 parameters; argument 0 (5,), argument 1 (4,); n examples")
    text = "\n".join(lines)
    assert "%1 : 4 × 1 × n = matmul(parameters (1 × 4 × 5), argument 0 (1 × 1 × 5))" in text
    assert "tanh(%2)" in text
    assert re.search(r"%8 : +1 × n = dot\(%7, %7\)", text)
    assert repr(program) == f"<{lines[0]}>"


def test_print_tells_of_every_path():
    program = trace(lambda x: autograd.log(x) if x > 0.0 else x * x, 1.0)
    program([1.0, -1.0])
    text = str(program)
    assert "path 1" in text
    assert "path 2" in text
    assert "log(argument 0)" in text
    assert "mul(argument 0, argument 0)" in text


def test_rows_that_do_not_lie_evenly_are_said_to_be_gathered():
    program = trace(lambda xs: [autograd.exp(xs[i]) for i in (0, 1, 4)], [0.1] * 5)
    assert "exp(take(argument 0))" in str(program)


def test_stats_count_what_goes_in_and_what_comes_out():
    stats = trace(lambda xs: autograd.dot(xs, xs) + 1.0, [1.0, 2.0, 3.0]).stats
    assert (stats.nodes, stats.operations) == (2, 2)
    assert stats.flops == 6 + 1
    assert stats.bytes == 8 * (1 + 3 + 2)  # a constant, three inputs, two results


def test_profile_has_two_times_for_every_equation():
    program = trace(loss_with(by_sum, layers(5, 4, 4)), [0.0] * 5, [0.0] * 4)
    before = program.value_and_grad(np.ones((8, 5)), np.ones((8, 4)))
    text = program.profile(np.ones((8, 5)), np.ones((8, 4)), repeat=2)
    assert len(re.findall(r"^ +\d+\.\d +\d+\.\d +%\d+ :", text, re.M)) == 8
    after = program.value_and_grad(np.ones((8, 5)), np.ones((8, 4)))
    np.testing.assert_array_equal(before[1], after[1])


def steps(x):
    for _ in range(600):
        x = x + 0.01 * autograd.sin(x)
    return x


@pytest.mark.skipif(autograd.engine() != "native", reason="straight-line code is C")
def test_a_sequence_of_steps_is_said_to_run_as_straight_line_code():
    program = trace(steps, 1.0)
    text = str(program)
    assert re.search(r"one after the other: up to \d+ examples run as straight-line code in C, more as array", text)
    assert program.stats.operations > 1000  # which rolls it
    assert len(str(program).splitlines()) == len(text.splitlines())
    assert "%1" not in text


def test_a_sequence_of_steps_gives_what_the_steps_give():
    x = Value(1.0)
    y = steps(x)
    y.backward()
    value, slope = trace(steps, 0.5).value_and_grad(1.0)
    assert value == pytest.approx(y.data, rel=1e-12)
    assert slope == pytest.approx(x.grad, rel=1e-12)


# ---------------------------------------------------------------- the picture


def test_a_drawing_has_a_box_for_every_equation_and_its_operands():
    program = trace(loss_with(by_sum, layers(5, 4, 4)), [0.0] * 5, [0.0] * 4)
    source = visualize.draw(program, title="a < b").source
    assert len(re.findall(r"^\te\d+ \[", source, re.M)) == 8
    assert "e7 -> e8" in source
    assert "argument_0 -> e1" in source
    assert "parameters_of_1 -> e1" in source
    assert "a < b" not in source  # a label is data, never markup


def test_gathered_operands_have_dashed_edges():
    source = visualize.draw(trace(lambda xs: [autograd.exp(xs[i]) for i in (0, 1, 4)], [0.1] * 5)).source
    assert re.search(r"argument_0 -> e1 \[.*gather.*style=dashed", source)


def test_a_program_too_large_to_draw_is_refused_with_the_way_out():
    program = trace(loss_with(by_sum, layers(5, 4, 4)), [0.0] * 5, [0.0] * 4)
    with pytest.raises(visualize.GraphTooLarge, match=r"8 array operations.*print\(program\).*limit=8"):
        visualize.draw(program, limit=3)


def test_a_program_can_be_rendered(tmp_path):
    program = trace(lambda x: x * x, 1.0)
    visualize.render(program, tmp_path / "p.svg", title="square")
    assert "square" in (tmp_path / "p.svg").read_text(encoding="utf-8")


def test_steps_of_no_examples_or_of_no_path_are_refused():
    program = trace(lambda x: x * x, 1.0)
    with pytest.raises(ValueError, match="at least 1, got 'a'"):
        program.steps("a")
    with pytest.raises(ValueError, match="there are 1 paths, counted from 0, got 4"):
        program.steps(3, path=4)
