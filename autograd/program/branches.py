"""Branches: the known paths through a function, which of them each example takes, and how new ones are found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.holding import holding
from autograd.primitive import DomainError
from autograd.program.arguments import Example, Slot
from autograd.program.loops import aligned
from autograd.program.parameters import HasParameters
from autograd.program.path import Path
from autograd.program.record import FAILS, Array, same
from autograd.program.recorder import TraceError
from autograd.program.scalar import TAKES
from autograd.program.tracing import trace_once, trace_path

__all__ = ["Branches"]


@dataclass(frozen=True)
class Group:
    """Examples, by their numbers, and a path to ask about, None if none is known. place: the guard at which they left
    the one before.
    """

    path: Path | None
    chosen: Array
    place: int = TAKES


class Branches(HasParameters):
    """A program's paths."""

    description: tuple[Any, ...]
    slots: tuple[Slot, ...]
    width: int
    max_paths: int
    tree: Any
    _f: Callable[..., Any] | None
    _named: bool
    _catches: bool  # whether the function catches errors, so that any operation may decide over its path
    _last: Path | None = None
    _ways: dict[int, Path]
    _numbered = 0  # how many paths are in `_ways`, by the outcomes of their guards as far as each

    def _fill(self, rows: Array, given: list[Array]) -> None:
        raise NotImplementedError

    def path_of(self, row: Sequence[float]) -> Path:
        """The path that one example takes."""
        rows = np.empty((1, self.width), self.dtype)
        rows[0] = row
        self._check_bounds(rows, 0)
        return self._shares(rows, 0)[0][0]

    def _look_whether_there_may_be_more(self) -> None:
        """Raise TraceError if no path can be added."""
        if self._f is None:
            raise TraceError(
                "program: an example takes a branch that was never taken before the program was pickled; "
                "run it on such an example first, then pickle it"
            )
        if len(self.paths) >= self.max_paths:
            raise TraceError(
                f"program: the branches of the function lead along more than {self.max_paths} paths; for max and min "
                "write maximum, minimum or softmax, and for x if a > b else y, or where(a > b, x, y), which compares "
                "as well, write where(step(a - b), x, y); or raise max_paths"
            )

    def _add_path(self, row: Array) -> Path:
        """Trace the path that the example in `row` takes."""
        self._look_whether_there_may_be_more()
        assert self._f is not None
        known = self._leaves if self._leaves is not None else []
        record, leaves, tree, _ = trace_path(self._f, Example(self.description, row), known)
        if self._leaves is None:
            self._leaves = leaves
            self._theta = aligned(len(leaves), self.dtype)
        elif len(leaves) > len(known) and not self._named:
            raise TraceError(
                "program: a branch uses Values that the first example did not lead to, so the vector of parameters "
                "lacks them; name all of them: trace(f, ..., parameters=[...])"
            )
        if self.paths and not same(tree, self.tree):
            raise TraceError(f"program: branches return different shapes: {self.tree!r:.100} and {tree!r:.100}")
        self.tree = tree
        path = Path(record, leaves[len(self._leaves) :], self.dtype, row, not self.paths)
        self.paths.append(path)
        self._points.clear()
        self._catches = self._catches or any(guard.sign == FAILS for guard in record.guards)
        return path

    def _is_caught(self, given: list[Array], n: int) -> bool:
        """Whether the function catches the error of an example that has no value on the paths there are: by asking it.

        Raises the function's own error if it does not. From then on, every operation is taken for a decision.
        """
        rows = np.empty((n, self.width), self.dtype)
        self._fill(rows, given)
        known = np.zeros(n, dtype=bool)
        for path in self.paths:
            known |= path.takes(self._theta, rows, True)
        for i in np.flatnonzero(~known)[:1].tolist():
            self._look_whether_it_is_the_same()
            self._path_of(rows[i], i)
            self._catches = True
        return self._catches

    @property
    def _is_one_way(self) -> bool:
        """Whether every example takes the same path."""
        return self.paths[0].is_only_way and len(self.paths) == 1 and not self._catches

    def _shares(self, rows: Array, first: int) -> list[tuple[Path, Array]]:
        """The paths that the examples take, each with the numbers of its examples; new ones are traced.

        first: the number of the first row in the batch, for errors.
        """
        theta, catches = self._theta, self._catches
        found: dict[int, list[Array]] = {}
        groups = [Group(self.paths[0] if catches else self._usual(), np.arange(len(rows)))]
        knew = len(self.paths)
        while groups:
            group = groups.pop()
            path = group.path
            if path is None:
                if len(self.paths) == knew:
                    self._look_whether_it_is_the_same()
                here = int(group.chosen[0])
                path = self._path_of(rows[here], first + here)
            left = path.left_at(theta, rows[group.chosen], self._catches)
            for place in np.unique(left).tolist():
                mine = group.chosen[left == place]
                if place == TAKES:
                    found.setdefault(id(path), []).append(mine)
                else:
                    groups.append(Group(self._next(path, place, group), mine, place))
        shares = [(path, np.sort(np.concatenate(found[id(path)]))) for path in self.paths if id(path) in found]
        self._last = max(shares, key=lambda share: len(share[1]))[0]
        return shares

    def _usual(self) -> Path:
        """The path that most examples took the last time."""
        if self._last is None or not any(path is self._last for path in self.paths):
            self._last = self.paths[0]
        return self._last

    def _next(self, path: Path, place: int, group: Group) -> Path | None:
        """The path to ask when examples leave another at a guard; None where there is none.

        Where guards alone decide, it has the same outcomes as far as there, and the other one there: the function asks
        the same as long as it gets the same answers. Else, all are asked, one after the other.
        """
        if self._catches:
            k = next(i for i, known in enumerate(self.paths) if known is path)
            return self.paths[k + 1] if group.path is not None and k + 1 < len(self.paths) else None
        return None if place <= group.place else self._branch(path, place)

    def _branch(self, path: Path, place: int) -> Path | None:
        """The path that goes the other way at a guard."""
        if self._numbered != len(self.paths):
            self._ways, self._numbered = {}, len(self.paths)
            for known in self.paths:
                for prefix in known.prefixes:
                    self._ways.setdefault(prefix, known)
        return self._ways.get(path.other_way(place))

    def _path_of(self, row: Array, which: int) -> Path:
        """The path that an example takes, found by running the function itself, with the program's parameters."""
        try:
            with self._world():
                path = self._add_path(row)
                path.load()
        except DomainError as error:
            raise type(error)(f"{error} (row {which} of the batch)") from None
        if not path.takes(self._theta, row[None], self._catches)[0]:
            self.paths.pop()
            raise TraceError(
                "program: the function took another path than its comparisons tell. Does it depend on randomness, on "
                "something that changed since, or on a Value that was computed from parameters before the trace?"
            )
        for known in self.paths[:-1]:
            if known == path:
                self.paths.pop()
                return known
        return path

    @contextlib.contextmanager
    def _world(self) -> Iterator[None]:
        """Meanwhile the Values that the function uses hold what the program takes them for."""
        frozen = {value: x for path in reversed(self.paths) for value, x in zip(path.leaves, path.frozen, strict=True)}
        leaves = [*(self._leaves or []), *frozen]
        numbers = [*self._theta.tolist(), *map(float, frozen.values())]
        with holding(leaves, numbers) if self._f is not None else contextlib.nullcontext():
            yield

    def _look_whether_it_is_the_same(self) -> None:
        """Raise TraceError if the function is no longer what it was when its first and its last path were traced."""
        for path in {id(path): path for path in (self.paths[0], self.paths[-1])}.values():
            example = path.example
            if self._f is None or example is None or not path.takes(self._theta, example[None], True)[0]:
                continue  # with other parameters, it may go another way, or have no value
            with self._world():
                record, _, tree, _ = trace_once(self._f, Example(self.description, example), self._leaves or [])
            if record != path.record or not same(tree, self.tree):
                raise TraceError(
                    "program: an example takes a branch that is not known yet, but the world has changed: on the "
                    "example that was traced, the function does not compute what it did then. Keep numbers that "
                    "change in Values or pass them as arguments, or trace it again"
                )

    def _check_bounds(self, rows: Array, first: int) -> None:
        for path in self.paths:
            if not len(path.indices):
                continue
            columns = rows[:, path.indices]
            wrong = (columns < 0) | (columns >= path.lengths)
            if wrong.any():
                row, k = np.argwhere(wrong)[0]
                slot = next(s for s in reversed(self.slots) if s.start <= path.indices[k] and s.size)
                raise IndexError(
                    f"program: {slot.name} holds the index {int(columns[row, k])} in row {first + row}, "
                    f"out of range for a table of {path.lengths[k]}, places 0 to {path.lengths[k] - 1}"
                )
