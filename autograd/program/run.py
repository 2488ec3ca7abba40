"""Run: programs as users meet them. Splits a batch by the path that each example takes; each path gets its share."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from numbers import Integral
from typing import Any

import numpy as np

from autograd.display import html_details, html_text, picture_of
from autograd.engine import Value
from autograd.program.arguments import Slot, collect, describe, rebuild, slots_of
from autograd.program.batches import Kinds, kinds_of, spread
from autograd.program.bind import Bound, Results, Wanted
from autograd.program.binding import Binding
from autograd.program.loops import aligned
from autograd.program.node import ProgramRow, on_values
from autograd.program.parameters import Parameters, nothing
from autograd.program.path import Asked, Path
from autograd.program.points import points_of
from autograd.program.record import Array, same
from autograd.program.reverse import reverse
from autograd.program.running import Running
from autograd.program.scalar import Gate
from autograd.program.show import Equation, Stats, equations, text
from autograd.program.steps import steps
from autograd.program.transforms import Transforms
from autograd.tree import map_leaves

__all__ = ["Program", "is_place", "trace"]

WANTED: dict[Any, Wanted] = {
    (wrt, reduce): Wanted(wrt != "inputs", wrt != "parameters", reduce is None and wrt != "inputs")
    for wrt in ("parameters", "inputs", "both")
    for reduce in ("mean", "sum", None)
}


VALUE = ("value", None)
"""What the value alone is called where the gradients wanted have a name."""


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


def _unlock() -> None:
    """In a process that was forked: the threads that held locks are not there."""
    for program in _programs.values():
        program._lock, program._gate = threading.RLock(), Gate()
        program._points.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


class Program(Running, Transforms):
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
        self.moment = 0
        self._lends = True
        self._lent: Callable[[], Parameters | None] = nothing
        self._snapshots: Results | None = None
        self._last_kinds = Kinds()
        self.width = sum(slot.size for slot in self.slots)
        self.paths: list[Path] = []
        self._points: Any = {}
        self._gate = Gate()
        self._ways = {}
        self.tree: Any = None
        self._f: Callable[..., Any] | None = f
        self._lock = self._new_lock()
        self._catches = False
        self._named = parameters is not None
        self._leaves: list[Value] | None = None
        if parameters is not None:
            self._leaves = _leaves_in(parameters)
            self._theta = aligned(len(self._leaves), self.dtype)
        self._add_path(row)
        self.load()

    def _new_lock(self) -> Any:
        """What lets one thread in at a time, because there is one set of buffers."""
        _programs[id(self)] = self
        return threading.RLock()

    # ------------------------------------------------------------ calling it

    def __call__(self, *batch: Any) -> Any:
        """What the function returns, for each example: an array of n numbers (or a tree of them, as f returns).

        An argument without a batch axis, beside others that have one, is the same for all examples.
        Where there are Values among the arguments, results are Values too, for `backward()` and derivatives of every
        order, by these and by the parameters.
        """
        point = self._points.get(VALUE)
        found = None if point is None else point(*batch)
        return self._values_of(batch) if found is None else found

    def _values_of(self, batch: tuple[Any, ...]) -> Any:
        given, n, has_values = self._given(batch)
        if has_values:
            flat = [np.reshape(array, (n or 1, slot.size)) for slot, array in zip(self.slots, given, strict=True)]
            with self._lock:
                outputs = on_values(self, np.concatenate(flat, axis=1, dtype=object).tolist())
        else:
            with self._lock:
                outputs, _, _ = self._run(given, n or 1, Wanted())
            if not n:
                self._have_point(VALUE, Wanted())
        return self._results(outputs, not n)

    def _have_point(self, key: tuple[str | None, str | None], wanted: Wanted) -> None:
        """One example was asked for, and may be again: have the shortest way for it, if there is one."""
        if key in self._points or type(self._points) is not dict:
            return
        starts = type(self.tree) is int and self.tree == 0
        points = points_of(self.paths, self.description, self._theta, self._gate, wanted) if starts else []
        self._points[key] = points[0] if points else None

    def value_and_grad(self, *batch: Any, wrt: str | None = None, reduce: str | None = "mean") -> tuple[Any, Any]:
        """What the function returns, for each example, and the gradient of it.

        f must return one number, or a tuple whose first entry is the number to differentiate.
        wrt: "parameters", "inputs" or "both" (a pair); None: by parameters if there are any, else by inputs.
        reduce: what happens to the gradients by parameters of n examples: "mean", "sum", or None to have them all.

        The gradient by parameters is a vector like `parameters`, or with reduce=None an array of shape (n, number of
        parameters). The gradient by inputs is that of each example's own value, in the shape of the arguments: an array
        if there is one, else a tuple with one entry each, None for indices. An argument without a batch axis, beside
        others that have one, is the same for all examples; the gradient by it is there for each of them.
        """
        try:
            point = self._points.get((wrt, reduce))
        except TypeError:  # a list, say, which is refused below
            point = None
        found = None if point is None else point(*batch)
        return self._slopes_of(batch, wrt, reduce) if found is None else found

    def _wanted(self, name: str, wrt: str | None, reduce: str | None) -> tuple[str, Wanted]:
        """What the arguments of a method ask for, checked."""
        if wrt is None:
            wrt = "parameters" if len(self._theta) else "inputs"
        wanted = WANTED.get((wrt, reduce)) if isinstance(wrt, str) and isinstance(reduce, str | None) else None
        if wanted is None and (not isinstance(reduce, str | None) or reduce not in ("mean", "sum", None)):
            raise ValueError(f"{name}: reduce must be 'mean', 'sum' or None, got {reduce!r}")
        if wanted is None:
            raise ValueError(f"{name}: wrt must be 'parameters', 'inputs' or 'both', got {wrt!r}")
        first = self.tree[0] if isinstance(self.tree, tuple) and self.tree else self.tree
        if not isinstance(first, int):
            raise TypeError(
                f"{name}: the traced function must return one number to differentiate, "
                f"or a tuple that starts with it; it returns a {type(self.tree).__name__}: {self.tree!r:.100} "
                "(places of numbers). Of a model, trace the loss: trace(lambda x, t: loss(model(x), t), x, t)"
            )
        return wrt, wanted

    def _slopes_of(self, batch: tuple[Any, ...], given_wrt: str | None, reduce: str | None) -> tuple[Any, Any]:
        wrt, wanted = self._wanted("value_and_grad", given_wrt, reduce)
        given, n, _ = self._given(batch, "value_and_grad")
        mean = 1.0 / n if reduce == "mean" and n else 1.0
        with self._lock:
            outputs, by_parameters, by_inputs = self._run(given, n or 1, wanted, mean if wrt == "parameters" else 1.0)
            if not n:
                self._have_point((given_wrt, reduce), wanted)
        found: Any = by_parameters
        if wanted.each and not n:
            found = by_parameters[0]
        if wrt == "inputs":
            found = self.by_argument(by_inputs, not n)
        elif wrt == "both":
            found = (found * mean if mean != 1.0 else found, self.by_argument(by_inputs, not n))
        return self._results(outputs, not n), found

    def bind(
        self, n: int, *, wrt: str | None = None, reduce: str | None = "mean", out: tuple[Any, Any] | None = None
    ) -> Binding:
        """The program with memory for n examples, for tight loops: no arrays are made when it is called.

        wrt, reduce: as of `value_and_grad`. out: (values, gradient), nested as `value_and_grad` returns them: arrays of
        one's own that are to be written, too.

        >>> bound = trace(lambda x: x * x, 1.0).bind(3)
        >>> bound.inputs[:] = [1.0, 2.0, 3.0]
        >>> bound()
        >>> bound.values, bound.gradient
        (array([1., 4., 9.]), array([2., 4., 6.]))
        """
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"bind: n, how many examples there are, must be a whole number, at least 1, got {n!r}")
        n = int(n)
        wrt, wanted = self._wanted("bind", wrt, reduce)
        mean = 1.0 / n if reduce == "mean" and wrt != "inputs" else 1.0
        scale = mean if wrt == "parameters" else 1.0
        return Binding(self, n, Asked(wanted, scale, self._theta), mean / scale, out)

    @property
    def parameter_count(self) -> int:
        """How many parameters there are."""
        return len(self._theta)

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
        if kinds != self._last_kinds.kinds:
            self._last_kinds = kinds_of(self.slots, given, kinds)
        known = self._last_kinds
        if known.has_values and name:
            raise TypeError(
                f"{name}: takes plain numbers; given Values, call the program itself, and backward() on its result"
            )
        return spread(self.slots, given, known.n) if known.spreads else given, known.n, known.has_values

    def results(self, outputs: Array) -> Any:
        """What a batch returns, from its numbers (number, example)."""
        return self._results(outputs, False)

    def _results(self, outputs: Array, single: bool) -> Any:
        if isinstance(self.tree, int) and not single:
            return outputs[self.tree]

        def filled(tree: Any) -> Any:
            if not single:
                return outputs[tree] if isinstance(tree, int) else np.moveaxis(outputs[tree], -1, 0)
            found = outputs[tree, 0]
            return float(found) if isinstance(tree, int) and outputs.dtype != object else found

        return map_leaves(filled, self.tree, partial(is_place, single=single))

    def by_argument(self, by_inputs: Array, single: bool) -> Any:
        """Gradients by inputs, (example, number), in the structure of the arguments."""

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
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"Program.steps: n, how many examples there are, must be at least 1, got {n!r}")
        if path not in range(len(self.paths)):
            raise ValueError(f"Program.steps: there are {len(self.paths)} paths, counted from 0, got {path!r}")
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
        left_out = ("_lock", "_gate", "row", "_transforms")
        return {key: part for key, part in vars(self).items() if key not in left_out} | {
            "_f": None,
            "_snapshots": None,
            "_lent": nothing,
            "_leaves": None,
            "_points": {},
            "_ways": {},
            "_numbered": 0,
            "_last": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=self._new_lock(), _gate=Gate())

    def __copy__(self) -> Program:
        return copy.deepcopy(self)  # the buffers are not to be shared

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        mine, theirs = ((p.description, p.tree, p.dtype, p.paths) for p in (self, other))
        return same(mine, theirs)

    __hash__ = None  # type: ignore[assignment]  # paths are added while it is used


def _leaves_in(parameters: Any) -> list[Value]:
    """The Values to differentiate by, each once. TypeError if they are something else."""
    given = [parameters] if isinstance(parameters, Value) else list(parameters)
    for leaf in given:
        if not isinstance(leaf, Value) or not leaf.is_leaf:
            raise TypeError(f"trace: parameters must be Values that were not computed, got {leaf!r}")
    return list(dict.fromkeys(given))


def is_place(tree: Any, single: bool) -> bool:
    """Whether a part of what a function returned is filled at once: a number, an array, or, in a batch, a list."""
    if isinstance(tree, int | np.ndarray):
        return True
    return not single and isinstance(tree, list) and all(isinstance(part, int) for part in tree)
