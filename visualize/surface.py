"""A loss as a function of its parameters: its value anywhere, and the planes in which it is looked at.

What is looked at is changed for a moment at most: afterwards parameters and gradients are what they were, whatever
happened in between.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, NamedTuple, Protocol

import autograd
from autograd import DomainError, Value, topological
from autograd.holding import holding
from visualize.figures import share

__all__ = [
    "NO_VALUE", "Grid", "OfFunction", "OfModel", "Path", "Plane", "Surface", "checked_path", "pair_of", "paths_of",
]  # fmt: skip

Vector = Any
"""A NumPy array of n floats: all parameters."""

NO_VALUE = (DomainError, FloatingPointError, OverflowError, ZeroDivisionError)


class Surface(Protocol):
    """A loss with n parameters. names: what they are called; labels: in a picture. theta: where they are now. what: the
    name of the loss. asked: the plot that asks, for errors.
    """

    asked: str
    names: list[str]
    labels: list[str]
    theta: Vector
    what: str

    def at(self, theta: Vector) -> float:
        """The loss at other parameters; nan where it has no value."""

    def slope(self, i: int) -> float:
        """The derivative by parameter i where they are now."""

    def open(self) -> Any:
        """A context in which `at` can be called."""


class OfFunction:
    """A plain function of numbers, which takes and returns Values as well."""

    def __init__(
        self, f: Callable[..., Any], at: Sequence[float] | float | None, asked: str = "plot_landscape"
    ) -> None:
        import numpy as np

        self._f, self.asked = f, asked
        self.names = _arguments(asked, f, None if at is None else np.size(at))
        n = len(self.names)
        try:
            self.theta = np.zeros(n) if at is None else np.array(at, dtype=float).ravel()
        except (TypeError, ValueError):
            self.theta = np.zeros(0)
        if len(self.theta) != n or not np.isfinite(self.theta).all():
            wanted = "a finite number" if n == 1 else f"{n} finite numbers"
            raise ValueError(f"{asked}: at must be {wanted}, for {' and '.join(self.names)}; got {at!r:.200}")
        self.labels = self.names
        name = getattr(f, "__name__", "f")
        self.what = f"{name if name.isidentifier() else 'f'}({', '.join(self.names)})"
        self._check()

    def _check(self) -> None:
        try:
            found = self._f(*self.theta.tolist())
        except NO_VALUE:
            return  # a hole, it may be
        if not isinstance(found, Value | Real):
            raise TypeError(f"{self.asked}: the function must return a number or a Value, got {found!r:.200}")

    def at(self, theta: Vector) -> float:
        try:
            found = self._f(*theta.tolist())
            return float(found.data if isinstance(found, Value) else found)
        except NO_VALUE:
            return math.nan

    def slope(self, i: int) -> float:
        return self.gradient(self.theta)[i]

    def gradient(self, theta: Vector) -> list[float]:
        """The derivative by each argument; nan where there is none."""
        arguments = [Value(x) for x in theta.tolist()]
        try:
            found = self._f(*arguments)
            if isinstance(found, Value):
                return [float(slope) for slope in autograd.grad(found, arguments)]
        except NO_VALUE:
            return [math.nan] * len(arguments)
        raise TypeError(
            f"{self.asked}: the function must return a Value computed from its arguments, got {found!r:.200}; use "
            "autograd's functions, autograd.sin(x) rather than math.sin(x)"
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        yield


def _arguments(asked: str, f: Callable[..., Any], given: int | None) -> list[str]:
    """The names of the one or two arguments of a function."""
    try:
        parts = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a built-in one that does not tell
        parts = []
    names = [p.name for p in parts if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if any(p.kind is p.VAR_POSITIONAL for p in parts) or not parts:
        names = [f"x{i + 1}" for i in range(given or len(names) or 1)]
    if len(names) not in (1, 2):
        raise TypeError(
            f"{asked}: a function must take one or two numbers, but {getattr(f, '__name__', f)!s:.100} takes "
            f"{len(names)}; of a model, give the loss and the data too: plot_landscape(model, loss, data)"
        )
    return names


class OfModel:
    """The mean loss of a model on data, by a program where it can be traced, as `nn.fit` has it."""

    def __init__(
        self, model: Any, loss: Any, data: Any, chosen: Sequence[Value] | None = None, caller: str = "plot_landscape"
    ) -> None:
        from nn.losses import Loss
        from nn.optimizers import SGD
        from nn.stepping import Task, start

        if not callable(loss):
            raise TypeError(
                f"{caller}: the loss must be a function of output and target, such as nn.cross_entropy, "
                f"got {loss!r:.200}"
            )
        self.asked = caller
        examples = _examples(data, model, caller)
        named = _parameters(model, chosen, caller)
        self.parameters, self.names = list(named), list(named.values())
        self.labels = [parameter.label or name for parameter, name in named.items()]
        silent = loss._replace(decide=None) if isinstance(loss, Loss) else loss  # nobody asks for the accuracy
        self._task = Task(model, silent, SGD(self.parameters), examples, examples, min(len(examples.targets), 500))
        self.check_reached(chosen or ())
        with self._kept():
            self._steps, _ = start(self._task, True)
        self.theta = autograd.read(self.parameters, "data")
        self.what = f"mean loss of {len(examples.targets):,} examples"

    def check_reached(self, chosen: Sequence[Value], most: int = 8) -> None:
        """Raise TypeError if the loss is no Value, and ValueError if it does not depend on a chosen parameter."""
        examples, missing = self._task.examples, set(chosen)
        for i in range(min(most, len(examples.targets))):
            try:
                found = self._task.loss(self._task.model(examples.input(i)), examples.targets[i])
            except NO_VALUE:
                return  # a hole, it may be
            if not isinstance(found, Value):
                raise TypeError(
                    f"{self.asked}: the loss must return a Value computed from the model's output, got {found!r:.200}"
                )
            missing -= set(topological(found))
            if not missing:
                return
        names = ", ".join(self.labels[self.parameters.index(p)] for p in chosen if p in missing)
        raise ValueError(
            f"plot_landscape: the loss does not depend on {names}, so the landscape would be flat: choose parameters "
            "that the model uses"
        )

    def at(self, theta: Vector) -> float:
        from nn.stepping import Eager

        try:
            autograd.write(self.parameters, "data", theta)
            self._steps.load()
            return self._steps.evaluate()[0]
        except NO_VALUE:
            return math.nan
        except autograd.TraceError:
            if not self._steps.compiled:
                raise
            self._steps = Eager(self._task)  # another way through the model, which no program can take
            return self.at(theta)

    def slope(self, i: int) -> float:
        with self.open():
            return float(self.gradient(self.theta)[i])

    def gradient(self, theta: Vector) -> Vector:
        """The derivatives by all parameters at other ones; nan where there are none."""
        import numpy as np

        from nn.stepping import Compiled

        n, total = len(self._task.examples.targets), np.zeros(len(theta))
        parts = [list(range(k, min(k + 500, n))) for k in range(0, n, 500)]
        try:
            autograd.write(self.parameters, "data", theta)
            if isinstance(self._steps, Compiled):
                self._steps.load()
                return sum(self._steps.batch(part).gradient * len(part) for part in parts) / n
            examples = self._task.examples
            for k, target in enumerate(examples.targets):  # one after the other: the graph of all might not fit
                loss = self._task.loss(self._task.model(examples.input(k)), target)
                total += autograd.grad(loss, self.parameters)
        except NO_VALUE:
            return np.full(len(theta), math.nan)
        return total / n

    @contextmanager
    def open(self) -> Iterator[None]:
        from nn.stepping import few_threads

        with self._kept(), few_threads(self._steps):
            yield

    def _kept(self) -> Any:
        """A context after which the parameters are what they are now."""
        return holding(self.parameters, autograd.read(self.parameters, "data"))


def pair_of(data: Any, caller: str) -> tuple[Any, Any]:
    """Inputs and targets."""
    if hasattr(data, "inputs") and hasattr(data, "targets"):
        return data.inputs, data.targets
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(
            f"{caller}: data must be a Dataset, or a pair of inputs and targets: (data.inputs, data.targets); "
            f"got {data!r:.200}"
        )
    return data[0], data[1]


def _examples(data: Any, model: Any, caller: str) -> Any:
    """The data, checked as `nn.fit` does."""
    from nn.examples import examples_of

    inputs, targets = pair_of(data, caller)
    try:
        return examples_of(caller, inputs, targets, model)
    except ValueError as error:
        if not all(isinstance(part, tuple | list) and len(part) == 2 for part in (inputs, targets)):
            raise
        raise ValueError(
            f"{error}. Data is a pair of all inputs and all targets; if yours is two examples, each with its target, "
            "write tuple(zip(*data))"
        ) from None


def _parameters(model: Any, chosen: Sequence[Value] | None, caller: str) -> dict[Value, str]:
    """All parameters of a model with their names; of a plain function, those that were chosen."""
    known = _named(model)
    own = bool(known)
    if not known and chosen is None:
        raise ValueError(
            f"{caller}: the model has no parameters"
            if hasattr(model, "parameters")
            else f"{caller}: a plain function does not tell its parameters; choose one or two: parameters=(w, b)"
        )
    for i, parameter in enumerate(chosen or ()):
        if not isinstance(parameter, Value) or not parameter.is_leaf:
            raise TypeError(f"plot_landscape: parameters must be Values that were not computed, got {parameter!r:.200}")
        if own and parameter not in known:
            raise ValueError(
                f"plot_landscape: parameters[{i}], {parameter!r:.100}, is none of this model's; choose from "
                "model.parameters(), such as model.layers[0].neurons[0].bias"
            )
        known.setdefault(parameter, parameter.label or f"parameter {i + 1}")
    if chosen is not None and (len(chosen) not in (1, 2) or len(set(chosen)) != len(chosen)):
        raise ValueError(
            f"plot_landscape: parameters must be one or two different ones, got {len(chosen)}; for directions through "
            "all of them, leave that away"
        )
    return known


def _named(model: Any) -> dict[Value, str]:
    """What a model says that its parameters are, with their names: a Module, or anything with `parameters()`."""
    if hasattr(model, "named_parameters"):
        return {parameter: name for name, parameter in model.named_parameters()}
    given = list(model.parameters()) if hasattr(model, "parameters") else []
    for parameter in given:
        if not isinstance(parameter, Value) or not parameter.is_leaf:
            raise TypeError(
                "plot_landscape: the model's parameters() must return Values that were not computed, but "
                f"{parameter!r:.200} is among them"
            )
    return {parameter: parameter.label or f"parameter {i}" for i, parameter in enumerate(given, 1)}


# ---------------------------------------------------------------- paths


class Path(NamedTuple):
    """Where the parameters were during a training. points: shape (k, n), all finite. ended: what the loss was at first
    and at the end. cut: whether numbers that are not finite followed.
    """

    name: str
    points: Any
    first: float = math.nan
    last: float = math.nan
    cut: bool = False

    @property
    def diverges(self) -> bool:
        """Whether it ends higher than it begins, or nowhere."""
        return self.cut or not self.last <= self.first


def paths_of(given: Any, surface: Surface) -> list[Path]:
    """One path, or several by name, checked, with the losses at their ends."""
    if given is None:
        return []
    several = given if isinstance(given, Mapping) else {"": given}
    if not several:
        raise ValueError("plot_landscape: path must not be empty")
    found = [checked_path(str(name), points, len(surface.theta)) for name, points in several.items()]
    with surface.open():
        return [path._replace(first=surface.at(path.points[0]), last=surface.at(path.points[-1])) for path in found]


def checked_path(name: str, given: Any, n: int, caller: str = "plot_landscape") -> Path:
    """A path as it was given, up to its first vector with a number that is not finite; its losses are not known yet."""
    import numpy as np

    what = f"path {name!r}" if name else "path"
    remedy = (
        'collect them while training: path = [autograd.read(model.parameters(), "data")], then nn.fit(..., '
        'callbacks=[lambda epoch, model: path.append(autograd.read(model.parameters(), "data"))])'
    )
    if isinstance(given, str) or not hasattr(given, "__len__") or not len(given):
        raise TypeError(
            f"{caller}: {what} must be a list of parameter vectors, got {given!r:.200} of "
            f"{type(given).__name__}; {remedy}"
        )
    points = []
    for i, point in enumerate(given):
        try:
            vector = np.atleast_1d(np.array(point, dtype=float))
        except (TypeError, ValueError):
            vector = None
        if vector is None or vector.shape != (n,):
            got = "no such numbers" if vector is None else f"shape {vector.shape}"
            raise ValueError(
                f"{caller}: each entry of {what} must hold the {n} parameters, but entry {i} has {got}; {remedy}"
            )
        points.append(vector)
    good = [bool(np.isfinite(point).all()) for point in points]
    whole = good.index(False) if False in good else len(points)
    if whole < 2:
        raise ValueError(f"{caller}: {what} needs at least two entries of finite numbers, got {whole}; {remedy}")
    return Path(name, np.array(points[:whole]), cut=whole < len(points))


# ---------------------------------------------------------------- planes


class Plane(NamedTuple):
    """Where a surface is looked at: θ = origin + coordinates · directions, for one or two directions.

    directions: shape (1 or 2, n), orthonormal, or of any length if `here` is the origin. labels: of the axes. here: the
    coordinates of the middle. reach: how far to look from there in each direction, where nothing else tells.
    """

    origin: Vector
    directions: Any
    labels: list[str]
    here: Vector
    reach: Vector

    @classmethod
    def of_parameters(cls, surface: Surface, places: Sequence[int]) -> Plane:
        """Along one or two of the parameters themselves: coordinates are their numbers."""
        import numpy as np

        directions = np.eye(len(surface.theta))[list(places)]
        here = surface.theta[list(places)]
        origin = surface.theta - here @ directions
        return cls(origin, directions, [surface.labels[i] for i in places], here, np.maximum(np.abs(here), 1.0))

    @classmethod
    def at_random(cls, surface: Surface, seed: int) -> Plane:
        """Through where the parameters are, in two directions drawn at random and normalised filter by filter.

        Li, Xu, Taylor, Studer and Goldstein 2018, section 4: what leads into one neuron, or stands in one row of an
        array, is a filter, and its direction has the length that it has itself; so has a single number, such as a bias.
        """
        import numpy as np

        rng = np.random.default_rng(seed)
        directions = np.array([_by_filters(rng, surface.names, surface.theta) for _ in range(2)])
        if not directions.any():
            raise ValueError(
                "plot_landscape: all parameters are 0, so random directions as long as they are lead nowhere; choose "
                "parameters=(w1, w2), or give the path of a training"
            )
        labels = ["random direction 1", "random direction 2"]
        return cls(surface.theta, directions, labels, np.zeros(2), np.ones(2))

    @classmethod
    def through(cls, surface: Surface, paths: Sequence[Path], seed: int) -> Plane:
        """Through the end of a path, in the two directions in which most of it happens.

        Li et al. 2018, section 7: the principal components of θᵢ - θₙ; as in the authors' code, these are about the
        mean, so that shares are of the variance. Of several paths, all points count but those of such that diverge, and
        the end is that with the lowest loss.
        """
        import numpy as np

        good = [path for path in paths if not path.diverges] or list(paths)
        end = min(good, key=lambda path: path.last if math.isfinite(path.last) else math.inf).points[-1]
        moves = np.concatenate([path.points for path in good]) - end
        _, lengths, directions = np.linalg.svd(moves - moves.mean(axis=0), full_matrices=False)
        if not lengths[0]:
            raise ValueError("plot_landscape: all entries of the path are the same, so it leads nowhere; train longer")
        shares = (lengths / lengths[0]) ** 2 / ((lengths / lengths[0]) ** 2).sum()
        labels = [f"direction {i + 1} ({share(part, 1)} of the variance)" for i, part in enumerate(shares[:2])]
        if len(lengths) < 2 or lengths[1] < 1e-9 * lengths[0]:  # a straight line
            across = _by_filters(np.random.default_rng(seed), surface.names, end)
            across = across - (across @ directions[0]) * directions[0]
            if not np.linalg.norm(across) > 1e-9 * np.linalg.norm(end):
                across = np.eye(len(end))[np.argmin(np.abs(directions[0]))]
                across = across - (across @ directions[0]) * directions[0]
            directions = np.array([directions[0], across / np.linalg.norm(across)])
            labels[1:] = ["a random direction (the path is straight)"]
        start = good[0].points[0] - end
        signs = [-1.0 if start @ directions[0] > 0.0 else 1.0, -1.0 if start @ directions[1] < 0.0 else 1.0]
        return cls(end, directions[:2] * np.array(signs)[:, None], labels, np.zeros(2), np.ones(2))

    def theta(self, *coordinates: float) -> Vector:
        """The parameters at a point of the plane."""
        return self.origin + sum(x * direction for x, direction in zip(coordinates, self.directions, strict=True))

    def seen(self, thetas: Any) -> Any:
        """The coordinates of n parameter vectors, seen from above: shape (n, 1 or 2)."""
        return (thetas - self.origin) @ self.directions.T


def _by_filters(rng: Any, names: Sequence[str], theta: Vector) -> Vector:
    """A random direction in which every filter is as long as that of the parameters."""
    import numpy as np

    direction = rng.normal(size=len(theta))
    filters: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        stem, _, end = name.rpartition(".")
        filters.setdefault(stem if end.isdecimal() and stem else name, []).append(i)
    for places in filters.values():
        direction[places] *= np.linalg.norm(theta[places]) / np.linalg.norm(direction[places])
    return direction


class Grid(NamedTuple):
    """Losses in a plane. axes: the coordinates, one array or two. losses: shape (len(ys), len(xs)), or (len(xs),); nan
    where there is none.
    """

    plane: Plane
    axes: list[Any]
    losses: Any

    @classmethod
    def of(cls, surface: Surface, plane: Plane, frame: Any, resolution: int) -> Grid:
        """With `resolution` points per side. frame: from where to where, shape (1 or 2, 2)."""
        import numpy as np

        axes = [np.linspace(low, high, resolution) for low, high in frame]
        for axis in axes:
            if len(np.unique(axis)) < resolution:
                raise ValueError(
                    f"{surface.asked}: around {axis[0]:.6g} there are no {resolution} different numbers in so small a "
                    "span; take a larger one"
                )
        with surface.open():
            found = [surface.at(plane.theta(*point[::-1])) for point in _points(axes[::-1])]
        losses = np.array(found).reshape([resolution] * len(axes))
        grid = cls(plane, axes, np.where(np.isfinite(losses), losses, np.nan))
        if not np.isfinite(losses).any():
            raise ValueError(
                f"{surface.asked}: the loss has no finite value anywhere around there; try a smaller span, or other "
                "parameters"
            )
        return grid

    @property
    def corners(self) -> tuple[Any, Any]:
        """The lowest coordinates, and the highest."""
        import numpy as np

        return np.array([axis[0] for axis in self.axes]), np.array([axis[-1] for axis in self.axes])

    @property
    def holes(self) -> int:
        """How many points have no finite loss."""
        return int(self.losses.size - self.losses[self.losses == self.losses].size)


def _points(axes: Sequence[Any]) -> Iterator[tuple[float, ...]]:
    import itertools

    return itertools.product(*(axis.tolist() for axis in axes))
