"""Kept: whether a function left a Value of its trace somewhere, and in which line."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autograd.engine import Value, held_elsewhere, unwind
from autograd.modes import mode_of_this_thread
from autograd.program.arguments import Example
from autograd.program.recorder import NOT_THE_USERS, Recorder, TraceError

__all__ = ["nothing_kept"]


def nothing_kept(f: Callable[..., Any], example: Example, nodes: list[Value]) -> None:
    """Raise TraceError if the function left a Value of the trace somewhere: a program would not do that again.

    nodes: all of them, of which the caller holds no other reference.
    """
    _, _, _, args, _, _ = unwind(nodes)
    uses = np.bincount(args[args >= 0], minlength=len(nodes))[: len(nodes)]
    found = held_elsewhere(nodes, uses)
    if found >= 0:
        gc.collect()  # a cycle among what the function left behind is no effect
        found = held_elsewhere(nodes, uses)
    if found < 0:
        return
    value = nodes[found]
    holders = [x for x in gc.get_referrers(value) if x is not nodes and type(x).__name__ not in ("tuple", "frame")]
    where = _line_that_changes(holders[0] if holders else (), f, example)
    what = value.primitive.name if value.primitive else "an argument"
    holder = f", in a {type(holders[0]).__name__}" if holders else ""
    raise TraceError(
        f"{where}the traced function keeps a Value ({what}) beyond its call{holder}; "
        "a program would not do that again: return it instead"
    )


def _line_that_changes(holder: Any, f: Callable[..., Any], example: Example) -> str:
    """The line of the function after which `holder` refers to other objects, found by running it once more, watched."""
    watch, tracer = _Watch(holder), sys.gettrace()
    with mode_of_this_thread(Recorder()), contextlib.suppress(Exception):
        sys.settrace(watch)
        try:
            f(*example.of_values()[0])
        finally:
            sys.settrace(tracer)
    code = getattr(f, "__code__", None)
    line = watch.culprit or (code and (code.co_filename, code.co_firstlineno))
    return f"{Path(line[0]).name}, line {line[1]}: " if line else ""


class _Watch:
    """Looks at an object before each line of users' code. culprit: file and number of the one that changed it first."""

    def __init__(self, holder: Any) -> None:
        self.holder = holder
        self.before = self._parts()
        self.last: tuple[str, int] | None = None
        self.culprit: tuple[str, int] | None = None

    def _parts(self) -> list[int]:
        return list(map(id, gc.get_referents(self.holder)))

    def __call__(self, frame: Any, event: str, arg: Any) -> _Watch | None:
        if frame.f_code.co_filename.startswith(NOT_THE_USERS):
            return None
        if self.culprit is None and self._parts() != self.before:
            self.culprit = self.last
        self.last = frame.f_code.co_filename, frame.f_lineno
        return self
