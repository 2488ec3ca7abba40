"""A record of how a training went, epoch by epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from autograd._files import atomic_write
from autograd.display import html_table
from nn.stepping import Batch

__all__ = ["Epoch", "History", "Sums"]


class Epoch(NamedTuple):
    """How one epoch went. Epoch 0 is the model before training. None: not measured.

    loss, accuracy: mean over the training examples, each at the moment its batch was used. learning_rate: of the last
    step. gradient_norm: mean over steps of the length of the gradient, before clipping. validation_loss,
    validation_accuracy: on the validation data, after the epoch. seconds: duration, validation included.
    """

    epoch: int
    loss: float | None
    accuracy: float | None
    learning_rate: float
    gradient_norm: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


class History(list[Epoch]):
    """One `Epoch` after the other; prints as a table.

    interrupted: whether Ctrl-C ended the training early. compiled: whether a program did the steps, at array speed;
    why_eager: if not, why model and loss were called on one example after the other. gradients: for each layer, by its
    name such as `layers.0`, or `Layer 2` where several Modules are held apart, how large its gradient was in each epoch
    of training: the mean of |∂L/∂w| over the parameters w of the layer and the steps of the epoch, before clipping.
    """

    interrupted: bool = False
    compiled: bool = False
    why_eager: str = ""
    gradients: Mapping[str, Sequence[float]] = MappingProxyType({})

    def _repr_html_(self) -> str:
        heading, *rows = self._cells()
        return html_table(heading, rows)

    def _cells(self) -> list[tuple[str, ...]]:
        headings = ("epoch", "loss", "accuracy", "rate", "|gradient|", "val. loss", "val. accuracy", "seconds")
        cells: list[tuple[str, ...]] = [headings]
        for row in self:
            texts = [
                str(row.epoch),
                _text(row.loss, ".4f"),
                _text(row.accuracy, ".1%"),
                _text(row.learning_rate, ".3g"),
            ]
            texts += [_text(row.gradient_norm, ".3g"), _text(row.validation_loss, ".4f")]
            cells.append((*texts, _text(row.validation_accuracy, ".1%"), _text(row.seconds, ".2f")))
        return cells

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in cells)

    def save(self, path: Any) -> None:
        """Write the table as CSV, one line per epoch; what was not measured is left empty."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(Epoch._fields)
        writer.writerows(self)
        with atomic_write(path) as file:
            file.write(text.getvalue().encode())


def _text(x: float | None, spec: str) -> str:
    return "–" if x is None else format(x, spec)


class Sums:
    """Running sums over the steps of one epoch."""

    def __init__(self) -> None:
        self.examples = self.correct = self.steps = 0
        self.loss = self.norm = 0.0
        self.sizes: Any = 0.0  # |g|, of every parameter
        self.counted = True

    def add(self, batch: Batch, norm: float, n: int) -> None:
        """One step on a batch of n examples with a gradient of length `norm`."""
        self.steps += 1
        self.norm += norm
        self.sizes = self.sizes + abs(batch.gradient)
        self.examples += n
        self.loss += batch.loss * n
        self.counted = self.counted and batch.correct is not None
        self.correct += batch.correct or 0

    def means(self) -> tuple[float, float | None, float]:
        return (
            self.loss / self.examples,
            self.correct / self.examples if self.counted else None,
            self.norm / self.steps,
        )
