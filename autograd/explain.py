"""A gradient explained: how y depends on x, step by step, over which paths, and why it is what it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autograd.debugging import Site, site_of
from autograd.engine import Value
from autograd.formulas import Formula, slope_formula, slope_of, value_formula
from autograd.modes import recording, watch
from autograd.naming import names_of_nodes, reading_order
from autograd.paths import Between, Pulled, Way, count, own_slopes, pull, size, strongest, way_between
from autograd.reasons import reasons
from autograd.sweep import carries_nothing
from autograd.told import as_latex, as_markdown, as_text, many

__all__ = ["Explanation", "Path", "Slope", "Step", "explain"]

MOST_STEPS = 12
"""How many steps are told; of more, the first and the last of the strongest path."""
ENDS = 5
MOST_SLOPES = 4
MOST_GIVEN = 8
MOST_KEPT = 3_000_000
"""How many steps all paths that are shown may have: each keeps its nodes. FEW paths are found of any graph."""
FEW = 5


class Path(NamedTuple):
    """One way on which y depends on x.

    nodes, names: from x to y. places: which argument of the next node each one is, from 0. factors: the slope of each
    step, ∂node/∂(node before), one less than nodes. product: of the factors, as the sweep multiplies them, from y on;
    0 where a choice cuts the path, whatever stands before. share: product / gradient; nan if that is 0 or not finite.
    exponent: the decimal logarithm of |product|, also where that is too small or too large for a float.
    """

    nodes: tuple[Value, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]
    factors: tuple[float, ...]
    product: float
    share: float
    exponent: float


class Slope(NamedTuple):
    """The derivative of a step by one of its arguments: its formula, "" if that is not known, and its number.

    in_words: whether the formula is no formula to stand between two signs =. argument: which one it is, from 1, where
    the same Value is several; else 0.
    """

    by: str
    formula: str
    number: float
    latex: str = ""
    in_words: bool = False
    argument: int = 0


class Step(NamedTuple):
    """One operation between x and y. slopes: by those of its arguments that depend on x; more: how many are left out.
    skipped: how many steps of the path are left out before this one. site: the line of code that computed it, if that
    was inside `debug`.
    """

    name: str
    formula: str
    value: float
    slopes: tuple[Slope, ...]
    more: int = 0
    skipped: int = 0
    latex: str = ""
    site: Site | None = None


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """What `explain` found. Prints as text; `markdown()` and `latex()` say the same.

    y, x: what they are called here. value, at: their numbers. gradient: ∂y/∂x, as `backward()` computes it; nan where
    that raises an error. paths: how many lead from x to y; carrying: how many of them have no slope 0 on the way.
    best: those that carry most. steps: of the computation, arguments first. given: what else occurs in these steps.
    why: what is to be said about the gradient. length: how many operations lie between x and y. reservation: why the
    gradient may not be how y changes with x: "rounding", "convention", "stop_gradient" or "a gradient of its own"; else
    "".
    """

    y: str
    x: str
    value: float
    at: float
    gradient: float
    paths: int
    carrying: int
    best: list[Path]
    steps: list[Step]
    given: list[tuple[str, float]]
    why: list[str]
    length: int
    reservation: str = ""

    def __repr__(self) -> str:
        paths = f"{many(self.paths)} path{'s' * (self.paths > 1)}"
        return f"<Explanation of {slope_of(self.y, self.x)} = {self.gradient!r}: {paths}>"

    def __str__(self) -> str:
        return as_text(self)

    def markdown(self) -> str:
        """The explanation in Markdown, with tables."""
        return as_markdown(self)

    def latex(self) -> str:
        """The steps and the chain rule as LaTeX: an `aligned` environment, to stand between $$ and $$."""
        return as_latex(self)

    def _repr_markdown_(self) -> str:
        return self.markdown()


def explain(y: Value, x: Value, k: int = FEW) -> Explanation:
    """How y depends on x: each step of the chain rule, the paths that carry most, and why the gradient is what it is.

    y: a computed Value. x: what to differentiate by, a leaf or any other Value that y was computed from. k: how many
    paths to show. Paths are counted, not walked: 10**5 operations take seconds. No backward() is needed, and nothing is
    changed.

    Raises ValueError if y does not depend on x, with what may have happened, or if k paths of so long a computation are
    too many to keep (3,000,000 steps in all; 5 paths always can be), and RuntimeError if a leaf was changed since y was
    computed.

    >>> w, x = Value(2.0, label="w"), Value(0.5, label="x")
    >>> print(explain((w * x + 3.0) ** 2, w))
    How y depends on w, at w = 2, where y = 16
    <BLANKLINE>
    ∂y/∂w = 4: when w grows by a little, y grows by 4 times as much.
    <BLANKLINE>
      v1 = w · x  = 1   ∂v1/∂w = x = 0.5
      v2 = v1 + 3 = 4   ∂v2/∂v1 = 1
      y  = v2²    = 16  ∂y/∂v2 = 2 · v2 = 8
      with w = 2, x = 0.5
    <BLANKLINE>
    One path leads from w to y; multiply the slopes along it:
      w → v1 → v2 → y:  0.5 · 1 · 8 = 4
    """
    _check(y, x, k)
    watch("data", y)
    with recording():
        between = way_between(y, [x], "explain")
        order = reading_order(y)
        if not between.nodes:
            raise ValueError(_no_way(y, x, order))
        return _explained(between, order, names_of_nodes(order, x), k)


def _explained(between: Between, order: Sequence[Value], names: dict[Value, str], k: int) -> Explanation:
    x, y, paths = between.nodes[0], between.nodes[-1], count(between)
    _check_paths(min(k, paths), len(between.nodes) - 1)
    pulled = pull(between, own_slopes)
    gradient = math.nan if pulled.failed else pulled.gradients[0] or 0.0
    ways = strongest(between, pulled.slopes, min(k, paths))
    best = [_path(between, pulled, way, gradient, names) for way in ways]
    why, reservation = reasons(between, pulled, names, size(between, pulled.slopes))
    chosen = _chosen(between, order, ways[0])
    uses: dict[Value, None] = {x: None}
    steps = [_step(between, pulled, i, edges, names, uses) for i, edges in chosen]
    length = len(between.nodes) - 1
    if length > MOST_STEPS and len(ways[0].steps) > len(steps):
        steps[ENDS] = steps[ENDS]._replace(skipped=len(ways[0].steps) - len(steps))
    told = {between.nodes[i] for i, _ in chosen}
    given = [(names[value], value.data) for value in uses if value not in told][:MOST_GIVEN]
    passes = [[slope is not None and slope != 0.0 for slope in slopes] for slopes in pulled.slopes]
    return Explanation(
        names[y], names[x], y.data, x.data, gradient, paths, count(between, passes), best, steps, given, why,
        length, reservation,
    )  # fmt: skip


def _path(between: Between, pulled: Pulled, way: Way, gradient: float, names: dict[Value, str]) -> Path:
    nodes, places, factors = [between.nodes[0]], [], []
    for i, e in way.steps:
        nodes.append(between.nodes[i])
        places.append(between.edges[i][e][1])
        factors.append(_number(pulled, between, i, e))
    product = 1.0
    for value, place, factor in zip(nodes[:0:-1], places[::-1], factors[::-1], strict=True):
        if factor == 0.0 and carries_nothing(value, place):
            product = 0.0
            break
        product *= factor
    share = product / gradient if gradient and math.isfinite(gradient) else math.nan
    exponent = way.exponent if math.isinf(way.exponent) else (way.exponent + math.log2(way.mantissa)) * math.log10(2.0)
    called = tuple(names[value] for value in nodes)
    return Path(tuple(nodes), called, tuple(places), tuple(factors), product, share, exponent)


def _number(pulled: Pulled, between: Between, i: int, e: int) -> float:
    """A slope, also one that the sweep has no need of, as no gradient arrives there; nan if there is none."""
    slope = pulled.slopes[i][e]
    if slope is not None:
        return slope
    try:
        return own_slopes(between.nodes[i], [between.edges[i][e][1]])[0]
    except (ArithmeticError, ValueError):
        return math.nan


# ---------------------------------------------------------------- the steps


def _chosen(between: Between, order: Sequence[Value], way: Way) -> list[tuple[int, list[int]]]:
    """Which nodes are told, in the order in which they are read, and which edges of each: all, or of a long computation
    the ends of the strongest path.
    """
    if len(between.nodes) - 1 <= MOST_STEPS:
        place = {value: i for i, value in enumerate(between.nodes)}
        told = [place[value] for value in order if value in place]
        return [(i, list(range(len(between.edges[i])))) for i in told if between.edges[i]]
    steps = way.steps if len(way.steps) <= MOST_STEPS else [*way.steps[:ENDS], *way.steps[-ENDS:]]
    return [(i, [e]) for i, e in steps]


def _step(
    between: Between, pulled: Pulled, i: int, edges: list[int], names: dict[Value, str], uses: dict[Value, None]
) -> Step:
    """A node with the slopes of some of its edges; what occurs in them is added to `uses`."""
    value = between.nodes[i]
    places = [between.edges[i][e][1] for e in edges]
    several = len({between.edges[i][e][0] for e in edges}) < len(edges)
    shown = Formula(lambda called: value_formula(value, called, places), names)
    uses.update(dict.fromkeys(shown.uses))
    slopes = []
    for e in edges[:MOST_SLOPES]:
        j, place = between.edges[i][e]
        formula = Formula(lambda called, place=place: slope_formula(value, place, called), names)  # type: ignore[misc]
        uses.update(dict.fromkeys(formula.uses))
        slopes.append(Slope(
            names[between.nodes[j]], formula.text, _number(pulled, between, i, e), formula.latex, formula.in_words,
            (place + 1) * several,
        ))  # fmt: skip
    more = len(places) - len(slopes)
    return Step(names[value], shown.text, value.data, tuple(slopes), more, 0, shown.latex, site_of(value))


# ---------------------------------------------------------------- what cannot be explained


def _check(y: Any, x: Any, k: Any) -> None:
    """Raise TypeError or ValueError for what cannot be asked."""
    if not isinstance(y, Value):
        what = "f(x), not f itself" if callable(y) else "a Value, as computed from Values"
        if isinstance(y, float | int):
            what += ": this is a plain number, which remembers nothing (was .data or float() used?)"
        raise TypeError(f"explain: the first argument must be {what}; got {y!r:.200}")
    if not isinstance(x, Value):
        one = (
            "; explain the gradient by one of them at a time"
            if isinstance(x, Iterable) and not isinstance(x, str)
            else ""
        )
        raise TypeError(f"explain: the second argument must be the Value to differentiate by, got {x!r:.200}{one}")
    if isinstance(k, bool) or not isinstance(k, int):
        raise TypeError(f"explain: k must be a whole number of paths to show, got {k!r}")
    if k < 1:
        raise ValueError(f"explain: k must be at least 1, the number of paths to show, got {k}")


def _check_paths(k: int, length: int) -> None:
    """Raise ValueError for more paths than can be kept."""
    most = max(FEW, MOST_KEPT // max(length, 1))
    if k > most:
        raise ValueError(
            f"explain: k = {k:,} paths over {length:,} operations are too many to keep; of this computation at most "
            f"{most:,}. Ask for fewer, or explain a part of it: y by a Value in the middle"
        )


def _no_way(y: Value, x: Value, order: Sequence[Value]) -> str:
    """What to say if y does not depend on x: what is likely to have happened."""
    y_is, x_is = (repr(v.label) if v.label else f"{v!r:.60}" for v in (y, x))
    words = f"explain: {y_is} does not depend on {x_is}, so its gradient by it is 0, and there is nothing to explain. "
    if y in set(reading_order(x)):
        return words + "It is the other way round: write explain(x, y)."
    if y.primitive is None:
        return words + "The first one was not computed from anything: it is a leaf, or was computed inside no_grad()."
    twin = next((v for v in order if v.label and v.label == x.label), None)
    if twin is not None:
        return words + f"The graph has another Value of the name {x.label!r}, {twin.data!r}: was x made anew since?"
    for value in order:
        if any(isinstance(arg, float) and arg == x.data for arg in value.args) and x.data not in (0.0, 1.0, -1.0):
            assert value.primitive is not None
            return words + (
                f"The plain number {x.data!r} went into {value.primitive.name}, though: x.data, or float(...) of it, "
                "is a constant, through which no gradient flows. Compute with the Value itself."
            )
    return words + "Is it the Value that the computation used, or a copy, or one made later under the same name?"
