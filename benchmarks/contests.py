"""What has a bar: how much of a rival's time a program may take, and what it takes.

A Contest is a row of data; the two sides are jobs of the same name in `program_peers.WORKLOADS`. To add one: write the
job of each library there (or in a file beside it), and a line in CONTESTS. `python -m benchmarks --only GROUP` runs it.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from benchmarks.measure import Options, Peer, Row, agree, in_words, peer, race

ENVIRONMENT = ".venv-bench"
PROCESSOR = 1
"""The clock: both sides run on one thread, and what else the machine does is not counted."""


@dataclass(frozen=True)
class Contest:
    """Two libraries on one workload.

    first: with building, in a process that has just begun; else what a call takes once all is built. bar: the most
    that we may take, in times of the rival's time, or if `first` in seconds. agree_on: what both must find, to 1e-10 of
    its size. environment: where the rival is installed; "" is this one.
    """

    name: str
    title: str
    bar: float
    workload: str
    rival: str
    environment: str = ENVIRONMENT
    first: bool = False
    agree_on: tuple[str, ...] = ("value", "gradient")


FORMULA = "Black-Scholes and 5 Greeks × 10,000"
EULER = "gradient of 1,000 Euler steps"
HESSIAN = "Hessian of Rosenbrock's function"
DDX = "ddx-ad, compiled"
FLOATS, VALUE = "its value alone, on plain floats", ("value",)
CONTESTS = {
    "black-scholes": [
        Contest(FORMULA, DDX, 2.0, "black-scholes", "ddx"),
        Contest(FORMULA, "JAX jit, one thread", 2.0, "black-scholes", "jax-thread"),
    ],
    "euler": [
        Contest(f"{EULER} × 1,000", DDX, 3.5, "euler-batch", "ddx"),
        Contest(f"{EULER} × 1,000: built, and run once", DDX, 0.5, "euler-batch", "ddx", first=True),
        Contest(f"{EULER}, one point", DDX, 4.0, "euler", "ddx"),
    ],
    "rosenbrock-300": [
        Contest("gradient of Rosenbrock's function, 300 terms, one point", DDX, 3.0, "rosenbrock-300", "ddx"),
    ],
    "rosenbrock-30000": [
        Contest("gradient of Rosenbrock's function in 30,000 variables", "ddx-ad, interpreted", 1.0, "banana", "ddx"),
    ],
    "points": [
        Contest("one point of x·x: a call of the program", "Value by Value", 1.0, "square", "eager", ""),
        Contest("one point of Black-Scholes: a call of the program", "Value by Value", 1.0, "option", "eager", ""),
    ],
    "formulas": [
        Contest(f"{formula}, value and gradient, {door}", FLOATS, 3.5, f"{job}-{name}", "floats", "", agree_on=VALUE)
        for job, formula in (("option", "Black-Scholes"), ("formula", "15 operations of 5 inputs"))
        for name, door in (("backward", "Values and backward()"), ("transform", "value_and_grad"))
    ],
    "moons-step": [
        Contest("moons step, Value by Value", FLOATS, 1.6, "moons-step", "floats", "", agree_on=VALUE),
        Contest("moons step, Value by Value", "fastdual, forward mode in C", 1.0, "moons-step", "fastdual"),
    ],
    "microgpt": [
        Contest("microgpt, training on ten names", "Values as in the original", 1 / 25, "microgpt", "original", ""),
    ],
    "odd-example": [
        Contest("8 sigmoids × 1,000, one of them sigmoid(-800)", "a clean batch", 2.0, "sigmoids", "clean", ""),
        Contest("Nielsen's network × 10, with one sigmoid(-800)", "a clean batch", 2.0, "digits", "clean", ""),
    ],
    "hessian": [
        Contest(f"{HESSIAN} in 30 variables", "JAX jit, one thread", 1.0, "hessian", "jax-thread"),
        Contest(f"{HESSIAN} in 30 variables", DDX, 5.0, "hessian", "ddx"),
        Contest(f"{HESSIAN} in 30,000 variables, sparse", "one gradient", 6.0, "sparse-hessian", "gradient", ""),
    ],
}  # fmt: skip
BINDING_BAR = 0.001
"""Seconds that a new batch size may cost."""
BUSY_BAR = 3.0
"""Times of the median that one call in a hundred may take."""


def rows_of(contests: list[Contest], options: Options) -> list[Row]:
    """A row for each contest. quick: small sizes, and Values are the only rival."""
    rows = []
    for contest in contests:
        if options.quick and contest.environment:
            contest = replace(contest, title="Value by Value, small", rival="eager", environment="")
        rows += _row_of(contest, options)
    return rows


def _row_of(contest: Contest, options: Options) -> list[Row]:
    with _both(contest, options) as (ours, rival):
        assert ours, contest
        if rival is None:
            return []
        if not contest.first:
            mine, ratio = race(ours, rival, options.repeat)
            return [_judged(contest, mine, ratio)]
        pairs = [(ours.first, rival.first)]
    for _ in range(max(options.repeat // 5, 1)):
        with _both(contest, options) as (ours, rival):
            assert ours
            assert rival
            pairs.append((ours.first, rival.first))
    ratio = statistics.median(other / mine for mine, other in pairs)
    return [_judged(contest, statistics.median(mine for mine, _ in pairs), ratio)]


@contextlib.contextmanager
def _both(contest: Contest, options: Options) -> Iterator[tuple[Peer | None, Peer | None]]:
    """The two sides, which agree."""
    quick = ["--quick"] if options.quick else []
    with (
        peer("", "glassgrad", contest.workload, *quick, clock=PROCESSOR) as ours,
        peer(contest.environment, contest.rival, contest.workload, *quick, clock=PROCESSOR) as rival,
    ):
        if ours and rival:
            for what in contest.agree_on:
                agree(getattr(ours, what), getattr(rival, what))
        yield ours, rival


def _judged(contest: Contest, mine: float, ratio: float) -> Row:
    """ratio: of the rival's time and ours."""
    times = 1.0 / ratio
    bar = held(mine, contest.bar, in_words(contest.bar)) if contest.first else held(times, contest.bar)
    return Row(contest.name, contest.title, f"{times:.3g} × the time, {in_words(mine)}; {bar}")


def held(found: float, bar: float, words: str = "") -> str:
    """In words: whether what was found is below a bar. words: the bar, if it is not in times."""
    return f"bar {words or f'{bar:g} ×'}: {'held' if found <= bar else 'missed'}"


def binding_rows(options: Options) -> list[Row]:
    """What the first call with a batch of a new size takes more than the next of that size."""
    quick = ["--quick"] if options.quick else []
    with (
        peer("", "glassgrad", "new-sizes", *quick, clock=PROCESSOR) as ours,
        peer("", "numpy", "new-sizes", *quick) as by_hand,
    ):
        assert ours
        assert by_hand
        agree(ours.value, by_hand.value)
        agree(ours.gradient, by_hand.gradient)
        times = ours.each(2 * 3 * options.repeat)
    more = statistics.median(new - known for new, known in zip(times[::2], times[1::2], strict=True))
    result = f"+{in_words(more)}; {held(more, BINDING_BAR, in_words(BINDING_BAR))}"
    return [Row("Nielsen's network, the first call with a batch size", "the next call", result)]


SPINNING = "while True: pass"


def busy_rows(options: Options) -> list[Row]:
    """How long the slowest calls take while another process keeps a core busy, BLAS with its default threads.

    BLAS on one thread waits for nobody: its numbers are what the machine does to any clock.
    """
    calls = 100 if options.quick else 3000
    quick = ["--quick"] if options.quick else []
    with (
        peer("", "glassgrad", "banana", *quick, threads=True) as ours,
        peer("", "glassgrad", "banana", *quick) as alone,
    ):
        assert ours
        assert alone
        agree(ours.gradient, alone.gradient)
        with subprocess.Popen([sys.executable, "-c", SPINNING]) as spinning:
            try:
                rounds = [(ours.each(calls), alone.each(calls)) for _ in range(max(options.repeat // 3, 1))]
            finally:
                spinning.kill()
    # Together: in some rounds the busy process happens to run on the core that the threads want, in others not.
    (times, median), (times_alone, median_alone) = (
        tail([*itertools.chain(*side)]) for side in zip(*rounds, strict=True)
    )
    name = "gradient of Rosenbrock's function in 30,000 variables, a core kept busy: 99th percentile"
    known = f"BLAS on one thread: {times_alone:.3g} × of {in_words(median_alone)}"
    verdict = (
        held(times, BUSY_BAR) if times_alone <= BUSY_BAR else f"bar {BUSY_BAR:g} ×: not to be told, too much at work"
    )
    return [Row(name, "the median", f"{times:.3g} × of {in_words(median)} ({known}); {verdict}")]


def tail(times: list[float]) -> tuple[float, float]:
    """The 99th percentile in times of the median, and the median."""
    median = statistics.median(times)
    return statistics.quantiles(times, n=100)[98] / median, median


def group(name: str) -> Callable[[Options], list[Row]]:
    """How the rows of CONTESTS[name] are measured."""

    def measure(options: Options) -> list[Row]:
        return rows_of(CONTESTS[name], options)

    return measure


GROUPS: dict[str, Callable[[Options], list[Row]]] = {
    **{name: group(name) for name in CONTESTS},
    "binding": binding_rows,
    "busy": busy_rows,
}
