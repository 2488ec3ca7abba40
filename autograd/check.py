"""Is a gradient right? Compare what `backward()` says with what small steps say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from autograd.primitive import DomainError
from autograd.transforms import grad, map_nested
from autograd.value import Value, no_grad, recording

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

    def __str__(self) -> str:
        lines = [("input", "at", "analytic", "numeric", "difference", "")]
        for row in self.rows:
            numbers = (f"{row.at:.6g}", f"{row.analytic:.10g}", f"{row.numeric:.10g}", f"{row.difference:.2e}")
            lines.append((row.name, *numbers, "" if row.agrees else "<-- differs"))
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

    f: takes numbers or (nested) lists of numbers, as many arguments as `point` has, and returns one number.
    rtol, atol: a derivative agrees if |analytic - numeric| <= atol + rtol · max(|analytic|, |numeric|).

    Returns the report if all agree, else raises GradientMismatch, whose message is the table. Differences are taken
    with smaller and smaller steps and extrapolated to step 0, which is good to about 10 digits for a smooth function.

    >>> print(check_gradients(lambda x, y: x * y, 2.0, 3.0))  # doctest: +ELLIPSIS
    input  at  analytic  numeric  difference
    x1      2         3        3 ...
    x2      3         2        2 ...
    """
    if not point:
        raise TypeError("check_gradients: give the point to check at, as in check_gradients(f, 1.0, [2.0, 3.0])")
    names: list[str] = []
    variables: list[Value] = []

    def variable(x: Any) -> Value:
        variables.append(Value(getattr(x, "data", x) if isinstance(x, Value) else x))
        return variables[-1]

    arguments = [map_nested(variable, x) for x in point]
    for i, x in enumerate(point, 1):
        _name(f"x{i}", x, names)

    with recording():
        y = f(*arguments)
    if isinstance(y, Value):
        analytic = grad(
            y, variables
        )  # the sweep of `backward()`, but Values that f uses from outside keep their gradient
    elif isinstance(y, int | float):
        analytic = [0.0] * len(variables)
    else:
        raise TypeError(f"check_gradients: the function must return one number, got {y!r}")

    def at(x: Value, data: float) -> float:
        before, x.data = x.data, data
        try:
            with no_grad():
                y = f(*arguments)
                return float(y.data if isinstance(y, Value) else y)
        finally:
            x.data = before

    rows = []
    for name, x, slope in zip(names, variables, analytic, strict=True):
        numeric = _numeric(lambda data, x=x: at(x, data), x.data)  # type: ignore[misc]  # bound now, on purpose
        agrees = math.isfinite(slope) and abs(slope - numeric) <= atol + rtol * max(abs(slope), abs(numeric))
        rows.append(Comparison(name, x.data, slope, numeric, agrees))
    report = GradientReport(tuple(rows))
    wrong = sum(not row.agrees for row in rows)
    if wrong:
        raise GradientMismatch(f"{wrong} of {len(rows)} derivatives differ from finite differences:\n{report}")
    return report


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


def _name(prefix: str, x: Any, names: list[str]) -> None:
    """The name of every number in x, as `x2[0][1]`."""
    if isinstance(x, list | tuple) or getattr(x, "shape", False):
        for i, item in enumerate(x):
            _name(f"{prefix}[{i}]", item, names)
    else:
        names.append(prefix)
