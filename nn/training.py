"""The training loop: shuffled mini-batches, an optimiser, and a record of how it went."""

from __future__ import annotations

import math
import numbers
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TypeVar

import autograd
from autograd import DomainError
from autograd.elsewhere import LOSSES, advised
from nn.examples import examples_of, held_out
from nn.history import Epoch, History, Sums
from nn.layer_gradients import LayerGradients
from nn.losses import Loss
from nn.optimizers import OPTIMIZERS, SGD, Optimizer, clipped, length
from nn.progress import Progress, progress_of
from nn.retreat import Retreat
from nn.stepping import Batch, Compiled, Eager, Task, evaluated, few_threads, start
from nn.watching import Watch

__all__ = ["Epoch", "History", "Settings", "Training", "TrainingError", "evaluate", "fit"]

T = TypeVar("T")


class TrainingError(RuntimeError):
    """Training cannot go on; the message says where it stopped and what to try.

    The model has the parameters, and the optimiser the memory, of the last epoch after which the loss was still no more
    than a thousand times what it was at first; those from before the training, if there is none. history: the epochs
    until then.
    """

    history: History

    def __init__(self, message: str, history: History | None = None) -> None:
        super().__init__(message)
        self.history = History() if history is None else history


@advised
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
    compiled: bool = True,
    watch: bool = False,
) -> History:
    """Train `model` by gradient descent on the mean loss of shuffled mini-batches.

    model: called with one input, returns what `loss` takes. loss: of one output and one target; one of ours, or any
        function that returns a Value (accuracy is then not counted). inputs: n examples, each a list of numbers, or an
        array of shape (n, width). targets: n of them. optimizer: holds the parameters, see `nn.optimizers`.
    epochs: how often every example is used. batch_size: examples per step. validation: inputs and targets to measure
        on before training and after every epoch. clip_norm: the longest gradient allowed, see `clip_gradients`.
    seed: of the shuffling. callbacks: each is called after every epoch as callback(epoch, model), and ends the training
        by returning True. progress: show a bar; None shows it in a terminal and in a notebook.
    compiled: trace model and loss into a program, see `autograd.trace`, which computes whole batches at array speed.
        They are then called a few times only, and the Values hold the parameters at the end of every epoch only. What
        cannot be traced is computed one scalar at a time, as everything is with False, and the History says why.
    watch: look for what keeps it from learning, as `diagnose` does, on a few examples: early in the first epoch, and
        when the loss is no number any more or has not fallen for five epochs. Each finding is a `TrainingWarning`,
        once. What is learned is the same.

    Returns the History. Ctrl-C stops after the last whole step and returns what was learned so far. Raises ValueError
    for data that does not fit, before anything changes, and TrainingError, which carries the History, when the loss or
    a gradient is no longer a number.
    """
    _check_parts(model, loss, optimizer)
    examples, held = examples_of("fit", inputs, targets, model), held_out("fit", validation, model)
    settings = Settings(epochs, clip_norm, seed, callbacks, compiled, watch)
    _check_settings(settings, batch_size)
    task = Task(model, loss, optimizer, examples, held, int(batch_size))
    with progress_of(progress, epochs, task.batches) as shown:
        return Training(task, settings, shown).run()


class Settings(NamedTuple):
    """How long and in which way a task is trained; the words are those of `fit`."""

    epochs: int
    clip_norm: float | None = None
    seed: int = 0
    callbacks: Sequence[Callable[[Epoch, Any], Any]] = ()
    compiled: bool = True
    watch: bool = False


class Training:
    """A training under way: its steps, by a program or one scalar at a time, its history, and what to go back to.

    `run` is all of it: `begin`, then for every epoch its steps, `end_epoch` and `measure`.
    """

    def __init__(self, task: Task, settings: Settings, progress: Progress) -> None:
        self.task, self.settings, self._progress = task, settings, progress
        self.history = History()
        self.steps: Compiled | Eager = Eager(task)
        self._rng, self._order = random.Random(settings.seed), list(range(len(task.examples.targets)))
        self._retreat = Retreat(task.optimizer)
        self._layers = LayerGradients(task)
        self.history.gradients = self._layers.gradients
        self._watch = Watch(task, task.batches, settings.epochs * task.batches) if settings.watch else None

    def run(self) -> History:
        """Train, and return how it went."""
        with ExitStack() as threads, self._ending():
            began = time.perf_counter()
            self.begin()
            threads.enter_context(few_threads(self.steps))
            self.history.append(self.measure(0, began, None))
            for epoch in range(1, self.settings.epochs + 1):
                self._epoch(epoch)
                # A list, not a generator: every callback is to be called.
                if any([call(self.history[-1], self.task.model) is True for call in self.settings.callbacks]):  # noqa: C419
                    break
                if self.settings.callbacks:
                    self.steps.load()
        return self.history

    def begin(self) -> None:
        """Choose how to step."""
        self._use(*start(self.task, self.settings.compiled))
        if self.settings.compiled and self.history.why_eager:
            self._progress.say(f"one scalar at a time: {self.history.why_eager}")

    def _use(self, steps: Compiled | Eager, why: str) -> None:
        self.steps, self.history.compiled, self.history.why_eager = steps, steps.compiled, why

    def attempt(self, action: Callable[[Compiled | Eager], T]) -> T:
        """`action` with the steps, one scalar at a time if it turns out that a program cannot do it."""
        try:
            return action(self.steps)
        except autograd.TraceError as error:
            if not self.steps.compiled:
                raise
            self.steps.store()
            self._use(Eager(self.task), str(error))
            self._progress.say(f"one scalar at a time: {error}")
            return action(self.steps)

    def _epoch(self, epoch: int) -> None:
        """Every example once, in an order of its own."""
        started, sums = time.perf_counter(), Sums()
        self._rng.shuffle(self._order)
        size, batches = self.task.batch_size, self.task.batches
        for batch in range(batches):
            where = f"in epoch {epoch}, batch {batch + 1} of {batches}, after {self.task.optimizer.steps} steps"
            self.step(self._order[batch * size : (batch + 1) * size], sums, where)
            self._progress.show(epoch, batch + 1, sums, self.history)
        self.end_epoch(sums)
        self.history.append(self.measure(epoch, started, sums))
        self._layers.note(sums)
        self._progress.show(epoch, batches, sums, self.history)

    def step(self, chosen: list[int], sums: Sums, where: str) -> None:
        """One step on the chosen examples. where: when it is, for errors."""
        watch = self._watch
        theta = watch.before(self.steps) if watch else None
        try:
            batch = self.attempt(lambda steps: self._descend(steps, chosen, sums, where))
        except TrainingError:
            if watch:
                watch.look(self.steps, chosen)
            raise
        if sums.steps == 1:
            self._retreat.begin(batch.loss)
        if watch:
            watch.after(self.steps, chosen, theta, batch)

    def _descend(self, steps: Compiled | Eager, chosen: list[int], sums: Sums, where: str) -> Batch:
        """Loss and gradient of the chosen examples, and a step along it. The parameters change as the last thing, all
        or none.
        """
        clip_norm = self.settings.clip_norm
        try:
            batch = steps.batch(chosen)
            if not math.isfinite(batch.loss):
                raise TrainingError(f"fit: the loss became {batch.loss} {where}; {self._remedy()}")
            norm = length(batch.gradient)
            if not math.isfinite(norm):
                raise TrainingError(f"fit: the gradient became {norm} {where}; {self._remedy()}")
            steps.step(batch.gradient if clip_norm is None else clipped(batch.gradient, norm, clip_norm))
        except (DomainError, FloatingPointError) as error:
            raise TrainingError(f"fit: the model has no value {where}; {self._remedy()}. {error}") from error
        sums.add(batch, norm, len(chosen))
        return batch

    def _remedy(self) -> str:
        """What to try when a step cannot be taken."""
        if self._retreat.first is None:
            return (
                "no step was taken yet, so the learning rate is not to blame: are inputs, targets or the parameters "
                "that the model starts with far from 1? Scale the inputs to about -1 to 1, or make the model anew"
            )
        return f"the learning rate is {self.task.optimizer.learning_rate:g}: try a tenth of it, or clip_norm=1.0"

    def end_epoch(self, sums: Sums) -> None:
        """See to it that the Values hold what the epoch has left."""
        loss = sums.loss / sums.examples
        self.steps.store()
        self._retreat.end(loss)
        if self._watch:
            self._watch.end_epoch(self.steps, loss)

    def measure(self, epoch: int, started: float, sums: Sums | None) -> Epoch:
        """How an epoch went, with the validation data looked at now."""
        held_loss, held_accuracy = self._on_held(f"after epoch {epoch}" if epoch else "before training")
        optimizer = self.task.optimizer
        rate = optimizer.schedule(max(optimizer.steps - 1, 0))
        training_loss, training_accuracy, norm = sums.means() if sums else (None, None, None)
        seconds = time.perf_counter() - started
        return Epoch(epoch, training_loss, training_accuracy, rate, norm, held_loss, held_accuracy, seconds)

    def _on_held(self, when: str) -> tuple[float | None, float | None]:
        """Mean loss and accuracy on the validation data, None without any. when: for errors."""
        if not self.task.held:
            return None, None
        try:
            loss, accuracy = self.attempt(lambda steps: steps.evaluate())
        except DomainError as error:
            raise TrainingError(f"fit: the model has no value on the validation data, {when}. {error}") from error
        if not math.isfinite(loss):
            raise TrainingError(f"fit: the validation loss became {loss}, {when}; lower the learning rate")
        return loss, accuracy

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """However it ends, the Values hold what was learned; what was good, if it failed."""
        try:
            yield
        except KeyboardInterrupt:
            self.history.interrupted = True
        except TrainingError as error:
            self._retreat.restore()
            error.history = self.history
            raise
        except BaseException:
            self.steps.store()
            raise
        self.steps.store()


def _check_settings(settings: Settings, batch_size: Any) -> None:
    callbacks = settings.callbacks
    if not isinstance(callbacks, Sequence) or not all(callable(callback) for callback in callbacks):
        raise TypeError(f"fit: callbacks must be a list of functions, as in callbacks=[callback]; got {callbacks!r}")
    for name, n, least in (("epochs", settings.epochs, 0), ("batch_size", batch_size, 1)):
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < least:
            raise ValueError(f"fit: {name} must be a whole number of at least {least}, got {n!r}")


def _check_parts(model: Any, loss: Any, optimizer: Any) -> None:
    if not callable(model):
        raise TypeError(
            f"fit: the model must be a function of one example, such as nn.MLP(2, [8, 1]), got {model!r:.200}"
        )
    if not callable(loss):
        known = LOSSES.get(loss.lower()) if isinstance(loss, str) else None
        way_out = f"write {known}" if known else "choose nn.cross_entropy, nn.mean_squared_error or another of nn"
        raise TypeError(f"fit: the loss must be a function of output and target, got {loss!r:.200}; {way_out}")
    if not isinstance(optimizer, Optimizer):
        name = OPTIMIZERS.get(optimizer.lower(), SGD).__name__ if isinstance(optimizer, str) else "SGD"
        raise TypeError(
            f"fit: the optimizer must be one of nn's with the model's parameters, as in "
            f"optimizer=nn.{name}(model.parameters(), 0.01), got {optimizer!r:.200}"
        )


def evaluate(model: Callable[[Any], Any], loss: Any, inputs: Any, targets: Any) -> tuple[float, float | None]:
    """Mean loss and accuracy (None if `loss` does not decide for a class) on n examples, without recording."""
    return evaluated(model, loss, examples_of("evaluate", inputs, targets, model))
