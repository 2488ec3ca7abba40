"""Stepping: loss and gradient of one batch, by a program at array speed or one scalar at a time.

`Compiled` and `Eager` do the same, and the training loop does not know which of them it has.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import autograd
from autograd import Value, no_grad, topological
from nn.losses import Loss, cross_entropy, is_one_hot, mean_squared_error
from nn.optimizers import Optimizer

__all__ = [
    "Batch", "Compiled", "Eager", "Examples", "Task", "evaluated", "few_threads", "random_numbers_kept", "start",
]  # fmt: skip


class Examples(NamedTuple):
    """n inputs with their targets. inputs: lists of numbers, or an array of shape (n, width)."""

    inputs: Any
    targets: list[Any]

    def input(self, i: int) -> Any:
        """What the model is called with for example i."""
        return self.inputs[i].tolist() if hasattr(self.inputs, "tolist") else self.inputs[i]


class Task(NamedTuple):
    """What is trained, by what measure and on what. held: the validation data, None if there is none."""

    model: Any
    loss: Any
    optimizer: Optimizer
    examples: Examples
    held: Examples | None
    batch_size: int

    @property
    def batches(self) -> int:
        """How many there are in an epoch; the last may be smaller."""
        return math.ceil(len(self.examples.targets) / self.batch_size)

    def loss_of(self, output: Any, target: Any) -> Value:
        """The loss of one example."""
        value = self.loss(output, target)
        if not isinstance(value, Value):
            raise TypeError(f"fit: the loss must return a Value computed from the model's output, got {value!r}")
        return value


class Batch(NamedTuple):
    """Mean loss; its gradient, a vector like the optimiser's parameters; and how many examples are classified right,
    None where there are no classes.
    """

    loss: float
    gradient: Any
    correct: int | None


# ---------------------------------------------------------------- one scalar at a time


class Eager:
    """One scalar at a time: model and loss are called on every example, and the parameters live in their Values."""

    compiled = False
    flops = 0

    def __init__(self, task: Task) -> None:
        self.task = task
        self._gradient: Any = None

    def batch(self, chosen: Sequence[int]) -> Batch:
        """Loss and gradient of the chosen examples. There is no gradient if the loss is not finite."""
        task, parameters = self.task, self.task.optimizer.parameters
        targets = [task.examples.targets[i] for i in chosen]
        outputs = [task.model(task.examples.input(i)) for i in chosen]
        total: Value = autograd.mean([task.loss_of(o, t) for o, t in zip(outputs, targets, strict=True)])
        if not math.isfinite(total.data):
            return Batch(total.data, None, None)
        task.optimizer.zero_grad()
        total.backward()
        if not any(parameter.has_grad for parameter in parameters):
            raise ValueError(
                "fit: the loss does not depend on the optimizer's parameters: are they those of this model, "
                "is recording off (no_grad), or does the loss use .data?"
            )
        hits = [_correct(task.loss, o, t) for o, t in zip(outputs, targets, strict=True)]
        self._gradient = autograd.read(parameters, "grad")
        return Batch(total.data, self._gradient, None if None in hits else sum(hits))  # type: ignore[arg-type]

    def step(self, gradient: Any) -> None:
        """One step of the optimiser along `gradient`. The parameters change all or none."""
        optimizer = self.task.optimizer
        before = autograd.read(optimizer.parameters, "data")
        try:
            if gradient is not self._gradient:  # but clipped
                for parameter, slope in zip(optimizer.parameters, gradient.tolist(), strict=True):
                    if parameter.has_grad:
                        parameter.grad = slope
            optimizer.step()
        except BaseException:
            autograd.write(optimizer.parameters, "data", before)
            raise

    @property
    def theta(self) -> Any:
        """The parameters as a vector, a copy."""
        return autograd.read(self.task.optimizer.parameters, "data")

    @theta.setter
    def theta(self, theta: Any) -> None:
        autograd.write(self.task.optimizer.parameters, "data", theta)

    def loss(self, chosen: Sequence[int]) -> float:
        """Mean loss of the chosen examples, without recording."""
        inputs, targets = self.task.examples
        few = Examples([inputs[i] for i in chosen], [targets[i] for i in chosen])
        return evaluated(self.task.model, self.task.loss, few)[0]

    def evaluate(self) -> tuple[float, float | None]:
        """Mean loss and accuracy on the validation data."""
        assert self.task.held
        return evaluated(self.task.model, self.task.loss, self.task.held)

    def store(self) -> None:
        """See to it that the Values hold the parameters."""

    def load(self) -> None:
        """Take the parameters from the Values: somebody may have changed them."""


def evaluated(model: Any, loss: Any, examples: Examples) -> tuple[float, float | None]:
    """Mean loss and accuracy (None if there are no classes), one scalar at a time, without recording."""
    total, hits = 0.0, []
    with no_grad():
        for i, target in enumerate(examples.targets):
            output = model(examples.input(i))
            total += _float(loss(output, target))
            hits.append(_correct(loss, output, target))
    n = len(examples.targets)
    return total / n, None if None in hits else sum(hits) / n  # type: ignore[arg-type]


def _correct(loss: Any, output: Any, target: Any) -> bool | None:
    """Whether the class decided for is the target; None where there are no classes."""
    decide = getattr(loss, "decide", None)
    decided = decide(output) if decide else None
    if decided is None or (label := _label(decide, target)) is None:
        return None
    return bool(decided == label)


def _label(decide: Any, target: Any) -> Any:
    """The class that a target stands for: itself, or the place of the 1 among 0s; None if it is no class."""
    if not hasattr(target, "__len__"):
        return target
    return decide(target) if is_one_hot(target) else None


def _float(x: Any) -> float:
    return float(x.data if isinstance(x, Value) else x)


# ---------------------------------------------------------------- by a program


class _Arrays(NamedTuple):
    """Examples for a program. labels: the class of each as a number; None where there are no classes."""

    inputs: Any
    targets: Any
    labels: Any


SMALL = 10_000_000  # elementary operations in a batch


@contextlib.contextmanager
def few_threads(steps: Compiled | Eager) -> Iterator[None]:
    """One thread for BLAS where batches are small, if threadpoolctl is there: small products gain nothing from more,
    and where other programs compute too, they wait for each other many times as long as they work.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1 if steps.compiled and steps.flops < SMALL else None, user_api="blas"):
        yield


class Compiled:
    """By a program, which model and loss were traced into once. It keeps the parameters as a vector until `store`.

    indices, whole: whether targets, and inputs, are integers to look something up with rather than numbers to compute
    with. Raises TraceError, or what model and loss themselves raise, if there is no such program, or if it does not
    find what they do.
    """

    compiled = True

    def __init__(self, task: Task, indices: bool, whole: bool) -> None:
        self.task = task
        self._decide = getattr(task.loss, "decide", None)
        self._arrays = self._as_arrays(task.examples, indices, whole)
        self._held = self._as_arrays(task.held, indices, whole) if task.held else None
        inputs, targets, _ = self._arrays
        if self._held and self._held.targets.shape[1:] != targets.shape[1:]:
            raise autograd.TraceError("the targets of training and validation are of different shapes")

        def one_example(x: Any, target: Any) -> tuple[Any, ...]:
            output = task.model(x)
            loss = task.loss_of(output, target)
            return (loss, output) if self._decide else (loss,)

        parameters = task.optimizer.parameters
        if not set(topological(one_example(task.examples.input(0), task.examples.targets[0])[0])) & set(parameters):
            raise autograd.TraceError("the loss of the first example does not depend on the optimizer's parameters")
        example = (inputs[0].tolist(), targets[0].tolist())
        self._program = autograd.trace(one_example, *example, parameters=parameters)
        self._changed = False
        self._verify(_spread(targets))
        self._steps = 0

    @property
    def flops(self) -> int:
        """About how many elementary operations the values of a batch take."""
        return self._program.stats.flops * self.task.batch_size

    def _as_arrays(self, examples: Examples, indices: bool, whole: bool) -> _Arrays:
        import numpy as np

        labels = None
        if self._decide:
            found = [_label(self._decide, target) for target in examples.targets]
            labels = None if None in found else np.array(found, dtype=float)
        return _Arrays(_array(examples.inputs, "inputs", whole), _array(examples.targets, "targets", indices), labels)

    def _verify(self, chosen: Sequence[int]) -> None:
        """Raise TraceError unless the program finds what model and loss do. Nothing else could tell whether they use an
        argument's identity, or a number outside that has changed since.
        """
        import numpy as np

        task = self.task
        self.store()
        with no_grad():
            expected = [_float(task.loss(task.model(task.examples.input(i)), task.examples.targets[i])) for i in chosen]
        found = self._program(self._arrays.inputs[chosen], self._arrays.targets[chosen])
        right = np.isclose(found[0], expected, rtol=1e-6, atol=1e-9, equal_nan=True)
        if not right.all():
            i = int(np.argmin(right))
            raise autograd.TraceError(
                f"the program finds the loss {found[0][i]:g} for example {chosen[i]}, but model and loss find "
                f"{expected[i]:g}: do they depend on something that changes?"
            )
        self._correct(found, self._arrays.labels, chosen)

    def batch(self, chosen: Sequence[int]) -> Batch:
        """Loss and gradient of the chosen examples."""
        if self._steps == 1 or self._steps % self.task.batches == 0:
            self._verify(chosen[:1])
        self._steps += 1
        found, gradient = self._program.value_and_grad(self._arrays.inputs[chosen], self._arrays.targets[chosen])
        return Batch(float(found[0].mean()), gradient, self._correct(found, self._arrays.labels, chosen))

    def step(self, gradient: Any) -> None:
        """One step of the optimiser along `gradient`. The parameters change all or none."""
        self.theta = self.task.optimizer.advance(self.theta, gradient)

    @property
    def theta(self) -> Any:
        """The parameters as a vector, a copy."""
        return self._program.parameters.copy()

    @theta.setter
    def theta(self, theta: Any) -> None:
        self._changed = True
        self._program.parameters = theta

    def loss(self, chosen: Sequence[int]) -> float:
        """Mean loss of the chosen examples."""
        return float(self._program(self._arrays.inputs[chosen], self._arrays.targets[chosen])[0].mean())

    def evaluate(self) -> tuple[float, float | None]:
        """Mean loss and accuracy on the validation data."""
        assert self._held
        inputs, targets, labels = self._held
        n, total, hits = len(targets), 0.0, []
        size = max(self.task.batch_size, 100)  # as much memory as training takes, or little
        for start in range(0, n, size):
            part = slice(start, start + size)
            found = self._program(inputs[part], targets[part])
            total += float(found[0].sum())
            hits.append(self._correct(found, labels, part))
        return total / n, None if None in hits else sum(hits) / n  # type: ignore[arg-type]

    def _correct(self, found: tuple[Any, ...], labels: Any, chosen: Any) -> int | None:
        """How many of the chosen examples are classified right; None where there are no classes."""
        import numpy as np

        if labels is None or self._decide is None:
            return None
        _, outputs = found
        if not isinstance(outputs, np.ndarray):
            raise autograd.TraceError("the model returns something else than a number or a list of numbers")
        if self._decide in (cross_entropy.decide, mean_squared_error.decide) and outputs.shape[1:] > (1,):
            decided: Any = outputs.argmax(axis=1)
        else:
            each = [self._decide(output) for output in outputs.tolist()]
            decided = None if None in each else np.array(each, dtype=float)
        return None if decided is None else int((decided == labels[chosen]).sum())

    def store(self) -> None:
        """See to it that the Values hold the parameters."""
        if self._changed:
            self._program.store()
            self._changed = False

    def load(self) -> None:
        """Take the parameters, and what else model and loss use, from the Values: somebody may have changed them."""
        self._program.load()


def _array(given: Any, what: str, whole: bool) -> Any:
    """As an array that a program takes: of whole numbers, or of floats."""
    import numpy as np

    try:
        array = np.asarray(given)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub":
        raise autograd.TraceError(f"the {what} are not all plain numbers, or differ in shape")
    if not whole:
        return array if array.dtype.kind == "f" else array.astype(float)
    if array.dtype.kind == "f" and (array % 1.0).any():
        raise autograd.TraceError(f"the {what} are not all whole numbers")
    return array.astype(int)


def _spread(targets: Any, most: int = 16) -> list[int]:
    """The places of examples whose targets differ."""
    import numpy as np

    _, places = np.unique(targets.reshape(len(targets), -1), axis=0, return_index=True)
    return [int(places[i]) for i in np.linspace(0, len(places) - 1, min(len(places), most)).astype(int)]


# ---------------------------------------------------------------- which of the two


def start(task: Task, compiled: bool) -> tuple[Compiled | Eager, str]:
    """What does the steps: Compiled if that is wanted and possible, else Eager, and why.

    Raises ValueError if a target does not fit the loss.
    """
    eager = Eager(task)
    if not compiled:
        return eager, "compiled=False"
    if getattr(task.optimizer.step, "__func__", None) is not Optimizer.step:
        return eager, f"{type(task.optimizer).__name__} has a step() of its own"
    with random_numbers_kept() as drawn:
        try:
            with no_grad():
                output = task.model(task.examples.input(0))
        except Exception as error:  # of any kind: it will come again, where the loop can say when
            return eager, f"{type(error).__name__}: {error}"
        if isinstance(task.loss, Loss):
            for examples in (task.examples, task.held):
                task.loss.check_targets(output, examples.targets if examples else [])
        found, why = _compiled(task)
        return (eager, "model or loss draw random numbers") if drawn() else (found or eager, why)


def _compiled(task: Task) -> tuple[Compiled | None, str]:
    """A program if there is one, else why not."""
    numbers = [False, True] if _is_whole(task.examples.input(0)) else [False]
    labels = [True, False] if _is_whole(task.examples.targets[0]) else [False]
    why: list[str] = []
    for indices in [task.loss.labels] if isinstance(task.loss, Loss) else labels:
        for whole in numbers:
            try:
                return Compiled(task, indices, whole), ""
            except autograd.TraceError as error:
                why.append(str(error))
            except Exception as error:  # of the model's or the loss's own: if it is one, the eager loop will meet it
                why.insert(0, f"{type(error).__name__}: {error}")
    return None, why[-1]


def _is_whole(x: Any) -> bool:
    """Whether x is an integer, or consists of integers."""
    import numpy as np

    with contextlib.suppress(ValueError):
        return np.asarray(x).dtype.kind in "iub"
    return False


@contextlib.contextmanager
def random_numbers_kept() -> Iterator[Any]:
    """Nobody sees what is drawn from the global random number generators meanwhile; a function that says whether
    something was.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state(legacy=False)

    def state() -> bytes:
        return pickle.dumps((random.getstate(), np.random.get_state(legacy=False)))

    before = state()
    try:
        yield lambda: state() != before
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
