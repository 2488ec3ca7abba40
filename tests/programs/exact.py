"""Random programs that plain floats can run, too: hard numbers, branches, caught errors, lists that change.

Mostly of operations whose results are the same to the bit however they are run. Sizes are followed, so that nothing
becomes infinite but what a division or a power does, and no nan is made.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from programs.arguments import DRAWN, Numbers, Spec, draw, example_of
from programs.generator import Case, Recipe

__all__ = ["exact_program", "on_floats"]

LARGE = 1e80  # what may get larger is cut off
TERMS = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} - {b} - {c}", "({a} - {b}) + {c}", "{a} - ({b} - {c})", "-{a} + {b}",
    "({a} + {b}) - ({c} + {d})", "{a} * {b} - {c}", "{a} * {b} + {c} * {d}", "{a} + {b} + {c} + {d}",
    "{a} - {b} * {c} - {d}", "{a} + ({b} + ({c} + {d}))", "{k} * {a} - {k} * {b}", "({a} - {k}) - {b}",
    "abs({a} - {b})", "ag.maximum({a}, {b})", "ag.minimum({a} - {b}, {c})", "ag.relu({a} - {b})",
    "ag.abs({a}) - abs({b})",
    "{a} * 0.0 + {b}", "ag.where(ag.step({a} - {b}), {c}, {d})", "ag.sign({a} - {b}) * {c}",
    "ag.stop_gradient({a}) - {b}", "{a}", "{k}",
    "ag.equal({a}, {b}) + {c}", "ag.sqrt({a} * {a} + {b} * {b} + 0.25)", "ag.sqrt(abs({a}) + 1.0)", "+{a} - -{b}",
]  # fmt: skip
ROUNDED = [
    "ag.sin({a}) + {b}", "ag.tanh({a} - {b})", "ag.sigmoid({a})", "ag.atan({a} - {b})", "ag.softplus(ag.tanh({a}))",
    "ag.exp(ag.minimum({a}, 3.0))", "ag.log(abs({a}) + 0.5)", "ag.cos({a}) * {b}", "ag.logsumexp([{a}, {b}])",
    "ag.tanh({a}) ** 2", "ag.tanh({a}) ** 3 - {b}", "ag.log1p(abs({a}))", "ag.erf({a})", "ag.gelu({a})",
    "ag.dot([{a}, {b}, {c}], [{b}, {c}, {d}])", "{a} * {b} + {c} * {d} - {b} * {c} + {a} * {d} + {c} * {c}",
]  # fmt: skip
# What may have no value, and what a function then catches.
FAILING = [
    ("{a} / {b}", "ZeroDivisionError"),
    ("{a} / ({b} - {c})", "ZeroDivisionError"),
    ("1.0 / ({a} * {b})", "(ZeroDivisionError, OverflowError)"),
    ("({a} - {b}) ** -1", "ZeroDivisionError"),
    ("ag.log({a} - {b})", "ValueError"),
    ("ag.log({a})", "ag.DomainError"),
    ("ag.sqrt({a} - {b})", "ValueError"),
    ("{a} + ag.sqrt({b}) - ag.sqrt({c})", "ag.DomainError"),
    ("ag.asin({a}) + ag.acos({b})", "ag.DomainError"),
    ("ag.exp({a} * 100.0)", "OverflowError"),
    ("(abs({a}) + 1.0) ** 20", "(OverflowError, ValueError)"),
    ("ag.log1p({a} - {b})", "(ValueError, ArithmeticError)"),
    ("{a} / {b} - {c} / {d}", "ArithmeticError"),
]
CONDITIONS = [
    "{a} < {b}", "{a} <= {b}", "{a} > {b}", "{a} >= {b}", "{a} == {b}", "{a} != {b}", "{a} == 0", "{a} != {k}",
    "{a} - {b} > {c}", "{a} + {b} == {c} + {d}", "{a} - ({b} - {c}) > 0.5", "{a} in [{b}, {c}, {k}]",
    "{a} not in ({b}, {c})", "{a} < {b} <= {c}", "({a}, {b}) < ({c}, {d})", "[{a}, {b}] == [{c}, {d}]",
    "({a} + {b}) + ({c} + {a}) > 0.7",
    "{a} == {b} or {a} > {c}", "not {a} == {b} and {c} < {d}", "{a} * {b} >= {c} * {d}", "max({a}, {b}) == {a}",
    "[{a}, {b}, {c}].index({c}) == 2", "[{a}, {b}, {c}].count({a}) > 1", "abs({a} - {b}) < 1e-9", "{k} <= {a}",
    "min([{a}, {b}, {c}]) != {b}", "sorted([{a}, {b}, {c}])[1] == {c}", "{a} + 0.1 + 0.2 >= {b} + 0.3",
]  # fmt: skip


class List(NamedTuple):
    """A list of at least `length` numbers, none of them larger than `bound`."""

    text: str
    length: int
    bound: float


class Writer:
    """Writes the body of f, and knows what is there to be used."""

    def __init__(self, rng: random.Random, numbers: str, rounded: bool) -> None:
        self.rng = rng
        self.numbers = numbers
        self.rounded = rounded
        self.lines: list[str] = []
        self.indent = "    "
        self.cost = 0
        self.count = 0
        self.branches = 0
        self.scalars: dict[str, float] = {}  # and how large they get
        self.lists: list[List] = []

    # ------------------------------------------------------------ small pieces

    def write(self, *lines: str) -> None:
        self.lines += [self.indent + line for line in lines]

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def constant(self) -> str:
        x = self.rng.choice([0.0, 1.0, -1.0, 0.5, 0.1, DRAWN[self.numbers](self.rng), DRAWN[self.numbers](self.rng)])
        return f"({x!r})" if str(x)[0] == "-" else repr(x)

    def operand(self) -> tuple[str, float]:
        if self.scalars and self.chance(0.6):
            name = self.rng.choice(list(self.scalars)[-5:])
            return name, self.scalars[name]
        if self.lists and self.chance(0.9):
            u = self.rng.choice(self.lists)
            return f"{u.text}[{self.rng.randrange(-u.length, u.length)}]", u.bound
        return self.constant(), 2e16

    def filled(self, template: str) -> tuple[str, float]:
        """The template with operands in it, and the largest of them."""
        operands = {letter: self.operand() for letter in "abcd" if f"{{{letter}}}" in template}
        text = template.format(k=self.constant(), **{letter: text for letter, (text, _) in operands.items()})
        self.cost += 2
        return text, max([2e16, *(bound for _, bound in operands.values())])

    def term(self) -> tuple[str, float]:
        """Something to compute, and how large it gets."""
        text, bound = self.filled(self.rng.choice(ROUNDED if self.rounded and self.chance(0.35) else TERMS))
        return text, 4.0 * bound * bound

    def keep(self, name: str, bound: float) -> None:
        if bound > LARGE:
            cut = self.rng.choice(["ag.minimum(ag.maximum({0}, -1e9), 1e9)", "max(min({0}, 1e9), -1e9)"])
            self.write(f"{name} = {cut.format(name)}")
            bound = 1e9
        self.scalars[name] = bound

    def mark(self) -> None:
        """Let the result tell that this line was reached."""
        self.branches += 1
        self.write(f"way += {float(2**self.branches)}")

    def condition(self) -> str:
        return self.filled(self.rng.choice(CONDITIONS))[0]

    def block(self, name: str) -> None:
        """What one branch does, which ends with a number for `name`: at most LARGE."""
        scalars, lists, indent = dict(self.scalars), list(self.lists), self.indent
        self.indent += "    "
        self.mark()
        if self.chance(0.4) and len(indent) < 12:
            self.statement()
        text, bound = self.term()
        self.write(f"{name} = {text if bound <= LARGE else self.operand()[0]}")
        self.scalars, self.lists, self.indent = scalars, lists, indent

    # ------------------------------------------------------------ statements

    def compute(self) -> None:
        name = self.name("s")
        text, bound = self.term()
        self.write(f"{name} = {text}")
        self.keep(name, bound)

    def new_list(self) -> None:
        items = [self.operand() for _ in range(self.rng.randint(2, 5))]
        u = List(self.name("u"), len(items), max(bound for _, bound in items))
        self.write(f"{u.text} = [{', '.join(text for text, _ in items)}]")
        self.lists.append(u)

    def choose(self) -> None:
        name = self.name("s")
        start, _ = self.operand()
        self.write(f"{name} = {start}", f"if {self.condition()}:")
        self.block(name)
        if self.chance(0.25):
            self.write(f"elif {self.condition()}:")
            self.block(name)
        if self.chance(0.6):
            self.write("else:")
            self.block(name)
        self.keep(name, LARGE * 2)

    def attempt(self) -> None:
        """Something that may have no value, and what is done about it."""
        name = self.name("s")
        template, errors = self.rng.choice(FAILING)
        text, _ = self.filled(template)
        self.write("try:")
        if self.chance(0.3):
            self.write(f"    {name} = {self.operand()[0]} - {self.operand()[0]}")
        self.write(f"    {name} = {text}", f"except {errors}:")
        self.block(name)
        if self.chance(0.3):
            self.write("else:", f"    {name} = {name} - {self.operand()[0]}")
        if self.chance(0.2):
            self.write("finally:", "    way += 0.5")
        self.keep(name, float("inf"))

    def divide(self) -> None:
        """A quotient; now and then one that nothing guards."""
        name = self.name("s")
        a, b = self.operand()[0], self.operand()[0]
        if self.chance(0.15):
            self.write(f"{name} = {a} / {b}")
        elif self.chance(0.5):
            self.write(f"{name} = {a} / (abs({b}) + 0.5)")
        else:
            self.write(f"{name} = {a} / {b} if {b} != 0 else {self.operand()[0]}")
        self.keep(name, float("inf"))

    def total(self) -> None:
        """Sums, in the many ways to write them; two that make up for rounding."""
        u = self.rng.choice(self.lists)
        name, t = self.name("s"), self.operand()[0]
        kind = self.rng.randrange(8)
        if kind == 0:
            self.write(f"{name} = sum({u.text})")
        elif kind == 1:
            self.write(f"{name} = ag.sum({u.text}) - ag.mean([{t}, *{u.text}])")
        elif kind == 2:
            self.write(f"{name} = {t}", f"for x in {u.text}:", f"    {name} {self.rng.choice('+-')}= x")
        elif kind == 3:
            self.write(f"{name}, lost = 0.0, 0.0", f"for x in {u.text}:", "    y = x - lost", f"    more = {name} + y")
            self.write(f"    lost = (more - {name}) - y", f"    {name} = more")
        elif kind == 4:
            self.write(f"both = {u.text}[0] + {t}", f"part = both - {u.text}[0]")
            self.write(f"{name} = ({u.text}[0] - (both - part)) + ({t} - part)")
        elif kind == 5:
            self.write(f"{name} = sum([x - {t} for x in {u.text}[1:]], {u.text}[0]) - {t}")
        elif kind == 6:
            self.write(f"{name} = ag.sum([{u.text}[0], ag.sum([{t}]), -{t}]) + ag.mean([{t}]) + ag.sum([])")
        else:
            self.write(f"{name} = {t} - (-sum({u.text}) - {u.text}[-1]) - 0.5")
        self.cost += u.length
        self.keep(name, 40.0 * u.length * max(u.bound, self.scalars.get(t, 2e16), *[x.bound for x in self.lists]))

    def pick(self) -> None:
        u = self.rng.choice(self.lists)
        name, t = self.name("s"), self.operand()
        text = self.rng.choice(
            ["max({u})", "min({u})", "sorted({u})[0]", "sorted({u}, reverse=True)[-1]", "max(0.0, *{u})",
             "min({u}, key=lambda x: abs(x - {t}))", "{u}[{u}.index(max({u}))]", "max({u}) - min({u})",
             "sorted({u}, key=lambda x: -x)[0]", "heapq.nsmallest(2, {u})[1]",
             "max((x, y) for x, y in zip({u}, {u}[1:]))[0]",
             "float({u}.count({t})) + {t}", "float({t} in {u}) * {t}"]
        )  # fmt: skip
        self.write(f"{name} = {text.format(u=u.text, t=t[0])}")
        self.cost += 2 * u.length
        self.keep(name, 2.0 * max(u.bound, t[1]))

    def change(self) -> None:
        """A list, made longer, shorter or other than it was."""
        i = self.rng.randrange(len(self.lists))
        u = self.lists[i]
        text, bound = self.operand()
        name, inside = self.name("s"), len(self.indent) > 4  # where its length must not change
        kinds = ["set", "reverse", "sort", "both", "while"] + ["pop", "first", "append", "insert", "del"] * (not inside)
        kind = self.rng.choice(kinds)
        if kind in ("pop", "first", "del") and u.length < 3:
            kind = "append"
        longer = {"append": 1, "insert": 1, "pop": -1, "first": -1, "del": -1}.get(kind, 0)
        if kind == "set":
            self.write(f"{u.text}[{self.rng.randrange(u.length)}] = {text}")
        elif kind == "reverse":
            self.write(f"{u.text}.reverse()")
        elif kind == "sort":
            self.write(f"{u.text}.sort()")
        elif kind == "both":
            self.write(f"{u.text}.append({text})", f"{name} = {u.text}.pop(0) - {u.text}[-1]")
        elif kind == "while":
            self.write(f"while len({u.text}) > 1 and {u.text}[-1] > {self.operand()[0]}:", f"    {u.text}.pop()")
            self.write(f"    way += {2.0 ** -self.rng.randint(2, 8)}")
            self.write(f"while len({u.text}) < {u.length}:", f"    {u.text}.append({text})")
        elif kind == "pop":
            self.write(f"{name} = {u.text}.pop() * {u.text}[0]")
        elif kind == "first":
            self.write(f"{name} = {u.text}.pop(0)")
        elif kind == "append":
            self.write(f"{u.text} += [{text}]" if self.chance(0.3) else f"{u.text}.append({text})")
        elif kind == "insert":
            self.write(f"{u.text}.insert(1, {text})")
        else:
            self.write(f"del {u.text}[{self.rng.randrange(u.length)}]")
        self.lists[i] = u = u._replace(length=u.length + longer, bound=max(u.bound, bound))
        if kind in ("both", "pop", "first"):
            self.keep(name, 2.0 * u.bound * max(u.bound, 1.0))

    def table(self) -> None:
        """A dict that is filled, changed and asked."""
        (a, _), (b, _), (c, _) = (operands := [self.operand() for _ in range(3)])
        d, name = self.name("d"), self.name("s")
        self.write(
            f"{d} = {{'p': {a}, 'q': {b}}}",
            f"if {self.condition()}:",
            f"    {d}['r'] = {c}",
            self.rng.choice([f"{d}['p'] = {d}['q'] - {c}", f"{d}.update(q={c})", f"{d}.setdefault('q', {c})"]),
            f"way += {2.0**-9} * len({d})",
            f"{name} = {d}.pop('p') - sum({d}.values())",
            f"if 'r' in {d} and {d}['r'] in {d}.values():",
            f"    {name} = {name} - {d}['q']",
        )
        self.cost += 8
        self.keep(name, 8.0 * max([2e16, *(bound for _, bound in operands)]))

    def loop(self) -> None:
        """As many rounds as the numbers ask for."""
        name, n = self.name("s"), self.name("n")
        (a, _), (b, _), (c, _) = (self.operand() for _ in range(3))
        kind = self.rng.randrange(5)
        if kind == 0:
            self.write(f"{name}, {n} = {a}, 0", f"while {name} > {b} and {n} < 5:", f"    {name} = {name} * 0.5 - {c}")
            self.write(f"    {n} += 1", f"way += {2.0**-12} * {n}")
        elif kind == 1:
            self.write(f"{name}, other, {n} = abs({a}) + 1.0, abs({b}) + 1.0, 0")
            self.write(f"while {name} != other and {n} < 6:")
            self.write(f"    {name}, other, {n} = ({name} + other) / 2.0, 0.5 * {name} + 0.5 * other, {n} + 1")
            self.write(f"way += {2.0**-12} * {n}")
        elif kind == 2:
            u = self.rng.choice(self.lists)
            self.write(f"{name} = {a}", f"for x in {u.text}:", f"    if x == {b}:", "        continue")
            self.write(f"    if x > {c}:", f"        way += {2.0**-13}", "        break", f"    {name} = {name} - x")
        elif kind == 3:
            self.write(f"low, {name} = {a}, {b}", "for _ in range(4):", f"    middle = 0.5 * (low + {name})")
            self.write(f"    if middle * 3.0 > {c}:", f"        {name} = middle", "    else:", "        low = middle")
        else:
            self.write(f"queue, {name} = [{a}, {b}, {c}], 0.0", "heapq.heapify(queue)", "while len(queue) > 1:")
            self.write("    least = heapq.heappop(queue)", f"    {name} = {name} + least * 0.5")
            self.write(f"    if least < {name} < queue[0]:", f"        heapq.heappush(queue, queue[0] - {name})")
            self.write("        break")
        self.cost += 10
        self.keep(name, LARGE * 2)

    def leave(self) -> None:
        if len(self.indent) > 4:
            return self.compute()
        self.write(f"if {self.condition()}:", f"    return {self.operand()[0]}, way, {self.operand()[0]}")
        return None

    def statement(self) -> None:
        weighted = [
            (self.compute, 20), (self.new_list, 5), (self.choose, 14), (self.attempt, 10), (self.divide, 5),
            (self.total, 9), (self.pick, 6), (self.change, 12), (self.table, 4), (self.loop, 8), (self.leave, 2),
        ]  # fmt: skip
        pick: Callable[[], Any] = self.rng.choices([s for s, _ in weighted], [w for _, w in weighted])[0]
        pick()


def _arguments(rng: random.Random, writer: Writer) -> tuple[Spec, ...]:
    """What f takes, and the writer told about it."""
    specs: list[Spec] = []
    for i in range(rng.choice([1, 2, 2, 3])):
        name, n = f"a{i}", rng.randint(2, 4)
        kind = rng.choice(["scalar", "list", "list", "list", "dict", "tuple"])
        if kind == "scalar":
            specs.append(Numbers(()))
            writer.scalars[name] = 2e16
        elif kind == "dict":
            specs.append({"p": Numbers(()), "q": Numbers((n,))})
            writer.lists.append(List(f"{name}['q']", n, 2e16))
            writer.scalars[f"{name}['p']"] = 2e16
        elif kind == "tuple":
            specs.append(Numbers((n,), "tuple"))
            writer.scalars.update((f"{name}[{k}]", 2e16) for k in range(n))
        else:
            specs.append(Numbers((n,)))
            writer.lists.append(List(name, n, 2e16))
    return tuple(specs)


def exact_program(seed: int) -> Case:
    """The program of a seed."""
    rng = random.Random(f"exact {seed}")
    numbers = rng.choice(list(DRAWN))
    writer = Writer(rng, numbers, rounded=rng.random() < 0.3)
    specs = _arguments(rng, writer)
    parameters = [DRAWN[numbers](rng) for _ in range(rng.choice([0, 1, 2, 3]))]
    writer.scalars.update((f"w[{i}]", 2e16) for i in range(len(parameters)))
    writer.write("way = 0.0")
    writer.new_list()
    budget = rng.choice([5, 15, 30, 60])
    while writer.cost < budget:
        writer.statement()
    terms = [name for name in list(writer.scalars)[-6:] if rng.random() < 0.8] or [writer.operand()[0]]
    loss = rng.choice([" - ".join(terms), " + ".join(terms), f"ag.sum([{', '.join(terms)}])", terms[-1]])
    writer.write(f"return {loss}, way, {writer.operand()[0]}")
    return Recipe(
        seed, True, numbers, specs,
        ["import heapq", "import functools", "import operator", "import autograd as ag", "V = ag.Value",
         # Of floats, the one that is built in adds with a correction from Python 3.12 on.
         "sum = lambda xs, start=0: functools.reduce(operator.add, xs, start)", f"w = [V(x) for x in {parameters}]"],
        writer.lines,
        ["parameters = leaves = w", "frozen = []", "def setup():", "    pass"],
        example_of(specs, draw(specs, rng, numbers)),
    ).made()  # fmt: skip


def on_floats(case: Case) -> tuple[Callable[..., Any], list[float]]:
    """The function of a program with floats in place of Values, and the list of parameters that it uses."""
    names: dict[str, Any] = {}
    exec(case.source.partition("\nparameters = ")[0].replace("V = ag.Value", "V = float"), names)
    return names["f"], names["w"]
