"""Which operation is to blame? Each one's own derivatives against small steps, at its own inputs; and the line of the
user's code that called it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd.debugging import Site, Sites
from autograd.display import html_text, picture_of_operation
from autograd.engine import Value, topological
from autograd.modes import mode_of_this_thread, recording
from autograd.numeric import SAFETY, Sample, estimate
from autograd.primitive import Primitive
from autograd.primitives import stop_gradient
from autograd.sweep import partials_of

__all__ = ["Culprit", "culprits", "local_check", "way_of"]

MOST = 3


class Culprit(NamedTuple):
    """An operation whose own derivative is wrong, or that hands none on.

    primitive, arguments: which, and what it was given. place: by which argument. returned, expected: the slope that the
    rule gives, and the one that small steps find.
    """

    primitive: Primitive
    arguments: tuple[Any, ...]
    place: int
    returned: float
    expected: float
    site: Site | None

    def __str__(self) -> str:
        numbers = [x.data if isinstance(x, Value) else x for x in self.arguments]
        point = ", ".join(f"{x:.6g}" for x in numbers[:6]) + (", ..." if len(numbers) > 6 else "")
        where = f"\n  {self.site}" if self.site else ""
        if self.primitive is stop_gradient:
            return f"stop_gradient({point}) hands no gradient on: that is what it is for{where}"
        by = f" by argument {self.place + 1}" if len(numbers) > 1 else ""
        return (
            f"{self.primitive.name}({point}): its derivative{by} is given as {self.returned:.10g}, small steps find "
            f"{self.expected:.10g}{where}"
        )

    def picture(self) -> str:
        """The operation and what leads to it, as SVG."""
        return picture_of_operation(self.primitive, self.arguments, str(self))

    def as_html(self) -> str:
        """Words, and the picture if there is something to draw with."""
        shown = html_text(str(self))
        with contextlib.suppress(ImportError, RuntimeError):
            shown += f"<div>{self.picture()}</div>"
        return shown

    def draw(self, path: Any) -> Path:
        """Write the picture; returns the path."""
        from autograd._files import atomic_write

        if Path(path).suffix.lower() != ".svg":
            raise ValueError(f"draw: {str(path)!r} must end in .svg")
        with atomic_write(Path(path)) as file:
            file.write(self.picture().encode())
        return Path(path)


# ---------------------------------------------------------------- which way a function takes


def way_of(y: Value) -> tuple[tuple[str, int], ...]:
    """On which side of each of its kinks every operation is that leads to y."""
    found: list[tuple[str, int]] = []
    for value in topological(y):
        row = value.primitive
        if row is not None and row.kink is not None:
            operands = [x.data if isinstance(x, Value) else x for x in value.args]
            found.append((f"the kink of {row.name}", _side(row, operands)))
    return tuple(found)


def _side(row: Primitive, operands: Sequence[float]) -> int:
    if row.name == "where":
        return int(operands[0] != 0.0)
    assert row.kink is not None
    distance: float = row.kink.distance(*operands)
    return (distance > 0.0) - (distance < 0.0)


# ---------------------------------------------------------------- operation by operation


def culprits(call: Callable[[], Any]) -> tuple[Culprit, ...]:
    """Run a function again, and check every operation on the way to its result; the first few that are wrong."""
    tape = Sites()
    with recording(), mode_of_this_thread(tape):
        y = call()
    if not isinstance(y, Value):
        return ()
    found: list[Culprit] = []
    for value in topological(y):
        for place, arg in enumerate(value.args):
            if isinstance(arg, Value):
                wrong = local_check(value, place)
                if wrong is not None:
                    assert value.primitive is not None
                    found.append(Culprit(value.primitive, value.args, place, *wrong, tape.known.get(value)))
        if len(found) >= MOST:
            break
    return tuple(found[:MOST])


def local_check(value: Value, place: int) -> tuple[float, float] | None:
    """The derivative of one operation by one argument, as the rule gives it and as small steps find it, if the two
    differ.
    """
    row = value.primitive
    assert row is not None
    operands = [x.data if isinstance(x, Value) else x for x in value.args]
    try:
        returned = partials_of(value, place)
    except (ArithmeticError, ValueError):
        return None

    def at(x: float) -> Sample:
        moved = [x if i == place else operand for i, operand in enumerate(operands)]
        return Sample(row.on_floats(moved), _side(row, moved) if row.kink is not None else None)

    try:
        here = at(operands[place])
    except (ArithmeticError, ValueError):
        return None
    found = estimate(at, operands[place], here, abs(here.value))
    slack = SAFETY * found.error
    if found.at_kink and found.left is not None and found.right is not None:
        low, high = sorted((found.left.slope, found.right.slope))
        slack = SAFETY * (found.left.error + found.right.error)
        wrong = not low - slack - 1e-6 * abs(low) <= returned <= high + slack + 1e-6 * abs(high)
    else:
        wrong = abs(returned - found.slope) > slack + 5e-7 * max(abs(returned), abs(found.slope))
    return (returned, found.slope) if wrong and math.isfinite(slack) else None
