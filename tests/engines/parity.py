"""Random graphs, told to the last bit: python parity.py SEED FIRST LAST.

Everything one can see of a graph is printed: values and gradients as hexadecimal floats, arguments, labels, orders and
errors. Both engines must print the same text. Run with GLASSGRAD_ENGINE=python and =native and compare.
"""

import copy
import itertools
import math
import pickle
import random
import sys
from fractions import Fraction

import numpy as np

import autograd
from autograd import CORNERS, TABLE, Value, no_grad, primitive, value_and_grad, zero_grad
from autograd.engine import gradients, leaves, read, record, topological, write
from autograd.transforms import derivative

ORDINARY = [0.5, 1.0, 2.0, 3.0, -1.0, -0.25, -2.0, 0.1, 1 / 3, 0.999, 1.7]
SPECIAL = [
    0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e-320, -1e-320, 2.2250738585072014e-308, 1e308, -1e308,
    1.7976931348623157e308, 710.0, -710.0, 745.2, -746.0, 36.8, -37.5, 1e16, 1e-8, -1.0, 1.0, 1 + 2**-52, 1 - 2**-53,
    27.3, -8.0, math.pi / 2, math.pi, 1e22, 0.5, 2.0, -3.0, 1e154, -1e-162,
]  # fmt: skip
SEEDS = [1.0, 1.0, 1.0, 2, -0.5, 0.0, -0.0, True, 1e308, 1e-310, math.inf, Fraction(1, 3)]
BAD_SEEDS = [math.nan, "1", None, 10**400, [1.0]]
ODD_NUMBERS = [0, 1, 2, -3, True, False, 10**400, Fraction(1, 3), np.float64(0.5), np.float32(0.1), np.int64(3)]
NO_NUMBERS = ["a", None, 1j, [1.0], (), object]

# ---------------------------------------------------------------- a user's own primitives


class Picky:
    """A partial that is no plain function, and an error that is no DomainError."""

    def __call__(self, x, y):
        if x > 2.5:
            raise KeyError("picky")
        return 1.0 / x if x < 1.0 else 2


def _steep(x, y):
    return math.inf if x == 1.0 else math.nan if x == 2.0 else 3.0 * x


OWN = [
    primitive("own_cube", lambda x: x * x * x, None, lambda x, y: 3.0 * x * x),
    primitive("own_half", lambda x: 0.5 * x, None, 0.5),
    primitive("own_dead", lambda x: x, None, 0.0),
    primitive("own_picky", lambda x: x if x < 3.0 else 1 / 0, None, Picky()),
    primitive("own_steep", lambda x: x, None, _steep),
    primitive("own_cosine", math.cos, None, lambda x, y: -autograd.sin(x)),
    primitive("own_power", lambda x, p: x**p, None,
              lambda x, p, y: p * x ** (p - 1.0), lambda x, p, y: y * autograd.log(x)),
    primitive("own_first", lambda x1, x2: x1 + 0 * x2, None, 1.0, 0.0),
    primitive("own_fused", lambda a, b, c: a * b + c, None, lambda a, b, c, y: b, lambda a, b, c, y: a, 1.0),
    primitive("own_chosen", lambda c, a, b: a if c > 0 else b * b, None,
              0.0, lambda c, a, b, y: autograd.step(c), lambda c, a, b, y: (1.0 - autograd.step(c)) * 2.0 * b),
    primitive("own_nine", lambda *xs: xs[0] * xs[8], None, lambda *xs: xs[8], *([0.0] * 7), lambda *xs: xs[0]),
    primitive("own_default", lambda x, k: k * x, None, lambda x, k, y: k, lambda x, k, y: x, defaults={"k": 3.0}),
    primitive("own_squares", lambda xs: sum(x * x for x in xs), None, rule=lambda xs, y: [2.0 * x for x in xs]),
    primitive("own_product", lambda xs: math.prod(xs), None, rule=lambda xs, y: [y / x for x in xs]),
]  # fmt: skip

ROWS = list(TABLE.values())
UNARY = [row for row in ROWS if row.rule is None and row.arity == 1]
METHODS = [row.name for row in UNARY if hasattr(Value, row.name)] + ["arcsin", "arccos", "arctan"]
UFUNCS = [row for row in ROWS if row.public and isinstance(row.array, str) and row.rule is None]
POINTS = [(corner[0], corner[1]) for corner in CORNERS]
OPERATORS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
]


def hexa(x):
    return float.hex(x) if type(x) is float else f"{type(x).__name__} {x!r}"


def message(error):
    """The error, with the name that Python itself gives to the type of a Value."""
    return f"{type(error).__name__}: {error}".replace("autograd._native.Value", "Value")


class Graph:
    """One graph that grows by random steps, and the text of all that happened."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lines = []
        self.nodes = []
        self.steps = []  # what `replay` needs
        self.wild = self.rng.random() < 0.35

    def say(self, *words):
        self.lines.append(" ".join(map(str, words)))

    def number(self):
        rng = self.rng
        if rng.random() < (0.5 if self.wild else 0.08):
            return rng.choice(SPECIAL)
        kind = rng.randrange(3)
        if kind == 0:
            return rng.choice(ORDINARY)
        return rng.uniform(-3.0, 3.0) if kind == 1 else math.exp(rng.uniform(-20.0, 20.0)) * rng.choice([-1, 1])

    def leaf(self):
        label = self.rng.choice(["", "", "x", "weight[3]", "größe", "a 'quoted' one"])
        x = Value(self.number(), label) if label else Value(self.number())
        self.nodes.append(x)

    def pick(self):
        rng = self.rng
        if rng.random() < 0.5:
            return self.nodes[-1 - int(len(self.nodes) * rng.random() ** 3)]
        return rng.choice(self.nodes)

    def argument(self, likely=0.75):
        rng = self.rng
        if rng.random() < likely:
            return self.pick()
        kind = rng.random()
        if kind < 0.8:
            return self.number()
        return rng.choice(ODD_NUMBERS) if kind < 0.97 else rng.choice(NO_NUMBERS)

    def tame(self, row, args):
        """The same arguments, moved to where the row is defined."""
        samples = row.domain.samples
        for i, arg in enumerate(args):
            low, high = samples[min(i, len(samples) - 1)]
            x = arg.data if isinstance(arg, Value) else arg
            if isinstance(arg, Value) and not low <= x <= high:
                args[i] = low + (high - low) * autograd.sigmoid(arg)
                self.keep(args[i])
        return args

    def keep(self, y):
        if isinstance(y, Value) and not any(y is node for node in self.nodes):
            if self.rng.random() < 0.15:
                y.label = self.rng.choice(["y", "loss", "", "π"])
            self.nodes.append(y)

    def attempt(self, what, call):
        """What `call` returns, told; or its error, told."""
        try:
            y = call()
        except Exception as error:  # whatever it is, it must be the same on both engines
            self.say(what, "raises", message(error))
            return None
        self.say(what, "gives", self.told(y))
        return y

    def told(self, y):
        if isinstance(y, Value):
            places = [i for i, node in enumerate(self.nodes) if node is y]
            return f"[{places[0]}]" if places else f"new {hexa(y.data)} {y!r}"
        if isinstance(y, list | tuple):
            return "(" + ", ".join(map(self.told, y)) + ")"
        if isinstance(y, np.ndarray):
            return f"array {self.told(y.tolist())}"
        return hexa(y)

    # ------------------------------------------------------------ growing

    def grow(self):
        rng = self.rng
        way = rng.random()
        likely = ((0.3, self.operator), (0.36, self.sign), (0.46, self.method), (0.5, self.ufunc), (0.56, self.corner))
        what, call = next((step for bound, step in likely if way < bound), self.row)()
        if rng.random() < 0.04:
            with no_grad():
                y = self.attempt(f"no_grad {what}", call)
        else:
            y = self.attempt(what, call)
        self.keep(y)

    # Each names something to compute, and how.

    def operator(self):
        i = self.rng.randrange(len(OPERATORS))
        a, b = self.rng.choice([(self.pick(), self.argument()), (self.argument(), self.pick())])
        return f"operator {i}", lambda: OPERATORS[i](a, b)

    def sign(self):
        a = self.pick()
        calls = [lambda: -a, lambda: abs(a), lambda: +a, lambda: 0 + a, lambda: sum([a, a, 1.5, a])]
        return "sign", self.rng.choice(calls)

    def method(self):
        name, a = self.rng.choice(METHODS), self.pick()
        return f"method {name}", lambda: getattr(a, name)()

    def ufunc(self):
        row = self.rng.choice(UFUNCS)
        args = [self.pick() for _ in range(row.arity)]
        return f"np.{row.array}", lambda: getattr(np, row.array)(*args)

    def corner(self):
        row, point = self.rng.choice(POINTS)
        args = [Value(x) if self.rng.random() < 0.8 else x for x in map(float, point)]
        for arg in args:
            self.keep(arg)
        what, half = f"corner {row.name}", len(args) // 2
        if row.groups == 2:
            return what, lambda: row(args[:half], args[half:])
        return what, (lambda: row(args)) if row.rule else (lambda: row(*args))

    def row(self):
        row = self.rng.choice(ROWS)
        return row.name, self.lists(row) if row.rule is not None else self.numbers(row)

    def lists(self, row):
        rng = self.rng
        groups = [self.some() for _ in range(row.groups)]
        if row.groups == 2 and rng.random() < 0.95:
            n = min(map(len, groups))
            groups = [group[:n] for group in groups]
        form = rng.choice([list, list, list, tuple, iter])
        return lambda: row(*map(form, groups))

    def numbers(self, row):
        rng = self.rng
        args = [self.argument() for _ in range(row.arity)]
        if not self.wild and rng.random() < 0.9:
            args = self.tame(row, args)
        if rng.random() < 0.02:
            args.append(self.pick())
        elif rng.random() < 0.02 or (row.defaults and rng.random() < 0.3):
            args.pop()
        return lambda: row(*args)

    def some(self):
        n = self.rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 12, 30])
        return [self.argument(0.8) for _ in range(n)]

    # ------------------------------------------------------------ looking at all of it

    def place(self, x):
        return next((f"[{i}]" for i, node in enumerate(self.nodes) if node is x), "?")

    def dump(self):
        for i, x in enumerate(self.nodes):
            args = ", ".join(hexa(arg) if type(arg) is float else self.place(arg) for arg in x.args)
            name = x.primitive.name if x.primitive else "leaf"
            self.say(
                i, hexa(x.data), name, f"({args})", x.label, x.has_grad, hexa(x.grad), repr(x), f"{x:.3g}", x.is_leaf
            )

    def slopes(self):
        return [(x.has_grad, hexa(x.grad), x.label, hexa(x.data)) for x in self.nodes]

    def sweep(self, root, seed):
        before = self.slopes()
        try:
            root.backward(seed) if seed is not None else root.backward()
        except Exception as error:
            self.say("backward", self.place(root), repr(seed), "raises", message(error), self.slopes() == before)
            return
        self.say("backward", self.place(root), hexa(seed))
        self.say(*[hexa(x.grad) if x.has_grad else "-" for x in self.nodes])

    def act(self):
        rng = self.rng
        root, xs = self.pick(), [self.pick() for _ in range(rng.randrange(1, 5))]
        action = rng.choice([
            *[self.swept] * 5, self.swept_again, self.asked, self.graphed, self.listed, self.differentiated,
            self.copied, self.changed, self.labelled, self.in_bulk, self.compared, self.refused,
        ])  # fmt: skip
        # Derivatives of derivatives of derivatives are long.
        if len(topological(root)) <= 300 or action not in (self.graphed, self.differentiated, self.copied):
            action(root, xs)

    def swept(self, root, xs):
        self.sweep(root, self.rng.choice(SEEDS if self.rng.random() < 0.95 else BAD_SEEDS))

    def swept_again(self, root, xs):
        zero_grad(xs)
        self.sweep(root, None)

    def asked(self, root, xs):
        seed = self.rng.choice(SEEDS)
        self.attempt("grad", lambda: autograd.grad(root, xs, seed=seed))

    def graphed(self, root, xs):
        found = self.attempt("create_graph", lambda: autograd.grad(root, xs, create_graph=True))
        for y in found or []:
            self.say(len(topological(y)))
            self.keep(y)

    def listed(self, root, xs):
        self.attempt("gradients", lambda: gradients(root, xs))
        self.say("order", self.told(topological(root)), "leaves", self.told(leaves(root)))

    def differentiated(self, root, xs):
        self.differentiate()

    def copied(self, root, xs):
        deep = self.rng.random() < 0.5
        x = self.attempt("copy", lambda: copy.deepcopy(root) if deep else pickle.loads(pickle.dumps(root)))
        if x is not None:
            self.say(*[f"{y!r} {y.primitive} {len(y.args)}" for y in topological(x)])
            self.keep(x)
            self.sweep(x, None)

    def changed(self, root, xs):
        number = self.argument(0.05)
        self.attempt("set data", lambda: setattr(root, "data", number))
        self.attempt("set grad", lambda: setattr(xs[0], "grad", number))

    def labelled(self, root, xs):
        root.label = self.rng.choice(["", "again", "x"])

    def in_bulk(self, root, xs):
        rng = self.rng
        field = rng.choice(["data", "grad", "grad", "label"])
        self.attempt("read", lambda: read(xs, field))
        numbers = np.array([self.number() for _ in range(len(xs) if rng.random() < 0.9 else 2)])
        self.attempt("write", lambda: write(xs, field, numbers))
        self.say(*[hexa(x.data) + hexa(x.grad) for x in xs])

    def compared(self, root, xs):
        a, b = self.pick(), self.argument(0.5)
        calls = [lambda: a < b, lambda: a <= b, lambda: a > b, lambda: a >= b, lambda: a == b]
        self.attempt("compare", self.rng.choice(calls))

    def refused(self, root, xs):
        what = self.rng.choice([float, int, bool, math.exp, Value, hash])
        self.attempt("refuse", lambda: what(root) if what is not hash else hash(root) == object.__hash__(root))

    def differentiate(self):
        rng = self.rng
        names = [rng.choice(ROWS).name for _ in range(rng.randrange(1, 6))]
        outside = self.pick()
        outside = outside if len(topological(outside)) < 100 else Value(0.3)
        mixed = rng.random() < 0.4

        def f(x):
            y = x
            for name in names:
                row = TABLE[name]
                if row.rule is not None:
                    y = row(*[[y, x, 0.5]] * row.groups)
                elif row.arity == 1:
                    y = row(autograd.tanh(y))
                else:
                    y = row(*itertools.islice(itertools.cycle([x, y, 0.7]), row.arity))
            return y * outside if mixed else y * x

        at = self.number() if rng.random() < 0.8 else outside
        self.attempt(f"value_and_grad {names}", lambda: value_and_grad(f)(at))
        self.attempt("second", lambda: derivative(derivative(f))(at))
        self.attempt("record", lambda: record(TABLE["mul"], (at, outside)))

    def run(self):
        rng = self.rng
        for _ in range(rng.randrange(1, 5)):
            self.leaf()
        size = rng.choice([1, 3, 6, 10, 15, 25, 40])
        for _ in range(size):
            self.grow()
            if rng.random() < 0.12:
                self.act()
        for _ in range(rng.randrange(1, 6)):
            self.act()
        self.sweep(self.nodes[-1], None)
        self.dump()
        return self.lines


def main():
    seed, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    out = sys.stdout
    print(autograd.engine(), file=sys.stderr)
    with np.errstate(all="ignore"):
        for i in range(first, last):
            out.write(f"graph {i}\n")
            out.write("\n".join(Graph(f"{seed} {i}").run()) + "\n")
    out.write("end\n")


if __name__ == "__main__":
    main()
