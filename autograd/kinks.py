"""Where a gradient was a matter of convention: relu at 0, |x| at 0, a tie of maximum; and what the other choice gives.

Beside a kink a row has an ordinary slope on either side, and its partial derivatives say which: they are evaluated at
the next float to the left and to the right.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Literal, NamedTuple, get_args, overload

from autograd import primitives as table
from autograd.convert import check_values
from autograd.corners import CORNERS
from autograd.display import html_text
from autograd.engine import Value, gradients, leaves
from autograd.formulas import Formula, said, slope_of, value_formula
from autograd.modes import recording, watch
from autograd.naming import names_of_nodes, reading_order
from autograd.paths import Between, Pulled, or_nan, own_slopes, pull, way_between
from autograd.primitive import DomainError, Kink, Primitive, is_built_in
from autograd.told import wrapped

__all__ = ["AtKink", "Kinks", "Moved", "Side", "Sides", "decided", "kinks", "sides_of", "subgradient"]

Side = Literal["left", "right", "mean"]
MOST = 12
"""How many kinks are printed, and how many gradients below each."""


class Sides(NamedTuple):
    """The slopes of an operation at its kink, by each argument: those taken, and those to the left and to the right.

    To the left the argument at `place` is a little smaller; None where the operation has no value there. jumps: the
    value itself is not the same to both sides, so that neither slope says how it changes.
    """

    place: int
    taken: tuple[float, ...]
    left: tuple[float, ...] | None
    right: tuple[float, ...] | None
    jumps: bool
    convention: str


class Moved(NamedTuple):
    """The gradient of y by one Value: as it is, and as it would be with the slopes to the left or right of one kink."""

    by: Value
    name: str
    gradient: float
    left: float
    right: float


class Asked(NamedTuple):
    """What was asked: by which Values, the gradient of y by each node, and what the nodes are called."""

    xs: Sequence[Value]
    base: dict[Value, float | None]
    names: dict[Value, str]


@dataclass(frozen=True, eq=False)
class AtKink:
    """An operation that is at its kink.

    node, name, formula: which. at: its arguments that are Values, name and number. places: where these stand among all.
    """

    node: Value
    name: str
    formula: str
    at: tuple[tuple[str, float], ...]
    places: tuple[int, ...]
    sides: Sides
    asked: Asked = field(repr=False)

    @cached_property
    def moved(self) -> tuple[Moved, ...]:
        """The gradients that would be others with the slopes of one side; empty if it jumps.

        Each kink takes sweeps of its own: those that are printed are computed at once, of the others on demand.
        RuntimeError if a leaf was changed since.
        """
        return () if self.sides.jumps else _moved(self.node, self.sides, *self.asked)

    def __str__(self) -> str:
        s = self.sides
        at = ", ".join(f"{name} = {said(x)}" for name, x in [*dict(self.at).items()][:4])
        said_of = self.name if self.name == self.formula else f"{self.name} = {self.formula}"
        lines = [f"{said_of} at {at}: the slope taken is {self._slopes(s.taken)}"]
        if s.left or s.right:  # 0 ** 0 has none
            lines.append(f"  to the left it is {self._slopes(s.left)}, to the right {self._slopes(s.right)}")
        lines.append(f"  convention: {s.convention}")
        if s.jumps and (s.left or s.right):
            lines.append("  the value jumps here, which no slope can tell")
        return "\n".join(lines)

    def _slopes(self, slopes: tuple[float, ...] | None) -> str:
        if slopes is None:
            return "not there"
        shown = [(said(slopes[i]), name) for i, (name, _) in zip(self.places, self.at, strict=True)]
        return shown[0][0] if len(shown) == 1 else ", ".join(f"{x} by {name}" for x, name in shown[:4])


class Kinks(tuple[AtKink, ...]):
    """What `kinks` found: a tuple of AtKink, which prints as text. unknown: of operations that could not be asked."""

    root: str = "y"
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = []
        if not self:
            known = "is known to be" if self.unknown else "is"
            lines.append(f"No convention decides the gradient of {self.root}: no operation {known} at a kink.")
        for kink in self[:MOST]:
            lines.append(str(kink))
            for m in kink.moved[:MOST]:
                slope = slope_of(self.root, m.name)
                others = [(side, x) for side, x in (("left", m.left), ("right", m.right)) if x != m.gradient]
                beside = ", ".join(f"{said(x)} with the slope to the {side}" for side, x in others)
                lines.append(f"  {slope} is {said(m.gradient)}, and would be {beside}")
            if len(kink.moved) > MOST:
                lines.append(f"  and {len(kink.moved) - MOST:,} more gradients")
            if not kink.moved and not kink.sides.jumps:
                lines.append("  no gradient depends on it alone")
        if len(self) > MOST:
            lines.append(f"and {len(self) - MOST:,} more")
        lines += self.unknown[:MOST]
        found: list[str] = []
        for line in chain.from_iterable(map(str.splitlines, lines)):
            indent = " " * (len(line) - len(line.lstrip()))
            found += wrapped(line.lstrip(), indent, indent + "    ")
        return "\n".join(found)

    def _repr_html_(self) -> str:
        return html_text(str(self))


def kinks(y: Value, wrt: Value | Iterable[Value] | None = None) -> Kinks:
    """The operations on the way to y that are exactly at a kink, where the derivative is a convention and not a limit.

    wrt: a Value or several; None: the leaves that y was computed from. For each operation: the slope that was taken,
    those to the left and to the right, and how the gradient of y by each Value of `wrt` would move with these, all
    other operations as they are. Listed is what can make a difference: not where both slopes are those taken (elu with
    alpha = 1), nor where nothing flows (behind stop_gradient).

    Infinite slopes (sqrt at 0) are limits and no conventions: `explain` shows them. What is inside a program, a
    checkpoint or a function with a gradient of its own is not looked at. No Value is changed.

    Raises RuntimeError if a leaf was changed since y was computed.

    >>> from autograd import relu
    >>> x = Value(0.0, label="x")
    >>> print(kinks(3.0 * relu(x)))
    v1 = relu(x) at x = 0: the slope taken is 0
      to the left it is 0, to the right 1
      convention: 0 at x = 0, as PyTorch and JAX
      ∂y/∂x is 0, and would be 3 with the slope to the right
    """
    xs = _checked(y, wrt, "kinks")
    with recording():
        between = way_between(y, xs, "kinks")
        order = reading_order(y)
        names = names_of_nodes(order)
        found: dict[Value, AtKink] = {}
        if between.nodes:
            pulled = pull(between, own_slopes)
            asked = Asked(xs, dict(zip(between.nodes, pulled.gradients, strict=True)), names)
            for node, sides in decided(between, pulled, xs).items():
                found[node] = _described(node, sides, asked)
        result = Kinks(found[node] for node in order if node in found)
        result.root, result.unknown = names[y], unknown(between)
        for kink in result[:MOST]:
            _ = kink.moved  # so that what is printed is of this moment
    return result


@overload
def subgradient(y: Value, xs: Value, side: Side = "left") -> float: ...
@overload
def subgradient(y: Value, xs: Iterable[Value], side: Side = "left") -> list[float]: ...
def subgradient(y: Value, xs: Any, side: Side = "left") -> Any:
    """The gradient of y with other slopes at kinks: of each operation the one to the left, to the right, or their mean.

    xs: a Value, or several; returns a float, or a list of floats. To the left, the first argument of the operation that
    decides and is a Value is a little smaller: relu at 0 has slope 0, |x| has -1, and of a tie maximum(a, b) takes b.
    The side is that of each operation's own argument: relu(-x) to the left is where -x is below 0.

    First derivatives only, and no `grad` is touched. Where an operation jumps (floor, step), and inside programs,
    checkpoints and functions with a gradient of their own, the convention stays.

    Raises ValueError for another side, and what `grad` raises.

    >>> x = Value(0.0)
    >>> y = abs(x)
    >>> [subgradient(y, x, side) for side in ("left", "right", "mean")]
    [-1.0, 1.0, 0.0]
    """
    wanted = _checked(y, xs, "subgradient")
    if side not in get_args(Side):
        raise ValueError(f"subgradient: side must be 'left', 'right' or 'mean', got {side!r}")
    with recording():
        between = way_between(y, wanted, "subgradient")
        found: dict[Value, float | None] = {}
        if between.nodes:
            for sentence in unknown(between):
                warnings.warn(f"subgradient: {sentence} Its own slopes are taken.", stacklevel=2)
            pulled = pull(between, lambda value, places: _chosen(value, places, side))
            if pulled.failed:
                raise pulled.failed[0]
            found = dict(zip(between.nodes, pulled.gradients, strict=True))
    slopes = [found.get(x) or 0.0 for x in wanted]
    return slopes[0] if isinstance(xs, Value) else slopes


def _checked(y: Any, xs: Any, name: str) -> list[Value]:
    check_values(name, y, one=True)
    watch("data", y)
    if isinstance(xs, Value):
        return [xs]
    if xs is None and name == "kinks":
        return leaves(y)
    wanted: list[Value] = list(xs) if isinstance(xs, Iterable) else xs
    check_values(name, wanted)
    return wanted


def _chosen(value: Value, places: Sequence[int], side: Side) -> list[float]:
    """The slopes of a node with those of one side, if it is at a kink."""
    sides = sides_of(value)
    if sides is None or sides.jumps or sides.left is None or sides.right is None:
        return own_slopes(value, places)
    if side == "mean":
        return [0.5 * (sides.left[i] + sides.right[i]) for i in places]
    beside = sides.left if side == "left" else sides.right
    return [beside[i] for i in places]


# ---------------------------------------------------------------- the slopes to both sides


def sides_of(value: Value) -> Sides | None:
    """The slopes of a node to both sides of its kink; None if it is not at one, or if nothing depends on the choice.

    Never of `where`: its condition is a decision that was made elsewhere, by `step` or `equal`, which have kinks.
    """
    row = value.primitive
    if row is None or row is table.where or (row.kink is None and row not in CORNERED):
        return None
    operands = [x.data if isinstance(x, Value) else x for x in value.args]
    if row.kink is None:
        return _corner(value, row, operands)
    if not _at(row.kink, operands):
        return None
    taken = _slopes_at(row, operands, value.data)
    for arg in dict.fromkeys(arg for arg in value.args if isinstance(arg, Value)):
        places = [i for i, other in enumerate(value.args) if other is arg]
        left, right = (_beside(row, operands, places, sign) for sign in (-1.0, 1.0))
        both = [side for side in (left, right) if side is not None]
        if not both:
            continue
        jumps = any(_jumps(value.data, operands[places[0]], places, side) for side in both)
        if not jumps and all(_same(side.slopes, taken, value.args) for side in both):
            return None
        to_left, to_right = (side if side is None else side.slopes for side in (left, right))
        return Sides(places[0], taken, to_left, to_right, jumps, row.kink.convention)
    return None


def _at(kink: Kink, operands: Sequence[float]) -> bool:
    """Whether a row is exactly at its kink; False if its function of the distance fails, which `unknown` reports."""
    try:
        return bool(kink.distance(*operands) == 0.0)
    except Exception:
        return False


def unknown(between: Between) -> tuple[str, ...]:
    """A sentence for each kind of operation whose function of the distance to the kink fails at some node."""
    found: dict[str, str] = {}
    for value, edges in zip(between.nodes, between.edges, strict=True):
        row = value.primitive
        if not edges or row is None or row.kink is None or is_built_in(row) or row.name in found:
            continue
        operands = [x.data if isinstance(x, Value) else x for x in value.args]
        try:
            row.kink.distance(*operands)
        except Exception as error:
            at = ", ".join(map(said, operands[:MOST]))
            found[row.name] = (
                f"Whether {row.name} is at a kink at ({at}) is not known: the distance of its Kink raised "
                f"{type(error).__name__}: {error}."
            )
    return tuple(found.values())


class _Beside(NamedTuple):
    """A row at the next float beside its kink."""

    operand: float
    value: float
    slopes: tuple[float, ...]


def _beside(row: Primitive, operands: Sequence[float], places: Sequence[int], sign: float) -> _Beside | None:
    """None if the row has no value there, or if that is no way away from the kink."""
    at = operands[places[0]]
    assert row.kink is not None
    for steps in (1, 2, 4, 8):  # the distance is rounded, too: the next float may be as good as at the kink
        x = at + sign * steps * math.ulp(at)
        moved = [x if i in places else operand for i, operand in enumerate(operands)]
        try:
            y = row.on_floats(moved)
            if not _at(row.kink, moved):
                return _Beside(x, y, _slopes_at(row, moved, y))
        except (ArithmeticError, ValueError):
            return None
    return None


def _same(slopes: Sequence[float], taken: Sequence[float], args: Sequence[Any]) -> bool:
    """Whether the slopes by all Values are those taken, but for what the step to the next float makes of them."""
    return all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300)
        for a, b, arg in zip(slopes, taken, args, strict=True)
        if isinstance(arg, Value)
    )


def _slopes_at(row: Primitive, operands: Sequence[float], y: float) -> tuple[float, ...]:
    return tuple(math.nan if x is None else float(x) for x in row.local_derivatives([*operands], y))


def _jumps(y: float, x: float, places: Sequence[int], beside: _Beside) -> bool:
    """Whether the value differs there by more than its slope and rounding say."""
    slope = sum(beside.slopes[i] for i in places)
    expected = abs(slope) * abs(beside.operand - x) + math.ulp(y)
    return not abs(beside.value - y) <= 2.0 * expected


# 0 ** 0 is such a corner: a convention, though the row has no kink.
CONVENTIONS = {(corner.primitive, corner.point): corner for corner in CORNERS if corner.convention}
CORNERED = {row for row, _ in CONVENTIONS}


def _corner(value: Value, row: Primitive, operands: list[float]) -> Sides | None:
    corner = CONVENTIONS.get((row, tuple(operands)))
    place = len(operands) - 1
    if corner is None or not isinstance(value.args[place], Value):  # x ** 0 is 1 for every x: nothing to choose
        return None
    return Sides(place, _slopes_at(row, operands, value.data), None, None, True, corner.why)


# ---------------------------------------------------------------- what they decide


def decided(between: Between, pulled: Pulled, xs: Iterable[Value]) -> dict[Value, Sides]:
    """The nodes at a kink to which a gradient arrives, or would if another one of them decided otherwise; and those at
    a jump that a condition of `where` depends on. From y on.
    """
    found: dict[Value, Sides] = {}
    moving = _moving(between, xs)
    arrives, switches = {len(between.nodes) - 1}, set[int]()
    for i in reversed(range(len(between.nodes))):
        value, edges = between.nodes[i], between.edges[i]
        if not edges or not (i in arrives or i in switches):
            continue
        sides = sides_of(value) if any(moving[j] for j, _ in edges) else None
        if sides is not None and (sides.jumps or i in arrives):
            found[value] = sides
        if i in arrives:
            arrives.update(_reached(between, pulled, i, sides))
        switches.update(j for j, place in edges if i in switches or (value.primitive is table.where and place == 0))
    return found


def _reached(between: Between, pulled: Pulled, i: int, sides: Sides | None) -> list[int]:
    """The arguments of a node by which it has a slope that is not 0, as it is or to a side of its kink."""
    edges, slopes = between.edges[i], pulled.slopes[i]
    if None in slopes:
        slopes = [*or_nan(own_slopes, between.nodes[i], [place for _, place in edges], [])]
    beside = [side for side in (sides.left, sides.right) if side] if sides else []
    return [
        j
        for (j, place), slope in zip(edges, slopes, strict=True)
        if slope != 0.0 or any(side[place] != 0.0 for side in beside)
    ]


def _moving(between: Between, xs: Iterable[Value]) -> list[bool]:
    """Which nodes change when xs change by a little: not floor(0.5), and so relu of it is at no kink."""
    wanted = set(xs)
    moving: list[bool] = []
    for value, edges in zip(between.nodes, between.edges, strict=True):
        row = value.primitive
        still = row is not None and row.flat and row is not table.stop_gradient and sides_of(value) is None
        moving.append(value in wanted or (not still and any(moving[j] for j, _ in edges)))
    return moving


def _described(node: Value, sides: Sides, asked: Asked) -> AtKink:
    names, args = asked.names, node.args
    places = tuple(i for i, arg in enumerate(args) if isinstance(arg, Value))
    at = tuple((names[arg], arg.data) for arg in args if isinstance(arg, Value))
    formula = Formula(lambda called: value_formula(node, called, places[:4]), names).text
    return AtKink(node, names[node], formula, at, places, sides, asked)


def _moved(
    node: Value, sides: Sides, xs: Sequence[Value], base: dict[Value, float | None], names: dict[Value, str]
) -> tuple[Moved, ...]:
    """The gradients that another choice at one node moves: by upstream · (slope beside - slope taken) at its arguments,
    and from there on as everything flows.
    """
    upstream = base[node] or 0.0
    changes = []
    for side in (sides.left or sides.taken, sides.right or sides.taken):
        seeds = [upstream * (beside - taken) for beside, taken in zip(side, sides.taken, strict=True)]
        change = [0.0] * len(xs)
        for arg, seed in zip(node.args, seeds, strict=True):
            if isinstance(arg, Value) and seed:
                change = [a + b for a, b in zip(change, _flowing(arg, xs, seed), strict=True)]
        changes.append(change)
    found = []
    for x, left, right in zip(xs, *changes, strict=True):
        if left or right:
            gradient = base.get(x) or 0.0
            found.append(Moved(x, names[x], gradient, gradient + left, gradient + right))
    return tuple(found)


def _flowing(arg: Value, xs: Sequence[Value], seed: float) -> list[float]:
    """What arrives at xs of a change of the gradient of `arg`: nan where that has no value."""
    try:
        return gradients(arg, xs, seed) if seed == seed else [math.nan] * len(xs)
    except DomainError:
        return [math.nan] * len(xs)
