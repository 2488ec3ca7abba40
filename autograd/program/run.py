"""Run: programs as users meet them. Splits a batch by the path that each example takes; each path gets its share."""

from __future__ import annotations

import contextlib
import copy
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from autograd.bulk import as_floats
from autograd.display import html_details, html_text, picture_of
from autograd.engine import Value, read, write
from autograd.holding import holding
from autograd.modes import mode_of_this_thread
from autograd.primitive import DomainError
from autograd.program.arguments import Example, Slot, collect, describe, rebuild, slots_of
from autograd.program.bind import Bound, Results, Wanted
from autograd.program.loops import aligned
from autograd.program.node import ProgramRow, on_values
from autograd.program.parameters import Parameters
from autograd.program.path import Path, fitting
from autograd.program.record import FAILS, Array, same
from autograd.program.recorder import TraceError
from autograd.program.reverse import reverse
from autograd.program.show import Equation, Stats, equations, text
from autograd.program.steps import steps
from autograd.program.tracing import trace_once, trace_path
from autograd.program.transforms import Transforms
from autograd.tree import map_leaves

__all__ = ["Program", "is_place", "trace"]

WANTED: dict[Any, Wanted] = {
    (wrt, reduce): Wanted(wrt != "inputs", wrt != "parameters", reduce is None and wrt != "inputs")
    for wrt in ("parameters", "inputs", "both")
    for reduce in ("mean", "sum", None)
}


def trace(
    f: Callable[..., Any], *example: Any, parameters: Sequence[Value] | None = None, dtype: Any = np.float64,
    max_paths: int = 64,
) -> Program:  # fmt: skip
    """Record `f`, the computation for one example, and make a Program of it that runs whole batches.

    f: takes numbers, and lists, tuples, dicts, dataclasses and arrays of them, nested, and returns a number, or such
        structures of numbers. It is called with Values where `example` has floats, and with indices, for `take` and
        `one_hot`, where `example` has integers.
    example: arguments for one example. Their shapes matter; their numbers only for the branches taken at first. What is
        no number (None, a bool, a string) is passed through, and has to be the same whenever the program is called.
    parameters: the Values to differentiate by, in the order of the gradient; others that f uses are frozen. None: all
        leaves that f uses, in the order in which it meets them.
    dtype: what the program computes in, float64 or float32. max_paths: how many ways through its branches to allow.

    Raises TraceError, which names line and remedy, if f does what a program cannot repeat: reads `.data` or keeps
    Values elsewhere.

    >>> w = Value(2.0)
    >>> program = trace(lambda x: w * x[0] + x[1] ** 2, [0.0, 0.0])
    >>> program([[1.0, 2.0], [3.0, 4.0]])
    array([ 6., 22.])
    >>> program.value_and_grad([[1.0, 2.0], [3.0, 4.0]])  # by w, the mean over the batch
    (array([ 6., 22.]), array([2.]))
    """
    if not callable(f):
        raise TypeError(f"trace: the first argument must be a function, got {f!r}")
    return Program(f, example, parameters, np.dtype(dtype), max_paths)


_programs: weakref.WeakValueDictionary[int, Program] = weakref.WeakValueDictionary()
"""All that there are, by their identity."""


def _nothing() -> None:
    """What is lent to nobody."""


def _unlock() -> None:
    """In a process that was forked: the threads that held locks are not there."""
    for program in _programs.values():
        program._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


class Program(Transforms):
    """A function as plain data: `program(*batch)` computes it for many examples at once. Made by `trace`.

    Arguments are nested as the example was, with arrays (or lists) that have one more axis in front, the batch; without
    that axis, they are one example, and results are floats instead of arrays. A list of numbers is an array; a list of
    dicts, dataclasses or named tuples is a batch of them, too.

    It pickles, without the function: a branch that was never taken before cannot be added then.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        example: tuple[Any, ...],
        parameters: Sequence[Value] | None,
        dtype: Any,
        max_paths: int,
    ) -> None:
        if dtype not in (np.float64, np.float32):
            raise ValueError(f"trace: dtype must be float64 or float32, got {dtype}")
        self.description, row = describe(example)
        self.slots = tuple(slots_of(self.description))
        self.dtype = dtype
        self.max_paths = max_paths
        self.moment = 0  # how many times the parameters have changed
        # `parameters` lends the program's own memory, to one at a time. Who keeps it beyond a change may have it: the
        # program moves, and gives copies from then on.
        self._lends = True
        self._lent: Callable[[], Parameters | None] = _nothing
        self._snapshots: Results | None = None  # memory for copies
        self._last_kinds: tuple[Any, int, bool] = (None, 0, False)  # of arguments, and what they told
        self.width = sum(slot.size for slot in self.slots)
        self.paths: list[Path] = []
        self.tree: Any = None
        self._f: Callable[..., Any] | None = f
        self._lock = self._new_lock()
        self._catches = False  # whether the function catches errors, so that any operation may decide over its path
        self._named = parameters is not None
        self._leaves: list[Value] | None = None
        if parameters is not None:
            given = [parameters] if isinstance(parameters, Value) else list(parameters)
            for leaf in given:
                if not isinstance(leaf, Value) or not leaf.is_leaf:
                    raise TypeError(f"trace: parameters must be Values that were not computed, got {leaf!r}")
            self._leaves = list(dict.fromkeys(given))
            self._theta = aligned(len(self._leaves), self.dtype)
        self._add_path(row)
        self.load()

    def _new_lock(self) -> Any:
        """What lets one thread in at a time, because there is one set of buffers."""
        _programs[id(self)] = self
        return threading.RLock()

    # ------------------------------------------------------------ parameters

    @property
    def parameters(self) -> Array:
        """The parameters, a vector of n floats: a snapshot. It can be set, whole or in part."""
        if self._lends and self._lent() is None:
            found = Parameters.of(self, self._theta, self.moment)
            self._lent = weakref.ref(found)
            return found
        if self._snapshots is None:
            self._snapshots = Results(self._theta.shape, self.dtype)
        return Parameters.of(self, self._snapshots.copy(self._theta), self.moment)

    @parameters.setter
    def parameters(self, theta: Any) -> None:
        if isinstance(theta, Parameters) and theta.is_of(self):  # changed in place, and taken then
            return
        array = as_floats(theta, "program: a parameter")
        if array.shape != self._theta.shape:
            raise ValueError(f"program: there are {len(self._theta)} parameters, got an array of shape {array.shape}")
        self.take(array)

    def take(self, theta: Any) -> int:
        """Make theta, n floats, the parameters. Returns how many times they have changed so far."""
        kind = getattr(theta, "dtype", None)
        array = theta if kind == self.dtype else fitting(theta, self.dtype, "parameter {}")
        with self._lock:
            if self._lent() is not None:
                self._lends, self._lent = False, _nothing
                self._theta = aligned(len(self._theta), self.dtype)
            self._theta[:] = array
            self.moment += 1
        return self.moment

    def alone(self) -> Any:
        """A context in which no other thread runs the program, or changes it."""
        return self._lock

    def changed(self, parameters: Parameters) -> int:
        """To be told that a current snapshot was written to. Returns how many times the parameters have changed."""
        if self._lent() is not parameters:
            return self.take(parameters)
        self.moment += 1
        return self.moment

    def load(self) -> None:
        """Take the parameters, and what is frozen, from the Values that the function uses."""
        self.take(read(self._values(), "data"))
        for path in self.paths:
            path.load()

    def store(self) -> None:
        """Write the parameters back into the Values that the function uses."""
        write(self._values(), "data", self._theta)

    def _values(self) -> list[Value]:
        if self._leaves is None:
            raise RuntimeError(
                "program: was unpickled, so there are no Values to load from or to store to; use .parameters"
            )
        return self._leaves

    # ------------------------------------------------------------ calling it

    def __call__(self, *batch: Any) -> Any:
        """What the function returns, for each example: an array of n numbers (or a tree of them, as f returns).

        Where there are Values among the arguments, results are Values too, for `backward()` and derivatives of every
        order, by these and by the parameters.
        """
        given, n, has_values = self._given(batch)
        if has_values:
            flat = [array.reshape(n or 1, slot.size) for slot, array in zip(self.slots, given, strict=True)]
            with self._lock:
                outputs = on_values(self, np.concatenate(flat, axis=1, dtype=object).tolist())
        else:
            with self._lock:
                outputs, _, _ = self._run(given, n or 1, Wanted())
        return self._results(outputs, not n)

    def value_and_grad(self, *batch: Any, wrt: str | None = None, reduce: str | None = "mean") -> tuple[Any, Any]:
        """What the function returns, for each example, and the gradient of it.

        f must return one number, or a tuple whose first entry is the number to differentiate.
        wrt: "parameters", "inputs" or "both" (a pair); None: by parameters if there are any, else by inputs.
        reduce: what happens to the gradients by parameters of n examples: "mean", "sum", or None to have them all.

        The gradient by parameters is a vector like `parameters`, or with reduce=None an array of shape (n, number of
        parameters). The gradient by inputs is that of each example's own value, in the shape of the arguments: an array
        if there is one, else a tuple with one entry each, None for indices.
        """
        if wrt is None:
            wrt = "parameters" if len(self._theta) else "inputs"
        wanted = WANTED.get((wrt, reduce))
        if wanted is None:
            if reduce not in ("mean", "sum", None):
                raise ValueError(f"value_and_grad: reduce must be 'mean', 'sum' or None, got {reduce!r}")
            raise ValueError(f"value_and_grad: wrt must be 'parameters', 'inputs' or 'both', got {wrt!r}")
        first = self.tree[0] if isinstance(self.tree, tuple) and self.tree else self.tree
        if not isinstance(first, int):
            raise TypeError(
                "value_and_grad: the traced function must return one number to differentiate, "
                f"or a tuple that starts with it; it returns a {type(self.tree).__name__}: {self.tree!r:.100} "
                "(places of numbers). Of a model, trace the loss: trace(lambda x, t: loss(model(x), t), x, t)"
            )
        given, n, _ = self._given(batch, "value_and_grad")
        mean = 1.0 / n if reduce == "mean" and n else 1.0
        with self._lock:
            outputs, by_parameters, by_inputs = self._run(given, n or 1, wanted, mean if wrt == "parameters" else 1.0)
        found: Any = by_parameters
        if wanted.each and not n:
            found = by_parameters[0]
        if wrt == "inputs":
            found = self._by_argument(by_inputs, not n)
        elif wrt == "both":
            found = (found * mean if mean != 1.0 else found, self._by_argument(by_inputs, not n))
        return self._results(outputs, not n), found

    def _given(self, batch: tuple[Any, ...], name: str = "") -> tuple[list[Array], int, bool]:
        """The array for each Slot, checked; the batch size, 0 for one example without a batch axis; and whether there
        are Values among them. name: of a method, if it takes none.
        """
        if len(batch) != len(self.description):
            raise TypeError(f"program: takes {len(self.description)} arguments, got {len(batch)}")
        given: list[Array] = []
        for i, x in enumerate(batch):
            collect(self.description[i], x, i, given)
        kinds = tuple([(array.shape, array.dtype) for array in given])
        known, n, has_values = self._last_kinds
        if kinds != known:
            n, has_values = self._batch_of(given), any(array.dtype.kind == "O" for array in given)
            self._last_kinds = kinds, n, has_values
        if has_values and name:
            raise TypeError(
                f"{name}: takes plain numbers; given Values, call the program itself, and backward() on its result"
            )
        return given, n, has_values

    def _batch_of(self, given: list[Array]) -> int:
        pairs = list(zip(self.slots, given, strict=True))
        n = 0
        for slot, array in pairs:
            if array.ndim > len(slot.shape):
                n = max(n, len(array))
                if not len(array):
                    raise ValueError(f"program: {slot.name} is an empty batch; give at least one example")
        for slot, array in pairs:
            if array.shape != ((n, *slot.shape) if n else slot.shape):
                expected = f"{slot.shape} for one example, or {('n', *slot.shape)} for n".replace("'", "")
                others = ", ".join(f"{s.name}: {a.shape}" for s, a in pairs if s is not slot)
                beside = f", beside {others}" if others else ""
                raise ValueError(f"program: {slot.name} must have shape {expected}, got {array.shape}{beside}")
        return n

    def _results(self, outputs: Array, single: bool) -> Any:
        if isinstance(self.tree, int) and not single:
            return outputs[self.tree]

        def filled(tree: Any) -> Any:
            if not single:
                return outputs[tree] if isinstance(tree, int) else np.moveaxis(outputs[tree], -1, 0)
            found = outputs[tree, 0]
            return float(found) if isinstance(tree, int) and outputs.dtype != object else found

        return map_leaves(filled, self.tree, partial(is_place, single=single))

    def _by_argument(self, by_inputs: Array, single: bool) -> Any:
        def of_slot(slot: Slot) -> Any:
            if slot.whole:
                return None
            part = by_inputs[:, slot.place].reshape(len(by_inputs), *slot.shape)
            return (part[0] if slot.shape else float(part[0])) if single else part

        found = tuple([rebuild(part, of_slot, lambda _: None) for part in self.description])
        return found[0] if len(found) == 1 else found

    # ------------------------------------------------------------ as a primitive

    @cached_property
    def row(self) -> ProgramRow:
        """The program as a row: what a Value that it returns is the result of."""
        return ProgramRow(self)

    def parameter_values(self) -> list[Any]:
        """The Values that the parameters are, or numbers if there are none. ValueError if their numbers are others."""
        if self._leaves is None:
            return [*self._theta.tolist()]
        with mode_of_this_thread(None):
            differs = np.flatnonzero(read(self._leaves, "data").astype(self.dtype) != self._theta)
        if len(differs):
            i = int(differs[0])
            raise ValueError(
                f"program: parameter {i} is {self._theta[i]:.6g} here, but {self._leaves[i]._number:.6g} in its Value, "
                "so it is not clear which of them a gradient is for; call program.store() or program.load() first"
            )
        return [*self._leaves]

    def path_of(self, row: Sequence[float]) -> Path:
        """The path that one example takes."""
        rows = np.empty((1, self.width), self.dtype)
        rows[0] = row
        self._check_bounds(rows, 0)
        return self._shares(rows, 0)[0][0]

    def run_rows(self, rows: Array, wanted: Wanted) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and gradients by parameters and inputs, of examples that are rows of numbers."""
        with self._lock:
            given = [rows[:, slot.place].reshape(len(rows), *slot.shape) for slot in self.slots]
            return self._run(given, len(rows), wanted)

    @contextlib.contextmanager
    def holding(self, theta: Sequence[float]) -> Iterator[None]:
        """Let the parameters be others for a while."""
        with self._lock:
            before = self._theta.copy()
            try:
                self._theta[:] = theta
                yield
            finally:
                self._theta[:] = before

    # ------------------------------------------------------------ paths

    def _add_path(self, row: Array) -> Path:
        """Trace the path that the example in `row` takes."""
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
        self._catches = self._catches or any(guard.sign == FAILS for guard in record.guards)
        return path

    def _run(self, given: list[Array], n: int, wanted: Wanted, scale: float = 1.0) -> tuple[Array, Any, Any]:
        """Outputs (number, example); and, times `scale`, the gradients by parameters and by inputs that are wanted."""
        knew = self._catches
        try:
            return self._run_on_paths(given, n, wanted, scale)
        except DomainError:
            if knew or self._f is None or not (self._catches or self._is_caught(given, n)):
                raise
        return self._run_on_paths(given, n, wanted, scale)

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

    def _run_on_paths(self, given: list[Array], n: int, wanted: Wanted, scale: float) -> tuple[Array, Any, Any]:
        """The same, on the paths that are known, or found by their comparisons."""
        most = self.paths[0].most(n, wanted)
        if n <= most and self._is_one_way:
            return self._run_along(self.paths[0], given, n, wanted, scale, 0, lend=False)
        outputs = np.empty((len(self.paths[0].record.outputs), n), self.dtype)
        width = len(self._theta)
        total = np.zeros((n, width) if wanted.each else width, self.dtype) if wanted.by_parameters else None
        slopes = np.empty((n, self.width), self.dtype) if wanted.by_inputs else None
        for chosen, (found, gradient, slope) in self._pieces(given, n, most, wanted, scale):
            outputs[:, chosen] = found
            if total is not None and wanted.each:
                total[chosen] = gradient
            elif total is not None:
                total += gradient
            if slopes is not None:
                slopes[chosen] = slope
        return outputs, total, slopes

    def _run_along(
        self, path: Path, given: list[Array], n: int, wanted: Wanted, scale: float, first: int, lend: bool
    ) -> tuple[Array, Any, Any]:
        """The same for examples that all take one path. first, lend: as in `Path.run`."""
        bound = path.bound(n, wanted, self._theta)
        self._fill(bound.rows, given)
        self._check_bounds(bound.rows, first)
        return path.run(bound, bound.rows, scale, self._theta, first, lend)

    def _pieces(
        self, given: list[Array], n: int, most: int, wanted: Wanted, scale: float
    ) -> Iterator[tuple[Any, tuple[Array, Any, Any]]]:
        """The same by pieces of a batch, with the numbers of the examples in each: of one path, and not too many."""
        for first in range(0, n, most):
            size = min(most, n - first)
            part = [array[first : first + size] for array in given] if size < n else given
            if self._is_one_way:
                found = self._run_along(self.paths[0], part, size, wanted, scale, first, lend=True)
                yield slice(first, first + size), found
                continue
            rows = np.empty((size, self.width), self.dtype)
            self._fill(rows, part)
            self._check_bounds(rows, first)
            for path, chosen in self._shares(rows, first):
                yield first + chosen, path.run_share(rows, chosen, wanted, scale, self._theta, first)

    def _fill(self, rows: Array, given: list[Array]) -> None:
        """Put the arguments together, one row per example."""
        for slot, array in zip(self.slots, given, strict=True):
            if slot.whole:
                self._check_whole(slot, array)
            shape = len(rows), slot.size
            given_as = array if array.shape == shape else array.reshape(shape)
            if array.itemsize > rows.itemsize:
                self._narrow(rows, slot, given_as)
            else:
                rows[:, slot.place] = given_as

    def _check_whole(self, slot: Slot, array: Array) -> None:
        bits = np.finfo(self.dtype).nmant + 1  # up to 2**bits, all whole numbers are floats
        if array.size and (array.max() > 2**bits or array.min() < -(2**bits)):
            raise ValueError(
                f"program: {slot.name} holds an index beyond 2**{bits}, too large for {self.dtype}"
                + "; use float64" * (self.dtype == np.float32)
            )

    def _narrow(self, rows: Array, slot: Slot, array: Array) -> None:
        try:
            with np.errstate(over="raise"):
                rows[:, slot.place] = array
        except FloatingPointError:
            raise ValueError(f"program: {slot.name} holds a number that is too large for {self.dtype}") from None

    def _shares(self, rows: Array, first: int) -> list[tuple[Path, Array]]:
        """The paths that the examples take, each with the numbers of its examples; new ones are traced.

        first: the number of the first row in the batch, for errors.
        """
        waiting = np.arange(len(rows))
        shares: list[tuple[Path, Array]] = []
        for path in self.paths:
            if len(waiting):
                mine = path.takes(self._theta, rows if len(waiting) == len(rows) else rows[waiting], self._catches)
                shares.append((path, waiting[mine]))
                waiting = waiting[~mine]
        if len(waiting):
            self._look_whether_it_is_the_same()
        while len(waiting):
            path = self._path_of(rows[waiting[0]], first + int(waiting[0]))
            mine = path.takes(self._theta, rows[waiting], self._catches)
            shares.append((path, waiting[mine]))
            waiting = waiting[~mine]
        return [share for share in shares if len(share[1])]

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
            if self._f is None or example is None or not path.takes(self._theta, example[None], self._catches)[0]:
                continue  # with other parameters, it may go another way
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

    # ------------------------------------------------------------ to look at

    @property
    def stats(self) -> Stats:
        """What it costs: scalar nodes in, array operations out, flops, bytes."""
        plan = self.paths[0].plan
        flops = sum(i.flops for i in plan.instructions)
        return Stats(len(self.paths[0].record.op), len(plan.instructions), flops, sum(plan.sizes) * self.dtype.itemsize)

    def equations(self, path: int = 0) -> list[Equation]:
        """The array operations of one path through the branches, in order."""
        return equations(self.paths[path].plan, self.slots)

    def __str__(self) -> str:
        lines = [self._title()]
        for k, path in enumerate(self.paths):
            if len(self.paths) > 1:
                lines.append(f"path {k + 1}, taken where {len(path.record.guards)} comparisons come out as they did")
            lines += [f"  {line}" for line in path.story()]
            if not path.is_sequential:
                lines += text(equations(path.plan, self.slots))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self._title()}>"

    def _repr_html_(self) -> str:
        svg = picture_of(self)
        return html_text(str(self)) if svg is None else html_details(svg, "equations", str(self))

    def _title(self) -> str:
        nodes = f"{len(self.paths[0].record.op):,} scalar operations, {len(self._theta):,} parameters"
        inputs = ", ".join(f"{slot.name} {slot.shape}" for slot in self.slots)
        return f"program of {nodes}; {inputs or 'no arguments'}; n examples"

    def steps(self, n: int = 1, path: int = 0) -> str:
        """What runs for n examples, values and then gradients by parameters (by inputs if there are none): a text.

        A line is a step: the number of its equation, its shape, where the result goes and what happens there, and of
        what. A place is a buffer and, in brackets, its first number: how far it is to the next one along each axis.
        `tanh'1` is the contribution to the first argument of tanh.
        """
        if n < 1:
            raise ValueError(f"Program.steps: n must be at least 1, got {n}")
        chosen = self.paths[path]
        wanted = WANTED["parameters" if len(self._theta) else "inputs", "mean"]
        found = steps(reverse(chosen.plan, wanted, len(self._theta)), n, self.dtype.itemsize).steps
        lines = [self._title(), *(f"  {line}" for line in chosen.story())]
        return "\n".join([*lines, *(f"{f'%{step.equation}':>5} {step}" for step in found)])

    def profile(self, *batch: Any, repeat: int = 20) -> str:
        """The equations, each with the microseconds it takes on this batch, for values and for gradients: a text.

        The median of `repeat` runs, on the path that was traced first.
        """
        given, n, _ = self._given(batch, "profile")
        path = self.paths[0]
        wanted = WANTED["parameters" if len(self._theta) else "inputs", "mean"]
        with self._lock:
            bound = Bound(path.plan, n or 1, self.dtype, self._theta, path.frozen, wanted)
            self._fill(bound.rows, given)
            seconds = bound.seconds(repeat)
        total = f"{1e6 * sum(f for f, _ in seconds):9.1f} {1e6 * sum(b for _, b in seconds):9.1f}  in all, µs"
        return "\n".join([self._title(), "   values gradients", *text(self.equations(), seconds), total])

    # ------------------------------------------------------------ as data

    def __getstate__(self) -> dict[str, Any]:
        return {key: part for key, part in vars(self).items() if key not in ("_lock", "row", "_transforms")} | {
            "_f": None,
            "_snapshots": None,
            "_lent": _nothing,
            "_leaves": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=self._new_lock())

    def __copy__(self) -> Program:
        return copy.deepcopy(self)  # the buffers are not to be shared

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        mine, theirs = ((p.description, p.tree, p.dtype, p.paths) for p in (self, other))
        return same(mine, theirs)

    __hash__ = None  # type: ignore[assignment]  # paths are added while it is used


def is_place(tree: Any, single: bool) -> bool:
    """Whether a part of what a function returned is filled at once: a number, an array, or, in a batch, a list."""
    if isinstance(tree, int | np.ndarray):
        return True
    return not single and isinstance(tree, list) and all(isinstance(part, int) for part in tree)
