"""Derivatives by small steps, each with an estimate of its own error.

For smaller and smaller steps, down by decades from the point's own scale, differences are extrapolated to step 0
(Richardson); their error is what the last extrapolation changed, plus the rounding of f divided by the step. The best
of all steps is taken. A step is not trusted that is too coarse to see what the function does: then the slopes to the
left and to the right, extrapolated each by itself, do not meet.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable, Iterator
from itertools import pairwise
from typing import NamedTuple

__all__ = ["EPS", "SAFETY", "Estimate", "Sample", "estimate"]

EPS = 2.0**-52
SINGLE = 2.0**-23
SAFETY = 3.0
"""By how much an estimate of an error is multiplied before it is relied on."""


class Sample(NamedTuple):
    """The value of a function, and which way it took: the comparisons that it made, and the sides of its kinks."""

    value: float
    way: Hashable = None


class Side(NamedTuple):
    """The slope to one side of a point, how far it may be off, and the way that the function takes there."""

    slope: float
    error: float
    way: Hashable


class Estimate(NamedTuple):
    """A derivative by small steps: it lies within `error` of `slope`, as far as that can be known.

    step: the smallest step that was taken in the estimate. left, right: the slopes to both sides where the function
    takes another way, at a kink or at the edge of its domain; None where it has no value. beside: a way that the
    function takes not far from the point, if that is another one. scale: the largest value seen, over the step, by
    which an error is judged that is not small beside a slope of 0.
    """

    slope: float
    error: float
    step: float
    scale: float
    left: Side | None = None
    right: Side | None = None
    beside: Hashable = None
    reason: str = ""

    @property
    def at_kink(self) -> bool:
        return self.left is not None and self.right is not None


def estimate(f: Callable[[float], Sample], x: float, here: Sample, noise: float = 0.0) -> Estimate:
    """f'(x). here: f at x. noise: how far rounding may move f, beyond that of the result itself.

    f raises ArithmeticError or ValueError where it has no value. Never raises itself: an error that is infinite, with a
    reason, says that nothing is known.
    """
    # Numbers near the end of the range of floats would overflow in between.
    size = math.frexp(here.value)[1]
    unit = 2.0 ** min(size, 1000) if abs(size) > 800 else 1.0
    if unit != 1.0:
        return _times(estimate(_scaled(f, unit), x, here._replace(value=here.value / unit), noise / unit), unit)
    search, trials = _Search(f, x, here, noise), _Trials()
    for step in _steps(x):
        if x + step == x or x - step == x:
            break
        found = search.central(step)
        if found is None:
            continue
        if found.slope == 0.0 and trials.slope_somewhere and (tread := search.tread()) > EPS * noise:
            # Flat from near and sloping from afar, as a stair: the function rounds what it returns.
            return estimate(f, x, here, tread / EPS)
        trials.add(found)
        if trials.settled:
            break
    if not trials.found:
        return search.sides()
    found = trials.best()
    if search.beside is not None:
        # Beside a kink small steps must be smaller than its distance, but not those that lead away from it.
        for side in (search.side(-1.0), search.side(1.0)):
            if side is not None and side.way == here.way and side.error < found.error:
                found = found._replace(slope=side.slope, error=side.error)
    return found._replace(beside=search.beside, scale=search.largest / max(abs(x), found.step))


class _Trials:
    """Estimates from smaller and smaller steps. apart: of each, how far it is from its nearer neighbour."""

    def __init__(self) -> None:
        self.found: list[Estimate] = []
        self.apart: list[float] = []

    def add(self, found: Estimate) -> None:
        away = math.inf
        if self.found:
            away = abs(found.slope - self.found[-1].slope)
            self.apart[-1] = min(self.apart[-1], away)
        self.found.append(found)
        self.apart.append(away)

    @property
    def slope_somewhere(self) -> bool:
        """Whether one of them says for sure that the slope is not 0."""
        return any(abs(e.slope) > SAFETY * e.error for e in self.found)

    @property
    def settled(self) -> bool:
        """Whether the last one cannot be bettered."""
        return max(self.found[-1].error, self.apart[-1]) <= 1e-10 * abs(self.found[-1].slope)

    def best(self) -> Estimate:
        """One step by itself may be deceived, by a wave of its own length or by rounding; two that say the same are
        not. And what a smaller step rules out was too coarse.
        """
        sure = [e._replace(error=max(e.error, away)) for e, away in zip(self.found, self.apart, strict=True)]
        kept = [
            e for i, e in enumerate(sure)
            if all(abs(e.slope - finer.slope) <= SAFETY * (e.error + finer.error) for finer in sure[i + 1 :])
        ]  # fmt: skip
        return min(kept, key=lambda e: e.error)


def _scaled(f: Callable[[float], Sample], unit: float) -> Callable[[float], Sample]:
    def scaled(x: float) -> Sample:
        sample = f(x)
        return sample._replace(value=sample.value / unit)

    return scaled


def _times(found: Estimate, unit: float) -> Estimate:
    def side(s: Side | None) -> Side | None:
        return s and s._replace(slope=s.slope * unit, error=s.error * unit)

    return found._replace(
        slope=found.slope * unit, error=found.error * unit, scale=found.scale * unit,
        left=side(found.left), right=side(found.right),
    )  # fmt: skip


def _steps(x: float) -> Iterator[float]:
    """From the scale of the point, or from 1, down by decades; not by powers of ten exactly, with which functions could
    be in step.
    """
    step = 0.0739 * max(abs(x), 1.0)
    smallest = max(abs(x) * 1e-14, 1e-300) if x != 0.0 else 1e-30
    coarse = 0
    while step > smallest:
        yield step
        coarse += 1
        # A point very near 0 has a scale of its own; between it and 1 there may be nothing for a long way.
        if x != 0.0 and coarse > 12 and step > 0.0739 * abs(x):
            step = 0.0739 * abs(x)
        else:
            step /= 10.0


class _Search:
    """What is known of a function around a point."""

    def __init__(self, f: Callable[[float], Sample], x: float, here: Sample, noise: float) -> None:
        self.f = f
        self.x = x
        self.here = here
        self.noise = noise
        self.largest = abs(here.value)
        self.beside: Hashable = None
        self.seen: set[float] = set()

    def at(self, x: float) -> Sample | None:
        """f at a point near by; None where it has no value."""
        try:
            found = self.f(x)
        except (ArithmeticError, ValueError):
            return None
        if not math.isfinite(found.value):
            return None
        return found

    def _around(self, step: float, parts: tuple[float, ...]) -> list[Sample] | None:
        """f at some parts of a step, if it has values there and takes the way that it takes at the point itself."""
        found = []
        for part in parts:
            sample = self.at(self.x + part * step)
            if sample is None:
                return None
            if sample.way != self.here.way:
                self.beside = sample.way
                return None
            found.append(sample)
        return found

    def _rounding(self, samples: list[Sample], step: float) -> float:
        """How far rounding may have moved any of some samples, of points at most a step away."""
        largest = max(abs(sample.value) for sample in samples)
        self.largest = max(self.largest, largest)
        most = max(largest, abs(self.here.value))
        self.seen |= {sample.value for sample in samples}
        if len(self.seen) > 3 and all(map(_is_single, self.seen)):
            # A function that computes in 32 bits, and takes its argument as such.
            bend = max(abs(sample.value - self.here.value) for sample in samples) / step
            return SINGLE * (most + abs(self.x) * bend)
        return EPS * (most + self.noise)

    def tread(self) -> float:
        """The smallest difference between two values seen; 0 if there are none."""
        return min((b - a for a, b in pairwise(sorted(self.seen | {self.here.value}))), default=0.0)

    def central(self, step: float) -> Estimate | None:
        """From three pairs of steps, each half of the one before."""
        samples = self._around(step, (1.0, -1.0, 0.5, -0.5, 0.25, -0.25))
        if samples is None:
            return None
        rounding = self._rounding(samples, step) / step
        f0 = self.here.value
        ahead, behind, middle = [], [], []
        for k, part in enumerate((1.0, 0.5, 0.25)):
            above, below = self.x + part * step, self.x - part * step
            up, down = samples[2 * k].value, samples[2 * k + 1].value
            middle.append((up - down) / (above - below))
            ahead.append((up - f0) / (above - self.x))
            behind.append((f0 - down) / (self.x - below))
        once = [(4.0 * middle[1] - middle[0]) / 3.0, (4.0 * middle[2] - middle[1]) / 3.0]
        slope = (16.0 * once[1] - once[0]) / 15.0
        gap = abs(_towards_0(ahead) - _towards_0(behind))
        seen = gap <= 0.2 * abs(ahead[0] - behind[0]) + 60.0 * rounding
        error = abs(slope - once[1]) + 8.0 * rounding + (0.0 if seen else gap)
        if not math.isfinite(slope) or not math.isfinite(error):
            return None
        return Estimate(slope, error, step / 4.0, 0.0)

    def sides(self) -> Estimate:
        """At a kink, or at the edge of the domain: the slopes to the left and to the right by themselves."""
        left, right = self.side(-1.0), self.side(1.0)
        if left is None and right is None:
            return Estimate(math.nan, math.inf, 0.0, 0.0, reason="any small step leaves the domain")
        scale = self.largest / max(abs(self.x), 1e-3)
        if left is None or right is None:
            only = left or right
            assert only is not None
            same = only.way == self.here.way
            why = "" if same else "the function jumps or bends here, and has no value on the other side"
            return Estimate(only.slope, only.error, 0.0, scale, left, right, reason=why)
        middle, half = 0.5 * (left.slope + right.slope), 0.5 * abs(right.slope - left.slope)
        return Estimate(middle, half + left.error + right.error, 0.0, scale, left, right, self.beside)

    def side(self, sign: float) -> Side | None:
        """The slope to one side, from the way that the function takes there next to the point."""
        best: Side | None = None
        for step in _steps(self.x):
            if self.x + sign * step / 8.0 == self.x:
                break
            samples = [self.at(self.x + sign * part * step) for part in (1.0, 0.5, 0.25, 0.125)]
            known = [sample for sample in samples if sample is not None]
            if len(known) < 4 or len({sample.way for sample in known}) > 1:
                continue
            rounding = self._rounding(known, step) / step
            slopes = [
                (sample.value - self.here.value) / ((self.x + sign * part * step) - self.x)
                for sample, part in zip(known, (1.0, 0.5, 0.25, 0.125), strict=True)
            ]
            once = [2.0 * b - a for a, b in pairwise(slopes)]
            twice = [(4.0 * b - a) / 3.0 for a, b in pairwise(once)]
            slope = (8.0 * twice[1] - twice[0]) / 7.0
            # At an edge a function may be no power series, x ** 1.5 at 0, and converge as slowly as the root of a step.
            error = 5.0 * abs(twice[1] - twice[0]) + 100.0 * rounding
            # What does not settle as steps get smaller jumps, or has no slope to this side.
            if abs(slopes[3] - slopes[2]) > 0.75 * abs(slopes[1] - slopes[0]) + 60.0 * rounding:
                error = math.inf
            if error > 0.1 * abs(slope) + 1e-6 * self.largest / max(abs(self.x), step):
                error = math.inf  # it does not settle
            # A smaller step sees the way next to the point, whatever a larger one found.
            if best is None or best.way != known[0].way or error < best.error:
                best = Side(slope, error, known[0].way)
        return best


def _is_single(x: float) -> bool:
    return x == struct.unpack("f", struct.pack("f", x))[0] if abs(x) < 3e38 else False


def _towards_0(slopes: list[float]) -> float:
    """Three one-sided difference quotients, each of half the step before, extrapolated to step 0."""
    return (slopes[0] - 6.0 * slopes[1] + 8.0 * slopes[2]) / 3.0
