"""The training loop: shuffled mini-batches, an optimiser, a progress bar, and a record of how it went."""

from __future__ import annotations

import csv
import io
import math
import numbers
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import autograd
from autograd import DomainError, Value
from autograd._files import atomic_write
from autograd.display import html_table
from autograd.elsewhere import LOSSES, advised
from nn.losses import Loss
from nn.module import Module, holders_of
from nn.optimizers import OPTIMIZERS, SGD, Optimizer, clipped, length
from nn.stepping import Batch, Compiled, Eager, Examples, Task, evaluated, few_threads, start
from nn.watching import Watch

__all__ = ["Epoch", "History", "TrainingError", "evaluate", "fit"]

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
    examples, held = examples_of("fit", inputs, targets, model), None
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise ValueError("fit: validation must be a pair of inputs and targets: (data.inputs, data.targets)")
        held = examples_of("fit: validation", *validation, model)
    if not isinstance(callbacks, Sequence) or not all(callable(callback) for callback in callbacks):
        raise TypeError(f"fit: callbacks must be a list of functions, as in callbacks=[callback]; got {callbacks!r}")
    for name, n, least in (("epochs", epochs, 0), ("batch_size", batch_size, 1)):
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < least:
            raise ValueError(f"fit: {name} must be a whole number of at least {least}, got {n!r}")
    task = Task(model, loss, optimizer, examples, held, int(batch_size))
    batches = math.ceil(len(examples.targets) / batch_size)
    rng = random.Random(seed)
    order = list(range(len(examples.targets)))
    with _bar(progress, epochs, batches) as (show, say), ExitStack() as threads:
        training = _Training(task, say, Watch(task, batches, epochs * batches) if watch else None)
        history = training.history
        with training.ending():
            began = time.perf_counter()
            training.begin(compiled)
            threads.enter_context(few_threads(training.steps))
            history.append(training.measured(0, began, None))
            for epoch in range(1, epochs + 1):
                started = time.perf_counter()
                rng.shuffle(order)
                sums = _Sums()
                for batch in range(batches):
                    chosen = order[batch * batch_size : (batch + 1) * batch_size]
                    where = f"in epoch {epoch}, batch {batch + 1} of {batches}, after {optimizer.steps} steps"
                    training.step(chosen, clip_norm, sums, where)
                    show(epoch, batch + 1, sums, history)
                training.end_epoch(sums)
                training.end_with(training.measured(epoch, started, sums), sums)
                show(epoch, batches, sums, history)
                # A list, not a generator: every callback is to be called.
                if any([callback(history[-1], model) is True for callback in callbacks]):  # noqa: C419
                    break
                if callbacks:
                    training.steps.load()
    return history


class _Training:
    """What is under way: the steps, by a program or one scalar at a time, their history, and what to go back to.

    say: called with what the user should know. watch: what looks on, if anything does.
    """

    def __init__(self, task: Task, say: Callable[[str], None], watch: Watch | None) -> None:
        self.task, self._say, self._watch = task, say, watch
        self.history = History()
        self.steps: Compiled | Eager = Eager(task)
        self._kept = _Kept(task.optimizer)
        self._layers = _Layers(task)
        self.history.gradients = self._layers.gradients

    def begin(self, compiled: bool) -> None:
        """Choose how to step."""
        found, why = start(self.task, compiled)
        self._use(found, why)
        if compiled and why:
            self._say(f"one scalar at a time: {why}")

    def _use(self, steps: Compiled | Eager, why: str) -> None:
        self.steps, self.history.compiled, self.history.why_eager = steps, steps.compiled, why

    def _attempt(self, action: Callable[[Compiled | Eager], T]) -> T:
        """`action` with the steps, one scalar at a time if it turns out that a program cannot do it."""
        try:
            return action(self.steps)
        except autograd.TraceError as error:
            if not self.steps.compiled:
                raise
            self.steps.store()
            self._use(Eager(self.task), str(error))
            self._say(f"one scalar at a time: {error}")
            return action(self.steps)

    def step(self, chosen: list[int], clip_norm: float | None, sums: _Sums, where: str) -> None:
        """One step on the chosen examples. where: when it is, for errors."""
        is_first, watch = self._kept.first is None, self._watch
        start = watch.before(self.steps) if watch else None
        try:
            batch = self._attempt(lambda steps: _step(steps, chosen, clip_norm, sums, where, is_first))
        except TrainingError:
            if watch:
                watch.look(self.steps, chosen)
            raise
        if sums.steps == 1:
            self._kept.begin(batch.loss)
        if watch:
            watch.after(self.steps, chosen, start, batch)

    def end_epoch(self, sums: _Sums) -> None:
        """See to it that the Values hold what the epoch has left."""
        self.steps.store()
        self._kept.end(sums.loss / sums.examples)
        if self._watch:
            self._watch.end_epoch(self.steps, sums.loss / sums.examples)

    def measured(self, epoch: int, started: float, sums: _Sums | None) -> Epoch:
        """How an epoch went, with the validation data looked at now."""
        held_loss, held_accuracy = None, None
        if self.task.held:
            try:
                held_loss, held_accuracy = self._attempt(lambda steps: steps.evaluate())
            except DomainError as error:
                raise TrainingError(
                    f"fit: the model has no value on the validation data, {_when(epoch)}. {error}"
                ) from error
            if not math.isfinite(held_loss):
                raise TrainingError(
                    f"fit: the validation loss became {held_loss}, {_when(epoch)}; lower the learning rate"
                )
        optimizer = self.task.optimizer
        rate = optimizer.schedule(max(optimizer.steps - 1, 0))
        training_loss, training_accuracy, norm = sums.means() if sums else (None, None, None)
        seconds = time.perf_counter() - started
        return Epoch(epoch, training_loss, training_accuracy, rate, norm, held_loss, held_accuracy, seconds)

    def end_with(self, row: Epoch, sums: _Sums) -> None:
        """Note how an epoch of training went."""
        self.history.append(row)
        self._layers.note(sums)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """However it ends, the Values hold what was learned; what was good, if it failed."""
        try:
            yield
        except KeyboardInterrupt:
            self.history.interrupted = True
        except TrainingError as error:
            self._kept.restore()
            error.history = self.history
            raise
        except BaseException:
            self.steps.store()
            raise
        self.steps.store()


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


MUCH = 1000.0  # times the first loss, at which a training has gone wrong


class _Kept:
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


def _when(epoch: int) -> str:
    """When it happened, for an error."""
    return f"after epoch {epoch}" if epoch else "before training"


class _Sums:
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


class _Layers:
    """How large the gradient of each layer is. gradients: for the History, layer to one number for each epoch.

    A layer is what has parameters in one Layer of neurons, or in one array, of one Module: those whose names there
    agree up to `neurons`, or else up to the places at their ends. Parameters of no Module are one layer.
    """

    def __init__(self, task: Task) -> None:
        self._places = _layers_of(task.optimizer.parameters, task.model)
        self.gradients: dict[str, list[float]] = {}

    def note(self, sums: _Sums) -> None:
        """The end of an epoch."""
        for layer, places in self._places.items():
            self.gradients.setdefault(layer, []).append(float(sums.sizes[places].mean()) / sums.steps)


def _layers_of(parameters: Sequence[Value], model: Any) -> dict[str, list[int]]:
    """The places of each layer's parameters among all, by its name, in the order in which they begin."""
    held = holders_of(parameters)
    if isinstance(model, Module):
        held |= {parameter: (model, name) for name, parameter in model.named_parameters()}
    holders = {id(held[p][0]): held[p][0] for p in parameters if p in held and held[p][1]}
    prefixes = _prefixes(list(holders.values()), model)
    layers: dict[tuple[int, str], list[int]] = {}
    for i, parameter in enumerate(parameters):
        holder, name = held.get(parameter, (None, ""))
        layers.setdefault((id(holder), _layer(name)) if name else (0, ""), []).append(i)
    found: dict[str, list[int]] = {}
    for (holder, layer), places in layers.items():
        name = ".".join(filter(None, (prefixes[holder], layer))) if holder else "parameters of no Module"
        name = name or type(holders[holder]).__name__  # the model is a Layer itself
        while name in found:
            name += "'"  # somebody's own name looks like one of these
        found[name] = places
    return found


def _prefixes(holders: Sequence[Any], model: Any) -> dict[int, str]:
    """What tells the layers of several Modules apart, by id: `Layer 1`, `Layer 2`, or `MLP`, if there is one of its
    kind; nothing for the model, or the only Module.
    """
    kinds = [type(holder).__name__ for holder in holders]
    found = {}
    for i, (holder, kind) in enumerate(zip(holders, kinds, strict=True)):
        number = f" {kinds[:i].count(kind) + 1}" if kinds.count(kind) > 1 else ""
        found[id(holder)] = "" if holder is model or len(holders) == 1 else kind + number
    return found


def _layer(name: str) -> str:
    """The layer that a parameter of such a name belongs to; "" if it is the holder itself.

    >>> _layer("layers.0.neurons.3.weights.12"), _layer("neurons.3.bias"), _layer("blocks.1.query.3.7"), _layer("slope")
    ('layers.0', '', 'blocks.1.query', 'slope')
    """
    layer, found, _ = f".{name}".rpartition(".neurons.")
    if found:
        return layer.removeprefix(".")
    parts = name.split(".")
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return ".".join(parts)


def _step(
    steps: Compiled | Eager, chosen: list[int], clip_norm: float | None, sums: _Sums, where: str, is_first: bool
) -> Batch:
    """One step of the optimiser on the chosen examples: what was found on them before it. The parameters
    change as the last thing, all or none.
    """
    optimizer = steps.task.optimizer
    remedy = f"the learning rate is {optimizer.learning_rate:g}: try a tenth of it, or clip_norm=1.0"
    if is_first:
        remedy = (
            "no step was taken yet, so the learning rate is not to blame: are inputs, targets or the parameters that "
            "the model starts with far from 1? Scale the inputs to about -1 to 1, or make the model anew"
        )
    try:
        batch = steps.batch(chosen)
        if not math.isfinite(batch.loss):
            raise TrainingError(f"fit: the loss became {batch.loss} {where}; {remedy}")
        norm = length(batch.gradient)
        if not math.isfinite(norm):
            raise TrainingError(f"fit: the gradient became {norm} {where}; {remedy}")
        steps.step(batch.gradient if clip_norm is None else clipped(batch.gradient, norm, clip_norm))
    except (DomainError, FloatingPointError) as error:
        raise TrainingError(f"fit: the model has no value {where}; {remedy}. {error}") from error
    sums.add(batch, norm, len(chosen))
    return batch


def _length(x: Any) -> int:
    return len(x) if hasattr(x, "__len__") else 1


def examples_of(name: str, inputs: Any, targets: Any, model: Any) -> Examples:
    """Inputs, as plain lists or as an array of shape (n, width), and targets as plain ones, checked."""
    for what, given in (("inputs", inputs), ("targets", targets)):
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise ValueError(f"{name}: {what} must be a list or an array with one entry per example, got {given!r}")
    good = {"input": _is_good(inputs), "target": _is_good(targets)}  # there is no need to look at each number then
    keep = good["input"] and inputs.ndim == 2
    xs = inputs if keep else inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
    ts = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if not len(xs):
        raise ValueError(f"{name}: there are no examples")
    if len(xs) != len(ts):
        raise ValueError(f"{name}: {len(xs)} inputs, but {len(ts)} targets; there must be one target per input")
    width = getattr(model, "n_in", None) or _length(xs[0])
    for i, (x, t) in enumerate(zip(xs, ts, strict=True)):
        if _length(x) != width or not hasattr(x, "__len__"):
            shape = f"{len(x)} numbers" if hasattr(x, "__len__") else f"{x!r}, which is not a list"
            raise ValueError(f"{name}: each input must be a list of {width} numbers, but input {i} is {shape}")
        for what, part in (("input", x), ("target", t)):
            if good[what] and (keep or what == "target"):
                continue
            for number in part if hasattr(part, "__len__") and not isinstance(part, str) else [part]:
                if isinstance(number, Value):
                    continue
                if what == "input" and not isinstance(number, numbers.Real):
                    raise ValueError(f"{name}: input {i} holds {number!r}, which is not a number")
                if isinstance(number, numbers.Real) and not _is_finite(number):
                    raise ValueError(
                        f"{name}: {what} {i} holds {number}; remove the example, or fill the gap before training"
                    )
    return Examples(xs, ts)


def _is_good(given: Any) -> bool:
    """Whether it is an array of finite numbers."""
    import numpy as np

    return isinstance(given, np.ndarray) and given.dtype.kind in "fiub" and bool(np.isfinite(given).all())


def _is_finite(x: numbers.Real) -> bool:
    try:
        return math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False


def _in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


@contextmanager
def _bar(
    progress: bool | None, epochs: int, batches: int
) -> Iterator[tuple[Callable[[int, int, _Sums, History], None], Callable[[str], None]]]:
    """A function that shows how far the training is and how well it goes, and one that says something."""
    if progress is None:
        progress = sys.stderr.isatty() or _in_notebook()
    if not progress:
        yield lambda epoch, batch, sums, history: None, lambda text: None
        return
    try:
        import tqdm as _  # noqa: F401

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the bar in a notebook will be one of text
            from tqdm.auto import tqdm
    except ImportError:

        def line(epoch: int, batch: int, sums: _Sums, history: History) -> None:
            if history[-1].epoch == epoch:
                print(f"epoch {epoch}/{epochs}: {_summary(sums, history)}", file=sys.stderr)

        yield line, lambda text: print(text, file=sys.stderr)
        return
    with tqdm(total=epochs * batches, unit="step", file=sys.stderr, mininterval=0.3, leave=True) as bar:

        def update(epoch: int, batch: int, sums: _Sums, history: History) -> None:
            bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
            bar.set_postfix_str(_summary(sums, history), refresh=False)
            bar.update((epoch - 1) * batches + batch - bar.n)

        yield update, lambda text: bar.write(text, file=sys.stderr)


def _summary(sums: _Sums, history: History) -> str:
    loss, accuracy, _ = sums.means()
    parts = [f"loss {loss:.4f}"]
    if accuracy is not None:
        parts.append(f"accuracy {accuracy:.1%}")
    if history and history[-1].validation_accuracy is not None:
        parts.append(f"validation {history[-1].validation_accuracy:.1%}")
    return ", ".join(parts)
