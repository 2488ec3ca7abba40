"""What a primitive is: one row that says everything about one operation.

The rows themselves stand in `autograd.primitives`. A row is also the function a user calls, and what it returns follows
what it is given: `tanh(0.3)` is a float, `tanh(Value(0.3))` a Value, `tanh(array)` an array. This module imports
nothing
of ours: a type takes part by having `__apply_primitive__`.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd.engine import Value

__all__ = ["ANYWHERE", "TABLE", "Domain", "DomainError", "Kink", "Primitive", "primitive"]

Partial = float | Callable[..., Any]
"""One partial derivative: a function of the arguments and the output `y`, or a float where it is the same
everywhere.
"""


class DomainError(ValueError):
    """A primitive was asked for a value, or for a derivative, where it has none.

    primitive, arguments: which, and what it was given, floats and Values, if that is known. A notebook shows them as a
    picture. Copies of the error that go to other processes do without.
    """

    primitive: Primitive | None = None
    arguments: tuple[Any, ...] = ()

    def at(self, primitive: Primitive, arguments: Iterable[Any]) -> DomainError:
        """The error itself, with the place where it arose."""
        self.primitive, self.arguments = primitive, tuple(arguments)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args

    def _render_traceback_(self) -> list[str]:
        from autograd.display import error_in_notebook

        return error_in_notebook(self)


# What plain floats raise is what a function may be written to catch, so that is what it catches on Values.


class DivisionByZero(DomainError, ZeroDivisionError):
    """A quotient, or a negative power, of 0."""


class TooLarge(DomainError, OverflowError):
    """A result that no float can hold."""


class Domain(NamedTuple):
    """Where a primitive is defined.

    text: completes "log: ...", as in "argument must be > 0".
    contains: of the arguments; a bool on floats, elementwise on arrays.
    samples: per argument, an interval of ordinary points, where tests and examples take theirs from.
    remedy: what to do instead, in a sentence.
    """

    text: str
    contains: Callable[..., Any]
    samples: tuple[tuple[float, float], ...]
    remedy: str = ""


ANYWHERE = Domain("argument must be a number", lambda *args: True, ((-3.0, 3.0),))


class Kink(NamedTuple):
    """Where the derivative is a convention.

    distance: of the arguments; 0 exactly at the kink, and its size says how far away a point is.
    convention: which derivative is taken there, and after whom.
    """

    distance: Callable[..., Any]
    convention: str


class Primitive:
    """One row of the table: an operation, its derivative, and all that is known about it.

    name: what users call it. symbol: what a node shows in a drawing.
    scalar: the value on floats; raises ValueError or an ArithmeticError where there is none.
    array: the value on arrays: the name of a NumPy ufunc, or a function written with the rows themselves.
    partials: per argument the partial derivative, a function of all arguments and of the output `y`. A variadic row has
        instead one `rule`, from the list of arguments and `y` to the list of partials.
    domain, kink: see there. overflows: a finite argument can give a result too large for a float.
    formula: value and partial derivatives as a person writes them.
    defaults: names and values of trailing arguments that a caller may leave out.
    chooses: where a partial is 0, the argument was not taken, and nothing flows there, not even what is infinite.
    multiplies: as in a product, a constant factor 0 lets nothing through to the other factor.
    public: False for a row that partials and transforms use, and users do not call.
    """

    def __init__(
        self,
        name: str,
        scalar: Callable[..., float],
        array: str | Callable[..., Any] | None,
        partials: tuple[Partial, ...],
        *,
        rule: Callable[[Sequence[Any], Any], list[Any]] | None = None,
        groups: int = 1,
        symbol: str | None = None,
        domain: Domain = ANYWHERE,
        kink: Kink | None = None,
        overflows: bool = False,
        formula: tuple[str, ...] = (),
        defaults: Mapping[str, float] = MappingProxyType({}),
        chooses: bool = False,
        multiplies: bool = False,
        public: bool = True,
        doc: str = "",
    ) -> None:
        self.name = self.__name__ = name
        self.symbol = symbol or name
        self.scalar = scalar
        self.array = array
        self.rule = rule
        self.groups = groups
        self._take_partials(partials)
        self.domain = domain
        self.kink = kink
        self.overflows = overflows
        self.formula = formula
        self.defaults = dict(defaults)
        self.chooses = chooses
        self.multiplies = multiplies
        self.public = public
        self.opcode = -1  # the native engine's number for the row
        self.doc = doc
        self.__signature__ = _signature(self)
        self.__doc__ = doc or (formula[0] if formula else name)

    def _take_partials(self, partials: tuple[Partial, ...]) -> None:
        """The partials, and what follows from them: where anything flows at all."""
        # The sweep tells a function from a constant by its exact type.
        self.partials = tuple(p if isinstance(p, float | FunctionType) else _as_function(p) for p in partials)
        self.arity = len(partials)
        # Arguments that nothing ever flows to, such as the condition of `where`.
        self.cut = tuple(i for i, partial in enumerate(partials) if partial == 0.0)
        self.linear = self.rule is None and not any(callable(partial) for partial in partials)
        # A flat primitive (sign, step) is constant wherever it has a derivative, so nothing flows through it.
        self.flat = self.rule is None and all(partial == 0.0 for partial in partials)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # By name, so that copies and pickles of a graph share the row with everything else.
        return _named, (self.name,)

    # Numbers give a number, and where there is a Value, a Value; the lists are those of sum, mean, dot and logsumexp.
    @overload
    def __call__(self, *args: float, **named: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *args: Value | float, **named: float) -> Value: ...
    @overload
    def __call__(self, *args: NDArray[Any] | Value | float, **named: float) -> Any: ...
    @overload
    def __call__(self, *args: Iterable[float]) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *args: Iterable[Value | float]) -> Value: ...
    def __call__(self, *args: Any, **named: float) -> Any:
        if self.rule is not None:
            args = self._gather(args)
        elif len(args) != self.arity or named:
            args = self._complete(args, named)
        kinds = set(map(type, args))
        if kinds == {float}:
            return self.on_floats(args)
        if not any(_is_array(kind) for kind in kinds):
            for kind in kinds:
                apply = getattr(kind, "__apply_primitive__", None)
                if apply is not None:
                    return apply(self, args)
            if all(issubclass(kind, numbers.Real) for kind in kinds):
                return self.on_floats([float(arg) for arg in args])
        return self.on_arrays(args)

    def _complete(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments with the defaults for those left out."""
        least = self.arity - len(self.defaults)
        placed = dict(zip(list(self.defaults), args[least:], strict=False))
        given = {**self.defaults, **placed, **named}
        if not least <= len(args) <= self.arity or len(given) > len(self.defaults) or placed.keys() & named.keys():
            takes = f"{least} argument" + ("" if least == 1 else "s")
            takes += f" and optionally {', '.join(self.defaults)}" if self.defaults else ""
            got = ", ".join([str(len(args)), *named])
            raise TypeError(f"{self.name}: takes {takes}, got {got}")
        return args[:least] + tuple(given.values())

    def _gather(self, groups: tuple[Any, ...]) -> tuple[Any, ...]:
        """The flat arguments of a variadic row, from the lists the caller gave."""
        if len(groups) != self.groups:
            lists = "a list of numbers" if self.groups == 1 else f"{self.groups} lists of numbers"
            example = (self.__doc__ or "").splitlines()[0]
            raise TypeError(f"{self.name}: takes {lists}, as in {example}; got {len(groups)} arguments")
        for group in groups:
            if not isinstance(group, Iterable) or isinstance(group, str):
                raise TypeError(f"{self.name}: takes a list of numbers, got {group!r}")
        gathered = [tuple(group) for group in groups]
        if len(set(map(len, gathered))) > 1:
            lengths = " and ".join(str(len(group)) for group in gathered)
            raise ValueError(f"{self.name}: the lists must be equally long, got {lengths} numbers")
        return gathered[0] if self.groups == 1 else tuple(chain.from_iterable(gathered))

    def on_floats(self, args: Sequence[float]) -> float:
        """The value at floats, or a DomainError. Only a nan among the arguments gives a nan."""
        try:
            y = self.scalar(*args) if self.rule is None else self.scalar(args)
        except (ArithmeticError, ValueError):
            raise self.domain_error(args) from None
        if y != y and not any(x != x for x in args):
            raise self.domain_error(args)
        return y

    def on_arrays(self, args: Sequence[Any]) -> Any:
        """The value on arrays, elementwise; a DomainError names the first element that has none.

        Arrays of Values give arrays of Values.
        """
        import numpy as np

        arrays = [np.asarray(arg) for arg in args]
        if any(array.dtype == object for array in arrays):
            return np.frompyfunc(self._on_elements, len(arrays), 1)(*arrays)
        for array in arrays:
            if array.dtype.kind not in "fiub":
                raise TypeError(f"{self.name}: takes numbers, Values or arrays of them, got {array.dtype} data")
        arrays = [array if array.dtype.kind == "f" else array.astype(float) for array in arrays]
        with np.errstate(all="ignore"):
            known = np.logical_and.reduce(np.broadcast_arrays(*(~np.isnan(array) for array in arrays)))
            # What was nan or infinite going in is not this primitive's doing.
            self._refuse(np.logical_not(self.domain.contains(*arrays)) & known, arrays)
            if self.rule is not None:
                y = np.asarray(self.array(arrays))  # type: ignore[operator, misc]  # variadic rows have a function here
            elif isinstance(self.array, str):
                y = np.asarray(getattr(np, self.array)(*arrays))
            elif self.array is not None:
                y = np.asarray(self.array(*arrays))
            elif one_by_one is not None and self.name in _BUILT_IN and self.arity == 1:
                y = np.empty(arrays[0].shape)
                one_by_one(self, np.ascontiguousarray(arrays[0], dtype=float).reshape(-1), y.reshape(-1))
            else:
                y = np.asarray(np.vectorize(self._or_nan, otypes=[float])(*arrays))
            finite = np.logical_and.reduce(np.broadcast_arrays(*(np.isfinite(array) for array in arrays)))
            self._refuse((np.isnan(y) & known) | (np.isinf(y) & self.overflows & finite), arrays)
        return y

    def _refuse(self, bad: Any, arrays: Sequence[Any]) -> None:
        """Raise DomainError for the first element that is bad."""
        import numpy as np

        if np.any(bad):
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            point = [float(np.broadcast_to(array, np.shape(bad))[where]) for array in arrays]
            raise self.domain_error(point, f" at index {list(where)}" if where else "")

    def _on_elements(self, *args: Any) -> Any:
        """The value at one element of each array of objects, which must be Values or numbers."""
        for arg in args:
            if not isinstance(arg, numbers.Real) and not hasattr(type(arg), "__apply_primitive__"):
                raise TypeError(f"{self.name}: takes numbers, Values or arrays of them, got {arg!r}")
        if self.rule is None:
            return self(*args)
        size = len(args) // self.groups
        return self(*(args[i * size : (i + 1) * size] for i in range(self.groups)))

    def _or_nan(self, *args: float) -> float:
        try:
            return self.scalar(*args)
        except (ArithmeticError, ValueError):
            return math.nan

    def domain_error(self, args: Sequence[Any], place: str = "") -> DomainError:
        """The error that says why there is no value at `args` (floats and Values), and what to do about it."""
        point = [float(arg if isinstance(arg, numbers.Real) else arg._number) for arg in args]
        got = ", ".join(f"{x!r}" for x in point[:6]) + (", ..." if len(point) > 6 else "")
        got = got or "an empty list"
        labels = [f"'{arg.label}'" for arg in args if getattr(arg, "label", "")]
        node = f" (node {', '.join(labels)})" if labels else ""
        kind = DomainError
        if any(math.isinf(x) for x in point):
            reason, remedy = "has no value at infinity", "An earlier step overflowed: look there."
        elif not self.domain.contains(*point):
            reason, remedy = self.domain.text, self.domain.remedy
            kind = DivisionByZero if self.multiplies and 0.0 in point else DomainError
        else:
            reason, kind = "the result is too large for a float", TooLarge
            remedy = (
                "Scale the argument down, or work with logarithms. If this is the side of a where() that is not taken: "
                "both are computed, so limit the argument first, as in exp(minimum(x, 700)), or use if."
            )
        return kind(f"{self.name}: {reason}, got {got}{node}{place}. {remedy}".rstrip()).at(self, args)

    def local_derivatives(self, operands: Sequence[Any], y: Any) -> list[Any]:
        """The partial derivative for each argument, in order, at the given operands and output.

        All of them are evaluated, also those a constant argument has no use for: for showing, not for the sweep.
        An entry is None where the partial does not exist.
        """
        if self.rule is not None:
            return self.rule(operands, y)
        found: list[Any] = []
        for partial in self.partials:
            try:
                found.append(partial(*operands, y) if callable(partial) else partial)
            except (ArithmeticError, ValueError):
                found.append(None)
        return found


TABLE: dict[str, Primitive] = {}
"""Every primitive by name, in the order of definition. A user's own join the built-in ones."""

_BUILT_IN: set[str] = set()


def is_built_in(row: Primitive) -> bool:
    """Whether a row is one of ours, and not a user's own, a checkpoint or a program."""
    return row.name in _BUILT_IN and TABLE.get(row.name) is row


one_by_one: Callable[[Primitive, Any, Any], None] | None = None
"""What the native engine, if it is in use, has for a row that NumPy has no function for: fills an array with values."""


def described(row: Primitive) -> str:
    """The help text of a row: how it is called, what it computes, derivative, domain, kink, an example."""
    if row.doc:
        heading, *more = row.doc.split("\n\n")
    else:
        heading, more = f"{row.name}{row.__signature__}", []
        if row.formula and row.formula[0] != heading:
            more.append(f"{row.formula[0]}.")
    slopes = [formula for formula in row.formula[1:] if formula]
    if slopes:
        more.append(f"Derivative{'s' * (len(slopes) > 1)}: {'; '.join(slopes)}.")
    if not row.domain.text.endswith(("be numbers", "be a number")):
        more.append(f"Domain: {row.domain.text}; otherwise DomainError.")
    if row.kink is not None:
        more.append(f"Kink: {row.kink.convention}.")
    if row.rule is None and row.name in _BUILT_IN:
        intervals = [*row.domain.samples, *row.domain.samples * row.arity][: row.arity - len(row.defaults)]
        point = [round(0.4 * low + 0.6 * high, 1) for low, high in intervals]
        with contextlib.suppress(ArithmeticError, ValueError):
            y = row.on_floats([*point, *row.defaults.values()])
            more.append(f">>> {row.name}({', '.join(map(repr, point))})\n{y!r}")
    return "\n\n".join([heading, *filter(None, more)])


def _signature(row: Primitive) -> inspect.Signature:
    """With the names that the value or a partial derivative has for the arguments."""
    if row.rule is not None:
        names = ["xs"] if row.groups == 1 else ["ws", "xs"][: row.groups]
    else:
        names = ["x"] if row.arity == 1 else [f"x{i + 1}" for i in range(row.arity)]
        for f in (row.scalar, *row.partials):
            code = getattr(f, "__code__", None)
            if code is not None and code.co_argcount >= row.arity > 1:
                names = list(code.co_varnames[: row.arity])
                break
    kind, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    return inspect.Signature([inspect.Parameter(x, kind, default=row.defaults.get(x, empty)) for x in names])


def _named(name: str) -> Primitive:
    if name not in TABLE:
        raise LookupError(f"no primitive is called {name!r}: define it with autograd.primitive(...) before loading")
    return TABLE[name]


def _real(scalar: Callable[..., Any]) -> Callable[..., float]:
    """A user's function of floats, held to return a float: Python itself makes (-8) ** (1/3) complex."""

    def checked(*xs: Any) -> float:
        y = scalar(*xs)
        if isinstance(y, complex):
            raise ValueError(f"{y} is not a real number")
        return y if type(y) is float else float(y)

    return checked


def _as_function(call: Callable[..., Any]) -> FunctionType:
    def partial(*operands: Any) -> Any:
        return call(*operands)

    return partial  # type: ignore[return-value]  # mypy does not see that a def is a FunctionType


def _is_array(kind: type) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, numpy.ndarray)


def primitive(
    name: str,
    scalar: Callable[..., float],
    array: str | Callable[..., Any] | None,
    *partials: Partial,
    **facts: Any,
) -> Primitive:
    """Add a row to the table; the row returned is the function to call.

    name: a Python name, not one of the built-in rows; defining your own again replaces it.
    scalar: the value on floats, as `math.gamma`.
    array: the value on NumPy arrays: a ufunc's name, a function, or None to apply `scalar` element by element.
    partials: one per argument, a function of the arguments and the output `y`. Write it with autograd's own functions
        and operators (`autograd.cos`, not `math.cos`), and it can be differentiated again.
    facts: symbol, domain, kink, overflows, formula, defaults, doc; see `Primitive`.

    >>> import math, autograd
    >>> gauss = autograd.primitive("gauss", lambda x: math.exp(-x * x), None, lambda x, y: -2.0 * x * y)
    >>> x = autograd.Value(0.5)
    >>> gauss(x).backward()
    >>> round(x.grad, 6)  # -2 · 0.5 · exp(-0.25)
    -0.778801
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"primitive: the name must be a Python name such as 'cube', got {name!r}")
    if name in _BUILT_IN:
        raise ValueError(f"primitive: {name!r} is a built-in primitive; choose another name")
    if not callable(scalar):
        raise TypeError(f"primitive {name}: scalar must be a function of floats, got {scalar!r}")
    for partial in partials:
        if not (callable(partial) or isinstance(partial, float)):
            raise TypeError(
                f"primitive {name}: a partial must be a function of the arguments and y, or a float, got {partial!r}"
            )
    if not partials and "rule" not in facts:
        raise TypeError(f"primitive {name}: give one partial derivative per argument")
    row = Primitive(name, _real(scalar) if _BUILT_IN else scalar, array, partials, **facts)
    row.__doc__ = described(row)
    TABLE[name] = row
    return row
