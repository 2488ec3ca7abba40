"""For unit tests: gradients held against finite differences, and strategies of hypothesis for points and graphs.

They are useful for code that does not use autograd otherwise: give `gradient=`, as PyTorch, JAX or you yourself compute
it. With pytest, the plugin that comes along has a fixture `gradcheck` and a marker `gradient`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from autograd import primitives as table
from autograd.check import GradientMismatch, GradientReport, GradientUndecided, check_gradients
from autograd.engine import Value
from autograd.primitive import _BUILT_IN, TABLE, Domain, DomainError, Primitive

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["assert_gradients", "graphs", "points"]


def assert_gradients(
    f: Callable[..., Any], at: Iterable[Any], *, gradient: Callable[..., Any] | None = None, order: int = 1,
    digits: int | None = None, atol: float = 0.0, undecided: bool = False,
) -> list[GradientReport]:  # fmt: skip
    """Check the gradient of f at several points; AssertionError, with the report, at the first one that is wrong.

    at: points, each a tuple of arguments, or a single one. gradient, order: as of `check_gradients`. digits: to how
    many digits the two have to agree; 6 if None; 3 is what functions of 32 bits can do. atol: what is too small to
    matter. undecided: whether points pass at which small steps cannot tell; otherwise they fail.

    >>> import math
    >>> reports = assert_gradients(math.sin, at=[0.3, 1.2], gradient=math.cos)
    >>> all(row.digits >= 9 for report in reports for row in report.rows)
    True
    """
    points = list(at)
    if not points:
        raise ValueError("assert_gradients: give points to check at, as in at=[0.3, 1.2] or at=[(0.3, [1.0, 2.0])]")
    if digits is not None and (isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= 12):
        raise ValueError(f"assert_gradients: digits must be a whole number from 1 to 12, got {digits!r}")
    rtol = 5e-7 if digits is None else 0.5 * 10.0**-digits
    reports = []
    for point in points:
        args = point if isinstance(point, tuple) else (point,)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", GradientUndecided)
            try:
                report = check_gradients(f, *args, gradient=gradient, order=order, rtol=rtol, atol=atol)
            except GradientMismatch as error:
                raise _at(args, error) from None
        for w in caught:
            if not issubclass(w.category, GradientUndecided):
                warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
        doubts = [str(w.message) for w in caught if issubclass(w.category, GradientUndecided)]
        if doubts and not undecided:
            raise GradientMismatch(
                f"at {_shown(args)}: small steps cannot tell whether the gradient is right; choose another point, "
                f"or pass atol= or undecided=True. {doubts[-1]}\n{report}"
            )
        reports.append(report)
    return reports


def _at(args: tuple[Any, ...], error: GradientMismatch) -> GradientMismatch:
    found = GradientMismatch(f"at {_shown(args)}: {error}")
    found.report = error.report
    return found


def _shown(args: tuple[Any, ...]) -> str:
    return f"{args if len(args) != 1 else args[0]!r:}"[:200]


def points(domain: Domain | Primitive, n: int | None = None) -> SearchStrategy[list[float]]:
    """Points inside a domain, for hypothesis: lists of n numbers, ordinary ones and some near the ends of where the
    table takes its samples.

    domain: of a row, or the row itself, which knows its number of arguments n.

    >>> from autograd import log
    >>> points(log).example()[0] > 0.0  # doctest: +SKIP
    True
    """
    from hypothesis import strategies as st

    if isinstance(domain, Primitive):
        n = n or (domain.arity if domain.rule is None else 3 * domain.groups)
        domain = domain.domain
    if not isinstance(domain, Domain):
        raise TypeError(f"points: takes a Domain, or a row of the table such as autograd.log; got {domain!r}")
    n = n or len(domain.samples)
    inside = domain
    intervals = [*domain.samples, *domain.samples * n][:n]
    ends = [st.floats(low, high, allow_nan=False) for low, high in intervals]
    return st.tuples(*ends).map(list).filter(lambda xs: bool(inside.contains(*xs)))


def graphs(most: int = 12, rows: Iterable[Primitive] | None = None) -> SearchStrategy[Value]:
    """Expression graphs, for hypothesis: Values that were computed from a few leaves by rows of the table, in at most
    `most` steps. rows: which ones; all public rows if None.

    >>> graphs().example().is_leaf  # doctest: +SKIP
    False
    """
    from hypothesis import strategies as st

    chosen = [row for name, row in TABLE.items() if name in _BUILT_IN and row.public] if rows is None else list(rows)

    @st.composite
    def graph(draw: Any) -> Value:
        numbers = draw(st.lists(st.floats(-3.0, 3.0, allow_nan=False), min_size=1, max_size=3))
        values: list[Value] = [Value(x, f"x{i + 1}") for i, x in enumerate(numbers)]
        step = st.tuples(st.sampled_from(chosen), st.randoms(use_true_random=False))
        for row, picks in draw(st.lists(step, min_size=1, max_size=most)):
            size = row.arity if row.rule is None else picks.randint(1, 3)
            args = [picks.choice(values) for _ in range(size * row.groups)]
            groups = args if row.rule is None else [args[i * size : (i + 1) * size] for i in range(row.groups)]
            try:
                values.append(row(*groups))
            except (DomainError, OverflowError):
                values.append(table.tanh(values[-1]))
        return values[-1] if not values[-1].is_leaf else table.sin(values[-1])

    return graph()
