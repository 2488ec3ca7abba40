"""The grader: right answers get full marks, usual mistakes are recognised, one mistake is counted once."""

import math
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd import Value
from visualize import worksheet
from visualize.exercise import Exercise

SEEDS = st.integers(0, 10_000)


def together(parts):
    a, b = st.tuples(parts, st.sampled_from("+-*/"), parts), parts
    return (
        a.map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | st.tuples(st.sampled_from(["tanh", "sin", "exp", "sigmoid", "log"]), b).map(lambda t: f"{t[0]}({t[1]})")
        | b.map(lambda x: f"{x}**2")
    )


TEXTS = st.recursive(st.sampled_from(["a", "b", "c", "x", "2"]), together, max_leaves=6)


@st.composite
def sheets(draw):
    try:
        return worksheet(draw(TEXTS), seed=draw(SEEDS))
    except ValueError:  # no names, or no numbers
        assume(False)


def apart(x, others):
    return all(abs(x - other) > 0.03 * max(abs(x), abs(other), 1e-6) for other in others)


def rounded(answers, digits):
    return {key: float(f"{x:.{digits}g}") for key, x in answers.items()}


# ---------------------------------------------------------------- right answers


@given(sheets())
def test_right_answers_get_full_marks(ws):
    for answers in (ws.answers, rounded(ws.answers, 3), list(ws.answers.values())):
        grade = ws.grade(answers)
        assert grade.points == grade.of == len(ws.asked)
        assert not grade.mistakes
    written = {key: f"{x:.5f}".replace(".", ",").replace("-", "−") for key, x in rounded(ws.answers, 3).items()}
    if all(abs(x) > 0.01 or x == 0 for x in ws.answers.values()):
        assert not ws.grade(written).mistakes


@given(sheets())
def test_who_goes_on_with_rounded_numbers_is_right_too(ws):
    answers = carried_on(ws, {}, digits=3)
    assert not ws.grade(answers).mistakes


def carried_on(ws, wrong, digits=17):
    """The answers of somebody who computes each step rightly from the own numbers, but for those in `wrong`."""
    exercise: Exercise = ws.exercise
    values, gradients, answers = [q.value for q in exercise.quantities], {exercise.root: 1.0}, {}

    def put(key, x):
        answers[key] = wrong.get(key, float(f"{x:.{digits}g}"))
        return answers[key]

    for step in exercise.steps:
        if not step.backward:
            values[step.of] = put(step.keys[0], exercise.value(step.of, values))
            continue
        parts = [exercise.contribution(use, values, gradients) for use in exercise.uses[step.of]]
        if len(parts) > 1:
            parts = [put(key, x) for key, x in zip(step.keys, parts, strict=False)]
        gradients[step.of] = put(step.keys[-1], sum(parts))
    return answers


# ---------------------------------------------------------------- mistakes, planted


def planted(ws):
    """For each blank the usual mistakes, as (key, mistake, number)."""
    answers, exercise = ws.answers, ws.exercise
    gradient = {step.of: answers[step.keys[-1]] for step in exercise.steps if step.backward} | {exercise.root: 1.0}
    for step in exercise.steps:
        truth = answers[step.keys[-1]]
        yield step.keys[-1], "sign", -truth
        if not step.backward:
            continue
        uses, parts = exercise.uses[step.of], [answers[key] for key in step.keys[:-1]] or [truth]
        for use, part, key in zip(uses, parts, step.keys, strict=False):
            arriving = gradient[use.reader]
            yield key, "upstream only", arriving
            if arriving and use.reader != exercise.root:
                yield key, "slope only", part / arriving
            if len(uses) > 1:
                yield key, "sign", -part
                yield step.keys[-1], "one contribution", part


@settings(max_examples=200)
@given(sheets(), st.data())
def test_planted_mistakes_are_recognised(ws, data):
    every = list(planted(ws))
    key, mistake, x = data.draw(st.sampled_from(every))
    assume(apart(x, [ws.answers[key], *(other for k, m, other in every if k == key and m != mistake)]))
    grade = ws.grade({**ws.answers, key: x})
    assert grade.mistakes[key] == mistake
    (mark,) = (mark for mark in grade.marks if mark.key == key)
    assert not mark.right
    assert mark.given == x


@settings(max_examples=100)
@given(sheets(), st.data())
def test_what_follows_from_a_mistake_is_counted_once(ws, data):
    key = data.draw(st.sampled_from(ws.asked))
    wrong = ws.answers[key] * 1.17 + 0.3
    answers = carried_on(ws, {key: wrong})
    assume(all(math.isfinite(x) for x in answers.values()))
    grade = ws.grade(answers)
    assume(grade.mistakes[key] != "follow-up")
    assert grade.points == grade.of - 1
    assert set(grade.mistakes.values()) <= {"follow-up", grade.mistakes[key]}
    followed = [
        k for k in ws.asked if k != key and not math.isclose(answers[k], ws.answers[k], rel_tol=0.01, abs_tol=1e-9)
    ]
    assert {k for k, m in grade.mistakes.items() if m == "follow-up"} >= set(followed)


def test_a_mistake_on_top_of_another_one():
    ws = worksheet("tanh(w*x)", w=2, x=0.3)
    answers = {"v1": 0.8, "y": math.tanh(0.8)}
    own = 1 - math.tanh(0.8) ** 2
    grade = ws.grade({**answers, "dv1": own, "dx": -own * 2, "dw": own * 0.3})
    assert grade.mistakes == {"v1": "other", "y": "follow-up", "dv1": "follow-up", "dx": "sign", "dw": "follow-up"}
    assert grade.points == 3
    words = {mark.key: mark.words for mark in grade.marks}
    assert words["y"] == "Right, given your v1: not counted twice."
    assert words["dw"] == "Right, given your ∂y/∂v1: not counted twice."


@pytest.mark.parametrize(
    ("text", "numbers", "key", "answer", "mistake"),
    [
        ("tanh(w*x)", {"w": 2, "x": 0.3}, "dv1", 1 - 0.6**2, "wrong place"),  # 1 − x² for 1 − y²
        ("tanh(w*x)", {"w": 2, "x": 0.3}, "dv1", 1 - math.tanh(math.tanh(0.6)) ** 2, "wrong place"),
        ("sigmoid(x)*3", {"x": 0.7}, "dx", 3 * 0.7 * (1 - 0.7), "wrong place"),
        ("exp(x)*3", {"x": 0.7}, "dx", 3 * 0.7, "wrong place"),
        ("sqrt(x)*3", {"x": 2}, "dx", 3 / 4, "wrong place"),
        ("3*sin(x)", {"x": 0.7}, "dx", 3 * math.cos(math.sin(0.7)), "wrong place"),
        ("log(x)*3", {"x": 3}, "dx", 3 / math.log(3), "wrong place"),
        ("w*x*3", {"w": 2, "x": 0.3}, "dw", 3 * 2, "swapped"),
        ("a/b*3", {"a": 2, "b": 5}, "v1", 2.5, "swapped"),
        ("a/b*3", {"a": 2, "b": 5}, "da", 3 * -2 / 25, "swapped"),
        ("x**3*5", {"x": 2}, "dx", 5 * 3 * 8, "power rule"),
        ("x**3*5", {"x": 1.5}, "dx", 5 * 1.5**2, "power rule"),
        ("x**3*5", {"x": 1.5}, "dx", 5 * 3 * 1.5, "power rule"),
        ("cos(x)*3", {"x": 0.7}, "dx", 3 * math.sin(0.7), "sign"),
        ("sin(x)*3", {"x": 0.7}, "v1", math.sin(math.radians(0.7)), "degrees"),
        ("sin(x)*3", {"x": 20}, "dx", 3 * math.cos(math.radians(20)), "degrees"),
        ("atan(x)*3", {"x": 0.7}, "v1", math.degrees(math.atan(0.7)), "degrees"),
        ("log(x)*3", {"x": 3}, "v1", math.log10(3), "base 10"),
        ("(w*x)*u*5", {"w": 2, "x": 0.3, "u": 1.7}, "dv1", 5 / 1.7, "divided"),
        ("exp(x)*3", {"x": 1.7}, "v1", 5.4, "rounding"),  # cut off: 5.473…
        ("exp(x)*3", {"x": 1.7}, "v1", 5.0, "rounding"),
        ("exp(x)*3", {"x": 1.7}, "v1", 5.9, "other"),
        ("exp(x)*3", {"x": 1.7}, "v1", None, "missing"),
        ("exp(x)*3", {"x": 1.7}, "v1", " ", "missing"),
        ("exp(x)*3", {"x": 1.7}, "v1", ..., "missing"),
        ("exp(x)*3", {"x": 1.7}, "v1", "five", "not a number"),
        ("exp(x)*3", {"x": 1.7}, "v1", float("nan"), "not a number"),
        ("exp(x)*3", {"x": 1.7}, "v1", True, "not a number"),
    ],
)  # fmt: skip
def test_one_mistake(text, numbers, key, answer, mistake):
    ws = worksheet(text, **numbers)
    grade = ws.grade({**ws.answers, key: answer})
    assert grade.mistakes.get(key) == mistake
    assert grade.points == grade.of - 1


@pytest.mark.parametrize("text", ["0.25", "0,25", " 1/4 ", "2.5e-1", "+0.250"])
def test_numbers_as_pupils_write_them(text):
    ws = worksheet("w*x", w=0.5, x=-0.5)
    assert ws.grade({"y": f"-{text}".replace("-+", "-").replace("- ", "-")}).marks[0].right
    assert ws.grade({"y": f"−{text.strip().lstrip('+')}"}).marks[0].right
    assert ws.grade({"y": text}).mistakes["y"] == "sign"


def test_zeros():
    ws = worksheet("relu(x)*w", x=-2, w=3)
    assert ws.grade(ws.answers).points == 5
    assert ws.grade({**ws.answers, "dx": 3}).mistakes == {"dx": "upstream only"}
    assert ws.grade({**ws.answers, "dx": 0.01}).mistakes == {"dx": "other"}


def test_precision_is_what_the_sheet_asks_for():
    loose, exact = (worksheet("exp(x)", x=1.7, precision=p) for p in (2, 6))
    assert loose.grade({"y": 5.5}).marks[0].right
    assert not exact.grade({"y": 5.47}).marks[0].right
    assert exact.grade({"y": 5.47395}).marks[0].right


def test_only_what_is_asked_is_graded_and_the_printed_numbers_may_be_gone_on_with():
    ws = worksheet("tanh(w*x)", w=2, x=0.3, blanks="backward")
    y = float(f"{math.tanh(0.6):.3g}")
    grade = ws.grade({"dv1": 1 - y * y, "dx": 2 * (1 - y * y), "dw": 0.3 * (1 - y * y)})
    assert [mark.key for mark in grade.marks] == ["dv1", "dx", "dw"]
    assert grade.points == 3


def test_the_text_for_the_pupil():
    ws = worksheet("w*x*x", w=2, x=1.5)
    assert str(ws.grade({"v1": 3, "y": "4,5", "dv1": 1.5, "dx_1": 3, "dx_2": 3, "dx": 3})) == "\n".join([
        "5 of 7 points",
        "v1                 3  Right.",
        "y                4.5  Right.",
        "∂y/∂v1           1.5  Right.",
        "part 1 of ∂y/∂x    3  Right.",
        "part 2 of ∂y/∂x    3  Right.",
        "∂y/∂x              3  Gradients add up: it is += and not =. A contribution is missing here: add all of them.",
        "∂y/∂w              –  No answer.",
    ])  # fmt: skip


def test_answers_that_cannot_be_graded_are_refused():
    ws = worksheet("w*x", w=2, x=1.5)
    with pytest.raises(ValueError, match=re.escape("there is no blank 'z'; there are y, dx, dw")):
        ws.grade({"z": 1})
    with pytest.raises(ValueError, match=r"has 3 blanks .* got 2 answers"):
        ws.grade([1, 2])
    with pytest.raises(TypeError, match="a number for each key"):
        ws.grade(3)


@pytest.mark.parametrize(
    ("text", "names", "key", "wrong", "right"),
    [
        ("tanh(x)", {"x": 1.8318, "precision": 2}, "y", [1, 0.9, 0.96], [0.95, 0.9501]),
        ("x*w", {"x": 0.95, "w": 10, "precision": 2}, "y", [10, 9.0, 9.4], [9.5]),
        ("x*w", {"x": 0.993, "w": 10}, "y", [9.88, 9.98, 9.92], [9.93]),
        ("tanh(w*x + b)", {"w": 2, "x": 0.5, "b": -1.5}, "y", ["-0.46", "0.462"], ["-0.462", "-0.4621"]),
        ("a*b", {"a": 1e-5, "b": 1e-5}, "y", [0, -1e-10, 9e-10], [1e-10]),
    ],
)
def test_right_is_to_the_digits_that_are_asked_for(text, names, key, wrong, right):
    ws = worksheet(text, **names)
    for answer in wrong:
        (mark,) = [mark for mark in ws.grade({key: answer}).marks if mark.key == key]
        assert not mark.right, answer
    for answer in right:
        (mark,) = [mark for mark in ws.grade({key: answer}).marks if mark.key == key]
        assert mark.right, answer


def test_what_follows_from_a_wrong_result_by_the_printed_formula_is_right():
    ws = worksheet("tanh(w*x + b)", w=2, x=0.5, b=-1.5)
    grade = ws.grade({"v1": 1, "v2": -0.5, "y": -0.6, "dv2": 0.64, "db": 0.64, "dv1": 0.64, "dx": 1.28, "dw": 0.32})
    assert (grade.points, next(iter(grade.mistakes))) == (7, "y")
    grade = worksheet("sigmoid(w*x)", w=2, x=0.5).grade({"v1": 1, "y": 0.6, "dv1": 0.24})
    assert [mark.right for mark in grade.marks][:3] == [True, False, True]


@pytest.mark.parametrize("seed", range(0, 300, 7))
@pytest.mark.parametrize("text", ["tanh(w*x+b)", "sigmoid(w*x+b)"])
def test_to_go_on_with_the_rounded_result_is_right(text, seed):
    ws = worksheet(text, seed=seed)
    y = float(f"{ws.exercise.answers['y']:.3g}")
    slope = 1.0 - y * y if text.startswith("tanh") else y * (1.0 - y)
    (mark,) = [mark for mark in ws.grade({"y": y, "dv2": float(f"{slope:.3g}")}).marks if mark.key == "dv2"]
    assert mark.right


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1 1/2", 1.5), ("-1 1/2", -1.5), ("–0.462", -0.462), ("-4.62·10^-1", -0.462), ("-4.62 * 10**-1", -0.462),
        ("−4,62 × 10⁻¹", -0.462), ("= -0.462", -0.462), ("≈ −0.462", -0.462), ("-0.462/1", -0.462), ("1.5/2", 0.75),
        ("\ufeff0.25\u200b", 0.25), ("- 0.5", -0.5), (Value(-0.5), -0.5), ("1e-3", 1e-3), ("0.25 V", None), ("a", None),
        ("1/0", None), ("1 2", None),
    ],
)  # fmt: skip
def test_other_ways_in_which_pupils_write_numbers(written, number):
    from visualize.grading import _read

    assert _read(written) == (None if number is None else pytest.approx(number, rel=1e-12))


def test_numbers_that_are_far_too_large_are_wrong_and_no_error():
    ws = worksheet("x*x + x*y", x=2, y=3)
    for huge in (1e308, -1e308):
        assert ws.grade(dict.fromkeys(ws.asked, huge)).points < len(ws.asked)
