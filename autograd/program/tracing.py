"""Trace: run a function once, on Values that watch, and write down what it did.

The function runs as it always does; this thread's tape keeps every Value it makes, in order. What the numbers decide
(`if x > 0`) becomes a guard; what would take a number out of the record (`x.data`) is refused, because a program could
not follow it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import operator
import os
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import Value, held_elsewhere, read, topological, unwind
from autograd.modes import Tape, mode_of_this_thread, modes, no_grad
from autograd.primitive import Primitive
from autograd.primitives import equal, sum, where
from autograd.program.record import FAILS, SIGNS, Guard, Record, same
from autograd.tree import is_array, is_number, map_leaves, plain_array
from autograd.value import Number

__all__ = ["Index", "TraceError", "flatten", "one_hot", "take", "trace_once", "trace_path"]

NOT_THE_USERS = (
    "<frozen ",
    *(str(Path(__file__).resolve().parents[2] / name) for name in ("autograd", "nn")),
    contextlib.__file__,
)


class TraceError(TypeError):
    """A function cannot become a program. The message says where, why, and what to write instead."""


REMEDIES = {
    "data": "reads .data of a Value, a number that the program could not follow; "
    "keep the Value, and where nothing shall flow back write stop_gradient(v)",
    "text": "makes text of a Value, from which its number could be read again; print it outside, or return it",
    "set": "sets .data of a Value, which a program would not repeat; do it outside",
    "float": "makes a plain float of a Value, a number that the program could not follow; keep the Value, "
    "and use autograd's own functions on it (autograd.exp(v), not math.exp(v))",
    "int": "makes an int of a Value, a number that the program could not follow; "
    "pass whole numbers as integer arguments and use take(table, i) or one_hot(i, n)",
    "bool": "asks whether a Value is true; compare it, as in v > 0",
    "backward": "calls backward(); return the loss, and let the program find the gradient",
    "no_grad": "switches recording off; write stop_gradient(v) where nothing shall flow back",
    "derivative": "takes a derivative; trace the function alone, and let the program find the gradient",
}


def user_line() -> str:
    """File and line of what called into us, as text for an error."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(NOT_THE_USERS):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


GENERATORS = np.random.BitGenerator | np.random.Generator | np.random.RandomState


class Recorder(Tape):
    """The tape of one trace, with what else was noted."""

    def __init__(self) -> None:
        super().__init__()
        self.guards: list[tuple[str, tuple[Number, ...], bool, Primitive | None]] = []
        self.bounds: dict[tuple[Value, int], None] = {}

    def compared(self, sign: str, x1: Value, x2: Any, outcome: bool) -> None:
        x2 = x2.value if isinstance(x2, Index) else x2
        self.guards.append((sign, (x1, x2 if isinstance(x2, Value) else float(x2)), outcome, None))

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        self.guards.append((FAILS, tuple(args), True, primitive))

    def refuse(self, what: str, value: Value | None) -> None:
        frame: Any = sys._getframe(2)
        while frame.f_code.co_name in ("__repr__", "__format__"):
            frame = frame.f_back
        if what == "text" and frame.f_code.co_filename.startswith(NOT_THE_USERS):
            return  # an error of ours, which says what it is about
        raise TraceError(f"{user_line()}: the traced function {REMEDIES[what]}")


def _comparison(sign: str) -> Callable[[Index, Any], bool]:
    def compared(self: Index, other: Any) -> bool:
        if not isinstance(other, Index | Value | Real):
            return NotImplemented  # type: ignore[no-any-return]  # Python then asks the other side
        tape = _tape()
        outcome: bool = SIGNS[sign](self._number, getattr(other, "_number", other))
        if tape is not None:
            tape.compared(sign, self.value, other, outcome)
        return outcome

    return compared


class Index:
    """What an integer argument is while a function is traced: a place in a table, not known to the function.

    It can be compared (which becomes a guard), and be given to `take` and `one_hot`; for arithmetic, pass a float.
    """

    def __init__(self, number: int) -> None:
        self._place = number
        self.value = Value(number)
        self._number = float(number)  # what a comparison looks at, as on a Value

    __lt__ = _comparison("<")
    __le__ = _comparison("<=")
    __gt__ = _comparison(">")
    __ge__ = _comparison(">=")
    __eq__ = _comparison("==")
    __ne__ = _comparison("!=")
    __hash__ = None  # type: ignore[assignment]  # a dict would decide by it unseen

    def _refuse(self, *others: Any) -> Any:
        raise TraceError(
            f"{user_line()}: the traced function computes with an integer argument, but integers are indices: write "
            "take(table, i) for table[i] and one_hot(i, n) for a 1 among 0s. Pass a float (1.0 for 1) to trace() and "
            "to the program if it is a number to compute with, or close over it if it is always the same"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = __mod__ = __floordiv__ = _refuse
    __index__ = __int__ = __float__ = __bool__ = _refuse

    number = property(_refuse)

    @staticmethod
    def __apply_primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return Index._refuse(args[0])


def _tape() -> Recorder | None:
    mode = modes.get(threading.get_ident())
    return mode if isinstance(mode, Recorder) else None


def one_hot(i: Any, n: int) -> list[Any]:
    """n numbers, 1.0 at place i and 0.0 elsewhere.

    >>> one_hot(1, 3)
    [0.0, 1.0, 0.0]
    """
    return _one_hot("one_hot", i, n)


def _one_hot(name: str, i: Any, n: int) -> list[Any]:
    n = operator.index(n)
    place = i._place if isinstance(i, Index) else i
    if isinstance(place, bool) or not hasattr(place, "__index__"):
        raise TypeError(f"{name}: the index must be a whole number, got {place!r}")
    if not 0 <= place < n:
        raise IndexError(f"{name}: index {place} is out of range, there are {n} places, 0 to {n - 1}")
    if not isinstance(i, Index):
        return [float(i == k) for k in range(n)]
    tape = _tape()
    if tape is not None:
        tape.bounds[i.value, n] = None
    return [equal(i.value, float(k)) for k in range(n)]


def take(table: Sequence[Any], i: Any) -> Any:
    """table[i], also where i is an argument of a traced function: a number, or a row if the table is a list of rows.

    table: numbers or Values, or (nested) lists of them, all of one shape. Raises IndexError if i is not a place in it.

    >>> take([[1.0, 2.0], [3.0, 4.0]], 1)
    [3.0, 4.0]
    """
    chosen = _one_hot("take", i, len(table))
    return _weighted(chosen, table) if isinstance(i, Index) else table[i]


def _weighted(weights: list[Any], table: Sequence[Any]) -> Any:
    if not isinstance(table[0], list | tuple | np.ndarray):
        return sum([where(weight, x, 0.0) for weight, x in zip(weights, table, strict=True)])
    if len({len(row) for row in table}) > 1:
        raise ValueError("take: the rows of the table must be equally long, so that any of them can be taken")
    return [_weighted(weights, column) for column in zip(*table, strict=True)]


# ---------------------------------------------------------------- one path


class Run(NamedTuple):
    """What one run of a function left: the record; the leaves that its parameters are, in order; what it returned, with
    a place among the outputs of the record where a number was; and these numbers.
    """

    record: Record
    leaves: list[Value]
    tree: Any
    numbers: list[float]


def trace_path(
    f: Callable[..., Any],
    make: Callable[[], tuple[Any, list[Value]]],
    plain: Callable[[], Any],
    known: Sequence[Value],
) -> Run:
    """Run `f`, twice, and once on plain numbers, and record the path it takes. Raises TraceError if it is not the same
    each time.

    make: returns what f is called with, and the Values in it, in order. plain: returns the same with plain numbers.
    known: Values that are parameters whether or not f uses them, each once; leaves that f uses besides follow.
    """
    first, nodes = _traced(f, make, known)
    _nothing_kept(f, make, nodes)
    del nodes
    again = trace_once(f, make, known)
    with _draws(f) as drawn:
        found = _on_plain(f, plain)
        if found is None:  # it needs Values, for their methods
            trace_once(f, make, known)
    if drawn:
        with _draws(f) as once_more:
            trace_once(f, make, known)
        # One of its own, made anew in each call, always draws the same.
        if any(x is y for x in drawn for y in once_more):
            raise TraceError(
                "the traced function draws random numbers, which a program would not draw again: "
                "draw them outside, and pass them as arguments"
            )
    same_leaves = len(first.leaves) == len(again.leaves) and all(map(operator.is_, first.leaves, again.leaves))
    if first.record != again.record or not same(first.tree, again.tree) or not same_leaves:
        raise TraceError(
            "the traced function does not compute the same thing twice: is there randomness, a clock or a counter in "
            "it? Take such numbers outside, and pass them as arguments"
        )
    if found is not None:
        _compare(first, *found)
    return first


def trace_once(f: Callable[..., Any], make: Callable[[], tuple[Any, list[Value]]], known: Sequence[Value]) -> Run:
    """The same of one run of `f`."""
    return _traced(f, make, known)[0]


def _traced(
    f: Callable[..., Any], make: Callable[[], tuple[Any, list[Value]]], known: Sequence[Value]
) -> tuple[Run, list[Value]]:
    """The same, and the Values of the run, which nobody else should hold now."""
    tape = Recorder()
    arguments, inputs = make()
    with mode_of_this_thread(tape):
        result = f(*arguments)
    flat: list[Any] = []
    tree = flatten(result, flat)
    record, leaves = _write_down(tape, inputs, known, flat)
    numbers = [getattr(x, "_number", x) for x in flat]
    del result, arguments
    flat.clear()
    tape.guards.clear()
    tape.bounds.clear()
    nodes = [*inputs, *tape]
    inputs.clear()
    tape.clear()
    return Run(record, leaves, tree, numbers), nodes


def _on_plain(f: Callable[..., Any], plain: Callable[[], Any]) -> tuple[Any, list[float]] | None:
    """What f returns for plain numbers, with places where numbers are, and these; None if it does not work on them."""
    flat: list[Any] = []
    try:
        with mode_of_this_thread(None), no_grad():
            tree = flatten(f(*plain()), flat)
    except Exception:
        return None
    return tree, [getattr(x, "_number", x) for x in flat]


def _compare(run: Run, tree: Any, numbers: list[float]) -> None:
    """Raise TraceError if the function found something else on plain numbers than on Values."""
    if not same(tree, run.tree) or not np.allclose(numbers, run.numbers, rtol=1e-6, atol=1e-12, equal_nan=True):
        one = len(numbers) == 1
        raise TraceError(
            f"the traced function finds {numbers[0] if one else numbers} on plain numbers, but "
            f"{run.numbers[0] if one else run.numbers} on Values: does it tell them apart, "
            "by their type, by `is` or by a set or dict of them?"[:600]
        )


@contextlib.contextmanager
def _draws(f: Callable[..., Any]) -> Iterator[list[Any]]:
    """The random number generators that f uses meanwhile."""
    found: list[Any] = []
    # Calls of NumPy's are not seen by a profiler, but their generators tell by their state.
    of_numpy = [(x, _state_of(x)) for x in _generators_of(f)]

    def watch(frame: Any, event: str, arg: Any) -> None:
        owner = None
        if event == "c_call":
            owner = arg if arg is os.urandom else getattr(arg, "__self__", None)
        elif event == "call" and frame.f_code.co_filename == random.__file__:
            owner = frame.f_locals.get("self")
        if owner is os.urandom or isinstance(owner, random.Random):
            found.append(owner)

    profiler: Any = sys.getprofile()
    watches = profiler is None or callable(profiler)  # one that is written in C could not be put back
    if watches:
        sys.setprofile(watch)
    try:
        yield found
    finally:
        if watches:
            sys.setprofile(profiler)
        found += [x for x, state in of_numpy if _state_of(x) != state]


MANY = 10_000
HOLD_NONE = (Value, float, int, str, bytes, Primitive, np.ndarray, type, ModuleType, type(None))  # of the generators


def _generators_of(f: Callable[..., Any]) -> list[Any]:
    """NumPy's generators that f can reach: the global one, and those in what it names, closes over or belongs to."""
    found: list[Any] = [np.random.mtrand._rand]
    queue: list[Any] = [f]
    seen = {id(f)}
    for x in queue:  # which grows
        if isinstance(x, GENERATORS):
            found.append(x)
        for part in _parts_of(x):
            if not isinstance(part, HOLD_NONE) and id(part) not in seen and len(queue) < MANY:
                seen.add(id(part))
                queue.append(part)
    return found


def _parts_of(x: Any) -> Iterable[Any]:
    """What a function or an object refers to, as far as it may hold a generator."""
    if isinstance(x, list | tuple | set | frozenset):
        return x
    if isinstance(x, dict):
        return x.values()
    parts = [getattr(x, "__self__", None), getattr(x, "__func__", None), *getattr(x, "__dict__", {}).values()]
    if isinstance(x, functools.partial):
        parts += [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, FunctionType):
        parts += [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        for cell in x.__closure__ or ():
            with contextlib.suppress(ValueError):  # it is empty
                parts.append(cell.cell_contents)
        codes = [x.__code__]
        for code in codes:  # which grows
            codes += [part for part in code.co_consts if isinstance(part, CodeType)]
            owners = [x.__globals__.get(name) for name in code.co_names]
            parts += owners
            modules = [owner for owner in owners if isinstance(owner, ModuleType)]
            parts += [vars(module).get(name) for module in modules for name in code.co_names]
    else:
        parts.append(vars(type(x)).get("__call__"))
    return parts


def _state_of(generator: Any) -> bytes:
    return pickle.dumps(getattr(generator, "_bit_generator", generator).state)


def flatten(result: Any, flat: list[Any]) -> Any:
    """The numbers in `result` appended to `flat`, and the same tree with their places instead."""

    def placed(part: Any) -> Any:
        if is_array(part):
            places = [placed(x) for x in plain_array(part).ravel().tolist()]
            return np.array(places, dtype=int).reshape(part.shape) if part.shape else places[0]
        if isinstance(part, Index):
            part = part.value
        if not isinstance(part, Value | Real):
            raise TraceError(
                f"trace: the function must return numbers, or lists, tuples and dicts of them, dataclasses or arrays, "
                f"got {part!r:.200}"
            )
        flat.append(part if isinstance(part, Value) else float(part))
        return len(flat) - 1

    return map_leaves(placed, result, lambda part: is_number(part) or is_array(part))


def _write_down(
    tape: Recorder, inputs: Sequence[Value], known: Sequence[Value], results: list[Any]
) -> tuple[Record, list[Value]]:
    """The tape as plain data."""
    # What is asked for besides operations: both sides of the guards, then the results.
    asked = [x for _, operands, _, _ in tape.guards for x in operands] + results
    wanted = dict.fromkeys(x for x in asked if isinstance(x, Value))
    nodes = list(tape)
    primitives, op, start, args, others, constants = unwind(nodes)
    place = {value: i for i, value in enumerate([*nodes, *others]) if value in wanted}
    before: dict[Value, None] = {}
    if len(place) < len(wanted) or any(value.args for value in others):
        # A Value computed before the trace brings the graph that it came from.
        outside = [*others, *(value for value in wanted if value not in place)]
        before = dict.fromkeys(part for value in outside for part in topological(value))
        nodes = [*before, *nodes]
        primitives, op, start, args, others, constants = unwind(nodes)
        place = {value: i for i, value in enumerate([*nodes, *others]) if value in wanted}
    without = np.flatnonzero(op < 0).tolist()  # an operation; a leaf that the function made itself is a constant
    born = [i for i in without if i >= len(before)]
    found_leaves = [*others, *(nodes[i] for i in without if i < len(before))]
    given = set(inputs)
    leaves = list(dict.fromkeys([*known, *(value for value in found_leaves if value not in given)]))

    # Constants are equal by bits, not by value: 0.0 and -0.0 are two.
    plain = [float(x) for x in asked if not isinstance(x, Value)]
    found = np.concatenate([constants, read([nodes[i] for i in born], "data"), np.asarray(plain, dtype=float)])
    bits, at = np.unique(found.view(np.int64), return_inverse=True)
    first_input = len(bits) + len(leaves)
    number = {value: len(bits) + i for i, value in enumerate(leaves)}
    number.update((value, first_input + i) for i, value in enumerate(inputs))
    operations = op >= 0
    numbers = np.cumsum(operations) - 1 + first_input + len(inputs)
    numbers[born] = at[len(constants) : len(constants) + len(born)]
    for i in without[: len(without) - len(born)]:
        numbers[i] = number[nodes[i]]
    numbers = np.concatenate(
        [numbers, np.array([number[value] for value in others], dtype=np.int64), at[: len(constants)][::-1]]
    )
    floats = iter(at[len(constants) + len(born) :].tolist())
    known_numbers = [int(numbers[place[x]]) if isinstance(x, Value) else next(floats) for x in asked]
    of_guards = iter(known_numbers)
    guards = tuple(
        Guard(sign, tuple(itertools.islice(of_guards, len(operands))), outcome, primitive)
        for sign, operands, outcome, primitive in tape.guards
    )
    position = {value: i for i, value in enumerate(inputs)}
    record = Record(
        constants=bits.view(np.float64),
        n_parameters=len(leaves),
        n_inputs=len(inputs),
        primitives=tuple(primitives),
        op=op[operations],
        start=np.append(start[:-1][operations], len(args)),
        args=numbers[args],  # a negative one counts from the end, where the constants stand
        outputs=np.array(known_numbers[len(asked) - len(results) :], dtype=np.int64),
        guards=guards,
        bounds=tuple((position[value], length) for value, length in tape.bounds),
    )
    return record, leaves


def _nothing_kept(f: Callable[..., Any], make: Callable[[], Any], nodes: list[Value]) -> None:
    """Raise TraceError if the function left a Value of the trace somewhere: a program would not do that again.

    nodes: all of them, of which the caller holds no other reference.
    """
    _, _, _, args, _, _ = unwind(nodes)
    uses = np.bincount(args[args >= 0], minlength=len(nodes))[: len(nodes)]
    found = held_elsewhere(nodes, uses)
    if found >= 0:
        gc.collect()  # a cycle among what the function left behind is no effect
        found = held_elsewhere(nodes, uses)
    if found < 0:
        return
    value = nodes[found]
    holders = [x for x in gc.get_referrers(value) if x is not nodes and type(x).__name__ not in ("tuple", "frame")]
    where = _line_that_changes(holders[0] if holders else (), f, make)
    what = value.primitive.name if value.primitive else "an argument"
    holder = f", in a {type(holders[0]).__name__}" if holders else ""
    raise TraceError(
        f"{where}the traced function keeps a Value ({what}) beyond its call{holder}; "
        "a program would not do that again: return it instead"
    )


def _line_that_changes(holder: Any, f: Callable[..., Any], make: Callable[[], Any]) -> str:
    """The line of the function after which `holder` refers to other objects, found by running it once more, watched."""
    lines: list[tuple[str, int]] = []
    culprit: list[tuple[str, int]] = []
    before = list(map(id, gc.get_referents(holder)))

    def watch(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename.startswith(NOT_THE_USERS):
            return None
        if not culprit and lines and list(map(id, gc.get_referents(holder))) != before:
            culprit.append(lines[-1])
        lines[:] = [(frame.f_code.co_filename, frame.f_lineno)]
        return watch

    tracer = sys.gettrace()
    with mode_of_this_thread(Recorder()), contextlib.suppress(Exception):
        sys.settrace(watch)
        try:
            f(*make()[0])
        finally:
            sys.settrace(tracer)
    code = getattr(f, "__code__", None)
    if not culprit and code:
        culprit.append((code.co_filename, code.co_firstlineno))
    return "".join(f"{Path(file).name}, line {line}: " for file, line in culprit)
