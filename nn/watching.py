"""Watching a training: its graph is looked at early in the first epoch, and again when the loss fails or stays."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

import autograd
from autograd import Value, topological
from autograd.debugging import OURS
from autograd.modes import recording
from nn.causes import examine
from nn.diagnosis import named
from nn.evidence import gather
from nn.findings import Finding
from nn.module import Module
from nn.pace import SLOW, finite_or_infinite, risen, step_size
from nn.stepping import Batch, Compiled, Eager, Task, random_numbers_kept

__all__ = ["TrainingWarning", "Watch"]

EXAMPLES, MORE = 8, 32  # whose graph is looked at, and if there is something to say
LARGE = 50_000  # operations in a graph, beyond which fewer examples have to do
MEASURED = 5  # steps, whose effect on the loss is measured
EARLY = 50  # steps, after which the first look is taken, if the first epoch is not shorter
PATIENCE = 5  # epochs without a fall of the loss, after which there is another look
FALL = 1e-3  # of the loss, that counts as one
RISE = 2.0  # times the first loss, that an epoch has no business to reach


class TrainingWarning(UserWarning):
    """Something keeps a training from learning. finding: what."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding

    def __str__(self) -> str:
        return f"{self.finding.problem}\n{self.finding.remedy}"


class Step(NamedTuple):
    """A step that was measured: on which examples, from where to where, the loss before and after it, and by how much
    it would have changed if its slope had stayed the same.
    """

    chosen: Sequence[int]
    start: Any
    end: Any
    before: float
    after: float
    predicted: float


class Watch:
    """Looks at a training and warns, once for each finding. batches: of an epoch. steps: of the whole training."""

    def __init__(self, task: Task, batches: int, steps: int) -> None:
        self.task = task
        self._done, self._look = 0, min(batches, EARLY)  # after which step to look
        self._last = steps
        self._slow = min(10.0 * SLOW, 0.1 / max(steps, 1))  # all steps together would gain a tenth
        self._start: Any = None
        self._first, self._losses = 0.0, list[float]()  # the first batch, and all epochs
        self._measured: list[Step] = []
        self._told: set[str] = set()
        self._looked = self._stayed = False

    def before(self, steps: Compiled | Eager) -> Any:
        """The parameters before a step, if it is to be measured; else None."""
        if not self._done:
            self._start = steps.theta
        return steps.theta if self._look - MEASURED <= self._done < self._look else None

    def after(self, steps: Compiled | Eager, chosen: Sequence[int], start: Any, batch: Batch) -> None:
        """A step was taken, from `start`, with what was found on the batch of the chosen examples."""
        self._done += 1
        if self._done == 1:
            self._first = batch.loss
        if start is not None:
            end = steps.theta
            with _randomness_kept(steps) as drawn, suppress(autograd.TraceError):
                after = finite_or_infinite(lambda: steps.loss(chosen))
                if not drawn():  # else the loss is another one each time
                    predicted = float(batch.gradient @ (end - start))
                    self._measured.append(Step(chosen, start, end, batch.loss, after, predicted))
        if self._done == self._look:
            self.look(steps)

    def end_epoch(self, steps: Compiled | Eager, loss: float) -> None:
        """Warn if the loss, the mean of the epoch, has risen far; have another look if it has not fallen for some."""
        if loss > RISE * self._first:
            self._warn(self._against_start(steps))
        self._losses.append(loss)
        best = min(self._losses[:-PATIENCE], default=math.inf)
        if not self._stayed and min(self._losses[-PATIENCE:]) > best - FALL * abs(best):
            self._look = min(self._done + MEASURED, self._last)
            self._stayed = True  # once is enough

    def look(self, steps: Compiled | Eager, chosen: Sequence[int] | None = None) -> None:
        """Look at the graph of the chosen examples, or of some from everywhere, and at the steps measured; warn."""
        steps.store()
        found = [*self._in_steps(steps), *(self._in_graph(chosen) if chosen else self._everywhere())]
        self._measured, self._looked = [], True
        self._warn(found)

    def _warn(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if finding.severity != "hint" and finding.name not in self._told:
                self._told.add(finding.name)
                warnings.warn(TrainingWarning(finding), stacklevel=_users_level())

    def _against_start(self, steps: Compiled | Eager) -> list[Finding]:
        """Whether training has raised the loss of some examples far."""
        some = self._some(MORE)
        with _randomness_kept(steps), suppress(autograd.TraceError):
            now = finite_or_infinite(lambda: steps.loss(some))
            first = self._at(steps, self._start, some)
            if now > RISE * first > 0.0:
                return [risen(first, now, len(some), self._rate())]
        return []

    def _some(self, most: int) -> Sequence[int]:
        """The places of some examples, from everywhere."""
        n = len(self.task.examples.targets)
        return [i * n // most for i in range(most)] if n > most else range(n)

    def _at(self, steps: Compiled | Eager, theta: Any, chosen: Sequence[int]) -> float:
        """The loss of some examples with other parameters."""
        now = steps.theta
        try:
            steps.theta = theta
            return finite_or_infinite(lambda: steps.loss(chosen))
        finally:
            steps.theta = now

    def _everywhere(self) -> list[Finding]:
        """What is found in the graph of a few examples, if it is found with more of them, too."""
        found: list[Finding] = []
        for most in (EXAMPLES, MORE):
            found = self._in_graph(self._some(most))
            if all(finding.severity == "hint" for finding in found):
                return []
        return found

    def _in_graph(self, chosen: Sequence[int]) -> list[Finding]:
        with random_numbers_kept(), recording():
            try:
                loss = self._graph(chosen)
            except Exception:  # of the model's or the loss's own: the training will meet it, and can say when
                return []
            return list(examine(gather(loss, self._names()), held=False))

    def _names(self) -> dict[Value, str]:
        parameters, model = self.task.optimizer.parameters, self.task.model
        own = named(model) if isinstance(model, Module) else {}
        return {p: own[p] for p in parameters} if own.keys() >= set(parameters) else named(parameters)

    def _graph(self, chosen: Sequence[int]) -> Value:
        """The mean loss of the chosen examples, of fewer if it is large."""
        task = self.task

        def one(i: int) -> Value:
            return task.loss_of(task.model(task.examples.input(i)), task.examples.targets[i])

        first = one(chosen[0])
        few = max(LARGE // sum(not value.is_leaf for value in topological(first)), 1)
        mean: Value = autograd.mean([first, *map(one, chosen[1:few])])
        return mean

    def _in_steps(self, steps: Compiled | Eager) -> Iterable[Finding]:
        """Whether the steps were too large, taken together, or too small, all of them."""
        measured = [step for step in self._measured if step.predicted < 0.0]
        rises = [step for step in measured if step.after > step.before]
        falls = [step for step in measured if step.before - step.after >= self._slow * abs(step.before)]
        if sum(step.after - step.before for step in measured) > 0.0:
            return self._judged(steps, rises[-1])
        # A rate that is to rise yet, or that has fallen as it was to, is not too small.
        small = measured and not rises and not falls and not self._looked and self._is_highest()
        return self._judged(steps, measured[-1]) if small else []

    def _rate(self) -> float:
        """The learning rate of the last step."""
        optimizer = self.task.optimizer
        return optimizer.schedule(max(optimizer.steps - 1, 0))

    def _is_highest(self) -> bool:
        """Whether the learning rate will not become much larger."""
        schedule, now = self.task.optimizer.schedule, self.task.optimizer.steps
        later = range(now, now + self._last, max(self._last // 100, 1))
        return all(schedule(step) <= 2.0 * schedule(now - 1) for step in later)

    def _judged(self, steps: Compiled | Eager, step: Step) -> list[Finding]:
        def along(scale: float) -> float:
            return self._at(steps, step.start + scale * (step.end - step.start), step.chosen)

        with suppress(autograd.TraceError):
            return list(step_size(step.before, step.predicted, along, self._rate(), self._slow))
        return []


def _randomness_kept(steps: Compiled | Eager) -> AbstractContextManager[Any]:
    """`random_numbers_kept`; a program draws none."""
    return nullcontext(lambda: False) if steps.compiled else random_numbers_kept()


def _users_level() -> int:
    """How many frames above the caller the user's own code stands."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OURS):
        level, frame = level + 1, frame.f_back
    return level
