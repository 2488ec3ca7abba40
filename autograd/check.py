"""Is a gradient right? Compare what `backward()` says with what small steps say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

from autograd.display import html_table
from autograd.primitive import DomainError
from autograd.transforms import grad
from autograd.tree import is_array, is_number, map_numbers, named_numbers
from autograd.value import Value, no_grad, number, recording

__all__ = ["Comparison", "GradientMismatch", "GradientReport", "check_gradients"]


class GradientMismatch(AssertionError):
    """A gradient differs from finite differences; the message is a table of all inputs."""


class Comparison(NamedTuple):
    """One input: its name in the call, its value, and the derivative by it found in both ways."""

    name: str
    at: float
    analytic: float
    numeric: float
    agrees: bool

    @property
    def difference(self) -> float:
        """analytic - numeric."""
        return self.analytic - self.numeric


class GradientReport(NamedTuple):
    """What `check_gradients` compared: one row per input. Prints as a table."""

    rows: tuple[Comparison, ...]

    def _lines(self) -> list[tuple[str, ...]]:
        lines: list[tuple[str, ...]] = [("input", "at", "analytic", "numeric", "difference", "")]
        for row in self.rows:
            numbers = (f"{row.at:.6g}", f"{row.analytic:.10g}", f"{row.numeric:.10g}", f"{row.difference:.2e}")
            lines.append((row.name, *numbers, "" if row.agrees else "<-- differs"))
        return lines

    def _repr_html_(self) -> str:
        heading, *rows = self._lines()
        return html_table(heading, rows)

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        return "\n".join(
            "  ".join(
                cell.ljust(w) if i in (0, 5) else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def check_gradients(f: Callable[..., Any], *point: Any, rtol: float = 1e-6, atol: float = 1e-8) -> GradientReport:
    """Compare the gradient of f at `point`, by `backward()`, with central finite differences.

    f: takes as many arguments as `point` has, numbers or lists, dicts, dataclasses and arrays of them, and returns one
        number. It gets containers of its own each time, and is called on plain numbers, too, if it can be.
    rtol, atol: a derivative agrees if |analytic - numeric| <= atol + rtol · max(|analytic|, |numeric|).

    Returns the report if all agree, else raises GradientMismatch, whose message is the table. Differences are taken
    with smaller and smaller steps and extrapolated to step 0, which is good to about 10 digits for a smooth function.

    >>> print(check_gradients(lambda x, y: x * y, 2.0, 3.0))  # doctest: +ELLIPSIS
    input  at  analytic  numeric  difference
    x1      2         3        3 ...
    x2      3         2        2 ...
    """
    _check_tolerances(rtol, atol)
    if not point:
        raise TypeError("check_gradients: give the point to check at, as in check_gradients(f, 1.0, [2.0, 3.0])")
    named = [pair for i, x in enumerate(point, 1) for pair in named_numbers(x, f"x{i}")]
    start = [x.data if isinstance(x, Value) else number(x, "check_gradients") for _, x in named]
    if not start:
        raise TypeError(f"check_gradients: there is no real number to differentiate by, got {point!r:.200}")

    def arguments(numbers: Sequence[Any]) -> list[Any]:
        """What f is to be called with: containers of its own each time, which it may change."""
        items = iter(numbers)
        return [map_numbers(lambda _: next(items), x) for x in point]

    variables = [Value(x) for x in start]
    with recording():
        y = f(*arguments(variables))
    y = y.item() if is_array(y) and y.shape == () else y
    if isinstance(y, Value):
        # The sweep of `backward()`, but Values that f uses from outside keep their gradient.
        analytic = grad(y, variables)
    elif isinstance(y, Real):
        analytic = [0.0] * len(variables)
    else:
        raise TypeError(f"check_gradients: the function must return one number, got {y!r}")

    def at(i: int, data: float) -> float:
        with no_grad():
            return _number_of(f(*arguments([Value(data if k == i else x) for k, x in enumerate(start)])))

    rows = []
    for i, ((name, _), x, slope) in enumerate(zip(named, start, analytic, strict=True)):
        numeric = _numeric(partial(at, i), x)
        agrees = math.isfinite(slope) and abs(slope - numeric) <= atol + rtol * max(abs(slope), abs(numeric))
        rows.append(Comparison(name, x, slope, numeric, agrees))
    _compare_on_floats(f, lambda: arguments(start), _number_of(y))
    report = GradientReport(tuple(rows))
    wrong = sum(not row.agrees for row in rows)
    if wrong:
        raise GradientMismatch(f"{wrong} of {len(rows)} derivatives differ from finite differences:\n{report}")
    return report


def _check_tolerances(rtol: float, atol: float) -> None:
    for name, x in (("rtol", rtol), ("atol", atol)):
        if not is_number(x) or isinstance(x, Value):
            raise TypeError(f"check_gradients: {name} must be a number, got {x!r}")
        if not x >= 0.0:
            raise ValueError(f"check_gradients: {name} must not be negative, got {x!r}")


def _number_of(y: Any) -> float:
    return float(y.data if isinstance(y, Value) else y)


def _compare_on_floats(f: Callable[..., Any], arguments: Callable[[], list[Any]], expected: float) -> None:
    """Raise GradientMismatch if f finds another value on plain numbers than on Values."""

    def plain() -> float:
        with no_grad():
            return _number_of(f(*arguments()))

    try:
        found = plain()
    except Exception:  # it may need Values, for their methods: then there is nothing to compare
        return
    if math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12) or (found != found and expected != expected):
        return
    again = plain()
    if again not in (found, expected):
        raise GradientMismatch(
            f"the function gives several values at one point, {found!r} and {again!r}: is there randomness, or a "
            "counter in it? Draw such numbers outside, once"
        )
    raise GradientMismatch(
        f"the function finds {found!r} on plain numbers, but {expected!r} on Values: does it tell them apart, by their "
        "type, by `is` or by a set or dict of them?"
    )


SHRINK = 1.6
LEVELS = 10


def _numeric(f: Callable[[float], float], x: float) -> float:
    """f'(x) from central differences, starting with a smaller step where a larger one meets a kink, a wiggle or an
    edge.
    """
    found = []
    for step in (2e-2, 1e-3, 3e-5):
        step *= max(abs(x), 1.0)
        while (first := _central_inside(f, x, step)) is None:
            step /= 4.0
            if x + step == x:
                raise DomainError(
                    f"check_gradients: any small step from {x!r} leaves the domain, so there is no derivative to "
                    "compare with; check at a point inside the domain"
                )
        slope, error = _ridders(f, x, step, first)
        if error <= 1e-9 * max(abs(slope), 1.0):
            return slope
        found.append((error, slope))
    return min(found)[1]


def _ridders(f: Callable[[float], float], x: float, step: float, first: float) -> tuple[float, float]:
    """f'(x) from central differences with shrinking steps, extrapolated to step 0, and an estimate of its error.

    Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)": each column of the tableau removes the next even
    power of the step from the error, and the entry that differs least from its neighbours is the answer.
    """
    row, best, error = [first], first, math.inf
    for _ in range(1, LEVELS):
        step /= SHRINK
        new = [_central(f, x, step)]
        factor = SHRINK * SHRINK
        for i, entry in enumerate(row):
            new.append((factor * new[i] - entry) / (factor - 1.0))
            factor *= SHRINK * SHRINK
            change = max(abs(new[i + 1] - new[i]), abs(new[i + 1] - entry))
            if change <= error:
                best, error = new[i + 1], change
        if abs(new[-1] - row[-1]) >= 2.0 * error:
            break  # rounding has taken over
        row = new
    return best, error


def _central_inside(f: Callable[[float], float], x: float, step: float) -> float | None:
    try:
        return _central(f, x, step)
    except DomainError:
        return None


def _central(f: Callable[[float], float], x: float, step: float) -> float:
    above, below = x + step, x - step  # their distance is not exactly 2 · step
    return (f(above) - f(below)) / (above - below)
