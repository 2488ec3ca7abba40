"""Why a gradient is 0, infinite or nothing at all: the places on the graph where that begins, in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from autograd import primitives as table
from autograd.engine import Value
from autograd.formulas import Formula, said, slope_formula, slope_of, value_formula
from autograd.kinks import Sides, decided, unknown
from autograd.paths import Between, Pulled, exact_sum, silent
from autograd.primitive import Primitive, is_built_in
from autograd.told import CONVENTION, OWN, ROUNDING, STOPPED

__all__ = ["reasons"]

MOST_ALIKE = 2
"""How many places of one kind are described."""
MOST = 5
TERMS = 4


class Cause(NamedTuple):
    """A place on the graph. kind: alike are told few times. place: the same one is told once. say: the sentence."""

    kind: str
    place: tuple[int, ...]
    say: Callable[[], str]


def reasons(between: Between, pulled: Pulled, names: Mapping[Value, str], cancelled: float) -> tuple[list[str], str]:
    """Sentences about what is to be known of the gradient of y by x, most important first; none if all is ordinary. And
    why it may not be how y changes with x, "" if it is.

    cancelled: the sum of |product| over all paths.
    """
    gradient = pulled.gradients[0] or 0.0
    if gradient - gradient != 0.0 or pulled.failed:
        return _unique(_not_finite(between, pulled, _Words(names, {}))), ""
    at_kinks = decided(between, pulled, between.nodes[:1])
    words = _Words(names, at_kinks)
    arriving = _arriving(between, pulled)
    roundings = _roundings(between, pulled, arriving, words)
    reservation = ""
    if roundings:
        reservation = ROUNDING
    elif at_kinks:
        reservation = CONVENTION
    else:
        reservation = _kept_constant(between, pulled, arriving)
    found = [*roundings]
    if gradient == 0.0:
        found += _deaths(between, pulled, arriving, words)
    else:
        if math.isfinite(cancelled) and cancelled > 2.0 * abs(gradient):
            found.append(Cause("cancelled", (), lambda: words.cancelled_in_part(cancelled, gradient)))
        for value in reversed(at_kinks):
            found.append(Cause("kink", (id(value),), lambda value=value: words.at_kink(value)))  # type: ignore[misc]
    return [*_some(found), *unknown(between)[:MOST]], reservation


def _some(causes: Iterable[Cause]) -> list[str]:
    """The first of each kind, and how many more there are of which."""
    shown: list[str] = []
    seen: set[tuple[str, tuple[int, ...]]] = set()
    alike: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for kind, place, say in causes:
        if (kind, place) in seen:
            continue
        seen.add((kind, place))
        if alike[kind] >= MOST_ALIKE or len(shown) >= MOST:
            left[kind] += 1
        elif (sentence := say()) not in shown:
            alike[kind] += 1
            shown.append(sentence)
    if left:
        listed = ", ".join(f"{n:,} × {kind}" for kind, n in left.most_common(MOST))
        shown.append(f"And the same at more places: {listed}.")
    return shown


def _unique(sentences: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(sentences))[:3]


# ---------------------------------------------------------------- 0


def _arriving(between: Between, pulled: Pulled) -> list[list[float]]:
    """What arrives at each node, from each of those that it is an argument of; without what is 0."""
    arriving: list[list[float]] = [[] for _ in between.nodes]
    for i in reversed(range(len(between.nodes))):
        upstream = pulled.gradients[i]
        if upstream:
            for (j, _), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
                if slope and upstream * slope:
                    arriving[j].append(upstream * slope)
    return arriving


def _deaths(between: Between, pulled: Pulled, arriving: list[list[float]], words: _Words) -> list[Cause]:
    """Where a gradient that is not 0 arrives and nothing goes on, or where all that arrives adds up to 0. From y on."""
    found: list[Cause] = []
    for i in reversed(range(len(between.nodes))):
        value, upstream = between.nodes[i], pulled.gradients[i]
        if upstream == 0.0 and arriving[i]:
            exact = exact_sum(arriving[i])
            found.append(
                Cause("cancelled", (i,), _later(words.cancelled, value, arriving[i])) if exact == 0.0
                else Cause("rounding", (i,), _later(words.rounded, value, arriving[i], 0.0, exact))
            )  # fmt: skip
        if not upstream:
            continue
        for (j, place), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
            assert slope is not None
            if slope == 0.0:
                found.append(Cause(_name(value), (i, j), _later(words.flat, value, place)))
            elif upstream * slope == 0.0:
                found.append(Cause("underflow", (i, j), _later(words.underflow, value, place, upstream, slope)))
    return found


def _later(say: Callable[..., str], *args: object) -> Callable[[], str]:
    return lambda: say(*args)


def _name(value: Value) -> str:
    assert value.primitive is not None
    return value.primitive.name


# ---------------------------------------------------------------- what the gradient does not tell


def _roundings(between: Between, pulled: Pulled, arriving: list[list[float]], words: _Words) -> list[Cause]:
    """Where sums were rounded; none if that is less than a thousandth of the gradient of x."""
    places = []
    lost = [0.0] * len(between.nodes)
    for i in reversed(range(len(between.nodes))):
        total = pulled.gradients[i] or 0.0
        exact = exact_sum(arriving[i]) if len(arriving[i]) > 1 else total
        lost[i] += exact - total
        if abs(exact - total) > 1e-3 * abs(exact):
            places.append(Cause("rounding", (i,), _later(words.rounded, between.nodes[i], arriving[i], total, exact)))
        if lost[i]:
            for (j, _), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
                if slope:
                    lost[j] += lost[i] * slope
    return places if abs(lost[0]) > 1e-3 * abs((pulled.gradients[0] or 0.0) + lost[0]) else []


def _kept_constant(between: Between, pulled: Pulled, arriving: list[list[float]]) -> str:
    """STOPPED or OWN, if what arrives at such a node does not go on though y may change with it; else ""."""
    found = ""
    for i, value in enumerate(between.nodes):
        row, upstream = value.primitive, pulled.gradients[i]
        if not upstream or not between.edges[i] or row is None:
            continue
        if row is table.stop_gradient:
            # softmax stops the gradient of what it subtracts everywhere: but for rounding, nothing arrives there.
            if abs(upstream) > 1e-9 * sum(map(abs, arriving[i])):
                return STOPPED
        elif not is_built_in(row) and 0.0 in pulled.slopes[i]:
            found = OWN
    return found


# ---------------------------------------------------------------- infinite, or nan


def _not_finite(between: Between, pulled: Pulled, words: _Words) -> list[str]:
    """Where it begins, and of what numbers that came, if these were not finite."""
    so_far: dict[int, float] = {}
    for i in reversed(range(len(between.nodes))):
        value, upstream = between.nodes[i], pulled.gradients[i]
        if upstream is None or upstream != upstream:
            continue
        mute = silent(value)
        for (j, place), slope in zip(between.edges[i], pulled.slopes[i], strict=True):
            if slope is None or (slope == 0.0 and mute(place)):
                continue
            c, before = upstream * slope, so_far.get(j, 0.0)
            so_far[j] = before + c
            if slope != slope or c != c:
                begins = words.missing(value, place, pulled.failed) if slope != slope else (
                    words.unknown_product(value, place, upstream, slope)
                )  # fmt: skip
                return words.wrong(value) or [begins]
            if so_far[j] != so_far[j]:
                return [words.opposite(between.nodes[j])]
            if not pulled.failed and math.isinf(so_far[j]) and math.isfinite(upstream):
                wrong = words.wrong(value) if math.isinf(slope) else []
                return wrong or [
                    words.infinite(value, place, upstream, slope) if math.isinf(c) else words.too_much(between.nodes[j])
                ]
    return [f"{error}" for error in pulled.failed[:1]]


def _origin(value: Value) -> Value:
    """Where a number that is not finite began: at a leaf, or at an operation on finite numbers."""
    while True:
        before = [x for x in value.args if isinstance(x, Value) and not math.isfinite(x.data)]
        if not before:
            return value
        value = before[0]


# ---------------------------------------------------------------- sentences


class _Words:
    """Sentences about one operation, in the names of the graph."""

    def __init__(self, names: Mapping[Value, str], at_kinks: Mapping[Value, Sides]) -> None:
        self.names = names
        self.at_kinks = at_kinks

    def called(self, arg: object) -> str:
        if isinstance(arg, Value):
            return self.names[arg]
        assert isinstance(arg, float)
        return said(arg)

    def with_value(self, value: Value, place: int = 0) -> str:
        """v1 = relu(x) = 0, but relu(x) = 0 for the root."""
        formula = Formula(lambda called: value_formula(value, called, [place]), self.names)
        return f"{self.called(value)} = {formula.text} = {said(value.data)}"

    def slope(self, value: Value, place: int) -> str:
        formula = Formula(lambda called: slope_formula(value, place, called), self.names)
        shown = f" = {formula.text}" * bool(formula.text and not formula.in_words)
        return f"{slope_of(self.called(value), self.called(value.args[place]))}{shown}"

    def argument(self, value: Value, place: int) -> str:
        arg = value.args[place]
        assert isinstance(arg, Value)
        return f"{self.called(arg)} = {said(arg.data)}"

    def cancelled(self, value: Value, arriving: Sequence[float]) -> str:
        return f"The paths cancel at {self.called(value)}: {_terms(arriving)} = 0."

    def cancelled_in_part(self, cancelled: float, gradient: float) -> str:
        return (
            f"Paths of opposite sign cancel in part: the products without their signs add up to {said(cancelled)}, "
            f"with them to {said(gradient)}."
        )

    def rounded(self, value: Value, arriving: Sequence[float], total: float, exact: float) -> str:
        return (
            f"Rounding decides at {self.called(value)}: {_terms(arriving)} becomes {said(total)} in floats, and "
            f"without rounding it is {said(exact)}."
        )

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
        return f"{self.slope(value, place)} is infinite at {self.argument(value, place)}: it begins there."

    def too_much(self, value: Value) -> str:
        return f"So much arrives at {self.called(value)} that the sum is too large for a float."

    def wrong(self, value: Value) -> list[str]:
        """Where the numbers of an operation went wrong, if they did."""
        operands = [x for x in (*value.args, value) if isinstance(x, Value) and not math.isfinite(x.data)]
        if not operands:
            return []
        origin = _origin(operands[0])
        if origin.primitive is None:
            return [f"{self.called(origin)} = {said(origin.data)} is a number that goes in: it begins there."]
        return [f"The numbers themselves go wrong first: {self.with_value(origin)}."]

    def missing(self, value: Value, place: int, failed: Sequence[Exception]) -> str:
        row = value.primitive
        assert row is not None
        why = f" ({failed[0].__cause__})" if failed and failed[0].__cause__ and not is_built_in(row) else ""
        way_out = " Keep away from this point, or choose the case with if." if failed else ""
        return (
            f"{self.slope(value, place)} has no value at {self.argument(value, place)}{why}: it begins there.{way_out}"
        )

    def unknown_product(self, value: Value, place: int, upstream: float, slope: float) -> str:
        return (
            f"0 · ∞ at {self.with_value(value, place)}: what arrives there is {said(upstream)}, and "
            f"{self.slope(value, place)} is {said(slope)}; their product is not known. Write the two steps as one that "
            "has a slope there: hypot(x, y) for sqrt(x*x + y*y), x for sqrt(x)**2; or keep away from the point: "
            "sqrt(x + tiny)."
        )

    def opposite(self, value: Value) -> str:
        return (
            f"Infinite contributions of opposite sign meet at {self.called(value)} = {said(value.data)}: their sum has "
            "no value. Keep away from the edge of sqrt, asin, acos or of a power, for example with sqrt(x + tiny)."
        )

    def at_kink(self, value: Value) -> str:
        sides = self.at_kinks[value]
        what = "jump, where no slope tells how it changes" if sides.jumps else "kink: its slope there is a convention"
        return f"{self.with_value(value, sides.place)} is exactly at a {what}. autograd.kinks shows the other choices."

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
        if value in self.at_kinks:
            sides = self.at_kinks[value]
            return (
                f"{what} with {self.argument(value, place)} is exactly at its {'jump' if sides.jumps else 'kink'}. The "
                f"slope 0 there is a convention ({sides.convention}); autograd.kinks shows the other choices."
            )
        if not is_built_in(row):
            return f"{what}: its own gradient by {arg} says 0; whether that is so was not looked into."
        if row.flat:
            return f"{what} stays the same while {arg} changes a little: {row.name} is flat, its slope is always 0."
        if row.chooses:
            here = self.argument(value, place)
            return f"{what} with {here}: a small change of {arg} does not change it, so nothing passes."
        return self._smooth_and_flat(value, place, row)

    def _smooth_and_flat(self, value: Value, place: int, row: Primitive) -> str:
        what, arg, here = self.with_value(value, place), self.called(value.args[place]), self.argument(value, place)
        if row in (table.mul, table.dot):
            partner = value.args[(place + len(value.args) // 2) % len(value.args)]
            other = self.called(partner)
            zero = other if isinstance(partner, float) else f"{other}, which is 0"
            return f"{what}: {arg} is multiplied by {zero}, so nothing passes."
        wrong = self.wrong(value)
        if wrong:
            return f"{self.slope(value, place)} is 0 at {here}. {wrong[0]}"
        around = _around(value, place)
        if any(slope != 0.0 for _, slope in around):
            return f"{self.slope(value, place)} is 0 at {here}: {what} is flat just there."
        if row in SATURATING:
            return f"{what} is saturated: around {here} it is so flat that its slope rounds to 0."
        if all(y == value.data for y, _ in around):
            others = [self.argument(value, i) for i, x in enumerate(value.args) if isinstance(x, Value) and i != place]
            given = f" with {', '.join(others[:TERMS])}" if others else ""
            return f"{what}{given}: it stays the same while {arg} changes a little, so nothing passes."
        return f"{self.slope(value, place)} is too small for a float at {here}: it becomes 0."


SATURATING = {
    table.tanh, table.tanh_slope, table.sigmoid, table.sigmoid_slope, table.softplus, table.logsigmoid, table.logaddexp,
    table.logsumexp, table.gelu, table.gelu_slope, table.silu, table.silu_slope, table.erf, table.erfc, table.exp,
    table.expm1, table.atan,
}  # fmt: skip
"""Rows that come so near to a constant, far out, that their slope is too small for a float."""


def _terms(arriving: Sequence[float]) -> str:
    terms = [said(x) if x >= 0.0 else f"({said(x)})" for x in arriving]
    if len(terms) > TERMS:
        terms = [*terms[: TERMS - 1], f"… {len(terms) - TERMS + 1:,} more …"]
    return " + ".join(terms)


def _around(value: Value, place: int) -> list[tuple[float, float]]:
    """The values of a node and its slopes by one argument a thousandth to both sides; where they exist."""
    row = value.primitive
    assert row is not None
    operands = [x.data if isinstance(x, Value) else x for x in value.args]
    step = 1e-3 * max(1.0, abs(operands[place]))
    found = []
    for x in (operands[place] - step, operands[place] + step):
        moved = [*operands[:place], x, *operands[place + 1 :]]
        try:
            y = row.on_floats(moved)
            slope = row.local_derivatives(moved, y)[place]
        except (ArithmeticError, ValueError):
            continue
        found.append((y, math.nan if slope is None else slope))
    return found
