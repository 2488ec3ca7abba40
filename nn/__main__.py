"""`python -m nn train DATA`: train a network on some data, and leave pictures of what it learned."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import autograd
from nn import datasets
from nn.datasets import DataError, Dataset
from nn.layers import MLP
from nn.losses import binary_cross_entropy, cross_entropy, mean_squared_error
from nn.optimizers import OPTIMIZERS, SGD
from nn.report import Course, write_report
from nn.saving import require_safetensors, save
from nn.schedules import cosine
from nn.training import History, TrainingError, fit
from nn.watching import TrainingWarning


class Recipe(NamedTuple):
    """What is done unless the options say otherwise."""

    layers: tuple[int, ...]
    epochs: int
    batch_size: int = 32
    learning_rate: float = 0.01


RECIPES = {"digits": Recipe((32,), 12), "mnist": Recipe((30,), 3), "spirals": Recipe((16, 16), 200, 32, 0.02)}
OTHERWISE = Recipe((8, 8), 60, 16, 0.02)
HELD_OUT = {"digits": 360}
WIDEST = 10_000  # scalar by scalar, more would not end
SMALL = 1e-100  # squares of such numbers, and of their inverses, are floats yet
LONGEST = 5_000_000  # numbers in the path of a training, beyond which they take more memory than a picture is worth
MEASURED = 3  # batches, to tell what a training one scalar at a time would take


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(prog="python -m nn", description="Train a multi-layer perceptron made of scalars.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="train")
    train = commands.add_parser(
        "train", help="train a network on data and draw what it learned",
        description="Train a network on data, and write the model, its history and pictures of both into a folder.",
        epilog=f"DATA is digits, {', '.join(datasets.TOYS)}, a CSV file whose last column is the class or the "
        "number to predict, or an MNIST .npz file or folder.",
    )  # fmt: skip
    train.add_argument("data", metavar="DATA", help="what to learn from, see below")
    train.add_argument(
        "--out", type=Path, default=Path("out"), metavar="FOLDER", help="where results go (default: out)"
    )
    train.add_argument("--epochs", type=_whole, metavar="N", help="how often every example is used")
    train.add_argument("--batch-size", type=_whole, metavar="N", help="examples per step")
    train.add_argument("--layers", type=_widths, metavar="N,N", help="neurons in each hidden layer, as 16,16")
    train.add_argument("--activation", default="tanh", metavar="NAME", help="of the hidden layers (default: tanh)")
    train.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adamw", help="default: adamw")
    train.add_argument(
        "--learning-rate", type=_positive, metavar="RATE", help="at the start; falls to 0 along a cosine"
    )
    train.add_argument("--clip-norm", type=_positive, metavar="LENGTH", help="the longest gradient allowed")
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="of everything random (default: 0)")
    train.add_argument("--target", metavar="COLUMN", help="the column of a CSV file to predict, by heading or place")
    train.add_argument(
        "--task", choices=datasets.TASKS, help="whether that column holds classes or numbers (default: by its numbers)"
    )
    train.add_argument("--limit", type=_whole, metavar="N", help="use only the first N training examples")
    train.add_argument("--no-watch", action="store_true", help="do not look for what keeps the network from learning")
    train.add_argument("--eager", action="store_true", help="one scalar at a time, rather than as a program of arrays")
    return parser


def _whole(text: str) -> int:
    try:
        n = int(text)
    except ValueError:
        n = 0
    if n < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return n


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        x = float(text)
    except ValueError:
        x = 0.0
    if not 0.0 < x < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number > 0, got {text!r}")
    return x


def _widths(text: str) -> tuple[int, ...]:
    widths = tuple(_whole(part) for part in text.split(","))
    if max(widths) > WIDEST:
        raise argparse.ArgumentTypeError(f"expected at most {WIDEST} neurons in a layer, got {max(widths)}")
    return widths


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow must not end a training where the terminal has none
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        _train(options)
    except (DataError, TrainingError, ValueError, OSError, ImportError) as error:
        print(f"{parser.prog}: error: {' '.join(str(error).split())}", file=sys.stderr)  # one line
        return 2
    return 0


class Scaling(NamedTuple):
    """How numbers of any unit become numbers around 0: (x - middle) / spread, for each column."""

    middle: Any = 0.0
    spread: Any = 1.0

    @classmethod
    def of(cls, x: Any, what: str) -> Scaling:
        """By mean and standard deviation of every column; a constant one has spread 1. DataError if they overflow."""
        import numpy as np

        with np.errstate(all="ignore"):
            constant = x.max(axis=0) == x.min(axis=0)  # its standard deviation is 0 only up to rounding
            found = cls(x.mean(axis=0), np.where(constant, 1.0, x.std(axis=0)))
        if not (
            np.isfinite(found.middle).all() and (found.spread > SMALL).all() and (found.spread < 1.0 / SMALL).all()
        ):
            raise DataError(f"the {what} are too large, too small or too close together to train on: give another unit")
        return found

    def apply(self, x: Any) -> Any:
        """x around 0; x itself if there is nothing to do, so that classes stay whole numbers."""
        return x if self.is_nothing else (x - self.middle) / self.spread

    @property
    def is_nothing(self) -> bool:
        """Whether numbers stay as they are."""
        return type(self.spread) is float

    def fold_in(self, model: MLP) -> None:
        """Change the first layer so that the model takes inputs as they were: w · (x - m) / s + b, multiplied out."""
        if self.is_nothing:
            return
        for neuron in model.layers[0].neurons:
            for weight, m, s in zip(neuron.weights, self.middle.tolist(), self.spread.tolist(), strict=True):
                weight.data /= s
                neuron.bias.data -= weight.data * m

    def fold_out(self, model: MLP) -> None:
        """Change the last layer so that the model returns numbers as they were: s · y + m."""
        if self.is_nothing:
            return
        for neuron in model.layers[-1].neurons:
            for parameter in (*neuron.weights, neuron.bias):
                parameter.data *= float(self.spread)
            neuron.bias.data += float(self.middle)


class Job(NamedTuple):
    """What is trained, on what, and how. by_input, by_target: how the user's numbers are scaled for training."""

    training: Dataset
    held_out: Dataset
    widths: list[int]
    activation: str
    seed: int
    epochs: int
    batch_size: int
    rate: float
    by_input: Scaling
    by_target: Scaling

    @classmethod
    def of(cls, options: argparse.Namespace) -> Job:
        """What the options and, where they say nothing, the recipe for the data say."""
        training, held_out = _load(options)
        own = options.data.lower().endswith(".csv")  # columns of any unit
        recipe = OTHERWISE if own else RECIPES.get(training.name, OTHERWISE)
        if options.limit:
            few = slice(options.limit)
            training = training._replace(inputs=training.inputs[few], targets=training.targets[few])
        classes = len(training.classes)
        return cls(
            training, held_out, [*(options.layers or recipe.layers), 1 if classes in (0, 2) else classes],
            options.activation, options.seed, options.epochs or recipe.epochs, options.batch_size or recipe.batch_size,
            options.learning_rate or recipe.learning_rate,
            Scaling.of(training.inputs, "inputs") if own else Scaling(),
            Scaling.of(training.targets, "numbers to predict") if training.is_regression else Scaling(),
        )  # fmt: skip

    @property
    def loss(self) -> Any:
        """By the number of classes, 0 of a regression."""
        known = {0: mean_squared_error, 2: binary_cross_entropy}
        return known.get(len(self.training.classes), cross_entropy)

    @property
    def steps(self) -> int:
        return self.epochs * -(-len(self.training.inputs) // self.batch_size)

    def network(self) -> MLP:
        """As it is before training."""
        return MLP(self.training.inputs.shape[1], self.widths, activation=self.activation, seed=self.seed)

    def scaled(self, part: Dataset) -> tuple[Any, Any]:
        """Inputs and targets as they are trained on."""
        return self.by_input.apply(part.inputs), self.by_target.apply(part.targets)

    def unscale(self, model: MLP) -> None:
        """See to it that a network trained on scaled numbers takes and returns the user's."""
        self.by_input.fold_in(model)
        self.by_target.fold_out(model)


def _train(options: argparse.Namespace) -> None:
    # What would go wrong only after the work is tried before it.
    MLP(1, [1, 1], activation=options.activation)
    require_safetensors()
    job = Job.of(options)
    _prepare(options.out)
    model, before = job.network(), job.network()
    optimizer = OPTIMIZERS[options.optimizer](model.parameters(), cosine(job.rate, job.steps))
    _print_job(job, model, options.optimizer)
    course = Course(job.network(), job.loss, job.scaled(job.training), [autograd.read(model.parameters(), "data")])
    noted = [course.note] if (job.epochs + 1) * len(course.path[0]) <= LONGEST else []
    started = time.perf_counter()
    with _findings_printed():
        history = fit(
            model, job.loss, *job.scaled(job.training),
            optimizer=optimizer, epochs=job.epochs, batch_size=job.batch_size, validation=job.scaled(job.held_out),
            callbacks=noted, clip_norm=options.clip_norm, seed=options.seed, progress=True,
            compiled=not options.eager, watch=not options.no_watch,
        )  # fmt: skip
    seconds = time.perf_counter() - started
    for each in (model, before):
        job.unscale(each)

    _print_outcome(history, job.by_target.spread if job.training.is_regression else None, seconds)
    if history.compiled and not history.interrupted:
        with contextlib.suppress(TrainingError):  # of a network that has not learned anything
            took = _duration(_eagerly(job))
            print(f"one scalar at a time (--eager) that would have taken about {took}, going by {MEASURED} batches")
    print(f"written to {options.out}:")
    save(model, options.out / "model.safetensors")
    history.save(options.out / "history.csv")
    written = [("model.safetensors", "the network"), ("history.csv", "loss and accuracy, epoch by epoch")]
    for file, what in [
        *written,
        *write_report(options.out, model, history, job.training, job.held_out, before, course),
    ]:
        print(f"  {file:24} {what}")


def _print_job(job: Job, model: MLP, optimizer: str) -> None:
    learn, test = len(job.training.inputs), len(job.held_out.inputs)
    print(f"{job.training.name}: {learn} examples to learn from, {test} held out to test on")
    print(
        f"{model}, {optimizer} with learning rate {job.rate:g}, {job.epochs} epochs of batches of {job.batch_size}",
        flush=True,
    )


def _print_outcome(history: History, spread: float | None, seconds: float) -> None:
    """How the training went. spread: of numbers to predict, what one unit of the model's is in the user's."""
    if history.interrupted:
        print("\nstopped early: what was learned so far is kept")
    if not history:
        return
    print(history)
    first, last = history[0].validation_accuracy or 0.0, history[-1].validation_accuracy or 0.0
    what = f"accuracy: {first:.1%} before training, {last:.1%} after"
    if spread is not None:
        first, last = (spread * math.sqrt(row.validation_loss or 0.0) for row in (history[0], history[-1]))
        what = f"error (root mean square): {first:.3g} before training, {last:.3g} after"
    print(f"held-out {what}, in {_duration(seconds)}")


@contextlib.contextmanager
def _findings_printed() -> Iterator[None]:
    """What a watched training warns of is printed, as it comes, in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        otherwise = warnings.showwarning

        def show(message: Warning | str, *where: Any, **named: Any) -> None:
            if isinstance(message, TrainingWarning):
                print(f"\n{message.finding}", file=sys.stderr, flush=True)
            else:
                otherwise(message, *where, **named)

        warnings.showwarning = show
        yield


def _eagerly(job: Job) -> float:
    """About how many seconds a training takes one scalar at a time: a few batches are trained on, and as many of the
    held-out examples measured as belong to them; the rest is multiplication.
    """
    model, (inputs, targets) = job.network(), job.scaled(job.training)
    few = min(MEASURED * job.batch_size, len(inputs))
    share = few / len(inputs)
    part = tuple(x[: max(round(share * len(x)), 1)] for x in job.scaled(job.held_out))
    history = fit(
        model, job.loss, inputs[:few], targets[:few], validation=part, optimizer=SGD(model.parameters()),
        epochs=3, batch_size=job.batch_size, compiled=False, progress=False,
    )  # fmt: skip
    before, *rows = (row.seconds for row in history)
    return (before + job.epochs * statistics.median(rows)) / share


def _duration(seconds: float) -> str:
    return f"{seconds:.{0 if seconds >= 10.0 else 1}f} seconds"


def _load(options: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """The data that the user named, to learn from and to test on."""
    name, path = options.data, Path(options.data)
    if options.target and path.suffix.lower() != ".csv":
        raise DataError(f"--target chooses the column of a CSV file; {name!r} is none")
    if options.task and path.suffix.lower() != ".csv":
        raise DataError(f"--task says what a column of a CSV file holds; {name!r} is none")
    if name == "digits" or name in datasets.TOYS:
        data = datasets.digits() if name == "digits" else datasets.TOYS[name](seed=options.seed)
    elif path.suffix.lower() == ".csv":
        target = options.target or -1
        if isinstance(target, str) and target.lstrip("-").isdigit():
            target = int(target)
        data = datasets.load_csv(path, target, task=options.task)
    elif path.suffix == ".npz" or (name and path.is_dir()):
        return datasets.load_mnist(path)
    else:
        raise DataError(
            f"unknown data {name!r}: choose digits, {', '.join(datasets.TOYS)}, "
            "or give a CSV file, an MNIST .npz file or a folder with MNIST's IDX files"
        )
    return datasets.train_test_split(data, HELD_OUT.get(name, 0.2), seed=options.seed)


def _prepare(folder: Path) -> None:
    """Make the folder for results, before the work rather than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to the folder {folder}: {error.strerror}; choose another with --out") from None


if __name__ == "__main__":
    sys.exit(main())
