"""The statements that random programs are written of."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from autograd import TABLE, Primitive

__all__ = ["Index", "Matrix", "Scalar", "Vector", "Writer"]

ELEMENTWISE = [row for row in TABLE.values() if row.public and row.rule is None]
JUMPS = ("sign", "step", "equal", "where")  # a rounding error in the argument could change the value
OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
ACTIVATIONS = ["tanh", "sigmoid", "relu", "gelu", "silu", "sin", "softplus", "leaky_relu", "elu", "atan"]
LARGEST = 3.0  # what gets larger is squashed before it is used again


class Scalar(NamedTuple):
    text: str
    bound: float
    leaf: bool = False


class Vector(NamedTuple):
    text: str
    length: int
    bound: float
    leaf: bool = False


class Matrix(NamedTuple):
    text: str
    rows: int
    columns: int
    bound: float


class Index(NamedTuple):
    text: str
    top: int


@functools.cache
def interval(name: str, place: int) -> tuple[float, float]:
    """Where an argument of a row shall lie: the middle of its ordinary points, so that no slope is extreme."""
    samples = TABLE[name].domain.samples
    low, high = samples[min(place, len(samples) - 1)]
    if high > 10.0:
        return -4.0, 4.0
    margin = 0.1 * (high - low)
    return low + margin, high - margin


@functools.cache
def bound_of(name: str) -> float:
    """How large the row gets there."""
    row = TABLE[name]
    intervals = [interval(name, place) for place in range(row.arity)]
    points = [[low + (high - low) * k / 4 for k in range(5)] for low, high in intervals]
    return 1.01 * max(abs(row(*point)) for point in itertools.product(*points))


class Writer:
    """Writes the body of f, statement by statement, and knows what is there to be used."""

    def __init__(self, rng: random.Random, branches: bool, grid: bool) -> None:
        self.rng = rng
        self.branches = branches
        self.grid = grid
        self.lines: list[str] = []
        self.indent = "    "
        self.cost = 0  # about how many operations
        self.count = 0
        self.n_parameters = 0
        self.scalars: list[Scalar] = []
        self.vectors: list[Vector] = []
        self.matrices: list[Matrix] = []
        self.indices: list[Index] = []
        self.made: list[Scalar | Vector | Matrix] = []
        self.give_back: Callable[[], str] = lambda: "0.0"

    # ------------------------------------------------------------ small pieces

    def write(self, *lines: str) -> None:
        self.lines += [self.indent + line for line in lines]

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def number(self) -> str:
        return self.rng.choice(["0.5", "-0.75", "2.0", "1.0", "-1.0", "0.3", "1", "-2", "0.0", "-0.0", "1.25", "0.1"])

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def keep(self, made: Scalar | Vector | Matrix) -> None:
        """Squash what has grown too large, and make it available."""
        if made.bound > LARGEST:
            factor = math.floor(100 * LARGEST / made.bound) / 100 or 0.005
            squash = self.rng.choice([f"{factor} * ({{}})", f"ag.tanh({factor} * ({{}}))", "ag.sin({})", "ag.atan({})"])
            bound = factor * made.bound if squash.startswith(str(factor)) else 1.6
            if bound > LARGEST:
                squash, bound = "ag.sin({})", 1.0
            inner = {Scalar: made.text, Vector: "x", Matrix: "x"}[type(made)]
            text = squash.format(inner)
            if isinstance(made, Vector):
                text = f"[{text} for x in {made.text}]"
                self.cost += made.length
            elif isinstance(made, Matrix):
                text = f"[[{text} for x in row] for row in {made.text}]"
                self.cost += made.rows * made.columns
            self.write(f"{made.text} = {text}")
            made = made._replace(bound=bound)
        pool: list[Any] = {Scalar: self.scalars, Vector: self.vectors, Matrix: self.matrices}[type(made)]
        pool.append(made)
        self.made.append(made)

    def recent(self, pool: list[Any]) -> Any:
        """Something of the pool: what was made lately more often, so that programs get deep."""
        back = int(self.rng.expovariate(0.35))
        return pool[-1 - min(back, len(pool) - 1)] if self.chance(0.6) else self.rng.choice(pool)

    def scalar(self) -> Scalar:
        kind = self.rng.random()
        if kind < 0.12:
            text = self.number()
            return Scalar(text if text[0] != "-" else f"({text})", 2.0)
        if kind < 0.55 and self.scalars:
            return self.recent(self.scalars)
        if kind < 0.65 and self.matrices:
            m = self.recent(self.matrices)
            return Scalar(f"{m.text}[{self.rng.randrange(m.rows)}][{self.rng.randrange(m.columns)}]", m.bound)
        v = self.recent(self.vectors)
        return Scalar(f"{v.text}[{self.rng.randrange(-v.length, v.length)}]", v.bound, v.leaf)

    def leaf(self) -> Scalar:
        found = [s for s in self.scalars if s.leaf]
        found += [Scalar(f"{v.text}[{i}]", v.bound, True) for v in self.vectors if v.leaf for i in range(v.length)]
        return self.rng.choice(found)

    def vector(self, length: int | None = None) -> Vector:
        """A vector, of that length if one is asked for: a part of another one, or one that is made for it."""
        fitting = [v for v in self.vectors if length is None or v.length >= length]
        rows = [m for m in self.matrices if length is None or m.columns >= length]
        if rows and self.chance(0.2):
            m = self.rng.choice(rows)
            v = Vector(f"{m.text}[{self.rng.randrange(m.rows)}]", m.columns, m.bound)
        elif fitting and self.chance(0.9):
            v = self.recent(fitting)
        else:
            v = self.mixed(length or self.rng.randint(1, 5))
        if length is not None and v.length > length:
            start = self.rng.randint(0, v.length - length)
            v = v._replace(text=f"{v.text}[{start or ''}:{start + length}]", length=length)
        return v

    def mixed(self, length: int) -> Vector:
        """A list of whatever there is: constants, parameters, inputs and results side by side."""
        items = [self.scalar() for _ in range(length)]
        v = Vector(self.name("u"), length, max(item.bound for item in items))
        self.write(f"{v.text} = [{', '.join(item.text for item in items)}]")
        self.vectors.append(v)
        return v

    def matrix(self) -> Matrix:
        if self.matrices and self.chance(0.85):
            return self.recent(self.matrices)
        rows, columns = self.rng.randint(2, 4), self.rng.randint(2, 4)
        parts = [self.vector(columns) for _ in range(rows)]
        m = Matrix(self.name("g"), rows, columns, max(part.bound for part in parts))
        self.write(f"{m.text} = [{', '.join(f'list({part.text})' for part in parts)}]")
        self.matrices.append(m)
        return m

    def into(self, x: Scalar, low: float, high: float, generic: bool = False) -> str:
        """An expression that lies in the interval. generic: and is no number that a rounding error could tip over."""
        if x.leaf and -x.bound >= low and x.bound <= high:
            return x.text
        if -x.bound >= low and x.bound <= high:
            return f"(0.9 * {x.text} + 0.0371)" if generic else x.text
        self.cost += 3
        middle, half = round((low + high) / 2, 6), round((high - low) / 2, 6)
        inner = f"1.1 * {x.text} + 0.0371" if generic or self.chance(0.2) else x.text
        if low > 0.3 and high > 3.0 and x.bound < 1.6 and not generic and self.chance(0.5):
            return f"({x.text} * {x.text} + {round(low + 0.2, 3)})"
        if middle == 0.0:
            return f"({half} * ag.{self.rng.choice(['sin', 'tanh', 'cos'])}({inner}))"
        return f"({middle} + {half} * ag.{self.rng.choice(['sin', 'tanh', 'erf'])}({inner}))"

    def apply(self, row: Primitive, operands: list[Scalar]) -> Scalar:
        """A row at scalars, written as a user would."""
        self.cost += 1
        generic = row.name in JUMPS
        texts = [
            self.into(x, *interval(row.name, i), generic and (row.name != "where" or i == 0))
            for i, x in enumerate(operands)
        ]
        if row.name == "where":
            texts[0] = self.condition_value(texts[0]) if self.chance(0.8) else self.leaf().text
        if row.name in OPERATORS and self.chance(0.7):
            text = f"({texts[0]} {OPERATORS[row.name]} {texts[1]})"
        elif row.name == "neg" and self.chance(0.7):
            text = f"(-{texts[0]})"
        elif row.name == "abs" and self.chance(0.5):
            text = f"abs({texts[0]})"
        elif row.name in ("leaky_relu", "elu") and self.chance(0.5):
            text = f"ag.{row.name}({texts[0]})"
        else:
            text = f"ag.{row.name}({', '.join(texts)})"
        return Scalar(text, bound_of(row.name))

    def condition_value(self, text: str) -> str:
        """A condition for `where`: 0 or 1."""
        self.cost += 1
        return f"ag.step({text} - 0.5)" if self.chance(0.7) else f"ag.equal(ag.step({text} - 0.4), {self.number()})"

    # ------------------------------------------------------------ statements

    def one_operation(self) -> None:
        row = self.rng.choice(ELEMENTWISE)
        operands = [self.scalar() for _ in range(row.arity)]
        if row.arity == 2 and self.chance(0.2):
            operands[1] = operands[0]
        made = self.apply(row, operands)
        name = self.name("s")
        self.write(f"{name} = {made.text}")
        self.keep(made._replace(text=name))

    def ties(self) -> None:
        """Kinks met exactly: operands that are the same leaf, or leaves that may be equal."""
        x1 = self.leaf()
        x2 = x1 if self.chance(0.3) else self.leaf()
        row = self.rng.choice(["maximum", "minimum", "equal", "relu", "abs", "step", "sign", "leaky_relu"])
        name = self.name("s")
        if TABLE[row].arity == 2 and row != "leaky_relu":
            self.write(f"{name} = ag.{row}({x1.text}, {x2.text})")
        else:
            self.write(f"{name} = ag.{row}({x1.text} - {x2.text})")
        self.cost += 2
        self.keep(Scalar(name, 2 * LARGEST))

    def elementwise(self) -> None:
        """The same operation over lists, not in order."""
        row = self.rng.choice(ELEMENTWISE)
        u = self.vector()
        v = self.vector(u.length) if self.chance(0.6) else None
        shared = self.scalar()
        operands = [Scalar(f"{u.text}[i]", u.bound, u.leaf)]
        for _ in range(row.arity - 1):
            operands.append(shared if v is None else Scalar(f"{v.text}[{u.length - 1} - i]", v.bound, v.leaf))
        if self.chance(0.4):
            operands.reverse()
        before = self.cost
        made = self.apply(row, operands)
        self.cost += (self.cost - before) * (u.length - 1)
        order = list(range(u.length))
        self.rng.shuffle(order)
        name = self.name("v")
        if self.chance(0.5):
            self.write(f"{name} = [0.0] * {u.length}", f"for i in {order}:", f"    {name}[i] = {made.text}")
        else:
            self.write(f"{name} = [{made.text} for i in {order}]")
        self.keep(Vector(name, u.length, made.bound))

    def repeated(self) -> None:
        """One statement of several operations for every element: independent little chains."""
        u, v = self.vector(), self.vector()
        s, name = self.scalar(), self.name("v")
        body = self.rng.choice(
            [
                "ag.tanh({a} * {s} + {b}) * {a}",
                "({a} - {b}) ** 2 + {s}",
                "{a} * {a} * {b} - -{s}",
                "ag.exp(-({a} - {s}) ** 2)",
                "({a} + {b}) * ({a} - {b}) * 0.5",
                "{a} / (1.0 + {b} * {b}) - {s} / 2",
                "ag.sigmoid({a}) * ag.tanh({b}) + (1 - ag.sigmoid({a})) * {s}",
                "ag.log(1.1 + {a} * {a}) - ag.sqrt(0.2 + {b} ** 2)",
                "{s} - {a} - ({b} - {a}) + (-{b})",
                "2.0 ** {a} - {b} ** 3",
                "(1.2 + {a} ** 2) ** ({b} * 0.5)",
            ]
        )
        n = min(u.length, v.length)
        text = body.format(a=f"{u.text}[i]", b=f"{v.text}[{self.rng.choice(['i', f'{n - 1} - i', '0'])}]", s=s.text)
        step = self.rng.choice([1, 1, 1, 2])
        self.write(f"{name} = [{text} for i in range(0, {n}, {step})]")
        self.cost += 6 * n
        self.keep(Vector(name, -(-n // step), 45.0))

    def rearranged(self) -> None:
        u, v = self.vector(), self.vector()
        name = self.name("v")
        n = self.rng.randint(1, 6)
        picks = [self.rng.randrange(u.length) for _ in range(n)]
        text, length = self.rng.choice(
            [
                (f"[{u.text}[i] for i in {picks}]", n),
                (f"[*{u.text}, *{v.text}]", u.length + v.length),
                (f"list({u.text}[::-1])", u.length),
                (f"[x for pair in zip({u.text}, {v.text}) for x in pair]", 2 * min(u.length, v.length)),
                (f"[{self.scalar().text}] * {n}", n),
                (f"[*{u.text}[1:], {self.scalar().text}]", u.length),
            ]
        )
        if length > 8:
            text, length = f"({text})[:8]", 8
        self.write(f"{name} = {text}")
        self.vectors.append(Vector(name, length, LARGEST))

    def sums(self) -> None:
        """Sums of ragged lengths, in the many ways to write them."""
        u = self.vector()
        s, name = self.scalar(), self.name("s")
        kind = self.rng.randrange(9)
        self.cost += u.length
        if kind == 0:
            self.write(f"{name} = sum({u.text})")
        elif kind == 1:
            self.write(f"{name} = ag.{self.rng.choice(['sum', 'mean', 'logsumexp'])}({u.text})")
        elif kind == 2:
            start = self.rng.choice(["0.0", "0", "ag.Value(0.0)", s.text])
            sign = self.rng.choice(["+", "-"])
            self.write(f"{name} = {start}", f"for x in {u.text}:", f"    {name} {sign}= x")
        elif kind == 3:
            self.write(f"{name} = ag.sum([*{u.text}, {s.text}, 1.5, {s.text}, -{u.text}[0]])")
        elif kind == 4:
            self.write(f"{name} = {s.text} - (-sum({u.text}) - {u.text}[-1]) - 0.5")
        elif kind == 5:
            self.write(f"{name} = sum([sum({u.text}[:i]) for i in range({u.length + 1})])")
            self.cost += u.length**2 // 2
        elif kind == 6:
            self.write(f"{name} = sum({u.text}[1:], {s.text}) * sum({u.text}) * 0.25")
        elif kind == 7:
            self.write(f"{name} = ag.sum([ag.sum({u.text}[i:]) * {u.text}[i] for i in range({u.length})])")
            self.cost += u.length**2 // 2
        else:
            self.write(f"{name} = ag.sum([]) + ag.sum([{s.text}]) + ag.dot([], []) + ag.mean([{u.text}[0]])")
        n = u.length
        self.keep(Scalar(name, 3.0 * n + 20.0 if kind < 5 else 5.0 * n * n + 20.0))

    def prefixes(self) -> None:
        """A list of sums, each one longer than the one before; or shorter."""
        u = self.vector()
        v = self.vector(u.length)
        name, n = self.name("v"), u.length
        kind = self.rng.randrange(7)
        self.cost += n * n // 2 if kind != 1 else n
        if kind == 0:
            self.write(f"{name} = [ag.sum({u.text}[: i + 1]) for i in range({n})]")
        elif kind == 1:
            self.write(f"{name}, running = [], 0.0", f"for x in {u.text}:")
            self.write("    running = running + x", f"    {name}.append(running)")
        elif kind == 2:
            self.write(f"{name} = [ag.dot({u.text}[: i + 1], {v.text}[: i + 1]) for i in range({n})]")
        elif kind == 3:
            self.write(f"{name} = [sum(a * b for a, b in zip({u.text}[i:], {v.text}[i:])) for i in range({n})]")
        elif kind == 4:
            self.write(f"{name} = [ag.logsumexp({u.text}[: i + 1]) - {v.text}[i] for i in range({n})]")
        elif kind == 5:
            self.write(f"{name} = [ag.mean({u.text}[i:]) * {v.text}[i] for i in range({n})]")
        else:
            self.write(f"{name} = [ag.dot({u.text}[: i + 1], {v.text}[{n - 1} - i :]) for i in range({n})]")
        self.keep(Vector(name, n, 9.0 * n + 3.0))

    def dots(self) -> None:
        """Dot products that share rows, swap sides, mix what is in them, or are very short."""
        u = self.vector()
        v = self.vector(u.length)
        s = self.scalar()
        name, n = self.name("v"), u.length
        texts = [
            f"ag.dot({u.text}, {v.text})",
            f"ag.dot({v.text}, {u.text})",
            f"ag.dot({u.text}, {u.text})",
            f"ag.dot([{s.text}] * {n}, {u.text})",
            f"ag.dot({u.text}, [{self.number()} for _ in range({n})])",
            f"sum(a * b for a, b in zip({u.text}, {v.text}))",
            f"ag.dot([{s.text}], [{s.text}])",
            f"ag.dot([{s.text}, 1.0, {u.text}[0]], [{v.text}[0], {s.text}, {u.text}[-1]])",
            f"{s.text} * {u.text}[0] + {v.text}[0] * {s.text} + 0.5 * {u.text}[0]",
            f"-{s.text} * {u.text}[0] - {v.text}[0] * {s.text} - {u.text}[0]",
            f"ag.mean([a * b for a, b in zip({u.text}, {v.text})])",
            f"ag.dot([a * {s.text} for a in {u.text}], {v.text})",
            f"({u.text}[0] + {v.text}[0]) * ({u.text}[-1] + {s.text} + 1.0)",
        ]
        chosen = self.rng.sample(texts, self.rng.randint(1, 4))
        self.write(f"{name} = [{', '.join(chosen)}]")
        self.cost += (n + 1) * len(chosen)
        self.keep(Vector(name, len(chosen), max(9.0 * n, 42.0)))

    def dense(self) -> None:
        """A layer: with and without bias, the sum written as a dot, a generator or a loop, weights either way round."""
        m = self.matrix()
        transposed = self.chance(0.25)
        n_in, n_out = (m.rows, m.columns) if transposed else (m.columns, m.rows)
        x = self.vector(n_in)
        weight = f"{m.text}[i][j]" if transposed else f"{m.text}[j][i]"
        bias = self.vector(n_out) if self.chance(0.6) else None
        add = f" + {bias.text}[j]" if bias else ""
        act = f"ag.{self.rng.choice(ACTIVATIONS)}" if self.chance(0.7) else ""
        name = self.name("h")
        self.cost += n_out * (3 if not transposed else n_in + 2)
        kind = self.rng.randrange(5)
        if kind == 0:
            row = f"[{weight} for i in range({n_in})]" if transposed else f"{m.text}[j]"
            pair = f"{row}, {x.text}" if self.chance(0.5) else f"{x.text}, {row}"
            self.write(f"{name} = [{act}(ag.dot({pair}){add}) for j in range({n_out})]")
        elif kind in (1, 3):
            products = f"{weight} * {x.text}[i] for i in range({n_in})"
            total = f"sum({products})" if kind == 1 else f"ag.sum([{products}])"
            self.write(f"{name} = [{act}({total}{add}) for j in range({n_out})]")
        elif kind == 2:
            start = f"{bias.text}[j]" if bias else self.rng.choice(["0.0", "ag.Value(0.0)"])
            self.write(
                f"{name} = []",
                f"for j in range({n_out}):",
                f"    total = {start}",
                f"    for i in range({n_in}):",
                f"        total {self.rng.choice(['+=', '-='])} {weight} * {x.text}[i]",
                f"    {name}.append({act}(total))",
            )
        else:
            self.write(
                f"{name} = [0.0] * {n_out}",
                f"for i in range({n_in}):",
                f"    for j in range({n_out}):",
                f"        {name}[j] += {weight} * {x.text}[i]",
                f"{name} = [{act}({name}[j]{add}) for j in range({n_out})]",
            )
        self.keep(Vector(name, n_out, n_in * m.bound * x.bound + LARGEST))

    def products_of_matrices(self) -> None:
        """Every row with every row, or with those not after it, or with its neighbours only."""
        a = self.matrix()
        others = [m for m in self.matrices if m.columns == a.columns]
        b = self.rng.choice(others)
        name = self.name("g")
        kind = self.rng.randrange(5)
        self.cost += a.rows * b.rows * (1 if kind else a.columns + 1)
        if kind == 0:
            entry = f"ag.sum([(p - q) ** 2 for p, q in zip({a.text}[i], {b.text}[j])])"
        elif kind == 1:
            entry = f"sum({a.text}[i][k] * {b.text}[j][k] for k in range({a.columns}))"
            self.cost += a.rows * b.rows * a.columns * 2
        elif kind == 2:
            entry = f"{a.text}[i][0] * {b.text}[j][-1]"
        else:
            entry = f"ag.dot({a.text}[i], {b.text}[j])"
        if self.chance(0.3) and a.rows == b.rows:
            width = self.rng.choice(["j <= i", "abs(i - j) <= 1", "i != j"])
            entry = f"{entry} if {width} else {self.number()}"
        self.write(f"{name} = [[{entry} for j in range({b.rows})] for i in range({a.rows})]")
        self.keep(Matrix(name, a.rows, b.rows, (36.0 if kind == 0 else 9.0) * a.columns))

    def attention(self) -> None:
        """Queries, keys and values, all of them batched or some of them parameters; causal, or each to all."""
        q = self.matrix()
        fitting = [m for m in self.matrices if m.columns == q.columns]
        k = self.rng.choice(fitting)
        v = self.rng.choice([m for m in self.matrices if m.rows == k.rows])
        causal = q.rows == k.rows and self.chance(0.6)
        reach = "i + 1" if causal else str(k.rows)
        name = self.name("g")
        lines = [
            f"{name} = []",
            f"for i in range({q.rows}):",
            f"    scores = [ag.dot({q.text}[i], {k.text}[j]) * 0.5 for j in range({reach})]",
        ]
        if self.chance(0.75):
            lines.append("    weights = ag.softmax(scores)")
        else:
            lines += ["    top = ag.logsumexp(scores)", "    weights = [ag.exp(score - top) for score in scores]"]
        if self.chance(0.7):
            each = f"ag.dot(weights, [{v.text}[j][c] for j in range({reach})])"
        else:
            each = f"sum(weights[j] * {v.text}[j][c] for j in range({reach}))"
        lines.append(f"    {name}.append([{each} for c in range({v.columns})])")
        self.write(*lines)
        self.cost += q.rows * (5 * k.rows + 2 * v.columns)
        self.keep(Matrix(name, q.rows, v.columns, v.bound))

    def matrix_changes(self) -> None:
        m = self.matrix()
        name, s = self.name("g"), self.scalar()
        rows = list(range(m.rows))
        self.rng.shuffle(rows)
        u = self.vector(m.columns)
        kind = self.rng.randrange(5)
        if kind == 0:
            self.write(f"{name} = [list(column) for column in zip(*{m.text})]")
            self.matrices.append(Matrix(name, m.columns, m.rows, m.bound))
        elif kind == 1:
            self.write(f"{name} = [[x * {s.text} + y for x, y in zip({m.text}[i], {u.text})] for i in {rows}]")
            self.cost += 2 * m.rows * m.columns
            self.keep(Matrix(name, m.rows, m.columns, 12.0))
        elif kind == 2:
            act = self.rng.choice(ACTIVATIONS)
            self.write(f"{name} = [[ag.{act}({m.text}[i][j]) for j in range({m.columns})] for i in {rows}]")
            self.cost += m.rows * m.columns
            self.keep(Matrix(name, m.rows, m.columns, 4.0))
        elif kind == 3:
            self.write(f"{name} = [ag.softmax(row) for row in {m.text}]")
            self.cost += 4 * m.rows * m.columns
            self.keep(Matrix(name, m.rows, m.columns, 1.0))
        else:
            name = self.name("v")
            self.write(f"{name} = [x for row in {m.text} for x in row]")
            self.vectors.append(Vector(name, m.rows * m.columns, m.bound))

    def layers(self) -> None:
        """A chain of layers with the same or with changing weights."""
        square = [m for m in self.matrices if m.rows == m.columns]
        if not square:
            return self.dense()
        m, other = self.rng.choice(square), self.rng.choice(square)
        u, name, act = self.vector(m.columns), self.name("h"), self.rng.choice(["tanh", "sin", "gelu", "relu"])
        weights = f"[{m.text}, {(other if other.rows == m.rows else m).text}]"
        self.write(
            f"{name} = {u.text}",
            f"for weights in {weights}:",
            f"    {name} = [ag.{act}(ag.dot(row, {name}) + 0.1) for row in weights]",
        )
        self.cost += 6 * m.rows
        return self.keep(Vector(name, m.rows, 1000.0 if act in ("gelu", "relu") else 1.0))

    def convolution(self) -> None:
        """A window that slides; a kernel that every place shares."""
        u = self.vector()
        if u.length < 3:
            return self.recurrence()
        width = self.rng.randint(2, min(3, u.length))
        k = self.vector(width)
        step = self.rng.choice([1, 1, 2])
        places = f"range(0, {u.length - width + 1}, {step})"
        name = self.name("v")
        window = f"{u.text}[i : i + {width}]"
        text = self.rng.choice(
            [
                f"[ag.dot({k.text}, {window}) for i in {places}]",
                f"[sum({k.text}[j] * {u.text}[i + j] for j in range({width})) for i in {places}]",
                f"[ag.mean({window}) - {k.text}[0] for i in {places}]",
                f"[ag.logsumexp({window}) for i in {places}]",
                f"[functools.reduce(ag.maximum, {window}) for i in {places}]",
                f"[ag.relu(ag.dot({window}, {k.text}) - 0.1) for i in {places}]",
            ]
        )
        self.write(f"{name} = {text}")
        n = len(range(0, u.length - width + 1, step))
        self.cost += n * (width + 1)
        return self.keep(Vector(name, n, width * k.bound * u.bound + 4.0))

    def recurrence(self) -> None:
        u = self.vector()
        a, b, name = self.scalar(), self.scalar(), self.name("s")
        step = self.rng.choice(
            [
                "ag.tanh({a} * {h} + {b} * x)",
                "ag.sin({h} * x + {a})",
                "0.2 * {h} * {h} + 0.25 * x",
                "ag.sigmoid({h}) * x + (1.0 - ag.sigmoid({h})) * {h}",
                "0.9 * {h} + 0.1 * x * {a}",
                "{h} - 0.1 * ({h} * {a} - x)",
                "ag.maximum(0.9 * {h}, x)",
            ]
        ).format(a=a.text, b=b.text, h=name)
        self.write(f"{name} = {self.rng.choice(['0.0', a.text, '0.5'])}")
        if self.chance(0.4):
            states = self.name("v")
            self.write(f"{states} = []", f"for x in {u.text}:")
            self.write(f"    {name} = ag.tanh({step})", f"    {states}.append({name})")
            self.keep(Vector(states, u.length, 1.0))
        else:
            self.write(f"for x in {u.text}[:8]:", f"    {name} = {step}")
            self.keep(Scalar(name, 60.0))
        self.cost += 5 * u.length

    def normalised(self) -> None:
        u = self.vector()
        name = self.name("v")
        self.write(
            f"centre = ag.mean({u.text})",
            f"spread = ag.mean([(x - centre) ** 2 for x in {u.text}]) + 0.3",
            f"{name} = [(x - centre) / ag.sqrt(spread) for x in {u.text}]",
        )
        self.cost += 5 * u.length
        self.keep(Vector(name, u.length, 12.0))

    def probabilities(self) -> None:
        u = self.vector()
        name = self.name("v")
        k = self.rng.randrange(u.length)
        self.write(f"{name} = ag.softmax({u.text})")
        self.cost += 4 * u.length
        if self.chance(0.4):
            self.write(f"{name} = [ag.logsumexp({u.text}) - {u.text}[{k}], -ag.log({name}[{k}] + 0.01)]")
            self.keep(Vector(name, 2, 10.0))
        else:
            self.keep(Vector(name, u.length, 1.0))

    def lookup(self) -> None:
        """Integers: take from parameters, constants, results and matrices; one_hot."""
        if not self.indices:
            return self.one_operation()
        i = self.rng.choice(self.indices)
        kind = self.rng.randrange(4)
        if kind == 0:
            n, name = i.top + self.rng.randint(0, 2), self.name("v")
            self.write(f"{name} = ag.one_hot({i.text}, {n})")
            self.cost += n
            return self.keep(Vector(name, n, 1.0))
        if kind == 1:
            tables = [m for m in self.matrices if m.rows >= i.top]
            if tables:
                m, name = self.rng.choice(tables), self.name("v")
                self.write(f"{name} = ag.take({m.text}, {i.text})")
                self.cost += m.rows + m.columns
                return self.keep(Vector(name, m.columns, m.bound))
        name = self.name("s")
        table = self.vector(i.top)
        text = table.text if kind != 2 else f"[{', '.join(self.number() for _ in range(i.top))}]"
        self.write(f"{name} = ag.take({text}, {i.text})")
        self.cost += i.top + 1
        return self.keep(Scalar(name, max(table.bound, 2.0)))

    def stopped(self) -> None:
        u, s, name = self.vector(), self.scalar(), self.name("v")
        inner = self.rng.choice(["x * {s}", "x", "ag.tanh(x) - {s}"]).format(s=s.text)
        self.write(f"{name} = [x * {s.text} - ag.stop_gradient({inner}) for x in {u.text}]")
        self.cost += 4 * u.length
        self.keep(Vector(name, u.length, 20.0))

    def cut_off(self) -> None:
        """Slopes that are infinite where nothing flows."""
        x, name = self.leaf(), self.name("s")
        self.write(f"{name} = ag.where(ag.step({x.text} - 0.125), ag.sqrt(ag.relu({x.text} - 0.125)), 0.5)")
        self.cost += 4
        self.keep(Scalar(name, 2.0))

    def constant(self) -> None:
        """Computed by the function from nothing but constants."""
        name = self.name("s")
        text = self.rng.choice(
            [
                "ag.tanh(ag.Value(0.7)) * 2.0",
                "ag.Value(-0.25)",
                "ag.dot([ag.Value(0.5), 2.0], [3.0, ag.Value(0.25)]) - 1",
                "ag.exp(-0.5)",
                "ag.sum([ag.Value(0.5), ag.Value(0.5), 1.0])",
                "np.float64(0.3)",
            ]
        )
        self.write(f"{name} = {text}")
        self.cost += 2
        self.keep(Scalar(name, 2.0))

    def arrays(self) -> None:
        """NumPy on arrays of Values."""
        u, name = self.vector(), self.name("v")
        v = self.vector(u.length)
        text = self.rng.choice(["ag.tanh(u * v)", "u @ v + u", "(u + v) ** 2", "v[::-1] - u / 2"])
        self.write(
            f"u, v = np.array([ag.add(x, 0.5) for x in {u.text}], dtype=object), np.array([*{v.text}], dtype=object)",
            f"{name} = list({text})",
        )
        self.cost += 6 * u.length
        self.keep(Vector(name, u.length, 12.0 * u.length + 42.0))

    # ------------------------------------------------------------ branches

    def condition(self) -> str:
        """Something that a guard is made of; a rounding error never decides."""
        kind = self.rng.randrange(8)
        sign = self.rng.choice(["<", "<=", ">", ">="])
        if kind == 0:
            return f"{self.leaf().text} {sign} {self.leaf().text}"
        if kind == 1:
            return f"{self.leaf().text} {sign} {self.rng.choice(['0', '0.125', '-0.25', '0.0'])}"
        if kind == 2 and self.indices:
            i = self.rng.choice(self.indices)
            other = self.rng.choice([*self.indices, i])
            same = self.rng.choice([*["==", "!="] * 2, sign])
            return self.rng.choice([f"{i.text} {same} {self.rng.randrange(i.top)}", f"{i.text} {same} {other.text}"])
        if kind == 3:
            x = self.scalar()
            return f"-0.5171 < 1.3 * ({x.text}) + 0.01719 <= 0.9177"
        if kind == 4:
            both = f"1.7 * ({self.scalar().text}) - 0.0331 {sign} {self.scalar().text}"
            return f"{both} and {self.leaf().text} {sign} 0.5"
        if kind == 5:
            return f"not {self.leaf().text} {sign} 0.25 or 0.7 * {self.scalar().text} + 0.0177 {sign} 0.1"
        if kind == 6:
            return f"0.2713 {sign} ag.sin({self.scalar().text} + 0.0177)"
        self.cost += 3
        return f"1.3 * ({self.scalar().text}) + 0.0191 {sign} {self.scalar().text}"

    def block(self, budget: int, name: str) -> None:
        """Some statements, which nobody outside sees, and then a value for `name`."""
        pools = [self.scalars, self.vectors, self.matrices, self.indices, self.made]
        kept = [list(pool) for pool in pools]
        before, indent = self.cost, self.indent
        self.indent += "    "
        while self.cost - before < budget:
            self.statement()
        x = self.scalar()
        self.write(f"{name} = {self.into(x, -LARGEST, LARGEST)}")
        self.indent = indent
        for pool, old in zip(pools, kept, strict=True):
            pool[:] = old

    def choose(self) -> None:
        name = self.name("s")
        size = self.rng.choice([0, 0, 8])
        complete = self.chance(0.8)
        if not complete:
            self.write(f"{name} = {self.scalar().text}")
        self.write(f"if {self.condition()}:")
        self.block(size, name)
        if self.chance(0.3):
            self.write(f"elif {self.condition()}:")
            self.block(0, name)
        if complete:
            self.write("else:")
            self.block(size, name)
        self.keep(Scalar(name, LARGEST))

    def repeat(self) -> None:
        name, s = self.name("s"), self.scalar()
        count = self.name("n")
        self.write(
            f"{name}, {count} = {s.text}, 0",
            f"while {self.rng.choice(['0.3171 < ', '-1.2177 < '])}1.1 * {name} and {count} < 3:",
            f"    {name} = 0.5 * {name} - {self.rng.choice(['0.1', self.leaf().text])}",
            f"    {count} += 1",
        )
        self.cost += 6
        self.keep(Scalar(name, 6.0))

    def pick(self) -> None:
        u, name = self.vector(), self.name("s")
        leaves = [v for v in self.vectors if v.leaf]
        if self.chance(0.4) and leaves:
            u = self.rng.choice(leaves)
            elements = f"{u.text}[:3]"
        else:
            elements = f"[x + 0.0371 * i for i, x in enumerate({u.text}[:3])]"
        texts = ["max({})", "min({})", "max({}) - min({})", "sorted({})[0]", "sorted({})[-1]", "max(0.0, *{})"]
        text = self.rng.choice([*texts, "abs(min({}))"])
        self.write(f"{name} = {text.replace('{}', elements)}")
        self.cost += 6
        self.keep(Scalar(name, 8.0))

    def leave(self) -> None:
        self.write(f"if {self.condition()}:", f"    return {self.give_back()}")

    # ------------------------------------------------------------ all together

    def statement(self) -> None:
        ordinary = [
            (self.one_operation, 14), (self.elementwise, 12), (self.repeated, 8), (self.rearranged, 5), (self.sums, 8),
            (self.prefixes, 5), (self.dots, 8), (self.dense, 12), (self.products_of_matrices, 4), (self.attention, 3),
            (self.matrix_changes, 5), (self.layers, 4), (self.convolution, 5), (self.recurrence, 5),
            (self.normalised, 2), (self.probabilities, 3), (self.lookup, 6), (self.stopped, 2), (self.constant, 2),
            (self.ties, 3), (self.cut_off, 1), (self.arrays, 2),
        ]  # fmt: skip
        nested = len(self.indent) > 4
        branching = [(self.choose, 14), (self.repeat, 6), (self.pick, 10), (self.leave, 0 if nested else 5)]
        choices = ordinary + (branching if self.branches and len(self.indent) < 12 else [])
        pick = self.rng.choices([s for s, _ in choices], [w for _, w in choices])[0]
        pick()

    def result(self, form: str) -> str:
        """What f returns: a number from much of what there is, in that form."""
        parts: list[str] = []
        made = self.made[-12:] if self.made else []
        for item in made:
            if self.chance(0.25):
                continue  # code that leads nowhere
            if isinstance(item, Scalar):
                parts.append(item.text)
            elif isinstance(item, Vector):
                text = self.rng.choice(["ag.mean({0})", "{0}[0]", "sum({0})", "ag.dot({0}, {0})"])
                parts.append(text.format(item.text))
            else:
                parts.append(f"sum(sum(row) for row in {item.text})")
        parts += [self.scalar().text for _ in range(self.rng.randint(0, 2))]
        parts = parts or [self.scalar().text]
        kind = self.rng.random()
        if kind < 0.06:
            loss = self.leaf().text
        elif kind < 0.09:
            loss = self.number()
        elif kind < 0.5:
            loss = f"ag.sum([{', '.join(parts)}])"
        elif kind < 0.7:
            loss = " + ".join(parts)
        elif kind < 0.85:
            loss = f"ag.dot([{', '.join(parts)}], [{', '.join(self.scalar().text for _ in parts)}])"
        else:
            loss = " - ".join(f"0.5 * ({part})" for part in parts)
        extra = [self.leaf().text, self.scalar().text, self.number(), self.scalar().text]
        self.rng.shuffle(extra)
        if self.indices and self.chance(0.2):
            extra[0] = self.indices[0].text
        return form.format(loss, *extra, loss)
