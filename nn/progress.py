"""How far a training is, shown while it runs: a bar in a terminal and in a notebook, lines without tqdm."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from nn.history import History, Sums

__all__ = ["Progress", "progress_of"]


def _in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


class Progress(Protocol):
    """What shows how a training goes."""

    def show(self, epoch: int, batch: int, sums: Sums, history: History) -> None:
        """So many batches of an epoch are done, with such sums; an epoch that has ended is in the history."""

    def say(self, text: str) -> None:
        """Something the user should know."""


class Silence:
    """Shows nothing."""

    def show(self, epoch: int, batch: int, sums: Sums, history: History) -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Lines:
    """A line for every epoch. epochs: how many there are to be."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def show(self, epoch: int, batch: int, sums: Sums, history: History) -> None:
        if history[-1].epoch == epoch:
            print(f"epoch {epoch}/{self._epochs}: {_summary(sums, history)}", file=sys.stderr)

    def say(self, text: str) -> None:
        print(text, file=sys.stderr)


class Bar:
    """A bar of tqdm's. epochs, batches: how many there are, and in each of them."""

    def __init__(self, bar: Any, epochs: int, batches: int) -> None:
        self._bar, self._epochs, self._batches = bar, epochs, batches

    def show(self, epoch: int, batch: int, sums: Sums, history: History) -> None:
        self._bar.set_description(f"epoch {epoch}/{self._epochs}", refresh=False)
        self._bar.set_postfix_str(_summary(sums, history), refresh=False)
        self._bar.update((epoch - 1) * self._batches + batch - self._bar.n)

    def say(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)


@contextmanager
def progress_of(wanted: bool | None, epochs: int, batches: int) -> Iterator[Progress]:
    """What shows how a training of so many epochs goes. wanted: None shows it in a terminal and in a notebook."""
    if wanted is None:
        wanted = sys.stderr.isatty() or _in_notebook()
    if not wanted:
        yield Silence()
        return
    try:
        import tqdm as _  # noqa: F401

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the bar in a notebook will be one of text
            from tqdm.auto import tqdm
    except ImportError:
        yield Lines(epochs)
        return
    with tqdm(total=epochs * batches, unit="step", file=sys.stderr, mininterval=0.3, leave=True) as bar:
        yield Bar(bar, epochs, batches)


def _summary(sums: Sums, history: History) -> str:
    loss, accuracy, _ = sums.means()
    parts = [f"loss {loss:.4f}"]
    if accuracy is not None:
        parts.append(f"accuracy {accuracy:.1%}")
    if history and history[-1].validation_accuracy is not None:
        parts.append(f"validation {history[-1].validation_accuracy:.1%}")
    return ", ".join(parts)
