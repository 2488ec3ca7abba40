"""What a function asks while it runs: its comparisons, and the errors that it may catch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from autograd.engine import Value
from autograd.modes import Tape, mode_of_this_thread, modes
from autograd.primitive import Primitive

__all__ = ["Compared", "Watching", "watching"]


class Compared(NamedTuple):
    """A comparison, and how it came out. sign "caught": an operation that has no value, which may be caught."""

    sign: str
    left: Any
    right: Any
    outcome: bool

    def words(self) -> str:
        """What was asked."""
        if self.sign == "caught":
            return f"{self.left} has no value, which the function catches"
        left, right = (
            (x.label or "a Value") if isinstance(x, Value) else f"{float(x):.6g}" for x in (self.left, self.right)
        )
        return f"the comparison {left} {self.sign} {right}"


class Watching(Tape):
    """A tape that notes comparisons and lets everything else pass."""

    def __init__(self, around: Tape | None = None) -> None:
        super().__init__()
        self.comparisons: list[Compared] = []
        self.around = around
        self.follows = around is not None

    def append(self, value: Value) -> None:
        """Hand a Value on to the tape around this one, and keep none."""
        if self.around is not None:
            self.around.append(value)

    def compared(self, sign: str, x1: Value, x2: Any, outcome: bool) -> None:
        self.comparisons.append(Compared(sign, x1, x2, outcome))

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        self.comparisons.append(Compared("caught", primitive.name, None, True))

    def refuse(self, what: str, value: Value | None) -> None:
        pass


@contextlib.contextmanager
def watching() -> Iterator[list[Compared]]:
    """The comparisons that are made inside, in order; none inside a trace, which has a tape of its own."""
    around = modes.get(threading.get_ident())
    tape = Watching(around if isinstance(around, Tape) and around.lasts else None)
    if isinstance(around, Tape) and not around.lasts:
        yield tape.comparisons
        return
    with mode_of_this_thread(tape):
        yield tape.comparisons
