"""What a training that fails goes back to."""

from __future__ import annotations

from typing import Any

import autograd
from nn.optimizers import Optimizer, length

__all__ = ["Retreat"]

MUCH = 1000.0  # times the first loss, at which a training has gone wrong


class Retreat:
    """Parameters and memory of the optimiser to go back to: of the last epoch with a good loss, and of the one before.

    A good loss is no more than so much. What a good epoch leaves is given up if the next one shows that its last steps
    went too far.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.good = self.before = self._now()
        self.first: float | None = None

    def _now(self) -> tuple[Any, int, dict[str, Any]]:
        optimizer = self.optimizer
        return autograd.read(optimizer.parameters, "data"), optimizer.steps, dict(optimizer.memory)

    def _is_good(self, loss: float) -> bool:
        return self.first is not None and loss <= MUCH * max(abs(self.first), 1e-9)

    def begin(self, loss: float) -> None:
        """The loss that an epoch begins with."""
        if self.first is None:
            self.first = loss
        if not self._is_good(loss):
            self.good = self.before

    def end(self, loss: float) -> None:
        """The mean loss of an epoch; the Values hold what it has left."""
        self.before = self.good
        if self._is_good(loss):
            self.good = self._now()

    def restore(self) -> None:
        """Go back."""
        if length(self.good[0]) > MUCH * max(length(self.before[0]), 1.0):
            self.good = self.before
        theta, self.optimizer.steps, self.optimizer.memory = self.good
        autograd.write(self.optimizer.parameters, "data", theta)
