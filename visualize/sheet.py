"""A worksheet as text, Markdown, a page and a notebook."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from visualize.exercise import Step, given
from visualize.pages import assembled
from visualize.spelling import partial, shown
from visualize.svg import asset

if TYPE_CHECKING:
    from visualize.teaching import Worksheet

__all__ = ["as_html", "as_markdown", "as_notebook", "as_text", "otter_test", "page_of_class"]

BLANK = "______"

FEW = 14
"""A sheet of so many lines has room on paper to write between them."""

CHAIN_RULE = (
    "Chain rule: the gradient that arrives from above, times the slope of the operation. "
    "What a number gets from several places adds up."
)


class Line(NamedTuple):
    """A numbered line of a sheet: what is computed, how, and a number or a blank (None) for each key of the step."""

    number: int
    step: Step
    sign: str
    formula: str
    entries: tuple[str | None, ...]

    def text(self, blank: str, escape: Callable[[str], str] = str) -> str:
        *parts, whole = [blank if entry is None else escape(entry) for entry in self.entries]
        return " = ".join(filter(None, [escape(self.sign), escape(self.formula), added(parts), whole]))


def added(parts: Sequence[str]) -> str:
    """Numbers as a sum."""
    return " + ".join(f"({x})" if i and x.startswith("−") else x for i, x in enumerate(parts))


def lines_of(ws: Worksheet) -> list[Line]:
    """The lines of the sheet: forward pass, then backward pass."""
    exercise, found = ws.exercise, []
    for i, step in enumerate(exercise.steps, 1):
        numbers = [shown(exercise.answers[key], ws.precision) for key in step.keys]
        entries = [None if key in ws.asked else x for key, x in zip(step.keys, numbers, strict=True)]
        formula = exercise.formula(step) if ws.hints or not step.backward else ""
        found.append(Line(i, step, exercise.sign(step), formula, tuple(entries)))
    return found


def answers_of(ws: Worksheet) -> Iterator[tuple[Line, str]]:
    """Each line with its solution: formula, numbers, result."""
    for line in lines_of(ws):
        numbers = [shown(ws.exercise.answers[key], ws.precision) for key in line.step.keys]
        stages = [
            line.sign, ws.exercise.formula(line.step), ws.exercise.computation(line.step, ws.precision),
            added(numbers[:-1]), numbers[-1],
        ]  # fmt: skip
        stages = [stage for i, stage in enumerate(stages) if stage and stage not in stages[1:i]]
        exact = all(
            number == repr(ws.exercise.answers[key]).removesuffix(".0").replace("-", "−")
            for key, number in zip(line.step.keys, numbers, strict=True)
        )
        yield line, f"{' = '.join(stages[:-1])} {'=' if exact else '≈'} {stages[-1]}"


def givens(ws: Worksheet) -> str:
    return ", ".join(f"{q.name} = {given(q.value)}" for q in ws.exercise.leaves)


def task(ws: Worksheet) -> str:
    """What is to be done, in two sentences."""
    return (
        f"Fill in the blanks, from top to bottom. Round to {ws.precision} significant digits, but go on with the "
        "unrounded number."
    )


def beginning(ws: Worksheet) -> str:
    root = ws.exercise.quantities[-1].name
    return f"from {partial(root, root)} = 1"


# ---------------------------------------------------------------- text


def as_text(ws: Worksheet, answers: bool) -> str:
    """The sheet for a terminal."""
    lines = lines_of(ws)
    width = len(str(len(lines)))

    def numbered(backward: bool) -> list[str]:
        return [f"{line.number:>{width}}. {line.text(BLANK)}" for line in lines if line.step.backward == backward]

    text = [
        ws.title, "", *filled(f"Given: {givens(ws)}"), *filled(task(ws)), *ws.notes, "", "Forward pass",
        *numbered(False), "", f"Backward pass, {beginning(ws)}", *filled(CHAIN_RULE), *numbered(True),
    ]  # fmt: skip
    if answers:
        text += ["", "Answers", *(f"{line.number:>{width}}. {solved}" for line, solved in answers_of(ws))]
    return "\n".join(text)


def filled(paragraph: str) -> list[str]:
    return textwrap.wrap(paragraph, 88, break_long_words=False)


# ---------------------------------------------------------------- Markdown


def escaped(text: str) -> str:
    """Text for Markdown, to come out as it is. A dollar would begin a formula."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)


def as_markdown(ws: Worksheet, answers: bool) -> str:
    """The sheet as Markdown."""
    lines = lines_of(ws)
    blank = escaped(BLANK)

    def listed(backward: bool) -> list[str]:
        return [f"{line.number}. {line.text(blank, escaped)}" for line in lines if line.step.backward == backward]

    text = [
        f"# {escaped(ws.title)}", f"Given: **{escaped(givens(ws))}**", task(ws), *map(escaped, ws.notes),
        "## Forward pass", "\n".join(listed(False)), f"## Backward pass, {beginning(ws)}", CHAIN_RULE,
        "\n".join(listed(True)),
    ]  # fmt: skip
    if answers:
        text += ["## Answers", "\n".join(f"{line.number}. {escaped(solved)}" for line, solved in answers_of(ws))]
    return "\n\n".join(text) + "\n"


# ---------------------------------------------------------------- a page


def as_html(ws: Worksheet, answers: bool) -> str:
    """The sheet as a page."""
    return page(ws.title, sheet_html(ws) + (key_html(ws) if answers else ""))


def page(title: str, body: str) -> str:
    """A page of one file, for screen and paper."""
    picture = asset("picture.css").replace("@media (", "@media screen and (")  # paper is white
    return assembled("worksheet", {
        "TITLE": html.escape(title), "POLICY": "style-src 'unsafe-inline'",
        "STYLE": picture + asset("worksheet.css"), "SHEETS": body,
    })  # fmt: skip


def together(text: str) -> str:
    """Equations that a line does not break."""
    return html.escape(text).replace(" = ", "\u00a0=\u00a0").replace("/∂", "/\u2060∂")


def sheet_html(ws: Worksheet) -> str:
    blank = '<span class="blank" role="img" aria-label="blank"></span>'
    lines = lines_of(ws)

    def items(backward: bool) -> str:
        return "\n".join(
            f'<li value="{line.number}">{line.text(blank, html.escape)}</li>'
            for line in lines
            if line.step.backward == backward
        )

    notes = "".join(f"<li>{html.escape(note)}</li>" for note in ws.notes)
    look = "sheet roomy" if len(lines) <= FEW else "sheet"
    return f"""<section class="{look}">
<p class="who"><span>Name</span><span>Date</span><span class="number">{html.escape(ws.label)}</span></p>
<h1>{html.escape(ws.title)}</h1>
<p class="given">Given: <b>{together(givens(ws))}</b></p>
<p>{html.escape(task(ws))}</p>
{f'<ul class="notes">{notes}</ul>' if notes else ""}
{ws.picture}
<h2>Forward pass</h2>
<ol>
{items(False)}
</ol>
<h2>Backward pass, {html.escape(beginning(ws))}</h2>
<p>{CHAIN_RULE}</p>
<ol>
{items(True)}
</ol>
</section>
"""


def key_html(ws: Worksheet) -> str:
    items = "\n".join(f'<li value="{line.number}">{html.escape(solved)}</li>' for line, solved in answers_of(ws))
    return f"""<details class="key">
<summary>Answers</summary>
<h2>Answers: {html.escape(ws.title)}</h2>
<p class="given">{together(givens(ws))} <span class="number">{html.escape(ws.label)}</span></p>
<ol>
{items}
</ol>
</details>
"""


def short_key(ws: Worksheet) -> str:
    """The answers of a sheet in one line."""
    answers = (f"{line.sign} = {shown(ws.exercise.answers[line.step.keys[-1]], ws.precision)}" for line in lines_of(ws))
    return f"{givens(ws)}: {'; '.join(answers)}"


def page_of_class(sheets: Sequence[Worksheet], answers: bool) -> str:
    """A page with all sheets, each on paper of its own, and the answers of all of them, if wanted, at the end."""
    rows = "\n".join(f"<tr><th>{html.escape(ws.label)}</th><td>{together(short_key(ws))}</td></tr>" for ws in sheets)
    key = f'<details class="key"><summary>Answers</summary>\n<h2>Answers</h2>\n<table>{rows}</table>\n</details>\n'
    return page(sheets[0].title, "".join(map(sheet_html, sheets)) + (key if answers else ""))


# ---------------------------------------------------------------- a notebook


def as_notebook(ws: Worksheet, name: str, tests: bool) -> str:
    """A Jupyter notebook with a cell for each question and, if wanted, tests of Otter-Grader in its metadata.

    name: of the file, which Otter looks for.
    """
    cells = [*_introduction(ws, name, tests)]
    questions = dict(_questions(ws))
    for line in lines_of(ws):
        key = f"q{line.number}"
        text = f"**{line.number}.** {line.text(escaped(BLANK), escaped)}"
        values = [
            f"{name} = {'...' if name in ws.asked else repr(ws.exercise.answers[name])}" for name in line.step.keys
        ]
        cells += [_markdown(text), _code("\n".join(values))]
        if tests and key in questions:
            cells.append(_code(f'grader.check("{key}")'))
    metadata: dict[str, Any] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if tests:
        metadata["otter"] = {"OK_FORMAT": True, "tests": {key: otter_test(ws, key) for key in questions}}
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _introduction(ws: Worksheet, name: str, tests: bool) -> Iterator[dict[str, Any]]:
    variables = ws.exercise.variables
    numbers = "\n".join(f"{variables[q.name]} = {q.value!r}" for q in ws.exercise.leaves)
    yield _markdown(
        "\n\n".join(
            [
                f"# {escaped(ws.title)}", f"Given: **{escaped(givens(ws))}**",
                "Put a number, or a computation with Python, in the place of each `...`. " + CHAIN_RULE,
                *map(escaped, ws.notes),
            ]
        )
    )  # fmt: skip
    if tests:
        yield _code(f"import otter\n\ngrader = otter.Notebook({name!r})")
    yield _code(f"import math\n\n{numbers}")


def _questions(ws: Worksheet) -> Iterator[tuple[str, list[str]]]:
    """The blanks that are asked for, by question."""
    for line in lines_of(ws):
        keys = [key for key in line.step.keys if key in ws.asked]
        if keys:
            yield f"q{line.number}", keys


def otter_test(ws: Worksheet, question: str) -> dict[str, Any]:
    """The test of a question, in the OK format of Otter-Grader."""
    cases = []
    for key in dict(_questions(ws))[question]:
        code = f">>> {_check(key, ws.exercise.answers[key], ws.precision)}\nTrue"
        wrong = f"{key} is not right to {ws.precision} significant digits."
        cases.append({"code": code, "hidden": False, "locked": False, "points": 1, "failure_message": wrong})
    suite = {"cases": cases, "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    return {"name": question, "points": None, "suites": [suite]}


def _check(variable: str, answer: float, precision: int) -> str:
    """Python for whether a variable is the answer, up to rounding. The answer itself is not to be read in it."""
    digits = precision - math.floor(math.log10(abs(answer))) if answer else 9
    hidden = hashlib.sha256(f"{variable} {round(answer * 10.0**digits)}".encode()).hexdigest()[:16]
    number = f"round(float({variable}) * 1e{digits})"
    # Half a unit of the last digit that is asked for is 5 here; one more, as both numbers are rounded.
    return (
        f'any(__import__("hashlib").sha256(f"{variable} {{{number} + i}}".encode()).hexdigest()[:16] == "{hidden}" '
        "for i in range(-6, 7))"
    )


def otter_files(ws: Worksheet) -> Mapping[str, str]:
    """The tests of all questions as files, by name."""
    questions: Iterable[str] = dict(_questions(ws))
    return {f"{key}.py": f"OK_FORMAT = True\n\ntest = {otter_test(ws, key)!r}\n" for key in questions}


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "id": "", "metadata": {}, "outputs": [], "source": text,
    }  # fmt: skip
