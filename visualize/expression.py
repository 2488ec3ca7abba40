"""A formula typed as text, such as "tanh(w*x + b)", as a graph of Values: parsed, never executed.

Only names, numbers, `+ - * / **`, parentheses, the table's functions, lists inside `sum([...])` and its like, and one
comparison inside `where(x > 0, ...)` mean anything here; everything else is an ExpressionError with a caret.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import unicodedata
import warnings
from collections.abc import Mapping
from typing import Any

import autograd
from autograd import TABLE, DomainError, Primitive, Value, primitives

__all__ = ["ExpressionError", "evaluate", "names_in"]

# Rows rather than Python's operators: on two plain numbers those would give a complex number, or overflow silently.
OPERATORS: dict[type, Primitive] = {
    ast.Add: autograd.add,
    ast.Sub: autograd.sub,
    ast.Mult: autograd.mul,
    ast.Div: autograd.div,
    ast.Pow: autograd.pow,
}

COMPARISONS: dict[type, Any] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}

OF_EXPRESSIONS = {"if", "else", "and", "or", "not", "for"}
"""Words of Python that nobody takes for the name of a number."""

ALLOWED = "use names, numbers, + - * / **, parentheses and functions such as tanh(x)"

WIDTH = 76
"""How much of a long expression an error shows."""


class ExpressionError(ValueError):
    """The expression is wrong: the message shows it with a caret under the place, and says what to do."""


def evaluate(text: str, /, **values: Any) -> Value:
    """The Value of the expression `text`; each name in it becomes a leaf with that label.

    values: a number for each name, or a Value to use as it is.

    >>> y = evaluate("tanh(w*x + b)", w=2, x=0.5, b=-1)
    >>> y.backward()
    >>> y.data, {leaf.label: leaf.grad for leaf in autograd.topological(y) if leaf.is_leaf}
    (0.0, {'b': 1.0, 'w': 0.5, 'x': 2.0})
    """
    if not isinstance(text, str):
        raise TypeError(f"evaluate: the expression must be text, got {text!r}")
    return _Reader(text, values).read()


def names_in(text: str) -> list[str]:
    """The names in an expression that stand for numbers, in order of appearance.

    >>> names_in("tanh(w*x + b) * x")
    ['w', 'x', 'b']
    """
    reader = _Reader(text, {})
    tree = reader.parse()
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
    names.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in names if node.id not in reader.functions))


class _Reader:
    """One reading of one expression."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        # One line, without changing any position, so that a caret can point into it.
        self.text = re.sub(r"\s", " ", text).strip()
        self.encoded = self.text.encode("utf-8", "replace")
        # Python reads names in this normal form, in which µ (micro) is μ (mu).
        self.leaves = {
            name: v if isinstance(v, Value) else Value(v, name)
            for name, v in ((unicodedata.normalize("NFKC", name), v) for name, v in values.items())
        }
        self.used: set[str] = set()
        self.functions = {
            name: row for name, row in TABLE.items() if hasattr(autograd, name) or not hasattr(primitives, name)
        }

    def read(self) -> Value:
        tree = self.parse()
        order: list[ast.expr] = []
        stack: list[ast.expr] = [tree]
        # Parts before the whole, from left to right; a stack, as a long sum is a deep tree.
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(_parts(node))
        results: dict[ast.expr, Any] = {}
        for node in reversed(order):
            results[node] = self.result(node, results)
        found = self.scalar(tree, results)
        unused = [name for name in self.leaves if name not in self.used]
        if unused:
            given = ", ".join(unused)
            raise ExpressionError(f"{given}: a value is given, but the expression has no such name: {self.text}")
        return found if isinstance(found, Value) else Value(found)

    def parse(self) -> ast.expr:
        if not self.text:
            raise ExpressionError("the expression is empty: give one such as 'tanh(w*x + b)'")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's advice on style, as for "1if"; what is wrong is said below
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            words = re.finditer(r"[^\W\d]\w*", self.text)
            kept = next((m for m in words if keyword.iskeyword(m[0]) and m[0] not in OF_EXPRESSIONS), None)
            if kept is not None:
                raise self.error(
                    kept.start(), f"{kept[0]} is a word of Python, not a name: call it {kept[0]}_", width=len(kept[0])
                ) from None
            # Offset 0 is the line after: something is missing at the end.
            at = error.offset - 1 if error.offset else len(self.text)
            raise self.error(at, f"cannot read this ({error.msg}): {ALLOWED}; write 2*x, not 2x") from None
        except (RecursionError, MemoryError):
            raise self.error(
                0, "this is too long or too deeply nested: compute it in steps, or write sum([...])"
            ) from None
        except ValueError:
            raise self.error(0, f"this holds characters that no formula has: {ALLOWED}") from None

    def result(self, node: ast.expr, results: dict[ast.expr, Any]) -> Any:
        """What `node` is, given what its parts are: a float, a Value, or inside calls a list or a bool."""
        match node:
            case ast.Constant(value=bool() | None) | ast.Constant(value=str() | bytes()):
                raise self.error(node, f"not a number: {ALLOWED}")
            case ast.Constant(value=int() | float() as x):
                try:
                    number = float(x)
                except OverflowError:
                    number = float("inf")
                if number == float("inf"):
                    raise self.error(node, "this number is too large for a float: the largest is about 1.8e308")
                return number
            case ast.Name():
                return self.leaf(node)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.scalar(node.operand, results)
            case ast.UnaryOp(op=ast.USub()):
                return self.apply(autograd.neg, node, self.scalar(node.operand, results))
            case ast.BinOp() if type(node.op) in OPERATORS:
                row = OPERATORS[type(node.op)]
                return self.apply(row, node, self.scalar(node.left, results), self.scalar(node.right, results))
            case ast.BinOp(op=ast.BitXor()):
                raise self.error(node.right, "for a power write **, as in x**2", back="^")
            case ast.Compare() if len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
                left, right = (self.scalar(part, results) for part in (node.left, node.comparators[0]))
                return bool(COMPARISONS[type(node.ops[0])](left, right))
            case ast.Compare():
                raise self.error(node, "compare two numbers with < <= > >=, as in where(x > 0, x, 0)")
            case ast.List():
                return [self.scalar(part, results) for part in node.elts]
            case ast.Call(func=ast.Name() as name):
                return self.call(node, name, results)
        raise self.error(node, f"this has no meaning here: {ALLOWED}")

    def leaf(self, node: ast.Name) -> Value:
        if node.id in self.leaves:
            self.used.add(node.id)
            return self.leaves[node.id]
        if node.id in self.functions:
            raise self.error(node, f"{node.id} is a function: write {node.id}(...)")
        known = f" Known: {', '.join(self.leaves)}." if self.leaves else ""
        raise self.error(
            node, f"{node.id} has no value: give it as {node.id}=2.{_nearest(node.id, self.leaves)}{known}"
        )

    def call(self, node: ast.Call, name: ast.Name, results: dict[ast.expr, Any]) -> Any:
        row = self.functions.get(name.id)
        if row is None:
            near = _nearest(name.id, self.functions) or f" Known: {', '.join(self.functions)}."
            raise self.error(name, f"there is no function {name.id}.{near}")
        if node.keywords:
            raise self.error(node.keywords[0].value, f"{name.id}: give arguments in order, without names")
        args: list[Any] = []
        for i, part in enumerate(node.args):
            arg = results.get(part)
            if isinstance(arg, list) and row.rule is not None:
                args.append(arg)
            elif isinstance(arg, bool) and row is autograd.where and i == 0:
                args.append(float(arg))
            elif row.rule is not None:
                form = "([a, b], [c, d])" if row.groups > 1 else "([a, b])"
                raise self.error(part, f"{name.id} takes lists: write {name.id}{form}")
            else:
                args.append(self.scalar(part, results))
        return self.apply(row, node, *args)

    def apply(self, row: Primitive, node: ast.expr, *args: Any) -> Any:
        try:
            return row(*args)
        except (DomainError, TypeError, ValueError) as error:
            raise self.error(node, str(error)) from error

    def scalar(self, node: ast.expr, results: dict[ast.expr, Any]) -> Any:
        """The result of `node`, which must be one number."""
        found = results[node]
        if isinstance(found, list):
            raise self.error(
                node, "a list stands only inside a function that takes lists: sum([a, b]), dot([a, b], [c, d])"
            )
        if isinstance(found, bool):
            raise self.error(node, "a comparison stands only as the condition in where(condition, a, b)")
        return found

    def error(self, place: ast.expr | int, message: str, *, back: str = "", width: int = 1) -> ExpressionError:
        """The error for a part of the expression; back: point at this text just before the part instead."""
        if isinstance(place, int):
            begin, end = min(place, len(self.text)), min(place, len(self.text)) + width
        else:
            begin, end = self.position(place.col_offset), self.position(place.end_col_offset or 0)
            if back:
                begin = self.text.rindex(back, 0, begin)
                end = begin + len(back)
        return ExpressionError(f"{message}\n{_pointed(self.text, begin, end)}")

    def position(self, column: int) -> int:
        """The place in the text of a column of Python's, which counts bytes."""
        return len(self.encoded[:column].decode("utf-8", "ignore"))


def _parts(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.UnaryOp():
            return [node.operand]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.List():
            return node.elts
        case ast.Call():
            return node.args
    return []


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 3, 0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _pointed(text: str, begin: int, end: int) -> str:
    """The expression, or what of it is near, with carets under text[begin:end]."""
    first = max(begin - WIDTH // 2, 0) if len(text) > WIDTH else 0
    last = first + WIDTH
    lead = "…" if first else ""
    shown = lead + text[first:last] + ("…" if last < len(text) else "")
    # Counted as a terminal shows them: a wide character takes two places, an accent none.
    indent = _columns(lead + text[first:begin])
    return f"  {shown}\n  {' ' * indent}{'^' * max(_columns(text[begin : min(end, last)]), 1)}"


def _columns(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
