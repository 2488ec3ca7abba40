"""Recorder: the tape of a trace, which notes what decides and refuses what a program could not follow; and Index, what
an integer argument is meanwhile.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from autograd.engine import Value
from autograd.modes import Tape, modes
from autograd.primitive import Primitive
from autograd.program.record import FAILS, SIGNS
from autograd.value import Number

__all__ = ["NOT_THE_USERS", "Index", "Question", "Recorder", "TraceError", "recorder_of_this_thread", "user_line"]

NOT_THE_USERS = (
    "<frozen ",
    *(str(Path(__file__).resolve().parents[2] / name) for name in ("autograd", "nn")),
    contextlib.__file__,
)


class TraceError(TypeError):
    """A function cannot become a program. The message says where, why, and what to write instead."""


REMEDIES = {
    "data": "reads .data of a Value, a number that the program could not follow; "
    "keep the Value, and where nothing shall flow back write stop_gradient(v)",
    "text": "makes text of a Value, from which its number could be read again; print it outside, or return it",
    "set": "sets .data of a Value, which a program would not repeat; do it outside",
    "float": "makes a plain float of a Value, a number that the program could not follow; keep the Value, "
    "and use autograd's own functions on it (autograd.exp(v), not math.exp(v))",
    "int": "makes an int of a Value, a number that the program could not follow; "
    "pass whole numbers as integer arguments and use take(table, i) or one_hot(i, n)",
    "bool": "asks whether a Value is true; compare it, as in v > 0",
    "backward": "calls backward(); return the loss, and let the program find the gradient",
    "no_grad": "switches recording off; write stop_gradient(v) where nothing shall flow back",
    "derivative": "takes a derivative; trace the function alone, and let the program find the gradient",
}


def user_line() -> str:
    """File and line of what called into us, as text for an error."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(NOT_THE_USERS):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


class Question(NamedTuple):
    """What becomes a guard: a comparison and its outcome, or an operation that has no value. Operands are Values and
    floats.
    """

    sign: str
    operands: tuple[Number, ...]
    outcome: bool
    primitive: Primitive | None = None


class Recorder(Tape):
    """The tape of one trace. questions: what was asked, in order. bounds: indices, as Values, each with the length of a
    table that it is an index into.
    """

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Question] = []
        self.bounds: dict[tuple[Value, int], None] = {}

    def compared(self, sign: str, x1: Value, x2: Any, outcome: bool) -> None:
        x2 = x2.value if isinstance(x2, Index) else x2
        self.questions.append(Question(sign, (x1, x2 if isinstance(x2, Value) else float(x2)), outcome))

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        self.questions.append(Question(FAILS, tuple(args), True, primitive))

    def refuse(self, what: str, value: Value | None) -> None:
        frame: Any = sys._getframe(2)
        while frame.f_code.co_name in ("__repr__", "__format__"):
            frame = frame.f_back
        if what == "text" and frame.f_code.co_filename.startswith(NOT_THE_USERS):
            return  # an error of ours, which says what it is about
        raise TraceError(f"{user_line()}: the traced function {REMEDIES[what]}")


def _comparison(sign: str) -> Callable[[Index, Any], bool]:
    def compared(self: Index, other: Any) -> bool:
        if not isinstance(other, Index | Value | Real):
            return NotImplemented  # type: ignore[no-any-return]  # Python then asks the other side
        tape = recorder_of_this_thread()
        outcome: bool = SIGNS[sign](self._number, getattr(other, "_number", other))
        if tape is not None:
            tape.compared(sign, self.value, other, outcome)
        return outcome

    return compared


class Index:
    """What an integer argument is while a function is traced: a place in a table, not known to the function.

    It can be compared (which becomes a guard), and be given to `take` and `one_hot`; for arithmetic, pass a float.
    """

    def __init__(self, number: int) -> None:
        self._place = number
        self.value = Value(number)
        self._number = float(number)  # what a comparison looks at, as on a Value

    __lt__ = _comparison("<")
    __le__ = _comparison("<=")
    __gt__ = _comparison(">")
    __ge__ = _comparison(">=")
    __eq__ = _comparison("==")
    __ne__ = _comparison("!=")
    __hash__ = None  # type: ignore[assignment]  # a dict would decide by it unseen

    def _refuse(self, *others: Any) -> Any:
        raise TraceError(
            f"{user_line()}: the traced function computes with an integer argument, but integers are indices: write "
            "take(table, i) for table[i] and one_hot(i, n) for a 1 among 0s. Pass a float (1.0 for 1) to trace() and "
            "to the program if it is a number to compute with, or close over it if it is always the same"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = __mod__ = __floordiv__ = _refuse
    __index__ = __int__ = __float__ = __bool__ = _refuse

    number = property(_refuse)

    @staticmethod
    def __apply_primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return Index._refuse(args[0])


def recorder_of_this_thread() -> Recorder | None:
    """The tape of the trace that is under way in this thread, if there is one."""
    mode = modes.get(threading.get_ident())
    return mode if isinstance(mode, Recorder) else None
