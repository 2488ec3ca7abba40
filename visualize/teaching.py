"""Worksheets: a computation as an exercise in the chain rule, with blanks, answers and a grader."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

from autograd import Value
from autograd._files import atomic_write
from visualize import sheet
from visualize.choosing import at_kinks, chosen
from visualize.description import describe
from visualize.exercise import Exercise, exercise_of
from visualize.explorer import called
from visualize.folding import fold
from visualize.grading import Grade, graded
from visualize.layout import arrange
from visualize.scene import compose
from visualize.spelling import notes_on
from visualize.svg import to_svg

__all__ = ["Worksheet", "Worksheets", "worksheet", "worksheets"]

Blanks = Literal["all", "backward", "some"]

DRAWN = 14
"""A picture of more boxes than this would be too small on the sheet."""

ENDINGS = (".html", ".htm", ".md", ".txt", ".ipynb")


@dataclass(frozen=True)
class Worksheet:
    """An exercise in the chain rule: printed, it is the sheet; `answers` are what belongs into the blanks.

    asked: the keys of the blanks, in order: "v1" is the value of v1, "dv1" the gradient ∂y/∂v1, "dx_1" the first of
    several contributions to ∂y/∂x. precision: the significant digits that are asked for. hints: whether the steps of
    the backward pass come with their formulas. label: what tells the sheet from others, such as "sheet 3".
    """

    title: str
    exercise: Exercise
    asked: tuple[str, ...]
    precision: int
    hints: bool
    label: str = ""

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that are given, by name."""
        return {q.name: q.value for q in self.exercise.leaves}

    @property
    def answers(self) -> dict[str, float]:
        """The number for each blank, not rounded."""
        return {key: self.exercise.answers[key] for key in self.asked}

    @cached_property
    def value(self) -> Value:
        """The computation with the names of the sheet, to draw or to explore it."""
        values: list[Value] = []
        for q in self.exercise.quantities:
            if q.primitive is None:
                values.append(Value(q.value, q.name))
                continue
            args: list[Any] = [values[arg] if type(arg) is int else arg for arg in q.args]
            half = len(args) // 2
            if q.primitive.rule is not None:
                args = [args[:half], args[half:]] if q.primitive.groups > 1 else [args]
            values.append(q.primitive(*args))
            values[-1].label = q.name
        return values[-1]

    @cached_property
    def notes(self) -> list[str]:
        """What is to be said about functions, and about corners."""
        formulas = [self.exercise.formula(step) for step in self.exercise.steps]
        return [*notes_on(formulas), *at_kinks(self.exercise)]

    @cached_property
    def picture(self) -> str:
        """The graph without numbers, as SVG; "" if it is too large."""
        description = fold(describe(self.value, parameters=[]))
        if len(description.nodes) > DRAWN:
            return ""
        scene = compose(description, data=False, gradients=False, contributions=False)
        scene = scene._replace(notes=(), about="The graph of the computation")  # without its numbers
        # A page may hold many sheets: no two elements may have one id.
        return re.sub(r' id="\w+"', "", to_svg(scene, arrange(scene), alone=False))

    def grade(self, answers: Mapping[str, Any] | Iterable[Any]) -> Grade:
        """What is right and what is wrong, with the mistake where it is a usual one.

        answers: a number, or a text such as "−0,25" or "1/3", for each key; or a list in the order of the blanks. None
        or "" is no answer.

        A number is right to `precision` significant digits. One that follows from an earlier mistake is right as well,
        and gets its point.
        """
        return graded(self.exercise, self.asked, self._by_key(answers), self.precision)

    def _by_key(self, answers: Mapping[str, Any] | Iterable[Any]) -> Mapping[str, Any]:
        if isinstance(answers, str) or not isinstance(answers, Iterable):
            raise TypeError(
                f"grade: give a number for each key, as in {{'{self.asked[0]}': 1.5}}; got {answers!r:.100}"
            )
        if isinstance(answers, Mapping):
            unknown = [key for key in answers if key not in self.asked]
            if unknown:
                raise ValueError(f"grade: there is no blank {unknown[0]!r}; there are {', '.join(self.asked)}")
            return answers
        listed = list(answers)
        if len(listed) != len(self.asked):
            raise ValueError(
                f"grade: the sheet has {len(self.asked)} blanks ({', '.join(self.asked)}), got {len(listed)} answers; "
                "give None where there is none"
            )
        return dict(zip(self.asked, listed, strict=True))

    # ------------------------------------------------------------ writing

    def text(self, answers: bool = False) -> str:
        """The sheet for a terminal, with the answers below or without."""
        return sheet.as_text(self, answers)

    def markdown(self, answers: bool = False) -> str:
        """The sheet as Markdown, with the answers below or without."""
        return sheet.as_markdown(self, answers)

    def html(self, answers: bool = False) -> str:
        """A page to read or to print; the answers, if wanted, are folded away, and print on paper of their own."""
        return sheet.as_html(self, answers)

    def notebook(self, path: str | os.PathLike[str], tests: str | os.PathLike[str] | None = None) -> Path:
        """Write a Jupyter notebook with a cell for each question, to be checked by Otter-Grader; returns the path.

        tests: a folder for the tests, as `otter check notebook.ipynb -t folder` takes them; the notebook then holds no
            answers. Without it, they lie in the notebook's metadata, and a cell behind each question runs them.
        """
        path = _ending(path, (".ipynb",))
        if tests is not None:
            folder = Path(tests)
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in sheet.otter_files(self).items():
                _write(folder / name, text)
        return _write(path, sheet.as_notebook(self, path.name, tests is None))

    def save(self, path: str | os.PathLike[str], answers: bool = False) -> Path:
        """Write the sheet, whole or not at all, by its ending: .html, .md, .txt or .ipynb; returns the path."""
        path = _ending(path, ENDINGS)
        match path.suffix.lower():
            case ".ipynb":
                return self.notebook(path)
            case ".md":
                return _write(path, self.markdown(answers))
            case ".txt":
                return _write(path, self.text(answers) + "\n")
        return _write(path, self.html(answers))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<worksheet {self.title}: {len(self.asked)} blanks; print(…) shows it, save(path) writes it>"

    def _repr_markdown_(self) -> str:
        return self.markdown()


class Worksheets(list[Worksheet]):
    """Sheets of one exercise, each with other numbers."""

    def key(self) -> str:
        """The answers of all sheets, a line each."""
        return "\n".join(f"{ws.label}: {sheet.short_key(ws)}" for ws in self)

    def save(self, path: str | os.PathLike[str], answers: bool = False) -> Path:
        """Write all sheets as one page, each on paper of its own; the answers of all of them, if wanted, come last."""
        return _write(_ending(path, (".html", ".htm")), sheet.page_of_class(self, answers))


def worksheet(
    what: str | Value | Callable[..., Value], /, *, seed: int = 0, at: Any = None, blanks: Blanks = "all",
    hints: bool = True, precision: int = 3, title: str = "", **numbers: float,
) -> Worksheet:  # fmt: skip
    """An exercise in the chain rule.

    what: an expression, as of `evaluate`: each name without a number gets one that can be reckoned with, chosen by
        `seed`. Or a Value, with the numbers that it was computed from; or a function, with `at`, what to call it with.
    numbers: for names in an expression; those that are called as an option is go into `at`, a dictionary.
    blanks: "all" numbers, those of the "backward" pass, or "some", about half of them, chosen by the seed.
    hints: whether the steps of the backward pass come with their formulas. precision: significant digits, 2 to 10.
    title: a line above; the expression, if there is none.

    Raises ExpressionError if the expression is wrong, ValueError if there is nothing to compute, if a value or gradient
    is not finite, if there are too many steps for a sheet, or if no numbers are found.

    >>> ws = worksheet("tanh(w*x + b)", w=2, x=0.5, b=-1.5)
    >>> ws.asked
    ('v1', 'v2', 'y', 'dv2', 'db', 'dv1', 'dx', 'dw')
    >>> f"{ws.answers['dw']:.3f}"
    '0.393'
    >>> ws.grade({"v1": 1, "v2": 0.5, "y": 0.462}).mistakes["v2"]
    'sign'
    """
    _check(seed, blanks, hints, precision, title)
    if isinstance(what, str):
        exercise, label = _of_text(what, at, numbers, seed), f"sheet {seed}"
        title = title or f"{exercise.quantities[-1].name} = {' '.join(what.split())}"
    else:
        if numbers:
            raise TypeError(f"worksheet: {', '.join(numbers)}: numbers by name are for an expression, given as text")
        exercise, label = _of_value(what, at), ""
    asked = _asked(exercise, blanks, seed)
    return Worksheet(title or "The chain rule", exercise, asked, precision, hints, label)


def worksheets(
    what: str, /, *, n: int, seed: int = 0, blanks: Blanks = "all", hints: bool = True, precision: int = 3,
    title: str = "", **numbers: float,
) -> Worksheets:  # fmt: skip
    """`n` sheets of one expression, no two with the same numbers; the other arguments are those of `worksheet`.

    Sheets are called after their seeds: seed, seed + 1, …, without those that would repeat one.

    >>> class_ = worksheets("x*y", n=3, seed=1)
    >>> len({tuple(ws.numbers.values()) for ws in class_})
    3
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"worksheets: n must be a whole number of sheets, at least 1; got {n!r}")
    _check(seed, blanks, hints, precision, title)
    found = Worksheets()
    seen: set[tuple[float, ...]] = set()
    for other in count(seed):
        if len(found) == n:
            break
        if other - seed > 10 * n + 100:
            raise ValueError(
                f"worksheets: {what} has only {len(found)} sets of numbers that are good to reckon with, and {n} are "
                "wanted: take more names, or fewer sheets"
            )
        ws = worksheet(
            what, seed=other, blanks=blanks, hints=hints, precision=precision, title=title, at=dict(numbers)
        )  # fmt: skip
        if tuple(ws.numbers.values()) not in seen:
            seen.add(tuple(ws.numbers.values()))
            found.append(ws)
    return found


# ---------------------------------------------------------------- what was given


def _check(seed: Any, blanks: Any, hints: Any, precision: Any, title: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"worksheet: seed must be a whole number, got {seed!r:.100}")
    if blanks not in get_args(Blanks):
        known = ", ".join(map(repr, get_args(Blanks)))
        raise ValueError(f"worksheet: blanks must be one of {known}; got {blanks!r:.100}")
    if not isinstance(hints, bool):
        raise ValueError(f"worksheet: hints must be True or False, got {hints!r:.100}")
    if isinstance(precision, bool) or not isinstance(precision, int) or not 2 <= precision <= 10:
        raise ValueError(
            f"worksheet: precision must be a whole number of significant digits, 2 to 10; got {precision!r:.100}"
        )
    if not isinstance(title, str):
        raise TypeError(f"worksheet: title must be a text, got {title!r:.100}")


def _of_text(text: str, at: Any, numbers: Mapping[str, float], seed: int) -> Exercise:
    if at is not None and not isinstance(at, Mapping):
        raise TypeError(
            f"worksheet: of an expression, give numbers by name, as w=2 or at={{'w': 2}}; got at={at!r:.100}"
        )
    twice = [name for name in at or {} if name in numbers]
    if twice:
        raise TypeError(f"worksheet: {twice[0]} is given twice, by name and in at")
    try:
        return _usable(chosen(text, {**(at or {}), **numbers}, seed))
    except ValueError as error:
        raise type(error)(f"worksheet: {error}") from error


def _of_value(what: Any, at: Any) -> Exercise:
    if callable(what) and not isinstance(what, Value):
        what = called("worksheet", what, at, [])
    elif at is not None:
        raise TypeError("worksheet: at=... is for a function or an expression; a Value has its numbers already")
    if not isinstance(what, Value):
        raise TypeError(
            "worksheet: takes an expression such as 'tanh(w*x + b)', a Value, or a function with at=[...]; "
            f"got {what!r:.200}"
        )
    try:
        return _usable(exercise_of(what))
    except ValueError as error:
        raise ValueError(f"worksheet: {error}") from None


def _usable(exercise: Exercise) -> Exercise:
    """The exercise, if all of its numbers are some."""
    bad = exercise.not_finite()
    if bad:
        raise ValueError(f"{bad} is not finite with these numbers: take others")
    return exercise


def _asked(exercise: Exercise, blanks: Blanks, seed: int) -> tuple[str, ...]:
    """The keys of the blanks."""
    keys = [(key, step.backward) for step in exercise.steps for key in step.keys]
    if blanks == "some":
        dice = random.Random(seed)
        drawn = {key for key, _ in keys if dice.random() < 0.5}
        # The last one, a gradient by a name, is what all others are for.
        return tuple(key for key, _ in keys if key in drawn or key == keys[-1][0])
    return tuple(key for key, backward in keys if backward or blanks == "all")


def _ending(path: str | os.PathLike[str], endings: tuple[str, ...]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in endings:
        raise ValueError(f"worksheet: {str(path)!r} must end in {', '.join(endings)}")
    return path


def _write(path: Path, text: str) -> Path:
    with atomic_write(path) as file:
        file.write(text.encode())
    return path
