"""Worksheets: what is printed is right and can be computed, what is asked for is what is graded."""

import json
import math
import operator
import re

import mpmath
import pytest
from reference import REFERENCE

import autograd
from autograd import TABLE, Value, primitives
from visualize import ExpressionError, worksheet, worksheets
from visualize.__main__ import main
from visualize.description import describe
from visualize.exercise import MOST
from visualize.spelling import NOTES, WORD
from visualize.timeline import named

EXPRESSIONS = [
    "tanh(w*x+b)", "x*x", "(a+b)*(b+c)", "log(1+exp(x))", "sin(x)*x**2", "relu(w*x) + abs(b)", "maximum(a,b)*c",
    "1/(1+exp(-(w*x+b)))", "sqrt(x)", "2**x - x**-1.5/(a-2)", "dot([w, u], [x, 2]) + mean([w, x, u])", "a - -2*b",
    "tanh(w1*x1+w2*x2+b)*u1 + exp(0.1*w3*x1+w4*x2+c)*u2 - sqrt(u1**2+u2**2)", "sum([a, b, c, 1, a*b])",
    "x**n", "cos(x)**3",
]  # fmt: skip

FUNCTIONS = REFERENCE | {
    "mean": lambda xs: sum(xs) / len(xs), "sum": sum, "dot": lambda xs, ys: sum(map(operator.mul, xs, ys)),
    "π": mpmath.pi, "Φ": mpmath.ncdf, "φ": mpmath.npdf,
}  # fmt: skip
UP, DOWN = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"
SIGNS = [
    ("·", "*"),
    ("−", "-"),
    ("^", "**"),
    (", else", " else"),
    ("≠", "!="),
    ("≤", "<="),
    ("⌊", "floor("),
    ("⌋", ")"),
]


def python_of(formula):
    """A formula of a sheet as Python."""
    formula = re.sub(f"[{UP}]+", lambda m: f"**({m[0].translate(str.maketrans(UP, DOWN))})", formula)
    formula = re.sub(r"∂(\w+)/∂(\w+)", r"D_\1_\2", formula)
    formula = re.sub(r"\|(\w+)\|", r"abs(\1)", re.sub(r"√(\w+|\(.*?\))", r"sqrt(\1)", formula))
    formula = re.sub(r"(\w+) ([<>]) (\w+), ½ at a tie", r"\1 \2 \3 else 0.5 if \1 == \3", formula)
    for sign, python in SIGNS:
        formula = formula.replace(sign, python)
    return re.sub(r"( if [^,()]*), (?=[^()]* if )", r"\1 else ", formula)


def by_hand(ws, names=()):
    """Every number of a sheet, by the formulas that are printed on it."""
    known = {q.name: mpmath.mpf(q.value) for q in ws.exercise.leaves}
    root = ws.exercise.quantities[-1].name
    known[f"D_{root}_{root}"] = mpmath.mpf(1)
    numbers = {}
    for step in ws.exercise.steps:
        sign = python_of(ws.exercise.sign(step))
        known[sign] = eval(python_of(ws.exercise.formula(step)), {**FUNCTIONS, **dict(names)}, known)
        numbers[step.keys[-1]] = float(known[sign])
    return numbers


def gradient(text, numbers, name):
    def f(x):
        return eval(text, {**FUNCTIONS}, {**numbers, name: x})

    return float(mpmath.diff(f, numbers[name]))


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.parametrize("seed", range(4))
def test_the_printed_formulas_give_the_answers_and_those_are_the_gradients(text, seed):
    ws = worksheet(text, seed=seed)
    with mpmath.workdps(30):
        for key, x in by_hand(ws).items():
            assert ws.answers[key] == pytest.approx(x, rel=1e-10, abs=1e-12), (text, key)
        numbers = {name: mpmath.mpf(x) for name, x in ws.numbers.items()}
        assert ws.answers["y"] == pytest.approx(float(eval(text, {**FUNCTIONS}, numbers)), rel=1e-10)
        for name in numbers:
            assert ws.answers[f"d{name}"] == pytest.approx(gradient(text, numbers, name), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_contributions_add_up_to_the_gradient(text):
    ws = worksheet(text, seed=1)
    for step in ws.exercise.steps:
        if len(step.keys) > 1:
            *parts, whole = (ws.answers[key] for key in step.keys)
            assert sum(parts) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_numbers_are_short_moderate_and_away_from_corners(text):
    for seed in range(10):
        ws = worksheet(text, seed=seed)
        assert ws.numbers == worksheet(text, seed=seed).numbers
        assert all(abs(x) <= 20 and x == round(x, 1) and x not in (0, 1, -1) for x in ws.numbers.values())
        assert all(x == 0 or 0.001 < abs(x) < 1000 for x in ws.answers.values()), (ws.numbers, ws.answers)
        assert "corner" not in "".join(ws.notes)
        assert any(ws.answers[f"d{name}"] for name in ws.numbers)


def test_seeds_give_different_numbers():
    assert len({tuple(worksheet("tanh(w*x+b)", seed=seed).numbers.values()) for seed in range(20)}) > 15


def test_numbers_that_are_given_are_taken():
    ws = worksheet("tanh(w*x+b)", w=2, x=0.5, b=-1.5)
    assert ws.numbers == {"w": 2.0, "x": 0.5, "b": -1.5}
    assert worksheet("w*x", w=2, seed=5).numbers["w"] == 2.0
    assert worksheet("seed*x", at={"seed": 2, "x": 3}).answers["y"] == 6.0


SHEET = """\
y = tanh(w*x + b)*x

Given: w = 2, x = 0.5, b = −1.5
Fill in the blanks, from top to bottom. Round to 3 significant digits, but go on with
the unrounded number.
tanh(x) is (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ); many calculators have a key for it.

Forward pass
1. v1 = w · x = ______
2. v2 = v1 + b = ______
3. v3 = tanh(v2) = ______
4. y = v3 · x = ______

Backward pass, from ∂y/∂y = 1
Chain rule: the gradient that arrives from above, times the slope of the operation. What
a number gets from several places adds up.
5. ∂y/∂v3 = x = ______
6. ∂y/∂v2 = ∂y/∂v3 · (1 − v3²) = ______
7. ∂y/∂b = ∂y/∂v2 · 1 = ______
8. ∂y/∂v1 = ∂y/∂v2 · 1 = ______
9. ∂y/∂x = ∂y/∂v1 · w + v3 = ______ + ______ = ______
10. ∂y/∂w = ∂y/∂v1 · x = ______

Answers
1. v1 = w · x = 2 · 0.5 = 1
2. v2 = v1 + b = 1 + (−1.5) = −0.5
3. v3 = tanh(v2) = tanh(−0.5) ≈ −0.462
4. y = v3 · x = −0.462 · 0.5 ≈ −0.231
5. ∂y/∂v3 = x = 0.5
6. ∂y/∂v2 = ∂y/∂v3 · (1 − v3²) = 0.5 · (1 − (−0.462)²) ≈ 0.393
7. ∂y/∂b = ∂y/∂v2 · 1 = 0.393 · 1 ≈ 0.393
8. ∂y/∂v1 = ∂y/∂v2 · 1 = 0.393 · 1 ≈ 0.393
9. ∂y/∂x = ∂y/∂v1 · w + v3 = 0.393 · 2 + (−0.462) = 0.786 + (−0.462) ≈ 0.324
10. ∂y/∂w = ∂y/∂v1 · x = 0.393 · 0.5 ≈ 0.197"""


def test_a_whole_sheet():
    ws = worksheet("tanh(w*x + b)*x", w=2, x=0.5, b=-1.5)
    assert re.sub(r"(?m)^ ", "", ws.text(answers=True)) == SHEET
    assert str(ws) == ws.text() == ws.text(answers=True).partition("\n\nAnswers")[0]


def test_blanks_and_hints():
    everything = worksheet("tanh(w*x+b)", seed=3)
    backward = worksheet("tanh(w*x+b)", seed=3, blanks="backward")
    assert backward.asked == tuple(key for key in everything.asked if key.startswith("d"))
    assert "v1 = w · x = −0.8\n" in backward.text()
    some = worksheet("tanh(w*x+b)", seed=3, blanks="some")
    assert set(some.asked) < set(everything.asked)
    assert some.asked[-1] == "dw"
    assert some.text().count("______") == len(some.asked)
    assert "∂y/∂v1 = ______" in worksheet("tanh(w*x+b)", hints=False).text()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_names_are_those_of_the_explorer(text):
    ws = worksheet(text, seed=2)
    value = autograd_value(text, ws.numbers)
    value.label = "y"
    _, folded = named(describe(value))
    assert [q.name for q in ws.exercise.quantities] == [node.label for node in folded.nodes]


def autograd_value(text, numbers):
    from visualize import evaluate

    return evaluate(text, **numbers)


# ---------------------------------------------------------------- Values and functions


def test_a_value_keeps_its_gradients_and_its_names():
    x, w = Value(0.5, "x"), Value(2.0)
    h = x * w
    h.label = "hidden layer"
    ws = worksheet(autograd.tanh(h) + x)
    assert ws.numbers == {"x": 0.5, "v1": 2.0}
    assert ws.asked == ("hidden_layer", "v2", "y", "dv2", "dhidden_layer", "dv1", "dx_1", "dx_2", "dx")
    assert "∂y/∂v1 = ∂y/∂(hidden layer) · x" in ws.text()
    assert not x.has_grad
    assert ws.answers["dx"] == pytest.approx(1 + 2 * (1 - math.tanh(1) ** 2))


def test_a_function():
    ws = worksheet(lambda w, x: sum(a * b for a, b in zip(w, x, strict=True)), at=[[1.5, 2.0], [3.0, 0.5]])
    assert ws.numbers == {"w[0]": 1.5, "x[0]": 3.0, "w[1]": 2.0, "x[1]": 0.5}
    assert "v1 = w[0] · x[0]" in ws.text()
    assert ws.answers["dw_0_"] == 3.0


def test_the_computation_of_a_sheet_can_be_drawn():
    ws = worksheet("dot([a, b], [b, 2]) + sum([a, b, 1]) + tanh(a)", seed=1)
    ws.value.backward()
    leaves = {v.label: v.grad for v in autograd.topological(ws.value) if v.is_leaf}
    assert leaves == pytest.approx({name: ws.answers[f"d{name}"] for name in ws.numbers})


def test_long_numbers_are_shortened():
    assert "0.333333," in worksheet(Value(1 / 3, "a") * Value(2.0, "b")).text()


# ---------------------------------------------------------------- every function


ROWS = [row for row in TABLE.values() if row.public and row.rule is None and row.name not in ("stop_gradient", "where")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_function_is_spelled_explained_and_right(row):
    names = "abc"[: row.arity]
    shares = (0.37, 0.42, 0.61)
    point = {
        n: round(low + x * (high - low), 2)
        for n, x, (low, high) in zip(names, shares, row.domain.samples, strict=False)
    }
    ws = worksheet(f"{row.name}({', '.join(names)}) * 1.5", at=point)
    plain = ["v1", "y", "if", "else", "π", "φ", "½", "at", "a", "tie"]
    for step in ws.exercise.steps:
        assert set(WORD.findall(ws.exercise.formula(step))) <= {*NOTES, *names, *plain}
    for key, x in by_hand(ws).items():
        assert ws.answers[key] == pytest.approx(x, rel=1e-9, abs=1e-12), key
    assert ws.grade(ws.answers).points == len(ws.asked)


def test_notes_are_about_functions_of_the_table():
    assert {name for name in NOTES if name != "Φ"} <= set(TABLE) | {"x"}
    assert all(hasattr(primitives, name) for name in NOTES if name != "Φ")


def test_a_primitive_of_ones_own(own_rows):
    autograd.primitive("cube", lambda x: x**3, None, lambda x, y: 3.0 * x * x)
    ws = worksheet("cube(x) * 2", x=2)
    assert "∂y/∂x = ∂y/∂v1 · 12" in ws.text()
    assert ws.answers["dx"] == 24.0


def test_a_corner_is_told():
    assert (
        "relu(v1) is at a corner, where the derivative is a convention: 0 at x = 0"
        in worksheet("relu(w*x)+b", w=0, x=1, b=2).text()
    )


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("maximum(a, b)*3", {"a": 2, "b": 2}), ("minimum(a, b)*3", {"a": -2, "b": -2}), ("abs(a)*3", {"a": 0}),
        ("relu(a)*3", {"a": 0}), ("clip(a, b, c)*3", {"a": 1, "b": 1, "c": 2}), ("clip(a, 0, 2)*3", {"a": 2}),
        ("leaky_relu(a, 0.1)*3", {"a": 0}), ("where(a, b, c)*3", {"a": 0, "b": 1, "c": 2}), ("sign(a)*3", {"a": 0}),
    ],
)  # fmt: skip
def test_at_a_corner_the_printed_formula_gives_what_the_key_says(text, numbers):
    ws = worksheet(text, **numbers)
    names = {"leaky_relu": lambda x, slope: x if x > 0 else slope * x, "clip": lambda x, a, b: min(max(x, a), b)}
    for key, number in by_hand(ws, names).items():
        assert number == ws.answers[key], key


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("text", EXPRESSIONS[:8])
def test_what_is_given_to_pupils_does_not_hold_the_answers(text, tmp_path):
    ws = worksheet(text, seed=3)
    (tmp_path / "a").mkdir()
    notebook = ws.save(tmp_path / "a" / "a.ipynb").read_text()
    for x in ws.answers.values():
        digits = f"{abs(x):.3g}"
        if len(digits) > 4:  # others may stand there for other reasons
            assert digits in ws.html(answers=True)
            for page in (ws.html(), ws.markdown(), ws.text(), ws._repr_markdown_(), notebook):
                assert digits[:-1] not in page.replace(" ".join(map(str, ws.numbers.values())), "")
    assert "<details" not in ws.html()
    assert "<script" not in ws.html(answers=True)


def test_no_two_elements_of_a_page_have_one_id():
    assert ' id="' not in worksheet("tanh(w*x+b)").html()


def test_labels_are_data(tmp_path):
    y = Value(2.0, "<b>&$_*|`") * Value(3.0, "@@TITLE@@")
    ws = worksheet(y, title="<i>a_b*c")
    page = ws.html(answers=True)
    assert "<b>&$" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;&amp;$_*|`" in page
    assert r"\<b\>&\$\_\*\|\`" in ws.markdown()
    assert r"# \<i\>a\_b\*c" in ws.markdown()
    assert ws.save(tmp_path / "a.ipynb").exists()


def test_files_by_their_endings(tmp_path):
    ws = worksheet("w*x", seed=1)
    assert ws.save(tmp_path / "a.html").read_text() == ws.html()
    assert ws.save(tmp_path / "a.md", answers=True).read_text() == ws.markdown(answers=True)
    assert ws.save(tmp_path / "a.txt").read_text() == ws.text() + "\n"
    assert ws._repr_markdown_() == ws.markdown()
    with pytest.raises(ValueError, match=r"must end in \.html, .*\.ipynb"):
        ws.save(tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError, match="no folder"):
        ws.save(tmp_path / "none" / "a.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.md", "a.txt"]


def filled(notebook, answers):
    """The variables of a notebook after its cells have run, without those of Otter."""
    found = {}
    for cell in notebook["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code" and "grader" not in source:
            for key, x in answers.items():
                source = re.sub(rf"(?m)^{key} = \.\.\.$", f"{key} = {x!r}", source)
            exec(source, found)
    return found


def passes(test, variables):
    """What Otter asks of a test in the OK format: whether each of its doctests comes out as written."""
    outcomes = []
    for case in test["suites"][0]["cases"]:
        code, _, wanted = case["code"].removeprefix(">>> ").partition("\n")
        try:
            outcomes.append(repr(eval(code, dict(variables))) == wanted)
        except TypeError:
            outcomes.append(False)
    return outcomes


@pytest.mark.parametrize("blanks", ["all", "backward", "some"])
@pytest.mark.parametrize("text", ["x*x + tanh(w*x)", "relu(w*x)*1000 + x/300"])
def test_a_notebook_is_checked(tmp_path, text, blanks):
    nbformat = pytest.importorskip("nbformat")
    ws = worksheet(text, seed=3, blanks=blanks)
    notebook = json.loads(ws.save(tmp_path / "a.ipynb").read_text())
    nbformat.validate(notebook)
    tests = notebook["metadata"]["otter"]["tests"]
    assert sum(len(test["suites"][0]["cases"]) for test in tests.values()) == len(ws.asked)
    for factor, outcome in [(1.0, True), (1.0004, True), (1.02, False), (-1.0, False)]:
        answers = {key: x * factor for key, x in ws.answers.items()}
        variables = filled(notebook, answers)
        for test in tests.values():
            for passed, key in zip(passes(test, variables), keys_of(test), strict=True):
                assert passed == (outcome or answers[key] == 0.0), (key, factor)
    rounded = {key: float(f"{x:.3g}") for key, x in ws.answers.items()}
    assert all(all(passes(test, filled(notebook, rounded))) for test in tests.values())
    assert not any(any(passes(test, filled(notebook, {}))) for test in tests.values())  # nothing filled in


def keys_of(test):
    return [re.search(r"float\((\w+)\)", case["code"])[1] for case in test["suites"][0]["cases"]]


def test_tests_of_a_notebook_as_files(tmp_path):
    ws = worksheet("x*x", x=1.5)
    notebook = json.loads(ws.notebook(tmp_path / "a.ipynb", tests=tmp_path / "tests").read_text())
    assert "otter" not in notebook["metadata"]
    assert "grader" not in str(notebook)
    found = {}
    exec((tmp_path / "tests" / "q2.py").read_text(), found)
    assert found["OK_FORMAT"] is True
    assert passes(found["test"], {"dx_1": 1.5, "dx_2": 1.5, "dx": 3.1}) == [True, True, False]


def test_names_of_a_notebook_are_variables():
    y = Value(2.0, "lambda") * Value(3.0, "dv1") + Value(1.0, "d v1") * Value(4.0, "b₁")
    ws = worksheet(y)
    assert list(ws.exercise.variables.values()) == ["lambda_", "dv1", "d_v1", "b1"]
    assert all(key.isidentifier() for key in ws.asked)
    assert len({*ws.asked, *ws.exercise.variables.values()}) == len(ws.asked) + 4
    assert ws.grade(ws.answers).points == len(ws.asked)


# ---------------------------------------------------------------- a class


def test_a_class_gets_different_numbers_and_one_key(tmp_path):
    sheets = worksheets("x*x", n=30, seed=1)
    assert len({tuple(ws.numbers.values()) for ws in sheets}) == 30
    assert sheets[0].numbers == worksheet("x*x", seed=1).numbers
    assert [line.partition(":")[0] for line in sheets.key().splitlines()] == [ws.label for ws in sheets]
    page = sheets.save(tmp_path / "a.html", answers=True).read_text()
    assert page.count('<section class="sheet roomy">') == 30
    assert page.count("<details") == 1
    assert "<details" not in sheets.save(tmp_path / "b.html").read_text()
    with pytest.raises(ValueError, match="sets of numbers that are good to reckon with, and 60"):
        worksheets("x*x", n=60)
    with pytest.raises(ValueError, match="n must be a whole number"):
        worksheets("x*x", n=0)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("what", "options", "error", "says"),
    [
        ("lambda*x", {}, ExpressionError, "lambda is a word of Python, not a name: call it lambda_"),
        ("1 + 2", {}, ValueError, "worksheet: the expression has no names"),
        ("x", {}, ValueError, "nothing to compute"),
        ("foo(x)", {}, ExpressionError, "there is no function foo"),
        ("", {}, ExpressionError, "empty"),
        ("w*x", {"v": 2}, ExpressionError, "v: a value is given"),
        ("log(x - 1000)", {}, ValueError, "no numbers were found with which log"),
        ("log(x)", {"x": -1}, ExpressionError, "argument must be > 0"),
        ("sqrt(x)", {"x": 0}, ValueError, "∂y/∂x is not finite"),
        ("x*y", {"at": [1, 2]}, TypeError, "give numbers by name"),
        ("x*y", {"at": {"x": 2}, "x": 3}, TypeError, "x is given twice"),
        ("+".join(["x*x"] * MOST), {}, ValueError, "too many for a sheet"),
        ("x*y", {"blanks": "none"}, ValueError, "blanks must be one of 'all', 'backward', 'some'"),
        ("x*y", {"seed": 1.5}, ValueError, "seed must be a whole number"),
        ("x*y", {"precision": 1}, ValueError, "precision must be"),
        ("x*y", {"hints": 1}, ValueError, "hints must be True or False"),
        ("x*y", {"title": 1}, TypeError, "title must be a text"),
        (Value(1.0), {}, ValueError, "nothing to compute"),
        (Value(1.0, "x") * Value(2.0, "x"), {}, ValueError, "2 numbers are called 'x'"),
        (Value(1.0) * 2.0, {"at": [1]}, TypeError, "has its numbers already"),
        (Value(1.0) * 2.0, {"x": 1}, TypeError, "x: numbers by name are for an expression"),
        (lambda x: x, {}, TypeError, "worksheet(f, at=[2.0, 0.5])"),
        (3.0, {}, TypeError, "takes an expression"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(what, options, error, says):
    with pytest.raises(error, match=re.escape(says)):
        worksheet(what, **options)


# ---------------------------------------------------------------- the command


def test_the_command_writes_a_sheet(tmp_path, capsys):
    path = tmp_path / "sheet.md"
    assert main(["tanh(w*x + b)", "w=2", "--worksheet", str(path), "--seed", "3"]) == 0
    assert capsys.readouterr().out == f"worksheet: {path}\n"
    assert path.read_text() == worksheet("tanh(w*x + b)", w=2, seed=3).markdown()
    assert main(["tanh(w*x + b)", "--worksheet", str(path), "--answers", "--precision", "4"]) == 0
    assert path.read_text() == worksheet("tanh(w*x + b)", precision=4).markdown(answers=True)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert main(["w*x", "--worksheet", str(tmp_path / "a.pdf")]) == 2
    assert "must end in" in capsys.readouterr().err
    assert main(["w*x", "--worksheet", "a.md", "--explore", "a.html"]) == 2
    assert "give it alone" in capsys.readouterr().err
