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
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple
from weakref import ref

from autograd.display import html_text
from autograd.engine import Value, gradients, topological
from autograd.modes import mode_of_this_thread, modes, recording
from autograd.primitive import DomainError, Primitive
from autograd.tree import map_numbers
from autograd.watching import Watching

__all__ = ["OURS", "Annotated", "Line", "Site", "Sites", "annotate", "debug", "site_of"]

NAMELESS = "<string>"
"""The file of all code that was run from a text: later Pythons keep the text of one of them under that name."""

OURS = tuple(str(Path(__file__).parents[1] / name) + os.sep for name in ("autograd", "nn", "visualize"))


class Site(NamedTuple):
    """A line of code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f'File "{self.file}", line {self.line}{self._code}'

    @property
    def short(self) -> str:
        """The name of the file, the line, and what stands there."""
        return f"{Path(self.file).name}, line {self.line}{self._code}"

    @property
    def _code(self) -> str:
        linecache.checkcache(self.file)
        text = "" if self.file == NAMELESS else linecache.getline(self.file, self.line).strip()
        return f": {text}" if text else ""


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


class _Known:
    """Where Values were made; by identity, as a Value is equal to others with the same number. Keeps none alive."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[ref[Value], Site]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def note(self, value: Value, site: Site) -> None:
        key = id(value)
        self._found[key] = ref(value, lambda _: self._found.pop(key, None)), site

    def get(self, value: Value) -> Site | None:
        found = self._found.get(id(value))
        return found[1] if found is not None and found[0]() is value else None


class Sites(Watching):
    """A tape that knows where each Value was made."""

    follows = True
    lasts = True

    def __init__(self, known: _Known | None = None) -> None:
        super().__init__()
        self.follows = True
        self.known = _Known() if known is None else known

    def append(self, value: Value) -> None:
        site = _site(sys._getframe(1))
        if site is not None:
            self.known.note(value, site)

    def compared(self, sign: str, x1: Value, x2: Any, outcome: bool) -> None:
        pass

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        pass


_known = _Known()


@contextlib.contextmanager
def debug() -> Iterator[None]:
    """Note for each Value that is computed inside, in this thread, at which line of your code that was.

    Errors of `backward` and of derivatives then name the line that computed the operation they are about, `site_of`
    gives it, and explanations show it. It costs a few microseconds for each operation inside, and nothing elsewhere.
    Inside `no_grad`, where nothing is recorded, and inside a traced function, whose program has no lines, it does
    nothing.

    >>> x = Value(0.0, "x")
    >>> with debug():
    ...     y = x * x
    ...     z = y ** 0.5
    >>> site_of(z).line
    3
    """
    if modes.get(threading.get_ident()) is not None:
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
    """What `annotate` found: for each function that computed something, its file and its lines. Shows itself.

    data: of the result. total: how many operations were computed. trouble: why there are no gradients, "" if there are.
    """

    def __init__(self, functions: list[tuple[str, list[Line]]], data: float, total: int, trouble: str = "") -> None:
        self.functions, self.data, self.total, self.trouble = functions, data, total, trouble

    @property
    def lines(self) -> list[Line]:
        """All lines, those of the function itself first."""
        return [line for _, lines in self.functions for line in lines]

    def __repr__(self) -> str:
        return "\n\n".join([*(self._text(name, lines) for name, lines in self.functions), self._sum()])

    def _sum(self) -> str:
        here = sum(line.nodes for line in self.lines)
        elsewhere = f", {self.total - here:,} of them by autograd itself" if here < self.total else ""
        trouble = f"\nno gradients: {self.trouble}" if self.trouble else ""
        return f"result {self.data:.6g}, {self.total:,} operation{'s' * (self.total != 1)}{elsewhere}{trouble}"

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
        return f"{''.join(parts)}<p>{html_text(self._sum())}</p>"


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


def annotate(f: Callable[..., Any], *args: Any, **options: Any) -> Annotated:
    """The code of a function of numbers with, at each line, how many operations it computed, the number and the
    gradient of the last of them, and how long it took; and the same of your functions that it calls.

    args, options: as `f` takes them: numbers, or lists, arrays and dicts of them. Floats become Values; whole numbers
    stay, so that they can count. `f` must give one number computed from its arguments; it is called once to see what it
    computes, and once more for the times of each function. A time includes what the line calls; one below a microsecond
    is told longer than it is. Nothing that is given is changed. Raises TypeError if `f` is no function, or gives no
    Value.

    >>> def f(w, x):
    ...     z = w * x + 1.0
    ...     return z * z
    >>> [(line.nodes, line.data, line.gradient) for line in annotate(f, 2.0, 3.0).lines[1:]]
    [(2, 7.0, 14.0), (1, 49.0, 1.0)]
    """
    if not callable(f):
        raise TypeError(f"annotate: takes a function and its arguments, as in annotate(f, 2.0, 3.0); got {f!r:.200}")

    def call() -> Any:
        return f(*map(_fresh, args), **{name: _fresh(x) for name, x in options.items()})

    tape = _Lines()
    with recording(), mode_of_this_thread(tape):
        y = call()
    if not isinstance(y, Value):
        raise TypeError(
            "annotate: the function must give one Value, a number computed from its arguments (write 2.0, not 2, "
            f"for what is no count); got {y!r:.200}"
        )
    tape.close()
    order = topological(y)
    slopes, trouble = {}, ""
    try:
        slopes = dict(zip(order, gradients(y, order), strict=True))
    except DomainError as error:
        trouble = str(error)
    with recording():
        seconds = {key: spent for code in tape.codes for key, spent in _timed(call, code).items()}
    mine = getattr(inspect.unwrap(f), "__code__", None)
    codes = sorted(tape.codes, key=lambda code: code is not mine)
    functions = [
        (
            f'{code.co_name}, line {code.co_firstlineno} of "{code.co_filename}"',
            _lines(code, tape, None if trouble else slopes, seconds),
        )
        for code in codes
    ]
    return Annotated(functions, y.data, tape.total, trouble)


def _fresh(arg: Any) -> Any:
    """An argument with a Value of its own for each number that is no whole one."""
    return map_numbers(lambda x: x if isinstance(x, Integral) else Value(x.data if isinstance(x, Value) else x), arg)


COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}
"""They belong to the function that they stand in."""


class _Lines(Sites):
    """A tape that knows which line of which function made each Value."""

    def __init__(self) -> None:
        super().__init__(_known)
        self.found: list[tuple[CodeType | None, int, Value]] = []
        self.codes: dict[CodeType, None] = {}
        self.made: dict[tuple[CodeType, int], list[Value]] = {}
        self.total = 0

    def append(self, value: Value) -> None:
        super().append(value)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not annotate.__code__:
            code = frame.f_code
            if not code.co_filename.startswith(OURS) and code.co_name not in COMPREHENSIONS:
                self.found.append((code, frame.f_lineno, value))
                return
            frame = frame.f_back
        self.found.append((None, 0, value))

    def close(self) -> None:
        """Sort what was found by line; leaves are nothing that a line computes."""
        for code, line, value in self.found:
            if value.primitive is not None:
                self.total += 1
                if code is not None:
                    self.codes.setdefault(code)
                    self.made.setdefault((code, line), []).append(value)


def _lines(
    code: CodeType, tape: _Lines, slopes: dict[Value, float] | None, seconds: dict[tuple[CodeType, int], float]
) -> list[Line]:
    """The lines of a function; of one whose code cannot be read, those at which something happened. slopes: by node;
    what the result does not depend on has none.
    """
    known = [line for made_by, line in tape.made if made_by is code]
    try:
        text, first = inspect.getsourcelines(code)
        if code.co_filename == NAMELESS or not first <= min(known) <= max(known) < first + len(text):
            raise OSError  # the text of something else
    except (OSError, TypeError):
        first = min(known)
        text = [""] * (max(known) - first + 1)
    found: list[Line] = []
    for number, words in enumerate(text, max(first, 1)):
        made = tape.made.get((code, number), [])
        last = made[-1] if made else None
        found.append(
            Line(
                number, words.rstrip(), len(made), None if last is None else last.data,
                None if last is None or slopes is None else slopes.get(last, 0.0), seconds.get((code, number)),
            )
        )  # fmt: skip
    return found


def _timed(call: Callable[[], Any], code: CodeType) -> dict[tuple[CodeType, int], float]:
    """How long each line of a function takes, with what it calls; of calls within calls, the outermost."""
    found: dict[tuple[CodeType, int], float] = {}
    clock, inside = time.perf_counter, False

    def watch(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal inside
        if event != "call" or frame.f_code is not code or inside:
            return None
        inside, line, since = True, -1, 0.0

        def step(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal line, since, inside
            now = clock()
            if line >= 0 and event in ("line", "return"):
                found[code, line] = found.get((code, line), 0.0) + now - since
            if event == "return":
                inside = False
            elif event == "line":
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
