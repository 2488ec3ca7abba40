"""What a pupil wrote into the blanks of an exercise, held against it, step by step, with the pupil's own numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, Literal, NamedTuple

from autograd import Primitive, Value
from autograd.naming import SUPERSCRIPTS
from autograd.paths import exact_sum
from visualize.description import operation_of
from visualize.exercise import Exercise, Use
from visualize.style import number

__all__ = ["Grade", "Mark", "Mistake", "graded", "near"]

Mistake = Literal[
    "", "follow-up", "missing", "not a number", "one contribution", "sign", "upstream only", "slope only", "divided",
    "swapped", "power rule", "wrong place", "degrees", "base 10", "rounding", "other",
]  # fmt: skip

# In the words of the explorer's quiz, where it has the same.
WORDS: dict[Mistake, str] = {
    "": "Right.",
    "follow-up": "Right, given your {given}: not counted twice.",
    "missing": "No answer.",
    "not a number": "Write a number, such as 0.25.",
    "one contribution": "Gradients add up: it is += and not =. A contribution is missing here: add all of them.",
    "sign": "The size is right, the sign is not.",
    "upstream only": "That is what arrives from above. It still has to be multiplied by the slope of this operation.",
    "slope only": "That is the slope of this operation alone. Multiply it by what arrives from above.",
    "divided": "Multiply by the slope; this looks divided.",
    "swapped": "The two arguments of this operation are mixed up.",
    "power rule": "The exponent comes down as a factor, and what stays above is one less.",
    "wrong place": "The slope is taken at the wrong place: is it computed from the argument, or from the result?",
    "degrees": "This looks computed in degrees: set the calculator to radians.",
    "base 10": "This looks like the logarithm to base 10: log is the natural one, the key ln.",
    "rounding": "Nearly: this is cut off or rounded too much. Give {precision} significant digits.",
    "other": "Not yet.",
}
FORWARD = "Not yet. Put the numbers above into the formula."
BACKWARD = "Not yet. It is what arrives from above times the slope, and contributions add up."

IN_RESULT = {"tanh": lambda y: 1.0 - y * y, "sigmoid": lambda y: y * (1.0 - y)}
"""Slopes that sheets write in terms of the result, where the table has a function of the argument."""

ANGLES_IN, ANGLES_OUT = {"sin", "cos", "tan"}, {"asin", "acos", "atan", "atan2"}


class Mark(NamedTuple):
    """What became of one blank.

    key, sign: which. given: the pupil's number, None if there is none. right: it gets its point. mistake: "" if there
    is none; a follow-up error is right.
    """

    key: str
    sign: str
    given: float | None
    right: bool
    mistake: Mistake
    words: str


@dataclass(frozen=True)
class Grade:
    """The marks of a sheet, one for each blank, in order; printed, it is a text for the pupil."""

    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """One for each blank that is right, follow-up errors too."""
        return sum(mark.right for mark in self.marks)

    @property
    def of(self) -> int:
        """How many points there are."""
        return len(self.marks)

    @property
    def mistakes(self) -> dict[str, Mistake]:
        """What went wrong, by the key of the blank."""
        return {mark.key: mark.mistake for mark in self.marks if mark.mistake}

    def __str__(self) -> str:
        rows = [
            (mark.sign, "–" if mark.given is None else number(mark.given, 6).replace("-", "−"), mark.words)
            for mark in self.marks
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        lines = [f"{sign:<{widths[0]}}  {x:>{widths[1]}}  {words}" for sign, x, words in rows]
        return "\n".join([f"{self.points} of {self.of} points", *lines])


def near(x: float, y: float, precision: int) -> bool:
    """Whether x is y, to so many significant digits: off by half a unit of the last one, and a little."""
    if not math.isfinite(y):
        return x == y
    if abs(y) < 1e-12:  # 0, but for rounding
        return abs(x) <= 1e-9
    unit = 10.0 ** (math.floor(math.log10(abs(y))) + 1 - precision)
    return abs(x - y) <= 0.6 * unit or number(x, precision) == number(y, precision)


def graded(exercise: Exercise, asked: Sequence[str], answers: Mapping[str, Any], precision: int) -> Grade:
    """The grade of some answers, by key."""
    return Grade(tuple(_Grader(exercise, asked, answers, precision).marks()))


def _read(answer: Any) -> float | None:
    """A number as pupils write it: 0.25, 0,25, −1/3, 1 1/2, 4.6·10⁻¹; None if it is none."""
    if isinstance(answer, Value):
        answer = answer.data
    if isinstance(answer, str):
        parts = _plain(answer).split(" ")
        try:
            if len(parts) == 2 and "/" in parts[1] and "/" not in parts[0]:
                whole, rest = float(parts[0]), _fraction(parts[1])
                return whole - rest if parts[0].startswith("-") else whole + rest
            if any(not re.fullmatch(r"\d{3}(\.\d*)?", part) for part in parts[1:]):  # 12 345 is one number, 1 2 is none
                return None
            written = _fraction("".join(parts))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return written if math.isfinite(written) else None
    try:
        found = None if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found is not None and math.isfinite(found) else None


SMALL = str.maketrans({above: digit for digit, above in SUPERSCRIPTS.items()})


def _plain(text: str) -> str:
    """What a pupil wrote, with the signs that Python reads."""
    text = re.sub("[\u200b\u200c\u200d\u2060\ufeff]", "", text).strip().lstrip("=≈ ")
    text = re.sub("[−–—]", "-", text).replace(",", ".")
    powers = re.compile(r"\s*[·×*x]\s*10\s*(?:\^|\*\*)?\s*([-+]?[0-9⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
    text = powers.sub(lambda found: "e" + found[1].translate(SMALL), text)
    return re.sub(r"\s+", " ", re.sub(r"\s*/\s*", "/", re.sub(r"^([-+])\s+", r"\1", text)))


def _fraction(text: str) -> float:
    """A number, or one over another."""
    over, line, under = text.partition("/")
    return float(Fraction(over) / Fraction(under)) if line else float(Fraction(text))


def _missing(answer: Any) -> bool:
    return answer is None or answer is ... or (isinstance(answer, str) and not answer.strip())


class Slot(NamedTuple):
    """A number that steps compute and read: the value of a quantity, its gradient, or the part of that from one use."""

    kind: Literal["value", "gradient", "part"]
    of: int
    use: int = 0


class _Numbers:
    """A number in each slot."""

    def __init__(self, exercise: Exercise) -> None:
        self.values = [q.value for q in exercise.quantities]
        self.gradients = {exercise.root: 1.0}
        self.parts: dict[tuple[int, int], float] = {}

    def __getitem__(self, slot: Slot) -> float:
        if slot.kind == "part":
            return self.parts[slot.of, slot.use]
        return self.values[slot.of] if slot.kind == "value" else self.gradients[slot.of]

    def __setitem__(self, slot: Slot, x: float) -> None:
        if slot.kind == "part":
            self.parts[slot.of, slot.use] = x
        elif slot.kind == "value":
            self.values[slot.of] = x
        else:
            self.gradients[slot.of] = x


class _Grader:
    """One reading of one sheet."""

    def __init__(self, exercise: Exercise, asked: Sequence[str], answers: Mapping[str, Any], precision: int) -> None:
        self.exercise, self.asked, self.answers, self.precision = exercise, set(asked), answers, precision
        self.true, self.own = _Numbers(exercise), _Numbers(exercise)
        self.signs: dict[Slot, str] = {}
        self.off: set[Slot] = set()
        """Where the pupil goes on with a number that is wrong."""

    def marks(self) -> Iterator[Mark]:
        for key, slot, sign in self._slots():
            self.signs[slot] = sign
            truth = self.exercise.answers[key]
            follows = self._computed(slot, self.own)
            causes = self._causes(slot, follows)
            if key not in self.asked:
                self.own[slot] = float(number(truth, self.precision))  # as the sheet has it
            else:
                mark = self._mark(key, slot, truth, follows, causes)
                yield mark
                self.own[slot] = follows if mark.given is None else mark.given
                if causes if mark.given is None else mark.mistake:
                    self.off.add(slot)
            self.true[slot] = truth

    def _slots(self) -> Iterator[tuple[str, Slot, str]]:
        """Every number that could be asked for, in order: its key, its place, and what it is called."""
        for step in self.exercise.steps:
            sign = self.exercise.sign(step)
            for k, key in enumerate(step.keys[:-1]):
                yield key, Slot("part", step.of, k), f"part {k + 1} of {sign}"
            yield step.keys[-1], Slot("gradient" if step.backward else "value", step.of), sign

    # ------------------------------------------------------------ numbers

    def _computed(self, slot: Slot, numbers: _Numbers) -> float:
        """What the step gives with these numbers."""
        if slot.kind == "value":
            return self.exercise.value(slot.of, numbers.values)
        uses = self.exercise.uses[slot.of]
        if slot.kind == "part" or len(uses) == 1:
            return self.exercise.contribution(uses[slot.use], numbers.values, numbers.gradients)
        return exact_sum(self._parts(slot, numbers))

    def _parts(self, slot: Slot, numbers: _Numbers) -> list[float]:
        return [numbers[Slot("part", slot.of, k)] for k in range(len(self.exercise.uses[slot.of]))]

    def _causes(self, slot: Slot, follows: float) -> list[Slot]:
        """The numbers that are wrong and with which the step comes out otherwise."""
        found = []
        for read in self._reads(slot):
            if read in self.off:
                own, self.own[read] = self.own[read], self.true[read]
                if not near(self._computed(slot, self.own), follows, 9):
                    found.append(read)
                self.own[read] = own
        return found

    def _reads(self, slot: Slot) -> list[Slot]:
        """The slots that a step reads, each once."""
        if slot.kind == "value":
            return [Slot("value", arg) for arg in _places(self.exercise.quantities[slot.of].args)]
        uses = self.exercise.uses[slot.of]
        if slot.kind == "gradient" and len(uses) > 1:
            return [Slot("part", slot.of, k) for k in range(len(uses))]
        reader = uses[slot.use].reader
        around = _places((*self.exercise.quantities[reader].args, reader))
        return [Slot("gradient", reader), *(Slot("value", i) for i in around)]

    # ------------------------------------------------------------ judging

    def _mark(self, key: str, slot: Slot, truth: float, follows: float, causes: list[Slot]) -> Mark:
        answer = self.answers.get(key)
        if _missing(answer):
            return self._marked(key, slot, None, "missing")
        given = _read(answer)
        if given is None:
            return self._marked(key, slot, None, "not a number")
        if near(given, truth, self.precision):
            return self._marked(key, slot, given, "")
        if math.isfinite(follows) and near(given, follows, self.precision):
            # From numbers that are right and rounded, it is as right as they are.
            return self._marked(key, slot, given, "follow-up" if causes else "", causes)
        for numbers in (self.own, self.true):
            for mistake, x in self._mistaken(slot, numbers):
                if math.isfinite(x) and near(given, x, self.precision):
                    return self._marked(key, slot, given, mistake)
        rounded = any(_is_rounded(given, x, self.precision) for x in (truth, follows))
        return self._marked(key, slot, given, "rounding" if rounded else "other")

    def _marked(
        self, key: str, slot: Slot, given: float | None, mistake: Mistake, causes: Sequence[Slot] = ()
    ) -> Mark:  # fmt: skip
        words = WORDS[mistake]
        if mistake == "other":
            words = FORWARD if slot.kind == "value" else BACKWARD
        earlier = " and ".join(self.signs[cause] for cause in causes)
        words = words.format(given=earlier, precision=self.precision)
        return Mark(key, self.signs[slot], given, mistake in ("", "follow-up"), mistake, words)

    def _mistaken(self, slot: Slot, numbers: _Numbers) -> Iterator[tuple[Mistake, float]]:
        """What the usual mistakes would give."""
        if slot.kind == "value":
            row = self.exercise.quantities[slot.of].primitive
            assert row is not None
            yield from _mistaken_values(row, self.exercise.operands(slot.of, numbers.values))
            return
        uses = self.exercise.uses[slot.of]
        if slot.kind == "part" or len(uses) == 1:
            yield from self._mistaken_parts(uses[slot.use], numbers)
            return
        parts = self._parts(slot, numbers)
        whole = exact_sum(parts)
        for size in range(1, len(parts)):
            if size == 1 or size == len(parts) - 1:
                yield from (("one contribution", exact_sum(few)) for few in combinations(parts, size))
        yield "sign", -whole
        for use, part in zip(uses, parts, strict=True):
            yield from ((mistake, whole - part + x) for mistake, x in self._mistaken_parts(use, numbers))

    def _mistaken_parts(self, use: Use, numbers: _Numbers) -> Iterator[tuple[Mistake, float]]:
        row = self.exercise.quantities[use.reader].primitive
        assert row is not None
        arriving, y = numbers.gradients[use.reader], numbers.values[use.reader]
        slope = self.exercise.slope(use, numbers.values)
        yield "sign", -arriving * slope
        yield "upstream only", arriving
        yield "slope only", slope
        operands = self.exercise.operands(use.reader, numbers.values)
        for mistake, x in _mistaken_slopes(row, use.position, operands, y):
            yield mistake, arriving * x
            yield mistake, -arriving * x
        if slope:
            yield "divided", arriving / slope


def _places(args: Sequence[int | float]) -> list[int]:
    return list(dict.fromkeys(arg for arg in args if type(arg) is int))


def _is_rounded(given: float, x: float, precision: int) -> bool:
    """Whether a number is x, rounded to fewer digits than asked, or cut off."""
    if not math.isfinite(x) or x == 0.0 or abs(given - x) > 0.1 * abs(x):
        return False
    for digits in range(1, precision + 1):
        unit = 10.0 ** (math.floor(math.log10(abs(x))) + 1 - digits)
        if any(math.isclose(given, unit * f(x / unit), rel_tol=1e-9) for f in (round, math.trunc)):
            return True
    return False


def _tried(f: Any, *args: Any) -> float:
    try:
        return float(f(*args))
    except (ArithmeticError, ValueError):
        return math.nan


def _mistaken_values(row: Primitive, operands: list[float]) -> Iterator[tuple[Mistake, float]]:
    y, name = _tried(row.on_floats, operands), operation_of(row)
    yield "sign", -y
    if name in ANGLES_IN:
        yield "degrees", _tried(row, math.radians(operands[0]))
    if name in ANGLES_OUT:
        yield "degrees", math.degrees(y)
    if name == "log":
        yield "base 10", y / math.log(10.0)
    if row.rule is None and len(operands) == 2:
        yield "swapped", _tried(row, *reversed(operands))


def _mistaken_slopes(row: Primitive, place: int, operands: list[float], y: float) -> Iterator[tuple[Mistake, float]]:
    """Slopes of an operation as they come out when a rule is used wrongly."""
    name = operation_of(row)
    if row.rule is not None:
        return
    if len(operands) == 2:
        yield "swapped", _partial(row, 1 - place, operands, y)
    if name == "pow" and place == 0:
        x, n = operands
        yield from (("power rule", _tried(math.pow, x, n - 1.0)), ("power rule", n * y), ("power rule", n * x))
    if len(operands) == 1:
        (x,) = operands
        yield "wrong place", _partial(row, 0, [y], y)
        yield "wrong place", _partial(row, 0, [x], x)
        yield "wrong place", _partial(row, 0, [y], _tried(row, y))
        if name in IN_RESULT:
            yield "wrong place", IN_RESULT[name](x)
    if name in ANGLES_IN:
        angle = math.radians(operands[0])
        yield "degrees", _partial(row, 0, [angle], _tried(row, angle))


def _partial(row: Primitive, place: int, operands: list[float], y: float) -> float:
    try:
        found = row.local_derivatives(operands, y)[place]
    except (ArithmeticError, ValueError):
        return math.nan
    return math.nan if found is None else float(found)
