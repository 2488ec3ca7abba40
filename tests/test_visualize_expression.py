import re
import subprocess
import sys

import pytest

import autograd
from autograd import DomainError, Value, topological
from visualize import ExpressionError, evaluate
from visualize.__main__ import main

GOOD = [
    ("x", {"x": 2}, 2.0),
    ("  x\n+ 1\t", {"x": 2}, 3.0),
    ("-x ** 2", {"x": 3}, -9.0),
    ("+x - -1", {"x": 3}, 4.0),
    ("2 * (a + b) / c", {"a": 1, "b": 2, "c": 4}, 1.5),
    ("2 ** 3 ** 2", {}, 512.0),
    ("1e3 + 0x10 + 1_000", {}, 2016.0),
    ("tanh(w*x + b)", {"w": 2, "x": 0.5, "b": -1}, 0.0),
    ("maximum(a, b) + minimum(a, 1)", {"a": 3, "b": 4}, 5.0),
    ("sum([a, b, 1]) + mean([a, b])", {"a": 1, "b": 3}, 7.0),
    ("dot([a, b], [b, 2])", {"a": 1, "b": 3}, 9.0),
    ("logsumexp([x, x]) - x", {"x": 1000}, 0.6931471805598903),
    ("where(x > 0, x, -x)", {"x": -3}, 3.0),
    ("where(x, 1, 2)", {"x": 0}, 2.0),
    ("where(x <= y, 1, 2) + where(x >= y, 1, 2) + where(x < y, 1, 2)", {"x": 0, "y": 1}, 4.0),
    ("leaky_relu(x)", {"x": -1}, -0.01),
    ("λ * größe", {"λ": 2, "größe": 3}, 6.0),
    ("µ * 2", {"µ": 3}, 6.0),  # micro sign: Python reads it as the Greek letter
    ("tanh + 1", {"tanh": 3}, 4.0),
]


@pytest.mark.parametrize(("text", "values", "y"), GOOD)
def test_good_expressions(text, values, y):
    result = evaluate(text, **values)
    assert isinstance(result, Value)
    assert result.data == y


def test_names_become_labelled_leaves_and_each_is_one_value():
    y = evaluate("x * x + y", x=3, y=1)
    y.backward()
    assert {v.label: v.grad for v in topological(y) if v.is_leaf} == {"x": 6.0, "y": 1.0}


def test_a_value_is_used_as_it_is():
    x = Value(3.0, "mine")
    evaluate("x ** 2", x=x).backward()
    assert x.grad == 6.0
    assert x.label == "mine"


def test_the_graph_is_what_is_written():
    y = evaluate("a / b", a=1, b=2)
    assert y.primitive is autograd.div


def test_a_primitive_of_ones_own(own_rows):
    autograd.primitive("cube", lambda x: x**3, None, lambda x, y: 3.0 * x * x)
    assert evaluate("cube(x)", x=2).data == 8.0


def test_a_long_sum_is_no_problem():
    text = " + ".join(["x"] * 600)
    assert evaluate(text, x=1).data == 600.0


# The caret line, as offset and length, and what the message says.
BAD = [
    ("", {}, None, "empty"),
    ("   ", {}, None, "empty"),
    ("x +", {"x": 1}, (3, 1), "cannot read this"),
    ("2x", {"x": 1}, (0, 1), "write 2*x"),
    ("(x", {"x": 1}, (0, 1), "never closed"),
    ("x y", {"x": 1}, (2, 1), "cannot read this"),
    ("w * q", {"w": 1}, (4, 1), "q has no value: give it as q=2. Known: w."),
    ("q", {}, (0, 1), "q has no value: give it as q=2."),
    ("ä*ö*weihgt", {"ä": 1, "ö": 1, "weight": 2}, (4, 6), "Did you mean weight?"),
    ("tahn(x)", {"x": 1}, (0, 4), "there is no function tahn. Did you mean tan or tanh"),
    ("1 + qqqq(x)", {"x": 1}, (4, 4), "Known: add,"),
    ("ratio(x, 2)", {"x": 1}, (0, 5), "no function ratio"),
    ("tanh * 2", {}, (0, 4), "tanh is a function: write tanh(...)"),
    ("x ^ 2", {"x": 1}, (2, 1), "for a power write **"),
    ("x % 2", {"x": 1}, (0, 5), "no meaning"),
    ("x // 2", {"x": 1}, (0, 6), "no meaning"),
    ("~x", {"x": 1}, (0, 2), "no meaning"),
    ("not x", {"x": 1}, (0, 5), "no meaning"),
    ("x and x", {"x": 1}, (0, 7), "no meaning"),
    ("x if x else x", {"x": 1}, (0, 13), "no meaning"),
    ("x.data", {"x": 1}, (0, 6), "no meaning"),
    ("x[0]", {"x": 1}, (0, 4), "no meaning"),
    ("(x, x)", {"x": 1}, (0, 6), "no meaning"),
    ("lambda: x", {"x": 1}, (0, 9), "no meaning"),
    ("[x for x in x]", {"x": 1}, (0, 14), "no meaning"),
    ("__import__('os')", {}, (11, 4), "not a number"),
    ("open(x)", {"x": 1}, (0, 4), "no function open"),
    ("x.__class__(1)", {"x": 1}, (0, 14), "no meaning"),
    ("f'{x}'", {"x": 1}, (0, 6), "no meaning"),
    ("'x'", {}, (0, 3), "not a number"),
    ("True", {}, (0, 4), "not a number"),
    ("None + 1", {}, (0, 4), "not a number"),
    ("2j", {}, (0, 2), "no meaning"),
    ("...", {}, (0, 3), "no meaning"),
    ("1e999 * x", {"x": 1}, (0, 5), "too large for a float"),
    ("1" + "0" * 400, {}, (0, 76), "too large for a float"),
    ("x > 0", {"x": 1}, (0, 5), "where(condition, a, b)"),
    ("1 + (x > 0)", {"x": 1}, (5, 5), "where(condition, a, b)"),
    ("where(0 < x < 1, x, x)", {"x": 1}, (6, 9), "two numbers"),
    ("where(x == 0, x, x)", {"x": 1}, (6, 6), "two numbers"),
    ("where(1, x > 0, x)", {"x": 1}, (9, 5), "where(condition, a, b)"),
    ("[x]", {"x": 1}, (0, 3), "a list stands only inside"),
    ("tanh([x])", {"x": 1}, (5, 3), "a list stands only inside"),
    ("sum(x, x)", {"x": 1}, (4, 1), "sum takes lists: write sum([a, b])"),
    ("dot(x, [x])", {"x": 1}, (4, 1), "write dot([a, b], [c, d])"),
    ("sum([[x]])", {"x": 1}, (5, 3), "a list stands only inside"),
    ("dot([x], [x, x])", {"x": 1}, (0, 16), "equally long"),
    ("tanh()", {}, (0, 6), "takes 1 argument, got 0"),
    ("tanh(x, x)", {"x": 1}, (0, 10), "takes 1 argument, got 2"),
    ("tanh(x=x)", {"x": 1}, (7, 1), "without names"),
    ("tanh(*x)", {"x": 1}, (5, 2), "no meaning"),
    ("1 + log(x - 2)", {"x": 1}, (4, 10), "log: argument must be > 0, got -1.0"),
    ("x / (1 - 1)", {"x": 1}, (0, 11), "divisor must not be 0"),
    ("9 ** 9 ** 9 ** 9", {}, (5, 11), "too large for a float"),
    ("(-8) ** 0.5", {}, (0, 11), "negative base"),
    ("漢 + q", {"漢": 1}, (5, 1), "q has no value"),  # a wide character takes two places
]


@pytest.mark.parametrize(("text", "values", "caret", "says"), BAD)
def test_bad_expressions(text, values, caret, says):
    with pytest.raises(ExpressionError, match=re.escape(says)) as caught:
        evaluate(text, **values)
    lines = str(caught.value).splitlines()
    if caret is not None:
        start, length = caret
        assert lines[-1] == "  " + " " * start + "^" * length
        assert lines[-2].startswith("  " + text.strip()[:76])


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000,
        "(" * 150 + "x" + ")" * 149,
        "1" + "+1" * 20000,
        "-" * 20000 + "x",
        "x**" * 5000 + "x",
        "x\x00",
        "x\ud800",
    ],
)
def test_what_the_parser_cannot_take_is_an_expression_error(text):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, x=1)
    assert len(str(caught.value)) < 500
    assert "^" in str(caught.value)


def test_a_long_expression_is_shown_around_the_caret():
    with pytest.raises(ExpressionError) as caught:
        evaluate("x + " * 100 + "quark" + " + x" * 100, x=1)
    *_, shown, carets = str(caught.value).splitlines()
    assert len(shown) < 90
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "quark"


def test_the_cause_is_kept():
    with pytest.raises(ExpressionError) as caught:
        evaluate("sqrt(x)", x=-1)
    assert isinstance(caught.value.__cause__, DomainError)


def test_a_value_without_a_name_in_the_expression():
    with pytest.raises(ExpressionError, match="z: a value is given, but the expression has no such name: x"):
        evaluate("x", x=1, z=2)


def test_only_text_and_numbers():
    with pytest.raises(TypeError, match="must be text"):
        evaluate(3)
    with pytest.raises(TypeError, match="real number"):
        evaluate("x", x="3")


# ---------------------------------------------------------------- the command


def test_the_command_draws_and_tells(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tanh(w*x + b)", "w=2", "x=0.5", "b=-1", "-o", "out.svg"]) == 0
    output = capsys.readouterr().out
    assert output.splitlines() == [
        "tanh(w*x + b) = 0",
        "   value  gradient",
        "w      2       0.5",
        "x    0.5         2",
        "b     -1         1",
        "picture: out.svg",
    ]
    assert "<svg" in (tmp_path / "out.svg").read_text(encoding="utf-8")


def test_the_command_writes_out_svg_by_default(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["2*3"]) == 0
    assert capsys.readouterr().out.splitlines() == ["2*3 = 6", "picture: out.svg"]
    assert (tmp_path / "out.svg").exists()


def test_options_of_the_command(tmp_path, capsys):
    out = tmp_path / "out.dot"
    words = ["--orientation", "TB", "--precision", "2", "--no-gradients", "--no-constants", "--title", "a title"]
    assert main(["x/3", "x=1", "-o", str(out), *words, "--no-data", "--no-contributions"]) == 0
    source = out.read_text(encoding="utf-8")
    assert "rankdir=TB" in source
    assert "a&#160;title" in source
    assert "×" not in source
    assert ">grad" not in source


@pytest.mark.parametrize("text", ["-w*x", "-w * x", "-x*w"])
def test_an_expression_may_start_with_a_minus(tmp_path, capsys, text):
    assert main([text, "w=2", "x=-3", f"-o{tmp_path / 'a.dot'}"]) == 0
    assert capsys.readouterr().out.startswith(f"{text} = 6\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["x +", "x=1"], "cannot read this"),
        (["w*x", "w=2"], "x has no value: give it as x=2"),
        (["w", "w=abc"], "w=abc: 'abc' is not a number; give w as in w=2"),
        (["w", "w=inf"], "finite"),
        (["w", "w=1", "w=2"], "given twice"),
        (["w", "w"], "NAME=NUMBER"),
        (["w", "2=w"], "NAME=NUMBER"),
        (["x", "x=1", "-o", "out.jpg"], "must end in one of"),
        (["x", "x=1", "-o", "nowhere/out.svg"], "there is no folder nowhere"),
        (["x", "x=1", "--orientation", "up"], "orientation must be one of"),
        (["x", "x=1", "--precision", "many"], "invalid int value"),
        (["x", "x=1", "--precision", "99"], "1 to 17"),
        (["x+x+x", "x=1", "--limit", "0"], "limit"),
        (["x", "x=1", "--colour"], "--colour"),
        ([], "expression"),
        (["log(x)", "x=-1"], "log: argument must be > 0"),
        (["atan2(x, x)", "x=0"], "has no derivative"),
        (["x", "x=1", "y=2"], "the expression has no such name"),
    ],
)
def test_bad_input_is_one_error_and_exit_code_2(tmp_path, capsys, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.startswith("visualize: ")
    assert captured.err.count("visualize: ") == 1
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_renderer_the_command_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("visualize.renderer._program", lambda: None)
    assert main(["x", "x=1", "-o", str(tmp_path / "x.svg")]) == 2
    assert "pip install graphviz-pure" in capsys.readouterr().err
    assert (tmp_path / "x.dot").exists()


def test_the_module_is_a_command(tmp_path):
    command = [sys.executable, "-m", "visualize", "x *", "x=1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-2:] == ["  x *", "     ^"]


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "tanh(w*x + b)" in capsys.readouterr().out
