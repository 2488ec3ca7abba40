"""Numbers for the names in an expression with which it can be computed by hand: short, moderate, away from corners."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd import DomainError
from visualize.description import operation_of
from visualize.exercise import Exercise, exercise_of
from visualize.expression import ExpressionError, evaluate, names_in
from visualize.style import number

__all__ = ["at_kinks", "chosen"]

DRAWS, ENOUGH = 400, 25
"""So many times numbers are drawn at most, and so many that are of use, to take the best."""

# Never 0 or ±1, with which a forgotten factor would go unseen.
SIMPLE = [0.5, 1.5, 2.0, 2.5, 3.0, 4.0]
TENTHS = [0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 1.2, 1.4, 1.6, 1.8, 2.2, 2.4, 2.6, 2.8, 3.5]
LARGE = [5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0]

MODERATE = (0.05, 20.0)
USABLE = (1e-6, 1e4)
BESIDE_KINK = 0.1


def chosen(text: str, fixed: Mapping[str, Any], seed: int) -> Exercise:
    """The exercise of an expression; each name without a number in `fixed` gets one, always the same for a seed.

    Raises ExpressionError if the expression is wrong, ValueError if no numbers are found.
    """
    names = [name for name in names_in(text) if name not in fixed]
    if not names and not fixed:
        evaluate(text)  # says what is wrong, if that is not all
        raise ValueError("the expression has no names, so there is no gradient: write one such as 'tanh(w*x + b)'")
    if not names:
        return exercise_of(evaluate(text, **fixed))
    dice = random.Random(seed)
    best, least, usable, refused = None, math.inf, 0, ""
    for draw in range(DRAWS):
        numbers = {name: _drawn(dice, draw) for name in names}
        try:
            exercise = exercise_of(evaluate(text, **fixed, **numbers))
        except ExpressionError as error:
            if not isinstance(error.__cause__, DomainError):
                raise
            refused = str(error).splitlines()[0]
            continue
        against = _against(exercise)
        if against < least:
            best, least = exercise, against
        usable += against < math.inf
        if usable == ENOUGH:
            break
    if best is None:
        why = f" ({refused})" if refused else ""
        listed = ", ".join(f"{name}=…" for name in names)
        raise ValueError(
            f"no numbers were found with which {text} and its gradients are moderate{why}: give some, as {listed}"
        )
    return best


def at_kinks(exercise: Exercise) -> list[str]:
    """Where the exercise lies on a corner, so that the derivative is a convention; a sentence each."""
    forward = {step.of: step for step in exercise.steps if not step.backward}
    return [
        f"{exercise.formula(forward[i])} is at a corner, where the derivative is a convention: {row.kink.convention}."
        for i, row, distance in _kinks(exercise)
        if distance == 0.0
    ]


def _drawn(dice: random.Random, draw: int) -> float:
    """A number; the longer the search, the wider. Only random() is the same on every version of Python."""
    kind, sign, place = dice.random(), dice.random(), dice.random()
    widest = draw > DRAWS // 3
    pool = LARGE if widest and kind < 0.4 else SIMPLE if kind < 0.65 else TENTHS
    x = pool[int(place * len(pool))]
    return x if sign < 0.6 else -x


def _against(exercise: Exercise) -> float:
    """How much speaks against these numbers; infinity if they are of no use."""
    answers = exercise.answers
    found = [abs(x) for x in answers.values()]
    if not all(math.isfinite(x) and (x == 0.0 or USABLE[0] <= x <= USABLE[1]) for x in found):
        return math.inf
    distances = [distance for _, _, distance in _kinks(exercise)]
    if 0.0 in distances:
        return math.inf
    leaves = [q.value for q in exercise.leaves]
    slopes = [answers[step.keys[-1]] for step in exercise.steps if step.backward]
    return (
        sum(not MODERATE[0] <= x <= MODERATE[1] for x in found if x)
        + 0.5 * sum(x == 0.0 for x in slopes)
        + 4.0 * sum(d < BESIDE_KINK for d in distances)
        + 2.0 * _cancelling(exercise)
        + (len(leaves) - len({abs(x) for x in leaves}))
        # Where numbers are the same, a mistake may go unseen.
        - 0.5 * len({number(abs(x), 3) for x in (*found, *leaves)})
    )


def _kinks(exercise: Exercise) -> Iterable[tuple[int, Any, float]]:
    """Operations that have a kink: place, row, and how far away it is. `where` has none, only a condition."""
    values = [q.value for q in exercise.quantities]
    for i, q in enumerate(exercise.quantities):
        row = q.primitive
        if row is not None and row.kink is not None and operation_of(row) != "where":
            yield i, row, abs(float(row.kink.distance(*exercise.operands(i, values))))


def _cancelling(exercise: Exercise) -> int:
    """How many sums are small beside their terms: there, a rounded number spoils the next one."""
    values = [q.value for q in exercise.quantities]
    sums: list[tuple[Sequence[float], float]] = []
    for i, q in enumerate(exercise.quantities):
        if operation_of(q.primitive) in ("add", "sub", "sum", "dot", "mean"):
            sums.append((exercise.operands(i, values), q.value))
    for step in exercise.steps:
        if len(step.keys) > 1:
            *parts, whole = (exercise.answers[key] for key in step.keys)
            sums.append((parts, whole))
    return sum(abs(whole) < 0.1 * max(map(abs, parts)) for parts, whole in sums)
