"""Functions with branches, and functions so small that a call is what costs: programs beside the eager engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd
from autograd import trace, value_and_grad
from benchmarks.measure import Options, Row, agree, paired

__all__ = ["branch_rows", "call_rows"]

Point = tuple[Any, ...]


def square(x: Any) -> Any:
    return x * x


def black_scholes(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
    """The price of a European call (Black and Scholes 1973, equation 13)."""
    spread = volatility * autograd.sqrt(years)
    d1 = (autograd.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    return spot * _normal(d1) - strike * autograd.exp(-rate * years) * _normal(d1 - spread)


def _normal(x: Any) -> Any:
    return 0.5 * (1.0 + autograd.erf(x * math.sqrt(0.5)))


def kepler(mean_anomaly: Any, eccentricity: Any) -> Any:
    """The eccentric anomaly E with E - e sin E = M, by Newton's method until it converges."""
    found, step = mean_anomaly + 0.5 * eccentricity, 1.0
    while abs(step) > 1e-12:
        error = found - eccentricity * autograd.sin(found) - mean_anomaly
        step = error / (1.0 - eccentricity * autograd.cos(found))
        found = found - step
    return found


def warping(x: Sequence[Any], y: Sequence[Any]) -> Any:
    """The distance of two series by dynamic time warping, with the built-in min."""
    last: list[Any] = [0.0] + [math.inf] * len(y)
    for x1 in x:
        row: list[Any] = [math.inf]
        for j, y1 in enumerate(y):
            row.append((x1 - y1) * (x1 - y1) + min(last[j], last[j + 1], row[j]))
        last = row
    return last[-1]


def loan(rate: Any, payment: Any, extra: Any) -> Any:
    """What is paid for a loan of 1,000 until nothing is owed: each number of months is a path of its own."""
    owed, paid, month = 1000.0 + 0.0 * rate, 0.0 * rate, 0
    while owed > 0.0 and month < 110:
        owed = owed * (1.0 + rate / 12.0)
        now = payment + extra if month % 12 == 0 else payment
        if now > owed:
            now = owed
        owed, paid, month = owed - now, paid + now, month + 1
    return paid


def robertson(k1: Any, k2: Any, k3: Any, end: float = 40.0) -> Any:
    """The first species of Robertson's stiff reaction after `end` seconds: implicit steps by Newton's method, halved
    where much changes, doubled where little does.
    """
    y1, y2, time, h = 1.0 + 0.0 * k1, 0.0 * k1, 0.0, 1e-4
    while time < end:
        h = min(h, end - time)
        z1, z2, changes, rounds = y1, y2, 1.0 + 0.0 * k1, 0
        while changes > 1e-9 and rounds < 8:
            z3 = 1.0 - z1 - z2
            f1 = z1 - y1 + h * (k1 * z1 - k2 * z2 * z3)
            f2 = z2 - y2 - h * (k1 * z1 - k2 * z2 * z3 - k3 * z2 * z2)
            a, b = 1.0 + h * (k1 + k2 * z2), h * k2 * (z2 - z3)
            c, d = -h * (k1 + k2 * z2), 1.0 + h * (k2 * (z3 - z2) + 2.0 * k3 * z2)
            scale = a * d - b * c
            d1, d2 = (f1 * d - b * f2) / scale, (a * f2 - c * f1) / scale
            z1, z2, rounds = z1 - d1, z2 - d2, rounds + 1
            changes = abs(d1) + abs(d2)
        if abs(z1 - y1) > 0.05 or rounds == 8:
            h = 0.5 * h
            continue
        if abs(z1 - y1) < 0.02:
            h, time = 2.0 * h, time + h
        else:
            time = time + h
        y1, y2 = z1, z2
    return y1


def _versus_eager(name: str, f: Callable[..., Any], points: Sequence[Point], options: Options, together: bool) -> Row:
    """How a program of f compares to f on Values, at these points: one after the other, or as a batch."""
    program = trace(f, *points[0], max_paths=1000)
    eager = value_and_grad(f, argnums=tuple(range(len(points[0]))))
    batch = [np.array(column) for column in zip(*points, strict=True)]

    def ours() -> Any:
        if together:
            return program.value_and_grad(*batch, wrt="inputs")
        return [program.value_and_grad(*point, wrt="inputs") for point in points]

    def theirs() -> Any:
        return [eager(*point) for point in points]

    for _ in range(2):  # the second time, no path is new, and one example goes the short way
        found = ours()
    values, slopes = zip(*theirs(), strict=True)
    mine = (found[0], found[1]) if together else tuple(zip(*found, strict=True))
    agree(mine[0], values)
    columns = _columns(mine[1], together)
    agree(columns, np.concatenate([np.ravel(part) for slope in slopes for part in slope]))
    ratio = paired(ours, theirs, options.repeat)
    return Row(name, "the eager engine", f"{ratio:.3g} × the time")


def _columns(slopes: Any, together: bool) -> Any:
    """All numbers of gradients, example by example."""
    if together:
        parts = slopes if isinstance(slopes, tuple) else (slopes,)
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).ravel()
    flat = [slope if isinstance(slope, tuple) else (slope,) for slope in slopes]
    return np.concatenate([np.ravel(part) for slope in flat for part in slope])


def call_rows(options: Options) -> list[Row]:
    """What a call costs: one point of small functions."""
    jobs: list[tuple[str, Callable[..., Any], Point]] = [
        ("one point of x · x", square, (1.3,)),
        ("one point of Black-Scholes", black_scholes, (100.0, 95.0, 1.0, 0.03, 0.2)),
    ]
    return [_versus_eager(name, f, [point] * 100, options, together=False) for name, f, point in jobs]


def branch_rows(options: Options) -> list[Row]:
    """Functions whose way depends on their numbers."""
    random = np.random.default_rng(3)
    few = 3 if options.quick else 16
    anomalies = [(m, e) for m, e in zip(np.linspace(0.1, 3.0, 40).tolist(), np.linspace(0.05, 0.85, 40), strict=True)]
    series = tuple(random.normal(size=few).cumsum().tolist() for _ in range(2))
    rates = random.uniform([0.01, 12.0, 0.0], [0.2, 60.0, 50.0], (20 if options.quick else 400, 3))
    constants = np.array([0.04, 1e4, 3e7]) * (1.0 + 0.01 * random.normal(size=(2 if options.quick else 8, 3)))
    jobs: list[tuple[str, Callable[..., Any], Sequence[Point], bool]] = [
        ("Kepler's equation by Newton, one point", kepler, [anomalies[7]] * 20, False),
        ("Kepler's equation by Newton, 40 points", kepler, [(m, float(e)) for m, e in anomalies], True),
        (f"time warping of {few} × {few} with min, one point", warping, [series], False),
        (f"a loan, {len(rates)} of them", loan, [tuple(row) for row in rates.tolist()], True),
        (f"Robertson's reaction, {len(constants)} of them", robertson, [tuple(r) for r in constants.tolist()], True),
    ]
    return [_versus_eager(name, f, points, options, together) for name, f, points, together in jobs]
