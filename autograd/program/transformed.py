"""Transformed: derivatives of a program as programs, made of its records. Branches are those of the program itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from autograd.modes import modes
from autograd.program.arguments import Fixed, Slot, collect, describe, rebuild, slots_of
from autograd.program.batches import Kinds
from autograd.program.bind import Wanted
from autograd.program.derivatives import Derivation, Transform, derived
from autograd.program.eagerly import eagerly
from autograd.program.path import Asked, Found, Path
from autograd.program.record import Array
from autograd.program.recorder import Recorder
from autograd.program.run import Program, is_place
from autograd.program.sparse import Sparse
from autograd.transforms import Argnums, single
from autograd.tree import map_leaves

__all__ = ["Derived"]

LINKED = ("_leaves", "_catches", "_f", "moment", "max_paths", "dtype")
"""What a derivative shares with its program."""


Entries = list[tuple[int, int]]
"""Rows and columns of the numbers of a matrix that may differ from 0."""

NO_SWEEP = 8e-6
"""Seconds, about, that straight-line code takes less where no gradients of it are wanted."""

ZERO = (-1, -1)
"""An entry that is always 0."""


class Whatever(Fixed):
    """What is no number among the tangents: nothing moves there, whatever is given."""

    def is_again(self, x: Any) -> bool:
        """Always."""
        return True


class Follower:
    """Tells which examples take a path, by the record of the function, not by that of its derivative."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def takes(self, parameters: Array, rows: Array, whole: bool) -> Array:
        """As of a record."""
        return self.path.follower.takes(parameters, rows[:, : self.path.record.n_inputs], whole)

    def left_at(self, parameters: Array, rows: Array, whole: bool) -> Array:
        """As of a record."""
        return self.path.follower.left_at(parameters, rows[:, : self.path.record.n_inputs], whole)


class DerivedPath(Path):
    """A derivative along one path. Where something is not finite, the eager engine is asked."""

    def __init__(
        self,
        source: Path,
        derivation: Derivation,
        transform: Transform,
        entries: Entries,
        width: int,
        is_first: bool,
    ) -> None:
        super().__init__(derivation.record([*entries, ZERO], width), [], source.dtype, None, is_first)
        self.source, self.transform, self.entries = source, transform, entries
        self.follower = Follower(source)  # type: ignore[assignment]
        self._straight: dict[tuple[int, bool], bool] = {}
        self.hides, self.is_only_way = source.hides, source.is_only_way
        self.leaves, self.frozen = source.leaves, source.frozen

    def load(self) -> None:
        """The path of the function does."""

    def is_straight(self, n: int) -> bool:
        """As of any path; asked at each call, so that it is worth remembering."""
        if self._debt > 0.0:
            return super().is_straight(n)
        key = n, self._plan is None
        if key not in self._straight:
            self._straight[key] = super().is_straight(n)
        return self._straight[key]

    def _seconds(self, n: int) -> float:
        return super()._seconds(n) - NO_SWEEP

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"frozen": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.frozen = self.source.frozen

    def _one_by_one(self, rows: Array, asked: Asked, which: Array) -> Found:
        if asked.wanted.by_parameters or asked.wanted.by_inputs:
            return super()._one_by_one(rows, asked, which)
        places = [f" (row {row} of the batch)" if len(rows) > 1 or row else "" for row in which.tolist()]
        parameters = np.concatenate([asked.theta, self.frozen]).astype(float)
        found = np.zeros((len(self.record.outputs), len(rows)))
        for k, (row, place) in enumerate(zip(rows.astype(float), places, strict=True)):
            numbers = eagerly(self.source.record, self.transform, parameters, row, place)
            found[: len(self.entries), k] = [numbers.get(entry, 0.0) for entry in self.entries]
        return self._narrow(found, 1, places), None, None


@dataclass(frozen=True)
class By:
    """What is differentiated by, as a user sees it.

    description: of the arguments chosen; None by parameters. n: how many numbers. starts: the column of a slot's first
    number, by the start of the slot.
    """

    description: Any
    argnums: Argnums
    n: int
    starts: dict[int, int]

    def shaped(self, columns_of: Callable[[Any, tuple[int, ...]], Any]) -> Any:
        """The structure of the arguments, with what a function of columns and shape gives for each of numbers."""
        if self.description is None:
            return columns_of(np.arange(self.n), (self.n,))

        def of_slot(slot: Slot) -> Any:
            if slot.size and slot.start not in self.starts:
                return None
            first = self.starts[slot.start] if slot.size else 0
            return columns_of(np.arange(first, first + slot.size), slot.shape)

        parts = [rebuild(part, of_slot, lambda _: None) for part in self.description]
        return single(self.argnums, parts)


def _by(program: Program, kind: str, wrt: str, argnums: Argnums) -> tuple[By, Array]:
    """What to differentiate by, and the numbers of these parameters or inputs."""
    if wrt == "parameters":
        n = len(program.parameters)
        if not n:
            raise ValueError(f"{kind}: the program has no parameters; differentiate by its inputs, wrt='inputs'")
        return By(None, None, n, {}), np.arange(n)
    count = len(program.description)
    chosen = range(count) if argnums is None else [argnums] if isinstance(argnums, int) else argnums
    if any(not -count <= i < count for i in chosen):
        raise TypeError(f"{kind}: argnums is {argnums!r}, but there are {count} arguments")
    description = tuple(program.description[i] for i in chosen)
    starts: dict[int, int] = {}
    columns: list[int] = []
    for slot in slots_of(description):
        # An empty list begins where what follows it does.
        if slot.size and not slot.whole and slot.start not in starts:
            starts[slot.start] = len(columns)
            columns += range(slot.start, slot.start + slot.size)
    if not columns:
        raise TypeError(f"{kind}: there is no real number to differentiate by among the arguments of the program")
    return By(description, argnums, len(columns), starts), np.array(columns)


class Derived(Program):
    """A derivative of a program, which is a program as well. Parameters and branches are the program's own."""

    def __init__(self, source: Program, kind: str, wrt: str, argnums: Argnums, sparse: bool) -> None:
        self.source = source
        self.by, columns = _by(source, kind, wrt, argnums)
        self.transform = Transform(kind, wrt, columns, sparse)
        if kind in ("hessian", "hvp") and not isinstance(source.tree, int):
            raise TypeError(
                f"{kind}: the function must return one number, but the program returns a "
                f"{type(source.tree).__name__}: {source.tree!r:.100} (places of numbers)"
            )
        self.description = source.description + self._seeds()
        self.slots = tuple(slots_of(self.description))
        self.width = sum(slot.size for slot in self.slots)
        self._last_kinds = Kinds()
        self._snapshots = None
        self._lends, self._named = False, True
        self._made: list[tuple[Path, Derivation | None]] = []
        self.paths = []
        self._asked: Entries | None = None
        self._extra = 0  # outputs beside what is asked for
        self._follow_source()

    def __getattr__(self, name: str) -> Any:
        if name in LINKED and "source" in vars(self):
            return getattr(self.source, name)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    @property
    def _theta(self) -> Array:  # type: ignore[override]  # there is no setting it here
        return self.source._theta

    @property
    def _lock(self) -> Any:
        return self.source._lock

    # ------------------------------------------------------------ what goes in and comes out

    def _seeds(self) -> tuple[Any, ...]:
        """The arguments beside those of the program: tangents of what it is differentiated by, or cotangents."""
        source, kind = self.source, self.transform.kind
        if kind == "vjp":
            like = map_leaves(_zeros, source.tree, partial(is_place, single=True))
            return _moved(describe((like,))[0], source.width, len(source.description), "cotangents")
        if kind not in ("jvp", "hvp"):
            return ()
        if self.by.description is None:
            return (Slot(f"argument {len(source.description)} (tangents)", (self.by.n,), False, source.width),)
        return _moved(self.by.description, source.width, len(source.description), "tangents")

    def _entries(self, made: Sequence[Derivation]) -> Entries:
        """What is asked for: the union of what may differ from 0 along the paths, in order."""
        if self.transform.kind in ("hessian", "jacobian"):
            return sorted({entry for derivation in made for entry in derivation.matrix})
        n = self.by.n
        if self.transform.kind == "jvp":
            n = 2 * len(self.source.paths[0].record.outputs)
        return [(i, 0) for i in range(n)]

    def _tree_of(self, entries: Entries) -> Any:
        """The structure of the result, with the places of its numbers."""
        kind, tree, by = self.transform.kind, self.source.tree, self.by
        if kind in ("vjp", "hvp"):
            return by.shaped(_placed)
        n = len(self.source.paths[0].record.outputs)
        if kind == "jvp":
            return tree, map_leaves(lambda part: None if part is None else part + n, tree, _is_number_or_array)
        if self.transform.sparse:
            return None
        at = np.full((by.n if kind == "hessian" else n, by.n), len(entries))  # where nothing is, the place of a 0
        if entries:
            at[tuple(np.array(entries).T)] = np.arange(len(entries))

        def row(rows: Any, shape: tuple[int, ...]) -> Any:
            return by.shaped(lambda columns, of: _placed(at[np.ix_(np.ravel(rows), columns)], shape + of))

        if kind == "hessian":
            return by.shaped(row)
        return map_leaves(lambda k: row(k, np.shape(k)), tree, _is_like_an_array)

    def _results(self, outputs: Array, single: bool) -> Any:
        if isinstance(self.tree, np.ndarray) and single:
            return outputs[:, 0][self.tree]
        if self.transform.sparse:
            values = outputs[: len(self._rows)]
            return Sparse(self._shape, self._rows, self._columns, values[:, 0] if single else values.T)

        def filled(part: Any) -> Any:
            if part is None:
                return None
            if not single:
                return outputs[part] if isinstance(part, int) else np.moveaxis(outputs[part], -1, 0)
            found = outputs[part, 0]
            return float(found) if isinstance(part, int) and outputs.dtype != object else found

        return map_leaves(filled, self.tree, partial(is_place, single=single))

    def is_meant_for(self, args: tuple[Any, ...]) -> bool:
        """Whether the transform of these arguments is to be this program: of plain numbers, or while a function is
        traced. On Values it is the eager engine's, which keeps to its conventions at infinite slopes.
        """
        if isinstance(modes.get(threading.get_ident()), Recorder):
            return True
        given: list[Array] = []
        for i, (part, x) in enumerate(zip(self.description, args, strict=False)):
            collect(part, x, i, given)
        return all(array.dtype.kind != "O" for array in given)

    # ------------------------------------------------------------ paths

    def _follow_source(self) -> None:
        """Have a path for each of the program's."""
        sources = self.source.paths
        if len(sources) == len(self._made) and all(a is b for a, (b, _) in zip(sources, self._made, strict=True)):
            return
        known = {id(path): derivation for path, derivation in self._made}
        # Whether it is to be written out was decided with the first path.
        limited = not self._made
        made = [known.get(id(path)) or derived(path.record, self.transform, limited) for path in sources]
        entries, width = self._entries(made), max(self._extra, *(len(derivation.kept) for derivation in made))
        ready: dict[int, Path] = {}
        if (entries, width) == (self._asked, self._extra):
            ready = {id(path): own for (path, _), own in zip(self._made, self.paths, strict=True)}
        else:
            self._asked, self._extra = entries, width
            self._arrange(entries)
        self.paths = [
            ready.get(id(path)) or DerivedPath(path, derivation, self.transform, entries, width, path is sources[0])
            for path, derivation in zip(sources, made, strict=True)
        ]
        # With other paths, the pattern may grow, and all of them are written out again.
        self._made = [(path, None if self._is_one_way else d) for path, d in zip(sources, made, strict=True)]

    def _arrange(self, entries: Entries) -> None:
        """Say where the numbers of the result stand."""
        self.tree = self._tree_of(entries)
        if self.transform.sparse:
            self._rows, self._columns = np.array(entries, dtype=np.intp).reshape(-1, 2).T.copy()
            self._shape = self._n_rows, self.by.n

    @property
    def _n_rows(self) -> int:
        """Of the matrix."""
        return self.by.n if self.transform.kind == "hessian" else len(self.source.paths[0].record.outputs)

    @property
    def _is_one_way(self) -> bool:
        return self.source._is_one_way

    def _discover(self, given: list[Array], n: int) -> None:
        """Have the paths that the examples of a batch take."""
        source = self.source
        rows = np.empty((n, source.width), source.dtype)
        source._fill(rows, given[: len(source.slots)])
        source._check_bounds(rows, 0)
        source._shares(rows, 0)
        self._follow_source()

    def _run(self, given: list[Array], n: int, wanted: Wanted, scale: float = 1.0) -> tuple[Array, Any, Any]:
        if not self._is_one_way:
            self._discover(given, n)
        return super()._run(given, n, wanted, scale)

    def _is_caught(self, given: list[Array], n: int) -> bool:
        caught = self.source._is_caught(given[: len(self.source.slots)], n)
        self._discover(given, n)
        return caught

    def _shares(self, rows: Array, first: int) -> list[tuple[Path, Array]]:
        shares = self.source._shares(rows[:, : self.source.width], first)
        self._follow_source()
        mine = {id(path): own for (path, _), own in zip(self._made, self.paths, strict=True)}
        return [(mine[id(path)], chosen) for path, chosen in shares]

    # ------------------------------------------------------------ parameters: the program's own

    @property
    def parameters(self) -> Array:
        """The parameters of the program: setting them sets the program's."""
        return self.source.parameters

    @parameters.setter
    def parameters(self, theta: Any) -> None:
        self.source.parameters = theta

    def take(self, theta: Any) -> int:
        """As of the program."""
        return self.source.take(theta)

    def load(self) -> None:
        """As of the program."""
        self.source.load()

    # ------------------------------------------------------------ to look at, and as data

    def _title(self) -> str:
        return f"{self.transform.kind} by {self.transform.wrt}, a {super()._title()}"

    def __getstate__(self) -> dict[str, Any]:
        kept = {key: part for key, part in vars(self).items() if key not in ("row", "_transforms")}
        return kept | {"_snapshots": None, "_made": [(path, None) for path, _ in self._made]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def _zeros(part: Any) -> Any:
    return np.zeros(part.shape) if isinstance(part, np.ndarray) else 0.0


def _is_number_or_array(part: Any) -> bool:
    return isinstance(part, int | np.ndarray)


def _is_like_an_array(part: Any) -> bool:
    """Whether a part of a result is a number, an array, or lists that could be one, as arguments are arrays."""
    if isinstance(part, list):
        with suppress(ValueError):  # of numbers and rows, or of rows that are not equally long
            return np.array(part).dtype.kind == "i"
    return _is_number_or_array(part)


def _placed(places: Any, shape: tuple[int, ...]) -> Any:
    """Places of numbers as an array, or a single one."""
    return places.reshape(shape) if shape else int(np.ravel(places)[0])


def _moved(description: Any, width: int, first: int, what: str) -> tuple[Any, ...]:
    """A description, one argument after the other, of what follows other arguments. width: of these."""
    start = width

    def of_slot(slot: Slot) -> Any:
        nonlocal start
        if slot.whole:
            return Whatever(slot.name, None)
        name = f"argument {first + int(slot.name.split()[1].split('[')[0].split('.')[0])} ({what})"
        found = replace(slot, name=name, start=start)
        start += slot.size
        return found

    return tuple(rebuild(part, of_slot, lambda fixed: Whatever(fixed.name, None)) for part in description)
