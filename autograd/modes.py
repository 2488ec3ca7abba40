"""What a thread does with the Values it makes: it records them, but not inside `no_grad`; and a trace keeps a tape."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.primitive import Primitive
    from autograd.value import Number, Value

__all__ = ["Tape", "compared", "failed", "made", "mode_of_this_thread", "modes", "no_grad", "recording", "watch"]


class Tape(list["Value"]):
    """Every Value that a thread makes while a function is traced, in order. What it does beyond that is told here.

    follows: `append` does more than a list does, and is to be called for each Value. lasts: it goes on where something
    simply records, as a derivative does.
    """

    follows = False
    lasts = False

    def compared(self, sign: str, x1: Value, x2: Number, outcome: bool) -> None:
        """x1 < x2 and the like was asked for, and came out as `outcome`."""
        raise NotImplementedError

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        """The primitive has no value at these arguments, which the function may catch."""
        raise NotImplementedError

    def refuse(self, what: str, value: Value | None) -> None:
        """Something was done that a trace cannot follow: raises an error that says what to do instead."""
        raise NotImplementedError


modes: dict[int, int | Tape] = {}
"""For each thread that does something else than record: how many `no_grad` blocks deep it is, or the tape of its trace.

The dict is empty most of the time, so that all it costs an ordinary operation is a look whether it is.
"""


def made(value: Value) -> bool:
    """Put a new Value on the tape if there is one. False inside `no_grad`: it is to be a leaf."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.append(value)
    return not isinstance(mode, int)


def compared(sign: str, x1: Value, x2: Number, outcome: bool) -> bool:
    """`outcome`, which is noted if there is a tape."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.compared(sign, x1, x2, outcome)
    return outcome


def failed(primitive: Primitive, args: Sequence[Any]) -> None:
    """The primitive has no value there, which is noted if there is a tape."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.failed(primitive, args)


def watch(what: str, value: Value | None = None) -> None:
    """To be called where a trace could not follow: raises an error if there is one in this thread."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.refuse(what, value)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording, in this thread: for using a network rather than training it.

    Results are leaves; works as `with no_grad():` and as a decorator.

    >>> from autograd import Value
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.args
    (4.0, ())
    """
    watch("no_grad")
    depth = modes.get(threading.get_ident(), 0)
    with mode_of_this_thread(depth + 1 if isinstance(depth, int) else 1):
        yield


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Record, even inside `no_grad`: whoever asks for a derivative needs the graph."""
    watch("derivative")
    mode = modes.get(threading.get_ident())
    with mode_of_this_thread(mode if isinstance(mode, Tape) and mode.lasts else None):
        yield


@contextlib.contextmanager
def mode_of_this_thread(mode: int | Tape | None) -> Iterator[None]:
    """Let this thread do something else than it did, for a while; None: simply record."""
    thread, mine = threading.get_ident(), [mode]
    stack = _stacks.setdefault(thread, [])
    stack.append(mine)
    _take_from(stack, thread)
    try:
        yield
    finally:
        # By identity, wherever it is: a generator may leave a block after the block around it.
        stack[:] = [entry for entry in stack if entry is not mine]
        _take_from(stack, thread)


_stacks: dict[int, list[list[int | Tape | None]]] = {}
"""For each thread the modes of the blocks that it is in, the innermost last."""


def _take_from(stack: list[list[int | Tape | None]], thread: int) -> None:
    """The mode of a thread is that of its innermost block."""
    mode = stack[-1][0] if stack else None
    if mode is None:
        modes.pop(thread, None)
    else:
        modes[thread] = mode
    if not stack:
        _stacks.pop(thread, None)
