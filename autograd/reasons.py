"""Why a gradient is 0, infinite or nothing at all: the places on the graph where that begins, in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from autograd import primitives as table
from autograd.engine import Value
from autograd.formulas import said, slope_formula, slope_of, superscripted, value_formula
from autograd.kinks import sides_of
from autograd.paths import Between, Pulled
from autograd.primitive import Primitive

__all__ = ["reasons"]

MOST_ALIKE = 2
"""How many places of one kind are described."""
MOST = 5
TERMS = 4

Cause = tuple[str, str]
"""What kind of place it is, and the sentence about it."""


def reasons(between: Between, pulled: Pulled, called: Callable[[Any], str], cancelled: float) -> list[str]:
    """Sentences about what is to be known of the gradient of y by x, most important first; none if all is ordinary.

    cancelled: the sum of |product| over all paths.
    """
    words = _Words(called)
    gradient = pulled.gradients[0] or 0.0
    if gradient - gradient != 0.0 or pulled.failed:
        return _unique(_not_finite(between, pulled, words))
    if gradient == 0.0:
        return _some(list(_deaths(between, pulled, words)))
    found: list[Cause] = []
    if math.isfinite(cancelled) and cancelled > 2.0 * abs(gradient):
        found.append((
            "cancelled",
            f"Paths of opposite sign cancel in part: the products without their signs add up to {said(cancelled)}, "
            f"with them to {said(gradient)}.",
        ))  # fmt: skip
    for value, edges, upstream in zip(between.nodes, between.edges, pulled.gradients, strict=True):
        if edges and upstream is not None and sides_of(value) is not None:
            found.append(("kink", words.at_kink(value, edges[0][1])))
    return _some(found)


def _some(causes: Sequence[Cause]) -> list[str]:
    """The first of each kind, and how many more there are of which."""
    shown: list[str] = []
    alike: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for kind, sentence in causes:
        if sentence in shown:
            continue
        alike[kind] += 1
        if alike[kind] <= MOST_ALIKE and len(shown) < MOST:
            shown.append(sentence)
        else:
            left[kind] += 1
    if left:
        listed = ", ".join(f"{n:,} × {kind}" for kind, n in left.most_common(MOST))
        shown.append(f"And the same at more places: {listed}.")
    return shown


def _unique(sentences: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(sentences))[:3]


# ---------------------------------------------------------------- 0


def _deaths(between: Between, pulled: Pulled, words: _Words) -> list[Cause]:
    """Where a gradient that is not 0 arrives and nothing goes on, or where all that arrives adds up to 0. From y on."""
    found: list[Cause] = []
    arriving: list[list[float]] = [[] for _ in between.nodes]
    for i in reversed(range(len(between.nodes))):
        value, upstream = between.nodes[i], pulled.gradients[i]
        if upstream == 0.0 and arriving[i]:
            found.append(("cancelled", words.cancelled(value, arriving[i])))
        if not upstream:
            continue
        for (j, place), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
            assert slope is not None
            if slope == 0.0:
                found.append((_name(value), words.flat(value, place)))
            elif upstream * slope == 0.0:
                found.append(("underflow", words.underflow(value, place, upstream, slope)))
            else:
                arriving[j].append(upstream * slope)
    return found


def _name(value: Value) -> str:
    assert value.primitive is not None
    return value.primitive.name


# ---------------------------------------------------------------- infinite, or nan


def _not_finite(between: Between, pulled: Pulled, words: _Words) -> list[str]:
    found = []
    for value in between.order:
        if value.primitive is not None and value.data - value.data != 0.0 and _is_first(value):
            found.append(f"The numbers themselves go wrong first: {words.with_value(value)}.")
            break
    found += [f"{error}" for error in pulled.failed[:1]]
    for i in reversed(range(len(between.nodes))):
        upstream = pulled.gradients[i]
        if upstream is None or upstream - upstream != 0.0:
            continue
        for (j, place), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
            if slope is not None and not math.isfinite(upstream * slope) and not found:
                found.append(words.infinite(between.nodes[i], place, upstream, slope))
            elif not math.isfinite(pulled.gradients[j] or 0.0) and not found:
                found.append(
                    f"So much arrives at {words.called(between.nodes[j])} that the sum is too large for a float."
                )
    return found


def _is_first(value: Value) -> bool:
    """Whether a number that is not finite came of numbers that are."""
    return all(math.isfinite(x.data if isinstance(x, Value) else x) for x in value.args)


# ---------------------------------------------------------------- sentences


class _Words:
    """Sentences about one operation, in the names of the graph."""

    def __init__(self, called: Callable[[Any], str]) -> None:
        self.called = called

    def form(self, value: Value, place: int) -> str:
        return superscripted(value_formula(value, self.called, [place]))

    def with_value(self, value: Value, place: int = 0) -> str:
        """v1 = relu(x) = 0, but relu(x) = 0 for the root."""
        return f"{self.called(value)} = {self.form(value, place)} = {said(value.data)}"

    def slope(self, value: Value, place: int) -> str:
        formula = superscripted(slope_formula(value, place, self.called))
        return f"{slope_of(self.called(value), self.called(value.args[place]))}{f' = {formula}' * bool(formula)}"

    def argument(self, value: Value, place: int) -> str:
        arg = value.args[place]
        assert isinstance(arg, Value)
        return f"{self.called(arg)} = {said(arg.data)}"

    def cancelled(self, value: Value, arriving: Sequence[float]) -> str:
        terms = [said(x) if x >= 0.0 else f"({said(x)})" for x in arriving]
        if len(terms) > TERMS:
            terms = [*terms[: TERMS - 1], f"… {len(terms) - TERMS + 1:,} more …"]
        return f"The paths cancel at {self.called(value)}: {' + '.join(terms)} = 0."

    def underflow(self, value: Value, place: int, upstream: float, slope: float) -> str:
        return (
            f"The product of slopes gets too small for a float at {self.called(value.args[place])}: {upstream:.4g} · "
            f"{said(slope)} becomes 0."
        )

    def infinite(self, value: Value, place: int, upstream: float, slope: float) -> str:
        if math.isfinite(slope):
            arg = self.called(value.args[place])
            return (
                f"The product of slopes gets too large for a float at {arg}: {upstream:.4g} · {said(slope)} overflows."
            )
        what = "has no value" if slope != slope else "is infinite"
        return f"{self.slope(value, place)} {what} at {self.argument(value, place)}: it begins there."

    def at_kink(self, value: Value, place: int) -> str:
        return (
            f"{self.with_value(value, place)} is exactly at a kink: its slope there is a convention. autograd.kinks "
            "shows the other choices."
        )

    def flat(self, value: Value, place: int) -> str:
        """Why the slope of an operation by one argument is 0."""
        row, arg = value.primitive, self.called(value.args[place])
        assert row is not None
        what = self.with_value(value, place)
        if row is table.stop_gradient:
            return f"{what}: stop_gradient lets no gradient through. That is what it is for."
        if row is table.where and place > 0:
            taken = self.called(value.args[3 - place])
            return f"{what} took {taken} and not {arg}: the branch that is not taken has no influence."
        if row is table.where:
            return f"{what}: the condition {arg} only chooses, it gets no gradient."
        if row.flat:
            return f"{what} stays the same while {arg} changes a little: {row.name} is flat, its slope is always 0."
        sides = sides_of(value)
        if sides is not None:
            return (
                f"{what} with {self.argument(value, place)} is exactly at its kink. The slope 0 there is a convention "
                f"({sides.convention}); autograd.kinks shows the other choices."
            )
        if row.chooses:
            here = self.argument(value, place)
            return f"{what} with {here}: a small change of {arg} does not change it, so nothing passes."
        return self._smooth_and_flat(value, place, row)

    def _smooth_and_flat(self, value: Value, place: int, row: Primitive) -> str:
        what, arg = self.with_value(value, place), self.called(value.args[place])
        if row in (table.mul, table.dot):
            partner = value.args[(place + len(value.args) // 2) % len(value.args)]
            other = self.called(partner)
            zero = other if isinstance(partner, float) else f"{other}, which is 0"
            return f"{what}: {arg} is multiplied by {zero}, so nothing passes."
        if _is_flat_around(value, place):
            return (
                f"{what} is saturated: around {self.argument(value, place)} it is so flat that its slope rounds to 0."
            )
        return f"{self.slope(value, place)} is 0 at {self.argument(value, place)}: {what} is flat just there."


def _is_flat_around(value: Value, place: int) -> bool:
    """Whether the slope is 0 on both sides as well, a thousandth away."""
    row = value.primitive
    assert row is not None
    operands = [x.data if isinstance(x, Value) else x for x in value.args]
    step = 1e-3 * max(1.0, abs(operands[place]))
    for x in (operands[place] - step, operands[place] + step):
        moved = [*operands[:place], x, *operands[place + 1 :]]
        try:
            slope = row.local_derivatives(moved, row.on_floats(moved))[place]
        except (ArithmeticError, ValueError):
            return False
        if slope != 0.0:
            return False
    return True
