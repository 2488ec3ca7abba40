"""The reference engine: a number that remembers how it was computed, and the sweep that pulls gradients back through
it.

Plain Python, to be read in ten minutes. A Value holds its `data`, the primitive and the arguments it came from, and its
gradient: no closures, no sets, and no reference cycle, because arguments are always older than results. So dropping the
last reference to a graph frees it at once.
"""

from __future__ import annotations

import contextlib
import functools
import math
import numbers
import operator
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, SupportsFloat

from autograd import primitives as table
from autograd.display import picture_of
from autograd.elsewhere import VALUE, advice
from autograd.primitive import TABLE, DomainError, Primitive

__all__ = [
    "Number",
    "Tape",
    "Value",
    "engine",
    "gradients",
    "held_elsewhere",
    "leaves",
    "no_grad",
    "pull_back",
    "read",
    "read_data",
    "read_value",
    "record",
    "recording",
    "topological",
    "unwind",
    "watch",
    "write",
    "zero_grad",
]


def _operator(row: Primitive) -> tuple[Callable[[Value, Number], Value], Callable[[Value, float], Value]]:
    """The methods for `value + other` and `other + value`, and so on."""

    def forward(self: Value, other: Number) -> Value:
        if type(other) is Value:
            return _node(row, (self, other), (self._number, other._number))
        if type(other) is not float:
            if not isinstance(other, numbers.Real):
                return NotImplemented  # type: ignore[no-any-return]  # Python then asks the other side, or raises TypeError
            other = float(other)
        return _node(row, (self, other), (self._number, other))

    def reflected(self: Value, other: float) -> Value:
        if not isinstance(other, numbers.Real):
            return NotImplemented  # type: ignore[no-any-return]  # as above
        if row is table.add and type(other) is int and other == 0:
            return self  # the 0 that the built-in sum() starts from
        other = float(other)
        return _node(row, (other, self), (other, self._number))

    return forward, reflected


def _method(row: Primitive) -> Callable[[Value], Value]:
    """The method for a function of one argument: `value.tanh()`."""

    def method(self: Value) -> Value:
        return _node(row, (self,), (self._number,))

    method.__name__ = row.name
    method.__doc__ = f"{row.formula[0]}; the derivative is {row.formula[1]}."
    return method


class Value:
    """A scalar that records what is done to it, so that `backward()` can find its gradient.

    data: a real number, kept as a float. label: a name to show in drawings and errors.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + 2.0
    >>> y.backward()
    >>> y.data, x.grad
    (11.0, 6.0)
    """

    __slots__ = ("__weakref__", "_args", "_grad", "_label", "_moment", "_number", "_primitive")

    _number: float
    _grad: float | None
    _primitive: Primitive | None
    _args: tuple[Any, ...]  # Values and floats
    _moment: int  # when its number came to be, in changes of leaves so far
    _label: str

    def __init__(self, data: SupportsFloat, label: str = "") -> None:
        self._number = number(data, "Value")
        self._grad = None
        self._primitive = None
        self._args = ()
        self._moment = clock.now
        self.label = label
        if modes:
            made(self)

    # ------------------------------------------------------------ what it holds

    @property
    def data(self) -> float:
        """The number. It can be set on a leaf, as an optimiser does; elsewhere it is the result of an operation."""
        if modes:
            watch("data", self)
        return self._number

    @data.setter
    def data(self, data: SupportsFloat) -> None:
        if modes:
            watch("set", self)
        if self._primitive is not None:
            raise AttributeError(REFUSALS["data"].format(self._primitive.name))
        change(self, number(data, "data"))

    @property
    def grad(self) -> float:
        """The gradient of the root of the last backward() with respect to this Value: d root / d self.

        On a leaf the gradients of all sweeps since `zero_grad` add up. 0.0 before any sweep; `has_grad` tells the two
        apart.
        """
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, grad: SupportsFloat) -> None:
        self._grad = number(grad, "grad")

    @property
    def has_grad(self) -> bool:
        """Whether a backward() has reached this Value since it was made or cleared."""
        return self._grad is not None

    @property
    def primitive(self) -> Primitive | None:
        """The operation this Value is the result of; None for a leaf."""
        return self._primitive

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The arguments of that operation, in order: Values, and floats for constants."""
        return self._args

    @property
    def label(self) -> str:
        """A name to show in drawings and errors; "" if there is none."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        check_label(label)
        self._label = label

    def __init_subclass__(cls, **named: Any) -> None:
        raise TypeError("Value cannot be subclassed: its operations return Values. Write functions of Values instead")

    @property
    def is_leaf(self) -> bool:
        """Whether this Value was made directly rather than computed."""
        return self._primitive is None

    def __getattr__(self, name: str) -> Any:
        return no_attribute(self, name)

    def __dir__(self) -> list[str]:
        return names_of(self)

    def __repr__(self) -> str:
        if modes:
            watch("text", self)
        label = f", label={self.label!r}" if self.label else ""
        grad = f", grad={self._grad!r}" if self._grad is not None else ""
        return f"Value({self._number!r}{label}{grad})"

    def __format__(self, spec: str) -> str:
        if modes:
            watch("text", self)
        return format(self._number, spec) if spec else repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        if modes:
            watch("data", self)
        return state_of(self)

    def __copy__(self) -> Value:
        if modes:
            watch("data", self)
        return restored(self._number, self._label, self._grad, self._primitive, self._args)

    # ------------------------------------------------------------ gradients

    def backward(self, seed: float = 1.0) -> None:
        """Compute the gradient of this Value with respect to everything it was computed from.

        Leaves add it to their `grad`, so that several losses accumulate; every other Value on the way is set to the
        gradient of this sweep. seed: the gradient of this Value itself, 1 unless it is part of something larger.

        Raises DomainError where a derivative does not exist, and RuntimeError if the data of a leaf was set since its
        results were computed; no gradient has changed then.
        """
        if modes:
            watch("backward", self)
        seed = seed_number(seed)
        order = topological(self)
        of_one_moment(order)
        cotangents = pull_back(order, seed, read_data)
        for value in order:
            cotangent = cotangents.get(value, 0.0)
            if value._primitive is None and value._grad is not None:
                cotangent += value._grad
            value._grad = cotangent

    # ------------------------------------------------------------ operators

    __add__, __radd__ = _operator(table.add)
    __sub__, __rsub__ = _operator(table.sub)
    __mul__, __rmul__ = _operator(table.mul)
    __truediv__, __rtruediv__ = _operator(table.div)
    __floordiv__, __rfloordiv__ = _operator(table.floordiv)
    __mod__, __rmod__ = _operator(table.mod)
    __pow__, __rpow__ = _operator(table.pow)

    def __neg__(self) -> Value:
        return _node(table.neg, (self,), (self._number,))

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _node(table.abs, (self,), (self._number,))

    # ------------------------------------------------------------ comparisons look at data; the hash is identity

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value | numbers.Real):
            return NotImplemented  # Python then asks the other side; two of different kinds are not equal
        outcome = bool(self._number == comparable(other))  # NumPy has a bool of its own
        return compared("==", self, other, outcome) if modes else outcome  # type: ignore[arg-type]  # a real number

    def __ne__(self, other: object) -> bool:
        if not isinstance(other, Value | numbers.Real):
            return NotImplemented
        outcome = bool(self._number != comparable(other))
        return compared("!=", self, other, outcome) if modes else outcome  # type: ignore[arg-type]  # as above

    # Sets and dicts hold Values, not numbers: no two live objects have one hash, so they never come to compare.
    __hash__ = object.__hash__

    def __lt__(self, other: Number) -> bool:
        outcome = self._number < comparable(other)
        return compared("<", self, other, outcome) if modes else outcome

    def __le__(self, other: Number) -> bool:
        outcome = self._number <= comparable(other)
        return compared("<=", self, other, outcome) if modes else outcome

    def __gt__(self, other: Number) -> bool:
        outcome = self._number > comparable(other)
        return compared(">", self, other, outcome) if modes else outcome

    def __ge__(self, other: Number) -> bool:
        outcome = self._number >= comparable(other)
        return compared(">=", self, other, outcome) if modes else outcome

    # ------------------------------------------------------------ no silent loss of a gradient

    def __float__(self) -> float:
        if modes:
            watch("float", self)
        raise TypeError(REFUSALS["float"].format(self))

    def __int__(self) -> int:
        if modes:
            watch("int", self)
        raise TypeError(REFUSALS["int"].format(self))

    def __bool__(self) -> bool:
        if modes:
            watch("bool", self)
        raise TypeError(REFUSALS["bool"].format(self))

    # ------------------------------------------------------------ NumPy

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    @staticmethod
    def _restored(
        data: float, label: str, grad: float | None, primitive: Primitive | None, args: tuple[Any, ...]
    ) -> Value:
        value = Value(data, label)
        value._grad, value._primitive, value._args = grad, primitive, args
        return value

    @staticmethod
    def __apply_primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Value:
        return record(primitive, args)

    # ------------------------------------------------------------ the table's functions, as methods

    # One line each, so that editors and type checkers know them; a test holds the list against the table.

    exp = _method(table.exp)
    log = _method(table.log)
    log1p = _method(table.log1p)
    expm1 = _method(table.expm1)
    sqrt = _method(table.sqrt)
    sin = _method(table.sin)
    cos = _method(table.cos)
    tan = _method(table.tan)
    asin = arcsin = _method(table.asin)  # NumPy looks for its own names on the elements of an array of Values
    acos = arccos = _method(table.acos)
    atan = arctan = _method(table.atan)
    sinh = _method(table.sinh)
    cosh = _method(table.cosh)
    tanh = _method(table.tanh)
    sigmoid = _method(table.sigmoid)
    softplus = _method(table.softplus)
    relu = _method(table.relu)
    gelu = _method(table.gelu)
    silu = _method(table.silu)
    erf = _method(table.erf)
    abs = _method(table.abs)
    sign = _method(table.sign)
    step = _method(table.step)

    def atan2(self, other: Number) -> Value:
        """The angle of the point (other, self)."""
        return record(table.atan2, (self, other))

    arctan2 = atan2

    def leaky_relu(self, slope: Number = 0.01) -> Value:
        """x if x > 0, else slope · x."""
        return record(table.leaky_relu, (self, slope))

    def elu(self, alpha: Number = 1.0) -> Value:
        """x if x > 0, else alpha · (exp(x) - 1)."""
        return record(table.elu, (self, alpha))


def check_label(label: Any) -> None:
    """Raise TypeError for what is no label."""
    if not isinstance(label, str):
        hint = ""
        if isinstance(label, list | tuple | set):
            hint = "; what a Value was computed from is recorded by the operation, and stands in its args"
        raise TypeError(f"label: must be a string, a name to show, got {label!r:.200}{hint}")


Number = Value | float
"""What arithmetic takes: a Value, or a plain number, which is recorded as a constant."""

# ---------------------------------------------------------------- recording


def record(primitive: Primitive, args: Iterable[Any]) -> Value:
    """The Value of `primitive` at `args`, Values or numbers. Raises DomainError where there is no value."""
    checked: list[Any] = [arg if type(arg) in _RECORDED else number(arg, primitive.name) for arg in args]
    if primitive.rule is None and len(checked) != primitive.arity:
        raise TypeError(f"{primitive.name}: takes {primitive.arity} arguments, got {len(checked)}")
    return _node(primitive, tuple(checked), [arg if type(arg) is float else arg._number for arg in checked])


def _node(primitive: Primitive, args: tuple[Any, ...], operands: Sequence[float]) -> Value:
    """A new Value that remembers `primitive` and `args`; `operands` are the arguments as floats."""
    data = evaluate(primitive, args, operands)
    value = _new(Value)
    value._number = data
    value._grad = None
    value._moment = clock.now
    value._label = ""
    if modes and not made(value):
        value._primitive = None
        value._args = ()
    else:
        value._primitive = primitive
        value._args = args
    return value


def evaluate(primitive: Primitive, args: Sequence[Any], operands: Sequence[float]) -> float:
    """The value of `primitive` at `operands`; a DomainError names the labels of `args`."""
    try:
        y = primitive.scalar(*operands) if primitive.rule is None else primitive.scalar(operands)
    except (ArithmeticError, ValueError):
        y = None
    if y is None or (y != y and not any(x != x for x in operands)):  # inf - inf and the like: never a quiet nan
        if modes:
            failed(primitive, args)
        raise primitive.domain_error(args)
    return y


def restored(data: float, label: str, grad: float | None, primitive: Primitive | None, args: tuple[Any, ...]) -> Value:
    """A copy of a Value, from what its `__reduce__` told; of whichever engine is in use now."""
    if primitive is not None:
        whole = isinstance(primitive, Primitive) and isinstance(args, tuple)
        fits = whole and (primitive.rule is not None or len(args) == primitive.arity)
        if not fits or not all(isinstance(arg, Value | float) for arg in args):
            raise TypeError(f"Value: a copy needs a primitive and its arguments, got {primitive!r} and {args!r:.200}")
    return Value._restored(data, label, grad, primitive, args)


# A graph may be deeper than Python's stack, so what is pickled or copied with a computed Value is, first, a list of all
# that it was computed from, arguments before results: then nothing in the list needs what has not been written yet.


class Listed(threading.local):
    """The Values in a list that is being written, by their ids: each of them needs no list of its own."""

    def __init__(self) -> None:
        self.ids: set[int] = set()


listed = Listed()


class EndOfList:
    """Stands after such a list; when it is written, the list has been."""

    def __reduce__(self) -> tuple[Any, ...]:
        listed.ids = set()
        return EndOfList, ()


def state_of(value: Value) -> tuple[Any, ...]:
    """What `__reduce__` returns: how to make a copy of a Value, in this process or another one, of either engine."""
    state = (value._number, value.label, value._grad, value._primitive, value._args)
    if value._primitive is None or id(value) in listed.ids:
        return restored, state
    order = topological(value)[:-1]
    listed.ids = {id(part) for part in order}
    return restored_last, (order, EndOfList(), *state)


def restored_last(order: list[Value], end: EndOfList, *state: Any) -> Value:
    """The Value that a whole list was written for."""
    return restored(*state)


def check_values(name: str, values: Any, one: bool = False) -> None:
    """Raise TypeError for what is not a list of Values, or not one Value."""
    if one:
        if not isinstance(values, Value):
            raise TypeError(f"{name}: takes a Value, got {values!r:.200}")
        return
    if not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: takes a list of Values, got {values!r:.200}")
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name}: takes Values, got {value!r:.200}")


_new = object.__new__
_RECORDED = {Value, float}


def number(x: Any, what: str) -> float:
    """x as a float; a TypeError that says what to do if it is not one real number."""
    if isinstance(x, Value):
        raise TypeError(f"{what}: expected a plain number, got {x!r}; use its .data")
    if isinstance(x, numbers.Real) or (getattr(x, "shape", None) == () and x.dtype.kind in "fiub"):
        try:
            return float(x)
        except OverflowError:
            raise ValueError(f"{what}: the number is too large for a float") from None
    if hasattr(x, "__index__") and not hasattr(x, "shape"):
        return float(x)  # an index that is being traced says what to do
    hint = ""
    if isinstance(x, Iterable) and not isinstance(x, str):
        hint = "; for several numbers make a list of Values: [Value(x) for x in ...]"
    elif isinstance(x, str):
        hint = "; convert it with float(...) first"
    elif x is None and what == "grad":
        hint = "; to clear it, write zero_grad([v]), or v.grad = 0.0"
    raise TypeError(f"{what}: expected a real number, got {x!r}{hint}")


def comparable(x: Any) -> float:
    return getattr(x, "_number", x)  # type: ignore[no-any-return]  # of a Value, or of an index that is being traced


def seed_number(seed: Any) -> float:
    """The seed of a sweep as a float."""
    x = number(seed, "seed")
    if x != x:
        raise ValueError("seed: is nan, so every gradient would be; an earlier computation went wrong")
    return x


REFUSALS = {
    "float": "{!r} cannot become a plain float without losing its gradient: use v.data for the number, "
    "and autograd's own functions on Values (autograd.exp(v), not math.exp(v); autograd.linalg for solve, inv, det)",
    "int": "{!r} cannot become an int without losing its gradient: use int(v.data)",
    "bool": "{!r} is not true or false: compare it, as in v > 0, or use v.data",
    "data": "data: this Value is the result of {}, so its data cannot be set; "
    "set the data of the leaves and compute it again",
}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.exp(value)` and arrays of Values, through the table."""
    import numpy as np

    if method == "__call__" and not kwargs and not any(isinstance(x, np.ndarray) for x in inputs):
        for row in TABLE.values():
            if row.public and ufunc.__name__ in (row.array, row.name) and row.arity == len(inputs):
                return row(*inputs)
    boxed = [_boxed(x) if isinstance(x, Value) else np.asarray(x, dtype=object) for x in inputs]
    try:
        return getattr(ufunc, method)(*boxed, **kwargs)
    except (TypeError, AttributeError) as error:
        if "no callable" not in str(error) and "has no attribute" not in str(error):
            raise
        raise TypeError(
            f"np.{ufunc.__name__} does not work on Values: the table has no primitive for it; "
            "use a function of autograd, or add one with autograd.primitive(...)"
        ) from None


def _boxed(value: Value) -> Any:
    import numpy as np

    box = np.empty((), dtype=object)
    box[()] = value
    return box


class Tape(list["Value"]):
    """Every Value that a thread makes while a function is traced, in order. What it does beyond that is told here.

    follows: `append` does more than a list does, and is to be called for each Value. lasts: it goes on where something
    simply records, as a derivative does.
    """

    follows = False
    lasts = False

    def compared(self, sign: str, x1: Value, x2: Number, outcome: bool) -> None:
        """x1 < x2 and the like was asked for, and came out as `outcome`."""
        raise NotImplementedError

    def failed(self, primitive: Primitive, args: Sequence[Any]) -> None:
        """The primitive has no value at these arguments, which the function may catch."""
        raise NotImplementedError

    def refuse(self, what: str, value: Value | None) -> None:
        """Something was done that a trace cannot follow: raises an error that says what to do instead."""
        raise NotImplementedError


modes: dict[int, int | Tape] = {}
"""For each thread that does something else than record: how many `no_grad` blocks deep it is, or the tape of its trace.

The dict is empty most of the time, so that all it costs an ordinary operation is a look whether it is.
"""


def made(value: Value) -> bool:
    """Put a new Value on the tape if there is one. False inside `no_grad`: it is to be a leaf."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.append(value)
    return not isinstance(mode, int)


def compared(sign: str, x1: Value, x2: Number, outcome: bool) -> bool:
    """`outcome`, which is noted if there is a tape."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.compared(sign, x1, x2, outcome)
    return outcome


def failed(primitive: Primitive, args: Sequence[Any]) -> None:
    """The primitive has no value there, which is noted if there is a tape."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.failed(primitive, args)


def not_values(given: Any) -> str:
    """The error for what `zero_grad` was given, if these are no Values."""
    hint = "; of a model: model.zero_grad()" if hasattr(given, "parameters") else ""
    return f"zero_grad: takes Values, as in zero_grad([x, y]), got {given!r:.200}{hint}"


def no_attribute(value: Value, name: str) -> Any:
    """What an attribute is that the class does not have: a row of the table, by its name or by NumPy's, as a method.

    Raises AttributeError for any other name.
    """
    if name == "conjugate":  # NumPy's variance asks for it
        return functools.partial(operator.pos, value)
    if name == "_prev":  # what micrograd's notebooks draw a graph from
        return {arg for arg in value.args if isinstance(arg, Value)}
    if name == "_op":
        return _as_micrograd(value)
    if name == "_repr_svg_":
        return functools.partial(_as_picture, value)
    row = None if name.startswith("_") else _by_name(name)
    if row is not None and row.public and row.rule is None:
        return functools.partial(row, value)
    if modes and name == "_data":
        watch("data", value)
    way_out = advice(name, VALUE) or "; see dir(Value) for those that it has"
    raise AttributeError(f"Value has no attribute {name!r}{way_out}")


def _as_picture(value: Value) -> str | None:
    """What a notebook shows of a computed Value."""
    return None if value.primitive is None else picture_of(value)


def _as_micrograd(value: Value) -> str:
    """What micrograd calls the operation that a Value was computed by; "" for a leaf."""
    if value.primitive is None:
        return ""
    if value.primitive is table.pow and type(value.args[1]) is float:
        return f"**{value.args[1]:g}"
    return "ReLU" if value.primitive is table.relu else value.primitive.symbol


def _by_name(name: str) -> Primitive | None:
    return TABLE.get(name) or next((row for row in TABLE.values() if row.array == name), None)


def names_of(value: Value) -> list[str]:
    """The names of a Value's attributes: of its class, and of the rows that are methods."""
    rows = [row.name for row in TABLE.values() if row.public and row.rule is None]
    return sorted({*object.__dir__(value), *rows})


def watch(what: str, value: Value | None = None) -> None:
    """To be called where a trace could not follow: raises an error if there is one in this thread."""
    mode = modes.get(threading.get_ident())
    if isinstance(mode, Tape):
        mode.refuse(what, value)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording, in this thread: for using a network rather than training it.

    Results are leaves; works as `with no_grad():` and as a decorator.

    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.args
    (4.0, ())
    """
    watch("no_grad")
    depth = modes.get(threading.get_ident(), 0)
    with mode_of_this_thread(depth + 1 if isinstance(depth, int) else 1):
        yield


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Record, even inside `no_grad`: whoever asks for a derivative needs the graph."""
    watch("derivative")
    mode = modes.get(threading.get_ident())
    with mode_of_this_thread(mode if isinstance(mode, Tape) and mode.lasts else None):
        yield


@contextlib.contextmanager
def mode_of_this_thread(mode: int | Tape | None) -> Iterator[None]:
    """Let this thread do something else than it did, for a while; None: simply record."""
    thread, mine = threading.get_ident(), [mode]
    stack = _stacks.setdefault(thread, [])
    stack.append(mine)
    _take_from(stack, thread)
    try:
        yield
    finally:
        # By identity, wherever it is: a generator may leave a block after the block around it.
        stack[:] = [entry for entry in stack if entry is not mine]
        _take_from(stack, thread)


_stacks: dict[int, list[list[int | Tape | None]]] = {}
"""For each thread the modes of the blocks that it is in, the innermost last."""


def _take_from(stack: list[list[int | Tape | None]], thread: int) -> None:
    """The mode of a thread is that of its innermost block."""
    mode = stack[-1][0] if stack else None
    if mode is None:
        modes.pop(thread, None)
    else:
        modes[thread] = mode
    if not stack:
        _stacks.pop(thread, None)


# ---------------------------------------------------------------- the sweep


def topological(root: Value) -> list[Value]:
    """Every Value that `root` was computed from, arguments before results, `root` last. The order is always the
    same.
    """
    check_values("topological", root, one=True)
    order: list[Value] = []
    seen: set[Value] = set()
    # An explicit stack: a running sum of 10**6 terms is an ordinary loss, and recursion would exhaust the C stack.
    # None says that the arguments of the Value below it are done.
    stack: list[Any] = [root]
    while stack:
        value = stack.pop()
        if value is None:
            order.append(stack.pop())
        elif value not in seen:
            seen.add(value)
            stack.append(value)
            stack.append(None)
            for arg in value._args:
                if type(arg) is float or arg in seen:
                    continue
                if arg._args:
                    stack.append(arg)
                else:
                    seen.add(arg)
                    order.append(arg)
    return order


def pull_back(
    order: list[Value], seed: Any, read: Callable[[Value], Any], within: set[Value] | None = None
) -> dict[Value, Any]:
    """The reverse sweep: the cotangent (d root / d value) of each Value in `order`, by the chain rule.

    order: from `topological`; its last entry is the root, and `seed` the root's own cotangent.
    read: what a Value means in a partial: its float (`read_data`), or itself (`read_value`), and then the sweep is
        recorded too and can be differentiated again.
    within: pass cotangents on to these Values only; None for all.

    A Value that nothing flows to is missing from the result: its cotangent is 0. That is not the same as a cotangent
    that came out as 0: where nothing arrives, an infinite slope does no harm; but 0 times infinity has no value.
    """
    cotangents: dict[Value, Any] = {} if type(seed) is float and seed == 0.0 else {order[-1]: seed}
    for value in reversed(order):
        primitive = value._primitive
        cotangent = cotangents.get(value)
        if cotangent is None or primitive is None:
            continue
        args = value._args
        if within is not None and not any(type(arg) is Value and arg in within for arg in args):
            continue
        partials: Sequence[Any] = primitive.partials
        operands: list[Any] = []
        if not primitive.linear:
            operands = [arg if type(arg) is float else read(arg) for arg in args]
            for i in primitive.cut:
                operands[i] = getattr(operands[i], "data", operands[i])
            operands.append(read(value))
            if primitive.rule is not None:
                partials = _rule_of(value, operands)
        for i, (arg, partial) in enumerate(zip(args, partials)):  # noqa: B905  # `strict` costs time; lengths agree
            if type(arg) is float or (within is not None and arg not in within):
                continue
            if type(partial) is FunctionType:
                try:
                    partial = partial(*operands)
                except (ArithmeticError, ValueError) as error:
                    partial = missing(value, i, error)
            if read is read_data:
                if type(partial) is not float:
                    partial = number(partial, f"{primitive.name}: a partial derivative")
                if partial == 0.0 and carries_nothing(value, i):
                    continue
                total = cotangents.get(arg, 0.0) + cotangent * partial
                if total != total:
                    explain_nan(value, i, cotangent, partial, cotangents.get(arg, 0.0))
                cotangents[arg] = total
            else:
                contribution = _product(cotangent, partial, value, i)
                if contribution is not None:
                    cotangents[arg] = cotangents[arg] + contribution if arg in cotangents else contribution
    return cotangents


def _rule_of(value: Value, operands: list[Any]) -> list[Any]:
    """All partials of a node with a list of arguments, at its operands and its output."""
    assert value._primitive is not None
    try:
        return ruled(value._primitive, operands[:-1], operands[-1])
    except (ArithmeticError, ValueError) as error:
        raise no_derivative(value, None, error) from error


def carries_nothing(value: Value, place: int) -> bool:
    """Whether the partial by an argument, which is 0, is so by construction: a choice that did not take the argument,
    or a constant factor 0. Nothing flows there, not even what is infinite.
    """
    primitive, args = value._primitive, value._args
    assert primitive is not None
    if primitive.chooses or place in primitive.cut:
        return True
    partner = args[(place + len(args) // 2) % len(args)]
    return primitive.multiplies and type(partner) is float and partner == 0.0


def _product(cotangent: Any, partial: Any, value: Value, place: int) -> Any:
    """cotangent × partial of a recorded sweep, where both may be Values; None if nothing flows. A plain 1 adds no
    node.
    """
    if isinstance(partial, Value):
        made_here = not any(partial is arg for arg in value._args)
        if made_here and partial._primitive is not None and partial._primitive.flat:
            partial = partial._number  # step, sign: constant wherever they have a derivative
    c, p = (x._number if isinstance(x, Value) else x for x in (cotangent, partial))
    plain = type(partial) is float
    if plain and p == 0.0 and carries_nothing(value, place):
        return None
    if c * p != c * p:
        explain_nan(value, place, c, p, 0.0)
    if (plain and p == 0.0) or (type(cotangent) is float and c == 0.0):
        return c * p
    return cotangent if plain and p == 1.0 else cotangent * partial


def no_derivative(value: Value, place: int | None, error: Exception) -> DomainError:
    """The error for a partial derivative of `value` that could not be computed because of `error`: the one by the
    argument at `place`, or all of them at once.
    """
    primitive = value._primitive
    assert primitive is not None
    operands = [x if type(x) is float else x._number for x in value._args]
    point = ", ".join(map(repr, operands[:6])) + (", ..." if len(operands) > 6 else "")
    by = "" if place is None or len(operands) == 1 else f" by argument {place + 1}"
    formulas = primitive.formula[1:]
    which = formulas[min(place or 0, len(formulas) - 1)] if formulas else ""
    reason = f"{which} has no value there" if which else str(error)
    way_out = "Keep away from this point, or choose the case with if."
    if by:
        way_out = "If this argument shall not be differentiated by, give a plain number or stop_gradient(...)."
    words = f"{primitive.name}: has no derivative at ({point}){_node_name(value)}{by}: {reason}. {way_out}"
    return DomainError(words).at(primitive, value._args)


def _node_name(value: Value) -> str:
    """Its label, and the line of code that computed it if that is known: see `autograd.debug`."""
    debugging = sys.modules.get("autograd.debugging")
    site = debugging.site_of(value) if debugging is not None else None
    parts = [f"node {value.label!r}"] if value.label else []
    parts += [f"computed in {site}"] if site is not None and value._primitive is not None else []
    return f" ({', '.join(parts)})" if parts else ""


def ruled(primitive: Primitive, operands: Sequence[Any], y: Any) -> list[Any]:
    """The partials that the rule of a variadic primitive gives, one per argument."""
    assert primitive.rule is not None
    partials = primitive.rule(list(operands), y)  # of its own, which it may empty
    if not isinstance(partials, list | tuple):
        raise TypeError(f"{primitive.name}: the rule must give a list of partial derivatives, not {partials!r:.200}")
    if len(partials) != len(operands):
        raise TypeError(
            f"{primitive.name}: the rule must give one partial derivative per argument, "
            f"{len(operands)} here, but gave {len(partials)}"
        )
    return list(partials)


def missing(value: Value, place: int, error: Exception) -> float:
    """Stands for a partial derivative that does not exist: nan, if nothing needs it. Else raises the error."""
    if leads_to_a_leaf(value._args[place]):
        raise no_derivative(value, place, error) from error
    return math.nan


def leads_to_a_leaf(arg: Value) -> bool:
    """Whether a cotangent would flow on from this argument to any leaf: not from stop_gradient, sign and their like."""
    stack: list[Any] = [arg]
    seen: set[Value] = set()
    while stack:
        value = stack.pop()
        if type(value) is float or value in seen:
            continue
        seen.add(value)
        if value._primitive is None or (value._primitive is table.identity and type(value._args[0]) is float):
            return True  # a leaf, or what a derivative is being taken by
        stack.extend(x for i, x in enumerate(value._args) if i not in value._primitive.cut)
    return False


def partials_of(value: Value, place: int | None = None) -> Any:
    """The partial derivatives of a node as numbers: by the argument at `place`, or by all of them."""
    primitive = value._primitive
    assert primitive is not None
    operands = [arg if type(arg) is float else arg._number for arg in value._args]
    if primitive.rule is not None:
        found = _rule_of(value, [*operands, value._number])
        partials = [number(partial, f"{primitive.name}: a partial derivative") for partial in found]
        return partials if place is None else partials[place]
    assert place is not None, "only variadic rows are asked for all"
    partial = primitive.partials[place]
    try:
        partial = partial(*operands, value._number) if callable(partial) else partial
    except (ArithmeticError, ValueError) as error:
        return missing(value, place, error)
    return number(partial, f"{primitive.name}: a partial derivative")


def explain_nan(value: Value, place: int, cotangent: float, partial: float, before: float) -> None:
    """Raise DomainError for a gradient that is nan, unless some number it was made of already was.

    It is before + cotangent · partial: what had arrived at the argument, and what `value` hands on to it.
    """
    primitive = value._primitive
    assert primitive is not None
    arg = value._args[place]
    where = f"{primitive.name}{_node_name(value)}"
    numbers_here = [value._number, *(x if type(x) is float else x._number for x in value._args)]
    if cotangent != cotangent or before != before:
        return
    if partial != partial:
        if any(x != x for x in numbers_here) or not leads_to_a_leaf(arg):
            return
        raise no_derivative(value, place, ValueError("the partial derivative is nan"))
    if (c := cotangent * partial) != c:
        raise DomainError(
            f"backward: 0 · ∞ at {where}: the gradient that arrives is {cotangent!r} and the derivative by its "
            f"argument {arg._number!r}{_node_name(arg)} is {partial!r}; their product is not known. Write the two "
            "steps as one that has a slope there: hypot(x, y) for sqrt(x*x + y*y), x for sqrt(x)**2; "
            "or keep away from the point: sqrt(x + tiny)."
        ).at(primitive, value._args)
    raise DomainError(
        f"backward: the gradient at {arg._number!r}{_node_name(arg)} has no value: "
        f"infinite contributions of opposite sign meet, the last one from {where}. "
        "Keep away from the edge of sqrt, asin, acos or of a power, for example with sqrt(x + tiny)."
    ).at(primitive, value._args)


def read_data(value: Value) -> float:
    """Its float: the `read` for plain numbers."""
    return value._number


def read_value(value: Value) -> Value:
    """Itself: the `read` that makes `pull_back` record what it does."""
    return value


# A graph is of one moment: its derivatives are taken at the numbers that its leaves have now, so these must be the
# numbers that it was computed from. Every change of a leaf is a tick of the clock, and every Value knows at which tick
# its number came to be: an argument that is younger than its result was changed in between.


class Clock:
    """Counts the changes of leaves. now: how many there were."""

    now = 0


clock = Clock()


def change(leaf: Value, data: float) -> None:
    """Give a leaf another number."""
    before = leaf._number
    if data == before and math.copysign(1.0, data) == math.copysign(1.0, before):
        return
    if data != data and before == before:
        diverged(leaf, before, leaf._grad)
    clock.now += 1
    leaf._number, leaf._moment = data, clock.now


def put_back(leaf: Value, data: float, moment: int) -> None:
    """Give a leaf the number that it had, as if it had never had another."""
    leaf._number, leaf._moment = data, moment


@contextlib.contextmanager
def holding(leaves: Sequence[Value], numbers: Any) -> Iterator[None]:
    """Let leaves hold other numbers for a while. Afterwards graphs that were computed from them before are as good as
    they were; what was computed meanwhile is not to be kept.
    """
    before = [(leaf, leaf._number, leaf._moment) for leaf in leaves]
    try:
        write(leaves, "data", numbers)
        yield
    finally:
        for leaf, data, moment in before:
            put_back(leaf, data, moment)


def diverged(leaf: Any, before: float, grad: float | None) -> None:
    """Raise DomainError for a leaf that becomes nan because what it is computed from had overflowed."""
    slope = 0.0 if grad is None else grad
    if math.isinf(before) or not math.isfinite(slope):
        raise DomainError(
            f"data: a Value{_node_name(leaf)} would become nan: it was {before!r} and its gradient is {slope!r}, so an "
            "earlier step overflowed. Take smaller steps (a tenth of the learning rate), or scale the inputs."
        )


def of_one_moment(order: Sequence[Value]) -> None:
    """Raise RuntimeError if a leaf was changed after something was computed from it. order: from `topological`."""
    now = clock.now
    for value in order:
        if value._moment == now:
            continue
        for arg in value._args:
            if type(arg) is Value and arg._primitive is None and arg._moment > value._moment:
                raise changed_since(arg, value)


def changed_since(leaf: Value, value: Value) -> RuntimeError:
    """The error for a leaf that was given other data after `value` was computed from it."""
    assert value._primitive is not None
    name = repr(leaf.label) if leaf.label else f"that is now {leaf._number!r}"
    return RuntimeError(
        f"backward: the leaf {name} was changed after {value._primitive.name}{_node_name(value)} was computed from it, "
        "so the graph holds numbers of two moments: compute it again, then ask for its gradient"
    )


def gradients(y: Value, xs: Sequence[Value], seed: float = 1.0, *, recorded: bool = False) -> list[Any]:
    """The cotangent of each of `xs` when that of `y` is `seed`: floats, or if `recorded` Values where they vary.

    Only what lies between `y` and `xs` counts: elsewhere a derivative need not even exist.
    """
    check_values("gradients", y, one=True)
    xs = xs if isinstance(xs, list | tuple) or not hasattr(xs, "__iter__") else list(xs)
    check_values("gradients", xs)
    seed = seed_number(seed)
    order = topological(y)
    of_one_moment(order)
    within = set(xs)
    for value in order:
        if any(type(arg) is Value and arg in within for arg in value._args):
            within.add(value)
    cotangents = pull_back(order, seed, read_value if recorded else read_data, within)
    return [cotangents.get(x, 0.0) for x in xs]


def leaves(y: Value) -> list[Value]:
    """The leaves that `y` was computed from, in the order of `topological`."""
    check_values("leaves", y, one=True)
    return [value for value in topological(y) if value._primitive is None]


def zero_grad(values: Iterable[Value]) -> None:
    """Clear the gradients of `values`, as before a new backward(): `grad` is 0.0 and `has_grad` False again."""
    if not hasattr(values, "__iter__") and not isinstance(values, Value):
        raise TypeError(not_values(values))
    for value in [values] if isinstance(values, Value) else values:
        if not isinstance(value, Value):
            raise TypeError(f"zero_grad: takes Values, as in zero_grad([x, y]), got {value!r}")
        value._grad = None


# ---------------------------------------------------------------- many at once


def read(values: Sequence[Value], field: str, out: Any = None) -> Any:
    """The `"data"` or the `"grad"` of n Values as a NumPy array of n floats, written into `out` if that is given."""
    import numpy as np

    check_values("read", values)
    out = np.empty(len(values)) if out is None else out
    if not isinstance(out, np.ndarray) or out.shape != (len(values),):
        raise ValueError(f"read: out must be an array of {len(values)} numbers, one per Value, got {out!r:.200}")
    if field == "data":
        if modes:
            watch("data")
        out[:] = [value._number for value in values]
    elif field == "grad":
        out[:] = [value.grad for value in values]
    else:
        raise ValueError(f"read: the field must be 'data' or 'grad', got {field!r}")
    return out


def as_floats(given: Any, what: str) -> Any:
    """Numbers as an array of floats. Raises TypeError or ValueError where NumPy would take None for nan, and text."""
    import numpy as np

    array = np.asarray(given)
    if array.dtype == object:
        array = np.array([number(x, what) for x in array.ravel().tolist()]).reshape(array.shape)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what}: expected numbers, got {array.dtype} data: {given!r:.100}")
    return array.astype(float)


def write(values: Sequence[Value], field: str, numbers: Any) -> None:
    """Set the `"data"` or the `"grad"` of n Values to n numbers, all of them or, on an error, none."""
    check_values("write", values)
    array = as_floats(numbers, "write")
    if array.shape != (len(values),):
        raise ValueError(f"write: expected {len(values)} numbers, one per Value, got an array of shape {array.shape}")
    if field == "data":
        if modes:
            watch("set", None)
        for value, x in zip(values, array.tolist(), strict=True):
            if value._primitive is not None:
                value.data = 0.0  # raises the error that says why not
            if x != x and value._number == value._number:
                diverged(value, value._number, value._grad)
        for value, x in zip(values, array.tolist(), strict=True):
            change(value, x)
    elif field == "grad":
        for value, x in zip(values, array.tolist(), strict=True):
            value.grad = x
    else:
        raise ValueError(f"write: the field must be 'data' or 'grad', got {field!r}")


def unwind(nodes: Sequence[Value]) -> tuple[list[Primitive], Any, Any, Any, list[Value], Any]:
    """n Values as plain data: what each was made of.

    Returns the primitives that occur; per Value its place among them, or -1 for a leaf; where its arguments start, and
    where the last end, n + 1 numbers; all arguments; the Values besides `nodes` that are among them; and the constants.
    An argument i < n is `nodes[i]`, one from n on is in the list of others, and a negative one is the constant `~i`.
    NumPy arrays of int64 and float64.
    """
    import numpy as np

    check_values("unwind", nodes)
    place = {value: i for i, value in enumerate(nodes)}
    primitives: dict[Primitive, int] = {}
    constants: list[float] = []
    op, start, args = [], [0], []
    for value in nodes:
        primitive = value._primitive
        op.append(-1 if primitive is None else primitives.setdefault(primitive, len(primitives)))
        for arg in value._args:
            if type(arg) is float:
                constants.append(arg)
                args.append(-len(constants))
            else:
                args.append(place.setdefault(arg, len(place)))
        start.append(len(args))
    others = list(place)[len(nodes) :]
    whole = [np.asarray(numbers, dtype=np.int64) for numbers in (op, start, args)]
    return list(primitives), *whole, others, np.asarray(constants, dtype=float)  # type: ignore[return-value]


def held_elsewhere(nodes: list[Value], uses: Any) -> int:
    """The first place in `nodes` of a Value that somebody else holds a reference to, -1 if there is none.

    uses: how many arguments of other nodes each one is, an array of n int64.
    """
    # The list and getrefcount's own argument hold one each.
    check_values("held_elsewhere", nodes)
    counts = uses.tolist()
    if len(counts) != len(nodes):
        raise ValueError(f"held_elsewhere: expected {len(nodes)} counts, one per Value, got {len(counts)}")
    return next((i for i in range(len(nodes)) if sys.getrefcount(nodes[i]) > 2 + counts[i]), -1)


# ---------------------------------------------------------------- the native engine

# The same names again, from C, where they could be built: as `heapq` and `_heapq` are the same heap. The environment
# variable GLASSGRAD_ENGINE=python keeps the reference engine, GLASSGRAD_ENGINE=native insists on the other.


def engine() -> str:
    """Which engine is in use: "native" or "python". Results are the same to the last bit."""
    return "python" if Value.__module__ == __name__ else "native"


_wanted = os.environ.get("GLASSGRAD_ENGINE", "")
if _wanted not in ("", "python", "native"):
    raise ImportError(f"GLASSGRAD_ENGINE must be 'python' or 'native', got {_wanted!r}")
if _wanted != "python":
    try:
        from autograd._native import (  # type: ignore[import-not-found, no-redef, unused-ignore]
            Value,
            change,
            clock,
            gradients,
            held_elsewhere,
            leaves,
            put_back,
            read,
            record,
            topological,
            unwind,
            write,
            zero_grad,
        )
    except ImportError as error:
        if _wanted == "native":
            raise
        if "another version" in str(error):
            warnings.warn(f"{error}; the plain Python engine is in use. Build it again: pip install -e .", stacklevel=2)
