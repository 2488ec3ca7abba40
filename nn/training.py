"""The training loop: shuffled mini-batches, an optimiser, a progress bar, and a record of how it went."""

from __future__ import annotations

import csv
import io
import math
import numbers
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import autograd
from autograd import DomainError, Value, no_grad
from autograd._files import atomic_write
from nn.losses import Loss
from nn.optimizers import Optimizer, clip_gradients, gradient_norm

__all__ = ["Epoch", "History", "TrainingError", "evaluate", "fit"]


class TrainingError(RuntimeError):
    """Training cannot go on; the model keeps its last good parameters. The message says where it stopped and what to
    try.
    """


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
    """One `Epoch` after the other; prints as a table. `interrupted` says that Ctrl-C ended the training early."""

    interrupted: bool = False

    def __str__(self) -> str:
        headings = ("epoch", "loss", "accuracy", "rate", "|gradient|", "val. loss", "val. accuracy", "seconds")
        cells = [headings]
        for row in self:
            texts = [
                str(row.epoch),
                _text(row.loss, ".4f"),
                _text(row.accuracy, ".1%"),
                _text(row.learning_rate, ".3g"),
            ]
            texts += [_text(row.gradient_norm, ".3g"), _text(row.validation_loss, ".4f")]
            cells.append((*texts, _text(row.validation_accuracy, ".1%"), _text(row.seconds, ".2f")))  # type: ignore[arg-type]
        widths = [max(len(line[i]) for line in cells) for i in range(len(headings))]
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


def fit(
    model: Callable[[Any], Any],
    loss: Loss | Callable[[Any, Any], Any],
    inputs: Any,
    targets: Any,
    *,
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int = 32,
    validation: tuple[Any, Any] | None = None,
    clip_norm: float | None = None,
    seed: int = 0,
    callbacks: Sequence[Callable[[Epoch, Any], Any]] = (),
    progress: bool | None = None,
) -> History:
    """Train `model` by gradient descent on the mean loss of shuffled mini-batches.

    model: called with one input, returns what `loss` takes. loss: of one output and one target; one of ours, or any
        function that returns a Value (accuracy is then not counted). inputs: n examples, each a list of numbers, or an
        array of shape (n, width). targets: n of them. optimizer: holds the parameters, see `nn.optimizers`.
    epochs: how often every example is used. batch_size: examples per step. validation: inputs and targets to measure
        on before training and after every epoch. clip_norm: the longest gradient allowed, see `clip_gradients`.
    seed: of the shuffling. callbacks: each is called after every epoch as callback(epoch, model), and ends the training
        by returning True. progress: show a bar; None shows it when there is a terminal to show it on.

    Returns the History. Ctrl-C stops after the last whole step and returns what was learned so far. Raises ValueError
    for data that does not fit, before anything changes, and TrainingError when the loss or a gradient is no longer a
    number.
    """
    xs, ts = _examples("fit", inputs, targets, model)
    checked = None
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise ValueError("fit: validation must be a pair of inputs and targets: (data.inputs, data.targets)")
        checked = _examples("fit: validation", *validation, model)
    if not isinstance(callbacks, Sequence) or not all(callable(callback) for callback in callbacks):
        raise TypeError(f"fit: callbacks must be a list of functions, as in callbacks=[callback]; got {callbacks!r}")
    for name, n, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1)):
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < least:
            raise ValueError(f"fit: {name} must be a whole number of at least {least}, got {n!r}")
    decide = getattr(loss, "decide", None)
    batches = math.ceil(len(xs) / batch_size)
    rng = random.Random(seed)
    order = list(range(len(xs)))
    history = History()

    def measured(epoch: int, started: float, sums: _Sums | None) -> Epoch:
        held_loss, held_accuracy = None, None
        if checked:
            try:
                held_loss, held_accuracy = evaluate(model, loss, *checked)
            except DomainError as error:
                raise TrainingError(
                    f"fit: the model has no value on the validation data, {_when(epoch)}. {error}"
                ) from error
            if not math.isfinite(held_loss):
                raise TrainingError(
                    f"fit: the validation loss became {held_loss}, {_when(epoch)}; lower the learning rate"
                )
        rate = optimizer.schedule(max(optimizer.steps - 1, 0))
        training_loss, training_accuracy, norm = sums.means() if sums else (None, None, None)
        seconds = time.perf_counter() - started
        return Epoch(epoch, training_loss, training_accuracy, rate, norm, held_loss, held_accuracy, seconds)

    with _bar(progress, epochs, batches) as show:
        try:
            history.append(measured(0, time.perf_counter(), None))
            for epoch in range(1, epochs + 1):
                started = time.perf_counter()
                rng.shuffle(order)
                sums = _Sums()
                for batch in range(batches):
                    chosen = order[batch * batch_size : (batch + 1) * batch_size]
                    where = f"in epoch {epoch}, batch {batch + 1} of {batches}, after {optimizer.steps} steps"
                    _step(model, loss, [(xs[i], ts[i]) for i in chosen], optimizer, clip_norm, decide, sums, where)
                    show(epoch, batch + 1, sums, history)
                history.append(measured(epoch, started, sums))
                show(epoch, batches, sums, history)
                # A list, not a generator: every callback is to be called.
                if any([callback(history[-1], model) is True for callback in callbacks]):  # noqa: C419
                    break
        except KeyboardInterrupt:
            history.interrupted = True
    return history


def evaluate(model: Callable[[Any], Any], loss: Any, inputs: Any, targets: Any) -> tuple[float, float | None]:
    """Mean loss and accuracy (None if `loss` does not decide for a class) on n examples, without recording."""
    xs, ts = _examples("evaluate", inputs, targets, model)
    total, correct, decide = 0.0, 0, getattr(loss, "decide", None)
    counted = decide is not None
    with no_grad():
        for x, target in zip(xs, ts, strict=True):
            output = model(x)
            total += _float(loss(output, target))
            hit = _correct(decide, output, target)
            counted = counted and hit is not None
            correct += bool(hit)
    return total / len(ts), correct / len(ts) if counted else None


MAX = sys.float_info.max


def _when(epoch: int) -> str:
    """When it happened, for an error."""
    return f"after epoch {epoch}" if epoch else "before training"


class _Sums:
    """Running sums over the steps of one epoch."""

    def __init__(self) -> None:
        self.examples = self.correct = self.steps = 0
        self.loss = self.norm = 0.0
        self.counted = True

    def means(self) -> tuple[float, float | None, float]:
        return (
            self.loss / self.examples,
            self.correct / self.examples if self.counted else None,
            self.norm / self.steps,
        )


def _step(
    model: Any, loss: Any, examples: list[tuple[Any, Any]], optimizer: Optimizer, clip_norm: float | None,
    decide: Any, sums: _Sums, where: str,
) -> None:  # fmt: skip
    """One step of the optimiser on one batch. The parameters change as the last thing, all or none."""
    remedy = f"the learning rate is {optimizer.learning_rate:g}: try a tenth of it, or clip_norm=1.0"
    before = autograd.read(optimizer.parameters, "data")
    try:
        outputs = [model(x) for x, _ in examples]
        losses = [loss(output, target) for output, (_, target) in zip(outputs, examples, strict=True)]
        for one in losses:
            if not isinstance(one, Value):
                raise TypeError(f"fit: the loss must return a Value computed from the model's output, got {one!r}")
        total: Value = autograd.mean(losses)
        if not math.isfinite(total.data):
            raise TrainingError(f"fit: the loss became {total.data} {where}; {remedy}")
        optimizer.zero_grad()
        total.backward()
        if not any(parameter.has_grad for parameter in optimizer.parameters):
            raise ValueError(
                "fit: the loss does not depend on the optimizer's parameters: are they those of this model, "
                "is recording off (no_grad), or does the loss use .data?"
            )
        norm = gradient_norm(optimizer.parameters)
        if not math.isfinite(norm):
            raise TrainingError(f"fit: the gradient became {norm} {where}; {remedy}")
        if clip_norm is not None:
            clip_gradients(optimizer.parameters, clip_norm)
        optimizer.step()
    except (DomainError, FloatingPointError) as error:
        raise TrainingError(f"fit: the model has no value {where}; {remedy}. {error}") from error
    except BaseException:
        autograd.write(optimizer.parameters, "data", before)
        raise
    sums.steps += 1
    sums.norm += norm
    sums.loss += total.data * len(examples)
    for output, (_, target) in zip(outputs, examples, strict=True):
        hit = _correct(decide, output, target)
        sums.counted = sums.counted and hit is not None
        sums.correct += bool(hit)
        sums.examples += 1


def _correct(decide: Any, output: Any, target: Any) -> bool | None:
    """Whether the class decided for is the target; None where there are no classes."""
    decided = decide(output) if decide else None
    if decided is None:
        return None
    if _length(target) > 1:  # one-hot, or else no class
        return bool(decided == decide(target)) if sorted(target)[-2:] == [0, 1] and sum(target) == 1 else None
    return bool(decided == target)


def _float(x: Any) -> float:
    return float(x.data if isinstance(x, Value) else x)


def _length(x: Any) -> int:
    return len(x) if hasattr(x, "__len__") else 1


def _examples(name: str, inputs: Any, targets: Any, model: Any) -> tuple[list[Any], list[Any]]:
    """Inputs and targets as plain lists, checked."""
    for what, given in (("inputs", inputs), ("targets", targets)):
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise ValueError(f"{name}: {what} must be a list or an array with one entry per example, got {given!r}")
    xs = inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
    ts = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if not xs:
        raise ValueError(f"{name}: there are no examples")
    if len(xs) != len(ts):
        raise ValueError(f"{name}: {len(xs)} inputs, but {len(ts)} targets; there must be one target per input")
    width = getattr(model, "n_in", None) or _length(xs[0])
    for i, (x, t) in enumerate(zip(xs, ts, strict=True)):
        if _length(x) != width or not hasattr(x, "__len__"):
            shape = f"{len(x)} numbers" if hasattr(x, "__len__") else f"{x!r}, which is not a list"
            raise ValueError(f"{name}: each input must be a list of {width} numbers, but input {i} is {shape}")
        for what, part in (("input", x), ("target", t)):
            for number in part if hasattr(part, "__len__") and not isinstance(part, str) else [part]:
                if isinstance(number, Value):
                    continue
                if what == "input" and not isinstance(number, numbers.Real):
                    raise ValueError(f"{name}: input {i} holds {number!r}, which is not a number")
                if isinstance(number, numbers.Real) and not _is_finite(number):
                    raise ValueError(
                        f"{name}: {what} {i} holds {number}; remove the example, or fill the gap before training"
                    )
    return xs, ts


def _is_finite(x: numbers.Real) -> bool:
    try:
        return math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False


@contextmanager
def _bar(progress: bool | None, epochs: int, batches: int) -> Iterator[Callable[[int, int, _Sums, History], None]]:
    """A function that shows how far the training is and how well it goes."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield lambda epoch, batch, sums, history: None
        return
    try:
        from tqdm import tqdm
    except ImportError:

        def line(epoch: int, batch: int, sums: _Sums, history: History) -> None:
            if history[-1].epoch == epoch:
                print(f"epoch {epoch}/{epochs}: {_summary(sums, history)}", file=sys.stderr)

        yield line
        return
    with tqdm(total=epochs * batches, unit="step", file=sys.stderr, mininterval=0.3, leave=True) as bar:

        def update(epoch: int, batch: int, sums: _Sums, history: History) -> None:
            bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            bar.set_postfix_str(_summary(sums, history), refresh=False)
            bar.update((epoch - 1) * batches + batch - bar.n)

        yield update


def _summary(sums: _Sums, history: History) -> str:
    loss, accuracy, _ = sums.means()
    parts = [f"loss {loss:.4f}"]
    if accuracy is not None:
        parts.append(f"accuracy {accuracy:.1%}")
    if history and history[-1].validation_accuracy is not None:
        parts.append(f"validation {history[-1].validation_accuracy:.1%}")
    return ", ".join(parts)
