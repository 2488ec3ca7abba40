"""Is a gradient right? Compare what `backward()` says, or what you say, with what small steps say.

Three outcomes: a derivative *agrees*, to so many digits; it *differs*; or small steps *cannot tell*, and why. Kinks
are read off the graph, and the derivative there is held against the slopes to both sides. If one differs, every
operation is checked by itself (`autograd.locate`), and the one that is wrong is named, with the line that called it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from numbers import Real
from typing import Any, Literal, NamedTuple

from autograd.convert import number
from autograd.display import html_table
from autograd.engine import Value, gradients, topological
from autograd.forward import jvp
from autograd.locate import Culprit, culprits, way_of
from autograd.modes import no_grad, recording
from autograd.numeric import EPS, SAFETY, Estimate, Sample, estimate
from autograd.primitive import DomainError
from autograd.primitives import dot
from autograd.transforms import grad, value_and_grad
from autograd.tree import in_order_of, is_array, is_number, map_numbers, named_numbers
from autograd.watching import watching

__all__ = ["Comparison", "GradientMismatch", "GradientReport", "GradientUndecided", "check_gradients"]

Verdict = Literal["agrees", "differs", "cannot tell"]


class GradientMismatch(AssertionError):
    """A gradient differs from finite differences; the message is a table of all inputs, and what is wrong.

    report: the GradientReport, if there is one.
    """

    report: GradientReport | None = None


class GradientUndecided(UserWarning):
    """Small steps cannot tell whether a gradient is right; the message says why."""


class Comparison(NamedTuple):
    """One input: its name in the call, its value, the derivative by it found in both ways, and how far the one by small
    steps may be off. note: what else is to be said, such as a kink, or why nothing can be told.
    """

    name: str
    at: float
    analytic: float
    numeric: float
    error: float
    verdict: Verdict
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the two agree."""
        return self.verdict == "agrees"

    @property
    def difference(self) -> float:
        """analytic - numeric."""
        return self.analytic - self.numeric

    @property
    def digits(self) -> int:
        """To how many digits the two agree, as far as that is known."""
        largest = max(abs(self.analytic), abs(self.numeric))
        off = max(abs(self.difference), self.error)
        if off == 0.0 or largest == 0.0:
            return 15
        return 0 if not off < largest else min(15, int(-math.log10(off / largest)))


class GradientReport(NamedTuple):
    """What `check_gradients` compared: one row per input, and the operations that are to blame. Prints as a table."""

    rows: tuple[Comparison, ...]
    culprits: tuple[Culprit, ...] = ()

    def _lines(self) -> list[tuple[str, ...]]:
        lines: list[tuple[str, ...]] = [("input", "at", "analytic", "numeric", "difference", "")]
        for row in self.rows:
            numbers = (f"{row.at:.6g}", f"{row.analytic:.10g}", f"{row.numeric:.10g}", f"{row.difference:.2e}")
            said = (
                (f"{row.digits} digits" if row.digits else "agrees")
                if row.agrees
                else "<-- differs"
                if row.verdict == "differs"
                else row.verdict
            )
            lines.append((row.name, *numbers, f"{said}; {row.note}" if row.note else said))
        return lines

    def _repr_html_(self) -> str:
        heading, *rows = self._lines()
        shown = html_table(heading, rows)
        return "".join([shown, *(culprit.as_html() for culprit in self.culprits)])

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        table = [
            "  ".join(
                cell.ljust(w) if i in (0, 5) else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*table, *map(str, self.culprits)])

    def draw(self, path: Any) -> Any:
        """Write a picture of the first operation that is to blame, and what leads to it; returns the path."""
        if not self.culprits:
            raise ValueError("draw: no operation is to blame, so there is nothing to draw")
        return self.culprits[0].draw(path)


def check_gradients(
    f: Callable[..., Any], *point: Any, gradient: Callable[..., Any] | None = None, order: int = 1, rtol: float = 5e-7,
    atol: float = 0.0,
) -> GradientReport:  # fmt: skip
    """Compare the gradient of f at `point`, by `backward()`, with finite differences that know their own error.

    f: takes as many arguments as `point` has, numbers or lists, dicts, dataclasses and arrays of them, and returns one
        number. It gets containers of its own each time, and is called on plain numbers, too, if it can be.
    gradient: a function that gives the gradient instead, as `value_and_grad` does: your own, or another library's. f is
        called on plain numbers only then, and need not know autograd.
    order: 2 checks second derivatives as well: the gradient of the gradient, along a direction.
    rtol, atol: a derivative agrees if |analytic - numeric| <= atol + rtol · max(|analytic|, |numeric|), but for the
        error of small steps.

    Returns the report unless a derivative differs: that is a GradientMismatch, whose message is the table, with the
    operation that is wrong and the line of yours that called it. If small steps cannot tell, the row says why, and a
    GradientUndecided warning is given. At a kink, the derivative is to lie between the slopes to both sides.

    >>> print(check_gradients(lambda x, y: x * y, 2.0, 3.0))  # doctest: +ELLIPSIS
    input  at  analytic  numeric  difference
    x1      2         3        3 ...
    x2      3         2        2 ...
    """
    _check_options(rtol, atol, order)
    if not point:
        raise TypeError("check_gradients: give the point to check at, as in check_gradients(f, 1.0, [2.0, 3.0])")
    checked = _Checked(f, point) if gradient is None else _Given(f, point, gradient)
    if not math.isfinite(checked.here.value):
        raise DomainError(
            f"check_gradients: the function is {checked.here.value} at this point, so there is nothing to compare; "
            "choose another one"
        )
    rows = []
    for i, (name, x) in enumerate(zip(checked.names, checked.start, strict=True)):
        found = estimate(partial(checked.sample, i), x, checked.here, checked.noise)
        rows.append(_compared(name, x, checked.analytic[i], found, checked.here, rtol, atol))
    checked.compare_on_floats()
    if any(row.agrees and row.note.startswith(AT_KINK) for row in rows) and checked.blamed():
        # Whatever lies between the slopes to both sides passes at a kink, so all else has to be right by itself.
        said = "and an operation that is not at its kink is wrong"
        rows = [
            row._replace(verdict="differs", note=f"{row.note}; {said}") if row.note.startswith(AT_KINK) else row
            for row in rows
        ]
    report = GradientReport(tuple(rows))
    wrong = sum(row.verdict == "differs" for row in rows)
    if wrong:
        report = report._replace(culprits=checked.blamed())
        raise _mismatch(f"{wrong} of {len(rows)} derivatives differ from finite differences:\n{report}", report)
    undecided = [row for row in rows if row.verdict == "cannot tell"]
    if undecided:
        said = "; ".join(f"{row.name} at {row.at:.6g}: {row.note}" for row in undecided[:3])
        warnings.warn(GradientUndecided(f"check_gradients cannot tell, by {said}"), stacklevel=2)
    if order > 1:
        _next_order(f, point, order, rtol, atol, gradient)
    return report


def _mismatch(words: str, report: GradientReport | None) -> GradientMismatch:
    # Not a local variable of what raises it: its traceback would hold it in a circle.
    error = GradientMismatch(words)
    error.report = report
    return error


def _check_options(rtol: float, atol: float, order: int) -> None:
    for name, x in (("rtol", rtol), ("atol", atol)):
        if not is_number(x) or isinstance(x, Value):
            raise TypeError(f"check_gradients: {name} must be a number, got {x!r}")
        if not x >= 0.0:
            raise ValueError(f"check_gradients: {name} must not be negative, got {x!r}")
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"check_gradients: order must be 1, 2 or more, got {order!r}")


def _next_order(
    f: Callable[..., Any], point: tuple[Any, ...], order: int, rtol: float, atol: float, gradient: Any
) -> None:
    """Check the gradient of the gradient, along a direction that no symmetry of f is likely to share."""
    if gradient is not None:
        raise TypeError("check_gradients: order=2 is for functions of autograd; check your gradient as a function")

    def along(*args: Any) -> Any:
        slopes = value_and_grad(f)(*args)[1]
        flat = [x for _, x in named_numbers(slopes if len(args) > 1 else (slopes,), "")]
        return dot([1.0 + 0.618 * (k % 7) for k in range(len(flat))], flat)

    try:
        check_gradients(along, *point, order=order - 1, rtol=rtol, atol=atol)
    except GradientMismatch as error:
        words = f"second derivatives, of the gradient along (1, 1.6, 2.2, ...): {error}"
        raise _mismatch(words, error.report) from None


# ---------------------------------------------------------------- what is compared


class _Given:
    """A function on plain numbers, and a gradient that somebody wrote."""

    noise = 0.0

    def __init__(self, f: Callable[..., Any], point: tuple[Any, ...], gradient: Callable[..., Any]) -> None:
        if not callable(f) or not callable(gradient):
            raise TypeError(f"check_gradients: f and gradient must be functions, got {f!r} and {gradient!r}")
        self.f = f
        self.point = point
        named = [pair for i, x in enumerate(point, 1) for pair in named_numbers(x, f"x{i}")]
        self.names = [name for name, _ in named]
        self.start = [x.data if isinstance(x, Value) else number(x, "check_gradients") for _, x in named]
        if not self.start:
            raise TypeError(f"check_gradients: there is no real number to differentiate by, got {point!r:.200}")
        self.here = self.sampled(self.start)
        again = self.sampled(self.start).value
        if again != self.here.value and self.here.value == self.here.value:
            raise GradientMismatch(TWO_VALUES.format(self.here.value, again))
        self.analytic = self._slopes(gradient(*self.arguments(self.start)))

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        """What f is to be called with: containers of its own each time, which it may change."""
        items = iter(numbers)
        return [map_numbers(lambda _: next(items), x) for x in self.point]

    def sampled(self, numbers: Sequence[float]) -> Sample:
        """f at some numbers."""
        y = self.f(*self.arguments(numbers))
        try:
            return Sample(float(y))
        except (TypeError, ValueError):
            raise TypeError(f"check_gradients: the function must return one number, got {y!r:.200}") from None

    def _slopes(self, given: Any) -> list[float]:
        parts = given if len(self.point) > 1 and isinstance(given, tuple) else (given,)
        pairs = [pair for i, part in enumerate(parts, 1) for pair in named_numbers(part, f"x{i}")]
        slopes = in_order_of(pairs, self.names, "check_gradients: the gradient")
        if len(slopes) != len(self.start):
            raise TypeError(
                "check_gradients: the gradient must have the structure of the arguments, one number for each of "
                f"{', '.join(self.names[:6])}; got {given!r:.200}"
            )
        return [float(x.data if isinstance(x, Value) else x) for x in slopes]

    def sample(self, i: int, x: float) -> Sample:
        """f with another number in the place of one."""
        return self.sampled([x if k == i else start for k, start in enumerate(self.start)])

    def compare_on_floats(self) -> None:
        pass

    def blamed(self) -> tuple[Culprit, ...]:
        return ()


class _Checked(_Given):
    """A function on Values, and the gradient that the sweep finds."""

    def __init__(self, f: Callable[..., Any], point: tuple[Any, ...]) -> None:
        if not callable(f):
            raise TypeError(f"check_gradients: takes a function and a point, got {f!r}")
        super().__init__(f, point, lambda *args: self._gradient())

    def _gradient(self) -> Any:
        """The gradient, in the structure of the point; remembers how far rounding may move the value."""
        variables = [Value(x) for x in self.start]
        with recording():
            y = _one(self.f(*self.arguments(variables)))
        if isinstance(y, Value):
            order = topological(y)
            # The sweep of `backward()`, but Values that f uses from outside keep their gradient.
            analytic = grad(y, variables)
            slopes = gradients(y, order)
            moved = [abs(s * v.data) for s, v in zip(slopes, order, strict=True)]
            self.noise = sum(x for x in moved if math.isfinite(x))
            self._compare_modes(analytic)
        else:
            analytic = [0.0] * len(variables)
        return tuple(self.arguments(analytic)) if len(self.point) > 1 else self.arguments(analytic)[0]

    def _compare_modes(self, analytic: list[float]) -> None:
        """Forward mode is to find the same as the sweep."""
        along = [1.0 + 0.618 * (k % 7) for k in range(len(analytic))]
        try:
            forwards = jvp(self.f, self.arguments(self.start), self.arguments(along))[1]
        except (ArithmeticError, ValueError, TypeError):  # the sweep could do without what forward mode cannot
            return
        forwards = float(forwards.data if isinstance(forwards, Value) else forwards)
        parts = [a * c for a, c in zip(analytic, along, strict=True)]
        most = sum(map(abs, parts)) + self.noise * EPS
        if math.isfinite(most) and abs(forwards - sum(parts)) > 1e-8 * most:
            raise GradientMismatch(
                f"backwards, the derivative along (1, 1.6, ...) is {sum(parts)!r}, and forwards {forwards!r}: is there "
                "a rule of your own whose partial derivatives are not always the same?"
            )

    def sampled(self, numbers: Sequence[float]) -> Sample:
        variables = [Value(x) for x in numbers]
        with recording(), watching() as compared:
            y = _one(self.f(*self.arguments(variables)))
        asked = tuple((c.words(), c.outcome) for c in compared)
        return Sample(y.data, (asked, way_of(y))) if isinstance(y, Value) else Sample(float(y), (asked,))

    def compare_on_floats(self) -> None:
        """Raise GradientMismatch if f finds another value on plain numbers than on Values."""
        expected = self.here.value

        def plain() -> float:
            with no_grad():
                y = self.f(*self.arguments(self.start))
                return float(y.data if isinstance(y, Value) else y)

        try:
            found = plain()
        except Exception:  # it may need Values, for their methods: then there is nothing to compare
            return
        if math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12) or (found != found and expected != expected):
            return
        again = plain()
        if again not in (found, expected):
            raise GradientMismatch(TWO_VALUES.format(found, again))
        raise GradientMismatch(
            f"the function finds {found!r} on plain numbers, but {expected!r} on Values: does it tell them apart, by "
            "their type, by `is` or by a set or dict of them?"
        )

    def blamed(self) -> tuple[Culprit, ...]:
        return culprits(lambda: self.f(*self.arguments([Value(x) for x in self.start])))


AT_KINK = "at a kink:"

TWO_VALUES = (
    "the function gives several values at one point, {!r} and {!r}: is there randomness, or a counter in it? Draw such "
    "numbers outside, once"
)


def _one(y: Any) -> Any:
    y = y.item() if is_array(y) and y.shape == () else y
    if isinstance(y, Value) or (isinstance(y, Real) and not isinstance(y, bool)):
        return y
    raise TypeError(f"check_gradients: the function must return one number, got {y!r:.200}")


# ---------------------------------------------------------------- the verdict


def _compared(
    name: str, x: float, analytic: float, found: Estimate, here: Sample, rtol: float, atol: float
) -> Comparison:
    """One derivative against what small steps found."""
    alone = found.left is None or found.right is None
    beside = found.left is not None or found.right is not None or found.reason
    if math.isinf(found.error) and not found.at_kink and beside and alone:
        raise DomainError(
            f"check_gradients: any small step from {name} = {x!r} leaves the domain, or there is no finite slope at "
            "its edge, so there is no derivative to compare with; check at a point inside the domain"
        )
    row = Comparison(name, x, analytic, found.slope, found.error, "cannot tell")
    if found.at_kink:
        return _at_kink(row, found, here, rtol, atol)
    note = f"a kink is near: {_difference(here.way, found.beside)}" if found.beside is not None else ""
    slack = SAFETY * found.error
    allowed = atol + rtol * max(abs(analytic), abs(found.slope))
    if not math.isfinite(analytic):
        certain = math.isfinite(slack) and slack <= 1e-3 * (abs(found.slope) + found.scale)
        verdict: Verdict = "differs" if certain else "cannot tell"
        return row._replace(verdict=verdict, note=note if certain else "small steps are not exact enough here")
    if abs(row.difference) > allowed + slack:
        return row._replace(verdict="differs", note=note)
    as_good_as_0 = analytic == 0.0 and slack <= 1e-9 * found.scale
    if slack <= max(allowed, 1e-300) or as_good_as_0 or slack == 0.0:
        return row._replace(verdict="agrees", note=note)
    why = f"small steps are exact to ±{found.error:.1e} only (atol= says that this will do)"
    return row._replace(note=f"{why}; {note}" if note else why)


def _at_kink(row: Comparison, found: Estimate, here: Sample, rtol: float, atol: float) -> Comparison:
    """At a kink the convention is to lie between the slopes to both sides."""
    assert found.left is not None
    assert found.right is not None
    low, high = sorted((found.left, found.right), key=lambda side: side.slope)
    note = f"{AT_KINK} {_difference(here.way, found.left.way if found.left.way != here.way else found.right.way)}; "
    note += f"the slope is {found.left.slope:.4g} to the left and {found.right.slope:.4g} to the right"
    if not (math.isfinite(low.error) and math.isfinite(high.error)):
        return row._replace(note=f"{note}, as far as small steps can tell: does it jump?")
    allowed = atol + rtol * max(abs(low.slope), abs(high.slope), abs(row.analytic))
    inside = low.slope - SAFETY * low.error - allowed <= row.analytic <= high.slope + SAFETY * high.error + allowed
    return row._replace(verdict="agrees" if inside else "differs", note=note)


def _difference(here: Hashable, there: Hashable) -> str:
    """Which comparison or which kink tells two ways apart, in words."""
    if not isinstance(here, tuple) or not isinstance(there, tuple):
        return "the function takes another way"
    for a, b in zip(here, there, strict=False):
        if isinstance(a, tuple) and isinstance(b, tuple):
            for one, other in zip(a, b, strict=False):
                if one != other:
                    return str(one[0])
    return "the function takes another way"
