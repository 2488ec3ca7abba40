"""How to measure: pairs of timings, one right after the other, and libraries in processes of their own."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PEERS = {
    ".venv-bench": ["micrograd==0.1.0", "torch==2.13.0", "jax", "casadi", "ddx-ad>=4.3", "numpy", "fastdual==0.3.1"],
    ".venv-bench-hips": ["autograd", "numpy"],
}
AT_LEAST = 0.05
"""Seconds: what takes less is repeated, and timed together."""


class Row(NamedTuple):
    """One line of the table."""

    workload: str
    against: str
    result: str


class Options(NamedTuple):
    """What the command line asks for. repeat: how many timings a median is of. mnist: a file, or random data."""

    quick: bool
    repeat: int
    mnist: str | None


def seconds(f: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def paired(f: Callable[[], object], g: Callable[[], object], repeat: int) -> float:
    """How many times longer f takes than g: the median over pairs of calls, one right after the other."""
    f()
    g()
    return statistics.median(seconds(f) / seconds(g) for _ in range(repeat))


def agree(found: Any, expected: Any) -> None:
    """Assert that two libraries found the same: to 1e-10 of the size of all numbers together."""
    found, expected = np.ravel(found), np.ravel(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    error, size = np.abs(found - expected).max(), np.abs(expected).max()
    assert error <= 1e-10 * size, f"differs by {error}, of {size}"


def faster(ratio: float) -> str:
    """In words: how the time of others compares to ours."""
    return f"{ratio:.{1 if ratio < 10.0 else 0}f} × faster" if ratio >= 1.05 else f"{1.0 / ratio:.3g} × the time"


def in_words(time: float) -> str:
    """Seconds, with a fitting unit."""
    unit, scale = next(
        (u, s) for u, s in (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)) if time * s >= 1.0 or s == 1e9
    )
    return f"{time * scale:.3g} {unit}"


def calls_of(once: Callable[[], float]) -> int:
    """How many calls to time together; `once` gives the seconds of one, more at first."""
    return 1 if once() > 20.0 * AT_LEAST else max(1, round(AT_LEAST / max(once(), 1e-9)))


class Timer:
    """Seconds of one call of f; so many calls together that the clock can tell."""

    def __init__(self, f: Callable[[], object]) -> None:
        self.f = f
        self.calls = calls_of(lambda: seconds(f))

    def __call__(self) -> float:
        def all_calls() -> None:
            for _ in range(self.calls):
                self.f()

        return seconds(all_calls) / self.calls


class Peer:
    """A library on one workload, in a process of its own; see program_peers.py. value, gradient: what it found.

    clock: 0 counts seconds on the wall, 1 those of the processor, which other work on the machine hardly touches.
    """

    def __init__(self, process: subprocess.Popen[str], found: dict[str, Any], clock: int = 0) -> None:
        self.process = process
        self.value, self.gradient = found["value"], found["gradient"]
        self.clock, self.first = clock, float(found["first"][clock])
        self.calls = 0

    def __call__(self) -> float:
        """Seconds of one run; so many together that the clock can tell."""
        self.calls = self.calls or calls_of(lambda: self.seconds(1))
        return self.seconds(self.calls)

    def seconds(self, calls: int) -> float:
        """Seconds of one run, the mean of so many."""
        return self._ask(f"run {calls}")[0] / calls

    def each(self, calls: int) -> list[float]:
        """Seconds of each of so many runs."""
        return self._ask(f"each {calls}")

    def building(self) -> float:
        """Seconds to build everything anew, up to the first result."""
        return self._ask("build")[0]

    def _ask(self, line: str) -> list[float]:
        print(line, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]
        return [pair[self.clock] for pair in answer]


@contextlib.contextmanager
def peer(
    environment: str, library: str, workload: str, *arguments: str, engine: str = "", clock: int = 0,
    threads: bool = False,
) -> Iterator[Peer | None]:  # fmt: skip
    """A Peer while it is needed; None if it cannot be had, and why on stderr.

    environment: "" is this one. threads: BLAS may use as many as it likes.
    """
    python = python_of(environment) if environment else sys.executable
    if python is None:
        yield None
        return
    command = [str(python), str(ROOT / "benchmarks" / "program_peers.py"), library, workload, *arguments]
    variables = {**os.environ, **({"GLASSGRAD_ENGINE": engine} if engine else {})}
    if threads:
        variables.pop("OPENBLAS_NUM_THREADS", None)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables) as process:
        first = process.stdout.readline()  # type: ignore[union-attr]
        if not first:
            print(f"{library} failed on {workload}", file=sys.stderr)
        yield Peer(process, json.loads(first), clock) if first else None


def race(ours: Callable[[], float], theirs: Callable[[], float], repeat: int) -> tuple[float, float]:
    """Our seconds, and how many times longer others take: medians over pairs, one right after the other."""
    pairs = [(ours(), theirs()) for _ in range(repeat)]
    return statistics.median(mine for mine, _ in pairs), statistics.median(other / mine for mine, other in pairs)


@functools.cache
def python_of(environment: str) -> Path | None:
    """The interpreter of an environment of peers, made when they change; None if they cannot be installed."""
    folder = ROOT / environment
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready, wanted = folder / "ready", " ".join(PEERS[environment])
    if not ready.exists() or ready.read_text() != wanted:
        if not python.exists():
            venv.create(folder, with_pip=True)
        installed = subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[environment]], check=False)
        if installed.returncode:
            return None
        ready.write_text(wanted)
    return python


def ask(python: Path | str | None, library: str, workload: str, repeat: int, engine: str = "") -> dict[str, Any] | None:
    """What `peers.py` found, in a process of its own; None if there is no interpreter with that library."""
    if python is None:
        return None
    environment = {**os.environ, **({"GLASSGRAD_ENGINE": engine} if engine else {})}
    command = [str(python), str(ROOT / "benchmarks" / "peers.py"), library, workload, str(repeat)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode:
        print(f"{library} failed on {workload}: {answer.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
