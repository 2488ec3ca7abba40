"""All first derivatives of functions with several results, and second derivatives of those with one.

Each is one call of the function, and then sweeps over what it recorded: backwards for each result, or forwards for each
argument, whichever are fewer. With `sparse=True`, rows that have no column in common go together in one sweep
backwards, or columns that have no row in common in one forwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from autograd.engine import Value
from autograd.forward import Slopes, directions, linearised, order_of, push_forward, varying
from autograd.modes import recording
from autograd.primitives import dot
from autograd.primitives import sum as sum_of
from autograd.sweep import read_data, read_value
from autograd.transforms import (
    Argnums,
    Call,
    call,
    check_argnums,
    check_function,
    derivative_of_program,
    one_number,
    plain,
    recording_by,
    single,
    slopes_of,
    split,
)
from autograd.tree import is_array, is_number, map_numbers, named_numbers

__all__ = ["hessian", "hvp", "jacobian", "vjp"]


def vjp(f: Callable[..., Any], *args: Any, has_aux: bool = False) -> tuple[Any, Callable[[Any], Any]]:
    """f at `args`, and a function that pulls cotangents back: a vector times the Jacobian.

    The cotangents have the structure of f's result; what comes back has that of the arguments, a tuple if there are
    several. It can be called again and again. has_aux: as of `jvp`.

    >>> y, pull = vjp(lambda x, y: [x * y, x + y], 2.0, 3.0)
    >>> y, pull([1.0, 0.0]), pull([0.0, 10.0])
    ([6.0, 5.0], (3.0, 2.0), (10.0, 10.0))
    """
    check_function("vjp", f)
    program = None if has_aux else derivative_of_program(f, "vjp", args)
    if program is not None:
        return f(*args), lambda cotangents: program(*args, cotangents)
    called = call(f, args, {}, None, "vjp")
    result, aux = split(called.result, has_aux, "vjp")
    ys = [y for _, y in named_numbers(result, "")]
    outside = called.reaches_out(ys)

    def pull(cotangents: Any) -> Any:
        """The gradient of the sum of results, each times its cotangent."""
        along = directions([result], [cotangents], "vjp: the cotangents")
        pairs = [(c, y) for c, y in zip(along, ys, strict=True) if isinstance(y, Value)]
        recorded = outside or any(isinstance(c, Value) for c in along)
        with recording():
            total = dot([c for c, _ in pairs], [y for _, y in pairs]) if pairs else 0.0
        return single(None, called.shaped(slopes_of(total, called.variables, recorded)))

    value = (result, aux) if has_aux else result
    return value if outside else plain(value), pull


def jacobian(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, sparse: bool = False
) -> Callable[..., Any]:
    """The function that gives all first derivatives of f: its result, with the gradient in the place of each number.

    f: takes arguments as of `value_and_grad`, and returns one number or a structure of numbers. For a list of m
        numbers by a list of n it is a list of m lists of n. For an array by an array it is an array, with the axes of
        the result first, then those of the argument; by several arguments, a tuple of such arrays.
    sparse: a `scipy.sparse.csr_array` instead, of all numbers of the result by all numbers of the arguments, found with
        as few sweeps as its pattern allows (Curtis, Powell and Reid 1974).

    >>> jacobian(lambda v: [v[0] * v[1], v[0] + 2.0 * v[1]])([3.0, 4.0])
    [[4.0, 3.0], [1.0, 2.0]]
    """
    check_function("jacobian", f)
    check_argnums(argnums, "jacobian")

    def matrix_of(*args: Any, **named: Any) -> Any:
        program = None if has_aux or named else derivative_of_program(f, "jacobian", args, argnums, sparse)
        if program is not None:
            return program(*args)
        called = call(f, args, named, argnums, "jacobian")
        result, aux = split(called.result, has_aux, "jacobian")
        ys = [y for _, y in named_numbers(result, "")]
        if sparse:
            _plain_only(called, ys, "jacobian")
            found = _sparse(ys, called.variables, "jacobian")
        else:
            outside = called.reaches_out(ys)
            rows = rows_of(ys, called.variables, outside)
            aux = aux if outside else plain(aux)
            found = _placed(result, rows, called, argnums)
        return (found, aux) if has_aux else found

    return matrix_of


def hessian(f: Callable[..., Any], argnums: Argnums = None, sparse: bool = False) -> Callable[..., Any]:
    """The function that gives all second derivatives of f, which returns one number: the gradient, with a gradient in
    the place of each number.

    For one list of n numbers it is a list of n lists of n; for an array, an array with its axes twice; for several
    arguments a tuple of tuples. sparse: as of `jacobian`.

    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    check_function("hessian", f)
    check_argnums(argnums, "hessian")

    def matrix_of(*args: Any, **named: Any) -> Any:
        program = None if named else derivative_of_program(f, "hessian", args, argnums, sparse)
        if program is not None:
            return program(*args)
        called = call(f, args, named, argnums, "hessian")
        y = one_number(called.result, "hessian")
        slopes = slopes_of(y, called.variables, True)
        if sparse:
            _plain_only(called, y, "hessian")
            return _sparse(slopes, called.variables, "hessian")
        rows = rows_of(slopes, called.variables, called.reaches_out(y))
        gradient = single(argnums, called.shaped(slopes))
        # An argument that is asked for twice has its rows twice.
        order = [k for part in called.shaped(range(len(rows))) for _, k in named_numbers(part, "")]
        rows = [rows[int(k)] for k in order]
        return _placed(gradient, rows, called, argnums)

    return matrix_of


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of f, which returns one number, times a vector: how its gradient changes when the arguments move
    along `tangents`. Two sweeps, one over the other.

    primals, tangents: as of `jvp`. Returns the structure of the argument, a tuple of them if there are several.

    >>> hvp(lambda v: v[0] ** 2 * v[1], ([3.0, 4.0],), ([1.0, 0.0],))
    [8.0, 6.0]
    """
    check_function("hvp", f)
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError("hvp: primals and tangents are tuples of arguments, as in hvp(f, (2.0,), (1.0,))")
    program = derivative_of_program(f, "hvp", (*primals, *tangents))
    if program is not None:
        return program(*primals, *tangents)
    called = call(f, tuple(primals), {}, None, "hvp")
    y = one_number(called.result, "hvp")
    along = directions(called.args, tuple(tangents), "hvp")
    outside = called.reaches_out(y) or any(isinstance(t, Value) for t in along)
    gradient = slopes_of(y, called.variables, True)
    with recording_by(called.variables):
        total = dot(along, gradient)
    return single(None, called.shaped(slopes_of(total, called.variables, outside)))


# ---------------------------------------------------------------- matrices


def _linearised(ys: Sequence[Any], variables: list[Value], recorded: bool) -> Slopes:
    roots = [y for y in ys if isinstance(y, Value)]
    if not roots:
        return []
    with recording_by(variables):
        order = order_of(roots)
        return linearised(order, read_value if recorded else read_data, varying(order, variables))


def rows_of(ys: Sequence[Any], variables: list[Value], recorded: bool) -> list[list[Any]]:
    """The derivatives of each of ys by each variable, by sweeps backwards or forwards."""
    if len(ys) <= len(variables):
        return [slopes_of(y, variables, recorded) for y in ys]
    slopes = _linearised(ys, variables, recorded)
    columns: list[list[Any]] = []
    for variable in variables:
        with recording_by(variables):
            found = push_forward(slopes, {variable: 1.0})
        columns.append([found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in ys])
    return [list(row) for row in zip(*columns, strict=True)]


def _placed(result: Any, rows: list[list[Any]], called: Call, argnums: Argnums) -> Any:
    """A structure of numbers with a row in the place of each."""
    if is_array(result):
        import numpy as np

        by_argument = list(zip(*(called.shaped(row) for row in rows), strict=True)) or [()] * len(called.places)
        whole = [
            _stacked(np, parts, result.shape, called.args[i])
            for parts, i in zip(by_argument, called.places, strict=True)
        ]
        return single(argnums, whole)
    shaped = iter([single(argnums, called.shaped(row)) for row in rows])
    return map_numbers(lambda _: next(shaped), result, lambda _: None)


def _stacked(np: Any, parts: Sequence[Any], shape: tuple[int, ...], arg: Any) -> Any:
    """One part for each number of an array of some shape, as one array, if parts are arrays or numbers."""
    if is_array(arg) or is_number(arg):
        return np.array([np.asarray(part).tolist() for part in parts], dtype=None).reshape(shape + np.shape(arg))
    found = np.empty(len(parts), dtype=object)
    found[:] = list(parts)
    return found.reshape(shape)


# ---------------------------------------------------------------- sparse ones


def _sparse(ys: Sequence[Any], variables: list[Value], name: str) -> Any:
    """The derivatives of ys by the variables as a CSR array, all columns of one colour in one sweep."""
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise ImportError(f"{name}: sparse=True needs SciPy; run 'pip install scipy'") from None
    pattern, found = entries_of(ys, variables)
    places = [(i, j) for i, columns in enumerate(pattern) for j in columns]
    ends = list(itertools.accumulate(map(len, pattern), initial=0))
    data = [found[place] for place in places]
    return csr_array((data, [j for _, j in places], ends), shape=(len(ys), len(variables)))


def entries_of(ys: Sequence[Any], variables: list[Value]) -> tuple[list[list[int]], dict[tuple[int, int], float]]:
    """The derivatives of ys by the variables that may differ from 0, by the places of both; and before them, for each
    of ys, the places of the variables. All columns, or rows, of one colour in one sweep.
    """
    pattern = _pattern(ys, variables)
    of_column: list[list[int]] = [[] for _ in variables]
    for i, columns in enumerate(pattern):
        for j in columns:
            of_column[j].append(i)
    by_row, by_column = coloured(of_column, len(ys)), coloured(pattern, len(variables))
    found: dict[tuple[int, int], float] = {}
    if max(by_row, default=-1) <= 2 * max(by_column, default=-1) + 1:  # a sweep backwards costs less than one forwards
        for group in _groups(by_row):
            with recording():
                total = sum_of([ys[i] for i in group])
            slopes = slopes_of(total, variables, False)
            found |= {(i, j): slopes[j] for i in group for j in pattern[i]}
    else:
        slopes_forwards = _linearised(ys, variables, False)
        for group in _groups(by_column):
            tangents = push_forward(slopes_forwards, {variables[j]: 1.0 for j in group})
            found |= {(i, j): tangents.get(ys[i], 0.0) for j in group for i in of_column[j]}
    return pattern, found


def _plain_only(called: Call, ys: Any, name: str) -> None:
    """TypeError if the result would have to be differentiable again."""
    if called.reaches_out(ys):
        raise TypeError(
            f"{name}: sparse=True gives plain numbers, but the function also depends on Values from around it, whose "
            "gradient would be lost; leave sparse=True out"
        )


def _groups(colours: Sequence[int]) -> list[list[int]]:
    """The places of each colour."""
    found: list[list[int]] = [[] for _ in range(max(colours, default=-1) + 1)]
    for i, colour in enumerate(colours):
        found[colour].append(i)
    return found


def _pattern(ys: Sequence[Any], variables: list[Value]) -> list[list[int]]:
    """For each of ys, the variables that it depends on, as places in order."""
    roots = [y for y in ys if isinstance(y, Value)]
    nothing: frozenset[int] = frozenset()
    reached: dict[Value, frozenset[int]] = {v: frozenset((j,)) for j, v in enumerate(variables)}
    for value in order_of(roots) if roots else []:
        row = value.primitive
        if row is None or value in reached or row.flat:
            continue
        sources = [
            reached[arg] for i, arg in enumerate(value.args)
            if isinstance(arg, Value) and arg in reached and i not in row.cut
        ]  # fmt: skip
        if sources:
            largest = max(sources, key=len)
            reached[value] = largest if all(s <= largest for s in sources) else largest.union(*sources)
    return [sorted(reached.get(y, nothing)) if isinstance(y, Value) else [] for y in ys]


def coloured(pattern: Sequence[Sequence[int]], n: int) -> list[int]:
    """A colour for each of n columns, so that no row has two columns of one colour; greedy, the fullest columns first.

    >>> coloured([[0, 1], [1, 2], [2, 3]], 4)  # two diagonals
    [1, 0, 1, 0]
    """
    rows: list[list[int]] = [[] for _ in range(n)]
    for i, columns in enumerate(pattern):
        for j in columns:
            rows[j].append(i)
    colours = [-1] * n
    for j in sorted(range(n), key=lambda j: -len(rows[j])):
        taken = {colours[k] for i in rows[j] for k in pattern[i]}
        colours[j] = next(c for c in range(n + 1) if c not in taken)
    return colours
