"""The reference engine: a number that remembers how it was computed.

Plain Python, to be read in ten minutes, together with the sweep that pulls gradients back through it (`sweep.py`). A
Value holds its `data`, the primitive and the arguments it came from, and its gradient: no closures, no sets, and no
reference cycle, because arguments are always older than results. So dropping the last reference to a graph frees it at
once.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsFloat

from autograd import primitives as table
from autograd.attributes import names_of, no_attribute
from autograd.convert import REFUSALS, VALUES, apply_ufunc, check_label, comparable, number, seed_number
from autograd.copies import restored, state_of
from autograd.modes import compared, failed, made, modes, watch
from autograd.moments import change, clock, of_one_moment
from autograd.primitive import Primitive
from autograd.sweep import pull_back, read_data, topological

__all__ = ["Number", "Value", "evaluate", "record"]


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
        return state_of(self, topological)

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
        of_one_moment(order, clock.now)
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


VALUES.add(Value)

Number = Value | float
"""What arithmetic takes: a Value, or a plain number, which is recorded as a constant."""

# ---------------------------------------------------------------- recording

_new = object.__new__
_RECORDED = {Value, float}


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
