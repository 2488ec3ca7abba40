"""Where in the user's code each Value was made: `debug` notes it, errors then say it, `annotate` prints it beside the
code.
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from autograd.display import html_text
from autograd.tree import map_numbers
from autograd.value import Tape, Value, gradients, mode_of_this_thread, modes, recording, topological
from autograd.watching import Watching

__all__ = ["OURS", "Annotated", "Line", "Site", "Sites", "annotate", "debug", "site_of"]

OURS = tuple(str(Path(__file__).parents[1] / name) + os.sep for name in ("autograd", "nn", "visualize"))


class Site(NamedTuple):
    """A line of code."""

    file: str
    line: int

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.line).strip()
        return f'File "{self.file}", line {self.line}' + (f": {text}" if text else "")

    @property
    def short(self) -> str:
        """The name of the file, the line, and what stands there."""
        text = linecache.getline(self.file, self.line).strip()
        return f"{Path(self.file).name}, line {self.line}" + (f": {text}" if text else "")


def _site(frame: FrameType | None) -> Site | None:
    """The first line, going outwards, of neither this library nor another one; if there is none, of another."""
    found = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(OURS):
            found = found or Site(file, frame.f_lineno)
            if "site-packages" not in file and "dist-packages" not in file:
                return Site(file, frame.f_lineno)
        frame = frame.f_back
    return found


class Sites(Watching):
    """A tape that knows where each Value was made. It keeps none of them alive."""

    follows = True

    def __init__(self, known: WeakKeyDictionary[Value, Site] | None = None) -> None:
        super().__init__()
        self.known: WeakKeyDictionary[Value, Site] = WeakKeyDictionary() if known is None else known

    def append(self, value: Value) -> None:
        site = _site(sys._getframe(1))
        if site is not None:
            self.known[value] = site


_known: WeakKeyDictionary[Value, Site] = WeakKeyDictionary()


@contextlib.contextmanager
def debug() -> Iterator[None]:
    """Note for each Value that is computed inside, in this thread, at which line of your code that was.

    Errors of `backward` and of derivatives then name the line that computed the operation they are about, `site_of`
    gives it, and explanations show it. It costs a few microseconds for each operation inside, and nothing elsewhere.
    Inside a traced function it does nothing: a program has no lines.

    >>> x = Value(0.0, "x")
    >>> with debug():
    ...     y = x * x
    ...     z = y ** 0.5
    >>> site_of(z).line
    3
    """
    if isinstance(modes.get(threading.get_ident()), Tape):
        yield
        return
    with mode_of_this_thread(Sites(_known)):
        yield


def site_of(value: Value) -> Site | None:
    """The file and the line of your code that computed a Value, if that was inside `debug`; else None."""
    if not isinstance(value, Value):
        raise TypeError(f"site_of: takes a Value, got {value!r:.200}")
    return _known.get(value)


# ---------------------------------------------------------------- beside the code


class Line(NamedTuple):
    """A line of code, and what happened there.

    nodes: how many operations it computed. data, gradient: of the last of them: its number, and the derivative of the
    result by it. seconds: how long it took, with what it calls; None if it did not run.
    """

    number: int
    code: str
    nodes: int
    data: float | None
    gradient: float | None
    seconds: float | None


class Annotated:
    """What `annotate` found: for each function that computed something, its file and its lines. Shows itself."""

    def __init__(self, functions: list[tuple[str, list[Line]]], data: float, total: int) -> None:
        self.functions, self.data, self.total = functions, data, total

    @property
    def lines(self) -> list[Line]:
        """All lines, those of the function itself first."""
        return [line for _, lines in self.functions for line in lines]

    def __repr__(self) -> str:
        return "\n\n".join([*(self._text(name, lines) for name, lines in self.functions), self._sum()])

    def _sum(self) -> str:
        return f"result {self.data:.6g}, {self.total:,} nodes"

    def _text(self, name: str, lines: list[Line]) -> str:
        heading = f"{name}\n{'line':>5} {'nodes':>7} {'value':>11} {'gradient':>11} {'time':>9}"
        rows = [
            f"{line.number:>5} {cells[0]:>7} {cells[1]:>11} {cells[2]:>11} {cells[3]:>9}  {line.code}".rstrip()
            for line in lines
            for cells in [_cells(line)]
        ]
        return "\n".join([heading, *rows])

    def _repr_html_(self) -> str:
        parts = []
        for name, lines in self.functions:
            rows = "".join(
                f"<tr><td>{line.number}</td>{''.join(f'<td>{cell}</td>' for cell in _cells(line))}"
                f'<td style="text-align: left"><code style="white-space: pre">{html_text(line.code)}</code></td></tr>'
                for line in lines
            )
            heads = "".join(f"<th>{head}</th>" for head in ("line", "nodes", "value", "gradient", "time"))
            parts.append(
                f"<p>{html_text(name)}</p><table><thead><tr>{heads}"
                f'<th style="text-align: left">code</th></tr></thead><tbody>{rows}</tbody></table>'
            )
        return f"{''.join(parts)}<p>{self._sum()}</p>"


def _cells(line: Line) -> tuple[str, str, str, str]:
    return (
        f"{line.nodes:,}" if line.nodes else "",
        "" if line.data is None else f"{line.data:.5g}",
        "" if line.gradient is None else f"{line.gradient:.5g}",
        "" if line.seconds is None else _duration(line.seconds),
    )


def _duration(seconds: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def annotate(f: Callable[..., Any], *args: Any) -> Annotated:
    """The code of a function of numbers with, at each line, how many nodes it computed, the number and the gradient of
    the last of them, and how long it took; and the same of your functions that it calls.

    args: as `f` takes them: numbers, or lists, arrays and dicts of them. `f` must give one number; it is called twice,
    once to see what it computes and once for the times, which include what a line calls. Nothing it is given is
    changed. Raises TypeError if `f` is no function, or gives no Value.

    >>> def f(w, x):
    ...     z = w * x + 1.0
    ...     return z * z
    >>> [(line.nodes, line.data, line.gradient) for line in annotate(f, 2.0, 3.0).lines[1:]]
    [(2, 7.0, 14.0), (1, 49.0, 1.0)]
    """
    if not callable(f):
        raise TypeError(f"annotate: takes a function and its arguments, as in annotate(f, 2.0, 3.0); got {f!r:.200}")
    tape = _Lines()
    with recording(), mode_of_this_thread(tape):
        y = f(*_fresh(args))
    if not isinstance(y, Value):
        raise TypeError(
            f"annotate: the function must give one Value, a number computed from its arguments; got {y!r:.200}"
        )
    tape.close()
    order = topological(y)
    slopes = dict(zip(order, gradients(y, order), strict=True))
    with recording():
        seconds = _timed(lambda: f(*_fresh(args)), set(tape.codes))
    mine = getattr(inspect.unwrap(f), "__code__", None)
    codes = sorted(tape.codes, key=lambda code: code is not mine)
    functions = [(f'{code.co_name} in "{code.co_filename}"', _lines(code, tape, slopes, seconds)) for code in codes]
    return Annotated(functions, y.data, len(order))


def _fresh(args: tuple[Any, ...]) -> list[Any]:
    """Arguments with a Value of their own for each number."""
    return [map_numbers(lambda x: Value(x.data if isinstance(x, Value) else x), arg) for arg in args]


class _Lines(Watching):
    """A tape that knows which line of which function made each Value."""

    follows = True

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[CodeType, int, Value]] = []
        self.codes: dict[CodeType, None] = {}
        self.made: dict[tuple[CodeType, int], list[Value]] = {}

    def append(self, value: Value) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(OURS):
            frame = frame.f_back
        if frame is not None:
            self.found.append((frame.f_code, frame.f_lineno, value))

    def close(self) -> None:
        """Sort what was found by line; leaves are nothing that a line computes."""
        for code, line, value in self.found:
            if value.primitive is not None:
                self.codes.setdefault(code)
                self.made.setdefault((code, line), []).append(value)


def _lines(
    code: CodeType, tape: _Lines, slopes: dict[Value, float], seconds: dict[tuple[CodeType, int], float]
) -> list[Line]:
    """The lines of a function; of one whose code cannot be read, those at which something happened."""
    try:
        text, first = inspect.getsourcelines(code)
    except (OSError, TypeError):
        known = [line for made_by, line in tape.made if made_by is code]
        first = min(known)
        text = [""] * (max(known) - first + 1)
    found: list[Line] = []
    for number, words in enumerate(text, max(first, 1)):
        made = tape.made.get((code, number), [])
        last = made[-1] if made else None
        found.append(
            Line(
                number, words.rstrip(), len(made), None if last is None else last.data,
                None if last is None else slopes.get(last, 0.0), seconds.get((code, number)),
            )
        )  # fmt: skip
    return found


def _timed(call: Callable[[], Any], codes: set[CodeType]) -> dict[tuple[CodeType, int], float]:
    """How long each line of some functions takes, with what it calls."""
    found: dict[tuple[CodeType, int], float] = {}
    clock = time.perf_counter

    def watch(frame: FrameType, event: str, arg: Any) -> Any:
        if event != "call" or frame.f_code not in codes:
            return None
        code, line, since = frame.f_code, -1, 0.0

        def step(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal line, since
            now = clock()
            if line >= 0 and event in ("line", "return"):
                found[code, line] = found.get((code, line), 0.0) + now - since
            if event == "line":
                line, since = frame.f_lineno, clock()
            return step

        return step

    tracer = sys.gettrace()
    sys.settrace(watch)
    try:
        call()
    finally:
        sys.settrace(tracer)
    return found
