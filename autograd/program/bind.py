"""Bind: a plan for one batch size, with the gradients that are wanted, and all its buffers.

What is not finite stops a run: an operation that may lose such a number looks for it, and the outputs are looked at;
the gradients only where the processor has told of an overflow or its like, because they are made of finite numbers. The
batch is then replayed one example after the other, where each gets the answer, or the error, that it would get alone.
So there is no nan here, and a formula need not care for one.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.program.graph import BATCHED, INPUT, PARAMETER
from autograd.program.interpret import RAISED, STRANGE, all_finite
from autograd.program.loops import Runner, aligned, runners
from autograd.program.record import Array
from autograd.program.reverse import COTANGENT, SEED, Wanted, reverse
from autograd.program.roll import Plan
from autograd.program.steps import Step, padded, steps

__all__ = ["Bound", "NotFinite", "Results", "Wanted"]

LARGE = 1 << 16  # bytes of a gradient, from which on a copy of it is worth avoiding
FEW_OUTPUTS = 8  # that are put together one by one


class NotFinite(ArithmeticError):
    """Something came out infinite or nan, or started so."""


class Results:
    """Arrays to give away: memory of one that nobody holds any more is used again, because fresh memory is slow."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = shape, dtype
        self._given: list[Array] = []

    def fresh(self) -> Array:
        """An array that nobody else holds, or a part of; what is in it does not matter."""
        for i in range(len(self._given)):
            if sys.getrefcount(self._given[i]) == 2:  # the list, and the argument of getrefcount
                return self._given[i]
        self._given = [*self._given[-1:], np.empty(self._shape, self._dtype)]
        return self._given[-1]

    def copy(self, x: Array) -> Array:
        """A copy of x to give away: a view, so that what becomes of its shape or its flags stays with its owner."""
        array = self.fresh()
        np.copyto(array, x)
        return array[:]


class Turn:
    """The steps of a plan with a vector of their own for the gradient, which can be given away."""

    def __init__(self, steps: Sequence[Step], buffers: Sequence[Array]) -> None:
        self.gradient = aligned(len(buffers[COTANGENT + PARAMETER]), buffers[SEED].dtype)
        mine = list(buffers)
        mine[COTANGENT + PARAMETER] = self.gradient
        self.runners = runners(steps, mine)
        self._held = sys.getrefcount(self.gradient.base)

    def is_free(self) -> bool:
        """Whether nobody else holds the vector, or a part of it."""
        return sys.getrefcount(self.gradient.base) == self._held


def _grouped(outputs: Sequence[tuple[int, int]]) -> list[tuple[Any, int, Any]]:
    """Where outputs stand: their places, the space, and its rows; many of them at once, as one array of rows."""
    if len(outputs) <= FEW_OUTPUTS:
        return [(i, space, row) for i, (space, row) in enumerate(outputs)]
    spaces, rows = np.array(outputs).T
    chosen = [(np.flatnonzero(spaces == space), int(space)) for space in np.unique(spaces)]
    return [(places if len(chosen) > 1 else slice(None), space, rows[places]) for places, space in chosen]


class Bound:
    """A plan with all its buffers. Put the examples into `rows`, one in each, and run.

    theta, frozen: the parameters to differentiate by and those that follow them, both read where they are.
    """

    def __init__(self, plan: Plan, n: int, dtype: Any, theta: Array, frozen: Array, wanted: Wanted) -> None:
        self.plan, self.n, self.dtype = plan, n, np.dtype(dtype)
        self.theta, self.frozen, self.wanted = theta, frozen, wanted
        self.schedule = reverse(plan, wanted, len(theta))
        lowered = steps(self.schedule, n, self.dtype.itemsize)
        self.steps = lowered.steps
        self.buffers = self._allocated(lowered.sizes)
        self._runners = runners(self.steps, self.buffers)
        self._results = [(places, self._values(space), rows) for places, space, rows in _grouped(plan.outputs)]
        by_parameters = self._values(COTANGENT + PARAMETER)[: len(theta)].T
        self._by_parameters = by_parameters if wanted.each or not wanted.by_parameters else by_parameters[0]
        self._by_inputs = self._values(COTANGENT + INPUT).T
        self._outputs = Results((len(plan.outputs), n), dtype)
        self._gradients = Results((n, len(theta)) if wanted.each else (len(theta),), dtype)
        self._slopes = Results(self.rows.shape, dtype)
        self._turns: list[Turn] = []
        large = len(theta) * self.dtype.itemsize >= LARGE and plan.sizes[PARAMETER] == len(theta)
        self._gives_away = large and wanted.by_parameters and not wanted.each

    def _allocated(self, sizes: Sequence[int]) -> list[Array]:
        """The buffers; and what is copied into them at the start of a run."""
        plan, n = self.plan, self.n
        n_inputs = plan.sizes[INPUT]
        skipped = [COTANGENT + PARAMETER] * (not self.wanted.by_parameters) + [COTANGENT + INPUT] * (
            not self.wanted.by_inputs
        )
        buffers = [aligned(0 if i in skipped else size, self.dtype) for i, size in enumerate(sizes)]
        with np.errstate(over="ignore"):  # what is infinite then is found out when it counts
            buffers[0][:] = self.schedule.constants
        whole = aligned((n, padded(n_inputs, self.dtype.itemsize)), self.dtype)
        self.rows = whole[:, :n_inputs]
        self._copies: list[tuple[Array, Array]] = []
        n_theta, n_given = len(self.theta), len(self.theta) + len(self.frozen)
        if self.schedule.gathers_inputs:
            self._copies.append((buffers[INPUT].reshape(n_inputs, n), self.rows.T))
        else:
            buffers[INPUT] = whole.reshape(-1)
        if plan.sizes[PARAMETER] == n_theta:
            buffers[PARAMETER] = self.theta
        else:  # some are frozen, or computed from others
            pairs = [(buffers[PARAMETER][:n_theta], self.theta), (buffers[PARAMETER][n_theta:n_given], self.frozen)]
            self._copies += [pair for pair in pairs if pair[1].size]
        return buffers

    def _values(self, space: int) -> Array:
        """The numbers of a space, (rows, examples)."""
        if space == INPUT:
            return self.rows.T
        width = self.n if self.schedule.has_batch[space] else 1
        return self.buffers[space].reshape(-1, width)

    # ------------------------------------------------------------ running

    def run(self, seed: Any, strict: bool = True, lend: bool = False) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and the gradients wanted, by parameters and by inputs (example, number).

        seed: per example, or for all, the cotangent of the first output. strict: raise ArithmeticError or ValueError if
        there is anything that plain arithmetic on finite numbers does not explain. lend: the gradients may be arrays
        that the next run writes to.
        """
        self._told = 0
        with np.errstate(divide="call", over="call", invalid="call", under="ignore", call=self._note):
            return self._run(seed, strict, lend)

    def _run(self, seed: Any, strict: bool, lend: bool) -> tuple[Array, Any, Any]:
        for target, source in self._copies:
            target[...] = source
        self.buffers[SEED][...] = seed
        running, gradient = (self._runners, None) if lend else self._next_turn()
        for step in running:
            told = step() or 0  # meanwhile NumPy may note something
            self._told |= told
        outputs, slopes = self._outputs.fresh(), None
        for places, values, rows in self._results:
            outputs[places] = values[rows]
        if self.wanted.by_parameters and gradient is None:
            gradient = self._by_parameters if lend else self._gradients.copy(self._by_parameters)
        if self.wanted.by_inputs:
            slopes = self._by_inputs if lend else self._slopes.copy(self._by_inputs)
        # What came in so shows in the outputs.
        looked_at = (outputs, gradient, slopes) if self._told & RAISED else (outputs,)
        if strict and (self._told & STRANGE or not all(x is None or all_finite(x) for x in looked_at)):
            raise NotFinite
        return outputs, gradient, slopes

    def _note(self, what: str, flag: int) -> None:
        """Called by NumPy where it divides by 0, overflows, or has no value."""
        self._told |= RAISED

    def strange(self) -> Array:
        """For which examples of the last batch something is not finite: a bool each."""
        self.run(1.0, strict=False, lend=True)
        spaces = [BATCHED, COTANGENT + BATCHED] + [COTANGENT + INPUT] * self.wanted.by_inputs
        spaces += [COTANGENT + PARAMETER] * (self.wanted.each and self.wanted.by_parameters)
        finite = [np.isfinite(x).all(axis=0) for x in (self.rows.T, *map(self._values, spaces))]
        return np.array(~np.logical_and.reduce(finite))

    def _next_turn(self) -> tuple[list[Runner], Array | None]:
        """What is run, and the vector in which it leaves the gradient, to be given away; None if it is to be copied.

        Where a copy takes longer than the rest of a run costs beside the arithmetic, two vectors are used in turn.
        """
        if not self._gives_away:
            return self._runners, None
        for turn in self._turns:
            if turn.is_free():
                break
        else:
            if len(self._turns) == 2:
                return self._runners, None
            turn = Turn(self.steps, self.buffers)
            self._turns.append(turn)
        if len(self.schedule.untouched):
            turn.gradient[self.schedule.untouched] = 0.0
        return turn.runners, turn.gradient[:]

    def seconds(self, repeat: int) -> list[tuple[float, float]]:
        """How long each instruction takes, forward and backward: medians."""
        self.run(1.0, strict=False)
        found = []
        with np.errstate(all="ignore"):
            for k in range(1, len(self.plan.instructions) + 1):
                mine = [step for step in self.steps if step.equation == k]
                parts = ([step for step in mine if step.backward == backward] for backward in (False, True))
                forward, backward = (_seconds(runners(part, self.buffers), repeat) for part in parts)
                found.append((forward, backward))
        return found


def _seconds(running: Sequence[Runner], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for step in running:
            step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
